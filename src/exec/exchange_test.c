/* Exchanges: which partition gets which rows, in which order, with which hash and watermark. And graphs that are no chains. */
#include "exec/test_plan.h"

extern const struct CMUnitTest exchange_tests[];
extern const size_t exchange_tests_count;

/* Input: k INT, s STRING (both may be NULL), split INT, record BIGINT. */
enum { K, S, SPLIT, RECORD, COLUMNS };

static const struct type *input_types[COLUMNS];

static void set_types(void) {
    static const enum type_id ids[COLUMNS] = {TYPE_INT, TYPE_VARCHAR, TYPE_INT, TYPE_BIGINT};
    for (int i = 0; i < COLUMNS; i++) input_types[i] = type_of(ids[i]);
}

/* Rows that know where they come from, as morsels in random order of splits. */
static struct test_morsel *make_morsels(struct arena *arena, uint64_t *seed, int64_t *records, int row_count,
                                        int *morsel_count) {
    static const char *const texts[] = {"", "short", "a text that is copied with the row into the exchange"};
    struct test_row *rows = ARENA_ARRAY(arena, struct test_row, row_count + 1);
    struct test_morsel *morsels = ARENA_ARRAY(arena, struct test_morsel, row_count + 1);
    *morsel_count = 0;
    for (int from = 0; from < row_count;) {
        int count = 1 + random_below(seed, 400), split = random_below(seed, TEST_SPLITS);
        if (count > row_count - from) count = row_count - from;
        for (int i = from; i < from + count; i++) {
            rows[i].sign = 1;
            rows[i].values[K] =
                random_below(seed, 9) ? value_i64(input_types[K], random_below(seed, 30)) : value_null(input_types[K]);
            rows[i].values[S] = random_below(seed, 9)
                                    ? value_str(input_types[S], str_from(texts[random_below(seed, 3)]))
                                    : value_null(input_types[S]);
            rows[i].values[SPLIT] = value_i64(input_types[SPLIT], split);
            rows[i].values[RECORD] = value_i64(input_types[RECORD], records[split]++);
        }
        morsels[(*morsel_count)++] = (struct test_morsel){split, count, rows + from};
        from += count;
    }
    return morsels;
}

/* Sees what one reader instance emits: that the partition and the hash are right, and that rows of a writer come in (split, record)
 * order. */
struct checker {
    struct op op;
    const struct pnode *exchange;
    int partition_count;
    int last_split[64];
    int64_t last_record[64];
    _Atomic int64_t rows;
    const char *_Atomic broken;
};

static enum status checker_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                                struct error *err) {
    (void)ctx, (void)port, (void)err;
    struct checker *checker = inst->op->shared;
    const struct pnode *node = checker->exchange;
    int partition = inst->index;
    bool hashed = node->exchange.distribution == DISTRIBUTION_HASH;
    if (hashed != (chunk->hash != NULL)) checker->broken = "the hash is missing or too much";
    uint64_t hash[VECTOR_CAPACITY];
    if (hashed) chunk_hash(chunk, node->exchange.keys, node->exchange.key_count, hash);
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        if (hashed && chunk->hash[row] != hash[row]) checker->broken = "another hash";
        if (hashed && (int)state_partition(hash[row], (uint32_t)checker->partition_count) != partition)
            checker->broken = "a row in the wrong partition";
        int split = (int)vector_get(&chunk->columns[SPLIT], row, NULL).i64;
        int64_t record = vector_get(&chunk->columns[RECORD], row, NULL).i64;
        if (split < checker->last_split[partition] ||
            (split == checker->last_split[partition] && record <= checker->last_record[partition]))
            checker->broken = "rows out of order";
        checker->last_split[partition] = split;
        checker->last_record[partition] = record;
    }
    checker->rows += chunk->sel_count;
    return STATUS_OK;
}

static const struct op_class checker_class = {.kind = PNODE_KIND_COUNT, .push = checker_push};

