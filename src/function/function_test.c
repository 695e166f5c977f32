#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "function/test_call.h"

extern const struct CMUnitTest function_tests[];
extern const size_t function_tests_count;

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* cases without a type */

struct test_case {
    const char *name;
    const char *args[8];
    const char *expected;
    const char *type; /* may be NULL */
};

static int wrong;

static void check(const struct test_case *cases, size_t case_count) {
    const struct time_zone *zone;
    assert_int_equal(time_zone_find(str_from("Europe/Berlin"), &zone, NULL), STATUS_OK);
    uint64_t counter = 0;
    struct eval_env env = {.now_micros = INT64_C(1704448872123456), .row_counter = &counter, .zone = zone};
    wrong = 0;
    for (size_t i = 0; i < case_count; i++) {
        const struct test_case *c = &cases[i];
        int count = 0;
        while (count < 8 && c->args[count]) count++;
        struct arena arena;
        arena_init(&arena, NULL);
        for (int columns = 0; columns < 2; columns++) {
            struct error err;
            error_clear(&err);
            const struct type *type = NULL;
            const char *found = test_call(&arena, c->name, c->args, count, columns, &env, &type, &err);
            bool bad = strcmp(found, c->expected) != 0;
            if (!bad && c->type && type && strcmp(type_to_string(&arena, type), c->type) != 0) {
                bad = true;
                found = type_to_string(&arena, type);
            }
            if (!bad) continue;
            wrong++;
            print_error("%s(", c->name);
            for (int a = 0; a < count; a++) print_error("%s%s", a ? ", " : "", c->args[a]);
            print_error(") as %s: %s, expected %s %s  %s %s\n", columns ? "columns" : "constants", found, c->expected,
                        c->type ? c->type : "", err.message, err.hint);
        }
        arena_destroy(&arena);
    }
    assert_int_equal(wrong, 0);
}

#define CHECK(...)                                                                                                     \
    static const struct test_case cases[] = {__VA_ARGS__};                                                             \
    (void)state;                                                                                                       \
    check(cases, sizeof cases / sizeof *cases)

static void comparisons(void **state) {
    CHECK({"=", {"INT:1", "BIGINT:1"}, "TRUE", "BOOLEAN"}, {"=", {"INT:1", "DOUBLE:1.5"}, "FALSE"},
          {"=", {"INT:1", "NULL:INT"}, "NULL"}, {"=", {"INT:1", "NULL"}, "NULL"}, {"=", {"NULL", "NULL"}, "NULL"},
          {"=", {"DECIMAL(10,2):1.50", "DECIMAL(5,1):1.5"}, "TRUE"},
          {"<", {"DECIMAL(38,0):1", "DECIMAL(38,38):0.5"}, "FALSE"}, {"<", {"DECIMAL(38,38):0.5", "BIGINT:1"}, "TRUE"},
          {"=", {"CHAR(3):abc", "STRING:abc"}, "TRUE"}, {"<", {"STRING:abc", "STRING:abd"}, "TRUE"},
          {"<", {"STRING:a long string number 1", "STRING:a long string number 2"}, "TRUE"},
          {">", {"STRING:b", "STRING:a very long string"}, "TRUE"}, {">=", {"STRING:\xC3\xA4", "STRING:z"}, "TRUE"},
          {"=", {"DOUBLE:NaN", "DOUBLE:NaN"}, "FALSE"}, {"=", {"DOUBLE:-0.0", "DOUBLE:0"}, "TRUE"},
          {"<>", {"DOUBLE:NaN", "DOUBLE:NaN"}, "TRUE"}, {"!=", {"INT:1", "INT:2"}, "TRUE"},
          {"=", {"DATE:2024-01-05", "TIMESTAMP(3):2024-01-05 00:00:00"}, "TRUE"},
          {"<", {"DATE:2024-01-05", "STRING:2024-01-06"}, "TRUE"}, {"=", {"STRING:12", "INT:12"}, "TRUE"},
          {"=", {"TIMESTAMP_LTZ(3):2024-01-05 10:00:00", "TIMESTAMP(3):2024-01-05 10:00:00"}, "TRUE"},
          {"<=", {"TIME(0):10:00:00", "TIME(3):10:00:00.5"}, "TRUE"}, {"<", {"MILLIS:5", "MILLIS:6"}, "TRUE"},
          {"=", {"BOOLEAN:true", "BOOLEAN:true"}, "TRUE"}, {"<", {"BOOLEAN:false", "BOOLEAN:true"}, "TRUE"},
          {"=", {"INT:1", "DATE:2024-01-01"}, "!TYPE_MISMATCH"}, {"=", {"MILLIS:5", "MONTHS:5"}, "!TYPE_MISMATCH"},
          {"=", {"STRING:x", "INT:12"}, "!INVALID_CAST"}, {"=", {"BYTES:ab", "BYTES:ab"}, "TRUE"},
          {"IS DISTINCT FROM", {"INT:1", "NULL:INT"}, "TRUE", "BOOLEAN NOT NULL"},
          {"IS DISTINCT FROM", {"NULL:INT", "NULL:INT"}, "FALSE"}, {"IS DISTINCT FROM", {"INT:1", "INT:1"}, "FALSE"},
          {"IS NOT DISTINCT FROM", {"STRING:a", "STRING:a"}, "TRUE"},
          {"IS NOT DISTINCT FROM", {"NULL", "STRING:a"}, "FALSE"},
          {"IS NOT DISTINCT FROM", {"DECIMAL(38,38):0.5", "DECIMAL(38,0):1"}, "FALSE"});
}

static void truth(void **state) {
    CHECK({"IS NULL", {"NULL:INT"}, "TRUE", "BOOLEAN NOT NULL"}, {"IS NULL", {"INT:1"}, "FALSE"},
          {"IS NOT NULL", {"STRING:"}, "TRUE"}, {"IS NULL", {"NULL"}, "TRUE"}, {"IS TRUE", {"NULL:BOOLEAN"}, "FALSE"},
          {"IS NOT TRUE", {"NULL:BOOLEAN"}, "TRUE"}, {"IS FALSE", {"BOOLEAN:false"}, "TRUE"},
          {"IS NOT FALSE", {"NULL:BOOLEAN"}, "TRUE"}, {"IS UNKNOWN", {"NULL:BOOLEAN"}, "TRUE"},
          {"IS NOT UNKNOWN", {"BOOLEAN:true"}, "TRUE"}, {"NOT", {"BOOLEAN:true"}, "FALSE"},
          {"NOT", {"NULL:BOOLEAN"}, "NULL"}, {"NOT", {"INT:1"}, "!UNDEFINED_FUNCTION"});
    static const char *const values[] = {"BOOLEAN:false", "NULL:BOOLEAN", "BOOLEAN:true"};
    static const char *const texts[] = {"FALSE", "NULL", "TRUE"};
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            /* FALSE < UNKNOWN < TRUE: AND is the smaller, OR the larger */
            struct test_case both[] = {{"AND", {values[a], values[b]}, texts[a < b ? a : b], NULL},
                                       {"OR", {values[a], values[b]}, texts[a < b ? b : a], NULL}};
            check(both, 2);
        }
}

static void lists(void **state) {
    CHECK({"IN", {"INT:2", "=INT:1", "=INT:2"}, "TRUE"}, {"IN", {"INT:3", "=INT:1", "=INT:2"}, "FALSE"},
          {"IN", {"INT:3", "=INT:1", "=NULL:INT"}, "NULL"}, {"IN", {"INT:1", "=INT:1", "=NULL"}, "TRUE"},
          {"IN", {"NULL:INT", "=INT:1"}, "NULL"}, {"IN", {"INT:2", "=DOUBLE:2.5", "=INT:2"}, "TRUE"},
          {"IN", {"STRING:b", "=STRING:a", "=CHAR(1):b"}, "TRUE"}, {"IN", {"INT:2", "INT:1", "INT:2"}, "TRUE"},
          {"IN", {"DATE:2024-01-05", "=STRING:2024-01-05"}, "TRUE"}, {"IN", {"DOUBLE:NaN", "=DOUBLE:NaN"}, "FALSE"},
          {"IN", {"DECIMAL(20,2):1.10", "=DECIMAL(2,1):1.1"}, "TRUE"}, {"IN", {"DOUBLE:-0.0", "=DOUBLE:0"}, "TRUE"});
}

static void patterns(void **state) {
    CHECK({"LIKE", {"STRING:millrace", "=STRING:mill%"}, "TRUE"}, {"LIKE", {"STRING:millrace", "STRING:%race"}, "TRUE"},
          {"LIKE", {"STRING:abc", "=STRING:a_c"}, "TRUE"},
          {"LIKE",
           {"STRING:a\xC3\xA4"
            "c",
            "=STRING:a_c"},
           "TRUE"},
          {"LIKE", {"STRING:abc", "=STRING:%"}, "TRUE"}, {"LIKE", {"STRING:", "=STRING:_"}, "FALSE"},
          {"LIKE", {"STRING:a%b", "=STRING:a!%b", "=STRING:!"}, "TRUE"},
          {"LIKE", {"STRING:axb", "STRING:a!%b", "STRING:!"}, "FALSE"},
          {"LIKE", {"STRING:x", "=STRING:!x", "=STRING:!"}, "!INVALID_ARGUMENT"},
          {"LIKE", {"NULL:STRING", "=STRING:%"}, "NULL"}, {"LIKE", {"INT:1", "=STRING:%"}, "!UNDEFINED_FUNCTION"});
}

