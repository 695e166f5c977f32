/* Aggregates through the whole executor: against a naive reference after every step. */
#include "exec/test_plan.h"

extern const struct CMUnitTest aggregate_tests[];
extern const size_t aggregate_tests_count;

/* Input: k1 INT, k2 DOUBLE (the keys), v BIGINT, d DOUBLE, s STRING, f BOOLEAN; every column may be NULL. */
enum { K1, K2, V, D, S, F, COLUMNS };

static const struct type *input_types[COLUMNS];

static void set_types(void) {
    static const enum type_id ids[COLUMNS] = {TYPE_INT,    TYPE_DOUBLE,  TYPE_BIGINT,
                                              TYPE_DOUBLE, TYPE_VARCHAR, TYPE_BOOLEAN};
    for (int i = 0; i < COLUMNS; i++) input_types[i] = type_of(ids[i]);
}

static void make_row(struct arena *arena, uint64_t *seed, struct test_row *row) {
    static const double keys[] = {0.0, -0.0, NAN, 1.5, 1.5};
    static const char *const texts[] = {"", "a", "b", "a text that does not fit inline",
                                        "a text that does not fit inline, too"};
    (void)arena;
    row->values[K1] = value_i64(input_types[K1], random_below(seed, 4));
    row->values[K2] = value_f64(keys[random_below(seed, 5)]);
    row->values[V] = value_i64(input_types[V], random_below(seed, 7) - 3);
    row->values[D] = value_f64((random_below(seed, 41) - 20) * 0.25);
    row->values[S] = value_str(input_types[S], str_from(texts[random_below(seed, 5)]));
    row->values[F] = value_boolean(random_below(seed, 2));
    for (int c = 0; c < COLUMNS; c++)
        if (random_below(seed, 6) == 0) row->values[c] = value_null(input_types[c]);
}

enum call_kind {
    COUNT_STAR,
    COUNT_V,
    SUM_V,
    SUM_D,
    MIN_S,
    MAX_V,
    COUNT_DISTINCT_S,
    SUM_DISTINCT_V,
    COUNT_STAR_F,
    MAX_D_F,
    CALL_KINDS
};

static const struct {
    const char *name;
    int arg;
    bool distinct;
    int filter;
} calls[CALL_KINDS] = {
    {"COUNT", -1, false, -1}, {"COUNT", V, false, -1}, {"SUM", V, false, -1},  {"SUM", D, false, -1},
    {"MIN", S, false, -1},    {"MAX", V, false, -1},   {"COUNT", S, true, -1}, {"SUM", V, true, -1},
    {"COUNT", -1, false, F},  {"MAX", D, false, F},
};

struct group {
    const struct test_row *first;
    struct value max_v, min_s, max_d_f;
    int64_t rows, count_v, sum_v, count_f;
    double sum_d;
    bool any_v, any_d;
    struct bag texts, values;
};

struct shape {
    int key_count, call_count;
    enum call_kind calls[CALL_KINDS];
};

static void add_to_group(struct arena *arena, struct group *group, const struct value *values) {
    group->rows++;
    if (!values[V].is_null) {
        group->count_v++;
        group->sum_v += values[V].i64;
        group->any_v = true;
        if (group->max_v.is_null || values[V].i64 > group->max_v.i64) group->max_v = values[V];
        bag_add(&group->values, test_row_text(arena, &values[V], 1), 1);
    }
    if (!values[D].is_null) {
        group->sum_d += values[D].f64;
        group->any_d = true;
    }
    if (!values[S].is_null) {
        if (group->min_s.is_null || value_compare(&values[S], &group->min_s) < 0) group->min_s = values[S];
        bag_add(&group->texts, arena_printf(arena, "=%.*s", (int)values[S].str.len, values[S].str.data), 1);
    }
    if (!values[F].is_null && values[F].boolean) {
        group->count_f++;
        if (!values[D].is_null && (group->max_d_f.is_null || values[D].f64 > group->max_d_f.f64))
            group->max_d_f = values[D];
    }
}

static struct value call_result(const struct group *group, enum call_kind kind) {
    const struct type *bigint = type_of(TYPE_BIGINT);
    switch (kind) {
    case COUNT_STAR: return value_i64(bigint, group->rows);
    case COUNT_V: return value_i64(bigint, group->count_v);
    case SUM_V: return group->any_v ? value_i64(bigint, group->sum_v) : value_null(bigint);
    case SUM_D: return group->any_d ? value_f64(group->sum_d) : value_null(input_types[D]);
    case MIN_S: return group->min_s;
    case MAX_V: return group->max_v;
    case COUNT_DISTINCT_S: return value_i64(bigint, (int64_t)group->texts.count);
    case SUM_DISTINCT_V: {
        int64_t sum = 0;
        for (size_t i = 0; i < group->values.count; i++) sum += atoll(group->values.items[i].text);
        return group->values.count ? value_i64(bigint, sum) : value_null(bigint);
    }
    case COUNT_STAR_F: return value_i64(bigint, group->count_f);
    case MAX_D_F: return group->max_d_f;
    case CALL_KINDS: break;
    }
    return value_null(bigint);
}

