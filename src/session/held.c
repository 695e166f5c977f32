/* Queries whose rows the session holds (struct held_query): WITH RECURSIVE, round by round, and what MERGE has found. */
#include <stdio.h>
#include <stdlib.h>

#include "session/session_private.h"

struct set_entry {
    uint64_t hash;
    const uint8_t *row;
    int64_t next; /* entry + 1 */
};

/* Receives the rows of a round; a sink_class for job_options.collect. */
struct holder {
    struct arena *arena; /* of the statement */
    const struct held_query *query;
    const struct chunk **chunks;
    size_t count, capacity;
    int64_t row_count, max_rows;
    size_t max_bytes, start_bytes;
    /* UNION: the rows that are there, in row form */
    struct row_layout layout;
    struct set_entry *entries;
    size_t entry_count, entry_capacity;
    int64_t *buckets;
    size_t bucket_count;
};

static void grow_buckets(struct holder *holder) {
    holder->bucket_count = holder->bucket_count ? holder->bucket_count * 2 : 1024;
    free(holder->buckets);
    holder->buckets = xcalloc(holder->bucket_count, sizeof *holder->buckets);
    for (size_t i = 0; i < holder->entry_count; i++) {
        size_t bucket = holder->entries[i].hash & (holder->bucket_count - 1);
        holder->entries[i].next = holder->buckets[bucket];
        holder->buckets[bucket] = (int64_t)i + 1;
    }
}

static bool is_new(struct holder *holder, uint64_t hash, const uint8_t *row) {
    if (holder->entry_count >= holder->bucket_count) grow_buckets(holder);
    size_t bucket = hash & (holder->bucket_count - 1);
    for (int64_t k = holder->buckets[bucket]; k; k = holder->entries[k - 1].next)
        if (holder->entries[k - 1].hash == hash && row_same(holder->entries[k - 1].row, row)) return false;
    ARRAY_RESERVE(holder->entries, holder->entry_capacity, holder->entry_count + 1);
    holder->entries[holder->entry_count] = (struct set_entry){hash, row, holder->buckets[bucket]};
    holder->buckets[bucket] = (int64_t)++holder->entry_count;
    return true;
}

/* The rows that are not there yet, which are there then. */
static struct chunk new_rows(struct holder *holder, const struct chunk *chunk, sel_index *sel) {
    uint64_t hash[VECTOR_CAPACITY];
    uint32_t sizes[VECTOR_CAPACITY];
    uint8_t *rows[VECTOR_CAPACITY];
    int count = 0;
    int *columns = ARENA_ARRAY(holder->arena, int, chunk->column_count + 1);
    for (int i = 0; i < chunk->column_count; i++) columns[i] = i;
    chunk_hash(chunk, columns, chunk->column_count, hash);
    row_sizes(&holder->layout, chunk, NULL, sizes);
    for (int i = 0; i < chunk->row_count; i++) rows[i] = arena_alloc(holder->arena, sizes[i]);
    row_encode(&holder->layout, chunk, NULL, hash, sizes, rows);
    for (int i = 0; i < chunk->row_count; i++)
        if (is_new(holder, hash[i], rows[i])) sel[count++] = (sel_index)i;
    return chunk_select(chunk, sel, count);
}

static enum status over_limit(const struct holder *holder, const char *what, const char *setting, struct error *err) {
    error_set_at(err, STATUS_LIMIT_EXCEEDED, holder->query->offset, holder->query->length, "'%s' has more than %s",
                 holder->query->name, what);
    error_hint(err, holder->query->step ? "does its step come to an end? The limit is %s" : "the limit is %s", setting);
    return STATUS_LIMIT_EXCEEDED;
}

static enum status holder_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    struct holder *holder = (struct holder *)sink;
    sel_index sel[VECTOR_CAPACITY];
    struct chunk chunk = holder->query->distinct ? new_rows(holder, rows->chunk, sel) : *rows->chunk;
    if (!chunk.sel_count) return STATUS_OK;
    ARRAY_RESERVE(holder->chunks, holder->capacity, holder->count + 1);
    holder->chunks[holder->count++] = chunk_copy(holder->arena, &chunk);
    holder->row_count += chunk.sel_count;
    if (holder->row_count > holder->max_rows) {
        char what[64];
        snprintf(what, sizeof what, "%lld rows", (long long)holder->max_rows);
        return over_limit(holder, what, "millrace.recursion.max-rows", err);
    }
    if (holder->max_bytes && holder->arena->total_bytes - holder->start_bytes > holder->max_bytes) {
        char what[64];
        snprintf(what, sizeof what, "%zu bytes of rows", holder->max_bytes);
        error_set_at(err, STATUS_OUT_OF_MEMORY, holder->query->offset, holder->query->length, "'%s' has more than %s",
                     holder->query->name, what);
        error_hint(err, "the limit is millrace.memory-limit");
        return STATUS_OUT_OF_MEMORY;
    }
    return STATUS_OK;
}

