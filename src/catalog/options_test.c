#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/options.h"

extern const struct CMUnitTest options_tests[];
extern const size_t options_tests_count;

static const struct option_def kafka[] = {
    {.name = "topic", .type = OPTION_STRING, .required = true, .doc = "the topic's name"},
    {.name = "scan.startup.mode",
     .type = OPTION_ENUM,
     .choices = "earliest-offset|latest-offset|timestamp",
     .default_value = "latest-offset"},
    {.name = "poll.timeout", .type = OPTION_DURATION, .default_value = "5 s", .min = 1, .max = 60000},
    {.name = "fetch.size", .type = OPTION_SIZE, .default_value = "1 mb", .min = 1024},
    {.name = "parallelism", .type = OPTION_INT, .default_value = "4", .min = 1, .max = 64},
    {.name = "sample", .type = OPTION_DOUBLE, .default_value = "0.5"},
    {.name = "exact", .type = OPTION_BOOL, .default_value = "true"},
    {.name = "password", .type = OPTION_INT, .secret = true},
    {.name = "properties.", .type = OPTION_STRING, .prefix = true},
    {.name = "properties.max", .type = OPTION_INT},
    OPTION_END,
};
static const struct option_def json[] = {
    {.name = "json.ignore-parse-errors", .type = OPTION_BOOL, .default_value = "false"},
    {.name = "fields.#", .type = OPTION_INT, .prefix = true},
    OPTION_END,
};
static const struct option_def *const tables[] = {kafka, json, NULL};

static enum status check(struct error *err, int count, const char *const (*pairs)[2]) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list list = {0};
    for (int i = 0; i < count; i++) option_add(&list, &arena, pairs[i][0], pairs[i][1], 100 * (i + 1));
    error_clear(err);
    enum status status = options_check(&list, tables, "connector 'kafka'", err);
    arena_destroy(&arena);
    return status;
}
#define CHECK(err, ...)                                                                                                \
    check((err), (int)(sizeof((const char *const[][2])__VA_ARGS__) / sizeof(char *[2])),                               \
          (const char *const[][2])__VA_ARGS__)
#define LIST(...) __VA_ARGS__

static void right_options_pass(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(CHECK(&err, LIST({{"topic", "t"}})), STATUS_OK);
    assert_int_equal(CHECK(&err, LIST({{"topic", "t"},
                                       {"scan.startup.mode", "EARLIEST-offset"},
                                       {"poll.timeout", "10 s"},
                                       {"fetch.size", "64kb"},
                                       {"sample", "1e-3"},
                                       {"exact", "FALSE"},
                                       {"properties.anything.at.all", ""},
                                       {"properties.max", "7"},
                                       {"fields.a.kind", "1"},
                                       {"json.ignore-parse-errors", "true"}})),
                     STATUS_OK);
}

static void wrong_names(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(CHECK(&err, LIST({{"topic", "t"}, {"scan.startup-mode", "x"}})), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "connector 'kafka' has no option 'scan.startup-mode'");
    assert_string_equal(err.hint, "did you mean 'scan.startup.mode'?");
    assert_int_equal(err.offset, 200);
    assert_int_equal(CHECK(&err, LIST({{"topic", "t"}, {"json.ignore-parse-error", "x"}})), STATUS_INVALID_OPTION);
    assert_string_equal(err.hint, "did you mean 'json.ignore-parse-errors'?");
    assert_int_equal(CHECK(&err, LIST({{"topic", "t"}, {"zzzzzzzzzzzz", "x"}})), STATUS_INVALID_OPTION);
    assert_non_null(strstr(err.hint, "its options are: topic, scan.startup.mode"));
    assert_int_equal(CHECK(&err, LIST({{"topic", "t"}, {"properties.", "x"}})), STATUS_INVALID_OPTION);
    assert_int_equal(CHECK(&err, LIST({{"topic", "t"}, {"Topic", "x"}})), STATUS_INVALID_OPTION); /* case counts */
    assert_int_equal(CHECK(&err, LIST({{"exact", "true"}})), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "connector 'kafka' needs the option 'topic'");
    assert_int_equal(options_check(&(struct option_list){0}, tables, "x", NULL), STATUS_INVALID_OPTION);
}

