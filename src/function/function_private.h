/* Shared inside src/function only: how an entry of functions.def is described, and what binders and kernels use.
 *
 * An entry is bound in one of two ways:
 *   SHAPE(shape, kernel, prepare, flags)   one overload, described by a text (see below)
 *   BIND(binder, variant)                  a C function that looks at the arguments and calls fni_finish
 * Aggregates: AGGREGATE(binder, variant). Names without a kernel of their own (window and table functions, which the
 * planner knows): NAME_ONLY.
 *
 * A shape lists one letter per argument and, behind '>', the result:
 *     o BOOLEAN   i INT   l BIGINT   d DOUBLE   s STRING   y BYTES   D DATE   T TIME   t TIMESTAMP   L TIMESTAMP_LTZ
 *     a any type as it is (arguments only)      b text or bytes as it is (arguments only)
 * '?' before a letter: this argument and all behind it may be left out. '*' behind the last: any number of them, or none.
 * Precision of t and L: an argument keeps its own; results are TIMESTAMP(3) and TIMESTAMP_LTZ(3). */
#ifndef MILLRACE_FUNCTION_FUNCTION_PRIVATE_H
#define MILLRACE_FUNCTION_FUNCTION_PRIVATE_H

#include "function/registry.h"

enum function_flag {
    FN_FALLIBLE = 1,  /* may fail at run time */
    FN_CUSTOM = 2,    /* NULL_CUSTOM: the kernel sees NULL arguments */
    FN_ANY_ROWS = 4,  /* see struct bound_function */
    FN_ZONE = 8,      /* uses the session's time zone */
    FN_STEP = 16,     /* DETERMINISTIC_IN_STEP */
    FN_RANDOM = 32,   /* NONDETERMINISTIC */
    FN_NULLABLE = 64, /* may be NULL though no argument is */
    FN_NOT_NULL = 128 /* never NULL */
};

struct function_entry;

/* A call on its way to being bound. args may be replaced by casts of themselves. */
struct call {
    struct arena *arena;
    const struct function_entry *entry;
    const char *name; /* as SQL writes it */
    struct expr **args;
    int arg_count;
    int32_t offset, length;
    struct error *err;
};

typedef enum status (*prepare_function)(const struct bound_function *function, const struct value *const *constants,
                                        struct arena *arena, void **state, struct error *err);
typedef enum status (*call_binder)(struct call *call, int variant, struct expr **out);
typedef enum status (*aggregate_binder)(struct call *call, int variant, struct bound_aggregate *agg);

struct function_entry {
    struct function_info info;
    const char *shape;
    scalar_kernel kernel;
    prepare_function prepare;
    unsigned flags;
    call_binder bind;
    aggregate_binder bind_aggregate;
    int variant;
};

/* ---- for binders ---- */

