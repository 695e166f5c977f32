/* Hashes, row form, the hash table, sorting. */
#include "cases.h"
#include "column/row.h"
#include "op/row_sorter.h"
#include "state/state.h"

enum { CHUNKS = 8, ROWS = CHUNKS * VECTOR_CAPACITY };

struct rows {
    struct chunk *chunks[CHUNKS];
    struct row_layout layout;
    uint64_t hash[VECTOR_CAPACITY];
    struct arena *arena, morsel;
};

/* The columns of the keys and of the rows: k, s first. */
static const int columns[] = {COLUMN_K, COLUMN_S, COLUMN_ID, COLUMN_A, COLUMN_X, COLUMN_D};
enum { ROW_COLUMNS = sizeof columns / sizeof *columns, KEYS = 2 };

static void *prepare(struct arena *arena) {
    struct rows *rows = ARENA_NEW(arena, struct rows);
    const struct schema *schema = case_schema(arena);
    const struct type *types[ROW_COLUMNS];
    for (int i = 0; i < ROW_COLUMNS; i++) types[i] = schema->types[columns[i]];
    row_layout_init(&rows->layout, arena, ROW_COLUMNS, types);
    for (int i = 0; i < CHUNKS; i++) rows->chunks[i] = case_chunk(arena, i * VECTOR_CAPACITY, VECTOR_CAPACITY);
    rows->arena = arena;
    arena_init(&rows->morsel, NULL);
    return rows;
}

static int64_t hash(void *data) {
    struct rows *rows = data;
    for (int pass = 0; pass < 100; pass++) chunk_hash(rows->chunks[pass % CHUNKS], columns, KEYS, rows->hash);
    arena_destroy(&rows->morsel);
    return rows->hash[0] == rows->hash[1]; /* different keys */
}

static int64_t encode_gather(void *data) {
    struct rows *rows = data;
    int64_t found = 0;
    for (int pass = 0; pass < 24; pass++) {
        const struct chunk *chunk = rows->chunks[pass % CHUNKS];
        arena_reset(&rows->morsel);
        uint32_t sizes[VECTOR_CAPACITY];
        uint8_t *dst[VECTOR_CAPACITY];
        CASE_TRY(row_sizes_checked(&rows->layout, chunk, columns, sizes, err));
        for (int i = 0; i < VECTOR_CAPACITY; i++) dst[i] = arena_alloc_aligned(&rows->morsel, sizes[i], 8);
        row_encode(&rows->layout, chunk, columns, NULL, sizes, dst);
        found += row_gather_chunk(&rows->layout, (const uint8_t *const *)dst, VECTOR_CAPACITY, &rows->morsel, false)
                     ->row_count;
    }
    arena_destroy(&rows->morsel);
    return found;
}

static int64_t find_or_insert(void *data) {
    struct rows *rows = data;
    struct state *state = state_create(NULL);
    struct state_table *table = state_table_create(state, "groups", STATE_UNIQUE, &rows->layout, KEYS, 16);
    for (int pass = 0; pass < 24; pass++) {
        const struct chunk *chunk = rows->chunks[pass % CHUNKS];
        struct state_entry *entries[VECTOR_CAPACITY];
        bool created[VECTOR_CAPACITY];
        chunk_hash(chunk, columns, KEYS, rows->hash);
        CASE_TRY(state_find_or_insert(table, chunk, columns, rows->hash, entries, created, err));
    }
    int64_t count = state_table_count(table);
    state_destroy(state);
    arena_destroy(&rows->morsel);
    return count;
}

/* Where the s of a row stands among all: "customer 00998" is the last, "account 00001" the first. */
static int64_t text_rank(int64_t id) { return id % 1000 + (id % 2 ? 0 : 1000); }

static int64_t sort(void *data) {
    struct rows *rows = data;
    static const struct key_column keys[] = {{.column = COLUMN_S, .descending = true}, {.column = COLUMN_ID}};
    struct mem_account account;
    struct spill spill = {0};
    mem_account_init(&account, NULL, 0);
    struct row_sorter *sorter = row_sorter_create(&rows->layout, columns, keys, 2, -1, &account, &spill);
    for (int i = 0; i < CHUNKS; i++) {
        arena_reset(&rows->morsel);
        CASE_TRY(row_sorter_add(sorter, rows->chunks[i], &rows->morsel, err));
    }
    CASE_TRY(row_sorter_finish(sorter, err));
    int64_t ordered = 0, before = -1;
    for (struct sorted_row out[256];;) {
        int count = 0;
        CASE_TRY(row_sorter_next(sorter, &rows->morsel, out, 256, &count, err));
        if (!count) break;
        for (int i = 0; i < count; i++) {
            int64_t id = row_get(&rows->layout, out[i].row, 2, &rows->morsel).i64;
            ordered +=
                before < 0 || text_rank(id) < text_rank(before) || (text_rank(id) == text_rank(before) && id > before);
            before = id;
        }
    }
    row_sorter_destroy(sorter);
    arena_destroy(&rows->morsel);
    return ordered;
}

/* k and s both follow from n % 1000: a thousand keys. */
const struct kernel_case row_cases[] = {
    {"hash", prepare, hash, 0},
    {"encode_gather", prepare, encode_gather, 24 * VECTOR_CAPACITY},
    {"find_or_insert", prepare, find_or_insert, 1000},
    {"sort", prepare, sort, ROWS},
    {NULL, NULL, NULL, 0},
};
