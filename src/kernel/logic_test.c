#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "kernel/kernel.h"

extern const struct CMUnitTest logic_tests[];
extern const size_t logic_tests_count;

enum { ROWS = 200 };

/* FALSE 0, UNKNOWN 1, TRUE 2 */
static int truth_of(const struct value *value) { return value->is_null ? 1 : value->boolean ? 2 : 0; }

static void three_valued(void **state) {
    uint64_t seed = 11;
    (void)state;
    for (int run = 0; run < 1000; run++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const struct type *type = type_of(TYPE_BOOLEAN);
        struct vector a, b, out;
        struct value x[ROWS], y[ROWS];
        sel_index sel[ROWS];
        random_vector(&arena, &seed, type, ROWS, &a, x);
        random_vector(&arena, &seed, type, ROWS, &b, y);
        if (a.form == VECTOR_DICT) vector_flatten(&a, &arena, ROWS);
        if (b.form == VECTOR_DICT) vector_flatten(&b, &arena, ROWS);
        bool in_place = a.form == VECTOR_FLAT && random_below(&seed, 3) == 0, dense = random_below(&seed, 2),
             is_and = random_below(&seed, 2);
        int count = dense ? ROWS : random_selection(&seed, ROWS, sel);
        vector_init(&out, &arena, type, ROWS);
        if (a.validity || b.validity) {
            out.validity = arena_alloc(&arena, VALIDITY_WORDS * 8);
            memset(out.validity, 0xFF, VALIDITY_WORDS * 8);
        }
        if (in_place) {
            if (out.validity && a.validity) memcpy(out.validity, a.validity, (size_t)validity_words(ROWS) * 8);
            memcpy(out.data, a.data, ROWS);
            a = out;
        }
        (is_and ? kernel_and : kernel_or)(&a, &b, &out, dense ? NULL : sel, count);
        for (int i = 0; i < count; i++) {
            int row = dense ? i : sel[i], p = truth_of(&x[row]), q = truth_of(&y[row]);
            struct value r = vector_get(&out, row, &arena);
            assert_int_equal(truth_of(&r), is_and ? (p < q ? p : q) : (p > q ? p : q));
        }
        arena_destroy(&arena);
    }
}

static bool has_truth(enum truth truth, int t) {
    switch (truth) {
    case TRUTH_TRUE: return t == 2;
    case TRUTH_NOT_TRUE: return t != 2;
    case TRUTH_NOT_FALSE: return t != 0;
    case TRUTH_FALSE: return t == 0;
    case TRUTH_NULL: return t == 1;
    default: return t != 1;
    }
}

static void selections(void **state) {
    uint64_t seed = 12;
    (void)state;
    for (int run = 0; run < 1000; run++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct vector vec;
        struct value values[ROWS];
        sel_index sel[ROWS], out[ROWS], rest[ROWS], expected[ROWS];
        random_vector(&arena, &seed, type_of(TYPE_BOOLEAN), ROWS, &vec, values);
        if (vec.form == VECTOR_DICT) vector_flatten(&vec, &arena, ROWS);
        bool dense = random_below(&seed, 2), in_place = !dense && random_below(&seed, 2);
        int count = dense ? ROWS : random_selection(&seed, ROWS, sel), n = 0;
        enum truth truth = (enum truth)random_below(&seed, 6);
        for (int i = 0; i < count; i++) {
            int row = dense ? i : sel[i];
            if (has_truth(truth, truth_of(&values[row]))) expected[n++] = (sel_index)row;
        }
        if (truth == TRUTH_TRUE && random_below(&seed, 2)) {
            sel_index original[ROWS];
            if (!dense) memcpy(original, sel, sizeof sel);
            sel_index *no = in_place ? sel : rest;
            assert_int_equal(kernel_split(&vec, dense ? NULL : sel, count, out, no), n);
            assert_memory_equal(out, expected, (size_t)n * sizeof *out);
            for (int i = 0, y = 0, r = 0; i < count; i++) {
                int row = dense ? i : original[i];
                if (y < n && expected[y] == row)
                    y++;
                else
                    assert_int_equal(no[r++], row);
            }
        } else {
            sel_index *to = in_place ? sel : out;
            assert_int_equal(kernel_select(&vec, truth, dense ? NULL : sel, count, to), n);
            assert_memory_equal(to, expected, (size_t)n * sizeof *to);
        }
        arena_destroy(&arena);
    }
}

/* Moves into a vector of another history, nested types too. */
static void moves(void **state) {
    uint64_t seed = 13;
    (void)state;
    for (int run = 0; run < 600; run++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const struct type *type = random_type(&arena, &seed, 2);
        struct vector vec, dst;
        struct value values[ROWS], expected[ROWS];
        sel_index sel[ROWS];
        vector_init(&dst, &arena, type, ROWS);
        for (int i = 0; i < ROWS; i++) expected[i] = value_null(type);
        for (int round = 0; round < 3; round++) {
            random_vector(&arena, &seed, type, ROWS, &vec, values);
            if (vec.form == VECTOR_DICT) vector_flatten(&vec, &arena, ROWS);
            bool dense = round == 0;
            int count = dense ? ROWS : random_selection(&seed, ROWS, sel);
            kernel_move(&dst, &vec, dense ? NULL : sel, count, &arena, ROWS);
            for (int i = 0; i < count; i++) expected[dense ? i : sel[i]] = values[dense ? i : sel[i]];
        }
        for (int i = 0; i < ROWS; i++) {
            struct value value = vector_get(&dst, i, &arena);
            assert_int_equal(value_compare(&value, &expected[i]), 0);
        }
        arena_destroy(&arena);
    }
}

const struct CMUnitTest logic_tests[] = {
    cmocka_unit_test(three_valued),
    cmocka_unit_test(selections),
    cmocka_unit_test(moves),
};
const size_t logic_tests_count = sizeof logic_tests / sizeof *logic_tests;
