/* Inside of the session module. */
#ifndef MILLRACE_SESSION_SESSION_PRIVATE_H
#define MILLRACE_SESSION_SESSION_PRIVATE_H

#include <pthread.h>

#include "bind/bind.h"
#include "plan/plan.h"
#include "session/session.h"
#include "store/store.h"

struct setting_def {
    const char *key;
    enum option_type type;
    const char *default_value, *choices, *doc;
};
extern const struct setting_def session_setting_defs[];
extern const int session_setting_count;

enum { SESSION_MAX_USER_FUNCTIONS = 1024, SESSION_MAX_JARS = 1024 };

/* The tables and views that statements name, while someone listens. */
struct used_objects {
    struct arena *arena;
    int count, capacity;
    const struct table **tables;
};

/* What ANALYZE found of tables whose catalog cannot keep it. */
struct kept_statistics {
    const char *catalog, *database, *name;
    struct arena arena; /* of the figures */
    const struct table_statistics *statistics;
    struct kept_statistics *next;
};

/* The job of the script that `millrace run` runs: its INSERTs, and what fills its materialized tables. */
struct script_job {
    struct arena *arena;     /* the script's */
    const char *resumed_dir; /* the checkpoints of a table that is resumed, where nobody says others; may be NULL */
    const struct ast_insert **inserts;
    size_t capacity;
    int count;
};

/* START_MODE, while the query of a materialized table is bound: where its sources start that can start elsewhere. */
struct source_start {
    bool given;
    int64_t ms; /* since 1970; -1: at the beginning */
};

struct session {
    struct session_options options;
    struct script_job *script; /* NULL: no script of `millrace run`; what is run before it (-i) has none */
    struct source_start start;
    struct used_objects *used; /* NULL: nobody does */
    struct arena arena;        /* names and settings: the session's life */
    struct store *store;
    struct catalog *catalogs[SESSION_MAX_CATALOGS];
    int catalog_count;
    const char *current_catalog, *current_database;
    struct catalog *temporary; /* TEMPORARY tables and views, in memory, by database path */
    struct option_list settings;
    const struct time_zone *zone;
    pthread_mutex_t job_lock;
    struct job *running; /* in the foreground */
    _Atomic bool cancelled;
    int next_job;
    /* What scripts say and what has no effect: CREATE FUNCTION of a class that is built in, ADD JAR. */
    const char *user_functions[SESSION_MAX_USER_FUNCTIONS], *jars[SESSION_MAX_JARS];
    int user_function_count, jar_count;
    uint32_t warned_hints; /* of hints.c: each is warned about once */
    int64_t job_counter;
    struct kept_statistics *statistics;
};

/* ---- Names (names.c) ---- */

struct catalog *session_find_catalog(struct session *session, const char *name);
/* The same; an error names what is near. */
enum status session_named_catalog(struct session *session, const struct ast_name *name, struct catalog **out,
                                  struct error *err);
/* Completes [catalog.][database.]name; errors name what is missing. */
struct object_name {
    struct catalog *catalog;
    const char *database, *name;
};
enum status session_resolve(struct session *session, const struct ast_name *name, struct object_name *out,
                            struct error *err);
/* [catalog.]database; NULL: the current one. */
enum status session_resolve_database(struct session *session, const struct ast_name *name, struct object_name *out,
                                     struct error *err);
/* NULL when there is none; temporary objects hide others. */
enum status session_find_table(struct session *session, const struct object_name *name, struct arena *arena,
                               const struct table **table, bool *is_temporary, struct error *err);
/* NULL: nothing is kept. */
struct kept_statistics *session_kept_statistics(struct session *session, const struct object_name *name);
/* Where the catalog of temporary objects has those of a database. */
const char *session_temporary_database(const struct object_name *name, struct arena *arena);
const char *session_suggest_table(struct session *session, const char *name, struct arena *arena);
/* "<kind> "<name>" does not exist", with a near name of the current database; returns STATUS_UNDEFINED_TABLE. */
enum status session_no_table(struct session *session, const char *kind, const struct ast_name *name,
                             struct arena *arena, struct error *err);
void session_bind_env(struct session *session, struct arena *query_arena, bool streaming, struct bind_env *out);
const char *ast_name_text(const struct ast_name *name, struct arena *arena);

/* ---- Results (result.c) ---- */

