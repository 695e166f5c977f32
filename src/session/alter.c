/* ALTER. A table's new definition is made by the binder; what its catalog keeps of the old one is the catalog's to say. */
#include <stdlib.h>

#include "connector/cassandra/cassandra.h"
#include "connector/store/store_connector.h"
#include "session/session_private.h"

/* Where a table is kept: its catalog, or the one of temporary objects. */
struct place {
    struct catalog *catalog;
    const char *database;
};

static struct place place_of(struct statement_ctx *ctx, const struct object_name *name, bool is_temporary) {
    if (!is_temporary) return (struct place){name->catalog, name->database};
    return (struct place){ctx->session->temporary,
                          arena_printf(ctx->arena, "%s.%s", name->catalog->name, name->database)};
}

static const char *kind_name(bool is_view) { return is_view ? "view" : "table"; }

/* *table NULL: there is none, and the statement allows it. */
static enum status find_altered(struct statement_ctx *ctx, const struct ast_alter *alter, struct object_name *name,
                                const struct table **table, bool *is_temporary, struct error *err) {
    bool wants_view = alter->object == AST_OBJECT_VIEW;
    TRY(session_resolve(ctx->session, alter->name, name, err));
    TRY(session_place_error(session_find_table(ctx->session, name, ctx->arena, table, is_temporary, err),
                            &alter->name->node, err));
    if (!*table) {
        if (alter->if_exists) return STATUS_OK;
        return session_no_table(ctx->session, kind_name(wants_view), alter->name, ctx->arena, err);
    }
    bool is_view = (*table)->kind == TABLE_VIEW;
    TRY(session_refuse_materialized(*table, "ALTER MATERIALIZED TABLE", &alter->name->node, err));
    if (is_view == wants_view) return STATUS_OK;
    error_set_at(err, STATUS_INVALID_ARGUMENT, alter->name->node.offset, alter->name->node.length, "\"%s\" is a %s",
                 name->name, kind_name(is_view));
    error_hint(err, "ALTER %s %s", is_view ? "VIEW" : "TABLE", name->name);
    return STATUS_INVALID_ARGUMENT;
}

/* ---- RENAME TO ---- */

static enum status rename_to(struct statement_ctx *ctx, const struct ast_alter *alter, const struct object_name *name,
                             bool is_temporary, struct error *err) {
    const struct ast_name *target = alter->new_name;
    struct object_name new_name = *name;
    if (target->count > 1) TRY(session_resolve(ctx->session, target, &new_name, err));
    if (new_name.catalog != name->catalog || strcmp(new_name.database, name->database) != 0)
        return error_set_at(err, STATUS_NOT_SUPPORTED, target->node.offset, target->node.length,
                            "RENAME TO cannot move a %s to another database",
                            kind_name(alter->object == AST_OBJECT_VIEW));
    new_name.name = target->parts[target->count - 1].text;
    const struct table *taken;
    bool taken_temporary;
    TRY(session_find_table(ctx->session, &new_name, ctx->arena, &taken, &taken_temporary, err));
    if (taken && taken_temporary == is_temporary)
        return error_set_at(err, STATUS_DUPLICATE_NAME, target->node.offset, target->node.length,
                            "%s \"%s\" exists already", kind_name(taken->kind == TABLE_VIEW), new_name.name);
    struct place place = place_of(ctx, name, is_temporary);
    return session_place_error(
        place.catalog->class->rename_table(place.catalog, place.database, name->name, new_name.name, err),
        &alter->name->node, err);
}

/* ---- Options ---- */

/* The options without `key`. */
static void remove_option(struct arena *arena, struct option_list *options, const char *key) {
    struct option_list kept = {0};
    for (int i = 0; i < options->count; i++)
        if (strcmp(options->keys[i], key) != 0) option_add(&kept, arena, options->keys[i], options->values[i], -1);
    *options = kept;
}

static enum status set_options(struct statement_ctx *ctx, const struct ast_list *list, struct option_list *options,
                               struct error *err) {
    (void)err;
    for (int i = 0; i < list->count; i++) {
        const struct ast_option *option = AST_AT(*list, i, ast_option);
        const char *key = arena_strndup(ctx->arena, option->key.data, option->key.len);
        remove_option(ctx->arena, options, key);
        option_add(options, ctx->arena, key, arena_strndup(ctx->arena, option->value.data, option->value.len),
                   option->value_offset);
    }
    return STATUS_OK;
}

