/* Runs scripts and shows what comes of it. */
#include "shell/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "shell/signals.h"
#include "shell/text.h"

enum { EXIT_BROKEN_PIPE = 141 /* as if SIGPIPE had ended it */ };

const char shell_help[] =
    "A statement ends with a semicolon. The dialect is Flink SQL.\n"
    "\n"
    "  \\d            tables          \\d NAME       columns and keys of a table\n"
    "  \\dt  \\dv  \\l   tables, views, databases\n"
    "  \\format F     table, csv, tsv, json, jsonl, markdown or vertical\n"
    "  \\x            vertical on and off\n"
    "  \\timing       times on and off\n"
    "  \\i FILE       run a file      \\o FILE       results into a file; \\o alone: back to the terminal\n"
    "  \\? or HELP    this text       \\q or QUIT    leave (Ctrl-D too)\n"
    "\n"
    "  SHOW TABLES | CATALOGS | DATABASES | VIEWS | FUNCTIONS;   DESCRIBE t;   EXPLAIN query;   SET;\n"
    "  Ctrl-C stops the statement that runs. Tab completes names and words.\n";

/* ---- Standard error ---- */

/* What was printed before must be seen before. */
static void flush_all(struct runner *runner) {
    struct error ignored;
    if (output_flush(&runner->out, &ignored) != STATUS_OK) return; /* the next write of results says it */
    fflush(stdout);                                                /* of print tables */
}

static void put_error_line(struct runner *runner, const char *kind, const char *text) {
    flush_all(runner);
    progress_erase(&runner->progress);
    struct strbuf line = {0};
    strbuf_puts(&line, kind);
    text_put_safe(&line, text, strlen(text), true);
    if (line.data[line.len - 1] != '\n') strbuf_putc(&line, '\n');
    fwrite(line.data, 1, line.len, stderr);
    strbuf_free(&line);
}

/* begin: where the statement begins that an error without a place of its own belongs to, or -1. */
static void show_error(struct runner *runner, const struct error *err, const char *text, size_t len, int32_t begin,
                       const char *name) {
    if (!runner->exit_status) runner->exit_status = status_exit(err->code);
    struct strbuf shown = {0};
    int line, column;
    if (name && text && err->offset >= 0) {
        parse_position(text, len, (size_t)err->offset, &line, &column);
        strbuf_printf(&shown, "%s:%d:%d: ", name, line, column);
    } else if (name && text && begin >= 0) {
        parse_position(text, len, (size_t)begin, &line, &column);
        strbuf_printf(&shown, "%s:%d: ", name, line);
    } else if (name) {
        strbuf_printf(&shown, "%s: ", name);
    }
    parse_error_print(err, text, len, &shown);
    put_error_line(runner, "error: ", shown.data);
    strbuf_free(&shown);
}

void runner_error(struct runner *runner, const struct error *err, const char *text, size_t len, const char *name) {
    show_error(runner, err, text, len, -1, name);
}

/* ---- The result handler ---- */

enum print_format runner_format(const struct runner *runner) {
    if (runner->has_format) return runner->format;
    return runner->terminal ? PRINT_TABLE : PRINT_CSV;
}

/* EXPLAIN and SHOW CREATE give text, not a table: a box around it would only be in the way. */
static bool gives_text(const struct ast_statement *statement) {
    if (!statement) return false;
    if (statement->root->kind == AST_EXPLAIN) return true;
    return statement->root->kind == AST_SHOW && AST_AS(statement->root, ast_show)->what == AST_SHOW_CREATE;
}

static struct print_options print_options(const struct runner *runner, bool changelog, bool streaming) {
    struct print_options options = {.format = runner_format(runner),
                                    .changelog = changelog,
                                    .streaming = streaming,
                                    .utf8 = runner->utf8,
                                    .zone = session_zone(runner->session)};
    if ((options.format == PRINT_TABLE || !runner->has_format) && gives_text(runner->statement))
        options.format = PRINT_PLAIN;
    else if ((options.format == PRINT_TABLE || !runner->has_format) &&
             session_result_mode(runner->session) == RESULT_TABLEAU)
        options.format = PRINT_TABLEAU;
    if (runner->terminal) options.width = terminal_size(runner->out.fd).columns;
    const char *limit = session_get(runner->session, "table.display.max-column-width");
    if (limit) options.max_column_width = atoi(limit);
    return options;
}

static enum status on_begin(void *data, const struct schema *schema, bool changelog, bool streaming,
                            struct error *err) {
    struct runner *runner = data;
    (void)err;
    struct print_options options = print_options(runner, changelog, streaming);
    printer_destroy(runner->printer);
    runner->printer = printer_create(&options, schema, &runner->out.buf);
    runner->streaming = streaming;
    runner->footer = runner->terminal && (options.format == PRINT_TABLE || options.format == PRINT_VERTICAL);
    runner->spoke = true;
    return STATUS_OK;
}

