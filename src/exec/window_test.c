/* Window aggregates: watermarks by split, late rows, idle and finished splits, against a reference that follows the rules one row at
 * a time. */
#include "exec/test_plan.h"

extern const struct CMUnitTest window_tests[];
extern const size_t window_tests_count;

/* Input: k INT, ts TIMESTAMP(3), w TIMESTAMP(3) (the row's watermark), v BIGINT. */
enum { K, TS, W, V, COLUMNS, START = COLUMNS, END, TIME, ASSIGNED };

enum { USED_SPLITS = 3 };

static const struct type *types_of(struct arena *arena) { return type_time(arena, TYPE_TIMESTAMP, 3, true); }

struct shape {
    enum window_kind kind;
    int64_t size_ms, slide_ms, offset_ms;
    bool two_phases, proctime;
};

/* SCAN -> WATERMARK -> WINDOW_ASSIGN -> [LOCAL_AGGREGATE] -> EXCHANGE -> WINDOW_AGGREGATE -> COLLECT */
static struct pnode *make_plan(struct test_plan *tp, const struct shape *shape) {
    const struct type *time = types_of(&tp->arena);
    const struct type *types[ASSIGNED] = {type_of(TYPE_INT), time, time, type_of(TYPE_BIGINT), time, time, time};
    struct pnode *node = plan_scan(tp, CHANGES_APPEND, types, COLUMNS);
    node = plan_over(tp, PNODE_WATERMARK, node);
    node->watermark.column = TS;
    node->watermark.expr = expr_column(&tp->arena, W, time);
    node = plan_node(tp, PNODE_WINDOW_ASSIGN, CHANGES_APPEND, types, ASSIGNED, &node, 1);
    node->window_assign.window = (struct window_params){.kind = shape->kind,
                                                        .time_column = TS,
                                                        .size_ms = shape->size_ms,
                                                        .slide_ms = shape->slide_ms,
                                                        .offset_ms = shape->offset_ms};
    static const int keys[] = {K, START, END}, first_keys[] = {0, 1, 2};
    struct aggregate_call *calls = ARENA_ARRAY(&tp->arena, struct aggregate_call, 3);
    calls[0] = plan_aggregate_call(tp, "COUNT", node, -1, false, -1, false);
    calls[1] = plan_aggregate_call(tp, "SUM", node, V, false, -1, false);
    calls[2] = plan_aggregate_call(tp, "MAX", node, V, false, -1, false);
    if (shape->two_phases) {
        const struct type *bytes = type_of(TYPE_VARBINARY);
        const struct type *partial[] = {types[K], time, time, bytes, bytes, bytes, type_of(TYPE_BIGINT)};
        node = plan_node(tp, PNODE_LOCAL_AGGREGATE, CHANGES_APPEND, partial, 7, &node, 1);
        node->aggregate.key_count = 3;
        node->aggregate.keys = plan_ints(tp, 3, keys);
        node->aggregate.call_count = 3;
        node->aggregate.calls = calls;
    }
    node = plan_exchange(tp, node, shape->two_phases ? first_keys : keys, 3);
    const struct type *results[] = {
        types[K], time, time, calls[0].function->result, calls[1].function->result, calls[2].function->result};
    node = plan_node(tp, PNODE_WINDOW_AGGREGATE, CHANGES_APPEND, results, 6, &node, 1);
    node->aggregate.key_count = 3;
    node->aggregate.keys = plan_ints(tp, 3, shape->two_phases ? first_keys : keys);
    node->aggregate.call_count = 3;
    node->aggregate.calls = calls;
    node->aggregate.merges = shape->two_phases;
    node->aggregate.window_start_key = 1;
    node->aggregate.window_end_key = 2;
    node->aggregate.window_end_column = END;
    node->aggregate.proctime = shape->proctime;
    plan_collect(tp, node);
    return node;
}

/* ---- The reference ---- */

struct ref_group {
    struct value k;
    int64_t start, end, count, sum, max; /* ms */
    bool any_v, fired;
};

struct reference {
    struct arena arena;
    const struct shape *shape;
    struct ref_group *groups;
    size_t count, capacity;
    int64_t split_watermark[USED_SPLITS]; /* ms; NONE as WATERMARK_NONE */
    bool idle[USED_SPLITS], finished[USED_SPLITS];
    int64_t watermark; /* of the edge */
    int64_t late;
};

