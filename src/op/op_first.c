/* First row per key (ROW_NUMBER() = 1) over append-only input: one row per key in a hash table; a row that comes before it in the order
 * takes its place. Orders are compared column by column on the spot; ties by all columns. With a time to live, the first row that
 * comes after the kept one has expired is the first again. */
#include "op/op_first.h"

#include <stdlib.h>

struct first_shared {
    int key_count, column_count, order_count;
    int *columns;  /* layout column -> input column: keys first */
    int *position; /* input column -> layout column */
    struct row_layout layout;
    const struct sort_key *order;
    bool fast;                                /* one order column of 8 bytes, never NULL */
    struct key_column *chunk_keys, *row_keys; /* order, then all columns: of the input, of gathered layout columns */
    int all_key_count;
    bool output_rank;
};

struct first_row { /* payload */
    int64_t touched_step;
    int64_t touched_index;       /* in the list of touched keys */
    struct state_entry *forward; /* set in an entry that was replaced in this step: the one in its place */
};

struct touched {
    struct state_entry *entry;
    const uint8_t *old; /* NULL: none */
};

struct first_local {
    struct state_table *table;
    bool expires;
    struct touched *touched;
    size_t touched_count, touched_capacity;
    struct strbuf a, b;
};

bool op_first_applies(const struct pnode *node) {
    return node->kind == PNODE_RANK && node->rank.rank_from == 1 && node->rank.rank_to == 1 &&
           node->inputs[0]->edge.changes == CHANGES_APPEND;
}

enum status op_first_open(struct op *op, struct error *err) {
    (void)err;
    const struct pnode *node = op->node;
    struct arena *arena = op->query_arena;
    struct first_shared *shared = ARENA_NEW(arena, struct first_shared);
    op->shared = shared;
    const struct schema *input = &node->inputs[0]->schema;
    shared->key_count = node->rank.partition_count;
    shared->order_count = node->rank.order_count;
    shared->order = node->rank.order;
    shared->output_rank = node->rank.output_rank;
    shared->columns = ARENA_ARRAY(arena, int, input->column_count + shared->key_count + 1);
    shared->position = ARENA_ARRAY(arena, int, input->column_count + 1);
    int n = 0;
    for (int i = 0; i < input->column_count; i++) shared->position[i] = -1;
    for (int i = 0; i < shared->key_count; i++) {
        int column = node->rank.partition[i];
        if (shared->position[column] < 0) shared->position[column] = n;
        shared->columns[n++] = column;
    }
    for (int i = 0; i < input->column_count; i++)
        if (shared->position[i] < 0) {
            shared->position[i] = n;
            shared->columns[n++] = i;
        }
    shared->column_count = n;
    const struct type **types = ARENA_ARRAY(arena, const struct type *, n + 1);
    for (int i = 0; i < n; i++) types[i] = input->types[shared->columns[i]];
    row_layout_init(&shared->layout, arena, n, types);
    shared->fast = shared->order_count == 1 && type_phys(input->types[shared->order[0].column]) == PHYS_I64;
    int all = shared->order_count + input->column_count;
    shared->chunk_keys = ARENA_ARRAY(arena, struct key_column, all + 1);
    shared->row_keys = ARENA_ARRAY(arena, struct key_column, all + 1);
    for (int i = 0; i < all; i++) {
        struct key_column key = {.column = i - shared->order_count};
        if (i < shared->order_count)
            key = (struct key_column){.column = shared->order[i].column,
                                      .descending = shared->order[i].descending,
                                      .nulls_last = shared->order[i].nulls_last};
        shared->chunk_keys[i] = shared->row_keys[i] = key;
        shared->row_keys[i].column = shared->position[key.column];
    }
    shared->all_key_count = all;
    return STATUS_OK;
}

enum status op_first_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    const struct first_shared *shared = inst->op->shared;
    struct first_local *local = ARENA_NEW(inst->instance_arena, struct first_local);
    local->table = state_table_create(inst->state, "first", STATE_UNIQUE, &shared->layout, shared->key_count,
                                      sizeof(struct first_row));
    int64_t ttl_ms = inst->op->node->ttl_ms[0];
    local->expires = ttl_ms != 0;
    state_table_set_ttl(local->table, ttl_ms * 1000, NULL, NULL);
    inst->local = local;
    return STATUS_OK;
}

void op_first_close_instance(struct op_instance *inst) {
    struct first_local *local = inst->local;
    if (!local) return;
    free(local->touched);
    strbuf_free(&local->a);
    strbuf_free(&local->b);
}

