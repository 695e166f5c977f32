/* What the store's tests share: one table shape, rows in, text out.
 *
 * t: p BIGINT, c INT (clustering, descending), a INT, s STRING. A row prints as "p/c a s", a missing value as "-". */
#ifndef MILLRACE_STORE_STORE_TEST_UTIL_H
#define MILLRACE_STORE_STORE_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

static struct error test_error; /* of calls that must succeed */

#define OK(expression)                                                                                                 \
    do {                                                                                                               \
        if ((expression) != STATUS_OK) fail_msg("%s: %s", #expression, test_error.message);                            \
    } while (0)

enum { COLUMN_A = 1, COLUMN_S = 2, COLUMN_BOTH = 3 };

static inline char *test_directory(void) {
    const char *base = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/millrace-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(path)) fail_msg("mkdtemp");
    return xstrdup(path);
}

static inline void test_directory_remove(char *path) {
    static const char *const files[] = {"store.mdb", "store.mdb-lock"};
    char file[4200];
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", path, files[i]);
        unlink(file);
    }
    rmdir(path);
    free(path);
}

static inline struct table test_definition(const char *name, bool keyed, struct arena *arena) {
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, 4);
    static const int key[] = {0, 1};
    static const bool descending[] = {false, true};
    columns[0] = (struct table_column){.name = "p", .type = type_of(TYPE_BIGINT)};
    columns[1] = (struct table_column){.name = "c", .type = type_of(TYPE_INT)};
    columns[2] = (struct table_column){.name = "a", .type = type_of(TYPE_INT)};
    columns[3] = (struct table_column){.name = "s", .type = type_of(TYPE_VARCHAR)};
    return (struct table){.database = "db",
                          .name = name,
                          .column_count = 4,
                          .columns = columns,
                          .primary_key_count = keyed ? 2 : 0,
                          .partition_key_count = keyed ? 1 : 0,
                          .primary_key = key,
                          .clustering_descending = descending,
                          .watermark_column = -1};
}

static inline const struct store_table *test_table(struct store *store, const char *name, struct arena *arena) {
    const struct store_table *table = NULL;
    OK(store_find_table(store, "db", name, arena, &table, &test_error));
    return table;
}

static inline const struct store_table *test_create(struct store *store, const char *name, bool keyed,
                                                    const char *grace, struct arena *arena) {
    bool exists;
    struct table definition = test_definition(name, keyed, arena);
    OK(store_database_exists(store, "db", &exists, &test_error));
    if (!exists) OK(store_create_database(store, "db", &test_error));
    if (grace) option_add(&definition.options, arena, "gc-grace", grace, -1);
    OK(store_create_table(store, &definition, &test_error));
    const struct store_table *table = test_table(store, name, arena);
    assert_non_null(table);
    return table;
}

/* A writer of p, c and the given ones of a and s. */
static inline struct store_writer *test_writer(struct store *store, const struct store_table *table, int columns) {
    int list[4] = {0, 1}, count = 2;
    struct store_writer *writer = NULL;
    if (columns & COLUMN_A) list[count++] = 2;
    if (columns & COLUMN_S) list[count++] = 3;
    OK(store_writer_open(store, table, list, count, NULL, &writer, &test_error));
    return writer;
}

