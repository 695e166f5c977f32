/* Time to live of state, through the whole executor: what happens when, by hand; and random runs beside a plain reference, with other
 * numbers of workers and restarts in between. The clock is the step's. */
#include <stdio.h>

#include "exec/test_plan.h"

extern const struct CMUnitTest ttl_tests[];
extern const size_t ttl_tests_count;

/* Input: k INT, v BIGINT. */
enum { K, V, COLUMNS };
enum { TTL_MS = 10000 };

static const struct type *input_types[COLUMNS];
static const int by_key[] = {K};

static void set_types(void) {
    input_types[K] = type_of(TYPE_INT);
    input_types[V] = type_of(TYPE_BIGINT);
}

static void make_row(struct test_row *row, int64_t k, int64_t v, int sign) {
    *row = (struct test_row){.sign = sign};
    row->values[K] = value_i64(input_types[K], k);
    row->values[V] = value_i64(input_types[V], v);
}

/* ---- Steps by hand ---- */

struct given {
    int scan, sign;
    int64_t k, v;
};

/* Runs a step at a time, ms. */
static void step_at(struct test_run *run, int64_t now_ms, const struct given *given, int count) {
    struct test_row rows[TEST_SCANS][16];
    struct test_morsel one[TEST_SCANS], *morsels[TEST_SCANS];
    int counts[TEST_SCANS] = {0}, row_counts[TEST_SCANS] = {0};
    assert_true(count <= 16);
    for (int i = 0; i < count; i++)
        make_row(&rows[given[i].scan][row_counts[given[i].scan]++], given[i].k, given[i].v, given[i].sign);
    for (int s = 0; s < TEST_SCANS; s++) {
        one[s] = (struct test_morsel){0, row_counts[s], rows[s]};
        morsels[s] = &one[s];
        counts[s] = row_counts[s] > 0;
    }
    run->now_micros = now_ms * 1000;
    run_step(run, morsels, counts, false);
}
#define STEP(run, now_ms, ...)                                                                                         \
    step_at(run, now_ms, (const struct given[]){__VA_ARGS__},                                                          \
            (int)(sizeof(const struct given[]){__VA_ARGS__} / sizeof(struct given)))

/* The sink's changes of the last step, in any order: "+1|2", "-1|1". */
static void expect_changes(struct test_run *run, const char *const *texts, int count) {
    struct bag found = {0}, expected = {0};
    const struct test_changes *changes = &run->sinks[0].changes;
    for (size_t i = 0; i < changes->count; i++) {
        char *text = arena_printf(&run->arena, "%c%s", changes->items[i].sign < 0 ? '-' : '+', changes->items[i].text);
        bag_add(&found, text, 1);
    }
    for (int i = 0; i < count; i++) bag_add(&expected, texts[i], 1);
    if (!bag_equal(&found, &expected)) fail_msg("at %lld ms", (long long)run->now_micros / 1000);
    bag_free(&found);
    bag_free(&expected);
}
#define EXPECT(run, ...)                                                                                               \
    expect_changes(run, (const char *const[]){__VA_ARGS__}, (int)(sizeof(const char *[]){__VA_ARGS__} / sizeof(char *)))
#define EXPECT_NOTHING(run) expect_changes(run, NULL, 0)

static struct node_metrics figures(const struct test_run *run, const struct pnode *node) {
    struct node_metrics metrics;
    executor_metrics(run->executor, node->id, &metrics);
    return metrics;
}

static int64_t entries(const struct test_run *run, const struct pnode *node) {
    return figures(run, node).state_entries;
}

/* ---- Plans ---- */

