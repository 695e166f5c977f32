#include "kernel/cast.h"

#include <math.h>

#define CAST_K i8
#define CAST_T int8_t
#include "kernel/cast_from_int_template.h"
#define CAST_K i16
#define CAST_T int16_t
#include "kernel/cast_from_int_template.h"
#define CAST_K i32
#define CAST_T int32_t
#include "kernel/cast_from_int_template.h"
#define CAST_K i64
#define CAST_T int64_t
#include "kernel/cast_from_int_template.h"

#define LOOP_NAME bool_to_i8
#define LOOP_A uint8_t
#define LOOP_R int8_t
#define LOOP_OP(x, r, bad) r = x & 1
#include "kernel/unary_loop.h"
#define LOOP_NAME bool_to_i16
#define LOOP_A uint8_t
#define LOOP_R int16_t
#define LOOP_OP(x, r, bad) r = x & 1
#include "kernel/unary_loop.h"
#define LOOP_NAME bool_to_i32
#define LOOP_A uint8_t
#define LOOP_R int32_t
#define LOOP_OP(x, r, bad) r = x & 1
#include "kernel/unary_loop.h"
#define LOOP_NAME bool_to_i64
#define LOOP_A uint8_t
#define LOOP_R int64_t
#define LOOP_OP(x, r, bad) r = x & 1
#include "kernel/unary_loop.h"
#define LOOP_NAME bool_to_f32
#define LOOP_A uint8_t
#define LOOP_R float
#define LOOP_OP(x, r, bad) r = (float)(x & 1)
#include "kernel/unary_loop.h"
#define LOOP_NAME bool_to_f64
#define LOOP_A uint8_t
#define LOOP_R double
#define LOOP_OP(x, r, bad) r = (double)(x & 1)
#include "kernel/unary_loop.h"

#define LOOP_NAME f32_to_f64
#define LOOP_A float
#define LOOP_R double
#define LOOP_OP(x, r, bad) r = (double)x
#include "kernel/unary_loop.h"
#define LOOP_NAME f32_to_bool
#define LOOP_A float
#define LOOP_R uint8_t
#define LOOP_OP(x, r, bad) r = x != 0
#include "kernel/unary_loop.h"
#define LOOP_NAME f64_to_bool
#define LOOP_A double
#define LOOP_R uint8_t
#define LOOP_OP(x, r, bad) r = x != 0
#include "kernel/unary_loop.h"
/* Beyond the range of float: infinity, by Annex F as in Java. */
#define LOOP_NAME f64_to_f32
#define LOOP_A double
#define LOOP_R float
#define LOOP_OP(x, r, bad) r = (float)x
#include "kernel/unary_loop.h"

/* Floats to integers: the fraction is cut. Bounds are exact powers of two, so NaN fails both comparisons. */
#define FLOAT_TO_INT(x, r, bad, to_t, low, high)                                                                       \
    do {                                                                                                               \
        const double whole_ = trunc((double)x);                                                                        \
        const bool fits_ = whole_ >= (low) && whole_ < (high);                                                         \
        r = (to_t)(fits_ ? whole_ : 0);                                                                                \
        bad |= !fits_;                                                                                                 \
    } while (0)

#define LOOP_NAME f64_to_i32
#define LOOP_A double
#define LOOP_R int32_t
#define LOOP_BAD uint32_t
#define LOOP_OP(x, r, bad) FLOAT_TO_INT(x, r, bad, int32_t, -0x1p31, 0x1p31)
#include "kernel/unary_loop.h"
#define LOOP_NAME f64_to_i64
#define LOOP_A double
#define LOOP_R int64_t
#define LOOP_BAD uint64_t
#define LOOP_OP(x, r, bad) FLOAT_TO_INT(x, r, bad, int64_t, -0x1p63, 0x1p63)
#include "kernel/unary_loop.h"

/* DECIMAL to a DECIMAL with as many integer digits and no smaller scale. */
#define LOOP_NAME decimal64_to_decimal64
#define LOOP_PARAM struct cast_operation
#define LOOP_A int64_t
#define LOOP_R int64_t
#define LOOP_OP(x, r, bad) r = (int64_t)((uint64_t)x * (uint64_t)p->factor64)
#include "kernel/unary_loop.h"
#define LOOP_NAME decimal64_to_decimal128
#define LOOP_PARAM struct cast_operation
#define LOOP_A int64_t
#define LOOP_R int128
#define LOOP_OP(x, r, bad) r = (int128)((uint128)(int128)x * (uint128)p->factor)
#include "kernel/unary_loop.h"
#define LOOP_NAME decimal128_to_decimal128
#define LOOP_PARAM struct cast_operation
#define LOOP_A int128
#define LOOP_R int128
#define LOOP_OP(x, r, bad) r = (int128)((uint128)x * (uint128)p->factor)
#include "kernel/unary_loop.h"
/* |x| < 2^53 and 10^scale are exact doubles, so one division rounds correctly. */
#define LOOP_NAME decimal64_to_f64
#define LOOP_PARAM struct cast_operation
#define LOOP_A int64_t
#define LOOP_R double
#define LOOP_OP(x, r, bad) r = (double)x / p->factor_f64
#include "kernel/unary_loop.h"

