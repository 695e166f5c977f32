/* RANK: the rows of every partition whose ROW_NUMBER lies in [rank_from, rank_to], kept up to date; and TOP_N: the same with one
 * partition and without the number.
 *
 * All rows are kept in an ordered table: key = partition hash, partition key form, order key form, all columns in key form (so
 * ties have one order), payload = signed count. When a step first touches a partition its output is remembered; end_step
 * compares it with the output then and emits the differences. Over append-only input, rows behind rank_to can never come back and
 * are dropped.
 *
 * Time to live: a partition expires with all its rows, by its last change. Before that, each row behind rank_to expires by its own last
 * change, so that a partition in which there is always something new does not grow for ever; rows up to rank_to are marked, and
 * stay, as they have been given out and decide about the ranks of others.
 *
 * First or last row per key over append-only input (rank 1 only, the deduplication pattern) needs no order: see op_first.c. */
#include <stdlib.h>

#include "op/op_first.h"
#include "op/ops.h"

struct rank_shared {
    int partition_count;
    int *partition; /* columns */
    struct row_layout partition_layout, layout;
    struct key_column *partition_keys, *row_keys; /* row_keys: order, then all columns */
    struct key_column *own_keys;                  /* of a chunk that has just the partition's columns */
    int row_key_count;
    int64_t from, to; /* 1-based; to = INT64_MAX: none */
    bool output_rank, append_only;
};

struct partition {     /* payload of "partitions" */
    int64_t row_count; /* signed */
    int64_t touched_step;
    int64_t output_count; /* entries that are marked as output */
};

struct ranked_row { /* payload of "rows" */
    int64_t count : 63;
    uint64_t is_output : 1; /* it was up to rank_to when its partition changed last; with rows_expire */
};

struct output_row {
    const uint8_t *row;
    struct str key; /* of the ordered entry, for comparing */
    int64_t rank;
};

struct touched {
    struct state_entry *partition;
    struct str prefix;
    struct output_row *rows; /* output before the step */
    int64_t count;
};

struct rank_local {
    struct state_table *partitions, *rows;
    bool expires;     /* there is a time to live */
    bool rows_expire; /* … and there are rows behind rank_to that it matters to */
    struct touched *touched;
    size_t touched_count, touched_capacity;
    struct strbuf key;
};

static enum status open(struct op *op, struct error *err) {
    const struct pnode *node = op->node;
    struct arena *arena = op->query_arena;
    const struct schema *input = &node->inputs[0]->schema;
    if (op_first_applies(node)) return op_first_open(op, err);
    struct rank_shared *shared = ARENA_NEW(arena, struct rank_shared);
    op->shared = shared;
    bool is_rank = node->kind == PNODE_RANK;
    int order_count = is_rank ? node->rank.order_count : node->sort.key_count;
    const struct sort_key *order = is_rank ? node->rank.order : node->sort.keys;
    shared->partition_count = is_rank ? node->rank.partition_count : 0;
    shared->partition = ARENA_ARRAY(arena, int, shared->partition_count + 1);
    shared->partition_keys = ARENA_ARRAY(arena, struct key_column, shared->partition_count + 1);
    shared->own_keys = ARENA_ARRAY(arena, struct key_column, shared->partition_count + 1);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, shared->partition_count + 1);
    for (int i = 0; i < shared->partition_count; i++) {
        shared->partition[i] = node->rank.partition[i];
        shared->partition_keys[i] = (struct key_column){.column = node->rank.partition[i]};
        shared->own_keys[i] = (struct key_column){.column = i};
        types[i] = input->types[node->rank.partition[i]];
    }
    row_layout_init(&shared->partition_layout, arena, shared->partition_count, types);
    row_layout_init(&shared->layout, arena, input->column_count, input->types);
    shared->row_keys = ARENA_ARRAY(arena, struct key_column, order_count + input->column_count + 1);
    for (int i = 0; i < order_count; i++)
        shared->row_keys[shared->row_key_count++] = (struct key_column){
            .column = order[i].column, .descending = order[i].descending, .nulls_last = order[i].nulls_last};
    for (int i = 0; i < input->column_count; i++)
        shared->row_keys[shared->row_key_count++] = (struct key_column){.column = i};
    if (is_rank) {
        shared->from = node->rank.rank_from;
        shared->to = node->rank.rank_to;
        shared->output_rank = node->rank.output_rank;
    } else {
        int64_t rows_offset = node->sort.rows_offset, limit = node->sort.limit;
        shared->from = rows_offset < INT64_MAX ? rows_offset + 1 : INT64_MAX;
        shared->to = limit < 0 || limit > INT64_MAX - rows_offset ? INT64_MAX : rows_offset + limit;
    }
    shared->append_only = node->inputs[0]->edge.changes == CHANGES_APPEND;
    return STATUS_OK;
}

