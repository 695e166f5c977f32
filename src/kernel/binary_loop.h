/* Include-template: one loop over two arguments.
 *
 *     #define LOOP_NAME  add_i32            the function made: static int add_i32(a, b, out, sel, count), see kernel.h
 *     #define LOOP_A     int32_t            element types of the arguments and of the result
 *     #define LOOP_B     int32_t
 *     #define LOOP_R     int32_t
 *     #define LOOP_BAD   uint32_t           integer type of the failure flag, so that it fits the vector lanes;
 *                                           not defined: the loop cannot fail
 *     #define LOOP_PARAM struct ...         type of a parameter block `p`; not defined: none
 *     #define LOOP_OP(x, y, r, bad)         statements: set r from x and y, or something non-zero into bad (|=)
 *     #include "kernel/binary_loop.h"
 *
 * LOOP_OP must not trap for any x and y. The body is instantiated for flat-flat, flat-const and const-flat, with and
 * without a selection, so that the compiler sees plain arrays and vectorises. A failure is only a flag; a slow second
 * pass finds its row. All macros are undefined at the end. */

#define LOOP_GLUE_(a, b) a##b
#define LOOP_GLUE(a, b) LOOP_GLUE_(a, b)
#define LOOP_BODY LOOP_GLUE(LOOP_NAME, _body)
#define LOOP_FIND LOOP_GLUE(LOOP_NAME, _find)

#ifdef LOOP_PARAM
#define LOOP_PARAM_DECL const LOOP_PARAM *restrict p,
#define LOOP_PARAM_PASS p,
#define LOOP_PARAM_USE (void)p
#else
#define LOOP_PARAM_DECL
#define LOOP_PARAM_PASS
#define LOOP_PARAM_USE (void)0
#endif
#ifdef LOOP_BAD
#define LOOP_FLAG LOOP_BAD
#else
#define LOOP_FLAG uint32_t
#endif

static inline __attribute__((always_inline)) LOOP_FLAG LOOP_BODY(LOOP_PARAM_DECL const LOOP_A *restrict a,
                                                                 const LOOP_B *restrict b, LOOP_R *restrict out,
                                                                 const sel_index *restrict sel, int count,
                                                                 const bool a_const, const bool b_const) {
    LOOP_FLAG bad = 0;
    LOOP_PARAM_USE;
    if (sel) {
        for (int i = 0; i < count; i++) {
            const int row = sel[i];
            const LOOP_A x = a[a_const ? 0 : row];
            const LOOP_B y = b[b_const ? 0 : row];
            LOOP_R r;
            LOOP_OP(x, y, r, bad);
            out[row] = r;
        }
    } else {
        for (int i = 0; i < count; i++) {
            const LOOP_A x = a[a_const ? 0 : i];
            const LOOP_B y = b[b_const ? 0 : i];
            LOOP_R r;
            LOOP_OP(x, y, r, bad);
            out[i] = r;
        }
    }
    return bad;
}

#ifdef LOOP_BAD
static __attribute__((cold, noinline)) int LOOP_FIND(LOOP_PARAM_DECL const struct vector *a, const struct vector *b,
                                                     const struct vector *out, const sel_index *sel, int count) {
    LOOP_PARAM_USE;
    for (int i = 0; i < count; i++) {
        const int row = sel ? sel[i] : i;
        if (!validity_get(out->validity, row)) continue;
        const LOOP_A x = ((const LOOP_A *)a->data)[a->form == VECTOR_CONST ? 0 : row];
        const LOOP_B y = ((const LOOP_B *)b->data)[b->form == VECTOR_CONST ? 0 : row];
        LOOP_R r;
        LOOP_FLAG bad = 0;
        LOOP_OP(x, y, r, bad);
        (void)r;
        if (bad) return row;
    }
    return -1;
}
#endif

static int LOOP_NAME(LOOP_PARAM_DECL const struct vector *a, const struct vector *b, struct vector *out,
                     const sel_index *sel, int count) {
    const LOOP_A *x = a->data;
    const LOOP_B *y = b->data;
    LOOP_R *r = out->data;
    LOOP_FLAG bad;
    if (b->form == VECTOR_CONST)
        bad = a->form == VECTOR_CONST ? LOOP_BODY(LOOP_PARAM_PASS x, y, r, sel, count, true, true)
                                      : LOOP_BODY(LOOP_PARAM_PASS x, y, r, sel, count, false, true);
    else if (a->form == VECTOR_CONST)
        bad = LOOP_BODY(LOOP_PARAM_PASS x, y, r, sel, count, true, false);
    else
        bad = LOOP_BODY(LOOP_PARAM_PASS x, y, r, sel, count, false, false);
#ifdef LOOP_BAD
    if (__builtin_expect(bad != 0, 0)) return LOOP_FIND(LOOP_PARAM_PASS a, b, out, sel, count);
#else
    (void)bad;
#endif
    return -1;
}

#undef LOOP_GLUE_
#undef LOOP_GLUE
#undef LOOP_BODY
#undef LOOP_FIND
#undef LOOP_PARAM_DECL
#undef LOOP_PARAM_PASS
#undef LOOP_PARAM_USE
#undef LOOP_FLAG
#undef LOOP_NAME
#undef LOOP_A
#undef LOOP_B
#undef LOOP_R
#undef LOOP_BAD
#undef LOOP_PARAM
#undef LOOP_OP
