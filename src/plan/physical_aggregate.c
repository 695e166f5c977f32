/* GROUP BY, DISTINCT, window aggregates.
 *
 *     AGGREGATE <- EXCHANGE(keys) <- LOCAL_AGGREGATE     in two phases, or without the LOCAL in one
 *
 * Two phases when every call can be computed in parts, the input only has inserts, and grouping reduces rows at all.
 * No exchange when the rows are already dealt by exactly these keys. Without keys everything meets in one partition.
 * In batch a source may give out the groups itself: then a SCAN is all there is.
 *
 * GROUPING SETS: one projection per set over the same input (keys outside the set are NULL, a grouping id is added),
 * a UNION, and one aggregate by keys and grouping id; the empty set is an aggregate of its own, because it has a row
 * even without input. */
#include <math.h>

#include "plan/plan_private.h"

/* What is aggregated, over the columns of the aggregate's input. */
struct grouping {
    const struct rel *rel;
    int key_count;
    const int *keys;
    const char **key_names; /* of the output */
    const struct type **key_types;
    int window_id; /* streaming: fires by window; 0 plain */
};

static struct aggregate_call *calls_for(struct planner *p, const struct rel *rel, bool retracting) {
    struct aggregate_call *calls = ARENA_ARRAY(p->arena, struct aggregate_call, rel->aggregate.call_count + 1);
    for (int i = 0; i < rel->aggregate.call_count; i++) {
        calls[i] = rel->aggregate.calls[i];
        calls[i].function = aggregate_for_input(p->arena, calls[i].function, retracting);
    }
    return calls;
}

static bool can_merge(const struct aggregate_call *calls, int count) {
    for (int i = 0; i < count; i++)
        if (calls[i].function->class->needs_values || calls[i].function->distinct) return false;
    return true;
}

static bool two_phases(const struct planner *p, const struct planned *input, const struct grouping *grouping,
                       const struct aggregate_call *calls, int call_count) {
    if (p->options->agg_phase == AGG_PHASE_ONE || input->node.edge.changes != CHANGES_APPEND) return false;
    if (!can_merge(calls, call_count)) return false;
    if (p->options->agg_phase == AGG_PHASE_TWO) return true;
    return grouping->key_count == 0 || !plani_is_unique(input, grouping->keys, grouping->key_count, false);
}

static double estimate_groups(struct planner *p, const struct planned *input, const struct grouping *grouping) {
    if (grouping->key_count == 0) return 1;
    double rows = input->node.row_estimate;
    if (rows < 0 || plani_is_unique(input, grouping->keys, grouping->key_count, false)) return rows;
    if (!grouping->rel->aggregate.grouping_set_count) return plani_estimate(p, grouping->rel)->rows;
    return fmax(1, rows * 0.2);
}

static void fill_params(struct planned *node, const struct grouping *grouping, const struct aggregate_call *calls,
                        bool retracting, double groups) {
    node->node.aggregate.key_count = grouping->key_count;
    node->node.aggregate.keys = grouping->keys;
    node->node.aggregate.call_count = grouping->rel->aggregate.call_count;
    node->node.aggregate.calls = calls;
    node->node.aggregate.retracting = retracting;
    node->node.aggregate.window_start_key = node->node.aggregate.window_end_key = -1;
    node->node.aggregate.window_end_column = -1;
    node->node.distinct_estimate = groups;
}

/* keys, then one BYTES per call, then the signed number of rows */
static struct schema *local_schema(struct planner *p, const struct grouping *grouping, int call_count) {
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    int count = grouping->key_count + call_count + 1, n = 0;
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, count);
    const char **names = ARENA_ARRAY(p->arena, const char *, count);
    for (int i = 0; i < grouping->key_count; i++, n++) {
        types[n] = grouping->key_types[i];
        names[n] = grouping->key_names[i];
    }
    for (int i = 0; i < call_count; i++, n++) {
        types[n] = type_with_nullable(p->arena, type_of(TYPE_VARBINARY), false);
        names[n] = arena_printf(p->arena, "$partial%d", i);
    }
    types[n] = type_with_nullable(p->arena, type_of(TYPE_BIGINT), false);
    names[n] = "$rows";
    *schema = (struct schema){count, types, names};
    return schema;
}

static int *identity(struct planner *p, int count) {
    int *columns = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) columns[i] = i;
    return columns;
}

