/* Queries where a value is expected: scalar, EXISTS, IN, ANY, ALL. */
#include "bind/bind_private.h"

static struct expr *subquery_expr(struct binder *b, enum subquery_kind kind, const struct type *type, struct rel *rel) {
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_SUBQUERY, .type = type, .offset = -1};
    expr->subquery.kind = kind;
    expr->subquery.rel = rel;
    return expr;
}

static enum status bind_inner_query(const struct context *ctx, const struct ast_query *query, struct rel **out,
                                    struct error *err) {
    struct binder *b = ctx->b;
    if (ctx->no_subqueries) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &query->node, "%s must not contain a query", ctx->clause);
    }
    if (b->subquery_depth >= BIND_MAX_SUBQUERY_DEPTH) {
        return bind_error(b, err, STATUS_LIMIT_EXCEEDED, &query->node, "subqueries nest deeper than %d levels",
                          BIND_MAX_SUBQUERY_DEPTH);
    }
    /* Even an expression without columns (VALUES, a constant) is a level of its own. */
    struct scope *parent = ctx->scope ? ctx->scope : ARENA_NEW(b->arena, struct scope);
    struct query_result result;
    const struct context *around = parent->context;
    parent->context = ctx;
    b->subquery_depth++;
    enum status status = bind_query_body(b, query, parent, &result, err);
    b->subquery_depth--;
    parent->context = around;
    if (status != STATUS_OK) return status;
    *out = result.rel;
    return STATUS_OK;
}

static enum status bind_scalar_query(const struct context *ctx, struct rel *rel, const struct ast_node *node,
                                     struct expr **out, struct error *err) {
    if (rel->schema.column_count != 1) {
        return bind_error(ctx->b, err, STATUS_INVALID_QUERY, node,
                          "a query used as a value must have one column, this one has %d", rel->schema.column_count);
    }
    const struct type *type = type_with_nullable(ctx->b->arena, rel->schema.types[0], true);
    *out = subquery_expr(ctx->b, SUBQUERY_SCALAR, type, rel);
    return STATUS_OK;
}

/* Casts the two sides to their common types. */
static enum status unify_sides(const struct context *ctx, struct expr **left, int count, struct rel **rel,
                               const char *what, const struct ast_node *node, struct error *err) {
    struct binder *b = ctx->b;
    struct expr **right = ARENA_ARRAY(b->arena, struct expr *, count);
    bool cast = false;
    for (int i = 0; i < count; i++) {
        struct expr *pair[2] = {left[i], column_of(b, *rel, i)};
        struct expr *column = pair[1];
        TRY(unify(ctx, pair, 2, what, node, err));
        left[i] = pair[0];
        right[i] = pair[1];
        cast |= right[i] != column;
    }
    if (cast) TRY_REL(*rel, b, project(b, *rel, count, right, (const char **)(*rel)->schema.names), node, err);
    return STATUS_OK;
}

enum status bind_subquery(const struct context *ctx, enum subquery_kind kind, bool negated, const char *comparison,
                          const struct ast_node *operand, const struct ast_query *query, const struct ast_node *node,
                          struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    struct rel *rel = NULL;
    TRY(bind_inner_query(ctx, query, &rel, err));
    if (kind == SUBQUERY_SCALAR) return bind_scalar_query(ctx, rel, node, out, err);
    if (kind == SUBQUERY_EXISTS) {
        *out = subquery_expr(b, kind, type_with_nullable(b->arena, type_of(TYPE_BOOLEAN), false), rel);
        (*out)->subquery.negated = negated;
        return STATUS_OK;
    }
    const struct ast_node *const *items;
    int count;
    row_operands(operand, &items, &count);
    if (!items) items = &operand;
    const char *what = kind == SUBQUERY_IN ? "IN" : kind == SUBQUERY_ANY ? "ANY" : "ALL";
    if (count != rel->schema.column_count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s compares %d value%s with a query of %d column%s",
                          what, count, count == 1 ? "" : "s", rel->schema.column_count,
                          rel->schema.column_count == 1 ? "" : "s");
    }
    if (count > 1 && kind != SUBQUERY_IN) return not_supported(b, err, node, "comparing rows with ANY or ALL");
    struct expr **left = ARENA_ARRAY(b->arena, struct expr *, count);
    bool nullable = false;
    for (int i = 0; i < count; i++) {
        TRY(bind_expr(ctx, items[i], &left[i], err));
        nullable |= left[i]->type->nullable || rel->schema.types[i]->nullable;
    }
    TRY(unify_sides(ctx, left, count, &rel, what, node, err));
    *out = subquery_expr(b, kind, type_with_nullable(b->arena, type_of(TYPE_BOOLEAN), nullable), rel);
    (*out)->args = left;
    (*out)->arg_count = count;
    (*out)->subquery.negated = negated;
    (*out)->subquery.comparison = comparison;
    return STATUS_OK;
}

