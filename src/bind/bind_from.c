/* FROM: tables, views, WITH names, derived tables, joins. */
#include "bind/bind_private.h"

/* ---- finding tables ---- */

static enum status ask_catalog(struct binder *b, const char *const *parts, int count, const struct table **table,
                               const char **tried, struct error *err) {
    *table = NULL;
    *tried = NULL;
    return b->env->find_table(b->env->data, parts, count, b->arena, table, tried, err);
}

static enum status table_not_found(struct binder *b, const struct ast_name *name, const char *tried,
                                   struct error *err) {
    const char *text = name_to_string(b, name), *last = name->parts[name->count - 1].text;
    enum status status = bind_error(b, err, STATUS_UNDEFINED_TABLE, &name->node, "table '%s' not found", text);
    if (tried) error_detail(err, "looked for %s", tried);
    int count = 0;
    for (const struct cte *cte = b->ctes; cte; cte = cte->outer) count++;
    const char **names = ARENA_ARRAY(b->arena, const char *, count);
    count = 0;
    for (const struct cte *cte = b->ctes; cte; cte = cte->outer) names[count++] = cte->ast->name->text;
    const char *near = name->count == 1 ? str_nearest(last, names, count) : NULL;
    if (!near && b->env->suggest_table) near = b->env->suggest_table(b->env->data, text, b->arena);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

/* Names in a view's text belong to the catalog and database that the view is in, wherever it is used from. */
static enum status find_for_view(struct binder *b, const struct ast_name *name, const struct table **table,
                                 const char **tried, struct error *err) {
    const struct table *view = b->view;
    const char *parts[3];
    int count = 0;
    if (name->count < 3 && view->catalog) parts[count++] = view->catalog;
    if (name->count < 2 && view->database) parts[count++] = view->database;
    if (count + name->count > 3) count = 3 - name->count;
    for (int i = 0; i < name->count; i++) parts[count++] = name->parts[i].text;
    if (count == name->count) return STATUS_OK;
    return ask_catalog(b, parts, count, table, tried, err);
}

enum status find_table(struct binder *b, const struct ast_name *name, const struct table **out, struct error *err) {
    if (name->count > 3) {
        return bind_error(b, err, STATUS_UNDEFINED_TABLE, &name->node,
                          "'%s' is no table name: it has more than catalog.database.table", name_to_string(b, name));
    }
    const struct table *table = NULL;
    const char *tried = NULL;
    enum status status = STATUS_OK;
    if (b->view) status = find_for_view(b, name, &table, &tried, err);
    if (status == STATUS_OK && !table) {
        const char *parts[3];
        for (int i = 0; i < name->count; i++) parts[i] = name->parts[i].text;
        status = ask_catalog(b, parts, name->count, &table, &tried, err);
    }
    if (status != STATUS_OK) {
        if (err && err->offset < 0) {
            err->offset = place_offset(b, &name->node);
            err->length = place_length(b, &name->node);
        }
        return status;
    }
    if (!table) return table_not_found(b, name, tried, err);
    *out = table;
    return STATUS_OK;
}

/* ---- hints ---- */

/* The list has room for one more. */
static void set_option(struct option_list *options, const char *key, const char *value, int32_t offset) {
    int i = 0;
    while (i < options->count && strcmp(options->keys[i], key) != 0) i++;
    if (i == options->count) options->count++;
    options->keys[i] = key;
    options->values[i] = value;
    options->offsets[i] = offset;
}

enum status apply_option_hints(struct binder *b, const struct table *table, const struct ast_list *hints,
                               const struct table **out, struct error *err) {
    *out = table;
    int added = 0;
    for (int i = 0; i < hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*hints, i, ast_hint);
        if (strcmp(upper_name(b, hint->name->text), "OPTIONS") != 0) continue;
        for (int k = 0; k < hint->args.count; k++) {
            if (hint->args.items[k]->kind == AST_OPTION) continue;
            return bind_error(b, err, STATUS_INVALID_OPTION, hint->args.items[k],
                              "the OPTIONS hint takes 'key' = 'value' pairs");
        }
        if (table->kind == TABLE_VIEW) {
            return bind_error(b, err, STATUS_INVALID_OPTION, &hint->node, "view '%s' takes no OPTIONS hint",
                              table->name);
        }
        added += hint->args.count;
    }
    if (!added) return STATUS_OK;
    struct table *copy = arena_memdup(b->arena, table, sizeof *table);
    const struct option_list *old = &table->options;
    int capacity = old->count + added;
    struct option_list *options = &copy->options;
    *options = (struct option_list){.keys = ARENA_ARRAY(b->arena, const char *, capacity),
                                    .values = ARENA_ARRAY(b->arena, const char *, capacity),
                                    .offsets = ARENA_ARRAY(b->arena, int32_t, capacity)};
    for (int i = 0; i < old->count; i++) {
        set_option(options, old->keys[i], old->values[i], old->offsets ? old->offsets[i] : -1);
    }
    for (int i = 0; i < hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*hints, i, ast_hint);
        if (strcmp(upper_name(b, hint->name->text), "OPTIONS") != 0) continue;
        for (int k = 0; k < hint->args.count; k++) {
            const struct ast_option *option = AST_AT(hint->args, k, ast_option);
            set_option(options, arena_strndup(b->arena, option->key.data, option->key.len),
                       arena_strndup(b->arena, option->value.data, option->value.len),
                       b->stored ? b->place_offset : option->value_offset);
        }
    }
    *out = copy;
    return STATUS_OK;
}

