#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "state/state.h"

extern const struct CMUnitTest hash_table_tests[];
extern const size_t hash_table_tests_count;

/* Rows (k1 INT, k2 STRING, v BIGINT, w DOUBLE): the first two are the key. */
enum { COLUMNS = 4, KEYS = 2, PAYLOAD_BYTES = 20 };

static const int identity[COLUMNS] = {0, 1, 2, 3};

struct fixture {
    struct mem_account account;
    struct arena arena; /* layouts */
    struct arena step;  /* chunks */
    struct row_layout layout;
    const struct type *types[COLUMNS];
    struct state *state;
    struct state_table *table;
    uint64_t seed;
    uint64_t hash_mask; /* few bits: different keys share hashes and chains */
};

static void begin(struct fixture *f, enum state_shape shape, uint64_t seed) {
    memset(f, 0, sizeof *f);
    mem_account_init(&f->account, NULL, 0);
    arena_init(&f->arena, NULL);
    arena_init(&f->step, NULL);
    f->types[0] = type_of(TYPE_INT);
    f->types[1] = type_of(TYPE_VARCHAR);
    f->types[2] = type_of(TYPE_BIGINT);
    f->types[3] = type_of(TYPE_DOUBLE);
    row_layout_init(&f->layout, &f->arena, COLUMNS, f->types);
    f->state = state_create(&f->account);
    f->table = state_table_create(f->state, "t", shape, &f->layout, KEYS, PAYLOAD_BYTES);
    f->seed = seed;
    f->hash_mask = UINT64_MAX;
}

static void end(struct fixture *f) {
    assert_int_equal(state_size_bytes(f->state), f->account.used_bytes);
    state_destroy(f->state);
    assert_int_equal(f->account.used_bytes, 0);
    arena_destroy(&f->step);
    arena_destroy(&f->arena);
}

/* Key number n of a universe: NULLs, empty, short and long strings, many of one k1. */
static struct value key_value(struct fixture *f, int n, int column) {
    if (column == 0) return n % 7 == 3 ? value_null(f->types[0]) : value_i64(f->types[0], n % 5 ? n % 11 : 0);
    const char *text =
        arena_printf(&f->step, "%s%d", n % 13 == 5 ? "" : "a key that is long enough for the heap, number ", n);
    return value_str(f->types[1], str_from(text));
}

/* The row of key n with value v. w alternates between forms of equal doubles. */
static void put_row(struct fixture *f, struct chunk *chunk, int row, int capacity, int n, int64_t v) {
    struct value values[COLUMNS] = {key_value(f, n, 0), key_value(f, n, 1), value_i64(f->types[2], v),
                                    value_f64(v % 2   ? 0.0
                                              : v % 3 ? NAN
                                                      : 1.5)};
    if (random_below(&f->seed, 2) && values[3].f64 == 0) values[3].f64 = -0.0;
    for (int c = 0; c < COLUMNS; c++) vector_set(&chunk->columns[c], &f->step, capacity, row, &values[c]);
}

/* A chunk of rows (key numbers, values); every second physical row is a decoy that the selection leaves out. */
static struct chunk *make_chunk(struct fixture *f, const int *keys, const int64_t *values, int count, uint64_t **hash) {
    struct chunk *chunk = chunk_create(&f->step, COLUMNS, f->types, count * 2 + 1);
    sel_index *sel = ARENA_ARRAY(&f->step, sel_index, count + 1);
    for (int i = 0; i < count; i++) {
        put_row(f, chunk, i * 2, count * 2 + 1, keys[i] + 1000000, -1);
        put_row(f, chunk, i * 2 + 1, count * 2 + 1, keys[i], values[i]);
        sel[i] = (sel_index)(i * 2 + 1);
    }
    chunk->row_count = count * 2;
    chunk->sel = sel;
    chunk->sel_count = count;
    *hash = ARENA_ARRAY(&f->step, uint64_t, count * 2 + 1);
    chunk_hash(chunk, identity, KEYS, *hash);
    for (int i = 0; i < count; i++) (*hash)[sel[i]] &= f->hash_mask;
    return chunk;
}

static int64_t entry_value(struct fixture *f, const struct state_entry *entry) {
    return row_get(&f->layout, state_row(f->table, entry), 2, &f->step).i64;
}

