/* For the tests of this folder: small plans made by hand, run by the real executor over scripted rows.
 *
 *   - struct test_plan       makes pnodes; columns are named c0, c1, …
 *   - struct test_row        values and a sign; texts of rows ("1|abc|NULL") stand for them in results
 *   - struct bag             a multiset of such texts: what a table holds, what a step changed
 *   - struct test_run        an executor with its pool, feeds, a sink per root, and taps: a tap sees what one node emits,
 *                            before any sink nets it
 * Rows are decoded in chunks of odd sizes and in every form that operators must take: flat, constant and dictionary
 * vectors, selections with rows left out, signs there or not. */
#ifndef MILLRACE_EXEC_TEST_PLAN_H
#define MILLRACE_EXEC_TEST_PLAN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "exec/exec_private.h"
#include "function/registry.h"
#include "state/test_snapshot.h"

enum { TEST_COLUMNS = 10, TEST_NODES = 32, TEST_SCANS = 4, TEST_ROOTS = 4, TEST_SPLITS = 8, TEST_TAPS = 4 };

/* ---- Rows and multisets of rows ---- */

struct test_row {
    struct value values[TEST_COLUMNS];
    int sign;
    int64_t watermark; /* for test sources that carry one, unused otherwise */
};

static inline void test_put_value(struct strbuf *buf, const struct value *value) {
    if (!value->is_null && value->type->id == TYPE_DOUBLE) {
        double v = value->f64 == 0 ? 0.0 : value->f64; /* -0.0 is the same value */
        if (isnan(v))
            strbuf_puts(buf, "NaN");
        else
            strbuf_printf(buf, "%.17g", v);
    } else {
        value_print(buf, value, NULL);
    }
}

static inline char *test_row_text(struct arena *arena, const struct value *values, int count) {
    struct strbuf buf = {0};
    strbuf_puts(&buf, "");
    for (int i = 0; i < count; i++) {
        if (i) strbuf_putc(&buf, '|');
        test_put_value(&buf, &values[i]);
    }
    char *text = arena_strndup(arena, buf.data, buf.len);
    strbuf_free(&buf);
    return text;
}

struct bag_item {
    char *text;
    int64_t count;
};
/* Texts in no order; items of count 0 leave. Found by hashing: slots hold an item's place + 1, 0 free, -1 left. */
struct bag {
    struct bag_item *items;
    size_t count, capacity;
    int *slots;
    size_t slot_count, slots_used;
};

static inline size_t bag_hash(const char *text) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return (size_t)(hash ^ hash >> 32);
}
/* The slot of an item, or slot_count. */
static inline size_t bag_find(const struct bag *bag, const char *text) {
    if (!bag->slot_count) return 0;
    for (size_t at = bag_hash(text) % bag->slot_count;; at = (at + 1) % bag->slot_count) {
        if (!bag->slots[at]) return bag->slot_count;
        if (bag->slots[at] > 0 && strcmp(bag->items[bag->slots[at] - 1].text, text) == 0) return at;
    }
}
static inline int64_t bag_count(const struct bag *bag, const char *text) {
    size_t slot = bag_find(bag, text);
    return slot < bag->slot_count ? bag->items[bag->slots[slot] - 1].count : 0;
}
static inline void bag_take_slot(struct bag *bag, const char *text, int place) {
    size_t at = bag_hash(text) % bag->slot_count;
    while (bag->slots[at]) at = (at + 1) % bag->slot_count;
    bag->slots[at] = place + 1;
    bag->slots_used++;
}
static inline void bag_add(struct bag *bag, const char *text, int64_t n) {
    if (!n) return;
    size_t slot = bag_find(bag, text);
    if (slot == bag->slot_count) {
        if ((bag->slots_used + 1) * 2 > bag->slot_count) {
            bag->slot_count = bag->count * 4 + 16;
            free(bag->slots);
            bag->slots = xcalloc(bag->slot_count, sizeof *bag->slots);
            bag->slots_used = 0;
            for (size_t i = 0; i < bag->count; i++) bag_take_slot(bag, bag->items[i].text, (int)i);
        }
        ARRAY_RESERVE(bag->items, bag->capacity, bag->count + 1);
        bag->items[bag->count] = (struct bag_item){xstrdup(text), n};
        bag_take_slot(bag, text, (int)bag->count++);
        return;
    }
    struct bag_item *item = &bag->items[bag->slots[slot] - 1], *last = &bag->items[bag->count - 1];
    item->count += n;
    if (item->count) return;
    if (item != last) bag->slots[bag_find(bag, last->text)] = bag->slots[slot];
    bag->slots[slot] = -1;
    free(item->text);
    *item = *last;
    bag->count--;
}
static inline void bag_free(struct bag *bag) {
    for (size_t i = 0; i < bag->count; i++) free(bag->items[i].text);
    free(bag->items);
    free(bag->slots);
    *bag = (struct bag){0};
}
static inline int64_t bag_total(const struct bag *bag) {
    int64_t total = 0;
    for (size_t i = 0; i < bag->count; i++) total += bag->items[i].count;
    return total;
}
/* Prints what differs. */
static inline bool bag_equal(const struct bag *found, const struct bag *expected) {
    int shown = 0;
    for (size_t i = 0; i < expected->count; i++) {
        const struct bag_item *item = &expected->items[i];
        int64_t have = bag_count(found, item->text);
        if (have != item->count && shown++ < 20)
            print_error("  %s: %lld, expected %lld\n", item->text, (long long)have, (long long)item->count);
    }
    for (size_t i = 0; i < found->count; i++)
        if (!bag_count(expected, found->items[i].text) && shown++ < 20)
            print_error("  %s: %lld, expected none\n", found->items[i].text, (long long)found->items[i].count);
    return shown == 0;
}

