/* Random operations against a simple model in memory, with reopening, small maps and spilling in between.
 *
 * The model keeps, per key, the marker's and the deletion's time and two cells, and applies one mutation at a time by the
 * rules as README.md states them. Times come from few values, so that ties happen all the time. */
#include "store/store_test_util.h"

#include "base/clock.h"
#include "cass/murmur3.h"
#include "store/store_private.h"

extern const struct CMUnitTest store_model_tests[];
extern const size_t store_model_tests_count;

enum { MODEL_PARTITIONS = 12, MODEL_ROWS = 5, NO_TIME = -1 };

struct model_cell {
    int64_t time; /* NO_TIME: unset */
    bool is_null;
    int32_t a;
    char s[40];
};

struct model_row {
    int64_t marker, deletion;
    struct model_cell cells[2]; /* a, s */
};

struct model {
    struct model_row rows[MODEL_PARTITIONS][MODEL_ROWS];
};

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *seed >> 33;
}

static void model_clear(struct model *model) {
    memset(model, 0, sizeof *model);
    for (int p = 0; p < MODEL_PARTITIONS; p++)
        for (int c = 0; c < MODEL_ROWS; c++)
            model->rows[p][c] = (struct model_row){NO_TIME, NO_TIME, {{.time = NO_TIME}, {.time = NO_TIME}}};
}

static bool cell_wins(int column, const struct model_cell *new, const struct model_cell *old) {
    if (old->time == NO_TIME || new->time != old->time) return new->time > old->time;
    if (new->is_null != old->is_null) return new->is_null;
    if (new->is_null) return false;
    return column == 0 ? (uint32_t) new->a > (uint32_t)old->a : strcmp(new->s, old->s) > 0;
}

static void model_apply(struct model_row *row, enum store_op op, int columns, int64_t time, int32_t a, const char *s) {
    struct model_cell cells[2] = {{.time = time, .is_null = a == INT32_MIN, .a = a}, {.time = time, .is_null = !s}};
    if (s) snprintf(cells[1].s, sizeof cells[1].s, "%s", s);
    if (op == STORE_DELETE) {
        if (time > row->deletion) row->deletion = time;
    } else {
        if (op == STORE_INSERT && time > row->marker) row->marker = time;
        for (int i = 0; i < 2; i++)
            if (columns & (1 << i) && cell_wins(i, &cells[i], &row->cells[i])) row->cells[i] = cells[i];
    }
    if (row->marker <= row->deletion) row->marker = NO_TIME;
    for (int i = 0; i < 2; i++)
        if (row->cells[i].time <= row->deletion) row->cells[i].time = NO_TIME;
}

static bool has_value(const struct model_cell *cell) { return cell->time != NO_TIME && !cell->is_null; }

static int64_t token_of(int64_t p) {
    uint8_t bytes[8];
    store_put_be64(bytes, (uint64_t)p);
    return cass_murmur3_token(bytes, 8);
}

static int compare_tokens(const void *a, const void *b) {
    int64_t x = token_of(*(const int *)a), y = token_of(*(const int *)b);
    return (x > y) - (x < y);
}

static void model_print(const struct model *model, struct strbuf *out) {
    int order[MODEL_PARTITIONS];
    for (int i = 0; i < MODEL_PARTITIONS; i++) order[i] = i;
    qsort(order, MODEL_PARTITIONS, sizeof *order, compare_tokens);
    strbuf_clear(out);
    strbuf_puts(out, "");
    for (int i = 0; i < MODEL_PARTITIONS; i++)
        for (int c = MODEL_ROWS - 1; c >= 0; c--) {
            const struct model_row *row = &model->rows[order[i]][c];
            if (row->marker == NO_TIME && !has_value(&row->cells[0]) && !has_value(&row->cells[1])) continue;
            strbuf_printf(out, "%d/%d ", order[i], c);
            if (has_value(&row->cells[0]))
                strbuf_printf(out, "%d ", row->cells[0].a);
            else
                strbuf_puts(out, "- ");
            strbuf_printf(out, "%s\n", has_value(&row->cells[1]) ? row->cells[1].s : "-");
        }
}

struct run {
    struct arena arena;
    char *path;
    struct store *store;
    const struct store_table *table;
};

static void open_store(struct run *run) {
    struct store_options options = {.sync = STORE_SYNC_NONE, .map_bytes = 1 << 20, .max_bytes = 1 << 28};
    OK(store_open(run->path, &options, &run->store, &test_error));
    arena_reset(&run->arena);
    run->table = test_table(run->store, "t", &run->arena);
}

