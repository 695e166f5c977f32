/* Hash tables: chained buckets over entries in row form. Lookups of a chunk go in rounds: every row that is still looking
 * steps to the next entry of its chain with its hash, then all candidates are compared column by column at once. */
#include <stdlib.h>

#include "state/state_private.h"

const uint8_t *state_row(const struct state_table *table, const struct state_entry *entry) {
    if (table->shape == STATE_ORDERED) {
        const struct statei_ordered *ordered = statei_ordered(table, entry);
        if (!ordered->has_row) return NULL;
        return statei_key_bytes(table, entry) + ((ordered->key_len + 7) & ~7u);
    }
    return (const uint8_t *)entry + sizeof(struct state_entry_header) + table->payload_bytes;
}

static uint8_t *entry_row(const struct state_table *table, struct state_entry *entry) {
    return (uint8_t *)entry + sizeof(struct state_entry_header) + table->payload_bytes;
}

static uint32_t entry_size(const struct state_table *table, const struct state_entry *entry) {
    uint32_t size =
        (uint32_t)sizeof(struct state_entry_header) + table->payload_bytes + row_size(state_row(table, entry));
    if (size <= STATEI_SMALL_CLASSES * 8) return (size + 7) & ~7u;
    return 1u << (32 - __builtin_clz(size - 1));
}

enum { RESIZE_PREFETCH = 8 /* buckets ahead: their entries lie anywhere */ };

/* Twice as many buckets: every chain is cut into two, both in its order. */
static void split_chains(const struct state_table *table, struct state_entry **buckets) {
    uint32_t old_count = table->bucket_count; /* a power of two: this bit of the hash decides */
    size_t hash_at = sizeof(struct state_entry_header) + table->payload_bytes;
    for (uint32_t i = 0; i < old_count; i++) {
        if (i + RESIZE_PREFETCH < old_count && table->buckets[i + RESIZE_PREFETCH])
            __builtin_prefetch((const uint8_t *)table->buckets[i + RESIZE_PREFETCH] + hash_at);
        struct state_entry **tails[2] = {&buckets[i], &buckets[i + old_count]};
        for (struct state_entry *entry = table->buckets[i]; entry; entry = entry->header.next) {
            int half = (row_hash(state_row(table, entry)) & old_count) != 0;
            *tails[half] = entry;
            tails[half] = &entry->header.next;
        }
        *tails[0] = *tails[1] = NULL;
    }
}

/* Fewer buckets: each becomes what several were, one behind the other. */
static void append_chains(const struct state_table *table, struct state_entry **buckets, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct state_entry **tail = &buckets[i];
        for (uint32_t from = i; from < table->bucket_count; from += count) {
            *tail = table->buckets[from];
            while (*tail) tail = &(*tail)->header.next;
        }
    }
}

/* Chains keep their order, so that rows of one key come back in the same order afterwards. */
void statei_resize(struct state_table *table, uint32_t count) {
    struct state_entry **buckets = xcalloc(count, sizeof *buckets);
    mem_charge(table->state->account, ((int64_t)count - table->bucket_count) * (int64_t)sizeof *buckets);
    if (table->bucket_count && count > table->bucket_count)
        split_chains(table, buckets);
    else
        append_chains(table, buckets, count);
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
    table->sweep_bucket &= count - 1; /* where the rest of the buckets is now, when there are fewer */
}

static void reserve(struct state_table *table, int64_t extra) {
    while (!table->bucket_count || table->count + extra > (int64_t)table->bucket_count)
        statei_resize(table, table->bucket_count ? table->bucket_count * 2 : 64);
}

static void link_entry(struct state_table *table, struct state_entry *entry, uint64_t hash) {
    uint32_t bucket = (uint32_t)hash & (table->bucket_count - 1);
    entry->header.next = table->buckets[bucket];
    table->buckets[bucket] = entry;
    table->count++;
}

static enum status check_memory(const struct state_table *table, struct error *err) {
    if (table->state->account && mem_over_limit(table->state->account))
        return mem_limit_error(table->state->account, "the state of the query", err);
    return STATUS_OK;
}

