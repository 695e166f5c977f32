/* Shared inside src/expr only. */
#ifndef MILLRACE_EXPR_EXPR_PRIVATE_H
#define MILLRACE_EXPR_EXPR_PRIVATE_H

#include "expr/expr.h"
#include "types/cast.h"

/* expr_print without the casts that the binder put in: what an error quotes. */
void expri_print_short(struct strbuf *buf, const struct expr *expr, const char *const *names);

/* CAST as a function. The types are a pair that cast_allowed knows, from is not TYPE_NULL. *relabel is set when the cast
 * changes the type only, and no function is needed. */
const struct bound_function *expri_cast_function(struct arena *arena, const struct type *from, const struct type *to,
                                                 bool try_cast, bool *relabel);

/* program_compile without folding first. */
enum status expri_compile(struct arena *query_arena, struct expr *const *exprs, int expr_count,
                          const struct schema *input, struct program **out, struct error *err);

/* Evaluates an expression without columns, env may be NULL. As expr_evaluate, but without folding. */
enum status expri_evaluate(struct arena *arena, struct expr *expr, const struct eval_env *env, struct value *out,
                           struct error *err);

#endif
