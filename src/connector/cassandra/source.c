/* Reading: a scan by token ranges, partitions by key, or the rows nearest to a vector. What goes to the server is decided by
 * pushdown.c, how pages are asked for by reader.c; here sources are opened and pages decoded.
 *
 * A split is one token range or one key; a block is one page of it, or the number of its rows when nothing else is wanted. */
#include <stdio.h>
#include <stdlib.h>

#include "connector/cassandra/source_private.h"

/* ---- Pushdown and opening ---- */

static enum status plan_access(const struct cassandra_target *target, const struct table *table,
                               const struct scan_request *request, struct arena *arena, enum pushdown_answer *answers,
                               struct cassandra_access *out, struct strbuf *explain, struct error *err) {
    struct cassandra_indexes indexes = {0};
    if (cassandra_wants_indexes(target->schema, table, request))
        TRY(cassandra_indexes_read(target->handle, target->schema, arena, &indexes, err));
    return cassandra_access_plan(target->schema, table, request, &indexes, arena, answers, out, explain, err);
}

/* A limit may be cut at the server only if no row that it returns is filtered away here. */
static int64_t pushed_limit(const struct scan_request *request, const struct cassandra_access *access) {
    return request->limit > 0 && request->limit <= INT32_MAX && access->all_exact ? request->limit : -1;
}

/* When only the rows' number matters the server may count. Offsets within a count there are none, so only where nobody goes on
 * after a restart; and only if wanted, since counting costs the server more than giving the rows out. */
static bool may_count(const struct table *table, const struct scan_request *request,
                      const struct cassandra_access *access) {
    bool every_row = request->limit < 0 && !access->partition_limit && access->all_exact;
    return request->column_count == 0 && request->bounded_only && every_row &&
           (access->kind == CASSANDRA_SCAN || access->kind == CASSANDRA_POINTS) &&
           cassandra_setting_bool(table, "scan.pushdown") && cassandra_setting_bool(table, "scan.count-at-server");
}

static void explain_splits(const struct table *table, const struct scan_request *request,
                           const struct cassandra_access *access, struct strbuf *out) {
    if (access->kind == CASSANDRA_POINTS)
        strbuf_printf(out, "; %d read%s by key", access->point_count, access->point_count == 1 ? "" : "s");
    else if (access->kind != CASSANDRA_SCAN)
        return;
    else if (option_given(&table->options, "scan.splits"))
        strbuf_printf(out, "; %lld token ranges", (long long)cassandra_setting(table, "scan.splits"));
    else if (access->index)
        strbuf_printf(out, "; %d token ranges", CASSANDRA_INDEX_SPLITS);
    else if (!request->bounded_only)
        strbuf_printf(out, "; %d token ranges", CASSANDRA_STREAM_SPLITS); /* checkpoints hold a hash of this text */
    else
        strbuf_printf(out, "; token ranges of %lld MB", (long long)cassandra_setting(table, "scan.split-size") >> 20);
}

/* How a table would be read, for as long as a question about it takes. */
struct inquiry {
    struct arena arena;
    struct cassandra_target target;
    struct cassandra_access access;
};

static void inquiry_close(struct inquiry *inquiry) {
    if (inquiry->target.handle) cassandra_handle_release(inquiry->target.handle);
    arena_destroy(&inquiry->arena);
}

/* answers, explain: as plan_access fills them, or NULL. Nothing is left to be closed when it fails. */
static enum status inquiry_open(const struct table *table, const struct scan_request *request,
                                enum pushdown_answer *answers, struct strbuf *explain, struct inquiry *out,
                                struct error *err) {
    *out = (struct inquiry){0};
    arena_init(&out->arena, NULL);
    if (!answers) answers = ARENA_ARRAY(&out->arena, enum pushdown_answer, request->predicate_count + 1);
    enum status status = cassandra_target_open(table, &out->arena, &out->target, err);
    if (status == STATUS_OK)
        status = plan_access(&out->target, table, request, &out->arena, answers, &out->access, explain, err);
    if (status != STATUS_OK) inquiry_close(out);
    return status;
}

static enum status source_pushdown(const struct table *table, const struct scan_request *request,
                                   enum pushdown_answer *answers, bool *limit_exact, struct strbuf *explain,
                                   struct error *err) {
    struct inquiry inquiry;
    TRY(inquiry_open(table, request, answers, explain, &inquiry, err));
    inquiry_close(&inquiry);
    if (limit_exact) *limit_exact = false;
    return STATUS_OK;
}

