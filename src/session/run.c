/* Queries, INSERTs and EXPLAIN: bind, plan, run. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/portable.h"
#include "session/session_private.h"

enum { PROGRESS_INTERVAL_MS = 200 };

/* ---- Settings for a job ---- */

static int64_t setting_int(const struct session *session, const char *key) {
    const char *text = session_get(session, key);
    int64_t value = 0;
    if (text && *text) {
        enum option_type type = OPTION_INT;
        for (int i = 0; i < session_setting_count; i++)
            if (strcmp(session_setting_defs[i].key, key) == 0) type = session_setting_defs[i].type;
        if (type == OPTION_DURATION) {
            if (option_parse_duration(str_from(text), &value) != STATUS_OK) value = 0;
        } else if (type == OPTION_SIZE) {
            if (option_parse_size(str_from(text), &value) != STATUS_OK) value = 0;
        } else {
            value = strtoll(text, NULL, 10);
        }
    }
    return value;
}

static bool setting_bool(const struct session *session, const char *key) {
    bool value = false;
    const char *text = session_get(session, key);
    return text && option_parse_bool(str_from(text), &value) == STATUS_OK && value;
}

static int workers(const struct session *session) {
    int64_t count = setting_int(session, "parallelism.default");
    if (count <= 0) count = sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) count = 1;
    return count > POOL_MAX_WORKERS ? POOL_MAX_WORKERS : (int)count;
}

/* A mini-batch of Flink is a step. */
static int64_t step_rows(const struct session *session) {
    int64_t rows = setting_int(session, "millrace.step.max-rows");
    int64_t size = setting_int(session, "table.exec.mini-batch.size");
    bool counts = setting_bool(session, "table.exec.mini-batch.enabled") && size > 0;
    return counts && (size < rows || rows <= 0) ? size : rows;
}

/* From the end of one checkpoint to the next. */
static int64_t checkpoint_interval_ms(const struct session *session) {
    int64_t interval_ms = setting_int(session, "execution.checkpointing.interval");
    int64_t pause_ms = setting_int(session, "execution.checkpointing.min-pause");
    return pause_ms > interval_ms ? pause_ms : interval_ms;
}

/* ---- Running ---- */

struct ticker {
    const struct result_handler *handler;
    const char *name;
    const struct job_progress *progress;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

static void *ticker_main(void *arg) {
    struct ticker *ticker = arg;
    pthread_mutex_lock(&ticker->lock);
    while (!ticker->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_INTERVAL_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) until.tv_sec++, until.tv_nsec -= 1000000000L;
        pthread_cond_timedwait(&ticker->wake, &ticker->lock, &until);
        if (!ticker->stopping) ticker->handler->progress(ticker->handler->data, ticker->name, ticker->progress);
    }
    pthread_mutex_unlock(&ticker->lock);
    return NULL;
}

