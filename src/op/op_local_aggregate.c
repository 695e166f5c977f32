/* LOCAL_AGGREGATE: pre-aggregation of one morsel before the exchange. Emits, at the morsel's end, one row per group of it: the keys, one BYTES
 * column per call (the partial slot) and the signed row count. Partials are made per morsel and not per worker, so they do not
 * depend on how many workers there are.
 *
 * Where groups hardly repeat within a morsel the hash table costs more than it saves: after PROBE_ROWS rows with fewer than MIN_REDUCTION
 * rows per group, rows are turned into partials one by one. */
#include <stdlib.h>

#include "op/aggregate.h"
#include "op/ops.h"

enum { PROBE_ROWS = 100000, MIN_REDUCTION = 2 };

struct local_aggregate {
    struct aggregate_state aggregate;
    struct state *state; /* of the current morsel */
    struct arena *arena;
    struct state_entry **order; /* groups in order of creation */
    size_t order_count, order_capacity;
    int64_t rows_seen, groups_made;
    bool pass_through;
};

static enum status open(struct op *op, struct error *err) {
    struct aggregate_shared *shared;
    TRY(aggregate_open(op, &shared, err));
    if (shared->any_values) return error_set(err, STATUS_INTERNAL, "this aggregate cannot be computed in parts");
    op->shared = shared;
    return STATUS_OK;
}

static void begin_morsel(struct op_instance *inst) {
    struct local_aggregate *local = inst->local;
    local->state = state_create(inst->op->account);
    arena_reset(local->arena);
    aggregate_state_init(&local->aggregate, inst->op->shared, local->state, 0, local->arena);
    local->order_count = 0;
}

static enum status open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    struct local_aggregate *local = ARENA_NEW(inst->instance_arena, struct local_aggregate);
    local->arena = ARENA_NEW(inst->instance_arena, struct arena);
    arena_init(local->arena, inst->op->account);
    inst->local = local;
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct local_aggregate *local = inst->local;
    if (!local) return;
    aggregate_state_free(&local->aggregate);
    state_destroy(local->state);
    arena_destroy(local->arena);
    free(local->order);
}

/* Fills the partial columns of `out` from payloads. */
static void put_partials(const struct aggregate_shared *shared, struct chunk *out, void *const *payloads, int count,
                         struct arena *arena) {
    for (int call = 0; call < shared->call_count; call++) {
        uint32_t bytes = shared->calls[call].function->class->slot_bytes;
        struct strview *views = out->columns[shared->key_count + call].data;
        for (int i = 0; i < count; i++) {
            const char *slot = (const char *)payloads[i] + shared->slot_offsets[call];
            views[i] = strview_make(bytes > STRVIEW_INLINE ? arena_memdup(arena, slot, bytes) : slot, bytes);
        }
    }
    int64_t *counts = out->columns[shared->key_count + shared->call_count].data;
    for (int i = 0; i < count; i++) counts[i] = ((const struct group *)payloads[i])->row_count;
}

static enum status pass_rows(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, struct error *err) {
    struct local_aggregate *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->schema;
    /* A fake entry per row: header, payload, no row. */
    size_t stride = (sizeof(struct state_entry_header) + shared->payload_bytes + 15) & ~(size_t)15;
    uint8_t *memory = arena_zalloc(ctx->morsel_arena, stride * (size_t)chunk->sel_count);
    struct state_entry *entries[VECTOR_CAPACITY];
    void *payloads[VECTOR_CAPACITY];
    for (int i = 0; i < chunk->sel_count; i++) {
        entries[i] = (struct state_entry *)(memory + (size_t)i * stride);
        payloads[i] = state_payload(entries[i]);
        aggregate_init_slots(shared, payloads[i]);
    }
    TRY(aggregate_update(&local->aggregate, ctx, chunk, entries, err));
    struct chunk *out = chunk_create(ctx->morsel_arena, schema->column_count, schema->types, chunk->sel_count);
    for (int k = 0; k < shared->key_count; k++) {
        sel_index all[VECTOR_CAPACITY];
        for (int i = 0; i < chunk->sel_count; i++) all[i] = (sel_index)chunk_row(chunk, i);
        vector_append(&out->columns[k], ctx->morsel_arena, chunk->sel_count, 0, &chunk->columns[shared->keys[k]], all,
                      chunk->sel_count, false);
    }
    put_partials(shared, out, payloads, chunk->sel_count, ctx->morsel_arena);
    out->row_count = out->sel_count = chunk->sel_count;
    return op_emit(inst, ctx, out, err);
}

