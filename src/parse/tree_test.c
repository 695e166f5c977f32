/* The shape of trees, field by field, and the places of nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "parse/parse.h"

extern const struct CMUnitTest tree_tests[];
extern const size_t tree_tests_count;

static struct arena arena;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static struct ast_node *parse_root(const char *sql, enum ast_kind kind) {
    struct ast_statement *stmt;
    struct error err;
    if (parse_statement(sql, strlen(sql), &arena, &stmt, &err) != STATUS_OK) fail_msg("%s: %s", sql, err.message);
    assert_int_equal(stmt->root->kind, kind);
    return stmt->root;
}

static struct ast_select *parse_select(const char *sql) {
    struct ast_query *query = AST_AS(parse_root(sql, AST_QUERY), ast_query);
    assert_int_equal(query->body->kind, AST_SELECT);
    return AST_AS(query->body, ast_select);
}

/* The first select item's expression. */
static struct ast_node *parse_expr_of(const char *sql, enum ast_kind kind) {
    struct ast_node *expr = AST_AT(parse_select(sql)->items, 0, ast_select_item)->expr;
    assert_int_equal(expr->kind, kind);
    return expr;
}

/* The node covers this text. */
static void check_place(const char *sql, const struct ast_node *node, const char *text) {
    if ((size_t)node->length != strlen(text) || strncmp(sql + node->offset, text, (size_t)node->length) != 0)
        fail_msg("%s: %s covers \"%.*s\" and not \"%s\"", sql, ast_kind_name(node->kind), (int)node->length,
                 sql + node->offset, text);
}

static void check_dump(const char *sql, const char *expected) {
    struct strbuf out = {0};
    ast_dump(parse_expr_of(
                 arena_printf(&arena, "SELECT %s", sql),
                 AST_AT(parse_select(arena_printf(&arena, "SELECT %s", sql))->items, 0, ast_select_item)->expr->kind),
             &out);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
}

