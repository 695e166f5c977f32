#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "expr/test_functions.h"

extern const struct CMUnitTest expr_tests[];
extern const size_t expr_tests_count;

static void assert_printed(struct expr *expr, const char *expected) {
    static const char *const names[] = {"a", "b", "two words"};
    struct strbuf buf = {0};
    expr_print(&buf, expr, names);
    assert_string_equal(buf.data, expected);
    strbuf_free(&buf);
}

static void printing(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct expr *a = int_column(&arena, 0), *b = int_column(&arena, 1), *one = int_const(&arena, 1);
    struct expr *sum = call2(&arena, "+", a, b), *product = call2(&arena, "*", sum, one);
    assert_printed(product, "(a + b) * 1");
    assert_printed(call2(&arena, "-", a, call2(&arena, "-", b, one)), "a - (b - 1)");
    assert_printed(call2(&arena, "-", call2(&arena, "-", a, b), one), "a - b - 1");
    struct expr *less = call2(&arena, "<", a, b), *both[] = {less, less}, *either[] = {expr_and(&arena, both, 2), less};
    assert_printed(expr_or(&arena, either, 2), "a < b AND a < b OR a < b");
    struct expr *outer[] = {expr_or(&arena, either, 2), less};
    assert_printed(expr_and(&arena, outer, 2), "(a < b AND a < b OR a < b) AND a < b");
    assert_printed(expr_cast(&arena, a, type_of(TYPE_BIGINT), false), "CAST(a AS BIGINT)");
    assert_printed(expr_cast(&arena, a, type_of(TYPE_BIGINT), true), "TRY_CAST(a AS BIGINT)");
    assert_printed(int_column(&arena, 2), "`two words`");
    struct expr *parts[] = {less, one, a};
    struct expr choice = {.kind = EXPR_CASE, .type = a->type, .args = parts, .arg_count = 3};
    assert_printed(&choice, "CASE WHEN a < b THEN 1 ELSE a END");
    struct expr list = {.kind = EXPR_COALESCE, .type = a->type, .args = parts + 1, .arg_count = 2};
    assert_printed(&list, "COALESCE(1, a)");
    arena_destroy(&arena);
}

static void equality(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct expr *x = call2(&arena, "+", int_column(&arena, 0), int_const(&arena, 1));
    struct expr *y = call2(&arena, "+", int_column(&arena, 0), int_const(&arena, 1));
    x->offset = 17; /* places do not count */
    assert_true(expr_equal(x, y));
    assert_int_equal(expr_hash(x), expr_hash(y));
    assert_false(expr_equal(x, call2(&arena, "-", int_column(&arena, 0), int_const(&arena, 1))));
    assert_false(expr_equal(x, call2(&arena, "+", int_column(&arena, 1), int_const(&arena, 1))));
    assert_false(expr_equal(x, call2(&arena, "+", int_column(&arena, 0), int_const(&arena, 2))));
    assert_false(expr_equal(int_const(&arena, 1), expr_null(&arena, type_of(TYPE_INT))));
    struct value zero = value_f64(0.0), minus_zero = value_f64(-0.0);
    assert_false(expr_equal(expr_const(&arena, &zero), expr_const(&arena, &minus_zero)));
    struct expr *random = call0(&arena, "RANDOM");
    assert_false(expr_equal(random, random));
    assert_false(expr_is_deterministic(call2(&arena, "+", random, random)));
    assert_true(expr_is_deterministic(x));
    assert_true(expr_can_fail(call2(&arena, "/", x, y)));
    assert_false(expr_can_fail(x));
    assert_true(expr_is_constant(int_const(&arena, 1)));
    assert_false(expr_is_constant(x));
    arena_destroy(&arena);
}

static struct expr *replace_one(struct expr *expr, void *data) { return expr->kind == EXPR_CONST ? data : NULL; }

