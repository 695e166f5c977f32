/* Inside of the job module. */
#ifndef MILLRACE_JOB_JOB_PRIVATE_H
#define MILLRACE_JOB_JOB_PRIVATE_H

#include <pthread.h>

#include "job/job.h"

/* ---- Scans (scan.c): reader threads, queues, feeds ---- */

struct job_block {
    struct job_block *next;
    struct block *block;
    int taken;        /* records already given to steps */
    _Atomic int refs; /* morsels in flight, +1 while queued */
};

/* Where the next record of a split is: `skip` records behind the offset. */
struct job_position {
    struct strbuf offset;
    int64_t skip;
};

struct job_split {
    char *id;
    struct job_position position; /* behind the last record given to a step */
    int64_t record_count;         /* records given to steps since the job began */
    int64_t drop;                 /* of the first blocks after a restart: records before `position` */
    struct job_block *head, *tail;
    int64_t queued_records;
    bool at_end;             /* its reader has ended */
    bool is_new;             /* no step has heard of it yet: the next one's record names it */
    int64_t last_row_micros; /* clock when rows last came (idle timeout) */
};

struct job_scan {
    struct job *job;
    const struct pnode *node;
    int index; /* executor_scan index */
    struct source *source;
    const struct source_class *class;
    struct arena arena; /* of splits */
    int split_count;
    struct job_split *splits;
    struct exec_split *exec_splits;
    int64_t idle_timeout_ms; /* 0: none */
    /* readers */
    int reader_count, readers_running;
    struct job_reader *readers[JOB_MAX_READERS];
    pthread_mutex_t lock;
    pthread_cond_t room, filled;
    int64_t queued_bytes, read_bytes;
    bool stopping;
    struct error error; /* of a reader; code OK while there is none */
    /* splits that come while others are read */
    int64_t discovery_interval_ms; /* 0: none can come */
    pthread_t discovery;
    bool discovery_started;
    pthread_cond_t stop;     /* ends the waiting of the discovery thread */
    struct job_found *found; /* not yet taken over by the coordinator */
    /* the feed of the current step */
    struct scan_feed feed;
    struct morsel *morsels; /* streaming: the closed list */
    int morsel_count, morsel_capacity;
    _Atomic int next_morsel;
    int64_t next_seq; /* of the morsels of the current step */
    int batch_turn;   /* batch: split to look at next */
};

struct job_reader {
    struct job_scan *scan;
    struct source_reader *reader;
    pthread_t thread;
    bool started;
    bool ended;   /* the thread is about to return; scan->lock */
    int *indexes; /* its splits; on the heap */
    int count;
};

/* A split that came while others were read; on the heap. */
struct job_found {
    struct job_found *next;
    char *id;
    struct strbuf start;
};

/* Opens the source, enumerates splits. */
enum status job_scan_open(struct job *job, struct job_scan *scan, struct error *err);
/* Starts the readers at the splits' positions, and the thread that looks for new splits. */
enum status job_scan_start(struct job_scan *scan, struct error *err);
/* Between two steps: joins readers that have ended, takes over the splits that were found and reads them. */
enum status job_scan_adopt(struct job_scan *scan, struct error *err);
void job_scan_stop(struct job_scan *scan); /* joins the readers */
void job_scan_close(struct job_scan *scan);
/* Streaming: begins a new closed list; takes up to `count` records of a split into it (they must be queued); finishes. */
void job_scan_begin(struct job_scan *scan);
void job_scan_take(struct job_scan *scan, int split, int64_t count);
/* Copies a reader's error. */
enum status job_scan_error(struct job_scan *scan, struct error *err);
/* Batch: makes the feed live. */
void job_scan_begin_batch(struct job_scan *scan);
int job_scan_find_split(const struct job_scan *scan, const char *id);

/* ---- Sinks (sink_queue.c) ---- */

struct sink_item {
    struct sink_item *next;
    enum { ITEM_ROWS, ITEM_END_STEP, ITEM_FLUSH } kind;
    struct sink_batch *batch;
    int64_t step_id;
};

struct job_sink {
    struct exec_sink base; /* first: the executor's view */
    struct job *job;
    const struct pnode *node;
    const struct sink_class *class;
    struct sink *sink;
    bool owned; /* close it with the job (not the session's collect) */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t room, filled, flushed;
    struct sink_item *head, *tail;
    int64_t queued_bytes;
    int64_t flushes_wanted, flushes_done;
    bool stopping;
    struct error error;
};