static void reference(const struct property *property, struct bag *table) {
    const struct shape *shape = property->data;
    const struct live_rows *live = &property->logs[0].live;
    struct arena arena;
    arena_init(&arena, NULL);
    struct bag groups = {0}; /* key text -> index + 1 */
    struct group *list = ARENA_ARRAY(&arena, struct group, live->count + 1);
    int count = 0;
    for (size_t i = 0; i < live->count; i++) {
        char *key = test_row_text(&arena, live->rows[i].values, shape->key_count);
        int64_t at = bag_count(&groups, key);
        if (!at) {
            bag_add(&groups, key, at = ++count);
            list[at - 1] = (struct group){.first = &live->rows[i],
                                          .max_v = value_null(input_types[V]),
                                          .min_s = value_null(input_types[S]),
                                          .max_d_f = value_null(input_types[D])};
        }
        add_to_group(&arena, &list[at - 1], live->rows[i].values);
    }
    for (int g = 0; g < count; g++) {
        struct value row[TEST_COLUMNS * 2];
        for (int k = 0; k < shape->key_count; k++) row[k] = list[g].first->values[k];
        for (int c = 0; c < shape->call_count; c++) row[shape->key_count + c] = call_result(&list[g], shape->calls[c]);
        bag_add(table, test_row_text(&arena, row, shape->key_count + shape->call_count), 1);
        bag_free(&list[g].texts);
        bag_free(&list[g].values);
    }
    bag_free(&groups);
    arena_destroy(&arena);
}

/* SCAN -> [LOCAL_AGGREGATE] -> EXCHANGE -> AGGREGATE -> COLLECT */
static struct pnode *make_plan(struct test_plan *tp, const struct shape *shape, bool append, bool two_phases) {
    static const int keys[] = {K1, K2}, first_keys[] = {0, 1};
    struct pnode *scan = plan_scan(tp, append ? CHANGES_APPEND : CHANGES_RETRACT, input_types, COLUMNS);
    struct aggregate_call *list = ARENA_ARRAY(&tp->arena, struct aggregate_call, shape->call_count + 1);
    const struct type *types[TEST_COLUMNS * 2], *partial[TEST_COLUMNS * 2];
    for (int k = 0; k < shape->key_count; k++) types[k] = partial[k] = input_types[keys[k]];
    for (int c = 0; c < shape->call_count; c++) {
        enum call_kind kind = shape->calls[c];
        list[c] = plan_aggregate_call(tp, calls[kind].name, scan, calls[kind].arg, calls[kind].distinct,
                                      calls[kind].filter, !append);
        types[shape->key_count + c] = list[c].function->result;
        partial[shape->key_count + c] = type_of(TYPE_VARBINARY);
    }
    int count = shape->key_count + shape->call_count;
    partial[count] = type_of(TYPE_BIGINT);
    struct pnode *below = scan;
    if (two_phases) {
        below = plan_node(tp, PNODE_LOCAL_AGGREGATE, CHANGES_APPEND, partial, count + 1, &below, 1);
        below->aggregate.key_count = shape->key_count;
        below->aggregate.keys = plan_ints(tp, shape->key_count, keys);
        below->aggregate.call_count = shape->call_count;
        below->aggregate.calls = list;
    }
    below = plan_exchange(tp, below, two_phases ? first_keys : keys, shape->key_count);
    struct pnode *node = plan_node(tp, PNODE_AGGREGATE, CHANGES_RETRACT, types, count, &below, 1);
    node->aggregate.key_count = shape->key_count;
    node->aggregate.keys = plan_ints(tp, shape->key_count, two_phases ? first_keys : keys);
    node->aggregate.call_count = shape->call_count;
    node->aggregate.calls = list;
    node->aggregate.merges = two_phases;
    node->aggregate.retracting = !append;
    node->aggregate.emit_single = shape->key_count == 0;
    node->edge.key = plan_ints(tp, shape->key_count, first_keys);
    node->edge.key_count = shape->key_count;
    node->edge.netted = true;
    plan_collect(tp, node);
    return node;
}

static void check(const struct shape *shape, bool append, bool two_phases, bool streaming, uint64_t seed) {
    struct test_plan tp;
    plan_begin(&tp, streaming);
    struct property property = {.tp = &tp,
                                .scan_count = 1,
                                .reference = reference,
                                .netted = make_plan(&tp, shape, append, two_phases),
                                .netted_key_count = shape->key_count,
                                .steps = 12,
                                .step_rows = 80,
                                .data = (void *)shape};
    property.logs[0] = (struct changelog){.make = make_row, .append = append};
    property_run(&property, seed);
    plan_end(&tp);
}