static void attach_checker(struct test_run *run, struct checker *checker, const struct pnode *exchange) {
    memset(checker, 0, sizeof *checker);
    checker->op = (struct op){.class = &checker_class, .shared = checker, .node = exchange};
    checker->exchange = exchange;
    for (int i = 0; i < run->executor->op_count; i++) {
        struct op *op = run->executor->ops[i];
        if (op->node != exchange || op->class != &exec_exchange_read_class) continue;
        checker->partition_count = op->instance_count;
        for (int k = 0; k < op->instance_count; k++) {
            struct op_instance *inst = op->instances[k], *end = ARENA_NEW(&run->arena, struct op_instance);
            end->op = &checker->op;
            end->index = k;
            struct op_output *outputs = ARENA_ARRAY(&run->arena, struct op_output, inst->output_count + 1);
            memcpy(outputs, inst->outputs, sizeof *outputs * (size_t)inst->output_count);
            outputs[inst->output_count++] = (struct op_output){end, 0};
            inst->outputs = outputs;
        }
    }
}

static void order_and_partitions(void **unused) {
    (void)unused;
    set_types();
    static const int workers[] = {1, 2, 7, 20};
    static const int keys[] = {S, K};
    for (int w = 0; w < 4; w++)
        for (int key_count = 0; key_count <= 2; key_count++) {
            struct test_plan tp;
            plan_begin(&tp, w % 2);
            struct pnode *exchange =
                plan_exchange(&tp, plan_scan(&tp, CHANGES_APPEND, input_types, COLUMNS), keys, key_count);
            plan_collect(&tp, exchange);
            struct test_run run;
            run_init(&run, &tp, 1);
            run_start(&run, workers[w]);
            struct checker checker;
            attach_checker(&run, &checker, exchange);
            uint64_t seed = 100;
            int64_t records[TEST_SPLITS] = {0};
            for (int step = 0; step < 4; step++) {
                for (int p = 0; p < 64; p++) checker.last_split[p] = -1;
                checker.rows = 0;
                int count, rows = step == 2 ? 0 : step == 3 ? 9000 : 700;
                struct test_morsel *morsels = make_morsels(&tp.arena, &seed, records, rows, &count);
                run_step(&run, &morsels, &count, false);
                if (checker.broken) fail_msg("%s", checker.broken);
                assert_int_equal(checker.rows, rows);
                if (rows > 1000) {
                    assert_int_equal(run.sinks[0].changes.count, rows);
                    continue;
                }
                struct bag expected = {0}, found = {0};
                for (int m = 0; m < count; m++)
                    for (int i = 0; i < morsels[m].count; i++)
                        bag_add(&expected, test_row_text(&tp.arena, morsels[m].rows[i].values, COLUMNS), 1);
                changes_net(&run.sinks[0].changes, &found);
                assert_true(bag_equal(&found, &expected));
                bag_free(&found);
                bag_free(&expected);
            }
            int partitions = key_count == 0 ? 1 : workers[w] == 1 ? 1 : workers[w] == 2 ? 8 : workers[w] == 7 ? 32 : 64;
            assert_int_equal(checker.partition_count, partitions);
            run_free(&run);
            plan_end(&tp);
        }
}

/* Rows of a source stage reach the sink in the order of the input, whoever worked on them. */
static void source_order(void **unused) {
    (void)unused;
    set_types();
    for (int workers = 1; workers < 8; workers += 3) {
        struct test_plan tp;
        plan_begin(&tp, false);
        plan_collect(&tp, plan_scan(&tp, CHANGES_APPEND, input_types, COLUMNS));
        struct test_run run;
        run_init(&run, &tp, 1);
        run_start(&run, workers);
        uint64_t seed = 200;
        int64_t records[TEST_SPLITS] = {0};
        for (int step = 0; step < 3; step++) {
            int count;
            struct test_morsel *morsels = make_morsels(&tp.arena, &seed, records, 20000, &count);
            run.feeds[0].wait_every = step == 1 ? 3 : 0;
            run_step(&run, &morsels, &count, false);
            size_t at = 0;
            for (int m = 0; m < count; m++)
                for (int i = 0; i < morsels[m].count; i++)
                    assert_string_equal(run.sinks[0].changes.items[at++].text,
                                        test_row_text(&tp.arena, morsels[m].rows[i].values, COLUMNS));
            assert_int_equal(at, run.sinks[0].changes.count);
        }
        run_free(&run);
        plan_end(&tp);
    }
}