static void precedence(void **state) {
    (void)state;
    static const struct {
        const char *sql, *same; /* the same with all parentheses */
    } list[] = {
        {"a OR b AND c", "a OR (b AND c)"},
        {"NOT a AND b", "(NOT a) AND b"},
        {"NOT a = b", "NOT (a = b)"},
        {"a = b IS NULL", "(a = b) IS NULL"},
        {"a + b = c + d", "(a + b) = (c + d)"},
        {"a = b BETWEEN c AND d", "a = (b BETWEEN c AND d)"},
        {"a BETWEEN b AND c AND d", "(a BETWEEN b AND c) AND d"},
        {"a BETWEEN b + 1 AND c * 2", "a BETWEEN (b + 1) AND (c * 2)"},
        {"a = b IN (c)", "a = (b IN (c))"},
        {"a || b LIKE c || d", "(a || b) LIKE (c || d)"},
        {"a + b * c", "a + (b * c)"},
        {"a - b - c", "(a - b) - c"},
        {"a / b * c % d", "((a / b) * c) % d"},
        {"a || b + c", "(a || b) + c"},
        {"a || b * c", "(a || b) * c"},
        {"-a * b", "(-a) * b"},
        {"-a[1]", "-(a[1])"},
        {"-a::INT", "-(a::INT)"},
        {"a < b = c", "(a < b) = c"},
        {"a IS NULL IS NOT TRUE", "(a IS NULL) IS NOT TRUE"},
        {"a IS DISTINCT FROM b AND c", "(a IS DISTINCT FROM b) AND c"},
        {"a = b IS DISTINCT FROM c", "(a = b) IS DISTINCT FROM c"},
        {"a NOT LIKE b OR c", "(a NOT LIKE b) OR c"},
        {"a AND b AND c", "(a AND b) AND c"},
        {"CASE a WHEN b THEN c END + 1", "(CASE a WHEN b THEN c END) + 1"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct ast_node *a, *b;
        struct error err;
        assert_int_equal(parse_expression(list[i].sql, strlen(list[i].sql), &arena, &a, &err), STATUS_OK);
        assert_int_equal(parse_expression(list[i].same, strlen(list[i].same), &arena, &b, &err), STATUS_OK);
        if (!ast_equal(a, b)) fail_msg("%s is not %s", list[i].sql, list[i].same);
    }
    check_dump(
        "a AND b AND (c AND d)",
        "(LOGIC args=[(COLUMN_REF name=(NAME a)) (COLUMN_REF name=(NAME b)) (LOGIC args=[(COLUMN_REF name=(NAME c)) "
        "(COLUMN_REF name=(NAME d))])])");
    check_dump("-1", "(UNARY operand=(LITERAL literal_kind=3 text='1'))");
}

static void literals(void **state) {
    (void)state;
    struct ast_literal *literal = AST_AS(parse_expr_of("SELECT U&'a\\00e9\\\\''b'", AST_LITERAL), ast_literal);
    assert_int_equal(literal->literal_kind, AST_LITERAL_STRING);
    assert_true(str_equal(literal->text, str_from("a\xc3\xa9\\'b")));
    literal = AST_AS(parse_expr_of("SELECT X'00ff10'", AST_LITERAL), ast_literal);
    assert_int_equal(literal->literal_kind, AST_LITERAL_BINARY);
    assert_true(str_equal(literal->text, (struct str){"\x00\xff\x10", 3}));
    literal = AST_AS(parse_expr_of("SELECT INTERVAL -'1 02:03' DAY(3) TO SECOND(6)", AST_LITERAL), ast_literal);
    assert_int_equal(literal->literal_kind, AST_LITERAL_INTERVAL);
    assert_true(literal->negative);
    assert_int_equal(literal->interval.from, AST_UNIT_DAY);
    assert_int_equal(literal->interval.to, AST_UNIT_SECOND);
    assert_int_equal(literal->interval.precision, 3);
    assert_int_equal(literal->interval.fraction, 6);
    literal = AST_AS(parse_expr_of("SELECT INTERVAL '1' MONTHS", AST_LITERAL), ast_literal);
    assert_int_equal(literal->interval.from, AST_UNIT_MONTH);
    assert_int_equal(literal->interval.to, AST_UNIT_NONE);
    assert_int_equal(literal->interval.precision, -1);
    literal = AST_AS(parse_expr_of("SELECT 0123456789012345678901234567890123456789.50", AST_LITERAL), ast_literal);
    assert_int_equal(literal->literal_kind, AST_LITERAL_DECIMAL);
    assert_string_equal(literal->text.data, "0123456789012345678901234567890123456789.50");
    struct ast_statement *stmt;
    assert_int_equal(parse_statement("SELECT ?, 'a?', ?", 17, &arena, &stmt, NULL), STATUS_OK);
    assert_int_equal(stmt->parameter_count, 2);
}

static void places(void **state) {
    (void)state;
    const char *sql = "SELECT  t.a + f( b ) AS x FROM c.`d e` AS t WHERE ( a = 1 OR b ) AND c  ORDER BY a DESC ;";
    struct ast_node *root = parse_root(sql, AST_QUERY);
    check_place(sql, root, "SELECT  t.a + f( b ) AS x FROM c.`d e` AS t WHERE ( a = 1 OR b ) AND c  ORDER BY a DESC");
    struct ast_query *query = AST_AS(root, ast_query);
    check_place(sql, query->body, "SELECT  t.a + f( b ) AS x FROM c.`d e` AS t WHERE ( a = 1 OR b ) AND c");
    struct ast_select *select = AST_AS(query->body, ast_select);
    struct ast_select_item *item = AST_AT(select->items, 0, ast_select_item);
    check_place(sql, &item->node, "t.a + f( b ) AS x");
    check_place(sql, item->expr, "t.a + f( b )");
    check_place(sql, &item->alias->node, "x");
    struct ast_binary *add = AST_AS(item->expr, ast_binary);
    check_place(sql, add->left, "t.a");
    check_place(sql, &AST_AS(add->left, ast_column_ref)->name->parts[1].node, "a");
    check_place(sql, add->right, "f( b )");
    struct ast_table_name *table = AST_AS(select->from, ast_table_name);
    check_place(sql, &table->node, "c.`d e` AS t");
    check_place(sql, &table->name->node, "c.`d e`");
    assert_string_equal(table->name->parts[1].text, "d e");
    assert_true(table->name->parts[1].quoted);
    check_place(sql, select->where, "( a = 1 OR b ) AND c");
    check_place(sql, AST_AS(select->where, ast_logic)->args.items[0], "a = 1 OR b");
    check_place(sql, query->order_by.items[0], "a DESC");

    sql = "INSERT INTO t (a) SELECT SUM(b) FILTER (WHERE c) OVER (ORDER BY d) FROM u ON CONFLICT DO NOTHING";
    struct ast_insert *insert = AST_AS(parse_root(sql, AST_INSERT), ast_insert);
    check_place(sql, &insert->node, sql);
    check_place(sql, &insert->query->node, "SELECT SUM(b) FILTER (WHERE c) OVER (ORDER BY d) FROM u");
    assert_memory_equal(sql + insert->on_conflict_offset, "ON CONFLICT DO NOTHING", (size_t)insert->on_conflict_length);
    select = AST_AS(insert->query->body, ast_select);
    check_place(sql, AST_AT(select->items, 0, ast_select_item)->expr, "SUM(b) FILTER (WHERE c) OVER (ORDER BY d)");

    sql = "CREATE TABLE t (a INT NOT NULL COMMENT 'x', WATERMARK FOR a AS a - 1) WITH ('k' = 'v')";
    struct ast_create_table *create = AST_AS(parse_root(sql, AST_CREATE_TABLE), ast_create_table);
    check_place(sql, create->spec.columns.items[0], "a INT NOT NULL COMMENT 'x'");
    check_place(sql, &AST_AT(create->spec.columns, 0, ast_column_def)->type->node, "INT NOT NULL");
    check_place(sql, create->spec.watermarks.items[0], "WATERMARK FOR a AS a - 1");
    struct ast_option *option = AST_AT(create->spec.options, 0, ast_option);
    assert_memory_equal(sql + option->key_offset, "'k'", (size_t)option->key_length);
    assert_memory_equal(sql + option->value_offset, "'v'", (size_t)option->value_length);

    sql = "SELECT * FROM a LEFT JOIN b ON a.x = b.x CROSS JOIN c";
    struct ast_join *join = AST_AS(parse_select(sql)->from, ast_join);
    check_place(sql, &join->node, "a LEFT JOIN b ON a.x = b.x CROSS JOIN c");
    check_place(sql, join->left, "a LEFT JOIN b ON a.x = b.x");
    check_place(sql, join->right, "c");
}

static void queries(void **state) {
    (void)state;
    struct ast_query *query = AST_AS(
        parse_root(
            "WITH a (x) AS (SELECT 1) SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 ORDER BY 1 LIMIT 5 OFFSET 6",
            AST_QUERY),
        ast_query);
    assert_int_equal(query->with.count, 1);
    assert_int_equal(AST_AT(query->with, 0, ast_cte)->columns.count, 1);
    assert_int_equal(query->body->kind, AST_SET_OP);
    struct ast_set_op *set_op = AST_AS(query->body, ast_set_op);
    assert_int_equal(set_op->op, AST_SET_UNION);
    assert_true(set_op->all);
    assert_int_equal(set_op->right->kind, AST_SET_OP);
    assert_string_equal(AST_AS(query->limit, ast_literal)->text.data, "5");
    assert_string_equal(AST_AS(query->offset, ast_literal)->text.data, "6");

    struct ast_select *select =
        parse_select("SELECT DISTINCT a FROM t GROUP BY a, (b, c), GROUPING SETS ((d), (e, f), ()) "
                     "HAVING g QUALIFY h");
    assert_true(select->distinct);
    assert_true(select->grouped);
    assert_int_equal(select->group_by.count, 3);
    assert_int_equal(select->group_by.items[0]->kind, AST_COLUMN_REF);
    assert_int_equal(AST_AT(select->group_by, 1, ast_grouping)->grouping_kind, AST_GROUPING_SET);
    struct ast_grouping *sets = AST_AT(select->group_by, 2, ast_grouping);
    assert_int_equal(sets->grouping_kind, AST_GROUPING_SETS);
    assert_int_equal(sets->elements.items[0]->kind, AST_COLUMN_REF);
    assert_int_equal(AST_AT(sets->elements, 1, ast_grouping)->elements.count, 2);
    assert_int_equal(AST_AT(sets->elements, 2, ast_grouping)->elements.count, 0);
    assert_non_null(select->having);
    assert_non_null(select->qualify);

    query = AST_AS(parse_root("VALUES 1, (2), (3, 4), ROW(5)", AST_QUERY), ast_query);
    struct ast_values *values = AST_AS(query->body, ast_values);
    static const int widths[] = {1, 1, 2, 1};
    for (int i = 0; i < 4; i++) {
        struct ast_constructor *row = AST_AT(values->rows, i, ast_constructor);
        assert_int_equal(row->node.kind, AST_CONSTRUCTOR);
        assert_int_equal(row->elements.count, widths[i]);
    }

    struct ast_table_function *window = AST_AS(
        parse_select(
            "SELECT * FROM TABLE(TUMBLE(DATA => TABLE c.b, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' DAY))")
            ->from,
        ast_table_function);
    assert_true(window->wrapped);
    assert_string_equal(window->call->name->parts[0].text, "TUMBLE");
    struct ast_named_arg *data = AST_AT(window->call->args, 0, ast_named_arg);
    assert_int_equal(data->value->kind, AST_TABLE_ARG);
    assert_int_equal(AST_AS(data->value, ast_table_arg)->name->count, 2);
    assert_int_equal(AST_AT(window->call->args, 1, ast_named_arg)->value->kind, AST_DESCRIPTOR);

    /* Commas and joins group to the left alike. */
    struct ast_join *join = AST_AS(parse_select("SELECT * FROM a, b JOIN c ON x")->from, ast_join);
    assert_int_equal(join->type, AST_JOIN_INNER);
    assert_int_equal(AST_AS(join->left, ast_join)->type, AST_JOIN_COMMA);
}

static void function_calls(void **state) {
    (void)state;
    struct ast_function *call = AST_AS(
        parse_expr_of("SELECT Sum(DISTINCT a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d ROWS 3 PRECEDING)",
                      AST_FUNCTION),
        ast_function);
    assert_string_equal(call->name->parts[0].text, "Sum");
    assert_true(call->distinct);
    assert_non_null(call->filter);
    assert_int_equal(call->over->frame_unit, AST_FRAME_ROWS);
    assert_false(call->over->frame_between);
    assert_int_equal(call->over->start, AST_BOUND_PRECEDING);
    assert_int_equal(call->over->end, AST_BOUND_CURRENT_ROW);
    assert_int_equal(call->over->partition_by.count, 1);
    call = AST_AS(parse_expr_of("SELECT trim(x)", AST_FUNCTION), ast_function);
    assert_string_equal(call->name->parts[0].text, "TRIM");
    assert_int_equal(call->args.count, 3);
    assert_string_equal(AST_AT(call->args, 0, ast_symbol)->text, "BOTH");
    assert_true(str_equal(AST_AT(call->args, 1, ast_literal)->text, str_from(" ")));
    call = AST_AS(parse_expr_of("SELECT timestampdiff(sql_tsi_days, x, y)", AST_FUNCTION), ast_function);
    assert_int_equal(AST_AT(call->args, 0, ast_symbol)->unit, AST_UNIT_DAY);
    assert_string_equal(AST_AT(call->args, 0, ast_symbol)->text, "DAY");
    call = AST_AS(parse_expr_of("SELECT extract(isodow FROM y)", AST_FUNCTION), ast_function);
    assert_int_equal(AST_AT(call->args, 0, ast_symbol)->unit, AST_UNIT_NONE);
    assert_string_equal(AST_AT(call->args, 0, ast_symbol)->text, "ISODOW");
    call = AST_AS(parse_expr_of("SELECT count(*)", AST_FUNCTION), ast_function);
    assert_int_equal(call->args.items[0]->kind, AST_STAR);
    call = AST_AS(parse_expr_of("SELECT current_date", AST_FUNCTION), ast_function);
    assert_int_equal(call->syntax, AST_CALL_NO_PARENS);
    assert_string_equal(call->name->parts[0].text, "CURRENT_DATE");
    call =
        AST_AS(parse_expr_of("SELECT JSON_VALUE(a, '$' NULL ON EMPTY RETURNING INT DEFAULT 1 ON ERROR)", AST_FUNCTION),
               ast_function);
    assert_int_equal(call->json->on_empty, AST_JSON_NULL);
    assert_int_equal(call->json->on_error, AST_JSON_DEFAULT);
    assert_non_null(call->json->on_error_default);
    assert_int_equal(call->json->returning->type_kind, AST_TYPE_INT);
}

static void definitions(void **state) {
    (void)state;
    struct ast_create_table *table = AST_AS(
        parse_root(
            "CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, b AS a + 1, c STRING METADATA FROM 'k' VIRTUAL, "
            "CONSTRAINT p PRIMARY KEY (a, b), WATERMARK FOR x.y AS z) PARTITIONED BY (a) WITH ('m' = 'n') LIKE s "
            "(EXCLUDING ALL)",
            AST_CREATE_TABLE),
        ast_create_table);
    struct ast_column_def *column = AST_AT(table->spec.columns, 0, ast_column_def);
    assert_int_equal(column->column_kind, AST_COLUMN_PHYSICAL);
    assert_int_equal(column->constraint->enforced, AST_NOT_ENFORCED);
    column = AST_AT(table->spec.columns, 1, ast_column_def);
    assert_int_equal(column->column_kind, AST_COLUMN_COMPUTED);
    assert_int_equal(column->expr->kind, AST_BINARY);
    column = AST_AT(table->spec.columns, 2, ast_column_def);
    assert_int_equal(column->column_kind, AST_COLUMN_METADATA);
    assert_true(column->is_virtual);
    assert_true(str_equal(column->metadata_key, str_from("k")));
    assert_int_equal(AST_AT(table->spec.constraints, 0, ast_constraint)->columns.count, 2);
    assert_int_equal(AST_AT(table->spec.watermarks, 0, ast_watermark)->column->count, 2);
    assert_int_equal(table->spec.partitioned_by.count, 1);
    assert_true(table->spec.has_with);
    assert_int_equal(AST_AT(table->like->options, 0, ast_like_option)->strategy, AST_EXCLUDING);
    table = AST_AS(parse_root("CREATE TABLE t", AST_CREATE_TABLE), ast_create_table);
    assert_false(table->spec.has_with);
    assert_null(table->spec.comment.data);

    struct ast_type *type;
    assert_int_equal(parse_type("DECIMAL(10,2) NOT NULL", 22, &arena, &type, NULL), STATUS_OK);
    assert_int_equal(type->type_kind, AST_TYPE_DECIMAL);
    assert_int_equal(type->precision, 10);
    assert_int_equal(type->scale, 2);
    assert_int_equal(type->nullability, AST_NULLABILITY_NOT_NULL);
    assert_int_equal(parse_type("TIMESTAMP(3) WITH LOCAL TIME ZONE", 33, &arena, &type, NULL), STATUS_OK);
    assert_int_equal(type->type_kind, AST_TYPE_TIMESTAMP_LTZ);
    assert_int_equal(type->precision, 3);
    assert_int_equal(parse_type("BIGINT", 6, &arena, &type, NULL), STATUS_OK);
    assert_int_equal(type->precision, -1);
    assert_int_equal(type->nullability, AST_NULLABILITY_DEFAULT);

    struct ast_set *set = AST_AS(parse_root("SET a.b = x y", AST_SET), ast_set);
    assert_true(str_equal(set->option->key, str_from("a.b")));
    assert_true(str_equal(set->option->value, str_from("x y")));
    assert_null(AST_AS(parse_root("SET;", AST_SET), ast_set)->option);
    assert_null(AST_AS(parse_root("RESET", AST_RESET), ast_reset)->key.data);

    struct ast_explain *explain = AST_AS(parse_root("EXPLAIN PLAN_ADVICE, ANALYZE SELECT 1", AST_EXPLAIN), ast_explain);
    assert_int_equal(explain->details, AST_EXPLAIN_PLAN_ADVICE | AST_EXPLAIN_ANALYZE);
    struct ast_statement_set *statement_set = AST_AS(
        parse_root("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END;", AST_STATEMENT_SET),
        ast_statement_set);
    assert_true(statement_set->client_form);
    assert_int_equal(statement_set->inserts.count, 2);
}

static bool flagged(struct ast_node *node, void *data) {
    bool *found = data;
    *found |= node->non_portable;
    return ast_each_child(node, flagged, data);
}

static void portability(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        bool non_portable;
    } list[] = {
        {"SELECT a LIKE b", false},
        {"SELECT a ILIKE b", true},
        {"SELECT a <> b", false},
        {"SELECT a != b", true},
        {"SELECT CAST(a AS INT)", false},
        {"SELECT a::INT", true},
        {"SELECT a FROM t GROUP BY ALL", true},
        {"SELECT * EXCLUDE (a) FROM t", true},
        {"SELECT t.* FROM t", false},
        {"WITH RECURSIVE a AS (SELECT 1) SELECT 1", true},
        {"WITH a AS (SELECT 1) SELECT 1", false},
        {"SELECT 1 OFFSET 2 LIMIT 1", true},
        {"SELECT 1 LIMIT 1 OFFSET 2", false},
        {"SELECT LISTAGG(a) WITHIN GROUP (ORDER BY b)", true},
        {"SELECT * FROM a ASOF JOIN b MATCH_CONDITION x ON y", true},
        {"CREATE OR REPLACE VIEW v AS SELECT 1", true},
        {"CREATE MATERIALIZED VIEW v AS SELECT 1", true},
        {"EXPLAIN ANALYZE SELECT 1", true},
        {"CREATE FUNCTION f AS 'x' USING ARTIFACT 'y'", false},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct ast_statement *stmt;
        assert_int_equal(parse_statement(list[i].sql, strlen(list[i].sql), &arena, &stmt, NULL), STATUS_OK);
        bool found = false;
        flagged(stmt->root, &found);
        if (found != list[i].non_portable) fail_msg("%s", list[i].sql);
    }
    struct ast_select *select = parse_select("SELECT value, name, `value`, count(x) FROM t");
    static const bool reserved[] = {true, false, false};
    for (int i = 0; i < 3; i++) {
        struct ast_node *expr = AST_AT(select->items, i, ast_select_item)->expr;
        assert_int_equal(AST_AS(expr, ast_column_ref)->name->parts[0].flink_reserved, reserved[i]);
    }
}

