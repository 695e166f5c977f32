/* Scopes: which tables and columns names mean, level by level. */
#include "bind/bind_private.h"

int scope_level(const struct scope *scope) {
    int level = 0;
    for (; scope; scope = scope->parent) level++;
    return level;
}

static void set_part(struct binder *b, struct scope_column *column, int position) {
    int *parts = arena_alloc(b->arena, sizeof(int));
    *parts = position;
    column->part_count = 1;
    column->parts = parts;
}

struct scope *scope_of_rel(struct binder *b, struct scope *parent, const struct rel *rel, const char *alias,
                           const char *const *raw_names) {
    struct scope *scope = ARENA_NEW(b->arena, struct scope);
    int count = rel->schema.column_count;
    scope->parent = parent;
    scope_set_rel(scope, rel);
    scope->table_count = 1;
    scope->tables = ARENA_NEW(b->arena, struct scope_table);
    *scope->tables = (struct scope_table){.alias = alias,
                                          .count = count,
                                          .names = rel->schema.names,
                                          .raw_names = raw_names ? raw_names : rel->schema.names};
    scope->column_count = count;
    scope->columns = ARENA_ARRAY(b->arena, struct scope_column, count);
    for (int i = 0; i < count; i++) {
        scope->columns[i].name = rel->schema.names[i];
        scope->columns[i].raw_name = scope->tables->raw_names[i];
        set_part(b, &scope->columns[i], i);
    }
    return scope;
}

void scope_set_rel(struct scope *scope, const struct rel *rel) {
    scope->type_count = rel->schema.column_count;
    scope->types = rel->schema.types;
    scope->properties = rel->properties;
}

static enum status check_aliases(struct binder *b, const struct scope *left, const struct scope *right,
                                 const struct ast_node *node, struct error *err) {
    for (int i = 0; i < left->table_count; i++) {
        for (int j = 0; j < right->table_count; j++) {
            const char *a = left->tables[i].alias, *c = right->tables[j].alias;
            if (!a || !c || strcmp(a, c) != 0) continue;
            enum status status =
                bind_error(b, err, STATUS_DUPLICATE_NAME, node, "two tables in FROM are called '%s'", a);
            error_hint(err, "give one of them an alias: %s AS other_name", a);
            return status;
        }
    }
    return STATUS_OK;
}

static void append_shifted(struct binder *b, struct scope *scope, const struct scope *from, int delta) {
    for (int i = 0; i < from->table_count; i++) {
        struct scope_table *table = &scope->tables[scope->table_count++];
        *table = from->tables[i];
        table->first += delta;
    }
    for (int i = 0; i < from->column_count; i++) {
        struct scope_column *column = &scope->columns[scope->column_count++];
        *column = from->columns[i];
        int *parts = arena_memdup(b->arena, column->parts, sizeof(int) * (size_t)column->part_count);
        for (int p = 0; p < column->part_count; p++) parts[p] += delta;
        column->parts = parts;
    }
}

enum status scope_combine(struct binder *b, struct scope *left, struct scope *right, const struct ast_node *node,
                          struct scope **out, struct error *err) {
    TRY(check_aliases(b, left, right, node, err));
    struct scope *scope = ARENA_NEW(b->arena, struct scope);
    scope->parent = left->parent;
    scope->tables = ARENA_ARRAY(b->arena, struct scope_table, left->table_count + right->table_count);
    scope->columns = ARENA_ARRAY(b->arena, struct scope_column, left->column_count + right->column_count);
    append_shifted(b, scope, left, 0);
    append_shifted(b, scope, right, left->type_count);
    scope->type_count = left->type_count + right->type_count;
    if (scope->type_count > REL_MAX_COLUMNS) {
        return bind_error(b, err, STATUS_LIMIT_EXCEEDED, node, "more than %d columns", REL_MAX_COLUMNS);
    }
    const struct type **types = ARENA_ARRAY(b->arena, const struct type *, scope->type_count);
    struct column_property *properties = ARENA_ARRAY(b->arena, struct column_property, scope->type_count);
    memcpy(types, left->types, sizeof *types * (size_t)left->type_count);
    memcpy(types + left->type_count, right->types, sizeof *types * (size_t)right->type_count);
    memcpy(properties, left->properties, sizeof *properties * (size_t)left->type_count);
    memcpy(properties + left->type_count, right->properties, sizeof *properties * (size_t)right->type_count);
    scope->types = types;
    scope->properties = properties;
    *out = scope;
    return STATUS_OK;
}

