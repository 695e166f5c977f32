/* From rows to requests. Rows of one partition go together as an unlogged batch, which the server applies as one mutation; all
 * others each by itself. How many requests are in flight is up to sink_limit.h, how many bytes and rows a second go out
 * to the settings. Buffers and requests are used again: nothing is allocated per row. */
#include <stdlib.h>
#include <time.h>

#include "cass/bytes.h"
#include "cass/murmur3.h"
#include "connector/cassandra/sink_private.h"

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- Answers ---- */

/* RESULT of a conditional write: [applied] is the first column of its only row. */
static bool was_applied(const struct cql_response *response) {
    struct arena arena;
    struct cql_rows rows;
    struct error ignored;
    enum cql_result_kind kind;
    bool applied = true;
    arena_init(&arena, NULL);
    if (cql_read_result_kind(response, &kind, &ignored) == STATUS_OK && kind == CQL_RESULT_ROWS &&
        cql_read_rows(response, &arena, &rows, &ignored) == STATUS_OK && rows.row_count == 1) {
        struct cass_reader r = cass_reader_over(rows.cells, rows.size_bytes);
        struct str cell = cass_read_bytes(&r);
        applied = !(cell.len == 1 && cell.data[0] == 0);
    }
    arena_destroy(&arena);
    return applied;
}

void sink_free_write(struct write *write) {
    strbuf_free(&write->bytes);
    free(write->refusal);
    free(write);
}

static void put_aside(struct sink *sink, struct write *write, const struct error *why) {
    if (why) {
        write->refusal = xmalloc(sizeof *why);
        *write->refusal = *why;
    }
    write->next = sink->refused;
    sink->refused = write;
    atomic_store(&sink->any_refused, true);
}

static void on_written(struct cql_request *request, struct cql_response *response, const struct error *err) {
    struct write *write = request->data;
    struct sink *sink = write->sink;
    bool unapplied = response && sink->conditional && !was_applied(response);
    cql_response_free(response);
    int64_t now = now_ns();
    atomic_fetch_sub_explicit(&sink->in_flight_bytes, write->bytes.len, memory_order_relaxed);
    bool refused = err && sink_is_refusal(request, err);
    if (!refused && !unapplied && write->bytes.capacity > CASSANDRA_KEPT_BUFFER_BYTES) strbuf_free(&write->bytes);
    pthread_mutex_lock(&sink->lock);
    if (request->attempts > 0 && !refused)
        limit_overloaded(&sink->limit, now, write->sent_ns);
    else
        limit_answered(&sink->limit, now, write->sent_ns, sink->in_flight);
    sink->in_flight--;
    if (unapplied && sink->unapplied_rows && !sink->closed) /* else the job and its counters are gone */
        atomic_fetch_add(sink->unapplied_rows, 1);
    if (refused || (unapplied && sink->refused_file)) {
        put_aside(sink, write, err);
    } else {
        if (err && !sink->failed) {
            sink->failed = true;
            sink->error = *err;
        }
        write->next = sink->free_writes;
        sink->free_writes = write;
    }
    bool last = sink->closed && !sink->in_flight;
    if (sink->waiting) pthread_cond_signal(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    if (last) sink_free(sink);
}

/* ---- Sending ---- */

enum status sink_failure(struct sink *sink, struct error *err) {
    if (sink->failed) {
        if (err) *err = sink->error;
        return sink->error.code;
    }
    if (sink->interrupted) return error_set(err, STATUS_CANCELLED, "the job was cancelled");
    return STATUS_OK;
}

static void wait_until(struct sink *sink, int64_t until_ns) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t rest_ns = until_ns - now_ns();
    if (rest_ns <= 0) return;
    until.tv_sec += rest_ns / 1000000000;
    until.tv_nsec += rest_ns % 1000000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    sink->waiting = true;
    pthread_cond_timedwait(&sink->changed, &sink->lock, &until);
    sink->waiting = false;
}

/* Leaky bucket: what goes now pushes the next ones back by the time that it is worth. */
static void charge(int64_t *due_ns, int64_t now, int64_t per_second, int64_t amount) {
    int64_t earliest = now - CASSANDRA_RATE_BURST_MS * INT64_C(1000000);
    if (*due_ns < earliest) *due_ns = earliest;
    *due_ns += (int64_t)((double)amount * 1e9 / (double)per_second);
}