/* UNION of two scans and of one of them again, filtered; two sinks, one of them behind an exchange: every row arrives where it must. */
static void diamond(void **unused) {
    (void)unused;
    set_types();
    static const int keys[] = {K};
    for (int workers = 1; workers < 8; workers += 3) {
        struct test_plan tp;
        plan_begin(&tp, workers != 4);
        struct pnode *a = plan_scan(&tp, CHANGES_APPEND, input_types, COLUMNS);
        struct pnode *b = plan_scan(&tp, CHANGES_APPEND, input_types, COLUMNS);
        struct pnode *few = plan_over(&tp, PNODE_CALC, a);
        few->calc.condition = plan_call(&tp, "<", plan_column(&tp, a, K), plan_int(&tp, 10));
        struct pnode *parts[] = {a, b, few};
        struct pnode *all = plan_node(&tp, PNODE_UNION, CHANGES_APPEND, input_types, COLUMNS, parts, 3);
        plan_collect(&tp, all);
        struct pnode *exchange = plan_exchange(&tp, all, keys, 1);
        struct pnode *calc = plan_over(&tp, PNODE_CALC, exchange);
        calc->calc.condition = plan_call(&tp, "IS NOT NULL", plan_column(&tp, a, S), NULL);
        plan_collect(&tp, calc);
        struct test_run run;
        run_init(&run, &tp, 1);
        run_start(&run, workers);
        uint64_t seed = 300;
        int64_t records[TEST_SPLITS] = {0};
        for (int step = 0; step < 5; step++) {
            struct test_morsel *morsels[2];
            int counts[2];
            struct bag first = {0}, second = {0};
            for (int s = 0; s < 2; s++) {
                morsels[s] = make_morsels(&tp.arena, &seed, records, step == 4 ? 2500 : 300, &counts[s]);
                for (int m = 0; m < counts[s]; m++)
                    for (int i = 0; i < morsels[s][m].count; i++) {
                        const struct value *values = morsels[s][m].rows[i].values;
                        const char *text = test_row_text(&tp.arena, values, COLUMNS);
                        int times = 1 + (s == 0 && !values[K].is_null && values[K].i64 < 10);
                        bag_add(&first, text, times);
                        bag_add(&second, text, values[S].is_null ? 0 : times);
                    }
            }
            run_step(&run, morsels, counts, false);
            struct bag found = {0};
            changes_net(&run.sinks[0].changes, &found);
            assert_true(bag_equal(&found, &first));
            bag_free(&found);
            changes_net(&run.sinks[1].changes, &found);
            assert_true(bag_equal(&found, &second));
            bag_free(&found);
            bag_free(&first);
            bag_free(&second);
            if (step % 2) run_restart(&run, 1 + step);
        }
        run_free(&run);
        plan_end(&tp);
    }
}

