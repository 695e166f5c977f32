/* Inside of the state module. */
#ifndef MILLRACE_STATE_STATE_PRIVATE_H
#define MILLRACE_STATE_STATE_PRIVATE_H

#include "state/state.h"

enum {
    STATEI_SMALL_CLASSES = 128, /* entries up to 1 KiB: one class per 8 bytes */
    STATEI_LARGE_CLASSES = 24,  /* then powers of two up to ROW_MAX_BYTES + headers */
    STATEI_MAX_HEIGHT = 20,     /* of a skip list tower */
};

struct statei_block {
    struct statei_block *next;
    size_t size_bytes;
};

struct state_entry {
    struct state_entry_header header;
};

/* A freed entry while it waits in a free list or for the end of the step. */
struct statei_free {
    struct statei_free *next;
    uint32_t size_bytes;
};

struct state_table {
    struct state *state;
    const char *name;
    enum state_shape shape;
    const struct row_layout *layout;
    int key_count;
    uint32_t payload_bytes;
    int64_t count;
    /* hash */
    struct state_entry **buckets;
    uint32_t bucket_count; /* power of two, 0 before the first insert */
    /* ordered: a skip list (W. Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990) */
    struct state_entry *heads[STATEI_MAX_HEIGHT];
    int height;
    uint64_t random;
};

struct state {
    struct mem_account *account;
    struct state_table *tables[STATE_MAX_TABLES];
    int table_count;
    struct statei_block *blocks;
    uint8_t *free_ptr, *free_end; /* of the current block */
    struct statei_free *small[STATEI_SMALL_CLASSES + 1];
    struct statei_free *large[STATEI_LARGE_CLASSES];
    struct statei_free *pending; /* freed in this step */
    int64_t size_bytes;
};

/* Memory of at least size_bytes (a multiple of 8), 8-aligned; the true size goes to *size_bytes. */
void *statei_alloc(struct state *state, uint32_t *size_bytes);
void statei_free_later(struct state *state, void *ptr, uint32_t size_bytes);

/* Ordered entries: header, payload, then this, then height - 1 tower pointers, key bytes padded to 8, row. */
struct statei_ordered {
    struct state_entry *previous;
    uint64_t hash;
    uint64_t prefix; /* first 8 key bytes, big-endian: decides most comparisons */
    uint32_t key_len, size_bytes;
    uint16_t height;
    bool has_row;
};

static inline struct statei_ordered *statei_ordered(const struct state_table *table, const struct state_entry *entry) {
    return (struct statei_ordered *)((uint8_t *)entry + sizeof(struct state_entry_header) + table->payload_bytes);
}
static inline struct state_entry **statei_tower(const struct state_table *table, const struct state_entry *entry) {
    return (struct state_entry **)(statei_ordered(table, entry) + 1);
}
static inline const uint8_t *statei_key_bytes(const struct state_table *table, const struct state_entry *entry) {
    return (const uint8_t *)(statei_tower(table, entry) + statei_ordered(table, entry)->height - 1);
}

#endif
