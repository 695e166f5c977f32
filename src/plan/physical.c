/* Physical planning: simple nodes, exchanges, and what every node passes on about its rows (distribution, keys,
 * changes). Joins, aggregates, ranking and sinks have files of their own. */
#include <math.h>
#include <stdlib.h>

#include "plan/plan_private.h"

/* ---- nodes ---- */

struct planned *plani_node(struct planner *p, enum pnode_kind kind, const struct schema *schema, int input_count,
                           struct planned *const *inputs) {
    struct planned *node = ARENA_NEW(p->arena, struct planned);
    node->node.kind = kind;
    node->node.schema = *schema;
    node->node.input_count = input_count;
    node->node.inputs = ARENA_ARRAY(p->arena, struct pnode *, input_count + 1);
    for (int i = 0; i < input_count; i++) node->node.inputs[i] = &inputs[i]->node;
    node->node.edge.rowtime_column = -1;
    node->node.row_estimate = node->node.distinct_estimate = -1;
    return node;
}

void plani_inherit(struct planned *node, const struct planned *input) {
    struct edge edge = input->node.edge;
    edge.ordered = false;
    node->node.edge = edge;
    node->distribution = input->distribution;
    node->hash_count = input->hash_count;
    node->hash = input->hash;
    node->unique_count = input->unique_count;
    memcpy(node->unique, input->unique, sizeof node->unique);
    node->single_row = input->single_row;
    node->watermarked = input->watermarked;
    node->order_count = input->order_count;
    node->order = input->order;
    node->node.row_estimate = input->node.row_estimate;
}

/* ---- keys ---- */

static bool contains_column(const int *columns, int count, int column) {
    for (int i = 0; i < count; i++)
        if (columns[i] == column) return true;
    return false;
}

static bool contains_all(const int *columns, int count, const int *others, int other_count) {
    for (int i = 0; i < other_count; i++)
        if (!contains_column(columns, count, others[i])) return false;
    return true;
}

void plani_add_unique(struct planner *p, struct planned *node, int count, const int *columns, bool declared) {
    if (count == 0 || node->unique_count == PLAN_MAX_UNIQUE_KEYS) return;
    for (int i = 0; i < node->unique_count; i++) {
        const struct unique_key *have = &node->unique[i];
        if ((!have->declared || declared) && contains_all(columns, count, have->columns, have->count)) return;
    }
    node->unique[node->unique_count++] =
        (struct unique_key){count, arena_memdup(p->arena, columns, sizeof *columns * (size_t)count), declared};
    const struct unique_key *best = &node->unique[0];
    for (int i = 1; i < node->unique_count; i++)
        if (node->unique[i].count < best->count) best = &node->unique[i];
    node->node.edge.key_count = best->count;
    node->node.edge.key = best->columns;
}

bool plani_is_unique(const struct planned *node, const int *columns, int count, bool strict) {
    if (node->single_row) return true;
    for (int i = 0; i < node->unique_count; i++) {
        const struct unique_key *key = &node->unique[i];
        if ((!strict || !key->declared) && contains_all(columns, count, key->columns, key->count)) return true;
    }
    return false;
}

/* ---- CALC ---- */

/* Where input columns are in the output of a projection: the first place, -1 nowhere. exact: only as they are. */
static int *positions_after(struct planner *p, int input_count, struct expr *const *exprs, int count, bool exact) {
    int *map = ARENA_ARRAY(p->arena, int, input_count + 1);
    for (int i = 0; i < input_count; i++) map[i] = -1;
    for (int i = 0; i < count; i++) {
        const struct expr *expr = exprs[i];
        while (!exact && expr->kind == EXPR_CAST && !expr->cast.try_cast &&
               plani_cast_is_lossless(expr->args[0]->type, expr->type))
            expr = expr->args[0];
        if (expr->kind == EXPR_COLUMN && map[expr->column.index] < 0) map[expr->column.index] = i;
    }
    return map;
}

static bool map_columns(struct planner *p, const int *columns, int count, const int *map, const int **out) {
    int *mapped = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        mapped[i] = map[columns[i]];
        if (mapped[i] < 0) return false;
    }
    *out = mapped;
    return true;
}