/* DATE to TIMESTAMP: days times µs or ns of a day (ns can leave the range: the cores do those). */
#define LOOP_NAME date_to_micros
#define LOOP_A int32_t
#define LOOP_R int64_t
#define LOOP_BAD uint32_t
#define LOOP_OP(x, r, bad)                                                                                             \
    do {                                                                                                               \
        bad |= (x > INT64_MAX / MICROS_PER_DAY) | (x < INT64_MIN / MICROS_PER_DAY);                                    \
        r = (int64_t)((uint64_t)(int64_t)x * (uint64_t)MICROS_PER_DAY);                                                \
    } while (0)
#include "kernel/unary_loop.h"
#define LOOP_NAME micros_to_date
#define LOOP_A int64_t
#define LOOP_R int32_t
#define LOOP_OP(x, r, bad) r = (int32_t)(x / MICROS_PER_DAY - (x % MICROS_PER_DAY < 0))
#include "kernel/unary_loop.h"

static kernel_unary plain_loop(const struct type *from, const struct type *to) {
    enum { B, I8, I16, I32, I64, F32, F64, N };
    static const int rank[TYPE_ID_COUNT] = {
        [TYPE_BOOLEAN] = B + 1,  [TYPE_TINYINT] = I8 + 1, [TYPE_SMALLINT] = I16 + 1, [TYPE_INT] = I32 + 1,
        [TYPE_BIGINT] = I64 + 1, [TYPE_FLOAT] = F32 + 1,  [TYPE_DOUBLE] = F64 + 1,
    };
    static const kernel_unary loops[N][N] = {
        [B] = {NULL, bool_to_i8, bool_to_i16, bool_to_i32, bool_to_i64, bool_to_f32, bool_to_f64},
        [I8] = {i8_to_bool, i8_to_i8, i8_to_i16, i8_to_i32, i8_to_i64, i8_to_f32, i8_to_f64},
        [I16] = {i16_to_bool, i16_to_i8, i16_to_i16, i16_to_i32, i16_to_i64, i16_to_f32, i16_to_f64},
        [I32] = {i32_to_bool, i32_to_i8, i32_to_i16, i32_to_i32, i32_to_i64, i32_to_f32, i32_to_f64},
        [I64] = {i64_to_bool, i64_to_i8, i64_to_i16, i64_to_i32, i64_to_i64, i64_to_f32, i64_to_f64},
        [F32] = {f32_to_bool, NULL, NULL, NULL, NULL, NULL, f32_to_f64},
        [F64] = {f64_to_bool, NULL, NULL, f64_to_i32, f64_to_i64, f64_to_f32, NULL},
    };
    if (rank[from->id] && rank[to->id]) return loops[rank[from->id] - 1][rank[to->id] - 1];
    if (from->id == TYPE_DATE && to->id == TYPE_TIMESTAMP && !type_is_nanos(to)) return date_to_micros;
    if (from->id == TYPE_TIMESTAMP && !type_is_nanos(from) && to->id == TYPE_DATE) return micros_to_date;
    return NULL;
}

static bool has_instant(const struct type *type) {
    if (type->id == TYPE_TIMESTAMP_LTZ) return true;
    for (int i = 0; i < type->child_count; i++)
        if (has_instant(type->children[i])) return true;
    return false;
}

static bool is_relabel(const struct type *from, const struct type *to) {
    if (type_equal_but_nullable(from, to)) return true;
    if (type_phys(from) != type_phys(to)) return false;
    if (from->id == TYPE_DECIMAL && to->id == TYPE_DECIMAL)
        return from->scale == to->scale && from->precision <= to->precision;
    if (from->id == to->id && (type_is_timestamp(from) || from->id == TYPE_TIME))
        return from->precision <= to->precision && type_is_nanos(from) == type_is_nanos(to);
    if (type_is_char(from) && to->id == TYPE_VARCHAR) return from->length <= to->length;
    if (type_is_bytes(from) && to->id == TYPE_VARBINARY) return from->length <= to->length;
    return type_is_char(from) && to->id == TYPE_VARBINARY && to->length == TYPE_MAX_LENGTH;
}

