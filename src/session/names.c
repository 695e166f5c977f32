/* Names: catalogs, databases, tables; temporary objects hide permanent ones. */
#include "session/session_private.h"

const char *ast_name_text(const struct ast_name *name, struct arena *arena) {
    struct strbuf text = {0};
    for (int i = 0; i < name->count; i++) {
        if (i) strbuf_putc(&text, '.');
        strbuf_puts(&text, name->parts[i].text);
    }
    char *copy = arena_strndup(arena, text.data ? text.data : "", text.len);
    strbuf_free(&text);
    return copy;
}

struct catalog *session_find_catalog(struct session *session, const char *name) {
    for (int i = 0; i < session->catalog_count; i++)
        if (strcmp(session->catalogs[i]->name, name) == 0) return session->catalogs[i];
    return NULL;
}

static enum status no_catalog(struct session *session, const char *name, int32_t offset, int32_t length,
                              struct error *err) {
    error_set_at(err, STATUS_UNDEFINED_NAME, offset, length, "catalog \"%s\" does not exist", name);
    const char *names[SESSION_MAX_CATALOGS];
    for (int i = 0; i < session->catalog_count; i++) names[i] = session->catalogs[i]->name;
    const char *near = str_nearest(name, names, session->catalog_count);
    if (near) error_hint(err, "did you mean \"%s\"?", near);
    return STATUS_UNDEFINED_NAME;
}

enum status session_named_catalog(struct session *session, const struct ast_name *name, struct catalog **out,
                                  struct error *err) {
    if (name->count > 1)
        return error_set_at(err, STATUS_UNDEFINED_NAME, name->node.offset, name->node.length,
                            "a catalog's name has one part");
    *out = session_find_catalog(session, name->parts[0].text);
    return *out ? STATUS_OK : no_catalog(session, name->parts[0].text, name->node.offset, name->node.length, err);
}

static enum status resolve_parts(struct session *session, const char *const *parts, int count, int32_t offset,
                                 int32_t length, struct object_name *out, struct error *err) {
    struct object_name name = {.database = session->current_database};
    const char *catalog = session->current_catalog;
    if (count > 3)
        return error_set_at(err, STATUS_UNDEFINED_NAME, offset, length,
                            "a name has at most three parts: catalog.database.table");
    if (count == 3) catalog = parts[0];
    if (count >= 2) name.database = parts[count - 2];
    name.name = parts[count - 1];
    name.catalog = session_find_catalog(session, catalog);
    if (!name.catalog) return no_catalog(session, catalog, offset, length, err);
    *out = name;
    return STATUS_OK;
}

enum status session_resolve(struct session *session, const struct ast_name *name, struct object_name *out,
                            struct error *err) {
    const char *parts[4];
    for (int i = 0; i < name->count && i < 4; i++) parts[i] = name->parts[i].text;
    return resolve_parts(session, parts, name->count, name->node.offset, name->node.length, out, err);
}

enum status session_resolve_database(struct session *session, const struct ast_name *name, struct object_name *out,
                                     struct error *err) {
    const char *catalog = session->current_catalog, *database = session->current_database;
    if (name) {
        if (name->count > 2)
            return error_set_at(err, STATUS_UNDEFINED_NAME, name->node.offset, name->node.length,
                                "a database's name has at most two parts: catalog.database");
        if (name->count == 2) catalog = name->parts[0].text;
        database = name->parts[name->count - 1].text;
    }
    *out = (struct object_name){.catalog = session_find_catalog(session, catalog), .database = database};
    if (!out->catalog)
        return no_catalog(session, catalog, name ? name->node.offset : -1, name ? name->node.length : 0, err);
    return STATUS_OK;
}

/* Temporary objects live in one memory catalog under "catalog.database". */
const char *session_temporary_database(const struct object_name *name, struct arena *arena) {
    return arena_printf(arena, "%s.%s", name->catalog->name, name->database);
}

