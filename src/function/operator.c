/* Operators: comparisons, arithmetic of numbers, dates and intervals, truth tests. */
#include "function/function_private.h"
#include "kernel/kernel.h"
#include "types/decimal.h"

/* ---- comparisons ---- */

struct compare_plan {
    kernel_binary loop;
    enum compare_op op;
    int a_scale, b_scale; /* DECIMALs without an exact common type */
    bool want;            /* IS [NOT] DISTINCT FROM: the result where exactly one is NULL */
};

static bool compare_holds(enum compare_op op, int order) {
    switch (op) {
    case COMPARE_EQ: return order == 0;
    case COMPARE_NE: return order != 0;
    case COMPARE_LT: return order < 0;
    case COMPARE_LE: return order <= 0;
    case COMPARE_GT: return order > 0;
    case COMPARE_GE: return order >= 0;
    case COMPARE_OP_COUNT: break;
    }
    return false;
}

static enum status compare_kernel(KERNEL_ARGS) {
    const struct compare_plan *plan = ctx->function->data;
    (void)plan->loop(args[0], args[1], out, sel, count);
    return STATUS_OK;
}

static int128 load_decimal(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) row = 0;
    return vec->phys == PHYS_I64 ? (int128)((const int64_t *)vec->data)[row] : ((const int128 *)vec->data)[row];
}

static enum status compare_decimal_kernel(KERNEL_ARGS) {
    const struct compare_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int order =
            decimal_compare(load_decimal(args[0], row), plan->a_scale, load_decimal(args[1], row), plan->b_scale);
        ((uint8_t *)out->data)[row] = compare_holds(plan->op, order);
    }
    return STATUS_OK;
}

static enum status compare_nested_kernel(KERNEL_ARGS) {
    const struct compare_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        struct value a = vector_get(args[0], row, ctx->arena), b = vector_get(args[1], row, ctx->arena);
        ((uint8_t *)out->data)[row] = compare_holds(plan->op, value_compare(&a, &b));
    }
    return STATUS_OK;
}

/* Equal, or both NULL; or the opposite. */
static enum status distinct_kernel(KERNEL_ARGS) {
    const struct compare_plan *plan = ctx->function->data;
    sel_index both[VECTOR_CAPACITY];
    int both_count = 0;
    uint8_t *r = out->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        bool a = fn_valid(args[0], row), b = fn_valid(args[1], row);
        r[row] = a == b ? !plan->want : plan->want;
        both[both_count] = (sel_index)row;
        both_count += a & b;
    }
    if (both_count == 0) return STATUS_OK;
    if (plan->loop) {
        (void)plan->loop(args[0], args[1], out, both, both_count);
        return STATUS_OK;
    }
    return plan->a_scale >= 0 ? compare_decimal_kernel(ctx, args, out, both, both_count)
                              : compare_nested_kernel(ctx, args, out, both, both_count);
}

/* Text beside another scalar is read as that (a literal '2024-01-01' beside a DATE). */
static bool text_converts(const struct type *text, const struct type *other) {
    return type_is_char(text) && other->id != TYPE_NULL && !type_is_char(other) && !type_is_bytes(other) &&
           !type_is_nested(other) && !type_is_interval(other);
}

static bool is_day_or_timestamp(const struct type *type) { return type->id == TYPE_DATE || type_is_timestamp(type); }

/* Brings both arguments to types that one loop compares. Sets *exact_decimal to false when the DECIMALs keep different
 * scales. Returns NULL when they cannot be compared. */
