/* UTF-8 text: counting and finding code points, LIKE. Bytes that are no UTF-8 count one code point for each byte that is
 * not a continuation byte; nothing here reads outside the text. */
#ifndef MILLRACE_KERNEL_TEXT_H
#define MILLRACE_KERNEL_TEXT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

bool text_is_ascii(struct str text);
/* Code points. */
int64_t text_length(struct str text);
/* The byte offset of the code point number `index` (0 = first); text.len when there are not so many. */
size_t text_offset(struct str text, int64_t index);
/* Bytes of the code point that starts at text.data[at], at least 1, never beyond the end. */
size_t text_char_bytes(struct str text, size_t at);
/* Decodes that code point; U+FFFD when malformed. */
uint32_t text_char(struct str text, size_t at, size_t *bytes);
/* Writes code point `c` as UTF-8; returns the bytes (1 to 4). */
int text_put_char(uint32_t c, char out[4]);
/* The first position >= from where needle is, or SIZE_MAX. The empty needle is found at once. */
size_t text_find(struct str text, struct str needle, size_t from);

/* ---- LIKE ---- */

enum like_kind { LIKE_EXACT, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS, LIKE_ANY, LIKE_GENERAL };

struct like_segment {
    struct str literal;    /* escapes removed */
    const uint8_t *single; /* by byte: 1 where the literal has `_` (any one code point), or NULL when it has none */
    int64_t char_count;    /* of the segment */
};

/* A compiled pattern: `%` separates segments that must follow each other. Read-only, shared by threads. */
struct like_pattern {
    enum like_kind kind;
    struct str literal; /* all kinds but LIKE_GENERAL */
    int segment_count;
    struct like_segment *segments;
    bool open_start, open_end; /* the pattern starts or ends with % */
};

/* escape: one code point or empty (no escape character, as Flink). Fails with INVALID_ARGUMENT when the escape
 * character stands before anything but %, _ and itself, or is longer than one character. Everything is made in arena. */
enum status like_compile(struct arena *arena, struct str pattern, struct str escape, struct like_pattern *out,
                         struct error *err);
bool like_match(const struct like_pattern *pattern, struct str text);

#endif
