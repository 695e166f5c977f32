/* The program: commands. */
#include "shell/shell.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shell/help.h"
#include "shell/repl.h"
#include "shell/runner.h"
#include "shell/signals.h"
#include "shell/transfer.h"

static int usage_error(const struct error *err) {
    struct strbuf text = {0};
    parse_error_print(err, NULL, 0, &text);
    fprintf(stderr, "error: %s", text.data);
    strbuf_free(&text);
    return status_exit(STATUS_USAGE);
}

/* -D: what SET would refuse is wrong usage here. */
static enum status apply_settings(struct runner *runner, const struct command_line *line, struct error *err) {
    for (int i = 0; i < line->setting_count; i++) {
        enum status status =
            session_set(runner->session, line->settings[i].key, line->settings[i].value, &runner->handler, err);
        if (status != STATUS_OK) {
            error_prefix(err, "-D %s=%s", line->settings[i].key, line->settings[i].value);
            return status;
        }
    }
    return STATUS_OK;
}

static void run_sql(struct runner *runner, const struct command_line *line) {
    bool interactive = line->source_count == 0 && isatty(STDIN_FILENO);
    bool go_on = true;
    signals_install(false);
    for (int i = 0; i < line->init_count && go_on; i++) go_on = runner_file(runner, line->inits[i]);
    for (int i = 0; i < line->source_count && go_on; i++) {
        const struct sql_source *source = &line->sources[i];
        size_t offset = 0;
        go_on = source->is_file ? runner_file(runner, source->text)
                                : runner_text(runner, source->text, strlen(source->text), &offset, NULL);
    }
    if (line->source_count || !go_on) return;
    if (interactive) {
        signals_install(true);
        repl_run(runner);
    } else {
        runner_file(runner, "-");
    }
}

static void run_job(struct runner *runner, const struct command_line *line) {
    signals_install(false);
    for (int i = 0; i < line->init_count; i++)
        if (!runner_file(runner, line->inits[i])) return;
    runner_job(runner, line->sources[0].text, line->checkpoint_dir != NULL);
}

static void run_transfer(struct runner *runner, const struct command_line *line) {
    signals_install(false);
    for (int i = 0; i < line->init_count; i++)
        if (!runner_file(runner, line->inits[i])) return;
    transfer_run(runner, line);
}

static int run_session(const struct command_line *line) {
    struct session_options options = {.data_dir = line->data_dir,
                                      .interactive = line->command == COMMAND_SQL && line->source_count == 0 &&
                                                     isatty(STDIN_FILENO),
                                      .checkpoint_dir = line->checkpoint_dir};
    struct session *session;
    struct error err;
    struct runner runner;
    enum status status = session_create(&options, &session, &err);
    if (status != STATUS_OK) {
        usage_error(&err);
        return status_exit(status);
    }
    runner_init(&runner, session, line);
    int exit_status = 0;
    if (apply_settings(&runner, line, &err) != STATUS_OK)
        exit_status = usage_error(&err);
    else if (line->command == COMMAND_SQL)
        run_sql(&runner, line);
    else if (line->command == COMMAND_LOAD || line->command == COMMAND_UNLOAD || line->command == COMMAND_COUNT)
        run_transfer(&runner, line);
    else
        run_job(&runner, line);
    runner_free(&runner);
    session_destroy(session);
    return exit_status ? exit_status : runner.exit_status;
}

static int put_out(const struct strbuf *text) {
    return fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0 ? 0 : 1;
}

int shell_main(int argc, char **argv) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct command_line line;
    struct error err;
    int exit_status = 0;
    struct strbuf text = {0};
    if (command_line_parse(argc, argv, &arena, &line, &err) != STATUS_OK) {
        exit_status = usage_error(&err);
    } else if (line.command == COMMAND_VERSION) {
        strbuf_puts(&text, "millrace " MILLRACE_VERSION "\n");
        exit_status = put_out(&text);
    } else if (line.command == COMMAND_HELP) {
        exit_status = help_topic(&text, line.help_topic, &err) == STATUS_OK ? put_out(&text) : usage_error(&err);
    } else {
        exit_status = run_session(&line);
    }
    strbuf_free(&text);
    arena_destroy(&arena);
    return exit_status;
}