static struct planned *local_phase(struct planner *p, struct planned *input, const struct grouping *grouping,
                                   const struct aggregate_call *calls, double groups) {
    struct schema *schema = local_schema(p, grouping, grouping->rel->aggregate.call_count);
    struct planned *node = plani_node(p, PNODE_LOCAL_AGGREGATE, schema, 1, &input);
    plani_inherit(node, input);
    node->unique_count = 0;
    node->node.edge.key_count = 0;
    node->node.edge.netted = false;
    node->node.edge.rowtime_column = -1;
    node->distribution = DISTRIBUTION_ANY;
    node->single_row = false;
    fill_params(node, grouping, calls, false, groups);
    /* Partials are made per morsel. */
    if (node->node.row_estimate > groups) node->node.row_estimate = groups;
    return node;
}

static struct schema *output_schema(struct planner *p, const struct grouping *grouping) {
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    const struct rel *rel = grouping->rel;
    int count = grouping->key_count + rel->aggregate.call_count, n = 0;
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, count + 1);
    const char **names = ARENA_ARRAY(p->arena, const char *, count + 1);
    for (int i = 0; i < grouping->key_count; i++, n++) {
        types[n] = grouping->key_types[i];
        names[n] = grouping->key_names[i];
    }
    for (int i = 0; i < rel->aggregate.call_count; i++, n++) {
        types[n] = rel->aggregate.calls[i].function->result;
        names[n] = rel->aggregate.calls[i].name;
    }
    *schema = (struct schema){count, types, names};
    return schema;
}

/* Positions of the window's start and end among the keys. */
static void window_keys(struct planned *node, const struct planned *input, const struct grouping *grouping) {
    const struct rel *below = grouping->rel->inputs[0];
    (void)input;
    for (int i = 0; i < grouping->key_count; i++) {
        int column = grouping->keys[i];
        if (column >= below->schema.column_count) continue;
        const struct column_property *property = &below->properties[column];
        if (property->window_id != grouping->window_id) continue;
        if (property->window == WINDOW_START) node->node.aggregate.window_start_key = i;
        if (property->window == WINDOW_END) {
            node->node.aggregate.window_end_key = i;
            node->node.aggregate.window_end_column = column;
        }
    }
}

/* The last phase's place among the output columns of a rowtime attribute (window_time as a key), -1 none. */
static int rowtime_key(const struct grouping *grouping) {
    const struct rel *below = grouping->rel->inputs[0];
    for (int i = 0; i < grouping->key_count; i++)
        if (grouping->keys[i] < below->schema.column_count && below->properties[grouping->keys[i]].time == TIME_ROWTIME)
            return i;
    return -1;
}

static struct planned *aggregate_node(struct planner *p, struct planned *input, const struct grouping *grouping) {
    const struct rel *rel = grouping->rel;
    bool retracting = input->node.edge.changes != CHANGES_APPEND;
    struct aggregate_call *calls = calls_for(p, rel, retracting);
    double groups = estimate_groups(p, input, grouping);
    const int *keys = grouping->keys;
    bool here =
        input->distribution == DISTRIBUTION_SINGLE ||
        (grouping->key_count && input->distribution == DISTRIBUTION_HASH && input->hash_count == grouping->key_count &&
         memcmp(input->hash, keys, sizeof *keys * (size_t)grouping->key_count) == 0);
    bool merges = !here && two_phases(p, input, grouping, calls, rel->aggregate.call_count);
    struct planned *below = input;
    if (merges) {
        below = local_phase(p, below, grouping, calls, groups);
        keys = identity(p, grouping->key_count);
    }
    below = plani_distribute(p, below, keys, grouping->key_count);
    bool window = grouping->window_id != 0;
    struct planned *node =
        plani_node(p, window ? PNODE_WINDOW_AGGREGATE : PNODE_AGGREGATE, output_schema(p, grouping), 1, &below);
    fill_params(node, grouping, calls, retracting, groups);
    node->node.aggregate.merges = merges;
    node->node.aggregate.emit_single = grouping->key_count == 0;
    if (!window) node->node.ttl_ms[0] = plani_state_ttl(p, rel->inputs[0]);
    node->node.row_estimate = groups;
    node->distribution = below->distribution;
    if (below->distribution == DISTRIBUTION_HASH) {
        node->hash_count = grouping->key_count;
        node->hash = identity(p, grouping->key_count);
    }
    node->single_row = grouping->key_count == 0;
    plani_add_unique(p, node, grouping->key_count, identity(p, grouping->key_count), false);
    node->node.edge.netted = true;
    if (window) {
        window_keys(node, input, grouping);
        const struct rel *tvf = plani_find_window(rel, grouping->window_id);
        node->node.aggregate.proctime = tvf && tvf->window_tvf.time == TIME_PROCTIME;
        node->node.edge.rowtime_column = rowtime_key(grouping);
        node->watermarked = input->watermarked;
    } else if (p->options->streaming && (retracting || rel->aggregate.call_count > 0)) {
        node->node.edge.changes = CHANGES_RETRACT;
        node->node.edge.updates = rel->aggregate.call_count > 0;
        node->node.edge.deletes = retracting && grouping->key_count > 0;
    }
    return node;
}

