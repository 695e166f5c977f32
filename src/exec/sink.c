/* The last operator of a pipeline: nets a step's rows and hands them to the sink's queue.
 *
 * Three ways, chosen when the graph opens:
 *   append   the input is append-only and the sink has no key that the rows may repeat: chunks are passed on at once
 *   upsert   by the sink's key: at most one upsert or delete per key and step (DESIGN 4, rule d)
 *   retract  whole rows: signs of equal rows cancel out; with a known key an old and a new row of it become -U, +U
 * Of inserts with one key the last one that the sink does not refuse counts; those that it does are passed on as well, for it to report.
 * Rows that must be netted are held to the end of the step. Instances net alone: the planner has put an exchange by the sink's key
 * before a sink whose input is not partitioned by it.
 *
 * In a source stage several workers finish their morsels in any order, but the sink gets the rows in the order of the input: a
 * morsel's batches wait until those of all morsels claimed before it are submitted. */
#include <stdlib.h>

#include "exec/exec_private.h"
#include "kernel/text.h"

enum sink_mode { SINK_APPEND, SINK_UPSERT, SINK_RETRACT };

/* What a finished morsel has for the sink. */
struct stash {
    int64_t seq;
    struct sink_batch *batches; /* in order, chained by `next` */
    struct stash *next;
};

struct sink_shared {
    pthread_mutex_t lock; /* of the sequence */
    pthread_cond_t advanced;
    int64_t step_id, next_seq; /* morsel whose rows may be submitted */
    struct stash *stashed;     /* finished too early */
    enum sink_mode mode;
    struct row_layout layout; /* key columns first */
    int *order;               /* layout column -> input column */
    int key_count;            /* 0: none */
    enum conflict_policy conflict;
    bool input_append;
    int not_null_count; /* columns that the table declares NOT NULL */
    int *not_null;
    bool drop_nulls;
    int length_count; /* columns whose values' lengths are checked */
    int *lengths;
    uint8_t append_kind; /* enum row_kind of rows that are passed on at once */
};

struct net_row {
    uint64_t hash; /* of all columns */
    const uint8_t *row;
    int32_t count;         /* signed */
    int32_t next;          /* in the hash chain, -1 end */
    int32_t next_same_key; /* pairing at the end of the step */
    bool refused;          /* by the sink, whatever else has its key */
};

struct net_table {
    struct sink_batch *first, *last; /* of the current morsel */
    struct net_row *rows;
    size_t row_count, row_capacity;
    int32_t *buckets;
    uint32_t bucket_count; /* power of two */
};

struct exec_sink *exec_sink_of(const struct op *op) {
    return op->executor;
}

void sink_batch_free(struct sink_batch *batch) {
    if (!batch) return;
    arena_destroy(&batch->arena);
    free(batch);
}

static struct sink_batch *new_batch(struct op_instance *inst, const struct op_ctx *ctx, int capacity) {
    struct sink_batch *batch = xcalloc(1, sizeof *batch);
    arena_init(&batch->arena, inst->op->account);
    const struct schema *schema = &inst->op->node->inputs[0]->schema;
    batch->chunk = chunk_create(&batch->arena, schema->column_count, schema->types, capacity);
    batch->kinds = arena_alloc(&batch->arena, (size_t)capacity);
    batch->step_id = ctx->step_id;
    batch->write_micros = ctx->write_micros;
    return batch;
}

static enum status submit(struct op_instance *inst, const struct op_ctx *ctx, struct sink_batch *batch,
                          struct error *err) {
    struct exec_sink *sink = exec_sink_of(inst->op);
    atomic_fetch_add_explicit(&inst->op->rows_out, batch->chunk->row_count, memory_order_relaxed);
    if (ctx->morsel_seq < 0) return sink->submit(sink, batch, err);
    struct net_table *table = inst->local;
    if (table->last)
        table->last->next = batch;
    else
        table->first = batch;
    table->last = batch;
    return STATUS_OK;
}

static enum status submit_all(struct op_instance *inst, struct sink_batch *batch, struct error *err) {
    struct exec_sink *sink = exec_sink_of(inst->op);
    enum status status = STATUS_OK;
    for (struct sink_batch *next; batch; batch = next) {
        next = batch->next;
        batch->next = NULL;
        if (status == STATUS_OK)
            status = sink->submit(sink, batch, err);
        else
            sink_batch_free(batch);
    }
    return status;
}

