/* The data model, the catalog of tables, and reading. */
#include "store/store_test_util.h"

#include "base/clock.h"
#include "cass/murmur3.h"
#include "store/store_private.h"

extern const struct CMUnitTest store_tests[];
extern const size_t store_tests_count;

struct fixture {
    struct arena arena;
    struct store *store;
};

static void setup(struct fixture *f) {
    arena_init(&f->arena, NULL);
    OK(store_open(NULL, NULL, &f->store, &test_error));
}

static void teardown(struct fixture *f) {
    store_close(f->store);
    arena_destroy(&f->arena);
}

/* ---- Cells and times ---- */

static void later_writes_win(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    int64_t now = clock_realtime_micros();
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now, 1, 1, 10, "ten");
    test_expect(f.store, t, "1/1 10 ten\n");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now + 1, 1, 1, 11, "eleven");
    test_expect(f.store, t, "1/1 11 eleven\n");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now, 1, 1, 12, "late"); /* older: loses */
    test_expect(f.store, t, "1/1 11 eleven\n");
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now + 5, 1, 1, 20, NULL); /* s stays: unset */
    test_expect(f.store, t, "1/1 20 eleven\n");
    test_put(f.store, t, COLUMN_S, STORE_INSERT, now + 3, 1, 1, 0, "three"); /* between: wins over s only */
    test_expect(f.store, t, "1/1 20 three\n");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now + 4, 1, 1, INT32_MIN, "four");
    test_expect(f.store, t, "1/1 20 four\n");
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now + 6, 1, 1, INT32_MIN, NULL); /* NULL is a value that is written */
    test_expect(f.store, t, "1/1 - four\n");
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now + 5, 1, 1, 5, NULL);
    test_expect(f.store, t, "1/1 - four\n");
    teardown(&f);
}

static void equal_times(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    int64_t now = clock_realtime_micros();
    /* both orders give the same: the larger value */
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now, 1, 1, 10, "b");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now, 1, 1, 11, "a");
    test_expect(f.store, t, "1/1 11 b\n");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now, 1, 1, 10, "abc");
    test_expect(f.store, t, "1/1 11 b\n");
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now, 1, 1, -1, NULL); /* in CQL's bytes -1 is larger than 11 */
    test_expect(f.store, t, "1/1 -1 b\n");
    /* a NULL beats any value */
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now, 1, 1, INT32_MIN, NULL);
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now, 1, 1, 99, NULL);
    test_expect(f.store, t, "1/1 - b\n");
    /* a deletion beats the row */
    test_put(f.store, t, COLUMN_BOTH, STORE_DELETE, now, 1, 1, 0, NULL);
    test_expect(f.store, t, "");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now, 1, 1, 1, "x");
    test_expect(f.store, t, "");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now + 1, 1, 1, 1, "x");
    test_expect(f.store, t, "1/1 1 x\n");
    teardown(&f);
}

static void deletes_do_not_come_back(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    int64_t now = clock_realtime_micros();
    test_put(f.store, t, COLUMN_BOTH, STORE_DELETE, now + 10, 1, 1, 0, NULL); /* of nothing */
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, now, 1, 1, 1, "old");
    test_expect(f.store, t, "");
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now + 20, 1, 1, 2, NULL);
    test_expect(f.store, t, "1/1 2 -\n");
    test_put(f.store, t, COLUMN_S, STORE_INSERT, now + 5, 1, 1, 0, "old"); /* behind the deletion still */
    test_expect(f.store, t, "1/1 2 -\n");
    test_put(f.store, t, COLUMN_S, STORE_INSERT, now + 15, 1, 1, 0, "new");
    test_expect(f.store, t, "1/1 2 new\n");
    test_put(f.store, t, COLUMN_BOTH, STORE_DELETE, now + 15, 1, 1, 0, NULL); /* takes s, leaves a and the marker */
    test_expect(f.store, t, "1/1 2 -\n");
    teardown(&f);
}

static void rows_without_a_marker(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    int64_t now = clock_realtime_micros();
    test_put(f.store, t, COLUMN_A, STORE_UPDATE, now, 1, 1, 7, NULL);
    test_expect(f.store, t, "1/1 7 -\n");
    test_put(f.store, t, COLUMN_A, STORE_UPDATE, now + 1, 1, 1, INT32_MIN, NULL);
    test_expect(f.store, t, ""); /* nothing left of it */
    test_put(f.store, t, COLUMN_A, STORE_INSERT, now + 2, 1, 1, INT32_MIN, NULL);
    test_expect(f.store, t, "1/1 - -\n"); /* inserted: exists */
    test_put(f.store, t, COLUMN_S, STORE_UPDATE, now + 3, 1, 1, 0, "s");
    test_put(f.store, t, COLUMN_BOTH, STORE_DELETE, now + 2, 1, 1, 0, NULL);
    test_expect(f.store, t, "1/1 - s\n"); /* the marker is gone, the cell is later */
    test_put(f.store, t, COLUMN_S, STORE_UPDATE, now + 4, 1, 1, 0, NULL);
    test_expect(f.store, t, "");
    teardown(&f);
}

