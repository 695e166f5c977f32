/* Walks over whole trees: children, depth, equality, dumps.
 *
 * All of them read one table that lists the fields of every kind of node, in source order. A new kind of node needs its
 * struct and its line in AST_KINDS (ast.h) and its row here. */
#include "parse/ast.h"

#include <stdio.h>
#include <string.h>

#include "parse/parser_private.h"

enum field_type {
    FIELD_END,
    FIELD_NODE,  /* pointer to a node, may be NULL */
    FIELD_LIST,  /* struct ast_list */
    FIELD_PARTS, /* the identifiers of an ast_name */
    FIELD_BOOL,
    FIELD_INT,  /* int32_t and enums, which have its size */
    FIELD_STR,  /* struct str; absent (NULL) differs from empty */
    FIELD_TEXT, /* NUL-terminated */
};

struct field {
    enum field_type type;
    size_t offset;
    const char *name;
};

_Static_assert(sizeof(enum ast_binary_op) == sizeof(int32_t), "enums are read as int32_t");

#define FIELDS(...) ((const struct field[]){__VA_ARGS__{FIELD_END, 0, NULL}})
#define N(tag, member) {FIELD_NODE, offsetof(struct tag, member), #member},
#define L(tag, member) {FIELD_LIST, offsetof(struct tag, member), #member},
#define B(tag, member) {FIELD_BOOL, offsetof(struct tag, member), #member},
#define I(tag, member) {FIELD_INT, offsetof(struct tag, member), #member},
#define S(tag, member) {FIELD_STR, offsetof(struct tag, member), #member},
#define T(tag, member) {FIELD_TEXT, offsetof(struct tag, member), #member},
#define P(tag, member) {FIELD_PARTS, offsetof(struct tag, member), #member},
#define INTERVAL(tag, member) I(tag, member.from) I(tag, member.to) I(tag, member.precision) I(tag, member.fraction)
#define ALIAS(tag) N(tag, alias.name) L(tag, alias.columns)
#define SPEC(tag)                                                                                                      \
    L(tag, spec.columns)                                                                                               \
    L(tag, spec.constraints)                                                                                           \
    L(tag, spec.watermarks)                                                                                            \
    S(tag, spec.comment)                                                                                               \
    N(tag, spec.distribution) L(tag, spec.partitioned_by) B(tag, spec.has_with) L(tag, spec.options)

