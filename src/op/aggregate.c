/* Groups and their calls.
 *
 * A group is an entry of the hash table "groups": its key columns as the row, and a payload of `struct group` and one
 * slot per call. A call with DISTINCT or with needs_values also keeps its values in an ordered table of its own: key = group
 * hash, group key form, argument key form; payload = signed count. DISTINCT calls update their slot when a value's
 * count becomes positive or stops being so; needs_values calls are computed from the group's range of that table. A batch, which
 * takes nothing back, keeps only the best value of those that want the first or the last one. */
#include "op/aggregate.h"

/* The row form of a DISTINCT call's values in files. */
static void open_distinct(struct aggregate_shared *shared, struct arena *arena, const struct schema *input, int call) {
    const struct aggregate_call *spec = &shared->calls[call];
    struct distinct_rows *distinct = &shared->distinct[call];
    int keys = shared->key_count, count = keys + spec->function->arg_count;
    distinct->columns = ARENA_ARRAY(arena, int, count + 1);
    distinct->keys = ARENA_ARRAY(arena, struct key_column, count + 1);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, count + 1);
    for (int i = 0; i < count; i++) {
        distinct->columns[i] = i < keys ? shared->keys[i] : spec->args[i - keys];
        distinct->keys[i] = (struct key_column){.column = distinct->columns[i]};
        types[i] = input->types[distinct->columns[i]];
    }
    row_layout_init(&distinct->layout, arena, count, types);
}

enum status aggregate_open(struct op *op, struct aggregate_shared **out, struct error *err) {
    const struct pnode *node = op->node;
    struct arena *arena = op->query_arena;
    struct aggregate_shared *shared = ARENA_NEW(arena, struct aggregate_shared);
    const struct schema *input = &node->inputs[0]->schema;
    int keys = node->aggregate.key_count, calls = node->aggregate.call_count;
    if (node->aggregate.grouping_set_count)
        return error_set(err, STATUS_INTERNAL, "grouping sets must be expanded before aggregation");
    shared->key_count = keys;
    shared->call_count = calls;
    shared->retracting = node->aggregate.retracting;
    shared->calls = node->aggregate.calls;
    shared->group_columns = ARENA_ARRAY(arena, int, keys + 1);
    shared->group_keys = ARENA_ARRAY(arena, struct key_column, keys + 1);
    shared->row_keys = ARENA_ARRAY(arena, struct key_column, keys + 1);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, keys + 1);
    int *key_columns = ARENA_ARRAY(arena, int, keys + 1);
    for (int i = 0; i < keys; i++) {
        /* After a LOCAL_AGGREGATE the keys are its first columns. */
        key_columns[i] = node->aggregate.merges ? i : node->aggregate.keys[i];
        shared->group_columns[i] = i;
        types[i] = input->types[key_columns[i]];
        shared->group_keys[i] = (struct key_column){.column = key_columns[i]};
        shared->row_keys[i] = (struct key_column){.column = i};
    }
    shared->keys = key_columns;
    row_layout_init(&shared->group_layout, arena, keys, types);
    shared->slot_offsets = ARENA_ARRAY(arena, uint32_t, calls + 1);
    shared->has_values = ARENA_ARRAY(arena, bool, calls + 1);
    shared->value_layouts = ARENA_ARRAY(arena, struct row_layout, calls + 1);
    shared->value_keys = ARENA_ARRAY(arena, struct key_column *, calls + 1);
    shared->distinct = ARENA_ARRAY(arena, struct distinct_rows, calls + 1);
    uint32_t offset = sizeof(struct group);
    for (int i = 0; i < calls; i++) {
        const struct bound_aggregate *agg = shared->calls[i].function;
        if (!agg->class->needs_values) {
            shared->slot_offsets[i] = offset;
            offset += (agg->class->slot_bytes + 15) & ~15u;
        }
        shared->has_values[i] = agg->class->needs_values || agg->distinct;
        if (!shared->has_values[i]) continue;
        shared->any_values = true;
        const struct type **arg_types = ARENA_ARRAY(arena, const struct type *, agg->arg_count + 1);
        shared->value_keys[i] = ARENA_ARRAY(arena, struct key_column, agg->arg_count + 1);
        int values = agg->arg_count - agg->order_count;
        for (int k = 0; k < agg->arg_count; k++) {
            arg_types[k] = input->types[shared->calls[i].args[k]];
            /* what they are sorted by comes first in the key */
            struct key_column key = {.column = shared->calls[i].args[k]};
            if (k >= values) {
                key.descending = agg->order[k - values].descending;
                key.nulls_last = agg->order[k - values].nulls_last;
            }
            shared->value_keys[i][k < values ? k + agg->order_count : k - values] = key;
        }
        row_layout_init(&shared->value_layouts[i], arena, agg->arg_count, arg_types);
        if (!agg->class->needs_values) open_distinct(shared, arena, input, i);
    }
    shared->payload_bytes = offset;
    *out = shared;
    return STATUS_OK;
}