static enum status on_rows(void *data, const struct chunk *chunk, const uint8_t *kinds, struct error *err) {
    struct runner *runner = data;
    live_erase(&runner->live, &runner->out.buf);
    printer_rows(runner->printer, chunk, kinds);
    if (!runner->streaming && runner->out.buf.len < OUTPUT_BUFFER_BYTES) return STATUS_OK;
    enum status status = output_flush(&runner->out, err);
    if (status != STATUS_OK) session_cancel(runner->session);
    return status;
}

static enum status on_snapshot(void *data, const struct schema *schema, const struct chunk *const *chunks,
                               int chunk_count, struct error *err) {
    struct runner *runner = data;
    struct print_options options = print_options(runner, false, false);
    struct terminal_size size = terminal_size(runner->out.fd);
    if (!runner->kept) { /* so the printer will see all rows at once */
        runner->kept = true;
        runner->streaming = false;
        printer_destroy(runner->printer);
        runner->printer = printer_create(&options, schema, &runner->out.buf);
    }
    live_draw(&runner->live, &options, schema, chunks, chunk_count, size.rows, size.columns, &runner->out.buf);
    return output_flush(&runner->out, err);
}

static bool shows_time(const struct runner *runner) {
    bool shows = true;
    option_parse_bool(str_from(session_get(runner->session, "sql-client.display.print-time-cost")), &shows);
    return runner->timing && shows;
}

static enum status on_end(void *data, int64_t row_count, struct error *err) {
    struct runner *runner = data;
    struct strbuf *out = &runner->out.buf;
    live_erase(&runner->live, out);
    if (runner->terminal && signals_pending()) strbuf_putc(out, '\r'); /* over the ^C that the terminal shows */
    printer_end(runner->printer);
    printer_destroy(runner->printer);
    runner->printer = NULL;
    int64_t elapsed_ns = clock_monotonic_ns() - runner->start_ns;
    if (runner->footer) {
        strbuf_putc(out, '(');
        text_put_count(out, row_count);
        strbuf_puts(out, row_count == 1 ? " row" : " rows");
        if (shows_time(runner)) {
            strbuf_puts(out, ", ");
            text_put_duration(out, elapsed_ns);
        }
        strbuf_puts(out, ")\n");
        if (runner->interactive) strbuf_putc(out, '\n');
    }
    return output_flush(&runner->out, err);
}

static void on_statement(void *data, const struct ast_statement *statement) {
    struct runner *runner = data;
    runner->statement = statement;
    runner->begin = statement ? statement->offset : -1;
}

static void on_message(void *data, const char *text) {
    struct runner *runner = data;
    runner->spoke = true;
    if (!runner->verbose && !runner->terminal) return;
    struct strbuf line = {0};
    strbuf_puts(&line, text);
    if (shows_time(runner)) {
        strbuf_puts(&line, " (");
        text_put_duration(&line, clock_monotonic_ns() - runner->start_ns);
        strbuf_putc(&line, ')');
    }
    put_error_line(runner, "", line.data);
    strbuf_free(&line);
}

static void on_warning(void *data, const char *text) { put_error_line(data, "warning: ", text); }

static void on_progress(void *data, const char *job_name, const struct job_progress *progress) {
    struct runner *runner = data;
    (void)job_name;
    progress_update(&runner->progress, progress);
}

/* ---- Statements ---- */

void runner_init(struct runner *runner, struct session *session, const struct command_line *line) {
    *runner = (struct runner){.session = session,
                              .has_format = line->has_format,
                              .format = line->format,
                              .verbose = line->verbose,
                              .keep_going = line->keep_going,
                              .timing = true,
                              .out = {.fd = STDOUT_FILENO},
                              .terminal = isatty(STDOUT_FILENO),
                              .error_terminal = isatty(STDERR_FILENO),
                              .utf8 = terminal_is_utf8()};
    runner->handler = (struct result_handler){.data = runner,
                                              .begin = on_begin,
                                              .rows = on_rows,
                                              .snapshot = on_snapshot,
                                              .end = on_end,
                                              .statement = on_statement,
                                              .message = on_message,
                                              .warning = on_warning};
    for (int i = 0; i < line->setting_count; i++)
        runner->step_rows_given |= strcmp(line->settings[i].key, "millrace.step.max-rows") == 0;
    /* millrace sql shows progress to people only */
    if (!line->no_progress && (line->command == COMMAND_RUN || runner->error_terminal)) {
        runner->show_progress = true;
        runner->handler.progress = on_progress;
    }
}

