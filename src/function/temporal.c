/* Functions of dates, times, timestamps and intervals. Inside, everything is µs of the local day or epoch; a TIMESTAMP_LTZ
 * is taken to the session's zone first, and nanoseconds below a µs are kept aside where they matter. */
#include "function/function_private.h"
#include "kernel/kernel.h"
#include "types/cast.h"

#define EACH_ROW(row) for (int i_ = 0, row = 0; i_ < count && (row = sel ? sel[i_] : i_, true); i_++)

static bool is_time_type(const struct type *type) {
    return type->id == TYPE_DATE || type->id == TYPE_TIME || type_is_timestamp(type);
}

static inline int64_t floor_thousand(int64_t x) { return x / 1000 - (x % 1000 < 0); }

/* µs since the epoch (or of the day) of any time type, in the zone for TIMESTAMP_LTZ (NULL zone: UTC). */
static inline int64_t load_micros(const struct vector *vec, int row, const struct time_zone *zone) {
    const struct type *type = vec->type;
    if (type->id == TYPE_DATE) return fn_i32(vec, row) * MICROS_PER_DAY;
    int64_t value = fn_i64(vec, row);
    if (type->id == TYPE_TIME) return value / 1000;
    if (type_is_nanos(type)) value = floor_thousand(value);
    return type->id == TYPE_TIMESTAMP_LTZ ? time_zone_to_local(zone, value) : value;
}

/* Stores µs (local for TIMESTAMP_LTZ) as a value of out's type; false when out of range. */
static inline bool store_micros(struct vector *out, int row, int64_t micros, const struct time_zone *zone) {
    const struct type *type = out->type;
    if (type->id == TYPE_DATE) {
        int64_t days = micros / MICROS_PER_DAY - (micros % MICROS_PER_DAY < 0);
        ((int32_t *)out->data)[row] = (int32_t)days;
        return days == (int32_t)days;
    }
    if (type->id == TYPE_TIME) {
        micros %= MICROS_PER_DAY;
        if (micros < 0) micros += MICROS_PER_DAY;
        ((int64_t *)out->data)[row] = micros * 1000;
        return true;
    }
    if (type->id == TYPE_TIMESTAMP_LTZ) micros = time_zone_to_utc(zone, micros);
    if (type_is_nanos(type) && __builtin_mul_overflow(micros, 1000, &micros)) return false;
    ((int64_t *)out->data)[row] = micros;
    return true;
}

/* A constant unit argument, e.g. 'YEAR' or the SECOND of TIMESTAMPADD. */
static enum status unit_of(struct call *call, int i, enum time_unit *unit) {
    struct str text;
    if (!fni_constant_text(call, i, &text)) return fni_no_match(call);
    if (text.len > 8 && str_equal_nocase((struct str){text.data, 8}, str_from("SQL_TSI_")))
        text = (struct str){text.data + 8, text.len - 8};
    if (!time_unit_parse(text, unit))
        return fni_error(call, i, STATUS_INVALID_ARGUMENT, "%.*s is no unit of time",
                         (int)(text.len > 40 ? 40 : text.len), text.data);
    return STATUS_OK;
}

struct unit_plan {
    enum time_unit unit;
    int64_t micros; /* of the unit, 0 for months and longer */
    int64_t months;
    int64_t nanos; /* of the unit when it is shorter than a µs */
};

static void unit_plan_init(struct unit_plan *plan, enum time_unit unit) {
    *plan = (struct unit_plan){.unit = unit};
    switch (unit) {
    case UNIT_NANOSECOND: plan->nanos = 1; break;
    case UNIT_MICROSECOND: plan->micros = 1; break;
    case UNIT_MILLISECOND: plan->micros = MICROS_PER_MILLI; break;
    case UNIT_SECOND: plan->micros = MICROS_PER_SECOND; break;
    case UNIT_MINUTE: plan->micros = 60 * MICROS_PER_SECOND; break;
    case UNIT_HOUR: plan->micros = 3600 * MICROS_PER_SECOND; break;
    case UNIT_DAY: plan->micros = MICROS_PER_DAY; break;
    case UNIT_WEEK: plan->micros = 7 * MICROS_PER_DAY; break;
    case UNIT_MONTH: plan->months = 1; break;
    case UNIT_QUARTER: plan->months = 3; break;
    case UNIT_YEAR: plan->months = 12; break;
    case UNIT_DECADE: plan->months = 120; break;
    case UNIT_CENTURY: plan->months = 1200; break;
    case UNIT_MILLENNIUM: plan->months = 12000; break;
    default: break;
    }
}

