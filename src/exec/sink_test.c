/* Sinks: how a step's rows are netted. And what happens when something fails in the middle of a step. */
#include <stdio.h>

#include "exec/test_plan.h"

extern const struct CMUnitTest sink_tests[];
extern const size_t sink_tests_count;

/* Rows: v BIGINT, k INT, s STRING; k is the key. */
enum { V, K, S, COLUMNS };

static const struct type *input_types[COLUMNS];

static void set_types(void) {
    input_types[V] = type_of(TYPE_BIGINT);
    input_types[K] = type_of(TYPE_INT);
    input_types[S] = type_of(TYPE_VARCHAR);
}

struct shape {
    enum changes input, accepts;
    bool collect;
    enum conflict_policy conflict;
    bool edge_key; /* the input's edge knows that k is unique */
    bool no_exchange;
    bool not_null; /* the table's v and s are NOT NULL */
    bool refuses;  /* the sink does not take rows whose s is "bad" */
};

static struct catalog_fixture {
    struct table table;
    struct table_column columns[COLUMNS];
} fixture;

/* SCAN -> [EXCHANGE(k)] -> SINK or COLLECT */
static void make_plan(struct test_plan *tp, const struct shape *shape) {
    static const int keys[] = {K};
    static const int columns[] = {0, 1, 2};
    struct pnode *node = plan_scan(tp, shape->input, input_types, COLUMNS);
    if (!shape->no_exchange) node = plan_exchange(tp, node, keys, 1);
    if (shape->edge_key) {
        node->edge.key = keys;
        node->edge.key_count = 1;
    }
    node = plan_root(tp, shape->collect ? PNODE_COLLECT : PNODE_SINK, node);
    if (shape->collect) return;
    memset(&fixture, 0, sizeof fixture);
    fixture.table.name = "target";
    fixture.table.columns = fixture.columns;
    fixture.table.column_count = COLUMNS;
    for (int c = 0; c < COLUMNS; c++) {
        fixture.columns[c].name = (const char *[]){"v", "k", "s"}[c];
        fixture.columns[c].type =
            shape->not_null && c != K ? type_with_nullable(&tp->arena, input_types[c], false) : input_types[c];
    }
    node->sink.table = &fixture.table;
    node->sink.columns = columns;
    node->sink.column_count = COLUMNS;
    node->sink.accepts = shape->accepts;
    node->sink.conflict = shape->conflict;
    if (shape->accepts == CHANGES_UPSERT) {
        node->sink.key = keys;
        node->sink.key_count = 1;
    }
}

static bool is_bad(struct exec_sink *sink, const struct chunk *chunk, int row) {
    (void)sink;
    const struct vector *vec = &chunk->columns[S];
    return !vector_is_null(vec, row) && str_equal(strview_str((struct strview *)vec->data + row), str_from("bad"));
}

static void open_run(struct test_run *run, struct test_plan *tp, const struct shape *shape, int workers) {
    plan_begin(tp, true);
    make_plan(tp, shape);
    run_init(run, tp, 1);
    run->sinks[0].base.accepts = shape->accepts;
    if (shape->refuses) run->sinks[0].base.refuses = is_bad;
    run_start(run, workers);
}

/* "+v,k,s -v,k,s": rows of a step, each a morsel of its own in one split. */
static enum status step(struct test_run *run, const char *text, struct error *err) {
    struct test_row rows[32];
    struct test_morsel morsels[32], *list = morsels;
    memset(rows, 0, sizeof rows);
    struct arena arena;
    arena_init(&arena, NULL);
    int count = 0;
    for (const char *at = text; *at; count++) {
        char v[32], k[32], s[32];
        int used;
        assert_int_equal(sscanf(at + 1, "%31[^,],%31[^,],%31[^ ]%n", v, k, s, &used), 3);
        rows[count].sign = *at == '-' ? -1 : 1;
        rows[count].values[V] = *v == 'N' ? value_null(input_types[V]) : value_i64(input_types[V], atoll(v));
        rows[count].values[K] = *k == 'N' ? value_null(input_types[K]) : value_i64(input_types[K], atoll(k));
        rows[count].values[S] =
            *s == 'N' ? value_null(input_types[S]) : value_str(input_types[S], str_from(arena_strdup(&arena, s)));
        morsels[count] = (struct test_morsel){0, 1, &rows[count]};
        at += 1 + used;
        while (*at == ' ') at++;
    }
    error_clear(err);
    enum status status = run_step_failing(run, &list, &count, false, -1, err);
    arena_destroy(&arena);
    return status;
}