/* COUNT(*) or COUNT(DISTINCT v), by k. */
static struct pnode *count_plan(struct test_plan *tp, enum changes changes, bool distinct, int64_t ttl_ms) {
    plan_begin(tp, true);
    struct pnode *scan = plan_scan(tp, changes, input_types, COLUMNS);
    struct aggregate_call *call = ARENA_NEW(&tp->arena, struct aggregate_call);
    *call = plan_aggregate_call(tp, "COUNT", scan, distinct ? V : -1, distinct, -1, changes != CHANGES_APPEND);
    struct pnode *below = plan_exchange(tp, scan, by_key, 1);
    const struct type *types[] = {input_types[K], call->function->result};
    struct pnode *node = plan_node(tp, PNODE_AGGREGATE, CHANGES_RETRACT, types, 2, &below, 1);
    node->aggregate.key_count = 1;
    node->aggregate.keys = plan_ints(tp, 1, by_key);
    node->aggregate.call_count = 1;
    node->aggregate.calls = call;
    node->aggregate.retracting = changes != CHANGES_APPEND;
    node->edge.key = plan_ints(tp, 1, by_key);
    node->edge.key_count = 1;
    node->edge.netted = true;
    node->ttl_ms[0] = ttl_ms;
    plan_collect(tp, node);
    return node;
}

static struct pnode *join_plan(struct test_plan *tp, enum join_type type, enum changes changes, int64_t left_ttl_ms,
                               int64_t right_ttl_ms) {
    plan_begin(tp, true);
    struct pnode *sides[2];
    for (int i = 0; i < 2; i++) sides[i] = plan_exchange(tp, plan_scan(tp, changes, input_types, COLUMNS), by_key, 1);
    const struct type *types[] = {input_types[K], input_types[V], input_types[K], input_types[V]};
    int columns = type == JOIN_SEMI || type == JOIN_ANTI ? 2 : 4;
    struct pnode *node = plan_node(tp, PNODE_STREAM_JOIN, CHANGES_RETRACT, types, columns, sides, 2);
    node->join.type = type;
    node->join.key_count = 1;
    node->join.left_keys = node->join.right_keys = plan_ints(tp, 1, by_key);
    node->ttl_ms[0] = left_ttl_ms;
    node->ttl_ms[1] = right_ttl_ms;
    plan_collect(tp, node);
    return node;
}

/* ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) <= to. */
static struct pnode *rank_plan(struct test_plan *tp, enum changes changes, int64_t to, int64_t ttl_ms) {
    plan_begin(tp, true);
    struct pnode *below = plan_exchange(tp, plan_scan(tp, changes, input_types, COLUMNS), by_key, 1);
    struct pnode *node = plan_node(tp, PNODE_RANK, CHANGES_RETRACT, input_types, COLUMNS, &below, 1);
    struct sort_key *order = ARENA_NEW(&tp->arena, struct sort_key);
    *order = (struct sort_key){.column = V};
    node->rank.partition_count = 1;
    node->rank.partition = plan_ints(tp, 1, by_key);
    node->rank.order_count = 1;
    node->rank.order = order;
    node->rank.rank_from = 1;
    node->rank.rank_to = to;
    node->ttl_ms[0] = ttl_ms;
    plan_collect(tp, node);
    return node;
}

static void begin(struct test_run *run, const struct test_plan *tp) {
    set_types();
    run_init(run, tp, 7);
    run_start(run, 2);
}

static void end(struct test_run *run, struct test_plan *tp) {
    run_free(run);
    plan_end(tp);
}

/* ---- Aggregates ---- */

/* The time begins anew with every write; at its end the group begins from nothing, and what it was is not taken back. */
static void group_expires(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    count_plan(&tp, CHANGES_APPEND, false, TTL_MS);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 0});
    EXPECT(&run, "+1|1");
    STEP(&run, 10999, {0, 1, 1, 0});
    EXPECT(&run, "-1|1", "+1|2");
    run_restart(&run, 7); /* ages go on */
    STEP(&run, 20998, {0, 1, 1, 0}, {0, 1, 2, 0});
    EXPECT(&run, "-1|2", "+1|3", "+2|1");
    STEP(&run, 30998, {0, 1, 1, 0});
    EXPECT(&run, "+1|1");
    end(&run, &tp);
}

