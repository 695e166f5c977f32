/* One SELECT: from its clauses to a tree, bottom up: FROM, WHERE, aggregate, HAVING, windows, QUALIFY, the select list,
 * DISTINCT, ORDER BY, LIMIT. All expressions are bound over FROM's columns first, with EXPR_AGGREGATE and EXPR_WINDOW in
 * them; each stage then rewrites what is above it over its own output. */
#include "bind/bind_private.h"

/* ---- the select list ---- */

static void add_item(struct binder *b, struct select *select, struct expr *expr, const char *name, bool aliased,
                     const struct ast_node *node) {
    ARENA_RESERVE(b->arena, select->items, select->item_capacity, select->item_count + 1);
    if (!name) name = arena_printf(b->arena, "EXPR$%d", select->item_count);
    select->items[select->item_count++] =
        (struct select_item){.expr = expr, .name = name, .aliased = aliased, .node = node};
}

static bool is_excluded(const struct ast_star *star, const char *name, bool *used) {
    for (int i = 0; i < star->exclude.count; i++) {
        if (strcmp(AST_AT(star->exclude, i, ast_ident)->text, name) != 0) continue;
        used[i] = true;
        return true;
    }
    return false;
}

/* What * REPLACE (expression AS name) puts in the column's place, else NULL. */
static const struct ast_select_item *replaced(const struct ast_star *star, const char *name, bool *used) {
    for (int i = 0; i < star->replace.count; i++) {
        const struct ast_select_item *item = AST_AT(star->replace, i, ast_select_item);
        if (strcmp(item->alias->text, name) != 0) continue;
        used[star->exclude.count + i] = true;
        return item;
    }
    return NULL;
}

static enum status no_such_column(const struct context *ctx, const char *clause, const struct ast_ident *ident,
                                  struct error *err) {
    enum status status = bind_error(ctx->b, err, STATUS_UNDEFINED_COLUMN, &ident->node, "%s names no column of *: '%s'",
                                    clause, ident->text);
    const char **names = ARENA_ARRAY(ctx->b->arena, const char *, ctx->scope->column_count);
    for (int c = 0; c < ctx->scope->column_count; c++) names[c] = ctx->scope->columns[c].raw_name;
    const char *near = str_nearest(ident->text, names, ctx->scope->column_count);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

static enum status check_excluded(const struct context *ctx, const struct ast_star *star, const bool *used,
                                  struct error *err) {
    for (int i = 0; i < star->exclude.count; i++) {
        if (!used[i]) return no_such_column(ctx, "EXCLUDE", AST_AT(star->exclude, i, ast_ident), err);
    }
    for (int i = 0; i < star->replace.count; i++) {
        if (used[star->exclude.count + i]) continue;
        return no_such_column(ctx, "REPLACE", AST_AT(star->replace, i, ast_select_item)->alias, err);
    }
    return STATUS_OK;
}

static enum status no_such_star(const struct context *ctx, const struct ast_star *star, struct error *err) {
    struct binder *b = ctx->b;
    const struct ast_name *name = star->qualifier;
    if (name->count == 1 && scope_find(ctx->scope, name->parts[0].text) != -1) {
        return not_supported(b, err, &star->node, "* over the fields of a ROW column");
    }
    enum status status =
        bind_error(b, err, STATUS_UNDEFINED_TABLE, &name->node, "no table '%s' in FROM", name_to_string(b, name));
    const char **aliases = ARENA_ARRAY(b->arena, const char *, ctx->scope->table_count);
    for (int i = 0; i < ctx->scope->table_count; i++) aliases[i] = ctx->scope->tables[i].alias;
    const char *near = str_nearest(name->parts[name->count - 1].text, aliases, ctx->scope->table_count);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

enum status expand_star(const struct context *ctx, struct select *select, const struct ast_star *star,
                        struct error *err) {
    struct binder *b = ctx->b;
    struct scope *scope = ctx->scope;
    bool *used = ARENA_ARRAY(b->arena, bool, star->exclude.count + star->replace.count);
    const struct ast_select_item *item;
    if (!select->ast->from) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &star->node, "SELECT * needs a FROM clause");
    }
    if (!star->qualifier) {
        for (int i = 0; i < scope->column_count; i++) {
            const struct scope_column *column = &scope->columns[i];
            if (is_excluded(star, column->raw_name, used)) continue;
            struct expr *expr = expr_at(b, scope_column_expr(b, scope, column), &star->node);
            if ((item = replaced(star, column->raw_name, used))) TRY(bind_expr(ctx, item->expr, &expr, err));
            add_item(b, select, expr, column->raw_name, true, &star->node);
        }
        return check_excluded(ctx, star, used, err);
    }
    const struct scope_table *table = scope_find_table(scope, star->qualifier, star->qualifier->count);
    if (!table) return no_such_star(ctx, star, err);
    for (int i = 0; i < table->count; i++) {
        if (is_excluded(star, table->raw_names[i], used)) continue;
        struct expr *expr = expr_column(b->arena, table->first + i, scope->types[table->first + i]);
        if ((item = replaced(star, table->raw_names[i], used))) TRY(bind_expr(ctx, item->expr, &expr, err));
        add_item(b, select, expr_at(b, expr, &star->node), table->raw_names[i], true, &star->node);
    }
    return check_excluded(ctx, star, used, err);
}

