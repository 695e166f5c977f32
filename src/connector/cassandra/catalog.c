/* The catalog: keyspaces are databases, tables are tables. Views and tables of other connectors have no place in Cassandra;
 * they are kept in memory for the session, beside. */
#include <stdlib.h>

#include "connector/cassandra/cassandra_private.h"

struct cassandra_catalog {
    struct catalog catalog;
    struct arena arena;
    struct cassandra_handle *handle;
    struct catalog *local;            /* views, and tables with another connector */
    struct option_list table_options; /* given to every table */
    bool system_keyspaces;
    int64_t replication_factor;
};

static struct cassandra_catalog *catalog_of(const struct catalog *catalog) { return catalog->state; }

/* ---- Databases ---- */

static bool is_system(struct str name) {
    return str_equal(name, str_from("system")) || (name.len > 7 && memcmp(name.data, "system_", 7) == 0);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status list_databases(struct catalog *catalog, struct arena *arena, const char ***names, int *count,
                                  struct error *err) {
    struct cassandra_result keyspaces;
    TRY(cassandra_query(catalog_of(catalog)->handle, "SELECT keyspace_name FROM system_schema.keyspaces", NULL,
                        &keyspaces, err));
    const char **out = ARENA_ARRAY(arena, const char *, keyspaces.rows.row_count + 1);
    int found = 0;
    for (int row = 0; row < keyspaces.rows.row_count; row++) {
        struct str name = cassandra_cell(&keyspaces, row, 0);
        if (is_system(name) && !catalog_of(catalog)->system_keyspaces) continue;
        out[found++] = arena_strndup(arena, name.data, name.len);
    }
    cassandra_result_free(&keyspaces);
    qsort(out, (size_t)found, sizeof *out, compare_names);
    *names = out;
    *count = found;
    return STATUS_OK;
}

static enum status run_ddl(struct cassandra_catalog *state, struct strbuf *text, const char *table, struct error *err) {
    enum status status = cql_query(cassandra_handle_cluster(state->handle), text->data, table, NULL, err);
    strbuf_free(text);
    return status;
}

/* verb: CREATE or ALTER. */
static enum status put_keyspace(struct cassandra_catalog *state, const char *verb, const char *name,
                                const struct option_list *options, struct error *err) {
    const char *replication = options ? option_find(options, "replication") : NULL;
    const char *factor = options ? option_find(options, "replication-factor") : NULL;
    for (int i = 0; options && i < options->count; i++)
        if (strcmp(options->keys[i], "replication") != 0 && strcmp(options->keys[i], "replication-factor") != 0) {
            error_set(err, STATUS_INVALID_OPTION, "a database in Cassandra has no option '%s'", options->keys[i]);
            error_hint(err, "'replication-factor' = '3', or 'replication' = '{…}' as CQL has it");
            return STATUS_INVALID_OPTION;
        }
    char *end = NULL;
    long copies = factor ? strtol(factor, &end, 10) : (long)state->replication_factor;
    if (copies < 1 || copies > 1000 || (end && *end))
        return error_set(err, STATUS_INVALID_OPTION, "option 'replication-factor': '%s' is no number from 1 to 1000",
                         factor);
    struct strbuf text = {0};
    strbuf_printf(&text, "%s KEYSPACE ", verb);
    cass_put_name(&text, name);
    strbuf_puts(&text, " WITH replication = ");
    if (replication) {
        strbuf_puts(&text, replication);
    } else {
        strbuf_puts(&text, "{'class': 'NetworkTopologyStrategy', ");
        cass_put_text(&text, str_from(cql_cluster_datacenter(cassandra_handle_cluster(state->handle))));
        strbuf_printf(&text, ": %ld}", copies);
    }
    return run_ddl(state, &text, NULL, err);
}

static enum status create_database(struct catalog *catalog, const char *name, const struct option_list *options,
                                   struct error *err) {
    return put_keyspace(catalog_of(catalog), "CREATE", name, options, err);
}

static enum status alter_database(struct catalog *catalog, const char *name, const struct option_list *options,
                                  struct error *err) {
    return put_keyspace(catalog_of(catalog), "ALTER", name, options, err);
}

static enum status drop_database(struct catalog *catalog, const char *name, bool cascade, struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    struct arena arena;
    arena_init(&arena, NULL);
    const struct cassandra_schema **schemas;
    int count = 0;
    enum status status = cassandra_schema_list(state->handle, name, &arena, &schemas, &count, err);
    if (status == STATUS_OK && count && !cascade) {
        status = error_set(err, STATUS_INVALID_QUERY, "database '%s' is not empty: it has %d tables", name, count);
        error_hint(err, "DROP DATABASE … CASCADE drops them too");
    }
    arena_destroy(&arena);
    if (status != STATUS_OK) return status;
    struct strbuf text = {0};
    strbuf_puts(&text, "DROP KEYSPACE ");
    cass_put_name(&text, name);
    return run_ddl(state, &text, NULL, err);
}

/* ---- Tables ---- */

static enum status present(struct catalog *catalog, const struct cassandra_schema *schema, struct arena *arena,
                           const struct table **out, struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    struct table *table;
    TRY(cassandra_ddl_table(schema, catalog->name, arena, &table, err));
    table->connector_data = state->handle; /* lives as long as the catalog; whoever works longer retains it */
    for (int i = 0; i < state->table_options.count; i++)
        option_add(&table->options, arena, state->table_options.keys[i], state->table_options.values[i], -1);
    *out = table;
    return STATUS_OK;
}

static int compare_tables(const void *a, const void *b) {
    return strcmp((*(const struct table *const *)a)->name, (*(const struct table *const *)b)->name);
}

static enum status list_tables(struct catalog *catalog, const char *database, struct arena *arena,
                               const struct table ***tables, int *count, struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    const struct cassandra_schema **schemas;
    const struct table **local;
    int found, local_count = 0;
    TRY(cassandra_schema_list(state->handle, database, arena, &schemas, &found, err));
    if (state->local->class->list_tables(state->local, database, arena, &local, &local_count, NULL) != STATUS_OK)
        local_count = 0; /* nothing was put into that database */
    const struct table **out = ARENA_ARRAY(arena, const struct table *, found + local_count + 1);
    for (int i = 0; i < found; i++) TRY(present(catalog, schemas[i], arena, &out[i], err));
    for (int i = 0; i < local_count; i++) out[found + i] = local[i];
    qsort(out, (size_t)(found + local_count), sizeof *out, compare_tables);
    *tables = out;
    *count = found + local_count;
    return STATUS_OK;
}

static const struct table *find_local(struct cassandra_catalog *state, const char *database, const char *name,
                                      struct arena *arena) {
    const struct table *table = NULL;
    if (state->local->class->find_table(state->local, database, name, arena, &table, NULL) != STATUS_OK) return NULL;
    return table;
}

static enum status find_table(struct catalog *catalog, const char *database, const char *name, struct arena *arena,
                              const struct table **table, struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    const struct table *local = find_local(state, database, name, arena);
    if (local) {
        *table = local;
        return STATUS_OK;
    }
    const struct cassandra_schema *schema;
    TRY(cassandra_schema_read(state->handle, database, name, arena, &schema, err));
    if (!schema) {
        *table = NULL;
        return STATUS_OK;
    }
    return present(catalog, schema, arena, table, err);
}

static enum status create_table(struct catalog *catalog, const struct table *table, struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    if (table->kind == TABLE_VIEW || table->connector) {
        struct error ignored;
        enum status status = state->local->class->create_database(state->local, table->database, NULL, &ignored);
        if (status != STATUS_OK && status != STATUS_DUPLICATE_NAME) {
            if (err) *err = ignored;
            return status;
        }
        return state->local->class->create_table(state->local, table, err);
    }
    struct strbuf text = {0};
    struct arena arena;
    arena_init(&arena, NULL);
    struct cassandra_udts udts = {.handle = state->handle, .arena = &arena, .keyspace = table->database, .err = err};
    enum status status = cassandra_ddl_create(table, cassandra_find_udt, &udts, &text, err);
    if (udts.status != STATUS_OK) status = udts.status;
    cassandra_udts_free(&udts);
    arena_destroy(&arena);
    if (status != STATUS_OK) {
        strbuf_free(&text);
        return status;
    }
    return run_ddl(state, &text, table->name, err);
}

static enum status drop_table(struct catalog *catalog, const char *database, const char *name, struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    struct arena arena;
    arena_init(&arena, NULL);
    bool local = find_local(state, database, name, &arena) != NULL;
    const struct cassandra_schema *schema = NULL;
    enum status status = STATUS_OK;
    if (local)
        status = state->local->class->drop_table(state->local, database, name, err);
    else
        status = cassandra_schema_read(state->handle, database, name, &arena, &schema, err);
    bool view = schema && schema->is_view;
    if (status == STATUS_OK && !local && !schema)
        status = error_set(err, STATUS_UNDEFINED_TABLE, "there is no table %s.%s in Cassandra", database, name);
    arena_destroy(&arena);
    if (status != STATUS_OK || local) return status;
    struct strbuf text = {0};
    strbuf_puts(&text, view ? "DROP MATERIALIZED VIEW " : "DROP TABLE ");
    cassandra_put_table(&text, database, name);
    return run_ddl(state, &text, name, err);
}

/* The statements of ALTER TABLE, one change each: when one fails those before it have been done, as in CQL itself. */
static enum status run_alter(struct cassandra_catalog *state, const struct table *table, struct arena *arena,
                             struct error *err) {
    const struct cassandra_schema *schema;
    const struct table *old;
    const char **statements;
    int count;
    TRY(cassandra_schema_read(state->handle, table->database, table->name, arena, &schema, err));
    if (!schema)
        return error_set(err, STATUS_UNDEFINED_TABLE, "there is no table %s.%s in Cassandra", table->database,
                         table->name);
    TRY(present(&state->catalog, schema, arena, &old, err));
    struct cassandra_udts udts = {.handle = state->handle, .arena = arena, .keyspace = table->database, .err = err};
    enum status status =
        cassandra_ddl_alter(schema, old, table, cassandra_find_udt, &udts, arena, &statements, &count, err);
    if (udts.status != STATUS_OK) status = udts.status;
    cassandra_udts_free(&udts);
    for (int i = 0; i < count && status == STATUS_OK; i++)
        status = cql_query(cassandra_handle_cluster(state->handle), statements[i], table->name, NULL, err);
    return status;
}

static enum status alter_table(struct catalog *catalog, const struct table *table, struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = find_local(state, table->database, table->name, &arena)
                             ? state->local->class->alter_table(state->local, table, err)
                             : run_alter(state, table, &arena, err);
    arena_destroy(&arena);
    return status;
}

static enum status rename_table(struct catalog *catalog, const char *database, const char *name, const char *new_name,
                                struct error *err) {
    struct cassandra_catalog *state = catalog_of(catalog);
    struct arena arena;
    arena_init(&arena, NULL);
    bool local = find_local(state, database, name, &arena) != NULL;
    arena_destroy(&arena);
    if (local) return state->local->class->rename_table(state->local, database, name, new_name, err);
    error_set(err, STATUS_NOT_SUPPORTED, "Cassandra cannot rename tables");
    error_hint(err, "CREATE TABLE %s (…), INSERT INTO it SELECT * FROM %s, DROP TABLE %s", new_name, name, name);
    return STATUS_NOT_SUPPORTED;
}

/* ---- Tables for elsewhere ---- */

/* The same table by the connector's options. */
static void connector_options(struct catalog *catalog, const struct table *table, struct arena *arena,
                              struct option_list *out) {
    static const char *const catalog_only[] = {"type", "keyspace", "default-database", "system-keyspaces",
                                               "replication-factor"};
    option_add(out, arena, "connector", "cassandra", -1);
    for (int i = 0; i < catalog->options.count; i++) {
        bool skip = false;
        for (size_t k = 0; k < sizeof catalog_only / sizeof *catalog_only; k++)
            skip |= strcmp(catalog->options.keys[i], catalog_only[k]) == 0;
        if (!skip) option_add(out, arena, catalog->options.keys[i], catalog->options.values[i], -1);
    }
    option_add(out, arena, "keyspace", table->database, -1);
    option_add(out, arena, "table", table->name, -1);
}

/* ---- Life ---- */

static void close_catalog(struct catalog *catalog) {
    struct cassandra_catalog *state = catalog_of(catalog);
    state->local->class->close(state->local);
    cassandra_handle_release(state->handle);
    arena_destroy(&state->arena);
    free(state);
}

const struct catalog_class cassandra_catalog_class = {
    .type = "cassandra",
    .options = cassandra_catalog_options,
    .doc = "Apache Cassandra: keyspaces as databases, tables with their keys",
    .list_databases = list_databases,
    .create_database = create_database,
    .drop_database = drop_database,
    .list_tables = list_tables,
    .find_table = find_table,
    .create_table = create_table,
    .drop_table = drop_table,
    .alter_table = alter_table,
    .rename_table = rename_table,
    .alter_database = alter_database,
    .connector_options = connector_options,
    .close = close_catalog,
};

/* What the catalog says about reading and writing holds for its tables, unless they say otherwise. */
static void take_table_options(struct cassandra_catalog *state, const struct option_list *options) {
    static const char *const prefixes[] = {"consistency", "serial-consistency",   "scan.", "sink.",
                                           "lookup.",     "max-split-memory-size"};
    for (int i = 0; i < options->count; i++)
        for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++)
            if (strncmp(options->keys[i], prefixes[k], strlen(prefixes[k])) == 0) {
                option_add(&state->table_options, &state->arena, options->keys[i], options->values[i], -1);
                break;
            }
}

