/* Batch: the large side of a join is read by the keys of the small one. Below what has to see all of it (an aggregate by these keys,
 * the table that a SEMI, ANTI or LEFT join builds) rows without a partner are left out by a SEMI join with the small side, which is
 * computed once:
 *
 *     HASH_JOIN(small, AGGREGATE(BY k) <- scan)  becomes
 *     HASH_JOIN(EXCHANGE(small), AGGREGATE(BY k) <- HASH_JOIN(SEMI, scan, EXCHANGE(small)))
 *
 * This is the magic set of an equality (Bancilhon et al., PODS 1986). The answer is the same whether it is done or not; the
 * estimates decide. */
#include <math.h>

#include "plan/plan_private.h"

enum {
    LEAST_ROWS = 10000, /* of the large side */
    MUCH = 8,           /* times the small side's */
    LEVELS = 3,         /* of reductions within reductions: each plans its large side twice */
    ROW_BYTES = 128,    /* of the small side in memory, roughly */
    MEMORY_PART = 16    /* of the memory limit that the small side may take */
};

/* Of the rows at most this share may stay: distinct values that follow from bounds alone may be too many. */
static const double most_kept = 0.2;

/* Follows a column down to where it comes from; *column is then the column there. */
static const struct rel *origin(const struct rel *rel, int *column, bool *aggregates) {
    for (;;) {
        int left_count;
        switch (rel->kind) {
        case REL_FILTER:
            if (rel->inputs[0]->kind == REL_SCAN) return rel;
            break;
        case REL_PROJECT:
            if (rel->project.exprs[*column]->kind != EXPR_COLUMN) return rel;
            *column = rel->project.exprs[*column]->column.index;
            break;
        case REL_AGGREGATE:
            if (rel->aggregate.grouping_set_count || *column >= rel->aggregate.key_count) return rel;
            *column = rel->aggregate.keys[*column];
            *aggregates = true;
            break;
        case REL_JOIN:
            if (rel->join.temporal != TEMPORAL_NONE || rel->join.correlated) return rel;
            left_count = rel->inputs[0]->schema.column_count;
            if (*column >= left_count && (rel->join.type == JOIN_INNER || rel->join.type == JOIN_RIGHT)) {
                *column -= left_count;
                rel = rel->inputs[1];
                continue;
            }
            if (*column >= left_count || rel->join.type == JOIN_RIGHT || rel->join.type == JOIN_FULL) return rel;
            break;
        default: return rel;
        }
        rel = rel->inputs[0];
    }
}

static double least(double a, double b) { return a < 0 ? b : b < 0 ? a : fmin(a, b); }

/* How many values of the key there are on the small side, at most. */
static double small_values(struct planner *p, const struct rel *small, const struct expr *key) {
    const struct estimate *estimate = plani_estimate(p, small);
    double distinct = key->kind == EXPR_COLUMN ? estimate->columns[key->column.index].distinct : -1;
    return least(distinct, estimate->rows);
}

bool plani_find_reduction(struct planner *p, const struct rel *join, const struct join_keys *keys,
                          struct reduction *out) {
    enum join_type type = join->join.type;
    if (p->options->streaming || p->reduction_depth >= LEVELS || keys->count == 0 || keys->any_null_safe ||
        join->join.null_aware || type == JOIN_FULL || type == JOIN_RIGHT)
        return false;
    double left_rows = plani_estimate(p, join->inputs[0])->rows, right_rows = plani_estimate(p, join->inputs[1])->rows;
    if (left_rows < 0 || right_rows < 0) return false;
    for (int large = 1; large >= (type == JOIN_INNER ? 0 : 1); large--) {
        const struct rel *small = join->inputs[!large];
        struct expr **of_large = large ? keys->right : keys->left, **of_small = large ? keys->left : keys->right;
        double share = 1;
        bool aggregates = false;
        *out = (struct reduction){.large = large,
                                  .columns = ARENA_ARRAY(p->arena, int, keys->count),
                                  .keys = ARENA_ARRAY(p->arena, int, keys->count)};
        for (int i = 0; i < keys->count; i++) {
            if (of_large[i]->kind != EXPR_COLUMN) continue;
            int column = of_large[i]->column.index;
            bool through = false;
            const struct rel *target = origin(join->inputs[large], &column, &through);
            if (out->target && target != out->target) continue;
            const struct estimate *estimate = plani_estimate(p, target);
            double values = estimate->columns[column].distinct;
            if (values <= 0) values = estimate->rows;
            if (values > 0) share = fmin(share, small_values(p, small, of_small[i]) / values);
            aggregates |= through;
            out->target = target;
            out->columns[out->key_count] = column;
            out->keys[out->key_count++] = i;
        }
        /* A plain table that an INNER join probes, or a LEFT one (as RIGHT, building its small side), need not be reduced. */
        bool builds = type == JOIN_SEMI || type == JOIN_ANTI || join->join.single_row;
        if (!out->target || share > most_kept || !(builds || aggregates)) continue;
        out->share = share;
        double rows = plani_estimate(p, out->target)->rows, small_rows = large ? left_rows : right_rows;
        bool fits = !p->options->memory_limit_bytes ||
                    small_rows * ROW_BYTES * MEMORY_PART < (double)p->options->memory_limit_bytes;
        if (fits && rows >= LEAST_ROWS && small_rows * MUCH <= rows) return true;
    }
    return false;
}

struct planned *plani_reduced(struct planner *p, const struct rel *rel, struct planned *node) {
    const struct reduction *reduction = p->reduction;
    while (reduction && reduction->target != rel) reduction = reduction->outer;
    if (!reduction) return node;
    struct planned *inputs[2] = {node, reduction->small};
    struct planned *semi = plani_node(p, PNODE_HASH_JOIN, &node->node.schema, 2, inputs);
    plani_inherit(semi, node);
    semi->node.join.type = JOIN_SEMI;
    semi->node.join.key_count = reduction->key_count;
    semi->node.join.left_keys = reduction->columns;
    semi->node.join.right_keys = reduction->small_columns;
    if (semi->node.row_estimate > 0) semi->node.row_estimate = fmax(1, semi->node.row_estimate * reduction->share);
    semi->node.note = "rows without a partner in the join above are left out";
    return semi;
}

enum status plani_plan_reduced(struct planner *p, const struct rel *rel, struct reduction *reduction,
                               struct planned *small, const int *small_keys, struct planned **out, struct error *err) {
    int *columns = ARENA_ARRAY(p->arena, int, reduction->key_count);
    for (int i = 0; i < reduction->key_count; i++) columns[i] = small_keys[reduction->keys[i]];
    reduction->small_columns = columns;
    reduction->small = plani_exchange(p, small, columns, reduction->key_count);
    reduction->outer = p->reduction;
    struct memo *memo = p->memo; /* equal trees elsewhere are not reduced */
    p->reduction = reduction;
    p->memo = NULL;
    p->reduction_depth++;
    enum status status = plani_plan_rel(p, rel, out, err);
    p->reduction_depth--;
    p->memo = memo;
    p->reduction = reduction->outer;
    return status;
}