/* ---- stored texts ---- */

/* What changes while a text from a catalog is bound. */
struct saved_state {
    struct cte *ctes;
    const struct table *view;
    bool stored;
    int32_t place_offset, place_length;
};

static struct saved_state enter_stored(struct binder *b, const struct ast_node *node) {
    struct saved_state saved = {b->ctes, b->view, b->stored, b->place_offset, b->place_length};
    if (!b->stored) {
        b->place_offset = node ? node->offset : -1;
        b->place_length = node ? node->length : 0;
        b->stored = true;
    }
    b->ctes = NULL;
    return saved;
}

static void leave_stored(struct binder *b, const struct saved_state *saved) {
    b->ctes = saved->ctes;
    b->view = saved->view;
    b->stored = saved->stored;
    b->place_offset = saved->place_offset;
    b->place_length = saved->place_length;
}

/* An error in a stored text points at the table in the script. */
static void place_stored_error(const struct binder *b, struct error *err) {
    if (!err) return;
    err->offset = b->place_offset;
    err->length = b->place_length;
}

enum status bind_stored_expr(struct binder *b, const char *text, const char *what, const char *name,
                             struct scope *scope, const struct ast_node *node, struct expr **out, struct error *err) {
    struct saved_state saved = enter_stored(b, node);
    struct ast_node *ast;
    enum status status = parse_expression(text, strlen(text), b->arena, &ast, err);
    if (status == STATUS_OK) {
        struct context ctx = {.b = b, .scope = scope, .clause = what, .no_subqueries = true};
        struct expr *expr;
        status = bind_expr(&ctx, ast, &expr, err);
        if (status == STATUS_OK) *out = expr_fold(b->arena, expr);
    }
    if (status != STATUS_OK && err) {
        place_stored_error(b, err);
        error_prefix(err, "%s '%s'", what, name);
    }
    leave_stored(b, &saved);
    return status;
}

/* ---- base tables ---- */

static struct scope *table_scope(struct binder *b, const struct rel *rel, const struct table *table) {
    return scope_of_rel(b, NULL, rel, table->name, NULL);
}

static enum status add_computed_columns(struct binder *b, const struct table *table, const struct ast_node *node,
                                        struct rel **rel, struct error *err) {
    struct scope *scope = table_scope(b, *rel, table);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, table->column_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, table->column_count);
    int position = 0;
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        names[i] = column->name;
        if (column->kind != COLUMN_COMPUTED) {
            exprs[i] = column_of(b, *rel, position++);
            continue;
        }
        TRY(bind_stored_expr(b, column->expression, "computed column", column->name, scope, node, &exprs[i], err));
    }
    TRY_REL(*rel, b, project(b, *rel, table->column_count, exprs, names), node, err);
    return STATUS_OK;
}

enum status bind_base_table(struct binder *b, const struct table *table, const struct ast_node *node, bool watermark,
                            struct rel **out, struct error *err) {
    int *columns = ARENA_ARRAY(b->arena, int, table->column_count), count = 0;
    for (int i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind != COLUMN_COMPUTED) columns[count++] = i;
    }
    struct rel *rel;
    TRY_REL(rel, b, rel_scan(b->arena, table, count, columns), node, err);
    if (count < table->column_count) TRY(add_computed_columns(b, table, node, &rel, err));
    if (watermark && table->watermark_column >= 0) {
        struct expr *expr;
        const char *name = table->columns[table->watermark_column].name;
        TRY(bind_stored_expr(b, table->watermark_expression, "watermark of column", name, table_scope(b, rel, table),
                             node, &expr, err));
        TRY_REL(rel, b, rel_watermark(b->arena, rel, table->watermark_column, expr), node, err);
    }
    *out = rel;
    return STATUS_OK;
}

