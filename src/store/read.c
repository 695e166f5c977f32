/* Reading: snapshots, scans, decoding into vectors.
 *
 * A scan hands out pointers into the map, 40 bytes per row; decoding is another, pure step that workers do in parallel,
 * column by column. The common row (alive, every slot written, one timestamp) has its fixed part at the same offset, so
 * that a fixed-width column is one gather loop. */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "column/row.h"
#include "store/store_private.h"

enum { SNAPSHOT_TRIES = 1000 };

struct store_snapshot {
    struct store *store;
    MDB_txn *txn;
    uint32_t now_s;
    _Atomic int refs;
};

/* ---- Snapshots ---- */

enum status store_snapshot_begin(struct store *store, struct store_snapshot **out, struct error *err) {
    MDB_txn *txn;
    TRY(store_txn_begin(store, false, &txn, err));
    struct store_snapshot *snapshot = xcalloc(1, sizeof *snapshot);
    uint32_t now_s = (uint32_t)(clock_realtime_micros() / 1000000);
    *snapshot = (struct store_snapshot){.store = store_ref(store), .txn = txn, .now_s = now_s, .refs = 1};
    *out = snapshot;
    return STATUS_OK;
}

struct store_snapshot *store_snapshot_ref(struct store_snapshot *snapshot) {
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void store_snapshot_release(struct store_snapshot *snapshot) {
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) > 1) return;
    store_txn_abort(snapshot->store, snapshot->txn);
    store_close(snapshot->store);
    free(snapshot);
}

int64_t store_snapshot_id(const struct store_snapshot *snapshot) { return (int64_t)mdb_txn_id(snapshot->txn); }

uint32_t store_snapshot_now(const struct store_snapshot *snapshot) { return snapshot->now_s; }

void store_snapshot_set_now(struct store_snapshot *snapshot, uint32_t now_s) { snapshot->now_s = now_s; }

static enum status begin_all(struct store *store, int count, struct store_snapshot **out, bool *same,
                             struct error *err) {
    *same = true;
    for (int i = 0; i < count; i++) {
        enum status status = store_snapshot_begin(store, &out[i], err);
        if (status != STATUS_OK) {
            while (i > 0) store_snapshot_release(out[--i]);
            return status;
        }
        if (store_snapshot_id(out[i]) != store_snapshot_id(out[0])) *same = false;
        out[i]->now_s = out[0]->now_s;
    }
    return STATUS_OK;
}

/* LMDB has no way to begin a second transaction at a given commit. Beginning takes microseconds, commits milliseconds, so a
 * few tries do; if not, the writer's lock keeps commits out for a moment. */
enum status store_snapshots_begin(struct store *store, int count, struct store_snapshot **out, struct error *err) {
    bool same;
    for (int try = 0; try < SNAPSHOT_TRIES; try++) {
        TRY(begin_all(store, count, out, &same, err));
        if (same) return STATUS_OK;
        for (int i = 0; i < count; i++) store_snapshot_release(out[i]);
    }
    MDB_txn *txn;
    TRY(store_txn_begin(store, true, &txn, err));
    enum status status = begin_all(store, count, out, &same, err);
    store_txn_abort(store, txn);
    return status;
}

/* ---- Scans ---- */

struct bound {
    uint8_t *key; /* with the table's id */
    uint32_t size;
};

struct range {
    struct bound start, end;
    bool is_long; /* a bound reaches beyond what cut keys keep: rows are compared by their whole keys */
    struct str whole_start, whole_end;
};

/* The static row of the partition that was read last. */
struct statics {
    struct strbuf partition; /* its key; empty: none */
    const uint8_t *value;    /* NULL: it has none */
};

struct store_scan {
    struct store_snapshot *snapshot;
    const struct store_table *table;
    MDB_cursor *cursor;
    struct statics statics;
    struct range *ranges;
    int range_count, at;
    bool positioned;    /* the cursor stands on the last row given out */
    struct bound after; /* size 0: none */
    struct arena arena;
};

/* ---- Static rows ---- */

static bool starts_with(struct str key, const struct strbuf *start) {
    return key.len >= start->len && memcmp(key.data, start->data, start->len) == 0;
}