/* ---- grouping sets ---- */

/* keys of the set (others NULL), then the grouping id, then all input columns */
static struct planned *expand_set(struct planner *p, struct planned *input, const struct rel *rel, int set,
                                  const struct schema *schema) {
    int key_count = rel->aggregate.key_count, n = 0;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, schema->column_count);
    for (int i = 0; i < key_count; i++) {
        bool in_set = rel->aggregate.grouping_sets[set] >> i & 1;
        exprs[n++] = in_set ? plani_column(p, &input->node.schema, rel->aggregate.keys[i])
                            : expr_null(p->arena, schema->types[i]);
    }
    exprs[n++] = plani_bigint(p, grouping_set_id(rel->aggregate.grouping_sets, set, key_count));
    for (int i = 0; i < input->node.schema.column_count; i++) exprs[n++] = plani_column(p, &input->node.schema, i);
    return plani_calc(p, input, NULL, exprs, schema);
}

static struct schema *expanded_schema(struct planner *p, const struct planned *input, const struct rel *rel) {
    int key_count = rel->aggregate.key_count, below = input->node.schema.column_count, n = 0;
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, key_count + 1 + below);
    const char **names = ARENA_ARRAY(p->arena, const char *, key_count + 1 + below);
    for (int i = 0; i < key_count; i++, n++) {
        types[n] = rel->schema.types[i];
        names[n] = rel->schema.names[i];
    }
    types[n] = rel->schema.types[rel->schema.column_count - 1];
    names[n++] = "$grouping_id";
    for (int i = 0; i < below; i++, n++) {
        types[n] = input->node.schema.types[i];
        names[n] = input->node.schema.names[i];
    }
    *schema = (struct schema){n, types, names};
    return schema;
}

static struct planned *sets_union(struct planner *p, struct planned *const *inputs, int count,
                                  const struct schema *schema) {
    if (count == 1) return inputs[0];
    enum { FAN_IN = 16 };
    struct planned *few[FAN_IN];
    if (count > FAN_IN) {
        int groups = 0, per_group = (count + FAN_IN - 1) / FAN_IN;
        for (int i = 0; i < count; i += per_group)
            few[groups++] = sets_union(p, inputs + i, count - i < per_group ? count - i : per_group, schema);
        inputs = few;
        count = groups;
    }
    struct planned *node = plani_node(p, PNODE_UNION, schema, count, inputs);
    node->node.edge.changes = inputs[0]->node.edge.changes;
    node->node.edge.updates = inputs[0]->node.edge.updates;
    node->node.edge.deletes = inputs[0]->node.edge.deletes;
    node->watermarked = inputs[0]->watermarked;
    node->node.row_estimate = inputs[0]->node.row_estimate < 0 ? -1 : inputs[0]->node.row_estimate * count;
    return node;
}

/* An aggregate's calls over columns that moved by delta. */
static struct rel *shifted(struct planner *p, const struct rel *rel, int delta) {
    struct rel *copy = arena_memdup(p->arena, rel, sizeof *rel);
    struct aggregate_call *calls = ARENA_ARRAY(p->arena, struct aggregate_call, rel->aggregate.call_count + 1);
    for (int i = 0; i < rel->aggregate.call_count; i++) {
        calls[i] = rel->aggregate.calls[i];
        int *args = ARENA_ARRAY(p->arena, int, calls[i].function->arg_count + 1);
        for (int k = 0; k < calls[i].function->arg_count; k++) args[k] = calls[i].args[k] + delta;
        calls[i].args = args;
        if (calls[i].filter >= 0) calls[i].filter += delta;
    }
    copy->aggregate.calls = calls;
    return copy;
}