/* ---- Plans ---- */

struct test_plan {
    struct arena arena;
    struct plan plan;
    struct pnode *nodes[TEST_NODES];
    struct pnode *roots[TEST_ROOTS];
};

static inline void plan_begin(struct test_plan *tp, bool streaming) {
    memset(tp, 0, sizeof *tp);
    arena_init(&tp->arena, NULL);
    tp->plan = (struct plan){.streaming = streaming, .nodes = tp->nodes, .roots = tp->roots};
}
static inline void plan_end(struct test_plan *tp) { arena_destroy(&tp->arena); }

/* types: e.g. {TYPE_BIGINT, TYPE_VARCHAR}. changes: of the output. */
static inline struct pnode *plan_node(struct test_plan *tp, enum pnode_kind kind, enum changes changes,
                                      const struct type *const *types, int column_count, struct pnode *const *inputs,
                                      int input_count) {
    assert_true(tp->plan.node_count < TEST_NODES && column_count <= TEST_COLUMNS * 2);
    struct pnode *node = ARENA_NEW(&tp->arena, struct pnode);
    node->kind = kind;
    node->id = tp->plan.node_count;
    const char **names = ARENA_ARRAY(&tp->arena, const char *, column_count + 1);
    for (int i = 0; i < column_count; i++) names[i] = arena_printf(&tp->arena, "c%d", i);
    node->schema = (struct schema){
        column_count, arena_memdup(&tp->arena, types, sizeof *types * (size_t)(column_count + 1) - sizeof *types),
        names};
    node->edge.changes = changes;
    node->edge.rowtime_column = -1;
    node->row_estimate = node->distinct_estimate = -1;
    node->input_count = input_count;
    node->inputs = ARENA_ARRAY(&tp->arena, struct pnode *, input_count + 1);
    for (int i = 0; i < input_count; i++) {
        node->inputs[i] = inputs[i];
        inputs[i]->user_count++;
    }
    tp->nodes[tp->plan.node_count++] = node;
    return node;
}
/* The same schema and changes as its input. */
static inline struct pnode *plan_over(struct test_plan *tp, enum pnode_kind kind, struct pnode *input) {
    struct pnode *node =
        plan_node(tp, kind, input->edge.changes, input->schema.types, input->schema.column_count, &input, 1);
    return node;
}
static inline struct pnode *plan_scan(struct test_plan *tp, enum changes changes, const struct type *const *types,
                                      int count) {
    return plan_node(tp, PNODE_SCAN, changes, types, count, NULL, 0);
}
static inline int *plan_ints(struct test_plan *tp, int count, const int *values) {
    int *copy = ARENA_ARRAY(&tp->arena, int, count + 1);
    if (count) memcpy(copy, values, sizeof *copy * (size_t)count);
    return copy;
}
/* key_count 0: all into one partition. */
static inline struct pnode *plan_exchange(struct test_plan *tp, struct pnode *input, const int *keys, int key_count) {
    struct pnode *node = plan_over(tp, PNODE_EXCHANGE, input);
    node->exchange.distribution = key_count ? DISTRIBUTION_HASH : DISTRIBUTION_SINGLE;
    node->exchange.key_count = key_count;
    node->exchange.keys = plan_ints(tp, key_count, keys);
    return node;
}
static inline struct pnode *plan_root(struct test_plan *tp, enum pnode_kind kind, struct pnode *input) {
    struct pnode *node = plan_over(tp, kind, input);
    assert_true(tp->plan.root_count < TEST_ROOTS);
    tp->roots[tp->plan.root_count++] = node;
    return node;
}
static inline struct pnode *plan_collect(struct test_plan *tp, struct pnode *input) {
    return plan_root(tp, PNODE_COLLECT, input);
}

