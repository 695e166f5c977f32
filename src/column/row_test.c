#include "column/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"

extern const struct CMUnitTest row_tests[];
extern const size_t row_tests_count;

enum { COLUMNS = 5, ROWS = 130 };

struct sample {
    struct chunk chunk;
    struct vector columns[COLUMNS];
    struct value values[COLUMNS][ROWS];
    const struct type *types[COLUMNS];
    sel_index sel[ROWS];
    struct row_layout layout;
    uint32_t sizes[ROWS];
    uint8_t *rows[ROWS];
    uint64_t hash[ROWS];
};

/* A random chunk, with or without a selection, and its rows. */
static void make_sample(struct sample *s, struct arena *arena, uint64_t *seed, const struct type *const *types) {
    memset(s, 0, sizeof *s);
    for (int c = 0; c < COLUMNS; c++) {
        s->types[c] = types ? types[c] : random_type(arena, seed, 3);
        random_vector(arena, seed, s->types[c], ROWS, &s->columns[c], s->values[c]);
    }
    s->chunk = (struct chunk){.column_count = COLUMNS, .row_count = ROWS, .columns = s->columns, .sel_count = ROWS};
    if (random_below(seed, 2)) s->chunk = chunk_select(&s->chunk, s->sel, random_selection(seed, ROWS, s->sel));
    row_layout_init(&s->layout, arena, COLUMNS, s->types);
    row_sizes(&s->layout, &s->chunk, NULL, s->sizes);
    int key[] = {0, 1};
    chunk_hash(&s->chunk, key, 2, s->hash);
    for (int i = 0; i < s->chunk.sel_count; i++) {
        s->rows[i] = arena_alloc(arena, s->sizes[i]);
        memset(s->rows[i], 0xA5 + i, s->sizes[i]); /* every byte must be written */
    }
    row_encode(&s->layout, &s->chunk, NULL, s->hash, s->sizes, s->rows);
}

static const struct value *sample_value(const struct sample *s, int column, int live) {
    return &s->values[column][chunk_row(&s->chunk, live)];
}

static void layouts(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BOOLEAN),  type_decimal(&arena, 38, 2, true),
                                  type_of(TYPE_SMALLINT), type_of(TYPE_NULL),
                                  type_of(TYPE_DOUBLE),   type_of(TYPE_INT)};
    struct row_layout layout;
    row_layout_init(&layout, &arena, 6, types);
    assert_false(layout.has_heap);
    assert_int_equal(layout.fixed_bytes, 16 + 8 + 16 + 8 + 8);
    for (int i = 0; i < 6; i++) {
        uint32_t size = (uint32_t)phys_size(layout.phys[i]), align = size > 8 ? 8 : size;
        assert_true(layout.offsets[i] >= 24 && layout.offsets[i] + size <= layout.fixed_bytes);
        if (align) assert_int_equal(layout.offsets[i] % align, 0);
    }
    const struct type *many[65];
    for (int i = 0; i < 65; i++) many[i] = type_of(TYPE_TINYINT);
    row_layout_init(&layout, &arena, 65, many);
    assert_int_equal(layout.fixed_bytes, 16 + 16 + 72);
    row_layout_init(&layout, &arena, 0, NULL);
    assert_int_equal(layout.fixed_bytes, 16);
    arena_destroy(&arena);
}

