/* Include-template: copies of fixed-width values. Define T (the C type) and NAME (a suffix), then include.
 * gather_<NAME>: dst[i] = src[sel[i]];  fill_<NAME>: dst[i] = value;  i in 0 … count-1. */
#define GLUE_(a, b) a##_##b
#define GLUE(a, b) GLUE_(a, b)

static void GLUE(gather, NAME)(T *restrict dst, const T *restrict src, const sel_index *restrict sel, int count) {
    for (int i = 0; i < count; i++) dst[i] = src[sel[i]];
}

static void GLUE(fill, NAME)(T *restrict dst, T value, int count) {
    for (int i = 0; i < count; i++) dst[i] = value;
}

#undef GLUE
#undef GLUE_
#undef T
#undef NAME