static void choices(void **state) {
    CHECK(
        {"CASE", {"BOOLEAN:true", "INT:1", "BIGINT:2"}, "1", "BIGINT"},
        {"CASE", {"NULL:BOOLEAN", "INT:1", "INT:2"}, "2"}, {"CASE", {"BOOLEAN:false", "INT:1", "NULL"}, "NULL", "INT"},
        {"CASE",
         {"BOOLEAN:false", "STRING:a", "BOOLEAN:true", "STRING:a long string, not inlined", "STRING:c"},
         "a long string, not inlined"},
        {"CASE", {"BOOLEAN:false", "INT:1", "DATE:2024-01-01"}, "!TYPE_MISMATCH"},
        {"CASE", {"INT:1", "INT:1", "INT:1"}, "!TYPE_MISMATCH"}, {"COALESCE", {"NULL:INT", "INT:2"}, "2", "INT"},
        {"COALESCE", {"NULL", "NULL:INT", "DECIMAL(3,1):1.5"}, "1.5", "DECIMAL(11, 1)"},
        {"COALESCE", {"NULL:STRING", "NULL:STRING"}, "NULL"}, {"IFNULL", {"STRING:a", "STRING:b"}, "a"},
        {"NULLIF", {"INT:1", "INT:1"}, "NULL"}, {"NULLIF", {"INT:1", "INT:2"}, "1"}, {"NULLIF", {"INT:1", "NULL"}, "1"},
        {"IF", {"BOOLEAN:true", "INT:1", "INT:2"}, "1"}, {"IF", {"NULL:BOOLEAN", "STRING:a", "STRING:b"}, "b"},
        {"IF", {"BOOLEAN:true", "INT:1"}, "!UNDEFINED_FUNCTION"});
}

static void arithmetic(void **state) {
    CHECK({"+", {"INT:1", "BIGINT:2"}, "3", "BIGINT"}, {"+", {"TINYINT:100", "TINYINT:27"}, "127", "TINYINT"},
          {"+", {"TINYINT:100", "TINYINT:28"}, "!OUT_OF_RANGE"}, {"+", {"INT:2147483647", "INT:1"}, "!OUT_OF_RANGE"},
          {"-", {"BIGINT:-9223372036854775808", "INT:1"}, "!OUT_OF_RANGE"},
          {"*", {"BIGINT:4611686018427387904", "INT:2"}, "!OUT_OF_RANGE"},
          {"*", {"INT:-65536", "INT:32768"}, "-2147483648"}, {"/", {"INT:-7", "INT:2"}, "-3", "INT"},
          {"/", {"INT:1", "INT:0"}, "!DIVISION_BY_ZERO"}, {"/", {"INT:-2147483648", "INT:-1"}, "!OUT_OF_RANGE"},
          {"/", {"DOUBLE:1", "DOUBLE:0"}, "Infinity"}, {"/", {"DOUBLE:0", "INT:0"}, "NaN", "DOUBLE"},
          {"%", {"INT:-7", "INT:3"}, "-1"}, {"MOD", {"INT:7", "INT:-3"}, "1"}, {"%", {"BIGINT:7", "INT:3"}, "1", "INT"},
          {"%", {"INT:-2147483648", "INT:-1"}, "0"}, {"%", {"INT:1", "INT:0"}, "!DIVISION_BY_ZERO"},
          {"+", {"INT:1", "NULL"}, "NULL", "INT"}, {"+", {"INT:1", "FLOAT:0.5"}, "1.5", "FLOAT"},
          {"+", {"DECIMAL(3,1):0.5", "FLOAT:0.5"}, "1.0", "DOUBLE"},
          {"+", {"DECIMAL(10,2):1.25", "INT:1"}, "2.25", "DECIMAL(13, 2)"},
          {"-", {"DECIMAL(3,2):1.25", "DECIMAL(3,1):0.5"}, "0.75", "DECIMAL(5, 2)"},
          {"*", {"DECIMAL(10,2):1.25", "DECIMAL(10,3):-2.000"}, "-2.50000", "DECIMAL(21, 5)"},
          {"*", {"DECIMAL(5,2):1.25", "DECIMAL(5,2):1.25"}, "1.5625", "DECIMAL(11, 4)"},
          {"/", {"DECIMAL(10,2):1.00", "DECIMAL(10,2):3.00"}, "0.3333333333333", "DECIMAL(23, 13)"},
          {"/", {"DECIMAL(10,2):-2.00", "DECIMAL(10,2):3.00"}, "-0.6666666666667"},
          {"/", {"DECIMAL(10,2):1.00", "INT:0"}, "!DIVISION_BY_ZERO"},
          {"%", {"DECIMAL(10,2):-7.50", "DECIMAL(3,1):2.0"}, "-1.50"},
          {"*", {"DECIMAL(38,0):99999999999999999999999999999999999999", "INT:10"}, "!OUT_OF_RANGE"},
          {"+", {"DECIMAL(38,2):1.25", "DECIMAL(38,2):1.25"}, "2.50"}, {"unary -", {"INT:5"}, "-5", "INT"},
          {"unary -", {"INT:-2147483648"}, "!OUT_OF_RANGE"}, {"unary -", {"DECIMAL(30,2):5.25"}, "-5.25"},
          {"unary -", {"MILLIS:5000"}, "-0 00:00:05.000"}, {"ABS", {"TINYINT:-128"}, "!OUT_OF_RANGE"},
          {"ABS", {"DOUBLE:-1.5"}, "1.5"}, {"ABS", {"DECIMAL(10,2):-1.50"}, "1.50"}, {"SIGN", {"INT:-5"}, "-1", "INT"},
          {"SIGN", {"DECIMAL(10,2):-1.50"}, "-1.00"}, {"SIGN", {"DOUBLE:2.5"}, "1.0"},
          {"+", {"STRING:1", "INT:1"}, "!UNDEFINED_FUNCTION"}, {"unary +", {"INT:5"}, "5"});
}

static void intervals(void **state) {
    CHECK(
        {"+", {"DATE:2024-01-31", "=MONTHS:1"}, "2024-02-29", "DATE"},
        {"-", {"DATE:2024-03-01", "=MILLIS:86400000"}, "2024-02-29", "DATE"},
        {"+", {"DATE:2024-03-01", "=MILLIS:3600000"}, "2024-03-01 01:00:00.000", "TIMESTAMP(3)"},
        {"+", {"=MILLIS:5000", "TIMESTAMP(3):2024-01-01 00:00:00"}, "2024-01-01 00:00:05.000", "TIMESTAMP(3)"},
        {"-", {"TIMESTAMP(9):2024-01-01 00:00:00.123456789", "MILLIS:1"}, "2024-01-01 00:00:00.122456789"},
        {"-", {"TIMESTAMP(3):2024-03-31 10:00:00", "MONTHS:1"}, "2024-02-29 10:00:00.000"},
        {"+", {"TIME(0):23:59:59", "=MILLIS:2000"}, "00:00:01", "TIME(0)"},
        {"-", {"TIME(0):00:00:01", "=MILLIS:2000"}, "23:59:59"},
        {"+", {"MILLIS:1000", "MILLIS:500"}, "+0 00:00:01.500"}, {"*", {"MILLIS:1000", "INT:3"}, "+0 00:00:03.000"},
        {"*", {"INT:3", "MONTHS:5"}, "+1-03"}, {"/", {"MILLIS:1000", "INT:0"}, "!DIVISION_BY_ZERO"},
        {"*", {"MILLIS:1000", "DECIMAL(3,1):1.5"}, "+0 00:00:01.500"},
        {"-", {"DATE:2024-01-02", "DATE:2024-01-01"}, "!UNDEFINED_FUNCTION"},
        {"+", {"TIMESTAMP(3):2024-01-01 00:00:00", "NULL"}, "NULL"},
        {"+", {"TIME(0):10:00:00", "MONTHS:1"}, "!UNDEFINED_FUNCTION"},
        {"+", {"TIMESTAMP_LTZ(3):2024-01-01 00:00:00", "=MILLIS:1000"}, "2024-01-01 00:00:01.000", "TIMESTAMP_LTZ(3)"});
}