/* One row in row form. */
static const uint8_t *make_row(struct fixture *f, int key, int64_t value) {
    uint64_t *hash;
    struct chunk *chunk = make_chunk(f, &key, &value, 1, &hash);
    uint32_t size;
    row_sizes(&f->layout, chunk, NULL, &size);
    uint8_t *row = arena_alloc(&f->step, size);
    row_encode(&f->layout, chunk, NULL, hash, &size, &row);
    return row;
}

/* ---- Unique keys against an array ---- */

enum { UNIVERSE = 600, BATCH = 150 };

struct model {
    bool present[UNIVERSE];
    int64_t value[UNIVERSE], payload[UNIVERSE];
};

static void insert_batch(struct fixture *f, struct model *model) {
    int keys[BATCH];
    int64_t values[BATCH];
    int count = 1 + random_below(&f->seed, BATCH);
    for (int i = 0; i < count; i++) {
        keys[i] = random_below(&f->seed, UNIVERSE);
        values[i] = (int64_t)(random_next(&f->seed) >> 20);
    }
    uint64_t *hash;
    struct chunk *chunk = make_chunk(f, keys, values, count, &hash);
    struct state_entry *entries[BATCH], *found[BATCH];
    bool created[BATCH];
    struct error err;
    assert_int_equal(state_find_or_insert(f->table, chunk, identity, hash, entries, created, &err), STATUS_OK);
    for (int i = 0; i < count; i++) {
        int k = keys[i];
        assert_int_equal(created[i], !model->present[k]);
        int64_t *payload = state_payload(entries[i]);
        if (created[i]) {
            model->present[k] = true;
            model->value[k] = values[i];
            model->payload[k] = 0;
            assert_int_equal(payload[1], 0);
        }
        assert_int_equal(payload[0], model->payload[k]);
        assert_int_equal(entry_value(f, entries[i]), model->value[k]);
        state_touch(f->table, entries[i]);
        payload[0] = model->payload[k] = (int64_t)(random_next(&f->seed) >> 8);
    }
    state_find(f->table, chunk, identity, hash, found);
    for (int i = 0; i < count; i++) assert_ptr_equal(found[i], entries[i]);
}

static void change_some(struct fixture *f, struct model *model) {
    for (int i = 0; i < BATCH; i++) {
        int k = random_below(&f->seed, UNIVERSE);
        int64_t value = (int64_t)(random_next(&f->seed) >> 30);
        const uint8_t *row = make_row(f, k, value);
        struct state_entry *entry = state_find_key(f->table, row);
        assert_int_equal(entry != NULL, model->present[k]);
        if (!entry) {
            if (random_below(&f->seed, 2)) {
                assert_int_equal(state_insert_row(f->table, row, &entry, NULL), STATUS_OK);
                assert_int_equal(*(int64_t *)state_payload(entry), 0);
                model->present[k] = true;
                model->value[k] = value;
                model->payload[k] = 0;
            }
            continue;
        }
        assert_int_equal(*(int64_t *)state_payload(entry), model->payload[k]);
        assert_int_equal(entry_value(f, entry), model->value[k]);
        if (random_below(&f->seed, 2)) {
            state_delete(f->table, entry);
            model->present[k] = false;
            assert_null(state_find_key(f->table, row));
        } else {
            const uint8_t *before = state_row(f->table, entry);
            uint32_t size = row_size(before);
            uint8_t *copy = arena_memdup(&f->step, before, size);
            assert_int_equal(state_replace_row(f->table, &entry, row, NULL), STATUS_OK);
            model->value[k] = value;
            assert_memory_equal(before, copy, size); /* readable until the step ends */
            assert_int_equal(*(int64_t *)state_payload(entry), model->payload[k]);
            assert_ptr_equal(state_find_key(f->table, row), entry);
        }
    }
}

