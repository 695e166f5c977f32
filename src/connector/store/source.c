/* Scans: bounded, in token order, parallel by slices of the ring; predicates on keys become key ranges.
 *
 * What is pushed down: the full partition key by = or IN; then clustering columns from the first on by = or IN, then one
 * with bounds. A block is a list of pointers into the store's map and pins the read transaction, so strings are never
 * copied. All readers of a source see the same commit; a reader that resumes in another process sees what is then there. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "column/row.h"
#include "connector/store/store_private.h"

/* ---- Which predicates make ranges ---- */

struct analysis {
    bool full_scan;
    int fixed_count;                  /* key columns with = or IN, from the first on */
    int fixed[STORE_MAX_KEY_COLUMNS]; /* predicate of each */
    int lower, upper;                 /* predicates on key column fixed_count, -1: none */
    bool never;                       /* a comparison with NULL: no row */
};

static bool is_descending(const struct table *table, int key) {
    return key >= table->partition_key_count && key < table->primary_key_count && table->clustering_descending &&
           table->clustering_descending[key];
}

/* Can the predicate's values be compared in key form? */
static bool values_fit(const struct table *table, const struct predicate *predicate) {
    const struct type *type = table->columns[predicate->column].type;
    if (type_is_nested(type)) return false; /* their parts may differ in more than it looks at */
    for (int i = 0; i < predicate->value_count; i++) {
        const struct value *value = &predicate->values[i];
        if (value->is_null) continue;
        if (value->type->id != type->id || type_phys(value->type) != type_phys(type) ||
            value->type->scale != type->scale)
            return false;
    }
    return true;
}

static int find_fixed(const struct table *table, const struct scan_request *request, int column) {
    int found = -1;
    for (int i = 0; i < request->predicate_count; i++) {
        const struct predicate *predicate = &request->predicates[i];
        if (predicate->column != column || !values_fit(table, predicate)) continue;
        if (predicate->op == PREDICATE_EQ) return i;
        if (predicate->op == PREDICATE_IN && found < 0) found = i;
    }
    return found;
}

static int find_bound(const struct table *table, const struct scan_request *request, int column, bool lower) {
    for (int i = 0; i < request->predicate_count; i++) {
        const struct predicate *predicate = &request->predicates[i];
        if (predicate->column != column || !values_fit(table, predicate)) continue;
        if (lower ? predicate->op == PREDICATE_GT || predicate->op == PREDICATE_GE
                  : predicate->op == PREDICATE_LT || predicate->op == PREDICATE_LE)
            return i;
    }
    return -1;
}

static void analyse(const struct table *table, const struct scan_request *request, struct analysis *out) {
    *out = (struct analysis){.full_scan = true, .lower = -1, .upper = -1};
    int64_t points = 1;
    int partition_count = table->partition_key_count, key_count = table->primary_key_count;
    if (table->hidden_key || key_count == 0 || key_count > STORE_MAX_KEY_COLUMNS) return;
    int fixed = 0;
    for (; fixed < key_count; fixed++) {
        int i = find_fixed(table, request, table->primary_key[fixed]);
        if (i < 0) break;
        points *= request->predicates[i].value_count ? request->predicates[i].value_count : 1;
        if (points > STORE_MAX_POINTS) break;
        out->fixed[fixed] = i;
    }
    if (fixed < partition_count) return;
    out->full_scan = false;
    out->fixed_count = fixed;
    if (fixed < key_count) {
        out->lower = find_bound(table, request, table->primary_key[fixed], true);
        out->upper = find_bound(table, request, table->primary_key[fixed], false);
    }
    for (int i = 0; i < fixed; i++) {
        const struct predicate *predicate = &request->predicates[out->fixed[i]];
        bool any = false;
        for (int j = 0; j < predicate->value_count; j++) any |= !predicate->values[j].is_null;
        out->never |= !any;
    }
    if (out->lower >= 0) out->never |= request->predicates[out->lower].values[0].is_null;
    if (out->upper >= 0) out->never |= request->predicates[out->upper].values[0].is_null;
}

