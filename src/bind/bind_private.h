/* What the files of the binder share. See README.md for who does what. */
#ifndef MILLRACE_BIND_BIND_PRIVATE_H
#define MILLRACE_BIND_BIND_PRIVATE_H

#include "bind/bind.h"
#include "function/registry.h"

enum {
    BIND_MAX_NESTING = 2000,       /* levels of syntax over all views on the way: bounds the stack */
    BIND_MAX_RELS = 100000,        /* nodes of one statement (CTEs and views are copied for every use) */
    BIND_MAX_GROUPING_SETS = 4096, /* after expanding ROLLUP and CUBE */
};

/* Grows an array in an arena to hold at least `need` elements (doubling). */
#define ARENA_RESERVE(arena, array, capacity, need)                                                                    \
    do {                                                                                                               \
        if ((need) > (capacity)) {                                                                                     \
            int new_capacity_ = (capacity) ? (capacity)*2 : 8;                                                         \
            if (new_capacity_ < (need)) new_capacity_ = (need);                                                        \
            void *new_array_ = arena_zalloc((arena), sizeof *(array) * (size_t)new_capacity_);                         \
            if (capacity) memcpy(new_array_, (array), sizeof *(array) * (size_t)(capacity));                           \
            (array) = new_array_;                                                                                      \
            (capacity) = new_capacity_;                                                                                \
        }                                                                                                              \
    } while (0)

struct scope;
struct context;

/* A name of a WITH clause. It is bound anew for every use. */
struct cte {
    struct cte *outer; /* the names visible to its own query: those before it and around it */
    const struct ast_cte *ast;
    struct scope *parent; /* enclosing query of the WITH clause */
    int level;            /* enclosing queries around it */
    bool used;
    bool recursive;          /* of WITH RECURSIVE: may read itself */
    bool in_step;            /* its step is being bound */
    struct held_query *held; /* when it does read itself */
};

struct binder {
    struct bind_env *env;
    struct arena *arena;
    struct cte *ctes;         /* visible ones, innermost first */
    const struct table *view; /* whose text is being bound (its names belong to its database), else NULL */
    bool stored;              /* binding a stored text: errors are placed at the table that it belongs to */
    int32_t place_offset, place_length;
    int view_depth, subquery_depth, nesting, rel_count;
    int *next_window_id, own_window_id;
    struct select_hints *select_hints; /* of the SELECT whose FROM is being bound */
};

/* ---- places, errors, limits ---- */

int32_t place_offset(const struct binder *b, const struct ast_node *node);
int32_t place_length(const struct binder *b, const struct ast_node *node);
/* error_set_at at the node's place. */
enum status bind_error(const struct binder *b, struct error *err, enum status code, const struct ast_node *node,
                       const char *fmt, ...) PRINTF_LIKE(5, 6);
/* "ASOF JOIN is not supported". */
enum status not_supported(const struct binder *b, struct error *err, const struct ast_node *node, const char *what);
/* Every recursive binding function brackets its work with these. */
enum status binder_enter(struct binder *b, const struct ast_node *node, struct error *err);
void binder_leave(struct binder *b);
/* Sets the node's place and checks the limits on nodes and columns. */
enum status rel_placed(struct binder *b, struct rel *rel, const struct ast_node *node, struct error *err);
/* TRY(rel_placed(...)) for a fresh node. */
#define TRY_REL(target, b, constructor, node, err)                                                                     \
    do {                                                                                                               \
        struct rel *new_rel_ = (constructor);                                                                          \
        TRY(rel_placed((b), new_rel_, (const struct ast_node *)(node), (err)));                                        \
        (target) = new_rel_;                                                                                           \
    } while (0)

/* ---- scopes (scope.c) ---- */

/* One table of a FROM clause. */
struct scope_table {
    const char *alias;              /* NULL: has no name */
    const char *catalog, *database; /* of a table named without alias, else NULL */
    const char *hidden_name;        /* the table's own name when the alias hides it, for hints; may be NULL */
    int first, count;               /* its columns among the scope's */
    const char *const *names;       /* as the scope sees them */
    const char *const *raw_names;   /* as the query wrote them: may contain a name twice */
};

/* A column as `*` and plain names see it; made from several columns after FULL JOIN … USING. */
struct scope_column {
    const char *name, *raw_name;
    int part_count;
    const int *parts; /* positions; their COALESCE is the value */
};