enum status session_find_table(struct session *session, const struct object_name *name, struct arena *arena,
                               const struct table **table, bool *is_temporary, struct error *err) {
    *table = NULL;
    if (is_temporary) *is_temporary = false;
    const struct table *found = NULL;
    struct error ignored;
    if (session->temporary->class->find_table(session->temporary, session_temporary_database(name, arena), name->name,
                                              arena, &found, &ignored) == STATUS_OK &&
        found) {
        struct table *copy = table_copy(arena, found);
        copy->catalog = name->catalog->name;
        copy->database = name->database;
        *table = copy;
        if (is_temporary) *is_temporary = true;
        return STATUS_OK;
    }
    TRY(name->catalog->class->find_table(name->catalog, name->database, name->name, arena, table, err));
    const struct kept_statistics *kept = *table && session->statistics ? session_kept_statistics(session, name) : NULL;
    if (kept && !name->catalog->class->keeps_statistics) {
        struct table *with = arena_memdup(arena, *table, sizeof *with);
        with->statistics = kept->statistics;
        *table = with;
    }
    return STATUS_OK;
}

struct kept_statistics *session_kept_statistics(struct session *session, const struct object_name *name) {
    struct kept_statistics *kept = session->statistics;
    while (kept && (strcmp(kept->catalog, name->catalog->name) != 0 || strcmp(kept->database, name->database) != 0 ||
                    strcmp(kept->name, name->name) != 0))
        kept = kept->next;
    return kept;
}

/* ---- What the binder asks ---- */

static void note_used(struct used_objects *used, const struct table *table) {
    for (int i = 0; i < used->count; i++)
        if (strcmp(used->tables[i]->name, table->name) == 0 &&
            strcmp(used->tables[i]->database, table->database) == 0 &&
            strcmp(used->tables[i]->catalog, table->catalog) == 0)
            return;
    if (used->count == used->capacity) {
        int capacity = used->capacity ? used->capacity * 2 : 16;
        const struct table **tables = ARENA_ARRAY(used->arena, const struct table *, capacity);
        if (used->count) memcpy(tables, used->tables, sizeof(struct table *) * (size_t)used->count);
        used->tables = tables;
        used->capacity = capacity;
    }
    used->tables[used->count++] = table;
}

/* The table, read from START_MODE's instant on where its connector can. */
static const struct table *started_at(const struct table *table, int64_t start_ms, struct arena *arena) {
    struct option_list options = {0};
    if (!session_starts_elsewhere(table)) return table;
    for (int i = 0; i < table->options.count; i++)
        if (strncmp(table->options.keys[i], "scan.startup.", strlen("scan.startup.")) != 0)
            option_add(&options, arena, table->options.keys[i], table->options.values[i], table->options.offsets[i]);
    option_add(&options, arena, "scan.startup.mode", start_ms < 0 ? "earliest-offset" : "timestamp", -1);
    if (start_ms >= 0)
        option_add(&options, arena, "scan.startup.timestamp-millis", arena_printf(arena, "%lld", (long long)start_ms),
                   -1);
    struct table *copy = arena_memdup(arena, table, sizeof *copy);
    copy->options = options;
    return copy;
}

static enum status find_for_binder(void *data, const char *const *parts, int part_count, struct arena *arena,
                                   const struct table **table, const char **tried, struct error *err) {
    struct session *session = data;
    struct object_name name;
    TRY(resolve_parts(session, parts, part_count, -1, 0, &name, err));
    if (tried) *tried = arena_printf(arena, "%s.%s", name.catalog->name, name.database);
    TRY(session_find_table(session, &name, arena, table, NULL, err));
    if (*table && session->used) note_used(session->used, *table);
    if (*table && session->start.given) *table = started_at(*table, session->start.ms, arena);
    return STATUS_OK;
}