void cast_operation_init(struct cast_operation *o, const struct type *from, const struct type *to, bool try_cast) {
    *o = (struct cast_operation){.from = from, .to = to, .try_cast = try_cast};
    bool fallible = cast_fallible(from, to);
    o->fallible = fallible && !try_cast;
    o->uses_zone = from->id != to->id && (has_instant(from) || has_instant(to));
    o->relabel = is_relabel(from, to);
    if (o->relabel) {
        o->any_rows = true;
        return;
    }
    if (type_is_integer(to)) cast_int_range(to->id, &o->min, &o->max);
    o->plain = plain_loop(from, to);
    if (to->id == TYPE_DECIMAL && (type_is_integer(from) || from->id == TYPE_DECIMAL)) {
        int precision, scale;
        type_as_decimal(from, &precision, &scale);
        if (to->scale >= scale && to->precision - to->scale >= precision - scale) {
            bool to64 = type_phys(to) == PHYS_I64;
            o->factor = decimal_pow10(to->scale - scale);
            if (to64) o->factor64 = (int64_t)o->factor;
            switch (from->id) {
            case TYPE_TINYINT: o->scaled = to64 ? i8_to_decimal64 : i8_to_decimal128; break;
            case TYPE_SMALLINT: o->scaled = to64 ? i16_to_decimal64 : i16_to_decimal128; break;
            case TYPE_INT: o->scaled = to64 ? i32_to_decimal64 : i32_to_decimal128; break;
            case TYPE_BIGINT: o->scaled = to64 ? i64_to_decimal64 : i64_to_decimal128; break;
            default:
                o->scaled = type_phys(from) == PHYS_I128 ? decimal128_to_decimal128
                            : to64                       ? decimal64_to_decimal64
                                                         : decimal64_to_decimal128;
            }
        }
    }
    if (from->id == TYPE_DECIMAL && from->precision <= 15 && to->id == TYPE_DOUBLE) {
        o->scaled = decimal64_to_f64;
        o->factor_f64 = (double)decimal_pow10_64[from->scale];
    }
    /* With try_cast a failing loop is followed by the slow pass, which must see the valid rows only. */
    o->any_rows = o->scaled || (o->plain && !(fallible && try_cast));
}

/* ---- row by row ---- */

static inline int64_t load_i64(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) row = 0;
    switch (vec->phys) {
    case PHYS_BOOL: return ((const uint8_t *)vec->data)[row] & 1;
    case PHYS_I8: return ((const int8_t *)vec->data)[row];
    case PHYS_I16: return ((const int16_t *)vec->data)[row];
    case PHYS_I32: return ((const int32_t *)vec->data)[row];
    default: return ((const int64_t *)vec->data)[row];
    }
}
static inline int128 load_i128(const struct vector *vec, int row) {
    return vec->phys == PHYS_I128 ? ((const int128 *)vec->data)[vec->form == VECTOR_CONST ? 0 : row]
                                  : (int128)load_i64(vec, row);
}
static inline double load_f64(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) row = 0;
    return vec->phys == PHYS_F32 ? (double)((const float *)vec->data)[row] : ((const double *)vec->data)[row];
}
/* The view must outlive the slice: short strings lie in it. */
static inline struct str load_str(const struct vector *vec, int row) {
    return strview_str(&((const struct strview *)vec->data)[vec->form == VECTOR_CONST ? 0 : row]);
}
static inline void store_i64(struct vector *out, int row, int64_t v) {
    switch (out->phys) {
    case PHYS_BOOL: ((uint8_t *)out->data)[row] = v != 0; break;
    case PHYS_I8: ((int8_t *)out->data)[row] = (int8_t)v; break;
    case PHYS_I16: ((int16_t *)out->data)[row] = (int16_t)v; break;
    case PHYS_I32: ((int32_t *)out->data)[row] = (int32_t)v; break;
    default: ((int64_t *)out->data)[row] = v;
    }
}
static inline void store_i128(struct vector *out, int row, int128 v) {
    if (out->phys == PHYS_I128)
        ((int128 *)out->data)[row] = v;
    else
        ((int64_t *)out->data)[row] = (int64_t)v;
}
static void store_str(struct vector *out, int row, struct str text, bool borrowed, struct arena *arena) {
    if (text.len > STRVIEW_INLINE && !borrowed) text.data = arena_memdup(arena, text.data, text.len);
    ((struct strview *)out->data)[row] = strview_make(text.data, (uint32_t)text.len);
}