/* keys, calls, grouping id out of an aggregate by keys and grouping id */
static struct planned *order_columns(struct planner *p, struct planned *node, const struct rel *rel) {
    int key_count = rel->aggregate.key_count, call_count = rel->aggregate.call_count, n = 0;
    int *columns = ARENA_ARRAY(p->arena, int, rel->schema.column_count);
    for (int i = 0; i < key_count; i++) columns[n++] = i;
    for (int i = 0; i < call_count; i++) columns[n++] = key_count + 1 + i;
    columns[n] = key_count;
    return plani_select(p, node, columns, &rel->schema);
}

/* The set without keys: one row, also over no rows. */
static struct planned *grand_total(struct planner *p, struct planned *input, const struct rel *rel, int set) {
    struct grouping grouping = {.rel = rel};
    struct planned *node = aggregate_node(p, input, &grouping);
    int key_count = rel->aggregate.key_count, n = 0;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count);
    for (int i = 0; i < key_count; i++) exprs[n++] = expr_null(p->arena, rel->schema.types[i]);
    for (int i = 0; i < rel->aggregate.call_count; i++) exprs[n++] = plani_column(p, &node->node.schema, i);
    exprs[n] = plani_bigint(p, grouping_set_id(rel->aggregate.grouping_sets, set, key_count));
    return plani_calc(p, node, NULL, exprs, &rel->schema);
}

static struct planned *grouping_sets(struct planner *p, struct planned *input, const struct rel *rel, int window_id) {
    int key_count = rel->aggregate.key_count, set_count = rel->aggregate.grouping_set_count, expanded = 0, total = 0;
    struct schema *schema = expanded_schema(p, input, rel);
    struct planned **parts = ARENA_ARRAY(p->arena, struct planned *, set_count);
    struct planned **results = ARENA_ARRAY(p->arena, struct planned *, set_count + 1);
    for (int s = 0; s < set_count; s++) {
        if (rel->aggregate.grouping_sets[s] == 0)
            results[total++] = grand_total(p, input, rel, s);
        else
            parts[expanded++] = expand_set(p, input, rel, s, schema);
    }
    if (expanded) {
        struct planned *all = sets_union(p, parts, expanded, schema);
        struct grouping own = {.rel = shifted(p, rel, key_count + 1),
                               .key_count = key_count + 1,
                               .keys = identity(p, key_count + 1),
                               .key_names = (const char **)schema->names,
                               .key_types = (const struct type **)schema->types};
        (void)window_id;
        results[total++] = order_columns(p, aggregate_node(p, all, &own), rel);
    }
    return sets_union(p, results, total, &rel->schema);
}

/* ---- groups that a source makes ---- */

/* The call as a source may compute it; false: it is none of these. columns: the input's, as positions in the table. */
static bool source_call(const struct aggregate_call *call, const int *columns, struct scan_aggregate *out) {
    const struct bound_aggregate *function = call->function;
    if (function->distinct || call->filter >= 0 || function->arg_count > 1) return false;
    for (int i = SCAN_COUNT; i <= SCAN_SUM; i++) {
        if (strcmp(function->name, scan_function_name(i)) != 0) continue;
        *out = (struct scan_aggregate){i, function->arg_count ? columns[call->args[0]] : -1, function->result};
        return true;
    }
    return false;
}

/* Columns of the table behind those of rel, a scan with or without a projection that only picks; NULL: it is something else. */
static const int *scanned_columns(struct planner *p, const struct rel *rel, const struct rel **scan) {
    bool picks = rel->kind == REL_PROJECT && rel->inputs[0]->kind == REL_SCAN;
    *scan = picks ? rel->inputs[0] : rel;
    if (!picks) return rel->kind == REL_SCAN ? rel->scan.columns : NULL;
    int *columns = ARENA_ARRAY(p->arena, int, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (rel->project.exprs[i]->kind != EXPR_COLUMN) return NULL;
        columns[i] = (*scan)->scan.columns[rel->project.exprs[i]->column.index];
    }
    return columns;
}