/* The static row of a row's partition, NULL when there is none that lives. Rows of a partition come one after the other (but
 * for keys too long for LMDB), so the last one is kept. */
static int find_static(struct statics *statics, const struct store_snapshot *snapshot, const struct store_table *table,
                       struct str whole, const uint8_t **out) {
    size_t partition = store_key_partition_bytes(table, whole);
    if (!partition) return MDB_CORRUPTED;
    if (statics->partition.len != partition || !starts_with(whole, &statics->partition)) {
        uint8_t stored[STORE_KEY_MAX];
        bool cut;
        strbuf_clear(&statics->partition);
        strbuf_add(&statics->partition, whole.data, partition);
        strbuf_putc(&statics->partition, STORE_KIND_STATIC);
        struct str wanted = strbuf_str(&statics->partition);
        MDB_val key = {store_key_stored(table->id, wanted, stored, &cut), stored}, value;
        int rc = mdb_get(snapshot->txn, snapshot->store->rows, &key, &value);
        if (rc != 0 && rc != MDB_NOTFOUND) return rc;
        bool found = rc == 0 && store_value_lives(value.mv_data, snapshot->now_s) &&
                     (!cut || str_equal(store_value_long_key(value.mv_data, (uint32_t)value.mv_size), wanted));
        statics->value = found ? value.mv_data : NULL;
        statics->partition.len--; /* the kind */
    }
    *out = statics->value;
    return 0;
}

