/* Lookup joins through the whole executor, against a made-up table that changes with every step and counts what it is
 * asked. */
#include "exec/test_plan.h"

#include <stdio.h>

extern const struct CMUnitTest lookup_tests[];
extern const size_t lookup_tests_count;

/* Left: k INT (may be NULL), v BIGINT. The table: k INT, n BIGINT. */
enum { LEFT_COLUMNS = 2, TABLE_COLUMNS = 2, MAX_KEYS = 40000, MANY_ROWS = 3000 };

static const struct type *left_types[LEFT_COLUMNS], *pair_types[LEFT_COLUMNS + TABLE_COLUMNS];

/* ---- The table ---- */

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int version;         /* of its rows */
    int asked[MAX_KEYS]; /* by key, since it was cleared */
    int asks;            /* calls of ask, since the start */
    int fail_key;        /* -1 none */
    int appear_after;    /* asked so often, a key without rows has one; 0 never */
    bool hangs, cancelled;
};

static int row_count_of(int key) { return key == 7 ? MANY_ROWS : key % 4; }

static int64_t row_value(int version, int key, int i) { return version * INT64_C(1000000) + key * 10 + i % 10; }

static enum status give(const int *rows, int version, int key, struct arena *arena, int key_row,
                        enum status (*answer)(void *, int, const struct chunk *, struct error *), void *data,
                        struct error *err) {
    if (!*rows) return answer(data, key_row, NULL, err);
    for (int from = 0; from < *rows; from += VECTOR_CAPACITY) {
        int count = *rows - from < VECTOR_CAPACITY ? *rows - from : VECTOR_CAPACITY;
        struct chunk *chunk = chunk_create(arena, TABLE_COLUMNS, pair_types + LEFT_COLUMNS, count);
        for (int i = 0; i < count; i++) {
            struct value k = value_i64(left_types[0], key);
            struct value n = value_i64(left_types[1], row_value(version, key, from + i));
            vector_set(&chunk->columns[0], arena, count, i, &k);
            vector_set(&chunk->columns[1], arena, count, i, &n);
        }
        chunk->row_count = chunk->sel_count = count;
        TRY(answer(data, key_row, chunk, err));
    }
    return STATUS_OK;
}

static enum status fake_ask(struct lookup *fake, const struct chunk *keys, struct arena *arena,
                            enum status (*answer)(void *, int, const struct chunk *, struct error *), void *data,
                            struct error *err) {
    pthread_mutex_lock(&fake->lock);
    fake->asks++;
    pthread_cond_broadcast(&fake->changed);
    while (fake->hangs && !fake->cancelled) pthread_cond_wait(&fake->changed, &fake->lock);
    bool cancelled = fake->cancelled;
    int version = fake->version;
    pthread_mutex_unlock(&fake->lock);
    if (cancelled) return error_set(err, STATUS_CANCELLED, "cancelled");
    for (int i = keys->row_count - 1; i >= 0; i--) { /* in another order than asked */
        int key = (int)vector_get(&keys->columns[0], i, arena).i64;
        if (key == fake->fail_key) return error_set(err, STATUS_SERVER_ERROR, "key %d is cursed", key);
        int rows = row_count_of(key), times = ++fake->asked[key];
        if (!rows && fake->appear_after && times > fake->appear_after) rows = 1;
        TRY(give(&rows, version, key, arena, i, answer, data, err));
    }
    return STATUS_OK;
}

static enum status fake_open(const struct table *table, const int *key_columns, int key_count, const int *columns,
                             int column_count, struct mem_account *account, struct lookup **out, struct error *err) {
    (void)account, (void)err;
    if (key_count != 1 || key_columns[0] != 0 || column_count != 2 || columns[1] != 1) return STATUS_INTERNAL;
    *out = table->connector_data;
    return STATUS_OK;
}

static void fake_cancel(struct lookup *fake) {
    pthread_mutex_lock(&fake->lock);
    fake->cancelled = true;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
}

