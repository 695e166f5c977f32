/* The registry of built-in functions. One line each in functions.def: name, signature, null rule, determinism, kernel,
 * doc, example. The binder asks here; SHOW FUNCTIONS, the reference page and the doc-example test read the same table. */
#ifndef MILLRACE_FUNCTION_REGISTRY_H
#define MILLRACE_FUNCTION_REGISTRY_H

#include "expr/expr.h"

enum function_kind {
    FUNCTION_SCALAR,
    FUNCTION_AGGREGATE,
    FUNCTION_WINDOW /* ROW_NUMBER … */,
    FUNCTION_TABLE /* TUMBLE … */
};

struct function_info {
    const char *name;
    enum function_kind kind;
    const char *signature; /* for people: "SUBSTRING(string, start [, length])" */
    const char *doc;
    const char *example; /* "SUBSTRING('hello', 2, 3) = 'ell'": an SQL condition that must be TRUE; may be "" */
};
int function_count(void);
const struct function_info *function_at(int index);
/* The name of the function nearest to name, for did-you-mean hints; NULL when none is near. arena: for the search. */
const char *function_nearest(const char *name, struct arena *arena);
const struct function_info *function_find(struct str name); /* any case; NULL when there is none */

/* Finds the overload of `name` for the arguments and returns the call with implicit casts inserted (widening numerics,
 * CHAR→VARCHAR, NULL → anything, string literals to DATE/TIME/TIMESTAMP where Flink allows it). Operators go by their
 * symbol: "+" "-" "*" "/" "%" "=" "<>" "<" "<=" ">" ">=" "||" "NOT" "IS NULL" "IS NOT NULL" "IS TRUE" … "LIKE" "SIMILAR TO"
 * "IS DISTINCT FROM" "IS NOT DISTINCT FROM" "unary -" "[]" (element access). AND, OR, CASE, COALESCE, IF, NULLIF, IFNULL, CAST and
 * TRY_CAST too: those come back as the expression kinds that are lazy. Errors: STATUS_UNDEFINED_FUNCTION with near names,
 * or with the types found and the signatures that exist; offset/length are the caller's place. */
enum status function_bind(struct arena *query_arena, struct str name, struct expr **args, int arg_count, int32_t offset,
                          int32_t length, struct expr **out, struct error *err);

/* CAST and TRY_CAST: checks that there is one (STATUS_TYPE_MISMATCH). The result is nullable when the argument is, and
 * for TRY_CAST always. */
enum status cast_bind(struct arena *query_arena, struct expr *arg, const struct type *to, bool try_cast, int32_t offset,
                      int32_t length, struct expr **out, struct error *err);

/* Aggregates: *args are replaced by cast ones. retracting: the input carries -1 rows, so that MIN/MAX and others are
 * bound to their needs_values form. COUNT(*) has no arguments. (*out)->arg_count is what remains: constant arguments (the
 * separator of LISTAGG) leave the list. The result's nullability is that of a group with rows. */
enum status aggregate_bind(struct arena *query_arena, struct str name, struct expr **args, int arg_count, bool distinct,
                           int32_t offset, int32_t length, const struct bound_aggregate **out, struct error *err);
/* What the aggregate gives over no rows: 0, NULL, []. */
enum status aggregate_empty_value(struct arena *arena, const struct bound_aggregate *agg, struct value *out,
                                  struct error *err);
/* The same aggregate for a retracting (needs_values where it is not retractable) or an append-only input. */
const struct bound_aggregate *aggregate_for_input(struct arena *query_arena, const struct bound_aggregate *agg,
                                                  bool retracting);

#endif
