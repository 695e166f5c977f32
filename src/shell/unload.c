/* millrace unload: an INSERT into a temporary table of the filesystem connector. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell/signals.h"
#include "shell/text.h"
#include "shell/transfer.h"

static const char source_table[] = "unload source", file_table[] = "unload file", query_view[] = "unload query";

struct unload {
    struct transfer *transfer;
    const struct transfer_args *args;
    const char *named, *to; /* as it was given, and where that leads to */
    bool is_directory;
    enum transfer_format format;
    const struct table *source; /* whose columns are written */
    int64_t limit;
};

/* ---- The command line ---- */

static enum status read_operands(struct unload *unload, struct error *err) {
    const struct transfer_args *args = unload->args;
    int tables = args->query ? 0 : 1;
    bool good = args->operand_count == tables + 2 && str_compare_nocase(args->operands[tables], "TO") == 0;
    if (!good) {
        error_set(err, STATUS_USAGE,
                  args->query ? "millrace unload --query wants TO and where to"
                              : "millrace unload wants a table, TO, and where to");
        error_hint(err, args->query ? "as in: millrace unload --query 'SELECT ...' TO users.csv --host 10.0.0.5"
                                    : "as in: millrace unload shop.users TO users.csv --host 10.0.0.5");
        return STATUS_USAGE;
    }
    unload->to = unload->named = args->operands[tables + 1];
    unload->limit = -1;
    if (args->query && (args->columns || args->where))
        return error_set(err, STATUS_USAGE, "option '%s' is for a table: --query says it in SQL",
                         args->columns ? "--columns" : "--where");
    if (args->limit) TRY(transfer_number("--limit", args->limit, 0, &unload->limit, err));
    return transfer_format(args, unload->to, &unload->format, err);
}

static bool ends_with(const char *text, const char *ending) {
    size_t len = strlen(text), ending_len = strlen(ending);
    return len > ending_len && strcmp(text + len - ending_len, ending) == 0;
}

/* A file is written beside and put in its place at the end; devices and pipes stay, and are written as standard output. What a
 * link leads to is written, not the link. */
static enum status follow(struct unload *unload, struct error *err) {
    struct stat st;
    if (strcmp(unload->to, "-") == 0 || stat(unload->to, &st) != 0 || S_ISDIR(st.st_mode)) return STATUS_OK;
    if (S_ISREG(st.st_mode)) {
        char *path = realpath(unload->to, NULL);
        if (path) unload->to = arena_strdup(&unload->transfer->arena, path);
        free(path);
        return STATUS_OK;
    }
    int fd = open(unload->to, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
        return error_set(err, STATUS_IO_ERROR, "cannot write %s: %s", unload->to, strerror(errno));
    close(fd);
    unload->to = "-";
    return STATUS_OK;
}

/* A directory gets files of its own: it must have none yet. */
static enum status check_directory(struct unload *unload, struct error *err) {
    struct stat st;
    size_t len = strlen(unload->to);
    bool is_standard = strcmp(unload->to, "-") == 0;
    unload->is_directory = !is_standard && (unload->to[len - 1] == '/' || unload->args->max_records ||
                                            (stat(unload->to, &st) == 0 && S_ISDIR(st.st_mode)));
    if (!unload->is_directory) return STATUS_OK;
    DIR *dir = opendir(unload->to);
    if (!dir)
        return errno == ENOENT ? STATUS_OK
                               : error_set(err, STATUS_IO_ERROR, "cannot read %s: %s", unload->to, strerror(errno));
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(dir));) empty = entry->d_name[0] == '.';
    closedir(dir);
    if (empty) return STATUS_OK;
    error_set(err, STATUS_IO_ERROR, "there are files in %s already", unload->to);
    error_hint(err, "files are written into a directory that is empty, or not there yet");
    return STATUS_IO_ERROR;
}

static enum status put_compression(struct unload *unload, struct strbuf *sql, struct error *err) {
    const char *codec = unload->args->compression;
    if (!codec && ends_with(unload->named, ".gz")) codec = "gzip";
    if (!codec && ends_with(unload->named, ".zst")) codec = "zstd";
    if (!codec) return STATUS_OK;
    if (unload->format == TRANSFER_PARQUET) {
        transfer_put_option(sql, "parquet.compression",
                            str_compare_nocase(codec, "none") == 0 ? "uncompressed" : codec);
        return STATUS_OK;
    }
    static const char *const known[] = {"none", "gzip", "zstd"};
    for (int i = 0; i < 3; i++)
        if (str_compare_nocase(codec, known[i]) == 0) {
            transfer_put_option(sql, "sink.compression", known[i]);
            return STATUS_OK;
        }
    error_set(err, STATUS_USAGE, "option '--compression': there is no '%s'", codec);
    error_hint(err, "it is one of none, gzip, zstd");
    return STATUS_USAGE;
}

/* ---- What is written ---- */

/* A query's columns are those of a view. */
static enum status find_source(struct unload *unload, struct error *err) {
    struct transfer *transfer = unload->transfer;
    const struct table *table;
    if (!unload->args->query) {
        TRY(transfer_table(transfer, unload->args->operands[0], &table, err));
        return transfer_exact_table(transfer, table, source_table, false, &unload->source, err);
    }
    struct strbuf sql = {0};
    const char *name = query_view;
    size_t len = strlen(unload->args->query);
    while (len && strchr("; \n\t", unload->args->query[len - 1])) len--;
    strbuf_printf(&sql, "CREATE TEMPORARY VIEW `%s` AS %.*s", query_view, (int)len, unload->args->query);
    enum status status = transfer_sql(transfer, sql.data, err);
    strbuf_free(&sql);
    return status == STATUS_OK ? session_table(transfer->session, &name, 1, &transfer->arena, &unload->source, err)
                               : status;
}