enum status session_run_job(struct statement_ctx *ctx, const struct run_request *request, int64_t *rows_out,
                            enum job_end *end, struct error *err) {
    struct session *session = ctx->session;
    for (int i = 0; i < request->plan->node_count; i++) {
        const struct pnode *node = request->plan->nodes[i];
        if (node->kind == PNODE_VALUES && node->values.query) TRY(session_fill_held(ctx, node->values.query, err));
    }
    struct mem_account account;
    mem_account_init(&account, NULL, setting_int(session, "millrace.memory-limit"));
    const char *pipeline = session_get(session, "pipeline.name");
    const char *recovery = session_get(session, "execution.state-recovery.path");
    int64_t seed = setting_int(session, "millrace.random-seed");
    struct job_options options = {
        .name = pipeline && *pipeline ? pipeline : request->name,
        .plan = request->plan,
        .workers = workers(session),
        .account = &account,
        .zone = session->zone,
        .step_max_rows = step_rows(session),
        .step_random = setting_bool(session, "millrace.step.random"),
        .random_seed = (uint64_t)seed,
        .spill_directory = session_get(session, "millrace.spill.directory"),
        .step_interval_ms = setting_int(session, "table.exec.mini-batch.allow-latency"),
        .now_micros = clock_realtime_micros(),
        .drop_nulls = str_compare_nocase(session_get(session, "table.exec.sink.not-null-enforcer"), "DROP") == 0,
        .check_lengths = str_compare_nocase(session_get(session, "table.exec.sink.type-length-enforcer"), "ERROR") == 0,
        .checkpoint_dir = request->checkpoint_dir,
        .recovery_dir = request->checkpoint_dir && *recovery ? recovery : NULL,
        .checkpoint_interval_ms = checkpoint_interval_ms(session),
        .stop_after_steps = setting_int(session, "millrace.step.stop-after"),
        .fingerprint = request->fingerprint,
        .collect_class = request->collect_class,
        .collect = request->collect,
        .bad_rows = request->collect ? NULL : ctx->handler->bad_rows,
    };
    struct job *job;
    TRY(job_create(&options, &job, err));
    if (request->made) {
        enum status made = request->made(request->data, err);
        if (made != STATUS_OK) {
            job_destroy(job);
            return made;
        }
    }
    pthread_mutex_lock(&session->job_lock);
    session->running = job;
    pthread_mutex_unlock(&session->job_lock);
    if (atomic_load(&session->cancelled)) job_cancel(job);
    struct ticker ticker = {.handler = ctx->handler, .name = options.name, .progress = job_progress(job)};
    pthread_t thread;
    bool ticking = request->show_progress && ctx->handler->progress != NULL;
    if (ticking) {
        pthread_mutex_init(&ticker.lock, NULL);
        pthread_cond_init(&ticker.wake, NULL);
        ticking = pthread_create(&thread, NULL, ticker_main, &ticker) == 0;
    }
    enum status status = job_run(job, end, err);
    if (ticking) {
        pthread_mutex_lock(&ticker.lock);
        ticker.stopping = true;
        pthread_cond_signal(&ticker.wake);
        pthread_mutex_unlock(&ticker.lock);
        pthread_join(thread, NULL);
        pthread_mutex_destroy(&ticker.lock);
        pthread_cond_destroy(&ticker.wake);
        ctx->handler->progress(ctx->handler->data, options.name, job_progress(job));
    }
    pthread_mutex_lock(&session->job_lock);
    session->running = NULL;
    pthread_mutex_unlock(&session->job_lock);
    if (rows_out) *rows_out = atomic_load(&job_progress(job)->rows_out);
    int64_t skipped = atomic_load(&job_progress(job)->skipped_records),
            late = atomic_load(&job_progress(job)->late_rows), refused = atomic_load(&job_progress(job)->refused_rows),
            unapplied = atomic_load(&job_progress(job)->unapplied_rows);
    if (rows_out) *rows_out -= refused + unapplied;
    if (ctx->handler->warning) {
        char text[160];
        if (refused) {
            snprintf(text, sizeof text, "%lld row%s refused and skipped", (long long)refused,
                     refused == 1 ? " was" : "s were");
            ctx->handler->warning(ctx->handler->data, text);
        }
        if (unapplied) {
            snprintf(text, sizeof text, "%lld row%s not written, as their keys exist", (long long)unapplied,
                     unapplied == 1 ? " was" : "s were");
            ctx->handler->warning(ctx->handler->data, text);
        }
    }
    if (status == STATUS_OK && ctx->handler->warning) {
        char text[160];
        if (skipped) {
            snprintf(text, sizeof text, "%lld malformed record%s skipped", (long long)skipped, skipped == 1 ? "" : "s");
            ctx->handler->warning(ctx->handler->data, text);
        }
        if (late) {
            snprintf(text, sizeof text, "%lld late row%s dropped", (long long)late, late == 1 ? "" : "s");
            ctx->handler->warning(ctx->handler->data, text);
        }
    }
    if (status == STATUS_OK && request->finished) request->finished(request->data, job);
    job_destroy(job);
    return status;
}

/* ---- The mode ---- */

enum runtime_mode { MODE_AUTOMATIC, MODE_STREAMING, MODE_BATCH };

static enum runtime_mode runtime_mode(const struct session *session) {
    const char *mode = session_get(session, "execution.runtime-mode");
    if (mode && str_compare_nocase(mode, "streaming") == 0) return MODE_STREAMING;
    if (mode && str_compare_nocase(mode, "batch") == 0) return MODE_BATCH;
    return MODE_AUTOMATIC;
}

/* ---- millrace.portable ---- */

struct offences {
    const struct statement_ctx *ctx;
    struct error *err; /* the first; the others in its detail */
    int count;
};

static void add_offence(void *data, const struct error *offence) {
    struct offences *offences = data;
    if (offences->count++ == 0) {
        if (offences->err) *offences->err = *offence;
        return;
    }
    if (!offences->err) return;
    int line, column;
    parse_position(offences->ctx->text, offences->ctx->len, (size_t)offence->offset, &line, &column);
    struct strbuf text = {0};
    const char *before = offences->err->detail;
    strbuf_printf(&text, "%s%sline %d, column %d: %s", before, before[0] ? "; " : "also ", line, column,
                  offence->message);
    error_detail(offences->err, "%s", text.data);
    strbuf_free(&text);
}

