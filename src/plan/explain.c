/* EXPLAIN and EXPLAIN ANALYZE: the logical trees, and the physical plan as a tree with one node per line:
 *
 *     Aggregate(groupBy=[b], select=[b, COUNT(*) AS n]), changelogMode=[I,UA,UB], key=[b], rows=200
 *     +- Exchange(distribution=[hash[b]]), ...
 *
 * A node with several users is printed where it is met first and referred to by its number elsewhere. */
#include <stdlib.h>

#include "plan/plan.h"

#include "plan/plan_private.h"

const char *pnode_kind_name(enum pnode_kind kind) {
    static const char *const names[PNODE_KIND_COUNT] = {
        [PNODE_SCAN] = "Scan",
        [PNODE_VALUES] = "Values",
        [PNODE_CALC] = "Calc",
        [PNODE_WATERMARK] = "Watermark",
        [PNODE_EXCHANGE] = "Exchange",
        [PNODE_LOCAL_AGGREGATE] = "LocalAggregate",
        [PNODE_AGGREGATE] = "Aggregate",
        [PNODE_WINDOW_ASSIGN] = "WindowAssign",
        [PNODE_WINDOW_AGGREGATE] = "WindowAggregate",
        [PNODE_HASH_JOIN] = "HashJoin",
        [PNODE_STREAM_JOIN] = "StreamJoin",
        [PNODE_LOOKUP_JOIN] = "LookupJoin",
        [PNODE_SORT] = "Sort",
        [PNODE_TOP_N] = "TopN",
        [PNODE_LIMIT] = "Limit",
        [PNODE_RANK] = "Rank",
        [PNODE_OVER] = "Over",
        [PNODE_UNNEST] = "Unnest",
        [PNODE_UNION] = "Union",
        [PNODE_SINK] = "Sink",
        [PNODE_COLLECT] = "Collect",
    };
    return kind >= 0 && kind < PNODE_KIND_COUNT ? names[kind] : "?";
}

/* ---- parts of a line ---- */

static void put_columns(struct strbuf *buf, const char *const *names, const int *columns, int count) {
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(buf, ", ");
        strbuf_puts(buf, names[columns[i]]);
    }
}

static void put_list(struct strbuf *buf, const char *key, const char *const *names, const int *columns, int count) {
    strbuf_printf(buf, "%s=[", key);
    put_columns(buf, names, columns, count);
    strbuf_putc(buf, ']');
}

static void put_order(struct strbuf *buf, const struct sort_key *keys, int count, const char *const *names) {
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(buf, ", ");
        strbuf_printf(buf, "%s %s", names[keys[i].column], keys[i].descending ? "DESC" : "ASC");
        if (keys[i].nulls_last != keys[i].descending)
            strbuf_puts(buf, keys[i].nulls_last ? " NULLS LAST" : " NULLS FIRST");
    }
}

static void put_table(struct strbuf *buf, const struct table *table) {
    strbuf_puts(buf, "table=[");
    if (table->catalog) strbuf_printf(buf, "%s.", table->catalog);
    if (table->database) strbuf_printf(buf, "%s.", table->database);
    strbuf_printf(buf, "%s]", table->name);
}

static void put_condition(struct strbuf *buf, const char *key, const struct expr *condition, const char *const *names) {
    if (!condition) return;
    strbuf_printf(buf, ", %s=[", key);
    expr_print(buf, condition, names);
    strbuf_putc(buf, ']');
}

