/* DECIMAL arithmetic. Where precision and scale of the result are the exact ones (not cut at 38 digits), plain integer
 * arithmetic cannot overflow and needs no check; otherwise every row goes through types/decimal.h. */
#include "kernel/kernel.h"

#include "types/decimal.h"

/* ---- 64-bit results from 64-bit arguments ---- */

#define LOOP_NAME add_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int64_t
#define LOOP_R int64_t
#define LOOP_OP(x, y, r, bad)                                                                                          \
    r = (int64_t)((uint64_t)x * (uint64_t)p->a_factor64 + (uint64_t)y * (uint64_t)p->b_factor64)
#include "kernel/binary_loop.h"

#define LOOP_NAME add_same_scale_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int64_t
#define LOOP_R int64_t
#define LOOP_OP(x, y, r, bad) r = (int64_t)((uint64_t)x + (uint64_t)y)
#include "kernel/binary_loop.h"

#define LOOP_NAME subtract_same_scale_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int64_t
#define LOOP_R int64_t
#define LOOP_OP(x, y, r, bad) r = (int64_t)((uint64_t)x - (uint64_t)y)
#include "kernel/binary_loop.h"

#define LOOP_NAME multiply_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int64_t
#define LOOP_R int64_t
#define LOOP_OP(x, y, r, bad) r = (int64_t)((uint64_t)x * (uint64_t)y)
#include "kernel/binary_loop.h"

/* ---- 128-bit results ---- */

#define ADD_128(x, y, r, bad)                                                                                          \
    r = (int128)((uint128)(int128)x * (uint128)p->a_factor + (uint128)(int128)y * (uint128)p->b_factor)
#define MULTIPLY_128(x, y, r, bad) r = (int128)((uint128)(int128)x * (uint128)(int128)y)

#define LOOP_NAME add_128_64_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int64_t
#define LOOP_R int128
#define LOOP_OP ADD_128
#include "kernel/binary_loop.h"

#define LOOP_NAME add_128_64_128
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int128
#define LOOP_R int128
#define LOOP_OP ADD_128
#include "kernel/binary_loop.h"

#define LOOP_NAME add_128_128_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int128
#define LOOP_B int64_t
#define LOOP_R int128
#define LOOP_OP ADD_128
#include "kernel/binary_loop.h"

#define LOOP_NAME add_128_128_128
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int128
#define LOOP_B int128
#define LOOP_R int128
#define LOOP_OP ADD_128
#include "kernel/binary_loop.h"

#define LOOP_NAME multiply_128_64_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int64_t
#define LOOP_R int128
#define LOOP_OP(x, y, r, bad) r = (int128)x * (int128)y
#include "kernel/binary_loop.h"

#define LOOP_NAME multiply_128_64_128
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int64_t
#define LOOP_B int128
#define LOOP_R int128
#define LOOP_OP MULTIPLY_128
#include "kernel/binary_loop.h"

#define LOOP_NAME multiply_128_128_64
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int128
#define LOOP_B int64_t
#define LOOP_R int128
#define LOOP_OP MULTIPLY_128
#include "kernel/binary_loop.h"

#define LOOP_NAME multiply_128_128_128
#define LOOP_PARAM struct decimal_operation
#define LOOP_A int128
#define LOOP_B int128
#define LOOP_R int128
#define LOOP_OP MULTIPLY_128
#include "kernel/binary_loop.h"

/* ---- the general case ---- */

static inline int128 load(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) row = 0;
    return vec->phys == PHYS_I64 ? (int128)((const int64_t *)vec->data)[row] : ((const int128 *)vec->data)[row];
}