static inline struct expr *plan_column(struct test_plan *tp, const struct pnode *input, int column) {
    return expr_column(&tp->arena, column, input->schema.types[column]);
}
static inline struct expr *plan_call(struct test_plan *tp, const char *name, struct expr *a, struct expr *b) {
    struct expr *args[] = {a, b}, *call;
    struct error err;
    if (function_bind(&tp->arena, str_from(name), args, b ? 2 : 1, 0, 1, &call, &err) != STATUS_OK)
        fail_msg("%s: %s", name, err.message);
    return call;
}
static inline struct expr *plan_int(struct test_plan *tp, int64_t value) {
    struct value v = value_i64(type_of(TYPE_BIGINT), value);
    return expr_const(&tp->arena, &v);
}

/* arg -1: no argument (COUNT(*)). */
static inline struct aggregate_call plan_aggregate_call(struct test_plan *tp, const char *name,
                                                        const struct pnode *input, int arg, bool distinct, int filter,
                                                        bool retracting) {
    struct expr *args[1];
    int count = 0;
    if (arg >= 0) args[count++] = plan_column(tp, input, arg);
    const struct bound_aggregate *function;
    struct error err;
    if (aggregate_bind(&tp->arena, str_from(name), args, count, distinct, 0, 1, &function, &err) != STATUS_OK)
        fail_msg("%s: %s", name, err.message);
    return (struct aggregate_call){.function = aggregate_for_input(&tp->arena, function, retracting),
                                   .args = plan_ints(tp, count, &arg),
                                   .filter = filter,
                                   .name = name};
}

/* ---- Sources ---- */

struct test_morsel {
    int split, count;
    const struct test_row *rows;
};

struct test_block {
    struct block base;
    const struct test_row *rows;
    const struct schema *schema;
    uint64_t seed;
    int fail_at; /* decode fails there, -1 never */
};

static inline enum status test_decode(struct source *source, const struct block *base, int first, int count,
                                      struct decode_output *output, struct error *err) {
    (void)source;
    const struct test_block *block = (const struct test_block *)base;
    const struct schema *schema = block->schema;
    uint64_t seed = block->seed + (uint64_t)first * 977 + 1;
    for (int end = first + count; first < end;) {
        static const int sizes[] = {1, 3, 64, 200, VECTOR_CAPACITY};
        int n = sizes[random_below(&seed, 5)], form = random_below(&seed, 4);
        if (n > end - first) n = end - first;
        /* form 1: every second physical row is left out; form 2: dictionaries; form 3: constants where all are equal */
        int step = form == 1 && n <= VECTOR_CAPACITY / 2 ? 2 : 1, physical = n * step;
        struct chunk *chunk = chunk_create(output->arena, schema->column_count, schema->types, physical);
        int8_t *sign = arena_alloc(output->arena, (size_t)physical + 1);
        sel_index *sel = ARENA_ARRAY(output->arena, sel_index, n + 1);
        bool any_negative = false;
        for (int i = 0; i < physical; i++) {
            const struct test_row *row = &block->rows[first + i / step];
            for (int c = 0; c < schema->column_count; c++)
                vector_set(&chunk->columns[c], output->arena, physical, i, &row->values[c]);
            sign[i] = (int8_t)row->sign;
            any_negative |= row->sign < 0;
            if (i % step == step - 1) sel[i / step] = (sel_index)i;
        }
        chunk->row_count = physical;
        chunk->sel = step > 1 ? sel : NULL;
        chunk->sel_count = n;
        chunk->sign = any_negative || random_below(&seed, 3) == 0 ? sign : NULL;
        for (int c = 0; c < schema->column_count && form >= 2; c++) {
            struct vector *flat = ARENA_NEW(output->arena, struct vector);
            *flat = chunk->columns[c];
            if (form == 2) { /* the rows backwards, and an index that turns them again */
                sel_index *index = ARENA_ARRAY(output->arena, sel_index, physical);
                struct vector *turned = ARENA_NEW(output->arena, struct vector);
                vector_init(turned, output->arena, flat->type, physical);
                for (int i = 0; i < physical; i++) {
                    vector_set(turned, output->arena, physical, i,
                               &block->rows[first + (physical - 1 - i) / step].values[c]);
                    index[i] = (sel_index)(physical - 1 - i);
                }
                vector_init_dict(&chunk->columns[c], output->arena, turned, physical, index);
                continue;
            }
            bool same = true;
            for (int i = 1; i < n && same; i++)
                same = value_compare(&block->rows[first + i].values[c], &block->rows[first].values[c]) == 0;
            if (same) vector_init_const(&chunk->columns[c], output->arena, flat->type, &block->rows[first].values[c]);
        }
        if (block->fail_at >= first && block->fail_at < first + n)
            return error_set(err, STATUS_BAD_DATA, "row %d cannot be read", block->fail_at);
        TRY(output->emit(output, chunk, err));
        first += n;
    }
    return STATUS_OK;
}

static const struct source_class test_source_class = {.decode = test_decode};