static void wait_moment(struct sink_shared *shared) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 50000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&shared->advanced, &shared->lock, &until);
}

/* A morsel is done: its batches are submitted now or, when an earlier one is not done yet, by whoever finishes that. */
static enum status finish_morsel(struct op_instance *inst, const struct op_ctx *ctx, struct error *err) {
    if (ctx->morsel_seq < 0) return STATUS_OK;
    struct sink_shared *shared = inst->op->shared;
    struct net_table *table = inst->local;
    struct sink_batch *mine = table->first;
    table->first = table->last = NULL;
    enum status status = STATUS_OK;
    pthread_mutex_lock(&shared->lock);
    if (shared->step_id != ctx->step_id) {
        shared->step_id = ctx->step_id;
        shared->next_seq = 0;
    }
    if (ctx->morsel_seq != shared->next_seq) {
        struct stash *stash = xmalloc(sizeof *stash);
        *stash = (struct stash){ctx->morsel_seq, mine, shared->stashed};
        shared->stashed = stash;
        while (ctx->morsel_seq - shared->next_seq > EXEC_MAX_MORSELS_AHEAD && !exec_stopped(ctx->executor))
            wait_moment(shared);
    } else {
        status = submit_all(inst, mine, err);
        shared->next_seq++;
        for (struct stash **link = &shared->stashed; *link && status == STATUS_OK;) {
            struct stash *stash = *link;
            if (stash->seq != shared->next_seq) {
                link = &stash->next;
                continue;
            }
            *link = stash->next;
            status = submit_all(inst, stash->batches, err);
            free(stash);
            shared->next_seq++;
            link = &shared->stashed;
        }
        pthread_cond_broadcast(&shared->advanced);
    }
    pthread_mutex_unlock(&shared->lock);
    return status;
}

static enum status sink_open(struct op *op, struct error *err) {
    const struct pnode *node = op->node, *input = node->inputs[0];
    struct sink_shared *shared = ARENA_NEW(op->query_arena, struct sink_shared);
    op->shared = shared;
    pthread_mutex_init(&shared->lock, NULL);
    pthread_cond_init(&shared->advanced, NULL);
    enum changes accepts = exec_sink_of(op)->accepts;
    shared->input_append = input->edge.changes == CHANGES_APPEND;
    const int *key = input->edge.key;
    shared->key_count = input->edge.key_count;
    if (node->kind == PNODE_SINK && accepts == CHANGES_UPSERT) {
        key = node->sink.key;
        shared->key_count = node->sink.key_count;
        shared->conflict = node->sink.conflict;
        shared->mode = SINK_UPSERT;
    } else if (shared->input_append) {
        shared->mode = SINK_APPEND;
    } else if (accepts == CHANGES_RETRACT || node->kind == PNODE_COLLECT) {
        shared->mode = SINK_RETRACT;
    } else {
        return error_set(err, STATUS_INVALID_QUERY,
                         "the sink takes inserts only, but the query also updates or deletes rows");
    }
    enum sink_statement statement = node->kind == PNODE_SINK ? node->sink.statement : SINK_INSERT;
    shared->append_kind = statement == SINK_INSERT   ? ROW_INSERT
                          : statement == SINK_UPDATE ? ROW_UPDATE_AFTER
                                                     : ROW_DELETE;
    int column_count = input->schema.column_count;
    shared->not_null = ARENA_ARRAY(op->query_arena, int, column_count + 1);
    if (node->kind == PNODE_SINK)
        for (int i = 0; i < column_count; i++) {
            const struct type *type = node->sink.table->columns[node->sink.columns[i]].type;
            if (!type->nullable) shared->not_null[shared->not_null_count++] = i;
        }
    shared->order = ARENA_ARRAY(op->query_arena, int, column_count + 1);
    const struct type **types = ARENA_ARRAY(op->query_arena, const struct type *, column_count + 1);
    bool *is_key = ARENA_ARRAY(op->query_arena, bool, column_count + 1);
    int n = 0;
    for (int i = 0; i < shared->key_count; i++) {
        is_key[key[i]] = true;
        shared->order[n++] = key[i];
    }
    for (int i = 0; i < column_count; i++)
        if (!is_key[i]) shared->order[n++] = i;
    for (int i = 0; i < column_count; i++) types[i] = input->schema.types[shared->order[i]];
    row_layout_init(&shared->layout, op->query_arena, column_count, types);
    return STATUS_OK;
}

