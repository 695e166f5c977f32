/* Syntax trees back to SQL: one function per group of nodes, one case per kind. */
#include "parse/unparse.h"

#include <string.h>

#include "parse/parse.h"
#include "parse/parser_private.h"

/* Levels of the grammar's expressions, loosest first: an operand of a lower level than its place asks for gets
 * parentheses. */
enum level {
    LEVEL_ANY,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_IS,
    LEVEL_COMPARISON,
    LEVEL_PREDICATE,
    LEVEL_ADDITIVE,
    LEVEL_MULTIPLICATIVE,
    LEVEL_UNARY,
    LEVEL_OPERAND,
};

static void put_expr(const struct ast_node *expr, enum level level, struct strbuf *out);
static void put_query(const struct ast_query *query, struct strbuf *out);
static void put_statement(const struct ast_node *node, struct strbuf *out);

/* ------------------------------------------------------------------------------------------------------ small parts */

static void put(struct strbuf *out, const char *text) { strbuf_puts(out, text); }

static void put_ident(const struct ast_ident *ident, struct strbuf *out) { parse_put_identifier(out, ident->text); }

void unparse_name(const struct ast_name *name, struct strbuf *out) {
    for (int32_t i = 0; i < name->count; i++) {
        if (i) strbuf_putc(out, '.');
        parse_put_identifier(out, name->parts[i].text);
    }
}

static void put_string(struct str text, struct strbuf *out) { strbuf_put_literal(out, text.data, text.len); }

static void put_idents(struct ast_list list, struct strbuf *out) {
    for (int32_t i = 0; i < list.count; i++) {
        if (i) put(out, ", ");
        put_ident(AST_AT(list, i, ast_ident), out);
    }
}

static void put_paren_idents(struct ast_list list, struct strbuf *out) {
    strbuf_putc(out, '(');
    put_idents(list, out);
    strbuf_putc(out, ')');
}

static void put_names(struct ast_list list, struct strbuf *out) {
    for (int32_t i = 0; i < list.count; i++) {
        if (i) put(out, ", ");
        unparse_name(AST_AT(list, i, ast_name), out);
    }
}

static void put_exprs(struct ast_list list, struct strbuf *out) {
    for (int32_t i = 0; i < list.count; i++) {
        if (i) put(out, ", ");
        put_expr(list.items[i], LEVEL_ANY, out);
    }
}

static void put_option(const struct ast_option *option, struct strbuf *out) {
    put_string(option->key, out);
    put(out, " = ");
    put_string(option->value, out);
}

static void put_options(struct ast_list list, struct strbuf *out) {
    strbuf_putc(out, '(');
    for (int32_t i = 0; i < list.count; i++) {
        if (i) put(out, ", ");
        put_option(AST_AT(list, i, ast_option), out);
    }
    strbuf_putc(out, ')');
}

static void put_with(struct ast_list options, struct strbuf *out) {
    if (!options.count) return;
    put(out, " WITH ");
    put_options(options, out);
}

static void put_comment(struct str comment, struct strbuf *out) {
    if (!comment.data) return;
    put(out, " COMMENT ");
    put_string(comment, out);
}

static void put_hints(struct ast_list hints, struct strbuf *out) {
    if (!hints.count) return;
    put(out, " /*+ ");
    for (int32_t i = 0; i < hints.count; i++) {
        const struct ast_hint *hint = AST_AT(hints, i, ast_hint);
        if (i) put(out, ", ");
        put_ident(hint->name, out);
        if (!hint->args.count) continue;
        strbuf_putc(out, '(');
        for (int32_t k = 0; k < hint->args.count; k++) {
            const struct ast_node *arg = hint->args.items[k];
            if (k) put(out, ", ");
            if (arg->kind == AST_OPTION)
                put_option(AST_AS(arg, ast_option), out);
            else if (arg->kind == AST_NAME)
                unparse_name(AST_AS(arg, ast_name), out);
            else
                put_expr(arg, LEVEL_ANY, out);
        }
        strbuf_putc(out, ')');
    }
    put(out, " */");
}

static void put_alias(const struct ast_alias *alias, struct strbuf *out) {
    if (!alias->name) return;
    put(out, " AS ");
    put_ident(alias->name, out);
    if (!alias->columns.count) return;
    strbuf_putc(out, ' ');
    put_paren_idents(alias->columns, out);
}

static void put_interval_qualifier(struct ast_interval interval, struct strbuf *out) {
    put(out, ast_unit_name(interval.from));
    if (interval.precision >= 0 && interval.to == AST_UNIT_NONE && interval.fraction >= 0)
        strbuf_printf(out, "(%d, %d)", interval.precision, interval.fraction);
    else if (interval.precision >= 0)
        strbuf_printf(out, "(%d)", interval.precision);
    if (interval.to == AST_UNIT_NONE) return;
    strbuf_printf(out, " TO %s", ast_unit_name(interval.to));
    if (interval.fraction >= 0) strbuf_printf(out, "(%d)", interval.fraction);
}

static void put_order_item(const struct ast_order_item *item, struct strbuf *out) {
    put_expr(item->expr, LEVEL_ANY, out);
    if (item->descending) put(out, " DESC");
    if (item->nulls == AST_ORDER_NULLS_FIRST) put(out, " NULLS FIRST");
    if (item->nulls == AST_ORDER_NULLS_LAST) put(out, " NULLS LAST");
}

static void put_order_items(struct ast_list list, struct strbuf *out) {
    for (int32_t i = 0; i < list.count; i++) {
        if (i) put(out, ", ");
        put_order_item(AST_AT(list, i, ast_order_item), out);
    }
}

static void put_order_by(struct ast_list list, struct strbuf *out) {
    if (!list.count) return;
    put(out, " ORDER BY ");
    put_order_items(list, out);
}

/* ------------------------------------------------------------------------------------------------------------ types */

static void put_type_fields(struct ast_list fields, struct strbuf *out) {
    for (int32_t i = 0; i < fields.count; i++) {
        const struct ast_type_field *field = AST_AT(fields, i, ast_type_field);
        if (i) put(out, ", ");
        put_ident(field->name, out);
        strbuf_putc(out, ' ');
        unparse_type(field->type, out);
        if (!field->comment.data) continue;
        strbuf_putc(out, ' ');
        put_string(field->comment, out);
    }
}

/* A user's type must not look like one of the language's. */
static void put_type_name(const struct ast_name *name, struct strbuf *out) {
    const char *first = name->parts[0].text;
    if (!parse_keyword(first, strlen(first))) {
        unparse_name(name, out);
        return;
    }
    strbuf_printf(out, "`%s`", first);
    for (int32_t i = 1; i < name->count; i++) {
        strbuf_putc(out, '.');
        parse_put_identifier(out, name->parts[i].text);
    }
}

void unparse_type(const struct ast_type *type, struct strbuf *out) {
    static const char *const words[AST_TYPE_KIND_COUNT] = {
        [AST_TYPE_BOOLEAN] = "BOOLEAN",
        [AST_TYPE_TINYINT] = "TINYINT",
        [AST_TYPE_SMALLINT] = "SMALLINT",
        [AST_TYPE_INT] = "INT",
        [AST_TYPE_BIGINT] = "BIGINT",
        [AST_TYPE_FLOAT] = "FLOAT",
        [AST_TYPE_DOUBLE] = "DOUBLE",
        [AST_TYPE_DECIMAL] = "DECIMAL",
        [AST_TYPE_CHAR] = "CHAR",
        [AST_TYPE_VARCHAR] = "VARCHAR",
        [AST_TYPE_STRING] = "STRING",
        [AST_TYPE_BINARY] = "BINARY",
        [AST_TYPE_VARBINARY] = "VARBINARY",
        [AST_TYPE_BYTES] = "BYTES",
        [AST_TYPE_DATE] = "DATE",
        [AST_TYPE_TIME] = "TIME",
        [AST_TYPE_TIMESTAMP] = "TIMESTAMP",
        [AST_TYPE_TIMESTAMP_LTZ] = "TIMESTAMP_LTZ",
        [AST_TYPE_INTERVAL] = "INTERVAL",
        [AST_TYPE_ARRAY] = "ARRAY",
        [AST_TYPE_MULTISET] = "MULTISET",
        [AST_TYPE_MAP] = "MAP",
        [AST_TYPE_ROW] = "ROW",
        [AST_TYPE_NULL] = "NULL",
        [AST_TYPE_RAW] = "RAW",
        [AST_TYPE_VARIANT] = "VARIANT",
        [AST_TYPE_BITMAP] = "BITMAP",
        [AST_TYPE_DESCRIPTOR] = "DESCRIPTOR",
        [AST_TYPE_STRUCTURED] = "STRUCTURED",
        [AST_TYPE_NAMED] = "",
    };
    put(out, words[type->type_kind]);
    switch (type->type_kind) {
    case AST_TYPE_INTERVAL:
        strbuf_putc(out, ' ');
        put_interval_qualifier(type->interval, out);
        break;
    case AST_TYPE_ARRAY:
    case AST_TYPE_MULTISET:
        strbuf_putc(out, '<');
        unparse_type(type->element, out);
        strbuf_putc(out, '>');
        break;
    case AST_TYPE_MAP:
        strbuf_putc(out, '<');
        unparse_type(type->key, out);
        put(out, ", ");
        unparse_type(type->element, out);
        strbuf_putc(out, '>');
        break;
    case AST_TYPE_ROW:
        strbuf_putc(out, '<');
        put_type_fields(type->fields, out);
        strbuf_putc(out, '>');
        break;
    case AST_TYPE_RAW:
        strbuf_putc(out, '(');
        put_string(type->raw_class, out);
        put(out, ", ");
        put_string(type->raw_serializer, out);
        strbuf_putc(out, ')');
        break;
    case AST_TYPE_STRUCTURED:
        strbuf_putc(out, '<');
        put_string(type->raw_class, out);
        if (type->fields.count) put(out, ", ");
        put_type_fields(type->fields, out);
        strbuf_putc(out, '>');
        break;
    case AST_TYPE_NAMED: put_type_name(type->name, out); break;
    default:
        if (type->precision >= 0 && type->scale >= 0)
            strbuf_printf(out, "(%d, %d)", type->precision, type->scale);
        else if (type->precision >= 0)
            strbuf_printf(out, "(%d)", type->precision);
    }
    if (type->nullability == AST_NULLABILITY_NULL) put(out, " NULL");
    if (type->nullability == AST_NULLABILITY_NOT_NULL) put(out, " NOT NULL");
}

