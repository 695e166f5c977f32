/* ALTER TABLE: a definition with other columns, another key or watermark. The rules are Flink's: a column that a computed column,
 * the watermark, the key or PARTITIONED BY needs is neither dropped nor renamed (but for the key: it may be renamed). */
#include "bind/bind_draft.h"

struct alteration {
    struct draft draft;
    const struct ast_alter *ast;
    /* By name, since positions move. */
    const char **key_names, **partition_names;
    const struct ast_node **key_nodes;
    int key_count, partition_count;
    bool new_key;
    const char *watermark_name; /* NULL: none */
};

/* ---- which columns others need ---- */

struct mention {
    const char *table, *column;
    bool found;
};

static bool look_for_mention(struct ast_node *node, void *data) {
    struct mention *mention = data;
    if (node->kind == AST_COLUMN_REF) {
        const struct ast_name *name = AST_AS(node, ast_column_ref)->name;
        const char *first = name->parts[0].text;
        if (strcmp(first, mention->column) == 0) mention->found = true;
        if (name->count > 1 && strcmp(first, mention->table) == 0 && strcmp(name->parts[1].text, mention->column) == 0)
            mention->found = true;
    }
    return !mention->found && ast_each_child(node, look_for_mention, data);
}

/* Does a stored expression name the column? */
static bool mentions(struct alteration *a, const char *text, const char *column) {
    struct ast_node *expr;
    struct mention mention = {.table = a->draft.table.name, .column = column};
    if (!text || parse_expression(text, strlen(text), a->draft.b->arena, &expr, NULL) != STATUS_OK) return false;
    look_for_mention(expr, &mention);
    return mention.found;
}

static bool is_named(const struct ast_list *names, const char *column) {
    for (int i = 0; i < names->count; i++)
        if (strcmp(AST_AT(*names, i, ast_name)->parts[0].text, column) == 0) return true;
    return false;
}

static bool contains_name(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* going: columns that are dropped by the same statement. */
static enum status check_free(struct alteration *a, const struct ast_name *name, const char *what,
                              const struct ast_list *going, struct error *err) {
    struct draft *draft = &a->draft;
    const char *column = name->parts[0].text;
    for (int i = 0; i < draft->column_count; i++) {
        const struct table_column *other = &draft->columns[i].column;
        if (other->kind != COLUMN_COMPUTED || is_named(going, other->name) || !mentions(a, other->expression, column))
            continue;
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &name->node,
                          "column '%s' cannot be %s: computed column '%s' needs it", column, what, other->name);
    }
    if (a->watermark_name &&
        (strcmp(a->watermark_name, column) == 0 || mentions(a, draft->table.watermark_expression, column))) {
        enum status status = bind_error(draft->b, err, STATUS_INVALID_QUERY, &name->node,
                                        "column '%s' cannot be %s: the watermark needs it", column, what);
        error_hint(err, "ALTER TABLE %s DROP WATERMARK", draft->table.name);
        return status;
    }
    if (contains_name(a->partition_names, a->partition_count, column))
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &name->node,
                          "column '%s' cannot be %s: it is in PARTITIONED BY", column, what);
    return STATUS_OK;
}

/* ---- actions ---- */

static enum status find_column(struct alteration *a, const struct ast_name *name, int *out, struct error *err) {
    struct draft *draft = &a->draft;
    if (name->count > 1) return not_supported(draft->b, err, &name->node, "changing a field of a ROW column");
    *out = draft_find(draft, name->parts[0].text);
    if (*out >= 0) return STATUS_OK;
    return draft_no_column(draft, &name->node, name->parts[0].text,
                           arena_printf(draft->b->arena, "table '%s'", draft->table.name), err);
}

static enum status rename_column(struct alteration *a, struct error *err) {
    struct draft *draft = &a->draft;
    static const struct ast_list none = {0};
    int at = -1;
    TRY(find_column(a, a->ast->column, &at, err));
    const char *from = draft->columns[at].column.name, *to = a->ast->new_name->parts[0].text;
    if (a->ast->new_name->count > 1)
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &a->ast->new_name->node,
                          "the new name of a column has one part");
    if (draft_find(draft, to) >= 0)
        return bind_error(draft->b, err, STATUS_DUPLICATE_NAME, &a->ast->new_name->node,
                          "the table has a column '%s' already", to);
    TRY(check_free(a, a->ast->column, "renamed", &none, err));
    draft->columns[at].column.name = to;
    for (int i = 0; i < a->key_count; i++)
        if (strcmp(a->key_names[i], from) == 0) a->key_names[i] = to;
    return STATUS_OK;
}