static void zero_is_never(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    count_plan(&tp, CHANGES_APPEND, false, 0);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 0});
    STEP(&run, INT64_C(1000000000000), {0, 1, 1, 0});
    EXPECT(&run, "-1|1", "+1|2");
    end(&run, &tp);
}

/* Rows that are taken back after their group expired mean nothing. */
static void retraction_of_the_unknown(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    struct pnode *node = count_plan(&tp, CHANGES_RETRACT, true, TTL_MS);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 5}, {0, 1, 1, 6});
    EXPECT(&run, "+1|2");
    STEP(&run, 11000, {0, -1, 1, 5});
    EXPECT_NOTHING(&run);
    assert_int_equal(entries(&run, node), 0);
    /* with one that comes: of 6 nobody knows, in any order */
    STEP(&run, 12000, {0, -1, 1, 6}, {0, 1, 1, 7});
    STEP(&run, 12001, {0, 1, 1, 6});
    run_restart(&run, 1);
    STEP(&run, 12002, {0, 1, 1, 8});
    EXPECT(&run, "-1|2", "+1|3");
    end(&run, &tp);
}

/* Values of DISTINCT have ages of their own, as in Flink: one that comes again after its time counts again. */
static void distinct_values_expire(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    struct pnode *node = count_plan(&tp, CHANGES_APPEND, true, TTL_MS);
    begin(&run, &tp);
    STEP(&run, 0, {0, 1, 1, 5});
    STEP(&run, 6000, {0, 1, 1, 6});
    EXPECT(&run, "-1|1", "+1|2");
    STEP(&run, 9000, {0, 1, 1, 6});
    EXPECT_NOTHING(&run);
    STEP(&run, 12000, {0, 1, 1, 5});
    EXPECT(&run, "-1|2", "+1|3");
    for (int64_t now_ms = 13000; now_ms < 60000; now_ms += 1000) STEP(&run, now_ms, {0, 1, 1, now_ms});
    assert_true(entries(&run, node) < 20); /* the group, and the values of about 12 s */
    end(&run, &tp);
}

/* ---- Joins ---- */

static void sides_have_their_own(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    join_plan(&tp, JOIN_INNER, CHANGES_APPEND, TTL_MS, 10 * TTL_MS);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 10}, {1, 1, 1, 20});
    EXPECT(&run, "+1|10|1|20");
    STEP(&run, 10999, {1, 1, 1, 21});
    EXPECT(&run, "+1|10|1|21");
    STEP(&run, 11000, {1, 1, 1, 22}); /* being read does not make it younger */
    EXPECT_NOTHING(&run);
    run_restart(&run, 1);
    STEP(&run, 60000, {0, 1, 1, 11});
    EXPECT(&run, "+1|11|1|20", "+1|11|1|21", "+1|11|1|22");
    STEP(&run, 101000, {0, 1, 1, 12});
    EXPECT(&run, "+1|12|1|21", "+1|12|1|22");
    end(&run, &tp);
}

/* As in Flink: a partner that expires is not missed until it is taken back; then its pair goes. */
static void outer_join_does_not_notice(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    struct pnode *node = join_plan(&tp, JOIN_LEFT, CHANGES_RETRACT, 0, TTL_MS);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 10}, {1, 1, 1, 20});
    EXPECT(&run, "+1|10|1|20");
    for (int64_t now_ms = 12000; now_ms < 40000; now_ms += 1000) STEP(&run, now_ms, {0, 1, 2, now_ms});
    assert_int_equal(entries(&run, node), 1 + 28); /* the left rows */
    STEP(&run, 40000, {1, -1, 1, 20});
    EXPECT(&run, "-1|10|1|20", "+1|10|NULL|NULL");
    STEP(&run, 41000, {1, 1, 1, 22});
    EXPECT(&run, "-1|10|NULL|NULL", "+1|10|1|22");
    /* A left row that has never met the partner does not owe it anything. */
    STEP(&run, 60000, {0, 1, 1, 11});
    EXPECT(&run, "+1|11|NULL|NULL");
    STEP(&run, 61000, {1, 1, 1, 23});
    EXPECT(&run, "-1|11|NULL|NULL", "+1|11|1|23", "+1|10|1|23");
    end(&run, &tp);
}

