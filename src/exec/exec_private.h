/* Inside of the executor: graph, stages, exchanges. See executor.h. */
#ifndef MILLRACE_EXEC_EXEC_PRIVATE_H
#define MILLRACE_EXEC_EXEC_PRIVATE_H

#include <pthread.h>

#include "exec/executor.h"

struct executor;

/* ---- Exchange: rows regrouped by key hash ---- */

struct exchange_segment {
    int writer;     /* index of the writer op: rows of one stage stay together */
    uint64_t order; /* morsel_order of the writer */
    uint32_t seq;   /* within the lane */
    int row_count;
    struct chunk *chunk; /* NULL: the rows are in the lane's file */
    struct exchange_lane *lane;
    int64_t offset, size_bytes; /* in the file: rows in row form, one after the other */
};

/* What one writer instance has written for one partition in this step. */
struct exchange_part {
    struct exchange_segment *segments;
    size_t segment_count, segment_capacity;
    struct chunk *open; /* the segment being filled, NULL after end_morsel */
    int open_capacity;
    int64_t row_count, spilled_bytes;
    uint64_t open_order;
};

struct exchange_lane {
    struct op_instance *writer;
    int writer_index;
    bool counts; /* its watermark counts (source stages: only instance 0 sees watermarks) */
    struct arena arena;
    struct exchange_part *parts;
    uint32_t next_seq;
    int64_t row_count, rows_in_memory;
    struct spill_file *file; /* segments that outgrew memory, NULL: none */
};

struct exchange {
    const struct pnode *node;
    struct row_layout layout; /* of rows in files */
    struct spill *spill;
    int partition_count;
    int lane_count, lane_capacity;
    struct exchange_lane **lanes;
    int writer_count;
    int reader_count, readers_left; /* stages */
};

extern const struct op_class exec_exchange_write_class;
extern const struct op_class exec_exchange_read_class;
extern const struct op_class exec_scan_class;
extern const struct op_class exec_sink_class;
extern const struct op_class exec_lookup_class;

void exchange_add_lane(struct exchange *exchange, struct op_instance *writer, int writer_index, bool counts,
                       struct mem_account *account);
/* Between writing and reading: when rows are in files, the others go there too, and all is written, so that workers may read in
 * parallel. */
enum status exchange_seal(struct exchange *exchange, struct error *err);
int64_t exchange_row_count(const struct exchange *exchange);
/* About the memory that the partition's rows need. */
int64_t exchange_partition_bytes(const struct exchange *exchange, int partition);
bool exchange_has_rows(const struct exchange *exchange, int partition);
int64_t exchange_watermark(const struct exchange *exchange);
/* Segments of one partition in (writer, order, seq) order; the array lives in arena. */
struct exchange_segment *exchange_segments(const struct exchange *exchange, int partition, struct arena *arena,
                                           size_t *count);
/* The segment's rows, with their key hashes if the exchange is by hash; from a file into arena. */
enum status exchange_load(const struct exchange *exchange, const struct exchange_segment *segment, struct arena *arena,
                          struct chunk **out, struct error *err);
void exchange_reset(struct exchange *exchange);
void exchange_destroy(struct exchange *exchange);

/* ---- Stages ---- */

struct stage_input {
    struct op *op;             /* SCAN, VALUES or exchange reader: emits into the stage */
    struct exchange *exchange; /* NULL for sources */
    int port;                  /* that it feeds: inputs run in descending order of it */
};

struct stage {
    int index;
    struct executor *executor;
    bool is_source;
    int scan_index; /* -1: VALUES */
    int instance_count;
    int input_count;
    struct stage_input *inputs;
    int op_count;
    struct op **ops; /* in topological order, inputs not among them */
    int dependency_count;
    int *dependencies;           /* stages that must be complete before */
    bool sorted;                 /* topological sort: placed */
    bool divisible;              /* a partition may be run in parts by hash: see run_partition */
    struct arena *morsel_arenas; /* one per worker */
    /* of the step that runs */
    _Atomic int next_partition;
    struct scan_feed *feed;
    const struct step *step;
};

struct executor {
    struct arena *query_arena;
    const struct plan *plan;
    struct executor_options options;
    struct spill spill;
    int partition_count;
    int stage_count;
    struct stage **stages; /* in the order in which they run */
    int exchange_count;
    struct exchange **exchanges;
    int scan_count;
    const struct pnode **scans;
    int op_count;
    struct op **ops; /* all, in order of making */
    /* Batches with a memory limit: how many shares of partitions run now, and whether memory got short in the stage, so that
     * they run one at a time. See run_share. */
    pthread_mutex_t share_lock;
    pthread_cond_t share_ended;
    int shares_running;
    bool memory_is_tight;
    pthread_mutex_t error_lock;
    _Atomic bool failed;
    enum status status;
    struct error error;
};

struct op_ctx exec_ctx(const struct executor *executor, const struct step *step, int worker,
                       struct arena *morsel_arena);
void exec_fail(struct executor *executor, enum status status, const struct error *err);
bool exec_stopped(const struct executor *executor);

/* graph.c */
enum status exec_build(struct executor *executor, struct error *err);

/* ---- Sinks (sink.c) ---- */
struct exec_sink *exec_sink_of(const struct op *op);
/* After its open: as in struct executor_options. */
void exec_sink_enforce(struct op *op, bool drop_nulls, bool check_lengths);

#endif
