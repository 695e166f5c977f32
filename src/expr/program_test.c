/* Programs against an evaluator that walks the tree row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "expr/test_functions.h"

extern const struct CMUnitTest program_tests[];
extern const size_t program_tests_count;

enum { ROWS = 150, COLUMNS = 3 };

/* ---- the twin ---- */

struct result {
    bool failed, is_null;
    int value; /* BOOLEAN: 0, 1 */
};

static struct result walk(const struct expr *expr, struct value values[COLUMNS][ROWS], int row) {
    struct result r = {0};
    switch (expr->kind) {
    case EXPR_COLUMN:
        r.is_null = values[expr->column.index][row].is_null;
        r.value = (int)values[expr->column.index][row].i64;
        return r;
    case EXPR_CONST:
        r.is_null = expr->constant.is_null;
        r.value = expr->type->id == TYPE_BOOLEAN ? expr->constant.boolean : (int)expr->constant.i64;
        return r;
    case EXPR_CAST: /* INT to BOOLEAN */
        r = walk(expr->args[0], values, row);
        r.value = r.value != 0;
        return r;
    case EXPR_CALL: {
        struct result a[2] = {{0}};
        for (int i = 0; i < expr->arg_count; i++) {
            a[i] = walk(expr->args[i], values, row);
            if (a[i].failed) return a[i];
        }
        if (a[0].is_null || a[1].is_null) return (struct result){.is_null = true};
        switch (*expr->function->name) {
        case '+': r.value = a[0].value + a[1].value; break;
        case '-': r.value = a[0].value - a[1].value; break;
        case '*': r.value = a[0].value * a[1].value; break;
        case '<': r.value = a[0].value < a[1].value; break;
        case 'T': r.value = a[0].value; break;
        default:
            if (a[1].value == 0) return (struct result){.failed = true};
            r.value = a[0].value / a[1].value;
        }
        return r;
    }
    case EXPR_AND:
    case EXPR_OR: {
        bool is_and = expr->kind == EXPR_AND, null = false;
        for (int i = 0; i < expr->arg_count; i++) {
            struct result a = walk(expr->args[i], values, row);
            if (a.failed) return a;
            if (!a.is_null && a.value == !is_and) return a;
            null |= a.is_null;
        }
        return (struct result){.is_null = null, .value = is_and};
    }
    case EXPR_CASE:
        for (int i = 0; i + 1 < expr->arg_count; i += 2) {
            struct result c = walk(expr->args[i], values, row);
            if (c.failed) return c;
            if (!c.is_null && c.value) return walk(expr->args[i + 1], values, row);
        }
        return walk(expr->args[expr->arg_count - 1], values, row);
    case EXPR_COALESCE:
        for (int i = 0; i < expr->arg_count; i++) {
            r = walk(expr->args[i], values, row);
            if (r.failed || !r.is_null) return r;
        }
        return r;
    default: abort();
    }
}

/* ---- random expressions ---- */

static struct expr *random_integer(struct arena *arena, uint64_t *seed, int depth);

static struct expr *random_boolean(struct arena *arena, uint64_t *seed, int depth) {
    switch (random_below(seed, depth > 0 ? 5 : 2)) {
    case 0: return call2(arena, "<", random_integer(arena, seed, depth - 1), random_integer(arena, seed, depth - 1));
    case 1: return expr_cast(arena, random_integer(arena, seed, depth - 1), type_of(TYPE_BOOLEAN), false);
    default: {
        struct expr *args[4];
        int count = 2 + random_below(seed, 3);
        bool is_and = random_below(seed, 2);
        for (int i = 0; i < count; i++) args[i] = random_boolean(arena, seed, depth - 1);
        return is_and ? expr_and(arena, args, count) : expr_or(arena, args, count);
    }
    }
}