enum status bind_row_subquery(const struct context *ctx, const struct ast_query *query, const struct ast_node *node,
                              int count, struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    struct rel *rel = NULL;
    TRY(bind_inner_query(ctx, query, &rel, err));
    if (rel->schema.column_count != count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node,
                          "a row of %d values is compared with a query of %d column%s", count, rel->schema.column_count,
                          rel->schema.column_count == 1 ? "" : "s");
    }
    struct expr **columns = ARENA_ARRAY(b->arena, struct expr *, count), *row;
    for (int i = 0; i < count; i++) columns[i] = column_of(b, rel, i);
    TRY(call(ctx, "ROW", columns, count, node, &row, err));
    const char **names = ARENA_ARRAY(b->arena, const char *, 1);
    names[0] = "$row";
    struct expr **one = ARENA_ARRAY(b->arena, struct expr *, 1);
    one[0] = row;
    TRY_REL(rel, b, project(b, rel, 1, one, names), node, err);
    TRY(bind_scalar_query(ctx, rel, node, &row, err));
    expr_at(b, row, node);
    for (int i = 0; i < count; i++) {
        out[i] = expr_field(b->arena, row, i);
        out[i]->type = type_with_nullable(b->arena, out[i]->type, true);
    }
    return STATUS_OK;
}

enum status bind_array_query(const struct context *ctx, const struct ast_query *query, const struct ast_node *node,
                             struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    struct rel *rel = NULL;
    TRY(bind_inner_query(ctx, query, &rel, err));
    if (rel->schema.column_count != 1) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "ARRAY(query) takes one column, this query has %d",
                          rel->schema.column_count);
    }
    /* the query's own order is the array's; hidden columns that it sorts by lie below a projection */
    struct rel *sorted = rel;
    int column = 0;
    if (rel->kind == REL_PROJECT && rel->inputs[0]->kind == REL_SORT && rel->project.exprs[0]->kind == EXPR_COLUMN) {
        sorted = rel->inputs[0];
        column = rel->project.exprs[0]->column.index;
    }
    int order_count = sorted->kind == REL_SORT ? sorted->sort.key_count : 0;
    if (!order_count) {
        sorted = rel;
        column = 0;
    }
    struct expr **args = ARENA_ARRAY(b->arena, struct expr *, order_count + 1);
    int *columns = ARENA_ARRAY(b->arena, int, order_count + 1);
    args[0] = column_of(b, sorted, column);
    columns[0] = column;
    const struct bound_aggregate *aggregate;
    TRY(aggregate_bind(b->arena, str_from("ARRAY_AGG"), args, 1, false, place_offset(b, node), place_length(b, node),
                       &aggregate, err));
    for (int i = 0; i < order_count; i++) {
        columns[i + 1] = sorted->sort.keys[i].column;
        args[i + 1] = column_of(b, sorted, columns[i + 1]);
    }
    if (order_count) aggregate = aggregate_ordered(b, aggregate, args + 1, sorted->sort.keys, order_count);
    struct aggregate_call call_of = {.function = aggregate, .args = columns, .filter = -1, .name = "$array"};
    bool all = order_count && sorted->sort.limit < 0 && !sorted->sort.rows_offset;
    if (all) sorted = sorted->inputs[0]; /* the aggregate sorts */
    TRY_REL(rel, b, rel_aggregate(b->arena, sorted, 0, NULL, 1, &call_of), node, err);
    struct expr **either = ARENA_ARRAY(b->arena, struct expr *, 2);
    TRY(bind_scalar_query(ctx, rel, node, &either[0], err));
    expr_at(b, either[0], node);
    struct value empty = {.type = type_with_nullable(b->arena, aggregate->result, false)};
    either[1] = expr_const(b->arena, &empty);
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_COALESCE, .type = empty.type, .offset = -1, .arg_count = 2, .args = either};
    *out = expr;
    return STATUS_OK;
}
