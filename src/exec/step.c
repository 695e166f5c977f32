/* Running a step: stages in order, morsels by workers, watermarks and end_step along each pipeline. */
#include <stdlib.h>

#include "base/clock.h"
#include "exec/exec_private.h"

void exec_fail(struct executor *executor, enum status status, const struct error *err) {
    pthread_mutex_lock(&executor->error_lock);
    if (!atomic_load(&executor->failed)) {
        executor->status = status;
        executor->error = *err;
        atomic_store(&executor->failed, true);
    }
    pthread_mutex_unlock(&executor->error_lock);
}

bool exec_stopped(const struct executor *executor) {
    return atomic_load_explicit(&executor->failed, memory_order_relaxed) ||
           (executor->options.cancel &&
            atomic_load_explicit(&executor->options.cancel->requested, memory_order_relaxed));
}

static bool is_stopped(const void *executor) { return exec_stopped(executor); }

struct op_ctx exec_ctx(const struct executor *executor, const struct step *step, int worker,
                       struct arena *morsel_arena) {
    return (struct op_ctx){
        .step_id = step->id,
        .streaming = executor->plan->streaming,
        .is_last = step->is_last,
        .env = {.now_micros = step->now_micros,
                .watermark_micros = WATERMARK_NONE,
                .random_seed = step->seed,
                .zone = executor->options.zone},
        .write_micros = step->write_micros,
        .morsel_arena = morsel_arena,
        .worker = worker,
        .split = -1,
        .morsel_seq = -1,
        .executor = (void *)executor,
        .is_stopped = is_stopped,
    };
}

/* ---- Sources ---- */

struct scan_output {
    struct decode_output base;
    struct op_instance *inst;
    struct op_ctx *ctx;
};

static enum status emit_decoded(struct decode_output *output, struct chunk *chunk, struct error *err) {
    struct scan_output *scan = (struct scan_output *)output;
    return op_emit(scan->inst, scan->ctx, chunk, err);
}

static enum status end_morsel(struct stage *stage, int instance, struct op_ctx *ctx, struct error *err) {
    for (int i = 0; i < stage->op_count; i++) {
        struct op *op = stage->ops[i];
        if (!op->class->end_morsel) continue;
        int64_t start_ns = clock_monotonic_ns(); /* op_emit takes the time of those behind away */
        TRY(op->class->end_morsel(op->instances[instance], ctx, err));
        atomic_fetch_add_explicit(&op->nanos, clock_monotonic_ns() - start_ns, memory_order_relaxed);
    }
    return STATUS_OK;
}

static enum status run_morsel(struct stage *stage, int worker, struct morsel *morsel, int64_t *watermark,
                              int64_t *skipped, int64_t *bad, struct error *err) {
    struct executor *executor = stage->executor;
    struct arena *arena = &stage->morsel_arenas[worker];
    arena_reset(arena);
    struct op_ctx ctx = exec_ctx(executor, stage->step, worker, arena);
    uint64_t row_counter = morsel->order;
    ctx.env.row_counter = &row_counter;
    ctx.split = morsel->split;
    ctx.morsel_order = morsel->order;
    ctx.morsel_seq = morsel->seq;
    ctx.watermark_split = watermark;
    struct scan_output output = {.base = {.arena = arena, .emit = emit_decoded, .bad_rows = stage->feed->bad_rows},
                                 .inst = stage->inputs[0].op->instances[worker],
                                 .ctx = &ctx};
    int64_t start_ns = clock_monotonic_ns();
    TRY(stage->feed->source_class->decode(stage->feed->source, morsel->block, morsel->first, morsel->count,
                                          &output.base, err));
    atomic_fetch_add_explicit(&stage->inputs[0].op->nanos, clock_monotonic_ns() - start_ns, memory_order_relaxed);
    *skipped = output.base.skipped_records;
    *bad = output.base.bad_records;
    return end_morsel(stage, worker, &ctx, err);
}

