/* OVER (batch): window functions over the rows of each partition in their order.
 *
 * The rows are sorted by partition, order keys and all columns, and then taken partition by partition. Ranking and navigation are
 * positions in the partition; MIN and MAX keep a deque of candidates (Lemire, "Streaming maximum-minimum filter", 2006); other
 * aggregates add the rows that enter the frame and take back those that leave it; what can neither (LISTAGG, ARRAY_AGG) is computed
 * anew when the frame changes. A partition that is too large for memory is read from a mapped file. */
#include <stdlib.h>

#include "op/ops.h"
#include "op/over_frame.h"
#include "op/row_sorter.h"

enum { BLOCK_ROWS = 1024 }; /* emitted, or gathered for an aggregate, at once */

enum over_kind {
    OVER_ROW_NUMBER,
    OVER_RANK,
    OVER_DENSE_RANK,
    OVER_PERCENT_RANK,
    OVER_CUME_DIST,
    OVER_NTILE,
    OVER_SHIFT,   /* LAG, LEAD */
    OVER_EDGE,    /* FIRST_VALUE, LAST_VALUE, NTH_VALUE */
    OVER_EXTREME, /* MIN, MAX */
    OVER_SLIDING, /* aggregates with slots */
    OVER_VALUES   /* aggregates of all values of the frame */
};

struct over_call {
    enum over_kind kind;
    const struct window_call *call;
    bool last;                   /* LAST_VALUE, MAX, LEAD */
    int *args;                   /* layout columns */
    int output;                  /* column of the result */
    struct key_column *arg_keys; /* the arguments as columns 0, 1, … of a chunk of them */
    const struct type **arg_types;
};

struct over_shared {
    struct row_layout layout; /* partition columns, then order columns, then the others; each once */
    int *columns;             /* layout column -> input column */
    int *position;            /* input column -> layout column */
    int partition_columns, peer_columns;
    struct key_column *keys;
    int key_count;
    int range_column;
    int call_count;
    struct over_call *calls;
};

/* Rows of a call's arguments, gathered: [from, from + chunk->row_count) of the partition. */
struct arg_block {
    struct arena arena;
    struct chunk *chunk;
    size_t from;
};

/* EXTREME: the rows of one run that may still become the result. */
struct candidates {
    size_t *rows; /* best first */
    size_t first, end;
    size_t to; /* where the run ended */
};

/* What a call keeps while a partition is passed. Arrays have an element per row. */
struct call_state {
    size_t *not_null; /* positions of rows whose value is not NULL */
    size_t *rank_of;  /* how many of them lie before the row */
    struct str *keys; /* EXTREME: key form of the value, data NULL for a NULL */
    struct candidates before, after;
    uint32_t *ids;     /* DISTINCT: equal values have equal ids; UINT32_MAX: NULL */
    size_t *id_counts; /* DISTINCT: by id, rows in the frame */
    void *slot;
    struct row_range held[2]; /* SLIDING: rows in slot and id_counts */
    struct arg_block entering[2], leaving[2], own;
    struct value same; /* VALUES: result of the frame same_frame */
    struct over_frame same_frame;
    bool has_same;
};

struct over_local {
    struct row_sorter *sorter;
};

/* One partition. */
struct pass {
    struct op_instance *inst;
    struct op_ctx *ctx;
    const struct over_shared *shared;
    struct over_window window;
    struct arena arena; /* the partition's: arrays, rows that came from files */
    struct arena block_arena;
    struct call_state *states;
    size_t row_capacity;
    struct spill_file *file; /* the rows, when they are too many; rows[] are offsets until it is mapped */
};

/* ---- Opening ---- */

static enum over_kind kind_of(const struct window_call *call) {
    static const struct {
        const char *name;
        enum over_kind kind;
    } named[] = {
        {"ROW_NUMBER", OVER_ROW_NUMBER},
        {"RANK", OVER_RANK},
        {"DENSE_RANK", OVER_DENSE_RANK},
        {"PERCENT_RANK", OVER_PERCENT_RANK},
        {"CUME_DIST", OVER_CUME_DIST},
        {"NTILE", OVER_NTILE},
        {"LAG", OVER_SHIFT},
        {"LEAD", OVER_SHIFT},
        {"FIRST_VALUE", OVER_EDGE},
        {"LAST_VALUE", OVER_EDGE},
        {"NTH_VALUE", OVER_EDGE},
        {"MIN", OVER_EXTREME},
        {"MAX", OVER_EXTREME},
    };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(call->function, named[i].name) == 0) return named[i].kind;
    return call->aggregate->class->needs_values ? OVER_VALUES : OVER_SLIDING;
}

static void add_column(struct over_shared *shared, int column, int *count) {
    if (shared->position[column] >= 0) return;
    shared->position[column] = *count;
    shared->columns[(*count)++] = column;
}