static void fake_close(struct lookup *fake) { (void)fake; }

static const struct lookup_class fake_class = {
    .open = fake_open, .ask = fake_ask, .max_batch = 100, .cancel = fake_cancel, .close = fake_close};
static const struct connector fake_connector = {.name = "fake", .lookup = &fake_class};

/* ---- The log ---- */

struct record {
    int64_t step_id;
    int node_id;
    struct strbuf bytes;
};

struct memory_log {
    struct exec_lookup_log base;
    pthread_mutex_t lock;
    struct record *records;
    size_t count, capacity;
};

static enum status log_append(void *data, int64_t step_id, int node_id, struct str bytes, struct error *err) {
    (void)err;
    struct memory_log *log = data;
    pthread_mutex_lock(&log->lock);
    ARRAY_RESERVE(log->records, log->capacity, log->count + 1);
    log->records[log->count] = (struct record){step_id, node_id, {0}};
    strbuf_add(&log->records[log->count++].bytes, bytes.data, bytes.len);
    pthread_mutex_unlock(&log->lock);
    return STATUS_OK;
}

static enum status log_replay(void *data, int64_t step_id, int node_id,
                              enum status (*take)(void *, struct str, struct error *), void *take_data,
                              struct error *err) {
    struct memory_log *log = data;
    for (size_t i = 0; i < log->count; i++)
        if (log->records[i].step_id == step_id && log->records[i].node_id == node_id)
            TRY(take(take_data, strbuf_str(&log->records[i].bytes), err));
    return STATUS_OK;
}

static void log_init(struct memory_log *log) {
    *log = (struct memory_log){.base = {.append = log_append, .replay = log_replay, .data = log}};
    pthread_mutex_init(&log->lock, NULL);
}

/* Drops the records of steps up to `until` (a checkpoint), or those behind it (they did not reach the disk). */
static void log_cut(struct memory_log *log, int64_t until, bool before) {
    size_t kept = 0;
    for (size_t i = 0; i < log->count; i++)
        if (before ? log->records[i].step_id > until : log->records[i].step_id <= until)
            log->records[kept++] = log->records[i];
        else
            strbuf_free(&log->records[i].bytes);
    log->count = kept;
    if (before) log->base.epoch++;
}

static void log_free(struct memory_log *log) {
    for (size_t i = 0; i < log->count; i++) strbuf_free(&log->records[i].bytes);
    free(log->records);
    pthread_mutex_destroy(&log->lock);
}

/* ---- The plan ---- */

struct world {
    struct test_plan tp;
    struct lookup *fake;
    struct table table;
    struct table_column columns[TABLE_COLUMNS];
    struct pnode *node;
    struct changelog rows;
};

static int key_range = 20;

static void make_row(struct arena *arena, uint64_t *seed, struct test_row *row) {
    (void)arena;
    row->values[0] =
        random_below(seed, 8) ? value_i64(left_types[0], random_below(seed, key_range)) : value_null(left_types[0]);
    row->values[1] = value_i64(left_types[1], random_below(seed, 400));
}

static struct lookup_settings no_cache(void) { return (struct lookup_settings){.cache_missing_keys = true}; }

static struct lookup_settings cache_of(int64_t max_rows) {
    return (struct lookup_settings){.cache_missing_keys = true, .cache_max_rows = max_rows};
}