static void several_mutations_of_a_key_in_one_commit(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    int64_t now = clock_realtime_micros();
    struct store_writer *writer = test_writer(f.store, t, COLUMN_BOTH);
    test_add(writer, COLUMN_BOTH, STORE_INSERT, now + 1, 5, 1, 1, "x");
    test_add(writer, COLUMN_BOTH, STORE_DELETE, now + 2, 5, 1, 0, NULL);
    test_add(writer, COLUMN_BOTH, STORE_INSERT, now + 3, 5, 1, 3, "z");
    test_add(writer, COLUMN_BOTH, STORE_INSERT, now, 5, 2, 9, "only");
    OK(store_writer_commit(writer, NULL, &test_error));
    test_expect(f.store, t, "5/2 9 only\n5/1 3 z\n");
    OK(store_writer_commit(writer, NULL, &test_error)); /* nothing to do */
    test_add(writer, COLUMN_BOTH, STORE_DELETE, now + 9, 5, 2, 0, NULL);
    OK(store_writer_commit(writer, NULL, &test_error));
    test_expect(f.store, t, "5/1 3 z\n");
    test_add(writer, COLUMN_BOTH, STORE_DELETE, now + 9, 5, 1, 0, NULL);
    store_writer_close(writer); /* uncommitted */
    test_expect(f.store, t, "5/1 3 z\n");
    teardown(&f);
}

/* ---- Tombstones go ---- */

static int64_t pending(struct store *store) {
    struct store_info info;
    OK(store_get_info(store, &info, &test_error));
    return info.pending_tombstones;
}

static int64_t entries_of(struct store *store, const struct store_table *table) {
    MDB_txn *txn;
    struct table_counts counts;
    OK(store_txn_begin(store, false, &txn, &test_error));
    assert_int_equal(store_counts_get(store, txn, table->id, &counts), 0);
    store_txn_abort(store, txn);
    return (int64_t)counts.entries;
}

static void tombstones_are_purged(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *now_t = test_create(f.store, "now_t", true, "0 ms", &f.arena);
    const struct store_table *kept = test_create(f.store, "kept", true, "1 d", &f.arena);
    int64_t now = clock_realtime_micros() - 1000000;
    for (int i = 0; i < 100; i++) {
        test_put(f.store, now_t, COLUMN_BOTH, STORE_INSERT, now, i, 0, i, "x");
        test_put(f.store, kept, COLUMN_BOTH, STORE_INSERT, now, i, 0, i, "x");
    }
    for (int i = 0; i < 99; i++) {
        test_put(f.store, now_t, COLUMN_BOTH, STORE_DELETE, now + 1, i, 0, 0, NULL);
        test_put(f.store, kept, COLUMN_BOTH, STORE_DELETE, now + 1, i, 0, 0, NULL);
    }
    test_put(f.store, now_t, COLUMN_BOTH, STORE_DELETE, now + 1, 99, 0, 0, NULL);
    test_put(f.store, now_t, COLUMN_BOTH, STORE_INSERT, now + 2, 99, 0, 1, "again");
    assert_int_equal(entries_of(f.store, now_t), 1);
    assert_int_equal(entries_of(f.store, kept), 100);
    assert_int_equal(pending(f.store), 99);
    test_expect(f.store, now_t, "99/0 1 again\n");
    test_expect(f.store, kept, "99/0 99 x\n");
    OK(store_drop_table(f.store, "db", "kept", &test_error));
    teardown(&f);
}

/* A job that is behind keeps the tombstones that it has to meet, however old they are. */
static void a_late_job_meets_its_tombstones(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, "0 ms", &f.arena);
    int64_t then = clock_realtime_micros() - INT64_C(3600) * 1000000;
    struct store_writer *job = test_writer(f.store, t, COLUMN_BOTH);
    OK(store_step_register(f.store, "job", 0, t, true, &test_error));
    struct store_step step = {"job", 0, 1, then};
    test_add(job, COLUMN_BOTH, STORE_INSERT, then, 1, 1, 1, "one");
    OK(store_writer_commit(job, &step, &test_error));
    test_put(f.store, t, COLUMN_BOTH, STORE_DELETE, then + 100, 1, 1, 0, NULL); /* somebody else */
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, then + 100, 2, 1, 2, "two");
    assert_int_equal(pending(f.store), 1);
    test_add(job, COLUMN_BOTH, STORE_INSERT, then + 50, 1, 1, 1, "one");
    step = (struct store_step){"job", 0, 2, then + 50};
    OK(store_writer_commit(job, &step, &test_error));
    test_expect(f.store, t, "2/1 2 two\n");
    store_writer_close(job);
    teardown(&f);
}

/* ---- Steps ---- */

static void replayed_steps_are_skipped(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *keyed = test_create(f.store, "keyed", true, NULL, &f.arena);
    const struct store_table *hidden = test_create(f.store, "hidden", false, NULL, &f.arena);
    int64_t done;
    OK(store_step_done(f.store, "job", 0, &done, &test_error));
    assert_int_equal(done, 0);
    for (int round = 0; round < 3; round++) /* each step three times */
        for (int64_t id = 1; id <= 5; id++) {
            for (int sink = 0; sink < 2; sink++) {
                struct store_step step = {"job", sink, id, 1000 + id};
                struct store_writer *writer = test_writer(f.store, sink ? hidden : keyed, COLUMN_BOTH);
                test_add(writer, COLUMN_BOTH, STORE_INSERT, step.write_micros, id, 0, (int32_t)id * 10, "r");
                test_add(writer, COLUMN_BOTH, STORE_INSERT, step.write_micros, 0, 0, (int32_t)id, "last");
                OK(store_writer_commit(writer, &step, &test_error));
                store_writer_close(writer);
                if (round) continue;
                OK(store_step_done(f.store, "job", sink, &done, &test_error));
                assert_int_equal(done, id);
            }
        }
    test_expect(f.store, hidden,
                "1/0 10 r\n0/0 1 last\n2/0 20 r\n0/0 2 last\n3/0 30 r\n0/0 3 last\n4/0 40 r\n0/0 4 last\n"
                "5/0 50 r\n0/0 5 last\n");
    int64_t rows;
    OK(store_row_count(f.store, keyed, &rows, &test_error));
    assert_int_equal(rows, 6);
    teardown(&f);
}