/* ---- views and WITH ---- */

static enum status rename_columns(struct binder *b, struct rel **rel, const char **names, const struct ast_node *node,
                                  struct error *err) {
    int count = (*rel)->schema.column_count;
    bool same = true;
    for (int i = 0; i < count; i++) same &= strcmp(names[i], (*rel)->schema.names[i]) == 0;
    if (same) return STATUS_OK;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count);
    for (int i = 0; i < count; i++) exprs[i] = column_of(b, *rel, i);
    TRY_REL(*rel, b, rel_project(b->arena, *rel, count, exprs, names), node, err);
    return STATUS_OK;
}

static enum status bind_view_text(struct binder *b, const struct table *view, const struct ast_node *node,
                                  struct query_result *out, struct error *err) {
    struct ast_query *query;
    enum status status = parse_query(view->view_query, strlen(view->view_query), b->arena, &query, err);
    if (status != STATUS_OK) {
        place_stored_error(b, err);
        return status;
    }
    TRY(bind_query_body(b, query, NULL, out, err));
    int count = out->rel->schema.column_count;
    if (view->column_count == 0) return STATUS_OK;
    if (view->column_count != count) {
        enum status mismatch = bind_error(b, err, STATUS_INVALID_QUERY, node,
                                          "it was made with %d columns, its query "
                                          "has %d now",
                                          view->column_count, count);
        error_hint(err, "a table that it reads has changed: create the view again");
        return mismatch;
    }
    const char **names = ARENA_ARRAY(b->arena, const char *, count);
    for (int i = 0; i < count; i++) names[i] = view->columns[i].name;
    TRY(rename_columns(b, &out->rel, names, node, err));
    out->raw_names = NULL;
    return STATUS_OK;
}

static enum status bind_view(struct binder *b, const struct table *view, const struct ast_node *node,
                             struct query_result *out, struct error *err) {
    if (b->view_depth >= BIND_MAX_VIEW_DEPTH) {
        return bind_error(b, err, STATUS_LIMIT_EXCEEDED, node, "views refer to views more than %d levels deep",
                          BIND_MAX_VIEW_DEPTH);
    }
    struct saved_state saved = enter_stored(b, node);
    int subquery_depth = b->subquery_depth;
    b->subquery_depth = 0;
    b->view_depth++;
    b->view = view;
    enum status status = bind_view_text(b, view, node, out, err);
    b->view_depth--;
    b->subquery_depth = subquery_depth;
    leave_stored(b, &saved);
    if (status != STATUS_OK && status != STATUS_LIMIT_EXCEEDED && err) error_prefix(err, "view '%s'", view->name);
    return status;
}

static struct cte *find_cte(struct binder *b, const struct ast_name *name) {
    if (name->count != 1) return NULL;
    for (struct cte *cte = b->ctes; cte; cte = cte->outer) {
        if (strcmp(cte->ast->name->text, name->parts[0].text) == 0) return cte;
    }
    return NULL;
}

static enum status bind_cte(struct binder *b, struct cte *cte, struct scope *parent, const struct ast_node *node,
                            struct query_result *out, struct error *err) {
    struct cte *saved = b->ctes;
    cte->used = true;
    struct query_result result = {0};
    if (cte_is_recursive(cte)) {
        TRY(bind_recursive_cte(b, cte, node, out, err));
        out->rel = rel_shift_outer(b, out->rel, scope_level(parent) - cte->level);
        return STATUS_OK;
    }
    b->ctes = cte->outer;
    enum status status = bind_query_body(b, cte->ast->query, cte->parent, &result, err);
    b->ctes = saved;
    if (status != STATUS_OK) return status;
    /* its correlated columns are further away when it is used further in */
    result.rel = rel_shift_outer(b, result.rel, scope_level(parent) - cte->level);
    const struct ast_list *columns = &cte->ast->columns;
    if (columns->count) {
        int count = result.rel->schema.column_count;
        if (columns->count != count) {
            return bind_error(b, err, STATUS_INVALID_QUERY, &cte->ast->name->node,
                              "'%s' names %d columns, its query has %d", cte->ast->name->text, columns->count, count);
        }
        const char **names = ARENA_ARRAY(b->arena, const char *, count);
        for (int i = 0; i < count; i++) names[i] = AST_AT(*columns, i, ast_ident)->text;
        TRY(rename_columns(b, &result.rel, names, node, err));
        result.raw_names = names;
    }
    *out = result;
    return STATUS_OK;
}