/* ---- EXTRACT ---- */

static enum status extract_kernel(KERNEL_ARGS) {
    const struct unit_plan *plan = ctx->function->data;
    const struct vector *x = args[ctx->function->arg_count - 1];
    const struct time_zone *zone = ctx->env->zone;
    int64_t *r = out->data;
    if (plan->unit == UNIT_EPOCH) zone = NULL; /* of the instant */
    if (plan->unit == UNIT_NANOSECOND && (x->type->id == TYPE_TIME || type_is_nanos(x->type))) {
        EACH_ROW(row) { /* offsets of zones are whole seconds */
            int64_t nanos = fn_i64(x, row) % NANOS_PER_SECOND;
            r[row] = nanos < 0 ? nanos + NANOS_PER_SECOND : nanos;
        }
        return STATUS_OK;
    }
    EACH_ROW(row) r[row] = timestamp_extract(load_micros(x, row, zone), plan->unit);
    return STATUS_OK;
}

static enum status extract_interval_kernel(KERNEL_ARGS) {
    const struct unit_plan *plan = ctx->function->data;
    const struct vector *x = args[ctx->function->arg_count - 1];
    int64_t *r = out->data;
    EACH_ROW(row) {
        int64_t v = x->phys == PHYS_I32 ? fn_i32(x, row) : fn_i64(x, row);
        switch (plan->unit) {
        case UNIT_MILLISECOND: r[row] = v % 1000; break;
        case UNIT_SECOND: r[row] = v / 1000 % 60; break;
        case UNIT_MINUTE: r[row] = v / 60000 % 60; break;
        case UNIT_HOUR: r[row] = v / 3600000 % 24; break;
        case UNIT_DAY: r[row] = v / MILLIS_PER_DAY; break;
        case UNIT_EPOCH: r[row] = v / 1000; break;
        case UNIT_MONTH: r[row] = v % 12; break;
        case UNIT_QUARTER: r[row] = v % 12 / 3 + 1; break;
        default: r[row] = v / 12; break;
        }
    }
    return STATUS_OK;
}

static bool interval_has(const struct type *type, enum time_unit unit) {
    if (type->id == TYPE_INTERVAL_YEAR_MONTH) return unit == UNIT_YEAR || unit == UNIT_MONTH || unit == UNIT_QUARTER;
    return (unit >= UNIT_MILLISECOND && unit <= UNIT_DAY) || unit == UNIT_EPOCH;
}

static enum status bind_extract(struct call *call, enum time_unit unit, int i, struct expr **out) {
    if (fni_is_null_literal(call->args[i])) fni_cast(call, i, type_time(call->arena, TYPE_TIMESTAMP, 3, true));
    const struct type *type = call->args[i]->type;
    struct unit_plan *plan = ARENA_NEW(call->arena, struct unit_plan);
    unit_plan_init(plan, unit);
    if (type_is_interval(type)) {
        if (!interval_has(type, unit)) return fni_no_match(call);
        *out = fni_finish(call, type_of(TYPE_BIGINT), extract_interval_kernel, FN_ANY_ROWS, plan, NULL);
        return STATUS_OK;
    }
    if (!is_time_type(type) || (type->id == TYPE_TIME && unit > UNIT_HOUR && unit != UNIT_EPOCH))
        return fni_no_match(call);
    *out = fni_finish(call, type_of(TYPE_BIGINT), extract_kernel, type->id == TYPE_TIMESTAMP_LTZ ? FN_ZONE : 0, plan,
                      NULL);
    return STATUS_OK;
}

enum status fn_bind_extract(struct call *call, int variant, struct expr **out) {
    (void)variant;
    enum time_unit unit;
    if (call->arg_count != 2) return fni_no_match(call);
    TRY(unit_of(call, 0, &unit));
    return bind_extract(call, unit, 1, out);
}

/* YEAR(x) … SECOND(x); variant: the unit. */
enum status fn_bind_field(struct call *call, int variant, struct expr **out) {
    if (call->arg_count != 1) return fni_no_match(call);
    return bind_extract(call, (enum time_unit)variant, 0, out);
}

/* ---- FLOOR and CEIL to a unit ---- */

