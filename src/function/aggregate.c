/* Aggregate functions: COUNT, SUM, AVG, MIN, MAX, variances, FIRST_VALUE, LAST_VALUE, APPROX_COUNT_DISTINCT, LISTAGG, ARRAY_AGG.
 *
 * Sums of integers and decimals are exact in 192 bits, so that neither the order of rows nor a passing overflow matters;
 * only a result that does not fit its type is an error. Sums of FLOAT and DOUBLE are double-doubles (Knuth's TwoSum,
 * Dekker's and FMA's TwoProduct) with NaN and infinities counted apart, so that every row can be taken back. */
#include <math.h>

#include "function/function_private.h"
#include "kernel/kernel.h"
#include "types/decimal.h"

#define UPDATE_ARGS                                                                                                    \
    const struct bound_aggregate *agg, const struct vector *const *args, const sel_index *sel, const int8_t *sign,     \
        void *const *slots, int count, struct arena *arena, struct error *err
#define MERGE_ARGS                                                                                                     \
    const struct bound_aggregate *agg, const void *const *from, void *const *into, int count, struct error *err
#define RESULT_ARGS                                                                                                    \
    const struct bound_aggregate *agg, const void *const *slots, int count, struct vector *out, int out_row,           \
        struct arena *arena, struct error *err

/* ---- what all share ---- */

static void zero_init(const struct bound_aggregate *agg, void *slot) { memset(slot, 0, agg->class->slot_bytes); }

static void put_validity(struct vector *out, struct arena *arena, int row, bool valid) {
    if (valid) {
        if (out->validity) validity_set_valid(out->validity, row);
        return;
    }
    validity_set_null(vector_validity(out, arena, VECTOR_CAPACITY), row);
}

static bool all_same(void *const *slots, int count) {
    if (count == 0 || slots[0] != slots[count - 1]) return false;
    const uintptr_t first = (uintptr_t)slots[0];
    uintptr_t different = 0;
    for (int i = 0; i < count; i++) different |= (uintptr_t)slots[i] ^ first;
    return different == 0;
}

/* The rows of an update that count: those whose argument is not NULL. */
struct live_rows {
    const struct vector *vec;
    const sel_index *sel;
    const int8_t *sign;
    void *const *slots;
    int count;
    bool one_slot;
    struct vector flat;
};

/* false when there is none. What must be copied goes to arena. */
static bool live_rows_init(struct live_rows *rows, const struct vector *vec, const sel_index *sel, const int8_t *sign,
                           void *const *slots, int count, struct arena *arena) {
    if (vec->form == VECTOR_DICT) {
        int last = 0;
        for (int i = 0; i < count; i++) {
            int row = sel ? sel[i] : i;
            if (row > last) last = row;
        }
        rows->flat = *vec;
        vector_flatten(&rows->flat, arena, last + 1);
        vec = &rows->flat;
    }
    rows->vec = vec;
    rows->sel = sel;
    rows->sign = sign;
    rows->slots = slots;
    rows->count = count;
    if (vec->phys == PHYS_NULL) return false;
    if (vec->form == VECTOR_CONST) {
        if (!validity_get(vec->validity, 0)) return false;
    } else if (vec->validity) {
        sel_index *valid = arena_alloc_aligned(arena, sizeof *valid * (size_t)(count + 1), 64);
        void **kept = arena_alloc_aligned(arena, sizeof *kept * (size_t)(count + 1), 64);
        int n = 0;
        for (int i = 0; i < count; i++) {
            int row = sel ? sel[i] : i;
            valid[n] = (sel_index)row;
            kept[n] = slots[i];
            n += (int)(vec->validity[row >> 6] >> (row & 63) & 1);
        }
        rows->sel = valid;
        rows->slots = kept;
        rows->count = n;
    }
    rows->one_slot = all_same(rows->slots, rows->count);
    return rows->count > 0;
}

static enum status out_of_range(const struct bound_aggregate *agg, struct error *err) {
    struct strbuf type = {0};
    struct type result = *agg->result;
    result.nullable = true;
    type_print(&type, &result);
    error_set_at(err, STATUS_OUT_OF_RANGE, agg->offset, agg->length, "the result of %s is out of range for %s",
                 agg->name, type.data);
    error_hint(err, "CAST the argument to a wider type");
    strbuf_free(&type);
    return STATUS_OUT_OF_RANGE;
}

static void put_integer(struct vector *out, int row, int64_t value) {
    switch (out->phys) {
    case PHYS_I8: ((int8_t *)out->data)[row] = (int8_t)value; break;
    case PHYS_I16: ((int16_t *)out->data)[row] = (int16_t)value; break;
    case PHYS_I32: ((int32_t *)out->data)[row] = (int32_t)value; break;
    default: ((int64_t *)out->data)[row] = value;
    }
}

/* ---- COUNT ---- */

static enum status count_update(UPDATE_ARGS) {
    (void)err;
    for (int a = 0; a < agg->arg_count; a++) {
        /* COUNT(a, b) counts rows without any NULL. */
        struct live_rows *rows = ARENA_NEW(arena, struct live_rows);
        if (!args[a]->validity && args[a]->form != VECTOR_DICT && args[a]->phys != PHYS_NULL) continue;
        if (!live_rows_init(rows, args[a], sel, sign, slots, count, arena)) return STATUS_OK;
        sel = rows->sel;
        slots = rows->slots;
        count = rows->count;
    }
    if (all_same(slots, count)) {
        int64_t total = count;
        if (sign) {
            total = 0;
            for (int i = 0; i < count; i++) total += sign[sel ? sel[i] : i];
        }
        *(int64_t *)slots[0] += total;
    } else if (sign) {
        for (int i = 0; i < count; i++) *(int64_t *)slots[i] += sign[sel ? sel[i] : i];
    } else {
        for (int i = 0; i < count; i++) ++*(int64_t *)slots[i];
    }
    return STATUS_OK;
}