static struct expr *random_integer(struct arena *arena, uint64_t *seed, int depth) {
    static const char *const names[] = {"+", "-", "*", "/", "/", "TRACE"};
    int pick = depth > 0 ? random_below(seed, 10) : random_below(seed, 3);
    if (pick < 2) return int_column(arena, random_below(seed, COLUMNS));
    if (pick == 2)
        return random_below(seed, 6) ? int_const(arena, random_below(seed, 4) - 1)
                                     : expr_null(arena, type_of(TYPE_INT));
    if (pick < 6) {
        const char *name = names[random_below(seed, 6)];
        struct expr *a = random_integer(arena, seed, depth - 1);
        return *name == 'T' ? call1(arena, name, a) : call2(arena, name, a, random_integer(arena, seed, depth - 1));
    }
    struct expr *expr = ARENA_NEW(arena, struct expr);
    expr->type = type_of(TYPE_INT);
    expr->offset = -1;
    expr->args = ARENA_ARRAY(arena, struct expr *, 8);
    if (pick < 8) {
        expr->kind = EXPR_CASE;
        for (int i = 1 + random_below(seed, 3); i > 0; i--) {
            expr->args[expr->arg_count++] = random_boolean(arena, seed, depth - 1);
            expr->args[expr->arg_count++] = random_integer(arena, seed, depth - 1);
        }
    } else {
        expr->kind = EXPR_COALESCE;
        for (int i = 1 + random_below(seed, 3); i > 0; i--)
            expr->args[expr->arg_count++] = random_integer(arena, seed, depth - 1);
    }
    expr->args[expr->arg_count++] = random_integer(arena, seed, depth - 1);
    return expr;
}

static struct value small_value(uint64_t *seed, const struct type *type) {
    if (random_below(seed, 5) == 0) return value_null(type);
    return value_i64(type, random_below(seed, 7) - 2);
}

static void random_chunk(struct arena *arena, uint64_t *seed, struct chunk *chunk, struct value values[COLUMNS][ROWS],
                         sel_index *sel) {
    const struct type *type = type_of(TYPE_INT);
    *chunk = (struct chunk){.column_count = COLUMNS, .row_count = ROWS};
    chunk->columns = ARENA_ARRAY(arena, struct vector, COLUMNS);
    for (int c = 0; c < COLUMNS; c++) {
        random_vector(arena, seed, type, ROWS, &chunk->columns[c], values[c]); /* for its forms; small values instead */
        struct vector *vec = &chunk->columns[c];
        if (vec->form == VECTOR_CONST) {
            struct value value = small_value(seed, type);
            vector_init_const(vec, arena, type, &value);
            for (int row = 0; row < ROWS; row++) values[c][row] = value;
        } else if (vec->form == VECTOR_DICT) {
            for (int row = 0; row < 20; row++)
                if (!validity_get(vec->dict->validity, row))
                    continue;
                else
                    ((int32_t *)vec->dict->data)[row] = row % 5 - 1;
            for (int row = 0; row < ROWS; row++) values[c][row] = vector_get(vec, row, arena);
        } else {
            bool nulls = random_below(seed, 3);
            for (int row = 0; row < ROWS; row++) {
                do values[c][row] = small_value(seed, type);
                while (values[c][row].is_null && !nulls);
                vector_set(vec, arena, ROWS, row, &values[c][row]);
            }
            if (!nulls) vec->validity = NULL;
        }
    }
    chunk->sel = random_below(seed, 2) ? sel : NULL;
    chunk->sel_count = chunk->sel ? random_selection(seed, ROWS, sel) : ROWS;
}

