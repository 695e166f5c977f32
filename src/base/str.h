/* Text slices and a growing text buffer. UTF-8 throughout. */
#ifndef MILLRACE_BASE_STR_H
#define MILLRACE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

/* A borrowed slice, not NUL-terminated. */
struct str {
    const char *data;
    size_t len;
};

static inline struct str str_from(const char *text) { return (struct str){text, text ? strlen(text) : 0}; }
static inline bool str_equal(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
bool str_equal_nocase(struct str a, struct str b); /* ASCII case folding */
int str_compare_nocase(const char *a, const char *b);

/* Levenshtein distance with transpositions, cut off at limit + 1; ASCII case is ignored. For did-you-mean hints. */
int str_distance(struct str a, struct str b, int limit);

/* The candidate nearest to name, or NULL when none is near enough to be worth suggesting. Of several as near the first that has more
 * letters than name, else the first. */
const char *str_nearest(const char *name, const char *const *candidates, int count);

/* Heap text buffer, always NUL-terminated once something was added. Zero-initialised is empty. */
struct strbuf {
    char *data;
    size_t len, capacity;
};

void strbuf_reserve(struct strbuf *buf, size_t extra);
void strbuf_add(struct strbuf *buf, const void *data, size_t len);
void strbuf_puts(struct strbuf *buf, const char *text);
void strbuf_printf(struct strbuf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void strbuf_putc(struct strbuf *buf, char c) {
    if (buf->len + 2 > buf->capacity) strbuf_reserve(buf, 1);
    buf->data[buf->len++] = c;
    buf->data[buf->len] = 0;
}
static inline void strbuf_clear(struct strbuf *buf) {
    buf->len = 0;
    if (buf->data) buf->data[0] = 0;
}
void strbuf_free(struct strbuf *buf);
static inline struct str strbuf_str(const struct strbuf *buf) { return (struct str){buf->data, buf->len}; }

/* Identifiers and string literals as SQL writes them: `a``b` and 'it''s'. */
void strbuf_put_identifier(struct strbuf *buf, const char *name); /* quoted with backquotes only when needed */
void strbuf_put_literal(struct strbuf *buf, const char *text, size_t len);

#endif