/* ---- Order and ranges ---- */

static int64_t token_of(int64_t p) {
    uint8_t bytes[8];
    store_put_be64(bytes, (uint64_t)p);
    return cass_murmur3_token(bytes, 8);
}

static void rows_come_in_token_order(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    struct store_writer *writer = test_writer(f.store, t, COLUMN_BOTH);
    for (int p = -500; p < 500; p++)
        for (int c = -2; c <= 2; c++) test_add(writer, COLUMN_BOTH, STORE_INSERT, 1000, p, c, p * c, "v");
    OK(store_writer_commit(writer, NULL, &test_error));
    store_writer_close(writer);
    struct strbuf buf = {0};
    test_dump(f.store, t, &buf);
    int64_t last_token = INT64_MIN;
    long long p, last_p = -1000000;
    int c, last_c = 0, rows = 0;
    for (char *line = buf.data; *line; line = strchr(line, '\n') + 1, rows++) {
        assert_int_equal(sscanf(line, "%lld/%d", &p, &c), 2);
        int64_t token = token_of(p);
        assert_true(token >= last_token);
        if (p == last_p)
            assert_int_equal(c, last_c - 1); /* descending */
        else
            assert_int_equal(c, 2);
        last_token = token, last_p = p, last_c = c;
    }
    assert_int_equal(rows, 5000);
    strbuf_free(&buf);
    teardown(&f);
}

/* 1/2 in descending order is c > 1, and so on: ranges made by hand, and every way to cut a scan in pieces. */
static void ranges_and_resumption(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    struct store_writer *writer = test_writer(f.store, t, COLUMN_BOTH);
    for (int p = 0; p < 20; p++)
        for (int c = 0; c < 10; c++) test_add(writer, COLUMN_BOTH, STORE_INSERT, 1000, p, c, 100 * p + c, "v");
    OK(store_writer_commit(writer, NULL, &test_error));
    store_writer_close(writer);
    struct store_snapshot *snapshot;
    OK(store_snapshot_begin(f.store, &snapshot, &test_error));
    struct value p7 = value_i64(type_of(TYPE_BIGINT), 7), c6 = value_i64(type_of(TYPE_INT), 6),
                 c3 = value_i64(type_of(TYPE_INT), 3);
    struct strbuf start = {0}, end = {0}, out = {0};
    OK(store_key_partition(t, &p7, &start, &test_error));
    store_key_rows(&start);
    strbuf_add(&end, start.data, start.len);
    store_key_clustering(t, 0, &c6, &start);
    store_key_clustering(t, 0, &c3, &end);
    store_key_next(&end);
    struct store_range range = {strbuf_str(&start), strbuf_str(&end)};
    for (int step = 1; step < 6; step++) {
        strbuf_clear(&out);
        test_scan(snapshot, t, &range, 1, (struct str){0}, step, &out);
        assert_string_equal(out.data, "7/6 706 v\n7/5 705 v\n7/4 704 v\n7/3 703 v\n");
    }
    struct store_entry entry;
    bool found;
    struct strbuf key = {0};
    OK(store_key_partition(t, &p7, &key, &test_error));
    store_key_rows(&key);
    store_key_clustering(t, 0, &c6, &key);
    OK(store_get(snapshot, t, strbuf_str(&key), &entry, &found, &test_error));
    assert_true(found);
    strbuf_clear(&out);
    test_scan(snapshot, t, &range, 1, store_entry_offset(&entry), 100, &out);
    assert_string_equal(out.data, "7/5 705 v\n7/4 704 v\n7/3 703 v\n");
    struct value c99 = value_i64(type_of(TYPE_INT), 99);
    strbuf_clear(&key);
    OK(store_key_partition(t, &p7, &key, &test_error));
    store_key_rows(&key);
    store_key_clustering(t, 0, &c99, &key);
    OK(store_get(snapshot, t, strbuf_str(&key), &entry, &found, &test_error));
    assert_false(found);

    /* Slices of the ring, each read in pieces that go on behind the last row, are the whole. */
    struct strbuf whole = {0}, cuts[4] = {{0}};
    struct store_range all = {{0}, {0}};
    test_scan(snapshot, t, &all, 1, (struct str){0}, 1000, &whole);
    for (int i = 0; i < 4; i++) store_key_token(INT64_MIN / 2 * (2 - i), &cuts[i]);
    strbuf_clear(&out);
    for (int i = 0; i < 4; i++) {
        struct store_range slice = {i ? strbuf_str(&cuts[i]) : (struct str){0},
                                    i < 3 ? strbuf_str(&cuts[i + 1]) : (struct str){0}};
        struct strbuf position = {0};
        for (int count = 1; count;) {
            struct store_scan *scan;
            struct store_entry rows[7];
            struct chunk *chunk;
            static const int columns[] = {0, 1, 2, 3};
            OK(store_scan_open(snapshot, t, &slice, 1, strbuf_str(&position), &scan, &test_error));
            OK(store_scan_next(scan, rows, 7, &count, NULL, &test_error));
            OK(store_decode(t, rows, count, columns, 4, &f.arena, &chunk, &test_error));
            test_print(&out, chunk);
            if (count) {
                struct str offset = store_entry_offset(&rows[count - 1]);
                strbuf_clear(&position);
                strbuf_add(&position, offset.data, offset.len);
            }
            store_scan_close(scan);
        }
        strbuf_free(&position);
    }
    assert_string_equal(out.data, whole.data);
    for (int i = 0; i < 4; i++) strbuf_free(&cuts[i]);
    strbuf_free(&whole);
    strbuf_free(&start);
    strbuf_free(&end);
    strbuf_free(&key);
    strbuf_free(&out);
    store_snapshot_release(snapshot);
    teardown(&f);
}