/* Comparing floats in key form takes all NaNs as one largest number; SQL's comparison may not. */
static enum pushdown_answer used(const struct table *table, const struct predicate *predicate) {
    return type_is_approximate(table->columns[predicate->column].type) ? PUSHDOWN_PARTIAL : PUSHDOWN_EXACT;
}

/* Clustering columns of a table with static columns may be NULL. */
static bool is_never_null(const struct table *table, int column) {
    bool has_statics = option_given(&table->options, "static-columns");
    for (int i = 0; i < table->primary_key_count; i++)
        if (table->primary_key[i] == column) return i < table->partition_key_count || !has_statics;
    return false;
}

static void answer(const struct table *table, const struct scan_request *request, const struct analysis *analysis,
                   enum pushdown_answer *answers) {
    for (int i = 0; i < request->predicate_count; i++)
        answers[i] =
            request->predicates[i].op == PREDICATE_IS_NOT_NULL && is_never_null(table, request->predicates[i].column)
                ? PUSHDOWN_EXACT
                : PUSHDOWN_NO;
    if (analysis->full_scan) return;
    for (int i = 0; i < analysis->fixed_count; i++)
        answers[analysis->fixed[i]] = used(table, &request->predicates[analysis->fixed[i]]);
    if (analysis->lower >= 0) answers[analysis->lower] = used(table, &request->predicates[analysis->lower]);
    if (analysis->upper >= 0) answers[analysis->upper] = used(table, &request->predicates[analysis->upper]);
}

static void explain_predicate(struct strbuf *out, const struct table *table, const struct predicate *predicate) {
    static const char *const ops[] = {
        [PREDICATE_EQ] = " = ",  [PREDICATE_LT] = " < ",  [PREDICATE_LE] = " <= ",  [PREDICATE_GT] = " > ",
        [PREDICATE_GE] = " >= ", [PREDICATE_IN] = " IN ", [PREDICATE_IS_NULL] = "", [PREDICATE_IS_NOT_NULL] = ""};
    strbuf_put_identifier(out, table->columns[predicate->column].name);
    strbuf_puts(out, ops[predicate->op]);
    if (predicate->op != PREDICATE_IN) {
        value_print_sql(out, &predicate->values[0]);
    } else if (predicate->value_count > 5) {
        strbuf_printf(out, "(%d values)", predicate->value_count);
    } else {
        for (int i = 0; i < predicate->value_count; i++) {
            strbuf_puts(out, i ? ", " : "(");
            value_print_sql(out, &predicate->values[i]);
        }
        strbuf_putc(out, ')');
    }
}

static void explain_scan(struct strbuf *out, const struct table *table, const struct scan_request *request,
                         const struct analysis *analysis) {
    if (analysis->full_scan) {
        strbuf_puts(out, "FULL SCAN");
        return;
    }
    if (analysis->never) {
        strbuf_puts(out, "no rows: a key column is compared with NULL");
        return;
    }
    for (int i = 0; i < analysis->fixed_count; i++) {
        strbuf_puts(out, i == 0 ? "partition key " : i == table->partition_key_count ? ", clustering " : " AND ");
        explain_predicate(out, table, &request->predicates[analysis->fixed[i]]);
    }
    const char *separator = analysis->fixed_count > table->partition_key_count ? " AND " : ", clustering ";
    const int bounds[] = {analysis->lower, analysis->upper};
    for (int i = 0; i < 2; i++) {
        if (bounds[i] < 0) continue;
        strbuf_puts(out, separator);
        explain_predicate(out, table, &request->predicates[bounds[i]]);
        separator = " AND ";
    }
}

static enum status pushdown(const struct table *table, const struct scan_request *request,
                            enum pushdown_answer *answers, bool *limit_exact, struct strbuf *explain,
                            struct error *err) {
    struct analysis analysis;
    (void)err;
    analyse(table, request, &analysis);
    answer(table, request, &analysis, answers);
    if (limit_exact) *limit_exact = false;
    if (explain) explain_scan(explain, table, request, &analysis);
    return STATUS_OK;
}

