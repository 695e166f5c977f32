/* LOOKUP_JOIN: joins append-only rows with the rows that a connector has for their key at this moment.
 *
 * Two halves: the operator gathers rows and asks for the keys that this step has not asked for yet; an I/O thread sends the
 * requests (many in flight) and keeps the answers; the operator waits for them and joins. A worker does no network
 * I/O, it waits; the thread never waits for workers. Rows do not wait across steps: a step ends with its
 * answers, so nothing is held back, no watermark waits, and no waiting rows are state.
 *
 * In the stage of a source, rows are gathered over morsels, so that a step with few rows in each of many splits asks
 * once, at its end. A morsel's rows are passed on either all before the step's end or all at it: so their order stays theirs.
 *
 * answers.h has what is known in a step, the cache, and why a replay sees the same. */
#include <stdlib.h>

#include "exec/answers.h"
#include "exec/exec_private.h"

enum { FLUSH_ROWS = 8192, POLL_MS = 50 };

/* What a worker wants the I/O thread to ask for. */
struct ask {
    struct ask *next;
    struct answer **answers;
    int count;
    bool done;
};

struct lookup_local;

struct lookup_shared {
    const struct lookup_class *class;
    const struct table *table;
    struct lookup *lookup;
    int left_columns, right_columns;
    struct program *condition; /* over left ++ right; NULL none */
    const struct type **pair_types;
    bool outer;
    const struct exec_lookup_log *log; /* NULL: answers are not kept */
    int node_id;
    struct mem_account *account;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t asked, answered;
    struct ask *head, *tail;
    bool stopping, cancelled, failed;
    struct error error; /* when failed */
    struct answers answers;
    uint64_t last_ticket;
    struct lookup_local *locals;
};

/* Gathered rows; no two morsels in one. */
struct gathered {
    struct chunk *chunk;
    uint64_t order; /* of the morsel */
    size_t seq;     /* among those of its instance */
};

struct lookup_local {
    struct lookup_local *next; /* the operator's other instances */
    struct arena arena;        /* of the gathered rows */
    struct arena out_arena;    /* of one joined chunk */
    struct gathered *gathered;
    size_t gathered_count, gathered_capacity;
    int64_t row_count;
    bool morsel_begun_to_flush;
    uint64_t ticket; /* of the answers in use, 0 none; under the lock */
    struct program_state *condition;
};

/* ---- The I/O thread ---- */

struct answer_ctx {
    struct lookup_shared *shared;
    struct answer **answers; /* by key row */
};

static void print_key(struct lookup_shared *shared, const struct answer *answer, struct strbuf *text) {
    struct arena arena;
    arena_init(&arena, NULL);
    for (int k = 0; k < shared->answers.key_layout.column_count; k++) {
        struct value value = row_get(&shared->answers.key_layout, answer->key, k, &arena);
        if (k) strbuf_puts(text, ", ");
        value_print_sql(text, &value);
    }
    arena_destroy(&arena);
}

/* Called for every key with its rows, perhaps several times. */
static enum status take_answer(void *data, int key_row, const struct chunk *rows, struct error *err) {
    struct answer_ctx *ctx = data;
    if (!rows || !rows->sel_count) return STATUS_OK;
    struct answer *answer = ctx->answers[key_row];
    enum status status = answer_add_rows(&ctx->shared->answers, answer, rows, err);
    if (status != STATUS_OK && err) {
        struct strbuf key = {0};
        print_key(ctx->shared, answer, &key);
        error_prefix(err, "lookup in table %s by key (%s)", ctx->shared->table->name, key.data);
        strbuf_free(&key);
    }
    return status;
}

