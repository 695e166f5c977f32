/* The operator contract.
 *
 * An operator is one descriptor (struct op_class) for one kind of physical node. The executor makes one `struct op` per
 * node and a number of `struct op_instance`: one per worker in stages that read sources (instances there must keep nothing from
 * morsel to morsel but what end_morsel or end_step flushes), one per partition of the key space in stages behind an exchange (they own their
 * partition's state). An instance is used by one worker at a time; no locks.
 *
 * One step, seen from an instance behind exchanges:
 *     push(port, chunk)…      every chunk of the step, in a defined order (split, block, row); the highest port first, so
 *                             that a join's build side (port 1) is complete before its probe side (port 0)
 *     on_watermark(port, µs)  the edge's new watermark, if it moved: rows with time <= watermark are complete
 *     end_step                emit what is due: net changes per key, fired windows, everything if ctx->is_last
 * In source stages: push… end_morsel for each morsel, then on_watermark and end_step on ONE instance (instance 0) after all morsels.
 * The executor calls on_watermark and end_step along the pipeline from the input on, so an operator's own end_step runs after
 * those before it emitted theirs. Defaults (NULL function): pass watermarks on, emit nothing.
 *
 * Late rows: an operator with event time compares with ctx->watermark_start of its port's edge (the watermark when the step started).
 *
 * Signs: chunks carry signed rows (+1, -1). A node whose plan edge is APPEND gets no -1. Rules (a)-(f) of the changelog in
 * DESIGN §4 hold: retractions equal byte for byte, counts may dip below zero within a step, an operator that owns one row per
 * key emits at end_step at most old with -1 and new with +1 and nothing if they are equal.
 *
 * Time to live: where the plan gives one (node->ttl_ms), open_instance sets it on the tables (state_table_set_ttl) and the operator
 * treats an entry that state_is_expired as one that is not there; nothing is emitted for what expires. The executor sweeps behind
 * every step. A retraction that then finds nothing changes no state, in the order in which
 * rows come.
 *
 * Memory: ctx->morsel_arena for what is pushed on (valid until the outermost push, end_morsel or end_step returns: an op_emitter is
 * flushed before its operator returns; receivers copy what they
 * keep), inst->state for what survives the step, inst->step_arena for what lives until the step's end (reset by the executor). */
#ifndef MILLRACE_OP_OPERATOR_H
#define MILLRACE_OP_OPERATOR_H

#include "plan/physical.h"
#include "state/spill.h"
#include "state/state.h"

#define WATERMARK_NONE INT64_MIN
#define WATERMARK_MAX INT64_MAX

struct op;
struct op_instance;

/* What an instance may know about the step and the morsel. */
struct op_ctx {
    int64_t step_id; /* 1, 2, … */
    bool streaming;
    bool is_last;         /* no input will come after this step */
    struct eval_env env;  /* clock, seed, zone for programs */
    int64_t write_micros; /* the step's write timestamp */
    struct arena *morsel_arena;
    int worker; /* 0 … workers-1 */
    /* Morsel of a source stage; -1 elsewhere. */
    int split;             /* source split it came from */
    uint64_t morsel_order; /* (split, record): defines the order of rows; behind exchanges the partition */
    int64_t morsel_seq;    /* 0, 1, 2 … in the order in which the stage's morsels were claimed in this step */
    /* A batch's partition that cannot be cut any further may outgrow memory: operators that can keep what is too much in
     * files. Else they give STATUS_OUT_OF_MEMORY and get less. */
    bool may_spill;
    void *executor;                           /* the executor's own */
    bool (*is_stopped)(const void *executor); /* asked by long loops of an operator: return, the executor knows why */
    int64_t *watermark_split; /* WATERMARK raises *watermark_split to the largest value seen in this morsel */
};

struct op_class {
    enum pnode_kind kind;
    /* Once per node, on the session's thread, before instances: compile programs into op->shared. May be NULL. */
    enum status (*open)(struct op *op, struct error *err);
    /* Once per instance: make state tables, scratch. May be NULL. */
    enum status (*open_instance)(struct op_instance *inst, struct error *err);
    enum status (*push)(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk, struct error *err);
    enum status (*end_morsel)(struct op_instance *inst, struct op_ctx *ctx, struct error *err);
    /* Changes inst->watermark_out if the output's watermark is not simply the minimum over the ports (an operator that holds rows
     * back). Called when a port's watermark moved: inst->watermarks[port] is new already. */
    enum status (*on_watermark)(struct op_instance *inst, struct op_ctx *ctx, int port, int64_t watermark,
                                struct error *err);
    enum status (*end_step)(struct op_instance *inst, struct op_ctx *ctx, struct error *err);
    /* Must end_step run in a step that brought this instance no rows and no watermark? (timers of processing time, rows
     * waiting). NULL: no. */
    bool (*is_due)(struct op_instance *inst, const struct op_ctx *ctx);
    /* State tables of inst->state are saved and restored by the executor; these are for anything beside them. snapshot writes
     * to out; restore is called with the bytes of every old instance (dealing them is the operator's business), after the
     * tables were restored and even when there are no bytes (len 0), once per old instance or at least once. May be NULL. */
    enum status (*snapshot)(struct op_instance *inst, struct strbuf *out, struct error *err);
    enum status (*restore)(struct op_instance *inst, struct str bytes, struct error *err);
    /* May the stage that ends in this operator take another morsel? False: its morsels are parked and the worker takes others
     * (bounded queues of sinks and lookups; one morsel per worker may overshoot). NULL: always. */
    bool (*ready)(struct op *op);
    /* Both must bear an instance or op whose open failed or never ran (local / shared NULL). */
    void (*close_instance)(struct op_instance *inst);
    void (*close)(struct op *op);
};

