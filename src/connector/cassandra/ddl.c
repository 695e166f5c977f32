/* Definitions: SQL's CREATE TABLE as CQL, and Cassandra's tables as SQL sees them.
 *
 * CQL cannot say everything that a definition has: TIMESTAMP(3) and TIMESTAMP_LTZ(3) are both `timestamp`, columns come back in
 * alphabetical order, and a watermark has no place. What CREATE TABLE said is therefore kept in the table's comment, behind the
 * user's: "text [millrace:v1:base64 of table_encode]". It is a note, not the truth: columns and keys are those that Cassandra
 * has, and a noted type counts only while it fits the column's. */
#include <stdlib.h>
#include <strings.h>

#include "connector/cassandra/cassandra_private.h"

static const char note_start[] = "[millrace:v1:";

void cassandra_put_table(struct strbuf *buf, const char *keyspace, const char *name) {
    cass_put_name(buf, keyspace);
    strbuf_putc(buf, '.');
    cass_put_name(buf, name);
}

/* ---- The note ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(struct strbuf *buf, struct str bytes) {
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group = 0;
        size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
        for (size_t k = 0; k < 3; k++) group = group << 8 | (k < count ? (uint8_t)bytes.data[i + k] : 0);
        for (size_t k = 0; k < 4; k++) strbuf_putc(buf, k <= count ? base64_digits[group >> (18 - 6 * k) & 63] : '=');
    }
}

static bool read_base64(struct str text, struct strbuf *out) {
    uint32_t group = 0;
    int bits = 0;
    for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
        const char *digit = text.data[i] ? strchr(base64_digits, text.data[i]) : NULL;
        if (!digit) return false;
        group = group << 6 | (uint32_t)(digit - base64_digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            strbuf_putc(out, (char)(group >> bits));
        }
    }
    return true;
}

static void put_comment(struct strbuf *buf, const struct table *table) {
    struct table note = *table;
    note.catalog = note.database = "";
    note.comment = NULL;
    note.options = (struct option_list){0};
    note.connector = NULL;
    note.connector_data = NULL;
    struct strbuf bytes = {0}, comment = {0};
    table_encode(&bytes, &note);
    if (table->comment && *table->comment) strbuf_printf(&comment, "%s ", table->comment);
    strbuf_puts(&comment, note_start);
    put_base64(&comment, strbuf_str(&bytes));
    strbuf_putc(&comment, ']');
    cass_put_text(buf, strbuf_str(&comment));
    strbuf_free(&bytes);
    strbuf_free(&comment);
}

/* Takes the note off the comment; NULL when there is none that can be read. */
static struct table *read_comment(struct arena *arena, const char *comment, const char **text) {
    *text = comment;
    const char *start = strstr(comment, note_start);
    if (!start) return NULL;
    const char *digits = start + sizeof note_start - 1, *end = strchr(digits, ']');
    if (!end) return NULL;
    size_t text_len = (size_t)(start - comment);
    while (text_len && comment[text_len - 1] == ' ') text_len--;
    *text = arena_strndup(arena, comment, text_len);
    struct strbuf bytes = {0};
    struct table *note = NULL;
    if (read_base64((struct str){digits, (size_t)(end - digits)}, &bytes) && bytes.len) {
        struct str copy = {arena_memdup(arena, bytes.data, bytes.len), bytes.len};
        if (table_decode(copy, arena, &note, NULL) != STATUS_OK) note = NULL;
    }
    strbuf_free(&bytes);
    return note;
}

/* ---- CREATE TABLE ---- */

/* The next name of a comma-separated list; false at the end. Between backquotes anything may stand, a backquote twice. */
static bool next_word(const char **at, struct arena *arena, const char **word) {
    const char *p = *at;
    while (*p == ' ' || *p == ',' || *p == ';') p++;
    if (!*p) return false;
    bool quoted = *p == '`';
    struct strbuf name = {0};
    for (p += quoted; *p; p++) {
        if (quoted && p[0] == '`' && p[1] == '`')
            p++;
        else if (quoted ? *p == '`' : *p == ' ' || *p == ',' || *p == ';')
            break;
        strbuf_putc(&name, *p);
    }
    *word = arena_strndup(arena, name.data ? name.data : "", name.len);
    strbuf_free(&name);
    *at = *p && quoted ? p + 1 : p;
    return true;
}