static enum status open(struct op *op, struct error *err) {
    (void)err;
    struct arena *arena = op->query_arena;
    const struct pnode *node = op->node;
    const struct window_spec *spec = node->over.spec;
    const struct schema *input = &node->inputs[0]->schema;
    struct over_shared *shared = ARENA_NEW(arena, struct over_shared);
    op->shared = shared;
    shared->columns = ARENA_ARRAY(arena, int, input->column_count + 1);
    shared->position = ARENA_ARRAY(arena, int, input->column_count + 1);
    shared->keys =
        ARENA_ARRAY(arena, struct key_column, spec->partition_count + spec->order_count + input->column_count + 1);
    for (int i = 0; i < input->column_count; i++) shared->position[i] = -1;
    int count = 0;
    for (int i = 0; i < spec->partition_count; i++) {
        add_column(shared, spec->partition[i], &count);
        shared->keys[shared->key_count++] = (struct key_column){.column = spec->partition[i]};
    }
    shared->partition_columns = count;
    for (int i = 0; i < spec->order_count; i++) {
        add_column(shared, spec->order[i].column, &count);
        shared->keys[shared->key_count++] = (struct key_column){.column = spec->order[i].column,
                                                                .descending = spec->order[i].descending,
                                                                .nulls_last = spec->order[i].nulls_last};
    }
    shared->peer_columns = count;
    for (int i = 0; i < input->column_count; i++) {
        add_column(shared, i, &count);
        shared->keys[shared->key_count++] = (struct key_column){.column = i};
    }
    if (spec->order_count) shared->range_column = shared->position[spec->order[0].column];
    const struct type **types = ARENA_ARRAY(arena, const struct type *, count + 1);
    for (int i = 0; i < count; i++) types[i] = input->types[shared->columns[i]];
    row_layout_init(&shared->layout, arena, count, types);
    shared->call_count = node->over.call_count;
    shared->calls = ARENA_ARRAY(arena, struct over_call, shared->call_count + 1);
    for (int i = 0; i < shared->call_count; i++) {
        const struct window_call *call = &node->over.calls[i];
        struct over_call *over = &shared->calls[i];
        *over = (struct over_call){.kind = kind_of(call), .call = call, .output = input->column_count + i};
        over->last = strcmp(call->function, "LAST_VALUE") == 0 || strcmp(call->function, "MAX") == 0 ||
                     strcmp(call->function, "LEAD") == 0;
        over->args = ARENA_ARRAY(arena, int, call->arg_count + 1);
        over->arg_keys = ARENA_ARRAY(arena, struct key_column, call->arg_count + 1);
        over->arg_types = ARENA_ARRAY(arena, const struct type *, call->arg_count + 1);
        for (int k = 0; k < call->arg_count; k++) {
            over->args[k] = shared->position[call->args[k]];
            over->arg_types[k] = input->types[call->args[k]];
            over->arg_keys[k] = (struct key_column){.column = k};
        }
    }
    return STATUS_OK;
}

static void make_sorter(struct op_instance *inst) {
    struct over_local *local = inst->local;
    const struct over_shared *shared = inst->op->shared;
    local->sorter = row_sorter_create(&shared->layout, shared->columns, shared->keys, shared->key_count, -1,
                                      inst->op->account, inst->op->spill);
}

static enum status open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    inst->local = ARENA_NEW(inst->instance_arena, struct over_local);
    make_sorter(inst);
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct over_local *local = inst->local;
    if (local) row_sorter_destroy(local->sorter);
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    (void)port;
    struct over_local *local = inst->local;
    chunk_flatten(chunk, ctx->morsel_arena);
    return row_sorter_add(local->sorter, chunk, ctx->morsel_arena, err);
}

/* ---- Arguments ---- */

/* Rows [from, from + count) of the call's arguments as a chunk in arena. */
static struct chunk *gather_args(const struct pass *pass, const struct over_call *over, size_t from, int count,
                                 struct arena *arena) {
    struct chunk *chunk = chunk_create(arena, over->call->arg_count, over->arg_types, count);
    for (int k = 0; k < over->call->arg_count; k++)
        row_gather(&pass->shared->layout, pass->window.rows + from, count, over->args[k], &chunk->columns[k], arena,
                   count, 0, false);
    chunk->row_count = chunk->sel_count = count;
    return chunk;
}

static bool is_null(const struct pass *pass, const struct over_call *over, size_t row) {
    return row_is_null(&pass->shared->layout, pass->window.rows[row], over->args[0]);
}

