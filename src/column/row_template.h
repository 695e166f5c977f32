/* Include-template: fixed-width columns between vectors and rows. Define T (an unsigned type of the width), NAME (a suffix)
 * and NORMAL(v) (the form in which equal values are equal bits), then include.
 *
 * pos[i] is the vector's row for rows[i], i in 0 … count-1; the column lies at `offset` of each row and its null bit is
 * null_mask of the byte at null_byte. validity NULL: the vector has no NULLs. */
#define GLUE_(a, b) a##_##b
#define GLUE(a, b) GLUE_(a, b)

static void GLUE(encode, NAME)(uint8_t *const *restrict rows, uint32_t offset, uint32_t null_byte, uint8_t null_mask,
                               const T *restrict data, const uint64_t *restrict validity, const sel_index *restrict pos,
                               int count) {
    if (!validity) {
        for (int i = 0; i < count; i++) {
            T v = NORMAL(data[pos[i]]);
            memcpy(rows[i] + offset, &v, sizeof v);
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        bool valid = validity_get(validity, pos[i]);
        T v = valid ? NORMAL(data[pos[i]]) : 0;
        memcpy(rows[i] + offset, &v, sizeof v);
        if (!valid) rows[i][null_byte] |= null_mask;
    }
}

static void GLUE(gather, NAME)(T *restrict data, const uint8_t *const *restrict rows, uint32_t offset, int count) {
    for (int i = 0; i < count; i++) memcpy(&data[i], rows[i] + offset, sizeof(T));
}

static void GLUE(match, NAME)(bool *restrict match, const uint8_t *const *restrict rows, uint32_t offset,
                              uint32_t null_byte, uint8_t null_mask, const T *restrict data,
                              const uint64_t *restrict validity, const sel_index *restrict pos, int count) {
    if (!validity) {
        for (int i = 0; i < count; i++) {
            T v;
            memcpy(&v, rows[i] + offset, sizeof v);
            match[i] &= (v == NORMAL(data[pos[i]])) & !(rows[i][null_byte] & null_mask);
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        T v;
        memcpy(&v, rows[i] + offset, sizeof v);
        bool row_null = (rows[i][null_byte] & null_mask) != 0, null = !validity_get(validity, pos[i]);
        match[i] &= (row_null == null) & (null | (v == NORMAL(data[pos[i]])));
    }
}

#undef GLUE
#undef GLUE_
#undef T
#undef NAME
#undef NORMAL
