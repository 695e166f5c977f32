/* The sink's statements: what a row is written and deleted with, and which of its columns is bound where. */
#include <stdlib.h>

#include "connector/cassandra/sink_private.h"

/* What a column of the rows is in Cassandra. */
enum role { ROLE_KEY, ROLE_STATIC, ROLE_REGULAR, ROLE_TTL, ROLE_TIMESTAMP, ROLE_ORIGIN };

struct draft {
    struct sink *sink;
    const struct table *table;
    const struct sink_options *options;
    enum role *roles;
    int ttl, timestamp; /* columns of the rows, -1 none */
    bool has_static, has_regular;
};

static const struct table_column *column_of(const struct draft *draft, int column) {
    return &draft->table->columns[draft->options->columns[column]];
}

static const char *full_name(const struct draft *draft) { return draft->sink->target.schema->full_name; }

/* ---- Columns ---- */

static enum status take_metadata(struct draft *draft, int column, struct error *err) {
    const struct table_column *wanted = column_of(draft, column);
    bool is_ttl = strcmp(wanted->metadata_key, "ttl") == 0;
    if (strncmp(wanted->metadata_key, "origin.", 7) == 0) {
        draft->roles[column] = ROLE_ORIGIN;
        return STATUS_OK;
    }
    if (!is_ttl && strcmp(wanted->metadata_key, "timestamp") != 0)
        return error_set(err, STATUS_UNDEFINED_NAME, "table %s: metadata '%s' cannot be written", full_name(draft),
                         wanted->metadata_key);
    bool fits = wanted->type->id == TYPE_BIGINT || wanted->type->id == (is_ttl ? TYPE_INT : TYPE_TIMESTAMP_LTZ);
    if (!fits)
        return error_set(err, STATUS_TYPE_MISMATCH, "column '%s': metadata '%s' is %s", wanted->name,
                         wanted->metadata_key,
                         is_ttl ? "an INT: seconds" : "TIMESTAMP_LTZ(6), or BIGINT: microseconds");
    draft->roles[column] = is_ttl ? ROLE_TTL : ROLE_TIMESTAMP;
    *(is_ttl ? &draft->ttl : &draft->timestamp) = column;
    return STATUS_OK;
}

static enum status take_columns(struct draft *draft, struct error *err) {
    struct sink *sink = draft->sink;
    const struct cassandra_schema *schema = sink->target.schema;
    for (int i = 0; i < sink->column_count; i++) {
        if (column_of(draft, i)->kind == COLUMN_METADATA) {
            TRY(take_metadata(draft, i, err));
            continue;
        }
        TRY(cassandra_codec(&sink->target, draft->table, draft->options->columns[i], &sink->arena, &sink->codecs[i],
                            err));
        int found = cassandra_schema_find(schema, column_of(draft, i)->name);
        enum cassandra_kind kind = schema->columns[found].kind;
        draft->roles[i] = kind == CASSANDRA_STATIC ? ROLE_STATIC : kind == CASSANDRA_REGULAR ? ROLE_REGULAR : ROLE_KEY;
        draft->has_static |= kind == CASSANDRA_STATIC;
        draft->has_regular |= kind == CASSANDRA_REGULAR;
        if (found < sink->key_count) sink->key[found] = i;
    }
    return STATUS_OK;
}

/* Static columns may be written without clustering columns: then all of these are left out. */
static enum status check_key(struct draft *draft, struct error *err) {
    struct sink *sink = draft->sink;
    const struct cassandra_schema *schema = sink->target.schema;
    int clustering = 0;
    for (int k = sink->partition_count; k < sink->key_count; k++) clustering += sink->key[k] >= 0;
    bool only_static = draft->has_static && !draft->has_regular && !clustering;
    for (int k = 0; k < sink->key_count; k++) {
        if (sink->key[k] >= 0 || (only_static && k >= sink->partition_count)) continue;
        static const char *const verbs[] = {"INSERT into", "UPDATE of", "DELETE from"};
        error_set(err, STATUS_INVALID_QUERY, "%s %s leaves out '%s', which is part of the key",
                  verbs[draft->options->statement], schema->full_name, schema->columns[k].name);
        error_hint(err, draft->has_static ? "only static columns can be written without clustering columns"
                                          : "every column of the primary key needs a value");
        return STATUS_INVALID_QUERY;
    }
    return STATUS_OK;
}

