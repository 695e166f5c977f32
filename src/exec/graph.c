/* From the physical plan to stages of operator instances.
 *
 * Nodes are visited inputs first. A SCAN or VALUES opens a source stage; a node whose input is an EXCHANGE opens an exchange stage (or
 * joins the one that its other exchanged inputs opened); any other node joins the stages of its inputs, once per stage
 * (a UNION of two scans runs in both, with instances of its own in each, up to the next exchange or sink). */
#include <stdlib.h>

#include "exec/exec_private.h"

/* Where a node's output appears: an op in a stage. */
struct placement {
    struct stage *stage;
    struct op *op;
};

struct node_places {
    int count, capacity;
    struct placement *places;
    struct exchange *exchange; /* of EXCHANGE nodes */
};

struct builder {
    struct executor *executor;
    struct node_places *nodes; /* by node id */
    size_t stage_capacity, exchange_capacity, scan_capacity, op_capacity;
};

/* Of one node, for its figures. */
static struct spill *make_spill(struct executor *executor) {
    struct spill *spill = ARENA_NEW(executor->query_arena, struct spill);
    spill->directory = executor->spill.directory;
    spill->whole = &executor->spill;
    return spill;
}

static struct op *make_op(struct builder *builder, struct stage *stage, const struct op_class *class,
                          const struct pnode *node) {
    struct executor *executor = builder->executor;
    struct arena *arena = executor->query_arena;
    struct op *op = ARENA_NEW(arena, struct op);
    op->class = class;
    op->node = node;
    op->query_arena = arena;
    op->account = executor->options.account;
    op->spill = make_spill(executor);
    op->instance_count = stage->instance_count;
    op->instances = ARENA_ARRAY(arena, struct op_instance *, op->instance_count);
    for (int i = 0; i < op->instance_count; i++) {
        struct op_instance *inst = ARENA_NEW(arena, struct op_instance);
        inst->op = op;
        inst->index = i;
        inst->partition_count = stage->is_source ? 1 : stage->instance_count;
        inst->step_arena = ARENA_NEW(arena, struct arena);
        arena_init(inst->step_arena, op->account);
        inst->instance_arena = ARENA_NEW(arena, struct arena);
        arena_init(inst->instance_arena, op->account);
        if (!stage->is_source) inst->state = state_create(op->account);
        inst->watermark_out = WATERMARK_NONE;
        for (int port = 0; port < OP_MAX_PORTS; port++) inst->watermarks[port] = WATERMARK_MAX;
        op->instances[i] = inst;
    }
    ARRAY_RESERVE(executor->ops, builder->op_capacity, executor->op_count + 1);
    executor->ops[executor->op_count++] = op;
    return op;
}

static struct stage *make_stage(struct builder *builder, bool is_source, int instance_count) {
    struct executor *executor = builder->executor;
    struct stage *stage = ARENA_NEW(executor->query_arena, struct stage);
    stage->executor = executor;
    stage->is_source = is_source;
    stage->scan_index = -1;
    stage->instance_count = instance_count;
    int workers = pool_workers(executor->options.pool);
    stage->morsel_arenas = ARENA_ARRAY(executor->query_arena, struct arena, workers);
    for (int i = 0; i < workers; i++) arena_init(&stage->morsel_arenas[i], executor->options.account);
    /* Bounded by the number of nodes. */
    stage->inputs = ARENA_ARRAY(executor->query_arena, struct stage_input, OP_MAX_PORTS);
    stage->ops = ARENA_ARRAY(executor->query_arena, struct op *, executor->plan->node_count * 2);
    stage->dependencies = ARENA_ARRAY(executor->query_arena, int, executor->plan->node_count * 2);
    ARRAY_RESERVE(executor->stages, builder->stage_capacity, executor->stage_count + 1);
    stage->index = executor->stage_count;
    executor->stages[executor->stage_count++] = stage;
    return stage;
}

