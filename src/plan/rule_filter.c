/* Predicate pushdown: every conjunct goes as far down as it may, through projections, join sides, group keys, unions
 * and window functions' partitions; never past a WATERMARK (it would change what the watermark is made from) and
 * never below what counts rows (LIMIT, ROW_NUMBER). On the way outer joins whose padded rows a conjunct refuses
 * become narrower joins, conditions of inner joins are distributed, and what a join key's equality implies for the
 * other side is added there.
 *
 * A condition with RAND() or the like stays where it is. Conditions that can fail are moved like others: whether a
 * row that a join would have dropped raises an error is not promised, as everywhere. */
#include "plan/plan_private.h"

static enum status push(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                        struct error *err);

/* ---- factoring OR ---- */

static bool contains(const struct expr_list *list, const struct expr *expr) {
    for (int i = 0; i < list->count; i++)
        if (expr_equal(list->items[i], expr)) return true;
    return false;
}

struct expr *plani_factor_or(struct planner *p, struct expr *expr) {
    if (expr->kind != EXPR_OR || expr->arg_count < 2) return expr;
    struct expr_list *branches = ARENA_ARRAY(p->arena, struct expr_list, expr->arg_count);
    for (int i = 0; i < expr->arg_count; i++) plani_split_and(p, expr->args[i], &branches[i]);
    struct expr_list common = {0};
    for (int k = 0; k < branches[0].count; k++) {
        struct expr *candidate = branches[0].items[k];
        /* One that can fail might have been guarded by what stands before it. */
        bool everywhere = !expr_can_fail(candidate) && !contains(&common, candidate);
        for (int i = 1; i < expr->arg_count && everywhere; i++) everywhere = contains(&branches[i], candidate);
        if (everywhere) plani_add(p, &common, candidate);
    }
    if (common.count == 0) return expr;
    struct expr **rest = ARENA_ARRAY(p->arena, struct expr *, expr->arg_count);
    for (int i = 0; i < expr->arg_count; i++) {
        struct expr_list own = {0};
        for (int k = 0; k < branches[i].count; k++)
            if (!contains(&common, branches[i].items[k])) plani_add(p, &own, branches[i].items[k]);
        rest[i] = own.count ? plani_and(p, &own) : expr_true(p->arena);
    }
    struct expr *either = expr_fold(p->arena, expr_or(p->arena, rest, expr->arg_count));
    if (!plani_is_boolean(either, true)) plani_add(p, &common, either);
    return plani_and(p, &common);
}

/* ---- rejecting NULLs ---- */

/* Certainly NULL when those columns are all NULL? */
static bool is_null_with(const struct expr *expr, const bool *of, int count) {
    switch (expr->kind) {
    case EXPR_COLUMN: return expr->column.index < count && of[expr->column.index];
    case EXPR_CONST: return expr->constant.is_null;
    case EXPR_CAST:
    case EXPR_FIELD: return is_null_with(expr->args[0], of, count);
    case EXPR_CALL:
        if (expr->function->null_rule != NULL_PROPAGATE) return false;
        for (int i = 0; i < expr->arg_count; i++)
            if (is_null_with(expr->args[i], of, count)) return true;
        return false;
    case EXPR_COALESCE:
        for (int i = 0; i < expr->arg_count; i++)
            if (!is_null_with(expr->args[i], of, count)) return false;
        return true;
    default: return false;
    }
}

bool plani_rejects_null(const struct expr *expr, const bool *of, int count) {
    if (expr->kind == EXPR_AND) {
        for (int i = 0; i < expr->arg_count; i++)
            if (plani_rejects_null(expr->args[i], of, count)) return true;
        return false;
    }
    if (expr->kind == EXPR_OR) {
        for (int i = 0; i < expr->arg_count; i++)
            if (!plani_rejects_null(expr->args[i], of, count)) return false;
        return true;
    }
    if (plani_is_call(expr, "IS NOT NULL", 1) || plani_is_call(expr, "IS TRUE", 1) ||
        plani_is_call(expr, "IS FALSE", 1))
        return is_null_with(expr->args[0], of, count);
    return plani_never_true(expr) || is_null_with(expr, of, count);
}

/* ---- leaving conjuncts here ---- */

