/* Functions of numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "function/function_private.h"
#include "kernel/kernel.h"
#include "types/decimal.h"
#include "types/number.h"

/* ---- functions of one or two DOUBLEs; IEEE 754 results, as Java's Math ---- */

#define LOOP_A double
#define LOOP_R double
#define LOOP_NAME loop_sqrt
#define LOOP_OP(x, r, bad) r = sqrt(x)
#include "kernel/unary_loop.h"

#define DOUBLE_FUNCTION(name, expression)                                                                              \
    enum status name(KERNEL_ARGS) {                                                                                    \
        (void)ctx;                                                                                                     \
        double *restrict r = out->data;                                                                                \
        for (int i = 0; i < count; i++) {                                                                              \
            const int row = sel ? sel[i] : i;                                                                          \
            const double x = fn_f64(args[0], row);                                                                     \
            r[row] = (expression);                                                                                     \
        }                                                                                                              \
        return STATUS_OK;                                                                                              \
    }

static const double pi = 3.14159265358979323846;

enum status fn_sqrt(KERNEL_ARGS) {
    (void)ctx;
    (void)loop_sqrt(args[0], out, sel, count);
    return STATUS_OK;
}
DOUBLE_FUNCTION(fn_exp, exp(x))
DOUBLE_FUNCTION(fn_ln, log(x))
DOUBLE_FUNCTION(fn_log10, log10(x))
DOUBLE_FUNCTION(fn_log2, log2(x))
DOUBLE_FUNCTION(fn_sin, sin(x))
DOUBLE_FUNCTION(fn_cos, cos(x))
DOUBLE_FUNCTION(fn_tan, tan(x))
DOUBLE_FUNCTION(fn_cot, 1 / tan(x))
DOUBLE_FUNCTION(fn_asin, asin(x))
DOUBLE_FUNCTION(fn_acos, acos(x))
DOUBLE_FUNCTION(fn_atan, atan(x))
DOUBLE_FUNCTION(fn_sinh, sinh(x))
DOUBLE_FUNCTION(fn_cosh, cosh(x))
DOUBLE_FUNCTION(fn_tanh, tanh(x))
DOUBLE_FUNCTION(fn_degrees, x *(180 / pi))
DOUBLE_FUNCTION(fn_radians, x / 180 * pi)

/* Java's pow differs from C's in two cases: 1^NaN and 1^±infinity are NaN. */
static double java_pow(double x, double y) {
    if (isnan(y) || (fabs(x) == 1 && isinf(y))) return NAN;
    return pow(x, y);
}
enum status fn_power(KERNEL_ARGS) {
    (void)ctx;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        ((double *)out->data)[row] = java_pow(fn_f64(args[0], row), fn_f64(args[1], row));
    }
    return STATUS_OK;
}
enum status fn_atan2(KERNEL_ARGS) {
    (void)ctx;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        ((double *)out->data)[row] = atan2(fn_f64(args[0], row), fn_f64(args[1], row));
    }
    return STATUS_OK;
}
/* LOG(x), LOG(base, x) */
enum status fn_log(KERNEL_ARGS) {
    if (ctx->function->arg_count == 1) return fn_ln(ctx, args, out, sel, count);
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        ((double *)out->data)[row] = log(fn_f64(args[1], row)) / log(fn_f64(args[0], row));
    }
    return STATUS_OK;
}

enum status fn_bind_constant(struct call *call, int variant, struct expr **out) {
    if (call->arg_count != 0) return fni_no_match(call);
    struct value value = value_f64(variant ? 2.718281828459045 : pi);
    value.type = fni_not_null(call, type_of(TYPE_DOUBLE));
    *out = expr_const(call->arena, &value);
    return STATUS_OK;
}

/* ---- FLOOR, CEIL, ROUND, TRUNCATE ---- */

struct round_plan {
    enum decimal_rounding rounding;
    bool fixed; /* digits is known */
    int digits;
    int from_scale, to_scale; /* DECIMAL */
};