/* ------------------------------------------------------------------------------------------------------ expressions */

static void put_literal(const struct ast_literal *literal, struct strbuf *out) {
    switch (literal->literal_kind) {
    case AST_LITERAL_NULL: put(out, "NULL"); break;
    case AST_LITERAL_BOOLEAN: put(out, literal->boolean ? "TRUE" : "FALSE"); break;
    case AST_LITERAL_UNKNOWN: put(out, "UNKNOWN"); break;
    case AST_LITERAL_INTEGER:
    case AST_LITERAL_DECIMAL:
    case AST_LITERAL_APPROXIMATE: strbuf_add(out, literal->text.data, literal->text.len); break;
    case AST_LITERAL_STRING: put_string(literal->text, out); break;
    case AST_LITERAL_BINARY:
        put(out, "X'");
        for (size_t i = 0; i < literal->text.len; i++) strbuf_printf(out, "%02X", (unsigned char)literal->text.data[i]);
        strbuf_putc(out, '\'');
        break;
    case AST_LITERAL_DATE:
        put(out, "DATE ");
        put_string(literal->text, out);
        break;
    case AST_LITERAL_TIME:
        put(out, "TIME ");
        put_string(literal->text, out);
        break;
    case AST_LITERAL_TIMESTAMP:
        put(out, "TIMESTAMP ");
        put_string(literal->text, out);
        break;
    case AST_LITERAL_TIMESTAMP_LTZ:
        put(out, "TIMESTAMP WITH LOCAL TIME ZONE ");
        put_string(literal->text, out);
        break;
    case AST_LITERAL_INTERVAL:
        put(out, literal->negative ? "INTERVAL -" : "INTERVAL ");
        put_string(literal->text, out);
        strbuf_putc(out, ' ');
        put_interval_qualifier(literal->interval, out);
        break;
    }
}

static void put_parens(const struct ast_node *expr, struct strbuf *out) {
    strbuf_putc(out, '(');
    put_expr(expr, LEVEL_ANY, out);
    strbuf_putc(out, ')');
}

/* What `[..]`, `.f` and `::` follow: names, calls and other such postfixes as they are, all else in parentheses. */
static void put_operand(const struct ast_node *expr, bool name_allowed, struct strbuf *out) {
    const struct ast_function *call = AST_AS(expr, ast_function);
    bool plain = expr->kind == AST_ELEMENT || expr->kind == AST_FIELD ||
                 (expr->kind == AST_COLUMN_REF && name_allowed) ||
                 (expr->kind == AST_FUNCTION && call->syntax == AST_CALL_PLAIN && !call->over && !call->over_name &&
                  !call->filter && !call->within_group.count && !call->null_treatment);
    const struct ast_name *name = expr->kind == AST_COLUMN_REF ? AST_AS(expr, ast_column_ref)->name : NULL;
    /* map[1] would be the beginning of MAP[key, value]. */
    bool map = name && name->count == 1 && str_compare_nocase(name->parts[0].text, "MAP") == 0;
    if (plain && map)
        strbuf_printf(out, "`%s`", name->parts[0].text);
    else if (plain)
        put_expr(expr, LEVEL_ANY, out);
    else
        put_parens(expr, out);
}

static void put_window(const struct ast_window *window, struct strbuf *out) {
    strbuf_putc(out, '(');
    size_t begin = out->len;
    if (window->base) put_ident(window->base, out);
    if (window->partition_by.count) {
        put(out, out->len > begin ? " PARTITION BY " : "PARTITION BY ");
        put_exprs(window->partition_by, out);
    }
    if (window->order_by.count) {
        put(out, out->len > begin ? " ORDER BY " : "ORDER BY ");
        put_order_items(window->order_by, out);
    }
    if (window->frame_unit != AST_FRAME_NONE) {
        if (out->len > begin) strbuf_putc(out, ' ');
        put(out, window->frame_unit == AST_FRAME_ROWS    ? "ROWS "
                 : window->frame_unit == AST_FRAME_RANGE ? "RANGE "
                                                         : "GROUPS ");
        if (window->frame_between) put(out, "BETWEEN ");
        for (int side = 0; side <= (int)window->frame_between; side++) {
            enum ast_bound_kind kind = side ? window->end : window->start;
            const struct ast_node *expr = side ? window->end_expr : window->start_expr;
            if (side) put(out, " AND ");
            switch (kind) {
            case AST_BOUND_UNBOUNDED_PRECEDING: put(out, "UNBOUNDED PRECEDING"); break;
            case AST_BOUND_UNBOUNDED_FOLLOWING: put(out, "UNBOUNDED FOLLOWING"); break;
            case AST_BOUND_CURRENT_ROW: put(out, "CURRENT ROW"); break;
            case AST_BOUND_PRECEDING:
            case AST_BOUND_FOLLOWING:
                /* A column of the name UNBOUNDED would be taken for the keyword. */
                if (expr->kind == AST_COLUMN_REF)
                    put_parens(expr, out);
                else
                    put_expr(expr, LEVEL_ADDITIVE, out);
                put(out, kind == AST_BOUND_PRECEDING ? " PRECEDING" : " FOLLOWING");
                break;
            }
        }
        static const char *const excluded[] = {"", "NO OTHERS", "CURRENT ROW", "GROUP", "TIES"};
        if (window->exclude != AST_EXCLUDE_NONE) strbuf_printf(out, " EXCLUDE %s", excluded[window->exclude]);
    }
    strbuf_putc(out, ')');
}

static void put_json_behavior(enum ast_json_behavior behavior, const struct ast_node *value, const char *on,
                              struct strbuf *out) {
    static const char *const words[] = {
        [AST_JSON_ERROR] = " ERROR",
        [AST_JSON_NULL] = " NULL",
        [AST_JSON_DEFAULT] = " DEFAULT ",
        [AST_JSON_EMPTY_ARRAY] = " EMPTY ARRAY",
        [AST_JSON_EMPTY_OBJECT] = " EMPTY OBJECT",
        [AST_JSON_TRUE] = " TRUE",
        [AST_JSON_FALSE] = " FALSE",
        [AST_JSON_UNKNOWN] = " UNKNOWN",
    };
    if (behavior == AST_JSON_BEHAVIOR_NONE) return;
    put(out, words[behavior]);
    if (behavior == AST_JSON_DEFAULT) put_expr(value, LEVEL_ANY, out);
    put(out, on);
}

static void put_json_clauses(const struct ast_json_clauses *json, struct strbuf *out) {
    if (!json) return;
    if (json->returning) {
        put(out, " RETURNING ");
        unparse_type(json->returning, out);
    }
    switch (json->wrapper) {
    case AST_JSON_WRAPPER_NONE: break;
    case AST_JSON_WITHOUT_WRAPPER: put(out, " WITHOUT WRAPPER"); break;
    case AST_JSON_WITH_WRAPPER: put(out, " WITH WRAPPER"); break;
    case AST_JSON_WITH_CONDITIONAL_WRAPPER: put(out, " WITH CONDITIONAL WRAPPER"); break;
    }
    put_json_behavior(json->on_empty, json->on_empty_default, " ON EMPTY", out);
    put_json_behavior(json->on_error, json->on_error_default, " ON ERROR", out);
    if (json->on_null == AST_JSON_NULL_ON_NULL) put(out, " NULL ON NULL");
    if (json->on_null == AST_JSON_ABSENT_ON_NULL) put(out, " ABSENT ON NULL");
}

static void put_function_name(const struct ast_function *call, struct strbuf *out) {
    const struct ast_name *name = call->name;
    const char *word = name->parts[0].text;
    if (call->syntax != AST_CALL_PLAIN) {
        put(out, word);
        return;
    }
    if (name->count == 1 && parse_is_word(word, strlen(word))) {
        const struct keyword *keyword = parse_keyword(word, strlen(word));
        if (!keyword || keyword->call) {
            put(out, word);
            return;
        }
    }
    unparse_name(name, out);
    /* A keyword that is an identifier elsewhere, but has a syntax of its own in front of a parenthesis. */
    if (name->count == 1 && parse_is_word(word, strlen(word)) && out->data[out->len - 1] != '`') {
        out->len -= strlen(word);
        strbuf_printf(out, "`%s`", word);
    }
}

static void put_symbol(const struct ast_symbol *symbol, struct strbuf *out) {
    size_t len = strlen(symbol->text);
    const struct keyword *keyword = parse_keyword(symbol->text, len);
    if (parse_is_word(symbol->text, len) && (!keyword || keyword->ident || symbol->unit == AST_UNIT_NONE) &&
        !(keyword && !keyword->ident && strcmp(symbol->text, "BOTH") != 0 && strcmp(symbol->text, "LEADING") != 0 &&
          strcmp(symbol->text, "TRAILING") != 0))
        put(out, symbol->text);
    else
        parse_put_identifier(out, symbol->text);
}

static void put_args(const struct ast_function *call, struct strbuf *out) {
    const struct ast_list *args = &call->args;
#define ARG(i) put_expr(args->items[i], LEVEL_ANY, out)
    switch (call->syntax) {
    case AST_CALL_NO_PARENS: return;
    case AST_CALL_PLAIN:
        if (call->distinct) put(out, "DISTINCT ");
        if (call->all) put(out, "ALL ");
        put_exprs(*args, out);
        break;
    case AST_CALL_EXTRACT:
        ARG(0);
        put(out, " FROM ");
        ARG(1);
        break;
    case AST_CALL_TRIM:
        ARG(0);
        strbuf_putc(out, ' ');
        ARG(1);
        put(out, " FROM ");
        ARG(2);
        break;
    case AST_CALL_SUBSTRING:
        ARG(0);
        put(out, " FROM ");
        ARG(1);
        if (args->count > 2) {
            put(out, " FOR ");
            ARG(2);
        }
        break;
    case AST_CALL_POSITION:
        put_expr(args->items[0], LEVEL_ADDITIVE, out);
        put(out, " IN ");
        ARG(1);
        if (args->count > 2) {
            put(out, " FROM ");
            ARG(2);
        }
        break;
    case AST_CALL_OVERLAY:
        ARG(0);
        put(out, " PLACING ");
        ARG(1);
        put(out, " FROM ");
        ARG(2);
        if (args->count > 3) {
            put(out, " FOR ");
            ARG(3);
        }
        break;
    case AST_CALL_FLOOR_CEIL:
        /* An interval's unit would take the TO for its own. */
        if (args->items[0]->kind == AST_COLUMN_REF)
            ARG(0);
        else
            put_parens(args->items[0], out);
        put(out, " TO ");
        ARG(1);
        break;
    case AST_CALL_UNIT_FIRST: put_exprs(*args, out); break;
    case AST_CALL_JSON:
    case AST_CALL_JSON_ARRAY: put_exprs(*args, out); break;
    case AST_CALL_JSON_OBJECT:
        for (int32_t i = 0; i + 1 < args->count; i += 2) {
            if (i) put(out, ", ");
            /* Parentheses keep a column KEY from being the keyword. */
            if (args->items[i]->kind == AST_LITERAL)
                ARG(i);
            else
                put_parens(args->items[i], out);
            put(out, " VALUE ");
            ARG(i + 1);
        }
        break;
    }
#undef ARG
}