_Static_assert((int)DECIMAL_MAX_TEXT >= (int)TIME_MAX_TEXT && (int)DECIMAL_MAX_TEXT >= (int)NUMBER_MAX_TEXT, "to_text");

enum family { F_BOOL, F_INT, F_FLOAT, F_DECIMAL, F_TEXT, F_BYTES, F_TIME, F_INTERVAL, F_OTHER };

static enum family family_of(const struct type *type) {
    switch (type->id) {
    case TYPE_BOOLEAN: return F_BOOL;
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT: return F_INT;
    case TYPE_FLOAT:
    case TYPE_DOUBLE: return F_FLOAT;
    case TYPE_DECIMAL: return F_DECIMAL;
    case TYPE_CHAR:
    case TYPE_VARCHAR: return F_TEXT;
    case TYPE_BINARY:
    case TYPE_VARBINARY: return F_BYTES;
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: return F_TIME;
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME: return F_INTERVAL;
    default: return F_OTHER;
    }
}

struct slow_cast {
    const struct cast_operation *o;
    enum family from, to;
    struct arena *arena;
    const struct time_zone *zone;
    int capacity;
};

/* Text that CAST(x AS STRING) gives, cut or padded to the target's length. */
static void store_text(const struct slow_cast *c, struct vector *out, int row, struct str text, bool borrowed) {
    struct str fitted = cast_fit_text(c->arena, text, c->o->to);
    bool inside = fitted.data >= text.data && fitted.data <= text.data + text.len;
    store_str(out, row, fitted, borrowed || !inside, c->arena);
}

static enum cast_result to_text(const struct slow_cast *c, const struct vector *a, struct vector *out, int row) {
    char buf[DECIMAL_MAX_TEXT];
    int len = 0;
    switch (c->from) {
    case F_BOOL: store_text(c, out, row, str_from(load_i64(a, row) ? "TRUE" : "FALSE"), true); return CAST_OK;
    case F_INT: len = number_format_int(load_i64(a, row), buf); break;
    case F_FLOAT:
        len = a->phys == PHYS_F32 ? number_format_float((float)load_f64(a, row), buf)
                                  : number_format_double(load_f64(a, row), buf);
        break;
    case F_DECIMAL: len = decimal_format(load_i128(a, row), c->o->from->scale, buf); break;
    case F_TEXT: {
        const struct strview *view = &((const struct strview *)a->data)[a->form == VECTOR_CONST ? 0 : row];
        store_text(c, out, row, strview_str(view), true);
        return CAST_OK;
    }
    case F_BYTES: {
        struct str bytes = load_str(a, row), text = cast_bytes_to_text(c->arena, bytes);
        store_text(c, out, row, text, true);
        return CAST_OK;
    }
    case F_TIME:
    case F_INTERVAL: len = cast_time_to_text(c->o->from, load_i64(a, row), c->zone, buf); break;
    case F_OTHER: {
        struct strbuf text = {0};
        struct value value = vector_get(a, row, c->arena);
        cast_value_to_text(&text, &value, c->zone);
        store_text(c, out, row, strbuf_str(&text), false);
        strbuf_free(&text);
        return CAST_OK;
    }
    }
    store_text(c, out, row, (struct str){buf, (size_t)len}, false);
    return CAST_OK;
}

static enum cast_result from_text(const struct slow_cast *c, const struct vector *a, struct vector *out, int row) {
    const struct cast_operation *o = c->o;
    struct str text = load_str(a, row);
    int64_t i = 0;
    enum cast_result result = CAST_BAD_VALUE;
    switch (c->to) {
    case F_BOOL: {
        bool b = false;
        result = cast_str_to_bool(text, &b);
        i = b;
        break;
    }
    case F_INT: result = cast_str_to_i64(text, o->min, o->max, &i); break;
    case F_FLOAT:
        if (out->phys == PHYS_F32) return cast_str_to_f32(text, &((float *)out->data)[row]);
        return cast_str_to_f64(text, &((double *)out->data)[row]);
    case F_DECIMAL: {
        int128 v = 0;
        result = cast_str_to_decimal(text, o->to->precision, o->to->scale, &v);
        if (result == CAST_OK) store_i128(out, row, v);
        return result;
    }
    case F_TIME: result = cast_str_to_time(text, o->to, c->zone, &i); break;
    default: return CAST_BAD_VALUE;
    }
    if (result == CAST_OK) store_i64(out, row, i);
    return result;
}

