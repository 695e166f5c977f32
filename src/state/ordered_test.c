#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "state/state.h"

extern const struct CMUnitTest ordered_tests[];
extern const size_t ordered_tests_count;

/* ---- A sorted array of keys is the reference ---- */

struct model_entry {
    struct str key;
    int64_t payload;
    struct state_entry *entry; /* entries do not move */
};

struct model {
    struct model_entry *entries;
    size_t count, capacity;
};

static int compare_str(struct str a, struct str b) {
    size_t shorter = a.len < b.len ? a.len : b.len;
    int diff = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return diff ? diff : (a.len > b.len) - (a.len < b.len);
}

/* First position with key >= bound. */
static size_t model_bound(const struct model *model, struct str bound) {
    size_t low = 0, high = model->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_str(model->entries[middle].key, bound) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool model_has(const struct model *model, struct str key, size_t *at) {
    *at = model_bound(model, key);
    return *at < model->count && compare_str(model->entries[*at].key, key) == 0;
}

/* Keys share prefixes, hold the smallest and the largest bytes, and are prefixes of one another; the empty key is one. */
static struct str random_key(struct arena *arena, uint64_t *seed) {
    static const char *const starts[] = {"", "", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "abcdefgh",
                                         "abcdefghabcdefgh"};
    const char *start = starts[random_below(seed, 5)];
    size_t start_len = strlen(start), tail = (size_t)random_below(seed, 4);
    char *bytes = arena_alloc(arena, start_len + tail + 1);
    memcpy(bytes, start, start_len);
    for (size_t i = 0; i < tail; i++)
        bytes[start_len + i] = "\0\x01"
                               "ag\xFE\xFF"[random_below(seed, 6)];
    return (struct str){bytes, start_len + tail};
}

static struct state_entry *model_at(const struct model *model, size_t at) {
    return at < model->count ? model->entries[at].entry : NULL;
}

static void check_scan(struct state_table *table, const struct model *model) {
    assert_int_equal(state_table_count(table), (int64_t)model->count);
    struct state_entry *entry = state_ordered_lower_bound(table, (struct str){NULL, 0});
    for (size_t i = 0; i < model->count; i++) {
        assert_ptr_equal(entry, model->entries[i].entry);
        struct str key = state_ordered_key(table, entry);
        assert_true(str_equal(key, model->entries[i].key));
        assert_int_equal(*(int64_t *)state_payload(entry), model->entries[i].payload);
        assert_int_equal(state_ordered_hash(table, entry), (uint64_t)model->entries[i].payload * 3);
        assert_ptr_equal(state_ordered_previous(table, entry), i ? model->entries[i - 1].entry : NULL);
        entry = state_ordered_next(table, entry);
    }
    assert_null(entry);
}

static void random_operations(void **unused) {
    (void)unused;
    uint64_t seed = 21;
    struct mem_account account;
    mem_account_init(&account, NULL, 0);
    struct arena arena;
    arena_init(&arena, NULL);
    struct state *state = state_create(&account);
    struct state_table *table = state_table_create(state, "o", STATE_ORDERED, NULL, 0, sizeof(int64_t));
    struct model model = {0};
    for (int round = 0; round < 30000; round++) {
        struct str key = random_key(&arena, &seed);
        size_t at;
        bool has = model_has(&model, key, &at);
        struct state_entry *found = state_ordered_find(table, key);
        assert_ptr_equal(found, has ? model.entries[at].entry : NULL);
        assert_ptr_equal(state_ordered_before(table, key), at ? model.entries[at - 1].entry : NULL);
        if (key.len) assert_ptr_equal(state_ordered_lower_bound(table, key), model_at(&model, at));
        /* phases of growing and of shrinking, down to nothing */
        if (random_below(&seed, 3) < (round / 3000 % 2 ? 1 : 2)) {
            int64_t payload = (int64_t)(random_next(&seed) >> 20);
            struct state_entry *entry;
            bool created;
            assert_int_equal(state_ordered_insert(table, key, (uint64_t)payload * 3, NULL, &entry, &created, NULL),
                             STATUS_OK);
            assert_int_equal(created, !has);
            assert_null(state_row(table, entry));
            if (has) {
                assert_ptr_equal(entry, found);
            } else {
                *(int64_t *)state_payload(entry) = payload;
                ARRAY_RESERVE(model.entries, model.capacity, model.count + 1);
                memmove(model.entries + at + 1, model.entries + at, (model.count - at) * sizeof *model.entries);
                model.entries[at] = (struct model_entry){key, payload, entry};
                model.count++;
            }
        } else if (model.count) {
            if (!has) at = (size_t)random_below(&seed, (int)model.count);
            struct state_entry *gone = model.entries[at].entry;
            struct str old = state_ordered_key(table, gone);
            state_delete(table, gone);
            assert_true(str_equal(old, model.entries[at].key)); /* readable until the step ends */
            memmove(model.entries + at, model.entries + at + 1, (model.count - at - 1) * sizeof *model.entries);
            model.count--;
        }
        if (random_below(&seed, 50) == 0) state_end_step(state);
        if (round % 997 == 0) check_scan(table, &model);
    }
    while (model.count) {
        state_delete(table, model.entries[--model.count].entry);
        if (model.count % 100 == 0) check_scan(table, &model);
    }
    check_scan(table, &model);
    state_destroy(state);
    assert_int_equal(account.used_bytes, 0);
    free(model.entries);
    arena_destroy(&arena);
}

/* A group is a prefix of the key: exactly its entries lie between its bounds, forwards and backwards. */
static void prefixes(void **unused) {
    (void)unused;
    uint64_t seed = 22;
    struct state *state = state_create(NULL);
    struct state_table *table = state_table_create(state, "o", STATE_ORDERED, NULL, 0, sizeof(int64_t));
    int counts[256] = {0};
    for (int i = 0; i < 5000; i++) {
        uint8_t bytes[4] = {(uint8_t)random_below(&seed, 256), (uint8_t)random_below(&seed, 256),
                            (uint8_t)random_below(&seed, 2) * 0xFF, 0};
        struct state_entry *entry;
        bool created;
        struct str key = {(const char *)bytes, 2 + (size_t)random_below(&seed, 3)};
        assert_int_equal(state_ordered_insert(table, key, 0, NULL, &entry, &created, NULL), STATUS_OK);
        counts[bytes[0]] += created;
    }
    for (int p = 0; p < 256; p++) {
        char prefix = (char)p, behind = (char)(p + 1);
        int seen = 0;
        struct state_entry *entry = state_ordered_lower_bound(table, (struct str){&prefix, 1}), *last = NULL;
        for (; entry && state_ordered_key(table, entry).data[0] == prefix; entry = state_ordered_next(table, entry)) {
            seen++;
            last = entry;
        }
        assert_int_equal(seen, counts[p]);
        if (p == 255) continue;
        struct state_entry *before = state_ordered_before(table, (struct str){&behind, 1});
        if (last) assert_ptr_equal(before, last);
        for (seen = 0; before && state_ordered_key(table, before).data[0] == prefix;
             before = state_ordered_previous(table, before))
            seen++;
        assert_int_equal(seen, counts[p]);
    }
    state_destroy(state);
}

/* Entries with rows; iteration that deletes. */
static void rows_and_iteration(void **unused) {
    (void)unused;
    uint64_t seed = 23;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_VARCHAR)};
    struct row_layout layout;
    row_layout_init(&layout, &arena, 2, types);
    struct state *state = state_create(NULL);
    struct state_table *table = state_table_create(state, "o", STATE_ORDERED, &layout, 0, 3);
    enum { COUNT = 500 };
    for (int i = 0; i < COUNT; i++) {
        struct chunk *chunk = chunk_create(&arena, 2, types, 1);
        const char *text = i % 3 ? "a text that lies in the heap of the row" : "short";
        struct value values[] = {value_i64(types[0], i), value_str(types[1], str_from(text))};
        for (int c = 0; c < 2; c++) vector_set(&chunk->columns[c], &arena, 1, 0, &values[c]);
        chunk->row_count = chunk->sel_count = 1;
        uint32_t size;
        row_sizes(&layout, chunk, NULL, &size);
        uint8_t *row = arena_alloc(&arena, size);
        row_encode(&layout, chunk, NULL, NULL, &size, &row);
        char key[16] = {(char)(i >> 8), (char)i};
        struct state_entry *entry;
        bool created;
        /* some have no row */
        struct str bytes = {key, 2 + (size_t)(i % 11)};
        assert_int_equal(state_ordered_insert(table, bytes, 0, i % 10 ? row : NULL, &entry, &created, NULL), STATUS_OK);
        assert_true(created);
        assert_int_equal((uintptr_t)state_payload(entry) % 8, 0);
    }
    int left = COUNT;
    for (int pass = 0; pass < 3; pass++) {
        uint64_t cursor = 0;
        int seen = 0, before = left;
        int last = -1;
        for (struct state_entry *entry; (entry = state_iterate(table, &cursor)); seen++) {
            struct str key = state_ordered_key(table, entry);
            int number = (uint8_t)key.data[0] << 8 | (uint8_t)key.data[1];
            assert_true(number > last);
            last = number;
            const uint8_t *row = state_row(table, entry);
            assert_int_equal(row != NULL, number % 10 != 0);
            if (row) {
                assert_int_equal(row_get(&layout, row, 0, &arena).i64, number);
                assert_int_equal((uintptr_t)row % 8, 0);
            }
            if (pass == 2 || random_below(&seed, 2)) {
                state_delete(table, entry);
                left--;
            }
        }
        assert_int_equal(seen, before);
        assert_null(state_iterate(table, &cursor));
    }
    assert_int_equal(left, 0);
    assert_int_equal(state_table_count(table), 0);
    state_destroy(state);
    arena_destroy(&arena);
}