/* The name as next_word reads it. */
static void put_word(struct strbuf *buf, const char *name) {
    bool plain = *name;
    for (const char *p = name; *p; p++) plain &= *p != ' ' && *p != ',' && *p != ';' && *p != '`';
    if (!plain) strbuf_putc(buf, '`');
    for (const char *p = name; *p; p++) {
        if (*p == '`') strbuf_putc(buf, '`');
        strbuf_putc(buf, *p);
    }
    if (!plain) strbuf_putc(buf, '`');
}

struct key {
    int count, partition_count;
    int *columns;
    bool *descending;
};

static enum status not_in_key(const struct table *table, const char *what, const char *name, struct error *err) {
    error_set(err, STATUS_INVALID_OPTION, "%s: '%s' is no column of the primary key of table '%s'", what, name,
              table->name);
    return STATUS_INVALID_OPTION;
}

static int key_position(const struct table *table, const struct key *key, const char *name) {
    for (int i = 0; i < key->count; i++)
        if (strcmp(table->columns[key->columns[i]].name, name) == 0) return i;
    return -1;
}

static void move_key(struct key *key, int from, int to) {
    int column = key->columns[from];
    bool descending = key->descending[from];
    for (; from > to; from--) {
        key->columns[from] = key->columns[from - 1];
        key->descending[from] = key->descending[from - 1];
    }
    key->columns[to] = column;
    key->descending[to] = descending;
}

static enum status take_into_partition(const struct table *table, struct key *key, const char *what, const char *name,
                                       struct error *err) {
    int from = key_position(table, key, name);
    if (from < 0) return not_in_key(table, what, name, err);
    if (from < key->partition_count) return error_set(err, STATUS_INVALID_OPTION, "%s names '%s' twice", what, name);
    move_key(key, from, key->partition_count++);
    return STATUS_OK;
}

/* 'partition-keys', else PARTITIONED BY, else the first column of the primary key; and 'clustering-order'. The same as in
 * the embedded store. */
static enum status plan_key(const struct table *table, struct arena *arena, struct key *key, struct error *err) {
    if (!table->primary_key_count) {
        error_set(err, STATUS_INVALID_QUERY, "table '%s' needs a primary key, as every table in Cassandra",
                  table->name);
        error_hint(err, "add PRIMARY KEY (…) NOT ENFORCED; its first column becomes the partition key");
        return STATUS_INVALID_QUERY;
    }
    key->count = table->primary_key_count;
    key->partition_count = 0;
    key->columns = arena_memdup(arena, table->primary_key, sizeof(int) * (size_t)key->count);
    key->descending = ARENA_ARRAY(arena, bool, key->count);
    if (table->clustering_descending)
        memcpy(key->descending, table->clustering_descending, sizeof(bool) * (size_t)key->count);
    const char *partition = option_find(&table->options, "partition-keys"), *word;
    const char *order = option_find(&table->options, "clustering-order");
    while (partition && next_word(&partition, arena, &word))
        TRY(take_into_partition(table, key, "option 'partition-keys'", word, err));
    if (!key->partition_count)
        for (int i = 0; i < table->partitioned_by_count; i++)
            TRY(take_into_partition(table, key, "PARTITIONED BY", table->columns[table->partitioned_by[i]].name, err));
    if (!key->partition_count)
        key->partition_count =
            table->partition_key_count > 0 && table->partition_key_count < key->count ? table->partition_key_count : 1;
    while (order && next_word(&order, arena, &word)) {
        int at = key_position(table, key, word);
        if (at < 0) return not_in_key(table, "option 'clustering-order'", word, err);
        if (at < key->partition_count)
            return error_set(err, STATUS_INVALID_OPTION,
                             "option 'clustering-order': '%s' is in the partition key, which has no order", word);
        const char *rest = order;
        while (*rest == ' ') rest++;
        bool desc = strncasecmp(rest, "desc", 4) == 0, asc = strncasecmp(rest, "asc", 3) == 0;
        key->descending[at] = desc;
        if (desc || asc) order = rest + (desc ? 4 : 3);
        if (*order && !strchr(" ,;", *order))
            return error_set(err, STATUS_INVALID_OPTION,
                             "option 'clustering-order': behind '%s' comes ASC, DESC or a comma", word);
    }
    return STATUS_OK;
}