static enum status end_morsel(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct local_aggregate *local = inst->local;
    if (!local->state) return STATUS_OK;
    const struct aggregate_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->schema;
    for (size_t from = 0; from < local->order_count; from += VECTOR_CAPACITY) {
        int count = (int)(local->order_count - from < VECTOR_CAPACITY ? local->order_count - from : VECTOR_CAPACITY);
        const uint8_t *rows[VECTOR_CAPACITY];
        void *payloads[VECTOR_CAPACITY];
        for (int i = 0; i < count; i++) {
            rows[i] = state_row(local->aggregate.groups, local->order[from + (size_t)i]);
            payloads[i] = state_payload(local->order[from + (size_t)i]);
        }
        struct chunk *out = chunk_create(ctx->morsel_arena, schema->column_count, schema->types, count);
        for (int k = 0; k < shared->key_count; k++)
            row_gather(&shared->group_layout, rows, count, k, &out->columns[k], ctx->morsel_arena, count, 0, false);
        put_partials(shared, out, payloads, count, ctx->morsel_arena);
        out->row_count = out->sel_count = count;
        TRY(op_emit(inst, ctx, out, err));
    }
    local->groups_made += (int64_t)local->order_count;
    if (local->rows_seen >= PROBE_ROWS && local->rows_seen < local->groups_made * MIN_REDUCTION)
        local->pass_through = true;
    state_destroy(local->state);
    local->state = NULL;
    return STATUS_OK;
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    (void)port;
    struct local_aggregate *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    if (!local->state) begin_morsel(inst);
    if (local->order_count && spill_is_due(inst->op->account)) { /* what is grouped so far makes room */
        TRY(end_morsel(inst, ctx, err));
        begin_morsel(inst);
    }
    if (local->pass_through || spill_is_due(inst->op->account)) return pass_rows(inst, ctx, chunk, err);
    uint64_t scratch[VECTOR_CAPACITY];
    chunk_hash(chunk, shared->keys, shared->key_count, scratch);
    struct state_entry *entries[VECTOR_CAPACITY];
    bool created[VECTOR_CAPACITY];
    struct error full;
    enum status status = aggregate_groups(&local->aggregate, chunk, scratch, entries, created, &full);
    if (status == STATUS_OUT_OF_MEMORY) { /* others have taken it just now; nothing of the chunk is in the table */
        TRY(end_morsel(inst, ctx, err));
        begin_morsel(inst);
        return pass_rows(inst, ctx, chunk, err);
    }
    if (status != STATUS_OK) {
        if (err) *err = full;
        return status;
    }
    for (int i = 0; i < chunk->sel_count; i++) {
        if (!created[i]) continue;
        ARRAY_RESERVE(local->order, local->order_capacity, local->order_count + 1);
        local->order[local->order_count++] = entries[i];
    }
    local->rows_seen += chunk->sel_count;
    return aggregate_update(&local->aggregate, ctx, chunk, entries, err);
}

/* Behind an exchange a partition is the morsel. */
static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    return end_morsel(inst, ctx, err);
}

const struct op_class op_local_aggregate_class = {.kind = PNODE_LOCAL_AGGREGATE,
                                                  .open = open,
                                                  .open_instance = open_instance,
                                                  .push = push,
                                                  .end_morsel = end_morsel,
                                                  .end_step = end_step,
                                                  .close_instance = close_instance};