static enum status count_merge(MERGE_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) *(int64_t *)into[i] += *(const int64_t *)from[i];
    return STATUS_OK;
}

static enum status count_result(RESULT_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        ((int64_t *)out->data)[out_row + i] = *(const int64_t *)slots[i];
        put_validity(out, arena, out_row + i, true);
    }
    return STATUS_OK;
}

static const struct aggregate_class count_class = {
    .name = "COUNT",
    .slot_bytes = sizeof(int64_t),
    .retractable = true,
    .init = zero_init,
    .update = count_update,
    .merge = count_merge,
    .result = count_result,
};
/* With arguments: a multiset of values (DISTINCT) leaves NULLs out. */
static const struct aggregate_class count_values_class = {
    .name = "COUNT",
    .slot_bytes = sizeof(int64_t),
    .retractable = true,
    .ignores_nulls = true,
    .init = zero_init,
    .update = count_update,
    .merge = count_merge,
    .result = count_result,
};

enum status fn_bind_count(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    agg->class = call->arg_count ? &count_values_class : &count_class;
    agg->result = fni_not_null(call, type_of(TYPE_BIGINT));
    return STATUS_OK;
}

/* ---- sums of integers and decimals ---- */

/* A 192-bit integer in two's complement. */
struct int_sum {
    int64_t count;
    uint64_t low, middle;
    int64_t high;
};

static inline void int_sum_add(struct int_sum *sum, int128 value) {
    uint128 old = (uint128)sum->middle << 64 | sum->low, new = old + (uint128)value;
    sum->high += (value < 0 ? -1 : 0) + (new < old);
    sum->low = (uint64_t) new;
    sum->middle = (uint64_t)(new >> 64);
}

/* false when it does not fit. */
static bool int_sum_get(const struct int_sum *sum, int128 *out) {
    int128 value = (int128)((uint128)sum->middle << 64 | sum->low);
    if (sum->high != (value < 0 ? -1 : 0)) return false;
    *out = value;
    return true;
}

#define SUM_K i8
#define SUM_T int8_t
#include "function/aggregate_sum_template.h"
#define SUM_K i16
#define SUM_T int16_t
#include "function/aggregate_sum_template.h"
#define SUM_K i32
#define SUM_T int32_t
#include "function/aggregate_sum_template.h"
#define SUM_K i64
#define SUM_T int64_t
#include "function/aggregate_sum_template.h"

static enum status int_sum_update(UPDATE_ARGS) {
    (void)agg, (void)err;
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    switch (rows.vec->phys) {
    case PHYS_I8: sum_i8(rows.vec, rows.sel, sign, rows.slots, rows.count, rows.one_slot); break;
    case PHYS_I16: sum_i16(rows.vec, rows.sel, sign, rows.slots, rows.count, rows.one_slot); break;
    case PHYS_I32: sum_i32(rows.vec, rows.sel, sign, rows.slots, rows.count, rows.one_slot); break;
    case PHYS_I64: sum_i64(rows.vec, rows.sel, sign, rows.slots, rows.count, rows.one_slot); break;
    default: {
        const int128 *data = rows.vec->data;
        bool constant = rows.vec->form == VECTOR_CONST;
        for (int i = 0; i < rows.count; i++) {
            int row = rows.sel ? rows.sel[i] : i;
            int s = sign ? sign[row] : 1;
            struct int_sum *slot = rows.slots[i];
            slot->count += s;
            int_sum_add(slot, data[constant ? 0 : row] * s);
        }
    }
    }
    return STATUS_OK;
}

static enum status int_sum_merge(MERGE_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        const struct int_sum *a = from[i];
        struct int_sum *b = into[i];
        uint128 x = (uint128)a->middle << 64 | a->low, y = (uint128)b->middle << 64 | b->low, sum = x + y;
        b->high = (int64_t)((uint64_t)b->high + (uint64_t)a->high + (sum < x));
        b->low = (uint64_t)sum;
        b->middle = (uint64_t)(sum >> 64);
        b->count += a->count;
    }
    return STATUS_OK;
}

static bool integer_fits(const struct type *type, int128 value) {
    static const int bits[TYPE_ID_COUNT] = {
        [TYPE_TINYINT] = 8, [TYPE_SMALLINT] = 16, [TYPE_INT] = 32, [TYPE_BIGINT] = 64};
    int shift = bits[type->id] - 1;
    return value >> shift == 0 || value >> shift == -1;
}

static enum status sum_result(const struct bound_aggregate *agg, const void *const *slots, int count,
                              struct vector *out, int out_row, struct arena *arena, struct error *err, bool zero) {
    bool decimal = agg->result->id == TYPE_DECIMAL;
    for (int i = 0; i < count; i++) {
        const struct int_sum *slot = slots[i];
        int128 value = 0;
        bool has = slot->count != 0;
        if (has && (!int_sum_get(slot, &value) ||
                    !(decimal ? decimal_fits(value, agg->result->precision) : integer_fits(agg->result, value))))
            return out_of_range(agg, err);
        if (out->phys == PHYS_I128)
            ((int128 *)out->data)[out_row + i] = value;
        else
            put_integer(out, out_row + i, (int64_t)value);
        put_validity(out, arena, out_row + i, has || zero);
    }
    return STATUS_OK;
}

