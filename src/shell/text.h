/* Cells as text, and how wide text is on a terminal. */
#ifndef MILLRACE_SHELL_TEXT_H
#define MILLRACE_SHELL_TEXT_H

#include "column/vector.h"
#include "types/time.h"

/* Appends the value in any form of vector as results show it: value_print's text, NULL as "NULL". zone: the session's. */
void cell_put(struct strbuf *out, const struct vector *vec, int row, const struct time_zone *zone);

/* Appends the value as JSON: numbers (DECIMAL too) without quotes, NaN and the infinities and all times as strings, bytes
 * as base64, ARRAY as array, ROW as object, MAP and MULTISET as object with the keys as texts, NULL as null. */
void cell_put_json(struct strbuf *out, const struct vector *vec, int row, const struct time_zone *zone);

/* A quoted JSON string. Bad UTF-8 becomes U+FFFD. */
void text_put_json(struct strbuf *out, const char *text, size_t len);

/* Appends text that is safe on a terminal: control characters become \t, \r, \x1B …, bad UTF-8 U+FFFD. Newlines stay if
 * keep_newlines, else they become \n. */
void text_put_safe(struct strbuf *out, const char *text, size_t len, bool keep_newlines);

/* Columns that text takes on a terminal, by grapheme clusters: CJK and emoji take two, combining characters none, sequences
 * (joined, flags, skin tones) as much as their widest part. The text has no control characters. */
int text_width(const char *text, size_t len);

/* Bytes of the longest prefix of whole clusters that takes at most max_width columns; *width is what it takes. */
size_t text_fit(const char *text, size_t len, int max_width, int *width);

/* 1234567 -> "1,234,567" */
void text_put_count(struct strbuf *out, int64_t count);

/* A time span for people: "12 ms", "1.25 s", "3 min 20 s". */
void text_put_duration(struct strbuf *out, int64_t nanos);

#endif
