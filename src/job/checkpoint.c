/* Checkpoint directories.
 *
 *     LOCK             held while a job runs
 *     JOB              the job's id, made once: by it sinks know steps that they have already committed
 *     MANIFEST         the checkpoint that counts: u32 magic, u64 XXH64 of the body, body (see encode); replaced by rename
 *     state-<id>       operator state: sections one behind the other, then the index, then u64 index offset, u64 XXH64 of the index
 *     steps.log        steps since the checkpoint
 *     answers.log      answers of lookups in them
 *
 * The manifest is written after the state file is durable, so a crash at any moment leaves the old or the new checkpoint. */
#define XXH_INLINE_ALL
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "job/file_util.h"
#include "job/job_private.h"

enum { MANIFEST_MAGIC = 0x314B434D /* "MCK1" */, WRITE_BUFFER_BYTES = 1 << 20 };

struct checkpoint_dir {
    char *path, *manifest_path, *log_path, *answers_path;
    char *job_id;
    int lock_fd;
};

/* Reads the job's id, or makes one that no other job has. */
static enum status read_job_id(struct checkpoint_dir *dir, struct error *err) {
    struct strbuf path = {0}, content = {0};
    strbuf_printf(&path, "%s/JOB", dir->path);
    bool exists;
    enum status status = file_read_all(path.data, &content, &exists, err);
    if (status == STATUS_OK && (!exists || content.len == 0 || content.len > JOB_MAX_ID_BYTES)) {
        uint64_t random = 0;
        if (getentropy(&random, sizeof random) != 0) random = (uint64_t)getpid();
        strbuf_clear(&content);
        strbuf_printf(&content, "%016llx%016llx", (unsigned long long)clock_realtime_micros(),
                      (unsigned long long)random);
        status = file_replace(dir->path, path.data, content.data, content.len, err);
    }
    if (status == STATUS_OK) dir->job_id = xstrndup(content.data, content.len);
    strbuf_free(&path);
    strbuf_free(&content);
    return status;
}

const char *checkpoint_job_id(const struct checkpoint_dir *dir) { return dir->job_id; }

