/* UPDATE and DELETE: the rows that WHERE keeps are read from the table; what is written back is their key, and the new values. */
#include "bind/bind_private.h"
#include "types/cast.h"

struct modification {
    struct binder b;
    const struct table *table;
    struct rel *rel;     /* columns as in the table */
    struct scope *scope; /* over them */
    struct bound_insert out;
    int *columns; /* written */
    struct expr **exprs;
};

static enum status bind_rows(struct modification *m, const struct ast_name *name, const struct ast_list *hints,
                             const struct ast_ident *alias, const struct ast_node *where, const char *verb,
                             struct error *err) {
    struct binder *b = &m->b;
    TRY(find_table(b, name, &m->table, err));
    TRY(check_target(b, m->table, &name->node, verb, err));
    TRY(apply_option_hints(b, m->table, hints, &m->table, err));
    TRY(bind_base_table(b, m->table, &name->node, false, &m->rel, err));
    m->scope = scope_of_rel(b, NULL, m->rel, alias ? alias->text : m->table->name, NULL);
    if (!alias) {
        m->scope->tables->catalog = m->table->catalog;
        m->scope->tables->database = m->table->database;
    }
    m->out.table = m->table;
    m->columns = ARENA_ARRAY(b->arena, int, m->table->column_count);
    m->exprs = ARENA_ARRAY(b->arena, struct expr *, m->table->column_count);
    if (!where) return STATUS_OK;
    struct context ctx = {.b = b, .scope = m->scope, .clause = "WHERE"};
    struct expr *condition;
    TRY(bind_condition(&ctx, where, &condition, err));
    TRY_REL(m->rel, b, filter(b, m->rel, condition), where, err);
    return STATUS_OK;
}

static bool in_key(const struct table *table, int column) {
    for (int k = 0; k < table->primary_key_count; k++)
        if (table->primary_key[k] == column) return true;
    return false;
}

static void add_written(struct modification *m, int column, struct expr *expr) {
    m->columns[m->out.column_count] = column;
    m->exprs[m->out.column_count++] = expr;
}

static void add_key(struct modification *m) {
    for (int i = 0; i < m->table->column_count; i++) {
        bool wanted = m->table->primary_key_count ? in_key(m->table, i) : m->table->columns[i].kind == COLUMN_PHYSICAL;
        if (wanted) add_written(m, i, column_of(&m->b, m->rel, i));
    }
}

static enum status finish(struct modification *m, const struct ast_node *node, struct bound_insert *out,
                          struct error *err) {
    struct binder *b = &m->b;
    const char **names = ARENA_ARRAY(b->arena, const char *, m->out.column_count);
    for (int i = 0; i < m->out.column_count; i++) names[i] = m->table->columns[m->columns[i]].name;
    TRY_REL(m->out.rel, b, project(b, m->rel, m->out.column_count, m->exprs, names), node, err);
    if (rel_depth(m->out.rel) > REL_MAX_DEPTH) {
        return bind_error(b, err, STATUS_LIMIT_EXCEEDED, node, "the statement is nested deeper than %d nodes",
                          REL_MAX_DEPTH);
    }
    m->out.columns = m->columns;
    m->out.offset = node->offset;
    m->out.length = node->length;
    *out = m->out;
    return STATUS_OK;
}

/* ---- SET ---- */

/* a, or t.a */
static enum status find_assigned(struct modification *m, const struct ast_name *name, int *column, struct error *err) {
    struct binder *b = &m->b;
    const char *last = name->parts[name->count - 1].text;
    if (name->count > 1 && !scope_find_table(m->scope, name, name->count - 1)) {
        return not_supported(b, err, &name->node, "setting a field of a ROW column alone");
    }
    TRY(find_target(b, m->table, &name->node, last, column, err));
    if (in_key(m->table, *column)) {
        enum status status =
            bind_error(b, err, STATUS_INVALID_QUERY, &name->node,
                       "column '%s' is part of the primary key of '%s' and cannot be changed", last, m->table->name);
        error_hint(err, "DELETE the row and INSERT another one");
        return status;
    }
    for (int i = 0; i < m->out.column_count; i++) {
        if (m->columns[i] == *column) {
            return bind_error(b, err, STATUS_DUPLICATE_NAME, &name->node, "SET names column '%s' twice", last);
        }
    }
    return STATUS_OK;
}

enum status bind_assigned(const struct context *ctx, const struct ast_node *value, const struct table_column *target,
                          struct expr **out, struct error *err) {
    struct binder *b = ctx->b;
    struct expr *expr, *number;
    TRY(bind_expr(ctx, value, &expr, err));
    expr = expr_fold(b->arena, expr);
    if (expr->type->id == TYPE_NULL && !target->type->nullable) {
        return bind_error(b, err, STATUS_NULL_NOT_ALLOWED, value, "NULL for column '%s', which is NOT NULL",
                          target->name);
    }
    if (!assignable(expr->type, target->type)) {
        if (exact_number(b, expr, target->type, &number)) {
            *out = number;
            return STATUS_OK;
        }
        enum status status =
            bind_error(b, err, STATUS_TYPE_MISMATCH, value, "column '%s' has type %s, its new value %s", target->name,
                       type_to_string(b->arena, target->type), type_to_string(b->arena, expr->type));
        if (cast_allowed(expr->type, target->type)) {
            error_hint(err, "CAST(... AS %s)",
                       type_to_string(b->arena, type_with_nullable(b->arena, target->type, true)));
        }
        return status;
    }
    *out = implicit_cast(b, expr, written_type(b, expr->type, target->type));
    return STATUS_OK;
}

enum status bind_update(struct bind_env *env, const struct ast_update *update, struct bound_insert *out,
                        struct error *err) {
    struct modification m = {.out = {.kind = BOUND_UPDATE}};
    binder_init(&m.b, env);
    TRY(bind_rows(&m, update->table, &update->hints, update->alias, update->where, "update", err));
    if (!m.table->primary_key_count) {
        return bind_error(&m.b, err, STATUS_INVALID_QUERY, &update->table->node,
                          "UPDATE needs a table with a primary key, '%s' has none", m.table->name);
    }
    add_key(&m);
    for (int i = 0; i < update->assignments.count; i++) {
        const struct ast_assignment *assignment = AST_AT(update->assignments, i, ast_assignment);
        int column;
        struct expr *expr = NULL;
        TRY(find_assigned(&m, assignment->target, &column, err));
        struct context ctx = {.b = &m.b, .scope = m.scope, .clause = "SET"};
        TRY(bind_assigned(&ctx, assignment->value, &m.table->columns[column], &expr, err));
        add_written(&m, column, expr);
    }
    return finish(&m, &update->node, out, err);
}

enum status bind_delete(struct bind_env *env, const struct ast_delete *delete, struct bound_insert *out,
                        struct error *err) {
    struct modification m = {.out = {.kind = BOUND_DELETE}};
    binder_init(&m.b, env);
    TRY(bind_rows(&m, delete->table, &delete->hints, delete->alias, delete->where, "delete from", err));
    add_key(&m);
    return finish(&m, &delete->node, out, err);
}