static int128 load_decimal(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) row = 0;
    return vec->phys == PHYS_I64 ? (int128)((const int64_t *)vec->data)[row] : ((const int128 *)vec->data)[row];
}

static int plan_digits(const struct round_plan *plan, const struct vector *const *args, int row) {
    int digits = plan->fixed ? plan->digits : fn_i32(args[1], row);
    return digits < -400 ? -400 : digits > 400 ? 400 : digits; /* beyond any number's digits */
}

static enum status round_decimal_kernel(KERNEL_ARGS) {
    const struct round_plan *plan = ctx->function->data;
    const struct type *result = ctx->function->result;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i, digits = plan_digits(plan, args, row);
        int128 v = load_decimal(args[0], row);
        if (digits < -TYPE_MAX_PRECISION)
            v = 0;
        else if (digits < plan->from_scale && !decimal_round(v, plan->from_scale, digits, plan->rounding, &v))
            return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
        /* The digits that go are zeros now. */
        if (!decimal_rescale(v, plan->from_scale, result->precision, result->scale, &v))
            return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
        if (out->phys == PHYS_I64)
            ((int64_t *)out->data)[row] = (int64_t)v;
        else
            ((int128 *)out->data)[row] = v;
    }
    return STATUS_OK;
}

static int64_t load_integer(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) row = 0;
    switch (vec->phys) {
    case PHYS_I8: return ((const int8_t *)vec->data)[row];
    case PHYS_I16: return ((const int16_t *)vec->data)[row];
    case PHYS_I32: return ((const int32_t *)vec->data)[row];
    default: return ((const int64_t *)vec->data)[row];
    }
}

/* Only negative digits change an integer. */
static enum status round_integer_kernel(KERNEL_ARGS) {
    const struct round_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i, digits = plan_digits(plan, args, row);
        int64_t x = load_integer(args[0], row);
        int128 v = x;
        if (digits < -18) {
            v = 0;
        } else if (digits < 0) {
            int128 unit = decimal_pow10_64[-digits], rest = v % unit;
            v -= rest;
            if (plan->rounding == DECIMAL_HALF_UP && (rest < 0 ? -rest : rest) * 2 >= unit) v += x < 0 ? -unit : unit;
        }
        switch (out->phys) {
        case PHYS_I8:
            if (v != (int8_t)v) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
            ((int8_t *)out->data)[row] = (int8_t)v;
            break;
        case PHYS_I16:
            if (v != (int16_t)v) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
            ((int16_t *)out->data)[row] = (int16_t)v;
            break;
        case PHYS_I32:
            if (v != (int32_t)v) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
            ((int32_t *)out->data)[row] = (int32_t)v;
            break;
        default:
            if (v != (int64_t)v) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
            ((int64_t *)out->data)[row] = (int64_t)v;
        }
    }
    return STATUS_OK;
}

/* Rounds the shortest decimal text of the number, as BigDecimal.valueOf(x).setScale(digits): 2.675 gives 2.68. */
static double round_text(double x, int digits, enum decimal_rounding rounding, bool is_float) {
    char text[NUMBER_MAX_TEXT], number[NUMBER_MAX_TEXT + 24];
    int len = is_float ? number_format_float((float)x, text) : number_format_double(x, text);
    /* digits of the mantissa without its point, and the power of ten of the last one */
    char mantissa[NUMBER_MAX_TEXT];
    int n = 0, exponent = 0, i = text[0] == '-';
    bool point = false;
    for (; i < len && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            point = true;
        } else {
            mantissa[n++] = text[i];
            exponent -= point;
        }
    }
    if (i < len) exponent += atoi(text + i + 1);
    int drop = -digits - exponent; /* digits behind the place that stays */
    if (drop <= 0) return x;
    bool up = false;
    if (drop > n) {
        n = 0;
    } else {
        up = rounding == DECIMAL_HALF_UP && mantissa[n - drop] >= '5';
        n -= drop;
    }
    exponent += drop;
    if (up) {
        int at = n - 1;
        while (at >= 0 && mantissa[at] == '9') mantissa[at--] = '0';
        if (at >= 0) {
            mantissa[at]++;
        } else {
            memmove(mantissa + 1, mantissa, (size_t)n);
            mantissa[0] = '1';
            n++;
        }
    }
    if (n == 0) return 0;
    len = snprintf(number, sizeof number, "%s%.*sE%d", x < 0 ? "-" : "", n, mantissa, exponent);
    double r = 0;
    (void)number_parse_double((struct str){number, (size_t)len}, &r);
    return r == 0 ? 0 : r; /* never -0.0 */
}