static void put_predicates(struct strbuf *buf, const struct pnode *node) {
    static const char *const ops[] = {"=", "<", "<=", ">", ">=", "IN", "IS NULL", "IS NOT NULL"};
    const struct scan_request *request = &node->scan.request;
    if (!request->predicate_count) return;
    strbuf_puts(buf, ", pushedDown=[");
    for (int i = 0; i < request->predicate_count; i++) {
        const struct predicate *predicate = &request->predicates[i];
        strbuf_printf(buf, "%s%s %s", i ? " AND " : "", node->scan.table->columns[predicate->column].name,
                      ops[predicate->op]);
        if (predicate->op == PREDICATE_IN) strbuf_puts(buf, " (");
        enum { SHOWN = 10 };
        for (int v = 0; v < predicate->value_count && v < SHOWN; v++) {
            strbuf_puts(buf, v ? ", " : predicate->op == PREDICATE_IN ? "" : " ");
            value_print_sql(buf, &predicate->values[v]);
        }
        if (predicate->value_count > SHOWN) strbuf_printf(buf, ", ... %d values", predicate->value_count);
        if (predicate->op == PREDICATE_IN) strbuf_putc(buf, ')');
    }
    strbuf_putc(buf, ']');
}

static void put_groups(struct strbuf *buf, const struct pnode *node) {
    const struct scan_request *request = &node->scan.request;
    if (!request->groups) return;
    const struct table_column *columns = node->scan.table->columns;
    strbuf_puts(buf, ", groupBy=[");
    for (int i = 0; i < request->column_count; i++)
        strbuf_printf(buf, "%s%s", i ? ", " : "", columns[request->columns[i]].name);
    strbuf_puts(buf, "], aggregates=[");
    for (int i = 0; i < request->groups->aggregate_count; i++) {
        const struct scan_aggregate *aggregate = &request->groups->aggregates[i];
        strbuf_printf(buf, "%s%s(%s)", i ? ", " : "", scan_function_name(aggregate->function),
                      aggregate->column < 0 ? "*" : columns[aggregate->column].name);
    }
    strbuf_putc(buf, ']');
}

/* What the source says about the request as it is now, else what it said when it was asked. */
static void put_source(struct strbuf *buf, const struct pnode *node) {
    const struct source_class *source = node->scan.connector->source;
    struct strbuf text = {0};
    if (source->explain && source->explain(node->scan.table, &node->scan.request, &text, NULL) == STATUS_OK)
        strbuf_printf(buf, ", source=[%s]", text.data);
    else if (node->scan.pushdown_text)
        strbuf_printf(buf, ", source=[%s]", node->scan.pushdown_text);
    strbuf_free(&text);
}

static void put_scan(struct strbuf *buf, const struct pnode *node) {
    put_table(buf, node->scan.table);
    strbuf_puts(buf, ", columns=[");
    for (int i = 0; i < node->schema.column_count; i++)
        strbuf_printf(buf, "%s%s", i ? ", " : "", node->schema.names[i]);
    strbuf_putc(buf, ']');
    put_groups(buf, node);
    put_predicates(buf, node);
    if (node->scan.request.limit >= 0) strbuf_printf(buf, ", limit=[%lld]", (long long)node->scan.request.limit);
    put_source(buf, node);
}

static void put_values(struct strbuf *buf, const struct pnode *node) {
    enum { SHOWN = 3 };
    if (node->values.held) {
        strbuf_printf(buf, node->values.query ? "rows of %s" : "new rows of %s", node->values.name);
        return;
    }
    strbuf_puts(buf, "rows=[");
    for (int r = 0; r < node->values.row_count && r < SHOWN; r++) {
        strbuf_puts(buf, r ? ", (" : "(");
        for (int c = 0; c < node->schema.column_count; c++) {
            if (c) strbuf_puts(buf, ", ");
            expr_print(buf, node->values.rows[r][c], NULL);
        }
        strbuf_putc(buf, ')');
    }
    if (node->values.row_count > SHOWN) strbuf_printf(buf, ", ... %d rows", node->values.row_count);
    strbuf_putc(buf, ']');
}

static void put_calc(struct strbuf *buf, const struct pnode *node) {
    const char *const *names = node->inputs[0]->schema.names;
    strbuf_puts(buf, "select=[");
    for (int i = 0; i < node->schema.column_count; i++) {
        if (i) strbuf_puts(buf, ", ");
        if (!node->calc.exprs) {
            strbuf_puts(buf, node->schema.names[i]);
            continue;
        }
        const struct expr *expr = node->calc.exprs[i];
        expr_print(buf, expr, names);
        bool same = expr->kind == EXPR_COLUMN && strcmp(names[expr->column.index], node->schema.names[i]) == 0;
        if (!same) strbuf_printf(buf, " AS %s", node->schema.names[i]);
    }
    strbuf_putc(buf, ']');
    put_condition(buf, "where", node->calc.condition, names);
}