/* Flink runs what has no execution.runtime-mode as streams. */
enum status session_check_portable(struct statement_ctx *ctx, const struct ast_node *root, struct error *err) {
    if (!setting_bool(ctx->session, "millrace.portable")) return STATUS_OK;
    struct offences offences = {.ctx = ctx, .err = err};
    bool streaming = runtime_mode(ctx->session) != MODE_BATCH;
    return portable_check(root, streaming, add_offence, &offences) ? STATUS_NOT_PORTABLE : STATUS_OK;
}

int session_lint(struct session *session, const char *text, size_t len, size_t offset,
                 void (*report)(void *data, const struct error *offence), void *data) {
    if (!setting_bool(session, "millrace.portable")) return 0;
    struct arena arena;
    arena_init(&arena, NULL);
    int count = 0;
    bool streaming = runtime_mode(session) != MODE_BATCH;
    for (;;) {
        struct ast_statement *statement;
        struct error ignored; /* comes again when the statement is run */
        arena_reset(&arena);
        if (parse_script_next(text, len, &offset, &arena, &statement, &ignored) != STATUS_OK || !statement) break;
        const struct ast_option *option =
            statement->root->kind == AST_SET ? AST_AS(statement->root, ast_set)->option : NULL;
        if (option && str_equal(option->key, str_from("execution.runtime-mode")))
            streaming = !str_equal(option->value, str_from("batch"));
        count += portable_check(statement->root, streaming, report, data);
    }
    arena_destroy(&arena);
    return count;
}

/* ---- Planning ---- */

static struct plan_options planner_options(const struct session *session, bool streaming) {
    struct plan_options options = plan_options_default();
    options.streaming = streaming;
    options.find_connector = connector_find;
    options.require_on_conflict = setting_bool(session, "table.exec.sink.require-on-conflict");
    options.reorder_joins = setting_bool(session, "table.optimizer.join-reorder-enabled");
    options.reuse_sub_plan = setting_bool(session, "table.optimizer.reuse-sub-plan-enabled");
    options.idle_timeout_ms = setting_int(session, "table.exec.source.idle-timeout");
    options.state_ttl_ms = setting_int(session, "table.exec.state.ttl");
    options.memory_limit_bytes = setting_int(session, "millrace.memory-limit");
    const char *ratio = session_get(session, "table.optimizer.lookup-join.ratio");
    options.lookup_ratio = ratio ? strtod(ratio, NULL) : 0;
    options.portable = setting_bool(session, "millrace.portable");
    options.portable_streaming = runtime_mode(session) != MODE_BATCH;
    const char *phase = session_get(session, "table.optimizer.agg-phase-strategy");
    if (phase && str_compare_nocase(phase, "ONE_PHASE") == 0) options.agg_phase = AGG_PHASE_ONE;
    if (phase && str_compare_nocase(phase, "TWO_PHASE") == 0) options.agg_phase = AGG_PHASE_TWO;
    return options;
}

static enum status bind_one_query(struct statement_ctx *ctx, const struct ast_query *query, bool streaming,
                                  struct bound_query *out, struct error *err) {
    struct bind_env env;
    session_bind_env(ctx->session, ctx->arena, streaming, &env);
    return bind_query(&env, query, out, err);
}

enum status session_bind_query(struct statement_ctx *ctx, const struct ast_query *query, struct bound_query *out,
                               bool *streaming, struct error *err) {
    enum runtime_mode mode = runtime_mode(ctx->session);
    *streaming = mode == MODE_STREAMING;
    TRY(bind_one_query(ctx, query, *streaming, out, err));
    if (mode != MODE_AUTOMATIC || plan_is_bounded(out->rel, connector_find)) return STATUS_OK;
    *streaming = true;
    return bind_one_query(ctx, query, true, out, err);
}

static enum status bind_all_inserts(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                    bool streaming, struct bound_insert *out, struct error *err) {
    for (int i = 0; i < count; i++) {
        struct bind_env env;
        session_bind_env(ctx->session, ctx->arena, streaming, &env);
        TRY(session_start_of(ctx, inserts[i], &ctx->session->start, err));
        enum status status = bind_insert(&env, inserts[i], &out[i], err);
        ctx->session->start = (struct source_start){0};
        TRY(status);
    }
    return STATUS_OK;
}