/* Scaling by a power of ten decides unless the rest is next to the border; then the text does. */
static double round_double(double x, int digits, enum decimal_rounding rounding, bool is_float) {
    if (!isfinite(x) || x == 0) return x;
    if (digits >= 0 && digits <= 15 && !is_float) {
        double unit = (double)decimal_pow10_64[digits], scaled = fabs(x) * unit;
        if (scaled < 0x1p40) {
            double whole = floor(scaled), rest = scaled - whole;
            bool near = rounding == DECIMAL_HALF_UP ? fabs(rest - 0.5) < 1e-3 : rest < 1e-3 || rest > 1 - 1e-3;
            if (!near) {
                if (rounding == DECIMAL_HALF_UP && rest > 0.5) whole++;
                return whole == 0 ? 0 : copysign(whole / unit, x);
            }
        }
    }
    return round_text(x, digits, rounding, is_float);
}

static enum status round_float_kernel(KERNEL_ARGS) {
    const struct round_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i, digits = plan_digits(plan, args, row);
        if (out->phys == PHYS_F32) {
            float x = ((const float *)args[0]->data)[fn_row(args[0], row)];
            ((float *)out->data)[row] = (float)round_double((double)x, digits, plan->rounding, true);
        } else {
            ((double *)out->data)[row] = round_double(fn_f64(args[0], row), digits, plan->rounding, false);
        }
    }
    return STATUS_OK;
}

static enum status floor_float_kernel(KERNEL_ARGS) {
    bool up = ((const struct round_plan *)ctx->function->data)->rounding == DECIMAL_CEILING;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        if (out->phys == PHYS_F32) {
            float x = ((const float *)args[0]->data)[fn_row(args[0], row)];
            ((float *)out->data)[row] = up ? ceilf(x) : floorf(x);
        } else {
            double x = fn_f64(args[0], row);
            ((double *)out->data)[row] = up ? ceil(x) : floor(x);
        }
    }
    return STATUS_OK;
}

/* FLOOR(x), CEIL(x); with a unit they are functions of times. */
enum status fn_bind_floor(struct call *call, int variant, struct expr **out) {
    if (call->arg_count == 2) return fn_bind_floor_time(call, variant, out);
    if (call->arg_count != 1) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    const struct type *type = call->args[0]->type;
    struct round_plan *plan = ARENA_NEW(call->arena, struct round_plan);
    plan->rounding = variant ? DECIMAL_CEILING : DECIMAL_FLOOR;
    plan->fixed = true;
    if (type_is_integer(type)) {
        *out = call->args[0];
    } else if (type_is_approximate(type)) {
        *out = fni_finish(call, type, floor_float_kernel, FN_ANY_ROWS, plan, NULL);
    } else if (type->id == TYPE_DECIMAL) {
        /* DECIMAL(p, p) below 1 can be rounded up to 1, so there is at least one digit. */
        int precision = type->precision > 0 ? type->precision : 1;
        plan->from_scale = type->scale;
        *out = fni_finish(call, type_decimal(call->arena, precision, 0, true), round_decimal_kernel, 0, plan, NULL);
    } else {
        return fni_no_match(call);
    }
    return STATUS_OK;
}