/* Is there a row that lives in a partition? */
static int has_rows(struct store_scan *scan, struct str partition, bool *found) {
    struct strbuf start = {0};
    MDB_cursor *cursor;
    *found = false;
    int rc = mdb_cursor_open(scan->snapshot->txn, scan->snapshot->store->rows, &cursor);
    if (rc != 0) return rc;
    strbuf_add(&start, partition.data, partition.len);
    strbuf_putc(&start, STORE_KIND_ROW);
    uint8_t from[STORE_KEY_MAX];
    size_t size = STORE_ID_BYTES + (start.len < STORE_KEY_PREFIX ? start.len : STORE_KEY_PREFIX);
    store_put_be32(from, scan->table->id);
    memcpy(from + STORE_ID_BYTES, start.data, size - STORE_ID_BYTES);
    MDB_val key = {size, from}, value;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && key.mv_size >= size && memcmp(key.mv_data, from, size) == 0 && !*found) {
        *found = store_value_lives(value.mv_data, scan->snapshot->now_s) &&
                 starts_with(store_whole_key(&key, &value), &start);
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    strbuf_free(&start);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Of a table with static columns: is this one of the rows of the result? Gives its static values. */
static int take_with_statics(struct store_scan *scan, const MDB_val *key, const MDB_val *value, bool *taken,
                             const uint8_t **static_value) {
    struct str whole = store_whole_key(key, value);
    size_t partition = store_key_partition_bytes(scan->table, whole);
    if (!partition || partition >= whole.len) return MDB_CORRUPTED;
    *taken = true;
    if (whole.data[partition] != STORE_KIND_STATIC)
        return find_static(&scan->statics, scan->snapshot, scan->table, whole, static_value);
    bool any_row;
    int rc = has_rows(scan, (struct str){whole.data, partition}, &any_row);
    *taken = !any_row;
    *static_value = value->mv_data;
    return rc;
}

static struct bound make_bound(struct arena *arena, uint32_t id, struct str key) {
    struct bound bound = {.key = arena_alloc(arena, STORE_KEY_MAX)};
    uint32_t len = key.len < STORE_KEY_PREFIX ? (uint32_t)key.len : STORE_KEY_PREFIX;
    store_put_be32(bound.key, id);
    if (len) memcpy(bound.key + STORE_ID_BYTES, key.data, len);
    bound.size = STORE_ID_BYTES + len;
    return bound;
}

enum status store_scan_open(struct store_snapshot *snapshot, const struct store_table *table,
                            const struct store_range *ranges, int range_count, struct str after,
                            struct store_scan **out, struct error *err) {
    assert(table->is_stored);
    if (after.len + STORE_ID_BYTES > STORE_KEY_MAX)
        return error_set(err, STATUS_BAD_DATA, "a position in table '%s' is damaged", table->definition->name);
    struct store_scan *scan = xcalloc(1, sizeof *scan);
    int rc = mdb_cursor_open(snapshot->txn, snapshot->store->rows, &scan->cursor);
    if (rc != 0) {
        free(scan);
        return store_error(snapshot->store, rc, "reading rows", err);
    }
    scan->snapshot = store_snapshot_ref(snapshot);
    scan->table = table;
    arena_init(&scan->arena, NULL);
    scan->ranges = ARENA_ARRAY(&scan->arena, struct range, range_count);
    scan->range_count = range_count;
    for (int i = 0; i < range_count; i++) {
        struct range *range = &scan->ranges[i];
        range->start = make_bound(&scan->arena, table->id, ranges[i].start);
        if (ranges[i].end.len)
            range->end = make_bound(&scan->arena, table->id, ranges[i].end);
        else
            range->end = make_bound(&scan->arena, table->id + 1, (struct str){0});
        range->is_long = ranges[i].start.len > STORE_KEY_PREFIX || ranges[i].end.len > STORE_KEY_PREFIX;
        if (!range->is_long) continue;
        range->whole_start =
            (struct str){arena_memdup(&scan->arena, ranges[i].start.data, ranges[i].start.len), ranges[i].start.len};
        range->whole_end =
            (struct str){arena_memdup(&scan->arena, ranges[i].end.data, ranges[i].end.len), ranges[i].end.len};
    }
    if (after.len) {
        scan->after.key = arena_alloc(&scan->arena, STORE_KEY_MAX);
        store_put_be32(scan->after.key, table->id);
        memcpy(scan->after.key + STORE_ID_BYTES, after.data, after.len);
        scan->after.size = STORE_ID_BYTES + (uint32_t)after.len;
    }
    *out = scan;
    return STATUS_OK;
}

void store_scan_close(struct store_scan *scan) {
    if (!scan) return;
    mdb_cursor_close(scan->cursor);
    strbuf_free(&scan->statics.partition);
    store_snapshot_release(scan->snapshot);
    arena_destroy(&scan->arena);
    free(scan);
}

static int compare_keys(const void *a, size_t a_size, const void *b, size_t b_size) {
    size_t common = a_size < b_size ? a_size : b_size;
    int order = memcmp(a, b, common);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static bool before_end(const struct range *range, const MDB_val *key) {
    int order = compare_keys(key->mv_data, key->mv_size, range->end.key, range->end.size);
    if (order < 0) return true;
    /* Of a long end only the start is kept: keys that begin with it may lie before it. */
    return range->is_long && range->end.size == STORE_ID_BYTES + STORE_KEY_PREFIX &&
           memcmp(key->mv_data, range->end.key, range->end.size) == 0;
}

static bool in_long_range(const struct range *range, const MDB_val *key, const MDB_val *value) {
    struct str whole = store_whole_key(key, value);
    if (compare_keys(whole.data, whole.len, range->whole_start.data, range->whole_start.len) < 0) return false;
    return !range->whole_end.len ||
           compare_keys(whole.data, whole.len, range->whole_end.data, range->whole_end.len) < 0;
}

/* Puts the cursor on the first row of the range behind scan->after. */
static int enter_range(struct store_scan *scan, const struct range *range, MDB_val *key, MDB_val *value) {
    const struct bound *from = &range->start;
    bool resumes = scan->after.size && compare_keys(scan->after.key, scan->after.size, from->key, from->size) >= 0;
    if (resumes) from = &scan->after;
    *key = (MDB_val){from->size, from->key};
    int rc = mdb_cursor_get(scan->cursor, key, value, MDB_SET_RANGE);
    if (rc == 0 && resumes && key->mv_size == from->size && memcmp(key->mv_data, from->key, from->size) == 0)
        rc = mdb_cursor_get(scan->cursor, key, value, MDB_NEXT);
    return rc;
}

enum status store_scan_next(struct store_scan *scan, struct store_entry *entries, int max, int *count,
                            size_t *size_bytes, struct error *err) {
    int n = 0, rc = 0;
    size_t bytes = 0;
    uint32_t now_s = scan->snapshot->now_s;
    while (n < max && scan->at < scan->range_count) {
        const struct range *range = &scan->ranges[scan->at];
        MDB_val key, value;
        rc = scan->positioned ? mdb_cursor_get(scan->cursor, &key, &value, MDB_NEXT)
                              : enter_range(scan, range, &key, &value);
        while (rc == 0 && before_end(range, &key)) {
            const uint8_t *static_value = NULL;
            bool taken =
                store_value_lives(value.mv_data, now_s) && (!range->is_long || in_long_range(range, &key, &value));
            if (taken && scan->table->has_statics) rc = take_with_statics(scan, &key, &value, &taken, &static_value);
            if (rc != 0) break;
            if (taken) {
                entries[n++] = (struct store_entry){.key = key.mv_data,
                                                    .value = value.mv_data,
                                                    .static_value = static_value,
                                                    .key_size = (uint32_t)key.mv_size,
                                                    .value_size = (uint32_t)value.mv_size,
                                                    .now_s = now_s};
                bytes += key.mv_size + value.mv_size;
                if (n == max) break;
            }
            rc = mdb_cursor_get(scan->cursor, &key, &value, MDB_NEXT);
        }
        if (rc != 0 && rc != MDB_NOTFOUND) return store_error(scan->snapshot->store, rc, "reading rows", err);
        scan->positioned = n == max;
        if (n < max) scan->at++;
    }
    *count = n;
    if (size_bytes) *size_bytes = bytes;
    return STATUS_OK;
}

struct str store_entry_offset(const struct store_entry *entry) {
    return (struct str){(const char *)entry->key + STORE_ID_BYTES, entry->key_size - STORE_ID_BYTES};
}

enum status store_get(struct store_snapshot *snapshot, const struct store_table *table, struct str key,
                      struct store_entry *entry, bool *found, struct error *err) {
    uint8_t stored[STORE_KEY_MAX];
    bool cut;
    MDB_val k = {store_key_stored(table->id, key, stored, &cut), stored}, value;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(snapshot->txn, snapshot->store->rows, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &k, &value, MDB_SET_KEY);
        mdb_cursor_close(cursor);
    }
    if (rc != 0 && rc != MDB_NOTFOUND) return store_error(snapshot->store, rc, "reading a row", err);
    *found = rc == 0 && store_value_lives(value.mv_data, snapshot->now_s);
    if (*found && cut) *found = str_equal(store_value_long_key(value.mv_data, (uint32_t)value.mv_size), key);
    if (!*found) return STATUS_OK;
    *entry = (struct store_entry){.key = k.mv_data,
                                  .value = value.mv_data,
                                  .key_size = (uint32_t)k.mv_size,
                                  .value_size = (uint32_t)value.mv_size,
                                  .now_s = snapshot->now_s};
    if (!table->has_statics) return STATUS_OK;
    struct statics statics = {0};
    rc = find_static(&statics, snapshot, table, key, &entry->static_value);
    strbuf_free(&statics.partition);
    return rc == 0 ? STATUS_OK : store_error(snapshot->store, rc, "reading a row", err);
}

enum status store_row_ids(struct store_snapshot *snapshot, const struct store_table *table, uint64_t *first,
                          uint64_t *next, struct error *err) {
    assert(table->hidden);
    struct table_counts counts;
    int rc = store_counts_get(snapshot->store, snapshot->txn, table->id, &counts);
    if (rc != 0 && rc != MDB_NOTFOUND) return store_error(snapshot->store, rc, "reading a table's size", err);
    *first = 0;
    *next = rc == 0 ? counts.next_row_id : 0;
    return STATUS_OK;
}

/* ---- Decoding ---- */

struct decoder {
    const struct store_table *table;
    const struct store_entry *entries;
    int count;
    struct arena *arena;
    const uint8_t **base;        /* fixed part of each row's value */
    const uint8_t **static_base; /* of each row's partition, NULL: it has no static values */
    const uint8_t **key;         /* of each row, where the next key column begins */
    const uint8_t **key_end;
    bool complete; /* every row has a value in every slot of the table, and none expires */
};

#define LOAD_FIXED(T, NAME)                                                                                            \
    static void load_##NAME(T *restrict out, const uint8_t *const *base, uint32_t offset, int count) {                 \
        for (int i = 0; i < count; i++) memcpy(&out[i], base[i] + offset, sizeof(T));                                  \
    }
