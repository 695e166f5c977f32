/* Aggregate calls and OVER calls: from syntax to EXPR_AGGREGATE and EXPR_WINDOW, and from those to REL_OVER nodes. */
#include <limits.h>

#include "bind/bind_private.h"

/* While a SELECT is bound, an EXPR_WINDOW's args are the function's arguments, then the partition keys, then the order
 * keys; the counts are in its spec, whose column positions are not set yet. */
struct over {
    struct window_spec spec; /* first: EXPR_WINDOW points to it */
    bool ignore_nulls;
    const struct ast_node *node;
};

static int over_arg_count(const struct expr *window) {
    return window->arg_count - window->window.spec->partition_count - window->window.spec->order_count;
}

struct sort_key sort_key_of(const struct ast_order_item *item, int column) {
    /* NULLs are smaller than anything else */
    bool nulls_last = item->nulls == AST_ORDER_NULLS_DEFAULT ? item->descending : item->nulls == AST_ORDER_NULLS_LAST;
    return (struct sort_key){.column = column, .descending = item->descending, .nulls_last = nulls_last};
}

/* ---- aggregates ---- */

static bool never_null(const char *name) {
    static const char *const names[] = {"COUNT", "APPROX_COUNT_DISTINCT", "SUM0",
                                        "$SUM0", "JSON_OBJECTAGG",        "JSON_ARRAYAGG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

/* Over no rows everything but a count is NULL, whatever the argument's type says. */
static const struct bound_aggregate *may_be_empty(struct binder *b, const struct bound_aggregate *aggregate) {
    if (aggregate->result->nullable || never_null(aggregate->name)) return aggregate;
    struct bound_aggregate *copy = arena_memdup(b->arena, aggregate, sizeof *aggregate);
    copy->result = type_with_nullable(b->arena, aggregate->result, true);
    return copy;
}

static bool is_count_star(const struct ast_function *function) {
    return function->args.count == 1 && function->args.items[0]->kind == AST_STAR;
}

static enum status bind_aggregate_args(const struct context *ctx, const struct ast_function *function, const char *name,
                                       struct expr ***out, int *count, struct error *err) {
    if (is_count_star(function)) {
        const struct ast_star *star = AST_AT(function->args, 0, ast_star);
        if (strcmp(name, "COUNT") != 0 || star->qualifier || star->exclude.count) {
            return bind_error(ctx->b, err, STATUS_INVALID_QUERY, &star->node, "* is an argument of COUNT(*) only");
        }
        if (function->distinct) {
            return bind_error(ctx->b, err, STATUS_INVALID_QUERY, &function->node, "COUNT(DISTINCT *) has no meaning");
        }
        *out = NULL;
        *count = 0;
        return STATUS_OK;
    }
    *count = function->args.count;
    TRY(bind_exprs(ctx, &function->args, out, err));
    bool object = function->syntax == AST_CALL_JSON_OBJECT;
    if (!object && function->syntax != AST_CALL_JSON_ARRAY) return STATUS_OK;
    /* what to do with NULLs comes last */
    enum ast_json_null on_null = function->json ? function->json->on_null : AST_JSON_ON_NULL_NONE;
    bool absent = on_null == AST_JSON_ABSENT_ON_NULL || (on_null == AST_JSON_ON_NULL_NONE && !object);
    struct expr **args = ARENA_ARRAY(ctx->b->arena, struct expr *, *count + 1);
    memcpy(args, *out, sizeof *args * (size_t)*count);
    args[(*count)++] = string_constant(ctx->b, absent ? "ABSENT" : "NULL");
    *out = args;
    return STATUS_OK;
}

const struct bound_aggregate *aggregate_ordered(struct binder *b, const struct bound_aggregate *aggregate,
                                                struct expr *const *keys, const struct sort_key *how, int count) {
    struct bound_aggregate *ordered = arena_memdup(b->arena, aggregate, sizeof *aggregate);
    int old = aggregate->arg_count;
    const struct type **types = ARENA_ARRAY(b->arena, const struct type *, old + count);
    struct argument_order *order = ARENA_ARRAY(b->arena, struct argument_order, count);
    for (int i = 0; i < old; i++) types[i] = aggregate->arg_types[i];
    for (int i = 0; i < count; i++) {
        types[old + i] = keys[i]->type;
        order[i] = (struct argument_order){.descending = how[i].descending, .nulls_last = how[i].nulls_last};
    }
    ordered->arg_types = types;
    ordered->arg_count = old + count;
    ordered->order = order;
    ordered->order_count = count;
    return ordered;
}

/* f(x ORDER BY y), f(x) WITHIN GROUP (ORDER BY y). The order changes what a list looks like; sums and the like do not see it. */
static enum status order_values(const struct context *ctx, const struct ast_function *function,
                                const struct bound_aggregate **aggregate, struct expr ***args, struct error *err) {
    struct binder *b = ctx->b;
    const struct ast_list *items = function->order_by.count ? &function->order_by : &function->within_group;
    if (!items->count) return STATUS_OK;
    if (function->order_by.count && function->within_group.count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &function->node, "%s has two ORDER BY", (*aggregate)->name);
    }
    int old = (*aggregate)->arg_count;
    struct expr **all = ARENA_ARRAY(b->arena, struct expr *, old + items->count);
    struct sort_key *how = ARENA_ARRAY(b->arena, struct sort_key, items->count);
    for (int i = 0; i < old; i++) all[i] = (*args)[i];
    for (int i = 0; i < items->count; i++) {
        const struct ast_order_item *item = AST_AT(*items, i, ast_order_item);
        TRY(bind_expr(ctx, item->expr, &all[old + i], err));
        TRY(check_sortable(b, all[old + i]->type, item->expr, err));
        if (function->distinct && !same_expr(all[old + i], (*args)[0])) {
            enum status status = bind_error(b, err, STATUS_INVALID_QUERY, item->expr,
                                            "%s(DISTINCT ...) is sorted by its argument only", (*aggregate)->name);
            error_hint(err, "equal values may differ in anything else");
            return status;
        }
        how[i] = sort_key_of(item, -1);
    }
    if (!(*aggregate)->class->needs_values) {
        const char *name = (*aggregate)->name;
        if (strcmp(name, "FIRST_VALUE") != 0 && strcmp(name, "LAST_VALUE") != 0) return STATUS_OK;
        enum status status = not_supported(b, err, &function->node, arena_printf(b->arena, "ORDER BY inside %s", name));
        error_hint(err, "%s(x) OVER (PARTITION BY ... ORDER BY ...), or ROW_NUMBER() ... = 1", name);
        return status;
    }
    *aggregate = aggregate_ordered(b, *aggregate, all + old, how, items->count);
    *args = all;
    return STATUS_OK;
}

/* ---- whose aggregate a call is ---- */

enum { NO_LEVEL = INT_MAX };

/* Of the levels that an expression's columns are of, counted from where it stands, the nearest. */
static enum status find_level(void *data, struct expr *expr, int depth, struct expr **out, struct error *err) {
    (void)out, (void)err;
    int *level = data, found = NO_LEVEL;
    if (expr->kind == EXPR_COLUMN && depth == 0) found = 0;
    if (expr->kind == EXPR_OUTER && expr->outer.level >= depth) found = expr->outer.level - depth;
    if (found < *level) *level = found;
    return STATUS_OK;
}

/* How many queries further out an aggregate belongs: to the nearest one that a column of it is of, its own when it has none. */
static int aggregate_level(struct binder *b, const struct expr *call) {
    int level = NO_LEVEL;
    struct expr *same = (struct expr *)call;
    enum status status = rewrite_expr(b, same, 0, find_level, &level, &same, NULL);
    (void)status; /* find_level never fails */
    return level == NO_LEVEL ? 0 : level;
}

static enum status not_allowed(const struct context *ctx, const struct context *around, const char *name,
                               const struct ast_node *node, struct error *err) {
    bool own = ctx == around;
    const char *clause = around ? around->clause : "FROM";
    enum status status =
        bind_error(ctx->b, err, STATUS_INVALID_QUERY, node,
                   own ? "aggregate function %s is not allowed in %s"
                       : "aggregate function %s reads columns of a query around only, and there it stands in %s",
                   name, clause);
    if (own && strcmp(clause, "WHERE") == 0) error_hint(err, "filter groups with HAVING");
    if (!own)
        error_hint(err, "such an aggregate is computed by the query around, in SELECT, HAVING, QUALIFY or ORDER BY");
    return status;
}

/* A call that the query `level` levels further out computes, as the query inside sees it. */
static struct expr *outer_call(const struct context *ctx, const struct context *around, int level, struct expr *call) {
    struct select *select = around->select;
    int i = 0;
    while (i < select->outer_call_count && !same_expr(select->outer_calls[i], call)) i++;
    if (i == select->outer_call_count) {
        ARENA_RESERVE(ctx->b->arena, select->outer_calls, select->outer_call_capacity, i + 1);
        select->outer_calls[select->outer_call_count++] = call;
    }
    struct expr *expr = ARENA_NEW(ctx->b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_OUTER, .type = call->type, .offset = -1};
    expr->outer.level = level;
    expr->outer.index = OUTER_CALL_POSITION + i;
    expr->outer.is_call = true;
    return expr;
}

static enum status bind_own_aggregate(const struct context *ctx, const struct ast_function *function, const char *name,
                                      struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    const struct ast_node *node = &function->node;
    if (function->null_treatment != AST_NULLS_DEFAULT) {
        return not_supported(b, err, node, "IGNORE/RESPECT NULLS of an aggregate function without OVER");
    }
    struct context inner = *ctx;
    inner.aggregates = inner.windows = false;
    inner.aliases = ALIASES_HIDDEN;
    inner.clause = arena_printf(b->arena, "the arguments of %s", name);
    struct expr **args = NULL, *condition = NULL;
    int count = 0;
    TRY(bind_aggregate_args(&inner, function, name, &args, &count, err));
    if (function->filter) {
        inner.clause = "FILTER";
        TRY(bind_condition(&inner, function->filter, &condition, err));
    }
    const struct bound_aggregate *aggregate;
    TRY(aggregate_bind(b->arena, str_from(name), args, count, function->distinct, place_offset(b, node),
                       place_length(b, node), &aggregate, err));
    inner.clause = arena_printf(b->arena, "the ORDER BY of %s", name);
    TRY(order_values(&inner, function, &aggregate, &args, err));
    const struct select *select = ctx->select;
    if (!select || !select->ast->grouped || select->ast->group_by_all || select->key_count == 0 || select->set_count ||
        function->filter) {
        aggregate = may_be_empty(b, aggregate);
    }
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_AGGREGATE,
                          .type = aggregate->result,
                          .offset = -1,
                          .arg_count = aggregate->arg_count,
                          .args = args};
    expr->aggregate.function = aggregate;
    expr->aggregate.filter = condition;
    *out = expr;
    return STATUS_OK;
}

