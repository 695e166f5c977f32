/* What depends on order: RANK, TOP_N, the first row per key, SORT, LIMIT. */
#include "exec/test_plan.h"

extern const struct CMUnitTest rank_tests[];
extern const size_t rank_tests_count;

/* Input: k INT (partition), a BIGINT, b DOUBLE, s STRING; every column may be NULL. */
enum { K, A, B, S, COLUMNS };

static const struct type *input_types[COLUMNS];

static void set_types(void) {
    static const enum type_id ids[COLUMNS] = {TYPE_INT, TYPE_BIGINT, TYPE_DOUBLE, TYPE_VARCHAR};
    for (int i = 0; i < COLUMNS; i++) input_types[i] = type_of(ids[i]);
}

static void make_row(struct arena *arena, uint64_t *seed, struct test_row *row) {
    static const double doubles[] = {0.0, -0.0, NAN, -1.5, 2.5, INFINITY};
    static const char *const texts[] = {"", "a", "ab", "a text that does not fit inline",
                                        "a text that does not fit inline!"};
    (void)arena;
    row->values[K] = value_i64(input_types[K], random_below(seed, 4));
    row->values[A] = value_i64(input_types[A], random_below(seed, 6) - 3);
    row->values[B] = value_f64(doubles[random_below(seed, 6)]);
    row->values[S] = value_str(input_types[S], str_from(texts[random_below(seed, 5)]));
    for (int c = 0; c < COLUMNS; c++)
        if (random_below(seed, 8) == 0) row->values[c] = value_null(input_types[c]);
}

struct shape {
    enum pnode_kind kind;
    bool partitioned; /* by K */
    int order_count;
    struct sort_key order[3];
    int64_t from, to; /* 1-based, inclusive; to -1: no end */
    bool output_rank;
};

/* ORDER BY, then all columns: two rows that are the same in all of them are the same. */
static int compare_values(const struct value *a, const struct value *b, bool descending, bool nulls_last) {
    if (a->is_null && b->is_null) return 0;
    if (a->is_null || b->is_null) return a->is_null == nulls_last ? 1 : -1;
    int diff = value_compare(a, b);
    return descending ? -diff : diff;
}

static const struct shape *sorting;

static int compare_rows(const void *x, const void *y) {
    const struct value *a = ((const struct test_row *)x)->values, *b = ((const struct test_row *)y)->values;
    for (int i = 0; i < sorting->order_count; i++) {
        const struct sort_key *key = &sorting->order[i];
        int diff = compare_values(&a[key->column], &b[key->column], key->descending, key->nulls_last);
        if (diff) return diff;
    }
    for (int c = 0; c < COLUMNS; c++) {
        int diff = compare_values(&a[c], &b[c], false, false);
        if (diff) return diff;
    }
    return 0;
}

static struct test_row *sorted_rows(const struct shape *shape, const struct live_rows *live) {
    struct test_row *rows = malloc((live->count + 1) * sizeof *rows);
    if (live->count) memcpy(rows, live->rows, live->count * sizeof *rows);
    sorting = shape;
    qsort(rows, live->count, sizeof *rows, compare_rows);
    return rows;
}

static void reference(const struct property *property, struct bag *table) {
    const struct shape *shape = property->data;
    const struct live_rows *live = &property->logs[0].live;
    struct test_row *rows = sorted_rows(shape, live);
    struct arena arena;
    arena_init(&arena, NULL);
    int64_t ranks[6] = {0}; /* by k; NULL is the last */
    for (size_t i = 0; i < live->count; i++) {
        const struct value *k = &rows[i].values[K];
        int64_t rank = ++ranks[!shape->partitioned ? 0 : k->is_null ? 5 : k->i64];
        if (rank < shape->from || (shape->to >= 0 && rank > shape->to)) continue;
        struct value row[COLUMNS + 1];
        memcpy(row, rows[i].values, COLUMNS * sizeof *row);
        row[COLUMNS] = value_i64(type_of(TYPE_BIGINT), rank);
        bag_add(table, test_row_text(&arena, row, COLUMNS + shape->output_rank), 1);
    }
    arena_destroy(&arena);
    free(rows);
}

static struct pnode *make_plan(struct test_plan *tp, const struct shape *shape, bool append) {
    static const int keys[] = {K};
    struct pnode *node = plan_scan(tp, append ? CHANGES_APPEND : CHANGES_RETRACT, input_types, COLUMNS);
    node = plan_exchange(tp, node, keys, shape->partitioned);
    const struct type *types[COLUMNS + 1];
    memcpy(types, input_types, sizeof input_types);
    types[COLUMNS] = type_of(TYPE_BIGINT);
    node = plan_node(tp, shape->kind, CHANGES_RETRACT, types, COLUMNS + shape->output_rank, &node, 1);
    struct sort_key *order = arena_memdup(&tp->arena, shape->order, sizeof shape->order);
    if (shape->kind == PNODE_RANK) {
        node->rank.partition_count = shape->partitioned;
        node->rank.partition = plan_ints(tp, 1, keys);
        node->rank.order_count = shape->order_count;
        node->rank.order = order;
        node->rank.rank_from = shape->from;
        node->rank.rank_to = shape->to < 0 ? INT64_MAX : shape->to;
        node->rank.output_rank = shape->output_rank;
    } else {
        node->sort.key_count = shape->order_count;
        node->sort.keys = order;
        node->sort.rows_offset = shape->from - 1;
        node->sort.limit = shape->to < 0 ? -1 : shape->to - shape->from + 1;
    }
    return node;
}

