/* Include-template: MIN and MAX of one fixed-width type.
 *     #define EXTREME_K i32, EXTREME_T int32_t, EXTREME_LESS(a, b): is a before b in ORDER BY? */

#define EXTREME_GLUE_(a, b) a##b
#define EXTREME_GLUE(a, b) EXTREME_GLUE_(a, b)

struct EXTREME_GLUE(extreme_, EXTREME_K) {
    uint64_t has;
    EXTREME_T value __attribute__((aligned(8)));
};

static inline __attribute__((always_inline)) void
EXTREME_GLUE(update_extreme_, EXTREME_K)(const struct vector *vec, const sel_index *restrict sel,
                                         void *const *restrict slots, int count, bool one_slot, const bool max) {
    const EXTREME_T *restrict data = vec->data;
    const bool constant = vec->form == VECTOR_CONST;
    if (one_slot && count > 0) {
        struct EXTREME_GLUE(extreme_, EXTREME_K) *slot = slots[0];
        EXTREME_T best = slot->has ? slot->value : data[constant ? 0 : sel ? sel[0] : 0];
        for (int i = 0; i < count; i++) {
            const EXTREME_T x = data[constant ? 0 : sel ? sel[i] : i];
            best = (max ? EXTREME_LESS(best, x) : EXTREME_LESS(x, best)) ? x : best;
        }
        slot->has = 1;
        slot->value = best;
        return;
    }
    for (int i = 0; i < count; i++) {
        const EXTREME_T x = data[constant ? 0 : sel ? sel[i] : i];
        struct EXTREME_GLUE(extreme_, EXTREME_K) *slot = slots[i];
        const bool better = max ? EXTREME_LESS(slot->value, x) : EXTREME_LESS(x, slot->value);
        if (!slot->has || better) slot->value = x;
        slot->has = 1;
    }
}

static enum status EXTREME_GLUE(min_update_, EXTREME_K)(UPDATE_ARGS) {
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    EXTREME_GLUE(update_extreme_, EXTREME_K)(rows.vec, rows.sel, rows.slots, rows.count, rows.one_slot, false);
    (void)agg, (void)err;
    return STATUS_OK;
}

static enum status EXTREME_GLUE(max_update_, EXTREME_K)(UPDATE_ARGS) {
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    EXTREME_GLUE(update_extreme_, EXTREME_K)(rows.vec, rows.sel, rows.slots, rows.count, rows.one_slot, true);
    (void)agg, (void)err;
    return STATUS_OK;
}

static enum status EXTREME_GLUE(min_merge_, EXTREME_K)(MERGE_ARGS) {
    for (int i = 0; i < count; i++) {
        const struct EXTREME_GLUE(extreme_, EXTREME_K) *a = from[i];
        struct EXTREME_GLUE(extreme_, EXTREME_K) *b = into[i];
        if (a->has && (!b->has || EXTREME_LESS(a->value, b->value))) *b = *a;
    }
    (void)agg, (void)err;
    return STATUS_OK;
}

static enum status EXTREME_GLUE(max_merge_, EXTREME_K)(MERGE_ARGS) {
    for (int i = 0; i < count; i++) {
        const struct EXTREME_GLUE(extreme_, EXTREME_K) *a = from[i];
        struct EXTREME_GLUE(extreme_, EXTREME_K) *b = into[i];
        if (a->has && (!b->has || EXTREME_LESS(b->value, a->value))) *b = *a;
    }
    (void)agg, (void)err;
    return STATUS_OK;
}

static enum status EXTREME_GLUE(extreme_result_, EXTREME_K)(RESULT_ARGS) {
    for (int i = 0; i < count; i++) {
        const struct EXTREME_GLUE(extreme_, EXTREME_K) *slot = slots[i];
        ((EXTREME_T *)out->data)[out_row + i] = slot->value;
        put_validity(out, arena, out_row + i, slot->has);
    }
    (void)agg, (void)err;
    return STATUS_OK;
}

static const struct aggregate_class EXTREME_GLUE(min_class_, EXTREME_K) = {
    .name = "MIN",
    .slot_bytes = sizeof(struct EXTREME_GLUE(extreme_, EXTREME_K)),
    .ignores_nulls = true,
    .init = zero_init,
    .update = EXTREME_GLUE(min_update_, EXTREME_K),
    .merge = EXTREME_GLUE(min_merge_, EXTREME_K),
    .result = EXTREME_GLUE(extreme_result_, EXTREME_K),
};
static const struct aggregate_class EXTREME_GLUE(max_class_, EXTREME_K) = {
    .name = "MAX",
    .slot_bytes = sizeof(struct EXTREME_GLUE(extreme_, EXTREME_K)),
    .ignores_nulls = true,
    .init = zero_init,
    .update = EXTREME_GLUE(max_update_, EXTREME_K),
    .merge = EXTREME_GLUE(max_merge_, EXTREME_K),
    .result = EXTREME_GLUE(extreme_result_, EXTREME_K),
};

#undef EXTREME_GLUE_
#undef EXTREME_GLUE
#undef EXTREME_K
#undef EXTREME_T
#undef EXTREME_LESS