static void place(struct builder *builder, const struct pnode *node, struct stage *stage, struct op *op) {
    struct node_places *places = &builder->nodes[node->id];
    size_t capacity = (size_t)places->capacity;
    ARRAY_RESERVE(places->places, capacity, places->count + 1);
    places->capacity = (int)capacity;
    places->places[places->count++] = (struct placement){stage, op};
}

static void connect(struct builder *builder, struct op *from, struct op *to, int port) {
    struct arena *arena = builder->executor->query_arena;
    for (int i = 0; i < from->instance_count; i++) {
        struct op_instance *inst = from->instances[i], *target = to->instances[i];
        struct op_output *outputs = ARENA_ARRAY(arena, struct op_output, inst->output_count + 1);
        if (inst->output_count) memcpy(outputs, inst->outputs, (size_t)inst->output_count * sizeof *outputs);
        outputs[inst->output_count++] = (struct op_output){target, port};
        inst->outputs = outputs;
        if (target->port_count <= port) target->port_count = port + 1;
        target->watermarks[port] = WATERMARK_NONE;
    }
}

static void depend(struct stage *stage, int on) {
    for (int i = 0; i < stage->dependency_count; i++)
        if (stage->dependencies[i] == on) return;
    if (on != stage->index) stage->dependencies[stage->dependency_count++] = on;
}

static enum status add_source(struct builder *builder, const struct pnode *node) {
    struct executor *executor = builder->executor;
    int instances = node->kind == PNODE_VALUES ? 1 : pool_workers(executor->options.pool);
    struct stage *stage = make_stage(builder, true, instances);
    struct op *op = make_op(builder, stage, &exec_scan_class, node);
    stage->inputs[stage->input_count++] = (struct stage_input){op, NULL, 0};
    if (node->kind == PNODE_SCAN) {
        stage->scan_index = executor->scan_count;
        ARRAY_RESERVE(executor->scans, builder->scan_capacity, executor->scan_count + 1);
        executor->scans[executor->scan_count++] = node;
    }
    place(builder, node, stage, op);
    return STATUS_OK;
}

static enum status add_exchange(struct builder *builder, const struct pnode *node) {
    struct executor *executor = builder->executor;
    struct exchange *exchange = ARENA_NEW(executor->query_arena, struct exchange);
    exchange->node = node;
    exchange->partition_count = node->exchange.distribution == DISTRIBUTION_HASH && node->exchange.key_count > 0
                                    ? executor->partition_count
                                    : 1;
    exchange->spill = make_spill(executor);
    row_layout_init(&exchange->layout, executor->query_arena, node->schema.column_count, node->schema.types);
    ARRAY_RESERVE(executor->exchanges, builder->exchange_capacity, executor->exchange_count + 1);
    executor->exchanges[executor->exchange_count++] = exchange;
    builder->nodes[node->id].exchange = exchange;
    struct node_places *input = &builder->nodes[node->inputs[0]->id];
    for (int i = 0; i < input->count; i++) {
        struct stage *stage = input->places[i].stage;
        struct op *op = make_op(builder, stage, &exec_exchange_write_class, node);
        op->executor = exchange;
        op->spill = exchange->spill;
        stage->ops[stage->op_count++] = op;
        connect(builder, input->places[i].op, op, 0);
        for (int k = 0; k < op->instance_count; k++)
            exchange_add_lane(exchange, op->instances[k], exchange->writer_count, !stage->is_source || k == 0,
                              executor->options.account);
        exchange->writer_count++;
        place(builder, node, stage, op);
    }
    return STATUS_OK;
}

/* The stage reads the exchange; its rows go to port `port` of op. A reader per port, even when two ports read the same exchange (a
 * self join): all rows of one port come before those of the next. */
static void read_exchange(struct builder *builder, struct stage *stage, const struct pnode *exchange_node,
                          struct op *op, int port) {
    struct node_places *input = &builder->nodes[exchange_node->id];
    struct op *reader = make_op(builder, stage, &exec_exchange_read_class, exchange_node);
    reader->executor = input->exchange;
    stage->inputs[stage->input_count++] = (struct stage_input){reader, input->exchange, port};
    input->exchange->reader_count++;
    for (int i = 0; i < input->count; i++) depend(stage, input->places[i].stage->index);
    connect(builder, reader, op, port);
}