/* A changelog is netted by the declared key: it must be Cassandra's. */
static enum status check_declared_key(const struct draft *draft, struct error *err) {
    const struct table *table = draft->table;
    const struct cassandra_schema *schema = draft->sink->target.schema;
    bool same = !table->primary_key_count || table->primary_key_count == draft->sink->key_count;
    for (int i = 0; i < table->primary_key_count && same; i++) {
        int found = cassandra_schema_find(schema, table->columns[table->primary_key[i]].name);
        same = found >= 0 && found < draft->sink->key_count;
    }
    if (same) return STATUS_OK;
    struct strbuf key = {0};
    for (int k = 0; k < draft->sink->key_count; k++)
        strbuf_printf(&key, "%s%s", k ? ", " : "", schema->columns[k].name);
    error_set(err, STATUS_INVALID_QUERY, "the primary key declared for table '%s' is not that of %s: (%s)", table->name,
              schema->full_name, key.data);
    error_hint(err, "PRIMARY KEY (%s) NOT ENFORCED", key.data);
    strbuf_free(&key);
    return STATUS_INVALID_QUERY;
}

/* Is there a decimal in it whose digits nobody declared? */
static bool loses_digits(const struct cass_codec *codec) {
    if (codec->cass->id == CASS_DECIMAL && codec->type->id == TYPE_DECIMAL)
        return codec->type->precision == CASS_DECIMAL_PRECISION && codec->type->scale == CASS_DECIMAL_SCALE;
    for (int i = 0; i < codec->child_count; i++)
        if (loses_digits(&codec->children[i])) return true;
    return false;
}

/* UPDATE and DELETE write the keys that they have read. To Cassandra 1.0 and 1.00 are two partitions, and as SQL's usual type for a
 * decimal neither is written as it was. Where a type was declared, its scale is taken for that of the values. */
