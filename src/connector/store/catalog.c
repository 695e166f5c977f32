/* The catalog over a store: databases, tables, views; persistent when the store is. */
#include <stdlib.h>

#include "connector/store/store_private.h"

struct store_catalog {
    struct catalog catalog;
    struct arena arena;
    struct store *store;
};

static struct store_catalog *catalog_of(const struct catalog *catalog) { return catalog->state; }

static enum status list_databases(struct catalog *catalog, struct arena *arena, const char ***names, int *count,
                                  struct error *err) {
    return store_list_databases(catalog_of(catalog)->store, arena, names, count, err);
}

static enum status create_database(struct catalog *catalog, const char *name, const struct option_list *options,
                                   struct error *err) {
    (void)options;
    return store_create_database(catalog_of(catalog)->store, name, err);
}

static enum status drop_database(struct catalog *catalog, const char *name, bool cascade, struct error *err) {
    return store_drop_database(catalog_of(catalog)->store, name, cascade, err);
}

/* Rows of partitions that have static values alone come with NULL clustering columns. */
static void allow_null_clustering(const struct store_table *stored, struct table *table, struct arena *arena) {
    struct table_column *columns = arena_memdup(arena, table->columns, sizeof *columns * (size_t)table->column_count);
    for (int i = stored->partition_count; i < stored->key_count; i++) {
        struct table_column *column = &columns[stored->keys[i].column];
        column->type = type_with_nullable(arena, column->type, true);
    }
    table->columns = columns;
}

/* The definition as the engine sees it. */
static const struct table *present(struct catalog *catalog, const struct store_table *stored, struct arena *arena) {
    struct table *table = arena_memdup(arena, stored->definition, sizeof *table);
    if (stored->is_stored && stored->has_statics) allow_null_clustering(stored, table, arena);
    table->catalog = arena_strdup(arena, catalog->name);
    if (stored->is_stored) table->connector_data = catalog_of(catalog)->store;
    return table;
}

static enum status list_tables(struct catalog *catalog, const char *database, struct arena *arena,
                               const struct table ***tables, int *count, struct error *err) {
    const struct store_table **stored;
    int found;
    TRY(store_list_tables(catalog_of(catalog)->store, database, arena, &stored, &found, err));
    const struct table **out = ARENA_ARRAY(arena, const struct table *, found + 1);
    for (int i = 0; i < found; i++) out[i] = present(catalog, stored[i], arena);
    *tables = out;
    *count = found;
    return STATUS_OK;
}

static enum status find_table(struct catalog *catalog, const char *database, const char *name, struct arena *arena,
                              const struct table **table, struct error *err) {
    const struct store_table *stored;
    TRY(store_find_table(catalog_of(catalog)->store, database, name, arena, &stored, err));
    *table = stored ? present(catalog, stored, arena) : NULL;
    return STATUS_OK;
}

static enum status put_table(struct catalog *catalog, const struct table *table,
                             enum status (*put)(struct store *store, const struct table *table, struct error *err),
                             struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *copy = table_copy(&arena, table);
    enum status status = store_table_apply_options(copy, &arena, err);
    if (status == STATUS_OK) status = put(catalog_of(catalog)->store, copy, err);
    arena_destroy(&arena);
    return status;
}

static enum status create_table(struct catalog *catalog, const struct table *table, struct error *err) {
    return put_table(catalog, table, store_create_table, err);
}

static enum status alter_table(struct catalog *catalog, const struct table *table, struct error *err) {
    return put_table(catalog, table, store_alter_table, err);
}

static enum status rename_table(struct catalog *catalog, const char *database, const char *name, const char *new_name,
                                struct error *err) {
    return store_rename_table(catalog_of(catalog)->store, database, name, new_name, err);
}

static enum status drop_table(struct catalog *catalog, const char *database, const char *name, struct error *err) {
    return store_drop_table(catalog_of(catalog)->store, database, name, err);
}

static void close_catalog(struct catalog *catalog) {
    struct store_catalog *state = catalog_of(catalog);
    store_close(state->store);
    arena_destroy(&state->arena);
    free(state);
}

static const struct option_def catalog_options[] = {
    {.name = "type", .type = OPTION_STRING, .doc = "store"},
    {.name = "path",
     .type = OPTION_STRING,
     .doc = "directory that holds the store, made if missing; without it the store lives in memory and ends with the "
            "process"},
    {.name = "default-database", .type = OPTION_STRING, .default_value = "default", .doc = "database to start in"},
    {.name = "store.sync",
     .type = OPTION_ENUM,
     .choices = "commit|none",
     .default_value = "commit",
     .doc = "commit: every commit waits for the disk and survives the loss of power; none: it survives the end of the "
            "process only"},
    {.name = "store.max-size",
     .type = OPTION_SIZE,
     .default_value = "1 tb",
     .min = 1 << 20,
     .doc = "largest size of the store's file"},
    OPTION_END,
};

const struct catalog_class store_catalog_class = {
    .type = "store",
    .options = catalog_options,
    .doc = "the embedded store: tables and views kept in a directory, or in memory",
    .list_databases = list_databases,
    .create_database = create_database,
    .drop_database = drop_database,
    .list_tables = list_tables,
    .find_table = find_table,
    .create_table = create_table,
    .drop_table = drop_table,
    .alter_table = alter_table,
    .rename_table = rename_table,
    .keeps_statistics = true,
    .close = close_catalog,
};

enum status store_catalog_create(const char *name, const char *default_database, struct store *store,
                                 struct catalog **out, struct error *err) {
    bool exists;
    TRY(store_database_exists(store, default_database, &exists, err));
    if (!exists) {
        enum status status = store_create_database(store, default_database, err);
        if (status != STATUS_OK && status != STATUS_DUPLICATE_NAME) return status; /* another process was faster */
    }
    struct store_catalog *state = xcalloc(1, sizeof *state);
    arena_init(&state->arena, NULL);
    state->store = store_ref(store);
    state->catalog = (struct catalog){
        .class = &store_catalog_class,
        .name = arena_strdup(&state->arena, name),
        .default_database = arena_strdup(&state->arena, default_database),
        .state = state,
    };
    *out = &state->catalog;
    return STATUS_OK;
}

enum status store_catalog_open(const char *name, const struct option_list *options, struct catalog **out,
                               struct error *err) {
    struct store *store;
    const char *sync = option_string(options, catalog_options, "store.sync");
    struct store_options store_options = {
        .sync = str_equal_nocase(str_from(sync), str_from("none")) ? STORE_SYNC_NONE : STORE_SYNC_COMMIT,
        .max_bytes = option_int(options, catalog_options, "store.max-size"),
    };
    TRY(store_open(option_find(options, "path"), &store_options, &store, err));
    enum status status =
        store_catalog_create(name, option_string(options, catalog_options, "default-database"), store, out, err);
    store_close(store); /* the catalog has its own reference */
    if (status != STATUS_OK) return status;
    struct store_catalog *state = catalog_of(*out);
    for (int i = 0; i < options->count; i++)
        option_add(&state->catalog.options, &state->arena, options->keys[i], options->values[i], -1);
    return STATUS_OK;
}

struct store *store_catalog_store(const struct catalog *catalog) {
    return catalog_of(catalog)->store;
}

enum status store_catalog_truncate(struct catalog *catalog, const char *database, const char *name, struct error *err) {
    return store_truncate_table(catalog_of(catalog)->store, database, name, err);
}