static struct stage *exchange_stage(struct builder *builder, const struct pnode *exchange_node) {
    return make_stage(builder, false, builder->nodes[exchange_node->id].exchange->partition_count);
}

static enum status find_class(const struct pnode *node, const struct op_class **class, struct error *err) {
    *class = node->kind == PNODE_SINK || node->kind == PNODE_COLLECT ? &exec_sink_class
             : node->kind == PNODE_LOOKUP_JOIN                       ? &exec_lookup_class
                                                                     : op_class_find(node->kind);
    if (!*class)
        return error_set(err, STATUS_NOT_SUPPORTED, "the operator %s is not supported", pnode_kind_name(node->kind));
    return STATUS_OK;
}

/* HASH_JOIN whose probe side is not exchanged: the build half in a stage of its own, the probe half in the probe's. */
static enum status add_shared_join(struct builder *builder, const struct pnode *node, struct error *err) {
    const struct pnode *build_input = node->inputs[1];
    struct stage *build_stage = exchange_stage(builder, build_input);
    struct op *build = make_op(builder, build_stage, &op_hash_join_build_class, node);
    build_stage->ops[build_stage->op_count++] = build;
    read_exchange(builder, build_stage, build_input, build, 0);
    const struct op_class *class;
    TRY(find_class(node, &class, err));
    struct node_places *probe = &builder->nodes[node->inputs[0]->id];
    for (int i = 0; i < probe->count; i++) {
        struct stage *stage = probe->places[i].stage;
        struct op *op = make_op(builder, stage, class, node);
        op->build = build;
        stage->ops[stage->op_count++] = op;
        depend(stage, build_stage->index);
        connect(builder, probe->places[i].op, op, 0);
        place(builder, node, stage, op);
    }
    return STATUS_OK;
}

static enum status add_operator(struct builder *builder, const struct pnode *node, struct error *err) {
    if (node->kind == PNODE_HASH_JOIN && node->inputs[0]->kind != PNODE_EXCHANGE)
        return add_shared_join(builder, node, err);
    const struct op_class *class;
    TRY(find_class(node, &class, err));
    if (node->input_count > OP_MAX_PORTS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "an operator with %d inputs (at most %d)", node->input_count,
                         OP_MAX_PORTS);
    struct stage *own = NULL; /* the exchange stage that this node opens */
    struct op *own_op = NULL;
    for (int port = 0; port < node->input_count; port++) {
        const struct pnode *input = node->inputs[port];
        if (input->kind == PNODE_EXCHANGE) {
            if (!own) {
                own = exchange_stage(builder, input);
                own_op = make_op(builder, own, class, node);
                own->ops[own->op_count++] = own_op;
                place(builder, node, own, own_op);
            } else if (own->instance_count != builder->nodes[input->id].exchange->partition_count) {
                return error_set(err, STATUS_INTERNAL, "the inputs of %s are partitioned differently",
                                 pnode_kind_name(node->kind));
            }
            read_exchange(builder, own, input, own_op, port);
            continue;
        }
        struct node_places *places = &builder->nodes[input->id];
        for (int i = 0; i < places->count; i++) {
            /* One op per stage, even when several inputs are there. */
            struct stage *stage = places->places[i].stage;
            struct op *op = NULL;
            struct node_places *mine = &builder->nodes[node->id];
            for (int k = 0; k < mine->count; k++)
                if (mine->places[k].stage == stage) op = mine->places[k].op;
            if (!op) {
                op = make_op(builder, stage, class, node);
                stage->ops[stage->op_count++] = op;
                place(builder, node, stage, op);
            }
            connect(builder, places->places[i].op, op, port);
        }
    }
    return STATUS_OK;
}