static enum status bind_inserts(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                struct bound_insert **out, bool *streaming, struct error *err) {
    enum runtime_mode mode = runtime_mode(ctx->session);
    struct bound_insert *bound = ARENA_ARRAY(ctx->arena, struct bound_insert, count + 1);
    /* what keeps a materialized table up to date is a stream, whatever it reads */
    for (int i = 0; i < count; i++)
        if (inserts[i]->maintains) mode = MODE_STREAMING;
    *streaming = mode == MODE_STREAMING;
    TRY(bind_all_inserts(ctx, inserts, count, *streaming, bound, err));
    bool bounded = true;
    for (int i = 0; i < count; i++) bounded = bounded && plan_is_bounded(bound[i].rel, connector_find);
    if (mode == MODE_AUTOMATIC && !bounded) {
        *streaming = true;
        TRY(bind_all_inserts(ctx, inserts, count, true, bound, err));
    }
    *out = bound;
    return STATUS_OK;
}

int64_t session_setting_int(const struct session *session, const char *key) { return setting_int(session, key); }

bool session_is_streaming(const struct session *session) { return runtime_mode(session) == MODE_STREAMING; }

struct plan_options session_plan_options(const struct session *session, bool streaming) {
    return planner_options(session, streaming);
}

struct plan_options session_batch_options(const struct session *session) {
    return planner_options(session, false);
}

/* ---- SELECT ---- */

/* The order of a TOP_N result: over CALCs that keep its columns. */
static bool result_order(const struct plan *plan, struct arena *arena, const struct sort_key **order, int *count) {
    const struct pnode *node = plan->roots[0]->inputs[0];
    const struct pnode *calcs[16];
    int calc_count = 0;
    while ((node->kind == PNODE_CALC || node->kind == PNODE_EXCHANGE) && calc_count < 16) {
        if (node->kind == PNODE_CALC) calcs[calc_count++] = node;
        node = node->inputs[0];
    }
    if (node->kind != PNODE_TOP_N) return false;
    struct sort_key *keys = ARENA_ARRAY(arena, struct sort_key, node->sort.key_count + 1);
    int kept = 0;
    for (int i = 0; i < node->sort.key_count; i++) {
        int column = node->sort.keys[i].column;
        for (int c = calc_count - 1; c >= 0 && column >= 0; c--) {
            if (!calcs[c]->calc.exprs) continue;
            int found = -1;
            for (int k = 0; k < calcs[c]->schema.column_count && found < 0; k++)
                if (calcs[c]->calc.exprs[k]->kind == EXPR_COLUMN && calcs[c]->calc.exprs[k]->column.index == column)
                    found = k;
            column = found;
        }
        if (column < 0) break;
        keys[kept] = node->sort.keys[i];
        keys[kept++].column = column;
    }
    *order = keys;
    *count = kept;
    return kept > 0;
}

enum status session_query(struct statement_ctx *ctx, const struct ast_query *query, struct error *err) {
    struct bound_query bound;
    bool streaming;
    TRY(session_bind_query(ctx, query, &bound, &streaming, err));
    struct plan_options options = planner_options(ctx->session, streaming);
    struct plan *plan;
    TRY(plan_query(ctx->arena, &bound, &options, &plan, err));
    const struct pnode *root = plan->roots[0];
    /* The optimizer drops projections that only rename, so the names are those of the bound query. */
    struct schema shown = {.column_count = root->inputs[0]->schema.column_count,
                           .types = root->inputs[0]->schema.types,
                           .names = bound.rel->schema.names};
    const struct schema *schema = &shown;
    enum result_mode mode = session_result_mode(ctx->session);
    const struct sort_key *order = NULL;
    int order_count = 0;
    if (streaming) result_order(plan, ctx->arena, &order, &order_count);
    bool append_only = root->inputs[0]->edge.changes == CHANGES_APPEND;
    struct result_collector *collector =
        result_collector_create(ctx->handler, schema, mode, streaming, append_only, order, order_count,
                                setting_int(ctx->session, "sql-client.execution.max-table-result.rows"));
    enum status status = ctx->handler->begin(ctx->handler->data, schema, mode != RESULT_TABLE, streaming, err);
    if (status == STATUS_OK) {
        struct run_request request = {.plan = plan,
                                      .name = "collect",
                                      .collect_class = &result_collector_class,
                                      .collect = result_collector_sink(collector),
                                      .show_progress = ctx->handler->query_progress};
        enum job_end end;
        status = session_run_job(ctx, &request, NULL, &end, err);
    }
    if (status == STATUS_OK) status = result_collector_finish(collector, err);
    result_collector_destroy(collector);
    return status;
}

/* ---- INSERT ---- */

/* What a checkpoint must have been made by: the text of the statements. */
static const char *fingerprint_of(struct statement_ctx *ctx, const struct plan *plan) {
    struct strbuf text = {0};
    for (int i = 0; i < plan->node_count; i++) {
        plan_print_node(&text, plan->nodes[i]);
        strbuf_putc(&text, '\n');
    }
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.len; i++) hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211u;
    strbuf_free(&text);
    return arena_printf(ctx->arena, "%016llx", (unsigned long long)hash);
}