static struct ranked_row *ranked_row(const struct state_entry *entry) {
    return state_payload((struct state_entry *)entry);
}

static bool is_gone(const struct rank_local *local, const struct state_entry *entry) {
    return local->rows_expire && !ranked_row(entry)->is_output && state_is_expired(local->rows, entry);
}

static bool has_prefix(struct str key, struct str prefix) {
    return key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0;
}

static void delete_rows(struct rank_local *local, struct str prefix) {
    struct state_entry *entry = state_ordered_lower_bound(local->rows, prefix), *next;
    for (; entry && has_prefix(state_ordered_key(local->rows, entry), prefix); entry = next) {
        next = state_ordered_next(local->rows, entry);
        state_delete(local->rows, entry);
    }
}

/* Swept: a partition and its rows. */
static void expire_partition(void *data, struct state_table *table, struct state_entry *entry) {
    struct op_instance *inst = data;
    struct rank_local *local = inst->local;
    const struct rank_shared *shared = inst->op->shared;
    const uint8_t *row = state_row(table, entry);
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct chunk *keys = row_gather_chunk(&shared->partition_layout, &row, 1, &scratch, false);
    uint64_t big_endian = __builtin_bswap64(row_hash(row));
    strbuf_clear(&local->key);
    strbuf_add(&local->key, &big_endian, 8);
    key_encode(&local->key, keys, shared->own_keys, shared->partition_count, 0);
    delete_rows(local, strbuf_str(&local->key));
    arena_destroy(&scratch);
    state_delete(table, entry);
}

/* Swept. What lies behind rank_to is not there any more; the output is as it is until its partition changes or expires. */
static void expire_row(void *data, struct state_table *table, struct state_entry *entry) {
    (void)data;
    if (!ranked_row(entry)->is_output) state_delete(table, entry);
}

static enum status open_instance(struct op_instance *inst, struct error *err) {
    if (op_first_applies(inst->op->node)) return op_first_open_instance(inst, err);
    const struct rank_shared *shared = inst->op->shared;
    struct rank_local *local = ARENA_NEW(inst->instance_arena, struct rank_local);
    local->partitions = state_table_create(inst->state, "partitions", STATE_UNIQUE, &shared->partition_layout,
                                           shared->partition_count, sizeof(struct partition));
    local->rows = state_table_create(inst->state, "rows", STATE_ORDERED, &shared->layout, 0, sizeof(struct ranked_row));
    int64_t ttl_ms = inst->op->node->ttl_ms[0];
    local->expires = ttl_ms != 0;
    state_table_set_ttl(local->partitions, ttl_ms * 1000, expire_partition, inst);
    local->rows_expire = ttl_ms && !shared->append_only && shared->to < INT64_MAX;
    if (local->rows_expire) state_table_set_ttl(local->rows, ttl_ms * 1000, expire_row, NULL);
    inst->local = local;
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct rank_local *local = inst->local;
    if (!local) return;
    if (op_first_applies(inst->op->node)) {
        op_first_close_instance(inst);
        return;
    }
    free(local->touched);
    strbuf_free(&local->key);
}