LOAD_FIXED(uint8_t, 1)
LOAD_FIXED(uint16_t, 2)
LOAD_FIXED(uint32_t, 4)
LOAD_FIXED(uint64_t, 8)
LOAD_FIXED(int128, 16)

/* Finds the fixed parts. Rows written before a column was added have fewer slots: their columns are checked one by one. */
static void find_bases(struct decoder *decoder) {
    const struct store_table *table = decoder->table;
    uint8_t common[4] = {VALUE_VERSION, VALUE_LIVE | VALUE_MARKER};
    store_put_u16(common + 2, (uint16_t)table->slot_count);
    decoder->base = arena_alloc(decoder->arena, sizeof *decoder->base * (size_t)decoder->count);
    decoder->complete = true;
    for (int i = 0; i < decoder->count; i++) {
        const uint8_t *value = decoder->entries[i].value;
        if (memcmp(value, common, sizeof common) == 0) {
            decoder->base[i] = value + VALUE_HEADER_BYTES;
        } else {
            decoder->base[i] = value + store_value_base(value);
            if (value_slots(value) < table->slot_count || value_flags(value) & VALUE_BITS || value_expires(value))
                decoder->complete = false;
        }
    }
}

static void find_static_bases(struct decoder *decoder) {
    decoder->static_base = arena_alloc(decoder->arena, sizeof *decoder->static_base * (size_t)decoder->count);
    for (int i = 0; i < decoder->count; i++) {
        const uint8_t *value = decoder->entries[i].static_value;
        decoder->static_base[i] = value ? value + store_value_base(value) : NULL;
    }
}

