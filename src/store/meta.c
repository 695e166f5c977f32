/* What the store knows about itself: databases, tables, counts, steps; one LMDB database ("meta") of small records.
 *
 * A table's record: u8 version, u32 id, u32 incarnation, u16 slots, per slot u8 phys, u8 flags, u16 length and bytes of the
 * column's name; then the definition as table_encode writes it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cass/codec.h"
#include "store/store_private.h"

enum { TABLE_RECORD_VERSION = 1, TABLE_RECORD_HEAD = 11, STORE_MAX_SLOTS = 1 << 14 };
enum { SLOT_DROPPED = 1, SLOT_STATIC = 2, SLOT_COUNTER = 4 };

/* ---- Keys of records ---- */

static enum status check_name(const char *what, const char *name, struct error *err) {
    size_t len = strlen(name);
    if (len == 0) return error_set(err, STATUS_INVALID_ARGUMENT, "the name of a %s cannot be empty", what);
    if (len > STORE_MAX_NAME_BYTES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "the name of %s '%.40s…' is longer than %d bytes", what, name,
                         STORE_MAX_NAME_BYTES);
    return STATUS_OK;
}

static bool name_fits(const char *name) { return *name && strlen(name) <= STORE_MAX_NAME_BYTES; }

static size_t database_key(const char *name, uint8_t out[STORE_KEY_MAX]) {
    size_t len = strlen(name);
    out[0] = META_DATABASE;
    memcpy(out + 1, name, len);
    return len + 1;
}

/* name NULL: the prefix of all tables of the database. */
static size_t table_key(const char *database, const char *name, uint8_t out[STORE_KEY_MAX]) {
    size_t database_len = strlen(database) + 1, name_len = name ? strlen(name) : 0;
    out[0] = META_TABLE;
    memcpy(out + 1, database, database_len);
    if (name) memcpy(out + 1 + database_len, name, name_len);
    return 1 + database_len + name_len;
}

static size_t id_key(uint8_t letter, uint32_t id, uint8_t out[STORE_KEY_MAX]) {
    out[0] = letter;
    store_put_be32(out + 1, id);
    return 5;
}

size_t store_step_key(const char *job_id, int sink_index, uint8_t out[STORE_KEY_MAX]) {
    size_t len = strlen(job_id) + 1;
    out[0] = META_STEP;
    memcpy(out + 1, job_id, len);
    store_put_be32(out + 1 + len, (uint32_t)sink_index);
    return 1 + len + 4;
}

static int get(struct store *store, MDB_txn *txn, const uint8_t *key, size_t size, MDB_val *value) {
    MDB_val k = {size, (void *)key};
    return mdb_get(txn, store->meta, &k, value);
}

static int put(struct store *store, MDB_txn *txn, const uint8_t *key, size_t size, const void *data, size_t data_size) {
    MDB_val k = {size, (void *)key}, v = {data_size, (void *)data};
    return mdb_put(txn, store->meta, &k, &v, 0);
}

static int del(struct store *store, MDB_txn *txn, const uint8_t *key, size_t size) {
    MDB_val k = {size, (void *)key};
    return mdb_del(txn, store->meta, &k, NULL);
}

/* ---- The file's format ---- */

static int open_databases(struct store *store, MDB_txn *txn, unsigned flags) {
    int rc = mdb_dbi_open(txn, "rows", flags, &store->rows);
    if (rc == 0) rc = mdb_dbi_open(txn, "meta", flags, &store->meta);
    if (rc == 0) rc = mdb_dbi_open(txn, "gc", flags, &store->gc);
    if (rc == 0) rc = mdb_dbi_open(txn, "deletions", flags, &store->deletions); /* since format 2 */
    return rc;
}

static enum status check_format(struct store *store, MDB_txn *txn, struct error *err) {
    uint8_t key = META_FORMAT;
    MDB_val value;
    int rc = get(store, txn, &key, 1, &value);
    if (rc != 0) return store_error(store, rc, "reading its format", err);
    uint32_t version = value.mv_size == 4 ? store_get_u32(value.mv_data) : 0;
    if (version == STORE_FORMAT_VERSION) return STATUS_OK;
    return error_set(err, STATUS_NOT_SUPPORTED, "the store %s has format %u, this program knows format %d", store->path,
                     version, STORE_FORMAT_VERSION);
}

/* Makes a new store, or one of format 1 a store of today: its rows are read as they are. Programs that know format 1 alone
 * refuse it from then on. */
static int create_format(struct store_write *write, void *data) {
    struct store *store = write->store;
    (void)data;
    int rc = open_databases(store, write->txn, MDB_CREATE);
    if (rc != 0) return rc;
    uint8_t key = META_FORMAT, version[4];
    MDB_val value;
    rc = get(store, write->txn, &key, 1, &value);
    bool is_old = rc == 0 && value.mv_size == 4 && store_get_u32(value.mv_data) == 1;
    if (rc == 0 && !is_old) { /* another process was faster, or another format */
        write->status = check_format(store, write->txn, write->err);
        return 0;
    }
    if (rc != 0 && rc != MDB_NOTFOUND) return rc;
    store_put_u32(version, STORE_FORMAT_VERSION);
    return put(store, write->txn, &key, 1, version, sizeof version);
}

enum status store_meta_prepare(struct store *store, struct error *err) {
    MDB_txn *txn;
    TRY(store_txn_begin(store, false, &txn, err));
    int rc = open_databases(store, txn, 0);
    if (rc == 0) {
        enum status status = check_format(store, txn, err);
        rc = store_txn_commit(store, txn); /* keeps the handles */
        if (status != STATUS_OK) return status;
        return rc == 0 ? STATUS_OK : store_error(store, rc, "opening it", err);
    }
    store_txn_abort(store, txn);
    if (rc != MDB_NOTFOUND) return store_error(store, rc, "opening it", err);
    return store_write_run(store, "creating it", create_format, NULL, err);
}

/* ---- Counts and ids ---- */

int store_counts_get(struct store *store, MDB_txn *txn, uint32_t id, struct table_counts *counts) {
    uint8_t key[STORE_KEY_MAX];
    MDB_val value;
    int rc = get(store, txn, key, id_key(META_COUNTS, id, key), &value);
    if (rc != 0) return rc;
    if (value.mv_size != META_COUNTS_BYTES) return MDB_CORRUPTED;
    const uint8_t *p = value.mv_data;
    *counts =
        (struct table_counts){store_get_u64(p), store_get_u64(p + 8), store_get_u64(p + 16), store_get_u32(p + 24)};
    return 0;
}

int store_counts_put(struct store *store, MDB_txn *txn, uint32_t id, const struct table_counts *counts) {
    uint8_t key[STORE_KEY_MAX], bytes[META_COUNTS_BYTES];
    store_put_u64(bytes, counts->live_rows);
    store_put_u64(bytes + 8, counts->entries);
    store_put_u64(bytes + 16, counts->next_row_id);
    store_put_u32(bytes + 24, counts->incarnation);
    return put(store, txn, key, id_key(META_COUNTS, id, key), bytes, sizeof bytes);
}

static int next_id(struct store *store, MDB_txn *txn, uint32_t *id) {
    uint8_t key = META_NEXT_ID, bytes[4];
    MDB_val value;
    int rc = get(store, txn, &key, 1, &value);
    *id = 1;
    if (rc == 0)
        *id = store_get_u32(value.mv_data);
    else if (rc != MDB_NOTFOUND)
        return rc;
    store_put_u32(bytes, *id + 1);
    return put(store, txn, &key, 1, bytes, sizeof bytes);
}

/* ---- Records of tables ---- */