static struct rel *filter_here(struct planner *p, struct rel *rel, const struct expr_list *conjuncts) {
    struct expr *condition = plani_and(p, conjuncts);
    return condition ? rel_filter(p->arena, rel, condition) : rel;
}

/* Those that may move to `down`, the rest to `stay`. */
static enum status push_input(struct planner *p, struct rel *rel, int input, struct expr_list *down, struct rel **out,
                              struct error *err) {
    struct rel *pushed;
    TRY(push(p, rel->inputs[input], down, &pushed, err));
    if (pushed == rel->inputs[input]) {
        *out = rel;
        return STATUS_OK;
    }
    struct rel **inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
    inputs[input] = pushed;
    *out = rel_with_inputs(p->arena, rel, inputs);
    return STATUS_OK;
}

/* Conjuncts that only read columns with ok[i] go below the node, with column i called map[i] there (NULL: i). */
static enum status push_through(struct planner *p, struct rel *rel, struct expr_list *conjuncts, const bool *ok,
                                const int *map, struct rel **out, struct error *err) {
    struct expr_list down = {0}, stay = {0};
    for (int i = 0; i < conjuncts->count; i++) {
        struct expr *conjunct = conjuncts->items[i];
        if (!ok || plani_is_random(conjunct) || expr_is_constant(conjunct) ||
            !plani_reads_only(conjunct, ok, rel->schema.column_count))
            plani_add(p, &stay, conjunct);
        else
            plani_add(p, &down, map ? expr_remap(p->arena, conjunct, map) : conjunct);
    }
    struct rel *pushed;
    TRY(push_input(p, rel, 0, &down, &pushed, err));
    *out = filter_here(p, pushed, &stay);
    return STATUS_OK;
}

/* ---- by node ---- */

static enum status push_filter(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                               struct error *err) {
    struct expr_list all = {0};
    plani_split_and(p, rel->filter.condition, &all); /* the inner condition was to be checked first */
    for (int i = 0; i < conjuncts->count; i++)
        if (!contains(&all, conjuncts->items[i])) plani_add(p, &all, conjuncts->items[i]);
    struct expr_list factored = {0};
    for (int i = 0; i < all.count; i++) plani_split_and(p, plani_factor_or(p, all.items[i]), &factored);
    return push(p, rel->inputs[0], &factored, out, err);
}

static enum status push_project(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                                struct error *err) {
    struct expr_list down = {0}, stay = {0};
    bool *stable = ARENA_ARRAY(p->arena, bool, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++)
        stable[i] = !plani_is_random(rel->project.exprs[i]) && !expr_has_subquery(rel->project.exprs[i]);
    for (int i = 0; i < conjuncts->count; i++) {
        struct expr *conjunct = conjuncts->items[i];
        if (plani_is_random(conjunct) || !plani_reads_only(conjunct, stable, rel->schema.column_count) ||
            plani_growth(conjunct, rel->project.exprs) > PLAN_MAX_EXPR_NODES)
            plani_add(p, &stay, conjunct);
        else
            plani_add(p, &down, expr_fold(p->arena, plani_substitute(p, conjunct, rel->project.exprs)));
    }
    struct rel *pushed;
    TRY(push_input(p, rel, 0, &down, &pushed, err));
    *out = filter_here(p, pushed, &stay);
    return STATUS_OK;
}

static enum status push_aggregate(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                                  struct error *err) {
    bool *ok = ARENA_ARRAY(p->arena, bool, rel->schema.column_count + 1);
    int *map = ARENA_ARRAY(p->arena, int, rel->schema.column_count + 1);
    for (int k = 0; k < rel->aggregate.key_count; k++) {
        ok[k] = true;
        map[k] = rel->aggregate.keys[k];
        for (int s = 0; s < rel->aggregate.grouping_set_count; s++) ok[k] &= rel->aggregate.grouping_sets[s] >> k & 1;
    }
    return push_through(p, rel, conjuncts, rel->aggregate.key_count ? ok : NULL, map, out, err);
}

static enum status push_over(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                             struct error *err) {
    bool *ok = ARENA_ARRAY(p->arena, bool, rel->schema.column_count + 1);
    for (int i = 0; i < rel->over.spec->partition_count; i++) ok[rel->over.spec->partition[i]] = true;
    return push_through(p, rel, conjuncts, ok, NULL, out, err);
}

