/* ASOF JOIN: to every left row the nearest right row in time: of those with equal keys the last one at or before it (or the first one
 * at or behind it), as the one inequality says.
 *
 * In batch both sides go into one sort: UNION ALL, and LAST_VALUE over the right rows met so far. In streaming, and with further
 * conditions, it is LATERAL (SELECT … WHERE … ORDER BY right time LIMIT 1). */
#include "bind/bind_private.h"

struct asof {
    struct binder *b;
    const struct ast_node *node;
    struct rel *left, *right;
    enum join_type type;
    struct expr **conjuncts; /* over left, then right columns */
    int conjunct_count;
    /* the inequality: left_time op right_time */
    int match; /* conjunct */
    struct expr *left_time, *right_time;
    const char *op;
};

/* 1: reads left columns only, 2: right columns only, 3: both, 0: none */
static int sides_of(const struct asof *asof, const struct expr *expr) {
    int left = asof->left->schema.column_count, count = left + asof->right->schema.column_count, sides = 0;
    bool *used = ARENA_ARRAY(asof->b->arena, bool, count + 1);
    expr_columns(expr, used, count);
    for (int i = 0; i < count; i++)
        if (used[i]) sides |= i < left ? 1 : 2;
    return sides;
}

static const char *flipped(const char *op) {
    return strcmp(op, ">=") == 0 ? "<=" : strcmp(op, ">") == 0 ? "<" : strcmp(op, "<=") == 0 ? ">=" : ">";
}

static bool is_inequality(const struct expr *expr) {
    static const char *const ops[] = {">=", ">", "<=", "<"};
    for (int i = 0; i < 4; i++)
        if (expr->kind == EXPR_CALL && expr->arg_count == 2 && strcmp(expr->function->name, ops[i]) == 0) return true;
    return false;
}

/* Finds the inequality between the two sides; there must be one. */
static enum status find_match(struct asof *asof, struct error *err) {
    asof->match = -1;
    for (int i = 0; i < asof->conjunct_count; i++) {
        const struct expr *expr = asof->conjuncts[i];
        if (!is_inequality(expr)) continue;
        int first = sides_of(asof, expr->args[0]), second = sides_of(asof, expr->args[1]);
        if (first + second != 3 || first == 0 || second == 0 || first == 3 || second == 3) continue;
        if (asof->match >= 0) {
            return bind_error(
                asof->b, err, STATUS_INVALID_QUERY, asof->node,
                "ASOF JOIN has two inequalities between the tables: which of them is the nearest row by?");
        }
        asof->match = i;
        asof->op = first == 1 ? expr->function->name : flipped(expr->function->name);
        asof->left_time = expr->args[first == 1 ? 0 : 1];
        asof->right_time = expr->args[first == 1 ? 1 : 0];
    }
    if (asof->match >= 0) return STATUS_OK;
    enum status status = bind_error(asof->b, err, STATUS_INVALID_QUERY, asof->node,
                                    "ASOF JOIN needs an inequality between a column of each table");
    error_hint(err, "ASOF JOIN t ON a.key = t.key AND a.time >= t.time");
    return status;
}

static bool looks_back(const struct asof *asof) { return asof->op[0] == '>'; }

/* ---- as a lateral query ---- */

static struct expr *to_right(struct expr *expr, void *data) {
    const struct asof *asof = data;
    if (expr->kind != EXPR_COLUMN && expr->kind != EXPR_OUTER) return NULL;
    struct expr *copy = arena_memdup(asof->b->arena, expr, sizeof *expr);
    int left = asof->left->schema.column_count;
    if (expr->kind == EXPR_OUTER) {
        copy->outer.level++;
    } else if (expr->column.index >= left) {
        copy->column.index -= left;
    } else {
        copy->kind = EXPR_OUTER;
        copy->outer.index = expr->column.index;
        copy->outer.level = 1;
        copy->outer.is_call = false;
    }
    return copy;
}

static enum status lateral(struct asof *asof, struct rel **out, struct error *err) {
    struct binder *b = asof->b;
    struct rel *right = rel_shift_outer(b, asof->right, 1);
    int count = right->schema.column_count;
    struct expr *condition = expr_and(b->arena, asof->conjuncts, asof->conjunct_count);
    condition = expr_rewrite(b->arena, condition, to_right, asof);
    TRY_REL(right, b, rel_filter(b->arena, right, condition), asof->node, err);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count + 1);
    const char **names = ARENA_ARRAY(b->arena, const char *, count + 1);
    for (int i = 0; i < count; i++) {
        exprs[i] = column_of(b, right, i);
        names[i] = right->schema.names[i];
    }
    exprs[count] = expr_rewrite(b->arena, asof->right_time, to_right, asof);
    names[count] = "$time";
    TRY_REL(right, b, rel_project(b->arena, right, count + 1, exprs, names), asof->node, err);
    struct sort_key key = {.column = count, .descending = looks_back(asof), .nulls_last = true};
    TRY_REL(right, b, rel_sort(b->arena, right, 1, &key, 0, 1), asof->node, err);
    for (int i = 0; i < count; i++) exprs[i] = column_of(b, right, i);
    TRY_REL(right, b, rel_project(b->arena, right, count, exprs, names), asof->node, err);
    TRY_REL(*out, b, rel_join(b->arena, asof->left, right, asof->type, NULL), asof->node, err);
    (*out)->join.correlated = true;
    return STATUS_OK;
}

