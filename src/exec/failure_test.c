/* Errors in the middle of a step come out as what they are, with any number of workers, and everything can be destroyed
 * (run_free checks that no memory stays charged; the sanitizers look for leaks). Damaged snapshots likewise. */
#include "exec/test_plan.h"

extern const struct CMUnitTest failure_tests[];
extern const size_t failure_tests_count;

enum { K, V, COLUMNS };

static const struct type *input_types[COLUMNS];

static void set_types(void) {
    input_types[K] = type_of(TYPE_BIGINT);
    input_types[V] = type_of(TYPE_BIGINT);
}

static struct test_morsel *make_morsels(struct arena *arena, int row_count, int zero_at, int *morsel_count) {
    struct test_row *rows = ARENA_ARRAY(arena, struct test_row, row_count + 1);
    struct test_morsel *morsels = ARENA_ARRAY(arena, struct test_morsel, row_count + 1);
    *morsel_count = 0;
    for (int i = 0; i < row_count; i++) {
        rows[i].sign = 1;
        rows[i].values[K] = value_i64(input_types[K], i % 997);
        rows[i].values[V] = value_i64(input_types[V], i == zero_at ? 0 : i + 1);
    }
    for (int from = 0; from < row_count; from += 150) {
        int count = row_count - from < 150 ? row_count - from : 150;
        morsels[(*morsel_count)++] = (struct test_morsel){from / 150 % TEST_SPLITS, count, rows + from};
    }
    return morsels;
}

enum place { IN_SOURCE, BEHIND_EXCHANGE, IN_JOIN, IN_BATCH_JOIN, IN_SHARED_JOIN, PLACES };

/* 100 / v, which fails for the row whose v is 0. */
static struct pnode *make_plan(struct test_plan *tp, enum place place) {
    static const int keys[] = {K};
    struct pnode *scan = plan_scan(tp, CHANGES_APPEND, input_types, COLUMNS), *node = scan;
    if (place == BEHIND_EXCHANGE) node = plan_exchange(tp, node, keys, 1);
    if (place == IN_SOURCE || place == BEHIND_EXCHANGE) {
        node = plan_over(tp, PNODE_CALC, node);
        node->calc.exprs = ARENA_ARRAY(&tp->arena, struct expr *, COLUMNS);
        node->calc.exprs[K] = plan_column(tp, scan, K);
        node->calc.exprs[V] = plan_call(tp, "/", plan_int(tp, 100), plan_column(tp, scan, V));
        return node;
    }
    struct pnode *inputs[2] = {scan, plan_exchange(tp, plan_scan(tp, CHANGES_APPEND, input_types, COLUMNS), keys, 1)};
    if (place != IN_SHARED_JOIN) inputs[0] = plan_exchange(tp, scan, keys, 1);
    const struct type *types[] = {input_types[0], input_types[0], input_types[0], input_types[0]};
    node = plan_node(tp, place == IN_JOIN ? PNODE_STREAM_JOIN : PNODE_HASH_JOIN, CHANGES_APPEND, types, 4, inputs, 2);
    node->join.type = JOIN_INNER;
    node->join.key_count = 1;
    node->join.left_keys = node->join.right_keys = keys;
    node->join.condition = plan_call(
        tp, "<", plan_call(tp, "/", plan_int(tp, 100), expr_column(&tp->arena, V, input_types[V])), plan_int(tp, 1000));
    return node;
}

