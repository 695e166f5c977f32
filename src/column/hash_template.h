/* Include-template: hashes one fixed-width column into out. Define T (the C type), NAME (a suffix) and KEY(v) (64 bits that
 * equal values share), then include.
 *
 * hash_<NAME>: for each live row r (sel[i], or i when sel is NULL; i in 0 … count-1) folds the hash of data[index[r]]
 * (index NULL: data[r]) into out[r]. validity NULL: no NULLs. first: out is set, not combined. */
#define GLUE_(a, b) a##_##b
#define GLUE(a, b) GLUE_(a, b)

static void GLUE(hash, NAME)(uint64_t *restrict out, const T *restrict data, const uint64_t *restrict validity,
                             const sel_index *restrict sel, const sel_index *restrict index, int count, bool first) {
    if (!validity && !sel && !index) {
        if (first)
            for (int i = 0; i < count; i++) out[i] = mix(KEY(data[i]));
        else
            for (int i = 0; i < count; i++) out[i] = combine(out[i], mix(KEY(data[i])));
        return;
    }
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int from = index ? index[row] : row;
        uint64_t hash = validity_get(validity, from) ? mix(KEY(data[from])) : HASH_NULL;
        out[row] = first ? hash : combine(out[row], hash);
    }
}

#undef GLUE
#undef GLUE_
#undef T
#undef NAME
#undef KEY
