/* Definitions of tables, from system_schema. */
#include <assert.h>
#include <stdlib.h>

#include "cass/bytes.h"
#include "connector/cassandra/cassandra_private.h"

/* ---- Results ---- */

enum status cassandra_query(struct cassandra_handle *handle, const char *text, const char *table,
                            struct cassandra_result *out, struct error *err) {
    struct cassandra_result result = {.response = NULL};
    TRY(cql_query(cassandra_handle_cluster(handle), text, table, &result.response, err));
    arena_init(&result.arena, NULL);
    enum cql_result_kind kind;
    enum status status = cql_read_result_kind(result.response, &kind, err);
    if (status == STATUS_OK && kind == CQL_RESULT_ROWS)
        status = cql_read_rows(result.response, &result.arena, &result.rows, err);
    if (status == STATUS_OK && result.rows.paging_state.len)
        status = error_set(err, STATUS_LIMIT_EXCEEDED, "more rows than fit into a page");
    if (status == STATUS_OK) {
        result.offsets = ARENA_ARRAY(&result.arena, uint32_t, result.rows.row_count + 1);
        status = cql_index_rows(&result.rows, result.rows.column_count, result.offsets, err);
    }
    if (status != STATUS_OK) {
        error_prefix(err, "Cassandra: %s", result.response->from);
        cassandra_result_free(&result);
        return status;
    }
    *out = result;
    return STATUS_OK;
}

struct str cassandra_cell(const struct cassandra_result *result, int row, int column) {
    assert(row < result->rows.row_count);
    struct str cell = {NULL, 0};
    if (column >= result->rows.column_count) return cell;
    struct cass_reader r =
        cass_reader_over(result->rows.cells + result->offsets[row], result->offsets[row + 1] - result->offsets[row]);
    for (int i = 0; i <= column; i++) cell = cass_read_bytes(&r);
    return cell;
}

int32_t cassandra_cell_int(const struct cassandra_result *result, int row, int column) {
    struct str cell = cassandra_cell(result, row, column);
    return cell.len == 4 ? (int32_t)cass_load_u32(cell.data) : 0;
}

void cassandra_result_free(struct cassandra_result *result) {
    arena_destroy(&result->arena);
    cql_response_free(result->response);
}

/* ---- User-defined types ---- */

/* Texts of a frozen<list<text>> cell, into arena. */
static const char **read_texts(struct str cell, struct arena *arena, int *count) {
    struct cass_reader r = cass_reader_over(cell.data, cell.len);
    int n = cell.data ? cass_read_i32(&r) : 0;
    *count = 0;
    if (r.failed || n < 0 || (size_t)n > cass_left(&r) / 4) return NULL;
    const char **texts = ARENA_ARRAY(arena, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        struct str text = cass_read_bytes(&r);
        texts[i] = arena_strndup(arena, text.data ? text.data : "", text.len);
    }
    if (r.failed) return NULL;
    *count = n;
    return texts;
}

const struct cass_type *cassandra_find_udt(void *data, struct str name) {
    struct cassandra_udts *context = data;
    if (!context->loaded) {
        struct strbuf text = {0};
        strbuf_puts(&text,
                    "SELECT type_name, field_names, field_types FROM system_schema.types WHERE keyspace_name = ");
        cass_put_text(&text, str_from(context->keyspace));
        context->status = cassandra_query(context->handle, text.data, NULL, &context->types, context->err);
        strbuf_free(&text);
        context->loaded = context->status == STATUS_OK;
    }
    if (!context->loaded || context->depth >= TYPE_MAX_NESTING) return NULL;
    for (int row = 0; row < context->types.rows.row_count; row++) {
        if (!str_equal(cassandra_cell(&context->types, row, 0), name)) continue;
        int name_count, type_count;
        const char **names = read_texts(cassandra_cell(&context->types, row, 1), context->arena, &name_count);
        const char **texts = read_texts(cassandra_cell(&context->types, row, 2), context->arena, &type_count);
        if (!name_count || name_count != type_count) return NULL;
        struct cass_type *type = ARENA_NEW(context->arena, struct cass_type);
        const struct cass_type **children = ARENA_ARRAY(context->arena, const struct cass_type *, name_count);
        bool good = true;
        context->depth++;
        for (int i = 0; i < name_count && good; i++)
            good = cass_type_parse(context->arena, str_from(texts[i]), cassandra_find_udt, context, &children[i],
                                   NULL) == STATUS_OK;
        context->depth--;
        if (!good) return NULL;
        *type = (struct cass_type){.id = CASS_UDT,
                                   .child_count = name_count,
                                   .children = children,
                                   .names = names,
                                   .keyspace = context->keyspace,
                                   .name = arena_strndup(context->arena, name.data, name.len)};
        return type;
    }
    return NULL;
}

