#include "connector/test_source.h"

#include <time.h>

extern const struct CMUnitTest datagen_tests[];
extern const size_t datagen_tests_count;
extern const struct connector datagen_connector;

/* Options as "key=value" lines. */
static struct table *make_table(struct arena *arena, int count, const char *const *names,
                                const struct type *const *types, const char *text) {
    struct table *table = ARENA_NEW(arena, struct table);
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, count);
    for (int i = 0; i < count; i++) columns[i] = (struct table_column){.name = names[i], .type = types[i]};
    *table = (struct table){.name = "t", .column_count = count, .columns = columns, .watermark_column = -1};
    for (const char *p = text; *p;) {
        const char *end = strchrnul(p, '\n'), *equal = memchr(p, '=', (size_t)(end - p));
        option_add(&table->options, arena, arena_strndup(arena, p, (size_t)(equal - p)),
                   arena_strndup(arena, equal + 1, (size_t)(end - equal - 1)), -1);
        p = *end ? end + 1 : end;
    }
    return table;
}

static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"};

static struct table *wide_table(struct arena *arena, const char *more) {
    const struct type *inner[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type **types = ARENA_ARRAY(arena, const struct type *, 11);
    types[0] = type_of(TYPE_BIGINT);
    types[1] = type_of(TYPE_INT);
    types[2] = type_of(TYPE_DOUBLE);
    types[3] = type_decimal(arena, 38, 10, true);
    types[4] = type_of(TYPE_VARCHAR);
    types[5] = type_string(arena, TYPE_CHAR, 5, true);
    types[6] = type_of(TYPE_BOOLEAN);
    types[7] = type_array(arena, type_of(TYPE_BIGINT), true);
    types[8] = type_map(arena, type_of(TYPE_VARCHAR), type_row(arena, 2, names, inner, true), true);
    types[9] = type_multiset(arena, type_of(TYPE_INT), true);
    types[10] = type_of(TYPE_VARBINARY);
    return make_table(
        arena, 11, names, types,
        arena_printf(
            arena,
            "rows-per-second=0\nnumber-of-rows=100000\nfields.a.kind=sequence\nfields.a.start=5\n"
            "fields.a.end=40004\nfields.b.min=-3\nfields.b.max=3\nfields.c.min=1\nfields.c.max=2\n"
            "fields.e.length=20\nfields.e.var-len=true\nfields.e.null-rate=0.25\nfields.h.length=4\n"
            "fields.h.element.max=9\nfields.h.element.min=0\nfields.h.var-len=true\nfields.h.null-rate=0.1\n"
            "fields.i.length=2\nfields.i.key.length=3\nfields.i.value.b.length=1\nfields.i.value.null-rate=0.5%s%s",
            more ? "\n" : "", more ? more : ""));
}

static void is_the_same_for_any_cuts(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *table = wide_table(&arena, NULL);
    struct error err = {0};
    assert_int_equal(datagen_connector.check_table(table, &err), STATUS_OK);
    assert_true(datagen_connector.source->is_bounded(table));
    assert_int_equal(datagen_connector.source->row_estimate(table), 40000);
    static const int columns[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct test_run whole, pieces, one;
    assert_int_equal(test_scan(&datagen_connector, table, columns, 11, 0, 0, NULL, &whole, &err), STATUS_OK);
    assert_int_equal(whole.splits[0].row_count, 40000); /* the sequence ends first */
    assert_true(whole.block_count > 1);
    assert_int_equal(test_scan(&datagen_connector, table, columns, 11, 1000, 0, NULL, &pieces, &err), STATUS_OK);
    assert_string_equal(pieces.splits[0].rows.data, whole.splits[0].rows.data);
    test_resume(&datagen_connector, table, columns, 11, &whole, 1);
    /* a column alone has the same values */
    static const int third[] = {2};
    assert_int_equal(test_scan(&datagen_connector, table, third, 1, 0, 0, NULL, &one, &err), STATUS_OK);
    char *line = whole.splits[0].rows.data, *other = one.splits[0].rows.data;
    for (int row = 0; row < 100; row++) {
        char *field = strchr(strchr(line, '|') + 1, '|') + 1;
        size_t len = strcspn(other, "\n");
        assert_memory_equal(field, other, len);
        assert_int_equal(field[len], '|');
        line = strchr(line, '\n') + 1;
        other += len + 1;
    }
    test_run_free(&one);
    test_run_free(&pieces);
    /* and another seed other ones */
    table = wide_table(&arena, "seed=1");
    assert_int_equal(test_scan(&datagen_connector, table, columns, 11, 0, 0, NULL, &one, &err), STATUS_OK);
    assert_string_not_equal(one.splits[0].rows.data, whole.splits[0].rows.data);
    test_run_free(&one);
    test_run_free(&whole);
    arena_destroy(&arena);
}

static void keeps_to_its_options(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *table = wide_table(&arena, NULL);
    static const int columns[] = {0, 1, 2, 4, 5};
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&datagen_connector, table, columns, 5, 0, 0, NULL, &run, &err), STATUS_OK);
    int nulls = 0, seen[7] = {0}, row = 0, longest = 0;
    char *state_line = NULL;
    for (char *line = strtok_r(run.splits[0].rows.data, "\n", &state_line); line;
         line = strtok_r(NULL, "\n", &state_line), row++) {
        char text[32] = "", fixed[32] = "";
        long long a, b;
        double c;
        assert_int_equal(sscanf(line, "%lld|%lld|%lf|%31[^|]|%31s", &a, &b, &c, text, fixed), 5);
        assert_int_equal(a, row + 5);
        assert_true(b >= -3 && b <= 3);
        seen[b + 3]++;
        assert_true(c >= 1 && c <= 2);
        if (strcmp(text, "NULL") == 0) {
            nulls++;
        } else {
            assert_int_equal(strspn(text, "0123456789abcdef"), strlen(text));
            if ((int)strlen(text) > longest) longest = (int)strlen(text);
        }
        assert_int_equal(strlen(fixed), 5);
    }
    assert_int_equal(row, 40000);
    assert_int_equal(longest, 20);
    assert_true(nulls > 9000 && nulls < 11000);
    for (int i = 0; i < 7; i++) assert_true(seen[i] > 5000 && seen[i] < 6500);
    test_run_free(&run);
    arena_destroy(&arena);
}

