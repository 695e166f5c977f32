/* AND, OR, CASE, COALESCE and what is written with them; IN; LIKE. */
#include "function/function_private.h"
#include "kernel/kernel.h"
#include "kernel/text.h"

static struct expr *lazy(struct call *call, enum expr_kind kind, const struct type *type) {
    struct expr *expr = ARENA_NEW(call->arena, struct expr);
    expr->kind = kind;
    expr->type = type;
    expr->args = call->args;
    expr->arg_count = call->arg_count;
    expr->offset = call->offset;
    expr->length = call->length;
    return expr;
}

static enum status no_common_type(struct call *call, int from, int to, int step) {
    struct strbuf text = {0};
    for (int i = from; i < to; i += step) {
        struct type type = *call->args[i]->type;
        type.nullable = true;
        if (text.len) strbuf_puts(&text, i + step < to ? ", " : " and ");
        type_print(&text, &type);
    }
    enum status status =
        fni_error(call, -1, STATUS_TYPE_MISMATCH, "the values of %s have no common type: %s", call->name, text.data);
    error_hint(call->err, "CAST them to one type");
    strbuf_free(&text);
    return status;
}

/* A BOOLEAN, or NULL made one. */
static bool make_boolean(struct call *call, int i) {
    if (fni_is_null_literal(call->args[i])) fni_cast(call, i, type_of(TYPE_BOOLEAN));
    return call->args[i]->type->id == TYPE_BOOLEAN;
}

enum status fn_bind_junction(struct call *call, int variant, struct expr **out) {
    if (call->arg_count < 1) return fni_no_match(call);
    for (int i = 0; i < call->arg_count; i++)
        if (!make_boolean(call, i)) return fni_no_match(call);
    *out = variant ? expr_and(call->arena, call->args, call->arg_count)
                   : expr_or(call->arena, call->args, call->arg_count);
    return STATUS_OK;
}

enum status fn_bind_case(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count < 3 || call->arg_count % 2 == 0) return fni_no_match(call);
    int last = call->arg_count - 1;
    for (int i = 0; i < last; i += 2)
        if (!make_boolean(call, i))
            return fni_error(call, i, STATUS_TYPE_MISMATCH, "a condition of %s must be BOOLEAN, not %s", call->name,
                             type_to_string(call->arena, fni_nullable(call, call->args[i]->type)));
    /* The values: 1, 3, … and the last. */
    const struct type *common = call->args[last]->type;
    bool nullable = common->nullable;
    for (int i = 1; i < last; i += 2) {
        nullable |= call->args[i]->type->nullable;
        common = common ? type_common(call->arena, call->args[i]->type, common) : NULL;
    }
    if (!common) {
        struct expr **values = ARENA_ARRAY(call->arena, struct expr *, call->arg_count);
        int count = 0;
        for (int i = 1; i < last; i += 2) values[count++] = call->args[i];
        values[count++] = call->args[last];
        call->args = values;
        return no_common_type(call, 0, count, 1);
    }
    for (int i = 1; i < last; i += 2) {
        nullable |= fni_is_null_literal(call->args[i]);
        fni_cast(call, i, common);
    }
    nullable |= fni_is_null_literal(call->args[last]);
    fni_cast(call, last, common);
    *out = lazy(call, EXPR_CASE, type_with_nullable(call->arena, common, nullable));
    return STATUS_OK;
}

enum status fn_bind_if(struct call *call, int variant, struct expr **out) {
    if (call->arg_count != 3) return fni_no_match(call);
    return fn_bind_case(call, variant, out);
}

/* variant: the number of arguments, 0 for any. */
enum status fn_bind_coalesce(struct call *call, int variant, struct expr **out) {
    if (call->arg_count < 1 || (variant && call->arg_count != variant)) return fni_no_match(call);
    const struct type *common = fni_common_type(call, 0, call->arg_count, 1);
    if (!common) return no_common_type(call, 0, call->arg_count, 1);
    bool nullable = true;
    for (int i = 0; i < call->arg_count; i++) {
        nullable &= call->args[i]->type->nullable || fni_is_null_literal(call->args[i]);
        fni_cast(call, i, common);
    }
    *out = call->arg_count == 1 ? call->args[0]
                                : lazy(call, EXPR_COALESCE, type_with_nullable(call->arena, common, nullable));
    return STATUS_OK;
}

