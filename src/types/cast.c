#include "types/cast.h"

#include <assert.h>
#include <float.h>
#include <math.h>

/* ---- Which casts there are. ---- */

static bool is_time(const struct type *type) {
    return type->id == TYPE_DATE || type->id == TYPE_TIME || type_is_timestamp(type);
}

bool cast_allowed(const struct type *from, const struct type *to) {
    if (from->id == TYPE_NULL || type_is_char(to)) return true;
    if (type_is_nested(from) || type_is_nested(to)) {
        if (from->id != to->id || from->child_count != to->child_count) return false;
        for (int i = 0; i < from->child_count; i++)
            if (!cast_allowed(from->children[i], to->children[i])) return false;
        return true;
    }
    if (type_is_char(from)) return to->id == TYPE_BOOLEAN || type_is_numeric(to) || type_is_bytes(to) || is_time(to);
    if (type_is_bytes(from)) return type_is_bytes(to);
    if (from->id == TYPE_BOOLEAN || type_is_numeric(from)) return to->id == TYPE_BOOLEAN || type_is_numeric(to);
    if (is_time(from) && is_time(to)) {
        bool date_and_time =
            (from->id == TYPE_DATE && to->id == TYPE_TIME) || (from->id == TYPE_TIME && to->id == TYPE_DATE);
        return !date_and_time;
    }
    return from->id == to->id;
}

/* Whole decimal digits: of every value of an exact type at most this many, … */
static int whole_digits(const struct type *type) {
    int precision, scale;
    type_as_decimal(type, &precision, &scale);
    return precision - scale;
}

/* … and an integer type holds all numbers of this many. */
static int safe_digits(const struct type *type) {
    static const uint8_t digits[] = {[TYPE_TINYINT] = 2, [TYPE_SMALLINT] = 4, [TYPE_INT] = 9, [TYPE_BIGINT] = 18};
    return type->id == TYPE_DECIMAL ? type->precision - type->scale : digits[type->id];
}

static bool number_fallible(const struct type *from, const struct type *to) {
    if (to->id == TYPE_BOOLEAN || type_is_approximate(to)) return false;
    if (from->id == TYPE_BOOLEAN) return to->id == TYPE_DECIMAL && to->precision == to->scale;
    if (type_is_approximate(from)) return true;
    if (type_is_integer(from) && type_is_integer(to)) return to->id < from->id;
    bool rounds = from->id == TYPE_DECIMAL && to->id == TYPE_DECIMAL && to->scale < from->scale;
    return whole_digits(from) + rounds > safe_digits(to);
}

static bool time_fallible(const struct type *from, const struct type *to) {
    if (to->id == TYPE_DATE || to->id == TYPE_TIME) return false;
    if (from->id == TYPE_DATE) return true;
    if (from->id == TYPE_TIME) return false;
    /* ns reach to the year 2262 only: a zone's offset may lead beyond. */
    if (type_is_nanos(to) && (!type_is_nanos(from) || from->id != to->id)) return true;
    return type_is_nanos(from) == type_is_nanos(to) && to->precision < from->precision;
}

bool cast_fallible(const struct type *from, const struct type *to) {
    if (from->id == TYPE_NULL || type_is_char(to) || type_is_bytes(to)) return false;
    if (type_is_char(from)) return true;
    if (type_is_nested(from)) {
        for (int i = 0; i < from->child_count; i++)
            if (cast_fallible(from->children[i], to->children[i])) return true;
        return false;
    }
    if (is_time(from)) return time_fallible(from, to);
    if (type_is_interval(from)) return false;
    return number_fallible(from, to);
}

void cast_int_range(enum type_id id, int64_t *min, int64_t *max) {
    assert(id >= TYPE_TINYINT && id <= TYPE_BIGINT);
    int unused_bits = 64 - (8 << (id - TYPE_TINYINT));
    *max = INT64_MAX >> unused_bits;
    *min = INT64_MIN >> unused_bits;
}

/* ---- Text to numbers. ---- */

static struct str trim(struct str text) {
    while (text.len && (unsigned char)text.data[0] <= ' ') text.data++, text.len--;
    while (text.len && (unsigned char)text.data[text.len - 1] <= ' ') text.len--;
    return text;
}