static void put_function(const struct ast_function *call, struct strbuf *out) {
    put_function_name(call, out);
    if (call->syntax != AST_CALL_NO_PARENS) {
        strbuf_putc(out, '(');
        put_args(call, out);
        put_order_by(call->order_by, out);
        size_t begin = out->len;
        put_json_clauses(call->json, out);
        /* JSON_ARRAY(NULL ON NULL): no space behind the parenthesis. */
        if (call->json && out->data[begin - 1] == '(') {
            memmove(out->data + begin, out->data + begin + 1, out->len - begin);
            out->len--;
        }
        strbuf_putc(out, ')');
    }
    if (call->null_treatment == AST_NULLS_IGNORE) put(out, " IGNORE NULLS");
    if (call->null_treatment == AST_NULLS_RESPECT) put(out, " RESPECT NULLS");
    if (call->within_group.count) {
        put(out, " WITHIN GROUP (ORDER BY ");
        put_order_items(call->within_group, out);
        strbuf_putc(out, ')');
    }
    if (call->filter) {
        put(out, " FILTER (WHERE ");
        put_expr(call->filter, LEVEL_ANY, out);
        strbuf_putc(out, ')');
    }
    if (call->over) {
        put(out, " OVER ");
        put_window(call->over, out);
    } else if (call->over_name) {
        put(out, " OVER ");
        put_ident(call->over_name, out);
    }
}

static void put_paren_query(const struct ast_query *query, struct strbuf *out) {
    strbuf_putc(out, '(');
    put_query(query, out);
    strbuf_putc(out, ')');
}

static void put_table_arg(const struct ast_table_arg *arg, struct strbuf *out) {
    if (arg->query) {
        put_paren_query(arg->query, out);
    } else {
        put(out, arg->model ? "MODEL " : "TABLE ");
        unparse_name(arg->name, out);
        put_hints(arg->hints, out);
    }
    if (arg->partition_by.count) {
        put(out, " PARTITION BY (");
        put_exprs(arg->partition_by, out);
        strbuf_putc(out, ')');
    }
    if (arg->order_by.count) {
        put(out, " ORDER BY (");
        put_order_items(arg->order_by, out);
        strbuf_putc(out, ')');
    }
}

static void put_select_items(struct ast_list items, struct strbuf *out) {
    for (int32_t i = 0; i < items.count; i++) {
        const struct ast_select_item *item = AST_AT(items, i, ast_select_item);
        if (i) put(out, ", ");
        put_expr(item->expr, LEVEL_ANY, out);
        if (!item->alias) continue;
        put(out, " AS ");
        put_ident(item->alias, out);
    }
}

static void put_star(const struct ast_star *star, struct strbuf *out) {
    if (star->qualifier) {
        unparse_name(star->qualifier, out);
        strbuf_putc(out, '.');
    }
    strbuf_putc(out, '*');
    if (star->exclude.count) {
        put(out, " EXCLUDE ");
        put_paren_idents(star->exclude, out);
    }
    if (star->replace.count) {
        put(out, " REPLACE (");
        put_select_items(star->replace, out);
        strbuf_putc(out, ')');
    }
}

static enum level level_of(const struct ast_node *expr) {
    switch (expr->kind) {
    case AST_LOGIC: return AST_AS(expr, ast_logic)->is_or ? LEVEL_OR : LEVEL_AND;
    case AST_UNARY:
        switch (AST_AS(expr, ast_unary)->op) {
        case AST_OP_NOT: return LEVEL_NOT;
        case AST_OP_NEGATE:
        case AST_OP_PLUS: return LEVEL_UNARY;
        default: return LEVEL_OPERAND;
        }
    case AST_IS: return LEVEL_IS;
    case AST_QUANTIFIED: return LEVEL_COMPARISON;
    case AST_BETWEEN:
    case AST_LIKE:
    case AST_IN: return LEVEL_PREDICATE;
    case AST_BINARY:
        switch (AST_AS(expr, ast_binary)->op) {
        case AST_OP_ADD:
        case AST_OP_SUBTRACT: return LEVEL_ADDITIVE;
        case AST_OP_MULTIPLY:
        case AST_OP_DIVIDE:
        case AST_OP_MODULO:
        case AST_OP_DIV:
        case AST_OP_CONCAT: return LEVEL_MULTIPLICATIVE;
        default: return LEVEL_COMPARISON;
        }
    default: return LEVEL_OPERAND;
    }
}

static void put_bare(const struct ast_node *expr, struct strbuf *out) {
    switch (expr->kind) {
    case AST_LITERAL: put_literal(AST_AS(expr, ast_literal), out); break;
    case AST_COLUMN_REF: unparse_name(AST_AS(expr, ast_column_ref)->name, out); break;
    case AST_STAR: put_star(AST_AS(expr, ast_star), out); break;
    case AST_PARAMETER: strbuf_putc(out, '?'); break;
    case AST_UNARY: {
        const struct ast_unary *unary = AST_AS(expr, ast_unary);
        static const char *const words[] = {
            [AST_OP_NEGATE] = "-",         [AST_OP_PLUS] = "+",       [AST_OP_NOT] = "NOT ",
            [AST_OP_RUNNING] = "RUNNING ", [AST_OP_FINAL] = "FINAL ",
        };
        put(out, words[unary->op]);
        size_t begin = out->len;
        put_expr(unary->operand, level_of(expr), out);
        /* Two minus signs would begin a comment. */
        if (unary->op == AST_OP_NEGATE && out->data[begin] == '-') {
            strbuf_putc(out, ' ');
            memmove(out->data + begin + 1, out->data + begin, out->len - begin - 1);
            out->data[begin] = ' ';
        }
        break;
    }
    case AST_BINARY: {
        const struct ast_binary *binary = AST_AS(expr, ast_binary);
        enum level level = level_of(expr);
        put_expr(binary->left, level, out);
        strbuf_printf(out, " %s ", ast_binary_op_text(binary->op));
        put_expr(binary->right, level + 1, out);
        break;
    }
    case AST_LOGIC: {
        const struct ast_logic *logic = AST_AS(expr, ast_logic);
        for (int32_t i = 0; i < logic->args.count; i++) {
            if (i) put(out, logic->is_or ? " OR " : " AND ");
            put_expr(logic->args.items[i], level_of(expr) + 1, out);
        }
        break;
    }
    case AST_IS: {
        static const char *const words[AST_IS_TEST_COUNT] = {
            [AST_IS_NULL] = "NULL",
            [AST_IS_TRUE] = "TRUE",
            [AST_IS_FALSE] = "FALSE",
            [AST_IS_UNKNOWN] = "UNKNOWN",
            [AST_IS_JSON_VALUE] = "JSON VALUE",
            [AST_IS_JSON_OBJECT] = "JSON OBJECT",
            [AST_IS_JSON_ARRAY] = "JSON ARRAY",
            [AST_IS_JSON_SCALAR] = "JSON SCALAR",
            [AST_IS_A_SET] = "A SET",
            [AST_IS_EMPTY] = "EMPTY",
        };
        const struct ast_is *is = AST_AS(expr, ast_is);
        put_expr(is->operand, LEVEL_IS, out);
        put(out, is->negated ? " IS NOT " : " IS ");
        put(out, words[is->test]);
        break;
    }
    case AST_BETWEEN: {
        const struct ast_between *between = AST_AS(expr, ast_between);
        put_expr(between->operand, LEVEL_PREDICATE, out);
        put(out, between->negated ? " NOT BETWEEN " : " BETWEEN ");
        if (between->symmetric) put(out, "SYMMETRIC ");
        put_expr(between->low, LEVEL_ADDITIVE, out);
        put(out, " AND ");
        put_expr(between->high, LEVEL_ADDITIVE, out);
        break;
    }
    case AST_LIKE: {
        static const char *const words[] = {
            [AST_LIKE_LIKE] = " LIKE ",
            [AST_LIKE_ILIKE] = " ILIKE ",
            [AST_LIKE_SIMILAR] = " SIMILAR TO ",
            [AST_LIKE_RLIKE] = " RLIKE ",
        };
        const struct ast_like *like = AST_AS(expr, ast_like);
        put_expr(like->operand, LEVEL_PREDICATE, out);
        if (like->negated) put(out, " NOT");
        put(out, words[like->like_kind]);
        put_expr(like->pattern, LEVEL_ADDITIVE, out);
        if (like->escape) {
            put(out, " ESCAPE ");
            put_expr(like->escape, LEVEL_ADDITIVE, out);
        }
        break;
    }
    case AST_IN: {
        const struct ast_in *in = AST_AS(expr, ast_in);
        put_expr(in->operand, LEVEL_PREDICATE, out);
        put(out, in->negated ? " NOT IN (" : " IN (");
        if (in->query)
            put_query(in->query, out);
        else
            put_exprs(in->list, out);
        strbuf_putc(out, ')');
        break;
    }
    case AST_EXISTS:
        put(out, "EXISTS ");
        put_paren_query(AST_AS(expr, ast_exists)->query, out);
        break;
    case AST_SUBQUERY: put_paren_query(AST_AS(expr, ast_subquery)->query, out); break;
    case AST_QUANTIFIED: {
        const struct ast_quantified *quantified = AST_AS(expr, ast_quantified);
        put_expr(quantified->operand, LEVEL_COMPARISON, out);
        strbuf_printf(out, " %s %s (", ast_binary_op_text(quantified->op), quantified->all ? "ALL" : "ANY");
        if (quantified->query)
            put_query(quantified->query, out);
        else
            put_exprs(quantified->list, out);
        strbuf_putc(out, ')');
        break;
    }
    case AST_CASE: {
        const struct ast_case *node = AST_AS(expr, ast_case);
        put(out, "CASE ");
        if (node->operand) {
            put_expr(node->operand, LEVEL_ANY, out);
            strbuf_putc(out, ' ');
        }
        for (int32_t i = 0; i < node->whens.count; i++) {
            const struct ast_when *when = AST_AT(node->whens, i, ast_when);
            put(out, "WHEN ");
            put_exprs(when->conditions, out);
            put(out, " THEN ");
            put_expr(when->result, LEVEL_ANY, out);
            strbuf_putc(out, ' ');
        }
        if (node->else_expr) {
            put(out, "ELSE ");
            put_expr(node->else_expr, LEVEL_ANY, out);
            strbuf_putc(out, ' ');
        }
        put(out, "END");
        break;
    }
    case AST_CAST: {
        const struct ast_cast *cast = AST_AS(expr, ast_cast);
        if (cast->cast_kind == AST_CAST_SHORT) {
            put_operand(cast->operand, true, out);
            put(out, "::");
            unparse_type(cast->type, out);
        } else {
            put(out, cast->cast_kind == AST_CAST_CAST ? "CAST(" : "TRY_CAST(");
            put_expr(cast->operand, LEVEL_ANY, out);
            put(out, " AS ");
            unparse_type(cast->type, out);
            strbuf_putc(out, ')');
        }
        break;
    }
    case AST_FUNCTION: put_function(AST_AS(expr, ast_function), out); break;
    case AST_SYMBOL: put_symbol(AST_AS(expr, ast_symbol), out); break;
    case AST_NAMED_ARG:
        put_ident(AST_AS(expr, ast_named_arg)->name, out);
        put(out, " => ");
        put_expr(AST_AS(expr, ast_named_arg)->value, LEVEL_ANY, out);
        break;
    case AST_TABLE_ARG: put_table_arg(AST_AS(expr, ast_table_arg), out); break;
    case AST_DESCRIPTOR:
        put(out, "DESCRIPTOR(");
        put_names(AST_AS(expr, ast_descriptor)->columns, out);
        strbuf_putc(out, ')');
        break;
    case AST_DEFAULT: put(out, "DEFAULT"); break;
    case AST_CONSTRUCTOR: {
        const struct ast_constructor *constructor = AST_AS(expr, ast_constructor);
        static const char *const words[] = {
            [AST_CONSTRUCTOR_ROW] = "ROW",
            [AST_CONSTRUCTOR_ARRAY] = "ARRAY",
            [AST_CONSTRUCTOR_MAP] = "MAP",
            [AST_CONSTRUCTOR_MULTISET] = "MULTISET",
        };
        bool row = constructor->constructor_kind == AST_CONSTRUCTOR_ROW;
        if (!constructor->implicit) put(out, words[constructor->constructor_kind]);
        strbuf_putc(out, row || constructor->query ? '(' : '[');
        if (constructor->query)
            put_query(constructor->query, out);
        else
            put_exprs(constructor->elements, out);
        strbuf_putc(out, row || constructor->query ? ')' : ']');
        break;
    }
    case AST_ELEMENT:
        put_operand(AST_AS(expr, ast_element)->operand, true, out);
        strbuf_putc(out, '[');
        put_expr(AST_AS(expr, ast_element)->index, LEVEL_ANY, out);
        strbuf_putc(out, ']');
        break;
    case AST_FIELD:
        put_operand(AST_AS(expr, ast_field)->operand, false, out);
        strbuf_putc(out, '.');
        put_ident(AST_AS(expr, ast_field)->field, out);
        break;
    case AST_NAME: unparse_name(AST_AS(expr, ast_name), out); break;
    case AST_GROUPING: {
        const struct ast_grouping *grouping = AST_AS(expr, ast_grouping);
        static const char *const words[] = {
            [AST_GROUPING_SET] = "",
            [AST_GROUPING_SETS] = "GROUPING SETS ",
            [AST_GROUPING_ROLLUP] = "ROLLUP ",
            [AST_GROUPING_CUBE] = "CUBE ",
        };
        put(out, words[grouping->grouping_kind]);
        strbuf_putc(out, '(');
        put_exprs(grouping->elements, out);
        strbuf_putc(out, ')');
        break;
    }
    default: put_statement(expr, out); break;
    }
}

