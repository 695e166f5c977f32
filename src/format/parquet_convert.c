/* Values of Parquet's types to those of SQL, in loops over whole arrays. */
#include <assert.h>

#include "format/parquet_private.h"
#include "format/text.h"
#include "types/decimal.h"
#include "types/time.h"

/* ---- Planning ---- */

static bool is_integer(const struct parquet_node *node, bool *is_unsigned, int *bits) {
    if (node->physical != CARQUET_PHYSICAL_INT32 && node->physical != CARQUET_PHYSICAL_INT64) return false;
    *bits = node->physical == CARQUET_PHYSICAL_INT32 ? 32 : 64;
    *is_unsigned = false;
    if (node->logical.id == CARQUET_LOGICAL_UNKNOWN) return true;
    if (node->logical.id != CARQUET_LOGICAL_INTEGER) return false;
    *is_unsigned = !node->logical.params.integer.is_signed;
    if (node->logical.params.integer.bit_width < *bits) *bits = node->logical.params.integer.bit_width;
    return true;
}

static void plan_integer(struct parquet_leaf_plan *plan, const struct parquet_node *node, int target_bits) {
    int bits;
    if (!is_integer(node, &plan->is_unsigned, &bits)) return;
    bool same_width = target_bits == (node->physical == CARQUET_PHYSICAL_INT32 ? 32 : 64);
    /* what the file says of its width is not relied upon where it would break something */
    plan->checked = plan->is_unsigned || bits > target_bits || !same_width;
    plan->conversion = plan->checked ? CONVERT_INT : CONVERT_COPY;
}

static void plan_float(struct parquet_leaf_plan *plan, const struct parquet_node *node) {
    bool is_double = plan->type->id == TYPE_DOUBLE;
    if (node->logical.id == CARQUET_LOGICAL_FLOAT16 && node->type_length == 2)
        plan->conversion = CONVERT_HALF;
    else if (node->physical == CARQUET_PHYSICAL_FLOAT)
        plan->conversion = is_double ? CONVERT_FLOAT_TO_DOUBLE : CONVERT_COPY;
    else if (node->physical == CARQUET_PHYSICAL_DOUBLE && is_double)
        plan->conversion = CONVERT_COPY;
}

static void plan_decimal(struct parquet_leaf_plan *plan, const struct parquet_node *node) {
    int bits, precision;
    if (node->logical.id == CARQUET_LOGICAL_DECIMAL) {
        if (node->physical == CARQUET_PHYSICAL_FIXED_LEN_BYTE_ARRAY && node->type_length > 16) return;
        plan->source_scale = node->logical.params.decimal.scale;
        precision = node->logical.params.decimal.precision;
        if (plan->source_scale < 0 || plan->source_scale > plan->type->scale || precision > TYPE_MAX_PRECISION) return;
    } else if (!is_integer(node, &plan->is_unsigned, &bits)) {
        return;
    }
    plan->conversion = CONVERT_DECIMAL;
}

/* units_per_second of the file and of the vector; digits of the column. */
static void plan_time(struct parquet_leaf_plan *plan, carquet_time_unit_t unit, bool nanos) {
    int64_t file_units = unit == CARQUET_TIME_UNIT_MILLIS   ? 1000
                         : unit == CARQUET_TIME_UNIT_MICROS ? 1000000
                                                            : 1000000000;
    int64_t units = nanos ? NANOS_PER_SECOND : MICROS_PER_SECOND;
    plan->multiplier = units >= file_units ? units / file_units : 0;
    plan->divisor = units >= file_units ? 0 : file_units / units;
    plan->cut = units;
    for (int i = 0; i < plan->type->precision && plan->cut > 1; i++) plan->cut /= 10;
    plan->conversion = CONVERT_TIME;
    if (plan->multiplier == 1 && file_units / units <= 1 && plan->cut == 1 && plan->physical == CARQUET_PHYSICAL_INT64)
        plan->conversion = CONVERT_COPY;
}

