/* Point reads for lookup joins: by the full partition key and as many clustering columns behind it as are given.
 *
 * Each ask reads in one transaction of its own, so it sees the latest commit; keys are read in key order, which is how
 * they lie on pages. A partition of more than VECTOR_CAPACITY rows is answered in several calls for its key. */
#include <stdlib.h>

#include "column/row.h"
#include "connector/store/store_private.h"

struct lookup {
    struct arena arena;
    struct store *store;
    const struct store_table *table;
    const int *columns;
    int column_count;
    int fixed_count;                         /* key columns that are asked for, from the first on */
    int chunk_column[STORE_MAX_KEY_COLUMNS]; /* of each: position in the keys' chunk */
    struct store_entry entries[VECTOR_CAPACITY];
};

/* Are the columns the first of the primary key, the whole partition key among them? Gives for each its place. */
static int match_keys(const struct table *table, const int *key_columns, int key_count, int *places) {
    if (table->hidden_key || table->primary_key_count > STORE_MAX_KEY_COLUMNS) return 0;
    if (key_count < table->partition_key_count || key_count > table->primary_key_count) return 0;
    for (int i = 0; i < key_count; i++) {
        places[i] = -1;
        for (int j = 0; j < key_count; j++)
            if (key_columns[j] == table->primary_key[i]) places[i] = j;
        if (places[i] < 0) return 0;
    }
    return key_count;
}

static enum pushdown_answer accepts(const struct table *table, const int *key_columns, int key_count,
                                    struct strbuf *explain) {
    int places[STORE_MAX_KEY_COLUMNS];
    int count = key_count > 0 ? match_keys(table, key_columns, key_count, places) : 0;
    if (explain)
        strbuf_puts(explain, count == 0                            ? "not the full partition key"
                             : count == table->primary_key_count   ? "by primary key"
                             : count == table->partition_key_count ? "by partition key"
                                                                   : "by a prefix of the primary key");
    return count ? PUSHDOWN_EXACT : PUSHDOWN_NO;
}

static void lookup_close(struct lookup *lookup) {
    store_close(lookup->store);
    arena_destroy(&lookup->arena);
    free(lookup);
}

static enum status lookup_open(const struct table *table, const int *key_columns, int key_count, const int *columns,
                               int column_count, struct mem_account *account, struct lookup **out, struct error *err) {
    (void)account; /* one chunk at a time */
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    struct store *store;
    enum status status = STATUS_OK;
    arena_init(&lookup->arena, NULL);
    TRY_CLEANUP(store_table_open(table, &store, &lookup->arena, &lookup->table, err));
    lookup->store = store_ref(store);
    lookup->column_count = column_count;
    TRY_CLEANUP(
        store_table_columns(table, lookup->table, columns, column_count, &lookup->arena, &lookup->columns, err));
    lookup->fixed_count = match_keys(table, key_columns, key_count, lookup->chunk_column);
    if (!lookup->fixed_count) {
        status = error_set(err, STATUS_NOT_SUPPORTED,
                           "table '%s' can be looked up by its partition key and clustering columns behind it only",
                           table->name);
        goto cleanup;
    }
    *out = lookup;
cleanup:
    if (status != STATUS_OK) lookup_close(lookup);
    return status;
}

struct wanted {
    struct str key; /* empty: a part is NULL, nothing equals it */
    int row;
};