/* Batch: the source gives a row per group. *out stays NULL where it does not. */
static enum status groups_of_source(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    *out = NULL;
    int key_count = rel->aggregate.key_count, call_count = rel->aggregate.call_count;
    const struct rel *scan;
    const int *columns = scanned_columns(p, rel->inputs[0], &scan);
    /* A reduction would leave out rows of the scan. */
    if (!columns || p->options->streaming || p->reduction || !key_count || rel->aggregate.grouping_set_count)
        return STATUS_OK;
    if (scan->scan.limit >= 0 || scan->scan.top) return STATUS_OK;
    for (int i = 0; i < scan->scan.predicate_count; i++)
        if (!scan->scan.exact[i]) return STATUS_OK;
    const struct connector *connector;
    TRY(plani_connector(p, scan->scan.table, scan->offset, scan->length, &connector, err));
    if (!connector->source || !connector->source->groups) return STATUS_OK;
    struct scan_groups *groups = ARENA_NEW(p->arena, struct scan_groups);
    struct scan_aggregate *aggregates = ARENA_ARRAY(p->arena, struct scan_aggregate, call_count + 1);
    int *keys = ARENA_ARRAY(p->arena, int, key_count);
    for (int i = 0; i < call_count; i++)
        if (!source_call(&rel->aggregate.calls[i], columns, &aggregates[i])) return STATUS_OK;
    for (int i = 0; i < key_count; i++) keys[i] = columns[rel->aggregate.keys[i]];
    *groups = (struct scan_groups){call_count, aggregates};
    struct planned *node;
    TRY(plani_scan_node(p, scan, &rel->schema, &node, err));
    struct scan_request *request = &node->node.scan.request;
    request->column_count = key_count;
    request->columns = keys;
    request->groups = groups;
    bool taken = false;
    TRY(connector->source->groups(scan->scan.table, request, &taken, err));
    if (!taken) return STATUS_OK;
    node->node.row_estimate = plani_estimate(p, rel)->rows;
    plani_add_unique(p, node, key_count, identity(p, key_count), false);
    *out = node;
    return STATUS_OK;
}

/* ---- entry ---- */

/* Streaming, grouped by both ends of a window, over inserts only: such groups end with their window. */
static enum status window_of(struct planner *p, const struct rel *rel, const struct planned *input, int *window_id,
                             struct error *err) {
    *window_id = 0;
    if (!p->options->streaming || input->node.edge.changes != CHANGES_APPEND || rel->aggregate.grouping_set_count)
        return STATUS_OK;
    int id = aggregate_window_id(rel->inputs[0], rel->aggregate.key_count, rel->aggregate.keys);
    const struct rel *tvf = id ? plani_find_window(rel, id) : NULL;
    if (!tvf) return STATUS_OK;
    if (tvf->window_tvf.time != TIME_PROCTIME && !input->watermarked)
        return error_set_at(
            err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
            "a window aggregate behind a join that is no window join is not supported in streaming mode");
    *window_id = id;
    return STATUS_OK;
}

/* A sketch cannot take back what it has seen. */
static enum status check_calls(struct planner *p, const struct rel *rel, const struct planned *input,
                               struct error *err) {
    if (!p->options->streaming || input->node.edge.changes == CHANGES_APPEND) return STATUS_OK;
    for (int i = 0; i < rel->aggregate.call_count; i++) {
        const struct bound_aggregate *agg = aggregate_for_input(p->arena, rel->aggregate.calls[i].function, true);
        if (agg->class->retractable || agg->class->needs_values) continue;
        error_set_at(err, STATUS_NOT_SUPPORTED, agg->offset, agg->length,
                     "%s of rows that change is not supported in streaming mode", agg->name);
        error_hint(err, "COUNT(DISTINCT ...) counts exactly, and takes back what it has counted");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

enum status plani_plan_aggregate(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    struct planned *input;
    TRY(groups_of_source(p, rel, out, err));
    if (*out) return STATUS_OK;
    TRY(plani_plan_rel(p, rel->inputs[0], &input, err));
    TRY(check_calls(p, rel, input, err));
    int window_id;
    TRY(window_of(p, rel, input, &window_id, err));
    if (rel->aggregate.grouping_set_count) {
        *out = grouping_sets(p, input, rel, window_id);
        return STATUS_OK;
    }
    int count = rel->aggregate.key_count;
    struct grouping grouping = {.rel = rel, .key_count = count, .keys = rel->aggregate.keys, .window_id = window_id};
    grouping.key_names = (const char **)rel->schema.names;
    grouping.key_types = ARENA_ARRAY(p->arena, const struct type *, count + 1);
    for (int i = 0; i < count; i++) grouping.key_types[i] = input->node.schema.types[rel->aggregate.keys[i]];
    *out = aggregate_node(p, input, &grouping);
    return STATUS_OK;
}