static void follows_the_clock(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_time(&arena, TYPE_TIMESTAMP, 3, true),
                                  type_time(&arena, TYPE_TIMESTAMP_LTZ, 6, true), type_of(TYPE_DATE),
                                  type_of(TYPE_TIME)};
    struct table *table =
        make_table(&arena, 4, names, types, "rows-per-second=1000\nnumber-of-rows=300\nfields.b.max-past=10 s");
    static const int columns[] = {0, 1, 2, 3};
    struct test_run run;
    struct error err = {0};
    struct timespec begin, end;
    clock_gettime(CLOCK_REALTIME, &begin);
    assert_int_equal(test_scan(&datagen_connector, table, columns, 4, 0, 0, NULL, &run, &err), STATUS_OK);
    clock_gettime(CLOCK_REALTIME, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
    assert_true(seconds > 0.25); /* held back */
    assert_true(run.block_count > 3);
    int64_t base = (int64_t)begin.tv_sec * 1000000 + begin.tv_nsec / 1000;
    int row = 0;
    for (const char *line = run.splits[0].rows.data; *line; line = strchr(line, '\n') + 1, row++) {
        long long a, b, c, d;
        assert_int_equal(sscanf(line, "%lld|%lld|%lld|%lld", &a, &b, &c, &d), 4);
        assert_true(a >= base - 1000 + row * 1000 && a <= base + row * 1000 + 5000000);
        assert_int_equal(a % 1000, 0);
        assert_true(b <= a + 1000 && b >= a - 10001000);
        assert_true(c >= 20000 && d >= 0 && d < 86400 * INT64_C(1000000000));
        assert_int_equal(d % 1000000000, 0);
    }
    assert_int_equal(row, 300);
    test_resume(&datagen_connector, table, columns, 4, &run, run.splits[0].mark_count / 2 + 1);
    test_run_free(&run);
    arena_destroy(&arena);
}