static void project_properties(struct planner *p, struct planned *node, const struct planned *input,
                               struct expr *const *exprs) {
    int input_count = input->node.schema.column_count, count = node->node.schema.column_count;
    const int *exact = positions_after(p, input_count, exprs, count, true);
    const int *same = positions_after(p, input_count, exprs, count, false);
    if (node->distribution == DISTRIBUTION_HASH &&
        !map_columns(p, input->hash, input->hash_count, exact, &node->hash)) {
        node->distribution = DISTRIBUTION_ANY;
        node->hash_count = 0;
    }
    node->unique_count = 0;
    node->node.edge.key_count = 0;
    node->node.edge.key = NULL;
    for (int i = 0; i < input->unique_count; i++) {
        const struct unique_key *key = &input->unique[i];
        const int *columns;
        if (map_columns(p, key->columns, key->count, same, &columns))
            plani_add_unique(p, node, key->count, columns, key->declared);
    }
    /* Still one old and one new row per key? Only when it is the key whose rows were netted. */
    const int *key;
    node->node.edge.netted =
        input->node.edge.netted && input->node.edge.key_count &&
        map_columns(p, input->node.edge.key, input->node.edge.key_count, same, &key) &&
        node->node.edge.key_count == input->node.edge.key_count &&
        contains_all(node->node.edge.key, node->node.edge.key_count, key, node->node.edge.key_count);
    int rowtime = input->node.edge.rowtime_column;
    node->node.edge.rowtime_column = rowtime >= 0 ? exact[rowtime] : -1;
    if (node->order_count) {
        struct sort_key *order = arena_memdup(p->arena, node->order, sizeof *order * (size_t)node->order_count);
        for (int i = 0; i < node->order_count && node->order_count; i++) {
            order[i].column = exact[order[i].column];
            if (order[i].column < 0) node->order_count = i;
        }
        node->order = order;
    }
}

/* May these expressions be computed from the input of the CALC below instead of from its output? */
static bool may_merge_calc(const struct planned *below, struct expr *const *exprs, int count) {
    int size = 0;
    for (int i = 0; i < below->node.schema.column_count; i++)
        if (plani_is_random(below->node.calc.exprs[i])) return false;
    for (int i = 0; i < count; i++) size += exprs[i]->kind == EXPR_COLUMN ? 0 : plani_expr_size(exprs[i]);
    for (int i = 0; i < below->node.schema.column_count && size; i++)
        size += plani_expr_size(below->node.calc.exprs[i]);
    return size <= PLAN_MAX_EXPR_NODES / 10;
}

int64_t plani_state_ttl(const struct planner *p, const struct rel *rows) {
    static const int64_t most_ms = INT64_C(36525) * 86400000; /* a century: in microseconds it must fit, too */
    if (!p->options->streaming) return 0;
    int64_t ttl_ms = rows && rows->hint && rows->hint->has_ttl ? rows->hint->ttl_ms : p->options->state_ttl_ms;
    return ttl_ms < most_ms ? ttl_ms : most_ms;
}

struct planned *plani_calc(struct planner *p, struct planned *input, struct expr *condition, struct expr **exprs,
                           const struct schema *schema) {
    if (!condition && !exprs) return input;
    if (!condition && input->node.kind == PNODE_CALC && input->node.calc.exprs &&
        may_merge_calc(input, exprs, schema->column_count)) {
        struct expr **merged = ARENA_ARRAY(p->arena, struct expr *, schema->column_count + 1);
        for (int i = 0; i < schema->column_count; i++)
            merged[i] = plani_substitute(p, exprs[i], input->node.calc.exprs);
        struct planned *below = planned_of(input->node.inputs[0]);
        if (input->node.calc.condition)
            below = plani_calc(p, below, input->node.calc.condition, NULL, &below->node.schema);
        return plani_calc(p, below, NULL, merged, schema);
    }
    double rows = input->node.row_estimate;
    if (condition && rows >= 0) rows = fmax(rows * plani_selectivity(p, condition, NULL), rows > 0 ? 1 : 0);
    /* A filter and the projection above it are one node. */
    if (!condition && input->node.kind == PNODE_CALC && !input->node.calc.exprs) {
        condition = input->node.calc.condition;
        input = planned_of(input->node.inputs[0]);
    }
    struct planned *node = plani_node(p, PNODE_CALC, schema, 1, &input);
    plani_inherit(node, input);
    node->node.edge.ordered = input->node.edge.ordered;
    node->node.calc.condition = condition;
    node->node.calc.exprs = exprs;
    node->node.row_estimate = rows;
    if (condition && node->node.edge.updates) node->node.edge.deletes = true; /* an update may leave what passes */
    if (exprs) project_properties(p, node, input, exprs);
    return node;
}

