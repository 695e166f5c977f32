/* Any bytes as a Parquet file: its columns as they infer themselves, read and decoded. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/parquet.h"

enum { MAX_BLOCKS = 4, MAX_PROJECTED = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_rows(const struct parquet_rows *rows, const struct format_schema *schema, int column_count) {
    for (int from = 0; from < parquet_rows_count(rows); from += VECTOR_CAPACITY) {
        int n = parquet_rows_count(rows) - from;
        if (n > VECTOR_CAPACITY) n = VECTOR_CAPACITY;
        struct arena arena;
        arena_init(&arena, NULL);
        struct vector vectors[MAX_PROJECTED], *columns[MAX_PROJECTED];
        for (int i = 0; i < column_count; i++) {
            columns[i] = &vectors[i];
            vector_init(columns[i], &arena, schema->types[i], VECTOR_CAPACITY);
        }
        enum status status = parquet_decode(rows, from, n, &arena, columns, NULL);
        /* touches what was made: strings and elements must be readable */
        for (int i = 0; status == STATUS_OK && i < column_count; i++)
            for (int row = 0; row < n; row++) {
                struct value value = vector_get(columns[i], row, &arena);
                if (value_compare(&value, &value) != 0) abort();
            }
        arena_destroy(&arena);
    }
}

static void read_columns(struct parquet_file *file, const struct format_schema *schema) {
    int projected[MAX_PROJECTED];
    int count = schema->field_count < MAX_PROJECTED ? schema->field_count : MAX_PROJECTED;
    for (int i = 0; i < count; i++) projected[i] = i;
    struct parquet_reader *reader;
    if (parquet_reader_open(file, schema, projected, count, &reader, NULL) != STATUS_OK) return;
    int blocks = 0;
    for (int g = 0; g < parquet_row_group_count(file) && blocks < MAX_BLOCKS; g++) {
        for (int i = 0; i < count; i++) {
            struct parquet_bounds bounds;
            parquet_column_bounds(reader, g, i, &bounds);
            if (bounds.has_values && value_compare(&bounds.min, &bounds.min) != 0) abort();
        }
        parquet_seek(reader, g, g % 2 ? 1 : 0);
        for (; blocks < MAX_BLOCKS; blocks++) {
            struct parquet_rows *rows;
            if (parquet_read(reader, &rows, NULL) != STATUS_OK || !rows) break;
            decode_rows(rows, schema, count);
            parquet_rows_release(rows);
        }
    }
    parquet_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int fd = memfd_create("parquet", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct parquet_file *file;
    if (parquet_open(path, &file, NULL) == STATUS_OK) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct schema schema;
        if (parquet_infer_schema(file, &arena, &schema, NULL) == STATUS_OK) {
            struct format_schema fields = {
                .field_count = schema.column_count, .names = schema.names, .types = schema.types};
            read_columns(file, &fields);
        }
        arena_destroy(&arena);
        parquet_release(file);
    }
    close(fd);
    return 0;
}
