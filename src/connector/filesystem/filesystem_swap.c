/* Swaps: files that take the place of others (INSERT OVERWRITE), so that a crash leaves the old ones or the new ones.
 *
 * The new files lie beside the old ones, hidden and on disk. A journal, <directory>/.millrace-swap-<name>, says which become visible
 * and which go; that it appears, by a rename, is the moment of the change. Then the new files are renamed, the old ones
 * removed, the journal too. Readers go by a journal that they meet, whatever of it has been done; the next writer into the
 * directory finishes it. Programs that know no journals see, for that moment or after a crash, the old files beside the new.
 *
 * Journal: "millrace-swap 1\n", then for each file 'N' hidden name NUL visible name NUL, or 'O' name NUL, below the directory;
 * 'E' ends it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/filesystem/filesystem_private.h"

static const char journal_head[] = "millrace-swap 1\n";
enum { JOURNAL_MAX_BYTES = 1 << 30 };

bool filesystem_is_journal(const char *name) {
    return strncmp(name, FILESYSTEM_JOURNAL, sizeof FILESYSTEM_JOURNAL - 1) == 0 && !strstr(name, ".tmp");
}

void filesystem_swap_begin(struct strbuf *journal) { strbuf_puts(journal, journal_head); }

static void put_name(struct strbuf *journal, const char *name) { strbuf_add(journal, name, strlen(name) + 1); }

void filesystem_swap_show(struct strbuf *journal, const char *hidden, const char *visible) {
    strbuf_putc(journal, 'N');
    put_name(journal, hidden);
    put_name(journal, visible);
}

void filesystem_swap_remove(struct strbuf *journal, const char *name) {
    strbuf_putc(journal, 'O');
    put_name(journal, name);
}

static enum status damaged(const char *path, struct error *err) {
    return error_set(err, STATUS_BAD_DATA, "the journal '%s' of an INSERT OVERWRITE is damaged", path);
}

/* ---- Reading journals ---- */

