/* COMPILE PLAN and EXECUTE PLAN. A compiled plan is a JSON file with the statement, the definitions of all it uses, the settings that
 * decide about plans, and the physical plan as text. It is a promise, not a program: EXECUTE PLAN plans the statement again, and
 * refuses when definitions or plan are not those of the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "function/json_simdjson.h"
#include "parse/unparse.h"
#include "session/session_private.h"

enum { FORMAT_VERSION = 1, MAX_FILE_BYTES = 64 << 20, MAX_PLAN_SETTINGS = 16 };

/* Settings that make another plan, or other results, of the same statement. */
static const char *const plan_settings[] = {
    "execution.runtime-mode",
    "table.local-time-zone",
    "table.exec.state.ttl",
    "table.exec.source.idle-timeout",
    "table.exec.sink.require-on-conflict",
    "table.exec.sink.not-null-enforcer",
    "table.exec.sink.type-length-enforcer",
    "table.optimizer.agg-phase-strategy",
    "table.optimizer.lookup-join.ratio",
    "table.optimizer.reuse-sub-plan-enabled",
};
enum { PLAN_SETTING_COUNT = sizeof plan_settings / sizeof *plan_settings };

/* ---- What a statement is planned to ---- */

struct compiled {
    const char *statement, *catalog, *database;
    const char *settings[PLAN_SETTING_COUNT];
    int object_count;
    const char **names, **definitions;
    int line_count;
    const char **lines; /* of the plan: nodes in order, inputs before users */
};

static const char *path_of(struct statement_ctx *ctx, struct str path) {
    static const char scheme[] = "file://";
    if (path.len > sizeof scheme - 1 && memcmp(path.data, scheme, sizeof scheme - 1) == 0)
        return arena_strndup(ctx->arena, path.data + sizeof scheme - 1, path.len - (sizeof scheme - 1));
    return arena_strndup(ctx->arena, path.data, path.len);
}

/* A node without what its source says of the data that is there now. */
static const char *node_line(struct arena *arena, const struct pnode *node) {
    struct strbuf text = {0};
    strbuf_printf(&text, "%d ", node->id);
    plan_print_node(&text, node);
    const char *source = node->kind == PNODE_SCAN ? strstr(text.data, ", source=[") : NULL;
    const char *line = source ? arena_printf(arena, "%.*s)", (int)(source - text.data), text.data)
                              : arena_strndup(arena, text.data, text.len);
    strbuf_free(&text);
    struct strbuf inputs = {0};
    for (int i = 0; i < node->input_count; i++) strbuf_printf(&inputs, "%s%d", i ? ", " : " <- ", node->inputs[i]->id);
    if (inputs.len) line = arena_printf(arena, "%s%s", line, inputs.data);
    strbuf_free(&inputs);
    return line;
}

static enum status inserts_of(const struct ast_node *node, const struct ast_insert *const **inserts, int *count,
                              const struct ast_insert **single, struct error *err) {
    if (node->kind == AST_INSERT) {
        *single = AST_AS(node, ast_insert);
        *inserts = single;
        *count = 1;
        return STATUS_OK;
    }
    if (node->kind != AST_STATEMENT_SET)
        return error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length,
                            "a plan is compiled for INSERT and for statement sets");
    const struct ast_list *list = &AST_AS(node, ast_statement_set)->inserts;
    *inserts = (const struct ast_insert *const *)list->items;
    *count = list->count;
    return STATUS_OK;
}