/* Key form of the arguments of every row; data NULL where the first one is NULL. */
static struct str *make_keys(struct pass *pass, const struct over_call *over) {
    struct str *keys = ARENA_ARRAY(&pass->arena, struct str, pass->window.count + 1);
    struct strbuf key = {0};
    struct arena scratch;
    arena_init(&scratch, NULL);
    for (size_t from = 0; from < pass->window.count; from += BLOCK_ROWS) {
        size_t left = pass->window.count - from;
        int count = left < BLOCK_ROWS ? (int)left : BLOCK_ROWS;
        arena_reset(&scratch);
        struct chunk *chunk = gather_args(pass, over, from, count, &scratch);
        for (int i = 0; i < count; i++) {
            if (is_null(pass, over, from + (size_t)i)) continue;
            strbuf_clear(&key);
            key_encode(&key, chunk, over->arg_keys, over->call->arg_count, i);
            keys[from + (size_t)i] = (struct str){arena_memdup(&pass->arena, key.data, key.len), key.len};
        }
    }
    arena_destroy(&scratch);
    strbuf_free(&key);
    return keys;
}

static int compare_bytes(struct str a, struct str b) {
    int diff = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return diff ? diff : (a.len > b.len) - (a.len < b.len);
}

struct keyed_row {
    struct str key;
    size_t row;
};

static int compare_keyed_rows(const void *a, const void *b) {
    const struct keyed_row *x = a, *y = b;
    return compare_bytes(x->key, y->key);
}

static void make_ids(struct pass *pass, const struct over_call *over, struct call_state *state) {
    size_t count = pass->window.count, n = 0;
    struct str *keys = make_keys(pass, over);
    struct keyed_row *sorted = ARENA_ARRAY(&pass->arena, struct keyed_row, count + 1);
    state->ids = arena_alloc(&pass->arena, (count + 1) * sizeof *state->ids);
    memset(state->ids, 0xFF, count * sizeof *state->ids);
    for (size_t i = 0; i < count; i++)
        if (keys[i].data) sorted[n++] = (struct keyed_row){keys[i], i};
    qsort(sorted, n, sizeof *sorted, compare_keyed_rows);
    uint32_t id = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && compare_bytes(sorted[i - 1].key, sorted[i].key) != 0) id++;
        state->ids[sorted[i].row] = id;
    }
    state->id_counts = ARENA_ARRAY(&pass->arena, size_t, (size_t)id + 2);
}

static void find_not_nulls(struct pass *pass, const struct over_call *over, struct call_state *state) {
    size_t count = pass->window.count, n = 0;
    state->not_null = ARENA_ARRAY(&pass->arena, size_t, count + 1);
    state->rank_of = ARENA_ARRAY(&pass->arena, size_t, count + 2);
    for (size_t i = 0; i < count; i++) {
        state->rank_of[i] = n;
        if (!is_null(pass, over, i)) state->not_null[n++] = i;
    }
    state->rank_of[count] = n;
}

static void start_call(struct pass *pass, const struct over_call *over, struct call_state *state) {
    struct arena *arena = &pass->arena;
    switch (over->kind) {
    case OVER_SHIFT:
    case OVER_EDGE:
        if (over->call->ignore_nulls) find_not_nulls(pass, over, state);
        break;
    case OVER_EXTREME:
        state->keys = make_keys(pass, over);
        state->before.rows = ARENA_ARRAY(arena, size_t, pass->window.count + 1);
        if (pass->window.spec->exclude != EXCLUDE_NO_OTHERS)
            state->after.rows = ARENA_ARRAY(arena, size_t, pass->window.count + 1);
        break;
    case OVER_SLIDING:
    case OVER_VALUES:
        if (over->call->aggregate->distinct) make_ids(pass, over, state);
        if (over->kind == OVER_SLIDING) state->slot = arena_zalloc(arena, over->call->aggregate->class->slot_bytes + 8);
        break;
    default: break;
    }
}

/* ---- Results of rows [first, first + count) ---- */

struct result_block {
    size_t first;
    int count;
    struct over_frame frames[BLOCK_ROWS];
    size_t group[BLOCK_ROWS];
};

static void put_null(struct vector *out, struct arena *arena, int row) {
    struct value null = value_null(out->type);
    vector_set(out, arena, VECTOR_CAPACITY, row, &null);
}

/* Writes the value of column `column` of partition row `source` to row `row` of out. */
static void put_value(const struct pass *pass, int column, size_t source, struct vector *out, int row,
                      struct arena *arena) {
    row_gather(&pass->shared->layout, pass->window.rows + source, 1, column, out, arena, VECTOR_CAPACITY, row, false);
}

static int64_t tile_of(size_t row, size_t count, int64_t tiles) {
    size_t n = (size_t)tiles, size = count / n, larger = count % n; /* the first `larger` tiles have one row more */
    if (row < larger * (size + 1)) return (int64_t)(row / (size + 1)) + 1;
    return (int64_t)(larger + (row - larger * (size + 1)) / size) + 1;
}

