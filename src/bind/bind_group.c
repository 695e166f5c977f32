/* GROUP BY: keys, grouping sets, legacy group windows; building the aggregate. */
#include "bind/bind_private.h"

/* ---- keys ---- */

static int find_key(const struct select *select, const struct expr *expr) {
    for (int i = 0; i < select->key_count; i++) {
        if (same_expr(select->keys[i], expr)) return i;
    }
    return -1;
}

static int add_key(struct binder *b, struct select *select, struct expr *expr) {
    int key = find_key(select, expr);
    if (key >= 0) return key;
    ARENA_RESERVE(b->arena, select->keys, select->key_capacity, select->key_count + 1);
    select->keys[select->key_count] = expr;
    return select->key_count++;
}

/* GROUP BY 2: the second column of the select list; a star counts as the columns that it stands for. *out NULL: node is no number. */
static enum status bind_position(const struct context *ctx, const struct select *select, const struct ast_node *node,
                                 struct expr **out, struct error *err) {
    const struct ast_list *items = &select->ast->items;
    int *counts = ARENA_ARRAY(ctx->b->arena, int, items->count), count = 0, position;
    struct select *stars = ARENA_ARRAY(ctx->b->arena, struct select, items->count);
    for (int i = 0; i < items->count; i++) {
        const struct ast_node *item = AST_AT(*items, i, ast_select_item)->expr;
        counts[i] = 1;
        if (item->kind == AST_STAR) {
            stars[i].ast = select->ast;
            TRY(expand_star(ctx, &stars[i], (const struct ast_star *)item, err));
            counts[i] = stars[i].item_count;
        }
        count += counts[i];
    }
    TRY(bind_ordinal(ctx->b, node, "GROUP BY", count, &position, err));
    if (!position) return STATUS_OK;
    int item = 0;
    while (position > counts[item]) position -= counts[item++];
    if (stars[item].ast) {
        *out = stars[item].items[position - 1].expr;
        return STATUS_OK;
    }
    return bind_expr(ctx, AST_AT(*items, item, ast_select_item)->expr, out, err);
}

/* The key that a position in the select list or a name given there stands for; NULL when it is neither. Columns of FROM hide
 * names of the select list. */
static enum status bind_listed_key(const struct context *ctx, const struct select *select, const struct ast_node *node,
                                   struct expr **out, struct error *err) {
    *out = NULL;
    if (node->kind == AST_LITERAL) return bind_position(ctx, select, node, out, err);
    if (node->kind != AST_COLUMN_REF) return STATUS_OK;
    const struct ast_name *name = ((const struct ast_column_ref *)node)->name;
    if (name->count != 1 || scope_find(ctx->scope, name->parts[0].text) != -1) return STATUS_OK;
    for (int i = 0; i < select->ast->items.count; i++) {
        struct expr *expr;
        const struct ast_select_item *item = AST_AT(select->ast->items, i, ast_select_item);
        if (!item->alias || strcmp(item->alias->text, name->parts[0].text) != 0) continue;
        TRY(bind_expr(ctx, item->expr, &expr, err));
        if (*out && !same_expr(*out, expr))
            return bind_error(ctx->b, err, STATUS_AMBIGUOUS_NAME, node, "column '%s' is ambiguous", item->alias->text);
        *out = expr;
    }
    return STATUS_OK;
}

static enum status bind_key(const struct context *ctx, struct select *select, const struct ast_node *node, int *key,
                            struct error *err) {
    struct expr *expr;
    TRY(bind_listed_key(ctx, select, node, &expr, err));
    if (!expr) TRY(bind_expr(ctx, node, &expr, err));
    if (expr->type->id == TYPE_NULL || expr->type->id == TYPE_MAP || expr->type->id == TYPE_MULTISET) {
        return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, node, "cannot group by a value of type %s",
                          type_to_string(ctx->b->arena, expr->type));
    }
    *key = add_key(ctx->b, select, expr);
    return STATUS_OK;
}

/* ---- grouping sets: lists of bit masks over keys ---- */

struct sets {
    uint64_t *masks;
    int count, capacity;
};

static enum status sets_add(const struct context *ctx, struct sets *sets, uint64_t mask, const struct ast_node *node,
                            struct error *err) {
    if (sets->count >= BIND_MAX_GROUPING_SETS) {
        return bind_error(ctx->b, err, STATUS_LIMIT_EXCEEDED, node, "more than %d grouping sets",
                          BIND_MAX_GROUPING_SETS);
    }
    ARENA_RESERVE(ctx->b->arena, sets->masks, sets->capacity, sets->count + 1);
    sets->masks[sets->count++] = mask;
    return STATUS_OK;
}