/* ---- The source ---- */

struct source {
    struct arena arena;
    struct store *store;
    const struct store_table *table;
    const int *columns;
    int column_count;
    bool full_scan;
    struct store_range *ranges; /* of a scan that is not full, ascending, disjoint */
    int range_count;
    int64_t limit; /* rows that a reader needs to give at most, -1: all */
    int parallelism;
    uint32_t now_s;                    /* the clock of all readers */
    struct store_snapshot **snapshots; /* of one commit; NULL once a reader took it */
    int snapshot_count;
};

static bool is_bounded(const struct table *table) {
    (void)table;
    return true;
}

static int64_t row_estimate(const struct table *table) {
    struct arena arena;
    struct store *store;
    const struct store_table *stored;
    int64_t rows = -1;
    arena_init(&arena, NULL);
    if (store_table_open(table, &store, &arena, &stored, NULL) != STATUS_OK ||
        store_row_count(store, stored, &rows, NULL) != STATUS_OK)
        rows = -1;
    arena_destroy(&arena);
    return rows;
}

static int compare_ranges(const void *a, const void *b) {
    const struct store_range *x = a, *y = b;
    size_t common = x->start.len < y->start.len ? x->start.len : y->start.len;
    int order = memcmp(x->start.data, y->start.data, common);
    return order ? order : (x->start.len > y->start.len) - (x->start.len < y->start.len);
}

static struct str keep(struct arena *arena, const struct strbuf *buf) {
    return (struct str){buf->len ? arena_memdup(arena, buf->data, buf->len) : NULL, buf->len};
}

/* The range of rows that begin with `prefix`, narrowed by the bounds on the next key column. */
static struct store_range bounded_range(const struct store_table *table, const struct scan_request *request,
                                        const struct analysis *analysis, const struct strbuf *prefix, bool descending,
                                        struct arena *arena) {
    struct strbuf start = {0}, end = {0};
    int clustering = analysis->fixed_count - table->partition_count;
    /* In descending order the upper bound is where the range begins. */
    int first = descending ? analysis->upper : analysis->lower, last = descending ? analysis->lower : analysis->upper;
    strbuf_add(&start, prefix->data, prefix->len);
    strbuf_add(&end, prefix->data, prefix->len);
    if (first >= 0) {
        const struct predicate *predicate = &request->predicates[first];
        store_key_clustering(table, clustering, &predicate->values[0], &start);
        if (predicate->op == PREDICATE_GT || predicate->op == PREDICATE_LT) store_key_next(&start);
    }
    bool end_inclusive = true;
    if (last >= 0) {
        const struct predicate *predicate = &request->predicates[last];
        store_key_clustering(table, clustering, &predicate->values[0], &end);
        end_inclusive = predicate->op == PREDICATE_GE || predicate->op == PREDICATE_LE;
    }
    if (end_inclusive) store_key_next(&end);
    struct store_range range = {keep(arena, &start), keep(arena, &end)};
    strbuf_free(&start);
    strbuf_free(&end);
    return range;
}

