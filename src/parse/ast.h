/* The syntax tree: what the grammar produces, the binder reads, and the unparser turns back into SQL.
 *
 * Shape. Every node starts with a `struct ast_node` header (kind, place in the script) and is a typed struct of its
 * own; AST_KINDS below lists every kind with its struct. Cast with AST_AS after looking at `kind`. Lists are `struct
 * ast_list` (arrays of node pointers; the comment at each field says which kinds are in it). A pointer that may be
 * NULL, a list that may be empty and a string that may be absent (data == NULL) are documented as optional; everything
 * else is always there. The tree knows nothing of catalogs or types: names are unresolved, literals are text.
 *
 * Place. `offset` is in bytes from the start of the whole text given to parse_script_next, `length` covers the node's
 * source text, so errors of later stages point at the same place as syntax errors do.
 *
 * Ownership. All nodes and texts live in the caller's `statement_arena`; identifiers are NUL-terminated, string
 * literals are a `struct str` (they may hold any byte). Nothing points into the script's own text. Trees are immutable
 * after parsing by convention; threads may read one at the same time.
 *
 * Depth. No path from a statement's root is longer than AST_MAX_DEPTH nodes (AND and OR chains are one flat node), so
 * recursive readers need no check of their own.
 *
 * Portability. `non_portable` marks a node that Flink 2.3 would not accept (ILIKE, `x::t`, GROUP BY ALL, ...);
 * identifiers that Flink reserves carry `flink_reserved`. */
#ifndef MILLRACE_PARSE_AST_H
#define MILLRACE_PARSE_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* The longest path from the root of a statement to a leaf. */
enum { AST_MAX_DEPTH = 500 };

/* X(KIND, struct tag): AST_<KIND> is the kind of struct <tag>. Grouped as the sections below. */
#define AST_KINDS(X)                                                                                                   \
    /* names and small parts */                                                                                        \
    X(IDENT, ast_ident)                                                                                                \
    X(NAME, ast_name)                                                                                                  \
    X(STRING, ast_string)                                                                                              \
    X(OPTION, ast_option)                                                                                              \
    X(HINT, ast_hint)                                                                                                  \
    /* expressions */                                                                                                  \
    X(LITERAL, ast_literal)                                                                                            \
    X(COLUMN_REF, ast_column_ref)                                                                                      \
    X(STAR, ast_star)                                                                                                  \
    X(PARAMETER, ast_parameter)                                                                                        \
    X(UNARY, ast_unary)                                                                                                \
    X(BINARY, ast_binary)                                                                                              \
    X(LOGIC, ast_logic)                                                                                                \
    X(IS, ast_is)                                                                                                      \
    X(BETWEEN, ast_between)                                                                                            \
    X(LIKE, ast_like)                                                                                                  \
    X(IN, ast_in)                                                                                                      \
    X(EXISTS, ast_exists)                                                                                              \
    X(SUBQUERY, ast_subquery)                                                                                          \
    X(QUANTIFIED, ast_quantified)                                                                                      \
    X(CASE, ast_case)                                                                                                  \
    X(WHEN, ast_when)                                                                                                  \
    X(CAST, ast_cast)                                                                                                  \
    X(FUNCTION, ast_function)                                                                                          \
    X(SYMBOL, ast_symbol)                                                                                              \
    X(NAMED_ARG, ast_named_arg)                                                                                        \
    X(TABLE_ARG, ast_table_arg)                                                                                        \
    X(DESCRIPTOR, ast_descriptor)                                                                                      \
    X(DEFAULT, ast_default)                                                                                            \
    X(CONSTRUCTOR, ast_constructor)                                                                                    \
    X(ELEMENT, ast_element)                                                                                            \
    X(FIELD, ast_field)                                                                                                \
    X(JSON_CLAUSES, ast_json_clauses)                                                                                  \
    X(WINDOW, ast_window)                                                                                              \
    X(ORDER_ITEM, ast_order_item)                                                                                      \
    /* types */                                                                                                        \
    X(TYPE, ast_type)                                                                                                  \
    X(TYPE_FIELD, ast_type_field)                                                                                      \
    /* queries */                                                                                                      \
    X(QUERY, ast_query)                                                                                                \
    X(CTE, ast_cte)                                                                                                    \
    X(SELECT, ast_select)                                                                                              \
    X(SELECT_ITEM, ast_select_item)                                                                                    \
    X(GROUPING, ast_grouping)                                                                                          \
    X(SET_OP, ast_set_op)                                                                                              \
    X(VALUES, ast_values)                                                                                              \
    X(EXPLICIT_TABLE, ast_explicit_table)                                                                              \
    /* table references */                                                                                             \
    X(TABLE_NAME, ast_table_name)                                                                                      \
    X(DERIVED_TABLE, ast_derived_table)                                                                                \
    X(TABLE_FUNCTION, ast_table_function)                                                                              \
    X(UNNEST, ast_unnest)                                                                                              \
    X(JOIN, ast_join)                                                                                                  \
    X(PIVOT, ast_pivot)                                                                                                \
    X(UNPIVOT, ast_unpivot)                                                                                            \
    X(UNPIVOT_ITEM, ast_unpivot_item)                                                                                  \
    X(MATCH_RECOGNIZE, ast_match_recognize)                                                                            \
    X(MEASURE, ast_measure)                                                                                            \
    X(PATTERN, ast_pattern)                                                                                            \
    X(PATTERN_SUBSET, ast_pattern_subset)                                                                              \
    X(TABLESAMPLE, ast_tablesample)                                                                                    \
    /* definitions */                                                                                                  \
    X(COLUMN_DEF, ast_column_def)                                                                                      \
    X(CONSTRAINT, ast_constraint)                                                                                      \
    X(WATERMARK, ast_watermark)                                                                                        \
    X(DISTRIBUTION, ast_distribution)                                                                                  \
    X(TABLE_LIKE, ast_table_like)                                                                                      \
    X(LIKE_OPTION, ast_like_option)                                                                                    \
    X(PARTITION_SPEC, ast_partition_spec)                                                                              \
    X(ASSIGNMENT, ast_assignment)                                                                                      \
    X(START_MODE, ast_start_mode)                                                                                      \
    /* statements (AST_QUERY is one too) */                                                                            \
    X(INSERT, ast_insert)                                                                                              \
    X(UPDATE, ast_update)                                                                                              \
    X(DELETE, ast_delete)                                                                                              \
    X(MERGE, ast_merge)                                                                                                \
    X(MERGE_CLAUSE, ast_merge_clause)                                                                                  \
    X(STATEMENT_SET, ast_statement_set)                                                                                \
    X(CREATE_TABLE, ast_create_table)                                                                                  \
    X(CREATE_MATERIALIZED_TABLE, ast_create_materialized_table)                                                        \
    X(CREATE_VIEW, ast_create_view)                                                                                    \
    X(CREATE_CATALOG, ast_create_catalog)                                                                              \
    X(CREATE_DATABASE, ast_create_database)                                                                            \
    X(CREATE_FUNCTION, ast_create_function)                                                                            \
    X(CREATE_MODEL, ast_create_model)                                                                                  \
    X(CREATE_CONNECTION, ast_create_connection)                                                                        \
    X(DROP, ast_drop)                                                                                                  \
    X(ALTER, ast_alter)                                                                                                \
    X(TRUNCATE, ast_truncate)                                                                                          \
    X(ANALYZE, ast_analyze)                                                                                            \
    X(SHOW, ast_show)                                                                                                  \
    X(DESCRIBE, ast_describe)                                                                                          \
    X(USE, ast_use)                                                                                                    \
    X(SET, ast_set)                                                                                                    \
    X(RESET, ast_reset)                                                                                                \
    X(EXPLAIN, ast_explain)                                                                                            \
    X(EXECUTE, ast_execute)                                                                                            \
    X(COMPILE_PLAN, ast_compile_plan)                                                                                  \
    X(EXECUTE_PLAN, ast_execute_plan)                                                                                  \
    X(JAR, ast_jar)                                                                                                    \
    X(STOP_JOB, ast_stop_job)                                                                                          \
    X(CALL, ast_call)                                                                                                  \
    X(MODULE, ast_module)                                                                                              \
    X(CLIENT_COMMAND, ast_client_command)

