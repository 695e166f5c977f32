#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/catalog.h"

extern const struct CMUnitTest memory_catalog_tests[];
extern const size_t memory_catalog_tests_count;

static struct table make(const char *database, const char *name, const char *comment) {
    static const struct table_column column = {.name = "a"};
    static struct table_column typed;
    typed = column;
    typed.type = type_of(TYPE_INT);
    return (struct table){.database = database,
                          .name = name,
                          .comment = comment,
                          .column_count = 1,
                          .columns = &typed,
                          .watermark_column = -1};
}

static void databases(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct error err;
    struct catalog *catalog = catalog_memory_create("mem", "default");
    const struct catalog_class *class = catalog->class;
    const char **names;
    int count;
    assert_string_equal(catalog->name, "mem");
    assert_int_equal(class->create_database(catalog, "zoo", NULL, &err), STATUS_OK);
    assert_int_equal(class->create_database(catalog, "animals", NULL, &err), STATUS_OK);
    assert_int_equal(class->create_database(catalog, "zoo", NULL, &err), STATUS_DUPLICATE_NAME);
    assert_int_equal(class->list_databases(catalog, &arena, &names, &count, &err), STATUS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "animals");
    assert_string_equal(names[1], "default");
    assert_string_equal(names[2], "zoo");
    struct table table = make("zoo", "t", NULL);
    assert_int_equal(class->create_table(catalog, &table, &err), STATUS_OK);
    assert_int_equal(class->drop_database(catalog, "zoo", false, &err), STATUS_INVALID_ARGUMENT);
    assert_int_equal(class->drop_database(catalog, "zoo", true, &err), STATUS_OK);
    assert_int_equal(class->drop_database(catalog, "animal", false, &err), STATUS_UNDEFINED_NAME);
    assert_string_equal(err.hint, "did you mean 'animals'?");
    assert_int_equal(class->drop_database(catalog, "animals", false, &err), STATUS_OK);
    class->close(catalog);
    arena_destroy(&arena);
}

static void tables(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct error err;
    struct catalog *catalog = catalog_memory_create("mem", "default");
    const struct catalog_class *class = catalog->class;
    const struct table *found, **list;
    int count;
    static const char *const names[] = {"users", "clicks", "orders", "a", "z"};
    for (int i = 0; i < 5; i++) {
        struct table table = make("default", names[i], "one");
        assert_int_equal(class->create_table(catalog, &table, &err), STATUS_OK);
        assert_int_equal(class->create_table(catalog, &table, &err), STATUS_DUPLICATE_NAME);
    }
    assert_int_equal(class->list_tables(catalog, "default", &arena, &list, &count, &err), STATUS_OK);
    assert_int_equal(count, 5);
    for (int i = 1; i < 5; i++) assert_true(strcmp(list[i - 1]->name, list[i]->name) < 0);
    assert_int_equal(class->find_table(catalog, "default", "clicks", &arena, &found, &err), STATUS_OK);
    assert_string_equal(found->catalog, "mem");
    assert_string_equal(found->comment, "one");
    struct table changed = *found;
    changed.comment = "two";
    assert_int_equal(class->alter_table(catalog, &changed, &err), STATUS_OK);
    assert_int_equal(class->drop_table(catalog, "default", "users", &err), STATUS_OK);
    assert_string_equal(found->comment, "one"); /* what was given out stays */
    assert_int_equal(class->find_table(catalog, "default", "clicks", &arena, &found, &err), STATUS_OK);
    assert_string_equal(found->comment, "two");
    assert_int_equal(class->find_table(catalog, "default", "users", &arena, &found, &err), STATUS_OK);
    assert_null(found);
    assert_int_equal(class->find_table(catalog, "nowhere", "users", &arena, &found, &err), STATUS_OK);
    assert_null(found);
    assert_int_equal(class->drop_table(catalog, "default", "order", &err), STATUS_UNDEFINED_TABLE);
    assert_string_equal(err.hint, "did you mean 'orders'?");
    struct table lost = make("nowhere", "t", NULL);
    assert_int_equal(class->create_table(catalog, &lost, &err), STATUS_UNDEFINED_NAME);
    assert_int_equal(class->list_tables(catalog, "defualt", &arena, &list, &count, &err), STATUS_UNDEFINED_NAME);
    assert_string_equal(err.hint, "did you mean 'default'?");
    changed.name = "nothing";
    assert_int_equal(class->alter_table(catalog, &changed, &err), STATUS_UNDEFINED_TABLE);
    class->close(catalog);
    arena_destroy(&arena);
}

const struct CMUnitTest memory_catalog_tests[] = {
    cmocka_unit_test(databases),
    cmocka_unit_test(tables),
};
const size_t memory_catalog_tests_count = sizeof memory_catalog_tests / sizeof *memory_catalog_tests;