static enum status compile(struct statement_ctx *ctx, const struct ast_node *statement, struct compiled *out,
                           struct error *err) {
    struct session *session = ctx->session;
    struct used_objects used = {.arena = ctx->arena};
    const struct ast_insert *const *inserts = NULL, *single = NULL;
    int count = 0;
    struct plan *plan;
    TRY(inserts_of(statement, &inserts, &count, &single, err));
    session->used = &used;
    enum status status = session_plan_inserts(ctx, inserts, count, &plan, NULL, err);
    session->used = NULL;
    if (status != STATUS_OK) return status;
    struct strbuf text = {0};
    unparse_statement(statement, &text);
    *out = (struct compiled){.statement = arena_strndup(ctx->arena, text.data, text.len),
                             .catalog = session->current_catalog,
                             .database = session->current_database,
                             .object_count = used.count,
                             .names = ARENA_ARRAY(ctx->arena, const char *, used.count + 1),
                             .definitions = ARENA_ARRAY(ctx->arena, const char *, used.count + 1),
                             .line_count = plan->node_count,
                             .lines = ARENA_ARRAY(ctx->arena, const char *, plan->node_count + 1)};
    for (int i = 0; i < PLAN_SETTING_COUNT; i++) out->settings[i] = session_get(session, plan_settings[i]);
    out->settings[0] = plan->streaming ? "streaming" : "batch"; /* as it was decided */
    for (int i = 0; i < used.count; i++) {
        const struct table *table = used.tables[i];
        out->names[i] = arena_printf(ctx->arena, "%s.%s.%s", table->catalog, table->database, table->name);
        strbuf_clear(&text);
        table_print_create(&text, table);
        out->definitions[i] = arena_strndup(ctx->arena, text.data, text.len);
    }
    for (int i = 0; i < plan->node_count; i++) out->lines[i] = node_line(ctx->arena, plan->nodes[i]);
    strbuf_free(&text);
    return STATUS_OK;
}

/* FNV-1a over everything that must be the same. */
static const char *fingerprint_of(const struct compiled *compiled, struct arena *arena) {
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < compiled->line_count; i++)
        for (const char *p = compiled->lines[i];; p++) {
            hash = (hash ^ (unsigned char)*p) * 1099511628211u; /* the end too */
            if (!*p) break;
        }
    return arena_printf(arena, "%016llx", (unsigned long long)hash);
}

/* ---- The file ---- */

static void put_member(struct strbuf *out, const char *key, const char *value) {
    strbuf_printf(out, "  \"%s\": ", key);
    plan_put_json_string(out, str_from(value));
    strbuf_puts(out, ",\n");
}

