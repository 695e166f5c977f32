/* CREATE, DROP, USE, TRUNCATE. */
#include <stdlib.h>

#include "connector/cassandra/cassandra.h"
#include "connector/store/store_connector.h"
#include "format/format.h"
#include "parse/unparse.h"
#include "session/session_private.h"

static struct option_list options_of(struct arena *arena, const struct ast_list *list) {
    struct option_list options = {0};
    for (int i = 0; i < list->count; i++) {
        const struct ast_option *option = AST_AT(*list, i, ast_option);
        option_add(&options, arena, arena_strndup(arena, option->key.data, option->key.len),
                   arena_strndup(arena, option->value.data, option->value.len), option->value_offset);
    }
    return options;
}

enum status session_place_error(enum status status, const struct ast_node *node, struct error *err) {
    if (status != STATUS_OK && err && err->offset < 0 && node) {
        err->offset = node->offset;
        err->length = node->length;
    }
    return status;
}

static const char *temporary_database(struct statement_ctx *ctx, const struct object_name *name) {
    return arena_printf(ctx->arena, "%s.%s", name->catalog->name, name->database);
}

static enum status database_exists(struct statement_ctx *ctx, struct catalog *catalog, const char *database,
                                   bool *exists, struct error *err) {
    const char **names;
    int count;
    TRY(catalog->class->list_databases(catalog, ctx->arena, &names, &count, err));
    *exists = false;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], database) == 0) *exists = true;
    return STATUS_OK;
}

static enum status no_database(struct statement_ctx *ctx, const struct object_name *name, struct error *err) {
    const char **names;
    int count;
    error_set(err, STATUS_UNDEFINED_NAME, "database \"%s\" does not exist in catalog \"%s\"", name->database,
              name->catalog->name);
    struct error ignored;
    if (name->catalog->class->list_databases(name->catalog, ctx->arena, &names, &count, &ignored) == STATUS_OK) {
        const char *near = str_nearest(name->database, names, count);
        if (near) error_hint(err, "did you mean \"%s\"?", near);
    }
    return STATUS_UNDEFINED_NAME;
}

enum status session_check_database(struct statement_ctx *ctx, const struct object_name *name,
                                   const struct ast_node *node, struct error *err) {
    bool exists;
    TRY(database_exists(ctx, name->catalog, name->database, &exists, err));
    return exists ? STATUS_OK : session_place_error(no_database(ctx, name, err), node, err);
}

/* ---- Tables and views ---- */

/* CREATE TABLE t WITH (…) without anything in parentheses before: the connector may know the columns. */
static bool leaves_columns_open(const struct ast_create_table *create) {
    const struct ast_table_spec *spec = &create->spec;
    return !create->query && !create->like &&
           spec->columns.count + spec->constraints.count + spec->watermarks.count == 0 &&
           spec->partitioned_by.count == 0 && !spec->distribution && spec->options.count > 0;
}

static enum status infer_columns(struct statement_ctx *ctx, const struct connector *connector, struct table *table,
                                 struct error *err) {
    if (!connector->infer_columns)
        return error_set(err, STATUS_INVALID_QUERY, "table '%s' has no columns", table->name);
    struct schema schema;
    TRY(connector->infer_columns(table, ctx->arena, &schema, err));
    struct table_column *columns = ARENA_ARRAY(ctx->arena, struct table_column, schema.column_count + 1);
    for (int i = 0; i < schema.column_count; i++)
        columns[i] = (struct table_column){.name = schema.names[i], .type = schema.types[i]};
    table->columns = columns;
    table->column_count = schema.column_count;
    return STATUS_OK;
}

/* Places a failure at the value of an option. */
static enum status place_at_option(const struct option_list *options, const char *key, enum status status,
                                   struct error *err) {
    for (int i = 0; i < options->count && options->offsets && err; i++)
        if (strcmp(options->keys[i], key) == 0) err->offset = options->offsets[i];
    return status;
}