static enum status int_sum_result(RESULT_ARGS) {
    return sum_result(agg, slots, count, out, out_row, arena, err, false);
}
static enum status int_sum0_result(RESULT_ARGS) {
    return sum_result(agg, slots, count, out, out_row, arena, err, true);
}

/* Integers are divided towards zero, decimals rounded half up to the result's scale. */
static enum status int_avg_result(RESULT_ARGS) {
    bool decimal = agg->result->id == TYPE_DECIMAL;
    for (int i = 0; i < count; i++) {
        const struct int_sum *slot = slots[i];
        int128 value = 0;
        if (slot->count != 0) {
            if (!int_sum_get(slot, &value)) return out_of_range(agg, err);
            if (!decimal)
                value /= slot->count;
            else if (!decimal_divide(value, agg->arg_types[0]->scale, slot->count, 0, agg->result->precision,
                                     agg->result->scale, &value))
                return out_of_range(agg, err);
        }
        if (out->phys == PHYS_I128)
            ((int128 *)out->data)[out_row + i] = value;
        else
            put_integer(out, out_row + i, (int64_t)value);
        put_validity(out, arena, out_row + i, slot->count != 0);
    }
    return STATUS_OK;
}

#define INT_SUM_CLASS(name_, result_)                                                                                  \
    {                                                                                                                  \
        .name = name_, .slot_bytes = sizeof(struct int_sum), .retractable = true, .ignores_nulls = true,               \
        .init = zero_init, .update = int_sum_update, .merge = int_sum_merge, .result = result_                         \
    }
static const struct aggregate_class int_sum_class = INT_SUM_CLASS("SUM", int_sum_result);
static const struct aggregate_class int_sum0_class = INT_SUM_CLASS("$SUM0", int_sum0_result);
static const struct aggregate_class int_avg_class = INT_SUM_CLASS("AVG", int_avg_result);

/* ---- sums of FLOAT and DOUBLE ---- */

/* high + low, |low| <= half an ulp of high. */
struct double_double {
    double high, low;
};

static inline struct double_double two_sum(double a, double b) {
    double sum = a + b, part = sum - a;
    return (struct double_double){sum, (a - (sum - part)) + (b - part)};
}
static inline struct double_double dd_add_double(struct double_double a, double b) {
    struct double_double s = two_sum(a.high, b);
    double low = s.low + a.low, high = s.high + low;
    return (struct double_double){high, low - (high - s.high)};
}
static inline struct double_double dd_add(struct double_double a, struct double_double b) {
    struct double_double s = two_sum(a.high, b.high), t = two_sum(a.low, b.low);
    double low = s.low + t.high, high = s.high + low;
    low = t.low + (low - (high - s.high));
    return (struct double_double){high + low, low - ((high + low) - high)};
}
static inline struct double_double two_product(double a, double b) {
    double product = a * b;
    return (struct double_double){product, fma(a, b, -product)};
}
static inline struct double_double dd_multiply(struct double_double a, struct double_double b) {
    struct double_double p = two_product(a.high, b.high);
    double low = p.low + (a.high * b.low + a.low * b.high), high = p.high + low;
    return (struct double_double){high, low - (high - p.high)};
}
static inline double dd_get(struct double_double a) { return a.high + a.low; }

struct float_sum {
    int64_t count;                                     /* of all rows, whatever their value */
    int64_t nan_count, positive_count, negative_count; /* NaN, infinities */
    struct double_double sum;                          /* of the finite ones below HUGE_FROM */
    struct double_double huge; /* of the others, times 2^-SHIFT, so that no passing sum overflows */
};
#define HUGE_FROM 0x1p970
enum { HUGE_SHIFT = 512 };

static inline double load_float(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) row = 0;
    return vec->phys == PHYS_F32 ? (double)((const float *)vec->data)[row] : ((const double *)vec->data)[row];
}

static inline void float_sum_special(struct float_sum *slot, double x, int sign) {
    if (isnan(x))
        slot->nan_count += sign;
    else if (x > 0)
        slot->positive_count += sign;
    else
        slot->negative_count += sign;
}

static inline void float_sum_add(struct float_sum *slot, double x, int sign) {
    slot->count += sign;
    if (__builtin_expect(fabs(x) < HUGE_FROM, 1))
        slot->sum = dd_add_double(slot->sum, sign < 0 ? -x : x);
    else if (isfinite(x))
        slot->huge = dd_add_double(slot->huge, ldexp(sign < 0 ? -x : x, -HUGE_SHIFT));
    else
        float_sum_special(slot, x, sign);
}

/* All rows of a plain column into one slot: four independent sums keep the adders busy. */
static void float_sum_dense(struct float_sum *slot, const double *restrict data, int count) {
    double high[4] = {0}, low[4] = {0};
    int i = 0;
    for (; i + 4 <= count; i += 4) {
        for (int lane = 0; lane < 4; lane++) {
            double x = data[i + lane], sum = high[lane] + x, part = sum - high[lane];
            low[lane] += (high[lane] - (sum - part)) + (x - part);
            high[lane] = sum;
        }
    }
    struct double_double total = {0, 0};
    for (int lane = 0; lane < 4; lane++) total = dd_add(total, two_sum(high[lane], low[lane]));
    for (; i < count; i++) total = dd_add_double(total, data[i]);
    slot->sum = dd_add(slot->sum, total);
    slot->count += count;
}