static void plan_text(struct parquet_leaf_plan *plan, const struct parquet_node *node) {
    carquet_logical_type_id_t id = node->logical.id;
    if (id == CARQUET_LOGICAL_UUID && node->type_length == 16)
        plan->conversion = CONVERT_UUID;
    else if (node->physical == CARQUET_PHYSICAL_BYTE_ARRAY &&
             (id == CARQUET_LOGICAL_STRING || id == CARQUET_LOGICAL_ENUM || id == CARQUET_LOGICAL_JSON ||
              id == CARQUET_LOGICAL_UNKNOWN))
        plan->conversion = CONVERT_TEXT;
}

static int value_bytes(const struct parquet_node *node) {
    switch (node->physical) {
    case CARQUET_PHYSICAL_BOOLEAN: return 1;
    case CARQUET_PHYSICAL_INT32:
    case CARQUET_PHYSICAL_FLOAT: return 4;
    case CARQUET_PHYSICAL_INT64:
    case CARQUET_PHYSICAL_DOUBLE: return 8;
    case CARQUET_PHYSICAL_INT96: return 12;
    case CARQUET_PHYSICAL_BYTE_ARRAY: return (int)sizeof(carquet_byte_array_t);
    case CARQUET_PHYSICAL_FIXED_LEN_BYTE_ARRAY:
        return node->type_length > 0 && node->type_length <= PARQUET_MAX_FIXED_BYTES ? node->type_length : 0;
    default: return 0;
    }
}

struct parquet_leaf_plan parquet_plan_leaf(const struct parquet_node *node, const struct type *type) {
    struct parquet_leaf_plan plan = {.type = type,
                                     .physical = node->physical,
                                     .type_length = node->type_length,
                                     .value_bytes = value_bytes(node),
                                     .label = node->name};
    const carquet_logical_type_t *logical = &node->logical;
    if (plan.value_bytes == 0) return plan;
    bool is_plain = logical->id == CARQUET_LOGICAL_UNKNOWN;
    switch (type->id) {
    case TYPE_BOOLEAN:
        if (node->physical == CARQUET_PHYSICAL_BOOLEAN) plan.conversion = CONVERT_BOOL;
        break;
    case TYPE_TINYINT: plan_integer(&plan, node, 8); break;
    case TYPE_SMALLINT: plan_integer(&plan, node, 16); break;
    case TYPE_INT: plan_integer(&plan, node, 32); break;
    case TYPE_BIGINT: plan_integer(&plan, node, 64); break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE: plan_float(&plan, node); break;
    case TYPE_DECIMAL: plan_decimal(&plan, node); break;
    case TYPE_CHAR:
    case TYPE_VARCHAR: plan_text(&plan, node); break;
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        if (node->physical == CARQUET_PHYSICAL_BYTE_ARRAY || node->physical == CARQUET_PHYSICAL_FIXED_LEN_BYTE_ARRAY)
            plan.conversion = CONVERT_BYTES;
        break;
    case TYPE_DATE:
        if (logical->id == CARQUET_LOGICAL_DATE && node->physical == CARQUET_PHYSICAL_INT32)
            plan.conversion = CONVERT_COPY;
        break;
    case TYPE_TIME:
        if (logical->id == CARQUET_LOGICAL_TIME &&
            (node->physical == CARQUET_PHYSICAL_INT32 || node->physical == CARQUET_PHYSICAL_INT64))
            plan_time(&plan, logical->params.time.unit, true);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        if (logical->id == CARQUET_LOGICAL_TIMESTAMP && node->physical == CARQUET_PHYSICAL_INT64)
            plan_time(&plan, logical->params.timestamp.unit, type_is_nanos(type));
        else if (is_plain && node->physical == CARQUET_PHYSICAL_INT96) {
            plan_time(&plan, CARQUET_TIME_UNIT_NANOS, type_is_nanos(type));
            plan.conversion = CONVERT_INT96;
        }
        break;
    case TYPE_INTERVAL_YEAR_MONTH:
        if (is_plain && node->physical == CARQUET_PHYSICAL_INT32) plan.conversion = CONVERT_COPY;
        break;
    case TYPE_INTERVAL_DAY_TIME:
        if (is_plain && node->physical == CARQUET_PHYSICAL_INT64) plan.conversion = CONVERT_COPY;
        break;
    default: break;
    }
    /* an annotation NULL: every value is, whatever the type */
    if (logical->id == CARQUET_LOGICAL_NULL && type_phys(type) != PHYS_LIST && type_phys(type) != PHYS_ROW)
        plan.conversion = CONVERT_BYTES;
    return plan;
}

