/* Rewriting of expressions and of whole trees with the expressions in them, across query boundaries. */
#include "bind/bind_private.h"

static enum status rewrite_list(struct binder *b, struct expr **list, int count, int depth, expr_visit visit,
                                void *data, struct expr ***out, struct error *err) {
    struct expr **copy = NULL;
    for (int i = 0; i < count; i++) {
        struct expr *item;
        TRY(rewrite_expr(b, list[i], depth, visit, data, &item, err));
        if (item == list[i]) continue;
        if (!copy) copy = arena_memdup(b->arena, list, sizeof *list * (size_t)count);
        copy[i] = item;
    }
    *out = copy ? copy : list;
    return STATUS_OK;
}

enum status rewrite_expr(struct binder *b, struct expr *expr, int depth, expr_visit visit, void *data,
                         struct expr **out, struct error *err) {
    struct expr *replacement = NULL;
    TRY(visit(data, expr, depth, &replacement, err));
    if (replacement) {
        *out = replacement;
        return STATUS_OK;
    }
    struct expr **args;
    TRY(rewrite_list(b, expr->args, expr->arg_count, depth, visit, data, &args, err));
    struct expr *filter = expr->kind == EXPR_AGGREGATE ? expr->aggregate.filter : NULL, *new_filter = filter;
    if (filter) TRY(rewrite_expr(b, filter, depth, visit, data, &new_filter, err));
    struct rel *rel = expr->kind == EXPR_SUBQUERY ? expr->subquery.rel : NULL, *new_rel = rel;
    if (rel) TRY(rewrite_rel(b, rel, depth + 1, visit, data, &new_rel, err));
    if (args == expr->args && filter == new_filter && rel == new_rel) {
        *out = expr;
        return STATUS_OK;
    }
    struct expr *copy = arena_memdup(b->arena, expr, sizeof *expr);
    copy->args = args;
    if (filter) copy->aggregate.filter = new_filter;
    if (rel) copy->subquery.rel = new_rel;
    *out = copy;
    return STATUS_OK;
}

static enum status rewrite_rows(struct binder *b, struct rel *rel, int depth, expr_visit visit, void *data,
                                struct expr ****out, struct error *err) {
    struct expr ***rows = rel->values.rows, ***copy = NULL;
    for (int r = 0; r < rel->values.row_count; r++) {
        struct expr **row;
        TRY(rewrite_list(b, rows[r], rel->schema.column_count, depth, visit, data, &row, err));
        if (row == rows[r]) continue;
        if (!copy) copy = arena_memdup(b->arena, rows, sizeof *rows * (size_t)rel->values.row_count);
        copy[r] = row;
    }
    *out = copy ? copy : rows;
    return STATUS_OK;
}

/* The node's own expressions, rewritten into copy. */
static enum status rewrite_node(struct binder *b, struct rel *rel, struct rel *copy, int depth, expr_visit visit,
                                void *data, bool *changed, struct error *err) {
    switch (rel->kind) {
    case REL_VALUES:
        TRY(rewrite_rows(b, rel, depth, visit, data, &copy->values.rows, err));
        *changed |= copy->values.rows != rel->values.rows;
        return STATUS_OK;
    case REL_WATERMARK:
        TRY(rewrite_expr(b, rel->watermark.expr, depth, visit, data, &copy->watermark.expr, err));
        *changed |= copy->watermark.expr != rel->watermark.expr;
        return STATUS_OK;
    case REL_FILTER:
        TRY(rewrite_expr(b, rel->filter.condition, depth, visit, data, &copy->filter.condition, err));
        *changed |= copy->filter.condition != rel->filter.condition;
        return STATUS_OK;
    case REL_PROJECT:
        TRY(rewrite_list(b, rel->project.exprs, rel->schema.column_count, depth, visit, data, &copy->project.exprs,
                         err));
        *changed |= copy->project.exprs != rel->project.exprs;
        return STATUS_OK;
    case REL_JOIN:
        if (!rel->join.condition) return STATUS_OK;
        TRY(rewrite_expr(b, rel->join.condition, depth, visit, data, &copy->join.condition, err));
        *changed |= copy->join.condition != rel->join.condition;
        return STATUS_OK;
    case REL_ROWS:
        TRY(rewrite_list(b, rel->rows.outer, rel_rows_outer_count(rel), depth, visit, data, &copy->rows.outer, err));
        *changed |= copy->rows.outer != rel->rows.outer;
        return STATUS_OK;
    default: return STATUS_OK;
    }
}

