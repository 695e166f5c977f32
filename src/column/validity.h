/* Validity bitmaps by 64-bit words: bit i set = row i is not NULL, NULL pointer = no NULLs (see vector.h). */
#ifndef MILLRACE_COLUMN_VALIDITY_H
#define MILLRACE_COLUMN_VALIDITY_H

#include "column/vector.h"

/* The lowest count bits set, 0 <= count <= 64. */
static inline uint64_t validity_mask(int count) { return count >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1; }

/* Bits [from, from + count) as one word, count <= 64. Reads no word beyond those that hold the bits. */
static inline uint64_t validity_bits(const uint64_t *validity, int from, int count) {
    int shift = from & 63;
    uint64_t word = validity[from >> 6] >> shift;
    if (shift && shift + count > 64) word |= validity[(from >> 6) + 1] << (64 - shift);
    return word & validity_mask(count);
}

/* Overwrites bits [to, to + count), count <= 64, with the low bits of word. */
static inline void validity_put(uint64_t *validity, int to, int count, uint64_t word) {
    int shift = to & 63;
    uint64_t mask = validity_mask(count);
    word &= mask;
    validity[to >> 6] = (validity[to >> 6] & ~(mask << shift)) | word << shift;
    if (shift && shift + count > 64) {
        int done = 64 - shift;
        validity[(to >> 6) + 1] = (validity[(to >> 6) + 1] & ~(mask >> done)) | word >> done;
    }
}

/* Sets rows [from, from + count) to valid. */
static inline void validity_fill(uint64_t *validity, int from, int count) {
    for (int i = 0; i < count; i += 64) validity_put(validity, from + i, count - i < 64 ? count - i : 64, ~UINT64_C(0));
}

/* Is there no NULL in [from, from + count)? */
static inline bool validity_all(const uint64_t *validity, int from, int count) {
    if (!validity) return true;
    for (int i = 0; i < count; i += 64) {
        int n = count - i < 64 ? count - i : 64;
        if (validity_bits(validity, from + i, n) != validity_mask(n)) return false;
    }
    return true;
}

/* Valid rows in [0, count). */
static inline int validity_count(const uint64_t *validity, int count) {
    if (!validity) return count;
    int valid = 0;
    for (int i = 0; i < count; i += 64)
        valid += __builtin_popcountll(validity_bits(validity, i, count - i < 64 ? count - i : 64));
    return valid;
}

/* Bits sel[0 … count-1] as one word, count <= 64. */
static inline uint64_t validity_select(const uint64_t *validity, const sel_index *sel, int count) {
    uint64_t word = 0;
    for (int i = 0; i < count; i++) word |= (validity[sel[i] >> 6] >> (sel[i] & 63) & 1) << i;
    return word;
}

#endif
