/* Calls: scalar functions here, aggregates and OVER in bind_over.c, what belongs to GROUP BY in bind_group.c. */
#include "bind/bind_private.h"

/* Functions of other dialects, and what to write here. */
static const struct {
    const char *name, *instead;
} foreign[] = {
    {"ANY_VALUE", "FIRST_VALUE(x)"},
    {"ARRAY_LENGTH", "CARDINALITY(array)"},
    {"BOOL_AND", "COUNT(*) FILTER (WHERE NOT x) = 0"},
    {"BOOL_OR", "COUNT(*) FILTER (WHERE x) > 0"},
    {"COUNT_IF", "COUNT(*) FILTER (WHERE condition)"},
    {"COUNTIF", "COUNT(*) FILTER (WHERE condition)"},
    {"DATE_ADD", "TIMESTAMPADD(unit, count, time), or time + INTERVAL '1' DAY"},
    {"DATE_DIFF", "TIMESTAMPDIFF(unit, from, to)"},
    {"DATE_SUB", "time - INTERVAL '1' DAY"},
    {"DATEADD", "TIMESTAMPADD(unit, count, time), or time + INTERVAL '1' DAY"},
    {"DATEDIFF", "TIMESTAMPDIFF(unit, from, to)"},
    {"EPOCH", "TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', time)"},
    {"GEN_RANDOM_UUID", "UUID()"},
    {"GETDATE", "CURRENT_TIMESTAMP"},
    {"GROUP_CONCAT", "LISTAGG(x, ',')"},
    {"ISNULL", "x IS NULL, or COALESCE(x, y)"},
    {"JSON_EXTRACT", "JSON_VALUE(json, path), or JSON_QUERY for objects and arrays"},
    {"LCASE", "LOWER(text)"},
    {"LEN", "CHAR_LENGTH(text)"},
    {"LENGTH", "CHAR_LENGTH(text)"},
    {"LIST", "ARRAY_AGG(x)"},
    {"MEDIAN", "PERCENTILE(x, 0.5)"},
    {"NVL", "COALESCE(x, y)"},
    {"POW", "POWER(x, y)"},
    {"QUANTILE", "PERCENTILE(x, 0.5)"},
    {"RANDOM", "RAND()"},
    {"REGEXP_LIKE", "REGEXP(text, pattern)"},
    {"REGEXP_MATCHES", "REGEXP(text, pattern)"},
    {"SPLIT_PART", "SPLIT_INDEX(text, separator, index), counted from 0"},
    {"STRFTIME", "DATE_FORMAT(time, 'yyyy-MM-dd HH:mm:ss')"},
    {"STRING_AGG", "LISTAGG(x, ',')"},
    {"STRING_SPLIT", "SPLIT(text, separator)"},
    {"STRPOS", "POSITION(part IN text)"},
    {"TO_CHAR", "DATE_FORMAT(time, 'yyyy-MM-dd HH:mm:ss'), or CAST(x AS STRING)"},
    {"TRUNC", "TRUNCATE(x, digits)"},
    {"UCASE", "UPPER(text)"},
};

static enum status undefined_function(const struct context *ctx, const struct ast_function *function,
                                      struct error *err) {
    struct binder *b = ctx->b;
    const char *name = name_to_string(b, function->name);
    enum status status =
        bind_error(b, err, STATUS_UNDEFINED_FUNCTION, &function->name->node, "function %s not found", name);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (str_compare_nocase(name, foreign[i].name) != 0) continue;
        error_hint(err, "here it is %s", foreign[i].instead);
        return status;
    }
    const char *near = function_nearest(name, b->arena);
    if (near) error_hint(err, "did you mean %s?", near);
    return status;
}

static enum status refuse_aggregate_syntax(const struct context *ctx, const struct ast_function *function,
                                           const char *name, struct error *err) {
    const char *what = function->distinct                              ? "DISTINCT"
                       : function->filter                              ? "FILTER"
                       : function->order_by.count                      ? "ORDER BY"
                       : function->within_group.count                  ? "WITHIN GROUP"
                       : function->null_treatment != AST_NULLS_DEFAULT ? "IGNORE/RESPECT NULLS"
                                                                       : NULL;
    if (!what) return STATUS_OK;
    return bind_error(ctx->b, err, STATUS_INVALID_QUERY, &function->node, "%s is no aggregate function: it takes no %s",
                      name, what);
}

