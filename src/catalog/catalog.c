/* Tables as values: deep copies, the statement that makes one, and the binary form of persistent catalogs.
 *
 * Binary form: u8 version, then fields until the end of the bytes. A field is u8 tag, u32 length (little-endian),
 * payload; absent fields have their defaults, unknown tags of the same version are an error (a newer program raises the
 * version). Strings are their bytes without NUL; counts and positions are u32; a column is a nested list of fields.
 * A type is u8 id, u8 nullable, u8 precision, u8 scale, u32 length, u32 child count, for ROW per field u32 length and
 * bytes of its name, then the children. */
#include "catalog/catalog.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>
#include <strings.h>

enum {
    TABLE_FORMAT_VERSION = 1,
    TABLE_MAX_COLUMNS = 1 << 14,
    TABLE_MAX_OPTIONS = 1 << 10,
    TYPE_MAX_CHILDREN = 1 << 14,
};

enum table_tag {
    TAG_KIND = 1,
    TAG_CATALOG,
    TAG_DATABASE,
    TAG_NAME,
    TAG_COMMENT,
    TAG_COLUMN,
    TAG_PRIMARY_KEY,
    TAG_PARTITION_KEY_COUNT,
    TAG_CLUSTERING_DESCENDING,
    TAG_WATERMARK_COLUMN,
    TAG_WATERMARK_EXPRESSION,
    TAG_OPTION,
    TAG_CONNECTOR,
    TAG_HIDDEN_KEY,
    TAG_VIEW_QUERY,
    TAG_PARTITIONED_BY,
    TAG_STATISTICS,
    TAG_MATERIALIZED,
};

enum column_tag {
    TAG_COLUMN_NAME = 1,
    TAG_COLUMN_TYPE,
    TAG_COLUMN_KIND,
    TAG_COLUMN_EXPRESSION,
    TAG_COLUMN_METADATA_KEY,
    TAG_COLUMN_VIRTUAL,
    TAG_COLUMN_COMMENT,
};

enum materialized_tag {
    TAG_MATERIALIZED_QUERY = 1,
    TAG_MATERIALIZED_FRESHNESS,
    TAG_MATERIALIZED_FULL,
    TAG_MATERIALIZED_SUSPENDED,
    TAG_MATERIALIZED_START_MODE,
    TAG_MATERIALIZED_START_MS,
    TAG_MATERIALIZED_REFRESHED_MS,
    TAG_MATERIALIZED_HAS_RUN,
    TAG_MATERIALIZED_CHECKPOINT_DIR,
};

/* ---- Copies ---- */

static const char *copy_text(struct arena *arena, const char *text) { return text ? arena_strdup(arena, text) : NULL; }

static const int *copy_positions(struct arena *arena, const int *positions, int count) {
    return count ? arena_memdup(arena, positions, sizeof *positions * (size_t)count) : NULL;
}

static const struct table_statistics *copy_statistics(struct arena *arena, const struct table_statistics *statistics) {
    struct table_statistics *out = arena_memdup(arena, statistics, sizeof *statistics);
    out->columns = ARENA_ARRAY(arena, struct column_statistics, statistics->column_count + 1);
    for (int i = 0; i < statistics->column_count; i++) {
        struct column_statistics *column = &out->columns[i];
        *column = statistics->columns[i];
        if (!column->has_bounds) continue;
        column->low = value_copy(arena, &column->low);
        column->high = value_copy(arena, &column->high);
        column->low.type = column->high.type = type_copy(arena, column->low.type);
    }
    return out;
}

static const struct materialized *copy_materialized(struct arena *arena, const struct materialized *materialized) {
    struct materialized *out = arena_memdup(arena, materialized, sizeof *materialized);
    out->query = copy_text(arena, materialized->query);
    out->freshness = copy_text(arena, materialized->freshness);
    out->start_mode = copy_text(arena, materialized->start_mode);
    out->checkpoint_dir = copy_text(arena, materialized->checkpoint_dir);
    return out;
}