static enum status ask_all(struct lookup_shared *shared, struct answer **answers, int64_t total, struct error *err) {
    int max = shared->class->max_batch;
    if (max <= 0 || max > VECTOR_CAPACITY) max = VECTOR_CAPACITY;
    enum status status = STATUS_OK;
    for (int64_t from = 0; from < total && status == STATUS_OK; from += max) {
        int count = total - from < max ? (int)(total - from) : max;
        struct arena arena;
        arena_init(&arena, shared->account);
        const uint8_t *rows[VECTOR_CAPACITY];
        for (int i = 0; i < count; i++) rows[i] = answers[from + i]->key;
        struct chunk *keys = row_gather_chunk(&shared->answers.key_layout, rows, count, &arena, false);
        struct answer_ctx ctx = {shared, answers + from};
        status = shared->class->ask(shared->lookup, keys, &arena, take_answer, &ctx, err);
        arena_destroy(&arena);
    }
    return status;
}

static struct timespec time_after(int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    return until;
}

/* Waits before keys without rows are asked for again; false when it is not worth it any more. */
static bool rest(struct lookup_shared *shared) {
    struct timespec until = time_after(shared->answers.settings.miss_delay_ms);
    pthread_mutex_lock(&shared->lock);
    while (!shared->stopping && !shared->cancelled)
        if (pthread_cond_timedwait(&shared->asked, &shared->lock, &until) != 0) break;
    bool goes_on = !shared->stopping && !shared->cancelled;
    pthread_mutex_unlock(&shared->lock);
    return goes_on;
}

/* Asks, and again for those without rows as often as the LOOKUP hint says. */
static enum status ask_with_retries(struct lookup_shared *shared, struct answer **answers, int64_t count,
                                    struct error *err) {
    TRY(ask_all(shared, answers, count, err));
    for (int attempt = 0; attempt < shared->answers.settings.miss_attempts; attempt++) {
        int64_t missing = 0;
        for (int64_t i = 0; i < count; i++)
            if (!answers[i]->row_count) answers[missing++] = answers[i];
        count = missing;
        if (!count || !rest(shared)) break;
        TRY(ask_all(shared, answers, count, err));
    }
    return STATUS_OK;
}

/* The lock is held. */
static void fail_lookup(struct lookup_shared *shared, const struct error *error) {
    if (!shared->failed) shared->error = *error;
    shared->failed = true;
    pthread_cond_broadcast(&shared->answered);
}

static void *lookup_main(void *arg) {
    struct lookup_shared *shared = arg;
    pthread_mutex_lock(&shared->lock);
    for (;;) {
        while (!shared->head && !shared->stopping) pthread_cond_wait(&shared->asked, &shared->lock);
        struct ask *asks = shared->head; /* what several workers want is asked together */
        if (!asks) break;
        shared->head = shared->tail = NULL;
        pthread_mutex_unlock(&shared->lock);
        int64_t count = 0, at = 0;
        for (struct ask *ask = asks; ask; ask = ask->next) count += ask->count;
        struct answer **answers = xmalloc((size_t)count * sizeof *answers);
        for (struct ask *ask = asks; ask; at += ask->count, ask = ask->next)
            memcpy(answers + at, ask->answers, (size_t)ask->count * sizeof *answers);
        struct error error;
        error_clear(&error);
        enum status status = ask_with_retries(shared, answers, count, &error);
        free(answers);
        pthread_mutex_lock(&shared->lock);
        if (status != STATUS_OK) fail_lookup(shared, &error);
        for (struct ask *ask = asks, *next; ask; ask = next) {
            next = ask->next; /* it lies on its worker's stack */
            ask->done = true;
        }
        pthread_cond_broadcast(&shared->answered);
    }
    pthread_mutex_unlock(&shared->lock);
    return NULL;
}

/* ---- The operator ---- */