/* What the session says about lookups, where the table says nothing. */
static const struct table *with_lookup_capacity(struct binder *b, const struct table *table) {
    static const char key[] = "lookup.max-in-flight";
    if (!b->env->lookup_capacity || table->kind == TABLE_VIEW || option_find(&table->options, key)) return table;
    struct table *copy = arena_memdup(b->arena, table, sizeof *table);
    copy->options = (struct option_list){0};
    for (int i = 0; i < table->options.count; i++)
        option_add(&copy->options, b->arena, table->options.keys[i], table->options.values[i],
                   table->options.offsets ? table->options.offsets[i] : -1);
    option_add(&copy->options, b->arena, key, b->env->lookup_capacity, -1);
    return copy;
}

enum status bind_table(struct binder *b, const struct ast_name *name, const struct ast_list *hints,
                       struct scope *parent, bool proctime_lookup, struct query_result *out, const struct table **table,
                       struct error *err) {
    const struct ast_node *node = &name->node;
    *table = NULL;
    *out = (struct query_result){0};
    struct cte *cte = find_cte(b, name);
    if (cte && proctime_lookup) return not_supported(b, err, node, "a lookup join with a WITH query");
    if (cte) return bind_cte(b, cte, parent, node, out, err);
    const struct table *found;
    TRY(find_table(b, name, &found, err));
    TRY(apply_option_hints(b, found, hints, &found, err));
    if (proctime_lookup) found = with_lookup_capacity(b, found);
    *table = found;
    if (found->kind == TABLE_VIEW) {
        if (proctime_lookup)
            return not_supported(b, err, node, "a lookup join (FOR SYSTEM_TIME AS OF proctime) with a view");
        return bind_view(b, found, node, out, err);
    }
    return bind_base_table(b, found, node, !proctime_lookup, &out->rel, err);
}

/* ---- aliases ---- */

static enum status rename_scope(struct binder *b, struct scope *scope, const struct ast_alias *alias,
                                struct error *err) {
    const struct ast_list *columns = &alias->columns;
    if (!columns->count) return STATUS_OK;
    if (columns->count != scope->type_count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &alias->name->node,
                          "alias '%s' names %d columns, the table has %d", alias->name->text, columns->count,
                          scope->type_count);
    }
    const char **names = ARENA_ARRAY(b->arena, const char *, columns->count);
    for (int i = 0; i < columns->count; i++) {
        names[i] = AST_AT(*columns, i, ast_ident)->text;
        scope->columns[i].name = scope->columns[i].raw_name = names[i];
    }
    scope->tables->names = scope->tables->raw_names = names;
    return STATUS_OK;
}

enum status alias_scope(struct binder *b, struct scope *parent, const struct query_result *result,
                        const struct ast_alias *alias, const char *name, const struct table *table, struct scope **out,
                        struct error *err) {
    struct scope *scope =
        scope_of_rel(b, parent, result->rel, alias->name ? alias->name->text : name, result->raw_names);
    if (alias->name) {
        scope->tables->hidden_name = name;
    } else if (table) {
        scope->tables->catalog = table->catalog;
        scope->tables->database = table->database;
    }
    TRY(rename_scope(b, scope, alias, err));
    *out = scope;
    return STATUS_OK;
}

/* ---- one table reference ---- */

/* TABLESAMPLE: each row is kept with the given probability, by BERNOULLI and SYSTEM alike. With REPEATABLE the same rows of an
 * unchanged table are kept again. */