static void numbers(void **state) {
    CHECK({"FLOOR", {"DECIMAL(4,2):-1.25"}, "-2", "DECIMAL(4, 0)"}, {"CEIL", {"DECIMAL(3,2):9.01"}, "10"},
          {"FLOOR", {"DOUBLE:-1.5"}, "-2.0"}, {"CEILING", {"FLOAT:1.5"}, "2.0", "FLOAT"},
          {"FLOOR", {"INT:3"}, "3", "INT"}, {"ROUND", {"DOUBLE:2.675", "=INT:2"}, "2.68"},
          {"ROUND", {"DOUBLE:-2.5"}, "-3.0"}, {"ROUND", {"DOUBLE:0.4"}, "0.0"}, {"ROUND", {"DOUBLE:-0.4"}, "0.0"},
          {"ROUND", {"DOUBLE:1e300", "INT:2"}, "1.0E300"}, {"ROUND", {"DOUBLE:12345.678", "INT:-2"}, "12300.0"},
          {"ROUND", {"DOUBLE:NaN"}, "NaN"}, {"ROUND", {"DOUBLE:999.995", "INT:2"}, "1000.0"},
          {"ROUND", {"FLOAT:2.675", "INT:2"}, "2.68", "FLOAT"}, {"ROUND", {"DOUBLE:1.005", "INT:2"}, "1.01"},
          {"TRUNCATE", {"DOUBLE:0.29", "INT:2"}, "0.29"},
          {"ROUND", {"DECIMAL(10,3):1.255", "=INT:2"}, "1.26", "DECIMAL(10, 2)"},
          {"ROUND", {"DECIMAL(3,1):99.9", "=INT:0"}, "100", "DECIMAL(3, 0)"},
          {"ROUND", {"DECIMAL(10,3):155.500", "=INT:-1"}, "160", "DECIMAL(8, 0)"},
          {"ROUND", {"INT:15", "INT:-1"}, "20", "INT"}, {"ROUND", {"TINYINT:127", "INT:-1"}, "!OUT_OF_RANGE"},
          {"ROUND", {"INT:15", "INT:-30"}, "0"}, {"TRUNCATE", {"DECIMAL(5,3):42.345", "=INT:2"}, "42.34"},
          {"TRUNCATE", {"DOUBLE:-42.345", "INT:2"}, "-42.34"}, {"TRUNCATE", {"INT:19", "INT:-1"}, "10"},
          {"POWER", {"INT:2", "INT:10"}, "1024.0", "DOUBLE"}, {"POWER", {"DOUBLE:1", "DOUBLE:NaN"}, "NaN"},
          {"SQRT", {"INT:-1"}, "NaN"}, {"SQRT", {"DECIMAL(3,2):2.25"}, "1.5"}, {"EXP", {"INT:0"}, "1.0"},
          {"LN", {"INT:0"}, "-Infinity"}, {"LOG10", {"INT:1000"}, "3.0"}, {"LOG2", {"INT:8"}, "3.0"},
          {"LOG", {"INT:1"}, "0.0"}, {"LOG", {"INT:2", "INT:8"}, "3.0"}, {"ATAN2", {"INT:0", "INT:1"}, "0.0"},
          {"GREATEST", {"INT:1", "BIGINT:3", "INT:2"}, "3", "BIGINT"},
          {"LEAST", {"STRING:b", "STRING:a long string here"}, "a long string here"},
          {"GREATEST", {"INT:1", "NULL:INT"}, "NULL"}, {"LEAST", {"DECIMAL(3,1):1.5", "INT:1"}, "1.0"},
          {"BIN", {"INT:12"}, "1100"},
          {"BIN", {"INT:-1"}, "1111111111111111111111111111111111111111111111111111111111111111"},
          {"BIN", {"INT:0"}, "0"}, {"HEX", {"INT:255"}, "FF"}, {"HEX", {"BIGINT:-1"}, "FFFFFFFFFFFFFFFF"},
          {"HEX", {"STRING:hello"}, "68656C6C6F"}, {"UNHEX", {"STRING:466C696E6B"}, "Flink"},
          {"UNHEX", {"STRING:xy"}, "NULL"}, {"RAND_INTEGER", {"INT:1"}, "0"},
          {"RAND_INTEGER", {"INT:0"}, "!INVALID_ARGUMENT"}, {"PI", {0}, "3.141592653589793", "DOUBLE NOT NULL"});
}

static void text(void **state) {
    CHECK(
        {"SUBSTRING", {"STRING:hello", "INT:2", "INT:3"}, "ell", "STRING"},
        {"SUBSTRING", {"STRING:hello", "INT:0", "INT:2"}, "he"}, {"SUBSTRING", {"STRING:hello", "INT:-3"}, "llo"},
        {"SUBSTRING", {"STRING:hello", "INT:-10"}, ""}, {"SUBSTRING", {"STRING:hello", "INT:2", "INT:-1"}, "NULL"},
        {"SUBSTRING", {"STRING:h\xC3\xA4llo w\xC3\xB6rld long", "INT:2", "INT:7"}, "\xC3\xA4llo w\xC3\xB6"},
        {"SUBSTRING", {"STRING:hello", "INT:2147483647", "INT:2147483647"}, ""},
        {"SUBSTRING", {"BYTES:hello", "INT:2"}, "ello", "BYTES"}, {"SUBSTR", {"STRING:hello", "BIGINT:2"}, "ello"},
        {"LEFT",
         {"STRING:\xC3\xA4"
          "bc",
          "INT:2"},
         "\xC3\xA4"
         "b"},
        {"LEFT", {"STRING:abc", "INT:-1"}, ""}, {"RIGHT", {"STRING:ab\xC3\xA4", "INT:2"}, "b\xC3\xA4"},
        {"RIGHT", {"STRING:abc", "INT:9"}, "abc"},
        {"CHAR_LENGTH",
         {"STRING:Stra\xC3\x9F"
          "e und mehr"},
         "15",
         "INT"},
        {"OCTET_LENGTH",
         {"STRING:Stra\xC3\x9F"
          "e"},
         "7"},
        {"UPPER", {"STRING:abc\xC3\xA4\xC3\x9F"}, "ABC\xC3\x84SS"}, {"LOWER", {"STRING:ABC\xC3\x84"}, "abc\xC3\xA4"},
        {"UPPER", {"STRING:a longer ascii text"}, "A LONGER ASCII TEXT"},
        {"INITCAP", {"STRING:hello WORLD-foo 1st"}, "Hello World-Foo 1st"},
        {"TRIM", {"=STRING:BOTH", "STRING: ", "STRING:  a  "}, "a"},
        {"TRIM", {"=STRING:LEADING", "STRING:xy", "STRING:yxaxy"}, "axy"},
        {"TRIM", {"=STRING:TRAILING", "STRING:\xC3\xA4", "STRING:a\xC3\xA4\xC3\xA4"}, "a"},
        {"LTRIM", {"STRING:  a "}, "a "}, {"RTRIM", {"STRING: a  "}, " a"},
        {"BTRIM", {"STRING:xayx", "STRING:xy"}, "a"}, {"CONCAT", {"STRING:a", "INT:1", "NULL:STRING"}, "NULL"},
        {"CONCAT", {"STRING:a", "INT:1", "BOOLEAN:true"}, "a1TRUE"},
        {"||", {"STRING:hello ", "STRING:wonderful world"}, "hello wonderful world"},
        {"||", {"BYTES:a", "BYTES:b"}, "ab", "BYTES"},
        {"CONCAT_WS", {"STRING:-", "STRING:a", "NULL:STRING", "STRING:b"}, "a-b"},
        {"CONCAT_WS", {"NULL:STRING", "STRING:a"}, "NULL"}, {"CONCAT_WS", {"STRING:-", "NULL:STRING"}, ""},
        {"REPEAT", {"STRING:ab", "INT:3"}, "ababab"}, {"REPEAT", {"STRING:ab", "INT:0"}, ""},
        {"REPEAT", {"STRING:0123456789", "INT:2147483647"}, "!LIMIT_EXCEEDED"},
        {"LPAD", {"STRING:hi", "INT:5", "STRING:xy"}, "xyxhi"}, {"LPAD", {"STRING:hi", "INT:1", "STRING:x"}, "h"},
        {"LPAD", {"STRING:hi", "INT:-1", "STRING:x"}, "NULL"}, {"RPAD", {"STRING:hi", "INT:5", "STRING:xy"}, "hixyx"},
        {"RPAD", {"STRING:hi", "INT:5", "STRING:"}, "NULL"},
        {"REVERSE",
         {"STRING:a\xC3\xA4"
          "c"},
         "c\xC3\xA4"
         "a"},
        {"REPLACE", {"STRING:hello", "STRING:l", "STRING:L"}, "heLLo"},
        {"REPLACE", {"STRING:abc", "STRING:", "STRING:-"}, "-a-b-c-"},
        {"TRANSLATE", {"STRING:www.a.org", "STRING:wo", "STRING:W"}, "WWW.a.rg"},
        {"OVERLAY", {"STRING:xxxxxtest", "STRING:xxxx", "INT:6"}, "xxxxxxxxx"},
        {"OVERLAY", {"STRING:xxxxxtest", "STRING:xxxx", "INT:6", "INT:2"}, "xxxxxxxxxst"},
        {"POSITION", {"STRING:l", "STRING:hello"}, "3"}, {"POSITION", {"STRING:x", "STRING:hello"}, "0"},
        {"POSITION",
         {"STRING:b", "STRING:\xC3\xA4\xC3\xA4"
                      "b"},
         "3"},
        {"LOCATE", {"STRING:l", "STRING:hello", "INT:4"}, "4"}, {"LOCATE", {"STRING:l", "STRING:hello", "INT:0"}, "0"},
        {"INSTR", {"STRING:banana", "STRING:an", "INT:1", "INT:2"}, "4"},
        {"INSTR", {"STRING:banana", "STRING:an", "INT:-1"}, "4"},
        {"INSTR", {"STRING:banana", "STRING:an", "INT:1", "INT:0"}, "!INVALID_ARGUMENT"},
        {"STARTSWITH", {"STRING:hello", "STRING:he"}, "TRUE"}, {"ENDSWITH", {"STRING:hello", "STRING:hello!"}, "FALSE"},
        {"SPLIT_INDEX", {"STRING:a,b,c", "STRING:,", "INT:1"}, "b"},
        {"SPLIT_INDEX", {"STRING:a,b,c", "INT:44", "INT:2"}, "c"},
        {"SPLIT_INDEX", {"STRING:a,b", "STRING:,", "INT:5"}, "NULL"},
        {"SPLIT_INDEX", {"STRING:a,b", "STRING:,", "INT:-1"}, "NULL"},
        {"SPLIT_INDEX", {"STRING:a,,b", "STRING:,", "INT:1"}, ""}, {"ELT", {"INT:2", "STRING:a", "STRING:b"}, "b"},
        {"ELT", {"INT:3", "STRING:a", "STRING:b"}, "NULL"}, {"ASCII", {"STRING:abc"}, "97"}, {"CHR", {"INT:97"}, "a"},
        {"CHR", {"INT:353"}, "a"}, {"CHR", {"INT:-1"}, ""}, {"IS_ALPHA", {"STRING:abc\xC3\xA4"}, "TRUE"},
        {"IS_DIGIT", {"STRING:12a"}, "FALSE"}, {"IS_DECIMAL", {"STRING:-1.5"}, "TRUE"},
        {"IS_DECIMAL", {"STRING:1.5.2"}, "FALSE"});
}