struct slot_name {
    const char *name;
    enum phys phys;
    uint8_t flags; /* SLOT_* */
};

static void put_record(struct strbuf *out, uint32_t id, uint32_t incarnation, const struct slot_name *slots,
                       int slot_count, const struct table *definition) {
    uint8_t head[TABLE_RECORD_HEAD] = {TABLE_RECORD_VERSION};
    store_put_u32(head + 1, id);
    store_put_u32(head + 5, incarnation);
    store_put_u16(head + 9, (uint16_t)slot_count);
    strbuf_add(out, head, sizeof head);
    for (int i = 0; i < slot_count; i++) {
        uint8_t fields[4] = {(uint8_t)slots[i].phys, slots[i].flags};
        size_t len = strlen(slots[i].name);
        store_put_u16(fields + 2, (uint16_t)len);
        strbuf_add(out, fields, sizeof fields);
        strbuf_add(out, slots[i].name, len);
    }
    table_encode(out, definition);
}

static bool is_stored_table(const struct table *definition) {
    return definition->kind == TABLE_BASE && (!definition->connector || strcmp(definition->connector, "store") == 0);
}

static bool is_key_column(const struct table *definition, int column) {
    for (int i = 0; i < definition->primary_key_count; i++)
        if (definition->primary_key[i] == column) return true;
    return false;
}

static int column_named(const struct table *definition, const char *name) {
    for (int i = 0; i < definition->column_count; i++)
        if (strcmp(definition->columns[i].name, name) == 0) return i;
    return -1;
}

/* ---- Options ---- */

/* Seconds as CQL writes them, without a unit. */
static bool parse_seconds(const char *text, int64_t *seconds) {
    char *end;
    errno = 0;
    *seconds = strtoll(text, &end, 10);
    return end != text && !*end && errno == 0;
}

/* The options have been checked when the table was made. */
static int64_t grace_of(const struct table *definition) {
    const char *text = option_find(&definition->options, "gc-grace");
    const char *cql = option_find(&definition->options, "cql.gc_grace_seconds");
    int64_t ms, seconds;
    if (text && option_parse_duration(str_from(text), &ms) == STATUS_OK) return ms;
    if (cql && parse_seconds(cql, &seconds) && seconds >= 0 && seconds <= STORE_MAX_TTL_S) return seconds * 1000;
    return STORE_GRACE_MS_DEFAULT;
}

/* 'default-time-to-live' is a duration, or a number of seconds as in 'cql.default_time_to_live'. */
static enum status default_ttl(const struct table *definition, int32_t *ttl_s, struct error *err) {
    static const char *const names[] = {"default-time-to-live", "cql.default_time_to_live"};
    *ttl_s = 0;
    for (int i = 0; i < 2; i++) {
        const char *text = option_find(&definition->options, names[i]);
        int64_t seconds, ms;
        if (!text) continue;
        bool ok = parse_seconds(text, &seconds);
        if (!ok && i == 0 && option_parse_duration(str_from(text), &ms) == STATUS_OK && ms % 1000 == 0) {
            seconds = ms / 1000;
            ok = true;
        }
        if (!ok || seconds < 0 || seconds > STORE_MAX_TTL_S)
            return error_set(err, STATUS_INVALID_OPTION,
                             "option '%s': '%s' is no time of whole seconds, at most %d (20 years)", names[i], text,
                             STORE_MAX_TTL_S);
        *ttl_s = (int32_t)seconds;
        return STATUS_OK;
    }
    return STATUS_OK;
}

/* The next name of a comma-separated list; false at the end. Between backquotes anything may stand, a backquote twice. */
static bool next_name(const char **at, struct strbuf *name) {
    const char *p = *at;
    while (*p == ' ' || *p == ',' || *p == ';') p++;
    if (!*p) return false;
    bool quoted = *p == '`';
    strbuf_clear(name);
    strbuf_puts(name, "");
    for (p += quoted; *p; p++) {
        if (quoted && p[0] == '`' && p[1] == '`')
            p++;
        else if (quoted ? *p == '`' : *p == ' ' || *p == ',' || *p == ';')
            break;
        strbuf_putc(name, *p);
    }
    *at = *p && quoted ? p + 1 : p;
    return true;
}

static void put_name(struct strbuf *out, const char *name) {
    if (out->len) strbuf_puts(out, ", ");
    bool plain = !strpbrk(name, " ,;`");
    if (!plain) strbuf_putc(out, '`');
    for (const char *p = name; *p; p++) {
        if (*p == '`') strbuf_putc(out, '`');
        strbuf_putc(out, *p);
    }
    if (!plain) strbuf_putc(out, '`');
}

static enum status no_column(const struct table *definition, const char *what, const char *name, struct error *err) {
    const char **names = xcalloc((size_t)definition->column_count + 1, sizeof *names);
    for (int i = 0; i < definition->column_count; i++) names[i] = definition->columns[i].name;
    error_set(err, STATUS_INVALID_OPTION, "%s: table '%s' has no column '%s'", what, definition->name, name);
    const char *nearest = str_nearest(name, names, definition->column_count);
    if (nearest) error_hint(err, "did you mean '%s'?", nearest);
    free(names);
    return STATUS_INVALID_OPTION;
}

static enum status take_listed(const struct table *definition, const char *option, uint8_t flag, uint8_t *flags,
                               struct error *err) {
    const char *list = option_find(&definition->options, option);
    struct strbuf name = {0};
    enum status status = STATUS_OK;
    while (status == STATUS_OK && list && next_name(&list, &name)) {
        int column = column_named(definition, name.data);
        if (column < 0 || definition->columns[column].kind != COLUMN_PHYSICAL) {
            char what[64];
            snprintf(what, sizeof what, "option '%s'", option);
            status = no_column(definition, what, name.data, err);
        } else if (is_key_column(definition, column)) {
            status = error_set(err, STATUS_INVALID_OPTION, "option '%s': '%s' is part of the primary key", option,
                               name.data);
        } else {
            flags[column] |= flag;
        }
    }
    strbuf_free(&name);
    return status;
}

/* 'cql-type.views' = 'counter' says the same as 'counter-columns' = 'views'. */
static void take_cql_counters(const struct table *definition, uint8_t *flags) {
    for (int i = 0; i < definition->options.count; i++) {
        const char *key = definition->options.keys[i];
        if (strncmp(key, "cql-type.", 9) != 0 ||
            !str_equal_nocase(str_from(definition->options.values[i]), str_from("counter")))
            continue;
        int column = column_named(definition, key + 9);
        if (column >= 0) flags[column] |= SLOT_COUNTER;
    }
}

static enum status check_counters(const struct table *definition, const uint8_t *flags, struct error *err) {
    int counters = 0;
    for (int i = 0; i < definition->column_count; i++) counters += (flags[i] & SLOT_COUNTER) != 0;
    if (!counters) return STATUS_OK;
    if (!definition->primary_key_count)
        return error_set(err, STATUS_INVALID_OPTION, "table '%s': counters need a PRIMARY KEY", definition->name);
    for (int i = 0; i < definition->column_count; i++) {
        const struct table_column *column = &definition->columns[i];
        if (column->kind == COLUMN_METADATA && !column->is_virtual)
            return error_set(err, STATUS_INVALID_QUERY, "column '%s': counters have no TTL and no write timestamp",
                             column->name);
        if (column->kind != COLUMN_PHYSICAL || is_key_column(definition, i)) continue;
        if (!(flags[i] & SLOT_COUNTER)) {
            error_set(err, STATUS_INVALID_OPTION, "table '%s' has counters, but '%s' is none", definition->name,
                      column->name);
            error_hint(err, "as in Cassandra, all columns outside of the primary key must be counters then");
            return STATUS_INVALID_OPTION;
        }
        if (column->type->id != TYPE_BIGINT)
            return error_set(err, STATUS_INVALID_OPTION, "counter '%s' must be a BIGINT", column->name);
    }
    int32_t ttl_s;
    TRY(default_ttl(definition, &ttl_s, err));
    if (ttl_s) return error_set(err, STATUS_INVALID_OPTION, "table '%s': counters have no TTL", definition->name);
    return STATUS_OK;
}