/* The group of an aggregate without keys is one for good: that it was there tells that its row has been given out. */
static void keep_group(void *data, struct state_table *table, struct state_entry *entry) {
    (void)data, (void)table, (void)entry;
}

void aggregate_state_init(struct aggregate_state *aggregate, const struct aggregate_shared *shared, struct state *state,
                          int64_t ttl_ms, struct arena *arena) {
    aggregate->shared = shared;
    aggregate->expires = ttl_ms != 0;
    aggregate->state = state;
    arena_init(&aggregate->scratch, NULL);
    aggregate->groups = state_table_create(state, "groups", STATE_UNIQUE, &shared->group_layout, shared->key_count,
                                           shared->payload_bytes);
    state_table_set_ttl(aggregate->groups, ttl_ms * 1000, shared->key_count ? NULL : keep_group, NULL);
    aggregate->values = ARENA_ARRAY(arena, struct state_table *, shared->call_count + 1);
    for (int i = 0; i < shared->call_count; i++) {
        if (!shared->has_values[i]) continue;
        aggregate->values[i] = state_table_create(state, arena_printf(arena, "values %d", i), STATE_ORDERED,
                                                  &shared->value_layouts[i], 0, sizeof(int64_t));
        /* A value is never written later than its group: what a group leaves behind when it expires has expired too. */
        state_table_set_ttl(aggregate->values[i], ttl_ms * 1000, NULL, NULL);
    }
}

void aggregate_state_free(struct aggregate_state *aggregate) {
    if (aggregate->sorters)
        for (int i = 0; i < aggregate->shared->call_count; i++) row_sorter_destroy(aggregate->sorters[i]);
    strbuf_free(&aggregate->key);
    arena_destroy(&aggregate->scratch);
}

void aggregate_init_slots(const struct aggregate_shared *shared, void *payload) {
    for (int i = 0; i < shared->call_count; i++) {
        const struct bound_aggregate *agg = shared->calls[i].function;
        if (agg->class->needs_values) continue;
        void *slot = (uint8_t *)payload + shared->slot_offsets[i];
        if (agg->class->init)
            agg->class->init(agg, slot);
        else
            memset(slot, 0, agg->class->slot_bytes);
    }
}

void aggregate_clear_group(const struct aggregate_shared *shared, struct group *group) {
    *group = (struct group){0};
    aggregate_init_slots(shared, group);
}

enum status aggregate_groups(struct aggregate_state *aggregate, struct chunk *chunk, const uint64_t *hash,
                             struct state_entry **entries, bool *created, struct error *err) {
    TRY(state_find_or_insert(aggregate->groups, chunk, aggregate->shared->keys, hash, entries, created, err));
    for (int i = 0; i < chunk->sel_count; i++)
        if (created[i]) aggregate_init_slots(aggregate->shared, state_payload(entries[i]));
    return STATUS_OK;
}