enum status fn_bind_nullif(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 2) return fni_no_match(call);
    struct expr *value = call->args[0];
    if (fni_is_null_literal(value)) {
        *out = value;
        return STATUS_OK;
    }
    struct expr *equal;
    TRY(fni_bind_other(call, "=", call->args, 2, &equal));
    const struct type *type = fni_nullable(call, value->type);
    struct expr **args = ARENA_ARRAY(call->arena, struct expr *, 3);
    args[0] = equal;
    args[1] = expr_null(call->arena, type);
    args[2] = expr_cast(call->arena, value, type, false);
    call->args = args;
    call->arg_count = 3;
    *out = lazy(call, EXPR_CASE, type);
    return STATUS_OK;
}

/* The second argument asks for a long form, which is the same here. */
enum status fn_bind_typeof(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count < 1 || call->arg_count > 2) return fni_no_match(call);
    struct value text = value_str(fni_not_null(call, type_of(TYPE_VARCHAR)),
                                  str_from(type_to_string(call->arena, call->args[0]->type)));
    *out = expr_const(call->arena, &text);
    return STATUS_OK;
}

/* ---- IN ---- */

/* The constants of a list, without NULLs and doubles. Up to IN_LINEAR of them are compared one after the other, more
 * through a hash table of open addressing. */
enum { IN_LINEAR = 8 };

struct in_set {
    enum phys phys;
    bool has_null;
    int count;
    int64_t *ints;        /* BOOL … I64 */
    struct strview *strs; /* STR */
    struct value *values; /* other types */
    uint32_t mask;        /* of the table, 0: linear */
    int32_t *slots;       /* position in the arrays, -1 free */
};

