/* Joins.
 *
 * A condition is cut into equi-keys and the rest. Keys that are no plain columns, or whose types differ between the
 * sides, are computed by a CALC below the exchange, so that equal keys hash equally; a CALC above drops them again.
 *
 * Batch: HASH_JOIN. The right side is built, through an exchange by its keys (one partition without keys); the left
 * side probes without an exchange. The smaller side is built: INNER joins are swapped for it, RIGHT becomes LEFT by
 * swapping. FULL, and RIGHT where the kept side is small, have both sides exchanged. A hint (BROADCAST, SHUFFLE_HASH) chooses the side
 * that is built, whatever the estimates say. Streaming: STREAM_JOIN, both
 * sides exchanged by their keys (one partition without keys or for NOT IN). Lookup joins: physical_lookup.c. */
#include <math.h>

#include "plan/plan_private.h"

/* ---- keys ---- */

bool plani_same_key_type(const struct type *a, const struct type *b) {
    if (type_equal_but_nullable(a, b)) return true;
    if (a->id != b->id) return false;
    return a->id == TYPE_VARCHAR || a->id == TYPE_VARBINARY ||
           (type_is_timestamp(a) && type_is_nanos(a) == type_is_nanos(b));
}

static bool is_equality(const struct expr *conjunct, bool *null_safe) {
    *null_safe = plani_is_call(conjunct, "IS NOT DISTINCT FROM", 2);
    return *null_safe || plani_is_call(conjunct, "=", 2);
}

static bool add_key(struct planner *p, const struct rel *join, struct expr *conjunct, struct join_keys *keys) {
    bool null_safe;
    if (!is_equality(conjunct, &null_safe)) return false;
    int left_count = join->inputs[0]->schema.column_count;
    struct expr *a = conjunct->args[0], *b = conjunct->args[1];
    struct sides of_a = plani_sides(a, left_count), of_b = plani_sides(b, left_count);
    if (of_a.right || of_b.left) {
        struct expr *other = a;
        a = b;
        b = other;
        struct sides sides = of_a;
        of_a = of_b;
        of_b = sides;
    }
    if (of_a.right || of_b.left) return false;
    /* NOT IN compares its keys specially, so there even a constant must be one. */
    if (!join->join.null_aware && (!of_a.left || !of_b.right)) return false;
    if (plani_is_random(a) || plani_is_random(b) || type_is_nested(a->type) || type_is_nested(b->type)) return false;
    b = expr_shift(p->arena, b, -left_count);
    if (!plani_same_key_type(a->type, b->type)) {
        const struct type *common = type_common(p->arena, a->type, b->type);
        if (!common) return false;
        a = expr_cast(p->arena, a, type_with_nullable(p->arena, common, a->type->nullable), false);
        b = expr_cast(p->arena, b, type_with_nullable(p->arena, common, b->type->nullable), false);
    }
    for (int i = 0; i < keys->count; i++)
        if (expr_equal(keys->left[i], a) && expr_equal(keys->right[i], b) && keys->null_safe[i] == null_safe)
            return true;
    keys->left[keys->count] = a;
    keys->right[keys->count] = b;
    keys->null_safe[keys->count++] = null_safe;
    keys->any_null_safe |= null_safe;
    return true;
}

void plani_join_keys(struct planner *p, const struct rel *join, struct join_keys *keys) {
    struct expr_list conjuncts = {0};
    plani_split_and(p, join->join.condition, &conjuncts);
    *keys = (struct join_keys){.left = ARENA_ARRAY(p->arena, struct expr *, conjuncts.count + 1),
                               .right = ARENA_ARRAY(p->arena, struct expr *, conjuncts.count + 1),
                               .null_safe = ARENA_ARRAY(p->arena, bool, conjuncts.count + 1)};
    for (int i = 0; i < conjuncts.count; i++)
        if (!add_key(p, join, conjuncts.items[i], keys)) plani_add(p, &keys->residual, conjuncts.items[i]);
}