static enum status first_database(struct cassandra_catalog *state, const char **out, struct error *err) {
    const char **names;
    int count;
    TRY(list_databases(&state->catalog, &state->arena, &names, &count, err));
    *out = count ? names[0] : "default";
    return STATUS_OK;
}

enum status cassandra_catalog_open(const char *name, const struct option_list *options, struct catalog **out,
                                   struct error *err) {
    struct cassandra_handle *handle;
    enum status status = cassandra_handle_get(options, &handle, err);
    if (status != STATUS_OK) {
        error_prefix(err, "catalog '%s'", name);
        return status;
    }
    struct cassandra_catalog *state = xcalloc(1, sizeof *state);
    arena_init(&state->arena, NULL);
    state->handle = handle;
    state->catalog = (struct catalog){
        .class = &cassandra_catalog_class,
        .name = arena_strdup(&state->arena, name),
        .state = state,
    };
    for (int i = 0; i < options->count; i++)
        option_add(&state->catalog.options, &state->arena, options->keys[i], options->values[i], -1);
    take_table_options(state, options);
    state->system_keyspaces = option_bool(options, cassandra_catalog_options, "system-keyspaces");
    state->replication_factor = option_int(options, cassandra_catalog_options, "replication-factor");
    const char *database = option_find(options, "default-database");
    if (!database) database = option_find(options, "keyspace");
    if (database)
        database = arena_strdup(&state->arena, database);
    else
        status = first_database(state, &database, err);
    state->local = catalog_memory_create(name, database ? database : "default");
    if (status != STATUS_OK) {
        close_catalog(&state->catalog);
        return status;
    }
    state->catalog.default_database = database;
    *out = &state->catalog;
    return STATUS_OK;
}

void cassandra_catalog_take_session_tables(struct catalog *catalog, struct catalog *from) {
    struct catalog *local = catalog_of(catalog)->local;
    catalog_of(catalog)->local = catalog_of(from)->local;
    catalog_of(from)->local = local;
}
