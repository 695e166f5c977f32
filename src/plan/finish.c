/* From linked nodes to a plan: numbers, users, and the check that the executor's stages do not wait for each other. */
#include <stdlib.h>

#include "plan/plan_private.h"

struct collector {
    struct planner *p;
    struct pnode **nodes;
    int count, capacity;
};

/* Inputs before users; a node met before has its number. */
static void collect(struct collector *collector, struct pnode *node) {
    if (node->user_count++ > 0) return;
    for (int i = 0; i < node->input_count; i++) collect(collector, node->inputs[i]);
    if (collector->count == collector->capacity) {
        int capacity = collector->capacity ? collector->capacity * 2 : 64;
        struct pnode **nodes = ARENA_ARRAY(collector->p->arena, struct pnode *, capacity);
        if (collector->count) memcpy(nodes, collector->nodes, sizeof *nodes * (size_t)collector->count);
        collector->nodes = nodes;
        collector->capacity = capacity;
    }
    node->edge.single_row = planned_of(node)->single_row;
    node->id = collector->count;
    collector->nodes[collector->count++] = node;
}

/* ---- stages ---- */

/* The executor's cut (exec/graph.c): a stage per source, per reader of exchanges, and per shared build; a node
 * without an exchange in front runs in the stages of its inputs. Stage a waits for b when it reads what b writes or
 * probes what b builds. */
struct stages {
    int count;
    bool *waits; /* [a * capacity + b] */
    int capacity;
    bool **in; /* in[node][stage] */
};

static bool is_shared_join(const struct pnode *node) {
    return node->kind == PNODE_HASH_JOIN && node->inputs[0]->kind != PNODE_EXCHANGE;
}

static void wait_for_writers(struct stages *stages, int stage, const struct pnode *exchange) {
    for (int w = 0; w < stages->count; w++)
        if (stages->in[exchange->id][w]) stages->waits[stage * stages->capacity + w] = true;
}

static void place(struct stages *stages, const struct pnode *node) {
    bool *in = stages->in[node->id];
    if (is_shared_join(node)) {
        int build = stages->count++;
        wait_for_writers(stages, build, node->inputs[1]);
        for (int s = 0; s < build; s++) {
            in[s] = stages->in[node->inputs[0]->id][s];
            if (in[s]) stages->waits[s * stages->capacity + build] = true;
        }
        return;
    }
    int own = -1;
    if (node->input_count == 0) own = stages->count++;
    for (int i = 0; i < node->input_count; i++) {
        const struct pnode *input = node->inputs[i];
        if (input->kind == PNODE_EXCHANGE) {
            if (own < 0) own = stages->count++;
            wait_for_writers(stages, own, input);
        } else {
            for (int s = 0; s < stages->count; s++) in[s] |= stages->in[input->id][s];
        }
    }
    if (own >= 0) in[own] = true;
}

static bool has_cycle(const struct stages *stages) {
    bool *done = xcalloc((size_t)stages->count + 1, sizeof *done);
    int finished = 0;
    for (bool progress = true; progress;) {
        progress = false;
        for (int s = 0; s < stages->count; s++) {
            bool ready = !done[s];
            for (int w = 0; w < stages->count && ready; w++)
                if (w != s && stages->waits[s * stages->capacity + w] && !done[w]) ready = false;
            if (stages->waits[s * stages->capacity + s]) ready = false;
            if (!ready) continue;
            done[s] = progress = true;
            finished++;
        }
    }
    free(done);
    return finished < stages->count;
}

enum { MAX_CHECKED_CELLS = 1 << 24 }; /* nodes times stages: what the check may need of memory */

/* As many as place() makes. */
static int count_stages(const struct plan *plan) {
    int count = 0;
    for (int i = 0; i < plan->node_count; i++) {
        const struct pnode *node = plan->nodes[i];
        bool own = node->input_count == 0 || is_shared_join(node);
        for (int k = 0; k < node->input_count; k++) own |= node->inputs[k]->kind == PNODE_EXCHANGE;
        count += own;
    }
    return count;
}

static bool stages_can_run(const struct plan *plan) {
    struct stages stages = {.capacity = count_stages(plan) + 1};
    size_t capacity = (size_t)stages.capacity;
    if (capacity * (size_t)plan->node_count > MAX_CHECKED_CELLS) return false;
    stages.waits = xcalloc(capacity * capacity, sizeof *stages.waits);
    stages.in = xcalloc((size_t)plan->node_count + 1, sizeof *stages.in);
    for (int i = 0; i < plan->node_count; i++) {
        stages.in[i] = xcalloc(capacity, sizeof **stages.in);
        place(&stages, plan->nodes[i]);
    }
    bool ok = !has_cycle(&stages);
    for (int i = 0; i < plan->node_count; i++) free(stages.in[i]);
    free(stages.in);
    free(stages.waits);
    return ok;
}

