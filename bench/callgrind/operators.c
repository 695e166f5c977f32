/* Whole operators, driven as the executor drives them: one instance, chunk after chunk. */
#include "cases.h"
#include "function/registry.h"
#include "op/ops.h"

enum { CHUNKS = 8, PASSES = 3, CALLS = 5 };

struct driven {
    struct op op;
    struct op_instance inst;
    struct op_ctx ctx;
    struct pnode node, inputs[2], *input_list[2];
    struct mem_account account;
    struct spill spill;
    struct chunk *chunks[CHUNKS];
    struct arena morsel, step, instance;
    uint64_t row_counter;
};

static struct driven *drive(struct arena *arena, enum pnode_kind kind) {
    struct driven *d = ARENA_NEW(arena, struct driven);
    mem_account_init(&d->account, NULL, 0);
    arena_init(&d->morsel, &d->account);
    arena_init(&d->step, &d->account);
    arena_init(&d->instance, &d->account);
    for (int i = 0; i < CHUNKS; i++) d->chunks[i] = case_chunk(arena, i * VECTOR_CAPACITY, VECTOR_CAPACITY);
    for (int i = 0; i < 2; i++) {
        d->inputs[i].schema = *case_schema(arena);
        d->input_list[i] = &d->inputs[i];
    }
    d->node.kind = kind;
    d->node.inputs = d->input_list;
    d->op = (struct op){.class = op_class_find(kind),
                        .node = &d->node,
                        .query_arena = arena,
                        .account = &d->account,
                        .spill = &d->spill};
    d->inst = (struct op_instance){.op = &d->op,
                                   .partition_count = 1,
                                   .state = state_create(&d->account),
                                   .step_arena = &d->step,
                                   .instance_arena = &d->instance};
    d->ctx = (struct op_ctx){
        .step_id = 1, .is_last = true, .env = {.row_counter = &d->row_counter}, .morsel_arena = &d->morsel};
    return d;
}

static void open(struct driven *d) {
    CASE_TRY(d->op.class->open(&d->op, err));
    CASE_TRY(d->op.class->open_instance(&d->inst, err));
}

static void push(struct driven *d, int port, const struct chunk *chunk) {
    struct chunk copy = *chunk; /* receivers may narrow it */
    arena_reset(&d->morsel);
    CASE_TRY(d->op.class->push(&d->inst, &d->ctx, port, &copy, err));
}

/* Ends the only step; how many rows came out of the operator. */
static int64_t finish(struct driven *d) {
    arena_reset(&d->morsel);
    CASE_TRY(d->op.class->end_step(&d->inst, &d->ctx, err));
    if (d->op.class->close_instance) d->op.class->close_instance(&d->inst);
    if (d->op.class->close) d->op.class->close(&d->op);
    state_destroy(d->inst.state);
    arena_destroy(&d->instance);
    arena_destroy(&d->step);
    arena_destroy(&d->morsel);
    return d->op.rows_out;
}

/* SELECT k, COUNT(*), SUM(a), SUM(d), MIN(b), AVG(x) … GROUP BY k */
static void *aggregate(struct arena *arena) {
    static const struct {
        const char *name;
        int column;
    } wanted[CALLS] = {{"COUNT", -1}, {"SUM", COLUMN_A}, {"SUM", COLUMN_D}, {"MIN", COLUMN_B}, {"AVG", COLUMN_X}};
    struct driven *d = drive(arena, PNODE_AGGREGATE);
    const struct schema *input = &d->inputs[0].schema;
    struct aggregate_call *calls = ARENA_ARRAY(arena, struct aggregate_call, CALLS);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, CALLS + 1);
    const char **names = ARENA_ARRAY(arena, const char *, CALLS + 1);
    int *keys = ARENA_ARRAY(arena, int, 1);
    keys[0] = COLUMN_K;
    types[0] = input->types[COLUMN_K];
    names[0] = "k";
    for (int i = 0; i < CALLS; i++) {
        struct expr *args[1];
        int count = wanted[i].column >= 0;
        int *columns = ARENA_ARRAY(arena, int, 1);
        if (count) {
            args[0] = expr_column(arena, wanted[i].column, input->types[wanted[i].column]);
            columns[0] = wanted[i].column;
        }
        calls[i] = (struct aggregate_call){.args = columns, .filter = -1, .name = wanted[i].name};
        CASE_TRY(aggregate_bind(arena, str_from(wanted[i].name), args, count, false, 0, 1, &calls[i].function, err));
        types[i + 1] = calls[i].function->result;
        names[i + 1] = wanted[i].name;
    }
    d->node.schema = (struct schema){CALLS + 1, types, names};
    d->node.input_count = 1;
    d->node.aggregate.key_count = 1;
    d->node.aggregate.keys = keys;
    d->node.aggregate.call_count = CALLS;
    d->node.aggregate.calls = calls;
    d->node.aggregate.window_start_key = d->node.aggregate.window_end_key = -1;
    open(d);
    return d;
}

static int64_t run_aggregate(void *data) {
    struct driven *d = data;
    for (int i = 0; i < PASSES * CHUNKS; i++) push(d, 0, d->chunks[i % CHUNKS]);
    return finish(d);
}

/* … JOIN … ON l.a = r.id: the build side has the ids 0 … 2047. */
static void *join(struct arena *arena) {
    static const int left[] = {COLUMN_A}, right[] = {COLUMN_ID};
    struct driven *d = drive(arena, PNODE_HASH_JOIN);
    const struct schema *input = &d->inputs[0].schema;
    const struct type **types = ARENA_ARRAY(arena, const struct type *, CASE_COLUMNS * 2);
    const char **names = ARENA_ARRAY(arena, const char *, CASE_COLUMNS * 2);
    for (int i = 0; i < CASE_COLUMNS * 2; i++) {
        types[i] = input->types[i % CASE_COLUMNS];
        names[i] = input->names[i % CASE_COLUMNS];
    }
    d->node.schema = (struct schema){CASE_COLUMNS * 2, types, names};
    d->node.input_count = 2;
    d->node.join.type = JOIN_INNER;
    d->node.join.key_count = 1;
    d->node.join.left_keys = left;
    d->node.join.right_keys = right;
    open(d);
    return d;
}

static int64_t run_join(void *data) {
    struct driven *d = data;
    push(d, 1, d->chunks[0]);
    for (int i = 0; i < PASSES * CHUNKS * 2; i++) push(d, 0, d->chunks[i % CHUNKS]);
    return finish(d);
}

/* Of the rows 0 … 16383, 3022 have an a below 2048; each passes PASSES * 2 times. */
enum { JOIN_MATCHES = 3022 * PASSES * 2 };
const struct kernel_case operator_cases[] = {
    {"aggregate", aggregate, run_aggregate, 1000},
    {"join", join, run_join, JOIN_MATCHES},
    {NULL, NULL, NULL, 0},
};