static void round_trips(void **state) {
    (void)state;
    uint64_t seed = 11;
    struct sample *s = malloc(sizeof *s);
    for (int round = 0; round < 150; round++) {
        struct arena arena, out_arena;
        arena_init(&arena, NULL);
        arena_init(&out_arena, NULL);
        make_sample(s, &arena, &seed, NULL);
        int count = s->chunk.sel_count;
        const uint8_t *const *rows = (const uint8_t *const *)s->rows;
        for (int i = 0; i < count; i++) {
            assert_true(row_hash(rows[i]) == s->hash[chunk_row(&s->chunk, i)]);
            assert_int_equal(row_size(rows[i]), s->sizes[i]);
            assert_true(row_validate(&s->layout, rows[i], s->sizes[i]));
            for (int c = 0; c < COLUMNS; c++) {
                const struct value *want = sample_value(s, c, i);
                struct value got = row_get(&s->layout, rows[i], c, &arena);
                assert_int_equal(row_is_null(&s->layout, rows[i], c), want->is_null);
                assert_int_equal(value_compare(&got, want), 0);
            }
        }
        struct chunk *out = row_gather_chunk(&s->layout, rows, count, &out_arena, true);
        /* The same with an offset, behind a row that is there already, borrowing. */
        struct chunk *tail = chunk_create(&arena, COLUMNS, s->types, ROWS + 1);
        for (int c = 0; c < COLUMNS; c++) {
            struct value first = value_copy(&arena, &s->values[c][0]);
            vector_set(&tail->columns[c], &arena, ROWS + 1, 0, &first);
            row_gather(&s->layout, rows, count, c, &tail->columns[c], &arena, ROWS + 1, 1, false);
            struct value got = vector_get(&tail->columns[c], 0, &arena);
            assert_int_equal(value_compare(&got, &first), 0);
            for (int i = 0; i < count; i++) {
                got = vector_get(&tail->columns[c], i + 1, &arena);
                assert_int_equal(value_compare(&got, sample_value(s, c, i)), 0);
            }
        }
        /* A deep gather borrows nothing: the rows may be overwritten. The same chunk gives the same bytes. */
        uint8_t *copies[ROWS];
        for (int i = 0; i < count; i++) copies[i] = arena_memdup(&arena, rows[i], s->sizes[i]);
        for (int i = 0; i < count; i++) memset(s->rows[i], 0xEE, s->sizes[i]);
        uint32_t sizes[ROWS];
        row_sizes(&s->layout, out, NULL, sizes);
        for (int i = 0; i < count; i++) assert_int_equal(sizes[i], row_size(copies[i]));
        row_encode(&s->layout, out, NULL, NULL, sizes, s->rows);
        for (int i = 0; i < count; i++) {
            assert_true(row_hash(s->rows[i]) == 0);
            assert_true(row_same(s->rows[i], copies[i]));
        }
        arena_destroy(&out_arena);
        arena_destroy(&arena);
    }
    free(s);
}

static void matching(void **state) {
    (void)state;
    uint64_t seed = 23;
    struct sample *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    for (int round = 0; round < 150; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        make_sample(a, &arena, &seed, NULL);
        make_sample(b, &arena, &seed, a->types);
        const uint8_t *rows[ROWS];
        sel_index sel[ROWS];
        bool match[ROWS];
        int count = 0;
        if (a->chunk.sel_count == 0 || b->chunk.sel_count == 0) {
            arena_destroy(&arena);
            continue;
        }
        int live[ROWS];
        for (; count < ROWS; count++) {
            live[count] = random_below(&seed, a->chunk.sel_count);
            rows[count] = a->rows[live[count]];
            sel[count] = (sel_index)random_below(&seed, ROWS);
        }
        for (int keys = 0; keys <= 3; keys++) {
            row_match(&a->layout, rows, keys, &b->chunk, NULL, sel, count, match);
            for (int i = 0; i < count; i++) {
                bool want = true;
                for (int c = 0; c < keys; c++)
                    want = want && value_compare(sample_value(a, c, live[i]), &b->values[c][sel[i]]) == 0;
                assert_int_equal(match[i], want);
                assert_int_equal(row_equals_chunk(&a->layout, rows[i], keys, &b->chunk, NULL, sel[i]), want);
            }
            /* Rows against their own chunk, where equality is common. */
            for (int i = 0; i < a->chunk.sel_count; i++) {
                sel_index self = (sel_index)chunk_row(&a->chunk, i);
                const uint8_t *row = a->rows[i];
                bool same;
                row_match(&a->layout, &row, COLUMNS, &a->chunk, NULL, &self, 1, &same);
                assert_true(same);
                int j = random_below(&seed, a->chunk.sel_count);
                bool want = true;
                for (int c = 0; c < keys; c++)
                    want = want && value_compare(sample_value(a, c, i), sample_value(a, c, j)) == 0;
                assert_int_equal(row_equals_row(&a->layout, row, a->rows[j], keys), want);
                if (keys == 2 && want) assert_true(row_hash(row) == row_hash(a->rows[j]));
            }
        }
        arena_destroy(&arena);
    }
    free(a);
    free(b);
}

static void chosen_columns(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    uint64_t seed = 3;
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_INT)};
    struct chunk *chunk = chunk_create(&arena, 2, types, 10);
    struct value values[2][10];
    for (int i = 0; i < 10; i++)
        for (int c = 0; c < 2; c++) {
            values[c][i] = random_value(&arena, &seed, types[c]);
            vector_set(&chunk->columns[c], &arena, 10, i, &values[c][i]);
        }
    chunk->row_count = chunk->sel_count = 10;
    const struct type *swapped[] = {types[1], types[0]};
    int columns[] = {1, 0};
    struct row_layout layout;
    row_layout_init(&layout, &arena, 2, swapped);
    uint32_t sizes[10];
    uint8_t *rows[10];
    row_sizes(&layout, chunk, columns, sizes);
    for (int i = 0; i < 10; i++) rows[i] = arena_alloc(&arena, sizes[i]);
    row_encode(&layout, chunk, columns, NULL, sizes, rows);
    for (int i = 0; i < 10; i++) {
        for (int c = 0; c < 2; c++) {
            struct value got = row_get(&layout, rows[i], c, &arena);
            assert_int_equal(value_compare(&got, &values[columns[c]][i]), 0);
        }
        assert_true(row_equals_chunk(&layout, rows[i], 2, chunk, columns, i));
    }
    arena_destroy(&arena);
}

