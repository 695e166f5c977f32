/* CREATE TABLE: columns, keys, watermark, options; LIKE and AS. */
#include "bind/bind_draft.h"
#include "parse/unparse.h"

int draft_find(const struct draft *draft, const char *name) {
    for (int i = 0; i < draft->column_count; i++) {
        if (strcmp(draft->columns[i].column.name, name) == 0) return i;
    }
    return -1;
}

void draft_add_column(struct draft *draft, const struct table_column *column, const struct ast_column_def *ast) {
    ARENA_RESERVE(draft->b->arena, draft->columns, draft->column_capacity, draft->column_count + 1);
    draft->columns[draft->column_count++] = (struct draft_column){*column, ast};
}

enum status draft_no_column(struct draft *draft, const struct ast_node *node, const char *name, const char *where,
                            struct error *err) {
    enum status status =
        bind_error(draft->b, err, STATUS_UNDEFINED_COLUMN, node, "column '%s' of %s not found", name, where);
    const char **names = ARENA_ARRAY(draft->b->arena, const char *, draft->column_count);
    for (int i = 0; i < draft->column_count; i++) names[i] = draft->columns[i].column.name;
    const char *near = str_nearest(name, names, draft->column_count);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

static const char *optional_text(struct arena *arena, struct str text) {
    return text.data ? arena_strndup(arena, text.data, text.len) : NULL;
}

/* ---- LIKE ---- */

static enum status find_strategies(struct draft *draft, const struct ast_table_like *like, struct error *err) {
    enum ast_merge_strategy *strategies = draft->strategies;
    for (int i = 0; i <= AST_LIKE_WATERMARKS; i++) strategies[i] = AST_INCLUDING;
    strategies[AST_LIKE_OPTIONS] = AST_OVERWRITING;
    uint32_t seen = 0;
    for (int pass = 0; pass < 2; pass++) { /* ALL first, wherever it stands */
        for (int i = 0; i < like->options.count; i++) {
            const struct ast_like_option *option = AST_AT(like->options, i, ast_like_option);
            if ((option->feature == AST_LIKE_ALL) != (pass == 0)) continue;
            bool overwritable = option->feature == AST_LIKE_OPTIONS || option->feature == AST_LIKE_GENERATED ||
                                option->feature == AST_LIKE_METADATA || option->feature == AST_LIKE_WATERMARKS;
            if (option->strategy == AST_OVERWRITING && !overwritable) {
                return bind_error(draft->b, err, STATUS_INVALID_QUERY, &option->node,
                                  "OVERWRITING is for GENERATED, METADATA, OPTIONS and WATERMARKS only");
            }
            if (seen >> option->feature & 1) {
                return bind_error(draft->b, err, STATUS_INVALID_QUERY, &option->node, "LIKE names this feature twice");
            }
            seen |= 1u << option->feature;
            if (pass == 0) {
                for (int k = 0; k <= AST_LIKE_WATERMARKS; k++) strategies[k] = option->strategy;
            } else {
                strategies[option->feature] = option->strategy;
            }
        }
    }
    return STATUS_OK;
}

static enum status start_from_base(struct draft *draft, struct error *err) {
    const struct ast_table_like *like = draft->ast->like;
    draft->base_node = &like->node;
    TRY(find_table(draft->b, like->name, &draft->base, err));
    const struct table *base = draft->base;
    if (base->kind == TABLE_VIEW) {
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &like->name->node, "LIKE needs a table, '%s' is a view",
                          base->name);
    }
    TRY(find_strategies(draft, like, err));
    for (int i = 0; i < base->column_count; i++) {
        const struct table_column *column = &base->columns[i];
        if (column->kind == COLUMN_COMPUTED && draft->strategies[AST_LIKE_GENERATED] == AST_EXCLUDING) continue;
        if (column->kind == COLUMN_METADATA && draft->strategies[AST_LIKE_METADATA] == AST_EXCLUDING) continue;
        draft_add_column(draft, column, NULL);
    }
    if (draft->strategies[AST_LIKE_WATERMARKS] != AST_EXCLUDING && base->watermark_column >= 0) {
        const char *name = base->columns[base->watermark_column].name;
        draft->table.watermark_column = draft_find(draft, name);
        if (draft->table.watermark_column < 0) {
            return bind_error(draft->b, err, STATUS_INVALID_QUERY, &like->node,
                              "the watermark of '%s' is on column '%s', which LIKE excludes", base->name, name);
        }
        draft->table.watermark_expression = base->watermark_expression;
    }
    return STATUS_OK;
}

