/* WINDOW_ASSIGN: TUMBLE, HOP and CUMULATE append window_start, window_end and window_time. A row falls into one window of TUMBLE and
 * into several of HOP and CUMULATE: it is then repeated. Rows with a NULL time fall into none (Flink drops them likewise).
 *
 * Window bounds are TIMESTAMP(3) (or TIMESTAMP_LTZ(3) for processing time and LTZ columns) aligned to the epoch plus the offset; for
 * TIMESTAMP_LTZ the windows are aligned in the session's zone, as Flink's are. */
#include "op/ops.h"

struct assign_shared {
    int64_t size, slide, offset; /* µs; CUMULATE: slide is the step */
    int windows_per_row;         /* at most */
    bool nanos, local_zone;
};

enum { MAX_WINDOWS_PER_ROW = 100000 };

static enum status assign_open(struct op *op, struct error *err) {
    const struct window_params *params = &op->node->window_assign.window;
    struct assign_shared *shared = ARENA_NEW(op->query_arena, struct assign_shared);
    op->shared = shared;
    shared->size = params->size_ms * MICROS_PER_MILLI;
    shared->slide = (params->kind == WINDOW_TUMBLE ? params->size_ms : params->slide_ms) * MICROS_PER_MILLI;
    shared->offset = params->offset_ms * MICROS_PER_MILLI;
    if (params->kind == WINDOW_SESSION)
        return error_set(err, STATUS_NOT_SUPPORTED, "SESSION windows are not supported");
    if (shared->size <= 0 || shared->slide <= 0 ||
        shared->slide > shared->size * (params->kind == WINDOW_HOP ? INT64_C(1000) : 1))
        return error_set(err, STATUS_INVALID_ARGUMENT, "a window's size and slide must be positive");
    if (params->kind == WINDOW_CUMULATE && shared->size % shared->slide)
        return error_set(err, STATUS_INVALID_ARGUMENT, "the size of a CUMULATE window must be a multiple of its step");
    int64_t windows = (shared->size + shared->slide - 1) / shared->slide;
    if (windows > MAX_WINDOWS_PER_ROW)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "every row would fall into %lld windows (at most %d)",
                         (long long)windows, MAX_WINDOWS_PER_ROW);
    shared->windows_per_row = (int)windows;
    const struct type *type = op->node->inputs[0]->schema.types[params->time_column];
    shared->nanos = type_is_nanos(type);
    shared->local_zone = type->id == TYPE_TIMESTAMP_LTZ;
    return STATUS_OK;
}

static int64_t floor_to(int64_t v, int64_t step, int64_t offset) {
    int64_t rest = (v - offset) % step;
    if (rest < 0) rest += step;
    return v - rest;
}

static enum status emit_windows(struct op_instance *inst, struct op_ctx *ctx, const struct chunk *chunk,
                                const sel_index *sel, int count, const int64_t *starts, const int64_t *ends,
                                struct error *err) {
    if (!count) return STATUS_OK;
    const struct schema *schema = &inst->op->node->schema;
    int inputs = chunk->column_count;
    struct chunk out = *chunk;
    out.hash = NULL;
    out.column_count = schema->column_count;
    out.columns = arena_alloc(ctx->morsel_arena, (size_t)schema->column_count * sizeof *out.columns);
    memcpy(out.columns, chunk->columns, (size_t)inputs * sizeof *out.columns);
    int64_t *data[3];
    for (int k = 0; k < 3; k++) {
        vector_init(&out.columns[inputs + k], ctx->morsel_arena, schema->types[inputs + k], chunk->row_count);
        data[k] = out.columns[inputs + k].data;
    }
    for (int i = 0; i < count; i++) {
        int row = sel[i];
        data[0][row] = starts[i];
        data[1][row] = ends[i];
        data[2][row] = ends[i] - MICROS_PER_MILLI;
    }
    sel_index *own = arena_memdup(ctx->morsel_arena, sel, (size_t)count * sizeof *sel);
    out.sel = own;
    out.sel_count = count;
    return op_emit(inst, ctx, &out, err);
}

static enum status assign_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                               struct error *err) {
    (void)port;
    const struct assign_shared *shared = inst->op->shared;
    const struct window_params *params = &inst->op->node->window_assign.window;
    struct vector *time = &chunk->columns[params->time_column];
    if (time->form == VECTOR_DICT) vector_flatten(time, ctx->morsel_arena, chunk->row_count);
    const int64_t *values = time->data;
    const struct time_zone *zone = shared->local_zone ? ctx->env.zone : NULL;
    int64_t local[VECTOR_CAPACITY], starts[VECTOR_CAPACITY], ends[VECTOR_CAPACITY];
    sel_index sel[VECTOR_CAPACITY];
    int count = 0;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i), at = time->form == VECTOR_CONST ? 0 : row;
        if (!validity_get(time->validity, at)) continue;
        int64_t micros = values[at];
        if (shared->nanos) micros = micros >= 0 ? micros / 1000 : (micros - 999) / 1000;
        local[count] = zone ? time_zone_to_local(zone, micros) : micros;
        sel[count++] = (sel_index)row;
    }
    /* The k-th window of every row at once: chunks stay whole. */
    for (int k = 0; k < shared->windows_per_row; k++) {
        sel_index in[VECTOR_CAPACITY];
        int n = 0;
        for (int i = 0; i < count; i++) {
            int64_t start, end;
            if (params->kind == WINDOW_CUMULATE) {
                start = floor_to(local[i], shared->size, shared->offset);
                end = floor_to(local[i], shared->slide, shared->offset) + shared->slide * (k + 1);
                if (end > start + shared->size) continue;
            } else {
                start = floor_to(local[i], shared->slide, shared->offset) - shared->slide * k;
                end = start + shared->size;
                if (end <= local[i]) continue; /* HOP with gaps */
            }
            starts[n] = zone ? time_zone_to_utc(zone, start) : start;
            ends[n] = zone ? time_zone_to_utc(zone, end) : end;
            in[n++] = sel[i];
        }
        TRY(emit_windows(inst, ctx, chunk, in, n, starts, ends, err));
    }
    return STATUS_OK;
}

const struct op_class op_window_assign_class = {.kind = PNODE_WINDOW_ASSIGN, .open = assign_open, .push = assign_push};
