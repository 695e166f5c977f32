/* INTERSECT and EXCEPT, in subqueries too:
 *
 *     A INTERSECT B        distinct A SEMI JOIN B   over all columns, NULL being equal to NULL
 *     A EXCEPT B           distinct A ANTI JOIN B
 *     ... ALL              the same without the distinct, after numbering equal rows on both sides: the n-th of A
 *                          goes with the n-th of B */
#include "plan/plan_private.h"

static enum status rewrite(struct planner *p, struct rel *rel, struct rel **out, struct error *err);

/* ---- expressions with queries in them ---- */

static enum status rewrite_expr(struct planner *p, struct expr *expr, struct expr **out, struct error *err) {
    *out = expr;
    if (!expr_has_subquery(expr)) return STATUS_OK;
    struct expr *copy = arena_memdup(p->arena, expr, sizeof *expr);
    copy->args = ARENA_ARRAY(p->arena, struct expr *, expr->arg_count + 1);
    for (int i = 0; i < expr->arg_count; i++) TRY(rewrite_expr(p, expr->args[i], &copy->args[i], err));
    if (expr->kind == EXPR_SUBQUERY) TRY(rewrite(p, expr->subquery.rel, &copy->subquery.rel, err));
    *out = copy;
    return STATUS_OK;
}

static enum status rewrite_exprs(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    struct expr *condition;
    *out = rel;
    if (rel->kind == REL_FILTER && expr_has_subquery(rel->filter.condition)) {
        TRY(rewrite_expr(p, rel->filter.condition, &condition, err));
        *out = rel_with_inputs(p->arena, rel, rel->inputs);
        (*out)->filter.condition = condition;
    } else if (rel->kind == REL_JOIN && rel->join.condition && expr_has_subquery(rel->join.condition)) {
        TRY(rewrite_expr(p, rel->join.condition, &condition, err));
        *out = rel_with_inputs(p->arena, rel, rel->inputs);
        (*out)->join.condition = condition;
    } else if (rel->kind == REL_PROJECT) {
        bool any = false;
        for (int i = 0; i < rel->schema.column_count; i++) any |= expr_has_subquery(rel->project.exprs[i]);
        if (!any) return STATUS_OK;
        struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count);
        for (int i = 0; i < rel->schema.column_count; i++) TRY(rewrite_expr(p, rel->project.exprs[i], &exprs[i], err));
        *out = rel_with_inputs(p->arena, rel, rel->inputs);
        (*out)->project.exprs = exprs;
    }
    return STATUS_OK;
}

/* ---- the operations ---- */

static struct rel *numbered(struct planner *p, struct rel *rel) {
    int count = rel->schema.column_count;
    int *partition = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) partition[i] = i;
    struct window_spec *spec = ARENA_NEW(p->arena, struct window_spec);
    *spec = (struct window_spec){.partition_count = count,
                                 .partition = partition,
                                 .unit = FRAME_RANGE,
                                 .start = BOUND_UNBOUNDED_PRECEDING,
                                 .end = BOUND_CURRENT_ROW};
    struct window_call call = {
        .function = "ROW_NUMBER", .type = type_with_nullable(p->arena, type_of(TYPE_BIGINT), false), .name = "$nth"};
    return rel_over(p->arena, rel, spec, 1, &call);
}

static struct rel *distinct(struct planner *p, struct rel *rel) {
    int count = rel->schema.column_count;
    int *keys = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) keys[i] = i;
    return rel_aggregate(p->arena, rel, count, keys, 0, NULL);
}

static enum status match(struct planner *p, const struct rel *left, const struct rel *right, struct expr **out,
                         struct error *err) {
    int count = left->schema.column_count;
    struct expr **equal = ARENA_ARRAY(p->arena, struct expr *, count);
    for (int i = 0; i < count; i++) {
        struct expr *a = plani_column(p, &left->schema, i);
        struct expr *b = expr_column(p->arena, count + i, right->schema.types[i]);
        bool nullable = a->type->nullable || b->type->nullable;
        TRY(plani_call2(p, nullable ? "IS NOT DISTINCT FROM" : "=", a, b, &equal[i], err));
    }
    *out = expr_and(p->arena, equal, count);
    return STATUS_OK;
}

static enum status combine(struct planner *p, enum set_op_kind op, struct rel *left, struct rel *right,
                           struct rel **out, struct error *err) {
    bool all = op == SET_INTERSECT_ALL || op == SET_EXCEPT_ALL;
    bool except = op == SET_EXCEPT || op == SET_EXCEPT_ALL;
    int count = left->schema.column_count;
    left = all ? numbered(p, left) : distinct(p, left);
    if (all) right = numbered(p, right);
    struct expr *condition;
    TRY(match(p, left, right, &condition, err));
    struct rel *join = rel_join(p->arena, left, right, except ? JOIN_ANTI : JOIN_SEMI, condition);
    int *columns = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) columns[i] = i;
    *out = plani_pick(p, join, columns, count);
    return STATUS_OK;
}

static enum status rewrite(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        struct rel *input;
        TRY(rewrite(p, rel->inputs[i], &input, err));
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    if (inputs) rel = rel_with_inputs(p->arena, rel, inputs);
    if (rel->kind != REL_SET_OP || rel->set_op.op == SET_UNION_ALL) return rewrite_exprs(p, rel, out, err);
    struct rel *result = rel->inputs[0];
    for (int i = 1; i < rel->input_count; i++) TRY(combine(p, rel->set_op.op, result, rel->inputs[i], &result, err));
    result->offset = rel->offset;
    result->length = rel->length;
    *out = plani_restore(p, result, &rel->schema);
    return STATUS_OK;
}

enum status plani_rule_set_op(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    return rewrite(p, rel, out, err);
}
