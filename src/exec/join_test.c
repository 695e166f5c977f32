/* Joins of changelogs and of batches, through the whole executor, against nested loops. */
#include "exec/test_plan.h"

extern const struct CMUnitTest join_tests[];
extern const size_t join_tests_count;

/* Both sides: k INT, t STRING, v BIGINT; every column may be NULL. */
enum { K, T, V, COLUMNS };

static const struct type *side_types[COLUMNS];

static void set_types(void) {
    side_types[K] = type_of(TYPE_INT);
    side_types[T] = type_of(TYPE_VARCHAR);
    side_types[V] = type_of(TYPE_BIGINT);
}

static void make_row(struct arena *arena, uint64_t *seed, struct test_row *row) {
    static const char *const texts[] = {"x", "a text that does not fit inline"};
    (void)arena;
    row->values[K] = value_i64(side_types[K], random_below(seed, 5));
    row->values[T] = value_str(side_types[T], str_from(texts[random_below(seed, 2)]));
    row->values[V] = value_i64(side_types[V], random_below(seed, 4));
    for (int c = 0; c < COLUMNS; c++)
        if (random_below(seed, 7) == 0) row->values[c] = value_null(side_types[c]);
}

/* Few NULLs and many keys: NOT IN changes its mind as a whole now and then, and is not empty in between. */
static void make_sparse_row(struct arena *arena, uint64_t *seed, struct test_row *row) {
    make_row(arena, seed, row);
    row->values[K] =
        random_below(seed, 60) == 0 ? value_null(side_types[K]) : value_i64(side_types[K], random_below(seed, 40));
}

static void make_row_without_null(struct arena *arena, uint64_t *seed, struct test_row *row) {
    make_sparse_row(arena, seed, row);
    if (row->values[K].is_null) row->values[K] = value_i64(side_types[K], 3);
}

struct shape {
    enum join_type type;
    int key_count;      /* of K, T */
    bool null_safe;     /* on K */
    bool condition;     /* left.v < right.v */
    bool null_aware;    /* ANTI by K */
    bool same_exchange; /* a self join: both sides are one node */
};

static bool keys_match(const struct shape *shape, const struct value *left, const struct value *right) {
    for (int k = 0; k < shape->key_count; k++) {
        bool null_safe = k == K && shape->null_safe;
        if ((left[k].is_null || right[k].is_null) && !null_safe) return false;
        if (value_compare(&left[k], &right[k]) != 0) return false;
    }
    return true;
}

static bool pair_passes(const struct shape *shape, const struct value *left, const struct value *right) {
    if (!keys_match(shape, left, right)) return false;
    return !shape->condition || (!left[V].is_null && !right[V].is_null && left[V].i64 < right[V].i64);
}

static void add_pair(struct arena *arena, struct bag *table, const struct value *left, const struct value *right) {
    struct value row[COLUMNS * 2];
    for (int c = 0; c < COLUMNS; c++) {
        row[c] = left ? left[c] : value_null(side_types[c]);
        row[COLUMNS + c] = right ? right[c] : value_null(side_types[c]);
    }
    bag_add(table, test_row_text(arena, row, COLUMNS * 2), 1);
}

