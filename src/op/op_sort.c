/* SORT (batch): all rows of a single partition, in order. With a limit only the first offset + limit rows are kept. */
#include "op/ops.h"
#include "op/row_sorter.h"

struct sort_shared {
    struct row_layout layout;
    struct key_column *keys; /* sort keys, then all columns */
    int key_count;
    int64_t wanted; /* rows to keep: offset + limit, -1: all */
};

struct sort_local {
    struct row_sorter *sorter;
};

static enum status open(struct op *op, struct error *err) {
    (void)err;
    const struct pnode *node = op->node;
    struct sort_shared *shared = ARENA_NEW(op->query_arena, struct sort_shared);
    op->shared = shared;
    const struct schema *input = &node->inputs[0]->schema;
    row_layout_init(&shared->layout, op->query_arena, input->column_count, input->types);
    shared->keys = ARENA_ARRAY(op->query_arena, struct key_column, node->sort.key_count + input->column_count + 1);
    for (int i = 0; i < node->sort.key_count; i++)
        shared->keys[shared->key_count++] = (struct key_column){.column = node->sort.keys[i].column,
                                                                .descending = node->sort.keys[i].descending,
                                                                .nulls_last = node->sort.keys[i].nulls_last};
    for (int i = 0; i < input->column_count; i++) shared->keys[shared->key_count++] = (struct key_column){.column = i};
    int64_t rows_offset = node->sort.rows_offset, limit = node->sort.limit;
    shared->wanted = limit < 0 || limit > INT64_MAX - rows_offset ? -1 : rows_offset + limit;
    return STATUS_OK;
}

static void make_sorter(struct op_instance *inst) {
    struct sort_local *local = inst->local;
    const struct sort_shared *shared = inst->op->shared;
    local->sorter = row_sorter_create(&shared->layout, NULL, shared->keys, shared->key_count, shared->wanted,
                                      inst->op->account, inst->op->spill);
}

static enum status open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    inst->local = ARENA_NEW(inst->instance_arena, struct sort_local);
    make_sorter(inst);
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct sort_local *local = inst->local;
    if (local) row_sorter_destroy(local->sorter);
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    (void)port;
    struct sort_local *local = inst->local;
    chunk_flatten(chunk, ctx->morsel_arena);
    return row_sorter_add(local->sorter, chunk, ctx->morsel_arena, err);
}

/* The rows behind the offset, chunk by chunk. */
static enum status emit_sorted(struct op_instance *inst, struct op_ctx *ctx, struct arena *arena, struct error *err) {
    struct sort_local *local = inst->local;
    const struct sort_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->schema;
    int64_t skip = inst->op->node->sort.rows_offset;
    for (;;) {
        struct sorted_row sorted[VECTOR_CAPACITY];
        int count, from = 0;
        arena_reset(arena);
        TRY(row_sorter_next(local->sorter, arena, sorted, VECTOR_CAPACITY, &count, err));
        if (!count) return STATUS_OK;
        if (skip) from = skip < count ? (int)skip : count;
        skip -= from;
        const uint8_t *rows[VECTOR_CAPACITY];
        for (int i = from; i < count; i++) rows[i - from] = sorted[i].row;
        count -= from;
        if (!count) continue;
        struct chunk *out = chunk_create(arena, schema->column_count, schema->types, count);
        for (int c = 0; c < schema->column_count; c++)
            row_gather(&shared->layout, rows, count, c, &out->columns[c], arena, count, 0, false);
        out->row_count = out->sel_count = count;
        TRY(op_emit(inst, ctx, out, err));
    }
}

static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct sort_local *local = inst->local;
    TRY(row_sorter_finish(local->sorter, err));
    struct arena arena;
    arena_init(&arena, inst->op->account);
    enum status status = emit_sorted(inst, ctx, &arena, err);
    arena_destroy(&arena);
    row_sorter_destroy(local->sorter);
    make_sorter(inst);
    return status;
}

const struct op_class op_sort_class = {.kind = PNODE_SORT,
                                       .open = open,
                                       .open_instance = open_instance,
                                       .push = push,
                                       .end_step = end_step,
                                       .close_instance = close_instance};