static enum status drop_columns(struct alteration *a, struct error *err) {
    struct draft *draft = &a->draft;
    const struct ast_list *names = &a->ast->columns;
    for (int i = 0; i < names->count; i++) {
        const struct ast_name *name = AST_AT(*names, i, ast_name);
        int at = -1;
        TRY(find_column(a, name, &at, err));
        for (int k = 0; k < i; k++)
            if (strcmp(AST_AT(*names, k, ast_name)->parts[0].text, name->parts[0].text) == 0)
                return bind_error(draft->b, err, STATUS_DUPLICATE_NAME, &name->node, "column '%s' is named twice",
                                  name->parts[0].text);
        TRY(check_free(a, name, "dropped", names, err));
        if (contains_name(a->key_names, a->key_count, name->parts[0].text))
            return bind_error(draft->b, err, STATUS_INVALID_QUERY, &name->node,
                              "column '%s' cannot be dropped: it is part of the primary key", name->parts[0].text);
    }
    int kept = 0;
    for (int i = 0; i < draft->column_count; i++)
        if (!is_named(names, draft->columns[i].column.name)) draft->columns[kept++] = draft->columns[i];
    draft->column_count = kept;
    if (kept) return STATUS_OK;
    return bind_error(draft->b, err, STATUS_INVALID_QUERY, &a->ast->node, "a table cannot lose all its columns");
}

/* Moves the column at `from` to where its clause says. */
static enum status place_column(struct alteration *a, int from, const struct ast_column_def *ast, struct error *err) {
    struct draft *draft = &a->draft;
    if (ast->position == AST_POSITION_DEFAULT || ast->position == AST_POSITION_STATIC) return STATUS_OK;
    int to = 0;
    if (ast->position == AST_POSITION_AFTER) {
        int after = -1;
        TRY(find_column(a, ast->after, &after, err));
        if (after == from)
            return bind_error(draft->b, err, STATUS_INVALID_QUERY, &ast->after->node,
                              "column '%s' cannot stand behind itself", draft->columns[from].column.name);
        to = after < from ? after + 1 : after;
    }
    struct draft_column moved = draft->columns[from];
    for (; from > to; from--) draft->columns[from] = draft->columns[from - 1];
    for (; from < to; from++) draft->columns[from] = draft->columns[from + 1];
    draft->columns[to] = moved;
    return STATUS_OK;
}

static enum status put_column(struct alteration *a, const struct ast_column_def *ast, struct error *err) {
    struct draft *draft = &a->draft;
    bool adds = a->ast->action == AST_ALTER_ADD;
    struct table_column column;
    int at = -1;
    if (ast->name->count > 1) return not_supported(draft->b, err, &ast->name->node, "changing a field of a ROW column");
    TRY(draft_bind_column(draft, ast, &column, err));
    at = draft_find(draft, column.name);
    if (!adds) {
        TRY(find_column(a, ast->name, &at, err));
        if (!column.comment) column.comment = draft->columns[at].column.comment;
        draft->columns[at] = (struct draft_column){column, ast};
    } else {
        if (at >= 0) {
            enum status status = bind_error(draft->b, err, STATUS_DUPLICATE_NAME, &ast->name->node,
                                            "the table has a column '%s' already", column.name);
            error_hint(err, "ALTER TABLE %s MODIFY %s …", draft->table.name, column.name);
            return status;
        }
        draft_add_column(draft, &column, ast);
        at = draft->column_count - 1;
        if (draft->column_count > REL_MAX_COLUMNS)
            return bind_error(draft->b, err, STATUS_LIMIT_EXCEEDED, &ast->node, "more than %d columns",
                              REL_MAX_COLUMNS);
    }
    return place_column(a, at, ast, err);
}