/* The last part of a column's name; NULL for other expressions. */
static const char *natural_name(const struct ast_node *node) {
    if (node->kind != AST_COLUMN_REF) return NULL;
    const struct ast_name *name = ((const struct ast_column_ref *)node)->name;
    return name->parts[name->count - 1].text;
}

static enum status bind_items(const struct context *ctx, struct select *select, struct error *err) {
    const struct ast_list *items = &select->ast->items;
    for (int i = 0; i < items->count; i++) {
        const struct ast_select_item *item = AST_AT(*items, i, ast_select_item);
        if (item->expr->kind == AST_STAR) {
            TRY(expand_star(ctx, select, (const struct ast_star *)item->expr, err));
            continue;
        }
        struct expr *expr;
        TRY(bind_expr(ctx, item->expr, &expr, err));
        const char *name = item->alias ? item->alias->text : natural_name(item->expr);
        add_item(ctx->b, select, expr, name, name != NULL, item->expr);
        if (select->item_count > REL_MAX_COLUMNS) {
            return bind_error(ctx->b, err, STATUS_LIMIT_EXCEEDED, &item->node, "more than %d columns", REL_MAX_COLUMNS);
        }
    }
    if (select->item_count == 0) {
        return bind_error(ctx->b, err, STATUS_INVALID_QUERY, &select->ast->node, "the select list is empty");
    }
    return STATUS_OK;
}

/* GROUP BY ALL: every item without an aggregate or window function. */
static void group_by_items(struct binder *b, struct select *select) {
    select->aggregated = true;
    for (int i = 0; i < select->item_count; i++) {
        struct expr *expr = select->items[i].expr;
        if (expr_has_kind(expr, EXPR_AGGREGATE) || expr_has_kind(expr, EXPR_WINDOW) || expr_is_constant(expr)) continue;
        if (has_outer_call(b, expr)) continue;
        bool known = false;
        for (int k = 0; k < select->key_count && !known; k++) known = same_expr(select->keys[k], expr);
        if (known) continue;
        ARENA_RESERVE(b->arena, select->keys, select->key_capacity, select->key_count + 1);
        select->keys[select->key_count++] = expr;
    }
}

/* ---- ORDER BY of a SELECT ---- */

enum status bind_ordinal(const struct binder *b, const struct ast_node *node, const char *clause, int count,
                         int *ordinal, struct error *err) {
    *ordinal = 0;
    const struct ast_literal *literal = (const struct ast_literal *)node;
    if (node->kind != AST_LITERAL || literal->literal_kind != AST_LITERAL_INTEGER) return STATUS_OK;
    int64_t n = 0;
    for (size_t i = 0; i < literal->text.len && n <= count; i++) n = n * 10 + (literal->text.data[i] - '0');
    if (n < 1 || n > count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node,
                          "%s position %.*s is not in the select list of %d "
                          "column%s",
                          clause, (int)(literal->text.len < 40 ? literal->text.len : 40), literal->text.data, count,
                          count == 1 ? "" : "s");
    }
    *ordinal = (int)n;
    return STATUS_OK;
}

