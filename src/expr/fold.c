/* Constant folding: bottom-up; what is constant and does not fail is replaced by its value. */
#include "expr/expr_private.h"

#include "kernel/cast.h"

static bool is_const(const struct expr *expr) { return expr->kind == EXPR_CONST; }
static bool is_boolean(const struct expr *expr, bool value) {
    return is_const(expr) && !expr->constant.is_null && expr->constant.boolean == value;
}
static bool is_null(const struct expr *expr) { return is_const(expr) && expr->constant.is_null; }

/* The same value with the type and place of the expression it stands for. */
static struct expr *replace(struct arena *arena, const struct expr *expr, struct expr *by) {
    struct expr *copy = arena_memdup(arena, by, sizeof *by);
    if (copy->kind == EXPR_CONST) {
        copy->type = expr->type;
        copy->constant.type = expr->type;
    }
    if (expr->offset >= 0) {
        copy->offset = expr->offset;
        copy->length = expr->length;
    }
    return copy;
}

static struct expr *evaluate(struct arena *arena, struct expr *expr) {
    for (int i = 0; i < expr->arg_count; i++)
        if (!is_const(expr->args[i])) return expr;
    if (expr->kind == EXPR_CALL && (expr->function->determinism != DETERMINISTIC || expr->function->uses_zone))
        return expr;
    if (expr->kind == EXPR_CAST && expr->args[0]->type->id != TYPE_NULL) {
        struct cast_operation operation;
        cast_operation_init(&operation, expr->args[0]->type, expr->type, expr->cast.try_cast);
        if (operation.uses_zone) return expr;
        struct value cast;
        const struct value *from = &expr->args[0]->constant;
        if (from->is_null) return replace(arena, expr, expr_null(arena, expr->type));
        if (value_cast(arena, from, expr->type, NULL, &cast, NULL) != STATUS_OK) {
            if (!expr->cast.try_cast) return expr;
            cast = value_null(expr->type);
        }
        return replace(arena, expr, expr_const(arena, &cast));
    }
    struct value value;
    if (expri_evaluate(arena, expr, NULL, &value, NULL) != STATUS_OK) return expr;
    return replace(arena, expr, expr_const(arena, &value));
}

/* AND without TRUE, decided by FALSE; OR the other way round. */
static struct expr *fold_junction(struct arena *arena, struct expr *expr) {
    bool neutral = expr->kind == EXPR_AND;
    int kept = 0;
    for (int i = 0; i < expr->arg_count; i++) {
        if (is_boolean(expr->args[i], !neutral)) return replace(arena, expr, expr->args[i]);
        kept += !is_boolean(expr->args[i], neutral);
    }
    if (kept == expr->arg_count) return expr;
    struct expr **args = ARENA_ARRAY(arena, struct expr *, kept + 1);
    kept = 0;
    for (int i = 0; i < expr->arg_count; i++)
        if (!is_boolean(expr->args[i], neutral)) args[kept++] = expr->args[i];
    if (kept == 0) return replace(arena, expr, neutral ? expr_true(arena) : expr_false(arena));
    if (kept == 1) return args[0];
    struct expr *copy = arena_memdup(arena, expr, sizeof *expr);
    copy->args = args;
    copy->arg_count = kept;
    return copy;
}

/* Branches that are never taken go, a branch that is always taken becomes the last. */
static struct expr *fold_case(struct arena *arena, struct expr *expr) {
    struct expr **args = ARENA_ARRAY(arena, struct expr *, expr->arg_count);
    int count = 0, i = 0;
    struct expr *last = expr->args[expr->arg_count - 1];
    for (; i + 1 < expr->arg_count; i += 2) {
        if (is_boolean(expr->args[i], false) || is_null(expr->args[i])) continue;
        if (is_boolean(expr->args[i], true)) {
            last = expr->args[i + 1];
            break;
        }
        args[count++] = expr->args[i];
        args[count++] = expr->args[i + 1];
    }
    args[count++] = last;
    if (count == 1) return last->kind == EXPR_CONST ? replace(arena, expr, last) : last;
    if (count == expr->arg_count) return expr;
    struct expr *copy = arena_memdup(arena, expr, sizeof *expr);
    copy->args = args;
    copy->arg_count = count;
    return copy;
}

static struct expr *fold_coalesce(struct arena *arena, struct expr *expr) {
    struct expr **args = ARENA_ARRAY(arena, struct expr *, expr->arg_count + 1);
    int count = 0;
    for (int i = 0; i < expr->arg_count; i++) {
        if (is_null(expr->args[i])) continue;
        args[count++] = expr->args[i];
        if (is_const(expr->args[i]) || !expr->args[i]->type->nullable) break;
    }
    if (count == 0) return replace(arena, expr, expr_null(arena, expr->type));
    if (count == 1) return args[0]->kind == EXPR_CONST ? replace(arena, expr, args[0]) : args[0];
    if (count == expr->arg_count) return expr;
    struct expr *copy = arena_memdup(arena, expr, sizeof *expr);
    copy->args = args;
    copy->arg_count = count;
    return copy;
}

struct expr *expr_fold(struct arena *arena, struct expr *expr) {
    struct expr **args = NULL;
    for (int i = 0; i < expr->arg_count; i++) {
        struct expr *arg = expr_fold(arena, expr->args[i]);
        if (arg == expr->args[i]) continue;
        if (!args) {
            args = arena_alloc(arena, sizeof *args * (size_t)expr->arg_count);
            memcpy(args, expr->args, sizeof *args * (size_t)expr->arg_count);
        }
        args[i] = arg;
    }
    if (args) {
        expr = arena_memdup(arena, expr, sizeof *expr);
        expr->args = args;
    }
    switch (expr->kind) {
    case EXPR_AND:
    case EXPR_OR: return fold_junction(arena, expr);
    case EXPR_CASE: return fold_case(arena, expr);
    case EXPR_COALESCE: return fold_coalesce(arena, expr);
    case EXPR_CALL:
    case EXPR_CAST:
    case EXPR_FIELD: return evaluate(arena, expr);
    default: return expr;
    }
}
