/* Deletions of partitions and ranges: the record that a partition has of them. store_private.h has the layout.
 *
 * The record is what keeps an older write that comes late from bringing a row back; README.md says when it is forgotten. */
#include <stdlib.h>

#include "store/store_private.h"

enum { RECORD_VERSION = 1, RECORD_HEAD = 8, RANGE_HEAD = 16 };

/* ---- Reading ---- */

static bool parse(const uint8_t *p, size_t size, struct arena *arena, struct deletions *out) {
    const uint8_t *end = p + size;
    if (size < RECORD_HEAD || p[0] != RECORD_VERSION) return false;
    uint32_t count = store_get_u32(p + 4);
    if (count > STORE_MAX_RANGE_DELETIONS) return false;
    out->ranges = ARENA_ARRAY(arena, struct range_deletion, count + 1);
    out->count = (int)count;
    p += RECORD_HEAD;
    for (uint32_t i = 0; i < count; i++) {
        if (end - p < RANGE_HEAD) return false;
        struct range_deletion *range = &out->ranges[i];
        uint64_t start_size = store_get_u32(p + 8), end_size = store_get_u32(p + 12);
        range->time = (int64_t)store_get_u64(p);
        p += RANGE_HEAD;
        if ((uint64_t)(end - p) < start_size + end_size) return false;
        range->start = (struct str){(const char *)p, start_size};
        range->end = (struct str){(const char *)p + start_size, end_size};
        p += start_size + end_size;
    }
    return true;
}

int store_deletions_get(struct store *store, MDB_txn *txn, uint32_t id, struct str partition, struct arena *arena,
                        struct deletions *out) {
    uint8_t stored[STORE_KEY_MAX];
    bool cut;
    MDB_val key = {store_key_stored(id, partition, stored, &cut), stored}, value;
    int rc = mdb_get(txn, store->deletions, &key, &value);
    *out = (struct deletions){.ranges = ARENA_ARRAY(arena, struct range_deletion, 1)};
    if (rc != 0) return rc == MDB_NOTFOUND ? 0 : rc;
    if (!parse(value.mv_data, value.mv_size, arena, out)) return MDB_CORRUPTED;
    if (cut && !str_equal(store_value_long_key(value.mv_data, (uint32_t)value.mv_size), partition))
        return MDB_CORRUPTED;
    return 0;
}

/* ---- Ranges ---- */

static int compare(struct str a, struct str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* An empty end is the partition's. */
static bool covers(const struct range_deletion *outer, const struct range_deletion *inner) {
    if (compare(outer->start, inner->start) > 0) return false;
    return !outer->end.len || (inner->end.len && compare(outer->end, inner->end) >= 0);
}

void store_deletions_add(struct deletions *deletions, const struct range_deletion *range, bool *known, bool *full) {
    int kept = 0;
    *known = *full = false;
    for (int i = 0; i < deletions->count; i++)
        if (deletions->ranges[i].time >= range->time && covers(&deletions->ranges[i], range)) *known = true;
    if (*known) return;
    for (int i = 0; i < deletions->count; i++)
        if (deletions->ranges[i].time > range->time || !covers(range, &deletions->ranges[i]))
            deletions->ranges[kept++] = deletions->ranges[i];
    deletions->count = kept;
    *full = kept == STORE_MAX_RANGE_DELETIONS;
    if (!*full) deletions->ranges[deletions->count++] = *range;
}

int64_t store_deletions_time(const struct deletions *deletions, struct str suffix) {
    int64_t latest = STORE_TIME_NONE;
    for (int i = 0; i < deletions->count; i++) {
        const struct range_deletion *range = &deletions->ranges[i];
        if (range->time > latest && compare(range->start, suffix) <= 0 &&
            (!range->end.len || compare(suffix, range->end) < 0))
            latest = range->time;
    }
    return latest;
}

/* ---- Writing ---- */

int store_deletions_put(struct store *store, MDB_txn *txn, uint32_t id, struct str partition,
                        const struct deletions *deletions) {
    uint8_t stored[STORE_KEY_MAX], head[RANGE_HEAD];
    bool cut;
    MDB_val key = {store_key_stored(id, partition, stored, &cut), stored};
    if (!deletions->count) {
        int rc = mdb_del(txn, store->deletions, &key, NULL);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    struct strbuf record = {0};
    memset(head, 0, sizeof head);
    head[0] = RECORD_VERSION;
    head[1] = cut ? VALUE_LONG_KEY : 0;
    store_put_u32(head + 4, (uint32_t)deletions->count);
    strbuf_add(&record, head, RECORD_HEAD);
    for (int i = 0; i < deletions->count; i++) {
        const struct range_deletion *range = &deletions->ranges[i];
        store_put_u64(head, (uint64_t)range->time);
        store_put_u32(head + 8, (uint32_t)range->start.len);
        store_put_u32(head + 12, (uint32_t)range->end.len);
        strbuf_add(&record, head, RANGE_HEAD);
        strbuf_add(&record, range->start.data, range->start.len);
        strbuf_add(&record, range->end.data, range->end.len);
    }
    if (cut) {
        strbuf_add(&record, partition.data, partition.len);
        store_put_u32(head, (uint32_t)partition.len);
        strbuf_add(&record, head, 4);
    }
    MDB_val value = {record.len, record.data};
    int rc = mdb_put(txn, store->deletions, &key, &value, 0);
    strbuf_free(&record);
    return rc;
}
