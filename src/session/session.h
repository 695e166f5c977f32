/* A user's session: settings, catalogs, statements, jobs. The shell, the commands and (later) the servers stand on it.
 *
 * A session belongs to one thread; session_cancel may be called from any thread and from signal handlers. */
#ifndef MILLRACE_SESSION_SESSION_H
#define MILLRACE_SESSION_SESSION_H

#include "connector/connector.h"
#include "job/job.h"
#include "parse/parse.h"

enum { SESSION_MAX_CATALOGS = 256, SESSION_MAX_SETTINGS = 4096, SESSION_MAX_JOBS = 256 };

enum result_mode { RESULT_TABLE, RESULT_CHANGELOG, RESULT_TABLEAU };

/* Where results go. All functions may be NULL except begin, rows, end; they are called on the session's thread or, while a query runs,
 * on one I/O thread (never at once). */
struct result_handler {
    void *data;
    /* A result set begins. changelog: rows carry kinds that matter (mode CHANGELOG or TABLEAU); else all are +I. streaming: rows
     * may come for ever. schema lives until end. */
    enum status (*begin)(void *data, const struct schema *schema, bool changelog, bool streaming, struct error *err);
    /* Rows: flat columns, no selection. */
    enum status (*rows)(void *data, const struct chunk *chunk, const uint8_t *kinds, struct error *err);
    /* TABLE mode of a running streaming query, now and then and only if `live` is set: the whole current result. */
    bool live;
    enum status (*snapshot)(void *data, const struct schema *schema, const struct chunk *const *chunks, int chunk_count,
                            struct error *err);
    enum status (*end)(void *data, int64_t row_count, struct error *err);
    /* session_run_script begins a statement, or with NULL the job of its INSERTs. May be NULL. */
    void (*statement)(void *data, const struct ast_statement *statement);
    /* A statement without a result set is done: "OK", "INSERT: 5 rows", … */
    void (*message)(void *data, const char *text);
    void (*warning)(void *data, const char *text);
    /* Who gets what an INSERT cannot read or the system refuses; NULL: errors, or what the tables' options say. */
    const struct bad_rows *bad_rows;
    bool query_progress; /* progress is called for queries too */
    /* A job runs: called about five times a second with its figures; once with running false at the end. */
    void (*progress)(void *data, const char *job_name, const struct job_progress *progress);
};

struct session_options {
    const char *data_dir;       /* embedded store; NULL: in memory */
    bool interactive;           /* unbounded INSERTs run in the background */
    const char *checkpoint_dir; /* millrace run --checkpoint-dir */
};

struct session;
enum status session_create(const struct session_options *options, struct session **out, struct error *err);
void session_destroy(struct session *session);

/* Executes one statement. text is the whole script it came from (for the places in errors and stored view texts). */
enum status session_execute(struct session *session, const struct ast_statement *statement, const char *text,
                            size_t len, const struct result_handler *handler, struct error *err);

/* With millrace.portable: reports all that is beyond Flink in the script from `offset` on, as far as it can be parsed; returns how
 * much that is. Nothing runs. */
int session_lint(struct session *session, const char *text, size_t len, size_t offset,
                 void (*report)(void *data, const struct error *offence), void *data);

/* `millrace run`: DDL, SET and the like are executed as they come; all INSERTs and statement sets of the script, and the jobs of its
 * CONTINUOUS materialized tables, become one job that starts at the end. on_error: the failing statement's place is in err. */
enum status session_run_script(struct session *session, const char *text, size_t len,
                               const struct result_handler *handler, enum job_end *end, struct error *err);

/* SET 'key' = 'value'. Unknown keys are kept, with a warning. */
enum status session_set(struct session *session, const char *key, const char *value,
                        const struct result_handler *handler, struct error *err);
const char *session_get(const struct session *session, const char *key); /* value or default; NULL unknown */
enum result_mode session_result_mode(const struct session *session);
const struct time_zone *session_zone(const struct session *session);

/* The table that a name stands for (catalog, database, table, the first ones may be missing); in arena. */
enum status session_table(struct session *session, const char *const *parts, int count, struct arena *arena,
                          const struct table **out, struct error *err);
/* The WITH options of a temporary table that means this one; false: its catalog has none. Secrets are in them. */
bool session_connector_options(struct session *session, const struct table *table, struct arena *arena,
                               struct option_list *out);

/* A temporary table in the current database with this definition: its name, columns, keys, and options with a 'connector'. For tables
 * that CREATE TEMPORARY TABLE cannot say, such as one whose key may be NULL. */
enum status session_declare(struct session *session, const struct table *table, struct error *err);

/* Stops what runs now (Ctrl-C). */
void session_cancel(struct session *session);

/* For completion: names of tables, columns, functions, settings that begin with prefix (arena, sorted). */
void session_complete(struct session *session, const char *prefix, struct arena *arena, const char ***names,
                      int *count);

#endif