static bool row_has_value(const uint8_t *value, const uint8_t *base, int slot, uint32_t now_s) {
    int slots = value_slots(value), flags = value_flags(value);
    if (slot >= slots) return false;
    if (value_expires(value)) return store_value_facts(value, slot, now_s).has_value;
    if (!(flags & VALUE_BITS)) return true;
    int bitmap = (slots + 7) >> 3;
    const uint8_t *bits = base - bitmap * (flags & VALUE_UNSET ? 2 : 1);
    return bits[slot >> 3] >> (slot & 7) & 1;
}

/* The row, or for static columns the static row, in which a slot of row i is kept. */
static const uint8_t *value_of(const struct decoder *decoder, const struct store_slot *slot, int i) {
    return slot->is_static ? decoder->entries[i].static_value : decoder->entries[i].value;
}

static const uint8_t *base_of(const struct decoder *decoder, const struct store_slot *slot, int i) {
    return slot->is_static ? decoder->static_base[i] : decoder->base[i];
}

/* The heap begins behind the fixed parts of the slots that the row has. */
static struct str variable_value(const struct decoder *decoder, const struct store_slot *slot, int i) {
    const uint8_t *base = base_of(decoder, slot, i);
    const uint8_t *heap = base + decoder->table->fixed_bytes[value_slots(value_of(decoder, slot, i))];
    uint32_t start = slot->previous_end >= 0 ? store_get_u32(base + slot->previous_end) : 0;
    return (struct str){(const char *)heap + start, store_get_u32(base + slot->offset) - start};
}

static enum status damaged_row(const struct decoder *decoder, int column, struct error *err) {
    return error_set(err, STATUS_BAD_DATA, "table '%s' is damaged: a row's column '%s' cannot be read",
                     decoder->table->definition->name, decoder->table->definition->columns[column].name);
}

static enum status decode_nested(const struct decoder *decoder, int column, const struct store_slot *slot,
                                 struct vector *vec, int i, struct error *err) {
    struct str bytes = variable_value(decoder, slot, i);
    size_t pos = 0;
    struct value value;
    if (!key_decode_value(bytes, &pos, vec->type, false, false, decoder->arena, &value) || pos != bytes.len)
        return damaged_row(decoder, column, err);
    vector_set(vec, decoder->arena, decoder->count, i, &value);
    return STATUS_OK;
}