static void random_programs(void **state) {
    uint64_t seed = 77;
    int failures = 0, successes = 0;
    (void)state;
    for (int run = 0; run < 3000; run++) {
        struct arena arena, morsel;
        arena_init(&arena, NULL);
        arena_init(&morsel, NULL);
        struct expr *exprs[4];
        int count = 1 + random_below(&seed, 3);
        for (int i = 0; i < count; i++)
            exprs[i] = random_below(&seed, 2) ? random_integer(&arena, &seed, 3) : random_boolean(&arena, &seed, 3);
        const struct type *types[COLUMNS] = {type_of(TYPE_INT), type_of(TYPE_INT), type_of(TYPE_INT)};
        static const char *const names[COLUMNS] = {"a", "b", "c"};
        struct schema schema = {COLUMNS, types, names};
        struct program *program;
        assert_int_equal(program_compile(&arena, exprs, count, &schema, &program, NULL), STATUS_OK);
        /* Folding may take away an error (x / 0 < 1 AND FALSE), but changes no value. */
        struct expr *written[4];
        for (int i = 0; i < count; i++) {
            written[i] = exprs[i];
            exprs[i] = expr_fold(&arena, exprs[i]);
        }
        struct program_state *program_state = program_state_create(program, &arena);
        uint64_t row_counter = 0;
        struct eval_env env = {.row_counter = &row_counter};
        for (int round = 0; round < 4; round++) { /* buffers keep what earlier chunks left */
            struct chunk chunk;
            struct value values[COLUMNS][ROWS];
            sel_index sel[ROWS];
            random_chunk(&morsel, &seed, &chunk, values, sel);
            struct vector results[4];
            struct error err;
            enum status status = program_run(program, program_state, &chunk, &env, &morsel, results, &err);
            bool fails = false;
            for (int i = 0; i < chunk.sel_count && !fails; i++)
                for (int e = 0; e < count; e++) fails |= walk(exprs[e], values, chunk_row(&chunk, i)).failed;
            if (fails) {
                failures++;
                assert_int_equal(status, STATUS_DIVISION_BY_ZERO);
                assert_non_null(strstr(err.message, "division by zero in \""));
            } else {
                successes++;
                assert_int_equal(status, STATUS_OK);
            }
            for (int i = 0; i < chunk.sel_count && !fails; i++) {
                int row = chunk_row(&chunk, i);
                for (int e = 0; e < count; e++) {
                    struct result expected = walk(exprs[e], values, row), unfolded = walk(written[e], values, row);
                    assert_true(unfolded.failed || (unfolded.is_null == expected.is_null &&
                                                    (unfolded.is_null || unfolded.value == expected.value)));
                    struct value value = vector_get(&results[e], row, &morsel);
                    assert_true(results[e].form != VECTOR_DICT && value.is_null == expected.is_null);
                    int found = exprs[e]->type->id == TYPE_BOOLEAN ? value.boolean : (int)value.i64;
                    if (value.is_null || found == expected.value) continue;
                    struct strbuf text = {0};
                    expr_print(&text, exprs[e], names);
                    fail_msg("run %d row %d: %s is %d, not %d", run, row, text.data, found, expected.value);
                }
            }
            if (count == 1 && exprs[0]->type->id == TYPE_BOOLEAN) {
                /* a filter: TRUE rows; it may be spared an error behind a NULL, but never makes one up */
                sel_index kept[ROWS];
                int kept_count;
                status = program_filter(program, program_state, &chunk, &env, &morsel, kept, &kept_count, &err);
                if (!fails) assert_int_equal(status, STATUS_OK);
                for (int i = 0, k = 0; i < chunk.sel_count && !fails; i++) {
                    int row = chunk_row(&chunk, i);
                    struct result expected = walk(exprs[0], values, row);
                    if (expected.is_null || !expected.value) continue;
                    assert_true(k < kept_count && kept[k] == row);
                    if (++k == kept_count) assert_true(i < chunk.sel_count);
                }
            }
            arena_reset(&morsel);
        }
        arena_destroy(&morsel);
        arena_destroy(&arena);
    }
    assert_true(failures > 500 && successes > 500);
}

/* ---- by hand ---- */

struct fixture {
    struct arena arena;
    struct chunk *chunk;
    struct schema schema;
    const struct type *types[2];
    struct eval_env env;
    uint64_t row_counter;
};

static const char *const fixture_names[] = {"a", "b"};

static void setup(struct fixture *f) {
    arena_init(&f->arena, NULL);
    f->types[0] = f->types[1] = type_of(TYPE_INT);
    f->schema = (struct schema){2, f->types, fixture_names};
    f->chunk = chunk_create(&f->arena, 2, f->types, 10);
    for (int row = 0; row < 10; row++) {
        ((int32_t *)f->chunk->columns[0].data)[row] = row;
        ((int32_t *)f->chunk->columns[1].data)[row] = row % 5;
    }
    f->chunk->row_count = f->chunk->sel_count = 10;
    f->row_counter = 0;
    f->env = (struct eval_env){.row_counter = &f->row_counter};
}