/* Columns whose values may have another length than their type in the table. */
static void find_lengths(struct op *op) {
    struct sink_shared *shared = op->shared;
    const struct pnode *node = op->node;
    const struct schema *input = &node->inputs[0]->schema;
    shared->lengths = ARENA_ARRAY(op->query_arena, int, input->column_count + 1);
    for (int i = 0; node->kind == PNODE_SINK && i < input->column_count; i++) {
        const struct type *from = input->types[i], *to = node->sink.table->columns[node->sink.columns[i]].type;
        if (!type_is_char(to) && !type_is_bytes(to)) continue;
        bool is_fixed = to->id == TYPE_CHAR || to->id == TYPE_BINARY;
        if (is_fixed ? from->id != to->id || from->length != to->length : from->length > to->length)
            shared->lengths[shared->length_count++] = i;
    }
}

void exec_sink_enforce(struct op *op, bool drop_nulls, bool check_lengths) {
    ((struct sink_shared *)op->shared)->drop_nulls = drop_nulls;
    if (check_lengths) find_lengths(op);
}

static enum status sink_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    inst->local = arena_zalloc(inst->instance_arena, sizeof(struct net_table));
    return STATUS_OK;
}

static void sink_close_instance(struct op_instance *inst) {
    struct net_table *table = inst->local;
    if (!table) return;
    for (struct sink_batch *batch = table->first, *next; batch; batch = next) {
        next = batch->next;
        sink_batch_free(batch);
    }
    free(table->rows);
    free(table->buckets);
}

static void sink_close(struct op *op) {
    struct sink_shared *shared = op->shared;
    if (!shared) return;
    for (struct stash *stash = shared->stashed, *next; stash; stash = next) {
        next = stash->next;
        for (struct sink_batch *batch = stash->batches, *after; batch; batch = after) {
            after = batch->next;
            sink_batch_free(batch);
        }
        free(stash);
    }
    pthread_mutex_destroy(&shared->lock);
    pthread_cond_destroy(&shared->advanced);
}

static enum status append(struct op_instance *inst, struct op_ctx *ctx, const struct chunk *chunk, struct error *err) {
    const struct sink_shared *shared = inst->op->shared;
    struct sink_batch *batch = new_batch(inst, ctx, chunk->sel_count);
    chunk_append(batch->chunk, &batch->arena, chunk->sel_count, chunk, 0, chunk->sel_count, true);
    batch->chunk->sign = NULL; /* all +1, when there is one */
    memset(batch->kinds, shared->append_kind, (size_t)chunk->sel_count);
    return submit(inst, ctx, batch, err);
}

static void grow_buckets(struct net_table *table) {
    uint32_t count = table->bucket_count ? table->bucket_count * 2 : 256;
    table->buckets = xrealloc(table->buckets, count * sizeof *table->buckets);
    table->bucket_count = count;
    memset(table->buckets, 0xFF, count * sizeof *table->buckets);
    for (size_t i = 0; i < table->row_count; i++) {
        uint32_t bucket = (uint32_t)table->rows[i].hash & (count - 1);
        table->rows[i].next = table->buckets[bucket];
        table->buckets[bucket] = (int32_t)i;
    }
}

