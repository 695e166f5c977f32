/* The order of the logical rules. */
#include "plan/plan_private.h"

struct plan_options plan_options_default(void) {
    return (struct plan_options){.require_on_conflict = true, .reuse_sub_plan = true};
}

/* Filters are pushed before columns are pruned, so that a scan still has the columns that its filter reads when the
 * filter is offered; what was only read by an exactly taken filter is pruned by the second round. Set operations
 * become joins and aggregates first of all but subqueries, so that every later rule treats what comes out of them. */
static const plan_rule rules[] = {
    plani_rule_set_op,   plani_rule_subquery,   plani_rule_watermark, plani_rule_simplify, plani_rule_filter,
    plani_rule_simplify, plani_rule_join_order, plani_rule_filter,    plani_rule_prune,    plani_rule_simplify,
    plani_rule_scan,     plani_rule_prune,      plani_rule_simplify,
};

/* What no rule could take out has no operator. */
static enum status check_expr(const struct rel *rel, const struct expr *expr, struct error *err) {
    if (expr->kind == EXPR_SUBQUERY || expr->kind == EXPR_OUTER) {
        bool placed = expr->offset >= 0;
        error_set_at(err, STATUS_NOT_SUPPORTED, placed ? expr->offset : rel->offset,
                     placed ? expr->length : rel->length,
                     expr->kind == EXPR_OUTER ? "this correlated subquery is not supported"
                                              : "a subquery is not supported here");
        error_hint(err, "write it as a join with a derived table");
        return STATUS_NOT_SUPPORTED;
    }
    for (int i = 0; i < expr->arg_count; i++) TRY(check_expr(rel, expr->args[i], err));
    return STATUS_OK;
}

static enum status check_rel(const struct rel *rel, struct error *err) {
    for (int i = 0; i < rel->input_count; i++) TRY(check_rel(rel->inputs[i], err));
    if (rel->kind == REL_FILTER) TRY(check_expr(rel, rel->filter.condition, err));
    if (rel->kind == REL_JOIN && rel->join.condition) TRY(check_expr(rel, rel->join.condition, err));
    for (int i = 0; rel->kind == REL_PROJECT && i < rel->schema.column_count; i++)
        TRY(check_expr(rel, rel->project.exprs[i], err));
    for (int r = 0; rel->kind == REL_VALUES && r < rel->values.row_count; r++)
        for (int c = 0; c < rel->schema.column_count; c++) TRY(check_expr(rel, rel->values.rows[r][c], err));
    return STATUS_OK;
}

enum status plani_optimize(struct planner *p, struct rel **rels, int count, struct error *err) {
    const struct schema **schemas = ARENA_ARRAY(p->arena, const struct schema *, count + 1);
    for (int i = 0; i < count; i++) schemas[i] = &rels[i]->schema;
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        if (rules[r] == plani_rule_prune) TRY(plani_share_reads(p, rels, count, err));
        for (int i = 0; i < count; i++) TRY(rules[r](p, rels[i], &rels[i], err));
    }
    for (int i = 0; i < count; i++) {
        rels[i] = plani_restore(p, rels[i], schemas[i]);
        TRY(check_rel(rels[i], err));
    }
    return STATUS_OK;
}

enum status plan_optimize(struct arena *query_arena, struct rel *rel, const struct plan_options *options,
                          struct rel **out, struct error *err) {
    struct planner planner = {.arena = query_arena, .options = options};
    TRY(plani_optimize(&planner, &rel, 1, err));
    *out = rel;
    return STATUS_OK;
}

/* ---- is it bounded? ---- */

static bool table_is_bounded(const struct table *table, const struct connector *(*find)(const char *name)) {
    const struct connector *connector = table->connector ? find(table->connector) : NULL;
    return !connector || !connector->source || connector->source->is_bounded(table);
}

static bool expr_is_bounded(const struct expr *expr, const struct connector *(*find)(const char *name)) {
    if (expr->kind == EXPR_SUBQUERY && !plan_is_bounded(expr->subquery.rel, find)) return false;
    for (int i = 0; i < expr->arg_count; i++)
        if (!expr_is_bounded(expr->args[i], find)) return false;
    return true;
}

static bool list_is_bounded(struct expr *const *exprs, int count, const struct connector *(*find)(const char *name)) {
    for (int i = 0; i < count; i++)
        if (!expr_is_bounded(exprs[i], find)) return false;
    return true;
}

bool plan_is_bounded(const struct rel *rel, const struct connector *(*find_connector)(const char *name)) {
    for (int i = 0; i < rel->input_count; i++) {
        bool is_lookup = rel->kind == REL_JOIN && rel->join.temporal == TEMPORAL_PROCTIME && i == 1;
        if (!is_lookup && !plan_is_bounded(rel->inputs[i], find_connector)) return false;
    }
    switch (rel->kind) {
    case REL_SCAN: return table_is_bounded(rel->scan.table, find_connector);
    case REL_FILTER: return expr_is_bounded(rel->filter.condition, find_connector);
    case REL_PROJECT: return list_is_bounded(rel->project.exprs, rel->schema.column_count, find_connector);
    case REL_JOIN: return !rel->join.condition || expr_is_bounded(rel->join.condition, find_connector);
    case REL_VALUES:
        for (int r = 0; r < rel->values.row_count; r++)
            if (!list_is_bounded(rel->values.rows[r], rel->schema.column_count, find_connector)) return false;
        return true;
    default: return true;
    }
}