static void source_worker(void *data, int worker) {
    struct stage *stage = data;
    struct executor *executor = stage->executor;
    struct error err;
    error_clear(&err);
    while (!exec_stopped(executor)) {
        struct morsel morsel;
        enum morsel_result result = stage->feed->next(stage->feed, &morsel, &err);
        if (result == MORSEL_END) return;
        if (result == MORSEL_WAIT) continue;
        if (result == MORSEL_FAILED) {
            exec_fail(executor, err.code, &err);
            return;
        }
        int64_t watermark = WATERMARK_NONE, skipped = 0, bad = 0;
        enum status status = run_morsel(stage, worker, &morsel, &watermark, &skipped, &bad, &err);
        stage->feed->done(stage->feed, &morsel, watermark, skipped, bad);
        if (status != STATUS_OK) {
            exec_fail(executor, status, &err);
            return;
        }
    }
}

static enum status run_values(struct stage *stage, struct error *err) {
    if (stage->step->id != 1) return STATUS_OK;
    const struct pnode *node = stage->inputs[0].op->node;
    struct arena *arena = &stage->morsel_arenas[0];
    arena_reset(arena);
    struct op_ctx ctx = exec_ctx(stage->executor, stage->step, 0, arena);
    uint64_t row_counter = 0;
    ctx.env.row_counter = &row_counter;
    ctx.split = 0;
    for (int i = 0; node->values.held && i < node->values.held->chunk_count; i++) {
        const struct chunk *held = node->values.held->chunks[i];
        struct chunk chunk = {
            .column_count = node->schema.column_count, .row_count = held->row_count, .sel_count = held->row_count};
        chunk.columns = arena_alloc(arena, (size_t)chunk.column_count * sizeof *chunk.columns);
        for (int c = 0; c < chunk.column_count; c++) chunk.columns[c] = held->columns[node->values.columns[c]];
        TRY(op_emit(stage->inputs[0].op->instances[0], &ctx, &chunk, err));
    }
    for (int from = 0; from < node->values.row_count; from += VECTOR_CAPACITY) {
        int count = node->values.row_count - from;
        if (count > VECTOR_CAPACITY) count = VECTOR_CAPACITY;
        struct chunk *chunk = chunk_create(arena, node->schema.column_count, node->schema.types, count);
        for (int r = 0; r < count; r++)
            for (int c = 0; c < node->schema.column_count; c++) {
                struct value value;
                TRY(expr_evaluate(arena, node->values.rows[from + r][c], &ctx.env, &value, err));
                vector_set(&chunk->columns[c], arena, count, r, &value);
            }
        chunk->row_count = chunk->sel_count = count;
        TRY(op_emit(stage->inputs[0].op->instances[0], &ctx, chunk, err));
    }
    return end_morsel(stage, 0, &ctx, err);
}

static int64_t scan_watermark(const struct scan_feed *feed) {
    int64_t watermark = WATERMARK_MAX, reached = WATERMARK_NONE;
    bool any_active = false, any_idle = false;
    for (int i = 0; i < feed->split_count; i++) {
        const struct exec_split *split = &feed->splits[i];
        if (split->watermark > reached) reached = split->watermark;
        if (split->finished) continue;
        if (split->idle) {
            any_idle = true;
            continue;
        }
        any_active = true;
        if (split->watermark < watermark) watermark = split->watermark;
    }
    if (any_active) return watermark;
    if (any_idle) return WATERMARK_NONE; /* time stands still */
    return feed->endless ? reached : WATERMARK_MAX;
}

/* ---- Watermarks and end_step along one instance of the pipeline ---- */

/* inputs' watermark_out are set. The outputs' ports take the new watermark, then each op in turn handles it and ends its step. */
static enum status run_end(struct stage *stage, int instance, struct op_ctx *ctx, struct error *err) {
    bool moved[OP_MAX_PORTS];
    for (int i = 0; i < stage->op_count; i++) {
        struct op *op = stage->ops[i];
        struct op_instance *inst = op->instances[instance];
        int64_t start_ns = clock_monotonic_ns();
        bool any_moved = false;
        for (int port = 0; port < inst->port_count; port++) {
            moved[port] = false;
            /* who feeds this port? an input or an earlier op of the stage */
            int64_t watermark = WATERMARK_NONE;
            bool fed = false;
            for (int k = 0; k < stage->input_count + i && !fed; k++) {
                struct op_instance *feeder = k < stage->input_count
                                                 ? stage->inputs[k].op->instances[instance]
                                                 : stage->ops[k - stage->input_count]->instances[instance];
                for (int o = 0; o < feeder->output_count; o++)
                    if (feeder->outputs[o].target == inst && feeder->outputs[o].port == port) {
                        watermark = feeder->watermark_out;
                        fed = true;
                    }
            }
            if (fed && watermark > inst->watermarks[port]) {
                inst->watermarks[port] = watermark;
                moved[port] = any_moved = true;
            }
        }
        if (any_moved) {
            int64_t watermark = WATERMARK_MAX;
            for (int port = 0; port < inst->port_count; port++)
                if (inst->watermarks[port] < watermark) watermark = inst->watermarks[port];
            inst->watermark_out = watermark;
            for (int port = 0; port < inst->port_count; port++)
                if (moved[port] && op->class->on_watermark)
                    TRY(op->class->on_watermark(inst, ctx, port, inst->watermarks[port], err));
        }
        if (op->class->end_step) TRY(op->class->end_step(inst, ctx, err));
        atomic_fetch_add_explicit(&op->nanos, clock_monotonic_ns() - start_ns, memory_order_relaxed);
    }
    return STATUS_OK;
}

