/* Queries: WITH, set operations, VALUES, ORDER BY and LIMIT around them. */
#include "bind/bind_private.h"

/* ---- WITH ---- */

static enum status push_ctes(struct binder *b, const struct ast_query *query, struct scope *parent, struct error *err) {
    for (int i = 0; i < query->with.count; i++) {
        const struct ast_cte *ast = AST_AT(query->with, i, ast_cte);
        for (int k = 0; k < i; k++) {
            if (strcmp(AST_AT(query->with, k, ast_cte)->name->text, ast->name->text) != 0) continue;
            return bind_error(b, err, STATUS_DUPLICATE_NAME, &ast->name->node, "WITH declares '%s' twice",
                              ast->name->text);
        }
        struct cte *cte = ARENA_NEW(b->arena, struct cte);
        *cte = (struct cte){.outer = b->ctes,
                            .ast = ast,
                            .parent = parent,
                            .level = scope_level(parent),
                            .recursive = query->recursive};
        b->ctes = cte;
    }
    return STATUS_OK;
}

/* A query that nobody reads must be right too. */
static enum status check_unused_ctes(struct binder *b, struct cte *outer, struct error *err) {
    for (struct cte *cte = b->ctes; cte != outer; cte = cte->outer) {
        if (cte->used) continue;
        struct cte *saved = b->ctes;
        b->ctes = cte->outer;
        struct query_result unused;
        enum status status = cte_is_recursive(cte) ? bind_recursive_cte(b, cte, &cte->ast->name->node, &unused, err)
                                                   : bind_query_body(b, cte->ast->query, cte->parent, &unused, err);
        b->ctes = saved;
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* ---- VALUES ---- */

struct rel *rel_one_row(struct binder *b) {
    struct value zero = value_i64(type_with_nullable(b->arena, type_of(TYPE_INT), false), 0);
    const struct type **types = ARENA_ARRAY(b->arena, const struct type *, 1);
    const char **names = ARENA_ARRAY(b->arena, const char *, 1);
    struct expr ***rows = ARENA_ARRAY(b->arena, struct expr **, 1);
    types[0] = zero.type;
    names[0] = "ZERO";
    rows[0] = ARENA_ARRAY(b->arena, struct expr *, 1);
    rows[0][0] = expr_const(b->arena, &zero);
    struct schema schema = {1, types, names};
    return rel_values(b->arena, &schema, 1, rows);
}

static enum status bind_row(const struct context *ctx, const struct ast_node *node, int width, struct expr **row,
                            struct error *err) {
    const struct ast_node *const *items;
    int count;
    row_operands(node, &items, &count);
    if (count != width) {
        return bind_error(ctx->b, err, STATUS_INVALID_QUERY, node, "VALUES rows differ in length: %d and %d values",
                          width, count);
    }
    for (int i = 0; i < count; i++) TRY(bind_expr(ctx, items ? items[i] : node, &row[i], err));
    return STATUS_OK;
}

/* Rows with queries in them or columns from outside: a projection of one row each. */
static enum status values_as_union(struct binder *b, const struct ast_values *values, const struct schema *schema,
                                   struct expr ***rows, struct rel **out, struct error *err) {
    struct rel **inputs = ARENA_ARRAY(b->arena, struct rel *, values->rows.count);
    for (int r = 0; r < values->rows.count; r++) {
        struct rel *one;
        TRY_REL(one, b, rel_one_row(b), values->rows.items[r], err);
        TRY_REL(inputs[r], b, project(b, one, schema->column_count, rows[r], (const char **)schema->names),
                values->rows.items[r], err);
    }
    *out = inputs[0];
    if (values->rows.count > 1) {
        TRY_REL(*out, b, rel_union_all(b->arena, values->rows.count, inputs), &values->node, err);
    }
    return STATUS_OK;
}

static enum status unify_values(const struct context *ctx, const struct ast_values *values, int width,
                                struct expr ***rows, struct schema *schema, struct error *err) {
    struct binder *b = ctx->b;
    int count = values->rows.count;
    const struct type **types = ARENA_ARRAY(b->arena, const struct type *, width);
    const char **names = ARENA_ARRAY(b->arena, const char *, width);
    struct expr **column = ARENA_ARRAY(b->arena, struct expr *, count);
    for (int c = 0; c < width; c++) {
        for (int r = 0; r < count; r++) column[r] = rows[r][c];
        TRY(unify(ctx, column, count, arena_printf(b->arena, "column %d of VALUES", c + 1), &values->node, err));
        bool nullable = false;
        for (int r = 0; r < count; r++) {
            rows[r][c] = column[r];
            nullable |= column[r]->type->nullable;
        }
        types[c] = type_with_nullable(b->arena, column[0]->type, nullable);
        names[c] = arena_printf(b->arena, "EXPR$%d", c);
    }
    *schema = (struct schema){width, types, names};
    return STATUS_OK;
}

enum status bind_values(struct binder *b, const struct ast_values *values, struct scope *parent,
                        struct query_result *out, struct error *err) {
    struct scope *scope = ARENA_NEW(b->arena, struct scope);
    scope->parent = parent;
    struct context ctx = {.b = b, .scope = scope, .clause = "VALUES"};
    int count = values->rows.count, width;
    const struct ast_node *const *items;
    row_operands(values->rows.items[0], &items, &width);
    if (width == 0 || width > REL_MAX_COLUMNS) {
        return bind_error(b, err, STATUS_INVALID_QUERY, values->rows.items[0], "a row has 1 to %d values",
                          REL_MAX_COLUMNS);
    }
    struct expr ***rows = ARENA_ARRAY(b->arena, struct expr **, count);
    bool plain = true;
    for (int r = 0; r < count; r++) {
        rows[r] = ARENA_ARRAY(b->arena, struct expr *, width);
        TRY(bind_row(&ctx, values->rows.items[r], width, rows[r], err));
    }
    struct schema schema;
    TRY(unify_values(&ctx, values, width, rows, &schema, err));
    for (int r = 0; r < count; r++) {
        for (int c = 0; c < width; c++) {
            rows[r][c] = expr_fold(b->arena, rows[r][c]);
            if (expr_has_subquery(rows[r][c]) || expr_has_kind(rows[r][c], EXPR_OUTER)) plain = false;
        }
    }
    struct rel *rel;
    if (plain)
        TRY_REL(rel, b, rel_values(b->arena, &schema, count, rows), &values->node, err);
    else
        TRY(values_as_union(b, values, &schema, rows, &rel, err));
    *out = (struct query_result){rel, NULL};
    return STATUS_OK;
}

/* ---- set operations ---- */

enum status cast_columns(struct binder *b, struct rel **rel, const struct type *const *types,
                         const struct ast_node *node, struct error *err) {
    int count = (*rel)->schema.column_count;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count);
    bool cast = false;
    for (int i = 0; i < count; i++) {
        struct expr *column = column_of(b, *rel, i);
        exprs[i] = implicit_cast(b, column, types[i]);
        cast |= exprs[i] != column;
    }
    if (cast) TRY_REL(*rel, b, project(b, *rel, count, exprs, (const char **)(*rel)->schema.names), node, err);
    return STATUS_OK;
}

static const char *set_op_name(const struct ast_set_op *set_op) {
    return set_op->op == AST_SET_UNION ? "UNION" : set_op->op == AST_SET_INTERSECT ? "INTERSECT" : "EXCEPT";
}

static enum status unify_inputs(struct binder *b, const struct ast_set_op *set_op, struct rel *inputs[2],
                                struct error *err) {
    int count = inputs[0]->schema.column_count;
    const char *name = set_op_name(set_op);
    if (count != inputs[1]->schema.column_count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &set_op->node, "the queries of %s have %d and %d columns", name,
                          count, inputs[1]->schema.column_count);
    }
    const struct type **types = ARENA_ARRAY(b->arena, const struct type *, count);
    for (int i = 0; i < count; i++) {
        const struct type *left = inputs[0]->schema.types[i], *right = inputs[1]->schema.types[i];
        types[i] = type_common(b->arena, left, right);
        if (types[i]) continue;
        enum status status =
            bind_error(b, err, STATUS_TYPE_MISMATCH, set_op->right, "column %d of %s mixes types %s and %s", i + 1,
                       name, type_to_string(b->arena, left), type_to_string(b->arena, right));
        error_hint(err, "use CAST to give both sides one type");
        return status;
    }
    TRY(cast_columns(b, &inputs[0], types, set_op->left, err));
    return cast_columns(b, &inputs[1], types, set_op->right, err);
}

