/* WINDOW_AGGREGATE: groups by window and keys; a window's rows are emitted once, with +1, when the watermark has passed its end
 * (watermark >= end - 1 ms), and its state is dropped. Rows for windows that had fired when the step began are late:
 * dropped and counted. With processing time the step's clock takes the watermark's place.
 *
 * Groups of one window are chained (group->next); the few open windows are a sorted array. Both are rebuilt after a restore. */
#include <stdlib.h>

#include "op/aggregate.h"
#include "op/ops.h"

struct window {
    int64_t end; /* µs */
    struct state_entry *groups;
};

struct window_local {
    struct aggregate_state aggregate;
    struct window *windows; /* by end, ascending */
    size_t window_count, window_capacity;
    bool stale; /* restored: chains must be rebuilt */
};

static enum status open(struct op *op, struct error *err) {
    struct aggregate_shared *shared;
    TRY(aggregate_open(op, &shared, err));
    op->shared = shared;
    if (op->node->aggregate.window_end_key < 0)
        return error_set(err, STATUS_INTERNAL, "a window aggregate must group by the window's end");
    return STATUS_OK;
}

static enum status open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    struct window_local *local = ARENA_NEW(inst->instance_arena, struct window_local);
    aggregate_state_init(&local->aggregate, inst->op->shared, inst->state, 0, inst->instance_arena);
    inst->local = local;
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct window_local *local = inst->local;
    if (!local) return;
    aggregate_state_free(&local->aggregate);
    free(local->windows);
}

static enum status restore(struct op_instance *inst, struct str bytes, struct error *err) {
    (void)bytes, (void)err;
    ((struct window_local *)inst->local)->stale = true;
    return STATUS_OK;
}

static struct window *find_window(struct window_local *local, int64_t end) {
    size_t low = 0, high = local->window_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (local->windows[middle].end < end)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == local->window_count || local->windows[low].end != end) {
        ARRAY_RESERVE(local->windows, local->window_capacity, local->window_count + 1);
        size_t behind = local->window_count - low;
        if (behind) memmove(local->windows + low + 1, local->windows + low, behind * sizeof *local->windows);
        local->windows[low] = (struct window){end, NULL};
        local->window_count++;
    }
    return &local->windows[low];
}

static void rebuild(struct op_instance *inst) {
    struct window_local *local = inst->local;
    if (!local->stale) return;
    local->stale = false;
    local->window_count = 0;
    struct arena scratch;
    arena_init(&scratch, NULL);
    uint64_t cursor = 0;
    for (struct state_entry *entry; (entry = state_iterate(local->aggregate.groups, &cursor));) {
        struct value end = row_get(&local->aggregate.shared->group_layout, state_row(local->aggregate.groups, entry),
                                   inst->op->node->aggregate.window_end_key, &scratch);
        struct window *window = find_window(local, end.i64);
        aggregate_group(entry)->next = window->groups;
        window->groups = entry;
    }
    arena_destroy(&scratch);
}

/* A window has fired when its last millisecond is complete. */
static bool has_fired(int64_t end, int64_t watermark) {
    return watermark != WATERMARK_NONE && watermark >= end - MICROS_PER_MILLI;
}