/* A column some of whose rows may lack a value. */
static enum status decode_sparse(const struct decoder *decoder, int column, int slot_index, struct vector *vec,
                                 struct error *err) {
    const struct store_slot *slot = &decoder->table->slots[slot_index];
    struct value null = value_null(vec->type);
    for (int i = 0; i < decoder->count; i++) {
        const uint8_t *value = value_of(decoder, slot, i), *base = base_of(decoder, slot, i);
        if (!value || !row_has_value(value, base, slot_index, decoder->entries[i].now_s)) {
            vector_set(vec, decoder->arena, decoder->count, i, &null);
            continue;
        }
        const uint8_t *from = base + slot->offset;
        switch (slot->size * (slot->phys != PHYS_STR && slot->phys != PHYS_LIST && slot->phys != PHYS_ROW)) {
        case 1: ((uint8_t *)vec->data)[i] = *from; break;
        case 2: memcpy((uint16_t *)vec->data + i, from, 2); break;
        case 4: memcpy((uint32_t *)vec->data + i, from, 4); break;
        case 8: memcpy((uint64_t *)vec->data + i, from, 8); break;
        case 16: memcpy((int128 *)vec->data + i, from, 16); break;
        default:
            if (slot->phys == PHYS_STR) {
                struct str str = variable_value(decoder, slot, i);
                ((struct strview *)vec->data)[i] = strview_make(str.data, (uint32_t)str.len);
            } else {
                TRY(decode_nested(decoder, column, slot, vec, i, err));
            }
        }
    }
    return STATUS_OK;
}

static enum status decode_slot(const struct decoder *decoder, int column, int slot_index, struct vector *vec,
                               struct error *err) {
    const struct store_slot *slot = &decoder->table->slots[slot_index];
    if (!decoder->complete || slot->is_static) return decode_sparse(decoder, column, slot_index, vec, err);
    switch (slot->phys) {
    case PHYS_BOOL:
    case PHYS_I8: load_1(vec->data, decoder->base, slot->offset, decoder->count); break;
    case PHYS_I16: load_2(vec->data, decoder->base, slot->offset, decoder->count); break;
    case PHYS_I32:
    case PHYS_F32: load_4(vec->data, decoder->base, slot->offset, decoder->count); break;
    case PHYS_I64:
    case PHYS_F64: load_8(vec->data, decoder->base, slot->offset, decoder->count); break;
    case PHYS_I128: load_16(vec->data, decoder->base, slot->offset, decoder->count); break;
    case PHYS_STR: {
        struct strview *views = vec->data;
        for (int i = 0; i < decoder->count; i++) {
            struct str str = variable_value(decoder, slot, i);
            views[i] = strview_make(str.data, (uint32_t)str.len);
        }
        break;
    }
    default:
        for (int i = 0; i < decoder->count; i++) TRY(decode_nested(decoder, column, slot, vec, i, err));
    }
    return STATUS_OK;
}

/* writetime(column), ttl(column); what can only be written reads as NULL. */
static void decode_metadata(const struct decoder *decoder, const struct store_metadata *metadata, struct vector *vec) {
    struct value null = value_null(vec->type);
    const struct store_slot *slot = metadata->slot >= 0 ? &decoder->table->slots[metadata->slot] : NULL;
    bool is_nanos = vec->type->id != TYPE_BIGINT && vec->type->id != TYPE_INT && type_is_nanos(vec->type);
    for (int i = 0; i < decoder->count; i++) {
        const uint8_t *value = slot ? value_of(decoder, slot, i) : NULL;
        struct cell_facts facts = {0};
        if (value) facts = store_value_facts(value, metadata->slot, decoder->entries[i].now_s);
        bool is_time = metadata->kind == STORE_METADATA_WRITETIME;
        struct value out = null;
        if (facts.has_value && is_time)
            out = value_i64(vec->type, is_nanos ? facts.time * 1000 : facts.time);
        else if (facts.has_value && facts.expiry.end_s)
            out = value_i64(vec->type, (int64_t)facts.expiry.end_s - decoder->entries[i].now_s);
        vector_set(vec, decoder->arena, decoder->count, i, &out);
    }
}

/* ---- Key columns: markers are always "a value", so a fixed-width column is marker and big-endian bytes. ---- */