static void retractions(void **unused) {
    (void)unused;
    set_types();
    struct shape simple = {2, 4, {COUNT_STAR, COUNT_V, SUM_V, SUM_D}};
    check(&simple, false, false, true, 100);
    check(&simple, false, false, false, 200);
    struct shape values = {2, CALL_KINDS, {0}};
    for (int i = 0; i < CALL_KINDS; i++) values.calls[i] = (enum call_kind)i;
    check(&values, false, false, true, 300);
    struct shape one_key = {1, 3, {MIN_S, COUNT_DISTINCT_S, MAX_D_F}};
    check(&one_key, false, false, false, 400);
    struct shape distinct = {2, 0, {0}}; /* SELECT DISTINCT */
    check(&distinct, false, false, true, 500);
}

static void inserts_only(void **unused) {
    (void)unused;
    set_types();
    struct shape simple = {2, 4, {COUNT_STAR, COUNT_V, SUM_V, SUM_D}};
    check(&simple, true, false, true, 100);
    struct shape values = {1, CALL_KINDS, {0}};
    for (int i = 0; i < CALL_KINDS; i++) values.calls[i] = (enum call_kind)i;
    check(&values, true, false, true, 300);
}

static void two_phases(void **unused) {
    (void)unused;
    set_types();
    struct shape simple = {2, 7, {COUNT_STAR, COUNT_V, SUM_V, SUM_D, MAX_V, COUNT_STAR_F, MAX_D_F}};
    check(&simple, true, true, true, 100);
    check(&simple, true, true, false, 200);
}

/* Without keys there is one row, also when all rows are gone; over no rows at all it comes with the end. */
static void no_keys(void **unused) {
    (void)unused;
    set_types();
    struct shape simple = {0, 3, {COUNT_STAR, SUM_V, MIN_S}};
    for (int append = 0; append < 2; append++) {
        struct test_plan tp;
        plan_begin(&tp, true);
        make_plan(&tp, &simple, append, false);
        struct test_run run;
        run_init(&run, &tp, 5);
        run_start(&run, 2);
        struct test_row row = {.sign = 1};
        uint64_t seed = 77;
        make_row(&tp.arena, &seed, &row);
        row.values[V] = value_i64(input_types[V], 5);
        row.values[S] = value_str(input_types[S], str_from("x"));
        struct test_morsel morsel = {0, 1, &row}, *morsels = &morsel;
        int none = 0, one = 1;
        run_step(&run, &morsels, &none, false);
        assert_int_equal(run.sinks[0].table.count, 0);
        run_step(&run, &morsels, &one, false);
        assert_int_equal(bag_count(&run.sinks[0].table, "1|5|x"), 1);
        run_restart(&run, 1);
        if (!append) {
            row.sign = -1;
            run_step(&run, &morsels, &one, false);
            assert_int_equal(bag_count(&run.sinks[0].table, "0|NULL|NULL"), 1);
            assert_int_equal(run.sinks[0].changes.count, 2);
            run_restart(&run, 7);
        }
        run_step(&run, &morsels, &none, true);
        assert_int_equal(run.sinks[0].changes.count, 0);
        assert_int_equal(bag_total(&run.sinks[0].table), 1);
        run_free(&run);
        run_init(&run, &tp, 5);
        run_start(&run, 2);
        run_step(&run, &morsels, &none, false);
        assert_int_equal(run.sinks[0].table.count, 0);
        run_step(&run, &morsels, &none, true);
        assert_int_equal(bag_count(&run.sinks[0].table, "0|NULL|NULL"), 1);
        assert_int_equal(run.sinks[0].changes.count, 1);
        run_free(&run);
        plan_end(&tp);
    }
}

/* A result out of range is an error with the function's name, and everything can be destroyed. */
static void overflow(void **unused) {
    (void)unused;
    set_types();
    struct shape sum = {1, 1, {SUM_V}};
    for (int two = 0; two < 2; two++) {
        struct test_plan tp;
        plan_begin(&tp, true);
        make_plan(&tp, &sum, true, two);
        struct test_run run;
        run_init(&run, &tp, 6);
        run_start(&run, 2);
        struct test_row rows[3];
        memset(rows, 0, sizeof rows);
        uint64_t seed = 78;
        for (int i = 0; i < 3; i++) {
            make_row(&tp.arena, &seed, &rows[i]);
            rows[i].sign = 1;
            rows[i].values[K1] = value_i64(input_types[K1], 1);
            rows[i].values[V] = value_i64(input_types[V], INT64_MAX);
        }
        struct test_morsel morsel = {0, 3, rows}, *morsels = &morsel;
        int one = 1;
        struct error err;
        error_clear(&err);
        assert_int_equal(run_step_failing(&run, &morsels, &one, false, -1, &err), STATUS_OUT_OF_RANGE);
        assert_non_null(strstr(err.message, "SUM"));
        run_free(&run);
        plan_end(&tp);
    }
}

const struct CMUnitTest aggregate_tests[] = {
    cmocka_unit_test(retractions), cmocka_unit_test(inserts_only), cmocka_unit_test(two_phases),
    cmocka_unit_test(no_keys),     cmocka_unit_test(overflow),
};
const size_t aggregate_tests_count = sizeof aggregate_tests / sizeof *aggregate_tests;