/* ---- buffers ---- */

enum { BUFFER_KEYS = 4 };

/* An exchange that deals rows as they are dealt already; where that is by chance, by values, so that all workers get some. */
static struct planned *buffer_of(struct planner *p, struct planned *node) {
    if (node->distribution != DISTRIBUTION_ANY)
        return plani_exchange(p, node, node->hash, node->distribution == DISTRIBUTION_HASH ? node->hash_count : 0);
    const struct edge *edge = &node->node.edge;
    if (edge->key_count) return plani_exchange(p, node, edge->key, edge->key_count);
    int keys[BUFFER_KEYS], count = 0;
    for (int i = 0; i < node->node.schema.column_count && count < BUFFER_KEYS; i++) {
        enum type_id id = node->node.schema.types[i]->id;
        if (id != TYPE_NULL && id != TYPE_MAP && id != TYPE_MULTISET) keys[count++] = i;
    }
    return plani_exchange(p, node, keys, count);
}

/* Whoever reads a shared node without an exchange runs in its stage, and so all its users wait for what one of them waits for. Behind
 * an exchange each has a stage of its own, and stages wait for each other only along the plan, which has no cycle. A CALC
 * opens the stage: an exchange right in front of a join or aggregate would mean something else. */
static void buffer_shared(struct planner *p, const struct collector *collector) {
    for (int i = 0; i < collector->count; i++) {
        struct pnode *node = collector->nodes[i];
        if (node->user_count < 2 || node->kind == PNODE_EXCHANGE) continue;
        struct planned *buffer = NULL;
        for (int u = i + 1; u < collector->count; u++) {
            struct pnode *user = collector->nodes[u];
            for (int k = 0; user->kind != PNODE_EXCHANGE && k < user->input_count; k++) {
                if (user->inputs[k] != node) continue;
                if (!buffer) buffer = buffer_of(p, planned_of(node));
                struct planned *reader = plani_node(p, PNODE_CALC, &node->schema, 1, &buffer);
                reader->node.edge = buffer->node.edge = node->edge;
                reader->node.row_estimate = node->row_estimate;
                reader->single_row = planned_of(node)->single_row;
                reader->node.calc.exprs = ARENA_ARRAY(p->arena, struct expr *, node->schema.column_count + 1);
                for (int c = 0; c < node->schema.column_count; c++)
                    reader->node.calc.exprs[c] = plani_column(p, &node->schema, c);
                user->inputs[k] = &reader->node;
            }
        }
    }
    for (int i = 0; i < collector->count; i++) collector->nodes[i]->user_count = 0;
}

static bool has_shared_nodes(const struct plan *plan) {
    for (int i = 0; i < plan->node_count; i++)
        if (plan->nodes[i]->user_count > 1) return true;
    return false;
}

enum status plani_finish(struct planner *p, struct planned *const *roots, int root_count, struct plan **out,
                         struct error *err) {
    struct collector collector = {.p = p};
    *out = NULL;
    for (int i = 0; i < root_count; i++) collect(&collector, &roots[i]->node);
    if (p->sharing == SHARE_BUFFERED) {
        for (int i = 0; i < root_count; i++) roots[i]->node.user_count = 1;
        buffer_shared(p, &collector);
        collector.count = 0;
        for (int i = 0; i < root_count; i++) collect(&collector, &roots[i]->node);
    }
    for (int i = 0; i < root_count; i++) roots[i]->node.user_count = 0; /* nobody reads a root */
    if (collector.count > PLAN_MAX_NODES) {
        error_set(err, STATUS_LIMIT_EXCEEDED, "the plan has %d operators, more than %d", collector.count,
                  PLAN_MAX_NODES);
        error_hint(err, "run parts of the query first, each into a table of its own");
        return STATUS_LIMIT_EXCEEDED;
    }
    struct plan *plan = ARENA_NEW(p->arena, struct plan);
    plan->streaming = p->options->streaming;
    plan->node_count = collector.count;
    plan->nodes = collector.nodes;
    plan->root_count = root_count;
    plan->roots = ARENA_ARRAY(p->arena, struct pnode *, root_count + 1);
    for (int i = 0; i < root_count; i++) plan->roots[i] = &roots[i]->node;
    if (plan->streaming || !has_shared_nodes(plan) || stages_can_run(plan)) *out = plan;
    return STATUS_OK;
}