static enum status lookup_open(struct op *op, struct error *err) {
    const struct pnode *node = op->node;
    struct arena *arena = op->query_arena;
    if (node->inputs[0]->edge.changes != CHANGES_APPEND)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "a lookup join needs append-only rows on its left side; these are updated");
    struct lookup_shared *shared = ARENA_NEW(arena, struct lookup_shared);
    pthread_mutex_init(&shared->lock, NULL);
    pthread_cond_init(&shared->asked, NULL);
    pthread_cond_init(&shared->answered, NULL);
    op->shared = shared;
    answers_init(&shared->answers, &node->join.lookup, op->account);
    shared->account = op->account;
    shared->table = node->join.table;
    shared->node_id = node->id;
    shared->log = op->executor;
    shared->class = node->join.connector->lookup;
    shared->outer = node->join.type == JOIN_LEFT;
    const struct schema *left = &node->inputs[0]->schema;
    shared->left_columns = left->column_count;
    shared->right_columns = node->join.column_count;
    const struct type **key_types = ARENA_ARRAY(arena, const struct type *, node->join.key_count + 1);
    for (int k = 0; k < node->join.key_count; k++) key_types[k] = left->types[node->join.left_keys[k]];
    row_layout_init(&shared->answers.key_layout, arena, node->join.key_count, key_types);
    int columns = shared->left_columns + shared->right_columns;
    shared->pair_types = ARENA_ARRAY(arena, const struct type *, columns + 1);
    for (int i = 0; i < columns; i++)
        shared->pair_types[i] = i < shared->left_columns
                                    ? left->types[i]
                                    : node->join.table->columns[node->join.columns[i - shared->left_columns]].type;
    row_layout_init(&shared->answers.row_layout, arena, shared->right_columns,
                    shared->pair_types + shared->left_columns);
    struct expr *parts[2];
    int part_count = 0;
    if (node->join.condition) parts[part_count++] = node->join.condition;
    if (node->join.right_filter) parts[part_count++] = expr_shift(arena, node->join.right_filter, shared->left_columns);
    if (part_count) {
        struct expr *condition = expr_and(arena, parts, part_count);
        struct schema pairs = {.column_count = columns, .types = shared->pair_types, .names = node->schema.names};
        TRY(program_compile(arena, &condition, 1, &pairs, &shared->condition, err));
    }
    TRY(shared->class->open(node->join.table, node->join.right_keys, node->join.key_count, node->join.columns,
                            node->join.column_count, op->account, &shared->lookup, err));
    if (pthread_create(&shared->thread, NULL, lookup_main, shared) != 0)
        return error_set(err, STATUS_INTERNAL, "cannot start a thread for lookups");
    shared->started = true;
    return STATUS_OK;
}

static void lookup_close(struct op *op) {
    struct lookup_shared *shared = op->shared;
    if (!shared) return;
    if (shared->started) {
        pthread_mutex_lock(&shared->lock);
        shared->stopping = true;
        pthread_cond_broadcast(&shared->asked);
        pthread_mutex_unlock(&shared->lock);
        pthread_join(shared->thread, NULL);
    }
    if (shared->lookup) shared->class->close(shared->lookup);
    answers_free(&shared->answers);
    pthread_mutex_destroy(&shared->lock);
    pthread_cond_destroy(&shared->asked);
    pthread_cond_destroy(&shared->answered);
}

static enum status lookup_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    struct lookup_shared *shared = inst->op->shared;
    struct lookup_local *local = ARENA_NEW(inst->instance_arena, struct lookup_local);
    arena_init(&local->arena, inst->op->account);
    arena_init(&local->out_arena, inst->op->account);
    if (shared->condition) local->condition = program_state_create(shared->condition, inst->instance_arena);
    local->next = shared->locals;
    shared->locals = local;
    inst->local = local;
    return STATUS_OK;
}

static void lookup_close_instance(struct op_instance *inst) {
    struct lookup_shared *shared = inst->op->shared;
    struct lookup_local *local = inst->local;
    if (!local) return;
    struct lookup_local **at = &shared->locals;
    while (*at != local) at = &(*at)->next;
    *at = local->next;
    arena_destroy(&local->arena);
    arena_destroy(&local->out_arena);
    free(local->gathered);
}