static void limits(void **unused) {
    (void)unused;
    struct mem_account account;
    mem_account_init(&account, NULL, 1 << 20);
    struct state *state = state_create(&account);
    struct state_table *table = state_table_create(state, "o", STATE_ORDERED, NULL, 0, 8);
    char *bytes = calloc(1, STATE_MAX_KEY_BYTES + 1);
    struct error err;
    struct state_entry *entry;
    bool created;
    assert_int_equal(
        state_ordered_insert(table, (struct str){bytes, STATE_MAX_KEY_BYTES + 1}, 0, NULL, &entry, &created, &err),
        STATUS_LIMIT_EXCEEDED);
    assert_int_equal(state_table_count(table), 0);
    assert_int_equal(
        state_ordered_insert(table, (struct str){bytes, STATE_MAX_KEY_BYTES}, 0, NULL, &entry, &created, &err),
        STATUS_OK);
    assert_int_equal(state_ordered_key(table, entry).len, STATE_MAX_KEY_BYTES);
    assert_int_equal(state_ordered_insert(table, (struct str){"b", 1}, 0, NULL, &entry, &created, &err),
                     STATUS_OUT_OF_MEMORY);
    assert_int_equal(state_table_count(table), 1);
    /* what is there can still be found */
    assert_int_equal(
        state_ordered_insert(table, (struct str){bytes, STATE_MAX_KEY_BYTES}, 0, NULL, &entry, &created, &err),
        STATUS_OK);
    assert_false(created);
    free(bytes);
    state_destroy(state);
    assert_int_equal(account.used_bytes, 0);
}

const struct CMUnitTest ordered_tests[] = {
    cmocka_unit_test(random_operations),
    cmocka_unit_test(prefixes),
    cmocka_unit_test(rows_and_iteration),
    cmocka_unit_test(limits),
};
const size_t ordered_tests_count = sizeof ordered_tests / sizeof *ordered_tests;