static int compare_inputs(const void *a, const void *b) {
    return ((const struct stage_input *)b)->port - ((const struct stage_input *)a)->port;
}

/* Orders the stages so that each comes after those it depends on. */
static enum status sort_stages(struct builder *builder, struct error *err) {
    struct executor *executor = builder->executor;
    int count = executor->stage_count, placed = 0;
    struct stage **sorted = ARENA_ARRAY(executor->query_arena, struct stage *, count + 1);
    while (placed < count) {
        int before = placed;
        for (int i = 0; i < count; i++) {
            struct stage *stage = executor->stages[i];
            if (stage->sorted) continue;
            bool ready = true;
            for (int k = 0; k < stage->dependency_count; k++)
                if (!executor->stages[stage->dependencies[k]]->sorted) ready = false;
            if (!ready) continue;
            stage->sorted = true;
            sorted[placed++] = stage;
        }
        if (placed == before) return error_set(err, STATUS_INTERNAL, "the stages of the plan depend on each other");
    }
    memcpy(executor->stages, sorted, (size_t)count * sizeof *sorted);
    for (int i = 0; i < count; i++) {
        executor->stages[i]->index = i;
        qsort(executor->stages[i]->inputs, (size_t)executor->stages[i]->input_count, sizeof(struct stage_input),
              compare_inputs);
    }
    return STATUS_OK;
}

static enum status open_ops(struct executor *executor, struct error *err) {
    for (int i = 0; i < executor->op_count; i++) {
        struct op *op = executor->ops[i];
        if (op->class == &exec_sink_class) {
            op->executor = executor->options.sink(executor->options.data, op->node);
            if (!op->executor) return error_set(err, STATUS_INTERNAL, "a sink is missing");
        }
        if (op->class == &exec_lookup_class) op->executor = (void *)executor->options.lookup_log;
        if (op->class->open) TRY(op->class->open(op, err));
        if (op->class == &exec_sink_class)
            exec_sink_enforce(op, executor->options.drop_nulls, executor->options.check_lengths);
        for (int k = 0; k < op->instance_count; k++)
            if (op->class->open_instance) TRY(op->class->open_instance(op->instances[k], err));
    }
    return STATUS_OK;
}

/* All rows of a key come together in any part of a partition, and nothing but the operators' own output is needed afterwards. */
static bool is_divisible(const struct stage *stage) {
    if (stage->is_source || stage->executor->plan->streaming) return false;
    for (int i = 0; i < stage->input_count; i++)
        if (stage->inputs[i].exchange->node->exchange.distribution != DISTRIBUTION_HASH ||
            stage->inputs[i].exchange->node->exchange.key_count == 0)
            return false;
    for (int i = 0; i < stage->op_count; i++)
        if (stage->ops[i]->class == &op_hash_join_build_class || stage->ops[i]->class == &exec_lookup_class)
            return false;
    return true;
}

enum status exec_build(struct executor *executor, struct error *err) {
    const struct plan *plan = executor->plan;
    struct builder builder = {.executor = executor};
    builder.nodes = xcalloc((size_t)plan->node_count + 1, sizeof *builder.nodes);
    enum status status = STATUS_OK;
    for (int i = 0; i < plan->node_count && status == STATUS_OK; i++) {
        const struct pnode *node = plan->nodes[i];
        if (node->kind == PNODE_SCAN || node->kind == PNODE_VALUES)
            status = add_source(&builder, node);
        else if (node->kind == PNODE_EXCHANGE)
            status = add_exchange(&builder, node);
        else
            status = add_operator(&builder, node, err);
    }
    if (status == STATUS_OK) status = sort_stages(&builder, err);
    for (int i = 0; i < executor->stage_count; i++) executor->stages[i]->divisible = is_divisible(executor->stages[i]);
    if (status == STATUS_OK) status = open_ops(executor, err);
    for (int i = 0; i < plan->node_count; i++) free(builder.nodes[i].places);
    free(builder.nodes);
    return status;
}
