#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "column/validity.h"

extern const struct CMUnitTest vector_tests[];
extern const size_t vector_tests_count;

static void assert_rows(const struct vector *vec, int from, const struct value *values, int count,
                        struct arena *arena) {
    for (int i = 0; i < count; i++) {
        struct value got = vector_get(vec, from + i, arena);
        assert_int_equal(vector_is_null(vec, from + i), values[i].is_null);
        assert_int_equal(value_compare(&got, &values[i]), 0);
    }
}

static void string_views(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const char *text = "twelve bytesX";
    for (uint32_t len = 0; len <= 13; len++) {
        char *copy = arena_strndup(&arena, text, len);
        struct strview a = strview_make(text, len), b = strview_make(copy, len);
        assert_true(strview_equal(&a, &b));
        assert_int_equal(strview_compare(&a, &b), 0);
        assert_true(str_equal(strview_str(&a), (struct str){text, len}));
        struct strview c = strview_copy(&arena, &a);
        assert_true(strview_equal(&a, &c));
        if (len > STRVIEW_INLINE) assert_ptr_not_equal(strview_data(&c), text);
    }
    struct strview ab = strview_make("ab", 2), abz = strview_make("ab\0", 3), b = strview_make("\xC3\xA4", 2);
    assert_false(strview_equal(&ab, &abz));
    assert_true(strview_compare(&ab, &abz) < 0 && strview_compare(&abz, &ab) > 0 && strview_compare(&ab, &b) < 0);
    struct strview long1 = strview_make("same start, end 1", 17), long2 = strview_make("same start, end 2", 17);
    assert_false(strview_equal(&long1, &long2));
    assert_true(strview_compare(&long1, &long2) < 0);
    arena_destroy(&arena);
}

static void validity_words_by_bits(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        uint64_t bits[4], copy[4];
        for (int i = 0; i < 4; i++) copy[i] = bits[i] = random_next(&seed) | random_next(&seed);
        int from = random_below(&seed, 150), count = random_below(&seed, 65);
        uint64_t word = validity_bits(bits, from, count);
        bool all = true;
        for (int i = 0; i < count; i++) {
            assert_int_equal(word >> i & 1, validity_get(bits, from + i));
            all = all && validity_get(bits, from + i);
        }
        if (count < 64) assert_true(word >> count == 0);
        assert_int_equal(validity_all(bits, from, count), all);
        uint64_t put = random_next(&seed);
        validity_put(copy, from, count, put);
        for (int i = 0; i < 256; i++)
            assert_int_equal(validity_get(copy, i),
                             i >= from && i < from + count ? (put >> (i - from) & 1) != 0 : validity_get(bits, i));
        int filled = random_below(&seed, 256 - from);
        validity_fill(bits, from, filled);
        assert_true(validity_all(bits, from, filled));
        int valid = 0;
        for (int i = 0; i < 200; i++) valid += validity_get(bits, i);
        assert_int_equal(validity_count(bits, 200), valid);
    }
    assert_true(validity_all(NULL, 5, 100));
    assert_int_equal(validity_count(NULL, 9), 9);
}

/* Appends of random pieces of random vectors, in every form and type, against arrays of values. */
static void appends(void **state) {
    (void)state;
    uint64_t seed = 42;
    for (int round = 0; round < 400; round++) {
        struct arena arena, source_arena;
        arena_init(&arena, NULL);
        const struct type *type = random_type(&arena, &seed, 3);
        enum { ROWS = 150, PIECES = 4 };
        struct value expected[ROWS * PIECES];
        struct vector dst;
        vector_init(&dst, &arena, type, ROWS * PIECES);
        int total = 0;
        for (int piece = 0; piece < PIECES; piece++) {
            arena_init(&source_arena, NULL);
            struct value values[ROWS];
            struct vector src;
            int rows = 1 + random_below(&seed, ROWS);
            random_vector(&source_arena, &seed, type, rows, &src, values);
            assert_rows(&src, 0, values, rows, &source_arena);
            sel_index sel[ROWS];
            if (random_below(&seed, 2)) {
                int count = random_selection(&seed, rows, sel);
                vector_append(&dst, &arena, ROWS * PIECES, total, &src, sel, count, true);
                for (int i = 0; i < count; i++) expected[total + i] = value_copy(&arena, &values[sel[i]]);
                total += count;
            } else {
                int from = random_below(&seed, rows);
                vector_append_range(&dst, &arena, ROWS * PIECES, total, &src, from, rows - from, true);
                for (int i = from; i < rows; i++) expected[total++] = value_copy(&arena, &values[i]);
            }
            arena_destroy(&source_arena); /* a deep append borrows nothing */
        }
        assert_rows(&dst, 0, expected, total, &arena);
        arena_destroy(&arena);
    }
}

static void flattening(void **state) {
    (void)state;
    uint64_t seed = 99;
    for (int round = 0; round < 300; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const struct type *type = random_type(&arena, &seed, 3);
        struct value values[100];
        struct vector vec;
        random_vector(&arena, &seed, type, 100, &vec, values);
        vector_flatten(&vec, &arena, 100);
        assert_int_equal(vec.form, VECTOR_FLAT);
        assert_rows(&vec, 0, values, 100, &arena);
        /* A flattened vector is an ordinary one: it can be appended from. */
        struct vector copy;
        vector_init(&copy, &arena, type, 100);
        vector_append(&copy, &arena, 100, 0, &vec, NULL, 100, false);
        assert_rows(&copy, 0, values, 100, &arena);
        arena_destroy(&arena);
    }
}