void cassandra_udts_free(struct cassandra_udts *udts) {
    if (udts->loaded) cassandra_result_free(&udts->types);
}

/* ---- Tables ---- */

static bool read_kind(struct str text, enum cassandra_kind *out) {
    static const char *const names[] = {"partition_key", "clustering", "static", "regular"};
    for (int i = 0; i < 4; i++)
        if (str_equal(text, str_from(names[i]))) {
            *out = (enum cassandra_kind)i;
            return true;
        }
    return false; /* "compact_value" of old compact tables carries nothing */
}

static int compare_columns(const void *a, const void *b) {
    const struct cassandra_column *x = a, *y = b;
    bool key_x = x->kind <= CASSANDRA_CLUSTERING, key_y = y->kind <= CASSANDRA_CLUSTERING;
    if (key_x != key_y) return key_x ? -1 : 1;
    if (!key_x) return strcmp(x->name, y->name);
    if (x->kind != y->kind) return (int)x->kind - (int)y->kind;
    return x->position - y->position;
}

/* A counted schema: which columns there are of which kind. */
static void count_kinds(struct cassandra_schema *schema) {
    schema->partition_count = schema->clustering_count = 0;
    schema->has_statics = schema->has_counters = false;
    for (int i = 0; i < schema->column_count; i++) {
        const struct cassandra_column *column = &schema->columns[i];
        schema->partition_count += column->kind == CASSANDRA_PARTITION;
        schema->clustering_count += column->kind == CASSANDRA_CLUSTERING;
        schema->has_statics |= column->kind == CASSANDRA_STATIC;
        schema->has_counters |= column->type->id == CASS_COUNTER;
    }
}

/* Rows [first, last) of the columns' result are one table's: table_name, column_name, clustering_order, kind, position,
 * type. */
static enum status make_schema(const struct cassandra_result *columns, int first, int last, const char *keyspace,
                               struct cassandra_udts *udts, struct arena *arena, struct cassandra_schema **out,
                               struct error *err) {
    struct cassandra_schema *schema = ARENA_NEW(arena, struct cassandra_schema);
    struct cassandra_column *list = ARENA_ARRAY(arena, struct cassandra_column, last - first);
    struct str name = cassandra_cell(columns, first, 0);
    schema->keyspace = arena_strdup(arena, keyspace);
    schema->name = arena_strndup(arena, name.data, name.len);
    schema->full_name = arena_printf(arena, "%s.%s", schema->keyspace, schema->name);
    schema->comment = "";
    for (int row = first; row < last; row++) {
        struct cassandra_column *column = &list[schema->column_count];
        struct str column_name = cassandra_cell(columns, row, 1);
        if (!read_kind(cassandra_cell(columns, row, 3), &column->kind) || !column_name.len) continue;
        schema->column_count++;
        column->name = arena_strndup(arena, column_name.data, column_name.len);
        column->descending = str_equal(cassandra_cell(columns, row, 2), str_from("desc"));
        column->position = cassandra_cell_int(columns, row, 4);
        enum status status =
            cass_type_parse(arena, cassandra_cell(columns, row, 5), cassandra_find_udt, udts, &column->type, err);
        if (status != STATUS_OK) {
            error_prefix(err, "Cassandra, table %s: column '%s'", schema->full_name, column->name);
            return status;
        }
        if (udts->status != STATUS_OK) return udts->status;
    }
    qsort(list, (size_t)schema->column_count, sizeof *list, compare_columns);
    schema->columns = list;
    count_kinds(schema);
    if (!schema->partition_count)
        return error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: no partition key", schema->full_name);
    *out = schema;
    return STATUS_OK;
}