struct planned *plani_select(struct planner *p, struct planned *input, const int *columns,
                             const struct schema *schema) {
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, schema->column_count + 1);
    bool identity = schema->column_count == input->node.schema.column_count;
    for (int i = 0; i < schema->column_count; i++) {
        identity &= columns[i] == i;
        exprs[i] = plani_column(p, &input->node.schema, columns[i]);
    }
    return identity ? input : plani_calc(p, input, NULL, exprs, schema);
}

/* ---- exchanges ---- */

struct planned *plani_exchange(struct planner *p, struct planned *input, const int *keys, int key_count) {
    struct planned *node = plani_node(p, PNODE_EXCHANGE, &input->node.schema, 1, &input);
    plani_inherit(node, input);
    node->distribution = key_count ? DISTRIBUTION_HASH : DISTRIBUTION_SINGLE;
    node->hash_count = key_count;
    node->hash = key_count ? arena_memdup(p->arena, keys, sizeof *keys * (size_t)key_count) : NULL;
    node->node.exchange.distribution = node->distribution;
    node->node.exchange.key_count = key_count;
    node->node.exchange.keys = node->hash;
    return node;
}

struct planned *plani_distribute(struct planner *p, struct planned *input, const int *keys, int key_count) {
    if (input->distribution == DISTRIBUTION_SINGLE) return input;
    /* The same columns in the same order: the hash that state is dealt by after a restart is then the exchange's. */
    if (key_count && input->distribution == DISTRIBUTION_HASH && input->hash_count == key_count &&
        memcmp(input->hash, keys, sizeof *keys * (size_t)key_count) == 0)
        return input;
    return plani_exchange(p, input, keys, key_count);
}

/* ---- leaves ---- */

const char *plani_table_name(struct planner *p, const struct table *table) {
    return arena_printf(p->arena, "%s%s%s%s%s", table->catalog ? table->catalog : "", table->catalog ? "." : "",
                        table->database ? table->database : "", table->database ? "." : "", table->name);
}

enum status plani_connector(struct planner *p, const struct table *table, int32_t offset, int32_t length,
                            const struct connector **out, struct error *err) {
    if (!table->connector) {
        error_set_at(err, STATUS_INVALID_OPTION, offset, length, "table '%s' has no connector",
                     plani_table_name(p, table));
        error_hint(err, "say where its rows are: WITH ('connector' = ...), or make it with CREATE TABLE, without "
                        "TEMPORARY, in a catalog that keeps rows, as default_catalog does");
        return STATUS_INVALID_OPTION;
    }
    *out = p->options->find_connector(table->connector);
    if (!*out)
        return error_set_at(err, STATUS_INVALID_OPTION, offset, length, "table '%s' has the unknown connector '%s'",
                            plani_table_name(p, table), table->connector);
    return STATUS_OK;
}

static void scan_key(struct planner *p, struct planned *node, const struct rel *rel) {
    const struct table *table = rel->scan.table;
    const struct sink_class *sink = node->node.scan.connector->sink;
    /* What is written by key has one row per key; elsewhere a primary key is a promise of whoever declared it. */
    bool enforced = sink && sink->accepts(table) == CHANGES_UPSERT;
    int *key = ARENA_ARRAY(p->arena, int, table->primary_key_count + 1);
    for (int k = 0; k < table->primary_key_count; k++) {
        key[k] = -1;
        for (int i = 0; i < rel->schema.column_count; i++)
            if (rel->scan.columns[i] == table->primary_key[k]) key[k] = i;
        if (key[k] < 0) return;
    }
    plani_add_unique(p, node, table->primary_key_count, key, !enforced);
}