static const struct type *unify(struct call *call, bool *exact_decimal) {
    const struct type *a = call->args[0]->type, *b = call->args[1]->type, *to = NULL;
    *exact_decimal = true;
    if (a->id == TYPE_NULL && b->id == TYPE_NULL) {
        to = type_of(TYPE_INT);
    } else if (a->id == TYPE_NULL || b->id == TYPE_NULL) {
        to = a->id == TYPE_NULL ? b : a;
    } else if (text_converts(a, b)) {
        to = b;
    } else if (text_converts(b, a)) {
        to = a;
    } else if (type_is_char(a) && type_is_char(b)) {
        return a; /* bytes of different lengths compare as they are */
    } else if (type_is_bytes(a) && type_is_bytes(b)) {
        return a;
    } else if (type_is_exact(a) && type_is_exact(b) && (a->id == TYPE_DECIMAL || b->id == TYPE_DECIMAL)) {
        int a_precision, a_scale, b_precision, b_scale;
        type_as_decimal(a, &a_precision, &a_scale);
        type_as_decimal(b, &b_precision, &b_scale);
        int scale = a_scale > b_scale ? a_scale : b_scale;
        int whole = a_precision - a_scale > b_precision - b_scale ? a_precision - a_scale : b_precision - b_scale;
        if (whole + scale > TYPE_MAX_PRECISION) {
            fni_cast(call, 0, type_decimal(call->arena, a_precision, a_scale, true));
            fni_cast(call, 1, type_decimal(call->arena, b_precision, b_scale, true));
            *exact_decimal = false;
            return call->args[0]->type;
        }
        to = type_decimal(call->arena, whole + scale, scale, true);
    } else if (is_day_or_timestamp(a) && is_day_or_timestamp(b) && a->id != b->id) {
        bool instant = a->id == TYPE_TIMESTAMP_LTZ || b->id == TYPE_TIMESTAMP_LTZ;
        int precision = a->id == TYPE_DATE            ? b->precision
                        : b->id == TYPE_DATE          ? a->precision
                        : a->precision > b->precision ? a->precision
                                                      : b->precision;
        to = type_time(call->arena, instant ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP, precision, true);
    } else {
        to = type_common(call->arena, a, b);
    }
    if (!to) return NULL;
    fni_cast(call, 0, to);
    fni_cast(call, 1, to);
    return to;
}

static enum status bind_compare(struct call *call, enum compare_op op, bool distinct, struct expr **out) {
    if (call->arg_count != 2) return fni_no_match(call);
    bool exact;
    const struct type *type = unify(call, &exact);
    if (!type) {
        struct type a = *call->args[0]->type, b = *call->args[1]->type;
        a.nullable = b.nullable = true;
        return fni_error(call, -1, STATUS_TYPE_MISMATCH, "%s cannot be compared with %s",
                         type_to_string(call->arena, &a), type_to_string(call->arena, &b));
    }
    enum phys phys = type_phys(type);
    bool nested = phys == PHYS_LIST || phys == PHYS_ROW;
    if (nested && op != COMPARE_EQ && op != COMPARE_NE)
        return fni_error(call, -1, STATUS_TYPE_MISMATCH, "values of type %s have no order",
                         type_to_string(call->arena, type));
    struct compare_plan *plan = ARENA_NEW(call->arena, struct compare_plan);
    *plan = (struct compare_plan){.op = op, .a_scale = -1, .want = op == COMPARE_NE};
    scalar_kernel kernel = compare_nested_kernel;
    unsigned flags = 0;
    if (!exact) {
        plan->a_scale = call->args[0]->type->scale;
        plan->b_scale = call->args[1]->type->scale;
        kernel = compare_decimal_kernel;
        flags = FN_ANY_ROWS;
    } else if (!nested) {
        plan->loop = kernel_compare(op, phys);
        kernel = compare_kernel;
        if (phys != PHYS_STR) flags = FN_ANY_ROWS;
    }
    if (distinct) {
        kernel = distinct_kernel;
        flags = FN_CUSTOM | FN_NOT_NULL;
    }
    *out = fni_finish(call, type_of(TYPE_BOOLEAN), kernel, flags, plan, NULL);
    return STATUS_OK;
}

enum status fn_bind_compare(struct call *call, int variant, struct expr **out) {
    if (strcmp(call->name, "!=") == 0) call->name = "<>";
    return bind_compare(call, (enum compare_op)variant, false, out);
}