static void expressions(void **unused) {
    (void)unused;
    set_types();
    for (int place = 0; place < PLACES; place++)
        for (int workers = 1; workers < 8; workers += 3) {
            struct test_plan tp;
            plan_begin(&tp, place == IN_JOIN);
            plan_collect(&tp, make_plan(&tp, (enum place)place));
            struct test_run run;
            run_init(&run, &tp, 1);
            run_start(&run, workers);
            int counts[2];
            struct test_morsel *morsels[2];
            struct error err;
            if (place == IN_JOIN) { /* a good step before */
                for (int s = 0; s < 2; s++) morsels[s] = make_morsels(&tp.arena, 500, -1, &counts[s]);
                run_step(&run, morsels, counts, false);
            }
            for (int s = 0; s < 2; s++) morsels[s] = make_morsels(&tp.arena, 6000, s == 0 ? 3333 : -1, &counts[s]);
            error_clear(&err);
            assert_int_equal(run_step_failing(&run, morsels, counts, place != IN_JOIN, -1, &err),
                             STATUS_DIVISION_BY_ZERO);
            assert_true(err.message[0]);
            run_free(&run);
            plan_end(&tp);
        }
}

/* The source: a record that cannot be read, a reader that broke. */
static void sources(void **unused) {
    (void)unused;
    set_types();
    for (int workers = 1; workers < 8; workers += 3)
        for (int broken = 0; broken < 2; broken++) {
            struct test_plan tp;
            plan_begin(&tp, false);
            plan_collect(&tp, make_plan(&tp, BEHIND_EXCHANGE));
            struct test_run run;
            run_init(&run, &tp, 1);
            run_start(&run, workers);
            int count;
            struct test_morsel *morsels = make_morsels(&tp.arena, 6000, -1, &count);
            run.feeds[0].fail = broken;
            struct error err;
            error_clear(&err);
            enum status status = run_step_failing(&run, &morsels, &count, true, broken ? -1 : 77, &err);
            assert_int_equal(status, broken ? STATUS_IO_ERROR : STATUS_BAD_DATA);
            assert_string_equal(err.message, broken ? "the source broke" : "row 77 cannot be read");
            run_free(&run);
            plan_end(&tp);
        }
}

/* The sink refuses a batch, at any moment. */
static void sinks(void **unused) {
    (void)unused;
    set_types();
    for (int workers = 1; workers < 8; workers += 3)
        for (int place = 0; place < 2; place++)
            for (int after = 0; after <= 6000; after += 1777) {
                struct test_plan tp;
                plan_begin(&tp, false);
                struct pnode *node = make_plan(&tp, place ? BEHIND_EXCHANGE : IN_SOURCE);
                plan_collect(&tp, node);
                struct test_run run;
                run_init(&run, &tp, 1);
                run.sinks[0].fail_after = after;
                run_start(&run, workers);
                int count;
                struct test_morsel *morsels = make_morsels(&tp.arena, 6001, -1, &count);
                struct error err;
                error_clear(&err);
                assert_int_equal(run_step_failing(&run, &morsels, &count, true, -1, &err), STATUS_SERVER_ERROR);
                assert_string_equal(err.message, "the sink's server went away");
                run_free(&run);
                plan_end(&tp);
            }
}