static void nested_loops(const struct shape *shape, const struct live_rows *left, const struct live_rows *right,
                         struct bag *table) {
    struct arena arena;
    arena_init(&arena, NULL);
    bool *matched = ARENA_ARRAY(&arena, bool, right->count + 1), right_null = false;
    enum join_type type = shape->type;
    for (size_t r = 0; r < right->count; r++) right_null |= right->rows[r].values[K].is_null;
    for (size_t l = 0; l < left->count; l++) {
        const struct value *row = left->rows[l].values;
        int matches = 0;
        for (size_t r = 0; r < right->count; r++) {
            if (!pair_passes(shape, row, right->rows[r].values)) continue;
            matches++;
            matched[r] = true;
            if (type != JOIN_SEMI && type != JOIN_ANTI) add_pair(&arena, table, row, right->rows[r].values);
        }
        if ((type == JOIN_LEFT || type == JOIN_FULL) && !matches) add_pair(&arena, table, row, NULL);
        bool alone = type == JOIN_SEMI ? matches > 0 : matches == 0;
        if (shape->null_aware && right->count) alone = alone && !right_null && !row[K].is_null;
        if ((type == JOIN_SEMI || type == JOIN_ANTI) && alone) bag_add(table, test_row_text(&arena, row, COLUMNS), 1);
    }
    for (size_t r = 0; r < right->count; r++)
        if (!matched[r] && (type == JOIN_RIGHT || type == JOIN_FULL))
            add_pair(&arena, table, NULL, right->rows[r].values);
    arena_destroy(&arena);
}

static void reference(const struct property *property, struct bag *table) {
    const struct shape *shape = property->data;
    nested_loops(shape, &property->logs[0].live, &property->logs[shape->same_exchange ? 0 : 1].live, table);
}

static struct pnode *make_join(struct test_plan *tp, enum pnode_kind kind, const struct shape *shape,
                               struct pnode *const *inputs) {
    static const int keys[] = {K, T};
    bool pairs = shape->type != JOIN_SEMI && shape->type != JOIN_ANTI;
    const struct type *types[COLUMNS * 2];
    for (int c = 0; c < COLUMNS * 2; c++) types[c] = side_types[c % COLUMNS];
    struct pnode *node = plan_node(tp, kind, kind == PNODE_STREAM_JOIN ? CHANGES_RETRACT : CHANGES_APPEND, types,
                                   pairs ? COLUMNS * 2 : COLUMNS, inputs, 2);
    node->join.type = shape->type;
    node->join.key_count = shape->key_count;
    node->join.left_keys = node->join.right_keys = plan_ints(tp, shape->key_count, keys);
    if (shape->null_safe) {
        bool *null_safe = ARENA_ARRAY(&tp->arena, bool, 2);
        null_safe[0] = true;
        node->join.null_safe = null_safe;
    }
    node->join.null_aware = shape->null_aware;
    if (shape->condition)
        node->join.condition = plan_call(tp, "<", expr_column(&tp->arena, V, side_types[V]),
                                         expr_column(&tp->arena, COLUMNS + V, side_types[V]));
    return node;
}

static struct pnode *deal(struct test_plan *tp, const struct shape *shape, struct pnode *input) {
    static const int keys[] = {K, T};
    return plan_exchange(tp, input, keys, shape->null_aware ? 0 : shape->key_count);
}

static void check_stream(const struct shape *shape, bool append, bool streaming, uint64_t seed) {
    struct test_plan tp;
    plan_begin(&tp, streaming);
    enum changes changes = append ? CHANGES_APPEND : CHANGES_RETRACT;
    struct pnode *inputs[2];
    inputs[0] = deal(&tp, shape, plan_scan(&tp, changes, side_types, COLUMNS));
    inputs[1] = shape->same_exchange ? inputs[0] : deal(&tp, shape, plan_scan(&tp, changes, side_types, COLUMNS));
    struct pnode *node = make_join(&tp, PNODE_STREAM_JOIN, shape, inputs);
    plan_collect(&tp, node);
    struct property property = {.tp = &tp,
                                .scan_count = shape->same_exchange ? 1 : 2,
                                .reference = reference,
                                .steps = shape->null_aware ? 30 : 10,
                                .step_rows = shape->key_count ? 40 : 15,
                                .data = (void *)shape};
    for (int s = 0; s < 2; s++)
        property.logs[s] = (struct changelog){.make = shape->null_aware ? make_sparse_row : make_row, .append = append};
    if (shape->null_aware) property.step_rows = 6; /* so that the right side becomes empty at times */
    property_run(&property, seed);
    plan_end(&tp);
}

