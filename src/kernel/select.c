/* From booleans and validity to selections, without branches per row: every row is written, the position moves on only
 * for those that belong. Reading never falls behind writing, so a selection can be narrowed in place. */
#include "kernel/kernel.h"

static int select_all(const sel_index *sel, int count, sel_index *out) {
    if (sel && sel != out)
        memmove(out, sel, (size_t)count * sizeof *out);
    else if (!sel)
        for (int i = 0; i < count; i++) out[i] = (sel_index)i;
    return count;
}

/* Rows whose byte, xor flip, is 1. */
static int select_bytes(const uint8_t *data, uint8_t flip, const sel_index *sel, int count, sel_index *out) {
    int n = 0;
    if (sel) {
        for (int i = 0; i < count; i++) {
            sel_index row = sel[i];
            out[n] = row;
            n += (data[row] ^ flip) & 1;
        }
    } else {
        for (int i = 0; i < count; i++) {
            out[n] = (sel_index)i;
            n += (data[i] ^ flip) & 1;
        }
    }
    return n;
}

/* Rows for which ((byte ^ flip) & (valid | !need_valid)) | (null & take_null). */
static int select_nullable(const uint8_t *data, uint8_t flip, const uint64_t *validity, bool take_null,
                           const sel_index *sel, int count, sel_index *out) {
    int n = 0;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        unsigned valid = (unsigned)(validity[row >> 6] >> (row & 63)) & 1;
        unsigned hit = (unsigned)(data[row] ^ flip) & 1;
        out[n] = (sel_index)row;
        n += (int)((hit & valid) | (take_null & (valid ^ 1)));
    }
    return n;
}

static int select_bits(const uint64_t *validity, bool want, const sel_index *sel, int count, sel_index *out) {
    int n = 0;
    if (sel) {
        for (int i = 0; i < count; i++) {
            int row = sel[i];
            out[n] = (sel_index)row;
            n += (int)(validity[row >> 6] >> (row & 63) & 1) ^ !want;
        }
        return n;
    }
    for (int from = 0; from < count; from += 64) {
        uint64_t word = want ? validity[from >> 6] : ~validity[from >> 6];
        int rows = count - from < 64 ? count - from : 64;
        if (word == ~UINT64_C(0)) {
            for (int i = 0; i < rows; i++) out[n + i] = (sel_index)(from + i);
            n += rows;
        } else if (word) {
            for (int i = 0; i < rows; i++) {
                out[n] = (sel_index)(from + i);
                n += (int)(word >> i & 1);
            }
        }
    }
    return n;
}

int kernel_select_valid(const uint64_t *validity, const sel_index *sel, int count, sel_index *out) {
    return validity ? select_bits(validity, true, sel, count, out) : select_all(sel, count, out);
}

int kernel_select(const struct vector *vec, enum truth truth, const sel_index *sel, int count, sel_index *out) {
    if (vec->form == VECTOR_CONST || vec->phys == PHYS_NULL) {
        bool valid = vec->phys != PHYS_NULL && validity_get(vec->validity, 0);
        bool value = valid && vec->phys == PHYS_BOOL && (*(const uint8_t *)vec->data & 1);
        bool hit = false;
        switch (truth) {
        case TRUTH_TRUE: hit = value; break;
        case TRUTH_NOT_TRUE: hit = !value; break;
        case TRUTH_NOT_FALSE: hit = !valid || value; break;
        case TRUTH_FALSE: hit = valid && !value; break;
        case TRUTH_NULL: hit = !valid; break;
        case TRUTH_NOT_NULL: hit = valid; break;
        }
        return hit ? select_all(sel, count, out) : 0;
    }
    if (truth == TRUTH_NULL) return vec->validity ? select_bits(vec->validity, false, sel, count, out) : 0;
    if (truth == TRUTH_NOT_NULL) return kernel_select_valid(vec->validity, sel, count, out);
    uint8_t flip = truth == TRUTH_NOT_TRUE || truth == TRUTH_FALSE;
    if (!vec->validity) return select_bytes(vec->data, flip, sel, count, out);
    return select_nullable(vec->data, flip, vec->validity, truth == TRUTH_NOT_TRUE || truth == TRUTH_NOT_FALSE, sel,
                           count, out);
}

int kernel_split(const struct vector *vec, const sel_index *sel, int count, sel_index *yes, sel_index *no) {
    if (vec->form == VECTOR_CONST) {
        int hits = kernel_select(vec, TRUTH_TRUE, sel, count, yes);
        if (hits == 0) select_all(sel, count, no);
        return hits;
    }
    const uint8_t *data = vec->data;
    int y = 0, n = 0;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int hit = data[row] & 1 & (int)validity_get(vec->validity, row);
        yes[y] = (sel_index)row;
        no[n] = (sel_index)row;
        y += hit;
        n += hit ^ 1;
    }
    return y;
}
