/* MERGE: the source is joined with the table once; the rows that some clause applies to are held by the session, with the number of the
 * clause and the values that it writes. The changes are then read from there, so what is written cannot change what is found. */
#include "bind/bind_private.h"

struct merge {
    struct binder b;
    const struct ast_merge *ast;
    const struct table *table;
    struct rel *target, *source, *joined; /* source columns, table columns, TRUE where matched */
    struct scope *source_scope, *both;    /* over joined */
    struct held_query *held;              /* key columns, clause number, values of all clauses */
    struct expr **values;                 /* of held's base, over joined and the clause number behind it */
    const char **names;
    int value_count, key_count;
    const int *keys; /* positions in table->columns, ascending */
};

static enum status bind_sides(struct merge *m, struct error *err) {
    struct binder *b = &m->b;
    const struct ast_merge *ast = m->ast;
    TRY(find_table(b, ast->table, &m->table, err));
    TRY(check_target(b, m->table, &ast->table->node, "merge into", err));
    if (!m->table->primary_key_count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &ast->table->node,
                          "MERGE needs a table with a primary key, '%s' has none", m->table->name);
    }
    TRY(apply_option_hints(b, m->table, &ast->hints, &m->table, err));
    TRY(bind_base_table(b, m->table, &ast->table->node, false, &m->target, err));
    TRY(bind_from(b, ast->source, NULL, NULL, &m->source, &m->source_scope, err));
    struct scope *target = scope_of_rel(b, NULL, m->target, ast->alias ? ast->alias->text : m->table->name, NULL);
    TRY(scope_combine(b, m->source_scope, target, &ast->table->node, &m->both, err));
    /* the mark comes last, where no name reaches it */
    int count = m->target->schema.column_count;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count + 1), *on;
    const char **names = ARENA_ARRAY(b->arena, const char *, count + 1);
    for (int i = 0; i < count; i++) {
        exprs[i] = column_of(b, m->target, i);
        names[i] = m->target->schema.names[i];
    }
    exprs[count] = boolean_constant(b, true);
    names[count] = "$matched";
    TRY_REL(m->target, b, rel_project(b->arena, m->target, count + 1, exprs, names), &ast->node, err);
    struct context ctx = {.b = b, .scope = m->both, .clause = "ON"};
    TRY(bind_condition(&ctx, ast->on, &on, err));
    TRY_REL(m->joined, b, rel_join(b->arena, m->source, m->target, JOIN_LEFT, expr_fold(b->arena, on)), &ast->node,
            err);
    scope_set_rel(m->both, m->joined);
    scope_set_rel(m->source_scope, m->joined); /* its columns come first */
    return STATUS_OK;
}

static void find_keys(struct merge *m) {
    int *keys = ARENA_ARRAY(m->b.arena, int, m->table->primary_key_count);
    for (int i = 0; i < m->table->column_count; i++)
        for (int k = 0; k < m->table->primary_key_count; k++)
            if (m->table->primary_key[k] == i) keys[m->key_count++] = i;
    m->keys = keys;
}

/* Which clause applies to a row: its number from 1, 0 for none. */
static enum status bind_action(struct merge *m, struct expr **out, struct error *err) {
    struct binder *b = &m->b;
    const struct ast_list *clauses = &m->ast->clauses;
    int mark = m->joined->schema.column_count - 1;
    const struct type *int_type = type_with_nullable(b->arena, type_of(TYPE_INT), false);
    struct expr **args = ARENA_ARRAY(b->arena, struct expr *, 2 * clauses->count + 1);
    for (int i = 0; i < clauses->count; i++) {
        const struct ast_merge_clause *clause = AST_AT(*clauses, i, ast_merge_clause);
        bool matched = clause->action != AST_MERGE_INSERT;
        struct context ctx = {.b = b, .scope = matched ? m->both : m->source_scope, .clause = "WHEN"};
        struct expr **both = ARENA_ARRAY(b->arena, struct expr *, 2), **arg = ARENA_ARRAY(b->arena, struct expr *, 1);
        arg[0] = column_of(b, m->joined, mark);
        TRY(call(&ctx, matched ? "IS NOT NULL" : "IS NULL", arg, 1, &clause->node, &both[0], err));
        if (clause->condition) TRY(bind_condition(&ctx, clause->condition, &both[1], err));
        args[2 * i] = expr_and(b->arena, both, clause->condition ? 2 : 1);
        struct value number = value_i64(int_type, i + 1);
        args[2 * i + 1] = expr_const(b->arena, &number);
    }
    struct value none = value_i64(int_type, 0);
    args[2 * clauses->count] = expr_const(b->arena, &none);
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_CASE, .type = int_type, .offset = -1, .arg_count = 2 * clauses->count + 1};
    expr->args = args;
    *out = expr;
    return STATUS_OK;
}

