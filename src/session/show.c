/* SHOW and DESCRIBE. */
#include <stdlib.h>

#include "function/registry.h"
#include "session/session_private.h"

/* LIKE with % and _, case-sensitive unless ilike. */
static bool matches(const char *text, struct str pattern, bool ilike) {
    const char *p = pattern.data, *end = pattern.data + pattern.len, *star = NULL, *retry = NULL;
    while (*text) {
        char a = *text, b = p < end ? *p : 0;
        if (ilike) {
            if (a >= 'A' && a <= 'Z') a = (char)(a + 32);
            if (b >= 'A' && b <= 'Z') b = (char)(b + 32);
        }
        if (p < end && *p == '%') {
            star = p++;
            retry = text;
        } else if (p < end && (*p == '_' || a == b)) {
            p++;
            text++;
        } else if (star) {
            p = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (p < end && *p == '%') p++;
    return p == end;
}

static bool shown(const struct ast_show *show, const char *name) {
    return !show->pattern.data || matches(name, show->pattern, show->ilike) != show->negated;
}

static enum status one_column(struct statement_ctx *ctx, const struct ast_show *show, const char *title,
                              const char *const *names, int count, struct error *err) {
    const char **cells = ARENA_ARRAY(ctx->arena, const char *, count + 1);
    int rows = 0;
    for (int i = 0; i < count; i++)
        if (shown(show, names[i])) cells[rows++] = names[i];
    return result_strings(ctx->handler, &title, 1, cells, rows, err);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Does the SHOW list it? SHOW TABLES does everything. */
static bool listed(const struct table *table, enum ast_show_what what) {
    if (what == AST_SHOW_VIEWS) return table->kind == TABLE_VIEW;
    return what != AST_SHOW_MATERIALIZED_TABLES || table->materialized;
}

static enum status show_tables(struct statement_ctx *ctx, const struct ast_show *show, const char *title,
                               struct error *err) {
    struct session *session = ctx->session;
    struct object_name name;
    TRY(session_resolve_database(session, show->scope, &name, err));
    const struct table **tables, **temporary = NULL;
    int count, temporary_count = 0;
    enum status status =
        name.catalog->class->list_tables(name.catalog, name.database, ctx->arena, &tables, &count, err);
    if (status != STATUS_OK) {
        if (err && show->scope && err->offset < 0) {
            err->offset = show->scope->node.offset;
            err->length = show->scope->node.length;
        }
        return status;
    }
    struct error ignored;
    const char *database = arena_printf(ctx->arena, "%s.%s", name.catalog->name, name.database);
    if (session->temporary->class->list_tables(session->temporary, database, ctx->arena, &temporary, &temporary_count,
                                               &ignored) != STATUS_OK)
        temporary_count = 0;
    const char **names = ARENA_ARRAY(ctx->arena, const char *, count + temporary_count + 1);
    int rows = 0;
    for (int i = 0; i < count; i++)
        if (listed(tables[i], show->what)) names[rows++] = tables[i]->name;
    for (int i = 0; i < temporary_count; i++) {
        bool twice = false;
        for (int k = 0; k < rows; k++) twice = twice || strcmp(names[k], temporary[i]->name) == 0;
        if (!twice && listed(temporary[i], show->what)) names[rows++] = temporary[i]->name;
    }
    qsort(names, (size_t)rows, sizeof *names, compare_names);
    return one_column(ctx, show, title, names, rows, err);
}

static enum status find_named(struct statement_ctx *ctx, const struct ast_name *ast_name, const struct table **table,
                              struct error *err) {
    struct object_name name;
    TRY(session_resolve(ctx->session, ast_name, &name, err));
    enum status status = session_find_table(ctx->session, &name, ctx->arena, table, NULL, err);
    if (status == STATUS_OK && *table) return STATUS_OK;
    if (status == STATUS_OK) status = session_no_table(ctx->session, "table", ast_name, ctx->arena, err);
    if (err && err->offset < 0) {
        err->offset = ast_name->node.offset;
        err->length = ast_name->node.length;
    }
    return status;
}

/* The key as people write it: PRI(a, b), and for wide-column tables the partition key in parentheses. */
static const char *key_text(struct arena *arena, const struct table *table, int column) {
    for (int i = 0; i < table->primary_key_count; i++) {
        if (table->primary_key[i] != column) continue;
        if (table->partition_key_count == table->primary_key_count) return "PRI";
        if (i < table->partition_key_count) return "PRI (partition)";
        return arena_printf(arena, "PRI (clustering %s)",
                            table->clustering_descending && table->clustering_descending[i] ? "DESC" : "ASC");
    }
    return NULL;
}

static const char *extras_text(struct arena *arena, const struct table_column *column) {
    if (column->kind == COLUMN_COMPUTED) return arena_printf(arena, "AS %s", column->expression);
    if (column->kind == COLUMN_METADATA)
        return arena_printf(arena, "METADATA%s%s%s%s", column->metadata_key ? " FROM '" : "",
                            column->metadata_key ? column->metadata_key : "", column->metadata_key ? "'" : "",
                            column->is_virtual ? " VIRTUAL" : "");
    return NULL;
}

/* With a column of comments when there are any, as in Flink. */
static enum status describe_columns(struct statement_ctx *ctx, const struct table *table, const struct ast_show *show,
                                    struct error *err) {
    const char *names[] = {"name", "type", "null", "key", "extras", "watermark", "comment"};
    bool has_comments = false;
    for (int i = 0; i < table->column_count; i++) has_comments |= table->columns[i].comment != NULL;
    int width = has_comments ? 7 : 6, rows = 0;
    const char **cells = ARENA_ARRAY(ctx->arena, const char *, (table->column_count + 1) * width);
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (show && !shown(show, column->name)) continue;
        const char **row = cells + rows++ * width;
        row[0] = column->name;
        row[1] = column->type ? type_to_string(ctx->arena, type_with_nullable(ctx->arena, column->type, true)) : NULL;
        row[2] = !column->type || column->type->nullable ? "TRUE" : "FALSE";
        row[3] = key_text(ctx->arena, table, i);
        row[4] = extras_text(ctx->arena, column);
        row[5] = table->watermark_column == i ? table->watermark_expression : NULL;
        if (has_comments) row[6] = column->comment;
    }
    return result_strings(ctx->handler, names, width, cells, rows, err);
}

static enum status show_functions(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    const char *names[] = {"function name", "signature", "description"};
    const char **cells = ARENA_ARRAY(ctx->arena, const char *, function_count() * 3 + 3);
    int rows = 0;
    for (int i = 0; i < function_count(); i++) {
        const struct function_info *info = function_at(i);
        if (!shown(show, info->name)) continue;
        cells[rows * 3] = info->name;
        cells[rows * 3 + 1] = info->signature;
        cells[rows++ * 3 + 2] = info->doc;
    }
    return result_strings(ctx->handler, names, 3, cells, rows, err);
}

static enum status show_user_functions(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    struct session *session = ctx->session;
    qsort(session->user_functions, (size_t)session->user_function_count, sizeof *session->user_functions,
          compare_names);
    return one_column(ctx, show, "function name", session->user_functions, session->user_function_count, err);
}

static enum status show_databases(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    struct session *session = ctx->session;
    struct catalog *catalog = session_find_catalog(session, session->current_catalog);
    if (show->scope) TRY(session_named_catalog(session, show->scope, &catalog, err));
    const char **names;
    int count;
    TRY(catalog->class->list_databases(catalog, ctx->arena, &names, &count, err));
    return one_column(ctx, show, "database name", names, count, err);
}

/* SHOW of what cannot exist: the scope must. */
static enum status show_none(struct statement_ctx *ctx, const struct ast_show *show, const char *title,
                             struct error *err) {
    if (show->scope) {
        struct object_name name;
        TRY(session_resolve_database(ctx->session, show->scope, &name, err));
        TRY(session_check_database(ctx, &name, &show->scope->node, err));
    }
    return one_column(ctx, show, title, NULL, 0, err);
}

static enum status show_modules(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    static const char *const core = "core";
    if (!show->full) return one_column(ctx, show, "module name", &core, 1, err);
    const char *names[] = {"module name", "used"}, *cells[] = {core, "TRUE"};
    return result_strings(ctx->handler, names, 2, cells, 1, err);
}

/* The names and values of a PARTITION (…) clause, as folders have them. */
static enum status wanted_partitions(struct statement_ctx *ctx, const struct ast_show *show, const char ***out,
                                     int *count, struct error *err) {
    const struct ast_list *list = &show->partition->assignments;
    const char **wanted = ARENA_ARRAY(ctx->arena, const char *, list->count + 1);
    for (int i = 0; i < list->count; i++) {
        const struct ast_assignment *assignment = AST_AT(*list, i, ast_assignment);
        const struct ast_literal *literal =
            assignment->value && assignment->value->kind == AST_LITERAL ? AST_AS(assignment->value, ast_literal) : NULL;
        if (!literal || !literal->text.data)
            return error_set_at(err, STATUS_INVALID_QUERY, assignment->node.offset, assignment->node.length,
                                "SHOW PARTITIONS needs a literal for each partition column");
        wanted[i] = arena_printf(ctx->arena, "%s=%.*s", ast_name_text(assignment->target, ctx->arena),
                                 (int)literal->text.len, literal->text.data);
    }
    *out = wanted;
    *count = list->count;
    return STATUS_OK;
}

/* Is `wanted` ("p=x") one of the folders of "p=x/q=y"? */
static bool has_folder(const char *partition, const char *wanted) {
    size_t len = strlen(wanted);
    for (const char *p = partition; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, wanted, len) == 0 && (p[len] == 0 || p[len] == '/')) return true;
    }
    return false;
}

