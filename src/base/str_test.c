#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

extern const struct CMUnitTest str_tests[];
extern const size_t str_tests_count;

static void comparing(void **state) {
    (void)state;
    assert_true(str_equal(str_from("abc"), (struct str){"abcd", 3}));
    assert_false(str_equal(str_from("abc"), str_from("abd")));
    assert_true(str_equal(str_from(NULL), str_from("")));
    assert_true(str_equal_nocase(str_from("SeLeCt"), str_from("sElEcT")));
    assert_false(str_equal_nocase(str_from("a"), str_from("ab")));
    assert_false(str_equal_nocase(str_from("\xC3\x84"), str_from("\xC3\xA4"))); /* ASCII only */
    assert_int_equal(str_compare_nocase("Abc", "aBC"), 0);
    assert_true(str_compare_nocase("abc", "ABD") < 0);
    assert_true(str_compare_nocase("abcd", "ABC") > 0);
    assert_true(str_compare_nocase("", "a") < 0);
}

static int distance(const char *a, const char *b) { return str_distance(str_from(a), str_from(b), 100); }

static void distances(void **state) {
    (void)state;
    assert_int_equal(distance("kitten", "sitting"), 3);
    assert_int_equal(distance("user", "users"), 1);
    assert_int_equal(distance("form", "from"), 1); /* a transposition counts one */
    assert_int_equal(distance("USERS", "users"), 0);
    assert_int_equal(distance("", "abc"), 3);
    assert_int_equal(distance("ca", "abc"), 3); /* optimal string alignment, not full Damerau-Levenshtein (2) */
    assert_int_equal(str_distance(str_from("kitten"), str_from("sitting"), 2), 3);
    char longer[200];
    memset(longer, 'x', sizeof longer);
    assert_int_equal(str_distance((struct str){longer, sizeof longer}, str_from("x"), 4), 5);
}

static void nearest_names(void **state) {
    (void)state;
    static const char *const names[] = {"connector", "format", NULL, "scan.startup.mode", "topic", "id"};
    assert_string_equal(str_nearest("conector", names, 6), "connector");
    assert_string_equal(str_nearest("FROMAT", names, 6), "format");
    assert_string_equal(str_nearest("scan.startup-mode", names, 6), "scan.startup.mode");
    assert_null(str_nearest("password", names, 6));
    assert_null(str_nearest("x", names, 6)); /* two of two letters wrong is no suggestion */
    assert_null(str_nearest("x", names, 0));
}

static void buffers_grow_and_stay_terminated(void **state) {
    (void)state;
    struct strbuf buf = {0};
    for (int i = 0; i < 1000; i++) {
        strbuf_putc(&buf, (char)('a' + i % 26));
        assert_int_equal(strlen(buf.data), i + 1);
    }
    strbuf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    strbuf_puts(&buf, "x=");
    strbuf_printf(&buf, "%d %s", 42, "forty-two");
    strbuf_add(&buf, "\0z", 2);
    assert_int_equal(buf.len, 16);
    assert_memory_equal(buf.data, "x=42 forty-two\0z", 17);
    assert_true(str_equal(strbuf_str(&buf), (struct str){"x=42 forty-two\0z", 16}));
    strbuf_free(&buf);
    assert_null(buf.data);
    strbuf_clear(&buf);
    strbuf_free(&buf);
}

static void quoting(void **state) {
    (void)state;
    struct strbuf buf = {0};
    static const char *const cases[][2] = {
        {"plain_1", "plain_1"},       {"_x", "_x"},      {"1x", "`1x`"},
        {"two words", "`two words`"}, {"a`b", "`a``b`"}, {"", "``"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        strbuf_clear(&buf);
        strbuf_put_identifier(&buf, cases[i][0]);
        assert_string_equal(buf.data, cases[i][1]);
    }
    strbuf_clear(&buf);
    strbuf_put_literal(&buf, "it's", 4);
    assert_string_equal(buf.data, "'it''s'");
    strbuf_clear(&buf);
    strbuf_put_literal(&buf, "", 0);
    assert_string_equal(buf.data, "''");
    strbuf_free(&buf);
}

const struct CMUnitTest str_tests[] = {
    cmocka_unit_test(comparing),     cmocka_unit_test(distances),
    cmocka_unit_test(nearest_names), cmocka_unit_test(buffers_grow_and_stay_terminated),
    cmocka_unit_test(quoting),
};
const size_t str_tests_count = sizeof str_tests / sizeof *str_tests;