enum status bind_aggregate(const struct context *ctx, const struct ast_function *function, const char *name,
                           struct expr **out, struct error *err) {
    TRY(bind_own_aggregate(ctx, function, name, out, err));
    int level = aggregate_level(ctx->b, *out);
    struct scope *scope = ctx->scope;
    for (int i = 0; i < level; i++) scope = scope->parent;
    const struct context *around = level ? scope->context : ctx;
    if (!around || !around->aggregates || !around->select) return not_allowed(ctx, around, name, &function->node, err);
    around->select->aggregated = true;
    if (!level) return STATUS_OK;
    struct expr *call;
    TRY(bind_own_aggregate(around, function, name, &call, err)); /* over the columns of that query */
    *out = outer_call(ctx, around, level, expr_at(ctx->b, call, &function->node));
    return STATUS_OK;
}

/* ---- the window of an OVER ---- */

static const struct ast_window *named_window(const struct context *ctx, const char *name) {
    if (!ctx->select) return NULL;
    const struct ast_list *windows = &ctx->select->ast->windows;
    for (int i = 0; i < windows->count; i++) {
        const struct ast_window *window = AST_AT(*windows, i, ast_window);
        if (strcmp(window->name->text, name) == 0) return window;
    }
    return NULL;
}

static enum status find_window(const struct context *ctx, const struct ast_ident *name, const struct ast_window **out,
                               struct error *err) {
    *out = named_window(ctx, name->text);
    if (*out) return STATUS_OK;
    enum status status =
        bind_error(ctx->b, err, STATUS_UNDEFINED_NAME, &name->node, "window '%s' not found", name->text);
    const struct ast_list *windows = ctx->select ? &ctx->select->ast->windows : NULL;
    int count = windows ? windows->count : 0;
    const char **names = ARENA_ARRAY(ctx->b->arena, const char *, count);
    for (int i = 0; i < count; i++) names[i] = AST_AT(*windows, i, ast_window)->name->text;
    const char *near = str_nearest(name->text, names, count);
    if (near)
        error_hint(err, "did you mean '%s'?", near);
    else
        error_hint(err, "declare it: WINDOW %s AS (PARTITION BY ... ORDER BY ...)", name->text);
    return status;
}