static void snapshots_stay_as_they_are(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    struct store_snapshot *snapshots[5];
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, 10, 1, 1, 1, "before");
    OK(store_snapshots_begin(f.store, 5, snapshots, &test_error));
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, 11, 1, 1, 2, "after");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, 11, 2, 1, 2, "new");
    for (int i = 0; i < 5; i++) {
        struct strbuf out = {0};
        struct store_range all = {{0}, {0}};
        assert_int_equal(store_snapshot_id(snapshots[i]), store_snapshot_id(snapshots[4]));
        test_scan(snapshots[i], t, &all, 1, (struct str){0}, 10, &out);
        assert_string_equal(out.data, "1/1 1 before\n");
        strbuf_free(&out);
        store_snapshot_release(snapshots[i]);
    }
    teardown(&f);
}

/* ---- Types ---- */

static struct value sample(const struct type *type, int i, struct arena *arena) {
    static const double doubles[] = {-1e300, -1.5, -0.0, 0.25, 1e-300, 1.0 / 3.0, 7};
    static const char *const texts[] = {"",         "a", "exactly 12 b", "longer than twelve bytes", "zero\0inside",
                                        "\xFF\xFE", "z"};
    static const size_t lens[] = {0, 1, 12, 24, 11, 2, 1};
    struct value value = {.type = type};
    switch (type_phys(type)) {
    case PHYS_BOOL: value.boolean = i & 1; break;
    case PHYS_I8: value.i64 = (int8_t)(i * 37); break;
    case PHYS_I16: value.i64 = (int16_t)(i * 9999); break;
    case PHYS_I32: value.i64 = (int32_t)((uint32_t)i * 1234567891U); break;
    case PHYS_I64: value.i64 = (int64_t)((uint64_t)i * UINT64_C(0x9E3779B97F4A7C15)) / 1000; break;
    case PHYS_I128: value.i128 = ((int128)i - 3) * ((int128)1 << 90) + i; break;
    case PHYS_F32: value.f32 = (float)doubles[i % 7] > 1e30F ? 1e30F : (float)i / 3; break;
    case PHYS_F64: value.f64 = doubles[i % 7]; break;
    case PHYS_STR: value.str = (struct str){texts[i % 7], lens[i % 7]}; break;
    case PHYS_LIST:
    case PHYS_ROW:
        value.list.count = type->id == TYPE_ROW ? type->child_count : i % 3;
        value.list.items = ARENA_ARRAY(arena, struct value, 2 * value.list.count + 1);
        for (int j = 0; j < value_item_count(&value); j++)
            value.list.items[j] =
                sample(type_child(type, type->id == TYPE_ROW ? j : j % type_child_vectors(type)), i + j, arena);
        break;
    default: break;
    }
    return value;
}