static enum status source_explain(const struct table *table, const struct scan_request *request, struct strbuf *out,
                                  struct error *err) {
    struct inquiry inquiry;
    TRY(inquiry_open(table, request, NULL, out, &inquiry, err));
    const struct cassandra_access *access = &inquiry.access;
    if (access->kind != CASSANDRA_NOTHING) {
        explain_splits(table, request, access, out);
        strbuf_puts(out, "; CQL: ");
        cassandra_put_select(out, inquiry.target.schema, table, request, access, pushed_limit(request, access),
                             may_count(table, request, access));
    }
    inquiry_close(&inquiry);
    return STATUS_OK;
}

static enum status source_groups(const struct table *table, const struct scan_request *request, bool *taken,
                                 struct error *err) {
    *taken = false;
    if (!cassandra_setting_bool(table, "scan.aggregates-at-server")) return STATUS_OK; /* nothing to ask for */
    struct inquiry inquiry;
    TRY(inquiry_open(table, request, NULL, NULL, &inquiry, err));
    *taken = cassandra_groups_taken(inquiry.target.schema, table, request, &inquiry.access, &inquiry.arena);
    inquiry_close(&inquiry);
    return STATUS_OK;
}

static bool source_is_bounded(const struct table *table) {
    (void)table;
    return true;
}

/* Rows by the server's estimates: partitions when they are rows, else the size in rows of a guessed width. */
static int64_t source_row_estimate(const struct table *table) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct cassandra_target target;
    struct cassandra_estimates estimates;
    int64_t rows = -1, size_bytes, partitions;
    if (option_given(&table->options, "scan.ann.column")) {
        rows = cassandra_setting(table, "scan.ann.limit");
    } else if (cassandra_target_open(table, &arena, &target, NULL) == STATUS_OK) {
        cassandra_estimates_read(target.handle, target.schema, &arena, &estimates);
        cassandra_estimates_sum(&estimates, &size_bytes, &partitions);
        int64_t row_bytes = 16 + 16 * (int64_t)target.schema->column_count;
        rows = partitions;
        if (target.schema->clustering_count && size_bytes / row_bytes > rows) rows = size_bytes / row_bytes;
        cassandra_handle_release(target.handle);
    }
    arena_destroy(&arena);
    return rows;
}

static void source_close(struct source *source) {
    cassandra_board_release(source->board);
    cql_prepared_release(source->select);
    cql_prepared_release(source->count);
    cassandra_handle_release(source->target.handle);
    struct arena arena = source->arena; /* the struct lies in it */
    arena_destroy(&arena);
}

static enum status prepare(const struct source *source, const struct table *table, const struct scan_request *request,
                           bool counting, int column_count, const struct cql_prepared **out, struct error *err) {
    const struct cassandra_schema *schema = source->target.schema;
    struct strbuf text = {0};
    cassandra_put_select(&text, schema, table, request, &source->access, source->limit, counting);
    enum status status =
        cql_prepare(cassandra_handle_cluster(source->target.handle), text.data, schema->full_name, out, err);
    strbuf_free(&text);
    TRY(status);
    if ((*out)->column_count != column_count)
        return error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: %d columns selected, %d announced",
                         schema->full_name, column_count, (*out)->column_count);
    if ((*out)->bind_count != source->access.value_count)
        return error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: %d values to bind, %d announced",
                         schema->full_name, source->access.value_count, (*out)->bind_count);
    return STATUS_OK;
}

/* Codecs and types of the output: the request's columns, and the aggregates of its groups. */
static enum status open_columns(struct source *source, const struct table *table, const struct scan_request *request,
                                struct error *err) {
    struct arena *arena = &source->arena;
    const struct scan_groups *groups = request->groups;
    source->plain_count = request->column_count;
    source->column_count = request->column_count + (groups ? groups->aggregate_count : 0);
    source->selected_count = cassandra_selected_count(source->target.schema, table, request);
    source->codecs = ARENA_ARRAY(arena, struct cass_codec, source->column_count + 1);
    source->types = ARENA_ARRAY(arena, const struct type *, source->column_count + 1);
    for (int i = 0; i < source->column_count; i++) {
        struct cass_codec *codec = &source->codecs[i];
        if (i < request->column_count) {
            TRY(cassandra_codec(&source->target, table, request->columns[i], arena, codec, err));
            source->types[i] = codec->type;
        } else {
            const struct scan_aggregate *aggregate = &groups->aggregates[i - request->column_count];
            TRY(cassandra_group_codec(source->target.schema, table, aggregate, arena, codec, err));
            source->types[i] = aggregate->type;
        }
    }
    return STATUS_OK;
}

