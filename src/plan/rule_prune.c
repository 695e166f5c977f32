/* Column pruning: every node gives only the columns that somebody above reads, down to the scan's request. What a
 * node needs for itself only (a filter's columns) is dropped by a projection before rows are regrouped or kept. */
#include "plan/plan_private.h"

/* needed[i]: is column i of rel read? The result has at least these, column i is map[i] there (-1: gone).
 * may_be_empty: no column at all is fine (rows are only counted). */
struct pruned {
    struct rel *rel;
    int *map;
};

static enum status prune(struct planner *p, struct rel *rel, const bool *needed, bool may_be_empty, struct pruned *out,
                         struct error *err);

/* ---- tables read several times ---- */

struct shared_read {
    const struct rel *rel; /* SCAN or WATERMARK, before pruning */
    bool *needed;
    struct shared_read *next;
};

struct shared_reads {
    bool collecting;
    bool in_lookup; /* the looked-up side of a join is not read */
    struct shared_read *first;
};

static struct shared_read *find_read(const struct shared_reads *reads, const struct rel *rel) {
    for (struct shared_read *read = reads->first; read; read = read->next)
        if (plani_rel_equal(read->rel, rel)) return read;
    return NULL;
}

/* While collecting, needed is added to what the readers of equal trees need; afterwards it is replaced by that. */
static const bool *share(struct planner *p, const struct rel *rel, const bool *needed) {
    struct shared_reads *reads = p->shared;
    if (!reads || reads->in_lookup) return needed;
    struct shared_read *read = find_read(reads, rel);
    if (!reads->collecting) return read ? read->needed : needed;
    int count = rel->schema.column_count;
    if (!read) {
        read = ARENA_NEW(p->arena, struct shared_read);
        *read = (struct shared_read){rel, ARENA_ARRAY(p->arena, bool, count + 1), reads->first};
        reads->first = read;
    }
    for (int i = 0; i < count; i++) read->needed[i] |= needed[i];
    return needed;
}

static bool *flags(struct planner *p, int count) { return ARENA_ARRAY(p->arena, bool, count + 1); }

static int *new_map(struct planner *p, int count) {
    int *map = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) map[i] = -1;
    return map;
}

static int count_flags(const bool *flag, int count) {
    int n = 0;
    for (int i = 0; i < count; i++) n += flag[i];
    return n;
}

/* The column that is cheapest to read when any will do. */
static int cheapest(const struct schema *schema) {
    int best = 0, best_size = INT32_MAX;
    for (int i = 0; i < schema->column_count; i++) {
        enum phys phys = type_phys(schema->types[i]);
        int size = phys_size(phys);
        if (size == 0 || phys == PHYS_LIST) size = 1000;
        if (phys == PHYS_STR) size = 100;
        if (size < best_size) {
            best = i;
            best_size = size;
        }
    }
    return best;
}

/* needed, or one column when none is. */
static const bool *at_least_one(struct planner *p, const struct schema *schema, const bool *needed) {
    if (schema->column_count == 0 || count_flags(needed, schema->column_count)) return needed;
    bool *one = flags(p, schema->column_count);
    one[cheapest(schema)] = true;
    return one;
}

/* Drops the columns that are not needed. */
static void narrow(struct planner *p, struct pruned *pruned, const bool *needed, int old_count) {
    int count = count_flags(needed, old_count);
    if (count == pruned->rel->schema.column_count) return;
    int *columns = ARENA_ARRAY(p->arena, int, count + 1), *map = new_map(p, old_count), n = 0;
    for (int i = 0; i < old_count; i++) {
        if (!needed[i]) continue;
        columns[n] = pruned->map[i];
        map[i] = n++;
    }
    if (count == 0) return; /* rows without columns stay as wide as the input made them */
    pruned->rel = plani_pick(p, pruned->rel, columns, count);
    pruned->map = map;
}

static enum status prune_narrow(struct planner *p, struct rel *rel, const bool *needed, bool may_be_empty,
                                struct pruned *out, struct error *err) {
    if (!may_be_empty) needed = at_least_one(p, &rel->schema, needed);
    TRY(prune(p, rel, needed, may_be_empty, out, err));
    narrow(p, out, needed, rel->schema.column_count);
    return STATUS_OK;
}

static const int *map_all(struct planner *p, const int *columns, int count, const int *map) {
    int *mapped = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) mapped[i] = map[columns[i]];
    return mapped;
}