static void wrong_values(void **state) {
    (void)state;
    static const char *const cases[][4] = {
        {"scan.startup.mode", "newest", "option 'scan.startup.mode' of connector 'kafka' cannot be 'newest'",
         "it is one of: earliest-offset, latest-offset, timestamp"},
        {"poll.timeout", "10 parsecs", "option 'poll.timeout' of connector 'kafka' cannot be '10 parsecs'",
         "it is a time such as 500 ms, 10 s, 5 min, 2 h or 1 d"},
        {"poll.timeout", "61 s", "option 'poll.timeout' of connector 'kafka' cannot be '61 s'", "the most is 60 s"},
        {"poll.timeout", "0", "option 'poll.timeout' of connector 'kafka' cannot be '0'", "the least is 1 ms"},
        {"poll.timeout", "999999999999 d", "option 'poll.timeout' of connector 'kafka' cannot be '999999999999 d'",
         "it is a time such as 500 ms, 10 s, 5 min, 2 h or 1 d"},
        {"fetch.size", "1 b", "option 'fetch.size' of connector 'kafka' cannot be '1 b'", "the least is 1 kb"},
        {"fetch.size", "-1", "option 'fetch.size' of connector 'kafka' cannot be '-1'",
         "it is a size such as 4096, 64 kb, 128 mb or 2 gb"},
        {"parallelism", "65", "option 'parallelism' of connector 'kafka' cannot be '65'", "the most is 64"},
        {"parallelism", "", "option 'parallelism' of connector 'kafka' cannot be ''", "it is a whole number"},
        {"parallelism", "9223372036854775808",
         "option 'parallelism' of connector 'kafka' cannot be '9223372036854775808'", "it is a whole number"},
        {"sample", "nan", "option 'sample' of connector 'kafka' cannot be 'nan'", "it is a number"},
        {"exact", "yes", "option 'exact' of connector 'kafka' cannot be 'yes'", "it is true or false"},
        {"password", "hunter2", "option 'password' of connector 'kafka' has a wrong value", "it is a whole number"},
        {"properties.max", "many", "option 'properties.max' of connector 'kafka' cannot be 'many'",
         "it is a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        const char *const pairs[][2] = {{"topic", "t"}, {cases[i][0], cases[i][1]}};
        assert_int_equal(check(&err, 2, pairs), STATUS_INVALID_OPTION);
        assert_string_equal(err.message, cases[i][2]);
        assert_string_equal(err.hint, cases[i][3]);
        assert_int_equal(err.offset, 200);
    }
}

static void typed_reads(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list list = {0};
    assert_string_equal(option_string(&list, kafka, "scan.startup.mode"), "latest-offset");
    assert_null(option_string(&list, kafka, "topic"));
    assert_int_equal(option_int(&list, kafka, "poll.timeout"), 5000);
    assert_int_equal(option_int(&list, kafka, "fetch.size"), 1 << 20);
    assert_int_equal(option_int(&list, kafka, "parallelism"), 4);
    assert_true(option_bool(&list, kafka, "exact"));
    assert_true(option_double(&list, kafka, "sample") == 0.5);
    option_add(&list, &arena, "poll.timeout", "2 min", -1);
    option_add(&list, &arena, "fetch.size", "3gb", -1);
    option_add(&list, &arena, "parallelism", " -12 ", -1);
    option_add(&list, &arena, "exact", "false", -1);
    option_add(&list, &arena, "sample", "-2.5", -1);
    option_add(&list, &arena, "properties.x", "y", -1);
    assert_int_equal(option_int(&list, kafka, "poll.timeout"), 120000);
    assert_int_equal(option_int(&list, kafka, "fetch.size"), INT64_C(3) << 30);
    assert_int_equal(option_int(&list, kafka, "parallelism"), -12);
    assert_false(option_bool(&list, kafka, "exact"));
    assert_true(option_double(&list, kafka, "sample") == -2.5);
    assert_string_equal(option_string(&list, kafka, "properties.x"), "y");
    assert_true(option_given(&list, "exact"));
    assert_false(option_given(&list, "topic"));
    arena_destroy(&arena);
}

static void adding_replaces_and_leaves_copies_alone(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list list = {0};
    option_add(&list, &arena, "a", "1", 5);
    option_add(&list, &arena, "b", "2", 6);
    struct option_list hinted = list;
    option_add(&hinted, &arena, "a", "9", -1);
    option_add(&hinted, &arena, "c", "3", -1);
    assert_int_equal(list.count, 2);
    assert_string_equal(option_find(&list, "a"), "1");
    assert_int_equal(hinted.count, 3);
    assert_string_equal(option_find(&hinted, "a"), "9");
    assert_string_equal(option_find(&hinted, "b"), "2");
    assert_int_equal(hinted.offsets[1], 6);
    assert_null(option_find(&hinted, "A"));
    arena_destroy(&arena);
}

static void durations_and_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } durations[] = {
        {"0", 0},
        {"15", 15},
        {"500ms", 500},
        {"10 s", 10000},
        {" 1 min ", 60000},
        {"2h", 7200000},
        {"1 D", 86400000},
        {"3 milliseconds", 3},
        {"1 ns", 1},
        {"0 ns", 0},
        {"1500us", 2},
        {"2000 \xC2\xB5s", 2},
        {"106751991168 d", -1},
        {"1.5 s", -1},
        {"-1 s", -1},
        {"s", -1},
        {"", -1},
        {"5 fortnights", -1},
        {"10 s s", -1},
        {"5 secs", 5000},
        {"99999999999999999999", -1},
    };
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        int64_t ms = -1;
        enum status status = option_parse_duration(str_from(durations[i].text), &ms);
        assert_int_equal(ms, durations[i].ms);
        assert_int_equal(status == STATUS_OK, durations[i].ms >= 0);
    }
    int64_t size;
    assert_int_equal(option_parse_size(str_from("64 MB"), &size), STATUS_OK);
    assert_int_equal(size, 64 << 20);
    assert_int_equal(option_parse_size(str_from("1g"), &size), STATUS_OK);
    assert_int_equal(size, 1 << 30);
    assert_int_equal(option_parse_size(str_from("12 bytes"), &size), STATUS_OK);
    assert_int_equal(size, 12);
    assert_int_not_equal(option_parse_size(str_from("9999999999 tb"), &size), STATUS_OK);
    assert_int_not_equal(option_parse_size(str_from("1 pb"), &size), STATUS_OK);
    bool flag = false;
    assert_int_equal(option_parse_bool(str_from(" True"), &flag), STATUS_OK);
    assert_true(flag);
    assert_int_not_equal(option_parse_bool(str_from("1"), &flag), STATUS_OK);
}

const struct CMUnitTest options_tests[] = {
    cmocka_unit_test(right_options_pass),
    cmocka_unit_test(wrong_names),
    cmocka_unit_test(wrong_values),
    cmocka_unit_test(typed_reads),
    cmocka_unit_test(adding_replaces_and_leaves_copies_alone),
    cmocka_unit_test(durations_and_sizes),
};
const size_t options_tests_count = sizeof options_tests / sizeof *options_tests;
