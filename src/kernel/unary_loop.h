/* Include-template: one loop over one argument. As binary_loop.h without b:
 *     LOOP_NAME, LOOP_A, LOOP_R, LOOP_BAD (optional), LOOP_PARAM (optional), LOOP_OP(x, r, bad)
 * A CONST argument computes every listed row alike (the program calls with one row then). */

#define LOOP_GLUE_(a, b) a##b
#define LOOP_GLUE(a, b) LOOP_GLUE_(a, b)
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

#ifdef LOOP_BAD
static __attribute__((cold, noinline)) int LOOP_FIND(LOOP_PARAM_DECL const struct vector *a, const struct vector *out,
                                                     const sel_index *sel, int count) {
    LOOP_PARAM_USE;
    for (int i = 0; i < count; i++) {
        const int row = sel ? sel[i] : i;
        if (!validity_get(out->validity, row)) continue;
        const LOOP_A x = ((const LOOP_A *)a->data)[a->form == VECTOR_CONST ? 0 : row];
        LOOP_R r;
        LOOP_FLAG bad = 0;
        LOOP_OP(x, r, bad);
        (void)r;
        if (bad) return row;
    }
    return -1;
}
#endif

static int LOOP_NAME(LOOP_PARAM_DECL const struct vector *a, struct vector *out_vec, const sel_index *sel_rows,
                     int count) {
    const LOOP_A *restrict in = a->data;
    LOOP_R *restrict out = out_vec->data;
    const sel_index *restrict sel = sel_rows;
    LOOP_FLAG bad = 0;
    LOOP_PARAM_USE;
    if (a->form == VECTOR_CONST) {
        for (int i = 0; i < count; i++) {
            const LOOP_A x = in[0];
            LOOP_R r;
            LOOP_OP(x, r, bad);
            out[sel ? sel[i] : i] = r;
        }
    } else if (sel) {
        for (int i = 0; i < count; i++) {
            const int row = sel[i];
            const LOOP_A x = in[row];
            LOOP_R r;
            LOOP_OP(x, r, bad);
            out[row] = r;
        }
    } else {
        for (int i = 0; i < count; i++) {
            const LOOP_A x = in[i];
            LOOP_R r;
            LOOP_OP(x, r, bad);
            out[i] = r;
        }
    }
#ifdef LOOP_BAD
    if (__builtin_expect(bad != 0, 0)) return LOOP_FIND(LOOP_PARAM_PASS a, out_vec, sel_rows, count);
#else
    (void)bad;
#endif
    return -1;
}

#undef LOOP_GLUE_
#undef LOOP_GLUE
#undef LOOP_FIND
#undef LOOP_PARAM_DECL
#undef LOOP_PARAM_PASS
#undef LOOP_PARAM_USE
#undef LOOP_FLAG
#undef LOOP_NAME
#undef LOOP_A
#undef LOOP_R
#undef LOOP_BAD
#undef LOOP_PARAM
#undef LOOP_OP