static void random_operations(uint64_t seed, int commits, int most_rows, bool reopens) {
    struct run run = {.path = test_directory()};
    struct model model;
    struct strbuf expected = {0};
    int64_t base = clock_realtime_micros();
    arena_init(&run.arena, NULL);
    struct store_options options = {.sync = STORE_SYNC_NONE, .map_bytes = 1 << 20, .max_bytes = 1 << 28};
    OK(store_open(run.path, &options, &run.store, &test_error));
    run.table = test_create(run.store, "t", true, "30 d", &run.arena);
    model_clear(&model);
    for (int commit = 0; commit < commits; commit++) {
        int columns = (int)(next_random(&seed) % 4), rows = 1 + (int)(next_random(&seed) % (uint64_t)most_rows);
        struct store_writer *writer = test_writer(run.store, run.table, columns);
        bool discarded = next_random(&seed) % 20 == 0;
        for (int i = 0; i < rows; i++) {
            static const char *const texts[] = {"a", "aa", "b", "", "a text that is not inlined", NULL};
            uint64_t r = next_random(&seed);
            enum store_op op = r % 5 == 0 ? STORE_DELETE : r % 5 == 1 ? STORE_UPDATE : STORE_INSERT;
            int p = (int)(next_random(&seed) % MODEL_PARTITIONS), c = (int)(next_random(&seed) % MODEL_ROWS);
            int64_t time = (int64_t)(next_random(&seed) % 6) + commit / 20;
            int32_t a = next_random(&seed) % 4 == 0 ? INT32_MIN : (int32_t)(next_random(&seed) % 5) - 2;
            const char *s = texts[next_random(&seed) % 6];
            test_add(writer, columns, op, base + time, p, c, a, s);
            if (!discarded) model_apply(&model.rows[p][c], op, columns, time, a, s);
        }
        if (!discarded) OK(store_writer_commit(writer, NULL, &test_error));
        store_writer_close(writer);
        if (next_random(&seed) % 100 == 0) {
            OK(store_truncate_table(run.store, "db", "t", &test_error));
            run.table = test_table(run.store, "t", &run.arena);
            model_clear(&model);
        }
        if (reopens && next_random(&seed) % 10 == 0) {
            store_close(run.store);
            open_store(&run);
        }
        model_print(&model, &expected);
        test_expect(run.store, run.table, expected.data);
    }
    strbuf_free(&expected);
    store_close(run.store);
    test_directory_remove(run.path);
    arena_destroy(&run.arena);
}

static void against_a_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) random_operations(seed, 300, 6, true);
    random_operations(4, 40, 400, true); /* many mutations of a key in one commit */
}

