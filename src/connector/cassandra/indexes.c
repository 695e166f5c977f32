/* Secondary indexes of a table, from system_schema.indexes: those that a predicate can be asked of. */
#include <strings.h>

#include "cass/bytes.h"
#include "connector/cassandra/cassandra_private.h"

static bool ends_with(struct str text, const char *end) {
    size_t len = strlen(end);
    return text.len >= len && strncasecmp(text.data + text.len - len, end, len) == 0;
}

/* A target is a column's name, quoted when it must be; "values(v)" and the like index the parts of collections. */
static int find_target(const struct cassandra_schema *schema, struct str target) {
    char name[256];
    size_t len = 0;
    bool quoted = target.len >= 2 && target.data[0] == '"' && target.data[target.len - 1] == '"';
    size_t from = quoted, to = quoted ? target.len - 1 : target.len;
    for (size_t i = from; i < to && len + 1 < sizeof name; i++) {
        name[len++] = target.data[i];
        if (quoted && target.data[i] == '"') i++;
    }
    name[len] = 0;
    return cassandra_schema_find(schema, name);
}

/* One row of the result: index_name, kind, options. False: it is none that we can ask. */
static bool read_index(const struct cassandra_result *result, int row, const struct cassandra_schema *schema,
                       struct arena *arena, struct cassandra_index *out) {
    struct str name = cassandra_cell(result, row, 0), kind = cassandra_cell(result, row, 1);
    struct str options = cassandra_cell(result, row, 2), target = {NULL, 0}, class_name = {"", 0};
    struct cass_reader r = cass_reader_over(options.data, options.len);
    bool plain = true;
    int count = options.len ? cass_read_i32(&r) : 0;
    for (int i = 0; i < count && !r.failed; i++) {
        struct str key = cass_read_bytes(&r), value = cass_read_bytes(&r);
        if (r.failed) break;
        if (str_equal(key, str_from("target")))
            target = value;
        else if (str_equal(key, str_from("class_name")))
            class_name = value;
        else /* case_sensitive, normalize, …: = then means something else than in SQL */
            plain = false;
    }
    if (r.failed || !target.data || !plain) return false;
    out->column = find_target(schema, target);
    out->name = arena_strndup(arena, name.data, name.len);
    bool custom = str_equal(kind, str_from("CUSTOM"));
    out->is_sai = custom && (ends_with(class_name, "StorageAttachedIndex") || ends_with(class_name, "sai"));
    return out->column >= 0 && (out->is_sai || (!custom && !class_name.len));
}

/* Is the index built on the server that we talk to? A query of one that is still being built fails. built: NULL when that may not be
 * asked. */
static bool is_built(const struct cassandra_result *built, const char *name) {
    for (int row = 0; built && row < built->rows.row_count; row++)
        if (str_equal(cassandra_cell(built, row, 0), str_from(name))) return true;
    return !built;
}

static void add_built(const struct cassandra_result *indexes, const struct cassandra_result *built,
                      const struct cassandra_schema *schema, struct arena *arena, struct cassandra_indexes *out) {
    out->list = ARENA_ARRAY(arena, struct cassandra_index, indexes->rows.row_count);
    for (int row = 0; row < indexes->rows.row_count; row++) {
        struct cassandra_index *index = &out->list[out->count];
        if (read_index(indexes, row, schema, arena, index) && is_built(built, index->name)) out->count++;
    }
}

enum status cassandra_indexes_read(struct cassandra_handle *handle, const struct cassandra_schema *schema,
                                   struct arena *arena, struct cassandra_indexes *out, struct error *err) {
    struct strbuf text = {0};
    struct cassandra_result indexes, built;
    *out = (struct cassandra_indexes){0};
    strbuf_puts(&text, "SELECT index_name, kind, options FROM system_schema.indexes WHERE keyspace_name = ");
    cass_put_text(&text, str_from(schema->keyspace));
    strbuf_puts(&text, " AND table_name = ");
    cass_put_text(&text, str_from(schema->name));
    enum status status = cassandra_query(handle, text.data, schema->full_name, &indexes, err);
    if (status == STATUS_OK && indexes.rows.row_count) {
        strbuf_clear(&text); /* the column is called so, but it is the keyspace's name */
        strbuf_puts(&text, "SELECT index_name FROM system.\"IndexInfo\" WHERE table_name = ");
        cass_put_text(&text, str_from(schema->keyspace));
        bool known = cassandra_query(handle, text.data, schema->full_name, &built, NULL) == STATUS_OK;
        add_built(&indexes, known ? &built : NULL, schema, arena, out);
        if (known) cassandra_result_free(&built);
    }
    if (status == STATUS_OK) cassandra_result_free(&indexes);
    strbuf_free(&text);
    return status;
}