static enum status push_window(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                               struct error *err) {
    bool *ok = ARENA_ARRAY(p->arena, bool, rel->schema.column_count + 1);
    if (rel->window_tvf.kind == WINDOW_SESSION) /* fewer rows make other sessions, but not across partitions */
        for (int i = 0; i < rel->window_tvf.partition_count; i++) ok[rel->window_tvf.partition[i]] = true;
    else
        for (int i = 0; i < rel->inputs[0]->schema.column_count; i++) ok[i] = true;
    return push_through(p, rel, conjuncts, ok, NULL, out, err);
}

static enum status push_unnest(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                               struct error *err) {
    bool *ok = ARENA_ARRAY(p->arena, bool, rel->schema.column_count + 1);
    for (int i = 0; i < rel->inputs[0]->schema.column_count; i++) ok[i] = true;
    return push_through(p, rel, conjuncts, ok, NULL, out, err);
}

static enum status push_sort(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                             struct error *err) {
    bool *ok = NULL;
    if (rel->sort.limit < 0 && rel->sort.rows_offset == 0) {
        ok = ARENA_ARRAY(p->arena, bool, rel->schema.column_count + 1);
        for (int i = 0; i < rel->schema.column_count; i++) ok[i] = true;
    }
    return push_through(p, rel, conjuncts, ok, NULL, out, err);
}

static enum status push_set_op(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                               struct error *err) {
    struct expr_list down = {0}, stay = {0};
    for (int i = 0; i < conjuncts->count; i++)
        plani_add(p, plani_is_random(conjuncts->items[i]) ? &stay : &down, conjuncts->items[i]);
    struct rel *pushed = rel;
    for (int i = 0; i < rel->input_count; i++) {
        struct expr_list own = {0};
        for (int k = 0; k < down.count; k++) plani_add(p, &own, down.items[k]);
        TRY(push_input(p, pushed, i, &own, &pushed, err));
    }
    *out = filter_here(p, pushed, &stay);
    return STATUS_OK;
}

/* ---- joins ---- */

/* Where the conjuncts of a join and above it go. */
struct distribution_of_conjuncts {
    struct expr_list left, right, on, above;
};

/* Outer joins that pad rows which a conjunct above refuses anyway. */
static enum join_type narrow_join(const struct rel *join, const struct expr_list *above, struct arena *arena) {
    enum join_type type = join->join.type;
    if (join->join.single_row || (type != JOIN_LEFT && type != JOIN_RIGHT && type != JOIN_FULL)) return type;
    int left_count = join->inputs[0]->schema.column_count, count = join->schema.column_count;
    bool *left = ARENA_ARRAY(arena, bool, count + 1), *right = ARENA_ARRAY(arena, bool, count + 1);
    for (int i = 0; i < count; i++) *(i < left_count ? &left[i] : &right[i]) = true;
    bool no_left_nulls = false, no_right_nulls = false;
    for (int i = 0; i < above->count; i++) {
        no_left_nulls |= plani_rejects_null(above->items[i], left, count);
        no_right_nulls |= plani_rejects_null(above->items[i], right, count);
    }
    if (type == JOIN_LEFT) return no_right_nulls ? JOIN_INNER : type;
    if (type == JOIN_RIGHT) return no_left_nulls ? JOIN_INNER : type;
    if (no_left_nulls && no_right_nulls) return JOIN_INNER;
    if (no_left_nulls) return JOIN_LEFT;
    return no_right_nulls ? JOIN_RIGHT : type;
}

static void place_above(struct planner *p, const struct rel *join, enum join_type type, struct expr *conjunct,
                        struct distribution_of_conjuncts *to) {
    int left_count = join->inputs[0]->schema.column_count;
    struct sides sides = plani_sides(conjunct, left_count);
    bool keeps_left = type != JOIN_RIGHT && type != JOIN_FULL; /* no padded left rows */
    bool keeps_right = (type == JOIN_INNER || type == JOIN_RIGHT) && join->join.temporal != TEMPORAL_ROWTIME;
    if (plani_is_random(conjunct) || (!sides.left && !sides.right))
        plani_add(p, &to->above, conjunct);
    else if (!sides.right && keeps_left)
        plani_add(p, &to->left, conjunct);
    else if (!sides.left && keeps_right)
        plani_add(p, &to->right, expr_shift(p->arena, conjunct, -left_count));
    else if (type == JOIN_INNER)
        plani_add(p, &to->on, conjunct);
    else
        plani_add(p, &to->above, conjunct);
}