enum status plani_scan_node(struct planner *p, const struct rel *rel, const struct schema *schema, struct planned **out,
                            struct error *err) {
    const struct table *table = rel->scan.table;
    const struct connector *connector;
    TRY(plani_connector(p, table, rel->offset, rel->length, &connector, err));
    if (!connector->source)
        return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                            "table '%s' cannot be read: connector '%s' has no source", plani_table_name(p, table),
                            connector->name);
    bool bounded = connector->source->is_bounded(table);
    if (!bounded && !p->options->streaming) {
        error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                     "table '%s' never ends: it cannot be read in batch mode", plani_table_name(p, table));
        error_hint(err, "SET 'execution.runtime-mode' = 'streaming'");
        return STATUS_NOT_SUPPORTED;
    }
    struct planned *node = plani_node(p, PNODE_SCAN, schema, 0, NULL);
    node->node.scan.table = table;
    node->node.scan.connector = connector;
    node->node.scan.bounded = bounded;
    node->node.scan.pushdown_text = rel->scan.pushdown_text;
    node->node.scan.request = (struct scan_request){.column_count = rel->schema.column_count,
                                                    .columns = rel->scan.columns,
                                                    .predicate_count = rel->scan.predicate_count,
                                                    .predicates = rel->scan.predicates,
                                                    .limit = rel->scan.limit,
                                                    .top = rel->scan.top,
                                                    .bounded_only = !p->options->streaming};
    *out = node;
    return STATUS_OK;
}

static enum status plan_scan(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    TRY(plani_scan_node(p, rel, &rel->schema, out, err));
    (*out)->node.row_estimate = plani_estimate(p, rel)->rows;
    scan_key(p, *out, rel);
    return STATUS_OK;
}

static enum status plan_values(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    (void)err;
    struct planned *node = plani_node(p, PNODE_VALUES, &rel->schema, 0, NULL);
    node->node.values.row_count = rel->values.row_count;
    node->node.values.rows = rel->values.rows;
    node->node.row_estimate = rel->values.row_count;
    node->single_row = rel->values.row_count <= 1;
    *out = node;
    return STATUS_OK;
}

static enum status plan_rows(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    (void)err;
    struct planned *node = plani_node(p, PNODE_VALUES, &rel->schema, 0, NULL);
    node->node.values.held = rel->rows.held;
    node->node.values.columns = rel->rows.columns;
    node->node.values.query = rel->rows.query;
    node->node.values.name = rel->rows.name;
    *out = node;
    return STATUS_OK;
}

/* ---- one input ---- */

static enum status plan_watermark(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    struct planned *input;
    TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
    const struct pnode *below = &input->node;
    while (below->kind == PNODE_CALC) below = below->inputs[0];
    if (below->kind != PNODE_SCAN && below->kind != PNODE_VALUES)
        return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                            "a watermark is only supported directly on a table");
    struct planned *node = plani_node(p, PNODE_WATERMARK, &rel->schema, 1, &input);
    plani_inherit(node, input);
    node->node.watermark.column = rel->watermark.column;
    node->node.watermark.expr = rel->watermark.expr;
    node->node.watermark.idle_timeout_ms = p->options->idle_timeout_ms;
    node->node.edge.rowtime_column = rel->watermark.column;
    node->watermarked = true;
    *out = node;
    return STATUS_OK;
}

static enum status plan_filter(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    struct planned *input = NULL;
    TRY(plani_plan_rank(p, rel, true, &input, err));
    if (!input) {
        TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
        input = plani_calc(p, input, rel->filter.condition, NULL, &input->node.schema);
        input->node.row_estimate = plani_estimate(p, rel)->rows;
    }
    *out = input;
    return STATUS_OK;
}

/* Does the projection read the last column of its input? */
static bool reads_last(const struct rel *project) {
    int count = project->inputs[0]->schema.column_count;
    bool *others = xcalloc((size_t)count, sizeof *others);
    for (int i = 0; i + 1 < count; i++) others[i] = true;
    bool reads = false;
    for (int i = 0; i < project->schema.column_count && !reads; i++)
        reads = !plani_reads_only(project->project.exprs[i], others, count);
    free(others);
    return reads;
}