/* ---- Converting ---- */

/* The loop of a conversion: `in` is the value, `row` where the result goes. */
#define EACH(T, BODY)                                                                                                  \
    for (int i = 0; i < count; i++) {                                                                                  \
        const T in = ((const T *)values)[i];                                                                           \
        const uint32_t row = positions ? positions[i] : (uint32_t)i;                                                   \
        BODY                                                                                                           \
    }

static void copy_values(const void *values, int count, const uint32_t *positions, void *data, int width) {
    if (!positions) {
        if (count) memcpy(data, values, (size_t)count * (size_t)width);
    } else if (width == 8) {
        EACH(uint64_t, ((uint64_t *)data)[row] = in;)
    } else {
        EACH(uint32_t, ((uint32_t *)data)[row] = in;)
    }
}

static enum status out_of_range(const struct parquet_leaf_plan *plan, int128 value, int scale, struct error *err) {
    char text[DECIMAL_MAX_TEXT], type[64];
    decimal_format(value, scale, text);
    struct strbuf buf = {0};
    type_print(&buf, plan->type);
    snprintf(type, sizeof type, "%s", buf.data);
    strbuf_free(&buf);
    return error_set(err, STATUS_BAD_DATA, "column '%s': %s is out of the range of %s", plan->label, text, type);
}

/* One loop per pair of widths; a bad value is looked for behind the loop. */
#define CONVERT_INTEGERS(FROM, TO)                                                                                     \
    do {                                                                                                               \
        TO *out = vec->data;                                                                                           \
        bool good = true;                                                                                              \
        EACH(FROM, out[row] = (TO)in; good &= ((FROM)(TO)in == in) & (((TO)in < 0) == (in < 0));)                      \
        if (good) return STATUS_OK;                                                                                    \
        EACH(FROM, if ((FROM)(TO)in != in || ((TO)in < 0) != (in < 0)) return out_of_range(plan, in, 0, err);          \
             (void)row;)                                                                                               \
    } while (0)

#define CONVERT_INTEGERS_TO(TO)                                                                                        \
    do {                                                                                                               \
        if (plan->physical == CARQUET_PHYSICAL_INT32 && plan->is_unsigned)                                             \
            CONVERT_INTEGERS(uint32_t, TO);                                                                            \
        else if (plan->physical == CARQUET_PHYSICAL_INT32)                                                             \
            CONVERT_INTEGERS(int32_t, TO);                                                                             \
        else if (plan->is_unsigned)                                                                                    \
            CONVERT_INTEGERS(uint64_t, TO);                                                                            \
        else                                                                                                           \
            CONVERT_INTEGERS(int64_t, TO);                                                                             \
    } while (0)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtype-limits" /* unsigned values that are never below zero */
static enum status convert_integers(const struct parquet_leaf_plan *plan, const void *values, int count,
                                    const uint32_t *positions, struct vector *vec, struct error *err) {
    switch (vec->phys) {
    case PHYS_I8: CONVERT_INTEGERS_TO(int8_t); break;
    case PHYS_I16: CONVERT_INTEGERS_TO(int16_t); break;
    case PHYS_I32: CONVERT_INTEGERS_TO(int32_t); break;
    default: CONVERT_INTEGERS_TO(int64_t); break;
    }
    return STATUS_OK;
}
#pragma GCC diagnostic pop