/* One expression or (a, b) as one mask. */
static enum status bind_set_mask(const struct context *ctx, struct select *select, const struct ast_node *node,
                                 uint64_t *mask, struct error *err) {
    if (node->kind == AST_GROUPING) {
        const struct ast_grouping *grouping = (const struct ast_grouping *)node;
        if (grouping->grouping_kind != AST_GROUPING_SET) {
            return not_supported(ctx->b, err, node, "ROLLUP, CUBE or GROUPING SETS inside ROLLUP or CUBE");
        }
        for (int i = 0; i < grouping->elements.count; i++) {
            TRY(bind_set_mask(ctx, select, grouping->elements.items[i], mask, err));
        }
        return STATUS_OK;
    }
    int key;
    TRY(bind_key(ctx, select, node, &key, err));
    if (key >= BIND_MAX_GROUPING_KEYS) {
        return bind_error(ctx->b, err, STATUS_LIMIT_EXCEEDED, node, "more than %d keys in grouping sets",
                          BIND_MAX_GROUPING_KEYS);
    }
    *mask |= UINT64_C(1) << key;
    return STATUS_OK;
}

static enum status bind_rollup(const struct context *ctx, struct select *select, const struct ast_grouping *grouping,
                               struct sets *sets, struct error *err) {
    int count = grouping->elements.count;
    const struct ast_node *node = &grouping->node;
    uint64_t *masks = ARENA_ARRAY(ctx->b->arena, uint64_t, count);
    for (int i = 0; i < count; i++) TRY(bind_set_mask(ctx, select, grouping->elements.items[i], &masks[i], err));
    for (int i = 1; i < count; i++) masks[i] |= masks[i - 1];
    for (int i = count - 1; i >= 0; i--) TRY(sets_add(ctx, sets, masks[i], node, err));
    return sets_add(ctx, sets, 0, node, err);
}

static enum status bind_cube(const struct context *ctx, struct select *select, const struct ast_grouping *grouping,
                             struct sets *sets, struct error *err) {
    int count = grouping->elements.count;
    const struct ast_node *node = &grouping->node;
    if (count > 12) {
        return bind_error(ctx->b, err, STATUS_LIMIT_EXCEEDED, node,
                          "CUBE of %d elements makes more than %d grouping sets", count, BIND_MAX_GROUPING_SETS);
    }
    uint64_t *masks = ARENA_ARRAY(ctx->b->arena, uint64_t, count);
    for (int i = 0; i < count; i++) TRY(bind_set_mask(ctx, select, grouping->elements.items[i], &masks[i], err));
    for (int pick = (1 << count) - 1; pick >= 0; pick--) {
        uint64_t mask = 0;
        for (int i = 0; i < count; i++) {
            if (pick >> (count - 1 - i) & 1) mask |= masks[i];
        }
        TRY(sets_add(ctx, sets, mask, node, err));
    }
    return STATUS_OK;
}

/* The sets that one element of GROUP BY or GROUPING SETS stands for. */
static enum status bind_element_sets(const struct context *ctx, struct select *select, const struct ast_node *node,
                                     struct sets *sets, struct error *err) {
    const struct ast_grouping *grouping = (const struct ast_grouping *)node;
    if (node->kind == AST_GROUPING && grouping->grouping_kind == AST_GROUPING_ROLLUP) {
        return bind_rollup(ctx, select, grouping, sets, err);
    }
    if (node->kind == AST_GROUPING && grouping->grouping_kind == AST_GROUPING_CUBE) {
        return bind_cube(ctx, select, grouping, sets, err);
    }
    if (node->kind == AST_GROUPING && grouping->grouping_kind == AST_GROUPING_SETS) {
        for (int i = 0; i < grouping->elements.count; i++) {
            TRY(binder_enter(ctx->b, node, err));
            enum status status = bind_element_sets(ctx, select, grouping->elements.items[i], sets, err);
            binder_leave(ctx->b);
            if (status != STATUS_OK) return status;
        }
        return STATUS_OK;
    }
    uint64_t mask = 0;
    TRY(bind_set_mask(ctx, select, node, &mask, err));
    return sets_add(ctx, sets, mask, node, err);
}

