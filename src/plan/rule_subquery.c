/* Subqueries and LATERAL become joins. Inner queries first; afterwards no tree has EXPR_SUBQUERY or EXPR_OUTER.
 *
 * A subquery R of a node over L is applied to every row of L. `pull` moves what is correlated in R upwards, out of R:
 * the result is a tree without correlation, conditions between it and L, and R's columns as expressions over both;
 * then L is joined with it:
 *     EXISTS, IN          SEMI      NOT EXISTS, NOT IN   ANTI (null-aware where NULLs may be compared)
 *     scalar              LEFT, more than one partner being an error unless that cannot be
 *     LATERAL             INNER or LEFT
 * Where R groups, ranks or limits, the inner side of correlated equalities becomes a group key. A global aggregate
 * has a row also for L rows without partner: COUNT is 0 there (`one_row`). Other correlated conditions below such a
 * node, and correlation inside outer joins and unions, use the general method: the distinct outer values D of L are
 * joined in below (Neumann and Kemper, Unnesting Arbitrary Queries, BTW 2015), and the result is joined with L by
 * these values, NULL matching NULL.
 *
 * A recursive query that reads L becomes one for all rows of L, see pull_rows.
 *
 * IN as a value (below OR, in SELECT), ANY and ALL are computed from aggregates of R. */
#include "plan/plan_private.h"

/* ---- walking trees ---- */

typedef struct expr *(*visitor)(struct expr *expr, void *data);

static struct rel *map_node(struct planner *p, struct rel *rel, visitor visit, void *data) {
    struct rel *copy = NULL;
#define CHANGE(field, value)                                                                                           \
    do {                                                                                                               \
        struct expr *new_ = (value);                                                                                   \
        if (new_ != rel->field) {                                                                                      \
            if (!copy) copy = rel_with_inputs(p->arena, rel, rel->inputs);                                             \
            copy->field = new_;                                                                                        \
        }                                                                                                              \
    } while (0)
    switch (rel->kind) {
    case REL_FILTER: CHANGE(filter.condition, expr_rewrite(p->arena, rel->filter.condition, visit, data)); break;
    case REL_WATERMARK: CHANGE(watermark.expr, expr_rewrite(p->arena, rel->watermark.expr, visit, data)); break;
    case REL_JOIN:
        if (rel->join.condition) CHANGE(join.condition, expr_rewrite(p->arena, rel->join.condition, visit, data));
        break;
    case REL_PROJECT: {
        struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count);
        bool changed = false;
        for (int i = 0; i < rel->schema.column_count; i++) {
            exprs[i] = expr_rewrite(p->arena, rel->project.exprs[i], visit, data);
            changed |= exprs[i] != rel->project.exprs[i];
        }
        if (!changed) break;
        copy = rel_with_inputs(p->arena, rel, rel->inputs);
        copy->project.exprs = exprs;
        break;
    }
    case REL_VALUES:
        for (int r = 0; r < rel->values.row_count; r++)
            for (int c = 0; c < rel->schema.column_count; c++) {
                struct expr *expr = expr_rewrite(p->arena, rel->values.rows[r][c], visit, data);
                if (expr == rel->values.rows[r][c]) continue;
                if (!copy) {
                    copy = rel_with_inputs(p->arena, rel, NULL);
                    copy->values.rows = ARENA_ARRAY(p->arena, struct expr **, rel->values.row_count);
                    for (int k = 0; k < rel->values.row_count; k++)
                        copy->values.rows[k] = arena_memdup(p->arena, rel->values.rows[k],
                                                            sizeof(struct expr *) * (size_t)rel->schema.column_count);
                }
                copy->values.rows[r][c] = expr;
            }
        break;
    case REL_ROWS: {
        int count = rel_rows_outer_count(rel);
        struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count + 1);
        bool changed = false;
        for (int i = 0; i < count; i++) {
            exprs[i] = expr_rewrite(p->arena, rel->rows.outer[i], visit, data);
            changed |= exprs[i] != rel->rows.outer[i];
        }
        if (!changed) break;
        copy = rel_with_inputs(p->arena, rel, NULL);
        copy->rows.outer = exprs;
        break;
    }
    default: break;
    }
#undef CHANGE
    return copy ? copy : rel;
}

static struct rel *map_tree(struct planner *p, struct rel *rel, visitor visit, void *data) {
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        struct rel *input = map_tree(p, rel->inputs[i], visit, data);
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    return map_node(p, inputs ? rel_with_inputs(p->arena, rel, inputs) : rel, visit, data);
}

/* ---- outer references ---- */

static bool has_outer(const struct expr *expr) {
    if (expr->kind == EXPR_OUTER) return expr->outer.level == 1;
    for (int i = 0; i < expr->arg_count; i++)
        if (has_outer(expr->args[i])) return true;
    return false;
}

static struct expr *note_any_outer(struct expr *expr, void *data) {
    if (expr->kind == EXPR_OUTER) *(bool *)data = true;
    return NULL;
}

static struct expr *note_outer(struct expr *expr, void *data) {
    if (expr->kind == EXPR_OUTER && expr->outer.level == 1) *(bool *)data = true;
    return NULL;
}

static bool rel_has_outer(struct planner *p, struct rel *rel) {
    bool found = false;
    map_tree(p, rel, note_outer, &found);
    return found;
}

static bool has_column(const struct expr *expr) {
    if (expr->kind == EXPR_COLUMN) return true;
    for (int i = 0; i < expr->arg_count; i++)
        if (has_column(expr->args[i])) return true;
    return false;
}

static struct expr *lower_level(struct expr *expr, void *data) {
    struct planner *p = data;
    if (expr->kind != EXPR_OUTER) return NULL;
    struct expr *copy = arena_memdup(p->arena, expr, sizeof *expr);
    copy->outer.level--;
    return copy;
}

static struct expr *raise_level(struct expr *expr, void *data) {
    struct planner *p = data;
    if (expr->kind != EXPR_OUTER) return NULL;
    struct expr *copy = arena_memdup(p->arena, expr, sizeof *expr);
    copy->outer.level++;
    return copy;
}

/* An expression over L as the subquery sees it. */
static struct expr *to_outer_visit(struct expr *expr, void *data) {
    struct planner *p = data;
    if (expr->kind != EXPR_COLUMN && expr->kind != EXPR_OUTER) return NULL;
    struct expr *copy = arena_memdup(p->arena, expr, sizeof *expr);
    if (expr->kind == EXPR_OUTER) {
        copy->outer.level++;
    } else {
        copy->kind = EXPR_OUTER;
        copy->outer.level = 1;
        copy->outer.index = expr->column.index;
        copy->outer.is_call = false;
    }
    return copy;
}

static struct expr *to_outer(struct planner *p, struct expr *expr) {
    return expr_rewrite(p->arena, expr, to_outer_visit, p);
}

/* ---- what pulling gives ---- */

struct pulled {
    struct rel *rel;        /* without references to L */
    struct expr_list preds; /* over L (EXPR_OUTER of level 1) and rel's columns */
    struct expr **outs;     /* the subquery's columns, over the same */
    int out_count;
    /* One row for every row of L: rel's columns are NULL where no row of it satisfies preds, and never do two. */
    bool one_row;
    struct expr_list filter; /* one_row: the row only counts when these hold */
};

struct apply {
    struct planner *p;
    struct rel *left;         /* L */
    const struct expr *place; /* for messages */
};

static enum status not_supported(const struct apply *apply, const char *what, struct error *err) {
    const struct expr *place = apply->place;
    error_set_at(err, STATUS_NOT_SUPPORTED, place ? place->offset : -1, place && place->offset >= 0 ? place->length : 0,
                 "a correlated subquery with %s is not supported", what);
    error_hint(err, "write it as a join with a derived table");
    return STATUS_NOT_SUPPORTED;
}

static struct expr **columns_of(struct planner *p, const struct rel *rel) {
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++) exprs[i] = plani_column(p, &rel->schema, i);
    return exprs;
}

static struct pulled plain(struct planner *p, struct rel *rel) {
    return (struct pulled){.rel = rel, .outs = columns_of(p, rel), .out_count = rel->schema.column_count};
}

/* rel with these expressions behind its columns. */
static struct rel *append_exprs(struct planner *p, struct rel *rel, struct expr *const *exprs, int count,
                                const char *name) {
    int old = rel->schema.column_count;
    struct expr **all = ARENA_ARRAY(p->arena, struct expr *, old + count);
    const char **names = ARENA_ARRAY(p->arena, const char *, old + count);
    for (int i = 0; i < old; i++) {
        all[i] = plani_column(p, &rel->schema, i);
        names[i] = rel->schema.names[i];
    }
    for (int i = 0; i < count; i++) {
        all[old + i] = exprs[i];
        names[old + i] = arena_printf(p->arena, "%s%d", name, i);
    }
    return rel_project(p->arena, rel, old + count, all, names);
}

/* ---- the domain: distinct outer values ---- */

static void collect_outer(const struct expr *expr, bool *used) {
    if (expr->kind == EXPR_OUTER && expr->outer.level == 1) used[expr->outer.index] = true;
    for (int i = 0; i < expr->arg_count; i++) collect_outer(expr->args[i], used);
}

struct domain_map {
    struct planner *p;
    const int *column; /* by column of L: position in the joined tree, -1 */
    const struct schema *schema;
};

static struct expr *to_domain_visit(struct expr *expr, void *data) {
    const struct domain_map *map = data;
    if (expr->kind != EXPR_OUTER || expr->outer.level != 1) return NULL;
    return expr_column(map->p->arena, map->column[expr->outer.index], expr->type);
}

/* Joins the domain of the used columns of L to rel; *column_of says where they are then. */
static struct rel *join_domain(const struct apply *apply, struct rel *rel, const bool *used, int *column_of) {
    struct planner *p = apply->p;
    struct rel *left = apply->left;
    int *columns = ARENA_ARRAY(p->arena, int, left->schema.column_count + 1), count = 0;
    for (int i = 0; i < left->schema.column_count; i++) {
        column_of[i] = -1;
        if (!used[i]) continue;
        column_of[i] = rel->schema.column_count + count;
        columns[count++] = i;
    }
    /* L goes into the subquery: what it refers to itself is one level further out from there. */
    struct rel *values = plani_pick(p, map_tree(p, left, raise_level, p), columns, count);
    int *keys = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) keys[i] = i;
    struct rel *domain = rel_aggregate(p->arena, values, count, keys, 0, NULL);
    return rel_join(p->arena, rel, domain, JOIN_INNER, NULL);
}

/* L's value is the domain's, NULLs included. */
static enum status domain_preds(const struct apply *apply, const struct rel *rel, const int *column_of,
                                struct expr_list *preds, struct error *err) {
    struct planner *p = apply->p;
    for (int i = 0; i < apply->left->schema.column_count; i++) {
        if (column_of[i] < 0) continue;
        struct expr *outer = to_outer(p, plani_column(p, &apply->left->schema, i)), *equal;
        bool nullable = outer->type->nullable;
        TRY(plani_call2(p, nullable ? "IS NOT DISTINCT FROM" : "=", outer, plani_column(p, &rel->schema, column_of[i]),
                        &equal, err));
        plani_add(p, preds, equal);
    }
    return STATUS_OK;
}