enum status check_sortable(const struct binder *b, const struct type *type, const struct ast_node *node,
                           struct error *err) {
    if (type->id != TYPE_MAP && type->id != TYPE_MULTISET) return STATUS_OK;
    return bind_error(b, err, STATUS_TYPE_MISMATCH, node, "cannot sort by a value of type %s",
                      type_to_string(b->arena, type));
}

/* What a SELECT sorts by: items or expressions of its own. */
struct order {
    int count;
    struct expr **exprs; /* NULL where `items` has the position */
    int *items;          /* position in the select list, -1 */
    struct sort_key *keys;
    /* DISTINCT ON: likewise; `on` are the columns once they are there */
    int on_count;
    struct expr **on_exprs;
    int *on_items, *on;
};

static int item_of(const struct select *select, const struct expr *expr) {
    for (int k = 0; k < select->item_count; k++)
        if (same_expr(select->items[k].expr, expr)) return k;
    return -1;
}

static enum status bind_distinct_on(const struct context *ctx, struct select *select, struct order *order,
                                    struct error *err) {
    struct binder *b = ctx->b;
    const struct ast_list *list = &select->ast->distinct_on;
    order->on_count = list->count;
    order->on_exprs = ARENA_ARRAY(b->arena, struct expr *, list->count);
    order->on_items = ARENA_ARRAY(b->arena, int, list->count);
    order->on = ARENA_ARRAY(b->arena, int, list->count);
    struct context inner = *ctx;
    inner.clause = "DISTINCT ON";
    inner.aliases = ALIASES_FIRST;
    for (int i = 0; i < list->count; i++) {
        int ordinal;
        TRY(bind_ordinal(b, list->items[i], "DISTINCT ON", select->item_count, &ordinal, err));
        order->on_items[i] = ordinal - 1;
        if (ordinal) continue;
        TRY(bind_expr(&inner, list->items[i], &order->on_exprs[i], err));
        TRY(check_sortable(b, order->on_exprs[i]->type, list->items[i], err));
        order->on_items[i] = item_of(select, order->on_exprs[i]);
        if (order->on_items[i] >= 0) order->on_exprs[i] = NULL;
    }
    return STATUS_OK;
}

static enum status bind_order(const struct context *ctx, struct select *select, const struct ast_query *query,
                              struct order *order, struct error *err) {
    struct binder *b = ctx->b;
    order->count = query ? query->order_by.count : 0;
    order->exprs = ARENA_ARRAY(b->arena, struct expr *, order->count);
    order->items = ARENA_ARRAY(b->arena, int, order->count);
    order->keys = ARENA_ARRAY(b->arena, struct sort_key, order->count);
    struct context inner = *ctx;
    inner.clause = "ORDER BY";
    inner.aliases = ALIASES_FIRST;
    for (int i = 0; i < order->count; i++) {
        const struct ast_order_item *item = AST_AT(query->order_by, i, ast_order_item);
        int ordinal;
        TRY(bind_ordinal(b, item->expr, "ORDER BY", select->item_count, &ordinal, err));
        order->items[i] = ordinal - 1;
        if (!ordinal) {
            TRY(bind_expr(&inner, item->expr, &order->exprs[i], err));
            order->items[i] = item_of(select, order->exprs[i]);
        }
        if (order->items[i] >= 0) order->exprs[i] = NULL;
        const struct type *type = order->exprs[i] ? order->exprs[i]->type : select->items[order->items[i]].expr->type;
        TRY(check_sortable(b, type, item->expr, err));
        if (order->exprs[i] && select->ast->distinct) {
            return bind_error(b, err, STATUS_INVALID_QUERY, item->expr,
                              "ORDER BY of SELECT DISTINCT must use columns of the select list");
        }
        order->keys[i] = sort_key_of(item, -1);
    }
    return STATUS_OK;
}