enum status fn_bind_round(struct call *call, int variant, struct expr **out) {
    if (call->arg_count < 1 || call->arg_count > 2) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    const struct type *type = call->args[0]->type;
    if (!type_is_numeric(type)) return fni_no_match(call);
    struct round_plan *plan = ARENA_NEW(call->arena, struct round_plan);
    plan->rounding = variant ? DECIMAL_TRUNCATE : DECIMAL_HALF_UP;
    plan->fixed = call->arg_count == 1;
    if (call->arg_count == 2) {
        if (!fni_implicit(call->args[1]->type, type_of(TYPE_INT))) return fni_no_match(call);
        fni_cast(call, 1, type_of(TYPE_INT));
        const struct value *digits = fni_constant(call, 1);
        if (digits && !digits->is_null) {
            plan->fixed = true;
            plan->digits = (int)digits->i64;
        }
    }
    if (type_is_integer(type)) {
        *out = fni_finish(call, type, round_integer_kernel, FN_FALLIBLE, plan, NULL);
    } else if (type_is_approximate(type)) {
        *out = fni_finish(call, type, round_float_kernel, 0, plan, NULL);
    } else {
        const struct type *result = type;
        plan->from_scale = type->scale;
        if (plan->fixed && plan->digits < type->scale) {
            int scale = plan->digits > 0 ? plan->digits : 0;
            int precision = 1 + type->precision - type->scale + scale;
            result =
                type_decimal(call->arena, precision > TYPE_MAX_PRECISION ? TYPE_MAX_PRECISION : precision, scale, true);
        }
        *out = fni_finish(call, result, round_decimal_kernel, FN_FALLIBLE, plan, NULL);
    }
    return STATUS_OK;
}

/* ---- GREATEST, LEAST ---- */

static enum status extreme_kernel(KERNEL_ARGS) {
    const enum compare_op op = *(const enum compare_op *)ctx->function->data;
    kernel_binary compare = kernel_compare(op, out->phys);
    uint8_t better[VECTOR_CAPACITY];
    sel_index rows[VECTOR_CAPACITY];
    struct vector flags = {.type = type_of(TYPE_BOOLEAN), .phys = PHYS_BOOL, .form = VECTOR_FLAT, .data = better};
    kernel_move(out, args[0], sel, count, ctx->arena, VECTOR_CAPACITY);
    for (int a = 1; a < ctx->function->arg_count; a++) {
        (void)compare(args[a], out, &flags, sel, count);
        int n = kernel_select(&flags, TRUTH_TRUE, sel, count, rows);
        kernel_move(out, args[a], rows, n, ctx->arena, VECTOR_CAPACITY);
    }
    return STATUS_OK;
}

enum status fn_bind_greatest(struct call *call, int variant, struct expr **out) {
    static const enum compare_op ops[] = {COMPARE_LT, COMPARE_GT};
    if (call->arg_count < 1) return fni_no_match(call);
    const struct type *common = fni_common_type(call, 0, call->arg_count, 1);
    if (!common || type_is_nested(common)) return fni_no_match(call);
    if (common->id == TYPE_NULL) common = type_of(TYPE_INT);
    for (int i = 0; i < call->arg_count; i++) fni_cast(call, i, common);
    *out = fni_finish(call, common, extreme_kernel, 0, &ops[variant], NULL);
    return STATUS_OK;
}

/* ---- random ---- */

static uint64_t mix64(uint64_t x) {
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* The next number: from a seed and the row's number, so that a replay draws the same. */
static uint64_t next_random(const struct kernel_ctx *ctx, uint64_t seed, int i) {
    uint64_t counter = ctx->env->row_counter ? (*ctx->env->row_counter)++ : (uint64_t)i;
    return mix64(mix64(seed) + counter);
}

/* RAND(), RAND(seed): with a seed the same rows get the same numbers in every run. */
enum status fn_rand(KERNEL_ARGS) {
    bool seeded = ctx->function->arg_count == 1;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        uint64_t random = next_random(ctx, seeded ? (uint64_t)fn_i32(args[0], row) : ctx->env->random_seed, i);
        ((double *)out->data)[row] = (double)(random >> 11) * 0x1p-53;
    }
    return STATUS_OK;
}

