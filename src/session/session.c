/* Sessions: making, settings, dispatch of statements. */
#include "session/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "connector/cassandra/cassandra.h"
#include "connector/store/store_connector.h"
#include "session/session_private.h"

const struct setting_def session_setting_defs[] = {
#define X(key, type, default_value, choices, doc) {key, type, default_value, choices, doc},
#include "session/settings.def"
#undef X
};
const int session_setting_count = sizeof session_setting_defs / sizeof *session_setting_defs;

enum status session_create(const struct session_options *options, struct session **out, struct error *err) {
    struct session *session = xcalloc(1, sizeof *session);
    session->options = *options;
    arena_init(&session->arena, NULL);
    pthread_mutex_init(&session->job_lock, NULL);
    enum status status = store_open(options->data_dir, NULL, &session->store, err);
    struct catalog *catalog = NULL;
    if (status == STATUS_OK)
        status = store_catalog_create("default_catalog", "default_database", session->store, &catalog, err);
    if (status != STATUS_OK) {
        session_destroy(session);
        return status;
    }
    session->catalogs[session->catalog_count++] = catalog;
    session->current_catalog = "default_catalog";
    session->current_database = "default_database";
    session->temporary = catalog_memory_create("temporary", "temporary");
    *out = session;
    return STATUS_OK;
}

void session_destroy(struct session *session) {
    if (!session) return;
    for (int i = 0; i < session->catalog_count; i++) session->catalogs[i]->class->close(session->catalogs[i]);
    if (session->temporary) session->temporary->class->close(session->temporary);
    store_close(session->store);
    for (struct kept_statistics *kept = session->statistics; kept; kept = kept->next) arena_destroy(&kept->arena);
    pthread_mutex_destroy(&session->job_lock);
    arena_destroy(&session->arena);
    free(session);
}

void session_cancel(struct session *session) {
    atomic_store(&session->cancelled, true);
    /* No lock: this may run in a signal handler. The job outlives `running` being set. */
    struct job *job = session->running;
    if (job) job_cancel(job);
}

/* ---- Settings ---- */

static const struct setting_def *find_setting(const char *key) {
    for (int i = 0; i < session_setting_count; i++)
        if (strcmp(session_setting_defs[i].key, key) == 0) return &session_setting_defs[i];
    return NULL;
}

const char *session_get(const struct session *session, const char *key) {
    for (int i = session->settings.count - 1; i >= 0; i--)
        if (strcmp(session->settings.keys[i], key) == 0) return session->settings.values[i];
    const struct setting_def *def = find_setting(key);
    return def ? def->default_value : NULL;
}

const struct time_zone *session_zone(const struct session *session) { return session->zone; }

enum result_mode session_result_mode(const struct session *session) {
    const char *mode = session_get(session, "sql-client.execution.result-mode");
    if (str_compare_nocase(mode, "changelog") == 0) return RESULT_CHANGELOG;
    if (str_compare_nocase(mode, "tableau") == 0) return RESULT_TABLEAU;
    return RESULT_TABLE;
}

static enum status check_setting(const struct setting_def *def, const char *value, struct error *err) {
    /* the option checker knows the types */
    struct option_def table[2] = {
        {.name = def->key, .type = def->type, .choices = def->choices, .default_value = NULL, .doc = def->doc},
        OPTION_END};
    if (!*value && def->default_value && !*def->default_value) return STATUS_OK;
    const struct option_def *tables[] = {table, NULL};
    const char *keys[] = {def->key}, *values[] = {value};
    struct option_list list = {.count = 1, .keys = keys, .values = values};
    return options_check(&list, tables, "the session", err);
}

/* Why a setting that Flink has decides nothing here, NULL when nobody knows it. *by_name: it stands in the list itself, not just its
 * family. */
static const char *accepted_setting(const char *key, bool *by_name) {
    static const struct {
        const char *key, *why;
    } accepted[] = {
#define X(key, why) {key, why},
#include "session/accepted.def"
#undef X
    };
    const char *why = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        size_t len = strlen(accepted[i].key);
        bool is_family = accepted[i].key[len - 1] == '.';
        bool fits = is_family ? strncmp(key, accepted[i].key, len) == 0 : strcmp(key, accepted[i].key) == 0;
        if (!fits || len <= longest) continue;
        why = accepted[i].why;
        *by_name = !is_family;
        longest = len;
    }
    return why;
}