/* clang-format off */
static const struct field *const fields_of[AST_KIND_COUNT] = {
    [AST_IDENT] = FIELDS(T(ast_ident, text)),
    [AST_NAME] = FIELDS(P(ast_name, parts)),
    [AST_STRING] = FIELDS(S(ast_string, text)),
    [AST_OPTION] = FIELDS(S(ast_option, key) S(ast_option, value)),
    [AST_HINT] = FIELDS(N(ast_hint, name) L(ast_hint, args)),

    [AST_LITERAL] = FIELDS(I(ast_literal, literal_kind) S(ast_literal, text) B(ast_literal, boolean)
                           B(ast_literal, negative) INTERVAL(ast_literal, interval)),
    [AST_COLUMN_REF] = FIELDS(N(ast_column_ref, name)),
    [AST_STAR] = FIELDS(N(ast_star, qualifier) L(ast_star, exclude) L(ast_star, replace)),
    [AST_PARAMETER] = FIELDS(I(ast_parameter, index)),
    [AST_UNARY] = FIELDS(I(ast_unary, op) N(ast_unary, operand)),
    [AST_BINARY] = FIELDS(N(ast_binary, left) I(ast_binary, op) N(ast_binary, right)),
    [AST_LOGIC] = FIELDS(B(ast_logic, is_or) L(ast_logic, args)),
    [AST_IS] = FIELDS(N(ast_is, operand) B(ast_is, negated) I(ast_is, test)),
    [AST_BETWEEN] = FIELDS(N(ast_between, operand) B(ast_between, negated) B(ast_between, symmetric)
                           N(ast_between, low) N(ast_between, high)),
    [AST_LIKE] = FIELDS(N(ast_like, operand) B(ast_like, negated) I(ast_like, like_kind) N(ast_like, pattern)
                        N(ast_like, escape)),
    [AST_IN] = FIELDS(N(ast_in, operand) B(ast_in, negated) L(ast_in, list) N(ast_in, query)),
    [AST_EXISTS] = FIELDS(N(ast_exists, query)),
    [AST_SUBQUERY] = FIELDS(N(ast_subquery, query)),
    [AST_QUANTIFIED] = FIELDS(N(ast_quantified, operand) I(ast_quantified, op) B(ast_quantified, all)
                              L(ast_quantified, list) N(ast_quantified, query)),
    [AST_CASE] = FIELDS(N(ast_case, operand) L(ast_case, whens) N(ast_case, else_expr)),
    [AST_WHEN] = FIELDS(L(ast_when, conditions) N(ast_when, result)),
    [AST_CAST] = FIELDS(I(ast_cast, cast_kind) N(ast_cast, operand) N(ast_cast, type)),
    [AST_FUNCTION] = FIELDS(N(ast_function, name) I(ast_function, syntax) B(ast_function, distinct)
                            B(ast_function, all) L(ast_function, args) L(ast_function, order_by)
                            N(ast_function, json) I(ast_function, null_treatment) L(ast_function, within_group)
                            N(ast_function, filter) N(ast_function, over) N(ast_function, over_name)),
    [AST_SYMBOL] = FIELDS(T(ast_symbol, text) I(ast_symbol, unit)),
    [AST_NAMED_ARG] = FIELDS(N(ast_named_arg, name) N(ast_named_arg, value)),
    [AST_TABLE_ARG] = FIELDS(B(ast_table_arg, model) N(ast_table_arg, name) N(ast_table_arg, query) L(ast_table_arg, hints)
                             L(ast_table_arg, partition_by) L(ast_table_arg, order_by)),
    [AST_DESCRIPTOR] = FIELDS(L(ast_descriptor, columns)),
    [AST_DEFAULT] = FIELDS(),
    [AST_CONSTRUCTOR] = FIELDS(I(ast_constructor, constructor_kind) B(ast_constructor, implicit)
                               L(ast_constructor, elements) N(ast_constructor, query)),
    [AST_ELEMENT] = FIELDS(N(ast_element, operand) N(ast_element, index)),
    [AST_FIELD] = FIELDS(N(ast_field, operand) N(ast_field, field)),
    [AST_JSON_CLAUSES] = FIELDS(N(ast_json_clauses, returning) I(ast_json_clauses, wrapper)
                                I(ast_json_clauses, on_empty) N(ast_json_clauses, on_empty_default)
                                I(ast_json_clauses, on_error) N(ast_json_clauses, on_error_default)
                                I(ast_json_clauses, on_null)),
    [AST_WINDOW] = FIELDS(N(ast_window, name) N(ast_window, base) L(ast_window, partition_by) L(ast_window, order_by)
                          I(ast_window, frame_unit) B(ast_window, frame_between) I(ast_window, start)
                          N(ast_window, start_expr) I(ast_window, end) N(ast_window, end_expr)
                          I(ast_window, exclude)),
    [AST_ORDER_ITEM] = FIELDS(N(ast_order_item, expr) B(ast_order_item, descending) I(ast_order_item, nulls)),

    [AST_TYPE] = FIELDS(I(ast_type, type_kind) I(ast_type, nullability) I(ast_type, precision) I(ast_type, scale)
                        INTERVAL(ast_type, interval) N(ast_type, key) N(ast_type, element) S(ast_type, raw_class)
                        S(ast_type, raw_serializer) L(ast_type, fields) N(ast_type, name)),
    [AST_TYPE_FIELD] = FIELDS(N(ast_type_field, name) N(ast_type_field, type) S(ast_type_field, comment)),

    [AST_QUERY] = FIELDS(B(ast_query, recursive) L(ast_query, with) N(ast_query, body) L(ast_query, order_by)
                         N(ast_query, limit) N(ast_query, offset)),
    [AST_CTE] = FIELDS(N(ast_cte, name) L(ast_cte, columns) N(ast_cte, query)),
    [AST_SELECT] = FIELDS(L(ast_select, hints) B(ast_select, distinct) L(ast_select, distinct_on) B(ast_select, all) L(ast_select, items)
                          N(ast_select, from) N(ast_select, where) B(ast_select, grouped) B(ast_select, group_by_all)
                          B(ast_select, group_distinct) L(ast_select, group_by) N(ast_select, having)
                          L(ast_select, windows) N(ast_select, qualify)),
    [AST_SELECT_ITEM] = FIELDS(N(ast_select_item, expr) N(ast_select_item, alias)),
    [AST_GROUPING] = FIELDS(I(ast_grouping, grouping_kind) L(ast_grouping, elements)),
    [AST_SET_OP] = FIELDS(N(ast_set_op, left) I(ast_set_op, op) B(ast_set_op, all) N(ast_set_op, right)),
    [AST_VALUES] = FIELDS(L(ast_values, rows)),
    [AST_EXPLICIT_TABLE] = FIELDS(N(ast_explicit_table, name)),

    [AST_TABLE_NAME] = FIELDS(N(ast_table_name, name) L(ast_table_name, hints) N(ast_table_name, system_time)
                              ALIAS(ast_table_name) N(ast_table_name, tablesample)),
    [AST_DERIVED_TABLE] = FIELDS(B(ast_derived_table, lateral) N(ast_derived_table, query) ALIAS(ast_derived_table)
                                 N(ast_derived_table, tablesample)),
    [AST_TABLE_FUNCTION] = FIELDS(B(ast_table_function, lateral) B(ast_table_function, wrapped)
                                  N(ast_table_function, call) ALIAS(ast_table_function)),
    [AST_UNNEST] = FIELDS(B(ast_unnest, lateral) L(ast_unnest, args) B(ast_unnest, with_ordinality)
                          ALIAS(ast_unnest)),
    [AST_JOIN] = FIELDS(N(ast_join, left) I(ast_join, type) B(ast_join, natural) N(ast_join, right)
                        N(ast_join, match_condition) N(ast_join, on) L(ast_join, using_columns)),
    [AST_PIVOT] = FIELDS(N(ast_pivot, input) L(ast_pivot, aggregates) L(ast_pivot, columns) L(ast_pivot, values)
                         ALIAS(ast_pivot)),
    [AST_UNPIVOT] = FIELDS(N(ast_unpivot, input) B(ast_unpivot, include_nulls) L(ast_unpivot, values)
                           L(ast_unpivot, names) L(ast_unpivot, items) ALIAS(ast_unpivot)),
    [AST_UNPIVOT_ITEM] = FIELDS(L(ast_unpivot_item, columns) N(ast_unpivot_item, label)),
    [AST_MATCH_RECOGNIZE] = FIELDS(N(ast_match_recognize, input) L(ast_match_recognize, partition_by)
                                   L(ast_match_recognize, order_by) L(ast_match_recognize, measures)
                                   I(ast_match_recognize, rows_per_match) I(ast_match_recognize, after_match)
                                   N(ast_match_recognize, after_variable) B(ast_match_recognize, anchor_start)
                                   N(ast_match_recognize, pattern) B(ast_match_recognize, anchor_end)
                                   N(ast_match_recognize, within) L(ast_match_recognize, subsets)
                                   L(ast_match_recognize, defines) ALIAS(ast_match_recognize)),
    [AST_MEASURE] = FIELDS(N(ast_measure, name) N(ast_measure, expr)),
    [AST_PATTERN] = FIELDS(I(ast_pattern, pattern_kind) N(ast_pattern, variable) L(ast_pattern, children)
                           I(ast_pattern, min) I(ast_pattern, max) B(ast_pattern, reluctant)),
    [AST_PATTERN_SUBSET] = FIELDS(N(ast_pattern_subset, name) L(ast_pattern_subset, variables)),
    [AST_TABLESAMPLE] = FIELDS(B(ast_tablesample, system) N(ast_tablesample, percent) N(ast_tablesample, seed)),

    [AST_COLUMN_DEF] = FIELDS(N(ast_column_def, name) I(ast_column_def, column_kind) N(ast_column_def, type)
                              N(ast_column_def, expr) S(ast_column_def, metadata_key) B(ast_column_def, is_virtual)
                              N(ast_column_def, constraint) S(ast_column_def, comment) I(ast_column_def, position)
                              N(ast_column_def, after)),
    [AST_CONSTRAINT] = FIELDS(N(ast_constraint, name) B(ast_constraint, unique) L(ast_constraint, columns)
                              I(ast_constraint, enforced)),
    [AST_WATERMARK] = FIELDS(N(ast_watermark, column) N(ast_watermark, expr)),
    [AST_DISTRIBUTION] = FIELDS(I(ast_distribution, distribution_kind) L(ast_distribution, columns)
                                I(ast_distribution, bucket_count)),
    [AST_TABLE_LIKE] = FIELDS(N(ast_table_like, name) L(ast_table_like, options)),
    [AST_LIKE_OPTION] = FIELDS(I(ast_like_option, strategy) I(ast_like_option, feature)),
    [AST_PARTITION_SPEC] = FIELDS(L(ast_partition_spec, assignments) L(ast_partition_spec, options)),
    [AST_ASSIGNMENT] = FIELDS(N(ast_assignment, target) N(ast_assignment, value)),
    [AST_START_MODE] = FIELDS(I(ast_start_mode, start_kind) N(ast_start_mode, argument)),

    [AST_INSERT] = FIELDS(B(ast_insert, overwrite) N(ast_insert, table) L(ast_insert, hints) N(ast_insert, partition)
                          L(ast_insert, columns) N(ast_insert, query) I(ast_insert, on_conflict)),
    [AST_UPDATE] = FIELDS(N(ast_update, table) L(ast_update, hints) N(ast_update, alias) L(ast_update, assignments)
                          N(ast_update, where)),
    [AST_DELETE] = FIELDS(N(ast_delete, table) L(ast_delete, hints) N(ast_delete, alias) N(ast_delete, where)),
    [AST_MERGE] = FIELDS(N(ast_merge, table) L(ast_merge, hints) N(ast_merge, alias) N(ast_merge, source)
                         N(ast_merge, on) L(ast_merge, clauses)),
    [AST_MERGE_CLAUSE] = FIELDS(I(ast_merge_clause, action) N(ast_merge_clause, condition)
                                L(ast_merge_clause, assignments) L(ast_merge_clause, columns)
                                N(ast_merge_clause, values)),
    [AST_STATEMENT_SET] = FIELDS(B(ast_statement_set, client_form) L(ast_statement_set, inserts)),
    [AST_CREATE_TABLE] = FIELDS(B(ast_create_table, or_replace) B(ast_create_table, replace)
                                B(ast_create_table, temporary) B(ast_create_table, if_not_exists)
                                N(ast_create_table, name) SPEC(ast_create_table) N(ast_create_table, like)
                                N(ast_create_table, query)),
    [AST_CREATE_MATERIALIZED_TABLE] = FIELDS(
        B(ast_create_materialized_table, or_alter) B(ast_create_materialized_table, if_not_exists)
        B(ast_create_materialized_table, view_keyword) N(ast_create_materialized_table, name)
        SPEC(ast_create_materialized_table) N(ast_create_materialized_table, freshness)
        I(ast_create_materialized_table, refresh_mode) N(ast_create_materialized_table, start_mode)
        N(ast_create_materialized_table, query)),
    [AST_CREATE_VIEW] = FIELDS(B(ast_create_view, or_replace) B(ast_create_view, temporary)
                               B(ast_create_view, if_not_exists) N(ast_create_view, name) L(ast_create_view, columns)
                               S(ast_create_view, comment) N(ast_create_view, query)),
    [AST_CREATE_CATALOG] = FIELDS(B(ast_create_catalog, if_not_exists) N(ast_create_catalog, name)
                                  S(ast_create_catalog, comment) L(ast_create_catalog, options)),
    [AST_CREATE_DATABASE] = FIELDS(B(ast_create_database, if_not_exists) N(ast_create_database, name)
                                   S(ast_create_database, comment) L(ast_create_database, options)),
    [AST_CREATE_FUNCTION] = FIELDS(B(ast_create_function, temporary) B(ast_create_function, system)
                                   B(ast_create_function, if_not_exists) N(ast_create_function, name)
                                   S(ast_create_function, class_name) I(ast_create_function, language)
                                   L(ast_create_function, jars) B(ast_create_function, artifacts)
                                   L(ast_create_function, options)),
    [AST_CREATE_MODEL] = FIELDS(B(ast_create_model, temporary) B(ast_create_model, if_not_exists)
                                N(ast_create_model, name) L(ast_create_model, inputs) L(ast_create_model, outputs)
                                S(ast_create_model, comment) L(ast_create_model, options)
                                N(ast_create_model, query)),
    [AST_CREATE_CONNECTION] = FIELDS(B(ast_create_connection, temporary) B(ast_create_connection, system)
                                     B(ast_create_connection, if_not_exists) N(ast_create_connection, name)
                                     S(ast_create_connection, comment) L(ast_create_connection, options)),
    [AST_DROP] = FIELDS(I(ast_drop, object) B(ast_drop, temporary) B(ast_drop, system) B(ast_drop, if_exists)
                        B(ast_drop, view_keyword) N(ast_drop, name) I(ast_drop, behavior)),
    [AST_ALTER] = FIELDS(I(ast_alter, object) I(ast_alter, action) B(ast_alter, temporary) B(ast_alter, system)
                         B(ast_alter, if_exists) B(ast_alter, if_exists_inner) B(ast_alter, view_keyword)
                         N(ast_alter, name) N(ast_alter, column) N(ast_alter, new_name) SPEC(ast_alter)
                         L(ast_alter, columns) L(ast_alter, partitions) L(ast_alter, options) L(ast_alter, keys)
                         N(ast_alter, freshness) I(ast_alter, refresh_mode) N(ast_alter, query) S(ast_alter, text)
                         I(ast_alter, language)),
    [AST_TRUNCATE] = FIELDS(N(ast_truncate, table)),
    [AST_ANALYZE] = FIELDS(N(ast_analyze, table) N(ast_analyze, partition) L(ast_analyze, columns)
                           B(ast_analyze, all_columns)),
    [AST_SHOW] = FIELDS(I(ast_show, what) I(ast_show, object) B(ast_show, user) B(ast_show, full)
                        B(ast_show, view_keyword) N(ast_show, name) N(ast_show, scope) B(ast_show, in)
                        N(ast_show, partition) B(ast_show, negated) B(ast_show, ilike) S(ast_show, pattern)),
    [AST_DESCRIBE] = FIELDS(I(ast_describe, object) B(ast_describe, extended) N(ast_describe, name)
                            S(ast_describe, job_id)),
    [AST_USE] = FIELDS(I(ast_use, what) N(ast_use, name) L(ast_use, modules)),
    [AST_SET] = FIELDS(N(ast_set, option)),
    [AST_RESET] = FIELDS(S(ast_reset, key)),
    [AST_EXPLAIN] = FIELDS(I(ast_explain, details) N(ast_explain, statement)),
    [AST_EXECUTE] = FIELDS(N(ast_execute, statement)),
    [AST_COMPILE_PLAN] = FIELDS(S(ast_compile_plan, path) B(ast_compile_plan, if_not_exists)
                                B(ast_compile_plan, execute) N(ast_compile_plan, statement)),
    [AST_EXECUTE_PLAN] = FIELDS(S(ast_execute_plan, path)),
    [AST_JAR] = FIELDS(B(ast_jar, remove) S(ast_jar, path)),
    [AST_STOP_JOB] = FIELDS(S(ast_stop_job, job_id) B(ast_stop_job, with_savepoint) B(ast_stop_job, with_drain)),
    [AST_CALL] = FIELDS(N(ast_call, function)),
    [AST_MODULE] = FIELDS(B(ast_module, unload) N(ast_module, name) L(ast_module, options)),
    [AST_CLIENT_COMMAND] = FIELDS(I(ast_client_command, command)),
};
/* clang-format on */