/* ---- Asking and waiting ---- */

/* What a flush needs of the answers. */
struct wanted {
    int64_t row_count;
    const uint8_t **keys;    /* by gathered row; NULL: a part is NULL, nothing equals it */
    struct answer **answers; /* by gathered row; NULL likewise */
    int ask_count, log_count;
    struct answer **ask, **log; /* to be asked for; to be logged only */
};

static enum status encode_keys(struct op_instance *inst, struct wanted *wanted, struct error *err) {
    struct lookup_local *local = inst->local;
    const struct lookup_shared *shared = inst->op->shared;
    const struct pnode *node = inst->op->node;
    for (size_t i = 0; i < local->gathered_count; i++) {
        struct chunk *chunk = local->gathered[i].chunk;
        uint64_t hash[VECTOR_CAPACITY];
        uint32_t sizes[VECTOR_CAPACITY];
        uint8_t *keys[VECTOR_CAPACITY];
        chunk_hash(chunk, node->join.left_keys, node->join.key_count, hash);
        TRY(row_sizes_checked(&shared->answers.key_layout, chunk, node->join.left_keys, sizes, err));
        for (int r = 0; r < chunk->row_count; r++) keys[r] = arena_alloc_aligned(&local->arena, sizes[r], 8);
        row_encode(&shared->answers.key_layout, chunk, node->join.left_keys, hash, sizes, keys);
        for (int r = 0; r < chunk->row_count; r++) {
            bool is_null = false;
            for (int k = 0; k < node->join.key_count; k++)
                is_null = is_null || vector_is_null(&chunk->columns[node->join.left_keys[k]], r);
            wanted->keys[wanted->row_count++] = is_null ? NULL : keys[r];
        }
    }
    return STATUS_OK;
}

static enum status load_answers(void *data, struct str bytes, struct error *err) {
    struct lookup_shared *shared = data;
    return answers_load(&shared->answers, bytes, err);
}

static enum status begin_step(struct lookup_shared *shared, const struct op_ctx *ctx, struct error *err) {
    const struct exec_lookup_log *log = shared->log;
    bool replaying = log && ctx->step_id <= log->replay_until;
    answers_begin_step(&shared->answers, ctx->step_id, ctx->env.now_micros, log != NULL, log ? log->epoch : 0,
                       replaying);
    if (!replaying) return STATUS_OK;
    return log->replay(log->data, ctx->step_id, shared->node_id, load_answers, shared, err);
}

/* Finds the answers or what must be done for them; from here on they stay where they are. */
static enum status find_answers(struct op_instance *inst, const struct op_ctx *ctx, struct wanted *wanted,
                                struct error *err) {
    struct lookup_local *local = inst->local;
    struct lookup_shared *shared = inst->op->shared;
    enum status status = STATUS_OK;
    pthread_mutex_lock(&shared->lock);
    if (shared->failed) {
        status = shared->error.code;
        if (err) *err = shared->error;
    } else if (shared->answers.step_id != ctx->step_id) {
        struct error error;
        error_clear(&error);
        status = begin_step(shared, ctx, &error);
        if (status != STATUS_OK) {
            fail_lookup(shared, &error);
            if (err) *err = error;
        }
    }
    if (status == STATUS_OK) {
        local->ticket = ++shared->last_ticket;
        uint64_t oldest = local->ticket;
        for (const struct lookup_local *other = shared->locals; other; other = other->next)
            if (other->ticket && other->ticket < oldest) oldest = other->ticket;
        if (!shared->log) answers_trim(&shared->answers, oldest);
        for (int64_t i = 0; i < wanted->row_count; i++) {
            if (!wanted->keys[i]) continue;
            enum answer_use use = answers_use(&shared->answers, wanted->keys[i], local->ticket, &wanted->answers[i]);
            if (use == ANSWER_ASK) wanted->ask[wanted->ask_count++] = wanted->answers[i];
            if (use == ANSWER_LOG) wanted->log[wanted->log_count++] = wanted->answers[i];
        }
    }
    pthread_mutex_unlock(&shared->lock);
    return status;
}

