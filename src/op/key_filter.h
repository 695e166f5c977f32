/* A Bloom filter of key hashes: a hash join asks it before the hash table, so that a row without a partner costs one look at a small
 * array instead of a walk through partitions, buckets and entries.
 *
 * Both bits of a key lie in one 64-bit word (register-blocked: Lang et al., "Performance-Optimal Filtering: Bloom Overtakes Cuckoo at
 * High Throughput", VLDB 2019). There are no false negatives; of keys that are not in it about 2 % pass. Not thread-safe while
 * keys are added; any number of threads may ask afterwards. */
#ifndef MILLRACE_OP_KEY_FILTER_H
#define MILLRACE_OP_KEY_FILTER_H

#include "base/mem.h"

enum { KEY_FILTER_BITS_PER_KEY = 16 };

struct key_filter {
    uint64_t *words;
    uint64_t word_mask; /* number of words - 1: a power of two */
    struct mem_account *account;
};

/* Room for key_count keys; more only raise the share that passes. Charged to the account (may be NULL). */
struct key_filter *key_filter_create(int64_t key_count, struct mem_account *account);
void key_filter_destroy(struct key_filter *filter); /* NULL: nothing */

/* Bits of the hash that neither choose a bucket of a small table nor a partition (state_partition). */
static inline uint64_t *key_filter_word(const struct key_filter *filter, uint64_t hash) {
    return &filter->words[(hash >> 16) & filter->word_mask];
}

static inline uint64_t key_filter_bits(uint64_t hash) {
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63);
}

static inline void key_filter_add(struct key_filter *filter, uint64_t hash) {
    *key_filter_word(filter, hash) |= key_filter_bits(hash);
}

static inline bool key_filter_may_have(const struct key_filter *filter, uint64_t hash) {
    uint64_t bits = key_filter_bits(hash);
    return (*key_filter_word(filter, hash) & bits) == bits;
}

#endif
