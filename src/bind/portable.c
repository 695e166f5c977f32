/* The rules of portable.def that show in the syntax. */
#include "bind/portable.h"

#include <stdio.h>
#include <string.h>

#include "function/registry.h"

enum { MAX_WORD = 100 };

static const struct {
    const char *message, *instead;
} rules[PORTABLE_RULE_COUNT] = {
#define X(rule, message, instead) [PORTABLE_##rule] = {message, instead},
#include "bind/portable.def"
#undef X
};

enum status portable_error(enum portable_rule rule, const char *word, int32_t offset, int32_t length,
                           struct error *err) {
    const char *message = rules[rule].message, *gap = strstr(message, "%s");
    if (gap)
        error_set_at(err, STATUS_NOT_PORTABLE, offset, length, "%.*s%.*s%s", (int)(gap - message), message, MAX_WORD,
                     word ? word : "it", gap + 2);
    else
        error_set_at(err, STATUS_NOT_PORTABLE, offset, length, "%s", message);
    error_hint(err, "write instead: %s", rules[rule].instead);
    return STATUS_NOT_PORTABLE;
}

struct check {
    bool streaming;
    int count;
    void (*report)(void *data, const struct error *offence);
    void *data;
};

static void report(struct check *check, enum portable_rule rule, const char *word, const struct ast_node *node) {
    struct error err;
    portable_error(rule, word, node->offset, node->length, &err);
    check->count++;
    check->report(check->data, &err);
}

static void report_batch_only(struct check *check, const char *what, const struct ast_node *node) {
    if (check->streaming) report(check, PORTABLE_BATCH_ONLY, what, node);
}

/* ---- functions ---- */

/* What our registry has and Flink's has not. */
static const struct {
    const char *name;
    enum portable_rule rule;
} foreign[] = {
    {"DATE_TRUNC", PORTABLE_DATE_TRUNC},
    {"NTH_VALUE", PORTABLE_NTH_VALUE},
    {"TIMEUUID_TO_TIMESTAMP", PORTABLE_FUNCTION},
    {"OCTET_LENGTH", PORTABLE_FUNCTION},
};
static const char *const batch_only[] = {"NTILE", "APPROX_COUNT_DISTINCT"};

static bool is_row(const struct ast_node *node) {
    return node->kind == AST_CONSTRUCTOR && AST_AS(node, ast_constructor)->constructor_kind == AST_CONSTRUCTOR_ROW;
}

static void check_function(struct check *check, const struct ast_function *call) {
    const struct ast_node *node = &call->node;
    const char *name = call->name->parts[call->name->count - 1].text;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (str_compare_nocase(name, foreign[i].name) == 0) report(check, foreign[i].rule, foreign[i].name, node);
    for (size_t i = 0; i < sizeof batch_only / sizeof *batch_only; i++)
        if (str_compare_nocase(name, batch_only[i]) == 0) report_batch_only(check, batch_only[i], node);
    if (call->within_group.count) report(check, PORTABLE_WITHIN_GROUP, NULL, node);
    if (call->order_by.count) report(check, PORTABLE_ORDER_IN_AGGREGATE, NULL, node);
    if (call->filter && (call->over || call->over_name)) report(check, PORTABLE_FILTER_OVER, NULL, node);
    bool is_json = str_compare_nocase(name, "JSON_OBJECTAGG") == 0 || str_compare_nocase(name, "JSON_ARRAYAGG") == 0;
    if (is_json && (call->over || call->over_name)) report(check, PORTABLE_JSON_AGGREGATE_OVER, NULL, node);
    bool is_count = str_compare_nocase(name, "COUNT") == 0;
    if (is_count && (call->args.count > 1 || (call->args.count == 1 && is_row(call->args.items[0]))))
        report(check, PORTABLE_COUNT_OF_ROWS, NULL, node);
}

/* ---- nodes that the parser marked ---- */

static enum portable_rule rule_of_select(const struct ast_select *select) {
    return select->group_by_all ? PORTABLE_GROUP_BY_ALL : PORTABLE_DISTINCT_ON;
}