enum status fn_bind_distinct(struct call *call, int variant, struct expr **out) {
    return bind_compare(call, variant ? COMPARE_NE : COMPARE_EQ, true, out);
}

/* ---- NULL and truth tests ---- */

static enum status is_null_kernel(KERNEL_ARGS) {
    bool want_null = ctx->function->data != NULL;
    const struct vector *vec = args[0];
    uint8_t *r = out->data;
    if (vec->phys != PHYS_NULL && !vec->validity) {
        if (!sel)
            memset(r, !want_null, (size_t)count);
        else
            for (int i = 0; i < count; i++) r[sel[i]] = !want_null;
        return STATUS_OK;
    }
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        r[row] = fn_valid(vec, row) != want_null;
    }
    return STATUS_OK;
}

enum status fn_bind_is_null(struct call *call, int variant, struct expr **out) {
    static const char yes;
    if (call->arg_count != 1) return fni_no_match(call);
    struct expr *arg = call->args[0];
    if (fni_is_null_literal(arg)) {
        *out = variant ? expr_true(call->arena) : expr_false(call->arena);
    } else if (!arg->type->nullable && !expr_can_fail(arg) && expr_is_deterministic(arg)) {
        *out = variant ? expr_false(call->arena) : expr_true(call->arena);
    } else {
        *out = fni_finish(call, type_of(TYPE_BOOLEAN), is_null_kernel, FN_CUSTOM | FN_NOT_NULL, variant ? &yes : NULL,
                          NULL);
    }
    return STATUS_OK;
}

static enum status truth_kernel(KERNEL_ARGS) {
    enum truth truth = *(const enum truth *)ctx->function->data;
    uint8_t *r = out->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        bool valid = fn_valid(args[0], row), value = valid && fn_bool(args[0], row);
        switch (truth) {
        case TRUTH_TRUE: r[row] = value; break;
        case TRUTH_NOT_TRUE: r[row] = !value; break;
        case TRUTH_FALSE: r[row] = valid & !value; break;
        case TRUTH_NOT_FALSE: r[row] = !valid | value; break;
        case TRUTH_NULL: r[row] = !valid; break;
        case TRUTH_NOT_NULL: r[row] = valid; break;
        }
    }
    return STATUS_OK;
}

enum status fn_bind_truth(struct call *call, int variant, struct expr **out) {
    static const enum truth truths[] = {TRUTH_TRUE,  TRUTH_NOT_TRUE, TRUTH_NOT_FALSE,
                                        TRUTH_FALSE, TRUTH_NULL,     TRUTH_NOT_NULL};
    const struct type *result;
    TRY(fni_apply_shape(call, "o>o", &result));
    *out = fni_finish(call, result, truth_kernel, FN_CUSTOM | FN_NOT_NULL, &truths[variant], NULL);
    return STATUS_OK;
}

enum status fn_not(KERNEL_ARGS) {
    (void)ctx;
    kernel_not(args[0], out, sel, count);
    return STATUS_OK;
}

/* ---- arithmetic of numbers ---- */

struct arithmetic_plan {
    enum arith_op op;
    kernel_binary loop;
    struct decimal_operation decimal;
};

static enum status arithmetic_failure(struct kernel_ctx *ctx, enum arith_op op, const struct vector *divisor, int row) {
    if (row < 0) return STATUS_OK;
    ctx->error_row = row;
    if (op == ARITH_DIVIDE || op == ARITH_REMAINDER) {
        struct value value = vector_get(divisor, row, ctx->arena);
        bool zero = divisor->phys == PHYS_I128  ? value.i128 == 0
                    : divisor->phys == PHYS_F64 ? value.f64 == 0
                                                : value.i64 == 0;
        if (zero) return STATUS_DIVISION_BY_ZERO;
    }
    return STATUS_OUT_OF_RANGE;
}