/* SLOT_* of each column, from the options. */
static enum status column_flags(const struct table *definition, uint8_t *flags, struct error *err) {
    memset(flags, 0, (size_t)definition->column_count);
    TRY(take_listed(definition, "static-columns", SLOT_STATIC, flags, err));
    TRY(take_listed(definition, "counter-columns", SLOT_COUNTER, flags, err));
    take_cql_counters(definition, flags);
    int partition_count = definition->partition_key_count ? definition->partition_key_count : 1;
    for (int i = 0; i < definition->column_count; i++)
        if (flags[i] & SLOT_STATIC && definition->primary_key_count <= partition_count)
            return error_set(err, STATUS_INVALID_OPTION,
                             "option 'static-columns': table '%s' has no clustering columns", definition->name);
    return check_counters(definition, flags, err);
}

bool store_definition_has_counters(const struct table *definition) {
    for (int i = 0; i < definition->options.count; i++) {
        const char *key = definition->options.keys[i], *value = definition->options.values[i];
        if (strcmp(key, "counter-columns") == 0 && *value) return true;
        if (strncmp(key, "cql-type.", 9) == 0 && str_equal_nocase(str_from(value), str_from("counter"))) return true;
    }
    return false;
}

/* ---- Metadata columns ---- */

/* The column that 'ttl(column)' names, or -1. */
static int metadata_column(const struct table *definition, const char *key, size_t head) {
    size_t len = strlen(key);
    for (int i = 0; i < definition->column_count; i++) {
        const struct table_column *column = &definition->columns[i];
        if (column->kind == COLUMN_PHYSICAL && strlen(column->name) == len - head - 1 &&
            memcmp(column->name, key + head, len - head - 1) == 0)
            return i;
    }
    return -1;
}

static enum store_metadata_kind metadata_kind(const char *key, size_t *head) {
    size_t len = strlen(key);
    bool closed = len && key[len - 1] == ')';
    *head = 0;
    if (strcmp(key, "ttl") == 0) return STORE_METADATA_TTL;
    if (strcmp(key, "timestamp") == 0) return STORE_METADATA_TIMESTAMP;
    if (closed && strncmp(key, "writetime(", *head = 10) == 0) return STORE_METADATA_WRITETIME;
    if (closed && strncmp(key, "ttl(", *head = 4) == 0) return STORE_METADATA_TTL_OF;
    return STORE_METADATA_NONE;
}

static const char *metadata_key(const struct table_column *column) {
    return column->metadata_key ? column->metadata_key : column->name;
}

static enum status check_metadata(const struct table *definition, const struct table_column *column,
                                  struct error *err) {
    size_t head;
    const char *key = metadata_key(column);
    enum store_metadata_kind kind = metadata_kind(key, &head);
    if (kind == STORE_METADATA_NONE) {
        error_set(err, STATUS_UNDEFINED_NAME, "column '%s': connector 'store' has no metadata '%s'", column->name, key);
        error_hint(err, "it has 'writetime(column)', 'ttl(column)', 'timestamp', 'ttl'");
        return STATUS_UNDEFINED_NAME;
    }
    bool is_ttl = kind == STORE_METADATA_TTL || kind == STORE_METADATA_TTL_OF;
    const struct type *type = column->type;
    if (type->id != TYPE_BIGINT &&
        !(is_ttl ? type->id == TYPE_INT : type->id == TYPE_TIMESTAMP_LTZ && type->precision >= 6))
        return error_set(err, STATUS_TYPE_MISMATCH, "column '%s': metadata '%s' of connector 'store' is %s",
                         column->name, key, is_ttl ? "INT" : "TIMESTAMP_LTZ(6) or BIGINT (microseconds)");
    bool is_written = kind == STORE_METADATA_TTL || kind == STORE_METADATA_TIMESTAMP;
    if (is_written == column->is_virtual) {
        error_set(err, STATUS_INVALID_QUERY, "column '%s': metadata '%s' can only be %s", column->name, key,
                  is_written ? "written" : "read");
        error_hint(err, is_written ? "leave out VIRTUAL" : "declare it VIRTUAL");
        return STATUS_INVALID_QUERY;
    }
    if (!type->nullable)
        return error_set(err, STATUS_INVALID_QUERY, "column '%s': metadata '%s' may be NULL", column->name, key);
    if (is_written) return STATUS_OK;
    int of = metadata_column(definition, key, head);
    char what[300];
    snprintf(what, sizeof what, "metadata '%.250s'", key);
    if (of < 0) {
        struct strbuf name = {0};
        strbuf_add(&name, key + head, strlen(key) - head - 1);
        enum status status = no_column(definition, what, name.data ? name.data : "", err);
        strbuf_free(&name);
        return status;
    }
    if (is_key_column(definition, of))
        return error_set(err, STATUS_INVALID_QUERY, "%s: columns of the primary key have none", what);
    return STATUS_OK;
}

static struct store_metadata parse_metadata(const struct table *definition, const struct table_column *column,
                                            const int *slot_of_column) {
    struct store_metadata out = {.slot = -1};
    size_t head;
    if (column->kind != COLUMN_METADATA) return out;
    out.kind = metadata_kind(metadata_key(column), &head);
    if (out.kind == STORE_METADATA_WRITETIME || out.kind == STORE_METADATA_TTL_OF) {
        int of = metadata_column(definition, metadata_key(column), head);
        if (of >= 0) out.slot = slot_of_column[of];
    }
    return out;
}

/* ---- Records ---- */

/* CQL's form of a nested type, NULL when it has none. */
static const struct cass_codec *nested_codec(struct arena *arena, const struct type *type) {
    const struct cass_type *cass;
    if (!type_is_nested(type) || cass_type_from_sql(arena, type, &cass, NULL) != STATUS_OK) return NULL;
    struct cass_codec *codec = ARENA_NEW(arena, struct cass_codec);
    return cass_codec_init(codec, arena, cass, type, "", NULL) == STATUS_OK ? codec : NULL;
}

static enum status damaged(const struct store *store, const char *name, struct error *err) {
    return error_set(err, STATUS_BAD_DATA, "the store %s is damaged: the record of table '%s' cannot be read",
                     store->path, name);
}