static enum status action_is(struct merge *m, struct expr *action, int number, struct expr **out, struct error *err) {
    struct context ctx = {.b = &m->b, .clause = "MERGE"};
    struct value value = value_i64(type_with_nullable(m->b.arena, type_of(TYPE_INT), false), number);
    struct expr **args = ARENA_ARRAY(m->b.arena, struct expr *, 2);
    args[0] = action;
    args[1] = expr_const(m->b.arena, &value);
    return call(&ctx, "=", args, 2, &m->ast->node, out, err);
}

/* Adds a value that clause `number` writes: computed for its rows only. */
static enum status add_value(struct merge *m, struct expr *value, int number, const char *name, struct error *err) {
    struct binder *b = &m->b;
    const struct type *int_type = type_with_nullable(b->arena, type_of(TYPE_INT), false);
    struct expr *expr = ARENA_NEW(b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_CASE,
                          .type = type_with_nullable(b->arena, value->type, true),
                          .offset = value->offset,
                          .length = value->length,
                          .arg_count = 3};
    expr->args = ARENA_ARRAY(b->arena, struct expr *, 3);
    struct expr *action = expr_column(b->arena, m->joined->schema.column_count, int_type);
    TRY(action_is(m, action, number, &expr->args[0], err));
    expr->args[1] = value;
    expr->args[2] = expr_null(b->arena, expr->type);
    m->values[m->value_count] = expr;
    m->names[m->value_count++] = arena_printf(b->arena, "$%d_%s", number, name);
    return STATUS_OK;
}

/* ---- clauses ---- */

static bool is_written(const struct bound_insert *change, int column) {
    for (int i = 0; i < change->column_count; i++)
        if (change->columns[i] == column) return true;
    return false;
}

static enum status bind_merge_update(struct merge *m, const struct ast_merge_clause *clause, int number,
                                     struct bound_insert *out, int *columns, struct error *err) {
    struct binder *b = &m->b;
    for (int i = 0; i < clause->assignments.count; i++) {
        const struct ast_assignment *assignment = AST_AT(clause->assignments, i, ast_assignment);
        const struct ast_name *target = assignment->target;
        const char *last = target->parts[target->count - 1].text;
        int column;
        struct expr *value;
        if (target->count > 1 && !scope_find_table(m->both, target, target->count - 1))
            return not_supported(b, err, &target->node, "setting a field of a ROW column alone");
        TRY(find_target(b, m->table, &target->node, last, &column, err));
        for (int k = 0; k < m->key_count; k++) {
            if (m->keys[k] != column) continue;
            return bind_error(b, err, STATUS_INVALID_QUERY, &target->node,
                              "column '%s' is part of the primary key of '%s' and cannot be changed", last,
                              m->table->name);
        }
        if (is_written(out, column))
            return bind_error(b, err, STATUS_DUPLICATE_NAME, &target->node, "SET names column '%s' twice", last);
        struct context ctx = {.b = b, .scope = m->both, .clause = "SET"};
        TRY(bind_assigned(&ctx, assignment->value, &m->table->columns[column], &value, err));
        columns[out->column_count++] = column;
        TRY(add_value(m, value, number, last, err));
    }
    return STATUS_OK;
}