static enum status floor_kernel(KERNEL_ARGS) {
    const struct unit_plan *plan = ctx->function->data;
    const struct time_zone *zone = ctx->env->zone;
    EACH_ROW(row) {
        int64_t micros = timestamp_floor(load_micros(args[0], row, zone), plan->unit);
        if (!store_micros(out, row, micros, zone)) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
    }
    return STATUS_OK;
}

static enum status ceil_kernel(KERNEL_ARGS) {
    const struct unit_plan *plan = ctx->function->data;
    const struct time_zone *zone = ctx->env->zone;
    bool nanos = type_is_nanos(args[0]->type) || args[0]->type->id == TYPE_TIME;
    EACH_ROW(row) {
        int64_t micros = load_micros(args[0], row, zone);
        if (nanos && fn_i64(args[0], row) % 1000 != 0) micros++; /* what lies below the µs counts as one more */
        if (!timestamp_ceil(micros, plan->unit, &micros) || !store_micros(out, row, micros, zone))
            return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
    }
    return STATUS_OK;
}

/* FLOOR(x TO unit): args x, unit. variant: 1 for CEIL. */
enum status fn_bind_floor_time(struct call *call, int variant, struct expr **out) {
    enum time_unit unit;
    TRY(unit_of(call, 1, &unit));
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_time(call->arena, TYPE_TIMESTAMP, 3, true));
    const struct type *type = call->args[0]->type;
    if (!is_time_type(type) || unit > UNIT_MILLENNIUM || (type->id == TYPE_TIME && unit > UNIT_DAY))
        return fni_no_match(call);
    if (unit < UNIT_MILLISECOND || (type->id == TYPE_DATE && unit <= UNIT_DAY)) {
        *out = call->args[0];
        return STATUS_OK;
    }
    struct unit_plan *plan = ARENA_NEW(call->arena, struct unit_plan);
    unit_plan_init(plan, unit);
    *out = fni_finish(call, type, variant ? ceil_kernel : floor_kernel,
                      FN_FALLIBLE | (type->id == TYPE_TIMESTAMP_LTZ ? FN_ZONE : 0), plan, NULL);
    return STATUS_OK;
}

/* DATE_TRUNC('unit', x): FLOOR with its arguments the other way round. */
enum status fn_bind_date_trunc(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 2) return fni_no_match(call);
    struct expr *unit = call->args[0];
    call->args[0] = call->args[1];
    call->args[1] = unit;
    return fn_bind_floor_time(call, 0, out);
}

/* ---- TIMESTAMPADD, TIMESTAMPDIFF ---- */

static enum status add_kernel(KERNEL_ARGS) {
    const struct unit_plan *plan = ctx->function->data;
    const struct vector *n = args[1], *x = args[2];
    bool nanos = type_is_nanos(x->type) || x->type->id == TYPE_TIME;
    EACH_ROW(row) {
        int64_t amount = fn_i64(n, row), value = x->phys == PHYS_I32 ? fn_i32(x, row) : fn_i64(x, row), r;
        bool ok;
        if (plan->months) {
            int64_t months, below = 0;
            if (x->type->id == TYPE_DATE) value *= MICROS_PER_DAY;
            if (nanos) {
                below = value - floor_thousand(value) * 1000;
                value = floor_thousand(value);
            }
            ok = !__builtin_mul_overflow(amount, plan->months, &months) && timestamp_add_months(value, months, &r);
            if (ok && x->type->id == TYPE_DATE)
                r = r / MICROS_PER_DAY - (r % MICROS_PER_DAY < 0);
            else if (ok && nanos)
                ok = !__builtin_mul_overflow(r, 1000, &r) && !__builtin_add_overflow(r, below, &r);
        } else {
            int64_t step = x->type->id == TYPE_DATE ? plan->micros / MICROS_PER_DAY
                           : nanos                  ? plan->micros * 1000 + plan->nanos
                                                    : plan->micros;
            if (x->type->id == TYPE_TIME) amount %= NANOS_PER_DAY / (step < NANOS_PER_DAY ? step : NANOS_PER_DAY);
            ok = !__builtin_mul_overflow(amount, step, &r) && !__builtin_add_overflow(value, r, &r);
            if (ok && x->type->id == TYPE_TIME) {
                r %= NANOS_PER_DAY;
                if (r < 0) r += NANOS_PER_DAY;
            }
        }
        if (ok && out->phys == PHYS_I32) ok = r == (int32_t)r;
        if (!ok) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
        if (out->phys == PHYS_I32)
            ((int32_t *)out->data)[row] = (int32_t)r;
        else
            ((int64_t *)out->data)[row] = r;
    }
    return STATUS_OK;
}