static enum set_op_kind set_op_of(const struct ast_set_op *set_op) {
    switch (set_op->op) {
    case AST_SET_UNION: return SET_UNION_ALL;
    case AST_SET_INTERSECT: return set_op->all ? SET_INTERSECT_ALL : SET_INTERSECT;
    case AST_SET_EXCEPT: return set_op->all ? SET_EXCEPT_ALL : SET_EXCEPT;
    }
    return SET_UNION_ALL;
}

/* UNION ALL of UNION ALLs is one node, as long as nothing was cast in between. */
static struct rel *union_all(struct binder *b, struct rel *left, struct rel *right) {
    int flat = left->kind == REL_SET_OP && left->set_op.op == SET_UNION_ALL ? left->input_count : 0;
    struct rel **inputs = ARENA_ARRAY(b->arena, struct rel *, flat + 2);
    int count = 0;
    if (flat) {
        for (int i = 0; i < flat; i++) inputs[count++] = left->inputs[i];
    } else {
        inputs[count++] = left;
    }
    inputs[count++] = right;
    return rel_union_all(b->arena, count, inputs);
}

static enum status bind_set_op(struct binder *b, const struct ast_set_op *set_op, struct scope *parent,
                               struct query_result *out, struct error *err) {
    struct query_result left, right;
    TRY(bind_body(b, set_op->left, parent, &left, err));
    TRY(bind_body(b, set_op->right, parent, &right, err));
    struct rel *inputs[2] = {left.rel, right.rel};
    TRY(unify_inputs(b, set_op, inputs, err));
    struct rel *rel;
    if (set_op->op == AST_SET_UNION) {
        TRY_REL(rel, b, union_all(b, inputs[0], inputs[1]), &set_op->node, err);
        if (!set_op->all) {
            int count = rel->schema.column_count;
            int *keys = ARENA_ARRAY(b->arena, int, count);
            for (int i = 0; i < count; i++) keys[i] = i;
            TRY_REL(rel, b, rel_aggregate(b->arena, rel, count, keys, 0, NULL), &set_op->node, err);
        }
    } else {
        TRY_REL(rel, b, rel_set_op(b->arena, set_op_of(set_op), 2, inputs), &set_op->node, err);
    }
    *out = (struct query_result){rel, left.raw_names};
    return STATUS_OK;
}

