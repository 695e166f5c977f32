/* Cassandra's byte order: reading bytes from outside with every step checked, and writing.
 *
 * A reader never goes beyond its end: a read that would sets `failed`, moves to the end and gives 0 or an empty slice,
 * so that a parser may read a whole structure and ask once. Everything is big-endian, as in the native protocol and in
 * SSTables. */
#ifndef MILLRACE_CASS_BYTES_H
#define MILLRACE_CASS_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

static inline uint16_t cass_load_u16(const void *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return __builtin_bswap16(v);
}
static inline uint32_t cass_load_u32(const void *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}
static inline uint64_t cass_load_u64(const void *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}
static inline void cass_store_u16(void *p, uint16_t v) {
    v = __builtin_bswap16(v);
    memcpy(p, &v, 2);
}
static inline void cass_store_u32(void *p, uint32_t v) {
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}
static inline void cass_store_u64(void *p, uint64_t v) {
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "millrace runs on little-endian machines");

struct cass_reader {
    const uint8_t *pos, *end;
    bool failed;
};

static inline struct cass_reader cass_reader_over(const void *data, size_t size_bytes) {
    return (struct cass_reader){.pos = data, .end = (const uint8_t *)data + size_bytes};
}
static inline size_t cass_left(const struct cass_reader *r) { return (size_t)(r->end - r->pos); }
static inline const uint8_t *cass_take(struct cass_reader *r, size_t size_bytes) {
    if (size_bytes > cass_left(r)) {
        r->failed = true;
        r->pos = r->end;
        return NULL;
    }
    const uint8_t *p = r->pos;
    r->pos += size_bytes;
    return p;
}
static inline uint8_t cass_read_u8(struct cass_reader *r) {
    const uint8_t *p = cass_take(r, 1);
    return p ? *p : 0;
}
static inline uint16_t cass_read_u16(struct cass_reader *r) {
    const uint8_t *p = cass_take(r, 2);
    return p ? cass_load_u16(p) : 0;
}
static inline int32_t cass_read_i32(struct cass_reader *r) {
    const uint8_t *p = cass_take(r, 4);
    return p ? (int32_t)cass_load_u32(p) : 0;
}
static inline int64_t cass_read_i64(struct cass_reader *r) {
    const uint8_t *p = cass_take(r, 8);
    return p ? (int64_t)cass_load_u64(p) : 0;
}
static inline struct str cass_read_slice(struct cass_reader *r, size_t len) {
    const uint8_t *p = cass_take(r, len);
    return p ? (struct str){(const char *)p, len} : (struct str){"", 0};
}
/* The protocol's [string] and [short bytes]: u16 length, bytes. */
static inline struct str cass_read_string(struct cass_reader *r) { return cass_read_slice(r, cass_read_u16(r)); }
/* [long string]: i32 length, bytes. */
static inline struct str cass_read_long_string(struct cass_reader *r) {
    int32_t len = cass_read_i32(r);
    if (len < 0) {
        r->failed = true;
        len = 0;
    }
    return cass_read_slice(r, (size_t)len);
}
/* [bytes] and [value]: i32 length, bytes; negative is null, which gives data = NULL. */
static inline struct str cass_read_bytes(struct cass_reader *r) {
    int32_t len = cass_read_i32(r);
    if (len < 0) return (struct str){NULL, 0};
    return cass_read_slice(r, (size_t)len);
}
/* Unsigned variable-length integer (VIntCoding): the leading ones of the first byte count the bytes behind it. */
static inline uint64_t cass_read_vint(struct cass_reader *r) {
    uint8_t first = cass_read_u8(r);
    int extra = first == 0xFF ? 8 : __builtin_clz((unsigned)(uint8_t)~first) - 24;
    const uint8_t *p = cass_take(r, (size_t)extra);
    if (!p) return 0;
    uint64_t v = extra >= 7 ? 0 : first & (0xFFu >> extra);
    for (int i = 0; i < extra; i++) v = v << 8 | p[i];
    return v;
}
static inline int64_t cass_read_signed_vint(struct cass_reader *r) { /* zig-zag */
    uint64_t v = cass_read_vint(r);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* ---- Writing to a buffer ---- */

static inline void cass_put_u8(struct strbuf *buf, uint8_t v) { strbuf_add(buf, &v, 1); }
static inline void cass_put_u16(struct strbuf *buf, uint16_t v) {
    uint8_t b[2];
    cass_store_u16(b, v);
    strbuf_add(buf, b, 2);
}
static inline void cass_put_i32(struct strbuf *buf, int32_t v) {
    uint8_t b[4];
    cass_store_u32(b, (uint32_t)v);
    strbuf_add(buf, b, 4);
}
static inline void cass_put_i64(struct strbuf *buf, int64_t v) {
    uint8_t b[8];
    cass_store_u64(b, (uint64_t)v);
    strbuf_add(buf, b, 8);
}
/* [string] and [short bytes]; the caller sees to len <= 65535. */
static inline void cass_put_string(struct strbuf *buf, struct str s) {
    cass_put_u16(buf, (uint16_t)s.len);
    strbuf_add(buf, s.data, s.len);
}
static inline void cass_put_long_string(struct strbuf *buf, struct str s) {
    cass_put_i32(buf, (int32_t)s.len);
    strbuf_add(buf, s.data, s.len);
}
static inline void cass_put_vint(struct strbuf *buf, uint64_t v) {
    int bits = v ? 64 - __builtin_clzll(v) : 1;
    int extra = (bits - 1) / 7;
    if (extra > 8) extra = 8;
    uint8_t b[9];
    uint64_t rest = v;
    for (int i = extra; i >= 1; i--, rest >>= 8) b[i] = (uint8_t)rest;
    b[0] = extra == 8 ? 0xFF : (uint8_t)((uint8_t) ~(0xFFu >> extra) | (uint8_t)rest);
    strbuf_add(buf, b, (size_t)extra + 1);
}
static inline void cass_put_signed_vint(struct strbuf *buf, int64_t v) {
    cass_put_vint(buf, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

#endif