static enum status show_partitions(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    const struct table *table;
    TRY(find_named(ctx, show->name, &table, err));
    const struct connector *connector = table->connector ? connector_find(table->connector) : NULL;
    if (table->partitioned_by_count == 0)
        return error_set_at(err, STATUS_INVALID_ARGUMENT, show->name->node.offset, show->name->node.length,
                            "table \"%s\" has no PARTITIONED BY", table->name);
    if (!connector || !connector->partitions) {
        error_set_at(err, STATUS_NOT_SUPPORTED, show->node.offset, show->node.length,
                     "the partitions of table \"%s\" are not kept in a list: its rows make them", table->name);
        error_hint(err, "SELECT DISTINCT of the columns in PARTITIONED BY");
        return STATUS_NOT_SUPPORTED;
    }
    const char **names, **wanted = NULL;
    int count, wanted_count = 0, kept = 0;
    if (show->partition) TRY(wanted_partitions(ctx, show, &wanted, &wanted_count, err));
    TRY(session_place_error(connector->partitions(table, ctx->arena, &names, &count, err), &show->name->node, err));
    for (int i = 0; i < count; i++) {
        bool keep = true;
        for (int k = 0; k < wanted_count; k++) keep = keep && has_folder(names[i], wanted[k]);
        if (keep) names[kept++] = names[i];
    }
    return one_column(ctx, show, "partition name", names, kept, err);
}