static enum status reset_options(struct statement_ctx *ctx, const struct ast_alter *alter, const char *fixed,
                                 struct option_list *options, struct error *err) {
    if (alter->keys.count == 0)
        return error_set_at(err, STATUS_INVALID_QUERY, alter->node.offset, alter->node.length,
                            "RESET needs the keys of the options that are to go");
    for (int i = 0; i < alter->keys.count; i++) {
        const struct ast_string *string = AST_AT(alter->keys, i, ast_string);
        const char *key = arena_strndup(ctx->arena, string->text.data, string->text.len);
        if (strcmp(key, fixed) == 0)
            return error_set_at(err, STATUS_INVALID_OPTION, string->node.offset, string->node.length,
                                "option '%s' cannot be reset: it says what this is", fixed);
        remove_option(ctx->arena, options, key);
    }
    return STATUS_OK;
}

/* ---- Options that name columns ---- */

static void put_word(struct strbuf *out, const char *word) {
    bool plain = *word && !strpbrk(word, " ,;`");
    if (!plain) strbuf_putc(out, '`');
    for (const char *p = word; *p; p++) {
        if (*p == '`') strbuf_putc(out, '`');
        strbuf_putc(out, *p);
    }
    if (!plain) strbuf_putc(out, '`');
}

/* A list of columns ("a DESC, `b c`") in which one has another name. */
static const char *rename_in_list(struct arena *arena, const char *list, const char *from, const char *to) {
    struct strbuf out = {0}, word = {0};
    strbuf_puts(&out, "");
    for (const char *p = list; *p;) {
        if (strchr(" ,;", *p)) {
            strbuf_putc(&out, *p++);
            continue;
        }
        bool quoted = *p == '`';
        strbuf_clear(&word);
        strbuf_puts(&word, "");
        for (p += quoted; *p; p++) {
            if (quoted && p[0] == '`' && p[1] == '`')
                p++;
            else if (quoted ? *p == '`' : strchr(" ,;", *p) != NULL)
                break;
            strbuf_putc(&word, *p);
        }
        if (quoted && *p) p++;
        put_word(&out, strcmp(word.data, from) == 0 ? to : word.data);
    }
    const char *text = arena_strndup(arena, out.data, out.len);
    strbuf_free(&out);
    strbuf_free(&word);
    return text;
}

/* The lists of static and counter columns follow in the store itself. */
static void follow_rename(struct statement_ctx *ctx, struct option_list *options, const char *from, const char *to) {
    static const char *const lists[] = {"partition-keys", "clustering-order", "static-columns", "counter-columns"};
    struct option_list followed = {0};
    for (int i = 0; i < options->count; i++) {
        const char *key = options->keys[i], *value = options->values[i];
        for (int k = 0; k < 4; k++)
            if (strcmp(key, lists[k]) == 0) value = rename_in_list(ctx->arena, value, from, to);
        if (strncmp(key, "cql-type.", 9) == 0 && strcmp(key + 9, from) == 0)
            key = arena_printf(ctx->arena, "cql-type.%s", to);
        option_add(&followed, ctx->arena, key, value, -1);
    }
    *options = followed;
}

static void add_static(struct statement_ctx *ctx, struct option_list *options, const char *name) {
    const char *list = option_find(options, "static-columns");
    struct strbuf text = {0};
    if (list) strbuf_printf(&text, "%s, ", list);
    put_word(&text, name);
    option_add(options, ctx->arena, "static-columns", arena_strndup(ctx->arena, text.data, text.len), -1);
    strbuf_free(&text);
}

/* ---- Columns, key, watermark ---- */

static const struct table_column *find_column(const struct table *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0) return &table->columns[i];
    return NULL;
}

static bool is_key(const struct table *table, const struct table_column *column) {
    for (int i = 0; i < table->primary_key_count; i++)
        if (&table->columns[table->primary_key[i]] == column) return true;
    return false;
}

/* Rows that are there have no value for a new column, and may have none for one that was nullable. */
static enum status check_not_null(const struct ast_alter *alter, const struct table *old, const struct table *new,
                                  struct error *err) {
    for (int i = 0; i < alter->spec.columns.count; i++) {
        const struct ast_column_def *def = AST_AT(alter->spec.columns, i, ast_column_def);
        const char *name = def->name->parts[0].text;
        const struct table_column *was = find_column(old, name), *is = find_column(new, name);
        if (!is || is->kind != COLUMN_PHYSICAL || is->type->nullable || is_key(new, is) ||
            (was && was->kind == COLUMN_PHYSICAL && !was->type->nullable))
            continue;
        return error_set_at(err, STATUS_NULL_NOT_ALLOWED, def->node.offset, def->node.length,
                            "column '%s' cannot be NOT NULL: the table's rows %s", name,
                            was ? "may have NULL in it" : "have no value for it");
    }
    return STATUS_OK;
}

