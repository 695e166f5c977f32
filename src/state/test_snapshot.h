/* Snapshots in memory, for the tests of this folder and of those that build on it. */
#ifndef MILLRACE_STATE_TEST_SNAPSHOT_H
#define MILLRACE_STATE_TEST_SNAPSHOT_H

#include "state/state.h"

struct memory_writer {
    struct snapshot_writer base;
    struct strbuf bytes;
};

struct memory_reader {
    struct snapshot_reader base;
    struct str bytes;
    size_t pos;
};

static inline enum status memory_write(struct snapshot_writer *base, const void *data, size_t size_bytes,
                                       struct error *err) {
    (void)err;
    strbuf_add(&((struct memory_writer *)base)->bytes, data, size_bytes);
    return STATUS_OK;
}

static inline enum status memory_read(struct snapshot_reader *base, void *data, size_t size_bytes, struct error *err) {
    struct memory_reader *reader = (struct memory_reader *)base;
    if (size_bytes > reader->bytes.len - reader->pos)
        return error_set(err, STATUS_BAD_DATA, "the snapshot ends at %zu", reader->bytes.len);
    if (size_bytes) memcpy(data, reader->bytes.data + reader->pos, size_bytes);
    reader->pos += size_bytes;
    return STATUS_OK;
}

static inline struct memory_writer memory_writer_make(void) {
    return (struct memory_writer){.base = {.write = memory_write}};
}
/* Borrows the bytes. */
static inline struct memory_reader memory_reader_make(struct str bytes) {
    return (struct memory_reader){.base = {.read = memory_read}, .bytes = bytes};
}

#endif
