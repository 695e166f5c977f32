/* The pattern for unit tests: cmocka's headers, static test functions, and at the end the list `<file>_tests` with its
 * count, which the generated main of the folder reads. Never call skip(): cmocka 1.1 reports it as a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

extern const struct CMUnitTest error_tests[];
extern const size_t error_tests_count;

static void set_fills_everything(void **state) {
    (void)state;
    struct error err;
    memset(&err, 0x55, sizeof err);
    assert_int_equal(error_set(&err, STATUS_BAD_DATA, "line %d: %s", 7, "no such field"), STATUS_BAD_DATA);
    assert_int_equal(err.code, STATUS_BAD_DATA);
    assert_string_equal(err.message, "line 7: no such field");
    assert_int_equal(err.offset, -1);
    assert_int_equal(err.length, 0);
    assert_string_equal(err.detail, "");
    assert_string_equal(err.hint, "");
}

static void set_at_keeps_the_place(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(error_set_at(&err, STATUS_UNDEFINED_COLUMN, 12, 3, "no column %s", "abc"),
                     STATUS_UNDEFINED_COLUMN);
    assert_int_equal(err.offset, 12);
    assert_int_equal(err.length, 3);
    error_detail(&err, "the table has %d columns", 2);
    error_hint(&err, "did you mean %s?", "abd");
    assert_string_equal(err.message, "no column abc");
    assert_string_equal(err.detail, "the table has 2 columns");
    assert_string_equal(err.hint, "did you mean abd?");
    error_clear(&err);
    assert_int_equal(err.code, STATUS_OK);
    assert_int_equal(err.offset, -1);
    assert_string_equal(err.message, "");
    assert_string_equal(err.hint, "");
}

static void null_error_gives_the_code_only(void **state) {
    (void)state;
    assert_int_equal(error_set(NULL, STATUS_TIMEOUT, "x"), STATUS_TIMEOUT);
    assert_int_equal(error_set_at(NULL, STATUS_TIMEOUT, 1, 1, "x"), STATUS_TIMEOUT);
    error_detail(NULL, "x");
    error_hint(NULL, "x");
    error_prefix(NULL, "x");
    error_clear(NULL);
}

/* A message may be built from the one that is in the struct already. */
static void arguments_may_point_into_the_error(void **state) {
    (void)state;
    struct error err;
    error_set(&err, STATUS_IO_ERROR, "disk full");
    error_set(&err, STATUS_BAD_DATA, "cannot write a.csv: %s", err.message);
    assert_string_equal(err.message, "cannot write a.csv: disk full");
}

static void long_text_is_cut_at_a_character(void **state) {
    (void)state;
    /* 2-byte characters: whatever the parity of the room, no half character may stay at the end. */
    char text[2 * ERROR_MESSAGE_SIZE + 1];
    for (size_t i = 0; i < ERROR_MESSAGE_SIZE; i++) memcpy(text + 2 * i, "\xC3\xA4", 2);
    text[sizeof text - 1] = 0;
    for (int shift = 0; shift < 2; shift++) {
        struct error err;
        error_set(&err, STATUS_BAD_DATA, "%s%s", shift ? "x" : "", text);
        size_t len = strlen(err.message);
        assert_in_range(len, ERROR_MESSAGE_SIZE - 4, ERROR_MESSAGE_SIZE - 1);
        assert_int_equal((len - (size_t)shift) % 2, 0);
    }
}

static void prefix_goes_in_front(void **state) {
    (void)state;
    struct error err;
    error_set(&err, STATUS_BAD_DATA, "bad number");
    error_hint(&err, "quote it");
    error_prefix(&err, "%s:%d", "a.csv", 3);
    assert_string_equal(err.message, "a.csv:3: bad number");
    assert_string_equal(err.hint, "quote it");
    assert_int_equal(err.code, STATUS_BAD_DATA);

    char text[2 * ERROR_MESSAGE_SIZE];
    memset(text, 'p', sizeof text);
    text[sizeof text - 1] = 0;
    error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_SIZE - 1);
}

static enum status fail_when(int fail, struct error *err) {
    return fail ? error_set(err, STATUS_CANCELLED, "stopped") : STATUS_OK;
}

static enum status try_both(int fail, int *reached, struct error *err) {
    TRY(fail_when(fail, err));
    *reached = 1;
    return STATUS_OK;
}

static enum status try_cleanup(int fail, int *cleaned, struct error *err) {
    enum status status = STATUS_OK;
    TRY_CLEANUP(fail_when(fail, err));
cleanup:
    *cleaned = 1;
    return status;
}

static void try_returns_the_failure(void **state) {
    (void)state;
    struct error err;
    int reached = 0, cleaned = 0;
    assert_int_equal(try_both(1, &reached, &err), STATUS_CANCELLED);
    assert_int_equal(reached, 0);
    assert_int_equal(try_both(0, &reached, &err), STATUS_OK);
    assert_int_equal(reached, 1);
    assert_int_equal(try_cleanup(1, &cleaned, &err), STATUS_CANCELLED);
    assert_int_equal(cleaned, 1);
}

/* Every code has a name, a five-character SQLSTATE and one of the documented exit statuses. */
static void codes_are_complete(void **state) {
    (void)state;
    for (int code = 0; code < STATUS_COUNT; code++) {
        assert_true(strlen(status_name(code)) > 0);
        assert_int_equal(strlen(status_sqlstate(code)), 5);
        assert_in_range(status_exit(code), 0, 3);
    }
    assert_int_equal(status_exit(STATUS_OK), 0);
    assert_int_equal(status_exit(STATUS_SYNTAX_ERROR), 1);
    assert_int_equal(status_exit(STATUS_USAGE), 2);
    assert_int_equal(status_exit(STATUS_UNREACHABLE), 3);
    assert_string_equal(status_name(STATUS_DIVISION_BY_ZERO), "DIVISION_BY_ZERO");
    assert_string_equal(status_sqlstate(STATUS_DIVISION_BY_ZERO), "22012");
    assert_string_equal(status_name((enum status)9999), "UNKNOWN");
}

const struct CMUnitTest error_tests[] = {
    cmocka_unit_test(set_fills_everything),
    cmocka_unit_test(set_at_keeps_the_place),
    cmocka_unit_test(null_error_gives_the_code_only),
    cmocka_unit_test(arguments_may_point_into_the_error),
    cmocka_unit_test(long_text_is_cut_at_a_character),
    cmocka_unit_test(prefix_goes_in_front),
    cmocka_unit_test(try_returns_the_failure),
    cmocka_unit_test(codes_are_complete),
};
const size_t error_tests_count = sizeof error_tests / sizeof *error_tests;