/* The lock is held. */
static void wait_for_rates(struct sink *sink, int64_t rows, int64_t bytes) {
    int64_t due_ns = sink->rows_due_ns > sink->bytes_due_ns ? sink->rows_due_ns : sink->bytes_due_ns;
    while (due_ns > now_ns() && !sink->failed && !sink->interrupted) wait_until(sink, due_ns);
    int64_t now = now_ns();
    if (sink->rows_per_second) charge(&sink->rows_due_ns, now, sink->rows_per_second, rows);
    if (sink->bytes_per_second) charge(&sink->bytes_due_ns, now, sink->bytes_per_second, bytes);
}

static bool is_full(const struct sink *sink) {
    return sink->in_flight &&
           (sink->in_flight >= sink->limit.value ||
            atomic_load_explicit(&sink->in_flight_bytes, memory_order_relaxed) >= CASSANDRA_MAX_UNSENT_BYTES);
}

/* Waits for room and takes a place in it. */
static enum status take_write(struct sink *sink, int64_t rows, int64_t bytes, struct write **out, struct error *err) {
    pthread_mutex_lock(&sink->lock);
    while (is_full(sink) && !sink->failed && !sink->interrupted) {
        sink->waiting = true;
        pthread_cond_wait(&sink->changed, &sink->lock);
        sink->waiting = false;
    }
    if (sink->rows_per_second || sink->bytes_per_second) wait_for_rates(sink, rows, bytes);
    enum status status = sink_failure(sink, err);
    struct write *write = NULL;
    if (status == STATUS_OK) {
        sink->in_flight++;
        write = sink->free_writes;
        if (write) sink->free_writes = write->next;
    }
    pthread_mutex_unlock(&sink->lock);
    if (status == STATUS_OK && !write) {
        write = xcalloc(1, sizeof *write);
        write->sink = sink;
    }
    *out = write;
    return status;
}

static void init_request(struct sink *sink, struct write *write, enum cql_request_kind kind, int64_t micros) {
    struct cql_request *request = &write->request;
    cql_request_init(request, kind);
    /* The timestamp is ours: the same write again changes nothing. */
    request->idempotent = !sink->counters && !sink->conditional && !sink->lists;
    request->table = sink->target.schema->full_name;
    request->done = on_written;
    request->data = write;
    request->parameters.consistency = sink->consistency;
    request->parameters.timestamp = micros;
    request->has_token = sink->has_token;
    request->token = sink->token;
    request->keyspace = sink->target.schema->keyspace;
}

static void submit(struct sink *sink, struct write *write, struct strbuf *bytes) {
    struct strbuf empty = write->bytes;
    write->bytes = *bytes;
    *bytes = empty;
    strbuf_clear(bytes);
    struct str sent = strbuf_str(&write->bytes);
    if (write->request.kind == CQL_REQUEST_BATCH)
        write->request.statements = sent;
    else
        write->request.parameters.values = sent;
    write->sent_ns = now_ns();
    atomic_fetch_add_explicit(&sink->in_flight_bytes, sent.len, memory_order_relaxed);
    cql_submit(cassandra_handle_cluster(sink->target.handle), &write->request);
}

enum status sink_send(struct sink *sink, const struct statement *statement, struct strbuf *bytes, int64_t micros,
                      struct error *err) {
    struct write *write;
    if (sink->dry_run) {
        strbuf_clear(bytes);
        return STATUS_OK;
    }
    TRY(take_write(sink, 1, (int64_t)bytes->len, &write, err));
    init_request(sink, write, CQL_REQUEST_EXECUTE, micros);
    write->statement = statement;
    write->request.prepared = statement->prepared;
    write->request.parameters.value_count = statement->bind_count;
    if (sink->conditional) write->request.parameters.serial_consistency = sink->serial_consistency;
    submit(sink, write, bytes);
    return STATUS_OK;
}

static enum status send_batch(struct sink *sink, int statements, int64_t micros, struct error *err) {
    struct write *write;
    if (sink->dry_run) return STATUS_OK;
    TRY(take_write(sink, statements, (int64_t)sink->batch.len, &write, err));
    init_request(sink, write, CQL_REQUEST_BATCH, micros);
    write->statement = NULL;
    write->request.batch_type = sink->counters ? CQL_BATCH_COUNTER : CQL_BATCH_UNLOGGED;
    write->request.statement_count = statements;
    submit(sink, write, &sink->batch);
    return STATUS_OK;
}

/* ---- Values ---- */

static bool is_null(const struct chunk *chunk, int column, int row) {
    return !validity_get(chunk->columns[column].validity, row);
}