static void place_on(struct planner *p, const struct rel *join, enum join_type type, struct expr *conjunct,
                     struct distribution_of_conjuncts *to) {
    int left_count = join->inputs[0]->schema.column_count;
    struct sides sides = plani_sides(conjunct, left_count);
    bool may_left = type == JOIN_INNER || type == JOIN_RIGHT || type == JOIN_SEMI;
    bool may_right = (type == JOIN_INNER || type == JOIN_LEFT || type == JOIN_SEMI || type == JOIN_ANTI) &&
                     join->join.temporal != TEMPORAL_ROWTIME;
    if (plani_is_random(conjunct) || join->join.null_aware)
        plani_add(p, &to->on, conjunct);
    else if (sides.left && !sides.right && may_left)
        plani_add(p, &to->left, conjunct);
    else if (sides.right && !sides.left && may_right)
        plani_add(p, &to->right, expr_shift(p->arena, conjunct, -left_count));
    else
        plani_add(p, &to->on, conjunct);
}

static int only_column(const struct expr *expr) {
    if (expr->kind == EXPR_COLUMN) return expr->column.index;
    int column = -1;
    for (int i = 0; i < expr->arg_count; i++) {
        int own = only_column(expr->args[i]);
        if (own == -2 || (column >= 0 && own >= 0 && own != column)) return -2;
        if (own >= 0) column = own;
    }
    return column;
}

struct renaming {
    struct planner *p;
    const struct expr *column;
};

static struct expr *rename_column(struct expr *expr, void *data) {
    const struct renaming *renaming = data;
    return expr->kind == EXPR_COLUMN ? (struct expr *)renaming->column : NULL;
}

/* What holds for a key of one side holds for the equal key of the other. */
static void add_implied(struct planner *p, const struct expr_list *from, int from_column, struct expr_list *to,
                        const struct rel *side, int to_column) {
    struct renaming renaming = {p, plani_column(p, &side->schema, to_column)};
    int count = from->count;
    for (int i = 0; i < count; i++) {
        struct expr *conjunct = from->items[i];
        if (only_column(conjunct) != from_column || plani_is_random(conjunct) || expr_can_fail(conjunct)) continue;
        struct expr *copy = expr_rewrite(p->arena, conjunct, rename_column, &renaming);
        if (!contains(to, copy)) plani_add(p, to, copy);
    }
}

static void add_all_implied(struct planner *p, const struct rel *join, enum join_type type,
                            struct distribution_of_conjuncts *to) {
    if (type == JOIN_FULL || join->join.null_aware || join->join.temporal != TEMPORAL_NONE) return;
    int left_count = join->inputs[0]->schema.column_count;
    bool to_right = type != JOIN_RIGHT, to_left = type == JOIN_INNER || type == JOIN_RIGHT || type == JOIN_SEMI;
    for (int i = 0; i < to->on.count; i++) {
        const struct expr *equal = to->on.items[i];
        if (!plani_is_call(equal, "=", 2)) continue;
        const struct expr *a = equal->args[0], *b = equal->args[1];
        if (a->kind != EXPR_COLUMN || b->kind != EXPR_COLUMN || !type_equal_but_nullable(a->type, b->type)) continue;
        int left = a->column.index < left_count ? a->column.index : b->column.index;
        int right = (a->column.index < left_count ? b->column.index : a->column.index) - left_count;
        if (left >= left_count || right < 0) continue;
        if (to_right) add_implied(p, &to->left, left, &to->right, join->inputs[1], right);
        if (to_left) add_implied(p, &to->right, right, &to->left, join->inputs[0], left);
    }
}