static enum status bind_merge_insert(struct merge *m, const struct ast_merge_clause *clause, int number,
                                     struct bound_insert *out, int *columns, struct error *err) {
    struct binder *b = &m->b;
    const struct ast_list *values = &clause->values->elements;
    for (int i = 0; i < clause->columns.count; i++) {
        const struct ast_ident *ident = AST_AT(clause->columns, i, ast_ident);
        int column;
        TRY(find_target(b, m->table, &ident->node, ident->text, &column, err));
        if (is_written(out, column))
            return bind_error(b, err, STATUS_DUPLICATE_NAME, &ident->node, "column '%s' is named twice", ident->text);
        columns[out->column_count++] = column;
    }
    for (int i = 0; !clause->columns.count && i < m->table->column_count; i++)
        if (m->table->columns[i].kind == COLUMN_PHYSICAL) columns[out->column_count++] = i;
    if (values->count != out->column_count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &clause->values->node, "INSERT has %d columns and %d value%s",
                          out->column_count, values->count, values->count == 1 ? "" : "s");
    }
    for (int k = 0; k < m->key_count; k++) {
        if (is_written(out, m->keys[k])) continue;
        return bind_error(b, err, STATUS_INVALID_QUERY, &clause->node, "INSERT leaves out the key column '%s'",
                          m->table->columns[m->keys[k]].name);
    }
    struct context ctx = {.b = b, .scope = m->source_scope, .clause = "VALUES"};
    for (int i = 0; i < values->count; i++) {
        struct expr *value;
        TRY(bind_assigned(&ctx, values->items[i], &m->table->columns[columns[i]], &value, err));
        TRY(add_value(m, value, number, m->table->columns[columns[i]].name, err));
    }
    return STATUS_OK;
}

/* The change's rows: those held rows that the clause applies to, first the key (of INSERT: nothing), then its values. */
static enum status change_rows(struct merge *m, const struct ast_merge_clause *clause, int number, int first,
                               int value_count, struct bound_insert *change, struct error *err) {
    struct binder *b = &m->b;
    struct rel *rel;
    const struct held_query *held = m->held;
    TRY_REL(rel, b, rel_rows(b->arena, held->schema, &held->rows, m->held, held->name), &clause->node, err);
    struct expr *mine;
    TRY(action_is(m, column_of(b, rel, m->key_count), number, &mine, err));
    TRY_REL(rel, b, rel_filter(b->arena, rel, mine), &clause->node, err);
    int keys = clause->action == AST_MERGE_INSERT ? 0 : m->key_count, count = keys + value_count;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count);
    const char **names = ARENA_ARRAY(b->arena, const char *, count);
    for (int i = 0; i < count; i++) {
        int at = i < keys ? i : first + i - keys;
        struct expr *column = column_of(b, rel, at);
        exprs[i] = i < keys ? expr_cast(b->arena, column, m->table->columns[m->keys[i]].type, false) : column;
        names[i] = m->table->columns[change->columns[i]].name;
    }
    TRY_REL(change->rel, b, rel_project(b->arena, rel, count, exprs, names), &clause->node, err);
    return STATUS_OK;
}