/* ---- AS ---- */

/* Columns of the query that the column list has not declared itself. */
static enum status add_query_columns(struct draft *draft, struct error *err) {
    const struct schema *schema = &draft->query->schema;
    for (int i = 0; i < schema->column_count; i++) {
        if (draft_find(draft, schema->names[i]) >= 0) continue;
        if (schema->types[i]->id == TYPE_NULL) {
            enum status status = bind_error(draft->b, err, STATUS_TYPE_MISMATCH, &draft->ast->query->node,
                                            "column '%s' of the query has no type: it is NULL", schema->names[i]);
            error_hint(err, "CAST(NULL AS type)");
            return status;
        }
        struct table_column column = {.name = schema->names[i], .type = schema->types[i], .kind = COLUMN_PHYSICAL};
        draft_add_column(draft, &column, NULL);
    }
    return STATUS_OK;
}

static enum status bind_create_query(struct draft *draft, struct error *err) {
    struct query_result result;
    TRY(bind_query_body(draft->b, draft->ast->query, NULL, &result, err));
    draft->query = result.rel;
    return STATUS_OK;
}

/* ---- columns ---- */

/* CREATE TABLE t (b, a) AS …: the query's columns in another order. */
static enum status name_only_column(struct draft *draft, const struct ast_column_def *ast, const char *name,
                                    struct table_column *column, struct error *err) {
    if (!draft->query) {
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &ast->node, "column '%s' has no type", name);
    }
    const struct schema *schema = &draft->query->schema;
    for (int i = 0; i < schema->column_count; i++) {
        if (strcmp(schema->names[i], name) != 0) continue;
        column->type = schema->types[i];
        return STATUS_OK;
    }
    enum status status =
        bind_error(draft->b, err, STATUS_UNDEFINED_COLUMN, &ast->node, "the query has no column '%s'", name);
    const char *near = str_nearest(name, schema->names, schema->column_count);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

const char *draft_expression_text(struct binder *b, const struct ast_node *expr) {
    struct strbuf buf = {0};
    unparse_expression(expr, &buf);
    const char *text = arena_strndup(b->arena, buf.data, buf.len);
    strbuf_free(&buf);
    return text;
}

enum status draft_bind_column(struct draft *draft, const struct ast_column_def *ast, struct table_column *column,
                              struct error *err) {
    struct binder *b = draft->b;
    const char *name = ast->name->parts[ast->name->count - 1].text;
    *column = (struct table_column){.name = name, .comment = optional_text(b->arena, ast->comment)};
    switch (ast->column_kind) {
    case AST_COLUMN_NAME_ONLY: return name_only_column(draft, ast, name, column, err);
    case AST_COLUMN_COMPUTED:
        column->kind = COLUMN_COMPUTED;
        column->expression = draft_expression_text(b, ast->expr);
        return STATUS_OK;
    case AST_COLUMN_METADATA:
        column->kind = COLUMN_METADATA;
        column->metadata_key = ast->metadata_key.data ? optional_text(b->arena, ast->metadata_key) : name;
        column->is_virtual = ast->is_virtual;
        break;
    case AST_COLUMN_PHYSICAL: break;
    }
    TRY(bind_type_at(b, ast->type, &column->type, err));
    if (column->type->id == TYPE_NULL || type_is_interval(column->type)) {
        return bind_error(b, err, STATUS_TYPE_MISMATCH, &ast->type->node, "a column cannot have type %s",
                          type_to_string(b->arena, column->type));
    }
    return STATUS_OK;
}

