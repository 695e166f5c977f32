#include "base/str.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char lower(char c) { return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

bool str_equal_nocase(struct str a, struct str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    return true;
}

int str_compare_nocase(const char *a, const char *b) {
    for (;; a++, b++) {
        int diff = (int)lower(*a) - (int)lower(*b);
        if (diff || !*a) return diff;
    }
}

/* Optimal string alignment distance (Damerau-Levenshtein without repeated edits of a substring), three rows. */
int str_distance(struct str a, struct str b, int limit) {
    enum { MAX = 128 };
    if (a.len > MAX || b.len > MAX) return limit + 1;
    int rows[3][MAX + 1];
    for (size_t j = 0; j <= b.len; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= a.len; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.len; j++) {
            int cost = lower(a.data[i - 1]) != lower(b.data[j - 1]);
            int best = above[j - 1] + cost;
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a.data[i - 1]) == lower(b.data[j - 2]) &&
                lower(a.data[i - 2]) == lower(b.data[j - 1]) && above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    int distance = rows[a.len % 3][b.len];
    return distance > limit ? limit + 1 : distance;
}

const char *str_nearest(const char *name, const char *const *candidates, int count) {
    struct str wanted = str_from(name);
    int limit = wanted.len <= 3 ? 1 : wanted.len <= 5 ? 2 : (int)(wanted.len / 3) + 1;
    const char *best = NULL;
    int best_distance = limit + 1;
    for (int i = 0; i < count; i++) {
        if (!candidates[i]) continue;
        struct str candidate = str_from(candidates[i]);
        int distance = str_distance(wanted, candidate, limit);
        /* of those as near the first one with more letters: letters are left out more often than put in */
        bool has_more = candidate.len > wanted.len && best && strlen(best) <= wanted.len;
        bool nearer = distance < best_distance || (distance == best_distance && has_more);
        if (nearer && distance < (int)candidate.len) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best;
}

void strbuf_reserve(struct strbuf *buf, size_t extra) {
    size_t need = buf->len + extra + 1;
    if (need <= buf->capacity) return;
    size_t capacity = buf->capacity ? buf->capacity * 2 : 64;
    if (capacity < need) capacity = need;
    buf->data = xrealloc(buf->data, capacity);
    buf->capacity = capacity;
}

void strbuf_add(struct strbuf *buf, const void *data, size_t len) {
    strbuf_reserve(buf, len);
    if (len) memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = 0;
}

void strbuf_puts(struct strbuf *buf, const char *text) { strbuf_add(buf, text, strlen(text)); }

void strbuf_printf(struct strbuf *buf, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0) return;
    strbuf_reserve(buf, (size_t)len);
    va_start(args, fmt);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
}

void strbuf_free(struct strbuf *buf) {
    free(buf->data);
    memset(buf, 0, sizeof *buf);
}

void strbuf_put_identifier(struct strbuf *buf, const char *name) {
    bool plain = isalpha((unsigned char)name[0]) || name[0] == '_';
    for (const char *p = name; plain && *p; p++) plain = isalnum((unsigned char)*p) || *p == '_';
    if (plain) {
        strbuf_puts(buf, name);
        return;
    }
    strbuf_putc(buf, '`');
    for (const char *p = name; *p; p++) {
        if (*p == '`') strbuf_putc(buf, '`');
        strbuf_putc(buf, *p);
    }
    strbuf_putc(buf, '`');
}

void strbuf_put_literal(struct strbuf *buf, const char *text, size_t len) {
    strbuf_putc(buf, '\'');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'') strbuf_putc(buf, '\'');
        strbuf_putc(buf, text[i]);
    }
    strbuf_putc(buf, '\'');
}