void runner_free(struct runner *runner) {
    struct error ignored;
    if (output_flush(&runner->out, &ignored) != STATUS_OK && !runner->exit_status)
        runner->exit_status = EXIT_BROKEN_PIPE;
    printer_destroy(runner->printer);
    strbuf_free(&runner->out.buf);
}

/* A result that failed on its way: what there is of it is shown, without the end that would make it look whole. */
static void abandon_result(struct runner *runner) {
    live_erase(&runner->live, &runner->out.buf);
    if (!runner->printer) return;
    struct strbuf *out = &runner->out.buf;
    printer_flush(runner->printer);
    if (out->len && out->data[out->len - 1] != '\n') strbuf_putc(out, '\n');
    printer_destroy(runner->printer);
    runner->printer = NULL;
}

static void client_command(struct runner *runner, enum ast_client_command_kind command) {
    runner->spoke = true;
    switch (command) {
    case AST_COMMAND_QUIT:
    case AST_COMMAND_EXIT: runner->quit = true; break;
    case AST_COMMAND_CLEAR:
        if (runner->terminal) strbuf_puts(&runner->out.buf, "\x1B[H\x1B[2J\x1B[3J");
        break;
    case AST_COMMAND_HELP: strbuf_puts(&runner->out.buf, shell_help); break;
    }
    struct error ignored;
    if (output_flush(&runner->out, &ignored) != STATUS_OK) return;
}

/* Before and after what can be interrupted. */
static void start_work(struct runner *runner) {
    runner->spoke = runner->kept = false;
    runner->start_ns = clock_monotonic_ns();
    runner->handler.live = runner->terminal && runner_format(runner) == PRINT_TABLE &&
                           session_result_mode(runner->session) == RESULT_TABLE;
    progress_start(&runner->progress, runner->error_terminal);
    signals_running(runner->session);
}

static void end_work(struct runner *runner) {
    signals_running(NULL);
    progress_erase(&runner->progress);
    abandon_result(runner);
}

static enum status execute(struct runner *runner, const struct ast_statement *statement, const char *text, size_t len,
                           struct error *err) {
    if (statement->root->kind == AST_CLIENT_COMMAND) {
        client_command(runner, AST_AS(statement->root, ast_client_command)->command);
        return STATUS_OK;
    }
    runner->statement = statement;
    start_work(runner);
    enum status status = session_execute(runner->session, statement, text, len, &runner->handler, err);
    end_work(runner);
    runner->statement = NULL;
    if (status == STATUS_OK && !runner->spoke) on_message(runner, "OK");
    return status;
}

/* After a statement or job: true if nothing more shall run because of a signal or because nobody reads. */
static bool stopped(struct runner *runner) {
    if (runner->out.broken) {
        runner->exit_status = EXIT_BROKEN_PIPE;
        return true;
    }
    int number = signals_pending();
    if (!number) return false;
    runner->exit_status = 128 + number;
    return true;
}

struct lint {
    struct runner *runner;
    const char *text, *name;
    size_t len;
};

static void show_offence(void *data, const struct error *offence) {
    const struct lint *lint = data;
    runner_error(lint->runner, offence, lint->text, lint->len, lint->name);
}

/* --portable: everything that is beyond Flink at once, before anything runs. */
static bool is_portable(struct runner *runner, const char *text, size_t len, size_t offset, const char *name) {
    struct lint lint = {runner, text, name, len};
    return session_lint(runner->session, text, len, offset, show_offence, &lint) == 0;
}

bool runner_text(struct runner *runner, const char *text, size_t len, size_t *offset, const char *name) {
    if (!is_portable(runner, text, len, *offset, name)) {
        *offset = len;
        return runner->keep_going;
    }
    struct arena arena;
    arena_init(&arena, NULL);
    bool go_on = true;
    while (go_on && !runner->quit) {
        struct ast_statement *statement = NULL;
        struct error err;
        arena_reset(&arena);
        enum status status = parse_script_next(text, len, offset, &arena, &statement, &err);
        if (status == STATUS_OK && !statement) break;
        if (status == STATUS_OK) status = execute(runner, statement, text, len, &err);
        if (status != STATUS_OK && !runner->out.broken) {
            if (err.code == STATUS_CANCELLED && signals_pending())
                put_error_line(runner, "", runner->error_terminal ? "\ncancelled" : "cancelled");
            else
                show_error(runner, &err, text, len, statement ? statement->offset : -1, name);
            go_on = runner->keep_going;
        }
        if (stopped(runner)) go_on = false;
    }
    arena_destroy(&arena);
    return go_on && !runner->quit;
}