static void encodings(void **state) {
    CHECK({"DECODE", {"BYTES:abc", "STRING:UTF-8"}, "abc"},
          {"DECODE", {"BYTES:abc", "STRING:KOI8"}, "!INVALID_ARGUMENT"},
          {"TO_BASE64", {"STRING:hello world"}, "aGVsbG8gd29ybGQ="},
          {"FROM_BASE64", {"STRING:aGVsbG8gd29ybGQ="}, "hello world"}, {"FROM_BASE64", {"STRING:aGVsbG8"}, "hello"},
          {"FROM_BASE64", {"STRING:!"}, "!INVALID_ARGUMENT"}, {"URL_ENCODE", {"STRING:a b&c\xC3\xA4"}, "a+b%26c%C3%A4"},
          {"URL_DECODE", {"STRING:a+b%26c%C3%A4"}, "a b&c\xC3\xA4"}, {"URL_DECODE", {"STRING:%4"}, "NULL"},
          {"PARSE_URL", {"STRING:http://u:p@facebook.com:80/path/p1.php?query=1&x=#r", "STRING:HOST"}, "facebook.com"},
          {"PARSE_URL", {"STRING:http://facebook.com/path/p1.php?query=1", "STRING:QUERY"}, "query=1"},
          {"PARSE_URL", {"STRING:http://facebook.com/path/p1.php?query=1", "STRING:QUERY", "STRING:query"}, "1"},
          {"PARSE_URL", {"STRING:http://facebook.com/path/p1.php?query=1", "STRING:FILE"}, "/path/p1.php?query=1"},
          {"PARSE_URL", {"STRING:http://u:p@f.com:80/p", "STRING:AUTHORITY"}, "u:p@f.com:80"},
          {"PARSE_URL", {"STRING:http://f.com/p", "STRING:REF"}, "NULL"},
          {"PARSE_URL", {"STRING:nonsense", "STRING:HOST"}, "NULL"},
          {"PARSE_URL", {"STRING:http://f.com/p", "STRING:host"}, "NULL"},
          {"MD5", {"STRING:"}, "d41d8cd98f00b204e9800998ecf8427e"},
          {"SHA1", {"STRING:abc"}, "a9993e364706816aba3e25717850c26c9cd0d89d"},
          {"SHA256", {"STRING:abc"}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
          {"SHA2", {"STRING:abc", "INT:256"}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
          {"SHA2", {"STRING:abc", "INT:1"}, "!INVALID_ARGUMENT"}, {"INET_ATON", {"STRING:127.0.0.1"}, "2130706433"},
          {"INET_ATON", {"STRING:127.1"}, "2130706433"}, {"INET_ATON", {"STRING:1.2.3.4.5"}, "NULL"},
          {"INET_ATON", {"STRING:256.0.0.1"}, "NULL"}, {"INET_NTOA", {"BIGINT:2130706433"}, "127.0.0.1"},
          {"INET_NTOA", {"INT:-1"}, "NULL"});
}

static void temporal(void **state) {
    CHECK({"EXTRACT", {"=STRING:YEAR", "DATE:2024-02-03"}, "2024", "BIGINT"},
          {"EXTRACT", {"=STRING:DOW", "DATE:1994-09-25"}, "1"},
          {"EXTRACT", {"=STRING:SECOND", "TIMESTAMP(9):2024-01-01 10:11:12.123456789"}, "12"},
          {"EXTRACT", {"=STRING:NANOSECOND", "TIMESTAMP(9):2024-01-01 10:11:12.123456789"}, "123456789"},
          {"EXTRACT", {"=STRING:HOUR", "TIMESTAMP_LTZ(3):2024-01-01 10:11:12"}, "10"},
          {"EXTRACT", {"=STRING:EPOCH", "TIMESTAMP_LTZ(3):1970-01-01 01:00:05"}, "5"},
          {"EXTRACT", {"=STRING:MINUTE", "TIME(3):10:11:12.5"}, "11"},
          {"EXTRACT", {"=STRING:YEAR", "TIME(3):10:11:12.5"}, "!UNDEFINED_FUNCTION"},
          {"EXTRACT", {"=STRING:DAY", "MILLIS:90061000"}, "1"}, {"EXTRACT", {"=STRING:HOUR", "MILLIS:90061000"}, "1"},
          {"EXTRACT", {"=STRING:MONTH", "MONTHS:14"}, "2"},
          {"EXTRACT", {"=STRING:FOO", "DATE:2024-02-03"}, "!INVALID_ARGUMENT"}, {"YEAR", {"DATE:1969-12-31"}, "1969"},
          {"QUARTER", {"DATE:2024-05-03"}, "2"}, {"WEEK", {"DATE:2021-01-01"}, "53"},
          {"DAYOFWEEK", {"DATE:1994-09-27"}, "3"}, {"DAYOFYEAR", {"DATE:2024-12-31"}, "366"},
          {"HOUR", {"TIMESTAMP(3):1969-12-31 23:00:00"}, "23"}, {"YEAR", {"NULL"}, "NULL"},
          {"FLOOR", {"TIMESTAMP(3):2024-05-15 10:11:12.5", "=STRING:MONTH"}, "2024-05-01 00:00:00.000", "TIMESTAMP(3)"},
          {"CEIL", {"DATE:2024-05-15", "=STRING:MONTH"}, "2024-06-01"},
          {"FLOOR", {"TIME(3):10:11:12.5", "=STRING:MINUTE"}, "10:11:00.000"},
          {"CEIL", {"TIMESTAMP(9):2024-01-01 00:00:00.000000001", "=STRING:DAY"}, "2024-01-02 00:00:00.000000000"},
          {"FLOOR", {"TIMESTAMP_LTZ(3):2024-05-15 10:11:12.5", "=STRING:DAY"}, "2024-05-15 00:00:00.000"},
          {"FLOOR", {"DATE:2024-05-15", "=STRING:WEEK"}, "2024-05-12"},
          {"TIMESTAMPADD", {"=STRING:MONTH", "INT:1", "DATE:2024-01-31"}, "2024-02-29", "DATE"},
          {"TIMESTAMPADD", {"=STRING:HOUR", "INT:25", "DATE:2024-01-31"}, "2024-02-01 01:00:00.000", "TIMESTAMP(3)"},
          {"TIMESTAMPADD",
           {"=STRING:SECOND", "INT:-1", "TIMESTAMP(0):2024-01-01 00:00:00"},
           "2023-12-31 23:59:59",
           "TIMESTAMP(0)"},
          {"TIMESTAMPADD",
           {"=STRING:MILLISECOND", "INT:1", "TIMESTAMP(0):2024-01-01 00:00:00"},
           "2024-01-01 00:00:00.001",
           "TIMESTAMP(3)"},
          {"TIMESTAMPADD", {"=STRING:WEEK", "INT:1", "DATE:2003-01-02"}, "2003-01-09"},
          {"TIMESTAMPADD", {"=STRING:YEAR", "BIGINT:9223372036854775807", "DATE:2003-01-02"}, "!OUT_OF_RANGE"},
          {"TIMESTAMPADD", {"=STRING:MINUTE", "INT:-1", "TIME(0):00:00:30"}, "23:59:30"},
          {"TIMESTAMPDIFF",
           {"=STRING:DAY", "TIMESTAMP(3):2003-01-02 10:00:00", "TIMESTAMP(3):2003-01-03 09:59:59"},
           "0",
           "INT"},
          {"TIMESTAMPDIFF", {"=STRING:MONTH", "DATE:2024-01-31", "DATE:2024-02-29"}, "1"},
          {"TIMESTAMPDIFF", {"=STRING:HOUR", "DATE:2024-01-01", "TIMESTAMP(3):2024-01-02 01:00:00"}, "25"},
          {"TIMESTAMPDIFF",
           {"=STRING:SECOND", "TIMESTAMP(3):2024-01-02 00:00:00", "TIMESTAMP(3):2024-01-01 00:00:00"},
           "-86400"},
          {"TIMESTAMPDIFF", {"=STRING:MILLISECOND", "DATE:2024-01-01", "DATE:2025-01-01"}, "31622400000", "BIGINT"},
          {"TIMESTAMPDIFF", {"=STRING:SECOND", "DATE:0001-01-01", "DATE:9999-01-01"}, "!OUT_OF_RANGE"});
}

static void clocks(void **state) {
    /* now is 2024-01-05 10:01:12.123456 UTC, the zone Berlin */
    CHECK({"NOW", {0}, "2024-01-05 11:01:12.123", "TIMESTAMP_LTZ(3) NOT NULL"},
          {"LOCALTIMESTAMP", {0}, "2024-01-05 11:01:12.123", "TIMESTAMP(3) NOT NULL"},
          {"CURRENT_DATE", {0}, "2024-01-05", "DATE NOT NULL"}, {"LOCALTIME", {0}, "11:01:12", "TIME(0) NOT NULL"},
          {"UNIX_TIMESTAMP", {0}, "1704448872", "BIGINT NOT NULL"},
          {"DATE_FORMAT",
           {"TIMESTAMP(3):2024-02-03 13:14:15.5", "=STRING:yyyy/MM/dd HH-mm-ss.SSS"},
           "2024/02/03 13-14-15.500",
           "STRING"},
          {"DATE_FORMAT", {"STRING:2024-02-03 13:14:15", "STRING:HH"}, "13"},
          {"DATE_FORMAT", {"STRING:bad", "=STRING:HH"}, "NULL"},
          {"DATE_FORMAT", {"DATE:2024-02-03", "=STRING:dd.MM.yy"}, "03.02.24"},
          {"DATE_FORMAT", {"TIMESTAMP_LTZ(3):2024-02-03 13:14:15.5", "STRING:HH"}, "13"},
          {"DATE_FORMAT", {"DATE:2024-02-03", "=STRING:{"}, "!INVALID_ARGUMENT"},
          {"TO_TIMESTAMP", {"STRING:2024-02-03 13:14:15.123456"}, "2024-02-03 13:14:15.123", "TIMESTAMP(3)"},
          {"TO_TIMESTAMP", {"STRING:bad"}, "NULL"},
          {"TO_TIMESTAMP", {"STRING:03.02.2024 5", "=STRING:dd.MM.yyyy H"}, "2024-02-03 05:00:00.000"},
          {"TO_DATE", {"STRING:2024-02-03"}, "2024-02-03", "DATE"},
          {"TO_DATE", {"STRING:03/02/2024", "STRING:dd/MM/yyyy"}, "2024-02-03"},
          {"TO_TIMESTAMP_LTZ", {"INT:1", "INT:0"}, "1970-01-01 01:00:01.000", "TIMESTAMP_LTZ(3)"},
          {"TO_TIMESTAMP_LTZ", {"BIGINT:1500"}, "1970-01-01 01:00:01.500"},
          {"TO_TIMESTAMP_LTZ", {"DOUBLE:1.5", "INT:0"}, "1970-01-01 01:00:01.500"},
          {"TO_TIMESTAMP_LTZ", {"INT:1", "INT:2"}, "!INVALID_ARGUMENT"},
          {"TO_TIMESTAMP_LTZ", {"BIGINT:9223372036854775807", "INT:3"}, "NULL"},
          {"TO_TIMESTAMP_LTZ", {"STRING:2024-07-01 00:00:00"}, "2024-07-01 02:00:00.000"},
          {"TO_TIMESTAMP_LTZ",
           {"STRING:01.07.2024", "STRING:dd.MM.yyyy", "STRING:America/New_York"},
           "2024-07-01 06:00:00.000"},
          {"TIMEUUID_TO_TIMESTAMP",
           {"STRING:1b4e28ba-2fa1-11d2-883f-0016d3cca427"},
           "1998-08-09 17:53:34.151289",
           "TIMESTAMP_LTZ(6)"},
          {"TIMEUUID_TO_TIMESTAMP", {"STRING:13814000-1DD2-11B2-8080-808080808080"}, "1970-01-01 01:00:00.000000"},
          {"TIMEUUID_TO_TIMESTAMP", {"STRING:1b4e28ba-2fa1-41d2-883f-0016d3cca427"}, "NULL"},
          {"TIMEUUID_TO_TIMESTAMP", {"STRING:1b4e28ba-2fa1-11d2-883f-0016d3cca42g"}, "NULL"},
          {"TIMEUUID_TO_TIMESTAMP", {"STRING:"}, "NULL"}, {"FROM_UNIXTIME", {"INT:44"}, "1970-01-01 01:00:44"},
          {"FROM_UNIXTIME", {"INT:44", "=STRING:yyyy"}, "1970"},
          {"UNIX_TIMESTAMP", {"STRING:1970-01-01 01:00:44"}, "44"},
          {"UNIX_TIMESTAMP", {"STRING:bad"}, "-9223372036854775808"},
          {"UNIX_TIMESTAMP", {"STRING:1970", "STRING:yyyy"}, "-3600"},
          {"CONVERT_TZ",
           {"STRING:1970-01-01 00:00:00", "STRING:UTC", "STRING:America/Los_Angeles"},
           "1969-12-31 16:00:00"},
          {"CONVERT_TZ", {"STRING:x", "STRING:UTC", "STRING:UTC"}, "NULL"},
          {"CONVERT_TZ", {"STRING:1970-01-01 00:00:00", "STRING:UTC", "STRING:Mars"}, "!INVALID_ARGUMENT"},
          {"OVERLAPS", {"TIME(0):02:55:00", "=MILLIS:3600000", "TIME(0):03:30:00", "=MILLIS:7200000"}, "TRUE"},
          {"OVERLAPS", {"TIME(0):09:00:00", "TIME(0):10:00:00", "TIME(0):10:15:00", "=MILLIS:10800000"}, "FALSE"},
          {"CURRENT_WATERMARK", {"TIMESTAMP(3):2024-01-01 00:00:00"}, "1970-01-01 00:00:00.000"});
}

static void regular_expressions(void **state) {
    CHECK({"REGEXP", {"STRING:millrace", "=STRING:l+r"}, "TRUE", "BOOLEAN"},
          {"REGEXP", {"STRING:millrace", "STRING:x"}, "FALSE"}, {"REGEXP", {"STRING:a", "STRING:"}, "FALSE"},
          {"REGEXP", {"STRING:a", "=STRING:("}, "!INVALID_ARGUMENT"},
          {"REGEXP", {"STRING:a", "STRING:*"}, "!INVALID_ARGUMENT"},
          {"REGEXP_EXTRACT", {"STRING:foothebar", "=STRING:foo(.*?)(bar)", "INT:2"}, "bar", "STRING"},
          {"REGEXP_EXTRACT", {"STRING:foothebar", "=STRING:foo(.*?)(bar)"}, "foothebar"},
          {"REGEXP_EXTRACT", {"STRING:foothebar", "STRING:foo(.*?)(bar)", "INT:3"}, "NULL"},
          {"REGEXP_EXTRACT", {"STRING:foothebar", "STRING:xyz", "INT:0"}, "NULL"},
          {"REGEXP_REPLACE", {"STRING:foobar", "=STRING:oo|ar", "STRING:"}, "fb"},
          {"REGEXP_REPLACE", {"STRING:abc", "STRING:(b)(c)", "STRING:$2$1\\$"}, "acb$"},
          {"REGEXP_REPLACE", {"STRING:abc", "STRING:(?<x>b)", "STRING:[${x}]"}, "a[b]c"},
          {"REGEXP_REPLACE", {"STRING:abc", "STRING:b", "STRING:$1"}, "!INVALID_ARGUMENT"},
          {"REGEXP_REPLACE", {"STRING:a\xC3\xA4", "STRING:x*", "STRING:-"}, "-a-\xC3\xA4-"},
          {"REGEXP_COUNT", {"STRING:abcabc", "STRING:b."}, "2", "INT"},
          {"REGEXP_INSTR",
           {"STRING:\xC3\xA4"
            "llo",
            "STRING:l+"},
           "2"},
          {"REGEXP_SUBSTR", {"STRING:hello", "STRING:l+"}, "ll"},
          {"REGEXP_EXTRACT_ALL", {"STRING:a1b2", "STRING:(.)[0-9]"}, "[a, b]"},
          {"REGEXP_EXTRACT_ALL", {"STRING:a1b2", "STRING:(.)[0-9]", "INT:0"}, "[a1, b2]"},
          {"REGEXP_EXTRACT_ALL", {"STRING:a1b2", "STRING:(.)[0-9]", "INT:5"}, "NULL"},
          {"REGEXP", {"STRING:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "=STRING:(a+)+$"}, "!LIMIT_EXCEEDED"},
          {"SIMILAR TO", {"STRING:abc", "=STRING:a(b|x)%"}, "TRUE"},
          {"SIMILAR TO", {"STRING:abc", "STRING:b"}, "FALSE"},
          {"SIMILAR TO", {"STRING:a%", "STRING:a!%", "STRING:!"}, "TRUE"},
          {"SIMILAR TO", {"STRING:a1", "STRING:a[0-9]{1}"}, "TRUE"});
}

/* Pairs of a Java pattern and a text, with what Matcher.find gives. */
static void java_syntax(void **state) {
    static const struct {
        const char *pattern, *text, *found; /* found: the match, NULL none, "!" refused */
    } cases[] = {
        {"^a.c$", "abc\n", "abc"},
        {"a.c", "a\nc", NULL},
        {"(?s)a.c", "a\nc", "a\nc"},
        {"a.c", "a\rc", NULL},
        {"a.c", "a\vc", "a\vc"},
        {"(?m)^b$", "a\nb\nc", "b"},
        {"c$", "c\r\n", "c"},
        {"(?i)stra\xC3\x9F"
         "e",
         "STRA\xC3\x9F"
         "E",
         "STRA\xC3\x9F"
         "E"},
        {"(?i)\xC3\xA4", "\xC3\x84", NULL},
        {"(?iu)\xC3\xA4", "\xC3\x84", "\xC3\x84"},
        {"(?i:a)b", "Ab", "Ab"},
        {"(?i:a)b", "AB", NULL},
        {"a(?i)b|c", "aB", "aB"},
        {"(?i)[a-c]+", "aBC", "aBC"},
        {"[a-d[m-p]]+", "xbmz", "bm"},
        {"[a-z&&[def]]+", "abdefg", "def"},
        {"[a-z&&[^bc]]+", "bcad", "ad"},
        {"[^a-d[m-p]]+", "axmz", "x"},
        {"[\\w&&[^\\d]]+", "12ab", "ab"},
        {"[]a]+", "]a", "]a"},
        {"[a-]+", "-a", "-a"},
        {"\\Qa.b\\E+", "a.bbb", "a.bbb"},
        {"\\u00e4", "\xC3\xA4", "\xC3\xA4"},
        {"\\x{1F600}", "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\\p{Lu}+", "aBC", "BC"},
        {"\\p{Alpha}+",
         "\xC3\xA4"
         "bc",
         "bc"},
        {"\\p{IsAlphabetic}+",
         "1\xC3\xA4"
         "bc",
         "\xC3\xA4"
         "bc"},
        {"\\P{L}+", "ab12", "12"},
        {"[\\P{L}&&[^1]]+", "ab12", "2"},
        {"\\p{IsLatin}+",
         "\xCE\xB1"
         "ab",
         "ab"},
        {"\\p{javaLowerCase}", "Aa", "a"},
        {"\\p{InGreek}", "a", "!"},
        {"(a)(b)?\\2", "ab", NULL},
        {"(.)\\1", "abba", "bb"},
        {"\\bfoo\\b", "a foo.", "foo"},
        {"\\bb",
         "\xC3\xA4"
         "b",
         NULL},
        {"(?<=\\$)\\d+", "a$12", "12"},
        {"(?<n>a)\\k<n>", "aa", "aa"},
        {"a{2,3}?", "aaaa", "aa"},
        {"a{,3}", "a", "!"},
        {"a++b", "aab", "aab"},
        {"(?>a+)b", "aab", "aab"},
        {"(?x) a b # c", "ab", "ab"},
        {"(?d)a", "a", "!"},
        {"(?U)a", "a", "!"},
        {"\\b{g}a", "a", "!"},
        {"\\N{DIGIT ONE}", "1", "!"},
        {"\\y", "y", "!"},
        {"(a", "a", "!"},
        {"a)", "a", "!"},
        {"[a", "a", "!"},
        {"*a", "a", "!"},
        {"a\\", "a", "!"},
        {"[z-a]", "a", "!"},
        {"{1}", "a", "!"},
        {"\\012", "\n", "\n"},
        {"\\cA", "\x01", "\x01"},
        {"\\R", "\r\n", "\r\n"},
        {"\\h\\H", " a", " a"},
        {"a|b|", "", ""},
        {"\\Z", "a\n", ""},
        {"\\G.", "ab", "a"},
        {"\\11", "1", NULL},
        {"[&&a]", "a", "a"},
        {"\\p{L1}", "\xC3\xBF", "\xC3\xBF"},
        {"\\pL", "1a", "a"},
        {"[^\\P{L}1]", "1a", "a"},
    };
    (void)state;
    wrong = 0;
    struct eval_env env = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct error err;
        arena_init(&arena, NULL);
        const char *args[] = {arena_printf(&arena, "STRING:%s", cases[i].text),
                              arena_printf(&arena, "STRING:%s", cases[i].pattern)};
        const char *found = test_call(&arena, "REGEXP_EXTRACT", args, 2, false, &env, NULL, &err);
        const char *expected = !cases[i].found                    ? "NULL"
                               : strcmp(cases[i].found, "!") == 0 ? "!INVALID_ARGUMENT"
                                                                  : cases[i].found;
        if (strcmp(found, expected) != 0) {
            wrong++;
            print_error("/%s/ in '%s': %s, expected %s (%s)\n", cases[i].pattern, cases[i].text, found, expected,
                        *found == '!' ? err.message : "");
        }
        arena_destroy(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void json(void **state) {
    CHECK(
        {"JSON_VALUE", {"STRING:{\"a\": true}", "=STRING:$.a"}, "true", "STRING"},
        {"JSON_VALUE", {"STRING:{\"a\": {\"b\": [1, 2.50, \"x y\"]}}", "STRING:$.a.b[2]"}, "x y"},
        {"JSON_VALUE", {"STRING:{\"a\": [1, 2.50]}", "=STRING:$.a[1]"}, "2.5"},
        {"JSON_VALUE", {"STRING:{\"a\": 1e20}", "=STRING:$.a"}, "1.0E20"},
        {"JSON_VALUE",
         {"STRING:{\"a\": 123456789012345678901234567890}", "=STRING:$.a"},
         "123456789012345678901234567890"},
        {"JSON_VALUE", {"STRING:{\"a\": null}", "=STRING:$.a"}, "NULL"},
        {"JSON_VALUE", {"STRING:{\"a\": 1}", "=STRING:$.b"}, "NULL"},
        {"JSON_VALUE", {"STRING:{\"a\": 1,,}", "=STRING:$.a"}, "NULL"},
        {"JSON_VALUE", {"STRING:{\"a\": {}}", "=STRING:$.a"}, "NULL"},
        {"JSON_VALUE",
         {"STRING:{}", "=STRING:lax $.a", "=STRING:DEFAULT", "STRING:empty", "=STRING:DEFAULT", "STRING:error"},
         "empty"},
        {"JSON_VALUE",
         {"STRING:{}", "=STRING:strict $.a", "=STRING:DEFAULT", "STRING:empty", "=STRING:DEFAULT", "STRING:error"},
         "error"},
        {"JSON_VALUE", {"STRING:x", "=STRING:$.a", "=STRING:NULL", "NULL", "=STRING:ERROR", "NULL"}, "!BAD_DATA"},
        {"JSON_VALUE", {"STRING:{\"a b\": 1}", "=STRING:$['a b']"}, "1"},
        {"JSON_VALUE", {"STRING:{\"a.b\": [0.998]}", "=STRING:$.[\"a.b\"][0]"}, "0.998"},
        {"JSON_VALUE", {"STRING:{}", "=STRING:a"}, "!INVALID_ARGUMENT"},
        {"JSON_VALUE", {"STRING:{\"a\": 1, \"a\": 2}", "=STRING:$.a"}, "2"},
        {"JSON_VALUE", {"STRING:{\"a\": \"\\u00e4\\n\"}", "STRING:$.a"}, "\xC3\xA4\n"},
        {"JSON_VALUE", {"STRING:[1,2,3]", "STRING:$[-1]"}, "3"},
        {"JSON_QUERY", {"STRING:{\"a\": {\"b\": 1.0}}", "=STRING:$.a"}, "{\"b\":1.0}"},
        {"JSON_QUERY", {"STRING:{\"a\": [1, 2]}", "STRING:$.a[*]"}, "[1,2]"},
        {"JSON_QUERY", {"STRING:{\"a\": 1}", "=STRING:$.a"}, "NULL"},
        {"JSON_QUERY", {"STRING:[{\"x\":1},{\"x\":\"q\\\"\"}]", "=STRING:$[*].x"}, "[1,\"q\\\"\"]"},
        {"JSON_QUERY", {"STRING:{\"a\": 1}", "=STRING:$.a", "=STRING:WITH", "=STRING:NULL", "=STRING:NULL"}, "[1]"},
        {"JSON_QUERY",
         {"STRING:{\"a\": [1]}", "=STRING:$.a", "=STRING:CONDITIONAL", "=STRING:NULL", "=STRING:NULL"},
         "[1]"},
        {"JSON_QUERY", {"STRING:{\"a\": [1]}", "=STRING:$.a", "=STRING:WITH", "=STRING:NULL", "=STRING:NULL"}, "[[1]]"},
        {"JSON_QUERY",
         {"STRING:{}", "=STRING:lax $.a", "=STRING:WITHOUT", "=STRING:EMPTY OBJECT", "=STRING:EMPTY ARRAY"},
         "{}"},
        {"JSON_QUERY",
         {"STRING:{", "=STRING:$.a", "=STRING:WITHOUT", "=STRING:EMPTY OBJECT", "=STRING:EMPTY ARRAY"},
         "[]"},
        {"JSON_QUERY", {"STRING:{}", "=STRING:$.a", "=STRING:WITHOUT", "=STRING:NULL", "=STRING:ERROR"}, "!BAD_DATA"},
        {"JSON_EXISTS", {"STRING:{\"a\": true}", "=STRING:$.a"}, "TRUE", "BOOLEAN"},
        {"JSON_EXISTS", {"STRING:{\"a\": true}", "=STRING:$.b"}, "FALSE"},
        {"JSON_EXISTS", {"STRING:{\"a\": true}", "STRING:strict $.b", "=STRING:TRUE"}, "TRUE"},
        {"JSON_EXISTS", {"STRING:{", "STRING:$.b", "=STRING:ERROR"}, "!BAD_DATA"},
        {"JSON_EXISTS", {"STRING:{", "STRING:$.b", "=STRING:UNKNOWN"}, "NULL"},
        {"IS JSON VALUE", {"STRING:[1]"}, "TRUE", "BOOLEAN NOT NULL"}, {"IS JSON SCALAR", {"STRING:\"a\""}, "TRUE"},
        {"IS JSON ARRAY", {"STRING:{}"}, "FALSE"}, {"IS NOT JSON OBJECT", {"STRING:{"}, "TRUE"},
        {"IS JSON VALUE", {"NULL:STRING"}, "FALSE"}, {"IS JSON VALUE", {"STRING:"}, "FALSE"},
        {"JSON_STRING", {"STRING:a\"b"}, "\"a\\\"b\""}, {"JSON_STRING", {"INT:1"}, "1"},
        {"JSON_STRING", {"BOOLEAN:true"}, "true"}, {"JSON_STRING", {"DATE:2024-01-01"}, "\"2024-01-01\""},
        {"JSON_STRING", {"NULL:INT"}, "NULL"}, {"JSON_STRING", {"DOUBLE:NaN"}, "\"NaN\""},
        {"JSON_OBJECT", {"=STRING:a", "INT:1", "=STRING:b", "NULL:INT"}, "{\"a\":1,\"b\":null}"},
        {"JSON_OBJECT", {"=STRING:ABSENT", "=STRING:a", "INT:1", "=STRING:b", "NULL:INT"}, "{\"a\":1}"},
        {"JSON_QUOTE", {"STRING:a\n"}, "\"a\\n\""}, {"JSON_UNQUOTE", {"STRING:\"a\\n\""}, "a\n"},
        {"JSON_UNQUOTE", {"STRING:[1]"}, "[1]"});
}

/* A call over constants and other calls: call(arena, "CARDINALITY", 1, call(arena, "ARRAY", 2, I("1"), I("2"))). */
static struct expr *call_of(struct arena *arena, const char *name, int count, ...) {
    struct expr *args[8], *out;
    struct error err;
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++) args[i] = va_arg(list, struct expr *);
    va_end(list);
    if (function_bind(arena, str_from(name), args, count, 0, 0, &out, &err) != STATUS_OK)
        fail_msg("%s: %s", name, err.message);
    return out;
}

static struct expr *value_of(struct arena *arena, const char *text) {
    struct value value = test_value(arena, text, NULL);
    return expr_const(arena, &value);
}

static void assert_value(struct arena *arena, struct expr *expr, const char *expected) {
    struct value value;
    struct error err;
    enum status status = expr_evaluate(arena, expr, NULL, &value, &err);
    const char *found =
        status == STATUS_OK ? test_text(arena, &value, NULL) : arena_printf(arena, "!%s", status_name(status));
    if (strcmp(found, expected) != 0) fail_msg("%s, expected %s (%s)", found, expected, status ? err.message : "");
    if (status != STATUS_OK) return;
    /* the same over a column that holds the first argument in some rows and NULL in others */
    if (expr->kind != EXPR_CALL || expr->arg_count == 0) return;
    struct value first;
    assert_int_equal(expr_evaluate(arena, expr->args[0], NULL, &first, NULL), STATUS_OK);
    const struct type *type = type_with_nullable(arena, first.type, true);
    struct chunk *chunk = chunk_create(arena, 1, &type, 10);
    for (int row = 0; row < 10; row++) {
        struct value null = value_null(type);
        vector_set(&chunk->columns[0], arena, 10, row, row % 3 == 1 ? &null : &first);
    }
    chunk->row_count = chunk->sel_count = 10;
    struct expr **args = arena_memdup(arena, expr->args, sizeof *args * (size_t)expr->arg_count), *over;
    args[0] = expr_column(arena, 0, type);
    if (function_bind(arena, str_from(expr->function->name), args, expr->arg_count, 0, 0, &over, &err) != STATUS_OK)
        fail_msg("%s over a column: %s", expr->function->name, err.message);
    struct schema schema = {1, &type, (const char *[]){"a"}};
    struct program *program;
    struct vector out;
    uint64_t counter = 0;
    struct eval_env env = {.row_counter = &counter};
    assert_int_equal(program_compile(arena, &over, 1, &schema, &program, NULL), STATUS_OK);
    struct program_state *program_state = program_state_create(program, arena);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(program_run(program, program_state, chunk, &env, arena, &out, NULL), STATUS_OK);
        for (int row = 0; row < 10; row += 3) {
            value = vector_get(&out, row, arena);
            assert_string_equal(test_text(arena, &value, NULL), expected);
        }
    }
}

static void collections(void **state) {
    struct arena arena, *a = &arena;
    (void)state;
    arena_init(&arena, NULL);
#define V(text) value_of(a, text)
#define C(name, ...) call_of(a, name, sizeof((struct expr *[]){__VA_ARGS__}) / sizeof(struct expr *), __VA_ARGS__)
    struct expr *numbers = C("ARRAY", V("INT:3"), V("INT:1"), V("BIGINT:2"));
    assert_value(a, numbers, "[3, 1, 2]");
    assert_string_equal(type_to_string(a, numbers->type), "ARRAY<BIGINT> NOT NULL");
    struct expr *texts = C("ARRAY", V("STRING:b"), V("NULL"), V("STRING:a text that is not inline"));
    assert_value(a, texts, "[b, NULL, a text that is not inline]");
    assert_value(a, C("[]", numbers, V("INT:1")), "3");
    assert_value(a, C("[]", numbers, V("INT:4")), "NULL");
    assert_value(a, C("[]", texts, V("INT:3")), "a text that is not inline");
    struct expr *bad[] = {numbers, V("INT:0")}, *out;
    struct error err;
    assert_int_equal(function_bind(a, str_from("[]"), bad, 2, 0, 0, &out, &err), STATUS_INVALID_ARGUMENT);
    struct expr *map = C("MAP", V("STRING:a"), V("INT:1"), V("STRING:b"), V("INT:2"), V("STRING:a"), V("INT:3"));
    assert_value(a, map, "{b=2, a=3}");
    assert_value(a, C("[]", map, V("STRING:a")), "3");
    assert_value(a, C("[]", map, V("STRING:x")), "NULL");
    assert_value(a, C("CARDINALITY", map), "2");
    assert_value(a, C("CARDINALITY", numbers), "3");
    assert_value(a, C("MAP_KEYS", map), "[b, a]");
    assert_value(a, C("MAP_VALUES", map), "[2, 3]");
    assert_value(a, C("MAP_ENTRIES", map), "[(b, 2), (a, 3)]");
    assert_value(a, C("MAP_UNION", map, C("MAP", V("STRING:b"), V("INT:9"), V("STRING:c"), V("INT:4"))),
                 "{b=9, a=3, c=4}");
    assert_value(a, C("MAP_FROM_ARRAYS", C("ARRAY", V("STRING:x")), C("ARRAY", V("INT:1"))), "{x=1}");
    assert_value(a, C("MAP_FROM_ARRAYS", numbers, C("ARRAY", V("INT:1"))), "!INVALID_ARGUMENT");
    struct expr *row = C("ROW", V("INT:1"), V("STRING:x"), numbers);
    assert_value(a, row, "(1, x, [3, 1, 2])");
    assert_value(a, expr_field(a, row, 1), "x");
    assert_value(a, C("[]", expr_field(a, row, 2), V("INT:2")), "1");
    assert_value(a, C("ELEMENT", C("ARRAY", V("INT:5"))), "5");
    assert_value(a, C("ELEMENT", numbers), "!CARDINALITY");
    assert_value(a, C("SPLIT", V("STRING:a,b,,c"), V("STRING:,")), "[a, b, , c]");
    assert_value(a, C("SPLIT", V("STRING:ab"), V("STRING:")), "[a, b]");
    assert_value(a, C("STR_TO_MAP", V("STRING:a=1,b=2,a=3,c")), "{a=3, b=2, c=NULL}");
    assert_value(a, C("STR_TO_MAP", V("STRING:a:1;b:2"), V("STRING:;"), V("STRING::")), "{a=1, b=2}");
    assert_value(a, C("ARRAY_APPEND", numbers, V("INT:7")), "[3, 1, 2, 7]");
    assert_value(a, C("ARRAY_PREPEND", numbers, V("NULL:INT")), "[NULL, 3, 1, 2]");
    assert_value(a, C("ARRAY_CONCAT", numbers, numbers), "[3, 1, 2, 3, 1, 2]");
    assert_value(a, C("ARRAY_CONTAINS", texts, V("STRING:b")), "TRUE");
    assert_value(a, C("ARRAY_CONTAINS", numbers, V("INT:9")), "FALSE");
    assert_value(a, C("ARRAY_DISTINCT", C("ARRAY_CONCAT", numbers, numbers)), "[3, 1, 2]");
    assert_value(a, C("ARRAY_POSITION", numbers, V("INT:2")), "3");
    assert_value(a, C("ARRAY_POSITION", numbers, V("NULL:INT")), "NULL");
    assert_value(a, C("ARRAY_REMOVE", numbers, V("INT:1")), "[3, 2]");
    assert_value(a, C("ARRAY_REVERSE", numbers), "[2, 1, 3]");
    assert_value(a, C("ARRAY_SLICE", numbers, V("INT:2")), "[1, 2]");
    assert_value(a, C("ARRAY_SLICE", numbers, V("INT:-3"), V("INT:-2")), "[3, 1]");
    assert_value(a, C("ARRAY_SLICE", numbers, V("INT:5")), "[]");
    assert_value(a, C("ARRAY_SORT", numbers), "[1, 2, 3]");
    assert_value(a, C("ARRAY_SORT", texts, V("BOOLEAN:false")), "[b, a text that is not inline, NULL]");
    assert_value(a, C("ARRAY_SORT", texts), "[NULL, a text that is not inline, b]");
    assert_value(a, C("ARRAY_UNION", numbers, C("ARRAY", V("INT:1"), V("INT:8"))), "[3, 1, 2, 8]");
    assert_value(a, C("ARRAY_EXCEPT", numbers, C("ARRAY", V("INT:1"))), "[3, 2]");
    assert_value(a, C("ARRAY_INTERSECT", numbers, C("ARRAY", V("INT:1"), V("INT:8"))), "[1]");
    assert_value(a, C("ARRAY_JOIN", texts, V("STRING:-")), "b-a text that is not inline");
    assert_value(a, C("ARRAY_JOIN", texts, V("STRING:-"), V("STRING:?")), "b-?-a text that is not inline");
    assert_value(a, C("ARRAY_MAX", numbers), "3");
    assert_value(a, C("ARRAY_MIN", texts), "a text that is not inline");
    assert_value(a, C("=", numbers, C("ARRAY", V("BIGINT:3"), V("INT:1"), V("INT:2"))), "TRUE");
    assert_value(a, C("JSON_STRING", map), "{\"b\":2,\"a\":3}");
    assert_value(a, C("CASE", V("BOOLEAN:false"), numbers, C("ARRAY", V("BIGINT:9"))), "[9]");
    assert_value(a, C("TYPEOF", numbers), "ARRAY<BIGINT> NOT NULL");
    struct expr *unordered[] = {numbers, numbers};
    assert_int_equal(function_bind(a, str_from("<"), unordered, 2, 0, 0, &out, &err), STATUS_TYPE_MISMATCH);
    arena_destroy(&arena);
}

/* The list itself: every entry has what its readers need. */
static void registry(void **state) {
    (void)state;
    struct error err;
    for (int i = 0; i < function_count(); i++) {
        const struct function_info *info = function_at(i);
        assert_true(strlen(info->name) > 0 && strlen(info->signature) > 0 && strlen(info->doc) > 0);
        if (info->kind == FUNCTION_SCALAR && strcmp(info->name, "CURRENT_WATERMARK") != 0 && !strlen(info->example))
            fail_msg("%s has no example", info->name);
        for (int j = 0; j < i; j++) assert_int_not_equal(strcmp(info->name, function_at(j)->name), 0);
        assert_ptr_equal(function_find(str_from(info->name)), info);
        /* no arguments are an error or fine, never a crash; the same for too many */
        struct arena arena;
        struct expr *out, *args[9];
        arena_init(&arena, NULL);
        for (int k = 0; k < 9; k++) args[k] = value_of(&arena, k % 2 ? "NULL" : "STRING:x");
        for (int count = 0; count <= 9 && info->kind == FUNCTION_SCALAR; count++) {
            enum status status = function_bind(&arena, str_from(info->name), args, count, 0, 0, &out, &err);
            struct value value;
            if (status == STATUS_OK) (void)expr_evaluate(&arena, out, NULL, &value, &err);
        }
        arena_destroy(&arena);
    }
    assert_ptr_equal(function_find(str_from("upper")), function_find(str_from("UPPER")));
    assert_null(function_at(-1));
    assert_null(function_at(function_count()));
    struct arena arena;
    struct expr *out;
    arena_init(&arena, NULL);
    assert_int_equal(function_bind(&arena, str_from("UPER"), NULL, 0, 3, 4, &out, &err), STATUS_UNDEFINED_FUNCTION);
    assert_string_equal(err.message, "there is no function UPER");
    assert_string_equal(err.hint, "did you mean UPPER?");
    assert_int_equal(err.offset, 3);
    struct expr *args[] = {value_of(&arena, "INT:5")};
    assert_int_equal(function_bind(&arena, str_from("upper"), args, 1, 3, 4, &out, &err), STATUS_UNDEFINED_FUNCTION);
    assert_string_equal(err.message, "UPPER does not take (INT)");
    assert_string_equal(err.hint, "it is UPPER(string)");
    arena_destroy(&arena);
}

/* Patterns of random pieces: a result or an error, never a crash. */
static void random_patterns(void **state) {
    static const char *const pieces[] = {
        "(",   ")",        "[",    "]", "^", "&&",   "-",  "a", "b",  "\\",   "\\p{", "}", "{",   "1",   ",",
        "?",   "*",        "+",    "|", ".", "$",    "(?", "i", ":",  "<",    "=",    "!", "\\Q", "\\E", "x",
        "u00", "\xC3\xA4", "\xFF", "%", "_", "lax ", "$",  "'", "\"", "yyyy", "M",    " ", "Z",   "\\u", "k<n>"};
    static const char *const names[] = {
        "REGEXP",      "REGEXP_REPLACE", "REGEXP_EXTRACT_ALL", "SIMILAR TO",   "LIKE",      "JSON_VALUE",
        "JSON_QUERY",  "JSON_EXISTS",    "DATE_FORMAT",        "TO_TIMESTAMP", "PARSE_URL", "STR_TO_MAP",
        "FROM_BASE64", "URL_DECODE",     "IS JSON VALUE",      "JSON_UNQUOTE", "UNHEX",     "UPPER",
        "INITCAP",     "REVERSE"};
    uint64_t seed = 5;
    int ok = 0, failed = 0;
    (void)state;
    for (int run = 0; run < 20000; run++) {
        struct arena arena;
        arena_init(&arena, NULL);
        char text[2][128];
        for (int t = 0; t < 2; t++) {
            text[t][0] = 0;
            for (int n = random_below(&seed, 10); n > 0; n--)
                strcat(text[t], pieces[random_below(&seed, sizeof pieces / sizeof *pieces)]);
        }
        const char *name = names[random_below(&seed, sizeof names / sizeof *names)];
        struct value values[3] = {value_str(type_of(TYPE_VARCHAR), str_from(text[0])),
                                  value_str(type_of(TYPE_VARCHAR), str_from(text[1])),
                                  value_str(type_of(TYPE_VARCHAR), str_from("$1x"))};
        if (strcmp(name, "DATE_FORMAT") == 0)
            values[0] = value_i64(type_of(TYPE_TIMESTAMP), (int64_t)random_next(&seed) >> 10);
        struct expr *args[3], *call;
        struct error err;
        for (int i = 0; i < 3; i++) args[i] = expr_const(&arena, &values[i]);
        for (int count = 1; count <= 3; count++) {
            if (function_bind(&arena, str_from(name), args, count, 0, 0, &call, &err) != STATUS_OK) continue;
            struct value value;
            enum status status = expr_evaluate(&arena, call, NULL, &value, &err);
            ok += status == STATUS_OK;
            failed += status != STATUS_OK;
            assert_int_not_equal(status, STATUS_INTERNAL);
        }
        arena_destroy(&arena);
    }
    assert_true(ok > 1000 && failed > 1000);
}

const struct CMUnitTest function_tests[] = {
    cmocka_unit_test(random_patterns),
    cmocka_unit_test(collections),
    cmocka_unit_test(registry),
    cmocka_unit_test(regular_expressions),
    cmocka_unit_test(java_syntax),
    cmocka_unit_test(json),
    cmocka_unit_test(temporal),
    cmocka_unit_test(clocks),
    cmocka_unit_test(comparisons),
    cmocka_unit_test(truth),
    cmocka_unit_test(lists),
    cmocka_unit_test(patterns),
    cmocka_unit_test(choices),
    cmocka_unit_test(arithmetic),
    cmocka_unit_test(intervals),
    cmocka_unit_test(numbers),
    cmocka_unit_test(text),
    cmocka_unit_test(encodings),
};
const size_t function_tests_count = sizeof function_tests / sizeof *function_tests;
