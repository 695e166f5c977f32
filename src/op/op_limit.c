/* LIMIT / OFFSET without ORDER BY over append-only rows: the first rows that come. Single partition. The counts are state,
 * so that a restarted job goes on where it was. */
#include "op/ops.h"

struct limit_local {
    int64_t skipped, passed;
};

static enum status limit_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    inst->local = ARENA_NEW(inst->instance_arena, struct limit_local);
    return STATUS_OK;
}

static enum status limit_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                              struct error *err) {
    (void)port;
    struct limit_local *local = inst->local;
    const struct pnode *node = inst->op->node;
    int from = 0, count = chunk->sel_count;
    int64_t to_skip = node->sort.rows_offset - local->skipped;
    if (to_skip > 0) {
        from = to_skip < count ? (int)to_skip : count;
        local->skipped += from;
    }
    int64_t room = node->sort.limit < 0 ? INT64_MAX : node->sort.limit - local->passed;
    if (count - from > room) count = from + (int)room;
    if (count <= from) return STATUS_OK;
    local->passed += count - from;
    sel_index *sel = arena_alloc(ctx->morsel_arena, (size_t)(count - from) * sizeof *sel);
    for (int i = from; i < count; i++) sel[i - from] = (sel_index)chunk_row(chunk, i);
    struct chunk out = chunk_select(chunk, sel, count - from);
    return op_emit(inst, ctx, &out, err);
}

static enum status limit_snapshot(struct op_instance *inst, struct strbuf *out, struct error *err) {
    (void)err;
    strbuf_add(out, inst->local, sizeof(struct limit_local));
    return STATUS_OK;
}

static enum status limit_restore(struct op_instance *inst, struct str bytes, struct error *err) {
    if (bytes.len == 0) return STATUS_OK;
    if (bytes.len != sizeof(struct limit_local))
        return error_set(err, STATUS_BAD_DATA, "the checkpoint's LIMIT state is damaged");
    memcpy(inst->local, bytes.data, bytes.len);
    return STATUS_OK;
}

const struct op_class op_limit_class = {.kind = PNODE_LIMIT,
                                        .open_instance = limit_open_instance,
                                        .push = limit_push,
                                        .snapshot = limit_snapshot,
                                        .restore = limit_restore};