static enum status arithmetic_kernel(KERNEL_ARGS) {
    const struct arithmetic_plan *plan = ctx->function->data;
    return arithmetic_failure(ctx, plan->op, args[1], plan->loop(args[0], args[1], out, sel, count));
}

static enum status decimal_kernel(KERNEL_ARGS) {
    const struct arithmetic_plan *plan = ctx->function->data;
    return arithmetic_failure(ctx, plan->op, args[1],
                              plan->decimal.loop(&plan->decimal, args[0], args[1], out, sel, count));
}

static enum status bind_numbers(struct call *call, enum arith_op op, struct expr **out) {
    const struct type *a = call->args[0]->type, *b = call->args[1]->type;
    struct arithmetic_plan *plan = ARENA_NEW(call->arena, struct arithmetic_plan);
    plan->op = op;
    if (type_is_approximate(a) || type_is_approximate(b)) {
        bool wide = a->id == TYPE_DOUBLE || b->id == TYPE_DOUBLE || a->id == TYPE_DECIMAL || b->id == TYPE_DECIMAL;
        const struct type *type = type_of(wide ? TYPE_DOUBLE : TYPE_FLOAT);
        fni_cast(call, 0, type);
        fni_cast(call, 1, type);
        plan->loop = kernel_arith(op, type_phys(type));
        *out = fni_finish(call, type, arithmetic_kernel, FN_ANY_ROWS, plan, NULL);
        return STATUS_OK;
    }
    if (type_is_integer(a) && type_is_integer(b)) {
        const struct type *type = type_of(a->id > b->id ? a->id : b->id);
        const struct type *divisor = type_of(b->id);
        fni_cast(call, 0, type);
        fni_cast(call, 1, type);
        plan->loop = kernel_arith(op, type_phys(type));
        *out = fni_finish(call, type, arithmetic_kernel, FN_ANY_ROWS | FN_FALLIBLE, plan, NULL);
        /* The remainder has the divisor's type, which it always fits. */
        if (op == ARITH_REMAINDER && divisor->id != type->id)
            *out =
                expr_cast(call->arena, *out, type_with_nullable(call->arena, divisor, (*out)->type->nullable), false);
        return STATUS_OK;
    }
    static const char symbols[ARITH_OP_COUNT] = {'+', '-', '*', '/', '%'};
    struct decimal_operation *o = &plan->decimal;
    o->op = op;
    type_as_decimal(a, &o->a_precision, &o->a_scale);
    type_as_decimal(b, &o->b_precision, &o->b_scale);
    fni_cast(call, 0, type_decimal(call->arena, o->a_precision, o->a_scale, true));
    fni_cast(call, 1, type_decimal(call->arena, o->b_precision, o->b_scale, true));
    const struct type *result = type_decimal_result(call->arena, symbols[op], call->args[0]->type, call->args[1]->type);
    o->precision = result->precision;
    o->scale = result->scale;
    decimal_operation_init(o);
    *out = fni_finish(call, result, decimal_kernel, FN_ANY_ROWS | (o->fallible ? FN_FALLIBLE : 0), plan, NULL);
    return STATUS_OK;
}

/* ---- arithmetic of times ---- */

struct time_plan {
    int64_t factor; /* units of the first argument in a millisecond, negative to subtract */
    int64_t months; /* 1 or -1 */
    bool nanos;
};

/* Timestamp (µs or ns) and an interval in ms. */
#define LOOP_NAME add_millis
#define LOOP_PARAM struct time_plan
#define LOOP_A int64_t
#define LOOP_B int64_t
#define LOOP_R int64_t
#define LOOP_BAD uint64_t
#define LOOP_OP(x, y, r, bad)                                                                                          \
    do {                                                                                                               \
        int64_t units_;                                                                                                \
        bad |= (uint64_t)__builtin_mul_overflow(y, p->factor, &units_);                                                \
        bad |= (uint64_t)__builtin_add_overflow(x, units_, &r);                                                        \
    } while (0)