const char *scope_column_name(struct binder *b, const struct scope *scope, int index) {
    for (int i = 0; i < scope->table_count; i++) {
        const struct scope_table *table = &scope->tables[i];
        if (index < table->first || index >= table->first + table->count) continue;
        const char *name = table->raw_names[index - table->first];
        bool alone = scope->table_count == 1 || !table->alias;
        return alone ? name : arena_printf(b->arena, "%s.%s", table->alias, name);
    }
    return arena_printf(b->arena, "$%d", index);
}

struct expr *scope_column_expr(struct binder *b, const struct scope *scope, const struct scope_column *column) {
    struct expr **parts = ARENA_ARRAY(b->arena, struct expr *, column->part_count);
    bool nullable = true;
    for (int i = 0; i < column->part_count; i++) {
        parts[i] = expr_column(b->arena, column->parts[i], scope->types[column->parts[i]]);
        if (!parts[i]->type->nullable) nullable = false;
    }
    if (column->part_count == 1) return parts[0];
    /* USING has made sure that the parts have a common type. */
    const struct type *type = parts[0]->type;
    for (int i = 1; i < column->part_count; i++) type = type_common(b->arena, type, parts[i]->type);
    type = type_with_nullable(b->arena, type, nullable);
    for (int i = 0; i < column->part_count; i++) parts[i] = implicit_cast(b, parts[i], type);
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){
        .kind = EXPR_COALESCE, .type = type, .offset = -1, .arg_count = column->part_count, .args = parts};
    return expr;
}

/* Index in scope->columns of the only column of that name, -1, or -2 when there are several. */
static int find_column(const struct scope *scope, const char *name) {
    int found = -1;
    for (int i = 0; i < scope->column_count; i++) {
        const struct scope_column *column = &scope->columns[i];
        if (strcmp(column->name, name) != 0 && strcmp(column->raw_name, name) != 0) continue;
        if (found >= 0) return -2;
        found = i;
    }
    return found;
}

int scope_find(const struct scope *scope, const char *name) { return find_column(scope, name); }

static int find_in_table(const struct scope_table *table, const char *name) {
    int found = -1;
    for (int i = 0; i < table->count; i++) {
        if (strcmp(table->names[i], name) != 0 && strcmp(table->raw_names[i], name) != 0) continue;
        if (found >= 0) return -2;
        found = i;
    }
    return found;
}

static bool same_text(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }

const struct scope_table *scope_find_table(const struct scope *scope, const struct ast_name *name, int part_count) {
    for (int i = 0; i < scope->table_count; i++) {
        const struct scope_table *table = &scope->tables[i];
        if (!same_text(table->alias, name->parts[part_count - 1].text)) continue;
        if (part_count >= 2 && !same_text(table->database, name->parts[part_count - 2].text)) continue;
        if (part_count >= 3 && !same_text(table->catalog, name->parts[part_count - 3].text)) continue;
        return table;
    }
    return NULL;
}

/* ---- resolving ---- */

/* A column that was found. */
struct match {
    struct scope *scope;
    int level;
    struct scope_column column;
    int used; /* name parts that the table and column took; the rest are fields */
};

static enum status ambiguous(const struct context *ctx, const struct ast_name *name, const char *column,
                             const struct scope *scope, struct error *err) {
    enum status status =
        bind_error(ctx->b, err, STATUS_AMBIGUOUS_NAME, &name->node, "column '%s' is ambiguous", column);
    const char *tables[2] = {NULL, NULL};
    int count = 0;
    for (int i = 0; i < scope->table_count && count < 2; i++) {
        if (find_in_table(&scope->tables[i], column) != -1) tables[count++] = scope->tables[i].alias;
    }
    if (count == 2 && tables[0] && tables[1]) {
        error_hint(err, "write %s.%s or %s.%s", tables[0], column, tables[1], column);
    } else {
        error_hint(err, "several columns have this name: rename them with AS");
    }
    return status;
}

static struct match match_of(struct binder *b, struct scope *scope, int level, const struct scope_table *table,
                             int index, int used) {
    struct match match = {.scope = scope, .level = level, .used = used};
    match.column.name = table->names[index];
    match.column.raw_name = table->raw_names[index];
    set_part(b, &match.column, table->first + index);
    return match;
}

/* Looks in one scope; *found says whether the name means something there. A table that matches without the column is
 * reported through *near. */