/* One scan's input of one step, and the state of its splits over all steps. */
struct test_feed {
    struct scan_feed base;
    struct exec_split splits[TEST_SPLITS];
    pthread_mutex_t lock;
    struct test_block *blocks;
    struct morsel *morsels;
    int morsel_count, next;
    uint64_t order[TEST_SPLITS]; /* records given so far */
    bool fail;                   /* next fails */
    int wait_every;              /* answers WAIT every n-th time */
    int calls;
};

static inline enum morsel_result test_next(struct scan_feed *base, struct morsel *morsel, struct error *err) {
    struct test_feed *feed = (struct test_feed *)base;
    pthread_mutex_lock(&feed->lock);
    enum morsel_result result = MORSEL_END;
    if (feed->fail) {
        error_set(err, STATUS_IO_ERROR, "the source broke");
        result = MORSEL_FAILED;
    } else if (feed->wait_every && ++feed->calls % feed->wait_every == 0) {
        result = MORSEL_WAIT;
    } else if (feed->next < feed->morsel_count) {
        *morsel = feed->morsels[feed->next];
        morsel->seq = feed->next++;
        result = MORSEL_READY;
    }
    pthread_mutex_unlock(&feed->lock);
    return result;
}

static inline void test_done(struct scan_feed *base, struct morsel *morsel, int64_t watermark, int64_t skipped,
                             int64_t bad) {
    (void)skipped;
    (void)bad;
    struct test_feed *feed = (struct test_feed *)base;
    pthread_mutex_lock(&feed->lock);
    if (watermark > feed->splits[morsel->split].watermark) feed->splits[morsel->split].watermark = watermark;
    pthread_mutex_unlock(&feed->lock);
}

/* ---- Sinks and taps ---- */

struct test_change {
    enum row_kind kind; /* sinks */
    int sign;           /* taps */
    char *text;
};

struct test_changes {
    struct test_change *items;
    size_t count, capacity;
};

static inline void changes_clear(struct test_changes *changes) {
    for (size_t i = 0; i < changes->count; i++) free(changes->items[i].text);
    changes->count = 0;
}
static inline void changes_free(struct test_changes *changes) {
    changes_clear(changes);
    free(changes->items);
    *changes = (struct test_changes){0};
}
static inline void changes_net(const struct test_changes *changes, struct bag *bag) {
    for (size_t i = 0; i < changes->count; i++) bag_add(bag, changes->items[i].text, changes->items[i].sign);
}

struct test_sink {
    struct exec_sink base;
    pthread_mutex_t lock;
    struct test_changes changes; /* of the last step */
    struct bag table;            /* all steps applied */
    int64_t fail_after;          /* rows; -1 never */
    int64_t rows, batches, step_id, write_micros;
    const char *broken; /* a batch is not as it must be (workers must not fail an assertion) */
};

static inline void changes_add(struct test_changes *changes, const struct chunk *chunk, const uint8_t *kinds) {
    struct arena arena;
    arena_init(&arena, NULL);
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        struct value values[TEST_COLUMNS * 2];
        for (int c = 0; c < chunk->column_count; c++) values[c] = vector_get(&chunk->columns[c], row, &arena);
        ARRAY_RESERVE(changes->items, changes->capacity, changes->count + 1);
        struct test_change *change = &changes->items[changes->count++];
        change->text = xstrdup(test_row_text(&arena, values, chunk->column_count));
        change->kind = kinds ? (enum row_kind)kinds[row] : ROW_INSERT;
        change->sign = kinds ? (change->kind == ROW_INSERT || change->kind == ROW_UPDATE_AFTER ? 1 : -1)
                             : (chunk->sign ? chunk->sign[row] : 1);
    }
    arena_destroy(&arena);
}

static inline enum status test_submit(struct exec_sink *base, struct sink_batch *batch, struct error *err) {
    struct test_sink *sink = (struct test_sink *)base;
    pthread_mutex_lock(&sink->lock);
    enum status status = STATUS_OK;
    const struct chunk *chunk = batch->chunk;
    if (chunk->sel || chunk->sel_count != chunk->row_count) sink->broken = "a batch has a selection";
    if (chunk->sign) sink->broken = "a batch has signs";
    if (chunk->row_count <= 0 || chunk->row_count > VECTOR_CAPACITY)
        sink->broken = "a batch has too few or too many rows";
    for (int c = 0; c < chunk->column_count; c++)
        if (chunk->columns[c].form != VECTOR_FLAT) sink->broken = "a batch has a column that is not flat";
    if (sink->fail_after >= 0 && sink->rows + chunk->row_count > sink->fail_after) {
        status = error_set(err, STATUS_SERVER_ERROR, "the sink's server went away");
    } else {
        changes_add(&sink->changes, chunk, batch->kinds);
        sink->rows += chunk->row_count;
        sink->batches++;
        sink->step_id = batch->step_id;
        sink->write_micros = batch->write_micros;
    }
    pthread_mutex_unlock(&sink->lock);
    sink_batch_free(batch);
    return status;
}

