#include "types/cast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

extern const struct CMUnitTest cast_tests[];
extern const size_t cast_tests_count;

static struct arena arena;
static const struct time_zone *berlin;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, NULL);
    return time_zone_find(str_from("Europe/Berlin"), &berlin, NULL) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* The types of the cases below, by name. */
static const struct type *named(const char *name) {
    int a, b;
    if (sscanf(name, "DECIMAL(%d,%d)", &a, &b) == 2) return type_decimal(&arena, a, b, true);
    if (sscanf(name, "CHAR(%d)", &a) == 1) return type_string(&arena, TYPE_CHAR, a, true);
    if (sscanf(name, "VARCHAR(%d)", &a) == 1) return type_string(&arena, TYPE_VARCHAR, a, true);
    if (sscanf(name, "BINARY(%d)", &a) == 1) return type_string(&arena, TYPE_BINARY, a, true);
    if (sscanf(name, "TIME(%d)", &a) == 1) return type_time(&arena, TYPE_TIME, a, true);
    if (sscanf(name, "TIMESTAMP(%d)", &a) == 1) return type_time(&arena, TYPE_TIMESTAMP, a, true);
    if (sscanf(name, "LTZ(%d)", &a) == 1) return type_time(&arena, TYPE_TIMESTAMP_LTZ, a, true);
    if (strcmp(name, "STRING") == 0) return type_of(TYPE_VARCHAR);
    if (strcmp(name, "BYTES") == 0) return type_of(TYPE_VARBINARY);
    for (int id = 0; id < TYPE_ARRAY; id++)
        if (strcmp(name, type_id_name((enum type_id)id)) == 0) return type_of((enum type_id)id);
    fail_msg("%s", name);
    return NULL;
}

/* A value of the type, made from a string by CAST itself (the text cases below show that this works). */
static struct value made(const char *type, const char *text) {
    struct value string = value_str(type_of(TYPE_VARCHAR), str_from(text)), out;
    struct error err;
    if (value_cast(&arena, &string, named(type), NULL, &out, &err) != STATUS_OK) fail_msg("%s", err.message);
    return out;
}

enum { BAD = STATUS_INVALID_CAST, RANGE = STATUS_OUT_OF_RANGE };