/* ---- SHOW CREATE ---- */

static enum status one_text(struct statement_ctx *ctx, struct strbuf *text, struct error *err) {
    const char *title = "result", *cell = arena_strndup(ctx->arena, text->data, text->len);
    strbuf_free(text);
    return result_strings(ctx->handler, &title, 1, &cell, 1, err);
}

static void put_quoted(struct strbuf *out, const char *text, char quote) {
    strbuf_putc(out, quote);
    for (const char *p = text; *p; p++) {
        if (*p == quote) strbuf_putc(out, quote);
        strbuf_putc(out, *p);
    }
    strbuf_putc(out, quote);
}

static enum status show_create_catalog(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    struct catalog *catalog;
    TRY(session_named_catalog(ctx->session, show->name, &catalog, err));
    struct strbuf text = {0};
    strbuf_puts(&text, "CREATE CATALOG ");
    put_quoted(&text, catalog->name, '`');
    if (catalog->comment) {
        strbuf_puts(&text, "\nCOMMENT ");
        put_quoted(&text, catalog->comment, '\'');
    }
    struct option_list options = {0};
    if (!option_find(&catalog->options, "type")) option_add(&options, ctx->arena, "type", catalog->class->type, -1);
    for (int i = 0; i < catalog->options.count; i++)
        option_add(&options, ctx->arena, catalog->options.keys[i], catalog->options.values[i], -1);
    table_print_options(&text, &options);
    return one_text(ctx, &text, err);
}