/* The key of a value's entry: group hash and key, then the arguments. Leaves the group's prefix length in *prefix. */
static void value_key(struct aggregate_state *aggregate, const struct chunk *chunk, int call, uint64_t hash, int row,
                      size_t *prefix) {
    const struct aggregate_shared *shared = aggregate->shared;
    uint64_t big_endian = __builtin_bswap64(hash);
    strbuf_clear(&aggregate->key);
    strbuf_add(&aggregate->key, &big_endian, 8);
    key_encode(&aggregate->key, chunk, shared->group_keys, shared->key_count, row);
    *prefix = aggregate->key.len;
    key_encode(&aggregate->key, chunk, shared->value_keys[call], shared->calls[call].function->arg_count, row);
}

static bool in_group(const struct state_table *table, const struct state_entry *entry, struct str prefix) {
    struct str key = state_ordered_key(table, entry);
    return key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0;
}

/* Only the first or the last value of a group counts, and nothing is taken back: is the value that is there better than the one
 * in aggregate->key? If not it makes room. */
static bool is_worse(struct aggregate_state *aggregate, struct state_table *table, size_t prefix, bool wants_last) {
    struct str key = strbuf_str(&aggregate->key), group = {key.data, prefix};
    struct state_entry *best = state_ordered_lower_bound(table, group);
    if (!best || !in_group(table, best, group)) return false;
    struct str best_key = state_ordered_key(table, best);
    int diff = memcmp(best_key.data, key.data, best_key.len < key.len ? best_key.len : key.len);
    if (diff == 0) diff = (best_key.len > key.len) - (best_key.len < key.len);
    if (wants_last ? diff > 0 : diff < 0) return true;
    state_delete(table, best);
    aggregate->any_freed = true;
    return false;
}

static enum status no_memory_for_values(const struct bound_aggregate *agg, struct error *err) {
    error_set(err, STATUS_OUT_OF_MEMORY,
              "%s keeps all values of a group in memory, and they need more than the query's limit allows", agg->name);
    error_hint(err, "SET 'millrace.memory-limit' = '...' allows more");
    return STATUS_OUT_OF_MEMORY;
}

/* Counts the listed rows' values in the side table. For DISTINCT with slots: writes which rows change the slot, and how. */
static enum status count_values(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk, int call,
                                struct state_entry *const *entries, const sel_index *live, int count, int *changed,
                                int8_t *change_sign, int *changed_count, struct error *err) {
    const struct aggregate_shared *shared = aggregate->shared;
    struct state_table *table = aggregate->values[call];
    const struct bound_aggregate *agg = shared->calls[call].function;
    bool keep_row = agg->class->needs_values;
    bool keep_one = keep_row && !ctx->streaming && !shared->retracting && agg->class->values_wanted != VALUES_ALL;
    sel_index spilled[VECTOR_CAPACITY];
    int spilled_count = 0;
    *changed_count = 0;
    for (int i = 0; i < count; i++) {
        int row = chunk_row(chunk, live[i]);
        uint64_t hash = row_hash(state_row(aggregate->groups, entries[live[i]]));
        size_t prefix;
        value_key(aggregate, chunk, call, hash, row, &prefix);
        struct str key = strbuf_str(&aggregate->key);
        struct state_entry *entry = state_ordered_find(table, key);
        int sign = chunk->sign ? chunk->sign[row] : 1;
        if (aggregate->expires && entry && state_is_expired(table, entry)) {
            state_delete(table, entry);
            entry = NULL;
        }
        if (aggregate->expires && !entry && sign < 0) continue; /* it has expired */
        if (!entry) {
            if (!keep_row && aggregate_must_spill(aggregate, ctx)) {
                spilled[spilled_count++] = (sel_index)row;
                continue;
            }
            if (keep_one && is_worse(aggregate, table, prefix, agg->class->values_wanted == VALUES_LAST)) continue;
            uint8_t *encoded = NULL;
            if (keep_row) {
                sel_index at = (sel_index)row;
                struct chunk one = chunk_select(chunk, &at, 1);
                uint32_t size;
                TRY(row_sizes_checked(&shared->value_layouts[call], &one, shared->calls[call].args, &size, err));
                encoded = arena_alloc(ctx->morsel_arena, size);
                row_encode(&shared->value_layouts[call], &one, shared->calls[call].args, NULL, &size, &encoded);
            }
            bool created;
            enum status status = state_ordered_insert(table, key, hash, encoded, &entry, &created, err);
            if (status == STATUS_OUT_OF_MEMORY && keep_row && !keep_one) return no_memory_for_values(agg, err);
            TRY(status);
        }
        int64_t *value_count = state_payload(entry);
        state_touch(table, entry);
        bool was_live = *value_count > 0;
        *value_count += sign;
        bool is_live = *value_count > 0;
        if (*value_count == 0) state_delete(table, entry);
        if (was_live != is_live) {
            changed[*changed_count] = live[i];
            change_sign[(*changed_count)++] = is_live ? 1 : -1;
        }
    }
    return spilled_count ? aggregate_spill_values(aggregate, ctx, chunk, call, spilled, spilled_count, err) : STATUS_OK;
}