static enum status open_source(const struct table *table, const struct scan_request *request, int parallelism,
                               struct source *source, struct error *err) {
    struct arena *arena = &source->arena;
    struct cassandra_access *access = &source->access;
    enum pushdown_answer *answers = ARENA_ARRAY(arena, enum pushdown_answer, request->predicate_count);
    TRY(cassandra_target_open(table, arena, &source->target, err));
    TRY(plan_access(&source->target, table, request, arena, answers, access, NULL, err));
    source->parallelism = parallelism < 1 ? 1 : parallelism;
    source->bounded_only = request->bounded_only;
    source->groups = request->groups != NULL;
    source->board = cassandra_board_new();
    source->max_page_rows = (int)cassandra_setting(table, "scan.page-size");
    source->page_bytes = cassandra_setting(table, "scan.page-bytes");
    source->prefetch_pages = (int)cassandra_setting(table, "scan.prefetch-pages");
    source->split_size_bytes = cassandra_setting(table, "scan.split-size");
    if (option_given(&table->options, "scan.splits"))
        source->wanted_splits = (int)cassandra_setting(table, "scan.splits");
    TRY(cassandra_consistency(table, CQL_LOCAL_ONE, &source->consistency, err));
    source->limit = pushed_limit(request, access);
    if (source->limit >= 0) {
        if (source->max_page_rows > source->limit) source->max_page_rows = (int)source->limit;
        if (access->kind == CASSANDRA_SCAN) source->prefetch_pages = 1;
    }
    TRY(open_columns(source, table, request, err));
    if (access->kind == CASSANDRA_NOTHING) return STATUS_OK;
    TRY(prepare(source, table, request, false, source->selected_count, &source->select, err));
    if (may_count(table, request, access)) {
        TRY(prepare(source, table, request, true, 1, &source->count, err));
        source->split_size_bytes /= CASSANDRA_COUNT_SPLITS; /* a count is one answer, which must come in time */
    }
    for (int i = 0; i < source->column_count; i++)
        if (!cass_type_equal(source->codecs[i].cass, source->select->columns[i].type))
            return error_set(err, STATUS_SERVER_ERROR, "Cassandra, table %s: column '%s' was changed meanwhile",
                             source->target.schema->full_name, source->codecs[i].column);
    return STATUS_OK;
}

static enum status source_open(const struct table *table, const struct scan_request *request, int parallelism,
                               struct mem_account *account, struct source **out, struct error *err) {
    struct arena arena;
    arena_init(&arena, account);
    struct source *source = ARENA_NEW(&arena, struct source);
    source->arena = arena;
    enum status status = open_source(table, request, parallelism, source, err);
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    *out = source;
    return STATUS_OK;
}

/* ---- Splits ---- */

static void even_ranges(int count, struct arena *arena, struct cassandra_ranges *out) {
    out->count = count;
    out->ranges = ARENA_ARRAY(arena, struct cassandra_range, count);
    for (int i = 0; i < count; i++) cassandra_token_range(i, count, &out->ranges[i].start, &out->ranges[i].end);
}

static void cut_at_tokens(const struct source *source, struct arena *arena, struct cassandra_ranges *ranges) {
    int64_t *ends;
    int *owners, tokens = cql_cluster_ring(cassandra_handle_cluster(source->target.handle), arena, &ends, &owners);
    cassandra_cut_at_tokens(ranges, ends, owners, tokens, arena);
}

/* rows_each: of a range, -1 unknown. */
static void cut_ranges(struct source *source, struct arena *arena, struct cassandra_ranges *out, int64_t *rows_each) {
    *rows_each = -1;
    int fixed = source->wanted_splits;
    if (!fixed && source->access.index) fixed = CASSANDRA_INDEX_SPLITS; /* few rows, wherever they are */
    /* streaming: no more than the checkpoints shall hold, whatever the table's size */
    bool at_tokens = !fixed && !source->bounded_only;
    if (at_tokens) fixed = CASSANDRA_STREAM_SPLITS;
    if (fixed) {
        even_ranges(fixed, arena, out);
        if (at_tokens) cut_at_tokens(source, arena, out);
        return;
    }
    struct cassandra_estimates estimates;
    int64_t size_bytes, partitions;
    cassandra_estimates_read(source->target.handle, source->target.schema, arena, &estimates);
    bool few_rows = source->limit >= 0 && source->limit <= source->max_page_rows;
    int least = few_rows ? 1 : CASSANDRA_SPLITS_PER_WORKER * source->parallelism;
    cassandra_cut_ring(&estimates, source->split_size_bytes, least, arena, out);
    if (!few_rows) cut_at_tokens(source, arena, out);
    cassandra_estimates_sum(&estimates, &size_bytes, &partitions);
    source->size_bytes = size_bytes;
    if (partitions >= 0 && !source->target.schema->clustering_count) *rows_each = partitions / out->count;
}

/* Each range counts alike. */
static int64_t progress_total(struct source *source) { return source->split_count; }