static void put_expr(const struct ast_node *expr, enum level level, struct strbuf *out) {
    if (level_of(expr) < level)
        put_parens(expr, out);
    else
        put_bare(expr, out);
}

void unparse_expression(const struct ast_node *expr, struct strbuf *out) { put_expr(expr, LEVEL_ANY, out); }

/* ------------------------------------------------------------------------------------------------- table references */

static void put_table(const struct ast_node *table, bool primary, struct strbuf *out);

static void put_tablesample(const struct ast_tablesample *sample, struct strbuf *out) {
    if (!sample) return;
    put(out, sample->system ? " TABLESAMPLE SYSTEM (" : " TABLESAMPLE BERNOULLI (");
    put_expr(sample->percent, LEVEL_ANY, out);
    strbuf_putc(out, ')');
    if (sample->seed) {
        put(out, " REPEATABLE (");
        put_expr(sample->seed, LEVEL_ANY, out);
        strbuf_putc(out, ')');
    }
}

static void put_join(const struct ast_join *join, struct strbuf *out) {
    static const char *const words[] = {
        [AST_JOIN_INNER] = "JOIN ",
        [AST_JOIN_LEFT] = "LEFT JOIN ",
        [AST_JOIN_RIGHT] = "RIGHT JOIN ",
        [AST_JOIN_FULL] = "FULL JOIN ",
        [AST_JOIN_CROSS] = "CROSS JOIN ",
        [AST_JOIN_ASOF] = "ASOF JOIN ",
        [AST_JOIN_LEFT_ASOF] = "LEFT ASOF JOIN ",
    };
    put_table(join->left, false, out);
    if (join->type == AST_JOIN_COMMA) {
        put(out, ", ");
        put_table(join->right, true, out);
        return;
    }
    put(out, join->natural ? " NATURAL " : " ");
    put(out, words[join->type]);
    put_table(join->right, true, out);
    if (join->match_condition) {
        put(out, " MATCH_CONDITION ");
        put_expr(join->match_condition, LEVEL_ANY, out);
    }
    if (join->on) {
        put(out, " ON ");
        put_expr(join->on, LEVEL_ANY, out);
    }
    if (join->using_columns.count) {
        put(out, " USING ");
        put_paren_idents(join->using_columns, out);
    }
}

static void put_pattern(const struct ast_pattern *pattern, bool group, struct strbuf *out) {
    bool quantified = pattern->min != 1 || pattern->max != 1;
    bool compound = pattern->pattern_kind == AST_PATTERN_SEQUENCE || pattern->pattern_kind == AST_PATTERN_ALTERNATION;
    bool parens = compound && (group || quantified);
    if (parens) strbuf_putc(out, '(');
    const char *between = pattern->pattern_kind == AST_PATTERN_SEQUENCE      ? " "
                          : pattern->pattern_kind == AST_PATTERN_ALTERNATION ? " | "
                                                                             : ", ";
    switch (pattern->pattern_kind) {
    case AST_PATTERN_VARIABLE: put_ident(pattern->variable, out); break;
    case AST_PATTERN_PERMUTE: put(out, "PERMUTE("); break;
    case AST_PATTERN_EXCLUDE: put(out, "{- "); break;
    default: break;
    }
    for (int32_t i = 0; i < pattern->children.count; i++) {
        const struct ast_pattern *child = AST_AT(pattern->children, i, ast_pattern);
        if (i) put(out, between);
        /* An unquantified sequence needs no parentheses inside an alternation, unless it is the only child (a group
         * around a quantified pattern). */
        bool child_group = compound && !(pattern->pattern_kind == AST_PATTERN_ALTERNATION &&
                                         child->pattern_kind == AST_PATTERN_SEQUENCE);
        put_pattern(child, child_group, out);
    }
    if (pattern->pattern_kind == AST_PATTERN_PERMUTE) strbuf_putc(out, ')');
    if (pattern->pattern_kind == AST_PATTERN_EXCLUDE) put(out, " -}");
    if (parens) strbuf_putc(out, ')');
    if (!quantified) return;
    if (pattern->min == 0 && pattern->max == -1)
        strbuf_putc(out, '*');
    else if (pattern->min == 1 && pattern->max == -1)
        strbuf_putc(out, '+');
    else if (pattern->min == 0 && pattern->max == 1)
        strbuf_putc(out, '?');
    else if (pattern->max == -1)
        strbuf_printf(out, "{%d,}", pattern->min);
    else if (pattern->min == pattern->max)
        strbuf_printf(out, "{%d}", pattern->min);
    else
        strbuf_printf(out, "{%d,%d}", pattern->min, pattern->max);
    if (pattern->reluctant) strbuf_putc(out, '?');
}

static void put_match_recognize(const struct ast_match_recognize *match, struct strbuf *out) {
    put_table(match->input, true, out);
    put(out, " MATCH_RECOGNIZE (");
    if (match->partition_by.count) {
        put(out, "PARTITION BY ");
        put_exprs(match->partition_by, out);
        strbuf_putc(out, ' ');
    }
    if (match->order_by.count) {
        put(out, "ORDER BY ");
        put_order_items(match->order_by, out);
        strbuf_putc(out, ' ');
    }
    for (int32_t i = 0; i < match->measures.count; i++) {
        const struct ast_measure *measure = AST_AT(match->measures, i, ast_measure);
        put(out, i ? ", " : "MEASURES ");
        put_expr(measure->expr, LEVEL_ANY, out);
        put(out, " AS ");
        put_ident(measure->name, out);
    }
    if (match->measures.count) strbuf_putc(out, ' ');
    if (match->rows_per_match == AST_ONE_ROW_PER_MATCH) put(out, "ONE ROW PER MATCH ");
    if (match->rows_per_match == AST_ALL_ROWS_PER_MATCH) put(out, "ALL ROWS PER MATCH ");
    switch (match->after_match) {
    case AST_AFTER_MATCH_DEFAULT: break;
    case AST_AFTER_MATCH_NEXT_ROW: put(out, "AFTER MATCH SKIP TO NEXT ROW "); break;
    case AST_AFTER_MATCH_PAST_LAST_ROW: put(out, "AFTER MATCH SKIP PAST LAST ROW "); break;
    case AST_AFTER_MATCH_FIRST:
    case AST_AFTER_MATCH_LAST:
        put(out,
            match->after_match == AST_AFTER_MATCH_FIRST ? "AFTER MATCH SKIP TO FIRST " : "AFTER MATCH SKIP TO LAST ");
        put_ident(match->after_variable, out);
        strbuf_putc(out, ' ');
        break;
    }
    put(out, "PATTERN (");
    if (match->anchor_start) put(out, "^ ");
    put_pattern(match->pattern, false, out);
    if (match->anchor_end) put(out, " $");
    put(out, ") ");
    if (match->within) {
        put(out, "WITHIN ");
        put_expr(match->within, LEVEL_ANY, out);
        strbuf_putc(out, ' ');
    }
    for (int32_t i = 0; i < match->subsets.count; i++) {
        const struct ast_pattern_subset *subset = AST_AT(match->subsets, i, ast_pattern_subset);
        put(out, i ? ", " : "SUBSET ");
        put_ident(subset->name, out);
        put(out, " = ");
        put_paren_idents(subset->variables, out);
    }
    if (match->subsets.count) strbuf_putc(out, ' ');
    for (int32_t i = 0; i < match->defines.count; i++) {
        const struct ast_measure *define = AST_AT(match->defines, i, ast_measure);
        put(out, i ? ", " : "DEFINE ");
        put_ident(define->name, out);
        put(out, " AS ");
        put_expr(define->expr, LEVEL_ANY, out);
    }
    strbuf_putc(out, ')');
    put_alias(&match->alias, out);
}