enum ast_kind {
#define X(kind, tag) AST_##kind,
    AST_KINDS(X)
#undef X
        AST_KIND_COUNT
};

struct ast_node {
    enum ast_kind kind;
    bool non_portable; /* Flink would reject this node itself (its children have flags of their own) */
    int32_t offset;    /* bytes from the start of the script */
    int32_t length;    /* bytes of source text */
};

/* `AST_AS(node, ast_select)`: the node as its typed struct. The caller has looked at node->kind. */
#define AST_AS(node_pointer, tag) ((struct tag *)(node_pointer))

/* A list; items is NULL when count is 0. */
struct ast_list {
    struct ast_node **items;
    int32_t count;
    int32_t capacity; /* of the parser, while it appends */
};

/* `AST_AT(list, i, ast_ident)`: element i as its typed struct. */
#define AST_AT(list_value, index, tag) ((struct tag *)(list_value).items[index])

/* ------------------------------------------------------------------------------------------ names and small parts */

struct ast_ident {
    struct ast_node node;
    const char *text; /* as written, without the backquotes; never empty */
    bool quoted;
    bool flink_reserved; /* unquoted, and a reserved word in Flink */
};

/* [[catalog.]database.]object, or table.column.field: unresolved parts, outermost first. */
struct ast_name {
    struct ast_node node;
    struct ast_ident *parts;
    int32_t count; /* at least 1 */
    int32_t capacity;
};

/* A string as a list element (keys of RESET, paths of USING JAR). */
struct ast_string {
    struct ast_node node;
    struct str text;
};

/* 'key' = 'value' in WITH, SET, OPTIONS(..). */
struct ast_option {
    struct ast_node node;
    struct str key, value;
    int32_t key_offset, key_length, value_offset, value_length; /* with the quotes */
};

/* One hint of a hint comment: NAME, NAME(a, b) or NAME('k'='v', ...). */
struct ast_hint {
    struct ast_node node;
    struct ast_ident *name; /* case as written; compare without case */
    struct ast_list args;   /* AST_OPTION when written 'k'='v', else AST_LITERAL or AST_NAME; may be empty */
};

/* --------------------------------------------------------------------------------------------------- expressions */

enum ast_literal_kind {
    AST_LITERAL_NULL,
    AST_LITERAL_BOOLEAN,     /* `boolean` */
    AST_LITERAL_UNKNOWN,     /* UNKNOWN: a BOOLEAN null */
    AST_LITERAL_INTEGER,     /* text: decimal digits */
    AST_LITERAL_DECIMAL,     /* text: digits with one point */
    AST_LITERAL_APPROXIMATE, /* text: with an exponent, 1.5E-3 */
    AST_LITERAL_STRING,      /* text: decoded */
    AST_LITERAL_BINARY,      /* text: the bytes of X'..' */
    AST_LITERAL_DATE,        /* text: inside the quotes, unchecked */
    AST_LITERAL_TIME,
    AST_LITERAL_TIMESTAMP,
    AST_LITERAL_TIMESTAMP_LTZ, /* TIMESTAMP WITH LOCAL TIME ZONE '..' */
    AST_LITERAL_INTERVAL,      /* text, negative, interval */
};

enum ast_unit {
    AST_UNIT_NONE,
    AST_UNIT_YEAR,
    AST_UNIT_QUARTER,
    AST_UNIT_MONTH,
    AST_UNIT_WEEK,
    AST_UNIT_DAY,
    AST_UNIT_HOUR,
    AST_UNIT_MINUTE,
    AST_UNIT_SECOND,
    AST_UNIT_COUNT
};

/* unit[(precision[, fraction])] [TO unit[(fraction)]] after an interval; precisions are -1 when not written. */
struct ast_interval {
    enum ast_unit from, to; /* to = AST_UNIT_NONE when single */
    int32_t precision, fraction;
};

struct ast_literal {
    struct ast_node node;
    enum ast_literal_kind literal_kind;
    struct str text;
    bool boolean;
    bool negative;                /* INTERVAL -'..' only; a minus before a number is an AST_UNARY */
    struct ast_interval interval; /* AST_LITERAL_INTERVAL only */
};

/* a, t.a, t.row_column.field: the binder finds out which parts are table, column and fields. */
struct ast_column_ref {
    struct ast_node node;
    struct ast_name *name;
};

/* `*`, `t.*`, `* EXCLUDE (a, b)`: a select item's expr or the argument of COUNT(*). */
struct ast_star {
    struct ast_node node;
    struct ast_name *qualifier; /* optional */
    struct ast_list exclude;    /* AST_IDENT; non-portable */
    struct ast_list replace;    /* AST_SELECT_ITEM with alias; non-portable */
};

/* `?` */
struct ast_parameter {
    struct ast_node node;
    int32_t index; /* from 0, in order of appearance in the statement */
};

enum ast_unary_op { AST_OP_NEGATE, AST_OP_PLUS, AST_OP_NOT, AST_OP_RUNNING, AST_OP_FINAL };

/* -x, +x, NOT x; RUNNING x and FINAL x inside MATCH_RECOGNIZE measures. */
struct ast_unary {
    struct ast_node node;
    enum ast_unary_op op;
    struct ast_node *operand;
};

enum ast_binary_op {
    AST_OP_ADD,
    AST_OP_SUBTRACT,
    AST_OP_MULTIPLY,
    AST_OP_DIVIDE,
    AST_OP_MODULO, /* % */
    AST_OP_DIV,    /* DIV; non-portable */
    AST_OP_CONCAT, /* || */
    AST_OP_EQ,
    AST_OP_NE, /* <> or != */
    AST_OP_LT,
    AST_OP_LE,
    AST_OP_GT,
    AST_OP_GE,
    AST_OP_IS_DISTINCT,     /* IS DISTINCT FROM */
    AST_OP_IS_NOT_DISTINCT, /* IS NOT DISTINCT FROM */
    AST_OP_OVERLAPS,        /* (a, b) OVERLAPS (c, d) */
    AST_OP_MEMBER_OF,
    AST_OP_SUBMULTISET_OF,
    AST_BINARY_OP_COUNT
};

struct ast_binary {
    struct ast_node node;
    enum ast_binary_op op;
    struct ast_node *left, *right;
};

/* a AND b AND c: one node with two or more args, never one of the same kind directly inside (unless in parentheses
 * on the right). */
struct ast_logic {
    struct ast_node node;
    bool is_or;
    struct ast_list args; /* expressions */
};