enum status session_check_table(struct statement_ctx *ctx, const struct catalog *catalog, struct table *table,
                                struct error *err) {
    const char *name = option_find(&table->options, "connector");
    if (!name) {
        if (table->column_count == 0)
            return error_set(err, STATUS_INVALID_QUERY, "table '%s' has no columns", table->name);
        table->connector = NULL; /* the catalog's own; of Cassandra's it checks the options itself */
        const struct option_def *own[] = {connector_find("store")->options, NULL};
        return catalog->class == &store_catalog_class ? options_check(&table->options, own, "a table of the store", err)
                                                      : STATUS_OK;
    }
    const struct connector *connector = connector_find(name);
    if (!connector) {
        error_set(err, STATUS_INVALID_OPTION, "there is no connector '%s'", name);
        const char *names[64];
        int count = 0;
        struct strbuf list = {0};
        for (const struct connector *c; count < 64 && (c = connector_at(count)); count++) {
            names[count] = c->name;
            strbuf_printf(&list, "%s%s", count ? ", " : "", c->name);
        }
        const char *near = str_nearest(name, names, count);
        error_detail(err, "connectors: %s", list.data ? list.data : "");
        if (near) error_hint(err, "did you mean '%s'?", near);
        strbuf_free(&list);
        return place_at_option(&table->options, "connector", STATUS_INVALID_OPTION, err);
    }
    table->connector = connector->name;
    static const struct option_def common[] = {
        {.name = "connector", .type = OPTION_STRING, .required = true, .doc = "kind of the table's system"},
        OPTION_END};
    const struct option_def *tables[4] = {common};
    int table_count = 1;
    if (connector->options) tables[table_count++] = connector->options;
    if (connector->has_format && option_find(&table->options, "format")) {
        const struct format *format;
        enum status status = format_lookup(&table->options, "format", &format, err);
        if (status != STATUS_OK) return place_at_option(&table->options, "format", status, err);
        tables[table_count++] = format->options;
    }
    TRY(options_check(&table->options, tables, arena_printf(ctx->arena, "connector '%s'", connector->name), err));
    if (table->column_count == 0) TRY(infer_columns(ctx, connector, table, err));
    if (connector->check_table) TRY(connector->check_table(table, err));
    return STATUS_OK;
}

static enum status put_table(struct statement_ctx *ctx, const struct object_name *name, const struct table *table,
                             bool temporary, bool if_not_exists, bool or_replace, struct error *err) {
    struct session *session = ctx->session;
    const struct table *existing;
    bool is_temporary;
    TRY(session_find_table(session, name, ctx->arena, &existing, &is_temporary, err));
    if (existing && is_temporary == temporary) {
        if (if_not_exists) return STATUS_OK;
        if (existing->materialized) or_replace = false;
        if (!or_replace)
            return error_set(err, STATUS_DUPLICATE_NAME, "%s \"%s\" exists already",
                             existing->kind == TABLE_VIEW ? "view" : "table", name->name);
        if (temporary)
            TRY(session->temporary->class->drop_table(session->temporary, temporary_database(ctx, name), name->name,
                                                      err));
        else
            TRY(name->catalog->class->drop_table(name->catalog, name->database, name->name, err));
    }
    bool exists;
    TRY(database_exists(ctx, name->catalog, name->database, &exists, err));
    if (!exists) return no_database(ctx, name, err);
    if (!temporary) return name->catalog->class->create_table(name->catalog, table, err);
    struct table copy = *table;
    copy.catalog = "temporary";
    copy.database = temporary_database(ctx, name);
    struct error ignored;
    error_clear(&ignored);
    /* made on first use */
    enum status made = session->temporary->class->create_database(session->temporary, copy.database, NULL, &ignored);
    if (made != STATUS_OK && made != STATUS_DUPLICATE_NAME) {
        if (err) *err = ignored;
        return made;
    }
    return session->temporary->class->create_table(session->temporary, &copy, err);
}

/* LIKE of a table that a catalog keeps: outside of the catalog it is a table of the catalog's connector, which needs options;
 * those that say how the catalog makes a table mean nothing to another catalog. */