/* Makes rows of the pulled tree complete by themselves: all conditions are checked inside, outer values are columns,
 * and a row belongs to the L rows that have these values. `also` are further outer columns that are wanted (NULL
 * none). */
static enum status with_domain(const struct apply *apply, struct pulled *pulled, const bool *also, int *column_of,
                               struct error *err) {
    struct planner *p = apply->p;
    int left_count = apply->left->schema.column_count;
    bool *used = ARENA_ARRAY(p->arena, bool, left_count + 1);
    for (int i = 0; also && i < left_count; i++) used[i] = also[i];
    for (int i = 0; i < pulled->preds.count; i++) collect_outer(pulled->preds.items[i], used);
    for (int i = 0; i < pulled->out_count; i++) collect_outer(pulled->outs[i], used);
    for (int i = 0; i < pulled->filter.count; i++) collect_outer(pulled->filter.items[i], used);
    bool any = false;
    for (int i = 0; i < left_count; i++) any |= used[i];
    if (!any) used[0] = true;
    struct rel *joined = join_domain(apply, pulled->rel, used, column_of);
    struct domain_map map = {p, column_of, &joined->schema};
    struct expr_list on = {0};
    for (int i = 0; i < pulled->preds.count; i++)
        plani_add(p, &on, expr_rewrite(p->arena, pulled->preds.items[i], to_domain_visit, &map));
    struct expr *condition = plani_and(p, &on);
    struct rel *rel;
    if (pulled->one_row) { /* the domain's rows without partner stay */
        int rel_count = pulled->rel->schema.column_count, domain_count = joined->schema.column_count - rel_count;
        rel = rel_join(p->arena, joined->inputs[1], pulled->rel, JOIN_LEFT, NULL);
        int *swap = ARENA_ARRAY(p->arena, int, rel_count + domain_count);
        for (int i = 0; i < rel_count; i++) swap[i] = domain_count + i;
        for (int i = 0; i < domain_count; i++) swap[rel_count + i] = i;
        rel->join.condition = condition ? expr_remap(p->arena, condition, swap) : NULL;
        rel = plani_pick(p, rel, swap, rel_count + domain_count);
    } else {
        rel = rel_join(p->arena, pulled->rel, joined->inputs[1], JOIN_INNER, condition);
    }
    for (int i = 0; i < pulled->out_count; i++)
        pulled->outs[i] = expr_rewrite(p->arena, pulled->outs[i], to_domain_visit, &map);
    struct expr_list conditions = {0};
    for (int i = 0; i < pulled->filter.count; i++)
        plani_add(p, &conditions, expr_rewrite(p->arena, pulled->filter.items[i], to_domain_visit, &map));
    if (conditions.count) rel = rel_filter(p->arena, rel, plani_and(p, &conditions));
    pulled->filter = (struct expr_list){0};
    pulled->preds = (struct expr_list){0};
    pulled->one_row = false;
    pulled->rel = rel;
    return domain_preds(apply, rel, column_of, &pulled->preds, err);
}

/* ---- correlated equalities as keys ---- */

/* outer = inner, one side only of L and the other only of the tree. */
static bool split_equality(const struct expr *pred, struct expr **outer, struct expr **inner) {
    if (!plani_is_call(pred, "=", 2) && !plani_is_call(pred, "IS NOT DISTINCT FROM", 2)) return false;
    struct expr *a = pred->args[0], *b = pred->args[1];
    bool straight = has_outer(a);
    *outer = straight ? a : b;
    *inner = straight ? b : a;
    return has_outer(*outer) && !has_column(*outer) && has_column(*inner) && !has_outer(*inner) &&
           !plani_is_random(*inner);
}

static bool all_equalities(const struct pulled *pulled) {
    struct expr *outer, *inner;
    for (int i = 0; i < pulled->preds.count; i++)
        if (!split_equality(pulled->preds.items[i], &outer, &inner)) return false;
    for (int i = 0; i < pulled->out_count; i++)
        if (has_outer(pulled->outs[i])) return false;
    return true;
}

/* The tree's columns become: outs, then the inner sides of the equalities (at out_count…), which all preds then speak
 * of. For nodes whose result depends on which rows are together. */
static enum status as_keys(const struct apply *apply, struct pulled *pulled, int *key_count, struct error *err) {
    struct planner *p = apply->p;
    if (pulled->one_row || !all_equalities(pulled)) {
        int *column_of = ARENA_ARRAY(p->arena, int, apply->left->schema.column_count + 1);
        TRY(with_domain(apply, pulled, NULL, column_of, err));
    }
    int count = pulled->preds.count, total = pulled->out_count + count;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, total + 1);
    const char **names = ARENA_ARRAY(p->arena, const char *, total + 1);
    for (int i = 0; i < pulled->out_count; i++) {
        exprs[i] = pulled->outs[i];
        names[i] = exprs[i]->kind == EXPR_COLUMN ? pulled->rel->schema.names[exprs[i]->column.index]
                                                 : arena_printf(p->arena, "$out%d", i);
    }
    struct expr_list preds = {0};
    for (int i = 0; i < count; i++) {
        struct expr *outer, *inner, *pred = pulled->preds.items[i];
        if (!split_equality(pred, &outer, &inner))
            return error_set(err, STATUS_INTERNAL, "a correlation is no equality");
        exprs[pulled->out_count + i] = inner;
        names[pulled->out_count + i] = arena_printf(p->arena, "$corr%d", i);
        struct expr *copy = arena_memdup(p->arena, pred, sizeof *pred);
        copy->args = ARENA_ARRAY(p->arena, struct expr *, 2);
        bool straight = pred->args[0] == outer;
        copy->args[!straight] = outer;
        copy->args[straight] = expr_column(p->arena, pulled->out_count + i, inner->type);
        plani_add(p, &preds, copy);
    }
    pulled->rel = rel_project(p->arena, pulled->rel, total, exprs, names);
    pulled->preds = preds;
    for (int i = 0; i < pulled->out_count; i++) pulled->outs[i] = plani_column(p, &pulled->rel->schema, i);
    *key_count = count;
    return STATUS_OK;
}

/* ---- pulling, by node ---- */

static enum status decorrelate(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
static enum status pull(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err);
static enum status pull_union(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err);

static enum status pull_values(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    if (rel->values.row_count != 1) { /* UNION ALL of one row each */
        struct rel **rows = ARENA_ARRAY(p->arena, struct rel *, rel->values.row_count + 1);
        for (int r = 0; r < rel->values.row_count; r++)
            rows[r] = rel_values(p->arena, &rel->schema, 1, &rel->values.rows[r]);
        return pull_union(apply, rel_union_all(p->arena, rel->values.row_count, rows), out, err);
    }
    struct value zero = value_i64(type_with_nullable(p->arena, type_of(TYPE_INT), false), 0);
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    const char **names = arena_memdup(p->arena, (const char *[]){"ZERO"}, sizeof *names);
    *schema = (struct schema){1, arena_memdup(p->arena, &zero.type, sizeof zero.type), names};
    struct expr ***rows = ARENA_ARRAY(p->arena, struct expr **, 1);
    rows[0] = ARENA_ARRAY(p->arena, struct expr *, 1);
    rows[0][0] = expr_const(p->arena, &zero);
    *out = (struct pulled){
        .rel = rel_values(p->arena, schema, 1, rows),
        .outs = arena_memdup(p->arena, rel->values.rows[0], sizeof(struct expr *) * (size_t)rel->schema.column_count),
        .out_count = rel->schema.column_count};
    return STATUS_OK;
}

static enum status pull_filter(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    TRY(pull(apply, rel->inputs[0], out, err));
    if (plani_growth(rel->filter.condition, out->outs) > PLAN_MAX_EXPR_NODES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "a condition of a correlated subquery is too large");
    struct expr_list conjuncts = {0}, here = {0};
    plani_split_and(p, plani_substitute(p, rel->filter.condition, out->outs), &conjuncts);
    for (int i = 0; i < conjuncts.count; i++) {
        struct expr *conjunct = conjuncts.items[i];
        plani_add(p, out->one_row ? &out->filter : has_outer(conjunct) ? &out->preds : &here, conjunct);
    }
    if (here.count) out->rel = rel_filter(p->arena, out->rel, plani_and(p, &here));
    return STATUS_OK;
}

static enum status pull_project(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    TRY(pull(apply, rel->inputs[0], out, err));
    struct expr **outs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++) outs[i] = plani_substitute(p, rel->project.exprs[i], out->outs);
    out->outs = outs;
    out->out_count = rel->schema.column_count;
    return STATUS_OK;
}

/* What an aggregate without rows gives: 0 for counts, most others NULL. column: its value, NULL where there was no row. */
static enum status or_empty_value(struct planner *p, const struct bound_aggregate *function, int column,
                                  struct expr **out, struct error *err) {
    *out = expr_column(p->arena, column, type_with_nullable(p->arena, function->result, true));
    if (function->result->nullable) return STATUS_OK;
    struct value empty;
    TRY(aggregate_empty_value(p->arena, function, &empty, err));
    empty.type = function->result;
    struct expr *expr = ARENA_NEW(p->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_COALESCE, .type = function->result, .offset = -1, .arg_count = 2};
    expr->args = ARENA_ARRAY(p->arena, struct expr *, 2);
    expr->args[0] = *out;
    expr->args[1] = expr_const(p->arena, &empty);
    *out = expr;
    return STATUS_OK;
}

/* Grouping sets are UNION ALL of an aggregate for each of them: the empty set has a row for every row of L. */
static enum status pull_grouping_sets(const struct apply *apply, struct rel *rel, struct pulled *out,
                                      struct error *err) {
    struct planner *p = apply->p;
    int set_count = rel->aggregate.grouping_set_count, key_count = rel->aggregate.key_count;
    int call_count = rel->aggregate.call_count, total = rel->schema.column_count;
    struct rel **parts = ARENA_ARRAY(p->arena, struct rel *, set_count);
    for (int s = 0; s < set_count; s++) {
        uint64_t set = rel->aggregate.grouping_sets[s];
        int *keys = ARENA_ARRAY(p->arena, int, key_count + 1), count = 0;
        for (int i = 0; i < key_count; i++)
            if (set >> i & 1) keys[count++] = rel->aggregate.keys[i];
        struct rel *one = rel_aggregate(p->arena, rel->inputs[0], count, keys, call_count, rel->aggregate.calls);
        struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, total + 1);
        int at = 0;
        for (int i = 0; i < key_count; i++) {
            const struct type *type = rel->schema.types[i];
            exprs[i] = set >> i & 1 ? expr_cast(p->arena, plani_column(p, &one->schema, at), type, false)
                                    : expr_null(p->arena, type);
            at += set >> i & 1;
        }
        for (int i = 0; i < call_count; i++) exprs[key_count + i] = plani_column(p, &one->schema, count + i);
        exprs[total - 1] = plani_bigint(p, grouping_set_id(rel->aggregate.grouping_sets, s, key_count));
        parts[s] = rel_project(p->arena, one, total, exprs, (const char **)rel->schema.names);
    }
    return pull_union(apply, rel_union_all(p->arena, set_count, parts), out, err);
}