struct op_output {
    struct op_instance *target;
    int port;
};

struct op {
    const struct op_class *class;
    const struct pnode *node;
    struct arena *query_arena;
    struct mem_account *account;
    struct spill *spill; /* where to put what outgrows the account's limit */
    void *shared;        /* made by open, read-only while running (or synchronised by the operator) */
    int instance_count;
    struct op_instance **instances;
    struct op *build; /* HASH_JOIN without an exchange before its probe side: the HASH_JOIN_BUILD op, whose instances
                                   (one per partition of the build keys' hash) hold the built tables; else NULL */
    void *executor;   /* the executor's: sinks, lookups and collects find their queues here */
    /* EXPLAIN ANALYZE, summed over instances */
    _Atomic int64_t rows_in, rows_out, nanos;
};

enum { OP_MAX_PORTS = 16 };

struct op_instance {
    struct op *op;
    int index;                /* worker or partition */
    int partition_count;      /* of the stage; 1 for single */
    struct state *state;      /* created by the executor before open_instance; NULL in source stages */
    struct arena *step_arena; /* reset after every step */
    struct arena *instance_arena;
    void *local; /* the operator's, made by open_instance */
    int output_count;
    struct op_output *outputs;
    int port_count;
    int64_t watermarks[OP_MAX_PORTS];      /* current, per port */
    int64_t watermark_start[OP_MAX_PORTS]; /* when the step started: lateness is judged by it */
    int64_t watermark_out;                 /* of the output */
    int64_t late_rows;                     /* dropped rows, for metrics */
    int64_t rows_pushed;                   /* ever, into this instance */
    int64_t past_entries, past_bytes;      /* of states that the instance had for earlier parts of its partition */
};

/* Passes a chunk to all outputs. Chunks without live rows are dropped. The chunk is not changed by receivers but may be read
 * until op_emit returns. */
enum status op_emit(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, struct error *err);

/* The visible list (ops.c): class by node kind. EXCHANGE, SINK, COLLECT and the source side are the executor's own. */
const struct op_class *op_class_find(enum pnode_kind kind);
/* The build half of a HASH_JOIN whose probe side is not exchanged (kind is PNODE_HASH_JOIN too; port 0 = the plan's inputs[1]).
 * The probe half (op->build set) runs per worker in the stage of inputs[0], after the build's stage is complete. When both inputs come
 * through exchanges one instance per partition does both halves: port 1 builds, port 0 probes, end_step emits unmatched
 * build rows (RIGHT, FULL). The shared form is used for INNER, LEFT, SEMI and ANTI only. */
extern const struct op_class op_hash_join_build_class;

/* ---- Helpers shared by operators (op_util.c) ---- */

/* Collects rows to emit (row form or copied from chunks, with signs) and sends them on in full chunks. */
struct op_emitter {
    struct op_instance *inst;
    struct chunk *chunk; /* NULL before the first row; sign column lazily made */
    int capacity;
    int8_t *sign;
    bool any_negative;
};
void op_emitter_init(struct op_emitter *emitter, struct op_instance *inst);
/* The next free row of the chunk being filled (flushes a full one); the caller fills every column at *row (vectors are flat
 * with room for `capacity` rows; strings may borrow from state or arenas that live until the step ends). */
enum status op_emitter_next(struct op_emitter *emitter, struct op_ctx *ctx, int sign, struct chunk **chunk, int *row,
                            struct error *err);
enum status op_emitter_flush(struct op_emitter *emitter, struct op_ctx *ctx, struct error *err);

/* Key hash of the chunk's live rows: the exchange's when it came with the chunk and the keys are those it was made from (the
 * operator knows), else computed into scratch (room for VECTOR_CAPACITY). */
const uint64_t *op_hash(const struct chunk *chunk, const int *keys, int key_count, uint64_t *scratch);

/* The error of a LEFT join that is a scalar subquery and has found two rows for one. */
enum status op_several_rows(const struct pnode *join, struct error *err);

#endif