void state_find(struct state_table *table, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                struct state_entry **entries) {
    int count = chunk->sel_count;
    if (!table->count) {
        memset(entries, 0, (size_t)count * sizeof *entries);
        return;
    }
    uint32_t mask = table->bucket_count - 1;
    for (int i = 0; i < count; i++) {
        entries[i] = table->buckets[(uint32_t)hash[chunk_row(chunk, i)] & mask];
        if (entries[i])
            __builtin_prefetch((const uint8_t *)entries[i] + sizeof(struct state_entry_header) + table->payload_bytes);
    }
    sel_index looking[VECTOR_CAPACITY];
    sel_index rows_sel[VECTOR_CAPACITY];
    const uint8_t *candidates[VECTOR_CAPACITY];
    bool match[VECTOR_CAPACITY];
    int looking_count = count;
    for (int i = 0; i < count; i++) looking[i] = (sel_index)i;
    while (looking_count) {
        int n = 0;
        for (int k = 0; k < looking_count; k++) {
            int i = looking[k];
            uint64_t wanted = hash[chunk_row(chunk, i)];
            struct state_entry *entry = entries[i];
            while (entry && row_hash(state_row(table, entry)) != wanted) entry = entry->header.next;
            entries[i] = entry;
            if (!entry) continue;
            candidates[n] = state_row(table, entry);
            rows_sel[n] = (sel_index)chunk_row(chunk, i);
            looking[n++] = (sel_index)i;
        }
        if (!n) return;
        row_match(table->layout, candidates, table->key_count, chunk, columns, rows_sel, n, match);
        looking_count = 0;
        for (int k = 0; k < n; k++) {
            if (match[k]) continue;
            int i = looking[k];
            entries[i] = entries[i]->header.next;
            looking[looking_count++] = (sel_index)i;
        }
    }
}

/* Allocates entries for the given rows of chunk (a selection of physical rows) and encodes the rows; not linked yet. */
static enum status make_entries(struct state_table *table, const struct chunk *rows, const int *columns,
                                const uint64_t *hash, struct state_entry **entries, struct error *err) {
    uint32_t sizes[VECTOR_CAPACITY];
    uint8_t *dst[VECTOR_CAPACITY];
    TRY(row_sizes_checked(table->layout, rows, columns, sizes, err));
    for (int i = 0; i < rows->sel_count; i++) {
        uint32_t bytes = (uint32_t)sizeof(struct state_entry_header) + table->payload_bytes + sizes[i];
        entries[i] = statei_alloc(table->state, &bytes);
        entries[i]->header.next = NULL;
        memset(state_payload(entries[i]), 0, table->payload_bytes);
        state_touch(table, entries[i]);
        dst[i] = entry_row(table, entries[i]);
    }
    row_encode(table->layout, rows, columns, hash, sizes, dst);
    return STATUS_OK;
}

enum status state_find_or_insert(struct state_table *table, const struct chunk *chunk, const int *columns,
                                 const uint64_t *hash, struct state_entry **entries, bool *created, struct error *err) {
    state_find(table, chunk, columns, hash, entries);
    memset(created, 0, (size_t)chunk->sel_count * sizeof *created);
    sel_index missing[VECTOR_CAPACITY], physical[VECTOR_CAPACITY];
    int missing_count = 0;
    for (int i = 0; i < chunk->sel_count; i++)
        if (!entries[i]) {
            missing[missing_count] = (sel_index)i;
            physical[missing_count++] = (sel_index)chunk_row(chunk, i);
        }
    if (!missing_count) return STATUS_OK;
    TRY(check_memory(table, err));
    struct chunk rows = chunk_select(chunk, physical, missing_count);
    struct state_entry *fresh[VECTOR_CAPACITY];
    TRY(make_entries(table, &rows, columns, hash, fresh, err));
    reserve(table, missing_count);
    uint32_t mask = table->bucket_count - 1;
    for (int k = 0; k < missing_count; k++) {
        const uint8_t *row = state_row(table, fresh[k]);
        uint64_t wanted = row_hash(row);
        struct state_entry *entry = table->buckets[(uint32_t)wanted & mask];
        while (entry && (row_hash(state_row(table, entry)) != wanted ||
                         !row_equals_row(table->layout, state_row(table, entry), row, table->key_count)))
            entry = entry->header.next;
        if (entry) { /* an equal key earlier in this chunk */
            statei_free_later(table->state, fresh[k], entry_size(table, fresh[k]));
        } else {
            entry = fresh[k];
            link_entry(table, entry, wanted);
            created[missing[k]] = true;
        }
        entries[missing[k]] = entry;
    }
    return STATUS_OK;
}