static void check(const struct shape *shape, bool append, bool streaming, uint64_t seed) {
    struct test_plan tp;
    plan_begin(&tp, streaming);
    struct pnode *node = make_plan(&tp, shape, append);
    plan_collect(&tp, node);
    struct property property = {.tp = &tp,
                                .scan_count = 1,
                                .reference = reference,
                                .minimal = node,
                                .steps = 12,
                                .step_rows = 40,
                                .data = (void *)shape};
    property.logs[0] = (struct changelog){.make = make_row, .append = append};
    property_run(&property, seed);
    plan_end(&tp);
}

static const struct shape shapes[] = {
    {PNODE_RANK, true, 1, {{A, false, false}}, 1, 1, false},
    {PNODE_RANK, true, 1, {{A, true, true}}, 1, 1, true},
    {PNODE_RANK, true, 2, {{B, true, false}, {S, false, true}}, 1, 1, false},
    {PNODE_RANK, true, 1, {{S, false, false}}, 1, 3, true},
    {PNODE_RANK, true, 2, {{A, true, true}, {B, false, true}}, 2, 4, false},
    {PNODE_RANK, true, 1, {{B, false, true}}, 3, -1, true},
    {PNODE_RANK, false, 1, {{A, false, false}}, 1, 1, false},
    {PNODE_RANK, false, 1, {{S, true, true}}, 1, 5, true},
    {PNODE_TOP_N, false, 1, {{A, true, true}}, 1, 7, false},
    {PNODE_TOP_N, false, 2, {{S, false, false}, {B, true, true}}, 4, 9, false},
    {PNODE_TOP_N, false, 1, {{B, false, false}}, 3, -1, false},
};

static void retractions(void **unused) {
    (void)unused;
    set_types();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i], false, i % 2, 100 * i + 1);
}

static void inserts_only(void **unused) {
    (void)unused;
    set_types();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i], true, i % 2, 100 * i + 2001);
}

/* Rows that can never come back are not kept. */
static void bounded_state(void **unused) {
    (void)unused;
    set_types();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *shape = &shapes[i];
        if (shape->to < 0) continue;
        struct test_plan tp;
        plan_begin(&tp, true);
        struct pnode *node = make_plan(&tp, shape, true);
        plan_collect(&tp, node);
        struct test_run run;
        run_init(&run, &tp, 3);
        run_start(&run, 1);
        struct changelog log = {.make = make_row, .append = true};
        uint64_t seed = 50 + i;
        for (int n = 0; n < 10; n++) {
            struct test_morsel *morsels;
            int count = changelog_step(&log, &tp.arena, &seed, 200, &morsels);
            run_step(&run, &morsels, &count, false);
        }
        struct node_metrics metrics;
        executor_metrics(run.executor, node->id, &metrics);
        int64_t partitions = shape->partitioned ? 5 : 1;
        assert_true(metrics.state_entries <= partitions * (shape->to + 1));
        run_free(&run);
        free(log.live.rows);
        plan_end(&tp);
    }
}

/* ---- SORT and LIMIT (one partition, batch) ---- */

static void check_sort(const struct shape *shape, int row_count, int workers, uint64_t seed) {
    struct test_plan tp;
    plan_begin(&tp, false);
    struct pnode *node = make_plan(&tp, shape, true);
    node->edge.ordered = true;
    node->edge.changes = CHANGES_APPEND;
    plan_collect(&tp, node);
    struct changelog log = {.make = make_row, .append = true};
    struct test_morsel *morsels;
    int count = changelog_step(&log, &tp.arena, &seed, row_count, &morsels);
    struct test_run run;
    run_init(&run, &tp, seed);
    run_start(&run, workers);
    run_step(&run, &morsels, &count, true);
    struct test_row *rows = sorted_rows(shape, &log.live);
    size_t at = 0;
    const struct test_changes *found = &run.sinks[0].changes;
    for (size_t i = (size_t)shape->from - 1; i < log.live.count && (shape->to < 0 || (int64_t)i < shape->to);
         i++, at++) {
        assert_true(at < found->count);
        assert_string_equal(found->items[at].text, test_row_text(&tp.arena, rows[i].values, COLUMNS));
    }
    assert_int_equal(at, found->count);
    free(rows);
    free(log.live.rows);
    run_free(&run);
    plan_end(&tp);
}