/* What names mean at one level of a query. Positions are those of the relation that expressions are bound over. */
struct scope {
    struct scope *parent; /* of the directly enclosing query: EXPR_OUTER's next level */
    int type_count;
    const struct type *const *types;
    const struct column_property *properties;
    int table_count;
    struct scope_table *tables;
    int column_count;
    struct scope_column *columns;
    bool outer_used; /* a query further in refers to a column of this scope */
    /* The expression over this scope whose query is being bound: where aggregates go that only read this scope's columns. NULL none. */
    const struct context *context;
};

/* How many queries enclose an expression of this scope. */
int scope_level(const struct scope *scope);
/* A scope of one table over rel. raw_names: NULL = the same as the schema's. */
struct scope *scope_of_rel(struct binder *b, struct scope *parent, const struct rel *rel, const char *alias,
                           const char *const *raw_names);
/* Positions of right follow those of left. Two tables of one name are refused. */
enum status scope_combine(struct binder *b, struct scope *left, struct scope *right, const struct ast_node *node,
                          struct scope **out, struct error *err);
/* The scope's positions now belong to rel (same columns, other types). */
void scope_set_rel(struct scope *scope, const struct rel *rel);
/* Name of a column for messages: "t.a". */
const char *scope_column_name(struct binder *b, const struct scope *scope, int index);
/* One column of the scope as an expression. */
struct expr *scope_column_expr(struct binder *b, const struct scope *scope, const struct scope_column *column);
/* The only column of that plain name, -1 when there is none, -2 when there are several. */
int scope_find(const struct scope *scope, const char *name);
/* The table that `t`, `db.t` or `cat.db.t` means; NULL when there is none. */
const struct scope_table *scope_find_table(const struct scope *scope, const struct ast_name *name, int part_count);

/* ---- expressions (bind_expr.c and others) ---- */

struct select;

enum alias_rule {
    ALIASES_HIDDEN, /* names of the select list mean nothing here (hints mention them) */
    ALIASES_FIRST,  /* ORDER BY */
    ALIASES_LAST    /* QUALIFY */
};

/* Where an expression stands. */
struct context {
    struct binder *b;
    struct scope *scope;   /* NULL: no columns at all */
    struct select *select; /* the SELECT it belongs to, NULL when none */
    const char *clause;    /* for messages: "WHERE" */
    bool aggregates;       /* are aggregate functions allowed here */
    bool windows;          /* are OVER calls */
    bool no_subqueries;
    enum alias_rule aliases;
    const char *column_hint; /* added when a column is not found, may be NULL */
};

enum status bind_expr(const struct context *ctx, const struct ast_node *node, struct expr **out, struct error *err);
/* Must be BOOLEAN. */
enum status bind_condition(const struct context *ctx, const struct ast_node *node, struct expr **out,
                           struct error *err);
enum status bind_exprs(const struct context *ctx, const struct ast_list *list, struct expr ***out, struct error *err);
/* A column by its name parts, or a field of it. */
enum status scope_resolve(const struct context *ctx, const struct ast_name *name, struct expr **out, struct error *err);
/* function_bind with the node's place. */
enum status call(const struct context *ctx, const char *name, struct expr **args, int arg_count,
                 const struct ast_node *node, struct expr **out, struct error *err);
struct expr *expr_at(const struct binder *b, struct expr *expr, const struct ast_node *node);
struct expr *string_constant(struct binder *b, const char *text);
struct expr *boolean_constant(struct binder *b, bool value);
bool is_true(const struct expr *expr); /* the constant TRUE */
/* A cast when the types differ in more than nullability; the target's nullability is the expression's. */
struct expr *implicit_cast(struct binder *b, struct expr *expr, const struct type *to);
/* Brings expressions to their common type; `what` for the message: "CASE". */
enum status unify(const struct context *ctx, struct expr **exprs, int count, const char *what,
                  const struct ast_node *node, struct error *err);
/* The value of an expression without columns. what: "LIMIT". */
enum status bind_constant(struct binder *b, const struct ast_node *node, const char *what, struct value *out,
                          struct error *err);
enum status bind_literal(struct binder *b, const struct ast_literal *literal, bool negative, struct expr **out,
                         struct error *err);
/* bind_type with a status, and the place of a stored text. */
enum status bind_type_at(const struct binder *b, const struct ast_type *ast, const struct type **out,
                         struct error *err);
enum status bind_function(const struct context *ctx, const struct ast_function *function, struct expr **out,
                          struct error *err);
/* Aggregates and window functions (bind_over.c). */
enum status bind_aggregate(const struct context *ctx, const struct ast_function *function, const char *name,
                           struct expr **out, struct error *err);
enum status bind_window_call(const struct context *ctx, const struct ast_function *function, const char *name,
                             struct expr **out, struct error *err);