static void put_where(struct strbuf *text, const char *keyspace, const char *name_column, const char *name) {
    strbuf_puts(text, " WHERE keyspace_name = ");
    cass_put_text(text, str_from(keyspace));
    if (!name) return;
    strbuf_printf(text, " AND %s = ", name_column);
    cass_put_text(text, str_from(name));
}

static bool has_flag(struct str flags, const char *flag) { /* a set<text> */
    struct cass_reader r = cass_reader_over(flags.data, flags.len);
    int n = flags.data ? cass_read_i32(&r) : 0;
    for (int i = 0; i < n && !r.failed; i++)
        if (str_equal(cass_read_bytes(&r), str_from(flag))) return true;
    return false;
}

/* COMPACT STORAGE, as it lies beneath: a table without clustering columns has one of its own (column1) and a value, and its
 * columns are kept as statics; a table with clustering columns and none besides has a value of no type. A user sees neither. */
static void hide_compact_columns(struct cassandra_schema *schema, struct str flags) {
    bool compound = has_flag(flags, "compound"), super = has_flag(flags, "super");
    schema->is_dense = has_flag(flags, "dense");
    if (!flags.data || (compound && !schema->is_dense)) return;
    bool keeps_statics = !schema->is_dense && !super && schema->has_statics;
    struct cassandra_column *list = (struct cassandra_column *)schema->columns;
    int kept = 0;
    for (int i = 0; i < schema->column_count; i++) {
        struct cassandra_column column = list[i];
        const char *class = column.type->id == CASS_CUSTOM ? column.type->name : "";
        bool empty = strcmp(class, "empty") == 0 || strstr(class, "EmptyType"); /* 5.0; before */
        bool hidden = keeps_statics && (column.kind == CASSANDRA_CLUSTERING || column.kind == CASSANDRA_REGULAR);
        if (hidden || (empty && column.kind == CASSANDRA_REGULAR)) continue;
        if (keeps_statics && column.kind == CASSANDRA_STATIC) column.kind = CASSANDRA_REGULAR;
        list[kept++] = column;
    }
    schema->column_count = kept;
    count_kinds(schema);
}

/* Comments and properties; and which of the tables are materialized views (they are not in system_schema.tables). */
static enum status read_properties(struct cassandra_handle *handle, const char *keyspace, const char *name,
                                   struct cassandra_schema **schemas, int count, struct arena *arena,
                                   struct error *err) {
    struct strbuf text = {0};
    struct cassandra_result tables;
    strbuf_puts(&text, "SELECT table_name, comment, flags, default_time_to_live, gc_grace_seconds "
                       "FROM system_schema.tables");
    put_where(&text, keyspace, "table_name", name);
    enum status status = cassandra_query(handle, text.data, NULL, &tables, err);
    strbuf_free(&text);
    if (status != STATUS_OK) return status;
    for (int i = 0; i < count; i++) {
        schemas[i]->is_view = true;
        for (int row = 0; row < tables.rows.row_count; row++) {
            if (!str_equal(cassandra_cell(&tables, row, 0), str_from(schemas[i]->name))) continue;
            struct str comment = cassandra_cell(&tables, row, 1);
            if (comment.data) schemas[i]->comment = arena_strndup(arena, comment.data, comment.len);
            hide_compact_columns(schemas[i], cassandra_cell(&tables, row, 2));
            schemas[i]->default_ttl_s = cassandra_cell_int(&tables, row, 3);
            schemas[i]->gc_grace_s = cassandra_cell_int(&tables, row, 4);
            schemas[i]->is_view = false;
        }
    }
    cassandra_result_free(&tables);
    return STATUS_OK;
}