/* NULL in a NOT NULL column: an error, or the row is left out. */
static enum status enforce_not_null(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk,
                                    struct error *err) {
    const struct sink_shared *shared = inst->op->shared;
    for (int k = 0; k < shared->not_null_count; k++) {
        const struct vector *vec = &chunk->columns[shared->not_null[k]];
        if (vec->form == VECTOR_FLAT && !vec->validity && vec->phys != PHYS_NULL) continue;
        sel_index *sel = arena_alloc(ctx->morsel_arena, (size_t)(chunk->sel_count + 1) * sizeof *sel);
        int count = 0;
        for (int i = 0; i < chunk->sel_count; i++) {
            sel[count] = (sel_index)chunk_row(chunk, i);
            count += !vector_is_null(vec, chunk_row(chunk, i));
        }
        if (count == chunk->sel_count) continue;
        if (!shared->drop_nulls) {
            error_set(err, STATUS_NULL_NOT_ALLOWED, "column '%s' of table %s is NOT NULL, but a row has NULL there",
                      inst->op->node->sink.table->columns[inst->op->node->sink.columns[shared->not_null[k]]].name,
                      inst->op->node->sink.table->name);
            error_hint(err, "SET 'table.exec.sink.not-null-enforcer' = 'DROP' leaves such rows out");
            return STATUS_NULL_NOT_ALLOWED;
        }
        chunk->sel = sel;
        chunk->sel_count = count;
    }
    return STATUS_OK;
}

/* A text that is longer than its column, or shorter than a CHAR or BINARY, is an error. */
static enum status check_lengths(struct op_instance *inst, const struct chunk *chunk, struct error *err) {
    const struct sink_shared *shared = inst->op->shared;
    const struct pnode *node = inst->op->node;
    for (int k = 0; k < shared->length_count; k++) {
        const struct vector *vec = &chunk->columns[shared->lengths[k]];
        const struct table_column *column = &node->sink.table->columns[node->sink.columns[shared->lengths[k]]];
        bool is_fixed = column->type->id == TYPE_CHAR || column->type->id == TYPE_BINARY;
        for (int i = 0; i < chunk->sel_count; i++) {
            struct value value = vector_get(vec, chunk_row(chunk, i), inst->step_arena);
            if (value.is_null) continue;
            int64_t length = type_is_char(column->type) ? text_length(value.str) : (int64_t)value.str.len;
            if (length <= column->type->length && (!is_fixed || length == column->type->length)) continue;
            error_set(err, STATUS_OUT_OF_RANGE, "a value of %lld %s for column '%s' of table %s, which is %s(%d)",
                      (long long)length, type_is_char(column->type) ? "characters" : "bytes", column->name,
                      node->sink.table->name, type_id_name(column->type->id), column->type->length);
            error_hint(
                err,
                "SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD' makes it fit, 'IGNORE' writes it as it is");
            return STATUS_OUT_OF_RANGE;
        }
    }
    return STATUS_OK;
}

static enum status sink_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                             struct error *err) {
    (void)port;
    const struct sink_shared *shared = inst->op->shared;
    if (shared->not_null_count) {
        TRY(enforce_not_null(inst, ctx, chunk, err));
        if (!chunk->sel_count) return STATUS_OK;
    }
    if (shared->length_count) TRY(check_lengths(inst, chunk, err));
    if (shared->mode == SINK_APPEND) return append(inst, ctx, chunk, err);
    if (inst->op->account && mem_over_limit(inst->op->account))
        return mem_limit_error(inst->op->account, "the query", err);
    struct net_table *table = inst->local;
    uint64_t hash[VECTOR_CAPACITY];
    chunk_hash(chunk, shared->order, shared->layout.column_count, hash);
    uint32_t sizes[VECTOR_CAPACITY];
    uint8_t *rows[VECTOR_CAPACITY];
    TRY(row_sizes_checked(&shared->layout, chunk, shared->order, sizes, err));
    for (int i = 0; i < chunk->sel_count; i++) rows[i] = arena_alloc(inst->step_arena, sizes[i]);
    row_encode(&shared->layout, chunk, shared->order, hash, sizes, rows);
    if (table->row_count + (size_t)chunk->sel_count > INT32_MAX / 2)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "more than %d changed rows in one step of a sink", INT32_MAX / 2);
    for (int i = 0; i < chunk->sel_count; i++) {
        int physical = chunk_row(chunk, i);
        int sign = chunk->sign ? chunk->sign[physical] : 1;
        if (table->row_count >= table->bucket_count) grow_buckets(table);
        uint32_t bucket = (uint32_t)hash[physical] & (table->bucket_count - 1);
        int32_t found = -1;
        /* Append-only rows of an upsert sink keep their order instead: the last one of a key wins. */
        if (!shared->input_append)
            for (int32_t k = table->buckets[bucket]; k >= 0; k = table->rows[k].next)
                if (table->rows[k].hash == hash[physical] && row_same(table->rows[k].row, rows[i])) {
                    found = k;
                    break;
                }
        if (found >= 0) {
            table->rows[found].count += sign;
            continue;
        }
        ARRAY_RESERVE(table->rows, table->row_capacity, table->row_count + 1);
        table->rows[table->row_count] =
            (struct net_row){.hash = hash[physical], .row = rows[i], .count = sign, .next = table->buckets[bucket]};
        table->buckets[bucket] = (int32_t)table->row_count++;
    }
    return STATUS_OK;
}