enum status fn_bind_timestamp_add(struct call *call, int variant, struct expr **out) {
    (void)variant;
    enum time_unit unit;
    if (call->arg_count != 3) return fni_no_match(call);
    TRY(unit_of(call, 0, &unit));
    if (unit > UNIT_MILLENNIUM) return fni_no_match(call);
    if (!type_is_integer(call->args[1]->type) && !fni_is_null_literal(call->args[1])) return fni_no_match(call);
    fni_cast(call, 1, type_of(TYPE_BIGINT));
    if (fni_is_null_literal(call->args[2]) || type_is_char(call->args[2]->type))
        fni_cast(call, 2, type_time(call->arena, TYPE_TIMESTAMP, 3, true));
    const struct type *type = call->args[2]->type;
    if (!is_time_type(type) || (type->id == TYPE_TIME && unit > UNIT_HOUR)) return fni_no_match(call);
    struct unit_plan *plan = ARENA_NEW(call->arena, struct unit_plan);
    unit_plan_init(plan, unit);
    /* As many digits of fraction as the unit needs. */
    int digits = unit == UNIT_MILLISECOND ? 3 : unit == UNIT_MICROSECOND ? 6 : unit == UNIT_NANOSECOND ? 9 : 0;
    if (type->id == TYPE_DATE && unit < UNIT_DAY)
        type = type_time(call->arena, TYPE_TIMESTAMP, digits > 3 ? digits : 3, true);
    else if (type->id != TYPE_DATE && type->precision < digits)
        type = type_time(call->arena, type->id, digits, true);
    fni_cast(call, 2, type);
    *out = fni_finish(call, type, add_kernel, FN_FALLIBLE, plan, NULL);
    return STATUS_OK;
}

static enum status diff_kernel(KERNEL_ARGS) {
    const struct unit_plan *plan = ctx->function->data;
    const struct vector *a = args[1], *b = args[2];
    EACH_ROW(row) {
        int64_t r;
        bool ok = true;
        if (plan->unit == UNIT_NANOSECOND) {
            bool nanos = a->type->id == TYPE_TIME || type_is_nanos(a->type);
            int64_t x = nanos ? fn_i64(a, row) : load_micros(a, row, NULL);
            int64_t y = nanos ? fn_i64(b, row) : load_micros(b, row, NULL);
            ok = !__builtin_sub_overflow(y, x, &r) && (nanos || !__builtin_mul_overflow(r, 1000, &r));
        } else {
            /* both in UTC, where a difference is the same */
            r = timestamp_diff(load_micros(a, row, NULL), load_micros(b, row, NULL), plan->unit);
        }
        if (out->phys == PHYS_I32) {
            ok = ok && r == (int32_t)r;
            ((int32_t *)out->data)[row] = (int32_t)r;
        } else {
            ((int64_t *)out->data)[row] = r;
        }
        if (!ok) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
    }
    return STATUS_OK;
}

enum status fn_bind_timestamp_diff(struct call *call, int variant, struct expr **out) {
    (void)variant;
    enum time_unit unit;
    if (call->arg_count != 3) return fni_no_match(call);
    TRY(unit_of(call, 0, &unit));
    if (unit > UNIT_MILLENNIUM) return fni_no_match(call);
    int precision = 0;
    bool time = false, instant = false, plain = false;
    for (int i = 1; i < 3; i++) {
        if (fni_is_null_literal(call->args[i]) || type_is_char(call->args[i]->type))
            fni_cast(call, i, type_time(call->arena, TYPE_TIMESTAMP, 3, true));
        const struct type *type = call->args[i]->type;
        if (!is_time_type(type)) return fni_no_match(call);
        time |= type->id == TYPE_TIME;
        instant |= type->id == TYPE_TIMESTAMP_LTZ;
        plain |= type->id == TYPE_TIMESTAMP || type->id == TYPE_DATE;
        if (type->id != TYPE_DATE && type->precision > precision) precision = type->precision;
    }
    if (time && (instant || plain)) return fni_no_match(call);
    if (time && unit > UNIT_HOUR) return fni_no_match(call);
    if (!time) {
        const struct type *type =
            type_time(call->arena, instant && !plain ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP, precision, true);
        fni_cast(call, 1, type);
        fni_cast(call, 2, type);
    }
    struct unit_plan *plan = ARENA_NEW(call->arena, struct unit_plan);
    unit_plan_init(plan, unit);
    const struct type *result = type_of(unit <= UNIT_MILLISECOND ? TYPE_BIGINT : TYPE_INT);
    *out = fni_finish(call, result, diff_kernel, FN_FALLIBLE, plan, NULL);
    return STATUS_OK;
}