enum status checkpoint_dir_open(const char *path, struct checkpoint_dir **out, struct error *err) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set(err, STATUS_IO_ERROR, "cannot make the checkpoint directory %s: %s", path, strerror(errno));
    struct strbuf lock_path = {0};
    strbuf_printf(&lock_path, "%s/LOCK", path);
    int fd = open(lock_path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    enum status status = STATUS_OK;
    if (fd < 0)
        status = error_set(err, STATUS_IO_ERROR, "cannot open %s: %s", lock_path.data, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        status = error_set(err, STATUS_IO_ERROR, "the checkpoint directory %s is in use by another running job", path);
    strbuf_free(&lock_path);
    if (status != STATUS_OK) {
        if (fd >= 0) close(fd);
        return status;
    }
    struct checkpoint_dir *dir = xcalloc(1, sizeof *dir);
    dir->path = xstrdup(path);
    dir->lock_fd = fd;
    struct strbuf text = {0};
    strbuf_printf(&text, "%s/MANIFEST", path);
    dir->manifest_path = xstrdup(text.data);
    strbuf_clear(&text);
    strbuf_printf(&text, "%s/steps.log", path);
    dir->log_path = xstrdup(text.data);
    strbuf_clear(&text);
    strbuf_printf(&text, "%s/answers.log", path);
    dir->answers_path = xstrdup(text.data);
    strbuf_free(&text);
    status = read_job_id(dir, err);
    if (status != STATUS_OK) {
        checkpoint_dir_close(dir);
        return status;
    }
    *out = dir;
    return STATUS_OK;
}

void checkpoint_dir_close(struct checkpoint_dir *dir) {
    if (!dir) return;
    close(dir->lock_fd);
    free(dir->path);
    free(dir->manifest_path);
    free(dir->log_path);
    free(dir->answers_path);
    free(dir->job_id);
    free(dir);
}

static bool has_bytes(const char *directory, const char *name) {
    struct strbuf path = {0};
    struct stat st;
    strbuf_printf(&path, "%s/%s", directory, name);
    bool found = stat(path.data, &st) == 0 && st.st_size > 0;
    strbuf_free(&path);
    return found;
}

bool job_directory_begun(const char *path) { return has_bytes(path, "MANIFEST") || has_bytes(path, "steps.log"); }

bool job_directory_in_use(const char *path) {
    struct strbuf lock_path = {0};
    strbuf_printf(&lock_path, "%s/LOCK", path);
    int fd = open(lock_path.data, O_RDWR | O_CLOEXEC);
    strbuf_free(&lock_path);
    if (fd < 0) return false;
    bool in_use = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return in_use;
}

const char *checkpoint_log_path(const struct checkpoint_dir *dir) { return dir->log_path; }

const char *checkpoint_answers_path(const struct checkpoint_dir *dir) { return dir->answers_path; }

/* ---- Manifest ---- */

static void encode(struct strbuf *buf, const struct checkpoint *checkpoint) {
    put_i64(buf, checkpoint->id);
    put_i64(buf, checkpoint->step_id);
    put_i64(buf, checkpoint->write_micros);
    put_i64(buf, checkpoint->step_count);
    put_i64(buf, (int64_t)checkpoint->seed);
    put_u8(buf, checkpoint->job_finished);
    put_bytes(buf, checkpoint->fingerprint, strlen(checkpoint->fingerprint));
    put_u32(buf, (uint32_t)checkpoint->split_count);
    for (int i = 0; i < checkpoint->split_count; i++) {
        const struct checkpoint_split *split = &checkpoint->splits[i];
        put_u32(buf, (uint32_t)split->scan);
        put_bytes(buf, split->id, strlen(split->id));
        put_bytes(buf, split->offset.data, split->offset.len);
        put_i64(buf, split->skip);
        put_i64(buf, split->record_count);
        put_i64(buf, split->watermark);
        put_u8(buf, (uint8_t)(split->finished | split->idle << 1));
    }
    put_u32(buf, (uint32_t)checkpoint->sink_count);
    for (int i = 0; i < checkpoint->sink_count; i++) {
        put_u32(buf, (uint32_t)checkpoint->sinks[i].node_id);
        put_bytes(buf, checkpoint->sinks[i].prepared.data, checkpoint->sinks[i].prepared.len);
    }
}

static struct str copy_bytes(struct arena *arena, struct str bytes) {
    return (struct str){arena_strndup(arena, bytes.data ? bytes.data : "", bytes.len), bytes.len};
}

static bool decode(struct str body, struct arena *arena, struct checkpoint *checkpoint) {
    struct record_reader reader = {.data = body.data, .len = body.len};
    checkpoint->id = get_i64(&reader);
    checkpoint->step_id = get_i64(&reader);
    checkpoint->write_micros = get_i64(&reader);
    checkpoint->step_count = get_i64(&reader);
    checkpoint->seed = (uint64_t)get_i64(&reader);
    checkpoint->job_finished = get_u8(&reader);
    checkpoint->fingerprint = copy_bytes(arena, get_bytes(&reader)).data;
    uint32_t splits = get_u32(&reader);
    if (reader.failed || splits > JOB_MAX_SPLITS * 64u) return false;
    checkpoint->split_count = (int)splits;
    checkpoint->splits = ARENA_ARRAY(arena, struct checkpoint_split, splits + 1);
    for (uint32_t i = 0; i < splits && !reader.failed; i++) {
        struct checkpoint_split *split = &checkpoint->splits[i];
        split->scan = (int)get_u32(&reader);
        split->id = copy_bytes(arena, get_bytes(&reader)).data;
        split->offset = copy_bytes(arena, get_bytes(&reader));
        split->skip = get_i64(&reader);
        split->record_count = get_i64(&reader);
        split->watermark = get_i64(&reader);
        uint8_t flags = get_u8(&reader);
        split->finished = flags & 1;
        split->idle = flags & 2;
    }
    uint32_t sinks = get_u32(&reader);
    if (reader.failed || sinks > body.len) return false;
    checkpoint->sink_count = (int)sinks;
    checkpoint->sinks = ARENA_ARRAY(arena, struct checkpoint_sink, sinks + 1);
    for (uint32_t i = 0; i < sinks; i++) {
        checkpoint->sinks[i].node_id = (int)get_u32(&reader);
        checkpoint->sinks[i].prepared = copy_bytes(arena, get_bytes(&reader));
    }
    return !reader.failed && reader.pos == reader.len;
}

enum status checkpoint_read(struct checkpoint_dir *dir, struct arena *arena, struct checkpoint **out,
                            struct error *err) {
    struct strbuf content = {0};
    bool exists;
    TRY(file_read_all(dir->manifest_path, &content, &exists, err));
    *out = NULL;
    if (!exists) return STATUS_OK;
    struct checkpoint *checkpoint = ARENA_NEW(arena, struct checkpoint);
    uint32_t magic = 0;
    uint64_t check = 0;
    bool good = content.len >= 12;
    if (good) {
        memcpy(&magic, content.data, 4);
        memcpy(&check, content.data + 4, 8);
        struct str body = {content.data + 12, content.len - 12};
        good = magic == MANIFEST_MAGIC && XXH64(body.data, body.len, 0) == check && decode(body, arena, checkpoint);
    }
    strbuf_free(&content);
    if (!good) {
        error_set(err, STATUS_BAD_DATA, "%s is damaged", dir->manifest_path);
        error_hint(err, "remove the checkpoint directory to start from the beginning");
        return STATUS_BAD_DATA;
    }
    *out = checkpoint;
    return STATUS_OK;
}

/* ---- State file ---- */

struct section {
    int node_id, stage, instance;
    int64_t offset, size;
};

struct file_writer {
    struct snapshot_writer base;
    struct state_file *file;
};

struct file_reader {
    struct snapshot_reader base;
    struct state_file *file;
    int64_t pos, end;
};

struct state_file {
    struct snapshot_store base;
    int fd;
    const char *path;
    struct strbuf buf;
    int64_t written;
    struct section *sections;
    size_t section_count, section_capacity;
    struct file_writer writer;
    char *map; /* whole file when reading */
    size_t map_size;
};

static enum status flush_file(struct state_file *file, struct error *err) {
    TRY(file_write(file->fd, file->path, file->buf.data, file->buf.len, err));
    strbuf_clear(&file->buf);
    return STATUS_OK;
}

static enum status write_bytes(struct snapshot_writer *writer, const void *data, size_t size, struct error *err) {
    struct state_file *file = ((struct file_writer *)writer)->file;
    strbuf_add(&file->buf, data, size);
    file->written += (int64_t)size;
    return file->buf.len >= WRITE_BUFFER_BYTES ? flush_file(file, err) : STATUS_OK;
}

static enum status create_section(struct snapshot_store *store, int node_id, int stage, int instance,
                                  struct snapshot_writer **writer, struct error *err) {
    (void)err;
    struct state_file *file = (struct state_file *)store;
    ARRAY_RESERVE(file->sections, file->section_capacity, file->section_count + 1);
    file->sections[file->section_count++] = (struct section){node_id, stage, instance, file->written, 0};
    file->writer = (struct file_writer){.base = {.write = write_bytes}, .file = file};
    *writer = &file->writer.base;
    return STATUS_OK;
}

static enum status finish_section(struct snapshot_store *store, struct snapshot_writer *writer, struct error *err) {
    (void)writer, (void)err;
    struct state_file *file = (struct state_file *)store;
    struct section *section = &file->sections[file->section_count - 1];
    section->size = file->written - section->offset;
    return STATUS_OK;
}

static int count_sections(struct snapshot_store *store, int node_id, int stage) {
    struct state_file *file = (struct state_file *)store;
    int count = 0;
    for (size_t i = 0; i < file->section_count; i++)
        if (file->sections[i].node_id == node_id && file->sections[i].stage == stage) count++;
    return count;
}

static enum status read_bytes(struct snapshot_reader *base, void *data, size_t size, struct error *err) {
    struct file_reader *reader = (struct file_reader *)base;
    if ((int64_t)size > reader->end - reader->pos)
        return error_set(err, STATUS_BAD_DATA, "%s is damaged", reader->file->path);
    memcpy(data, reader->file->map + reader->pos, size);
    reader->pos += (int64_t)size;
    return STATUS_OK;
}

static enum status open_section(struct snapshot_store *store, int node_id, int stage, int instance,
                                struct snapshot_reader **out, struct error *err) {
    struct state_file *file = (struct state_file *)store;
    for (size_t i = 0; i < file->section_count; i++) {
        const struct section *section = &file->sections[i];
        if (section->node_id != node_id || section->stage != stage || section->instance != instance) continue;
        struct file_reader *reader = xcalloc(1, sizeof *reader);
        reader->base.read = read_bytes;
        reader->file = file;
        reader->pos = section->offset;
        reader->end = section->offset + section->size;
        *out = &reader->base;
        return STATUS_OK;
    }
    return error_set(err, STATUS_BAD_DATA, "%s lacks the state of node %d", file->path, node_id);
}

static void close_section(struct snapshot_store *store, struct snapshot_reader *reader) {
    (void)store;
    free(reader);
}

static const struct snapshot_store store_functions = {.create = create_section,
                                                      .finish = finish_section,
                                                      .count = count_sections,
                                                      .open = open_section,
                                                      .close = close_section};

static char *state_path(const struct checkpoint_dir *dir, int64_t id) {
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/state-%lld", dir->path, (long long)id);
    return path.data;
}

static enum status write_index(struct state_file *file, struct error *err) {
    struct strbuf index = {0};
    put_u32(&index, (uint32_t)file->section_count);
    for (size_t i = 0; i < file->section_count; i++) {
        put_u32(&index, (uint32_t)file->sections[i].node_id);
        put_u32(&index, (uint32_t)file->sections[i].stage);
        put_u32(&index, (uint32_t)file->sections[i].instance);
        put_i64(&index, file->sections[i].offset);
        put_i64(&index, file->sections[i].size);
    }
    uint64_t check = XXH64(index.data, index.len, 0);
    put_i64(&index, file->written);
    put_i64(&index, (int64_t)check);
    strbuf_add(&file->buf, index.data, index.len);
    strbuf_free(&index);
    return flush_file(file, err);
}

static void remove_old_states(const struct checkpoint_dir *dir, int64_t keep_id) {
    DIR *stream = opendir(dir->path);
    if (!stream) return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        long long id;
        char rest;
        if (sscanf(entry->d_name, "state-%lld%c", &id, &rest) != 1 || id == keep_id) continue;
        char *path = state_path(dir, id);
        unlink(path);
        free(path);
    }
    closedir(stream);
}