/* A new morsel arena life for end_step's output. */
static enum status finish_source(struct stage *stage, int64_t watermark, struct error *err) {
    struct arena *arena = &stage->morsel_arenas[0];
    arena_reset(arena);
    struct op_ctx ctx = exec_ctx(stage->executor, stage->step, 0, arena);
    uint64_t row_counter = UINT64_MAX / 2;
    ctx.env.row_counter = &row_counter;
    ctx.morsel_order = UINT64_MAX; /* behind every morsel's rows */
    struct op_instance *input = stage->inputs[0].op->instances[0];
    if (watermark > input->watermark_out) input->watermark_out = watermark;
    return run_end(stage, 0, &ctx, err);
}

static enum status run_source_stage(struct stage *stage, struct error *err) {
    struct executor *executor = stage->executor;
    const struct step *step = stage->step;
    int64_t watermark;
    if (stage->scan_index < 0) {
        TRY(run_values(stage, err));
        watermark = WATERMARK_MAX;
    } else {
        stage->feed = step->feeds[stage->scan_index];
        if (stage->feed) {
            bool solo = stage->feed->row_hint >= 0 && stage->feed->row_hint < EXEC_SOLO_ROWS;
            pool_run(executor->options.pool, solo ? 1 : stage->instance_count, source_worker, stage);
            if (exec_stopped(executor)) return STATUS_OK; /* the caller looks at the error */
            watermark = scan_watermark(stage->feed);
        } else {
            watermark = WATERMARK_NONE;
        }
        if (step->is_last) watermark = WATERMARK_MAX;
    }
    return finish_source(stage, watermark, err);
}

/* ---- Exchange stages ---- */

static bool partition_is_due(struct stage *stage, int partition) {
    if (stage->step->is_last) return true;
    for (int i = 0; i < stage->input_count; i++) {
        struct stage_input *input = &stage->inputs[i];
        if (exchange_has_rows(input->exchange, partition)) return true;
        if (exchange_watermark(input->exchange) > input->op->instances[partition]->watermark_out) return true;
    }
    struct op_ctx ctx = exec_ctx(stage->executor, stage->step, 0, NULL);
    for (int i = 0; i < stage->op_count; i++) {
        struct op *op = stage->ops[i];
        if (op->class->is_due && op->class->is_due(op->instances[partition], &ctx)) return true;
    }
    return false;
}

/* A share of a partition: rows whose hash has `part` in the bits of part_count - 1. */
struct share {
    int partition;
    uint32_t part, part_count; /* a power of two */
};

/* Into how many parts is a partition to be cut, so that what its operators keep for one part fits? Rows about double on their
 * way from an exchange into a table. Of a join only the build side counts. Others keep less than they get (groups, say), nobody
 * knows how much; every part reads the whole partition, so they begin with few. Where that is too little, run_share cuts again. */
static uint32_t part_count(const struct stage *stage, int partition) {
    const struct executor *executor = stage->executor;
    int64_t limit_bytes = executor->options.account ? executor->options.account->limit_bytes : 0;
    if (!limit_bytes || !stage->divisible) return 1;
    int64_t bytes = 0, budget_bytes = limit_bytes / (4 * pool_workers(executor->options.pool));
    bool joins = stage->ops[0]->node->kind == PNODE_HASH_JOIN;
    for (int i = 0; i < stage->input_count; i++)
        if (!joins || stage->inputs[i].port == 1)
            bytes += exchange_partition_bytes(stage->inputs[i].exchange, partition);
    uint32_t count = 1, most = joins ? EXEC_MAX_PARTS : EXEC_FIRST_PARTS;
    while (count < most && bytes * 2 / count > budget_bytes) count *= 2;
    return count;
}

