/* Scans: reader threads fetch blocks into bounded queues; steps take record ranges from them as morsels. */
#include <stdlib.h>

#include "base/clock.h"
#include "job/job_private.h"

static void release_block(struct job_block *job_block) {
    if (atomic_fetch_sub(&job_block->refs, 1) == 1) {
        job_block->block->release(job_block->block);
        free(job_block);
    }
}

static void set_position(struct job_position *position, const struct offset *offset, int64_t skip) {
    strbuf_clear(&position->offset);
    strbuf_add(&position->offset, offset->bytes, offset->len);
    position->skip = skip;
}

static struct offset position_offset(const struct job_position *position) {
    return (struct offset){(uint32_t)position->offset.len, (const uint8_t *)position->offset.data};
}

static enum status check_split_count(const struct job_scan *scan, int count, struct error *err) {
    if (count <= JOB_MAX_SPLITS) return STATUS_OK;
    return error_set(err, STATUS_LIMIT_EXCEEDED, "table %s has %d splits (at most %d)", scan->node->scan.table->name,
                     count, JOB_MAX_SPLITS);
}

static void init_split(struct job_scan *scan, int index, char *id, const struct offset *start) {
    scan->splits[index] = (struct job_split){.id = id, .last_row_micros = clock_realtime_micros()};
    scan->exec_splits[index] = (struct exec_split){.watermark = WATERMARK_NONE};
    set_position(&scan->splits[index].position, start, 0);
}

/* The splits that the checkpoint knows of. restore_splits says where they are. */
static void saved_splits(const struct job_scan *scan, struct arena *arena, struct split **splits, int *split_count) {
    const struct checkpoint *checkpoint = scan->job->checkpoint;
    struct split *out = ARENA_ARRAY(arena, struct split, checkpoint->split_count + 1);
    int count = 0;
    for (int i = 0; i < checkpoint->split_count; i++)
        if (checkpoint->splits[i].scan == scan->index)
            out[count++] = (struct split){checkpoint->splits[i].id, {0, (const uint8_t *)""}, -1};
    *splits = out;
    *split_count = count;
}

enum status job_scan_open(struct job *job, struct job_scan *scan, struct error *err) {
    scan->job = job;
    scan->class = scan->node->scan.connector->source;
    arena_init(&scan->arena, NULL);
    pthread_mutex_init(&scan->lock, NULL);
    pthread_cond_init(&scan->room, NULL);
    pthread_cond_init(&scan->filled, NULL);
    pthread_cond_init(&scan->stop, NULL);
    error_clear(&scan->error);
    TRY(scan->class->open(scan->node->scan.table, &scan->node->scan.request, job->options.workers, job->options.account,
                          &scan->source, err));
    if (scan->class->discovery_interval_ms)
        scan->discovery_interval_ms = scan->class->discovery_interval_ms(scan->source);
    struct split *splits;
    int count;
    TRY(scan->class->splits(scan->source, &scan->arena, &splits, &count, err));
    if (scan->class->ids_suffice && scan->job->checkpoint) saved_splits(scan, &scan->arena, &splits, &count);
    /* What the checkpoint does not know has come since: it begins where such splits do. */
    if (scan->discovery_interval_ms && scan->job->checkpoint)
        TRY(scan->class->splits(scan->source, &scan->arena, &splits, &count, err));
    TRY(check_split_count(scan, count, err));
    if (scan->class->progress_total) {
        atomic_fetch_add(&job->progress.source_total, scan->class->progress_total(scan->source));
        if (scan->class->progress_in_bytes) atomic_store(&job->progress.source_in_bytes, true);
    }
    scan->splits = xcalloc((size_t)count + 1, sizeof *scan->splits);
    scan->exec_splits = xcalloc((size_t)count + 1, sizeof *scan->exec_splits);
    for (int i = 0; i < count; i++) {
        init_split(scan, i, xstrdup(splits[i].id), &splits[i].start);
        /* in a job that goes on restore_splits unsets it where the checkpoint knows the split */
        if (scan->job->checkpoint) scan->splits[i].is_new = scan->exec_splits[i].finished = true;
    }
    scan->split_count = count;
    return STATUS_OK;
}

