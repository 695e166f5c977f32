/* The connector: its options, and how a plan's table is found again in the store. */
#include "connector/store/store_connector.h"

#include <strings.h>

#include "connector/store/store_private.h"

static const struct option_def options[] = {
    {.name = "connector", .type = OPTION_STRING, .doc = "store"},
    {.name = "partition-keys",
     .type = OPTION_STRING,
     .doc = "columns of the primary key that make the partition key, separated by commas; by default those of "
            "PARTITIONED BY, "
            "else the first one. The others are clustering columns: rows of a partition are ordered by them"},
    {.name = "clustering-order",
     .type = OPTION_STRING,
     .doc = "order of the clustering columns, such as 'ts DESC, id ASC'; ascending by default"},
    {.name = "gc-grace",
     .type = OPTION_DURATION,
     .default_value = "1 h",
     .max = INT64_C(3650) * 86400000,
     .doc = "how long a deleted row is remembered at least, so that an older write that comes late does not bring it "
            "back"},
    {.name = "static-columns",
     .type = OPTION_STRING,
     .doc = "columns that a partition has once, separated by commas. A partition that has nothing else is a row whose "
            "clustering columns are NULL"},
    {.name = "counter-columns",
     .type = OPTION_STRING,
     .doc = "columns that are counters, separated by commas: then all BIGINT columns outside of the primary key, and "
            "INSERT "
            "adds to them"},
    {.name = "default-time-to-live",
     .type = OPTION_STRING,
     .doc = "what is written lives so long: seconds, or a time such as '7 d'; by default for ever"},
    {.name = "sink.ttl",
     .type = OPTION_DURATION,
     .min = 1000,
     .max = INT64_C(1000) * STORE_MAX_TTL_S,
     .doc = "what is written lives so long, in whole seconds; by default what the table says. A column METADATA FROM "
            "'ttl' says it row by row"},
    {.name = "sink.timestamp",
     .type = OPTION_INT,
     .doc = "write timestamp in microseconds since 1970, of deletes too; by default the step's. A column METADATA FROM "
            "'timestamp' says it row by row"},
    {.name = "sink.ignore-null",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "a NULL leaves the column as it is instead of deleting its value"},
    {.name = "sink.dry-run", .type = OPTION_BOOL, .default_value = "false", .doc = "nothing is written"},
    {.name = "cql.",
     .type = OPTION_STRING,
     .prefix = true,
     .doc = "properties of a table in Cassandra, for scripts that run on both: 'cql.default_time_to_live' and "
            "'cql.gc_grace_seconds' mean the same here, others nothing"},
    {.name = "cql-type.",
     .type = OPTION_STRING,
     .prefix = true,
     .doc = "a column's type in Cassandra, for scripts that run on both: 'counter' makes it a counter, others mean "
            "nothing "
            "here"},
    CONNECTOR_LOOKUP_OPTIONS,
    OPTION_END,
};

bool store_table_dry_run(const struct table *table) { return option_bool(&table->options, options, "sink.dry-run"); }

enum status store_table_write_options(const struct table *table, struct store_write_options *out, struct error *err) {
    int64_t ttl_ms = option_given(&table->options, "sink.ttl") ? option_int(&table->options, options, "sink.ttl") : 0;
    *out = (struct store_write_options){.ignore_null = option_bool(&table->options, options, "sink.ignore-null"),
                                        .ttl_s = (int32_t)(ttl_ms / 1000),
                                        .has_timestamp = option_given(&table->options, "sink.timestamp")};
    if (out->has_timestamp) out->write_micros = option_int(&table->options, options, "sink.timestamp");
    if (!store_definition_has_counters(table) || (!ttl_ms && !out->has_timestamp)) return STATUS_OK;
    return error_set(err, STATUS_NOT_SUPPORTED, "table '%s' has counters, which have no TTL and no write timestamp",
                     table->name);
}

/* Checked by the store itself, which has no columns to ask here. */

static enum status check_table(const struct table *table, struct error *err) {
    TRY(connector_check_metadata("store", connector_cell_metadata, table, err));
    return store_check_definition(table, err);
}

const struct connector store_connector = {
    .name = "store",
    .doc = "tables of the embedded store",
    .options = options,
    .source = &store_source_class,
    .sink = &store_sink_class,
    .lookup = &store_lookup_class,
    .check_table = check_table,
    .metadata = connector_cell_metadata,
};

enum status store_table_open(const struct table *table, struct store **store, struct arena *arena,
                             const struct store_table **out, struct error *err) {
    if (!table->connector_data) {
        error_set(err, STATUS_INVALID_OPTION, "table '%s' has the connector 'store' but is in no store catalog",
                  table->name);
        error_hint(err, "CREATE CATALOG s WITH ('type' = 'store', 'path' = '…') and create it there");
        return STATUS_INVALID_OPTION;
    }
    const struct store_table *stored;
    TRY(store_find_table(table->connector_data, table->database, table->name, arena, &stored, err));
    if (!stored || !stored->is_stored)
        return error_set(err, STATUS_UNDEFINED_TABLE, "table '%s' was dropped meanwhile", table->name);
    *store = table->connector_data;
    *out = stored;
    return STATUS_OK;
}