static enum status sample_rows(struct binder *b, const struct ast_tablesample *sample, struct query_result *result,
                               struct error *err) {
    if (!sample) return STATUS_OK;
    struct value percent, seed;
    TRY(bind_constant(b, sample->percent, "the percentage of TABLESAMPLE", &percent, err));
    struct context ctx = {.b = b, .clause = "TABLESAMPLE"};
    struct value number;
    TRY(value_cast(b->arena, &percent, type_of(TYPE_DOUBLE), NULL, &number, err));
    double share = number.f64 / 100;
    if (!(share >= 0 && share <= 1)) {
        return bind_error(b, err, STATUS_INVALID_ARGUMENT, sample->percent,
                          "the percentage of TABLESAMPLE must be between 0 and 100");
    }
    struct expr *random, **seeds = ARENA_ARRAY(b->arena, struct expr *, 1),
                         **args = ARENA_ARRAY(b->arena, struct expr *, 2);
    if (sample->seed) {
        TRY(bind_constant(b, sample->seed, "the seed of REPEATABLE", &seed, err));
        struct value folded = value_i64(type_with_nullable(b->arena, type_of(TYPE_INT), false),
                                        (int32_t)(uint32_t)((uint64_t)seed.i64 ^ (uint64_t)seed.i64 >> 32));
        seeds[0] = expr_const(b->arena, &folded);
    }
    TRY(call(&ctx, "RAND", seeds, sample->seed ? 1 : 0, &sample->node, &random, err));
    struct value bound = {.type = type_with_nullable(b->arena, type_of(TYPE_DOUBLE), false), .f64 = share};
    args[0] = random;
    args[1] = expr_const(b->arena, &bound);
    struct expr *condition;
    TRY(call(&ctx, "<", args, 2, &sample->node, &condition, err));
    TRY_REL(result->rel, b, rel_filter(b->arena, result->rel, condition), &sample->node, err);
    return STATUS_OK;
}

static enum status bind_table_name(struct binder *b, const struct ast_table_name *ref, struct scope *parent,
                                   enum temporal_kind temporal, struct rel **rel, struct scope **scope,
                                   struct error *err) {
    struct query_result result;
    const struct table *table;
    const char *name = ref->name->parts[ref->name->count - 1].text;
    const struct ast_list *hints = &ref->hints;
    if (temporal == TEMPORAL_PROCTIME)
        hints = lookup_hints_of(b, hints, name, ref->alias.name ? ref->alias.name->text : NULL);
    TRY(bind_table(b, ref->name, hints, parent, temporal == TEMPORAL_PROCTIME, &result, &table, err));
    TRY(sample_rows(b, ref->tablesample, &result, err));
    TRY(alias_scope(b, parent, &result, &ref->alias, name, table, scope, err));
    *rel = result.rel;
    select_hints_mark(b, *rel, name, ref->alias.name ? ref->alias.name->text : NULL);
    return STATUS_OK;
}

static enum status bind_derived(struct binder *b, const struct ast_derived_table *ref, struct scope *parent,
                                struct scope *left, struct rel **rel, struct scope **scope, struct error *err) {
    struct query_result result;
    bool lateral = ref->lateral && left;
    TRY(bind_query_body(b, ref->query, lateral ? left : parent, &result, err));
    /* without a reference to the left side the join is a plain one, and no level of its own */
    if (lateral && !left->outer_used) result.rel = rel_shift_outer(b, result.rel, -1);
    TRY(sample_rows(b, ref->tablesample, &result, err));
    TRY(alias_scope(b, parent, &result, &ref->alias, NULL, NULL, scope, err));
    *rel = result.rel;
    select_hints_mark(b, *rel, NULL, ref->alias.name ? ref->alias.name->text : NULL);
    return STATUS_OK;
}

static enum status bind_table_function(struct binder *b, const struct ast_table_function *ref, struct scope *parent,
                                       struct rel **rel, struct scope **scope, struct error *err) {
    const struct ast_name *name = ref->call->name;
    enum window_kind kind;
    if (name->count > 1 || !is_window_tvf(upper_name(b, name->parts[0].text), &kind)) {
        enum status status = bind_error(b, err, STATUS_NOT_SUPPORTED, &name->node, "table function %s is not supported",
                                        name_to_string(b, name));
        error_hint(err, "there are TUMBLE, HOP, CUMULATE and SESSION");
        return status;
    }
    struct query_result result;
    TRY(bind_window_tvf(b, ref->call, parent, &result.rel, &result.raw_names, err));
    TRY(alias_scope(b, parent, &result, &ref->alias, NULL, NULL, scope, err));
    *rel = result.rel;
    select_hints_mark(b, *rel, NULL, ref->alias.name ? ref->alias.name->text : NULL);
    return STATUS_OK;
}

/* ---- joins ---- */

/* What a join is made of before its node exists. */
struct join_parts {
    struct rel *left, *right;
    struct scope *left_scope, *right_scope;
    enum join_type type;
    struct expr *condition;
    enum temporal_kind temporal;
    int temporal_column;
};