static int compare_wanted(const void *a, const void *b) {
    const struct wanted *x = a, *y = b;
    size_t common = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = common ? memcmp(x->key.data, y->key.data, common) : 0;
    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static enum status make_key(const struct lookup *lookup, const struct chunk *keys, int row, struct arena *arena,
                            struct str *out, struct error *err) {
    struct value values[STORE_MAX_KEY_COLUMNS];
    struct strbuf key = {0};
    *out = (struct str){0};
    for (int i = 0; i < lookup->fixed_count; i++) {
        values[i] = vector_get(&keys->columns[lookup->chunk_column[i]], row, arena);
        if (values[i].is_null) return STATUS_OK;
        values[i].type = lookup->table->keys[i].type;
    }
    enum status status = store_key_partition(lookup->table, values, &key, err);
    if (status == STATUS_OK) {
        bool whole_partition = lookup->fixed_count < lookup->table->key_count &&
                               lookup->fixed_count == lookup->table->partition_count; /* static columns too */
        if (!whole_partition) store_key_rows(&key);
        for (int i = lookup->table->partition_count; i < lookup->fixed_count; i++)
            store_key_clustering(lookup->table, i - lookup->table->partition_count, &values[i], &key);
        *out = (struct str){arena_memdup(arena, key.data, key.len), key.len};
    }
    strbuf_free(&key);
    return status == STATUS_LIMIT_EXCEEDED ? STATUS_OK : status; /* no row has so long a key */
}

typedef enum status answer_fn(void *data, int key_row, const struct chunk *rows, struct error *err);

static enum status answer_entries(struct lookup *lookup, int row, int count, struct arena *arena, answer_fn *answer,
                                  void *data, struct error *err) {
    struct chunk *chunk;
    TRY(store_decode(lookup->table, lookup->entries, count, lookup->columns, lookup->column_count, arena, &chunk, err));
    return answer(data, row, chunk, err);
}

static enum status ask_partition(struct lookup *lookup, struct store_snapshot *snapshot, const struct wanted *wanted,
                                 struct arena *arena, answer_fn *answer, void *data, struct error *err) {
    struct strbuf end = {0};
    struct store_scan *scan = NULL;
    int count;
    bool any = false;
    strbuf_add(&end, wanted->key.data, wanted->key.len);
    store_key_next(&end);
    struct store_range range = {wanted->key, strbuf_str(&end)};
    enum status status = store_scan_open(snapshot, lookup->table, &range, 1, (struct str){0}, &scan, err);
    while (status == STATUS_OK) {
        status = store_scan_next(scan, lookup->entries, VECTOR_CAPACITY, &count, NULL, err);
        if (status != STATUS_OK || count == 0) break;
        any = true;
        status = answer_entries(lookup, wanted->row, count, arena, answer, data, err);
    }
    if (status == STATUS_OK && !any) status = answer(data, wanted->row, NULL, err);
    store_scan_close(scan);
    strbuf_free(&end);
    return status;
}

static enum status ask(struct lookup *lookup, const struct chunk *keys, struct arena *arena, answer_fn *answer,
                       void *data, struct error *err) {
    struct store_snapshot *snapshot;
    struct wanted *list = ARENA_ARRAY(arena, struct wanted, keys->row_count + 1);
    for (int i = 0; i < keys->row_count; i++) {
        list[i].row = i;
        TRY(make_key(lookup, keys, i, arena, &list[i].key, err));
    }
    if (keys->row_count) qsort(list, (size_t)keys->row_count, sizeof *list, compare_wanted);
    TRY(store_snapshot_begin(lookup->store, &snapshot, err));
    enum status status = STATUS_OK;
    for (int i = 0; i < keys->row_count && status == STATUS_OK; i++) {
        bool found = false;
        if (!list[i].key.len) {
            status = answer(data, list[i].row, NULL, err);
        } else if (lookup->fixed_count < lookup->table->key_count) {
            status = ask_partition(lookup, snapshot, &list[i], arena, answer, data, err);
        } else {
            status = store_get(snapshot, lookup->table, list[i].key, lookup->entries, &found, err);
            if (status == STATUS_OK && found)
                status = answer_entries(lookup, list[i].row, 1, arena, answer, data, err);
            else if (status == STATUS_OK)
                status = answer(data, list[i].row, NULL, err);
        }
    }
    store_snapshot_release(snapshot);
    return status;
}

const struct lookup_class store_lookup_class = {
    .accepts = accepts,
    .open = lookup_open,
    .ask = ask,
    .max_batch = STORE_LOOKUP_BATCH,
    .close = lookup_close,
};