/* Values that lose digits in CQL would make two keys one. */
static enum status check_key_type(const struct table_column *column, const struct type *type, struct error *err) {
    if (type_is_timestamp(type) && type->precision > 3) {
        error_set(err, STATUS_NOT_SUPPORTED,
                  "column '%s': %s cannot be a key in Cassandra, whose timestamps are milliseconds", column->name,
                  type_id_name(type->id));
        error_hint(err, "declare it as %s(3)", type_id_name(type->id));
        return STATUS_NOT_SUPPORTED;
    }
    for (int i = 0; i < type->child_count; i++) TRY(check_key_type(column, type->children[i], err));
    return STATUS_OK;
}

struct udt_finder {
    cass_udt_finder *find;
    void *data;
};

/* A user's type that nobody knows came out of the parser as a class without a package. */
static const char *unknown_type(const struct cass_type *type) {
    if (type->id == CASS_CUSTOM && !strchr(type->name, '.')) return type->name;
    for (int i = 0; i < type->child_count; i++) {
        const char *name = unknown_type(type->children[i]);
        if (name) return name;
    }
    return NULL;
}

/* The type that 'cql-type.column' says. */
static enum status chosen_type(const struct table *table, const struct table_column *column, const char *text,
                               const struct udt_finder *udts, struct arena *arena, const struct cass_type **out,
                               struct error *err) {
    struct cass_codec codec;
    enum status status = cass_type_parse(arena, str_from(text), udts->find, udts->data, out, err);
    const char *unknown = status == STATUS_OK ? unknown_type(*out) : NULL;
    if (unknown)
        status = error_set(err, STATUS_INVALID_OPTION, "keyspace %s has no type '%s'", table->database, unknown);
    if (status == STATUS_OK) status = cass_codec_init(&codec, arena, *out, column->type, column->name, err);
    if (status != STATUS_OK) error_prefix(err, "option 'cql-type.%s'", column->name);
    return status;
}

static bool is_listed(const struct table *table, const char *option, const char *name, struct arena *arena) {
    const char *list = option_find(&table->options, option), *word;
    while (list && next_word(&list, arena, &word))
        if (strcmp(word, name) == 0) return true;
    return false;
}

static enum status new_type(const struct table *table, const struct table_column *column, const struct udt_finder *udts,
                            struct arena *arena, const struct cass_type **out, struct error *err) {
    const char *text = option_find(&table->options, arena_printf(arena, "cql-type.%s", column->name));
    if (!text && is_listed(table, "counter-columns", column->name, arena)) text = "counter";
    if (text) return chosen_type(table, column, text, udts, arena, out, err);
    enum status status = cass_type_from_sql(arena, column->type, out, err);
    if (status != STATUS_OK) error_prefix(err, "column '%s'", column->name);
    return status;
}

/* Positions of the columns in 'static-columns'. */
static enum status plan_statics(const struct table *table, const struct key *key, struct arena *arena, bool *is_static,
                                struct error *err) {
    const char *list = option_find(&table->options, "static-columns"), *word;
    while (list && next_word(&list, arena, &word)) {
        int found = -1;
        for (int i = 0; i < table->column_count; i++)
            if (table->columns[i].kind == COLUMN_PHYSICAL && strcmp(table->columns[i].name, word) == 0) found = i;
        if (found < 0)
            return error_set(err, STATUS_INVALID_OPTION, "option 'static-columns': table '%s' has no column '%s'",
                             table->name, word);
        if (key_position(table, key, word) >= 0)
            return error_set(err, STATUS_INVALID_OPTION, "option 'static-columns': '%s' is part of the primary key",
                             word);
        if (key->count == key->partition_count)
            return error_set(err, STATUS_INVALID_OPTION,
                             "option 'static-columns': table '%s' has no clustering columns", table->name);
        is_static[found] = true;
    }
    return STATUS_OK;
}