static int compare_schemas(const void *a, const void *b) {
    return strcmp((*(struct cassandra_schema *const *)a)->name, (*(struct cassandra_schema *const *)b)->name);
}

static enum status read_tables(struct cassandra_handle *handle, const char *keyspace, const char *name,
                               struct arena *arena, struct cassandra_schema ***out, int *count, struct error *err) {
    struct strbuf text = {0};
    struct cassandra_result columns;
    strbuf_puts(&text,
                "SELECT table_name, column_name, clustering_order, kind, position, type FROM system_schema.columns");
    put_where(&text, keyspace, "table_name", name);
    enum status status = cassandra_query(handle, text.data, NULL, &columns, err);
    strbuf_free(&text);
    if (status != STATUS_OK) return status;
    struct cassandra_udts udts = {
        .handle = handle, .arena = arena, .keyspace = arena_strdup(arena, keyspace), .err = err};
    int rows = columns.rows.row_count, found = 0;
    struct cassandra_schema **schemas = ARENA_ARRAY(arena, struct cassandra_schema *, rows + 1);
    for (int first = 0; first < rows && status == STATUS_OK;) {
        int last = first + 1;
        while (last < rows && str_equal(cassandra_cell(&columns, first, 0), cassandra_cell(&columns, last, 0))) last++;
        status = make_schema(&columns, first, last, keyspace, &udts, arena, &schemas[found], err);
        if (status == STATUS_OK) found++;
        first = last;
    }
    cassandra_udts_free(&udts);
    cassandra_result_free(&columns);
    if (status == STATUS_OK && found) status = read_properties(handle, keyspace, name, schemas, found, arena, err);
    if (status != STATUS_OK) return status;
    qsort(schemas, (size_t)found, sizeof *schemas, compare_schemas);
    *out = schemas;
    *count = found;
    return STATUS_OK;
}

enum status cassandra_schema_read(struct cassandra_handle *handle, const char *keyspace, const char *name,
                                  struct arena *arena, const struct cassandra_schema **out, struct error *err) {
    struct cassandra_schema **schemas;
    int count;
    TRY(read_tables(handle, keyspace, name, arena, &schemas, &count, err));
    *out = count ? schemas[0] : NULL;
    return STATUS_OK;
}

enum status cassandra_schema_list(struct cassandra_handle *handle, const char *keyspace, struct arena *arena,
                                  const struct cassandra_schema ***out, int *count, struct error *err) {
    struct cassandra_schema **schemas;
    TRY(read_tables(handle, keyspace, NULL, arena, &schemas, count, err));
    *out = (const struct cassandra_schema **)schemas;
    return STATUS_OK;
}

int cassandra_schema_find(const struct cassandra_schema *schema, const char *column) {
    for (int i = 0; i < schema->column_count; i++)
        if (strcmp(schema->columns[i].name, column) == 0) return i;
    return -1;
}

/* ---- What a plan's table is ---- */

/* The catalog's handle, unless the table says otherwise about tracing. */
static enum status catalog_handle(const struct table *table, struct cassandra_handle **out, struct error *err) {
    struct cassandra_handle *handle = table->connector_data;
    bool traces = cassandra_handle_traces(handle);
    bool wanted = option_given(&table->options, "tracing") ? cassandra_setting_bool(table, "tracing") : traces;
    if (wanted != traces) return cassandra_handle_with_tracing(handle, wanted, out, err);
    *out = cassandra_handle_retain(handle);
    return STATUS_OK;
}