static int64_t floor_ms(int64_t t, int64_t step, int64_t offset) {
    int64_t q = (t - offset) / step * step + offset;
    return q > t ? q - step : q;
}

static void put_in_window(struct reference *ref, const struct test_row *row, int64_t start, int64_t end,
                          int64_t watermark_start) {
    if (watermark_start != WATERMARK_NONE && watermark_start >= end - 1) {
        ref->late++;
        return;
    }
    struct ref_group *group = NULL;
    for (size_t i = 0; i < ref->count && !group; i++)
        if (ref->groups[i].start == start && ref->groups[i].end == end && !ref->groups[i].fired &&
            value_compare(&ref->groups[i].k, &row->values[K]) == 0)
            group = &ref->groups[i];
    if (!group) {
        ARRAY_RESERVE(ref->groups, ref->capacity, ref->count + 1);
        group = &ref->groups[ref->count++];
        *group = (struct ref_group){.k = row->values[K], .start = start, .end = end};
    }
    group->count++;
    if (row->values[V].is_null) return;
    group->sum += row->values[V].i64;
    if (!group->any_v || row->values[V].i64 > group->max) group->max = row->values[V].i64;
    group->any_v = true;
}

static void put_row(struct reference *ref, const struct test_row *row, int64_t watermark_start) {
    if (row->values[TS].is_null) return;
    const struct shape *shape = ref->shape;
    int64_t t = row->values[TS].i64 / 1000;
    if (row->values[TS].i64 % 1000 < 0) t--;
    if (shape->kind == WINDOW_CUMULATE) {
        int64_t start = floor_ms(t, shape->size_ms, shape->offset_ms);
        for (int64_t end = start + shape->slide_ms; end <= start + shape->size_ms; end += shape->slide_ms)
            if (end > t) put_in_window(ref, row, start, end, watermark_start);
        return;
    }
    int64_t slide = shape->kind == WINDOW_TUMBLE ? shape->size_ms : shape->slide_ms;
    for (int64_t start = floor_ms(t, slide, shape->offset_ms); start + shape->size_ms > t; start -= slide)
        put_in_window(ref, row, start, start + shape->size_ms, watermark_start);
}

static void advance(struct reference *ref, bool is_last) {
    int64_t lowest = WATERMARK_MAX;
    bool any_active = false, any_idle = false;
    for (int s = 0; s < USED_SPLITS; s++) {
        if (ref->finished[s]) continue;
        if (ref->idle[s]) {
            any_idle = true;
            continue;
        }
        any_active = true;
        if (ref->split_watermark[s] < lowest) lowest = ref->split_watermark[s];
    }
    if (!any_active && any_idle) lowest = WATERMARK_NONE;
    if (is_last) lowest = WATERMARK_MAX;
    if (lowest > ref->watermark) ref->watermark = lowest;
}

/* Windows that the watermark has passed, each once. */
static void fire(struct reference *ref, int64_t watermark, struct bag *out) {
    for (size_t i = 0; i < ref->count; i++) {
        struct ref_group *group = &ref->groups[i];
        if (group->fired || watermark == WATERMARK_NONE || watermark < group->end - 1) continue;
        group->fired = true;
        const struct type *time = types_of(&ref->arena), *bigint = type_of(TYPE_BIGINT);
        struct value row[] = {group->k,
                              value_i64(time, group->start * 1000),
                              value_i64(time, group->end * 1000),
                              value_i64(bigint, group->count),
                              group->any_v ? value_i64(bigint, group->sum) : value_null(bigint),
                              group->any_v ? value_i64(bigint, group->max) : value_null(bigint)};
        bag_add(out, test_row_text(&ref->arena, row, 6), 1);
    }
}

/* ---- Random streams ---- */