/* Waits for a change; when the job is to end, so is what the connector does. The lock is held. */
static void wait_answered(struct lookup_shared *shared, const struct op_ctx *ctx) {
    struct timespec until = time_after(POLL_MS);
    pthread_cond_timedwait(&shared->answered, &shared->lock, &until);
    if (shared->cancelled || !exec_stopped(ctx->executor)) return;
    shared->cancelled = true;
    pthread_cond_signal(&shared->asked); /* it may be resting */
    if (shared->class->cancel) shared->class->cancel(shared->lookup);
}

/* Has the keys asked for that are new in this step, and logs what the step learns. */
static enum status fetch_answers(struct lookup_shared *shared, const struct op_ctx *ctx, struct wanted *wanted,
                                 struct error *err) {
    struct ask ask = {.answers = wanted->ask, .count = wanted->ask_count};
    enum status status = STATUS_OK;
    if (wanted->ask_count) {
        pthread_mutex_lock(&shared->lock);
        *(shared->tail ? &shared->tail->next : &shared->head) = &ask;
        shared->tail = &ask;
        pthread_cond_signal(&shared->asked);
        while (!ask.done) wait_answered(shared, ctx);
        if (shared->failed) {
            status = shared->error.code;
            if (err) *err = shared->error;
        }
        pthread_mutex_unlock(&shared->lock);
    }
    if (status != STATUS_OK || !shared->log || !(wanted->ask_count + wanted->log_count)) return status;
    struct strbuf bytes = {0};
    for (int i = 0; i < wanted->ask_count; i++) answer_put(&bytes, wanted->ask[i]);
    for (int i = 0; i < wanted->log_count; i++) answer_put(&bytes, wanted->log[i]);
    status = shared->log->append(shared->log->data, ctx->step_id, shared->node_id, strbuf_str(&bytes), err);
    strbuf_free(&bytes);
    return status;
}

/* Gives what was fetched to others and waits for what others fetch. */
static enum status settle_answers(struct lookup_shared *shared, const struct op_ctx *ctx, const struct wanted *wanted,
                                  struct error *err) {
    enum status status = STATUS_OK;
    pthread_mutex_lock(&shared->lock);
    for (int i = 0; i < wanted->ask_count; i++) answers_settle(&shared->answers, wanted->ask[i]);
    for (int i = 0; i < wanted->log_count; i++) answers_settle(&shared->answers, wanted->log[i]);
    if (wanted->ask_count + wanted->log_count) pthread_cond_broadcast(&shared->answered);
    for (int64_t i = 0; i < wanted->row_count; i++)
        while (wanted->answers[i] && !wanted->answers[i]->done && !shared->failed) wait_answered(shared, ctx);
    if (shared->failed) {
        status = shared->error.code;
        if (err) *err = shared->error;
    }
    pthread_mutex_unlock(&shared->lock);
    return status;
}

static enum status await_answers(struct op_instance *inst, const struct op_ctx *ctx, struct wanted *wanted,
                                 struct error *err) {
    struct lookup_shared *shared = inst->op->shared;
    TRY(encode_keys(inst, wanted, err));
    TRY(find_answers(inst, ctx, wanted, err));
    struct error error;
    error_clear(&error);
    enum status status = fetch_answers(shared, ctx, wanted, &error);
    if (status == STATUS_OK) return settle_answers(shared, ctx, wanted, err);
    pthread_mutex_lock(&shared->lock);
    fail_lookup(shared, &error); /* nobody may wait for what will not come */
    if (err) *err = shared->error;
    status = shared->error.code;
    pthread_mutex_unlock(&shared->lock);
    return status;
}

/* ---- Joining ---- */