/* Once for a key: what was set before has been warned about. */
static void warn_no_effect(struct session *session, const char *key, const struct result_handler *handler) {
    if (!handler || !handler->warning) return;
    for (int i = 0; i < session->settings.count; i++)
        if (strcmp(session->settings.keys[i], key) == 0) return;
    const char *names[256];
    int count = session_setting_count < 256 ? session_setting_count : 256;
    for (int i = 0; i < count; i++) names[i] = session_setting_defs[i].key;
    bool by_name = false;
    const char *near = str_nearest(key, names, count), *why = accepted_setting(key, &by_name);
    char text[512];
    if (why && (by_name || !near))
        snprintf(text, sizeof text, "setting '%s' has no effect here: %s", key, why);
    else
        snprintf(text, sizeof text, "unknown setting '%s' has no effect%s%s%s", key, near ? " (did you mean '" : "",
                 near ? near : "", near ? "'?)" : "");
    handler->warning(handler->data, text);
}

enum status session_set(struct session *session, const char *key, const char *value,
                        const struct result_handler *handler, struct error *err) {
    /* other names of settings */
    if (strcmp(key, "table.exec.resource.default-parallelism") == 0) {
        key = "parallelism.default";
        if (strcmp(value, "-1") == 0) value = "";
    }
    if (strcmp(key, "execution.savepoint.path") == 0) key = "execution.state-recovery.path";
    if (strcmp(key, "restart-strategy") == 0) key = "restart-strategy.type";
    const struct setting_def *def = find_setting(key);
    if (def)
        TRY(check_setting(def, value, err));
    else
        warn_no_effect(session, key, handler);
    if (strcmp(key, "table.exec.legacy-cast-behaviour") == 0 && str_compare_nocase(value, "ENABLED") == 0) {
        error_set(err, STATUS_NOT_SUPPORTED,
                  "'%s' cannot be 'ENABLED': CAST never gives NULL for a value that does not fit", key);
        error_hint(err, "write TRY_CAST where NULL is wanted");
        return STATUS_NOT_SUPPORTED;
    }
    if (strcmp(key, "table.local-time-zone") == 0) {
        const struct time_zone *zone = NULL;
        if (str_compare_nocase(value, "default") != 0) TRY(time_zone_find(str_from(value), &zone, err));
        session->zone = zone;
    }
    for (int i = 0; i < session->settings.count; i++)
        if (strcmp(session->settings.keys[i], key) == 0) {
            session->settings.values[i] = arena_strdup(&session->arena, value);
            return STATUS_OK;
        }
    if (session->settings.count >= SESSION_MAX_SETTINGS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "more than %d settings", SESSION_MAX_SETTINGS);
    option_add(&session->settings, &session->arena, arena_strdup(&session->arena, key),
               arena_strdup(&session->arena, value), -1);
    return STATUS_OK;
}

static const char *str_text(struct arena *arena, struct str text) { return arena_strndup(arena, text.data, text.len); }

static enum status list_settings(struct statement_ctx *ctx, struct error *err) {
    struct session *session = ctx->session;
    int max = session_setting_count + session->settings.count, rows = 0;
    const char **cells = ARENA_ARRAY(ctx->arena, const char *, max * 2 + 2);
    for (int i = 0; i < session_setting_count; i++) {
        cells[rows * 2] = session_setting_defs[i].key;
        cells[rows++ * 2 + 1] = session_get(session, session_setting_defs[i].key);
    }
    for (int i = 0; i < session->settings.count; i++) {
        if (find_setting(session->settings.keys[i])) continue;
        cells[rows * 2] = session->settings.keys[i];
        cells[rows++ * 2 + 1] = session->settings.values[i];
    }
    const char *names[] = {"key", "value"};
    return result_strings(ctx->handler, names, 2, cells, rows, err);
}

static enum status set_statement(struct statement_ctx *ctx, const struct ast_set *set, struct error *err) {
    if (!set->option) return list_settings(ctx, err);
    const char *key = str_text(ctx->arena, set->option->key), *value = str_text(ctx->arena, set->option->value);
    enum status status = session_set(ctx->session, key, value, ctx->handler, err);
    if (status != STATUS_OK && err && err->offset < 0) {
        err->offset = set->option->value_offset;
        err->length = set->option->value_length;
    }
    return status;
}