static bool all_usual(const double *data, int count) {
    int64_t unusual = 0;
    for (int i = 0; i < count; i++) unusual |= !(fabs(data[i]) < HUGE_FROM); /* NaN too */
    return !unusual;
}

static enum status float_sum_update(UPDATE_ARGS) {
    (void)agg, (void)err;
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    if (rows.one_slot && !sign && !rows.sel && rows.vec->form == VECTOR_FLAT && rows.vec->phys == PHYS_F64 &&
        all_usual(rows.vec->data, rows.count)) {
        float_sum_dense(rows.slots[0], rows.vec->data, rows.count);
        return STATUS_OK;
    }
    for (int i = 0; i < rows.count; i++) {
        int row = rows.sel ? rows.sel[i] : i;
        float_sum_add(rows.slots[i], load_float(rows.vec, row), sign ? sign[row] : 1);
    }
    return STATUS_OK;
}

static enum status float_sum_merge(MERGE_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        const struct float_sum *a = from[i];
        struct float_sum *b = into[i];
        b->count += a->count;
        b->nan_count += a->nan_count;
        b->positive_count += a->positive_count;
        b->negative_count += a->negative_count;
        b->sum = dd_add(b->sum, a->sum);
        b->huge = dd_add(b->huge, a->huge);
    }
    return STATUS_OK;
}

/* The sum divided by n. */
static double float_sum_get(const struct float_sum *slot, int64_t n) {
    if (slot->nan_count || (slot->positive_count && slot->negative_count)) return NAN;
    if (slot->positive_count) return INFINITY;
    if (slot->negative_count) return -INFINITY;
    if (slot->huge.high == 0) return dd_get(slot->sum) / (double)n;
    struct double_double scaled = {ldexp(slot->sum.high, -HUGE_SHIFT), ldexp(slot->sum.low, -HUGE_SHIFT)};
    return ldexp(dd_get(dd_add(slot->huge, scaled)) / (double)n, HUGE_SHIFT);
}

static void put_float(struct vector *out, struct arena *arena, int row, double value, bool valid) {
    if (out->phys == PHYS_F32)
        ((float *)out->data)[row] = (float)value;
    else
        ((double *)out->data)[row] = value;
    put_validity(out, arena, row, valid);
}

static enum status float_sum_result(RESULT_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        const struct float_sum *slot = slots[i];
        put_float(out, arena, out_row + i, slot->count ? float_sum_get(slot, 1) : 0, slot->count != 0);
    }
    return STATUS_OK;
}
static enum status float_sum0_result(RESULT_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        const struct float_sum *slot = slots[i];
        put_float(out, arena, out_row + i, slot->count ? float_sum_get(slot, 1) : 0, true);
    }
    return STATUS_OK;
}
static enum status float_avg_result(RESULT_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        const struct float_sum *slot = slots[i];
        double avg = slot->count ? float_sum_get(slot, slot->count) : 0;
        put_float(out, arena, out_row + i, avg, slot->count != 0);
    }
    return STATUS_OK;
}

#define FLOAT_SUM_CLASS(name_, result_)                                                                                \
    {                                                                                                                  \
        .name = name_, .slot_bytes = sizeof(struct float_sum), .retractable = true, .ignores_nulls = true,             \
        .init = zero_init, .update = float_sum_update, .merge = float_sum_merge, .result = result_                     \
    }
static const struct aggregate_class float_sum_class = FLOAT_SUM_CLASS("SUM", float_sum_result);
static const struct aggregate_class float_sum0_class = FLOAT_SUM_CLASS("$SUM0", float_sum0_result);
static const struct aggregate_class float_avg_class = FLOAT_SUM_CLASS("AVG", float_avg_result);

/* The results' nullability is that of a group with rows: as the argument's. The binder knows whether a group can be empty. */

/* One numeric argument; NULL counts as an INT. */
static bool one_number(struct call *call) {
    if (call->arg_count != 1) return false;
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    return type_is_numeric(call->args[0]->type);
}

enum status fn_bind_sum(struct call *call, int variant, struct bound_aggregate *agg) {
    if (!one_number(call)) return fni_no_match(call);
    const struct type *arg = call->args[0]->type;
    bool approximate = type_is_approximate(arg);
    if (variant)
        agg->class = approximate ? &float_sum0_class : &int_sum0_class;
    else
        agg->class = approximate ? &float_sum_class : &int_sum_class;
    const struct type *result =
        arg->id == TYPE_DECIMAL ? type_decimal(call->arena, TYPE_MAX_PRECISION, arg->scale, true) : arg;
    agg->result = type_with_nullable(call->arena, result, arg->nullable && !variant);
    return STATUS_OK;
}

enum status fn_bind_avg(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (!one_number(call)) return fni_no_match(call);
    const struct type *arg = call->args[0]->type;
    agg->class = type_is_approximate(arg) ? &float_avg_class : &int_avg_class;
    agg->result = arg->id == TYPE_DECIMAL
                      ? type_decimal(call->arena, TYPE_MAX_PRECISION, arg->scale > 6 ? arg->scale : 6, arg->nullable)
                      : arg;
    return STATUS_OK;
}

/* ---- MIN, MAX ---- */

#define LESS(a, b) ((a) < (b))
/* NaN is the largest value, as in ORDER BY. */
#define LESS_FLOAT(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))

