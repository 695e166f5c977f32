/* Results of queries on their way to the handler.
 *
 * A collector receives a COLLECT node's rows on the sink's thread. Append-only results, and all results in CHANGELOG and TABLEAU mode, pass
 * straight on. Other results in TABLE mode are kept as a multiset of rows (in row form, in order of arrival) to which changes are
 * applied; the handler gets the table at the end, and snapshots of it while the query runs if it wants them. */
#include <stdlib.h>

#include "base/clock.h"
#include "session/session_private.h"

enum { SNAPSHOT_INTERVAL_MS = 200, MAX_ORDER_KEYS = 64 };

struct kept_row {
    uint64_t hash;
    uint8_t *row;
    int64_t count;
    int32_t next; /* hash chain */
};

struct result_collector {
    const struct result_handler *handler;
    const struct schema *schema;
    bool keeps, streaming, changelog;
    const struct sort_key *order; /* of a TOP_N result */
    int order_count;
    int64_t max_rows, row_count;
    struct row_layout layout;
    struct arena arena; /* of the layout */
    struct kept_row *rows;
    size_t kept_count, kept_capacity;
    int32_t *buckets;
    uint32_t bucket_count;
    int64_t live_rows;
    int64_t last_snapshot_ns;
};

struct result_collector *result_collector_create(const struct result_handler *handler, const struct schema *schema,
                                                 enum result_mode mode, bool streaming, bool append_only,
                                                 const struct sort_key *order, int order_count, int64_t max_rows) {
    struct result_collector *collector = xcalloc(1, sizeof *collector);
    collector->handler = handler;
    collector->schema = schema;
    collector->streaming = streaming;
    collector->changelog = mode != RESULT_TABLE;
    collector->keeps = mode == RESULT_TABLE && !append_only;
    collector->order = order;
    collector->order_count = order_count < MAX_ORDER_KEYS ? order_count : MAX_ORDER_KEYS;
    collector->max_rows = max_rows;
    arena_init(&collector->arena, NULL);
    if (collector->keeps && streaming && order_count == 0) {
        /* Without an order of its own a result that is redrawn while it changes would have its rows jump about. */
        struct sort_key *keys = ARENA_ARRAY(&collector->arena, struct sort_key, schema->column_count + 1);
        for (int i = 0; i < schema->column_count && collector->order_count < MAX_ORDER_KEYS; i++)
            if (!type_is_nested(schema->types[i])) keys[collector->order_count++].column = i;
        collector->order = keys;
    }
    row_layout_init(&collector->layout, &collector->arena, schema->column_count, schema->types);
    return collector;
}

struct sink *result_collector_sink(struct result_collector *collector) {
    return (struct sink *)collector;
}

void result_collector_destroy(struct result_collector *collector) {
    if (!collector) return;
    for (size_t i = 0; i < collector->kept_count; i++) free(collector->rows[i].row);
    free(collector->rows);
    free(collector->buckets);
    arena_destroy(&collector->arena);
    free(collector);
}

static void grow_buckets(struct result_collector *collector) {
    uint32_t count = collector->bucket_count ? collector->bucket_count * 2 : 64;
    collector->buckets = xrealloc(collector->buckets, count * sizeof *collector->buckets);
    collector->bucket_count = count;
    memset(collector->buckets, 0xFF, count * sizeof *collector->buckets);
    for (size_t i = 0; i < collector->kept_count; i++) {
        uint32_t bucket = (uint32_t)collector->rows[i].hash & (count - 1);
        collector->rows[i].next = collector->buckets[bucket];
        collector->buckets[bucket] = (int32_t)i;
    }
}

/* Dead rows leave when they are the majority, so that memory follows the result's size. */
static void compact(struct result_collector *collector) {
    size_t kept = 0;
    for (size_t i = 0; i < collector->kept_count; i++) {
        if (collector->rows[i].count == 0)
            free(collector->rows[i].row);
        else
            collector->rows[kept++] = collector->rows[i];
    }
    collector->kept_count = kept;
    memset(collector->buckets, 0xFF, collector->bucket_count * sizeof *collector->buckets);
    for (size_t i = 0; i < kept; i++) {
        uint32_t bucket = (uint32_t)collector->rows[i].hash & (collector->bucket_count - 1);
        collector->rows[i].next = collector->buckets[bucket];
        collector->buckets[bucket] = (int32_t)i;
    }
}

