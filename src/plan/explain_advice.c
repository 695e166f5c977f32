/* EXPLAIN PLAN_ADVICE: what a person who knows the engine would say about a plan. Few things, and only those that are so. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/plan_private.h"

struct advisor {
    struct strbuf *buf;
    const struct plan *plan;
    int count;
};

static void advise(struct advisor *advisor, const struct pnode *node, const char *level, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void advise(struct advisor *advisor, const struct pnode *node, const char *level, const char *fmt, ...) {
    struct strbuf *buf = advisor->buf;
    strbuf_printf(buf, "advice[%d]: [%s] node %d, %s: ", ++advisor->count, level, node->id,
                  pnode_kind_name(node->kind));
    va_list args;
    char text[1024];
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    strbuf_puts(buf, text);
    strbuf_putc(buf, '\n');
}

static void put_key(struct strbuf *out, const struct table *table) {
    for (int i = 0; i < table->partition_key_count && i < table->primary_key_count; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "", table->columns[table->primary_key[i]].name);
}

/* Does a filter stand above the scan, before anything else? */
static bool is_filtered(const struct plan *plan, const struct pnode *scan) {
    for (int i = 0; i < plan->node_count; i++) {
        const struct pnode *node = plan->nodes[i];
        for (int k = 0; k < node->input_count; k++)
            if (node->inputs[k] == scan && node->kind == PNODE_CALC && node->calc.condition) return true;
    }
    return false;
}

/* A table that is kept by a partition key and read whole, to throw rows away. */
static void check_scan(struct advisor *advisor, const struct pnode *node) {
    const struct table *table = node->scan.table;
    bool is_whole = node->scan.pushdown_text && strstr(node->scan.pushdown_text, "FULL SCAN") != NULL;
    if (!is_whole || !table->partition_key_count || !is_filtered(advisor->plan, node)) return;
    struct strbuf key = {0};
    put_key(&key, table);
    advise(advisor, node, "WARNING",
           "all of table %s is read and filtered here; with = or IN for its whole partition key (%s) only those "
           "partitions would be",
           table->name, key.data ? key.data : "");
    strbuf_free(&key);
}

/* Streams without an end whose state has none either. */
static bool keeps_state_for_ever(const struct pnode *node) {
    switch (node->kind) {
    case PNODE_STREAM_JOIN: return true;
    case PNODE_AGGREGATE: return node->aggregate.key_count > 0;
    case PNODE_RANK: return true;
    default: return false;
    }
}

static bool has_unbounded_input(const struct pnode *node) {
    if (node->kind == PNODE_SCAN) return !node->scan.bounded;
    for (int i = 0; i < node->input_count; i++)
        if (has_unbounded_input(node->inputs[i])) return true;
    return false;
}

static void check_state(struct advisor *advisor, const struct pnode *node) {
    bool has_ttl = node->ttl_ms[0] && (node->ttl_ms[1] || node->kind != PNODE_STREAM_JOIN);
    if (!advisor->plan->streaming || has_ttl || !keeps_state_for_ever(node) || !has_unbounded_input(node)) return;
    const char *what = node->kind == PNODE_STREAM_JOIN ? "both inputs' rows are kept"
                       : node->kind == PNODE_RANK      ? "the rows of every PARTITION BY key are kept"
                                                       : "every group is kept";
    const char *instead = node->kind == PNODE_STREAM_JOIN
                              ? "a lookup join (FOR SYSTEM_TIME AS OF) keeps none, windows are freed"
                              : "grouping by a window too frees it when the window ends";
    advise(advisor, node, "WARNING",
           "%s for as long as the job runs, so its memory grows with the keys; %s, "
           "and 'table.exec.state.ttl' ends what has not changed for so long",
           what, instead);
}

static bool is_one_row(const struct pnode *node) {
    while (node->kind == PNODE_CALC || node->kind == PNODE_EXCHANGE) node = node->inputs[0];
    return node->edge.single_row || (node->kind == PNODE_VALUES && node->values.row_count <= 1);
}

static void check_join(struct advisor *advisor, const struct pnode *node) {
    bool is_join = node->kind == PNODE_HASH_JOIN || node->kind == PNODE_STREAM_JOIN;
    if (!is_join || node->join.key_count || is_one_row(node->inputs[0]) || is_one_row(node->inputs[1])) return;
    advise(advisor, node, "WARNING",
           "every row of one side meets every row of the other, in one worker: there is no = between columns of "
           "both sides%s",
           node->join.condition ? " in the condition" : "");
}

/* A hash join's choice of sides was a guess. */
static void check_estimates(struct advisor *advisor, const struct pnode *node) {
    if (node->kind != PNODE_HASH_JOIN || node->join.key_count == 0) return;
    const struct pnode *at = node->inputs[1];
    while (at->input_count == 1 && at->kind != PNODE_SCAN) at = at->inputs[0];
    if (at->kind != PNODE_SCAN || at->row_estimate >= 0) return;
    advise(advisor, node, "ADVICE",
           "the side that is kept in memory reads table %s, of which no number of rows is known: put the smaller table "
           "on the right side of the join",
           at->scan.table->name);
}

/* A value that is another one each time the row is made again. */
static void check_nondeterminism(struct advisor *advisor, const struct pnode *node) {
    if (!advisor->plan->streaming || node->kind != PNODE_CALC || !node->calc.exprs ||
        node->inputs[0]->edge.changes == CHANGES_APPEND)
        return;
    for (int i = 0; i < node->schema.column_count; i++)
        if (!expr_is_deterministic(node->calc.exprs[i])) {
            advise(advisor, node, "WARNING",
                   "column %s has another value each time its row changes: it is not the time or number of the row's "
                   "first coming",
                   node->schema.names[i]);
            return;
        }
}

void plan_explain_advice(struct strbuf *buf, const struct plan *plan) {
    struct advisor advisor = {.buf = buf, .plan = plan};
    for (int i = 0; i < plan->node_count; i++) {
        const struct pnode *node = plan->nodes[i];
        if (node->kind == PNODE_SCAN) check_scan(&advisor, node);
        check_state(&advisor, node);
        check_join(&advisor, node);
        check_estimates(&advisor, node);
        check_nondeterminism(&advisor, node);
    }
    if (!advisor.count) strbuf_puts(buf, "No available advice.\n");
}