struct test_tap {
    pthread_mutex_t lock;
    struct test_changes changes; /* of the last step */
    struct op op;
    int node_id;
};

static inline enum status tap_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                                   struct error *err) {
    (void)ctx, (void)port, (void)err;
    struct test_tap *tap = inst->op->shared;
    pthread_mutex_lock(&tap->lock);
    changes_add(&tap->changes, chunk, NULL);
    pthread_mutex_unlock(&tap->lock);
    return STATUS_OK;
}

static const struct op_class test_tap_class = {.kind = PNODE_KIND_COUNT, .push = tap_push};

/* ---- Snapshots of whole executors in memory ---- */

struct memory_section {
    int node_id, stage, instance;
    struct strbuf bytes;
};

struct memory_store {
    struct snapshot_store base;
    struct memory_section *sections;
    size_t count, capacity;
    struct memory_writer writer;
    struct memory_reader reader;
};

static inline enum status memory_create(struct snapshot_store *base, int node_id, int stage, int instance,
                                        struct snapshot_writer **writer, struct error *err) {
    (void)err;
    struct memory_store *store = (struct memory_store *)base;
    for (size_t i = 0; i < store->count; i++) /* every section has a place of its own */
        assert_false(store->sections[i].node_id == node_id && store->sections[i].stage == stage &&
                     store->sections[i].instance == instance);
    ARRAY_RESERVE(store->sections, store->capacity, store->count + 1);
    store->sections[store->count++] = (struct memory_section){node_id, stage, instance, {0}};
    store->writer = memory_writer_make();
    *writer = &store->writer.base;
    return STATUS_OK;
}
static inline enum status memory_finish(struct snapshot_store *base, struct snapshot_writer *writer,
                                        struct error *err) {
    (void)writer, (void)err;
    struct memory_store *store = (struct memory_store *)base;
    store->sections[store->count - 1].bytes = store->writer.bytes;
    return STATUS_OK;
}
static inline int memory_count(struct snapshot_store *base, int node_id, int stage) {
    struct memory_store *store = (struct memory_store *)base;
    int count = 0;
    for (size_t i = 0; i < store->count; i++)
        count += store->sections[i].node_id == node_id && store->sections[i].stage == stage;
    return count;
}
static inline enum status memory_open(struct snapshot_store *base, int node_id, int stage, int instance,
                                      struct snapshot_reader **reader, struct error *err) {
    struct memory_store *store = (struct memory_store *)base;
    for (size_t i = 0; i < store->count; i++) {
        const struct memory_section *section = &store->sections[i];
        if (section->node_id != node_id || section->stage != stage || section->instance != instance) continue;
        store->reader = memory_reader_make(strbuf_str(&section->bytes));
        *reader = &store->reader.base;
        return STATUS_OK;
    }
    return error_set(err, STATUS_BAD_DATA, "no section %d/%d/%d", node_id, stage, instance);
}
static inline void memory_close(struct snapshot_store *base, struct snapshot_reader *reader) {
    (void)base, (void)reader;
}

static inline void memory_store_init(struct memory_store *store) {
    *store = (struct memory_store){.base = {memory_create, memory_finish, memory_count, memory_open, memory_close}};
}
static inline void memory_store_free(struct memory_store *store) {
    for (size_t i = 0; i < store->count; i++) strbuf_free(&store->sections[i].bytes);
    free(store->sections);
    memory_store_init(store);
    store->sections = NULL;
}

/* ---- Running ---- */

struct test_run {
    struct mem_account account;
    struct arena arena; /* of the executor */
    const struct test_plan *tp;
    struct worker_pool *pool;
    struct executor *executor;
    struct test_sink sinks[TEST_ROOTS];
    struct test_feed feeds[TEST_SCANS];
    struct test_tap taps[TEST_TAPS];
    int tap_count;
    int tapped[TEST_TAPS]; /* node ids, for making the executor anew */
    int64_t step_id, now_micros;
    uint64_t seed;
    bool drop_nulls;
    const struct exec_lookup_log *lookup_log;
    struct atomic_flag_cancel cancel;
};

static inline struct exec_sink *run_sink(void *data, const struct pnode *node) {
    struct test_run *run = data;
    for (int i = 0; i < run->tp->plan.root_count; i++)
        if (run->tp->roots[i] == node) return &run->sinks[i].base;
    return NULL;
}