enum status job_sink_open(struct job *job, struct job_sink *sink, const struct pnode *node, struct error *err);
enum status job_sink_start(struct job_sink *sink, struct error *err);
void job_sink_end_step(struct job_sink *sink, int64_t step_id);
/* Asks for a flush; job_sink_wait waits for it and gives the sink's error, if any. */
void job_sink_flush(struct job_sink *sink);
enum status job_sink_wait(struct job_sink *sink, struct error *err);
enum status job_sink_error(struct job_sink *sink, struct error *err);
/* Whatever it waits for: the job has failed. */
void job_sink_interrupt(struct job_sink *sink);
void job_sink_stop(struct job_sink *sink);
void job_sink_close(struct job_sink *sink, bool failed);

/* ---- Step log (step_log.c) ---- */

struct step_log_take {
    int scan;
    const char *split_id;
    int64_t count;
    bool finished, idle;
};
struct step_record {
    int64_t id, now_micros, write_micros;
    uint64_t seed;
    bool is_last;
    int take_count;
    struct step_log_take *takes; /* splits with rows or with a flag set */
};
struct step_log;
/* Reads the records behind checkpoint step `after` (arena), cuts a torn tail, and is ready to append. */
enum status step_log_open(const char *path, int64_t after, struct arena *arena, struct step_record **records,
                          int *record_count, struct step_log **out, struct error *err);
enum status step_log_append(struct step_log *log, const struct step_record *record, struct error *err);
/* Everything up to the checkpoint is in it: the log begins anew. */
enum status step_log_cut(struct step_log *log, struct error *err);
void step_log_close(struct step_log *log);

/* ---- Answers of lookups (answer_log.c) ---- */

struct answer_log;
enum status answer_log_open(const char *path, int64_t after, struct answer_log **out, struct error *err);
const struct exec_lookup_log *answer_log_functions(const struct answer_log *log);
/* Steps up to this one are run again: a lookup join's cache may forget nothing before them. */
void answer_log_replay_until(struct answer_log *log, int64_t step_id);
enum status answer_log_cut(struct answer_log *log, struct error *err);
void answer_log_close(struct answer_log *log);

/* ---- Checkpoints (checkpoint.c) ---- */

struct checkpoint_split {
    int scan;
    const char *id;
    struct str offset;
    int64_t skip, record_count, watermark;
    bool finished, idle;
};
struct checkpoint_sink {
    int node_id;
    struct str prepared;
};
struct checkpoint {
    int64_t id, step_id, write_micros, step_count;
    uint64_t seed;
    bool job_finished;
    const char *fingerprint;
    int split_count;
    struct checkpoint_split *splits;
    int sink_count;
    struct checkpoint_sink *sinks;
};
struct checkpoint_dir;
enum status checkpoint_dir_open(const char *path, struct checkpoint_dir **out, struct error *err); /* takes the lock */
/* Makes `to` a directory with the checkpoint and the logs of `from`, unless it has a checkpoint already. (recovery.c) */
enum status checkpoint_dir_copy(const char *from, const char *to, struct error *err);
void checkpoint_dir_close(struct checkpoint_dir *dir);
const char *checkpoint_job_id(const struct checkpoint_dir *dir);
const char *checkpoint_log_path(const struct checkpoint_dir *dir);
const char *checkpoint_answers_path(const struct checkpoint_dir *dir);
/* *out = NULL when there is none. */
enum status checkpoint_read(struct checkpoint_dir *dir, struct arena *arena, struct checkpoint **out,
                            struct error *err);
enum status checkpoint_restore(struct checkpoint_dir *dir, const struct checkpoint *checkpoint,
                               struct executor *executor, struct error *err);
/* State file, then manifest, both durable; older state files go. */
enum status checkpoint_write(struct checkpoint_dir *dir, const struct checkpoint *checkpoint, struct executor *executor,
                             struct error *err);

/* ---- The job ---- */

struct job {
    struct job_options options;
    struct arena arena;
    struct worker_pool *pool;
    struct executor *executor;
    struct atomic_flag_cancel cancel, cancel_hard;
    int scan_count;
    struct job_scan *scans;
    int sink_count;
    struct job_sink *sinks;
    struct scan_feed **feeds;
    struct checkpoint_dir *dir;
    struct step_log *log;
    struct answer_log *answers;
    struct checkpoint *checkpoint; /* restored from; NULL none */
    struct step_record *replay;    /* steps to run again */
    int replay_count, replay_next;
    int64_t last_step_id, last_write_micros, steps_run, checkpoint_id;
    int64_t last_checkpoint_ns;
    uint64_t random; /* of step cuts */
    uint64_t seed;
    bool already_finished;
    bool failed;
    int turn; /* rotates which split is served first */
    struct job_progress progress;
    pthread_mutex_t input_lock; /* input_changed: any queue filled or ended */
    pthread_cond_t input_changed;
    uint64_t input_version;
    pthread_t thread;
    bool thread_started;
    enum status status;
    enum job_end end;
    struct error error;
};

/* Readers tell the coordinator that something came. */
void job_notify_input(struct job *job);

#endif
