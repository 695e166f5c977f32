#include "types/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "types/decimal.h"
#include "types/time.h"

extern const struct CMUnitTest value_tests[];
extern const size_t value_tests_count;

static void comparing(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *wide = type_decimal(&arena, 38, 0, true), *list = type_array(&arena, type_of(TYPE_INT), true);
    struct value one = value_i64(type_of(TYPE_INT), 1), two = value_i64(type_of(TYPE_INT), 2);
    struct value null = value_null(type_of(TYPE_INT)), items[] = {one, two, one, null};
    struct value floats[] = {{.type = type_of(TYPE_FLOAT), .f32 = -1}, {.type = type_of(TYPE_FLOAT), .f32 = NAN}};
    /* Each smaller than the next of its type. */
    const struct value ascending[][6] = {
        {null, value_i64(type_of(TYPE_INT), -5), one, two, value_i64(type_of(TYPE_INT), INT32_MAX)},
        {value_null(type_of(TYPE_BOOLEAN)), value_boolean(false), value_boolean(true)},
        {value_f64(-INFINITY), value_f64(-1), value_f64(0), value_f64(1), value_f64(INFINITY), value_f64(NAN)},
        {floats[0], floats[1]},
        {value_str(type_of(TYPE_VARCHAR), str_from("")), value_str(type_of(TYPE_VARCHAR), str_from("a")),
         value_str(type_of(TYPE_VARCHAR), (struct str){"a\0", 2}), value_str(type_of(TYPE_VARCHAR), str_from("b")),
         value_str(type_of(TYPE_VARCHAR), str_from("ä"))},
        {value_from_decimal(wide, -decimal_pow10(37)), value_from_decimal(wide, -1), value_from_decimal(wide, 0),
         value_from_decimal(wide, decimal_pow10(37))},
        {{.type = list, .list = {items, 0}},
         {.type = list, .list = {items + 3, 1}},
         {.type = list, .list = {items, 1}},
         {.type = list, .list = {items + 2, 2}},
         {.type = list, .list = {items, 2}}},
    };
    for (size_t k = 0; k < sizeof ascending / sizeof *ascending; k++)
        for (int i = 0; i < 6 && ascending[k][i].type; i++)
            for (int j = 0; j < 6 && ascending[k][j].type; j++) {
                int order = value_compare(&ascending[k][i], &ascending[k][j]);
                assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            }
    struct value zero = value_f64(0.0), minus_zero = value_f64(-0.0), nan1 = value_f64(NAN), nan2 = value_f64(-NAN);
    assert_int_equal(value_compare(&zero, &minus_zero), 0);
    assert_int_equal(value_compare(&nan1, &nan2), 0);
    struct value untyped = value_null(type_of(TYPE_NULL));
    assert_int_equal(value_compare(&untyped, &untyped), 0);
    arena_destroy(&arena);
}