#define EXTREME_K u8
#define EXTREME_T uint8_t
#define EXTREME_LESS LESS
#include "function/aggregate_extreme_template.h"
#define EXTREME_K i8
#define EXTREME_T int8_t
#define EXTREME_LESS LESS
#include "function/aggregate_extreme_template.h"
#define EXTREME_K i16
#define EXTREME_T int16_t
#define EXTREME_LESS LESS
#include "function/aggregate_extreme_template.h"
#define EXTREME_K i32
#define EXTREME_T int32_t
#define EXTREME_LESS LESS
#include "function/aggregate_extreme_template.h"
#define EXTREME_K i64
#define EXTREME_T int64_t
#define EXTREME_LESS LESS
#include "function/aggregate_extreme_template.h"
typedef int128 __attribute__((aligned(8))) int128_slot; /* slots are 8-aligned, so are no int128s */
#define EXTREME_K i128
#define EXTREME_T int128_slot
#define EXTREME_LESS LESS
#include "function/aggregate_extreme_template.h"
#define EXTREME_K f32
#define EXTREME_T float
#define EXTREME_LESS LESS_FLOAT
#include "function/aggregate_extreme_template.h"
#define EXTREME_K f64
#define EXTREME_T double
#define EXTREME_LESS LESS_FLOAT
#include "function/aggregate_extreme_template.h"

/* From the ordered values: the first or the last of them. */
static enum status copy_value(const struct chunk *chunk, int i, struct vector *out, int out_row, struct arena *arena) {
    sel_index row = (sel_index)chunk_row(chunk, i);
    vector_append(out, arena, VECTOR_CAPACITY, out_row, &chunk->columns[0], &row, 1, true);
    return STATUS_OK;
}

static enum status first_from_values(VALUES_ARGS) {
    (void)agg, (void)err;
    for (int c = 0; c < chunk_count; c++)
        if (values[c]->sel_count > 0) return copy_value(values[c], 0, out, out_row, arena);
    struct value null = value_null(out->type);
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &null);
    return STATUS_OK;
}

static enum status last_from_values(VALUES_ARGS) {
    (void)agg, (void)err;
    for (int c = chunk_count - 1; c >= 0; c--)
        if (values[c]->sel_count > 0) return copy_value(values[c], values[c]->sel_count - 1, out, out_row, arena);
    struct value null = value_null(out->type);
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &null);
    return STATUS_OK;
}

static const struct aggregate_class min_values_class = {.name = "MIN",
                                                        .retractable = true,
                                                        .needs_values = true,
                                                        .values_wanted = VALUES_FIRST,
                                                        .ignores_nulls = true,
                                                        .from_values = first_from_values};
static const struct aggregate_class max_values_class = {.name = "MAX",
                                                        .retractable = true,
                                                        .needs_values = true,
                                                        .values_wanted = VALUES_LAST,
                                                        .ignores_nulls = true,
                                                        .from_values = last_from_values};

static const struct aggregate_class *extreme_class(const struct type *type, bool max) {
    switch (type_phys(type)) {
    case PHYS_BOOL: return max ? &max_class_u8 : &min_class_u8;
    case PHYS_I8: return max ? &max_class_i8 : &min_class_i8;
    case PHYS_I16: return max ? &max_class_i16 : &min_class_i16;
    case PHYS_I32: return max ? &max_class_i32 : &min_class_i32;
    case PHYS_I64: return max ? &max_class_i64 : &min_class_i64;
    case PHYS_I128: return max ? &max_class_i128 : &min_class_i128;
    case PHYS_F32: return max ? &max_class_f32 : &min_class_f32;
    case PHYS_F64: return max ? &max_class_f64 : &min_class_f64;
    /* The state of a group has a fixed size, so the values of strings are kept beside it. */
    default: return max ? &max_values_class : &min_values_class;
    }
}

enum status fn_bind_extreme(struct call *call, int variant, struct bound_aggregate *agg) {
    if (call->arg_count != 1) return fni_no_match(call);
    if (type_is_nested(call->args[0]->type)) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    agg->class = extreme_class(call->args[0]->type, variant != 0);
    agg->result = call->args[0]->type;
    return STATUS_OK;
}

/* ---- FIRST_VALUE, LAST_VALUE ---- */

/* The value that came first or last, NULLs left out. Merging takes `into` as the earlier part. Without slots (texts, or when
 * rows may be taken back) there is no order of arrival: the smallest and the largest value stand for them. */
struct arrival {
    uint64_t has;
    uint64_t value[2];
};

static inline void arrival_load(struct arrival *slot, const struct vector *vec, int row) {
    size_t size = (size_t)phys_size(vec->phys);
    if (vec->form == VECTOR_CONST) row = 0;
    memcpy(slot->value, (const char *)vec->data + size * (size_t)row, size);
    slot->has = 1;
}

static enum status first_update(UPDATE_ARGS) {
    (void)agg, (void)err;
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    for (int i = 0; i < rows.count; i++) {
        struct arrival *slot = rows.slots[i];
        if (!slot->has) arrival_load(slot, rows.vec, rows.sel ? rows.sel[i] : i);
    }
    return STATUS_OK;
}

static enum status last_update(UPDATE_ARGS) {
    (void)agg, (void)err;
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    for (int i = 0; i < rows.count; i++) arrival_load(rows.slots[i], rows.vec, rows.sel ? rows.sel[i] : i);
    return STATUS_OK;
}

static enum status first_merge(MERGE_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++)
        if (!((struct arrival *)into[i])->has) memcpy(into[i], from[i], sizeof(struct arrival));
    return STATUS_OK;
}

static enum status last_merge(MERGE_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++)
        if (((const struct arrival *)from[i])->has) memcpy(into[i], from[i], sizeof(struct arrival));
    return STATUS_OK;
}

