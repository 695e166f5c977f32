/* DISTINCT calls whose values outgrow memory: the values that are in the call's table have been added to their group; all that
 * come when it is full go to an external merge sort, and are added in its order, equal ones once. None of them can be in the table
 * too, since a value is looked up there first. */
#include "op/aggregate.h"

enum { MIN_TABLE_BYTES = 1 << 20 /* smaller tables are not worth a file */ };

void aggregate_use_files(struct aggregate_state *aggregate, struct spill *spill, struct mem_account *account,
                         struct arena *arena) {
    aggregate->spill = spill;
    aggregate->account = account;
    aggregate->sorters = ARENA_ARRAY(arena, struct row_sorter *, aggregate->shared->call_count + 1);
}

bool aggregate_must_spill(const struct aggregate_state *aggregate, const struct op_ctx *ctx) {
    if (!ctx->may_spill || !aggregate->spill || !spill_is_due(aggregate->account)) return false;
    int64_t bytes = state_size_bytes(aggregate->state);
    return bytes >= MIN_TABLE_BYTES && bytes >= spill_least_bytes(aggregate->account);
}

enum status aggregate_spill_values(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk, int call,
                                   const sel_index *rows, int count, struct error *err) {
    const struct aggregate_shared *shared = aggregate->shared;
    const struct distinct_rows *distinct = &shared->distinct[call];
    if (!aggregate->sorters[call])
        aggregate->sorters[call] = row_sorter_create(&distinct->layout, distinct->columns, distinct->keys,
                                                     shared->key_count + shared->calls[call].function->arg_count, -1,
                                                     aggregate->account, aggregate->spill);
    chunk_flatten(chunk, ctx->morsel_arena);
    struct chunk selected = chunk_select(chunk, rows, count);
    return row_sorter_add(aggregate->sorters[call], &selected, ctx->morsel_arena, err);
}

/* Rows that are all different go into the slots of their groups. */
static enum status add_rows(struct aggregate_state *aggregate, int call, const uint8_t *const *rows, int count,
                            struct arena *arena, struct error *err) {
    const struct aggregate_shared *shared = aggregate->shared;
    const struct bound_aggregate *agg = shared->calls[call].function;
    struct chunk *chunk = row_gather_chunk(&shared->distinct[call].layout, rows, count, arena, false);
    uint64_t hash[VECTOR_CAPACITY];
    chunk_hash(chunk, shared->group_columns, shared->key_count, hash);
    struct state_entry *entries[VECTOR_CAPACITY];
    state_find(aggregate->groups, chunk, shared->group_columns, hash, entries);
    sel_index sel[VECTOR_CAPACITY];
    void *slots[VECTOR_CAPACITY];
    for (int i = 0; i < count; i++) {
        if (!entries[i]) return error_set(err, STATUS_INTERNAL, "a value in a file has no group");
        sel[i] = (sel_index)i;
        slots[i] = (uint8_t *)state_payload(entries[i]) + shared->slot_offsets[call];
    }
    const struct vector *args[FUNCTION_MAX_ARGS];
    for (int k = 0; k < agg->arg_count; k++) args[k] = &chunk->columns[shared->key_count + k];
    return agg->class->update(agg, args, sel, NULL, slots, count, arena, err);
}

static enum status add_call(struct aggregate_state *aggregate, struct op_ctx *ctx, int call, struct error *err) {
    struct row_sorter *sorter = aggregate->sorters[call];
    struct arena arena;
    arena_init(&arena, aggregate->account);
    strbuf_clear(&aggregate->key); /* the last row's, from batch to batch */
    enum status status = row_sorter_finish(sorter, err);
    bool any = false;
    while (status == STATUS_OK && !ctx->is_stopped(ctx->executor)) {
        struct sorted_row rows[VECTOR_CAPACITY];
        const uint8_t *different[VECTOR_CAPACITY];
        int count, kept = 0;
        arena_reset(&arena);
        status = row_sorter_next(sorter, &arena, rows, VECTOR_CAPACITY, &count, err);
        if (status != STATUS_OK || !count) break;
        struct str last = strbuf_str(&aggregate->key);
        for (int i = 0; i < count; i++) {
            struct str key = rows[i].key;
            if (!any || key.len != last.len || memcmp(key.data, last.data, key.len) != 0)
                different[kept++] = rows[i].row;
            any = true;
            last = key;
        }
        if (kept) status = add_rows(aggregate, call, different, kept, &arena, err);
        strbuf_clear(&aggregate->key);
        strbuf_add(&aggregate->key, last.data, last.len);
    }
    arena_destroy(&arena);
    return status;
}

enum status aggregate_add_spilled(struct aggregate_state *aggregate, struct op_ctx *ctx, struct error *err) {
    for (int call = 0; call < aggregate->shared->call_count; call++) {
        if (!aggregate->sorters[call]) continue;
        TRY(add_call(aggregate, ctx, call, err));
        row_sorter_destroy(aggregate->sorters[call]);
        aggregate->sorters[call] = NULL;
    }
    return STATUS_OK;
}