static const struct {
    const char *from, *text, *to;
    const char *expected; /* as text; NULL: an error */
    int status;
} cases[] = {
    /* text to others */
    {"STRING", " 12 ", "INT", "12", 0},
    {"STRING", "-128", "TINYINT", "-128", 0},
    {"STRING", "128", "TINYINT", NULL, RANGE},
    {"STRING", "12.9", "INT", "12", 0},
    {"STRING", "-.5", "INT", "0", 0},
    {"STRING", "-9223372036854775808.9", "BIGINT", "-9223372036854775808", 0},
    {"STRING", "9223372036854775808", "BIGINT", NULL, RANGE},
    {"STRING", "12x", "INT", NULL, BAD},
    {"STRING", "", "INT", NULL, BAD},
    {"STRING", ".", "INT", NULL, BAD},
    {"STRING", "1e3", "INT", NULL, BAD},
    {"STRING", "1.5e3", "DOUBLE", "1500.0", 0},
    {"STRING", "abc", "DOUBLE", NULL, BAD},
    {"STRING", "0.1", "FLOAT", "0.1", 0},
    {"STRING", "16777217.0000001", "FLOAT", "1.6777218E7", 0},
    {"STRING", "16777217", "FLOAT", "1.6777216E7", 0},
    {"STRING", "12.345", "DECIMAL(5,2)", "12.35", 0},
    {"STRING", "1234.5", "DECIMAL(5,2)", NULL, RANGE},
    {"STRING", "1,5", "DECIMAL(5,2)", NULL, BAD},
    {"STRING", " True ", "BOOLEAN", "TRUE", 0},
    {"STRING", "n", "BOOLEAN", "FALSE", 0},
    {"STRING", "1", "BOOLEAN", "TRUE", 0},
    {"STRING", "2", "BOOLEAN", NULL, BAD},
    {"STRING", "2024-02-30", "DATE", NULL, BAD},
    {"STRING", "2024-2-3", "DATE", "2024-02-03", 0},
    {"STRING", "10:11:12.129", "TIME(2)", "10:11:12.12", 0},
    {"STRING", "25:00", "TIME(0)", NULL, BAD},
    {"STRING", "2024-02-03T10:11:12.129", "TIMESTAMP(2)", "2024-02-03 10:11:12.12", 0},
    {"STRING", "yesterday", "TIMESTAMP(3)", NULL, BAD},
    {"STRING", "2024-07-01 12:00:00", "LTZ(0)", "2024-07-01 12:00:00", 0},
    {"STRING", "2024-07-01 12:00:00Z", "LTZ(0)", "2024-07-01 14:00:00", 0},
    {"STRING", "hello", "VARCHAR(3)", "hel", 0},
    {"STRING", "häß€", "VARCHAR(3)", "häß", 0},
    {"STRING", "hé", "CHAR(4)", "hé  ", 0},
    {"STRING", "hello", "CHAR(4)", "hell", 0},
    {"STRING", "", "CHAR(2)", "  ", 0},
    {"STRING", "ab", "BYTES", "ab", 0},
    {"STRING", "ab", "BINARY(1)", "a", 0},
    /* numbers */
    {"INT", "300", "TINYINT", NULL, RANGE},
    {"INT", "-128", "TINYINT", "-128", 0},
    {"TINYINT", "7", "BIGINT", "7", 0},
    {"BIGINT", "2147483648", "INT", NULL, RANGE},
    {"BIGINT", "9007199254740993", "DOUBLE", "9.007199254740992E15", 0},
    {"INT", "16777217", "FLOAT", "1.6777216E7", 0},
    {"INT", "5", "DECIMAL(5,2)", "5.00", 0},
    {"INT", "5000", "DECIMAL(5,2)", NULL, RANGE},
    {"INT", "5", "STRING", "5", 0},
    {"INT", "12345", "VARCHAR(3)", "123", 0},
    {"INT", "0", "BOOLEAN", "FALSE", 0},
    {"INT", "-3", "BOOLEAN", "TRUE", 0},
    {"DOUBLE", "2.9", "INT", "2", 0},
    {"DOUBLE", "-2.9", "INT", "-2", 0},
    {"DOUBLE", "2147483647.9", "INT", "2147483647", 0},
    {"DOUBLE", "2147483648", "INT", NULL, RANGE},
    {"DOUBLE", "9223372036854775807", "BIGINT", NULL, RANGE},
    {"DOUBLE", "-9223372036854775808", "BIGINT", "-9223372036854775808", 0},
    {"DOUBLE", "NaN", "INT", NULL, RANGE},
    {"DOUBLE", "-Infinity", "BIGINT", NULL, RANGE},
    {"DOUBLE", "1e39", "FLOAT", "Infinity", 0},
    {"DOUBLE", "1.005", "DECIMAL(5,2)", "1.01", 0},
    {"DOUBLE", "NaN", "DECIMAL(5,2)", NULL, RANGE},
    {"DOUBLE", "0.0", "BOOLEAN", "FALSE", 0},
    {"DOUBLE", "NaN", "BOOLEAN", "TRUE", 0},
    {"FLOAT", "2.5", "DOUBLE", "2.5", 0},
    {"FLOAT", "2.5", "DECIMAL(5,1)", "2.5", 0},
    {"FLOAT", "3e9", "INT", NULL, RANGE},
    {"DECIMAL(10,2)", "12.99", "INT", "12", 0},
    {"DECIMAL(10,2)", "-12.99", "INT", "-12", 0},
    {"DECIMAL(38,2)", "99999999999999999999.99", "BIGINT", NULL, RANGE},
    {"DECIMAL(38,30)", "12.5", "SMALLINT", "12", 0},
    {"DECIMAL(10,2)", "12.35", "DECIMAL(10,1)", "12.4", 0},
    {"DECIMAL(10,2)", "12.35", "DECIMAL(30,20)", "12.35000000000000000000", 0},
    {"DECIMAL(10,2)", "99.95", "DECIMAL(3,1)", NULL, RANGE},
    {"DECIMAL(10,2)", "0.10", "DOUBLE", "0.1", 0},
    {"DECIMAL(20,10)", "16777217.0000000001", "FLOAT", "1.6777218E7", 0},
    {"DECIMAL(10,2)", "0.00", "BOOLEAN", "FALSE", 0},
    {"DECIMAL(10,2)", "12.50", "STRING", "12.50", 0},
    {"BOOLEAN", "true", "INT", "1", 0},
    {"BOOLEAN", "true", "DECIMAL(3,1)", "1.0", 0},
    {"BOOLEAN", "true", "DECIMAL(2,2)", NULL, RANGE},
    {"BOOLEAN", "false", "DOUBLE", "0.0", 0},
    {"BOOLEAN", "false", "STRING", "FALSE", 0},
    {"BOOLEAN", "true", "CHAR(6)", "TRUE  ", 0},
    /* times; the zone is Europe/Berlin */
    {"DATE", "2024-07-01", "TIMESTAMP(3)", "2024-07-01 00:00:00.000", 0},
    {"DATE", "2024-07-01", "TIMESTAMP(9)", "2024-07-01 00:00:00.000000000", 0},
    {"DATE", "2500-07-01", "TIMESTAMP(9)", NULL, RANGE},
    {"DATE", "2024-07-01", "LTZ(0)", "2024-07-01 00:00:00", 0},
    {"DATE", "2024-07-01", "STRING", "2024-07-01", 0},
    {"DATE", "2024-07-01", "VARCHAR(4)", "2024", 0},
    {"TIME(9)", "10:11:12.123456789", "TIME(1)", "10:11:12.1", 0},
    {"TIME(9)", "10:11:12.123456789", "TIMESTAMP(9)", "1970-01-01 10:11:12.123456789", 0},
    {"TIME(3)", "10:11:12.123", "STRING", "10:11:12.123", 0},
    {"TIMESTAMP(9)", "2024-07-01 10:11:12.123456789", "DATE", "2024-07-01", 0},
    {"TIMESTAMP(3)", "1969-12-31 23:59:59.999", "DATE", "1969-12-31", 0},
    {"TIMESTAMP(9)", "2024-07-01 10:11:12.123456789", "TIME(9)", "10:11:12.123456789", 0},
    {"TIMESTAMP(9)", "2024-07-01 10:11:12.123456789", "TIMESTAMP(3)", "2024-07-01 10:11:12.123", 0},
    {"TIMESTAMP(3)", "2024-07-01 10:11:12.123", "TIMESTAMP(9)", "2024-07-01 10:11:12.123000000", 0},
    {"TIMESTAMP(3)", "2500-07-01 10:11:12.123", "TIMESTAMP(9)", NULL, RANGE},
    {"TIMESTAMP(9)", "2024-07-01 10:11:12.123456789", "LTZ(9)", "2024-07-01 10:11:12.123456789", 0},
    {"LTZ(9)", "2024-07-01 10:11:12.123456789Z", "TIMESTAMP(9)", "2024-07-01 12:11:12.123456789", 0},
    {"LTZ(0)", "2024-07-01 23:30:00Z", "DATE", "2024-07-02", 0},
    {"LTZ(0)", "2024-07-01 23:30:00Z", "TIME(0)", "01:30:00", 0},
    {"LTZ(0)", "2024-07-01 23:30:00Z", "STRING", "2024-07-02 01:30:00", 0},
    {"LTZ(0)", "2024-01-01 23:30:00Z", "STRING", "2024-01-02 00:30:00", 0},
    /* bytes */
    {"BYTES", "ab", "STRING", "ab", 0},
    {"BYTES",
     "a\xFF"
     "b",
     "STRING",
     "a\xEF\xBF\xBD"
     "b",
     0},
    {"BYTES", "abc", "BINARY(2)", "ab", 0},
    /* no such casts */
    {"INT", "1", "DATE", NULL, BAD},
    {"DATE", "2024-07-01", "INT", NULL, BAD},
    {"DATE", "2024-07-01", "TIME(0)", NULL, BAD},
    {"BYTES", "1", "INT", NULL, BAD},
    {"BOOLEAN", "true", "TIMESTAMP(3)", NULL, BAD},
};