/* a == INT32_MIN and s == NULL stand for NULL. */
static inline void test_add(struct store_writer *writer, int columns, enum store_op op, int64_t time, int64_t p,
                            int32_t c, int32_t a, const char *s) {
    static const enum type_id ids[] = {TYPE_BIGINT, TYPE_INT, TYPE_INT, TYPE_VARCHAR};
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[4] = {type_of(ids[0]), type_of(ids[1])};
    int count = 2;
    if (columns & COLUMN_A) types[count++] = type_of(TYPE_INT);
    if (columns & COLUMN_S) types[count++] = type_of(TYPE_VARCHAR);
    struct chunk *chunk = chunk_create(&arena, count, types, 1);
    struct value values[4] = {value_i64(types[0], p), value_i64(types[1], c)};
    count = 2;
    if (columns & COLUMN_A)
        values[count++] = a == INT32_MIN ? value_null(type_of(TYPE_INT)) : value_i64(type_of(TYPE_INT), a);
    if (columns & COLUMN_S)
        values[count++] = s ? value_str(type_of(TYPE_VARCHAR), str_from(s)) : value_null(type_of(TYPE_VARCHAR));
    for (int i = 0; i < count; i++) vector_set(&chunk->columns[i], &arena, 1, 0, &values[i]);
    chunk->row_count = chunk->sel_count = 1;
    uint8_t ops = (uint8_t)op;
    OK(store_writer_add(writer, chunk, &ops, time, &test_error));
    arena_destroy(&arena);
}

/* One row in a transaction of its own. */
static inline void test_put(struct store *store, const struct store_table *table, int columns, enum store_op op,
                            int64_t time, int64_t p, int32_t c, int32_t a, const char *s) {
    struct store_writer *writer = test_writer(store, table, columns);
    test_add(writer, columns, op, time, p, c, a, s);
    OK(store_writer_commit(writer, NULL, &test_error));
    store_writer_close(writer);
}

static inline void test_print(struct strbuf *out, const struct chunk *chunk) {
    for (int i = 0; i < chunk->row_count; i++) {
        struct value p = vector_get(&chunk->columns[0], i, NULL), c = vector_get(&chunk->columns[1], i, NULL);
        struct value a = vector_get(&chunk->columns[2], i, NULL), s = vector_get(&chunk->columns[3], i, NULL);
        strbuf_printf(out, "%lld/%lld ", (long long)p.i64, (long long)c.i64);
        if (a.is_null)
            strbuf_puts(out, "- ");
        else
            strbuf_printf(out, "%lld ", (long long)a.i64);
        if (s.is_null)
            strbuf_putc(out, '-');
        else
            strbuf_add(out, s.str.data, s.str.len);
        strbuf_putc(out, '\n');
    }
}

/* Rows of ranges in order, read `step` at a time. */
static inline void test_scan(struct store_snapshot *snapshot, const struct store_table *table,
                             const struct store_range *ranges, int range_count, struct str after, int step,
                             struct strbuf *out) {
    static const int columns[] = {0, 1, 2, 3};
    struct store_scan *scan;
    struct store_entry *entries = xcalloc((size_t)step, sizeof *entries);
    struct arena arena;
    int count;
    arena_init(&arena, NULL);
    OK(store_scan_open(snapshot, table, ranges, range_count, after, &scan, &test_error));
    do {
        struct chunk *chunk;
        OK(store_scan_next(scan, entries, step, &count, NULL, &test_error));
        OK(store_decode(table, entries, count, columns, 4, &arena, &chunk, &test_error));
        test_print(out, chunk);
        arena_reset(&arena);
    } while (count);
    store_scan_close(scan);
    arena_destroy(&arena);
    free(entries);
}

static inline void test_dump(struct store *store, const struct store_table *table, struct strbuf *out) {
    struct store_snapshot *snapshot;
    struct store_range all = {{0}, {0}};
    strbuf_clear(out);
    strbuf_puts(out, "");
    OK(store_snapshot_begin(store, &snapshot, &test_error));
    test_scan(snapshot, table, &all, 1, (struct str){0}, 100, out);
    store_snapshot_release(snapshot);
}

static inline void test_expect(struct store *store, const struct store_table *table, const char *expected) {
    struct strbuf buf = {0};
    int64_t rows, lines = 0;
    test_dump(store, table, &buf);
    assert_string_equal(buf.data, expected);
    for (const char *p = expected; *p; p++) lines += *p == '\n';
    OK(store_row_count(store, table, &rows, &test_error));
    assert_int_equal(rows, lines);
    strbuf_free(&buf);
}

#endif