static enum status holder_end_step(struct sink *sink, int64_t step_id, struct error *err) {
    (void)sink, (void)step_id, (void)err;
    return STATUS_OK;
}

static const struct sink_class holder_class = {.write = holder_write, .end_step = holder_end_step};

static enum status run_round(struct statement_ctx *ctx, const struct plan *plan, struct holder *holder,
                             struct error *err) {
    struct run_request request = {
        .plan = plan, .name = holder->query->name, .collect_class = &holder_class, .collect = (struct sink *)holder};
    enum job_end end;
    TRY(session_run_job(ctx, &request, NULL, &end, err));
    if (end == JOB_FINISHED && !atomic_load(&ctx->session->cancelled)) return STATUS_OK;
    return error_set(err, STATUS_CANCELLED, "cancelled");
}

/* ---- held queries inside a step ---- */

/* Calls visit for every REL_ROWS of the tree, those in the queries of its expressions too, until it says true. */
typedef bool (*rows_visit)(const struct rel *rows, const struct held_rows *working);

static bool each_rows(const struct rel *rel, rows_visit visit, const struct held_rows *working);

static bool each_rows_of_expr(const struct expr *expr, rows_visit visit, const struct held_rows *working) {
    if (expr->kind == EXPR_SUBQUERY && each_rows(expr->subquery.rel, visit, working)) return true;
    for (int i = 0; i < expr->arg_count; i++)
        if (each_rows_of_expr(expr->args[i], visit, working)) return true;
    return false;
}

static bool each_rows(const struct rel *rel, rows_visit visit, const struct held_rows *working) {
    if (rel->kind == REL_ROWS && visit(rel, working)) return true;
    for (int i = 0; i < rel->input_count; i++)
        if (each_rows(rel->inputs[i], visit, working)) return true;
    const struct expr *expr;
    for (int i = 0; rel_expr_at(rel, i, &expr); i++)
        if (each_rows_of_expr(expr, visit, working)) return true;
    return false;
}

static bool each_rows_of_query(const struct held_query *query, rows_visit visit, const struct held_rows *working) {
    return each_rows(query->base, visit, working) || (query->step && each_rows(query->step, visit, working));
}

static bool reads(const struct rel *rows, const struct held_rows *working) {
    return rows->rows.held == working || (rows->rows.query && each_rows_of_query(rows->rows.query, reads, working));
}

/* A query that reads the rows of a round, and those in it that do, are to be computed again in the next one. */
static void forget(struct held_query *query, const struct held_rows *working);

static bool forget_rows(const struct rel *rows, const struct held_rows *working) {
    if (rows->rows.query) forget(rows->rows.query, working);
    return false;
}

static void forget(struct held_query *query, const struct held_rows *working) {
    if (!each_rows_of_query(query, reads, working)) return;
    query->done = false;
    each_rows_of_query(query, forget_rows, working);
}

static enum status run_rounds(struct statement_ctx *ctx, struct held_query *query, struct holder *holder,
                              struct error *err) {
    int64_t max_rounds = session_setting_int(ctx->session, "millrace.recursion.max-iterations");
    struct plan_options options = session_batch_options(ctx->session);
    options.portable = false; /* was checked as part of the whole */
    struct bound_query bound = {query->base};
    struct plan *plan;
    TRY(plan_query(ctx->arena, &bound, &options, &plan, err));
    TRY(run_round(ctx, plan, holder, err));
    if (query->step) {
        bound.rel = query->step;
        TRY(plan_query(ctx->arena, &bound, &options, &plan, err));
    }
    size_t from = 0;
    for (int64_t round = 0; query->step && holder->count > from; round++) {
        if (round >= max_rounds) {
            char what[64];
            snprintf(what, sizeof what, "%lld rounds", (long long)max_rounds);
            return over_limit(holder, what, "millrace.recursion.max-iterations", err);
        }
        /* the holder's array may move while it grows */
        size_t count = holder->count - from;
        const struct chunk **last = arena_memdup(ctx->arena, holder->chunks + from, count * sizeof *last);
        query->working = (struct held_rows){.chunks = last, .chunk_count = (int)count};
        from = holder->count;
        for (int i = 0; i < plan->node_count; i++) {
            const struct pnode *node = plan->nodes[i];
            if (node->kind == PNODE_VALUES && node->values.query) forget(node->values.query, &query->working);
        }
        TRY(run_round(ctx, plan, holder, err));
    }
    return STATUS_OK;
}

enum status session_fill_held(struct statement_ctx *ctx, struct held_query *query, struct error *err) {
    if (query->done) return STATUS_OK;
    struct holder holder = {.arena = ctx->arena,
                            .query = query,
                            .max_rows = session_setting_int(ctx->session, "millrace.recursion.max-rows"),
                            .max_bytes = (size_t)session_setting_int(ctx->session, "millrace.memory-limit"),
                            .start_bytes = ctx->arena->total_bytes};
    row_layout_init(&holder.layout, ctx->arena, query->schema->column_count, query->schema->types);
    enum status status = run_rounds(ctx, query, &holder, err);
    if (status == STATUS_OK) {
        query->rows = (struct held_rows){.chunk_count = (int)holder.count, .row_count = holder.row_count};
        if (holder.count)
            query->rows.chunks = arena_memdup(ctx->arena, holder.chunks, holder.count * sizeof *holder.chunks);
        query->done = true;
    }
    free(holder.chunks);
    free(holder.entries);
    free(holder.buckets);
    return status;
}