static const struct sort_key *map_sort(struct planner *p, const struct sort_key *keys, int count, const int *map) {
    struct sort_key *mapped = ARENA_ARRAY(p->arena, struct sort_key, count + 1);
    for (int i = 0; i < count; i++) {
        mapped[i] = keys[i];
        mapped[i].column = map[keys[i].column];
    }
    return mapped;
}

/* ---- leaves ---- */

static void prune_scan(struct planner *p, struct rel *rel, const bool *needed, bool may_be_empty, struct pruned *out) {
    needed = share(p, rel, needed);
    if (!may_be_empty) needed = at_least_one(p, &rel->schema, needed);
    int *columns = ARENA_ARRAY(p->arena, int, rel->schema.column_count + 1), n = 0;
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (!needed[i]) continue;
        out->map[i] = n;
        columns[n++] = rel->scan.columns[i];
    }
    if (n == rel->schema.column_count) {
        out->rel = rel;
        return;
    }
    struct rel *scan = rel_scan(p->arena, rel->scan.table, n, columns);
    scan->offset = rel->offset;
    scan->length = rel->length;
    scan->scan.predicates = rel->scan.predicates;
    scan->scan.exact = rel->scan.exact;
    scan->scan.predicate_count = rel->scan.predicate_count;
    scan->scan.limit = rel->scan.limit;
    scan->scan.top = rel->scan.top;
    scan->scan.pushdown_text = rel->scan.pushdown_text;
    out->rel = scan;
}

static void prune_values(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out) {
    needed = at_least_one(p, &rel->schema, needed);
    int count = count_flags(needed, rel->schema.column_count), n = 0;
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, count + 1);
    const char **names = ARENA_ARRAY(p->arena, const char *, count + 1);
    struct expr ***rows = ARENA_ARRAY(p->arena, struct expr **, rel->values.row_count + 1);
    for (int r = 0; r < rel->values.row_count; r++) rows[r] = ARENA_ARRAY(p->arena, struct expr *, count + 1);
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (!needed[i]) continue;
        types[n] = rel->schema.types[i];
        names[n] = rel->schema.names[i];
        for (int r = 0; r < rel->values.row_count; r++) rows[r][n] = rel->values.rows[r][i];
        out->map[i] = n++;
    }
    struct schema schema = {n, types, names};
    out->rel = n == rel->schema.column_count ? rel : rel_values(p->arena, &schema, rel->values.row_count, rows);
}

/* ---- one input ---- */

static enum status prune_watermark(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                                   struct error *err) {
    int count = rel->schema.column_count;
    bool *own = flags(p, count);
    memcpy(own, share(p, rel, needed), sizeof *own * (size_t)count);
    own[rel->watermark.column] = true;
    expr_columns(rel->watermark.expr, own, count);
    struct pruned input = {0};
    TRY(prune(p, rel->inputs[0], own, false, &input, err));
    out->rel = rel_watermark(p->arena, input.rel, input.map[rel->watermark.column],
                             expr_remap(p->arena, rel->watermark.expr, input.map));
    out->map = input.map;
    return STATUS_OK;
}

static enum status prune_filter(struct planner *p, struct rel *rel, const bool *needed, bool may_be_empty,
                                struct pruned *out, struct error *err) {
    int count = rel->schema.column_count;
    bool *own = flags(p, count);
    memcpy(own, needed, sizeof *own * (size_t)count);
    expr_columns(rel->filter.condition, own, count);
    struct pruned input = {0};
    TRY(prune(p, rel->inputs[0], own, may_be_empty, &input, err));
    out->rel = rel_filter(p->arena, input.rel, expr_remap(p->arena, rel->filter.condition, input.map));
    out->map = input.map;
    return STATUS_OK;
}

static enum status prune_project(struct planner *p, struct rel *rel, const bool *needed, bool may_be_empty,
                                 struct pruned *out, struct error *err) {
    struct rel *below = rel->inputs[0];
    if (!may_be_empty) needed = at_least_one(p, &rel->schema, needed);
    bool *own = flags(p, below->schema.column_count);
    int count = 0;
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (!needed[i]) continue;
        count++;
        expr_columns(rel->project.exprs[i], own, below->schema.column_count);
    }
    struct pruned input = {0};
    TRY(prune(p, below, own, may_be_empty || count > 0, &input, err));
    if (count == 0) {
        out->rel = input.rel;
        return STATUS_OK;
    }
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count);
    const char **names = ARENA_ARRAY(p->arena, const char *, count);
    count = 0;
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (!needed[i]) continue;
        exprs[count] = expr_remap(p->arena, rel->project.exprs[i], input.map);
        names[count] = rel->schema.names[i];
        out->map[i] = count++;
    }
    out->rel = rel_project(p->arena, input.rel, count, exprs, names);
    return STATUS_OK;
}