int job_scan_find_split(const struct job_scan *scan, const char *id) {
    for (int i = 0; i < scan->split_count; i++)
        if (strcmp(scan->splits[i].id, id) == 0) return i;
    return -1;
}

/* ---- Readers ---- */

/* Puts a block into its split's queue; waits for room. Drops what lies before the split's position. */
static void enqueue(struct job_scan *scan, struct block *block) {
    pthread_mutex_lock(&scan->lock);
    scan->read_bytes += (int64_t)block->size_bytes;
    while (!scan->stopping && scan->queued_bytes > JOB_QUEUE_BYTES) pthread_cond_wait(&scan->room, &scan->lock);
    struct job_split *split = &scan->splits[block->split]; /* the array moves when splits come */
    int drop = 0;
    if (split->drop) {
        drop = split->drop < block->record_count ? (int)split->drop : block->record_count;
        split->drop -= drop;
    }
    if (scan->stopping || drop == block->record_count) {
        /* An empty or fully dropped block still moves the position on. */
        if (!scan->stopping && !split->head) set_position(&split->position, &block->end, 0);
        pthread_mutex_unlock(&scan->lock);
        block->release(block);
        return;
    }
    struct job_block *job_block = xcalloc(1, sizeof *job_block);
    job_block->block = block;
    job_block->taken = drop;
    atomic_init(&job_block->refs, 1);
    if (split->tail)
        split->tail->next = job_block;
    else
        split->head = job_block;
    split->tail = job_block;
    split->queued_records += block->record_count - drop;
    split->last_row_micros = clock_realtime_micros();
    scan->queued_bytes += (int64_t)block->size_bytes;
    pthread_cond_signal(&scan->filled);
    pthread_mutex_unlock(&scan->lock);
    job_notify_input(scan->job);
}

static void *reader_main(void *arg) {
    struct job_reader *reader = arg;
    struct job_scan *scan = reader->scan;
    struct error err;
    error_clear(&err);
    enum status status = STATUS_OK;
    for (;;) {
        pthread_mutex_lock(&scan->lock);
        bool stopping = scan->stopping;
        pthread_mutex_unlock(&scan->lock);
        if (stopping) break;
        struct block *block = NULL;
        enum fetch_result result = FETCH_IDLE;
        status = scan->class->fetch(reader->reader, JOB_POLL_MS, &block, &result, &err);
        if (status != STATUS_OK || result == FETCH_END) break;
        if (result == FETCH_BLOCK) enqueue(scan, block);
    }
    pthread_mutex_lock(&scan->lock);
    if (status != STATUS_OK && scan->error.code == STATUS_OK) scan->error = err;
    for (int i = 0; i < reader->count; i++) scan->splits[reader->indexes[i]].at_end = true;
    scan->readers_running--;
    reader->ended = true;
    pthread_cond_broadcast(&scan->filled);
    pthread_mutex_unlock(&scan->lock);
    job_notify_input(scan->job);
    return NULL;
}

static void close_reader(struct job_scan *scan, struct job_reader *reader) {
    if (reader->started) pthread_join(reader->thread, NULL);
    if (reader->reader) scan->class->reader_close(reader->reader);
    free(reader->indexes);
    free(reader);
}

static void add_running(struct job_scan *scan, int count) {
    pthread_mutex_lock(&scan->lock);
    scan->readers_running += count;
    pthread_mutex_unlock(&scan->lock);
}