struct table *table_copy(struct arena *arena, const struct table *table) {
    struct table *out = ARENA_NEW(arena, struct table);
    *out = *table;
    out->catalog = copy_text(arena, table->catalog);
    out->database = copy_text(arena, table->database);
    out->name = copy_text(arena, table->name);
    out->comment = copy_text(arena, table->comment);
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, table->column_count);
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *from = &table->columns[i];
        columns[i] = *from;
        columns[i].name = copy_text(arena, from->name);
        columns[i].type = from->type ? type_copy(arena, from->type) : NULL;
        columns[i].expression = copy_text(arena, from->expression);
        columns[i].metadata_key = copy_text(arena, from->metadata_key);
        columns[i].comment = copy_text(arena, from->comment);
    }
    out->columns = columns;
    out->primary_key = copy_positions(arena, table->primary_key, table->primary_key_count);
    if (table->clustering_descending)
        out->clustering_descending =
            arena_memdup(arena, table->clustering_descending, sizeof(bool) * (size_t)table->primary_key_count);
    out->watermark_expression = copy_text(arena, table->watermark_expression);
    out->options = (struct option_list){0};
    out->options.count = table->options.count;
    if (table->options.count) {
        out->options.keys = ARENA_ARRAY(arena, const char *, table->options.count);
        out->options.values = ARENA_ARRAY(arena, const char *, table->options.count);
        for (int i = 0; i < table->options.count; i++) {
            out->options.keys[i] = copy_text(arena, table->options.keys[i]);
            out->options.values[i] = copy_text(arena, table->options.values[i]);
        }
        if (table->options.offsets)
            out->options.offsets =
                arena_memdup(arena, table->options.offsets, sizeof(int32_t) * (size_t)table->options.count);
    }
    out->connector = copy_text(arena, table->connector);
    out->view_query = copy_text(arena, table->view_query);
    out->partitioned_by = copy_positions(arena, table->partitioned_by, table->partitioned_by_count);
    if (table->statistics) out->statistics = copy_statistics(arena, table->statistics);
    if (table->materialized) out->materialized = copy_materialized(arena, table->materialized);
    return out;
}

/* ---- SHOW CREATE ---- */

static void put_quoted(struct strbuf *buf, const char *name) {
    strbuf_putc(buf, '`');
    for (const char *p = name; *p; p++) {
        if (*p == '`') strbuf_putc(buf, '`');
        strbuf_putc(buf, *p);
    }
    strbuf_putc(buf, '`');
}

static void put_text(struct strbuf *buf, const char *text) { strbuf_put_literal(buf, text, strlen(text)); }

static void put_columns(struct strbuf *buf, const struct table *table, const int *positions, int from, int to) {
    for (int i = from; i < to; i++) {
        if (i > from) strbuf_puts(buf, ", ");
        put_quoted(buf, table->columns[positions[i]].name);
    }
}

/* Keys whose values are never shown: Flink's list, matched anywhere in the key. */
bool option_key_is_secret(const char *key) {
    static const char *const of_columns[] = {"cql-type.", "fields."}; /* the rest is a column's name */
    for (size_t i = 0; i < sizeof of_columns / sizeof *of_columns; i++)
        if (strncmp(key, of_columns[i], strlen(of_columns[i])) == 0) return false;
    static const char *const parts[] = {"password",     "secret",      "account.key", "apikey",        "api-key",
                                        "auth-params",  "service-key", "token",       "basic-auth",    "jaas.config",
                                        "http-headers", "private-key", "passphrase",  "sasl.password", "credential"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const char *p = key; *p; p++)
            if (strncasecmp(p, parts[i], strlen(parts[i])) == 0) return true;
    return false;
}

static void put_column(struct strbuf *buf, const struct table_column *column) {
    put_quoted(buf, column->name);
    strbuf_putc(buf, ' ');
    if (column->kind == COLUMN_COMPUTED) {
        strbuf_printf(buf, "AS %s", column->expression);
    } else {
        type_print(buf, column->type);
        if (column->kind == COLUMN_METADATA) {
            strbuf_puts(buf, " METADATA");
            if (column->metadata_key && strcmp(column->metadata_key, column->name) != 0) {
                strbuf_puts(buf, " FROM ");
                put_text(buf, column->metadata_key);
            }
            if (column->is_virtual) strbuf_puts(buf, " VIRTUAL");
        }
    }
    if (column->comment) {
        strbuf_puts(buf, " COMMENT ");
        put_text(buf, column->comment);
    }
}

/* SQL has no words for Cassandra's split of the key: it stands in a comment behind the constraint. */
static void put_key_comment(struct strbuf *buf, const struct table *table) {
    bool descending = false;
    if (table->clustering_descending)
        for (int i = table->partition_key_count; i < table->primary_key_count; i++)
            descending |= table->clustering_descending[i];
    if (table->partition_key_count == 0 || (table->partition_key_count == table->primary_key_count && !descending))
        return;
    strbuf_puts(buf, " /* partition key (");
    put_columns(buf, table, table->primary_key, 0, table->partition_key_count);
    strbuf_puts(buf, "), clustering (");
    for (int i = table->partition_key_count; i < table->primary_key_count; i++) {
        if (i > table->partition_key_count) strbuf_puts(buf, ", ");
        put_quoted(buf, table->columns[table->primary_key[i]].name);
        if (table->clustering_descending && table->clustering_descending[i]) strbuf_puts(buf, " DESC");
    }
    strbuf_puts(buf, ") */");
}