struct planned *plani_with_keys(struct planner *p, struct planned *input, struct expr *const *keys, int key_count,
                                int **columns) {
    int count = input->node.schema.column_count, total = count;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count + key_count + 1);
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, count + key_count + 1);
    const char **names = ARENA_ARRAY(p->arena, const char *, count + key_count + 1);
    *columns = ARENA_ARRAY(p->arena, int, key_count + 1);
    for (int i = 0; i < count; i++) {
        exprs[i] = plani_column(p, &input->node.schema, i);
        types[i] = input->node.schema.types[i];
        names[i] = input->node.schema.names[i];
    }
    for (int k = 0; k < key_count; k++) {
        if (keys[k]->kind == EXPR_COLUMN) {
            (*columns)[k] = keys[k]->column.index;
            continue;
        }
        exprs[total] = keys[k];
        types[total] = keys[k]->type;
        names[total] = arena_printf(p->arena, "$key%d", k);
        (*columns)[k] = total++;
    }
    if (total == count) return input;
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    *schema = (struct schema){total, types, names};
    return plani_calc(p, input, NULL, exprs, schema);
}

/* ---- the join node ---- */

struct join_plan {
    const struct rel *rel;
    enum join_type type;
    struct planned *left, *right; /* with key columns */
    int left_count, right_count;  /* columns without the added ones */
    int key_count;
    int *left_keys, *right_keys;
    const bool *null_safe;
    struct expr_list residual; /* over left ++ right of rel */
    bool kept_apart;           /* the right side waits for the left one */
    bool swapped;              /* left and right are rel's inputs the other way round */
};

static bool left_only(enum join_type type) { return type == JOIN_SEMI || type == JOIN_ANTI; }

static struct schema *join_schema(struct planner *p, const struct join_plan *plan) {
    const struct schema *left = &plan->left->node.schema, *right = &plan->right->node.schema;
    int count = left->column_count + (left_only(plan->type) ? 0 : right->column_count), n = 0;
    bool pad_left = plan->type == JOIN_RIGHT || plan->type == JOIN_FULL;
    bool pad_right = plan->type == JOIN_LEFT || plan->type == JOIN_FULL;
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, count + 1);
    const char **names = ARENA_ARRAY(p->arena, const char *, count + 1);
    for (int i = 0; i < left->column_count; i++, n++) {
        types[n] = pad_left ? type_with_nullable(p->arena, left->types[i], true) : left->types[i];
        names[n] = left->names[i];
    }
    for (int i = 0; n < count; i++, n++) {
        types[n] = pad_right ? type_with_nullable(p->arena, right->types[i], true) : right->types[i];
        names[n] = right->names[i];
        for (int k = 0; k < left->column_count; k++)
            if (strcmp(names[k], names[n]) == 0) names[n] = arena_printf(p->arena, "%s0", names[n]);
    }
    *schema = (struct schema){count, types, names};
    return schema;
}

/* The residual over the join node's input columns. */
static struct expr *residual_condition(struct planner *p, const struct join_plan *plan) {
    struct expr *condition = plani_and(p, &plan->residual);
    if (!condition) return NULL;
    int first = plan->rel->inputs[0]->schema.column_count, second = plan->rel->inputs[1]->schema.column_count;
    int left = plan->left->node.schema.column_count;
    int *map = ARENA_ARRAY(p->arena, int, first + second + 1);
    for (int i = 0; i < first; i++) map[i] = plan->swapped ? left + i : i;
    for (int i = 0; i < second; i++) map[first + i] = plan->swapped ? i : left + i;
    return expr_remap(p->arena, condition, map);
}

static int *shifted_columns(struct planner *p, const int *columns, int count, int delta) {
    int *shifted = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) shifted[i] = columns[i] + delta;
    return shifted;
}

static void add_pair_key(struct planner *p, struct planned *node, const struct unique_key *left,
                         const struct unique_key *right, int delta) {
    int *columns = ARENA_ARRAY(p->arena, int, left->count + right->count + 1);
    memcpy(columns, left->columns, sizeof *columns * (size_t)left->count);
    for (int i = 0; i < right->count; i++) columns[left->count + i] = right->columns[i] + delta;
    plani_add_unique(p, node, left->count + right->count, columns, left->declared || right->declared);
}

/* Candidate keys of the result: one side's when the other has at most one partner for each of its rows, else pairs.
 * With INNER joins a key column may be replaced by the other side's equal one. */
