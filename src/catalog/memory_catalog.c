/* The generic in-memory catalog: databases and tables of one session, kept until the process ends.
 *
 * Every table lives in an arena of its own, so that a drop or replacement frees it; both lists are sorted arrays. */
#include "catalog/catalog.h"

#include <stdlib.h>

struct memory_table {
    struct table *table;
    struct arena arena;
};

struct memory_database {
    char *name;
    struct memory_table **tables; /* sorted by name */
    size_t table_count, table_capacity;
};

struct memory_catalog {
    struct catalog catalog;             /* first: close frees it all */
    struct memory_database **databases; /* sorted by name */
    size_t database_count, database_capacity;
    struct arena arena; /* the catalog's own names */
};

static struct memory_catalog *memory_of(struct catalog *catalog) { return catalog->state; }

/* The position of name, or where it would stand. */
static size_t search_database(const struct memory_catalog *memory, const char *name, bool *found) {
    size_t low = 0, high = memory->database_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(memory->databases[middle]->name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

static size_t search_table(const struct memory_database *database, const char *name, bool *found) {
    size_t low = 0, high = database->table_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(database->tables[middle]->table->name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

static enum status find_database(struct catalog *catalog, const char *name, struct memory_database **out,
                                 struct error *err) {
    struct memory_catalog *memory = memory_of(catalog);
    bool found;
    size_t at = search_database(memory, name, &found);
    if (found) {
        *out = memory->databases[at];
        return STATUS_OK;
    }
    error_set(err, STATUS_UNDEFINED_NAME, "catalog '%s' has no database '%s'", catalog->name, name);
    const char **names = xcalloc(memory->database_count + 1, sizeof *names);
    for (size_t i = 0; i < memory->database_count; i++) names[i] = memory->databases[i]->name;
    const char *nearest = str_nearest(name, names, (int)memory->database_count);
    if (nearest) error_hint(err, "did you mean '%s'?", nearest);
    free(names);
    return STATUS_UNDEFINED_NAME;
}

static enum status list_databases(struct catalog *catalog, struct arena *arena, const char ***names, int *count,
                                  struct error *err) {
    (void)err;
    struct memory_catalog *memory = memory_of(catalog);
    const char **out = ARENA_ARRAY(arena, const char *, memory->database_count + 1);
    for (size_t i = 0; i < memory->database_count; i++) out[i] = arena_strdup(arena, memory->databases[i]->name);
    *names = out;
    *count = (int)memory->database_count;
    return STATUS_OK;
}

static enum status create_database(struct catalog *catalog, const char *name, const struct option_list *options,
                                   struct error *err) {
    (void)options;
    struct memory_catalog *memory = memory_of(catalog);
    bool found;
    size_t at = search_database(memory, name, &found);
    if (found)
        return error_set(err, STATUS_DUPLICATE_NAME, "database '%s' exists in catalog '%s'", name, catalog->name);
    struct memory_database *database = xcalloc(1, sizeof *database);
    database->name = xstrdup(name);
    ARRAY_RESERVE(memory->databases, memory->database_capacity, memory->database_count + 1);
    memmove(memory->databases + at + 1, memory->databases + at,
            (memory->database_count - at) * sizeof *memory->databases);
    memory->databases[at] = database;
    memory->database_count++;
    return STATUS_OK;
}

static void free_table(struct memory_table *entry) {
    arena_destroy(&entry->arena);
    free(entry);
}

static void free_database(struct memory_database *database) {
    for (size_t i = 0; i < database->table_count; i++) free_table(database->tables[i]);
    free(database->tables);
    free(database->name);
    free(database);
}

static enum status drop_database(struct catalog *catalog, const char *name, bool cascade, struct error *err) {
    struct memory_catalog *memory = memory_of(catalog);
    struct memory_database *database;
    TRY(find_database(catalog, name, &database, err));
    if (database->table_count && !cascade) {
        error_set(err, STATUS_INVALID_ARGUMENT, "database '%s' is not empty: it has %zu tables and views", name,
                  database->table_count);
        error_hint(err, "DROP DATABASE … CASCADE drops them too");
        return STATUS_INVALID_ARGUMENT;
    }
    bool found;
    size_t at = search_database(memory, name, &found);
    memmove(memory->databases + at, memory->databases + at + 1,
            (memory->database_count - at - 1) * sizeof *memory->databases);
    memory->database_count--;
    free_database(database);
    return STATUS_OK;
}

static enum status list_tables(struct catalog *catalog, const char *database_name, struct arena *arena,
                               const struct table ***tables, int *count, struct error *err) {
    struct memory_database *database;
    TRY(find_database(catalog, database_name, &database, err));
    const struct table **out = ARENA_ARRAY(arena, const struct table *, database->table_count + 1);
    for (size_t i = 0; i < database->table_count; i++) out[i] = table_copy(arena, database->tables[i]->table);
    *tables = out;
    *count = (int)database->table_count;
    return STATUS_OK;
}

static enum status find_table(struct catalog *catalog, const char *database_name, const char *name, struct arena *arena,
                              const struct table **table, struct error *err) {
    (void)err;
    struct memory_catalog *memory = memory_of(catalog);
    bool found;
    size_t at = search_database(memory, database_name, &found);
    if (found) {
        const struct memory_database *database = memory->databases[at];
        at = search_table(database, name, &found);
        if (found) {
            *table = table_copy(arena, database->tables[at]->table);
            return STATUS_OK;
        }
    }
    *table = NULL;
    return STATUS_OK;
}

static struct memory_table *make_entry(struct catalog *catalog, const struct table *table) {
    struct memory_table *entry = xcalloc(1, sizeof *entry);
    arena_init(&entry->arena, NULL);
    entry->table = table_copy(&entry->arena, table);
    entry->table->catalog = arena_strdup(&entry->arena, catalog->name);
    return entry;
}

static enum status create_table(struct catalog *catalog, const struct table *table, struct error *err) {
    struct memory_database *database;
    TRY(find_database(catalog, table->database, &database, err));
    bool found;
    size_t at = search_table(database, table->name, &found);
    if (found)
        return error_set(err, STATUS_DUPLICATE_NAME, "%s '%s' exists in database '%s'",
                         database->tables[at]->table->kind == TABLE_VIEW ? "view" : "table", table->name,
                         table->database);
    ARRAY_RESERVE(database->tables, database->table_capacity, database->table_count + 1);
    memmove(database->tables + at + 1, database->tables + at, (database->table_count - at) * sizeof *database->tables);
    database->tables[at] = make_entry(catalog, table);
    database->table_count++;
    return STATUS_OK;
}

static enum status no_table(const struct memory_database *database, const char *name, struct error *err) {
    error_set(err, STATUS_UNDEFINED_TABLE, "database '%s' has no table or view '%s'", database->name, name);
    const char **names = xcalloc(database->table_count + 1, sizeof *names);
    for (size_t i = 0; i < database->table_count; i++) names[i] = database->tables[i]->table->name;
    const char *nearest = str_nearest(name, names, (int)database->table_count);
    if (nearest) error_hint(err, "did you mean '%s'?", nearest);
    free(names);
    return STATUS_UNDEFINED_TABLE;
}

static enum status drop_table(struct catalog *catalog, const char *database_name, const char *name, struct error *err) {
    struct memory_database *database;
    TRY(find_database(catalog, database_name, &database, err));
    bool found;
    size_t at = search_table(database, name, &found);
    if (!found) return no_table(database, name, err);
    free_table(database->tables[at]);
    memmove(database->tables + at, database->tables + at + 1,
            (database->table_count - at - 1) * sizeof *database->tables);
    database->table_count--;
    return STATUS_OK;
}

static enum status alter_table(struct catalog *catalog, const struct table *table, struct error *err) {
    struct memory_database *database;
    TRY(find_database(catalog, table->database, &database, err));
    bool found;
    size_t at = search_table(database, table->name, &found);
    if (!found) return no_table(database, table->name, err);
    struct memory_table *entry = make_entry(catalog, table); /* before the old one goes: table may point into it */
    free_table(database->tables[at]);
    database->tables[at] = entry;
    return STATUS_OK;
}

static enum status rename_table(struct catalog *catalog, const char *database_name, const char *name,
                                const char *new_name, struct error *err) {
    struct memory_database *database;
    TRY(find_database(catalog, database_name, &database, err));
    bool found;
    size_t at = search_table(database, name, &found);
    if (!found) return no_table(database, name, err);
    struct table copy = *database->tables[at]->table;
    copy.name = new_name;
    TRY(create_table(catalog, &copy, err));
    return drop_table(catalog, database_name, name, err);
}

static void close_catalog(struct catalog *catalog) {
    struct memory_catalog *memory = memory_of(catalog);
    for (size_t i = 0; i < memory->database_count; i++) free_database(memory->databases[i]);
    free(memory->databases);
    arena_destroy(&memory->arena);
    free(memory);
}

static const struct option_def memory_options[] = {
    {.name = "type", .type = OPTION_STRING, .doc = "generic_in_memory"},
    {.name = "default-database", .type = OPTION_STRING, .default_value = "default", .doc = "database to start in"},
    OPTION_END,
};

const struct catalog_class catalog_memory_class = {
    .type = "generic_in_memory",
    .options = memory_options,
    .doc = "tables and views of this session, kept in memory",
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

struct catalog *catalog_memory_create(const char *name, const char *default_database) {
    struct memory_catalog *memory = xcalloc(1, sizeof *memory);
    arena_init(&memory->arena, NULL);
    memory->catalog = (struct catalog){
        .class = &catalog_memory_class,
        .name = arena_strdup(&memory->arena, name),
        .default_database = arena_strdup(&memory->arena, default_database),
        .state = memory,
    };
    create_database(&memory->catalog, default_database, NULL, NULL);
    return &memory->catalog;
}