static void scalars(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value value = made(cases[i].from, cases[i].text), out = value_boolean(true);
        const struct type *to = named(cases[i].to);
        struct error err;
        enum status status = value_cast(&arena, &value, to, berlin, &out, &err);
        if (!cases[i].expected) {
            if (status != (enum status)cases[i].status) fail_msg("%s as %s", cases[i].text, cases[i].to);
            assert_int_equal(err.code, status);
            assert_true(out.boolean && out.type == type_of(TYPE_BOOLEAN));
            assert_true(!cast_allowed(value.type, to) || cast_fallible(value.type, to));
            continue;
        }
        if (status != STATUS_OK) fail_msg("%s as %s: %s", cases[i].text, cases[i].to, err.message);
        assert_true(cast_allowed(value.type, to));
        assert_true(type_equal(out.type, to));
        struct strbuf buf = {0};
        if (!type_is_bytes(to))
            value_print(&buf, &out, berlin);
        else
            strbuf_add(&buf, out.str.data, out.str.len);
        assert_string_equal(buf.data, cases[i].expected);
        strbuf_free(&buf);
    }
}

static void messages(void **state) {
    (void)state;
    struct error err;
    struct value value = made("STRING", "12x"), out;
    value_cast(&arena, &value, type_with_nullable(&arena, type_of(TYPE_INT), false), NULL, &out, &err);
    assert_string_equal(err.message, "cannot cast '12x' to INT");
    value = made("INT", "1000");
    value_cast(&arena, &value, type_of(TYPE_TINYINT), NULL, &out, &err);
    assert_string_equal(err.message, "1000 is out of range for TINYINT");
    value_cast(&arena, &value, type_of(TYPE_DATE), NULL, &out, &err);
    assert_string_equal(err.message, "there is no cast from INT to DATE");
    char text[300];
    memset(text, 'x', sizeof text);
    memcpy(text + 99, "\xC3\xA4", 2); /* is not cut in two */
    cast_error(CAST_BAD_VALUE, (struct str){text, sizeof text}, type_of(TYPE_INT), &err);
    assert_int_equal(strlen(err.message), strlen("cannot cast '") + 99 + strlen("…' to INT"));
    assert_int_equal(cast_error(CAST_OUT_OF_RANGE, str_from("1"), type_of(TYPE_INT), NULL), STATUS_OUT_OF_RANGE);
}