static int general(const struct decimal_operation *o, const struct vector *a, const struct vector *b,
                   struct vector *out, const sel_index *sel, int count) {
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int128 r = 0, x = load(a, row), y = load(b, row);
        bool valid = validity_get(out->validity, row), ok = !valid;
        if (valid) switch (o->op) {
            case ARITH_ADD: ok = decimal_add(x, o->a_scale, y, o->b_scale, o->precision, o->scale, &r); break;
            case ARITH_SUBTRACT: ok = decimal_subtract(x, o->a_scale, y, o->b_scale, o->precision, o->scale, &r); break;
            case ARITH_MULTIPLY: ok = decimal_multiply(x, o->a_scale, y, o->b_scale, o->precision, o->scale, &r); break;
            case ARITH_DIVIDE:
                ok = y != 0 && decimal_divide(x, o->a_scale, y, o->b_scale, o->precision, o->scale, &r);
                break;
            case ARITH_REMAINDER:
                ok = y != 0 && decimal_remainder(x, o->a_scale, y, o->b_scale, o->precision, o->scale, &r);
                break;
            case ARITH_OP_COUNT: break;
            }
        if (!ok) return row;
        if (out->phys == PHYS_I64)
            ((int64_t *)out->data)[row] = (int64_t)r;
        else
            ((int128 *)out->data)[row] = r;
    }
    return -1;
}

/* Division when the dividend, brought to the result's scale, still fits 128 bits: rounds half away from zero. */
static int divide_128(const struct decimal_operation *o, const struct vector *a, const struct vector *b,
                      struct vector *out, const sel_index *sel, int count) {
    int128 limit = decimal_pow10(o->precision);
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int128 x = load(a, row), y = load(b, row), r = 0;
        bool valid = validity_get(out->validity, row), ok = !valid;
        if (valid && y != 0) {
            x *= o->a_factor;
            int128 rest;
            if (x == (int64_t)x && y == (int64_t)y && y != -1) { /* a 64-bit division is several times faster */
                r = (int64_t)x / (int64_t)y;
                rest = (int64_t)x % (int64_t)y;
            } else {
                r = x / y;
                rest = x % y;
            }
            if (rest < 0) rest = -rest;
            int128 divisor = y < 0 ? -y : y;
            if (rest >= divisor - rest) r += (x < 0) != (y < 0) ? -1 : 1;
            ok = r > -limit && r < limit;
        }
        if (!ok) return row;
        if (out->phys == PHYS_I64)
            ((int64_t *)out->data)[row] = (int64_t)r;
        else
            ((int128 *)out->data)[row] = r;
    }
    return -1;
}

static int max_int(int a, int b) { return a > b ? a : b; }

void decimal_operation_init(struct decimal_operation *o) {
    bool a64 = o->a_precision <= TYPE_MAX_DECIMAL64, b64 = o->b_precision <= TYPE_MAX_DECIMAL64;
    bool out64 = o->precision <= TYPE_MAX_DECIMAL64;
    o->loop = general;
    o->fallible = true;
    switch (o->op) {
    case ARITH_ADD:
    case ARITH_SUBTRACT: {
        int scale = max_int(o->a_scale, o->b_scale);
        int digits = max_int(o->a_precision - o->a_scale, o->b_precision - o->b_scale) + scale + 1;
        if (o->scale != scale || o->precision < digits) break;
        o->a_factor = decimal_pow10(scale - o->a_scale);
        o->b_factor = decimal_pow10(scale - o->b_scale);
        if (o->op == ARITH_SUBTRACT) o->b_factor = -o->b_factor;
        o->fallible = false;
        if (out64) {
            o->a_factor64 = (int64_t)o->a_factor;
            o->b_factor64 = (int64_t)o->b_factor;
            o->loop = o->a_scale != o->b_scale ? add_64
                      : o->op == ARITH_ADD     ? add_same_scale_64
                                               : subtract_same_scale_64;
        } else {
            o->loop = a64 ? (b64 ? add_128_64_64 : add_128_64_128) : (b64 ? add_128_128_64 : add_128_128_128);
        }
        break;
    }
    case ARITH_MULTIPLY:
        if (o->scale != o->a_scale + o->b_scale || o->precision < o->a_precision + o->b_precision) break;
        o->fallible = false;
        if (out64)
            o->loop = multiply_64;
        else
            o->loop = a64 ? (b64 ? multiply_128_64_64 : multiply_128_64_128)
                          : (b64 ? multiply_128_128_64 : multiply_128_128_128);
        break;
    case ARITH_DIVIDE: {
        int shift = o->scale + o->b_scale - o->a_scale;
        if (shift < 0 || o->a_precision + shift > TYPE_MAX_PRECISION) break;
        o->a_factor = decimal_pow10(shift);
        o->loop = divide_128;
        break;
    }
    case ARITH_REMAINDER:
    case ARITH_OP_COUNT: break;
    }
}