static enum status arrival_result(RESULT_ARGS) {
    (void)agg, (void)err;
    size_t size = (size_t)phys_size(out->phys);
    for (int i = 0; i < count; i++) {
        const struct arrival *slot = slots[i];
        memcpy((char *)out->data + size * (size_t)(out_row + i), slot->value, size);
        put_validity(out, arena, out_row + i, slot->has);
    }
    return STATUS_OK;
}

static const struct aggregate_class first_class = {.name = "FIRST_VALUE",
                                                   .slot_bytes = sizeof(struct arrival),
                                                   .ignores_nulls = true,
                                                   .init = zero_init,
                                                   .update = first_update,
                                                   .merge = first_merge,
                                                   .result = arrival_result};
static const struct aggregate_class last_class = {.name = "LAST_VALUE",
                                                  .slot_bytes = sizeof(struct arrival),
                                                  .ignores_nulls = true,
                                                  .init = zero_init,
                                                  .update = last_update,
                                                  .merge = last_merge,
                                                  .result = arrival_result};
static const struct aggregate_class first_values_class = {.name = "FIRST_VALUE",
                                                          .retractable = true,
                                                          .needs_values = true,
                                                          .values_wanted = VALUES_FIRST,
                                                          .ignores_nulls = true,
                                                          .from_values = first_from_values};
static const struct aggregate_class last_values_class = {.name = "LAST_VALUE",
                                                         .retractable = true,
                                                         .needs_values = true,
                                                         .values_wanted = VALUES_LAST,
                                                         .ignores_nulls = true,
                                                         .from_values = last_from_values};

static const struct aggregate_class *arrival_class(const struct type *type, bool last) {
    enum phys phys = type_phys(type);
    bool fixed = phys_size(phys) > 0 && phys != PHYS_STR && phys != PHYS_LIST;
    if (fixed) return last ? &last_class : &first_class;
    return last ? &last_values_class : &first_values_class;
}

enum status fn_bind_arrival(struct call *call, int variant, struct bound_aggregate *agg) {
    if (call->arg_count != 1) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    agg->class = arrival_class(call->args[0]->type, variant != 0);
    agg->result = call->args[0]->type;
    return STATUS_OK;
}

/* ---- variances ---- */

/* Sums of the values and of their squares, in twice the precision of DOUBLE: the difference that the variance is keeps
 * all digits of a DOUBLE for any usual data, and rows can be taken back. Values beyond 1e154 have no square and count
 * as special: the result is NaN. */
struct moments {
    int64_t count, special_count; /* special: NaN and infinities */
    struct double_double sum, squares;
};

static enum status moments_update(UPDATE_ARGS) {
    (void)agg, (void)err;
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    for (int i = 0; i < rows.count; i++) {
        int row = rows.sel ? rows.sel[i] : i, s = sign ? sign[row] : 1;
        double x = load_float(rows.vec, row);
        struct moments *slot = rows.slots[i];
        struct double_double square = two_product(x, x);
        slot->count += s;
        if (!isfinite(x) || !isfinite(square.high)) {
            slot->special_count += s;
            continue;
        }
        if (s < 0) square = (struct double_double){-square.high, -square.low};
        slot->sum = dd_add_double(slot->sum, s < 0 ? -x : x);
        slot->squares = dd_add(slot->squares, square);
    }
    return STATUS_OK;
}

static enum status moments_merge(MERGE_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        const struct moments *a = from[i];
        struct moments *b = into[i];
        b->count += a->count;
        b->special_count += a->special_count;
        b->sum = dd_add(b->sum, a->sum);
        b->squares = dd_add(b->squares, a->squares);
    }
    return STATUS_OK;
}

enum { MOMENTS_SAMPLE = 1, MOMENTS_ROOT = 2 };

/* (Σx² - (Σx)²/n) / n, or / (n - 1) for a sample, which needs two rows. */
static enum status moments_result(const struct bound_aggregate *agg, const void *const *slots, int count,
                                  struct vector *out, int out_row, struct arena *arena, int kind) {
    (void)agg;
    for (int i = 0; i < count; i++) {
        const struct moments *slot = slots[i];
        int64_t n = slot->count, divisor = kind & MOMENTS_SAMPLE ? n - 1 : n;
        double result = 0;
        if (slot->special_count) {
            result = NAN;
        } else if (divisor > 0) {
            struct double_double square = dd_multiply(slot->sum, slot->sum);
            struct double_double scaled = dd_multiply(slot->squares, (struct double_double){(double)n, 0});
            double difference = dd_get(dd_add(scaled, (struct double_double){-square.high, -square.low}));
            result = difference > 0 ? difference / (double)n / (double)divisor : 0;
            if (kind & MOMENTS_ROOT) result = sqrt(result);
        }
        put_float(out, arena, out_row + i, result, divisor > 0);
    }
    return STATUS_OK;
}

#define MOMENTS_CLASS(id, name_, kind)                                                                                 \
    static enum status id##_result(RESULT_ARGS) {                                                                      \
        (void)err;                                                                                                     \
        return moments_result(agg, slots, count, out, out_row, arena, kind);                                           \
    }                                                                                                                  \
    static const struct aggregate_class id##_class = {.name = name_,                                                   \
                                                      .slot_bytes = sizeof(struct moments),                            \
                                                      .retractable = true,                                             \
                                                      .ignores_nulls = true,                                           \
                                                      .init = zero_init,                                               \
                                                      .update = moments_update,                                        \
                                                      .merge = moments_merge,                                          \
                                                      .result = id##_result};
