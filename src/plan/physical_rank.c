/* ORDER BY, LIMIT, window functions, and the top-n pattern: ROW_NUMBER() OVER (PARTITION BY … ORDER BY …), mostly
 * bounded by a filter. */
#include <math.h>

#include "plan/plan_private.h"

/* ---- ORDER BY, LIMIT ---- */

static double limited(double rows, int64_t rows_offset, int64_t limit) {
    if (rows >= 0) rows = fmax(0, rows - (double)rows_offset);
    if (limit >= 0 && (rows < 0 || rows > (double)limit)) rows = (double)limit;
    return rows;
}

static struct planned *sort_node(struct planner *p, enum pnode_kind kind, const struct rel *rel,
                                 struct planned *input) {
    struct planned *node = plani_node(p, kind, &input->node.schema, 1, &input);
    plani_inherit(node, input);
    if (kind == PNODE_TOP_N) node->node.ttl_ms[0] = plani_state_ttl(p, NULL);
    node->node.sort.key_count = rel->sort.key_count;
    node->node.sort.keys = rel->sort.keys;
    node->node.sort.rows_offset = rel->sort.rows_offset;
    node->node.sort.limit = rel->sort.limit;
    node->node.row_estimate = limited(input->node.row_estimate, rel->sort.rows_offset, rel->sort.limit);
    if (rel->sort.limit >= 0 && rel->sort.limit <= 1) node->single_row = true;
    return node;
}

/* Each worker passes on no more than could be wanted: a big table is not brought together for ten rows. */
static struct planned *local_limit(struct planner *p, const struct rel *rel, struct planned *input) {
    if (rel->sort.limit < 0 || rel->sort.limit > INT64_MAX - rel->sort.rows_offset) return input;
    struct planned *node = sort_node(p, PNODE_LIMIT, rel, input);
    node->node.sort.limit = rel->sort.limit + rel->sort.rows_offset;
    node->node.sort.rows_offset = 0;
    node->single_row = input->single_row;
    node->node.row_estimate = limited(input->node.row_estimate, 0, node->node.sort.limit);
    return node;
}

static enum status plan_limit(struct planner *p, const struct rel *rel, struct planned *input, struct planned **out) {
    bool updates = input->node.edge.changes != CHANGES_APPEND;
    bool ordered = input->node.edge.ordered;
    if (!p->options->streaming && input->distribution != DISTRIBUTION_SINGLE) input = local_limit(p, rel, input);
    input = plani_distribute(p, input, NULL, 0);
    /* Rows that may be taken back need the whole input: the first ones in the order of all columns. */
    struct planned *node = sort_node(p, updates ? PNODE_TOP_N : PNODE_LIMIT, rel, input);
    node->node.edge.netted = false;
    if (updates) node->node.edge.updates = node->node.edge.deletes = true;
    node->node.edge.ordered = ordered && !updates;
    *out = node;
    return STATUS_OK;
}

static enum status refuse_sort(const struct rel *rel, struct error *err) {
    bool on_time =
        rel->inputs[0]->properties[rel->sort.keys[0].column].time != TIME_NONE && !rel->sort.keys[0].descending;
    if (on_time) {
        error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                     "sorting an endless result by a time attribute is not supported yet");
        error_hint(err, "add LIMIT, or run in batch mode");
        return STATUS_NOT_SUPPORTED;
    }
    error_set_at(err, STATUS_INVALID_QUERY, rel->offset, rel->length,
                 "Sort on a non-time-attribute field is not supported in streaming mode");
    error_hint(err, "add LIMIT, or SET 'execution.runtime-mode' = 'batch'");
    return STATUS_INVALID_QUERY;
}

enum status plani_plan_sort(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    struct planned *input;
    TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
    if (rel->sort.key_count == 0) return plan_limit(p, rel, input, out);
    if (!p->options->streaming) {
        struct planned *node = sort_node(p, PNODE_SORT, rel, plani_distribute(p, input, NULL, 0));
        node->node.edge.ordered = true;
        *out = node;
        return STATUS_OK;
    }
    if (rel->sort.limit < 0) return refuse_sort(rel, err);
    struct planned *node = sort_node(p, PNODE_TOP_N, rel, plani_distribute(p, input, NULL, 0));
    node->node.edge.changes = CHANGES_RETRACT;
    node->node.edge.netted = false;
    node->node.edge.updates = node->node.edge.deletes = true;
    node->order_count = rel->sort.key_count;
    node->order = rel->sort.keys;
    *out = node;
    return STATUS_OK;
}