static enum status open_reader(struct job_scan *scan, struct job_reader *reader, struct arena *arena,
                               struct error *err) {
    struct split *splits = ARENA_ARRAY(arena, struct split, reader->count);
    struct offset *starts = ARENA_ARRAY(arena, struct offset, reader->count);
    for (int i = 0; i < reader->count; i++) {
        struct job_split *split = &scan->splits[reader->indexes[i]];
        split->drop = split->position.skip;
        starts[i] = position_offset(&split->position);
        splits[i] = (struct split){.id = split->id, .start = starts[i], .row_estimate = -1};
    }
    TRY(scan->class->reader_open(scan->source, splits, reader->indexes, starts, reader->count, &reader->reader, err));
    add_running(scan, 1); /* those started before may end meanwhile */
    if (pthread_create(&reader->thread, NULL, reader_main, reader) != 0) {
        add_running(scan, -1);
        return error_set(err, STATUS_INTERNAL, "cannot start a thread for reading %s", scan->node->scan.table->name);
    }
    reader->started = true;
    return STATUS_OK;
}

/* Reads the splits from `from` on, but those that were read to their end before. */
static enum status start_readers(struct job_scan *scan, int from, struct error *err) {
    int count = scan->split_count - from, readers = 1;
    if (scan->class->reader_count) readers = scan->class->reader_count(scan->source, count, scan->job->options.workers);
    if (readers > JOB_MAX_READERS - scan->reader_count) readers = JOB_MAX_READERS - scan->reader_count;
    if (readers > count) readers = count;
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = STATUS_OK;
    for (int r = 0; r < readers && status == STATUS_OK; r++) {
        struct job_reader *reader = xcalloc(1, sizeof *reader);
        reader->scan = scan;
        reader->indexes = xcalloc((size_t)(count / readers) + 1, sizeof *reader->indexes);
        for (int i = from + r; i < scan->split_count; i += readers) {
            if (scan->exec_splits[i].finished && !scan->splits[i].is_new)
                scan->splits[i].at_end = true;
            else
                reader->indexes[reader->count++] = i;
        }
        if (reader->count) status = open_reader(scan, reader, &arena, err);
        if (reader->count && status == STATUS_OK)
            scan->readers[scan->reader_count++] = reader;
        else
            close_reader(scan, reader);
    }
    arena_destroy(&arena);
    return status;
}

/* ---- Splits that come ---- */

static int compare_ids(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* What the discovery thread knows; ids sorted. */
struct known_splits {
    char **ids;
    int count;
    size_t capacity;
};

static void add_known(struct known_splits *known, const char *id) {
    ARRAY_RESERVE(known->ids, known->capacity, known->count + 1);
    known->ids[known->count++] = xstrdup(id);
}

/* Lists the splits once more, and hands those that are new to the coordinator. */
static enum status discover(struct job_scan *scan, struct known_splits *known, struct error *err) {
    struct arena arena;
    struct split *splits;
    int count, known_before = known->count;
    struct job_found *first = NULL, **last = &first;
    arena_init(&arena, NULL);
    enum status status = scan->class->splits(scan->source, &arena, &splits, &count, err);
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        if (bsearch(&splits[i].id, known->ids, (size_t)known_before, sizeof *known->ids, compare_ids)) continue;
        struct job_found *found = xcalloc(1, sizeof *found);
        found->id = xstrdup(splits[i].id);
        strbuf_add(&found->start, splits[i].start.bytes, splits[i].start.len);
        *last = found;
        last = &found->next;
        add_known(known, splits[i].id);
    }
    arena_destroy(&arena);
    TRY(status);
    if (!first) return STATUS_OK;
    qsort(known->ids, (size_t)known->count, sizeof *known->ids, compare_ids);
    pthread_mutex_lock(&scan->lock);
    for (last = &scan->found; *last;) last = &(*last)->next;
    *last = first;
    pthread_mutex_unlock(&scan->lock);
    job_notify_input(scan->job);
    return STATUS_OK;
}

/* Waits until it is time to look again; false: the scan stops. */
static bool await_discovery(struct job_scan *scan) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += scan->discovery_interval_ms / 1000;
    until.tv_nsec += scan->discovery_interval_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_mutex_lock(&scan->lock);
    int waited = 0;
    while (!scan->stopping && waited == 0) waited = pthread_cond_timedwait(&scan->stop, &scan->lock, &until);
    bool stopping = scan->stopping;
    pthread_mutex_unlock(&scan->lock);
    return !stopping;
}