static enum status put_columns(const struct table *table, const struct key *key, const struct udt_finder *udts,
                               struct arena *arena, struct strbuf *out, struct error *err) {
    bool *is_static = ARENA_ARRAY(arena, bool, table->column_count);
    TRY(plan_statics(table, key, arena, is_static, err));
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->kind != COLUMN_PHYSICAL) continue;
        const struct cass_type *type;
        TRY(new_type(table, column, udts, arena, &type, err));
        cass_put_name(out, column->name);
        strbuf_putc(out, ' ');
        cass_type_print(out, type);
        strbuf_puts(out, is_static[i] ? " static, " : ", ");
    }
    return STATUS_OK;
}

/* 'default-time-to-live' as in the embedded store: seconds, or a duration. */
static enum status put_default_ttl(const struct table *table, struct strbuf *out, struct error *err) {
    const char *text = option_find(&table->options, "default-time-to-live");
    int64_t ms;
    if (!text) return STATUS_OK;
    bool plain = *text && strspn(text, "0123456789") == strlen(text);
    if (!plain && (option_parse_duration(str_from(text), &ms) != STATUS_OK || ms < 0 || ms % 1000))
        return error_set(err, STATUS_INVALID_OPTION, "option 'default-time-to-live': '%s' is no time of whole seconds",
                         text);
    strbuf_puts(out, " AND default_time_to_live = ");
    if (plain)
        strbuf_puts(out, text);
    else
        strbuf_printf(out, "%lld", (long long)ms / 1000);
    return STATUS_OK;
}

static void put_properties(const struct table *table, const struct key *key, struct strbuf *out) {
    const char *word = " WITH ";
    if (key->count > key->partition_count) {
        strbuf_printf(out, "%sCLUSTERING ORDER BY (", word);
        word = " AND ";
        for (int i = key->partition_count; i < key->count; i++) {
            if (i > key->partition_count) strbuf_puts(out, ", ");
            cass_put_name(out, table->columns[key->columns[i]].name);
            strbuf_puts(out, key->descending[i] ? " DESC" : " ASC");
        }
        strbuf_putc(out, ')');
    }
    strbuf_printf(out, "%scomment = ", word);
    put_comment(out, table);
    for (int i = 0; i < table->options.count; i++)
        if (strncmp(table->options.keys[i], "cql.", 4) == 0)
            strbuf_printf(out, " AND %s = %s", table->options.keys[i] + 4, table->options.values[i]);
}

static int find_physical(const struct table *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == COLUMN_PHYSICAL && strcmp(table->columns[i].name, name) == 0) return i;
    return -1;
}

/* 'cql.x' goes into the statement as it is: its name shall be a name. 'cql-type.x' needs a column. */
static enum status check_properties(const struct table *table, struct error *err) {
    for (int i = 0; i < table->options.count; i++) {
        const char *key = table->options.keys[i];
        if (strncmp(key, "cql-type.", 9) == 0 && find_physical(table, key + 9) < 0)
            return error_set(err, STATUS_INVALID_OPTION, "option '%s': table '%s' has no such column", key,
                             table->name);
        if (strncmp(key, "cql.", 4) != 0) continue;
        for (const char *p = key + 4; *p || p == key + 4; p++)
            if (!((*p >= 'a' && *p <= 'z') || *p == '_'))
                return error_set(err, STATUS_INVALID_OPTION, "option '%s' is no property of tables in CQL", key);
    }
    return STATUS_OK;
}

/* The columns that metadata is asked of are the table's own. */
static enum status check_metadata_columns(const struct table *table, struct arena *arena, struct error *err) {
    TRY(cassandra_check_metadata(table, err));
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        const char *open = column->kind == COLUMN_METADATA ? strchr(column->metadata_key, '(') : NULL;
        if (!open) continue;
        const char *name = arena_strndup(arena, open + 1, strlen(open) - 2), **names;
        if (find_physical(table, name) >= 0) continue;
        names = ARENA_ARRAY(arena, const char *, table->column_count);
        for (int k = 0; k < table->column_count; k++) names[k] = table->columns[k].name;
        error_set(err, STATUS_UNDEFINED_COLUMN, "metadata '%s': table '%s' has no column '%s'", column->metadata_key,
                  table->name, name);
        const char *nearest = str_nearest(name, names, table->column_count);
        if (nearest) error_hint(err, "did you mean '%s'?", nearest);
        return STATUS_UNDEFINED_COLUMN;
    }
    return STATUS_OK;
}