static enum status prune_aggregate(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                                   struct error *err) {
    struct rel *below = rel->inputs[0];
    int key_count = rel->aggregate.key_count, call_count = 0;
    bool *own = flags(p, below->schema.column_count);
    for (int i = 0; i < key_count; i++) own[rel->aggregate.keys[i]] = true;
    struct aggregate_call *calls = ARENA_ARRAY(p->arena, struct aggregate_call, rel->aggregate.call_count + 1);
    bool any = key_count > 0 || count_flags(needed, rel->schema.column_count) > 0;
    for (int i = 0; i < rel->aggregate.call_count; i++) {
        if (!needed[key_count + i] && (any || i > 0)) continue;
        out->map[key_count + i] = key_count + call_count;
        calls[call_count] = rel->aggregate.calls[i];
        for (int k = 0; k < calls[call_count].function->arg_count; k++) own[calls[call_count].args[k]] = true;
        if (calls[call_count].filter >= 0) own[calls[call_count].filter] = true;
        call_count++;
    }
    struct pruned input = {0};
    TRY(prune_narrow(p, below, own, true, &input, err));
    for (int i = 0; i < call_count; i++) {
        calls[i].args = map_all(p, calls[i].args, calls[i].function->arg_count, input.map);
        if (calls[i].filter >= 0) calls[i].filter = input.map[calls[i].filter];
    }
    const int *keys = map_all(p, rel->aggregate.keys, key_count, input.map);
    for (int i = 0; i < key_count; i++) out->map[i] = i;
    int sets = rel->aggregate.grouping_set_count;
    if (sets) {
        out->rel = rel_aggregate_sets(p->arena, input.rel, key_count, keys, call_count, calls, sets,
                                      rel->aggregate.grouping_sets);
        out->map[rel->schema.column_count - 1] = key_count + call_count;
    } else {
        out->rel = rel_aggregate(p->arena, input.rel, key_count, keys, call_count, calls);
    }
    return STATUS_OK;
}

static enum status prune_over(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                              struct error *err) {
    struct rel *below = rel->inputs[0];
    int below_count = below->schema.column_count, call_count = 0;
    struct window_call *calls = ARENA_ARRAY(p->arena, struct window_call, rel->over.call_count + 1);
    bool *own = flags(p, below_count);
    memcpy(own, needed, sizeof *own * (size_t)below_count);
    for (int i = 0; i < rel->over.call_count; i++) {
        if (!needed[below_count + i]) continue;
        calls[call_count] = rel->over.calls[i];
        out->map[below_count + i] = call_count++; /* the input's columns are added below */
        for (int k = 0; k < rel->over.calls[i].arg_count; k++) own[rel->over.calls[i].args[k]] = true;
    }
    struct pruned input = {0};
    if (call_count == 0) { /* one row per row, and nobody reads what was computed */
        TRY(prune(p, below, own, false, &input, err));
        memcpy(out->map, input.map, sizeof *out->map * (size_t)below_count);
        out->rel = input.rel;
        return STATUS_OK;
    }
    const struct window_spec *spec = rel->over.spec;
    for (int i = 0; i < spec->partition_count; i++) own[spec->partition[i]] = true;
    for (int i = 0; i < spec->order_count; i++) own[spec->order[i].column] = true;
    TRY(prune_narrow(p, below, own, false, &input, err));
    for (int i = 0; i < call_count; i++) calls[i].args = map_all(p, calls[i].args, calls[i].arg_count, input.map);
    struct window_spec *mapped = arena_memdup(p->arena, spec, sizeof *spec);
    mapped->partition = map_all(p, spec->partition, spec->partition_count, input.map);
    mapped->order = map_sort(p, spec->order, spec->order_count, input.map);
    out->rel = rel_over(p->arena, input.rel, mapped, call_count, calls);
    memcpy(out->map, input.map, sizeof *out->map * (size_t)below_count);
    for (int i = 0; i < rel->over.call_count; i++)
        if (out->map[below_count + i] >= 0) out->map[below_count + i] += input.rel->schema.column_count;
    return STATUS_OK;
}

