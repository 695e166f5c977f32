/* Comparison loops: the template for every type, strings, and the table that finds them. */
#include "kernel/kernel.h"

#include <stdint.h>

#define COMPARE_K u8
#define COMPARE_T uint8_t
#include "kernel/compare_template.h"
#define COMPARE_K i8
#define COMPARE_T int8_t
#include "kernel/compare_template.h"
#define COMPARE_K i16
#define COMPARE_T int16_t
#include "kernel/compare_template.h"
#define COMPARE_K i32
#define COMPARE_T int32_t
#include "kernel/compare_template.h"
#define COMPARE_K i64
#define COMPARE_T int64_t
#include "kernel/compare_template.h"
#define COMPARE_K i128
#define COMPARE_T int128
#include "kernel/compare_template.h"
#define COMPARE_K f32
#define COMPARE_T float
#include "kernel/compare_template.h"
#define COMPARE_K f64
#define COMPARE_T double
#include "kernel/compare_template.h"

#define LOOP_NAME eq_str
#define LOOP_A struct strview
#define LOOP_B struct strview
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = strview_equal(&x, &y)
#include "kernel/binary_loop.h"

#define LOOP_NAME ne_str
#define LOOP_A struct strview
#define LOOP_B struct strview
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = !strview_equal(&x, &y)
#include "kernel/binary_loop.h"

/* The first four bytes decide most orders without following a pointer. */
static inline int order_str(const struct strview *a, const struct strview *b) {
    uint32_t x, y;
    memcpy(&x, a->inlined, 4);
    memcpy(&y, b->inlined, 4);
    if (x != y && a->len >= 4 && b->len >= 4) {
        x = __builtin_bswap32(x);
        y = __builtin_bswap32(y);
        return x < y ? -1 : 1;
    }
    return strview_compare(a, b);
}

#define LOOP_NAME lt_str
#define LOOP_A struct strview
#define LOOP_B struct strview
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = order_str(&x, &y) < 0
#include "kernel/binary_loop.h"

#define LOOP_NAME le_str
#define LOOP_A struct strview
#define LOOP_B struct strview
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = order_str(&x, &y) <= 0
#include "kernel/binary_loop.h"

#define LOOP_NAME gt_str
#define LOOP_A struct strview
#define LOOP_B struct strview
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = order_str(&x, &y) > 0
#include "kernel/binary_loop.h"

#define LOOP_NAME ge_str
#define LOOP_A struct strview
#define LOOP_B struct strview
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = order_str(&x, &y) >= 0
#include "kernel/binary_loop.h"

#define OPS(k)                                                                                                         \
    { eq_##k, ne_##k, lt_##k, le_##k, gt_##k, ge_##k }

kernel_binary kernel_compare(enum compare_op op, enum phys phys) {
    static const kernel_binary loops[PHYS_COUNT][COMPARE_OP_COUNT] = {
        [PHYS_BOOL] = OPS(u8), [PHYS_I8] = OPS(i8),   [PHYS_I16] = OPS(i16),
        [PHYS_I32] = OPS(i32), [PHYS_I64] = OPS(i64), [PHYS_I128] = OPS(i128),
        [PHYS_F32] = OPS(f32), [PHYS_F64] = OPS(f64), [PHYS_STR] = OPS(str),
    };
    return loops[phys][op];
}

enum compare_op compare_op_mirror(enum compare_op op) {
    static const enum compare_op mirrored[COMPARE_OP_COUNT] = {
        [COMPARE_EQ] = COMPARE_EQ, [COMPARE_NE] = COMPARE_NE, [COMPARE_LT] = COMPARE_GT,
        [COMPARE_LE] = COMPARE_GE, [COMPARE_GT] = COMPARE_LT, [COMPARE_GE] = COMPARE_LE,
    };
    return mirrored[op];
}