/* The share's rows of a chunk: bits of the hash that neither partitions (the top ones) nor hash tables (the low ones) go by. */
static void select_share(struct chunk *chunk, const struct share *share, struct arena *arena) {
    sel_index *sel = arena_alloc(arena, (size_t)(chunk->row_count + 1) * sizeof *sel);
    int count = 0;
    for (int i = 0; i < chunk->row_count; i++) {
        sel[count] = (sel_index)i;
        count += (chunk->hash[i] >> 32 & (share->part_count - 1)) == share->part;
    }
    chunk->sel = sel;
    chunk->sel_count = count;
}

/* Pushes the share's rows from one input. */
static enum status read_input(struct stage *stage, struct stage_input *input, const struct share *share,
                              struct op_ctx *ctx, struct error *err) {
    struct executor *executor = stage->executor;
    struct op_instance *reader = input->op->instances[share->partition];
    struct arena list_arena;
    arena_init(&list_arena, executor->options.account);
    size_t count;
    struct exchange_segment *segments = exchange_segments(input->exchange, share->partition, &list_arena, &count);
    enum status status = STATUS_OK;
    int64_t start_ns = clock_monotonic_ns(); /* op_emit takes the time of those behind away from the reader's */
    for (size_t s = 0; s < count && status == STATUS_OK; s++) {
        if (exec_stopped(executor)) break;
        arena_reset(ctx->morsel_arena);
        struct chunk *loaded;
        status = exchange_load(input->exchange, &segments[s], ctx->morsel_arena, &loaded, err);
        if (status != STATUS_OK) break;
        struct chunk chunk = *loaded;
        if (share->part_count > 1) select_share(&chunk, share, ctx->morsel_arena);
        status = op_emit(reader, ctx, &chunk, err);
    }
    atomic_fetch_add_explicit(&reader->op->nanos, clock_monotonic_ns() - start_ns, memory_order_relaxed);
    arena_destroy(&list_arena);
    TRY(status);
    int64_t watermark = exchange_watermark(input->exchange);
    if (watermark > reader->watermark_out) reader->watermark_out = watermark;
    return STATUS_OK;
}

/* Everything that the instance knows is forgotten: it begins anew, with another part of its partition. */
static enum status reset_instance(struct op_instance *inst, struct error *err) {
    const struct op_class *class = inst->op->class;
    for (int port = 0; port < inst->port_count; port++) inst->watermarks[port] = WATERMARK_NONE;
    inst->watermark_out = WATERMARK_NONE;
    if (class == &exec_exchange_write_class) return STATUS_OK;
    inst->past_entries += state_entry_count(inst->state);
    inst->past_bytes += state_size_bytes(inst->state);
    if (class->close_instance) class->close_instance(inst);
    inst->local = NULL;
    state_destroy(inst->state);
    inst->state = state_create(inst->op->account);
    arena_destroy(inst->step_arena);
    arena_init(inst->step_arena, inst->op->account);
    arena_destroy(inst->instance_arena);
    arena_init(inst->instance_arena, inst->op->account);
    return class->open_instance ? class->open_instance(inst, err) : STATUS_OK;
}

static enum status reset_partition(struct stage *stage, int partition, struct error *err) {
    for (int i = 0; i < stage->input_count; i++)
        stage->inputs[i].op->instances[partition]->watermark_out = WATERMARK_NONE;
    for (int i = 0; i < stage->op_count; i++) TRY(reset_instance(stage->ops[i]->instances[partition], err));
    return STATUS_OK;
}

/* Rows that the stage has handed to exchanges and sinks from this partition. */
static int64_t rows_handed_on(const struct stage *stage, int partition) {
    int64_t rows = 0;
    for (int i = 0; i < stage->op_count; i++) {
        const struct op *op = stage->ops[i];
        if (op->class == &exec_exchange_write_class || op->class == &exec_sink_class)
            rows += op->instances[partition]->rows_pushed;
    }
    return rows;
}

