#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/row.h"
#include "column/test_data.h"

extern const struct CMUnitTest key_tests[];
extern const size_t key_tests_count;

static int compare_keys(const struct strbuf *a, const struct strbuf *b) {
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->data, b->data, len);
    if (order == 0 && a->len != b->len) fail_msg("a key is a prefix of another");
    return order;
}

static int sign(int i) { return (i > 0) - (i < 0); }

/* The order that the flags ask for. */
static int expected_order(const struct value *a, const struct value *b, bool descending, bool nulls_last) {
    if (a->is_null != b->is_null) return a->is_null == nulls_last ? 1 : -1;
    return descending ? -sign(value_compare(a, b)) : sign(value_compare(a, b));
}

static void order_and_round_trip(void **state) {
    (void)state;
    uint64_t seed = 31;
    for (int round = 0; round < 400; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const struct type *type = random_type(&arena, &seed, 3);
        bool descending = random_below(&seed, 2), nulls_last = random_below(&seed, 2);
        enum { COUNT = 24 };
        struct value values[COUNT];
        struct strbuf keys[COUNT] = {0};
        for (int i = 0; i < COUNT; i++) {
            values[i] = random_value(&arena, &seed, type);
            key_encode_value(&keys[i], &values[i], descending, nulls_last);
            struct value back;
            size_t pos = 0;
            assert_true(key_decode_value(strbuf_str(&keys[i]), &pos, type, descending, nulls_last, &arena, &back));
            assert_int_equal(pos, keys[i].len);
            assert_int_equal(value_compare(&back, &values[i]), 0);
            /* Cut short it is refused. */
            for (size_t cut = 0; cut < keys[i].len; cut++) {
                char *part = malloc(cut);
                memcpy(part, keys[i].data, cut);
                pos = 0;
                assert_false(
                    key_decode_value((struct str){part, cut}, &pos, type, descending, nulls_last, &arena, &back));
                free(part);
            }
        }
        for (int i = 0; i < COUNT; i++)
            for (int j = 0; j < COUNT; j++)
                assert_int_equal(sign(compare_keys(&keys[i], &keys[j])),
                                 expected_order(&values[i], &values[j], descending, nulls_last));
        for (int i = 0; i < COUNT; i++) strbuf_free(&keys[i]);
        arena_destroy(&arena);
    }
}

/* Keys of several columns, from chunks, equal those from single values and order column by column. */
static void several_columns(void **state) {
    (void)state;
    uint64_t seed = 17;
    for (int round = 0; round < 100; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        enum { COLUMNS = 3, ROWS = 30 };
        struct vector columns[COLUMNS];
        struct value values[COLUMNS][ROWS];
        struct key_column key[COLUMNS];
        struct chunk chunk = {.column_count = COLUMNS, .row_count = ROWS, .columns = columns, .sel_count = ROWS};
        for (int c = 0; c < COLUMNS; c++) {
            random_vector(&arena, &seed, random_type(&arena, &seed, 2), ROWS, &columns[c], values[c]);
            key[c] = (struct key_column){(c + 1) % COLUMNS, random_below(&seed, 2), random_below(&seed, 2)};
        }
        struct strbuf keys[ROWS] = {0}, single = {0};
        for (int i = 0; i < ROWS; i++) {
            key_encode(&keys[i], &chunk, key, COLUMNS, i);
            strbuf_clear(&single);
            for (int c = 0; c < COLUMNS; c++)
                key_encode_value(&single, &values[key[c].column][i], key[c].descending, key[c].nulls_last);
            assert_int_equal(single.len, keys[i].len);
            assert_memory_equal(single.data, keys[i].data, single.len);
        }
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < ROWS; j++) {
                int want = 0;
                for (int c = 0; c < COLUMNS && want == 0; c++)
                    want = expected_order(&values[key[c].column][i], &values[key[c].column][j], key[c].descending,
                                          key[c].nulls_last);
                assert_int_equal(sign(compare_keys(&keys[i], &keys[j])), want);
            }
        for (int i = 0; i < ROWS; i++) strbuf_free(&keys[i]);
        strbuf_free(&single);
        arena_destroy(&arena);
    }
}