struct net_output {
    struct op_instance *inst;
    struct op_ctx *ctx;
    const uint8_t *rows[VECTOR_CAPACITY];
    uint8_t kinds[VECTOR_CAPACITY];
    int count;
};

static enum status flush_output(struct net_output *output, struct error *err) {
    if (!output->count) return STATUS_OK;
    const struct sink_shared *shared = output->inst->op->shared;
    struct sink_batch *batch = new_batch(output->inst, output->ctx, output->count);
    for (int c = 0; c < shared->layout.column_count; c++)
        row_gather(&shared->layout, output->rows, output->count, c, &batch->chunk->columns[shared->order[c]],
                   &batch->arena, output->count, 0, true);
    batch->chunk->row_count = batch->chunk->sel_count = output->count;
    memcpy(batch->kinds, output->kinds, (size_t)output->count);
    output->count = 0;
    return submit(output->inst, output->ctx, batch, err);
}

static enum status put(struct net_output *output, const uint8_t *row, enum row_kind kind, struct error *err) {
    if (output->count == VECTOR_CAPACITY) TRY(flush_output(output, err));
    output->rows[output->count] = row;
    output->kinds[output->count++] = (uint8_t)kind;
    return STATUS_OK;
}

/* A row as text, for the message of a conflict. */
static enum status conflict_error(const struct sink_shared *shared, const struct op_instance *inst, const uint8_t *row,
                                  struct error *err) {
    const typeof(inst->op->node->sink) *sink = &inst->op->node->sink;
    struct strbuf text = {0};
    struct arena arena;
    arena_init(&arena, NULL);
    for (int i = 0; i < shared->key_count; i++) {
        struct value value = row_get(&shared->layout, row, i, &arena);
        if (i) strbuf_puts(&text, ", ");
        strbuf_puts(&text, sink->table->columns[sink->columns[shared->order[i]]].name);
        strbuf_puts(&text, " = ");
        value_print(&text, &value, NULL);
    }
    error_set(err, STATUS_CONFLICT, "two different rows for the key (%s) of table %s", text.data ? text.data : "",
              sink->table->name);
    error_hint(err, "INSERT INTO … ON CONFLICT DO DEDUPLICATE keeps one of them");
    strbuf_free(&text);
    arena_destroy(&arena);
    return STATUS_CONFLICT;
}

/* Deduplication among live rows of one key must not depend on order: the largest bytes win. */
static bool larger_row(const uint8_t *a, const uint8_t *b) {
    uint32_t a_size = row_size(a), b_size = row_size(b);
    int diff =
        memcmp(a + ROW_HEADER_BYTES, b + ROW_HEADER_BYTES, (a_size < b_size ? a_size : b_size) - ROW_HEADER_BYTES);
    return diff ? diff > 0 : a_size > b_size;
}

/* Asks the sink about rows that share their key with others. */
static void ask_sink(struct op_instance *inst, struct net_table *table, const int32_t *indexes, int count) {
    const struct sink_shared *shared = inst->op->shared;
    const struct schema *schema = &inst->op->node->inputs[0]->schema;
    struct exec_sink *sink = exec_sink_of(inst->op);
    const uint8_t *rows[VECTOR_CAPACITY];
    struct arena arena;
    arena_init(&arena, inst->op->account);
    for (int i = 0; i < count; i++) rows[i] = table->rows[indexes[i]].row;
    struct chunk *chunk = chunk_create(&arena, schema->column_count, schema->types, count);
    for (int c = 0; c < shared->layout.column_count; c++)
        row_gather(&shared->layout, rows, count, c, &chunk->columns[shared->order[c]], &arena, count, 0, true);
    chunk->row_count = chunk->sel_count = count;
    for (int i = 0; i < count; i++) table->rows[indexes[i]].refused = sink->refuses(sink, chunk, i);
    arena_destroy(&arena);
}

