/* The log of lookup answers: what lookup joins were told in the steps since the checkpoint, so that a replayed step sees the
 * same. One checked record per answer batch, synced before anything follows from it:
 *
 *     u32 size  u64 XXH64 of the body  body: i64 step, u32 node, u32 0, answers (exec/lookup.c)
 *
 * The answers of a step that is replayed are looked up here; the file is cut at every checkpoint. */
#define XXH_INLINE_ALL
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "job/file_util.h"
#include "job/job_private.h"

enum { RECORD_HEADER_BYTES = 12, BODY_HEADER_BYTES = 16 };

struct kept_answers {
    int64_t step_id;
    int node_id;
    struct str bytes;
};

struct answer_log {
    int fd;
    char *path;
    pthread_mutex_t lock;
    struct arena arena; /* of the answers read at the start */
    struct kept_answers *kept;
    size_t kept_count, kept_capacity;
    struct exec_lookup_log functions;
};

static enum status append(void *data, int64_t step_id, int node_id, struct str bytes, struct error *err) {
    struct answer_log *log = data;
    struct strbuf buf = {0};
    put_u32(&buf, 0);
    put_i64(&buf, 0);
    put_i64(&buf, step_id);
    put_u32(&buf, (uint32_t)node_id);
    put_u32(&buf, 0);
    strbuf_add(&buf, bytes.data, bytes.len);
    uint32_t size = (uint32_t)(buf.len - RECORD_HEADER_BYTES);
    uint64_t check = XXH64(buf.data + RECORD_HEADER_BYTES, size, 0);
    memcpy(buf.data, &size, 4);
    memcpy(buf.data + 4, &check, 8);
    pthread_mutex_lock(&log->lock);
    enum status status = file_write(log->fd, log->path, buf.data, buf.len, err);
    if (status == STATUS_OK) status = file_sync(log->fd, log->path, err);
    pthread_mutex_unlock(&log->lock);
    strbuf_free(&buf);
    return status;
}

static enum status replay(void *data, int64_t step_id, int node_id,
                          enum status (*take)(void *take_data, struct str bytes, struct error *err), void *take_data,
                          struct error *err) {
    struct answer_log *log = data;
    for (size_t i = 0; i < log->kept_count; i++)
        if (log->kept[i].step_id == step_id && log->kept[i].node_id == node_id)
            TRY(take(take_data, log->kept[i].bytes, err));
    return STATUS_OK;
}

enum status answer_log_open(const char *path, int64_t after, struct answer_log **out, struct error *err) {
    struct strbuf content = {0};
    bool exists;
    TRY(file_read_all(path, &content, &exists, err));
    struct answer_log *log = xcalloc(1, sizeof *log);
    arena_init(&log->arena, NULL);
    size_t pos = 0;
    while (content.len - pos >= RECORD_HEADER_BYTES) {
        uint32_t size;
        uint64_t check;
        memcpy(&size, content.data + pos, 4);
        memcpy(&check, content.data + pos + 4, 8);
        const char *body = content.data + pos + RECORD_HEADER_BYTES;
        if (size < BODY_HEADER_BYTES || content.len - pos - RECORD_HEADER_BYTES < size || XXH64(body, size, 0) != check)
            break; /* a torn tail: nothing followed from it */
        pos += RECORD_HEADER_BYTES + size;
        int64_t step_id;
        uint32_t node_id;
        memcpy(&step_id, body, 8);
        memcpy(&node_id, body + 8, 4);
        if (step_id <= after) continue;
        ARRAY_RESERVE(log->kept, log->kept_capacity, log->kept_count + 1);
        log->kept[log->kept_count++] = (struct kept_answers){
            step_id,
            (int)node_id,
            {arena_memdup(&log->arena, body + BODY_HEADER_BYTES, size - BODY_HEADER_BYTES), size - BODY_HEADER_BYTES}};
    }
    strbuf_free(&content);
    pthread_mutex_init(&log->lock, NULL);
    log->path = xstrdup(path);
    log->functions = (struct exec_lookup_log){.append = append, .replay = replay, .data = log};
    log->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    enum status status = STATUS_OK;
    if (log->fd < 0 || ftruncate(log->fd, (off_t)pos) != 0 || lseek(log->fd, (off_t)pos, SEEK_SET) < 0)
        status = error_set(err, STATUS_IO_ERROR, "cannot open %s: %s", path, strerror(errno));
    if (status != STATUS_OK) {
        answer_log_close(log);
        return status;
    }
    *out = log;
    return STATUS_OK;
}

const struct exec_lookup_log *answer_log_functions(const struct answer_log *log) { return &log->functions; }

void answer_log_replay_until(struct answer_log *log, int64_t step_id) { log->functions.replay_until = step_id; }

enum status answer_log_cut(struct answer_log *log, struct error *err) {
    log->functions.epoch++;
    log->functions.replay_until = 0;
    log->kept_count = 0;
    arena_reset(&log->arena);
    if (ftruncate(log->fd, 0) != 0 || lseek(log->fd, 0, SEEK_SET) < 0)
        return error_set(err, STATUS_IO_ERROR, "cannot cut %s: %s", log->path, strerror(errno));
    return file_sync(log->fd, log->path, err);
}

void answer_log_close(struct answer_log *log) {
    if (!log) return;
    if (log->fd >= 0) close(log->fd);
    pthread_mutex_destroy(&log->lock);
    arena_destroy(&log->arena);
    free(log->kept);
    free(log->path);
    free(log);
}