static enum status update_call(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk, int call,
                               struct state_entry *const *entries, struct error *err) {
    const struct aggregate_shared *shared = aggregate->shared;
    const struct aggregate_call *spec = &shared->calls[call];
    const struct bound_aggregate *agg = spec->function;
    const struct vector *args[FUNCTION_MAX_ARGS];
    for (int k = 0; k < agg->arg_count; k++) {
        struct vector *arg = &chunk->columns[spec->args[k]];
        vector_flatten(arg, ctx->morsel_arena, chunk->row_count);
        args[k] = arg;
    }
    /* live: positions among the chunk's live rows that count for this call */
    sel_index live[VECTOR_CAPACITY];
    int count = 0;
    const struct vector *filter = NULL;
    if (spec->filter >= 0) {
        struct vector *column = &chunk->columns[spec->filter];
        vector_flatten(column, ctx->morsel_arena, chunk->row_count);
        filter = column;
    }
    const uint64_t *not_null = agg->class->ignores_nulls && agg->arg_count ? args[0]->validity : NULL;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        bool counts = validity_get(not_null, row) &&
                      (!filter || (validity_get(filter->validity, row) && ((const uint8_t *)filter->data)[row]));
        live[count] = (sel_index)i;
        count += counts;
    }
    sel_index sel[VECTOR_CAPACITY];
    void *slots[VECTOR_CAPACITY];
    if (!shared->has_values[call]) {
        for (int i = 0; i < count; i++) {
            sel[i] = (sel_index)chunk_row(chunk, live[i]);
            slots[i] = (uint8_t *)state_payload(entries[live[i]]) + shared->slot_offsets[call];
        }
        return agg->class->update(agg, args, sel, chunk->sign, slots, count, ctx->morsel_arena, err);
    }
    if (agg->distinct && agg->arg_count > 1 && !agg->class->needs_values)
        for (int i = 0, n = count, kept = 0; i < n; i++) { /* COUNT(DISTINCT a, b): no NULL among them */
            bool all = true;
            for (int k = 0; k < agg->arg_count; k++)
                all = all && validity_get(args[k]->validity, chunk_row(chunk, live[i]));
            if (all) live[kept++] = live[i];
            count = i + 1 == n ? kept : count;
        }
    int changed[VECTOR_CAPACITY], changed_count;
    int8_t change_sign[VECTOR_CAPACITY];
    TRY(count_values(aggregate, ctx, chunk, call, entries, live, count, changed, change_sign, &changed_count, err));
    if (agg->class->needs_values || !changed_count) return STATUS_OK;
    /* update wants signs by physical row; a value may come and go within the chunk, so rows go one run of distinct rows at a
     * time: each row occurs once in `changed`, so its own sign can stand at its place. */
    int8_t sign[VECTOR_CAPACITY];
    for (int i = 0; i < changed_count; i++) {
        sel[i] = (sel_index)chunk_row(chunk, changed[i]);
        sign[sel[i]] = change_sign[i];
        slots[i] = (uint8_t *)state_payload(entries[changed[i]]) + shared->slot_offsets[call];
    }
    return agg->class->update(agg, args, sel, sign, slots, changed_count, ctx->morsel_arena, err);
}