static enum status pull_aggregate(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    if (rel->aggregate.grouping_set_count) return pull_grouping_sets(apply, rel, out, err);
    TRY(pull(apply, rel->inputs[0], out, err));
    int extra, key_count = rel->aggregate.key_count, call_count = rel->aggregate.call_count;
    TRY(as_keys(apply, out, &extra, err));
    int *keys = ARENA_ARRAY(p->arena, int, key_count + extra + 1);
    if (key_count) memcpy(keys, rel->aggregate.keys, sizeof *keys * (size_t)key_count);
    for (int i = 0; i < extra; i++) keys[key_count + i] = out->out_count + i;
    int *map = ARENA_ARRAY(p->arena, int, out->rel->schema.column_count + 1);
    for (int i = 0; i < extra; i++) map[out->out_count + i] = key_count + i;
    for (int i = 0; i < out->preds.count; i++) out->preds.items[i] = expr_remap(p->arena, out->preds.items[i], map);
    out->rel = rel_aggregate(p->arena, out->rel, key_count + extra, keys, call_count, rel->aggregate.calls);
    out->out_count = key_count + call_count;
    out->outs = ARENA_ARRAY(p->arena, struct expr *, out->out_count + 1);
    for (int i = 0; i < key_count; i++) out->outs[i] = plani_column(p, &out->rel->schema, i);
    out->one_row = key_count == 0;
    for (int i = 0; i < call_count; i++) {
        int column = key_count + extra + i;
        struct expr **value = &out->outs[key_count + i];
        *value = plani_column(p, &out->rel->schema, column);
        if (out->one_row) TRY(or_empty_value(p, rel->aggregate.calls[i].function, column, value, err));
    }
    return STATUS_OK;
}

/* The tree of out with window functions over its rows, apart by correlation; outs are those of rel. */
static enum status rank_rows(const struct apply *apply, const struct window_spec *spec, int call_count,
                             const struct window_call *calls, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    int extra;
    TRY(as_keys(apply, out, &extra, err));
    struct window_spec *own = arena_memdup(p->arena, spec, sizeof *spec);
    int *partition = ARENA_ARRAY(p->arena, int, spec->partition_count + extra + 1);
    if (spec->partition_count) memcpy(partition, spec->partition, sizeof *partition * (size_t)spec->partition_count);
    for (int i = 0; i < extra; i++) partition[spec->partition_count + i] = out->out_count + i;
    own->partition = partition;
    own->partition_count = spec->partition_count + extra;
    int below = out->rel->schema.column_count;
    out->rel = rel_over(p->arena, out->rel, own, call_count, calls);
    struct expr **outs = ARENA_ARRAY(p->arena, struct expr *, out->out_count + call_count + 1);
    memcpy(outs, out->outs, sizeof *outs * (size_t)out->out_count);
    for (int i = 0; i < call_count; i++) outs[out->out_count + i] = plani_column(p, &out->rel->schema, below + i);
    out->outs = outs;
    out->out_count += call_count;
    return STATUS_OK;
}

static enum status pull_over(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    TRY(pull(apply, rel->inputs[0], out, err));
    return rank_rows(apply, rel->over.spec, rel->over.call_count, rel->over.calls, out, err);
}

/* `above` is out->rel with the columns behind its own that rel appends to its input. */
static void put_appended(struct planner *p, const struct rel *rel, struct rel *above, struct pulled *out) {
    int below = out->rel->schema.column_count, old = out->out_count;
    struct expr **outs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++)
        outs[i] = plani_column(p, &above->schema, i < old ? i : below + i - old);
    out->rel = above;
    out->outs = outs;
    out->out_count = rel->schema.column_count;
}

/* The collection is computed below, where the outer values that it reads are joined in. */
static enum status pull_unnest(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    int extra;
    TRY(pull(apply, rel->inputs[0], out, err));
    TRY(as_keys(apply, out, &extra, err));
    struct rel *above = rel_unnest(p->arena, out->rel, rel->unnest.column_count, rel->unnest.columns, rel->unnest.outer,
                                   rel->unnest.ordinality);
    put_appended(p, rel, above, out);
    return STATUS_OK;
}

/* The windows of a row depend on nothing but its time. */
static enum status pull_window(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    int extra;
    if (rel->window_tvf.kind == WINDOW_SESSION) return not_supported(apply, "session windows", err);
    TRY(pull(apply, rel->inputs[0], out, err));
    TRY(as_keys(apply, out, &extra, err));
    put_appended(p, rel, rel_window_tvf(p->arena, out->rel, &rel->window_tvf), out);
    return STATUS_OK;
}

/* LIMIT per row of L: the rows are numbered. */
static enum status pull_sort(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    TRY(pull(apply, rel->inputs[0], out, err));
    if (rel->sort.limit < 0 && rel->sort.rows_offset == 0) return STATUS_OK;
    if (out->one_row && rel->sort.rows_offset == 0 && rel->sort.limit > 0) return STATUS_OK;
    struct window_spec spec = {.order_count = rel->sort.key_count,
                               .order = rel->sort.keys,
                               .unit = FRAME_RANGE,
                               .start = BOUND_UNBOUNDED_PRECEDING,
                               .end = BOUND_CURRENT_ROW};
    const struct type *bigint = type_with_nullable(p->arena, type_of(TYPE_BIGINT), false);
    struct window_call call = {.function = "ROW_NUMBER", .type = bigint, .name = "$row"};
    TRY(rank_rows(apply, &spec, 1, &call, out, err));
    struct expr *row = out->outs[--out->out_count], *bound;
    struct expr_list bounds = {0};
    if (rel->sort.rows_offset) {
        TRY(plani_call2(p, ">", row, plani_bigint(p, rel->sort.rows_offset), &bound, err));
        plani_add(p, &bounds, bound);
    }
    if (rel->sort.limit >= 0) {
        TRY(plani_call2(p, "<=", row, plani_bigint(p, rel->sort.rows_offset + rel->sort.limit), &bound, err));
        plani_add(p, &bounds, bound);
    }
    out->rel = rel_filter(p->arena, out->rel, plani_and(p, &bounds));
    return STATUS_OK;
}

/* Outs become columns where they refer to L, and rows that only come into being after the join come into being. */
static enum status complete(const struct apply *apply, struct pulled *pulled, struct error *err) {
    bool outer = pulled->one_row;
    for (int i = 0; i < pulled->out_count; i++) outer |= has_outer(pulled->outs[i]);
    if (!outer) return STATUS_OK;
    int *column_of = ARENA_ARRAY(apply->p->arena, int, apply->left->schema.column_count + 1);
    return with_domain(apply, pulled, NULL, column_of, err);
}

static enum status pull_inner_join(const struct apply *apply, struct rel *rel, struct pulled *x, struct pulled *y,
                                   struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    if (x->one_row) TRY(complete(apply, x, err));
    if (y->one_row) TRY(complete(apply, y, err));
    int delta = x->rel->schema.column_count;
    *out = (struct pulled){.out_count = x->out_count + y->out_count, .preds = x->preds};
    out->outs = ARENA_ARRAY(p->arena, struct expr *, out->out_count + 1);
    for (int i = 0; i < x->out_count; i++) out->outs[i] = x->outs[i];
    for (int i = 0; i < y->out_count; i++) out->outs[x->out_count + i] = expr_shift(p->arena, y->outs[i], delta);
    for (int i = 0; i < y->preds.count; i++) plani_add(p, &out->preds, expr_shift(p->arena, y->preds.items[i], delta));
    struct expr_list conjuncts = {0}, on = {0};
    if (rel->join.condition) plani_split_and(p, plani_substitute(p, rel->join.condition, out->outs), &conjuncts);
    for (int i = 0; i < conjuncts.count; i++)
        plani_add(p, has_outer(conjuncts.items[i]) ? &out->preds : &on, conjuncts.items[i]);
    out->rel = rel_join(p->arena, x->rel, y->rel, JOIN_INNER, plani_and(p, &on));
    return STATUS_OK;
}

/* Computed columns that do not read L are computed below the join, where a row is missing they are then NULL; those
 * that do are computed above it, with a mark that tells whether there was a row. */
static void settle_outs(const struct apply *apply, struct pulled *pulled, bool padded, int *mark) {
    struct planner *p = apply->p;
    struct expr_list computed = {0};
    int base = pulled->rel->schema.column_count;
    bool needs_mark = false;
    for (int i = 0; i < pulled->out_count; i++) {
        struct expr *expr = pulled->outs[i];
        if (expr->kind == EXPR_COLUMN) continue;
        if (has_outer(expr)) {
            needs_mark = padded;
            continue;
        }
        pulled->outs[i] = expr_column(p->arena, base + computed.count, expr->type);
        plani_add(p, &computed, expr);
    }
    *mark = -1;
    if (needs_mark) {
        *mark = base + computed.count;
        plani_add(p, &computed, expr_true(p->arena));
    }
    if (computed.count) pulled->rel = append_exprs(p, pulled->rel, computed.items, computed.count, "$sub");
}

/* left = right, or one of them is NULL: what NOT IN compares when it is no join with a null-aware key. */
static enum status or_null(struct planner *p, struct expr *equal, struct expr **out, struct error *err) {
    struct expr *any[3] = {equal};
    int count = 1;
    for (int i = 0; i < equal->arg_count && i < 2; i++)
        if (equal->args[i]->type->nullable) TRY(plani_call2(p, "IS NULL", equal->args[i], NULL, &any[count++], err));
    *out = expr_or(p->arena, any, count);
    return STATUS_OK;
}