static void world_open(struct world *world, enum join_type type, bool exchanged, bool condition, bool streaming,
                       struct lookup_settings settings) {
    left_types[0] = type_of(TYPE_INT);
    left_types[1] = type_of(TYPE_BIGINT);
    for (int c = 0; c < LEFT_COLUMNS + TABLE_COLUMNS; c++) pair_types[c] = left_types[c % 2];
    memset(world, 0, sizeof *world);
    world->fake = calloc(1, sizeof *world->fake);
    world->fake->fail_key = -1;
    pthread_mutex_init(&world->fake->lock, NULL);
    pthread_cond_init(&world->fake->changed, NULL);
    static const int first[] = {0}, both[] = {0, 1};
    for (int c = 0; c < TABLE_COLUMNS; c++)
        world->columns[c] = (struct table_column){.name = c ? "n" : "k", .type = left_types[c]};
    world->table = (struct table){
        .name = "fake", .column_count = TABLE_COLUMNS, .columns = world->columns, .connector_data = world->fake};
    struct test_plan *tp = &world->tp;
    plan_begin(tp, streaming);
    struct pnode *input = plan_scan(tp, CHANGES_APPEND, left_types, LEFT_COLUMNS);
    if (exchanged) input = plan_exchange(tp, input, first, 1);
    struct pnode *node = world->node =
        plan_node(tp, PNODE_LOOKUP_JOIN, CHANGES_APPEND, pair_types, LEFT_COLUMNS + TABLE_COLUMNS, &input, 1);
    node->join.type = type;
    node->join.key_count = 1;
    node->join.left_keys = node->join.right_keys = first;
    node->join.table = &world->table;
    node->join.connector = &fake_connector;
    node->join.column_count = TABLE_COLUMNS;
    node->join.columns = both;
    node->join.lookup = settings;
    if (condition) /* about half of a key's rows */
        node->join.condition = plan_call(
            tp, "<", expr_column(&tp->arena, 1, left_types[1]),
            plan_call(tp, "MOD", expr_column(&tp->arena, LEFT_COLUMNS + 1, left_types[1]), plan_int(tp, 400)));
    plan_collect(tp, node);
    world->rows = (struct changelog){.make = make_row, .append = true};
}

static void world_close(struct world *world) {
    pthread_mutex_destroy(&world->fake->lock);
    pthread_cond_destroy(&world->fake->changed);
    free(world->fake);
    free(world->rows.live.rows);
    plan_end(&world->tp);
}

static void add_expected(const struct world *world, struct bag *bag, const struct test_row *row, int version) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct value values[LEFT_COLUMNS + TABLE_COLUMNS] = {row->values[0], row->values[1]};
    const struct value *k = &row->values[0];
    int matches = 0, count = k->is_null ? 0 : row_count_of((int)k->i64);
    for (int i = 0; i < count; i++) {
        int64_t n = row_value(version, (int)k->i64, i);
        if (world->node->join.condition && !(row->values[1].i64 < n % 400)) continue;
        matches++;
        values[2] = *k;
        values[3] = value_i64(left_types[1], n);
        bag_add(bag, test_row_text(&arena, values, 4), 1);
    }
    if (!matches && world->node->join.type == JOIN_LEFT) {
        values[2] = value_null(left_types[0]);
        values[3] = value_null(left_types[1]);
        bag_add(bag, test_row_text(&arena, values, 4), 1);
    }
    arena_destroy(&arena);
}

static void step(struct test_run *run, struct test_morsel *morsels, int count, bool is_last) {
    struct test_morsel *all[TEST_SCANS] = {morsels};
    int counts[TEST_SCANS] = {count};
    run_step(run, all, counts, is_last);
}

/* ---- Tests ---- */