static enum status run_one(struct fixture *f, struct expr **exprs, int count, struct vector *results,
                           struct error *err) {
    struct program *program;
    TRY(program_compile(&f->arena, exprs, count, &f->schema, &program, err));
    return program_run(program, program_state_create(program, &f->arena), f->chunk, &f->env, &f->arena, results, err);
}

static void common_subexpressions(void **state) {
    struct fixture f;
    struct vector results[3];
    (void)state;
    setup(&f);
    struct expr *a = int_column(&f.arena, 0), *one = int_const(&f.arena, 1);
    struct expr *exprs[3];
    for (int i = 0; i < 3; i++)
        exprs[i] = call2(&f.arena, "+", call1(&f.arena, "TRACE", a), int_const(&f.arena, i % 2));
    trace_count = 0;
    assert_int_equal(run_one(&f, exprs, 3, results, NULL), STATUS_OK);
    assert_int_equal(trace_count, 10); /* once for three */
    assert_ptr_equal(results[0].data, results[2].data);
    /* in a branch it is known from the condition, but not the other way round */
    struct expr *trace = call1(&f.arena, "TRACE", a),
                *parts[] = {call2(&f.arena, "<", trace, int_const(&f.arena, 3)), trace, one};
    struct expr choice = {.kind = EXPR_CASE, .type = a->type, .args = parts, .arg_count = 3, .offset = -1};
    struct expr *all[] = {&choice, call1(&f.arena, "TRACE", a)};
    trace_count = 0;
    assert_int_equal(run_one(&f, all, 2, results, NULL), STATUS_OK);
    assert_int_equal(trace_count, 10);
    struct expr *late[] = {call2(&f.arena, "<", a, int_const(&f.arena, 3)), trace, one};
    struct expr lazy = {.kind = EXPR_CASE, .type = a->type, .args = late, .arg_count = 3, .offset = -1};
    struct expr *both[] = {&lazy, call1(&f.arena, "TRACE", a)};
    trace_count = 0;
    assert_int_equal(run_one(&f, both, 2, results, NULL), STATUS_OK);
    assert_int_equal(trace_count, 13);
    /* each RANDOM is its own */
    struct expr *random[] = {call2(&f.arena, "-", call0(&f.arena, "RANDOM"), call0(&f.arena, "RANDOM"))};
    assert_int_equal(run_one(&f, random, 1, results, NULL), STATUS_OK);
    assert_int_equal(((int32_t *)results[0].data)[0], -10);
    assert_int_equal(f.row_counter, 20);
    arena_destroy(&f.arena);
}

static void constants(void **state) {
    struct fixture f;
    struct vector results[3];
    (void)state;
    setup(&f);
    struct expr *one = int_const(&f.arena, 1), *exprs[3];
    exprs[0] = call1(&f.arena, "TRACE", call2(&f.arena, "+", one, one));
    exprs[1] = call2(&f.arena, "+", int_column(&f.arena, 0), exprs[0]);
    exprs[2] = int_column(&f.arena, 1);
    trace_count = 0;
    assert_int_equal(run_one(&f, exprs, 3, results, NULL), STATUS_OK);
    assert_int_equal(trace_count, 2); /* folded, once in each expression */
    assert_int_equal(results[0].form, VECTOR_CONST);
    assert_int_equal(((int32_t *)results[1].data)[9], 11);
    assert_ptr_equal(results[2].data, f.chunk->columns[1].data); /* borrowed */
    /* constant columns are computed once for the chunk */
    struct value seven = value_i64(f.types[0], 7);
    vector_init_const(&f.chunk->columns[0], &f.arena, f.types[0], &seven);
    exprs[0] = call1(&f.arena, "TRACE", int_column(&f.arena, 0));
    trace_count = 0;
    assert_int_equal(run_one(&f, exprs, 1, results, NULL), STATUS_OK);
    assert_int_equal(trace_count, 1);
    assert_int_equal(results[0].form, VECTOR_CONST);
    struct value value;
    assert_int_equal(expr_evaluate(&f.arena, call2(&f.arena, "*", one, int_const(&f.arena, 6)), NULL, &value, NULL),
                     STATUS_OK);
    assert_int_equal(value.i64, 6);
    arena_destroy(&f.arena);
}