static int compare_text(const void *a, const void *b) {
    /* in the order of keys; the order of one key's rows is kept by the index behind */
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The step's changes by key, each key's in the order in which they came: "+I 1|2|x, -U …". */
static const char *found(struct test_run *run, struct arena *arena) {
    const struct test_changes *changes = &run->sinks[0].changes;
    char **list = ARENA_ARRAY(arena, char *, changes->count + 1);
    for (size_t i = 0; i < changes->count; i++) {
        const char *text = changes->items[i].text, *key = strchr(text, '|') + 1;
        list[i] = arena_printf(arena, "%-20.*s%04zu%s %s", (int)(strchr(key, '|') - key), key, i,
                               row_kind_name(changes->items[i].kind), text);
    }
    qsort(list, changes->count, sizeof *list, compare_text);
    const char *all = "";
    for (size_t i = 0; i < changes->count; i++) all = arena_printf(arena, "%s%s%s", all, i ? ", " : "", list[i] + 24);
    return all;
}

struct sink_case {
    const char *rows, *expected; /* expected NULL: a conflict */
};

static void check_cases(const struct shape *shape, const struct sink_case *cases, size_t count) {
    for (int workers = 1; workers < 8; workers += 6) {
        struct test_plan tp;
        struct test_run run;
        open_run(&run, &tp, shape, workers);
        for (size_t i = 0; i < count; i++) {
            struct error err;
            enum status status = step(&run, cases[i].rows, &err);
            if (!cases[i].expected) {
                assert_int_not_equal(status, STATUS_OK);
                assert_non_null(strstr(err.message, "target"));
                assert_int_equal(i + 1, count);
                break;
            }
            if (status != STATUS_OK) fail_msg("%s: %s", cases[i].rows, err.message);
            assert_string_equal(found(&run, &tp.arena), cases[i].expected);
        }
        run_free(&run);
        plan_end(&tp);
    }
}
#define CHECK(shape, ...)                                                                                              \
    do {                                                                                                               \
        const struct sink_case cases_[] = {__VA_ARGS__};                                                               \
        check_cases(shape, cases_, sizeof cases_ / sizeof *cases_);                                                    \
    } while (0)

static void append(void **unused) {
    (void)unused;
    set_types();
    struct shape shape = {.input = CHANGES_APPEND, .accepts = CHANGES_APPEND};
    CHECK(&shape, {"+1,1,a +1,1,a +2,1,b", "+I 1|1|a, +I 1|1|a, +I 2|1|b"}, {"+N,N,N", "+I NULL|NULL|NULL"});
    /* a changelog is refused when the plan is opened */
    struct test_plan tp;
    plan_begin(&tp, true);
    shape.input = CHANGES_RETRACT;
    make_plan(&tp, &shape);
    struct test_run run;
    run_init(&run, &tp, 1);
    run.sinks[0].base.accepts = CHANGES_APPEND;
    struct error err;
    assert_int_equal(run_open(&run, 1, &err), STATUS_INVALID_QUERY);
    run_free(&run);
    plan_end(&tp);
}

static void upsert_inserts(void **unused) {
    (void)unused;
    set_types();
    struct shape shape = {.input = CHANGES_APPEND, .accepts = CHANGES_UPSERT};
    /* the last row of a key wins; NULL is a key like any other; a row that comes twice is one upsert */
    CHECK(&shape, {"+1,1,a +2,2,b +3,1,c", "+I 3|1|c, +I 2|2|b"}, {"+9,1,z +9,1,z", "+I 9|1|z"},
          {"+3,N,x +1,N,y", "+I 1|NULL|y"}, {"+1,5,a +2,5,b +1,5,a", "+I 1|5|a"});
    shape.conflict = CONFLICT_ERROR;
    CHECK(&shape, {"+1,1,a +2,2,b", "+I 1|1|a, +I 2|2|b"}, {"+1,3,a +2,3,b", NULL});
}

/* Rows that the sink refuses are passed on, but the last of the others counts. */
static void upsert_refused(void **unused) {
    (void)unused;
    set_types();
    CHECK(&((struct shape){.input = CHANGES_APPEND, .accepts = CHANGES_UPSERT, .refuses = true}),
          {"+1,1,a +2,1,bad", "+I 2|1|bad, +I 1|1|a"}, {"+1,1,bad +2,1,b", "+I 1|1|bad, +I 2|1|b"},
          {"+1,1,a +2,1,bad +3,1,c +4,1,bad +5,2,bad +6,3,d", "+I 2|1|bad, +I 4|1|bad, +I 3|1|c, +I 5|2|bad, +I 6|3|d"},
          {"+1,1,bad +2,1,bad", "+I 1|1|bad, +I 2|1|bad"}, {"+1,1,a +2,1,b +3,1,N", "+I 3|1|NULL"});
    CHECK(&((struct shape){
              .input = CHANGES_APPEND, .accepts = CHANGES_UPSERT, .refuses = true, .conflict = CONFLICT_ERROR}),
          {"+1,1,a +2,1,bad", "+I 2|1|bad, +I 1|1|a"}, {"+1,1,a +2,1,bad +3,1,c", NULL});
    /* more than are asked about at a time */
    struct shape shape = {.input = CHANGES_APPEND, .accepts = CHANGES_UPSERT, .refuses = true};
    struct test_plan tp;
    struct test_run run;
    open_run(&run, &tp, &shape, 2);
    enum { ROWS = 3 * VECTOR_CAPACITY, KEYS = 7 };
    static struct test_row rows[ROWS];
    for (int i = 0; i < ROWS; i++) {
        rows[i].sign = 1;
        rows[i].values[V] = value_i64(input_types[V], i);
        rows[i].values[K] = value_i64(input_types[K], i % KEYS);
        rows[i].values[S] = value_str(input_types[S], str_from(i >= ROWS / 2 ? "bad" : "good"));
    }
    struct test_morsel morsels[] = {{0, VECTOR_CAPACITY, rows},
                                    {0, VECTOR_CAPACITY, rows + VECTOR_CAPACITY},
                                    {0, VECTOR_CAPACITY, rows + 2 * VECTOR_CAPACITY}},
                       *list = morsels;
    int count = 3;
    struct error err;
    assert_int_equal(run_step_failing(&run, &list, &count, false, -1, &err), STATUS_OK);
    const struct test_changes *changes = &run.sinks[0].changes;
    int good = 0;
    for (size_t i = 0; i < changes->count; i++) good += strstr(changes->items[i].text, "good") != NULL;
    assert_int_equal(good, KEYS);
    assert_int_equal(changes->count, KEYS + ROWS / 2);
    run_free(&run);
    plan_end(&tp);
}

static void upsert_changes(void **unused) {
    (void)unused;
    set_types();
    struct shape shape = {.input = CHANGES_RETRACT, .accepts = CHANGES_UPSERT};
    CHECK(&shape, {"+1,1,a +2,2,b", "+I 1|1|a, +I 2|2|b"},
          /* an update, in both orders; a delete with the old row; what comes and goes is nothing */
          {"-1,1,a +3,1,c", "+U 3|1|c"}, {"+4,1,d -3,1,c", "+U 4|1|d"}, {"-2,2,b", "-D 2|2|b"}, {"+7,7,x -7,7,x", ""},
          {"-7,7,x +7,7,x", ""}, {"-4,1,d +4,1,d", ""},
          /* several updates of one key are one */
          {"-4,1,d +5,1,e -5,1,e +6,1,f", "+U 6|1|f"}, {"+6,1,f -6,1,f", ""}, {"-6,1,f +8,1,h -8,1,h", "-D 6|1|f"},
          /* two rows stay under one key */
          {"+1,3,a +2,3,b", NULL});
    shape.conflict = CONFLICT_DEDUPLICATE;
    CHECK(&shape, {"+1,3,a +2,3,b", "+I 2|3|b"}, {"+2,4,b +1,4,a", "+I 2|4|b"}, {"-2,4,b +1,4,a +3,4,c", "+U 3|4|c"});
    shape.conflict = CONFLICT_NOTHING;
    CHECK(&shape, {"+1,3,a +2,3,b", "+I 1|3|a"}, {"+2,4,b +1,4,a", "+I 1|4|a"});
    shape.conflict = CONFLICT_ERROR;
    CHECK(&shape, {"+1,3,a", "+I 1|3|a"}, {"+1,4,a +2,4,b", NULL});
}

static void retract(void **unused) {
    (void)unused;
    set_types();
    struct shape shape = {.input = CHANGES_RETRACT, .accepts = CHANGES_RETRACT, .edge_key = true};
    CHECK(&shape, {"+1,1,a +2,2,b", "+I 1|1|a, +I 2|2|b"}, {"+3,1,c -1,1,a", "-U 1|1|a, +U 3|1|c"},
          {"-2,2,b", "-D 2|2|b"}, {"+5,5,e -5,5,e", ""}, {"-3,1,c +4,1,d -4,1,d +6,1,f", "-U 3|1|c, +U 6|1|f"});
    shape.collect = true;
    CHECK(&shape, {"+1,1,a", "+I 1|1|a"}, {"+3,1,c -1,1,a", "-U 1|1|a, +U 3|1|c"});
    /* without a key rows come and go, the ones that go first; doubles keep their number */
    shape.edge_key = false;
    CHECK(&shape, {"+1,1,a +1,1,a +2,1,b", "+I 1|1|a, +I 1|1|a, +I 2|1|b"}, {"+3,1,c -1,1,a", "-D 1|1|a, +I 3|1|c"},
          {"-1,1,a +1,1,a", ""}, {"+7,2,x +7,2,x +7,2,x -7,2,x", "+I 7|2|x, +I 7|2|x"});
    shape = (struct shape){.input = CHANGES_APPEND, .accepts = CHANGES_RETRACT, .collect = true};
    CHECK(&shape, {"+1,1,a +1,1,a", "+I 1|1|a, +I 1|1|a"});
}

/* In a source stage every morsel nets its own rows: the multiset is the same. */
static void retract_in_source_stage(void **unused) {
    (void)unused;
    set_types();
    struct shape shape = {.input = CHANGES_RETRACT, .accepts = CHANGES_RETRACT, .collect = true, .no_exchange = true};
    struct test_plan tp;
    struct test_run run;
    open_run(&run, &tp, &shape, 7);
    struct error err;
    assert_int_equal(step(&run, "+1,1,a +2,1,b +1,1,a", &err), STATUS_OK);
    assert_int_equal(step(&run, "-1,1,a +3,1,b -2,1,b", &err), STATUS_OK);
    assert_int_equal(bag_count(&run.sinks[0].table, "1|1|a"), 1);
    assert_int_equal(bag_count(&run.sinks[0].table, "3|1|b"), 1);
    assert_int_equal(bag_total(&run.sinks[0].table), 2);
    run_free(&run);
    plan_end(&tp);
}

/* Random changes of a keyed table: what the upserts leave is the table, with one change per key and step. */
static void upsert_random(void **unused) {
    (void)unused;
    set_types();
    enum { KEYS = 300, STEPS = 20 };
    for (int workers = 1; workers < 8; workers += 3) {
        struct shape shape = {.input = CHANGES_RETRACT, .accepts = CHANGES_UPSERT};
        struct test_plan tp;
        struct test_run run;
        open_run(&run, &tp, &shape, workers);
        uint64_t seed = 400;
        int64_t model[KEYS], target[KEYS]; /* -1: no row */
        memset(model, 0xFF, sizeof model);
        memset(target, 0xFF, sizeof target);
        for (int n = 0; n < STEPS; n++) {
            struct arena arena;
            arena_init(&arena, NULL);
            int changes = n == 5 ? 3000 : random_below(&seed, 400), count = 0;
            struct test_row *rows = ARENA_ARRAY(&arena, struct test_row, changes * 2 + 1);
            for (int i = 0; i < changes; i++) {
                int k = random_below(&seed, KEYS);
                int64_t next = random_below(&seed, 4) ? random_below(&seed, 1000000) : -1;
                for (int part = 0; part < 2; part++) {
                    int64_t v = part ? next : model[k];
                    if (v < 0) continue;
                    rows[count].sign = part ? 1 : -1;
                    rows[count].values[V] = value_i64(input_types[V], v);
                    rows[count].values[K] = value_i64(input_types[K], k);
                    rows[count++].values[S] = value_str(input_types[S], str_from("a text that is not kept inline"));
                }
                model[k] = next;
            }
            for (int i = count - 1; i > 0; i--) { /* any order */
                int k = random_below(&seed, i + 1);
                struct test_row swap = rows[i];
                rows[i] = rows[k];
                rows[k] = swap;
            }
            struct test_morsel morsel = {0, count, rows}, *morsels = &morsel;
            int one = count > 0;
            run_step(&run, &morsels, &one, false);
            bool seen[KEYS] = {0};
            for (size_t i = 0; i < run.sinks[0].changes.count; i++) {
                const struct test_change *change = &run.sinks[0].changes.items[i];
                long long v, k;
                assert_int_equal(sscanf(change->text, "%lld|%lld|", &v, &k), 2);
                assert_false(seen[k]);
                seen[k] = true;
                switch (change->kind) {
                case ROW_INSERT:
                    assert_int_equal(target[k], -1);
                    target[k] = v;
                    break;
                case ROW_UPDATE_AFTER:
                    assert_true(target[k] >= 0 && target[k] != v);
                    target[k] = v;
                    break;
                case ROW_DELETE:
                    assert_int_equal(target[k], v);
                    target[k] = -1;
                    break;
                case ROW_UPDATE_BEFORE: fail();
                }
            }
            assert_memory_equal(model, target, sizeof model);
            arena_destroy(&arena);
        }
        run_free(&run);
        plan_end(&tp);
    }
}

static void not_null(void **unused) {
    (void)unused;
    set_types();
    for (int drop = 0; drop < 2; drop++)
        for (int mode = 0; mode < 2; mode++) {
            struct shape shape = {
                .input = CHANGES_APPEND, .accepts = mode ? CHANGES_UPSERT : CHANGES_APPEND, .not_null = true};
            struct test_plan tp;
            plan_begin(&tp, true);
            make_plan(&tp, &shape);
            struct test_run run;
            run_init(&run, &tp, 1);
            run.drop_nulls = drop;
            run.sinks[0].base.accepts = shape.accepts;
            run_start(&run, 2);
            struct error err;
            assert_int_equal(step(&run, "+1,1,a +2,N,b", &err), STATUS_OK);
            assert_int_equal(run.sinks[0].changes.count, 2);
            enum status status = step(&run, "+3,3,c +N,4,d +5,5,N +6,6,e", &err);
            if (drop) {
                assert_int_equal(status, STATUS_OK);
                assert_string_equal(found(&run, &tp.arena), "+I 3|3|c, +I 6|6|e");
            } else {
                assert_int_equal(status, STATUS_NULL_NOT_ALLOWED);
                assert_true(strstr(err.message, "'v'") || strstr(err.message, "'s'"));
                assert_non_null(strstr(err.message, "target"));
            }
            run_free(&run);
            plan_end(&tp);
        }
}

const struct CMUnitTest sink_tests[] = {
    cmocka_unit_test(append),   cmocka_unit_test(upsert_inserts),          cmocka_unit_test(upsert_changes),
    cmocka_unit_test(retract),  cmocka_unit_test(retract_in_source_stage), cmocka_unit_test(upsert_random),
    cmocka_unit_test(not_null), cmocka_unit_test(upsert_refused),
};
const size_t sink_tests_count = sizeof sink_tests / sizeof *sink_tests;
