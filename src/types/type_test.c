#include "types/type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct CMUnitTest type_tests[];
extern const size_t type_tests_count;

static struct arena arena;
static const struct type *not_null(enum type_id id) { return type_with_nullable(&arena, type_of(id), false); }

static int setup(void **state) {
    (void)state;
    arena_init(&arena, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void physical_forms(void **state) {
    (void)state;
    static const enum phys expected[TYPE_ARRAY] = {
        PHYS_NULL, PHYS_BOOL, PHYS_I8,  PHYS_I16, PHYS_I32, PHYS_I64, PHYS_F32, PHYS_F64, PHYS_I64, PHYS_STR,
        PHYS_STR,  PHYS_STR,  PHYS_STR, PHYS_I32, PHYS_I64, PHYS_I64, PHYS_I64, PHYS_I32, PHYS_I64};
    for (int id = 0; id < TYPE_ARRAY; id++) assert_int_equal(type_phys(type_of((enum type_id)id)), expected[id]);
    assert_int_equal(type_phys(type_decimal(&arena, 18, 0, true)), PHYS_I64);
    assert_int_equal(type_phys(type_decimal(&arena, 19, 0, true)), PHYS_I128);
    const struct type *list = type_array(&arena, type_of(TYPE_INT), true);
    const char *names[] = {"a"};
    assert_int_equal(type_phys(list), PHYS_LIST);
    assert_int_equal(type_phys(type_map(&arena, list, list, true)), PHYS_LIST);
    assert_int_equal(type_phys(type_multiset(&arena, list, true)), PHYS_LIST);
    assert_int_equal(type_phys(type_row(&arena, 1, names, &list, true)), PHYS_ROW);
    assert_int_equal(phys_size(PHYS_I128), 16);
    assert_int_equal(phys_size(PHYS_STR), 16);
    assert_int_equal(phys_size(PHYS_ROW), 0);
}

static void printing(void **state) {
    (void)state;
    const struct type *fields[] = {type_of(TYPE_INT), not_null(TYPE_VARCHAR)};
    const char *names[] = {"a", "we`ird"};
    const struct {
        const struct type *type;
        const char *text;
    } cases[] = {
        {type_of(TYPE_NULL), "NULL"},
        {not_null(TYPE_BOOLEAN), "BOOLEAN NOT NULL"},
        {type_of(TYPE_VARCHAR), "STRING"},
        {type_of(TYPE_VARBINARY), "BYTES"},
        {type_string(&arena, TYPE_VARCHAR, 20, false), "VARCHAR(20) NOT NULL"},
        {type_string(&arena, TYPE_CHAR, 3, true), "CHAR(3)"},
        {type_string(&arena, TYPE_BINARY, 3, true), "BINARY(3)"},
        {type_string(&arena, TYPE_VARBINARY, 3, true), "VARBINARY(3)"},
        {type_decimal(&arena, 10, 2, false), "DECIMAL(10, 2) NOT NULL"},
        {type_of(TYPE_DECIMAL), "DECIMAL(10, 0)"},
        {type_of(TYPE_TIME), "TIME(0)"},
        {type_time(&arena, TYPE_TIMESTAMP, 3, true), "TIMESTAMP(3)"},
        {type_of(TYPE_TIMESTAMP_LTZ), "TIMESTAMP_LTZ(6)"},
        {type_of(TYPE_INTERVAL_YEAR_MONTH), "INTERVAL YEAR TO MONTH"},
        {type_of(TYPE_INTERVAL_DAY_TIME), "INTERVAL DAY TO SECOND(3)"},
        {type_array(&arena, not_null(TYPE_INT), true), "ARRAY<INT NOT NULL>"},
        {type_map(&arena, type_of(TYPE_VARCHAR), type_of(TYPE_DATE), false), "MAP<STRING, DATE> NOT NULL"},
        {type_multiset(&arena, type_of(TYPE_DOUBLE), true), "MULTISET<DOUBLE>"},
        {type_row(&arena, 2, names, fields, true), "ROW<`a` INT, `we``ird` STRING NOT NULL>"},
        {type_row(&arena, 0, NULL, NULL, true), "ROW<>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(type_to_string(&arena, cases[i].type), cases[i].text);
}

static void equality_and_copies(void **state) {
    (void)state;
    const struct type *fields[] = {type_of(TYPE_INT), type_decimal(&arena, 20, 3, false)};
    const char *names[] = {"a", "b"}, *other_names[] = {"a", "c"};
    const struct type *row = type_row(&arena, 2, names, fields, true);
    const struct type *nested = type_array(&arena, type_map(&arena, type_of(TYPE_VARCHAR), row, true), false);
    assert_false(type_equal(row, type_row(&arena, 2, other_names, fields, true)));
    assert_false(type_equal(row, type_row(&arena, 1, names, fields, true)));
    assert_false(type_equal(type_of(TYPE_INT), not_null(TYPE_INT)));
    assert_true(type_equal_but_nullable(type_of(TYPE_INT), not_null(TYPE_INT)));
    assert_false(type_equal_but_nullable(type_array(&arena, type_of(TYPE_INT), true),
                                         type_array(&arena, not_null(TYPE_INT), true)));
    assert_false(type_equal(fields[1], type_decimal(&arena, 20, 2, false)));
    assert_ptr_equal(type_with_nullable(&arena, row, true), row);
    assert_true(type_equal(type_with_nullable(&arena, nested, true), type_array(&arena, nested->children[0], true)));
    assert_int_equal(type_nesting(nested), 3);
    assert_int_equal(type_nesting(fields[0]), 0);

    struct arena other;
    arena_init(&other, NULL);
    struct schema schema = {2, fields, names};
    struct schema *schema_copied;
    const struct type *copied;
    struct arena source;
    arena_init(&source, NULL);
    copied = type_copy(&source, nested);
    copied = type_copy(&other, copied);
    schema_copied = schema_copy(&other, &schema);
    arena_destroy(&source);
    assert_true(type_equal(copied, nested));
    assert_int_equal(schema_copied->column_count, 2);
    assert_string_equal(schema_copied->names[1], "b");
    assert_true(type_equal(schema_copied->types[1], fields[1]));
    arena_destroy(&other);
}

static void children(void **state) {
    (void)state;
    const struct type *set = type_multiset(&arena, type_of(TYPE_DATE), true);
    assert_int_equal(type_child_vectors(set), 2);
    assert_int_equal(type_child(set, 0)->id, TYPE_DATE);
    assert_int_equal(type_child(set, 1)->id, TYPE_INT);
    assert_false(type_child(set, 1)->nullable);
    assert_int_equal(type_child_vectors(type_array(&arena, set, true)), 1);
    for (int id = 0; id < TYPE_ID_COUNT; id++) assert_non_null(type_id_name((enum type_id)id));
}

static void assert_common(const struct type *a, const struct type *b, const char *expected) {
    const struct type *common = type_common(&arena, a, b), *mirrored = type_common(&arena, b, a);
    if (!expected) {
        assert_null(common);
        assert_null(mirrored);
        return;
    }
    assert_string_equal(type_to_string(&arena, common), expected);
    assert_string_equal(type_to_string(&arena, mirrored), expected);
}

static void common_types(void **state) {
    (void)state;
    assert_common(not_null(TYPE_INT), not_null(TYPE_BIGINT), "BIGINT NOT NULL");
    assert_common(not_null(TYPE_TINYINT), type_of(TYPE_SMALLINT), "SMALLINT");
    assert_common(not_null(TYPE_INT), type_of(TYPE_NULL), "INT");
    assert_common(type_of(TYPE_NULL), type_of(TYPE_NULL), "NULL");
    assert_common(type_of(TYPE_INT), type_decimal(&arena, 5, 2, true), "DECIMAL(12, 2)");
    assert_common(type_of(TYPE_BIGINT), type_decimal(&arena, 38, 30, true), "DECIMAL(38, 19)");
    assert_common(type_decimal(&arena, 10, 2, true), type_decimal(&arena, 6, 5, true), "DECIMAL(13, 5)");
    assert_common(type_decimal(&arena, 38, 0, true), type_decimal(&arena, 38, 38, true), "DECIMAL(38, 0)");
    assert_common(type_of(TYPE_FLOAT), type_of(TYPE_SMALLINT), "FLOAT");
    assert_common(type_of(TYPE_FLOAT), type_of(TYPE_INT), "DOUBLE");
    assert_common(type_of(TYPE_FLOAT), type_decimal(&arena, 5, 2, true), "DOUBLE");
    assert_common(type_of(TYPE_DOUBLE), type_of(TYPE_FLOAT), "DOUBLE");
    assert_common(type_string(&arena, TYPE_CHAR, 3, true), type_string(&arena, TYPE_CHAR, 5, true), "VARCHAR(5)");
    assert_common(type_string(&arena, TYPE_CHAR, 3, true), type_string(&arena, TYPE_CHAR, 3, false), "CHAR(3)");
    assert_common(type_string(&arena, TYPE_CHAR, 3, true), type_of(TYPE_VARCHAR), "STRING");
    assert_common(type_string(&arena, TYPE_BINARY, 3, true), type_of(TYPE_VARBINARY), "BYTES");
    assert_common(type_time(&arena, TYPE_TIMESTAMP, 3, true), type_time(&arena, TYPE_TIMESTAMP, 6, true),
                  "TIMESTAMP(6)");
    assert_common(type_time(&arena, TYPE_TIMESTAMP, 3, true), type_time(&arena, TYPE_TIMESTAMP_LTZ, 0, true),
                  "TIMESTAMP_LTZ(3)");
    assert_common(type_of(TYPE_DATE), type_time(&arena, TYPE_TIMESTAMP, 3, false), "TIMESTAMP(3)");
    assert_common(type_of(TYPE_TIME), type_time(&arena, TYPE_TIME, 3, true), "TIME(3)");
    assert_common(type_of(TYPE_INTERVAL_DAY_TIME), type_of(TYPE_INTERVAL_DAY_TIME), "INTERVAL DAY TO SECOND(3)");
    assert_common(type_array(&arena, not_null(TYPE_INT), true), type_array(&arena, type_of(TYPE_BIGINT), true),
                  "ARRAY<BIGINT>");
    assert_common(type_map(&arena, not_null(TYPE_INT), type_of(TYPE_NULL), true),
                  type_map(&arena, not_null(TYPE_INT), not_null(TYPE_DATE), false), "MAP<INT NOT NULL, DATE>");
    assert_common(type_of(TYPE_INT), type_of(TYPE_VARCHAR), NULL);
    assert_common(type_of(TYPE_BOOLEAN), type_of(TYPE_INT), NULL);
    assert_common(type_of(TYPE_DATE), type_of(TYPE_TIME), NULL);
    assert_common(type_of(TYPE_INTERVAL_DAY_TIME), type_of(TYPE_INTERVAL_YEAR_MONTH), NULL);
    assert_common(type_of(TYPE_VARCHAR), type_of(TYPE_VARBINARY), NULL);
    assert_common(type_array(&arena, type_of(TYPE_INT), true), type_array(&arena, type_of(TYPE_VARCHAR), true), NULL);
    assert_common(type_array(&arena, type_of(TYPE_INT), true), type_multiset(&arena, type_of(TYPE_INT), true), NULL);
}

static void decimal_results(void **state) {
    (void)state;
    const struct {
        char op;
        int p1, s1, p2, s2;
        const char *expected;
    } cases[] = {
        {'*', 4, 3, 19, 0, "DECIMAL(24, 3)"},    {'+', 10, 2, 5, 4, "DECIMAL(13, 4)"},
        {'-', 38, 10, 38, 10, "DECIMAL(38, 9)"}, {'*', 38, 10, 38, 10, "DECIMAL(38, 6)"},
        {'*', 20, 2, 20, 2, "DECIMAL(38, 4)"},   {'/', 10, 2, 5, 2, "DECIMAL(18, 8)"},
        {'/', 5, 0, 1, 0, "DECIMAL(11, 6)"},     {'/', 38, 10, 38, 10, "DECIMAL(38, 6)"},
        {'%', 10, 2, 5, 3, "DECIMAL(5, 3)"},     {'%', 10, 0, 5, 0, "DECIMAL(5, 0)"},
        {'%', 3, 3, 5, 0, "DECIMAL(3, 3)"},      {'+', 38, 0, 38, 38, "DECIMAL(38, 6)"},
        {'+', 38, 2, 38, 2, "DECIMAL(38, 2)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct type *a = type_decimal(&arena, cases[i].p1, cases[i].s1, true);
        const struct type *b = type_decimal(&arena, cases[i].p2, cases[i].s2, false);
        assert_string_equal(type_to_string(&arena, type_decimal_result(&arena, cases[i].op, a, b)), cases[i].expected);
    }
    /* Integers are decimals of their digits; no operand may lead outside the limits. */
    assert_string_equal(
        type_to_string(&arena, type_decimal_result(&arena, '+', not_null(TYPE_INT), type_decimal(&arena, 3, 1, false))),
        "DECIMAL(12, 1) NOT NULL");
    for (int p1 = 1; p1 <= 38; p1 += 3)
        for (int s1 = 0; s1 <= p1; s1++)
            for (int p2 = 1; p2 <= 38; p2 += 3)
                for (int s2 = 0; s2 <= p2; s2++)
                    for (const char *op = "+-*/%"; *op; op++) {
                        const struct type *result = type_decimal_result(&arena, *op, type_decimal(&arena, p1, s1, true),
                                                                        type_decimal(&arena, p2, s2, true));
                        assert_true(result->precision >= 1 && result->precision <= 38 &&
                                    result->scale <= result->precision);
                    }
}

const struct CMUnitTest type_tests[] = {
    cmocka_unit_test_setup_teardown(physical_forms, setup, teardown),
    cmocka_unit_test_setup_teardown(printing, setup, teardown),
    cmocka_unit_test_setup_teardown(equality_and_copies, setup, teardown),
    cmocka_unit_test_setup_teardown(children, setup, teardown),
    cmocka_unit_test_setup_teardown(common_types, setup, teardown),
    cmocka_unit_test_setup_teardown(decimal_results, setup, teardown),
};
const size_t type_tests_count = sizeof type_tests / sizeof *type_tests;