/* One value of each kind with its two texts. */
static void texts(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct time_zone *zone;
    assert_int_equal(time_zone_find(str_from("+02:00"), &zone, NULL), STATUS_OK);
    struct value one = value_i64(type_of(TYPE_INT), 1), null = value_null(type_of(TYPE_INT));
    struct value name = value_str(type_of(TYPE_VARCHAR), str_from("o'k")), pair[] = {one, name}, ints[] = {one, null};
    struct value counts[] = {name, one};
    const char *names[] = {"a", "b"};
    const struct type *fields[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type *array = type_array(&arena, type_of(TYPE_INT), true);
    struct value f = {.type = type_of(TYPE_FLOAT), .f32 = 0.1F};
    const struct {
        struct value value;
        const char *text, *sql;
    } cases[] = {
        {value_null(type_of(TYPE_NULL)), "NULL", "NULL"},
        {null, "NULL", "CAST(NULL AS INT)"},
        {value_boolean(true), "TRUE", "TRUE"},
        {value_boolean(false), "FALSE", "FALSE"},
        {value_i64(type_of(TYPE_TINYINT), -5), "-5", "-5"},
        {value_i64(type_of(TYPE_BIGINT), INT64_MIN), "-9223372036854775808", "CAST('-9223372036854775808' AS BIGINT)"},
        {value_f64(1.5), "1.5", "1.5E0"},
        {value_f64(1e10), "1.0E10", "1.0E10"},
        {value_f64(NAN), "NaN", "CAST('NaN' AS DOUBLE)"},
        {value_f64(-INFINITY), "-Infinity", "CAST('-Infinity' AS DOUBLE)"},
        {f, "0.1", "CAST('0.1' AS FLOAT)"},
        {value_from_decimal(type_decimal(&arena, 10, 2, true), -1230), "-12.30", "-12.30"},
        {value_from_decimal(type_decimal(&arena, 30, 2, true), 5), "0.05", "0.05"},
        {name, "o'k", "'o''k'"},
        {value_str(type_of(TYPE_VARBINARY), (struct str){"\0\xAB", 2}), "x'00ab'", "X'00AB'"},
        {value_i64(type_of(TYPE_DATE), 0), "1970-01-01", "DATE '1970-01-01'"},
        {value_i64(type_time(&arena, TYPE_TIME, 3, true), 1500000), "00:00:00.001", "TIME '00:00:00.001'"},
        {value_i64(type_time(&arena, TYPE_TIMESTAMP, 3, true), 1500000), "1970-01-01 00:00:01.500",
         "TIMESTAMP '1970-01-01 00:00:01.500'"},
        {value_i64(type_time(&arena, TYPE_TIMESTAMP_LTZ, 0, true), 0), "1970-01-01 02:00:00",
         "CAST('1970-01-01 00:00:00Z' AS TIMESTAMP_LTZ(0))"},
        {value_i64(type_time(&arena, TYPE_TIMESTAMP_LTZ, 9, true), 1), "1970-01-01 02:00:00.000000001",
         "CAST('1970-01-01 00:00:00.000000001Z' AS TIMESTAMP_LTZ(9))"},
        {value_i64(type_of(TYPE_INTERVAL_YEAR_MONTH), 14), "+1-02", "INTERVAL '+1-02' YEAR TO MONTH"},
        {value_i64(type_of(TYPE_INTERVAL_DAY_TIME), -1500), "-0 00:00:01.500",
         "INTERVAL '-0 00:00:01.500' DAY TO SECOND(3)"},
        {{.type = array, .list = {ints, 2}}, "[1, NULL]", "ARRAY[1, CAST(NULL AS INT)]"},
        {{.type = array, .list = {NULL, 0}}, "[]", "CAST(ARRAY[] AS ARRAY<INT>)"},
        {{.type = type_map(&arena, fields[0], fields[1], true), .list = {pair, 1}}, "{1=o'k}", "MAP[1, 'o''k']"},
        {{.type = type_multiset(&arena, fields[1], true), .list = {counts, 1}}, "{o'k=1}", "MULTISET['o''k', 1]"},
        {{.type = type_row(&arena, 2, names, fields, true), .list = {pair, 2}}, "(1, o'k)", "ROW(1, 'o''k')"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf buf = {0};
        value_print(&buf, &cases[i].value, zone);
        assert_string_equal(buf.data, cases[i].text);
        strbuf_clear(&buf);
        value_print_sql(&buf, &cases[i].value);
        assert_string_equal(buf.data, cases[i].sql);
        strbuf_free(&buf);
        struct value copy = value_copy(&arena, &cases[i].value);
        assert_int_equal(value_compare(&copy, &cases[i].value), 0);
        if (!copy.is_null && type_phys(copy.type) == PHYS_STR)
            assert_ptr_not_equal(copy.str.data, cases[i].value.str.data);
    }
    arena_destroy(&arena);
}

const struct CMUnitTest value_tests[] = {
    cmocka_unit_test(comparing),
    cmocka_unit_test(texts),
};
const size_t value_tests_count = sizeof value_tests / sizeof *value_tests;