/* A window with what it takes over from the windows that it refines. */
static enum status merge_window(const struct context *ctx, const struct ast_window *window, int depth,
                                struct ast_window *out, struct error *err) {
    *out = *window;
    if (!window->base) return STATUS_OK;
    if (depth > 32) {
        return bind_error(ctx->b, err, STATUS_INVALID_QUERY, &window->node, "windows refine each other in a circle");
    }
    const struct ast_window *base;
    TRY(find_window(ctx, window->base, &base, err));
    struct ast_window merged;
    TRY(merge_window(ctx, base, depth + 1, &merged, err));
    if (window->partition_by.count || (window->order_by.count && merged.order_by.count) ||
        merged.frame_unit != AST_FRAME_NONE) {
        enum status status = bind_error(ctx->b, err, STATUS_INVALID_QUERY, &window->node,
                                        "window '%s' cannot be refined like this", window->base->text);
        error_hint(err, "a refined window has no frame; PARTITION BY and ORDER BY stand in one of the two only");
        return status;
    }
    out->partition_by = merged.partition_by;
    if (!window->order_by.count) out->order_by = merged.order_by;
    return STATUS_OK;
}

static enum frame_bound_kind bound_of(enum ast_bound_kind kind) {
    switch (kind) {
    case AST_BOUND_UNBOUNDED_PRECEDING: return BOUND_UNBOUNDED_PRECEDING;
    case AST_BOUND_PRECEDING: return BOUND_PRECEDING;
    case AST_BOUND_CURRENT_ROW: return BOUND_CURRENT_ROW;
    case AST_BOUND_FOLLOWING: return BOUND_FOLLOWING;
    case AST_BOUND_UNBOUNDED_FOLLOWING: return BOUND_UNBOUNDED_FOLLOWING;
    }
    return BOUND_CURRENT_ROW;
}