/* ---- as one sort ---- */

/* Equalities between the sides; false when there is a condition of another kind. */
static bool equal_keys(const struct asof *asof, struct expr **left, struct expr **right, int *count) {
    *count = 0;
    for (int i = 0; i < asof->conjunct_count; i++) {
        if (i == asof->match) continue;
        const struct expr *expr = asof->conjuncts[i];
        if (expr->kind != EXPR_CALL || expr->arg_count != 2 || strcmp(expr->function->name, "=") != 0) return false;
        int first = sides_of(asof, expr->args[0]), second = sides_of(asof, expr->args[1]);
        if (first == 0 || second == 0 || first + second != 3) return false;
        left[*count] = expr->args[first == 1 ? 0 : 1];
        right[(*count)++] = expr->args[first == 1 ? 1 : 0];
    }
    return true;
}

/* left columns | keys | time | side | row of right columns */
static enum status side_rows(const struct asof *asof, bool is_left, struct expr *const *keys, int key_count,
                             struct expr *time, bool first, const struct type *row_type, struct rel **out,
                             struct error *err) {
    struct binder *b = asof->b;
    struct context ctx = {.b = b, .clause = "ASOF JOIN"};
    int left = asof->left->schema.column_count, right = asof->right->schema.column_count;
    int delta = is_left ? 0 : -left, total = left + key_count + 3, n = 0;
    struct rel *input = is_left ? asof->left : asof->right;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, total), *row = NULL;
    const char **names = ARENA_ARRAY(b->arena, const char *, total);
    struct expr **conditions = ARENA_ARRAY(b->arena, struct expr *, key_count + 1);
    for (int i = 0; i < left; i++) {
        const struct type *type = type_with_nullable(b->arena, asof->left->schema.types[i], true);
        exprs[n] = is_left ? expr_cast(b->arena, column_of(b, input, i), type, false) : expr_null(b->arena, type);
        names[n++] = asof->left->schema.names[i];
    }
    for (int i = 0; i <= key_count; i++) {
        struct expr *key = expr_shift(b->arena, i < key_count ? keys[i] : time, delta);
        exprs[n] = expr_cast(b->arena, key, type_with_nullable(b->arena, key->type, true), false);
        names[n++] = i < key_count ? arena_printf(b->arena, "$key%d", i) : "$time";
        struct expr **arg = ARENA_ARRAY(b->arena, struct expr *, 1);
        arg[0] = key;
        TRY(call(&ctx, "IS NOT NULL", arg, 1, asof->node, &conditions[i], err));
    }
    struct value side = value_i64(type_with_nullable(b->arena, type_of(TYPE_INT), false), first ? 0 : 1);
    exprs[n] = expr_const(b->arena, &side);
    names[n++] = "$side";
    if (is_left) {
        row = expr_null(b->arena, row_type);
    } else {
        struct expr **columns = ARENA_ARRAY(b->arena, struct expr *, right);
        for (int i = 0; i < right; i++) columns[i] = column_of(b, input, i);
        TRY(call(&ctx, "ROW", columns, right, asof->node, &row, err));
        row = expr_cast(b->arena, row, type_with_nullable(b->arena, row->type, true), false);
        /* what has no key or time is never the nearest */
        TRY_REL(input, b, filter(b, input, expr_and(b->arena, conditions, key_count + 1)), asof->node, err);
    }
    exprs[n] = row;
    names[n++] = "$right";
    TRY_REL(*out, b, rel_project(b->arena, input, n, exprs, names), asof->node, err);
    return STATUS_OK;
}

