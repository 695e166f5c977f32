/* What load, unload and count share. */
#include "shell/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "shell/signals.h"
#include "shell/text.h"

/* ---- Statements ---- */

enum status transfer_sql(struct transfer *transfer, const char *sql, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    size_t len = strlen(sql);
    struct ast_statement *statement;
    signals_running(transfer->session);
    progress_start(&transfer->runner->progress, transfer->runner->error_terminal);
    transfer->runner->progress.transfer = true;
    transfer->runner->progress.writes = transfer->writes;
    transfer->start_ns = clock_monotonic_ns();
    enum status status = parse_statement(sql, len, &arena, &statement, err);
    if (status == STATUS_OK) status = session_execute(transfer->session, statement, sql, len, &transfer->handler, err);
    transfer->elapsed_ns = clock_monotonic_ns() - transfer->start_ns;
    transfer->figures = transfer->runner->progress.now;
    progress_erase(&transfer->runner->progress);
    signals_running(NULL);
    arena_destroy(&arena);
    if (status != STATUS_OK && err) err->offset = -1; /* the statement is ours: a place in it says nothing */
    return status;
}

enum status transfer_set(struct transfer *transfer, const char *key, const char *value, struct error *err) {
    return session_set(transfer->session, key, value, &transfer->handler, err);
}

/* ---- Results ---- */

static enum status on_begin(void *data, const struct schema *schema, bool changelog, bool streaming,
                            struct error *err) {
    (void)data, (void)schema, (void)changelog, (void)streaming, (void)err;
    return STATUS_OK;
}

static enum status on_rows(void *data, const struct chunk *chunk, const uint8_t *kinds, struct error *err) {
    struct transfer *transfer = data;
    (void)kinds, (void)err;
    if (chunk->row_count && chunk->columns[0].phys == PHYS_I64)
        transfer->count = ((const int64_t *)chunk->columns[0].data)[chunk->row_count - 1];
    return STATUS_OK;
}

static enum status on_end(void *data, int64_t row_count, struct error *err) {
    (void)data, (void)row_count, (void)err;
    return STATUS_OK;
}

static void on_progress(void *data, const char *job_name, const struct job_progress *progress) {
    struct transfer *transfer = data;
    struct runner *runner = transfer->runner;
    (void)job_name;
    bool show = runner->error_terminal && !transfer->quiet;
    progress_update_quietly(&runner->progress, progress, show);
}

/* ---- Names ---- */

enum status transfer_name(struct arena *arena, const char *text, const char ***parts, int *count, struct error *err) {
    enum { MOST = 3 };
    const char **list = ARENA_ARRAY(arena, const char *, MOST);
    const char *p = text;
    *count = 0;
    for (;; p++) {
        struct strbuf part = {0};
        char quote = *p == '`' || *p == '"' ? *p : 0;
        bool closed = !quote;
        strbuf_puts(&part, "");
        for (p += quote != 0; *p && (quote || *p != '.'); p++) {
            if (quote && *p == quote) {
                closed = p[1] != quote;
                if (closed) break;
                p++;
            }
            strbuf_putc(&part, *p);
        }
        if (quote && closed) p++;
        bool good = closed && part.len && (*p == 0 || *p == '.') && *count < MOST;
        if (good) list[(*count)++] = arena_strndup(arena, part.data, part.len);
        strbuf_free(&part);
        if (!good) {
            error_set(err, STATUS_USAGE, "'%s' is no name of a table", text);
            error_hint(err, "[catalog.]keyspace.table; names with points stand in double quotes");
            return STATUS_USAGE;
        }
        if (!*p) break;
    }
    *parts = list;
    return STATUS_OK;
}

enum status transfer_table(struct transfer *transfer, const char *text, const struct table **out, struct error *err) {
    const char **parts;
    int count;
    TRY(transfer_name(&transfer->arena, text, &parts, &count, err));
    if (transfer->args->hosts && count == 1) {
        error_set(err, STATUS_USAGE, "'%s' names no keyspace", text);
        error_hint(err, "keyspace.table");
        return STATUS_USAGE;
    }
    return session_table(transfer->session, parts, count, &transfer->arena, out, err);
}

enum status transfer_names(struct arena *arena, const char *option, const char *text, const char ***names, int *count,
                           struct error *err) {
    size_t most = 1;
    for (const char *p = text; *p; p++) most += *p == ',';
    *names = ARENA_ARRAY(arena, const char *, most);
    *count = 0;
    for (const char *p = text;; p++) {
        const char *end = strchrnul(p, ','), *last = end;
        while (*p == ' ') p++;
        while (last > p && last[-1] == ' ') last--;
        if (last <= p) return error_set(err, STATUS_USAGE, "option '%s': a name is missing in '%s'", option, text);
        (*names)[(*count)++] = arena_strndup(arena, p, (size_t)(last - p));
        p = end;
        if (!*p) return STATUS_OK;
    }
}