static enum cast_result from_number(const struct slow_cast *c, const struct vector *a, struct vector *out, int row) {
    const struct cast_operation *o = c->o;
    enum cast_result result = CAST_BAD_VALUE;
    int64_t i = 0;
    int128 v = 0;
    switch (c->from) {
    case F_BOOL:
    case F_INT:
    case F_INTERVAL:
        i = load_i64(a, row);
        if (c->to == F_DECIMAL) {
            result = cast_decimal_to_decimal(i, 0, o->to->precision, o->to->scale, &v);
            if (result == CAST_OK) store_i128(out, row, v);
            return result;
        }
        if (c->to == F_FLOAT) {
            if (out->phys == PHYS_F32)
                ((float *)out->data)[row] = (float)i;
            else
                ((double *)out->data)[row] = (double)i;
            return CAST_OK;
        }
        result = c->to == F_BOOL || c->to == F_INTERVAL ? CAST_OK : cast_i64_to_i64(i, o->min, o->max, &i);
        break;
    case F_FLOAT:
        if (c->to == F_DECIMAL) {
            result = cast_f64_to_decimal(load_f64(a, row), o->to->precision, o->to->scale, &v);
            if (result == CAST_OK) store_i128(out, row, v);
            return result;
        }
        result = cast_f64_to_i64(load_f64(a, row), o->min, o->max, &i);
        break;
    case F_DECIMAL:
        v = load_i128(a, row);
        if (c->to == F_DECIMAL) {
            result = cast_decimal_to_decimal(v, o->from->scale, o->to->precision, o->to->scale, &v);
            if (result == CAST_OK) store_i128(out, row, v);
            return result;
        }
        if (c->to == F_FLOAT) {
            double d = decimal_to_double(v, o->from->scale);
            if (out->phys == PHYS_F32)
                ((float *)out->data)[row] = (float)d;
            else
                ((double *)out->data)[row] = d;
            return CAST_OK;
        }
        if (c->to == F_BOOL) {
            i = v != 0;
            result = CAST_OK;
        } else {
            result = cast_decimal_to_i64(v, o->from->scale, o->min, o->max, &i);
        }
        break;
    default: break;
    }
    if (result == CAST_OK) store_i64(out, row, i);
    return result;
}

static enum cast_result cast_row(const struct slow_cast *c, const struct vector *a, struct vector *out, int row) {
    if (c->from == F_OTHER && c->to == F_OTHER) {
        struct value value = vector_get(a, row, c->arena), cast;
        struct error err;
        enum status status = value_cast(c->arena, &value, c->o->to, c->zone, &cast, &err);
        if (status != STATUS_OK) return status == STATUS_OUT_OF_RANGE ? CAST_OUT_OF_RANGE : CAST_BAD_VALUE;
        vector_set(out, c->arena, c->capacity, row, &cast);
        return CAST_OK;
    }
    if (c->to == F_TEXT) return to_text(c, a, out, row);
    if (c->to == F_BYTES) {
        store_str(out, row, cast_fit_bytes(c->arena, load_str(a, row), c->o->to), true, c->arena);
        return CAST_OK;
    }
    if (c->from == F_TEXT) return from_text(c, a, out, row);
    if (c->from == F_TIME && c->to == F_TIME) {
        int64_t v = 0;
        enum cast_result result = cast_time_to_time(c->o->from, load_i64(a, row), c->o->to, c->zone, &v);
        if (result == CAST_OK) store_i64(out, row, v);
        return result;
    }
    return from_number(c, a, out, row);
}

int kernel_cast(const struct cast_operation *o, const struct vector *a, struct vector *out, const sel_index *sel,
                int count, struct arena *arena, int capacity, const struct time_zone *zone, enum cast_result *result) {
    int bad_row = -1;
    if (o->scaled)
        bad_row = o->scaled(o, a, out, sel, count);
    else if (o->plain)
        bad_row = o->plain(a, out, sel, count);
    if (o->scaled || o->plain) {
        if (bad_row < 0) return -1;
        if (!o->try_cast) {
            *result = CAST_OUT_OF_RANGE;
            return bad_row;
        }
    }
    struct slow_cast cast = {o, family_of(o->from), family_of(o->to), arena, zone, capacity};
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        if (!validity_get(out->validity, row)) continue;
        enum cast_result row_result = cast_row(&cast, a, out, row);
        if (__builtin_expect(row_result == CAST_OK, 1)) continue;
        if (!o->try_cast) {
            *result = row_result;
            return row;
        }
        struct value null = value_null(o->to);
        vector_set(out, arena, capacity, row, &null);
    }
    return -1;
}