static void put_full_name(struct strbuf *buf, const struct table *table) {
    const char *const parts[] = {table->catalog, table->database, table->name};
    const char *dot = "";
    for (int i = 0; i < 3; i++)
        if (parts[i]) {
            strbuf_puts(buf, dot);
            put_quoted(buf, parts[i]);
            dot = ".";
        }
}

static void print_view(struct strbuf *buf, const struct table *table) {
    strbuf_puts(buf, "CREATE VIEW ");
    put_full_name(buf, table);
    if (table->column_count) {
        strbuf_puts(buf, " (");
        for (int i = 0; i < table->column_count; i++) {
            strbuf_puts(buf, i ? ",\n  " : "\n  ");
            put_quoted(buf, table->columns[i].name);
            if (table->columns[i].comment) {
                strbuf_puts(buf, " COMMENT ");
                put_text(buf, table->columns[i].comment);
            }
        }
        strbuf_puts(buf, "\n)");
    }
    if (table->comment) {
        strbuf_puts(buf, "\nCOMMENT ");
        put_text(buf, table->comment);
    }
    strbuf_printf(buf, "\nAS %s", table->view_query);
}

void table_print_options(struct strbuf *buf, const struct option_list *options) {
    if (!options->count) return;
    strbuf_puts(buf, "\nWITH (");
    for (int i = 0; i < options->count; i++) {
        strbuf_puts(buf, i ? ",\n  " : "\n  ");
        put_text(buf, options->keys[i]);
        strbuf_puts(buf, " = ");
        put_text(buf, option_key_is_secret(options->keys[i]) ? "******" : options->values[i]);
    }
    strbuf_puts(buf, "\n)");
}

void table_print_create(struct strbuf *buf, const struct table *table) {
    if (table->kind == TABLE_VIEW) {
        print_view(buf, table);
        return;
    }
    strbuf_puts(buf, table->materialized ? "CREATE MATERIALIZED TABLE " : "CREATE TABLE ");
    put_full_name(buf, table);
    strbuf_puts(buf, " (");
    const char *separator = "\n  ";
    for (int i = 0; i < table->column_count; i++) {
        strbuf_puts(buf, separator);
        put_column(buf, &table->columns[i]);
        separator = ",\n  ";
    }
    if (table->watermark_column >= 0 && table->watermark_expression) {
        strbuf_puts(buf, separator);
        strbuf_puts(buf, "WATERMARK FOR ");
        put_quoted(buf, table->columns[table->watermark_column].name);
        strbuf_printf(buf, " AS %s", table->watermark_expression);
        separator = ",\n  ";
    }
    if (table->primary_key_count) {
        strbuf_puts(buf, separator);
        strbuf_puts(buf, "PRIMARY KEY (");
        put_columns(buf, table, table->primary_key, 0, table->primary_key_count);
        strbuf_puts(buf, ") NOT ENFORCED");
        put_key_comment(buf, table);
    }
    strbuf_puts(buf, "\n)");
    if (table->comment) {
        strbuf_puts(buf, "\nCOMMENT ");
        put_text(buf, table->comment);
    }
    if (table->partitioned_by_count) {
        strbuf_puts(buf, "\nPARTITIONED BY (");
        put_columns(buf, table, table->partitioned_by, 0, table->partitioned_by_count);
        strbuf_putc(buf, ')');
    }
    table_print_options(buf, &table->options);
    const struct materialized *materialized = table->materialized;
    if (!materialized) return;
    if (materialized->start_mode) strbuf_printf(buf, "\nSTART_MODE = %s", materialized->start_mode);
    strbuf_printf(buf, "\nFRESHNESS = %s\nREFRESH_MODE = %s\nAS %s", materialized->freshness,
                  materialized->full ? "FULL" : "CONTINUOUS", materialized->query);
}

/* ---- Encoding ---- */

static void put_u8(struct strbuf *buf, unsigned v) { strbuf_putc(buf, (char)v); }

static void put_u32(struct strbuf *buf, uint32_t v) {
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    strbuf_add(buf, bytes, sizeof bytes);
}

/* Fields whose length is known at their end: returns where the length stands. */
static size_t open_field(struct strbuf *buf, unsigned tag) {
    put_u8(buf, tag);
    put_u32(buf, 0);
    return buf->len;
}

static void close_field(struct strbuf *buf, size_t start) {
    uint32_t len = (uint32_t)(buf->len - start);
    for (int i = 0; i < 4; i++) buf->data[start - 4 + (size_t)i] = (char)(len >> (8 * i));
}