static enum status missing(const struct ast_show *show, const char *what, struct arena *arena, struct error *err) {
    return error_set_at(err, STATUS_UNDEFINED_NAME, show->name->node.offset, show->name->node.length,
                        "%s \"%s\" does not exist", what, ast_name_text(show->name, arena));
}

static enum status show_create_materialized(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    struct object_name name;
    const struct table *table;
    struct strbuf text = {0};
    TRY(session_find_materialized(ctx, show->name, &name, &table, err));
    table_print_create(&text, table);
    return one_text(ctx, &text, err);
}

static enum status show_create(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    switch (show->object) {
    case AST_OBJECT_CATALOG: return show_create_catalog(ctx, show, err);
    case AST_OBJECT_MATERIALIZED_TABLE: return show_create_materialized(ctx, show, err);
    case AST_OBJECT_MODEL: return missing(show, "model", ctx->arena, err);
    case AST_OBJECT_CONNECTION: return missing(show, "connection", ctx->arena, err);
    default: break;
    }
    const struct table *table;
    TRY(find_named(ctx, show->name, &table, err));
    bool wants_view = show->object == AST_OBJECT_VIEW;
    TRY(session_refuse_materialized(table, "SHOW CREATE MATERIALIZED TABLE", &show->name->node, err));
    if (wants_view != (table->kind == TABLE_VIEW)) {
        error_set_at(err, STATUS_INVALID_ARGUMENT, show->name->node.offset, show->name->node.length, "\"%s\" is a %s",
                     table->name, wants_view ? "table" : "view");
        error_hint(err, "SHOW CREATE %s %s", wants_view ? "TABLE" : "VIEW", table->name);
        return STATUS_INVALID_ARGUMENT;
    }
    struct strbuf text = {0};
    table_print_create(&text, table);
    return one_text(ctx, &text, err);
}

enum status session_show(struct statement_ctx *ctx, const struct ast_show *show, struct error *err) {
    struct session *session = ctx->session;
    switch (show->what) {
    case AST_SHOW_TABLES: return show_tables(ctx, show, "table name", err);
    case AST_SHOW_VIEWS: return show_tables(ctx, show, "view name", err);
    case AST_SHOW_MATERIALIZED_TABLES: return show_tables(ctx, show, "materialized table name", err);
    case AST_SHOW_DATABASES: return show_databases(ctx, show, err);
    case AST_SHOW_CATALOGS: {
        const char **names = ARENA_ARRAY(ctx->arena, const char *, session->catalog_count + 1);
        for (int i = 0; i < session->catalog_count; i++) names[i] = session->catalogs[i]->name;
        qsort(names, (size_t)session->catalog_count, sizeof *names, compare_names);
        return one_column(ctx, show, "catalog name", names, session->catalog_count, err);
    }
    case AST_SHOW_FUNCTIONS: return show->user ? show_user_functions(ctx, show, err) : show_functions(ctx, show, err);
    case AST_SHOW_PROCEDURES: return show_none(ctx, show, "procedure name", err);
    case AST_SHOW_MODELS: return show_none(ctx, show, "model name", err);
    case AST_SHOW_CONNECTIONS: return show_none(ctx, show, "connection name", err);
    case AST_SHOW_MODULES: return show_modules(ctx, show, err);
    case AST_SHOW_JARS: return one_column(ctx, show, "jars", session->jars, session->jar_count, err);
    case AST_SHOW_PARTITIONS: return show_partitions(ctx, show, err);
    case AST_SHOW_COLUMNS: {
        const struct table *table;
        TRY(find_named(ctx, show->name, &table, err));
        return describe_columns(ctx, table, show, err);
    }
    case AST_SHOW_CURRENT_CATALOG:
        return one_column(ctx, show, "current catalog name", &session->current_catalog, 1, err);
    case AST_SHOW_CURRENT_DATABASE:
        return one_column(ctx, show, "current database name", &session->current_database, 1, err);
    case AST_SHOW_CREATE: return show_create(ctx, show, err);
    case AST_SHOW_JOBS: {
        /* Jobs run in the foreground: while a statement is typed none runs. */
        const char *names[] = {"job id", "job name", "status", "start time"};
        return result_strings(ctx->handler, names, 4, NULL, 0, err);
    }
    default:
        return error_set_at(err, STATUS_NOT_SUPPORTED, show->node.offset, show->node.length,
                            "this SHOW is not supported");
    }
}