/* The error for arguments that no overload takes. */
enum status fni_no_match(struct call *call);
/* An error at the call's place (or at argument i's, when i >= 0). */
enum status fni_error(struct call *call, int i, enum status code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Replaces argument i by its cast to the type, keeping its nullability. */
void fni_cast(struct call *call, int i, const struct type *to);
/* Can the argument be used where the type is asked for, by an implicit cast? NULL can be anything. */
bool fni_implicit(const struct type *from, const struct type *to);
/* Casts all arguments to the shape's types or says that they do not fit. */
enum status fni_apply_shape(struct call *call, const char *shape, const struct type **result);
/* Makes the call expression from call->args. The result's nullability is set by the flags and the arguments. */
struct expr *fni_finish(struct call *call, const struct type *result, scalar_kernel kernel, unsigned flags,
                        const void *data, prepare_function prepare);
/* The value of a constant argument (folded), or NULL. */
const struct value *fni_constant(struct call *call, int i);
/* A constant text argument, e.g. a unit; false when it is none. */
bool fni_constant_text(struct call *call, int i, struct str *out);
/* Another function of the registry on the same or other arguments. */
enum status fni_bind_other(struct call *call, const char *name, struct expr **args, int arg_count, struct expr **out);
/* The common type for comparing or choosing between the arguments from … to-1 (every step-th), or NULL. */
const struct type *fni_common_type(struct call *call, int from, int to, int step);
bool fni_is_null_literal(const struct expr *expr);
const struct type *fni_nullable(struct call *call, const struct type *type);
const struct type *fni_not_null(struct call *call, const struct type *type);

/* ---- for kernels ---- */

#define KERNEL_ARGS                                                                                                    \
    struct kernel_ctx *ctx, const struct vector *const *args, struct vector *out, const sel_index *sel, int count

/* The value of one row of a FLAT or CONST vector. */
static inline int fn_row(const struct vector *vec, int row) { return vec->form == VECTOR_CONST ? 0 : row; }
static inline int32_t fn_i32(const struct vector *vec, int row) {
    return ((const int32_t *)vec->data)[fn_row(vec, row)];
}
static inline int64_t fn_i64(const struct vector *vec, int row) {
    return ((const int64_t *)vec->data)[fn_row(vec, row)];
}
static inline double fn_f64(const struct vector *vec, int row) { return ((const double *)vec->data)[fn_row(vec, row)]; }
static inline bool fn_bool(const struct vector *vec, int row) {
    return ((const uint8_t *)vec->data)[fn_row(vec, row)] & 1;
}
static inline bool fn_valid(const struct vector *vec, int row) {
    return vec->phys != PHYS_NULL && validity_get(vec->validity, fn_row(vec, row));
}
/* Borrows from the vector, which outlives the kernel call: short strings lie inside it. */
static inline struct str fn_str(const struct vector *vec, int row) {
    return strview_str(&((const struct strview *)vec->data)[fn_row(vec, row)]);
}
static inline void fn_put_view(struct vector *out, int row, struct str text) {
    ((struct strview *)out->data)[row] = strview_make(text.data, (uint32_t)text.len);
}
/* A result that is a part of argument bytes or of memory that lives as long as the morsel. */
#define fn_put_borrowed fn_put_view
/* A result in memory that does not live on. */
static inline void fn_put_copy(struct kernel_ctx *ctx, struct vector *out, int row, const char *data, size_t len) {
    if (len > STRVIEW_INLINE) {
        char *copy = arena_alloc_aligned(ctx->arena, len, 1);
        memcpy(copy, data, len);
        data = copy;
    }
    ((struct strview *)out->data)[row] = strview_make(data, (uint32_t)len);
}
static inline void fn_put_null(struct kernel_ctx *ctx, struct vector *out, int row) {
    validity_set_null(vector_validity(out, ctx->arena, VECTOR_CAPACITY), row);
    if (out->phys == PHYS_STR) memset((struct strview *)out->data + row, 0, sizeof(struct strview));
}
/* For FN_CUSTOM kernels: the row is not NULL (only needed where a NULL may have been set before). */
static inline enum status fn_fail(struct kernel_ctx *ctx, enum status status, int row) {
    ctx->error_row = row;
    return status;
}
/* With a text, which may name the reason better than the status. */
enum status fni_fail_text(struct kernel_ctx *ctx, enum status status, int row, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* ---- for aggregates of all values ---- */

#define VALUES_ARGS                                                                                                    \
    const struct bound_aggregate *agg, const struct chunk *const *values, int chunk_count, struct vector *out,         \
        int out_row, struct arena *arena, struct error *err

/* How often the chunk's i-th live value occurs. */
static inline int64_t fn_multiplicity(const struct chunk *chunk, int i) {
    const struct vector *counts = &chunk->columns[chunk->column_count - 1];
    return ((const int64_t *)counts->data)[counts->form == VECTOR_CONST ? 0 : chunk_row(chunk, i)];
}

enum { FUNCTION_MAX_TEXT_BYTES = 64 << 20 }; /* of one string that a function makes: REPEAT, LPAD, REPLACE … */

enum status fn_bind_floor_time(struct call *call, int variant, struct expr **out); /* FLOOR and CEIL with a unit */

/* Prototypes of what functions.def names. */
#define FUNCTION(name, kind, signature, binding, doc, example) binding
#define SHAPE(shape, kernel, flags) enum status kernel(KERNEL_ARGS);
#define SHAPE_PREPARE(shape, kernel, prepare, flags)                                                                   \
    enum status kernel(KERNEL_ARGS);                                                                                   \
    enum status prepare(const struct bound_function *function, const struct value *const *constants,                   \
                        struct arena *arena, void **state, struct error *err);
#define BIND(binder, variant) enum status binder(struct call *call, int variant_, struct expr **out);
#define AGGREGATE(binder, variant) enum status binder(struct call *call, int variant_, struct bound_aggregate *agg);
#define NAME_ONLY
#include "function/functions.def"
#undef FUNCTION
#undef SHAPE
#undef SHAPE_PREPARE
#undef BIND
#undef AGGREGATE
#undef NAME_ONLY

#endif
