/* Include-template: integer arithmetic for one type.
 *     #define ARITH_K i32        suffix
 *     #define ARITH_T int32_t    signed type, ARITH_U its unsigned twin, ARITH_W a type that holds every product
 *     #define ARITH_MIN INT32_MIN
 * ARITH_W is left out for int64_t, whose products are checked by the compiler's builtin. */

#define ARITH_GLUE_(a, b) a##b
#define ARITH_GLUE(a, b) ARITH_GLUE_(a, b)

/* The sum overflowed when its sign differs from both arguments' signs. */
#define LOOP_NAME ARITH_GLUE(add_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_BAD ARITH_U
#define LOOP_OP(x, y, r, bad)                                                                                          \
    do {                                                                                                               \
        const ARITH_U sum_ = (ARITH_U)((ARITH_U)x + (ARITH_U)y);                                                       \
        bad |= (ARITH_U)(((ARITH_U)(sum_ ^ (ARITH_U)x) & (ARITH_U)(sum_ ^ (ARITH_U)y)) & (ARITH_U)ARITH_MIN);          \
        r = (ARITH_T)sum_;                                                                                             \
    } while (0)
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(subtract_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_BAD ARITH_U
#define LOOP_OP(x, y, r, bad)                                                                                          \
    do {                                                                                                               \
        const ARITH_U difference_ = (ARITH_U)((ARITH_U)x - (ARITH_U)y);                                                \
        bad |= (ARITH_U)(((ARITH_U)((ARITH_U)x ^ (ARITH_U)y) & (ARITH_U)((ARITH_U)x ^ difference_)) &                  \
                         (ARITH_U)ARITH_MIN);                                                                          \
        r = (ARITH_T)difference_;                                                                                      \
    } while (0)
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(multiply_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_BAD ARITH_U
#ifdef ARITH_W
#define LOOP_OP(x, y, r, bad)                                                                                          \
    do {                                                                                                               \
        const ARITH_W product_ = (ARITH_W)((ARITH_W)x * (ARITH_W)y);                                                   \
        r = (ARITH_T)product_;                                                                                         \
        bad |= (ARITH_U)(product_ != (ARITH_W)r);                                                                      \
    } while (0)
#else
#define LOOP_OP(x, y, r, bad) bad |= (ARITH_U)__builtin_mul_overflow(x, y, &r)
#endif
#include "kernel/binary_loop.h"

/* No trap: a divisor of 0, or -1 under the minimum, is replaced and flagged. */
#define LOOP_NAME ARITH_GLUE(divide_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_BAD ARITH_U
#define LOOP_OP(x, y, r, bad)                                                                                          \
    do {                                                                                                               \
        const bool wrong_ = (y == 0) | ((x == ARITH_MIN) & (y == -1));                                                 \
        bad |= wrong_;                                                                                                 \
        r = (ARITH_T)(x / (wrong_ ? (ARITH_T)1 : y));                                                                  \
    } while (0)
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(remainder_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_BAD ARITH_U
#define LOOP_OP(x, y, r, bad)                                                                                          \
    do {                                                                                                               \
        bad |= (y == 0);                                                                                               \
        r = (ARITH_T)(x % (((y == 0) | (y == -1)) ? (ARITH_T)1 : y));                                                  \
    } while (0)
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(negate_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_R ARITH_T
#define LOOP_BAD ARITH_U
#define LOOP_OP(x, r, bad)                                                                                             \
    do {                                                                                                               \
        bad |= (x == ARITH_MIN);                                                                                       \
        r = (ARITH_T)((ARITH_U)0 - (ARITH_U)x);                                                                        \
    } while (0)
#include "kernel/unary_loop.h"

#define LOOP_NAME ARITH_GLUE(abs_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_R ARITH_T
#define LOOP_BAD ARITH_U
#define LOOP_OP(x, r, bad)                                                                                             \
    do {                                                                                                               \
        bad |= (x == ARITH_MIN);                                                                                       \
        r = (ARITH_T)(x < 0 ? (ARITH_U)0 - (ARITH_U)x : (ARITH_U)x);                                                   \
    } while (0)
#include "kernel/unary_loop.h"

#define LOOP_NAME ARITH_GLUE(sign_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, r, bad) r = (ARITH_T)((x > 0) - (x < 0))
#include "kernel/unary_loop.h"

#undef ARITH_GLUE_
#undef ARITH_GLUE
#undef ARITH_K
#undef ARITH_T
#undef ARITH_U
#undef ARITH_W
#undef ARITH_MIN
