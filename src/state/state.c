/* Memory of states and the tables' common part. */
#include <stdlib.h>

#include "state/state_private.h"

struct state *state_create(struct mem_account *account) {
    struct state *state = xcalloc(1, sizeof *state);
    state->account = account;
    return state;
}

static void free_block(struct state *state, struct statei_block *block) {
    if (block->previous)
        block->previous->next = block->next;
    else
        state->blocks = block->next;
    if (block->next) block->next->previous = block->previous;
    state->size_bytes -= (int64_t)block->size_bytes;
    mem_charge(state->account, -(int64_t)block->size_bytes);
    free(block);
}

void state_destroy(struct state *state) {
    if (!state) return;
    while (state->blocks) free_block(state, state->blocks);
    for (int i = 0; i < state->table_count; i++) {
        struct state_table *table = state->tables[i];
        mem_charge(state->account, -(int64_t)(table->bucket_count * sizeof(void *)));
        free(table->buckets);
        strbuf_free(&table->sweep_key);
        free(table);
    }
    free(state);
}

static struct statei_block *add_block(struct state *state, void *memory, size_t size_bytes) {
    struct statei_block *block = memory;
    *block = (struct statei_block){.next = state->blocks, .size_bytes = size_bytes, .live = 1};
    if (block->next) block->next->previous = block;
    state->blocks = block;
    state->size_bytes += (int64_t)size_bytes;
    mem_charge(state->account, (int64_t)size_bytes);
    return block;
}

/* Of an entry that shares it with others. */
static struct statei_block *block_of(void *ptr) {
    return (struct statei_block *)(void *)((uintptr_t)ptr & ~(uintptr_t)(STATE_BLOCK_BYTES - 1));
}

static void use_block(struct state *state, struct statei_block *block) {
    if (block->live++ == 0) state->empty_bytes -= (int64_t)block->size_bytes;
}

static void leave_block(struct state *state, struct statei_block *block) {
    if (--block->live == 0) state->empty_bytes += (int64_t)block->size_bytes;
}

/* A block to be filled. The allocator's own words fit between it and the next one. */
static void begin_block(struct state *state) {
    enum { BYTES = STATE_BLOCK_BYTES - 2 * sizeof(size_t) };
    void *memory;
    if (posix_memalign(&memory, STATE_BLOCK_BYTES, BYTES) != 0) abort();
    if (state->filling) leave_block(state, state->filling);
    state->filling = add_block(state, memory, BYTES);
    state->free_ptr = (uint8_t *)(state->filling + 1);
    state->free_end = (uint8_t *)state->filling + BYTES;
}

static uint32_t large_class(uint32_t size_bytes) {
    uint32_t class = (uint32_t)(32 - __builtin_clz(size_bytes - 1)); /* ceil(log2) */
    return class - 10;
}

static struct statei_free **free_list(struct state *state, uint32_t size_bytes) {
    return size_bytes <= STATEI_SMALL_CLASSES * 8 ? &state->small[size_bytes / 8]
                                                  : &state->large[large_class(size_bytes)];
}

void *statei_alloc(struct state *state, uint32_t *size_bytes) {
    uint32_t size = (*size_bytes + 7) & ~7u;
    if (size > STATEI_SMALL_CLASSES * 8) size = 1u << (large_class(size) + 10);
    *size_bytes = size;
    if (size > STATEI_SHARED_BYTES) {
        size_t block_bytes = size + sizeof(struct statei_block);
        return add_block(state, xmalloc(block_bytes), block_bytes) + 1;
    }
    struct statei_free **list = free_list(state, size);
    if (*list) {
        struct statei_free *entry = *list;
        *list = entry->next;
        use_block(state, block_of(entry));
        return entry;
    }
    if ((size_t)(state->free_end - state->free_ptr) < size) begin_block(state);
    void *ptr = state->free_ptr;
    state->free_ptr += size;
    state->filling->live++;
    return ptr;
}

struct pending_note {
    struct statei_free link;
    void *ptr;
};

void statei_free_later(struct state *state, void *ptr, uint32_t size_bytes) {
    /* The bytes must stay readable until the step's end: the note goes into memory of its own. */
    uint32_t note_bytes = sizeof(struct pending_note);
    struct pending_note *note = statei_alloc(state, &note_bytes);
    note->link.next = state->pending;
    note->link.size_bytes = size_bytes;
    note->ptr = ptr;
    state->pending = &note->link;
}

static void free_now(struct state *state, void *ptr, uint32_t size_bytes) {
    if (size_bytes > STATEI_SHARED_BYTES) {
        free_block(state, (struct statei_block *)ptr - 1);
        return;
    }
    struct statei_free *entry = ptr, **list = free_list(state, size_bytes);
    entry->next = *list;
    *list = entry;
    leave_block(state, block_of(ptr));
}

/* Blocks that are empty go back; before, their entries leave the free lists. */
static void release_blocks(struct state *state) {
    for (int i = 0; i <= STATEI_SMALL_CLASSES + STATEI_LARGE_CLASSES; i++) {
        struct statei_free **link =
            i <= STATEI_SMALL_CLASSES ? &state->small[i] : &state->large[i - STATEI_SMALL_CLASSES - 1];
        while (*link)
            if (block_of(*link)->live == 0)
                *link = (*link)->next;
            else
                link = &(*link)->next;
    }
    for (struct statei_block *block = state->blocks, *next; block; block = next) {
        next = block->next;
        if (block->live == 0) free_block(state, block);
    }
    state->empty_bytes = 0;
}