static void expect_wrong(struct arena *arena, const struct type *type, const char *option, const char *message,
                         const char *hint) {
    struct table *table = make_table(arena, 1, names, &type, option);
    struct error err = {0};
    assert_int_not_equal(datagen_connector.check_table(table, &err), STATUS_OK);
    assert_string_equal(err.message, message);
    if (hint) assert_string_equal(err.hint, hint);
}

static void names_wrong_options(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *i = type_of(TYPE_INT), *s = type_of(TYPE_VARCHAR);
    expect_wrong(&arena, i, "fields.a.kid=random", "connector 'datagen' has no use for the option 'fields.a.kid'",
                 "did you mean 'fields.a.kind'?");
    expect_wrong(&arena, i, "fields.b.min=1", "connector 'datagen' has no use for the option 'fields.b.min'",
                 "did you mean 'fields.a.min'?");
    expect_wrong(&arena, i, "fields.a.length=1", "connector 'datagen' has no use for the option 'fields.a.length'",
                 "it does not fit the column's type, or its kind");
    expect_wrong(&arena, i, "fields.a.kind=seq", "option 'fields.a.kind' cannot be 'seq'", "it is random or sequence");
    expect_wrong(&arena, i, "fields.a.min=x", "option 'fields.a.min' cannot be 'x'",
                 "it is a whole number from -2147483648 to 2147483647");
    expect_wrong(&arena, i, "fields.a.min=5\nfields.a.max=4", "'fields.a.min' is greater than 'fields.a.max'", NULL);
    expect_wrong(&arena, i, "fields.a.kind=sequence\nfields.a.start=5",
                 "a sequence needs 'fields.a.start' and 'fields.a.end'", NULL);
    expect_wrong(&arena, i, "fields.a.null-rate=2", "'fields.a.null-rate' must be from 0 to 1", NULL);
    expect_wrong(&arena, s, "fields.a.length=-1", "option 'fields.a.length' cannot be '-1'", NULL);
    expect_wrong(&arena, type_of(TYPE_BOOLEAN), "fields.a.kind=sequence\nfields.a.start=5\nfields.a.end=6",
                 "a sequence cannot fill 'a' of type BOOLEAN", NULL);
    struct table *table = make_table(&arena, 1, names, &i, "rows-per-second=5");
    struct scan_request request = {.bounded_only = true};
    struct source *source;
    struct error err = {0};
    assert_false(datagen_connector.source->is_bounded(table));
    assert_int_equal(datagen_connector.source->row_estimate(table), -1);
    assert_int_equal(datagen_connector.source->open(table, &request, 1, NULL, &source, &err), STATUS_NOT_SUPPORTED);
    arena_destroy(&arena);
}

static void ends_at_the_limits_of_types(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BIGINT),
                                  type_of(TYPE_BIGINT),
                                  type_of(TYPE_TINYINT),
                                  type_decimal(&arena, 38, 0, true),
                                  type_decimal(&arena, 3, 1, true),
                                  type_of(TYPE_DOUBLE),
                                  type_of(TYPE_VARCHAR)};
    struct table *table =
        make_table(&arena, 7, names, types,
                   "rows-per-second=0\nfields.a.kind=sequence\nfields.a.start=9223372036854775805\n"
                   "fields.a.end=9223372036854775807\nfields.g.kind=sequence\nfields.g.start=-1\nfields.g.end=100");
    static const int columns[] = {0, 1, 2, 3, 4, 5, 6};
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&datagen_connector, table, columns, 7, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_int_equal(run.splits[0].row_count, 3);
    assert_memory_equal(run.splits[0].rows.data, "9223372036854775805|", 20);
    assert_non_null(strstr(run.splits[0].rows.data, "|-1\n"));
    test_run_free(&run);
    arena_destroy(&arena);
}

const struct CMUnitTest datagen_tests[] = {
    cmocka_unit_test(is_the_same_for_any_cuts),    cmocka_unit_test(keeps_to_its_options),
    cmocka_unit_test(follows_the_clock),           cmocka_unit_test(names_wrong_options),
    cmocka_unit_test(ends_at_the_limits_of_types),
};
const size_t datagen_tests_count = sizeof datagen_tests / sizeof *datagen_tests;
