/* Include-template: floating-point arithmetic for one type.
 *     #define ARITH_K f64, ARITH_T double, ARITH_FMOD fmod, ARITH_FABS fabs */

#define ARITH_GLUE_(a, b) a##b
#define ARITH_GLUE(a, b) ARITH_GLUE_(a, b)

#define LOOP_NAME ARITH_GLUE(add_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, y, r, bad) r = x + y
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(subtract_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, y, r, bad) r = x - y
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(multiply_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, y, r, bad) r = x * y
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(divide_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, y, r, bad) r = x / y
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(remainder_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_B ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, y, r, bad) r = ARITH_FMOD(x, y)
#include "kernel/binary_loop.h"

#define LOOP_NAME ARITH_GLUE(negate_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, r, bad) r = -x
#include "kernel/unary_loop.h"

#define LOOP_NAME ARITH_GLUE(abs_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, r, bad) r = ARITH_FABS(x)
#include "kernel/unary_loop.h"

/* Java's signum: zeros and NaN are themselves. */
#define LOOP_NAME ARITH_GLUE(sign_, ARITH_K)
#define LOOP_A ARITH_T
#define LOOP_R ARITH_T
#define LOOP_OP(x, r, bad) r = x > 0 ? (ARITH_T)1 : x < 0 ? (ARITH_T)-1 : x
#include "kernel/unary_loop.h"

#undef ARITH_GLUE_
#undef ARITH_GLUE
#undef ARITH_K
#undef ARITH_T
#undef ARITH_FMOD
#undef ARITH_FABS