static void set_key_names(struct alteration *a, const struct ast_list *columns, const char *single,
                          const struct ast_node *node) {
    struct arena *arena = a->draft.b->arena;
    int count = single ? 1 : columns->count;
    a->key_names = ARENA_ARRAY(arena, const char *, count + 1);
    a->key_nodes = ARENA_ARRAY(arena, const struct ast_node *, count + 1);
    for (int i = 0; i < count; i++) {
        a->key_names[i] = single ? single : AST_AT(*columns, i, ast_ident)->text;
        a->key_nodes[i] = single ? node : columns->items[i];
    }
    a->key_count = count;
    a->new_key = true;
}

static enum status put_key(struct alteration *a, const struct ast_constraint *constraint, const char *single,
                           const struct ast_node *node, struct error *err) {
    struct draft *draft = &a->draft;
    bool adds = a->ast->action == AST_ALTER_ADD;
    TRY(draft_check_constraint(draft, constraint, false, err));
    if (adds ? a->key_count > 0 : a->key_count == 0) {
        enum status status = bind_error(draft->b, err, STATUS_INVALID_QUERY, &constraint->node,
                                        adds ? "the table has a primary key already" : "the table has no primary key");
        error_hint(err, "ALTER TABLE %s %s PRIMARY KEY …", draft->table.name, adds ? "MODIFY" : "ADD");
        return status;
    }
    if (a->new_key)
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &constraint->node, "the table has two primary keys");
    set_key_names(a, &constraint->columns, single, node);
    return STATUS_OK;
}

static enum status put_watermark(struct alteration *a, struct error *err) {
    struct draft *draft = &a->draft;
    const struct ast_list *watermarks = &a->ast->spec.watermarks;
    bool adds = a->ast->action == AST_ALTER_ADD;
    if (watermarks->count == 0) return STATUS_OK;
    const struct ast_watermark *watermark = AST_AT(*watermarks, 0, ast_watermark);
    if (watermarks->count > 1)
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, watermarks->items[1], "a table has one watermark only");
    if (adds == (a->watermark_name != NULL)) {
        enum status status = bind_error(draft->b, err, STATUS_INVALID_QUERY, &watermark->node,
                                        adds ? "the table has a watermark already" : "the table has no watermark");
        error_hint(err, "ALTER TABLE %s %s WATERMARK FOR …", draft->table.name, adds ? "MODIFY" : "ADD");
        return status;
    }
    if (watermark->column->count > 1)
        return not_supported(draft->b, err, &watermark->column->node, "a watermark on a field of a ROW column");
    int at = -1;
    TRY(find_column(a, watermark->column, &at, err));
    a->watermark_name = draft->columns[at].column.name;
    draft->table.watermark_expression = draft_expression_text(draft->b, watermark->expr);
    draft->watermark_node = &watermark->column->node;
    draft->watermark_expr = watermark->expr;
    return STATUS_OK;
}

static enum status no_buckets(struct alteration *a, const struct ast_node *node, struct error *err) {
    enum status status = bind_error(a->draft.b, err, STATUS_NOT_SUPPORTED, node,
                                    "tables have no DISTRIBUTION: nothing is kept in buckets");
    error_hint(err, "tables in Cassandra and in the store are distributed by their partition key");
    return status;
}

static enum status put_elements(struct alteration *a, struct error *err) {
    const struct ast_table_spec *spec = &a->ast->spec;
    if (spec->distribution) return no_buckets(a, &spec->distribution->node, err);
    for (int i = 0; i < spec->columns.count; i++) {
        const struct ast_column_def *column = AST_AT(spec->columns, i, ast_column_def);
        TRY(put_column(a, column, err));
        if (column->constraint) TRY(put_key(a, column->constraint, column->name->parts[0].text, &column->node, err));
    }
    for (int i = 0; i < spec->constraints.count; i++)
        TRY(put_key(a, AST_AT(spec->constraints, i, ast_constraint), NULL, NULL, err));
    return put_watermark(a, err);
}

static enum status drop_key(struct alteration *a, struct error *err) {
    struct draft *draft = &a->draft;
    if (a->key_count == 0)
        return bind_error(draft->b, err, STATUS_INVALID_QUERY, &a->ast->node, "the table has no primary key");
    if (a->ast->action == AST_ALTER_DROP_CONSTRAINT) {
        enum status status = bind_error(draft->b, err, STATUS_UNDEFINED_NAME, &a->ast->column->node,
                                        "the table has no constraint '%s': names of constraints are not kept",
                                        a->ast->column->parts[0].text);
        error_hint(err, "ALTER TABLE %s DROP PRIMARY KEY", draft->table.name);
        return status;
    }
    a->key_count = 0;
    a->new_key = true;
    return STATUS_OK;
}