enum status state_insert(struct state_table *table, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                         struct state_entry **entries, struct error *err) {
    if (!chunk->sel_count) return STATUS_OK;
    TRY(check_memory(table, err));
    TRY(make_entries(table, chunk, columns, hash, entries, err));
    reserve(table, chunk->sel_count);
    for (int i = 0; i < chunk->sel_count; i++) link_entry(table, entries[i], row_hash(state_row(table, entries[i])));
    return STATUS_OK;
}

static struct state_entry *next_equal(const struct state_table *table, struct state_entry *entry, const uint8_t *row,
                                      int column_count) {
    uint64_t wanted = row_hash(row);
    for (; entry; entry = entry->header.next) {
        const uint8_t *other = state_row(table, entry);
        if (row_hash(other) == wanted && row_equals_row(table->layout, other, row, column_count)) return entry;
    }
    return NULL;
}

struct state_entry *state_next_same_key(const struct state_table *table, const struct state_entry *entry) {
    return next_equal(table, entry->header.next, state_row(table, entry), table->key_count);
}

struct state_entry *state_next_same_row(const struct state_table *table, const struct state_entry *entry) {
    return next_equal(table, entry->header.next, state_row(table, entry), table->layout->column_count);
}

struct state_entry *state_find_row(struct state_table *table, const struct chunk *chunk, const int *columns,
                                   uint64_t hash, int row) {
    if (!table->count) return NULL;
    struct state_entry *entry = table->buckets[(uint32_t)hash & (table->bucket_count - 1)];
    for (; entry; entry = entry->header.next) {
        const uint8_t *other = state_row(table, entry);
        if (row_hash(other) == hash &&
            row_equals_chunk(table->layout, other, table->layout->column_count, chunk, columns, row))
            return entry;
    }
    return NULL;
}

struct state_entry *state_find_key(struct state_table *table, const uint8_t *row) {
    if (!table->count) return NULL;
    return next_equal(table, table->buckets[(uint32_t)row_hash(row) & (table->bucket_count - 1)], row,
                      table->key_count);
}

enum status state_insert_row(struct state_table *table, const uint8_t *row, struct state_entry **entry,
                             struct error *err) {
    TRY(check_memory(table, err));
    uint32_t row_bytes = row_size(row);
    uint32_t bytes = (uint32_t)sizeof(struct state_entry_header) + table->payload_bytes + row_bytes;
    struct state_entry *made = statei_alloc(table->state, &bytes);
    memset(state_payload(made), 0, table->payload_bytes);
    state_touch(table, made);
    memcpy(entry_row(table, made), row, row_bytes);
    reserve(table, 1);
    link_entry(table, made, row_hash(row));
    *entry = made;
    return STATUS_OK;
}

static void unlink_entry(struct state_table *table, struct state_entry *entry) {
    struct state_entry **link =
        &table->buckets[(uint32_t)row_hash(state_row(table, entry)) & (table->bucket_count - 1)];
    while (*link != entry) link = &(*link)->header.next;
    *link = entry->header.next;
    table->count--;
}

enum status state_replace_row(struct state_table *table, struct state_entry **entry, const uint8_t *row,
                              struct error *err) {
    struct state_entry *old = *entry;
    uint32_t old_bytes = entry_size(table, old);
    uint32_t row_bytes = row_size(row);
    (void)old_bytes;
    TRY(check_memory(table, err));
    /* Never in place: the old row may still be read in this step. */
    uint32_t bytes = (uint32_t)sizeof(struct state_entry_header) + table->payload_bytes + row_bytes;
    struct state_entry *made = statei_alloc(table->state, &bytes);
    memcpy(state_payload(made), state_payload(old), table->payload_bytes);
    state_touch(table, made);
    memcpy(entry_row(table, made), row, row_bytes);
    unlink_entry(table, old);
    statei_free_later(table->state, old, old_bytes);
    link_entry(table, made, row_hash(row));
    *entry = made;
    return STATUS_OK;
}