static void every_type_comes_back(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct type *types[32];
    int count = 0;
    for (int id = TYPE_BOOLEAN; id < TYPE_ARRAY; id++) types[count++] = type_of((enum type_id)id);
    types[count++] = type_decimal(&f.arena, 38, 10, true);
    types[count++] = type_time(&f.arena, TYPE_TIMESTAMP, 9, true);
    types[count++] = type_array(&f.arena, type_of(TYPE_VARCHAR), true);
    types[count++] = type_map(&f.arena, type_of(TYPE_INT), type_of(TYPE_DOUBLE), true);
    types[count++] = type_multiset(&f.arena, type_of(TYPE_VARCHAR), true);
    const char *const names[] = {"x", "y"};
    types[count++] = type_row(&f.arena, 2, names, types, true);
    OK(store_create_database(f.store, "db", &test_error));
    /* every one as partition key, as clustering column (up and down) and as a cell */
    for (int k = 0; k < count; k++) {
        char name[32];
        snprintf(name, sizeof name, "t%d", k);
        struct table_column columns[40];
        for (int i = 0; i < count; i++) {
            columns[3 + i] = (struct table_column){.name = arena_printf(&f.arena, "v%d", i), .type = types[i]};
        }
        static const char *const key_names[] = {"kp", "ka", "kd"};
        for (int i = 0; i < 3; i++) columns[i] = (struct table_column){.name = key_names[i], .type = types[k]};
        static const int key[] = {0, 1, 2};
        static const bool descending[] = {false, false, true};
        struct table definition = {.database = "db",
                                   .name = name,
                                   .column_count = count + 3,
                                   .columns = columns,
                                   .primary_key_count = 3,
                                   .partition_key_count = 1,
                                   .primary_key = key,
                                   .clustering_descending = descending,
                                   .watermark_column = -1};
        OK(store_create_table(f.store, &definition, &test_error));
        const struct store_table *t = test_table(f.store, name, &f.arena);
        int list[40];
        const struct type *all_types[40];
        for (int i = 0; i < count + 3; i++) list[i] = i, all_types[i] = columns[i].type;
        enum { ROWS = 7 };
        struct chunk *chunk = chunk_create(&f.arena, count + 3, all_types, ROWS);
        for (int row = 0; row < ROWS; row++)
            for (int i = 0; i < count + 3; i++) {
                struct value value = i < 3                              ? sample(all_types[i],
                                                    i == 0   ? 3
                                                                                 : i == 1 ? 3 + row % 2
                                                                                          : row,
                                                                                 &f.arena)
                                     : (row + i) % 5 == 0 && k % 2 == 0 ? value_null(all_types[i])
                                                                        : sample(all_types[i], row + i, &f.arena);
                vector_set(&chunk->columns[i], &f.arena, ROWS, row, &value);
            }
        chunk->row_count = chunk->sel_count = ROWS;
        struct store_writer *writer;
        OK(store_writer_open(f.store, t, list, count + 3, NULL, &writer, &test_error));
        OK(store_writer_add(writer, chunk, NULL, 5, &test_error));
        OK(store_writer_commit(writer, NULL, &test_error));
        store_writer_close(writer);

        struct store_snapshot *snapshot;
        struct store_scan *scan;
        struct store_entry entries[ROWS + 1];
        struct store_range all = {{0}, {0}};
        struct chunk *back;
        int rows, matched = 0;
        OK(store_snapshot_begin(f.store, &snapshot, &test_error));
        OK(store_scan_open(snapshot, t, &all, 1, (struct str){0}, &scan, &test_error));
        OK(store_scan_next(scan, entries, ROWS + 1, &rows, NULL, &test_error));
        OK(store_decode(t, entries, rows, list, count + 3, &f.arena, &back, &test_error));
        for (int i = 1; i < rows; i++) { /* clustering order */
            struct value a0 = vector_get(&back->columns[1], i - 1, &f.arena),
                         a1 = vector_get(&back->columns[1], i, &f.arena);
            struct value d0 = vector_get(&back->columns[2], i - 1, &f.arena),
                         d1 = vector_get(&back->columns[2], i, &f.arena);
            int order = value_compare(&a0, &a1);
            assert_true(order < 0 || (order == 0 && value_compare(&d0, &d1) > 0));
        }
        for (int row = 0; row < ROWS; row++) { /* each row that was written, by its key */
            bool merged = false;
            for (int other = 0; other < ROWS; other++) {
                bool same = other != row;
                for (int i = 0; i < 3; i++) {
                    struct value a = vector_get(&chunk->columns[i], row, &f.arena);
                    struct value b = vector_get(&chunk->columns[i], other, &f.arena);
                    same &= value_compare(&a, &b) == 0;
                }
                merged |= same;
            }
            if (merged) continue; /* cell by cell: the model test's business */
            for (int r = 0; r < rows; r++) {
                bool same = true;
                for (int i = 0; i < 3; i++) {
                    struct value a = vector_get(&chunk->columns[i], row, &f.arena);
                    struct value b = vector_get(&back->columns[i], r, &f.arena);
                    a = store_sort_maps(&a, &f.arena);
                    same &= value_compare(&a, &b) == 0;
                }
                if (!same) continue;
                matched++;
                for (int i = 3; i < count + 3; i++) {
                    struct value a = vector_get(&chunk->columns[i], row, &f.arena);
                    struct value b = vector_get(&back->columns[i], r, &f.arena);
                    a = store_sort_maps(&a, &f.arena);
                    if (value_compare(&a, &b) != 0)
                        fail_msg("%s as a cell of table %d", type_to_string(&f.arena, all_types[i]), k);
                }
            }
        }
        assert_true(matched >= 4 || types[k]->id == TYPE_BOOLEAN);
        store_scan_close(scan);
        store_snapshot_release(snapshot);
    }
    teardown(&f);
}

/* ---- Long keys, large rows ---- */