static inline void attach_tap(struct test_run *run, struct test_tap *tap) {
    tap->op = (struct op){.class = &test_tap_class, .shared = tap, .node = run->tp->nodes[tap->node_id]};
    int placed = 0;
    for (int i = 0; i < run->executor->op_count; i++) {
        struct op *op = run->executor->ops[i];
        if (op->node->id != tap->node_id || op->class == &op_hash_join_build_class) continue;
        placed++;
        for (int k = 0; k < op->instance_count; k++) {
            struct op_instance *inst = op->instances[k];
            struct op_output *outputs = ARENA_ARRAY(&run->arena, struct op_output, inst->output_count + 1);
            if (inst->output_count) memcpy(outputs, inst->outputs, sizeof *outputs * (size_t)inst->output_count);
            struct op_instance *end = ARENA_NEW(&run->arena, struct op_instance);
            end->op = &tap->op;
            outputs[inst->output_count++] = (struct op_output){end, 0};
            inst->outputs = outputs;
        }
    }
    assert_true(placed > 0);
}

static inline enum status run_open(struct test_run *run, int workers, struct error *err) {
    run->pool = pool_create(workers);
    arena_init(&run->arena, &run->account);
    struct executor_options options = {.pool = run->pool,
                                       .account = &run->account,
                                       .sink = run_sink,
                                       .data = run,
                                       .lookup_log = run->lookup_log,
                                       .drop_nulls = run->drop_nulls,
                                       .cancel = &run->cancel};
    TRY(executor_create(&run->arena, &run->tp->plan, &options, &run->executor, err));
    for (int i = 0; i < run->tap_count; i++) attach_tap(run, &run->taps[i]);
    return STATUS_OK;
}

static inline void run_close(struct test_run *run) {
    executor_destroy(run->executor);
    run->executor = NULL;
    pool_destroy(run->pool);
    run->pool = NULL;
    arena_destroy(&run->arena);
    if (run->account.used_bytes) print_error("%lld bytes remain charged\n", (long long)run->account.used_bytes);
    assert_int_equal(run->account.used_bytes, 0);
}

/* run is prepared; run_open makes the executor. */
static inline void run_init(struct test_run *run, const struct test_plan *tp, uint64_t seed) {
    memset(run, 0, sizeof *run);
    mem_account_init(&run->account, NULL, 0);
    run->tp = tp;
    run->seed = seed;
    run->now_micros = 1000000;
    for (int i = 0; i < TEST_ROOTS; i++) {
        run->sinks[i].base = (struct exec_sink){test_submit, CHANGES_RETRACT, NULL};
        run->sinks[i].fail_after = -1;
        pthread_mutex_init(&run->sinks[i].lock, NULL);
    }
    for (int i = 0; i < TEST_SCANS; i++) {
        pthread_mutex_init(&run->feeds[i].lock, NULL);
        for (int s = 0; s < TEST_SPLITS; s++) run->feeds[i].splits[s].watermark = WATERMARK_NONE;
    }
}

static inline struct test_tap *run_tap(struct test_run *run, const struct pnode *node) {
    assert_true(run->tap_count < TEST_TAPS && !run->executor);
    struct test_tap *tap = &run->taps[run->tap_count++];
    pthread_mutex_init(&tap->lock, NULL);
    tap->node_id = node->id;
    return tap;
}

static inline void run_start(struct test_run *run, int workers) {
    struct error err;
    error_clear(&err);
    if (run_open(run, workers, &err) != STATUS_OK) fail_msg("%s", err.message);
}

static inline void run_free(struct test_run *run) {
    if (run->pool) run_close(run);
    for (int i = 0; i < TEST_ROOTS; i++) {
        changes_free(&run->sinks[i].changes);
        bag_free(&run->sinks[i].table);
        pthread_mutex_destroy(&run->sinks[i].lock);
    }
    for (int i = 0; i < run->tap_count; i++) {
        changes_free(&run->taps[i].changes);
        pthread_mutex_destroy(&run->taps[i].lock);
    }
    for (int i = 0; i < TEST_SCANS; i++) pthread_mutex_destroy(&run->feeds[i].lock);
}

/* A step over morsels[scan][0 … counts[scan]-1]; rows live as long as the call. fail_at: the row of the first morsel of
 * scan 0 whose decoding fails, -1 none. */
