/* The table of built-in functions, looking them up, and fitting arguments to them. */
#include "function/registry.h"

#include <stdio.h>

#include "function/function_private.h"
#include "kernel/kernel.h"
#include "types/cast.h"

static const struct function_entry entries[] = {
#define FUNCTION(name, kind, signature, binding, doc, example)                                                         \
    {.info = {name, FUNCTION_##kind, signature, doc, example}, binding},
#define SHAPE(shape_, kernel_, flags_) .shape = shape_, .kernel = kernel_, .flags = (flags_)
#define SHAPE_PREPARE(shape_, kernel_, prepare_, flags_)                                                               \
    .shape = shape_, .kernel = kernel_, .prepare = prepare_, .flags = (flags_)
#define BIND(binder_, variant_) .bind = binder_, .variant = (int)(variant_)
#define AGGREGATE(binder_, variant_) .bind_aggregate = binder_, .variant = (int)(variant_)
#define NAME_ONLY .shape = NULL
#include "function/functions.def"
#undef FUNCTION
#undef SHAPE
#undef SHAPE_PREPARE
#undef BIND
#undef AGGREGATE
#undef NAME_ONLY
};
enum { ENTRY_COUNT = sizeof entries / sizeof *entries };

int function_count(void) { return ENTRY_COUNT; }

const struct function_info *function_at(int index) {
    return index >= 0 && index < ENTRY_COUNT ? &entries[index].info : NULL;
}

const char *function_nearest(const char *name, struct arena *arena) {
    const char **names = ARENA_ARRAY(arena, const char *, ENTRY_COUNT);
    for (int i = 0; i < ENTRY_COUNT; i++) names[i] = entries[i].info.name;
    return str_nearest(name, names, ENTRY_COUNT);
}

static const struct function_entry *find(struct str name) {
    for (int i = 0; i < ENTRY_COUNT; i++)
        if (str_equal_nocase(name, str_from(entries[i].info.name))) return &entries[i];
    return NULL;
}

const struct function_info *function_find(struct str name) {
    const struct function_entry *entry = find(name);
    return entry ? &entry->info : NULL;
}

/* ---- errors ---- */

static void put_arg_types(struct strbuf *buf, const struct call *call) {
    for (int i = 0; i < call->arg_count; i++) {
        if (i) strbuf_puts(buf, ", ");
        struct type type = *call->args[i]->type;
        type.nullable = true;
        type_print(buf, &type);
    }
}

enum status fni_no_match(struct call *call) {
    if (!call->err) return STATUS_UNDEFINED_FUNCTION;
    struct strbuf types = {0};
    put_arg_types(&types, call);
    error_set_at(call->err, STATUS_UNDEFINED_FUNCTION, call->offset, call->length,
                 call->arg_count == 0 ? "%s needs arguments%s" : "%s does not take (%s)", call->name,
                 call->arg_count == 0 ? "" : types.data);
    char first = call->name[0];
    if ((first >= 'A' && first <= 'Z') || first == '$')
        error_hint(call->err, "it is %s", call->entry->info.signature);
    else /* an operator: its signature alone says little */
        error_hint(call->err, "%s: %s; CAST(... AS type) converts", call->entry->info.signature, call->entry->info.doc);
    strbuf_free(&types);
    return STATUS_UNDEFINED_FUNCTION;
}

enum status fni_error(struct call *call, int i, enum status code, const char *fmt, ...) {
    if (!call->err) return code;
    char text[512];
    va_list list;
    va_start(list, fmt);
    vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    bool at_arg = i >= 0 && call->args[i]->offset >= 0;
    return error_set_at(call->err, code, at_arg ? call->args[i]->offset : call->offset,
                        at_arg ? call->args[i]->length : call->length, "%s", text);
}

enum status fni_fail_text(struct kernel_ctx *ctx, enum status status, int row, const char *fmt, ...) {
    ctx->error_row = row;
    va_list list;
    va_start(list, fmt);
    vsnprintf(ctx->error_text, sizeof ctx->error_text, fmt, list);
    va_end(list);
    return status;
}

/* ---- fitting arguments ---- */

bool fni_is_null_literal(const struct expr *expr) { return expr->type->id == TYPE_NULL; }

const struct type *fni_nullable(struct call *call, const struct type *type) {
    return type_with_nullable(call->arena, type, true);
}
const struct type *fni_not_null(struct call *call, const struct type *type) {
    return type_with_nullable(call->arena, type, false);
}

bool fni_implicit(const struct type *from, const struct type *to) {
    if (from->id == TYPE_NULL || type_equal_but_nullable(from, to)) return true;
    if (type_is_integer(from)) {
        if (type_is_integer(to)) return true; /* a narrower target checks the range at run time */
        return type_is_numeric(to);
    }
    if (from->id == TYPE_DECIMAL || type_is_approximate(from)) return to->id == TYPE_DECIMAL || type_is_approximate(to);
    if (type_is_char(from)) return type_is_char(to);
    if (type_is_bytes(from)) return type_is_bytes(to);
    if (from->id == TYPE_DATE) return type_is_timestamp(to);
    if (type_is_timestamp(from)) return type_is_timestamp(to);
    return from->id == to->id && !type_is_nested(from);
}

void fni_cast(struct call *call, int i, const struct type *to) {
    struct expr *arg = call->args[i];
    bool nullable = arg->type->nullable || arg->type->id == TYPE_NULL;
    struct expr *cast = expr_cast(call->arena, arg, type_with_nullable(call->arena, to, nullable), false);
    if (cast != arg && cast->kind == EXPR_CONST) {
        cast->offset = arg->offset;
        cast->length = arg->length;
    }
    call->args[i] = cast;
}

static const struct type *shape_type(struct call *call, char letter, const struct type *arg) {
    switch (letter) {
    case 'o': return type_of(TYPE_BOOLEAN);
    case 'i': return type_of(TYPE_INT);
    case 'l': return type_of(TYPE_BIGINT);
    case 'd': return type_of(TYPE_DOUBLE);
    case 's': return type_of(TYPE_VARCHAR);
    case 'y': return type_of(TYPE_VARBINARY);
    case 'D': return type_of(TYPE_DATE);
    case 'T': return arg && arg->id == TYPE_TIME ? arg : type_of(TYPE_TIME);
    case 't':
        return arg && arg->id == TYPE_TIMESTAMP       ? arg
               : arg && arg->id == TYPE_TIMESTAMP_LTZ ? type_time(call->arena, TYPE_TIMESTAMP, arg->precision, true)
                                                      : type_time(call->arena, TYPE_TIMESTAMP, 3, true);
    case 'L': return arg && arg->id == TYPE_TIMESTAMP_LTZ ? arg : type_time(call->arena, TYPE_TIMESTAMP_LTZ, 3, true);
    default: return NULL;
    }
}

/* The letter for each argument; false when the counts do not fit. */
static bool shape_letters(const char *shape, int arg_count, char *letters) {
    int i = 0;
    bool optional = false;
    for (const char *p = shape; *p && *p != '>'; p++) {
        if (*p == '?') {
            optional = true;
        } else if (p[1] == '*') {
            while (i < arg_count) letters[i++] = *p;
            p++;
        } else if (i < arg_count) {
            letters[i++] = *p;
        } else if (!optional) {
            return false;
        }
    }
    return i == arg_count;
}

enum status fni_apply_shape(struct call *call, const char *shape, const struct type **result) {
    char letters[FUNCTION_MAX_ARGS];
    if (call->arg_count > FUNCTION_MAX_ARGS)
        return fni_error(call, -1, STATUS_LIMIT_EXCEEDED, "%s has more than %d arguments", call->name,
                         FUNCTION_MAX_ARGS);
    if (!shape_letters(shape, call->arg_count, letters)) return fni_no_match(call);
    for (int i = 0; i < call->arg_count; i++) {
        const struct type *arg = call->args[i]->type;
        if (letters[i] == 'a') continue;
        if (letters[i] == 'b') {
            if (arg->id == TYPE_NULL)
                fni_cast(call, i, type_of(TYPE_VARCHAR));
            else if (!type_is_char(arg) && !type_is_bytes(arg))
                return fni_no_match(call);
            continue;
        }
        if (!fni_implicit(arg, shape_type(call, letters[i], arg))) return fni_no_match(call);
    }
    for (int i = 0; i < call->arg_count; i++)
        if (letters[i] != 'a' && letters[i] != 'b')
            fni_cast(call, i, shape_type(call, letters[i], call->args[i]->type));
    const char *arrow = strchr(shape, '>');
    *result = shape_type(call, arrow[1], NULL);
    return STATUS_OK;
}

struct expr *fni_finish(struct call *call, const struct type *result, scalar_kernel kernel, unsigned flags,
                        const void *data, prepare_function prepare) {
    bool nullable = (flags & FN_NULLABLE) || ((flags & FN_CUSTOM) && !(flags & FN_NOT_NULL));
    const struct type **arg_types = ARENA_ARRAY(call->arena, const struct type *, call->arg_count + 1);
    for (int i = 0; i < call->arg_count; i++) {
        arg_types[i] = call->args[i]->type;
        if (!(flags & (FN_CUSTOM | FN_NOT_NULL))) nullable |= arg_types[i]->nullable;
    }
    struct bound_function *function = ARENA_NEW(call->arena, struct bound_function);
    *function = (struct bound_function){
        .name = call->name,
        .kernel = kernel,
        .result = type_with_nullable(call->arena, result, nullable),
        .arg_types = arg_types,
        .arg_count = call->arg_count,
        .null_rule = flags & FN_CUSTOM ? NULL_CUSTOM : NULL_PROPAGATE,
        .determinism = flags & FN_RANDOM ? NONDETERMINISTIC
                       : flags & FN_STEP ? DETERMINISTIC_IN_STEP
                                         : DETERMINISTIC,
        .fallible = (flags & FN_FALLIBLE) != 0,
        .any_rows = (flags & FN_ANY_ROWS) != 0,
        .uses_zone = (flags & FN_ZONE) != 0,
        .data = data,
        .prepare = prepare,
    };
    struct expr *expr = expr_call(call->arena, function, call->args, call->arg_count);
    expr->offset = call->offset;
    expr->length = call->length;
    return expr;
}

const struct value *fni_constant(struct call *call, int i) {
    struct expr *folded = expr_fold(call->arena, call->args[i]);
    return folded->kind == EXPR_CONST ? &folded->constant : NULL;
}

bool fni_constant_text(struct call *call, int i, struct str *out) {
    if (i >= call->arg_count) return false;
    const struct value *value = fni_constant(call, i);
    if (!value || value->is_null || !type_is_char(value->type)) return false;
    *out = value->str;
    return true;
}

enum status fni_bind_other(struct call *call, const char *name, struct expr **args, int arg_count, struct expr **out) {
    return function_bind(call->arena, str_from(name), args, arg_count, call->offset, call->length, out, call->err);
}

const struct type *fni_common_type(struct call *call, int from, int to, int step) {
    const struct type *common = NULL;
    for (int i = from; i < to; i += step) {
        const struct type *type = call->args[i]->type;
        common = common ? type_common(call->arena, common, type) : type;
        if (!common) return NULL;
    }
    return common;
}

/* ---- binding ---- */

static enum status unknown(struct str name, enum function_kind kind, int32_t offset, int32_t length,
                           struct error *err) {
    error_set_at(err, STATUS_UNDEFINED_FUNCTION, offset, length, "there is no function %.*s", (int)name.len, name.data);
    if (!err) return STATUS_UNDEFINED_FUNCTION;
    const char *names[ENTRY_COUNT];
    int count = 0;
    for (int i = 0; i < ENTRY_COUNT; i++)
        if (kind != FUNCTION_AGGREGATE || entries[i].info.kind == FUNCTION_AGGREGATE)
            names[count++] = entries[i].info.name;
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)name.len, name.data);
    const char *near = str_nearest(text, names, count);
    if (near) error_hint(err, "did you mean %s?", near);
    return STATUS_UNDEFINED_FUNCTION;
}