static void rewriting(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct expr *a = int_column(&arena, 0), *b = int_column(&arena, 1);
    struct expr *expr = call2(&arena, "+", call2(&arena, "*", a, int_const(&arena, 1)), b);
    struct expr *changed = expr_rewrite(&arena, expr, replace_one, b);
    assert_printed(changed, "a * b + b");
    assert_printed(expr, "a * 1 + b"); /* the original stays */
    assert_ptr_equal(changed->args[1], b);
    assert_printed(expr_shift(&arena, changed, 1), "b * `two words` + `two words`");
    assert_ptr_equal(expr_shift(&arena, changed, 0), changed);
    static const int map[] = {1, 0};
    assert_printed(expr_remap(&arena, changed, map), "b * a + a");
    bool used[3] = {0};
    expr_columns(expr_shift(&arena, a, 2), used, 3);
    assert_true(!used[0] && !used[1] && used[2]);
    struct expr *nested[] = {call2(&arena, "<", a, b), call2(&arena, "<", b, a)},
                *outer[] = {expr_and(&arena, nested, 2), nested[0]};
    assert_int_equal(expr_and(&arena, outer, 2)->arg_count, 3);
    assert_ptr_equal(expr_and(&arena, nested, 1), nested[0]);
    assert_printed(expr_and(&arena, nested, 0), "TRUE");
    assert_ptr_equal(expr_cast(&arena, a, a->type, false), a);
    arena_destroy(&arena);
}

static void folding(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct expr *a = int_column(&arena, 0), *one = int_const(&arena, 1), *zero = int_const(&arena, 0);
    assert_printed(expr_fold(&arena, call2(&arena, "+", call2(&arena, "+", one, one), a)), "2 + a");
    /* what would fail stays, and fails only when it runs */
    assert_printed(expr_fold(&arena, call2(&arena, "/", one, zero)), "1 / 0");
    assert_printed(expr_fold(&arena, call2(&arena, "+", call0(&arena, "RANDOM"), one)), "RANDOM() + 1");
    struct expr *less = call2(&arena, "<", a, one), *parts[3];
    parts[0] = less, parts[1] = expr_true(&arena), parts[2] = less;
    assert_printed(expr_fold(&arena, expr_and(&arena, parts, 3)), "a < 1 AND a < 1");
    assert_printed(expr_fold(&arena, expr_or(&arena, parts, 3)), "TRUE");
    parts[1] = expr_false(&arena);
    assert_printed(expr_fold(&arena, expr_and(&arena, parts, 3)), "FALSE");
    assert_printed(expr_fold(&arena, expr_or(&arena, parts, 2)), "a < 1");
    struct expr *branches[] = {expr_false(&arena), one, less, zero, expr_true(&arena), a, one};
    struct expr choice = {.kind = EXPR_CASE, .type = a->type, .args = branches, .arg_count = 7};
    assert_printed(expr_fold(&arena, &choice), "CASE WHEN a < 1 THEN 0 ELSE a END");
    struct expr *values[] = {expr_null(&arena, type_of(TYPE_INT)), a, one, a};
    struct expr list = {.kind = EXPR_COALESCE, .type = a->type, .args = values, .arg_count = 4};
    assert_printed(expr_fold(&arena, &list), "COALESCE(a, 1)");
    struct expr *cast = expr_cast(&arena, one, type_of(TYPE_VARCHAR), false);
    assert_printed(expr_fold(&arena, cast), "'1'");
    /* a cast that depends on the session's zone waits for it */
    struct value date = value_i64(type_of(TYPE_DATE), 5);
    struct expr *instant = expr_cast(&arena, expr_const(&arena, &date), type_of(TYPE_TIMESTAMP_LTZ), false);
    assert_int_equal(expr_fold(&arena, instant)->kind, EXPR_CAST);
    arena_destroy(&arena);
}

const struct CMUnitTest expr_tests[] = {
    cmocka_unit_test(printing),
    cmocka_unit_test(equality),
    cmocka_unit_test(rewriting),
    cmocka_unit_test(folding),
};
const size_t expr_tests_count = sizeof expr_tests / sizeof *expr_tests;
