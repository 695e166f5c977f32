/* Jobs: a physical plan from start to end. Cuts steps, keeps the step log and checkpoints, restarts, feeds sources to the
 * executor and its rows to sinks.
 *
 * A job runs on a thread of its own (the coordinator), with a worker pool of its own, one I/O thread per source reader and one per sink. Threads
 * meet at bounded queues only. Batch is one open-ended step; streaming cuts a step whenever there is input (at least
 * `step_interval_ms` after the last one), of at most step_max_rows rows.
 *
 * With a checkpoint directory: before a step's first effect its record (rows taken from every split, clock, seed, write timestamp) is appended
 * to the step log; every checkpoint_interval_ms (and at the end) the state is written, and after a crash the steps logged since run again with exactly
 * those inputs. A directory belongs to one running job (flock) and one script (fingerprint). */
#ifndef MILLRACE_JOB_JOB_H
#define MILLRACE_JOB_JOB_H

#include "exec/executor.h"

enum {
    JOB_QUEUE_BYTES =
        16 << 20, /* blocks waiting per scan; with 64 MB TPC-H q01, q17 hold 1.5 times the memory and gain nothing */
    JOB_SINK_QUEUE_BYTES = 64 << 20, /* rows waiting per sink */
    JOB_MORSEL_RECORDS = 16384,      /* a longer range of a block is cut for parallel work */
    JOB_DEFAULT_STEP_ROWS = 500000,
    JOB_MAX_READERS = 64, /* I/O threads per scan */
    JOB_MAX_SPLITS = 1 << 16,
    JOB_MAX_DISCOVERY_FAILURES = 5, /* one after the other: then the job fails */
    JOB_POLL_MS = 50,
    JOB_MAX_ID_BYTES = 128,
};

struct job;

struct job_options {
    const char *name;
    const struct plan *plan; /* lives as long as the job */
    int workers;
    struct mem_account *account;
    const struct time_zone *zone;
    int64_t step_max_rows;       /* millrace.step.max-rows; 0 = default */
    bool step_random;            /* tests: every step takes 1 … step_max_rows rows, by the seed */
    const char *spill_directory; /* for what outgrows the account's limit; NULL or "": see state/spill.h */
    uint64_t random_seed;
    int64_t step_interval_ms;   /* table.exec.mini-batch.allow-latency */
    bool drop_nulls;            /* table.exec.sink.not-null-enforcer = DROP */
    bool check_lengths;         /* table.exec.sink.type-length-enforcer = ERROR */
    int64_t now_micros;         /* batch: the query's start; 0 = the clock */
    const char *checkpoint_dir; /* NULL: none */
    const char *recovery_dir;   /* checkpoint directory to begin with when that one is empty; NULL: none */
    int64_t checkpoint_interval_ms;
    int64_t stop_after_steps; /* tests: checkpoint and stop after so many steps of this run; 0 = never */
    const char *fingerprint;  /* of the script, kept in the checkpoint */
    /* The receiver of COLLECT nodes: a sink_class with this sink. write and end_step run on the sink's thread. */
    const struct sink_class *collect_class;
    struct sink *collect;
    const struct bad_rows *bad_rows; /* NULL: bad records and rows are errors, or what the tables' options say */
};

/* Live figures, written by the job, read by anyone. */
struct job_progress {
    _Atomic int64_t rows_in, rows_out, skipped_records, late_rows, steps, checkpoints;
    _Atomic int64_t refused_rows, unapplied_rows; /* of rows_out: see struct sink_options */
    _Atomic int64_t bad_records;                  /* of rows_in: those that bad_rows got */
    _Atomic int64_t rows_queued;                  /* given to sinks: rows_out of them are written */
    /* How much of the sources has been taken into steps: bytes of files, or shares of tables; total 0: unknown. */
    _Atomic int64_t source_done, source_total;
    _Atomic bool source_in_bytes;
    _Atomic int64_t watermark_micros; /* smallest scan watermark; WATERMARK_NONE / _MAX */
    _Atomic int64_t state_bytes;
    _Atomic bool running;
};

enum job_end { JOB_FINISHED, JOB_STOPPED /* cancelled, or stop_after_steps */, JOB_FAILED };

/* Makes the job: opens sources and sinks, restores from the checkpoint directory. Nothing runs yet. */
enum status job_create(const struct job_options *options, struct job **out, struct error *err);
/* Runs it to its end on the calling thread. */
enum status job_run(struct job *job, enum job_end *end, struct error *err);
/* Runs it on a thread; job_wait joins. */
enum status job_start(struct job *job, struct error *err);
enum status job_wait(struct job *job, enum job_end *end, struct error *err);
/* Asks it to stop soon (any thread, signal-safe). With a checkpoint directory it writes a last checkpoint. */
void job_cancel(struct job *job);
void job_destroy(struct job *job);

/* Of a checkpoint directory, which need not be there: is there a job to go on with; does one run there now, in any process of
 * this machine? */
bool job_directory_begun(const char *path);
bool job_directory_in_use(const char *path);

const struct job_progress *job_progress(const struct job *job);
/* After the end, or between steps on the coordinator: figures per node (EXPLAIN ANALYZE). */
int64_t job_spilled_bytes(const struct job *job); /* written to local files because memory was short */
void job_metrics(const struct job *job, int node_id, struct node_metrics *out);
/* Steps this job was made of so far, replayed ones included. */
int64_t job_step_count(const struct job *job);

#endif