/* ---- WHERE ---- */

/* An inner join whose bounds on time stand in WHERE (FROM a, b WHERE a.t BETWEEN …) is an interval join as well, and a
 * window join likewise: the condition moves into the join so that time attributes survive. */
static struct rel *join_with_condition(struct binder *b, struct rel *rel, struct expr *condition) {
    if (rel->kind != REL_JOIN || rel->join.type != JOIN_INNER || rel->join.temporal || rel->join.correlated)
        return NULL;
    if (expr_has_subquery(condition)) return NULL;
    struct rel *left = rel->inputs[0], *right = rel->inputs[1];
    struct expr *both = condition;
    if (rel->join.condition) {
        struct expr **args = ARENA_ARRAY(b->arena, struct expr *, 2);
        args[0] = rel->join.condition;
        args[1] = condition;
        both = expr_and(b->arena, args, 2);
    }
    bool was = join_is_interval(left, right, rel->join.condition) || join_is_window(left, right, rel->join.condition);
    bool is = join_is_interval(left, right, both) || join_is_window(left, right, both);
    if (was || !is) return NULL;
    struct rel *join = rel_join(b->arena, left, right, JOIN_INNER, both);
    join->offset = rel->offset;
    join->length = rel->length;
    return join;
}

static enum status bind_where(const struct context *ctx, const struct ast_select *ast, struct rel **rel,
                              struct error *err) {
    if (!ast->where) return STATUS_OK;
    struct expr *condition;
    TRY(bind_condition(ctx, ast->where, &condition, err));
    condition = expr_fold(ctx->b->arena, condition);
    if (is_true(condition)) return STATUS_OK;
    struct rel *join = join_with_condition(ctx->b, *rel, condition);
    if (join) {
        *rel = join;
        scope_set_rel(ctx->scope, join);
        return STATUS_OK;
    }
    TRY_REL(*rel, ctx->b, filter(ctx->b, *rel, condition), ast->where, err);
    return STATUS_OK;
}

/* ---- building ---- */

/* Select list, hidden sort columns behind it. */
static enum status project_items(struct binder *b, struct select *select, struct order *order, struct rel **rel,
                                 struct error *err) {
    int count = select->item_count, total = count;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count + order->count + order->on_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, count + order->count + order->on_count);
    bool identity = count == (*rel)->schema.column_count;
    for (int i = 0; i < count; i++) {
        exprs[i] = select->items[i].expr;
        names[i] = select->items[i].name;
        identity = identity && exprs[i]->kind == EXPR_COLUMN && exprs[i]->column.index == i &&
                   strcmp(names[i], (*rel)->schema.names[i]) == 0;
    }
    for (int i = 0; i < order->count; i++) {
        order->keys[i].column = order->items[i];
        if (!order->exprs[i]) continue;
        order->keys[i].column = total;
        exprs[total] = order->exprs[i];
        names[total] = arena_printf(b->arena, "$sort%d", i);
        total++;
    }
    for (int i = 0; i < order->on_count; i++) {
        order->on[i] = order->on_items[i];
        if (!order->on_exprs[i]) continue;
        order->on[i] = total;
        exprs[total] = order->on_exprs[i];
        names[total] = arena_printf(b->arena, "$on%d", i);
        total++;
    }
    if (identity && total == count) return STATUS_OK;
    TRY_REL(*rel, b, project(b, *rel, total, exprs, names), &select->ast->node, err);
    return STATUS_OK;
}

static enum status distinct_rows(struct binder *b, const struct ast_node *node, struct rel **rel, struct error *err) {
    int count = (*rel)->schema.column_count;
    int *keys = ARENA_ARRAY(b->arena, int, count);
    for (int i = 0; i < count; i++) {
        const struct type *type = (*rel)->schema.types[i];
        if (type->id == TYPE_MAP || type->id == TYPE_MULTISET) {
            return bind_error(b, err, STATUS_TYPE_MISMATCH, node, "DISTINCT cannot compare column '%s' of type %s",
                              (*rel)->schema.names[i], type_to_string(b->arena, type));
        }
        keys[i] = i;
    }
    TRY_REL(*rel, b, rel_aggregate(b->arena, *rel, count, keys, 0, NULL), node, err);
    return STATUS_OK;
}