/* Big-endian two's complement; at most 16 bytes, or more that only extend the sign. */
static bool read_big_endian(const uint8_t *p, int len, int128 *out) {
    uint8_t sign = len && (p[0] & 0x80) ? 0xFF : 0;
    if (len < 0) return false;
    while (len > 16) {
        if (*p != sign || (p[1] & 0x80) != (sign & 0x80)) return false;
        p++;
        len--;
    }
    uint128 v = sign ? ~(uint128)0 : 0;
    for (int i = 0; i < len; i++) v = v << 8 | p[i];
    *out = (int128)v;
    return true;
}

static enum status put_decimal(const struct parquet_leaf_plan *plan, int128 value, uint32_t row, struct vector *vec,
                               struct error *err) {
    const struct type *type = plan->type;
    int128 scaled = value;
    bool fits = plan->source_scale == type->scale
                    ? decimal_fits(value, type->precision)
                    : decimal_rescale(value, plan->source_scale, type->precision, type->scale, &scaled);
    if (!fits) return out_of_range(plan, value, plan->source_scale, err);
    if (vec->phys == PHYS_I64)
        ((int64_t *)vec->data)[row] = (int64_t)scaled;
    else
        ((int128 *)vec->data)[row] = scaled;
    return STATUS_OK;
}

/* Both sides are 64 bits wide or less and the scale is the same. */
#define COPY_DECIMALS(FROM)                                                                                            \
    do {                                                                                                               \
        const int64_t limit = (int64_t)decimal_pow10(plan->type->precision);                                           \
        bool good = true;                                                                                              \
        EACH(FROM, ((int64_t *)vec->data)[row] = in; good &= (in < limit) & (in > -limit);)                            \
        if (good) return STATUS_OK;                                                                                    \
    } while (0)

static enum status convert_decimals(const struct parquet_leaf_plan *plan, const void *values, int count,
                                    const uint32_t *positions, struct vector *vec, struct error *err) {
    bool is_narrow = vec->phys == PHYS_I64 && plan->source_scale == plan->type->scale && !plan->is_unsigned;
    if (is_narrow && plan->physical == CARQUET_PHYSICAL_INT32) COPY_DECIMALS(int32_t);
    if (is_narrow && plan->physical == CARQUET_PHYSICAL_INT64) COPY_DECIMALS(int64_t);
    switch (plan->physical) { /* also to find the value at fault */
    case CARQUET_PHYSICAL_INT32:
        if (plan->is_unsigned)
            EACH(uint32_t, TRY(put_decimal(plan, in, row, vec, err));)
        else
            EACH(int32_t, TRY(put_decimal(plan, in, row, vec, err));)
        break;
    case CARQUET_PHYSICAL_INT64:
        if (plan->is_unsigned)
            EACH(uint64_t, TRY(put_decimal(plan, in, row, vec, err));)
        else
            EACH(int64_t, TRY(put_decimal(plan, in, row, vec, err));)
        break;
    default:
        for (int i = 0; i < count; i++) {
            const uint8_t *p = (const uint8_t *)values + (size_t)i * (size_t)plan->type_length;
            int len = plan->type_length;
            if (plan->physical == CARQUET_PHYSICAL_BYTE_ARRAY) {
                p = ((const carquet_byte_array_t *)values)[i].data;
                len = ((const carquet_byte_array_t *)values)[i].length;
            }
            int128 v;
            if (!read_big_endian(p, len, &v))
                return error_set(err, STATUS_BAD_DATA, "column '%s': a decimal of %d bytes is out of range",
                                 plan->label, len);
            TRY(put_decimal(plan, v, positions ? positions[i] : (uint32_t)i, vec, err));
        }
    }
    return STATUS_OK;
}