/* May the definition take the place of the base table's column of the same name? */
static bool overwrites(const struct draft *draft, const struct table_column *old, const struct table_column *column) {
    if (old->kind != column->kind) return false;
    if (old->kind == COLUMN_COMPUTED) return draft->strategies[AST_LIKE_GENERATED] == AST_OVERWRITING;
    if (old->kind == COLUMN_METADATA) return draft->strategies[AST_LIKE_METADATA] == AST_OVERWRITING;
    return false;
}

static enum status bind_column_defs(struct draft *draft, struct error *err) {
    const struct ast_list *columns = &draft->ast->spec.columns;
    for (int i = 0; i < columns->count; i++) {
        const struct ast_column_def *ast = AST_AT(*columns, i, ast_column_def);
        struct table_column column;
        TRY(draft_bind_column(draft, ast, &column, err));
        int old = draft_find(draft, column.name);
        if (old >= 0) {
            bool inherited = draft->base && !draft->columns[old].ast;
            if (inherited && overwrites(draft, &draft->columns[old].column, &column)) {
                draft->columns[old] = (struct draft_column){column, ast};
                continue;
            }
            return bind_error(draft->b, err, STATUS_DUPLICATE_NAME, &ast->name->node,
                              inherited ? "column '%s' is in the LIKE table already" : "column '%s' is declared twice",
                              column.name);
        }
        draft_add_column(draft, &column, ast);
        if (draft->column_count > REL_MAX_COLUMNS) {
            return bind_error(draft->b, err, STATUS_LIMIT_EXCEEDED, &ast->node, "more than %d columns",
                              REL_MAX_COLUMNS);
        }
    }
    return STATUS_OK;
}

void draft_copy_columns(struct draft *draft) {
    struct table_column *columns = ARENA_ARRAY(draft->b->arena, struct table_column, draft->column_count);
    for (int i = 0; i < draft->column_count; i++) columns[i] = draft->columns[i].column;
    draft->table.columns = columns;
    draft->table.column_count = draft->column_count;
}

/* Types the computed columns; *rel has all columns then. */
enum status draft_bind_computed(struct draft *draft, struct rel **rel, struct error *err) {
    struct binder *b = draft->b;
    int *stored = ARENA_ARRAY(b->arena, int, draft->column_count), count = 0;
    for (int i = 0; i < draft->column_count; i++) {
        if (draft->columns[i].column.kind != COLUMN_COMPUTED) stored[count++] = i;
    }
    draft_copy_columns(draft);
    struct rel *scan = rel_scan(b->arena, arena_memdup(b->arena, &draft->table, sizeof draft->table), count, stored);
    struct scope *scope = scope_of_rel(b, NULL, scan, draft->table.name, NULL);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, draft->column_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, draft->column_count);
    int position = 0;
    for (int i = 0; i < draft->column_count; i++) {
        struct draft_column *draft_column = &draft->columns[i];
        struct table_column *column = &draft_column->column;
        names[i] = column->name;
        if (column->kind != COLUMN_COMPUTED) {
            exprs[i] = column_of(b, scan, position++);
            continue;
        }
        if (draft_column->ast) {
            struct context ctx = {.b = b, .scope = scope, .clause = "a computed column", .no_subqueries = true};
            ctx.column_hint = "a computed column refers to physical and metadata columns of its table";
            TRY(bind_expr(&ctx, draft_column->ast->expr, &exprs[i], err));
        } else {
            TRY(bind_stored_expr(b, column->expression, "computed column", column->name, scope, draft->base_node,
                                 &exprs[i], err));
        }
        column->type = exprs[i]->type;
        if (column->type->id == TYPE_NULL) {
            return bind_error(b, err, STATUS_TYPE_MISMATCH, draft_column->ast ? draft_column->ast->expr : NULL,
                              "computed column '%s' has no type: it is NULL", column->name);
        }
    }
    *rel = project(b, scan, draft->column_count, exprs, names);
    return STATUS_OK;
}

/* ---- keys ---- */