MOMENTS_CLASS(var_pop, "VAR_POP", 0)
MOMENTS_CLASS(var_samp, "VAR_SAMP", MOMENTS_SAMPLE)
MOMENTS_CLASS(stddev_pop, "STDDEV_POP", MOMENTS_ROOT)
MOMENTS_CLASS(stddev_samp, "STDDEV_SAMP", MOMENTS_SAMPLE | MOMENTS_ROOT)

enum status fn_bind_moments(struct call *call, int variant, struct bound_aggregate *agg) {
    static const struct aggregate_class *const classes[] = {&var_pop_class, &var_samp_class, &stddev_pop_class,
                                                            &stddev_samp_class};
    if (!one_number(call)) return fni_no_match(call);
    fni_cast(call, 0, type_of(TYPE_DOUBLE));
    agg->class = classes[variant];
    /* a sample of one row has no variance */
    bool nullable = call->args[0]->type->nullable || (variant & MOMENTS_SAMPLE);
    agg->result = type_with_nullable(call->arena, type_of(TYPE_DOUBLE), nullable);
    return STATUS_OK;
}

/* ---- APPROX_COUNT_DISTINCT ---- */

/* HyperLogLog (Flajolet et al., 2007): each register keeps the longest run of zeros that the hashes falling to it begin with. 2^11
 * registers give a standard error of 1.04 / sqrt(2^11) = 2.3 %. Estimated as by Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches" (2017), whose formula needs no correction for few or many values. */
enum { SKETCH_BITS = 11, SKETCH_REGISTERS = 1 << SKETCH_BITS, SKETCH_MAX_RUN = 64 - SKETCH_BITS + 1 };

static enum status sketch_update(UPDATE_ARGS) {
    (void)agg, (void)err;
    struct live_rows rows;
    if (!live_rows_init(&rows, args[0], sel, sign, slots, count, arena)) return STATUS_OK;
    struct vector column = *rows.vec;
    struct chunk chunk = {
        .column_count = 1, .columns = &column, .row_count = VECTOR_CAPACITY, .sel = rows.sel, .sel_count = rows.count};
    uint64_t hash[VECTOR_CAPACITY];
    const int first = 0;
    chunk_hash(&chunk, &first, 1, hash);
    for (int i = 0; i < rows.count; i++) {
        uint64_t h = hash[rows.sel ? rows.sel[i] : i];
        uint8_t *slot = &((uint8_t *)rows.slots[i])[h >> (64 - SKETCH_BITS)];
        uint8_t run = (uint8_t)(__builtin_clzll(h << SKETCH_BITS | UINT64_C(1) << (SKETCH_BITS - 1)) + 1);
        if (run > *slot) *slot = run;
    }
    return STATUS_OK;
}

static enum status sketch_merge(MERGE_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        const uint8_t *a = from[i];
        uint8_t *b = into[i];
        for (int k = 0; k < SKETCH_REGISTERS; k++) b[k] = b[k] > a[k] ? b[k] : a[k];
    }
    return STATUS_OK;
}

/* x + sum of x^(2^k) * 2^(k-1) over k >= 1 */
static double sketch_sigma(double x) {
    if (x == 1) return INFINITY;
    double sum = x, before, power = 1;
    do {
        x *= x;
        before = sum;
        sum += x * power;
        power += power;
    } while (sum != before);
    return sum;
}

/* (1 - x - sum of (1 - x^(2^-k))^2 * 2^-k over k >= 1) / 3 */
static double sketch_tau(double x) {
    if (x == 0 || x == 1) return 0;
    double sum = 1 - x, before, power = 1;
    do {
        x = sqrt(x);
        before = sum;
        power *= 0.5;
        sum -= (1 - x) * (1 - x) * power;
    } while (sum != before);
    return sum / 3;
}

static int64_t sketch_estimate(const uint8_t *registers) {
    const double m = SKETCH_REGISTERS;
    int counts[SKETCH_MAX_RUN + 1] = {0};
    for (int i = 0; i < SKETCH_REGISTERS; i++) counts[registers[i]]++;
    double z = m * sketch_tau(1 - counts[SKETCH_MAX_RUN] / m);
    for (int k = SKETCH_MAX_RUN - 1; k >= 1; k--) z = 0.5 * (z + counts[k]);
    z += m * sketch_sigma(counts[0] / m);
    return (int64_t)llround(m / (2 * M_LN2) * m / z);
}

static enum status sketch_result(RESULT_ARGS) {
    (void)agg, (void)err;
    for (int i = 0; i < count; i++) {
        ((int64_t *)out->data)[out_row + i] = sketch_estimate(slots[i]);
        put_validity(out, arena, out_row + i, true);
    }
    return STATUS_OK;
}

static const struct aggregate_class sketch_class = {.name = "APPROX_COUNT_DISTINCT",
                                                    .slot_bytes = SKETCH_REGISTERS,
                                                    .ignores_nulls = true,
                                                    .init = zero_init,
                                                    .update = sketch_update,
                                                    .merge = sketch_merge,
                                                    .result = sketch_result};

enum status fn_bind_approx_count(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (call->arg_count != 1) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    agg->class = &sketch_class;
    agg->distinct = false; /* it is anyway */
    agg->result = fni_not_null(call, type_of(TYPE_BIGINT));
    return STATUS_OK;
}

/* ---- LISTAGG, ARRAY_AGG ---- */