/* Pairs of a chunk's rows with rows of their answers. */
struct pairs {
    int count;
    sel_index left[VECTOR_CAPACITY];
    const uint8_t *right[VECTOR_CAPACITY];
};

static enum status emit_pairs(struct op_instance *inst, struct op_ctx *ctx, const struct chunk *chunk,
                              const struct pairs *pairs, bool *matched, struct error *err) {
    struct lookup_local *local = inst->local;
    const struct lookup_shared *shared = inst->op->shared;
    struct arena *arena = &local->out_arena;
    arena_reset(arena);
    int count = pairs->count;
    struct chunk *joined = chunk_create(arena, shared->left_columns + shared->right_columns, shared->pair_types, count);
    for (int c = 0; c < shared->left_columns; c++)
        vector_append(&joined->columns[c], arena, count, 0, &chunk->columns[c], pairs->left, count, false);
    for (int c = 0; c < shared->right_columns; c++)
        row_gather(&shared->answers.row_layout, pairs->right, count, c, &joined->columns[shared->left_columns + c],
                   arena, count, 0, false);
    joined->row_count = joined->sel_count = count;
    sel_index *passed = arena_alloc(arena, (size_t)count * sizeof *passed);
    int passed_count = count;
    for (int i = 0; i < count; i++) passed[i] = (sel_index)i;
    if (shared->condition)
        TRY(program_filter(shared->condition, local->condition, joined, &ctx->env, arena, passed, &passed_count, err));
    for (int i = 0; i < passed_count; i++) matched[pairs->left[passed[i]]] = true;
    struct chunk out = chunk_select(joined, passed, passed_count);
    return op_emit(inst, ctx, &out, err);
}

static enum status emit_unmatched(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk,
                                  const bool *matched, struct error *err) {
    const struct lookup_shared *shared = inst->op->shared;
    struct lookup_local *local = inst->local;
    struct arena *arena = &local->out_arena;
    arena_reset(arena);
    int columns = shared->left_columns + shared->right_columns;
    sel_index *alone = arena_alloc(arena, (size_t)(chunk->row_count + 1) * sizeof *alone);
    int alone_count = 0;
    for (int i = 0; i < chunk->row_count; i++)
        if (!matched[i]) alone[alone_count++] = (sel_index)i;
    struct chunk out = chunk_select(chunk, alone, alone_count);
    out.column_count = columns;
    out.columns = ARENA_ARRAY(arena, struct vector, columns + 1);
    memcpy(out.columns, chunk->columns, (size_t)shared->left_columns * sizeof *out.columns);
    for (int c = shared->left_columns; c < columns; c++) {
        struct value null = value_null(inst->op->node->schema.types[c]);
        vector_init_const(&out.columns[c], arena, null.type, &null);
    }
    return op_emit(inst, ctx, &out, err);
}

/* Joins one gathered chunk with its answers (by row; NULL: the key has a NULL). */
static enum status emit_joined(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk,
                               struct answer *const *answers, struct error *err) {
    struct lookup_local *local = inst->local;
    const struct lookup_shared *shared = inst->op->shared;
    bool *matched = arena_zalloc(&local->arena, (size_t)chunk->row_count + 1);
    struct pairs pairs = {.count = 0};
    for (int row = 0; row < chunk->row_count; row++)
        for (int i = 0; answers[row] && i < answers[row]->row_count; i++) {
            pairs.left[pairs.count] = (sel_index)row;
            pairs.right[pairs.count++] = answers[row]->rows[i];
            if (pairs.count < VECTOR_CAPACITY) continue;
            TRY(emit_pairs(inst, ctx, chunk, &pairs, matched, err));
            pairs.count = 0;
            if (exec_stopped(ctx->executor)) return STATUS_OK;
        }
    if (pairs.count) TRY(emit_pairs(inst, ctx, chunk, &pairs, matched, err));
    return shared->outer ? emit_unmatched(inst, ctx, chunk, matched, err) : STATUS_OK;
}