/* One name as it is, several in parentheses. */
static void put_pivot_columns(struct ast_list columns, struct strbuf *out) {
    if (columns.count == 1)
        put_ident(AST_AT(columns, 0, ast_ident), out);
    else
        put_paren_idents(columns, out);
}

static void put_pivot(const struct ast_pivot *pivot, struct strbuf *out) {
    put_table(pivot->input, true, out);
    put(out, " PIVOT (");
    put_select_items(pivot->aggregates, out);
    put(out, " FOR ");
    put_pivot_columns(pivot->columns, out);
    put(out, " IN (");
    put_select_items(pivot->values, out);
    put(out, "))");
    put_alias(&pivot->alias, out);
}

static void put_unpivot(const struct ast_unpivot *unpivot, struct strbuf *out) {
    put_table(unpivot->input, true, out);
    put(out, unpivot->include_nulls ? " UNPIVOT INCLUDE NULLS (" : " UNPIVOT (");
    put_pivot_columns(unpivot->values, out);
    put(out, " FOR ");
    put_pivot_columns(unpivot->names, out);
    put(out, " IN (");
    for (int32_t i = 0; i < unpivot->items.count; i++) {
        const struct ast_unpivot_item *item = AST_AT(unpivot->items, i, ast_unpivot_item);
        if (i) put(out, ", ");
        put_pivot_columns(item->columns, out);
        if (!item->label) continue;
        put(out, " AS ");
        put_expr(item->label, LEVEL_ANY, out);
    }
    put(out, "))");
    put_alias(&unpivot->alias, out);
}

/* primary: a join needs parentheses. */
static void put_table(const struct ast_node *table, bool primary, struct strbuf *out) {
    switch (table->kind) {
    case AST_TABLE_NAME: {
        const struct ast_table_name *name = AST_AS(table, ast_table_name);
        unparse_name(name->name, out);
        put_hints(name->hints, out);
        if (name->system_time) {
            put(out, " FOR SYSTEM_TIME AS OF ");
            put_expr(name->system_time, LEVEL_ANY, out);
        }
        put_alias(&name->alias, out);
        put_tablesample(name->tablesample, out);
        break;
    }
    case AST_DERIVED_TABLE: {
        const struct ast_derived_table *derived = AST_AS(table, ast_derived_table);
        if (derived->lateral) put(out, "LATERAL ");
        put_paren_query(derived->query, out);
        put_alias(&derived->alias, out);
        put_tablesample(derived->tablesample, out);
        break;
    }
    case AST_TABLE_FUNCTION: {
        const struct ast_table_function *function = AST_AS(table, ast_table_function);
        if (function->lateral) put(out, "LATERAL ");
        if (function->wrapped) put(out, "TABLE(");
        put_function(function->call, out);
        if (function->wrapped) strbuf_putc(out, ')');
        put_alias(&function->alias, out);
        break;
    }
    case AST_UNNEST: {
        const struct ast_unnest *unnest = AST_AS(table, ast_unnest);
        if (unnest->lateral) put(out, "LATERAL ");
        put(out, "UNNEST(");
        put_exprs(unnest->args, out);
        strbuf_putc(out, ')');
        if (unnest->with_ordinality) put(out, " WITH ORDINALITY");
        put_alias(&unnest->alias, out);
        break;
    }
    case AST_JOIN:
        if (primary) strbuf_putc(out, '(');
        put_join(AST_AS(table, ast_join), out);
        if (primary) strbuf_putc(out, ')');
        break;
    case AST_PIVOT: put_pivot(AST_AS(table, ast_pivot), out); break;
    case AST_UNPIVOT: put_unpivot(AST_AS(table, ast_unpivot), out); break;
    case AST_MATCH_RECOGNIZE: put_match_recognize(AST_AS(table, ast_match_recognize), out); break;
    default: break; /* no other kind is a table */
    }
}

/* ---------------------------------------------------------------------------------------------------------- queries */

static void put_select(const struct ast_select *select, struct strbuf *out) {
    put(out, "SELECT");
    put_hints(select->hints, out);
    if (select->distinct) put(out, " DISTINCT");
    if (select->all) put(out, " ALL");
    if (select->distinct_on.count) {
        put(out, " DISTINCT ON (");
        put_exprs(select->distinct_on, out);
        strbuf_putc(out, ')');
    }
    strbuf_putc(out, ' ');
    put_select_items(select->items, out);
    if (select->from) {
        put(out, " FROM ");
        put_table(select->from, false, out);
    }
    if (select->where) {
        put(out, " WHERE ");
        put_expr(select->where, LEVEL_ANY, out);
    }
    if (select->grouped) {
        put(out, " GROUP BY");
        if (select->group_by_all) put(out, " ALL");
        if (select->group_distinct) put(out, " DISTINCT");
        if (select->group_by.count) strbuf_putc(out, ' ');
        put_exprs(select->group_by, out);
    }
    if (select->having) {
        put(out, " HAVING ");
        put_expr(select->having, LEVEL_ANY, out);
    }
    for (int32_t i = 0; i < select->windows.count; i++) {
        const struct ast_window *window = AST_AT(select->windows, i, ast_window);
        put(out, i ? ", " : " WINDOW ");
        put_ident(window->name, out);
        put(out, " AS ");
        put_window(window, out);
    }
    if (select->qualify) {
        put(out, " QUALIFY ");
        put_expr(select->qualify, LEVEL_ANY, out);
    }
}

/* How tight a query's body holds together: UNION and EXCEPT 0, INTERSECT 1, all else 2. */
static int body_level(const struct ast_node *body) {
    if (body->kind != AST_SET_OP) return 2;
    return AST_AS(body, ast_set_op)->op == AST_SET_INTERSECT;
}

static void put_body(const struct ast_node *body, int level, struct strbuf *out) {
    if (body->kind == AST_QUERY || body_level(body) < level) {
        strbuf_putc(out, '(');
        if (body->kind == AST_QUERY)
            put_query(AST_AS(body, ast_query), out);
        else
            put_body(body, 0, out);
        strbuf_putc(out, ')');
        return;
    }
    switch (body->kind) {
    case AST_SELECT: put_select(AST_AS(body, ast_select), out); break;
    case AST_VALUES: {
        const struct ast_values *values = AST_AS(body, ast_values);
        for (int32_t i = 0; i < values->rows.count; i++) {
            put(out, i ? ", " : "VALUES ");
            put_expr(values->rows.items[i], LEVEL_ANY, out);
        }
        break;
    }
    case AST_EXPLICIT_TABLE:
        put(out, "TABLE ");
        unparse_name(AST_AS(body, ast_explicit_table)->name, out);
        break;
    case AST_SET_OP: {
        static const char *const words[] = {
            [AST_SET_UNION] = " UNION ", [AST_SET_INTERSECT] = " INTERSECT ", [AST_SET_EXCEPT] = " EXCEPT "};
        const struct ast_set_op *set_op = AST_AS(body, ast_set_op);
        int own = body_level(body);
        put_body(set_op->left, own, out);
        put(out, words[set_op->op]);
        if (set_op->all) put(out, "ALL ");
        put_body(set_op->right, own + 1, out);
        break;
    }
    default: break; /* no other kind is a query's body */
    }
}

static void put_query(const struct ast_query *query, struct strbuf *out) {
    if (query->with.count) {
        put(out, query->recursive ? "WITH RECURSIVE " : "WITH ");
        for (int32_t i = 0; i < query->with.count; i++) {
            const struct ast_cte *cte = AST_AT(query->with, i, ast_cte);
            if (i) put(out, ", ");
            put_ident(cte->name, out);
            if (cte->columns.count) {
                strbuf_putc(out, ' ');
                put_paren_idents(cte->columns, out);
            }
            put(out, " AS ");
            put_paren_query(cte->query, out);
        }
        strbuf_putc(out, ' ');
    }
    put_body(query->body, 0, out);
    put_order_by(query->order_by, out);
    if (query->limit) {
        put(out, " LIMIT ");
        put_expr(query->limit, LEVEL_ANY, out);
    }
    if (query->offset) {
        put(out, " OFFSET ");
        put_expr(query->offset, LEVEL_ANY, out);
    }
}

void unparse_query(const struct ast_query *query, struct strbuf *out) { put_query(query, out); }

/* ------------------------------------------------------------------------------------------------------ definitions */

static const char *const object_words[AST_OBJECT_COUNT] = {
    [AST_OBJECT_TABLE] = "TABLE",
    [AST_OBJECT_VIEW] = "VIEW",
    [AST_OBJECT_MATERIALIZED_TABLE] = "MATERIALIZED TABLE",
    [AST_OBJECT_CATALOG] = "CATALOG",
    [AST_OBJECT_DATABASE] = "DATABASE",
    [AST_OBJECT_FUNCTION] = "FUNCTION",
    [AST_OBJECT_MODEL] = "MODEL",
    [AST_OBJECT_CONNECTION] = "CONNECTION",
    [AST_OBJECT_JOB] = "JOB",
};