enum status aggregate_update(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk,
                             struct state_entry *const *entries, struct error *err) {
    for (int i = 0; i < chunk->sel_count; i++) {
        struct group *group = aggregate_group(entries[i]);
        group->row_count += chunk->sign ? chunk->sign[chunk_row(chunk, i)] : 1;
    }
    for (int call = 0; call < aggregate->shared->call_count; call++)
        TRY(update_call(aggregate, ctx, chunk, call, entries, err));
    if (aggregate->any_freed) state_end_step(aggregate->state); /* nothing that was emitted points there */
    aggregate->any_freed = false;
    return STATUS_OK;
}

enum status aggregate_merge(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk,
                            struct state_entry *const *entries, struct error *err) {
    const struct aggregate_shared *shared = aggregate->shared;
    struct vector *counts = &chunk->columns[shared->key_count + shared->call_count];
    vector_flatten(counts, ctx->morsel_arena, chunk->row_count);
    for (int i = 0; i < chunk->sel_count; i++)
        aggregate_group(entries[i])->row_count += ((const int64_t *)counts->data)[chunk_row(chunk, i)];
    const void *from[VECTOR_CAPACITY];
    void *into[VECTOR_CAPACITY];
    for (int call = 0; call < shared->call_count; call++) {
        const struct bound_aggregate *agg = shared->calls[call].function;
        struct vector *partial = &chunk->columns[shared->key_count + call];
        vector_flatten(partial, ctx->morsel_arena, chunk->row_count);
        uint32_t stride = (agg->class->slot_bytes + 15) & ~15u;
        uint8_t *aligned = arena_alloc(ctx->morsel_arena, (size_t)stride * (size_t)chunk->sel_count);
        for (int i = 0; i < chunk->sel_count; i++) {
            const struct strview *view = &((const struct strview *)partial->data)[chunk_row(chunk, i)];
            if (view->len != agg->class->slot_bytes)
                return error_set(err, STATUS_INTERNAL, "a partial aggregate has %u bytes, not %u", view->len,
                                 agg->class->slot_bytes);
            memcpy(aligned + (size_t)i * stride, strview_data(view), view->len);
            from[i] = aligned + (size_t)i * stride;
            into[i] = (uint8_t *)state_payload(entries[i]) + shared->slot_offsets[call];
        }
        TRY(agg->class->merge(agg, from, into, chunk->sel_count, err));
    }
    return STATUS_OK;
}

/* The group's prefix in the side tables, from its row. */
static struct str group_prefix(struct aggregate_state *aggregate, struct state_entry *entry, struct arena *arena) {
    const struct aggregate_shared *shared = aggregate->shared;
    const uint8_t *row = state_row(aggregate->groups, entry);
    struct chunk *keys = row_gather_chunk(&shared->group_layout, &row, 1, arena, false);
    uint64_t big_endian = __builtin_bswap64(row_hash(row));
    strbuf_clear(&aggregate->key);
    strbuf_add(&aggregate->key, &big_endian, 8);
    key_encode(&aggregate->key, keys, shared->row_keys, shared->key_count, 0);
    return strbuf_str(&aggregate->key);
}

/* Everything behind the group's prefix: the smallest string larger than all that begin with it. */
static struct str after_prefix(struct arena *arena, struct str prefix) {
    char *copy = arena_strndup(arena, prefix.data, prefix.len);
    size_t len = prefix.len;
    while (len && (unsigned char)copy[len - 1] == 0xFF) len--;
    if (len) copy[len - 1] = (char)((unsigned char)copy[len - 1] + 1);
    return (struct str){copy, len};
}