/* The aggregate (one that needs_values) over its values sorted by keys, which follow its arguments. */
const struct bound_aggregate *aggregate_ordered(struct binder *b, const struct bound_aggregate *aggregate,
                                                struct expr *const *keys, const struct sort_key *how, int count);
/* MAP and MULTISET have no order. */
enum status check_sortable(const struct binder *b, const struct type *type, const struct ast_node *node,
                           struct error *err);
bool is_window_function(const char *name); /* ROW_NUMBER, LAG, … but no aggregate */
/* Queries as expressions (bind_subquery.c). */
enum status bind_subquery(const struct context *ctx, enum subquery_kind kind, bool negated, const char *comparison,
                          const struct ast_node *operand, const struct ast_query *query, const struct ast_node *node,
                          struct expr **out, struct error *err);
/* A query of `count` columns and at most one row, as a value for each of them. */
enum status bind_row_subquery(const struct context *ctx, const struct ast_query *query, const struct ast_node *node,
                              int count, struct expr **out, struct error *err);
/* ARRAY(query): its rows' values in its order. */
enum status bind_array_query(const struct context *ctx, const struct ast_query *query, const struct ast_node *node,
                             struct expr **out, struct error *err);
/* The operands of a row value, or the expression itself. */
void row_operands(const struct ast_node *node, const struct ast_node *const **items, int *count);

/* ---- rewriting (rewrite.c) ---- */

/* Looks at an expression: sets *out to replace it (not entered then), or leaves it. depth counts the queries between
 * the starting point and the expression: EXPR_OUTER of level `depth` is a column of the starting point. */
typedef enum status (*expr_visit)(void *data, struct expr *expr, int depth, struct expr **out, struct error *err);
/* Copies what changes; enters subqueries. */
enum status rewrite_expr(struct binder *b, struct expr *expr, int depth, expr_visit visit, void *data,
                         struct expr **out, struct error *err);
enum status rewrite_rel(struct binder *b, struct rel *rel, int depth, expr_visit visit, void *data, struct rel **out,
                        struct error *err);
/* Adds delta to the levels of the references that leave rel. */
struct rel *rel_shift_outer(struct binder *b, struct rel *rel, int delta);
/* Same value, aggregates, windows and outer columns included. */
bool same_expr(const struct expr *a, const struct expr *b);

/* ---- SELECT (bind_select.c, bind_group.c, bind_over.c) ---- */

struct select_item {
    struct expr *expr;
    const char *name;
    bool aliased;
    const struct ast_node *node;
};

/* A legacy TUMBLE / HOP / SESSION in GROUP BY. */
struct group_window {
    enum window_kind kind;
    struct window_params params;
    int start, end, time; /* columns of the scope */
    bool time_used;       /* …_ROWTIME or …_PROCTIME was asked for */
    struct group_window *next;
};

struct select {
    const struct ast_select *ast;
    struct scope *scope;
    struct select_item *items;
    int item_count, item_capacity;
    struct expr **keys;
    int key_count, key_capacity;
    uint64_t *sets; /* over keys */
    int set_count, set_capacity;
    bool aggregated; /* GROUP BY, HAVING or an aggregate function */
    /* EXPR_AGGREGATE that stand in queries inside this one's expressions; there they are OUTER_CALL_POSITION + i. */
    struct expr **outer_calls;
    int outer_call_count, outer_call_capacity;
    struct group_window *group_windows;
};

/* The output of a query: rel's names are unique, raw_names (NULL: the same) are as written. */
struct query_result {
    struct rel *rel;
    const char *const *raw_names;
};

/* Positions that stand for the grouping id, and inside queries for an aggregate of the query around, until the aggregate is built. */
enum { GROUPING_ID_POSITION = REL_MAX_COLUMNS + 1, OUTER_CALL_POSITION = REL_MAX_COLUMNS + 2 };

/* An order item over a query's output: the column, and how. */
struct sort_key sort_key_of(const struct ast_order_item *item, int column);

enum status bind_query_body(struct binder *b, const struct ast_query *query, struct scope *parent,
                            struct query_result *out, struct error *err);
/* query: whose ORDER BY and LIMIT belong to the SELECT; NULL none. */
enum status bind_select(struct binder *b, const struct ast_select *ast, const struct ast_query *query,
                        struct scope *parent, struct query_result *out, struct error *err);
/* Adds the columns that a star stands for to the select's items. */
enum status expand_star(const struct context *ctx, struct select *select, const struct ast_star *star,
                        struct error *err);
