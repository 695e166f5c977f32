/* The rules of bind/portable.def that need to know what a query means (millrace.portable). They look at the bound tree, as it was
 * written, and say what Flink 2.3 would refuse, most of it in its streaming mode. */
#include "bind/portable.h"
#include "plan/plan_private.h"

static bool any_call(const struct rel *over, const char *name) {
    for (int i = 0; i < over->over.call_count; i++)
        if (strcmp(over->over.calls[i].function, name) == 0) return true;
    return false;
}

/* Are rows of the tree taken back again? */
static bool has_changes(const struct rel *rel) {
    switch (rel->kind) {
    case REL_AGGREGATE:
        if (aggregate_window_id(rel->inputs[0], rel->aggregate.key_count, rel->aggregate.keys)) break;
        return true;
    case REL_JOIN: {
        const struct rel *left = rel->inputs[0], *right = rel->inputs[1];
        if (rel->join.temporal != TEMPORAL_NONE) return has_changes(left);
        bool bounded =
            join_is_interval(left, right, rel->join.condition) || join_is_window(left, right, rel->join.condition);
        if (rel->join.type != JOIN_INNER && !bounded) return true;
        break;
    }
    case REL_FILTER:
        if (rel->inputs[0]->kind == REL_OVER && any_call(rel->inputs[0], "ROW_NUMBER")) return true; /* top-n */
        break;
    case REL_SET_OP:
        if (rel->set_op.op != SET_UNION_ALL) return true;
        break;
    default: break;
    }
    for (int i = 0; i < rel->input_count; i++)
        if (has_changes(rel->inputs[i])) return true;
    return false;
}

static enum status check_over(const struct rel *rel, struct error *err) {
    const struct window_spec *spec = rel->over.spec;
    bool bounded = spec->has_frame && spec->start != BOUND_UNBOUNDED_PRECEDING;
    if (!bounded || !has_changes(rel->inputs[0])) return STATUS_OK;
    return portable_error(PORTABLE_BOUNDED_OVER_CHANGES, NULL, rel->offset, rel->length, err);
}

static enum status check_tree(const struct rel *rel, struct error *err) {
    if (rel->kind == REL_OVER) TRY(check_over(rel, err));
    for (int i = 0; i < rel->input_count; i++) TRY(check_tree(rel->inputs[i], err));
    return STATUS_OK;
}

static enum status check_aggregates(const struct rel *rel, struct error *err);

static enum status check_expr(const struct expr *expr, struct error *err) {
    if (expr->kind == EXPR_OUTER && expr->outer.is_call)
        return portable_error(PORTABLE_OUTER_AGGREGATE, NULL, expr->offset, expr->length, err);
    if (expr->kind == EXPR_SUBQUERY) TRY(check_aggregates(expr->subquery.rel, err));
    for (int i = 0; i < expr->arg_count; i++) TRY(check_expr(expr->args[i], err));
    return STATUS_OK;
}

static enum status check_aggregates(const struct rel *rel, struct error *err) {
    const struct expr *expr;
    for (int i = 0; rel_expr_at(rel, i, &expr); i++) TRY(check_expr(expr, err));
    for (int i = 0; i < rel->input_count; i++) TRY(check_aggregates(rel->inputs[i], err));
    return STATUS_OK;
}

enum status plani_check_portable(const struct rel *rel, const struct plan_options *options, struct error *err) {
    if (!options->portable) return STATUS_OK;
    TRY(check_aggregates(rel, err));
    if (!options->portable_streaming) return STATUS_OK;
    const struct rel *top = rel;
    while (top->kind == REL_PROJECT) top = top->inputs[0];
    if (top->kind == REL_SORT && top->sort.key_count && top->sort.limit < 0) {
        const struct sort_key *key = &top->sort.keys[0];
        if (top->properties[key->column].time == TIME_NONE || key->descending)
            return portable_error(PORTABLE_STREAMING_SORT, NULL, top->offset, top->length, err);
    }
    return check_tree(rel, err);
}