/* GROUP BY a, ROLLUP(b, c): every set of one element joined with every set of the others. */
static enum status multiply_sets(const struct context *ctx, struct sets *total, const struct sets *more,
                                 const struct ast_node *node, struct error *err) {
    struct sets product = {0};
    for (int i = 0; i < total->count; i++) {
        for (int j = 0; j < more->count; j++) {
            TRY(sets_add(ctx, &product, total->masks[i] | more->masks[j], node, err));
        }
    }
    *total = product;
    return STATUS_OK;
}

static void remove_double_sets(struct sets *sets) {
    int kept = 0;
    for (int i = 0; i < sets->count; i++) {
        bool seen = false;
        for (int j = 0; j < kept && !seen; j++) seen = sets->masks[j] == sets->masks[i];
        if (!seen) sets->masks[kept++] = sets->masks[i];
    }
    sets->count = kept;
}

/* Columns may be NULL in rows of sets that lack them: everything bound from here on must see them so. */
static void make_columns_nullable(struct binder *b, struct scope *scope) {
    const struct type **types = ARENA_ARRAY(b->arena, const struct type *, scope->type_count);
    for (int i = 0; i < scope->type_count; i++) types[i] = type_with_nullable(b->arena, scope->types[i], true);
    scope->types = types;
}

static enum status bind_grouping_sets(const struct context *ctx, struct select *select, struct error *err) {
    const struct ast_list *group_by = &select->ast->group_by;
    make_columns_nullable(ctx->b, ctx->scope);
    struct sets total = {0};
    TRY(sets_add(ctx, &total, 0, &select->ast->node, err));
    for (int i = 0; i < group_by->count; i++) {
        struct sets sets = {0};
        TRY(bind_element_sets(ctx, select, group_by->items[i], &sets, err));
        TRY(multiply_sets(ctx, &total, &sets, group_by->items[i], err));
    }
    if (select->ast->group_distinct) remove_double_sets(&total);
    select->sets = total.masks;
    select->set_count = total.count;
    for (int s = 0; s < total.count; s++) { /* its id must fit a BIGINT */
        if (grouping_set_copy(total.masks, s) < INT64_C(1) << (BIND_MAX_GROUPING_KEYS - select->key_count)) continue;
        return bind_error(ctx->b, err, STATUS_LIMIT_EXCEEDED, &select->ast->node,
                          "too many keys for grouping sets that are there several times");
    }
    return STATUS_OK;
}

static bool is_plain(const struct ast_node *node) {
    const struct ast_grouping *grouping = (const struct ast_grouping *)node;
    return node->kind != AST_GROUPING || grouping->grouping_kind == AST_GROUPING_SET;
}

/* (a, b) groups as a, b does. */
static enum status bind_plain_keys(const struct context *ctx, struct select *select, const struct ast_list *list,
                                   struct error *err) {
    for (int i = 0; i < list->count; i++) {
        const struct ast_node *node = list->items[i];
        if (node->kind == AST_GROUPING) {
            TRY(bind_plain_keys(ctx, select, &((const struct ast_grouping *)node)->elements, err));
            continue;
        }
        int key;
        TRY(bind_key(ctx, select, node, &key, err));
    }
    return STATUS_OK;
}

/* ---- legacy group windows: GROUP BY TUMBLE(ts, INTERVAL …), k ---- */

static const struct ast_function *as_group_window(const struct context *ctx, const struct ast_node *node,
                                                  enum window_kind *kind) {
    if (node->kind != AST_FUNCTION) return NULL;
    const struct ast_function *function = (const struct ast_function *)node;
    if (function->name->count != 1 || function->over || function->over_name) return NULL;
    if (!is_window_tvf(upper_name(ctx->b, function->name->parts[0].text), kind)) return NULL;
    if (*kind == WINDOW_CUMULATE) return NULL;
    return function;
}