static void stream_all_types(void **unused) {
    (void)unused;
    set_types();
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++)
        for (int variant = 0; variant < 8; variant++) {
            struct shape shape = {.type = (enum join_type)type,
                                  .key_count = variant & 1 ? 2 : 1,
                                  .condition = variant & 2,
                                  .null_safe = variant & 4};
            check_stream(&shape, false, variant % 3 != 0, 1000 + (uint64_t)(type * 100 + variant));
        }
}

static void stream_inserts_only(void **unused) {
    (void)unused;
    set_types();
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++) {
        struct shape shape = {.type = (enum join_type)type, .key_count = 1, .condition = type % 2};
        check_stream(&shape, true, true, 2000 + (uint64_t)type);
    }
}

static void stream_without_keys(void **unused) {
    (void)unused;
    set_types();
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++) {
        struct shape shape = {.type = (enum join_type)type, .condition = true};
        check_stream(&shape, false, true, 3000 + (uint64_t)type);
    }
    struct shape cross = {.type = JOIN_INNER};
    check_stream(&cross, false, true, 3100);
}

static void stream_not_in(void **unused) {
    (void)unused;
    set_types();
    struct shape shape = {.type = JOIN_ANTI, .key_count = 1, .null_aware = true};
    for (uint64_t seed = 4000; seed < 4200; seed += 40) check_stream(&shape, false, true, seed);
    check_stream(&shape, true, true, 4300);
}

/* Both sides are the same rows: one exchange feeds both ports. */
static void stream_self_join(void **unused) {
    (void)unused;
    set_types();
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++) {
        struct shape shape = {.type = (enum join_type)type, .key_count = 1, .condition = true, .same_exchange = true};
        check_stream(&shape, false, true, 5000 + (uint64_t)type);
        check_stream(&shape, true, false, 5100 + (uint64_t)type);
    }
}

/* ---- Batch ---- */

enum batch_form { EXCHANGED, SHARED };

static void check_batch(const struct shape *shape, enum batch_form form, int rows, int workers, uint64_t seed) {
    struct test_plan tp;
    plan_begin(&tp, false);
    struct pnode *inputs[2];
    inputs[0] = plan_scan(&tp, CHANGES_APPEND, side_types, COLUMNS);
    if (form == EXCHANGED) inputs[0] = deal(&tp, shape, inputs[0]);
    inputs[1] =
        shape->same_exchange ? inputs[0] : deal(&tp, shape, plan_scan(&tp, CHANGES_APPEND, side_types, COLUMNS));
    plan_collect(&tp, make_join(&tp, PNODE_HASH_JOIN, shape, inputs));
    struct changelog logs[2];
    struct test_morsel *morsels[TEST_SCANS];
    int counts[TEST_SCANS] = {0};
    uint64_t first_seed = seed;
    for (int s = 0; s < 2; s++) {
        logs[s] =
            (struct changelog){.make = rows > 200 || shape->null_aware ? make_sparse_row : make_row, .append = true};
        if (shape->null_aware && s == 1 && first_seed % 2) logs[s].make = make_row_without_null;
        int n = rows && first_seed % 5 != 3 ? rows : s == 0 ? 10 : 0; /* the built side may be empty */
        counts[s] = changelog_step(&logs[s], &tp.arena, &seed, n, &morsels[s]);
    }
    struct bag expected = {0};
    nested_loops(shape, &logs[0].live, &logs[shape->same_exchange ? 0 : 1].live, &expected);
    struct test_run run;
    run_init(&run, &tp, seed);
    run_start(&run, workers);
    run_step(&run, morsels, counts, true);
    if (!bag_equal(&run.sinks[0].table, &expected))
        fail_msg("%s join, %d rows, %d workers", join_type_name(shape->type), rows, workers);
    run_free(&run);
    bag_free(&expected);
    for (int s = 0; s < 2; s++) free(logs[s].live.rows);
    plan_end(&tp);
}

