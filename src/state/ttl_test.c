#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "state/test_snapshot.h"

extern const struct CMUnitTest ttl_tests[];
extern const size_t ttl_tests_count;

/* Rows (k BIGINT), in a hash table and in an ordered one. */
enum { TTL_MICROS = 1000000, MANY = 100000 };

struct fixture {
    struct mem_account account;
    struct arena arena;
    const struct type *types[1];
    struct row_layout layout;
    struct state *state;
    struct state_table *hashed, *ordered;
    int expired; /* entries that the sweep has met */
};

static void count_and_delete(void *data, struct state_table *table, struct state_entry *entry) {
    ((struct fixture *)data)->expired++;
    state_delete(table, entry);
}

static void make_state(struct fixture *f, int64_t ttl_micros) {
    f->state = state_create(&f->account);
    f->hashed = state_table_create(f->state, "hashed", STATE_UNIQUE, &f->layout, 1, 8);
    f->ordered = state_table_create(f->state, "ordered", STATE_ORDERED, &f->layout, 0, 8);
    state_table_set_ttl(f->hashed, ttl_micros, NULL, NULL);
    state_table_set_ttl(f->ordered, ttl_micros, count_and_delete, f);
}

static void begin(struct fixture *f, int64_t ttl_micros) {
    memset(f, 0, sizeof *f);
    mem_account_init(&f->account, NULL, 0);
    arena_init(&f->arena, NULL);
    f->types[0] = type_of(TYPE_BIGINT);
    row_layout_init(&f->layout, &f->arena, 1, f->types);
    make_state(f, ttl_micros);
}

static void end(struct fixture *f) {
    assert_int_equal(state_size_bytes(f->state), f->account.used_bytes);
    state_destroy(f->state);
    assert_int_equal(f->account.used_bytes, 0);
    arena_destroy(&f->arena);
}

/* A key that is a whole 8 bytes, big-endian. */
static struct str ordered_key(int64_t k, uint64_t *room) {
    *room = __builtin_bswap64((uint64_t)k);
    return (struct str){(const char *)room, sizeof *room};
}

static const uint8_t *make_row(struct fixture *f, int64_t k) {
    struct chunk *chunk = chunk_create(&f->arena, 1, f->types, 1);
    struct value value = value_i64(f->types[0], k);
    vector_set(&chunk->columns[0], &f->arena, 1, 0, &value);
    chunk->row_count = chunk->sel_count = 1;
    static const int column = 0;
    uint64_t hash;
    chunk_hash(chunk, &column, 1, &hash);
    uint32_t size;
    row_sizes(&f->layout, chunk, NULL, &size);
    uint8_t *row = arena_alloc(&f->arena, size);
    row_encode(&f->layout, chunk, NULL, &hash, &size, &row);
    return row;
}

static void insert(struct fixture *f, int64_t k) {
    struct error err;
    struct state_entry *entry;
    bool created;
    uint64_t room;
    const uint8_t *row = make_row(f, k);
    assert_int_equal(state_insert_row(f->hashed, row, &entry, &err), STATUS_OK);
    *(int64_t *)state_payload(entry) = k;
    assert_int_equal(
        state_ordered_insert(f->ordered, ordered_key(k, &room), row_hash(row), NULL, &entry, &created, &err),
        STATUS_OK);
    *(int64_t *)state_payload(entry) = -k;
}

static struct state_entry *hashed(struct fixture *f, int64_t k) { return state_find_key(f->hashed, make_row(f, k)); }

static struct state_entry *ordered(struct fixture *f, int64_t k) {
    uint64_t room;
    return state_ordered_find(f->ordered, ordered_key(k, &room));
}

static void check(struct fixture *f, int64_t k, bool is_expired) {
    assert_int_equal(state_is_expired(f->hashed, hashed(f, k)), is_expired);
    assert_int_equal(state_is_expired(f->ordered, ordered(f, k)), is_expired);
    assert_int_equal(*(int64_t *)state_payload(hashed(f, k)), k);
    assert_int_equal(*(int64_t *)state_payload(ordered(f, k)), -k);
}

static void ages(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, TTL_MICROS);
    state_begin_step(f.state, 5000000);
    insert(&f, 1);
    insert(&f, 2);
    check(&f, 1, false);
    state_begin_step(f.state, 5999999);
    check(&f, 1, false);
    state_touch(f.hashed, hashed(&f, 2));
    state_touch(f.ordered, ordered(&f, 2));
    state_begin_step(f.state, 6000000);
    check(&f, 1, true);
    check(&f, 2, false);
    state_begin_step(f.state, 6999998);
    check(&f, 2, false);
    state_begin_step(f.state, 6999999);
    check(&f, 2, true);
    state_begin_step(f.state, 1000000); /* a clock that was set back */
    check(&f, 1, false);
    struct error err;
    struct state_entry *entry = hashed(&f, 1);
    assert_int_equal(state_replace_row(f.hashed, &entry, make_row(&f, 1), &err), STATUS_OK);
    state_begin_step(f.state, 2000000);
    assert_true(state_is_expired(f.hashed, entry));
    end(&f);
}

static void no_time_to_live(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, 0);
    state_begin_step(f.state, 1);
    insert(&f, 1);
    state_begin_step(f.state, INT64_MAX);
    check(&f, 1, false);
    state_sweep(f.state);
    assert_int_equal(state_entry_count(f.state), 2);
    end(&f);
}

