/* Writing: INSERT, UPDATE and DELETE, prepared, with the step's write timestamp on every cell, so that a step that is replayed writes
 * the same again. What fails and may be repeated is repeated by the client; a row that the server refuses goes to the error policy;
 * any other failure ends the sink. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "connector/cassandra/sink_private.h"

/* Counters count every row, and of IF NOT EXISTS the first one stays: rows of one key must not be netted. */
static enum changes sink_accepts(const struct table *table) {
    if (!table->primary_key_count || cassandra_setting_bool(table, "sink.if-not-exists")) return CHANGES_APPEND;
    struct arena arena;
    struct cassandra_target target;
    bool counters = false;
    arena_init(&arena, NULL);
    if (cassandra_target_open(table, &arena, &target, NULL) == STATUS_OK) { /* else opening says why */
        counters = target.schema->has_counters;
        cassandra_handle_release(target.handle);
    }
    arena_destroy(&arena);
    return counters ? CHANGES_APPEND : CHANGES_UPSERT;
}

/* ---- Opening ---- */

static void free_writes(struct write *writes) {
    for (struct write *next; writes; writes = next) {
        next = writes->next;
        sink_free_write(writes);
    }
}

void sink_free(struct sink *sink) {
    free_writes(sink->free_writes);
    free_writes(sink->refused);
    strbuf_free(&sink->values);
    strbuf_free(&sink->batch);
    strbuf_free(&sink->part);
    strbuf_free(&sink->partition);
    if (sink->refused_file) fclose(sink->refused_file);
    pthread_mutex_destroy(&sink->lock);
    pthread_cond_destroy(&sink->changed);
    for (int i = 0; i < STATEMENT_COUNT; i++) cql_prepared_release(sink->statements[i].prepared);
    cassandra_handle_release(sink->target.handle);
    struct arena arena = sink->arena; /* the struct lies in it */
    arena_destroy(&arena);
}

static enum status open_refused_file(struct sink *sink, const struct table *table, struct error *err) {
    const char *path = option_find(&table->options, "sink.bad-rows-file");
    if (!path) return STATUS_OK;
    sink->refused_path = arena_strdup(&sink->arena, path);
    sink->refused_file = fopen(path, "ae");
    if (sink->refused_file) return STATUS_OK;
    return error_set(err, STATUS_IO_ERROR, "option 'sink.bad-rows-file': cannot open %s: %s", path, strerror(errno));
}

static enum status read_settings(struct sink *sink, const struct table *table, const struct sink_options *options,
                                 struct error *err) {
    const struct option_def *tables[] = {cassandra_options, NULL};
    TRY(options_check(&table->options, tables, "a table in Cassandra", err)); /* hints have not been checked before */
    TRY(cassandra_write_consistency(table, &sink->consistency, err));
    cql_consistency_parse(str_from(cassandra_setting_text(table, "serial-consistency")), &sink->serial_consistency);
    sink->counters = sink->target.schema->has_counters;
    sink->conditional = options->statement == SINK_INSERT && cassandra_setting_bool(table, "sink.if-not-exists");
    if (sink->conditional && sink->serial_consistency == CQL_LOCAL_SERIAL &&
        cql_cluster_fails_over(cassandra_handle_cluster(sink->target.handle))) {
        error_set(err, STATUS_INVALID_OPTION,
                  "option 'serial-consistency' = 'LOCAL_SERIAL' is not enough with 'datacenter-failover': another "
                  "datacenter does not know what this one has decided");
        error_hint(err, "'serial-consistency' = 'SERIAL'");
        return STATUS_INVALID_OPTION;
    }
    sink->ignore_null = options->statement == SINK_INSERT && cassandra_setting_bool(table, "sink.ignore-null");
    sink->drop_nulls = options->drop_nulls;
    sink->skip_refused = str_compare_nocase(cassandra_setting_text(table, "sink.error-policy"), "skip") == 0;
    sink->max_refused = cassandra_setting(table, "sink.max-bad-rows");
    sink->fixed_micros = CQL_NO_TIMESTAMP;
    if (option_given(&table->options, "sink.timestamp"))
        sink->fixed_micros = cassandra_setting(table, "sink.timestamp");
    if (option_given(&table->options, "sink.ttl")) sink->ttl_seconds = cassandra_setting(table, "sink.ttl") / 1000;
    if (option_given(&table->options, "sink.rows-per-second"))
        sink->rows_per_second = cassandra_setting(table, "sink.rows-per-second");
    if (option_given(&table->options, "sink.bytes-per-second"))
        sink->bytes_per_second = cassandra_setting(table, "sink.bytes-per-second");
    sink->batch_bytes = (size_t)cassandra_setting(table, "sink.batch-size");
    sink->refused_rows = options->refused_rows;
    sink->unapplied_rows = options->unapplied_rows;
    sink->dry_run = cassandra_setting_bool(table, "sink.dry-run");
    sink->bad_rows = options->bad_rows;
    sink->table = table;
    sink->columns = arena_memdup(&sink->arena, options->columns, sizeof(int) * (size_t)(options->column_count + 1));
    return open_refused_file(sink, table, err);
}

