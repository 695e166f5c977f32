/* The coordinator: cuts steps, logs them, runs them, takes checkpoints. */
#include "job/job.h"

#include <stdlib.h>

#include "base/clock.h"
#include "job/job_private.h"

void job_notify_input(struct job *job) {
    pthread_mutex_lock(&job->input_lock);
    job->input_version++;
    pthread_cond_signal(&job->input_changed);
    pthread_mutex_unlock(&job->input_lock);
}

static uint64_t input_version(struct job *job) {
    pthread_mutex_lock(&job->input_lock);
    uint64_t version = job->input_version;
    pthread_mutex_unlock(&job->input_lock);
    return version;
}

/* Waits until something came since `seen`, or the time is over. */
static void wait_input(struct job *job, uint64_t seen, int64_t timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_mutex_lock(&job->input_lock);
    while (job->input_version == seen && !atomic_load(&job->cancel.requested))
        if (pthread_cond_timedwait(&job->input_changed, &job->input_lock, &until) != 0) break;
    pthread_mutex_unlock(&job->input_lock);
}

static uint64_t next_random(struct job *job) {
    /* splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014) */
    uint64_t z = job->random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* ---- Making ---- */

static struct exec_sink *find_sink(void *data, const struct pnode *node) {
    struct job *job = data;
    for (int i = 0; i < job->sink_count; i++)
        if (job->sinks[i].node == node) return &job->sinks[i].base;
    return NULL;
}

static enum status open_sinks(struct job *job, struct error *err) {
    const struct plan *plan = job->options.plan;
    job->sinks = ARENA_ARRAY(&job->arena, struct job_sink, plan->root_count + 1);
    for (int i = 0; i < plan->root_count; i++)
        TRY(job_sink_open(job, &job->sinks[job->sink_count++], plan->roots[i], err));
    return STATUS_OK;
}

static int64_t idle_timeout_of(const struct plan *plan, const struct pnode *scan) {
    /* The WATERMARK above the scan, over CALCs only. */
    for (int i = 0; i < plan->node_count; i++) {
        const struct pnode *node = plan->nodes[i];
        if (node->kind != PNODE_WATERMARK) continue;
        const struct pnode *below = node->inputs[0];
        while (below->kind == PNODE_CALC) below = below->inputs[0];
        if (below == scan) return node->watermark.idle_timeout_ms;
    }
    return 0;
}

static enum status open_scans(struct job *job, struct error *err) {
    int count = executor_scan_count(job->executor);
    job->scans = ARENA_ARRAY(&job->arena, struct job_scan, count + 1);
    job->feeds = ARENA_ARRAY(&job->arena, struct scan_feed *, count + 1);
    for (int i = 0; i < count; i++) {
        struct job_scan *scan = &job->scans[job->scan_count++];
        scan->node = executor_scan(job->executor, i);
        scan->index = i;
        scan->idle_timeout_ms = idle_timeout_of(job->options.plan, scan->node);
        TRY(job_scan_open(job, scan, err));
    }
    return STATUS_OK;
}

static enum status restore_splits(struct job *job, const struct checkpoint *checkpoint, struct error *err) {
    for (int i = 0; i < checkpoint->split_count; i++) {
        const struct checkpoint_split *saved = &checkpoint->splits[i];
        if (saved->scan < 0 || saved->scan >= job->scan_count)
            return error_set(err, STATUS_BAD_DATA, "the checkpoint is of another script");
        struct job_scan *scan = &job->scans[saved->scan];
        int index = job_scan_find_split(scan, saved->id);
        if (index < 0) {
            if (saved->finished) continue; /* read to its end; it may be gone */
            error_set(err, STATUS_BAD_DATA, "the checkpoint reads from \"%s\", which is gone", saved->id);
            error_detail(err, "table %s", scan->node->scan.table->name);
            return STATUS_BAD_DATA;
        }
        struct job_split *split = &scan->splits[index];
        strbuf_clear(&split->position.offset);
        strbuf_add(&split->position.offset, saved->offset.data, saved->offset.len);
        split->position.skip = saved->skip;
        split->record_count = saved->record_count;
        split->is_new = false;
        scan->exec_splits[index] =
            (struct exec_split){.watermark = saved->watermark, .finished = saved->finished, .idle = saved->idle};
    }
    return STATUS_OK;
}

static enum status restore_sinks(struct job *job, const struct checkpoint *checkpoint, struct error *err) {
    for (int i = 0; i < job->sink_count; i++) {
        struct job_sink *sink = &job->sinks[i];
        struct str prepared = {"", 0};
        for (int k = 0; checkpoint && k < checkpoint->sink_count; k++)
            if (checkpoint->sinks[k].node_id == sink->node->id) prepared = checkpoint->sinks[k].prepared;
        if (sink->class->restore)
            TRY(sink->class->restore(sink->sink, checkpoint ? checkpoint->step_id : 0, checkpoint ? checkpoint->id : 0,
                                     prepared, err));
        if (checkpoint && prepared.len && sink->class->commit)
            TRY(sink->class->commit(sink->sink, checkpoint->id, prepared, err));
    }
    return STATUS_OK;
}

static enum status restore(struct job *job, struct error *err) {
    const struct checkpoint *checkpoint = job->checkpoint;
    const char *fingerprint = job->options.fingerprint ? job->options.fingerprint : "";
    if (checkpoint && strcmp(checkpoint->fingerprint, fingerprint) != 0) {
        error_set(err, STATUS_INVALID_ARGUMENT, "the checkpoint in %s was made by another script",
                  job->options.checkpoint_dir);
        error_hint(err, "use another directory, or remove this one to start from the beginning");
        return STATUS_INVALID_ARGUMENT;
    }
    if (checkpoint) {
        TRY(checkpoint_restore(job->dir, checkpoint, job->executor, err));
        TRY(restore_splits(job, checkpoint, err));
        job->checkpoint_id = checkpoint->id;
        job->last_step_id = checkpoint->step_id;
        job->last_write_micros = checkpoint->write_micros;
        job->seed = checkpoint->seed;
        job->already_finished = checkpoint->job_finished;
        atomic_store(&job->progress.steps, checkpoint->step_count);
    }
    TRY(restore_sinks(job, checkpoint, err));
    TRY(step_log_open(checkpoint_log_path(job->dir), job->last_step_id, &job->arena, &job->replay, &job->replay_count,
                      &job->log, err));
    if (job->replay_count) answer_log_replay_until(job->answers, job->replay[job->replay_count - 1].id);
    return STATUS_OK;
}

/* The directory, its manifest and its log of answers: before the graph is made. */
static enum status open_checkpoint(struct job *job, struct error *err) {
    if (job->options.recovery_dir)
        TRY(checkpoint_dir_copy(job->options.recovery_dir, job->options.checkpoint_dir, err));
    TRY(checkpoint_dir_open(job->options.checkpoint_dir, &job->dir, err));
    TRY(checkpoint_read(job->dir, &job->arena, &job->checkpoint, err));
    return answer_log_open(checkpoint_answers_path(job->dir), job->checkpoint ? job->checkpoint->step_id : 0,
                           &job->answers, err);
}

enum status job_create(const struct job_options *options, struct job **out, struct error *err) {
    struct job *job = xcalloc(1, sizeof *job);
    job->options = *options;
    if (!job->options.step_max_rows) job->options.step_max_rows = JOB_DEFAULT_STEP_ROWS;
    arena_init(&job->arena, options->account);
    pthread_mutex_init(&job->input_lock, NULL);
    pthread_cond_init(&job->input_changed, NULL);
    atomic_store(&job->progress.watermark_micros, WATERMARK_NONE);
    job->random = options->random_seed;
    job->seed = options->random_seed ? options->random_seed : (uint64_t)clock_realtime_micros() * 0x9E3779B97F4A7C15u;
    job->pool = pool_create(options->workers);
    enum status status = STATUS_OK;
    if (options->checkpoint_dir) status = open_checkpoint(job, err);
    if (status == STATUS_OK) status = open_sinks(job, err);
    if (status == STATUS_OK) {
        struct executor_options executor_options = {.pool = job->pool,
                                                    .account = options->account,
                                                    .zone = options->zone,
                                                    .spill_directory = options->spill_directory,
                                                    .cancel = &job->cancel_hard,
                                                    .sink = find_sink,
                                                    .data = job,
                                                    .drop_nulls = options->drop_nulls,
                                                    .check_lengths = options->check_lengths,
                                                    .lookup_log =
                                                        job->answers ? answer_log_functions(job->answers) : NULL};
        status = executor_create(&job->arena, options->plan, &executor_options, &job->executor, err);
    }
    if (status == STATUS_OK) status = open_scans(job, err);
    if (status == STATUS_OK && options->checkpoint_dir) status = restore(job, err);
    if (status != STATUS_OK) {
        job->failed = true;
        job_destroy(job);
        return status;
    }
    *out = job;
    return STATUS_OK;
}

void job_destroy(struct job *job) {
    if (!job) return;
    for (int i = 0; i < job->scan_count; i++) job_scan_stop(&job->scans[i]);
    for (int i = 0; i < job->sink_count; i++) job_sink_close(&job->sinks[i], job->failed);
    executor_destroy(job->executor);
    for (int i = 0; i < job->scan_count; i++) job_scan_close(&job->scans[i]);
    step_log_close(job->log);
    answer_log_close(job->answers);
    checkpoint_dir_close(job->dir);
    pool_destroy(job->pool);
    arena_destroy(&job->arena);
    pthread_mutex_destroy(&job->input_lock);
    pthread_cond_destroy(&job->input_changed);
    free(job);
}

/* ---- Checkpoints ---- */

static enum status flush_sinks(struct job *job, struct error *err) {
    for (int i = 0; i < job->sink_count; i++) job_sink_flush(&job->sinks[i]);
    for (int i = 0; i < job->sink_count; i++) TRY(job_sink_wait(&job->sinks[i], err));
    return STATUS_OK;
}

static enum status take_checkpoint(struct job *job, bool finished, struct error *err) {
    TRY(flush_sinks(job, err));
    struct arena arena;
    arena_init(&arena, NULL);
    struct checkpoint checkpoint = {.id = job->checkpoint_id + 1,
                                    .step_id = job->last_step_id,
                                    .write_micros = job->last_write_micros,
                                    .step_count = atomic_load(&job->progress.steps),
                                    .seed = job->seed,
                                    .job_finished = finished,
                                    .fingerprint = job->options.fingerprint ? job->options.fingerprint : ""};
    int splits = 0;
    for (int i = 0; i < job->scan_count; i++) splits += job->scans[i].split_count;
    checkpoint.splits = ARENA_ARRAY(&arena, struct checkpoint_split, splits + 1);
    for (int i = 0; i < job->scan_count; i++) {
        struct job_scan *scan = &job->scans[i];
        pthread_mutex_lock(&scan->lock);
        for (int k = 0; k < scan->split_count; k++) {
            const struct job_split *split = &scan->splits[k];
            if (split->is_new) continue;
            checkpoint.splits[checkpoint.split_count++] = (struct checkpoint_split){
                .scan = i,
                .id = split->id,
                .offset = {arena_memdup(&arena, split->position.offset.data, split->position.offset.len),
                           split->position.offset.len},
                .skip = split->position.skip,
                .record_count = split->record_count,
                .watermark = scan->exec_splits[k].watermark,
                .finished = scan->exec_splits[k].finished,
                .idle = scan->exec_splits[k].idle};
        }
        pthread_mutex_unlock(&scan->lock);
    }
    checkpoint.sinks = ARENA_ARRAY(&arena, struct checkpoint_sink, job->sink_count + 1);
    enum status status = STATUS_OK;
    struct strbuf prepared = {0};
    for (int i = 0; i < job->sink_count && status == STATUS_OK; i++) {
        struct job_sink *sink = &job->sinks[i];
        if (!sink->class->prepare) continue;
        strbuf_clear(&prepared);
        status = sink->class->prepare(sink->sink, checkpoint.id, &prepared, err);
        checkpoint.sinks[checkpoint.sink_count++] =
            (struct checkpoint_sink){sink->node->id, {arena_memdup(&arena, prepared.data, prepared.len), prepared.len}};
    }
    strbuf_free(&prepared);
    if (status == STATUS_OK) status = checkpoint_write(job->dir, &checkpoint, job->executor, err);
    if (status == STATUS_OK) {
        job->checkpoint_id = checkpoint.id;
        for (int i = 0, k = 0; i < job->sink_count && status == STATUS_OK; i++) {
            struct job_sink *sink = &job->sinks[i];
            if (!sink->class->prepare) continue;
            if (sink->class->commit)
                status = sink->class->commit(sink->sink, checkpoint.id, checkpoint.sinks[k].prepared, err);
            k++;
        }
    }
    if (status == STATUS_OK) status = step_log_cut(job->log, err);
    if (status == STATUS_OK) status = answer_log_cut(job->answers, err);
    if (status == STATUS_OK)
        for (int i = 0, at = 0; i < job->scan_count; i++) {
            struct job_scan *scan = &job->scans[i];
            struct split *list = ARENA_ARRAY(&arena, struct split, checkpoint.split_count + 1);
            struct offset *offsets = ARENA_ARRAY(&arena, struct offset, checkpoint.split_count + 1);
            int count = 0;
            for (; at < checkpoint.split_count && checkpoint.splits[at].scan == i; at++, count++) {
                const struct checkpoint_split *split = &checkpoint.splits[at];
                offsets[count] = (struct offset){(uint32_t)split->offset.len, (const uint8_t *)split->offset.data};
                list[count] = (struct split){.id = split->id, .start = offsets[count], .row_estimate = -1};
            }
            if (scan->class->checkpointed) scan->class->checkpointed(scan->source, list, offsets, count);
        }
    arena_destroy(&arena);
    if (status == STATUS_OK) atomic_fetch_add(&job->progress.checkpoints, 1);
    job->last_checkpoint_ns = clock_monotonic_ns();
    return status;
}

/* ---- Steps ---- */

static void update_progress(struct job *job) {
    int64_t watermark = WATERMARK_MAX, late = 0;
    for (int i = 0; i < job->options.plan->node_count; i++) {
        const struct pnode *node = job->options.plan->nodes[i];
        struct node_metrics metrics;
        executor_metrics(job->executor, node->id, &metrics);
        late += metrics.late_rows;
        if (node->kind == PNODE_WATERMARK && metrics.watermark < watermark) watermark = metrics.watermark;
    }
    atomic_store(&job->progress.watermark_micros, watermark);
    atomic_store(&job->progress.late_rows, late);
    if (job->options.account) atomic_store(&job->progress.state_bytes, atomic_load(&job->options.account->used_bytes));
}

static enum status sink_errors(struct job *job, struct error *err) {
    for (int i = 0; i < job->sink_count; i++) TRY(job_sink_error(&job->sinks[i], err));
    return STATUS_OK;
}

static enum status run_step(struct job *job, const struct step_record *record, struct error *err) {
    struct step step = {.id = record->id,
                        .now_micros = record->now_micros,
                        .write_micros = record->write_micros,
                        .seed = record->seed,
                        .is_last = record->is_last,
                        .feeds = job->feeds};
    enum status status = executor_step(job->executor, &step, err);
    if (status != STATUS_OK) {
        /* A sink that failed makes its submitters fail: its own words are the cause. */
        struct error cause;
        error_clear(&cause);
        if (sink_errors(job, &cause) != STATUS_OK && err) *err = cause, status = cause.code;
        return status;
    }
    for (int i = 0; i < job->sink_count; i++) job_sink_end_step(&job->sinks[i], record->id);
    job->last_step_id = record->id;
    job->last_write_micros = record->write_micros;
    job->steps_run++;
    atomic_fetch_add(&job->progress.steps, 1);
    update_progress(job);
    return sink_errors(job, err);
}

static void new_record(struct job *job, struct step_record *record) {
    int64_t now = clock_realtime_micros();
    record->id = job->last_step_id + 1;
    record->now_micros = job->options.now_micros && !job->options.plan->streaming ? job->options.now_micros : now;
    record->write_micros = now > job->last_write_micros ? now : job->last_write_micros + 1;
    record->seed = job->seed ^ ((uint64_t)record->id * 0xD1342543DE82EF95u);
}

static enum status run_batch(struct job *job, struct error *err) {
    struct step_record record = {.is_last = true};
    new_record(job, &record);
    if (job->log) TRY(step_log_append(job->log, &record, err));
    for (int i = 0; i < job->scan_count; i++) {
        job_scan_begin_batch(&job->scans[i]);
        job->feeds[i] = &job->scans[i].feed;
    }
    return run_step(job, &record, err);
}

/* One queue that has rows. */
struct ready_split {
    int scan, split;
    int64_t queued, take;
};

/* Chooses what the next step takes. Every queue with rows gets its share of the budget, what is left over goes to those
 * with more; the turn moves on so that none starves when the budget is smaller than their number. */
static int choose_takes(struct job *job, struct ready_split *ready, int count, int64_t budget) {
    int taken = 0;
    int64_t left = budget;
    for (int round = 0; round < 2 && left > 0; round++) {
        int64_t share = round == 0 ? budget / count : left;
        if (share < 1) share = 1;
        for (int i = 0; i < count && left > 0; i++) {
            struct ready_split *split = &ready[(i + job->turn) % count];
            int64_t more = split->queued - split->take;
            if (more > share) more = share;
            if (more > left) more = left;
            split->take += more;
            left -= more;
        }
    }
    for (int i = 0; i < count; i++) taken += ready[i].take > 0;
    job->turn++;
    return taken;
}

struct step_plan {
    struct arena arena;
    struct step_record record;
    bool any_rows, any_flags, all_at_end;
};

/* What could be taken now. Everything read here under each scan's lock; queues only grow meanwhile. */
static void plan_step(struct job *job, struct step_plan *plan) {
    int split_total = 0;
    for (int i = 0; i < job->scan_count; i++) split_total += job->scans[i].split_count;
    struct ready_split *ready = ARENA_ARRAY(&plan->arena, struct ready_split, split_total + 1);
    bool *finishing = ARENA_ARRAY(&plan->arena, bool, split_total + 1);
    bool *idling = ARENA_ARRAY(&plan->arena, bool, split_total + 1);
    int count = 0, at = 0;
    int64_t now = clock_realtime_micros();
    for (int i = 0; i < job->scan_count; i++) {
        struct job_scan *scan = &job->scans[i];
        pthread_mutex_lock(&scan->lock);
        for (int k = 0; k < scan->split_count; k++, at++) {
            struct job_split *split = &scan->splits[k];
            if (split->queued_records) ready[count++] = (struct ready_split){i, k, split->queued_records, 0};
            finishing[at] = split->at_end && (split->is_new || !scan->exec_splits[k].finished);
            idling[at] = scan->idle_timeout_ms && !split->queued_records && !split->at_end &&
                         now - split->last_row_micros > scan->idle_timeout_ms * 1000;
        }
        pthread_mutex_unlock(&scan->lock);
    }
    int64_t budget = job->options.step_max_rows;
    if (job->options.step_random) budget = 1 + (int64_t)(next_random(job) % (uint64_t)budget);
    if (count) choose_takes(job, ready, count, budget);
    struct step_record *record = &plan->record;
    record->takes = ARENA_ARRAY(&plan->arena, struct step_log_take, split_total + 1);
    plan->all_at_end = true;
    at = 0;
    for (int i = 0; i < job->scan_count; i++) {
        struct job_scan *scan = &job->scans[i];
        if (scan->discovery_interval_ms) plan->all_at_end = false;
        for (int k = 0; k < scan->split_count; k++, at++) {
            struct exec_split *exec_split = &scan->exec_splits[k];
            bool is_new = scan->splits[k].is_new, was_finished = exec_split->finished && !is_new;
            int64_t take = 0, queued = 0;
            for (int r = 0; r < count; r++)
                if (ready[r].scan == i && ready[r].split == k) take = ready[r].take, queued = ready[r].queued;
            bool finished = finishing[at] && take == queued, idle = idling[at];
            if (!was_finished && !finished) plan->all_at_end = false;
            if (take) plan->any_rows = true;
            if (finished || is_new || (idle && !exec_split->idle)) plan->any_flags = true;
            if (take || finished || is_new || idle != exec_split->idle)
                record->takes[record->take_count++] =
                    (struct step_log_take){i, scan->splits[k].id, take, finished || was_finished, idle};
        }
    }
    record->is_last = plan->all_at_end;
}

static enum status apply_takes(struct job *job, const struct step_record *record, struct error *err) {
    for (int i = 0; i < job->scan_count; i++) {
        job_scan_begin(&job->scans[i]);
        job->feeds[i] = &job->scans[i].feed;
    }
    for (int t = 0; t < record->take_count; t++) {
        const struct step_log_take *take = &record->takes[t];
        if (take->scan < 0 || take->scan >= job->scan_count)
            return error_set(err, STATUS_BAD_DATA, "the step log is of another script");
        struct job_scan *scan = &job->scans[take->scan];
        int index = job_scan_find_split(scan, take->split_id);
        if (index < 0)
            return error_set(err, STATUS_BAD_DATA, "the step log reads from \"%s\", which is gone", take->split_id);
        scan->splits[index].is_new = false;
        scan->exec_splits[index].finished = take->finished;
        scan->exec_splits[index].idle = take->idle;
        job_scan_take(scan, index, take->count);
    }
    return STATUS_OK;
}

static enum status scan_errors(struct job *job, struct error *err) {
    for (int i = 0; i < job->scan_count; i++) TRY(job_scan_error(&job->scans[i], err));
    return STATUS_OK;
}

/* Waits until every split has the rows that a logged step took. */
static enum status await_replay(struct job *job, const struct step_record *record, struct error *err) {
    for (;;) {
        uint64_t seen = input_version(job);
        TRY(scan_errors(job, err));
        if (atomic_load(&job->cancel.requested)) return STATUS_OK;
        bool ready = true;
        for (int t = 0; t < record->take_count && ready; t++) {
            const struct step_log_take *take = &record->takes[t];
            if (take->scan < 0 || take->scan >= job->scan_count) break; /* apply_takes reports it */
            struct job_scan *scan = &job->scans[take->scan];
            int index = job_scan_find_split(scan, take->split_id);
            if (index < 0) break;
            pthread_mutex_lock(&scan->lock);
            struct job_split *split = &scan->splits[index];
            int64_t queued = split->queued_records;
            bool at_end = split->at_end;
            /* a step larger than the queue's bound must still come together */
            if (queued < take->count && scan->queued_bytes > JOB_QUEUE_BYTES) {
                scan->queued_bytes = 0;
                pthread_cond_broadcast(&scan->room);
            }
            pthread_mutex_unlock(&scan->lock);
            if (queued < take->count) {
                if (at_end)
                    return error_set(err, STATUS_BAD_DATA, "\"%s\" has fewer rows than when the step log was written",
                                     take->split_id);
                ready = false;
            }
        }
        if (ready) return STATUS_OK;
        wait_input(job, seen, JOB_POLL_MS);
    }
}

/* How often a step is run when no rows come: windows of processing time fire, and state whose time to live is over goes. 0: never. */
static int64_t timer_interval_ms(const struct plan *plan) {
    enum { PROCTIME_MS = 100, TTL_LEAST_MS = 1000, TTL_MOST_MS = 60000, TTL_PART = 16 };
    int64_t interval_ms = 0;
    for (int i = 0; i < plan->node_count; i++) {
        const struct pnode *node = plan->nodes[i];
        if (node->kind == PNODE_WINDOW_AGGREGATE && node->aggregate.proctime) return PROCTIME_MS;
        for (int k = 0; k < 2; k++) {
            int64_t own_ms = node->ttl_ms[k] / TTL_PART;
            if (!node->ttl_ms[k]) continue;
            own_ms = own_ms < TTL_LEAST_MS ? TTL_LEAST_MS : own_ms > TTL_MOST_MS ? TTL_MOST_MS : own_ms;
            if (!interval_ms || own_ms < interval_ms) interval_ms = own_ms;
        }
    }
    return interval_ms;
}

static enum status maybe_checkpoint(struct job *job, struct error *err) {
    if (!job->dir) return STATUS_OK;
    int64_t interval_ns = job->options.checkpoint_interval_ms * 1000000;
    if (clock_monotonic_ns() - job->last_checkpoint_ns < interval_ns) return STATUS_OK;
    return take_checkpoint(job, false, err);
}

/* Before the least interval is over: do a whole step's rows wait already, is a queue full, or will nothing more come? */
static bool is_worth_a_step(struct job *job) {
    int64_t queued = 0;
    bool full = false, all_ended = true;
    for (int i = 0; i < job->scan_count; i++) {
        struct job_scan *scan = &job->scans[i];
        pthread_mutex_lock(&scan->lock);
        for (int k = 0; k < scan->split_count; k++) queued += scan->splits[k].queued_records;
        full = full || scan->queued_bytes > JOB_QUEUE_BYTES;
        all_ended = all_ended && scan->readers_running == 0 && !scan->discovery_interval_ms;
        pthread_mutex_unlock(&scan->lock);
    }
    return full || all_ended || queued >= job->options.step_max_rows;
}

static enum status run_streaming(struct job *job, bool *finished, struct error *err) {
    const int64_t timer_ns = timer_interval_ms(job->options.plan) * INT64_C(1000000);
    int64_t last_step_ns = 0;
    *finished = job->replay_count == 0 && job->already_finished;
    while (!*finished && !atomic_load(&job->cancel.requested)) {
        if (job->options.stop_after_steps && job->steps_run >= job->options.stop_after_steps) {
            job_cancel(job);
            break;
        }
        if (job->replay_next < job->replay_count) {
            const struct step_record *record = &job->replay[job->replay_next];
            TRY(await_replay(job, record, err));
            if (atomic_load(&job->cancel.requested)) break;
            TRY(apply_takes(job, record, err));
            TRY(run_step(job, record, err));
            job->replay_next++;
            *finished = record->is_last;
            continue;
        }
        int64_t since_ns = clock_monotonic_ns() - last_step_ns, interval_ns = job->options.step_interval_ms * 1000000;
        uint64_t seen = input_version(job);
        TRY(scan_errors(job, err));
        TRY(sink_errors(job, err));
        if (last_step_ns && since_ns < interval_ns && !is_worth_a_step(job)) {
            wait_input(job, seen, (interval_ns - since_ns) / 1000000 + 1);
            continue;
        }
        for (int i = 0; i < job->scan_count; i++) TRY(job_scan_adopt(&job->scans[i], err));
        struct step_plan plan = {0};
        arena_init(&plan.arena, NULL);
        plan_step(job, &plan);
        bool due = timer_ns && clock_monotonic_ns() - last_step_ns >= timer_ns;
        if (!plan.any_rows && !plan.any_flags && !plan.all_at_end && !due) {
            arena_destroy(&plan.arena);
            TRY(maybe_checkpoint(job, err));
            wait_input(job, seen, JOB_POLL_MS);
            continue;
        }
        new_record(job, &plan.record);
        enum status status = job->log ? step_log_append(job->log, &plan.record, err) : STATUS_OK;
        if (status == STATUS_OK) status = apply_takes(job, &plan.record, err);
        last_step_ns = clock_monotonic_ns();
        if (status == STATUS_OK) status = run_step(job, &plan.record, err);
        *finished = plan.record.is_last;
        arena_destroy(&plan.arena);
        TRY(status);
        if (!*finished) TRY(maybe_checkpoint(job, err));
    }
    return STATUS_OK;
}

static enum status run(struct job *job, enum job_end *end, struct error *err) {
    bool finished = false;
    for (int i = 0; i < job->sink_count; i++) TRY(job_sink_start(&job->sinks[i], err));
    /* Checkpoint 0: what the sources fixed when they listed their splits (Kafka's latest offsets) must hold after a crash too. */
    if (job->dir && !job->checkpoint) TRY(take_checkpoint(job, false, err));
    for (int i = 0; i < job->scan_count; i++) TRY(job_scan_start(&job->scans[i], err));
    job->last_checkpoint_ns = clock_monotonic_ns();
    if (job->options.plan->streaming) {
        TRY(run_streaming(job, &finished, err));
    } else if (job->already_finished) {
        finished = true;
    } else {
        enum status status = run_batch(job, err);
        if (status == STATUS_CANCELLED) {
            *end = JOB_STOPPED;
            return status;
        }
        TRY(status);
        finished = true;
    }
    /* Stopped while logged steps were run again: the logs still hold the rest of them, which has to come out the same. */
    if (job->dir && (finished || job->replay_next == job->replay_count))
        TRY(take_checkpoint(job, finished, err));
    else
        TRY(flush_sinks(job, err));
    *end = finished ? JOB_FINISHED : JOB_STOPPED;
    return STATUS_OK;
}

enum status job_run(struct job *job, enum job_end *end, struct error *err) {
    atomic_store(&job->progress.running, true);
    struct error own;
    error_clear(&own);
    *end = JOB_FAILED;
    enum status status = run(job, end, &own);
    if (status != STATUS_OK) {
        job->failed = true;
        /* What is still queued belongs to an unfinished step: it is not written. */
        for (int i = 0; i < job->sink_count; i++) {
            struct job_sink *sink = &job->sinks[i];
            pthread_mutex_lock(&sink->lock);
            if (sink->error.code == STATUS_OK) error_set(&sink->error, STATUS_CANCELLED, "the job failed");
            pthread_mutex_unlock(&sink->lock);
            job_sink_interrupt(sink);
        }
    }
    for (int i = 0; i < job->scan_count; i++) job_scan_stop(&job->scans[i]);
    for (int i = 0; i < job->sink_count; i++) job_sink_stop(&job->sinks[i]);
    atomic_store(&job->progress.running, false);
    if (status != STATUS_OK && err) *err = own;
    return status;
}

static void *job_main(void *arg) {
    struct job *job = arg;
    error_clear(&job->error);
    job->status = job_run(job, &job->end, &job->error);
    return NULL;
}

enum status job_start(struct job *job, struct error *err) {
    if (pthread_create(&job->thread, NULL, job_main, job) != 0)
        return error_set(err, STATUS_INTERNAL, "cannot start a thread for the job");
    job->thread_started = true;
    return STATUS_OK;
}

enum status job_wait(struct job *job, enum job_end *end, struct error *err) {
    pthread_join(job->thread, NULL);
    job->thread_started = false;
    *end = job->end;
    if (job->status != STATUS_OK && err) *err = job->error;
    return job->status;
}

void job_cancel(struct job *job) {
    atomic_store(&job->cancel.requested, true);
    /* Batch has no place to stop but within its step; streaming finishes the step that runs. */
    if (!job->options.plan->streaming) atomic_store(&job->cancel_hard.requested, true);
}

const struct job_progress *job_progress(const struct job *job) { return &job->progress; }

void job_metrics(const struct job *job, int node_id, struct node_metrics *out) {
    executor_metrics(job->executor, node_id, out);
    for (int i = 0; i < job->scan_count; i++) {
        struct job_scan *scan = &job->scans[i];
        if (scan->node->id != node_id) continue;
        pthread_mutex_lock(&scan->lock);
        out->read_bytes += scan->read_bytes;
        pthread_mutex_unlock(&scan->lock);
    }
}

int64_t job_spilled_bytes(const struct job *job) { return executor_spilled_bytes(job->executor); }

int64_t job_step_count(const struct job *job) { return atomic_load(&job->progress.steps); }
