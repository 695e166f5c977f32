/* WATERMARK: evaluates the watermark expression for every row and keeps the largest value of the morsel; the executor turns
 * it into the split's watermark and the minimum over the splits into the edge's. Rows pass unchanged. */
#include "op/ops.h"

struct watermark_shared {
    struct program *program;
    const struct type *type;
};

static enum status watermark_open(struct op *op, struct error *err) {
    struct watermark_shared *shared = ARENA_NEW(op->query_arena, struct watermark_shared);
    op->shared = shared;
    struct expr *expr = op->node->watermark.expr;
    shared->type = expr->type;
    return program_compile(op->query_arena, &expr, 1, &op->node->inputs[0]->schema, &shared->program, err);
}

static enum status watermark_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    const struct watermark_shared *shared = inst->op->shared;
    inst->local = program_state_create(shared->program, inst->instance_arena);
    return STATUS_OK;
}

static enum status watermark_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                                  struct error *err) {
    (void)port;
    if (ctx->watermark_split && ctx->streaming) {
        const struct watermark_shared *shared = inst->op->shared;
        struct vector result;
        TRY(program_run(shared->program, inst->local, chunk, &ctx->env, ctx->morsel_arena, &result, err));
        const int64_t *values = result.data;
        int64_t largest = WATERMARK_NONE;
        for (int i = 0; i < chunk->sel_count; i++) {
            int row = result.form == VECTOR_CONST ? 0 : chunk_row(chunk, i);
            if (validity_get(result.validity, row) && values[row] > largest) largest = values[row];
        }
        if (largest != WATERMARK_NONE) {
            if (type_is_nanos(shared->type)) largest = largest >= 0 ? largest / 1000 : (largest - 999) / 1000;
            if (largest > *ctx->watermark_split) *ctx->watermark_split = largest;
        }
    }
    return op_emit(inst, ctx, chunk, err);
}

const struct op_class op_watermark_class = {
    .kind = PNODE_WATERMARK, .open = watermark_open, .open_instance = watermark_open_instance, .push = watermark_push};