static void nested(void **state) {
    (void)state;
    struct value items[] = {made("INT", "1"), value_null(type_of(TYPE_INT)), made("INT", "300")}, out;
    const struct type *ints = type_array(&arena, type_of(TYPE_INT), true);
    struct value list = {.type = ints, .list = {items, 3}};
    struct strbuf buf = {0};
    assert_int_equal(value_cast(&arena, &list, type_array(&arena, named("DECIMAL(5,1)"), true), NULL, &out, NULL),
                     STATUS_OK);
    value_print(&buf, &out, NULL);
    assert_string_equal(buf.data, "[1.0, NULL, 300.0]");
    assert_int_equal(value_cast(&arena, &list, type_array(&arena, named("TINYINT"), true), NULL, &out, NULL),
                     STATUS_OUT_OF_RANGE);
    assert_int_equal(value_cast(&arena, &list, named("VARCHAR(7)"), NULL, &out, NULL), STATUS_OK);
    assert_true(str_equal(out.str, str_from("[1, NUL")));
    assert_int_equal(value_cast(&arena, &list, named("INT"), NULL, &out, NULL), STATUS_INVALID_CAST);
    struct value set = {.type = type_multiset(&arena, type_of(TYPE_INT), true), .list = {items + 1, 1}};
    assert_int_equal(value_cast(&arena, &set, type_multiset(&arena, named("STRING"), true), NULL, &out, NULL),
                     STATUS_OK);
    strbuf_clear(&buf);
    value_print(&buf, &out, NULL);
    assert_string_equal(buf.data, "{NULL=300}");
    strbuf_free(&buf);
    assert_false(cast_allowed(ints, type_array(&arena, type_array(&arena, type_of(TYPE_INT), true), true)));
    assert_true(cast_fallible(ints, type_array(&arena, named("TINYINT"), true)));
    assert_false(cast_fallible(ints, type_array(&arena, named("BIGINT"), true)));
}

static void nulls_and_same(void **state) {
    (void)state;
    struct value null = value_null(type_of(TYPE_NULL)), out;
    assert_int_equal(value_cast(&arena, &null, named("DATE"), NULL, &out, NULL), STATUS_OK);
    assert_true(out.is_null && out.type->id == TYPE_DATE);
    struct value text = made("STRING", "same");
    assert_int_equal(value_cast(&arena, &text, type_with_nullable(&arena, named("STRING"), false), NULL, &out, NULL),
                     STATUS_OK);
    assert_true(str_equal(out.str, text.str) && out.str.data != text.str.data && !out.type->nullable);
}

