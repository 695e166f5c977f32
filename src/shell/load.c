/* millrace load: files as a temporary table of the filesystem connector, whose columns have the types of the table's, and an
 * INSERT from one into the other. Reading, conversion, writing, steps and checkpoints are the engine's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell/bad_file.h"
#include "shell/load_columns.h"
#include "shell/signals.h"
#include "shell/text.h"
#include "shell/transfer.h"

enum {
    STEP_ROWS = 100000, /* of a step: its rows are in memory */
    DEFAULT_MAX_ERRORS = 100,
    MAX_HEADER_BYTES = 1 << 20 /* of the header line of standard input */
};

static const char names_table[] = "load names", source_table[] = "load source", target_table[] = "load target";

struct load {
    struct transfer *transfer;
    const struct transfer_args *args;
    struct arena *arena;
    const char *paths; /* a line each */
    bool is_stdin;
    enum transfer_format format;
    bool header;                /* the files begin with a header line that the source skips */
    const struct table *table;  /* as it was named */
    const struct table *target; /* as it is written */
    const char **names;         /* of the fields */
    int name_count;
    const struct type **types; /* Parquet: of the fields */
    struct load_columns columns;
    const char *checkpoint;
    int64_t max_errors, limit;
    struct bad_file *bad;
    struct bad_file_options bad_options;
};

/* ---- The command line ---- */

/* Patterns that match nothing are the connector's to say. */
static enum status check_readable(const char *path, struct error *err) {
    const char *name = strncmp(path, "file://", 7) == 0 ? path + 7 : path;
    if (strcmp(path, "-") == 0 || strpbrk(path, "*?[{") || access(name, R_OK) == 0) return STATUS_OK;
    return error_set(err, STATUS_IO_ERROR, "cannot read '%s': %s", path, strerror(errno));
}

/* What can be read only once is standard input from now on: its header line is read before its rows. */
static bool is_pipe(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
}

static enum status open_pipe(const struct load *load, struct error *err) {
    const char *path = load->args->operands[0];
    if (!load->is_stdin || strcmp(path, "-") == 0) return STATUS_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
        return error_set(err, STATUS_IO_ERROR, "cannot read '%s': %s", path, strerror(errno));
    close(fd);
    return STATUS_OK;
}

static enum status read_operands(struct load *load, struct error *err) {
    const struct transfer_args *args = load->args;
    int into = 0;
    while (into < args->operand_count && str_compare_nocase(args->operands[into], "INTO") != 0) into++;
    if (into == 0 || into != args->operand_count - 2) {
        error_set(err, STATUS_USAGE, into == 0 ? "millrace load wants a file" : "millrace load wants INTO and a table");
        error_hint(err, "as in: millrace load users.csv INTO shop.users --host 10.0.0.5");
        return STATUS_USAGE;
    }
    struct strbuf paths = {0};
    for (int i = 0; i < into; i++) TRY(check_readable(args->operands[i], err));
    for (int i = 0; i < into; i++) load->is_stdin |= strcmp(args->operands[i], "-") == 0 || is_pipe(args->operands[i]);
    if (load->is_stdin && into > 1)
        return error_set(err, STATUS_USAGE, "standard input, or a pipe, is loaded alone, without other files");
    for (int i = 0; i < into; i++) strbuf_printf(&paths, "%s%s", i ? "\n" : "", args->operands[i]);
    load->paths = load->is_stdin ? "-" : arena_strdup(load->arena, paths.data);
    strbuf_free(&paths);
    return transfer_format(args, args->operands[0], &load->format, err);
}

static enum status read_options(struct load *load, struct error *err) {
    const struct transfer_args *args = load->args;
    load->max_errors = DEFAULT_MAX_ERRORS;
    load->limit = -1;
    if (args->max_errors) TRY(transfer_number("--max-errors", args->max_errors, -1, &load->max_errors, err));
    if (args->limit) TRY(transfer_number("--limit", args->limit, 0, &load->limit, err));
    if (args->checkpoint) load->checkpoint = args->checkpoint;
    if (args->resume && !load->checkpoint) load->checkpoint = arena_printf(load->arena, "%s.load", load->table->name);
    if (load->checkpoint && load->is_stdin)
        return error_set(err, STATUS_USAGE,
                         "standard input, or a pipe, cannot be read again from where it was: no --checkpoint");
    const char *for_cassandra = args->rate ? "--rate" : args->consistency ? "--consistency" : NULL;
    if (for_cassandra && strcmp(load->table->connector ? load->table->connector : "store", "store") == 0)
        return error_set(err, STATUS_USAGE, "option '%s' is for tables of Cassandra", for_cassandra);
    if (load->checkpoint && args->dry_run)
        return error_set(err, STATUS_USAGE, "a dry run has nothing to go on from: no --checkpoint");
    if (args->skip && load->format == TRANSFER_PARQUET)
        return error_set(err, STATUS_USAGE, "option '--skip' is for csv and json");
    if (load->is_stdin && load->format == TRANSFER_PARQUET)
        return error_set(err, STATUS_USAGE, "Parquet cannot be read from standard input: its index is at its end");
    return STATUS_OK;
}