/* The partition's rows in [from, to], in order. */
static struct output_row *partition_output(const struct op_instance *inst, struct str prefix, int64_t *count) {
    struct rank_local *local = inst->local;
    const struct rank_shared *shared = inst->op->shared;
    struct output_row *rows = NULL;
    size_t n = 0, capacity = 0;
    int64_t rank = 0;
    for (struct state_entry *entry = state_ordered_lower_bound(local->rows, prefix); entry && rank < shared->to;
         entry = state_ordered_next(local->rows, entry)) {
        struct str key = state_ordered_key(local->rows, entry);
        if (!has_prefix(key, prefix)) break;
        int64_t copies = is_gone(local, entry) ? 0 : ranked_row(entry)->count;
        for (; copies > 0 && rank < shared->to; copies--) {
            if (++rank < shared->from) continue;
            if (n == capacity) {
                struct output_row *grown = ARENA_ARRAY(inst->step_arena, struct output_row, capacity * 2 + 4);
                if (n) memcpy(grown, rows, n * sizeof *rows);
                rows = grown;
                capacity = capacity * 2 + 4;
            }
            rows[n++] = (struct output_row){state_row(local->rows, entry), key, rank};
        }
    }
    *count = (int64_t)n;
    return rows;
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    (void)port;
    if (op_first_applies(inst->op->node)) return op_first_push(inst, ctx, chunk, err);
    struct rank_local *local = inst->local;
    const struct rank_shared *shared = inst->op->shared;
    chunk_flatten(chunk, ctx->morsel_arena);
    uint64_t scratch[VECTOR_CAPACITY];
    const uint64_t *hash = scratch;
    if (shared->partition_count && chunk->hash)
        hash = chunk->hash;
    else
        chunk_hash(chunk, shared->partition, shared->partition_count, scratch);
    struct state_entry *entries[VECTOR_CAPACITY];
    bool created[VECTOR_CAPACITY];
    TRY(state_find_or_insert(local->partitions, chunk, shared->partition, hash, entries, created, err));
    uint32_t sizes[VECTOR_CAPACITY];
    uint8_t *encoded[VECTOR_CAPACITY];
    TRY(row_sizes_checked(&shared->layout, chunk, NULL, sizes, err));
    for (int i = 0; i < chunk->sel_count; i++) encoded[i] = arena_alloc(ctx->morsel_arena, sizes[i]);
    row_encode(&shared->layout, chunk, NULL, hash, sizes, encoded);
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        struct partition *partition = state_payload(entries[i]);
        uint64_t big_endian = __builtin_bswap64(hash[row]);
        strbuf_clear(&local->key);
        strbuf_add(&local->key, &big_endian, 8);
        key_encode(&local->key, chunk, shared->partition_keys, shared->partition_count, row);
        if (partition->touched_step != ctx->step_id) {
            if (local->expires && state_is_expired(local->partitions, entries[i])) {
                delete_rows(local, strbuf_str(&local->key));
                *partition = (struct partition){0};
            }
            state_touch(local->partitions, entries[i]);
            partition->touched_step = ctx->step_id;
            struct touched touched = {.partition = entries[i]};
            touched.prefix =
                (struct str){arena_memdup(inst->step_arena, local->key.data, local->key.len), local->key.len};
            touched.rows = partition_output(inst, touched.prefix, &touched.count);
            ARRAY_RESERVE(local->touched, local->touched_capacity, local->touched_count + 1);
            local->touched[local->touched_count++] = touched;
        }
        key_encode(&local->key, chunk, shared->row_keys, shared->row_key_count, row);
        struct state_entry *entry;
        bool made;
        TRY(state_ordered_insert(local->rows, strbuf_str(&local->key), hash[row], encoded[i], &entry, &made, err));
        struct ranked_row *ranked = ranked_row(entry);
        if (is_gone(local, entry)) ranked->count = 0;
        state_touch(local->rows, entry);
        int sign = chunk->sign ? chunk->sign[row] : 1;
        if (sign > 0 || ranked->count > 0 || !local->expires) { /* else it has expired */
            ranked->count += sign;
            partition->row_count += sign;
        }
        if (ranked->count == 0) {
            partition->output_count -= ranked->is_output;
            state_delete(local->rows, entry);
        }
    }
    return STATUS_OK;
}

static int compare_keys(struct str a, struct str b) {
    size_t shorter = a.len < b.len ? a.len : b.len;
    int diff = memcmp(a.data, b.data, shorter);
    return diff ? diff : (a.len > b.len) - (a.len < b.len);
}

static enum status emit_row(struct op_instance *inst, struct op_emitter *emitter, struct op_ctx *ctx,
                            const struct output_row *row, int sign, struct error *err) {
    const struct rank_shared *shared = inst->op->shared;
    struct chunk *chunk;
    int at;
    TRY(op_emitter_next(emitter, ctx, sign, &chunk, &at, err));
    int columns = shared->layout.column_count;
    for (int c = 0; c < columns; c++)
        row_gather(&shared->layout, &row->row, 1, c, &chunk->columns[c], ctx->morsel_arena, emitter->capacity, at,
                   false);
    if (shared->output_rank) ((int64_t *)chunk->columns[columns].data)[at] = row->rank;
    return STATUS_OK;
}