/* The watermark behind a UNION is the smaller one, and an input that ended does not hold it back. */
static void union_watermark(void **unused) {
    (void)unused;
    const struct type *time = type_of(TYPE_TIMESTAMP), *types[] = {time};
    struct test_plan tp;
    plan_begin(&tp, true);
    struct pnode *parts[2];
    for (int s = 0; s < 2; s++) {
        parts[s] = plan_over(&tp, PNODE_WATERMARK, plan_scan(&tp, CHANGES_APPEND, types, 1));
        parts[s]->watermark.expr = expr_column(&tp.arena, 0, time);
    }
    struct pnode *both = plan_node(&tp, PNODE_UNION, CHANGES_APPEND, types, 1, parts, 2);
    struct pnode *exchange = plan_exchange(&tp, both, (int[]){0}, 1);
    struct pnode *calc = plan_over(&tp, PNODE_CALC, exchange);
    plan_collect(&tp, calc);
    struct test_run run;
    run_init(&run, &tp, 1);
    run_start(&run, 2);
    for (int s = 0; s < 2; s++)
        for (int i = 1; i < TEST_SPLITS; i++) run.feeds[s].splits[i].finished = true;
    struct test_row rows[2];
    memset(rows, 0, sizeof rows);
    struct test_morsel morsel[2] = {{0, 1, &rows[0]}, {0, 1, &rows[1]}}, *morsels[2] = {&morsel[0], &morsel[1]};
    /* micros that scan 0 and 1 reach in each step (0: no rows), and what is expected behind the exchange */
    static const struct {
        int64_t times[2];
        bool finished[2], restart;
        int64_t expected;
    } steps[] = {
        {{50, 0}, {0, 0}, false, WATERMARK_NONE},
        {{0, 40}, {0, 0}, false, 40},
        {{45, 70}, {0, 0}, true, 50},
        {{60, 0}, {0, 0}, false, 60},
        {{0, 90}, {1, 0}, false, 90},
        {{0, 95}, {1, 0}, true, 95},
        {{0, 0}, {1, 1}, false, WATERMARK_MAX},
    };
    for (size_t n = 0; n < sizeof steps / sizeof *steps; n++) {
        int counts[2];
        for (int s = 0; s < 2; s++) {
            counts[s] = steps[n].times[s] > 0;
            rows[s].values[0] = value_i64(time, steps[n].times[s]);
            rows[s].sign = 1;
            run.feeds[s].splits[0].finished = steps[n].finished[s];
        }
        run_step(&run, morsels, counts, false);
        struct node_metrics metrics;
        executor_metrics(run.executor, calc->id, &metrics);
        assert_int_equal(metrics.watermark, steps[n].expected);
        if (steps[n].restart) run_restart(&run, n % 2 ? 1 : 7);
    }
    run_free(&run);
    plan_end(&tp);
}

/* VALUES come once, in the first step, also when there are more than fit one chunk. */
static void values(void **unused) {
    (void)unused;
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_BIGINT)};
    struct test_plan tp;
    plan_begin(&tp, true);
    struct pnode *node = plan_node(&tp, PNODE_VALUES, CHANGES_APPEND, types, 2, NULL, 0);
    enum { ROWS = 5000 };
    node->values.row_count = ROWS;
    node->values.rows = ARENA_ARRAY(&tp.arena, struct expr **, ROWS);
    for (int i = 0; i < ROWS; i++) {
        node->values.rows[i] = ARENA_ARRAY(&tp.arena, struct expr *, 2);
        node->values.rows[i][0] = plan_int(&tp, i);
        node->values.rows[i][1] = plan_call(&tp, "+", plan_int(&tp, i), plan_int(&tp, 1));
    }
    plan_collect(&tp, node);
    struct test_run run;
    run_init(&run, &tp, 1);
    run_start(&run, 2);
    run_step(&run, NULL, NULL, false);
    assert_int_equal(run.sinks[0].changes.count, ROWS);
    assert_string_equal(run.sinks[0].changes.items[0].text, "0|1");
    assert_string_equal(run.sinks[0].changes.items[ROWS - 1].text, "4999|5000");
    run_restart(&run, 1);
    run_step(&run, NULL, NULL, true);
    assert_int_equal(run.sinks[0].changes.count, 0);
    run_free(&run);
    plan_end(&tp);
}

const struct CMUnitTest exchange_tests[] = {
    cmocka_unit_test(order_and_partitions), cmocka_unit_test(source_order), cmocka_unit_test(diamond),
    cmocka_unit_test(union_watermark),      cmocka_unit_test(values),
};
const size_t exchange_tests_count = sizeof exchange_tests / sizeof *exchange_tests;