static void ordered_unlink(struct state_table *table, struct state_entry *entry);

void state_delete(struct state_table *table, struct state_entry *entry) {
    if (table->shape == STATE_ORDERED) {
        ordered_unlink(table, entry);
        statei_free_later(table->state, entry, statei_ordered(table, entry)->size_bytes);
        return;
    }
    uint32_t bytes = entry_size(table, entry);
    unlink_entry(table, entry);
    statei_free_later(table->state, entry, bytes);
}

/* The cursor is (bucket << 1 | 1), or the next entry of the chain (a pointer, so even). */
struct state_entry *state_iterate(struct state_table *table, uint64_t *cursor) {
    if (table->shape == STATE_ORDERED) {
        if (*cursor == 1) return NULL;
        struct state_entry *entry = *cursor ? (struct state_entry *)(uintptr_t)*cursor : table->heads[0];
        if (!entry) return NULL;
        *cursor = entry->header.next ? (uint64_t)(uintptr_t)entry->header.next : 1;
        return entry;
    }
    uint64_t bucket = *cursor & 1 || *cursor == 0 ? *cursor >> 1 : 0;
    struct state_entry *entry = NULL;
    if (*cursor && !(*cursor & 1)) {
        entry = (struct state_entry *)(uintptr_t)*cursor;
        bucket = (uint32_t)row_hash(state_row(table, entry)) & (table->bucket_count - 1);
    } else {
        while (bucket < table->bucket_count && !(entry = table->buckets[bucket])) bucket++;
        if (!entry) {
            *cursor = (uint64_t)table->bucket_count << 1 | 1;
            return NULL;
        }
    }
    *cursor = entry->header.next ? (uint64_t)(uintptr_t)entry->header.next : (bucket + 1) << 1 | 1;
    return entry;
}

/* ---- Ordered tables: a skip list ---- */

static uint64_t key_prefix(struct str key) {
    uint8_t bytes[8] = {0};
    memcpy(bytes, key.data, key.len < 8 ? key.len : 8);
    uint64_t prefix;
    memcpy(&prefix, bytes, 8);
    return __builtin_bswap64(prefix);
}

static int compare_key(const struct state_table *table, const struct state_entry *entry, struct str key,
                       uint64_t prefix) {
    const struct statei_ordered *ordered = statei_ordered(table, entry);
    if (ordered->prefix != prefix) return ordered->prefix < prefix ? -1 : 1;
    size_t shorter = ordered->key_len < key.len ? ordered->key_len : key.len;
    int diff = shorter ? memcmp(statei_key_bytes(table, entry), key.data, shorter) : 0;
    if (diff) return diff;
    return ordered->key_len < key.len ? -1 : ordered->key_len > key.len;
}

static struct state_entry **forward(struct state_table *table, struct state_entry *entry, int level) {
    if (!entry) return &table->heads[level];
    return level == 0 ? &entry->header.next : &statei_tower(table, entry)[level - 1];
}

/* The last entry with key < bound at each level (NULL: the head); returns the one at level 0. */
static struct state_entry *descend(struct state_table *table, struct str bound, struct state_entry **before) {
    uint64_t prefix = key_prefix(bound);
    struct state_entry *at = NULL;
    for (int level = table->height - 1; level >= 0; level--) {
        for (;;) {
            struct state_entry *next = *forward(table, at, level);
            if (!next || compare_key(table, next, bound, prefix) >= 0) break;
            at = next;
        }
        if (before) before[level] = at;
    }
    return at;
}

struct state_entry *state_ordered_lower_bound(struct state_table *table, struct str bound) {
    if (!bound.len) return table->heads[0];
    return *forward(table, descend(table, bound, NULL), 0);
}