static enum status parse_record(const struct store *store, const char *name, MDB_val record, struct arena *arena,
                                struct store_table **out, struct error *err) {
    const uint8_t *p = record.mv_data, *end = p + record.mv_size;
    if (record.mv_size < TABLE_RECORD_HEAD || p[0] != TABLE_RECORD_VERSION) return damaged(store, name, err);
    struct store_table *table = ARENA_NEW(arena, struct store_table);
    table->id = store_get_u32(p + 1);
    table->incarnation = store_get_u32(p + 5);
    table->slot_count = store_get_u16(p + 9);
    p += TABLE_RECORD_HEAD;
    struct slot_name *names = ARENA_ARRAY(arena, struct slot_name, table->slot_count);
    for (int i = 0; i < table->slot_count; i++) {
        if (end - p < 4 || end - p - 4 < store_get_u16(p + 2) || p[0] >= PHYS_NULL) return damaged(store, name, err);
        uint16_t len = store_get_u16(p + 2);
        names[i] = (struct slot_name){arena_strndup(arena, (const char *)p + 4, len), (enum phys)p[0], p[1]};
        p += 4 + len;
    }
    struct table *definition;
    TRY(table_decode((struct str){(const char *)p, (size_t)(end - p)}, arena, &definition, err));
    definition->catalog = NULL;
    table->definition = definition;
    table->is_stored = is_stored_table(definition);
    *out = table;
    if (!table->is_stored) return STATUS_OK;

    table->hidden = definition->hidden_key;
    table->grace_ms = grace_of(definition);
    TRY(default_ttl(definition, &table->default_ttl_s, err));
    table->key_count = definition->primary_key_count;
    table->partition_count = definition->partition_key_count;
    if (table->key_count > STORE_MAX_KEY_COLUMNS || table->hidden != (table->key_count == 0) ||
        (table->key_count && table->partition_count < 1))
        return damaged(store, name, err);
    int *slot_of_column = ARENA_ARRAY(arena, int, definition->column_count);
    int *key_of_column = ARENA_ARRAY(arena, int, definition->column_count);
    for (int i = 0; i < definition->column_count; i++) slot_of_column[i] = key_of_column[i] = -1;
    struct store_key_column *keys = ARENA_ARRAY(arena, struct store_key_column, table->key_count);
    for (int i = 0; i < table->key_count; i++) {
        int column = definition->primary_key[i];
        keys[i] =
            (struct store_key_column){.column = column,
                                      .type = definition->columns[column].type,
                                      .codec = nested_codec(arena, definition->columns[column].type),
                                      .descending = i >= table->partition_count && definition->clustering_descending &&
                                                    definition->clustering_descending[i]};
        key_of_column[column] = i;
    }
    struct store_slot *slots = ARENA_ARRAY(arena, struct store_slot, table->slot_count);
    uint32_t *fixed_bytes = ARENA_ARRAY(arena, uint32_t, table->slot_count + 1);
    int32_t previous_end = -1;
    for (int i = 0; i < table->slot_count; i++) {
        bool dropped = names[i].flags & SLOT_DROPPED;
        int column = dropped ? -1 : column_named(definition, names[i].name);
        if (!dropped && (column < 0 || key_of_column[column] >= 0 || !definition->columns[column].type ||
                         type_phys(definition->columns[column].type) != names[i].phys))
            return damaged(store, name, err);
        bool variable = phys_is_variable(names[i].phys);
        slots[i] = (struct store_slot){.column = column,
                                       .phys = names[i].phys,
                                       .offset = fixed_bytes[i],
                                       .size = variable ? 4 : (uint32_t)phys_size(names[i].phys),
                                       .previous_end = previous_end,
                                       .is_static = names[i].flags & SLOT_STATIC,
                                       .is_counter = names[i].flags & SLOT_COUNTER,
                                       .codec = dropped ? NULL : nested_codec(arena, definition->columns[column].type)};
        table->has_statics |= slots[i].is_static && !dropped;
        table->has_counters |= slots[i].is_counter && !dropped;
        if (variable) previous_end = (int32_t)slots[i].offset;
        fixed_bytes[i + 1] = fixed_bytes[i] + slots[i].size;
        if (column >= 0) slot_of_column[column] = i;
    }
    table->keys = keys;
    table->slots = slots;
    table->fixed_bytes = fixed_bytes;
    table->slot_of_column = slot_of_column;
    table->key_of_column = key_of_column;
    struct store_metadata *metadata = ARENA_ARRAY(arena, struct store_metadata, definition->column_count + 1);
    for (int i = 0; i < definition->column_count; i++)
        metadata[i] = parse_metadata(definition, &definition->columns[i], slot_of_column);
    table->metadata = metadata;
    return STATUS_OK;
}

enum status store_table_read(struct store *store, MDB_txn *txn, const char *database, const char *name,
                             struct arena *arena, const struct store_table **out, struct error *err) {
    uint8_t key[STORE_KEY_MAX];
    MDB_val record;
    if (!name_fits(database) || !name_fits(name)) {
        *out = NULL;
        return STATUS_OK;
    }
    int rc = get(store, txn, key, table_key(database, name, key), &record);
    if (rc == MDB_NOTFOUND) {
        *out = NULL;
        return STATUS_OK;
    }
    if (rc != 0) return store_error(store, rc, "reading a table's definition", err);
    struct store_table *table;
    TRY(parse_record(store, name, record, arena, &table, err));
    *out = table;
    return STATUS_OK;
}

static bool has_prefix(const MDB_val *key, const uint8_t *prefix, size_t size) {
    return key->mv_size >= size && memcmp(key->mv_data, prefix, size) == 0;
}

int store_table_by_id(struct store *store, MDB_txn *txn, uint32_t id, struct arena *arena,
                      const struct store_table **out) {
    MDB_cursor *cursor;
    uint8_t letter = META_TABLE;
    MDB_val key = {1, &letter}, record;
    *out = NULL;
    int rc = mdb_cursor_open(txn, store->meta, &cursor);
    if (rc != 0) return rc;
    for (rc = mdb_cursor_get(cursor, &key, &record, MDB_SET_RANGE); rc == 0 && has_prefix(&key, &letter, 1);
         rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT)) {
        if (record.mv_size < TABLE_RECORD_HEAD || store_get_u32((const uint8_t *)record.mv_data + 1) != id) continue;
        struct store_table *table;
        rc = parse_record(store, "", record, arena, &table, NULL) == STATUS_OK ? 0 : MDB_CORRUPTED;
        if (rc == 0 && table->is_stored) *out = table;
        break;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- Databases ---- */

static enum status names_with_prefix(struct store *store, MDB_txn *txn, const uint8_t *prefix, size_t size,
                                     struct arena *arena, const char ***out, int *out_count, struct error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, store->meta, &cursor);
    if (rc != 0) return store_error(store, rc, "reading the catalog", err);
    const char **names = NULL;
    size_t count = 0, capacity = 0;
    MDB_val key = {size, (void *)prefix}, value;
    for (rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE); rc == 0 && has_prefix(&key, prefix, size);
         rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        ARRAY_RESERVE(names, capacity, count + 1);
        names[count++] = arena_strndup(arena, (const char *)key.mv_data + size, key.mv_size - size);
    }
    mdb_cursor_close(cursor);
    *out = ARENA_ARRAY(arena, const char *, count + 1);
    if (count) memcpy(*out, names, count * sizeof *names);
    *out_count = (int)count;
    free(names);
    return rc == 0 || rc == MDB_NOTFOUND ? STATUS_OK : store_error(store, rc, "reading the catalog", err);
}

enum status store_list_databases(struct store *store, struct arena *arena, const char ***names, int *count,
                                 struct error *err) {
    MDB_txn *txn;
    uint8_t prefix = META_DATABASE;
    TRY(store_txn_begin(store, false, &txn, err));
    enum status status = names_with_prefix(store, txn, &prefix, 1, arena, names, count, err);
    store_txn_abort(store, txn);
    return status;
}

static int database_lookup(struct store *store, MDB_txn *txn, const char *name) {
    uint8_t key[STORE_KEY_MAX];
    MDB_val value;
    if (!name_fits(name)) return MDB_NOTFOUND;
    return get(store, txn, key, database_key(name, key), &value);
}

enum status store_database_exists(struct store *store, const char *name, bool *exists, struct error *err) {
    MDB_txn *txn;
    TRY(store_txn_begin(store, false, &txn, err));
    int rc = database_lookup(store, txn, name);
    store_txn_abort(store, txn);
    if (rc != 0 && rc != MDB_NOTFOUND) return store_error(store, rc, "reading the catalog", err);
    *exists = rc == 0;
    return STATUS_OK;
}