static bool has_limit(const struct executor *executor) {
    return executor->options.account && executor->options.account->limit_bytes;
}

/* Who waits for the memory of others keeps none: an arena that was reset still has its largest block. */
static void begin_share(struct executor *executor, struct arena *morsel_arena) {
    pthread_mutex_lock(&executor->share_lock);
    if (executor->memory_is_tight && executor->shares_running) arena_destroy(morsel_arena);
    while (executor->memory_is_tight && executor->shares_running)
        pthread_cond_wait(&executor->share_ended, &executor->share_lock);
    executor->shares_running++;
    pthread_mutex_unlock(&executor->share_lock);
}

/* out_of_memory: shares run one at a time from now on. Was this one alone already? */
static bool end_share(struct executor *executor, bool out_of_memory) {
    pthread_mutex_lock(&executor->share_lock);
    bool alone = --executor->shares_running == 0;
    if (out_of_memory) executor->memory_is_tight = true;
    pthread_cond_broadcast(&executor->share_ended);
    pthread_mutex_unlock(&executor->share_lock);
    return alone;
}

static enum status push_share(struct stage *stage, const struct share *share, struct op_ctx *ctx, struct error *err) {
    for (int i = 0; i < stage->input_count; i++) TRY(read_input(stage, &stage->inputs[i], share, ctx, err));
    if (exec_stopped(stage->executor)) return STATUS_OK;
    arena_reset(ctx->morsel_arena);
    return run_end(stage, share->partition, ctx, err);
}

/* A batch that has a memory limit runs a large partition share by share, as a hybrid hash join does (DeWitt et al., 1984): the
 * operators see a share as if it were all, and know nothing of it. If memory gets short before a share has given any row, it
 * begins anew: alone; if it was alone, cut in two; if it is as small as it gets, with operators that spill by themselves. What a share
 * has kept is gone when it ends: who runs alone afterwards must have all the memory. */
static enum status run_share(struct stage *stage, const struct share *share, struct op_ctx *ctx, struct error *err) {
    struct executor *executor = stage->executor;
    if (!stage->divisible) return push_share(stage, share, ctx, err);
    int64_t handed_on = rows_handed_on(stage, share->partition);
    begin_share(executor, ctx->morsel_arena);
    enum status status = push_share(stage, share, ctx, err);
    bool again = status == STATUS_OUT_OF_MEMORY && rows_handed_on(stage, share->partition) == handed_on;
    if (again || (status == STATUS_OK && has_limit(executor))) {
        struct error reset_err;
        error_clear(&reset_err);
        enum status reset_status = reset_partition(stage, share->partition, &reset_err);
        if (reset_status != STATUS_OK) {
            end_share(executor, false);
            if (err) *err = reset_err;
            return reset_status;
        }
        arena_reset(ctx->morsel_arena);
    }
    bool alone = end_share(executor, status == STATUS_OUT_OF_MEMORY);
    if (!again || ctx->may_spill) return status;
    error_clear(err);
    if (!alone) return run_share(stage, share, ctx, err);
    if (share->part_count >= EXEC_MAX_PARTS) { /* most likely one key */
        ctx->may_spill = true;
        status = run_share(stage, share, ctx, err);
        ctx->may_spill = false;
        return status;
    }
    for (uint32_t half = 0; half < 2; half++) {
        struct share smaller = {share->partition, share->part + half * share->part_count, share->part_count * 2};
        TRY(run_share(stage, &smaller, ctx, err));
    }
    return STATUS_OK;
}

static enum status run_partition(struct stage *stage, int partition, int worker, struct error *err) {
    struct executor *executor = stage->executor;
    struct arena *arena = &stage->morsel_arenas[worker];
    arena_reset(arena);
    struct op_ctx ctx = exec_ctx(executor, stage->step, worker, arena);
    uint64_t row_counter = (uint64_t)partition << 48;
    ctx.env.row_counter = &row_counter;
    ctx.morsel_order = (uint64_t)partition;
    ctx.may_spill = has_limit(executor) && !executor->plan->streaming && !stage->divisible;
    uint32_t parts = part_count(stage, partition);
    for (uint32_t part = 0; part < parts; part++) {
        struct share share = {partition, part, parts};
        TRY(run_share(stage, &share, &ctx, err));
        if (exec_stopped(executor)) return STATUS_OK;
    }
    if (!has_limit(executor) || !stage->divisible) return STATUS_OK;
    /* The watermarks stay: it has ended. The worker may have nothing else to do. */
    arena_destroy(arena);
    int64_t watermark = exchange_watermark(stage->inputs[0].exchange);
    for (int i = 0; i < stage->op_count; i++) {
        struct op_instance *inst = stage->ops[i]->instances[partition];
        for (int port = 0; port < inst->port_count; port++) inst->watermarks[port] = watermark;
        inst->watermark_out = watermark;
    }
    return STATUS_OK;
}