static enum status match_in_scope(const struct context *ctx, struct scope *scope, int level,
                                  const struct ast_name *name, struct match *match, bool *found,
                                  const struct scope_table **near, struct error *err) {
    *found = false;
    for (int qualifier = name->count - 1 < 3 ? name->count - 1 : 3; qualifier >= 1; qualifier--) {
        const struct scope_table *table = scope_find_table(scope, name, qualifier);
        if (!table) continue;
        const char *column = name->parts[qualifier].text;
        int index = find_in_table(table, column);
        if (index == -2) return ambiguous(ctx, name, column, scope, err);
        if (index >= 0) {
            *match = match_of(ctx->b, scope, level, table, index, qualifier + 1);
            *found = true;
            return STATUS_OK;
        }
        if (!*near) *near = table;
    }
    int index = find_column(scope, name->parts[0].text);
    if (index == -2) return ambiguous(ctx, name, name->parts[0].text, scope, err);
    if (index >= 0 && (name->count == 1 || !*near)) {
        *match = (struct match){.scope = scope, .level = level, .column = scope->columns[index], .used = 1};
        *found = true;
    }
    return STATUS_OK;
}

static const char *nearest_column(const struct context *ctx, const char *name) {
    int capacity = 0, count = 0;
    const char **names = NULL;
    for (const struct scope *scope = ctx->scope; scope; scope = scope->parent) {
        ARENA_RESERVE(ctx->b->arena, names, capacity, count + scope->column_count);
        for (int i = 0; i < scope->column_count; i++) names[count++] = scope->columns[i].raw_name;
    }
    return str_nearest(name, names, count);
}