/* TUMBLE(ts, size), HOP(ts, slide, size), SESSION(ts, gap) without the input: time column and lengths. */
static enum status bind_window_args(const struct context *ctx, const struct ast_function *function, const char *name,
                                    enum window_kind kind, struct window_params *params, struct error *err) {
    struct binder *b = ctx->b;
    int wanted = kind == WINDOW_HOP ? 3 : 2;
    if (function->args.count != wanted) {
        enum status status =
            bind_error(b, err, STATUS_INVALID_QUERY, &function->node, "%s of GROUP BY takes %d arguments, not %d", name,
                       wanted, function->args.count);
        error_hint(err, kind == WINDOW_HOP ? "HOP(time_column, slide, size)" : "%s(time_column, interval)", name);
        return status;
    }
    struct context inner = *ctx;
    inner.aggregates = inner.windows = false;
    inner.aliases = ALIASES_HIDDEN;
    struct expr *time;
    TRY(bind_expr(&inner, function->args.items[0], &time, err));
    if (time->kind != EXPR_COLUMN) {
        return bind_error(b, err, STATUS_INVALID_QUERY, function->args.items[0],
                          "the first argument of %s must be a time column", name);
    }
    *params = (struct window_params){.kind = kind, .time_column = time->column.index};
    if (kind == WINDOW_SESSION)
        return bind_interval_ms(b, function->args.items[1], "the gap", false, &params->gap_ms, err);
    if (kind == WINDOW_HOP) {
        TRY(bind_interval_ms(b, function->args.items[1], "the slide", false, &params->slide_ms, err));
        return bind_interval_ms(b, function->args.items[2], "the window size", false, &params->size_ms, err);
    }
    return bind_interval_ms(b, function->args.items[1], "the window size", false, &params->size_ms, err);
}

/* Sessions are made per key: the other group keys must be columns of the window's input. */
static enum status partition_sessions(const struct context *ctx, struct select *select, struct rel **rel,
                                      struct window_params *params, struct error *err) {
    struct binder *b = ctx->b;
    int base = (*rel)->schema.column_count, count = base;
    int *partition = ARENA_ARRAY(b->arena, int, select->key_count);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, base + select->key_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, base + select->key_count);
    for (int i = 0; i < base; i++) {
        exprs[i] = column_of(b, *rel, i);
        names[i] = (*rel)->schema.names[i];
    }
    for (int i = 0; i < select->key_count; i++) {
        if (select->keys[i]->kind == EXPR_COLUMN) {
            partition[i] = select->keys[i]->column.index;
            continue;
        }
        partition[i] = count;
        exprs[count] = select->keys[i];
        names[count++] = arena_printf(b->arena, "$s%d", i);
    }
    if (count > base) TRY_REL(*rel, b, project(b, *rel, count, exprs, names), &select->ast->node, err);
    params->partition_count = select->key_count;
    params->partition = partition;
    return STATUS_OK;
}

static enum status add_group_window(const struct context *ctx, struct select *select,
                                    const struct ast_function *function, enum window_kind kind, struct rel **rel,
                                    struct error *err) {
    struct binder *b = ctx->b;
    struct scope *scope = ctx->scope;
    if (select->group_windows) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &function->node, "GROUP BY takes one window only");
    }
    const char *name = upper_name(b, function->name->parts[0].text);
    struct group_window *window = ARENA_NEW(b->arena, struct group_window);
    window->kind = kind;
    TRY(bind_window_args(ctx, function, name, kind, &window->params, err));
    int time = window->params.time_column;
    TRY(check_window_params(b, &function->node, function->args.items[0], scope->types[time],
                            scope->properties[time].time, &window->params, err));
    if (kind == WINDOW_SESSION) TRY(partition_sessions(ctx, select, rel, &window->params, err));
    TRY_REL(*rel, b, rel_window_tvf(b->arena, *rel, &window->params), &function->node, err);
    scope_set_rel(scope, *rel);
    window->time = (*rel)->schema.column_count - 1;
    window->end = window->time - 1;
    window->start = window->time - 2;
    select->group_windows = window;
    add_key(b, select, column_of(b, *rel, window->start));
    add_key(b, select, column_of(b, *rel, window->end));
    return STATUS_OK;
}

/* Splits GROUP BY into the window and the rest. */
static enum status bind_windowed_group(const struct context *ctx, struct select *select, struct rel **rel, bool *done,
                                       struct error *err) {
    const struct ast_list *group_by = &select->ast->group_by;
    struct ast_list rest = {.items = ARENA_ARRAY(ctx->b->arena, struct ast_node *, group_by->count)};
    enum window_kind kind;
    int windows = 0;
    bool plain = true;
    for (int i = 0; i < group_by->count; i++) {
        if (as_group_window(ctx, group_by->items[i], &kind))
            windows++;
        else
            rest.items[rest.count++] = group_by->items[i];
        plain &= is_plain(group_by->items[i]);
    }
    *done = windows > 0;
    if (!windows) return STATUS_OK;
    if (!plain) return not_supported(ctx->b, err, &select->ast->node, "a group window together with grouping sets");
    TRY(bind_plain_keys(ctx, select, &rest, err));
    for (int i = 0; i < group_by->count; i++) {
        const struct ast_function *function = as_group_window(ctx, group_by->items[i], &kind);
        if (function) TRY(add_group_window(ctx, select, function, kind, rel, err));
    }
    return STATUS_OK;
}