static enum status no_such(const char *what, const char *name, const char *const *names, int count, struct error *err) {
    enum status status = *what == 'd' ? STATUS_UNDEFINED_NAME : STATUS_UNDEFINED_TABLE;
    error_set(err, status, "there is no %s '%s'", what, name);
    const char *nearest = str_nearest(name, names, count);
    if (nearest) error_hint(err, "did you mean '%s'?", nearest);
    return status;
}

static enum status no_database(struct store *store, MDB_txn *txn, const char *name, struct error *err) {
    struct arena arena;
    const char **names;
    int count;
    uint8_t prefix = META_DATABASE;
    arena_init(&arena, NULL);
    enum status status = names_with_prefix(store, txn, &prefix, 1, &arena, &names, &count, err);
    if (status == STATUS_OK) status = no_such("database", name, names, count, err);
    arena_destroy(&arena);
    return status;
}

static enum status no_table(struct store *store, MDB_txn *txn, const char *database, const char *name,
                            struct error *err) {
    struct arena arena;
    const char **names;
    int count;
    uint8_t prefix[STORE_KEY_MAX];
    int rc = database_lookup(store, txn, database);
    if (rc == MDB_NOTFOUND) return no_database(store, txn, database, err);
    if (rc != 0) return store_error(store, rc, "reading the catalog", err);
    arena_init(&arena, NULL);
    enum status status =
        names_with_prefix(store, txn, prefix, table_key(database, NULL, prefix), &arena, &names, &count, err);
    if (status == STATUS_OK) status = no_such("table or view", name, names, count, err);
    arena_destroy(&arena);
    return status;
}

static int create_database(struct store_write *write, void *data) {
    const char *name = data;
    uint8_t key[STORE_KEY_MAX], options = 0;
    int rc = database_lookup(write->store, write->txn, name);
    if (rc == 0) write->status = error_set(write->err, STATUS_DUPLICATE_NAME, "database '%s' exists", name);
    if (rc != MDB_NOTFOUND) return rc;
    return put(write->store, write->txn, key, database_key(name, key), &options, 1);
}

enum status store_create_database(struct store *store, const char *name, struct error *err) {
    TRY(check_name("database", name, err));
    return store_write_run(store, "creating a database", create_database, (void *)name, err);
}

/* ---- Dropping: the record goes at once, the rows in slices ---- */

static int drop_rows(struct store_write *write, uint32_t id) {
    uint8_t key[STORE_KEY_MAX];
    int rc = del(write->store, write->txn, key, id_key(META_COUNTS, id, key));
    if (rc != 0 && rc != MDB_NOTFOUND) return rc;
    return put(write->store, write->txn, key, id_key(META_DROPPED, id, key), "", 0);
}

static int drop_table(struct store_write *write, const char *database, const char *name) {
    uint8_t key[STORE_KEY_MAX];
    size_t size = table_key(database, name, key);
    MDB_val record;
    int rc = get(write->store, write->txn, key, size, &record);
    if (rc != 0) return rc;
    if (record.mv_size < TABLE_RECORD_HEAD) return MDB_CORRUPTED;
    uint32_t id = store_get_u32((const uint8_t *)record.mv_data + 1);
    rc = del(write->store, write->txn, key, size);
    return rc == 0 ? drop_rows(write, id) : rc;
}

struct reclaim {
    int64_t max_rows;
    bool more;
};

static int reclaim_slice(struct store_write *write, void *data) {
    struct reclaim *reclaim = data;
    return store_reclaim(write->store, write->txn, reclaim->max_rows, &reclaim->more);
}