/* RAND_INTEGER(bound), RAND_INTEGER(seed, bound): 0 <= result < bound */
enum status fn_rand_integer(KERNEL_ARGS) {
    bool seeded = ctx->function->arg_count == 2;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int32_t bound = fn_i32(args[seeded ? 1 : 0], row);
        if (bound <= 0) return fni_fail_text(ctx, STATUS_INVALID_ARGUMENT, row, "the bound must be positive");
        uint64_t random = next_random(ctx, seeded ? (uint64_t)fn_i32(args[0], row) : ctx->env->random_seed, i);
        ((int32_t *)out->data)[row] = (int32_t)((random >> 32) * (uint64_t)bound >> 32);
    }
    return STATUS_OK;
}

enum status fn_uuid(KERNEL_ARGS) {
    (void)args;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        uint64_t a = next_random(ctx, 0x75756964 ^ ctx->env->random_seed, i),
                 b = mix64(a ^ UINT64_C(0x5851F42D4C957F2D));
        a = (a & ~UINT64_C(0xF000)) | UINT64_C(0x4000); /* version 4 */
        b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
        char text[37];
        snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xFFFF),
                 (unsigned)(a & 0xFFFF), (unsigned)(b >> 48), (unsigned long long)(b & UINT64_C(0xFFFFFFFFFFFF)));
        fn_put_copy(ctx, out, row, text, 36);
    }
    return STATUS_OK;
}

/* ---- digits of other bases ---- */

enum status fn_bin(KERNEL_ARGS) {
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i, n = 0;
        uint64_t x = (uint64_t)fn_i64(args[0], row);
        char text[64];
        int bits = x ? 64 - __builtin_clzll(x) : 1;
        while (n < bits) {
            text[n] = (char)('0' + (x >> (bits - 1 - n) & 1));
            n++;
        }
        fn_put_copy(ctx, out, row, text, (size_t)n);
    }
    return STATUS_OK;
}

static enum status hex_number_kernel(KERNEL_ARGS) {
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        char text[20];
        int len = snprintf(text, sizeof text, "%llX", (unsigned long long)fn_i64(args[0], row));
        fn_put_copy(ctx, out, row, text, (size_t)len);
    }
    return STATUS_OK;
}

static enum status hex_text_kernel(KERNEL_ARGS) {
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        struct str text = fn_str(args[0], row);
        char *hex = arena_alloc_aligned(ctx->arena, text.len * 2 + 1, 1);
        for (size_t at = 0; at < text.len; at++) {
            hex[2 * at] = "0123456789ABCDEF"[(unsigned char)text.data[at] >> 4];
            hex[2 * at + 1] = "0123456789ABCDEF"[(unsigned char)text.data[at] & 15];
        }
        fn_put_borrowed(out, row, (struct str){hex, text.len * 2});
    }
    return STATUS_OK;
}

enum status fn_bind_hex(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    if (call->arg_count == 1 && type_is_integer(call->args[0]->type)) {
        TRY(fni_apply_shape(call, "l>s", &result));
        *out = fni_finish(call, result, hex_number_kernel, 0, NULL, NULL);
    } else {
        TRY(fni_apply_shape(call, "b>s", &result));
        *out = fni_finish(call, result, hex_text_kernel, 0, NULL, NULL);
    }
    return STATUS_OK;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* With an odd number of digits the first one is dropped and a zero byte takes its place. NULL for other characters. */
enum status fn_unhex(KERNEL_ARGS) {
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        struct str text = fn_str(args[0], row);
        size_t len = (text.len + 1) / 2, n = 0, at = text.len & 1;
        char *bytes = arena_alloc_aligned(ctx->arena, len + 1, 1);
        bool ok = !at || hex_digit(text.data[0]) >= 0;
        if (at) bytes[n++] = 0;
        for (; ok && at < text.len; at += 2) {
            int high = hex_digit(text.data[at]), low = hex_digit(text.data[at + 1]);
            ok = high >= 0 && low >= 0;
            if (ok) bytes[n++] = (char)(high << 4 | low);
        }
        if (ok)
            fn_put_borrowed(out, row, (struct str){bytes, len});
        else
            fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}