static const char *const kind_names[AST_KIND_COUNT] = {
#define X(kind, tag) [AST_##kind] = #kind,
    AST_KINDS(X)
#undef X
};

const char *ast_kind_name(enum ast_kind kind) { return (unsigned)kind < AST_KIND_COUNT ? kind_names[kind] : "UNKNOWN"; }

const char *ast_binary_op_text(enum ast_binary_op op) {
    static const char *const texts[AST_BINARY_OP_COUNT] = {
        [AST_OP_ADD] = "+",
        [AST_OP_SUBTRACT] = "-",
        [AST_OP_MULTIPLY] = "*",
        [AST_OP_DIVIDE] = "/",
        [AST_OP_MODULO] = "%",
        [AST_OP_DIV] = "DIV",
        [AST_OP_CONCAT] = "||",
        [AST_OP_EQ] = "=",
        [AST_OP_NE] = "<>",
        [AST_OP_LT] = "<",
        [AST_OP_LE] = "<=",
        [AST_OP_GT] = ">",
        [AST_OP_GE] = ">=",
        [AST_OP_IS_DISTINCT] = "IS DISTINCT FROM",
        [AST_OP_IS_NOT_DISTINCT] = "IS NOT DISTINCT FROM",
        [AST_OP_OVERLAPS] = "OVERLAPS",
        [AST_OP_MEMBER_OF] = "MEMBER OF",
        [AST_OP_SUBMULTISET_OF] = "SUBMULTISET OF",
    };
    return (unsigned)op < AST_BINARY_OP_COUNT ? texts[op] : "?";
}

