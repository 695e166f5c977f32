/* Scalars as text, shared by the formats: fast readers for the usual shapes straight from the input, the exact ones of
 * types/ behind them for the rest, and writers.
 *
 * All readers take text that is readable (any bytes) for FORMAT_PADDING_BYTES behind its end. */
#ifndef MILLRACE_FORMAT_TEXT_H
#define MILLRACE_FORMAT_TEXT_H

#include "column/vector.h"

/* Reads text as a scalar of vec's type into `row` of its data (validity is the caller's); blanks around numbers and times
 * are ignored. Strings borrow from p; bytes are base64 and are decoded into arena. TIMESTAMP_LTZ without a zone is UTC. false:
 * the text is no such value, or out of the type's range. Not for nested types. */
bool text_read(struct vector *vec, int row, const char *p, uint32_t len, struct arena *arena);

enum text_style {
    TEXT_SQL,      /* 2024-01-05 10:11:12.5, TIMESTAMP_LTZ in UTC with a trailing Z */
    TEXT_ISO_8601, /* 2024-01-05T10:11:12.5 */
};
/* Appends a scalar of a flat vector; text without quotes or escapes. BOOLEAN true/false, FLOAT and DOUBLE in Java's form,
 * fractions of seconds without trailing zeros, bytes as base64, intervals as numbers. */
void text_write(struct strbuf *out, const struct vector *vec, int row, enum text_style style);

/* Base64 (RFC 4648 §4, with padding). decode: false on bad text; the bytes are in arena. */
void base64_encode(struct strbuf *out, const uint8_t *bytes, size_t len);
bool base64_decode(struct str text, struct arena *arena, struct str *out);

/* How bytes stand in text. Hexadecimal is written as 0x0aff; read, whatever does not begin with 0x is base64. */
enum bytes_encoding { BYTES_BASE64, BYTES_HEX };
#define FORMAT_BYTES_OPTION(format)                                                                                    \
    {                                                                                                                  \
        .name = format ".bytes-encoding", .type = OPTION_ENUM, .choices = "base64|hex", .default_value = "base64",     \
        .doc = "how bytes stand in the text; hex: as 0x0aff, and what does not begin with 0x is read as base64"        \
    }
/* text_read and text_write of a scalar under this encoding. */
bool text_read_encoded(struct vector *vec, int row, const char *p, uint32_t len, enum bytes_encoding encoding,
                       struct arena *arena);
void text_write_encoded(struct strbuf *out, const struct vector *vec, int row, enum text_style style,
                        enum bytes_encoding encoding);

bool utf8_valid(const char *data, size_t len); /* utf8_simdjson.cpp */

/* A value for a message: quoted, cut to FORMAT_MAX_SHOWN_BYTES, control bytes and bad UTF-8 as \xNN. Lives in arena. */
const char *text_show(struct arena *arena, const char *p, size_t len);

/* ---- Fast readers: true and *out, or false when the text is not of the simple shape (it may still be right). ---- */