static void rank_block(const struct pass *pass, const struct over_call *over, const struct result_block *block,
                       struct vector *out) {
    const struct over_window *window = &pass->window;
    int64_t tiles = 1;
    if (over->kind == OVER_NTILE) tiles = row_get(&pass->shared->layout, window->rows[0], over->args[0], NULL).i64;
    for (int i = 0; i < block->count; i++) {
        size_t row = block->first + (size_t)i, group = block->group[i], first_peer = window->groups[group];
        switch (over->kind) {
        case OVER_ROW_NUMBER: ((int64_t *)out->data)[i] = (int64_t)row + 1; break;
        case OVER_RANK: ((int64_t *)out->data)[i] = (int64_t)first_peer + 1; break;
        case OVER_DENSE_RANK: ((int64_t *)out->data)[i] = (int64_t)group + 1; break;
        case OVER_PERCENT_RANK:
            ((double *)out->data)[i] = window->count < 2 ? 0 : (double)first_peer / (double)(window->count - 1);
            break;
        case OVER_CUME_DIST:
            ((double *)out->data)[i] = (double)window->groups[group + 1] / (double)window->count;
            break;
        default: ((int32_t *)out->data)[i] = (int32_t)tile_of(row, window->count, tiles); break;
        }
    }
}

static bool shifted(const struct pass *pass, const struct over_call *over, const struct call_state *state, size_t row,
                    int64_t steps, size_t *source) {
    if (!over->last) steps = -steps;
    size_t at = row, count = pass->window.count;
    if (steps == 0) {
        *source = row;
        return true;
    }
    if (state->not_null) { /* the steps-th value that is not NULL */
        at = state->rank_of[row];
        if (steps > 0)
            at = state->rank_of[row + 1] - 1; /* the row itself does not count; may wrap to before the first */
        count = state->rank_of[pass->window.count];
    }
    if (steps < 0 ? (uint64_t)-steps > at : at + (uint64_t)steps >= count) return false;
    at += (size_t)steps;
    *source = state->not_null ? state->not_null[at] : at;
    return true;
}

static void shift_block(const struct pass *pass, const struct over_call *over, const struct call_state *state,
                        const struct result_block *block, struct vector *out, struct arena *arena) {
    const struct row_layout *layout = &pass->shared->layout;
    for (int i = 0; i < block->count; i++) {
        size_t row = block->first + (size_t)i, source;
        int64_t steps = 1;
        if (over->call->arg_count > 1) {
            struct value value = row_get(layout, pass->window.rows[row], over->args[1], NULL);
            if (value.is_null) {
                put_null(out, arena, i);
                continue;
            }
            steps = value.i64;
        }
        if (shifted(pass, over, state, row, steps, &source))
            put_value(pass, over->args[0], source, out, i, arena);
        else if (over->call->arg_count > 2)
            put_value(pass, over->args[2], row, out, i, arena);
        else
            put_null(out, arena, i);
    }
}

static void edge_block(const struct pass *pass, const struct over_call *over, const struct call_state *state,
                       const struct result_block *block, struct vector *out, struct arena *arena) {
    int64_t nth = 1; /* NTH_VALUE's constant stands in every row */
    if (over->call->arg_count > 1)
        nth = row_get(&pass->shared->layout, pass->window.rows[block->first], over->args[1], NULL).i64;
    for (int i = 0; i < block->count; i++) {
        struct row_range runs[3];
        size_t skip = (size_t)(nth - 1), at = SIZE_MAX;
        int count = over_frame_runs(&block->frames[i], block->first + (size_t)i, runs);
        for (int k = 0; k < count; k++) {
            struct row_range run = runs[over->last ? count - 1 - k : k];
            if (state->not_null) run = (struct row_range){state->rank_of[run.from], state->rank_of[run.to]};
            if (skip < run.to - run.from) {
                at = over->last ? run.to - 1 : run.from + skip;
                break;
            }
            skip -= run.to - run.from;
        }
        if (at == SIZE_MAX)
            put_null(out, arena, i);
        else
            put_value(pass, over->args[0], state->not_null ? state->not_null[at] : at, out, i, arena);
    }
}

/* Is row a's value a better MIN or MAX than row b's? SIZE_MAX is no row. */
static bool is_better(const struct over_call *over, const struct call_state *state, size_t a, size_t b) {
    if (a == SIZE_MAX || b == SIZE_MAX) return a != SIZE_MAX;
    int diff = compare_bytes(state->keys[a], state->keys[b]);
    return over->last ? diff > 0 : diff < 0;
}

