/* Include-template: the six comparisons of one type.
 *     #define COMPARE_K i32, COMPARE_T int32_t */

#define COMPARE_GLUE_(a, b) a##b
#define COMPARE_GLUE(a, b) COMPARE_GLUE_(a, b)

#define LOOP_NAME COMPARE_GLUE(eq_, COMPARE_K)
#define LOOP_A COMPARE_T
#define LOOP_B COMPARE_T
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = x == y
#include "kernel/binary_loop.h"

#define LOOP_NAME COMPARE_GLUE(ne_, COMPARE_K)
#define LOOP_A COMPARE_T
#define LOOP_B COMPARE_T
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = x != y
#include "kernel/binary_loop.h"

#define LOOP_NAME COMPARE_GLUE(lt_, COMPARE_K)
#define LOOP_A COMPARE_T
#define LOOP_B COMPARE_T
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = x < y
#include "kernel/binary_loop.h"

#define LOOP_NAME COMPARE_GLUE(le_, COMPARE_K)
#define LOOP_A COMPARE_T
#define LOOP_B COMPARE_T
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = x <= y
#include "kernel/binary_loop.h"

#define LOOP_NAME COMPARE_GLUE(gt_, COMPARE_K)
#define LOOP_A COMPARE_T
#define LOOP_B COMPARE_T
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = x > y
#include "kernel/binary_loop.h"

#define LOOP_NAME COMPARE_GLUE(ge_, COMPARE_K)
#define LOOP_A COMPARE_T
#define LOOP_B COMPARE_T
#define LOOP_R uint8_t
#define LOOP_OP(x, y, r, bad) r = x >= y
#include "kernel/binary_loop.h"

#undef COMPARE_GLUE_
#undef COMPARE_GLUE
#undef COMPARE_K
#undef COMPARE_T
