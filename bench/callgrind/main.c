/* Runs the cases named on the command line, or all. Each is prepared, then run once inside `measured`, the function that
 * callgrind is told to count. Prints one line for each: its name. */
#include <stdio.h>

#include "cases.h"

void case_fail(const char *what, const struct error *err) {
    fprintf(stderr, "%s: %s\n", what, err ? err->message : "");
    exit(1);
}

const struct schema *case_schema(struct arena *arena) {
    static const char *const names[CASE_COLUMNS] = {"id", "a", "b", "k", "s", "t", "d", "e", "x"};
    const struct type **types = ARENA_ARRAY(arena, const struct type *, CASE_COLUMNS);
    types[COLUMN_ID] = type_with_nullable(arena, type_of(TYPE_BIGINT), false);
    types[COLUMN_A] = types[COLUMN_B] = type_of(TYPE_BIGINT);
    types[COLUMN_K] = type_of(TYPE_INT);
    types[COLUMN_S] = types[COLUMN_T] = type_of(TYPE_VARCHAR);
    types[COLUMN_D] = types[COLUMN_E] = type_decimal(arena, 15, 2, true);
    types[COLUMN_X] = type_of(TYPE_DOUBLE);
    struct schema *schema = ARENA_NEW(arena, struct schema);
    *schema = (struct schema){CASE_COLUMNS, types, names};
    return schema;
}

struct chunk *case_chunk(struct arena *arena, int first, int rows) {
    const struct schema *schema = case_schema(arena);
    struct chunk *chunk = chunk_create(arena, CASE_COLUMNS, schema->types, VECTOR_CAPACITY);
    for (int row = 0; row < rows; row++) {
        int64_t n = first + row;
        const char *s =
            arena_printf(arena, n % 2 ? "account %05d of Delft" : "customer %05d of Utrecht", (int)(n % 1000));
        const char *t = arena_printf(arena, "%d", (int)(n % 100000));
        struct value values[CASE_COLUMNS] = {
            value_i64(schema->types[COLUMN_ID], n),
            n % 10 == 3 ? value_null(schema->types[COLUMN_A]) : value_i64(schema->types[COLUMN_A], n * 7919 % 10007),
            n % 16 == 5 ? value_null(schema->types[COLUMN_B]) : value_i64(schema->types[COLUMN_B], n * 104729 % 10007),
            value_i64(schema->types[COLUMN_K], n * 31 % 1000),
            value_str(schema->types[COLUMN_S], str_from(s)),
            value_str(schema->types[COLUMN_T], str_from(t)),
            value_from_decimal(schema->types[COLUMN_D], n * 37 % 100000),
            value_from_decimal(schema->types[COLUMN_E], n * 53 % 100000),
            value_f64((double)n / 8),
        };
        for (int i = 0; i < CASE_COLUMNS; i++) vector_set(&chunk->columns[i], arena, VECTOR_CAPACITY, row, &values[i]);
    }
    chunk->row_count = chunk->sel_count = rows;
    return chunk;
}

/* Its name is known to run.py. External and never inlined, so that it is one function in the profile. */
int64_t measured(int64_t (*run)(void *data), void *data);
__attribute__((noinline)) int64_t measured(int64_t (*run)(void *data), void *data) {
    int64_t found = run(data);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return found;
}

static void run_case(const struct kernel_case *kernel) {
    struct arena arena;
    arena_init(&arena, NULL);
    void *data = kernel->prepare(&arena);
    int64_t found = measured(kernel->run, data);
    if (found != kernel->expected) {
        fprintf(stderr, "%s: found %lld, expected %lld\n", kernel->name, (long long)found, (long long)kernel->expected);
        exit(1);
    }
    puts(kernel->name);
    arena_destroy(&arena);
}

int main(int argc, char **argv) {
    const struct kernel_case *const lists[] = {expression_cases, row_cases, operator_cases, format_cases};
    int ran = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct kernel_case *kernel = lists[i]; kernel->name; kernel++) {
            bool wanted = argc == 1;
            for (int k = 1; k < argc; k++) wanted = wanted || strcmp(argv[k], kernel->name) == 0;
            if (!wanted) continue;
            run_case(kernel);
            ran++;
        }
    if (argc > 1 && ran != argc - 1) case_fail("a case of that name is missing", NULL);
    return 0;
}