static enum status values_result(struct aggregate_state *aggregate, int call, struct state_entry *group_entry,
                                 struct vector *out, int out_row, struct arena *arena, struct error *err) {
    const struct aggregate_shared *shared = aggregate->shared;
    const struct bound_aggregate *agg = shared->calls[call].function;
    struct state_table *table = aggregate->values[call];
    struct arena *scratch = &aggregate->scratch;
    arena_reset(scratch);
    struct str prefix = group_prefix(aggregate, group_entry, scratch);
    const uint8_t *rows[VECTOR_CAPACITY];
    int64_t counts[VECTOR_CAPACITY];
    const struct chunk **chunks = NULL;
    size_t chunk_count = 0, chunk_capacity = 0;
    bool last_only = agg->class->values_wanted == VALUES_LAST, first_only = agg->class->values_wanted == VALUES_FIRST;
    struct state_entry *entry = last_only ? state_ordered_before(table, after_prefix(scratch, prefix))
                                          : state_ordered_lower_bound(table, prefix);
    bool more = entry && in_group(table, entry, prefix);
    while (more) {
        int n = 0;
        for (; more && n < VECTOR_CAPACITY;) {
            int64_t count = *(int64_t *)state_payload(entry);
            if (count > 0 && !(aggregate->expires && state_is_expired(table, entry))) {
                rows[n] = state_row(table, entry);
                counts[n++] = agg->distinct ? 1 : count;
                if (first_only || last_only) break;
            }
            entry = last_only ? state_ordered_previous(table, entry) : state_ordered_next(table, entry);
            more = entry && in_group(table, entry, prefix);
        }
        if (n) {
            struct chunk *values = row_gather_chunk(&shared->value_layouts[call], rows, n, scratch, false);
            struct chunk *with_counts = ARENA_NEW(scratch, struct chunk);
            *with_counts = *values;
            with_counts->column_count = values->column_count + 1;
            with_counts->columns = ARENA_ARRAY(scratch, struct vector, with_counts->column_count);
            memcpy(with_counts->columns, values->columns, (size_t)values->column_count * sizeof *values->columns);
            struct vector *count_column = &with_counts->columns[values->column_count];
            vector_init(count_column, scratch, type_of(TYPE_BIGINT), n);
            memcpy(count_column->data, counts, (size_t)n * sizeof *counts);
            if (chunk_count == chunk_capacity) {
                const struct chunk **grown = ARENA_ARRAY(scratch, const struct chunk *, chunk_capacity * 2 + 4);
                if (chunk_count) memcpy(grown, chunks, chunk_count * sizeof *chunks);
                chunks = grown;
                chunk_capacity = chunk_capacity * 2 + 4;
            }
            chunks[chunk_count++] = with_counts;
        }
        if (first_only || last_only) break;
    }
    return agg->class->from_values(agg, chunks, (int)chunk_count, out, out_row, arena, err);
}

enum status aggregate_results(struct aggregate_state *aggregate, struct state_entry *const *entries,
                              void *const *payloads, int count, struct chunk *out, int out_row, struct arena *arena,
                              struct error *err) {
    const struct aggregate_shared *shared = aggregate->shared;
    const void *slots[VECTOR_CAPACITY];
    for (int call = 0; call < shared->call_count; call++) {
        const struct bound_aggregate *agg = shared->calls[call].function;
        struct vector *column = &out->columns[shared->key_count + call];
        if (agg->class->needs_values) {
            for (int i = 0; i < count; i++)
                TRY(values_result(aggregate, call, entries[i], column, out_row + i, arena, err));
            continue;
        }
        for (int i = 0; i < count; i++) slots[i] = (const uint8_t *)payloads[i] + shared->slot_offsets[call];
        enum status status = agg->class->result(agg, slots, count, column, out_row, arena, err);
        if (status != STATUS_OK) {
            if (err && !err->message[0])
                error_set_at(err, status, agg->offset, agg->length, "%s: the result is out of range", agg->name);
            return status;
        }
    }
    return STATUS_OK;
}

void aggregate_delete(struct aggregate_state *aggregate, struct state_entry *entry) {
    const struct aggregate_shared *shared = aggregate->shared;
    if (shared->any_values) {
        struct arena scratch;
        arena_init(&scratch, NULL);
        struct str prefix = group_prefix(aggregate, entry, &scratch);
        for (int call = 0; call < shared->call_count; call++) {
            struct state_table *table = aggregate->values[call];
            if (!table) continue;
            struct state_entry *value = state_ordered_lower_bound(table, prefix), *next;
            for (; value && in_group(table, value, prefix); value = next) {
                next = state_ordered_next(table, value);
                state_delete(table, value);
            }
        }
        arena_destroy(&scratch);
    }
    state_delete(aggregate->groups, entry);
}