/* What comes out is what the table has in that step, and every key is asked for once in it. */
static void check_steps(enum join_type type, bool exchanged, bool condition, int workers, int step_rows,
                        uint64_t seed) {
    struct world world;
    struct test_run *run = calloc(1, sizeof *run);
    bool streaming = seed % 2;
    world_open(&world, type, exchanged, condition, streaming, no_cache());
    run_init(run, &world.tp, seed);
    run_start(run, workers);
    struct bag expected = {0};
    for (int n = 0; n < 6; n++) {
        struct test_morsel *morsels;
        size_t before = world.rows.live.count;
        int count = changelog_step(&world.rows, &world.tp.arena, &seed, n == 2 ? 0 : 1 + random_below(&seed, step_rows),
                                   &morsels);
        world.fake->version++;
        memset(world.fake->asked, 0, sizeof world.fake->asked);
        step(run, morsels, count, streaming && n == 5);
        for (size_t i = before; i < world.rows.live.count; i++)
            add_expected(&world, &expected, &world.rows.live.rows[i], world.fake->version);
        for (int key = 0; key < key_range; key++) {
            bool wanted = false;
            for (size_t i = before; i < world.rows.live.count; i++)
                wanted |= !world.rows.live.rows[i].values[0].is_null && world.rows.live.rows[i].values[0].i64 == key;
            if (world.fake->asked[key] != wanted)
                fail_msg("step %d: key %d asked for %d times", n, key, world.fake->asked[key]);
        }
        if (!bag_equal(&run->sinks[0].table, &expected)) fail_msg("step %d, %d workers", n, workers);
    }
    bag_free(&expected);
    run_free(run);
    free(run);
    world_close(&world);
}

static void each_key_once_per_step(void **unused) {
    (void)unused;
    static const int workers[] = {1, 2, 7};
    uint64_t seed = 100;
    for (int variant = 0; variant < 8; variant++)
        for (int w = 0; w < 3; w++)
            check_steps(variant & 1 ? JOIN_LEFT : JOIN_INNER, variant & 2, variant & 4, workers[w], 60, seed++);
}

/* Morsels of more rows than are gathered, so that some go out before the step's end; keys that several workers want. */
static void many_rows(void **unused) {
    (void)unused;
    key_range = 5;
    check_steps(JOIN_LEFT, false, false, 7, 30000, 200);
    key_range = 3000;
    check_steps(JOIN_INNER, true, true, 7, 30000, 201);
    key_range = 20;
}

/* Few rows in each of many morsels are one question. */
static void small_morsels_ask_together(void **unused) {
    (void)unused;
    struct world world;
    struct test_run *run = calloc(1, sizeof *run);
    world_open(&world, JOIN_INNER, false, false, true, no_cache());
    run_init(run, &world.tp, 1);
    run_start(run, 2);
    struct test_row rows[50];
    struct test_morsel morsels[50];
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 50; i++) {
        rows[i].values[0] = value_i64(left_types[0], i);
        rows[i].values[1] = value_i64(left_types[1], 0);
        rows[i].sign = 1;
        morsels[i] = (struct test_morsel){i % TEST_SPLITS, 1, &rows[i]};
    }
    step(run, morsels, 50, false);
    assert_int_equal(world.fake->asks, 1);
    run_free(run);
    free(run);
    world_close(&world);
}

/* Rows of several morsels that went out together keep their place in the input, also those that waited for the step's end. */
static void rows_keep_their_order(void **unused) {
    (void)unused;
    enum { MORSELS = 200, EACH = 150 };
    for (int workers = 1; workers < 8; workers += 6) {
        struct world world;
        struct test_run *run = calloc(1, sizeof *run);
        world_open(&world, JOIN_INNER, false, false, true, no_cache());
        struct pnode *root = world.tp.roots[0];
        root->inputs[0] = plan_exchange(&world.tp, world.node, NULL, 0);
        world.tp.nodes[root->id] = world.tp.nodes[root->id + 1]; /* inputs come before users */
        world.tp.nodes[root->id + 1] = root;
        root->inputs[0]->id = root->id++;
        run_init(run, &world.tp, 1);
        run_start(run, workers);
        struct test_row *rows = ARENA_ARRAY(&world.tp.arena, struct test_row, MORSELS * EACH);
        struct test_morsel morsels[MORSELS];
        for (int i = 0; i < MORSELS * EACH; i++) {
            rows[i].values[0] = value_i64(left_types[0], 1);
            rows[i].values[1] = value_i64(left_types[1], i);
            rows[i].sign = 1;
        }
        for (int i = 0; i < MORSELS; i++)
            morsels[i] = (struct test_morsel){i % TEST_SPLITS, EACH, rows + (size_t)i * EACH};
        step(run, morsels, MORSELS, false);
        const struct test_changes *changes = &run->sinks[0].changes;
        assert_int_equal(changes->count, MORSELS * EACH);
        for (int split = 0, at = 0; split < TEST_SPLITS; split++)
            for (int i = split; i < MORSELS; i += TEST_SPLITS)
                for (int k = 0; k < EACH; k++) {
                    char expected[40];
                    snprintf(expected, sizeof expected, "1|%d|1|10", i * EACH + k);
                    assert_string_equal(changes->items[at++].text, expected);
                }
        run_free(run);
        free(run);
        world_close(&world);
    }
}

