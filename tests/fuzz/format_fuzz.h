/* For the fuzzers of formats: decodes a whole text, looks at every value, writes the rows and reads them again. */
#ifndef MILLRACE_TESTS_FUZZ_FORMAT_FUZZ_H
#define MILLRACE_TESTS_FUZZ_FORMAT_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

#define FUZZ_CHECK(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A copy with exactly the padding that formats may read, so that one byte more is seen. */
static inline char *fuzz_pad(const char *text, size_t len) {
    char *data = xmalloc(len + FORMAT_PADDING_BYTES);
    if (len) memcpy(data, text, len);
    memset(data + len, ',', FORMAT_PADDING_BYTES);
    return data;
}

/* Records found in one go, and in two with a cut, are the same. */
static inline void fuzz_frame(const struct format_reader *reader, const char *text, size_t len, size_t cut,
                              struct format_frame *whole) {
    const struct format *format = reader->format;
    char *data = fuzz_pad(text, len), *head = fuzz_pad(text, cut);
    format->frame(reader, data, len, true, true, whole);
    FUZZ_CHECK(whole->consumed_bytes == len);
    struct format_frame a = {0}, b = {0};
    format->frame(reader, head, cut, true, false, &a);
    size_t at = a.consumed_bytes;
    FUZZ_CHECK(at <= cut);
    char *tail = fuzz_pad(text + at, len - at);
    format->frame(reader, tail, len - at, at == 0, true, &b);
    FUZZ_CHECK(a.count + b.count == whole->count);
    FUZZ_CHECK(a.line_count + b.line_count == whole->line_count);
    for (int i = 0; i < whole->count; i++) {
        struct format_record record = i < a.count ? a.records[i] : b.records[i - a.count];
        if (i >= a.count) record.start += (uint32_t)at;
        FUZZ_CHECK(record.start == whole->records[i].start && record.len == whole->records[i].len);
        FUZZ_CHECK((size_t)record.start + record.len <= len);
    }
    free(data);
    free(head);
    free(tail);
    free(a.records);
    free(b.records);
}

/* Decodes all records; rows are written with `writer` (may be NULL) and a line feed to `out`. */
static inline enum status fuzz_decode(const struct format_reader *reader, struct format_writer *writer,
                                      const struct format_schema *schema, const char *text, size_t len,
                                      const struct format_frame *frame, struct strbuf *out, struct error *err) {
    char *data = fuzz_pad(text, len);
    enum status status = STATUS_OK;
    for (int first = 0; first < frame->count && status == STATUS_OK;) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct chunk *chunk = chunk_create(&arena, schema->field_count, schema->types, VECTOR_CAPACITY);
        struct vector *columns[32];
        for (int i = 0; i < schema->field_count; i++) columns[i] = &chunk->columns[i];
        int32_t row_records[VECTOR_CAPACITY];
        struct format_batch batch = {.data = data,
                                     .records = frame->records,
                                     .first = first,
                                     .count = frame->count - first,
                                     .arena = &arena,
                                     .columns = columns,
                                     .row_records = row_records};
        status = reader->format->decode(reader, &batch, err);
        if (status == STATUS_OK) {
            FUZZ_CHECK(batch.consumed > 0 && batch.row_count + batch.skipped == batch.consumed);
            chunk->row_count = chunk->sel_count = batch.row_count;
            for (int row = 0; row < batch.row_count; row++) {
                struct error ignored;
                if (writer && writer->format->encode(writer, chunk, row, out, &ignored) == STATUS_OK)
                    strbuf_putc(out, '\n');
            }
            struct chunk *copy = chunk_copy(&arena, chunk); /* touches every byte */
            FUZZ_CHECK(copy->row_count == batch.row_count);
            first += batch.consumed;
        } else {
            FUZZ_CHECK(batch.error_record >= first && batch.error_record < frame->count && err->message[0]);
        }
        arena_destroy(&arena);
    }
    free(data);
    return status;
}

/* The whole round for one schema and options. roundtrip: what was written is read and written again, to the same bytes. */
static inline void fuzz_format(const struct format *format, const struct format_schema *schema,
                               const struct option_list *options, const char *text, size_t len, size_t cut,
                               bool roundtrip) {
    int all[32];
    for (int i = 0; i < 32; i++) all[i] = i;
    struct format_reader *reader;
    struct format_writer *writer;
    struct error err = {0};
    if (format->reader_open(schema, all, schema->field_count, options, &reader, &err) != STATUS_OK) return;
    FUZZ_CHECK(format->writer_open(schema, all, options, &writer, &err) == STATUS_OK);
    struct format_frame frame = {0};
    struct strbuf out = {0}, again = {0};
    fuzz_frame(reader, text, len, cut, &frame);
    strbuf_puts(&out, "");
    strbuf_puts(&again, "");
    if (format->header) format->header(writer, &out);
    enum status status = fuzz_decode(reader, writer, schema, text, len, &frame, &out, &err);
    if (status == STATUS_OK && roundtrip) {
        struct format_frame second = {0};
        fuzz_frame(reader, out.data, out.len, out.len / 2, &second);
        if (format->header) format->header(writer, &again);
        status = fuzz_decode(reader, writer, schema, out.data, out.len, &second, &again, &err);
        if (status != STATUS_OK) fprintf(stderr, "%s\n%s", err.message, out.data);
        FUZZ_CHECK(status == STATUS_OK);
        FUZZ_CHECK(out.len == again.len && memcmp(out.data, again.data, out.len) == 0);
        free(second.records);
    }
    strbuf_free(&out);
    strbuf_free(&again);
    free(frame.records);
    format->reader_close(reader);
    format->writer_close(writer);
}

#endif