/* Towards minus infinity. */
static inline int64_t floor_divide(int64_t v, int64_t by) { return v / by - (v % by < 0); }

static inline enum status put_time(const struct parquet_leaf_plan *plan, int64_t v, uint32_t row, struct vector *vec,
                                   struct error *err) {
    int64_t out;
    if (plan->multiplier == 0)
        out = floor_divide(v, plan->divisor);
    else if (__builtin_mul_overflow(v, plan->multiplier, &out))
        return out_of_range(plan, v, 0, err);
    if (plan->cut > 1) out = floor_divide(out, plan->cut) * plan->cut;
    ((int64_t *)vec->data)[row] = out;
    return STATUS_OK;
}

static enum status check_times(const struct parquet_leaf_plan *plan, int count, const uint32_t *positions,
                               const struct vector *vec, struct error *err) {
    if (plan->type->id != TYPE_TIME) return STATUS_OK;
    for (int i = 0; i < count; i++) {
        int64_t v = ((const int64_t *)vec->data)[positions ? positions[i] : (uint32_t)i];
        if (v < 0 || v >= NANOS_PER_DAY)
            return error_set(err, STATUS_BAD_DATA, "column '%s': %lld nanoseconds are no time of day", plan->label,
                             (long long)v);
    }
    return STATUS_OK;
}

/* Nanoseconds of the day, then the Julian day; 2440588 is 1970-01-01. */
static enum status convert_int96(const struct parquet_leaf_plan *plan, const void *values, int count,
                                 const uint32_t *positions, struct vector *vec, struct error *err) {
    bool nanos = type_is_nanos(plan->type);
    for (int i = 0; i < count; i++) {
        const uint8_t *p = (const uint8_t *)values + (size_t)i * 12;
        int64_t nanos_of_day, out;
        uint32_t julian;
        memcpy(&nanos_of_day, p, 8);
        memcpy(&julian, p + 8, 4);
        int64_t days = (int64_t)(int32_t)julian - 2440588;
        int64_t part = nanos ? nanos_of_day : floor_divide(nanos_of_day, 1000);
        if (__builtin_mul_overflow(days, nanos ? NANOS_PER_DAY : MICROS_PER_DAY, &out) ||
            __builtin_add_overflow(out, part, &out))
            return error_set(err, STATUS_BAD_DATA, "column '%s': a timestamp %lld days from 1970 is out of range",
                             plan->label, (long long)days);
        if (plan->cut > 1) out = floor_divide(out, plan->cut) * plan->cut;
        ((int64_t *)vec->data)[positions ? positions[i] : (uint32_t)i] = out;
    }
    return STATUS_OK;
}

static inline bool is_ascii(const uint8_t *p, uint32_t len) {
    uint64_t word, high = 0;
    uint32_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, p + i, 8);
        high |= word;
    }
    uint8_t tail = 0;
    for (; i < len; i++) tail |= p[i];
    return !((high & UINT64_C(0x8080808080808080)) | (tail & 0x80));
}

static enum status convert_text(const struct parquet_leaf_plan *plan, const void *values, int count,
                                const uint32_t *positions, struct vector *vec, struct arena *arena, struct error *err) {
    const carquet_byte_array_t *in = values;
    struct strview *out = vec->data;
    bool is_text = plan->conversion == CONVERT_TEXT;
    for (int i = 0; i < count; i++) {
        if (in[i].length < 0)
            return error_set(err, STATUS_BAD_DATA, "column '%s': a value of %d bytes", plan->label, in[i].length);
        uint32_t len = (uint32_t)in[i].length;
        const char *p = len ? (const char *)in[i].data : "";
        if (is_text && !is_ascii(in[i].data, len) && !utf8_valid(p, len))
            return error_set(err, STATUS_BAD_DATA, "column '%s': the text is not UTF-8: %s", plan->label,
                             text_show(arena, p, len));
        out[positions ? positions[i] : (uint32_t)i] = strview_make(p, len);
    }
    return STATUS_OK;
}