static void make_row(const struct type *time, uint64_t *seed, int64_t now_ms, struct test_row *row) {
    memset(row, 0, sizeof *row);
    int64_t t = now_ms - random_below(seed, 20000);
    row->sign = 1;
    row->values[K] = value_i64(type_of(TYPE_INT), random_below(seed, 3));
    row->values[TS] = value_i64(time, t * 1000);
    row->values[W] = value_i64(time, (t - 4000) * 1000);
    row->values[V] = value_i64(type_of(TYPE_BIGINT), random_below(seed, 9));
    for (int c = 0; c < COLUMNS; c++)
        if (random_below(seed, 12) == 0) row->values[c] = value_null(row->values[c].type);
}

static void check_stream(const struct shape *shape, int workers, bool restarts, int row_count, uint64_t seed) {
    struct test_plan tp;
    plan_begin(&tp, true);
    struct pnode *node = make_plan(&tp, shape);
    const struct type *time = types_of(&tp.arena);
    struct test_run *run = calloc(1, sizeof *run);
    run_init(run, &tp, seed);
    struct test_tap *tap = run_tap(run, node);
    run_start(run, workers);
    struct reference ref = {.shape = shape, .watermark = WATERMARK_NONE};
    arena_init(&ref.arena, NULL);
    for (int s = 0; s < TEST_SPLITS; s++) run->feeds[0].splits[s].finished = s >= USED_SPLITS;
    for (int s = 0; s < USED_SPLITS; s++) ref.split_watermark[s] = WATERMARK_NONE;
    int64_t now_ms = -30000; /* the windows' arithmetic must hold before 1970 too */
    enum { STEPS = 40 };
    for (int n = 0; n < STEPS; n++) {
        bool is_last = n == STEPS - 1;
        struct arena arena;
        arena_init(&arena, NULL);
        int count = random_below(&seed, 5) == 0 ? 0 : 1 + random_below(&seed, row_count);
        struct test_row *rows = ARENA_ARRAY(&arena, struct test_row, count + 1);
        struct test_morsel *morsels = ARENA_ARRAY(&arena, struct test_morsel, count + 1);
        int morsel_count = 0;
        now_ms += random_below(&seed, 6000);
        int64_t watermark_start = ref.watermark;
        for (int from = 0; from < count;) {
            int take = 1 + random_below(&seed, 1 + row_count / 4), split = random_below(&seed, USED_SPLITS);
            if (take > count - from) take = count - from;
            if (ref.finished[split]) split = 0;
            for (int i = from; i < from + take; i++) {
                make_row(time, &seed, now_ms + split * 500, &rows[i]);
                put_row(&ref, &rows[i], watermark_start);
                if (!rows[i].values[W].is_null && rows[i].values[W].i64 / 1000 > ref.split_watermark[split])
                    ref.split_watermark[split] = rows[i].values[W].i64 / 1000;
            }
            morsels[morsel_count++] = (struct test_morsel){split, take, rows + from};
            from += take;
        }
        for (int s = 0; s < USED_SPLITS; s++) {
            ref.idle[s] = random_below(&seed, 6) == 0;
            if (s > 0 && random_below(&seed, 60) == 0) ref.finished[s] = true;
            run->feeds[0].splits[s].idle = ref.idle[s];
            run->feeds[0].splits[s].finished = ref.finished[s];
        }
        advance(&ref, is_last);
        struct bag expected = {0}, found = {0};
        fire(&ref, ref.watermark, &expected);
        run_step(run, &morsels, &morsel_count, is_last);
        for (size_t i = 0; i < tap->changes.count; i++) assert_int_equal(tap->changes.items[i].sign, 1);
        changes_net(&tap->changes, &found);
        if (!bag_equal(&found, &expected)) fail_msg("step %d", n);
        bag_free(&expected);
        bag_free(&found);
        struct node_metrics metrics;
        executor_metrics(run->executor, node->id, &metrics);
        assert_int_equal(metrics.late_rows, ref.late);
        int64_t ms =
            ref.watermark == WATERMARK_NONE || ref.watermark == WATERMARK_MAX ? ref.watermark : ref.watermark * 1000;
        assert_int_equal(metrics.watermark, ms);
        arena_destroy(&arena);
        if (restarts && random_below(&seed, 4) == 0) {
            static const int choices[] = {1, 2, 7};
            run_restart(run, choices[random_below(&seed, 3)]);
        }
    }
    assert_true(ref.late > 0);
    struct node_metrics metrics;
    executor_metrics(run->executor, node->id, &metrics);
    assert_int_equal(metrics.state_entries, 0);
    run_free(run);
    free(run);
    free(ref.groups);
    arena_destroy(&ref.arena);
    plan_end(&tp);
}

