/* Writing: a step's rows are gathered and committed with the step's id in one transaction at its end.
 *
 * Keyed tables take upserts and deletes, tables with a hidden key or with counters inserts: each row adds to the counters,
 * and since a step is committed once with its id, also in a job with checkpoints. Columns that the INSERT does not name
 * stay unset; a computed NULL is written. A step whose id is not above the last committed one is a replay: its rows are taken
 * and forgotten. */
#include <stdlib.h>

#include "connector/store/store_private.h"

struct sink {
    struct arena arena;
    struct store *store;
    const struct store_table *table;
    struct store_writer *writer;
    const char *job_id;
    int sink_index;
    bool exactly_once, registered, dry_run;
    bool updates;         /* rows of UPDATE: cells without the row's marker */
    int64_t done_step_id; /* last one that is in the store */
    int64_t write_micros; /* of the step being written */
    uint8_t *ops;
    size_t ops_capacity;
};

static enum changes accepts(const struct table *table) {
    return table->primary_key_count && !store_definition_has_counters(table) ? CHANGES_UPSERT : CHANGES_APPEND;
}

static void sink_close(struct sink *sink, bool failed) {
    (void)failed; /* what is not committed is in no table */
    store_writer_close(sink->writer);
    free(sink->ops);
    store_close(sink->store);
    arena_destroy(&sink->arena);
    free(sink);
}

static enum status sink_open(const struct table *table, const struct sink_options *options, struct sink **out,
                             struct error *err) {
    struct sink *sink = xcalloc(1, sizeof *sink);
    const int *columns;
    struct store *store;
    struct store_write_options write_options;
    enum status status = STATUS_OK;
    arena_init(&sink->arena, NULL);
    sink->exactly_once = options->exactly_once;
    sink->updates = options->statement == SINK_UPDATE;
    sink->dry_run = store_table_dry_run(table);
    sink->job_id = arena_strdup(&sink->arena, options->job_id ? options->job_id : "");
    sink->sink_index = options->sink_index;
    TRY_CLEANUP(store_table_open(table, &store, &sink->arena, &sink->table, err));
    sink->store = store_ref(store);
    if (sink->updates && sink->table->has_counters) {
        status = error_set(err, STATUS_NOT_SUPPORTED, "table '%s' has counters, which UPDATE cannot set", table->name);
        error_hint(err, "INSERT adds its values to them");
        goto cleanup;
    }
    TRY_CLEANUP(
        store_table_columns(table, sink->table, options->columns, options->column_count, &sink->arena, &columns, err));
    TRY_CLEANUP(
        store_writer_open(store, sink->table, columns, options->column_count, options->account, &sink->writer, err));
    TRY_CLEANUP(store_table_write_options(table, &write_options, err));
    write_options.replace = options->overwrite;
    store_writer_set_options(sink->writer, &write_options);
    *out = sink;
cleanup:
    if (status != STATUS_OK) sink_close(sink, true);
    return status;
}

/* Before the first row: a job that starts anew under a known id counts its steps from 1 again. */
static enum status make_known(struct sink *sink, bool fresh, struct error *err) {
    if (!sink->exactly_once || sink->registered) return STATUS_OK;
    TRY(store_step_register(sink->store, sink->job_id, sink->sink_index, sink->table, fresh, err));
    TRY(store_step_done(sink->store, sink->job_id, sink->sink_index, &sink->done_step_id, err));
    sink->registered = true;
    return STATUS_OK;
}

static enum status sink_restore(struct sink *sink, int64_t last_step_id, int64_t checkpoint_id, struct str prepared,
                                struct error *err) {
    (void)last_step_id; /* the store knows its own last step, which may be later */
    (void)checkpoint_id;
    (void)prepared;
    return make_known(sink, false, err);
}