/* LEFT, SEMI, ANTI: outer values that the condition or the right side need are joined to the left side. */
static enum status pull_left_join(const struct apply *apply, struct rel *rel, struct pulled *x, struct pulled *y,
                                  struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    int left_count = apply->left->schema.column_count;
    int mark;
    TRY(complete(apply, y, err));
    settle_outs(apply, y, false, &mark);
    if (x->one_row) TRY(complete(apply, x, err));
    bool *used = ARENA_ARRAY(p->arena, bool, left_count + 1), any = false;
    for (int i = 0; i < y->preds.count; i++) collect_outer(y->preds.items[i], used);
    if (rel->join.condition) collect_outer(rel->join.condition, used);
    if (rel->join.condition)
        for (int i = 0; i < x->out_count; i++) collect_outer(x->outs[i], used);
    for (int i = 0; i < left_count; i++) any |= used[i];
    int *column_of = ARENA_ARRAY(p->arena, int, left_count + 1);
    if (any) TRY(with_domain(apply, x, used, column_of, err));
    int delta = x->rel->schema.column_count;
    struct expr **both = ARENA_ARRAY(p->arena, struct expr *, x->out_count + y->out_count + 1);
    for (int i = 0; i < x->out_count; i++) both[i] = x->outs[i];
    for (int i = 0; i < y->out_count; i++) both[x->out_count + i] = expr_shift(p->arena, y->outs[i], delta);
    struct expr_list on = {0};
    bool null_aware = rel->join.null_aware && y->preds.count == 0;
    struct expr *own = rel->join.condition;
    if (rel->join.null_aware && !null_aware) TRY(or_null(p, own, &own, err));
    if (own) plani_add(p, &on, plani_substitute(p, own, both));
    for (int i = 0; i < y->preds.count; i++) plani_add(p, &on, expr_shift(p->arena, y->preds.items[i], delta));
    struct expr *condition = plani_and(p, &on);
    struct domain_map map = {p, column_of, NULL};
    if (any && condition) condition = expr_rewrite(p->arena, condition, to_domain_visit, &map);
    bool left_only = rel->join.type == JOIN_SEMI || rel->join.type == JOIN_ANTI;
    struct rel *join = rel_join(p->arena, x->rel, y->rel, rel->join.type, condition);
    join->join.single_row = rel->join.single_row;
    join->join.null_aware = null_aware;
    *out = (struct pulled){.rel = join, .preds = x->preds, .out_count = x->out_count + (left_only ? 0 : y->out_count)};
    out->outs = both;
    for (int i = x->out_count; i < out->out_count; i++) both[i] = plani_column(p, &join->schema, both[i]->column.index);
    return STATUS_OK;
}

/* RIGHT is LEFT the other way round. */
static enum status pull_right_join(const struct apply *apply, struct rel *rel, struct pulled *x, struct pulled *y,
                                   struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    int left = rel->inputs[0]->schema.column_count, right = rel->inputs[1]->schema.column_count;
    int *swap = ARENA_ARRAY(p->arena, int, left + right + 1);
    for (int i = 0; i < left; i++) swap[i] = right + i;
    for (int i = 0; i < right; i++) swap[left + i] = i;
    struct rel *swapped = rel_with_inputs(p->arena, rel, rel->inputs);
    swapped->join.type = JOIN_LEFT;
    if (rel->join.condition) swapped->join.condition = expr_remap(p->arena, rel->join.condition, swap);
    TRY(pull_left_join(apply, swapped, y, x, out, err));
    struct expr **outs = ARENA_ARRAY(p->arena, struct expr *, left + right + 1);
    for (int i = 0; i < left + right; i++) outs[i] = out->outs[swap[i]];
    out->outs = outs;
    return STATUS_OK;
}

/* FULL: both sides get the outer values; a pair belongs together when they agree, and a row without partner has its own. */
static enum status pull_full_join(const struct apply *apply, struct rel *rel, struct pulled *x, struct pulled *y,
                                  struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    int left_count = apply->left->schema.column_count, mark;
    struct pulled *sides[2] = {x, y};
    bool *used = ARENA_ARRAY(p->arena, bool, left_count + 1);
    if (rel->join.condition) collect_outer(rel->join.condition, used);
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < sides[s]->preds.count; i++) collect_outer(sides[s]->preds.items[i], used);
        for (int i = 0; i < sides[s]->filter.count; i++) collect_outer(sides[s]->filter.items[i], used);
        for (int i = 0; i < sides[s]->out_count; i++) collect_outer(sides[s]->outs[i], used);
    }
    int *columns[2];
    for (int s = 0; s < 2; s++) {
        columns[s] = ARENA_ARRAY(p->arena, int, left_count + 1);
        TRY(with_domain(apply, sides[s], used, columns[s], err));
        settle_outs(apply, sides[s], false, &mark);
    }
    int delta = x->rel->schema.column_count;
    struct expr_list on = {0};
    struct expr **both = ARENA_ARRAY(p->arena, struct expr *, x->out_count + y->out_count + left_count + 1);
    for (int i = 0; i < x->out_count; i++) both[i] = x->outs[i];
    for (int i = 0; i < y->out_count; i++) both[x->out_count + i] = expr_shift(p->arena, y->outs[i], delta);
    if (rel->join.condition) {
        struct domain_map map = {p, columns[0], NULL};
        struct expr *condition = plani_substitute(p, rel->join.condition, both);
        plani_add(p, &on, expr_rewrite(p->arena, condition, to_domain_visit, &map));
    }
    for (int i = 0; i < left_count; i++) {
        if (columns[0][i] < 0) continue;
        struct expr *same, *a = plani_column(p, &x->rel->schema, columns[0][i]),
                           *b = expr_shift(p->arena, plani_column(p, &y->rel->schema, columns[1][i]), delta);
        TRY(plani_call2(p, a->type->nullable ? "IS NOT DISTINCT FROM" : "=", a, b, &same, err));
        plani_add(p, &on, same);
    }
    struct rel *join = rel_join(p->arena, x->rel, y->rel, JOIN_FULL, plani_and(p, &on));
    /* the columns of both, then the outer values of either */
    int total = x->out_count + y->out_count, n = total;
    const char **names = ARENA_ARRAY(p->arena, const char *, total + left_count + 1);
    int *column_of = ARENA_ARRAY(p->arena, int, left_count + 1);
    for (int i = 0; i < total; i++) {
        both[i] = plani_column(p, &join->schema, both[i]->column.index);
        names[i] = rel->schema.names[i];
    }
    for (int i = 0; i < left_count; i++) {
        column_of[i] = -1;
        if (columns[0][i] < 0) continue;
        struct expr *either = ARENA_NEW(p->arena, struct expr);
        const struct type *type = type_with_nullable(p->arena, apply->left->schema.types[i], true);
        *either = (struct expr){.kind = EXPR_COALESCE, .type = type, .offset = -1, .arg_count = 2};
        either->args = ARENA_ARRAY(p->arena, struct expr *, 2);
        either->args[0] = plani_column(p, &join->schema, columns[0][i]);
        either->args[1] = plani_column(p, &join->schema, delta + columns[1][i]);
        column_of[i] = n;
        both[n] = either;
        names[n] = arena_printf(p->arena, "$corr%d", i);
        n++;
    }
    *out = plain(p, rel_project(p->arena, join, n, both, names));
    out->out_count = total;
    return domain_preds(apply, out->rel, column_of, &out->preds, err);
}

static enum status pull_join(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct pulled x, y;
    TRY(pull(apply, rel->inputs[0], &x, err));
    TRY(pull(apply, rel->inputs[1], &y, err));
    if (rel->join.temporal != TEMPORAL_NONE) return not_supported(apply, "a temporal join", err);
    switch (rel->join.type) {
    case JOIN_INNER: return pull_inner_join(apply, rel, &x, &y, out, err);
    case JOIN_LEFT:
    case JOIN_SEMI:
    case JOIN_ANTI: return pull_left_join(apply, rel, &x, &y, out, err);
    case JOIN_RIGHT: return pull_right_join(apply, rel, &x, &y, out, err);
    case JOIN_FULL: return pull_full_join(apply, rel, &x, &y, out, err);
    }
    return STATUS_INTERNAL;
}

static enum status pull_union(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    if (rel->set_op.op != SET_UNION_ALL) return not_supported(apply, "INTERSECT or EXCEPT", err);
    int left_count = apply->left->schema.column_count, count = rel->schema.column_count;
    struct pulled *parts = ARENA_ARRAY(p->arena, struct pulled, rel->input_count);
    bool *used = ARENA_ARRAY(p->arena, bool, left_count + 1);
    for (int i = 0; i < rel->input_count; i++) {
        TRY(pull(apply, rel->inputs[i], &parts[i], err));
        for (int k = 0; k < parts[i].preds.count; k++) collect_outer(parts[i].preds.items[k], used);
        for (int k = 0; k < parts[i].filter.count; k++) collect_outer(parts[i].filter.items[k], used);
        for (int k = 0; k < parts[i].out_count; k++) collect_outer(parts[i].outs[k], used);
    }
    struct rel **inputs = ARENA_ARRAY(p->arena, struct rel *, rel->input_count);
    int *final = ARENA_ARRAY(p->arena, int, left_count + 1);
    for (int i = 0; i < rel->input_count; i++) {
        int *column_of = ARENA_ARRAY(p->arena, int, left_count + 1), n = count;
        TRY(with_domain(apply, &parts[i], used, column_of, err));
        struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count + left_count);
        const char **names = ARENA_ARRAY(p->arena, const char *, count + left_count);
        for (int c = 0; c < count; c++) {
            exprs[c] = parts[i].outs[c];
            names[c] = rel->schema.names[c];
        }
        for (int c = 0; c < left_count; c++) {
            final[c] = column_of[c] < 0 ? -1 : n;
            if (column_of[c] < 0) continue;
            exprs[n] = plani_column(p, &parts[i].rel->schema, column_of[c]);
            names[n] = arena_printf(p->arena, "$corr%d", c);
            n++;
        }
        inputs[i] = rel_project(p->arena, parts[i].rel, n, exprs, names);
    }
    struct rel *all = rel_union_all(p->arena, rel->input_count, inputs);
    *out = plain(p, all);
    out->out_count = count;
    return domain_preds(apply, all, final, &out->preds, err);
}

/* ---- recursive queries that read columns of L ----
 *
 * All L rows' recursions run as one: its rows begin with the outer values that they belong to. It starts with the base for every
 * distinct one of them; the step is applied to those that the round before has added rows for, and reads the rows of its own. */

/* Where the step reads what came last it reads what came last for its outer values. */
static enum status read_own_rows(struct planner *p, struct rel *rel, const struct held_query *from,
                                 struct held_query *to, struct rel **out, struct error *err) {
    if (rel->kind == REL_ROWS && rel->rows.held == &from->working) {
        struct rel *rows = rel_rows(p->arena, to->schema, &to->working, NULL, rel->rows.name);
        struct expr_list own = {0};
        for (int i = 0; i < from->outer_count; i++) {
            struct expr *column = plani_column(p, &rows->schema, i), *outer = to_outer(p, column), *same;
            TRY(plani_call2(p, "IS NOT DISTINCT FROM", outer, column, &same, err));
            plani_add(p, &own, same);
        }
        int count = rel->schema.column_count, *columns = ARENA_ARRAY(p->arena, int, count + 1);
        for (int i = 0; i < count; i++) columns[i] = from->outer_count + i;
        *out = plani_pick(p, rel_filter(p->arena, rows, plani_and(p, &own)), columns, count);
        return STATUS_OK;
    }
    struct rel **inputs = ARENA_ARRAY(p->arena, struct rel *, rel->input_count + 1);
    for (int i = 0; i < rel->input_count; i++) TRY(read_own_rows(p, rel->inputs[i], from, to, &inputs[i], err));
    *out = rel->input_count ? rel_with_inputs(p->arena, rel, inputs) : rel;
    return STATUS_OK;
}