static void find_keys(struct decoder *decoder) {
    decoder->key = arena_alloc(decoder->arena, sizeof *decoder->key * (size_t)decoder->count);
    decoder->key_end = arena_alloc(decoder->arena, sizeof *decoder->key_end * (size_t)decoder->count);
    for (int i = 0; i < decoder->count; i++) {
        const struct store_entry *entry = &decoder->entries[i];
        struct str whole = store_whole_key(&(MDB_val){entry->key_size, (void *)entry->key},
                                           &(MDB_val){entry->value_size, (void *)entry->value});
        decoder->key[i] = (const uint8_t *)whole.data + STORE_TOKEN_BYTES;
        decoder->key_end[i] = (const uint8_t *)whole.data + whole.len;
    }
}

#define LOAD_KEY(T, NAME)                                                                                              \
    static void load_key_##NAME(T *restrict out, const uint8_t **key, T flip, int count) {                             \
        for (int i = 0; i < count; i++) {                                                                              \
            T v = 0;                                                                                                   \
            for (size_t j = 0; j < sizeof(T); j++) v = (T)(v << (sizeof(T) > 1 ? 8 : 0) | key[i][1 + j]);              \
            out[i] = v ^ flip;                                                                                         \
            key[i] += 1 + sizeof(T);                                                                                   \
        }                                                                                                              \
    }
LOAD_KEY(uint8_t, 1)
LOAD_KEY(uint16_t, 2)
LOAD_KEY(uint32_t, 4)
LOAD_KEY(uint64_t, 8)

/* Escaped strings end with two zero bytes; in descending order every byte is inverted. Those without an escape are
 * borrowed from the key. */
static bool load_key_strings(struct decoder *decoder, struct strview *out, uint8_t mask) {
    for (int i = 0; i < decoder->count; i++) {
        const uint8_t *p = decoder->key[i] + 1, *end = decoder->key_end[i];
        const uint8_t *stop = p < end ? memchr(p, mask, (size_t)(end - p)) : NULL;
        if (!stop || stop + 1 >= end) return false;
        if (stop[1] == mask && (mask == 0 || stop - p <= STRVIEW_INLINE)) {
            uint32_t len = (uint32_t)(stop - p);
            if (out) {
                out[i] = strview_make((const char *)p, len);
                if (mask)
                    for (uint32_t j = 0; j < len; j++) out[i].inlined[j] = (char)~out[i].inlined[j];
            }
            decoder->key[i] = stop + 2;
            continue;
        }
        size_t pos = 0;
        struct value value;
        struct str rest = {(const char *)decoder->key[i], (size_t)(end - decoder->key[i])};
        if (!key_decode_value(rest, &pos, type_of(TYPE_VARBINARY), mask != 0, false, decoder->arena, &value))
            return false;
        if (out) out[i] = strview_make(value.str.data, (uint32_t)value.str.len);
        decoder->key[i] += pos;
    }
    return true;
}

static bool load_key_values(struct decoder *decoder, const struct store_key_column *column, struct vector *vec) {
    for (int i = 0; i < decoder->count; i++) {
        size_t pos = 0;
        struct value value;
        struct str rest = {(const char *)decoder->key[i], (size_t)(decoder->key_end[i] - decoder->key[i])};
        if (!key_decode_value(rest, &pos, column->type, column->descending, false, decoder->arena, &value))
            return false;
        if (vec) vector_set(vec, decoder->arena, decoder->count, i, &value);
        decoder->key[i] += pos;
    }
    return true;
}

/* Reads one key column (vec NULL: passes over it). Whole rows of fixed width are checked by the room that is left. */
static bool decode_key_column(struct decoder *decoder, const struct store_key_column *column, struct vector *vec) {
    enum phys phys = type_phys(column->type);
    uint64_t mask = column->descending ? ~UINT64_C(0) : 0;
    int size = phys_size(phys);
    if (phys == PHYS_STR) return load_key_strings(decoder, vec ? vec->data : NULL, (uint8_t)mask);
    if (phys == PHYS_LIST || phys == PHYS_ROW) return load_key_values(decoder, column, vec);
    for (int i = 0; i < decoder->count; i++)
        if (decoder->key_end[i] - decoder->key[i] < 1 + size) return false;
    if (!vec) {
        for (int i = 0; i < decoder->count; i++) decoder->key[i] += 1 + size;
        return true;
    }
    switch (phys) {
    case PHYS_BOOL: load_key_1(vec->data, decoder->key, (uint8_t)mask, decoder->count); return true;
    case PHYS_I8: load_key_1(vec->data, decoder->key, (uint8_t)(mask ^ 0x80), decoder->count); return true;
    case PHYS_I16: load_key_2(vec->data, decoder->key, (uint16_t)(mask ^ 0x8000), decoder->count); return true;
    case PHYS_I32: load_key_4(vec->data, decoder->key, (uint32_t)(mask ^ 0x80000000), decoder->count); return true;
    case PHYS_I64: load_key_8(vec->data, decoder->key, mask ^ UINT64_C(1) << 63, decoder->count); return true;
    default: return load_key_values(decoder, column, vec);
    }
}