static enum status prune_sort(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                              struct error *err) {
    int count = rel->schema.column_count;
    bool *own = flags(p, count);
    memcpy(own, needed, sizeof *own * (size_t)count);
    for (int i = 0; i < rel->sort.key_count; i++) own[rel->sort.keys[i].column] = true;
    struct pruned input = {0};
    TRY(prune_narrow(p, rel->inputs[0], own, false, &input, err));
    out->rel =
        rel_sort(p->arena, input.rel, rel->sort.key_count, map_sort(p, rel->sort.keys, rel->sort.key_count, input.map),
                 rel->sort.rows_offset, rel->sort.limit);
    out->map = input.map;
    return STATUS_OK;
}

static enum status prune_window(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                                struct error *err) {
    int below_count = rel->inputs[0]->schema.column_count;
    bool *own = flags(p, below_count);
    memcpy(own, needed, sizeof *own * (size_t)below_count);
    own[rel->window_tvf.time_column] = true;
    for (int i = 0; i < rel->window_tvf.partition_count; i++) own[rel->window_tvf.partition[i]] = true;
    struct pruned input = {0};
    TRY(prune(p, rel->inputs[0], own, false, &input, err));
    struct window_params params = rel->window_tvf;
    params.time_column = input.map[params.time_column];
    params.partition = map_all(p, params.partition, params.partition_count, input.map);
    out->rel = rel_window_tvf(p->arena, input.rel, &params);
    memcpy(out->map, input.map, sizeof *out->map * (size_t)below_count);
    for (int i = 0; i < 3; i++) out->map[below_count + i] = input.rel->schema.column_count + i;
    return STATUS_OK;
}

static void prune_rows(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out) {
    needed = at_least_one(p, &rel->schema, needed);
    int count = count_flags(needed, rel->schema.column_count), n = 0;
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, count + 1);
    const char **names = ARENA_ARRAY(p->arena, const char *, count + 1);
    int *columns = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (!needed[i]) continue;
        types[n] = rel->schema.types[i];
        names[n] = rel->schema.names[i];
        columns[n] = rel->rows.columns[i];
        out->map[i] = n++;
    }
    struct schema schema = {n, types, names};
    out->rel = rel_rows(p->arena, &schema, rel->rows.held, rel->rows.query, rel->rows.name);
    out->rel->rows.columns = columns;
}

/* The element's columns stay together. */
static enum status prune_unnest(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                                struct error *err) {
    int below_count = rel->inputs[0]->schema.column_count;
    bool *own = flags(p, below_count);
    memcpy(own, needed, sizeof *own * (size_t)below_count);
    for (int i = 0; i < rel->unnest.column_count; i++) own[rel->unnest.columns[i]] = true;
    struct pruned input = {0};
    TRY(prune(p, rel->inputs[0], own, false, &input, err));
    int *columns = ARENA_ARRAY(p->arena, int, rel->unnest.column_count);
    for (int i = 0; i < rel->unnest.column_count; i++) columns[i] = input.map[rel->unnest.columns[i]];
    out->rel =
        rel_unnest(p->arena, input.rel, rel->unnest.column_count, columns, rel->unnest.outer, rel->unnest.ordinality);
    memcpy(out->map, input.map, sizeof *out->map * (size_t)below_count);
    for (int i = below_count; i < rel->schema.column_count; i++)
        out->map[i] = input.rel->schema.column_count + i - below_count;
    return STATUS_OK;
}

/* ---- several inputs ---- */

static enum status prune_join(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                              struct error *err) {
    int left_count = rel->inputs[0]->schema.column_count, right_count = rel->inputs[1]->schema.column_count;
    bool left_only = rel->join.type == JOIN_SEMI || rel->join.type == JOIN_ANTI;
    bool *own = flags(p, left_count + right_count);
    memcpy(own, needed, sizeof *own * (size_t)rel->schema.column_count);
    if (rel->join.condition) expr_columns(rel->join.condition, own, left_count + right_count);
    if (rel->join.temporal_column >= 0) own[rel->join.temporal_column] = true;
    struct pruned left = {0}, right = {0};
    TRY(prune_narrow(p, rel->inputs[0], own, false, &left, err));
    bool was_in_lookup = p->shared && p->shared->in_lookup;
    if (p->shared) p->shared->in_lookup |= rel->join.temporal == TEMPORAL_PROCTIME;
    TRY(prune_narrow(p, rel->inputs[1], own + left_count, false, &right, err));
    if (p->shared) p->shared->in_lookup = was_in_lookup;
    int new_left = left.rel->schema.column_count;
    int *map = new_map(p, left_count + right_count);
    for (int i = 0; i < left_count; i++) map[i] = left.map[i];
    for (int i = 0; i < right_count; i++)
        if (right.map[i] >= 0) map[left_count + i] = new_left + right.map[i];
    struct expr *condition = rel->join.condition ? expr_remap(p->arena, rel->join.condition, map) : NULL;
    struct rel *join = rel->join.temporal == TEMPORAL_NONE
                           ? rel_join(p->arena, left.rel, right.rel, rel->join.type, condition)
                           : rel_temporal_join(p->arena, left.rel, right.rel, rel->join.type, condition,
                                               rel->join.temporal, map[rel->join.temporal_column]);
    join->offset = rel->offset;
    join->length = rel->length;
    join->join.null_aware = rel->join.null_aware;
    join->join.single_row = rel->join.single_row;
    out->rel = join;
    memcpy(out->map, map, sizeof *map * (size_t)(left_only ? left_count : left_count + right_count));
    return STATUS_OK;
}