enum status transfer_number(const char *option, const char *text, int64_t min, int64_t *out, struct error *err) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < min)
        return error_set(err, STATUS_USAGE, "option '%s' wants a whole number from %lld on and not '%s'", option,
                         (long long)min, text);
    *out = value;
    return STATUS_OK;
}

/* ---- SQL ---- */

void transfer_put_table(struct strbuf *sql, const struct table *table) {
    parse_put_identifier(sql, table->catalog);
    strbuf_putc(sql, '.');
    parse_put_identifier(sql, table->database);
    strbuf_putc(sql, '.');
    parse_put_identifier(sql, table->name);
}

void transfer_put_option(struct strbuf *sql, const char *key, const char *value) {
    strbuf_puts(sql, ", ");
    strbuf_put_literal(sql, key, strlen(key));
    strbuf_puts(sql, " = ");
    strbuf_put_literal(sql, value, strlen(value));
}

/* The type with STRING in the place of every DECIMAL. */
static const struct type *exact_type(struct arena *arena, const struct type *type) {
    if (type->id == TYPE_DECIMAL) return type_with_nullable(arena, type_of(TYPE_VARCHAR), type->nullable);
    if (!type_is_nested(type)) return type;
    struct type *copy = ARENA_NEW(arena, struct type);
    *copy = *type;
    const struct type **children = ARENA_ARRAY(arena, const struct type *, type->child_count + 1);
    for (int i = 0; i < type->child_count; i++) children[i] = exact_type(arena, type->children[i]);
    copy->children = children;
    return copy;
}

enum status transfer_exact_table(struct transfer *transfer, const struct table *table, const char *name,
                                 bool with_origin, const struct table **out, struct error *err) {
    struct arena *arena = &transfer->arena;
    struct option_list options;
    *out = table;
    if (!session_connector_options(transfer->session, table, arena, &options) ||
        strcmp(option_find(&options, "connector"), "cassandra") != 0)
        return STATUS_OK;
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, table->column_count + 2);
    struct table copy = *table;
    for (int i = 0; i < table->column_count; i++) {
        columns[i] = table->columns[i];
        columns[i].type = exact_type(arena, columns[i].type);
    }
    if (with_origin) {
        static const char *const keys[] = {"origin.file", "origin.line"};
        for (int i = 0; i < 2; i++)
            columns[copy.column_count++] = (struct table_column){.name = keys[i],
                                                                 .kind = COLUMN_METADATA,
                                                                 .metadata_key = keys[i],
                                                                 .type = type_of(i ? TYPE_BIGINT : TYPE_VARCHAR)};
    }
    copy.name = name;
    copy.columns = columns;
    copy.comment = NULL;
    copy.options = options;
    TRY(session_declare(transfer->session, &copy, err));
    return session_table(transfer->session, &name, 1, arena, out, err);
}

/* ---- Formats ---- */

static const char *const format_names[] = {"csv", "json", "parquet"};

const char *transfer_format_name(enum transfer_format format) { return format_names[format]; }

static bool has_ending(const char *path, size_t len, const char *ending) {
    size_t ending_len = strlen(ending);
    return len > ending_len && str_equal_nocase((struct str){path + len - ending_len, ending_len}, str_from(ending));
}

enum status transfer_format(const struct transfer_args *args, const char *path, enum transfer_format *out,
                            struct error *err) {
    if (args->format) {
        for (int i = 0; i < 3; i++)
            if (str_compare_nocase(args->format, format_names[i]) == 0) {
                *out = (enum transfer_format)i;
                return STATUS_OK;
            }
        error_set(err, STATUS_USAGE, "there is no format '%s'", args->format);
        error_hint(err, "it is one of csv, json, parquet");
        return STATUS_USAGE;
    }
    static const char *const packed[] = {".gz", ".gzip", ".zst", ".zstd"};
    size_t len = strlen(path);
    for (int i = 0; i < 4; i++)
        if (has_ending(path, len, packed[i])) {
            len -= strlen(packed[i]);
            break;
        }
    bool is_json =
        has_ending(path, len, ".json") || has_ending(path, len, ".jsonl") || has_ending(path, len, ".ndjson");
    *out = is_json ? TRANSFER_JSON : has_ending(path, len, ".parquet") ? TRANSFER_PARQUET : TRANSFER_CSV;
    return STATUS_OK;
}

