/* For the tests of this folder: whole texts through a format, and rows as text. */
#ifndef MILLRACE_FORMAT_TEST_FORMAT_H
#define MILLRACE_FORMAT_TEST_FORMAT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/format.h"
#include "format/text.h"

/* "a=x;b=y" as options. */
static inline struct option_list test_options(struct arena *arena, const char *text) {
    struct option_list list = {0};
    while (text && *text) {
        const char *end = strchrnul(text, '\n'), *equal = memchr(text, '=', (size_t)(end - text));
        assert_non_null(equal);
        option_add(&list, arena, arena_strndup(arena, text, (size_t)(equal - text)),
                   arena_strndup(arena, equal + 1, (size_t)(end - equal - 1)), -1);
        text = *end ? end + 1 : end;
    }
    return list;
}

static inline void test_print(struct strbuf *out, const struct vector *vec, int row) {
    if (vector_is_null(vec, row)) {
        strbuf_puts(out, "NULL");
    } else if (vec->phys == PHYS_ROW) {
        strbuf_putc(out, '(');
        for (int i = 0; i < vec->type->child_count; i++) {
            if (i) strbuf_puts(out, ", ");
            test_print(out, &vec->children[i], row);
        }
        strbuf_putc(out, ')');
    } else if (vec->phys == PHYS_LIST) {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        assert_true(entry.offset + entry.length <= vec->child_rows);
        bool is_array = vec->type->id == TYPE_ARRAY;
        strbuf_putc(out, is_array ? '[' : '{');
        for (uint32_t i = 0; i < entry.length; i++) {
            if (i) strbuf_puts(out, ", ");
            test_print(out, &vec->children[0], (int)(entry.offset + i));
            if (!is_array) strbuf_putc(out, '=');
            if (!is_array) test_print(out, &vec->children[1], (int)(entry.offset + i));
        }
        strbuf_putc(out, is_array ? ']' : '}');
    } else {
        text_write(out, vec, row, TEXT_SQL);
    }
}

/* Bytes followed by padding that is none of them, so that reading too far is seen. */
static inline char *test_padded(struct arena *arena, const char *text, size_t len) {
    char *data = arena_alloc(arena, len + FORMAT_PADDING_BYTES);
    memcpy(data, text, len);
    memset(data + len, '"', FORMAT_PADDING_BYTES);
    return data;
}

struct test_table {
    const struct format *format;
    struct format_schema schema;
    const char *options;
    int projected_count; /* 0: all fields */
    const int *projected;
};

/* Decodes records [0, count) of `data`: rows as lines of values joined by '|', to out; or the error's message. */
static inline enum status test_decode(const struct test_table *table, const char *data,
                                      const struct format_record *records, int count, struct strbuf *out, int *skipped,
                                      int *error_record, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = test_options(&arena, table->options);
    int all[64];
    for (int i = 0; i < 64; i++) all[i] = i;
    int projected_count = table->projected_count ? table->projected_count : table->schema.field_count;
    const int *projected = table->projected_count ? table->projected : all;
    struct format_reader *reader;
    enum status status = table->format->reader_open(&table->schema, projected, projected_count, &options, &reader, err);
    if (status != STATUS_OK) {
        arena_destroy(&arena);
        return status;
    }
    *skipped = 0;
    for (int first = 0; first < count && status == STATUS_OK;) {
        struct vector *columns[64], vectors[64];
        int32_t row_records[VECTOR_CAPACITY];
        for (int i = 0; i < projected_count; i++) {
            columns[i] = &vectors[i];
            vector_init(&vectors[i], &arena, table->schema.types[projected[i]], VECTOR_CAPACITY);
        }
        struct format_batch batch = {.data = data,
                                     .records = records,
                                     .first = first,
                                     .count = count - first < VECTOR_CAPACITY ? count - first : VECTOR_CAPACITY,
                                     .arena = &arena,
                                     .columns = columns,
                                     .row_records = row_records};
        status = table->format->decode(reader, &batch, err);
        if (status != STATUS_OK) {
            *error_record = batch.error_record;
            break;
        }
        assert_true(batch.consumed > 0);
        assert_int_equal(batch.row_count + batch.skipped, batch.consumed);
        for (int row = 0; row < batch.row_count; row++) {
            assert_true(row_records[row] >= first && row_records[row] < first + batch.consumed);
            assert_true(row == 0 || row_records[row] > row_records[row - 1]);
            for (int i = 0; i < projected_count; i++) {
                if (i) strbuf_putc(out, '|');
                test_print(out, columns[i], row);
            }
            strbuf_putc(out, '\n');
        }
        *skipped += batch.skipped;
        first += batch.consumed;
    }
    reader->format->reader_close(reader);
    arena_destroy(&arena);
    return status;
}

/* A whole file's text. */
static inline enum status test_read(const struct test_table *table, const char *text, size_t len, struct strbuf *out,
                                    int *skipped, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = test_options(&arena, table->options);
    struct format_reader *reader;
    enum status status = table->format->reader_open(&table->schema, NULL, 0, &options, &reader, err);
    if (status != STATUS_OK) {
        arena_destroy(&arena);
        return status;
    }
    char *data = test_padded(&arena, text, len);
    struct format_frame frame = {0};
    table->format->frame(reader, data, len, true, true, &frame);
    assert_int_equal(frame.consumed_bytes, len);
    int error_record;
    status = test_decode(table, data, frame.records, frame.count, out, skipped, &error_record, err);
    free(frame.records);
    reader->format->reader_close(reader);
    arena_destroy(&arena);
    return status;
}

static inline void test_expect(const struct test_table *table, const char *text, const char *expected) {
    struct strbuf out = {0};
    struct error err = {0};
    int skipped;
    strbuf_puts(&out, "");
    enum status status = test_read(table, text, strlen(text), &out, &skipped, &err);
    if (status != STATUS_OK) print_error("%s\n", err.message);
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
}

static inline void test_expect_error(const struct test_table *table, const char *text, const char *message) {
    struct strbuf out = {0};
    struct error err = {0};
    int skipped;
    enum status status = test_read(table, text, strlen(text), &out, &skipped, &err);
    assert_int_equal(status, STATUS_BAD_DATA);
    assert_string_equal(err.message, message);
    strbuf_free(&out);
}

static inline uint64_t test_random(uint64_t *seed) {
    *seed += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

#endif