enum status cassandra_target_open(const struct table *table, struct arena *arena, struct cassandra_target *out,
                                  struct error *err) {
    struct cassandra_target target = {0};
    const char *keyspace = table->database, *name = table->name;
    if (table->connector_data) {                               /* of a catalog */
        TRY(cassandra_check_connection(&table->options, err)); /* hints */
        TRY(catalog_handle(table, &target.handle, err));
    } else {
        keyspace = option_find(&table->options, "keyspace");
        if (!keyspace)
            return error_set(err, STATUS_INVALID_OPTION, "table '%s': option 'keyspace' is missing", table->name);
        if (option_given(&table->options, "table")) name = option_find(&table->options, "table");
        enum status status = cassandra_handle_get(&table->options, &target.handle, err);
        if (status != STATUS_OK) {
            error_prefix(err, "table '%s'", table->name);
            return status;
        }
    }
    enum status status = cassandra_schema_read(target.handle, keyspace, name, arena, &target.schema, err);
    if (status == STATUS_OK && !target.schema)
        status = error_set(err, STATUS_UNDEFINED_TABLE, "there is no table %s.%s in Cassandra", keyspace, name);
    if (status != STATUS_OK) {
        cassandra_handle_release(target.handle);
        return status;
    }
    *out = target;
    return STATUS_OK;
}

static enum status no_such_column(const struct cassandra_schema *schema, struct str name, struct arena *arena,
                                  struct error *err) {
    const char **names = ARENA_ARRAY(arena, const char *, schema->column_count);
    const char *wanted = arena_strndup(arena, name.data, name.len);
    for (int i = 0; i < schema->column_count; i++) names[i] = schema->columns[i].name;
    error_set(err, STATUS_UNDEFINED_COLUMN, "table %s in Cassandra has no column '%s'", schema->full_name, wanted);
    const char *nearest = str_nearest(wanted, names, schema->column_count);
    if (nearest) error_hint(err, "did you mean '%s'?", nearest);
    return STATUS_UNDEFINED_COLUMN;
}

/* ---- Metadata columns ---- */

/* "writetime(c)" or "ttl(c)"; *function in CQL's spelling. */
static bool parse_metadata_key(const char *key, const char **function, struct str *column) {
    static const char *const functions[] = {"WRITETIME", "TTL"};
    size_t len = strlen(key);
    for (int i = 0; i < 2; i++) {
        size_t head = strlen(functions[i]);
        if (len < head + 3 || key[head] != '(' || key[len - 1] != ')' ||
            !str_equal_nocase((struct str){key, head}, str_from(functions[i])))
            continue;
        *function = functions[i];
        *column = (struct str){key + head + 1, len - head - 2};
        return true;
    }
    return false;
}

static enum status has_no_metadata(const struct cassandra_schema *schema, const struct table_column *wanted,
                                   const char *column, const char *why, const char *hint, struct error *err) {
    error_set(err, STATUS_INVALID_QUERY, "table %s, column '%s': there is no '%s', since '%s' is %s", schema->full_name,
              wanted->name, wanted->metadata_key, column, why);
    if (hint) error_hint(err, "%s", hint);
    return STATUS_INVALID_QUERY;
}

static enum status metadata_codec(const struct cassandra_schema *schema, const struct table_column *wanted,
                                  struct arena *arena, struct cass_codec *codec, struct error *err) {
    const char *function;
    struct str name;
    if (!parse_metadata_key(wanted->metadata_key, &function, &name)) {
        error_set(err, STATUS_INVALID_QUERY, "table %s, column '%s': metadata '%s' is written, it cannot be read",
                  schema->full_name, wanted->name, wanted->metadata_key);
        error_hint(err, "leave the column out of the SELECT; what was written is in 'writetime(column)' and "
                        "'ttl(column)'");
        return STATUS_INVALID_QUERY;
    }
    int found = cassandra_schema_find(schema, arena_strndup(arena, name.data, name.len));
    if (found < 0) {
        enum status status = no_such_column(schema, name, arena, err);
        error_prefix(err, "metadata '%s'", wanted->metadata_key);
        return status;
    }
    const struct cassandra_column *column = &schema->columns[found];
    if (column->kind <= CASSANDRA_CLUSTERING)
        return has_no_metadata(schema, wanted, column->name, "part of the key",
                               "only columns outside of the key have a write time and a TTL", err);
    if (column->type->id == CASS_COUNTER) return has_no_metadata(schema, wanted, column->name, "a counter", NULL, err);
    if (cass_type_is_multicell(column->type))
        return has_no_metadata(schema, wanted, column->name, "a collection that is not frozen",
                               "each of its elements has a write time and a TTL of its own", err);
    const struct cass_type *cass = cass_type_scalar(*function == 'W' ? CASS_BIGINT : CASS_INT);
    if (!cass_codec_init_metadata(codec, cass, type_copy(arena, wanted->type), arena_strdup(arena, wanted->name)))
        return error_set(err, STATUS_TYPE_MISMATCH, "table %s, column '%s': metadata '%s' cannot be %s",
                         schema->full_name, wanted->name, wanted->metadata_key, type_to_string(arena, wanted->type));
    return STATUS_OK;
}