enum status transfer_put_format(struct strbuf *sql, const struct transfer_args *args, enum transfer_format format,
                                bool header, struct error *err) {
    transfer_put_option(sql, "format", format_names[format]);
    const char *csv_only = args->delimiter   ? "--delimiter"
                           : args->null_text ? "--null"
                           : args->no_header ? "--no-header"
                                             : NULL;
    if (args->header && args->no_header)
        return error_set(err, STATUS_USAGE, "options '--header' and '--no-header' exclude each other");
    if (format != TRANSFER_CSV && csv_only)
        return error_set(err, STATUS_USAGE, "option '%s' is for csv, and the format is %s", csv_only,
                         format_names[format]);
    if (format == TRANSFER_PARQUET) return STATUS_OK;
    transfer_put_option(sql, format == TRANSFER_CSV ? "csv.bytes-encoding" : "json.bytes-encoding", "hex");
    if (format == TRANSFER_JSON) return STATUS_OK;
    transfer_put_option(sql, "csv.nested-encoding", "json");
    if (header) transfer_put_option(sql, "csv.header", "true");
    if (args->delimiter) transfer_put_option(sql, "csv.field-delimiter", args->delimiter);
    if (args->null_text && *args->null_text)
        transfer_put_option(sql, "csv.null-literal", args->null_text);
    else
        transfer_put_option(sql, "csv.empty-string-as-null", "true");
    return STATUS_OK;
}

/* ---- The last line ---- */

void transfer_put_speed(struct strbuf *out, const struct transfer *transfer, int64_t rows) {
    strbuf_puts(out, " in ");
    text_put_duration(out, transfer->elapsed_ns);
    if (transfer->elapsed_ns <= 0) return;
    strbuf_puts(out, ", ");
    text_put_count(out, (int64_t)((double)rows * 1e9 / (double)transfer->elapsed_ns));
    strbuf_puts(out, " rows/s");
}

void transfer_summary(struct transfer *transfer, const char *text) {
    if (!transfer->quiet) fprintf(stderr, "%s\n", text);
}

/* ---- Running ---- */

/* --where is put into a statement: it has to be a condition as it stands, and nothing behind it. */
static enum status check_where(struct transfer *transfer, struct error *err) {
    const char *where = transfer->args->where;
    struct ast_node *condition;
    if (!where) return STATUS_OK;
    enum status status = parse_expression(where, strlen(where), &transfer->arena, &condition, err);
    if (status == STATUS_OK) return STATUS_OK;
    err->offset = -1;
    error_prefix(err, "option '--where'");
    return status;
}

void transfer_put_where(struct strbuf *sql, const struct transfer_args *args) {
    if (args->where) strbuf_printf(sql, " WHERE %s\n", args->where); /* a comment in it ends there */
}

/* CREATE CATALOG by --host. */
static enum status connect_hosts(struct transfer *transfer, struct error *err) {
    const struct transfer_args *args = transfer->args;
    const char *password = args->password ? args->password : getenv("MILLRACE_PASSWORD");
    if (!args->hosts) {
        const char *given = args->user                   ? "--user"
                            : args->password             ? "--password"
                            : args->catalog_option_count ? "-o"
                                                         : NULL;
        if (!given) return STATUS_OK;
        return error_set(err, STATUS_USAGE, "option '%s' is for --host, which is missing", given);
    }
    struct strbuf sql = {0};
    strbuf_puts(&sql, "CREATE CATALOG " TRANSFER_CATALOG " WITH ('type' = 'cassandra'");
    transfer_put_option(&sql, "hosts", args->hosts);
    if (args->user) transfer_put_option(&sql, "username", args->user);
    if (password && args->user) transfer_put_option(&sql, "password", password);
    for (int i = 0; i < args->catalog_option_count; i++)
        transfer_put_option(&sql, args->catalog_options[i].key, args->catalog_options[i].value);
    strbuf_putc(&sql, ')');
    enum status status = transfer_sql(transfer, sql.data, err);
    strbuf_free(&sql);
    return status == STATUS_OK ? transfer_sql(transfer, "USE CATALOG " TRANSFER_CATALOG, err) : status;
}

void transfer_run(struct runner *runner, const struct command_line *line) {
    struct transfer transfer = {.runner = runner,
                                .session = runner->session,
                                .args = &line->transfer,
                                .quiet = line->no_progress,
                                .writes = line->command != COMMAND_COUNT};
    arena_init(&transfer.arena, NULL);
    transfer.handler = (struct result_handler){.data = &transfer,
                                               .begin = on_begin,
                                               .rows = on_rows,
                                               .end = on_end,
                                               .query_progress = true,
                                               .progress = on_progress};
    struct error err;
    if (check_where(&transfer, &err) != STATUS_OK || connect_hosts(&transfer, &err) != STATUS_OK)
        runner_error(runner, &err, NULL, 0, NULL);
    else if (line->command == COMMAND_LOAD)
        transfer_load(&transfer);
    else if (line->command == COMMAND_UNLOAD)
        transfer_unload(&transfer);
    else
        transfer_count(&transfer);
    if (signals_pending()) runner->exit_status = 128 + signals_pending();
    arena_destroy(&transfer.arena);
}
