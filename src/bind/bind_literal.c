/* Literals, typed as Flink types them, and constants. */
#include "bind/bind_private.h"
#include "types/decimal.h"
#include "types/number.h"

static struct expr *const_i64(struct binder *b, const struct type *type, int64_t i64) {
    struct value value = value_i64(type_with_nullable(b->arena, type, false), i64);
    return expr_const(b->arena, &value);
}

static enum status too_many_digits(struct binder *b, const struct ast_literal *literal, struct error *err) {
    return bind_error(b, err, STATUS_OUT_OF_RANGE, &literal->node, "a numeric literal may have at most %d digits",
                      TYPE_MAX_PRECISION);
}

static enum status decimal_literal(struct binder *b, const struct ast_literal *literal, int precision, int scale,
                                   bool negative, struct expr **out, struct error *err) {
    int128 unscaled;
    if (precision > TYPE_MAX_PRECISION ||
        decimal_parse(literal->text, precision, scale, &unscaled) != DECIMAL_PARSE_OK) {
        return too_many_digits(b, literal, err);
    }
    const struct type *type = type_decimal(b->arena, precision, scale, false);
    struct value value = value_from_decimal(type, negative ? -unscaled : unscaled);
    *out = expr_const(b->arena, &value);
    return STATUS_OK;
}

/* INT, BIGINT or DECIMAL(n, 0), whichever holds it first. */
static enum status integer_literal(struct binder *b, const struct ast_literal *literal, bool negative,
                                   struct expr **out, struct error *err) {
    struct str digits = literal->text;
    while (digits.len > 1 && digits.data[0] == '0') digits = (struct str){digits.data + 1, digits.len - 1};
    if (digits.len > (size_t)TYPE_MAX_PRECISION) return too_many_digits(b, literal, err);
    int128 v = 0;
    for (size_t i = 0; i < digits.len; i++) v = v * 10 + (digits.data[i] - '0');
    if (negative) v = -v;
    if (v >= INT32_MIN && v <= INT32_MAX) {
        *out = const_i64(b, type_of(TYPE_INT), (int64_t)v);
    } else if (v >= INT64_MIN && v <= INT64_MAX) {
        *out = const_i64(b, type_of(TYPE_BIGINT), (int64_t)v);
    } else {
        return decimal_literal(b, literal, (int)digits.len, 0, negative, out, err);
    }
    return STATUS_OK;
}

/* Digits with one point: 0.05 is DECIMAL(3, 2); 5. is an integer. */
static enum status point_literal(struct binder *b, const struct ast_literal *literal, bool negative, struct expr **out,
                                 struct error *err) {
    const char *point = memchr(literal->text.data, '.', literal->text.len);
    size_t fraction = point ? literal->text.len - (size_t)(point - literal->text.data) - 1 : 0;
    if (fraction == 0) {
        struct ast_literal integer = *literal;
        if (point) integer.text.len--;
        return integer_literal(b, &integer, negative, out, err);
    }
    size_t digits = literal->text.len - 1;
    if (digits > (size_t)TYPE_MAX_PRECISION) return too_many_digits(b, literal, err);
    return decimal_literal(b, literal, (int)digits, (int)fraction, negative, out, err);
}

static enum status approximate_literal(struct binder *b, const struct ast_literal *literal, bool negative,
                                       struct expr **out, struct error *err) {
    double d;
    if (!number_parse_double(literal->text, &d) || d - d != 0) {
        return bind_error(b, err, STATUS_OUT_OF_RANGE, &literal->node, "the number is out of the range of DOUBLE");
    }
    struct value value = value_f64(negative ? -d : d);
    value.type = type_with_nullable(b->arena, type_of(TYPE_DOUBLE), false);
    *out = expr_const(b->arena, &value);
    return STATUS_OK;
}

static struct expr *text_literal(struct binder *b, enum type_id id, struct str text) {
    int length = 0;
    if (id == TYPE_CHAR) {
        for (size_t i = 0; i < text.len; i++) length += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    } else {
        length = (int)text.len;
    }
    struct value value = value_str(type_string(b->arena, id, length, false), text);
    return expr_const(b->arena, &value);
}

static enum status bad_time(struct binder *b, const struct ast_literal *literal, const char *kind, const char *form,
                            struct error *err) {
    enum status status = bind_error(b, err, STATUS_INVALID_DATETIME, &literal->node, "'%.*s' is no %s",
                                    (int)(literal->text.len < 100 ? literal->text.len : 100), literal->text.data, kind);
    error_hint(err, "write it as '%s'", form);
    return status;
}

/* Digits after the point; what stands behind them (a zone) does not count. */
static int fraction_digits(struct str text) {
    const char *point = memchr(text.data, '.', text.len);
    if (!point) return 0;
    int digits = 0;
    for (const char *p = point + 1; p < text.data + text.len && *p >= '0' && *p <= '9'; p++) digits++;
    return digits;
}