enum status session_plan_inserts(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                 struct plan **plan, const struct table **first, struct error *err) {
    struct bound_insert *bound;
    bool streaming;
    TRY(bind_inserts(ctx, inserts, count, &bound, &streaming, err));
    struct plan_options options = planner_options(ctx->session, streaming);
    if (first) *first = bound[0].table;
    return plan_inserts(ctx->arena, bound, count, &options, plan, err);
}

struct insert_job {
    struct statement_ctx *ctx;
    const struct ast_insert *const *inserts;
    int count;
    const char *checkpoint_dir;
};

static enum status note_job(void *data, struct error *err) {
    const struct insert_job *job = data;
    return session_note_job(job->ctx, job->inserts, job->count, job->checkpoint_dir, err);
}

static enum status insert_job(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                              const char *checkpoint_dir, enum job_end *end, struct error *err) {
    struct plan *plan;
    const struct table *table;
    TRY(session_plan_inserts(ctx, inserts, count, &plan, &table, err));
    TRY(session_check_job(ctx, inserts, count, plan, checkpoint_dir, err));
    struct insert_job job = {ctx, inserts, count, checkpoint_dir};
    struct run_request request = {
        .plan = plan,
        .name = arena_printf(ctx->arena, "insert-into_%s.%s.%s", table->catalog, table->database, table->name),
        .checkpoint_dir = checkpoint_dir,
        .fingerprint = checkpoint_dir ? fingerprint_of(ctx, plan) : NULL,
        .show_progress = true,
        .made = note_job,
        .data = &job};
    const char *recovery = session_get(ctx->session, "execution.state-recovery.path");
    if (*recovery && !checkpoint_dir) {
        error_set(err, STATUS_INVALID_OPTION,
                  "'execution.state-recovery.path' is set, but the job has no directory of its own");
        error_hint(err, "SET 'execution.checkpointing.dir', or run the script with `millrace run --checkpoint-dir`");
        return STATUS_INVALID_OPTION;
    }
    int64_t rows;
    struct restarts restarts = {0};
    struct error own;
    enum status status;
    do {
        error_clear(&own);
        status = session_run_job(ctx, &request, &rows, end, &own);
    } while (status != STATUS_OK && checkpoint_dir && session_restart(ctx, &restarts, status, &own));
    if (status != STATUS_OK) {
        if (err) *err = own;
        return status;
    }
    session_message(ctx, "OK, %lld row%s%s", (long long)rows, rows == 1 ? "" : "s",
                    *end == JOB_STOPPED ? " (stopped)" : "");
    return STATUS_OK;
}

enum status session_insert_with(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                const char *checkpoint_dir, struct error *err) {
    enum job_end end;
    return insert_job(ctx, inserts, count, checkpoint_dir, &end, err);
}

static const char *checkpoint_setting(const struct session *session) {
    const char *dir = session_get(session, "execution.checkpointing.dir");
    return dir && *dir ? dir : NULL;
}

static const char *script_directory(const struct session *session) {
    if (session->options.checkpoint_dir) return session->options.checkpoint_dir;
    const char *setting = checkpoint_setting(session);
    return setting ? setting : session->script->resumed_dir;
}

enum status session_insert(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                           struct error *err) {
    return session_insert_with(ctx, inserts, count, checkpoint_setting(ctx->session), err);
}

enum status session_insert_as_job(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                                  struct error *err) {
    return ctx->session->script ? session_insert_with(ctx, inserts, count, script_directory(ctx->session), err)
                                : session_insert(ctx, inserts, count, err);
}

/* ---- UPDATE and DELETE ---- */

/* Always in batch: the rows are read once, and written or deleted by their key. */
static enum status bind_modification(struct statement_ctx *ctx, const struct ast_node *node, struct bound_insert *out,
                                     struct error *err) {
    struct bind_env env;
    if (runtime_mode(ctx->session) == MODE_STREAMING) {
        error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length, "%s works in batch mode only",
                     node->kind == AST_UPDATE ? "UPDATE" : "DELETE");
        error_hint(err, "SET 'execution.runtime-mode' = 'batch'");
        return STATUS_NOT_SUPPORTED;
    }
    session_bind_env(ctx->session, ctx->arena, false, &env);
    if (node->kind == AST_UPDATE) return bind_update(&env, AST_AS(node, ast_update), out, err);
    return bind_delete(&env, AST_AS(node, ast_delete), out, err);
}