/* ---- now ---- */

enum now_kind { NOW_INSTANT, NOW_LOCAL, NOW_DATE, NOW_TIME, NOW_SECONDS };

static enum status now_kernel(KERNEL_ARGS) {
    (void)args;
    enum now_kind kind = *(const enum now_kind *)ctx->function->data;
    int64_t now = ctx->env->now_micros;
    int64_t millis = floor_thousand(now) * 1000;
    int64_t local = kind == NOW_INSTANT || kind == NOW_SECONDS ? now : time_zone_to_local(ctx->env->zone, millis);
    EACH_ROW(row) {
        switch (kind) {
        case NOW_INSTANT: ((int64_t *)out->data)[row] = millis; break;
        case NOW_LOCAL: ((int64_t *)out->data)[row] = local; break;
        case NOW_DATE: (void)store_micros(out, row, local, NULL); break;
        case NOW_TIME:
            (void)store_micros(out, row, local - (local % MICROS_PER_SECOND + MICROS_PER_SECOND) % MICROS_PER_SECOND,
                               NULL);
            break;
        case NOW_SECONDS: ((int64_t *)out->data)[row] = now / MICROS_PER_SECOND - (now % MICROS_PER_SECOND < 0); break;
        }
    }
    return STATUS_OK;
}

enum status fn_bind_now(struct call *call, int variant, struct expr **out) {
    static const enum now_kind kinds[] = {NOW_INSTANT, NOW_LOCAL, NOW_DATE, NOW_TIME, NOW_SECONDS};
    if (call->arg_count != 0) return fni_no_match(call);
    const struct type *types[] = {type_time(call->arena, TYPE_TIMESTAMP_LTZ, 3, false),
                                  type_time(call->arena, TYPE_TIMESTAMP, 3, false), type_of(TYPE_DATE),
                                  type_time(call->arena, TYPE_TIME, 0, false), type_of(TYPE_BIGINT)};
    bool zone = variant == NOW_LOCAL || variant == NOW_DATE || variant == NOW_TIME;
    *out = fni_finish(call, types[variant], now_kernel, FN_STEP | FN_NOT_NULL | (zone ? FN_ZONE : 0), &kinds[variant],
                      NULL);
    return STATUS_OK;
}

static enum status watermark_kernel(KERNEL_ARGS) {
    (void)args;
    int64_t watermark = ctx->env->watermark_micros;
    EACH_ROW(row) {
        ((int64_t *)out->data)[row] = watermark;
        if (watermark == INT64_MIN) {
            ((int64_t *)out->data)[row] = 0;
            fn_put_null(ctx, out, row);
        } else if (out->validity) {
            validity_set_valid(out->validity, row);
        }
    }
    return STATUS_OK;
}

/* CURRENT_WATERMARK(rowtime): of the kind of the argument. */
enum status fn_bind_current_watermark(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 1 || !type_is_timestamp(call->args[0]->type)) return fni_no_match(call);
    *out = fni_finish(call, type_time(call->arena, call->args[0]->type->id, 3, true), watermark_kernel,
                      FN_STEP | FN_CUSTOM, NULL, NULL);
    return STATUS_OK;
}

/* ---- texts with patterns ---- */

enum { PATTERN_FORMAT_ARG = 1 };

/* The state of functions with a pattern as second argument: the compiled constant, or NULL. */
enum status fn_pattern_prepare(const struct bound_function *function, const struct value *const *constants,
                               struct arena *arena, void **state, struct error *err) {
    if (function->arg_count <= PATTERN_FORMAT_ARG) return STATUS_OK;
    const struct value *text = constants[PATTERN_FORMAT_ARG];
    if (!text || text->is_null || !type_is_char(text->type)) return STATUS_OK;
    struct time_pattern *pattern;
    TRY(time_pattern_compile(arena, text->str, &pattern, err));
    *state = pattern;
    return STATUS_OK;
}