static bool has_offset(enum frame_bound_kind kind) { return kind == BOUND_PRECEDING || kind == BOUND_FOLLOWING; }

/* n PRECEDING, INTERVAL … PRECEDING. */
static enum status bind_frame_offset(struct binder *b, const struct ast_node *node, enum frame_unit unit,
                                     const struct type *order, struct value *out, struct error *err) {
    struct value value;
    TRY(bind_constant(b, node, "a window frame's offset", &value, err));
    if (unit != FRAME_RANGE) {
        if (value.is_null || !type_is_integer(value.type) || value.i64 < 0) {
            return bind_error(b, err, STATUS_INVALID_QUERY, node,
                              "a %s frame counts %s: the offset must be an "
                              "integer that is not negative",
                              unit == FRAME_ROWS ? "ROWS" : "GROUPS", unit == FRAME_ROWS ? "rows" : "groups");
        }
    } else {
        bool fits = order && (type_is_numeric(order) ? type_is_numeric(value.type)
                              : type_is_timestamp(order) || order->id == TYPE_DATE || order->id == TYPE_TIME
                                  ? type_is_interval(value.type)
                                  : false);
        if (value.is_null || !fits) {
            return bind_error(b, err, STATUS_INVALID_QUERY, node,
                              "a RANGE frame's offset must be a number or an interval that suits its ORDER BY column");
        }
        if (value.type->id != TYPE_DECIMAL && !type_is_approximate(value.type) && value.i64 < 0) {
            return bind_error(b, err, STATUS_INVALID_QUERY, node, "a window frame's offset must not be negative");
        }
    }
    *out = value;
    return STATUS_OK;
}

static enum frame_exclusion exclusion_of(enum ast_exclusion exclude) {
    switch (exclude) {
    case AST_EXCLUDE_NONE:
    case AST_EXCLUDE_NO_OTHERS: return EXCLUDE_NO_OTHERS;
    case AST_EXCLUDE_CURRENT_ROW: return EXCLUDE_CURRENT_ROW;
    case AST_EXCLUDE_GROUP: return EXCLUDE_GROUP;
    case AST_EXCLUDE_TIES: return EXCLUDE_TIES;
    }
    return EXCLUDE_NO_OTHERS;
}

static enum status bind_frame(struct binder *b, const struct ast_window *window, const struct type *order,
                              struct window_spec *spec, struct error *err) {
    spec->has_frame = window->frame_unit != AST_FRAME_NONE;
    if (!spec->has_frame) {
        spec->unit = FRAME_RANGE;
        spec->start = BOUND_UNBOUNDED_PRECEDING;
        spec->end = window->order_by.count ? BOUND_CURRENT_ROW : BOUND_UNBOUNDED_FOLLOWING;
        return STATUS_OK;
    }
    spec->unit = window->frame_unit == AST_FRAME_ROWS    ? FRAME_ROWS
                 : window->frame_unit == AST_FRAME_RANGE ? FRAME_RANGE
                                                         : FRAME_GROUPS;
    if (spec->unit == FRAME_GROUPS && !window->order_by.count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &window->node, "a GROUPS frame needs ORDER BY");
    }
    spec->exclude = exclusion_of(window->exclude);
    spec->start = bound_of(window->start);
    spec->end = window->frame_between ? bound_of(window->end) : BOUND_CURRENT_ROW;
    if (spec->start == BOUND_UNBOUNDED_FOLLOWING || spec->end == BOUND_UNBOUNDED_PRECEDING || spec->start > spec->end) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &window->node, "the window frame ends before it starts");
    }
    if (has_offset(spec->start)) {
        TRY(bind_frame_offset(b, window->start_expr, spec->unit, order, &spec->start_offset, err));
    }
    if (has_offset(spec->end)) {
        TRY(bind_frame_offset(b, window->end_expr, spec->unit, order, &spec->end_offset, err));
    }
    return STATUS_OK;
}

