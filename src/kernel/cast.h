/* CAST over vectors: typed loops for numbers, the scalar cores of types/cast.h for the rest. */
#ifndef MILLRACE_KERNEL_CAST_H
#define MILLRACE_KERNEL_CAST_H

#include "kernel/kernel.h"
#include "types/cast.h"

struct cast_operation {
    const struct type *from, *to;
    bool try_cast; /* a value that cannot be cast becomes NULL */
    /* filled by cast_operation_init */
    bool fallible;      /* never with try_cast */
    bool any_rows;      /* may run over NULL rows: it neither fails for them nor follows their pointers */
    bool uses_zone;     /* depends on the session's time zone */
    bool relabel;       /* every value keeps its bytes: no loop is needed, only the vector's type changes */
    kernel_unary plain; /* a loop without parameters, or NULL */
    int (*scaled)(const struct cast_operation *operation, const struct vector *a, struct vector *out,
                  const sel_index *sel, int count); /* a loop that multiplies by factor, or NULL */
    int128 factor;
    int64_t factor64;
    double factor_f64;
    int64_t min, max; /* of the integer type `to` */
};

/* The pair must be one that cast_allowed knows, `from` not TYPE_NULL. */
void cast_operation_init(struct cast_operation *operation, const struct type *from, const struct type *to,
                         bool try_cast);

/* Casts the listed rows. out->validity holds the argument's NULLs already; try_cast clears further bits (made in arena
 * for `capacity` rows when there was none). Strings are made in arena or borrowed from a. Returns the first valid row that
 * fails, with the reason in *result, or -1. Not for relabel operations. */
int kernel_cast(const struct cast_operation *operation, const struct vector *a, struct vector *out,
                const sel_index *sel, int count, struct arena *arena, int capacity, const struct time_zone *zone,
                enum cast_result *result);

#endif