static void put_text_field(struct strbuf *buf, unsigned tag, const char *text) {
    if (!text) return;
    size_t start = open_field(buf, tag);
    strbuf_puts(buf, text);
    close_field(buf, start);
}

static void put_u32_field(struct strbuf *buf, unsigned tag, uint32_t v) {
    size_t start = open_field(buf, tag);
    put_u32(buf, v);
    close_field(buf, start);
}

static void put_positions_field(struct strbuf *buf, unsigned tag, const int *positions, int count) {
    if (!count) return;
    size_t start = open_field(buf, tag);
    for (int i = 0; i < count; i++) put_u32(buf, (uint32_t)positions[i]);
    close_field(buf, start);
}

static void put_string(struct strbuf *buf, const char *text) {
    put_u32(buf, (uint32_t)strlen(text));
    strbuf_puts(buf, text);
}

static void encode_type(struct strbuf *buf, const struct type *type) {
    put_u8(buf, type->id);
    put_u8(buf, type->nullable);
    put_u8(buf, type->precision);
    put_u8(buf, type->scale);
    put_u32(buf, (uint32_t)type->length);
    put_u32(buf, (uint32_t)type->child_count);
    for (int i = 0; i < type->child_count; i++) {
        if (type->id == TYPE_ROW) put_string(buf, type->names[i]);
        encode_type(buf, type->children[i]);
    }
}

static void encode_column(struct strbuf *buf, const struct table_column *column) {
    size_t start = open_field(buf, TAG_COLUMN);
    put_text_field(buf, TAG_COLUMN_NAME, column->name);
    if (column->type) {
        size_t type_start = open_field(buf, TAG_COLUMN_TYPE);
        encode_type(buf, column->type);
        close_field(buf, type_start);
    }
    put_u32_field(buf, TAG_COLUMN_KIND, column->kind);
    put_text_field(buf, TAG_COLUMN_EXPRESSION, column->expression);
    put_text_field(buf, TAG_COLUMN_METADATA_KEY, column->metadata_key);
    if (column->is_virtual) put_u32_field(buf, TAG_COLUMN_VIRTUAL, 1);
    put_text_field(buf, TAG_COLUMN_COMMENT, column->comment);
    close_field(buf, start);
}

static void put_u64(struct strbuf *buf, uint64_t v) {
    put_u32(buf, (uint32_t)v);
    put_u32(buf, (uint32_t)(v >> 32));
}

static void put_double(struct strbuf *buf, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_u64(buf, bits);
}

/* Numbers and times; bounds of other types are not kept. */
static bool has_kept_bounds(const struct type *type) {
    enum phys phys = type_phys(type);
    return phys >= PHYS_I8 && phys <= PHYS_F64;
}

static void put_bound(struct strbuf *buf, const struct value *value) {
    enum phys phys = type_phys(value->type);
    if (phys == PHYS_F32 || phys == PHYS_F64) {
        put_double(buf, phys == PHYS_F32 ? (double)value->f32 : value->f64);
        put_u64(buf, 0);
        return;
    }
    uint128 bits = (uint128)(phys == PHYS_I128 ? value->i128 : (int128)value->i64);
    put_u64(buf, (uint64_t)bits);
    put_u64(buf, (uint64_t)(bits >> 64));
}

static void encode_statistics(struct strbuf *buf, const struct table_statistics *statistics) {
    size_t start = open_field(buf, TAG_STATISTICS);
    put_double(buf, statistics->row_count);
    for (int i = 0; i < statistics->column_count; i++) {
        const struct column_statistics *column = &statistics->columns[i];
        bool bounds = column->has_bounds && has_kept_bounds(column->low.type);
        put_u8(buf, bounds);
        put_double(buf, column->distinct_count);
        put_double(buf, column->null_fraction);
        put_double(buf, column->average_bytes);
        if (!bounds) continue;
        put_bound(buf, &column->low);
        put_bound(buf, &column->high);
    }
    close_field(buf, start);
}

static void put_i64_field(struct strbuf *buf, unsigned tag, int64_t v) {
    size_t start = open_field(buf, tag);
    put_u64(buf, (uint64_t)v);
    close_field(buf, start);
}

static void encode_materialized(struct strbuf *buf, const struct materialized *materialized) {
    size_t start = open_field(buf, TAG_MATERIALIZED);
    put_text_field(buf, TAG_MATERIALIZED_QUERY, materialized->query);
    put_text_field(buf, TAG_MATERIALIZED_FRESHNESS, materialized->freshness);
    put_u32_field(buf, TAG_MATERIALIZED_FULL, materialized->full);
    put_u32_field(buf, TAG_MATERIALIZED_SUSPENDED, materialized->suspended);
    put_text_field(buf, TAG_MATERIALIZED_START_MODE, materialized->start_mode);
    put_i64_field(buf, TAG_MATERIALIZED_START_MS, materialized->start_ms);
    put_i64_field(buf, TAG_MATERIALIZED_REFRESHED_MS, materialized->refreshed_ms);
    put_u32_field(buf, TAG_MATERIALIZED_HAS_RUN, materialized->has_run);
    put_text_field(buf, TAG_MATERIALIZED_CHECKPOINT_DIR, materialized->checkpoint_dir);
    close_field(buf, start);
}