enum status function_bind(struct arena *query_arena, struct str name, struct expr **args, int arg_count, int32_t offset,
                          int32_t length, struct expr **out, struct error *err) {
    const struct function_entry *entry = find(name);
    if (!entry) return unknown(name, FUNCTION_SCALAR, offset, length, err);
    if (entry->info.kind != FUNCTION_SCALAR) {
        static const char *const kinds[] = {"a scalar function", "an aggregate function", "a window function",
                                            "a table function"};
        return error_set_at(err, STATUS_UNDEFINED_FUNCTION, offset, length, "%s is %s", entry->info.name,
                            kinds[entry->info.kind]);
    }
    struct call call = {
        .arena = query_arena,
        .entry = entry,
        .name = entry->info.name,
        .args = arena_memdup(query_arena, args, sizeof *args * (size_t)arg_count),
        .arg_count = arg_count,
        .offset = offset,
        .length = length,
        .err = err,
    };
    struct expr *bound;
    if (entry->bind) {
        TRY(entry->bind(&call, entry->variant, &bound));
    } else {
        const struct type *result;
        TRY(fni_apply_shape(&call, entry->shape, &result));
        bound = fni_finish(&call, result, entry->kernel, entry->flags, NULL, entry->prepare);
    }
    if (bound->offset < 0) {
        bound->offset = offset;
        bound->length = length;
    }
    *out = bound;
    return STATUS_OK;
}