static inline enum status run_step_failing(struct test_run *run, struct test_morsel *const *morsels, const int *counts,
                                           bool is_last, int fail_at, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct scan_feed *feeds[TEST_SCANS] = {0};
    for (int s = 0; s < executor_scan_count(run->executor); s++) {
        struct test_feed *feed = &run->feeds[s];
        feed->base = (struct scan_feed){.next = test_next,
                                        .done = test_done,
                                        .source_class = &test_source_class,
                                        .row_hint = random_below(&run->seed, 2) ? -1 : 0,
                                        .split_count = TEST_SPLITS,
                                        .splits = feed->splits};
        feed->next = 0;
        feed->morsel_count = counts[s];
        feed->blocks = ARENA_ARRAY(&arena, struct test_block, counts[s] + 1);
        feed->morsels = ARENA_ARRAY(&arena, struct morsel, counts[s] + 1);
        for (int m = 0; m < counts[s]; m++) {
            const struct test_morsel *from = &morsels[s][m];
            feed->blocks[m] = (struct test_block){.rows = from->rows,
                                                  .schema = &executor_scan(run->executor, s)->schema,
                                                  .seed = random_next(&run->seed),
                                                  .fail_at = s == 0 && m == 0 ? fail_at : -1};
            feed->morsels[m] = (struct morsel){.block = &feed->blocks[m].base,
                                               .count = from->count,
                                               .split = from->split,
                                               .order = (uint64_t)from->split << 44 | feed->order[from->split]};
            feed->order[from->split] += (uint64_t)from->count;
        }
        feeds[s] = &feed->base;
    }
    for (int i = 0; i < TEST_ROOTS; i++) changes_clear(&run->sinks[i].changes);
    for (int i = 0; i < run->tap_count; i++) changes_clear(&run->taps[i].changes);
    run->step_id++;
    struct step step = {.id = run->step_id,
                        .now_micros = run->now_micros,
                        .write_micros = run->step_id * 1000,
                        .seed = 42,
                        .is_last = is_last,
                        .feeds = feeds};
    enum status status = executor_step(run->executor, &step, err);
    for (int i = 0; i < run->tp->plan.root_count && status == STATUS_OK; i++) {
        struct test_sink *sink = &run->sinks[i];
        if (sink->broken) fail_msg("%s", sink->broken);
        if (sink->changes.count) {
            assert_int_equal(sink->step_id, run->step_id);
            assert_int_equal(sink->write_micros, run->step_id * 1000);
        }
        changes_net(&sink->changes, &sink->table);
        for (size_t k = 0; k < sink->table.count && sink->base.accepts == CHANGES_RETRACT; k++)
            if (sink->table.items[k].count < 0) fail_msg("%s was never there", sink->table.items[k].text);
    }
    arena_destroy(&arena);
    return status;
}

static inline void run_step(struct test_run *run, struct test_morsel *const *morsels, const int *counts, bool is_last) {
    struct error err;
    error_clear(&err);
    if (run_step_failing(run, morsels, counts, is_last, -1, &err) != STATUS_OK) fail_msg("%s", err.message);
}

/* Snapshot, everything destroyed, made anew with other workers, restored. */
static inline void run_restart(struct test_run *run, int workers) {
    struct memory_store store;
    memory_store_init(&store);
    struct error err;
    error_clear(&err);
    if (executor_snapshot(run->executor, &store.base, &err) != STATUS_OK) fail_msg("snapshot: %s", err.message);
    run_close(run);
    run_start(run, workers);
    if (executor_restore(run->executor, &store.base, &err) != STATUS_OK) fail_msg("restore: %s", err.message);
    memory_store_free(&store);
}

/* ---- Random changelogs ---- */

/* What a scan's rows add up to: rows may occur several times. */
struct live_rows {
    struct test_row *rows;
    size_t count, capacity;
};

struct changelog {
    const struct pnode *scan;
    /* A random row; strings in arena. */
    void (*make)(struct arena *arena, uint64_t *seed, struct test_row *row);
    struct live_rows live; /* after the step */
    bool append;           /* inserts only */
};

/* The rows of a step: inserts, retractions of rows that are there (also of those that came in this very step), in random order, so
 * that a retraction may come before its row. Cut into morsels of random sizes and splits. Everything in arena. */
static inline int changelog_step(struct changelog *log, struct arena *arena, uint64_t *seed, int row_count,
                                 struct test_morsel **morsels) {
    struct test_row *rows = ARENA_ARRAY(arena, struct test_row, row_count + 1);
    for (int i = 0; i < row_count; i++) {
        if (!log->append && log->live.count && random_below(seed, 100) < 45) {
            size_t at = (size_t)random_below(seed, (int)log->live.count);
            rows[i] = log->live.rows[at];
            rows[i].sign = -1;
            log->live.rows[at] = log->live.rows[--log->live.count];
        } else {
            memset(&rows[i], 0, sizeof rows[i]);
            log->make(arena, seed, &rows[i]);
            rows[i].sign = 1;
            ARRAY_RESERVE(log->live.rows, log->live.capacity, log->live.count + 1);
            log->live.rows[log->live.count++] = rows[i];
        }
    }
    if (random_below(seed, 2))
        for (int i = row_count - 1; i > 0; i--) {
            int k = random_below(seed, i + 1);
            struct test_row swap = rows[i];
            rows[i] = rows[k];
            rows[k] = swap;
        }
    *morsels = ARENA_ARRAY(arena, struct test_morsel, row_count + 1);
    int count = 0;
    for (int from = 0; from < row_count;) {
        int n = 1 + random_below(seed, random_below(seed, 2) ? 10 : row_count);
        if (n > row_count - from) n = row_count - from;
        (*morsels)[count++] = (struct test_morsel){random_below(seed, TEST_SPLITS), n, rows + from};
        from += n;
    }
    return count;
}

