/* Include-template: move_<MOVE_K>(dst, src, constant, sel, count) copies fixed-width values of type MOVE_T. */
#define MOVE_GLUE_(a, b) a##b
#define MOVE_GLUE(a, b) MOVE_GLUE_(a, b)

static void MOVE_GLUE(move_, MOVE_K)(MOVE_T *restrict dst, const MOVE_T *restrict src, bool constant,
                                     const sel_index *restrict sel, int count) {
    if (constant) {
        const MOVE_T value = src[0];
        if (sel)
            for (int i = 0; i < count; i++) dst[sel[i]] = value;
        else
            for (int i = 0; i < count; i++) dst[i] = value;
    } else if (sel) {
        for (int i = 0; i < count; i++) dst[sel[i]] = src[sel[i]];
    } else {
        memcpy(dst, src, (size_t)count * sizeof *dst);
    }
}

#undef MOVE_GLUE_
#undef MOVE_GLUE
#undef MOVE_K
#undef MOVE_T