enum cast_result cast_str_to_i64(struct str text, int64_t min, int64_t max, int64_t *out) {
    if (number_parse_int(text, min, max, out)) return CAST_OK;
    text = trim(text);
    const char *p = text.data, *end = p + text.len;
    bool negative = false, overflow = false, any = false;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    int64_t value = 0; /* kept negative, which has the wider range */
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        any = true;
        overflow =
            overflow || __builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *p - '0', &value);
    }
    if (p < end && *p == '.')
        for (p++; p < end && *p >= '0' && *p <= '9'; p++) any = true;
    if (p != end || !any) return CAST_BAD_VALUE;
    if (overflow || (!negative && value == INT64_MIN)) return CAST_OUT_OF_RANGE;
    return cast_i64_to_i64(negative ? value : -value, min, max, out);
}

enum cast_result cast_str_to_f64(struct str text, double *out) {
    return number_parse_double(text, out) ? CAST_OK : CAST_BAD_VALUE;
}

enum cast_result cast_str_to_f32(struct str text, float *out) {
    return number_parse_float(text, out) ? CAST_OK : CAST_BAD_VALUE;
}

enum cast_result cast_str_to_decimal(struct str text, int precision, int scale, int128 *out) {
    switch (decimal_parse(text, precision, scale, out)) {
    case DECIMAL_PARSE_OK: return CAST_OK;
    case DECIMAL_PARSE_OVERFLOW: return CAST_OUT_OF_RANGE;
    default: return CAST_BAD_VALUE;
    }
}

enum cast_result cast_str_to_bool(struct str text, bool *out) {
    static const char *const words[] = {"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"};
    text = trim(text);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_equal_nocase(text, str_from(words[i]))) {
            *out = i % 2 == 0;
            return CAST_OK;
        }
    return CAST_BAD_VALUE;
}

/* ---- Numbers to numbers. ---- */

enum cast_result cast_f64_to_i64(double d, int64_t min, int64_t max, int64_t *out) {
    /* False for NaN; 2^63 itself is no int64, -2^63 is. */
    if (!(d >= -0x1p63 && d < 0x1p63)) return CAST_OUT_OF_RANGE;
    return cast_i64_to_i64((int64_t)d, min, max, out);
}

enum cast_result cast_f64_to_decimal(double d, int precision, int scale, int128 *out) {
    return decimal_from_double(d, precision, scale, out) ? CAST_OK : CAST_OUT_OF_RANGE;
}

enum cast_result cast_decimal_to_i64(int128 v, int scale, int64_t min, int64_t max, int64_t *out) {
    int128 whole;
    if (scale <= TYPE_MAX_DECIMAL64 && v >= INT64_MIN && v <= INT64_MAX)
        whole = (int64_t)v / decimal_pow10_64[scale];
    else
        whole = v / decimal_pow10(scale);
    if (whole < min || whole > max) return CAST_OUT_OF_RANGE;
    *out = (int64_t)whole;
    return CAST_OK;
}

enum cast_result cast_decimal_to_decimal(int128 v, int from_scale, int precision, int scale, int128 *out) {
    return decimal_rescale(v, from_scale, precision, scale, out) ? CAST_OK : CAST_OUT_OF_RANGE;
}