/* Keeps a streaming query's current result and hands results to the handler; a sink_class for job_options.collect. */
struct result_collector;
struct result_collector *result_collector_create(const struct result_handler *handler, const struct schema *schema,
                                                 enum result_mode mode, bool streaming, bool append_only,
                                                 const struct sort_key *order, int order_count, int64_t max_rows);
extern const struct sink_class result_collector_class;
struct sink *result_collector_sink(struct result_collector *collector);
/* After the job: prints what was kept. */
enum status result_collector_finish(struct result_collector *collector, struct error *err);
void result_collector_destroy(struct result_collector *collector);

/* A result made by the session itself (SHOW, DESCRIBE, EXPLAIN): columns of STRING; NULL pointers are NULL. */
enum status result_strings(const struct result_handler *handler, const char *const *names, int column_count,
                           const char *const *cells, int row_count, struct error *err);

/* ---- Statements ---- */

struct statement_ctx {
    struct session *session;
    const char *text; /* the script */
    size_t len;
    const struct result_handler *handler;
    struct arena *arena; /* of the statement */
};
/* With millrace.portable: STATUS_NOT_PORTABLE when the syntax is beyond Flink. */
enum status session_check_portable(struct statement_ctx *ctx, const struct ast_node *root, struct error *err);
enum status session_query(struct statement_ctx *ctx, const struct ast_query *query, struct error *err);
/* The checkpoint directory of `millrace run` is for the script's job, not for an INSERT of a file that is run first. */
enum status session_insert(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                           struct error *err);
/* EXECUTE PLAN: is the job of its script. */
enum status session_insert_as_job(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                  struct error *err);
/* checkpoint_dir NULL: none. */
enum status session_insert_with(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                const char *checkpoint_dir, struct error *err);
void session_add_to_script(struct script_job *script, const struct ast_insert *insert);
/* Binds and plans, in the mode that settings and sources ask for. *first: the table of the first; may be NULL. */
enum status session_plan_inserts(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                 struct plan **plan, const struct table **first, struct error *err);
/* COMPILE PLAN, COMPILE AND EXECUTE PLAN, EXECUTE PLAN (compiled_plan.c) */
enum status session_compile_plan(struct statement_ctx *ctx, const struct ast_compile_plan *compile, struct error *err);
enum status session_execute_plan(struct statement_ctx *ctx, const struct ast_execute_plan *execute, struct error *err);
/* UPDATE, DELETE */
enum status session_modify(struct statement_ctx *ctx, const struct ast_node *node, struct error *err);
enum status session_merge(struct statement_ctx *ctx, const struct ast_merge *merge, struct error *err);
/* Computes the rows of a held query, once. (held.c) */
enum status session_fill_held(struct statement_ctx *ctx, struct held_query *query, struct error *err);
int64_t session_setting_int(const struct session *session, const char *key);
bool session_is_streaming(const struct session *session); /* execution.runtime-mode = streaming */
struct plan_options session_plan_options(const struct session *session, bool streaming);
struct plan_options session_batch_options(const struct session *session);
enum status session_explain(struct statement_ctx *ctx, const struct ast_explain *explain, struct error *err);
enum status session_analyze(struct statement_ctx *ctx, const struct ast_analyze *analyze, struct error *err);
enum status session_show(struct statement_ctx *ctx, const struct ast_show *show, struct error *err);
enum status session_describe(struct statement_ctx *ctx, const struct ast_describe *describe, struct error *err);
enum status session_ddl(struct statement_ctx *ctx, const struct ast_node *node, bool *handled, struct error *err);
enum status session_alter(struct statement_ctx *ctx, const struct ast_alter *alter, bool *handled, struct error *err);
/* Materialized tables (materialized.c) */
enum status session_create_materialized(struct statement_ctx *ctx, const struct ast_create_materialized_table *create,
                                        struct error *err);
enum status session_alter_materialized(struct statement_ctx *ctx, const struct ast_alter *alter, struct error *err);
enum status session_drop_materialized(struct statement_ctx *ctx, const struct ast_drop *drop, struct error *err);
/* STATUS_UNDEFINED_TABLE when there is none, STATUS_INVALID_ARGUMENT when it is another kind of table. */
enum status session_find_materialized(struct statement_ctx *ctx, const struct ast_name *name,
                                      struct object_name *object, const struct table **table, struct error *err);
/* STATUS_INVALID_ARGUMENT when the table (may be NULL) is one; statement: what to use instead. */
enum status session_refuse_materialized(const struct table *table, const char *statement, const struct ast_node *node,
                                        struct error *err);