/* Every combination of the fixed columns' values. Values are the columns' own types: the encoding depends on them. */
static enum status make_ranges(const struct store_table *table, const struct table *definition,
                               const struct scan_request *request, const struct analysis *analysis, struct arena *arena,
                               struct store_range **out, int *out_count, struct error *err) {
    int at[STORE_MAX_KEY_COLUMNS] = {0};
    struct value values[STORE_MAX_KEY_COLUMNS];
    size_t capacity = 0, count = 0;
    struct store_range *ranges = NULL;
    struct strbuf prefix = {0};
    enum status status = STATUS_OK;
    for (bool more = !analysis->never; more && status == STATUS_OK;) {
        bool has_null = false;
        for (int i = 0; i < analysis->fixed_count; i++) {
            values[i] = request->predicates[analysis->fixed[i]].values[at[i]];
            values[i].type = table->keys[i].type;
            has_null |= values[i].is_null;
        }
        if (!has_null) {
            strbuf_clear(&prefix);
            status = store_key_partition(table, values, &prefix, err);
            if (status == STATUS_OK) {
                /* Without clustering columns it is the whole partition, with what it has of static columns. */
                if (analysis->fixed_count > table->partition_count || analysis->lower >= 0 || analysis->upper >= 0)
                    store_key_rows(&prefix);
                for (int i = table->partition_count; i < analysis->fixed_count; i++)
                    store_key_clustering(table, i - table->partition_count, &values[i], &prefix);
                ARRAY_RESERVE(ranges, capacity, count + 1);
                ranges[count] = bounded_range(table, request, analysis, &prefix,
                                              is_descending(definition, analysis->fixed_count), arena);
                if (compare_ranges(&ranges[count], &(struct store_range){.start = ranges[count].end}) < 0) count++;
            } else if (status == STATUS_LIMIT_EXCEEDED) {
                status = STATUS_OK; /* no row has so long a key */
            }
        }
        more = false;
        for (int i = analysis->fixed_count - 1; i >= 0 && !more; i--) {
            more = ++at[i] < request->predicates[analysis->fixed[i]].value_count;
            if (!more) at[i] = 0;
        }
    }
    strbuf_free(&prefix);
    if (count) qsort(ranges, count, sizeof *ranges, compare_ranges);
    size_t distinct = 0; /* IN lists may name a value twice */
    for (size_t i = 0; i < count; i++)
        if (distinct == 0 || compare_ranges(&ranges[i], &ranges[distinct - 1]) != 0) ranges[distinct++] = ranges[i];
    *out = count ? arena_memdup(arena, ranges, distinct * sizeof *ranges) : NULL;
    *out_count = (int)distinct;
    free(ranges);
    return status;
}

enum status store_deletion_ranges(const struct store_table *stored, const struct table *table,
                                  const struct predicate *predicates, int predicate_count, struct arena *arena,
                                  struct store_deletion *out, struct strbuf *explain, struct error *err) {
    const struct scan_request request = {.predicate_count = predicate_count, .predicates = predicates, .limit = -1};
    enum pushdown_answer *answers = ARENA_ARRAY(arena, enum pushdown_answer, predicate_count + 1);
    struct analysis analysis;
    *out = (struct store_deletion){0};
    analyse(table, &request, &analysis);
    answer(table, &request, &analysis, answers);
    if (predicate_count == 0 || analysis.full_scan) return STATUS_OK;
    for (int i = 0; i < predicate_count; i++)
        if (answers[i] != PUSHDOWN_EXACT || predicates[i].op == PREDICATE_IS_NOT_NULL) return STATUS_OK;
    out->possible = true;
    out->single_rows = analysis.fixed_count == stored->key_count;
    if (explain) explain_scan(explain, table, &request, &analysis);
    return make_ranges(stored, table, &request, &analysis, arena, &out->ranges, &out->range_count, err);
}

static void source_close(struct source *source) {
    for (int i = 0; i < source->snapshot_count; i++) store_snapshot_release(source->snapshots[i]);
    store_close(source->store);
    arena_destroy(&source->arena);
    free(source);
}

