/* Functions as the expression layer sees them: an entry of the registry (src/function/functions.def) bound to argument
 * types. The binder looks functions up and gets a `struct bound_function` with the kernel chosen; the compiler only
 * calls it.
 *
 * A scalar kernel computes `out` for the rows of `sel` (NULL: rows 0 … row_count-1) from arguments that are FLAT or
 * CONST (the compiler flattens others). It writes at physical positions. out is flat with room for VECTOR_CAPACITY rows;
 * when every argument is CONST the compiler calls with row_count 1 and makes the result CONST. NULL handling:
 *   NULL_PROPAGATE  the caller has already set out->validity to the AND of the arguments' validities and narrowed the
 *                   selection to valid rows, except for kernels with `any_rows`: those run over NULL rows too (whose data
 *                   is initialised, but garbage) and ignore failures where out->validity has a NULL. The kernel may
 *                   clear further bits (vector_validity with VECTOR_CAPACITY makes them).
 *   NULL_CUSTOM     the kernel reads and writes validity itself.
 * A kernel that can fail returns a status and sets ctx->error_row to the physical row; the program then makes the message
 * (function, argument values, place in the SQL). Kernels allocate strings in ctx->arena only. No other side effects. */
#ifndef MILLRACE_EXPR_FUNCTION_H
#define MILLRACE_EXPR_FUNCTION_H

#include "column/vector.h"
#include "types/time.h"

enum { FUNCTION_MAX_ARGS = 255 };

/* What changes between evaluations but not within a step: given by the step log (DESIGN 2). */
struct eval_env {
    int64_t now_micros;           /* clock of the step (streaming) or of the query's start (batch) */
    int64_t watermark_micros;     /* of the edge, INT64_MIN when none: CURRENT_WATERMARK */
    uint64_t random_seed;         /* RAND, UUID: mixed with a row counter */
    uint64_t *row_counter;        /* per morsel, starts from the morsel's position so that any worker gives the same */
    const struct time_zone *zone; /* table.local-time-zone; NULL = UTC */
};

struct kernel_ctx {
    const struct bound_function *function;
    struct arena *arena; /* results live as long as the morsel */
    const struct eval_env *env;
    void *state; /* function->prepare's result for constant arguments (compiled patterns …), may be NULL */
    int error_row;
    char error_text[160]; /* optional: why, when the status says too little */
};

typedef enum status (*scalar_kernel)(struct kernel_ctx *ctx, const struct vector *const *args, struct vector *out,
                                     const sel_index *sel, int count);

enum null_rule { NULL_PROPAGATE, NULL_CUSTOM };

enum determinism {
    DETERMINISTIC,
    DETERMINISTIC_IN_STEP, /* NOW() family: constant within a step */
    NONDETERMINISTIC       /* RAND, UUID */
};

struct bound_function {
    const char *name; /* as SQL writes it: "SUBSTRING", "+" */
    scalar_kernel kernel;
    const struct type *result;
    const struct type *const *arg_types; /* the kernel's; the binder has inserted casts */
    int arg_count;
    enum null_rule null_rule;
    enum determinism determinism;
    bool fallible;
    bool any_rows;    /* NULL_PROPAGATE: may run over NULL rows; never where it follows pointers (strings) */
    bool uses_zone;   /* reads env->zone: not evaluated before run time */
    const void *data; /* the kernel's own constant (a loop, a cast plan), may be NULL */
    /* Called once per program with the constant arguments' values (NULL for those that are not constant); the state is
     * read-only and shared by all workers, allocated in arena. Sets err for a wrong constant (a bad pattern). May be NULL. */
    enum status (*prepare)(const struct bound_function *function, const struct value *const *constants,
                           struct arena *arena, void **state, struct error *err);
};

/* Aggregate functions. State lives in a fixed-size, 8-aligned, trivially copyable slot inside the group's row; whatever
 * varies in size (DISTINCT sets, MIN/MAX under retraction, LISTAGG, ARRAY_AGG) is kept by the operator in side tables
 * (see op/agg): the aggregate declares `needs_values` and is then evaluated from the ordered multiset of its live values.
 *
 * update adds the signed rows sel[i] of the arguments to slots[i] (the group's slot for the i-th listed row; sel NULL: row
 * i). sign is by physical row, as in the chunk; NULL: all are +1. Arguments may have any form, and rows whose argument is
 * NULL are skipped by the function itself where it ignores them; `arena` is for scratch (the morsel's). An aggregate with
 * retractable == false gets only +1 rows (else the planner chose needs_values). merge adds a partial slot to another.
 * result writes rows out_row … out_row+count-1 from slots; out is flat and its validity, when there, covers
 * VECTOR_CAPACITY rows. All three are associative and commutative up to 1e-12 relative for floats (double-double sums; NaN
 * and infinities counted apart). */
struct bound_aggregate;
struct aggregate_class {
    const char *name;
    uint32_t slot_bytes;
    bool retractable;  /* update understands sign -1 */
    bool needs_values; /* no slot arithmetic: computed from the multiset of live values (ordered by key form) */
    /* needs_values: which of the group's values from_values must see; MIN wants the first, MAX the last. */
    enum { VALUES_ALL, VALUES_FIRST, VALUES_LAST } values_wanted;
    bool ignores_nulls; /* rows whose (first) argument is NULL are not passed to update / not kept in the multiset */
    void (*init)(const struct bound_aggregate *agg, void *slot);
    enum status (*update)(const struct bound_aggregate *agg, const struct vector *const *args, const sel_index *sel,
                          const int8_t *sign, void *const *slots, int count, struct arena *arena, struct error *err);
    enum status (*merge)(const struct bound_aggregate *agg, const void *const *from, void *const *into, int count,
                         struct error *err);
    enum status (*result)(const struct bound_aggregate *agg, const void *const *slots, int count, struct vector *out,
                          int out_row, struct arena *arena, struct error *err);
    /* needs_values: computes one group's result from its values (flat chunks of the argument columns in key order, `count`
     * holding each row's multiplicity in a BIGINT column behind the arguments). Writes out's row out_row. */
    enum status (*from_values)(const struct bound_aggregate *agg, const struct chunk *const *values, int chunk_count,
                               struct vector *out, int out_row, struct arena *arena, struct error *err);
};

/* How a value inside an aggregate is sorted: LISTAGG(x) WITHIN GROUP (ORDER BY y DESC). */
struct argument_order {
    bool descending, nulls_last; /* effective */
};

struct bound_aggregate {
    const struct aggregate_class *class;
    const char *name;       /* "SUM" */
    int32_t offset, length; /* the call's place in the script, -1 when made by a rule; for errors at run time */
    const struct type *result;
    const struct type *const *arg_types;
    int arg_count;
    const struct value *constants; /* constant extra arguments (LISTAGG separator), may be NULL */
    int constant_count;
    bool distinct;
    /* needs_values only: the last order_count arguments are not values but what the values come sorted by. */
    int order_count;
    const struct argument_order *order;
};

#endif