enum status bind_group_by(const struct context *ctx, struct select *select, struct rel **rel, struct error *err) {
    if (!select->ast->grouped || select->ast->group_by_all) return STATUS_OK;
    bool done;
    TRY(bind_windowed_group(ctx, select, rel, &done, err));
    if (done) return STATUS_OK;
    const struct ast_list *group_by = &select->ast->group_by;
    bool plain = true;
    for (int i = 0; i < group_by->count; i++) plain &= is_plain(group_by->items[i]);
    if (plain) return bind_plain_keys(ctx, select, group_by, err);
    return bind_grouping_sets(ctx, select, err);
}

/* TUMBLE_START and kin. */
static bool group_window_part(const char *name, enum window_kind *kind, const char **part) {
    static const char *const kinds[] = {
        [WINDOW_TUMBLE] = "TUMBLE_", [WINDOW_HOP] = "HOP_", [WINDOW_SESSION] = "SESSION_"};
    static const char *const parts[] = {"START", "END", "ROWTIME", "PROCTIME"};
    for (int k = WINDOW_TUMBLE; k <= WINDOW_SESSION; k++) {
        if (!kinds[k] || strncmp(name, kinds[k], strlen(kinds[k])) != 0) continue;
        for (int p = 0; p < 4; p++) {
            if (strcmp(name + strlen(kinds[k]), parts[p]) != 0) continue;
            *kind = (enum window_kind)k;
            *part = parts[p];
            return true;
        }
    }
    return false;
}

enum status bind_group_window_function(const struct context *ctx, const struct ast_function *function, const char *name,
                                       struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    enum window_kind kind;
    const char *part;
    if (!group_window_part(name, &kind, &part)) return STATUS_OK;
    struct group_window *window = ctx->select ? ctx->select->group_windows : NULL;
    if (!window || window->kind != kind) {
        enum status status =
            bind_error(b, err, STATUS_INVALID_QUERY, &function->node, "%s needs the same window in GROUP BY", name);
        error_hint(err, "GROUP BY %.*s(time_column, ...)", (int)(strrchr(name, '_') - name), name);
        return status;
    }
    struct window_params params;
    TRY(bind_window_args(ctx, function, name, kind, &params, err));
    const struct window_params *own = &window->params;
    if (params.time_column != own->time_column || params.size_ms != own->size_ms || params.slide_ms != own->slide_ms ||
        params.gap_ms != own->gap_ms) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &function->node,
                          "the arguments of %s are not those of the window in GROUP BY", name);
    }
    int column = window->time;
    if (strcmp(part, "START") == 0)
        column = window->start;
    else if (strcmp(part, "END") == 0)
        column = window->end;
    *out = expr_column(b->arena, column, ctx->scope->types[column]);
    if (column != window->time) return STATUS_OK;
    enum time_attribute wanted = strcmp(part, "ROWTIME") == 0 ? TIME_ROWTIME : TIME_PROCTIME;
    if (own->time != wanted && (own->time != TIME_NONE || wanted == TIME_PROCTIME)) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &function->node, "the window is on %s time",
                          own->time == TIME_PROCTIME ? "processing" : "event");
    }
    if (!window->time_used) add_key(b, ctx->select, *out);
    window->time_used = true;
    return STATUS_OK;
}

/* ---- GROUPING, GROUPING_ID ---- */

static struct expr *bigint_constant(struct binder *b, int64_t i64) {
    struct value value = value_i64(type_with_nullable(b->arena, type_of(TYPE_BIGINT), false), i64);
    return expr_const(b->arena, &value);
}

