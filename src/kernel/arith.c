/* Arithmetic loops: the templates for every type, and the table that finds them. */
#include "kernel/kernel.h"

#include <math.h>
#include <stdint.h>

#define ARITH_K i8
#define ARITH_T int8_t
#define ARITH_U uint8_t
#define ARITH_W int16_t
#define ARITH_MIN INT8_MIN
#include "kernel/arith_template.h"

#define ARITH_K i16
#define ARITH_T int16_t
#define ARITH_U uint16_t
#define ARITH_W int32_t
#define ARITH_MIN INT16_MIN
#include "kernel/arith_template.h"

#define ARITH_K i32
#define ARITH_T int32_t
#define ARITH_U uint32_t
#define ARITH_W int64_t
#define ARITH_MIN INT32_MIN
#include "kernel/arith_template.h"

#define ARITH_K i64
#define ARITH_T int64_t
#define ARITH_U uint64_t
#define ARITH_MIN INT64_MIN
#include "kernel/arith_template.h"

#define ARITH_K f32
#define ARITH_T float
#define ARITH_FMOD fmodf
#define ARITH_FABS fabsf
#include "kernel/arith_float_template.h"

#define ARITH_K f64
#define ARITH_T double
#define ARITH_FMOD fmod
#define ARITH_FABS fabs
#include "kernel/arith_float_template.h"

#define LOOP_NAME negate_i128
#define LOOP_A int128
#define LOOP_R int128
#define LOOP_OP(x, r, bad) r = (int128)(-(uint128)x)
#include "kernel/unary_loop.h"

#define LOOP_NAME abs_i128
#define LOOP_A int128
#define LOOP_R int128
#define LOOP_OP(x, r, bad) r = (int128)(x < 0 ? -(uint128)x : (uint128)x)
#include "kernel/unary_loop.h"

#define LOOP_NAME sign_i128
#define LOOP_A int128
#define LOOP_R int128
#define LOOP_OP(x, r, bad) r = (x > 0) - (x < 0)
#include "kernel/unary_loop.h"

#define OPS(k)                                                                                                         \
    { add_##k, subtract_##k, multiply_##k, divide_##k, remainder_##k }
#define UNARY_OPS(k)                                                                                                   \
    { negate_##k, abs_##k, sign_##k }

kernel_binary kernel_arith(enum arith_op op, enum phys phys) {
    static const kernel_binary loops[PHYS_COUNT][ARITH_OP_COUNT] = {
        [PHYS_I8] = OPS(i8),   [PHYS_I16] = OPS(i16), [PHYS_I32] = OPS(i32),
        [PHYS_I64] = OPS(i64), [PHYS_F32] = OPS(f32), [PHYS_F64] = OPS(f64),
    };
    return loops[phys][op];
}

kernel_unary kernel_arith_unary(enum arith_unary_op op, enum phys phys) {
    static const kernel_unary loops[PHYS_COUNT][ARITH_UNARY_OP_COUNT] = {
        [PHYS_I8] = UNARY_OPS(i8),     [PHYS_I16] = UNARY_OPS(i16), [PHYS_I32] = UNARY_OPS(i32),
        [PHYS_I64] = UNARY_OPS(i64),   [PHYS_F32] = UNARY_OPS(f32), [PHYS_F64] = UNARY_OPS(f64),
        [PHYS_I128] = UNARY_OPS(i128),
    };
    return loops[phys][op];
}