static void convert_uuids(const void *values, int count, const uint32_t *positions, struct vector *vec,
                          struct arena *arena) {
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < count; i++) {
        const uint8_t *p = (const uint8_t *)values + (size_t)i * 16;
        char *text = arena_alloc_aligned(arena, 36, 1), *to = text;
        for (int k = 0; k < 16; k++) {
            if (k == 4 || k == 6 || k == 8 || k == 10) *to++ = '-';
            *to++ = hex[p[k] >> 4];
            *to++ = hex[p[k] & 15];
        }
        ((struct strview *)vec->data)[positions ? positions[i] : (uint32_t)i] = strview_make(text, 36);
    }
}

/* IEEE 754 binary16. */
static float from_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3FF, bits;
    if (exponent == 31) {
        bits = sign | 0x7F800000 | mantissa << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    } else {
        float tiny = (float)mantissa * 0x1p-24f;
        return sign ? -tiny : tiny;
    }
    float out;
    memcpy(&out, &bits, 4);
    return out;
}

enum status parquet_convert(const struct parquet_leaf_plan *plan, const void *values, int count,
                            const uint32_t *positions, struct vector *vec, struct arena *arena, struct error *err) {
    switch (plan->conversion) {
    case CONVERT_BOOL: EACH(uint8_t, ((uint8_t *)vec->data)[row] = in != 0;) return STATUS_OK;
    case CONVERT_COPY:
        copy_values(values, count, positions, vec->data, plan->value_bytes);
        return check_times(plan, count, positions, vec, err);
    case CONVERT_INT: return convert_integers(plan, values, count, positions, vec, err);
    case CONVERT_FLOAT_TO_DOUBLE: EACH(float, ((double *)vec->data)[row] = (double)in;) return STATUS_OK;
    case CONVERT_HALF:
        if (vec->phys == PHYS_F32)
            EACH(uint16_t, ((float *)vec->data)[row] = from_half(in);)
        else
            EACH(uint16_t, ((double *)vec->data)[row] = (double)from_half(in);)
        return STATUS_OK;
    case CONVERT_DECIMAL: return convert_decimals(plan, values, count, positions, vec, err);
    case CONVERT_TIME:
        if (plan->physical == CARQUET_PHYSICAL_INT32)
            EACH(int32_t, TRY(put_time(plan, in, row, vec, err));)
        else
            EACH(int64_t, TRY(put_time(plan, in, row, vec, err));)
        return check_times(plan, count, positions, vec, err);
    case CONVERT_INT96: return convert_int96(plan, values, count, positions, vec, err);
    case CONVERT_TEXT: return convert_text(plan, values, count, positions, vec, arena, err);
    case CONVERT_UUID: convert_uuids(values, count, positions, vec, arena); return STATUS_OK;
    case CONVERT_BYTES:
        if (count == 0) return STATUS_OK;
        if (vec->phys != PHYS_STR)
            return error_set(err, STATUS_BAD_DATA, "column '%s': values where the file says that all are NULL",
                             plan->label);
        if (plan->physical == CARQUET_PHYSICAL_BYTE_ARRAY)
            return convert_text(plan, values, count, positions, vec, arena, err);
        if (plan->physical != CARQUET_PHYSICAL_FIXED_LEN_BYTE_ARRAY)
            return error_set(err, STATUS_BAD_DATA, "column '%s': values where the file says that all are NULL",
                             plan->label);
        for (int i = 0; i < count; i++)
            ((struct strview *)vec->data)[positions ? positions[i] : (uint32_t)i] =
                strview_make((const char *)values + (size_t)i * (size_t)plan->type_length, (uint32_t)plan->type_length);
        return STATUS_OK;
    case CONVERT_NONE: break;
    }
    assert(!"the types fit");
    return STATUS_INTERNAL;
}