static void batch_all_types(void **unused) {
    (void)unused;
    set_types();
    static const int workers[] = {1, 2, 7};
    uint64_t seed = 6000;
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++)
        for (int form = EXCHANGED; form <= SHARED; form++)
            for (int variant = 0; variant < 8; variant++) {
                if (form == SHARED && (type == JOIN_RIGHT || type == JOIN_FULL)) continue;
                struct shape shape = {.type = (enum join_type)type,
                                      .key_count = variant & 1 ? 2 : 1,
                                      .condition = variant & 2,
                                      .null_safe = variant & 4};
                seed++;
                check_batch(&shape, (enum batch_form)form, 90, workers[seed % 3], seed);
                if (variant == 3) check_batch(&shape, (enum batch_form)form, 3000, workers[seed % 3], seed);
            }
}

static void batch_without_keys(void **unused) {
    (void)unused;
    set_types();
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++) {
        struct shape shape = {.type = (enum join_type)type, .condition = true};
        check_batch(&shape, EXCHANGED, 60, 2, 7000 + (uint64_t)type);
        if (type != JOIN_RIGHT && type != JOIN_FULL) check_batch(&shape, SHARED, 60, 7, 7100 + (uint64_t)type);
    }
}

static void batch_not_in(void **unused) {
    (void)unused;
    set_types();
    struct shape shape = {.type = JOIN_ANTI, .key_count = 1, .null_aware = true};
    for (uint64_t seed = 8000; seed < 8030; seed++) {
        check_batch(&shape, EXCHANGED, 60, 2, seed);
        check_batch(&shape, SHARED, 60, seed % 2 ? 7 : 1, seed);
    }
}

static void batch_self_join(void **unused) {
    (void)unused;
    set_types();
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++) {
        struct shape shape = {
            .type = (enum join_type)type, .key_count = 1, .condition = type % 2, .same_exchange = true};
        check_batch(&shape, EXCHANGED, 300, 2, 9000 + (uint64_t)type);
    }
}

/* ---- A scalar subquery has one row at most ---- */

static enum status single_row_step(struct test_run *run, struct test_row *left, int left_count, struct test_row *right,
                                   int right_count, struct error *err) {
    struct test_morsel morsel[2] = {{0, left_count, left}, {0, right_count, right}};
    struct test_morsel *morsels[2] = {&morsel[0], &morsel[1]};
    int counts[2] = {left_count > 0, right_count > 0};
    return run_step_failing(run, morsels, counts, false, -1, err);
}

static void single_row(void **unused) {
    (void)unused;
    set_types();
    struct test_plan tp;
    plan_begin(&tp, true);
    struct shape shape = {.type = JOIN_LEFT, .key_count = 1};
    struct pnode *inputs[2];
    for (int s = 0; s < 2; s++) inputs[s] = deal(&tp, &shape, plan_scan(&tp, CHANGES_RETRACT, side_types, COLUMNS));
    struct pnode *node = make_join(&tp, PNODE_STREAM_JOIN, &shape, inputs);
    node->join.single_row = true;
    plan_collect(&tp, node);
    struct test_row rows[4];
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 4; i++) {
        rows[i].values[K] = value_i64(side_types[K], 1);
        rows[i].values[T] = value_null(side_types[T]);
        rows[i].values[V] = value_i64(side_types[V], i);
        rows[i].sign = 1;
    }
    struct test_run run;
    run_init(&run, &tp, 1);
    run_start(&run, 2);
    struct error err;
    assert_int_equal(single_row_step(&run, &rows[0], 1, &rows[1], 1, &err), STATUS_OK);
    assert_int_equal(bag_count(&run.sinks[0].table, "1|NULL|0|1|NULL|1"), 1);
    /* the row changes within a step: the new one before the old one goes */
    struct test_row change[2] = {rows[2], rows[1]};
    change[1].sign = -1;
    assert_int_equal(single_row_step(&run, NULL, 0, change, 2, &err), STATUS_OK);
    assert_int_equal(bag_count(&run.sinks[0].table, "1|NULL|0|1|NULL|2"), 1);
    assert_int_equal(bag_total(&run.sinks[0].table), 1);
    run_restart(&run, 1);
    error_clear(&err);
    assert_int_equal(single_row_step(&run, NULL, 0, &rows[3], 1, &err), STATUS_CARDINALITY);
    assert_non_null(strstr(err.message, "more than one row"));
    run_free(&run);
    plan_end(&tp);
    for (int form = EXCHANGED; form <= SHARED; form++) {
        plan_begin(&tp, false);
        for (int s = 0; s < 2; s++) {
            inputs[s] = plan_scan(&tp, CHANGES_APPEND, side_types, COLUMNS);
            if (s == 1 || form == EXCHANGED) inputs[s] = deal(&tp, &shape, inputs[s]);
        }
        node = make_join(&tp, PNODE_HASH_JOIN, &shape, inputs);
        node->join.single_row = true;
        plan_collect(&tp, node);
        for (int partners = 0; partners < 3; partners++) {
            run_init(&run, &tp, 1);
            run_start(&run, 2);
            error_clear(&err);
            assert_int_equal(single_row_step(&run, &rows[0], 1, &rows[1], partners, &err),
                             partners > 1 ? STATUS_CARDINALITY : STATUS_OK);
            run_free(&run);
        }
        plan_end(&tp);
    }
}