struct state_entry *state_ordered_before(struct state_table *table, struct str bound) {
    return descend(table, bound, NULL);
}

struct state_entry *state_ordered_next(struct state_table *table, const struct state_entry *entry) {
    (void)table;
    return entry->header.next;
}

struct state_entry *state_ordered_previous(struct state_table *table, const struct state_entry *entry) {
    return statei_ordered(table, entry)->previous;
}

struct str state_ordered_key(const struct state_table *table, const struct state_entry *entry) {
    return (struct str){(const char *)statei_key_bytes(table, entry), statei_ordered(table, entry)->key_len};
}

uint64_t state_ordered_hash(const struct state_table *table, const struct state_entry *entry) {
    return statei_ordered(table, entry)->hash;
}

struct state_entry *state_ordered_find(struct state_table *table, struct str key) {
    struct state_entry *entry = *forward(table, descend(table, key, NULL), 0);
    return entry && compare_key(table, entry, key, key_prefix(key)) == 0 ? entry : NULL;
}

static int random_height(struct state_table *table) {
    table->random ^= table->random << 13; /* xorshift64 (G. Marsaglia, 2003) */
    table->random ^= table->random >> 7;
    table->random ^= table->random << 17;
    int height = 1 + __builtin_ctzll(table->random | (UINT64_C(1) << 38)) / 2; /* p = 1/4 */
    return height > STATEI_MAX_HEIGHT ? STATEI_MAX_HEIGHT : height;
}

enum status state_ordered_insert(struct state_table *table, struct str key, uint64_t hash, const uint8_t *row,
                                 struct state_entry **entry, bool *created, struct error *err) {
    struct state_entry *before[STATEI_MAX_HEIGHT] = {0};
    descend(table, key, before);
    struct state_entry *found = *forward(table, before[0], 0);
    if (found && compare_key(table, found, key, key_prefix(key)) == 0) {
        *entry = found;
        *created = false;
        return STATUS_OK;
    }
    TRY(check_memory(table, err));
    if (key.len > STATE_MAX_KEY_BYTES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "an ordering key of %zu bytes (at most %d)", key.len,
                         STATE_MAX_KEY_BYTES);
    int height = random_height(table);
    uint32_t key_bytes = ((uint32_t)key.len + 7) & ~7u, row_bytes = row ? row_size(row) : 0;
    uint32_t bytes =
        (uint32_t)(sizeof(struct state_entry_header) + table->payload_bytes + sizeof(struct statei_ordered) +
                   (size_t)(height - 1) * sizeof(void *) + key_bytes + row_bytes);
    struct state_entry *made = statei_alloc(table->state, &bytes);
    memset(state_payload(made), 0, table->payload_bytes);
    state_touch(table, made);
    struct statei_ordered *ordered = statei_ordered(table, made);
    *ordered = (struct statei_ordered){.hash = hash,
                                       .prefix = key_prefix(key),
                                       .key_len = (uint32_t)key.len,
                                       .size_bytes = bytes,
                                       .height = (uint16_t)height,
                                       .has_row = row != NULL};
    uint8_t *to = (uint8_t *)statei_key_bytes(table, made);
    if (key.len) memcpy(to, key.data, key.len);
    if (row) memcpy(to + key_bytes, row, row_bytes);
    if (height > table->height) table->height = height; /* before[] is the head there */
    for (int level = 0; level < height; level++) {
        struct state_entry **link = forward(table, before[level], level);
        *forward(table, made, level) = *link;
        *link = made;
    }
    ordered->previous = before[0];
    if (made->header.next) statei_ordered(table, made->header.next)->previous = made;
    table->count++;
    *entry = made;
    *created = true;
    return STATUS_OK;
}

static void ordered_unlink(struct state_table *table, struct state_entry *entry) {
    struct state_entry *before[STATEI_MAX_HEIGHT] = {0};
    descend(table, state_ordered_key(table, entry), before);
    for (int level = 0; level < statei_ordered(table, entry)->height; level++)
        *forward(table, before[level], level) = *forward(table, entry, level);
    if (entry->header.next) statei_ordered(table, entry->header.next)->previous = before[0];
    table->count--;
}
