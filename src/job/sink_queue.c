/* Sinks: a bounded queue and an I/O thread each. Workers wait in submit while the queue is full. */
#include <stdlib.h>

#include "job/job_private.h"

static int64_t batch_bytes(const struct sink_batch *batch) {
    return (int64_t)batch->arena.total_bytes + (int64_t)sizeof *batch;
}

/* What waits counts as the query's memory, so it may only take a part of its limit. */
static int64_t most_queued_bytes(const struct job_sink *sink) {
    enum { SHARE = 8 };
    const struct mem_account *account = sink->job->options.account;
    int64_t limit_bytes = account ? account->limit_bytes : 0;
    return limit_bytes && limit_bytes / SHARE < JOB_SINK_QUEUE_BYTES ? limit_bytes / SHARE : JOB_SINK_QUEUE_BYTES;
}

static void push_item(struct job_sink *sink, struct sink_item *item) {
    if (sink->tail)
        sink->tail->next = item;
    else
        sink->head = item;
    sink->tail = item;
    pthread_cond_signal(&sink->filled);
}

static enum status submit(struct exec_sink *base, struct sink_batch *batch, struct error *err) {
    struct job_sink *sink = (struct job_sink *)base;
    struct sink_item *item = xcalloc(1, sizeof *item);
    item->kind = ITEM_ROWS;
    item->batch = batch;
    int64_t row_count = batch->chunk->row_count;
    pthread_mutex_lock(&sink->lock);
    while (sink->queued_bytes > most_queued_bytes(sink) && sink->error.code == STATUS_OK && !sink->stopping)
        pthread_cond_wait(&sink->room, &sink->lock);
    enum status status = sink->error.code;
    if (status != STATUS_OK) {
        if (err) *err = sink->error;
    } else {
        sink->queued_bytes += batch_bytes(batch);
        atomic_fetch_add_explicit(&sink->job->progress.rows_queued, row_count, memory_order_relaxed);
        push_item(sink, item);
    }
    pthread_mutex_unlock(&sink->lock);
    if (status != STATUS_OK) {
        sink_batch_free(batch);
        free(item);
    }
    return status;
}

static bool refuses(struct exec_sink *base, const struct chunk *chunk, int row) {
    struct job_sink *sink = (struct job_sink *)base;
    return sink->class->refuses(sink->sink, chunk, row);
}

static enum status handle(struct job_sink *sink, struct sink_item *item, struct error *err) {
    switch (item->kind) {
    case ITEM_ROWS: {
        struct sink_rows rows = {.step_id = item->batch->step_id,
                                 .write_micros = item->batch->write_micros,
                                 .chunk = item->batch->chunk,
                                 .kinds = item->batch->kinds};
        TRY(sink->class->write(sink->sink, &rows, err));
        atomic_fetch_add_explicit(&sink->job->progress.rows_out, item->batch->chunk->row_count, memory_order_relaxed);
        return STATUS_OK;
    }
    case ITEM_END_STEP:
        return sink->class->end_step ? sink->class->end_step(sink->sink, item->step_id, err) : STATUS_OK;
    case ITEM_FLUSH: return sink->class->flush ? sink->class->flush(sink->sink, err) : STATUS_OK;
    }
    return STATUS_OK;
}