/* Adds partition and order keys behind args. */
static enum status bind_window_spec(const struct context *ctx, const struct ast_window *window, struct over *over,
                                    struct expr ***args, int *arg_count, struct error *err) {
    struct binder *b = ctx->b;
    struct window_spec *spec = &over->spec;
    spec->partition_count = window->partition_by.count;
    spec->order_count = window->order_by.count;
    int count = *arg_count;
    struct expr **all = ARENA_ARRAY(b->arena, struct expr *, count + spec->partition_count + spec->order_count);
    if (count) memcpy(all, *args, sizeof *all * (size_t)count);
    for (int i = 0; i < spec->partition_count; i++) {
        TRY(bind_expr(ctx, window->partition_by.items[i], &all[count++], err));
    }
    struct sort_key *order = ARENA_ARRAY(b->arena, struct sort_key, spec->order_count);
    for (int i = 0; i < spec->order_count; i++) {
        const struct ast_order_item *item = AST_AT(window->order_by, i, ast_order_item);
        TRY(bind_expr(ctx, item->expr, &all[count++], err));
        order[i] = sort_key_of(item, -1);
    }
    spec->order = order;
    const struct type *order_type = spec->order_count == 1 ? all[count - 1]->type : NULL;
    TRY(bind_frame(b, window, order_type, spec, err));
    *args = all;
    *arg_count = count;
    return STATUS_OK;
}

/* ---- the function of an OVER ---- */

static enum status wrong_arguments(const struct context *ctx, const struct ast_function *function, const char *usage,
                                   struct error *err) {
    enum status status = bind_error(ctx->b, err, STATUS_UNDEFINED_FUNCTION, &function->node, "%s has %d argument%s",
                                    usage, function->args.count, function->args.count == 1 ? "" : "s");
    error_hint(err, "write %s", usage);
    return status;
}

/* LAG(x [, n [, default]]) */
static enum status bind_lag(const struct context *ctx, const struct ast_function *function, const char *name,
                            struct expr **args, int count, const struct type **type, struct error *err) {
    if (count < 1 || count > 3) {
        return wrong_arguments(ctx, function, arena_printf(ctx->b->arena, "%s(x [, offset [, default]])", name), err);
    }
    *type = type_with_nullable(ctx->b->arena, args[0]->type, true);
    if (count >= 2 && (!type_is_integer(args[1]->type) || expr_fold(ctx->b->arena, args[1])->kind != EXPR_CONST)) {
        return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, function->args.items[1],
                          "the offset of %s must be a constant integer", name);
    }
    if (count == 3) {
        struct expr *pair[2] = {args[0], args[2]};
        TRY(unify(ctx, pair, 2, name, &function->node, err));
        args[0] = pair[0];
        args[2] = pair[1];
        *type = type_with_nullable(ctx->b->arena, pair[0]->type, pair[0]->type->nullable || pair[1]->type->nullable);
    }
    return STATUS_OK;
}

static enum status bind_ranking(const struct context *ctx, const struct ast_function *function, const char *name,
                                struct expr **args, int count, const struct type **type, struct error *err) {
    struct arena *arena = ctx->b->arena;
    if (strcmp(name, "LAG") == 0 || strcmp(name, "LEAD") == 0) {
        return bind_lag(ctx, function, name, args, count, type, err);
    }
    if (strcmp(name, "NTILE") == 0) {
        if (count != 1) return wrong_arguments(ctx, function, "NTILE(n)", err);
        struct value n;
        TRY(bind_constant(ctx->b, function->args.items[0], "the argument of NTILE", &n, err));
        if (n.is_null || !type_is_integer(n.type) || n.i64 <= 0) {
            return bind_error(ctx->b, err, STATUS_INVALID_ARGUMENT, function->args.items[0],
                              "the argument of NTILE must be an integer greater than 0");
        }
        *type = type_with_nullable(arena, type_of(TYPE_INT), false);
        return STATUS_OK;
    }
    if (strcmp(name, "NTH_VALUE") == 0) {
        if (count != 2) return wrong_arguments(ctx, function, "NTH_VALUE(x, n)", err);
        struct value n;
        TRY(bind_constant(ctx->b, function->args.items[1], "the second argument of NTH_VALUE", &n, err));
        if (n.is_null || !type_is_integer(n.type) || n.i64 <= 0) {
            return bind_error(ctx->b, err, STATUS_INVALID_ARGUMENT, function->args.items[1],
                              "the second argument of NTH_VALUE must be an integer greater than 0");
        }
        *type = type_with_nullable(arena, args[0]->type, true);
        return STATUS_OK;
    }
    if (count != 0) return wrong_arguments(ctx, function, arena_printf(arena, "%s()", name), err);
    bool fraction = strcmp(name, "CUME_DIST") == 0 || strcmp(name, "PERCENT_RANK") == 0;
    *type = type_with_nullable(arena, type_of(fraction ? TYPE_DOUBLE : TYPE_BIGINT), false);
    return STATUS_OK;
}