/* Equal rows, one of them too old: a retraction takes the other. */
static void equal_rows_of_different_age(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    struct pnode *node = join_plan(&tp, JOIN_INNER, CHANGES_RETRACT, TTL_MS, 0);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 10});
    STEP(&run, 11500, {0, 1, 1, 10}); /* the first has gone */
    STEP(&run, 12000, {1, 1, 1, 20});
    EXPECT(&run, "+1|10|1|20");
    STEP(&run, 13000, {0, -1, 1, 10});
    EXPECT(&run, "-1|10|1|20");
    STEP(&run, 14000, {1, 1, 1, 21});
    EXPECT_NOTHING(&run);
    assert_int_equal(entries(&run, node), 2);
    STEP(&run, 15000, {0, 1, 2, 10}, {0, 1, 2, 10},
         {1, 1, 2, 30}); /* two that are young, perhaps in entries of their own */
    STEP(&run, 16000, {0, -1, 2, 10}, {0, -1, 2, 10});
    EXPECT(&run, "-2|10|2|30", "-2|10|2|30");
    STEP(&run, 17000, {1, 1, 2, 31});
    EXPECT_NOTHING(&run);
    end(&run, &tp);
}

static void semi_join(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    join_plan(&tp, JOIN_SEMI, CHANGES_APPEND, 0, TTL_MS);
    begin(&run, &tp);
    STEP(&run, 1000, {1, 1, 1, 20}, {0, 1, 1, 10});
    EXPECT(&run, "+1|10");
    STEP(&run, 11000, {0, 1, 1, 11});
    EXPECT_NOTHING(&run);
    STEP(&run, 12000, {1, 1, 1, 21});
    EXPECT(&run, "+1|11");
    end(&run, &tp);
}

/* ---- Ranks ---- */

static void first_row_expires(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    rank_plan(&tp, CHANGES_APPEND, 1, TTL_MS);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 5});
    EXPECT(&run, "+1|5");
    STEP(&run, 6000, {0, 1, 1, 3});
    EXPECT(&run, "-1|5", "+1|3");
    STEP(&run, 15999, {0, 1, 1, 9});
    EXPECT_NOTHING(&run);
    run_restart(&run, 7);
    STEP(&run, 16000, {0, 1, 1, 9}, {0, 1, 1, 8});
    EXPECT(&run, "+1|8");
    end(&run, &tp);
}

static void top_rows_expire(void **unused) {
    (void)unused;
    struct test_plan tp;
    struct test_run run;
    set_types();
    struct pnode *node = rank_plan(&tp, CHANGES_RETRACT, 2, TTL_MS);
    begin(&run, &tp);
    STEP(&run, 1000, {0, 1, 1, 1}, {0, 1, 1, 2}, {0, 1, 1, 3}, {0, 1, 1, 4});
    EXPECT(&run, "+1|1", "+1|2");
    STEP(&run, 6000, {0, -1, 1, 1}, {0, 1, 1, 5});
    EXPECT(&run, "-1|1", "+1|3");
    run_restart(&run, 1);
    /* 4 is behind the first two and has expired; 3 has been given out and stays as long as its partition does; 5 is young */
    STEP(&run, 12000, {0, -1, 1, 2});
    EXPECT(&run, "-1|2", "+1|5");
    /* of 4 nobody knows */
    STEP(&run, 13000, {0, -1, 1, 4});
    EXPECT_NOTHING(&run);
    STEP(&run, 14000, {0, -1, 1, 3});
    EXPECT(&run, "-1|3");
    /* the whole partition */
    STEP(&run, 24000, {0, 1, 1, 9});
    EXPECT(&run, "+1|9");
    STEP(&run, 24500, {0, -1, 1, 5});
    EXPECT_NOTHING(&run);
    for (int64_t now_ms = 25000; now_ms < 60000; now_ms += 1000) STEP(&run, now_ms, {0, 1, 2, now_ms});
    assert_true(entries(&run, node) < 20); /* a partition, two rows, and those of about 12 s */
    for (int64_t now_ms = 60000; now_ms < 80000; now_ms += 1000) STEP(&run, now_ms, {0, 1, 3, 1});
    assert_true(entries(&run, node) <= 2);
    end(&run, &tp);
}