/* ---- DESCRIBE ---- */

enum { MAX_FACTS = 1024 };

/* Rows of "info name", "info value". */
struct facts {
    const char *cells[MAX_FACTS * 2];
    int count;
};

static void add_fact(struct facts *facts, const char *name, const char *value) {
    if (facts->count == MAX_FACTS) return;
    facts->cells[facts->count * 2] = name;
    facts->cells[facts->count++ * 2 + 1] = value;
}

static enum status show_facts(struct statement_ctx *ctx, const struct facts *facts, struct error *err) {
    const char *names[] = {"info name", "info value"};
    return result_strings(ctx->handler, names, 2, facts->cells, facts->count, err);
}

static enum status describe_function(struct statement_ctx *ctx, const struct ast_describe *describe,
                                     struct error *err) {
    const char *wanted = describe->name->parts[describe->name->count - 1].text;
    const struct function_info *info = function_find(str_from(wanted));
    if (!info) {
        error_set_at(err, STATUS_UNDEFINED_FUNCTION, describe->name->node.offset, describe->name->node.length,
                     "there is no function \"%s\"", wanted);
        const char *near = function_nearest(wanted, ctx->arena);
        if (near) error_hint(err, "did you mean %s?", near);
        return STATUS_UNDEFINED_FUNCTION;
    }
    struct facts facts = {0};
    add_fact(&facts, "name", info->name);
    add_fact(&facts, "signature", info->signature);
    add_fact(&facts, "description", info->doc);
    add_fact(&facts, "example", info->example);
    if (describe->extended) {
        add_fact(&facts, "is built in", "TRUE");
        add_fact(&facts, "module", "core");
    }
    return show_facts(ctx, &facts, err);
}

static enum status describe_catalog(struct statement_ctx *ctx, const struct ast_describe *describe, struct error *err) {
    struct catalog *catalog;
    TRY(session_named_catalog(ctx->session, describe->name, &catalog, err));
    struct facts facts = {0};
    add_fact(&facts, "name", catalog->name);
    add_fact(&facts, "type", catalog->class->type);
    add_fact(&facts, "comment", catalog->comment);
    for (int i = 0; describe->extended && i < catalog->options.count; i++)
        if (strcmp(catalog->options.keys[i], "type") != 0)
            add_fact(&facts, arena_printf(ctx->arena, "option:%s", catalog->options.keys[i]),
                     option_key_is_secret(catalog->options.keys[i]) ? "******" : catalog->options.values[i]);
    return show_facts(ctx, &facts, err);
}

static enum status describe_database(struct statement_ctx *ctx, const struct ast_describe *describe,
                                     struct error *err) {
    struct object_name name;
    TRY(session_resolve_database(ctx->session, describe->name, &name, err));
    TRY(session_check_database(ctx, &name, &describe->name->node, err));
    struct facts facts = {0};
    add_fact(&facts, "catalog name", name.catalog->name);
    add_fact(&facts, "database name", name.database);
    if (describe->extended) {
        const struct table **tables;
        int count, views = 0;
        TRY(name.catalog->class->list_tables(name.catalog, name.database, ctx->arena, &tables, &count, err));
        for (int i = 0; i < count; i++) views += tables[i]->kind == TABLE_VIEW;
        add_fact(&facts, "tables", arena_printf(ctx->arena, "%d", count - views));
        add_fact(&facts, "views", arena_printf(ctx->arena, "%d", views));
    }
    return show_facts(ctx, &facts, err);
}

static const char *instant_text(struct statement_ctx *ctx, int64_t ms) {
    struct strbuf text = {0};
    struct value value = value_i64(type_time(ctx->arena, TYPE_TIMESTAMP_LTZ, 3, false), ms * 1000);
    value_print(&text, &value, session_zone(ctx->session));
    const char *out = arena_strndup(ctx->arena, text.data, text.len);
    strbuf_free(&text);
    return out;
}

