/* AND, OR, NOT on BOOLEAN bytes with validity bits: dense rows by words of 64, rows of a selection one by one. */
#include "kernel/kernel.h"

/* 64 bytes of 0 and 1 as one word, byte i to bit i. The product moves the low bits of eight bytes next to each other. */
static inline uint64_t pack_bytes(const uint8_t *bytes, int count) {
    uint64_t word = 0;
    int i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t eight;
        memcpy(&eight, bytes + i, 8);
        word |= ((eight & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080) >> 56) << i;
    }
    for (; i < count; i++) word |= (uint64_t)(bytes[i] & 1) << i;
    return word;
}

struct operand {
    const uint8_t *data;
    const uint64_t *validity;
    bool constant;
};

static struct operand operand_of(const struct vector *vec) {
    return (struct operand){vec->data, vec->validity, vec->form == VECTOR_CONST};
}
static inline uint64_t values_word(const struct operand *o, int from, int count) {
    if (o->constant) return o->data[0] & 1 ? ~UINT64_C(0) : 0;
    return pack_bytes(o->data + from, count);
}
static inline uint64_t valid_word(const struct operand *o, int from) {
    if (!o->validity) return ~UINT64_C(0);
    if (o->constant) return o->validity[0] & 1 ? ~UINT64_C(0) : 0;
    return o->validity[from >> 6];
}
static inline bool value_at(const struct operand *o, int row) { return o->data[o->constant ? 0 : row] & 1; }
static inline bool valid_at(const struct operand *o, int row) {
    return validity_get(o->validity, o->constant ? 0 : row);
}

static void combine(const struct vector *a, const struct vector *b, struct vector *out, const sel_index *sel, int count,
                    const bool is_and) {
    struct operand x = operand_of(a), y = operand_of(b);
    uint8_t *r = out->data;
    uint64_t *validity = out->validity;
    if (sel) {
        for (int i = 0; i < count; i++) {
            int row = sel[i];
            bool xv = value_at(&x, row), yv = value_at(&y, row);
            if (validity) {
                bool xk = valid_at(&x, row), yk = valid_at(&y, row);
                bool decided = is_and ? (xk & !xv) | (yk & !yv) : (xk & xv) | (yk & yv);
                uint64_t bit = UINT64_C(1) << (row & 63);
                validity[row >> 6] = (validity[row >> 6] & ~bit) | (((xk & yk) | decided) ? bit : 0);
                r[row] = is_and ? (xk & xv) & (yk & yv) : decided;
            } else {
                r[row] = is_and ? xv & yv : xv | yv;
            }
        }
        return;
    }
    if (!validity) {
        if (x.constant || y.constant) {
            uint8_t value = (x.constant ? x.data : y.data)[0] & 1;
            const uint8_t *other = x.constant ? y.data : x.data;
            if (x.constant && y.constant) {
                memset(r, is_and ? value & (y.data[0] & 1) : value | (y.data[0] & 1), (size_t)count);
            } else if (is_and) {
                for (int i = 0; i < count; i++) r[i] = other[i] & value;
            } else {
                for (int i = 0; i < count; i++) r[i] = other[i] | value;
            }
        } else if (is_and) {
            for (int i = 0; i < count; i++) r[i] = x.data[i] & y.data[i];
        } else {
            for (int i = 0; i < count; i++) r[i] = x.data[i] | y.data[i];
        }
        return;
    }
    for (int from = 0; from < count; from += 64) {
        int n = count - from < 64 ? count - from : 64;
        uint64_t xv = values_word(&x, from, n), yv = values_word(&y, from, n);
        uint64_t xk = valid_word(&x, from), yk = valid_word(&y, from);
        uint64_t decided = is_and ? (xk & ~xv) | (yk & ~yv) : (xk & xv) | (yk & yv);
        uint64_t value = is_and ? xk & xv & yk & yv : decided;
        validity[from >> 6] = (xk & yk) | decided;
        for (int i = 0; i < n; i++) r[from + i] = value >> i & 1;
    }
}

void kernel_and(const struct vector *a, const struct vector *b, struct vector *out, const sel_index *sel, int count) {
    combine(a, b, out, sel, count, true);
}

void kernel_or(const struct vector *a, const struct vector *b, struct vector *out, const sel_index *sel, int count) {
    combine(a, b, out, sel, count, false);
}

#define LOOP_NAME not_u8
#define LOOP_A uint8_t
#define LOOP_R uint8_t
#define LOOP_OP(x, r, bad) r = (x & 1) ^ 1
#include "kernel/unary_loop.h"

void kernel_not(const struct vector *a, struct vector *out, const sel_index *sel, int count) {
    (void)not_u8(a, out, sel, count);
}