/* part for every distinct row of these columns of rel, which come first. */
static enum status for_each(struct planner *p, struct rel *rel, const int *columns, int count, struct rel *part,
                            struct rel **out, struct error *err) {
    int *keys = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) keys[i] = i;
    struct rel *each = rel_aggregate(p->arena, plani_pick(p, rel, columns, count), count, keys, 0, NULL);
    struct rel *join = rel_join(p->arena, each, part, JOIN_INNER, NULL);
    join->join.correlated = true;
    return decorrelate(p, join, out, err);
}

static enum status pull_rows(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    struct planner *p = apply->p;
    const struct held_query *query = rel->rows.query;
    int outer_count = query->outer_count, count = outer_count + query->schema->column_count;
    int *columns = ARENA_ARRAY(p->arena, int, outer_count), *own = ARENA_ARRAY(p->arena, int, outer_count);
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, count);
    const char **names = ARENA_ARRAY(p->arena, const char *, count);
    bool around = false;
    map_tree(p, apply->left, note_any_outer, &around);
    for (int i = 0; i < outer_count; i++) {
        struct expr *outer = rel->rows.outer[i];
        around |= outer->outer.level != 1;
        own[i] = i;
        columns[i] = outer->outer.index;
        types[i] = apply->left->schema.types[columns[i]];
        names[i] = arena_printf(p->arena, "$outer%d", i);
    }
    if (around) return not_supported(apply, "a recursive query that reads columns of several queries around it", err);
    memcpy(types + outer_count, query->schema->types, sizeof *types * (size_t)(count - outer_count));
    memcpy(names + outer_count, query->schema->names, sizeof *names * (size_t)(count - outer_count));
    struct held_query *all = arena_memdup(p->arena, query, sizeof *query);
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    *schema = (struct schema){count, types, names};
    all->schema = schema;
    all->outer_count = 0;
    all->outer = NULL;
    struct rel *base, *step, *working = rel_rows(p->arena, schema, &all->working, NULL, query->name);
    TRY(plani_rule_set_op(p, query->base, &base, err));
    TRY(for_each(p, apply->left, columns, outer_count, base, &all->base, err));
    TRY(plani_rule_set_op(p, query->step, &step, err));
    TRY(decorrelate(p, step, &step, err));
    TRY(read_own_rows(p, step, query, all, &step, err));
    TRY(for_each(p, working, own, outer_count, step, &all->step, err));
    *out = (struct pulled){.rel = rel_rows(p->arena, schema, &all->rows, all, query->name),
                           .out_count = count - outer_count};
    out->outs = columns_of(p, out->rel) + outer_count;
    for (int i = 0; i < outer_count; i++) {
        struct expr *same;
        TRY(plani_call2(p, "IS NOT DISTINCT FROM", rel->rows.outer[i], plani_column(p, schema, i), &same, err));
        plani_add(p, &out->preds, same);
    }
    return STATUS_OK;
}

static enum status pull(const struct apply *apply, struct rel *rel, struct pulled *out, struct error *err) {
    if (!rel_has_outer(apply->p, rel)) {
        *out = plain(apply->p, rel);
        return STATUS_OK;
    }
    switch (rel->kind) {
    case REL_VALUES: return pull_values(apply, rel, out, err);
    case REL_FILTER: return pull_filter(apply, rel, out, err);
    case REL_PROJECT: return pull_project(apply, rel, out, err);
    case REL_JOIN: return pull_join(apply, rel, out, err);
    case REL_AGGREGATE: return pull_aggregate(apply, rel, out, err);
    case REL_OVER: return pull_over(apply, rel, out, err);
    case REL_SORT: return pull_sort(apply, rel, out, err);
    case REL_SET_OP: return pull_union(apply, rel, out, err);
    case REL_UNNEST: return pull_unnest(apply, rel, out, err);
    case REL_WINDOW_TVF: return pull_window(apply, rel, out, err);
    case REL_ROWS: return pull_rows(apply, rel, out, err);
    default: return not_supported(apply, "a watermark", err);
    }
}

/* ---- joining L with what was pulled ---- */

struct both_sides {
    struct planner *p;
    int left_count;
};

static struct expr *join_visit(struct expr *expr, void *data) {
    const struct both_sides *sides = data;
    if (expr->kind == EXPR_COLUMN)
        return expr_column(sides->p->arena, expr->column.index + sides->left_count, expr->type);
    if (expr->kind != EXPR_OUTER) return NULL;
    if (expr->outer.level > 1) return lower_level(expr, sides->p);
    return expr_column(sides->p->arena, expr->outer.index, expr->type);
}

/* Over L ++ the pulled tree's columns. */
static struct expr *over_join(const struct apply *apply, struct expr *expr) {
    struct both_sides sides = {apply->p, apply->left->schema.column_count};
    return expr_rewrite(apply->p->arena, expr, join_visit, &sides);
}

static struct expr *join_condition(const struct apply *apply, const struct expr_list *preds) {
    struct expr *condition = plani_and(apply->p, preds);
    return condition ? over_join(apply, condition) : NULL;
}

static void place_join(struct rel *join, const struct expr *place) {
    if (!place || place->offset < 0) return;
    join->offset = place->offset;
    join->length = place->length;
}

static struct rel *only_left(const struct apply *apply, struct rel *rel) {
    int count = apply->left->schema.column_count;
    int *columns = ARENA_ARRAY(apply->p->arena, int, count + 1);
    for (int i = 0; i < count; i++) columns[i] = i;
    return plani_pick(apply->p, rel, columns, count);
}

/* The tree moves out of its query: references further out are one level nearer. */
static void leave_query(const struct apply *apply, struct pulled *pulled) {
    pulled->rel = map_tree(apply->p, pulled->rel, lower_level, apply->p);
}

static struct expr *nullable_columns(struct expr *expr, void *data) {
    const struct both_sides *sides = data;
    if (expr->kind != EXPR_COLUMN || expr->column.index < sides->left_count) return NULL;
    return expr_column(sides->p->arena, expr->column.index, type_with_nullable(sides->p->arena, expr->type, true));
}

/* Joins for values: *rel gets L's columns and the join's, values[i] are the subquery's columns over it. type: INNER
 * or LEFT. on: further conditions, over L (outer) and the subquery's own columns (NULL none). */
static enum status join_values(const struct apply *apply, struct rel *query, enum join_type type, struct expr *on,
                               bool single, struct rel **rel, struct expr **values, struct error *err) {
    struct planner *p = apply->p;
    struct pulled pulled;
    TRY(pull(apply, query, &pulled, err));
    int left_count = apply->left->schema.column_count, mark;
    struct both_sides sides = {p, left_count};
    if (pulled.one_row) {
        leave_query(apply, &pulled);
        struct rel *join = rel_join(p->arena, apply->left, pulled.rel, JOIN_LEFT, join_condition(apply, &pulled.preds));
        place_join(join, apply->place);
        struct expr_list conditions = pulled.filter;
        if (on) plani_add(p, &conditions, plani_substitute(p, on, pulled.outs));
        struct expr *condition = plani_and(p, &conditions);
        if (condition) condition = over_join(apply, condition);
        for (int i = 0; i < query->schema.column_count; i++) {
            values[i] = over_join(apply, pulled.outs[i]);
            if (!condition || type == JOIN_INNER) continue;
            struct expr *args[3] = {condition, values[i], expr_null(p->arena, values[i]->type)};
            values[i] = plani_case(p, args, 3, true);
        }
        *rel = condition && type == JOIN_INNER ? rel_filter(p->arena, join, condition) : join;
        return STATUS_OK;
    }
    bool one = !on && pulled.preds.count == 0 && plani_exactly_one_row(query);
    if (one) type = JOIN_INNER;
    settle_outs(apply, &pulled, type == JOIN_LEFT, &mark);
    struct expr_list conditions = pulled.preds;
    if (on) plani_add(p, &conditions, plani_substitute(p, on, pulled.outs));
    leave_query(apply, &pulled);
    struct rel *join = rel_join(p->arena, apply->left, pulled.rel, type, join_condition(apply, &conditions));
    place_join(join, apply->place);
    join->join.single_row = single && !one && !plani_at_most_one_row(query);
    for (int i = 0; i < query->schema.column_count; i++) {
        values[i] = over_join(apply, pulled.outs[i]);
        if (type == JOIN_LEFT) values[i] = expr_rewrite(p->arena, values[i], nullable_columns, &sides);
        if (mark < 0 || pulled.outs[i]->kind == EXPR_COLUMN) continue;
        struct expr *found, *marked = expr_column(p->arena, left_count + mark, type_of(TYPE_BOOLEAN));
        TRY(plani_call2(p, "IS NOT NULL", marked, NULL, &found, err));
        struct expr *args[3] = {found, values[i], expr_null(p->arena, values[i]->type)};
        values[i] = plani_case(p, args, 3, true);
    }
    *rel = join;
    return STATUS_OK;
}

/* ---- EXISTS and IN as conditions ---- */

/* Whether there is a row does not depend on what is in it. */
static struct rel *rows_only(struct rel *rel) {
    for (;;) {
        bool distinct =
            rel->kind == REL_AGGREGATE && rel->aggregate.key_count > 0 && rel->aggregate.grouping_set_count == 0;
        bool sorts = rel->kind == REL_SORT && rel->sort.rows_offset == 0 && rel->sort.limit != 0;
        if (!distinct && !sorts && rel->kind != REL_PROJECT) return rel;
        rel = rel->inputs[0];
    }
}

static struct rel *first_row(struct planner *p, struct rel *rel) {
    struct expr **one = ARENA_ARRAY(p->arena, struct expr *, 1);
    one[0] = expr_true(p->arena);
    const char **names = arena_memdup(p->arena, (const char *[]){"$exists"}, sizeof *names);
    struct rel *project = rel_project(p->arena, rel, 1, one, names);
    return plani_at_most_one_row(rel) ? project : rel_sort(p->arena, project, 0, NULL, 0, 1);
}

static enum status apply_exists(const struct apply *apply, struct rel *query, bool negated, struct rel **out,
                                struct error *err) {
    struct planner *p = apply->p;
    query = rows_only(query);
    struct pulled pulled;
    TRY(pull(apply, query, &pulled, err));
    leave_query(apply, &pulled);
    if (pulled.one_row) {
        struct expr *condition = plani_and(p, &pulled.filter);
        if (!condition) { /* there always is a row */
            *out = negated ? plani_empty(p, apply->left) : apply->left;
            return STATUS_OK;
        }
        struct rel *join = rel_join(p->arena, apply->left, pulled.rel, JOIN_LEFT, join_condition(apply, &pulled.preds));
        condition = over_join(apply, condition);
        if (negated) TRY(plani_call2(p, "IS NOT TRUE", condition, NULL, &condition, err));
        *out = only_left(apply, rel_filter(p->arena, join, condition));
        return STATUS_OK;
    }
    if (pulled.preds.count == 0) {
        if (plani_exactly_one_row(query)) {
            *out = negated ? plani_empty(p, apply->left) : apply->left;
            return STATUS_OK;
        }
        pulled.rel = first_row(p, pulled.rel);
    }
    *out = rel_join(p->arena, apply->left, pulled.rel, negated ? JOIN_ANTI : JOIN_SEMI,
                    join_condition(apply, &pulled.preds));
    place_join(*out, apply->place);
    return STATUS_OK;
}