enum status draft_set_key(struct draft *draft, const char *const *names, const struct ast_node *const *nodes, int count,
                          struct error *err) {
    struct binder *b = draft->b;
    int *key = ARENA_ARRAY(b->arena, int, count);
    for (int i = 0; i < count; i++) {
        key[i] = draft_find(draft, names[i]);
        if (key[i] < 0) return draft_no_column(draft, nodes[i], names[i], "PRIMARY KEY", err);
        struct table_column *column = &draft->columns[key[i]].column;
        if (column->kind != COLUMN_PHYSICAL) {
            return bind_error(b, err, STATUS_INVALID_QUERY, nodes[i],
                              "column '%s' cannot be part of the PRIMARY KEY: it is a %s column", names[i],
                              column->kind == COLUMN_COMPUTED ? "computed" : "metadata");
        }
        for (int k = 0; k < i; k++) {
            if (key[k] == key[i]) {
                return bind_error(b, err, STATUS_DUPLICATE_NAME, nodes[i], "PRIMARY KEY names column '%s' twice",
                                  names[i]);
            }
        }
        column->type = type_with_nullable(b->arena, column->type, false);
    }
    draft->table.primary_key = key;
    draft->table.primary_key_count = draft->table.partition_key_count = count;
    return STATUS_OK;
}

enum status draft_check_constraint(struct draft *draft, const struct ast_constraint *constraint, bool have_key,
                                   struct error *err) {
    if (constraint->unique) return not_supported(draft->b, err, &constraint->node, "UNIQUE");
    if (constraint->enforced == AST_ENFORCED) {
        enum status status = not_supported(draft->b, err, &constraint->node, "an ENFORCED key");
        error_hint(err, "write NOT ENFORCED: rows of one key replace each other");
        return status;
    }
    if (have_key) {
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &constraint->node, "the table has two primary keys");
    }
    return STATUS_OK;
}

static enum status bind_primary_key(struct draft *draft, struct error *err) {
    struct binder *b = draft->b;
    const struct table *base = draft->base;
    bool inherit = base && base->primary_key_count && draft->strategies[AST_LIKE_CONSTRAINTS] == AST_INCLUDING;
    if (inherit) {
        const char **names = ARENA_ARRAY(b->arena, const char *, base->primary_key_count);
        const struct ast_node **nodes = ARENA_ARRAY(b->arena, const struct ast_node *, base->primary_key_count);
        for (int i = 0; i < base->primary_key_count; i++) {
            names[i] = base->columns[base->primary_key[i]].name;
            nodes[i] = &draft->ast->like->node;
        }
        TRY(draft_set_key(draft, names, nodes, base->primary_key_count, err));
        draft->table.partition_key_count = base->partition_key_count;
        draft->table.clustering_descending = base->clustering_descending;
    }
    for (int i = 0; i < draft->column_count; i++) {
        const struct ast_column_def *ast = draft->columns[i].ast;
        if (!ast || !ast->constraint) continue;
        TRY(draft_check_constraint(draft, ast->constraint, draft->table.primary_key_count > 0, err));
        const char *name = draft->columns[i].column.name;
        const struct ast_node *node = &ast->node;
        TRY(draft_set_key(draft, &name, &node, 1, err));
    }
    const struct ast_list *constraints = &draft->ast->spec.constraints;
    for (int i = 0; i < constraints->count; i++) {
        const struct ast_constraint *constraint = AST_AT(*constraints, i, ast_constraint);
        TRY(draft_check_constraint(draft, constraint, draft->table.primary_key_count > 0, err));
        int count = constraint->columns.count;
        const char **names = ARENA_ARRAY(b->arena, const char *, count);
        const struct ast_node **nodes = ARENA_ARRAY(b->arena, const struct ast_node *, count);
        for (int k = 0; k < count; k++) {
            names[k] = AST_AT(constraint->columns, k, ast_ident)->text;
            nodes[k] = constraint->columns.items[k];
        }
        TRY(draft_set_key(draft, names, nodes, count, err));
    }
    return STATUS_OK;
}

/* ---- partitions ---- */