static enum status join_type_of(struct binder *b, const struct ast_join *join, enum join_type *out, struct error *err) {
    bool conditional = join->on || join->using_columns.count || join->natural;
    switch (join->type) {
    case AST_JOIN_ASOF:
    case AST_JOIN_INNER: *out = JOIN_INNER; break;
    case AST_JOIN_LEFT_ASOF:
    case AST_JOIN_LEFT: *out = JOIN_LEFT; break;
    case AST_JOIN_RIGHT: *out = JOIN_RIGHT; break;
    case AST_JOIN_FULL: *out = JOIN_FULL; break;
    case AST_JOIN_CROSS:
    case AST_JOIN_COMMA: *out = JOIN_INNER; return STATUS_OK;
    }
    if (conditional) return STATUS_OK;
    enum status status =
        bind_error(b, err, STATUS_INVALID_QUERY, &join->node, "%s JOIN needs a condition", join_type_name(*out));
    error_hint(err, "write ON ..., USING (...) or CROSS JOIN");
    return status;
}

/* Which time attribute of the left side AS OF names. */
static enum status bind_system_time(struct binder *b, const struct ast_table_name *ref, struct join_parts *parts,
                                    struct error *err) {
    struct context ctx = {.b = b, .scope = parts->left_scope, .clause = "FOR SYSTEM_TIME AS OF"};
    struct expr *expr;
    TRY(bind_expr(&ctx, ref->system_time, &expr, err));
    enum time_attribute time =
        expr->kind == EXPR_COLUMN ? parts->left_scope->properties[expr->column.index].time : TIME_NONE;
    if (time == TIME_NONE) {
        if (expr_is_constant(expr))
            return not_supported(b, err, ref->system_time, "reading a table as of a fixed time");
        enum status status = bind_error(b, err, STATUS_INVALID_QUERY, ref->system_time,
                                        "FOR SYSTEM_TIME AS OF needs a time attribute of the left table");
        error_hint(err, "declare a column AS PROCTIME(), or a watermark, in the left table");
        return status;
    }
    if (parts->type != JOIN_INNER && parts->type != JOIN_LEFT) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &ref->node,
                          "a temporal join is an INNER or LEFT JOIN, not a %s JOIN", join_type_name(parts->type));
    }
    parts->temporal = time == TIME_PROCTIME ? TEMPORAL_PROCTIME : TEMPORAL_ROWTIME;
    parts->temporal_column = expr->column.index;
    return STATUS_OK;
}

static enum status bind_join_inputs(struct binder *b, const struct ast_join *join, struct scope *parent,
                                    struct join_parts *parts, struct error *err) {
    TRY(bind_from(b, join->left, parent, NULL, &parts->left, &parts->left_scope, err));
    parts->left_scope->outer_used = false;
    const struct ast_table_name *ref = (const struct ast_table_name *)join->right;
    if (join->right->kind == AST_TABLE_NAME && ref->system_time) {
        TRY(bind_system_time(b, ref, parts, err));
        return bind_table_name(b, ref, parent, parts->temporal, &parts->right, &parts->right_scope, err);
    }
    return bind_from(b, join->right, parent, parts->left_scope, &parts->right, &parts->right_scope, err);
}

static int common_column(struct binder *b, const struct scope *scope, const struct ast_node *node, const char *name,
                         const char *side, struct error *err) {
    int column = scope_find(scope, name);
    if (column == -2) {
        bind_error(b, err, STATUS_AMBIGUOUS_NAME, node, "column '%s' of USING is ambiguous in the %s table", name,
                   side);
    } else if (column == -1) {
        bind_error(b, err, STATUS_UNDEFINED_COLUMN, node, "column '%s' of USING not found in the %s table", name, side);
        const char **names = ARENA_ARRAY(b->arena, const char *, scope->column_count);
        for (int i = 0; i < scope->column_count; i++) names[i] = scope->columns[i].raw_name;
        const char *near = str_nearest(name, names, scope->column_count);
        if (near) error_hint(err, "did you mean '%s'?", near);
    }
    return column;
}