/* ---- Names of the fields ---- */

/* The first line of standard input, byte by byte: what is behind it is for the source. */
static enum status read_line(struct strbuf *line, struct error *err) {
    for (bool quoted = false;;) {
        char c;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR && !signals_pending()) continue;
        if (n < 0) return error_set(err, STATUS_IO_ERROR, "cannot read standard input: %s", strerror(errno));
        if (n == 0) return STATUS_OK;
        strbuf_putc(line, c);
        quoted ^= c == '"';
        if (c == '\n' && !quoted) return STATUS_OK;
        if (line->len > MAX_HEADER_BYTES)
            return error_set(err, STATUS_BAD_DATA, "standard input: the header line is longer than %d bytes",
                             MAX_HEADER_BYTES);
    }
}

static enum status stdin_header(struct load *load, struct error *err) {
    struct option_list options = {0};
    struct strbuf line = {0};
    const struct format *csv = format_find("csv");
    option_add(&options, load->arena, "csv.header", "true", -1);
    if (load->args->delimiter) option_add(&options, load->arena, "csv.field-delimiter", load->args->delimiter, -1);
    enum status status = read_line(&line, err);
    if (status == STATUS_OK && !line.len) status = error_set(err, STATUS_BAD_DATA, "standard input is empty");
    if (status == STATUS_OK)
        status =
            csv->field_names(&options, line.data, line.len, true, load->arena, &load->names, &load->name_count, err);
    strbuf_free(&line);
    load->bad_options.line_shift = 1;
    load->header = false;
    return status;
}

/* What the files themselves say: a table without columns. */
static enum status infer_names(struct load *load, struct error *err) {
    struct transfer *transfer = load->transfer;
    struct strbuf sql = {0};
    const struct table *table;
    const char *name = names_table;
    strbuf_puts(&sql, "CREATE TEMPORARY TABLE ");
    parse_put_identifier(&sql, names_table);
    strbuf_puts(&sql, " WITH ('connector' = 'filesystem'");
    transfer_put_option(&sql, "path", load->paths);
    enum status status = transfer_put_format(&sql, load->args, load->format, load->header, err);
    strbuf_putc(&sql, ')');
    if (status == STATUS_OK) status = transfer_sql(transfer, sql.data, err);
    strbuf_free(&sql);
    TRY(status);
    TRY(session_table(transfer->session, &name, 1, load->arena, &table, err));
    load->name_count = table->column_count;
    load->names = ARENA_ARRAY(load->arena, const char *, table->column_count + 1);
    load->types = ARENA_ARRAY(load->arena, const struct type *, table->column_count + 1);
    for (int i = 0; i < table->column_count; i++) {
        load->names[i] = table->columns[i].name;
        load->types[i] = table->columns[i].type;
    }
    return STATUS_OK;
}

static void names_of_table(struct load *load) {
    const struct table *table = load->table;
    load->names = ARENA_ARRAY(load->arena, const char *, table->column_count + 1);
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == COLUMN_PHYSICAL) load->names[load->name_count++] = table->columns[i].name;
}

