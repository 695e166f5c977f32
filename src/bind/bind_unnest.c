/* UNNEST: the elements of collections as rows. On the right of a join its arguments see the left side's columns; elsewhere it is a
 * table of its own over one row. A LEFT JOIN with a condition joins that table as a lateral query. */
#include "bind/bind_private.h"

/* The collections over scope. */
static enum status bind_collections(struct binder *b, const struct ast_unnest *ref, struct scope *scope,
                                    struct expr ***out, struct error *err) {
    struct context ctx = {.b = b, .scope = scope, .clause = "UNNEST"};
    TRY(bind_exprs(&ctx, &ref->args, out, err));
    for (int i = 0; i < ref->args.count; i++) {
        const struct type *type = (*out)[i]->type;
        if (type->id == TYPE_ARRAY || type->id == TYPE_MAP || type->id == TYPE_MULTISET) continue;
        return bind_error(b, err, STATUS_TYPE_MISMATCH, ref->args.items[i],
                          "UNNEST takes an ARRAY, MAP or MULTISET, not %s",
                          type_to_string(b->arena, type_with_nullable(b->arena, type, true)));
    }
    return STATUS_OK;
}

/* input's columns, then the elements'. */
static enum status unnest(struct binder *b, const struct ast_unnest *ref, struct rel *input, struct expr **collections,
                          bool outer, struct rel **out, struct error *err) {
    int own = input->schema.column_count, count = own, collection_count = ref->args.count;
    struct rel *rel = input;
    int *columns = ARENA_ARRAY(b->arena, int, collection_count);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, own + collection_count);
    const char **names = ARENA_ARRAY(b->arena, const char *, own + collection_count);
    for (int i = 0; i < own; i++) {
        exprs[i] = column_of(b, input, i);
        names[i] = input->schema.names[i];
    }
    for (int i = 0; i < collection_count; i++) {
        columns[i] = collections[i]->kind == EXPR_COLUMN ? collections[i]->column.index : count;
        if (columns[i] < count) continue;
        exprs[count] = collections[i];
        names[count++] = "$collection";
    }
    if (count > own) TRY_REL(rel, b, project(b, input, count, exprs, names), &ref->node, err);
    TRY_REL(rel, b, rel_unnest(b->arena, rel, collection_count, columns, outer, ref->with_ordinality), &ref->node, err);
    if (count > own) { /* without the collections themselves */
        int added = count - own, total = rel->schema.column_count - added;
        exprs = ARENA_ARRAY(b->arena, struct expr *, total);
        names = ARENA_ARRAY(b->arena, const char *, total);
        for (int i = 0; i < total; i++) {
            exprs[i] = column_of(b, rel, i < own ? i : i + added);
            names[i] = rel->schema.names[i < own ? i : i + added];
        }
        TRY_REL(rel, b, rel_project(b->arena, rel, total, exprs, names), &ref->node, err);
    }
    *out = rel;
    return STATUS_OK;
}

/* The scope of the elements' columns alone: those of rel from `first` on. */
static enum status element_scope(struct binder *b, const struct ast_unnest *ref, struct scope *parent, struct rel *rel,
                                 int first, struct scope **out, struct error *err) {
    int count = rel->schema.column_count - first;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count);
    const char **names = ARENA_ARRAY(b->arena, const char *, count);
    for (int i = 0; i < count; i++) {
        exprs[i] = column_of(b, rel, first + i);
        names[i] = rel->schema.names[first + i];
    }
    /* AS x names the only column as well */
    if (count == 1 && ref->alias.name && !ref->alias.columns.count) names[0] = ref->alias.name->text;
    struct query_result elements = {rel_project(b->arena, rel, count, exprs, names), NULL};
    return alias_scope(b, parent, &elements, &ref->alias, NULL, NULL, out, err);
}

enum status bind_unnest(struct binder *b, const struct ast_unnest *ref, struct scope *parent, struct scope *left,
                        struct rel **rel, struct scope **scope, struct error *err) {
    struct rel *one, *all;
    TRY_REL(one, b, rel_one_row(b), &ref->node, err);
    struct scope *none = ARENA_NEW(b->arena, struct scope); /* the row's column has no name */
    none->parent = left ? left : parent;
    scope_set_rel(none, one);
    struct expr **collections;
    TRY(bind_collections(b, ref, none, &collections, err));
    TRY(unnest(b, ref, one, collections, false, &all, err));
    TRY(element_scope(b, ref, parent, all, 1, scope, err));
    int count = all->schema.column_count - 1;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count);
    for (int i = 0; i < count; i++) exprs[i] = column_of(b, all, i + 1);
    TRY_REL(*rel, b, rel_project(b->arena, all, count, exprs, (const char **)all->schema.names + 1), &ref->node, err);
    /* without a reference to the left side the join is a plain one, and no level of its own */
    if (left && !left->outer_used) *rel = rel_shift_outer(b, *rel, -1);
    scope_set_rel(*scope, *rel);
    return STATUS_OK;
}

enum status bind_unnest_join(struct binder *b, const struct ast_join *join, enum join_type type, struct scope *parent,
                             struct rel **rel, struct scope **scope, struct error *err) {
    const struct ast_unnest *ref = (const struct ast_unnest *)join->right;
    if (type != JOIN_INNER && type != JOIN_LEFT) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &join->node,
                          "the right side of a %s JOIN cannot refer to the left one", join_type_name(type));
    }
    if (join->natural || join->using_columns.count) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &join->node, "UNNEST is joined with ON or CROSS JOIN");
    }
    struct rel *left;
    struct scope *left_scope, *right_scope, *both;
    struct expr **collections, *condition = NULL;
    TRY(bind_from(b, join->left, parent, NULL, &left, &left_scope, err));
    TRY(bind_collections(b, ref, left_scope, &collections, err));
    TRY(unnest(b, ref, left, collections, type == JOIN_LEFT, rel, err));
    TRY(element_scope(b, ref, parent, *rel, left->schema.column_count, &right_scope, err));
    TRY(scope_combine(b, left_scope, right_scope, join->right, &both, err));
    scope_set_rel(both, *rel);
    *scope = both;
    if (!join->on) return STATUS_OK;
    struct context ctx = {.b = b, .scope = both, .clause = "ON"};
    TRY(bind_condition(&ctx, join->on, &condition, err));
    condition = expr_fold(b->arena, condition);
    if (is_true(condition)) return STATUS_OK;
    TRY_REL(*rel, b, filter(b, *rel, condition), join->on, err);
    scope_set_rel(both, *rel);
    return STATUS_OK;
}
