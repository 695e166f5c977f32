/* The physical plan: what the executor runs. Immutable; separate from all operator state, so that EXPLAIN reads only
 * this and a checkpoint reads only state.
 *
 * A plan is a DAG of nodes whose roots are sinks. Rows flow from inputs to users; a node with several users sends its
 * rows to each. The executor cuts the DAG into stages at EXCHANGE nodes: what lies between two exchanges runs as one
 * push pipeline. Every stateful node sits directly behind exchanges (or is the root of its stage), partitioned by the
 * hash of its key.
 *
 * The same operators serve batch (one step, open-ended) and streaming (many steps); `streaming` in the plan tells
 * which. */
#ifndef MILLRACE_PLAN_PHYSICAL_H
#define MILLRACE_PLAN_PHYSICAL_H

#include "bind/bound.h"
#include "connector/connector.h"

enum pnode_kind {
    PNODE_SCAN,            /* a connector's source: decode, nothing else */
    PNODE_VALUES,          /* literal rows, one morsel in the first step */
    PNODE_CALC,            /* filter and/or projection */
    PNODE_WATERMARK,       /* tracks the watermark per split; in the scan's stage, only CALCs between */
    PNODE_EXCHANGE,        /* regroups rows by key hash, or all into one partition */
    PNODE_LOCAL_AGGREGATE, /* pre-aggregation per morsel: emits partial slots */
    PNODE_AGGREGATE,       /* hash aggregate; with retractions when its input has them */
    PNODE_WINDOW_ASSIGN, /* TUMBLE, HOP, CUMULATE: appends window_start, window_end, window_time; HOP multiplies rows */
    PNODE_WINDOW_AGGREGATE, /* group by window and keys, fires when the watermark passes the window's end */
    PNODE_HASH_JOIN,        /* batch: inputs[1] is built, inputs[0] probes without an exchange */
    PNODE_STREAM_JOIN,      /* symmetric join of two changelogs, both sides kept in state */
    PNODE_LOOKUP_JOIN,      /* in two halves: asks a connector by key */
    PNODE_SORT,             /* batch: full sort; with limit: top-n */
    PNODE_TOP_N,            /* ORDER BY … LIMIT on a changelog: single partition */
    PNODE_LIMIT,            /* LIMIT/OFFSET without ORDER BY */
    PNODE_RANK,             /* ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) within [rank_from, rank_to] */
    PNODE_OVER,             /* window functions (batch) */
    PNODE_UNNEST,           /* a row for every element of a collection column */
    PNODE_UNION,            /* UNION ALL: several inputs, no regrouping */
    PNODE_SINK,             /* a connector's sink; nets by key */
    PNODE_COLLECT, /* a query's result for the session: nets whole rows, keeps order when the input is ordered */
    PNODE_KIND_COUNT
};
const char *pnode_kind_name(enum pnode_kind kind); /* "HashJoin" … as EXPLAIN prints it */

/* What an edge (a node's output) carries. */
struct edge {
    enum changes changes;  /* APPEND: only +1 rows. RETRACT: signed rows. UPSERT only directly before a sink */
    bool updates, deletes; /* RETRACT: what rows do beside coming: change, go (for EXPLAIN and messages) */
    int key_count;         /* a unique key of the stream's table, 0 = none known */
    const int *key;
    bool netted;        /* within a step at most one -1 and one +1 per key (an operator that owns one row per key) */
    int rowtime_column; /* row-time attribute that the watermark speaks about, -1 none */
    bool single_row;    /* the table has at most one row: its key is the empty one (key_count is 0) */
    bool ordered;       /* rows come in the order of a SORT / TOP_N below (single partition, batch) */
};

/* Result columns of a hash partitioned node with the same keys may be used without another exchange. */
enum distribution { DISTRIBUTION_ANY, DISTRIBUTION_HASH, DISTRIBUTION_SINGLE };