/* ---- JSON clauses become constant arguments ----
 *
 * Behaviours are the texts of behavior_name; a plain call without clauses has the plain arguments only.
 *   JSON_VALUE(s, path [, on empty, default, on error, default])   defaults as STRING; RETURNING is a CAST around it
 *   JSON_QUERY(s, path [, 'WITHOUT' | 'WITH' | 'CONDITIONAL', on empty, on error])
 *   JSON_EXISTS(s, path [, on error])
 *   JSON_OBJECT('NULL' | 'ABSENT', key, value, …), JSON_ARRAY('NULL' | 'ABSENT', value, …)   what to do with NULLs */

static const char *behavior_name(enum ast_json_behavior behavior) {
    switch (behavior) {
    case AST_JSON_BEHAVIOR_NONE: return "NULL";
    case AST_JSON_ERROR: return "ERROR";
    case AST_JSON_NULL: return "NULL";
    case AST_JSON_DEFAULT: return "DEFAULT";
    case AST_JSON_EMPTY_ARRAY: return "EMPTY ARRAY";
    case AST_JSON_EMPTY_OBJECT: return "EMPTY OBJECT";
    case AST_JSON_TRUE: return "TRUE";
    case AST_JSON_FALSE: return "FALSE";
    case AST_JSON_UNKNOWN: return "UNKNOWN";
    }
    return "NULL";
}

/* Argument lists while clauses are added. */
struct arguments {
    struct expr **items;
    int count, capacity;
};

static void add_argument(struct binder *b, struct arguments *args, struct expr *expr) {
    ARENA_RESERVE(b->arena, args->items, args->capacity, args->count + 1);
    args->items[args->count++] = expr;
}

static enum status add_behavior(const struct context *ctx, struct arguments *args, enum ast_json_behavior behavior,
                                const struct ast_node *default_node, const struct type *type, struct error *err) {
    add_argument(ctx->b, args, string_constant(ctx->b, behavior_name(behavior)));
    struct expr *value = expr_null(ctx->b->arena, type);
    if (default_node) {
        TRY(bind_expr(ctx, default_node, &value, err));
        value = expr_cast(ctx->b->arena, value, type_with_nullable(ctx->b->arena, type, value->type->nullable), false);
    }
    add_argument(ctx->b, args, value);
    return STATUS_OK;
}

static enum status bind_json_value(const struct context *ctx, const struct ast_function *function,
                                   struct arguments *args, struct expr **out, struct error *err) {
    const struct ast_json_clauses *json = function->json;
    const struct type *type = NULL;
    if (json->returning) TRY(bind_type_at(ctx->b, json->returning, &type, err));
    if (json->on_empty != AST_JSON_BEHAVIOR_NONE || json->on_error != AST_JSON_BEHAVIOR_NONE) {
        TRY(add_behavior(ctx, args, json->on_empty, json->on_empty_default, type_of(TYPE_VARCHAR), err));
        TRY(add_behavior(ctx, args, json->on_error, json->on_error_default, type_of(TYPE_VARCHAR), err));
    }
    TRY(call(ctx, "JSON_VALUE", args->items, args->count, &function->node, out, err));
    if (type) *out = implicit_cast(ctx->b, *out, type);
    return STATUS_OK;
}