static enum status print_create(const struct table *table, const struct udt_finder *udts, struct arena *arena,
                                struct strbuf *out, struct error *err) {
    const struct option_def *tables[] = {cassandra_options, NULL};
    struct key key;
    TRY(options_check(&table->options, tables, "a table in Cassandra", err));
    TRY(cassandra_check_connection(&table->options, err));
    TRY(plan_key(table, arena, &key, err));
    TRY(check_properties(table, err));
    TRY(check_metadata_columns(table, arena, err));
    for (int i = 0; i < key.count; i++)
        TRY(check_key_type(&table->columns[key.columns[i]], table->columns[key.columns[i]].type, err));
    strbuf_puts(out, "CREATE TABLE ");
    cassandra_put_table(out, table->database, table->name);
    strbuf_puts(out, " (");
    TRY(put_columns(table, &key, udts, arena, out, err));
    strbuf_puts(out, "PRIMARY KEY ((");
    for (int i = 0; i < key.count; i++) {
        if (i) strbuf_puts(out, ", ");
        cass_put_name(out, table->columns[key.columns[i]].name);
        if (i == key.partition_count - 1) strbuf_putc(out, ')');
    }
    strbuf_puts(out, "))");
    put_properties(table, &key, out);
    return put_default_ttl(table, out, err);
}

enum status cassandra_ddl_create(const struct table *table, cass_udt_finder *find, void *data, struct strbuf *out,
                                 struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = print_create(table, &(struct udt_finder){find, data}, &arena, out, err);
    arena_destroy(&arena);
    return status;
}

/* ---- ALTER TABLE ---- */

struct alteration {
    const struct cassandra_schema *schema;
    const struct table *old, *new;
    struct udt_finder udts;
    struct arena *arena;
    const char **statements;
    int count;
};

static void add_statement(struct alteration *a, const struct strbuf *rest) {
    struct strbuf text = {0};
    strbuf_puts(&text, "ALTER TABLE ");
    cassandra_put_table(&text, a->new->database, a->new->name);
    strbuf_printf(&text, " %s", rest->data);
    a->statements[a->count++] = arena_strndup(a->arena, text.data, text.len);
    strbuf_free(&text);
}

static bool in_primary_key(const struct table *table, int column) {
    for (int i = 0; i < table->primary_key_count; i++)
        if (table->primary_key[i] == column) return true;
    return false;
}

/* The one column that has another name at the same place, -1: none. */
static int find_renamed(const struct table *old, const struct table *new) {
    int found = -1;
    if (old->column_count != new->column_count) return -1;
    for (int i = 0; i < old->column_count; i++) {
        if (strcmp(old->columns[i].name, new->columns[i].name) == 0) continue;
        if (found >= 0 || old->columns[i].kind != COLUMN_PHYSICAL || new->columns[i].kind != COLUMN_PHYSICAL ||
            find_physical(new, old->columns[i].name) >= 0 || find_physical(old, new->columns[i].name) >= 0)
            return -1;
        found = i;
    }
    return found;
}

static enum status check_same_key(const struct table *old, const struct table *new, int renamed, struct error *err) {
    bool same = old->primary_key_count == new->primary_key_count;
    for (int i = 0; same && i < old->primary_key_count; i++) {
        int was = old->primary_key[i], is = new->primary_key[i];
        same = (was == renamed && is == renamed) || strcmp(old->columns[was].name, new->columns[is].name) == 0;
    }
    if (same) return STATUS_OK;
    return error_set(err, STATUS_NOT_SUPPORTED,
                     "the primary key of table '%s' cannot be changed: Cassandra keeps its "
                     "rows by it",
                     new->name);
}

static enum status put_rename(struct alteration *a, int renamed, struct error *err) {
    const char *from = a->old->columns[renamed].name, *to = a->new->columns[renamed].name;
    if (!in_primary_key(a->old, renamed)) {
        error_set(err, STATUS_NOT_SUPPORTED,
                  "column '%s' cannot be renamed: Cassandra renames columns of the primary "
                  "key only",
                  from);
        error_hint(err, "ALTER TABLE %s ADD %s …, then UPDATE or INSERT the values", a->new->name, to);
        return STATUS_NOT_SUPPORTED;
    }
    struct strbuf rest = {0};
    strbuf_puts(&rest, "RENAME ");
    cass_put_name(&rest, from);
    strbuf_puts(&rest, " TO ");
    cass_put_name(&rest, to);
    add_statement(a, &rest);
    strbuf_free(&rest);
    return STATUS_OK;
}

