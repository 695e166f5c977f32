#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "op/row_file.h"

extern const struct CMUnitTest row_file_tests[];
extern const size_t row_file_tests_count;

enum { CHUNKS = 40, CHUNK_ROWS = 100, COLUMN_COUNT = 3 };

static struct error err;

/* Row `number` has its number, a text of `number % 300` bytes, and NULL every third time. */
static int text_bytes(int64_t number) { return (int)(number % 300); }

static struct chunk *make_chunk(struct arena *arena, const struct type **types, int64_t first) {
    struct chunk *chunk = chunk_create(arena, COLUMN_COUNT, types, CHUNK_ROWS);
    for (int i = 0; i < CHUNK_ROWS; i++) {
        int64_t number = first + i;
        char *text = arena_alloc(arena, 300);
        memset(text, 'a' + (int)(number % 26), 300);
        ((int64_t *)chunk->columns[0].data)[i] = number;
        ((struct strview *)chunk->columns[1].data)[i] = strview_make(text, (uint32_t)text_bytes(number));
        ((int64_t *)chunk->columns[2].data)[i] = -number;
        struct value null = value_null(types[2]);
        if (number % 3 == 0) vector_set(&chunk->columns[2], arena, CHUNK_ROWS, i, &null);
    }
    chunk->row_count = chunk->sel_count = CHUNK_ROWS;
    return chunk;
}

/* Reads from where the file stands and checks that numbers come as wanted: all below CHUNKS * CHUNK_ROWS that are not
 * skipped by `every`. Columns of the layout are those of the chunk in the order `columns`. */
static void check_rows(struct row_file *file, const struct row_layout *layout, const int *columns, int every) {
    struct arena arena;
    arena_init(&arena, NULL);
    int64_t wanted = 0;
    for (;;) {
        const uint8_t *rows[VECTOR_CAPACITY];
        int count;
        arena_reset(&arena);
        assert_int_equal(row_file_next(file, &arena, rows, &count, &err), STATUS_OK);
        if (!count) break;
        for (int i = 0; i < count; i++, wanted += every) {
            struct value values[COLUMN_COUNT];
            for (int c = 0; c < COLUMN_COUNT; c++) values[columns[c]] = row_get(layout, rows[i], c, &arena);
            assert_int_equal(values[0].i64, wanted);
            assert_int_equal(values[1].str.len, text_bytes(wanted));
            for (size_t at = 0; at < values[1].str.len; at++)
                assert_int_equal(values[1].str.data[at], 'a' + (int)(wanted % 26));
            assert_int_equal(values[2].is_null, wanted % 3 == 0);
            if (!values[2].is_null) assert_int_equal(values[2].i64, -wanted);
            assert_int_equal(row_hash(rows[i]), (uint64_t)wanted * 31);
        }
    }
    assert_int_equal(wanted, CHUNKS * CHUNK_ROWS);
    assert_true(row_file_is_at_end(file));
    arena_destroy(&arena);
}

/* Every `every`th row is live. */
static void write_and_read(const int *columns, int every) {
    struct arena arena, morsel;
    arena_init(&arena, NULL);
    struct spill spill = {0};
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_VARCHAR), type_of(TYPE_BIGINT)};
    const struct type *ordered[COLUMN_COUNT];
    static const int same[] = {0, 1, 2};
    for (int c = 0; c < COLUMN_COUNT; c++) ordered[c] = types[columns ? columns[c] : c];
    struct row_layout layout;
    row_layout_init(&layout, &arena, COLUMN_COUNT, ordered);
    struct row_file *file;
    assert_int_equal(row_file_create(&layout, &spill, &file, &err), STATUS_OK);
    assert_true(row_file_is_at_end(file));
    for (int n = 0; n < CHUNKS; n++) {
        arena_init(&morsel, NULL);
        struct chunk *chunk = make_chunk(&morsel, types, n * CHUNK_ROWS);
        uint64_t hash[CHUNK_ROWS];
        sel_index sel[CHUNK_ROWS];
        int live = 0;
        for (int i = 0; i < CHUNK_ROWS; i++) {
            hash[i] = (uint64_t)(n * CHUNK_ROWS + i) * 31;
            if (i % every == 0) sel[live++] = (sel_index)i;
        }
        struct chunk selected = chunk_select(chunk, sel, live);
        assert_int_equal(row_file_add(file, &selected, columns, hash, &morsel, &err), STATUS_OK);
        /* nothing live adds nothing: an empty block would look like the end */
        struct chunk none = chunk_select(chunk, sel, 0);
        assert_int_equal(row_file_add(file, &none, columns, hash, &morsel, &err), STATUS_OK);
        arena_destroy(&morsel);
    }
    for (int pass = 0; pass < 3; pass++) {
        row_file_rewind(file);
        assert_false(row_file_is_at_end(file));
        check_rows(file, &layout, columns ? columns : same, every);
    }
    row_file_destroy(file);
    row_file_destroy(NULL);
    arena_destroy(&arena);
}

static void all_rows(void **state) {
    (void)state;
    write_and_read(NULL, 1);
}

static void live_rows_only(void **state) {
    (void)state;
    write_and_read(NULL, 4);
}

static void columns_in_another_order(void **state) {
    (void)state;
    static const int order[] = {2, 0, 1};
    write_and_read(order, 1);
}

static void no_directory(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BIGINT)};
    struct row_layout layout;
    row_layout_init(&layout, &arena, 1, types);
    struct spill spill = {.directory = "/nonexistent/spill"};
    struct row_file *file;
    error_clear(&err);
    assert_int_not_equal(row_file_create(&layout, &spill, &file, &err), STATUS_OK);
    assert_non_null(strstr(err.message, "/nonexistent/spill"));
    error_clear(&err);
    arena_destroy(&arena);
}

const struct CMUnitTest row_file_tests[] = {cmocka_unit_test(all_rows), cmocka_unit_test(live_rows_only),
                                            cmocka_unit_test(columns_in_another_order), cmocka_unit_test(no_directory)};
const size_t row_file_tests_count = sizeof row_file_tests / sizeof *row_file_tests;