/* ---- ROW_NUMBER() … <= n ---- */

struct rank_bounds {
    int64_t from, to; /* to: INT64_MAX when there is none */
    struct expr_list rest;
};

static const struct expr *without_cast(const struct expr *expr) {
    while (expr->kind == EXPR_CAST && !expr->cast.try_cast && plani_cast_is_lossless(expr->args[0]->type, expr->type))
        expr = expr->args[0];
    return expr;
}

static bool integer_constant(const struct expr *expr, int64_t *value) {
    if (expr->kind != EXPR_CONST || expr->constant.is_null || !type_is_integer(expr->type)) return false;
    *value = expr->constant.i64;
    return true;
}

/* rank op constant; false when the conjunct is none. */
static bool bound_rank(const struct expr *conjunct, int rank, struct rank_bounds *bounds) {
    if (conjunct->kind != EXPR_CALL || conjunct->arg_count != 2) return false;
    bool swapped = conjunct->args[0]->kind == EXPR_CONST;
    const struct expr *column = without_cast(conjunct->args[swapped]);
    int64_t n;
    if (column->kind != EXPR_COLUMN || column->column.index != rank || !integer_constant(conjunct->args[!swapped], &n))
        return false;
    const char *name = conjunct->function->name;
    bool equal = strcmp(name, "=") == 0, strict = strcmp(name, "<") == 0 || strcmp(name, ">") == 0;
    if (!equal && !strict && strcmp(name, "<=") != 0 && strcmp(name, ">=") != 0) return false;
    bool upper = equal || (name[0] == '<') != swapped, lower = equal || (name[0] == '>') != swapped;
    int64_t to = strict && n > INT64_MIN ? n - 1 : n, from = strict && n < INT64_MAX ? n + 1 : n;
    if (upper && to < bounds->to) bounds->to = to;
    if (lower && from > bounds->from) bounds->from = from;
    return true;
}

static bool is_row_number(const struct rel *over) {
    return over->over.call_count == 1 && strcmp(over->over.calls[0].function, "ROW_NUMBER") == 0;
}

static bool match_rank(struct planner *p, const struct rel *filter, struct rank_bounds *bounds) {
    const struct rel *over = filter->inputs[0];
    if (over->kind != REL_OVER || !is_row_number(over)) return false;
    int rank = over->schema.column_count - 1;
    *bounds = (struct rank_bounds){.from = 1, .to = INT64_MAX};
    struct expr_list conjuncts = {0};
    plani_split_and(p, filter->filter.condition, &conjuncts);
    for (int i = 0; i < conjuncts.count; i++)
        if (!bound_rank(conjuncts.items[i], rank, bounds)) plani_add(p, &bounds->rest, conjuncts.items[i]);
    return bounds->to != INT64_MAX;
}

bool plani_rank_limit(struct planner *p, const struct rel *filter, int64_t *limit) {
    struct rank_bounds bounds;
    if (!match_rank(p, filter, &bounds)) return false;
    *limit = bounds.to;
    return true;
}

static void rank_keys(struct planner *p, struct planned *node, const struct planned *input, const struct rel *over,
                      const struct rank_bounds *bounds) {
    const struct window_spec *spec = over->over.spec;
    if (bounds->from == bounds->to) {
        node->single_row = spec->partition_count == 0;
        plani_add_unique(p, node, spec->partition_count, spec->partition, false);
        node->node.edge.netted = true;
    } else if (node->node.rank.output_rank) {
        int *key = ARENA_ARRAY(p->arena, int, spec->partition_count + 1);
        if (spec->partition_count) memcpy(key, spec->partition, sizeof *key * (size_t)spec->partition_count);
        key[spec->partition_count] = over->schema.column_count - 1;
        plani_add_unique(p, node, spec->partition_count + 1, key, false);
        node->node.edge.netted = true;
    }
    for (int i = 0; i < input->unique_count; i++)
        plani_add_unique(p, node, input->unique[i].count, input->unique[i].columns, input->unique[i].declared);
}

