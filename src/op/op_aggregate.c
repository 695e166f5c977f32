/* AGGREGATE: hash aggregation of a changelog. At the end of a step every touched group emits at most its old row (as it was
 * when the step began) with -1 and its new row with +1, and nothing if they are equal. In batch there is one step and no old rows.
 *
 * The old row is recomputed from a copy of the group's payload taken when the step first touched it; results of calls that
 * are computed from their values are computed at that moment, before the change. */
#include "op/aggregate.h"
#include <stdlib.h>

#include "op/ops.h"

struct touched {
    struct state_entry *entry;
    void *payload; /* copy from before the step; NULL: the group was not there */
    int old_row;   /* row in old_values, -1 none */
};

struct aggregate_local {
    struct aggregate_state aggregate;
    struct touched *touched;
    size_t touched_count, touched_capacity;
    struct chunk **old_values; /* chunks of VECTOR_CAPACITY rows, for needs_values calls */
    size_t old_value_count;    /* rows */
    size_t old_chunk_capacity;
};

static enum status open(struct op *op, struct error *err) {
    struct aggregate_shared *shared;
    TRY(aggregate_open(op, &shared, err));
    op->shared = shared;
    return STATUS_OK;
}

static enum status open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    struct aggregate_local *local = ARENA_NEW(inst->instance_arena, struct aggregate_local);
    aggregate_state_init(&local->aggregate, inst->op->shared, inst->state, inst->op->node->ttl_ms[0],
                         inst->instance_arena);
    aggregate_use_files(&local->aggregate, inst->op->spill, inst->op->account, inst->instance_arena);
    inst->local = local;
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct aggregate_local *local = inst->local;
    if (!local) return;
    aggregate_state_free(&local->aggregate);
    free(local->touched);
    free(local->old_values);
}

static bool is_alive(const struct op_instance *inst, const struct group *group) {
    return group->row_count > 0 || inst->op->node->aggregate.emit_single;
}

static bool any_needs_values(const struct aggregate_shared *shared) {
    for (int i = 0; i < shared->call_count; i++)
        if (shared->calls[i].function->class->needs_values) return true;
    return false;
}

/* Remembers the groups of this chunk as they were, if this step has not touched them yet. */
static enum status touch(struct op_instance *inst, struct op_ctx *ctx, const struct chunk *chunk,
                         struct state_entry *const *entries, const bool *created, struct error *err) {
    struct aggregate_local *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    bool keep_results = any_needs_values(shared);
    for (int i = 0; i < chunk->sel_count; i++) {
        struct group *group = aggregate_group(entries[i]);
        if (group->touched_step == ctx->step_id) continue;
        bool is_new = created[i];
        if (local->aggregate.expires && state_is_expired(local->aggregate.groups, entries[i])) {
            aggregate_clear_group(shared, group);
            is_new = true;
        }
        state_touch(local->aggregate.groups, entries[i]);
        struct touched touched = {.entry = entries[i], .old_row = -1};
        if (!is_new && is_alive(inst, group)) {
            touched.payload = arena_memdup(inst->step_arena, group, shared->payload_bytes);
            if (keep_results) {
                size_t chunk_index = local->old_value_count / VECTOR_CAPACITY;
                int row = (int)(local->old_value_count % VECTOR_CAPACITY);
                if (row == 0) {
                    ARRAY_RESERVE(local->old_values, local->old_chunk_capacity, chunk_index + 1);
                    const struct schema *schema = &inst->op->node->schema;
                    local->old_values[chunk_index] =
                        chunk_create(inst->step_arena, schema->column_count, schema->types, VECTOR_CAPACITY);
                }
                void *payload = touched.payload;
                TRY(aggregate_results(&local->aggregate, &entries[i], &payload, 1, local->old_values[chunk_index], row,
                                      inst->step_arena, err));
                touched.old_row = (int)local->old_value_count++;
            }
        }
        group->touched_step = ctx->step_id;
        ARRAY_RESERVE(local->touched, local->touched_capacity, local->touched_count + 1);
        local->touched[local->touched_count++] = touched;
    }
    return STATUS_OK;
}