static enum status take_like_options(struct statement_ctx *ctx, const struct ast_create_table *create,
                                     const struct object_name *name, struct table *table, struct error *err) {
    struct object_name base_name;
    const struct table *base;
    bool base_is_temporary;
    TRY(session_resolve(ctx->session, create->like->name, &base_name, err));
    TRY(session_find_table(ctx->session, &base_name, ctx->arena, &base, &base_is_temporary, err));
    bool kept_by_catalog =
        base && !base_is_temporary && base->connector_data && base_name.catalog->class->connector_options;
    if (!kept_by_catalog || (!create->temporary && name->catalog->class == base_name.catalog->class)) return STATUS_OK;
    for (int i = 0; i < create->like->options.count; i++) {
        const struct ast_like_option *option = AST_AT(create->like->options, i, ast_like_option);
        if (option->feature == AST_LIKE_OPTIONS && option->strategy == AST_EXCLUDING) return STATUS_OK;
    }
    struct option_list given = {0};
    for (int i = 0; i < table->options.count; i++) /* those of the base have no place in the script */
        if (table->options.offsets[i] >= 0)
            option_add(&given, ctx->arena, table->options.keys[i], table->options.values[i], table->options.offsets[i]);
    table->options = given;
    bool elsewhere =
        option_find(&given, "connector") || (!create->temporary && name->catalog->class != &catalog_memory_class);
    if (elsewhere) return STATUS_OK;
    struct option_list options = {0};
    base_name.catalog->class->connector_options(base_name.catalog, base, ctx->arena, &options);
    for (int i = 0; i < options.count; i++)
        if (!option_find(&given, options.keys[i]))
            option_add(&table->options, ctx->arena, options.keys[i], options.values[i], -1);
    return STATUS_OK;
}

enum status session_make_insert(struct statement_ctx *ctx, struct arena *arena, struct ast_name *name,
                                struct ast_query *query, const struct ast_node *node, bool streaming,
                                struct used_objects *used, struct ast_insert **out, struct error *err) {
    struct bind_env env;
    struct bound_query bound;
    session_bind_env(ctx->session, ctx->arena, streaming, &env);
    *used = (struct used_objects){.arena = ctx->arena};
    ctx->session->used = used;
    enum status status = bind_query(&env, query, &bound, err);
    ctx->session->used = NULL;
    if (status != STATUS_OK) return status;
    const struct schema *schema = &bound.rel->schema;
    struct ast_insert *insert = ARENA_NEW(arena, struct ast_insert);
    insert->node = (struct ast_node){.kind = AST_INSERT, .offset = node->offset, .length = node->length};
    insert->table = name;
    insert->query = query;
    insert->columns.items = ARENA_ARRAY(arena, struct ast_node *, schema->column_count + 1);
    insert->columns.count = schema->column_count;
    const struct ast_node *place = &query->node;
    for (int i = 0; i < schema->column_count; i++) {
        struct ast_name *column = ARENA_NEW(arena, struct ast_name);
        column->node = (struct ast_node){.kind = AST_NAME, .offset = place->offset, .length = place->length};
        column->parts = ARENA_NEW(arena, struct ast_ident);
        column->parts[0] = (struct ast_ident){.node = column->node, .text = arena_strdup(arena, schema->names[i])};
        column->parts[0].node.kind = AST_IDENT;
        column->count = 1;
        insert->columns.items[i] = &column->node;
    }
    *out = insert;
    return STATUS_OK;
}