enum status session_modify(struct statement_ctx *ctx, const struct ast_node *node, struct error *err) {
    struct bound_insert bound;
    TRY(bind_modification(ctx, node, &bound, err));
    struct plan_options options = planner_options(ctx->session, false);
    const char *verb = node->kind == AST_UPDATE ? "update" : "delete"; /* of messages: + "d" */
    if (node->kind == AST_DELETE) {
        bool taken;
        const char *text;
        TRY(plan_delete_where(ctx->arena, &bound, &options, clock_realtime_micros(), &taken, &text, err));
        if (taken) {
            session_message(ctx, "OK, deleted by %s; the server does not count rows", text);
            return STATUS_OK;
        }
    }
    struct plan *plan;
    TRY(plan_inserts(ctx->arena, &bound, 1, &options, &plan, err));
    const struct table *table = bound.table;
    struct run_request request = {
        .plan = plan,
        .name = arena_printf(ctx->arena, "%s_%s.%s.%s", verb, table->catalog, table->database, table->name),
        .show_progress = true};
    int64_t rows;
    enum job_end end;
    TRY(session_run_job(ctx, &request, &rows, &end, err));
    session_message(ctx, "OK, %lld row%s %sd%s", (long long)rows, rows == 1 ? "" : "s", verb,
                    end == JOB_STOPPED ? " (stopped)" : "");
    return STATUS_OK;
}

/* ---- EXPLAIN ---- */

struct analyze {
    struct strbuf text;
    const struct plan *plan;
    struct job *job;
};

static bool node_figures(void *data, int node_id, struct plan_node_metrics *out) {
    struct analyze *analyze = data;
    struct node_metrics metrics;
    job_metrics(analyze->job, node_id, &metrics);
    *out = (struct plan_node_metrics){.rows_in = metrics.rows_in,
                                      .rows_out = metrics.rows_out,
                                      .nanos = metrics.nanos,
                                      .late_rows = metrics.late_rows,
                                      .state_bytes = metrics.state_bytes,
                                      .read_bytes = metrics.read_bytes,
                                      .spilled_bytes = metrics.spilled_bytes};
    return true;
}

static void print_analysis(void *data, struct job *job) {
    struct analyze *analyze = data;
    analyze->job = job;
    plan_explain_analyze(&analyze->text, analyze->plan, node_figures, analyze);
    int64_t spilled_bytes = job_spilled_bytes(job);
    if (spilled_bytes) strbuf_printf(&analyze->text, "\nSpilled to files: %lld bytes\n", (long long)spilled_bytes);
}

static enum status ignore_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    (void)sink, (void)rows, (void)err;
    return STATUS_OK;
}

static enum status print_lines(struct statement_ctx *ctx, struct strbuf *text, struct error *err) {
    /* One row per line, so that every output format stays readable. */
    const char *names[] = {"plan"};
    size_t capacity = 0;
    const char **lines = NULL;
    int count = 0;
    for (char *line = text->data; line && *line;) {
        char *end = strchr(line, '\n');
        if (end) *end = 0;
        ARRAY_RESERVE(lines, capacity, count + 1);
        lines[count++] = line;
        if (!end) break;
        line = end + 1;
    }
    enum status status = result_strings(ctx->handler, names, 1, lines, count, err);
    free(lines);
    return status;
}

/* A DELETE that reads nothing has no plan. */
static enum status explain_delete(struct statement_ctx *ctx, const struct bound_insert *deletion, bool *taken,
                                  struct error *err) {
    struct plan_options options = planner_options(ctx->session, false);
    const char *text;
    TRY(plan_delete_where(ctx->arena, deletion, &options, -1, taken, &text, err));
    if (!*taken) return STATUS_OK;
    struct strbuf lines = {0};
    strbuf_printf(&lines, "Delete(table=[%s.%s.%s], by=[%s]), reads nothing\n", deletion->table->catalog,
                  deletion->table->database, deletion->table->name, text);
    enum status status = print_lines(ctx, &lines, err);
    strbuf_free(&lines);
    return status;
}

/* The sections that EXPLAIN is asked for beside the usual ones, which have the changelog modes anyway. */
static void explain_details(const struct session *session, uint32_t details, const struct plan *plan,
                            struct strbuf *text) {
    if (details & AST_EXPLAIN_ESTIMATED_COST) {
        strbuf_putc(text, '\n');
        plan_explain_costs(text, plan);
    }
    if (details & AST_EXPLAIN_PLAN_ADVICE) {
        strbuf_puts(text, "\n== Plan Advice ==\n");
        plan_explain_advice(text, plan);
    }
    if (details & AST_EXPLAIN_JSON_EXECUTION_PLAN) {
        strbuf_puts(text, "\n== Physical Execution Plan ==\n");
        plan_explain_json(text, plan, workers(session));
    }
}