/* Is every byte of the word an ASCII digit? */
static inline bool word_is_digits(uint64_t word) {
    return ((word & UINT64_C(0xF0F0F0F0F0F0F0F0)) |
            (((word + UINT64_C(0x0606060606060606)) & UINT64_C(0xF0F0F0F0F0F0F0F0)) >> 4)) ==
           UINT64_C(0x3333333333333333);
}
/* The value of eight digits, the first in the lowest byte. */
static inline uint64_t word_digits_value(uint64_t word) {
    word -= UINT64_C(0x3030303030303030);
    word = word * 10 + (word >> 8);
    return ((word & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064) +
            ((word >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >>
           32;
}
/* 1 … 8 digits. */
static inline bool read_digits_8(const char *p, uint32_t len, uint64_t *out) {
    uint64_t word;
    memcpy(&word, p, 8);
    if (len < 8) word = word << (64 - 8 * len) | UINT64_C(0x3030303030303030) >> (8 * len);
    if (!word_is_digits(word)) return false;
    *out = word_digits_value(word);
    return true;
}
/* 1 … 18 digits. */
static inline bool read_digits(const char *p, uint32_t len, uint64_t *out) {
    if (len - 1 < 8) return read_digits_8(p, len, out);
    uint64_t high, low;
    if (len - 9 < 8) {
        if (!read_digits_8(p, len - 8, &high) || !read_digits_8(p + len - 8, 8, &low)) return false;
        *out = high * 100000000 + low;
        return true;
    }
    if (len != 17 && len != 18) return false;
    uint64_t top;
    if (!read_digits_8(p, len - 16, &top) || !read_digits_8(p + len - 16, 8, &high) ||
        !read_digits_8(p + len - 8, 8, &low))
        return false;
    *out = top * UINT64_C(10000000000000000) + high * 100000000 + low;
    return true;
}
/* Optional minus sign and up to 18 digits. */
static inline bool read_i64(const char *p, uint32_t len, int64_t *out) {
    uint64_t v;
    bool negative = len && *p == '-';
    if (!read_digits(p + negative, len - negative, &v)) return false;
    *out = negative ? -(int64_t)v : (int64_t)v;
    return true;
}
/* Sign, digits, point, digits: at most 18 digits in all. *out is without the point, *fraction the digits behind it. */
static inline bool read_fixed(const char *p, uint32_t len, int64_t *out, int *fraction) {
    if (len == 0) return false;
    bool negative = *p == '-';
    p += negative;
    len -= negative;
    uint32_t point = 0;
    while (point < len && p[point] != '.') point++;
    uint64_t whole = 0, part = 0;
    if (point == len) {
        *fraction = 0;
        if (!read_digits(p, len, &whole)) return false;
    } else {
        static const uint64_t pow10[] = {1,
                                         10,
                                         100,
                                         1000,
                                         10000,
                                         100000,
                                         1000000,
                                         10000000,
                                         100000000,
                                         1000000000,
                                         10000000000,
                                         100000000000,
                                         1000000000000,
                                         10000000000000,
                                         100000000000000,
                                         1000000000000000,
                                         10000000000000000,
                                         100000000000000000};
        uint32_t digits = len - point - 1;
        if (len > 19 || point == 0 || digits == 0) return false;
        if (!read_digits(p, point, &whole) || !read_digits(p + point + 1, digits, &part)) return false;
        whole = whole * pow10[digits] + part;
        *fraction = (int)digits;
    }
    *out = negative ? -(int64_t)whole : (int64_t)whole;
    return true;
}
/* Exact when the digits fit 53 bits and the power of ten does: one correctly rounded division (Clinger). */
static inline bool read_f64(const char *p, uint32_t len, double *out) {
    static const double pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                   1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    int64_t digits;
    int fraction;
    if (!read_fixed(p, len, &digits, &fraction)) return false;
    if (digits > (INT64_C(1) << 53) || digits < -(INT64_C(1) << 53)) return false;
    if (digits == 0 && *p == '-') return false; /* -0.0 */
    *out = (double)digits / pow10[fraction];
    return true;
}

/* Timestamps come in order more often than not: the day of the last one is remembered. */
struct day_cache {
    char text[10]; /* YYYY-MM-DD */
    int64_t micros;
};

bool read_day(const char *p, struct day_cache *day); /* fills the cache */

/* YYYY-MM-DD, a blank or T, hh:mm:ss, and perhaps a point and up to nine digits, cut to `precision` (at most 6): microseconds.
 * Twenty bytes must be readable. */
static inline bool read_timestamp_micros(const char *p, uint32_t len, int precision, struct day_cache *day,
                                         int64_t *out) {
    if (len < 19 || len > 29 || (p[10] != ' ' && p[10] != 'T')) return false;
    if (memcmp(p, day->text, sizeof day->text) != 0 && !read_day(p, day)) return false;
    uint64_t word;
    memcpy(&word, p + 11, 8);
    if ((word & UINT64_C(0xF0F0FFF0F0FFF0F0)) != UINT64_C(0x30303A30303A3030)) return false;
    if ((word + UINT64_C(0x0606000606000606)) & UINT64_C(0x4040004040004040)) return false; /* above 9 */
    unsigned hour = (unsigned)(word & 15) * 10 + (word >> 8 & 15),
             minute = (unsigned)(word >> 24 & 15) * 10 + (word >> 32 & 15),
             second = (unsigned)(word >> 48 & 15) * 10 + (word >> 56 & 15);
    if (hour > 23 || minute > 59 || second > 59) return false;
    uint64_t fraction = 0;
    if (len > 19) {
        static const uint32_t pow10[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
        uint32_t digits = len - 20, keep = digits < (uint32_t)precision ? digits : (uint32_t)precision;
        if (p[19] != '.' || digits == 0 || !read_digits(p + 20, digits, &fraction)) return false;
        fraction = fraction / pow10[digits - keep] * pow10[6 - keep];
    }
    *out = day->micros + (int64_t)((hour * 60 + minute) * 60 + second) * 1000000 + (int64_t)fraction;
    return true;
}

#endif
