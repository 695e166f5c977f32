/* The executor: runs one step of a physical plan over its input. No clock, no files, no network: everything from outside
 * comes in through the step, the feeds and the sinks, so that a test can simulate it.
 *
 * The plan is cut at EXCHANGE nodes into stages. A stage is a tree of pushes over operator instances: one per worker when the stage reads a
 * source, one per partition of the key space when it reads exchanges. Stages run in topological order, each by all workers; a stage starts
 * when those it reads from are complete (so a batch's exchanges hold its rows; streaming steps are small). Within a
 * stage workers claim morsels: ranges of input blocks, or partitions. A step of few rows is run by the calling thread alone.
 *
 * Back-pressure: a worker that hands rows to a full sink queue waits there (submit blocks); the queue's thread never
 * waits for workers, so this cannot deadlock. That replaces parking of morsels: simpler, and a stage has nothing else to do then. */
#ifndef MILLRACE_EXEC_EXECUTOR_H
#define MILLRACE_EXEC_EXECUTOR_H

#include "exec/pool.h"
#include "op/operator.h"

enum {
    EXEC_MAX_PARTITIONS = 64,
    EXEC_PARTITIONS_PER_WORKER = 4,
    EXEC_MAX_PARTS = 256,        /* of a partition that does not fit into memory */
    EXEC_FIRST_PARTS = 4,        /* the most without knowing that they are needed */
    EXEC_MAX_MORSELS_AHEAD = 64, /* finished ones that wait until an earlier morsel's rows are in the sink */
    EXEC_SOLO_ROWS = 4096,       /* a stage with fewer input rows runs on the calling thread alone */
};

/* ---- Input ---- */

/* State of one split, owned by the job, updated here after each step's scan. */
struct exec_split {
    int64_t watermark; /* WATERMARK_NONE at first */
    bool finished;     /* no more rows will come: its watermark no longer counts */
    bool idle;         /* set by the job (idle timeout): does not hold the minimum back */
};

struct morsel {
    const struct block *block;
    int first, count; /* records */
    int split;
    uint64_t order; /* see op_ctx.morsel_order */
    int64_t seq; /* 0, 1, 2 … in the order in which next gave them out in this step: rows reach sinks in this order */
    void *owner; /* the feed's */
};

enum morsel_result {
    MORSEL_READY,
    MORSEL_WAIT,  /* nothing within about 50 ms; ask again (batch, while readers work) */
    MORSEL_END,   /* nothing more in this step */
    MORSEL_FAILED /* err is set */
};

/* One scan's input for one step. next and done are called by workers, in parallel. */
struct scan_feed {
    enum morsel_result (*next)(struct scan_feed *feed, struct morsel *morsel, struct error *err);
    /* The morsel was processed: its largest watermark value (WATERMARK_NONE without), records skipped as malformed, and those
     * that bad_rows got. */
    void (*done)(struct scan_feed *feed, struct morsel *morsel, int64_t watermark, int64_t skipped_records,
                 int64_t bad_records);
    struct source *source;
    const struct source_class *source_class;
    const struct bad_rows *bad_rows; /* for decode; NULL: malformed records are errors */
    int64_t row_hint;                /* rows that will come, -1 unknown (batch) */
    /* Splits may still come: time does not end with those that are there, it stays where they brought it. */
    bool endless;
    int split_count; /* read after next said END */
    struct exec_split *splits;
};

struct step {
    int64_t id; /* 1, 2, … */
    int64_t now_micros, write_micros;
    uint64_t seed;
    bool is_last;             /* batch: true; streaming: all feeds are at their end after this step */
    struct scan_feed **feeds; /* by executor_scan's index; NULL entry: no rows for it in this step */
};

/* ---- Output ---- */

/* Rows for one sink, netted within the step. Ownership passes to the receiver, who calls sink_batch_free. */
struct sink_batch {
    struct arena arena;
    struct chunk *chunk; /* flat, no selection, no sign */
    uint8_t *kinds;      /* enum row_kind */
    int64_t step_id, write_micros;
    struct sink_batch *next; /* the executor's, while the batch waits for its turn */
};
void sink_batch_free(struct sink_batch *batch);