static void dictionaries_of_other_forms(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct value value = value_i64(type_of(TYPE_INT), 5), got;
    struct vector constant, vec;
    vector_init_const(&constant, &arena, type_of(TYPE_INT), &value);
    sel_index index[] = {2, 0, 1};
    vector_init_dict(&vec, &arena, &constant, 3, index);
    for (int i = 0; i < 3; i++) {
        got = vector_get(&vec, i, &arena);
        assert_int_equal(got.i64, 5);
    }
    arena_destroy(&arena);
}

/* Lists longer than a chunk: more elements than a selection can address. */
static void long_lists(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *type = type_array(&arena, type_of(TYPE_INT), true);
    struct vector vec, copy;
    vector_init(&vec, &arena, type, 3);
    struct value *items = ARENA_ARRAY(&arena, struct value, 100000);
    for (int i = 0; i < 100000; i++) items[i] = i % 7 ? value_i64(type_of(TYPE_INT), i) : value_null(type_of(TYPE_INT));
    struct value list = {.type = type, .list = {items, 100000}};
    for (int row = 0; row < 3; row++) vector_set(&vec, &arena, 3, row, &list);
    vector_init(&copy, &arena, type, 3);
    sel_index sel[] = {2, 0};
    vector_append(&copy, &arena, 3, 0, &vec, sel, 2, true);
    vector_append_range(&copy, &arena, 3, 2, &vec, 1, 1, true);
    for (int row = 0; row < 3; row++) {
        struct value got = vector_get(&copy, row, &arena);
        assert_int_equal(value_compare(&got, &list), 0);
    }
    arena_destroy(&arena);
}

static void chunks(void **state) {
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 100; round++) {
        struct arena arena, source_arena;
        arena_init(&arena, NULL);
        enum { COLUMNS = 3, ROWS = 200 };
        const struct type *types[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) types[c] = random_type(&arena, &seed, 2);
        struct chunk *dst = chunk_create(&arena, COLUMNS, types, 3 * ROWS);
        bool hashed = true;
        int8_t expected_sign[3 * ROWS];
        uint64_t expected_hash[3 * ROWS];
        struct value expected[COLUMNS][3 * ROWS];
        int total = 0;
        if (round % 3 == 0) { /* a chunk that was used before */
            struct chunk one = *chunk_copy(&arena, dst);
            one.row_count = one.sel_count = 0;
            chunk_append(dst, &arena, 3 * ROWS, &one, 0, 0, true);
            chunk_reset(dst);
        }
        for (int piece = 0; piece < 3; piece++) {
            arena_init(&source_arena, NULL);
            struct chunk src = {.column_count = COLUMNS, .row_count = ROWS, .sel_count = ROWS};
            struct vector columns[COLUMNS];
            struct value values[COLUMNS][ROWS];
            for (int c = 0; c < COLUMNS; c++)
                random_vector(&source_arena, &seed, types[c], ROWS, &columns[c], values[c]);
            src.columns = columns;
            int8_t sign[ROWS];
            uint64_t hash[ROWS];
            for (int i = 0; i < ROWS; i++) {
                sign[i] = random_below(&seed, 2) ? 1 : -1;
                hash[i] = random_next(&seed);
            }
            if (random_below(&seed, 2)) src.sign = sign;
            if (random_below(&seed, 4)) src.hash = hash;
            hashed = hashed && src.hash;
            sel_index sel[ROWS];
            if (random_below(&seed, 2)) src = chunk_select(&src, sel, random_selection(&seed, ROWS, sel));
            int from = random_below(&seed, src.sel_count), count = src.sel_count - from;
            chunk_append(dst, &arena, 3 * ROWS, &src, from, count, true);
            for (int i = 0; i < count; i++, total++) {
                int row = chunk_row(&src, from + i);
                expected_sign[total] = src.sign ? src.sign[row] : 1;
                expected_hash[total] = hash[row];
                for (int c = 0; c < COLUMNS; c++) expected[c][total] = value_copy(&arena, &values[c][row]);
            }
            if (piece == 0) {
                struct chunk *copy = chunk_copy(&arena, &src);
                assert_int_equal(copy->row_count, src.sel_count);
                for (int c = 0; c < COLUMNS; c++) assert_rows(&copy->columns[c], from, expected[c], count, &arena);
                chunk_flatten(&src, &source_arena);
                for (int c = 0; c < COLUMNS; c++) assert_rows(&columns[c], 0, values[c], ROWS, &source_arena);
            }
            arena_destroy(&source_arena);
        }
        assert_int_equal(dst->row_count, total);
        assert_int_equal(dst->sel_count, total);
        assert_int_equal(dst->hash != NULL, hashed);
        for (int i = 0; i < total; i++) {
            assert_int_equal(dst->sign ? dst->sign[i] : 1, expected_sign[i]);
            if (dst->hash) assert_true(dst->hash[i] == expected_hash[i]);
        }
        for (int c = 0; c < COLUMNS; c++) assert_rows(&dst->columns[c], 0, expected[c], total, &arena);
        arena_destroy(&arena);
    }
}

const struct CMUnitTest vector_tests[] = {
    cmocka_unit_test(string_views), cmocka_unit_test(validity_words_by_bits),
    cmocka_unit_test(appends),      cmocka_unit_test(flattening),
    cmocka_unit_test(long_lists),   cmocka_unit_test(dictionaries_of_other_forms),
    cmocka_unit_test(chunks),
};
const size_t vector_tests_count = sizeof vector_tests / sizeof *vector_tests;