/* The names that USING lists or that NATURAL finds on both sides. */
static enum status common_names(struct binder *b, const struct ast_join *join, const struct join_parts *parts,
                                const char ***names, const struct ast_node ***nodes, int *count, struct error *err) {
    int capacity = join->natural ? parts->left_scope->column_count : join->using_columns.count;
    *names = ARENA_ARRAY(b->arena, const char *, capacity);
    *nodes = ARENA_ARRAY(b->arena, const struct ast_node *, capacity);
    *count = 0;
    if (join->natural) {
        for (int i = 0; i < parts->left_scope->column_count; i++) {
            const char *name = parts->left_scope->columns[i].raw_name;
            if (scope_find(parts->right_scope, name) == -1) continue;
            (*names)[*count] = name;
            (*nodes)[(*count)++] = &join->node;
        }
        return STATUS_OK;
    }
    for (int i = 0; i < join->using_columns.count; i++) {
        const struct ast_ident *ident = AST_AT(join->using_columns, i, ast_ident);
        for (int k = 0; k < *count; k++) {
            if (strcmp((*names)[k], ident->text) == 0) {
                return bind_error(b, err, STATUS_DUPLICATE_NAME, &ident->node, "USING names '%s' twice", ident->text);
            }
        }
        (*names)[*count] = ident->text;
        (*nodes)[(*count)++] = &ident->node;
    }
    return STATUS_OK;
}

/* The merged column of USING: the side that is never missing, or both. */
static struct scope_column merged_column(struct binder *b, const struct scope_column *left,
                                         const struct scope_column *right, enum join_type type) {
    if (type == JOIN_RIGHT) return *right;
    if (type != JOIN_FULL) return *left;
    struct scope_column column = *left;
    int *all = ARENA_ARRAY(b->arena, int, left->part_count + right->part_count);
    memcpy(all, left->parts, sizeof(int) * (size_t)left->part_count);
    memcpy(all + left->part_count, right->parts, sizeof(int) * (size_t)right->part_count);
    column.parts = all;
    column.part_count = left->part_count + right->part_count;
    return column;
}

/* Equates the common columns; in `*` and plain names they appear once, in front. */
static enum status bind_using(struct binder *b, const struct ast_join *join, struct join_parts *parts,
                              struct scope *both, struct error *err) {
    const char **names;
    const struct ast_node **nodes;
    int count;
    TRY(common_names(b, join, parts, &names, &nodes, &count, err));
    int left_count = parts->left_scope->column_count, total = both->column_count, kept = 0;
    bool *gone = ARENA_ARRAY(b->arena, bool, total);
    struct scope_column *columns = ARENA_ARRAY(b->arena, struct scope_column, total);
    struct expr **terms = ARENA_ARRAY(b->arena, struct expr *, count);
    struct context ctx = {.b = b, .scope = both, .clause = "USING"};
    for (int i = 0; i < count; i++) {
        int left = common_column(b, parts->left_scope, nodes[i], names[i], "left", err);
        if (left < 0) return left == -2 ? STATUS_AMBIGUOUS_NAME : STATUS_UNDEFINED_COLUMN;
        int right = common_column(b, parts->right_scope, nodes[i], names[i], "right", err);
        if (right < 0) return right == -2 ? STATUS_AMBIGUOUS_NAME : STATUS_UNDEFINED_COLUMN;
        right += left_count;
        struct expr **pair = ARENA_ARRAY(b->arena, struct expr *, 2);
        pair[0] = expr_at(b, scope_column_expr(b, both, &both->columns[left]), nodes[i]);
        pair[1] = expr_at(b, scope_column_expr(b, both, &both->columns[right]), nodes[i]);
        if (!type_common(b->arena, pair[0]->type, pair[1]->type)) {
            return bind_error(b, err, STATUS_TYPE_MISMATCH, nodes[i], "column '%s' of USING has types %s and %s",
                              names[i], type_to_string(b->arena, pair[0]->type),
                              type_to_string(b->arena, pair[1]->type));
        }
        TRY(call(&ctx, "=", pair, 2, nodes[i], &terms[i], err));
        columns[kept++] = merged_column(b, &both->columns[left], &both->columns[right], parts->type);
        gone[left] = gone[right] = true;
    }
    for (int i = 0; i < total; i++) {
        if (!gone[i]) columns[kept++] = both->columns[i];
    }
    both->columns = columns;
    both->column_count = kept;
    if (count) parts->condition = expr_and(b->arena, terms, count);
    return STATUS_OK;
}