/* State ends also where no rows come. */
static void sweep_partition(struct stage *stage, int partition) {
    for (int i = 0; i < stage->op_count; i++) {
        struct op_instance *inst = stage->ops[i]->instances[partition];
        if (inst->state) state_sweep(inst->state);
    }
}

static void partition_worker(void *data, int worker) {
    struct stage *stage = data;
    struct error err;
    error_clear(&err);
    while (!exec_stopped(stage->executor)) {
        int partition = atomic_fetch_add(&stage->next_partition, 1);
        if (partition >= stage->instance_count) return;
        enum status status =
            partition_is_due(stage, partition) ? run_partition(stage, partition, worker, &err) : STATUS_OK;
        if (status != STATUS_OK) exec_fail(stage->executor, status, &err);
        sweep_partition(stage, partition);
    }
}

static void run_exchange_stage(struct stage *stage) {
    struct executor *executor = stage->executor;
    int64_t rows = 0;
    for (int i = 0; i < stage->input_count; i++) rows += exchange_row_count(stage->inputs[i].exchange);
    struct error err;
    error_clear(&err);
    for (int i = 0; i < stage->input_count; i++) {
        enum status status = exchange_seal(stage->inputs[i].exchange, &err);
        if (status != STATUS_OK) {
            exec_fail(executor, status, &err);
            return;
        }
    }
    executor->memory_is_tight = false;
    atomic_store(&stage->next_partition, 0);
    int workers = pool_workers(executor->options.pool);
    if (rows < EXEC_SOLO_ROWS && executor->plan->streaming) workers = 1;
    if (workers > stage->instance_count) workers = stage->instance_count;
    pool_run(executor->options.pool, workers, partition_worker, stage);
    for (int i = 0; i < stage->input_count; i++)
        if (--stage->inputs[i].exchange->readers_left == 0) exchange_reset(stage->inputs[i].exchange);
}

/* ---- The step ---- */

static void begin_step(struct executor *executor, int64_t now_micros) {
    for (int i = 0; i < executor->exchange_count; i++)
        executor->exchanges[i]->readers_left = executor->exchanges[i]->reader_count;
    for (int i = 0; i < executor->op_count; i++) {
        struct op *op = executor->ops[i];
        for (int k = 0; k < op->instance_count; k++) {
            struct op_instance *inst = op->instances[k];
            memcpy(inst->watermark_start, inst->watermarks, sizeof inst->watermarks);
            if (inst->state) state_begin_step(inst->state, now_micros);
        }
    }
}

static void end_step(struct executor *executor) {
    for (int i = 0; i < executor->op_count; i++) {
        struct op *op = executor->ops[i];
        for (int k = 0; k < op->instance_count; k++) {
            struct op_instance *inst = op->instances[k];
            if (inst->state) state_end_step(inst->state);
            arena_reset(inst->step_arena);
        }
    }
}

/* A stage of a batch runs once; what its arenas keep for reuse is of use to the stages behind it. */
static void release_morsel_arenas(struct stage *stage) {
    for (int w = 0; w < pool_workers(stage->executor->options.pool); w++) {
        arena_destroy(&stage->morsel_arenas[w]);
        arena_init(&stage->morsel_arenas[w], stage->executor->options.account);
    }
}

enum status executor_step(struct executor *executor, const struct step *step, struct error *err) {
    begin_step(executor, step->now_micros);
    for (int i = 0; i < executor->stage_count && !exec_stopped(executor); i++) {
        struct stage *stage = executor->stages[i];
        stage->step = step;
        if (stage->is_source) {
            struct error own;
            error_clear(&own);
            enum status status = run_source_stage(stage, &own);
            if (status != STATUS_OK) exec_fail(executor, status, &own);
        } else {
            run_exchange_stage(stage);
        }
        if (!executor->plan->streaming) release_morsel_arenas(stage);
    }
    if (atomic_load(&executor->failed)) {
        if (err) *err = executor->error;
        return executor->status;
    }
    if (exec_stopped(executor)) return error_set(err, STATUS_CANCELLED, "cancelled");
    end_step(executor);
    return STATUS_OK;
}

