/* A handful of functions on INT, for the tests of this folder (the real ones live in src/function, which comes later):
 * + - * / < RANDOM, and TRACE(x), which counts the rows it is called for in *trace_count. */
#ifndef MILLRACE_EXPR_TEST_FUNCTIONS_H
#define MILLRACE_EXPR_TEST_FUNCTIONS_H

#include <stdlib.h>

#include "expr/expr.h"

static int trace_count __attribute__((unused));

static inline int test_int(const struct vector *vec, int row) {
    return ((const int32_t *)vec->data)[vec->form == VECTOR_CONST ? 0 : row];
}

static inline enum status test_kernel(struct kernel_ctx *ctx, const struct vector *const *args, struct vector *out,
                                      const sel_index *sel, int count) {
    const char *name = ctx->function->name;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int a = ctx->function->arg_count > 0 ? test_int(args[0], row) : 0;
        int b = ctx->function->arg_count > 1 ? test_int(args[1], row) : 0, r = 0;
        switch (*name) {
        case '+': r = a + b; break;
        case '-': r = a - b; break;
        case '*': r = a * b; break;
        case '<': ((uint8_t *)out->data)[row] = a < b; continue;
        case 'T':
            trace_count++;
            r = a;
            break;
        case 'R': r = (int)(*ctx->env->row_counter)++; break;
        case '/':
            if (b == 0) {
                ctx->error_row = row;
                return STATUS_DIVISION_BY_ZERO;
            }
            r = a / b;
            break;
        default: abort();
        }
        ((int32_t *)out->data)[row] = r;
    }
    return STATUS_OK;
}

static inline struct expr *test_bind(struct arena *arena, const char *name, struct expr **args, int count) {
    struct bound_function *function = ARENA_NEW(arena, struct bound_function);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, count + 1);
    bool nullable = false;
    for (int i = 0; i < count; i++) {
        types[i] = args[i]->type;
        nullable |= types[i]->nullable;
    }
    *function = (struct bound_function){
        .name = name,
        .kernel = test_kernel,
        .result = type_with_nullable(arena, type_of(*name == '<' ? TYPE_BOOLEAN : TYPE_INT), nullable),
        .arg_types = types,
        .arg_count = count,
        .determinism = *name == 'R' ? NONDETERMINISTIC : DETERMINISTIC,
        .fallible = *name == '/',
        .any_rows = *name == '<' || *name == '*',
    };
    return expr_call(arena, function, arena_memdup(arena, args, sizeof *args * (size_t)count), count);
}

static inline struct expr *call0(struct arena *arena, const char *name) { return test_bind(arena, name, NULL, 0); }
static inline struct expr *call1(struct arena *arena, const char *name, struct expr *a) {
    return test_bind(arena, name, &a, 1);
}
static inline struct expr *call2(struct arena *arena, const char *name, struct expr *a, struct expr *b) {
    struct expr *args[] = {a, b};
    return test_bind(arena, name, args, 2);
}
static inline struct expr *int_column(struct arena *arena, int index) {
    return expr_column(arena, index, type_of(TYPE_INT));
}
static inline struct expr *int_const(struct arena *arena, int value) {
    struct value constant = value_i64(type_of(TYPE_INT), value);
    return expr_const(arena, &constant);
}

#endif