static void check_all(struct fixture *f, const struct model *model) {
    int64_t count = 0;
    for (int k = 0; k < UNIVERSE; k++) {
        struct state_entry *entry = state_find_key(f->table, make_row(f, k, 0));
        assert_int_equal(entry != NULL, model->present[k]);
        if (!entry) continue;
        count++;
        assert_int_equal(entry_value(f, entry), model->value[k]);
        assert_int_equal(*(int64_t *)state_payload(entry), model->payload[k]);
        assert_null(state_next_same_key(f->table, entry));
    }
    assert_int_equal(state_table_count(f->table), count);
    assert_int_equal(state_entry_count(f->state), count);
    uint64_t cursor = 0;
    int64_t seen = 0;
    while (state_iterate(f->table, &cursor)) seen++;
    assert_int_equal(seen, count);
    assert_null(state_iterate(f->table, &cursor)); /* and stays at the end */
}

/* Deletes while it iterates: every entry comes once. */
static void sweep(struct fixture *f, struct model *model) {
    uint64_t cursor = 0;
    int64_t seen = 0, before = state_table_count(f->table), gone = 0;
    for (struct state_entry *entry; (entry = state_iterate(f->table, &cursor));) {
        seen++;
        if (random_below(&f->seed, 4)) continue;
        for (int k = 0; k < UNIVERSE; k++)
            if (model->present[k] && model->payload[k] == *(int64_t *)state_payload(entry) &&
                model->value[k] == entry_value(f, entry)) {
                model->present[k] = false;
                break;
            }
        state_delete(f->table, entry);
        gone++;
    }
    assert_int_equal(seen, before);
    assert_int_equal(state_table_count(f->table), before - gone);
}

static void unique_rounds(uint64_t hash_mask) {
    struct model *model = calloc(1, sizeof *model);
    struct fixture f;
    begin(&f, STATE_UNIQUE, 11);
    f.hash_mask = hash_mask;
    for (int round = 0; round < 300; round++) {
        switch (random_below(&f.seed, 5)) {
        case 0:
        case 1: insert_batch(&f, model); break;
        case 2:
        case 3: change_some(&f, model); break;
        case 4:
            if (random_below(&f.seed, 4) == 0) sweep(&f, model);
            break;
        }
        if (round % 10 == 0) check_all(&f, model);
        if (random_below(&f.seed, 3) == 0) {
            state_end_step(f.state);
            arena_reset(&f.step);
        }
    }
    check_all(&f, model);
    end(&f);
    free(model);
}

static void unique_random(void **unused) {
    (void)unused;
    unique_rounds(UINT64_MAX);
    unique_rounds(UINT64_C(7) << 61 | 3);
    unique_rounds(0);
}

/* Many keys: chains are dealt out anew several times, in one go and between lookups. */
static void growth(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, STATE_UNIQUE, 12);
    enum { MANY = 20000 };
    int64_t sum = 0;
    for (int from = 0; from < MANY; from += 1000) {
        int keys[1000];
        int64_t values[1000];
        for (int i = 0; i < 1000; i++) keys[i] = from + i, values[i] = keys[i] * 3;
        uint64_t *hash;
        struct chunk *chunk = make_chunk(&f, keys, values, 1000, &hash);
        struct state_entry *entries[1000];
        assert_int_equal(state_insert(f.table, chunk, identity, hash, entries, NULL), STATUS_OK);
        for (int i = 0; i < 1000; i++) *(int64_t *)state_payload(entries[i]) = keys[i];
        arena_reset(&f.step);
    }
    assert_int_equal(state_table_count(f.table), MANY);
    for (int k = 0; k < MANY; k += 7) {
        struct state_entry *entry = state_find_key(f.table, make_row(&f, k, 0));
        assert_non_null(entry);
        assert_int_equal(*(int64_t *)state_payload(entry), k);
        assert_int_equal(entry_value(&f, entry), (int64_t)k * 3);
        if (k % 1000 == 0) arena_reset(&f.step);
    }
    uint64_t cursor = 0;
    for (struct state_entry *entry; (entry = state_iterate(f.table, &cursor));) sum += *(int64_t *)state_payload(entry);
    assert_int_equal(sum, (int64_t)MANY * (MANY - 1) / 2);
    end(&f);
}

/* ---- Many rows per key ---- */

enum { MULTI_KEYS = 12, MULTI_VALUES = 4 };