static enum status bind_json(const struct context *ctx, const struct ast_function *function, const char *name,
                             struct arguments *args, struct expr **out, struct error *err) {
    const struct ast_json_clauses none = {0}, *json = function->json ? function->json : &none;
    if (strcmp(name, "JSON_VALUE") == 0) return bind_json_value(ctx, function, args, out, err);
    if (strcmp(name, "JSON_QUERY") == 0) {
        static const char *const wrappers[] = {"WITHOUT", "WITHOUT", "WITH", "CONDITIONAL"};
        if (json->returning) return not_supported(ctx->b, err, &json->node, "RETURNING of JSON_QUERY");
        add_argument(ctx->b, args, string_constant(ctx->b, wrappers[json->wrapper]));
        add_argument(ctx->b, args, string_constant(ctx->b, behavior_name(json->on_empty)));
        add_argument(ctx->b, args, string_constant(ctx->b, behavior_name(json->on_error)));
    } else if (strcmp(name, "JSON_EXISTS") == 0) {
        if (json->on_error != AST_JSON_BEHAVIOR_NONE) {
            add_argument(ctx->b, args, string_constant(ctx->b, behavior_name(json->on_error)));
        }
    } else {
        /* JSON_OBJECT, JSON_ARRAY: how NULLs are shown comes first */
        bool absent = json->on_null == AST_JSON_ABSENT_ON_NULL ||
                      (json->on_null == AST_JSON_ON_NULL_NONE && strcmp(name, "JSON_ARRAY") == 0);
        add_argument(ctx->b, args, NULL);
        memmove(args->items + 1, args->items, sizeof *args->items * (size_t)(args->count - 1));
        args->items[0] = string_constant(ctx->b, absent ? "ABSENT" : "NULL");
    }
    return call(ctx, name, args->items, args->count, &function->node, out, err);
}

/* ---- scalar calls ---- */

static enum status bind_scalar(const struct context *ctx, const struct ast_function *function, const char *name,
                               struct expr **out, struct error *err) {
    TRY(refuse_aggregate_syntax(ctx, function, name, err));
    struct arguments args = {0};
    for (int i = 0; i < function->args.count; i++) {
        struct expr *arg;
        TRY(bind_expr(ctx, function->args.items[i], &arg, err));
        add_argument(ctx->b, &args, arg);
    }
    if (function->json || function->syntax == AST_CALL_JSON_OBJECT || function->syntax == AST_CALL_JSON_ARRAY) {
        return bind_json(ctx, function, name, &args, out, err);
    }
    return call(ctx, name, args.items, args.count, &function->node, out, err);
}

static enum status bind_table_function_call(const struct context *ctx, const struct ast_function *function,
                                            const char *name, struct error *err) {
    enum status status = bind_error(ctx->b, err, STATUS_INVALID_QUERY, &function->node,
                                    "%s is a table function: it stands in FROM or GROUP BY", name);
    error_hint(err, "SELECT ... FROM TABLE(%s(TABLE t, DESCRIPTOR(time_column), ...))", name);
    return status;
}

enum status bind_function(const struct context *ctx, const struct ast_function *function, struct expr **out,
                          struct error *err) {
    struct binder *b = ctx->b;
    if (function->name->count > 1) return undefined_function(ctx, function, err);
    const char *name = upper_name(b, function->name->parts[0].text);
    if (function->over || function->over_name) return bind_window_call(ctx, function, name, out, err);
    if (strcmp(name, "GROUPING") == 0 || strcmp(name, "GROUPING_ID") == 0 || strcmp(name, "GROUP_ID") == 0) {
        return bind_grouping_function(ctx, function, name, out, err);
    }
    struct expr *window = NULL;
    TRY(bind_group_window_function(ctx, function, name, &window, err));
    if (window) {
        *out = window;
        return STATUS_OK;
    }
    if (is_window_function(name)) {
        enum status status = bind_error(b, err, STATUS_INVALID_QUERY, &function->node,
                                        "%s is a window function: it needs an OVER clause", name);
        error_hint(err, "%s(...) OVER (PARTITION BY ... ORDER BY ...)", name);
        return status;
    }
    const struct function_info *info = function_find(str_from(name));
    if (!info) {
        if (is_window_tvf(name, &(enum window_kind){0})) return bind_table_function_call(ctx, function, name, err);
        return undefined_function(ctx, function, err);
    }
    switch (info->kind) {
    case FUNCTION_AGGREGATE: return bind_aggregate(ctx, function, name, out, err);
    case FUNCTION_WINDOW: return not_supported(b, err, &function->node, arena_printf(b->arena, "%s", name));
    case FUNCTION_TABLE: return bind_table_function_call(ctx, function, name, err);
    case FUNCTION_SCALAR: break;
    }
    return bind_scalar(ctx, function, name, out, err);
}