/* More than fits in memory: runs on disk, merged; and again over them, in another order. */
static void spilled_runs_are_merged(void **state) {
    (void)state;
    struct arena arena, rows;
    struct store *store;
    arena_init(&arena, NULL);
    arena_init(&rows, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    const struct store_table *keyed = test_create(store, "keyed", true, NULL, &arena);
    const struct store_table *hidden = test_create(store, "hidden", false, NULL, &arena);
    const struct type *types[4] = {type_of(TYPE_BIGINT), type_of(TYPE_INT), type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    enum { ROWS = 100000, TEXT_BYTES = 2000 };
    char *text = arena_alloc(&arena, TEXT_BYTES);
    memset(text, 'x', TEXT_BYTES);
    for (int round = 0; round < 2; round++)
        for (int kind = 0; kind < 2; kind++) {
            struct store_writer *writer = test_writer(store, kind ? hidden : keyed, COLUMN_BOTH);
            for (int i = 0; i < ROWS; i += 500) {
                struct chunk *chunk = chunk_create(&rows, 4, types, 500);
                for (int j = 0; j < 500; j++) {
                    int row = round ? ROWS - 1 - i - j : i + j;
                    ((int64_t *)chunk->columns[0].data)[j] = row;
                    ((int32_t *)chunk->columns[1].data)[j] = 0;
                    ((int32_t *)chunk->columns[2].data)[j] = row * 2 + round;
                    ((struct strview *)chunk->columns[3].data)[j] = strview_make(text, (uint32_t)(row % TEXT_BYTES));
                }
                chunk->row_count = chunk->sel_count = 500;
                OK(store_writer_add(writer, chunk, NULL, 1000 + round, &test_error));
                arena_reset(&rows);
            }
            OK(store_writer_commit(writer, NULL, &test_error));
            store_writer_close(writer);
        }
    for (int kind = 0; kind < 2; kind++) {
        static const int columns[] = {0, 1, 2, 3};
        static struct store_entry entries[VECTOR_CAPACITY];
        struct store_snapshot *snapshot;
        struct store_scan *scan;
        struct store_range all = {{0}, {0}};
        int count;
        int64_t seen = 0;
        OK(store_snapshot_begin(store, &snapshot, &test_error));
        OK(store_scan_open(snapshot, kind ? hidden : keyed, &all, 1, (struct str){0}, &scan, &test_error));
        do {
            struct chunk *chunk;
            OK(store_scan_next(scan, entries, VECTOR_CAPACITY, &count, NULL, &test_error));
            OK(store_decode(kind ? hidden : keyed, entries, count, columns, 4, &rows, &chunk, &test_error));
            for (int i = 0; i < count; i++) {
                int64_t row = ((const int64_t *)chunk->columns[0].data)[i];
                int round = kind == 0 || seen + i >= ROWS;
                if (kind) assert_int_equal(row, seen + i < ROWS ? seen + i : 2 * ROWS - 1 - seen - i); /* as inserted */
                assert_int_equal(((const int32_t *)chunk->columns[2].data)[i], row * 2 + round);
                assert_int_equal(((const struct strview *)chunk->columns[3].data)[i].len, row % TEXT_BYTES);
            }
            seen += count;
            arena_reset(&rows);
        } while (count);
        assert_int_equal(seen, kind ? 2 * ROWS : ROWS);
        store_scan_close(scan);
        store_snapshot_release(snapshot);
    }
    store_close(store);
    arena_destroy(&rows);
    arena_destroy(&arena);
}

/* The map starts small and grows under writes; at the limit a write fails whole. */
static void maps_grow_to_their_limit(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct store_options options = {.map_bytes = 1 << 20, .max_bytes = 1 << 24};
    struct error err = {0};
    arena_init(&arena, NULL);
    OK(store_open(NULL, &options, &store, &test_error));
    const struct store_table *t = test_create(store, "t", true, NULL, &arena);
    char text[1001];
    memset(text, 'y', sizeof text);
    text[1000] = 0;
    int64_t stored = 0;
    enum status status = STATUS_OK;
    for (int commit = 0; commit < 1000 && status == STATUS_OK; commit++) {
        struct store_writer *writer = test_writer(store, t, COLUMN_BOTH);
        for (int i = 0; i < 100; i++) test_add(writer, COLUMN_BOTH, STORE_INSERT, 5, stored + i, 0, i, text);
        status = store_writer_commit(writer, NULL, &err);
        if (status == STATUS_OK) stored += 100;
        store_writer_close(writer);
    }
    assert_int_equal(status, STATUS_LIMIT_EXCEEDED);
    assert_non_null(strstr(err.message, "is full: its file may not exceed 16 MB"));
    assert_true(stored > 5000);
    int64_t rows;
    OK(store_row_count(store, t, &rows, &test_error));
    assert_int_equal(rows, stored);
    struct strbuf buf = {0};
    test_dump(store, t, &buf);
    for (const char *p = buf.data; *p; p = strchr(p, '\n') + 1) rows--;
    assert_int_equal(rows, 0);
    strbuf_free(&buf);
    struct store_info info;
    OK(store_get_info(store, &info, &test_error));
    assert_true(info.used_bytes <= 1 << 24 && info.map_bytes == 1 << 24);
    store_close(store);
    arena_destroy(&arena);
}

/* Growing waits for the readers of this process: here one that does not end. */
static void a_map_does_not_grow_under_a_reader(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct store_snapshot *snapshot;
    struct store_options options = {.map_bytes = 1 << 20, .max_bytes = 1 << 24};
    struct error err;
    arena_init(&arena, NULL);
    OK(store_open(NULL, &options, &store, &test_error));
    OK(store_snapshot_begin(store, &snapshot, &test_error));
    store->resize_wait_ms = 100;
    int64_t before = clock_monotonic_ns();
    assert_int_equal(store_grow(store, &err), STATUS_LIMIT_EXCEEDED);
    assert_true(clock_monotonic_ns() - before >= INT64_C(90000000));
    assert_non_null(strstr(err.message, "1 running queries"));
    store_snapshot_release(snapshot);
    OK(store_grow(store, &test_error));
    store_close(store);
    arena_destroy(&arena);
}

const struct CMUnitTest store_model_tests[] = {
    cmocka_unit_test(against_a_model),
    cmocka_unit_test(spilled_runs_are_merged),
    cmocka_unit_test(maps_grow_to_their_limit),
    cmocka_unit_test(a_map_does_not_grow_under_a_reader),
};
const size_t store_model_tests_count = sizeof store_model_tests / sizeof *store_model_tests;