/* A column that stays: its type in Cassandra does too. */
static enum status check_type_fits(struct alteration *a, const struct table_column *column,
                                   const struct cassandra_column *stored, struct error *err) {
    struct cass_codec codec;
    if (cass_codec_init(&codec, a->arena, stored->type, column->type, column->name, NULL) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_NOT_SUPPORTED,
                     "the type of column '%s' cannot be changed to %s: it is %s in Cassandra, "
                     "which changes no types",
                     column->name, type_to_string(a->arena, column->type), cass_type_text(a->arena, stored->type));
}

static enum status put_column_changes(struct alteration *a, int renamed, struct error *err) {
    struct key key;
    TRY(plan_key(a->new, a->arena, &key, err));
    bool *is_static = ARENA_ARRAY(a->arena, bool, a->new->column_count + 1);
    TRY(plan_statics(a->new, &key, a->arena, is_static, err));
    for (int i = 0; i < a->new->column_count; i++) {
        const struct table_column *column = &a->new->columns[i];
        if (column->kind != COLUMN_PHYSICAL) continue;
        const char *was = i == renamed ? a->old->columns[i].name : column->name;
        int found = cassandra_schema_find(a->schema, was);
        if (found >= 0) {
            TRY(check_type_fits(a, column, &a->schema->columns[found], err));
            if (is_static[i] != (a->schema->columns[found].kind == CASSANDRA_STATIC))
                return error_set(err, STATUS_NOT_SUPPORTED, "column '%s' cannot %s static", column->name,
                                 is_static[i] ? "become" : "stop being");
            continue;
        }
        const struct cass_type *type;
        if (a->schema->has_counters && !option_find(&a->new->options, arena_printf(a->arena, "cql-type.%s", was)))
            TRY(cass_type_parse(a->arena, str_from("counter"), a->udts.find, a->udts.data, &type, err));
        else
            TRY(new_type(a->new, column, &a->udts, a->arena, &type, err));
        struct strbuf rest = {0};
        strbuf_puts(&rest, "ADD ");
        cass_put_name(&rest, column->name);
        strbuf_putc(&rest, ' ');
        cass_type_print(&rest, type);
        if (is_static[i]) strbuf_puts(&rest, " static");
        add_statement(a, &rest);
        strbuf_free(&rest);
    }
    for (int i = 0; i < a->old->column_count; i++) {
        const struct table_column *column = &a->old->columns[i];
        if (column->kind != COLUMN_PHYSICAL || i == renamed || find_physical(a->new, column->name) >= 0) continue;
        struct strbuf rest = {0};
        strbuf_puts(&rest, "DROP ");
        cass_put_name(&rest, column->name);
        add_statement(a, &rest);
        strbuf_free(&rest);
    }
    return STATUS_OK;
}

/* Options that Cassandra keeps: 'cql.x' and 'default-time-to-live'. The others follow the columns, or have no place there. */
static enum status put_option_changes(struct alteration *a, struct strbuf *rest, struct error *err) {
    static const char *const of_columns[] = {"partition-keys", "clustering-order", "static-columns", "counter-columns"};
    const struct option_list *old = &a->old->options, *new = &a->new->options;
    for (int i = 0; i < new->count; i++) {
        const char *key = new->keys[i], *was = option_find(old, key);
        bool follows = strncmp(key, "cql-type.", 9) == 0;
        for (size_t k = 0; k < sizeof of_columns / sizeof *of_columns; k++) follows |= strcmp(key, of_columns[k]) == 0;
        if (follows || (was && strcmp(was, new->values[i]) == 0)) continue;
        if (strncmp(key, "cql.", 4) == 0) {
            strbuf_printf(rest, " AND %s = %s", key + 4, new->values[i]);
        } else if (strcmp(key, "default-time-to-live") == 0) {
            TRY(put_default_ttl(a->new, rest, err));
        } else {
            error_set(err, STATUS_NOT_SUPPORTED, "option '%s' has no place in Cassandra's definition of a table", key);
            error_hint(err, "say it in the catalog's options, or in an OPTIONS hint of the statement");
            return STATUS_NOT_SUPPORTED;
        }
    }
    for (int i = 0; i < old->count; i++) {
        const char *key = old->keys[i];
        if (option_find(new, key) || strncmp(key, "cql-type.", 9) == 0) continue;
        if (strcmp(key, "cql.default_time_to_live") == 0)
            strbuf_puts(rest, " AND default_time_to_live = 0");
        else if (strcmp(key, "cql.gc_grace_seconds") == 0)
            strbuf_puts(rest, " AND gc_grace_seconds = 864000");
        else
            return error_set(err, STATUS_NOT_SUPPORTED, "option '%s' of a table in Cassandra cannot be reset", key);
    }
    return STATUS_OK;
}