/* Cassandra and the store have no order of columns in their rows, so any place will do; STATIC is theirs alone. */
static enum status take_statics(struct statement_ctx *ctx, const struct ast_alter *alter, bool is_kept,
                                struct table *table, struct error *err) {
    for (int i = 0; i < alter->spec.columns.count; i++) {
        const struct ast_column_def *def = AST_AT(alter->spec.columns, i, ast_column_def);
        if (def->position != AST_POSITION_STATIC) continue;
        if (!is_kept || alter->action != AST_ALTER_ADD)
            return error_set_at(err, STATUS_NOT_SUPPORTED, def->node.offset, def->node.length,
                                is_kept ? "a column cannot become static: its values are kept by the row"
                                        : "only tables of the store and of Cassandra have static columns");
        add_static(ctx, &table->options, def->name->parts[0].text);
    }
    return STATUS_OK;
}

static enum status new_definition(struct statement_ctx *ctx, const struct ast_alter *alter, const struct table *old,
                                  struct table *table, struct error *err) {
    struct bind_env env;
    bool is_kept = old->connector_data != NULL;
    session_bind_env(ctx->session, ctx->arena, true, &env);
    TRY(bind_alter_table(&env, old, alter, table, err));
    if (is_kept) TRY(check_not_null(alter, old, table, err));
    TRY(take_statics(ctx, alter, is_kept, table, err));
    if (alter->action == AST_ALTER_RENAME_COLUMN)
        follow_rename(ctx, &table->options, alter->column->parts[0].text, alter->new_name->parts[0].text);
    for (int i = 0; alter->action == AST_ALTER_DROP_COLUMNS && i < alter->columns.count; i++)
        remove_option(ctx->arena, &table->options,
                      arena_printf(ctx->arena, "cql-type.%s", AST_AT(alter->columns, i, ast_name)->parts[0].text));
    return STATUS_OK;
}

/* ---- ALTER TABLE, ALTER VIEW ---- */

static enum status no_partitions(const struct ast_alter *alter, const struct table *table, struct error *err) {
    bool adds = alter->action == AST_ALTER_ADD_PARTITIONS;
    error_set_at(err, STATUS_NOT_SUPPORTED, alter->node.offset, alter->node.length,
                 "partitions of table \"%s\" cannot be %s: they are %s, not kept in a list", table->name,
                 adds ? "added" : "dropped",
                 table->partitioned_by_count && !table->connector_data ? "the folders that have files"
                                                                       : "what its rows make them");
    if (adds)
        error_hint(err, "a partition is there with its first row");
    else
        error_hint(err, table->connector_data ? "DELETE FROM %s WHERE …" : "INSERT OVERWRITE %s PARTITION (…)",
                   table->name);
    return STATUS_NOT_SUPPORTED;
}

static enum status alter_definition(struct statement_ctx *ctx, const struct ast_alter *alter,
                                    const struct object_name *name, const struct table *old, bool is_temporary,
                                    struct error *err) {
    struct table table = *old;
    switch (alter->action) {
    case AST_ALTER_SET_OPTIONS: TRY(set_options(ctx, &alter->options, &table.options, err)); break;
    case AST_ALTER_RESET_OPTIONS: TRY(reset_options(ctx, alter, "connector", &table.options, err)); break;
    default: TRY(new_definition(ctx, alter, old, &table, err)); break;
    }
    struct place place = place_of(ctx, name, is_temporary);
    TRY(session_place_error(session_check_table(ctx, name->catalog, &table, err), &alter->node, err));
    table.catalog = place.catalog->name;
    table.database = place.database;
    return session_place_error(place.catalog->class->alter_table(place.catalog, &table, err), &alter->node, err);
}

enum status session_alter_definition(struct statement_ctx *ctx, const struct ast_alter *alter,
                                     const struct object_name *name, const struct table *old, struct error *err) {
    return alter_definition(ctx, alter, name, old, false, err);
}

static enum status alter_table(struct statement_ctx *ctx, const struct ast_alter *alter, struct error *err) {
    struct object_name name;
    const struct table *table;
    bool is_temporary;
    TRY(find_altered(ctx, alter, &name, &table, &is_temporary, err));
    if (!table) return STATUS_OK;
    switch (alter->action) {
    case AST_ALTER_RENAME: return rename_to(ctx, alter, &name, is_temporary, err);
    case AST_ALTER_ADD_PARTITIONS:
    case AST_ALTER_DROP_PARTITIONS: return no_partitions(alter, table, err);
    case AST_ALTER_AS_QUERY: return session_replace_view(ctx, alter, &name, table, is_temporary, err);
    default: return alter_definition(ctx, alter, &name, table, is_temporary, err);
    }
}