static enum status apply(struct result_collector *collector, const struct chunk *chunk, const uint8_t *kinds,
                         struct error *err) {
    uint64_t hash[VECTOR_CAPACITY];
    uint32_t sizes[VECTOR_CAPACITY];
    struct arena scratch;
    arena_init(&scratch, NULL);
    int *columns = ARENA_ARRAY(&scratch, int, chunk->column_count + 1);
    for (int i = 0; i < chunk->column_count; i++) columns[i] = i;
    chunk_hash(chunk, columns, chunk->column_count, hash);
    row_sizes(&collector->layout, chunk, NULL, sizes);
    uint8_t *rows[VECTOR_CAPACITY];
    for (int i = 0; i < chunk->row_count; i++) rows[i] = xmalloc(sizes[i]);
    row_encode(&collector->layout, chunk, NULL, hash, sizes, rows);
    arena_destroy(&scratch);
    enum status status = STATUS_OK;
    for (int i = 0; i < chunk->row_count; i++) {
        int sign = kinds[i] == ROW_INSERT || kinds[i] == ROW_UPDATE_AFTER ? 1 : -1;
        if (collector->kept_count >= collector->bucket_count) grow_buckets(collector);
        uint32_t bucket = (uint32_t)hash[i] & (collector->bucket_count - 1);
        int32_t found = -1;
        for (int32_t k = collector->buckets[bucket]; k >= 0; k = collector->rows[k].next)
            if (collector->rows[k].hash == hash[i] && collector->rows[k].count != 0 &&
                row_same(collector->rows[k].row, rows[i])) {
                found = k;
                break;
            }
        collector->live_rows += sign;
        if (found >= 0) {
            collector->rows[found].count += sign;
            free(rows[i]);
            continue;
        }
        ARRAY_RESERVE(collector->rows, collector->kept_capacity, collector->kept_count + 1);
        collector->rows[collector->kept_count] = (struct kept_row){hash[i], rows[i], sign, collector->buckets[bucket]};
        collector->buckets[bucket] = (int32_t)collector->kept_count++;
    }
    if (collector->live_rows > collector->max_rows)
        status = error_set(err, STATUS_LIMIT_EXCEEDED,
                           "the result has more than %lld rows (sql-client.execution.max-table-result.rows)",
                           (long long)collector->max_rows);
    if (collector->kept_count > 1024 && (int64_t)collector->kept_count > collector->live_rows * 4) compact(collector);
    return status;
}

/* The current rows as chunks (arena), sorted if the result has an order. */
struct sorted_row {
    char *key;
    size_t key_len;
    const struct kept_row *row;
};

static int compare_sorted(const void *a, const void *b) {
    const struct sorted_row *x = a, *y = b;
    size_t shorter = x->key_len < y->key_len ? x->key_len : y->key_len;
    int diff = memcmp(x->key, y->key, shorter);
    return diff ? diff : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static const struct chunk **current_rows(struct result_collector *collector, struct arena *arena, int *chunk_count) {
    struct sorted_row *sorted = ARENA_ARRAY(arena, struct sorted_row, collector->kept_count + 1);
    size_t count = 0, total = 0;
    struct strbuf key = {0};
    struct key_column keys[MAX_ORDER_KEYS];
    for (int i = 0; i < collector->order_count; i++)
        keys[i] = (struct key_column){.column = collector->order[i].column,
                                      .descending = collector->order[i].descending,
                                      .nulls_last = collector->order[i].nulls_last};
    for (size_t i = 0; i < collector->kept_count; i++) {
        const struct kept_row *row = &collector->rows[i];
        if (row->count <= 0) continue;
        total += (size_t)row->count;
        sorted[count] = (struct sorted_row){.row = row};
        if (collector->order_count) {
            const uint8_t *bytes = row->row;
            struct arena scratch;
            arena_init(&scratch, NULL);
            struct chunk *chunk = row_gather_chunk(&collector->layout, &bytes, 1, &scratch, false);
            strbuf_clear(&key);
            key_encode(&key, chunk, keys, collector->order_count, 0);
            sorted[count].key = arena_memdup(arena, key.data, key.len);
            sorted[count].key_len = key.len;
            arena_destroy(&scratch);
        }
        count++;
    }
    strbuf_free(&key);
    if (collector->order_count) qsort(sorted, count, sizeof *sorted, compare_sorted);
    const struct chunk **chunks = ARENA_ARRAY(arena, const struct chunk *, total / VECTOR_CAPACITY + 2);
    *chunk_count = 0;
    const uint8_t *rows[VECTOR_CAPACITY];
    int n = 0;
    for (size_t i = 0; i < count; i++)
        for (int64_t copy = 0; copy < sorted[i].row->count; copy++) {
            rows[n++] = sorted[i].row->row;
            if (n < VECTOR_CAPACITY) continue;
            chunks[(*chunk_count)++] = row_gather_chunk(&collector->layout, rows, n, arena, false);
            n = 0;
        }
    if (n) chunks[(*chunk_count)++] = row_gather_chunk(&collector->layout, rows, n, arena, false);
    return chunks;
}

static enum status collector_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    struct result_collector *collector = (struct result_collector *)sink;
    if (collector->keeps) return apply(collector, rows->chunk, rows->kinds, err);
    collector->row_count += rows->chunk->row_count;
    return collector->handler->rows(collector->handler->data, rows->chunk, rows->kinds, err);
}