static const char *object_word(enum ast_object object, bool view_keyword) {
    return view_keyword ? "MATERIALIZED VIEW" : object_words[object];
}

static void put_enforced(enum ast_enforced enforced, struct strbuf *out) {
    if (enforced == AST_ENFORCED) put(out, " ENFORCED");
    if (enforced == AST_NOT_ENFORCED) put(out, " NOT ENFORCED");
}

static void put_constraint(const struct ast_constraint *constraint, struct strbuf *out) {
    if (constraint->name) {
        put(out, "CONSTRAINT ");
        put_ident(constraint->name, out);
        strbuf_putc(out, ' ');
    }
    put(out, constraint->unique ? "UNIQUE" : "PRIMARY KEY");
    if (constraint->columns.count) {
        strbuf_putc(out, ' ');
        put_paren_idents(constraint->columns, out);
    }
    put_enforced(constraint->enforced, out);
}

static void put_column(const struct ast_column_def *column, struct strbuf *out) {
    unparse_name(column->name, out);
    switch (column->column_kind) {
    case AST_COLUMN_PHYSICAL:
        strbuf_putc(out, ' ');
        unparse_type(column->type, out);
        if (column->constraint) {
            strbuf_putc(out, ' ');
            put_constraint(column->constraint, out);
        }
        break;
    case AST_COLUMN_COMPUTED:
        put(out, " AS ");
        put_expr(column->expr, LEVEL_ANY, out);
        break;
    case AST_COLUMN_METADATA:
        strbuf_putc(out, ' ');
        unparse_type(column->type, out);
        put(out, " METADATA");
        if (column->metadata_key.data) {
            put(out, " FROM ");
            put_string(column->metadata_key, out);
        }
        if (column->is_virtual) put(out, " VIRTUAL");
        break;
    case AST_COLUMN_NAME_ONLY: break;
    }
    put_comment(column->comment, out);
    if (column->position == AST_POSITION_FIRST) put(out, " FIRST");
    if (column->position == AST_POSITION_STATIC) put(out, " STATIC");
    if (column->position == AST_POSITION_AFTER) {
        put(out, " AFTER ");
        unparse_name(column->after, out);
    }
}

static void put_columns(struct ast_list columns, struct strbuf *out) {
    strbuf_putc(out, '(');
    for (int32_t i = 0; i < columns.count; i++) {
        if (i) put(out, ", ");
        put_column(AST_AT(columns, i, ast_column_def), out);
    }
    strbuf_putc(out, ')');
}

static void put_distribution(const struct ast_distribution *distribution, struct strbuf *out) {
    if (distribution->columns.count) {
        put(out, "BY ");
        if (distribution->distribution_kind == AST_DISTRIBUTION_HASH) put(out, "HASH ");
        if (distribution->distribution_kind == AST_DISTRIBUTION_RANGE) put(out, "RANGE ");
        put_paren_idents(distribution->columns, out);
        if (distribution->bucket_count >= 0) strbuf_putc(out, ' ');
    }
    if (distribution->bucket_count >= 0) strbuf_printf(out, "INTO %d BUCKETS", distribution->bucket_count);
}

/* Columns, constraints and watermarks in parentheses, without them when there are none. */
static void put_elements(const struct ast_table_spec *spec, struct strbuf *out) {
    if (!spec->columns.count && !spec->constraints.count && !spec->watermarks.count) return;
    put(out, " (");
    size_t begin = out->len;
    for (int32_t i = 0; i < spec->columns.count; i++) {
        if (out->len > begin) put(out, ", ");
        put_column(AST_AT(spec->columns, i, ast_column_def), out);
    }
    for (int32_t i = 0; i < spec->constraints.count; i++) {
        if (out->len > begin) put(out, ", ");
        put_constraint(AST_AT(spec->constraints, i, ast_constraint), out);
    }
    for (int32_t i = 0; i < spec->watermarks.count; i++) {
        const struct ast_watermark *watermark = AST_AT(spec->watermarks, i, ast_watermark);
        put(out, out->len > begin ? ", WATERMARK FOR " : "WATERMARK FOR ");
        unparse_name(watermark->column, out);
        put(out, " AS ");
        put_expr(watermark->expr, LEVEL_ANY, out);
    }
    strbuf_putc(out, ')');
}

static void put_table_spec(const struct ast_table_spec *spec, struct strbuf *out) {
    put_elements(spec, out);
    put_comment(spec->comment, out);
    if (spec->distribution) {
        put(out, " DISTRIBUTED ");
        put_distribution(spec->distribution, out);
    }
    if (spec->partitioned_by.count) {
        put(out, " PARTITIONED BY ");
        put_paren_idents(spec->partitioned_by, out);
    }
    if (spec->has_with) {
        put(out, " WITH ");
        put_options(spec->options, out);
    }
}

static void put_partition_spec(const struct ast_partition_spec *spec, struct strbuf *out) {
    put(out, "PARTITION (");
    for (int32_t i = 0; i < spec->assignments.count; i++) {
        const struct ast_assignment *assignment = AST_AT(spec->assignments, i, ast_assignment);
        if (i) put(out, ", ");
        unparse_name(assignment->target, out);
        if (assignment->value) {
            put(out, " = ");
            put_expr(assignment->value, LEVEL_UNARY, out);
        }
    }
    strbuf_putc(out, ')');
    put_with(spec->options, out);
}

static void put_create_table(const struct ast_create_table *table, struct strbuf *out) {
    put(out, table->replace ? "REPLACE " : table->or_replace ? "CREATE OR REPLACE " : "CREATE ");
    if (table->temporary) put(out, "TEMPORARY ");
    put(out, table->if_not_exists ? "TABLE IF NOT EXISTS " : "TABLE ");
    unparse_name(table->name, out);
    put_table_spec(&table->spec, out);
    if (table->like) {
        static const char *const strategies[] = {
            [AST_INCLUDING] = "INCLUDING ", [AST_EXCLUDING] = "EXCLUDING ", [AST_OVERWRITING] = "OVERWRITING "};
        static const char *const features[] = {
            [AST_LIKE_ALL] = "ALL",
            [AST_LIKE_CONSTRAINTS] = "CONSTRAINTS",
            [AST_LIKE_DISTRIBUTION] = "DISTRIBUTION",
            [AST_LIKE_GENERATED] = "GENERATED",
            [AST_LIKE_METADATA] = "METADATA",
            [AST_LIKE_OPTIONS] = "OPTIONS",
            [AST_LIKE_PARTITIONS] = "PARTITIONS",
            [AST_LIKE_WATERMARKS] = "WATERMARKS",
        };
        put(out, " LIKE ");
        unparse_name(table->like->name, out);
        for (int32_t i = 0; i < table->like->options.count; i++) {
            const struct ast_like_option *option = AST_AT(table->like->options, i, ast_like_option);
            put(out, i ? " " : " (");
            put(out, strategies[option->strategy]);
            put(out, features[option->feature]);
        }
        if (table->like->options.count) strbuf_putc(out, ')');
    }
    if (table->query) {
        put(out, " AS ");
        put_query(table->query, out);
    }
}

static void put_refresh_mode(enum ast_refresh_mode mode, struct strbuf *out) {
    put(out, mode == AST_REFRESH_FULL ? "REFRESH_MODE = FULL" : "REFRESH_MODE = CONTINUOUS");
}

void unparse_start_mode(const struct ast_start_mode *mode, struct strbuf *out) {
    static const char *const words[] = {
        [AST_START_FROM_BEGINNING] = "FROM_BEGINNING",
        [AST_START_FROM_NOW] = "FROM_NOW",
        [AST_START_FROM_TIMESTAMP] = "FROM_TIMESTAMP",
        [AST_START_RESUME_OR_FROM_BEGINNING] = "RESUME_OR_FROM_BEGINNING",
        [AST_START_RESUME_OR_FROM_NOW] = "RESUME_OR_FROM_NOW",
        [AST_START_RESUME_OR_FROM_TIMESTAMP] = "RESUME_OR_FROM_TIMESTAMP",
    };
    put(out, words[mode->start_kind]);
    if (mode->argument) put_parens(mode->argument, out);
}

static void put_create_materialized_table(const struct ast_create_materialized_table *table, struct strbuf *out) {
    put(out, table->or_alter ? "CREATE OR ALTER " : "CREATE ");
    put(out, object_word(AST_OBJECT_MATERIALIZED_TABLE, table->view_keyword));
    put(out, table->if_not_exists ? " IF NOT EXISTS " : " ");
    unparse_name(table->name, out);
    put_table_spec(&table->spec, out);
    if (table->start_mode) {
        put(out, " START_MODE = ");
        unparse_start_mode(table->start_mode, out);
    }
    if (table->freshness) {
        put(out, " FRESHNESS = ");
        put_literal(table->freshness, out);
    }
    if (table->refresh_mode != AST_REFRESH_DEFAULT) {
        strbuf_putc(out, ' ');
        put_refresh_mode(table->refresh_mode, out);
    }
    put(out, " AS ");
    put_query(table->query, out);
}

static const char *const language_words[] = {
    [AST_LANGUAGE_DEFAULT] = "",
    [AST_LANGUAGE_JAVA] = " LANGUAGE JAVA",
    [AST_LANGUAGE_SCALA] = " LANGUAGE SCALA",
    [AST_LANGUAGE_SQL] = " LANGUAGE SQL",
    [AST_LANGUAGE_PYTHON] = " LANGUAGE PYTHON",
};

static void put_create_function(const struct ast_create_function *function, struct strbuf *out) {
    put(out, "CREATE ");
    if (function->temporary) put(out, "TEMPORARY ");
    if (function->system) put(out, "SYSTEM ");
    put(out, function->if_not_exists ? "FUNCTION IF NOT EXISTS " : "FUNCTION ");
    unparse_name(function->name, out);
    put(out, " AS ");
    put_string(function->class_name, out);
    put(out, language_words[function->language]);
    for (int32_t i = 0; i < function->jars.count; i++) {
        put(out, i ? ", " : " USING ");
        put(out, function->artifacts ? "ARTIFACT " : "JAR ");
        put_string(AST_AT(function->jars, i, ast_string)->text, out);
    }
    put_with(function->options, out);
}