enum status bind_grouping_function(const struct context *ctx, const struct ast_function *function, const char *name,
                                   struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    struct select *select = ctx->select;
    const struct ast_node *node = &function->node;
    bool group_id = strcmp(name, "GROUP_ID") == 0;
    if (!ctx->aggregates || !select || !select->ast->grouped || select->ast->group_by_all) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s is only allowed in a query with GROUP BY", name);
    }
    if (group_id ? function->args.count != 0 : function->args.count == 0) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node,
                          group_id ? "%s takes no arguments" : "%s needs group keys as arguments", name);
    }
    int *keys = ARENA_ARRAY(b->arena, int, function->args.count);
    for (int i = 0; i < function->args.count; i++) {
        struct context inner = *ctx;
        inner.aggregates = inner.windows = false;
        struct expr *arg;
        TRY(bind_expr(&inner, function->args.items[i], &arg, err));
        keys[i] = find_key(select, arg);
        if (keys[i] < 0) {
            return bind_error(b, err, STATUS_INVALID_QUERY, function->args.items[i],
                              "an argument of %s must be a GROUP BY expression", name);
        }
    }
    select->aggregated = true;
    *out = bigint_constant(b, 0);
    if (!select->set_count) return STATUS_OK;
    /* CASE over the sets for which it is not 0 */
    struct expr **args = ARENA_ARRAY(b->arena, struct expr *, 2 * select->set_count + 1);
    int arg_count = 0;
    for (int s = 0; s < select->set_count; s++) {
        int64_t value = group_id ? grouping_set_copy(select->sets, s) : 0;
        for (int i = 0; i < function->args.count; i++) value = value * 2 + !(select->sets[s] >> keys[i] & 1);
        if (value == 0) continue;
        const struct type *type = type_with_nullable(b->arena, type_of(TYPE_BIGINT), false);
        struct expr **pair = ARENA_ARRAY(b->arena, struct expr *, 2);
        pair[0] = expr_column(b->arena, GROUPING_ID_POSITION, type);
        pair[1] = bigint_constant(b, grouping_set_id(select->sets, s, select->key_count));
        TRY(call(ctx, "=", pair, 2, node, &args[arg_count++], err));
        args[arg_count++] = bigint_constant(b, value);
    }
    args[arg_count++] = *out;
    if (arg_count == 1) return STATUS_OK;
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_CASE, .type = args[1]->type, .offset = -1, .arg_count = arg_count, .args = args};
    *out = expr;
    return STATUS_OK;
}

struct expr *nullable_key(const struct context *ctx, struct expr *expr) {
    const struct select *select = ctx->select;
    if (!ctx->aggregates || !select || !select->set_count || expr->type->nullable) return expr;
    int key = find_key(select, expr);
    if (key < 0) return expr;
    for (int i = 0; i < select->set_count; i++) {
        if (select->sets[i] >> key & 1) continue;
        return expr_cast(ctx->b->arena, expr, type_with_nullable(ctx->b->arena, expr->type, true), false);
    }
    return expr;
}

/* ---- building the aggregate ---- */

struct aggregation {
    struct binder *b;
    struct select *select;
    struct expr **calls; /* EXPR_AGGREGATE */
    int call_count, call_capacity;
    struct expr **inputs; /* columns that the aggregate reads: keys, arguments, filters */
    int input_count, input_capacity;
    const struct rel *rel; /* the aggregate, while rewriting */
};

static void collect_aggregates(struct aggregation *aggregation, struct expr *expr) {
    if (expr->kind == EXPR_AGGREGATE) {
        for (int i = 0; i < aggregation->call_count; i++) {
            if (same_expr(aggregation->calls[i], expr)) return;
        }
        ARENA_RESERVE(aggregation->b->arena, aggregation->calls, aggregation->call_capacity,
                      aggregation->call_count + 1);
        aggregation->calls[aggregation->call_count++] = expr;
        return;
    }
    for (int i = 0; i < expr->arg_count; i++) collect_aggregates(aggregation, expr->args[i]);
}

static int add_input(struct aggregation *aggregation, struct expr *expr) {
    for (int i = 0; i < aggregation->input_count; i++) {
        if (same_expr(aggregation->inputs[i], expr)) return i;
    }
    ARENA_RESERVE(aggregation->b->arena, aggregation->inputs, aggregation->input_capacity,
                  aggregation->input_count + 1);
    aggregation->inputs[aggregation->input_count] = expr;
    return aggregation->input_count++;
}

/* The name that the select list gives to the expression, else NULL. */
static const char *item_name(const struct select *select, const struct expr *expr) {
    for (int i = 0; i < select->item_count; i++) {
        if (select->items[i].aliased && same_expr(select->items[i].expr, expr)) return select->items[i].name;
    }
    return NULL;
}