static void join_uniqueness(struct planner *p, struct planned *node, const struct join_plan *plan) {
    const struct planned *left = plan->left, *right = plan->right;
    int delta = left->node.schema.column_count;
    if (left_only(plan->type)) {
        for (int i = 0; i < left->unique_count; i++)
            plani_add_unique(p, node, left->unique[i].count, left->unique[i].columns, left->unique[i].declared);
        node->single_row = left->single_row;
        return;
    }
    bool one_right = plani_is_unique(right, plan->right_keys, plan->key_count, false) || plan->rel->join.single_row;
    bool one_left = plani_is_unique(left, plan->left_keys, plan->key_count, false);
    bool strict_right = plani_is_unique(right, plan->right_keys, plan->key_count, true) || plan->rel->join.single_row;
    bool strict_left = plani_is_unique(left, plan->left_keys, plan->key_count, true);
    if (one_right && (plan->type == JOIN_INNER || plan->type == JOIN_LEFT))
        for (int i = 0; i < left->unique_count; i++)
            plani_add_unique(p, node, left->unique[i].count, left->unique[i].columns,
                             left->unique[i].declared || !strict_right);
    if (one_left && (plan->type == JOIN_INNER || plan->type == JOIN_RIGHT))
        for (int i = 0; i < right->unique_count; i++)
            plani_add_unique(p, node, right->unique[i].count,
                             shifted_columns(p, right->unique[i].columns, right->unique[i].count, delta),
                             right->unique[i].declared || !strict_left);
    for (int i = 0; i < left->unique_count; i++)
        for (int k = 0; k < right->unique_count; k++) add_pair_key(p, node, &left->unique[i], &right->unique[k], delta);
    node->single_row = left->single_row && right->single_row && plan->type != JOIN_FULL;
    if (plan->type != JOIN_INNER) return;
    int known = node->unique_count;
    for (int i = 0; i < known; i++) {
        struct unique_key key = node->unique[i];
        int *columns = arena_memdup(p->arena, key.columns, sizeof *columns * (size_t)key.count);
        bool changed = false;
        for (int c = 0; c < key.count; c++)
            for (int k = 0; k < plan->key_count; k++)
                if (columns[c] == plan->left_keys[k]) {
                    columns[c] = plan->right_keys[k] + delta;
                    changed = true;
                    break;
                } else if (columns[c] == plan->right_keys[k] + delta) {
                    columns[c] = plan->left_keys[k];
                    changed = true;
                    break;
                }
        if (changed) plani_add_unique(p, node, key.count, columns, key.declared);
    }
}

static double or_default(double rows) { return rows < 0 ? PLAN_DEFAULT_ROWS : rows; }

static struct planned *join_node(struct planner *p, enum pnode_kind kind, const struct join_plan *plan,
                                 struct planned *left, struct planned *right) {
    struct planned *inputs[2] = {left, right};
    struct planned *node = plani_node(p, kind, join_schema(p, plan), 2, inputs);
    node->node.join.type = plan->type;
    node->node.join.key_count = plan->key_count;
    node->node.join.left_keys = plan->left_keys;
    node->node.join.right_keys = plan->right_keys;
    node->node.join.null_safe = plan->null_safe;
    node->node.join.condition = residual_condition(p, plan);
    node->node.join.null_aware = plan->rel->join.null_aware;
    node->node.join.single_row = plan->rel->join.single_row;
    node->node.join.offset = plan->rel->offset;
    node->node.join.length = plan->rel->offset >= 0 ? plan->rel->length : 0;
    node->node.join.left_unique = plani_is_unique(plan->left, plan->left_keys, plan->key_count, true);
    node->node.join.right_unique = plani_is_unique(plan->right, plan->right_keys, plan->key_count, true);
    node->node.row_estimate = plani_estimate(p, plan->rel)->rows;
    join_uniqueness(p, node, plan);
    return node;
}

/* ---- batch ---- */

static const char *build_hint(const struct rel *rel) { return rel->hint ? rel->hint->build : NULL; }

/* The input that a hint wants built and that can be: 0, 1; -1 none, or both. */
static int hinted_side(const struct rel *rel) {
    const char *first = build_hint(rel->inputs[0]), *second = build_hint(rel->inputs[1]);
    if (!first == !second) return -1;
    bool only_right = left_only(rel->join.type) || rel->join.single_row;
    return first && only_right ? -1 : !first;
}

static void build_side(struct join_plan *plan, int side) {
    const struct rel *rel = plan->rel;
    plan->swapped = side == 0;
    if (side == 0 && rel->join.type == JOIN_LEFT) plan->type = JOIN_RIGHT;
    if (side == 0 && rel->join.type == JOIN_RIGHT) plan->type = JOIN_LEFT;
}

/* The build side is the right one: how are the inputs taken, when no hint says it? An outer join whose kept side is much smaller builds
 * that one, as RIGHT with both sides exchanged; otherwise the kept side probes. */