/* Over the memory limit, wherever a stream keeps rows (a batch spills: tests/spill). */
static void memory(void **unused) {
    (void)unused;
    set_types();
    static const int keys[] = {K};
    enum { AGGREGATE, JOIN, RANK, RETRACT_SINK, KINDS };
    for (int kind = 0; kind < KINDS; kind++)
        for (int workers = 1; workers < 8; workers += 3) {
            struct test_plan tp;
            plan_begin(&tp, true);
            struct pnode *node;
            if (kind == JOIN) {
                node = make_plan(&tp, IN_JOIN);
                node->join.condition = NULL;
            } else {
                node = plan_scan(&tp, kind == RETRACT_SINK ? CHANGES_RETRACT : CHANGES_APPEND, input_types, COLUMNS);
                node = plan_exchange(&tp, node, keys, 1);
            }
            struct sort_key order = {V, false, false};
            if (kind == AGGREGATE) {
                struct aggregate_call call = plan_aggregate_call(&tp, "COUNT", node, -1, false, -1, false);
                node = plan_node(&tp, PNODE_AGGREGATE, CHANGES_RETRACT, input_types, COLUMNS, &node, 1);
                node->aggregate.key_count = 1;
                node->aggregate.keys = keys;
                node->aggregate.call_count = 1;
                node->aggregate.calls = arena_memdup(&tp.arena, &call, sizeof call);
            } else if (kind == RANK) {
                node = plan_over(&tp, PNODE_RANK, node);
                node->edge.changes = CHANGES_RETRACT;
                node->rank.order_count = 1;
                node->rank.order = &order;
                node->rank.partition_count = 1;
                node->rank.partition = keys;
                node->rank.rank_from = 1;
                node->rank.rank_to = 1000;
            }
            plan_collect(&tp, node);
            struct test_run run;
            run_init(&run, &tp, 1);
            run_start(&run, workers);
            run.account.limit_bytes = 2 << 20;
            int counts[2];
            struct test_morsel *morsels[2];
            enum status status = STATUS_OK;
            struct error err;
            error_clear(&err);
            for (int step = 0; step < 100 && status == STATUS_OK; step++) {
                struct arena arena;
                arena_init(&arena, NULL);
                for (int s = 0; s < 2; s++) morsels[s] = make_morsels(&arena, 30000, -1, &counts[s]);
                for (int m = 0; m < counts[0] && kind == AGGREGATE; m++)
                    for (int i = 0; i < morsels[0][m].count; i++) /* ever new groups */
                        ((struct test_row *)morsels[0][m].rows)[i].values[K].i64 += step * 100000 + m * 1000;
                status = run_step_failing(&run, morsels, counts, false, -1, &err);
                arena_destroy(&arena);
            }
            assert_int_equal(status, STATUS_OUT_OF_MEMORY);
            assert_non_null(strstr(err.message, "memory"));
            run_free(&run);
            plan_end(&tp);
        }
}

static void *cancel_soon(void *arg) {
    struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
    atomic_store(&((struct test_run *)arg)->cancel.requested, true);
    return NULL;
}

static void cancelled(void **unused) {
    (void)unused;
    set_types();
    for (int before = 0; before < 2; before++) {
        struct test_plan tp;
        plan_begin(&tp, false);
        plan_collect(&tp, make_plan(&tp, BEHIND_EXCHANGE));
        struct test_run run;
        run_init(&run, &tp, 1);
        run_start(&run, 4);
        int count;
        struct test_morsel *morsels = make_morsels(&tp.arena, 300, -1, &count);
        run.feeds[0].wait_every = 1; /* the source never gives anything */
        pthread_t thread;
        if (before)
            atomic_store(&run.cancel.requested, true);
        else
            assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &run), 0);
        struct error err;
        error_clear(&err);
        assert_int_equal(run_step_failing(&run, &morsels, &count, true, -1, &err), STATUS_CANCELLED);
        if (!before) pthread_join(thread, NULL);
        assert_int_equal(run.sinks[0].rows, 0);
        run_free(&run);
        plan_end(&tp);
    }
}

/* What cannot be made is refused with a message, and what was made by then goes away. */
static void refused_plans(void **unused) {
    (void)unused;
    set_types();
    static const int keys[] = {K};
    for (int kind = 1; kind < 3; kind++) {
        struct test_plan tp;
        plan_begin(&tp, true);
        struct pnode *node = make_plan(&tp, IN_JOIN);
        if (kind == 1) { /* two inputs in different numbers of partitions */
            struct pnode *inputs[] = {plan_exchange(&tp, node, keys, 1), plan_exchange(&tp, node, NULL, 0)};
            node = plan_node(&tp, PNODE_UNION, CHANGES_APPEND, node->schema.types, 4, inputs, 2);
        }
        if (kind == 2) { /* a window aggregate without a window */
            node = plan_over(&tp, PNODE_WINDOW_AGGREGATE, plan_exchange(&tp, node, keys, 1));
            node->aggregate.window_end_key = -1;
        }
        plan_collect(&tp, node);
        struct test_run run;
        run_init(&run, &tp, 1);
        struct error err;
        error_clear(&err);
        assert_int_not_equal(run_open(&run, 2, &err), STATUS_OK);
        assert_true(err.message[0]);
        run_free(&run);
        plan_end(&tp);
    }
}