enum ast_is_test {
    AST_IS_NULL,
    AST_IS_TRUE,
    AST_IS_FALSE,
    AST_IS_UNKNOWN,
    AST_IS_JSON_VALUE,
    AST_IS_JSON_OBJECT,
    AST_IS_JSON_ARRAY,
    AST_IS_JSON_SCALAR,
    AST_IS_A_SET,
    AST_IS_EMPTY,
    AST_IS_TEST_COUNT
};

/* x IS [NOT] NULL and its kin. */
struct ast_is {
    struct ast_node node;
    enum ast_is_test test;
    bool negated;
    struct ast_node *operand;
};

struct ast_between {
    struct ast_node node;
    bool negated, symmetric;
    struct ast_node *operand, *low, *high;
};

enum ast_like_kind { AST_LIKE_LIKE, AST_LIKE_ILIKE, AST_LIKE_SIMILAR, AST_LIKE_RLIKE };

struct ast_like {
    struct ast_node node;
    enum ast_like_kind like_kind;
    bool negated;
    struct ast_node *operand, *pattern;
    struct ast_node *escape; /* optional */
};

/* x [NOT] IN (a, b) or x [NOT] IN (query): one of list and query is set. */
struct ast_in {
    struct ast_node node;
    bool negated;
    struct ast_node *operand; /* AST_CONSTRUCTOR (ROW) for (a, b) IN ... */
    struct ast_list list;     /* expressions */
    struct ast_query *query;  /* optional */
};

struct ast_exists {
    struct ast_node node;
    struct ast_query *query;
};

/* A query where a value is expected. */
struct ast_subquery {
    struct ast_node node;
    struct ast_query *query;
};

/* x op ANY|SOME|ALL (query or list). */
struct ast_quantified {
    struct ast_node node;
    enum ast_binary_op op; /* a comparison */
    bool all;              /* else ANY */
    struct ast_node *operand;
    struct ast_list list;    /* expressions */
    struct ast_query *query; /* optional */
};

/* CASE [operand] WHEN .. THEN .. [ELSE ..] END */
struct ast_case {
    struct ast_node node;
    struct ast_node *operand;   /* optional: simple CASE */
    struct ast_list whens;      /* AST_WHEN */
    struct ast_node *else_expr; /* optional */
};

struct ast_when {
    struct ast_node node;
    struct ast_list conditions; /* expressions; more than one only in a simple CASE: WHEN 1, 2 THEN */
    struct ast_node *result;
};

enum ast_cast_kind { AST_CAST_CAST, AST_CAST_TRY_CAST, AST_CAST_SHORT /* x::t, non-portable */ };

struct ast_cast {
    struct ast_node node;
    enum ast_cast_kind cast_kind;
    struct ast_node *operand;
    struct ast_type *type;
};

/* How a call was written. The args are always in the order of the plain call, so only the unparser and those who care
 * about the spelling look at this. */
enum ast_call_syntax {
    AST_CALL_PLAIN,       /* f(a, b) */
    AST_CALL_NO_PARENS,   /* CURRENT_DATE, LOCALTIMESTAMP, ...: no args */
    AST_CALL_EXTRACT,     /* EXTRACT(unit FROM x): args SYMBOL unit, x */
    AST_CALL_TRIM,        /* TRIM([BOTH|LEADING|TRAILING] [c] FROM s): args SYMBOL, c, s (c is ' ' when not written) */
    AST_CALL_SUBSTRING,   /* SUBSTRING(s FROM i [FOR n]): args s, i[, n] */
    AST_CALL_POSITION,    /* POSITION(a IN s [FROM i]): args a, s[, i] */
    AST_CALL_OVERLAY,     /* OVERLAY(s PLACING t FROM i [FOR n]): args s, t, i[, n] */
    AST_CALL_FLOOR_CEIL,  /* FLOOR(x TO unit), CEIL(x TO unit): args x, SYMBOL unit */
    AST_CALL_UNIT_FIRST,  /* TIMESTAMPADD(unit, n, x), TIMESTAMPDIFF(unit, a, b): args SYMBOL unit, ... */
    AST_CALL_JSON,        /* JSON_VALUE, JSON_QUERY, JSON_EXISTS: args s, path; `json` has the rest */
    AST_CALL_JSON_OBJECT, /* JSON_OBJECT, JSON_OBJECTAGG (KEY k VALUE v, ..): args k, v, k, v, ... */
    AST_CALL_JSON_ARRAY,  /* JSON_ARRAY, JSON_ARRAYAGG: args v, v, ... */
};

enum ast_null_treatment { AST_NULLS_DEFAULT, AST_NULLS_RESPECT, AST_NULLS_IGNORE };

/* A call of a scalar, aggregate, window or table function. Calls of a special syntax have their name in upper case;
 * plain calls keep the case as written: compare names without case. CEIL and CEILING stay apart. */
struct ast_function {
    struct ast_node node;
    struct ast_name *name;
    enum ast_call_syntax syntax;
    bool distinct; /* f(DISTINCT ..) */
    bool all;      /* f(ALL ..), the default said aloud */
    struct ast_list
        args; /* expressions, AST_STAR, AST_SYMBOL, AST_NAMED_ARG, AST_TABLE_ARG, AST_DESCRIPTOR, AST_DEFAULT */
    struct ast_list order_by;     /* AST_ORDER_ITEM inside the parentheses: ARRAY_AGG(x ORDER BY y) */
    struct ast_list within_group; /* AST_ORDER_ITEM of WITHIN GROUP (ORDER BY ..); non-portable for LISTAGG */
    struct ast_node *filter;      /* optional: FILTER (WHERE ..) */
    enum ast_null_treatment null_treatment;
    struct ast_json_clauses *json; /* optional */
    struct ast_window *over;       /* optional: OVER (..) */
    struct ast_ident *over_name;   /* optional: OVER w */
};

/* A keyword as an argument: DAY, BOTH, ... in upper case and singular. */
struct ast_symbol {
    struct ast_node node;
    const char *text;
    enum ast_unit unit; /* AST_UNIT_NONE when it is no unit (or one that only EXTRACT knows: DOW, EPOCH, ...) */
};

/* name => value */
struct ast_named_arg {
    struct ast_node node;
    struct ast_ident *name;
    struct ast_node *value; /* an argument as in ast_function.args */
};

/* TABLE t [PARTITION BY ..] [ORDER BY ..], (query) PARTITION BY .. or MODEL m as an argument of a table function. A query
 * without partitioning is a plain AST_SUBQUERY argument. */
struct ast_table_arg {
    struct ast_node node;
    bool model;            /* MODEL m: only name is set */
    struct ast_name *name; /* one of name and query */
    struct ast_query *query;
    struct ast_list hints;        /* AST_HINT */
    struct ast_list partition_by; /* expressions */
    struct ast_list order_by;     /* AST_ORDER_ITEM */
};

/* DESCRIPTOR(a, b) */
struct ast_descriptor {
    struct ast_node node;
    struct ast_list columns; /* AST_NAME */
};

/* DEFAULT as an argument or as a value of an INSERT. */
struct ast_default {
    struct ast_node node;
};

enum ast_constructor_kind { AST_CONSTRUCTOR_ROW, AST_CONSTRUCTOR_ARRAY, AST_CONSTRUCTOR_MAP, AST_CONSTRUCTOR_MULTISET };