/* The pattern for a row: constant, or compiled when it differs from the last one. */
struct pattern_cache {
    struct str text;
    struct time_pattern *pattern;
};

static enum status pattern_for(struct kernel_ctx *ctx, const struct vector *const *args, int row,
                               struct pattern_cache *cache, const struct time_pattern **out) {
    if (ctx->state) {
        *out = ctx->state;
        return STATUS_OK;
    }
    struct str text = fn_str(args[PATTERN_FORMAT_ARG], row);
    if (!cache->pattern || !str_equal(text, cache->text)) {
        struct error err;
        struct time_pattern *pattern;
        enum status status = time_pattern_compile(ctx->arena, text, &pattern, &err);
        if (status != STATUS_OK) return fni_fail_text(ctx, status, row, "%.150s", err.message);
        cache->pattern = pattern;
        cache->text = (struct str){arena_strndup(ctx->arena, text.data, text.len), text.len};
    }
    *out = cache->pattern;
    return STATUS_OK;
}

static enum status date_format_kernel(KERNEL_ARGS) {
    struct strbuf text = {0};
    struct pattern_cache cache = {0};
    EACH_ROW(row) {
        const struct time_pattern *pattern;
        enum status status = pattern_for(ctx, args, row, &cache, &pattern);
        if (status != STATUS_OK) {
            strbuf_free(&text);
            return status;
        }
        strbuf_clear(&text);
        time_pattern_format(pattern, load_micros(args[0], row, ctx->env->zone), &text);
        fn_put_copy(ctx, out, row, text.data ? text.data : "", text.len);
    }
    strbuf_free(&text);
    return STATUS_OK;
}

/* Text that is no timestamp gives NULL. */
enum status fn_bind_date_format(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 2) return fni_no_match(call);
    const struct type *timestamp = type_time(call->arena, TYPE_TIMESTAMP, 3, true);
    if (fni_is_null_literal(call->args[0]))
        fni_cast(call, 0, timestamp);
    else if (type_is_char(call->args[0]->type))
        call->args[0] = expr_cast(call->arena, call->args[0], timestamp, true);
    const struct type *type = call->args[0]->type;
    if ((type->id != TYPE_DATE && !type_is_timestamp(type)) ||
        !fni_implicit(call->args[1]->type, type_of(TYPE_VARCHAR)))
        return fni_no_match(call);
    fni_cast(call, 1, type_of(TYPE_VARCHAR));
    *out = fni_finish(call, type_of(TYPE_VARCHAR), date_format_kernel,
                      FN_FALLIBLE | (type->id == TYPE_TIMESTAMP_LTZ ? FN_ZONE : 0), NULL, fn_pattern_prepare);
    return STATUS_OK;
}

/* Text to local µs, by the pattern argument or as CAST reads it. */
static enum status parse_row(struct kernel_ctx *ctx, const struct vector *const *args, int row,
                             struct pattern_cache *cache, bool has_pattern, int64_t *micros, bool *ok) {
    struct str text = fn_str(args[0], row);
    if (!has_pattern) {
        *ok = timestamp_parse(text, TYPE_MICROS_PRECISION, NULL, micros);
        return STATUS_OK;
    }
    const struct time_pattern *pattern;
    TRY(pattern_for(ctx, args, row, cache, &pattern));
    *ok = time_pattern_parse(pattern, text, micros);
    return STATUS_OK;
}

