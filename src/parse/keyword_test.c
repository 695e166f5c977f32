/* keywords.def against the grammar: every keyword as an identifier, in quotes and without, and as a function's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "parse/parse.h"
#include "parse/parser_private.h"
#include "parse/unparse.h"

extern const struct CMUnitTest keyword_tests[];
extern const size_t keyword_tests_count;

/* Parses and gives the only select item, or NULL. */
static struct ast_select_item *parse_item(struct arena *arena, const char *sql) {
    struct ast_statement *stmt;
    if (parse_statement(sql, strlen(sql), arena, &stmt, NULL) != STATUS_OK) return NULL;
    const struct ast_query *query = AST_AS(stmt->root, ast_query);
    return AST_AT(AST_AS(query->body, ast_select)->items, 0, ast_select_item);
}

static void lower(char *out, const char *word) {
    for (; *word; word++) *out++ = (char)(*word >= 'A' && *word <= 'Z' ? *word + 32 : *word);
    *out = 0;
}

static void sorted(void **state) {
    (void)state;
    for (int i = 1; i < parse_keyword_count; i++)
        if (strcmp(parse_keywords[i - 1].word, parse_keywords[i].word) >= 0)
            fail_msg("%s stands before %s", parse_keywords[i - 1].word, parse_keywords[i].word);
    for (int i = 0; i < parse_keyword_count; i++) {
        char word[64];
        lower(word, parse_keywords[i].word);
        assert_ptr_equal(parse_keyword(word, strlen(word)), &parse_keywords[i]);
        assert_int_equal(parse_is_reserved(word), !parse_keywords[i].ident);
    }
    assert_null(parse_keyword("selec", 5));
    assert_null(parse_keyword("selectx", 7));
    assert_null(parse_keyword("", 0));
}

static void quoted(void **state) {
    (void)state;
    for (int i = 0; i < parse_keyword_count; i++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const char *sql = arena_printf(&arena, "SELECT `%1$s`.`%1$s`(`%1$s`) AS `%1$s` FROM `%1$s`.`%1$s` AS `%1$s`",
                                       parse_keywords[i].word);
        const struct ast_select_item *item = parse_item(&arena, sql);
        if (!item) fail_msg("%s", sql);
        assert_string_equal(item->alias->text, parse_keywords[i].word);
        assert_true(item->alias->quoted);
        assert_false(item->alias->flink_reserved);
        arena_destroy(&arena);
    }
}

/* Without quotes: as alias, column, table and column definition, just where keywords.def says so. */
static void unquoted(void **state) {
    (void)state;
    for (int i = 0; i < parse_keyword_count; i++) {
        const struct keyword *keyword = &parse_keywords[i];
        char word[64];
        lower(word, keyword->word);
        static const char *const templates[] = {
            "SELECT x AS %s",
            "SELECT x %s",
            "SELECT x.%s",
            "SELECT %s FROM t",
            "SELECT %s, 1 FROM t",
            "SELECT (%s * 1) FROM t",
            "SELECT x FROM %s",
            "SELECT x FROM t %s WHERE y",
            "SELECT x FROM t AS %s (a, b)",
            "SELECT x FROM t ORDER BY %s",
            "CREATE TABLE t (%s INT)",
            "CREATE TABLE %s (a INT)",
            "DROP TABLE %s",
            "INSERT INTO %s SELECT 1",
            "INSERT INTO t (%s) SELECT 1",
            "UPDATE t SET %s = 1",
            "DESCRIBE %s",
            "USE %s",
        };
        for (size_t k = 0; k < sizeof templates / sizeof *templates; k++) {
            /* These begin a longer form of the statement. */
            if (strcmp(templates[k], "USE %s") == 0 && strcmp(word, "modules") == 0) continue;
            char sql[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(sql, sizeof sql, templates[k], word);
#pragma GCC diagnostic pop
            /* Values and functions without parentheses are expressions by themselves. */
            bool value = strcmp(word, "null") == 0 || strcmp(word, "true") == 0 || strcmp(word, "false") == 0 ||
                         strcmp(word, "unknown") == 0 || strncmp(word, "current_date", 12) == 0 ||
                         strcmp(word, "current_time") == 0 || strcmp(word, "current_timestamp") == 0 ||
                         strncmp(word, "localtime", 9) == 0;
            bool in_expression = strncmp(templates[k], "SELECT %s", 9) == 0 ||
                                 strncmp(templates[k], "SELECT (", 8) == 0 || strstr(templates[k], "ORDER BY") != NULL;
            struct arena arena;
            arena_init(&arena, NULL);
            struct ast_statement *stmt;
            bool parses = parse_statement(sql, strlen(sql), &arena, &stmt, NULL) == STATUS_OK;
            bool expected = keyword->ident || (value && in_expression);
            /* A clause of its own. */
            if (!keyword->ident && parses && !expected) {
                struct strbuf text = {0};
                unparse_statement(stmt->root, &text);
                bool other = strcmp(word, "from") == 0 || strcmp(word, "where") == 0 || strcmp(word, "all") == 0 ||
                             strcmp(word, "distinct") == 0 || strcmp(word, "natural") == 0;
                strbuf_free(&text);
                if (!other) fail_msg("%s parses, but the keyword is reserved", sql);
            } else if (parses != expected) {
                fail_msg("%s: %s", sql, parses ? "parses" : "does not parse");
            }
            arena_destroy(&arena);
        }
    }
}

static void calls(void **state) {
    (void)state;
    for (int i = 0; i < parse_keyword_count; i++) {
        const struct keyword *keyword = &parse_keywords[i];
        struct arena arena;
        arena_init(&arena, NULL);
        char word[64];
        lower(word, keyword->word);
        const char *sql = arena_printf(&arena, "SELECT %s(1, 2)", word);
        const struct ast_select_item *item = parse_item(&arena, sql);
        bool plain = item && !item->alias && item->expr->kind == AST_FUNCTION &&
                     AST_AS(item->expr, ast_function)->syntax == AST_CALL_PLAIN &&
                     strcmp(AST_AS(item->expr, ast_function)->name->parts[0].text, word) == 0;
        if (plain != keyword->call) fail_msg("%s: keywords.def says %d", sql, keyword->call);
        arena_destroy(&arena);
    }
}

static void identifiers(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
    } list[] = {
        {"abc", "abc"},     {"Abc_1$", "Abc_1$"},   {"1a", "`1a`"},       {"a b", "`a b`"},     {"a`b", "`a``b`"},
        {"größe", "größe"}, {"select", "`select`"}, {"value", "`value`"}, {"Count", "`Count`"}, {"key", "key"},
        {"quit", "quit"},   {"$a", "`$a`"},         {"a-b", "`a-b`"},
    };
    struct strbuf out = {0};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        strbuf_clear(&out);
        parse_put_identifier(&out, list[i].name);
        assert_string_equal(out.data, list[i].text);
    }
    strbuf_free(&out);
}

const struct CMUnitTest keyword_tests[] = {
    cmocka_unit_test(sorted), cmocka_unit_test(quoted),      cmocka_unit_test(unquoted),
    cmocka_unit_test(calls),  cmocka_unit_test(identifiers),
};
const size_t keyword_tests_count = sizeof keyword_tests / sizeof *keyword_tests;