static enum status source_open(const struct table *table, const struct scan_request *request, int parallelism,
                               struct mem_account *account, struct source **out, struct error *err) {
    (void)account; /* a block is 40 bytes per row; the rows stay where they are */
    struct source *source = xcalloc(1, sizeof *source);
    struct analysis analysis;
    enum pushdown_answer answers_few[16], *answers = answers_few;
    struct store *store;
    arena_init(&source->arena, NULL);
    source->parallelism = parallelism < 1 ? 1 : parallelism;
    source->limit = -1;
    enum status status = STATUS_OK;
    TRY_CLEANUP(store_table_open(table, &store, &source->arena, &source->table, err));
    source->store = store_ref(store);
    source->column_count = request->column_count;
    TRY_CLEANUP(store_table_columns(table, source->table, request->columns, request->column_count, &source->arena,
                                    &source->columns, err));
    TRY_CLEANUP(store_table_columns(table, source->table, table->primary_key, table->primary_key_count, &source->arena,
                                    &(const int *){NULL}, err));
    analyse(table, request, &analysis);
    source->full_scan = analysis.full_scan;
    if (!analysis.full_scan)
        TRY_CLEANUP(make_ranges(source->table, table, request, &analysis, &source->arena, &source->ranges,
                                &source->range_count, err));
    if (request->predicate_count > 16)
        answers = ARENA_ARRAY(&source->arena, enum pushdown_answer, request->predicate_count);
    answer(table, request, &analysis, answers);
    bool exact = true;
    for (int i = 0; i < request->predicate_count; i++) exact &= answers[i] == PUSHDOWN_EXACT;
    if (exact) source->limit = request->limit;
    source->snapshots = ARENA_ARRAY(&source->arena, struct store_snapshot *, source->parallelism);
    TRY_CLEANUP(store_snapshots_begin(store, source->parallelism, source->snapshots, err));
    source->snapshot_count = source->parallelism;
    source->now_s = store_snapshot_now(source->snapshots[0]);
    *out = source;
cleanup:
    if (status != STATUS_OK) source_close(source);
    return status;
}

/* ---- Splits ----
 *
 * "keys": the ranges made from predicates. "tokens/a-b": partitions with tokens a … b. "rows/a-b": rows a … b-1 of a table
 * with a hidden key, the last slice without an end. */

static enum status splits(struct source *source, struct arena *arena, struct split **out, int *out_count,
                          struct error *err) {
    int64_t rows = -1;
    TRY(store_row_count(source->store, source->table, &rows, err));
    int count = 1;
    if (source->full_scan && source->parallelism > 1 && source->limit != 0) {
        int64_t wanted = rows / STORE_SPLIT_ROWS + 1, most = (int64_t)source->parallelism * STORE_SPLITS_PER_WORKER;
        if (wanted > most) wanted = most;
        count = wanted > STORE_MAX_SPLITS ? STORE_MAX_SPLITS : (int)wanted;
    }
    struct split *list = ARENA_ARRAY(arena, struct split, count);
    uint64_t first = 0, next = 0;
    if (source->table->hidden) {
        struct store_snapshot *snapshot;
        if (source->snapshots[0])
            snapshot = store_snapshot_ref(source->snapshots[0]);
        else
            TRY(store_snapshot_begin(source->store, &snapshot,
                                     err)); /* a reader has taken it: the last slice is open */
        enum status status = store_row_ids(snapshot, source->table, &first, &next, err);
        store_snapshot_release(snapshot);
        if (status != STATUS_OK) return status;
    }
    uint64_t step = source->table->hidden ? (next - first) / (uint64_t)count : UINT64_MAX / (uint64_t)count;
    for (int i = 0; i < count; i++) {
        uint64_t from = first + step * (uint64_t)i, to = first + step * (uint64_t)(i + 1);
        list[i].row_estimate = source->full_scan ? rows / count : -1;
        if (!source->full_scan)
            list[i].id = "keys";
        else if (!source->table->hidden) /* tokens are shifted to be unsigned while they are cut */
            list[i].id =
                arena_printf(arena, "tokens/%" PRId64 "..%" PRId64, (int64_t)((i ? from : 0) ^ UINT64_C(1) << 63),
                             (int64_t)((i == count - 1 ? UINT64_MAX : to - 1) ^ UINT64_C(1) << 63));
        else if (i == count - 1)
            list[i].id = arena_printf(arena, "rows/%" PRIu64 "..", from);
        else
            list[i].id = arena_printf(arena, "rows/%" PRIu64 "..%" PRIu64, from, to - 1);
    }
    *out = list;
    *out_count = count;
    return STATUS_OK;
}