static enum status one_sort(struct asof *asof, struct expr *const *left_keys, struct expr *const *right_keys, int keys,
                            struct rel **out, struct error *err) {
    struct binder *b = asof->b;
    int left = asof->left->schema.column_count, right = asof->right->schema.column_count;
    bool inclusive = asof->op[1] == '='; /* then right rows of the same time come before left ones */
    struct rel *sides[2], *rel;
    TRY(side_rows(asof, false, right_keys, keys, asof->right_time, inclusive, NULL, &sides[1], err));
    int last = left + keys + 2;
    const struct type *row_type = sides[1]->schema.types[last];
    TRY(side_rows(asof, true, left_keys, keys, asof->left_time, !inclusive, row_type, &sides[0], err));
    TRY_REL(rel, b, rel_union_all(b->arena, 2, sides), asof->node, err);
    struct window_spec *spec = ARENA_NEW(b->arena, struct window_spec);
    int *partition = ARENA_ARRAY(b->arena, int, keys + 1);
    struct sort_key *order = ARENA_ARRAY(b->arena, struct sort_key, 2);
    for (int i = 0; i < keys; i++) partition[i] = left + i;
    order[0] = (struct sort_key){.column = left + keys, .descending = !looks_back(asof)}; /* NULLs first */
    order[1] = (struct sort_key){.column = left + keys + 1};
    *spec = (struct window_spec){.partition_count = keys,
                                 .partition = partition,
                                 .order_count = 2,
                                 .order = order,
                                 .has_frame = true,
                                 .unit = FRAME_ROWS,
                                 .start = BOUND_UNBOUNDED_PRECEDING,
                                 .end = BOUND_CURRENT_ROW};
    int *args = ARENA_ARRAY(b->arena, int, 1);
    args[0] = last;
    struct window_call nearest = {.function = "LAST_VALUE",
                                  .args = args,
                                  .arg_count = 1,
                                  .ignore_nulls = true,
                                  .type = row_type,
                                  .name = "$nearest"};
    TRY_REL(rel, b, rel_over(b->arena, rel, spec, 1, &nearest), asof->node, err);
    struct context ctx = {.b = b, .clause = "ASOF JOIN"};
    struct value side = value_i64(type_with_nullable(b->arena, type_of(TYPE_INT), false), inclusive ? 1 : 0);
    struct expr **args2 = ARENA_ARRAY(b->arena, struct expr *, 3),
                **conditions = ARENA_ARRAY(b->arena, struct expr *, 2);
    args2[0] = column_of(b, rel, left + keys + 1);
    args2[1] = expr_const(b->arena, &side);
    TRY(call(&ctx, "=", args2, 2, asof->node, &conditions[0], err));
    args2[2] = column_of(b, rel, last + 1);
    TRY(call(&ctx, "IS NOT NULL", args2 + 2, 1, asof->node, &conditions[1], err));
    int count = asof->type == JOIN_LEFT ? 1 : 2;
    TRY_REL(rel, b, rel_filter(b->arena, rel, expr_and(b->arena, conditions, count)), asof->node, err);
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, left + right);
    const char **names = ARENA_ARRAY(b->arena, const char *, left + right);
    for (int i = 0; i < left; i++) {
        exprs[i] = expr_cast(b->arena, column_of(b, rel, i), asof->left->schema.types[i], false);
        names[i] = asof->left->schema.names[i];
    }
    for (int i = 0; i < right; i++) {
        const struct type *type = asof->right->schema.types[i];
        exprs[left + i] = expr_field(b->arena, column_of(b, rel, last + 1), i);
        exprs[left + i]->type = type_with_nullable(b->arena, type, asof->type == JOIN_LEFT || type->nullable);
        names[left + i] = asof->right->schema.names[i];
    }
    TRY_REL(*out, b, rel_project(b->arena, rel, left + right, exprs, names), asof->node, err);
    return STATUS_OK;
}

enum status bind_asof_join(struct binder *b, const struct ast_join *join, struct scope *parent, struct rel **rel,
                           struct scope **scope, struct error *err) {
    struct asof asof = {.b = b, .node = &join->node, .type = join->type == AST_JOIN_ASOF ? JOIN_INNER : JOIN_LEFT};
    struct scope *left_scope, *right_scope;
    TRY(bind_from(b, join->left, parent, NULL, &asof.left, &left_scope, err));
    TRY(bind_from(b, join->right, parent, NULL, &asof.right, &right_scope, err));
    TRY(scope_combine(b, left_scope, right_scope, join->right, scope, err));
    struct context ctx = {.b = b, .scope = *scope, .clause = "ON"};
    struct expr *parts[2];
    int count = 0;
    TRY(bind_condition(&ctx, join->on, &parts[count++], err));
    ctx.clause = "MATCH_CONDITION";
    if (join->match_condition) TRY(bind_condition(&ctx, join->match_condition, &parts[count++], err));
    struct expr *all = expr_fold(b->arena, expr_and(b->arena, parts, count));
    if (expr_has_subquery(all)) return not_supported(b, err, join->on, "a query in the condition of ASOF JOIN");
    bool several = all->kind == EXPR_AND;
    asof.conjuncts = several ? all->args : arena_memdup(b->arena, &all, sizeof all);
    asof.conjunct_count = several ? all->arg_count : 1;
    if (join->match_condition) { /* ON TRUE */
        int kept = 0;
        struct expr **conjuncts = ARENA_ARRAY(b->arena, struct expr *, asof.conjunct_count);
        for (int i = 0; i < asof.conjunct_count; i++)
            if (!is_true(asof.conjuncts[i])) conjuncts[kept++] = asof.conjuncts[i];
        asof.conjuncts = conjuncts;
        asof.conjunct_count = kept;
    }
    TRY(find_match(&asof, err));
    int keys;
    struct expr **left_keys = ARENA_ARRAY(b->arena, struct expr *, asof.conjunct_count);
    struct expr **right_keys = ARENA_ARRAY(b->arena, struct expr *, asof.conjunct_count);
    if (!b->env->streaming && equal_keys(&asof, left_keys, right_keys, &keys))
        TRY(one_sort(&asof, left_keys, right_keys, keys, rel, err));
    else
        TRY(lateral(&asof, rel, err));
    scope_set_rel(*scope, *rel);
    return STATUS_OK;
}
