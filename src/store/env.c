/* The LMDB environment: opening, transactions, the size of the map.
 *
 * The map is address space, not memory or disk: it is taken as large as the store may become (or as the system gives) when
 * the store opens, so that growing it, which needs a moment without transactions, is rare. */
#include "store/store_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { FILE_MODE = 0600, DIRECTORY_MODE = 0700, LMDB_DATABASES = 8 };
#define LEAST_MAP_BYTES (INT64_C(1) << 20)
#define LEAST_FREE_BYTES (INT64_C(1) << 20)
#define LEAST_SHM_BYTES (INT64_C(1) << 30) /* /dev/shm smaller than this (containers) is no place for a store */

/* LMDB forbids two environments on one file in a process: closing one would drop the file locks of the other. This list
 * is the one piece of process-wide state of the module. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *registry;

/* LMDB reports a write that was cut short as EIO; mostly the disk is full. */
static bool disk_is_full(const struct store *store) {
    struct statvfs fs;
    int fd;
    return store->env && mdb_env_get_fd(store->env, &fd) == 0 && fstatvfs(fd, &fs) == 0 &&
           (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < LEAST_FREE_BYTES;
}

enum status store_error(const struct store *store, int rc, const char *doing, struct error *err) {
    if (rc == EIO && disk_is_full(store)) rc = ENOSPC;
    switch (rc) {
    case MDB_MAP_FULL:
        error_set(err, STATUS_LIMIT_EXCEEDED, "the store %s is full: its file may not exceed %lld MB", store->path,
                  (long long)(store->max_bytes >> 20));
        error_hint(err, "pages freed while a query reads are used again only when it ends; see store.max-size");
        return STATUS_LIMIT_EXCEEDED;
    case MDB_READERS_FULL:
        return error_set(err, STATUS_LIMIT_EXCEEDED, "the store %s has %d open read transactions and takes no more",
                         store->path, STORE_MAX_READERS);
    case MDB_TXN_FULL:
        return error_set(err, STATUS_LIMIT_EXCEEDED, "a write to the store %s is too large for one transaction",
                         store->path);
    case ENOSPC:
        error_set(err, STATUS_IO_ERROR, "no space left for the store %s", store->path);
        if (store->in_memory) error_hint(err, "without --data the store lives in memory; give it a directory");
        return STATUS_IO_ERROR;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return error_set(err, STATUS_BAD_DATA, "%s is not a store of this program: %s", store->path, mdb_strerror(rc));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
        return error_set(err, STATUS_BAD_DATA, "the store %s is damaged: %s: %s", store->path, doing, mdb_strerror(rc));
    default: return error_set(err, STATUS_IO_ERROR, "the store %s: %s: %s", store->path, doing, mdb_strerror(rc));
    }
}

/* ---- Transactions ---- */

static void enter(struct store *store) {
    pthread_mutex_lock(&store->lock);
    while (store->resizing) pthread_cond_wait(&store->changed, &store->lock);
    store->active++;
    pthread_mutex_unlock(&store->lock);
}

static void leave(struct store *store) {
    pthread_mutex_lock(&store->lock);
    store->active--;
    if (store->active == 0) pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

/* The largest map that the system has address space for, between least_bytes and size_bytes; 0 when there is not even that.
 * Looked for before the old map is given up: LMDB has none left when a larger one cannot be had. */
static int64_t possible_map(int64_t least_bytes, int64_t size_bytes) {
    for (;; size_bytes = size_bytes / 2 > least_bytes ? size_bytes / 2 : least_bytes) {
        void *probe = mmap(NULL, (size_t)size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (probe != MAP_FAILED) {
            munmap(probe, (size_t)size_bytes);
            return size_bytes;
        }
        if (size_bytes <= least_bytes) return 0;
    }
}

/* What the file holds. Its header has the largest map that any process ever had, which may be more than there is room for here. */
static int64_t used_bytes(struct store *store) {
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0) return store->map_bytes;
    return (int64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

static enum status set_map_size(struct store *store, int64_t least_bytes, int64_t size_bytes, struct error *err) {
    MDB_envinfo info;
    int64_t map_bytes = possible_map(least_bytes, size_bytes);
    if (map_bytes == 0) {
        error_set(err, STATUS_LIMIT_EXCEEDED, "the store %s has grown to %lld MB, more than there is address space for",
                  store->path, (long long)(least_bytes >> 20));
        error_hint(err, "raise the limit of the process's address space (ulimit -v)");
        return STATUS_LIMIT_EXCEEDED;
    }
    int rc = mdb_env_set_mapsize(store->env, (size_t)map_bytes);
    if (rc == 0) rc = mdb_env_info(store->env, &info);
    if (rc != 0) return store_error(store, rc, "growing the map", err);
    store->map_bytes = (int64_t)info.me_mapsize;
    return STATUS_OK;
}

/* Sets the map's size with no transaction of this process open; 0: what another process has written needs room. */
static enum status resize(struct store *store, int64_t size_bytes, struct error *err) {
    enum status status = STATUS_OK;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += store->resize_wait_ms / 1000;
    until.tv_nsec += store->resize_wait_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&store->lock);
    while (store->resizing) pthread_cond_wait(&store->changed, &store->lock);
    int64_t used = used_bytes(store);
    if (size_bytes == 0 ? used > store->map_bytes
                        : size_bytes > store->map_bytes) { /* else another thread has done it */
        store->resizing = true;
        int waited = 0;
        while (store->active > 0 && waited == 0) waited = pthread_cond_timedwait(&store->changed, &store->lock, &until);
        if (store->active > 0) {
            status = error_set(err, STATUS_LIMIT_EXCEEDED,
                               "the store %s must grow, which has to wait for %d running queries", store->path,
                               store->active);
            error_hint(err, "run it again when they have ended, or open the store with a larger store.map-size");
        } else {
            int64_t least = size_bytes == 0 ? used : store->map_bytes + 1;
            status = set_map_size(store, least, size_bytes == 0 ? used * 4 : size_bytes, err);
        }
        store->resizing = false;
        pthread_cond_broadcast(&store->changed);
    }
    pthread_mutex_unlock(&store->lock);
    return status;
}

enum status store_grow(struct store *store, struct error *err) {
    int64_t size_bytes = store->map_bytes > store->max_bytes / 4 ? store->max_bytes : store->map_bytes * 4;
    if (store->map_bytes >= store->max_bytes) return store_error(store, MDB_MAP_FULL, "", err);
    return resize(store, size_bytes, err);
}

/* Readers of killed processes pin old pages: they are looked for from time to time. */
static void check_readers(struct store *store, bool now) {
    int64_t ns = clock_monotonic_ns();
    pthread_mutex_lock(&store->lock);
    bool due = now || ns - store->last_reader_check_ns > (int64_t)STORE_READER_CHECK_MS * 1000000;
    if (due) store->last_reader_check_ns = ns;
    pthread_mutex_unlock(&store->lock);
    int dead;
    if (due) mdb_reader_check(store->env, &dead);
}

enum status store_txn_begin(struct store *store, bool write, MDB_txn **txn, struct error *err) {
    for (int attempt = 0;; attempt++) {
        if (write) check_readers(store, false);
        enter(store);
        int rc = mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, txn);
        if (rc == 0) return STATUS_OK;
        leave(store);
        if (rc == MDB_MAP_RESIZED && attempt < 100) {
            TRY(resize(store, 0, err));
        } else if (rc == MDB_READERS_FULL && attempt == 0) {
            check_readers(store, true);
        } else {
            return store_error(store, rc, "beginning a transaction", err);
        }
    }
}

void store_txn_abort(struct store *store, MDB_txn *txn) {
    mdb_txn_abort(txn);
    leave(store);
}

int store_txn_commit(struct store *store, MDB_txn *txn) {
    int rc = mdb_txn_commit(txn);
    leave(store);
    return rc;
}

enum status store_write_run(struct store *store, const char *doing, int (*fn)(struct store_write *write, void *data),
                            void *data, struct error *err) {
    for (;;) {
        struct store_write write = {.store = store, .err = err, .status = STATUS_OK};
        TRY(store_txn_begin(store, true, &write.txn, err));
        int rc = fn(&write, data);
        if (write.status != STATUS_OK || rc != 0)
            store_txn_abort(store, write.txn);
        else
            rc = store_txn_commit(store, write.txn);
        if (write.status != STATUS_OK) return write.status;
        if (rc == 0) return STATUS_OK;
        if (rc != MDB_MAP_FULL) return store_error(store, rc, doing, err);
        TRY(store_grow(store, err));
    }
}

/* ---- Opening and closing ---- */

/* mkdir -p */
static enum status make_directory(const char *path, struct error *err) {
    char *copy = xstrdup(path);
    enum status status = STATUS_OK;
    for (char *p = copy + 1;; p++) {
        if (*p && *p != '/') continue;
        char saved = *p;
        *p = 0;
        if (mkdir(copy, DIRECTORY_MODE) != 0 && errno != EEXIST) {
            status = error_set(err, STATUS_IO_ERROR, "cannot make the directory %s: %s", copy, strerror(errno));
            break;
        }
        *p = saved;
        if (!saved) break;
    }
    free(copy);
    struct stat st;
    if (status == STATUS_OK && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        status = error_set(err, STATUS_IO_ERROR, "%s is not a directory", path);
    return status;
}

/* A private directory for a store in memory: /dev/shm when it is large enough, else the directory of temporary files
 * (where unsynced, unlinked files mostly stay in the page cache). */
static enum status make_temporary(char *out, size_t size, struct error *err) {
    const char *places[4] = {NULL};
    int count = 0;
    struct statvfs fs;
    if (statvfs("/dev/shm", &fs) == 0 && (int64_t)fs.f_bavail * (int64_t)fs.f_frsize >= LEAST_SHM_BYTES)
        places[count++] = "/dev/shm";
    const char *tmpdir = getenv("TMPDIR");
    if (tmpdir && *tmpdir) places[count++] = tmpdir;
    places[count++] = "/tmp";
    for (int i = 0; i < count; i++) {
        if (snprintf(out, size, "%s/millrace-XXXXXX", places[i]) >= (int)size) continue;
        if (mkdtemp(out)) return STATUS_OK;
    }
    return error_set(err, STATUS_IO_ERROR, "cannot make a temporary directory in %s: %s", places[count - 1],
                     strerror(errno));
}

/* Opens the environment with as much address space as the system gives. */
static int open_env(struct store *store, const char *file, unsigned flags, int64_t map_bytes) {
    int rc;
    for (;; map_bytes /= 2) {
        MDB_env *env;
        if ((rc = mdb_env_create(&env)) != 0) return rc;
        if ((rc = mdb_env_set_maxdbs(env, LMDB_DATABASES)) == 0 &&
            (rc = mdb_env_set_maxreaders(env, STORE_MAX_READERS)) == 0 &&
            (rc = mdb_env_set_mapsize(env, (size_t)map_bytes)) == 0)
            rc = mdb_env_open(env, file, flags, FILE_MODE);
        if (rc == 0) {
            MDB_envinfo info;
            mdb_env_info(env, &info);
            store->env = env;
            store->map_bytes = (int64_t)info.me_mapsize;
            return 0;
        }
        mdb_env_close(env);
        if (rc != ENOMEM || map_bytes / 2 < LEAST_MAP_BYTES) return rc;
    }
}

static void destroy(struct store *store) {
    if (store->env) mdb_env_close(store->env);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

static struct store *create(const char *path, const struct store_options *options) {
    struct store *store = xcalloc(1, sizeof *store);
    store->path = xstrdup(path);
    store->refs = 1;
    store->resize_wait_ms = STORE_RESIZE_WAIT_MS;
    store->max_bytes = options->max_bytes ? options->max_bytes : STORE_MAX_BYTES;
    if (store->max_bytes < LEAST_MAP_BYTES) store->max_bytes = LEAST_MAP_BYTES;
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&store->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return store;
}

static enum status open_file(struct store *store, const char *file, unsigned flags, const struct store_options *options,
                             struct error *err) {
    int64_t map_bytes = options->map_bytes ? options->map_bytes : store->max_bytes;
    if (map_bytes > store->max_bytes) map_bytes = store->max_bytes;
    int rc = open_env(store, file, flags | MDB_NOSUBDIR | MDB_NOTLS, map_bytes);
    if (rc == EACCES || rc == EROFS)
        return error_set(err, STATUS_IO_ERROR, "cannot open the store %s: %s (reading it takes write access too)",
                         store->path, strerror(rc));
    if (rc != 0) return store_error(store, rc, "opening it", err);
    if (mdb_env_get_maxkeysize(store->env) < STORE_KEY_MAX)
        return error_set(err, STATUS_NOT_SUPPORTED, "this LMDB library takes keys of %d bytes only, %d are needed",
                         mdb_env_get_maxkeysize(store->env), STORE_KEY_MAX);
    check_readers(store, true);
    return store_meta_prepare(store, err);
}

static enum status open_memory(const struct store_options *options, struct store **out, struct error *err) {
    char directory[PATH_MAX], file[PATH_MAX + 16];
    TRY(make_temporary(directory, sizeof directory, err));
    struct store *store = create("in memory", options);
    store->in_memory = true;
    snprintf(file, sizeof file, "%s/store.mdb", directory);
    enum status status = open_file(store, file, MDB_NOSYNC, options, err);
    unlink(file);
    strcat(file, "-lock");
    unlink(file);
    rmdir(directory);
    if (status != STATUS_OK) {
        destroy(store);
        return status;
    }
    *out = store;
    return STATUS_OK;
}

static enum status open_directory(const char *path, const struct store_options *options, struct store **out,
                                  struct error *err) {
    TRY(make_directory(path, err));
    struct strbuf file = {0};
    strbuf_printf(&file, "%s/store.mdb", path);
    enum status status = STATUS_OK;
    struct store *store = NULL;
    struct stat st;
    pthread_mutex_lock(&registry_lock);
    if (stat(file.data, &st) == 0)
        for (struct store *open = registry; open; open = open->next)
            if (open->device == st.st_dev && open->inode == st.st_ino) store = open;
    if (store) {
        store->refs++;
    } else {
        store = create(path, options);
        status = open_file(store, file.data, options->sync == STORE_SYNC_NONE ? MDB_NOSYNC : 0, options, err);
        if (status == STATUS_OK && stat(file.data, &st) != 0)
            status = error_set(err, STATUS_IO_ERROR, "%s: %s", file.data, strerror(errno));
        if (status == STATUS_OK) {
            store->device = st.st_dev;
            store->inode = st.st_ino;
            store->next = registry;
            registry = store;
        } else {
            destroy(store);
        }
    }
    pthread_mutex_unlock(&registry_lock);
    strbuf_free(&file);
    if (status == STATUS_OK) *out = store;
    return status;
}

enum status store_open(const char *path, const struct store_options *options, struct store **out, struct error *err) {
    static const struct store_options defaults;
    if (!options) options = &defaults;
    if (!path) return open_memory(options, out, err);
    if (!*path) return error_set(err, STATUS_INVALID_ARGUMENT, "the store needs the name of a directory");
    return open_directory(path, options, out, err);
}

struct store *store_ref(struct store *store) {
    pthread_mutex_lock(&registry_lock);
    store->refs++;
    pthread_mutex_unlock(&registry_lock);
    return store;
}

void store_close(struct store *store) {
    if (!store) return;
    pthread_mutex_lock(&registry_lock);
    bool last = --store->refs == 0;
    if (last) {
        for (struct store **link = &registry; *link; link = &(*link)->next)
            if (*link == store) {
                *link = store->next;
                break;
            }
        assert(store->active == 0);
        destroy(store);
    }
    pthread_mutex_unlock(&registry_lock);
}

bool store_in_memory(const struct store *store) { return store->in_memory; }

const char *store_path(const struct store *store) { return store->path; }

static int count_reader(const char *line, void *data) {
    (void)line;
    ++*(int *)data;
    return 0;
}

enum status store_get_info(struct store *store, struct store_info *info, struct error *err) {
    MDB_envinfo env_info;
    MDB_stat stat_gc, stat_env;
    MDB_txn *txn;
    struct store_info out = {0};
    TRY(store_txn_begin(store, false, &txn, err));
    int rc = mdb_env_info(store->env, &env_info);
    if (rc == 0) rc = mdb_env_stat(store->env, &stat_env);
    if (rc == 0) rc = mdb_stat(txn, store->gc, &stat_gc);
    MDB_cursor *cursor;
    if (rc == 0) rc = mdb_cursor_open(txn, store->meta, &cursor);
    if (rc == 0) {
        uint8_t prefix = META_DROPPED;
        MDB_val key = {1, &prefix}, value;
        for (rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
             rc == 0 && *(const uint8_t *)key.mv_data == META_DROPPED;
             rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
            out.reclaimable_tables++;
        if (rc == MDB_NOTFOUND) rc = 0;
        mdb_cursor_close(cursor);
    }
    store_txn_abort(store, txn);
    if (rc != 0) return store_error(store, rc, "reading its state", err);
    int fd;
    struct stat st;
    if (mdb_env_get_fd(store->env, &fd) == 0 && fstat(fd, &st) == 0) out.file_bytes = st.st_size;
    out.used_bytes = ((int64_t)env_info.me_last_pgno + 1) * stat_env.ms_psize;
    out.map_bytes = (int64_t)env_info.me_mapsize;
    out.pending_tombstones = (int64_t)stat_gc.ms_entries;
    int lines = 0;
    mdb_reader_list(store->env, count_reader, &lines);
    out.readers = lines > 0 ? lines - 1 : 0; /* a title line, or "(no active readers)" */
    *info = out;
    return STATUS_OK;
}