/* Ranking and navigation are known here, not in the registry: their kernels are the OVER operator's. */
bool is_window_function(const char *name) {
    static const char *const names[] = {"ROW_NUMBER", "RANK", "DENSE_RANK", "CUME_DIST", "PERCENT_RANK",
                                        "NTILE",      "LAG",  "LEAD",       "NTH_VALUE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

static bool takes_null_treatment(const char *name) {
    return strcmp(name, "LAG") == 0 || strcmp(name, "LEAD") == 0 || strcmp(name, "FIRST_VALUE") == 0 ||
           strcmp(name, "LAST_VALUE") == 0 || strcmp(name, "NTH_VALUE") == 0;
}

static enum status check_over(const struct context *ctx, const struct ast_function *function, const char *name,
                              const struct function_info *info, struct error *err) {
    struct binder *b = ctx->b;
    const struct ast_node *node = &function->node;
    if (!is_window_function(name) && (!info || info->kind != FUNCTION_AGGREGATE)) {
        return bind_error(b, err, info ? STATUS_INVALID_QUERY : STATUS_UNDEFINED_FUNCTION, node,
                          info ? "%s is neither a window nor an aggregate function: it takes no OVER"
                               : "function %s not found",
                          name);
    }
    if (!ctx->windows) {
        enum status status = bind_error(b, err, STATUS_INVALID_QUERY, node, "window function %s is not allowed in %s",
                                        name, ctx->clause);
        if (strcmp(ctx->clause, "WHERE") == 0 || strcmp(ctx->clause, "HAVING") == 0) {
            error_hint(err, "filter with QUALIFY, or in a query around this one");
        }
        return status;
    }
    if (function->filter && is_window_function(name)) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s takes no FILTER: only aggregate functions do", name);
    }
    if (function->order_by.count || function->within_group.count) {
        return not_supported(b, err, node, "ORDER BY inside a window function");
    }
    if (function->null_treatment == AST_NULLS_IGNORE && !takes_null_treatment(name)) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s does not take IGNORE NULLS", name);
    }
    return STATUS_OK;
}

/* f(x) FILTER (WHERE c) OVER w is f(CASE WHEN c THEN x END) OVER w, for functions that pass NULLs over. */
static enum status filter_argument(const struct context *ctx, const struct ast_function *function, const char *name,
                                   bool ignore_nulls, struct expr ***args, int *count, struct error *err) {
    struct binder *b = ctx->b;
    static const char *const see_nulls[] = {"ARRAY_AGG", "SINGLE_VALUE", "JSON_OBJECTAGG", "JSON_ARRAYAGG"};
    bool sees_nulls = !ignore_nulls && (strcmp(name, "FIRST_VALUE") == 0 || strcmp(name, "LAST_VALUE") == 0);
    for (size_t i = 0; i < sizeof see_nulls / sizeof *see_nulls; i++) sees_nulls |= strcmp(name, see_nulls[i]) == 0;
    if (sees_nulls) {
        return not_supported(b, err, &function->node, arena_printf(b->arena, "FILTER of %s with OVER", name));
    }
    struct context inner = *ctx;
    inner.clause = "FILTER";
    struct expr *condition;
    TRY(bind_condition(&inner, function->filter, &condition, err));
    if (*count == 0) { /* COUNT(*) */
        *args = ARENA_ARRAY(b->arena, struct expr *, 1);
        (*args)[0] = boolean_constant(b, true);
        *count = 1;
    }
    struct expr *expr = ARENA_NEW(b->arena, struct expr), *value = (*args)[0];
    *expr = (struct expr){.kind = EXPR_CASE,
                          .type = type_with_nullable(b->arena, value->type, true),
                          .offset = value->offset,
                          .length = value->length,
                          .arg_count = 3};
    expr->args = ARENA_ARRAY(b->arena, struct expr *, 3);
    expr->args[0] = condition;
    expr->args[1] = value;
    expr->args[2] = expr_null(b->arena, expr->type);
    (*args)[0] = expr;
    return STATUS_OK;
}