/* Equal values in different clothes must be equal bytes. */
static void normal_floats(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_DOUBLE), type_of(TYPE_FLOAT),
                                  type_array(&arena, type_of(TYPE_DOUBLE), true)};
    struct chunk *chunk = chunk_create(&arena, 3, types, 4);
    double d[] = {0.0, -0.0, NAN, -NAN};
    for (int i = 0; i < 4; i++) {
        ((double *)chunk->columns[0].data)[i] = d[i];
        ((float *)chunk->columns[1].data)[i] = (float)d[i];
        struct value element = value_f64(d[i]), list = {.type = types[2], .list = {&element, 1}};
        vector_set(&chunk->columns[2], &arena, 4, i, &list);
    }
    chunk->row_count = chunk->sel_count = 4;
    struct row_layout layout;
    row_layout_init(&layout, &arena, 3, types);
    uint32_t sizes[4];
    uint8_t *rows[4];
    row_sizes(&layout, chunk, NULL, sizes);
    for (int i = 0; i < 4; i++) rows[i] = arena_alloc(&arena, sizes[i]);
    row_encode(&layout, chunk, NULL, NULL, sizes, rows);
    assert_true(row_same(rows[0], rows[1]) && row_same(rows[2], rows[3]) && !row_same(rows[0], rows[2]));
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            assert_int_equal(row_equals_chunk(&layout, rows[i], 3, chunk, NULL, j), i / 2 == j / 2);
    arena_destroy(&arena);
}

/* Damaged rows: row_validate says no, or everything can be read without leaving the row (the sanitizer watches). */
static void damaged_rows(void **state) {
    (void)state;
    uint64_t seed = 77;
    struct sample *s = malloc(sizeof *s);
    int refused = 0;
    for (int round = 0; round < 60; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        make_sample(s, &arena, &seed, NULL);
        for (int i = 0; i < s->chunk.sel_count; i++) {
            size_t size = s->sizes[i];
            uint8_t *row = malloc(size);
            memcpy(row, s->rows[i], size);
            for (int k = random_below(&seed, 4); k >= 0; k--)
                row[8 + random_below(&seed, (int)size - 8)] = (uint8_t)random_next(&seed);
            if (!row_validate(&s->layout, row, size)) {
                refused++;
            } else {
                const uint8_t *rows[] = {row};
                row_gather_chunk(&s->layout, rows, 1, &arena, true);
                for (int c = 0; c < COLUMNS; c++) row_get(&s->layout, row, c, &arena);
            }
            for (size_t cut = 0; cut < size; cut += 1 + size / 5) assert_false(row_validate(&s->layout, row, cut));
            free(row);
        }
        arena_destroy(&arena);
    }
    assert_true(refused > 100);
    free(s);
}

static void too_large(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_VARCHAR)};
    struct chunk *chunk = chunk_create(&arena, 2, types, 1);
    for (int c = 0; c < 2; c++)
        ((struct strview *)chunk->columns[c].data)[0] = (struct strview){.len = ROW_MAX_BYTES / 2};
    chunk->row_count = chunk->sel_count = 1;
    struct row_layout layout;
    row_layout_init(&layout, &arena, 2, types);
    uint32_t size;
    row_sizes(&layout, chunk, NULL, &size); /* lengths only: nothing is read */
    assert_int_equal(size, UINT32_MAX);
    for (int c = 0; c < 2; c++) ((struct strview *)chunk->columns[c].data)[0].len = UINT32_MAX - 4;
    row_sizes(&layout, chunk, NULL, &size);
    assert_int_equal(size, UINT32_MAX);
    arena_destroy(&arena);
}

const struct CMUnitTest row_tests[] = {
    cmocka_unit_test(layouts),        cmocka_unit_test(round_trips),   cmocka_unit_test(matching),
    cmocka_unit_test(chosen_columns), cmocka_unit_test(normal_floats), cmocka_unit_test(damaged_rows),
    cmocka_unit_test(too_large),
};
const size_t row_tests_count = sizeof row_tests / sizeof *row_tests;