static enum status sink_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    if (sink->dry_run) return STATUS_OK;
    TRY(make_known(sink, true, err));
    if (sink->exactly_once && rows->step_id <= sink->done_step_id) return STATUS_OK;
    sink->write_micros = rows->write_micros;
    ARRAY_RESERVE(sink->ops, sink->ops_capacity, rows->chunk->row_count);
    for (int i = 0; i < rows->chunk->row_count; i++) {
        switch ((enum row_kind)rows->kinds[i]) {
        case ROW_INSERT:
        case ROW_UPDATE_AFTER: sink->ops[i] = sink->updates ? STORE_UPDATE : STORE_INSERT; break;
        case ROW_UPDATE_BEFORE: sink->ops[i] = STORE_SKIP; break; /* its +U has the same key */
        case ROW_DELETE: sink->ops[i] = STORE_DELETE; break;
        }
    }
    return store_writer_add(sink->writer, rows->chunk, sink->ops, rows->write_micros, err);
}

static enum status sink_end_step(struct sink *sink, int64_t step_id, struct error *err) {
    if (sink->dry_run) return STATUS_OK;
    TRY(make_known(sink, true, err));
    if (sink->exactly_once && step_id <= sink->done_step_id) return STATUS_OK;
    struct store_step step = {sink->job_id, sink->sink_index, step_id, sink->write_micros};
    TRY(store_writer_commit(sink->writer, sink->exactly_once ? &step : NULL, err));
    sink->done_step_id = step_id;
    return STATUS_OK;
}

static enum status sink_flush(struct sink *sink, struct error *err) {
    (void)sink; /* end_step returns when the rows are on disk */
    (void)err;
    return STATUS_OK;
}

static bool overwrites(const struct table *table) {
    (void)table;
    return true;
}

static bool modifies(const struct table *table) { return table->primary_key_count > 0; }

/* ---- DELETE without reading ---- */

static enum status delete_ranges(const struct table *table, struct store *store, const struct store_table *stored,
                                 const struct store_deletion *deletion, int64_t write_micros, struct error *err) {
    int keys[STORE_MAX_KEY_COLUMNS];
    struct store_write_options options;
    struct store_writer *writer;
    for (int i = 0; i < stored->key_count; i++) keys[i] = stored->keys[i].column;
    TRY(store_table_write_options(table, &options, err));
    TRY(store_writer_open(store, stored, keys, stored->key_count, NULL, &writer, err));
    store_writer_set_options(writer, &options);
    enum status status = STATUS_OK;
    struct strbuf key = {0};
    for (int i = 0; i < deletion->range_count && status == STATUS_OK; i++) {
        const struct store_range *range = &deletion->ranges[i];
        strbuf_clear(&key);
        strbuf_add(&key, range->start.data, range->start.len);
        if (stored->key_count == stored->partition_count) store_key_rows(&key); /* a partition is one row */
        status = deletion->single_rows ? store_writer_delete_key(writer, strbuf_str(&key), write_micros, err)
                                       : store_writer_delete_range(writer, range, write_micros, err);
    }
    strbuf_free(&key);
    if (status == STATUS_OK) status = store_writer_commit(writer, NULL, err);
    store_writer_close(writer);
    return status;
}

static enum status delete_where(const struct table *table, const struct predicate *predicates, int predicate_count,
                                int64_t write_micros, bool *taken, struct strbuf *explain, struct error *err) {
    struct arena arena;
    struct store *store;
    const struct store_table *stored;
    struct store_deletion deletion;
    arena_init(&arena, NULL);
    enum status status = store_table_open(table, &store, &arena, &stored, err);
    if (status == STATUS_OK)
        status = store_deletion_ranges(stored, table, predicates, predicate_count, &arena, &deletion, explain, err);
    *taken = status == STATUS_OK && deletion.possible;
    if (*taken && write_micros >= 0) status = delete_ranges(table, store, stored, &deletion, write_micros, err);
    arena_destroy(&arena);
    return status;
}

static enum status truncate(const struct table *table, struct error *err) {
    struct arena arena;
    struct store *store;
    const struct store_table *stored;
    arena_init(&arena, NULL);
    enum status status = store_table_open(table, &store, &arena, &stored, err);
    arena_destroy(&arena);
    return status == STATUS_OK ? store_truncate_table(store, table->database, table->name, err) : status;
}

const struct sink_class store_sink_class = {
    .accepts = accepts,
    .open = sink_open,
    .write = sink_write,
    .end_step = sink_end_step,
    .flush = sink_flush,
    .restore = sink_restore,
    .close = sink_close,
    .overwrites = overwrites,
    .modifies = modifies,
    .delete_where = delete_where,
    .truncate = truncate,
};