static void streams(void **unused) {
    (void)unused;
    static const struct shape shapes[] = {
        {WINDOW_TUMBLE, 5000, 0, 0, false, false},
        {WINDOW_TUMBLE, 5000, 0, 1700, true, false},
        {WINDOW_HOP, 6000, 2000, 0, false, false},
        {WINDOW_HOP, 6000, 4000, -500, true, false},
        {WINDOW_HOP, 2000, 5000, 0, false, false} /* with gaps */,
        {WINDOW_CUMULATE, 8000, 2000, 300, false, false},
        {WINDOW_CUMULATE, 8000, 8000, 0, true, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_stream(&shapes[i], 1, false, 25, 100 + i);
        check_stream(&shapes[i], 2, true, 25, 200 + i);
        check_stream(&shapes[i], 7, true, 25, 300 + i);
    }
    check_stream(&shapes[0], 2, true, 6000, 400);
    check_stream(&shapes[1], 7, false, 6000, 500);
}

/* Windows by processing time fire by the step's clock, also in steps without rows, and at the end; nothing is late. */
static void processing_time(void **unused) {
    (void)unused;
    struct shape shape = {.kind = WINDOW_TUMBLE, .size_ms = 1000, .proctime = true};
    struct test_plan tp;
    plan_begin(&tp, true);
    make_plan(&tp, &shape);
    const struct type *time = types_of(&tp.arena);
    struct test_run run;
    run_init(&run, &tp, 1);
    run_start(&run, 2);
    struct test_row row = {.sign = 1};
    row.values[K] = value_i64(type_of(TYPE_INT), 7);
    row.values[W] = value_null(time);
    row.values[V] = value_i64(type_of(TYPE_BIGINT), 3);
    struct test_morsel morsel = {0, 1, &row}, *morsels = &morsel;
    int none = 0, one = 1;
    run.now_micros = 5000000;
    row.values[TS] = value_i64(time, run.now_micros);
    run_step(&run, &morsels, &one, false);
    run.now_micros = 5999000;
    row.values[TS] = value_i64(time, run.now_micros);
    run_step(&run, &morsels, &one, false);
    assert_int_equal(run.sinks[0].table.count, 0);
    run_restart(&run, 1);
    run.now_micros = 6000000;
    run_step(&run, &morsels, &none, false);
    assert_int_equal(bag_count(&run.sinks[0].table, "7|1970-01-01 00:00:05.000|1970-01-01 00:00:06.000|2|6|3"), 1);
    run_step(&run, &morsels, &none, false);
    assert_int_equal(run.sinks[0].changes.count, 0);
    row.values[TS] = value_i64(time, run.now_micros);
    run_step(&run, &morsels, &one, false);
    assert_int_equal(run.sinks[0].changes.count, 0);
    run_step(&run, &morsels, &none, true);
    assert_int_equal(bag_count(&run.sinks[0].table, "7|1970-01-01 00:00:06.000|1970-01-01 00:00:07.000|1|3|3"), 1);
    assert_int_equal(run.sinks[0].changes.count, 1);
    run_free(&run);
    plan_end(&tp);
}

/* Wrong sizes are refused when the plan is opened. */
static void wrong_windows(void **unused) {
    (void)unused;
    static const struct shape shapes[] = {
        {WINDOW_TUMBLE, 0, 0, 0, false, false},        {WINDOW_HOP, 1000, 0, 0, false, false},
        {WINDOW_HOP, 1000, -5, 0, false, false},       {WINDOW_CUMULATE, 1000, 300, 0, false, false},
        {WINDOW_SESSION, 1000, 1000, 0, false, false}, {WINDOW_HOP, 86400000, 1, 0, false, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct test_plan tp;
        plan_begin(&tp, true);
        make_plan(&tp, &shapes[i]);
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

const struct CMUnitTest window_tests[] = {
    cmocka_unit_test(streams),
    cmocka_unit_test(processing_time),
    cmocka_unit_test(wrong_windows),
};
const size_t window_tests_count = sizeof window_tests / sizeof *window_tests;