static enum status drop_watermark(struct alteration *a, struct error *err) {
    if (!a->watermark_name)
        return bind_error(a->draft.b, err, STATUS_INVALID_QUERY, &a->ast->node, "the table has no watermark");
    a->watermark_name = NULL;
    a->draft.table.watermark_expression = NULL;
    return STATUS_OK;
}

static enum status act(struct alteration *a, struct error *err) {
    switch (a->ast->action) {
    case AST_ALTER_RENAME_COLUMN: return rename_column(a, err);
    case AST_ALTER_ADD:
    case AST_ALTER_MODIFY: return put_elements(a, err);
    case AST_ALTER_DROP_COLUMNS: return drop_columns(a, err);
    case AST_ALTER_DROP_PRIMARY_KEY:
    case AST_ALTER_DROP_CONSTRAINT: return drop_key(a, err);
    case AST_ALTER_DROP_WATERMARK: return drop_watermark(a, err);
    case AST_ALTER_DROP_DISTRIBUTION: return no_buckets(a, &a->ast->node, err);
    default: return not_supported(a->draft.b, err, &a->ast->node, "this ALTER TABLE");
    }
}

/* ---- the statement ---- */

static void start(struct alteration *a, const struct table *base) {
    struct draft *draft = &a->draft;
    struct arena *arena = draft->b->arena;
    for (int i = 0; i < base->column_count; i++) draft_add_column(draft, &base->columns[i], NULL);
    a->key_count = base->primary_key_count;
    a->key_names = ARENA_ARRAY(arena, const char *, a->key_count + 1);
    a->key_nodes = ARENA_ARRAY(arena, const struct ast_node *, a->key_count + 1);
    for (int i = 0; i < a->key_count; i++) {
        a->key_names[i] = base->columns[base->primary_key[i]].name;
        a->key_nodes[i] = &a->ast->node;
    }
    a->partition_count = base->partitioned_by_count;
    a->partition_names = ARENA_ARRAY(arena, const char *, a->partition_count + 1);
    for (int i = 0; i < a->partition_count; i++) a->partition_names[i] = base->columns[base->partitioned_by[i]].name;
    a->watermark_name = base->watermark_column >= 0 ? base->columns[base->watermark_column].name : NULL;
}

/* Names to positions again; keys that stay keep their shape. */
static enum status finish(struct alteration *a, const struct table *base, struct error *err) {
    struct draft *draft = &a->draft;
    struct table *table = &draft->table;
    table->primary_key_count = table->partition_key_count = 0;
    table->primary_key = NULL;
    if (a->new_key) table->clustering_descending = NULL;
    if (a->key_count) TRY(draft_set_key(draft, a->key_names, a->key_nodes, a->key_count, err));
    if (!a->new_key) table->partition_key_count = base->partition_key_count;
    int *partitions = ARENA_ARRAY(draft->b->arena, int, a->partition_count + 1);
    for (int i = 0; i < a->partition_count; i++) partitions[i] = draft_find(draft, a->partition_names[i]);
    table->partitioned_by = partitions;
    table->watermark_column = a->watermark_name ? draft_find(draft, a->watermark_name) : -1;
    for (int i = 0; i < a->partition_count; i++)
        if (draft->columns[partitions[i]].column.kind != COLUMN_PHYSICAL)
            return bind_error(draft->b, err, STATUS_INVALID_QUERY, &a->ast->node,
                              "partition column '%s' must be physical", a->partition_names[i]);
    struct rel *rel = NULL;
    TRY(draft_bind_computed(draft, &rel, err));
    TRY(draft_bind_watermark(draft, rel, err));
    draft_copy_columns(draft);
    return STATUS_OK;
}

enum status bind_alter_table(struct bind_env *env, const struct table *base, const struct ast_alter *alter,
                             struct table *out, struct error *err) {
    struct binder b;
    binder_init(&b, env);
    struct alteration a = {.draft = {.b = &b, .base_node = &alter->node, .table = *base}, .ast = alter};
    start(&a, base);
    TRY(act(&a, err));
    TRY(finish(&a, base, err));
    *out = a.draft.table;
    return STATUS_OK;
}