static enum status plan_project(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    struct planned *input = NULL;
    if (rel->inputs[0]->kind == REL_FILTER) TRY(plani_plan_rank(p, rel->inputs[0], reads_last(rel), &input, err));
    if (!input) TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
    bool identity = rel->schema.column_count == input->node.schema.column_count;
    for (int i = 0; i < rel->schema.column_count && identity; i++) {
        const struct expr *expr = rel->project.exprs[i];
        identity = expr->kind == EXPR_COLUMN && expr->column.index == i;
    }
    *out = identity ? input : plani_calc(p, input, NULL, rel->project.exprs, &rel->schema);
    return STATUS_OK;
}

static enum status plan_window_tvf(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    const struct window_params *params = &rel->window_tvf;
    if (params->kind == WINDOW_SESSION)
        return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                            "SESSION windows are not supported yet");
    struct planned *input;
    TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
    struct planned *node = plani_node(p, PNODE_WINDOW_ASSIGN, &rel->schema, 1, &input);
    plani_inherit(node, input);
    node->node.window_assign.window = *params;
    double copies =
        params->kind == WINDOW_TUMBLE || params->slide_ms <= 0 ? 1 : (double)params->size_ms / (double)params->slide_ms;
    if (params->kind == WINDOW_CUMULATE) copies = (copies + 1) / 2;
    if (node->node.row_estimate >= 0) node->node.row_estimate *= copies;
    int count = input->node.schema.column_count;
    if (params->kind != WINDOW_TUMBLE) { /* a row comes once per window */
        node->single_row = false;
        node->unique_count = 0;
        node->node.edge.key_count = 0;
        for (int i = 0; i < input->unique_count; i++) {
            const struct unique_key *key = &input->unique[i];
            int *columns = ARENA_ARRAY(p->arena, int, key->count + 2);
            memcpy(columns, key->columns, sizeof *columns * (size_t)key->count);
            columns[key->count] = count;
            columns[key->count + 1] = count + 1;
            plani_add_unique(p, node, key->count + 2, columns, key->declared);
        }
        node->node.edge.netted = false;
    }
    if (node->node.edge.rowtime_column == params->time_column && params->time == TIME_ROWTIME)
        node->node.edge.rowtime_column = count + 2;
    *out = node;
    return STATUS_OK;
}

/* ---- UNNEST ---- */

/* No key but an ordinal one; rows come several times, but not in another order of signs. */
static enum status plan_unnest(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    struct planned *input;
    TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
    struct planned *node = plani_node(p, PNODE_UNNEST, &rel->schema, 1, &input);
    plani_inherit(node, input);
    node->node.unnest.column_count = rel->unnest.column_count;
    node->node.unnest.columns = rel->unnest.columns;
    node->node.unnest.outer = rel->unnest.outer;
    node->node.unnest.ordinality = rel->unnest.ordinality;
    if (node->node.row_estimate >= 0) node->node.row_estimate *= PLAN_ELEMENTS_ESTIMATE;
    node->single_row = false;
    node->unique_count = 0;
    node->node.edge.key_count = 0;
    node->node.edge.single_row = false;
    node->node.edge.netted = false;
    node->node.edge.ordered = false;
    *out = node;
    return STATUS_OK;
}

/* ---- UNION ALL ---- */

static struct planned *union_of(struct planner *p, struct planned *const *inputs, int count,
                                const struct schema *schema) {
    if (count == 1) return inputs[0];
    enum { FAN_IN = 16 };
    struct planned *few[FAN_IN];
    if (count > FAN_IN) { /* a tree of unions: an operator has a limited number of inputs */
        int groups = 0, per_group = (count + FAN_IN - 1) / FAN_IN;
        for (int i = 0; i < count; i += per_group)
            few[groups++] = union_of(p, inputs + i, count - i < per_group ? count - i : per_group, schema);
        inputs = few;
        count = groups;
    }
    struct planned *node = plani_node(p, PNODE_UNION, schema, count, inputs);
    node->node.row_estimate = 0;
    node->watermarked = true;
    for (int i = 0; i < count; i++) {
        const struct planned *input = inputs[i];
        node->watermarked &= input->watermarked;
        if (input->node.edge.changes != CHANGES_APPEND) node->node.edge.changes = CHANGES_RETRACT;
        node->node.edge.updates |= input->node.edge.updates;
        node->node.edge.deletes |= input->node.edge.deletes;
        if (input->node.row_estimate < 0 || node->node.row_estimate < 0)
            node->node.row_estimate = -1;
        else
            node->node.row_estimate += input->node.row_estimate;
        int rowtime = input->node.edge.rowtime_column;
        node->node.edge.rowtime_column = i == 0 || node->node.edge.rowtime_column == rowtime ? rowtime : -1;
    }
    return node;
}

