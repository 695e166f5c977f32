#include "job/file_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_write(int fd, const char *path, const void *data, size_t size_bytes, struct error *err) {
    const char *from = data;
    while (size_bytes) {
        ssize_t written = write(fd, from, size_bytes);
        if (written < 0) {
            if (errno == EINTR) continue;
            return error_set(err, STATUS_IO_ERROR, "cannot write %s: %s", path, strerror(errno));
        }
        from += written;
        size_bytes -= (size_t)written;
    }
    return STATUS_OK;
}

enum status file_read_all(const char *path, struct strbuf *out, bool *exists, struct error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT) {
            *exists = false;
            return STATUS_OK;
        }
        return error_set(err, STATUS_IO_ERROR, "cannot open %s: %s", path, strerror(errno));
    }
    *exists = true;
    enum status status = STATUS_OK;
    for (;;) {
        strbuf_reserve(out, 1 << 16);
        ssize_t got = read(fd, out->data + out->len, 1 << 16);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = error_set(err, STATUS_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
        if (got <= 0) break;
        out->len += (size_t)got;
    }
    close(fd);
    return status;
}

enum status file_sync(int fd, const char *path, struct error *err) {
    if (fdatasync(fd) != 0) return error_set(err, STATUS_IO_ERROR, "cannot sync %s: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status file_sync_dir(const char *path, struct error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int error_number = errno;
        if (fd >= 0) close(fd);
        return error_set(err, STATUS_IO_ERROR, "cannot sync the directory %s: %s", path, strerror(error_number));
    }
    close(fd);
    return STATUS_OK;
}

enum status file_replace(const char *dir, const char *path, const void *data, size_t size_bytes, struct error *err) {
    struct strbuf temporary = {0};
    strbuf_printf(&temporary, "%s.tmp", path);
    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    enum status status = STATUS_OK;
    if (fd < 0) status = error_set(err, STATUS_IO_ERROR, "cannot create %s: %s", temporary.data, strerror(errno));
    if (status == STATUS_OK) status = file_write(fd, temporary.data, data, size_bytes, err);
    if (status == STATUS_OK) status = file_sync(fd, temporary.data, err);
    if (fd >= 0) close(fd);
    if (status == STATUS_OK && rename(temporary.data, path) != 0)
        status = error_set(err, STATUS_IO_ERROR, "cannot rename %s: %s", temporary.data, strerror(errno));
    if (status == STATUS_OK) status = file_sync_dir(dir, err);
    strbuf_free(&temporary);
    return status;
}
