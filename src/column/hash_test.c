#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "column/test_data.h"

extern const struct CMUnitTest hash_tests[];
extern const size_t hash_tests_count;

/* Equal rows hash alike whatever the forms and the selection; unequal ones differ (64 bits, a few thousand pairs). */
static void equality(void **state) {
    (void)state;
    uint64_t seed = 4;
    for (int round = 0; round < 300; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        enum { ROWS = 90 };
        const struct type *types[2] = {random_type(&arena, &seed, 2), random_type(&arena, &seed, 2)};
        struct vector columns[2];
        struct value values[2][ROWS];
        for (int c = 0; c < 2; c++) random_vector(&arena, &seed, types[c], ROWS, &columns[c], values[c]);
        struct chunk chunk = {.column_count = 2, .row_count = ROWS, .columns = columns, .sel_count = ROWS};
        uint64_t hash[ROWS], again[ROWS];
        int key[] = {1, 0};
        chunk_hash(&chunk, key, 2, hash);
        sel_index sel[ROWS];
        struct chunk some = chunk_select(&chunk, sel, random_selection(&seed, ROWS, sel));
        chunk_hash(&some, key, 2, again);
        for (int i = 0; i < some.sel_count; i++) assert_true(hash[sel[i]] == again[sel[i]]);
        chunk_flatten(&chunk, &arena);
        chunk_hash(&chunk, key, 2, again);
        for (int i = 0; i < ROWS; i++) {
            assert_true(hash[i] == again[i]);
            for (int j = 0; j < i; j++) {
                bool equal = value_compare(&values[0][i], &values[0][j]) == 0 &&
                             value_compare(&values[1][i], &values[1][j]) == 0;
                assert_int_equal(hash[i] == hash[j], equal);
            }
        }
        arena_destroy(&arena);
    }
}

static void hash_of(const struct value *value, uint64_t *out) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct vector vec;
    vector_init_const(&vec, &arena, value->type, value);
    struct chunk chunk = {.column_count = 1, .row_count = 1, .columns = &vec, .sel_count = 1};
    chunk_hash(&chunk, NULL, 1, out);
    arena_destroy(&arena);
}

/* HASH_VERSION 1: these values are in snapshots. */
static void fixed_values(void **state) {
    (void)state;
    const struct {
        struct value value;
        uint64_t hash;
    } cases[] = {
        {value_i64(type_of(TYPE_BIGINT), 0), UINT64_C(0xE220A8397B1DCDAF)},
        {value_i64(type_of(TYPE_INT), 0), UINT64_C(0xE220A8397B1DCDAF)},
        {value_str(type_of(TYPE_VARCHAR), str_from("")), UINT64_C(0x2D06800538D394C2)},
        {value_null(type_of(TYPE_INT)), UINT64_C(0x6C8E9CF570932BD5)},
        {value_f64(-0.0), UINT64_C(0xE220A8397B1DCDAF)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t hash;
        hash_of(&cases[i].value, &hash);
        assert_true(hash == cases[i].hash);
    }
}

/* Both ends of the hash are used as numbers (key groups: top bits; tables: low bits): neither may clump. */
static void spread(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    enum { ROUNDS = 50 };
    for (int variant = 0; variant < 4; variant++) {
        int top[256] = {0}, low[256] = {0};
        for (int round = 0; round < ROUNDS; round++) {
            struct chunk *chunk = chunk_create(&arena, 3, types, VECTOR_CAPACITY);
            for (int i = 0; i < VECTOR_CAPACITY; i++) {
                int64_t n = round * VECTOR_CAPACITY + i;
                ((int64_t *)chunk->columns[0].data)[i] = n << (variant == 1 ? 32 : 0);
                ((int32_t *)chunk->columns[1].data)[i] = (int32_t)n;
                char text[20];
                int len = snprintf(text, sizeof text, "%d", (int)n);
                ((struct strview *)chunk->columns[2].data)[i] = strview_make(text, (uint32_t)len);
            }
            chunk->row_count = chunk->sel_count = VECTOR_CAPACITY;
            static const int keys[4][2] = {{0, 0}, {0, 0}, {2, 0}, {0, 1}};
            uint64_t hash[VECTOR_CAPACITY];
            chunk_hash(chunk, keys[variant], variant == 3 ? 2 : 1, hash);
            for (int i = 0; i < VECTOR_CAPACITY; i++) {
                top[hash[i] >> 56]++;
                low[hash[i] & 255]++;
            }
            arena_reset(&arena);
        }
        const int mean = ROUNDS * VECTOR_CAPACITY / 256; /* 400, standard deviation 20 */
        for (int i = 0; i < 256; i++) {
            assert_in_range(top[i], mean - 110, mean + 110);
            assert_in_range(low[i], mean - 110, mean + 110);
        }
    }
    arena_destroy(&arena);
}

const struct CMUnitTest hash_tests[] = {
    cmocka_unit_test(equality),
    cmocka_unit_test(fixed_values),
    cmocka_unit_test(spread),
};
const size_t hash_tests_count = sizeof hash_tests / sizeof *hash_tests;