static struct planned *rank_node(struct planner *p, const struct rel *over, const struct rank_bounds *bounds,
                                 bool output_rank, struct planned *input) {
    const struct window_spec *spec = over->over.spec;
    struct planned *below = plani_distribute(p, input, spec->partition, spec->partition_count);
    const struct schema *schema = output_rank ? &over->schema : &input->node.schema;
    struct planned *node = plani_node(p, PNODE_RANK, schema, 1, &below);
    node->node.rank.partition_count = spec->partition_count;
    node->node.rank.partition = spec->partition;
    node->node.rank.order_count = spec->order_count;
    node->node.rank.order = spec->order;
    node->node.rank.rank_from = bounds->from;
    node->node.rank.rank_to = bounds->to;
    node->node.rank.output_rank = output_rank;
    node->node.ttl_ms[0] = plani_state_ttl(p, NULL);
    node->distribution = below->distribution;
    node->hash_count = below->hash_count;
    node->hash = below->hash;
    node->watermarked = false;
    if (p->options->streaming) {
        node->node.edge.changes = CHANGES_RETRACT;
        node->node.edge.updates = node->node.edge.deletes = true;
    }
    rank_keys(p, node, input, over, bounds);
    double rows = input->node.row_estimate;
    if (rows >= 0) {
        double groups = spec->partition_count ? fmax(1, rows * 0.2) : 1;
        node->node.distinct_estimate = groups;
        double per_group = bounds->to == INT64_MAX ? rows : (double)(bounds->to - bounds->from + 1);
        node->node.row_estimate = fmin(rows, groups * per_group);
    }
    return node;
}

/* The rank's place is a constant when there is only one. */
static struct planned *with_constant_rank(struct planner *p, struct planned *node, const struct rel *over,
                                          int64_t rank) {
    int count = over->schema.column_count;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count);
    for (int i = 0; i + 1 < count; i++) exprs[i] = plani_column(p, &node->node.schema, i);
    exprs[count - 1] = plani_bigint(p, rank);
    return plani_calc(p, node, NULL, exprs, &over->schema);
}

enum status plani_plan_rank(struct planner *p, const struct rel *filter, bool rank_used, struct planned **out,
                            struct error *err) {
    struct rank_bounds bounds;
    if (!match_rank(p, filter, &bounds)) return STATUS_OK;
    const struct rel *over = filter->inputs[0];
    struct planned *input;
    if (bounds.from > bounds.to) {
        struct planned *none;
        TRY(plani_plan_rel(p, plani_empty(p, over), &none, err));
        *out = none;
        return STATUS_OK;
    }
    TRY(plani_plan_rel(p, over->inputs[0], &input, err));
    int count = over->schema.column_count;
    bool *others = ARENA_ARRAY(p->arena, bool, count + 1);
    for (int i = 0; i + 1 < count; i++) others[i] = true;
    for (int i = 0; i < bounds.rest.count; i++) rank_used |= !plani_reads_only(bounds.rest.items[i], others, count);
    bool constant = bounds.from == bounds.to;
    struct planned *node = rank_node(p, over, &bounds, rank_used && !constant, input);
    if (rank_used && constant) node = with_constant_rank(p, node, over, bounds.from);
    struct expr *rest = plani_and(p, &bounds.rest);
    *out = rest ? plani_calc(p, node, rest, NULL, &node->node.schema) : node;
    return STATUS_OK;
}

/* ---- window functions ---- */

enum status plani_plan_over(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    if (p->options->streaming && is_row_number(rel)) { /* numbers for all rows: a top-n without end */
        const struct rank_bounds all = {.from = 1, .to = INT64_MAX};
        struct planned *rows;
        TRY(plani_plan_rel(p, rel->inputs[0], &rows, err));
        *out = rank_node(p, rel, &all, true, rows);
        return STATUS_OK;
    }
    if (p->options->streaming) {
        error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                     "window functions are not supported in streaming mode yet, except ROW_NUMBER()");
        error_hint(err, "ROW_NUMBER() is best with a bound: WHERE rn <= 10, or QUALIFY ROW_NUMBER() OVER (...) <= 10");
        return STATUS_NOT_SUPPORTED;
    }
    struct planned *input;
    TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
    const struct window_spec *spec = rel->over.spec;
    struct planned *below = plani_distribute(p, input, spec->partition, spec->partition_count);
    struct planned *node = plani_node(p, PNODE_OVER, &rel->schema, 1, &below);
    plani_inherit(node, below);
    node->node.over.spec = spec;
    node->node.over.call_count = rel->over.call_count;
    node->node.over.calls = rel->over.calls;
    *out = node;
    return STATUS_OK;
}