/* Would it be FULL, by its clauses and the settings? */
bool session_is_full(struct statement_ctx *ctx, const struct ast_create_materialized_table *create);
/* The START_MODE under which the insert is bound; not given for an ordinary one. */
enum status session_start_of(struct statement_ctx *ctx, const struct ast_insert *insert, struct source_start *out,
                             struct error *err);
/* Has its connector the option 'scan.startup.mode'? */
bool session_starts_elsewhere(const struct table *table);
/* May the job of these inserts fill their materialized tables? */
enum status session_check_job(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                              const struct plan *plan, const char *checkpoint_dir, struct error *err);
/* Notes in the materialized tables that a job fills them. */
enum status session_note_job(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                             const char *checkpoint_dir, struct error *err);
/* Checks OPTIONS hints against the options of their tables, and warns about hints that have no effect (hints.c). */
enum status session_check_hints(struct statement_ctx *ctx, const struct ast_node *root, struct error *err);
/* Statements that have nothing to do here, or that cannot be: an error says why and what to do instead. */
enum status session_describe_job(const struct ast_describe *describe, struct error *err);
enum status session_other(struct statement_ctx *ctx, const struct ast_node *node, struct error *err);
void session_message(const struct statement_ctx *ctx, const char *fmt, ...) PRINTF_LIKE(2, 3);
void session_warn(const struct statement_ctx *ctx, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- Shared parts of DDL (ddl.c) ---- */

/* Gives a failure without a place the node's. */
enum status session_place_error(enum status status, const struct ast_node *node, struct error *err);
/* Checks the options against those of the connector, or of the catalog's own tables, and lets the connector look at the
 * definition; sets table->connector. */
enum status session_check_table(struct statement_ctx *ctx, const struct catalog *catalog, struct table *table,
                                struct error *err);
/* STATUS_UNDEFINED_NAME when there is no such database. */
enum status session_check_database(struct statement_ctx *ctx, const struct object_name *name,
                                   const struct ast_node *node, struct error *err);
/* name and options live as long as the session. */
enum status session_open_catalog(struct statement_ctx *ctx, const char *name, const struct option_list *options,
                                 struct catalog **out, struct error *err);
/* Binds in the mode that the settings and the sources ask for; *streaming: which one. */
enum status session_bind_query(struct statement_ctx *ctx, const struct ast_query *query, struct bound_query *out,
                               bool *streaming, struct error *err);
/* INSERT INTO name, the query's columns into those of the same names; in arena. *used: what the query names. streaming: how the query is
 * bound. */
enum status session_make_insert(struct statement_ctx *ctx, struct arena *arena, struct ast_name *name,
                                struct ast_query *query, const struct ast_node *node, bool streaming,
                                struct used_objects *used, struct ast_insert **out, struct error *err);
/* SET, RESET, ADD, MODIFY, DROP of a table that its catalog keeps. */
enum status session_alter_definition(struct statement_ctx *ctx, const struct ast_alter *alter,
                                     const struct object_name *name, const struct table *old, struct error *err);
/* ALTER VIEW … AS */
enum status session_replace_view(struct statement_ctx *ctx, const struct ast_alter *alter,
                                 const struct object_name *name, const struct table *old, bool is_temporary,
                                 struct error *err);

/* Runs a plan's job in the foreground, with progress. */
struct run_request {
    const struct plan *plan;
    const char *name, *checkpoint_dir, *fingerprint;
    const struct sink_class *collect_class;
    struct sink *collect;
    bool show_progress;
    /* the job has been made and will run; may be NULL */
    enum status (*made)(void *data, struct error *err);
    /* after the end, before the job goes */
    void (*finished)(void *data, struct job *job);
    void *data;
};
enum status session_run_job(struct statement_ctx *ctx, const struct run_request *request, int64_t *rows_out,
                            enum job_end *end, struct error *err);

/* restart.c */
enum { RESTART_MAX_FAILURES = 100 };
struct restarts {
    int64_t count;
    int recent_count; /* failure-rate */
    int64_t recent_ms[RESTART_MAX_FAILURES];
};
/* A job with a checkpoint directory has failed: is it to run again? Says so and waits for as long as restart-strategy.* says. */
bool session_restart(struct statement_ctx *ctx, struct restarts *restarts, enum status status, const struct error *err);

#endif