/* The clustering columns of a partition that has nothing but static values are NULL. */
static bool is_static_alone(const struct store_entry *entry) { return entry->static_value == entry->value; }

static bool decode_clustering(struct decoder *decoder, const struct store_key_column *column, struct vector *vec,
                              bool any_static_alone) {
    if (!any_static_alone) return decode_key_column(decoder, column, vec);
    for (int i = 0; i < decoder->count; i++) {
        struct value value = value_null(column->type);
        size_t pos = 0;
        struct str rest = {(const char *)decoder->key[i], (size_t)(decoder->key_end[i] - decoder->key[i])};
        if (!is_static_alone(&decoder->entries[i]) &&
            !key_decode_value(rest, &pos, column->type, column->descending, false, decoder->arena, &value))
            return false;
        if (vec) vector_set(vec, decoder->arena, decoder->count, i, &value);
        decoder->key[i] += pos;
    }
    return true;
}

static enum status decode_keys(struct decoder *decoder, struct vector *const *wanted, int last, struct error *err) {
    const struct store_table *table = decoder->table;
    bool any_static_alone = false;
    find_keys(decoder);
    for (int i = 0; i < decoder->count && table->has_statics; i++)
        any_static_alone |= is_static_alone(&decoder->entries[i]);
    for (int i = 0; i <= last; i++) {
        if (i == table->partition_count)
            for (int j = 0; j < decoder->count; j++) decoder->key[j]++; /* the row kind */
        bool ok = i < table->partition_count ? decode_key_column(decoder, &table->keys[i], wanted[i])
                                             : decode_clustering(decoder, &table->keys[i], wanted[i], any_static_alone);
        if (!ok) return damaged_row(decoder, table->keys[i].column, err);
    }
    return STATUS_OK;
}

enum status store_decode(const struct store_table *table, const struct store_entry *entries, int count,
                         const int *columns, int column_count, struct arena *arena, struct chunk **out,
                         struct error *err) {
    assert(count <= VECTOR_CAPACITY);
    struct decoder decoder = {.table = table, .entries = entries, .count = count, .arena = arena};
    const struct type **types = arena_alloc(arena, sizeof *types * (size_t)(column_count + 1));
    for (int i = 0; i < column_count; i++) types[i] = table->definition->columns[columns[i]].type;
    struct chunk *chunk = chunk_create(arena, column_count, types, count ? count : 1);
    struct vector *wanted[STORE_MAX_KEY_COLUMNS] = {NULL};
    int last_key = -1;
    bool any_slot = false;
    for (int i = 0; i < column_count; i++) {
        int key = table->key_of_column[columns[i]];
        if (key >= 0) wanted[key] = &chunk->columns[i];
        if (key > last_key) last_key = key;
        any_slot |= table->slot_of_column[columns[i]] >= 0;
    }
    if (any_slot) find_bases(&decoder);
    if (any_slot && table->has_statics) find_static_bases(&decoder);
    if (last_key >= 0 && count) TRY(decode_keys(&decoder, wanted, last_key, err));
    for (int i = 0; i < column_count && count; i++) {
        int slot = table->slot_of_column[columns[i]];
        const struct store_metadata *metadata = &table->metadata[columns[i]];
        if (slot >= 0) TRY(decode_slot(&decoder, columns[i], slot, &chunk->columns[i], err));
        if (metadata->kind != STORE_METADATA_NONE) decode_metadata(&decoder, metadata, &chunk->columns[i]);
    }
    chunk->row_count = chunk->sel_count = count;
    *out = chunk;
    return STATUS_OK;
}