static void find_refused(struct op_instance *inst, struct net_table *table, const uint8_t *heads) {
    int32_t indexes[VECTOR_CAPACITY];
    int count = 0;
    for (size_t head = 0; head < table->row_count; head++) {
        if (!heads[head] || table->rows[head].next_same_key < 0) continue;
        for (int32_t i = (int32_t)head; i >= 0; i = table->rows[i].next_same_key) {
            indexes[count++] = i;
            if (count < VECTOR_CAPACITY) continue;
            ask_sink(inst, table, indexes, count);
            count = 0;
        }
    }
    if (count) ask_sink(inst, table, indexes, count);
}

/* One key's rows: the chain from `first` over next_same_key, in order of arrival. */
static enum status put_key(struct net_output *output, const struct sink_shared *shared, struct net_table *table,
                           int32_t first, struct error *err) {
    const uint8_t *old = NULL, *live = NULL;
    int live_count = 0;
    for (int32_t i = first; i >= 0; i = table->rows[i].next_same_key) {
        const struct net_row *row = &table->rows[i];
        if (row->refused) {
            TRY(put(output, row->row, ROW_INSERT, err));
            continue;
        }
        if (row->count < 0) old = row->row;
        if (row->count <= 0) continue;
        live_count++;
        if (!live || shared->input_append)
            live = row->row; /* append: the last wins */
        else if (shared->conflict == CONFLICT_DEDUPLICATE || shared->conflict == CONFLICT_NOTHING)
            live = larger_row(row->row, live) == (shared->conflict == CONFLICT_DEDUPLICATE) ? row->row : live;
        else
            return conflict_error(shared, output->inst, row->row, err);
    }
    if (shared->input_append && live_count > 1 && shared->conflict == CONFLICT_ERROR)
        return conflict_error(shared, output->inst, live, err);
    if (live) return put(output, live, old ? ROW_UPDATE_AFTER : ROW_INSERT, err);
    if (old) return put(output, old, ROW_DELETE, err);
    return STATUS_OK;
}

/* -U +U pairs of one key, the rest +I and -D; several rows per key may occur. */
static enum status put_pairs(struct net_output *output, struct net_table *table, int32_t first, struct error *err) {
    int32_t old = first, new = first;
    for (;;) {
        while (old >= 0 && table->rows[old].count >= 0) old = table->rows[old].next_same_key;
        while (new >= 0 && table->rows[new].count <= 0) new = table->rows[new].next_same_key;
        if (old < 0 && new < 0) return STATUS_OK;
        if (old >= 0 && new >= 0) {
            TRY(put(output, table->rows[old].row, ROW_UPDATE_BEFORE, err));
            TRY(put(output, table->rows[new].row, ROW_UPDATE_AFTER, err));
            table->rows[old].count++;
            table->rows[new].count--;
        } else if (old >= 0) {
            TRY(put(output, table->rows[old].row, ROW_DELETE, err));
            table->rows[old].count++;
        } else {
            TRY(put(output, table->rows[new].row, ROW_INSERT, err));
            table->rows[new].count--;
        }
    }
}