static void multi_rounds(uint64_t hash_mask) {
    struct fixture f;
    begin(&f, STATE_MULTI, 13);
    f.hash_mask = hash_mask;
    int model[MULTI_KEYS][MULTI_VALUES] = {0};
    int total = 0;
    for (int round = 0; round < 400; round++) {
        int keys[20];
        int64_t values[20];
        int count = 1 + random_below(&f.seed, 20);
        for (int i = 0; i < count; i++) {
            keys[i] = random_below(&f.seed, MULTI_KEYS);
            values[i] = random_below(&f.seed, MULTI_VALUES);
        }
        uint64_t *hash;
        struct chunk *chunk = make_chunk(&f, keys, values, count, &hash);
        if (total < 200 || random_below(&f.seed, 2)) {
            struct state_entry *entries[20];
            assert_int_equal(state_insert(f.table, chunk, identity, hash, entries, NULL), STATUS_OK);
            for (int i = 0; i < count; i++) model[keys[i]][values[i]]++, total++;
        } else {
            for (int i = 0; i < count; i++) {
                int row = chunk_row(chunk, i);
                struct state_entry *entry = state_find_row(f.table, chunk, identity, hash[row], row);
                assert_int_equal(entry != NULL, model[keys[i]][values[i]] > 0);
                if (!entry) continue;
                assert_int_equal(entry_value(&f, entry), values[i]);
                state_delete(f.table, entry);
                model[keys[i]][values[i]]--, total--;
            }
        }
        /* what a probe sees of every key */
        int every[MULTI_KEYS];
        int64_t zeros[MULTI_KEYS] = {0};
        for (int k = 0; k < MULTI_KEYS; k++) every[k] = k;
        struct chunk *probe = make_chunk(&f, every, zeros, MULTI_KEYS, &hash);
        struct state_entry *first[MULTI_KEYS];
        state_find(f.table, probe, identity, hash, first);
        for (int k = 0; k < MULTI_KEYS; k++) {
            int found[MULTI_VALUES] = {0};
            for (struct state_entry *entry = first[k]; entry; entry = state_next_same_key(f.table, entry))
                found[entry_value(&f, entry)]++;
            for (int v = 0; v < MULTI_VALUES; v++) assert_int_equal(found[v], model[k][v]);
        }
        assert_int_equal(state_table_count(f.table), total);
        if (random_below(&f.seed, 4) == 0) state_end_step(f.state);
        arena_reset(&f.step);
    }
    end(&f);
}

static void multi_random(void **unused) {
    (void)unused;
    multi_rounds(UINT64_MAX);
    multi_rounds(1);
}

/* A table whose key has no columns has one group. */
/* Rows of one key come back in one order, however often the buckets are made anew; one of them after 40 others is deleted, so that in
 * the end there are far fewer rows than buckets. */
static void order_of_a_key(void **unused) {
    (void)unused;
    enum { ROUNDS = 60, OTHERS = 40 };
    struct fixture f;
    begin(&f, STATE_MULTI, 3);
    struct state_entry *others[ROUNDS * OTHERS];
    struct error err;
    for (int round = 0; round < ROUNDS; round++) {
        int keys[OTHERS + 1] = {5};
        int64_t values[OTHERS + 1] = {round};
        for (int i = 1; i <= OTHERS; i++) keys[i] = 1000 + round * OTHERS + i;
        uint64_t *hash;
        struct chunk *chunk = make_chunk(&f, keys, values, OTHERS + 1, &hash);
        struct state_entry *entries[OTHERS + 1];
        assert_int_equal(state_insert(f.table, chunk, identity, hash, entries, &err), STATUS_OK);
        memcpy(&others[round * OTHERS], entries + 1, OTHERS * sizeof *entries);
    }
    for (int shrunk = 0; shrunk < 2; shrunk++) {
        int64_t expected = ROUNDS;
        struct state_entry *entry = state_find_key(f.table, make_row(&f, 5, 0));
        for (; entry; entry = state_next_same_key(f.table, entry)) assert_int_equal(entry_value(&f, entry), --expected);
        assert_int_equal(expected, 0);
        for (int i = 0; i < ROUNDS * OTHERS && !shrunk; i++) state_delete(f.table, others[i]);
        int64_t before = state_size_bytes(f.state);
        state_end_step(f.state);
        if (!shrunk) assert_true(state_size_bytes(f.state) < before);
    }
    end(&f);
}