enum status executor_create(struct arena *query_arena, const struct plan *plan, const struct executor_options *options,
                            struct executor **out, struct error *err) {
    struct executor *executor = ARENA_NEW(query_arena, struct executor);
    executor->query_arena = query_arena;
    executor->plan = plan;
    executor->options = *options;
    executor->spill.directory = options->spill_directory;
    pthread_mutex_init(&executor->error_lock, NULL);
    pthread_mutex_init(&executor->share_lock, NULL);
    pthread_cond_init(&executor->share_ended, NULL);
    int wanted = pool_workers(options->pool) * EXEC_PARTITIONS_PER_WORKER;
    executor->partition_count = 1;
    if (pool_workers(options->pool) > 1)
        while (executor->partition_count < wanted && executor->partition_count < EXEC_MAX_PARTITIONS)
            executor->partition_count *= 2;
    enum status status = exec_build(executor, err);
    if (status != STATUS_OK) {
        executor_destroy(executor);
        return status;
    }
    *out = executor;
    return STATUS_OK;
}

void executor_destroy(struct executor *executor) {
    if (!executor) return;
    for (int i = 0; i < executor->op_count; i++) {
        struct op *op = executor->ops[i];
        for (int k = 0; k < op->instance_count; k++) {
            struct op_instance *inst = op->instances[k];
            if (op->class->close_instance) op->class->close_instance(inst);
            if (inst->state) state_destroy(inst->state);
            arena_destroy(inst->step_arena);
            arena_destroy(inst->instance_arena);
        }
        if (op->class->close) op->class->close(op);
    }
    for (int i = 0; i < executor->stage_count; i++)
        for (int w = 0; w < pool_workers(executor->options.pool); w++)
            arena_destroy(&executor->stages[i]->morsel_arenas[w]);
    for (int i = 0; i < executor->exchange_count; i++) exchange_destroy(executor->exchanges[i]);
    free(executor->stages);
    free(executor->exchanges);
    free(executor->scans);
    free(executor->ops);
    pthread_mutex_destroy(&executor->error_lock);
    pthread_mutex_destroy(&executor->share_lock);
    pthread_cond_destroy(&executor->share_ended);
}

int executor_scan_count(const struct executor *executor) { return executor->scan_count; }

const struct pnode *executor_scan(const struct executor *executor, int index) { return executor->scans[index]; }

int64_t executor_spilled_bytes(const struct executor *executor) {
    return atomic_load_explicit(&executor->spill.written_bytes, memory_order_relaxed);
}

void executor_metrics(const struct executor *executor, int node_id, struct node_metrics *out) {
    *out = (struct node_metrics){.watermark = WATERMARK_MAX};
    bool any = false;
    const struct spill *counted = NULL;
    for (int i = 0; i < executor->op_count; i++) {
        const struct op *op = executor->ops[i];
        if (op->node->id != node_id) continue;
        any = true;
        out->rows_in += atomic_load_explicit(&op->rows_in, memory_order_relaxed);
        out->rows_out += atomic_load_explicit(&op->rows_out, memory_order_relaxed);
        out->nanos += atomic_load_explicit(&op->nanos, memory_order_relaxed);
        if (op->spill != counted)
            out->spilled_bytes += atomic_load_explicit(&op->spill->written_bytes, memory_order_relaxed);
        counted = op->spill; /* those that write to one exchange have it together */
        for (int k = 0; k < op->instance_count; k++) {
            const struct op_instance *inst = op->instances[k];
            out->late_rows += inst->late_rows;
            if (inst->state) {
                out->state_entries += inst->past_entries + state_entry_count(inst->state);
                out->state_bytes += inst->past_bytes + state_size_bytes(inst->state);
            }
            if ((inst->state || k == 0) && inst->watermark_out < out->watermark) out->watermark = inst->watermark_out;
        }
    }
    if (!any) out->watermark = WATERMARK_NONE;
}