/* What an OR over both sides says about one: (a = 1 AND b = 2) OR (a = 3 AND b = 4) says that a is 1 or 3. NULL: nothing. */
static struct expr *one_side(struct planner *p, const struct expr *either, int left_count, bool left) {
    struct expr **branches = ARENA_ARRAY(p->arena, struct expr *, either->arg_count);
    for (int i = 0; i < either->arg_count; i++) {
        struct expr_list all = {0}, own = {0};
        plani_split_and(p, either->args[i], &all);
        for (int k = 0; k < all.count; k++) {
            struct sides sides = plani_sides(all.items[k], left_count);
            if (sides.left == left && sides.right == !left && !expr_can_fail(all.items[k]))
                plani_add(p, &own, all.items[k]);
        }
        if (own.count == 0) return NULL;
        branches[i] = plani_and(p, &own);
    }
    struct expr *of_side = expr_or(p->arena, branches, either->arg_count);
    return left ? of_side : expr_shift(p->arena, of_side, -left_count);
}

static void add_sides_of_or(struct planner *p, const struct rel *join, enum join_type type,
                            struct distribution_of_conjuncts *to) {
    if (join->join.null_aware || join->join.temporal != TEMPORAL_NONE) return;
    int left_count = join->inputs[0]->schema.column_count;
    for (int i = 0; i < to->on.count; i++) {
        const struct expr *either = to->on.items[i];
        if (either->kind != EXPR_OR || plani_is_random(either)) continue;
        struct expr *left = one_side(p, either, left_count, true), *right = one_side(p, either, left_count, false);
        if (left && (type == JOIN_INNER || type == JOIN_RIGHT || type == JOIN_SEMI) && !contains(&to->left, left))
            plani_add(p, &to->left, left);
        if (right && type != JOIN_RIGHT && type != JOIN_FULL && !contains(&to->right, right))
            plani_add(p, &to->right, right);
    }
}

static enum status push_join(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                             struct error *err) {
    enum join_type type = narrow_join(rel, conjuncts, p->arena);
    struct distribution_of_conjuncts to = {0};
    struct expr_list on = {0};
    if (rel->join.condition) {
        struct expr_list raw = {0};
        plani_split_and(p, rel->join.condition, &raw);
        for (int i = 0; i < raw.count; i++) plani_split_and(p, plani_factor_or(p, raw.items[i]), &on);
    }
    for (int i = 0; i < on.count; i++) place_on(p, rel, type, on.items[i], &to);
    for (int i = 0; i < conjuncts->count; i++) place_above(p, rel, type, conjuncts->items[i], &to);
    add_sides_of_or(p, rel, type, &to);
    add_all_implied(p, rel, type, &to);
    struct rel *left, *right;
    TRY(push(p, rel->inputs[0], &to.left, &left, err));
    TRY(push(p, rel->inputs[1], &to.right, &right, err));
    struct rel *join = plani_join_like(p, rel, left, right, type, plani_and(p, &to.on));
    *out = filter_here(p, join, &to.above);
    return STATUS_OK;
}

static enum status push(struct planner *p, struct rel *rel, struct expr_list *conjuncts, struct rel **out,
                        struct error *err) {
    switch (rel->kind) {
    case REL_FILTER: return push_filter(p, rel, conjuncts, out, err);
    case REL_PROJECT: return push_project(p, rel, conjuncts, out, err);
    case REL_JOIN: return push_join(p, rel, conjuncts, out, err);
    case REL_AGGREGATE: return push_aggregate(p, rel, conjuncts, out, err);
    case REL_OVER: return push_over(p, rel, conjuncts, out, err);
    case REL_SORT: return push_sort(p, rel, conjuncts, out, err);
    case REL_SET_OP: return push_set_op(p, rel, conjuncts, out, err);
    case REL_WINDOW_TVF: return push_window(p, rel, conjuncts, out, err);
    case REL_UNNEST: return push_unnest(p, rel, conjuncts, out, err);
    case REL_WATERMARK: return push_through(p, rel, conjuncts, NULL, NULL, out, err);
    case REL_SCAN:
    case REL_ROWS:
    case REL_VALUES:
    case REL_KIND_COUNT: break;
    }
    *out = filter_here(p, rel, conjuncts);
    return STATUS_OK;
}

enum status plani_rule_filter(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    struct expr_list none = {0};
    return push(p, rel, &none, out, err);
}