/* ROW(a, b), (a, b), ARRAY[a, b], MAP[k, v, k, v], MULTISET[..]; ARRAY(query) and kin. */
struct ast_constructor {
    struct ast_node node;
    enum ast_constructor_kind constructor_kind;
    bool implicit;            /* a ROW written without the word */
    struct ast_list elements; /* expressions; of a MAP keys and values by turns */
    struct ast_query *query;  /* optional, instead of elements */
};

/* a[i], m['k'] */
struct ast_element {
    struct ast_node node;
    struct ast_node *operand, *index;
};

/* x.f where x is no plain name: f(x).a, (row).a, arr[1].a */
struct ast_field {
    struct ast_node node;
    struct ast_node *operand;
    struct ast_ident *field;
};

enum ast_json_behavior {
    AST_JSON_BEHAVIOR_NONE, /* not written */
    AST_JSON_ERROR,
    AST_JSON_NULL,
    AST_JSON_DEFAULT, /* with an expression */
    AST_JSON_EMPTY_ARRAY,
    AST_JSON_EMPTY_OBJECT,
    AST_JSON_TRUE,
    AST_JSON_FALSE,
    AST_JSON_UNKNOWN,
};

enum ast_json_wrapper {
    AST_JSON_WRAPPER_NONE, /* not written */
    AST_JSON_WITHOUT_WRAPPER,
    AST_JSON_WITH_WRAPPER, /* unconditional */
    AST_JSON_WITH_CONDITIONAL_WRAPPER,
};

enum ast_json_null { AST_JSON_ON_NULL_NONE, AST_JSON_NULL_ON_NULL, AST_JSON_ABSENT_ON_NULL };

/* What follows the arguments of a JSON function. */
struct ast_json_clauses {
    struct ast_node node;
    struct ast_type *returning; /* optional */
    enum ast_json_wrapper wrapper;
    enum ast_json_behavior on_empty, on_error;
    struct ast_node *on_empty_default, *on_error_default; /* of AST_JSON_DEFAULT */
    enum ast_json_null on_null;
};

enum ast_frame_unit { AST_FRAME_NONE, AST_FRAME_ROWS, AST_FRAME_RANGE, AST_FRAME_GROUPS };

enum ast_bound_kind {
    AST_BOUND_UNBOUNDED_PRECEDING,
    AST_BOUND_PRECEDING, /* with an expression */
    AST_BOUND_CURRENT_ROW,
    AST_BOUND_FOLLOWING, /* with an expression */
    AST_BOUND_UNBOUNDED_FOLLOWING,
};

enum ast_exclusion {
    AST_EXCLUDE_NONE, /* not written */
    AST_EXCLUDE_NO_OTHERS,
    AST_EXCLUDE_CURRENT_ROW,
    AST_EXCLUDE_GROUP,
    AST_EXCLUDE_TIES
};

/* OVER (..) and the definitions of a WINDOW clause. */
struct ast_window {
    struct ast_node node;
    struct ast_ident *name;       /* of a WINDOW clause's definition, else NULL */
    struct ast_ident *base;       /* optional: the window it refines */
    struct ast_list partition_by; /* expressions */
    struct ast_list order_by;     /* AST_ORDER_ITEM */
    enum ast_frame_unit frame_unit;
    bool frame_between; /* start and end written; else only start, and end is CURRENT ROW */
    enum ast_bound_kind start, end;
    struct ast_node *start_expr, *end_expr; /* of PRECEDING and FOLLOWING */
    enum ast_exclusion exclude;
};

enum ast_order_nulls { AST_ORDER_NULLS_DEFAULT, AST_ORDER_NULLS_FIRST, AST_ORDER_NULLS_LAST };

struct ast_order_item {
    struct ast_node node;
    struct ast_node *expr;
    bool descending;
    enum ast_order_nulls nulls;
};

/* --------------------------------------------------------------------------------------------------------- types */

enum ast_type_kind {
    AST_TYPE_BOOLEAN,
    AST_TYPE_TINYINT,
    AST_TYPE_SMALLINT,
    AST_TYPE_INT,
    AST_TYPE_BIGINT,
    AST_TYPE_FLOAT,
    AST_TYPE_DOUBLE,
    AST_TYPE_DECIMAL, /* precision, scale */
    AST_TYPE_CHAR,    /* precision = length */
    AST_TYPE_VARCHAR, /* precision = length */
    AST_TYPE_STRING,
    AST_TYPE_BINARY,    /* precision = length */
    AST_TYPE_VARBINARY, /* precision = length */
    AST_TYPE_BYTES,
    AST_TYPE_DATE,
    AST_TYPE_TIME,          /* precision */
    AST_TYPE_TIMESTAMP,     /* precision; also TIMESTAMP WITHOUT TIME ZONE */
    AST_TYPE_TIMESTAMP_LTZ, /* precision; also TIMESTAMP WITH LOCAL TIME ZONE */
    AST_TYPE_INTERVAL,      /* interval */
    AST_TYPE_ARRAY,         /* element */
    AST_TYPE_MULTISET,      /* element */
    AST_TYPE_MAP,           /* key, element = value */
    AST_TYPE_ROW,           /* fields */
    AST_TYPE_NULL,
    AST_TYPE_RAW, /* raw_class, raw_serializer */
    AST_TYPE_VARIANT,
    AST_TYPE_BITMAP,
    AST_TYPE_DESCRIPTOR,
    AST_TYPE_STRUCTURED, /* STRUCTURED<'class', n t, ..>: raw_class, fields */
    AST_TYPE_NAMED,      /* any other name */
    AST_TYPE_KIND_COUNT
};

enum ast_nullability { AST_NULLABILITY_DEFAULT, AST_NULLABILITY_NULL, AST_NULLABILITY_NOT_NULL };

struct ast_type {
    struct ast_node node;
    enum ast_type_kind type_kind;
    enum ast_nullability nullability; /* as written */
    int32_t precision, scale;         /* -1 when not written */
    struct ast_interval interval;     /* AST_TYPE_INTERVAL */
    struct ast_type *key, *element;   /* of ARRAY, MULTISET, MAP */
    struct ast_list fields;           /* AST_TYPE_FIELD of ROW and STRUCTURED */
    struct str raw_class, raw_serializer;
    struct ast_name *name; /* of AST_TYPE_NAMED */
};

struct ast_type_field {
    struct ast_node node;
    struct ast_ident *name;
    struct ast_type *type;
    struct str comment; /* optional */
};

/* ------------------------------------------------------------------------------------------------------- queries */

/* [WITH ..] body [ORDER BY ..] [LIMIT ..] [OFFSET ..]. A nested query in parentheses is an AST_QUERY body only when it
 * has clauses of its own. Also a statement. */
struct ast_query {
    struct ast_node node;
    bool recursive;           /* WITH RECURSIVE; non-portable */
    struct ast_list with;     /* AST_CTE */
    struct ast_node *body;    /* AST_SELECT, AST_SET_OP, AST_VALUES, AST_EXPLICIT_TABLE or AST_QUERY */
    struct ast_list order_by; /* AST_ORDER_ITEM */
    struct ast_node *limit;   /* optional: LIMIT n and FETCH NEXT n ROWS ONLY alike; NULL for LIMIT ALL */
    struct ast_node *offset;  /* optional */
};

struct ast_cte {
    struct ast_node node;
    struct ast_ident *name;
    struct ast_list columns; /* AST_IDENT */
    struct ast_query *query;
};