static enum portable_rule rule_of(const struct ast_node *node) {
    switch (node->kind) {
    case AST_LIKE: return AST_AS(node, ast_like)->like_kind == AST_LIKE_ILIKE ? PORTABLE_ILIKE : PORTABLE_RLIKE;
    case AST_CAST: return PORTABLE_SHORT_CAST;
    case AST_BINARY: return AST_AS(node, ast_binary)->op == AST_OP_DIV ? PORTABLE_DIV : PORTABLE_BANG_EQUAL;
    case AST_SELECT: return rule_of_select(AST_AS(node, ast_select));
    case AST_STAR: return AST_AS(node, ast_star)->exclude.count ? PORTABLE_STAR_EXCLUDE : PORTABLE_STAR_REPLACE;
    case AST_QUERY: return AST_AS(node, ast_query)->recursive ? PORTABLE_RECURSIVE : PORTABLE_OFFSET_FIRST;
    case AST_JOIN:
        return AST_AS(node, ast_join)->type == AST_JOIN_COMMA ? PORTABLE_COMMA_IN_PARENTHESES : PORTABLE_ASOF_JOIN;
    case AST_TABLESAMPLE: return PORTABLE_TABLESAMPLE;
    case AST_PIVOT: return PORTABLE_PIVOT;
    case AST_UNPIVOT: return PORTABLE_UNPIVOT;
    case AST_MERGE: return PORTABLE_MERGE;
    case AST_CREATE_VIEW: return PORTABLE_OR_REPLACE_VIEW;
    case AST_EXPLAIN: return PORTABLE_EXPLAIN_ANALYZE;
    case AST_CREATE_MATERIALIZED_TABLE: return PORTABLE_MATERIALIZED_VIEW;
    case AST_DROP: return AST_AS(node, ast_drop)->view_keyword ? PORTABLE_MATERIALIZED_VIEW : PORTABLE_OTHER;
    case AST_ALTER: return AST_AS(node, ast_alter)->view_keyword ? PORTABLE_MATERIALIZED_VIEW : PORTABLE_OTHER;
    case AST_SHOW: return AST_AS(node, ast_show)->view_keyword ? PORTABLE_MATERIALIZED_VIEW : PORTABLE_OTHER;
    default: return PORTABLE_OTHER;
    }
}

/* ---- GROUP BY ---- */

struct name_search {
    const char *name;
    bool found;
};

/* A column of that name, or an aggregate function, which no key can have. */
static bool mentions(struct ast_node *node, void *data) {
    struct name_search *search = data;
    if (node->kind == AST_COLUMN_REF) {
        const struct ast_name *name = AST_AS(node, ast_column_ref)->name;
        search->found |= strcmp(name->parts[name->count - 1].text, search->name) == 0;
    }
    if (node->kind == AST_FUNCTION) {
        const struct ast_name *name = AST_AS(node, ast_function)->name;
        const struct function_info *info = function_find(str_from(name->parts[name->count - 1].text));
        search->found |= info && info->kind == FUNCTION_AGGREGATE;
    }
    return search->found || ast_each_child(node, mentions, data);
}

/* Whether the name is a column of FROM is not known here: then the item with this name would not be grouped. */
static void check_group_by(struct check *check, const struct ast_select *select) {
    for (int i = 0; i < select->group_by.count; i++) {
        const struct ast_node *node = select->group_by.items[i];
        if (node->kind == AST_LITERAL && AST_AS(node, ast_literal)->literal_kind == AST_LITERAL_INTEGER)
            report(check, PORTABLE_GROUP_BY_POSITION, NULL, node);
        if (node->kind != AST_COLUMN_REF || AST_AS(node, ast_column_ref)->name->count != 1) continue;
        struct name_search search = {AST_AS(node, ast_column_ref)->name->parts[0].text, false};
        for (int k = 0; k < select->items.count; k++) {
            const struct ast_select_item *item = AST_AT(select->items, k, ast_select_item);
            if (!item->alias || strcmp(item->alias->text, search.name) != 0) continue;
            search.found = false;
            mentions(item->expr, &search);
            if (!search.found) report(check, PORTABLE_GROUP_BY_ALIAS, NULL, node);
            break;
        }
    }
}