static void choose_sides(struct join_plan *plan, const struct planned *first, const struct planned *second) {
    enum { MUCH = 4 };
    const struct rel *rel = plan->rel;
    double a = first->node.row_estimate, b = second->node.row_estimate;
    bool known = a >= 0 && b >= 0 && plan->key_count > 0 && !rel->join.single_row;
    if (rel->join.type == JOIN_INNER) plan->swapped = or_default(a) < or_default(b);
    if (rel->join.type == JOIN_LEFT && known && a * MUCH < b) {
        plan->type = JOIN_RIGHT;
        plan->swapped = true;
    }
    if (rel->join.type == JOIN_RIGHT && !(known && b * MUCH < a)) {
        plan->type = JOIN_LEFT;
        plan->swapped = true;
    }
}

/* May the build side, all of it at once, take more than its part of the memory limit? Then both sides are exchanged: partitions can
 * be joined one after the other, and a single one (without keys) in pieces. */
static bool build_may_not_fit(const struct planner *p, const struct join_plan *plan) {
    enum { SHARE = 8, ENTRY_BYTES = 48, TEXT_BYTES = 32 };
    if (!p->options->memory_limit_bytes || plan->right->single_row) return false;
    if (plan->right->node.row_estimate < 0) return true;
    const struct schema *schema = &plan->right->node.schema;
    double row_bytes = ENTRY_BYTES;
    for (int i = 0; i < schema->column_count; i++) {
        enum phys phys = type_phys(schema->types[i]);
        row_bytes += phys == PHYS_STR || phys == PHYS_LIST || phys == PHYS_ROW ? TEXT_BYTES : phys_size(phys);
    }
    return plan->right->node.row_estimate * row_bytes > (double)p->options->memory_limit_bytes / SHARE;
}

static struct planned *hash_join(struct planner *p, struct join_plan *plan) {
    bool large = build_may_not_fit(p, plan);
    bool both = plan->type == JOIN_FULL || plan->type == JOIN_RIGHT || plan->kept_apart || large;
    /* NOT IN must know whether there is any row or NULL on the right. */
    int exchange_keys = both && plan->rel->join.null_aware ? 0 : plan->key_count;
    struct planned *left = plan->left, *right = plani_exchange(p, plan->right, plan->right_keys, exchange_keys);
    if (both) left = plani_exchange(p, plan->left, plan->left_keys, exchange_keys);
    struct planned *node = join_node(p, PNODE_HASH_JOIN, plan, left, right);
    if (!both) { /* rows stay where the probe side has them */
        node->distribution = plan->left->distribution;
        node->hash_count = plan->left->hash_count;
        node->hash = plan->left->hash;
    } else if (exchange_keys == 0) {
        /* What follows a large join is dealt out again, as it may be too much for one partition as well. */
        node->distribution = large ? DISTRIBUTION_ANY : DISTRIBUTION_SINGLE;
    } else if (plan->type != JOIN_FULL) {
        node->distribution = DISTRIBUTION_HASH;
        node->hash_count = plan->key_count;
        node->hash = plan->type != JOIN_RIGHT
                         ? plan->left_keys
                         : shifted_columns(p, plan->right_keys, plan->key_count, plan->left->node.schema.column_count);
    }
    node->watermarked = true;
    return node;
}

/* ---- streaming ---- */

static bool keeps_time(const struct rel *rel) {
    return rel->join.condition && join_is_window(rel->inputs[0], rel->inputs[1], rel->join.condition);
}

/* The row-time column that rel still has after the join, -1 none. */
static int rowtime_column(const struct rel *rel) {
    for (int i = 0; i < rel->schema.column_count; i++)
        if (rel->properties[i].time == TIME_ROWTIME) return i;
    return -1;
}

static struct planned *stream_join(struct planner *p, struct join_plan *plan) {
    bool single = plan->key_count == 0 || plan->rel->join.null_aware;
    int exchange_keys = single ? 0 : plan->key_count;
    struct planned *left = plani_exchange(p, plan->left, plan->left_keys, exchange_keys);
    struct planned *right = plani_exchange(p, plan->right, plan->right_keys, exchange_keys);
    struct planned *node = join_node(p, PNODE_STREAM_JOIN, plan, left, right);
    for (int i = 0; i < 2; i++) node->node.ttl_ms[i] = plani_state_ttl(p, plan->rel->inputs[i]);
    bool inserts = left->node.edge.changes == CHANGES_APPEND && right->node.edge.changes == CHANGES_APPEND;
    bool pairs_only = plan->type == JOIN_INNER || plan->type == JOIN_SEMI;
    if (!inserts || !pairs_only) {
        node->node.edge.changes = CHANGES_RETRACT;
        node->node.edge.updates = node->node.edge.deletes = true;
    }
    node->distribution = single ? DISTRIBUTION_SINGLE : DISTRIBUTION_HASH;
    if (!single && plan->type == JOIN_FULL) node->distribution = DISTRIBUTION_ANY;
    if (node->distribution == DISTRIBUTION_HASH) {
        bool by_right = plan->type == JOIN_RIGHT;
        node->hash_count = plan->key_count;
        node->hash = by_right
                         ? shifted_columns(p, plan->right_keys, plan->key_count, plan->left->node.schema.column_count)
                         : plan->left_keys;
    }
    node->watermarked = plan->left->watermarked && plan->right->watermarked && keeps_time(plan->rel);
    return node;
}

