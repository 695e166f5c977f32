/* Inside of the state module. */
#ifndef MILLRACE_STATE_STATE_PRIVATE_H
#define MILLRACE_STATE_STATE_PRIVATE_H

#include "state/state.h"

enum {
    STATEI_SMALL_CLASSES = 128,                  /* entries up to 1 KiB: one class per 8 bytes */
    STATEI_LARGE_CLASSES = 5,                    /* then powers of two up to STATEI_SHARED_BYTES */
    STATEI_SHARED_BYTES = STATE_BLOCK_BYTES / 4, /* larger entries have a block of their own */
    STATEI_RELEASE_BYTES = 256 << 10,            /* of empty blocks: fewer are not worth looking for */
    STATEI_SWEEP_ENTRIES = 64 << 10,             /* that a sweep may look at in any case */
    STATEI_MAX_HEIGHT = 20,                      /* of a skip list tower */
};

/* Blocks are aligned to STATE_BLOCK_BYTES, so that an entry that shares one finds it. */
struct statei_block {
    struct statei_block *next, *previous;
    size_t size_bytes;
    int64_t live; /* entries in use, and one more while the block is being filled */
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
    /* Time to live; 0: none. The last 8 bytes of the payload are then the time of the last write. */
    int64_t ttl_micros;
    state_expire expire;
    void *expire_data;
    int64_t swept_micros;
    uint32_t sweep_bucket;   /* where the next sweep goes on */
    struct strbuf sweep_key; /* the same of an ordered table; empty: at the first entry */
    int64_t sweep_total; /* buckets or entries when it was at the first one: fewer are left when the table has shrunk */
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
    int64_t now_micros; /* of the step */
    bool any_unstamped; /* restored from a snapshot that knew no time to live */
    struct statei_block *blocks;
    struct statei_block *filling; /* the current block */
    uint8_t *free_ptr, *free_end; /* of it */
    struct statei_free *small[STATEI_SMALL_CLASSES + 1];
    struct statei_free *large[STATEI_LARGE_CLASSES];
    struct statei_free *pending;     /* freed in this step */
    int64_t size_bytes, empty_bytes; /* empty: of blocks whose entries are all free */
};

/* When the entry was written; of tables with a time to live. */
static inline int64_t *statei_stamp(const struct state_table *table, struct state_entry *entry) {
    return (int64_t *)(void *)((uint8_t *)state_payload(entry) + table->payload_bytes - sizeof(int64_t));
}
/* Other buckets for the table's entries: twice as many, or a power of two below what there are (64 when there are none). */
void statei_resize(struct state_table *table, uint32_t count);

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