enum status cassandra_ddl_alter(const struct cassandra_schema *schema, const struct table *old, const struct table *new,
                                cass_udt_finder *find, void *data, struct arena *arena, const char ***statements,
                                int *statement_count, struct error *err) {
    struct alteration a = {.schema = schema, .old = old, .new = new, .udts = {find, data}, .arena = arena};
    const struct option_def *tables[] = {cassandra_options, NULL};
    a.statements = ARENA_ARRAY(arena, const char *, old->column_count + new->column_count + 2);
    *statements = a.statements;
    *statement_count = 0;
    if (schema->is_view) {
        error_set(err, STATUS_NOT_SUPPORTED, "'%s' is a materialized view of Cassandra, whose columns are fixed",
                  new->name);
        return STATUS_NOT_SUPPORTED;
    }
    TRY(options_check(&new->options, tables, "a table in Cassandra", err));
    TRY(check_properties(new, err));
    TRY(check_metadata_columns(new, arena, err));
    int renamed = find_renamed(old, new);
    TRY(check_same_key(old, new, renamed, err));
    struct strbuf rest = {0};
    strbuf_puts(&rest, "WITH comment = ");
    put_comment(&rest, new);
    enum status status = put_option_changes(&a, &rest, err);
    if (status == STATUS_OK && renamed >= 0) status = put_rename(&a, renamed, err);
    if (status == STATUS_OK) status = put_column_changes(&a, renamed, err);
    if (status == STATUS_OK) add_statement(&a, &rest);
    strbuf_free(&rest);
    *statement_count = a.count;
    return status;
}

/* ---- Cassandra's table as SQL sees it ---- */

static bool in_key(const struct cassandra_column *column) { return column->kind <= CASSANDRA_CLUSTERING; }

/* Rows of partitions that have static values alone come with NULL clustering columns. */
static bool never_null(const struct cassandra_schema *schema, const struct cassandra_column *column) {
    return column->kind == CASSANDRA_PARTITION ||
           (column->kind == CASSANDRA_CLUSTERING && !schema->has_statics && !schema->is_dense);
}

static void add_list(struct table *table, struct arena *arena, const char *key, struct strbuf *list) {
    if (list->len) option_add(&table->options, arena, key, arena_strndup(arena, list->data, list->len), -1);
    strbuf_free(list);
}

static void put_listed(struct strbuf *list, const char *name) {
    if (list->len) strbuf_puts(list, ", ");
    put_word(list, name);
}