#define AT(node, field, type) (*(type const *)((const char *)(node) + (field)->offset))

bool ast_each_child(const struct ast_node *node, bool (*fn)(struct ast_node *child, void *data), void *data) {
    for (const struct field *field = fields_of[node->kind]; field->type != FIELD_END; field++) {
        if (field->type == FIELD_NODE) {
            struct ast_node *child = AT(node, field, struct ast_node *);
            if (child && !fn(child, data)) return false;
        } else if (field->type == FIELD_LIST) {
            struct ast_list list = AT(node, field, struct ast_list);
            for (int32_t i = 0; i < list.count; i++)
                if (!fn(list.items[i], data)) return false;
        } else if (field->type == FIELD_PARTS) {
            const struct ast_name *name = AST_AS(node, ast_name);
            for (int32_t i = 0; i < name->count; i++)
                if (!fn(&name->parts[i].node, data)) return false;
        }
    }
    return true;
}

struct depth_walk {
    int depth, deepest, limit;
    const struct ast_node *too_deep;
};

static bool measure(struct ast_node *node, void *data) {
    struct depth_walk *walk = data;
    if (walk->depth >= walk->limit) {
        walk->deepest = walk->limit + 1;
        walk->too_deep = node;
        return false;
    }
    walk->depth++;
    if (walk->depth > walk->deepest) walk->deepest = walk->depth;
    bool more = ast_each_child(node, measure, walk);
    walk->depth--;
    return more;
}