/* ---- MERGE ---- */

/* Takes the row of a check, which must not be there, as "column = value, ...". */
struct offence {
    const struct schema *schema;
    bool found;
    struct strbuf row;
};

static enum status offence_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    (void)err;
    struct offence *offence = (struct offence *)sink;
    if (offence->found || !rows->chunk->row_count) return STATUS_OK;
    offence->found = true;
    struct arena arena;
    arena_init(&arena, NULL);
    for (int i = 0; i < offence->schema->column_count; i++) {
        struct value value = vector_get(&rows->chunk->columns[i], 0, &arena);
        strbuf_printf(&offence->row, "%s%s = ", i ? ", " : "", offence->schema->names[i]);
        value_print_sql(&offence->row, &value);
    }
    arena_destroy(&arena);
    return STATUS_OK;
}

static const struct sink_class offence_class = {.write = offence_write, .end_step = holder_end_step};

/* Runs a query that finds at most one row, which is one too many. The caller frees offence->row. */
static enum status find_offence(struct statement_ctx *ctx, struct rel *rel, struct offence *offence,
                                struct error *err) {
    *offence = (struct offence){.schema = &rel->schema};
    struct bound_query query = {rel};
    struct plan_options options = session_batch_options(ctx->session);
    options.portable = false; /* was checked as part of the whole */
    struct plan *plan;
    enum job_end end;
    TRY(plan_query(ctx->arena, &query, &options, &plan, err));
    struct run_request request = {
        .plan = plan, .name = "merge-check", .collect_class = &offence_class, .collect = (struct sink *)offence};
    return session_run_job(ctx, &request, NULL, &end, err);
}

static enum status check_doubles(struct statement_ctx *ctx, const struct ast_merge *merge,
                                 const struct bound_merge *bound, struct error *err) {
    struct offence offence;
    enum status status = find_offence(ctx, bound->doubles, &offence, err);
    if (status == STATUS_OK && offence.found) {
        status = error_set_at(err, STATUS_CARDINALITY, merge->on->offset, merge->on->length,
                              "several rows of the source would change or insert one row of '%s'", bound->table->name);
        error_hint(err, "nothing was changed; make the source's rows differ in the table's key");
    }
    strbuf_free(&offence.row);
    return status;
}

static enum status check_existing(struct statement_ctx *ctx, const struct ast_merge *merge,
                                  const struct bound_merge *bound, struct error *err) {
    struct offence offence;
    if (!bound->existing) return STATUS_OK;
    enum status status = find_offence(ctx, bound->existing, &offence, err);
    if (status == STATUS_OK && offence.found) {
        status = error_set_at(err, STATUS_CONFLICT, merge->on->offset, merge->on->length,
                              "INSERT of a key that '%s' has: a row that ON does not match has the key (%s)",
                              bound->table->name, offence.row.data);
        error_hint(err, "nothing was changed; compare the whole key in ON, or leave such source rows out");
    }
    strbuf_free(&offence.row);
    return status;
}

enum status session_merge(struct statement_ctx *ctx, const struct ast_merge *merge, struct error *err) {
    struct bind_env env;
    struct bound_merge bound;
    if (session_is_streaming(ctx->session)) {
        error_set_at(err, STATUS_NOT_SUPPORTED, merge->node.offset, merge->node.length,
                     "MERGE works in batch mode only");
        error_hint(err, "SET 'execution.runtime-mode' = 'batch'");
        return STATUS_NOT_SUPPORTED;
    }
    session_bind_env(ctx->session, ctx->arena, false, &env);
    TRY(bind_merge(&env, merge, &bound, err));
    struct plan_options options = session_batch_options(ctx->session);
    struct plan *plan;
    TRY(plan_inserts(ctx->arena, bound.changes, bound.change_count, &options, &plan, err));
    TRY(check_doubles(ctx, merge, &bound, err));
    TRY(check_existing(ctx, merge, &bound, err));
    struct run_request request = {.plan = plan,
                                  .name = arena_printf(ctx->arena, "merge-into_%s.%s.%s", bound.table->catalog,
                                                       bound.table->database, bound.table->name),
                                  .show_progress = true};
    int64_t rows;
    enum job_end end;
    TRY(session_run_job(ctx, &request, &rows, &end, err));
    session_message(ctx, "OK, %lld row%s merged%s", (long long)rows, rows == 1 ? "" : "s",
                    end == JOB_STOPPED ? " (stopped)" : "");
    return STATUS_OK;
}