/* Column k of the key that a held row writes: what its INSERT gives, else that of the row it is matched with. */
static enum status written_key(struct merge *m, const struct rel *rel, const struct bound_insert *changes,
                               const int *firsts, int k, struct expr **out, struct error *err) {
    struct binder *b = &m->b;
    const struct type *type = type_with_nullable(b->arena, m->table->columns[m->keys[k]].type, true);
    int clauses = m->ast->clauses.count, count = 0;
    struct expr **args = ARENA_ARRAY(b->arena, struct expr *, 2 * clauses + 1);
    for (int i = 0; i < clauses; i++) {
        if (changes[i].kind != BOUND_INSERT) continue;
        int at = 0;
        while (changes[i].columns[at] != m->keys[k]) at++;
        TRY(action_is(m, column_of(b, rel, m->key_count), i + 1, &args[count++], err));
        args[count++] = expr_cast(b->arena, column_of(b, rel, firsts[i] + at), type, false);
    }
    args[count++] = expr_cast(b->arena, column_of(b, rel, k), type, false);
    *out = args[0];
    if (count == 1) return STATUS_OK;
    *out = ARENA_NEW(b->arena, struct expr);
    **out = (struct expr){.kind = EXPR_CASE, .type = type, .offset = -1, .arg_count = count, .args = args};
    return STATUS_OK;
}

/* A row of the table that several source rows would change or insert: there must be none. */
static enum status bind_doubles(struct merge *m, const struct bound_insert *changes, const int *firsts,
                                struct rel **out, struct error *err) {
    struct binder *b = &m->b;
    struct context ctx = {.b = b, .clause = "MERGE"};
    struct rel *rel;
    TRY_REL(rel, b, rel_rows(b->arena, m->held->schema, &m->held->rows, m->held, m->held->name), &m->ast->node, err);
    int *keys = ARENA_ARRAY(b->arena, int, m->key_count);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, m->key_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, m->key_count);
    for (int k = 0; k < m->key_count; k++) {
        keys[k] = k;
        names[k] = m->table->columns[m->keys[k]].name;
        TRY(written_key(m, rel, changes, firsts, k, &exprs[k], err));
    }
    TRY_REL(rel, b, rel_project(b->arena, rel, m->key_count, exprs, names), &m->ast->node, err);
    struct aggregate_call rows = {.filter = -1, .name = "$rows"};
    TRY(aggregate_bind(b->arena, str_from("COUNT"), NULL, 0, false, -1, 0, &rows.function, err));
    TRY_REL(rel, b, rel_aggregate(b->arena, rel, m->key_count, keys, 1, &rows), &m->ast->node, err);
    struct value one = value_i64(type_with_nullable(b->arena, type_of(TYPE_BIGINT), false), 1);
    struct expr **args = ARENA_ARRAY(b->arena, struct expr *, 2), *several;
    args[0] = column_of(b, rel, m->key_count);
    args[1] = expr_const(b->arena, &one);
    TRY(call(&ctx, ">", args, 2, &m->ast->node, &several, err));
    TRY_REL(rel, b, rel_filter(b->arena, rel, several), &m->ast->node, err);
    TRY_REL(*out, b, rel_sort(b->arena, rel, 0, NULL, 0, 1), &m->ast->node, err);
    return STATUS_OK;
}

/* ---- keys that are there ---- */

/* The expression without casts between integers, which keep equal what is equal. */
static const struct expr *without_casts(const struct expr *expr) {
    while (expr->kind == EXPR_CAST && !expr->cast.try_cast && type_is_integer(expr->type) &&
           type_is_integer(expr->args[0]->type))
        expr = expr->args[0];
    return expr;
}

/* The key column that a conjunct of ON says is equal to something of the source (*value); -1 when it says anything else. */
static int compared_key(const struct merge *m, const struct expr *conjunct, const struct expr **value) {
    if (conjunct->kind != EXPR_CALL || strcmp(conjunct->function->name, "=") != 0) return -1;
    int first = m->source->schema.column_count;
    for (int side = 0; side < 2; side++) {
        const struct expr *column = without_casts(conjunct->args[side]);
        *value = without_casts(conjunct->args[1 - side]);
        if (column->kind != EXPR_COLUMN) continue;
        for (int k = 0; k < m->key_count; k++)
            if (column->column.index == first + m->keys[k]) return k;
    }
    return -1;
}