int ast_depth(const struct ast_node *node, int limit) {
    struct depth_walk walk = {.limit = limit};
    measure((struct ast_node *)node, &walk);
    return walk.deepest;
}

const struct ast_node *ast_too_deep(const struct ast_node *node, int limit) {
    struct depth_walk walk = {.limit = limit};
    measure((struct ast_node *)node, &walk);
    return walk.too_deep;
}

static bool same_str(struct str a, struct str b) { return !a.data == !b.data && str_equal(a, b); }

bool ast_equal(const struct ast_node *a, const struct ast_node *b) {
    if (!a || !b) return a == b;
    if (a->kind != b->kind) return false;
    for (const struct field *field = fields_of[a->kind]; field->type != FIELD_END; field++) {
        switch (field->type) {
        case FIELD_NODE:
            if (!ast_equal(AT(a, field, struct ast_node *), AT(b, field, struct ast_node *))) return false;
            break;
        case FIELD_LIST: {
            struct ast_list left = AT(a, field, struct ast_list), right = AT(b, field, struct ast_list);
            if (left.count != right.count) return false;
            for (int32_t i = 0; i < left.count; i++)
                if (!ast_equal(left.items[i], right.items[i])) return false;
            break;
        }
        case FIELD_PARTS: {
            const struct ast_name *left = AST_AS(a, ast_name), *right = AST_AS(b, ast_name);
            if (left->count != right->count) return false;
            for (int32_t i = 0; i < left->count; i++)
                if (strcmp(left->parts[i].text, right->parts[i].text) != 0) return false;
            break;
        }
        case FIELD_BOOL:
            if (AT(a, field, bool) != AT(b, field, bool)) return false;
            break;
        case FIELD_INT:
            if (AT(a, field, int32_t) != AT(b, field, int32_t)) return false;
            break;
        case FIELD_STR:
            if (!same_str(AT(a, field, struct str), AT(b, field, struct str))) return false;
            break;
        case FIELD_TEXT:
            if (strcmp(AT(a, field, const char *), AT(b, field, const char *)) != 0) return false;
            break;
        case FIELD_END: break;
        }
    }
    return true;
}