/* One row per key 0 … count-1. */
static struct test_morsel rows_of_keys(struct arena *arena, int first, int count) {
    struct test_row *rows = ARENA_ARRAY(arena, struct test_row, count);
    for (int i = 0; i < count; i++) {
        rows[i].values[0] = value_i64(left_types[0], first + i);
        rows[i].values[1] = value_i64(left_types[1], 0);
        rows[i].sign = 1;
    }
    return (struct test_morsel){0, count, rows};
}

static void caches(void **unused) {
    (void)unused;
    struct world world;
    struct test_run *run = calloc(1, sizeof *run);
    struct lookup_settings settings = cache_of(1000);
    settings.expire_after_write_ms = 100;
    settings.expire_after_access_ms = 60;
    settings.cache_missing_keys = false;
    world_open(&world, JOIN_LEFT, false, false, true, settings);
    run_init(run, &world.tp, 1);
    run_start(run, 2);
    struct test_morsel keys = rows_of_keys(&world.tp.arena, 4, 2); /* 4 has no rows, 5 has one */
    const int *asked = world.fake->asked;
    step(run, &keys, 1, false);
    assert_int_equal(asked[5], 1);
    world.fake->version = 1;
    run->now_micros += 50000;
    step(run, &keys, 1, false);
    assert_int_equal(asked[5], 1);                                    /* still fresh */
    assert_int_equal(asked[4], 2);                                    /* not kept */
    assert_int_equal(bag_count(&run->sinks[0].table, "5|0|5|50"), 2); /* of version 0, twice */
    run->now_micros += 50000;
    step(run, &keys, 1, false);
    assert_int_equal(asked[5], 2); /* too old, though it was used */
    assert_int_equal(bag_count(&run->sinks[0].table, "5|0|5|1000050"), 1);
    run->now_micros += 60000;
    step(run, &keys, 1, false);
    assert_int_equal(asked[5], 3); /* not used for too long */
    run_free(run);
    world_close(&world);

    settings = cache_of(1000);
    world_open(&world, JOIN_LEFT, false, false, true, settings);
    run_init(run, &world.tp, 1);
    run_start(run, 2);
    keys = rows_of_keys(&world.tp.arena, 4, 2);
    for (int n = 0; n < 5; n++) {
        run->now_micros += INT64_C(1000000000);
        step(run, &keys, 1, false);
    }
    assert_int_equal(world.fake->asked[5], 1);
    assert_int_equal(world.fake->asked[4], 1);
    run_free(run);
    free(run);
    world_close(&world);
}