/* DISTINCT ON: of the rows that agree in the keys the first in the query's order. */
static enum status first_rows(struct binder *b, const struct ast_node *node, const struct order *order,
                              struct rel **rel, struct error *err) {
    const struct type *bigint = type_with_nullable(b->arena, type_of(TYPE_BIGINT), false);
    struct window_spec *spec = ARENA_NEW(b->arena, struct window_spec);
    *spec = (struct window_spec){.partition_count = order->on_count,
                                 .partition = order->on,
                                 .order_count = order->count,
                                 .order = order->keys,
                                 .unit = FRAME_RANGE,
                                 .start = BOUND_UNBOUNDED_PRECEDING,
                                 .end = BOUND_CURRENT_ROW};
    struct window_call call_of = {.function = "ROW_NUMBER", .type = bigint, .name = "$row"};
    int count = (*rel)->schema.column_count;
    TRY_REL(*rel, b, rel_over(b->arena, *rel, spec, 1, &call_of), node, err);
    struct value one = value_i64(bigint, 1);
    struct expr *args[2] = {column_of(b, *rel, count), expr_const(b->arena, &one)}, *condition;
    TRY(function_bind(b->arena, str_from("="), args, 2, place_offset(b, node), place_length(b, node), &condition, err));
    TRY_REL(*rel, b, rel_filter(b->arena, *rel, condition), node, err);
    return STATUS_OK;
}

static enum status sort_and_limit(struct binder *b, const struct ast_node *node, const struct ast_query *query,
                                  const struct order *order, int visible, struct rel **rel, struct error *err) {
    if (query) {
        int64_t rows_offset, limit;
        TRY(bind_limits(b, query, &rows_offset, &limit, err));
        /* a stream cannot be sorted; what DISTINCT ON takes it for is done */
        bool spent = order->on_count && b->env->streaming && !rows_offset && limit < 0;
        if ((order->count || rows_offset || limit >= 0) && !spent) {
            TRY_REL(*rel, b, rel_sort(b->arena, *rel, order->count, order->keys, rows_offset, limit), &query->node,
                    err);
        }
    }
    if ((*rel)->schema.column_count == visible) return STATUS_OK;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, visible);
    for (int i = 0; i < visible; i++) exprs[i] = column_of(b, *rel, i);
    TRY_REL(*rel, b, rel_project(b->arena, *rel, visible, exprs, (const char **)(*rel)->schema.names), node, err);
    return STATUS_OK;
}

/* The conditions above the aggregate. */
struct conditions {
    struct expr *having, *qualify;
};

static enum status bind_conditions(const struct context *ctx, struct select *select, struct conditions *conditions,
                                   struct error *err) {
    const struct ast_select *ast = select->ast;
    struct context inner = *ctx;
    if (ast->having) {
        select->aggregated = true;
        inner.clause = "HAVING";
        inner.windows = false;
        TRY(bind_condition(&inner, ast->having, &conditions->having, err));
    }
    if (ast->qualify) {
        inner = *ctx;
        inner.clause = "QUALIFY";
        inner.aliases = ALIASES_LAST;
        TRY(bind_condition(&inner, ast->qualify, &conditions->qualify, err));
        bool windowed = expr_has_kind(conditions->qualify, EXPR_WINDOW);
        for (int i = 0; i < select->item_count && !windowed; i++) {
            windowed = expr_has_kind(select->items[i].expr, EXPR_WINDOW);
        }
        if (!windowed) {
            enum status status = bind_error(ctx->b, err, STATUS_INVALID_QUERY, ast->qualify,
                                            "QUALIFY needs a window function in it or in the select list");
            error_hint(err, "filter rows with WHERE, groups with HAVING");
            return status;
        }
    }
    return STATUS_OK;
}