static void sort(void **unused) {
    (void)unused;
    set_types();
    static const struct shape sorts[] = {
        {PNODE_SORT, false, 1, {{A, false, false}}, 1, -1, false},
        {PNODE_SORT, false, 3, {{S, true, true}, {B, false, true}, {A, true, false}}, 1, -1, false},
        {PNODE_SORT, false, 1, {{B, true, true}}, 1, 10, false},
        {PNODE_SORT, false, 1, {{B, false, false}}, 20, 40, false},
        {PNODE_SORT, false, 1, {{A, false, false}}, 5, -1, false},
        {PNODE_SORT, false, 1, {{A, false, false}}, 1, 0, false},
    };
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
        check_sort(&sorts[i], 0, 1, 7);
        check_sort(&sorts[i], 30, 2, 8 + i);
        check_sort(&sorts[i], 2500, 7, 9 + i);
    }
    /* more rows than are kept before trimming, several times */
    check_sort(&sorts[2], 20000, 2, 50);
    check_sort(&sorts[3], 20000, 1, 51);
}

/* LIMIT and OFFSET as large as they can be written. */
static void huge_limits(void **unused) {
    (void)unused;
    set_types();
    static const struct {
        int64_t rows_offset, limit, expected;
    } cases[] = {{0, INT64_MAX, 3}, {INT64_MAX, INT64_MAX, 0}, {1, INT64_MAX, 2}, {INT64_MAX, -1, 0}, {2, -1, 1}};
    static const enum pnode_kind kinds[] = {PNODE_SORT, PNODE_TOP_N, PNODE_LIMIT};
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct shape shape = {kinds[k], false, 1, {{A, false, false}}, 1, -1, false};
            struct test_plan tp;
            plan_begin(&tp, true);
            struct pnode *node = make_plan(&tp, &shape, true);
            node->edge.changes = CHANGES_APPEND;
            node->sort.rows_offset = cases[i].rows_offset;
            node->sort.limit = cases[i].limit;
            plan_collect(&tp, node);
            struct test_run run;
            run_init(&run, &tp, 3);
            run_start(&run, 1);
            struct changelog log = {.make = make_row, .append = true};
            uint64_t seed = 60;
            struct test_morsel *morsels;
            int count = changelog_step(&log, &tp.arena, &seed, 3, &morsels);
            run_step(&run, &morsels, &count, true);
            assert_int_equal(bag_total(&run.sinks[0].table), cases[i].expected);
            run_free(&run);
            free(log.live.rows);
            plan_end(&tp);
        }
}

/* LIMIT passes the first rows in (split, record) order, over steps and restarts. */
static void limit(void **unused) {
    (void)unused;
    set_types();
    for (int64_t rows_offset = 0; rows_offset < 60; rows_offset += 29) {
        struct shape shape = {PNODE_LIMIT, false, 0, {{0}}, rows_offset + 1, rows_offset + 50, false};
        struct test_plan tp;
        plan_begin(&tp, true);
        struct pnode *node = make_plan(&tp, &shape, true);
        node->edge.changes = CHANGES_APPEND;
        plan_collect(&tp, node);
        struct test_run run;
        run_init(&run, &tp, 3);
        run_start(&run, 2);
        struct changelog log = {.make = make_row, .append = true};
        uint64_t seed = 90;
        int64_t row = 0;
        for (int n = 0; n < 12; n++) {
            struct test_morsel *morsels;
            int count = changelog_step(&log, &tp.arena, &seed, 20, &morsels);
            for (int m = 0; m < count; m++) morsels[m].split = 0;
            run_step(&run, &morsels, &count, false);
            size_t at = 0;
            for (int m = 0; m < count; m++)
                for (int i = 0; i < morsels[m].count; i++, row++) {
                    if (row < rows_offset || row >= rows_offset + 50) continue;
                    assert_true(at < run.sinks[0].changes.count);
                    assert_string_equal(run.sinks[0].changes.items[at++].text,
                                        test_row_text(&tp.arena, morsels[m].rows[i].values, COLUMNS));
                }
            assert_int_equal(at, run.sinks[0].changes.count);
            run_restart(&run, n % 2 ? 1 : 7);
        }
        assert_int_equal(bag_total(&run.sinks[0].table), 50);
        run_free(&run);
        free(log.live.rows);
        plan_end(&tp);
    }
}

const struct CMUnitTest rank_tests[] = {
    cmocka_unit_test(retractions), cmocka_unit_test(inserts_only), cmocka_unit_test(bounded_state),
    cmocka_unit_test(sort),        cmocka_unit_test(huge_limits),  cmocka_unit_test(limit),
};
const size_t rank_tests_count = sizeof rank_tests / sizeof *rank_tests;