static enum status bind_body_kind(struct binder *b, const struct ast_node *body, struct scope *parent,
                                  struct query_result *out, struct error *err) {
    switch (body->kind) {
    case AST_SELECT: return bind_select(b, (const struct ast_select *)body, NULL, parent, out, err);
    case AST_SET_OP: return bind_set_op(b, (const struct ast_set_op *)body, parent, out, err);
    case AST_VALUES: return bind_values(b, (const struct ast_values *)body, parent, out, err);
    case AST_QUERY: return bind_query_body(b, (const struct ast_query *)body, parent, out, err);
    case AST_EXPLICIT_TABLE: {
        const struct ast_list none = {0};
        const struct table *table;
        return bind_table(b, ((const struct ast_explicit_table *)body)->name, &none, parent, false, out, &table, err);
    }
    default: return not_supported(b, err, body, "this kind of query");
    }
}

enum status bind_body(struct binder *b, const struct ast_node *body, struct scope *parent, struct query_result *out,
                      struct error *err) {
    TRY(binder_enter(b, body, err));
    enum status status = bind_body_kind(b, body, parent, out, err);
    binder_leave(b);
    return status;
}

/* ---- ORDER BY and LIMIT ---- */

static enum status bind_count(struct binder *b, const struct ast_node *node, const char *what, int64_t *out,
                              struct error *err) {
    struct value value;
    TRY(bind_constant(b, node, what, &value, err));
    if (value.is_null || !type_is_integer(value.type) || value.i64 < 0) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s must be an integer that is not negative", what);
    }
    *out = value.i64;
    return STATUS_OK;
}