/* The best row of a run, which has moved forward since it was asked for last; SIZE_MAX when all are NULL. */
static size_t best_of(const struct over_call *over, const struct call_state *state, struct candidates *candidates,
                      struct row_range run) {
    if (candidates->to < run.from) candidates->to = run.from;
    for (; candidates->to < run.to; candidates->to++) {
        if (!state->keys[candidates->to].data) continue;
        /* what is not better than the new value and leaves before it can never be the result again */
        while (candidates->end > candidates->first &&
               !is_better(over, state, candidates->rows[candidates->end - 1], candidates->to))
            candidates->end--;
        candidates->rows[candidates->end++] = candidates->to;
    }
    while (candidates->first < candidates->end && candidates->rows[candidates->first] < run.from) candidates->first++;
    return candidates->first < candidates->end ? candidates->rows[candidates->first] : SIZE_MAX;
}

static void extreme_block(const struct pass *pass, const struct over_call *over, struct call_state *state,
                          const struct result_block *block, struct vector *out, struct arena *arena) {
    for (int i = 0; i < block->count; i++) {
        const struct over_frame *frame = &block->frames[i];
        size_t row = block->first + (size_t)i, best = best_of(over, state, &state->before, frame->before), other;
        if (state->after.rows) {
            if (frame->own && state->keys[row].data && is_better(over, state, row, best)) best = row;
            other = best_of(over, state, &state->after, frame->after);
            if (is_better(over, state, other, best)) best = other;
        }
        if (best == SIZE_MAX)
            put_null(out, arena, i);
        else
            put_value(pass, over->args[0], best, out, i, arena);
    }
}

static void init_slot(const struct bound_aggregate *agg, void *slot) {
    if (agg->class->init)
        agg->class->init(agg, slot);
    else
        memset(slot, 0, agg->class->slot_bytes);
}

/* Adds (+1) or takes back (-1) rows [from, to) of the partition. */
static enum status update_slot(const struct pass *pass, const struct over_call *over, struct call_state *state,
                               struct arg_block *args, size_t from, size_t to, int8_t sign, struct error *err) {
    const struct bound_aggregate *agg = over->call->aggregate;
    int8_t signs[BLOCK_ROWS];
    void *slots[BLOCK_ROWS];
    sel_index sel[BLOCK_ROWS];
    memset(signs, sign, sizeof signs);
    while (from < to) {
        if (!args->chunk || from < args->from || from >= args->from + (size_t)args->chunk->row_count) {
            arena_reset(&args->arena);
            size_t left = pass->window.count - from;
            args->from = from;
            args->chunk = gather_args(pass, over, from, left < BLOCK_ROWS ? (int)left : BLOCK_ROWS, &args->arena);
        }
        const struct vector *vectors[FUNCTION_MAX_ARGS];
        for (int k = 0; k < over->call->arg_count; k++) vectors[k] = &args->chunk->columns[k];
        size_t end = args->from + (size_t)args->chunk->row_count;
        if (end > to) end = to;
        int count = 0;
        for (; from < end; from++) {
            if (state->ids) { /* DISTINCT: only a value's first row in the frame counts */
                uint32_t id = state->ids[from];
                if (id == UINT32_MAX) continue;
                if (sign > 0 ? state->id_counts[id]++ > 0 : --state->id_counts[id] > 0) continue;
            }
            slots[count] = state->slot;
            sel[count++] = (sel_index)(from - args->from);
        }
        struct arena scratch;
        arena_init(&scratch, NULL);
        enum status status =
            agg->class->update(agg, vectors, sel, sign < 0 ? signs : NULL, slots, count, &scratch, err);
        arena_destroy(&scratch);
        TRY(status);
    }
    return STATUS_OK;
}

/* From the rows in state to those of the frame's two runs. */
static enum status move_slot(const struct pass *pass, const struct over_call *over, struct call_state *state,
                             const struct over_frame *frame, struct error *err) {
    const struct aggregate_class *class = over->call->aggregate->class;
    const struct row_range runs[2] = {frame->before, frame->after};
    size_t leaving = 0, staying = 0;
    for (int k = 0; k < 2; k++) {
        struct row_range held = state->held[k];
        size_t gone = runs[k].from < held.to ? runs[k].from - held.from : held.to - held.from;
        leaving += gone;
        staying += held.to - held.from - gone;
    }
    if (!staying || (leaving && !class->retractable)) { /* anew */
        init_slot(over->call->aggregate, state->slot);
        for (int k = 0; k < 2; k++) {
            for (size_t i = state->held[k].from; state->ids && i < state->held[k].to; i++)
                if (state->ids[i] != UINT32_MAX) state->id_counts[state->ids[i]] = 0;
            state->held[k] = (struct row_range){runs[k].from, runs[k].from};
        }
    }
    for (int k = 0; k < 2; k++) {
        struct row_range *held = &state->held[k];
        size_t end = runs[k].from < held->to ? runs[k].from : held->to;
        if (end > held->from) TRY(update_slot(pass, over, state, &state->leaving[k], held->from, end, -1, err));
        held->from = runs[k].from;
        if (held->to < held->from) held->to = held->from;
        if (runs[k].to > held->to)
            TRY(update_slot(pass, over, state, &state->entering[k], held->to, runs[k].to, 1, err));
        held->to = runs[k].to;
    }
    return STATUS_OK;
}