static void *sink_main(void *arg) {
    struct job_sink *sink = arg;
    pthread_mutex_lock(&sink->lock);
    for (;;) {
        while (!sink->head && !sink->stopping) pthread_cond_wait(&sink->filled, &sink->lock);
        struct sink_item *item = sink->head;
        if (!item) break;
        sink->head = item->next;
        if (!sink->head) sink->tail = NULL;
        bool skip = sink->error.code != STATUS_OK;
        pthread_mutex_unlock(&sink->lock);
        struct error err;
        error_clear(&err);
        enum status status = skip ? STATUS_OK : handle(sink, item, &err);
        pthread_mutex_lock(&sink->lock);
        if (status != STATUS_OK && sink->error.code == STATUS_OK) {
            if (err.code == STATUS_OK) error_set(&err, status, "the sink failed");
            sink->error = err;
        }
        if (item->kind == ITEM_FLUSH) sink->flushes_done++;
        if (item->batch) sink->queued_bytes -= batch_bytes(item->batch);
        pthread_cond_broadcast(&sink->room);
        pthread_cond_broadcast(&sink->flushed);
        pthread_mutex_unlock(&sink->lock);
        bool failed = status != STATUS_OK;
        sink_batch_free(item->batch);
        free(item);
        if (failed) job_notify_input(sink->job);
        pthread_mutex_lock(&sink->lock);
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}

enum status job_sink_open(struct job *job, struct job_sink *sink, const struct pnode *node, struct error *err) {
    sink->job = job;
    sink->node = node;
    sink->base.submit = submit;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->room, NULL);
    pthread_cond_init(&sink->filled, NULL);
    pthread_cond_init(&sink->flushed, NULL);
    error_clear(&sink->error);
    if (node->kind == PNODE_COLLECT) {
        sink->class = job->options.collect_class;
        sink->sink = job->options.collect;
        sink->base.accepts = CHANGES_RETRACT;
        if (!sink->class) return error_set(err, STATUS_INTERNAL, "a query's result has no receiver");
        return STATUS_OK;
    }
    sink->base.accepts = node->sink.accepts;
    const struct sink_class *class = node->sink.connector->sink;
    struct sink_options options = {.statement = node->sink.statement,
                                   .columns = node->sink.columns,
                                   .column_count = node->sink.column_count,
                                   .exactly_once = job->options.checkpoint_dir != NULL,
                                   .drop_nulls = job->options.drop_nulls,
                                   .streaming = job->options.plan->streaming,
                                   .overwrite = node->sink.overwrite,
                                   .fixed_count = node->sink.fixed_count,
                                   .fixed_columns = node->sink.fixed_columns,
                                   .fixed_values = node->sink.fixed_values,
                                   .parallelism = job->options.workers,
                                   .job_id = job->dir ? checkpoint_job_id(job->dir) : NULL,
                                   .sink_index = node->sink.sink_index,
                                   .account = job->options.account,
                                   .zone = job->options.zone,
                                   .refused_rows = &job->progress.refused_rows,
                                   .unapplied_rows = &job->progress.unapplied_rows,
                                   .bad_rows = job->options.bad_rows};
    TRY(class->open(node->sink.table, &options, &sink->sink, err));
    sink->class = class;
    sink->base.refuses = class->refuses ? refuses : NULL;
    sink->owned = true;
    return STATUS_OK;
}

enum status job_sink_start(struct job_sink *sink, struct error *err) {
    if (pthread_create(&sink->thread, NULL, sink_main, sink) != 0)
        return error_set(err, STATUS_INTERNAL, "cannot start a thread for a sink");
    sink->started = true;
    return STATUS_OK;
}

static void post(struct job_sink *sink, int kind, int64_t step_id) {
    struct sink_item *item = xcalloc(1, sizeof *item);
    item->kind = kind;
    item->step_id = step_id;
    pthread_mutex_lock(&sink->lock);
    if (kind == ITEM_FLUSH) sink->flushes_wanted++;
    push_item(sink, item);
    pthread_mutex_unlock(&sink->lock);
}

void job_sink_end_step(struct job_sink *sink, int64_t step_id) { post(sink, ITEM_END_STEP, step_id); }

void job_sink_flush(struct job_sink *sink) { post(sink, ITEM_FLUSH, 0); }

enum status job_sink_wait(struct job_sink *sink, struct error *err) {
    pthread_mutex_lock(&sink->lock);
    while (sink->flushes_done < sink->flushes_wanted && sink->error.code == STATUS_OK)
        pthread_cond_wait(&sink->flushed, &sink->lock);
    enum status status = sink->error.code;
    if (status != STATUS_OK && err) *err = sink->error;
    pthread_mutex_unlock(&sink->lock);
    return status;
}

enum status job_sink_error(struct job_sink *sink, struct error *err) {
    pthread_mutex_lock(&sink->lock);
    enum status status = sink->error.code;
    if (status != STATUS_OK && err) *err = sink->error;
    pthread_mutex_unlock(&sink->lock);
    return status;
}

void job_sink_interrupt(struct job_sink *sink) {
    if (sink->started && sink->owned && sink->class->interrupt) sink->class->interrupt(sink->sink);
}

void job_sink_stop(struct job_sink *sink) {
    if (!sink->started) return;
    pthread_mutex_lock(&sink->lock);
    sink->stopping = true;
    pthread_cond_broadcast(&sink->filled);
    pthread_cond_broadcast(&sink->room);
    pthread_mutex_unlock(&sink->lock);
    pthread_join(sink->thread, NULL);
    sink->started = false;
}

void job_sink_close(struct job_sink *sink, bool failed) {
    if (!sink->job) return;
    job_sink_stop(sink);
    for (struct sink_item *item = sink->head, *next; item; item = next) {
        next = item->next;
        sink_batch_free(item->batch);
        free(item);
    }
    if (sink->owned) sink->class->close(sink->sink, failed);
    pthread_mutex_destroy(&sink->lock);
    pthread_cond_destroy(&sink->room);
    pthread_cond_destroy(&sink->filled);
    pthread_cond_destroy(&sink->flushed);
}