const char *session_suggest_table(struct session *session, const char *wanted, struct arena *arena) {
    struct catalog *catalog = session_find_catalog(session, session->current_catalog);
    const struct table **tables;
    int count;
    struct error ignored;
    if (!catalog ||
        catalog->class->list_tables(catalog, session->current_database, arena, &tables, &count, &ignored) != STATUS_OK)
        return NULL;
    const char **names = ARENA_ARRAY(arena, const char *, count + 1);
    for (int i = 0; i < count; i++) names[i] = tables[i]->name;
    return str_nearest(wanted, names, count);
}

enum status session_no_table(struct session *session, const char *kind, const struct ast_name *name,
                             struct arena *arena, struct error *err) {
    error_set_at(err, STATUS_UNDEFINED_TABLE, name->node.offset, name->node.length, "%s \"%s\" does not exist", kind,
                 ast_name_text(name, arena));
    const char *near = session_suggest_table(session, name->parts[name->count - 1].text, arena);
    if (near) error_hint(err, "did you mean \"%s\"?", near);
    return STATUS_UNDEFINED_TABLE;
}

static const char *suggest_for_binder(void *data, const char *name, struct arena *arena) {
    return session_suggest_table(data, name, arena);
}

void session_bind_env(struct session *session, struct arena *query_arena, bool streaming, struct bind_env *out) {
    *out = (struct bind_env){.query_arena = query_arena,
                             .find_table = find_for_binder,
                             .suggest_table = suggest_for_binder,
                             .data = session,
                             .zone = session->zone,
                             .streaming = streaming};
    out->trims_lengths =
        str_compare_nocase(session_get(session, "table.exec.sink.type-length-enforcer"), "TRIM_PAD") == 0;
    const char *capacity = session_get(session, "table.exec.async-lookup.buffer-capacity");
    out->lookup_capacity = capacity && *capacity ? arena_strdup(query_arena, capacity) : NULL;
}

/* ---- For commands ---- */

enum status session_table(struct session *session, const char *const *parts, int count, struct arena *arena,
                          const struct table **out, struct error *err) {
    struct object_name name;
    TRY(resolve_parts(session, parts, count, -1, 0, &name, err));
    TRY(session_find_table(session, &name, arena, out, NULL, err));
    if (*out) return STATUS_OK;
    error_set(err, STATUS_UNDEFINED_NAME, "there is no table \"%s\" in %s.%s", name.name, name.catalog->name,
              name.database);
    const struct table **tables;
    struct error ignored;
    int table_count;
    if (name.catalog->class->list_tables(name.catalog, name.database, arena, &tables, &table_count, &ignored) ==
        STATUS_OK) {
        const char **names = ARENA_ARRAY(arena, const char *, table_count + 1);
        for (int i = 0; i < table_count; i++) names[i] = tables[i]->name;
        const char *near = str_nearest(name.name, names, table_count);
        if (near) error_hint(err, "did you mean \"%s\"?", near);
    }
    return STATUS_UNDEFINED_NAME;
}

bool session_connector_options(struct session *session, const struct table *table, struct arena *arena,
                               struct option_list *out) {
    struct catalog *catalog = session_find_catalog(session, table->catalog);
    *out = (struct option_list){0};
    if (!catalog || !table->connector_data || !catalog->class->connector_options) return false;
    catalog->class->connector_options(catalog, table, arena, out);
    return true;
}

enum status session_declare(struct session *session, const struct table *table, struct error *err) {
    struct arena arena;
    struct object_name name = {.catalog = session_find_catalog(session, session->current_catalog),
                               .database = session->current_database,
                               .name = table->name};
    struct table copy = *table;
    struct error ignored;
    arena_init(&arena, NULL);
    copy.catalog = "temporary";
    copy.database = session_temporary_database(&name, &arena);
    copy.connector = option_find(&table->options, "connector");
    copy.connector_data = NULL;
    const struct catalog_class *class = session->temporary->class;
    enum status made = class->create_database(session->temporary, copy.database, NULL, &ignored);
    (void)made; /* it may be there */
    enum status status = class->create_table(session->temporary, &copy, err);
    arena_destroy(&arena);
    return status;
}