/* ---- Times. ---- */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t floor_mod(int64_t a, int64_t b) {
    int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

static int64_t cut_time(int64_t nanos_of_day, int precision) {
    return nanos_of_day - nanos_of_day % decimal_pow10_64[TYPE_MAX_TIME_PRECISION - precision];
}

enum cast_result cast_time_to_time(const struct type *from, int64_t v, const struct type *to,
                                   const struct time_zone *zone, int64_t *out) {
    if (from->id == to->id && from->id != TYPE_TIME) {
        if (from->id == TYPE_DATE)
            *out = v;
        else if (!timestamp_rescale(v, from->precision, to->precision, out))
            return CAST_OUT_OF_RANGE;
        return CAST_OK;
    }
    int64_t micros, nanos = 0; /* 0 … 999 beyond the µs */
    switch (from->id) {
    case TYPE_DATE:
        if (__builtin_mul_overflow(v, MICROS_PER_DAY, &micros)) return CAST_OUT_OF_RANGE;
        break;
    case TYPE_TIME: /* of 1970-01-01 */
        micros = v / 1000;
        nanos = v % 1000;
        break;
    default:
        micros = type_is_nanos(from) ? floor_div(v, 1000) : v;
        nanos = type_is_nanos(from) ? floor_mod(v, 1000) : 0;
    }
    if (from->id == TYPE_TIMESTAMP_LTZ && to->id != TYPE_TIMESTAMP_LTZ) micros = time_zone_to_local(zone, micros);
    if (from->id != TYPE_TIMESTAMP_LTZ && to->id == TYPE_TIMESTAMP_LTZ) micros = time_zone_to_utc(zone, micros);
    switch (to->id) {
    case TYPE_DATE: *out = floor_div(micros, MICROS_PER_DAY); return CAST_OK;
    case TYPE_TIME: *out = cut_time(floor_mod(micros, MICROS_PER_DAY) * 1000 + nanos, to->precision); return CAST_OK;
    default: break;
    }
    /* Digits are cut only where the source may have them. */
    int precision = from->id == TYPE_DATE ? 0 : from->precision;
    if (!type_is_nanos(to)) {
        if (precision > TYPE_MICROS_PRECISION) precision = TYPE_MICROS_PRECISION;
        return timestamp_rescale(micros, precision, to->precision, out) ? CAST_OK : CAST_OUT_OF_RANGE;
    }
    int128 value = (int128)micros * 1000 + nanos;
    if (value < INT64_MIN || value > INT64_MAX) return CAST_OUT_OF_RANGE;
    if (precision <= TYPE_MICROS_PRECISION) precision = TYPE_MICROS_PRECISION + 1;
    return timestamp_rescale((int64_t)value, precision, to->precision, out) ? CAST_OK : CAST_OUT_OF_RANGE;
}

enum cast_result cast_str_to_time(struct str text, const struct type *to, const struct time_zone *zone, int64_t *out) {
    int32_t days;
    int64_t value;
    switch (to->id) {
    case TYPE_DATE:
        if (!date_parse(text, &days)) return CAST_BAD_VALUE;
        value = days;
        break;
    case TYPE_TIME:
        if (!time_parse(text, &value)) return CAST_BAD_VALUE;
        value = cut_time(value, to->precision);
        break;
    default:
        if (!timestamp_parse(text, to->precision, to->id == TYPE_TIMESTAMP_LTZ ? zone : NULL, &value))
            return CAST_BAD_VALUE;
    }
    *out = value;
    return CAST_OK;
}

int cast_time_to_text(const struct type *from, int64_t v, const struct time_zone *zone, char out[TIME_MAX_TEXT]) {
    switch (from->id) {
    case TYPE_DATE: return date_format((int32_t)v, out);
    case TYPE_TIME: return time_format(v, from->precision, out);
    case TYPE_TIMESTAMP_LTZ:
        if (!zone) break;
        if (type_is_nanos(from)) {
            int64_t micros = floor_div(v, 1000);
            int64_t offset = time_zone_to_local(zone, micros) - micros;
            if (__builtin_add_overflow(v, offset * 1000, &v)) v = offset < 0 ? INT64_MIN : INT64_MAX;
        } else {
            v = time_zone_to_local(zone, v);
        }
        break;
    case TYPE_TIMESTAMP: break;
    default: return interval_format(from, v, out);
    }
    return timestamp_format(v, from->precision, out);
}

/* ---- Strings. ---- */

/* Is it the first byte of a code point? Bytes that belong to none count as one each. */
static bool starts_code_point(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

/* Code points in text, and where the one after the first `limit` starts (text.len when there is none). */
static size_t count_code_points(struct str text, size_t limit, size_t *cut) {
    size_t count = 0, i;
    *cut = text.len;
    for (i = 0; i < text.len; i++)
        if (starts_code_point(text.data[i]) || i == 0) {
            if (count == limit) {
                *cut = i;
                break;
            }
            count++;
        }
    return count;
}

struct str cast_fit_text(struct arena *arena, struct str text, const struct type *to) {
    size_t length = (size_t)to->length, cut;
    if (to->id == TYPE_VARCHAR && text.len <= length) return text;
    size_t count = count_code_points(text, length, &cut);
    if (cut < text.len) return (struct str){text.data, cut};
    if (to->id == TYPE_VARCHAR || count == length) return text;
    char *padded = arena_alloc_aligned(arena, text.len + length - count, 1);
    if (text.len) memcpy(padded, text.data, text.len);
    memset(padded + text.len, ' ', length - count);
    return (struct str){padded, text.len + length - count};
}

struct str cast_fit_bytes(struct arena *arena, struct str bytes, const struct type *to) {
    size_t length = (size_t)to->length;
    if (bytes.len > length) return (struct str){bytes.data, length};
    if (to->id == TYPE_VARBINARY || bytes.len == length) return bytes;
    char *padded = arena_alloc_aligned(arena, length, 1);
    if (bytes.len) memcpy(padded, bytes.data, bytes.len);
    memset(padded + bytes.len, 0, length - bytes.len);
    return (struct str){padded, length};
}

/* The length of the valid UTF-8 sequence at p (Unicode 15, table 3-7), or minus the number of bytes to replace: the longest
 * start of a sequence, at least one. */
static int utf8_sequence(const unsigned char *p, size_t available) {
    if (p[0] < 0x80) return 1;
    int length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4) return -1;
    unsigned low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= available || p[i] < low || p[i] > high) return -i;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

/* Bytes of valid UTF-8 at the start. */
static size_t valid_utf8(struct str bytes) {
    const unsigned char *p = (const unsigned char *)bytes.data;
    size_t i = 0;
    while (i < bytes.len) {
        uint64_t word;
        while (bytes.len - i >= 8 && (memcpy(&word, p + i, 8), (word & UINT64_C(0x8080808080808080)) == 0)) i += 8;
        if (i == bytes.len) break;
        int length = utf8_sequence(p + i, bytes.len - i);
        if (length < 0) break;
        i += (size_t)length;
    }
    return i;
}

struct str cast_bytes_to_text(struct arena *arena, struct str bytes) {
    size_t valid = valid_utf8(bytes);
    if (valid == bytes.len) return bytes;
    char *text = arena_alloc_aligned(arena, bytes.len * 3, 1);
    const unsigned char *p = (const unsigned char *)bytes.data;
    size_t len = valid;
    memcpy(text, p, valid);
    for (size_t i = valid; i < bytes.len;) {
        int length = utf8_sequence(p + i, bytes.len - i);
        if (length > 0) {
            memcpy(text + len, p + i, (size_t)length);
            len += (size_t)length;
            i += (size_t)length;
        } else {
            memcpy(text + len, "\xEF\xBF\xBD", 3);
            len += 3;
            i += (size_t)-length;
        }
    }
    return (struct str){text, len};
}

/* ---- Errors. ---- */

enum { SHOWN_BYTES = 100 };

enum status cast_error(enum cast_result result, struct str value, const struct type *to, struct error *err) {
    assert(result != CAST_OK);
    if (!err) return result == CAST_BAD_VALUE ? STATUS_INVALID_CAST : STATUS_OUT_OF_RANGE;
    struct strbuf type = {0};
    type_print(&type, to);
    if (!to->nullable) type.data[type.len - strlen(" NOT NULL")] = 0;
    size_t shown = value.len;
    const char *more = "";
    if (shown > SHOWN_BYTES) {
        more = "…";
        for (shown = SHOWN_BYTES; shown > 0 && !starts_code_point(value.data[shown]);) shown--;
    }
    enum status status;
    if (result == CAST_BAD_VALUE)
        status = error_set(err, STATUS_INVALID_CAST, "cannot cast '%.*s%s' to %s", (int)shown,
                           value.len ? value.data : "", more, type.data);
    else
        status = error_set(err, STATUS_OUT_OF_RANGE, "%.*s%s is out of range for %s", (int)shown,
                           value.len ? value.data : "", more, type.data);
    strbuf_free(&type);
    return status;
}