/* Chains rows of equal keys in order of arrival; heads[i] tells whether row i begins a chain. */
static uint8_t *chain_keys(const struct sink_shared *shared, struct net_table *table, struct op_instance *inst) {
    uint8_t *heads = arena_zalloc(inst->step_arena, table->row_count + 1);
    uint32_t bucket_count = 1;
    while (bucket_count < table->row_count * 2) bucket_count *= 2;
    int32_t *first = arena_alloc(inst->step_arena, bucket_count * sizeof *first);
    int32_t *last = arena_alloc(inst->step_arena, table->row_count * sizeof *last); /* by head */
    memset(first, 0xFF, bucket_count * sizeof *first);
    /* Key hashes of rows in row form: gathered back into chunks of key columns. */
    uint64_t hash[VECTOR_CAPACITY];
    struct arena scratch;
    arena_init(&scratch, NULL);
    int key_columns[OP_MAX_PORTS * 16];
    int hashed = shared->key_count < (int)(sizeof key_columns / sizeof *key_columns)
                     ? shared->key_count
                     : (int)(sizeof key_columns / sizeof *key_columns);
    for (int i = 0; i < hashed; i++) key_columns[i] = i;
    for (size_t from = 0; from < table->row_count; from += VECTOR_CAPACITY) {
        int count = (int)(table->row_count - from < VECTOR_CAPACITY ? table->row_count - from : VECTOR_CAPACITY);
        arena_reset(&scratch);
        const uint8_t *rows[VECTOR_CAPACITY];
        for (int i = 0; i < count; i++) rows[i] = table->rows[from + (size_t)i].row;
        struct chunk *keys = chunk_create(&scratch, hashed, shared->layout.types, VECTOR_CAPACITY);
        for (int c = 0; c < hashed; c++)
            row_gather(&shared->layout, rows, count, c, &keys->columns[c], &scratch, VECTOR_CAPACITY, 0, false);
        keys->row_count = keys->sel_count = count;
        chunk_hash(keys, key_columns, hashed, hash);
        for (int i = 0; i < count; i++) {
            int32_t index = (int32_t)from + i;
            struct net_row *row = &table->rows[index];
            row->next_same_key = -1;
            uint32_t bucket = (uint32_t)hash[i] & (bucket_count - 1);
            int32_t head = first[bucket]; /* heads are chained by `next`, free again by now */
            while (head >= 0 && !row_equals_row(&shared->layout, table->rows[head].row, row->row, shared->key_count))
                head = table->rows[head].next;
            if (head >= 0) {
                table->rows[last[head]].next_same_key = index;
                last[head] = index;
            } else {
                heads[index] = 1;
                last[index] = index;
                row->next = first[bucket];
                first[bucket] = index;
            }
        }
    }
    arena_destroy(&scratch);
    return heads;
}

static enum status sink_end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    const struct sink_shared *shared = inst->op->shared;
    struct net_table *table = inst->local;
    if (!table->row_count) return STATUS_OK;
    struct net_output *output = arena_zalloc(inst->step_arena, sizeof *output);
    output->inst = inst;
    output->ctx = ctx;
    enum status status = STATUS_OK;
    if (shared->key_count) {
        uint8_t *heads = chain_keys(shared, table, inst);
        if (shared->mode == SINK_UPSERT && shared->input_append && exec_sink_of(inst->op)->refuses)
            find_refused(inst, table, heads);
        for (size_t i = 0; i < table->row_count && status == STATUS_OK; i++) {
            if (!heads[i]) continue;
            status = shared->mode == SINK_UPSERT ? put_key(output, shared, table, (int32_t)i, err)
                                                 : put_pairs(output, table, (int32_t)i, err);
        }
    } else {
        /* Deletes first: a display that applies changes in order never removes a row before it has come. */
        for (int sign = -1; sign <= 1 && status == STATUS_OK; sign += 2)
            for (size_t i = 0; i < table->row_count && status == STATUS_OK; i++)
                for (int32_t n = table->rows[i].count * sign; n > 0 && status == STATUS_OK; n--)
                    status = put(output, table->rows[i].row, sign < 0 ? ROW_DELETE : ROW_INSERT, err);
    }
    if (status == STATUS_OK) status = flush_output(output, err);
    table->row_count = 0;
    if (table->bucket_count) memset(table->buckets, 0xFF, table->bucket_count * sizeof *table->buckets);
    return status;
}

/* In a source stage the rows of all instances must be netted, not only those of instance 0 whose end_step runs: every morsel
 * nets its own rows there (the planner exchanges before keyed sinks, so that only whole-row changelogs come this way). */
static enum status sink_end_morsel(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    TRY(sink_end_step(inst, ctx, err));
    return finish_morsel(inst, ctx, err);
}

const struct op_class exec_sink_class = {.kind = PNODE_SINK,
                                         .open = sink_open,
                                         .open_instance = sink_open_instance,
                                         .push = sink_push,
                                         .end_morsel = sink_end_morsel,
                                         .end_step = sink_end_step,
                                         .close_instance = sink_close_instance,
                                         .close = sink_close};