enum status bind_window_call(const struct context *ctx, const struct ast_function *function, const char *name,
                             struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    const struct ast_node *node = &function->node;
    const struct function_info *info = function_find(str_from(name));
    TRY(check_over(ctx, function, name, info, err));
    struct context inner = *ctx;
    inner.windows = false;
    inner.clause = "a window function";
    const struct ast_window *named = function->over;
    if (!named) TRY(find_window(ctx, function->over_name, &named, err));
    struct ast_window window;
    TRY(merge_window(ctx, named, 0, &window, err));

    struct over *over = ARENA_NEW(b->arena, struct over);
    /* FIRST_VALUE and LAST_VALUE leave NULLs out unless told otherwise, with OVER as without, as Flink's do. */
    bool is_edge = strcmp(name, "FIRST_VALUE") == 0 || strcmp(name, "LAST_VALUE") == 0;
    over->ignore_nulls =
        function->null_treatment == AST_NULLS_IGNORE || (is_edge && function->null_treatment == AST_NULLS_DEFAULT);
    over->node = node;
    struct expr **args = NULL;
    int count = 0;
    TRY(bind_aggregate_args(&inner, function, name, &args, &count, err));
    if (function->filter) TRY(filter_argument(&inner, function, name, over->ignore_nulls, &args, &count, err));
    const struct bound_aggregate *aggregate = NULL;
    const struct type *type = NULL;
    if (!is_window_function(name)) {
        TRY(aggregate_bind(b->arena, str_from(name), args, count, function->distinct, place_offset(b, node),
                           place_length(b, node), &aggregate, err));
        aggregate = may_be_empty(b, aggregate);
        type = aggregate->result;
        count = aggregate->arg_count;
    } else {
        if (function->distinct) {
            return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s does not take DISTINCT", name);
        }
        TRY(bind_ranking(ctx, function, name, args, count, &type, err));
        bool is_nth = strcmp(name, "NTH_VALUE") == 0;
        if (window.frame_unit != AST_FRAME_NONE && !is_nth) {
            return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s does not take a window frame", name);
        }
        if (!window.order_by.count && strcmp(name, "ROW_NUMBER") != 0 && !is_nth) {
            return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s needs ORDER BY in its OVER clause", name);
        }
    }
    TRY(bind_window_spec(&inner, &window, over, &args, &count, err));
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_WINDOW, .type = type, .offset = -1, .arg_count = count, .args = args};
    expr->window.name = name;
    expr->window.aggregate = aggregate;
    expr->window.spec = &over->spec;
    *out = expr;
    return STATUS_OK;
}

/* ---- REL_OVER ---- */

bool expr_has_kind(const struct expr *expr, enum expr_kind kind) {
    if (expr->kind == kind) return true;
    for (int i = 0; i < expr->arg_count; i++) {
        if (expr_has_kind(expr->args[i], kind)) return true;
    }
    return false;
}

/* One OVER call and where its result will be. */
struct placed_call {
    struct expr *expr;
    int *args;  /* columns of all of the expr's args */
    int column; /* of the result, -1 before */
};

struct windows {
    struct binder *b;
    struct placed_call *calls;
    int call_count, call_capacity;
    int base;             /* columns of the input */
    struct expr **extras; /* computed behind them */
    int extra_count, extra_capacity;
    const struct rel *rel; /* the last one, while rewriting */
};

static bool same_call(const struct expr *a, const struct expr *b) {
    const struct over *x = (const struct over *)a->window.spec, *y = (const struct over *)b->window.spec;
    return x->ignore_nulls == y->ignore_nulls && same_expr(a, b);
}

static void collect_windows(struct windows *windows, struct expr *expr) {
    if (expr->kind == EXPR_WINDOW) {
        for (int i = 0; i < windows->call_count; i++) {
            if (same_call(windows->calls[i].expr, expr)) return;
        }
        ARENA_RESERVE(windows->b->arena, windows->calls, windows->call_capacity, windows->call_count + 1);
        windows->calls[windows->call_count++] = (struct placed_call){.expr = expr, .column = -1};
        return;
    }
    for (int i = 0; i < expr->arg_count; i++) collect_windows(windows, expr->args[i]);
}

static int input_position(struct windows *windows, struct expr *expr) {
    if (expr->kind == EXPR_COLUMN) return expr->column.index;
    for (int i = 0; i < windows->extra_count; i++) {
        if (same_expr(windows->extras[i], expr)) return windows->base + i;
    }
    ARENA_RESERVE(windows->b->arena, windows->extras, windows->extra_capacity, windows->extra_count + 1);
    windows->extras[windows->extra_count++] = expr;
    return windows->base + windows->extra_count - 1;
}

static struct rel *project_extras(struct windows *windows, struct rel *rel) {
    struct binder *b = windows->b;
    int count = windows->base + windows->extra_count;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count);
    const char **names = ARENA_ARRAY(b->arena, const char *, count);
    for (int i = 0; i < windows->base; i++) {
        exprs[i] = column_of(b, rel, i);
        names[i] = rel->schema.names[i];
    }
    for (int i = 0; i < windows->extra_count; i++) {
        exprs[windows->base + i] = windows->extras[i];
        names[windows->base + i] = arena_printf(b->arena, "$w%d", i);
    }
    return project(b, rel, count, exprs, names);
}