/* ORDER BY's ordinals: 0 when the expression is none, else the 1-based position, checked against count. */
enum status bind_ordinal(const struct binder *b, const struct ast_node *node, const char *clause, int count,
                         int *ordinal, struct error *err);
/* LIMIT and OFFSET. */
enum status bind_limits(struct binder *b, const struct ast_query *query, int64_t *rows_offset, int64_t *limit,
                        struct error *err);
/* One operand of a set operation, or a query's body. */
enum status bind_body(struct binder *b, const struct ast_node *body, struct scope *parent, struct query_result *out,
                      struct error *err);
/* Casts the columns of rel to types where they differ in more than nullability. */
enum status cast_columns(struct binder *b, struct rel **rel, const struct type *const *types,
                         const struct ast_node *node, struct error *err);
/* A query that reads itself (bind_recursive.c): its rows, or inside itself those that came last. */
bool cte_is_recursive(const struct cte *cte);
enum status bind_recursive_cte(struct binder *b, struct cte *cte, const struct ast_node *node, struct query_result *out,
                               struct error *err);
enum status bind_values(struct binder *b, const struct ast_values *values, struct scope *parent,
                        struct query_result *out, struct error *err);
/* One row, one column that nobody sees: what SELECT without FROM reads. */
struct rel *rel_one_row(struct binder *b);

/* Group keys and grouping sets (bind_group.c). */
enum status bind_group_by(const struct context *ctx, struct select *select, struct rel **rel, struct error *err);
enum status bind_grouping_function(const struct context *ctx, const struct ast_function *function, const char *name,
                                   struct expr **out, struct error *err);
/* A group key that is NOT NULL admits NULL above the aggregate, in rows of grouping sets that lack it. */
struct expr *nullable_key(const struct context *ctx, struct expr *expr);
/* *out = NULL when the call is no TUMBLE_START and kin. */
enum status bind_group_window_function(const struct context *ctx, const struct ast_function *function, const char *name,
                                       struct expr **out, struct error *err);
/* Builds the aggregate over *rel; rewrites the expressions (through pointers, NULL ones are skipped) over its output. */
enum status build_aggregate(struct binder *b, struct select *select, struct rel **rel, struct expr ***exprs, int count,
                            struct error *err);
/* Builds REL_OVER nodes for the OVER calls in the expressions and rewrites them. */
enum status build_windows(struct binder *b, const struct ast_node *node, struct rel **rel, struct expr ***exprs,
                          int count, struct error *err);
bool expr_has_kind(const struct expr *expr, enum expr_kind kind); /* subqueries are not entered */

/* Does a query inside the expression compute with an aggregate of this SELECT? */
bool has_outer_call(struct binder *b, struct expr *expr);

/* rel with these expressions in front or behind; folds constants. */
struct rel *project(struct binder *b, struct rel *rel, int count, struct expr **exprs, const char **names);
struct rel *filter(struct binder *b, struct rel *rel, struct expr *condition);
struct expr *column_of(struct binder *b, const struct rel *rel, int index);

/* ---- FROM (bind_from.c, bind_window.c) ---- */

/* left: what LATERAL may refer to, NULL none. */
enum status bind_from(struct binder *b, const struct ast_node *node, struct scope *parent, struct scope *left,
                      struct rel **rel, struct scope **scope, struct error *err);
/* A table, view or CTE by name. proctime_lookup: the right side of a lookup join (no watermark). */
enum status bind_table(struct binder *b, const struct ast_name *name, const struct ast_list *hints,
                       struct scope *parent, bool proctime_lookup, struct query_result *out, const struct table **table,
                       struct error *err);
/* The scope of one table reference. name: what it is called without an alias, NULL nothing. */
enum status alias_scope(struct binder *b, struct scope *parent, const struct query_result *result,
                        const struct ast_alias *alias, const char *name, const struct table *table, struct scope **out,
                        struct error *err);
/* UNNEST as a table of its own, and on the right of a join, of a LEFT JOIN with no condition but TRUE. left: NULL, or the scope of the
 * left side that the collections see as a query around, which makes the join a lateral one. (bind_unnest.c) */
enum status bind_unnest(struct binder *b, const struct ast_unnest *ref, struct scope *parent, struct scope *left,
                        struct rel **rel, struct scope **scope, struct error *err);
enum status bind_unnest_join(struct binder *b, const struct ast_join *join, enum join_type type, struct scope *parent,
                             struct rel **rel, struct scope **scope, struct error *err);