static bool all_columns(const struct aggregation *aggregation) {
    for (int i = 0; i < aggregation->input_count; i++) {
        if (aggregation->inputs[i]->kind != EXPR_COLUMN) return false;
    }
    return true;
}

/* Makes the inputs columns of *rel; positions[i] is where inputs[i] is. */
static enum status project_inputs(struct aggregation *aggregation, struct rel **rel, int *positions,
                                  struct error *err) {
    struct binder *b = aggregation->b;
    if (all_columns(aggregation)) {
        for (int i = 0; i < aggregation->input_count; i++) positions[i] = aggregation->inputs[i]->column.index;
        return STATUS_OK;
    }
    const char **names = ARENA_ARRAY(b->arena, const char *, aggregation->input_count);
    for (int i = 0; i < aggregation->input_count; i++) {
        const struct expr *expr = aggregation->inputs[i];
        positions[i] = i;
        names[i] =
            expr->kind == EXPR_COLUMN ? (*rel)->schema.names[expr->column.index] : item_name(aggregation->select, expr);
        if (!names[i]) names[i] = arena_printf(b->arena, "$f%d", i);
    }
    TRY_REL(*rel, b, project(b, *rel, aggregation->input_count, aggregation->inputs, names),
            &aggregation->select->ast->node, err);
    return STATUS_OK;
}

static enum status not_grouped(struct aggregation *aggregation, const struct expr *expr, int index, struct error *err) {
    const char *name = scope_column_name(aggregation->b, aggregation->select->scope, index);
    enum status status = error_set_at(err, STATUS_INVALID_QUERY, expr->offset, expr->length,
                                      "column '%s' must appear in GROUP BY or inside an aggregate function", name);
    if (!aggregation->select->ast->grouped) {
        error_hint(err, "the query has an aggregate function or HAVING, and no GROUP BY");
    }
    return status;
}

static struct expr *output_column(struct aggregation *aggregation, const struct expr *from, int column) {
    struct expr *expr = column_of(aggregation->b, aggregation->rel, column);
    expr->offset = from->offset;
    expr->length = from->length;
    return expr;
}

static int call_position(const struct aggregation *aggregation, const struct expr *expr) {
    for (int i = 0; i < aggregation->call_count; i++) {
        if (same_expr(aggregation->calls[i], expr)) return aggregation->select->key_count + i;
    }
    return -1;
}

/* The aggregate's column for a column of its input, or for an aggregate that stands in a subquery; -1 none. */
static int outer_position(const struct aggregation *aggregation, const struct expr *outer) {
    const struct select *select = aggregation->select;
    if (outer->outer.is_call)
        return call_position(aggregation, select->outer_calls[outer->outer.index - OUTER_CALL_POSITION]);
    for (int i = 0; i < select->key_count; i++) {
        const struct expr *key = select->keys[i];
        if (key->kind == EXPR_COLUMN && key->column.index == outer->outer.index) return i;
    }
    return -1;
}

/* Inside subqueries: references to the aggregate's input become references to its keys and calls. */
static enum status place_outer(struct aggregation *aggregation, struct expr *expr, int depth, struct expr **out,
                               struct error *err) {
    if (expr->kind != EXPR_OUTER || expr->outer.level != depth) return STATUS_OK;
    int position = outer_position(aggregation, expr);
    if (position < 0) return not_grouped(aggregation, expr, expr->outer.index, err);
    *out = arena_memdup(aggregation->b->arena, expr, sizeof *expr);
    (*out)->outer.index = position;
    (*out)->type = aggregation->rel->schema.types[position];
    return STATUS_OK;
}

static enum status find_outer_call(void *data, struct expr *expr, int depth, struct expr **out, struct error *err) {
    (void)out, (void)err;
    if (expr->kind == EXPR_OUTER && expr->outer.level == depth && expr->outer.is_call) *(bool *)data = true;
    return STATUS_OK;
}

bool has_outer_call(struct binder *b, struct expr *expr) {
    bool found = false;
    enum status status = rewrite_expr(b, expr, 0, find_outer_call, &found, &expr, NULL);
    (void)status; /* find_outer_call never fails */
    return found;
}