static enum status no_such_table(const struct context *ctx, const struct ast_name *name, struct error *err) {
    const char *first = name->parts[0].text;
    enum status status =
        bind_error(ctx->b, err, STATUS_UNDEFINED_COLUMN, &name->node,
                   "column '%s' not found: no table or ROW column '%s' here", name_to_string(ctx->b, name), first);
    int capacity = 0, count = 0;
    const char **aliases = NULL;
    for (const struct scope *scope = ctx->scope; scope; scope = scope->parent) {
        ARENA_RESERVE(ctx->b->arena, aliases, capacity, count + scope->table_count);
        for (int i = 0; i < scope->table_count; i++) {
            const struct scope_table *table = &scope->tables[i];
            if (table->alias && same_text(table->hidden_name, first)) {
                error_hint(err, "table '%s' is called '%s' in this query", first, table->alias);
                return status;
            }
            aliases[count++] = table->alias;
        }
    }
    const char *near = str_nearest(first, aliases, count);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

/* Of names that nothing is near to: what there is, if it is not much. */
static void list_names(const char *const *names, int count, struct error *err) {
    enum { MAX_LISTED = 12 };
    if (count == 0 || count > MAX_LISTED || !names[0]) return;
    struct strbuf text = {0};
    for (int i = 0; i < count; i++) strbuf_printf(&text, "%s%s", i ? ", " : "", names[i]);
    error_detail(err, "the columns are %s", text.data);
    strbuf_free(&text);
}

static void list_columns(const struct scope *scope, struct error *err) {
    enum { MAX_LISTED = 12 };
    const char *names[MAX_LISTED] = {0};
    if (scope->column_count > MAX_LISTED) return;
    for (int i = 0; i < scope->column_count; i++) names[i] = scope->columns[i].raw_name;
    list_names(names, scope->column_count, err);
}

static enum status no_such_column(const struct context *ctx, const struct ast_name *name,
                                  const struct scope_table *table, struct error *err) {
    struct binder *b = ctx->b;
    if (table) {
        const char *column = name->parts[name->count > 1 ? 1 : 0].text;
        enum status status = bind_error(b, err, STATUS_UNDEFINED_COLUMN, &name->node,
                                        "column '%s' not found in table '%s'", column, table->alias);
        const char *near = str_nearest(column, table->raw_names, table->count);
        if (near)
            error_hint(err, "did you mean '%s'?", near);
        else
            list_names(table->raw_names, table->count, err);
        return status;
    }
    const char *column = name->parts[0].text;
    if (name->count > 1) return no_such_table(ctx, name, err);
    enum status status = bind_error(b, err, STATUS_UNDEFINED_COLUMN, &name->node, "column '%s' not found", column);
    if (ctx->column_hint) {
        error_hint(err, "%s", ctx->column_hint);
        return status;
    }
    for (const struct scope *scope = ctx->scope; scope; scope = scope->parent) {
        if (scope_find_table(scope, name, 1)) {
            error_hint(err, "'%s' is a table: write %s.column", column, column);
            return status;
        }
    }
    if (ctx->select && ctx->aliases == ALIASES_HIDDEN) {
        for (int i = 0; i < ctx->select->ast->items.count; i++) {
            const struct ast_select_item *item = AST_AT(ctx->select->ast->items, i, ast_select_item);
            if (item->alias && strcmp(item->alias->text, column) == 0) {
                error_hint(err, "%s cannot use the alias '%s' of the select list: repeat its expression", ctx->clause,
                           column);
                return status;
            }
        }
    }
    const char *near = nearest_column(ctx, column);
    if (near)
        error_hint(err, "did you mean '%s'?", near);
    else if (!ctx->scope)
        error_hint(err, "%s must not refer to columns", ctx->clause);
    else
        list_columns(ctx->scope, err);
    return status;
}

/* The column of an enclosing query, seen from `level` queries further in. */
static struct expr *to_outer(struct binder *b, const struct expr *expr, int level) {
    struct expr *outer = arena_memdup(b->arena, expr, sizeof *expr);
    if (expr->kind == EXPR_COLUMN) {
        outer->kind = EXPR_OUTER;
        outer->outer.level = level;
        outer->outer.index = expr->column.index;
        outer->outer.is_call = false;
        return outer;
    }
    outer->args = ARENA_ARRAY(b->arena, struct expr *, expr->arg_count);
    for (int i = 0; i < expr->arg_count; i++) outer->args[i] = to_outer(b, expr->args[i], level);
    return outer;
}

static enum status resolve_fields(const struct context *ctx, const struct ast_name *name, int from, struct expr *expr,
                                  struct expr **out, struct error *err) {
    for (int i = from; i < name->count; i++) {
        const struct ast_ident *part = &name->parts[i];
        const struct type *type = expr->type;
        if (type->id != TYPE_ROW) {
            return bind_error(ctx->b, err, STATUS_UNDEFINED_COLUMN, &part->node,
                              "'%s' has no field '%s': its type is %s", name->parts[i - 1].text, part->text,
                              type_to_string(ctx->b->arena, type));
        }
        int field = 0;
        while (field < type->child_count && strcmp(type->names[field], part->text) != 0) field++;
        if (field == type->child_count) {
            enum status status = bind_error(ctx->b, err, STATUS_UNDEFINED_COLUMN, &part->node, "'%s' has no field '%s'",
                                            name->parts[i - 1].text, part->text);
            const char *near = str_nearest(part->text, type->names, type->child_count);
            if (near) error_hint(err, "did you mean '%s'?", near);
            return status;
        }
        expr = expr_at(ctx->b, expr_field(ctx->b->arena, expr, field), &name->node);
    }
    *out = expr;
    return STATUS_OK;
}

static enum status resolve_column(const struct context *ctx, const struct ast_name *name, struct expr **out,
                                  struct error *err) {
    const struct scope_table *near = NULL;
    int level = 0;
    for (struct scope *scope = ctx->scope; scope; scope = scope->parent, level++) {
        struct match match;
        bool found;
        TRY(match_in_scope(ctx, scope, level, name, &match, &found, &near, err));
        if (!found) continue;
        struct expr *expr = scope_column_expr(ctx->b, scope, &match.column);
        if (level > 0) {
            scope->outer_used = true;
            expr = to_outer(ctx->b, expr, level);
        }
        return resolve_fields(ctx, name, match.used, expr_at(ctx->b, expr, &name->node), out, err);
    }
    return no_such_column(ctx, name, near, err);
}

/* The select item that a plain name is an alias of; NULL none. */
static enum status resolve_alias(const struct context *ctx, const struct ast_name *name, struct expr **out,
                                 struct error *err) {
    *out = NULL;
    if (!ctx->select || name->count != 1) return STATUS_OK;
    for (int i = 0; i < ctx->select->item_count; i++) {
        const struct select_item *item = &ctx->select->items[i];
        if (strcmp(item->name, name->parts[0].text) != 0) continue;
        if (*out && !same_expr(*out, item->expr)) {
            return bind_error(ctx->b, err, STATUS_AMBIGUOUS_NAME, &name->node, "column '%s' is ambiguous", item->name);
        }
        *out = item->expr;
    }
    return STATUS_OK;
}

enum status scope_resolve(const struct context *ctx, const struct ast_name *name, struct expr **out,
                          struct error *err) {
    struct expr *alias = NULL;
    if (ctx->aliases == ALIASES_FIRST) {
        TRY(resolve_alias(ctx, name, &alias, err));
    } else if (ctx->aliases == ALIASES_LAST && name->count == 1 && ctx->scope &&
               find_column(ctx->scope, name->parts[0].text) == -1) {
        TRY(resolve_alias(ctx, name, &alias, err));
    }
    if (alias) {
        *out = alias;
        return STATUS_OK;
    }
    return resolve_column(ctx, name, out, err);
}