static enum status describe_materialized(struct statement_ctx *ctx, const struct table *table, struct error *err) {
    const struct materialized *materialized = table->materialized;
    const char *directory = materialized->checkpoint_dir;
    bool runs = directory && job_directory_in_use(directory);
    struct facts facts = {0};
    add_fact(&facts, "catalog name", table->catalog);
    add_fact(&facts, "database name", table->database);
    add_fact(&facts, "name", table->name);
    add_fact(&facts, "comment", table->comment);
    for (int i = 0; i < table->column_count; i++)
        add_fact(&facts, arena_printf(ctx->arena, "column:%s", table->columns[i].name),
                 type_to_string(ctx->arena, table->columns[i].type));
    add_fact(&facts, "query", materialized->query);
    add_fact(&facts, "refresh mode", materialized->full ? "FULL" : "CONTINUOUS");
    add_fact(&facts, "freshness", materialized->freshness);
    add_fact(&facts, "start mode", materialized->start_mode);
    add_fact(&facts, "status", materialized->suspended ? "SUSPENDED" : runs ? "RUNNING" : "ACTIVATED");
    add_fact(&facts, "last refresh", materialized->refreshed_ms ? instant_text(ctx, materialized->refreshed_ms) : NULL);
    add_fact(&facts, "checkpoint directory", directory);
    return show_facts(ctx, &facts, err);
}

enum status session_describe(struct statement_ctx *ctx, const struct ast_describe *describe, struct error *err) {
    switch (describe->object) {
    case AST_OBJECT_FUNCTION: return describe_function(ctx, describe, err);
    case AST_OBJECT_CATALOG: return describe_catalog(ctx, describe, err);
    case AST_OBJECT_DATABASE: return describe_database(ctx, describe, err);
    case AST_OBJECT_JOB: return session_describe_job(describe, err);
    case AST_OBJECT_TABLE:
    case AST_OBJECT_VIEW: break;
    default:
        return error_set_at(err, STATUS_UNDEFINED_NAME, describe->name->node.offset, describe->name->node.length,
                            "\"%s\" does not exist", ast_name_text(describe->name, ctx->arena));
    }
    const struct table *table;
    TRY(find_named(ctx, describe->name, &table, err));
    if (describe->extended && table->materialized) return describe_materialized(ctx, table, err);
    return describe_columns(ctx, table, NULL, err);
}

void session_complete(struct session *session, const char *prefix, struct arena *arena, const char ***names,
                      int *count) {
    size_t len = strlen(prefix), capacity = 0, n = 0;
    const char **list = NULL;
    struct str wanted = {prefix, len};
#define OFFER(name)                                                                                                    \
    do {                                                                                                               \
        const char *candidate_ = (name);                                                                               \
        if (strlen(candidate_) >= len && str_equal_nocase((struct str){candidate_, len}, wanted)) {                    \
            ARRAY_RESERVE(list, capacity, n + 1);                                                                      \
            list[n++] = arena_strdup(arena, candidate_);                                                               \
        }                                                                                                              \
    } while (0)
    for (int i = 0; i < function_count(); i++) OFFER(function_at(i)->name);
    for (int i = 0; i < session_setting_count; i++) OFFER(session_setting_defs[i].key);
    struct catalog *catalog = session_find_catalog(session, session->current_catalog);
    const struct table **tables;
    int table_count;
    struct error ignored;
    if (catalog && catalog->class->list_tables(catalog, session->current_database, arena, &tables, &table_count,
                                               &ignored) == STATUS_OK)
        for (int i = 0; i < table_count; i++) {
            OFFER(tables[i]->name);
            for (int c = 0; c < tables[i]->column_count; c++) OFFER(tables[i]->columns[c].name);
        }
#undef OFFER
    if (n) qsort(list, n, sizeof *list, compare_names);
    size_t unique = 0;
    for (size_t i = 0; i < n; i++)
        if (!unique || strcmp(list[unique - 1], list[i]) != 0) list[unique++] = list[i];
    *names = arena_memdup(arena, list, unique * sizeof *list);
    *count = (int)unique;
    free(list);
}