#include "kernel/binary_loop.h"

static enum status timestamp_millis_kernel(KERNEL_ARGS) {
    int row = add_millis(ctx->function->data, args[0], args[1], out, sel, count);
    return row < 0 ? STATUS_OK : fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
}

static enum status date_millis_kernel(KERNEL_ARGS) {
    const struct time_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int64_t days = fn_i32(args[0], row) + plan->months * (fn_i64(args[1], row) / MILLIS_PER_DAY);
        if (days != (int32_t)days) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
        ((int32_t *)out->data)[row] = (int32_t)days;
    }
    return STATUS_OK;
}

/* Around the clock. */
static enum status time_millis_kernel(KERNEL_ARGS) {
    const struct time_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int64_t nanos = fn_i64(args[0], row) + fn_i64(args[1], row) % MILLIS_PER_DAY * plan->factor;
        nanos %= NANOS_PER_DAY;
        ((int64_t *)out->data)[row] = nanos < 0 ? nanos + NANOS_PER_DAY : nanos;
    }
    return STATUS_OK;
}

static enum status timestamp_months_kernel(KERNEL_ARGS) {
    const struct time_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int64_t value = fn_i64(args[0], row), below = 0, moved;
        if (plan->nanos) {
            below = value % 1000 < 0 ? value % 1000 + 1000 : value % 1000;
            value = (value - below) / 1000;
        }
        if (!timestamp_add_months(value, plan->months * fn_i32(args[1], row), &moved))
            return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
        if (plan->nanos &&
            (__builtin_mul_overflow(moved, 1000, &moved) || __builtin_add_overflow(moved, below, &moved)))
            return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
        ((int64_t *)out->data)[row] = moved;
    }
    return STATUS_OK;
}

static enum status date_months_kernel(KERNEL_ARGS) {
    const struct time_plan *plan = ctx->function->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int64_t moved;
        if (!timestamp_add_months(fn_i32(args[0], row) * MICROS_PER_DAY, plan->months * fn_i32(args[1], row), &moved))
            return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
        ((int32_t *)out->data)[row] = (int32_t)(moved / MICROS_PER_DAY - (moved % MICROS_PER_DAY < 0));
    }
    return STATUS_OK;
}

/* args: a date or time, an interval. */
static enum status bind_time_interval(struct call *call, bool subtract, struct expr **out) {
    const struct type *time = call->args[0]->type, *interval = call->args[1]->type;
    struct time_plan *plan = ARENA_NEW(call->arena, struct time_plan);
    plan->months = subtract ? -1 : 1;
    if (interval->id == TYPE_INTERVAL_YEAR_MONTH) {
        if (time->id == TYPE_TIME) return fni_no_match(call);
        plan->nanos = type_is_nanos(time);
        *out = fni_finish(call, time, time->id == TYPE_DATE ? date_months_kernel : timestamp_months_kernel, FN_FALLIBLE,
                          plan, NULL);
        return STATUS_OK;
    }
    const struct value *constant = fni_constant(call, 1);
    bool known = constant && !constant->is_null;
    if (time->id == TYPE_TIME) {
        int precision = known && constant->i64 % 1000 == 0 ? time->precision
                        : time->precision > 3              ? time->precision
                                                           : 3;
        plan->factor = (subtract ? -1 : 1) * INT64_C(1000000);
        *out = fni_finish(call, type_time(call->arena, TYPE_TIME, precision, true), time_millis_kernel, FN_ANY_ROWS,
                          plan, NULL);
        return STATUS_OK;
    }
    if (time->id == TYPE_DATE && known && constant->i64 % MILLIS_PER_DAY == 0) {
        *out = fni_finish(call, time, date_millis_kernel, FN_FALLIBLE, plan, NULL);
        return STATUS_OK;
    }
    int precision = time->id == TYPE_DATE ? 3 : time->precision;
    if (precision < 3 && !(known && constant->i64 % 1000 == 0)) precision = 3;
    time = type_time(call->arena, time->id == TYPE_DATE ? TYPE_TIMESTAMP : time->id, precision, true);
    fni_cast(call, 0, time);
    plan->factor = (subtract ? -1 : 1) * (type_is_nanos(time) ? INT64_C(1000000) : INT64_C(1000));
    *out = fni_finish(call, time, timestamp_millis_kernel, FN_FALLIBLE | FN_ANY_ROWS, plan, NULL);
    return STATUS_OK;
}

