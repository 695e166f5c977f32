/* Include-template: adds one column of integers to sums.
 *     #define SUM_K i32, SUM_T int32_t      suffix and element type
 * Makes sum_<K>(args, sel, sign, slots, count), see aggregate.c. 16-byte decimals have their own loop. */

#define SUM_GLUE_(a, b) a##b
#define SUM_GLUE(a, b) SUM_GLUE_(a, b)

static void SUM_GLUE(sum_, SUM_K)(const struct vector *vec, const sel_index *restrict sel, const int8_t *restrict sign,
                                  void *const *restrict slots, int count, bool one_slot) {
    const SUM_T *restrict data = vec->data;
    const bool constant = vec->form == VECTOR_CONST;
    if (one_slot && !sign && !constant) {
        /* 2^11 halves of 32 bits cannot overflow 64 */
        int64_t high = 0;
        uint64_t low = 0;
        if (sel) {
            for (int i = 0; i < count; i++) {
                const int64_t x = data[sel[i]];
                high += x >> 32;
                low += (uint32_t)x;
            }
        } else {
            for (int i = 0; i < count; i++) {
                const int64_t x = data[i];
                high += x >> 32;
                low += (uint32_t)x;
            }
        }
        struct int_sum *slot = slots[0];
        slot->count += count;
        int_sum_add(slot, (int128)((uint128)(int128)high << 32) + (int128)low);
        return;
    }
    for (int i = 0; i < count; i++) {
        const int row = sel ? sel[i] : i;
        const int64_t x = data[constant ? 0 : row];
        struct int_sum *slot = slots[i];
        const int64_t s = sign ? sign[row] : 1;
        slot->count += s;
        int_sum_add(slot, (int128)x * s);
    }
}

#undef SUM_GLUE_
#undef SUM_GLUE
#undef SUM_K
#undef SUM_T