/* The least recently used leave first. Keys 4i + 1 have one row. */
static void caches_are_bounded(void **unused) {
    (void)unused;
    struct world world;
    struct test_run *run = calloc(1, sizeof *run);
    world_open(&world, JOIN_INNER, false, false, true, cache_of(10));
    run_init(run, &world.tp, 1);
    run_start(run, 1);
    struct test_morsel keys[20];
    for (int i = 0; i < 20; i++) keys[i] = rows_of_keys(&world.tp.arena, 4 * i + 1, 1);
    for (int i = 0; i < 10; i++) step(run, &keys[i], 1, false);
    step(run, &keys[0], 1, false);                               /* used again */
    for (int i = 10; i < 12; i++) step(run, &keys[i], 1, false); /* drives out 1 and, at the next step, 2 */
    step(run, &keys[0], 1, false);
    assert_int_equal(world.fake->asked[1], 1);
    step(run, &keys[1], 1, false);
    assert_int_equal(world.fake->asked[5], 2);
    step(run, &keys[9], 1, false);
    assert_int_equal(world.fake->asked[37], 1);
    run_free(run);

    /* One step over many more keys than the cache holds: each is asked for once all the same. */
    struct test_morsel many[20], *all = ARENA_ARRAY(&world.tp.arena, struct test_morsel, 400);
    for (int i = 0; i < 20; i++) many[i] = rows_of_keys(&world.tp.arena, 100 + i * 1000, 1000);
    for (int i = 0; i < 400; i++) all[i] = many[i / 20];
    const int *asked = world.fake->asked;
    run_init(run, &world.tp, 1);
    memset(world.fake->asked, 0, sizeof world.fake->asked);
    run_start(run, 7);
    step(run, all, 400, false);
    for (int key = 100; key < 20100; key++) assert_int_equal(asked[key], 1);
    run_free(run);
    free(run);
    world_close(&world);
}

/* Memory does not grow with the keys of a step over all the input, as in batch: they are forgotten, and asked for again when they
 * come again. With a log, which a replay must agree with, they are not. */
static void steps_are_bounded(void **unused) {
    (void)unused;
    for (int logged = 0; logged < 2; logged++) {
        struct world world;
        struct test_run *run = calloc(1, sizeof *run);
        struct memory_log log;
        log_init(&log);
        world_open(&world, JOIN_INNER, false, false, true, no_cache());
        struct test_morsel many[20], *all = ARENA_ARRAY(&world.tp.arena, struct test_morsel, 80);
        for (int i = 0; i < 20; i++) many[i] = rows_of_keys(&world.tp.arena, 100 + i * 1000, 1000);
        for (int i = 0; i < 80; i++) all[i] = many[i % 20];
        run_init(run, &world.tp, 1);
        mem_account_init(&run->account, NULL, logged ? 64 << 20 : 16 << 20);
        run->lookup_log = logged ? &log.base : NULL;
        run_start(run, 2);
        step(run, all, 80, false);
        int repeated = 0;
        for (int key = 100; key < 20100; key++) repeated += world.fake->asked[key] > 1;
        assert_int_equal(repeated > 1000, !logged);
        if (!logged) assert_true(run->account.peak_bytes < 16 << 20);
        assert_int_equal(run->sinks[0].table.count ? bag_count(&run->sinks[0].table, "101|0|101|1010") : 0, 4);
        run_free(run);
        log_free(&log);
        free(run);
        world_close(&world);
    }
}

/* A process dies and another runs the logged steps again, with other workers, while the table has changed: the same rows come
 * out, and nobody is asked but for what had not reached the log. */