/* Half of the time to live is enough to see all entries of a table that shrinks meanwhile; young ones stay; blocks and indexes go back. */
static void sweeps(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, TTL_MICROS);
    state_begin_step(f.state, 1);
    for (int64_t k = 0; k < MANY; k++) insert(&f, k);
    state_end_step(f.state);
    arena_reset(&f.arena);
    row_layout_init(&f.layout, &f.arena, 1, f.types);
    int64_t full_bytes = state_size_bytes(f.state), largest = 0, before = MANY;
    state_begin_step(f.state, TTL_MICROS - 1);
    state_sweep(f.state);
    assert_int_equal(state_entry_count(f.state), 2 * MANY);
    insert(&f, MANY);
    for (int n = 0; n <= 50; n++) {
        state_begin_step(f.state, TTL_MICROS + 1 + n * (TTL_MICROS / 100));
        state_sweep(f.state);
        state_end_step(f.state);
        int64_t now = state_table_count(f.hashed);
        if (before - now > largest) largest = before - now;
        before = now;
        check(&f, MANY, false);
    }
    assert_int_equal(state_table_count(f.hashed), 1);
    assert_int_equal(state_table_count(f.ordered), 1);
    assert_int_equal(f.expired, MANY);
    assert_true(largest < MANY / 10); /* none has had to stop for all of it */
    assert_true(state_size_bytes(f.state) < full_bytes / 20);
    /* and what is there goes on */
    for (int64_t k = 0; k < 1000; k++) insert(&f, k);
    for (int64_t k = 0; k < 1000; k++) check(&f, k, false);
    end(&f);
}

/* Long rows have blocks of their own, which go with them. */
static void blocks_return(void **unused) {
    (void)unused;
    struct mem_account account;
    mem_account_init(&account, NULL, 0);
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_VARCHAR)};
    struct row_layout layout;
    row_layout_init(&layout, &arena, 1, types);
    struct state *state = state_create(&account);
    struct state_table *table = state_table_create(state, "t", STATE_MULTI, &layout, 1, 8);
    static const int sizes[] = {10, 900, 1100, 9000, 20000, 70000};
    uint64_t seed = 5;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3000; i++) {
            struct arena row_arena;
            arena_init(&row_arena, NULL);
            int size = sizes[random_below(&seed, 6)];
            char *text = arena_zalloc(&row_arena, (size_t)size);
            struct chunk *chunk = chunk_create(&row_arena, 1, types, 1);
            struct value value = value_str(types[0], (struct str){text, (size_t)size});
            vector_set(&chunk->columns[0], &row_arena, 1, 0, &value);
            chunk->row_count = chunk->sel_count = 1;
            static const int column = 0;
            uint64_t hash = random_next(&seed);
            struct state_entry *entry;
            struct error err;
            assert_int_equal(state_insert(table, chunk, &column, &hash, &entry, &err), STATUS_OK);
            arena_destroy(&row_arena);
        }
        int64_t full_bytes = state_size_bytes(state);
        uint64_t cursor = 0;
        for (struct state_entry *entry; (entry = state_iterate(table, &cursor));) state_delete(table, entry);
        state_end_step(state);
        assert_true(state_size_bytes(state) < full_bytes / 20);
        assert_int_equal(state_size_bytes(state), account.used_bytes);
    }
    state_destroy(state);
    assert_int_equal(account.used_bytes, 0);
    arena_destroy(&arena);
}

/* Ages are in snapshots. A time to live may come, change and go from one start of a job to the next. */
static void snapshots(void **unused) {
    (void)unused;
    static const int64_t ttls[] = {0, TTL_MICROS, 3 * TTL_MICROS};
    for (int from = 0; from < 3; from++)
        for (int to = 0; to < 3; to++) {
            struct fixture f;
            struct error err;
            error_clear(&err);
            begin(&f, ttls[from]);
            state_begin_step(f.state, 10 * TTL_MICROS);
            insert(&f, 1);
            state_begin_step(f.state, 10 * TTL_MICROS + TTL_MICROS / 2);
            insert(&f, 2);
            struct memory_writer writer = memory_writer_make();
            assert_int_equal(state_snapshot(f.state, &writer.base, &err), STATUS_OK);
            state_destroy(f.state);
            make_state(&f, ttls[to]);
            struct memory_reader reader = memory_reader_make(strbuf_str(&writer.bytes));
            if (state_restore(f.state, &reader.base, 0, 1, &err) != STATUS_OK) fail_msg("%s", err.message);
            strbuf_free(&writer.bytes);
            state_begin_step(f.state, 11 * TTL_MICROS + 1);
            int64_t age = TTL_MICROS + 1;
            check(&f, 1, from && to && age >= ttls[to]);
            check(&f, 2, false);
            /* without an age they began to live when the job did */
            state_begin_step(f.state, 12 * TTL_MICROS);
            check(&f, 2, from && to == 1);
            state_begin_step(f.state, 12 * TTL_MICROS + 1);
            check(&f, 1, to == 1);
            end(&f);
        }
}

const struct CMUnitTest ttl_tests[] = {
    cmocka_unit_test(ages),          cmocka_unit_test(no_time_to_live), cmocka_unit_test(sweeps),
    cmocka_unit_test(blocks_return), cmocka_unit_test(snapshots),
};
const size_t ttl_tests_count = sizeof ttl_tests / sizeof *ttl_tests;