struct pnode {
    enum pnode_kind kind;
    int id;               /* 0, 1, 2 … in the plan, inputs before users: names the node's state in checkpoints */
    struct schema schema; /* of the output */
    struct edge edge;
    int input_count;
    struct pnode **inputs;
    int user_count; /* nodes that read it */
    /* Time to live of what AGGREGATE, RANK and TOP_N (the first), or a STREAM_JOIN for each input, keep; 0: for ever. Processing time,
     * from the last write on. A checkpoint does not depend on it. */
    int64_t ttl_ms[2];
    double row_estimate;      /* -1 unknown */
    double distinct_estimate; /* of groups / keys where it matters, -1 */
    const char *note;         /* extra line for EXPLAIN (why this join, what was pushed), may be NULL */
    union {
        struct {
            const struct table *table;
            const struct connector *connector;
            struct scan_request request;
            bool bounded;
            const char *pushdown_text; /* "FULL SCAN", … */
        } scan;
        struct {
            int row_count;
            struct expr ***rows;
            /* instead of rows: columns of rows in memory, read when the job runs */
            const struct held_rows *held;
            const int *columns;
            struct held_query *query; /* what fills them first; NULL: they are there */
            const char *name;
        } values;
        struct {
            struct expr *condition; /* NULL: no filter */
            struct expr **exprs;    /* schema.column_count of them; NULL: the input's columns pass unchanged */
        } calc;
        struct {
            int column;
            struct expr *expr;
            int64_t idle_timeout_ms;
        } watermark;
        struct {
            enum distribution distribution;
            int key_count; /* HASH: columns of the input; equal keys of the two inputs of a join have equal types */
            const int *keys;
        } exchange;
        struct {
            /* LOCAL_AGGREGATE, AGGREGATE, WINDOW_AGGREGATE. keys and calls refer to the input of the (local)
             * aggregate, args and filters likewise. LOCAL emits: keys, then one BYTES column per call (its partial
             * slot), then a BIGINT (the signed number of rows). When `merges`, AGGREGATE's input is a LOCAL's output:
             * keys are columns 0…key_count-1. */
            int key_count;
            const int *keys;
            int call_count;
            const struct aggregate_call *calls;
            bool merges;
            bool retracting;  /* the input carries -1 rows: groups count rows and vanish at 0 */
            bool emit_single; /* no GROUP BY: one row even over no input */
            int grouping_set_count;
            const uint64_t *grouping_sets;
            /* WINDOW_AGGREGATE */
            int window_start_key, window_end_key; /* positions in keys, -1 when not among them */
            int window_end_column;                /* of the input (TIMESTAMP); fires when watermark >= end - 1 ms */
            bool proctime;
        } aggregate;
        struct {
            struct window_params window;
        } window_assign;
        struct {
            /* HASH_JOIN, STREAM_JOIN, LOOKUP_JOIN */
            enum join_type type;
            int key_count; /* equi-keys; 0: every pair is compared by the condition (one partition) */
            const int *left_keys, *right_keys; /* columns of inputs[0] / inputs[1] */
            const bool *null_safe;  /* per key: IS NOT DISTINCT FROM (NULL matches NULL); NULL = all plain "=" */
            struct expr *condition; /* residual over left ++ right columns; NULL none */
            bool null_aware;        /* ANTI made from NOT IN (see bound.h) */
            bool single_row;        /* LEFT: more than one match is STATUS_CARDINALITY */
            int32_t offset, length; /* of the scalar subquery in the script, for that error */
            bool left_unique, right_unique; /* keys are unique on that side (a hint for state) */
            /* LOOKUP_JOIN: inputs[0] only; right_keys are positions in table->columns */
            const struct table *table;
            const struct connector *connector;
            int column_count; /* looked-up columns (positions), = right part of the schema */
            const int *columns;
            struct expr *right_filter; /* over the looked-up columns, NULL none */
            struct lookup_settings lookup;
        } join;
        struct {
            /* SORT, TOP_N, LIMIT */
            int key_count;
            const struct sort_key *keys;
            int64_t rows_offset, limit; /* limit -1: none */
        } sort;
        struct {
            int partition_count;
            const int *partition; /* columns */
            int order_count;
            const struct sort_key *order;
            int64_t rank_from, rank_to; /* 1-based, inclusive */
            bool output_rank;           /* a BIGINT column at the end */
        } rank;
        struct {
            int column_count;
            const int *columns; /* of the input: ARRAY, MAP or MULTISET */
            bool outer;         /* rows without elements stay, with NULLs */
            bool ordinality;    /* the last column is the element's number, an INT from 1 */
        } unnest;
        struct {
            const struct window_spec *spec;
            int call_count;
            const struct window_call *calls;
        } over;
        struct {
            const struct table *table;
            const struct connector *connector;
            enum sink_statement statement;
            int column_count;   /* = schema columns */
            const int *columns; /* positions in table->columns */
            enum changes accepts;
            int key_count; /* primary key as columns of the input, in table->primary_key order; 0 none */
            const int *key;
            enum conflict_policy conflict;
            int sink_index;
            bool overwrite;
            int fixed_count; /* PARTITION (…): columns of the table and their values */
            const int *fixed_columns;
            const struct value *fixed_values;
        } sink;
        struct {
            int result_index;
            /* Streaming ORDER BY … LIMIT: the final table is to be shown in this order (columns of the result). */
            int order_count;
            const struct sort_key *order;
        } collect;
    };
};

struct plan {
    bool streaming;
    int node_count;
    struct pnode **nodes; /* by id: inputs come before users */
    int root_count;
    struct pnode **roots; /* SINK and COLLECT nodes */
};

#endif