static enum status open_sink(const struct table *table, const struct sink_options *options, struct sink *sink,
                             struct error *err) {
    TRY(cassandra_target_open(table, &sink->arena, &sink->target, err));
    if (sink->target.schema->is_view)
        return error_set(err, STATUS_NOT_SUPPORTED, "%s is a materialized view of Cassandra and cannot be written",
                         sink->target.schema->full_name);
    TRY(read_settings(sink, table, options, err));
    TRY(sink_prepare(sink, table, options, err));
    /* Without clustering columns every row is a partition of its own; a condition belongs to one row. */
    bool clustered = sink->key_count > sink->partition_count && sink->key[sink->partition_count] >= 0;
    sink->grouped = sink->batch_bytes > 0 && clustered && !sink->conditional;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    limit_init(&sink->limit, (int)cassandra_setting(table, "sink.max-in-flight"),
               (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
    return STATUS_OK;
}

static enum status sink_open(const struct table *table, const struct sink_options *options, struct sink **out,
                             struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL); /* may be freed by the last answer, when the job and its account are gone */
    struct sink *sink = ARENA_NEW(&arena, struct sink);
    sink->arena = arena;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->changed, NULL);
    enum status status = open_sink(table, options, sink, err);
    if (status != STATUS_OK) {
        sink_free(sink);
        return status;
    }
    *out = sink;
    return STATUS_OK;
}

/* ---- Waiting ---- */

static enum status sink_end_step(struct sink *sink, int64_t step_id, struct error *err) {
    (void)step_id;
    pthread_mutex_lock(&sink->lock);
    enum status status = sink_failure(sink, err);
    pthread_mutex_unlock(&sink->lock);
    return status;
}

static enum status sink_flush(struct sink *sink, struct error *err) {
    for (;;) {
        pthread_mutex_lock(&sink->lock);
        while (!sink->failed && !sink->interrupted && !sink->refused && sink->in_flight) {
            sink->waiting = true;
            pthread_cond_wait(&sink->changed, &sink->lock);
            sink->waiting = false;
        }
        enum status status = sink_failure(sink, err);
        bool refused = sink->refused != NULL;
        pthread_mutex_unlock(&sink->lock);
        if (status != STATUS_OK || !refused) return status;
        TRY(sink_settle(sink, err)); /* sends again, perhaps */
    }
}

static void sink_interrupt(struct sink *sink) {
    pthread_mutex_lock(&sink->lock);
    sink->interrupted = true;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
}

static void sink_close(struct sink *sink, bool failed) {
    (void)failed; /* nothing is held back that could be discarded: a replay writes the same cells again */
    pthread_mutex_lock(&sink->lock);
    sink->closed = true;
    bool last = !sink->in_flight;
    pthread_mutex_unlock(&sink->lock);
    if (last) sink_free(sink); /* else the last answer does */
}

static bool sink_modifies(const struct table *table) {
    (void)table; /* the key is Cassandra's, declared or not */
    return true;
}

const struct sink_class cassandra_sink_class = {
    .accepts = sink_accepts,
    .open = sink_open,
    .refuses = sink_refuses,
    .write = sink_write_rows,
    .end_step = sink_end_step,
    .flush = sink_flush,
    .interrupt = sink_interrupt,
    .close = sink_close,
    .modifies = sink_modifies,
    .delete_where = cassandra_delete_where,
    .truncate = cassandra_truncate,
};
