/* CALC: filter, then projection. Stateless. */
#include "op/ops.h"

struct calc_shared {
    struct program *filter, *project; /* NULL: none */
    int *passed;                      /* project == NULL or plain columns: output column -> input column */
    bool all_columns;                 /* every output is a plain input column */
};

struct calc_local {
    struct program_state *filter, *project;
};

static enum status calc_open(struct op *op, struct error *err) {
    const struct pnode *node = op->node;
    const struct schema *input = &node->inputs[0]->schema;
    struct calc_shared *shared = ARENA_NEW(op->query_arena, struct calc_shared);
    op->shared = shared;
    if (node->calc.condition) {
        struct expr *condition = node->calc.condition;
        TRY(program_compile(op->query_arena, &condition, 1, input, &shared->filter, err));
    }
    int count = node->schema.column_count;
    shared->passed = ARENA_ARRAY(op->query_arena, int, count + 1);
    shared->all_columns = true;
    for (int i = 0; i < count; i++) {
        if (!node->calc.exprs) {
            shared->passed[i] = i;
        } else if (node->calc.exprs[i]->kind == EXPR_COLUMN) {
            shared->passed[i] = node->calc.exprs[i]->column.index;
        } else {
            shared->all_columns = false;
        }
    }
    if (!shared->all_columns)
        TRY(program_compile(op->query_arena, node->calc.exprs, count, input, &shared->project, err));
    return STATUS_OK;
}

static enum status calc_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    const struct calc_shared *shared = inst->op->shared;
    struct calc_local *local = ARENA_NEW(inst->instance_arena, struct calc_local);
    if (shared->filter) local->filter = program_state_create(shared->filter, inst->instance_arena);
    if (shared->project) local->project = program_state_create(shared->project, inst->instance_arena);
    inst->local = local;
    return STATUS_OK;
}

static enum status calc_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                             struct error *err) {
    (void)port;
    const struct calc_shared *shared = inst->op->shared;
    struct calc_local *local = inst->local;
    int count = inst->op->node->schema.column_count;
    if (shared->filter) {
        sel_index *sel = arena_alloc(ctx->morsel_arena, (size_t)(chunk->row_count + 1) * sizeof *sel);
        int sel_count;
        TRY(program_filter(shared->filter, local->filter, chunk, &ctx->env, ctx->morsel_arena, sel, &sel_count, err));
        if (sel_count == 0) return STATUS_OK;
        if (sel_count < chunk->row_count) {
            chunk->sel = sel;
            chunk->sel_count = sel_count;
        }
    }
    struct chunk out = *chunk;
    if (inst->op->node->calc.exprs) {
        out.column_count = count;
        out.columns = arena_alloc(ctx->morsel_arena, (size_t)(count + 1) * sizeof *out.columns);
        out.hash = NULL; /* the key columns may have moved */
        if (shared->project)
            TRY(program_run(shared->project, local->project, chunk, &ctx->env, ctx->morsel_arena, out.columns, err));
        else
            for (int i = 0; i < count; i++) out.columns[i] = chunk->columns[shared->passed[i]];
    }
    return op_emit(inst, ctx, &out, err);
}

const struct op_class op_calc_class = {
    .kind = PNODE_CALC, .open = calc_open, .open_instance = calc_open_instance, .push = calc_push};

/* UNION ALL: rows of every port pass; the watermark is the smallest. */
static enum status union_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                              struct error *err) {
    (void)port;
    chunk->hash = NULL;
    return op_emit(inst, ctx, chunk, err);
}

const struct op_class op_union_class = {.kind = PNODE_UNION, .push = union_push};