static enum status find_names(struct load *load, struct error *err) {
    const struct transfer_args *args = load->args;
    load->header = load->format == TRANSFER_CSV && !args->no_header;
    if (load->format == TRANSFER_CSV && load->header && load->is_stdin)
        TRY(stdin_header(load, err));
    else if (load->header || (load->format != TRANSFER_CSV && !load->is_stdin))
        TRY(infer_names(load, err));
    else
        names_of_table(load);
    if (!args->columns) return STATUS_OK;
    const char **names;
    int count;
    TRY(transfer_names(load->arena, "--columns", args->columns, &names, &count, err));
    if (load->format == TRANSFER_CSV && load->header && count != load->name_count)
        return error_set(err, STATUS_USAGE, "option '--columns' has %d names, and the header line %d", count,
                         load->name_count);
    if (load->format == TRANSFER_PARQUET)
        return error_set(err, STATUS_USAGE, "option '--columns' is for csv and json: --map renames columns of Parquet");
    load->names = names;
    load->name_count = count;
    return STATUS_OK;
}

/* Objects may have fields that the first ones have not: those that are called as a column are taken too. */
static void add_missing(struct load *load) {
    struct load_columns *columns = &load->columns;
    const struct table *table = load->table;
    struct load_field *fields = ARENA_ARRAY(load->arena, struct load_field, columns->count + table->column_count + 1);
    memcpy(fields, columns->fields, sizeof *fields * (size_t)columns->count);
    for (int i = 0; i < table->column_count; i++) {
        bool found = table->columns[i].kind != COLUMN_PHYSICAL;
        for (int k = 0; k < columns->count && !found; k++)
            found = fields[k].column == i || strcmp(fields[k].name, table->columns[i].name) == 0;
        if (!found) fields[columns->count++] = (struct load_field){table->columns[i].name, i};
    }
    columns->fields = fields;
}

/* ---- The statements ---- */

/* Parquet's fields have types of their own; those of text are read as what the column is. */
static const struct type *field_type(const struct load *load, int field) {
    int column = load->columns.fields[field].column;
    if (load->format == TRANSFER_PARQUET) return load->types[field];
    if (column < 0) return type_of(TYPE_VARCHAR);
    return type_with_nullable(load->arena, load->target->columns[column].type,
                              load_column_is_nullable(load->table, column));
}

static enum status create_source(struct load *load, struct error *err) {
    struct strbuf sql = {0};
    strbuf_puts(&sql, "CREATE TEMPORARY TABLE ");
    parse_put_identifier(&sql, source_table);
    for (int i = 0; i < load->columns.count; i++) {
        strbuf_puts(&sql, i ? ", " : " (");
        parse_put_identifier(&sql, load->columns.fields[i].name);
        strbuf_printf(&sql, " %s", type_to_string(load->arena, field_type(load, i)));
    }
    strbuf_puts(&sql, ", `origin file` STRING METADATA FROM 'file.path', `origin line` BIGINT METADATA FROM 'file.line'"
                      ") WITH ('connector' = 'filesystem'");
    transfer_put_option(&sql, "path", load->paths);
    if (load->args->skip) transfer_put_option(&sql, "source.skip-records", load->args->skip);
    enum status status = transfer_put_format(&sql, load->args, load->format, load->header, err);
    strbuf_putc(&sql, ')');
    if (status == STATUS_OK) status = transfer_sql(load->transfer, sql.data, err);
    strbuf_free(&sql);
    return status;
}

static void put_hints(struct strbuf *sql, const struct load *load) {
    const struct transfer_args *args = load->args;
    struct strbuf hints = {0};
    if (args->dry_run) transfer_put_option(&hints, "sink.dry-run", "true");
    if (args->ignore_null) transfer_put_option(&hints, "sink.ignore-null", "true");
    if (args->ttl) {
        bool bare = args->ttl[strspn(args->ttl, "0123456789")] == 0; /* seconds, as in CQL */
        transfer_put_option(&hints, "sink.ttl", arena_printf(load->arena, "%s%s", args->ttl, bare ? " s" : ""));
    }
    if (args->timestamp) transfer_put_option(&hints, "sink.timestamp", args->timestamp);
    if (args->consistency) transfer_put_option(&hints, "sink.consistency", args->consistency);
    if (args->rate) transfer_put_option(&hints, "sink.rows-per-second", args->rate);
    if (hints.len) strbuf_printf(sql, " /*+ OPTIONS(%s) */", hints.data + 2);
    strbuf_free(&hints);
}