static void put_create_model(const struct ast_create_model *model, struct strbuf *out) {
    put(out, model->temporary ? "CREATE TEMPORARY MODEL " : "CREATE MODEL ");
    if (model->if_not_exists) put(out, "IF NOT EXISTS ");
    unparse_name(model->name, out);
    if (model->inputs.count) {
        put(out, " INPUT ");
        put_columns(model->inputs, out);
    }
    if (model->outputs.count) {
        put(out, " OUTPUT ");
        put_columns(model->outputs, out);
    }
    put_comment(model->comment, out);
    put_with(model->options, out);
    if (model->query) {
        put(out, " AS ");
        put_query(model->query, out);
    }
}

/* Elements of ALTER .. ADD and MODIFY. */
static void put_alter_elements(const struct ast_table_spec *spec, struct strbuf *out) {
    put_elements(spec, out);
    if (spec->distribution) {
        put(out, " DISTRIBUTION ");
        put_distribution(spec->distribution, out);
    }
}

static void put_alter(const struct ast_alter *alter, struct strbuf *out) {
    put(out, "ALTER ");
    if (alter->temporary) put(out, "TEMPORARY ");
    if (alter->system) put(out, "SYSTEM ");
    put(out, object_word(alter->object, alter->view_keyword));
    put(out, alter->if_exists ? " IF EXISTS " : " ");
    unparse_name(alter->name, out);
    switch (alter->action) {
    case AST_ALTER_RENAME:
        put(out, " RENAME TO ");
        unparse_name(alter->new_name, out);
        break;
    case AST_ALTER_RENAME_COLUMN:
        put(out, " RENAME ");
        unparse_name(alter->column, out);
        put(out, " TO ");
        unparse_name(alter->new_name, out);
        break;
    case AST_ALTER_SET_OPTIONS:
        put(out, " SET ");
        put_options(alter->options, out);
        break;
    case AST_ALTER_RESET_OPTIONS:
        put(out, " RESET (");
        for (int32_t i = 0; i < alter->keys.count; i++) {
            if (i) put(out, ", ");
            put_string(AST_AT(alter->keys, i, ast_string)->text, out);
        }
        strbuf_putc(out, ')');
        break;
    case AST_ALTER_ADD:
        put(out, " ADD");
        put_alter_elements(&alter->spec, out);
        break;
    case AST_ALTER_MODIFY:
        put(out, " MODIFY");
        put_alter_elements(&alter->spec, out);
        break;
    case AST_ALTER_DROP_COLUMNS:
        put(out, " DROP (");
        put_names(alter->columns, out);
        strbuf_putc(out, ')');
        break;
    case AST_ALTER_DROP_PRIMARY_KEY: put(out, " DROP PRIMARY KEY"); break;
    case AST_ALTER_DROP_CONSTRAINT:
        put(out, " DROP CONSTRAINT ");
        unparse_name(alter->column, out);
        break;
    case AST_ALTER_DROP_WATERMARK: put(out, " DROP WATERMARK"); break;
    case AST_ALTER_DROP_DISTRIBUTION: put(out, " DROP DISTRIBUTION"); break;
    case AST_ALTER_ADD_PARTITIONS:
    case AST_ALTER_DROP_PARTITIONS: {
        bool add = alter->action == AST_ALTER_ADD_PARTITIONS;
        put(out, add ? " ADD" : " DROP");
        if (alter->if_exists_inner) put(out, add ? " IF NOT EXISTS" : " IF EXISTS");
        for (int32_t i = 0; i < alter->partitions.count; i++) {
            put(out, i && !add ? ", " : " ");
            put_partition_spec(AST_AT(alter->partitions, i, ast_partition_spec), out);
        }
        break;
    }
    case AST_ALTER_AS_QUERY:
        put(out, " AS ");
        put_query(alter->query, out);
        break;
    case AST_ALTER_SUSPEND: put(out, " SUSPEND"); break;
    case AST_ALTER_RESUME:
        put(out, " RESUME");
        put_with(alter->options, out);
        break;
    case AST_ALTER_REFRESH:
        put(out, " REFRESH");
        if (alter->partitions.count) {
            strbuf_putc(out, ' ');
            put_partition_spec(AST_AT(alter->partitions, 0, ast_partition_spec), out);
        }
        break;
    case AST_ALTER_COMMENT: put_comment(alter->text, out); break;
    case AST_ALTER_FUNCTION_CLASS:
        put(out, " AS ");
        put_string(alter->text, out);
        put(out, language_words[alter->language]);
        break;
    case AST_ALTER_FRESHNESS:
        put(out, " SET FRESHNESS = ");
        put_literal(alter->freshness, out);
        break;
    case AST_ALTER_REFRESH_MODE:
        put(out, " SET ");
        put_refresh_mode(alter->refresh_mode, out);
        break;
    case AST_ALTER_ACTION_COUNT: break;
    }
}

static void put_drop(const struct ast_drop *drop, struct strbuf *out) {
    put(out, "DROP ");
    if (drop->temporary) put(out, "TEMPORARY ");
    if (drop->system) put(out, "SYSTEM ");
    put(out, object_word(drop->object, drop->view_keyword));
    put(out, drop->if_exists ? " IF EXISTS " : " ");
    unparse_name(drop->name, out);
    if (drop->behavior == AST_DROP_CASCADE) put(out, " CASCADE");
    if (drop->behavior == AST_DROP_RESTRICT) put(out, " RESTRICT");
}

/* ------------------------------------------------------------------------------------------------------- statements */

static void put_insert(const struct ast_insert *insert, struct strbuf *out) {
    put(out, insert->overwrite ? "INSERT OVERWRITE " : "INSERT INTO ");
    unparse_name(insert->table, out);
    put_hints(insert->hints, out);
    if (insert->partition) {
        strbuf_putc(out, ' ');
        put_partition_spec(insert->partition, out);
    }
    if (insert->columns.count) {
        put(out, " (");
        put_names(insert->columns, out);
        strbuf_putc(out, ')');
    }
    strbuf_putc(out, ' ');
    put_query(insert->query, out);
    switch (insert->on_conflict) {
    case AST_ON_CONFLICT_NONE: break;
    case AST_ON_CONFLICT_ERROR: put(out, " ON CONFLICT DO ERROR"); break;
    case AST_ON_CONFLICT_NOTHING: put(out, " ON CONFLICT DO NOTHING"); break;
    case AST_ON_CONFLICT_DEDUPLICATE: put(out, " ON CONFLICT DO DEDUPLICATE"); break;
    }
}

static void put_statement_set(const struct ast_statement_set *set, bool nested, struct strbuf *out) {
    put(out, set->client_form ? "BEGIN STATEMENT SET;"
             : nested         ? "STATEMENT SET BEGIN"
                              : "EXECUTE STATEMENT SET BEGIN");
    for (int32_t i = 0; i < set->inserts.count; i++) {
        strbuf_putc(out, ' ');
        put_statement(set->inserts.items[i], out);
        strbuf_putc(out, ';');
    }
    put(out, " END");
}

static void put_nested_statement(const struct ast_node *node, struct strbuf *out) {
    if (node->kind == AST_STATEMENT_SET)
        put_statement_set(AST_AS(node, ast_statement_set), true, out);
    else
        put_statement(node, out);
}

static void put_where(const struct ast_node *where, struct strbuf *out) {
    if (!where) return;
    put(out, " WHERE ");
    put_expr(where, LEVEL_ANY, out);
}

static void put_table_alias(const struct ast_ident *alias, struct strbuf *out) {
    if (!alias) return;
    put(out, " AS ");
    put_ident(alias, out);
}

static void put_explain(const struct ast_explain *explain, struct strbuf *out) {
    static const struct {
        uint32_t detail;
        const char *word;
    } details[] = {
        {AST_EXPLAIN_ESTIMATED_COST, "ESTIMATED_COST"},
        {AST_EXPLAIN_CHANGELOG_MODE, "CHANGELOG_MODE"},
        {AST_EXPLAIN_JSON_EXECUTION_PLAN, "JSON_EXECUTION_PLAN"},
        {AST_EXPLAIN_PLAN_ADVICE, "PLAN_ADVICE"},
        {AST_EXPLAIN_ANALYZE, "ANALYZE"},
    };
    put(out, explain->details & AST_EXPLAIN_PLAN_FOR ? "EXPLAIN PLAN FOR" : "EXPLAIN");
    bool first = true;
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        if (!(explain->details & details[i].detail)) continue;
        put(out, first ? " " : ", ");
        put(out, details[i].word);
        first = false;
    }
    strbuf_putc(out, ' ');
    put_nested_statement(explain->statement, out);
}

static void put_show(const struct ast_show *show, struct strbuf *out) {
    static const char *const words[AST_SHOW_WHAT_COUNT] = {
        [AST_SHOW_TABLES] = "TABLES",
        [AST_SHOW_VIEWS] = "VIEWS",
        [AST_SHOW_MATERIALIZED_TABLES] = "MATERIALIZED TABLES",
        [AST_SHOW_DATABASES] = "DATABASES",
        [AST_SHOW_CATALOGS] = "CATALOGS",
        [AST_SHOW_FUNCTIONS] = "FUNCTIONS",
        [AST_SHOW_PROCEDURES] = "PROCEDURES",
        [AST_SHOW_COLUMNS] = "COLUMNS",
        [AST_SHOW_PARTITIONS] = "PARTITIONS",
        [AST_SHOW_MODELS] = "MODELS",
        [AST_SHOW_CONNECTIONS] = "CONNECTIONS",
        [AST_SHOW_MODULES] = "MODULES",
        [AST_SHOW_JARS] = "JARS",
        [AST_SHOW_JOBS] = "JOBS",
        [AST_SHOW_CURRENT_CATALOG] = "CURRENT CATALOG",
        [AST_SHOW_CURRENT_DATABASE] = "CURRENT DATABASE",
        [AST_SHOW_CREATE] = "CREATE ",
    };
    put(out, "SHOW ");
    if (show->user) put(out, "USER ");
    if (show->full) put(out, "FULL ");
    if (show->view_keyword && show->what == AST_SHOW_MATERIALIZED_TABLES)
        put(out, "MATERIALIZED VIEWS");
    else
        put(out, words[show->what]);
    if (show->what == AST_SHOW_CREATE) put(out, object_word(show->object, show->view_keyword));
    if (show->scope || show->what == AST_SHOW_COLUMNS) put(out, show->in ? " IN" : " FROM");
    if (show->scope) {
        strbuf_putc(out, ' ');
        unparse_name(show->scope, out);
    }
    if (show->name) {
        strbuf_putc(out, ' ');
        unparse_name(show->name, out);
    }
    if (show->partition) {
        strbuf_putc(out, ' ');
        put_partition_spec(show->partition, out);
    }
    if (show->pattern.data) {
        put(out, show->negated ? " NOT" : "");
        put(out, show->ilike ? " ILIKE " : " LIKE ");
        put_string(show->pattern, out);
    }
}