/* Is ON nothing but that the table's key is what every INSERT writes? Then a source row without a match has a new key. */
static bool on_compares_written_keys(const struct merge *m, const struct bound_insert *changes, const int *firsts) {
    struct expr *on = m->joined->join.condition;
    int count = on->kind == EXPR_AND ? on->arg_count : 1;
    struct expr *const *conjuncts = on->kind == EXPR_AND ? on->args : &on;
    bool *seen = ARENA_ARRAY(m->b.arena, bool, m->key_count);
    for (int i = 0; i < count; i++) {
        const struct expr *value;
        int k = compared_key(m, conjuncts[i], &value);
        if (k < 0) return false;
        seen[k] = true;
        for (int c = 0; c < m->ast->clauses.count; c++) {
            if (changes[c].kind != BOUND_INSERT) continue;
            int at = 0;
            while (changes[c].columns[at] != m->keys[k]) at++;
            const struct expr *written = m->values[firsts[c] + at]->args[1]; /* CASE: see add_value */
            if (!same_expr(without_casts(written), value)) return false;
        }
    }
    for (int k = 0; k < m->key_count; k++)
        if (!seen[k]) return false;
    return true;
}

static enum status bind_existing(struct merge *m, const struct bound_insert *changes, const int *firsts,
                                 struct rel **out, struct error *err) {
    struct binder *b = &m->b;
    struct context ctx = {.b = b, .clause = "MERGE"};
    const struct ast_node *node = &m->ast->node;
    int clauses = m->ast->clauses.count, insert_count = 0;
    struct rel *rel, *table;
    struct expr **inserts = ARENA_ARRAY(b->arena, struct expr *, clauses);
    *out = NULL;
    TRY_REL(rel, b, rel_rows(b->arena, m->held->schema, &m->held->rows, m->held, m->held->name), node, err);
    for (int i = 0; i < clauses; i++) {
        if (changes[i].kind != BOUND_INSERT) continue;
        TRY(action_is(m, column_of(b, rel, m->key_count), i + 1, &inserts[insert_count++], err));
    }
    if (!insert_count || on_compares_written_keys(m, changes, firsts)) return STATUS_OK;
    TRY_REL(rel, b, rel_filter(b->arena, rel, expr_or(b->arena, inserts, insert_count)), node, err);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, m->key_count);
    struct expr **equal = ARENA_ARRAY(b->arena, struct expr *, m->key_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, m->key_count);
    for (int k = 0; k < m->key_count; k++) {
        names[k] = m->table->columns[m->keys[k]].name;
        TRY(written_key(m, rel, changes, firsts, k, &exprs[k], err));
    }
    TRY_REL(rel, b, rel_project(b->arena, rel, m->key_count, exprs, names), node, err);
    TRY(bind_base_table(b, m->table, &m->ast->table->node, false, &table, err));
    for (int k = 0; k < m->key_count; k++) {
        struct expr **sides = ARENA_ARRAY(b->arena, struct expr *, 2);
        sides[0] = column_of(b, rel, k);
        sides[1] = expr_column(b->arena, m->key_count + m->keys[k], table->schema.types[m->keys[k]]);
        TRY(call(&ctx, "=", sides, 2, node, &equal[k], err));
    }
    struct expr *condition = expr_and(b->arena, equal, m->key_count);
    TRY_REL(rel, b, rel_join(b->arena, rel, table, JOIN_SEMI, condition), node, err);
    TRY_REL(*out, b, rel_sort(b->arena, rel, 0, NULL, 0, 1), node, err);
    return STATUS_OK;
}