/* Fields that are zero, false, empty or absent are left out. */
void ast_dump(const struct ast_node *node, struct strbuf *out) {
    if (!node) {
        strbuf_puts(out, "-");
        return;
    }
    strbuf_printf(out, "(%s", ast_kind_name(node->kind));
    for (const struct field *field = fields_of[node->kind]; field->type != FIELD_END; field++) {
        switch (field->type) {
        case FIELD_NODE:
            if (!AT(node, field, struct ast_node *)) break;
            strbuf_printf(out, " %s=", field->name);
            ast_dump(AT(node, field, struct ast_node *), out);
            break;
        case FIELD_LIST: {
            struct ast_list list = AT(node, field, struct ast_list);
            if (!list.count) break;
            strbuf_printf(out, " %s=[", field->name);
            for (int32_t i = 0; i < list.count; i++) {
                if (i) strbuf_putc(out, ' ');
                ast_dump(list.items[i], out);
            }
            strbuf_putc(out, ']');
            break;
        }
        case FIELD_PARTS: {
            const struct ast_name *name = AST_AS(node, ast_name);
            for (int32_t i = 0; i < name->count; i++) {
                strbuf_putc(out, i ? '.' : ' ');
                parse_put_identifier(out, name->parts[i].text);
            }
            break;
        }
        case FIELD_BOOL:
            if (AT(node, field, bool)) strbuf_printf(out, " %s", field->name);
            break;
        case FIELD_INT:
            if (AT(node, field, int32_t)) strbuf_printf(out, " %s=%d", field->name, AT(node, field, int32_t));
            break;
        case FIELD_STR: {
            struct str text = AT(node, field, struct str);
            if (!text.data) break;
            strbuf_printf(out, " %s=", field->name);
            strbuf_put_literal(out, text.data, text.len);
            break;
        }
        case FIELD_TEXT: strbuf_printf(out, " %s", AT(node, field, const char *)); break;
        case FIELD_END: break;
        }
    }
    strbuf_putc(out, ')');
}