enum status read_script(const char *path, struct strbuf *out, struct error *err) {
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set(err, STATUS_IO_ERROR, "cannot open %s: %s", path, strerror(errno));
    enum status status = STATUS_OK;
    for (;;) {
        strbuf_reserve(out, 1 << 16);
        ssize_t n = read(fd, out->data + out->len, 1 << 16);
        if (n < 0 && errno == EINTR && !signals_pending()) continue;
        if (n < 0) status = error_set(err, STATUS_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
        if (n <= 0) break;
        out->len += (size_t)n;
        out->data[out->len] = 0;
        if (out->len > PARSE_MAX_SCRIPT_BYTES) {
            status = error_set(err, STATUS_LIMIT_EXCEEDED, "%s has more than %d bytes", path, PARSE_MAX_SCRIPT_BYTES);
            break;
        }
    }
    if (!is_stdin) close(fd);
    return status;
}

/* Standard input is executed as it comes, so that a program at the other end of the pipe may wait for each answer: whenever
 * nothing more is there to be read and the text ends with a complete statement. */
static bool run_stdin(struct runner *runner) {
    struct strbuf text = {0};
    size_t offset = 0;
    bool go_on = true, end = false;
    while (go_on && !end) {
        strbuf_reserve(&text, 1 << 16);
        ssize_t n = read(STDIN_FILENO, text.data + text.len, 1 << 16);
        if (n < 0 && errno == EINTR) continue;
        struct error err;
        if (n < 0) {
            error_set(&err, STATUS_IO_ERROR, "cannot read standard input: %s", strerror(errno));
            runner_error(runner, &err, NULL, 0, NULL);
            go_on = false;
            break;
        }
        text.len += (size_t)n;
        end = n == 0;
        if (text.len > PARSE_MAX_SCRIPT_BYTES) {
            error_set(&err, STATUS_LIMIT_EXCEEDED, "standard input has more than %d bytes", PARSE_MAX_SCRIPT_BYTES);
            runner_error(runner, &err, NULL, 0, NULL);
            go_on = false;
            break;
        }
        struct pollfd more = {.fd = STDIN_FILENO, .events = POLLIN};
        if (end || (poll(&more, 1, 0) == 0 && split_is_complete(text.data + offset, text.len - offset)))
            go_on = runner_text(runner, text.data, text.len, &offset, NULL);
    }
    strbuf_free(&text);
    return go_on;
}

bool runner_file(struct runner *runner, const char *path) {
    if (strcmp(path, "-") == 0) return run_stdin(runner);
    struct strbuf text = {0};
    struct error err;
    size_t offset = 0;
    bool go_on;
    if (read_script(path, &text, &err) == STATUS_OK) {
        go_on = runner_text(runner, text.data, text.len, &offset, path);
    } else {
        runner_error(runner, &err, NULL, 0, NULL);
        go_on = runner->keep_going;
    }
    strbuf_free(&text);
    return go_on;
}

void runner_job(struct runner *runner, const char *path, bool has_checkpoints) {
    struct strbuf text = {0};
    struct error err;
    if (read_script(path, &text, &err) != STATUS_OK) {
        runner_error(runner, &err, NULL, 0, NULL);
        strbuf_free(&text);
        return;
    }
    if (!is_portable(runner, text.data, text.len, 0, strcmp(path, "-") == 0 ? NULL : path)) {
        strbuf_free(&text);
        return;
    }
    start_work(runner);
    enum job_end end = JOB_FINISHED;
    runner->begin = -1;
    enum status status = session_run_script(runner->session, text.data, text.len, &runner->handler, &end, &err);
    end_work(runner);
    runner->statement = NULL;
    int number = signals_pending();
    if (runner->progress.sample_count) { /* there was a job */
        struct strbuf line = {0};
        /* a job that is stopped closes its sources, but has not seen their end */
        if (end == JOB_STOPPED) runner->progress.now.watermark_micros = runner->progress.last_watermark_micros;
        const char *how = status != STATUS_OK ? "failed" : end == JOB_STOPPED ? "stopped" : "finished";
        strbuf_printf(&line, "%s after ", how);
        text_put_duration(&line, runner->progress.now.elapsed_ns);
        strbuf_puts(&line, ": ");
        progress_print(&line, &runner->progress.now, progress_rate(&runner->progress.now), ", ");
        put_error_line(runner, "", line.data);
        strbuf_free(&line);
        if (status == STATUS_OK && end == JOB_STOPPED && has_checkpoints && number)
            put_error_line(runner, "note: ", "the same command goes on from here");
    }
    if (status != STATUS_OK && !(err.code == STATUS_CANCELLED && number))
        show_error(runner, &err, text.data, text.len, runner->begin, strcmp(path, "-") == 0 ? NULL : path);
    else if (number == SIGTERM && status == STATUS_OK)
        runner->exit_status = 0;
    else
        stopped(runner);
    strbuf_free(&text);
}