/* ---- entry ---- */

/* rel's columns out of the join's. */
static struct planned *restore_columns(struct planner *p, struct planned *node, const struct join_plan *plan) {
    const struct rel *rel = plan->rel;
    int first = rel->inputs[0]->schema.column_count, left = plan->left->node.schema.column_count;
    int *columns = ARENA_ARRAY(p->arena, int, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++) {
        bool of_first = i < first;
        int within = of_first ? i : i - first;
        columns[i] = of_first == plan->swapped ? left + within : within;
    }
    if (plan->swapped && left_only(plan->type)) return node;
    return plani_select(p, node, columns, &rel->schema);
}

static enum status check_join(const struct rel *rel, struct error *err) {
    if (rel->join.temporal == TEMPORAL_ROWTIME)
        return error_set_at(
            err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
            "event-time temporal joins (FOR SYSTEM_TIME AS OF a rowtime attribute) are not supported yet");
    if (rel->join.correlated)
        return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                            "this correlated (LATERAL) join is not supported");
    return STATUS_OK;
}

enum status plani_plan_join(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    TRY(check_join(rel, err));
    struct planned *first, *second;
    TRY(plani_plan_rel(p, rel->inputs[0], &first, err));
    TRY(plani_plan_rel(p, rel->inputs[1], &second, err));
    struct join_keys keys;
    plani_join_keys(p, rel, &keys);
    const char *note = NULL;
    int hinted = hinted_side(rel);
    if (hinted >= 0)
        note = arena_printf(p->arena, "built as the hint %s asks", build_hint(rel->inputs[hinted]));
    else
        TRY(plani_choose_lookup_join(p, rel, first, second, &keys, out, &note, err));
    if (*out) return STATUS_OK;
    struct join_plan plan = {.rel = rel, .type = rel->join.type, .key_count = keys.count, .residual = keys.residual};
    plan.null_safe = keys.any_null_safe ? keys.null_safe : NULL;
    struct reduction reduction;
    bool reduced = hinted < 0 && plani_find_reduction(p, rel, &keys, &reduction);
    if (hinted >= 0)
        build_side(&plan, hinted);
    else if (!p->options->streaming && !reduced)
        choose_sides(&plan, first, second);
    int *first_keys, *second_keys;
    if (reduced && !reduction.large) {
        second = plani_with_keys(p, second, keys.right, keys.count, &second_keys);
        TRY(plani_plan_reduced(p, rel->inputs[0], &reduction, second, second_keys, &first, err));
    }
    first = plani_with_keys(p, first, keys.left, keys.count, &first_keys);
    if (reduced && reduction.large)
        TRY(plani_plan_reduced(p, rel->inputs[1], &reduction, first, first_keys, &second, err));
    if (!reduced || reduction.large) second = plani_with_keys(p, second, keys.right, keys.count, &second_keys);
    /* Only what is complete may be waited for: the small side is built (INNER), or comes through an exchange. */
    if (reduced) {
        plan.swapped = rel->join.type == JOIN_INNER && reduction.large;
        plan.kept_apart = rel->join.type != JOIN_INNER;
    }
    plan.left = plan.swapped ? second : first;
    plan.right = plan.swapped ? first : second;
    plan.left_keys = plan.swapped ? second_keys : first_keys;
    plan.right_keys = plan.swapped ? first_keys : second_keys;
    struct planned *node = p->options->streaming ? stream_join(p, &plan) : hash_join(p, &plan);
    node->node.note = note;
    *out = restore_columns(p, node, &plan);
    (*out)->node.edge.rowtime_column = node->watermarked ? rowtime_column(rel) : -1;
    return STATUS_OK;
}