static enum status wanted_columns(struct unload *unload, const int **out, int *count, struct error *err) {
    const struct table *source = unload->source;
    struct arena *arena = &unload->transfer->arena;
    int *columns = ARENA_ARRAY(arena, int, source->column_count + 1), name_count = 0;
    const char **names = NULL;
    *count = 0;
    if (unload->args->columns) TRY(transfer_names(arena, "--columns", unload->args->columns, &names, &name_count, err));
    const char **known = ARENA_ARRAY(arena, const char *, source->column_count + 1);
    for (int i = 0; i < source->column_count; i++) {
        known[i] = source->columns[i].name;
        if (!names && source->columns[i].kind == COLUMN_PHYSICAL) columns[(*count)++] = i;
    }
    for (int n = 0; n < name_count; n++) {
        int i = 0;
        while (i < source->column_count && strcmp(known[i], names[n]) != 0) i++;
        if (i == source->column_count || *count == source->column_count) {
            error_set(err, STATUS_UNDEFINED_NAME, "table '%s' has no column '%s'", unload->args->operands[0], names[n]);
            const char *near = str_nearest(names[n], known, source->column_count);
            if (near) error_hint(err, "did you mean '%s'?", near);
            return STATUS_UNDEFINED_NAME;
        }
        columns[(*count)++] = i;
    }
    *out = columns;
    return STATUS_OK;
}

static enum status create_file_table(struct unload *unload, const int *columns, int count, struct error *err) {
    struct transfer *transfer = unload->transfer;
    struct strbuf sql = {0};
    strbuf_puts(&sql, "CREATE TEMPORARY TABLE ");
    parse_put_identifier(&sql, file_table);
    for (int i = 0; i < count; i++) {
        const struct table_column *column = &unload->source->columns[columns[i]];
        strbuf_puts(&sql, i ? ", " : " (");
        parse_put_identifier(&sql, column->name);
        const struct type *type = type_with_nullable(&transfer->arena, column->type, true);
        strbuf_printf(&sql, " %s", type_to_string(&transfer->arena, type));
    }
    strbuf_puts(&sql, ") WITH ('connector' = 'filesystem'");
    transfer_put_option(&sql, "path", unload->to);
    enum status status = transfer_put_format(&sql, unload->args, unload->format, !unload->args->no_header, err);
    if (status == STATUS_OK) status = put_compression(unload, &sql, err);
    if (!unload->is_directory) transfer_put_option(&sql, "sink.single-file", "true");
    if (unload->args->max_records)
        transfer_put_option(&sql, "sink.rolling-policy.row-count", unload->args->max_records);
    strbuf_putc(&sql, ')');
    if (status == STATUS_OK) status = transfer_sql(transfer, sql.data, err);
    strbuf_free(&sql);
    return status;
}

static enum status write_rows(struct unload *unload, const int *columns, int count, struct error *err) {
    struct strbuf sql = {0};
    strbuf_puts(&sql, "INSERT INTO ");
    parse_put_identifier(&sql, file_table);
    strbuf_puts(&sql, " SELECT ");
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(&sql, ", ");
        parse_put_identifier(&sql, unload->source->columns[columns[i]].name);
    }
    strbuf_puts(&sql, " FROM ");
    transfer_put_table(&sql, unload->source);
    if (unload->args->consistency) {
        strbuf_puts(&sql, " /*+ OPTIONS('consistency' = ");
        strbuf_put_literal(&sql, unload->args->consistency, strlen(unload->args->consistency));
        strbuf_puts(&sql, ") */");
    }
    transfer_put_where(&sql, unload->args);
    if (unload->limit >= 0) strbuf_printf(&sql, " LIMIT %lld", (long long)unload->limit);
    enum status status = transfer_sql(unload->transfer, sql.data, err);
    strbuf_free(&sql);
    return status;
}

static enum status unload_all(struct unload *unload, struct error *err) {
    const int *columns;
    int count;
    TRY(read_operands(unload, err));
    TRY(follow(unload, err));
    TRY(check_directory(unload, err));
    TRY(transfer_set(unload->transfer, "execution.runtime-mode", "batch", err));
    TRY(find_source(unload, err));
    TRY(wanted_columns(unload, &columns, &count, err));
    TRY(create_file_table(unload, columns, count, err));
    return write_rows(unload, columns, count, err);
}

void transfer_unload(struct transfer *transfer) {
    struct unload unload = {.transfer = transfer, .args = transfer->args};
    struct error err;
    if (unload_all(&unload, &err) != STATUS_OK) {
        if (!(err.code == STATUS_CANCELLED && signals_pending())) runner_error(transfer->runner, &err, NULL, 0, NULL);
        return;
    }
    struct strbuf text = {0};
    int64_t rows = transfer->figures.rows_out;
    text_put_count(&text, rows);
    strbuf_puts(&text, rows == 1 ? " row written" : " rows written");
    transfer_put_speed(&text, transfer, rows);
    transfer_summary(transfer, text.data);
    strbuf_free(&text);
}