/* The ranges of a split, from its name: it may come from a checkpoint. */
static enum status split_ranges(struct source *source, const char *id, struct arena *arena,
                                const struct store_range **ranges, int *count, struct error *err) {
    if (!source->full_scan && strcmp(id, "keys") == 0) {
        *ranges = source->ranges;
        *count = source->range_count;
        return STATUS_OK;
    }
    struct strbuf start = {0}, end = {0};
    int64_t from = 0, to = 0;
    uint64_t first = 0, last = 0;
    int used_bytes = 0;
    bool ok = false, open_end = false;
    if (source->full_scan && !source->table->hidden) {
        ok = sscanf(id, "tokens/%" SCNd64 "..%" SCNd64 "%n", &from, &to, &used_bytes) == 2 && !id[used_bytes];
        if (from != INT64_MIN) store_key_token(from, &start);
        open_end = to == INT64_MAX;
        if (!open_end) store_key_token(to + 1, &end);
    } else if (source->full_scan) {
        ok = sscanf(id, "rows/%" SCNu64 "..%" SCNu64 "%n", &first, &last, &used_bytes) == 2 && !id[used_bytes];
        if (!ok) {
            used_bytes = 0;
            ok = open_end =
                sscanf(id, "rows/%" SCNu64 "..%n", &first, &used_bytes) == 1 && used_bytes && !id[used_bytes];
        }
        store_key_row_id(first, &start);
        if (!open_end) store_key_row_id(last + 1, &end);
    }
    struct store_range *range = ARENA_NEW(arena, struct store_range);
    if (ok && start.len) range->start = keep(arena, &start);
    if (ok && end.len) range->end = keep(arena, &end);
    strbuf_free(&start);
    strbuf_free(&end);
    if (!ok)
        return error_set(err, STATUS_BAD_DATA, "'%.80s' is no part of a scan of table '%s'", id,
                         source->table->definition->name);
    *ranges = range;
    *count = 1;
    return STATUS_OK;
}

static int reader_count(struct source *source, int split_count, int parallelism) {
    (void)source;
    int count = split_count < parallelism ? split_count : parallelism;
    return count < 1 ? 1 : count;
}

/* ---- Readers ---- */

struct reader_split {
    int index;
    const struct store_range *ranges;
    int range_count;
    struct offset start;
};

struct source_reader {
    struct arena arena;
    struct source *source;
    struct store_snapshot *snapshot;
    struct reader_split *splits;
    int split_count, at;
    struct store_scan *scan; /* of splits[at]; NULL: not begun */
    struct strbuf position;  /* key of the last row given out */
    int64_t split_rows, rows;
};

static void reader_close(struct source_reader *reader) {
    store_scan_close(reader->scan);
    store_snapshot_release(reader->snapshot);
    strbuf_free(&reader->position);
    arena_destroy(&reader->arena);
    free(reader);
}

static enum status reader_open(struct source *source, const struct split *list, const int *indexes,
                               const struct offset *starts, int count, struct source_reader **out, struct error *err) {
    struct source_reader *reader = xcalloc(1, sizeof *reader);
    enum status status = STATUS_OK;
    arena_init(&reader->arena, NULL);
    reader->source = source;
    reader->splits = ARENA_ARRAY(&reader->arena, struct reader_split, count);
    reader->split_count = count;
    for (int i = 0; i < count; i++) {
        struct reader_split *split = &reader->splits[i];
        split->index = indexes[i];
        TRY_CLEANUP(split_ranges(source, list[i].id, &reader->arena, &split->ranges, &split->range_count, err));
        if (starts[i].len)
            split->start = (struct offset){starts[i].len, arena_memdup(&reader->arena, starts[i].bytes, starts[i].len)};
    }
    for (int i = 0; i < source->snapshot_count && !reader->snapshot; i++) {
        reader->snapshot = source->snapshots[i];
        source->snapshots[i] = NULL;
    }
    if (!reader->snapshot) TRY_CLEANUP(store_snapshot_begin(source->store, &reader->snapshot, err));
    store_snapshot_set_now(reader->snapshot, source->now_s);
    *out = reader;
cleanup:
    if (status != STATUS_OK) reader_close(reader);
    return status;
}