/* The node whose columns an aggregate's keys and calls mean: the input of its LOCAL when it merges. */
static const struct pnode *aggregate_input(const struct pnode *node) {
    const struct pnode *input = node->inputs[0];
    if (!node->aggregate.merges) return input;
    while (input->kind != PNODE_LOCAL_AGGREGATE) input = input->inputs[0];
    return input->inputs[0];
}

static void put_call(struct strbuf *buf, const struct aggregate_call *call, const char *const *names) {
    strbuf_printf(buf, "%s(%s", call->function->name, call->function->distinct ? "DISTINCT " : "");
    if (call->function->arg_count == 0) strbuf_putc(buf, '*');
    put_columns(buf, names, call->args, call->function->arg_count);
    strbuf_putc(buf, ')');
    if (call->filter >= 0) strbuf_printf(buf, " FILTER %s", names[call->filter]);
}

static void put_aggregate(struct strbuf *buf, const struct pnode *node) {
    const char *const *names = aggregate_input(node)->schema.names;
    int key_count = node->aggregate.key_count;
    if (key_count) {
        put_list(buf, "groupBy", names, node->aggregate.keys, key_count);
        strbuf_puts(buf, ", ");
    }
    strbuf_puts(buf, "select=[");
    put_columns(buf, names, node->aggregate.keys, key_count);
    for (int i = 0; i < node->aggregate.call_count; i++) {
        if (i || key_count) strbuf_puts(buf, ", ");
        put_call(buf, &node->aggregate.calls[i], names);
        if (node->kind != PNODE_LOCAL_AGGREGATE) strbuf_printf(buf, " AS %s", node->schema.names[key_count + i]);
    }
    strbuf_putc(buf, ']');
    if (node->aggregate.merges) strbuf_puts(buf, ", merges partials");
    if (node->aggregate.retracting) strbuf_puts(buf, ", retracting");
    if (node->kind == PNODE_WINDOW_AGGREGATE)
        strbuf_puts(buf, node->aggregate.proctime ? ", fires by processing time" : ", fires by watermark");
}