/* The values in their order, with the separator between them; equal values as often as they occur. */
static enum status listagg_from_values(VALUES_ARGS) {
    struct str separator = agg->constant_count ? agg->constants[0].str : str_from(",");
    struct strbuf text = {0};
    bool first = true;
    for (int c = 0; c < chunk_count; c++) {
        for (int i = 0; i < values[c]->sel_count; i++) {
            struct value value = vector_get(&values[c]->columns[0], chunk_row(values[c], i), arena);
            if (value.is_null) continue;
            for (int64_t n = fn_multiplicity(values[c], i); n > 0; n--) {
                if (!first) strbuf_add(&text, separator.data, separator.len);
                first = false;
                strbuf_add(&text, value.str.data, value.str.len);
                if (text.len > FUNCTION_MAX_TEXT_BYTES) {
                    strbuf_free(&text);
                    return error_set(err, STATUS_LIMIT_EXCEEDED, "the result of LISTAGG is larger than %d MiB",
                                     FUNCTION_MAX_TEXT_BYTES >> 20);
                }
            }
        }
    }
    struct value result = value_null(agg->result);
    if (!first) {
        char *copy = arena_strndup(arena, text.data ? text.data : "", text.len);
        result = value_str(agg->result, (struct str){copy, text.len});
    }
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &result);
    strbuf_free(&text);
    return STATUS_OK;
}

static const struct aggregate_class listagg_class = {.name = "LISTAGG",
                                                     .retractable = true,
                                                     .needs_values = true,
                                                     .ignores_nulls = true,
                                                     .from_values = listagg_from_values};

enum status fn_bind_listagg(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (call->arg_count < 1 || call->arg_count > 2) return fni_no_match(call);
    if (!fni_implicit(call->args[0]->type, type_of(TYPE_VARCHAR))) return fni_no_match(call);
    fni_cast(call, 0, type_of(TYPE_VARCHAR));
    if (call->arg_count == 2) {
        struct str separator;
        if (!fni_constant_text(call, 1, &separator))
            return fni_error(call, 1, STATUS_INVALID_ARGUMENT, "the separator of LISTAGG must be a constant text");
        struct value *constant = ARENA_NEW(call->arena, struct value);
        struct value text = value_str(type_of(TYPE_VARCHAR), separator);
        *constant = value_copy(call->arena, &text);
        agg->constants = constant;
        agg->constant_count = 1;
        call->arg_count = 1;
    }
    agg->class = &listagg_class;
    agg->result = call->args[0]->type;
    return STATUS_OK;
}

/* All values as an array, in their order. */
static enum status array_agg_from_values(VALUES_ARGS) {
    struct value result = value_null(agg->result);
    int64_t total = 0;
    for (int c = 0; c < chunk_count; c++)
        for (int i = 0; i < values[c]->sel_count; i++) total += fn_multiplicity(values[c], i);
    if (total > FUNCTION_MAX_TEXT_BYTES / (int64_t)sizeof(struct value))
        return error_set(err, STATUS_LIMIT_EXCEEDED, "the result of ARRAY_AGG has more than %d elements",
                         FUNCTION_MAX_TEXT_BYTES / (int)sizeof(struct value));
    if (total > 0) {
        result.is_null = false;
        result.list.items = ARENA_ARRAY(arena, struct value, total);
        for (int c = 0; c < chunk_count; c++)
            for (int i = 0; i < values[c]->sel_count; i++) {
                struct value value = vector_get(&values[c]->columns[0], chunk_row(values[c], i), arena);
                value = value_copy(arena, &value);
                for (int64_t n = fn_multiplicity(values[c], i); n > 0; n--)
                    result.list.items[result.list.count++] = value;
            }
    }
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &result);
    return STATUS_OK;
}

static const struct aggregate_class array_agg_class = {
    .name = "ARRAY_AGG", .retractable = true, .needs_values = true, .from_values = array_agg_from_values};

enum status fn_bind_array_agg(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (call->arg_count != 1 || fni_is_null_literal(call->args[0])) return fni_no_match(call);
    agg->class = &array_agg_class;
    agg->result = type_array(call->arena, call->args[0]->type, true);
    return STATUS_OK;
}

/* ---- for the planner ---- */

enum status aggregate_empty_value(struct arena *arena, const struct bound_aggregate *agg, struct value *out,
                                  struct error *err) {
    struct vector result;
    vector_init(&result, arena, type_with_nullable(arena, agg->result, true), VECTOR_CAPACITY);
    if (agg->class->needs_values) {
        TRY(agg->class->from_values(agg, NULL, 0, &result, 0, arena, err));
    } else {
        void *slot = arena_zalloc(arena, agg->class->slot_bytes);
        if (agg->class->init) agg->class->init(agg, slot);
        TRY(agg->class->result(agg, (const void *const *)&slot, 1, &result, 0, arena, err));
    }
    *out = vector_get(&result, 0, arena);
    return STATUS_OK;
}

const struct bound_aggregate *aggregate_for_input(struct arena *query_arena, const struct bound_aggregate *agg,
                                                  bool retracting) {
    const struct aggregate_class *class = agg->class;
    bool min = strcmp(agg->name, "MIN") == 0, max = strcmp(agg->name, "MAX") == 0;
    bool first = strcmp(agg->name, "FIRST_VALUE") == 0, last = strcmp(agg->name, "LAST_VALUE") == 0;
    if (min || max)
        class = retracting ? (max ? &max_values_class : &min_values_class) : extreme_class(agg->arg_types[0], max);
    else if (first || last)
        class = retracting ? (last ? &last_values_class : &first_values_class) : arrival_class(agg->arg_types[0], last);
    if (class == agg->class) return agg;
    struct bound_aggregate *copy = arena_memdup(query_arena, agg, sizeof *agg);
    copy->class = class;
    return copy;
}