static enum status prune_set_op(struct planner *p, struct rel *rel, const bool *needed, struct pruned *out,
                                struct error *err) {
    int count = rel->schema.column_count;
    bool *all = flags(p, count);
    for (int i = 0; i < count; i++) all[i] = true;
    needed = rel->set_op.op == SET_UNION_ALL ? at_least_one(p, &rel->schema, needed) : all;
    int *columns = ARENA_ARRAY(p->arena, int, count + 1), kept = 0;
    struct rel **inputs = ARENA_ARRAY(p->arena, struct rel *, rel->input_count);
    for (int i = 0; i < rel->input_count; i++) {
        struct pruned input = {0};
        TRY(prune_narrow(p, rel->inputs[i], needed, false, &input, err));
        kept = 0;
        for (int c = 0; c < count; c++)
            if (needed[c]) columns[kept++] = input.map[c];
        inputs[i] = plani_pick(p, input.rel, columns, kept);
    }
    kept = 0;
    for (int c = 0; c < count; c++)
        if (needed[c]) out->map[c] = kept++;
    out->rel = rel_set_op(p->arena, rel->set_op.op, rel->input_count, inputs);
    return STATUS_OK;
}

static enum status prune(struct planner *p, struct rel *rel, const bool *needed, bool may_be_empty, struct pruned *out,
                         struct error *err) {
    out->map = new_map(p, rel->schema.column_count);
    switch (rel->kind) {
    case REL_SCAN: prune_scan(p, rel, needed, may_be_empty, out); break;
    case REL_VALUES: prune_values(p, rel, needed, out); break;
    case REL_WATERMARK: TRY(prune_watermark(p, rel, needed, out, err)); break;
    case REL_FILTER: TRY(prune_filter(p, rel, needed, may_be_empty, out, err)); break;
    case REL_PROJECT: TRY(prune_project(p, rel, needed, may_be_empty, out, err)); break;
    case REL_JOIN: TRY(prune_join(p, rel, needed, out, err)); break;
    case REL_AGGREGATE: TRY(prune_aggregate(p, rel, needed, out, err)); break;
    case REL_OVER: TRY(prune_over(p, rel, needed, out, err)); break;
    case REL_SORT: TRY(prune_sort(p, rel, needed, out, err)); break;
    case REL_SET_OP: TRY(prune_set_op(p, rel, needed, out, err)); break;
    case REL_WINDOW_TVF: TRY(prune_window(p, rel, needed, out, err)); break;
    case REL_ROWS: prune_rows(p, rel, needed, out); break;
    case REL_UNNEST: TRY(prune_unnest(p, rel, needed, out, err)); break;
    case REL_KIND_COUNT: break;
    }
    out->rel->offset = rel->offset;
    out->rel->length = rel->length;
    if (rel->hint) out->rel->hint = rel->hint;
    return STATUS_OK;
}

enum status plani_share_reads(struct planner *p, struct rel *const *rels, int count, struct error *err) {
    p->shared = NULL;
    if (!p->options->streaming || !p->options->reuse_sub_plan) return STATUS_OK;
    p->shared = ARENA_NEW(p->arena, struct shared_reads);
    p->shared->collecting = true;
    for (int i = 0; i < count; i++) {
        struct rel *unused;
        TRY(plani_rule_prune(p, rels[i], &unused, err));
    }
    p->shared->collecting = false;
    return STATUS_OK;
}

enum status plani_rule_prune(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    int count = rel->schema.column_count;
    bool *all = flags(p, count);
    for (int i = 0; i < count; i++) all[i] = true;
    struct pruned pruned = {0};
    TRY(prune(p, rel, all, false, &pruned, err));
    *out = plani_restore(p, plani_pick(p, pruned.rel, pruned.map, count), &rel->schema);
    return STATUS_OK;
}
