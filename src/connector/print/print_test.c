#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "connector/connector.h"

extern const struct CMUnitTest print_tests[];
extern const size_t print_tests_count;
extern const struct connector print_connector;

static void prints_changes(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct table_column columns[] = {{.name = "a", .type = type_of(TYPE_INT)},
                                     {.name = "b", .type = type_of(TYPE_VARCHAR)}};
    struct table table = {.name = "t", .column_count = 2, .columns = columns};
    option_add(&table.options, &arena, "standard-error", "true", -1);
    option_add(&table.options, &arena, "print-identifier", "out", -1);
    const struct type *types[] = {columns[0].type, columns[1].type};
    struct chunk *chunk = chunk_create(&arena, 2, types, 4);
    static const uint8_t kinds[] = {ROW_INSERT, ROW_UPDATE_BEFORE, ROW_UPDATE_AFTER, ROW_DELETE};
    for (int row = 0; row < 4; row++) {
        struct value number = value_i64(types[0], row), text = value_str(types[1], str_from("a, b"));
        struct value null = value_null(types[1]);
        vector_set(&chunk->columns[0], &arena, 4, row, &number);
        vector_set(&chunk->columns[1], &arena, 4, row, row % 2 ? &null : &text);
    }
    chunk->row_count = chunk->sel_count = 4;
    int pipes[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    const struct sink_class *class = print_connector.sink;
    struct sink_options options = {0};
    struct sink *sink;
    struct sink_rows rows = {.step_id = 1, .chunk = chunk, .kinds = kinds};
    assert_int_equal(class->open(&table, &options, &sink, NULL), STATUS_OK);
    assert_int_equal(class->write(sink, &rows, NULL), STATUS_OK);
    assert_int_equal(class->end_step(sink, 1, NULL), STATUS_OK);
    class->close(sink, false);
    dup2(saved, STDERR_FILENO);
    char text[256] = {0};
    ssize_t len = read(pipes[0], text, sizeof text - 1);
    assert_true(len > 0);
    close(pipes[0]);
    close(pipes[1]);
    close(saved);
    assert_string_equal(text, "out> +I[0, a, b]\nout> -U[1, NULL]\nout> +U[2, a, b]\nout> -D[3, NULL]\n");
    assert_int_equal(class->accepts(&table), CHANGES_RETRACT);
    arena_destroy(&arena);
}

const struct CMUnitTest print_tests[] = {cmocka_unit_test(prints_changes)};
const size_t print_tests_count = sizeof print_tests / sizeof *print_tests;
