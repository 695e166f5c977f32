/* Memory of states and the tables' common part. */
#include <stdlib.h>

#include "state/state_private.h"

struct state *state_create(struct mem_account *account) {
    struct state *state = xcalloc(1, sizeof *state);
    state->account = account;
    return state;
}

void state_destroy(struct state *state) {
    if (!state) return;
    for (struct statei_block *block = state->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    for (int i = 0; i < state->table_count; i++) {
        struct state_table *table = state->tables[i];
        mem_charge(state->account, -(int64_t)(table->bucket_count * sizeof(void *)));
        free(table->buckets);
        free(table);
    }
    mem_charge(state->account, -state->size_bytes);
    free(state);
}

static uint32_t large_class(uint32_t size_bytes) {
    uint32_t class = (uint32_t)(32 - __builtin_clz(size_bytes - 1)); /* ceil(log2) */
    return class - 10;
}

void *statei_alloc(struct state *state, uint32_t *size_bytes) {
    uint32_t size = (*size_bytes + 7) & ~7u;
    struct statei_free **list;
    if (size <= STATEI_SMALL_CLASSES * 8) {
        list = &state->small[size / 8];
    } else {
        uint32_t class = large_class(size);
        size = 1u << (class + 10);
        list = &state->large[class];
    }
    *size_bytes = size;
    if (*list) {
        struct statei_free *entry = *list;
        *list = entry->next;
        return entry;
    }
    if ((size_t)(state->free_end - state->free_ptr) < size) {
        size_t block_bytes = STATE_BLOCK_BYTES;
        bool own = size > STATE_BLOCK_BYTES / 4;
        if (own) block_bytes = size + sizeof(struct statei_block);
        struct statei_block *block = xmalloc(block_bytes);
        block->size_bytes = block_bytes;
        block->next = state->blocks;
        state->blocks = block;
        state->size_bytes += (int64_t)block_bytes;
        mem_charge(state->account, (int64_t)block_bytes);
        if (own) return block + 1;
        state->free_ptr = (uint8_t *)(block + 1);
        state->free_end = (uint8_t *)block + block_bytes;
    }
    void *ptr = state->free_ptr;
    state->free_ptr += size;
    return ptr;
}

void statei_free_later(struct state *state, void *ptr, uint32_t size_bytes) {
    /* The bytes must stay readable until the step's end: the note goes into memory of its own. */
    uint32_t note_bytes = 3 * 8;
    struct pending_note {
        struct statei_free link;
        void *ptr;
    } *note = statei_alloc(state, &note_bytes);
    note->link.next = state->pending;
    note->link.size_bytes = size_bytes;
    note->ptr = ptr;
    state->pending = &note->link;
}

static void free_now(struct state *state, void *ptr, uint32_t size_bytes) {
    struct statei_free *entry = ptr;
    struct statei_free **list =
        size_bytes <= STATEI_SMALL_CLASSES * 8 ? &state->small[size_bytes / 8] : &state->large[large_class(size_bytes)];
    entry->next = *list;
    *list = entry;
}

void state_end_step(struct state *state) {
    struct pending_note {
        struct statei_free link;
        void *ptr;
    };
    while (state->pending) {
        struct pending_note *note = (struct pending_note *)state->pending;
        state->pending = note->link.next;
        free_now(state, note->ptr, note->link.size_bytes);
        free_now(state, note, 3 * 8);
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
    (void)table, (void)entry;
}