/* Does the chunk's row come before the kept one? */
static bool comes_before(struct op_instance *inst, struct op_ctx *ctx, const struct chunk *chunk, int row,
                         const uint8_t *kept) {
    struct first_local *local = inst->local;
    const struct first_shared *shared = inst->op->shared;
    if (shared->fast) {
        int column = shared->order[0].column, position = shared->position[column];
        const struct vector *vec = &chunk->columns[column];
        if (validity_get(vec->validity, row) && !row_is_null(&shared->layout, kept, position)) {
            int64_t theirs, ours = ((const int64_t *)vec->data)[row];
            memcpy(&theirs, kept + shared->layout.offsets[position], sizeof theirs);
            if (ours != theirs) return (ours < theirs) != shared->order[0].descending;
        }
    }
    strbuf_clear(&local->a);
    strbuf_clear(&local->b);
    key_encode(&local->a, chunk, shared->chunk_keys, shared->all_key_count, row);
    struct chunk *other = row_gather_chunk(&shared->layout, &kept, 1, ctx->morsel_arena, false);
    key_encode(&local->b, other, shared->row_keys, shared->all_key_count, 0);
    size_t shorter = local->a.len < local->b.len ? local->a.len : local->b.len;
    int diff = memcmp(local->a.data, local->b.data, shorter);
    return diff ? diff < 0 : local->a.len < local->b.len;
}

enum status op_first_push(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, struct error *err) {
    struct first_local *local = inst->local;
    const struct first_shared *shared = inst->op->shared;
    chunk_flatten(chunk, ctx->morsel_arena);
    uint64_t scratch[VECTOR_CAPACITY];
    const uint64_t *hash = scratch;
    if (shared->key_count && chunk->hash)
        hash = chunk->hash;
    else
        chunk_hash(chunk, shared->columns, shared->key_count, scratch);
    struct state_entry *entries[VECTOR_CAPACITY];
    bool created[VECTOR_CAPACITY];
    TRY(state_find_or_insert(local->table, chunk, shared->columns, hash, entries, created, err));
    for (int i = 0; i < chunk->sel_count; i++) {
        struct first_row *payload = state_payload(entries[i]);
        /* An earlier row of this chunk may have replaced the entry; its bytes stay until the step's end. */
        for (; payload->forward; payload = state_payload(entries[i])) entries[i] = payload->forward;
        int row = chunk_row(chunk, i);
        bool first_touch = payload->touched_step != ctx->step_id;
        bool is_expired = !created[i] && local->expires && state_is_expired(local->table, entries[i]);
        if (created[i]) {
            ARRAY_RESERVE(local->touched, local->touched_capacity, local->touched_count + 1);
            payload->touched_index = (int64_t)local->touched_count;
            local->touched[local->touched_count++] = (struct touched){entries[i], NULL};
            payload->touched_step = ctx->step_id;
            continue;
        }
        const uint8_t *kept = state_row(local->table, entries[i]);
        if (!is_expired && !comes_before(inst, ctx, chunk, row, kept)) continue;
        if (first_touch) {
            ARRAY_RESERVE(local->touched, local->touched_capacity, local->touched_count + 1);
            payload->touched_index = (int64_t)local->touched_count;
            local->touched[local->touched_count++] = (struct touched){entries[i], is_expired ? NULL : kept};
            payload->touched_step = ctx->step_id;
        }
        sel_index at = (sel_index)row;
        struct chunk one = chunk_select(chunk, &at, 1);
        uint32_t size;
        TRY(row_sizes_checked(&shared->layout, &one, shared->columns, &size, err));
        uint8_t *encoded = arena_alloc(ctx->morsel_arena, size);
        row_encode(&shared->layout, &one, shared->columns, hash, &size, &encoded);
        struct state_entry *old = entries[i];
        TRY(state_replace_row(local->table, &entries[i], encoded, err));
        ((struct first_row *)state_payload(old))->forward = entries[i];
        local->touched[payload->touched_index].entry = entries[i];
    }
    return STATUS_OK;
}

static enum status emit_rows(struct op_instance *inst, struct op_ctx *ctx, const uint8_t *const *rows, int count,
                             bool negative, struct error *err) {
    if (!count) return STATUS_OK;
    const struct first_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->schema;
    struct chunk *out = chunk_create(ctx->morsel_arena, schema->column_count, schema->types, count);
    int columns = inst->op->node->inputs[0]->schema.column_count;
    for (int c = 0; c < columns; c++)
        row_gather(&shared->layout, rows, count, shared->position[c], &out->columns[c], ctx->morsel_arena, count, 0,
                   false);
    if (shared->output_rank)
        for (int i = 0; i < count; i++) ((int64_t *)out->columns[columns].data)[i] = 1;
    if (negative) {
        int8_t *sign = arena_alloc(ctx->morsel_arena, (size_t)count);
        memset(sign, -1, (size_t)count);
        out->sign = sign;
    }
    out->row_count = out->sel_count = count;
    return op_emit(inst, ctx, out, err);
}

enum status op_first_end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct first_local *local = inst->local;
    const uint8_t *old[VECTOR_CAPACITY], *new[VECTOR_CAPACITY];
    int old_count = 0, new_count = 0;
    for (size_t i = 0; i < local->touched_count; i++) {
        const struct touched *touched = &local->touched[i];
        if (touched->old) old[old_count++] = touched->old;
        new[new_count++] = state_row(local->table, touched->entry);
        if (new_count == VECTOR_CAPACITY || i + 1 == local->touched_count) {
            TRY(emit_rows(inst, ctx, old, old_count, true, err));
            TRY(emit_rows(inst, ctx, new, new_count, false, err));
            old_count = new_count = 0;
        }
    }
    local->touched_count = 0;
    return STATUS_OK;
}