static enum status reset_statement(struct statement_ctx *ctx, const struct ast_reset *reset, struct error *err) {
    (void)err;
    struct session *session = ctx->session;
    struct option_list *settings = &session->settings;
    int kept = 0;
    for (int i = 0; i < settings->count; i++) {
        bool drop = !reset->key.data || str_equal(str_from(settings->keys[i]), reset->key);
        if (drop && strcmp(settings->keys[i], "table.local-time-zone") == 0) session->zone = NULL;
        if (drop) continue;
        settings->keys[kept] = settings->keys[i];
        settings->values[kept++] = settings->values[i];
    }
    settings->count = kept;
    return STATUS_OK;
}

/* ---- Dispatch ---- */

void session_message(const struct statement_ctx *ctx, const char *fmt, ...) {
    if (!ctx->handler->message) return;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ctx->handler->message(ctx->handler->data, text);
}

void session_warn(const struct statement_ctx *ctx, const char *fmt, ...) {
    if (!ctx->handler->warning) return;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ctx->handler->warning(ctx->handler->data, text);
}

static enum status statement_set(struct statement_ctx *ctx, const struct ast_statement_set *set, struct error *err) {
    if (set->inserts.count == 0)
        return error_set_at(err, STATUS_INVALID_QUERY, set->node.offset, set->node.length,
                            "the statement set is empty");
    for (int i = 0; i < set->inserts.count; i++)
        if (set->inserts.items[i]->kind != AST_INSERT)
            return error_set_at(err, STATUS_NOT_SUPPORTED, set->inserts.items[i]->offset, set->inserts.items[i]->length,
                                "only INSERT can stand in a statement set");
    return session_insert(ctx, (const struct ast_insert *const *)set->inserts.items, set->inserts.count, err);
}

static enum status dispatch(struct statement_ctx *ctx, const struct ast_node *root, struct error *err) {
    switch (root->kind) {
    case AST_QUERY: return session_query(ctx, AST_AS(root, ast_query), err);
    case AST_INSERT: {
        const struct ast_insert *insert = AST_AS(root, ast_insert);
        return session_insert(ctx, &insert, 1, err);
    }
    case AST_UPDATE:
    case AST_DELETE: return session_modify(ctx, root, err);
    case AST_MERGE: return session_merge(ctx, AST_AS(root, ast_merge), err);
    case AST_STATEMENT_SET: return statement_set(ctx, AST_AS(root, ast_statement_set), err);
    case AST_EXECUTE: return dispatch(ctx, AST_AS(root, ast_execute)->statement, err);
    case AST_COMPILE_PLAN: return session_compile_plan(ctx, AST_AS(root, ast_compile_plan), err);
    case AST_EXECUTE_PLAN: return session_execute_plan(ctx, AST_AS(root, ast_execute_plan), err);
    case AST_EXPLAIN: return session_explain(ctx, AST_AS(root, ast_explain), err);
    case AST_SET: return set_statement(ctx, AST_AS(root, ast_set), err);
    case AST_RESET: return reset_statement(ctx, AST_AS(root, ast_reset), err);
    case AST_ANALYZE: return session_analyze(ctx, AST_AS(root, ast_analyze), err);
    case AST_SHOW: return session_show(ctx, AST_AS(root, ast_show), err);
    case AST_DESCRIBE: return session_describe(ctx, AST_AS(root, ast_describe), err);
    default: break;
    }
    bool handled = false;
    TRY(session_ddl(ctx, root, &handled, err));
    return handled ? STATUS_OK : session_other(ctx, root, err);
}

enum status session_execute(struct session *session, const struct ast_statement *statement, const char *text,
                            size_t len, const struct result_handler *handler, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct statement_ctx ctx = {.session = session, .text = text, .len = len, .handler = handler, .arena = &arena};
    atomic_store(&session->cancelled, false);
    enum status status;
    if (statement->parameter_count)
        status = error_set_at(err, STATUS_NOT_SUPPORTED, statement->offset, statement->length,
                              "parameters (?) have no values here");
    else
        status = session_check_portable(&ctx, statement->root, err);
    if (status == STATUS_OK) status = session_check_hints(&ctx, statement->root, err);
    if (status == STATUS_OK) status = dispatch(&ctx, statement->root, err);
    arena_destroy(&arena);
    return status;
}
