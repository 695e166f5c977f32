/* EXPLAIN JSON_EXECUTION_PLAN: the physical plan as one JSON document, a node per line. */
#include <stdio.h>
#include <stdlib.h>

#include "plan/plan_private.h"

void plan_put_json_string(struct strbuf *buf, struct str text) {
    strbuf_putc(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        switch (c) {
        case '"': strbuf_puts(buf, "\\\""); break;
        case '\\': strbuf_puts(buf, "\\\\"); break;
        case '\n': strbuf_puts(buf, "\\n"); break;
        case '\r': strbuf_puts(buf, "\\r"); break;
        case '\t': strbuf_puts(buf, "\\t"); break;
        default:
            if (c < 0x20 || c == 0x7F)
                strbuf_printf(buf, "\\u%04x", c);
            else
                strbuf_putc(buf, (char)c);
        }
    }
    strbuf_putc(buf, '"');
}

static void put_string(struct strbuf *buf, const char *text) { plan_put_json_string(buf, str_from(text)); }

static void put_names(struct strbuf *buf, const char *const *names, const int *columns, int count) {
    strbuf_putc(buf, '[');
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(buf, ", ");
        put_string(buf, names[columns[i]]);
    }
    strbuf_putc(buf, ']');
}

/* ---- Parameters: the text between the parentheses of a node's line ---- */

/* Where the part that begins at p ends: at ", " outside of brackets and texts. */
static const char *part_end(const char *p, const char *end) {
    int depth = 0;
    char quote = 0;
    for (; p < end; p++) {
        if (quote) {
            if (*p == quote) quote = 0;
        } else if (*p == '\'' || *p == '`') {
            quote = *p;
        } else if (*p == '[' || *p == '(' || *p == '{') {
            depth++;
        } else if (*p == ']' || *p == ')' || *p == '}') {
            depth--;
        } else if (*p == ',' && depth <= 0) {
            break;
        }
    }
    return p;
}

/* key=[value]; false: a word that says something alone. */
static bool split_part(struct str part, struct str *key, struct str *value) {
    size_t len = 0;
    while (len < part.len && ((part.data[len] | 0x20) >= 'a' && (part.data[len] | 0x20) <= 'z')) len++;
    if (len == 0 || len + 1 >= part.len || part.data[len] != '=' || part.data[len + 1] != '[') return false;
    *key = (struct str){part.data, len};
    size_t from = len + 2, to = part.len - (part.data[part.len - 1] == ']');
    *value = (struct str){part.data + from, to > from ? to - from : 0};
    return true;
}

static void put_parameters(struct strbuf *buf, const struct pnode *node, struct str text) {
    const char *p = text.data, *end = text.data + text.len;
    struct strbuf flags = {0};
    bool any = false;
    strbuf_putc(buf, '{');
    while (p < end) {
        const char *stop = part_end(p, end);
        struct str part = {p, (size_t)(stop - p)}, key, value;
        /* Column names stand alone here. */
        bool lists_columns = node->kind == PNODE_UNION || node->kind == PNODE_COLLECT;
        if (!lists_columns && split_part(part, &key, &value)) {
            if (any) strbuf_puts(buf, ", ");
            plan_put_json_string(buf, key);
            strbuf_puts(buf, ": ");
            plan_put_json_string(buf, value);
            any = true;
        } else if (!lists_columns && part.len) {
            if (flags.len) strbuf_puts(&flags, ", ");
            plan_put_json_string(&flags, part);
        }
        p = stop < end ? stop + 1 : end;
        while (p < end && *p == ' ') p++;
    }
    if (flags.len) strbuf_printf(buf, "%s\"flags\": [%s]", any ? ", " : "", flags.data);
    strbuf_putc(buf, '}');
    strbuf_free(&flags);
}

/* ---- Nodes ---- */

/* Instances that run side by side. */
static void find_parallelism(const struct plan *plan, int workers, int *out) {
    for (int i = 0; i < plan->node_count; i++) {
        const struct pnode *node = plan->nodes[i];
        int most = 1;
        for (int k = 0; k < node->input_count; k++)
            if (out[node->inputs[k]->id] > most) most = out[node->inputs[k]->id];
        switch (node->kind) {
        case PNODE_SCAN: out[i] = workers; break;
        case PNODE_EXCHANGE: out[i] = node->exchange.distribution == DISTRIBUTION_HASH ? workers : 1; break;
        case PNODE_SINK:
        case PNODE_COLLECT: out[i] = 1; break; /* a thread of its own */
        default: out[i] = most;
        }
    }
}