enum status bind_merge(struct bind_env *env, const struct ast_merge *ast, struct bound_merge *out, struct error *err) {
    struct merge m = {.ast = ast};
    binder_init(&m.b, env);
    struct binder *b = &m.b;
    TRY(bind_sides(&m, err));
    find_keys(&m);
    struct expr *action;
    TRY(bind_action(&m, &action, err));
    int clauses = ast->clauses.count, columns = m.table->column_count, joined = m.joined->schema.column_count;
    m.values = ARENA_ARRAY(b->arena, struct expr *, m.key_count + 1 + clauses * columns);
    m.names = ARENA_ARRAY(b->arena, const char *, m.key_count + 1 + clauses * columns);
    m.held = ARENA_NEW(b->arena, struct held_query);
    int first = m.source->schema.column_count;
    for (int i = 0; i < m.key_count; i++) {
        m.values[m.value_count] = column_of(b, m.joined, first + m.keys[i]);
        m.names[m.value_count++] = m.table->columns[m.keys[i]].name;
    }
    m.values[m.value_count] = expr_column(b->arena, joined, action->type);
    m.names[m.value_count++] = "$clause";
    struct bound_insert *changes = ARENA_ARRAY(b->arena, struct bound_insert, clauses);
    int *firsts = ARENA_ARRAY(b->arena, int, clauses);
    for (int i = 0; i < clauses; i++) {
        const struct ast_merge_clause *clause = AST_AT(ast->clauses, i, ast_merge_clause);
        struct bound_insert *change = &changes[i];
        int *written = ARENA_ARRAY(b->arena, int, columns + m.key_count);
        *change = (struct bound_insert){.table = m.table, .columns = written};
        change->kind = clause->action == AST_MERGE_UPDATE   ? BOUND_UPDATE
                       : clause->action == AST_MERGE_DELETE ? BOUND_DELETE
                                                            : BOUND_INSERT;
        change->offset = clause->node.offset;
        change->length = clause->node.length;
        firsts[i] = m.value_count;
        if (clause->action != AST_MERGE_INSERT)
            for (int k = 0; k < m.key_count; k++) written[change->column_count++] = m.keys[k];
        if (clause->action == AST_MERGE_UPDATE)
            TRY(bind_merge_update(&m, clause, i + 1, change, written, err));
        else if (clause->action == AST_MERGE_INSERT)
            TRY(bind_merge_insert(&m, clause, i + 1, change, written, err));
    }
    /* all columns and the clause number, then what is held */
    struct rel *rel = m.joined;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, joined + 1), *none;
    const char **names = ARENA_ARRAY(b->arena, const char *, joined + 1);
    for (int i = 0; i < joined; i++) {
        exprs[i] = column_of(b, rel, i);
        names[i] = rel->schema.names[i];
    }
    exprs[joined] = action;
    names[joined] = "$clause";
    TRY_REL(rel, b, rel_project(b->arena, rel, joined + 1, exprs, names), &ast->node, err);
    TRY(action_is(&m, column_of(b, rel, joined), 0, &none, err));
    struct context ctx = {.b = b, .clause = "MERGE"};
    TRY(call(&ctx, "NOT", &none, 1, &ast->node, &none, err));
    TRY_REL(rel, b, rel_filter(b->arena, rel, none), &ast->node, err);
    TRY_REL(rel, b, rel_project(b->arena, rel, m.value_count, m.values, m.names), &ast->node, err);
    m.held->name = m.table->name;
    m.held->base = rel;
    m.held->schema = &rel->schema;
    m.held->offset = ast->node.offset;
    m.held->length = ast->node.length;
    if (rel_depth(rel) > REL_MAX_DEPTH) {
        return bind_error(b, err, STATUS_LIMIT_EXCEEDED, &ast->node, "the statement is nested deeper than %d nodes",
                          REL_MAX_DEPTH);
    }
    for (int i = 0; i < clauses; i++) {
        const struct ast_merge_clause *clause = AST_AT(ast->clauses, i, ast_merge_clause);
        int end = i + 1 < clauses ? firsts[i + 1] : m.value_count;
        TRY(change_rows(&m, clause, i + 1, firsts[i], end - firsts[i], &changes[i], err));
    }
    *out = (struct bound_merge){.table = m.table, .changes = changes, .change_count = clauses, .held = m.held};
    TRY(bind_doubles(&m, changes, firsts, &out->doubles, err));
    return bind_existing(&m, changes, firsts, &out->existing, err);
}