/* Rows of the chunk that are not in sel. A partial stands for as many rows as it says. */
static int64_t count_late(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, const sel_index *sel,
                          int count) {
    if (!inst->op->node->aggregate.merges) return chunk->sel_count - count;
    const struct aggregate_shared *shared = inst->op->shared;
    struct vector *rows = &chunk->columns[shared->key_count + shared->call_count];
    vector_flatten(rows, ctx->morsel_arena, chunk->row_count);
    int64_t late = 0;
    for (int i = 0; i < chunk->sel_count; i++) late += ((const int64_t *)rows->data)[chunk_row(chunk, i)];
    for (int i = 0; i < count; i++) late -= ((const int64_t *)rows->data)[sel[i]];
    return late;
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    struct window_local *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    rebuild(inst);
    int end_column = shared->keys[inst->op->node->aggregate.window_end_key];
    struct vector *ends = &chunk->columns[end_column];
    vector_flatten(ends, ctx->morsel_arena, chunk->row_count);
    const int64_t *end_data = ends->data;
    sel_index sel[VECTOR_CAPACITY];
    int count = 0;
    bool proctime = inst->op->node->aggregate.proctime;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        sel[count] = (sel_index)row;
        count += proctime || !has_fired(end_data[row], inst->watermark_start[port]);
    }
    if (count < chunk->sel_count) inst->late_rows += count_late(inst, ctx, chunk, sel, count);
    if (!count) return STATUS_OK;
    struct chunk rows = chunk_select(chunk, sel, count);
    uint64_t scratch[VECTOR_CAPACITY];
    const uint64_t *hash = op_hash(&rows, shared->keys, shared->key_count, scratch);
    struct state_entry *entries[VECTOR_CAPACITY];
    bool created[VECTOR_CAPACITY];
    TRY(aggregate_groups(&local->aggregate, &rows, hash, entries, created, err));
    for (int i = 0; i < rows.sel_count; i++) {
        if (!created[i]) continue;
        struct window *window = find_window(local, end_data[chunk_row(&rows, i)]);
        aggregate_group(entries[i])->next = window->groups;
        window->groups = entries[i];
    }
    return inst->op->node->aggregate.merges ? aggregate_merge(&local->aggregate, ctx, &rows, entries, err)
                                            : aggregate_update(&local->aggregate, ctx, &rows, entries, err);
}

static enum status fire(struct op_instance *inst, struct op_ctx *ctx, struct state_entry *first, struct error *err) {
    struct window_local *local = inst->local;
    const struct aggregate_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->schema;
    while (first) {
        struct state_entry *entries[VECTOR_CAPACITY];
        void *payloads[VECTOR_CAPACITY];
        const uint8_t *rows[VECTOR_CAPACITY];
        int count = 0;
        struct state_entry *done[VECTOR_CAPACITY];
        int done_count = 0;
        for (; first && done_count < VECTOR_CAPACITY; first = aggregate_group(first)->next) {
            done[done_count++] = first;
            if (aggregate_group(first)->row_count <= 0) continue;
            entries[count] = first;
            payloads[count] = state_payload(first);
            rows[count++] = state_row(local->aggregate.groups, first);
        }
        struct chunk *out = chunk_create(ctx->morsel_arena, schema->column_count, schema->types, VECTOR_CAPACITY);
        for (int k = 0; k < shared->key_count; k++)
            row_gather(&shared->group_layout, rows, count, k, &out->columns[k], ctx->morsel_arena, VECTOR_CAPACITY, 0,
                       false);
        TRY(aggregate_results(&local->aggregate, entries, payloads, count, out, 0, ctx->morsel_arena, err));
        out->row_count = out->sel_count = count;
        TRY(op_emit(inst, ctx, out, err));
        for (int i = 0; i < done_count; i++) aggregate_delete(&local->aggregate, done[i]);
    }
    return STATUS_OK;
}

static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct window_local *local = inst->local;
    rebuild(inst);
    int64_t watermark = inst->watermarks[0];
    if (inst->op->node->aggregate.proctime)
        watermark = ctx->is_last ? WATERMARK_MAX : ctx->env.now_micros - MICROS_PER_MILLI;
    size_t fired = 0;
    while (fired < local->window_count && has_fired(local->windows[fired].end, watermark)) {
        TRY(fire(inst, ctx, local->windows[fired].groups, err));
        fired++;
    }
    if (fired) {
        memmove(local->windows, local->windows + fired, (local->window_count - fired) * sizeof *local->windows);
        local->window_count -= fired;
    }
    return STATUS_OK;
}

static bool is_due(struct op_instance *inst, const struct op_ctx *ctx) {
    struct window_local *local = inst->local;
    if (!inst->op->node->aggregate.proctime) return false;
    rebuild(inst);
    return local->window_count && has_fired(local->windows[0].end, ctx->env.now_micros - MICROS_PER_MILLI);
}

const struct op_class op_window_aggregate_class = {.kind = PNODE_WINDOW_AGGREGATE,
                                                   .open = open,
                                                   .open_instance = open_instance,
                                                   .push = push,
                                                   .end_step = end_step,
                                                   .is_due = is_due,
                                                   .restore = restore,
                                                   .close_instance = close_instance};