static enum status join_node(struct binder *b, const struct ast_join *join, struct join_parts *parts, struct rel **rel,
                             struct error *err) {
    if (parts->condition) parts->condition = expr_fold(b->arena, parts->condition);
    if (parts->condition && is_true(parts->condition)) parts->condition = NULL;
    if (parts->temporal != TEMPORAL_NONE) {
        TRY_REL(*rel, b,
                rel_temporal_join(b->arena, parts->left, parts->right, parts->type, parts->condition, parts->temporal,
                                  parts->temporal_column),
                &join->node, err);
        return STATUS_OK;
    }
    bool correlated = parts->left_scope->outer_used;
    if (correlated && parts->type != JOIN_INNER && parts->type != JOIN_LEFT) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &join->node,
                          "the right side of a %s JOIN cannot refer to the left one", join_type_name(parts->type));
    }
    TRY_REL(*rel, b, rel_join(b->arena, parts->left, parts->right, parts->type, parts->condition), &join->node, err);
    (*rel)->join.correlated = correlated;
    return STATUS_OK;
}

static bool is_true_literal(const struct ast_node *node) {
    const struct ast_literal *literal = (const struct ast_literal *)node;
    return node->kind == AST_LITERAL && literal->literal_kind == AST_LITERAL_BOOLEAN && literal->boolean;
}

static enum status bind_join(struct binder *b, const struct ast_join *join, struct scope *parent, struct rel **rel,
                             struct scope **scope, struct error *err) {
    struct join_parts parts = {.temporal_column = -1};
    if (join->type == AST_JOIN_ASOF || join->type == AST_JOIN_LEFT_ASOF)
        return bind_asof_join(b, join, parent, rel, scope, err);
    TRY(join_type_of(b, join, &parts.type, err));
    bool conditional = parts.type == JOIN_LEFT && join->on && !is_true_literal(join->on);
    if (join->right->kind == AST_UNNEST && !conditional)
        return bind_unnest_join(b, join, parts.type, parent, rel, scope, err);
    TRY(bind_join_inputs(b, join, parent, &parts, err));
    struct scope *both;
    TRY(scope_combine(b, parts.left_scope, parts.right_scope, join->right, &both, err));
    if (join->on) {
        struct context ctx = {.b = b, .scope = both, .clause = "ON"};
        TRY(bind_condition(&ctx, join->on, &parts.condition, err));
    } else if (join->using_columns.count || join->natural) {
        TRY(bind_using(b, join, &parts, both, err));
    }
    struct rel *node = NULL;
    TRY(join_node(b, join, &parts, &node, err));
    scope_set_rel(both, node);
    *rel = node;
    *scope = both;
    return STATUS_OK;
}

/* ---- dispatch ---- */

static enum status bind_from_kind(struct binder *b, const struct ast_node *node, struct scope *parent,
                                  struct scope *left, struct rel **rel, struct scope **scope, struct error *err) {
    switch (node->kind) {
    case AST_TABLE_NAME: {
        const struct ast_table_name *ref = (const struct ast_table_name *)node;
        if (ref->system_time) {
            enum status status = not_supported(b, err, node, "FOR SYSTEM_TIME AS OF outside of a join's right side");
            error_hint(err, "left JOIN this FOR SYSTEM_TIME AS OF left.proctime ON ...");
            return status;
        }
        return bind_table_name(b, ref, parent, TEMPORAL_NONE, rel, scope, err);
    }
    case AST_DERIVED_TABLE:
        return bind_derived(b, (const struct ast_derived_table *)node, parent, left, rel, scope, err);
    case AST_TABLE_FUNCTION:
        return bind_table_function(b, (const struct ast_table_function *)node, parent, rel, scope, err);
    case AST_JOIN: return bind_join(b, (const struct ast_join *)node, parent, rel, scope, err);
    case AST_UNNEST: return bind_unnest(b, (const struct ast_unnest *)node, parent, left, rel, scope, err);
    case AST_PIVOT: return bind_pivot(b, (const struct ast_pivot *)node, parent, rel, scope, err);
    case AST_UNPIVOT: return bind_unpivot(b, (const struct ast_unpivot *)node, parent, rel, scope, err);
    case AST_MATCH_RECOGNIZE: return not_supported(b, err, node, "MATCH_RECOGNIZE");
    default: return not_supported(b, err, node, "this kind of table reference");
    }
}

enum status bind_from(struct binder *b, const struct ast_node *node, struct scope *parent, struct scope *left,
                      struct rel **rel, struct scope **scope, struct error *err) {
    TRY(binder_enter(b, node, err));
    enum status status = bind_from_kind(b, node, parent, left, rel, scope, err);
    binder_leave(b);
    return status;
}
