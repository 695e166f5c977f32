/* Statements beside queries and DDL: functions, JARs, modules, jobs; and those that cannot be here, which say why and what to do
 * instead. */
#include <stdarg.h>
#include <stdio.h>

#include "function/registry.h"
#include "session/session_private.h"

static enum status refuse(const struct ast_node *node, struct error *err, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static enum status refuse(const struct ast_node *node, struct error *err, const char *hint, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length, "%s", text);
    if (hint) error_hint(err, "%s", hint);
    return STATUS_NOT_SUPPORTED;
}

/* DROP of what cannot exist. */
static enum status drop_missing(struct statement_ctx *ctx, const struct ast_drop *drop, const char *what,
                                struct error *err) {
    if (!drop->if_exists)
        return error_set_at(err, STATUS_UNDEFINED_NAME, drop->name->node.offset, drop->name->node.length,
                            "%s \"%s\" does not exist", what, ast_name_text(drop->name, ctx->arena));
    session_message(ctx, "OK");
    return STATUS_OK;
}

/* ---- Functions ---- */

/* Classes of well-known scripts whose function is built in. */
static const struct {
    const char *class_name, *function;
} known_classes[] = {
    {"com.github.nexmark.flink.udf.CountChar", "COUNT_CHAR"},
};

static const char *user_function(const struct session *session, const char *name, int *at) {
    for (int i = 0; i < session->user_function_count; i++)
        if (str_equal_nocase(str_from(session->user_functions[i]), str_from(name))) {
            if (at) *at = i;
            return session->user_functions[i];
        }
    return NULL;
}

static enum status create_function(struct statement_ctx *ctx, const struct ast_create_function *create,
                                   struct error *err) {
    struct session *session = ctx->session;
    const char *name = create->name->parts[create->name->count - 1].text, *built_in = NULL;
    for (size_t i = 0; i < sizeof known_classes / sizeof *known_classes; i++)
        if (create->class_name.data && str_equal(create->class_name, str_from(known_classes[i].class_name)))
            built_in = known_classes[i].function;
    if (!built_in)
        return refuse(&create->name->node, err, "SHOW FUNCTIONS lists what is built in",
                      "function \"%s\" cannot be created: it would need the class of a JVM or Python, and there is "
                      "neither here",
                      name);
    if (!str_equal_nocase(str_from(name), str_from(built_in))) {
        char hint[128];
        snprintf(hint, sizeof hint, "call %s instead of \"%.64s\"", built_in, name);
        return refuse(&create->name->node, err, hint, "class '%.*s' is built in, as %s, and has no other name",
                      (int)create->class_name.len, create->class_name.data, built_in);
    }
    if (user_function(session, name, NULL)) {
        if (create->if_not_exists) return STATUS_OK;
        return error_set_at(err, STATUS_DUPLICATE_NAME, create->name->node.offset, create->name->node.length,
                            "function \"%s\" exists already", name);
    }
    if (session->user_function_count == SESSION_MAX_USER_FUNCTIONS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "more than %d functions", SESSION_MAX_USER_FUNCTIONS);
    session->user_functions[session->user_function_count++] = arena_strdup(&session->arena, name);
    session_message(ctx, "OK, %s is built in", built_in);
    return STATUS_OK;
}

static enum status drop_function(struct statement_ctx *ctx, const struct ast_drop *drop, struct error *err) {
    struct session *session = ctx->session;
    const char *name = drop->name->parts[drop->name->count - 1].text;
    int at;
    if (!user_function(session, name, &at)) {
        if (!drop->if_exists && function_find(str_from(name)))
            return refuse(&drop->name->node, err, NULL, "function \"%s\" is built in and cannot be dropped", name);
        return drop_missing(ctx, drop, "function", err);
    }
    session->user_functions[at] = session->user_functions[--session->user_function_count];
    session_message(ctx, "OK");
    return STATUS_OK;
}

/* ---- JARs ---- */

static enum status jar(struct statement_ctx *ctx, const struct ast_jar *jar, struct error *err) {
    struct session *session = ctx->session;
    const char *path = arena_strndup(ctx->arena, jar->path.data, jar->path.len);
    int at = -1;
    for (int i = 0; i < session->jar_count; i++)
        if (strcmp(session->jars[i], path) == 0) at = i;
    if (jar->remove) {
        if (at < 0)
            return error_set_at(err, STATUS_UNDEFINED_NAME, jar->node.offset, jar->node.length, "'%s' was not added",
                                path);
        for (session->jar_count--; at < session->jar_count; at++) session->jars[at] = session->jars[at + 1];
        session_message(ctx, "OK");
        return STATUS_OK;
    }
    if (at < 0) {
        if (session->jar_count == SESSION_MAX_JARS)
            return error_set(err, STATUS_LIMIT_EXCEEDED, "more than %d JARs", SESSION_MAX_JARS);
        session->jars[session->jar_count++] = arena_strdup(&session->arena, path);
    }
    session_warn(ctx, "ADD JAR has no effect: there is no JVM here; connectors and functions are built in");
    session_message(ctx, "OK");
    return STATUS_OK;
}