struct ast_select {
    struct ast_node node;
    bool distinct;
    struct ast_list distinct_on; /* DISTINCT ON (expressions); non-portable */
    bool all;                    /* SELECT ALL, the default said aloud */
    struct ast_list hints;       /* AST_HINT */
    struct ast_list items;       /* AST_SELECT_ITEM */
    struct ast_node *from;       /* optional: a table reference; commas are AST_JOIN of type AST_JOIN_COMMA */
    struct ast_node *where;      /* optional */
    bool group_by_all;           /* GROUP BY ALL; non-portable */
    bool group_distinct;         /* GROUP BY DISTINCT sets */
    bool grouped;                /* there is a GROUP BY (group_by may be empty: GROUP BY ()) */
    struct ast_list group_by;    /* expressions and AST_GROUPING */
    struct ast_node *having;     /* optional */
    struct ast_list windows;     /* AST_WINDOW with name */
    struct ast_node *qualify;    /* optional */
};

struct ast_select_item {
    struct ast_node node;
    struct ast_node *expr;   /* an expression or AST_STAR */
    struct ast_ident *alias; /* optional */
};

enum ast_grouping_kind { AST_GROUPING_SET, AST_GROUPING_SETS, AST_GROUPING_ROLLUP, AST_GROUPING_CUBE };

/* (a, b) or () as one grouping set; GROUPING SETS (..), ROLLUP (..), CUBE (..) over expressions and such sets. In a
 * list of sets, an expression alone is the set of that expression. */
struct ast_grouping {
    struct ast_node node;
    enum ast_grouping_kind grouping_kind;
    struct ast_list elements; /* expressions and AST_GROUPING */
};

enum ast_set_op_kind { AST_SET_UNION, AST_SET_INTERSECT, AST_SET_EXCEPT };

struct ast_set_op {
    struct ast_node node;
    enum ast_set_op_kind op;
    bool all;
    struct ast_node *left, *right; /* as ast_query.body */
};

struct ast_values {
    struct ast_node node;
    struct ast_list rows; /* AST_CONSTRUCTOR (ROW): a row of one value is one too, however it was written */
};

/* TABLE t as a query. */
struct ast_explicit_table {
    struct ast_node node;
    struct ast_name *name;
};

/* ---------------------------------------------------------------------------------------------- table references */

/* [AS] name [(columns)] */
struct ast_alias {
    struct ast_ident *name;  /* optional */
    struct ast_list columns; /* AST_IDENT; empty without name */
};

struct ast_table_name {
    struct ast_node node;
    struct ast_name *name;
    struct ast_list hints;               /* AST_HINT */
    struct ast_node *system_time;        /* optional: FOR SYSTEM_TIME AS OF expr */
    struct ast_tablesample *tablesample; /* optional; non-portable */
    struct ast_alias alias;
};

/* [LATERAL] (query) */
struct ast_derived_table {
    struct ast_node node;
    bool lateral;
    struct ast_query *query;
    struct ast_tablesample *tablesample; /* optional */
    struct ast_alias alias;
};

/* [LATERAL] TABLE(f(..)) or f(..) in FROM: TUMBLE, HOP, CUMULATE, SESSION, user's table functions, ... */
struct ast_table_function {
    struct ast_node node;
    bool lateral;
    bool wrapped; /* inside TABLE(..) */
    struct ast_function *call;
    struct ast_alias alias;
};

struct ast_unnest {
    struct ast_node node;
    bool lateral;
    struct ast_list args; /* expressions */
    bool with_ordinality;
    struct ast_alias alias;
};

enum ast_join_type {
    AST_JOIN_INNER,
    AST_JOIN_LEFT,
    AST_JOIN_RIGHT,
    AST_JOIN_FULL,
    AST_JOIN_CROSS,
    AST_JOIN_COMMA,     /* FROM a, b */
    AST_JOIN_ASOF,      /* ASOF JOIN .. [MATCH_CONDITION ..] ON ..; non-portable */
    AST_JOIN_LEFT_ASOF, /* LEFT ASOF JOIN; non-portable */
};

struct ast_join {
    struct ast_node node;
    enum ast_join_type type;
    bool natural;
    struct ast_node *left, *right;    /* table references */
    struct ast_node *on;              /* optional */
    struct ast_list using_columns;    /* AST_IDENT */
    struct ast_node *match_condition; /* of ASOF joins; NULL: it stands in ON */
};

/* input PIVOT (aggregates FOR columns IN (values)); non-portable */
struct ast_pivot {
    struct ast_node node;
    struct ast_node *input;     /* a table reference */
    struct ast_list aggregates; /* AST_SELECT_ITEM */
    struct ast_list columns;    /* AST_IDENT */
    struct ast_list values;     /* AST_SELECT_ITEM; with several columns its expressions are ROWs */
    struct ast_alias alias;
};

/* input UNPIVOT [INCLUDE NULLS] (values FOR names IN (items)); non-portable */
struct ast_unpivot {
    struct ast_node node;
    struct ast_node *input; /* a table reference */
    bool include_nulls;
    struct ast_list values; /* AST_IDENT: new columns */
    struct ast_list names;  /* AST_IDENT: new columns */
    struct ast_list items;  /* AST_UNPIVOT_ITEM */
    struct ast_alias alias;
};

/* (a, b) [AS label] */
struct ast_unpivot_item {
    struct ast_node node;
    struct ast_list columns; /* AST_IDENT */
    struct ast_node *label;  /* optional: an expression, or a ROW of them */
};

enum ast_rows_per_match { AST_ROWS_PER_MATCH_DEFAULT, AST_ONE_ROW_PER_MATCH, AST_ALL_ROWS_PER_MATCH };

enum ast_after_match {
    AST_AFTER_MATCH_DEFAULT,
    AST_AFTER_MATCH_NEXT_ROW,
    AST_AFTER_MATCH_PAST_LAST_ROW,
    AST_AFTER_MATCH_FIRST, /* after_variable */
    AST_AFTER_MATCH_LAST,  /* after_variable */
};

struct ast_match_recognize {
    struct ast_node node;
    struct ast_node *input;       /* a table reference */
    struct ast_list partition_by; /* expressions */
    struct ast_list order_by;     /* AST_ORDER_ITEM */
    struct ast_list measures;     /* AST_MEASURE: expr AS name */
    enum ast_rows_per_match rows_per_match;
    enum ast_after_match after_match;
    struct ast_ident *after_variable; /* optional */
    bool anchor_start, anchor_end;    /* PATTERN (^ .. $) */
    struct ast_pattern *pattern;
    struct ast_node *within; /* optional: an interval */
    struct ast_list subsets; /* AST_PATTERN_SUBSET */
    struct ast_list defines; /* AST_MEASURE: name AS condition */
    struct ast_alias alias;
};

struct ast_measure {
    struct ast_node node;
    struct ast_ident *name;
    struct ast_node *expr;
};

enum ast_pattern_kind {
    AST_PATTERN_VARIABLE,
    AST_PATTERN_SEQUENCE,
    AST_PATTERN_ALTERNATION,
    AST_PATTERN_PERMUTE,
    AST_PATTERN_EXCLUDE, /* {- p -}: one child */
};

/* A row pattern with its quantifier; min = max = 1 when none is written. */
struct ast_pattern {
    struct ast_node node;
    enum ast_pattern_kind pattern_kind;
    struct ast_ident *variable; /* of AST_PATTERN_VARIABLE */
    struct ast_list children;   /* AST_PATTERN */
    int32_t min, max;           /* repetitions; max -1 = unbounded */
    bool reluctant;
};