/* left = right; NOT IN: or one of them is NULL. */
static enum status in_condition(struct planner *p, struct expr *left, struct expr *right, bool negated,
                                struct expr **out, struct error *err) {
    struct expr *any[3];
    int count = 0;
    TRY(plani_call2(p, "=", left, right, &any[count++], err));
    if (negated && left->type->nullable) TRY(plani_call2(p, "IS NULL", left, NULL, &any[count++], err));
    if (negated && right->type->nullable) TRY(plani_call2(p, "IS NULL", right, NULL, &any[count++], err));
    *out = expr_or(p->arena, any, count);
    return STATUS_OK;
}

static enum status apply_in(const struct apply *apply, struct expr **args, int count, struct rel *query, bool negated,
                            struct rel **out, struct error *err) {
    struct planner *p = apply->p;
    struct pulled pulled;
    TRY(pull(apply, query, &pulled, err));
    if (pulled.one_row) TRY(complete(apply, &pulled, err));
    leave_query(apply, &pulled);
    int left_count = apply->left->schema.column_count;
    bool nullable = false;
    struct expr_list on = {0};
    for (int i = 0; i < pulled.preds.count; i++) plani_add(p, &on, over_join(apply, pulled.preds.items[i]));
    for (int i = 0; i < count; i++) nullable |= args[i]->type->nullable || pulled.outs[i]->type->nullable;
    bool plain_column = count == 1 && pulled.preds.count == 0 && pulled.outs[0]->kind == EXPR_COLUMN;
    bool null_aware = negated && nullable && plain_column;
    for (int i = 0; i < count; i++) {
        struct expr *condition, *right = over_join(apply, pulled.outs[i]);
        TRY(in_condition(p, args[i], right, negated && !null_aware, &condition, err));
        plani_add(p, &on, condition);
    }
    (void)left_count;
    *out = rel_join(p->arena, apply->left, pulled.rel, negated ? JOIN_ANTI : JOIN_SEMI, plani_and(p, &on));
    (*out)->join.null_aware = null_aware;
    place_join(*out, apply->place);
    return STATUS_OK;
}

/* ---- subqueries as values ---- */

static enum status bind_aggregate(struct planner *p, const char *name, const struct rel *rel, int column, int filter,
                                  const char *label, struct aggregate_call *out, struct error *err) {
    struct expr *args[1];
    int count = column >= 0;
    if (count) args[0] = plani_column(p, &rel->schema, column);
    const struct bound_aggregate *function;
    TRY(aggregate_bind(p->arena, str_from(name), args, count, false, -1, 0, &function, err));
    struct bound_aggregate *copy = arena_memdup(p->arena, function, sizeof *function);
    if (strcmp(name, "COUNT") != 0) copy->result = type_with_nullable(p->arena, function->result, true);
    *out = (struct aggregate_call){.function = copy, .filter = filter, .name = label};
    int *columns = ARENA_ARRAY(p->arena, int, 1);
    columns[0] = column;
    out->args = columns;
    return STATUS_OK;
}

static enum status compare(struct planner *p, const char *op, struct expr *a, struct expr *b, struct expr **out,
                           struct error *err) {
    return plani_call2(p, op, a, b, out, err);
}

static struct expr *null_boolean(struct planner *p) { return expr_null(p->arena, type_of(TYPE_BOOLEAN)); }

/* EXISTS: are there rows? */
static enum status exists_value(struct apply *apply, const struct expr *subquery, struct expr **out,
                                struct error *err) {
    struct planner *p = apply->p;
    struct rel *query = rows_only(subquery->subquery.rel), *joined;
    struct aggregate_call call;
    TRY(bind_aggregate(p, "COUNT", query, -1, -1, "$rows", &call, err));
    struct rel *counted = rel_aggregate(p->arena, query, 0, NULL, 1, &call);
    struct expr *rows;
    TRY(join_values(apply, counted, JOIN_LEFT, NULL, false, &joined, &rows, err));
    apply->left = joined;
    return compare(p, subquery->subquery.negated ? "=" : ">", rows, plani_bigint(p, 0), out, err);
}

/* n rows, nn of them not NULL, and the smallest and largest of the first column: what ANY, ALL and IN ask for. */
static enum status summary(struct apply *apply, struct rel *query, bool extremes, struct expr **values,
                           struct error *err) {
    struct planner *p = apply->p;
    struct aggregate_call calls[4];
    int count = 0;
    TRY(bind_aggregate(p, "COUNT", query, -1, -1, "$rows", &calls[count++], err));
    TRY(bind_aggregate(p, "COUNT", query, 0, -1, "$values", &calls[count++], err));
    if (extremes) {
        TRY(bind_aggregate(p, "MIN", query, 0, -1, "$min", &calls[count++], err));
        TRY(bind_aggregate(p, "MAX", query, 0, -1, "$max", &calls[count++], err));
    }
    struct rel *aggregate = rel_aggregate(p->arena, query, 0, NULL, count, calls), *joined;
    TRY(join_values(apply, aggregate, JOIN_LEFT, NULL, false, &joined, values, err));
    apply->left = joined;
    return STATUS_OK;
}

/* Is there a row of R for which all of args op the row's columns holds? or_unknown: or may hold. */
static enum status any_row(struct apply *apply, struct expr *const *args, int count, struct rel *query, bool or_unknown,
                           struct expr **out, struct error *err) {
    struct planner *p = apply->p;
    struct expr_list all = {0};
    for (int i = 0; i < count; i++) {
        struct expr *equal;
        TRY(plani_call2(p, "=", to_outer(p, args[i]), plani_column(p, &query->schema, i), &equal, err));
        if (or_unknown) TRY(or_null(p, equal, &equal, err));
        plani_add(p, &all, equal);
    }
    struct expr exists = {.kind = EXPR_SUBQUERY};
    exists.subquery.kind = SUBQUERY_EXISTS;
    exists.subquery.rel = rel_filter(p->arena, query, plani_and(p, &all));
    return exists_value(apply, &exists, out, err);
}

/* (a, b) IN (R) with NULLs: TRUE when a row is equal, unknown when a row differs in no value that is known. */
static enum status in_rows_value(struct apply *apply, struct expr *const *args, int count, struct rel *query,
                                 bool negated, struct expr **out, struct error *err) {
    struct planner *p = apply->p;
    struct expr *found, *possible;
    TRY(any_row(apply, args, count, query, false, &found, err));
    TRY(any_row(apply, args, count, query, true, &possible, err));
    struct expr *cases[5] = {found, negated ? expr_false(p->arena) : expr_true(p->arena), possible, null_boolean(p),
                             negated ? expr_true(p->arena) : expr_false(p->arena)};
    *out = plani_case(p, cases, 5, true);
    return STATUS_OK;
}

/* x = ANY: is there an equal row? A LEFT join with the distinct rows, and the counts for the NULLs. */
static enum status in_value(struct apply *apply, struct expr *const *args, int count, struct rel *query, bool negated,
                            struct expr **out, struct error *err) {
    struct planner *p = apply->p;
    bool nullable = false;
    int *keys = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        keys[i] = i;
        nullable |= args[i]->type->nullable || query->schema.types[i]->nullable;
    }
    if (nullable && count > 1) return in_rows_value(apply, args, count, query, negated, out, err);
    struct rel *distinct = rel_aggregate(p->arena, query, count, keys, 0, NULL), *joined;
    struct expr *mark = expr_true(p->arena), *conditions[16];
    struct rel *marked = append_exprs(p, distinct, &mark, 1, "$in");
    if (count > 16) return not_supported(apply, "IN over more than 16 columns, used as a value", err);
    for (int i = 0; i < count; i++)
        TRY(plani_call2(p, "=", to_outer(p, args[i]), plani_column(p, &marked->schema, i), &conditions[i], err));
    struct expr **values = ARENA_ARRAY(p->arena, struct expr *, count + 1), *found, *counts[2];
    TRY(join_values(apply, marked, JOIN_LEFT, expr_and(p->arena, conditions, count), false, &joined, values, err));
    apply->left = joined;
    TRY(plani_call2(p, "IS NOT NULL", values[count], NULL, &found, err));
    *out = found;
    if (nullable) {
        TRY(summary(apply, query, false, counts, err));
        struct expr *empty, *nulls, *unknown, *is_null;
        TRY(compare(p, "=", counts[0], plani_bigint(p, 0), &empty, err));
        TRY(compare(p, "<", counts[1], counts[0], &nulls, err));
        TRY(plani_call2(p, "IS NULL", args[0], NULL, &is_null, err));
        struct expr *either[2] = {is_null, nulls};
        unknown = expr_or(p->arena, either, 2);
        struct expr *cases[7] = {found,           expr_true(p->arena), empty, expr_false(p->arena), unknown,
                                 null_boolean(p), expr_false(p->arena)};
        *out = plani_case(p, cases, 7, true);
    }
    return negated ? plani_call2(p, "NOT", *out, NULL, out, err) : STATUS_OK;
}

/* x op ALL (R): decided by the extreme that is hardest to satisfy; x op ANY (R) by the easiest. */
static enum status quantified_value(struct apply *apply, const struct expr *subquery, struct expr *x, struct expr **out,
                                    struct error *err) {
    struct planner *p = apply->p;
    bool all = subquery->subquery.kind == SUBQUERY_ALL;
    const char *op = subquery->subquery.comparison;
    struct expr *values[4], *empty, *nulls, *holds, *decided;
    TRY(summary(apply, subquery->subquery.rel, true, values, err));
    TRY(compare(p, "=", values[0], plani_bigint(p, 0), &empty, err));
    TRY(compare(p, "<", values[1], values[0], &nulls, err));
    bool equal = strcmp(op, "=") == 0, unequal = strcmp(op, "<>") == 0 || strcmp(op, "!=") == 0;
    if (equal || unequal) { /* = ALL: both extremes are x; <> ANY: one of them is not */
        struct expr *sides[2];
        TRY(compare(p, op, x, values[2], &sides[0], err));
        TRY(compare(p, op, x, values[3], &sides[1], err));
        holds = equal ? expr_and(p->arena, sides, 2) : expr_or(p->arena, sides, 2);
    } else {
        bool largest = (op[0] == '>') == all;
        TRY(compare(p, op, x, values[largest ? 3 : 2], &holds, err));
    }
    decided = holds;
    if (all) TRY(plani_call2(p, "NOT", holds, NULL, &decided, err));
    struct expr *cases[7] = {empty,   all ? expr_true(p->arena) : expr_false(p->arena),
                             decided, all ? expr_false(p->arena) : expr_true(p->arena),
                             nulls,   null_boolean(p),
                             holds};
    *out = plani_case(p, cases, 7, true);
    return STATUS_OK;
}