static void put_assignments(struct ast_list assignments, struct strbuf *out) {
    for (int32_t i = 0; i < assignments.count; i++) {
        const struct ast_assignment *assignment = AST_AT(assignments, i, ast_assignment);
        put(out, i ? ", " : " SET ");
        unparse_name(assignment->target, out);
        put(out, " = ");
        put_expr(assignment->value, LEVEL_ANY, out);
    }
}

static void put_merge(const struct ast_merge *merge, struct strbuf *out) {
    put(out, "MERGE INTO ");
    unparse_name(merge->table, out);
    put_hints(merge->hints, out);
    put_table_alias(merge->alias, out);
    put(out, " USING ");
    put_table(merge->source, true, out);
    put(out, " ON ");
    put_expr(merge->on, LEVEL_ANY, out);
    for (int32_t i = 0; i < merge->clauses.count; i++) {
        const struct ast_merge_clause *clause = AST_AT(merge->clauses, i, ast_merge_clause);
        put(out, clause->action == AST_MERGE_INSERT ? " WHEN NOT MATCHED" : " WHEN MATCHED");
        if (clause->condition) {
            put(out, " AND ");
            put_expr(clause->condition, LEVEL_ANY, out);
        }
        put(out, " THEN ");
        switch (clause->action) {
        case AST_MERGE_DELETE: put(out, "DELETE"); break;
        case AST_MERGE_UPDATE:
            put(out, "UPDATE");
            put_assignments(clause->assignments, out);
            break;
        case AST_MERGE_INSERT:
            put(out, "INSERT ");
            if (clause->columns.count) put_paren_idents(clause->columns, out);
            put(out, clause->columns.count ? " VALUES (" : "VALUES (");
            put_exprs(clause->values->elements, out);
            strbuf_putc(out, ')');
            break;
        }
    }
}

static void put_statement(const struct ast_node *node, struct strbuf *out) {
    switch (node->kind) {
    case AST_QUERY: put_query(AST_AS(node, ast_query), out); break;
    case AST_INSERT: put_insert(AST_AS(node, ast_insert), out); break;
    case AST_UPDATE: {
        const struct ast_update *update = AST_AS(node, ast_update);
        put(out, "UPDATE ");
        unparse_name(update->table, out);
        put_hints(update->hints, out);
        put_table_alias(update->alias, out);
        put_assignments(update->assignments, out);
        put_where(update->where, out);
        break;
    }
    case AST_DELETE: {
        const struct ast_delete *delete = AST_AS(node, ast_delete);
        put(out, "DELETE FROM ");
        unparse_name(delete->table, out);
        put_hints(delete->hints, out);
        put_table_alias(delete->alias, out);
        put_where(delete->where, out);
        break;
    }
    case AST_MERGE: put_merge(AST_AS(node, ast_merge), out); break;
    case AST_STATEMENT_SET: put_statement_set(AST_AS(node, ast_statement_set), false, out); break;
    case AST_CREATE_TABLE: put_create_table(AST_AS(node, ast_create_table), out); break;
    case AST_CREATE_MATERIALIZED_TABLE:
        put_create_materialized_table(AST_AS(node, ast_create_materialized_table), out);
        break;
    case AST_CREATE_VIEW: {
        const struct ast_create_view *view = AST_AS(node, ast_create_view);
        put(out, view->or_replace ? "CREATE OR REPLACE " : "CREATE ");
        if (view->temporary) put(out, "TEMPORARY ");
        put(out, view->if_not_exists ? "VIEW IF NOT EXISTS " : "VIEW ");
        unparse_name(view->name, out);
        if (view->columns.count) {
            strbuf_putc(out, ' ');
            put_columns(view->columns, out);
        }
        put_comment(view->comment, out);
        put(out, " AS ");
        put_query(view->query, out);
        break;
    }
    case AST_CREATE_CATALOG: {
        const struct ast_create_catalog *catalog = AST_AS(node, ast_create_catalog);
        put(out, catalog->if_not_exists ? "CREATE CATALOG IF NOT EXISTS " : "CREATE CATALOG ");
        put_ident(catalog->name, out);
        put_comment(catalog->comment, out);
        put_with(catalog->options, out);
        break;
    }
    case AST_CREATE_DATABASE: {
        const struct ast_create_database *database = AST_AS(node, ast_create_database);
        put(out, database->if_not_exists ? "CREATE DATABASE IF NOT EXISTS " : "CREATE DATABASE ");
        unparse_name(database->name, out);
        put_comment(database->comment, out);
        put_with(database->options, out);
        break;
    }
    case AST_CREATE_FUNCTION: put_create_function(AST_AS(node, ast_create_function), out); break;
    case AST_CREATE_MODEL: put_create_model(AST_AS(node, ast_create_model), out); break;
    case AST_CREATE_CONNECTION: {
        const struct ast_create_connection *connection = AST_AS(node, ast_create_connection);
        put(out, "CREATE ");
        if (connection->temporary) put(out, "TEMPORARY ");
        if (connection->system) put(out, "SYSTEM ");
        put(out, connection->if_not_exists ? "CONNECTION IF NOT EXISTS " : "CONNECTION ");
        unparse_name(connection->name, out);
        put_comment(connection->comment, out);
        put(out, " WITH ");
        put_options(connection->options, out);
        break;
    }
    case AST_DROP: put_drop(AST_AS(node, ast_drop), out); break;
    case AST_ALTER: put_alter(AST_AS(node, ast_alter), out); break;
    case AST_TRUNCATE:
        put(out, "TRUNCATE TABLE ");
        unparse_name(AST_AS(node, ast_truncate)->table, out);
        break;
    case AST_ANALYZE: {
        const struct ast_analyze *analyze = AST_AS(node, ast_analyze);
        put(out, "ANALYZE TABLE ");
        unparse_name(analyze->table, out);
        if (analyze->partition) {
            strbuf_putc(out, ' ');
            put_partition_spec(analyze->partition, out);
        }
        put(out, " COMPUTE STATISTICS");
        if (analyze->all_columns) put(out, " FOR ALL COLUMNS");
        if (analyze->columns.count) {
            put(out, " FOR COLUMNS ");
            put_idents(analyze->columns, out);
        }
        break;
    }
    case AST_SHOW: put_show(AST_AS(node, ast_show), out); break;
    case AST_DESCRIBE: {
        const struct ast_describe *describe = AST_AS(node, ast_describe);
        put(out, "DESCRIBE ");
        if (describe->object != AST_OBJECT_TABLE) {
            put(out, object_words[describe->object]);
            strbuf_putc(out, ' ');
        }
        if (describe->extended) put(out, "EXTENDED ");
        if (describe->name)
            unparse_name(describe->name, out);
        else
            put_string(describe->job_id, out);
        break;
    }
    case AST_USE: {
        const struct ast_use *use = AST_AS(node, ast_use);
        put(out, use->what == AST_USE_MODULES   ? "USE MODULES "
                 : use->what == AST_USE_CATALOG ? "USE CATALOG "
                                                : "USE ");
        if (use->name)
            unparse_name(use->name, out);
        else
            put_idents(use->modules, out);
        break;
    }
    case AST_SET:
        put(out, "SET");
        if (AST_AS(node, ast_set)->option) {
            strbuf_putc(out, ' ');
            put_option(AST_AS(node, ast_set)->option, out);
        }
        break;
    case AST_RESET:
        put(out, "RESET");
        if (AST_AS(node, ast_reset)->key.data) {
            strbuf_putc(out, ' ');
            put_string(AST_AS(node, ast_reset)->key, out);
        }
        break;
    case AST_EXPLAIN: put_explain(AST_AS(node, ast_explain), out); break;
    case AST_EXECUTE:
        put(out, "EXECUTE ");
        put_statement(AST_AS(node, ast_execute)->statement, out);
        break;
    case AST_COMPILE_PLAN: {
        const struct ast_compile_plan *plan = AST_AS(node, ast_compile_plan);
        put(out, plan->execute ? "COMPILE AND EXECUTE PLAN " : "COMPILE PLAN ");
        put_string(plan->path, out);
        put(out, plan->if_not_exists ? " IF NOT EXISTS FOR " : " FOR ");
        put_nested_statement(plan->statement, out);
        break;
    }
    case AST_EXECUTE_PLAN:
        put(out, "EXECUTE PLAN ");
        put_string(AST_AS(node, ast_execute_plan)->path, out);
        break;
    case AST_JAR:
        put(out, AST_AS(node, ast_jar)->remove ? "REMOVE JAR " : "ADD JAR ");
        put_string(AST_AS(node, ast_jar)->path, out);
        break;
    case AST_STOP_JOB:
        put(out, "STOP JOB ");
        put_string(AST_AS(node, ast_stop_job)->job_id, out);
        if (AST_AS(node, ast_stop_job)->with_savepoint) put(out, " WITH SAVEPOINT");
        if (AST_AS(node, ast_stop_job)->with_drain) put(out, " WITH DRAIN");
        break;
    case AST_CALL:
        put(out, "CALL ");
        put_function(AST_AS(node, ast_call)->function, out);
        break;
    case AST_MODULE:
        put(out, AST_AS(node, ast_module)->unload ? "UNLOAD MODULE " : "LOAD MODULE ");
        put_ident(AST_AS(node, ast_module)->name, out);
        put_with(AST_AS(node, ast_module)->options, out);
        break;
    case AST_CLIENT_COMMAND: {
        static const char *const words[] = {
            [AST_COMMAND_QUIT] = "QUIT",
            [AST_COMMAND_EXIT] = "EXIT",
            [AST_COMMAND_CLEAR] = "CLEAR",
            [AST_COMMAND_HELP] = "HELP",
        };
        put(out, words[AST_AS(node, ast_client_command)->command]);
        break;
    }
    case AST_TYPE: unparse_type(AST_AS(node, ast_type), out); break;
    case AST_SELECT:
    case AST_SET_OP:
    case AST_VALUES:
    case AST_EXPLICIT_TABLE: put_body(node, 0, out); break;
    default: break; /* parts that have no SQL of their own */
    }
}

void unparse_statement(const struct ast_node *root, struct strbuf *out) { put_statement(root, out); }