/* Only of timestamps and TTLs, whose columns Cassandra's table does not have. */
static enum status encode_metadata(const struct bind *bind, const struct vector *vec, int row, struct strbuf *out,
                                   struct error *err) {
    int64_t value = vec->phys == PHYS_I32 ? ((const int32_t *)vec->data)[row] : ((const int64_t *)vec->data)[row];
    if (bind->kind == BIND_TTL) {
        if (value < 0 || value > INT32_MAX)
            return error_set(err, STATUS_OUT_OF_RANGE, "%lld is no TTL in seconds", (long long)value);
        cass_put_i32(out, 4);
        cass_put_i32(out, (int32_t)value);
        return STATUS_OK;
    }
    if (vec->type->id == TYPE_TIMESTAMP_LTZ && vec->type->precision > TYPE_MICROS_PRECISION)
        timestamp_rescale(value, vec->type->precision, TYPE_MICROS_PRECISION, &value); /* to fewer digits: fits */
    cass_put_i32(out, 8);
    cass_put_i64(out, value);
    return STATUS_OK;
}

static enum status encode_row(struct sink *sink, const struct statement *statement, const struct chunk *chunk, int row,
                              struct strbuf *out, struct error *err) {
    for (int i = 0; i < statement->bind_count; i++) {
        const struct bind *bind = &statement->binds[i];
        bool leave = bind->kind > BIND_VALUE || (bind->kind == BIND_VALUE && sink->ignore_null);
        if (leave && is_null(chunk, bind->column, row))
            cass_put_i32(out, CASS_UNSET);
        else if (bind->kind >= BIND_TTL)
            TRY(encode_metadata(bind, &chunk->columns[bind->column], row, out, err));
        else
            TRY(cass_encode(&sink->codecs[bind->column], &chunk->columns[bind->column], row, out, err));
    }
    return STATUS_OK;
}

/* ---- Rows ---- */

enum { LEAVE_OUT = -1 };

static enum status key_is_null(const struct sink *sink, int key, int *out, struct error *err) {
    *out = LEAVE_OUT;
    if (sink->drop_nulls) return STATUS_OK;
    error_set(err, STATUS_NULL_NOT_ALLOWED, "Cassandra, table %s: column '%s' is part of the key and cannot be NULL",
              sink->target.schema->full_name, sink->target.schema->columns[key].name);
    error_hint(err, "SET 'table.exec.sink.not-null-enforcer' = 'DROP' leaves such rows out");
    return STATUS_NULL_NOT_ALLOWED;
}

/* Which of the statements the row is for, or LEAVE_OUT. Rows without clustering columns are about static ones. */
static enum status choose_statement(const struct sink *sink, const struct chunk *chunk, enum row_kind kind, int row,
                                    int *out, struct error *err) {
    if (kind == ROW_UPDATE_BEFORE) {
        *out = LEAVE_OUT;
        return STATUS_OK;
    }
    int nulls = 0, null_key = 0;
    for (int k = 0; k < sink->key_count; k++) {
        if (sink->key[k] >= 0 && !is_null(chunk, sink->key[k], row)) continue;
        null_key = k;
        if (k < sink->partition_count) return key_is_null(sink, k, out, err);
        nulls++;
    }
    *out = kind == ROW_DELETE ? STATEMENT_DELETE : STATEMENT_WRITE;
    if (!nulls) return STATUS_OK;
    *out = kind == ROW_DELETE ? STATEMENT_DELETE_STATIC : STATEMENT_WRITE_STATIC;
    if (nulls == sink->key_count - sink->partition_count && sink->statements[*out].prepared) return STATUS_OK;
    return key_is_null(sink, null_key, out, err);
}

static int64_t write_micros(const struct sink *sink, const struct sink_rows *rows) {
    if (sink->counters || sink->conditional) return CQL_NO_TIMESTAMP;
    if (sink->fixed_micros != CQL_NO_TIMESTAMP) return sink->fixed_micros;
    return rows->write_micros > 0 ? rows->write_micros : CQL_NO_TIMESTAMP;
}

/* Encodes a row into sink->values; *statement is NULL when it is left out. */
static enum status take_row(struct sink *sink, const struct sink_rows *rows, int row,
                            const struct statement **statement, struct error *err) {
    int chosen;
    *statement = NULL;
    TRY(choose_statement(sink, rows->chunk, rows->kinds[row], row, &chosen, err));
    if (chosen == LEAVE_OUT) return STATUS_OK;
    struct error why;
    strbuf_clear(&sink->values);
    *statement = &sink->statements[chosen];
    if (encode_row(sink, *statement, rows->chunk, row, &sink->values, &why) == STATUS_OK) return STATUS_OK;
    enum status status = sink_refuse_row(sink, *statement, rows->chunk, row, &why, err);
    *statement = NULL;
    return status;
}