/* With the rank in the output, old and new rows meet by rank: place i of both has the same one. Without, both are in key order and a
 * merge finds what left and what came. */
static enum status emit_difference(struct op_instance *inst, struct op_emitter *emitter, struct op_ctx *ctx,
                                   const struct touched *touched, const struct output_row *rows, int64_t count,
                                   struct error *err) {
    const struct rank_shared *shared = inst->op->shared;
    int64_t i = 0, k = 0;
    while (i < touched->count || k < count) {
        int diff = i == touched->count ? 1 : k == count ? -1 : compare_keys(touched->rows[i].key, rows[k].key);
        bool both = i < touched->count && k < count && (diff == 0 || shared->output_rank);
        if (both && diff == 0) {
            i++, k++;
            continue;
        }
        if (both || diff < 0) TRY(emit_row(inst, emitter, ctx, &touched->rows[i++], -1, err));
        if (both || diff > 0) TRY(emit_row(inst, emitter, ctx, &rows[k++], 1, err));
    }
    return STATUS_OK;
}

/* Append-only: rows behind rank_to go. */
static void drop_surplus(struct op_instance *inst, struct str prefix) {
    struct rank_local *local = inst->local;
    const struct rank_shared *shared = inst->op->shared;
    int64_t rank = 0;
    struct state_entry *entry = state_ordered_lower_bound(local->rows, prefix), *next;
    for (; entry && has_prefix(state_ordered_key(local->rows, entry), prefix); entry = next) {
        next = state_ordered_next(local->rows, entry);
        struct ranked_row *ranked = ranked_row(entry);
        if (rank >= shared->to)
            state_delete(local->rows, entry);
        else if (rank + ranked->count > shared->to)
            ranked->count = shared->to - rank, rank = shared->to;
        else
            rank += ranked->count;
    }
}

/* Marks the rows up to rank_to. What was marked before lies among them, or where this step's rows have pushed it. */
static void mark_output(struct rank_local *local, const struct rank_shared *shared, const struct touched *touched) {
    struct partition *partition = state_payload(touched->partition);
    int64_t rank = 0, marked_before = partition->output_count;
    partition->output_count = 0;
    struct state_entry *entry = state_ordered_lower_bound(local->rows, touched->prefix);
    for (; entry && (rank < shared->to || marked_before > 0); entry = state_ordered_next(local->rows, entry)) {
        if (!has_prefix(state_ordered_key(local->rows, entry), touched->prefix)) break;
        struct ranked_row *ranked = ranked_row(entry);
        bool is_output = rank < shared->to && ranked->count > 0 && !is_gone(local, entry);
        marked_before -= ranked->is_output;
        ranked->is_output = is_output;
        partition->output_count += is_output;
        if (is_output) rank = ranked->count > shared->to - rank ? shared->to : rank + ranked->count;
    }
}

static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    if (op_first_applies(inst->op->node)) return op_first_end_step(inst, ctx, err);
    struct rank_local *local = inst->local;
    const struct rank_shared *shared = inst->op->shared;
    struct op_emitter emitter;
    op_emitter_init(&emitter, inst);
    for (size_t i = 0; i < local->touched_count; i++) {
        struct touched *touched = &local->touched[i];
        int64_t count;
        struct output_row *rows = partition_output(inst, touched->prefix, &count);
        TRY(emit_difference(inst, &emitter, ctx, touched, rows, count, err));
    }
    TRY(op_emitter_flush(&emitter, ctx, err));
    for (size_t i = 0; i < local->touched_count; i++) {
        struct touched *touched = &local->touched[i];
        struct partition *partition = state_payload(touched->partition);
        if (shared->append_only && shared->to < INT64_MAX && partition->row_count > shared->to) {
            drop_surplus(inst, touched->prefix);
            partition->row_count = shared->to;
        }
        if (local->rows_expire) mark_output(local, shared, touched);
        if (partition->row_count == 0) state_delete(local->partitions, touched->partition);
    }
    local->touched_count = 0;
    return STATUS_OK;
}

const struct op_class op_rank_class = {.kind = PNODE_RANK,
                                       .open = open,
                                       .open_instance = open_instance,
                                       .push = push,
                                       .end_step = end_step,
                                       .close_instance = close_instance};

const struct op_class op_top_n_class = {.kind = PNODE_TOP_N,
                                        .open = open,
                                        .open_instance = open_instance,
                                        .push = push,
                                        .end_step = end_step,
                                        .close_instance = close_instance};