void table_encode(struct strbuf *buf, const struct table *table) {
    put_u8(buf, TABLE_FORMAT_VERSION);
    put_u32_field(buf, TAG_KIND, table->kind);
    put_text_field(buf, TAG_CATALOG, table->catalog);
    put_text_field(buf, TAG_DATABASE, table->database);
    put_text_field(buf, TAG_NAME, table->name);
    put_text_field(buf, TAG_COMMENT, table->comment);
    for (int i = 0; i < table->column_count; i++) encode_column(buf, &table->columns[i]);
    put_positions_field(buf, TAG_PRIMARY_KEY, table->primary_key, table->primary_key_count);
    if (table->partition_key_count) put_u32_field(buf, TAG_PARTITION_KEY_COUNT, (uint32_t)table->partition_key_count);
    if (table->clustering_descending && table->primary_key_count) {
        size_t start = open_field(buf, TAG_CLUSTERING_DESCENDING);
        for (int i = 0; i < table->primary_key_count; i++) put_u8(buf, table->clustering_descending[i]);
        close_field(buf, start);
    }
    if (table->watermark_column >= 0) put_u32_field(buf, TAG_WATERMARK_COLUMN, (uint32_t)table->watermark_column);
    put_text_field(buf, TAG_WATERMARK_EXPRESSION, table->watermark_expression);
    for (int i = 0; i < table->options.count; i++) {
        size_t start = open_field(buf, TAG_OPTION);
        put_string(buf, table->options.keys[i]);
        put_string(buf, table->options.values[i]);
        close_field(buf, start);
    }
    put_text_field(buf, TAG_CONNECTOR, table->connector);
    if (table->hidden_key) put_u32_field(buf, TAG_HIDDEN_KEY, 1);
    put_text_field(buf, TAG_VIEW_QUERY, table->view_query);
    put_positions_field(buf, TAG_PARTITIONED_BY, table->partitioned_by, table->partitioned_by_count);
    if (table->statistics) encode_statistics(buf, table->statistics);
    if (table->materialized) encode_materialized(buf, table->materialized);
}

/* ---- Decoding ----
 *
 * Every read is checked against the end of its field; `bad` remembers the first fault so that the code stays linear. */

struct reader {
    const uint8_t *pos, *end;
    const char *bad; /* what is wrong, NULL so far */
};

static void fail(struct reader *reader, const char *what) {
    if (!reader->bad) reader->bad = what;
    reader->pos = reader->end;
}

static size_t left(const struct reader *reader) { return (size_t)(reader->end - reader->pos); }

static uint8_t get_u8(struct reader *reader) {
    if (left(reader) < 1) {
        fail(reader, "it ends early");
        return 0;
    }
    return *reader->pos++;
}