static void put_file(struct strbuf *out, const struct compiled *compiled, struct arena *arena) {
    strbuf_printf(out, "{\n  \"millrace-plan\": %d,\n", FORMAT_VERSION);
    put_member(out, "version", MILLRACE_VERSION);
    put_member(out, "statement", compiled->statement);
    put_member(out, "catalog", compiled->catalog);
    put_member(out, "database", compiled->database);
    strbuf_puts(out, "  \"settings\": {");
    for (int i = 0; i < PLAN_SETTING_COUNT; i++) {
        strbuf_printf(out, "%s\n    \"%s\": ", i ? "," : "", plan_settings[i]);
        plan_put_json_string(out, str_from(compiled->settings[i]));
    }
    strbuf_puts(out, "\n  },\n  \"objects\": [");
    for (int i = 0; i < compiled->object_count; i++) {
        strbuf_puts(out, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
        plan_put_json_string(out, str_from(compiled->names[i]));
        strbuf_puts(out, ", \"definition\": ");
        plan_put_json_string(out, str_from(compiled->definitions[i]));
        strbuf_putc(out, '}');
    }
    strbuf_puts(out, "\n  ],\n");
    put_member(out, "fingerprint", fingerprint_of(compiled, arena));
    strbuf_puts(out, "  \"plan\": [");
    for (int i = 0; i < compiled->line_count; i++) {
        strbuf_puts(out, i ? ",\n    " : "\n    ");
        plan_put_json_string(out, str_from(compiled->lines[i]));
    }
    strbuf_puts(out, "\n  ]\n}\n");
}

static enum status file_error(const char *what, const char *path, struct error *err) {
    return error_set(err, STATUS_IO_ERROR, "cannot %s plan file '%s': %s", what, path, strerror(errno));
}

/* Whole or not at all: a hidden file first. */
static enum status write_file(const char *path, const struct strbuf *text, struct arena *arena, struct error *err) {
    const char *hidden = arena_printf(arena, "%s.%d.tmp", path, (int)getpid());
    FILE *file = fopen(hidden, "wbe");
    if (!file) return file_error("write", hidden, err);
    bool good = fwrite(text->data, 1, text->len, file) == text->len && fflush(file) == 0 && fsync(fileno(file)) == 0;
    enum status status = good ? STATUS_OK : file_error("write", hidden, err);
    if (fclose(file) != 0 && status == STATUS_OK) status = file_error("write", hidden, err);
    if (status == STATUS_OK && rename(hidden, path) != 0) status = file_error("write", path, err);
    if (status != STATUS_OK) unlink(hidden);
    return status;
}

static enum status read_file(const char *path, struct arena *arena, struct str *out, struct error *err) {
    struct stat st;
    FILE *file = fopen(path, "rbe");
    if (!file) return file_error("read", path, err);
    enum status status = fstat(fileno(file), &st) == 0 ? STATUS_OK : file_error("read", path, err);
    if (status == STATUS_OK && (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE_BYTES))
        status = error_set(err, STATUS_LIMIT_EXCEEDED, "plan file '%s' is no file of at most %d bytes", path,
                           MAX_FILE_BYTES);
    if (status == STATUS_OK) {
        char *data = arena_alloc(arena, (size_t)st.st_size + 1);
        *out = (struct str){data, fread(data, 1, (size_t)st.st_size, file)};
        data[out->len] = 0;
        if (ferror(file)) status = file_error("read", path, err);
    }
    fclose(file);
    return status;
}

/* ---- Reading it ---- */

struct reader {
    struct json_parser *parser;
    struct str text;
    struct arena *arena;
};

static void append(void *data, const char *text, size_t len) { strbuf_add(data, text, len); }

/* A text at a path of up to three steps: a key, then an index or a key, then a key. NULL: there is none. */
static const char *read_text(const struct reader *reader, const char *key, const char *member, int index,
                             const char *field) {
    struct json_path path = {.step_count = 1, .steps[0] = {JSON_STEP_KEY, key, strlen(key), 0}};
    if (member) path.steps[path.step_count++] = (struct json_step){JSON_STEP_KEY, member, strlen(member), 0};
    if (index >= 0) path.steps[path.step_count++] = (struct json_step){JSON_STEP_INDEX, NULL, 0, index};
    if (field) path.steps[path.step_count++] = (struct json_step){JSON_STEP_KEY, field, strlen(field), 0};
    struct strbuf text = {0};
    strbuf_puts(&text, "");
    struct json_sink sink = {append, &text};
    enum json_kind kind;
    int64_t count;
    const char *out = NULL;
    if (json_select(reader->parser, reader->text.data, reader->text.len, &path, &kind, &count, &sink, NULL) ==
            JSON_FOUND &&
        (kind == JSON_STRING || kind == JSON_NUMBER))
        out = arena_strndup(reader->arena, text.data, text.len);
    strbuf_free(&text);
    return out;
}

static enum status read_members(const struct reader *reader, const char *path, struct compiled *out,
                                const char **fingerprint, struct error *err) {
    const char *version = read_text(reader, "millrace-plan", NULL, -1, NULL);
    *out = (struct compiled){.statement = read_text(reader, "statement", NULL, -1, NULL),
                             .catalog = read_text(reader, "catalog", NULL, -1, NULL),
                             .database = read_text(reader, "database", NULL, -1, NULL)};
    *fingerprint = read_text(reader, "fingerprint", NULL, -1, NULL);
    if (version && strtol(version, NULL, 10) != FORMAT_VERSION)
        return error_set(err, STATUS_NOT_SUPPORTED, "plan file '%s' has format %s, this program knows format %d", path,
                         version, FORMAT_VERSION);
    if (!version || !out->statement || !out->catalog || !out->database || !*fingerprint) {
        error_set(err, STATUS_BAD_DATA, "'%s' is no plan file", path);
        error_hint(err, "COMPILE PLAN '%s' FOR INSERT … makes one; plans of Flink cannot be read", path);
        return STATUS_BAD_DATA;
    }
    for (int i = 0; i < PLAN_SETTING_COUNT; i++)
        out->settings[i] = read_text(reader, "settings", plan_settings[i], -1, NULL);
    while (read_text(reader, "objects", NULL, out->object_count, "name")) out->object_count++;
    while (read_text(reader, "plan", NULL, out->line_count, NULL)) out->line_count++;
    out->names = ARENA_ARRAY(reader->arena, const char *, out->object_count + 1);
    out->definitions = ARENA_ARRAY(reader->arena, const char *, out->object_count + 1);
    out->lines = ARENA_ARRAY(reader->arena, const char *, out->line_count + 1);
    for (int i = 0; i < out->object_count; i++) {
        out->names[i] = read_text(reader, "objects", NULL, i, "name");
        out->definitions[i] = read_text(reader, "objects", NULL, i, "definition");
    }
    for (int i = 0; i < out->line_count; i++) out->lines[i] = read_text(reader, "plan", NULL, i, NULL);
    return STATUS_OK;
}

/* ---- Comparing ---- */

static enum status check_objects(const char *path, const struct compiled *kept, const struct compiled *now,
                                 struct error *err) {
    for (int i = 0; i < now->object_count; i++) {
        int at = -1;
        for (int k = 0; k < kept->object_count; k++)
            if (strcmp(kept->names[k], now->names[i]) == 0) at = k;
        if (at >= 0 && kept->definitions[at] && strcmp(kept->definitions[at], now->definitions[i]) == 0) continue;
        error_set(err, STATUS_INVALID_ARGUMENT, "plan '%s' was compiled for another definition of %s", path,
                  now->names[i]);
        if (at >= 0 && kept->definitions[at])
            error_detail(err, "then: %s\nnow: %s", kept->definitions[at], now->definitions[i]);
        error_hint(err, "change the definition back, or compile the plan again");
        return STATUS_INVALID_ARGUMENT;
    }
    return STATUS_OK;
}

static enum status check_lines(const char *path, const struct compiled *kept, const struct compiled *now,
                               const char *fingerprint, struct arena *arena, struct error *err) {
    if (strcmp(fingerprint, fingerprint_of(now, arena)) == 0) return STATUS_OK;
    int at = 0;
    while (at < kept->line_count && at < now->line_count && strcmp(kept->lines[at], now->lines[at]) == 0) at++;
    error_set(err, STATUS_INVALID_ARGUMENT, "plan '%s' is not the one that is made of its statement now", path);
    error_detail(err, "then: %s\nnow: %s", at < kept->line_count ? kept->lines[at] : "(nothing more)",
                 at < now->line_count ? now->lines[at] : "(nothing more)");
    error_hint(err, "compile it again: EXECUTE PLAN runs no other plan than the one that was compiled");
    return STATUS_INVALID_ARGUMENT;
}

/* ---- Running ---- */

/* Settings, catalog and database as they were when the plan was compiled, and back. */
struct saved_session {
    struct option_list settings;
    const char *catalog, *database;
    const struct time_zone *zone;
};

static void save_session(struct statement_ctx *ctx, struct saved_session *saved) {
    struct session *session = ctx->session;
    *saved = (struct saved_session){
        .catalog = session->current_catalog, .database = session->current_database, .zone = session->zone};
    for (int i = 0; i < session->settings.count; i++)
        option_add(&saved->settings, ctx->arena, session->settings.keys[i], session->settings.values[i], -1);
}

static void restore_session(struct session *session, const struct saved_session *saved) {
    session->settings.count = 0;
    for (int i = 0; i < saved->settings.count; i++)
        option_add(&session->settings, &session->arena, saved->settings.keys[i], saved->settings.values[i], -1);
    session->current_catalog = saved->catalog;
    session->current_database = saved->database;
    session->zone = saved->zone;
}

static enum status enter_session(struct session *session, const struct compiled *kept, struct error *err) {
    struct catalog *catalog = session_find_catalog(session, kept->catalog);
    if (!catalog)
        return error_set(err, STATUS_UNDEFINED_NAME, "the plan was compiled in catalog \"%s\", which does not exist",
                         kept->catalog);
    session->current_catalog = catalog->name;
    session->current_database = arena_strdup(&session->arena, kept->database);
    for (int i = 0; i < PLAN_SETTING_COUNT; i++)
        if (kept->settings[i]) TRY(session_set(session, plan_settings[i], kept->settings[i], NULL, err));
    return STATUS_OK;
}

static enum status run_kept(struct statement_ctx *ctx, const char *path, const struct compiled *kept,
                            const char *fingerprint, struct error *err) {
    struct ast_statement *statement;
    struct compiled now;
    size_t len = strlen(kept->statement);
    TRY(enter_session(ctx->session, kept, err));
    /* Places are those of the file's statement, not of the script. */
    struct statement_ctx inner = *ctx;
    inner.text = kept->statement;
    inner.len = len;
    enum status status = parse_statement(kept->statement, len, ctx->arena, &statement, err);
    if (status == STATUS_OK) status = compile(&inner, statement->root, &now, err);
    if (status != STATUS_OK) {
        if (err) err->offset = -1;
        error_prefix(err, "plan '%s'", path);
        return status;
    }
    TRY(check_objects(path, kept, &now, err));
    TRY(check_lines(path, kept, &now, fingerprint, ctx->arena, err));
    const struct ast_insert *const *inserts = NULL, *single = NULL;
    int count = 0;
    TRY(inserts_of(statement->root, &inserts, &count, &single, err));
    return session_insert_as_job(&inner, inserts, count, err);
}

static enum status execute_file(struct statement_ctx *ctx, const char *path, struct error *err) {
    struct reader reader = {.arena = ctx->arena};
    struct compiled kept;
    const char *fingerprint;
    TRY(read_file(path, ctx->arena, &reader.text, err));
    reader.parser = json_parser_create();
    enum status status = read_members(&reader, path, &kept, &fingerprint, err);
    json_parser_free(reader.parser);
    if (status != STATUS_OK) return status;
    struct saved_session saved;
    save_session(ctx, &saved);
    status = run_kept(ctx, path, &kept, fingerprint, err);
    restore_session(ctx->session, &saved);
    return status;
}

enum status session_execute_plan(struct statement_ctx *ctx, const struct ast_execute_plan *execute, struct error *err) {
    return session_place_error(execute_file(ctx, path_of(ctx, execute->path), err), &execute->node, err);
}

enum status session_compile_plan(struct statement_ctx *ctx, const struct ast_compile_plan *compile_plan,
                                 struct error *err) {
    const char *path = path_of(ctx, compile_plan->path);
    bool force = false, exists = access(path, F_OK) == 0;
    (void)option_parse_bool(str_from(session_get(ctx->session, "table.plan.force-recompile")), &force);
    if (exists && !force && !compile_plan->if_not_exists && !compile_plan->execute) {
        error_set_at(err, STATUS_DUPLICATE_NAME, compile_plan->node.offset, compile_plan->node.length,
                     "plan file '%s' exists already", path);
        error_hint(err, "IF NOT EXISTS keeps it; SET 'table.plan.force-recompile' = 'true' writes it anew");
        return STATUS_DUPLICATE_NAME;
    }
    if (!exists || force) {
        struct compiled compiled;
        struct strbuf text = {0};
        TRY(compile(ctx, compile_plan->statement, &compiled, err));
        put_file(&text, &compiled, ctx->arena);
        enum status status = write_file(path, &text, ctx->arena, err);
        strbuf_free(&text);
        TRY(session_place_error(status, &compile_plan->node, err));
    }
    if (compile_plan->execute) return session_place_error(execute_file(ctx, path, err), &compile_plan->node, err);
    session_message(ctx, "OK");
    return STATUS_OK;
}