static enum status build(struct binder *b, struct select *select, struct conditions *conditions, struct order *order,
                         struct rel **rel, struct error *err) {
    const struct ast_select *ast = select->ast;
    int count = 0;
    struct expr ***all = ARENA_ARRAY(b->arena, struct expr **, select->item_count + order->count + order->on_count + 2);
    for (int i = 0; i < select->item_count; i++) all[count++] = &select->items[i].expr;
    for (int i = 0; i < order->count; i++) all[count++] = &order->exprs[i];
    for (int i = 0; i < order->on_count; i++) all[count++] = &order->on_exprs[i];
    all[count++] = &conditions->having;
    all[count++] = &conditions->qualify;
    if (select->aggregated || ast->grouped) TRY(build_aggregate(b, select, rel, all, count, err));
    if (conditions->having) TRY_REL(*rel, b, filter(b, *rel, conditions->having), ast->having, err);
    TRY(build_windows(b, &ast->node, rel, all, count, err));
    if (conditions->qualify) TRY_REL(*rel, b, filter(b, *rel, conditions->qualify), ast->qualify, err);
    TRY(project_items(b, select, order, rel, err));
    if (ast->distinct) TRY(distinct_rows(b, &ast->node, rel, err));
    if (order->on_count) TRY(first_rows(b, &ast->node, order, rel, err));
    return STATUS_OK;
}

static enum status bind_source(struct binder *b, const struct ast_select *ast, struct scope *parent, struct rel **rel,
                               struct scope **scope, struct error *err) {
    if (ast->from) {
        struct select_hints hints;
        TRY(select_hints_begin(b, &ast->hints, &hints, err));
        TRY(bind_from(b, ast->from, parent, NULL, rel, scope, err));
        return select_hints_end(b, &hints, err);
    }
    TRY_REL(*rel, b, rel_one_row(b), &ast->node, err);
    *scope = ARENA_NEW(b->arena, struct scope); /* the row's column has no name */
    (*scope)->parent = parent;
    scope_set_rel(*scope, *rel);
    return STATUS_OK;
}

static enum status check_windows(struct binder *b, const struct ast_select *ast, struct error *err) {
    for (int i = 0; i < ast->windows.count; i++) {
        const struct ast_window *window = AST_AT(ast->windows, i, ast_window);
        for (int k = 0; k < i; k++) {
            if (strcmp(AST_AT(ast->windows, k, ast_window)->name->text, window->name->text) != 0) continue;
            return bind_error(b, err, STATUS_DUPLICATE_NAME, &window->name->node, "window '%s' is declared twice",
                              window->name->text);
        }
    }
    return STATUS_OK;
}

enum status bind_select(struct binder *b, const struct ast_select *ast, const struct ast_query *query,
                        struct scope *parent, struct query_result *out, struct error *err) {
    struct rel *rel;
    struct scope *scope;
    TRY(bind_source(b, ast, parent, &rel, &scope, err));
    struct select select = {.ast = ast, .scope = scope};
    struct context ctx = {.b = b, .scope = scope, .select = &select, .clause = "WHERE"};
    TRY(bind_where(&ctx, ast, &rel, err));
    TRY(check_windows(b, ast, err));
    ctx.clause = "GROUP BY";
    TRY(bind_group_by(&ctx, &select, &rel, err));
    ctx.clause = "SELECT";
    ctx.aggregates = ctx.windows = true;
    TRY(bind_items(&ctx, &select, err));
    if (ast->group_by_all) group_by_items(b, &select);
    struct conditions conditions = {0};
    TRY(bind_conditions(&ctx, &select, &conditions, err));
    struct order order = {0};
    TRY(bind_order(&ctx, &select, query, &order, err));
    TRY(bind_distinct_on(&ctx, &select, &order, err));
    TRY(build(b, &select, &conditions, &order, &rel, err));
    TRY(sort_and_limit(b, &ast->node, query, &order, select.item_count, &rel, err));
    const char **raw_names = ARENA_ARRAY(b->arena, const char *, select.item_count);
    for (int i = 0; i < select.item_count; i++) raw_names[i] = select.items[i].name;
    *out = (struct query_result){rel, raw_names};
    return STATUS_OK;
}
