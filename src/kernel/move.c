/* Copies between vectors at equal rows: how CASE, COALESCE and IF put their branches together. */
#include "kernel/kernel.h"

#include "column/validity.h"

#define MOVE_K 8
#define MOVE_T uint8_t
#include "kernel/move_template.h"
#define MOVE_K 16
#define MOVE_T uint16_t
#include "kernel/move_template.h"
#define MOVE_K 32
#define MOVE_T uint32_t
#include "kernel/move_template.h"
#define MOVE_K 64
#define MOVE_T uint64_t
#include "kernel/move_template.h"
#define MOVE_K 128
#define MOVE_T uint128
#include "kernel/move_template.h"
#define MOVE_K str
#define MOVE_T struct strview
#include "kernel/move_template.h"

static void move_validity(struct vector *dst, const struct vector *src, const sel_index *sel, int count,
                          struct arena *arena, int capacity) {
    bool constant = src->form == VECTOR_CONST;
    if (!src->validity || (constant && src->validity[0] & 1)) {
        if (!dst->validity) return;
        if (sel)
            for (int i = 0; i < count; i++) validity_set_valid(dst->validity, sel[i]);
        else
            validity_fill(dst->validity, 0, count);
        return;
    }
    uint64_t *validity = vector_validity(dst, arena, capacity);
    if (sel) {
        for (int i = 0; i < count; i++) {
            int row = sel[i];
            uint64_t bit = UINT64_C(1) << (row & 63);
            bool valid = constant ? false : src->validity[row >> 6] >> (row & 63) & 1;
            validity[row >> 6] = (validity[row >> 6] & ~bit) | (valid ? bit : 0);
        }
        return;
    }
    for (int from = 0; from < count; from += 64) {
        int n = count - from < 64 ? count - from : 64;
        validity_put(validity, from, n, constant ? 0 : src->validity[from >> 6]);
    }
}

void kernel_move(struct vector *dst, const struct vector *src, const sel_index *sel, int count, struct arena *arena,
                 int capacity) {
    if (count <= 0) return;
    bool constant = src->form == VECTOR_CONST;
    if (dst->phys == PHYS_LIST || dst->phys == PHYS_ROW) {
        for (int i = 0; i < count; i++) {
            sel_index row = sel ? sel[i] : (sel_index)i;
            vector_append(dst, arena, capacity, row, src, &row, 1, false);
        }
        return;
    }
    if (dst->phys == PHYS_NULL) return;
    move_validity(dst, src, sel, count, arena, capacity);
    switch (dst->phys) {
    case PHYS_BOOL:
    case PHYS_I8: move_8(dst->data, src->data, constant, sel, count); break;
    case PHYS_I16: move_16(dst->data, src->data, constant, sel, count); break;
    case PHYS_I32:
    case PHYS_F32: move_32(dst->data, src->data, constant, sel, count); break;
    case PHYS_I64:
    case PHYS_F64: move_64(dst->data, src->data, constant, sel, count); break;
    case PHYS_I128: move_128(dst->data, src->data, constant, sel, count); break;
    case PHYS_STR: move_str(dst->data, src->data, constant, sel, count); break;
    default: break;
    }
}

uint64_t *kernel_validity_and(const uint64_t *a, const uint64_t *b, uint64_t *out, int row_count) {
    if (!a && !b) return NULL;
    int words = validity_words(row_count);
    if (a && b)
        for (int i = 0; i < words; i++) out[i] = a[i] & b[i];
    else if (out != (a ? a : b))
        memcpy(out, a ? a : b, (size_t)words * sizeof *out);
    return out;
}
