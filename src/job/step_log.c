/* The step log: one checked record per step, appended and synced before the step's first effect.
 *
 *     u32 size  u64 XXH64 of the body  body
 *     body: i64 id, now, write timestamp, seed  u8 is_last  u32 takes, each: u32 scan, split id, i64 count, u8 flags
 *
 * A record that is cut off or fails its check ends the log: it was never acted upon, since acting comes after the sync. */
#define XXH_INLINE_ALL
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "job/file_util.h"
#include "job/job_private.h"

enum { RECORD_HEADER_BYTES = 12, TAKE_FINISHED = 1, TAKE_IDLE = 2 };

struct step_log {
    int fd;
    char *path;
    struct strbuf buf;
};

static bool decode(struct str body, struct arena *arena, struct step_record *record) {
    struct record_reader reader = {.data = body.data, .len = body.len};
    record->id = get_i64(&reader);
    record->now_micros = get_i64(&reader);
    record->write_micros = get_i64(&reader);
    record->seed = (uint64_t)get_i64(&reader);
    record->is_last = get_u8(&reader);
    uint32_t count = get_u32(&reader);
    if (reader.failed || count > body.len) return false;
    record->take_count = (int)count;
    record->takes = ARENA_ARRAY(arena, struct step_log_take, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        struct step_log_take *take = &record->takes[i];
        take->scan = (int)get_u32(&reader);
        struct str id = get_bytes(&reader);
        take->split_id = arena_strndup(arena, id.data ? id.data : "", id.len);
        take->count = get_i64(&reader);
        uint8_t flags = get_u8(&reader);
        take->finished = flags & TAKE_FINISHED;
        take->idle = flags & TAKE_IDLE;
    }
    return !reader.failed && reader.pos == reader.len;
}

enum status step_log_open(const char *path, int64_t after, struct arena *arena, struct step_record **records,
                          int *record_count, struct step_log **out, struct error *err) {
    struct strbuf content = {0};
    bool exists;
    TRY(file_read_all(path, &content, &exists, err));
    size_t pos = 0, capacity = 0;
    struct step_record *list = NULL;
    int count = 0;
    while (content.len - pos >= RECORD_HEADER_BYTES) {
        uint32_t size;
        uint64_t check;
        memcpy(&size, content.data + pos, 4);
        memcpy(&check, content.data + pos + 4, 8);
        if (content.len - pos - RECORD_HEADER_BYTES < size) break;
        struct str body = {content.data + pos + RECORD_HEADER_BYTES, size};
        struct step_record record;
        if (XXH64(body.data, body.len, 0) != check || !decode(body, arena, &record)) break;
        pos += RECORD_HEADER_BYTES + size;
        if (record.id <= after) continue;
        ARRAY_RESERVE(list, capacity, count + 1);
        list[count++] = record;
    }
    strbuf_free(&content);
    *records = arena_memdup(arena, list, (size_t)count * sizeof *list);
    *record_count = count;
    free(list);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return error_set(err, STATUS_IO_ERROR, "cannot open %s: %s", path, strerror(errno));
    if (ftruncate(fd, (off_t)pos) != 0 || lseek(fd, (off_t)pos, SEEK_SET) < 0) {
        error_set(err, STATUS_IO_ERROR, "cannot cut %s: %s", path, strerror(errno));
        close(fd);
        return STATUS_IO_ERROR;
    }
    struct step_log *log = xcalloc(1, sizeof *log);
    log->fd = fd;
    log->path = xstrdup(path);
    *out = log;
    return STATUS_OK;
}

enum status step_log_append(struct step_log *log, const struct step_record *record, struct error *err) {
    struct strbuf *buf = &log->buf;
    strbuf_clear(buf);
    put_u32(buf, 0);
    put_i64(buf, 0);
    put_i64(buf, record->id);
    put_i64(buf, record->now_micros);
    put_i64(buf, record->write_micros);
    put_i64(buf, (int64_t)record->seed);
    put_u8(buf, record->is_last);
    put_u32(buf, (uint32_t)record->take_count);
    for (int i = 0; i < record->take_count; i++) {
        const struct step_log_take *take = &record->takes[i];
        put_u32(buf, (uint32_t)take->scan);
        put_bytes(buf, take->split_id, strlen(take->split_id));
        put_i64(buf, take->count);
        put_u8(buf, (uint8_t)((take->finished ? TAKE_FINISHED : 0) | (take->idle ? TAKE_IDLE : 0)));
    }
    uint32_t size = (uint32_t)(buf->len - RECORD_HEADER_BYTES);
    uint64_t check = XXH64(buf->data + RECORD_HEADER_BYTES, size, 0);
    memcpy(buf->data, &size, 4);
    memcpy(buf->data + 4, &check, 8);
    TRY(file_write(log->fd, log->path, buf->data, buf->len, err));
    return file_sync(log->fd, log->path, err);
}

enum status step_log_cut(struct step_log *log, struct error *err) {
    if (ftruncate(log->fd, 0) != 0 || lseek(log->fd, 0, SEEK_SET) < 0)
        return error_set(err, STATUS_IO_ERROR, "cannot cut %s: %s", log->path, strerror(errno));
    return file_sync(log->fd, log->path, err);
}

void step_log_close(struct step_log *log) {
    if (!log) return;
    close(log->fd);
    free(log->path);
    strbuf_free(&log->buf);
    free(log);
}