struct exec_sink {
    /* Takes a batch; may wait while its queue is full. Called by workers, in parallel. */
    enum status (*submit)(struct exec_sink *sink, struct sink_batch *batch, struct error *err);
    enum changes accepts; /* what the rows may be: decides how they are netted */
    /* As struct sink_class has it; NULL: no row is refused. Called by workers, in parallel. */
    bool (*refuses)(struct exec_sink *sink, const struct chunk *chunk, int row);
};

/* ---- Snapshots ---- */

/* Files (or memory) of a checkpoint: one section per (node, instance). */
struct snapshot_store {
    enum status (*create)(struct snapshot_store *store, int node_id, int stage, int instance,
                          struct snapshot_writer **writer, struct error *err);
    enum status (*finish)(struct snapshot_store *store, struct snapshot_writer *writer, struct error *err);
    /* Number of sections that the checkpoint has for this node and stage: the old partition count; 0 none. */
    int (*count)(struct snapshot_store *store, int node_id, int stage);
    enum status (*open)(struct snapshot_store *store, int node_id, int stage, int instance,
                        struct snapshot_reader **reader, struct error *err);
    void (*close)(struct snapshot_store *store, struct snapshot_reader *reader);
};

/* ---- Lookups ---- */

/* Where the answers of lookup joins are kept, so that a replayed step sees the same; see answers.h. append is called by workers,
 * several at a time; epoch and replay_until change between steps only. */
struct exec_lookup_log {
    enum status (*append)(void *data, int64_t step_id, int node_id, struct str bytes, struct error *err);
    /* Calls take with every record of this step and node. */
    enum status (*replay)(void *data, int64_t step_id, int node_id,
                          enum status (*take)(void *take_data, struct str bytes, struct error *err), void *take_data,
                          struct error *err);
    void *data;
    int64_t epoch;        /* how often it was cut: what was appended before is gone */
    int64_t replay_until; /* steps up to this one run again */
};

/* ---- The executor ---- */

struct executor_options {
    struct worker_pool *pool;
    struct mem_account *account; /* of the query */
    const struct time_zone *zone;
    const char *spill_directory;             /* for what outgrows the account's limit; NULL: see spill.h */
    const struct atomic_flag_cancel *cancel; /* may be NULL */
    /* The sink of a SINK or COLLECT node; called once per node while the graph is made. */
    struct exec_sink *(*sink)(void *data, const struct pnode *node);
    void *data;
    const struct exec_lookup_log *lookup_log; /* NULL: answers are not kept */
    bool drop_nulls;    /* table.exec.sink.not-null-enforcer = DROP: rows with NULL in a NOT NULL column are left out */
    bool check_lengths; /* table.exec.sink.type-length-enforcer = ERROR: a text that is no CHAR(n), ... is an error */
};
struct atomic_flag_cancel {
    _Atomic bool requested;
};

struct executor;
/* query_arena: lives as long as the executor. */
enum status executor_create(struct arena *query_arena, const struct plan *plan, const struct executor_options *options,
                            struct executor **out, struct error *err);
void executor_destroy(struct executor *executor);

/* The plan's SCAN nodes in order of their ids: step.feeds has one entry for each. */
int executor_scan_count(const struct executor *executor);
const struct pnode *executor_scan(const struct executor *executor, int index);

/* Runs one step; when it returns STATUS_OK all its rows were submitted to the sinks. After an error the executor can only
 * be destroyed. */
enum status executor_step(struct executor *executor, const struct step *step, struct error *err);

/* Between steps. */
enum status executor_snapshot(struct executor *executor, struct snapshot_store *store, struct error *err);
/* Before the first step. Any number of workers and partitions. */
enum status executor_restore(struct executor *executor, struct snapshot_store *store, struct error *err);

/* Bytes written to local files because memory was short. */
int64_t executor_spilled_bytes(const struct executor *executor);

/* Figures of one node summed over its instances (EXPLAIN ANALYZE, progress). */
struct node_metrics {
    int64_t rows_in, rows_out, nanos, late_rows, state_entries, state_bytes;
    int64_t spilled_bytes; /* written to local files because memory was short */
    int64_t read_bytes;    /* of a scan, by its job */
    int64_t watermark;     /* smallest output watermark of its instances */
};
void executor_metrics(const struct executor *executor, int node_id, struct node_metrics *out);

#endif