static enum status collector_end_step(struct sink *sink, int64_t step_id, struct error *err) {
    (void)step_id;
    struct result_collector *collector = (struct result_collector *)sink;
    const struct result_handler *handler = collector->handler;
    if (!collector->keeps || !collector->streaming || !handler->live || !handler->snapshot) return STATUS_OK;
    int64_t now = clock_monotonic_ns();
    if (now - collector->last_snapshot_ns < SNAPSHOT_INTERVAL_MS * INT64_C(1000000)) return STATUS_OK;
    collector->last_snapshot_ns = now;
    struct arena arena;
    arena_init(&arena, NULL);
    int chunk_count;
    const struct chunk **chunks = current_rows(collector, &arena, &chunk_count);
    enum status status = handler->snapshot(handler->data, collector->schema, chunks, chunk_count, err);
    arena_destroy(&arena);
    return status;
}

const struct sink_class result_collector_class = {.write = collector_write, .end_step = collector_end_step};

enum status result_collector_finish(struct result_collector *collector, struct error *err) {
    const struct result_handler *handler = collector->handler;
    if (collector->keeps) {
        struct arena arena;
        arena_init(&arena, NULL);
        int chunk_count;
        const struct chunk **chunks = current_rows(collector, &arena, &chunk_count);
        uint8_t kinds[VECTOR_CAPACITY];
        memset(kinds, ROW_INSERT, sizeof kinds);
        enum status status = STATUS_OK;
        for (int i = 0; i < chunk_count && status == STATUS_OK; i++) {
            collector->row_count += chunks[i]->row_count;
            status = handler->rows(handler->data, chunks[i], kinds, err);
        }
        arena_destroy(&arena);
        TRY(status);
    }
    return handler->end(handler->data, collector->row_count, err);
}

enum status result_strings(const struct result_handler *handler, const char *const *names, int column_count,
                           const char *const *cells, int row_count, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type **types = ARENA_ARRAY(&arena, const struct type *, column_count + 1);
    for (int i = 0; i < column_count; i++) types[i] = type_of(TYPE_VARCHAR);
    struct schema schema = {.column_count = column_count, .types = types, .names = names};
    enum status status = handler->begin(handler->data, &schema, false, false, err);
    uint8_t kinds[VECTOR_CAPACITY];
    memset(kinds, ROW_INSERT, sizeof kinds);
    for (int from = 0; from < row_count && status == STATUS_OK; from += VECTOR_CAPACITY) {
        int count = row_count - from < VECTOR_CAPACITY ? row_count - from : VECTOR_CAPACITY;
        struct chunk *chunk = chunk_create(&arena, column_count, types, count);
        for (int r = 0; r < count; r++)
            for (int c = 0; c < column_count; c++) {
                const char *cell = cells[(from + r) * column_count + c];
                struct value value = cell ? value_str(types[c], str_from(cell)) : value_null(types[c]);
                vector_set(&chunk->columns[c], &arena, count, r, &value);
            }
        chunk->row_count = chunk->sel_count = count;
        status = handler->rows(handler->data, chunk, kinds, err);
    }
    if (status == STATUS_OK) status = handler->end(handler->data, row_count, err);
    arena_destroy(&arena);
    return status;
}