static void *discovery_main(void *arg) {
    struct job_scan *scan = arg;
    struct known_splits known = {0};
    int failures = 0;
    pthread_mutex_lock(&scan->lock);
    for (int i = 0; i < scan->split_count; i++) add_known(&known, scan->splits[i].id);
    pthread_mutex_unlock(&scan->lock);
    qsort(known.ids, (size_t)known.count, sizeof *known.ids, compare_ids);
    while (await_discovery(scan)) {
        struct error err;
        error_clear(&err);
        failures = discover(scan, &known, &err) == STATUS_OK ? 0 : failures + 1;
        if (failures < JOB_MAX_DISCOVERY_FAILURES) continue;
        pthread_mutex_lock(&scan->lock);
        if (scan->error.code == STATUS_OK) scan->error = err;
        pthread_mutex_unlock(&scan->lock);
        job_notify_input(scan->job);
        break;
    }
    for (int i = 0; i < known.count; i++) free(known.ids[i]);
    free(known.ids);
    return NULL;
}

enum status job_scan_start(struct job_scan *scan, struct error *err) {
    TRY(start_readers(scan, 0, err));
    if (!scan->discovery_interval_ms) return STATUS_OK;
    if (pthread_create(&scan->discovery, NULL, discovery_main, scan) != 0)
        return error_set(err, STATUS_INTERNAL, "cannot start a thread for reading %s", scan->node->scan.table->name);
    scan->discovery_started = true;
    return STATUS_OK;
}

static void join_ended_readers(struct job_scan *scan) {
    int kept = 0;
    for (int i = 0; i < scan->reader_count; i++) {
        struct job_reader *reader = scan->readers[i];
        pthread_mutex_lock(&scan->lock);
        bool ended = reader->ended;
        pthread_mutex_unlock(&scan->lock);
        if (ended)
            close_reader(scan, reader);
        else
            scan->readers[kept++] = reader;
    }
    scan->reader_count = kept;
}

static void free_found(struct job_found *found) {
    strbuf_free(&found->start);
    free(found);
}

enum status job_scan_adopt(struct job_scan *scan, struct error *err) {
    if (!scan->discovery_interval_ms) return STATUS_OK;
    pthread_mutex_lock(&scan->lock);
    struct job_found *found = scan->found;
    pthread_mutex_unlock(&scan->lock);
    if (!found) return STATUS_OK;
    join_ended_readers(scan);
    if (scan->reader_count == JOB_MAX_READERS) return STATUS_OK; /* when one has ended */
    int from = scan->split_count, count = 0;
    pthread_mutex_lock(&scan->lock);
    found = scan->found; /* with what came meanwhile */
    scan->found = NULL;
    for (const struct job_found *f = found; f; f = f->next) count++;
    size_t capacity = (size_t)(from + count);
    scan->splits = xrealloc(scan->splits, capacity * sizeof *scan->splits);
    scan->exec_splits = xrealloc(scan->exec_splits, capacity * sizeof *scan->exec_splits);
    for (struct job_found *next; found; found = next) {
        next = found->next;
        struct offset start = {(uint32_t)found->start.len, (const uint8_t *)found->start.data};
        init_split(scan, scan->split_count, found->id, &start);
        scan->splits[scan->split_count].is_new = scan->exec_splits[scan->split_count].finished = true;
        scan->split_count++;
        free_found(found);
    }
    pthread_mutex_unlock(&scan->lock);
    TRY(check_split_count(scan, scan->split_count, err));
    return start_readers(scan, from, err);
}

void job_scan_stop(struct job_scan *scan) {
    if (!scan->source) return;
    pthread_mutex_lock(&scan->lock);
    scan->stopping = true;
    pthread_cond_broadcast(&scan->room);
    pthread_cond_broadcast(&scan->filled);
    pthread_cond_broadcast(&scan->stop);
    pthread_mutex_unlock(&scan->lock);
    if (scan->discovery_started) pthread_join(scan->discovery, NULL);
    scan->discovery_started = false;
    for (int i = 0; i < scan->reader_count; i++) close_reader(scan, scan->readers[i]);
    scan->reader_count = 0;
}