enum status filesystem_journal_read(const char *path, struct arena *arena, struct filesystem_journal *out,
                                    struct error *err) {
    *out = (struct filesystem_journal){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return errno == ENOENT ? STATUS_OK : filesystem_io_error(path, "read", err); /* finished meanwhile */
    enum status status = fstat(fd, &st) == 0 ? STATUS_OK : filesystem_io_error(path, "read", err);
    if (status == STATUS_OK && st.st_size > JOURNAL_MAX_BYTES) status = damaged(path, err);
    size_t size = status == STATUS_OK ? (size_t)st.st_size : 0, have = 0;
    char *data = arena_alloc(arena, size + 1);
    while (status == STATUS_OK && have < size) {
        ssize_t n = read(fd, data + have, size - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = filesystem_io_error(path, "read", err);
        if (n <= 0) break;
        have += (size_t)n;
    }
    close(fd);
    if (status != STATUS_OK) return status;
    const size_t head = sizeof journal_head - 1;
    if (have < head + 1 || memcmp(data, journal_head, head) != 0 || data[have - 1] != 'E') return damaged(path, err);
    data[have] = 0;
    int most = 0;
    for (size_t i = head; i < have; i++) most += data[i] == 0;
    out->hidden = ARENA_ARRAY(arena, const char *, most + 1);
    out->visible = ARENA_ARRAY(arena, const char *, most + 1);
    out->old = ARENA_ARRAY(arena, const char *, most + 1);
    const char *p = data + head, *end = data + have - 1;
    while (p < end) {
        char kind = *p++;
        const char *name = p;
        p += strlen(p) + 1;
        if (p > end || (kind != 'N' && kind != 'O')) return damaged(path, err);
        if (kind == 'O') {
            out->old[out->old_count++] = name;
            continue;
        }
        out->hidden[out->new_count] = name;
        out->visible[out->new_count++] = p;
        p += strlen(p) + 1;
        if (p > end) return damaged(path, err);
    }
    return STATUS_OK;
}

/* ---- Doing what a journal says ---- */

static const char *below(const char *dir, const char *name, struct arena *arena) {
    size_t len = strlen(dir);
    return arena_printf(arena, "%s%s%s", dir, len && dir[len - 1] == '/' ? "" : "/", name);
}

/* The folder of a file has the change of its name on disk. */
static enum status sync_folder_of(const char *path, struct arena *arena, struct error *err) {
    const char *slash = strrchr(path, '/');
    const char *dir = !slash ? "." : slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return filesystem_io_error(dir, "open", err);
    enum status status = fsync(fd) == 0 ? STATUS_OK : filesystem_io_error(dir, "sync", err);
    close(fd);
    return status;
}

static enum status finish(const char *dir, const char *journal_path, struct error *err) {
    struct arena arena;
    struct filesystem_journal journal;
    struct stat st;
    arena_init(&arena, NULL);
    enum status status = filesystem_journal_read(journal_path, &arena, &journal, err);
    for (int i = 0; i < journal.new_count && status == STATUS_OK; i++) {
        const char *from = below(dir, journal.hidden[i], &arena), *to = below(dir, journal.visible[i], &arena);
        if (rename(from, to) != 0 && !(errno == ENOENT && stat(to, &st) == 0))
            status = filesystem_io_error(from, "rename", err);
        if (status == STATUS_OK) status = sync_folder_of(to, &arena, err);
    }
    for (int i = 0; i < journal.old_count && status == STATUS_OK; i++) {
        const char *path = below(dir, journal.old[i], &arena);
        if (unlink(path) != 0 && errno != ENOENT) status = filesystem_io_error(path, "remove", err);
        if (status == STATUS_OK && access(path, F_OK) != 0) {
            struct error ignored; /* a folder that is gone has nothing to lose */
            (void)sync_folder_of(path, &arena, &ignored);
        }
    }
    if (status == STATUS_OK && unlink(journal_path) != 0 && errno != ENOENT)
        status = filesystem_io_error(journal_path, "remove", err);
    arena_destroy(&arena);
    return status;
}

enum status filesystem_swap_run(const char *dir, const char *name, struct strbuf *journal, bool *decided,
                                struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    const char *path = below(dir, arena_printf(&arena, FILESYSTEM_JOURNAL "%s", name), &arena);
    const char *unfinished = arena_printf(&arena, "%s.tmp", path);
    strbuf_putc(journal, 'E');
    FILE *file = fopen(unfinished, "wbe");
    enum status status = file ? STATUS_OK : filesystem_io_error(unfinished, "write", err);
    if (file) {
        bool good = fwrite(journal->data, 1, journal->len, file) == journal->len && fflush(file) == 0 &&
                    fsync(fileno(file)) == 0;
        if (!good) status = filesystem_io_error(unfinished, "write", err);
        if (fclose(file) != 0 && status == STATUS_OK) status = filesystem_io_error(unfinished, "write", err);
    }
    if (status == STATUS_OK && rename(unfinished, path) != 0) status = filesystem_io_error(unfinished, "rename", err);
    *decided = status == STATUS_OK;
    if (status != STATUS_OK && file) unlink(unfinished);
    if (status == STATUS_OK) status = sync_folder_of(path, &arena, err);
    if (status == STATUS_OK) status = finish(dir, path, err);
    arena_destroy(&arena);
    return status;
}

enum status filesystem_swaps_finish(const char *dir, struct error *err) {
    DIR *open_dir = opendir(dir);
    if (!open_dir) return filesystem_io_error(dir, "read", err);
    enum status status = STATUS_OK;
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(open_dir));) {
        if (!filesystem_is_journal(entry->d_name)) continue;
        struct arena arena;
        arena_init(&arena, NULL);
        status = finish(dir, below(dir, entry->d_name, &arena), err);
        arena_destroy(&arena);
    }
    closedir(open_dir);
    return status;
}