static void long_keys_and_large_values(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    struct table_column columns[3] = {{.name = "p", .type = type_of(TYPE_VARCHAR)},
                                      {.name = "c", .type = type_of(TYPE_VARCHAR)},
                                      {.name = "v", .type = type_of(TYPE_VARCHAR)}};
    static const int key[] = {0, 1};
    struct table definition = {.database = "db",
                               .name = "t",
                               .column_count = 3,
                               .columns = columns,
                               .primary_key_count = 2,
                               .partition_key_count = 1,
                               .primary_key = key,
                               .watermark_column = -1};
    OK(store_create_database(f.store, "db", &test_error));
    OK(store_create_table(f.store, &definition, &test_error));
    const struct store_table *t = test_table(f.store, "t", &f.arena);
    enum { ROWS = 60 };
    static const int list[] = {0, 1, 2};
    const struct type *types[] = {columns[0].type, columns[1].type, columns[2].type};
    struct chunk *chunk = chunk_create(&f.arena, 3, types, ROWS);
    for (int i = 0; i < ROWS; i++) {
        /* lengths around every limit, many keys that differ only at their end */
        int len = i < 30 ? 430 + 2 * i : 20 * i * i;
        char *text = arena_alloc(&f.arena, 1 + (size_t)len);
        memset(text, 'x', (size_t)len);
        struct value values[3] = {value_str(types[0], str_from(i % 2 ? "p" : "q")),
                                  value_str(types[1], (struct str){text, (size_t)len}),
                                  value_str(types[2], (struct str){text, (size_t)(i == 7 ? 0 : len)})};
        text[len / 2] = (char)('a' + i % 7);
        if (len > 490) text[490] = (char)('a' + i % 26);
        for (int j = 0; j < 3; j++) vector_set(&chunk->columns[j], &f.arena, ROWS, i, &values[j]);
    }
    chunk->row_count = chunk->sel_count = ROWS;
    struct store_writer *writer;
    OK(store_writer_open(f.store, t, list, 3, NULL, &writer, &test_error));
    for (int round = 0; round < 3; round++) {
        OK(store_writer_add(writer, chunk, NULL, 5 + round, &test_error));
        OK(store_writer_commit(writer, NULL, &test_error));
    }
    int64_t row_count;
    OK(store_row_count(f.store, t, &row_count, &test_error));
    assert_int_equal(row_count, ROWS);
    struct store_snapshot *snapshot;
    OK(store_snapshot_begin(f.store, &snapshot, &test_error));
    for (int i = 0; i < ROWS; i++) {
        struct strbuf point = {0};
        struct store_entry entry;
        struct chunk *back;
        bool found;
        struct value p = vector_get(&chunk->columns[0], i, NULL), c = vector_get(&chunk->columns[1], i, NULL);
        OK(store_key_partition(t, &p, &point, &test_error));
        store_key_rows(&point);
        store_key_clustering(t, 0, &c, &point);
        OK(store_get(snapshot, t, strbuf_str(&point), &entry, &found, &test_error));
        assert_true(found);
        OK(store_decode(t, &entry, 1, list, 3, &f.arena, &back, &test_error));
        for (int j = 0; j < 3; j++) {
            struct value a = vector_get(&chunk->columns[j], i, NULL), b = vector_get(&back->columns[j], 0, NULL);
            assert_int_equal(value_compare(&a, &b), 0);
        }
        /* c >= this one, c > this one, c = this one: compared with what a plain comparison gives */
        for (int kind = 0; kind < 3; kind++) {
            struct strbuf start = {0}, end = {0};
            struct store_entry rows[ROWS];
            struct store_scan *scan;
            int count, expected = 0;
            strbuf_add(&start, point.data, point.len);
            if (kind == 1) store_key_next(&start);
            if (kind == 2) {
                strbuf_add(&end, point.data, point.len);
            } else {
                OK(store_key_partition(t, &p, &end, &test_error));
                store_key_rows(&end);
            }
            store_key_next(&end);
            struct store_range range = {strbuf_str(&start), strbuf_str(&end)};
            OK(store_scan_open(snapshot, t, &range, 1, (struct str){0}, &scan, &test_error));
            OK(store_scan_next(scan, rows, ROWS, &count, NULL, &test_error));
            for (int other = i % 2; other < ROWS; other += 2) {
                struct value d = vector_get(&chunk->columns[1], other, NULL);
                int order = value_compare(&d, &c);
                expected += kind == 0 ? order >= 0 : kind == 1 ? order > 0 : order == 0;
            }
            assert_int_equal(count, expected);
            store_scan_close(scan);
            strbuf_free(&start);
            strbuf_free(&end);
        }
        strbuf_free(&point);
    }
    store_snapshot_release(snapshot);

    /* delete them all */
    uint8_t ops[ROWS];
    memset(ops, STORE_DELETE, sizeof ops);
    OK(store_writer_add(writer, chunk, ops, 100, &test_error));
    OK(store_writer_commit(writer, NULL, &test_error));
    OK(store_row_count(f.store, t, &row_count, &test_error));
    assert_int_equal(row_count, 0);

    /* a partition key that Cassandra could not take either */
    struct chunk *big = chunk_create(&f.arena, 3, types, 1);
    char *huge = arena_zalloc(&f.arena, 70000);
    struct value values[3] = {value_str(types[0], (struct str){huge, 70000}), value_str(types[1], str_from("c")),
                              value_null(types[2])};
    for (int j = 0; j < 3; j++) vector_set(&big->columns[j], &f.arena, 1, 0, &values[j]);
    big->row_count = big->sel_count = 1;
    struct error err;
    assert_int_equal(store_writer_add(writer, big, NULL, 5, &err), STATUS_LIMIT_EXCEEDED);
    assert_non_null(strstr(err.message, "column 'p'"));
    store_writer_close(writer);
    teardown(&f);
}

static void bad_rows_are_refused(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    const struct store_table *hidden = test_create(f.store, "hidden", false, NULL, &f.arena);
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_INT)};
    struct chunk *chunk = chunk_create(&f.arena, 2, types, 1);
    struct value one = value_i64(types[0], 1), null = value_null(types[1]);
    vector_set(&chunk->columns[0], &f.arena, 1, 0, &one);
    vector_set(&chunk->columns[1], &f.arena, 1, 0, &null);
    chunk->row_count = chunk->sel_count = 1;
    struct error err;
    struct store_writer *writer = test_writer(f.store, t, 0);
    assert_int_equal(store_writer_add(writer, chunk, NULL, 1, &err), STATUS_NULL_NOT_ALLOWED);
    assert_non_null(strstr(err.message, "column 'c'"));
    store_writer_close(writer);
    static const int only_p[] = {0}, p_and_a[] = {0, 2};
    assert_int_equal(store_writer_open(f.store, t, p_and_a, 2, NULL, &writer, &err), STATUS_INVALID_QUERY);
    assert_non_null(strstr(err.message, "column 'c'"));
    OK(store_writer_open(f.store, t, only_p, 1, NULL, &writer, &test_error)); /* enough to delete a partition */
    chunk->column_count = 1;
    assert_int_equal(store_writer_add(writer, chunk, NULL, 1, &err), STATUS_INVALID_QUERY);
    assert_non_null(strstr(err.message, "column 'c'"));
    chunk->column_count = 2;
    store_writer_close(writer);
    uint8_t op = STORE_DELETE;
    writer = test_writer(f.store, hidden, 0);
    assert_int_equal(store_writer_add(writer, chunk, &op, 1, &err), STATUS_NOT_SUPPORTED);
    store_writer_close(writer);
    teardown(&f);
}

/* ---- The catalog ---- */