static void forget_gathered(struct lookup_local *local) {
    local->gathered_count = 0;
    local->row_count = 0;
    arena_reset(&local->arena);
    arena_reset(&local->out_arena);
}

static enum status flush(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct lookup_local *local = inst->local;
    struct lookup_shared *shared = inst->op->shared;
    if (!local->row_count) return STATUS_OK;
    struct wanted wanted = {.keys = ARENA_ARRAY(&local->arena, const uint8_t *, local->row_count),
                            .answers = ARENA_ARRAY(&local->arena, struct answer *, local->row_count),
                            .ask = ARENA_ARRAY(&local->arena, struct answer *, local->row_count),
                            .log = ARENA_ARRAY(&local->arena, struct answer *, local->row_count)};
    enum status status = await_answers(inst, ctx, &wanted, err);
    struct op_ctx own = *ctx;
    int64_t at = 0;
    for (size_t i = 0; i < local->gathered_count && status == STATUS_OK; i++) {
        struct chunk *chunk = local->gathered[i].chunk;
        own.morsel_order = local->gathered[i].order;
        status = emit_joined(inst, &own, chunk, wanted.answers + at, err);
        at += chunk->row_count;
    }
    pthread_mutex_lock(&shared->lock);
    local->ticket = 0;
    pthread_mutex_unlock(&shared->lock);
    forget_gathered(local);
    return status;
}

static enum status lookup_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                               struct error *err) {
    (void)port;
    struct lookup_local *local = inst->local;
    if (!chunk->sel_count) return STATUS_OK;
    if (inst->op->account && mem_over_limit(inst->op->account))
        return mem_limit_error(inst->op->account, "the query", err);
    ARRAY_RESERVE(local->gathered, local->gathered_capacity, local->gathered_count + 1);
    local->gathered[local->gathered_count] =
        (struct gathered){chunk_copy(&local->arena, chunk), ctx->morsel_order, local->gathered_count};
    local->gathered_count++;
    local->row_count += chunk->sel_count;
    if (local->row_count < FLUSH_ROWS) return STATUS_OK;
    local->morsel_begun_to_flush = true;
    return flush(inst, ctx, err);
}

static enum status lookup_end_morsel(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct lookup_local *local = inst->local;
    bool begun = local->morsel_begun_to_flush;
    local->morsel_begun_to_flush = false;
    return begun ? flush(inst, ctx, err) : STATUS_OK;
}

static int compare_gathered(const void *a, const void *b) {
    const struct gathered *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

/* In the stage of a source the first instance ends the step for all. */
static enum status lookup_end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct lookup_local *local = inst->local;
    struct op *op = inst->op;
    if (inst->state) return flush(inst, ctx, err);
    for (int k = 0; k < op->instance_count; k++) {
        struct lookup_local *other = op->instances[k]->local;
        if (other == local || !other->row_count) continue;
        ARRAY_RESERVE(local->gathered, local->gathered_capacity, local->gathered_count + other->gathered_count);
        memcpy(local->gathered + local->gathered_count, other->gathered,
               other->gathered_count * sizeof *other->gathered);
        local->gathered_count += other->gathered_count;
        local->row_count += other->row_count;
    }
    if (local->gathered_count) qsort(local->gathered, local->gathered_count, sizeof *local->gathered, compare_gathered);
    enum status status = flush(inst, ctx, err);
    for (int k = 0; k < op->instance_count; k++)
        if (op->instances[k]->local != local) forget_gathered(op->instances[k]->local);
    return status;
}

const struct op_class exec_lookup_class = {.kind = PNODE_LOOKUP_JOIN,
                                           .open = lookup_open,
                                           .open_instance = lookup_open_instance,
                                           .push = lookup_push,
                                           .end_morsel = lookup_end_morsel,
                                           .end_step = lookup_end_step,
                                           .close_instance = lookup_close_instance,
                                           .close = lookup_close};