enum status store_table_columns(const struct table *table, const struct store_table *stored, const int *columns,
                                int column_count, struct arena *arena, const int **out, struct error *err) {
    int *positions = ARENA_ARRAY(arena, int, column_count + 1);
    for (int i = 0; i < column_count; i++) {
        const struct table_column *wanted = &table->columns[columns[i]];
        positions[i] = -1;
        for (int j = 0; j < stored->definition->column_count; j++) {
            const struct table_column *column = &stored->definition->columns[j];
            if (strcmp(column->name, wanted->name) == 0 &&
                (stored->slot_of_column[j] >= 0 || stored->key_of_column[j] >= 0 ||
                 stored->metadata[j].kind != STORE_METADATA_NONE) &&
                type_equal_but_nullable(column->type, wanted->type))
                positions[i] = j;
        }
        if (positions[i] < 0)
            return error_set(err, STATUS_UNDEFINED_COLUMN,
                             "column '%s' of table '%s' was changed meanwhile; run the statement again", wanted->name,
                             table->name);
    }
    *out = positions;
    return STATUS_OK;
}

/* ---- Keys of new tables ---- */

/* The next name of a comma-separated list; false at the end. Backquotes are allowed. */
static bool next_word(const char **at, struct arena *arena, const char **word) {
    const char *p = *at;
    while (*p == ' ' || *p == ',' || *p == ';') p++;
    if (!*p) return false;
    char quote = *p == '`' ? *p++ : 0;
    const char *start = p;
    while (*p && (quote ? *p != quote : *p != ' ' && *p != ',' && *p != ';')) p++;
    *word = arena_strndup(arena, start, (size_t)(p - start));
    *at = *p && quote ? p + 1 : p;
    return true;
}

static enum status not_in_key(const struct table *table, const char *option, const char *name, struct error *err) {
    const char *names[STORE_MAX_KEY_COLUMNS];
    int count = 0;
    for (int i = 0; i < table->primary_key_count && i < STORE_MAX_KEY_COLUMNS; i++)
        names[count++] = table->columns[table->primary_key[i]].name;
    error_set(err, STATUS_INVALID_OPTION, "option '%s': '%s' is no column of the primary key", option, name);
    const char *nearest = str_nearest(name, names, count);
    if (nearest) error_hint(err, "did you mean '%s'?", nearest);
    return STATUS_INVALID_OPTION;
}

static int key_position(const struct table *table, const char *name) {
    for (int i = 0; i < table->primary_key_count; i++)
        if (strcmp(table->columns[table->primary_key[i]].name, name) == 0) return i;
    return -1;
}

/* Moves the key column at `from` to `to`, keeping the order of the others. */
static void move_key(int *key, bool *descending, int from, int to) {
    int column = key[from];
    bool flag = descending[from];
    for (; from > to; from--) {
        key[from] = key[from - 1];
        descending[from] = descending[from - 1];
    }
    key[to] = column;
    descending[to] = flag;
}

enum status store_table_apply_options(struct table *table, struct arena *arena, struct error *err) {
    if (table->kind == TABLE_VIEW || (table->connector && strcmp(table->connector, "store") != 0)) return STATUS_OK;
    const char *partition = option_find(&table->options, "partition-keys");
    const char *order = option_find(&table->options, "clustering-order"), *word;
    if (table->primary_key_count == 0) {
        if (!partition && !order) return STATUS_OK;
        return error_set(err, STATUS_INVALID_OPTION, "option '%s' needs a table with a PRIMARY KEY",
                         partition ? "partition-keys" : "clustering-order");
    }
    int *key = arena_memdup(arena, table->primary_key, sizeof(int) * (size_t)table->primary_key_count);
    bool *descending = ARENA_ARRAY(arena, bool, table->primary_key_count);
    if (table->clustering_descending)
        memcpy(descending, table->clustering_descending, sizeof(bool) * (size_t)table->primary_key_count);
    table->primary_key = key;
    table->clustering_descending = descending;
    int count = 0;
    while (partition && next_word(&partition, arena, &word)) {
        int from = key_position(table, word);
        if (from < 0) return not_in_key(table, "partition-keys", word, err);
        if (from < count)
            return error_set(err, STATUS_INVALID_OPTION, "option 'partition-keys' names '%s' twice", word);
        move_key(key, descending, from, count++);
    }
    if (option_given(&table->options, "partition-keys") && count == 0)
        return error_set(err, STATUS_INVALID_OPTION, "option 'partition-keys' names no column");
    if (count == 0 && table->partitioned_by_count) {
        for (int i = 0; i < table->partitioned_by_count; i++) {
            const char *name = table->columns[table->partitioned_by[i]].name;
            int from = key_position(table, name);
            if (from < 0)
                return error_set(err, STATUS_INVALID_QUERY,
                                 "PARTITIONED BY: column '%s' must be part of the primary key of a table of the store",
                                 name);
            move_key(key, descending, from, count++);
        }
    }
    if (count)
        table->partition_key_count = count;
    else if (table->partition_key_count <= 0 || table->partition_key_count >= table->primary_key_count)
        table->partition_key_count = 1;
    while (order && next_word(&order, arena, &word)) {
        int at = key_position(table, word);
        if (at < 0) return not_in_key(table, "clustering-order", word, err);
        if (at < table->partition_key_count)
            return error_set(err, STATUS_INVALID_OPTION,
                             "option 'clustering-order': '%s' is in the partition key, which has no order", word);
        const char *rest = order;
        while (*rest == ' ') rest++;
        bool desc = strncasecmp(rest, "desc", 4) == 0, asc = strncasecmp(rest, "asc", 3) == 0;
        descending[at] = desc;
        if (desc || asc) order = rest + (desc ? 4 : 3);
        if (*order && !strchr(" ,;", *order))
            return error_set(err, STATUS_INVALID_OPTION,
                             "option 'clustering-order': behind '%s' comes ASC, DESC or a comma", word);
    }
    return STATUS_OK;
}