static enum status place_aggregate(void *data, struct expr *expr, int depth, struct expr **out, struct error *err) {
    struct aggregation *aggregation = data;
    if (depth > 0) return place_outer(aggregation, expr, depth, out, err);
    int key_count = aggregation->select->key_count;
    /* what nullable_key has wrapped needs no cast any more */
    bool wrapped = expr->kind == EXPR_CAST && type_equal_but_nullable(expr->type, expr->args[0]->type);
    int key = find_key(aggregation->select, wrapped ? expr->args[0] : expr);
    if (key >= 0) {
        *out = output_column(aggregation, expr, key);
        return STATUS_OK;
    }
    int position = expr->kind == EXPR_AGGREGATE ? call_position(aggregation, expr) : -1;
    if (position >= 0) {
        *out = output_column(aggregation, expr, position);
        return STATUS_OK;
    }
    if (expr->kind != EXPR_COLUMN) return STATUS_OK;
    if (expr->column.index == GROUPING_ID_POSITION) {
        *out = output_column(aggregation, expr, key_count + aggregation->call_count);
        return STATUS_OK;
    }
    return not_grouped(aggregation, expr, expr->column.index, err);
}

static void make_calls(struct aggregation *aggregation, const int *positions, struct aggregate_call *calls) {
    struct binder *b = aggregation->b;
    for (int i = 0; i < aggregation->call_count; i++) {
        const struct expr *expr = aggregation->calls[i];
        int *args = ARENA_ARRAY(b->arena, int, expr->arg_count);
        for (int a = 0; a < expr->arg_count; a++) args[a] = positions[add_input(aggregation, expr->args[a])];
        const char *name = item_name(aggregation->select, expr);
        struct expr *condition = expr->aggregate.filter;
        calls[i] = (struct aggregate_call){.function = expr->aggregate.function,
                                           .args = args,
                                           .filter = condition ? positions[add_input(aggregation, condition)] : -1,
                                           .name = name ? name : arena_printf(b->arena, "$agg%d", i)};
    }
}

/* GROUP BY () without aggregates: one row, but no relation is without columns. */
static enum status count_rows(struct aggregation *aggregation, struct error *err) {
    struct binder *b = aggregation->b;
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    expr->kind = EXPR_AGGREGATE;
    expr->offset = -1;
    TRY(aggregate_bind(b->arena, str_from("COUNT"), NULL, 0, false, -1, 0, &expr->aggregate.function, err));
    expr->type = expr->aggregate.function->result;
    collect_aggregates(aggregation, expr);
    return STATUS_OK;
}

enum status build_aggregate(struct binder *b, struct select *select, struct rel **rel, struct expr ***exprs, int count,
                            struct error *err) {
    struct aggregation aggregation = {.b = b, .select = select};
    for (int i = 0; i < count; i++) {
        if (*exprs[i]) collect_aggregates(&aggregation, *exprs[i]);
    }
    for (int i = 0; i < select->outer_call_count; i++) collect_aggregates(&aggregation, select->outer_calls[i]);
    if (select->key_count == 0 && aggregation.call_count == 0) TRY(count_rows(&aggregation, err));
    int *key_inputs = ARENA_ARRAY(b->arena, int, select->key_count);
    for (int i = 0; i < select->key_count; i++) key_inputs[i] = add_input(&aggregation, select->keys[i]);
    for (int i = 0; i < aggregation.call_count; i++) {
        const struct expr *expr = aggregation.calls[i];
        for (int a = 0; a < expr->arg_count; a++) add_input(&aggregation, expr->args[a]);
        if (expr->aggregate.filter) add_input(&aggregation, expr->aggregate.filter);
    }
    int *positions = ARENA_ARRAY(b->arena, int, aggregation.input_count);
    TRY(project_inputs(&aggregation, rel, positions, err));
    int *keys = ARENA_ARRAY(b->arena, int, select->key_count);
    for (int i = 0; i < select->key_count; i++) keys[i] = positions[key_inputs[i]];
    struct aggregate_call *calls = ARENA_ARRAY(b->arena, struct aggregate_call, aggregation.call_count);
    make_calls(&aggregation, positions, calls);
    TRY_REL(*rel, b,
            rel_aggregate_sets(b->arena, *rel, select->key_count, keys, aggregation.call_count, calls,
                               select->set_count, select->sets),
            &select->ast->node, err);
    aggregation.rel = *rel;
    for (int i = 0; i < count; i++) {
        if (*exprs[i]) TRY(rewrite_expr(b, *exprs[i], 0, place_aggregate, &aggregation, exprs[i], err));
    }
    return STATUS_OK;
}