static void no_key(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, STATE_UNIQUE, 14);
    struct row_layout nothing;
    row_layout_init(&nothing, &f.arena, 0, NULL);
    struct state_table *table = state_table_create(f.state, "one", STATE_UNIQUE, &nothing, 0, 8);
    struct chunk *chunk = chunk_create(&f.step, 0, NULL, 3);
    chunk->row_count = chunk->sel_count = 3;
    uint64_t hash[3];
    chunk_hash(chunk, NULL, 0, hash);
    struct state_entry *entries[3];
    bool created[3];
    state_find(table, chunk, NULL, hash, entries);
    for (int i = 0; i < 3; i++) assert_null(entries[i]);
    assert_int_equal(state_find_or_insert(table, chunk, NULL, hash, entries, created, NULL), STATUS_OK);
    assert_true(created[0] && !created[1] && !created[2]);
    assert_ptr_equal(entries[0], entries[2]);
    assert_int_equal(state_table_count(table), 1);
    end(&f);
}

/* ---- Memory ---- */

/* Deleted and replaced rows keep their bytes until the step ends, whatever is inserted meanwhile. */
static void readable_until_end_step(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, STATE_UNIQUE, 15);
    struct error err;
    enum { ROWS = 300 };
    for (int round = 0; round < 5; round++) {
        const uint8_t *rows[ROWS];
        uint8_t *copies[ROWS];
        for (int k = 0; k < ROWS; k++) {
            struct state_entry *entry = state_find_key(f.table, make_row(&f, k, 0));
            if (!entry) assert_int_equal(state_insert_row(f.table, make_row(&f, k, round), &entry, &err), STATUS_OK);
        }
        state_end_step(f.state);
        for (int k = 0; k < ROWS; k++) {
            struct state_entry *entry = state_find_key(f.table, make_row(&f, k, 0));
            rows[k] = state_row(f.table, entry);
            copies[k] = arena_memdup(&f.step, rows[k], row_size(rows[k]));
            if (k % 2)
                state_delete(f.table, entry);
            else
                assert_int_equal(state_replace_row(f.table, &entry, make_row(&f, k, round + 100), &err), STATUS_OK);
        }
        for (int k = 0; k < ROWS; k++) {
            struct state_entry *entry;
            assert_int_equal(state_insert_row(f.table, make_row(&f, 5000 + round * ROWS + k, k), &entry, &err),
                             STATUS_OK);
        }
        for (int k = 0; k < ROWS; k++) assert_memory_equal(rows[k], copies[k], row_size(copies[k]));
        state_end_step(f.state);
        arena_reset(&f.step);
    }
    end(&f);
}

/* What is freed in one step serves the next: a table that does not grow takes no more memory, whatever the row sizes. */
static void reuse(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, STATE_UNIQUE, 16);
    static const int lengths[] = {0, 5, 40, 700, 3000, 20000, 200000};
    struct error err;
    int64_t size = 0;
    for (int round = 0; round < 20; round++) {
        for (int n = 0; n < 70; n++) {
            int len = lengths[n % 7];
            char *text = arena_alloc(&f.step, (size_t)len + 1);
            memset(text, 'a' + round % 26, (size_t)len);
            struct value values[COLUMNS] = {value_i64(f.types[0], n),
                                            value_str(f.types[1], (struct str){text, (size_t)len}),
                                            value_i64(f.types[2], n), value_null(f.types[3])};
            struct chunk *chunk = chunk_create(&f.step, COLUMNS, f.types, 1);
            for (int c = 0; c < COLUMNS; c++) vector_set(&chunk->columns[c], &f.step, 1, 0, &values[c]);
            chunk->row_count = chunk->sel_count = 1;
            uint64_t hash;
            chunk_hash(chunk, identity, KEYS, &hash);
            struct state_entry *entry;
            bool created;
            assert_int_equal(state_find_or_insert(f.table, chunk, identity, &hash, &entry, &created, &err), STATUS_OK);
            assert_true(created);
            memset(state_payload(entry), 0x5A, PAYLOAD_BYTES + 4); /* all of the rounded payload is the owner's */
            struct value back = row_get(&f.layout, state_row(f.table, entry), 1, &f.step);
            assert_true(str_equal(back.str, values[1].str));
        }
        assert_int_equal(state_table_count(f.table), 70);
        uint64_t cursor = 0;
        for (struct state_entry *entry; (entry = state_iterate(f.table, &cursor));) state_delete(f.table, entry);
        state_end_step(f.state);
        if (round == 1) size = state_size_bytes(f.state);
        if (round > 1) assert_int_equal(state_size_bytes(f.state), size);
        arena_reset(&f.step);
    }
    end(&f);
}