/* SUBSET name = (a, b) */
struct ast_pattern_subset {
    struct ast_node node;
    struct ast_ident *name;
    struct ast_list variables; /* AST_IDENT */
};

struct ast_tablesample {
    struct ast_node node;
    bool system;              /* else BERNOULLI */
    struct ast_node *percent; /* a numeric literal */
    struct ast_node *seed;    /* optional: REPEATABLE (n) */
};

/* --------------------------------------------------------------------------------------------------- definitions */

enum ast_column_kind {
    AST_COLUMN_PHYSICAL, /* name type */
    AST_COLUMN_COMPUTED, /* name AS expr */
    AST_COLUMN_METADATA, /* name type METADATA [FROM 'key'] [VIRTUAL] */
    AST_COLUMN_NAME_ONLY /* name alone: CREATE TABLE t (a, b) AS SELECT .., CREATE VIEW v (a, b) AS .. */
};

/* STATIC is no position: a static column of Cassandra's model, behind the others; non-portable. */
enum ast_column_position { AST_POSITION_DEFAULT, AST_POSITION_FIRST, AST_POSITION_AFTER, AST_POSITION_STATIC };

struct ast_column_def {
    struct ast_node node;
    struct ast_name *name; /* one part, but for nested fields in ALTER TABLE */
    enum ast_column_kind column_kind;
    struct ast_type *type;             /* of PHYSICAL and METADATA; its nullability is the column's */
    struct ast_node *expr;             /* of COMPUTED */
    struct str metadata_key;           /* optional */
    bool is_virtual;                   /* METADATA .. VIRTUAL */
    struct ast_constraint *constraint; /* optional: PRIMARY KEY at the column; its columns list is empty */
    struct str comment;                /* optional */
    enum ast_column_position position; /* ALTER TABLE ADD/MODIFY .. FIRST | AFTER c */
    struct ast_name *after;            /* of AST_POSITION_AFTER */
};

enum ast_enforced { AST_ENFORCED_DEFAULT, AST_ENFORCED, AST_NOT_ENFORCED };

/* [CONSTRAINT name] PRIMARY KEY (a, b) [NOT ENFORCED] */
struct ast_constraint {
    struct ast_node node;
    struct ast_ident *name;  /* optional */
    bool unique;             /* UNIQUE instead of PRIMARY KEY */
    struct ast_list columns; /* AST_IDENT */
    enum ast_enforced enforced;
};

/* WATERMARK FOR a.b AS expr */
struct ast_watermark {
    struct ast_node node;
    struct ast_name *column;
    struct ast_node *expr;
};

enum ast_distribution_kind { AST_DISTRIBUTION_UNKNOWN, AST_DISTRIBUTION_HASH, AST_DISTRIBUTION_RANGE };

/* DISTRIBUTED BY [HASH|RANGE](a, b) [INTO n BUCKETS], DISTRIBUTED INTO n BUCKETS */
struct ast_distribution {
    struct ast_node node;
    enum ast_distribution_kind distribution_kind;
    struct ast_list columns; /* AST_IDENT */
    int32_t bucket_count;    /* -1 when not written */
};

enum ast_merge_strategy { AST_INCLUDING, AST_EXCLUDING, AST_OVERWRITING };
enum ast_like_feature {
    AST_LIKE_ALL,
    AST_LIKE_CONSTRAINTS,
    AST_LIKE_DISTRIBUTION,
    AST_LIKE_GENERATED,
    AST_LIKE_METADATA,
    AST_LIKE_OPTIONS,
    AST_LIKE_PARTITIONS,
    AST_LIKE_WATERMARKS,
};

struct ast_like_option {
    struct ast_node node;
    enum ast_merge_strategy strategy;
    enum ast_like_feature feature;
};

/* LIKE table [(INCLUDING ALL ..)] */
struct ast_table_like {
    struct ast_node node;
    struct ast_name *name;
    struct ast_list options; /* AST_LIKE_OPTION */
};

/* PARTITION (a = 1, b): values of AST_ASSIGNMENT may be NULL (ANALYZE TABLE). */
struct ast_partition_spec {
    struct ast_node node;
    struct ast_list assignments; /* AST_ASSIGNMENT */
    struct ast_list options;     /* AST_OPTION of ADD PARTITION (..) WITH (..) */
};

/* a = expr in UPDATE SET and in partition specs. */
struct ast_assignment {
    struct ast_node node;
    struct ast_name *target;
    struct ast_node *value;
};

/* What tables and materialized tables are declared with. */
struct ast_table_spec {
    struct ast_list columns;               /* AST_COLUMN_DEF in order */
    struct ast_list constraints;           /* AST_CONSTRAINT at table level */
    struct ast_list watermarks;            /* AST_WATERMARK; more than one is an error of the binder */
    struct str comment;                    /* optional */
    struct ast_distribution *distribution; /* optional */
    struct ast_list partitioned_by;        /* AST_IDENT */
    bool has_with;                         /* a WITH clause was written (it may be empty) */
    struct ast_list options;               /* AST_OPTION */
};

/* ---------------------------------------------------------------------------------------------------- statements */

enum ast_on_conflict {
    AST_ON_CONFLICT_NONE,
    AST_ON_CONFLICT_ERROR,
    AST_ON_CONFLICT_NOTHING,
    AST_ON_CONFLICT_DEDUPLICATE
};

/* INSERT INTO|OVERWRITE t [hints] [PARTITION (..)] [(cols)] query [ON CONFLICT DO ..] */
struct ast_insert {
    struct ast_node node;
    bool overwrite;
    struct ast_name *table;
    struct ast_list hints;                /* AST_HINT */
    struct ast_partition_spec *partition; /* optional */
    struct ast_list columns;              /* AST_NAME (several parts: nested fields); empty = all */
    struct ast_query *query;
    enum ast_on_conflict on_conflict;
    int32_t on_conflict_offset, on_conflict_length; /* 0, 0 when absent */
    bool maintains;                                 /* not written in SQL: fills a materialized table from its query */
};

struct ast_update {
    struct ast_node node;
    struct ast_name *table;
    struct ast_list hints;       /* AST_HINT */
    struct ast_ident *alias;     /* optional */
    struct ast_list assignments; /* AST_ASSIGNMENT */
    struct ast_node *where;      /* optional */
};

struct ast_delete {
    struct ast_node node;
    struct ast_name *table;
    struct ast_list hints;   /* AST_HINT */
    struct ast_ident *alias; /* optional */
    struct ast_node *where;  /* optional */
};

enum ast_merge_action { AST_MERGE_UPDATE, AST_MERGE_DELETE, AST_MERGE_INSERT };

/* MERGE INTO t [[AS] alias] USING source ON expr clauses; non-portable */
struct ast_merge {
    struct ast_node node;
    struct ast_name *table;
    struct ast_list hints;   /* AST_HINT */
    struct ast_ident *alias; /* optional */
    struct ast_node *source; /* a table reference */
    struct ast_node *on;
    struct ast_list clauses; /* AST_MERGE_CLAUSE, at least one */
};