/* Whatever cast_fallible says cannot fail does not, at the ends of every type's range. */
static void infallible(void **state) {
    (void)state;
    static const char *const types[] = {"BOOLEAN",
                                        "TINYINT",
                                        "SMALLINT",
                                        "INT",
                                        "BIGINT",
                                        "FLOAT",
                                        "DOUBLE",
                                        "DECIMAL(5,2)",
                                        "DECIMAL(18,0)",
                                        "DECIMAL(38,5)",
                                        "DATE",
                                        "TIME(0)",
                                        "TIME(9)",
                                        "TIMESTAMP(0)",
                                        "TIMESTAMP(6)",
                                        "TIMESTAMP(9)",
                                        "LTZ(3)",
                                        "LTZ(8)",
                                        "STRING",
                                        "CHAR(3)",
                                        "BYTES",
                                        "BINARY(3)",
                                        "DECIMAL(2,0)",
                                        "INTERVAL YEAR TO MONTH",
                                        "INTERVAL DAY TO SECOND",
                                        "DECIMAL(4,0)"};
    enum { COUNT = sizeof types / sizeof *types };
    for (int i = 0; i < COUNT; i++) {
        const struct type *from = named(types[i]);
        struct value ends[2] = {{.type = from}, {.type = from}};
        for (int end = 0; end < 2; end++) {
            struct value *v = &ends[end];
            int64_t min, max;
            switch (from->id) {
            case TYPE_BOOLEAN: v->boolean = end; break;
            case TYPE_FLOAT: v->f32 = end ? 3e38F : -INFINITY; break;
            case TYPE_DOUBLE: v->f64 = end ? 1e308 : NAN; break;
            case TYPE_DECIMAL:
                *v = value_from_decimal(from,
                                        end ? decimal_pow10(from->precision) - 1 : 1 - decimal_pow10(from->precision));
                break;
            case TYPE_TINYINT:
            case TYPE_SMALLINT:
            case TYPE_INT:
            case TYPE_BIGINT:
                cast_int_range(from->id, &min, &max);
                v->i64 = end ? max : min;
                break;
            case TYPE_DATE:
            case TYPE_INTERVAL_YEAR_MONTH: v->i64 = end ? INT32_MAX : INT32_MIN; break;
            case TYPE_TIME: v->i64 = end ? NANOS_PER_DAY - 1 : 0; break;
            case TYPE_CHAR:
            case TYPE_VARCHAR:
            case TYPE_BINARY:
            case TYPE_VARBINARY: v->str = end ? (struct str){"\xFF\xF0\x9F", 3} : (struct str){"", 0}; break;
            default: v->i64 = end ? INT64_MAX : INT64_MIN;
            }
        }
        for (int j = 0; j < COUNT; j++) {
            const struct type *to = named(types[j]);
            if (!cast_allowed(from, to)) continue;
            for (int end = 0; end < 2; end++)
                for (int zoned = 0; zoned < 2; zoned++) {
                    struct value out;
                    struct error err;
                    enum status status = value_cast(&arena, &ends[end], to, zoned ? berlin : NULL, &out, &err);
                    if (status != STATUS_OK && !cast_fallible(from, to))
                        fail_msg("%s to %s: %s", types[i], types[j], err.message);
                }
        }
    }
}

static void utf8(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *text;
    } texts[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xC3\xA4", "\xC3\xA4"},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\xC0\x80", "??"},
        {"\xED\xA0\x80", "???"},
        {"\xF4\x90\x80\x80", "????"},
        {"\xE2\x82", "?"},
        {"\xE2\x82z", "?z"},
        {"\x80", "?"},
        {"12345678\xFF", "12345678?"},
        {"\xF0\x9F\x98", "?"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct str got = cast_bytes_to_text(&arena, str_from(texts[i].bytes));
        struct strbuf expected = {0};
        for (const char *p = texts[i].text; *p; p++)
            if (*p == '?')
                strbuf_puts(&expected, "\xEF\xBF\xBD");
            else
                strbuf_putc(&expected, *p);
        assert_int_equal(got.len, expected.len);
        if (got.len) assert_memory_equal(got.data, expected.data, got.len);
        strbuf_free(&expected);
    }
    /* Code points are counted even where the text is no UTF-8. */
    struct str cut = cast_fit_text(&arena, str_from("\x80\x80z"), named("VARCHAR(1)"));
    assert_int_equal(cut.len, 2);
}

const struct CMUnitTest cast_tests[] = {
    cmocka_unit_test_setup_teardown(scalars, setup, teardown),
    cmocka_unit_test_setup_teardown(messages, setup, teardown),
    cmocka_unit_test_setup_teardown(nested, setup, teardown),
    cmocka_unit_test_setup_teardown(nulls_and_same, setup, teardown),
    cmocka_unit_test_setup_teardown(infallible, setup, teardown),
    cmocka_unit_test_setup_teardown(utf8, setup, teardown),
};
const size_t cast_tests_count = sizeof cast_tests / sizeof *cast_tests;
