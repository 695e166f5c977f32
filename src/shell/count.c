/* millrace count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connector/connector.h"
#include "shell/signals.h"
#include "shell/text.h"
#include "shell/transfer.h"

enum { POLL_MS = 20, MAX_PARTITIONS = 1000000 };

/* "SELECT … FROM the table with its options WHERE …"; at_server_option is set as --at-server says. */
static void put_query(struct strbuf *sql, const struct transfer_args *args, const struct table *table,
                      const char *columns, const char *at_server_option) {
    strbuf_printf(sql, "SELECT %s FROM ", columns);
    transfer_put_table(sql, table);
    if (args->at_server || args->consistency) {
        strbuf_printf(sql, " /*+ OPTIONS('%s' = '%s'", at_server_option, args->at_server ? "true" : "false");
        if (args->consistency) transfer_put_option(sql, "consistency", args->consistency);
        strbuf_puts(sql, ") */");
    }
    transfer_put_where(sql, args);
}

static enum status count_all(struct transfer *transfer, const struct table *table, struct error *err) {
    struct strbuf sql = {0};
    put_query(&sql, transfer->args, table, "COUNT(*)", "scan.count-at-server");
    enum status status = transfer_sql(transfer, sql.data, err);
    strbuf_free(&sql);
    return status;
}

static void print_count(struct transfer *transfer) {
    struct strbuf text = {0};
    if (transfer->runner->terminal) {
        text_put_count(&text, transfer->count);
        strbuf_puts(&text, transfer->count == 1 ? " row" : " rows");
        transfer_put_speed(&text, transfer, transfer->count);
    } else {
        strbuf_printf(&text, "%lld", (long long)transfer->count);
    }
    if (printf("%s\n", text.data) < 0 || fflush(stdout) != 0) transfer->runner->exit_status = 1;
    strbuf_free(&text);
}

/* ---- The largest partitions ---- */

static enum status count_partitions(struct transfer *transfer, const struct table *table, struct error *err) {
    int64_t most;
    TRY(transfer_number("--by-partition", transfer->args->by_partition, 1, &most, err));
    if (most > MAX_PARTITIONS)
        return error_set(err, STATUS_USAGE, "--by-partition shows no more than %d partitions", MAX_PARTITIONS);
    if (!table->partition_key_count)
        return error_set(err, STATUS_USAGE, "table '%s' has no partition key", table->name);
    struct strbuf keys = {0}, columns = {0}, sql = {0};
    for (int i = 0; i < table->partition_key_count; i++) {
        strbuf_puts(&keys, i ? ", " : "");
        strbuf_put_identifier(&keys, table->columns[table->primary_key[i]].name);
    }
    strbuf_printf(&columns, "%s, COUNT(*) AS `rows`", keys.data);
    put_query(&sql, transfer->args, table, columns.data, "scan.aggregates-at-server");
    strbuf_printf(&sql, " GROUP BY %s ORDER BY %d DESC", keys.data, table->partition_key_count + 1);
    for (int i = 0; i < table->partition_key_count; i++) /* equally large ones in a known order */
        if (!type_is_nested(table->columns[table->primary_key[i]].type)) strbuf_printf(&sql, ", %d", i + 1);
    strbuf_printf(&sql, " LIMIT %lld", (long long)most);
    transfer->handler = transfer->runner->handler;
    enum status status = transfer_sql(transfer, sql.data, err);
    strbuf_free(&keys);
    strbuf_free(&columns);
    strbuf_free(&sql);
    return status;
}

/* ---- Token ranges ---- */

struct counted_range {
    long long start, end, row_count;
};