/* ASOF JOIN (bind_asof.c), PIVOT and UNPIVOT (bind_pivot.c). */
enum status bind_asof_join(struct binder *b, const struct ast_join *join, struct scope *parent, struct rel **rel,
                           struct scope **scope, struct error *err);
enum status bind_pivot(struct binder *b, const struct ast_pivot *pivot, struct scope *parent, struct rel **rel,
                       struct scope **scope, struct error *err);
enum status bind_unpivot(struct binder *b, const struct ast_unpivot *ast, struct scope *parent, struct rel **rel,
                         struct scope **scope, struct error *err);
enum status find_table(struct binder *b, const struct ast_name *name, const struct table **out, struct error *err);
/* Scan, computed columns, watermark of a base table. */
enum status bind_base_table(struct binder *b, const struct table *table, const struct ast_node *node, bool watermark,
                            struct rel **out, struct error *err);
/* Hints of a SELECT (bind_hint.c) count for the tables of its FROM, bound between begin and end, and each must name one of them;
 * LOOKUP one that is looked up. */
struct select_hints {
    struct select_hints *outer;
    const struct ast_list *hints; /* AST_HINT */
    bool **used;                  /* by hint and argument; of LOOKUP the first stands for all */
};
enum status select_hints_begin(struct binder *b, const struct ast_list *hints, struct select_hints *own,
                               struct error *err);
enum status select_hints_end(struct binder *b, struct select_hints *own, struct error *err);
/* Tells the rows of one table of the FROM what the hints say about it. name, alias: either may be NULL. */
void select_hints_mark(struct binder *b, struct rel *rel, const char *name, const char *alias);
/* A looked-up table's own hints, and as OPTIONS what LOOKUP says about it. alias may be NULL. */
const struct ast_list *lookup_hints_of(struct binder *b, const struct ast_list *table_hints, const char *name,
                                       const char *alias);
/* The table with OPTIONS hints merged in; itself when there are none. */
enum status apply_option_hints(struct binder *b, const struct table *table, const struct ast_list *hints,
                               const struct table **out, struct error *err);
enum status bind_window_tvf(struct binder *b, const struct ast_function *call, struct scope *parent, struct rel **rel,
                            const char *const **raw_names, struct error *err);
bool is_window_tvf(const char *name, enum window_kind *kind);
/* Milliseconds of a constant day-time interval; must be > 0 unless may_be_zero (offsets: then negative too). */
enum status bind_interval_ms(struct binder *b, const struct ast_node *node, const char *what, bool any_sign,
                             int64_t *ms, struct error *err);
/* Checks sizes against each other, and the time column; sets params->time and window_id. */
enum status check_window_params(struct binder *b, const struct ast_node *node, const struct ast_node *time_node,
                                const struct type *type, enum time_attribute time, struct window_params *params,
                                struct error *err);

/* ---- INSERT, UPDATE (bind_insert.c) ---- */

/* Views cannot be written, materialized tables by their own query alone (bind_materialized.c). verb: "insert into". */
enum status check_target(struct binder *b, const struct table *table, const struct ast_node *node, const char *verb,
                         struct error *err);
/* PARTITION (column = value): the value in the column's type. */
enum status bind_partition_value(struct binder *b, const struct ast_assignment *assignment,
                                 const struct table_column *column, struct value *out, struct error *err);
/* The value of SET column = value, cast to the column's type. (bind_modify.c) */
enum status bind_assigned(const struct context *ctx, const struct ast_node *value, const struct table_column *target,
                          struct expr **out, struct error *err);
/* May a value be stored in a column of type `to` without CAST? */
bool assignable(const struct type *from, const struct type *to);
/* What a value for a column is cast to: the column's type, but not to one that its length may not have, unless lengths are to be made
 * right. */
const struct type *written_type(struct binder *b, const struct type *from, const struct type *to);
/* A constant that is a number of the column's type, though its own type is wider: 5 for a TINYINT column. */
bool exact_number(struct binder *b, const struct expr *expr, const struct type *to, struct expr **out);
/* The column of that name, which must be one that can be written. */
enum status find_target(struct binder *b, const struct table *table, const struct ast_node *node, const char *name,
                        int *out, struct error *err);

/* A stored text (computed column, watermark) over one scope. */
enum status bind_stored_expr(struct binder *b, const char *text, const char *what, const char *name,
                             struct scope *scope, const struct ast_node *node, struct expr **out, struct error *err);
/* Upper case of a name's last part. */
const char *upper_name(struct binder *b, const char *text);
const char *name_to_string(struct binder *b, const struct ast_name *name);
void binder_init(struct binder *b, struct bind_env *env);

#endif
