/* Spill files; see spill.h. */
#include "state/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct spill_file {
    struct spill *spill;
    int fd;
    int64_t flushed_bytes;
    size_t buffered_bytes;
    void *map;
    size_t map_bytes;
    uint8_t buffer[SPILL_BUFFER_BYTES];
};

static const char *directory_of(const struct spill *spill) {
    if (spill->directory && *spill->directory) return spill->directory;
    const char *tmpdir = getenv("TMPDIR");
    return tmpdir && *tmpdir ? tmpdir : "/tmp";
}

static enum status io_error(const struct spill *spill, const char *what, struct error *err) {
    error_set(err, STATUS_IO_ERROR, "cannot %s a temporary file in '%s': %s", what, directory_of(spill),
              strerror(errno));
    error_hint(
        err, "SET 'millrace.spill.directory' = '...' names another place, 'millrace.memory-limit' allows more memory");
    return STATUS_IO_ERROR;
}

enum status spill_file_create(struct spill *spill, struct spill_file **out, struct error *err) {
    const char *directory = directory_of(spill);
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) { /* a file system without O_TMPFILE */
        char path[4096];
        snprintf(path, sizeof path, "%s/millrace-spill-XXXXXX", directory);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) unlink(path);
    }
    if (fd < 0) return io_error(spill, "make", err);
    struct spill_file *file = xmalloc(sizeof *file);
    file->spill = spill;
    file->fd = fd;
    file->flushed_bytes = 0;
    file->buffered_bytes = 0;
    file->map = NULL;
    *out = file;
    return STATUS_OK;
}

void spill_file_destroy(struct spill_file *file) {
    if (!file) return;
    if (file->map) munmap(file->map, file->map_bytes);
    close(file->fd);
    free(file);
}

static enum status write_out(struct spill_file *file, const uint8_t *data, size_t size_bytes, struct error *err) {
    for (struct spill *spill = file->spill; spill; spill = spill->whole)
        atomic_fetch_add_explicit(&spill->written_bytes, (int64_t)size_bytes, memory_order_relaxed);
    while (size_bytes) {
        ssize_t written = pwrite(file->fd, data, size_bytes, file->flushed_bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return io_error(file->spill, "write", err);
        data += written;
        size_bytes -= (size_t)written;
        file->flushed_bytes += written;
    }
    return STATUS_OK;
}

enum status spill_flush(struct spill_file *file, struct error *err) {
    size_t size_bytes = file->buffered_bytes;
    file->buffered_bytes = 0;
    return write_out(file, file->buffer, size_bytes, err);
}

enum status spill_write(struct spill_file *file, const void *data, size_t size_bytes, struct error *err) {
    bool is_large = size_bytes > SPILL_BUFFER_BYTES / 2;
    if (is_large || size_bytes > SPILL_BUFFER_BYTES - file->buffered_bytes) TRY(spill_flush(file, err));
    if (is_large) return write_out(file, data, size_bytes, err);
    memcpy(file->buffer + file->buffered_bytes, data, size_bytes);
    file->buffered_bytes += size_bytes;
    return STATUS_OK;
}

int64_t spill_size(const struct spill_file *file) { return file->flushed_bytes + (int64_t)file->buffered_bytes; }

enum status spill_read(struct spill_file *file, int64_t offset, void *data, size_t size_bytes, struct error *err) {
    if (offset + (int64_t)size_bytes > file->flushed_bytes) TRY(spill_flush(file, err));
    uint8_t *to = data;
    while (size_bytes) {
        ssize_t got = pread(file->fd, to, size_bytes, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO;
        if (got <= 0) return io_error(file->spill, "read", err);
        to += got;
        offset += got;
        size_bytes -= (size_t)got;
    }
    return STATUS_OK;
}

enum status spill_map(struct spill_file *file, const uint8_t **out, struct error *err) {
    TRY(spill_flush(file, err));
    file->map_bytes = (size_t)file->flushed_bytes;
    void *map = mmap(NULL, file->map_bytes ? file->map_bytes : 1, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (map == MAP_FAILED) return io_error(file->spill, "map", err);
    file->map = map;
    *out = map;
    return STATUS_OK;
}

bool spill_is_due(const struct mem_account *account) {
    for (; account; account = account->parent)
        if (account->limit_bytes &&
            atomic_load_explicit(&account->used_bytes, memory_order_relaxed) > account->limit_bytes / 2)
            return true;
    return false;
}

int64_t spill_least_bytes(const struct mem_account *account) {
    int64_t least_bytes = INT64_MAX;
    for (; account; account = account->parent)
        if (account->limit_bytes && account->limit_bytes / SPILL_LEAST_SHARE < least_bytes)
            least_bytes = account->limit_bytes / SPILL_LEAST_SHARE;
    return least_bytes;
}