/* ---- What is left ---- */

static size_t snapshot_bytes(struct test_run *run) {
    struct memory_store store;
    memory_store_init(&store);
    struct error err;
    error_clear(&err);
    assert_int_equal(executor_snapshot(run->executor, &store.base, &err), STATUS_OK);
    size_t bytes = 0;
    for (size_t i = 0; i < store.count; i++) bytes += store.sections[i].bytes.len;
    memory_store_free(&store);
    return bytes;
}

/* Many keys that never come again: state, memory and snapshots shrink, also in steps that have no rows for most partitions. */
static void memory_returns(void **unused) {
    (void)unused;
    enum { ROWS = 200000 };
    struct test_plan tp;
    struct test_run run;
    set_types();
    struct pnode *node = count_plan(&tp, CHANGES_APPEND, false, TTL_MS);
    begin(&run, &tp);
    struct test_row *rows = xcalloc(ROWS, sizeof *rows);
    for (int i = 0; i < ROWS; i++) make_row(&rows[i], i, 0, 1);
    struct test_morsel morsel = {0, ROWS, rows}, *morsels[] = {&morsel};
    int count = 1;
    run.now_micros = 0;
    run_step(&run, morsels, &count, false);
    free(rows);
    assert_int_equal(entries(&run, node), ROWS);
    int64_t full_bytes = figures(&run, node).state_bytes;
    size_t full_snapshot = snapshot_bytes(&run);
    for (int64_t now_ms = 1000; now_ms < 10000; now_ms += 1000) STEP(&run, now_ms, {0, 1, 7, 0});
    assert_int_equal(entries(&run, node), ROWS);
    for (int64_t now_ms = 10000; now_ms <= 13000; now_ms += 500) STEP(&run, now_ms, {0, 1, 7, 0});
    assert_int_equal(entries(&run, node), 1);
    assert_true(figures(&run, node).state_bytes < full_bytes / 4);
    assert_true(snapshot_bytes(&run) < full_snapshot / 100);
    STEP(&run, 13500, {0, 1, 7, 0});
    EXPECT(&run, "-7|17", "+7|18");
    end(&run, &tp);
}

/* ---- Random runs ---- */

enum { KEYS = 12, STEPS = 60 };

/* COUNT(*) by key. */
static void random_counts(void **unused) {
    (void)unused;
    set_types();
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct test_plan tp;
        struct test_run run;
        uint64_t random = seed;
        count_plan(&tp, CHANGES_APPEND, false, TTL_MS);
        begin(&run, &tp);
        int64_t last_ms[KEYS], count[KEYS] = {0}, now_ms = 1000;
        struct bag expected = {0};
        for (int n = 0; n < STEPS; n++) {
            struct given given[8];
            int rows = random_below(&random, 8);
            bool first[KEYS] = {0};
            char old[KEYS][32];
            for (int i = 0; i < rows; i++) {
                int k = random_below(&random, KEYS);
                given[i] = (struct given){0, 1, k, 0};
                if (!first[k]) {
                    bool is_known = count[k] && now_ms - last_ms[k] < TTL_MS;
                    if (!is_known) count[k] = 0;
                    snprintf(old[k], sizeof old[k], is_known ? "%d|%lld" : "", k, (long long)count[k]);
                    first[k] = true;
                }
                count[k]++;
                last_ms[k] = now_ms;
            }
            for (int k = 0; k < KEYS; k++) {
                if (!first[k]) continue;
                char text[32];
                snprintf(text, sizeof text, "%d|%lld", k, (long long)count[k]);
                if (old[k][0]) bag_add(&expected, old[k], -1);
                bag_add(&expected, text, 1);
            }
            step_at(&run, now_ms, given, rows);
            if (!bag_equal(&run.sinks[0].table, &expected)) fail_msg("step %d, seed %d", n, (int)seed);
            if (random_below(&random, 4) == 0) run_restart(&run, 1 + 3 * random_below(&random, 3));
            now_ms += random_below(&random, 3) ? random_below(&random, 1500) : random_below(&random, 2 * TTL_MS);
        }
        bag_free(&expected);
        end(&run, &tp);
    }
}

