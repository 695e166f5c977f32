/* WITH RECURSIVE: name AS (base UNION [ALL] step), where step reads `name`: the rows that the round before added. The session repeats
 * step until no row comes (held_query). Batch only: of a stream's recursion nobody could say when it is complete. */
#include "bind/bind_private.h"

/* ---- does a query read the name? ---- */

struct search {
    const char *name;
    bool found;
};

static bool reads_name(struct ast_node *node, void *data) {
    struct search *search = data;
    const struct ast_name *name = NULL;
    if (node->kind == AST_TABLE_NAME) name = AST_AS(node, ast_table_name)->name;
    if (node->kind == AST_EXPLICIT_TABLE) name = AST_AS(node, ast_explicit_table)->name;
    if (name && name->count == 1 && strcmp(name->parts[0].text, search->name) == 0) search->found = true;
    return !search->found && ast_each_child(node, reads_name, search);
}

static bool reads(const struct ast_node *node, const char *name) {
    struct search search = {.name = name};
    reads_name((struct ast_node *)node, &search);
    return search.found;
}

bool cte_is_recursive(const struct cte *cte) {
    return cte->recursive && reads(&cte->ast->query->node, cte->ast->name->text);
}

/* ---- its parts ---- */

struct parts {
    struct binder *b;
    const struct ast_node **base, **step;
    int base_count, step_count, base_capacity, step_capacity;
    bool all;
};

/* The operands of a chain of UNIONs of one kind. */
static void collect_parts(struct parts *parts, const struct ast_node *body, const char *name) {
    const struct ast_set_op *set_op = (const struct ast_set_op *)body;
    if (body->kind == AST_SET_OP && set_op->op == AST_SET_UNION && set_op->all == parts->all && reads(body, name)) {
        collect_parts(parts, set_op->left, name);
        collect_parts(parts, set_op->right, name);
    } else if (reads(body, name)) {
        ARENA_RESERVE(parts->b->arena, parts->step, parts->step_capacity, parts->step_count + 1);
        parts->step[parts->step_count++] = body;
    } else {
        ARENA_RESERVE(parts->b->arena, parts->base, parts->base_capacity, parts->base_count + 1);
        parts->base[parts->base_count++] = body;
    }
}

static enum status check_shape(struct binder *b, const struct cte *cte, struct parts *parts, struct error *err) {
    const struct ast_query *query = cte->ast->query;
    const char *name = cte->ast->name->text;
    if (query->with.count) return not_supported(b, err, &query->node, "WITH inside a recursive query");
    if (query->order_by.count || query->limit || query->offset) {
        enum status status =
            not_supported(b, err, &query->node, "ORDER BY, LIMIT or OFFSET around the UNION of a recursive query");
        error_hint(err, "write it in the query that reads '%s'", name);
        return status;
    }
    const struct ast_set_op *set_op = (const struct ast_set_op *)query->body;
    bool is_union = query->body->kind == AST_SET_OP && set_op->op == AST_SET_UNION;
    *parts = (struct parts){.b = b, .all = is_union && set_op->all};
    if (is_union) collect_parts(parts, query->body, name);
    if (parts->base_count && parts->step_count) return STATUS_OK;
    enum status status = bind_error(b, err, STATUS_INVALID_QUERY, &cte->ast->node,
                                    "'%s' refers to itself, but is no UNION of rows to begin with and a step", name);
    error_hint(err, "WITH RECURSIVE %s AS (SELECT ... UNION ALL SELECT ... FROM %s WHERE ...)", name, name);
    return status;
}

/* ---- columns of the queries around ---- */

struct outer_values {
    struct binder *b;
    struct expr **items;
    int count, capacity;
};

/* A column of a query around becomes number i of those that the recursive query reads. */
static enum status number_outer(void *data, struct expr *expr, int depth, struct expr **out, struct error *err) {
    (void)err;
    struct outer_values *values = data;
    if (expr->kind != EXPR_OUTER || expr->outer.level <= depth) return STATUS_OK;
    struct expr *outside = arena_memdup(values->b->arena, expr, sizeof *expr);
    outside->outer.level -= depth;
    int i = 0;
    while (i < values->count && !expr_equal(values->items[i], outside)) i++;
    if (i == values->count) {
        ARENA_RESERVE(values->b->arena, values->items, values->capacity, i + 1);
        values->items[values->count++] = outside;
    }
    *out = arena_memdup(values->b->arena, expr, sizeof *expr);
    (*out)->outer.level = depth + 1;
    (*out)->outer.index = i;
    (*out)->outer.is_call = false;
    return STATUS_OK;
}

static enum status take_outer_values(struct binder *b, struct held_query *held, struct error *err) {
    struct outer_values values = {.b = b};
    TRY(rewrite_rel(b, held->base, 0, number_outer, &values, &held->base, err));
    TRY(rewrite_rel(b, held->step, 0, number_outer, &values, &held->step, err));
    held->outer = values.items;
    held->outer_count = values.count;
    return STATUS_OK;
}

/* Brings the common types of what is there and of another part into types; *changed when they became wider. */
static enum status widen(struct binder *b, const struct cte *cte, const struct rel *rel, const struct ast_node *body,
                         const struct type **types, int count, bool *changed, struct error *err) {
    if (rel->schema.column_count != count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, body, "the parts of '%s' have %d and %d columns",
                          cte->ast->name->text, count, rel->schema.column_count);
    }
    for (int i = 0; i < count; i++) {
        const struct type *common = type_common(b->arena, types[i], rel->schema.types[i]);
        if (!common) {
            enum status status =
                bind_error(b, err, STATUS_TYPE_MISMATCH, body, "column %d of '%s' mixes types %s and %s", i + 1,
                           cte->ast->name->text, type_to_string(b->arena, types[i]),
                           type_to_string(b->arena, rel->schema.types[i]));
            error_hint(err, "use CAST to give all parts one type");
            return status;
        }
        common = type_with_nullable(b->arena, common, true);
        if (!type_equal(common, types[i])) *changed = true;
        types[i] = common;
    }
    return STATUS_OK;
}

