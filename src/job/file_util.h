/* Durable files: whole writes, checked binary records. Integers little-endian. */
#ifndef MILLRACE_JOB_FILE_UTIL_H
#define MILLRACE_JOB_FILE_UTIL_H

#include "base/str.h"

/* Writes all bytes; IO_ERROR names the path. */
enum status file_write(int fd, const char *path, const void *data, size_t size_bytes, struct error *err);
/* Reads the whole file into out; *exists tells whether there was one. */
enum status file_read_all(const char *path, struct strbuf *out, bool *exists, struct error *err);
enum status file_sync(int fd, const char *path, struct error *err);
enum status file_sync_dir(const char *path, struct error *err);
/* Temporary file, fsync, rename, fsync of the directory. */
enum status file_replace(const char *dir, const char *path, const void *data, size_t size_bytes, struct error *err);

/* Growing record. */
static inline void put_u8(struct strbuf *buf, uint8_t v) { strbuf_add(buf, &v, 1); }
static inline void put_u32(struct strbuf *buf, uint32_t v) { strbuf_add(buf, &v, 4); }
static inline void put_i64(struct strbuf *buf, int64_t v) { strbuf_add(buf, &v, 8); }
static inline void put_bytes(struct strbuf *buf, const void *data, size_t len) {
    put_u32(buf, (uint32_t)len);
    strbuf_add(buf, data, len);
}

/* Bounds-checked reading: after any failure `failed` is set and all reads give zeros. */
struct record_reader {
    const char *data;
    size_t len, pos;
    bool failed;
};
static inline void get_raw(struct record_reader *reader, void *out, size_t size) {
    if (reader->failed || reader->len - reader->pos < size) {
        reader->failed = true;
        memset(out, 0, size);
        return;
    }
    memcpy(out, reader->data + reader->pos, size);
    reader->pos += size;
}
static inline uint8_t get_u8(struct record_reader *reader) {
    uint8_t v;
    get_raw(reader, &v, sizeof v);
    return v;
}
static inline uint32_t get_u32(struct record_reader *reader) {
    uint32_t v;
    get_raw(reader, &v, sizeof v);
    return v;
}
static inline int64_t get_i64(struct record_reader *reader) {
    int64_t v;
    get_raw(reader, &v, sizeof v);
    return v;
}
static inline struct str get_bytes(struct record_reader *reader) {
    uint32_t len = get_u32(reader);
    if (reader->failed || reader->len - reader->pos < len) {
        reader->failed = true;
        return (struct str){NULL, 0};
    }
    struct str bytes = {reader->data + reader->pos, len};
    reader->pos += len;
    return bytes;
}

#endif