static void databases_and_tables(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    struct error err;
    const char **names;
    int count;
    OK(store_create_database(f.store, "b", &test_error));
    OK(store_create_database(f.store, "a", &test_error));
    assert_int_equal(store_create_database(f.store, "a", &err), STATUS_DUPLICATE_NAME);
    assert_int_equal(store_create_database(f.store, "", &err), STATUS_INVALID_ARGUMENT);
    char long_name[300];
    memset(long_name, 'n', sizeof long_name);
    long_name[299] = 0;
    assert_int_equal(store_create_database(f.store, long_name, &err), STATUS_LIMIT_EXCEEDED);
    assert_int_equal(store_drop_database(f.store, long_name, true, &err), STATUS_UNDEFINED_NAME);
    test_create(f.store, "users", true, NULL, &f.arena);
    OK(store_list_databases(f.store, &f.arena, &names, &count, &test_error));
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[2], "db");
    struct table view = {
        .kind = TABLE_VIEW, .database = "db", .name = "v", .view_query = "SELECT 1", .watermark_column = -1};
    OK(store_create_table(f.store, &view, &test_error));
    struct table kafka = test_definition("k", false, &f.arena);
    kafka.connector = "kafka";
    option_add(&kafka.options, &f.arena, "topic", "clicks", -1);
    OK(store_create_table(f.store, &kafka, &test_error));
    struct table users = test_definition("users", true, &f.arena);
    assert_int_equal(store_create_table(f.store, &users, &err), STATUS_DUPLICATE_NAME);
    users.database = "nowhere";
    assert_int_equal(store_create_table(f.store, &users, &err), STATUS_UNDEFINED_NAME);
    const struct store_table **tables;
    OK(store_list_tables(f.store, "db", &f.arena, &tables, &count, &test_error));
    assert_int_equal(count, 3);
    assert_string_equal(tables[0]->definition->name, "k");
    assert_string_equal(option_find(&tables[0]->definition->options, "topic"), "clicks");
    assert_false(tables[0]->is_stored);
    assert_true(tables[1]->is_stored);
    assert_string_equal(tables[2]->definition->view_query, "SELECT 1");
    assert_int_equal(store_list_tables(f.store, "dbb", &f.arena, &tables, &count, &err), STATUS_UNDEFINED_NAME);
    assert_non_null(strstr(err.hint, "'db'"));
    assert_null(test_table(f.store, "nothing", &f.arena));
    assert_int_equal(store_drop_table(f.store, "db", "user", &err), STATUS_UNDEFINED_TABLE);
    assert_string_equal(err.hint, "did you mean 'users'?");
    assert_int_equal(store_truncate_table(f.store, "db", "v", &err), STATUS_NOT_SUPPORTED);
    assert_int_equal(store_drop_database(f.store, "db", false, &err), STATUS_INVALID_ARGUMENT);
    OK(store_drop_table(f.store, "db", "v", &test_error));
    OK(store_drop_database(f.store, "db", true, &test_error));
    assert_null(test_table(f.store, "users", &f.arena));
    OK(store_drop_database(f.store, "a", false, &test_error));

    struct table bad = test_definition("t", true, &f.arena);
    bad.database = "b";
    ((struct table_column *)bad.columns)[2].kind = COLUMN_METADATA;
    assert_int_equal(store_create_table(f.store, &bad, &err), STATUS_UNDEFINED_NAME);
    teardown(&f);
}

static void drop_and_truncate_free_the_rows(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    const struct store_table *other = test_create(f.store, "other", true, NULL, &f.arena);
    test_put(f.store, other, COLUMN_BOTH, STORE_INSERT, 5, 1, 1, 1, "stays");
    struct store_info info;
    for (int round = 0; round < 3; round++) {
        struct store_writer *writer = test_writer(f.store, t, COLUMN_BOTH);
        for (int i = 0; i < 3000; i++) test_add(writer, COLUMN_BOTH, STORE_INSERT, 10 + round, i, 0, i, "some text");
        OK(store_writer_commit(writer, NULL, &test_error));
        if (round == 0) { /* a writer goes on after TRUNCATE */
            OK(store_truncate_table(f.store, "db", "t", &test_error));
            test_add(writer, COLUMN_BOTH, STORE_INSERT, 1, 7, 7, 7, "first");
            OK(store_writer_commit(writer, NULL, &test_error));
            t = test_table(f.store, "t", &f.arena);
            test_expect(f.store, t, "7/7 7 first\n");
            OK(store_truncate_table(f.store, "db", "t", &test_error));
            t = test_table(f.store, "t", &f.arena);
            test_expect(f.store, t, "");
        } else {
            OK(store_drop_table(f.store, "db", "t", &test_error));
            struct error err;
            test_add(writer, COLUMN_BOTH, STORE_INSERT, 99, 7, 7, 7, "lost");
            assert_int_equal(store_writer_commit(writer, NULL, &err), STATUS_UNDEFINED_TABLE);
            uint32_t id = t->id;
            t = test_create(f.store, "t", true, NULL, &f.arena);
            assert_true(t->id > id); /* never used again */
            assert_int_equal(store_writer_commit(writer, NULL, &err), STATUS_UNDEFINED_TABLE);
            test_expect(f.store, t, "");
        }
        store_writer_close(writer);
        OK(store_get_info(f.store, &info, &test_error));
        assert_int_equal(info.reclaimable_tables, 0);
    }
    test_expect(f.store, other, "1/1 1 stays\n");
    MDB_txn *txn;
    MDB_stat stat;
    OK(store_txn_begin(f.store, false, &txn, &test_error));
    assert_int_equal(mdb_stat(txn, f.store->rows, &stat), 0);
    assert_int_equal(stat.ms_entries, 1);
    store_txn_abort(f.store, txn);
    teardown(&f);
}