enum status aggregate_bind(struct arena *query_arena, struct str name, struct expr **args, int arg_count, bool distinct,
                           int32_t offset, int32_t length, const struct bound_aggregate **out, struct error *err) {
    const struct function_entry *entry = find(name);
    if (!entry) return unknown(name, FUNCTION_AGGREGATE, offset, length, err);
    if (entry->info.kind != FUNCTION_AGGREGATE)
        return error_set_at(err, STATUS_UNDEFINED_FUNCTION, offset, length, "%s is no aggregate function",
                            entry->info.name);
    struct bound_aggregate *agg = ARENA_NEW(query_arena, struct bound_aggregate);
    agg->name = entry->info.name;
    agg->distinct = distinct;
    agg->offset = offset;
    agg->length = length;
    struct call call = {
        .arena = query_arena,
        .entry = entry,
        .name = entry->info.name,
        .args = arena_memdup(query_arena, args, sizeof *args * (size_t)arg_count),
        .arg_count = arg_count,
        .offset = offset,
        .length = length,
        .err = err,
    };
    TRY(entry->bind_aggregate(&call, entry->variant, agg));
    /* Constant arguments may be gone from the end. */
    arg_count = call.arg_count;
    const struct type **arg_types = ARENA_ARRAY(query_arena, const struct type *, arg_count + 1);
    for (int i = 0; i < arg_count; i++) {
        args[i] = call.args[i];
        arg_types[i] = args[i]->type;
    }
    agg->arg_types = arg_types;
    agg->arg_count = arg_count;
    *out = agg;
    return STATUS_OK;
}

enum status cast_bind(struct arena *query_arena, struct expr *arg, const struct type *to, bool try_cast, int32_t offset,
                      int32_t length, struct expr **out, struct error *err) {
    if (arg->type->id != TYPE_NULL && !cast_allowed(arg->type, to)) {
        if (!err) return STATUS_TYPE_MISMATCH;
        struct strbuf text = {0};
        struct type from = *arg->type, target = *to;
        from.nullable = target.nullable = true;
        type_print(&text, &from);
        strbuf_puts(&text, " cannot be cast to ");
        type_print(&text, &target);
        error_set_at(err, STATUS_TYPE_MISMATCH, offset, length, "%s", text.data);
        strbuf_free(&text);
        return STATUS_TYPE_MISMATCH;
    }
    bool nullable = arg->type->nullable || arg->type->id == TYPE_NULL || try_cast;
    struct expr *cast = expr_cast(query_arena, arg, type_with_nullable(query_arena, to, nullable), try_cast);
    if (cast != arg) {
        cast->offset = offset;
        cast->length = length;
    }
    *out = cast;
    return STATUS_OK;
}
