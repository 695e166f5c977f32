#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shell/load_columns.h"

static const int key[] = {0, 1};

static struct table make_table(struct arena *arena, bool statics) {
    static const char *const names[] = {"id", "ts", "Name", "NAME", "email"};
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, 5);
    for (int i = 0; i < 5; i++) columns[i] = (struct table_column){.name = names[i], .type = type_of(TYPE_VARCHAR)};
    struct table table = {.name = "users",
                          .column_count = 5,
                          .columns = columns,
                          .primary_key_count = 2,
                          .partition_key_count = 1,
                          .primary_key = key};
    columns[0].type = type_with_nullable(arena, columns[0].type, false);
    columns[1].type = type_with_nullable(arena, columns[1].type, statics);
    return table;
}

/* "0 1 -1": the columns; or the error's message and hint. */
static void expect(bool statics, const char *const *names, int count, const char *map, bool ignore_extra,
                   const char *expected) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct table table = make_table(&arena, statics);
    struct load_columns columns;
    struct error err;
    struct strbuf out = {0};
    if (load_columns_match(&table, names, count, map, ignore_extra, &arena, &columns, &err) != STATUS_OK)
        strbuf_printf(&out, "%s (%s)", err.message, err.hint);
    else
        for (int i = 0; i < columns.count; i++) strbuf_printf(&out, "%s%d", i ? " " : "", columns.fields[i].column);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
    arena_destroy(&arena);
}

static void by_names(void **state) {
    (void)state;
    expect(false, (const char *[]){"ts", "id", "email"}, 3, NULL, false, "1 0 4");
    expect(false, (const char *[]){"TS", "Id", "EMAIL"}, 3, NULL, false, "1 0 4");
    expect(false, (const char *[]){"id", "ts", "NAME", "Name"}, 4, NULL, false, "0 1 3 2");
    expect(false, (const char *[]){"id", "ts", "name"}, 3, NULL, false,
           "table 'users' has several columns that differ from the file's field 'name' in case only (--map "
           "'name=COLUMN' says which one)");
    expect(false, (const char *[]){"id", "ID", "ts"}, 3, NULL, false,
           "fields 'id' and 'ID' of the file both go to column 'id' ()");
}

static void by_map(void **state) {
    (void)state;
    expect(false, (const char *[]){"a", "b", "email"}, 3, "a=ts,b=ID", false, "1 0 4");
    expect(false, (const char *[]){"user", "ts"}, 2, "usr=id", false,
           "option '--map': the file has no field 'usr' (did you mean 'user'?)");
    expect(false, (const char *[]){"a", "ts"}, 2, "a=emai", false,
           "option '--map': table 'users' has no column 'emai' (did you mean 'email'? --map 'emai=email' says so)");
    expect(false, (const char *[]){"a", "ts"}, 2, "a", false, "option '--map' wants FIELD=COLUMN and not 'a' ()");
}

static void extra_fields(void **state) {
    (void)state;
    const char *names[] = {"id", "ts", "mail"};
    expect(false, names, 3, NULL, false,
           "table 'users' has no column 'mail', which the file has (did you mean 'email'? --map 'mail=email' says so)");
    expect(false, names, 3, NULL, true, "0 1 -1");
}

static void keys(void **state) {
    (void)state;
    expect(false, (const char *[]){"id", "email"}, 2, NULL, false,
           "the file has no field for column 'ts', which is part of the key of 'users' (--map 'FIELD=ts' says which "
           "one it is)");
    expect(true, (const char *[]){"id", "email"}, 2, NULL, false, "0 4");
    expect(true, (const char *[]){"ts", "email"}, 2, NULL, false,
           "the file has no field for column 'id', which is part of the key of 'users' (--map 'FIELD=id' says which "
           "one it is)");
}

const struct CMUnitTest load_columns_tests[] = {
    cmocka_unit_test(by_names),
    cmocka_unit_test(by_map),
    cmocka_unit_test(extra_fields),
    cmocka_unit_test(keys),
};
const size_t load_columns_tests_count = sizeof load_columns_tests / sizeof *load_columns_tests;