static void put_insert(struct strbuf *sql, const struct load *load) {
    bool has_origin = load->target != load->table;
    strbuf_puts(sql, "INSERT INTO ");
    transfer_put_table(sql, load->target);
    put_hints(sql, load);
    int count = 0;
    for (int i = 0; i < load->columns.count; i++) {
        if (load->columns.fields[i].column < 0) continue;
        strbuf_puts(sql, count++ ? ", " : " (");
        parse_put_identifier(sql, load->target->columns[load->columns.fields[i].column].name);
    }
    if (has_origin) strbuf_puts(sql, ", `origin.file`, `origin.line`");
    strbuf_puts(sql, ") SELECT ");
    count = 0;
    for (int i = 0; i < load->columns.count; i++) {
        int column = load->columns.fields[i].column;
        if (column < 0) continue;
        if (count++) strbuf_puts(sql, ", ");
        bool cast = load->format == TRANSFER_PARQUET;
        if (cast) strbuf_puts(sql, "CAST(");
        parse_put_identifier(sql, load->columns.fields[i].name);
        if (!cast) continue;
        const struct type *type = type_with_nullable(load->arena, load->target->columns[column].type, true);
        strbuf_printf(sql, " AS %s)", type_to_string(load->arena, type));
    }
    if (has_origin) strbuf_puts(sql, ", `origin file`, `origin line`");
    strbuf_puts(sql, " FROM ");
    parse_put_identifier(sql, source_table);
    if (load->limit >= 0) strbuf_printf(sql, " LIMIT %lld", (long long)load->limit);
}

/* Steps bound the memory, whatever the files' size; --limit ends a batch early. */
static enum status choose_mode(struct load *load, struct error *err) {
    struct transfer *transfer = load->transfer;
    bool batch = load->limit >= 0 && !load->checkpoint;
    TRY(transfer_set(transfer, "execution.runtime-mode", batch ? "batch" : "streaming", err));
    if (!transfer->runner->step_rows_given)
        TRY(transfer_set(transfer, "millrace.step.max-rows", arena_printf(load->arena, "%d", STEP_ROWS), err));
    return load->checkpoint ? transfer_set(transfer, "execution.checkpointing.dir", load->checkpoint, err) : STATUS_OK;
}

/* ---- Bad rows ---- */

/* Its ending says the format to who loads it. */
static const char *default_bad(const struct load *load) {
    return arena_printf(load->arena, "%s.bad%s", load->table->name, load->format == TRANSFER_JSON ? ".json" : "");
}

/* Parquet's rows go to csv. */
static enum status open_bad(struct load *load, struct error *err) {
    struct bad_file_options *options = &load->bad_options;
    const struct load_columns *columns = &load->columns;
    struct arena *arena = load->arena;
    const struct table *source;
    const char *name = source_table;
    bool is_parquet = load->format == TRANSFER_PARQUET;
    TRY(session_table(load->transfer->session, &name, 1, arena, &source, err));
    const char **names = ARENA_ARRAY(arena, const char *, columns->count + 1),
               **targets = ARENA_ARRAY(arena, const char *, columns->count + 1);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, columns->count + 1);
    for (int i = 0; i < columns->count; i++) {
        int column = columns->fields[i].column;
        names[i] = columns->fields[i].name;
        targets[i] = column < 0 ? NULL : load->target->columns[column].name;
        types[i] =
            type_with_nullable(arena, column < 0 ? type_of(TYPE_VARCHAR) : load->target->columns[column].type, true);
    }
    struct format_schema *schema = ARENA_NEW(arena, struct format_schema);
    *schema = (struct format_schema){.field_count = columns->count, .names = names, .types = types};
    struct option_list *format_list = ARENA_NEW(arena, struct option_list);
    options->format = format_find(is_parquet ? "csv" : transfer_format_name(load->format));
    if (is_parquet) {
        option_add(format_list, arena, "csv.header", "true", -1);
        option_add(format_list, arena, "csv.nested-encoding", "json", -1);
        option_add(format_list, arena, "csv.bytes-encoding", "hex", -1);
    } else {
        TRY(format_options(options->format, &source->options, "", "bad rows", arena, format_list, err));
        if (load->is_stdin && load->format == TRANSFER_CSV && !load->args->no_header)
            option_add(format_list, arena, "csv.header", "true", -1);
    }
    options->path = load->args->bad ? load->args->bad : default_bad(load);
    options->max_rows = load->max_errors;
    options->resume = load->checkpoint && access(load->checkpoint, F_OK) == 0;
    options->format_options = format_list;
    options->schema = schema;
    options->columns = targets;
    return bad_file_create(options, &load->bad, err);
}