void job_scan_close(struct job_scan *scan) {
    if (!scan->class) return;
    job_scan_stop(scan);
    for (int i = 0; i < scan->split_count; i++) {
        struct job_split *split = &scan->splits[i];
        for (struct job_block *block = split->head, *next; block; block = next) {
            next = block->next;
            release_block(block);
        }
        free(split->id);
        strbuf_free(&split->position.offset);
    }
    /* morsels of a step that failed before they were claimed */
    for (int i = atomic_load(&scan->next_morsel); i < scan->morsel_count; i++) release_block(scan->morsels[i].owner);
    free(scan->morsels);
    free(scan->splits);
    free(scan->exec_splits);
    for (struct job_found *found = scan->found, *next; found; found = next) {
        next = found->next;
        free(found->id);
        free_found(found);
    }
    if (scan->source) scan->class->close(scan->source);
    arena_destroy(&scan->arena);
    pthread_mutex_destroy(&scan->lock);
    pthread_cond_destroy(&scan->room);
    pthread_cond_destroy(&scan->filled);
    pthread_cond_destroy(&scan->stop);
}

enum status job_scan_error(struct job_scan *scan, struct error *err) {
    pthread_mutex_lock(&scan->lock);
    enum status status = scan->error.code;
    if (status != STATUS_OK && err) *err = scan->error;
    pthread_mutex_unlock(&scan->lock);
    return status;
}

/* ---- Taking records ---- */

static uint64_t record_order(int split, int64_t record) {
    return (uint64_t)split << 44 | ((uint64_t)record & ((UINT64_C(1) << 44) - 1));
}

static void add_progress(struct job_scan *scan, int64_t share) {
    if (share) atomic_fetch_add_explicit(&scan->job->progress.source_done, share, memory_order_relaxed);
}

/* Takes up to count records from the head block of a split as one morsel; returns how many. The lock is held. */
static int take_head(struct job_scan *scan, int index, int64_t count, struct morsel *morsel) {
    struct job_split *split = &scan->splits[index];
    struct job_block *block = split->head;
    int rest = block->block->record_count - block->taken;
    int taken = count < rest ? (int)count : rest;
    if (taken > JOB_MORSEL_RECORDS) taken = JOB_MORSEL_RECORDS;
    int64_t record = block->block->order ? block->block->order - 1 + block->taken : split->record_count;
    *morsel = (struct morsel){.block = block->block,
                              .first = block->taken,
                              .count = taken,
                              .split = index,
                              .order = record_order(index, record),
                              .seq = scan->next_seq++,
                              .owner = block};
    block->taken += taken;
    split->queued_records -= taken;
    split->record_count += taken;
    atomic_fetch_add(&block->refs, 1);
    if (block->taken == block->block->record_count) {
        set_position(&split->position, &block->block->end, 0);
        add_progress(scan, block->block->progress);
        scan->queued_bytes -= (int64_t)block->block->size_bytes;
        split->head = block->next;
        if (!split->head) split->tail = NULL;
        release_block(block);
        pthread_cond_broadcast(&scan->room);
    } else {
        set_position(&split->position, &block->block->start, block->taken);
    }
    return taken;
}

static void count_done(struct job_scan *scan, const struct morsel *morsel, int64_t watermark, int64_t skipped,
                       int64_t bad) {
    pthread_mutex_lock(&scan->lock);
    struct exec_split *split = &scan->exec_splits[morsel->split];
    if (watermark > split->watermark) split->watermark = watermark;
    pthread_mutex_unlock(&scan->lock);
    struct job_progress *progress = &scan->job->progress;
    atomic_fetch_add_explicit(&progress->rows_in, morsel->count, memory_order_relaxed);
    if (skipped) atomic_fetch_add_explicit(&progress->skipped_records, skipped, memory_order_relaxed);
    if (bad) atomic_fetch_add_explicit(&progress->bad_records, bad, memory_order_relaxed);
    release_block(morsel->owner);
}