static enum status check_exact_key(const struct draft *draft, struct error *err) {
    const struct sink *sink = draft->sink;
    if (draft->options->statement == SINK_INSERT) return STATUS_OK;
    for (int k = 0; k < sink->partition_count; k++) {
        const struct cass_codec *codec = &sink->codecs[sink->key[k]];
        if (!loses_digits(codec)) continue;
        error_set(err, STATUS_NOT_SUPPORTED,
                  "%s of %s cannot name its rows: the digits of a decimal in the partition key, '%s', are not kept",
                  draft->options->statement == SINK_UPDATE ? "UPDATE" : "DELETE", full_name(draft), codec->column);
        error_hint(err,
                   "a table with 'connector' = 'cassandra' may declare the column as STRING, which keeps them, or as "
                   "DECIMAL(p, s) when all values have s digits");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

/* ---- What Cassandra does not do ---- */

static enum status check_counters(const struct draft *draft, struct error *err) {
    const struct sink *sink = draft->sink;
    if (!sink->counters) return STATUS_OK;
    if (draft->options->exactly_once) {
        error_set(err, STATUS_NOT_SUPPORTED, "table %s has counters, which a job with checkpoints cannot write",
                  full_name(draft));
        error_hint(err, "a counter that is added to twice counts twice: keep the sum in a BIGINT column instead");
        return STATUS_NOT_SUPPORTED;
    }
    if (draft->options->statement == SINK_UPDATE) {
        error_set(err, STATUS_NOT_SUPPORTED, "table %s has counters, which UPDATE cannot set", full_name(draft));
        error_hint(err, "INSERT adds its values to them");
        return STATUS_NOT_SUPPORTED;
    }
    if (draft->options->statement == SINK_INSERT && !draft->has_regular && !draft->has_static)
        return error_set(err, STATUS_INVALID_QUERY, "INSERT into %s names no counter to add to", full_name(draft));
    if (sink->conditional || sink->ttl_seconds || draft->ttl >= 0 || draft->timestamp >= 0 ||
        sink->fixed_micros != CQL_NO_TIMESTAMP)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "table %s has counters, which have no TTL, no write timestamp and no IF NOT EXISTS",
                         full_name(draft));
    return STATUS_OK;
}

/* Cassandra gives the elements of a list that is not frozen keys of its own making: the same INSERT at the same timestamp adds them
 * once more. */
static enum status check_lists(const struct draft *draft, struct error *err) {
    struct sink *sink = draft->sink;
    const struct cassandra_schema *schema = sink->target.schema;
    for (int i = 0; i < sink->column_count; i++) {
        if (draft->roles[i] != ROLE_REGULAR && draft->roles[i] != ROLE_STATIC) continue;
        const struct cass_type *type = sink->codecs[i].cass;
        if (type->id != CASS_LIST || type->frozen) continue;
        sink->lists = true;
        if (!draft->options->exactly_once || draft->options->statement == SINK_DELETE) continue;
        error_set(err, STATUS_NOT_SUPPORTED,
                  "table %s: a job with checkpoints cannot write column '%s', a list that is not frozen",
                  schema->full_name, sink->codecs[i].column);
        error_hint(err,
                   "a list that is written again after a restart has its elements twice: make it frozen<list<...>> or "
                   "a set, or leave the column out");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

static enum status check_conditional(const struct draft *draft, struct error *err) {
    if (!draft->sink->conditional) return STATUS_OK;
    if (draft->options->exactly_once) {
        error_set(err, STATUS_NOT_SUPPORTED, "table %s: 'sink.if-not-exists' cannot be used in a job with checkpoints",
                  full_name(draft));
        error_hint(err, "a row that is written again after a restart would be taken for one that was there before");
        return STATUS_NOT_SUPPORTED;
    }
    if (draft->timestamp >= 0 || draft->sink->fixed_micros != CQL_NO_TIMESTAMP)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "table %s: with 'sink.if-not-exists' the server chooses the write timestamp",
                         full_name(draft));
    return STATUS_OK;
}

/* ---- Statements ---- */

static bool in_static(const struct draft *draft, int column) {
    return draft->roles[column] == ROLE_STATIC || draft->roles[column] == ROLE_KEY;
}

static void add_bind(struct statement *statement, enum bind_kind kind, int column) {
    statement->binds[statement->bind_count++] = (struct bind){kind, column};
}

/* USING TTL ? AND TIMESTAMP ? */
static void put_using(struct draft *draft, struct statement *statement, bool with_ttl, struct strbuf *text) {
    const char *word = " USING";
    if (with_ttl && draft->ttl >= 0) {
        strbuf_printf(text, "%s TTL ?", word);
        add_bind(statement, BIND_TTL, draft->ttl);
        word = " AND";
    } else if (with_ttl && draft->sink->ttl_seconds) {
        strbuf_printf(text, "%s TTL %lld", word, (long long)draft->sink->ttl_seconds);
        word = " AND";
    }
    if (draft->timestamp < 0) return;
    strbuf_printf(text, "%s TIMESTAMP ?", word);
    add_bind(statement, BIND_TIMESTAMP, draft->timestamp);
}

static void put_key(struct draft *draft, struct statement *statement, int key_count, struct strbuf *text) {
    for (int k = 0; k < key_count; k++) {
        strbuf_puts(text, k ? " AND " : " WHERE ");
        cass_put_name(text, draft->sink->target.schema->columns[k].name);
        strbuf_puts(text, " = ?");
        add_bind(statement, BIND_KEY, draft->sink->key[k]);
    }
}

static void put_table(struct draft *draft, struct strbuf *text) {
    cassandra_put_table(text, draft->sink->target.schema->keyspace, draft->sink->target.schema->name);
}

/* UPDATE t SET a = ? WHERE key = ?; counters: a = a + ?. With static columns alone the row's key is the partition's. */
static void put_update(struct draft *draft, struct statement *statement, struct strbuf *text) {
    const char *word = " SET ";
    strbuf_puts(text, "UPDATE ");
    put_table(draft, text);
    put_using(draft, statement, true, text);
    for (int i = 0; i < draft->sink->column_count; i++) {
        if (draft->roles[i] != ROLE_STATIC && draft->roles[i] != ROLE_REGULAR) continue;
        if (statement->kind == STATEMENT_WRITE_STATIC && draft->roles[i] != ROLE_STATIC) continue;
        strbuf_puts(text, word);
        word = ", ";
        cass_put_name(text, draft->sink->codecs[i].column);
        strbuf_puts(text, " = ");
        bool counter = draft->sink->codecs[i].cass->id == CASS_COUNTER;
        if (counter) {
            cass_put_name(text, draft->sink->codecs[i].column);
            strbuf_puts(text, " + ");
        }
        strbuf_putc(text, '?');
        add_bind(statement, counter ? BIND_INCREMENT : BIND_VALUE, i);
    }
    bool partition = statement->kind == STATEMENT_WRITE_STATIC || !draft->has_regular;
    put_key(draft, statement, partition ? draft->sink->partition_count : draft->sink->key_count, text);
}

static void put_insert(struct draft *draft, struct statement *statement, struct strbuf *text) {
    int count = 0;
    strbuf_puts(text, "INSERT INTO ");
    put_table(draft, text);
    for (int i = 0; i < draft->sink->column_count; i++) {
        if (draft->roles[i] >= ROLE_TTL) continue;
        if (statement->kind == STATEMENT_WRITE_STATIC && !in_static(draft, i)) continue;
        bool clustering = false;
        for (int k = draft->sink->partition_count; k < draft->sink->key_count; k++)
            clustering |= draft->sink->key[k] == i;
        if (statement->kind == STATEMENT_WRITE_STATIC && clustering) continue;
        strbuf_puts(text, count++ ? ", " : " (");
        cass_put_name(text, draft->sink->codecs[i].column);
        add_bind(statement, draft->roles[i] == ROLE_KEY ? BIND_KEY : BIND_VALUE, i);
    }
    strbuf_puts(text, ") VALUES (");
    for (int i = 0; i < count; i++) strbuf_puts(text, i ? ", ?" : "?");
    strbuf_putc(text, ')');
    if (draft->sink->conditional) strbuf_puts(text, " IF NOT EXISTS");
    put_using(draft, statement, true, text);
}

/* DELETE takes all static columns, a changelog those that it writes. */
static bool deletes_column(const struct draft *draft, const char *name) {
    for (int i = 0; i < draft->sink->column_count; i++)
        if (draft->roles[i] == ROLE_STATIC && strcmp(draft->sink->codecs[i].column, name) == 0) return true;
    return draft->options->statement == SINK_DELETE;
}

static void put_delete(struct draft *draft, struct statement *statement, struct strbuf *text) {
    const struct cassandra_schema *schema = draft->sink->target.schema;
    bool is_static = statement->kind == STATEMENT_DELETE_STATIC;
    strbuf_puts(text, "DELETE ");
    for (int i = 0, count = 0; is_static && i < schema->column_count; i++) {
        if (schema->columns[i].kind != CASSANDRA_STATIC || !deletes_column(draft, schema->columns[i].name)) continue;
        if (count++) strbuf_puts(text, ", ");
        cass_put_name(text, schema->columns[i].name);
    }
    strbuf_puts(text, is_static ? " FROM " : "FROM ");
    put_table(draft, text);
    put_using(draft, statement, false, text);
    put_key(draft, statement, is_static ? draft->sink->partition_count : draft->sink->key_count, text);
}

static enum status prepare(struct draft *draft, enum statement_kind kind, struct error *err) {
    struct sink *sink = draft->sink;
    struct statement *statement = &sink->statements[kind];
    statement->kind = kind;
    statement->binds = ARENA_ARRAY(&sink->arena, struct bind, sink->column_count + 2);
    struct strbuf text = {0};
    if (kind == STATEMENT_DELETE || kind == STATEMENT_DELETE_STATIC)
        put_delete(draft, statement, &text);
    else if (sink->counters || draft->options->statement == SINK_UPDATE)
        put_update(draft, statement, &text);
    else
        put_insert(draft, statement, &text);
    enum status status = cql_prepare(cassandra_handle_cluster(sink->target.handle), text.data, full_name(draft),
                                     &statement->prepared, err);
    strbuf_free(&text);
    TRY(status);
    if (statement->prepared->bind_count != statement->bind_count)
        return error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: %d values announced for %d", full_name(draft),
                         statement->prepared->bind_count, statement->bind_count);
    return STATUS_OK;
}

static enum status prepare_all(struct draft *draft, struct error *err) {
    struct sink *sink = draft->sink;
    bool clustering = sink->key_count > sink->partition_count;
    bool clustering_given = clustering && sink->key[sink->partition_count] >= 0;
    bool has_statics = sink->target.schema->has_statics;
    if (draft->options->statement != SINK_DELETE) {
        if (!clustering || clustering_given) TRY(prepare(draft, STATEMENT_WRITE, err));
        if (has_statics && draft->has_static) TRY(prepare(draft, STATEMENT_WRITE_STATIC, err));
        if (draft->options->statement == SINK_UPDATE) return STATUS_OK;
    }
    if (!clustering || clustering_given) TRY(prepare(draft, STATEMENT_DELETE, err));
    if (has_statics && (draft->has_static || draft->options->statement == SINK_DELETE))
        TRY(prepare(draft, STATEMENT_DELETE_STATIC, err));
    return STATUS_OK;
}

enum status sink_prepare(struct sink *sink, const struct table *table, const struct sink_options *options,
                         struct error *err) {
    const struct cassandra_schema *schema = sink->target.schema;
    struct draft draft = {.sink = sink, .table = table, .options = options, .ttl = -1, .timestamp = -1};
    sink->column_count = options->column_count;
    sink->codecs = ARENA_ARRAY(&sink->arena, struct cass_codec, options->column_count + 1);
    sink->partition_count = schema->partition_count;
    sink->key_count = schema->partition_count + schema->clustering_count;
    sink->key = ARENA_ARRAY(&sink->arena, int, sink->key_count);
    for (int k = 0; k < sink->key_count; k++) sink->key[k] = -1;
    draft.roles = ARENA_ARRAY(&sink->arena, enum role, options->column_count + 1);
    TRY(take_columns(&draft, err));
    TRY(check_key(&draft, err));
    TRY(check_declared_key(&draft, err));
    TRY(check_exact_key(&draft, err));
    TRY(check_counters(&draft, err));
    TRY(check_lists(&draft, err));
    TRY(check_conditional(&draft, err));
    return prepare_all(&draft, err);
}
