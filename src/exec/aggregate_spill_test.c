/* DISTINCT calls of a batch aggregate whose values outgrow the memory limit: each value counts once, whether it stayed in memory, waited
 * in a file, or came again after others did. */
#include "exec/test_plan.h"

extern const struct CMUnitTest aggregate_spill_tests[];
extern const size_t aggregate_spill_tests_count;

/* Input: k INT, v BIGINT, s STRING. */
enum { K, V, S, COLUMNS };
enum { ROWS = 120000, DIFFERENT = 40000, MORSEL_ROWS = 3000, MORSELS = ROWS / MORSEL_ROWS, NULL_EVERY = 97 };

static const struct type *input_types[COLUMNS];

static void set_types(void) {
    static const enum type_id ids[COLUMNS] = {TYPE_INT, TYPE_BIGINT, TYPE_VARCHAR};
    for (int i = 0; i < COLUMNS; i++) input_types[i] = type_of(ids[i]);
}

/* Value n comes as row n, n + DIFFERENT and n + 2 * DIFFERENT, all in group n % group_count; every NULL_EVERY-th is NULL. */
static struct test_morsel *make_morsels(struct arena *arena, int group_count) {
    struct test_morsel *morsels = ARENA_ARRAY(arena, struct test_morsel, MORSELS);
    for (int m = 0; m < MORSELS; m++) {
        struct test_row *rows = ARENA_ARRAY(arena, struct test_row, MORSEL_ROWS);
        for (int i = 0; i < MORSEL_ROWS; i++) {
            int value = (m * MORSEL_ROWS + i) % DIFFERENT;
            rows[i].sign = 1;
            rows[i].values[K] = value_i64(input_types[K], value % group_count);
            rows[i].values[V] = value % NULL_EVERY ? value_i64(input_types[V], value) : value_null(input_types[V]);
            rows[i].values[S] =
                value_str(input_types[S], str_from(arena_printf(arena, "a text that is not short %d", value)));
        }
        morsels[m] = (struct test_morsel){.split = m % TEST_SPLITS, .count = MORSEL_ROWS, .rows = rows};
    }
    return morsels;
}

/* COUNT(*), COUNT(DISTINCT v), SUM(DISTINCT v), COUNT(DISTINCT s) by k, or of everything. */
static void check(int group_count, int64_t limit_bytes, int workers, bool spills) {
    set_types();
    struct test_plan tp;
    plan_begin(&tp, false);
    static const int keys[] = {K}, first_keys[] = {0};
    int key_count = group_count > 1;
    struct pnode *scan = plan_scan(&tp, CHANGES_APPEND, input_types, COLUMNS);
    struct aggregate_call calls[] = {plan_aggregate_call(&tp, "COUNT", scan, -1, false, -1, false),
                                     plan_aggregate_call(&tp, "COUNT", scan, V, true, -1, false),
                                     plan_aggregate_call(&tp, "SUM", scan, V, true, -1, false),
                                     plan_aggregate_call(&tp, "COUNT", scan, S, true, -1, false)};
    enum { CALLS = sizeof calls / sizeof *calls };
    const struct type *types[CALLS + 1] = {input_types[K]};
    for (int c = 0; c < CALLS; c++) types[key_count + c] = calls[c].function->result;
    struct pnode *below = plan_exchange(&tp, scan, keys, key_count);
    struct pnode *node = plan_node(&tp, PNODE_AGGREGATE, CHANGES_APPEND, types, key_count + CALLS, &below, 1);
    node->aggregate.key_count = key_count;
    node->aggregate.keys = keys;
    node->aggregate.call_count = CALLS;
    node->aggregate.calls = arena_memdup(&tp.arena, calls, sizeof calls);
    node->aggregate.emit_single = !key_count;
    node->edge.key = plan_ints(&tp, key_count, first_keys);
    node->edge.key_count = key_count;
    plan_collect(&tp, node);

    struct test_run run;
    run_init(&run, &tp, 7);
    run_start(&run, workers);
    run.account.limit_bytes = limit_bytes;
    struct test_morsel *morsels = make_morsels(&tp.arena, group_count);
    int count = MORSELS;
    run_step(&run, &morsels, &count, true);

    struct bag expected = {0};
    for (int group = 0; group < group_count; group++) {
        int64_t different = 0, different_texts = 0, sum = 0;
        for (int value = group; value < DIFFERENT; value += group_count, different_texts++) {
            if (value % NULL_EVERY == 0) continue;
            different++;
            sum += value;
        }
        char *text = arena_printf(&tp.arena, "%lld|%lld|%lld|%lld", (long long)different_texts * (ROWS / DIFFERENT),
                                  (long long)different, (long long)sum, (long long)different_texts);
        bag_add(&expected, key_count ? arena_printf(&tp.arena, "%d|%s", group, text) : text, 1);
    }
    assert_true(bag_equal(&run.sinks[0].table, &expected));
    bag_free(&expected);
    assert_int_equal(executor_spilled_bytes(run.executor) > 0, spills);
    run_free(&run);
    plan_end(&tp);
}

static void in_memory(void **state) {
    (void)state;
    check(1, 0, 1, false);
    check(3, 0, 4, false);
}

static void one_group(void **state) {
    (void)state;
    for (int workers = 1; workers < 8; workers += 3) check(1, 8 << 20, workers, true);
}

/* Too large even when each is alone. */
static void few_groups(void **state) {
    (void)state;
    check(2, 6 << 20, 1, true);
    check(5, 6 << 20, 3, true);
}

const struct CMUnitTest aggregate_spill_tests[] = {cmocka_unit_test(in_memory), cmocka_unit_test(one_group),
                                                   cmocka_unit_test(few_groups)};
const size_t aggregate_spill_tests_count = sizeof aggregate_spill_tests / sizeof *aggregate_spill_tests;