/* Adds the row itself to a copy of the slot. */
static enum status add_own_row(const struct pass *pass, const struct over_call *over, struct call_state *state,
                               size_t row, void *copy, struct error *err) {
    void *slot = state->slot;
    state->slot = copy;
    enum status status = update_slot(pass, over, state, &state->own, row, row + 1, 1, err);
    state->slot = slot;
    if (state->ids && state->ids[row] != UINT32_MAX) state->id_counts[state->ids[row]]--;
    return status;
}

static enum status sliding_block(const struct pass *pass, const struct over_call *over, struct call_state *state,
                                 const struct result_block *block, struct vector *out, struct arena *arena,
                                 struct error *err) {
    const struct bound_aggregate *agg = over->call->aggregate;
    size_t stride = (agg->class->slot_bytes + 15) & ~(size_t)15;
    uint8_t *copies = arena_alloc(arena, stride * (size_t)block->count);
    const void *slots[BLOCK_ROWS];
    if (block->first == 0) init_slot(agg, state->slot);
    for (int i = 0; i < block->count; i++) {
        const struct over_frame *frame = &block->frames[i];
        TRY(move_slot(pass, over, state, frame, err));
        void *copy = memcpy(copies + stride * (size_t)i, state->slot, agg->class->slot_bytes);
        if (frame->own) TRY(add_own_row(pass, over, state, block->first + (size_t)i, copy, err));
        slots[i] = copy;
    }
    enum status status = agg->class->result(agg, slots, block->count, out, 0, arena, err);
    if (status != STATUS_OK && err && !err->message[0])
        error_set_at(err, status, agg->offset, agg->length, "%s: the result is out of range", agg->name);
    return status;
}

/* The rows [from, from + count) of the frame as a chunk that from_values takes; DISTINCT: those of them whose value comes first. */
static struct chunk *frame_chunk(const struct pass *pass, const struct over_call *over, struct call_state *state,
                                 size_t from, int count, struct arena *arena) {
    const struct bound_aggregate *agg = over->call->aggregate;
    struct chunk *args = gather_args(pass, over, from, count, arena);
    struct chunk *chunk = ARENA_NEW(arena, struct chunk);
    *chunk = *args;
    chunk->columns = ARENA_ARRAY(arena, struct vector, args->column_count + 1);
    memcpy(chunk->columns, args->columns, (size_t)args->column_count * sizeof *args->columns);
    struct value one = value_i64(type_of(TYPE_BIGINT), 1);
    vector_init_const(&chunk->columns[chunk->column_count++], arena, one.type, &one);
    sel_index *sel = arena_alloc(arena, (size_t)(count + 1) * sizeof *sel);
    int live = 0;
    for (int i = 0; i < count; i++) {
        size_t at = from + (size_t)i;
        if (agg->class->ignores_nulls && is_null(pass, over, at)) continue;
        if (state->ids && (state->ids[at] == UINT32_MAX || state->id_counts[state->ids[at]]++ > 0)) continue;
        sel[live++] = (sel_index)i;
    }
    chunk->sel = sel;
    chunk->sel_count = live;
    return chunk;
}

/* The frame's values in the order of the window. */
static enum status values_result(const struct pass *pass, const struct over_call *over, struct call_state *state,
                                 const struct row_range *runs, int run_count, struct vector *out, int row,
                                 struct arena *arena, struct error *err) {
    const struct bound_aggregate *agg = over->call->aggregate;
    size_t chunk_count = 0;
    for (int k = 0; k < run_count; k++) {
        chunk_count += (runs[k].to - runs[k].from + BLOCK_ROWS - 1) / BLOCK_ROWS;
        for (size_t i = runs[k].from; state->id_counts && i < runs[k].to; i++)
            if (state->ids[i] != UINT32_MAX) state->id_counts[state->ids[i]] = 0;
    }
    const struct chunk **chunks = ARENA_ARRAY(arena, const struct chunk *, chunk_count + 1);
    size_t c = 0;
    for (int k = 0; k < run_count; k++)
        for (size_t from = runs[k].from; from < runs[k].to; from += BLOCK_ROWS) {
            int count = runs[k].to - from < BLOCK_ROWS ? (int)(runs[k].to - from) : BLOCK_ROWS;
            chunks[c++] = frame_chunk(pass, over, state, from, count, arena);
        }
    return agg->class->from_values(agg, chunks, (int)chunk_count, out, row, arena, err);
}