/* What came and went leaves nothing behind in the state. */
static void state_is_freed(void **unused) {
    (void)unused;
    set_types();
    for (int type = JOIN_INNER; type <= JOIN_ANTI; type++) {
        struct shape shape = {.type = (enum join_type)type, .key_count = 1};
        struct test_plan tp;
        plan_begin(&tp, true);
        struct pnode *inputs[2];
        for (int s = 0; s < 2; s++) inputs[s] = deal(&tp, &shape, plan_scan(&tp, CHANGES_RETRACT, side_types, COLUMNS));
        struct pnode *node = make_join(&tp, PNODE_STREAM_JOIN, &shape, inputs);
        plan_collect(&tp, node);
        struct test_run run;
        run_init(&run, &tp, 1);
        run_start(&run, 2);
        struct test_row rows[2];
        memset(rows, 0, sizeof rows);
        uint64_t seed = 5;
        make_row(&tp.arena, &seed, &rows[0]);
        rows[0].values[K] = value_i64(side_types[K], 1);
        for (int round = 0; round < 4; round++)
            for (int side = 0; side < 2; side++) {
                /* in two chunks of one step: first -1, then +1 (or the other way round) */
                rows[1] = rows[0];
                rows[0].sign = round % 2 ? -1 : 1;
                rows[1].sign = -rows[0].sign;
                struct test_morsel pieces[2] = {{0, 1, &rows[0]}, {0, 1, &rows[1]}}, *morsels[2] = {pieces, pieces};
                int counts[2] = {0};
                counts[side] = 2;
                run_step(&run, morsels, counts, false);
                struct node_metrics metrics;
                executor_metrics(run.executor, node->id, &metrics);
                assert_int_equal(metrics.state_entries, 0);
                assert_int_equal(run.sinks[0].changes.count, 0);
            }
        run_free(&run);
        plan_end(&tp);
    }
}

const struct CMUnitTest join_tests[] = {
    cmocka_unit_test(stream_all_types),   cmocka_unit_test(stream_inserts_only), cmocka_unit_test(stream_without_keys),
    cmocka_unit_test(stream_not_in),      cmocka_unit_test(stream_self_join),    cmocka_unit_test(batch_all_types),
    cmocka_unit_test(batch_without_keys), cmocka_unit_test(batch_not_in),        cmocka_unit_test(batch_self_join),
    cmocka_unit_test(single_row),         cmocka_unit_test(state_is_freed),
};
const size_t join_tests_count = sizeof join_tests / sizeof *join_tests;