/* WHEN [NOT] MATCHED [AND condition] THEN action */
struct ast_merge_clause {
    struct ast_node node;
    enum ast_merge_action action;   /* INSERT belongs to NOT MATCHED, the others to MATCHED */
    struct ast_node *condition;     /* optional */
    struct ast_list assignments;    /* AST_ASSIGNMENT of UPDATE */
    struct ast_list columns;        /* AST_IDENT of INSERT; empty = all */
    struct ast_constructor *values; /* ROW of INSERT */
};

/* EXECUTE STATEMENT SET BEGIN ..; END and the client's BEGIN STATEMENT SET; ..; END. */
struct ast_statement_set {
    struct ast_node node;
    bool client_form;
    struct ast_list inserts; /* AST_INSERT, at least one */
};

/* CREATE [OR REPLACE] [TEMPORARY] TABLE [IF NOT EXISTS] t .., REPLACE TABLE t .. AS query */
struct ast_create_table {
    struct ast_node node;
    bool or_replace; /* CREATE OR REPLACE */
    bool replace;    /* REPLACE TABLE without CREATE */
    bool temporary, if_not_exists;
    struct ast_name *name;
    struct ast_table_spec spec;
    struct ast_table_like *like; /* optional */
    struct ast_query *query;     /* optional: AS query */
};

enum ast_refresh_mode { AST_REFRESH_DEFAULT, AST_REFRESH_CONTINUOUS, AST_REFRESH_FULL };

enum ast_start_mode_kind {
    AST_START_FROM_BEGINNING,
    AST_START_FROM_NOW,
    AST_START_FROM_TIMESTAMP,
    AST_START_RESUME_OR_FROM_BEGINNING,
    AST_START_RESUME_OR_FROM_NOW,
    AST_START_RESUME_OR_FROM_TIMESTAMP,
};

struct ast_start_mode {
    struct ast_node node;
    enum ast_start_mode_kind start_kind;
    struct ast_node *argument; /* interval of FROM_NOW (optional), timestamp of FROM_TIMESTAMP */
};

/* CREATE [OR ALTER] MATERIALIZED TABLE (or VIEW: non-portable) */
struct ast_create_materialized_table {
    struct ast_node node;
    bool or_alter, if_not_exists;
    bool view_keyword; /* MATERIALIZED VIEW */
    struct ast_name *name;
    struct ast_table_spec spec;
    struct ast_literal *freshness; /* optional: an interval */
    enum ast_refresh_mode refresh_mode;
    struct ast_start_mode *start_mode; /* optional */
    struct ast_query *query;
};

struct ast_create_view {
    struct ast_node node;
    bool or_replace; /* non-portable */
    bool temporary, if_not_exists;
    struct ast_name *name;
    struct ast_list columns; /* AST_COLUMN_DEF of kind AST_COLUMN_NAME_ONLY (with comment) */
    struct str comment;      /* optional */
    struct ast_query *query;
};

struct ast_create_catalog {
    struct ast_node node;
    bool if_not_exists;
    struct ast_ident *name;
    struct str comment;      /* optional */
    struct ast_list options; /* AST_OPTION */
};

struct ast_create_database {
    struct ast_node node;
    bool if_not_exists;
    struct ast_name *name;
    struct str comment;      /* optional */
    struct ast_list options; /* AST_OPTION */
};

enum ast_language {
    AST_LANGUAGE_DEFAULT,
    AST_LANGUAGE_JAVA,
    AST_LANGUAGE_SCALA,
    AST_LANGUAGE_SQL,
    AST_LANGUAGE_PYTHON
};

struct ast_create_function {
    struct ast_node node;
    bool temporary, system, if_not_exists;
    struct ast_name *name;
    struct str class_name; /* optional only with a WITH clause */
    enum ast_language language;
    struct ast_list jars;    /* AST_STRING; `artifacts` says the word used */
    bool artifacts;          /* USING ARTIFACT instead of JAR */
    struct ast_list options; /* AST_OPTION */
};

struct ast_create_model {
    struct ast_node node;
    bool temporary, if_not_exists;
    struct ast_name *name;
    struct ast_list inputs, outputs; /* AST_COLUMN_DEF */
    struct str comment;              /* optional */
    struct ast_list options;         /* AST_OPTION */
    struct ast_query *query;         /* optional */
};

struct ast_create_connection {
    struct ast_node node;
    bool temporary, system, if_not_exists;
    struct ast_name *name;
    struct str comment;      /* optional */
    struct ast_list options; /* AST_OPTION */
};

/* What DROP, ALTER, DESCRIBE and SHOW CREATE name. */
enum ast_object {
    AST_OBJECT_TABLE,
    AST_OBJECT_VIEW,
    AST_OBJECT_MATERIALIZED_TABLE,
    AST_OBJECT_CATALOG,
    AST_OBJECT_DATABASE,
    AST_OBJECT_FUNCTION,
    AST_OBJECT_MODEL,
    AST_OBJECT_CONNECTION,
    AST_OBJECT_JOB,
    AST_OBJECT_COUNT
};

enum ast_drop_behavior { AST_DROP_DEFAULT, AST_DROP_CASCADE, AST_DROP_RESTRICT };

struct ast_drop {
    struct ast_node node;
    enum ast_object object;
    bool temporary, system, if_exists;
    bool view_keyword; /* DROP MATERIALIZED VIEW */
    struct ast_name *name;
    enum ast_drop_behavior behavior; /* DATABASE only */
};

enum ast_alter_action {
    AST_ALTER_RENAME,        /* RENAME TO new_name */
    AST_ALTER_RENAME_COLUMN, /* RENAME column TO new_name */
    AST_ALTER_SET_OPTIONS,   /* SET (..): options */
    AST_ALTER_RESET_OPTIONS, /* RESET (..): keys */
    AST_ALTER_ADD,           /* ADD elements: spec */
    AST_ALTER_MODIFY,        /* MODIFY elements: spec */
    AST_ALTER_DROP_COLUMNS,  /* DROP a, DROP (a, b): columns */
    AST_ALTER_DROP_PRIMARY_KEY,
    AST_ALTER_DROP_CONSTRAINT, /* column = the constraint's name */
    AST_ALTER_DROP_WATERMARK,
    AST_ALTER_DROP_DISTRIBUTION,
    AST_ALTER_ADD_PARTITIONS,  /* partitions; if_not_exists */
    AST_ALTER_DROP_PARTITIONS, /* partitions; if_exists_inner */
    AST_ALTER_AS_QUERY,        /* views and materialized tables: query */
    AST_ALTER_SUSPEND,         /* materialized tables from here on */
    AST_ALTER_RESUME,          /* options: RESUME [WITH (..)] */
    AST_ALTER_REFRESH,         /* partitions (at most one) */
    AST_ALTER_COMMENT,         /* catalogs: COMMENT 'text' */
    AST_ALTER_FUNCTION_CLASS,  /* functions: AS 'class' [LANGUAGE ..] */
    AST_ALTER_FRESHNESS,       /* materialized tables: SET FRESHNESS = INTERVAL .. */
    AST_ALTER_REFRESH_MODE,    /* materialized tables: SET REFRESH_MODE = .. */
    AST_ALTER_ACTION_COUNT
};