enum status bind_limits(struct binder *b, const struct ast_query *query, int64_t *rows_offset, int64_t *limit,
                        struct error *err) {
    int64_t first = 0, count = -1;
    if (query->offset) TRY(bind_count(b, query->offset, "OFFSET", &first, err));
    if (query->limit) TRY(bind_count(b, query->limit, "LIMIT", &count, err));
    *rows_offset = first;
    *limit = count;
    return STATUS_OK;
}

/* Over the output of a set operation or VALUES: its columns and expressions of them. */
static enum status sort_output(struct binder *b, const struct ast_query *query, struct scope *parent,
                               struct query_result *result, struct error *err) {
    int64_t rows_offset, limit;
    TRY(bind_limits(b, query, &rows_offset, &limit, err));
    int key_count = query->order_by.count;
    if (!key_count && !rows_offset && limit < 0) return STATUS_OK;
    struct rel *rel = result->rel;
    int visible = rel->schema.column_count, total = visible;
    struct context ctx = {.b = b, .clause = "ORDER BY"};
    ctx.scope = scope_of_rel(b, parent, rel, NULL, result->raw_names);
    struct sort_key *keys = ARENA_ARRAY(b->arena, struct sort_key, key_count);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, visible + key_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, visible + key_count);
    for (int i = 0; i < visible; i++) {
        exprs[i] = column_of(b, rel, i);
        names[i] = rel->schema.names[i];
    }
    for (int i = 0; i < key_count; i++) {
        const struct ast_order_item *item = AST_AT(query->order_by, i, ast_order_item);
        int ordinal;
        TRY(bind_ordinal(b, item->expr, "ORDER BY", visible, &ordinal, err));
        struct expr *expr = ordinal ? exprs[ordinal - 1] : NULL;
        if (!expr) TRY(bind_expr(&ctx, item->expr, &expr, err));
        int column = expr->kind == EXPR_COLUMN ? expr->column.index : total;
        if (column == total) {
            exprs[total] = expr;
            names[total] = arena_printf(b->arena, "$sort%d", i);
            total++;
        }
        keys[i] = sort_key_of(item, column);
    }
    if (total > visible) TRY_REL(rel, b, project(b, rel, total, exprs, names), &query->node, err);
    TRY_REL(rel, b, rel_sort(b->arena, rel, key_count, keys, rows_offset, limit), &query->node, err);
    if (total > visible) {
        struct expr **kept = ARENA_ARRAY(b->arena, struct expr *, visible);
        for (int i = 0; i < visible; i++) kept[i] = column_of(b, rel, i);
        TRY_REL(rel, b, rel_project(b->arena, rel, visible, kept, (const char **)rel->schema.names), &query->node, err);
    }
    result->rel = rel;
    return STATUS_OK;
}

static enum status bind_query_inner(struct binder *b, const struct ast_query *query, struct scope *parent,
                                    struct query_result *out, struct error *err) {
    struct cte *outer = b->ctes;
    TRY(push_ctes(b, query, parent, err));
    if (query->body->kind == AST_SELECT) {
        TRY(bind_select(b, (const struct ast_select *)query->body, query, parent, out, err));
    } else {
        TRY(bind_body(b, query->body, parent, out, err));
        TRY(sort_output(b, query, parent, out, err));
    }
    return check_unused_ctes(b, outer, err);
}

enum status bind_query_body(struct binder *b, const struct ast_query *query, struct scope *parent,
                            struct query_result *out, struct error *err) {
    TRY(binder_enter(b, &query->node, err));
    struct cte *outer = b->ctes;
    struct query_result result = {0};
    enum status status = bind_query_inner(b, query, parent, &result, err);
    b->ctes = outer;
    binder_leave(b);
    if (status == STATUS_OK) *out = result;
    return status;
}

enum status bind_query(struct bind_env *env, const struct ast_query *query, struct bound_query *out,
                       struct error *err) {
    struct binder b;
    binder_init(&b, env);
    struct query_result result = {0};
    TRY(bind_query_body(&b, query, NULL, &result, err));
    if (rel_depth(result.rel) > REL_MAX_DEPTH) {
        return bind_error(&b, err, STATUS_LIMIT_EXCEEDED, &query->node, "the query is nested deeper than %d nodes",
                          REL_MAX_DEPTH);
    }
    out->rel = result.rel;
    return STATUS_OK;
}