static enum status union_of(struct binder *b, struct rel **rels, const struct ast_node *const *bodies, int count,
                            const struct type *const *types, struct rel **out, struct error *err) {
    for (int i = 0; i < count; i++) TRY(cast_columns(b, &rels[i], types, bodies[i], err));
    *out = rels[0];
    if (count > 1) TRY_REL(*out, b, rel_union_all(b->arena, count, rels), bodies[0], err);
    return STATUS_OK;
}

/* Binds base and step; again when the step makes the types wider. */
static enum status bind_parts(struct binder *b, struct cte *cte, const struct parts *parts, struct held_query *held,
                              struct error *err) {
    enum { MAX_ROUNDS = 8 };
    struct rel **base = ARENA_ARRAY(b->arena, struct rel *, parts->base_count);
    struct rel **step = ARENA_ARRAY(b->arena, struct rel *, parts->step_count);
    struct query_result result = {0};
    bool changed = false;
    const char *const *raw_names = NULL;
    for (int i = 0; i < parts->base_count; i++) {
        TRY(bind_body(b, parts->base[i], cte->parent, &result, err));
        base[i] = result.rel;
        if (i == 0) raw_names = result.raw_names ? result.raw_names : result.rel->schema.names;
    }
    int count = base[0]->schema.column_count;
    const struct type **types = ARENA_ARRAY(b->arena, const struct type *, count);
    const char **names = ARENA_ARRAY(b->arena, const char *, count);
    if (cte->ast->columns.count && cte->ast->columns.count != count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &cte->ast->name->node,
                          "'%s' names %d columns, its query has %d", cte->ast->name->text, cte->ast->columns.count,
                          count);
    }
    for (int i = 0; i < count; i++) {
        types[i] = type_with_nullable(b->arena, base[0]->schema.types[i], true);
        names[i] = cte->ast->columns.count ? AST_AT(cte->ast->columns, i, ast_ident)->text : raw_names[i];
    }
    for (int i = 1; i < parts->base_count; i++)
        TRY(widen(b, cte, base[i], parts->base[i], types, count, &changed, err));
    struct schema *schema = ARENA_NEW(b->arena, struct schema);
    *schema = (struct schema){count, types, names};
    held->schema = schema;
    for (int round = 0;; round++) {
        changed = false;
        for (int i = 0; i < parts->step_count; i++) {
            TRY(bind_body(b, parts->step[i], cte->parent, &result, err));
            step[i] = result.rel;
            TRY(widen(b, cte, step[i], parts->step[i], types, count, &changed, err));
        }
        if (!changed) break;
        if (round == MAX_ROUNDS) {
            enum status status = bind_error(b, err, STATUS_TYPE_MISMATCH, &cte->ast->node,
                                            "the types of '%s' become wider with every step", held->name);
            error_hint(err, "use CAST in the step: CAST(... AS %s)", type_to_string(b->arena, types[0]));
            return status;
        }
    }
    for (int i = 0; i < count; i++) {
        if (parts->all || (types[i]->id != TYPE_MAP && types[i]->id != TYPE_MULTISET)) continue;
        return bind_error(b, err, STATUS_TYPE_MISMATCH, &cte->ast->node, "UNION cannot compare column '%s' of type %s",
                          names[i], type_to_string(b->arena, types[i]));
    }
    TRY(union_of(b, base, parts->base, parts->base_count, types, &held->base, err));
    TRY(union_of(b, step, parts->step, parts->step_count, types, &held->step, err));
    return take_outer_values(b, held, err);
}

enum status bind_recursive_cte(struct binder *b, struct cte *cte, const struct ast_node *node, struct query_result *out,
                               struct error *err) {
    const char *name = cte->ast->name->text;
    if (cte->held && cte->in_step) { /* the step reads what came last */
        TRY_REL(out->rel, b, rel_rows(b->arena, cte->held->schema, &cte->held->working, NULL, name), node, err);
        out->raw_names = cte->held->schema->names;
        return STATUS_OK;
    }
    if (b->env->streaming) {
        enum status status = not_supported(b, err, node, "WITH RECURSIVE in streaming mode");
        error_hint(err, "SET 'execution.runtime-mode' = 'batch', if the input ends");
        return status;
    }
    if (!cte->held) {
        struct parts parts;
        TRY(check_shape(b, cte, &parts, err));
        struct held_query *held = ARENA_NEW(b->arena, struct held_query);
        held->name = name;
        held->distinct = !parts.all;
        held->offset = place_offset(b, &cte->ast->name->node);
        held->length = place_length(b, &cte->ast->name->node);
        struct cte *saved = b->ctes;
        cte->held = held;
        cte->in_step = true;
        b->ctes = cte;
        enum status status = bind_parts(b, cte, &parts, held, err);
        b->ctes = saved;
        cte->in_step = false;
        if (status != STATUS_OK) return status;
    }
    TRY_REL(out->rel, b, rel_rows(b->arena, cte->held->schema, &cte->held->rows, cte->held, name), node, err);
    out->raw_names = cte->held->schema->names;
    return STATUS_OK;
}