struct store_block {
    struct block block;
    struct store_snapshot *snapshot;
    uint8_t *start; /* of the offset; the end lies in the last row's key */
    struct store_entry entries[];
};

static void block_release(struct block *block) {
    struct store_block *own = block->data;
    store_snapshot_release(own->snapshot);
    free(own->start);
    free(own);
}

static enum status fetch_entries(struct source_reader *reader, struct store_block *own, int max, int *count,
                                 size_t *size_bytes, struct error *err) {
    struct reader_split *split = &reader->splits[reader->at];
    if (!reader->scan) {
        struct str after = {(const char *)split->start.bytes, split->start.len};
        TRY(store_scan_open(reader->snapshot, reader->source->table, split->ranges, split->range_count, after,
                            &reader->scan, err));
        strbuf_clear(&reader->position);
        strbuf_add(&reader->position, after.data, after.len);
        reader->split_rows = 0;
    }
    return store_scan_next(reader->scan, own->entries, max, count, size_bytes, err);
}

static enum status fetch(struct source_reader *reader, int timeout_ms, struct block **out, enum fetch_result *result,
                         struct error *err) {
    (void)timeout_ms; /* never waits */
    for (;; reader->at++) {
        int64_t limit = reader->source->limit, left = limit < 0 ? INT64_MAX : limit - reader->rows;
        if (reader->at == reader->split_count || left <= 0) {
            *result = FETCH_END;
            return STATUS_OK;
        }
        int max = left < STORE_BLOCK_ROWS ? (int)left : STORE_BLOCK_ROWS, count;
        size_t size_bytes;
        struct store_block *own = xmalloc(sizeof *own + sizeof *own->entries * (size_t)max);
        enum status status = fetch_entries(reader, own, max, &count, &size_bytes, err);
        if (status != STATUS_OK || count == 0) {
            free(own);
            if (status != STATUS_OK) return status;
            store_scan_close(reader->scan);
            reader->scan = NULL;
            continue;
        }
        if (count < max) own = xrealloc(own, sizeof *own + sizeof *own->entries * (size_t)count);
        own->snapshot = store_snapshot_ref(reader->snapshot);
        struct str end = store_entry_offset(&own->entries[count - 1]);
        own->start = xmalloc(reader->position.len + 1);
        if (reader->position.len) memcpy(own->start, reader->position.data, reader->position.len);
        own->block = (struct block){
            .split = reader->splits[reader->at].index,
            .start = {(uint32_t)reader->position.len, own->start},
            .end = {(uint32_t)end.len, (const uint8_t *)end.data},
            .record_count = count,
            .first_record = reader->split_rows,
            .size_bytes = size_bytes + sizeof *own->entries * (size_t)count,
            .data = own,
            .release = block_release,
        };
        strbuf_clear(&reader->position);
        strbuf_add(&reader->position, end.data, end.len);
        reader->split_rows += count;
        reader->rows += count;
        *out = &own->block;
        *result = FETCH_BLOCK;
        return STATUS_OK;
    }
}

static enum status decode(struct source *source, const struct block *block, int first, int count,
                          struct decode_output *output, struct error *err) {
    const struct store_block *own = block->data;
    for (int at = 0; at < count;) {
        int rows = count - at < VECTOR_CAPACITY ? count - at : VECTOR_CAPACITY;
        struct chunk *chunk;
        TRY(store_decode(source->table, own->entries + first + at, rows, source->columns, source->column_count,
                         output->arena, &chunk, err));
        TRY(output->emit(output, chunk, err));
        at += rows;
    }
    return STATUS_OK;
}

const struct source_class store_source_class = {
    .pushdown = pushdown,
    .is_bounded = is_bounded,
    .row_estimate = row_estimate,
    .open = source_open,
    .splits = splits,
    .reader_count = reader_count,
    .reader_open = reader_open,
    .fetch = fetch,
    .reader_close = reader_close,
    .decode = decode,
    .close = source_close,
};