/* ---- What cannot be ---- */

static enum status no_model(const struct ast_node *node, struct error *err) {
    return refuse(node, err, NULL, "models are not supported: there is nothing here that would run them");
}

static enum status no_connection(const struct ast_node *node, struct error *err) {
    return refuse(node, err, "CREATE CATALOG keeps the options of a connection to Cassandra",
                  "connections are not supported, as in Flink 2.3, which only parses them");
}

static enum status no_job(const struct ast_node *node, const char *what, struct error *err) {
    return refuse(node, err,
                  "Ctrl-C stops the job that runs; `millrace run --checkpoint-dir` goes on from its last "
                  "checkpoint",
                  "%s has no job to speak of: jobs run in the foreground, one at a time", what);
}

static enum status module(struct statement_ctx *ctx, const struct ast_module *module, struct error *err) {
    bool is_core = strcmp(module->name->text, "core") == 0;
    (void)ctx;
    if (module->unload)
        return refuse(&module->name->node, err, NULL,
                      is_core ? "module \"%s\" has all functions and cannot be unloaded"
                              : "there is no module \"%s\": the only one is core",
                      module->name->text);
    if (is_core)
        return error_set_at(err, STATUS_DUPLICATE_NAME, module->name->node.offset, module->name->node.length,
                            "module \"core\" is loaded already");
    return refuse(&module->name->node, err, NULL,
                  "module \"%s\" cannot be loaded: modules are classes of a JVM, and there is none here",
                  module->name->text);
}

static enum status alter_other(struct statement_ctx *ctx, const struct ast_alter *alter, struct error *err) {
    switch (alter->object) {
    case AST_OBJECT_MATERIALIZED_TABLE: return session_alter_materialized(ctx, alter, err);
    case AST_OBJECT_MODEL: return no_model(&alter->node, err);
    case AST_OBJECT_CONNECTION: return no_connection(&alter->node, err);
    default:
        return refuse(&alter->node, err, NULL,
                      "functions cannot be changed: they are built in, and there is no JVM "
                      "that would have other classes");
    }
}

static enum status drop_other(struct statement_ctx *ctx, const struct ast_drop *drop, struct error *err) {
    switch (drop->object) {
    case AST_OBJECT_FUNCTION: return drop_function(ctx, drop, err);
    case AST_OBJECT_MATERIALIZED_TABLE: return session_drop_materialized(ctx, drop, err);
    case AST_OBJECT_MODEL: return drop_missing(ctx, drop, "model", err);
    default: return drop_missing(ctx, drop, "connection", err);
    }
}

enum status session_other(struct statement_ctx *ctx, const struct ast_node *node, struct error *err) {
    switch (node->kind) {
    case AST_CREATE_FUNCTION: return create_function(ctx, AST_AS(node, ast_create_function), err);
    case AST_ALTER: return alter_other(ctx, AST_AS(node, ast_alter), err);
    case AST_DROP: return drop_other(ctx, AST_AS(node, ast_drop), err);
    case AST_JAR: return jar(ctx, AST_AS(node, ast_jar), err);
    case AST_MODULE: return module(ctx, AST_AS(node, ast_module), err);
    case AST_CREATE_MATERIALIZED_TABLE:
        return session_create_materialized(ctx, AST_AS(node, ast_create_materialized_table), err);
    case AST_CREATE_MODEL: return no_model(node, err);
    case AST_CREATE_CONNECTION: return no_connection(node, err);
    case AST_STOP_JOB: return no_job(node, "STOP JOB", err);
    case AST_CALL:
        return refuse(node, err, NULL, "there is no procedure \"%s\": no catalog here has procedures",
                      ast_name_text(AST_AS(node, ast_call)->function->name, ctx->arena));
    default: break;
    }
    struct strbuf kind = {0};
    for (const char *p = ast_kind_name(node->kind); *p; p++) strbuf_putc(&kind, *p == '_' ? ' ' : *p);
    enum status status = refuse(node, err, NULL, "%s is not supported", kind.data);
    strbuf_free(&kind);
    return status;
}

enum status session_describe_job(const struct ast_describe *describe, struct error *err) {
    return no_job(&describe->node, "DESCRIBE JOB", err);
}