static enum status plan_set_op(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    if (rel->set_op.op != SET_UNION_ALL)
        return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length, "this set operation is not supported");
    struct planned **inputs = ARENA_ARRAY(p->arena, struct planned *, rel->input_count);
    for (int i = 0; i < rel->input_count; i++) TRY(plani_plan_rel(p, rel->inputs[i], &inputs[i], err));
    *out = union_of(p, inputs, rel->input_count, &rel->schema);
    return STATUS_OK;
}

/* ---- nodes made once for equal trees ---- */

struct memo_entry {
    const struct rel *rel;
    uint64_t hash;
    struct planned *node;
};

struct memo {
    struct memo_entry *entries;
    int count, capacity;
};

struct memo *plani_memo_new(struct planner *p) {
    return ARENA_NEW(p->arena, struct memo);
}

static struct planned *find_memo(const struct planner *p, const struct rel *rel, uint64_t hash) {
    const struct memo *memo = p->memo;
    for (int i = 0; i < memo->count; i++)
        if (memo->entries[i].hash == hash && plani_rel_equal(memo->entries[i].rel, rel)) return memo->entries[i].node;
    return NULL;
}

static void put_memo(struct planner *p, const struct rel *rel, uint64_t hash, struct planned *node) {
    struct memo *memo = p->memo;
    if (memo->count == PLAN_MAX_MEMO) return;
    if (memo->count == memo->capacity) {
        int capacity = memo->capacity ? memo->capacity * 2 : 64;
        struct memo_entry *entries = ARENA_ARRAY(p->arena, struct memo_entry, capacity);
        if (memo->count) memcpy(entries, memo->entries, sizeof *entries * (size_t)memo->count);
        memo->entries = entries;
        memo->capacity = capacity;
    }
    memo->entries[memo->count++] = (struct memo_entry){rel, hash, node};
}

static enum status plan_node(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    switch (rel->kind) {
    case REL_SCAN: return plan_scan(p, rel, out, err);
    case REL_VALUES: return plan_values(p, rel, out, err);
    case REL_WATERMARK: return plan_watermark(p, rel, out, err);
    case REL_FILTER: return plan_filter(p, rel, out, err);
    case REL_PROJECT: return plan_project(p, rel, out, err);
    case REL_JOIN:
        return rel->join.temporal == TEMPORAL_PROCTIME ? plani_plan_lookup_join(p, rel, out, err)
                                                       : plani_plan_join(p, rel, out, err);
    case REL_AGGREGATE: return plani_plan_aggregate(p, rel, out, err);
    case REL_OVER: return plani_plan_over(p, rel, out, err);
    case REL_SORT: return plani_plan_sort(p, rel, out, err);
    case REL_SET_OP: return plan_set_op(p, rel, out, err);
    case REL_WINDOW_TVF: return plan_window_tvf(p, rel, out, err);
    case REL_UNNEST: return plan_unnest(p, rel, out, err);
    case REL_ROWS: return plan_rows(p, rel, out, err);
    case REL_KIND_COUNT: break;
    }
    return error_set(err, STATUS_INTERNAL, "an unknown relational node");
}

/* Only reads a table: cheaper than keeping the rows. */
static bool is_read(const struct rel *rel) {
    while (rel->kind == REL_FILTER || rel->kind == REL_PROJECT || rel->kind == REL_WATERMARK) rel = rel->inputs[0];
    return rel->kind == REL_SCAN;
}

enum status plani_plan_rel(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    uint64_t hash = 0;
    /* VALUES are cheaper made twice. */
    bool memoized = p->memo && rel->kind != REL_VALUES && (p->sharing == SHARE_ALL || !is_read(rel));
    if (memoized) {
        hash = plani_rel_hash(rel);
        *out = find_memo(p, rel, hash);
        if (*out) return STATUS_OK;
    }
    TRY(plan_node(p, rel, out, err));
    if (p->reduction) *out = plani_reduced(p, rel, *out);
    if (memoized) put_memo(p, rel, hash, *out);
    return STATUS_OK;
}