/* ---- Snapshots ---- */

static struct pnode *aggregate_plan(struct test_plan *tp) {
    static const int keys[] = {K};
    plan_begin(tp, true);
    struct pnode *node = plan_exchange(tp, plan_scan(tp, CHANGES_APPEND, input_types, COLUMNS), keys, 1);
    struct aggregate_call call = plan_aggregate_call(tp, "COUNT", node, -1, false, -1, false);
    node = plan_node(tp, PNODE_AGGREGATE, CHANGES_RETRACT, input_types, COLUMNS, &node, 1);
    node->aggregate.key_count = 1;
    node->aggregate.keys = keys;
    node->aggregate.call_count = 1;
    node->aggregate.calls = arena_memdup(&tp->arena, &call, sizeof call);
    plan_collect(tp, node);
    return node;
}

static enum status try_restore(struct test_plan *tp, struct memory_store *store, int workers, struct error *err) {
    struct test_run run;
    run_init(&run, tp, 1);
    run_start(&run, workers);
    error_clear(err);
    enum status status = executor_restore(run.executor, &store->base, err);
    run_free(&run);
    return status;
}

static void damaged_snapshots(void **unused) {
    (void)unused;
    set_types();
    struct test_plan tp;
    aggregate_plan(&tp);
    struct test_run run;
    run_init(&run, &tp, 1);
    run_start(&run, 2);
    int count;
    struct test_morsel *morsels = make_morsels(&tp.arena, 40, -1, &count);
    run_step(&run, &morsels, &count, false);
    struct memory_store store;
    memory_store_init(&store);
    struct error err;
    assert_int_equal(executor_snapshot(run.executor, &store.base, &err), STATUS_OK);
    run_free(&run);
    assert_int_equal(try_restore(&tp, &store, 7, &err), STATUS_OK);
    uint64_t seed = 9;
    for (size_t s = 0; s < store.count; s++) {
        struct strbuf *bytes = &store.sections[s].bytes;
        size_t len = bytes->len;
        for (size_t cut = 0; cut < len; cut += 1 + (size_t)random_below(&seed, len > 200 ? 60 : 8)) {
            bytes->len = cut;
            assert_int_equal(try_restore(&tp, &store, 1, &err), STATUS_BAD_DATA);
            assert_true(err.message[0]);
        }
        bytes->len = len;
        for (size_t at = 0; at < len; at += 1 + (size_t)random_below(&seed, len > 200 ? 60 : 8)) {
            char old = bytes->data[at];
            bytes->data[at] = (char)(old ^ 1 << random_below(&seed, 8));
            enum status status = try_restore(&tp, &store, 2, &err); /* a watermark may be any */
            assert_true(status == STATUS_OK || status == STATUS_BAD_DATA);
            if (status != STATUS_OK) assert_true(err.message[0]);
            bytes->data[at] = old;
        }
    }
    /* the number of old partitions is in every section and must be the number that there are */
    store.count--;
    assert_int_equal(try_restore(&tp, &store, 2, &err), STATUS_BAD_DATA);
    store.count++;
    memory_store_free(&store);
    assert_int_equal(try_restore(&tp, &store, 2, &err), STATUS_BAD_DATA);
    assert_non_null(strstr(err.message, "another script"));
    plan_end(&tp);
}

const struct CMUnitTest failure_tests[] = {
    cmocka_unit_test(expressions),
    cmocka_unit_test(sources),
    cmocka_unit_test(sinks),
    cmocka_unit_test(memory),
    cmocka_unit_test(cancelled),
    cmocka_unit_test(refused_plans),
    cmocka_unit_test(damaged_snapshots),
};
const size_t failure_tests_count = sizeof failure_tests / sizeof *failure_tests;