static void columns_come_and_go(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    const struct store_table *t = test_create(f.store, "t", true, NULL, &f.arena);
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, 10, 1, 1, 1, "one");
    /* add b in the middle, rename s, drop nothing */
    struct table changed = test_definition("t", true, &f.arena);
    struct table_column columns[6];
    memcpy(columns, changed.columns, 4 * sizeof *columns);
    columns[3].name = "text";
    changed.columns = columns;
    OK(store_alter_table(f.store, &changed, &test_error));
    t = test_table(f.store, "t", &f.arena);
    test_expect(f.store, t, "1/1 1 one\n"); /* under another name */
    struct table_column more[6];
    memcpy(more, columns, sizeof more);
    more[3] = (struct table_column){.name = "b", .type = type_of(TYPE_VARCHAR)};
    more[4] = columns[3];
    changed.columns = more;
    changed.column_count = 5;
    OK(store_alter_table(f.store, &changed, &test_error));
    t = test_table(f.store, "t", &f.arena);
    test_expect(f.store, t, "1/1 1 -\n"); /* the fourth is b now */
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, 11, 1, 1, 2, "b is set");
    test_put(f.store, t, COLUMN_BOTH, STORE_INSERT, 11, 2, 1, 3, "new row");
    test_expect(f.store, t, "2/1 3 new row\n1/1 2 b is set\n");
    /* drop a */
    more[2] = more[3];
    more[3] = more[4];
    changed.column_count = 4;
    OK(store_alter_table(f.store, &changed, &test_error));
    t = test_table(f.store, "t", &f.arena);
    static const int text_column[] = {3};
    struct store_snapshot *snapshot;
    struct store_scan *scan;
    struct store_entry entries[2];
    struct store_range all = {{0}, {0}};
    struct chunk *chunk;
    int count;
    OK(store_snapshot_begin(f.store, &snapshot, &test_error));
    OK(store_scan_open(snapshot, t, &all, 1, (struct str){0}, &scan, &test_error));
    OK(store_scan_next(scan, entries, 2, &count, NULL, &test_error));
    OK(store_decode(t, entries, count, text_column, 1, &f.arena, &chunk, &test_error));
    struct value text = vector_get(&chunk->columns[0], 1, NULL);
    assert_true(str_equal(text.str, str_from("one"))); /* still there after all that */
    assert_true(vector_is_null(&chunk->columns[0], 0));
    store_scan_close(scan);
    store_snapshot_release(snapshot);
    /* what cannot be */
    struct error err;
    more[3].type = type_of(TYPE_BIGINT);
    assert_int_equal(store_alter_table(f.store, &changed, &err), STATUS_NOT_SUPPORTED);
    more[3].type = type_of(TYPE_VARCHAR);
    changed.primary_key_count = 1;
    assert_int_equal(store_alter_table(f.store, &changed, &err), STATUS_NOT_SUPPORTED);
    changed.name = "nothing";
    assert_int_equal(store_alter_table(f.store, &changed, &err), STATUS_UNDEFINED_TABLE);
    teardown(&f);
}

static void a_directory_is_opened_once(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    char *path = test_directory();
    struct store *first, *second;
    OK(store_open(path, NULL, &first, &test_error));
    OK(store_open(path, NULL, &second, &test_error));
    assert_ptr_equal(first, second);
    const struct store_table *t = test_create(first, "t", true, NULL, &arena);
    test_put(second, t, COLUMN_BOTH, STORE_INSERT, 10, 1, 1, 1, "kept");
    store_close(first);
    test_expect(second, t, "1/1 1 kept\n");
    store_close(second);
    OK(store_open(path, NULL, &first, &test_error));
    t = test_table(first, "t", &arena);
    test_expect(first, t, "1/1 1 kept\n");
    store_close(first);
    struct error err;
    char file[4200];
    snprintf(file, sizeof file, "%s/store.mdb", path);
    assert_int_equal(store_open(file, NULL, &first, &err), STATUS_IO_ERROR); /* a file, not a directory */
    assert_int_equal(truncate(file, 0), 0);
    FILE *junk = fopen(file, "w");
    for (int i = 0; i < 5000; i++) fputs("not a store ", junk);
    fclose(junk);
    assert_int_equal(store_open(path, NULL, &first, &err), STATUS_BAD_DATA);
    assert_non_null(strstr(err.message, "is not a store"));
    test_directory_remove(path);
    arena_destroy(&arena);
}

const struct CMUnitTest store_tests[] = {
    cmocka_unit_test(later_writes_win),
    cmocka_unit_test(equal_times),
    cmocka_unit_test(deletes_do_not_come_back),
    cmocka_unit_test(rows_without_a_marker),
    cmocka_unit_test(several_mutations_of_a_key_in_one_commit),
    cmocka_unit_test(tombstones_are_purged),
    cmocka_unit_test(a_late_job_meets_its_tombstones),
    cmocka_unit_test(replayed_steps_are_skipped),
    cmocka_unit_test(rows_come_in_token_order),
    cmocka_unit_test(ranges_and_resumption),
    cmocka_unit_test(snapshots_stay_as_they_are),
    cmocka_unit_test(every_type_comes_back),
    cmocka_unit_test(long_keys_and_large_values),
    cmocka_unit_test(bad_rows_are_refused),
    cmocka_unit_test(databases_and_tables),
    cmocka_unit_test(drop_and_truncate_free_the_rows),
    cmocka_unit_test(columns_come_and_go),
    cmocka_unit_test(a_directory_is_opened_once),
};
const size_t store_tests_count = sizeof store_tests / sizeof *store_tests;