static uint32_t get_u32(struct reader *reader) {
    if (left(reader) < 4) {
        fail(reader, "it ends early");
        return 0;
    }
    const uint8_t *p = reader->pos;
    reader->pos += 4;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A reader of the next size bytes. */
static struct reader get_part(struct reader *reader, uint32_t size) {
    if (size > left(reader)) {
        fail(reader, "a field is longer than what is left");
        return (struct reader){reader->end, reader->end, reader->bad};
    }
    struct reader part = {reader->pos, reader->pos + size, NULL};
    reader->pos += size;
    return part;
}

static const char *get_rest(struct reader *part, struct arena *arena) {
    size_t len = left(part);
    if (len && memchr(part->pos, 0, len)) {
        fail(part, "a text contains NUL");
        return "";
    }
    const char *text = arena_strndup(arena, (const char *)part->pos, len);
    part->pos = part->end;
    return text;
}

static const char *get_string(struct reader *reader, struct arena *arena) {
    struct reader part = get_part(reader, get_u32(reader));
    const char *text = get_rest(&part, arena);
    if (part.bad) fail(reader, part.bad);
    return text;
}

static uint32_t get_bool(struct reader *reader) {
    uint32_t v = get_u32(reader);
    if (v > 1) fail(reader, "a flag is neither 0 nor 1");
    return v & 1;
}

static bool parameters_valid(const struct type *type) {
    bool is_text = type->id >= TYPE_CHAR && type->id <= TYPE_VARBINARY;
    bool is_time = type->id == TYPE_TIME || type_is_timestamp(type);
    if (!is_text && type->length != 0) return false;
    if (is_text && type->length < 0) return false;
    if (type->id == TYPE_DECIMAL)
        return type->precision >= 1 && type->precision <= TYPE_MAX_PRECISION && type->scale <= type->precision;
    if (type->scale != 0) return false;
    return is_time ? type->precision <= TYPE_MAX_TIME_PRECISION : type->precision == 0;
}

static bool child_count_valid(const struct type *type) {
    switch (type->id) {
    case TYPE_ARRAY:
    case TYPE_MULTISET: return type->child_count == 1;
    case TYPE_MAP: return type->child_count == 2;
    case TYPE_ROW: return type->child_count >= 0 && type->child_count <= TYPE_MAX_CHILDREN;
    default: return type->child_count == 0;
    }
}

static const struct type *decode_type(struct reader *reader, struct arena *arena, int depth) {
    struct type *type = ARENA_NEW(arena, struct type);
    uint8_t id = get_u8(reader);
    uint8_t nullable = get_u8(reader);
    type->precision = get_u8(reader);
    type->scale = get_u8(reader);
    type->length = (int32_t)get_u32(reader);
    type->child_count = (int32_t)get_u32(reader);
    if (reader->bad) return NULL;
    type->id = id < TYPE_ID_COUNT ? (enum type_id)id : TYPE_NULL;
    type->nullable = nullable;
    if (id >= TYPE_ID_COUNT || nullable > 1 || depth > TYPE_MAX_NESTING || !parameters_valid(type) ||
        !child_count_valid(type) || (size_t)type->child_count > left(reader)) {
        fail(reader, "a type is not valid");
        return NULL;
    }
    if (type->child_count) {
        const struct type **children = ARENA_ARRAY(arena, const struct type *, type->child_count);
        const char **names = type->id == TYPE_ROW ? ARENA_ARRAY(arena, const char *, type->child_count) : NULL;
        for (int i = 0; i < type->child_count; i++) {
            if (names) names[i] = get_string(reader, arena);
            children[i] = decode_type(reader, arena, depth + 1);
            if (!children[i]) return NULL;
        }
        type->children = children;
        type->names = names;
    }
    return type;
}

static void decode_column(struct reader *fields, struct arena *arena, struct table_column *column) {
    while (left(fields)) {
        uint8_t tag = get_u8(fields);
        struct reader part = get_part(fields, get_u32(fields));
        switch (tag) {
        case TAG_COLUMN_NAME: column->name = get_rest(&part, arena); break;
        case TAG_COLUMN_TYPE: column->type = decode_type(&part, arena, 0); break;
        case TAG_COLUMN_KIND: {
            uint32_t kind = get_u32(&part);
            if (kind > COLUMN_METADATA)
                fail(&part, "a column has an unknown kind");
            else
                column->kind = (enum column_kind)kind;
            break;
        }
        case TAG_COLUMN_EXPRESSION: column->expression = get_rest(&part, arena); break;
        case TAG_COLUMN_METADATA_KEY: column->metadata_key = get_rest(&part, arena); break;
        case TAG_COLUMN_VIRTUAL: column->is_virtual = get_bool(&part); break;
        case TAG_COLUMN_COMMENT: column->comment = get_rest(&part, arena); break;
        default: fail(&part, "a column has an unknown field");
        }
        if (!part.bad && left(&part)) fail(&part, "a field of a column is too long");
        if (part.bad) fail(fields, part.bad);
    }
    if (!column->name) fail(fields, "a column has no name");
    if (column->kind == COLUMN_COMPUTED ? !column->expression : !column->type)
        fail(fields, "a column has no type or expression");
}

static const int *get_positions(struct reader *part, struct arena *arena, int *count) {
    size_t size = left(part);
    if (size % 4 || size / 4 > TABLE_MAX_COLUMNS) {
        fail(part, "a list of columns has a wrong size");
        return NULL;
    }
    int *positions = ARENA_ARRAY(arena, int, size / 4);
    for (size_t i = 0; i < size / 4; i++) {
        uint32_t position = get_u32(part);
        if (position >= TABLE_MAX_COLUMNS) fail(part, "a column position is out of range");
        positions[i] = (int)position;
    }
    *count = (int)(size / 4);
    return positions;
}

static bool positions_valid(const int *positions, int count, int column_count) {
    for (int i = 0; i < count; i++) {
        if (positions[i] >= column_count) return false;
        for (int j = 0; j < i; j++)
            if (positions[i] == positions[j]) return false;
    }
    return true;
}

static uint64_t get_u64(struct reader *reader) {
    uint64_t low = get_u32(reader);
    return low | (uint64_t)get_u32(reader) << 32;
}

/* -1 is unknown; what is no figure becomes that. */
static double get_figure(struct reader *reader) {
    uint64_t bits = get_u64(reader);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v >= 0 && v <= DBL_MAX ? v : -1;
}

static struct value get_bound(struct reader *reader, const struct type *type) {
    uint64_t low = get_u64(reader), high = get_u64(reader);
    enum phys phys = type_phys(type);
    struct value value = {.type = type};
    if (phys == PHYS_I128) {
        value.i128 = (int128)((uint128)high << 64 | low);
    } else if (phys == PHYS_F32 || phys == PHYS_F64) {
        memcpy(&value.f64, &low, sizeof low);
        if (phys == PHYS_F32) value.f32 = (float)value.f64;
    } else {
        value.i64 = (int64_t)low;
    }
    return value;
}

static const struct table_statistics *decode_statistics(struct reader *reader, struct arena *arena, int column_count,
                                                        const struct table_column *columns) {
    struct table_statistics *statistics = ARENA_NEW(arena, struct table_statistics);
    table_statistics_init(statistics, arena, column_count);
    statistics->row_count = get_figure(reader);
    for (int i = 0; i < column_count; i++) {
        struct column_statistics *column = &statistics->columns[i];
        bool bounds = get_u8(reader) != 0;
        column->distinct_count = get_figure(reader);
        column->null_fraction = get_figure(reader);
        column->average_bytes = get_figure(reader);
        if (!bounds) continue;
        if (!columns[i].type || !has_kept_bounds(columns[i].type)) {
            fail(reader, "a column has bounds that its type cannot have");
            return NULL;
        }
        column->has_bounds = true;
        column->low = get_bound(reader, columns[i].type);
        column->high = get_bound(reader, columns[i].type);
    }
    if (!reader->bad && left(reader)) fail(reader, "its statistics are too long");
    return statistics;
}

static const struct materialized *decode_materialized(struct reader *fields, struct arena *arena) {
    struct materialized *out = ARENA_NEW(arena, struct materialized);
    while (left(fields)) {
        uint8_t tag = get_u8(fields);
        struct reader part = get_part(fields, get_u32(fields));
        switch (tag) {
        case TAG_MATERIALIZED_QUERY: out->query = get_rest(&part, arena); break;
        case TAG_MATERIALIZED_FRESHNESS: out->freshness = get_rest(&part, arena); break;
        case TAG_MATERIALIZED_FULL: out->full = get_bool(&part); break;
        case TAG_MATERIALIZED_SUSPENDED: out->suspended = get_bool(&part); break;
        case TAG_MATERIALIZED_START_MODE: out->start_mode = get_rest(&part, arena); break;
        case TAG_MATERIALIZED_START_MS: out->start_ms = (int64_t)get_u64(&part); break;
        case TAG_MATERIALIZED_REFRESHED_MS: out->refreshed_ms = (int64_t)get_u64(&part); break;
        case TAG_MATERIALIZED_HAS_RUN: out->has_run = get_bool(&part); break;
        case TAG_MATERIALIZED_CHECKPOINT_DIR: out->checkpoint_dir = get_rest(&part, arena); break;
        default: fail(&part, "a materialized table has an unknown field");
        }
        if (!part.bad && left(&part)) fail(&part, "a field of a materialized table is too long");
        if (part.bad) fail(fields, part.bad);
    }
    if (!out->query || !out->freshness) fail(fields, "a materialized table has no query or no freshness");
    return out;
}

/* What one field cannot show alone. */
static void check_table(struct reader *fields, const struct table *table, int descending_count) {
    if (!table->name) fail(fields, "it has no name");
    if (!positions_valid(table->primary_key, table->primary_key_count, table->column_count))
        fail(fields, "its primary key names a column that does not exist, or one twice");
    if (!positions_valid(table->partitioned_by, table->partitioned_by_count, table->column_count))
        fail(fields, "PARTITIONED BY names a column that does not exist, or one twice");
    if (table->partition_key_count > table->primary_key_count) fail(fields, "its partition key is too long");
    if (table->clustering_descending && descending_count != table->primary_key_count)
        fail(fields, "its clustering order does not fit its key");
    if (table->watermark_column >= table->column_count) fail(fields, "its watermark names no column");
    if (table->watermark_column >= 0 && !table->watermark_expression) fail(fields, "its watermark has no expression");
    if (table->kind == TABLE_VIEW && !table->view_query) fail(fields, "it is a view without a query");
}

enum status table_decode(struct str bytes, struct arena *arena, struct table **out, struct error *err) {
    struct reader fields = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.len, NULL};
    struct table *table = ARENA_NEW(arena, struct table);
    struct table_column *columns = NULL;
    size_t column_capacity = 0;
    int descending_count = 0;
    table->watermark_column = -1;
    uint8_t version = get_u8(&fields);
    if (!fields.bad && version != TABLE_FORMAT_VERSION)
        return error_set(err, STATUS_BAD_DATA, "table definition of version %d: this program reads version %d", version,
                         TABLE_FORMAT_VERSION);
    while (left(&fields)) {
        uint8_t tag = get_u8(&fields);
        struct reader part = get_part(&fields, get_u32(&fields));
        if (fields.bad) break;
        switch (tag) {
        case TAG_KIND: {
            uint32_t kind = get_u32(&part);
            if (kind > TABLE_VIEW)
                fail(&part, "it is neither a table nor a view");
            else
                table->kind = (enum table_kind)kind;
            break;
        }
        case TAG_CATALOG: table->catalog = get_rest(&part, arena); break;
        case TAG_DATABASE: table->database = get_rest(&part, arena); break;
        case TAG_NAME: table->name = get_rest(&part, arena); break;
        case TAG_COMMENT: table->comment = get_rest(&part, arena); break;
        case TAG_COLUMN:
            if (table->column_count == TABLE_MAX_COLUMNS) {
                fail(&part, "it has too many columns");
                break;
            }
            ARRAY_RESERVE(columns, column_capacity, table->column_count + 1);
            columns[table->column_count] = (struct table_column){0};
            decode_column(&part, arena, &columns[table->column_count]);
            table->column_count++;
            break;
        case TAG_PRIMARY_KEY: table->primary_key = get_positions(&part, arena, &table->primary_key_count); break;
        case TAG_PARTITION_KEY_COUNT: {
            uint32_t count = get_u32(&part);
            if (count > TABLE_MAX_COLUMNS) fail(&part, "its partition key is too long");
            table->partition_key_count = (int)(count % (TABLE_MAX_COLUMNS + 1));
            break;
        }
        case TAG_CLUSTERING_DESCENDING: {
            descending_count = left(&part) <= TABLE_MAX_COLUMNS ? (int)left(&part) : 0;
            bool *descending = ARENA_ARRAY(arena, bool, descending_count);
            for (int i = 0; i < descending_count; i++) {
                uint8_t flag = get_u8(&part);
                if (flag > 1) fail(&part, "a flag is neither 0 nor 1");
                descending[i] = flag & 1;
            }
            table->clustering_descending = descending;
            break;
        }
        case TAG_WATERMARK_COLUMN: {
            uint32_t position = get_u32(&part);
            if (position >= TABLE_MAX_COLUMNS) fail(&part, "its watermark names no column");
            table->watermark_column = (int)(position % TABLE_MAX_COLUMNS);
            break;
        }
        case TAG_WATERMARK_EXPRESSION: table->watermark_expression = get_rest(&part, arena); break;
        case TAG_OPTION: {
            if (table->options.count == TABLE_MAX_OPTIONS) {
                fail(&part, "it has too many options");
                break;
            }
            const char *key = get_string(&part, arena), *value = get_string(&part, arena);
            if (!part.bad) option_add(&table->options, arena, key, value, -1);
            break;
        }
        case TAG_CONNECTOR: table->connector = get_rest(&part, arena); break;
        case TAG_HIDDEN_KEY: table->hidden_key = get_bool(&part); break;
        case TAG_VIEW_QUERY: table->view_query = get_rest(&part, arena); break;
        case TAG_PARTITIONED_BY:
            table->partitioned_by = get_positions(&part, arena, &table->partitioned_by_count);
            break;
        case TAG_STATISTICS: /* about all columns, which come before */
            table->statistics = decode_statistics(&part, arena, table->column_count, columns);
            break;
        case TAG_MATERIALIZED: table->materialized = decode_materialized(&part, arena); break;
        default: fail(&part, "it has an unknown field");
        }
        if (!part.bad && left(&part)) fail(&part, "a field is too long");
        if (part.bad) fail(&fields, part.bad);
    }
    if (!fields.bad && table->statistics && table->statistics->column_count != table->column_count)
        fail(&fields, "its statistics are about other columns");
    if (!fields.bad) check_table(&fields, table, descending_count);
    if (!fields.bad && table->column_count)
        table->columns = arena_memdup(arena, columns, sizeof *columns * (size_t)table->column_count);
    free(columns);
    if (fields.bad) return error_set(err, STATUS_BAD_DATA, "a table definition is damaged: %s", fields.bad);
    *out = table;
    return STATUS_OK;
}
