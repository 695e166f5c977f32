/* What operators share: passing chunks on, collecting rows to emit, key hashes. */
#include "op/operator.h"

#include "base/clock.h"

enum status op_emit(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, struct error *err) {
    if (chunk->sel_count == 0) return STATUS_OK;
    atomic_fetch_add_explicit(&inst->op->rows_out, chunk->sel_count, memory_order_relaxed);
    for (int i = 0; i < inst->output_count; i++) {
        struct op_instance *target = inst->outputs[i].target;
        struct op *op = target->op;
        target->rows_pushed += chunk->sel_count;
        struct chunk copy = *chunk; /* receivers may narrow the selection or flatten */
        int64_t start_ns = clock_monotonic_ns();
        enum status status = op->class->push(target, ctx, inst->outputs[i].port, &copy, err);
        int64_t spent_ns = clock_monotonic_ns() - start_ns;
        /* exclusive times: what the target spends is not the emitter's */
        atomic_fetch_add_explicit(&op->rows_in, chunk->sel_count, memory_order_relaxed);
        atomic_fetch_add_explicit(&op->nanos, spent_ns, memory_order_relaxed);
        atomic_fetch_sub_explicit(&inst->op->nanos, spent_ns, memory_order_relaxed);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

void op_emitter_init(struct op_emitter *emitter, struct op_instance *inst) {
    memset(emitter, 0, sizeof *emitter);
    emitter->inst = inst;
    emitter->capacity = VECTOR_CAPACITY;
}

enum status op_emitter_flush(struct op_emitter *emitter, struct op_ctx *ctx, struct error *err) {
    struct chunk *chunk = emitter->chunk;
    if (!chunk) return STATUS_OK;
    chunk->sel = NULL;
    chunk->sel_count = chunk->row_count;
    chunk->sign = emitter->any_negative ? emitter->sign : NULL;
    emitter->chunk = NULL;
    emitter->any_negative = false;
    return op_emit(emitter->inst, ctx, chunk, err);
}

enum status op_emitter_next(struct op_emitter *emitter, struct op_ctx *ctx, int sign, struct chunk **chunk, int *row,
                            struct error *err) {
    if (emitter->chunk && emitter->chunk->row_count == emitter->capacity) TRY(op_emitter_flush(emitter, ctx, err));
    if (!emitter->chunk) {
        const struct schema *schema = &emitter->inst->op->node->schema;
        emitter->chunk = chunk_create(ctx->morsel_arena, schema->column_count, schema->types, emitter->capacity);
        emitter->sign = arena_alloc(ctx->morsel_arena, (size_t)emitter->capacity);
    }
    *row = emitter->chunk->row_count++;
    emitter->sign[*row] = (int8_t)sign;
    if (sign < 0) emitter->any_negative = true;
    *chunk = emitter->chunk;
    return STATUS_OK;
}

const uint64_t *op_hash(const struct chunk *chunk, const int *keys, int key_count, uint64_t *scratch) {
    if (chunk->hash) return chunk->hash;
    chunk_hash(chunk, keys, key_count, scratch);
    return scratch;
}

enum status op_several_rows(const struct pnode *join, struct error *err) {
    error_set_at(err, STATUS_CARDINALITY, join->join.offset, join->join.length,
                 "a scalar subquery returned more than one row");
    error_hint(err, "make it one row: LIMIT 1, or an aggregate such as MAX");
    return STATUS_CARDINALITY;
}