static enum status replace(struct apply *apply, struct expr *expr, struct expr **out, struct error *err);

static enum status replace_args(struct apply *apply, struct expr *expr, struct expr ***out, struct error *err) {
    struct expr **args = ARENA_ARRAY(apply->p->arena, struct expr *, expr->arg_count + 1);
    for (int i = 0; i < expr->arg_count; i++) TRY(replace(apply, expr->args[i], &args[i], err));
    *out = args;
    return STATUS_OK;
}

/* The subquery's value over apply->left, to which its columns are added. */
static enum status subquery_value(struct apply *apply, struct expr *expr, struct expr **out, struct error *err) {
    struct planner *p = apply->p;
    struct expr **args;
    TRY(replace_args(apply, expr, &args, err));
    struct expr copy = *expr;
    const struct expr *outer_place = apply->place;
    TRY(decorrelate(p, expr->subquery.rel, &copy.subquery.rel, err));
    apply->place = expr;
    enum status status = STATUS_OK;
    struct rel *query = copy.subquery.rel, *joined;
    bool any_equal = copy.subquery.kind == SUBQUERY_ANY && strcmp(copy.subquery.comparison, "=") == 0;
    bool all_unequal = copy.subquery.kind == SUBQUERY_ALL &&
                       (strcmp(copy.subquery.comparison, "<>") == 0 || strcmp(copy.subquery.comparison, "!=") == 0);
    if (copy.subquery.kind == SUBQUERY_SCALAR) {
        struct expr **values = ARENA_ARRAY(p->arena, struct expr *, query->schema.column_count + 1);
        status = join_values(apply, query, JOIN_LEFT, NULL, true, &joined, values, err);
        if (status == STATUS_OK) {
            apply->left = joined;
            *out = values[0];
        }
    } else if (copy.subquery.kind == SUBQUERY_EXISTS) {
        status = exists_value(apply, &copy, out, err);
    } else if (copy.subquery.kind == SUBQUERY_IN || any_equal || all_unequal) {
        status = in_value(apply, args, expr->arg_count, query, copy.subquery.negated || all_unequal, out, err);
    } else {
        status = quantified_value(apply, &copy, args[0], out, err);
    }
    apply->place = outer_place;
    return status;
}

static enum status replace(struct apply *apply, struct expr *expr, struct expr **out, struct error *err) {
    *out = expr;
    if (!expr_has_subquery(expr)) return STATUS_OK;
    if (expr->kind == EXPR_SUBQUERY) return subquery_value(apply, expr, out, err);
    struct expr *copy = arena_memdup(apply->p->arena, expr, sizeof *expr);
    TRY(replace_args(apply, expr, &copy->args, err));
    *out = copy;
    return STATUS_OK;
}

/* ---- nodes with subqueries ---- */

/* The subquery that a condition is, NOT in front counted into *negated; NULL when it is something else. */
static const struct expr *bare_subquery(const struct expr *expr, bool *negated) {
    *negated = false;
    while (plani_is_call(expr, "NOT", 1)) {
        expr = expr->args[0];
        *negated = !*negated;
    }
    if (expr->kind != EXPR_SUBQUERY) return NULL;
    const char *op = expr->subquery.comparison;
    switch (expr->subquery.kind) {
    case SUBQUERY_EXISTS:
    case SUBQUERY_IN: *negated ^= expr->subquery.negated; return expr;
    case SUBQUERY_ANY: return strcmp(op, "=") == 0 ? expr : NULL;
    case SUBQUERY_ALL: *negated = !*negated; return strcmp(op, "<>") == 0 || strcmp(op, "!=") == 0 ? expr : NULL;
    case SUBQUERY_SCALAR: break;
    }
    return NULL;
}

static enum status apply_condition(struct apply *apply, const struct expr *subquery, bool negated, struct error *err) {
    struct planner *p = apply->p;
    struct rel *query, *out;
    struct expr **args = ARENA_ARRAY(p->arena, struct expr *, subquery->arg_count + 1);
    for (int i = 0; i < subquery->arg_count; i++) TRY(replace(apply, subquery->args[i], &args[i], err));
    TRY(decorrelate(p, subquery->subquery.rel, &query, err));
    apply->place = subquery;
    if (subquery->subquery.kind == SUBQUERY_EXISTS)
        TRY(apply_exists(apply, query, negated, &out, err));
    else
        TRY(apply_in(apply, args, subquery->arg_count, query, negated, &out, err));
    apply->left = out;
    return STATUS_OK;
}

static enum status filter_node(struct planner *p, struct rel *rel, struct rel *input, struct rel **out,
                               struct error *err) {
    struct apply apply = {.p = p, .left = input};
    struct expr_list conjuncts = {0}, waiting = {0};
    plani_split_and(p, rel->filter.condition, &conjuncts);
    for (int i = 0; i < conjuncts.count; i++) {
        bool negated;
        const struct expr *subquery = bare_subquery(conjuncts.items[i], &negated);
        if (!expr_has_subquery(conjuncts.items[i])) {
            plani_add(p, &waiting, conjuncts.items[i]);
            continue;
        }
        if (waiting.count) { /* what stands before is checked before */
            apply.left = rel_filter(p->arena, apply.left, plani_and(p, &waiting));
            waiting = (struct expr_list){0};
        }
        if (subquery) {
            TRY(apply_condition(&apply, subquery, negated, err));
        } else {
            struct expr *condition;
            TRY(replace(&apply, conjuncts.items[i], &condition, err));
            plani_add(p, &waiting, condition);
        }
    }
    struct rel *filtered = waiting.count ? rel_filter(p->arena, apply.left, plani_and(p, &waiting)) : apply.left;
    struct apply narrow = {.p = p, .left = input};
    *out = only_left(&narrow, filtered);
    return STATUS_OK;
}

static enum status project_node(struct planner *p, struct rel *rel, struct rel *input, struct rel **out,
                                struct error *err) {
    struct apply apply = {.p = p, .left = input};
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count);
    for (int i = 0; i < rel->schema.column_count; i++) TRY(replace(&apply, rel->project.exprs[i], &exprs[i], err));
    *out = rel_project(p->arena, apply.left, rel->schema.column_count, exprs, (const char **)rel->schema.names);
    return STATUS_OK;
}

static enum status lateral_node(struct planner *p, struct rel *rel, struct rel *left, struct rel *right,
                                struct rel **out, struct error *err) {
    struct apply apply = {.p = p, .left = left};
    if (rel->join.type != JOIN_INNER && rel->join.type != JOIN_LEFT)
        return not_supported(&apply, "LATERAL in a RIGHT or FULL join", err);
    int left_count = left->schema.column_count, right_count = right->schema.column_count;
    /* Over L as outer columns and the subquery's own columns. */
    struct expr *on = NULL;
    if (rel->join.condition) {
        struct expr **both = ARENA_ARRAY(p->arena, struct expr *, left_count + right_count + 1);
        for (int i = 0; i < left_count; i++) both[i] = to_outer(p, plani_column(p, &left->schema, i));
        for (int i = 0; i < right_count; i++) both[left_count + i] = plani_column(p, &right->schema, i);
        on = plani_substitute(p, expr_rewrite(p->arena, rel->join.condition, raise_level, p), both);
    }
    struct expr **values = ARENA_ARRAY(p->arena, struct expr *, right_count + 1);
    struct rel *joined;
    TRY(join_values(&apply, right, rel->join.type, on, false, &joined, values, err));
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, left_count + right_count);
    for (int i = 0; i < left_count; i++) exprs[i] = plani_column(p, &joined->schema, i);
    for (int i = 0; i < right_count; i++) exprs[left_count + i] = values[i];
    *out = rel_project(p->arena, joined, left_count + right_count, exprs, (const char **)rel->schema.names);
    return STATUS_OK;
}

/* ---- subqueries in ON ---- */

struct references {
    int left_count;
    bool left, right;
};

/* Inside a query of the condition, that is free of queries itself. */
static struct expr *note_reference(struct expr *expr, void *data) {
    struct references *seen = data;
    if (expr->kind != EXPR_OUTER || expr->outer.level != 1) return NULL;
    if (expr->outer.index < seen->left_count)
        seen->left = true;
    else
        seen->right = true;
    return NULL;
}

/* Which sides a condition reads, its queries included. Those are freed of the queries inside them first. */
static enum status find_references(struct planner *p, struct expr *expr, struct references *seen, struct expr **out,
                                   struct error *err) {
    struct expr *copy = arena_memdup(p->arena, expr, sizeof *expr);
    copy->args = ARENA_ARRAY(p->arena, struct expr *, expr->arg_count + 1);
    for (int i = 0; i < expr->arg_count; i++) TRY(find_references(p, expr->args[i], seen, &copy->args[i], err));
    if (expr->kind == EXPR_COLUMN) {
        if (expr->column.index < seen->left_count)
            seen->left = true;
        else
            seen->right = true;
    }
    if (expr->kind == EXPR_SUBQUERY) {
        TRY(decorrelate(p, expr->subquery.rel, &copy->subquery.rel, err));
        map_tree(p, copy->subquery.rel, note_reference, seen);
    }
    *out = copy;
    return STATUS_OK;
}

struct outer_map {
    struct planner *p;
    const int *map;
};

static struct expr *map_reference(struct expr *expr, void *data) {
    const struct outer_map *outer = data;
    if (expr->kind != EXPR_OUTER || expr->outer.level != 1) return NULL;
    struct expr *copy = arena_memdup(outer->p->arena, expr, sizeof *expr);
    copy->outer.index = outer->map[expr->outer.index];
    return copy;
}

/* Columns become map[column], in the queries of a condition too. */
static struct expr *map_references(struct planner *p, struct expr *expr, const int *map) {
    struct expr *copy = arena_memdup(p->arena, expr, sizeof *expr);
    if (expr->kind == EXPR_COLUMN) copy->column.index = map[expr->column.index];
    copy->args = ARENA_ARRAY(p->arena, struct expr *, expr->arg_count + 1);
    for (int i = 0; i < expr->arg_count; i++) copy->args[i] = map_references(p, expr->args[i], map);
    struct outer_map outer = {p, map};
    if (expr->kind == EXPR_SUBQUERY) copy->subquery.rel = map_tree(p, expr->subquery.rel, map_reference, &outer);
    return copy;
}

/* rel with the values of conditions behind its columns. */
static enum status add_values(struct planner *p, struct rel *rel, const struct expr_list *conditions, struct rel **out,
                              struct error *err) {
    struct apply apply = {.p = p, .left = rel};
    struct expr **values = ARENA_ARRAY(p->arena, struct expr *, conditions->count + 1);
    for (int i = 0; i < conditions->count; i++) TRY(replace(&apply, conditions->items[i], &values[i], err));
    int count = rel->schema.column_count;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count + conditions->count);
    const char **names = ARENA_ARRAY(p->arena, const char *, count + conditions->count);
    for (int i = 0; i < count; i++) {
        exprs[i] = plani_column(p, &apply.left->schema, i);
        names[i] = rel->schema.names[i];
    }
    for (int i = 0; i < conditions->count; i++) {
        exprs[count + i] = values[i];
        names[count + i] = arena_printf(p->arena, "$on%d", i);
    }
    *out = rel_project(p->arena, apply.left, count + conditions->count, exprs, names);
    return STATUS_OK;
}

