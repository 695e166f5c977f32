/* The planner: from bound trees to physical plans.
 *
 *     bound tree (bind/bound.h) -> plan_optimize -> bound tree -> plan_query, plan_inserts -> plan (plan/physical.h)
 *
 * plan_optimize applies the rules (rule_*.c, listed in optimize.c) and leaves a tree without subqueries and
 * correlation. The physical planner then chooses operators, puts exchanges where rows must be regrouped, and states
 * for every edge what changes it carries. Everything is allocated in the query arena and borrows from the bound tree.
 * Called on the session's thread.
 *
 * Errors: STATUS_NOT_SUPPORTED for what has no operator, STATUS_INVALID_QUERY for what has no meaning in the mode
 * (ORDER BY on an endless stream, an updating query into a sink that only appends, a query's key that is not the
 * sink's), both with the place in the script where it is known; and what connectors say about their tables. */
#ifndef MILLRACE_PLAN_PLAN_H
#define MILLRACE_PLAN_PLAN_H

#include "plan/physical.h"

enum agg_phase_strategy { AGG_PHASE_AUTO, AGG_PHASE_ONE, AGG_PHASE_TWO };

struct plan_options {
    bool streaming;                    /* execution.runtime-mode, `automatic` resolved by plan_is_bounded */
    bool require_on_conflict;          /* table.exec.sink.require-on-conflict */
    bool reuse_sub_plan;               /* table.optimizer.reuse-sub-plan-enabled */
    enum agg_phase_strategy agg_phase; /* table.optimizer.agg-phase-strategy */
    int64_t idle_timeout_ms;           /* table.exec.source.idle-timeout; 0 never */
    int64_t state_ttl_ms;              /* table.exec.state.ttl; 0: state lives for ever. Streaming only */
    int64_t memory_limit_bytes;        /* millrace.memory-limit; 0 none: joins may build the whole of a side */
    bool portable;                     /* millrace.portable: what Flink would refuse is an error */
    bool portable_streaming;           /* Flink would run it in streaming mode: execution.runtime-mode is not batch */
    bool reorder_joins;                /* table.optimizer.join-reorder-enabled: in streaming too, as always in batch */
    double lookup_ratio;               /* table.optimizer.lookup-join.ratio; 0: no join becomes a lookup by itself */
    const struct connector *(*find_connector)(const char *name); /* connector_find; tests have their own */
};

/* Flink's defaults: batch, ON CONFLICT required, sub-plans reused. find_connector must still be set. */
struct plan_options plan_options_default(void);

/* Does every source of the tree end? Lookup tables do not count. Decides execution.runtime-mode = automatic:
 * streaming when some source does not end. Tables whose connector cannot be read count as bounded (planning them
 * fails later). */
bool plan_is_bounded(const struct rel *rel, const struct connector *(*find_connector)(const char *name));

/* All logical rules. The result has the same columns (names, order, types) as rel. */
enum status plan_optimize(struct arena *query_arena, struct rel *rel, const struct plan_options *options,
                          struct rel **out, struct error *err);

/* A query whose rows the session collects: the root is a COLLECT node. */
enum status plan_query(struct arena *query_arena, const struct bound_query *query, const struct plan_options *options,
                       struct plan **out, struct error *err);

/* One plan for all inserts of a statement set: roots[i] is the SINK of inserts[i], its sink_index is i. Sub-plans
 * that are equal are computed once (when options->reuse_sub_plan). */
enum status plan_inserts(struct arena *query_arena, const struct bound_insert *inserts, int insert_count,
                         const struct plan_options *options, struct plan **out, struct error *err);

/* DELETE that the table's connector can do without reading: when WHERE is nothing but predicates that its source and its sink
 * take exactly. *taken = false: the rows must be read (plan_inserts). *text: what it does (query_arena). write_micros:
 * the write timestamp; negative: only say. Blocks. */
enum status plan_delete_where(struct arena *query_arena, const struct bound_insert *deletion,
                              const struct plan_options *options, int64_t write_micros, bool *taken, const char **text,
                              struct error *err);

/* ---- EXPLAIN ---- */

/* Figures of one node for EXPLAIN ANALYZE. */
struct plan_node_metrics {
    int64_t rows_in, rows_out, nanos, late_rows, state_bytes, read_bytes, spilled_bytes;
};

/* The sections Logical Plan, Optimized Logical Plan, Physical Plan. logical[i] and optimized[i] belong to root i of
 * the plan; either array and plan may be NULL (the section is left out). */
void plan_explain(struct strbuf *buf, int root_count, struct rel *const *logical, struct rel *const *optimized,
                  const struct plan *plan);

/* The same with what a node's rows cost: ", cost=[rows, bytes]", or unknown. */
void plan_explain_costs(struct strbuf *buf, const struct plan *plan);

/* The physical plan as one JSON document: {"mode", "roots", "nodes": [{"id", "operator", "contents", "parameters",
 * "parallelism", "inputs", "changelogMode", "key", "columns", "estimate", "stateTtlMs", "note"}]}, a node per line. */
void plan_explain_json(struct strbuf *buf, const struct plan *plan, int workers);
/* Text as a JSON string, with its quotes. */
void plan_put_json_string(struct strbuf *buf, struct str text);

/* "advice[1]: [WARNING] node 3, HashJoin: …" lines, or one that says that there is none. */
void plan_explain_advice(struct strbuf *buf, const struct plan *plan);

/* The physical plan with figures: metrics is asked for every node id and returns false when it has none. */
void plan_explain_analyze(struct strbuf *buf, const struct plan *plan,
                          bool (*metrics)(void *data, int node_id, struct plan_node_metrics *out), void *data);

/* One node on one line, as in the physical plan but without the tree, changes and estimates: "Aggregate(groupBy=[a],
 * ...)". */
void plan_print_node(struct strbuf *buf, const struct pnode *node);

#endif