/* ---- ALTER DATABASE, ALTER CATALOG ---- */

static enum status alter_database(struct statement_ctx *ctx, const struct ast_alter *alter, struct error *err) {
    struct object_name name;
    TRY(session_resolve_database(ctx->session, alter->name, &name, err));
    TRY(session_check_database(ctx, &name, &alter->name->node, err));
    if (!name.catalog->class->alter_database)
        return error_set_at(err, STATUS_NOT_SUPPORTED, alter->node.offset, alter->node.length,
                            "databases of a catalog of type '%s' have no options", name.catalog->class->type);
    struct option_list options = {0};
    TRY(set_options(ctx, &alter->options, &options, err));
    return session_place_error(name.catalog->class->alter_database(name.catalog, name.database, &options, err),
                               &alter->node, err);
}

/* A catalog of Cassandra is a connection: other options, another connection. The session's views and tables in it stay. */
static enum status reopen_catalog(struct statement_ctx *ctx, struct catalog *catalog, const struct option_list *changed,
                                  struct error *err) {
    struct session *session = ctx->session;
    struct option_list options = {0};
    struct catalog *opened;
    for (int i = 0; i < changed->count; i++)
        option_add(&options, &session->arena, arena_strdup(&session->arena, changed->keys[i]),
                   arena_strdup(&session->arena, changed->values[i]), -1);
    TRY(session_open_catalog(ctx, arena_strdup(&session->arena, catalog->name), &options, &opened, err));
    cassandra_catalog_take_session_tables(opened, catalog);
    opened->comment = catalog->comment;
    bool is_current = strcmp(session->current_catalog, catalog->name) == 0;
    for (int i = 0; i < session->catalog_count; i++)
        if (session->catalogs[i] == catalog) session->catalogs[i] = opened;
    if (is_current) {
        session->current_catalog = opened->name;
        session->current_database = arena_strdup(&session->arena, session->current_database);
    }
    catalog->class->close(catalog);
    return STATUS_OK;
}

static enum status alter_catalog(struct statement_ctx *ctx, const struct ast_alter *alter, struct error *err) {
    struct catalog *catalog;
    TRY(session_named_catalog(ctx->session, alter->name, &catalog, err));
    if (alter->action == AST_ALTER_COMMENT) {
        catalog->comment = arena_strndup(&ctx->session->arena, alter->text.data, alter->text.len);
        return STATUS_OK;
    }
    if (catalog->class != &cassandra_catalog_class) {
        error_set_at(err, STATUS_NOT_SUPPORTED, alter->node.offset, alter->node.length,
                     "the options of a catalog of type '%s' are fixed", catalog->class->type);
        error_hint(err, "DROP CATALOG %s and create it anew", catalog->name);
        return STATUS_NOT_SUPPORTED;
    }
    struct option_list options = {0};
    for (int i = 0; i < catalog->options.count; i++)
        option_add(&options, ctx->arena, catalog->options.keys[i], catalog->options.values[i], -1);
    if (alter->action == AST_ALTER_SET_OPTIONS) {
        for (int i = 0; i < alter->options.count; i++) {
            const struct ast_option *option = AST_AT(alter->options, i, ast_option);
            if (str_equal(option->key, str_from("type")))
                return error_set_at(err, STATUS_INVALID_OPTION, option->key_offset, option->key_length,
                                    "the type of a catalog cannot be changed");
        }
        TRY(set_options(ctx, &alter->options, &options, err));
    } else {
        TRY(reset_options(ctx, alter, "type", &options, err));
    }
    return session_place_error(reopen_catalog(ctx, catalog, &options, err), &alter->node, err);
}

enum status session_alter(struct statement_ctx *ctx, const struct ast_alter *alter, bool *handled, struct error *err) {
    *handled = true;
    switch (alter->object) {
    case AST_OBJECT_TABLE:
    case AST_OBJECT_VIEW: TRY(alter_table(ctx, alter, err)); break;
    case AST_OBJECT_DATABASE: TRY(alter_database(ctx, alter, err)); break;
    case AST_OBJECT_CATALOG: TRY(alter_catalog(ctx, alter, err)); break;
    default: *handled = false; return STATUS_OK;
    }
    session_message(ctx, "OK");
    return STATUS_OK;
}