static bool same_spec(const struct placed_call *a, const struct placed_call *b) {
    const struct window_spec *x = a->expr->window.spec, *y = b->expr->window.spec;
    struct expr bare_a = *a->expr, bare_b = *b->expr; /* compare the windows alone */
    bare_a.args = bare_b.args = NULL;
    bare_a.arg_count = bare_b.arg_count = 0;
    bare_a.window.name = bare_b.window.name = "";
    bare_a.window.aggregate = bare_b.window.aggregate = NULL;
    bare_a.type = bare_b.type;
    if (x->partition_count != y->partition_count || x->order_count != y->order_count) return false;
    const int *p = a->args + over_arg_count(a->expr), *q = b->args + over_arg_count(b->expr);
    for (int i = 0; i < x->partition_count + x->order_count; i++) {
        if (p[i] != q[i]) return false;
    }
    return same_expr(&bare_a, &bare_b);
}

static const struct window_spec *placed_spec(struct binder *b, const struct placed_call *placed) {
    struct window_spec *spec = arena_memdup(b->arena, placed->expr->window.spec, sizeof *spec);
    int *keys = placed->args + over_arg_count(placed->expr);
    struct sort_key *order = arena_memdup(b->arena, spec->order, sizeof *order * (size_t)spec->order_count);
    for (int i = 0; i < spec->order_count; i++) order[i].column = keys[spec->partition_count + i];
    spec->partition = keys;
    spec->order = order;
    return spec;
}

/* One REL_OVER for all calls that share the first unplaced call's window. */
static struct rel *over_node(struct windows *windows, struct rel *rel, int first) {
    struct binder *b = windows->b;
    struct window_call *calls = ARENA_ARRAY(b->arena, struct window_call, windows->call_count);
    int count = 0;
    for (int i = first; i < windows->call_count; i++) {
        struct placed_call *placed = &windows->calls[i];
        if (placed->column >= 0 || !same_spec(&windows->calls[first], placed)) continue;
        const struct expr *expr = placed->expr;
        calls[count] = (struct window_call){.function = expr->window.name,
                                            .aggregate = expr->window.aggregate,
                                            .args = placed->args,
                                            .arg_count = over_arg_count(expr),
                                            .ignore_nulls = ((const struct over *)expr->window.spec)->ignore_nulls,
                                            .type = expr->type,
                                            .name = arena_printf(b->arena, "$over%d", i)};
        placed->column = rel->schema.column_count + count;
        count++;
    }
    return rel_over(b->arena, rel, placed_spec(b, &windows->calls[first]), count, calls);
}

static enum status place_window(void *data, struct expr *expr, int depth, struct expr **out, struct error *err) {
    (void)err;
    struct windows *windows = data;
    if (expr->kind != EXPR_WINDOW || depth > 0) return STATUS_OK;
    for (int i = 0; i < windows->call_count; i++) {
        if (!same_call(windows->calls[i].expr, expr)) continue;
        *out = column_of(windows->b, windows->rel, windows->calls[i].column);
        (*out)->offset = expr->offset;
        (*out)->length = expr->length;
        return STATUS_OK;
    }
    return STATUS_OK;
}

enum status build_windows(struct binder *b, const struct ast_node *node, struct rel **rel, struct expr ***exprs,
                          int count, struct error *err) {
    struct windows windows = {.b = b, .base = (*rel)->schema.column_count};
    for (int i = 0; i < count; i++) {
        if (*exprs[i]) collect_windows(&windows, *exprs[i]);
    }
    if (windows.call_count == 0) return STATUS_OK;
    for (int i = 0; i < windows.call_count; i++) {
        struct placed_call *placed = &windows.calls[i];
        placed->args = ARENA_ARRAY(b->arena, int, placed->expr->arg_count);
        for (int a = 0; a < placed->expr->arg_count; a++) {
            placed->args[a] = input_position(&windows, placed->expr->args[a]);
        }
    }
    if (windows.extra_count) TRY_REL(*rel, b, project_extras(&windows, *rel), node, err);
    for (int i = 0; i < windows.call_count; i++) {
        if (windows.calls[i].column < 0) TRY_REL(*rel, b, over_node(&windows, *rel, i), node, err);
    }
    windows.rel = *rel;
    for (int i = 0; i < count; i++) {
        if (*exprs[i]) TRY(rewrite_expr(b, *exprs[i], 0, place_window, &windows, exprs[i], err));
    }
    return STATUS_OK;
}