/* Streaming: a closed list. */

static enum morsel_result next_closed(struct scan_feed *feed, struct morsel *morsel, struct error *err) {
    (void)err;
    struct job_scan *scan = (struct job_scan *)((char *)feed - offsetof(struct job_scan, feed));
    int i = atomic_load(&scan->next_morsel);
    do {
        if (i >= scan->morsel_count) return MORSEL_END;
    } while (!atomic_compare_exchange_weak(&scan->next_morsel, &i, i + 1));
    *morsel = scan->morsels[i];
    return MORSEL_READY;
}

static void done(struct scan_feed *feed, struct morsel *morsel, int64_t watermark, int64_t skipped, int64_t bad) {
    struct job_scan *scan = (struct job_scan *)((char *)feed - offsetof(struct job_scan, feed));
    count_done(scan, morsel, watermark, skipped, bad);
}

static void init_feed(struct job_scan *scan) {
    scan->feed.done = done;
    scan->feed.source = scan->source;
    scan->feed.source_class = scan->class;
    scan->feed.bad_rows = scan->job->options.bad_rows;
    scan->feed.split_count = scan->split_count;
    scan->feed.splits = scan->exec_splits;
    scan->feed.endless = scan->discovery_interval_ms > 0;
    scan->feed.row_hint = 0;
    scan->next_seq = 0;
}

void job_scan_begin(struct job_scan *scan) {
    init_feed(scan);
    scan->feed.next = next_closed;
    scan->morsel_count = 0;
    atomic_store(&scan->next_morsel, 0);
}

void job_scan_take(struct job_scan *scan, int split, int64_t count) {
    pthread_mutex_lock(&scan->lock);
    while (count > 0 && scan->splits[split].head) {
        size_t capacity = (size_t)scan->morsel_capacity;
        ARRAY_RESERVE(scan->morsels, capacity, scan->morsel_count + 1);
        scan->morsel_capacity = (int)capacity;
        int taken = take_head(scan, split, count, &scan->morsels[scan->morsel_count++]);
        count -= taken;
        scan->feed.row_hint += taken;
    }
    pthread_mutex_unlock(&scan->lock);
}

/* Batch: blocks as they come. */

static enum morsel_result next_live(struct scan_feed *feed, struct morsel *morsel, struct error *err) {
    struct job_scan *scan = (struct job_scan *)((char *)feed - offsetof(struct job_scan, feed));
    pthread_mutex_lock(&scan->lock);
    enum morsel_result result = MORSEL_WAIT;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (scan->error.code != STATUS_OK) {
            if (err) *err = scan->error;
            result = MORSEL_FAILED;
            break;
        }
        int found = -1;
        for (int i = 0; i < scan->split_count && found < 0; i++) {
            int index = (scan->batch_turn + i) % scan->split_count;
            if (scan->splits[index].head) found = index;
        }
        if (found >= 0) {
            scan->batch_turn = found; /* stay with one split: its blocks come in order */
            take_head(scan, found, INT64_MAX, morsel);
            result = MORSEL_READY;
            break;
        }
        if (scan->readers_running == 0) {
            for (int i = 0; i < scan->split_count; i++) scan->exec_splits[i].finished = true;
            result = MORSEL_END;
            pthread_cond_broadcast(&scan->filled);
            break;
        }
        if (attempt == 0) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += JOB_POLL_MS * 1000000L;
            if (until.tv_nsec >= 1000000000L) until.tv_sec++, until.tv_nsec -= 1000000000L;
            pthread_cond_timedwait(&scan->filled, &scan->lock, &until);
        }
    }
    pthread_mutex_unlock(&scan->lock);
    return result;
}

void job_scan_begin_batch(struct job_scan *scan) {
    init_feed(scan);
    scan->feed.next = next_live;
    scan->feed.row_hint = -1;
}