static void check_replay(struct lookup_settings settings, bool exchanged, uint64_t seed) {
    enum { STEPS = 8, CHECKPOINT = 2, LOST = 7 }; /* steps 3 … 8 run again; the answers of step 8 are lost */
    struct world world;
    struct test_run *run = calloc(1, sizeof *run);
    struct memory_log log;
    log_init(&log);
    world_open(&world, JOIN_LEFT, exchanged, true, true, settings);
    run_init(run, &world.tp, seed);
    run->lookup_log = &log.base;
    run_start(run, 3);
    struct test_morsel *morsels[STEPS];
    int counts[STEPS];
    struct bag tables[STEPS];
    memset(tables, 0, sizeof tables);
    for (int n = 0; n < STEPS; n++) {
        counts[n] = changelog_step(&world.rows, &world.tp.arena, &seed, 1 + random_below(&seed, 30), &morsels[n]);
        world.fake->version++;
        run->now_micros = (n + 1) * 40000;
        step(run, morsels[n], counts[n], false);
        changes_net(&run->sinks[0].changes, &tables[n]);
        if (n + 1 == CHECKPOINT) log_cut(&log, CHECKPOINT, true);
    }
    run_free(run);
    log_cut(&log, LOST, false);
    log.base.epoch = 0; /* a new process counts anew */
    log.base.replay_until = STEPS;
    memset(world.fake->asked, 0, sizeof world.fake->asked);
    world.fake->version = 50;
    run_init(run, &world.tp, seed + 1);
    run->lookup_log = &log.base;
    run->step_id = CHECKPOINT;
    run_start(run, 2);
    for (int n = CHECKPOINT; n < STEPS; n++) {
        run->now_micros = (n + 1) * 40000;
        step(run, morsels[n], counts[n], false);
        struct bag table = {0};
        changes_net(&run->sinks[0].changes, &table);
        if (n < LOST) {
            if (!bag_equal(&table, &tables[n])) fail_msg("step %d is another one", n + 1);
            for (int key = 0; key < key_range; key++) assert_int_equal(world.fake->asked[key], 0);
        }
        bag_free(&table);
    }
    run_free(run);
    for (int n = 0; n < STEPS; n++) bag_free(&tables[n]);
    log_free(&log);
    free(run);
    world_close(&world);
}

static void replays(void **unused) {
    (void)unused;
    for (uint64_t seed = 300; seed < 340; seed++) {
        struct lookup_settings settings = seed % 4 ? cache_of(seed % 3 ? 12 : 1000) : no_cache();
        if (seed % 5 == 0) settings.expire_after_write_ms = 100;
        if (seed % 7 == 0) settings.cache_missing_keys = false;
        check_replay(settings, seed % 2, seed);
    }
}

/* A log that is damaged is an error, not a crash. */
static void damaged_logs(void **unused) {
    (void)unused;
    struct world world;
    struct test_run *run = calloc(1, sizeof *run);
    world_open(&world, JOIN_INNER, false, false, true, no_cache());
    struct test_morsel keys = rows_of_keys(&world.tp.arena, 0, 12);
    uint64_t seed = 1;
    int failures = 0;
    for (int round = 0; round < 60; round++) {
        struct memory_log log;
        log_init(&log);
        run_init(run, &world.tp, 1);
        run->lookup_log = &log.base;
        run_start(run, 1);
        step(run, &keys, 1, false);
        run_free(run);
        assert_int_equal(log.count, 1);
        struct strbuf *bytes = &log.records[0].bytes;
        if (round % 2)
            bytes->len = (size_t)random_below(&seed, (int)bytes->len);
        else
            bytes->data[random_below(&seed, (int)bytes->len)] ^= (char)(1 << random_below(&seed, 8));
        log.base.replay_until = 1;
        run_init(run, &world.tp, 1);
        run->lookup_log = &log.base;
        run_start(run, 2);
        struct test_morsel *all[TEST_SCANS] = {&keys};
        int counts[TEST_SCANS] = {1};
        struct error err;
        error_clear(&err);
        enum status status = run_step_failing(run, all, counts, false, -1, &err);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_BAD_DATA);
            assert_string_equal(err.message, "the log of lookup answers is damaged");
            failures++;
        }
        run_free(run);
        log_free(&log);
    }
    assert_true(failures > 20);
    free(run);
    world_close(&world);
}

static void failures_reach_everybody(void **unused) {
    (void)unused;
    for (int workers = 1; workers < 8; workers += 3)
        for (int exchanged = 0; exchanged < 2; exchanged++) {
            struct world world;
            struct test_run *run = calloc(1, sizeof *run);
            world_open(&world, JOIN_LEFT, exchanged, false, true, no_cache());
            world.fake->fail_key = 777;
            run_init(run, &world.tp, 1);
            run_start(run, workers);
            struct test_morsel morsels[40], *all[TEST_SCANS] = {morsels};
            for (int i = 0; i < 40; i++) morsels[i] = rows_of_keys(&world.tp.arena, i * 10, 1000);
            int counts[TEST_SCANS] = {40};
            struct error err;
            error_clear(&err);
            assert_int_equal(run_step_failing(run, all, counts, false, -1, &err), STATUS_SERVER_ERROR);
            assert_string_equal(err.message, "key 777 is cursed");
            run_free(run);
            free(run);
            world_close(&world);
        }
}