/* Rows that are taken back of which their group knows nothing, as they came before it expired, leave the chunk. */
static void drop_unknown(struct chunk *chunk, struct state_entry **entries, struct arena *arena) {
    sel_index *sel = arena_alloc(arena, (size_t)(chunk->sel_count + 1) * sizeof *sel);
    int count = 0;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i), sign = chunk->sign[row];
        struct group *group = aggregate_group(entries[i]);
        if (sign < 0 && group->row_count <= 0) continue;
        group->row_count += sign; /* aggregate_update counts again */
        entries[count] = entries[i];
        sel[count++] = (sel_index)row;
    }
    for (int i = 0; i < count; i++) aggregate_group(entries[i])->row_count -= chunk->sign[sel[i]];
    chunk->sel = sel;
    chunk->sel_count = count;
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    (void)port;
    struct aggregate_local *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    uint64_t scratch[VECTOR_CAPACITY];
    const uint64_t *hash = op_hash(chunk, shared->keys, shared->key_count, scratch);
    struct state_entry *entries[VECTOR_CAPACITY];
    bool created[VECTOR_CAPACITY];
    TRY(aggregate_groups(&local->aggregate, chunk, hash, entries, created, err));
    TRY(touch(inst, ctx, chunk, entries, created, err));
    if (local->aggregate.expires && chunk->sign) drop_unknown(chunk, entries, ctx->morsel_arena);
    return inst->op->node->aggregate.merges ? aggregate_merge(&local->aggregate, ctx, chunk, entries, err)
                                            : aggregate_update(&local->aggregate, ctx, chunk, entries, err);
}

/* Are the results (columns behind the keys) of two rows equal, byte for byte as a sink would see them? */
static bool same_results(const struct chunk *a, int a_row, const struct chunk *b, int b_row, int from,
                         struct arena *arena) {
    for (int c = from; c < a->column_count; c++) {
        const struct vector *x = &a->columns[c], *y = &b->columns[c];
        bool x_valid = !vector_is_null(x, a_row), y_valid = !vector_is_null(y, b_row);
        if (x_valid != y_valid) return false;
        if (!x_valid) continue;
        if (x->phys == PHYS_STR) {
            if (!strview_equal((const struct strview *)x->data + a_row, (const struct strview *)y->data + b_row))
                return false;
        } else if (phys_size(x->phys) && x->phys != PHYS_LIST) {
            size_t size = (size_t)phys_size(x->phys);
            if (memcmp((const char *)x->data + (size_t)a_row * size, (const char *)y->data + (size_t)b_row * size,
                       size))
                return false;
        } else {
            struct value v = vector_get(x, a_row, arena), w = vector_get(y, b_row, arena);
            if (value_compare(&v, &w) != 0) return false;
        }
    }
    return true;
}