/* The format itself: stored keys outlive versions. */
static void fixed_bytes(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct {
        struct value value;
        bool descending, nulls_last;
        const char *bytes;
        size_t len;
    } cases[] = {
        {value_i64(type_of(TYPE_INT), 1), false, false, "\x01\x80\x00\x00\x01", 5},
        {value_i64(type_of(TYPE_INT), -1), false, false, "\x01\x7F\xFF\xFF\xFF", 5},
        {value_i64(type_of(TYPE_INT), 1), true, false, "\x01\x7F\xFF\xFF\xFE", 5},
        {value_null(type_of(TYPE_INT)), true, false, "\x00", 1},
        {value_null(type_of(TYPE_INT)), false, true, "\x02", 1},
        {value_i64(type_of(TYPE_SMALLINT), 258), false, false, "\x01\x81\x02", 3},
        {value_boolean(true), false, false, "\x01\x01", 2},
        {value_f64(1.0), false, false, "\x01\xBF\xF0\0\0\0\0\0\0", 9},
        {value_f64(-1.0), false, false, "\x01\x40\x0F\xFF\xFF\xFF\xFF\xFF\xFF", 9},
        {value_f64(-0.0), false, false, "\x01\x80\0\0\0\0\0\0\0", 9},
        {value_str(type_of(TYPE_VARCHAR), (struct str){"a\0b", 3}), false, false,
         "\x01"
         "a\0\xFF"
         "b\0\0",
         7},
        {value_str(type_of(TYPE_VARCHAR), (struct str){"a", 1}), true, false, "\x01\x9E\xFF\xFF", 4},
        {value_i64(type_decimal(&arena, 5, 2, true), 123), false, false, "\x01\x80\0\0\0\0\0\0\x7B", 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf key = {0};
        key_encode_value(&key, &cases[i].value, cases[i].descending, cases[i].nulls_last);
        assert_int_equal(key.len, cases[i].len);
        assert_memory_equal(key.data, cases[i].bytes, key.len);
        strbuf_free(&key);
    }
    arena_destroy(&arena);
}

static void malformed(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct value value = value_boolean(true);
    size_t pos = 0;
    assert_false(
        key_decode_value((struct str){"\x03\x01", 2}, &pos, type_of(TYPE_BOOLEAN), false, false, &arena, &value));
    assert_false(key_decode_value((struct str){"\x02", 1}, &pos, type_of(TYPE_BOOLEAN), false, false, &arena, &value));
    assert_false(
        key_decode_value((struct str){"\x01\x02", 2}, &pos, type_of(TYPE_BOOLEAN), false, false, &arena, &value));
    assert_false(
        key_decode_value((struct str){"\x01\x00\x01", 3}, &pos, type_of(TYPE_VARCHAR), false, false, &arena, &value));
    assert_false(key_decode_value((struct str){"\x01", 1}, &pos, type_of(TYPE_NULL), false, false, &arena, &value));
    assert_int_equal(pos, 0);
    assert_true(value.boolean);
    uint64_t seed = 8;
    for (int round = 0; round < 3000; round++) {
        const struct type *type = random_type(&arena, &seed, 3);
        char bytes[40];
        size_t len = (size_t)random_below(&seed, 40);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(random_below(&seed, 3) ? random_below(&seed, 3) : random_below(&seed, 256));
        pos = 0;
        if (key_decode_value((struct str){bytes, len}, &pos, type, false, false, &arena, &value))
            assert_true(pos <= len);
        if (round % 100 == 0) arena_reset(&arena);
    }
    arena_destroy(&arena);
}

const struct CMUnitTest key_tests[] = {
    cmocka_unit_test(order_and_round_trip),
    cmocka_unit_test(several_columns),
    cmocka_unit_test(fixed_bytes),
    cmocka_unit_test(malformed),
};
const size_t key_tests_count = sizeof key_tests / sizeof *key_tests;