struct canceller {
    struct test_run *run;
    struct lookup *fake;
};

static void *cancel_when_asked(void *data) {
    struct canceller *canceller = data;
    pthread_mutex_lock(&canceller->fake->lock);
    while (!canceller->fake->asks) pthread_cond_wait(&canceller->fake->changed, &canceller->fake->lock);
    pthread_mutex_unlock(&canceller->fake->lock);
    atomic_store(&canceller->run->cancel.requested, true);
    return NULL;
}

/* A server that does not answer, and a long rest between two attempts: cancelling ends both. */
static void cancelling(void **unused) {
    (void)unused;
    for (int rests = 0; rests < 2; rests++) {
        struct world world;
        struct test_run *run = calloc(1, sizeof *run);
        struct lookup_settings settings = no_cache();
        if (rests) {
            settings.miss_attempts = 10;
            settings.miss_delay_ms = 600000;
        }
        world_open(&world, JOIN_LEFT, false, false, true, settings);
        world.fake->hangs = !rests;
        run_init(run, &world.tp, 1);
        run_start(run, 2);
        struct test_morsel keys = rows_of_keys(&world.tp.arena, 0, 12), *all[TEST_SCANS] = {&keys};
        int counts[TEST_SCANS] = {1};
        struct canceller canceller = {run, world.fake};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_when_asked, &canceller), 0);
        struct error err;
        error_clear(&err);
        assert_int_equal(run_step_failing(run, all, counts, false, -1, &err), STATUS_CANCELLED);
        pthread_join(thread, NULL);
        run_free(run);
        free(run);
        world_close(&world);
    }
}

/* Keys without rows are asked for again, as often as wanted, until they have some. */
static void missing_keys_are_asked_again(void **unused) {
    (void)unused;
    for (int appear_after = 1; appear_after < 4; appear_after++) {
        struct world world;
        struct test_run *run = calloc(1, sizeof *run);
        struct lookup_settings settings = no_cache();
        settings.miss_attempts = 2;
        settings.miss_delay_ms = 5;
        world_open(&world, JOIN_LEFT, false, false, true, settings);
        world.fake->appear_after = appear_after;
        run_init(run, &world.tp, 1);
        run_start(run, 2);
        struct test_morsel keys = rows_of_keys(&world.tp.arena, 4, 2); /* 4 has no rows */
        step(run, &keys, 1, false);
        bool appears = appear_after <= 2;
        assert_int_equal(world.fake->asked[4], appears ? appear_after + 1 : 3);
        assert_int_equal(world.fake->asked[5], 1);
        assert_int_equal(bag_count(&run->sinks[0].table, appears ? "4|0|4|40" : "4|0|NULL|NULL"), 1);
        run_free(run);
        free(run);
        world_close(&world);
    }
}

const struct CMUnitTest lookup_tests[] = {
    cmocka_unit_test(each_key_once_per_step),
    cmocka_unit_test(many_rows),
    cmocka_unit_test(small_morsels_ask_together),
    cmocka_unit_test(rows_keep_their_order),
    cmocka_unit_test(caches),
    cmocka_unit_test(caches_are_bounded),
    cmocka_unit_test(steps_are_bounded),
    cmocka_unit_test(replays),
    cmocka_unit_test(damaged_logs),
    cmocka_unit_test(failures_reach_everybody),
    cmocka_unit_test(cancelling),
    cmocka_unit_test(missing_keys_are_asked_again),
};
const size_t lookup_tests_count = sizeof lookup_tests / sizeof *lookup_tests;