/* Over the limit: an error, nothing changed, and what is there still works. */
static void limit(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, STATE_UNIQUE, 17);
    f.account.limit_bytes = 300000;
    struct error err;
    error_clear(&err);
    enum status status = STATUS_OK;
    int n = 0;
    for (; status == STATUS_OK && n < 100000; n++) {
        struct state_entry *entry;
        status = state_insert_row(f.table, make_row(&f, n, n), &entry, &err);
        arena_reset(&f.step);
    }
    assert_int_equal(status, STATUS_OUT_OF_MEMORY);
    assert_non_null(strstr(err.message, "memory"));
    assert_int_equal(state_table_count(f.table), n - 1);
    int keys[3] = {n + 1, n + 2, 5};
    int64_t values[3] = {1, 2, 3};
    uint64_t *hash;
    struct chunk *chunk = make_chunk(&f, keys, values, 3, &hash);
    struct state_entry *entries[3], *entry;
    bool created[3];
    assert_int_equal(state_find_or_insert(f.table, chunk, identity, hash, entries, created, &err),
                     STATUS_OUT_OF_MEMORY);
    assert_int_equal(state_insert(f.table, chunk, identity, hash, entries, &err), STATUS_OUT_OF_MEMORY);
    assert_non_null(entry = state_find_key(f.table, make_row(&f, 5, 0)));
    assert_int_equal(state_replace_row(f.table, &entry, make_row(&f, 5, 9), &err), STATUS_OUT_OF_MEMORY);
    assert_int_equal(entry_value(&f, entry), 5);
    /* rows that are there need no memory */
    chunk->sel++;
    chunk->sel_count = 1;
    chunk->sel++;
    assert_int_equal(state_find_or_insert(f.table, chunk, identity, hash, entries, created, &err), STATUS_OK);
    assert_int_equal(state_table_count(f.table), n - 1);
    end(&f);
}

static void row_too_large(void **unused) {
    (void)unused;
    struct fixture f;
    begin(&f, STATE_UNIQUE, 18);
    struct chunk *chunk = chunk_create(&f.step, COLUMNS, f.types, 1);
    struct value values[COLUMNS] = {value_i64(f.types[0], 1), value_str(f.types[1], str_from("")),
                                    value_i64(f.types[2], 1), value_f64(1)};
    for (int c = 0; c < COLUMNS; c++) vector_set(&chunk->columns[c], &f.step, 1, 0, &values[c]);
    ((struct strview *)chunk->columns[1].data)->len = ROW_MAX_BYTES; /* only looked at for its length */
    chunk->row_count = chunk->sel_count = 1;
    uint64_t hash = 5;
    struct state_entry *entry;
    bool created;
    struct error err;
    assert_int_equal(state_find_or_insert(f.table, chunk, identity, &hash, &entry, &created, &err),
                     STATUS_LIMIT_EXCEEDED);
    assert_int_equal(state_insert(f.table, chunk, identity, &hash, &entry, &err), STATUS_LIMIT_EXCEEDED);
    assert_int_equal(state_table_count(f.table), 0);
    end(&f);
}

const struct CMUnitTest hash_table_tests[] = {
    cmocka_unit_test(unique_random),  cmocka_unit_test(growth), cmocka_unit_test(multi_random),
    cmocka_unit_test(order_of_a_key), cmocka_unit_test(no_key), cmocka_unit_test(readable_until_end_step),
    cmocka_unit_test(reuse),          cmocka_unit_test(limit),  cmocka_unit_test(row_too_large),
};
const size_t hash_table_tests_count = sizeof hash_table_tests / sizeof *hash_table_tests;