static void put_changes(struct strbuf *buf, const struct pnode *node) {
    const struct pnode *of = node->kind == PNODE_SINK ? node->inputs[0] : node;
    strbuf_puts(buf, "[\"I\"");
    if (of->edge.changes != CHANGES_APPEND) {
        if (of->edge.updates) strbuf_puts(buf, of->edge.changes == CHANGES_UPSERT ? ", \"UA\"" : ", \"UB\", \"UA\"");
        if (of->edge.deletes) strbuf_puts(buf, ", \"D\"");
    }
    strbuf_putc(buf, ']');
}

static void put_inputs(struct strbuf *buf, const struct pnode *node) {
    strbuf_putc(buf, '[');
    for (int i = 0; i < node->input_count; i++) {
        const struct pnode *input = node->inputs[i];
        const char *ships = input->kind != PNODE_EXCHANGE                       ? "FORWARD"
                            : input->exchange.distribution == DISTRIBUTION_HASH ? "HASH"
                                                                                : "GLOBAL";
        strbuf_printf(buf, "%s{\"id\": %d, \"ship_strategy\": \"%s\"}", i ? ", " : "", input->id, ships);
    }
    strbuf_putc(buf, ']');
}

static void put_columns(struct strbuf *buf, const struct schema *schema) {
    struct arena arena;
    arena_init(&arena, NULL);
    strbuf_putc(buf, '[');
    for (int i = 0; i < schema->column_count; i++) {
        strbuf_puts(buf, i ? ", {\"name\": " : "{\"name\": ");
        put_string(buf, schema->names[i]);
        strbuf_puts(buf, ", \"type\": ");
        put_string(buf, type_to_string(&arena, schema->types[i]));
        strbuf_putc(buf, '}');
    }
    strbuf_putc(buf, ']');
    arena_destroy(&arena);
}

static void put_estimate(struct strbuf *buf, const char *key, double value) {
    if (value >= 0)
        strbuf_printf(buf, "\"%s\": %.0f", key, value);
    else
        strbuf_printf(buf, "\"%s\": null", key);
}

static void put_node(struct strbuf *buf, const struct pnode *node, int parallelism) {
    struct strbuf line = {0};
    plan_print_node(&line, node);
    const char *name = pnode_kind_name(node->kind);
    size_t head = strlen(name) + 1; /* "Name(" … ")" */
    strbuf_printf(buf, "{\"id\": %d, \"operator\": \"%s\", \"contents\": ", node->id, name);
    plan_put_json_string(buf, strbuf_str(&line));
    strbuf_puts(buf, ", \"parameters\": ");
    put_parameters(buf, node, (struct str){line.data + head, line.len - head - 1});
    strbuf_printf(buf, ", \"parallelism\": %d, \"inputs\": ", parallelism);
    put_inputs(buf, node);
    strbuf_puts(buf, ", \"changelogMode\": ");
    put_changes(buf, node);
    strbuf_puts(buf, ", \"key\": ");
    put_names(buf, node->schema.names, node->edge.key, node->kind == PNODE_SINK ? 0 : node->edge.key_count);
    strbuf_puts(buf, ", \"columns\": ");
    put_columns(buf, &node->schema);
    strbuf_puts(buf, ", \"estimate\": {");
    put_estimate(buf, "rows", node->row_estimate);
    strbuf_puts(buf, ", ");
    put_estimate(buf, "distinct", node->distinct_estimate);
    strbuf_putc(buf, '}');
    if (node->ttl_ms[0] || node->ttl_ms[1])
        strbuf_printf(buf, ", \"stateTtlMs\": [%lld, %lld]", (long long)node->ttl_ms[0], (long long)node->ttl_ms[1]);
    if (node->note) {
        strbuf_puts(buf, ", \"note\": ");
        put_string(buf, node->note);
    }
    strbuf_putc(buf, '}');
    strbuf_free(&line);
}

void plan_explain_json(struct strbuf *buf, const struct plan *plan, int workers) {
    int *parallelism = xcalloc((size_t)plan->node_count + 1, sizeof *parallelism);
    find_parallelism(plan, workers, parallelism);
    strbuf_printf(buf, "{\n  \"mode\": \"%s\",\n  \"roots\": [", plan->streaming ? "streaming" : "batch");
    for (int i = 0; i < plan->root_count; i++) strbuf_printf(buf, "%s%d", i ? ", " : "", plan->roots[i]->id);
    strbuf_puts(buf, "],\n  \"nodes\": [");
    for (int i = 0; i < plan->node_count; i++) {
        strbuf_puts(buf, i ? ",\n    " : "\n    ");
        put_node(buf, plan->nodes[i], parallelism[i]);
    }
    strbuf_puts(buf, "\n  ]\n}\n");
    free(parallelism);
}