enum status checkpoint_write(struct checkpoint_dir *dir, const struct checkpoint *checkpoint, struct executor *executor,
                             struct error *err) {
    char *path = state_path(dir, checkpoint->id);
    struct state_file file = {.base = store_functions, .path = path};
    file.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    enum status status = STATUS_OK;
    if (file.fd < 0) status = error_set(err, STATUS_IO_ERROR, "cannot create %s: %s", path, strerror(errno));
    if (status == STATUS_OK) status = executor_snapshot(executor, &file.base, err);
    if (status == STATUS_OK) status = write_index(&file, err);
    if (status == STATUS_OK) status = file_sync(file.fd, path, err);
    if (file.fd >= 0) close(file.fd);
    strbuf_free(&file.buf);
    free(file.sections);
    free(path);
    TRY(status);
    struct strbuf body = {0}, content = {0};
    encode(&body, checkpoint);
    uint64_t check = XXH64(body.data, body.len, 0);
    put_u32(&content, MANIFEST_MAGIC);
    put_i64(&content, (int64_t)check);
    strbuf_add(&content, body.data, body.len);
    status = file_replace(dir->path, dir->manifest_path, content.data, content.len, err);
    strbuf_free(&body);
    strbuf_free(&content);
    TRY(status);
    remove_old_states(dir, checkpoint->id);
    return STATUS_OK;
}