/* TO_TIMESTAMP(text [, pattern]), TO_DATE(text [, pattern]) */
enum status fn_to_time(KERNEL_ARGS) {
    struct pattern_cache cache = {0};
    bool date = out->type->id == TYPE_DATE;
    EACH_ROW(row) {
        int64_t micros = 0;
        bool ok;
        TRY(parse_row(ctx, args, row, &cache, ctx->function->arg_count > 1, &micros, &ok));
        if (ok && !date) micros = floor_thousand(micros) * 1000; /* TIMESTAMP(3) */
        if (!ok || !store_micros(out, row, micros, NULL)) fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

/* ---- TO_TIMESTAMP_LTZ ---- */

/* (number of seconds or ms, 0 or 3) */
static enum status epoch_kernel(KERNEL_ARGS) {
    bool has_precision = ctx->function->arg_count == 2;
    EACH_ROW(row) {
        int32_t precision = has_precision ? fn_i32(args[1], row) : 3;
        if (precision != 0 && precision != 3)
            return fni_fail_text(ctx, STATUS_INVALID_ARGUMENT, row,
                                 "the precision must be 0 (seconds) or 3 (milliseconds)");
        int64_t unit = precision == 0 ? 1000 : 1, millis;
        bool ok;
        if (args[0]->phys == PHYS_F64) {
            double d = fn_f64(args[0], row) * (double)unit;
            ok = d > -0x1p62 && d < 0x1p62;
            millis = ok ? (int64_t)d : 0;
        } else {
            ok = !__builtin_mul_overflow(fn_i64(args[0], row), unit, &millis);
        }
        /* years 0001 … 9999 */
        ok = ok && millis >= INT64_C(-62135596800000) && millis <= INT64_C(253402300799999);
        ((int64_t *)out->data)[row] = ok ? millis * 1000 : 0;
        if (!ok) fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

/* (text [, pattern [, zone]]), in UTC by default */
static enum status instant_kernel(KERNEL_ARGS) {
    struct pattern_cache cache = {0};
    int arg_count = ctx->function->arg_count;
    EACH_ROW(row) {
        int64_t micros = 0;
        bool ok;
        const struct time_zone *zone = NULL;
        if (arg_count > 2) {
            struct error err;
            enum status status = time_zone_find(fn_str(args[2], row), &zone, &err);
            if (status != STATUS_OK) return fni_fail_text(ctx, status, row, "%.150s", err.message);
        }
        TRY(parse_row(ctx, args, row, &cache, arg_count > 1, &micros, &ok));
        if (ok) {
            ((int64_t *)out->data)[row] = floor_thousand(time_zone_to_utc(zone, micros)) * 1000;
        } else {
            ((int64_t *)out->data)[row] = 0;
            fn_put_null(ctx, out, row);
        }
    }
    return STATUS_OK;
}

enum status fn_bind_to_timestamp_ltz(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result, *instant = type_time(call->arena, TYPE_TIMESTAMP_LTZ, 3, true);
    if (call->arg_count >= 1 && type_is_numeric(call->args[0]->type)) {
        TRY(fni_apply_shape(call, type_is_integer(call->args[0]->type) ? "l?i>L" : "d?i>L", &result));
        *out = fni_finish(call, instant, epoch_kernel, FN_NULLABLE | FN_FALLIBLE, NULL, NULL);
    } else {
        TRY(fni_apply_shape(call, "s?ss>L", &result));
        *out = fni_finish(call, instant, instant_kernel, FN_NULLABLE | FN_FALLIBLE, NULL, fn_pattern_prepare);
    }
    return STATUS_OK;
}

/* ---- Version 1 UUIDs (RFC 9562): 60 bits of 100 ns since 1582-10-15 ---- */

/* Hex digits [from, to) of the text. */
static bool hex_number(struct str text, int from, int to, uint64_t *out) {
    *out = 0;
    for (int i = from; i < to; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    return true;
}

static bool timeuuid_micros(struct str text, int64_t *out) {
    static const int64_t epoch_1582 = INT64_C(-12219292800000000);
    uint64_t low, middle, high, clock, node;
    bool good = text.len == 36 && text.data[8] == '-' && text.data[13] == '-' && text.data[18] == '-' &&
                text.data[23] == '-' && hex_number(text, 0, 8, &low) && hex_number(text, 9, 13, &middle) &&
                hex_number(text, 14, 18, &high) && hex_number(text, 19, 23, &clock) && hex_number(text, 24, 36, &node);
    if (!good || high >> 12 != 1) return false;
    *out = (int64_t)(((high & 0xFFF) << 48 | middle << 32 | low) / 10) + epoch_1582;
    return true;
}

static enum status timeuuid_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        int64_t micros = 0;
        if (!timeuuid_micros(fn_str(args[0], row), &micros)) fn_put_null(ctx, out, row);
        ((int64_t *)out->data)[row] = micros;
    }
    return STATUS_OK;
}

enum status fn_bind_timeuuid_to_timestamp(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    TRY(fni_apply_shape(call, "s>L", &result));
    *out =
        fni_finish(call, type_time(call->arena, TYPE_TIMESTAMP_LTZ, 6, true), timeuuid_kernel, FN_NULLABLE, NULL, NULL);
    return STATUS_OK;
}

/* ---- Unix time ---- */

static enum status seconds_to_text(struct kernel_ctx *ctx, struct vector *out, int row, int64_t seconds,
                                   const struct time_pattern *pattern, struct strbuf *text) {
    int64_t micros;
    if (__builtin_mul_overflow(seconds, MICROS_PER_SECOND, &micros)) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
    micros = time_zone_to_local(ctx->env->zone, micros);
    if (pattern) {
        strbuf_clear(text);
        time_pattern_format(pattern, micros, text);
        fn_put_copy(ctx, out, row, text->data ? text->data : "", text->len);
    } else {
        char buf[TIME_MAX_TEXT];
        int len = timestamp_format(micros, 0, buf);
        fn_put_copy(ctx, out, row, buf, (size_t)len);
    }
    return STATUS_OK;
}

/* FROM_UNIXTIME(seconds [, pattern]) in the session's zone */
enum status fn_from_unixtime(KERNEL_ARGS) {
    struct strbuf text = {0};
    struct pattern_cache cache = {0};
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        int row = sel ? sel[i] : i;
        const struct time_pattern *pattern = NULL;
        if (ctx->function->arg_count > 1) status = pattern_for(ctx, args, row, &cache, &pattern);
        if (status == STATUS_OK) status = seconds_to_text(ctx, out, row, fn_i64(args[0], row), pattern, &text);
    }
    strbuf_free(&text);
    return status;
}

/* UNIX_TIMESTAMP(text [, pattern]): bad text gives the smallest BIGINT, as in Flink. */
static enum status unix_timestamp_kernel(KERNEL_ARGS) {
    struct pattern_cache cache = {0};
    EACH_ROW(row) {
        int64_t micros = 0;
        bool ok;
        TRY(parse_row(ctx, args, row, &cache, ctx->function->arg_count > 1, &micros, &ok));
        if (ok) micros = time_zone_to_utc(ctx->env->zone, micros);
        ((int64_t *)out->data)[row] = ok ? micros / MICROS_PER_SECOND - (micros % MICROS_PER_SECOND < 0) : INT64_MIN;
    }
    return STATUS_OK;
}

enum status fn_bind_unix_timestamp(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count == 0) return fn_bind_now(call, NOW_SECONDS, out);
    const struct type *result;
    TRY(fni_apply_shape(call, "s?s>l", &result));
    *out = fni_finish(call, result, unix_timestamp_kernel, FN_ZONE | FN_FALLIBLE, NULL, fn_pattern_prepare);
    return STATUS_OK;
}

/* CONVERT_TZ(text, from zone, to zone) */
enum status fn_convert_tz(KERNEL_ARGS) {
    EACH_ROW(row) {
        int64_t micros;
        const struct time_zone *from, *to;
        struct error err;
        enum status status = time_zone_find(fn_str(args[1], row), &from, &err);
        if (status == STATUS_OK) status = time_zone_find(fn_str(args[2], row), &to, &err);
        if (status != STATUS_OK) return fni_fail_text(ctx, status, row, "%.150s", err.message);
        if (!timestamp_parse(fn_str(args[0], row), 0, NULL, &micros)) {
            fn_put_null(ctx, out, row);
            continue;
        }
        char buf[TIME_MAX_TEXT];
        int len = timestamp_format(time_zone_to_local(to, time_zone_to_utc(from, micros)), 0, buf);
        fn_put_copy(ctx, out, row, buf, (size_t)len);
    }
    return STATUS_OK;
}

/* (a, b) OVERLAPS (c, d); b and d may be lengths. Borders count. */
enum status fn_bind_overlaps(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 4) return fni_no_match(call);
    struct expr *from[2], *to[2];
    for (int i = 0; i < 2; i++) {
        struct expr *pair[2] = {call->args[2 * i], call->args[2 * i + 1]};
        if (type_is_interval(pair[1]->type)) TRY(fni_bind_other(call, "+", pair, 2, &pair[1]));
        if (!is_time_type(pair[0]->type) || !is_time_type(pair[1]->type)) return fni_no_match(call);
        TRY(fni_bind_other(call, "LEAST", pair, 2, &from[i]));
        TRY(fni_bind_other(call, "GREATEST", pair, 2, &to[i]));
    }
    struct expr *parts[2], *pair[2] = {to[0], from[1]};
    TRY(fni_bind_other(call, ">=", pair, 2, &parts[0]));
    pair[0] = to[1];
    pair[1] = from[0];
    TRY(fni_bind_other(call, ">=", pair, 2, &parts[1]));
    *out = expr_and(call->arena, parts, 2);
    return STATUS_OK;
}
