/* Include-template: casts of one integer type to all numbers.
 *     #define CAST_K i32, CAST_T int32_t */

#define CAST_GLUE_(a, b) a##b
#define CAST_GLUE(a, b) CAST_GLUE_(a, b)

/* Narrower targets check, wider ones compile to plain conversions: the comparison is constant there. */
#define LOOP_NAME CAST_GLUE(CAST_K, _to_i8)
#define LOOP_A CAST_T
#define LOOP_R int8_t
#define LOOP_BAD uint8_t
#define LOOP_OP(x, r, bad)                                                                                             \
    do {                                                                                                               \
        r = (int8_t)x;                                                                                                 \
        bad |= (uint8_t)((CAST_T)r != x);                                                                              \
    } while (0)
#include "kernel/unary_loop.h"

#define LOOP_NAME CAST_GLUE(CAST_K, _to_i16)
#define LOOP_A CAST_T
#define LOOP_R int16_t
#define LOOP_BAD uint16_t
#define LOOP_OP(x, r, bad)                                                                                             \
    do {                                                                                                               \
        r = (int16_t)x;                                                                                                \
        bad |= (uint16_t)((CAST_T)r != x);                                                                             \
    } while (0)
#include "kernel/unary_loop.h"

#define LOOP_NAME CAST_GLUE(CAST_K, _to_i32)
#define LOOP_A CAST_T
#define LOOP_R int32_t
#define LOOP_BAD uint32_t
#define LOOP_OP(x, r, bad)                                                                                             \
    do {                                                                                                               \
        r = (int32_t)x;                                                                                                \
        bad |= (uint32_t)((CAST_T)r != x);                                                                             \
    } while (0)
#include "kernel/unary_loop.h"

#define LOOP_NAME CAST_GLUE(CAST_K, _to_i64)
#define LOOP_A CAST_T
#define LOOP_R int64_t
#define LOOP_OP(x, r, bad) r = (int64_t)x
#include "kernel/unary_loop.h"

#define LOOP_NAME CAST_GLUE(CAST_K, _to_f32)
#define LOOP_A CAST_T
#define LOOP_R float
#define LOOP_OP(x, r, bad) r = (float)x
#include "kernel/unary_loop.h"

#define LOOP_NAME CAST_GLUE(CAST_K, _to_f64)
#define LOOP_A CAST_T
#define LOOP_R double
#define LOOP_OP(x, r, bad) r = (double)x
#include "kernel/unary_loop.h"

#define LOOP_NAME CAST_GLUE(CAST_K, _to_bool)
#define LOOP_A CAST_T
#define LOOP_R uint8_t
#define LOOP_OP(x, r, bad) r = x != 0
#include "kernel/unary_loop.h"

/* To DECIMAL(p<=18) and DECIMAL(p>18) whose precision holds every value: times 10^scale. */
#define LOOP_NAME CAST_GLUE(CAST_K, _to_decimal64)
#define LOOP_PARAM struct cast_operation
#define LOOP_A CAST_T
#define LOOP_R int64_t
#define LOOP_OP(x, r, bad) r = (int64_t)((uint64_t)(int64_t)x * (uint64_t)p->factor64)
#include "kernel/unary_loop.h"

#define LOOP_NAME CAST_GLUE(CAST_K, _to_decimal128)
#define LOOP_PARAM struct cast_operation
#define LOOP_A CAST_T
#define LOOP_R int128
#define LOOP_OP(x, r, bad) r = (int128)((uint128)(int128)x * (uint128)p->factor)
#include "kernel/unary_loop.h"

#undef CAST_GLUE_
#undef CAST_GLUE
#undef CAST_K
#undef CAST_T