static inline uint64_t hash_int(int64_t value) {
    uint64_t x = (uint64_t)value * UINT64_C(0x9E3779B97F4A7C15);
    return x ^ x >> 32;
}
static inline uint64_t hash_view(const struct strview *view) {
    uint64_t hash = view->len;
    const char *data = strview_data(view);
    size_t i = 0;
    for (; i + 8 <= view->len; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    uint64_t word = 0;
    memcpy(&word, data + i, view->len - i);
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

static bool in_ints(const struct in_set *set, int64_t value) {
    if (!set->mask) {
        bool hit = false;
        for (int i = 0; i < set->count; i++) hit |= set->ints[i] == value;
        return hit;
    }
    for (uint32_t at = (uint32_t)hash_int(value) & set->mask;; at = (at + 1) & set->mask) {
        if (set->slots[at] < 0) return false;
        if (set->ints[set->slots[at]] == value) return true;
    }
}

static bool in_strs(const struct in_set *set, const struct strview *value) {
    if (!set->mask) {
        for (int i = 0; i < set->count; i++)
            if (strview_equal(&set->strs[i], value)) return true;
        return false;
    }
    for (uint32_t at = (uint32_t)hash_view(value) & set->mask;; at = (at + 1) & set->mask) {
        if (set->slots[at] < 0) return false;
        if (strview_equal(&set->strs[set->slots[at]], value)) return true;
    }
}

static bool in_values(const struct in_set *set, const struct value *value) {
    for (int i = 0; i < set->count; i++)
        if (value_compare(&set->values[i], value) == 0) return true;
    return false;
}

static bool is_int_phys(enum phys phys) {
    return phys == PHYS_BOOL || phys == PHYS_I8 || phys == PHYS_I16 || phys == PHYS_I32 || phys == PHYS_I64;
}

static void set_add(struct in_set *set, const struct value *value) {
    if (is_int_phys(set->phys)) {
        int64_t i = set->phys == PHYS_BOOL ? value->boolean : value->i64;
        if (!in_ints(set, i)) {
            set->ints[set->count] = i;
            if (set->mask) {
                uint32_t at = (uint32_t)hash_int(i) & set->mask;
                while (set->slots[at] >= 0) at = (at + 1) & set->mask;
                set->slots[at] = set->count;
            }
            set->count++;
        }
    } else if (set->phys == PHYS_STR) {
        struct strview view = strview_make(value->str.data, (uint32_t)value->str.len);
        if (!in_strs(set, &view)) {
            set->strs[set->count] = view;
            if (set->mask) {
                uint32_t at = (uint32_t)hash_view(&view) & set->mask;
                while (set->slots[at] >= 0) at = (at + 1) & set->mask;
                set->slots[at] = set->count;
            }
            set->count++;
        }
    } else if (!in_values(set, value)) {
        set->values[set->count++] = *value;
    }
}

/* The list's constants are arguments too, so that equal expressions are found and texts are printed; the kernel reads
 * the set made of them. */
enum status fn_in_prepare(const struct bound_function *function, const struct value *const *constants,
                          struct arena *arena, void **state, struct error *err);
enum status fn_in_prepare(const struct bound_function *function, const struct value *const *constants,
                          struct arena *arena, void **state, struct error *err) {
    (void)err;
    int list = function->arg_count - 1;
    struct in_set *set = ARENA_NEW(arena, struct in_set);
    set->phys = type_phys(function->arg_types[0]);
    if (is_int_phys(set->phys))
        set->ints = ARENA_ARRAY(arena, int64_t, list);
    else if (set->phys == PHYS_STR)
        set->strs = ARENA_ARRAY(arena, struct strview, list);
    else
        set->values = ARENA_ARRAY(arena, struct value, list);
    if (list > IN_LINEAR && !set->values) {
        uint32_t size = 16;
        while (size < (uint32_t)list * 2) size *= 2;
        set->slots = arena_alloc(arena, sizeof *set->slots * size);
        memset(set->slots, 0xFF, sizeof *set->slots * size);
        set->mask = size - 1;
    }
    for (int i = 1; i <= list; i++) {
        if (constants[i]->is_null) {
            set->has_null = true;
            continue;
        }
        struct value copy = value_copy(arena, constants[i]);
        bool nan = (set->phys == PHYS_F64 && copy.f64 != copy.f64) || (set->phys == PHYS_F32 && copy.f32 != copy.f32);
        if (!nan) set_add(set, &copy); /* nothing equals NaN */
    }
    *state = set;
    return STATUS_OK;
}

static enum status in_kernel(KERNEL_ARGS) {
    const struct in_set *set = ctx->state;
    const struct vector *x = args[0];
    uint8_t *r = out->data;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i, at = fn_row(x, row);
        bool hit = false, valid = fn_valid(x, row);
        if (valid) {
            switch (x->phys) {
            case PHYS_BOOL: hit = in_ints(set, ((const uint8_t *)x->data)[at]); break;
            case PHYS_I8: hit = in_ints(set, ((const int8_t *)x->data)[at]); break;
            case PHYS_I16: hit = in_ints(set, ((const int16_t *)x->data)[at]); break;
            case PHYS_I32: hit = in_ints(set, ((const int32_t *)x->data)[at]); break;
            case PHYS_I64: hit = in_ints(set, ((const int64_t *)x->data)[at]); break;
            case PHYS_STR: hit = in_strs(set, &((const struct strview *)x->data)[at]); break;
            default: {
                struct value value = vector_get(x, row, ctx->arena);
                hit = in_values(set, &value);
            }
            }
        }
        r[row] = hit;
        if (!valid || (!hit && set->has_null)) fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

/* Is the constant's cast to the type possible without changing what it equals? */
static struct expr *constant_as(struct call *call, struct expr *constant, const struct type *type) {
    struct expr *cast =
        expr_cast(call->arena, constant, type_with_nullable(call->arena, type, constant->type->nullable), false);
    cast = expr_fold(call->arena, cast);
    return cast->kind == EXPR_CONST ? cast : NULL;
}

enum status fn_bind_in(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count < 2) return fni_no_match(call);
    bool constants = true;
    for (int i = 1; i < call->arg_count; i++) {
        call->args[i] = expr_fold(call->arena, call->args[i]);
        constants &= call->args[i]->kind == EXPR_CONST;
    }
    const struct type *x = call->args[0]->type;
    const struct type *common =
        constants && !type_is_nested(x) && x->id != TYPE_NULL ? fni_common_type(call, 0, call->arg_count, 1) : NULL;
    /* A common type that cuts digits would make unequal values equal. */
    if (common && common->id == TYPE_DECIMAL && common->precision == TYPE_MAX_PRECISION &&
        !type_equal_but_nullable(common, x))
        common = NULL;
    if (!common) {
        struct expr **parts = ARENA_ARRAY(call->arena, struct expr *, call->arg_count - 1);
        for (int i = 1; i < call->arg_count; i++) {
            struct expr *pair[2] = {call->args[0], call->args[i]};
            TRY(fni_bind_other(call, "=", pair, 2, &parts[i - 1]));
        }
        *out = expr_or(call->arena, parts, call->arg_count - 1);
        return STATUS_OK;
    }
    fni_cast(call, 0, common);
    int list = call->arg_count - 1, per_call = FUNCTION_MAX_ARGS - 1, part_count = 0;
    struct expr **parts = ARENA_ARRAY(call->arena, struct expr *, list / per_call + 1);
    struct expr **all = call->args;
    for (int from = 1; from <= list; from += per_call) {
        int n = list - from + 1 < per_call ? list - from + 1 : per_call;
        struct expr **args = ARENA_ARRAY(call->arena, struct expr *, n + 1);
        bool nullable = all[0]->type->nullable;
        args[0] = all[0];
        for (int i = 0; i < n; i++) {
            args[i + 1] = constant_as(call, all[from + i], common);
            if (!args[i + 1]) return fni_no_match(call);
            nullable |= args[i + 1]->constant.is_null;
        }
        call->args = args;
        call->arg_count = n + 1;
        parts[part_count++] = fni_finish(call, type_of(TYPE_BOOLEAN), in_kernel,
                                         FN_CUSTOM | (nullable ? 0 : FN_NOT_NULL), NULL, fn_in_prepare);
    }
    *out = expr_or(call->arena, parts, part_count);
    return STATUS_OK;
}

/* ---- LIKE ---- */

enum status fn_like_prepare(const struct bound_function *function, const struct value *const *constants,
                            struct arena *arena, void **state, struct error *err) {
    if (!constants[1] || constants[1]->is_null) return STATUS_OK;
    struct str escape = {0};
    if (function->arg_count == 3) {
        if (!constants[2] || constants[2]->is_null) return STATUS_OK;
        escape = constants[2]->str;
    }
    struct like_pattern *pattern = ARENA_NEW(arena, struct like_pattern);
    TRY(like_compile(arena, constants[1]->str, escape, pattern, err));
    *state = pattern;
    return STATUS_OK;
}

enum status fn_like(KERNEL_ARGS) {
    uint8_t *r = out->data;
    const struct like_pattern *constant = ctx->state;
    if (constant) {
        for (int i = 0; i < count; i++) {
            int row = sel ? sel[i] : i;
            r[row] = like_match(constant, fn_str(args[0], row));
        }
        return STATUS_OK;
    }
    bool has_escape = ctx->function->arg_count == 3;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        struct like_pattern pattern;
        struct error err;
        enum status status = like_compile(ctx->arena, fn_str(args[1], row),
                                          has_escape ? fn_str(args[2], row) : (struct str){0}, &pattern, &err);
        if (status != STATUS_OK) return fni_fail_text(ctx, status, row, "%.150s", err.message);
        r[row] = like_match(&pattern, fn_str(args[0], row));
    }
    return STATUS_OK;
}