/* The rows that a MERGE finds are kept, then written by its clauses, each a query over the rows. */
static enum status explain_merge(struct statement_ctx *ctx, const struct ast_merge *merge, uint32_t details,
                                 struct error *err) {
    struct bind_env env;
    struct bound_merge bound;
    struct plan *source_plan, *changes_plan;
    session_bind_env(ctx->session, ctx->arena, false, &env);
    TRY(bind_merge(&env, merge, &bound, err));
    struct plan_options options = planner_options(ctx->session, false);
    struct bound_query source = {bound.held->base};
    struct rel *optimized;
    TRY(plan_optimize(ctx->arena, source.rel, &options, &optimized, err));
    TRY(plan_query(ctx->arena, &source, &options, &source_plan, err));
    TRY(plan_inserts(ctx->arena, bound.changes, bound.change_count, &options, &changes_plan, err));
    struct strbuf text = {0};
    plan_explain(&text, 1, &source.rel, &optimized, source_plan);
    explain_details(ctx->session, details, source_plan, &text);
    strbuf_puts(&text, "\n== Changes by Clause ==\n");
    plan_explain(&text, bound.change_count, NULL, NULL, changes_plan);
    explain_details(ctx->session, details, changes_plan, &text);
    enum status status = print_lines(ctx, &text, err);
    strbuf_free(&text);
    return status;
}

enum status session_explain(struct statement_ctx *ctx, const struct ast_explain *explain, struct error *err) {
    const struct ast_node *target = explain->statement;
    if (target->kind == AST_EXECUTE) target = AST_AS(target, ast_execute)->statement;
    if (target->kind == AST_CREATE_TABLE && AST_AS(target, ast_create_table)->query) /* what would be written */
        target = &AST_AS(target, ast_create_table)->query->node;
    struct rel **logical, **optimized;
    struct plan *plan;
    bool streaming;
    int count = 1;
    bool analyze = explain->details & AST_EXPLAIN_ANALYZE;
    struct bound_insert *inserts = NULL;
    struct bound_query query;
    if (target->kind == AST_QUERY) {
        TRY(session_bind_query(ctx, AST_AS(target, ast_query), &query, &streaming, err));
    } else if (target->kind == AST_CREATE_MATERIALIZED_TABLE) { /* what would be written */
        const struct ast_create_materialized_table *create = AST_AS(target, ast_create_materialized_table);
        streaming = !session_is_full(ctx, create);
        TRY(bind_one_query(ctx, create->query, streaming, &query, err));
    } else if (target->kind == AST_INSERT || target->kind == AST_STATEMENT_SET) {
        const struct ast_insert *single = AST_AS(target, ast_insert);
        const struct ast_insert *const *list = &single;
        if (target->kind == AST_STATEMENT_SET) {
            const struct ast_list *items = &AST_AS(target, ast_statement_set)->inserts;
            list = (const struct ast_insert *const *)items->items;
            count = items->count;
        }
        TRY(bind_inserts(ctx, list, count, &inserts, &streaming, err));
    } else if (target->kind == AST_UPDATE || target->kind == AST_DELETE) {
        inserts = ARENA_NEW(ctx->arena, struct bound_insert);
        streaming = false;
        TRY(bind_modification(ctx, target, inserts, err));
        if (target->kind == AST_DELETE && !analyze) {
            bool taken;
            TRY(explain_delete(ctx, inserts, &taken, err));
            if (taken) return STATUS_OK;
        }
    } else if (target->kind == AST_MERGE && !analyze) {
        return explain_merge(ctx, AST_AS(target, ast_merge), explain->details, err);
    } else {
        return error_set_at(err, STATUS_NOT_SUPPORTED, target->offset, target->length,
                            target->kind == AST_MERGE
                                ? "EXPLAIN ANALYZE of a MERGE is not supported"
                                : "EXPLAIN works for queries, INSERT, UPDATE, DELETE, MERGE and statement sets");
    }
    struct plan_options options = planner_options(ctx->session, streaming);
    logical = ARENA_ARRAY(ctx->arena, struct rel *, count + 1);
    optimized = ARENA_ARRAY(ctx->arena, struct rel *, count + 1);
    for (int i = 0; i < count; i++) {
        logical[i] = inserts ? inserts[i].rel : query.rel;
        TRY(plan_optimize(ctx->arena, logical[i], &options, &optimized[i], err));
    }
    if (inserts)
        TRY(plan_inserts(ctx->arena, inserts, count, &options, &plan, err));
    else
        TRY(plan_query(ctx->arena, &query, &options, &plan, err));
    struct analyze result = {.plan = plan};
    enum status status = STATUS_OK;
    if (analyze) {
        static const struct sink_class ignore_class = {.write = ignore_write};
        struct run_request request = {.plan = plan,
                                      .name = "explain-analyze",
                                      .collect_class = &ignore_class,
                                      .finished = print_analysis,
                                      .data = &result};
        enum job_end end;
        int64_t start_ns = clock_monotonic_ns();
        status = session_run_job(ctx, &request, NULL, &end, err);
        if (status == STATUS_OK)
            strbuf_printf(&result.text, "\nTotal time: %.3f ms\n", (double)(clock_monotonic_ns() - start_ns) / 1e6);
    } else {
        plan_explain(&result.text, count, logical, optimized, plan);
        explain_details(ctx->session, explain->details, plan, &result.text);
    }
    if (status == STATUS_OK) status = print_lines(ctx, &result.text, err);
    strbuf_free(&result.text);
    return status;
}