void state_end_step(struct state *state) {
    while (state->pending) {
        struct pending_note *note = (struct pending_note *)state->pending;
        state->pending = note->link.next;
        free_now(state, note->ptr, note->link.size_bytes);
        free_now(state, note, sizeof *note);
    }
    if (state->empty_bytes >= STATEI_RELEASE_BYTES && state->empty_bytes >= state->size_bytes / 4)
        release_blocks(state);
    for (int i = 0; i < state->table_count; i++) {
        struct state_table *table = state->tables[i];
        if (table->bucket_count >= 1024 && table->count < table->bucket_count / 8)
            statei_resize(table, table->bucket_count / 4);
    }
}

int64_t state_size_bytes(const struct state *state) {
    int64_t bytes = state->size_bytes;
    for (int i = 0; i < state->table_count; i++) bytes += (int64_t)(state->tables[i]->bucket_count * sizeof(void *));
    return bytes;
}

int64_t state_entry_count(const struct state *state) {
    int64_t count = 0;
    for (int i = 0; i < state->table_count; i++) count += state->tables[i]->count;
    return count;
}

struct state_table *state_table_create(struct state *state, const char *name, enum state_shape shape,
                                       const struct row_layout *layout, int key_count, uint32_t payload_bytes) {
    if (state->table_count == STATE_MAX_TABLES) abort(); /* operators have a handful */
    struct state_table *table = xcalloc(1, sizeof *table);
    table->state = state;
    table->name = name;
    table->shape = shape;
    table->layout = layout;
    table->key_count = key_count;
    table->payload_bytes = (payload_bytes + 7) & ~7u;
    table->random = 0x9E3779B97F4A7C15u;
    state->tables[state->table_count++] = table;
    return table;
}

int64_t state_table_count(const struct state_table *table) { return table->count; }

void state_touch(struct state_table *table, struct state_entry *entry) {
    /* Snapshots are written between steps, so nothing needs preserving here. */
    if (table->ttl_micros) *statei_stamp(table, entry) = table->state->now_micros;
}

/* ---- Time to live ---- */

void state_table_set_ttl(struct state_table *table, int64_t ttl_micros, state_expire expire, void *data) {
    if (!ttl_micros) return;
    table->ttl_micros = ttl_micros;
    table->payload_bytes += sizeof(int64_t);
    table->expire = expire;
    table->expire_data = data;
}

bool state_is_expired(const struct state_table *table, const struct state_entry *entry) {
    return table->ttl_micros &&
           table->state->now_micros - *statei_stamp(table, (struct state_entry *)entry) >= table->ttl_micros;
}

void state_begin_step(struct state *state, int64_t now_micros) {
    state->now_micros = now_micros;
    if (!state->any_unstamped) return;
    /* The time to live came with this start of the job: what was there begins to live now. */
    state->any_unstamped = false;
    for (int i = 0; i < state->table_count; i++) {
        struct state_table *table = state->tables[i];
        uint64_t cursor = 0;
        struct state_entry *entry;
        while (table->ttl_micros && (entry = state_iterate(table, &cursor)))
            if (*statei_stamp(table, entry) == 0) *statei_stamp(table, entry) = now_micros;
    }
}

static void meet(struct state_table *table, struct state_entry *entry) {
    if (!state_is_expired(table, entry)) return;
    if (table->expire)
        table->expire(table->expire_data, table, entry);
    else
        state_delete(table, entry);
}

/* How many of the table's buckets (or entries, when it is ordered) this step looks at. */
static int64_t sweep_share(const struct state_table *table) {
    int64_t total = table->sweep_total;
    int64_t elapsed = table->state->now_micros - table->swept_micros, cycle = table->ttl_micros / 4 + 1;
    if (elapsed <= 0) return 0;
    int64_t most = total / STATE_SWEEP_STEPS + 1;
    if (most < STATEI_SWEEP_ENTRIES) most = STATEI_SWEEP_ENTRIES;
    if (most > total) most = total;
    double share = (double)elapsed / (double)cycle * (double)total + 1;
    return share < (double)most ? (int64_t)share : most;
}

static void sweep_hash(struct state_table *table) {
    if (table->sweep_total < table->bucket_count) table->sweep_total = table->bucket_count;
    for (int64_t count = sweep_share(table); count > 0; count--) {
        if (table->sweep_bucket >= table->bucket_count) {
            table->sweep_bucket = 0;
            table->sweep_total = table->bucket_count;
        }
        for (struct state_entry *entry = table->buckets[table->sweep_bucket++], *next; entry; entry = next) {
            next = entry->header.next;
            meet(table, entry);
        }
    }
}

static void sweep_ordered(struct state_table *table) {
    if (!table->sweep_key.len || table->sweep_total < table->count) table->sweep_total = table->count;
    int64_t count = sweep_share(table);
    struct state_entry *entry = count ? state_ordered_lower_bound(table, strbuf_str(&table->sweep_key)) : NULL;
    for (struct state_entry *next; count > 0 && entry; count--, entry = next) {
        next = state_ordered_next(table, entry);
        meet(table, entry);
    }
    strbuf_clear(&table->sweep_key);
    if (!entry) return; /* at the end: the next sweep begins anew */
    struct str key = state_ordered_key(table, entry);
    strbuf_add(&table->sweep_key, key.data, key.len);
}

void state_sweep(struct state *state) {
    for (int i = 0; i < state->table_count; i++) {
        struct state_table *table = state->tables[i];
        if (!table->ttl_micros) continue;
        if (table->count && table->shape == STATE_ORDERED) sweep_ordered(table);
        if (table->count && table->shape != STATE_ORDERED) sweep_hash(table);
        table->swept_micros = state->now_micros;
    }
}