static enum status time_literal(struct binder *b, const struct ast_literal *literal, struct expr **out,
                                struct error *err) {
    struct str text = literal->text;
    if (literal->literal_kind == AST_LITERAL_DATE) {
        int32_t days;
        if (!date_parse(text, &days)) return bad_time(b, literal, "DATE", "2024-12-31", err);
        *out = const_i64(b, type_of(TYPE_DATE), days);
        return STATUS_OK;
    }
    int precision = fraction_digits(text);
    if (precision > TYPE_MAX_TIME_PRECISION) {
        return bind_error(b, err, STATUS_INVALID_DATETIME, &literal->node,
                          "a fraction of a second may have at most %d digits", TYPE_MAX_TIME_PRECISION);
    }
    int64_t v;
    if (literal->literal_kind == AST_LITERAL_TIME) {
        if (!time_parse(text, &v)) return bad_time(b, literal, "TIME", "23:59:59.999", err);
        *out = const_i64(b, type_time(b->arena, TYPE_TIME, precision, false), v);
        return STATUS_OK;
    }
    bool ltz = literal->literal_kind == AST_LITERAL_TIMESTAMP_LTZ;
    if (!timestamp_parse(text, precision, ltz ? b->env->zone : NULL, &v)) {
        return bad_time(b, literal, "TIMESTAMP", "2024-12-31 23:59:59.999", err);
    }
    *out = const_i64(b, type_time(b->arena, ltz ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP, precision, false), v);
    return STATUS_OK;
}

static enum time_unit time_unit_of(enum ast_unit unit) {
    switch (unit) {
    case AST_UNIT_YEAR: return UNIT_YEAR;
    case AST_UNIT_QUARTER: return UNIT_QUARTER;
    case AST_UNIT_MONTH: return UNIT_MONTH;
    case AST_UNIT_WEEK: return UNIT_WEEK;
    case AST_UNIT_DAY: return UNIT_DAY;
    case AST_UNIT_HOUR: return UNIT_HOUR;
    case AST_UNIT_MINUTE: return UNIT_MINUTE;
    case AST_UNIT_SECOND:
    case AST_UNIT_NONE:
    case AST_UNIT_COUNT: break;
    }
    return UNIT_SECOND;
}

static enum status interval_literal(struct binder *b, const struct ast_literal *literal, bool negative,
                                    struct expr **out, struct error *err) {
    const struct ast_interval *interval = &literal->interval;
    enum time_unit first = time_unit_of(interval->from);
    enum time_unit last = interval->to == AST_UNIT_NONE ? first : time_unit_of(interval->to);
    /* weeks and quarters are no fields of an interval, but count days and months */
    int64_t scale = 1, v;
    if (first == UNIT_WEEK) first = last = UNIT_DAY, scale = 7;
    if (first == UNIT_QUARTER) first = last = UNIT_MONTH, scale = 3;
    if (!interval_parse(literal->text, first, last, &v) || __builtin_mul_overflow(v, scale, &v)) {
        return bind_error(b, err, STATUS_INVALID_DATETIME, &literal->node, "'%.*s' is no INTERVAL %s%s%s",
                          (int)(literal->text.len < 100 ? literal->text.len : 100), literal->text.data,
                          ast_unit_name(interval->from), interval->to != AST_UNIT_NONE ? " TO " : "",
                          interval->to != AST_UNIT_NONE ? ast_unit_name(interval->to) : "");
    }
    bool months = first == UNIT_YEAR || first == UNIT_MONTH;
    if (months && (v > INT32_MAX || v < INT32_MIN)) {
        return bind_error(b, err, STATUS_OUT_OF_RANGE, &literal->node, "the interval is too long");
    }
    if (negative != literal->negative) v = -v;
    *out = const_i64(b, type_of(months ? TYPE_INTERVAL_YEAR_MONTH : TYPE_INTERVAL_DAY_TIME), v);
    return STATUS_OK;
}

enum status bind_literal(struct binder *b, const struct ast_literal *literal, bool negative, struct expr **out,
                         struct error *err) {
    struct expr *expr = NULL;
    switch (literal->literal_kind) {
    case AST_LITERAL_NULL: expr = expr_null(b->arena, type_of(TYPE_NULL)); break;
    case AST_LITERAL_UNKNOWN: expr = expr_null(b->arena, type_of(TYPE_BOOLEAN)); break;
    case AST_LITERAL_BOOLEAN: expr = boolean_constant(b, literal->boolean); break;
    case AST_LITERAL_INTEGER: TRY(integer_literal(b, literal, negative, &expr, err)); break;
    case AST_LITERAL_DECIMAL: TRY(point_literal(b, literal, negative, &expr, err)); break;
    case AST_LITERAL_APPROXIMATE: TRY(approximate_literal(b, literal, negative, &expr, err)); break;
    case AST_LITERAL_STRING: expr = text_literal(b, TYPE_CHAR, literal->text); break;
    case AST_LITERAL_BINARY: expr = text_literal(b, TYPE_BINARY, literal->text); break;
    case AST_LITERAL_DATE:
    case AST_LITERAL_TIME:
    case AST_LITERAL_TIMESTAMP:
    case AST_LITERAL_TIMESTAMP_LTZ: TRY(time_literal(b, literal, &expr, err)); break;
    case AST_LITERAL_INTERVAL: TRY(interval_literal(b, literal, negative, &expr, err)); break;
    }
    *out = expr_at(b, expr, &literal->node);
    return STATUS_OK;
}

enum status bind_constant(struct binder *b, const struct ast_node *node, const char *what, struct value *out,
                          struct error *err) {
    struct context ctx = {.b = b, .clause = what, .no_subqueries = true};
    struct expr *expr;
    TRY(bind_expr(&ctx, node, &expr, err));
    if (!expr_is_deterministic(expr)) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s must be a constant", what);
    }
    struct eval_env env = {.zone = b->env->zone, .watermark_micros = INT64_MIN};
    struct value value;
    enum status status = expr_evaluate(b->arena, expr, &env, &value, err);
    if (status != STATUS_OK) {
        if (err && err->offset < 0) {
            err->offset = place_offset(b, node);
            err->length = place_length(b, node);
        }
        return status;
    }
    *out = value;
    return STATUS_OK;
}