static bool read_index(struct state_file *file) {
    if (file->map_size < 16) return false;
    int64_t offset;
    uint64_t check;
    memcpy(&offset, file->map + file->map_size - 16, 8);
    memcpy(&check, file->map + file->map_size - 8, 8);
    if (offset < 0 || (uint64_t)offset > file->map_size - 16) return false;
    struct record_reader reader = {.data = file->map + offset, .len = file->map_size - 16 - (size_t)offset};
    if (XXH64(reader.data, reader.len, 0) != check) return false;
    uint32_t count = get_u32(&reader);
    if (reader.failed || count > reader.len) return false;
    file->sections = xcalloc(count + 1, sizeof *file->sections);
    file->section_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct section *section = &file->sections[i];
        section->node_id = (int)get_u32(&reader);
        section->stage = (int)get_u32(&reader);
        section->instance = (int)get_u32(&reader);
        section->offset = get_i64(&reader);
        section->size = get_i64(&reader);
        if (section->offset < 0 || section->size < 0 || section->offset > offset ||
            section->size > offset - section->offset)
            return false;
    }
    return !reader.failed;
}

enum status checkpoint_restore(struct checkpoint_dir *dir, const struct checkpoint *checkpoint,
                               struct executor *executor, struct error *err) {
    char *path = state_path(dir, checkpoint->id);
    struct strbuf content = {0};
    bool exists;
    enum status status = file_read_all(path, &content, &exists, err);
    struct state_file file = {.base = store_functions, .path = path, .map = content.data, .map_size = content.len};
    if (status == STATUS_OK && (!exists || !read_index(&file)))
        status = error_set(err, STATUS_BAD_DATA, "%s is missing or damaged", path);
    if (status == STATUS_OK) status = executor_restore(executor, &file.base, err);
    free(file.sections);
    strbuf_free(&content);
    free(path);
    return status;
}