/* Frees what a database has of a dropped table; *gone: that was all. */
static int reclaim_from(MDB_txn *txn, MDB_dbi dbi, uint32_t id, int64_t *max_rows, bool *gone) {
    MDB_cursor *cursor;
    uint8_t prefix[STORE_ID_BYTES];
    int rc = mdb_cursor_open(txn, dbi, &cursor);
    if (rc != 0) return rc;
    store_put_be32(prefix, id);
    MDB_val row = {STORE_ID_BYTES, prefix}, value;
    rc = mdb_cursor_get(cursor, &row, &value, MDB_SET_RANGE);
    while (rc == 0 && has_prefix(&row, prefix, STORE_ID_BYTES) && *max_rows > 0) {
        if ((rc = mdb_cursor_del(cursor, 0)) != 0) break;
        --*max_rows;
        rc = mdb_cursor_get(cursor, &row, &value, MDB_NEXT); /* the one that took its place */
    }
    *gone = rc == MDB_NOTFOUND || (rc == 0 && !has_prefix(&row, prefix, STORE_ID_BYTES));
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int store_reclaim(struct store *store, MDB_txn *txn, int64_t max_rows, bool *more) {
    int rc = 0;
    *more = false;
    while (rc == 0) {
        uint8_t letter = META_DROPPED, key[STORE_KEY_MAX];
        MDB_cursor *meta;
        MDB_val found = {1, &letter}, value;
        if ((rc = mdb_cursor_open(txn, store->meta, &meta)) != 0) break;
        rc = mdb_cursor_get(meta, &found, &value, MDB_SET_RANGE);
        bool any = rc == 0 && found.mv_size == 5 && *(const uint8_t *)found.mv_data == META_DROPPED;
        uint32_t id = any ? store_get_be32((const uint8_t *)found.mv_data + 1) : 0;
        mdb_cursor_close(meta);
        if (rc == MDB_NOTFOUND) rc = 0;
        if (!any || rc != 0) break;
        if (max_rows <= 0) {
            *more = true;
            break;
        }
        bool gone = false;
        rc = reclaim_from(txn, store->rows, id, &max_rows, &gone);
        if (rc == 0 && gone) rc = reclaim_from(txn, store->deletions, id, &max_rows, &gone);
        if (rc == 0 && gone) rc = del(store, txn, key, id_key(META_DROPPED, id, key));
    }
    return rc;
}

/* Frees everything that is dropped, each slice in a transaction of its own so that writers get their turn. A process that
 * dies here leaves the rest to the next commits. */
static enum status reclaim_all(struct store *store, struct error *err) {
    struct reclaim reclaim = {.max_rows = STORE_RECLAIM_ROWS, .more = true};
    while (reclaim.more) TRY(store_write_run(store, "freeing dropped rows", reclaim_slice, &reclaim, err));
    return STATUS_OK;
}

struct drop_database_request {
    const char *name;
    bool cascade;
};

static int drop_database(struct store_write *write, void *data) {
    const struct drop_database_request *request = data;
    struct store *store = write->store;
    uint8_t key[STORE_KEY_MAX];
    int rc = database_lookup(store, write->txn, request->name);
    if (rc == MDB_NOTFOUND) write->status = no_database(store, write->txn, request->name, write->err);
    if (rc != 0) return rc;
    struct arena arena;
    const char **names;
    int count;
    arena_init(&arena, NULL);
    write->status = names_with_prefix(store, write->txn, key, table_key(request->name, NULL, key), &arena, &names,
                                      &count, write->err);
    if (write->status == STATUS_OK && count && !request->cascade) {
        write->status = error_set(write->err, STATUS_INVALID_ARGUMENT,
                                  "database '%s' is not empty: it has %d tables and views", request->name, count);
        error_hint(write->err, "DROP DATABASE … CASCADE drops them too");
    }
    for (int i = 0; i < count && write->status == STATUS_OK && rc == 0; i++)
        rc = drop_table(write, request->name, names[i]);
    arena_destroy(&arena);
    if (write->status != STATUS_OK || rc != 0) return rc;
    return del(store, write->txn, key, database_key(request->name, key));
}

enum status store_drop_database(struct store *store, const char *name, bool cascade, struct error *err) {
    struct drop_database_request request = {name, cascade};
    TRY(store_write_run(store, "dropping a database", drop_database, &request, err));
    return reclaim_all(store, err);
}

/* ---- Tables ---- */

enum status store_list_tables(struct store *store, const char *database, struct arena *arena,
                              const struct store_table ***tables, int *count, struct error *err) {
    MDB_txn *txn;
    uint8_t prefix[STORE_KEY_MAX];
    const char **names;
    const struct store_table **list = NULL;
    int name_count = 0;
    enum status status = STATUS_OK;
    TRY(store_txn_begin(store, false, &txn, err));
    int rc = database_lookup(store, txn, database);
    if (rc == MDB_NOTFOUND)
        status = no_database(store, txn, database, err);
    else if (rc != 0)
        status = store_error(store, rc, "reading the catalog", err);
    if (status == STATUS_OK)
        status =
            names_with_prefix(store, txn, prefix, table_key(database, NULL, prefix), arena, &names, &name_count, err);
    if (status == STATUS_OK) list = ARENA_ARRAY(arena, const struct store_table *, name_count + 1);
    for (int i = 0; i < name_count && status == STATUS_OK; i++)
        status = store_table_read(store, txn, database, names[i], arena, &list[i], err);
    store_txn_abort(store, txn);
    if (status != STATUS_OK) return status;
    *tables = list;
    *count = name_count;
    return STATUS_OK;
}

enum status store_find_table(struct store *store, const char *database, const char *name, struct arena *arena,
                             const struct store_table **table, struct error *err) {
    MDB_txn *txn;
    TRY(store_txn_begin(store, false, &txn, err));
    enum status status = store_table_read(store, txn, database, name, arena, table, err);
    store_txn_abort(store, txn);
    return status;
}

/* The definition as it is kept: key counts filled in, nothing of the session's in it. */
static enum status check_definition(struct table *definition, struct error *err) {
    TRY(check_name("table", definition->name, err));
    if (!is_stored_table(definition)) return STATUS_OK;
    definition->connector = "store";
    definition->hidden_key = definition->primary_key_count == 0;
    if (definition->hidden_key) definition->partition_key_count = 0;
    if (definition->primary_key_count && definition->partition_key_count == 0) definition->partition_key_count = 1;
    if (definition->primary_key_count > STORE_MAX_KEY_COLUMNS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "table '%s': a primary key has at most %d columns",
                         definition->name, STORE_MAX_KEY_COLUMNS);
    int stored = 0;
    for (int i = 0; i < definition->column_count; i++) {
        const struct table_column *column = &definition->columns[i];
        if (column->kind == COLUMN_METADATA) {
            TRY(check_metadata(definition, column, err));
            continue;
        }
        bool is_key = is_key_column(definition, i);
        if (column->kind == COLUMN_COMPUTED) {
            if (is_key)
                return error_set(err, STATUS_INVALID_QUERY, "computed column '%s' cannot be part of the primary key",
                                 column->name);
            continue;
        }
        stored++;
        if (column->type->id == TYPE_NULL)
            return error_set(err, STATUS_NOT_SUPPORTED, "column '%s' has no type", column->name);
    }
    if (!stored) return error_set(err, STATUS_INVALID_QUERY, "table '%s' has no columns to store", definition->name);
    int32_t ttl_s;
    return default_ttl(definition, &ttl_s, err);
}

/* Of a new table: those of columns too; ALTER first makes them follow the columns. */
static enum status check_new_definition(struct table *definition, struct error *err) {
    TRY(check_definition(definition, err));
    if (!is_stored_table(definition)) return STATUS_OK;
    uint8_t *flags = xcalloc((size_t)definition->column_count + 1, 1);
    enum status status = column_flags(definition, flags, err);
    free(flags);
    return status;
}

enum status store_check_definition(const struct table *definition, struct error *err) {
    struct table copy = *definition;
    return check_new_definition(&copy, err);
}

/* Records must be readable again, whatever limits table_decode has. */
static enum status check_record(const struct store *store, const struct strbuf *record, struct error *err) {
    struct arena arena;
    struct store_table *table;
    arena_init(&arena, NULL);
    enum status status = parse_record(store, "new", (MDB_val){record->len, record->data}, &arena, &table, err);
    arena_destroy(&arena);
    if (status != STATUS_OK) error_prefix(err, "the definition cannot be kept");
    return status;
}

static int put_table(struct store_write *write, uint32_t id, uint32_t incarnation, const struct slot_name *slots,
                     int slot_count, const struct table *definition) {
    struct strbuf record = {0};
    uint8_t key[STORE_KEY_MAX];
    put_record(&record, id, incarnation, slots, slot_count, definition);
    write->status = check_record(write->store, &record, write->err);
    int rc = 0;
    if (write->status == STATUS_OK)
        rc = put(write->store, write->txn, key, table_key(definition->database, definition->name, key), record.data,
                 record.len);
    strbuf_free(&record);
    return rc;
}

static int create_table(struct store_write *write, void *data) {
    const struct table *definition = data;
    struct store *store = write->store;
    uint8_t key[STORE_KEY_MAX];
    MDB_val existing;
    int rc = database_lookup(store, write->txn, definition->database);
    if (rc == MDB_NOTFOUND) write->status = no_database(store, write->txn, definition->database, write->err);
    if (rc != 0) return rc;
    rc = get(store, write->txn, key, table_key(definition->database, definition->name, key), &existing);
    if (rc == 0)
        write->status = error_set(write->err, STATUS_DUPLICATE_NAME, "table or view '%s' exists in database '%s'",
                                  definition->name, definition->database);
    if (rc != MDB_NOTFOUND) return rc;
    uint32_t id = 0; /* views and tables of other connectors have none */
    struct slot_name *slots = xcalloc((size_t)definition->column_count + 1, sizeof *slots);
    int slot_count = 0;
    rc = 0;
    if (is_stored_table(definition)) {
        rc = next_id(store, write->txn, &id);
        uint8_t *flags = xcalloc((size_t)definition->column_count + 1, 1);
        write->status = column_flags(definition, flags, write->err);
        for (int i = 0; i < definition->column_count; i++)
            if (definition->columns[i].kind == COLUMN_PHYSICAL && !is_key_column(definition, i))
                slots[slot_count++] =
                    (struct slot_name){definition->columns[i].name, type_phys(definition->columns[i].type), flags[i]};
        free(flags);
        struct table_counts counts = {.incarnation = id};
        if (rc == 0) rc = store_counts_put(store, write->txn, id, &counts);
    }
    if (rc == 0 && write->status == STATUS_OK) rc = put_table(write, id, id, slots, slot_count, definition);
    free(slots);
    return rc;
}

enum status store_create_table(struct store *store, const struct table *definition, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *copy = table_copy(&arena, definition);
    copy->catalog = NULL;
    copy->connector_data = NULL;
    enum status status = check_new_definition(copy, err);
    if (status == STATUS_OK) status = store_write_run(store, "creating a table", create_table, copy, err);
    arena_destroy(&arena);
    return status;
}

struct table_name {
    const char *database, *name;
};

static int drop_named_table(struct store_write *write, void *data) {
    const struct table_name *request = data;
    int rc = name_fits(request->database) && name_fits(request->name)
                 ? drop_table(write, request->database, request->name)
                 : MDB_NOTFOUND;
    if (rc == MDB_NOTFOUND)
        write->status = no_table(write->store, write->txn, request->database, request->name, write->err);
    return rc;
}

enum status store_drop_table(struct store *store, const char *database, const char *name, struct error *err) {
    struct table_name request = {database, name};
    TRY(store_write_run(store, "dropping a table", drop_named_table, &request, err));
    return reclaim_all(store, err);
}

/* The slots of a table as its record has them. */
static struct slot_name *slots_of(const struct store_table *table, int room, struct arena *arena) {
    struct slot_name *slots = ARENA_ARRAY(arena, struct slot_name, table->slot_count + room);
    for (int i = 0; i < table->slot_count; i++) {
        const struct store_slot *slot = &table->slots[i];
        slots[i] =
            (struct slot_name){slot->column >= 0 ? table->definition->columns[slot->column].name : "", slot->phys,
                               (uint8_t)((slot->column < 0 ? SLOT_DROPPED : 0) | (slot->is_static ? SLOT_STATIC : 0) |
                                         (slot->is_counter ? SLOT_COUNTER : 0))};
    }
    return slots;
}

int store_truncate_in(struct store_write *write, const char *database, const char *name) {
    struct store *store = write->store;
    struct arena arena;
    const struct store_table *table = NULL;
    uint32_t id;
    struct table_counts counts;
    int rc = 0;
    arena_init(&arena, NULL);
    write->status = store_table_read(store, write->txn, database, name, &arena, &table, write->err);
    if (write->status == STATUS_OK && !table) write->status = no_table(store, write->txn, database, name, write->err);
    if (write->status == STATUS_OK && !table->is_stored)
        write->status = error_set(write->err, STATUS_NOT_SUPPORTED, "'%s' is no table of the embedded store", name);
    if (write->status == STATUS_OK) {
        rc = store_counts_get(store, write->txn, table->id, &counts);
        if (rc == 0) rc = drop_rows(write, table->id);
        if (rc == 0) rc = next_id(store, write->txn, &id);
        counts.live_rows = counts.entries = 0;
        if (rc == 0) rc = store_counts_put(store, write->txn, id, &counts);
        if (rc == 0)
            rc = put_table(write, id, table->incarnation, slots_of(table, 0, &arena), table->slot_count,
                           table->definition);
    }
    arena_destroy(&arena);
    return rc;
}

static int truncate_table(struct store_write *write, void *data) {
    const struct table_name *request = data;
    return store_truncate_in(write, request->database, request->name);
}

enum status store_truncate_table(struct store *store, const char *database, const char *name, struct error *err) {
    struct table_name request = {database, name};
    TRY(store_write_run(store, "truncating a table", truncate_table, &request, err));
    return reclaim_all(store, err);
}

/* ---- ALTER ---- */

static bool storage_equal(const struct type *a, const struct type *b) {
    if (a->id != b->id || type_phys(a) != type_phys(b)) return false;
    if (a->id >= TYPE_CHAR && a->id <= TYPE_VARBINARY) return true; /* lengths may change */
    return type_equal_but_nullable(a, b) ||
           (!type_is_nested(a) && a->precision == b->precision && a->scale == b->scale);
}

/* The old column that a new one continues: same name, or the one renamed. */
static int old_column(const struct table *old, const struct table *definition, int renamed, int column) {
    return column == renamed ? renamed : column_named(old, definition->columns[column].name);
}

static int renamed_column(const struct table *old, const struct table *definition) {
    int renamed = -1;
    if (old->column_count != definition->column_count) return -1;
    for (int i = 0; i < old->column_count; i++) {
        if (strcmp(old->columns[i].name, definition->columns[i].name) == 0) continue;
        const struct table_column *from = &old->columns[i], *to = &definition->columns[i];
        if (renamed >= 0 || column_named(definition, from->name) >= 0 || column_named(old, to->name) >= 0 ||
            from->kind != COLUMN_PHYSICAL || to->kind != COLUMN_PHYSICAL || !storage_equal(from->type, to->type))
            return -1;
        renamed = i;
    }
    return renamed;
}

static enum status check_keys_same(const struct table *old, const struct table *definition, int renamed,
                                   struct error *err) {
    bool same = old->primary_key_count == definition->primary_key_count &&
                old->partition_key_count == definition->partition_key_count;
    for (int i = 0; same && i < old->primary_key_count; i++) {
        int column = definition->primary_key[i];
        bool was_descending = old->clustering_descending && old->clustering_descending[i];
        bool is_descending = definition->clustering_descending && definition->clustering_descending[i];
        same = old_column(old, definition, renamed, column) == old->primary_key[i] && was_descending == is_descending &&
               type_equal_but_nullable(old->columns[old->primary_key[i]].type, definition->columns[column].type);
    }
    if (same) return STATUS_OK;
    return error_set(err, STATUS_NOT_SUPPORTED,
                     "the primary key of table '%s' cannot be changed: its rows are kept by it", definition->name);
}

/* A list of columns in the options follows them: renamed ones have their new name, dropped ones are gone; a table with
 * counters gets no others. */
static void follow_columns(const struct table *old, struct table *definition, int renamed, const char *option,
                           bool all_new, struct arena *arena) {
    const char *list = option_find(&definition->options, option);
    struct strbuf text = {0}, name = {0};
    if (!list) return;
    while (next_name(&list, &name)) {
        int was = column_named(old, name.data);
        if (renamed >= 0 && was == renamed)
            put_name(&text, definition->columns[renamed].name);
        else if (column_named(definition, name.data) >= 0 || was < 0) /* a wrong name is told later */
            put_name(&text, name.data);
    }
    for (int i = 0; all_new && i < definition->column_count; i++)
        if (definition->columns[i].kind == COLUMN_PHYSICAL && i != renamed &&
            column_named(old, definition->columns[i].name) < 0)
            put_name(&text, definition->columns[i].name);
    const char **values =
        arena_memdup(arena, definition->options.values, sizeof *values * (size_t)definition->options.count);
    for (int i = 0; i < definition->options.count; i++)
        if (strcmp(definition->options.keys[i], option) == 0)
            values[i] = arena_strndup(arena, text.data ? text.data : "", text.len);
    definition->options.values = values;
    strbuf_free(&text);
    strbuf_free(&name);
}

/* The flags of the new definition; those of columns that stay are what they were. */
static enum status alter_flags(const struct store_table *table, struct table *definition, int renamed, uint8_t *flags,
                               struct arena *arena, struct error *err) {
    const struct table *old = table->definition;
    follow_columns(old, definition, renamed, "static-columns", false, arena);
    follow_columns(old, definition, renamed, "counter-columns", table->has_counters, arena);
    TRY(column_flags(definition, flags, err));
    for (int i = 0; i < definition->column_count; i++) {
        int from = old_column(old, definition, renamed, i), slot = from >= 0 ? table->slot_of_column[from] : -1;
        if (slot < 0) continue;
        bool was_static = table->slots[slot].is_static, was_counter = table->slots[slot].is_counter;
        if (was_static != (bool)(flags[i] & SLOT_STATIC))
            return error_set(err, STATUS_NOT_SUPPORTED, "column '%s' cannot %s static: its values are kept by it",
                             definition->columns[i].name, was_static ? "stop being" : "become");
        if (was_counter != (bool)(flags[i] & SLOT_COUNTER))
            return error_set(err, STATUS_NOT_SUPPORTED, "column '%s' cannot %s a counter", definition->columns[i].name,
                             was_counter ? "stop being" : "become");
    }
    return STATUS_OK;
}

static int alter_table(struct store_write *write, void *data) {
    struct table copy = *(const struct table *)data, *definition = &copy;
    struct store *store = write->store;
    struct arena arena;
    const struct store_table *table;
    int rc = 0;
    arena_init(&arena, NULL);
    write->status =
        store_table_read(store, write->txn, definition->database, definition->name, &arena, &table, write->err);
    if (write->status == STATUS_OK && !table)
        write->status = no_table(store, write->txn, definition->database, definition->name, write->err);
    if (write->status == STATUS_OK && table->is_stored != is_stored_table(definition))
        write->status = error_set(write->err, STATUS_NOT_SUPPORTED,
                                  "'%s' cannot change between a table of the embedded "
                                  "store and another kind",
                                  definition->name);
    struct slot_name *slots = NULL;
    int slot_count = 0;
    if (write->status == STATUS_OK && table->is_stored) {
        const struct table *old = table->definition;
        int renamed = renamed_column(old, definition);
        uint8_t *flags = ARENA_ARRAY(&arena, uint8_t, definition->column_count + 1);
        write->status = check_keys_same(old, definition, renamed, write->err);
        if (write->status == STATUS_OK)
            write->status = alter_flags(table, definition, renamed, flags, &arena, write->err);
        slots = slots_of(table, definition->column_count, &arena);
        slot_count = table->slot_count;
        for (int i = 0; i < slot_count; i++) slots[i].flags |= SLOT_DROPPED;
        for (int i = 0; i < definition->column_count && write->status == STATUS_OK; i++) {
            const struct table_column *column = &definition->columns[i];
            if (column->kind != COLUMN_PHYSICAL || is_key_column(definition, i)) continue;
            int from = old_column(old, definition, renamed, i);
            int slot = from >= 0 ? table->slot_of_column[from] : -1;
            if (slot >= 0 && !storage_equal(old->columns[from].type, column->type)) {
                write->status =
                    error_set(write->err, STATUS_NOT_SUPPORTED,
                              "the type of column '%s' cannot be changed from %s to %s", column->name,
                              type_to_string(&arena, old->columns[from].type), type_to_string(&arena, column->type));
            } else {
                if (slot < 0) slot = slot_count++;
                slots[slot] = (struct slot_name){column->name, type_phys(column->type), flags[i]};
            }
        }
        if (slot_count > STORE_MAX_SLOTS)
            write->status =
                error_set(write->err, STATUS_LIMIT_EXCEEDED, "table '%s' had more than %d columns over its life",
                          definition->name, STORE_MAX_SLOTS);
    }
    if (write->status == STATUS_OK) rc = put_table(write, table->id, table->incarnation, slots, slot_count, definition);
    arena_destroy(&arena);
    return rc;
}

enum status store_alter_table(struct store *store, const struct table *definition, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *copy = table_copy(&arena, definition);
    copy->catalog = NULL;
    copy->connector_data = NULL;
    enum status status = check_definition(copy, err);
    if (status == STATUS_OK) status = store_write_run(store, "changing a table", alter_table, copy, err);
    arena_destroy(&arena);
    return status;
}

/* ---- RENAME ---- */

struct rename_request {
    const char *database, *name, *new_name;
};

static int rename_table(struct store_write *write, void *data) {
    const struct rename_request *request = data;
    struct store *store = write->store;
    struct arena arena;
    const struct store_table *table = NULL, *taken = NULL;
    uint8_t key[STORE_KEY_MAX];
    int rc = 0;
    arena_init(&arena, NULL);
    write->status = store_table_read(store, write->txn, request->database, request->name, &arena, &table, write->err);
    if (write->status == STATUS_OK && !table)
        write->status = no_table(store, write->txn, request->database, request->name, write->err);
    if (write->status == STATUS_OK)
        write->status =
            store_table_read(store, write->txn, request->database, request->new_name, &arena, &taken, write->err);
    if (write->status == STATUS_OK && taken)
        write->status = error_set(write->err, STATUS_DUPLICATE_NAME, "table or view '%s' exists in database '%s'",
                                  request->new_name, request->database);
    if (write->status == STATUS_OK) {
        struct table definition = *table->definition;
        definition.name = request->new_name;
        struct slot_name *slots = table->is_stored ? slots_of(table, 0, &arena) : NULL;
        rc = put_table(write, table->id, table->incarnation, slots, table->is_stored ? table->slot_count : 0,
                       &definition);
        if (rc == 0 && write->status == STATUS_OK)
            rc = del(store, write->txn, key, table_key(request->database, request->name, key));
    }
    arena_destroy(&arena);
    return rc;
}

enum status store_rename_table(struct store *store, const char *database, const char *name, const char *new_name,
                               struct error *err) {
    struct rename_request request = {database, name, new_name};
    TRY(check_name("table", new_name, err));
    return store_write_run(store, "renaming a table", rename_table, &request, err);
}

enum status store_row_count(struct store *store, const struct store_table *table, int64_t *rows, struct error *err) {
    MDB_txn *txn;
    struct table_counts counts = {0};
    TRY(store_txn_begin(store, false, &txn, err));
    int rc = store_counts_get(store, txn, table->id, &counts);
    store_txn_abort(store, txn);
    if (rc != 0 && rc != MDB_NOTFOUND) return store_error(store, rc, "reading a table's size", err);
    *rows = (int64_t)counts.live_rows;
    return STATUS_OK;
}

/* ---- Steps ---- */

static enum status check_job_id(const char *job_id, struct error *err) {
    if (strlen(job_id) <= STORE_MAX_JOB_ID_BYTES) return STATUS_OK;
    return error_set(err, STATUS_LIMIT_EXCEEDED, "the job's name '%.40s…' is longer than %d bytes", job_id,
                     STORE_MAX_JOB_ID_BYTES);
}

enum status store_step_done(struct store *store, const char *job_id, int sink_index, int64_t *step_id,
                            struct error *err) {
    MDB_txn *txn;
    uint8_t key[STORE_KEY_MAX];
    MDB_val value;
    TRY(check_job_id(job_id, err));
    TRY(store_txn_begin(store, false, &txn, err));
    int rc = get(store, txn, key, store_step_key(job_id, sink_index, key), &value);
    if (rc == 0 && value.mv_size != META_STEP_BYTES) rc = MDB_CORRUPTED;
    int64_t found = rc == 0 ? (int64_t)store_get_u64(value.mv_data) : 0;
    store_txn_abort(store, txn);
    if (rc != 0 && rc != MDB_NOTFOUND) return store_error(store, rc, "reading a job's last step", err);
    *step_id = found;
    return STATUS_OK;
}

struct register_request {
    const char *job_id;
    int sink_index;
    uint32_t incarnation;
    bool fresh;
};

/* A sink that is known keeps its last step; only the table and the time are renewed. */
static int register_step(struct store_write *write, void *data) {
    const struct register_request *request = data;
    uint8_t key[STORE_KEY_MAX], record[META_STEP_BYTES];
    size_t size = store_step_key(request->job_id, request->sink_index, key);
    MDB_val value;
    int rc = get(write->store, write->txn, key, size, &value);
    if (rc != 0 && rc != MDB_NOTFOUND) return rc;
    if (rc == 0 && value.mv_size != META_STEP_BYTES) return MDB_CORRUPTED;
    int64_t now_micros = clock_realtime_micros();
    if (rc == 0 && !request->fresh) {
        memcpy(record, value.mv_data, sizeof record);
    } else {
        store_put_u64(record, 0);
        store_put_u64(record + 8, (uint64_t)now_micros);
    }
    store_put_u32(record + 16, request->incarnation);
    store_put_u64(record + 20, (uint64_t)now_micros);
    return put(write->store, write->txn, key, size, record, sizeof record);
}

enum status store_step_register(struct store *store, const char *job_id, int sink_index,
                                const struct store_table *table, bool fresh, struct error *err) {
    struct register_request request = {job_id, sink_index, table->incarnation, fresh};
    TRY(check_job_id(job_id, err));
    return store_write_run(store, "registering a sink", register_step, &request, err);
}