/* What CREATE TABLE has to be told to make the table again: the options that differ from what it would do by itself. */
static void add_options(const struct cassandra_schema *schema, struct table *table, struct arena *arena) {
    struct strbuf partition = {0}, order = {0}, statics = {0};
    bool reversed = false;
    for (int i = 0; i < schema->column_count; i++) {
        const struct cassandra_column *column = &schema->columns[i];
        if (column->kind == CASSANDRA_PARTITION && schema->partition_count > 1) put_listed(&partition, column->name);
        if (column->kind == CASSANDRA_STATIC) put_listed(&statics, column->name);
        if (column->kind != CASSANDRA_CLUSTERING) continue;
        put_listed(&order, column->name);
        strbuf_puts(&order, column->descending ? " DESC" : " ASC");
        reversed |= column->descending;
    }
    if (!reversed) strbuf_clear(&order);
    add_list(table, arena, "partition-keys", &partition);
    add_list(table, arena, "clustering-order", &order);
    add_list(table, arena, "static-columns", &statics);
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->kind != COLUMN_PHYSICAL) continue;
        const char *text = cass_type_text(arena, schema->columns[cassandra_schema_find(schema, column->name)].type);
        const struct cass_type *usual;
        if (cass_type_from_sql(arena, column->type, &usual, NULL) == STATUS_OK &&
            strcmp(text, cass_type_text(arena, usual)) == 0)
            continue;
        option_add(&table->options, arena, arena_printf(arena, "cql-type.%s", column->name), text, -1);
    }
    if (schema->default_ttl_s)
        option_add(&table->options, arena, "cql.default_time_to_live",
                   arena_printf(arena, "%lld", (long long)schema->default_ttl_s), -1);
    enum { USUAL_GC_GRACE_S = 864000 };
    if (schema->gc_grace_s && schema->gc_grace_s != USUAL_GC_GRACE_S)
        option_add(&table->options, arena, "cql.gc_grace_seconds",
                   arena_printf(arena, "%lld", (long long)schema->gc_grace_s), -1);
}

static const struct type *column_type(const struct cassandra_schema *schema, const struct cassandra_column *column,
                                      const struct type *noted, struct arena *arena) {
    struct cass_codec codec;
    bool fits = noted && cass_codec_init(&codec, arena, column->type, noted, column->name, NULL) == STATUS_OK;
    const struct type *type = fits ? noted : cass_type_to_sql(arena, column->type, true);
    if (in_key(column)) type = type_with_nullable(arena, type, !never_null(schema, column));
    return type;
}

enum status cassandra_ddl_table(const struct cassandra_schema *schema, const char *catalog, struct arena *arena,
                                struct table **out, struct error *err) {
    (void)err;
    struct table *table = ARENA_NEW(arena, struct table);
    const char *comment;
    struct table *note = read_comment(arena, schema->comment, &comment);
    int noted = note ? note->column_count : 0;
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, schema->column_count + noted);
    int *position = ARENA_ARRAY(arena, int, schema->column_count);
    for (int i = 0; i < schema->column_count; i++) position[i] = -1;
    *table = (struct table){
        .kind = TABLE_BASE,
        .catalog = arena_strdup(arena, catalog),
        .database = schema->keyspace,
        .name = schema->name,
        .comment = *comment ? comment : NULL,
        .columns = columns,
        .watermark_column = -1,
        .connector = "cassandra",
        .materialized = note ? note->materialized : NULL,
    };
    for (int i = 0; i < noted; i++) {
        struct table_column column = note->columns[i];
        if (column.kind == COLUMN_PHYSICAL) {
            int found = cassandra_schema_find(schema, column.name);
            if (found < 0 || position[found] >= 0) continue; /* dropped since */
            column.type = column_type(schema, &schema->columns[found], column.type, arena);
            position[found] = table->column_count;
        }
        if (note->watermark_column == i) {
            table->watermark_column = table->column_count;
            table->watermark_expression = note->watermark_expression;
        }
        columns[table->column_count++] = column;
    }
    for (int i = 0; i < schema->column_count; i++) {
        if (position[i] >= 0) continue;
        const struct cassandra_column *column = &schema->columns[i];
        position[i] = table->column_count;
        columns[table->column_count++] = (struct table_column){
            .name = column->name, .kind = COLUMN_PHYSICAL, .type = column_type(schema, column, NULL, arena)};
    }
    int keys = schema->partition_count + schema->clustering_count;
    int *primary_key = ARENA_ARRAY(arena, int, keys);
    bool *descending = ARENA_ARRAY(arena, bool, keys);
    for (int i = 0; i < keys; i++) { /* the schema's first columns */
        primary_key[i] = position[i];
        descending[i] = schema->columns[i].descending;
    }
    table->primary_key_count = keys;
    table->partition_key_count = schema->partition_count;
    table->primary_key = primary_key;
    table->clustering_descending = descending;
    add_options(schema, table, arena);
    *out = table;
    return STATUS_OK;
}