enum status rewrite_rel(struct binder *b, struct rel *rel, int depth, expr_visit visit, void *data, struct rel **out,
                        struct error *err) {
    struct rel copy = *rel;
    bool changed = false;
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        /* the right side of a correlated join sees the left one as its enclosing query */
        bool inner = rel->kind == REL_JOIN && rel->join.correlated && i == 1;
        struct rel *input;
        TRY(rewrite_rel(b, rel->inputs[i], depth + inner, visit, data, &input, err));
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(b->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
        changed = true;
    }
    if (inputs) copy.inputs = inputs;
    TRY(rewrite_node(b, rel, &copy, depth, visit, data, &changed, err));
    *out = changed ? arena_memdup(b->arena, &copy, sizeof copy) : rel;
    return STATUS_OK;
}

/* ---- levels ---- */

struct shift {
    struct arena *arena;
    int delta;
};

static enum status shift_outer(void *data, struct expr *expr, int depth, struct expr **out, struct error *err) {
    (void)err;
    const struct shift *shift = data;
    if (expr->kind != EXPR_OUTER || expr->outer.level <= depth) return STATUS_OK;
    *out = arena_memdup(shift->arena, expr, sizeof *expr);
    (*out)->outer.level += shift->delta;
    return STATUS_OK;
}

struct rel *rel_shift_outer(struct binder *b, struct rel *rel, int delta) {
    if (delta == 0) return rel;
    struct shift shift = {b->arena, delta};
    struct rel *out = rel;
    enum status status = rewrite_rel(b, rel, 0, shift_outer, &shift, &out, NULL);
    (void)status; /* shift_outer never fails */
    return out;
}

/* ---- comparing ---- */

static bool same_window(const struct expr *a, const struct expr *b) {
    const struct window_spec *x = a->window.spec, *y = b->window.spec;
    if (x->partition_count != y->partition_count || x->order_count != y->order_count) return false;
    for (int i = 0; i < x->order_count; i++) {
        if (x->order[i].descending != y->order[i].descending || x->order[i].nulls_last != y->order[i].nulls_last) {
            return false;
        }
    }
    if (x->has_frame != y->has_frame || x->unit != y->unit || x->start != y->start || x->end != y->end) return false;
    if (x->exclude != y->exclude) return false;
    if (x->start == BOUND_PRECEDING || x->start == BOUND_FOLLOWING) {
        if (!type_equal(x->start_offset.type, y->start_offset.type)) return false;
        if (value_compare(&x->start_offset, &y->start_offset) != 0) return false;
    }
    if (x->end == BOUND_PRECEDING || x->end == BOUND_FOLLOWING) {
        if (!type_equal(x->end_offset.type, y->end_offset.type)) return false;
        if (value_compare(&x->end_offset, &y->end_offset) != 0) return false;
    }
    return true;
}

bool same_expr(const struct expr *a, const struct expr *b) {
    if (a == b) return true; /* RAND() too: it is the same call */
    if (a->kind != EXPR_WINDOW) return expr_equal(a, b);
    if (b->kind != EXPR_WINDOW || a->arg_count != b->arg_count || !type_equal(a->type, b->type)) return false;
    if (strcmp(a->window.name, b->window.name) != 0 || !same_window(a, b)) return false;
    bool distinct = a->window.aggregate && a->window.aggregate->distinct;
    if (distinct != (b->window.aggregate && b->window.aggregate->distinct)) return false;
    for (int i = 0; i < a->arg_count; i++) {
        if (!same_expr(a->args[i], b->args[i])) return false;
    }
    return true;
}