static struct expr *note_column(struct expr *expr, void *data) {
    if (expr->kind == EXPR_OUTER && expr->outer.level == 1) ((bool *)data)[expr->outer.index] = true;
    return NULL;
}

/* The columns that a condition reads, in its queries too. */
static void find_columns(struct planner *p, const struct expr *expr, bool *used) {
    if (expr->kind == EXPR_COLUMN) used[expr->column.index] = true;
    if (expr->kind == EXPR_SUBQUERY) map_tree(p, expr->subquery.rel, note_column, used);
    for (int i = 0; i < expr->arg_count; i++) find_columns(p, expr->args[i], used);
}

/* The distinct values of rel's columns that are used, of those that begin at `first`; their positions behind *count others go to map. */
static struct rel *distinct_used(struct planner *p, struct rel *rel, const bool *used, int first, int *map,
                                 int *count) {
    int n = rel->schema.column_count, *columns = ARENA_ARRAY(p->arena, int, n + 1);
    int *keys = ARENA_ARRAY(p->arena, int, n + 1), key_count = 0;
    for (int i = 0; i < n; i++) {
        if (!used[first + i]) continue;
        map[first + i] = *count + key_count;
        keys[key_count] = key_count;
        columns[key_count++] = i;
    }
    *count += key_count;
    return rel_aggregate(p->arena, plani_pick(p, rel, columns, key_count), key_count, keys, 0, NULL);
}

/* rel's used columns, of those that begin at `first`, are those of the pairs, which begin at `at` of a rel behind `before` columns. */
static enum status same_values(struct planner *p, const struct rel *rel, const bool *used, int first, const int *map,
                               const struct rel *pairs, int at, int before, struct expr_list *on, struct error *err) {
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (!used[first + i]) continue;
        struct expr *same, *own = plani_column(p, &rel->schema, i);
        struct expr *pair = expr_shift(p->arena, plani_column(p, &pairs->schema, at + map[first + i]), before);
        TRY(plani_call2(p, own->type->nullable ? "IS NOT DISTINCT FROM" : "=", own, pair, &same, err));
        plani_add(p, on, same);
    }
    return STATUS_OK;
}

/* ON of an outer join, with a query that reads both sides: which values of the two sides belong together is found by an inner join of
 * their distinct values. The right rows get the left values that they belong to, and are then joined by these. */
static enum status join_pairs(struct planner *p, struct rel *rel, struct rel *left, struct rel *right,
                              const struct expr_list *on, const struct expr_list *both, struct rel **out,
                              struct error *err) {
    int n = left->schema.column_count, m = right->schema.column_count, count = 0;
    bool keeps_right = rel->join.type != JOIN_LEFT;
    bool *used = ARENA_ARRAY(p->arena, bool, n + m + 1);
    int *map = ARENA_ARRAY(p->arena, int, n + m + 1);
    for (int i = 0; i < on->count; i++) find_columns(p, on->items[i], used);
    for (int i = 0; i < both->count; i++) find_columns(p, both->items[i], used);
    struct rel *x = distinct_used(p, left, used, 0, map, &count);
    struct rel *y = distinct_used(p, right, used, n, map, &count), *pairs;
    struct expr_list inner = {0}, queries = {0}, to_pairs = {0}, to_left = {0};
    for (int i = 0; i < on->count; i++) plani_add(p, &inner, expr_remap(p->arena, on->items[i], map));
    for (int i = 0; i < both->count; i++) plani_add(p, &queries, map_references(p, both->items[i], map));
    struct rel *join = rel_join(p->arena, x, y, JOIN_INNER, plani_and(p, &inner));
    TRY(filter_node(p, rel_filter(p->arena, join, plani_and(p, &queries)), join, &pairs, err));
    struct expr *mark = expr_true(p->arena), *found;
    pairs = append_exprs(p, pairs, &mark, 1, "$pair");
    TRY(same_values(p, right, used, n, map, pairs, 0, m, &to_pairs, err));
    join = rel_join(p->arena, right, pairs, keeps_right ? JOIN_LEFT : JOIN_INNER, plani_and(p, &to_pairs));
    TRY(same_values(p, left, used, 0, map, join, m, n, &to_left, err));
    if (keeps_right) { /* without a pair its left values are NULL, and must not be equal to NULLs */
        found = expr_shift(p->arena, plani_column(p, &join->schema, m + count), n);
        TRY(plani_call2(p, "IS NOT NULL", found, NULL, &found, err));
        plani_add(p, &to_left, found);
    }
    join = rel_join(p->arena, left, join, rel->join.type, plani_and(p, &to_left));
    int *columns = ARENA_ARRAY(p->arena, int, n + m + 1);
    for (int i = 0; i < n + m; i++) columns[i] = i;
    *out = plani_pick(p, join, columns, n + m);
    return STATUS_OK;
}

/* Subqueries in ON: of an inner join they are conditions above it. In an outer join one that reads a single side becomes a column of
 * that side. */
static enum status join_node(struct planner *p, struct rel *rel, struct rel *left, struct rel *right, struct rel **out,
                             struct error *err) {
    struct expr_list conjuncts = {0}, on = {0}, above = {0}, own[2] = {{0}, {0}}, both = {0};
    plani_split_and(p, rel->join.condition, &conjuncts);
    int counts[2] = {left->schema.column_count, right->schema.column_count};
    int *to_right = ARENA_ARRAY(p->arena, int, counts[0] + counts[1] + 1); /* positions on the right side alone */
    for (int i = 0; i < counts[1]; i++) to_right[counts[0] + i] = i;
    for (int i = 0; i < conjuncts.count; i++) {
        struct expr *conjunct = conjuncts.items[i];
        if (!expr_has_subquery(conjunct)) {
            plani_add(p, &on, conjunct);
        } else if (rel->join.type == JOIN_INNER) {
            plani_add(p, &above, conjunct);
        } else {
            struct references seen = {.left_count = counts[0]};
            TRY(find_references(p, conjunct, &seen, &conjunct, err));
            if (seen.left && seen.right)
                plani_add(p, &both, conjunct);
            else
                plani_add(p, &own[seen.right], seen.right ? map_references(p, conjunct, to_right) : conjunct);
        }
    }
    if (rel->join.type == JOIN_INNER) {
        struct rel *join = plani_join_like(p, rel, left, right, rel->join.type, plani_and(p, &on));
        if (!above.count) {
            *out = join;
            return STATUS_OK;
        }
        return filter_node(p, rel_filter(p->arena, join, plani_and(p, &above)), join, out, err);
    }
    if (!own[0].count && !own[1].count && !both.count) {
        *out = plani_join_like(p, rel, left, right, rel->join.type, plani_and(p, &on));
        return STATUS_OK;
    }
    /* rows of the side that is not preserved need not come at all; the other gets columns behind its own, and the condition and the
     * queries over both sides move along */
    struct rel *sides[2] = {left, right};
    for (int s = 0; s < 2; s++) {
        if (!own[s].count) continue;
        if (rel->join.type == (s ? JOIN_LEFT : JOIN_RIGHT)) {
            struct rel *filter = rel_filter(p->arena, sides[s], plani_and(p, &own[s]));
            TRY(filter_node(p, filter, sides[s], &sides[s], err));
            own[s].count = 0;
        } else {
            TRY(add_values(p, sides[s], &own[s], &sides[s], err));
        }
    }
    int added = own[0].count, wide = counts[0] + added;
    int *map = ARENA_ARRAY(p->arena, int, counts[0] + counts[1] + 1);
    for (int i = 0; i < counts[0] + counts[1]; i++) map[i] = i < counts[0] ? i : i + added;
    struct expr_list conditions = {0}, moved = {0};
    for (int i = 0; i < on.count; i++) plani_add(p, &conditions, expr_remap(p->arena, on.items[i], map));
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < own[s].count; i++) {
            struct expr *flag = plani_column(p, &sides[s]->schema, counts[s] + i);
            plani_add(p, &conditions, s ? expr_shift(p->arena, flag, wide) : flag);
        }
    struct rel *join = rel_join(p->arena, sides[0], sides[1], rel->join.type, plani_and(p, &conditions));
    if (both.count) {
        for (int i = 0; i < both.count; i++) plani_add(p, &moved, map_references(p, both.items[i], map));
        TRY(join_pairs(p, join, sides[0], sides[1], &conditions, &moved, &join, err));
    }
    *out = plani_restore(p, plani_pick(p, join, map, counts[0] + counts[1]), &rel->schema);
    return STATUS_OK;
}

static bool has_subquery(const struct rel *rel) {
    switch (rel->kind) {
    case REL_FILTER: return expr_has_subquery(rel->filter.condition);
    case REL_JOIN: return rel->join.condition && expr_has_subquery(rel->join.condition);
    case REL_PROJECT:
        for (int i = 0; i < rel->schema.column_count; i++)
            if (expr_has_subquery(rel->project.exprs[i])) return true;
        return false;
    default: return false;
    }
}

static int count_nodes(const struct rel *rel, int limit) {
    int count = 1;
    for (int i = 0; i < rel->input_count && count <= limit; i++) count += count_nodes(rel->inputs[i], limit - count);
    return count;
}

/* Nodes are shared, but rules visit one as often as it is used. */
static enum status check_size(const struct rel *rel, struct error *err) {
    if (count_nodes(rel, PLAN_MAX_REL_NODES) <= PLAN_MAX_REL_NODES) return STATUS_OK;
    error_set_at(err, STATUS_LIMIT_EXCEEDED, rel->offset, rel->length,
                 "the query's correlated subqueries make a plan of more than %d nodes", PLAN_MAX_REL_NODES);
    error_hint(err, "nest them less deeply, or write one as a join with a derived table");
    return STATUS_LIMIT_EXCEEDED;
}

static enum status decorrelate(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        struct rel *input;
        TRY(decorrelate(p, rel->inputs[i], &input, err));
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    if (inputs) rel = rel_with_inputs(p->arena, rel, inputs);
    *out = rel;
    if (rel->kind == REL_JOIN && rel->join.correlated)
        TRY(lateral_node(p, rel, rel->inputs[0], rel->inputs[1], out, err));
    else if (!has_subquery(rel))
        return STATUS_OK;
    else if (rel->kind == REL_FILTER)
        TRY(filter_node(p, rel, rel->inputs[0], out, err));
    else if (rel->kind == REL_PROJECT)
        TRY(project_node(p, rel, rel->inputs[0], out, err));
    else
        TRY(join_node(p, rel, rel->inputs[0], rel->inputs[1], out, err));
    return check_size(*out, err);
}

enum status plani_rule_subquery(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    return decorrelate(p, rel, out, err);
}
