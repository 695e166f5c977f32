/* Bound expressions: names resolved, types known, casts explicit. Immutable after binding; rewrite rules copy what they
 * change. Allocated in the query arena. */
#ifndef MILLRACE_EXPR_EXPR_H
#define MILLRACE_EXPR_EXPR_H

#include "expr/function.h"
#include "types/value.h"

enum expr_kind {
    EXPR_COLUMN, /* input column by position; the two inputs of a join are numbered through: left, then right */
    EXPR_OUTER,  /* column of an enclosing query's input (correlation); gone after decorrelation */
    EXPR_CONST,
    EXPR_CALL, /* scalar function, operator, cast */
    EXPR_AND,  /* n-ary; three-valued; later arguments are not evaluated (and cannot fail) where an earlier decided */
    EXPR_OR,
    EXPR_CASE,      /* args: when1, then1, when2, then2, …, else (always present, may be a NULL constant) */
    EXPR_COALESCE,  /* lazy, like CASE */
    EXPR_CAST,      /* args[0] to type; `try_cast` gives NULL instead of an error */
    EXPR_FIELD,     /* field `index` of a ROW */
    EXPR_SUBQUERY,  /* gone after decorrelation; see bind/bound.h for `subquery` */
    EXPR_AGGREGATE, /* only inside the binder, while a SELECT's aggregates are collected */
    EXPR_WINDOW,    /* likewise, OVER calls */
    EXPR_KIND_COUNT
};

enum subquery_kind { SUBQUERY_SCALAR, SUBQUERY_EXISTS, SUBQUERY_IN, SUBQUERY_ANY, SUBQUERY_ALL };

struct rel;         /* bind/bound.h */
struct window_spec; /* bind/bound.h */

struct expr {
    enum expr_kind kind;
    const struct type *type;
    int32_t offset, length; /* place in the script, -1 when made by a rule */
    int arg_count;
    struct expr **args;
    union {
        struct {
            int index;
        } column; /* EXPR_COLUMN */
        struct {
            int level, index;                  /* level 1 = the directly enclosing query */
            bool is_call;                      /* the column is an aggregate of that query that was written here */
        } outer;                               /* EXPR_OUTER */
        struct value constant;                 /* EXPR_CONST */
        const struct bound_function *function; /* EXPR_CALL */
        struct {
            bool try_cast;
        } cast; /* EXPR_CAST */
        struct {
            int index;
        } field; /* EXPR_FIELD */
        struct {
            enum subquery_kind kind;
            bool negated;           /* NOT IN */
            const char *comparison; /* ANY, ALL: "=", "<", … */
            struct rel *rel;        /* args: the left side of IN / ANY / ALL, one per column */
        } subquery;                 /* EXPR_SUBQUERY */
        struct {
            const struct bound_aggregate *function;
            struct expr *filter; /* FILTER (WHERE …), may be NULL */
        } aggregate;             /* EXPR_AGGREGATE: args are the arguments */
        struct {
            const char *name;                        /* "ROW_NUMBER", … or an aggregate's name */
            const struct bound_aggregate *aggregate; /* aggregates as window functions, else NULL */
            const struct window_spec *spec;
        } window; /* EXPR_WINDOW */
    };
};

/* Constructors (query_arena). */
struct expr *expr_column(struct arena *arena, int index, const struct type *type);
struct expr *expr_const(struct arena *arena, const struct value *value);
struct expr *expr_call(struct arena *arena, const struct bound_function *function, struct expr **args, int arg_count);
struct expr *expr_and(struct arena *arena, struct expr **args, int arg_count); /* flattens; one argument is returned */
struct expr *expr_or(struct arena *arena, struct expr **args, int arg_count);
struct expr *expr_cast(struct arena *arena, struct expr *arg, const struct type *to,
                       bool try_cast); /* itself if equal */
struct expr *expr_field(struct arena *arena, struct expr *row, int index);

/* BOOLEAN NOT NULL constants. */
struct expr *expr_true(struct arena *arena);
struct expr *expr_false(struct arena *arena);
/* A typed NULL. */
struct expr *expr_null(struct arena *arena, const struct type *type);

bool expr_equal(const struct expr *a,
                const struct expr *b);       /* structural; places ignored; nondeterministic: never equal */
uint64_t expr_hash(const struct expr *expr); /* equal expressions have equal hashes */
/* No RAND, UUID or NOW in it: the same input row always gives the same value. */
bool expr_is_deterministic(const struct expr *expr);
/* No column of any input: one value for all rows of a chunk (unless it is nondeterministic). */
bool expr_is_constant(const struct expr *expr);
bool expr_can_fail(const struct expr *expr);
bool expr_has_subquery(const struct expr *expr);
/* A copy in which visit's non-NULL answers replace sub-expressions (top-down; replaced parts are not entered). */
struct expr *expr_rewrite(struct arena *arena, struct expr *expr, struct expr *(*visit)(struct expr *expr, void *data),
                          void *data);
/* Column positions shifted by delta, or through map[old] = new (-1 must not occur). */
struct expr *expr_shift(struct arena *arena, struct expr *expr, int delta);
struct expr *expr_remap(struct arena *arena, struct expr *expr, const int *map);
/* Sets used[i] for every input column read (count = size of used). */
void expr_columns(const struct expr *expr, bool *used, int count);
/* SQL-like text for EXPLAIN; names[i] are the input's column names (NULL: $0, $1). */
void expr_print(struct strbuf *buf, const struct expr *expr, const char *const *names);

/* ---- Programs: expressions compiled to a flat list of kernel calls over vector registers (program.c). ----
 *
 * A program computes `expr_count` results from one chunk; common subexpressions once; AND/OR/CASE/COALESCE run their
 * later parts under narrowed selections, so a filtered row or an untaken branch never raises. The program is immutable
 * and shared by all workers; each worker has its own `program_state` (registers, scratch). */
struct program;
struct program_state;

/* schema: the input's columns. zone and options are taken at run time from eval_env. */
enum status program_compile(struct arena *query_arena, struct expr *const *exprs, int expr_count,
                            const struct schema *input, struct program **out, struct error *err);
struct program_state *program_state_create(const struct program *program, struct arena *arena);

/* Evaluates for the live rows of chunk. results[i] is set to a vector (flat or const; flat ones are valid at live rows only)
 * that lives in morsel_arena or borrows from the chunk's columns. */
enum status program_run(const struct program *program, struct program_state *state, const struct chunk *chunk,
                        const struct eval_env *env, struct arena *morsel_arena, struct vector *results,
                        struct error *err);

/* Evaluates one BOOLEAN expression program and writes the physical rows where it is TRUE to sel_out (room for row_count);
 * returns the count through *sel_count. */
enum status program_filter(const struct program *program, struct program_state *state, const struct chunk *chunk,
                           const struct eval_env *env, struct arena *morsel_arena, sel_index *sel_out, int *sel_count,
                           struct error *err);

/* Folds constant sub-expressions (deterministic ones only) by running them; errors stay where they are: an expression
 * that would fail is left as it is, to fail when (and if) it runs. */
struct expr *expr_fold(struct arena *arena, struct expr *expr);

/* Value of an expression without column references (VALUES, options, LIMIT). */
enum status expr_evaluate(struct arena *arena, struct expr *expr, const struct eval_env *env, struct value *out,
                          struct error *err);

#endif