static enum status bind_partitions(struct draft *draft, struct error *err) {
    const struct ast_list *list = &draft->ast->spec.partitioned_by;
    const struct table *base = draft->base;
    bool inherit = base && base->partitioned_by_count && draft->strategies[AST_LIKE_PARTITIONS] == AST_INCLUDING;
    if (inherit && list->count) {
        enum status status =
            bind_error(draft->b, err, STATUS_INVALID_QUERY, list->items[0], "the LIKE table has partitions already");
        error_hint(err, "LIKE %s (EXCLUDING PARTITIONS)", base->name);
        return status;
    }
    int count = inherit ? base->partitioned_by_count : list->count;
    int *columns = ARENA_ARRAY(draft->b->arena, int, count);
    for (int i = 0; i < count; i++) {
        const char *name = inherit ? base->columns[base->partitioned_by[i]].name : AST_AT(*list, i, ast_ident)->text;
        const struct ast_node *node = inherit ? &draft->ast->like->node : list->items[i];
        columns[i] = draft_find(draft, name);
        if (columns[i] < 0) return draft_no_column(draft, node, name, "PARTITIONED BY", err);
        if (draft->columns[columns[i]].column.kind != COLUMN_PHYSICAL) {
            return bind_error(draft->b, err, STATUS_INVALID_QUERY, node, "partition column '%s' must be physical",
                              name);
        }
        for (int k = 0; k < i; k++) {
            if (columns[k] == columns[i]) {
                return bind_error(draft->b, err, STATUS_DUPLICATE_NAME, node, "PARTITIONED BY names '%s' twice", name);
            }
        }
    }
    draft->table.partitioned_by = columns;
    draft->table.partitioned_by_count = count;
    return STATUS_OK;
}

/* ---- watermark ---- */

static enum status find_watermark(struct draft *draft, struct error *err) {
    const struct ast_list *watermarks = &draft->ast->spec.watermarks;
    if (watermarks->count == 0) return STATUS_OK;
    const struct ast_watermark *watermark = AST_AT(*watermarks, 0, ast_watermark);
    if (watermarks->count > 1) {
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, watermarks->items[1], "a table has one watermark only");
    }
    if (draft->table.watermark_column >= 0 && draft->strategies[AST_LIKE_WATERMARKS] != AST_OVERWRITING) {
        enum status status =
            bind_error(draft->b, err, STATUS_INVALID_QUERY, &watermark->node, "the LIKE table has a watermark already");
        error_hint(err, "LIKE %s (OVERWRITING WATERMARKS)", draft->base->name);
        return status;
    }
    if (watermark->column->count > 1) {
        return not_supported(draft->b, err, &watermark->column->node, "a watermark on a field of a ROW column");
    }
    const char *name = watermark->column->parts[0].text;
    int column = draft_find(draft, name);
    if (column < 0) return draft_no_column(draft, &watermark->column->node, name, "WATERMARK", err);
    draft->table.watermark_column = column;
    draft->table.watermark_expression = draft_expression_text(draft->b, watermark->expr);
    draft->watermark_node = &watermark->column->node;
    draft->watermark_expr = watermark->expr;
    return STATUS_OK;
}

enum status draft_bind_watermark(struct draft *draft, const struct rel *rel, struct error *err) {
    struct binder *b = draft->b;
    int column = draft->table.watermark_column;
    if (column < 0) return STATUS_OK;
    const struct type *type = rel->schema.types[column];
    const struct ast_node *node = draft->watermark_node ? draft->watermark_node : draft->base_node;
    if (!type_is_timestamp(type)) {
        return bind_error(b, err, STATUS_TYPE_MISMATCH, node,
                          "the time column '%s' of a watermark must be TIMESTAMP or TIMESTAMP_LTZ, not %s",
                          rel->schema.names[column], type_to_string(b->arena, type));
    }
    struct scope *scope = scope_of_rel(b, NULL, rel, draft->table.name, NULL);
    struct expr *expr;
    if (draft->watermark_expr) {
        struct context ctx = {.b = b, .scope = scope, .clause = "a watermark", .no_subqueries = true};
        TRY(bind_expr(&ctx, draft->watermark_expr, &expr, err));
        node = draft->watermark_expr;
    } else {
        TRY(bind_stored_expr(b, draft->table.watermark_expression, "watermark of column", rel->schema.names[column],
                             scope, node, &expr, err));
    }
    if (expr->type->id == type->id) return STATUS_OK;
    return bind_error(b, err, STATUS_TYPE_MISMATCH, node, "the watermark must have the time column's type %s, not %s",
                      type_to_string(b->arena, type), type_to_string(b->arena, expr->type));
}