static int compare_ranges(const void *a, const void *b) {
    const struct counted_range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static void set_option(struct option_list *options, struct arena *arena, const char *key, const char *value) {
    for (int i = 0; i < options->count; i++)
        if (strcmp(options->keys[i], key) == 0) {
            options->values[i] = value;
            return;
        }
    option_add(options, arena, key, value, -1);
}

/* Adds up the records of all blocks by split. The readers take turns. */
static enum status read_counts(const struct source_class *class, struct source_reader **readers, int reader_count,
                               struct counted_range *ranges, struct error *err) {
    int running = reader_count;
    for (int r = 0; running; r = (r + 1) % reader_count) {
        if (!readers[r]) continue;
        if (signals_pending()) return error_set(err, STATUS_CANCELLED, "interrupted");
        struct block *block = NULL;
        enum fetch_result result;
        TRY(class->fetch(readers[r], POLL_MS / running, &block, &result, err));
        if (result == FETCH_BLOCK) {
            ranges[block->split].row_count += block->record_count;
            block->release(block);
        } else if (result == FETCH_END) {
            class->reader_close(readers[r]);
            readers[r] = NULL;
            running--;
        }
    }
    return STATUS_OK;
}

static enum status open_and_read(const struct source_class *class, struct source *source, const struct split *splits,
                                 int split_count, int workers, struct arena *arena, struct counted_range *ranges,
                                 struct error *err) {
    int reader_count = split_count ? class->reader_count(source, split_count, workers) : 0;
    struct source_reader **readers = ARENA_ARRAY(arena, struct source_reader *, reader_count + 1);
    enum status status = STATUS_OK;
    for (int r = 0; r < reader_count && status == STATUS_OK; r++) {
        struct split *own = ARENA_ARRAY(arena, struct split, split_count);
        struct offset *starts = ARENA_ARRAY(arena, struct offset, split_count);
        int *indexes = ARENA_ARRAY(arena, int, split_count), count = 0;
        for (int i = r; i < split_count; i += reader_count, count++) {
            own[count] = splits[i];
            starts[count] = splits[i].start;
            indexes[count] = i;
        }
        status = class->reader_open(source, own, indexes, starts, count, &readers[r], err);
        if (status != STATUS_OK) readers[r] = NULL;
    }
    if (status == STATUS_OK) status = read_counts(class, readers, reader_count, ranges, err);
    for (int r = 0; r < reader_count; r++)
        if (readers[r]) class->reader_close(readers[r]);
    return status;
}

static enum status show_ranges(struct transfer *transfer, struct counted_range *ranges, int count, struct error *err) {
    static const char *const names[] = {"start", "end", "rows"};
    struct arena *arena = &transfer->arena;
    const struct type *bigint = type_with_nullable(arena, type_of(TYPE_BIGINT), false);
    const struct type *types[] = {bigint, bigint, bigint};
    struct schema schema = {3, types, names};
    const struct result_handler *show = &transfer->runner->handler;
    qsort(ranges, (size_t)count, sizeof *ranges, compare_ranges);
    TRY(show->begin(show->data, &schema, false, false, err));
    for (int first = 0; first < count; first += VECTOR_CAPACITY) {
        struct chunk *chunk = chunk_create(arena, 3, types, VECTOR_CAPACITY);
        int rows = count - first < VECTOR_CAPACITY ? count - first : VECTOR_CAPACITY;
        for (int i = 0; i < rows; i++) {
            ((int64_t *)chunk->columns[0].data)[i] = ranges[first + i].start;
            ((int64_t *)chunk->columns[1].data)[i] = ranges[first + i].end;
            ((int64_t *)chunk->columns[2].data)[i] = ranges[first + i].row_count;
        }
        chunk->row_count = chunk->sel_count = rows;
        TRY(show->rows(show->data, chunk, NULL, err));
    }
    return show->end(show->data, count, err);
}

/* The ranges that a scan of the table reads, and how many rows each has. They are split->id: "(start, end]". */
static enum status count_ranges(struct transfer *transfer, const struct table *table, struct error *err) {
    const struct transfer_args *args = transfer->args;
    if (args->where)
        return error_set(err, STATUS_USAGE, "--by-range counts all rows of the ranges: it does not go with --where");
    const struct connector *connector = table->connector ? connector_find(table->connector) : NULL;
    if (!connector || strcmp(connector->name, "cassandra") != 0)
        return error_set(err, STATUS_USAGE, "--by-range is for tables in Cassandra: '%s' has no token ranges",
                         table->name);
    struct arena *arena = &transfer->arena;
    const struct source_class *class = connector->source;
    struct table copy = *table;
    copy.options = (struct option_list){0};
    for (int i = 0; i < table->options.count; i++)
        option_add(&copy.options, arena, table->options.keys[i], table->options.values[i], -1);
    if (args->at_server) set_option(&copy.options, arena, "scan.count-at-server", "true");
    if (args->consistency) set_option(&copy.options, arena, "consistency", args->consistency);
    const char *set = session_get(transfer->session, "parallelism.default");
    int workers = set && *set ? atoi(set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    struct scan_request request = {.limit = -1, .bounded_only = true};
    struct source *source;
    TRY(class->open(&copy, &request, workers, NULL, &source, err));
    struct split *splits;
    int count;
    struct counted_range *ranges = NULL;
    signals_running(transfer->session);
    transfer->runner->start_ns = clock_monotonic_ns();
    enum status status = class->splits(source, arena, &splits, &count, err);
    if (status == STATUS_OK) {
        ranges = ARENA_ARRAY(arena, struct counted_range, count + 1);
        for (int i = 0; i < count; i++) sscanf(splits[i].id, "(%lld, %lld]", &ranges[i].start, &ranges[i].end);
        status = open_and_read(class, source, splits, count, workers, arena, ranges, err);
    }
    class->close(source);
    signals_running(NULL);
    if (status == STATUS_OK) status = show_ranges(transfer, ranges, count, err);
    return status;
}

static enum status count(struct transfer *transfer, struct error *err) {
    const struct transfer_args *args = transfer->args;
    const struct table *table;
    if (args->operand_count != 1) {
        error_set(err, STATUS_USAGE, "millrace count wants one table");
        error_hint(err, "as in: millrace count shop.users --host 10.0.0.5");
        return STATUS_USAGE;
    }
    if (args->by_range && args->by_partition)
        return error_set(err, STATUS_USAGE, "--by-range does not go with --by-partition");
    if (transfer->runner->has_format && !args->by_range && !args->by_partition)
        return error_set(err, STATUS_USAGE, "--format is for --by-range and --by-partition");
    TRY(transfer_table(transfer, args->operands[0], &table, err));
    TRY(transfer_set(transfer, "execution.runtime-mode", "batch", err));
    if (args->by_range) return count_ranges(transfer, table, err);
    if (args->by_partition) return count_partitions(transfer, table, err);
    TRY(count_all(transfer, table, err));
    print_count(transfer);
    return STATUS_OK;
}

void transfer_count(struct transfer *transfer) {
    struct error err;
    if (count(transfer, &err) != STATUS_OK) runner_error(transfer->runner, &err, NULL, 0, NULL);
}