/* The bad rows of one load can be the input of the next, not of this one. */
static enum status check_bad_path(const struct load *load, struct error *err) {
    const char *bad = load->args->bad ? load->args->bad : default_bad(load);
    struct stat mine, other;
    if (stat(bad, &mine) != 0) return STATUS_OK;
    int into = load->args->operand_count - 2;
    for (int i = 0; i < into; i++)
        if (stat(load->args->operands[i], &other) == 0 && mine.st_ino == other.st_ino && mine.st_dev == other.st_dev) {
            error_set(err, STATUS_USAGE, "%s is loaded, so bad rows cannot go there", bad);
            error_hint(err, "--bad names another file");
            return STATUS_USAGE;
        }
    return STATUS_OK;
}

/* ---- Running ---- */

static void print_summary(struct load *load, enum status status) {
    const struct figures *figures = &load->transfer->figures;
    int64_t bad = figures->bad_records + figures->refused_rows, kept = bad_file_count(load->bad);
    if (bad < kept) bad = kept; /* a load that fails leaves some of its figures behind */
    int64_t written = figures->rows_out - figures->refused_rows - figures->unapplied_rows;
    struct strbuf text = {0};
    if (load->checkpoint && status == STATUS_OK && figures->rows_in == 0 && figures->steps > 0) {
        strbuf_printf(&text, "nothing to do: %s says that everything was loaded", load->checkpoint);
        transfer_summary(load->transfer, text.data);
        strbuf_free(&text);
        return;
    }
    text_put_count(&text, figures->rows_in);
    strbuf_puts(&text, figures->rows_in == 1 ? " row read, " : " rows read, ");
    if (status != STATUS_OK && !load->args->dry_run) strbuf_puts(&text, "at most "); /* were on their way */
    text_put_count(&text, written > 0 ? written : 0);
    strbuf_puts(&text, load->args->dry_run ? " good, nothing written, " : " written, ");
    text_put_count(&text, bad);
    strbuf_puts(&text, " bad");
    transfer_put_speed(&text, load->transfer, figures->rows_in);
    transfer_summary(load->transfer, text.data);
    if (kept) {
        strbuf_clear(&text);
        strbuf_printf(&text, "bad rows: %s; what is wrong with them: %s", load->bad_options.path,
                      bad_file_reasons_path(load->bad));
        transfer_summary(load->transfer, text.data);
    }
    if (load->checkpoint && signals_pending()) transfer_summary(load->transfer, "the same command goes on from here");
    strbuf_free(&text);
}

static enum status prepare(struct load *load, struct error *err) {
    struct transfer *transfer = load->transfer;
    const struct transfer_args *args = load->args;
    TRY(read_operands(load, err));
    TRY(transfer_table(transfer, args->operands[args->operand_count - 1], &load->table, err));
    TRY(read_options(load, err));
    TRY(check_bad_path(load, err));
    TRY(open_pipe(load, err));
    TRY(find_names(load, err));
    TRY(load_columns_match(load->table, load->names, load->name_count, args->map, args->ignore_extra, load->arena,
                           &load->columns, err));
    if (load->format == TRANSFER_JSON && !args->columns) add_missing(load);
    TRY(transfer_exact_table(transfer, load->table, target_table, true, &load->target, err));
    TRY(create_source(load, err));
    return choose_mode(load, err);
}

static enum status run(struct load *load, struct error *err) {
    struct strbuf sql = {0};
    TRY(open_bad(load, err));
    put_insert(&sql, load);
    load->transfer->handler.bad_rows = bad_file_rows(load->bad);
    enum status status = transfer_sql(load->transfer, sql.data, err);
    load->transfer->handler.bad_rows = NULL;
    strbuf_free(&sql);
    return status;
}

void transfer_load(struct transfer *transfer) {
    struct load load = {.transfer = transfer, .args = transfer->args, .arena = &transfer->arena};
    struct error err;
    enum status status = prepare(&load, &err);
    if (status == STATUS_OK) {
        status = run(&load, &err);
        if (load.bad) print_summary(&load, status);
    }
    if (status != STATUS_OK && !(err.code == STATUS_CANCELLED && signals_pending()))
        runner_error(transfer->runner, &err, NULL, 0, NULL);
    if (load.bad && bad_file_count(load.bad) && !transfer->runner->exit_status) transfer->runner->exit_status = 1;
    bad_file_destroy(load.bad);
}
