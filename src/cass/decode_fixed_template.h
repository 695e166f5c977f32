/* Include-template: decodes values of one width. Define T (an unsigned type), NAME, LOAD(p) (a T from the bytes at p), then
 * include. decode_<NAME> fills out[0 … count-1] and returns the first malformed cell's index, or count. */
#define GLUE_(a, b) a##_##b
#define GLUE(a, b) GLUE_(a, b)

static int GLUE(decode, NAME)(const struct column *c, T *restrict out) {
    const uint8_t *base = c->base;
    const struct cass_cell *cells = c->cells;
    int count = c->count;
    for (int i = 0; i < count; i++) {
        if (__builtin_expect(cells[i].len == (int32_t)sizeof(T), 1)) {
            out[i] = LOAD(base + cells[i].offset);
        } else if (cells[i].len <= 0) {
            out[i] = 0;
            set_null(c, i);
        } else {
            return i;
        }
    }
    return count;
}

#undef GLUE
#undef GLUE_
#undef T
#undef NAME
#undef LOAD
