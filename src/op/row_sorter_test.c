#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "column/test_data.h"
#include "op/row_sorter.h"

extern const struct CMUnitTest row_sorter_tests[];
extern const size_t row_sorter_tests_count;

enum { ROWS = 9000, TEXT_BYTES = 20000, WANTED = 500 };

static struct error err;

static int compare_numbers(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts ROWS rows of a number and a text that is made from it; the numbers come out as qsort has them. */
static void sort_rows(int64_t limit_bytes, int64_t wanted, bool spills) {
    struct arena arena, morsel;
    struct mem_account account;
    struct spill spill = {0};
    mem_account_init(&account, NULL, limit_bytes);
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_VARCHAR)};
    struct row_layout layout;
    row_layout_init(&layout, &arena, 2, types);
    static const struct key_column key = {.column = 0};
    struct row_sorter *sorter = row_sorter_create(&layout, NULL, &key, 1, wanted, &account, &spill);
    int64_t *numbers = malloc(ROWS * sizeof *numbers);
    uint64_t seed = 11;
    for (int from = 0; from < ROWS; from += 10) {
        arena_init(&morsel, NULL);
        struct chunk *chunk = chunk_create(&morsel, 2, types, 10);
        for (int i = 0; i < 10; i++) {
            numbers[from + i] = random_below(&seed, 1 << 20) - (1 << 19);
            char *text = arena_alloc(&morsel, TEXT_BYTES);
            memset(text, 'a' + (int)(numbers[from + i] & 15), TEXT_BYTES);
            ((int64_t *)chunk->columns[0].data)[i] = numbers[from + i];
            ((struct strview *)chunk->columns[1].data)[i] = strview_make(text, TEXT_BYTES);
        }
        chunk->row_count = chunk->sel_count = 10;
        assert_int_equal(row_sorter_add(sorter, chunk, &morsel, &err), STATUS_OK);
        arena_destroy(&morsel);
    }
    assert_int_equal(row_sorter_finish(sorter, &err), STATUS_OK);
    assert_true(row_sorter_spilled(sorter) == spills);
    qsort(numbers, ROWS, sizeof *numbers, compare_numbers);
    int seen = 0, count;
    arena_init(&morsel, NULL);
    for (struct sorted_row rows[100];;) {
        arena_reset(&morsel);
        assert_int_equal(row_sorter_next(sorter, &morsel, rows, 100, &count, &err), STATUS_OK);
        if (!count) break;
        for (int i = 0; i < count; i++) {
            struct str text = row_get(&layout, rows[i].row, 1, &morsel).str;
            int64_t number = row_get(&layout, rows[i].row, 0, &morsel).i64;
            assert_int_equal(number, numbers[seen++]);
            assert_int_equal(text.len, TEXT_BYTES);
            assert_int_equal(text.data[0], 'a' + (int)(number & 15));
            assert_int_equal(text.data[TEXT_BYTES - 1], text.data[0]);
        }
    }
    assert_int_equal(seen, wanted < 0 ? ROWS : wanted);
    arena_destroy(&morsel);
    row_sorter_destroy(sorter);
    assert_int_equal(account.used_bytes, 0);
    free(numbers);
    arena_destroy(&arena);
}

static void in_memory(void **state) {
    (void)state;
    sort_rows(0, -1, false);
    sort_rows(0, WANTED, false);
}

/* 180 MB in runs of a little more than 1 MB: more than can be merged at once. */
static void in_several_passes(void **state) {
    (void)state;
    assert_true((int64_t)ROWS * TEXT_BYTES / ROW_SORTER_MIN_RUN_BYTES > ROW_SORTER_MAX_RUNS + 20);
    sort_rows(1, -1, true);
    sort_rows(1, WANTED, true);
}

const struct CMUnitTest row_sorter_tests[] = {cmocka_unit_test(in_memory), cmocka_unit_test(in_several_passes)};
const size_t row_sorter_tests_count = sizeof row_sorter_tests / sizeof *row_sorter_tests;