/* ---- The property: after every step the tables at the sinks are what a naive reference computes from the live rows ---- */

struct property {
    struct test_plan *tp;
    int scan_count;
    struct changelog logs[TEST_SCANS];
    /* Fills table with what root 0 must hold. */
    void (*reference)(const struct property *property, struct bag *table);
    /* The node whose output must be netted by its key (columns 0 … key_count-1); NULL: none is checked. */
    const struct pnode *netted;
    int netted_key_count;
    /* The node that must not emit and retract the same row in a step; NULL: none is checked. */
    const struct pnode *minimal;
    int steps, step_rows;
    void *data;
};

/* At most one -1 and one +1 per key, never equal ones. */
static inline void check_netted(const struct test_changes *changes, int key_count) {
    struct bag minus = {0}, plus = {0}, whole_minus = {0};
    for (size_t i = 0; i < changes->count; i++) {
        const char *text = changes->items[i].text, *end = text;
        for (int k = 0; k < key_count; k++) end = strchr(end, '|') ? strchr(end, '|') + 1 : end + strlen(end);
        char *key = xstrndup(text, (size_t)(end - text));
        bag_add(changes->items[i].sign < 0 ? &minus : &plus, key, 1);
        if (changes->items[i].sign < 0) bag_add(&whole_minus, text, 1);
        free(key);
    }
    for (size_t i = 0; i < minus.count; i++)
        if (minus.items[i].count > 1) fail_msg("%s retracted %d times", minus.items[i].text, (int)minus.items[i].count);
    for (size_t i = 0; i < plus.count; i++)
        if (plus.items[i].count > 1) fail_msg("%s emitted %d times", plus.items[i].text, (int)plus.items[i].count);
    for (size_t i = 0; i < changes->count; i++)
        if (changes->items[i].sign > 0 && bag_count(&whole_minus, changes->items[i].text))
            fail_msg("%s emitted and retracted", changes->items[i].text);
    bag_free(&minus);
    bag_free(&plus);
    bag_free(&whole_minus);
}

static inline void check_minimal(const struct test_changes *changes) {
    struct bag minus = {0};
    for (size_t i = 0; i < changes->count; i++)
        if (changes->items[i].sign < 0) bag_add(&minus, changes->items[i].text, 1);
    for (size_t i = 0; i < changes->count; i++)
        if (changes->items[i].sign > 0 && bag_count(&minus, changes->items[i].text))
            fail_msg("%s emitted and retracted", changes->items[i].text);
    bag_free(&minus);
}

static inline void property_check(struct property *property, uint64_t seed, int workers, bool restarts) {
    struct test_run *run = calloc(1, sizeof *run);
    run_init(run, property->tp, seed);
    struct test_tap *tap = property->netted ? run_tap(run, property->netted) : NULL;
    struct test_tap *minimal = property->minimal ? run_tap(run, property->minimal) : NULL;
    run_start(run, workers);
    struct arena arena;
    arena_init(&arena, NULL);
    for (int s = 0; s < property->scan_count; s++) property->logs[s].live.count = 0;
    for (int n = 0; n < property->steps; n++) {
        struct test_morsel *morsels[TEST_SCANS];
        int counts[TEST_SCANS] = {0};
        for (int s = 0; s < property->scan_count; s++) {
            int rows = random_below(&seed, 8) == 0 ? 0 : 1 + random_below(&seed, property->step_rows);
            counts[s] = changelog_step(&property->logs[s], &arena, &seed, rows, &morsels[s]);
        }
        bool is_last = property->tp->plan.streaming && n == property->steps - 1;
        run_step(run, morsels, counts, is_last);
        struct bag expected = {0};
        property->reference(property, &expected);
        if (!bag_equal(&run->sinks[0].table, &expected)) fail_msg("step %d, workers %d", n, workers);
        bag_free(&expected);
        if (tap) check_netted(&tap->changes, property->netted_key_count);
        if (minimal) check_minimal(&minimal->changes);
        if (restarts && random_below(&seed, 3) == 0) {
            static const int choices[] = {1, 2, 7};
            run_restart(run, choices[random_below(&seed, 3)]);
        }
    }
    arena_destroy(&arena);
    run_free(run);
    free(run);
    for (int s = 0; s < property->scan_count; s++) {
        free(property->logs[s].live.rows);
        property->logs[s].live = (struct live_rows){0};
    }
}

static inline void property_run(struct property *property, uint64_t seed) {
    static const int workers[] = {1, 2, 7};
    for (int i = 0; i < 3; i++) {
        property_check(property, seed + (uint64_t)i, workers[i], false);
        property_check(property, seed + 10 + (uint64_t)i, workers[i], true);
    }
}

#endif