void cassandra_put_selected(struct strbuf *text, const struct table_column *column) {
    const char *function;
    struct str name;
    if (column->kind != COLUMN_METADATA || !parse_metadata_key(column->metadata_key, &function, &name)) {
        cass_put_name(text, column->name);
        return;
    }
    char *copy = strndup(name.data, name.len);
    strbuf_printf(text, "%s(", function);
    cass_put_name(text, copy);
    strbuf_putc(text, ')');
    free(copy);
}

enum status cassandra_codec(const struct cassandra_target *target, const struct table *table, int column,
                            struct arena *arena, struct cass_codec *codec, struct error *err) {
    const struct table_column *wanted = &table->columns[column];
    if (wanted->kind == COLUMN_METADATA) return metadata_codec(target->schema, wanted, arena, codec, err);
    int found = cassandra_schema_find(target->schema, wanted->name);
    if (found < 0) return no_such_column(target->schema, str_from(wanted->name), arena, err);
    /* A type of our own: the plan's may end before a decoder does. */
    enum status status = cass_codec_init(codec, arena, target->schema->columns[found].type,
                                         type_copy(arena, wanted->type), target->schema->columns[found].name, err);
    if (status != STATUS_OK) error_prefix(err, "table %s", target->schema->full_name);
    return status;
}

/* ---- Messages ---- */

static enum status decode_cell(const struct cass_codec *codec, const uint8_t *base, const struct cass_cell *cell,
                               struct arena *arena, struct vector *vec) {
    vector_init(vec, arena, codec->type, 1);
    return cass_decode(codec, base, cell, 1, vec, arena, 1, 0, NULL);
}

static const struct cass_codec *codec_of(const struct cass_codec *codecs, int count, const char *column) {
    for (int i = 0; i < count; i++)
        if (strcmp(codecs[i].column, column) == 0) return &codecs[i];
    return NULL;
}

void cassandra_name_bad_row(const struct cassandra_schema *schema, const struct cass_codec *codecs, int codec_count,
                            int failed, const uint8_t *base, const struct cass_cell *cells, int stride, int count,
                            struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct vector vec;
    struct strbuf key = {0};
    int row = 0;
    while (row < count && decode_cell(&codecs[failed], base, &cells[(size_t)failed * (size_t)stride + (size_t)row],
                                      &arena, &vec) == STATUS_OK)
        row++;
    for (int k = 0; row < count && k < schema->partition_count + schema->clustering_count; k++) {
        const struct cass_codec *codec = codec_of(codecs, codec_count, schema->columns[k].name);
        if (!codec || codec == &codecs[failed]) continue;
        size_t at = (size_t)(codec - codecs) * (size_t)stride + (size_t)row;
        if (decode_cell(codec, base, &cells[at], &arena, &vec) != STATUS_OK) continue;
        struct value value = vector_get(&vec, 0, &arena);
        strbuf_printf(&key, "%s%s = ", key.len ? ", " : "", codec->column);
        value_print_sql(&key, &value);
    }
    if (key.len) error_prefix(err, "row %.300s", key.data);
    strbuf_free(&key);
    arena_destroy(&arena);
}