/* One batch of touched groups: what they were, what they are. */
static enum status emit_batch(struct op_instance *inst, struct op_ctx *ctx, struct touched *touched, int count,
                              struct error *err) {
    struct aggregate_local *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->schema;
    struct arena *arena = ctx->morsel_arena;
    struct state_entry *entries[VECTOR_CAPACITY];
    void *payloads[VECTOR_CAPACITY];
    const uint8_t *rows[VECTOR_CAPACITY];
    int new_index[VECTOR_CAPACITY], old_index[VECTOR_CAPACITY];
    /* new rows */
    int new_count = 0;
    for (int i = 0; i < count; i++) {
        struct group *group = aggregate_group(touched[i].entry);
        new_index[i] = -1;
        if (!is_alive(inst, group)) continue;
        entries[new_count] = touched[i].entry;
        payloads[new_count] = group;
        rows[new_count] = state_row(local->aggregate.groups, touched[i].entry);
        new_index[i] = new_count++;
    }
    struct chunk *new = chunk_create(arena, schema->column_count, schema->types, VECTOR_CAPACITY);
    for (int k = 0; k < shared->key_count; k++)
        row_gather(&shared->group_layout, rows, new_count, k, &new->columns[k], arena, VECTOR_CAPACITY, 0, false);
    TRY(aggregate_results(&local->aggregate, entries, payloads, new_count, new, 0, arena, err));
    new->row_count = new_count;
    /* old rows */
    int old_count = 0;
    bool keep_results = any_needs_values(shared);
    for (int i = 0; i < count; i++) {
        old_index[i] = -1;
        if (!touched[i].payload) continue;
        entries[old_count] = touched[i].entry;
        payloads[old_count] = touched[i].payload;
        rows[old_count] = state_row(local->aggregate.groups, touched[i].entry);
        old_index[i] = old_count++;
    }
    struct chunk *old = NULL;
    if (old_count) {
        old = chunk_create(arena, schema->column_count, schema->types, VECTOR_CAPACITY);
        for (int k = 0; k < shared->key_count; k++)
            row_gather(&shared->group_layout, rows, old_count, k, &old->columns[k], arena, VECTOR_CAPACITY, 0, false);
        if (keep_results) {
            for (int i = 0; i < count; i++) {
                if (old_index[i] < 0) continue;
                struct chunk *kept = local->old_values[touched[i].old_row / VECTOR_CAPACITY];
                sel_index at = (sel_index)(touched[i].old_row % VECTOR_CAPACITY);
                for (int c = shared->key_count; c < schema->column_count; c++)
                    vector_append(&old->columns[c], arena, VECTOR_CAPACITY, old_index[i], &kept->columns[c], &at, 1,
                                  false);
            }
        } else {
            TRY(aggregate_results(&local->aggregate, entries, payloads, old_count, old, 0, arena, err));
        }
        old->row_count = old_count;
    }
    sel_index new_sel[VECTOR_CAPACITY], old_sel[VECTOR_CAPACITY];
    int new_live = 0, old_live = 0;
    for (int i = 0; i < count; i++) {
        if (old_index[i] >= 0 && new_index[i] >= 0 &&
            same_results(old, old_index[i], new, new_index[i], shared->key_count, arena))
            continue;
        if (old_index[i] >= 0) old_sel[old_live++] = (sel_index)old_index[i];
        if (new_index[i] >= 0) new_sel[new_live++] = (sel_index)new_index[i];
    }
    if (old_live) {
        int8_t *sign = arena_alloc(arena, VECTOR_CAPACITY);
        memset(sign, -1, VECTOR_CAPACITY);
        old->sign = sign;
        old->sel = old_sel;
        old->sel_count = old_live;
        TRY(op_emit(inst, ctx, old, err));
    }
    if (new_live) {
        new->sel = new_sel;
        new->sel_count = new_live;
        TRY(op_emit(inst, ctx, new, err));
    }
    return STATUS_OK;
}

/* A global aggregate over no rows at all has a row nevertheless: COUNT 0, SUM NULL. */
static enum status emit_empty(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct aggregate_local *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->schema;
    struct chunk *keys = chunk_create(ctx->morsel_arena, 0, NULL, 1);
    keys->row_count = keys->sel_count = 1;
    uint64_t hash[1];
    chunk_hash(keys, shared->keys, 0, hash);
    struct state_entry *entry;
    bool created;
    TRY(aggregate_groups(&local->aggregate, keys, hash, &entry, &created, err));
    struct chunk *out = chunk_create(ctx->morsel_arena, schema->column_count, schema->types, 1);
    void *payload = state_payload(entry);
    TRY(aggregate_results(&local->aggregate, &entry, &payload, 1, out, 0, ctx->morsel_arena, err));
    out->row_count = out->sel_count = 1;
    return op_emit(inst, ctx, out, err);
}

static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct aggregate_local *local = inst->local;
    size_t count = local->touched_count;
    TRY(aggregate_add_spilled(&local->aggregate, ctx, err));
    for (size_t from = 0; from < count; from += VECTOR_CAPACITY) {
        int n = (int)(count - from < VECTOR_CAPACITY ? count - from : VECTOR_CAPACITY);
        TRY(emit_batch(inst, ctx, local->touched + from, n, err));
        arena_reset(ctx->morsel_arena); /* a batch of a large query has many groups */
    }
    if (inst->op->node->aggregate.retracting)
        for (size_t i = 0; i < count; i++) {
            struct state_entry *entry = local->touched[i].entry;
            if (aggregate_group(entry)->row_count == 0 && !inst->op->node->aggregate.emit_single)
                aggregate_delete(&local->aggregate, entry);
        }
    local->touched_count = 0;
    local->old_value_count = 0;
    if (ctx->is_last && inst->op->node->aggregate.emit_single && inst->index == 0 &&
        state_table_count(local->aggregate.groups) == 0)
        return emit_empty(inst, ctx, err);
    return STATUS_OK;
}

const struct op_class op_aggregate_class = {.kind = PNODE_AGGREGATE,
                                            .open = open,
                                            .open_instance = open_instance,
                                            .push = push,
                                            .end_step = end_step,
                                            .close_instance = close_instance};