bool sink_refuses(struct sink *sink, const struct chunk *chunk, int row) {
    if (!sink->bad_rows && !sink->skip_refused) return false;
    int chosen;
    struct error ignored;
    struct strbuf values = {0};
    if (choose_statement(sink, chunk, ROW_INSERT, row, &chosen, &ignored) != STATUS_OK || chosen == LEAVE_OUT)
        return false;
    bool refused = encode_row(sink, &sink->statements[chosen], chunk, row, &values, &ignored) != STATUS_OK;
    strbuf_free(&values);
    return refused;
}

static enum status write_single(struct sink *sink, const struct sink_rows *rows, int row, struct error *err) {
    const struct statement *statement;
    if (atomic_load_explicit(&sink->any_refused, memory_order_relaxed)) TRY(sink_settle(sink, err));
    TRY(take_row(sink, rows, row, &statement, err));
    return statement ? sink_send(sink, statement, &sink->values, write_micros(sink, rows), err) : STATUS_OK;
}

/* As many of the rows order[0 … count-1], all of one partition, as fit into a batch; *used says how many. */
static enum status write_batch(struct sink *sink, const struct sink_rows *rows, const sel_index *order, int count,
                               int *used, struct error *err) {
    int statements = 0, row = 0;
    if (atomic_load_explicit(&sink->any_refused, memory_order_relaxed)) TRY(sink_settle(sink, err));
    strbuf_clear(&sink->batch);
    for (; row < count && statements < CASSANDRA_MAX_BATCH_STATEMENTS; row++) {
        const struct statement *statement;
        TRY(take_row(sink, rows, order[row], &statement, err));
        if (!statement) continue;
        const struct cql_prepared *prepared = statement->prepared;
        if (sink->batch.len && sink->batch.len + sink->values.len + prepared->id.len > sink->batch_bytes) break;
        cql_put_batch_statement(&sink->batch, prepared->id, prepared->bind_count, strbuf_str(&sink->values));
        statements++;
    }
    *used = row;
    return statements ? send_batch(sink, statements, write_micros(sink, rows), err) : STATUS_OK;
}

/* ---- Grouping ---- */

struct placed {
    int64_t token;
    sel_index row;
};

static int compare_placed(const void *a, const void *b) {
    const struct placed *x = a, *y = b;
    if (x->token != y->token) return x->token < y->token ? -1 : 1;
    return (int)x->row - (int)y->row;
}

/* The row's token: rows of one partition have the same. What cannot be encoded is alone, and is refused when it is
 * written. */
static bool row_token(struct sink *sink, const struct chunk *chunk, int row, int64_t *out) {
    struct error ignored;
    strbuf_clear(&sink->partition);
    for (int k = 0; k < sink->partition_count; k++) {
        int column = sink->key[k];
        if (is_null(chunk, column, row)) return false;
        strbuf_clear(&sink->part);
        if (cass_encode(&sink->codecs[column], &chunk->columns[column], row, &sink->part, &ignored) != STATUS_OK)
            return false;
        struct str part = {sink->part.data + 4, sink->part.len - 4};
        if (cass_partition_key_add(&sink->partition, sink->partition_count, part, &ignored) != STATUS_OK) return false;
    }
    *out = cass_murmur3_token(sink->partition.data ? sink->partition.data : "", sink->partition.len);
    return true;
}

static enum status write_grouped(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    struct placed placed[VECTOR_CAPACITY];
    sel_index order[VECTOR_CAPACITY];
    int count = 0;
    for (int row = 0; row < rows->chunk->row_count; row++) {
        placed[count].row = (sel_index)row;
        sink->has_token = false;
        if (row_token(sink, rows->chunk, row, &placed[count].token))
            count++;
        else
            TRY(write_single(sink, rows, row, err));
    }
    sink->has_token = true;
    qsort(placed, (size_t)count, sizeof *placed, compare_placed);
    for (int i = 0; i < count; i++) order[i] = placed[i].row;
    for (int first = 0; first < count;) {
        int last = first + 1, used = 1;
        while (last < count && placed[last].token == placed[first].token) last++;
        sink->token = placed[first].token;
        if (last - first == 1)
            TRY(write_single(sink, rows, order[first], err));
        else
            TRY(write_batch(sink, rows, order + first, last - first, &used, err));
        first += used;
    }
    return STATUS_OK;
}

enum status sink_write_rows(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    if (sink->grouped) return write_grouped(sink, rows, err);
    bool routes = cql_cluster_routes(cassandra_handle_cluster(sink->target.handle));
    for (int row = 0; row < rows->chunk->row_count; row++) {
        sink->has_token = routes && row_token(sink, rows->chunk, row, &sink->token);
        TRY(write_single(sink, rows, row, err));
    }
    return STATUS_OK;
}