static void check_unmarked(struct check *check, const struct ast_node *node) {
    switch (node->kind) {
    case AST_SELECT: check_group_by(check, AST_AS(node, ast_select)); break;
    case AST_FUNCTION: check_function(check, AST_AS(node, ast_function)); break;
    case AST_CONSTRUCTOR:
        if (AST_AS(node, ast_constructor)->query) report(check, PORTABLE_ARRAY_QUERY, NULL, node);
        break;
    case AST_UNNEST:
        if (AST_AS(node, ast_unnest)->args.count > 1) report(check, PORTABLE_UNNEST_SEVERAL, NULL, node);
        break;
    case AST_EXPLAIN: {
        enum ast_kind kind = AST_AS(node, ast_explain)->statement->kind;
        if (kind == AST_DELETE || kind == AST_UPDATE || kind == AST_MERGE)
            report(check, PORTABLE_EXPLAIN_CHANGE, NULL, node);
        break;
    }
    case AST_WINDOW:
        if (AST_AS(node, ast_window)->exclude != AST_EXCLUDE_NONE) report(check, PORTABLE_FRAME_EXCLUDE, NULL, node);
        break;
    case AST_INSERT:
        if (AST_AS(node, ast_insert)->overwrite) report_batch_only(check, "INSERT OVERWRITE", node);
        break;
    case AST_UPDATE: report_batch_only(check, "UPDATE", node); break;
    case AST_DELETE: report_batch_only(check, "DELETE", node); break;
    case AST_TRUNCATE: report_batch_only(check, "TRUNCATE", node); break;
    case AST_ANALYZE: report_batch_only(check, "ANALYZE", node); break;
    case AST_CONSTRAINT: {
        const struct ast_constraint *constraint = AST_AS(node, ast_constraint);
        if (!constraint->unique && constraint->enforced == AST_ENFORCED_DEFAULT)
            report(check, PORTABLE_ENFORCED_KEY, NULL, node);
        break;
    }
    case AST_CREATE_CONNECTION: report(check, PORTABLE_CONNECTION, NULL, node); break;
    case AST_MATCH_RECOGNIZE:
        if (AST_AS(node, ast_match_recognize)->rows_per_match == AST_ALL_ROWS_PER_MATCH)
            report(check, PORTABLE_ALL_ROWS_PER_MATCH, NULL, node);
        break;
    case AST_PATTERN: {
        enum ast_pattern_kind kind = AST_AS(node, ast_pattern)->pattern_kind;
        if (kind == AST_PATTERN_ALTERNATION) report(check, PORTABLE_PATTERN_ALTERNATION, NULL, node);
        if (kind == AST_PATTERN_PERMUTE) report(check, PORTABLE_PATTERN_PERMUTE, NULL, node);
        break;
    }
    default: break;
    }
}

static bool visit(struct ast_node *node, void *data);

static bool visit_list(const struct ast_list *list, struct check *check) {
    for (int i = 0; i < list->count; i++) visit(list->items[i], check);
    return true;
}

static bool visit(struct ast_node *node, void *data) {
    struct check *check = data;
    if (node->non_portable && node->kind != AST_FUNCTION) report(check, rule_of(node), NULL, node);
    check_unmarked(check, node);
    switch (node->kind) {
    case AST_IDENT: {
        const struct ast_ident *ident = AST_AS(node, ast_ident);
        if (ident->flink_reserved) report(check, PORTABLE_RESERVED_WORD, ident->text, node);
        return true;
    }
    case AST_FUNCTION: { /* its name may be a reserved word */
        const struct ast_function *call = AST_AS(node, ast_function);
        visit_list(&call->args, check);
        visit_list(&call->order_by, check);
        visit_list(&call->within_group, check);
        if (call->filter) visit(call->filter, check);
        if (call->over) visit(&call->over->node, check);
        if (call->over_name) visit(&call->over_name->node, check);
        return true;
    }
    case AST_HINT: return visit_list(&AST_AS(node, ast_hint)->args, check);
    case AST_NAMED_ARG: return visit(AST_AS(node, ast_named_arg)->value, check);
    default: return ast_each_child(node, visit, check);
    }
}

int portable_check(const struct ast_node *root, bool streaming,
                   void (*callback)(void *data, const struct error *offence), void *data) {
    struct check check = {.streaming = streaming, .report = callback, .data = data};
    visit((struct ast_node *)root, &check);
    return check.count;
}