/* ---- options ---- */

static enum status bind_options(struct draft *draft, struct error *err) {
    struct arena *arena = draft->b->arena;
    const struct ast_list *list = &draft->ast->spec.options;
    const struct table *base = draft->base;
    enum ast_merge_strategy strategy = draft->strategies[AST_LIKE_OPTIONS];
    struct option_list *options = &draft->table.options;
    for (int i = 0; i < list->count; i++) {
        const struct ast_option *option = AST_AT(*list, i, ast_option);
        const char *key = arena_strndup(arena, option->key.data, option->key.len);
        if (option_find(options, key)) {
            return error_set_at(err, STATUS_DUPLICATE_NAME, option->key_offset, option->key_length,
                                "option '%s' is given twice", key);
        }
        if (base && strategy == AST_INCLUDING && option_find(&base->options, key)) {
            enum status status = error_set_at(err, STATUS_DUPLICATE_NAME, option->key_offset, option->key_length,
                                              "the LIKE table has option '%s' already", key);
            error_hint(err, "LIKE %s (OVERWRITING OPTIONS) or (EXCLUDING OPTIONS)", base->name);
            return status;
        }
        option_add(options, arena, key, arena_strndup(arena, option->value.data, option->value.len),
                   option->value_offset);
    }
    for (int i = 0; base && strategy != AST_EXCLUDING && i < base->options.count; i++) {
        if (!option_find(options, base->options.keys[i])) {
            option_add(options, arena, base->options.keys[i], base->options.values[i], -1);
        }
    }
    draft->table.connector = option_find(options, "connector");
    return STATUS_OK;
}

/* ---- the statement ---- */

enum status bind_create_table(struct bind_env *env, const struct ast_create_table *create, struct table *out,
                              struct error *err) {
    struct binder b;
    binder_init(&b, env);
    struct draft draft = {.b = &b, .ast = create};
    draft.table.kind = TABLE_BASE;
    draft.table.watermark_column = -1;
    draft.table.name = create->name->parts[create->name->count - 1].text;
    draft.table.comment = optional_text(b.arena, create->spec.comment);
    if (create->spec.distribution) return not_supported(&b, err, &create->spec.distribution->node, "DISTRIBUTED BY");
    if (create->like) TRY(start_from_base(&draft, err));
    if (create->query) TRY(bind_create_query(&draft, err));
    TRY(bind_column_defs(&draft, err));
    bool only_names = create->spec.columns.count > 0 &&
                      AST_AT(create->spec.columns, 0, ast_column_def)->column_kind == AST_COLUMN_NAME_ONLY;
    if (create->query && only_names && draft.column_count != draft.query->schema.column_count) {
        return bind_error(&b, err, STATUS_INVALID_QUERY, &create->query->node,
                          "the column list names %d columns, the query has %d", draft.column_count,
                          draft.query->schema.column_count);
    }
    if (create->query) TRY(add_query_columns(&draft, err));
    if (draft.column_count == 0) {
        return bind_error(&b, err, STATUS_INVALID_QUERY, &create->name->node, "table '%s' has no columns",
                          draft.table.name);
    }
    TRY(bind_primary_key(&draft, err));
    TRY(bind_partitions(&draft, err));
    TRY(find_watermark(&draft, err));
    struct rel *rel = NULL;
    TRY(draft_bind_computed(&draft, &rel, err));
    TRY(draft_bind_watermark(&draft, rel, err));
    TRY(bind_options(&draft, err));
    draft_copy_columns(&draft);
    *out = draft.table;
    return STATUS_OK;
}