static bool same_rows(const struct over_frame *a, const struct over_frame *b) {
    return !a->own && !b->own && a->before.from == b->before.from && a->before.to == b->before.to &&
           a->after.from == b->after.from && a->after.to == b->after.to;
}

static enum status values_block(const struct pass *pass, const struct over_call *over, struct call_state *state,
                                const struct result_block *block, struct vector *out, struct arena *arena,
                                struct error *err) {
    state->has_same = false;
    for (int i = 0; i < block->count; i++) {
        const struct over_frame *frame = &block->frames[i];
        if (state->has_same && same_rows(frame, &state->same_frame)) {
            vector_set(out, arena, VECTOR_CAPACITY, i, &state->same);
            continue;
        }
        struct row_range runs[3];
        int run_count = over_frame_runs(frame, block->first + (size_t)i, runs);
        TRY(values_result(pass, over, state, runs, run_count, out, i, arena, err));
        state->same = vector_get(out, i, arena);
        state->has_same = true;
        state->same_frame = *frame;
    }
    return STATUS_OK;
}

static enum status call_block(struct pass *pass, int index, const struct result_block *block, struct vector *out,
                              struct error *err) {
    const struct over_call *over = &pass->shared->calls[index];
    struct call_state *state = &pass->states[index];
    struct arena *arena = &pass->block_arena;
    switch (over->kind) {
    case OVER_SHIFT: shift_block(pass, over, state, block, out, arena); break;
    case OVER_EDGE: edge_block(pass, over, state, block, out, arena); break;
    case OVER_EXTREME: extreme_block(pass, over, state, block, out, arena); break;
    case OVER_SLIDING: return sliding_block(pass, over, state, block, out, arena, err);
    case OVER_VALUES: return values_block(pass, over, state, block, out, arena, err);
    default: rank_block(pass, over, block, out); break;
    }
    return STATUS_OK;
}

/* ---- One partition ---- */

static void find_groups(struct pass *pass) {
    struct over_window *window = &pass->window;
    const struct over_shared *shared = pass->shared;
    window->groups = ARENA_ARRAY(&pass->arena, size_t, window->count + 1);
    window->group_count = 0;
    for (size_t i = 0; i < window->count; i++)
        if (i == 0 || !row_equals_row(&shared->layout, window->rows[i - 1], window->rows[i], shared->peer_columns))
            window->groups[window->group_count++] = i;
    window->groups[window->group_count] = window->count;
}

static enum status emit_block(struct pass *pass, const struct result_block *block, struct error *err) {
    struct op_instance *inst = pass->inst;
    const struct schema *schema = &inst->op->node->schema;
    const struct over_shared *shared = pass->shared;
    int input_columns = shared->layout.column_count;
    struct chunk *out = chunk_create(&pass->block_arena, schema->column_count, schema->types, VECTOR_CAPACITY);
    for (int c = 0; c < input_columns; c++)
        row_gather(&shared->layout, pass->window.rows + block->first, block->count, shared->position[c],
                   &out->columns[c], &pass->block_arena, VECTOR_CAPACITY, 0, false);
    for (int i = 0; i < shared->call_count; i++)
        TRY(call_block(pass, i, block, &out->columns[shared->calls[i].output], err));
    out->row_count = out->sel_count = block->count;
    return op_emit(inst, pass->ctx, out, err);
}

static enum status run_partition(struct pass *pass, struct error *err) {
    struct over_window *window = &pass->window;
    const struct over_shared *shared = pass->shared;
    if (pass->file) {
        const uint8_t *map;
        TRY(spill_map(pass->file, &map, err));
        for (size_t i = 0; i < window->count; i++) window->rows[i] = map + (uintptr_t)window->rows[i];
    }
    find_groups(pass);
    over_window_start(window);
    pass->states = ARENA_ARRAY(&pass->arena, struct call_state, shared->call_count + 1);
    for (int i = 0; i < shared->call_count; i++) {
        for (int k = 0; k < 2; k++) {
            arena_init(&pass->states[i].entering[k].arena, pass->inst->op->account);
            arena_init(&pass->states[i].leaving[k].arena, pass->inst->op->account);
        }
        arena_init(&pass->states[i].own.arena, pass->inst->op->account);
        start_call(pass, &shared->calls[i], &pass->states[i]);
    }
    struct result_block *block = ARENA_NEW(&pass->arena, struct result_block);
    enum status status = STATUS_OK;
    for (block->first = 0; block->first < window->count && status == STATUS_OK; block->first += BLOCK_ROWS) {
        size_t left = window->count - block->first;
        block->count = left < BLOCK_ROWS ? (int)left : BLOCK_ROWS;
        for (int i = 0; i < block->count && status == STATUS_OK; i++) {
            status = over_window_move(window, block->first + (size_t)i, err);
            block->frames[i] = over_window_frame(window, block->first + (size_t)i);
            block->group[i] = window->group;
        }
        arena_reset(&pass->block_arena);
        if (status == STATUS_OK) status = emit_block(pass, block, err);
    }
    for (int i = 0; i < shared->call_count; i++) {
        for (int k = 0; k < 2; k++) {
            arena_destroy(&pass->states[i].entering[k].arena);
            arena_destroy(&pass->states[i].leaving[k].arena);
        }
        arena_destroy(&pass->states[i].own.arena);
    }
    return status;
}