/* A table that is replaced is gone before the query runs. */
static enum status check_not_read(const struct ast_create_table *create, const struct object_name *name,
                                  const struct used_objects *used, struct error *err) {
    for (int i = 0; i < used->count; i++) {
        const struct table *table = used->tables[i];
        if (strcmp(table->name, name->name) != 0 || strcmp(table->database, name->database) != 0 ||
            strcmp(table->catalog, name->catalog->name) != 0)
            continue;
        error_set_at(err, STATUS_NOT_SUPPORTED, create->name->node.offset, create->name->node.length,
                     "the query reads table \"%s\", which it would replace: the old table is dropped first",
                     name->name);
        error_hint(err, "INSERT OVERWRITE %s SELECT …, or CREATE TABLE under another name and RENAME TO", name->name);
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

static enum status create_table(struct statement_ctx *ctx, const struct ast_create_table *create, struct error *err) {
    struct object_name name;
    TRY(session_resolve(ctx->session, create->name, &name, err));
    struct bind_env env;
    struct table *table = ARENA_NEW(ctx->arena, struct table);
    struct ast_insert *insert = NULL;
    bool replaces = create->or_replace || create->replace, streaming = true;
    if (create->query) {
        struct bound_query bound;
        struct used_objects used;
        TRY(session_bind_query(ctx, create->query, &bound, &streaming, err));
        TRY(session_make_insert(ctx, ctx->arena, create->name, create->query, &create->node, streaming, &used, &insert,
                                err));
        if (replaces) TRY(check_not_read(create, &name, &used, err));
    }
    session_bind_env(ctx->session, ctx->arena, streaming, &env);
    if (leaves_columns_open(create)) {
        *table = (struct table){.watermark_column = -1, .options = options_of(ctx->arena, &create->spec.options)};
    } else {
        TRY(bind_create_table(&env, create, table, err));
        if (create->like) TRY(take_like_options(ctx, create, &name, table, err));
    }
    table->catalog = name.catalog->name;
    table->database = name.database;
    table->name = name.name;
    TRY(session_place_error(session_check_table(ctx, name.catalog, table, err), &create->name->node, err));
    const struct table *existing;
    TRY(session_find_table(ctx->session, &name, ctx->arena, &existing, NULL, err));
    TRY(session_place_error(put_table(ctx, &name, table, create->temporary, create->if_not_exists, replaces, err),
                            &create->name->node, err));
    const struct ast_insert *single = insert;
    if (insert && !(existing && create->if_not_exists)) return session_insert(ctx, &single, 1, err);
    session_message(ctx, "OK");
    return STATUS_OK;
}

/* The view's columns and text. names: its own, may be empty. */
static enum status define_view(struct statement_ctx *ctx, const struct object_name *name, const struct ast_query *query,
                               const struct ast_list *names, const struct ast_node *node, struct table *out,
                               struct error *err) {
    struct bound_query bound;
    bool streaming;
    TRY(session_bind_query(ctx, query, &bound, &streaming, err));
    const struct schema *schema = &bound.rel->schema;
    if (names->count && names->count != schema->column_count)
        return error_set_at(err, STATUS_INVALID_QUERY, node->offset, node->length,
                            "the view names %d columns, its query has %d", names->count, schema->column_count);
    struct table_column *columns = ARENA_ARRAY(ctx->arena, struct table_column, schema->column_count + 1);
    for (int i = 0; i < schema->column_count; i++) {
        columns[i] = (struct table_column){.name = schema->names[i], .type = schema->types[i]};
        if (!names->count) continue;
        const struct ast_name *own = AST_AT(*names, i, ast_column_def)->name;
        columns[i].name = own->parts[0].text;
        for (int k = 0; k < i; k++)
            if (strcmp(columns[k].name, columns[i].name) == 0)
                return error_set_at(err, STATUS_DUPLICATE_NAME, own->node.offset, own->node.length,
                                    "column '%s' is declared twice", columns[i].name);
    }
    struct strbuf text = {0};
    unparse_query(query, &text);
    *out = (struct table){.kind = TABLE_VIEW,
                          .catalog = name->catalog->name,
                          .database = name->database,
                          .name = name->name,
                          .column_count = schema->column_count,
                          .columns = columns,
                          .watermark_column = -1,
                          .view_query = arena_strndup(ctx->arena, text.data, text.len)};
    strbuf_free(&text);
    return STATUS_OK;
}

static enum status create_view(struct statement_ctx *ctx, const struct ast_create_view *create, struct error *err) {
    struct object_name name;
    struct table table;
    TRY(session_resolve(ctx->session, create->name, &name, err));
    TRY(define_view(ctx, &name, create->query, &create->columns, &create->node, &table, err));
    if (create->comment.data) table.comment = arena_strndup(ctx->arena, create->comment.data, create->comment.len);
    enum status status =
        put_table(ctx, &name, &table, create->temporary, create->if_not_exists, create->or_replace, err);
    if (status == STATUS_NOT_SUPPORTED && !create->temporary) /* a catalog without views keeps them for the session */
        status = put_table(ctx, &name, &table, true, create->if_not_exists, create->or_replace, err);
    TRY(session_place_error(status, &create->name->node, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

enum status session_replace_view(struct statement_ctx *ctx, const struct ast_alter *alter,
                                 const struct object_name *name, const struct table *old, bool is_temporary,
                                 struct error *err) {
    static const struct ast_list no_names = {0};
    struct table table;
    TRY(define_view(ctx, name, alter->query, &no_names, &alter->node, &table, err));
    table.comment = old->comment;
    return session_place_error(put_table(ctx, name, &table, is_temporary, false, true, err), &alter->name->node, err);
}

static enum status drop_table(struct statement_ctx *ctx, const struct ast_drop *drop, struct error *err) {
    struct session *session = ctx->session;
    struct object_name name;
    TRY(session_resolve(session, drop->name, &name, err));
    const struct table *table;
    bool is_temporary;
    TRY(session_place_error(session_find_table(session, &name, ctx->arena, &table, &is_temporary, err),
                            &drop->name->node, err));
    bool is_view = drop->object == AST_OBJECT_VIEW;
    TRY(session_refuse_materialized(table, "DROP MATERIALIZED TABLE", &drop->name->node, err));
    if (!table || (drop->temporary && !is_temporary)) {
        if (drop->if_exists) {
            session_message(ctx, "OK");
            return STATUS_OK;
        }
        return session_no_table(session, is_view ? "view" : "table", drop->name, ctx->arena, err);
    }
    if ((table->kind == TABLE_VIEW) != is_view) {
        error_set_at(err, STATUS_INVALID_ARGUMENT, drop->name->node.offset, drop->name->node.length, "\"%s\" is a %s",
                     name.name, is_view ? "table" : "view");
        error_hint(err, "DROP %s %s", is_view ? "TABLE" : "VIEW", name.name);
        return STATUS_INVALID_ARGUMENT;
    }
    if (is_temporary)
        TRY(session->temporary->class->drop_table(session->temporary, temporary_database(ctx, &name), name.name, err));
    else
        TRY(session_place_error(name.catalog->class->drop_table(name.catalog, name.database, name.name, err),
                                &drop->name->node, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

static enum status truncate_table(struct statement_ctx *ctx, const struct ast_truncate *truncate, struct error *err) {
    struct object_name name;
    TRY(session_resolve(ctx->session, truncate->table, &name, err));
    const struct table *table;
    TRY(session_find_table(ctx->session, &name, ctx->arena, &table, NULL, err));
    if (!table) return session_no_table(ctx->session, "table", truncate->table, ctx->arena, err);
    TRY(session_refuse_materialized(table, "its query alone says what is in it: DROP MATERIALIZED TABLE",
                                    &truncate->table->node, err));
    const struct connector *connector = table->connector ? connector_find(table->connector) : NULL;
    bool is_stored = name.catalog->class == &store_catalog_class && table->kind != TABLE_VIEW &&
                     (!table->connector || strcmp(table->connector, "store") == 0);
    if (!is_stored && (table->kind == TABLE_VIEW || !connector || !connector->sink || !connector->sink->truncate))
        return error_set_at(err, STATUS_NOT_SUPPORTED, truncate->node.offset, truncate->node.length,
                            "TRUNCATE works for tables of the embedded store and of Cassandra only");
    if (is_stored)
        TRY(store_catalog_truncate(name.catalog, name.database, name.name, err));
    else
        TRY(session_place_error(connector->sink->truncate(table, err), &truncate->table->node, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

/* ---- Catalogs and databases ---- */

/* name and options live as long as the session. */
enum status session_open_catalog(struct statement_ctx *ctx, const char *name, const struct option_list *options,
                                 struct catalog **out, struct error *err) {
    static const struct catalog_class *const classes[] = {&cassandra_catalog_class, &store_catalog_class,
                                                          &catalog_memory_class};
    const char *type = option_find(options, "type");
    const struct catalog_class *class = NULL;
    const char *types[8];
    for (int i = 0; i < 3; i++) {
        types[i] = classes[i]->type;
        if (type && strcmp(classes[i]->type, type) == 0) class = classes[i];
    }
    if (!class) {
        error_set(err, STATUS_INVALID_OPTION,
                  type ? "there is no catalog type '%s'" : "CREATE CATALOG needs the option 'type'", type ? type : "");
        error_detail(err, "types: cassandra, store, generic_in_memory");
        const char *near = type ? str_nearest(type, types, 3) : NULL;
        if (near) error_hint(err, "did you mean '%s'?", near);
        return STATUS_INVALID_OPTION;
    }
    static const struct option_def type_option[] = {
        {.name = "type", .type = OPTION_STRING, .required = true, .doc = "kind of catalog"},
        {.name = "default-database", .type = OPTION_STRING, .doc = "database to use first"},
        OPTION_END};
    const struct option_def *tables[] = {type_option, class->options, NULL};
    TRY(options_check(options, tables, arena_printf(ctx->arena, "catalog type '%s'", type), err));
    if (class == &cassandra_catalog_class) return cassandra_catalog_open(name, options, out, err);
    if (class == &store_catalog_class) return store_catalog_open(name, options, out, err);
    const char *database = option_find(options, "default-database");
    *out = catalog_memory_create(name, database ? database : "default");
    (*out)->options = *options;
    return STATUS_OK;
}

static enum status create_catalog(struct statement_ctx *ctx, const struct ast_create_catalog *create,
                                  struct error *err) {
    struct session *session = ctx->session;
    const char *name = create->name->text;
    if (session_find_catalog(session, name)) {
        if (create->if_not_exists) return STATUS_OK;
        return error_set_at(err, STATUS_DUPLICATE_NAME, create->name->node.offset, create->name->node.length,
                            "catalog \"%s\" exists already", name);
    }
    if (session->catalog_count == SESSION_MAX_CATALOGS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "more than %d catalogs", SESSION_MAX_CATALOGS);
    struct option_list options = options_of(&session->arena, &create->options);
    struct catalog *catalog;
    TRY(session_place_error(session_open_catalog(ctx, arena_strdup(&session->arena, name), &options, &catalog, err),
                            &create->node, err));
    if (create->comment.data)
        catalog->comment = arena_strndup(&session->arena, create->comment.data, create->comment.len);
    session->catalogs[session->catalog_count++] = catalog;
    session_message(ctx, "OK");
    return STATUS_OK;
}

static enum status drop_catalog(struct statement_ctx *ctx, const struct ast_drop *drop, struct error *err) {
    struct session *session = ctx->session;
    const char *name = drop->name->parts[0].text;
    for (int i = 0; i < session->catalog_count; i++) {
        struct catalog *catalog = session->catalogs[i];
        if (strcmp(catalog->name, name) != 0) continue;
        if (strcmp(session->current_catalog, name) == 0 || i == 0)
            return error_set_at(err, STATUS_INVALID_ARGUMENT, drop->name->node.offset, drop->name->node.length,
                                "catalog \"%s\" is %s and cannot be dropped", name, i == 0 ? "built in" : "in use");
        catalog->class->close(catalog);
        session->catalogs[i] = session->catalogs[--session->catalog_count];
        session_message(ctx, "OK");
        return STATUS_OK;
    }
    if (drop->if_exists) return STATUS_OK;
    return error_set_at(err, STATUS_UNDEFINED_NAME, drop->name->node.offset, drop->name->node.length,
                        "catalog \"%s\" does not exist", name);
}

static enum status create_database(struct statement_ctx *ctx, const struct ast_create_database *create,
                                   struct error *err) {
    struct object_name name;
    TRY(session_resolve_database(ctx->session, create->name, &name, err));
    bool exists;
    TRY(database_exists(ctx, name.catalog, name.database, &exists, err));
    if (exists) {
        if (!create->if_not_exists)
            return error_set_at(err, STATUS_DUPLICATE_NAME, create->name->node.offset, create->name->node.length,
                                "database \"%s\" exists already", name.database);
    } else {
        struct option_list options = options_of(ctx->arena, &create->options);
        if (options.count && !name.catalog->class->alter_database)
            session_warn(ctx, "databases of a catalog of type '%s' have no options: what WITH says is not kept",
                         name.catalog->class->type);
        TRY(session_place_error(name.catalog->class->create_database(name.catalog, name.database, &options, err),
                                &create->name->node, err));
    }
    session_message(ctx, "OK");
    return STATUS_OK;
}

static enum status drop_database(struct statement_ctx *ctx, const struct ast_drop *drop, struct error *err) {
    struct object_name name;
    TRY(session_resolve_database(ctx->session, drop->name, &name, err));
    bool exists;
    TRY(database_exists(ctx, name.catalog, name.database, &exists, err));
    if (!exists) {
        if (!drop->if_exists) return session_place_error(no_database(ctx, &name, err), &drop->name->node, err);
        return STATUS_OK;
    }
    if (strcmp(name.catalog->name, ctx->session->current_catalog) == 0 &&
        strcmp(name.database, ctx->session->current_database) == 0)
        return error_set_at(err, STATUS_INVALID_ARGUMENT, drop->name->node.offset, drop->name->node.length,
                            "database \"%s\" is in use and cannot be dropped", name.database);
    TRY(session_place_error(
        name.catalog->class->drop_database(name.catalog, name.database, drop->behavior == AST_DROP_CASCADE, err),
        &drop->name->node, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

static enum status use_modules(const struct ast_use *use_node, struct error *err) {
    for (int i = 0; i < use_node->modules.count; i++) {
        const struct ast_ident *module = AST_AT(use_node->modules, i, ast_ident);
        if (strcmp(module->text, "core") != 0)
            return error_set_at(err, STATUS_UNDEFINED_NAME, module->node.offset, module->node.length,
                                "there is no module \"%s\": the only one is core, with all built-in functions",
                                module->text);
    }
    return STATUS_OK;
}

static enum status use(struct statement_ctx *ctx, const struct ast_use *use_node, struct error *err) {
    struct session *session = ctx->session;
    if (use_node->what == AST_USE_MODULES) return use_modules(use_node, err);
    if (use_node->what == AST_USE_CATALOG) {
        struct catalog *catalog;
        TRY(session_named_catalog(session, use_node->name, &catalog, err));
        session->current_catalog = catalog->name;
        session->current_database = catalog->default_database;
        return STATUS_OK;
    }
    struct object_name name;
    TRY(session_resolve_database(session, use_node->name, &name, err));
    TRY(session_check_database(ctx, &name, &use_node->name->node, err));
    session->current_catalog = name.catalog->name;
    session->current_database = arena_strdup(&session->arena, name.database);
    return STATUS_OK;
}

enum status session_ddl(struct statement_ctx *ctx, const struct ast_node *node, bool *handled, struct error *err) {
    *handled = true;
    switch (node->kind) {
    case AST_CREATE_TABLE: return create_table(ctx, AST_AS(node, ast_create_table), err);
    case AST_CREATE_VIEW: return create_view(ctx, AST_AS(node, ast_create_view), err);
    case AST_CREATE_CATALOG: return create_catalog(ctx, AST_AS(node, ast_create_catalog), err);
    case AST_CREATE_DATABASE: return create_database(ctx, AST_AS(node, ast_create_database), err);
    case AST_TRUNCATE: return truncate_table(ctx, AST_AS(node, ast_truncate), err);
    case AST_USE: return use(ctx, AST_AS(node, ast_use), err);
    case AST_ALTER: return session_alter(ctx, AST_AS(node, ast_alter), handled, err);
    case AST_DROP: {
        const struct ast_drop *drop = AST_AS(node, ast_drop);
        switch (drop->object) {
        case AST_OBJECT_TABLE:
        case AST_OBJECT_VIEW: return drop_table(ctx, drop, err);
        case AST_OBJECT_CATALOG: return drop_catalog(ctx, drop, err);
        case AST_OBJECT_DATABASE: return drop_database(ctx, drop, err);
        default: break;
        }
        break;
    }
    default: break;
    }
    *handled = false;
    return STATUS_OK;
}