static void walking(void **state) {
    (void)state;
    struct ast_node *root = parse_root("SELECT a + b FROM t", AST_QUERY);
    /* QUERY SELECT SELECT_ITEM BINARY COLUMN_REF NAME IDENT */
    assert_int_equal(ast_depth(root, 100), 7);
    assert_int_equal(ast_depth(root, 7), 7);
    assert_int_equal(ast_depth(root, 6), 7);
    assert_int_equal(ast_depth(root, 3), 4);
    assert_true(ast_equal(root, root));
    assert_true(ast_equal(NULL, NULL));
    assert_false(ast_equal(root, NULL));
    assert_false(ast_equal(root, parse_root("SELECT a - b FROM t", AST_QUERY)));
    assert_false(ast_equal(root, parse_root("SELECT a + b FROM t, u", AST_QUERY)));
    assert_false(ast_equal(root, parse_root("SELECT a + B FROM t", AST_QUERY)));
    assert_true(ast_equal(root, parse_root("select  `a` + (b) /* x */ from t", AST_QUERY)));
    for (int kind = 0; kind < AST_KIND_COUNT; kind++) assert_true(strlen(ast_kind_name((enum ast_kind)kind)) > 0);
    for (int op = 0; op < AST_BINARY_OP_COUNT; op++) assert_non_null(ast_binary_op_text((enum ast_binary_op)op));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest tree_tests[] = {
    TEST(precedence),     TEST(literals),    TEST(places),      TEST(queries),
    TEST(function_calls), TEST(definitions), TEST(portability), TEST(walking),
};
const size_t tree_tests_count = sizeof tree_tests / sizeof *tree_tests;
