/* Runs scripts in a session and shows what comes of it: results on standard output, the rest on standard error. Behind
 * millrace sql, its interactive shell and millrace run. */
#ifndef MILLRACE_SHELL_RUNNER_H
#define MILLRACE_SHELL_RUNNER_H

#include "session/session.h"
#include "shell/command_line.h"
#include "shell/live.h"
#include "shell/output.h"
#include "shell/progress.h"

struct runner {
    struct session *session;
    struct result_handler handler;
    struct output out;

    /* how to show */
    bool has_format; /* else: table in a terminal, csv elsewhere */
    enum print_format format;
    bool terminal;       /* results go to one */
    bool error_terminal; /* standard error is one */
    bool interactive, utf8, timing, verbose, keep_going, show_progress;
    bool step_rows_given; /* -D millrace.step.max-rows */

    /* the statement that runs */
    const struct ast_statement *statement; /* NULL for the job of a script's INSERTs */
    int32_t begin;                         /* of millrace run: where it begins in the script, -1 for that job */
    struct printer *printer;
    struct live_view live;
    struct progress progress;
    bool streaming, footer, spoke;
    bool kept; /* the result is kept by the session and comes whole at the end: a live view was drawn */
    int64_t start_ns;

    int exit_status; /* of the first error */
    bool quit;       /* QUIT was executed */
};

/* Takes what it needs from the command line. */
void runner_init(struct runner *runner, struct session *session, const struct command_line *line);
void runner_free(struct runner *runner);

/* Executes the statements of text from *offset on and moves it behind the last one executed. name: the file's, for messages,
 * or NULL. Stops behind a statement that failed (unless keep_going), at QUIT, and when a signal came; false: nothing
 * more is to be executed, runner->exit_status says why. */
bool runner_text(struct runner *runner, const char *text, size_t len, size_t *offset, const char *name);

/* The same for a file ("-": standard input, executed as it comes). */
bool runner_file(struct runner *runner, const char *path);

/* Executes a script as session_run_script does, with the progress line. */
void runner_job(struct runner *runner, const char *path, bool has_checkpoints);

/* Prints an error with its place in the text (which may be NULL), and keeps its exit status if it is the first. */
void runner_error(struct runner *runner, const struct error *err, const char *text, size_t len, const char *name);

/* Reads a whole file of at most PARSE_MAX_SCRIPT_BYTES. */
MUST_CHECK enum status read_script(const char *path, struct strbuf *out, struct error *err);

/* The format that results have now. */
enum print_format runner_format(const struct runner *runner);

extern const char shell_help[]; /* of the HELP statement */

#endif
