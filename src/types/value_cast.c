/* CAST of single values: the scalar cores of cast.h, chosen by the two types. */
#include <assert.h>
#include <math.h>

#include "types/cast.h"

static enum status fail(enum cast_result result, const struct value *value, const struct type *to,
                        const struct time_zone *zone, struct error *err) {
    struct strbuf text = {0};
    value_print(&text, value, zone);
    enum status status = cast_error(result, strbuf_str(&text), to, err);
    strbuf_free(&text);
    return status;
}

static enum cast_result text_to_scalar(struct str text, const struct type *to, const struct time_zone *zone,
                                       struct value *out) {
    int64_t min, max;
    int128 decimal;
    enum cast_result result;
    switch (to->id) {
    case TYPE_BOOLEAN: return cast_str_to_bool(text, &out->boolean);
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT: cast_int_range(to->id, &min, &max); return cast_str_to_i64(text, min, max, &out->i64);
    case TYPE_FLOAT: return cast_str_to_f32(text, &out->f32);
    case TYPE_DOUBLE: return cast_str_to_f64(text, &out->f64);
    case TYPE_DECIMAL:
        result = cast_str_to_decimal(text, to->precision, to->scale, &decimal);
        if (result == CAST_OK) *out = value_from_decimal(to, decimal);
        return result;
    default: return cast_str_to_time(text, to, zone, &out->i64);
    }
}

/* BOOLEAN and numbers between each other: exact ones go as a decimal, the others as a double. */
static enum cast_result number_to_number(const struct value *value, const struct type *to, struct value *out) {
    const struct type *from = value->type;
    const bool approximate = type_is_approximate(from);
    double d = from->id == TYPE_FLOAT ? (double)value->f32 : from->id == TYPE_DOUBLE ? value->f64 : 0;
    int128 exact = 0, decimal;
    int scale = 0;
    int64_t min, max;
    enum cast_result result;
    if (from->id == TYPE_BOOLEAN) {
        exact = value->boolean;
    } else if (!approximate) {
        exact = value_decimal(value);
        scale = from->scale;
    }
    switch (to->id) {
    case TYPE_BOOLEAN: out->boolean = approximate ? d != 0 : exact != 0; return CAST_OK;
    case TYPE_FLOAT:
        /* By the text for exact numbers: by way of double they would be rounded twice. */
        if (approximate) {
            out->f32 = (float)d;
        } else {
            char text[DECIMAL_MAX_TEXT];
            int len = decimal_format(exact, scale, text);
            number_parse_float((struct str){text, (size_t)len}, &out->f32);
        }
        return CAST_OK;
    case TYPE_DOUBLE: out->f64 = approximate ? d : decimal_to_double(exact, scale); return CAST_OK;
    case TYPE_DECIMAL:
        if (approximate) {
            result = cast_f64_to_decimal(d, to->precision, to->scale, &decimal);
        } else {
            result = cast_decimal_to_decimal(exact, scale, to->precision, to->scale, &decimal);
        }
        if (result == CAST_OK) *out = value_from_decimal(to, decimal);
        return result;
    default:
        cast_int_range(to->id, &min, &max);
        return approximate ? cast_f64_to_i64(d, min, max, &out->i64)
                           : cast_decimal_to_i64(exact, scale, min, max, &out->i64);
    }
}

static void to_text(struct arena *arena, const struct value *value, const struct type *to, const struct time_zone *zone,
                    struct value *out) {
    struct strbuf buf = {0};
    cast_value_to_text(&buf, value, zone);
    struct str fitted = cast_fit_text(arena, strbuf_str(&buf), to);
    out->str = (struct str){arena_strndup(arena, fitted.data, fitted.len), fitted.len};
    strbuf_free(&buf);
}

static enum status nested_cast(struct arena *arena, const struct value *value, const struct type *to,
                               const struct time_zone *zone, struct value *out, struct error *err) {
    int count = value_item_count(value), child_count = type_child_vectors(to);
    struct value *items = arena_alloc(arena, sizeof *items * (size_t)count);
    for (int i = 0; i < count; i++)
        TRY(value_cast(arena, &value->list.items[i], type_child(to, i % child_count), zone, &items[i], err));
    out->list.items = items;
    out->list.count = value->list.count;
    return STATUS_OK;
}

enum status value_cast(struct arena *arena, const struct value *value, const struct type *to,
                       const struct time_zone *zone, struct value *out, struct error *err) {
    const struct type *from = value->type;
    struct value result = value_null(to);
    if (value->is_null) {
        *out = result;
        return STATUS_OK;
    }
    if (!cast_allowed(from, to)) {
        struct strbuf types = {0};
        type_print(&types, from);
        strbuf_puts(&types, " to ");
        type_print(&types, to);
        error_set(err, STATUS_INVALID_CAST, "there is no cast from %s", types.data);
        strbuf_free(&types);
        return STATUS_INVALID_CAST;
    }
    enum cast_result outcome = CAST_OK;
    result.is_null = false;
    if (type_equal_but_nullable(from, to)) {
        result = value_copy(arena, value);
        result.type = to;
    } else if (type_is_char(to)) {
        to_text(arena, value, to, zone, &result);
    } else if (type_is_bytes(to)) {
        struct str fitted = cast_fit_bytes(arena, value->str, to);
        result.str = (struct str){arena_strndup(arena, fitted.data, fitted.len), fitted.len};
    } else if (type_is_nested(to)) {
        TRY(nested_cast(arena, value, to, zone, &result, err));
    } else if (type_is_char(from)) {
        outcome = text_to_scalar(value->str, to, zone, &result);
    } else if (from->id == TYPE_BOOLEAN || type_is_numeric(from)) {
        outcome = number_to_number(value, to, &result);
    } else {
        outcome = cast_time_to_time(from, value->i64, to, zone, &result.i64);
    }
    if (outcome != CAST_OK) return fail(outcome, value, to, zone, err);
    *out = result;
    return STATUS_OK;
}