static enum status scale_interval_kernel(KERNEL_ARGS) {
    bool divide = ctx->function->data != NULL;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int64_t interval = args[0]->phys == PHYS_I32 ? fn_i32(args[0], row) : fn_i64(args[0], row), r;
        if (args[1]->phys == PHYS_I64) {
            int64_t n = fn_i64(args[1], row);
            if (divide && n == 0) return fn_fail(ctx, STATUS_DIVISION_BY_ZERO, row);
            if (divide ? __builtin_mul_overflow(interval, n == -1 ? -1 : 1, &r)
                       : __builtin_mul_overflow(interval, n, &r))
                return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
            if (divide && n != -1) r = interval / n;
        } else {
            double n = fn_f64(args[1], row);
            if (divide && n == 0) return fn_fail(ctx, STATUS_DIVISION_BY_ZERO, row);
            double d = divide ? (double)interval / n : (double)interval * n;
            if (!(d >= -0x1p63 && d < 0x1p63)) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
            r = (int64_t)d;
        }
        if (out->phys == PHYS_I32) {
            if (r != (int32_t)r) return fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
            ((int32_t *)out->data)[row] = (int32_t)r;
        } else {
            ((int64_t *)out->data)[row] = r;
        }
    }
    return STATUS_OK;
}

static void swap_args(struct call *call) {
    struct expr *first = call->args[0];
    call->args[0] = call->args[1];
    call->args[1] = first;
}

enum status fn_bind_arithmetic(struct call *call, int variant, struct expr **out) {
    enum arith_op op = (enum arith_op)variant;
    if (call->arg_count != 2) return fni_no_match(call);
    const struct type *a = call->args[0]->type, *b = call->args[1]->type;
    if (a->id == TYPE_NULL && b->id == TYPE_NULL) {
        *out = expr_null(call->arena, type_of(TYPE_INT));
        return STATUS_OK;
    }
    /* NULL takes the other's type; beside a date or time it is an interval. */
    for (int i = 0; i < 2; i++) {
        const struct type *other = call->args[1 - i]->type;
        if (call->args[i]->type->id != TYPE_NULL) continue;
        bool time = other->id == TYPE_DATE || other->id == TYPE_TIME || type_is_timestamp(other);
        fni_cast(call, i, time ? type_of(TYPE_INTERVAL_DAY_TIME) : other);
    }
    a = call->args[0]->type;
    b = call->args[1]->type;
    if (type_is_numeric(a) && type_is_numeric(b)) return bind_numbers(call, op, out);
    bool a_time = a->id == TYPE_DATE || a->id == TYPE_TIME || type_is_timestamp(a);
    bool b_time = b->id == TYPE_DATE || b->id == TYPE_TIME || type_is_timestamp(b);
    if (a_time && b_time && op == ARITH_SUBTRACT) {
        enum status status =
            fni_error(call, -1, STATUS_UNDEFINED_FUNCTION, "dates and times cannot be subtracted with -");
        error_hint(call->err, "TIMESTAMPDIFF(SECOND, b, a) gives the difference as a number");
        return status;
    }
    if (op == ARITH_ADD && type_is_interval(a) && b_time) {
        swap_args(call);
        return bind_time_interval(call, false, out);
    }
    if ((op == ARITH_ADD || op == ARITH_SUBTRACT) && a_time && type_is_interval(b))
        return bind_time_interval(call, op == ARITH_SUBTRACT, out);
    if ((op == ARITH_ADD || op == ARITH_SUBTRACT) && type_is_interval(a) && a->id == b->id) {
        struct arithmetic_plan *plan = ARENA_NEW(call->arena, struct arithmetic_plan);
        plan->op = op;
        plan->loop = kernel_arith(op, type_phys(a));
        *out = fni_finish(call, a, arithmetic_kernel, FN_ANY_ROWS | FN_FALLIBLE, plan, NULL);
        return STATUS_OK;
    }
    if (op == ARITH_MULTIPLY && type_is_numeric(a) && type_is_interval(b)) {
        swap_args(call);
        a = call->args[0]->type;
        b = call->args[1]->type;
    }
    if ((op == ARITH_MULTIPLY || op == ARITH_DIVIDE) && type_is_interval(a) && type_is_numeric(b)) {
        static const char divide;
        fni_cast(call, 1, type_of(type_is_integer(b) ? TYPE_BIGINT : TYPE_DOUBLE));
        *out = fni_finish(call, a, scale_interval_kernel, FN_FALLIBLE, op == ARITH_DIVIDE ? &divide : NULL, NULL);
        return STATUS_OK;
    }
    return fni_no_match(call);
}

