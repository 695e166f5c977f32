/* Expressions, compiled to programs and run over one chunk again and again: the loops of src/kernel and src/function as queries
 * reach them. */
#include "cases.h"
#include "function/registry.h"

struct expression {
    struct program *program;
    struct program_state *state;
    struct chunk *chunk;
    int passes;
    struct arena morsel;
};

static struct expr *column(struct arena *arena, int index) {
    return expr_column(arena, index, case_schema(arena)->types[index]);
}
static struct expr *number(struct arena *arena, int64_t n) {
    struct value value = value_i64(type_with_nullable(arena, type_of(TYPE_BIGINT), false), n);
    return expr_const(arena, &value);
}
static struct expr *text(struct arena *arena, const char *s) {
    struct value value = value_str(type_with_nullable(arena, type_of(TYPE_VARCHAR), false), str_from(s));
    return expr_const(arena, &value);
}
static struct expr *call(struct arena *arena, const char *name, struct expr **args, int count) {
    struct expr *out = NULL;
    CASE_TRY(function_bind(arena, str_from(name), args, count, 0, 1, &out, err));
    return out;
}
static struct expr *pair(struct arena *arena, const char *name, struct expr *a, struct expr *b) {
    struct expr *args[] = {a, b};
    return call(arena, name, args, 2);
}
static struct expr *cast(struct arena *arena, struct expr *arg, enum type_id to) {
    struct expr *out = NULL;
    CASE_TRY(cast_bind(arena, arg, type_of(to), false, 0, 1, &out, err));
    return out;
}

static void *make(struct arena *arena, struct expr *expr, int passes) {
    struct expression *e = ARENA_NEW(arena, struct expression);
    CASE_TRY(program_compile(arena, &expr, 1, case_schema(arena), &e->program, err));
    e->state = program_state_create(e->program, arena);
    e->chunk = case_chunk(arena, 0, VECTOR_CAPACITY);
    e->passes = passes;
    arena_init(&e->morsel, NULL);
    return e;
}

static void evaluate(struct expression *e, struct vector *out) {
    uint64_t counter = 0;
    struct eval_env env = {.row_counter = &counter};
    arena_reset(&e->morsel);
    CASE_TRY(program_run(e->program, e->state, e->chunk, &env, &e->morsel, out, err));
}

/* How many values are NULL. */
static int64_t count_nulls(const struct expression *e, const struct vector *vec) {
    int64_t count = 0;
    for (int i = 0; i < e->chunk->row_count; i++) count += vector_is_null(vec, i);
    return count;
}

static int64_t run_nulls(void *data) {
    struct expression *e = data;
    struct vector out;
    for (int i = 0; i < e->passes; i++) evaluate(e, &out);
    int64_t count = count_nulls(e, &out);
    arena_destroy(&e->morsel);
    return count;
}

/* How many values are TRUE. */
static int64_t run_filter(void *data) {
    struct expression *e = data;
    uint64_t counter = 0;
    struct eval_env env = {.row_counter = &counter};
    sel_index sel[VECTOR_CAPACITY];
    int count = 0;
    for (int i = 0; i < e->passes; i++) {
        arena_reset(&e->morsel);
        CASE_TRY(program_filter(e->program, e->state, e->chunk, &env, &e->morsel, sel, &count, err));
    }
    arena_destroy(&e->morsel);
    return count;
}

static void *arithmetic(struct arena *arena) {
    struct expr *product = pair(arena, "*", column(arena, COLUMN_A), column(arena, COLUMN_B));
    return make(arena, pair(arena, "-", product, column(arena, COLUMN_ID)), 1200);
}
static void *comparison(struct arena *arena) {
    struct expr *args[] = {pair(arena, ">=", column(arena, COLUMN_ID), number(arena, 1000)),
                           pair(arena, "<", column(arena, COLUMN_S), text(arena, "b"))};
    return make(arena, expr_and(arena, args, 2), 500);
}
static void *like(struct arena *arena) {
    return make(arena, pair(arena, "LIKE", column(arena, COLUMN_S), text(arena, "%er%of Ut_echt")), 50);
}
static void *cast_to_text(struct arena *arena) {
    return make(arena, cast(arena, column(arena, COLUMN_A), TYPE_VARCHAR), 150);
}
static void *cast_from_text(struct arena *arena) {
    return make(arena, cast(arena, column(arena, COLUMN_T), TYPE_INT), 150);
}
static void *decimal_add(struct arena *arena) {
    return make(arena, pair(arena, "+", column(arena, COLUMN_D), column(arena, COLUMN_E)), 1500);
}
static void *decimal_multiply(struct arena *arena) {
    return make(arena, pair(arena, "*", column(arena, COLUMN_D), column(arena, COLUMN_E)), 1000);
}
/* CASE WHEN a > b THEN a * 2 WHEN k = 5 THEN b ELSE COALESCE(a, b, 0) END */
static void *program(struct arena *arena) {
    struct expr *a = column(arena, COLUMN_A), *b = column(arena, COLUMN_B);
    struct expr *coalesce[] = {a, b, number(arena, 0)};
    struct expr *args[] = {pair(arena, ">", a, b), pair(arena, "*", a, number(arena, 2)),
                           pair(arena, "=", column(arena, COLUMN_K), number(arena, 5)), b,
                           call(arena, "COALESCE", coalesce, 3)};
    return make(arena, call(arena, "CASE", args, 5), 300);
}

/* Of the rows 0 … 2047: a is NULL in 205 (3, 13 … 2043), b in 128 (5, 21 … 2037), both where n % 80 is 53 (25 of them). */
const struct kernel_case expression_cases[] = {
    {"arithmetic", arithmetic, run_nulls, 205 + 128 - 25},
    {"comparison", comparison, run_filter, 524}, /* the odd ones of 1000 … 2047 */
    {"like", like, run_filter, 1024},            /* the even ones */
    {"cast_to_text", cast_to_text, run_nulls, 205},
    {"cast_from_text", cast_from_text, run_nulls, 0},
    {"decimal_add", decimal_add, run_nulls, 0},
    {"decimal_multiply", decimal_multiply, run_nulls, 0},
    {"program", program, run_nulls, 0},
    {NULL, NULL, NULL, 0},
};