static enum status source_splits(struct source *source, struct arena *arena, struct split **splits, int *split_count,
                                 struct error *err) {
    (void)err;
    struct cassandra_ranges ranges = {0};
    int64_t rows_each = -1;
    int count = 0;
    switch (source->access.kind) {
    case CASSANDRA_SCAN:
        cut_ranges(source, arena, &ranges, &rows_each);
        count = ranges.count;
        break;
    case CASSANDRA_POINTS: count = source->access.point_count; break;
    case CASSANDRA_NEAREST: count = 1; break;
    case CASSANDRA_NOTHING: break;
    }
    struct split *out = ARENA_ARRAY(arena, struct split, count + 1);
    for (int i = 0; i < count; i++) {
        out[i].row_estimate = rows_each;
        out[i].start = (struct offset){0, (const uint8_t *)""};
        if (source->access.kind == CASSANDRA_POINTS)
            out[i].id = arena_printf(arena, "key %d", i);
        else if (source->access.kind == CASSANDRA_NEAREST)
            out[i].id = "nearest";
        else
            out[i].id =
                arena_printf(arena, "(%lld, %lld]", (long long)ranges.ranges[i].start, (long long)ranges.ranges[i].end);
    }
    source->split_count = *split_count;
    *splits = out;
    *split_count = count;
    return STATUS_OK;
}

static int source_reader_count(struct source *source, int split_count, int parallelism) {
    int count = parallelism < CASSANDRA_MAX_READERS ? parallelism : CASSANDRA_MAX_READERS;
    if (source->access.kind == CASSANDRA_POINTS || source->limit >= 0) count = 1;
    return count < split_count ? count : split_count;
}

/* ---- Decoding ---- */

/* Is the column a SUM? It is read as a BIGINT, and the number of its values stands behind the other columns. */
static bool is_sum(const struct source *source, int column) {
    return column >= source->plain_count && source->codecs[column].cass->id == CASS_VARINT;
}

static enum status decode_chunk(struct source *source, const struct cassandra_page *page, int first, int count,
                                struct decode_output *output, struct cass_cell *cells, struct error *err) {
    struct arena *arena = output->arena;
    struct chunk *chunk = ARENA_NEW(arena, struct chunk);
    chunk->column_count = source->column_count;
    chunk->row_count = chunk->sel_count = count;
    chunk->columns = ARENA_ARRAY(arena, struct vector, source->column_count + 1);
    if (source->column_count)
        cql_find_cells(page->cells, page->offsets[first], count, source->selected_count, VECTOR_CAPACITY, cells);
    const struct cass_cell *counts = cells + (size_t)source->column_count * VECTOR_CAPACITY;
    for (int i = 0; i < source->column_count; i++) {
        bool sum = is_sum(source, i);
        struct vector sums, *read = sum ? &sums : &chunk->columns[i];
        vector_init(&chunk->columns[i], arena, source->types[i], count);
        if (sum) vector_init(&sums, arena, source->codecs[i].type, count);
        enum status status = cass_decode(&source->codecs[i], page->cells, cells + (size_t)i * VECTOR_CAPACITY, count,
                                         read, arena, count, 0, err);
        if (sum && status == STATUS_OK) {
            status = cassandra_finish_sum(&sums, page->cells, counts, count, source->codecs[i].column,
                                          &chunk->columns[i], arena, err);
            counts += VECTOR_CAPACITY;
        }
        if (status != STATUS_OK) {
            cassandra_name_bad_row(source->target.schema, source->codecs, source->column_count, i, page->cells, cells,
                                   VECTOR_CAPACITY, count, err);
            error_prefix(err, "Cassandra, table %s", source->target.schema->full_name);
            return status;
        }
    }
    return output->emit(output, chunk, err);
}

static enum status source_decode(struct source *source, const struct block *block, int first, int count,
                                 struct decode_output *output, struct error *err) {
    const struct cassandra_page *page = block->data;
    struct cass_cell *cells =
        arena_alloc(output->arena, sizeof *cells * VECTOR_CAPACITY * (size_t)source->selected_count);
    for (int done = 0; done < count; done += VECTOR_CAPACITY) {
        int part = count - done < VECTOR_CAPACITY ? count - done : VECTOR_CAPACITY;
        TRY(decode_chunk(source, page, first + done, part, output, cells, err));
    }
    return STATUS_OK;
}

const struct source_class cassandra_source_class = {
    .pushdown = source_pushdown,
    .explain = source_explain,
    .groups = source_groups,
    .is_bounded = source_is_bounded,
    .row_estimate = source_row_estimate,
    .open = source_open,
    .splits = source_splits,
    .ids_suffice = true,
    .progress_total = progress_total,
    .reader_count = source_reader_count,
    .reader_open = cassandra_reader_open,
    .fetch = cassandra_reader_fetch,
    .reader_close = cassandra_reader_close,
    .decode = source_decode,
    .close = source_close,
};
