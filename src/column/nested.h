/* Nested values as bytes, inside the heap of the row form (private to this folder).
 *
 * A payload, little-endian, unaligned, by physical type:
 *     fixed width   the value (floats normalised as in row.h)
 *     STR           u32 length, the bytes
 *     LIST          u32 count, then count elements (key, value, key, value … for MAP and MULTISET)
 *     ROW           one element per field
 * and an element is one byte, 0 for NULL, or 1 and the payload. Equal values give equal bytes. */
#ifndef MILLRACE_COLUMN_NESTED_H
#define MILLRACE_COLUMN_NESTED_H

#include "column/vector.h"

/* Bytes of the payload of a non-NULL row of a vector of any form; cut off at UINT32_MAX. */
uint64_t nested_size(const struct vector *vec, int row);
/* Writes it and returns the end. */
uint8_t *nested_write(const struct vector *vec, int row, uint8_t *p);
/* Is the payload at *p that of the vector's row? Advances *p only as far as it looked. */
bool nested_match(const struct vector *vec, int row, const uint8_t **p);
/* Reads a payload into a flat vector's row; strings borrow from the bytes unless deep. */
void nested_read(struct vector *vec, struct arena *arena, int capacity, int row, const uint8_t **p, bool deep);
struct value nested_value(const struct type *type, const uint8_t **p, struct arena *arena);
/* Checks a payload from outside against its end; advances *p behind it. depth: 0 at the top. */
bool nested_check(const struct type *type, const uint8_t **p, const uint8_t *end, int depth);

/* Floats in the form in which equal values (SQL grouping) are equal bits. */
static inline uint32_t normal_f32(uint32_t bits) {
    if ((bits & 0x7FFFFFFF) == 0) return 0;
    return (bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC00000 : bits;
}
static inline uint64_t normal_f64(uint64_t bits) {
    const uint64_t magnitude = bits & UINT64_C(0x7FFFFFFFFFFFFFFF);
    if (magnitude == 0) return 0;
    return magnitude > UINT64_C(0x7FF0000000000000) ? UINT64_C(0x7FF8000000000000) : bits;
}

#endif