struct ast_alter {
    struct ast_node node;
    enum ast_object object;
    enum ast_alter_action action;
    bool temporary, system; /* functions */
    bool if_exists;         /* ALTER TABLE IF EXISTS t */
    bool if_exists_inner;   /* the action's own IF [NOT] EXISTS */
    bool view_keyword;      /* MATERIALIZED VIEW */
    struct ast_name *name;
    struct ast_name *column, *new_name;
    struct ast_table_spec spec; /* columns, constraints, watermarks, distribution of ADD and MODIFY */
    struct ast_list columns;    /* AST_NAME */
    struct ast_list partitions; /* AST_PARTITION_SPEC */
    struct ast_list options;    /* AST_OPTION */
    struct ast_list keys;       /* AST_STRING */
    struct ast_query *query;    /* optional */
    struct str text;            /* of COMMENT and FUNCTION_CLASS */
    enum ast_language language;
    struct ast_literal *freshness; /* of FRESHNESS */
    enum ast_refresh_mode refresh_mode;
};

struct ast_truncate {
    struct ast_node node;
    struct ast_name *table;
};

/* ANALYZE TABLE t [PARTITION (..)] COMPUTE STATISTICS [FOR COLUMNS a, b | FOR ALL COLUMNS] */
struct ast_analyze {
    struct ast_node node;
    struct ast_name *table;
    struct ast_partition_spec *partition; /* optional */
    struct ast_list columns;              /* AST_IDENT */
    bool all_columns;
};

enum ast_show_what {
    AST_SHOW_TABLES,
    AST_SHOW_VIEWS,
    AST_SHOW_MATERIALIZED_TABLES,
    AST_SHOW_DATABASES,
    AST_SHOW_CATALOGS,
    AST_SHOW_FUNCTIONS,
    AST_SHOW_PROCEDURES,
    AST_SHOW_COLUMNS,    /* `name`: the table */
    AST_SHOW_PARTITIONS, /* `name`: the table; partition */
    AST_SHOW_MODELS,
    AST_SHOW_CONNECTIONS,
    AST_SHOW_MODULES,
    AST_SHOW_JARS,
    AST_SHOW_JOBS,
    AST_SHOW_CURRENT_CATALOG,
    AST_SHOW_CURRENT_DATABASE,
    AST_SHOW_CREATE, /* `object` and `name` */
    AST_SHOW_WHAT_COUNT
};

struct ast_show {
    struct ast_node node;
    enum ast_show_what what;
    enum ast_object object; /* of SHOW CREATE */
    bool user;              /* SHOW USER FUNCTIONS */
    bool full;              /* SHOW FULL MODULES */
    bool view_keyword;      /* SHOW [CREATE] MATERIALIZED VIEW[S] */
    struct ast_name *name;  /* optional: SHOW CREATE TABLE name, SHOW COLUMNS FROM name, SHOW PARTITIONS name */
    struct ast_name *scope; /* optional: SHOW TABLES FROM scope */
    bool in;                /* IN instead of FROM */
    struct ast_partition_spec *partition; /* optional */
    bool negated;                         /* NOT LIKE */
    bool ilike;
    struct str pattern; /* optional: data == NULL when there is no LIKE */
};

/* DESCRIBE|DESC [TABLE|DATABASE|CATALOG|FUNCTION|MODEL|JOB] [EXTENDED] name */
struct ast_describe {
    struct ast_node node;
    enum ast_object object;
    bool extended;
    struct ast_name *name; /* NULL for JOB */
    struct str job_id;
};

enum ast_use_what { AST_USE_DATABASE, AST_USE_CATALOG, AST_USE_MODULES };

struct ast_use {
    struct ast_node node;
    enum ast_use_what what;
    struct ast_name *name;   /* NULL for MODULES */
    struct ast_list modules; /* AST_IDENT */
};

/* SET, SET 'k' = 'v', SET k = v (the value up to the `;`, trimmed; one pair of quotes removed). */
struct ast_set {
    struct ast_node node;
    struct ast_option *option; /* NULL: list all settings */
};

struct ast_reset {
    struct ast_node node;
    struct str key; /* optional: data == NULL resets all */
};

enum ast_explain_detail {
    AST_EXPLAIN_PLAN_FOR = 1 << 0, /* the words PLAN FOR were written */
    AST_EXPLAIN_ESTIMATED_COST = 1 << 1,
    AST_EXPLAIN_CHANGELOG_MODE = 1 << 2,
    AST_EXPLAIN_JSON_EXECUTION_PLAN = 1 << 3,
    AST_EXPLAIN_PLAN_ADVICE = 1 << 4,
    AST_EXPLAIN_ANALYZE = 1 << 5, /* non-portable */
};

struct ast_explain {
    struct ast_node node;
    uint32_t details;           /* of enum ast_explain_detail */
    struct ast_node *statement; /* AST_QUERY, AST_INSERT, AST_STATEMENT_SET, AST_CREATE_TABLE (AS), ... */
};

/* EXECUTE query|insert: the same as the bare statement. */
struct ast_execute {
    struct ast_node node;
    struct ast_node *statement;
};

/* COMPILE PLAN 'file' [IF NOT EXISTS] FOR statement; COMPILE AND EXECUTE PLAN 'file' FOR statement */
struct ast_compile_plan {
    struct ast_node node;
    struct str path;
    bool if_not_exists;
    bool execute;
    struct ast_node *statement; /* AST_INSERT or AST_STATEMENT_SET */
};

struct ast_execute_plan {
    struct ast_node node;
    struct str path;
};

/* ADD JAR 'path', REMOVE JAR 'path' */
struct ast_jar {
    struct ast_node node;
    bool remove;
    struct str path;
};

struct ast_stop_job {
    struct ast_node node;
    struct str job_id;
    bool with_savepoint, with_drain;
};

struct ast_call {
    struct ast_node node;
    struct ast_function *function;
};

/* LOAD MODULE m [WITH (..)], UNLOAD MODULE m */
struct ast_module {
    struct ast_node node;
    bool unload;
    struct ast_ident *name;
    struct ast_list options; /* AST_OPTION */
};

enum ast_client_command_kind { AST_COMMAND_QUIT, AST_COMMAND_EXIT, AST_COMMAND_CLEAR, AST_COMMAND_HELP };

struct ast_client_command {
    struct ast_node node;
    enum ast_client_command_kind command;
};

/* One statement of a script. */
struct ast_statement {
    struct ast_node *root;   /* AST_QUERY or one of the statement kinds */
    int32_t offset, length;  /* of its text in the script, without the `;` and the space around */
    int32_t parameter_count; /* how many `?` it has */
    bool terminated;         /* a `;` followed */
};

/* ------------------------------------------------------------------------------------------------- whole trees */

const char *ast_kind_name(enum ast_kind kind);         /* "SELECT_ITEM" */
const char *ast_unit_name(enum ast_unit unit);         /* "DAY" */
const char *ast_binary_op_text(enum ast_binary_op op); /* "<=", "IS DISTINCT FROM" */

/* Calls fn for every child of node in source order, until it returns false; returns false then. Children that are
 * parts (names, types, idents) are visited too. */
bool ast_each_child(const struct ast_node *node, bool (*fn)(struct ast_node *child, void *data), void *data);

/* The longest path from node downwards in nodes, or limit + 1 when it is longer than limit. */
int ast_depth(const struct ast_node *node, int limit);

/* Same tree: kinds and contents; places in the source do not matter. Either may be NULL. */
bool ast_equal(const struct ast_node *a, const struct ast_node *b);

/* A readable dump for tests and debugging: (SELECT items=((SELECT_ITEM expr=(COLUMN_REF name=a)))). */
void ast_dump(const struct ast_node *node, struct strbuf *out);

#endif