static enum status end_partition(struct pass *pass, struct error *err) {
    enum status status = pass->window.count ? run_partition(pass, err) : STATUS_OK;
    spill_file_destroy(pass->file);
    pass->file = NULL;
    pass->window.count = 0;
    arena_reset(&pass->arena);
    return status;
}

/* Moves the partition's rows to a file: from now on window.rows are offsets in it. */
static enum status spill_rows(struct pass *pass, struct error *err) {
    struct over_window *window = &pass->window;
    TRY(spill_file_create(pass->inst->op->spill, &pass->file, err));
    for (size_t i = 0; i < window->count; i++) {
        const uint8_t *row = window->rows[i];
        window->rows[i] = (const uint8_t *)(uintptr_t)spill_size(pass->file);
        TRY(spill_write(pass->file, row, row_size(row), err));
    }
    arena_reset(&pass->arena);
    return STATUS_OK;
}

/* A row in memory (the sorter's, or in a passing arena when it spilled) joins the partition. */
static enum status add_row(struct pass *pass, const uint8_t *row, bool passing, struct error *err) {
    struct over_window *window = &pass->window;
    ARRAY_RESERVE(window->rows, pass->row_capacity, window->count + 1);
    if (passing && !pass->file && pass->arena.total_bytes >= ROW_SORTER_MIN_RUN_BYTES &&
        spill_is_due(pass->inst->op->account))
        TRY(spill_rows(pass, err));
    if (pass->file) {
        window->rows[window->count++] = (const uint8_t *)(uintptr_t)spill_size(pass->file);
        return spill_write(pass->file, row, row_size(row), err);
    }
    window->rows[window->count++] = passing ? arena_memdup(&pass->arena, row, row_size(row)) : row;
    return STATUS_OK;
}

static enum status run_partitions(struct pass *pass, struct error *err) {
    struct over_local *local = pass->inst->local;
    const struct over_shared *shared = pass->shared;
    struct arena arenas[2]; /* a batch of rows and the one before: its last row decides where a partition ends */
    arena_init(&arenas[0], pass->inst->op->account);
    arena_init(&arenas[1], pass->inst->op->account);
    bool passing = row_sorter_spilled(local->sorter);
    const uint8_t *before = NULL;
    enum status status = STATUS_OK;
    for (int turn = 0; status == STATUS_OK; turn ^= 1) {
        struct sorted_row rows[BLOCK_ROWS];
        int count;
        arena_reset(&arenas[turn]);
        status = row_sorter_next(local->sorter, &arenas[turn], rows, BLOCK_ROWS, &count, err);
        if (status != STATUS_OK || !count) break;
        for (int i = 0; i < count && status == STATUS_OK; i++) {
            if (before && !row_equals_row(&shared->layout, before, rows[i].row, shared->partition_columns))
                status = end_partition(pass, err);
            if (status == STATUS_OK) status = add_row(pass, rows[i].row, passing, err);
            before = rows[i].row;
        }
    }
    if (status == STATUS_OK) status = end_partition(pass, err);
    arena_destroy(&arenas[0]);
    arena_destroy(&arenas[1]);
    return status;
}

static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct over_local *local = inst->local;
    const struct over_shared *shared = inst->op->shared;
    TRY(row_sorter_finish(local->sorter, err));
    struct pass pass = {.inst = inst, .ctx = ctx, .shared = shared};
    pass.window.layout = &shared->layout;
    pass.window.spec = inst->op->node->over.spec;
    pass.window.range_column = shared->range_column;
    arena_init(&pass.arena, inst->op->account);
    arena_init(&pass.block_arena, inst->op->account);
    enum status status = run_partitions(&pass, err);
    spill_file_destroy(pass.file);
    arena_destroy(&pass.arena);
    arena_destroy(&pass.block_arena);
    free(pass.window.rows);
    row_sorter_destroy(local->sorter);
    make_sorter(inst);
    return status;
}

const struct op_class op_over_class = {.kind = PNODE_OVER,
                                       .open = open,
                                       .open_instance = open_instance,
                                       .push = push,
                                       .end_step = end_step,
                                       .close_instance = close_instance};