static void errors(void **state) {
    struct fixture f;
    struct vector results[1];
    struct error err;
    (void)state;
    setup(&f);
    struct expr *a = int_column(&f.arena, 0), *b = int_column(&f.arena, 1), *division = call2(&f.arena, "/", a, b);
    division->offset = 7;
    division->length = 5;
    struct expr *exprs[] = {call2(&f.arena, "+", division, int_const(&f.arena, 1))};
    assert_int_equal(run_one(&f, exprs, 1, results, &err), STATUS_DIVISION_BY_ZERO);
    assert_string_equal(err.message, "division by zero in \"a / b\" (a = 0, b = 0)");
    assert_int_equal(err.offset, 7);
    assert_int_equal(err.length, 5);
    assert_int_equal(run_one(&f, exprs, 1, results, NULL), STATUS_DIVISION_BY_ZERO); /* err may be NULL */
    /* rows that are not selected do not count */
    static const sel_index sel[] = {1, 2, 3, 8};
    f.chunk->sel = sel;
    f.chunk->sel_count = 4;
    assert_int_equal(run_one(&f, exprs, 1, results, &err), STATUS_OK);
    assert_int_equal(((int32_t *)results[0].data)[8], 3);
    f.chunk->sel_count = 0;
    assert_int_equal(run_one(&f, exprs, 1, results, &err), STATUS_OK);
    struct expr *wrong[] = {int_column(&f.arena, 5)};
    assert_int_equal(run_one(&f, wrong, 1, results, &err), STATUS_INTERNAL);
    arena_destroy(&f.arena);
}

/* After the first chunk a program asks the state's arena for nothing more. */
static void steady_memory(void **state) {
    struct fixture f;
    (void)state;
    setup(&f);
    struct arena state_arena, morsel;
    arena_init(&state_arena, NULL);
    arena_init(&morsel, NULL);
    struct expr *a = int_column(&f.arena, 0), *b = int_column(&f.arena, 1);
    struct expr *parts[] = {call2(&f.arena, "<", a, b), call2(&f.arena, "+", a, b),
                            call2(&f.arena, "*", call2(&f.arena, "-", a, b), b)};
    struct expr choice = {.kind = EXPR_CASE, .type = a->type, .args = parts, .arg_count = 3, .offset = -1};
    struct expr *exprs[] = {call2(&f.arena, "+", &choice, a)};
    struct program *program;
    assert_int_equal(program_compile(&f.arena, exprs, 1, &f.schema, &program, NULL), STATUS_OK);
    struct program_state *program_state = program_state_create(program, &state_arena);
    struct vector results[1];
    size_t state_bytes = 0, morsel_bytes = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(program_run(program, program_state, f.chunk, &f.env, &morsel, results, NULL), STATUS_OK);
        if (i == 1) {
            state_bytes = state_arena.total_bytes;
            morsel_bytes = morsel.total_bytes;
        }
        arena_reset(&morsel);
    }
    assert_int_equal(state_arena.total_bytes, state_bytes);
    assert_true(morsel.total_bytes <= morsel_bytes);
    arena_destroy(&morsel);
    arena_destroy(&state_arena);
    arena_destroy(&f.arena);
}

const struct CMUnitTest program_tests[] = {
    cmocka_unit_test(random_programs), cmocka_unit_test(common_subexpressions), cmocka_unit_test(constants),
    cmocka_unit_test(errors),          cmocka_unit_test(steady_memory),
};
const size_t program_tests_count = sizeof program_tests / sizeof *program_tests;