struct side_rows {
    int64_t k[STEPS * 8], v[STEPS * 8], at_ms[STEPS * 8];
    int count;
};

/* Inner join: a pair for every two rows of which the older one was alive when the other came. */
static void random_joins(void **unused) {
    (void)unused;
    set_types();
    static const int64_t ttl_ms[2] = {TTL_MS, 3 * TTL_MS};
    struct side_rows *sides = xcalloc(2, sizeof *sides);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct test_plan tp;
        struct test_run run;
        uint64_t random = seed * 31;
        join_plan(&tp, JOIN_INNER, CHANGES_APPEND, ttl_ms[0], ttl_ms[1]);
        begin(&run, &tp);
        int64_t now_ms = 1000;
        struct bag expected = {0};
        sides[0].count = sides[1].count = 0;
        for (int n = 0; n < STEPS; n++) {
            struct given given[8];
            int rows = random_below(&random, 8);
            for (int i = 0; i < rows; i++) {
                int side = random_below(&random, 2);
                given[i] = (struct given){side, 1, random_below(&random, KEYS), n * 10 + i};
                const struct side_rows *other = &sides[1 - side];
                for (int o = 0; o < other->count; o++) {
                    if (other->k[o] != given[i].k || now_ms - other->at_ms[o] >= ttl_ms[1 - side]) continue;
                    int64_t left = side ? other->v[o] : given[i].v, right = side ? given[i].v : other->v[o];
                    char text[64];
                    snprintf(text, sizeof text, "%lld|%lld|%lld|%lld", (long long)given[i].k, (long long)left,
                             (long long)given[i].k, (long long)right);
                    bag_add(&expected, text, 1);
                }
                struct side_rows *own = &sides[side];
                own->k[own->count] = given[i].k;
                own->v[own->count] = given[i].v;
                own->at_ms[own->count++] = now_ms;
            }
            step_at(&run, now_ms, given, rows);
            if (!bag_equal(&run.sinks[0].table, &expected)) fail_msg("step %d, seed %d", n, (int)seed);
            if (random_below(&random, 4) == 0) run_restart(&run, 1 + 3 * random_below(&random, 3));
            now_ms += random_below(&random, 3) ? random_below(&random, 1500) : random_below(&random, 2 * TTL_MS);
        }
        bag_free(&expected);
        end(&run, &tp);
    }
    free(sides);
}

const struct CMUnitTest ttl_tests[] = {
    cmocka_unit_test(group_expires),
    cmocka_unit_test(zero_is_never),
    cmocka_unit_test(retraction_of_the_unknown),
    cmocka_unit_test(distinct_values_expire),
    cmocka_unit_test(sides_have_their_own),
    cmocka_unit_test(outer_join_does_not_notice),
    cmocka_unit_test(equal_rows_of_different_age),
    cmocka_unit_test(semi_join),
    cmocka_unit_test(first_row_expires),
    cmocka_unit_test(top_rows_expire),
    cmocka_unit_test(memory_returns),
    cmocka_unit_test(random_counts),
    cmocka_unit_test(random_joins),
};
const size_t ttl_tests_count = sizeof ttl_tests / sizeof *ttl_tests;