static void put_duration(struct strbuf *buf, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    for (int i = 0; i < 5; i++)
        if (ms % units[i].ms == 0) {
            strbuf_printf(buf, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
            return;
        }
}

static void put_window(struct strbuf *buf, const struct pnode *node) {
    static const char *const kinds[] = {"TUMBLE", "HOP", "CUMULATE", "SESSION"};
    const struct window_params *params = &node->window_assign.window;
    strbuf_printf(buf, "window=[%s(%s", kinds[params->kind], node->inputs[0]->schema.names[params->time_column]);
    if (params->kind == WINDOW_HOP || params->kind == WINDOW_CUMULATE) {
        strbuf_puts(buf, params->kind == WINDOW_HOP ? ", slide " : ", step ");
        put_duration(buf, params->slide_ms);
    }
    strbuf_puts(buf, ", size ");
    put_duration(buf, params->size_ms);
    if (params->offset_ms) {
        strbuf_puts(buf, ", offset ");
        put_duration(buf, params->offset_ms);
    }
    strbuf_puts(buf, ")]");
}

static void put_join(struct strbuf *buf, const struct pnode *node) {
    const char *const *left = node->inputs[0]->schema.names;
    strbuf_printf(buf, "type=[%s]", join_type_name(node->join.type));
    if (node->kind == PNODE_LOOKUP_JOIN) {
        strbuf_puts(buf, ", ");
        put_table(buf, node->join.table);
    }
    if (node->join.key_count) strbuf_puts(buf, ", on=[");
    for (int i = 0; i < node->join.key_count; i++) {
        bool safe = node->join.null_safe && node->join.null_safe[i];
        const char *right = node->kind == PNODE_LOOKUP_JOIN ? node->join.table->columns[node->join.right_keys[i]].name
                                                            : node->inputs[1]->schema.names[node->join.right_keys[i]];
        strbuf_printf(buf, "%s%s %s %s", i ? " AND " : "", left[node->join.left_keys[i]],
                      safe ? "IS NOT DISTINCT FROM" : "=", right);
    }
    if (node->join.key_count) strbuf_putc(buf, ']');
    if (node->kind == PNODE_LOOKUP_JOIN) {
        put_condition(buf, "where", node->join.condition, node->schema.names);
        if (node->join.right_filter) {
            struct arena arena;
            arena_init(&arena, NULL);
            const char **names = ARENA_ARRAY(&arena, const char *, node->join.column_count + 1);
            for (int i = 0; i < node->join.column_count; i++)
                names[i] = node->join.table->columns[node->join.columns[i]].name;
            put_condition(buf, "filter", node->join.right_filter, names);
            arena_destroy(&arena);
        }
        if (node->join.lookup.cache_max_rows)
            strbuf_printf(buf, ", cache=[%lld rows]", (long long)node->join.lookup.cache_max_rows);
        if (node->join.lookup.miss_attempts) {
            strbuf_printf(buf, ", missing keys again=[%d times, each after ", node->join.lookup.miss_attempts);
            put_duration(buf, node->join.lookup.miss_delay_ms);
            strbuf_putc(buf, ']');
        }
    } else if (node->join.condition) {
        struct arena arena;
        arena_init(&arena, NULL);
        int left_count = node->inputs[0]->schema.column_count, right_count = node->inputs[1]->schema.column_count;
        const char **names = ARENA_ARRAY(&arena, const char *, left_count + right_count);
        for (int i = 0; i < left_count; i++) names[i] = left[i];
        for (int i = 0; i < right_count; i++) names[left_count + i] = node->inputs[1]->schema.names[i];
        put_condition(buf, "where", node->join.condition, names);
        arena_destroy(&arena);
    }
    if (node->join.null_aware) strbuf_puts(buf, ", null aware");
    if (node->join.single_row) strbuf_puts(buf, ", single row");
    if (node->kind == PNODE_HASH_JOIN) strbuf_puts(buf, ", build=[right]");
}

static void put_sort(struct strbuf *buf, const struct pnode *node) {
    const char *separator = "";
    if (node->sort.key_count) {
        strbuf_puts(buf, "orderBy=[");
        put_order(buf, node->sort.keys, node->sort.key_count, node->schema.names);
        strbuf_putc(buf, ']');
        separator = ", ";
    }
    if (node->sort.rows_offset) {
        strbuf_printf(buf, "%soffset=[%lld]", separator, (long long)node->sort.rows_offset);
        separator = ", ";
    }
    if (node->sort.limit >= 0) strbuf_printf(buf, "%sfetch=[%lld]", separator, (long long)node->sort.limit);
}

static void put_rank(struct strbuf *buf, const struct pnode *node) {
    const char *const *names = node->inputs[0]->schema.names;
    strbuf_printf(buf, "rankRange=[%lld..", (long long)node->rank.rank_from);
    if (node->rank.rank_to != INT64_MAX) strbuf_printf(buf, "%lld", (long long)node->rank.rank_to);
    strbuf_puts(buf, "], ");
    put_list(buf, "partitionBy", names, node->rank.partition, node->rank.partition_count);
    strbuf_puts(buf, ", orderBy=[");
    put_order(buf, node->rank.order, node->rank.order_count, names);
    strbuf_putc(buf, ']');
    if (node->rank.output_rank) strbuf_printf(buf, ", rank AS %s", node->schema.names[node->schema.column_count - 1]);
}

static void put_over(struct strbuf *buf, const struct pnode *node) {
    const struct window_spec *spec = node->over.spec;
    const char *const *names = node->inputs[0]->schema.names;
    put_list(buf, "partitionBy", names, spec->partition, spec->partition_count);
    strbuf_puts(buf, ", orderBy=[");
    put_order(buf, spec->order, spec->order_count, names);
    strbuf_puts(buf, "], calls=[");
    for (int i = 0; i < node->over.call_count; i++) {
        const struct window_call *call = &node->over.calls[i];
        strbuf_printf(buf, "%s%s(", i ? ", " : "", call->function);
        put_columns(buf, names, call->args, call->arg_count);
        strbuf_printf(buf, ") AS %s", call->name);
    }
    strbuf_putc(buf, ']');
}

static void put_sink(struct strbuf *buf, const struct pnode *node) {
    static const char *const policies[] = {"", "ERROR", "NOTHING", "DEDUPLICATE"};
    put_table(buf, node->sink.table);
    if (node->sink.statement != SINK_INSERT)
        strbuf_puts(buf, node->sink.statement == SINK_UPDATE ? ", update" : ", delete");
    strbuf_puts(buf, ", columns=[");
    for (int i = 0; i < node->sink.column_count; i++)
        strbuf_printf(buf, "%s%s", i ? ", " : "", node->sink.table->columns[node->sink.columns[i]].name);
    strbuf_putc(buf, ']');
    if (node->sink.accepts == CHANGES_UPSERT) {
        strbuf_puts(buf, ", ");
        put_list(buf, "upsertKey", node->schema.names, node->sink.key, node->sink.key_count);
    }
    if (node->sink.conflict != CONFLICT_NONE) strbuf_printf(buf, ", onConflict=[%s]", policies[node->sink.conflict]);
    if (node->sink.overwrite) strbuf_puts(buf, ", overwrite");
}

static void put_watermark(struct strbuf *buf, const struct pnode *node) {
    strbuf_printf(buf, "rowtime=[%s], watermark=[", node->schema.names[node->watermark.column]);
    expr_print(buf, node->watermark.expr, node->inputs[0]->schema.names);
    strbuf_putc(buf, ']');
    if (node->watermark.idle_timeout_ms) {
        strbuf_puts(buf, ", idleTimeout=[");
        put_duration(buf, node->watermark.idle_timeout_ms);
        strbuf_putc(buf, ']');
    }
}

static void put_exchange(struct strbuf *buf, const struct pnode *node) {
    strbuf_puts(buf, "distribution=[");
    if (node->exchange.distribution == DISTRIBUTION_HASH) {
        strbuf_puts(buf, "hash[");
        put_columns(buf, node->schema.names, node->exchange.keys, node->exchange.key_count);
        strbuf_putc(buf, ']');
    } else {
        strbuf_puts(buf, "single");
    }
    strbuf_putc(buf, ']');
}

void plan_print_node(struct strbuf *buf, const struct pnode *node) {
    strbuf_printf(buf, "%s(", pnode_kind_name(node->kind));
    switch (node->kind) {
    case PNODE_SCAN: put_scan(buf, node); break;
    case PNODE_VALUES: put_values(buf, node); break;
    case PNODE_CALC: put_calc(buf, node); break;
    case PNODE_WATERMARK: put_watermark(buf, node); break;
    case PNODE_EXCHANGE: put_exchange(buf, node); break;
    case PNODE_LOCAL_AGGREGATE:
    case PNODE_AGGREGATE:
    case PNODE_WINDOW_AGGREGATE: put_aggregate(buf, node); break;
    case PNODE_WINDOW_ASSIGN: put_window(buf, node); break;
    case PNODE_HASH_JOIN:
    case PNODE_STREAM_JOIN:
    case PNODE_LOOKUP_JOIN: put_join(buf, node); break;
    case PNODE_SORT:
    case PNODE_TOP_N:
    case PNODE_LIMIT: put_sort(buf, node); break;
    case PNODE_RANK: put_rank(buf, node); break;
    case PNODE_OVER: put_over(buf, node); break;
    case PNODE_SINK: put_sink(buf, node); break;
    case PNODE_UNNEST:
        for (int i = 0; i < node->unnest.column_count; i++)
            strbuf_printf(buf, "%s%s", i ? ", " : "", node->inputs[0]->schema.names[node->unnest.columns[i]]);
        strbuf_printf(buf, "%s%s", node->unnest.outer ? ", outer" : "",
                      node->unnest.ordinality ? ", with ordinality" : "");
        break;
    case PNODE_UNION:
    case PNODE_COLLECT:
        for (int i = 0; i < node->schema.column_count; i++)
            strbuf_printf(buf, "%s%s", i ? ", " : "", node->schema.names[i]);
        break;
    case PNODE_KIND_COUNT: break;
    }
    strbuf_putc(buf, ')');
}

/* ---- the tree ---- */

struct tree_printer {
    struct strbuf *buf;
    bool *seen; /* by node id */
    bool costs;
    bool (*metrics)(void *data, int node_id, struct plan_node_metrics *out);
    void *data;
};

static void put_changes(struct strbuf *buf, const struct pnode *node) {
    if (node->edge.changes == CHANGES_APPEND) {
        strbuf_puts(buf, ", changelogMode=[I]");
        return;
    }
    strbuf_puts(buf, ", changelogMode=[I");
    if (node->edge.updates) strbuf_puts(buf, node->edge.changes == CHANGES_UPSERT ? ",UA" : ",UB,UA");
    if (node->edge.deletes) strbuf_puts(buf, ",D");
    strbuf_putc(buf, ']');
}

static void put_side_ttl(struct strbuf *buf, const char *side, int64_t ttl_ms) {
    strbuf_puts(buf, side);
    if (ttl_ms)
        put_duration(buf, ttl_ms);
    else
        strbuf_puts(buf, "for ever");
}

/* Not in plan_print_node: a checkpoint does not depend on it. */
static void put_ttl(struct strbuf *buf, const struct pnode *node) {
    if (!node->ttl_ms[0] && !node->ttl_ms[1]) return;
    strbuf_puts(buf, ", stateTtl=[");
    bool is_join = node->kind == PNODE_STREAM_JOIN;
    put_side_ttl(buf, is_join ? "left " : "", node->ttl_ms[0]);
    if (is_join) put_side_ttl(buf, ", right ", node->ttl_ms[1]);
    strbuf_putc(buf, ']');
}

static void put_edge(struct strbuf *buf, const struct pnode *node) {
    if (node->kind == PNODE_SINK) return;
    put_changes(buf, node);
    if (node->edge.key_count && node->kind != PNODE_EXCHANGE) {
        strbuf_puts(buf, ", ");
        put_list(buf, "key", node->schema.names, node->edge.key, node->edge.key_count);
    }
    if (node->edge.rowtime_column >= 0 && node->kind == PNODE_WATERMARK)
        strbuf_printf(buf, ", rowtime=[%s]", node->schema.names[node->edge.rowtime_column]);
    if (node->edge.ordered) strbuf_puts(buf, ", ordered");
    put_ttl(buf, node);
    if (node->row_estimate >= 0) strbuf_printf(buf, ", rows=%.0f", node->row_estimate);
}

static void put_metrics(const struct tree_printer *printer, const struct pnode *node) {
    struct plan_node_metrics metrics;
    if (!printer->metrics || !printer->metrics(printer->data, node->id, &metrics)) return;
    strbuf_printf(printer->buf, " (in %lld, out %lld, %.3f ms", (long long)metrics.rows_in, (long long)metrics.rows_out,
                  (double)metrics.nanos / 1e6);
    if (metrics.late_rows) strbuf_printf(printer->buf, ", late %lld", (long long)metrics.late_rows);
    if (metrics.read_bytes) strbuf_printf(printer->buf, ", read %lld bytes", (long long)metrics.read_bytes);
    if (metrics.state_bytes) strbuf_printf(printer->buf, ", state %lld bytes", (long long)metrics.state_bytes);
    if (metrics.spilled_bytes) strbuf_printf(printer->buf, ", spilled %lld bytes", (long long)metrics.spilled_bytes);
    strbuf_putc(printer->buf, ')');
}

/* Bytes of a row as the engine keeps it; texts and what is nested are a guess. */
static double row_bytes(const struct schema *schema) {
    enum { GUESSED_BYTES = 24 };
    double bytes = 0;
    for (int i = 0; i < schema->column_count; i++) {
        enum phys phys = type_phys(schema->types[i]);
        bytes += phys == PHYS_STR || phys == PHYS_LIST || phys == PHYS_ROW ? GUESSED_BYTES : phys_size(phys);
    }
    return bytes;
}

static void put_cost(struct strbuf *buf, const struct pnode *node) {
    if (node->row_estimate >= 0)
        strbuf_printf(buf, ", cost=[%.0f rows, %.0f bytes]", node->row_estimate,
                      node->row_estimate * row_bytes(&node->schema));
    else
        strbuf_puts(buf, ", cost=[unknown]");
}

static void put_tree(const struct tree_printer *printer, const struct pnode *node, const char *lead, const char *rest) {
    struct strbuf *buf = printer->buf;
    strbuf_puts(buf, lead);
    bool shared = node->user_count > 1;
    if (shared && printer->seen[node->id]) {
        strbuf_printf(buf, "see node %d\n", node->id);
        return;
    }
    printer->seen[node->id] = true;
    if (shared) strbuf_printf(buf, "node %d: ", node->id);
    plan_print_node(buf, node);
    put_edge(buf, node);
    if (node->note) strbuf_printf(buf, ", note=[%s]", node->note);
    if (printer->costs) put_cost(buf, node);
    put_metrics(printer, node);
    strbuf_putc(buf, '\n');
    for (int i = 0; i < node->input_count; i++) {
        bool last = i + 1 == node->input_count;
        struct strbuf own_lead = {0}, own_rest = {0};
        strbuf_printf(&own_lead, "%s%s", rest, "+- ");
        strbuf_printf(&own_rest, "%s%s", rest, last ? "   " : "|  ");
        put_tree(printer, node->inputs[i], own_lead.data, own_rest.data);
        strbuf_free(&own_lead);
        strbuf_free(&own_rest);
    }
}

static void put_plan(struct strbuf *buf, const struct plan *plan, bool costs,
                     bool (*metrics)(void *data, int node_id, struct plan_node_metrics *out), void *data) {
    struct tree_printer printer = {.buf = buf, .costs = costs, .metrics = metrics, .data = data};
    printer.seen = xcalloc((size_t)plan->node_count + 1, sizeof *printer.seen);
    for (int i = 0; i < plan->root_count; i++) {
        if (i) strbuf_putc(buf, '\n');
        put_tree(&printer, plan->roots[i], "", "");
    }
    free(printer.seen);
}

static void put_rels(struct strbuf *buf, const char *title, struct rel *const *rels, int count) {
    strbuf_printf(buf, "== %s ==\n", title);
    for (int i = 0; i < count; i++) {
        if (i) strbuf_putc(buf, '\n');
        rel_print(buf, rels[i]);
    }
    strbuf_putc(buf, '\n');
}

void plan_explain(struct strbuf *buf, int root_count, struct rel *const *logical, struct rel *const *optimized,
                  const struct plan *plan) {
    if (logical) put_rels(buf, "Logical Plan", logical, root_count);
    if (optimized) put_rels(buf, "Optimized Logical Plan", optimized, root_count);
    if (!plan) return;
    strbuf_printf(buf, "== Physical Plan (%s) ==\n", plan->streaming ? "streaming" : "batch");
    put_plan(buf, plan, false, NULL, NULL);
}

void plan_explain_costs(struct strbuf *buf, const struct plan *plan) {
    strbuf_printf(buf, "== Physical Plan (%s), with estimated costs ==\n", plan->streaming ? "streaming" : "batch");
    put_plan(buf, plan, true, NULL, NULL);
}

void plan_explain_analyze(struct strbuf *buf, const struct plan *plan,
                          bool (*metrics)(void *data, int node_id, struct plan_node_metrics *out), void *data) {
    strbuf_printf(buf, "== Physical Plan (%s), with figures ==\n", plan->streaming ? "streaming" : "batch");
    put_plan(buf, plan, false, metrics, data);
}