/* ---- millrace run ---- */

void session_add_to_script(struct script_job *script, const struct ast_insert *insert) {
    ARRAY_RESERVE(script->inserts, script->capacity, script->count + 1);
    script->inserts[script->count++] = insert;
}

static enum status add_set(struct script_job *script, const struct ast_statement_set *set, struct error *err) {
    for (int i = 0; i < set->inserts.count; i++) {
        const struct ast_node *node = set->inserts.items[i];
        if (node->kind != AST_INSERT)
            return error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length,
                                "only INSERT can stand in a statement set");
        session_add_to_script(script, AST_AS(node, ast_insert));
    }
    return STATUS_OK;
}

/* What changes tables at once, while INSERTs above it wait for the end of the script. */
static bool changes_rows(struct statement_ctx *ctx, const struct ast_node *root) {
    if (root->kind == AST_ALTER) return AST_AS(root, ast_alter)->action == AST_ALTER_REFRESH;
    if (root->kind == AST_CREATE_MATERIALIZED_TABLE)
        return session_is_full(ctx, AST_AS(root, ast_create_materialized_table));
    return root->kind == AST_DELETE || root->kind == AST_UPDATE || root->kind == AST_MERGE ||
           root->kind == AST_TRUNCATE;
}

static enum status run_statement(struct statement_ctx *ctx, const struct ast_statement *statement, struct error *err) {
    struct script_job *script = ctx->session->script;
    const struct ast_node *root = statement->root;
    TRY(session_check_portable(ctx, root, err));
    if (root->kind == AST_EXECUTE) root = AST_AS(root, ast_execute)->statement;
    if (root->kind == AST_INSERT || root->kind == AST_STATEMENT_SET) {
        TRY(session_check_hints(ctx, root, err));
        if (root->kind == AST_STATEMENT_SET) return add_set(script, AST_AS(root, ast_statement_set), err);
        session_add_to_script(script, AST_AS(root, ast_insert));
        return STATUS_OK;
    }
    if (script->count > 0 && changes_rows(ctx, root)) {
        error_set_at(
            err, STATUS_NOT_SUPPORTED, root->offset, root->length,
            "this would run before the INSERTs and jobs above it, which start together at the end of the script");
        error_hint(err, "put it in front of them, or run the script with `millrace sql`");
        return STATUS_NOT_SUPPORTED;
    }
    return session_execute(ctx->session, statement, ctx->text, ctx->len, ctx->handler, err);
}

enum status session_run_script(struct session *session, const char *text, size_t len,
                               const struct result_handler *handler, enum job_end *end, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct statement_ctx ctx = {.session = session, .text = text, .len = len, .handler = handler, .arena = &arena};
    struct script_job script = {.arena = &arena};
    enum status status = STATUS_OK;
    size_t offset = 0;
    *end = JOB_FINISHED;
    session->script = &script;
    while (status == STATUS_OK) {
        struct ast_statement *statement;
        status = parse_script_next(text, len, &offset, &arena, &statement, err);
        if (status != STATUS_OK || !statement) break;
        if (handler->statement) handler->statement(handler->data, statement);
        status = run_statement(&ctx, statement, err);
    }
    if (status == STATUS_OK && script.count > 0) {
        if (handler->statement) handler->statement(handler->data, NULL);
        status = insert_job(&ctx, script.inserts, script.count, script_directory(session), end, err);
    }
    session->script = NULL;
    free(script.inserts);
    arena_destroy(&arena);
    return status;
}