/* ---- sign ---- */

struct sign_plan {
    kernel_unary loop;
};

static enum status sign_kernel(KERNEL_ARGS) {
    const struct sign_plan *plan = ctx->function->data;
    int row = plan->loop(args[0], out, sel, count);
    return row < 0 ? STATUS_OK : fn_fail(ctx, STATUS_OUT_OF_RANGE, row);
}

/* SIGN of a DECIMAL keeps its scale: 1 is 10^scale there. */
static enum status decimal_sign_kernel(KERNEL_ARGS) {
    const struct type *type = ctx->function->result;
    int128 one = decimal_pow10(type->scale);
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int128 v = load_decimal(args[0], row), r = v > 0 ? one : v < 0 ? -one : 0;
        if (out->phys == PHYS_I64)
            ((int64_t *)out->data)[row] = (int64_t)r;
        else
            ((int128 *)out->data)[row] = r;
    }
    return STATUS_OK;
}

enum status fn_bind_sign(struct call *call, int variant, struct expr **out) {
    enum arith_unary_op op = (enum arith_unary_op)variant;
    if (call->arg_count != 1) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    const struct type *type = call->args[0]->type;
    if (!type_is_numeric(type) && !(type_is_interval(type) && op != ARITH_SIGN)) return fni_no_match(call);
    if (op == ARITH_SIGN && type->id == TYPE_DECIMAL && type->scale > 0) {
        /* DECIMAL(p, p) has no digit for 1 */
        int precision = type->precision > type->scale ? type->precision : type->scale + 1;
        int scale = precision > TYPE_MAX_PRECISION ? 0 : type->scale;
        if (precision > TYPE_MAX_PRECISION) precision = 1;
        *out = fni_finish(call, type_decimal(call->arena, precision, scale, true), decimal_sign_kernel, FN_ANY_ROWS,
                          NULL, NULL);
        return STATUS_OK;
    }
    struct sign_plan *plan = ARENA_NEW(call->arena, struct sign_plan);
    plan->loop = kernel_arith_unary(op, type_phys(type));
    bool can_overflow = op != ARITH_SIGN && (type_is_integer(type) || type_is_interval(type));
    *out = fni_finish(call, type, sign_kernel, FN_ANY_ROWS | (can_overflow ? FN_FALLIBLE : 0), plan, NULL);
    return STATUS_OK;
}

enum status fn_bind_plus(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 1) return fni_no_match(call);
    const struct type *type = call->args[0]->type;
    if (!type_is_numeric(type) && !type_is_interval(type) && type->id != TYPE_NULL) return fni_no_match(call);
    *out = call->args[0];
    return STATUS_OK;
}
