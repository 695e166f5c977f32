/* Statements that must not parse, with the message, the place, and what was expected or suggested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "parse/parse.h"

extern const struct CMUnitTest bad_tests[];
extern const size_t bad_tests_count;

struct bad {
    const char *sql, *message;
    int line, column;
    const char *detail, *hint; /* NULL: not checked; "" : none */
};

static void check_bad(const struct bad *bad) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct error err;
    struct ast_statement *stmt = NULL;
    size_t len = strlen(bad->sql);
    if (parse_statement(bad->sql, len, &arena, &stmt, &err) != STATUS_SYNTAX_ERROR)
        fail_msg("%s: no syntax error", bad->sql);
    assert_null(stmt);
    assert_int_equal(err.code, STATUS_SYNTAX_ERROR);
    int line, column;
    assert_true(err.offset >= 0 && (size_t)err.offset + (size_t)err.length <= len);
    parse_position(bad->sql, len, (size_t)err.offset, &line, &column);
    if (strcmp(err.message, bad->message) != 0 || line != bad->line || column != bad->column ||
        (bad->detail && strcmp(err.detail, bad->detail) != 0) || (bad->hint && strcmp(err.hint, bad->hint) != 0))
        fail_msg("%s\n{\"...\", \"%s\", %d, %d, \"%s\", \"%s\"},", bad->sql, err.message, line, column, err.detail,
                 err.hint);
    arena_destroy(&arena);
}

static void check_all(const struct bad *bad, size_t count) {
    for (size_t i = 0; i < count; i++) check_bad(&bad[i]);
}
#define CHECK(list) check_all((list), sizeof(list) / sizeof *(list))

static void misspelt(void **state) {
    (void)state;
    static const struct bad list[] = {
        {"SELCT a FROM t", "syntax error at or near \"SELCT\"", 1, 1, "expected a statement", "did you mean SELECT?"},
        {"SELECT a\n  FORM t", "syntax error at or near \"FORM\"", 2, 3, NULL, "did you mean FROM?"},
        {"SELECT a FROM t WEHRE b = 1", "syntax error at or near \"WEHRE\"", 1, 17, NULL, "did you mean WHERE?"},
        {"SELECT a FROM t GRUOP BY b", "syntax error at or near \"GRUOP\"", 1, 17, NULL, "did you mean GROUP?"},
        {"SELECT a FROM t GROUP YB b", "syntax error at or near \"YB\"", 1, 23, "expected BY", "did you mean BY?"},
        {"SELECT a FROM t ORDR BY b", "syntax error at or near \"ORDR\"", 1, 17, NULL, "did you mean ORDER?"},
        {"SELECT a FROM t LIMTI 5", "syntax error at or near \"LIMTI\"", 1, 17, NULL, "did you mean LIMIT?"},
        {"CREATE TABEL t (a INT)", "syntax error at or near \"TABEL\"", 1, 8, NULL, "did you mean TABLE?"},
        {"INSERT ITNO t SELECT 1", "syntax error at or near \"ITNO\"", 1, 8, "expected one of: INTO, OVERWRITE",
         "did you mean INTO?"},
        {"DESCIRBE t", "syntax error at or near \"DESCIRBE\"", 1, 1, "expected a statement", "did you mean DESCRIBE?"},
        {"SHOW TABELS", "syntax error at or near \"TABELS\"", 1, 6, NULL, "did you mean TABLES?"},
        {"SELECT a FROM t INNER JION u ON x", "syntax error at or near \"JION\"", 1, 23, "expected JOIN",
         "did you mean JOIN?"},
        {"SELECT CASE WEHN a THEN b END", "syntax error at or near \"WEHN\"", 1, 13, NULL, "did you mean WHEN?"},
        {"CREATE TABLE t (a INT) WIHT ('a' = 'b')", "syntax error at or near \"WIHT\"", 1, 24, NULL,
         "did you mean WITH?"},
    };
    CHECK(list);
}

static void out_of_place(void **state) {
    (void)state;
    static const struct bad list[] = {
        {"SELECT", "syntax error at the end of the statement", 1, 7, NULL, ""},
        {"SELECT a, FROM t", "syntax error at or near \"FROM\"", 1, 11, "expected one of: an expression, \"*\"",
         "is there a comma too many in front of it?"},
        {"SELECT FROM t", "syntax error at or near \"FROM\"", 1, 8, NULL, NULL},
        {"SELECT * FROM", "syntax error at the end of the statement", 1, 14, "expected a table", ""},
        {"SELECT * FROM t WHERE", "syntax error at the end of the statement", 1, 22, "expected an expression", ""},
        {"SELECT * FROM t WHERE a =", "syntax error at the end of the statement", 1, 26, NULL, ""},
        {"SELECT * FROM t WHERE a = = b", "syntax error at or near \"=\"", 1, 27, NULL, ""},
        {"SELECT (a + b FROM t", "syntax error at or near \"FROM\"", 1, 15,
         "expected one of: an operator, \")\", \",\"", ""},
        {"SELECT a + b) FROM t", "syntax error at or near \")\"", 1, 13, NULL, ""},
        {"SELECT a FROM t ORDER b", "syntax error at or near \"b\"", 1, 23, "expected BY", ""},
        {"SELECT a FROM t LIMIT -1", "syntax error at or near \"-\"", 1, 23, "expected one of: an integer, ALL, \"?\"",
         ""},
        {"SELECT a FROM t LIMIT 1 + 1", "syntax error at or near \"+\"", 1, 25, NULL, ""},
        {"SELECT order FROM t", "syntax error at or near \"order\"", 1, 8, NULL,
         "ORDER is a reserved word; as a name it is written `order`"},
        {"SELECT a FROM group", "syntax error at or near \"group\"", 1, 15, NULL,
         "GROUP is a reserved word; as a name it is written `group`"},
        {"SELECT a b c FROM t", "syntax error at or near \"c\"", 1, 12, NULL, ""},
        {"SELECT a FROM t JOIN u", "syntax error at the end of the statement", 1, 23, NULL, ""},
        {"SELECT a FROM t JOIN u WHERE x", "syntax error at or near \"WHERE\"", 1, 24, NULL, NULL},
        {"SELECT a FROM t CROSS JOIN u ON x", "syntax error at or near \"ON\"", 1, 30, NULL, NULL},
        {"SELECT CASE END", "syntax error at or near \"END\"", 1, 13, "expected one of: an expression, WHEN", NULL},
        {"SELECT CASE a THEN b END", "syntax error at or near \"THEN\"", 1, 15, NULL, NULL},
        {"SELECT CAST(a INT)", "syntax error at or near \"INT\"", 1, 15, NULL, NULL},
        {"SELECT CAST(a AS)", "syntax error at or near \")\"", 1, 17, "expected a data type", ""},
        {"SELECT a IN ()", "syntax error at or near \")\"", 1, 14, "expected one of: an expression, a query", ""},
        {"SELECT a BETWEEN 1 OR 2", "syntax error at or near \"OR\"", 1, 20, NULL, NULL},
        {"SELECT a IS 5", "syntax error at or near \"5\"", 1, 13, NULL, ""},
        {"SELECT ROW()", "syntax error at or near \")\"", 1, 12, NULL, ""},
        {"SELECT f(a,)", "syntax error at or near \")\"", 1, 12, NULL, "is there a comma too many in front of it?"},
        {"SELECT EXTRACT(DAY a)", "syntax error at or near \"a\"", 1, 20, "expected FROM", ""},
        {"SELECT INTERVAL '1' FORTNIGHT", "syntax error at or near \"FORTNIGHT\"", 1, 21, NULL, ""},
        {"SELECT SUM(a) OVER", "syntax error at the end of the statement", 1, 19, NULL, ""},
        {"SELECT SUM(a) OVER (ROWS 5)", "syntax error at or near \")\"", 1, 27, NULL, NULL},
        {"SELECT 1 UNION", "syntax error at the end of the statement", 1, 15, "expected one of: a query, ALL, DISTINCT",
         ""},
        {"WITH a SELECT 1", "syntax error at or near \"SELECT\"", 1, 8, "expected one of: AS, \"(\"", NULL},
        {"WITH a AS SELECT 1", "syntax error at or near \"SELECT\"", 1, 11, "expected \"(\"", NULL},
        {"VALUES", "syntax error at the end of the statement", 1, 7, "expected an expression", ""},
        {"INSERT INTO t", "syntax error at the end of the statement", 1, 14, NULL, ""},
        {"INSERT INTO t (1) VALUES (2)", "syntax error at or near \"1\"", 1, 16, NULL, ""},
        {"INSERT INTO t SELECT 1 ON CONFLICT DO UPDATE", "syntax error at or near \"UPDATE\"", 1, 39,
         "expected one of: DEDUPLICATE, ERROR, NOTHING", ""},
        {"DELETE t", "syntax error at or near \"t\"", 1, 8, "expected FROM", ""},
        {"UPDATE t a = 1", "syntax error at or near \"=\"", 1, 12, "expected SET", ""},
        {"CREATE TABLE t (a)", "the column has no type", 1, 17, NULL, NULL},
        {"CREATE TABLE t (a INT,)", "syntax error at or near \")\"", 1, 23, NULL,
         "is there a comma too many in front of it?"},
        {"CREATE TABLE t (a INT b INT)", "syntax error at or near \"b\"", 1, 23, NULL, ""},
        {"CREATE TABLE t (PRIMARY KEY a)", "syntax error at or near \"a\"", 1, 29, "expected \"(\"", ""},
        {"CREATE TABLE t (a INT) WITH (a = 'b')", "syntax error at or near \"a\"", 1, 30,
         "expected one of: \")\", a string", ""},
        {"CREATE TABLE t (a INT) WITH ('a' = 1)", "syntax error at or near \"1\"", 1, 36, "expected a string", ""},
        {"CREATE TABLE t (a INT) WITH ('a' 'b')", "syntax error at or near \"'b'\"", 1, 34, "expected \"=\"", ""},
        {"CREATE TABLE order (a INT)", "syntax error at or near \"order\"", 1, 14, NULL,
         "ORDER is a reserved word; as a name it is written `order`"},
        {"CREATE SYSTEM TABLE t (a INT)", "SYSTEM is not possible for a table", 1, 1, NULL, NULL},
        {"CREATE OR REPLACE CATALOG c", "OR REPLACE is not possible for a catalog", 1, 1, NULL, NULL},
        {"CREATE OR ALTER TABLE t (a INT)", "OR ALTER is not possible for a table", 1, 1, NULL, NULL},
        {"CREATE TEMPORARY DATABASE d", "TEMPORARY is not possible for a database", 1, 1, NULL, NULL},
        {"DROP TABLE t CASCADE", "CASCADE and RESTRICT go with DROP DATABASE only", 1, 14, NULL, NULL},
        {"DROP t", "syntax error at or near \"t\"", 1, 6, NULL, ""},
        {"REPLACE TABLE t (a INT)", "REPLACE TABLE needs a query: REPLACE TABLE .. AS SELECT ..", 1, 1, NULL, NULL},
        {"CREATE VIEW v", "syntax error at the end of the statement", 1, 14, NULL, ""},
        {"CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' DAY FRESHNESS = INTERVAL '1' DAY AS SELECT 1",
         "FRESHNESS is given twice", 1, 58, NULL, NULL},
        {"ALTER TABLE t", "syntax error at the end of the statement", 1, 14,
         "expected one of: SET, ADD, DROP, MODIFY, RENAME, RESET, \".\"", ""},
        {"SHOW", "syntax error at the end of the statement", 1, 5, NULL, ""},
        {"SHOW TABLES LIKE x", "syntax error at or near \"x\"", 1, 18, "expected a string", ""},
        {"EXPLAIN", "syntax error at the end of the statement", 1, 8, NULL, ""},
        {"EXPLAIN SHOW TABLES", "syntax error at or near \"SHOW\"", 1, 9, NULL, NULL},
        {"BEGIN STATEMENT SET; SELECT 1; END", "syntax error at or near \"SELECT\"", 1, 22, "expected INSERT", NULL},
        {"BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", "syntax error at the end of the statement", 1, 45,
         "expected one of: INSERT, END", ""},
        {"SELECT 1; SELECT 2", "there is more text behind the end of the statement", 1, 11, NULL, NULL},
        {"", "there is no statement", 1, 1, NULL, NULL},
        {"SET 'a'", "syntax error at the end of the statement", 1, 8, NULL, "write SET 'key' = 'value';"},
        {"SET 'a' = b", "syntax error at or near \"b\"", 1, 11, NULL, "write SET 'key' = 'value';"},
        {"SET a b", "syntax error at or near \"b\"", 1, 7, NULL, "write SET 'key' = 'value';"},
        {"SET = b", "syntax error at or near \"=\"", 1, 5, NULL, "write SET 'key' = 'value';"},
        {"RESET 'a' 'b'", "syntax error at or near \"'b'\"", 1, 11, NULL, "write RESET; or RESET 'key';"},
        {"foo", "syntax error at or near \"foo\"", 1, 1, "expected a statement", NULL},
        {"123", "syntax error at or near \"123\"", 1, 1, "expected a statement", ""},
        {"SELECT * FROM t PIVOT (SUM(a) FOR b = 1)", "syntax error at or near \"=\"", 1, 37, "expected IN", NULL},
        {"MERGE INTO t USING s ON a WHEN MATCHED THEN INSERT VALUES (1)", "syntax error at or near \"INSERT\"", 1, 45,
         NULL, NULL},
        {"MERGE INTO t USING s ON a", "syntax error at the end of the statement", 1, 26,
         "expected one of: an operator, WHEN", NULL},
        {"SELECT * REPLACE (a + 1) FROM t", "syntax error at or near \")\"", 1, 24, NULL, NULL},
        {"SELECT /*+ OPTIONS(a) */ FROM t", "syntax error at or near \"FROM\"", 1, 26, NULL, NULL},
        {"SELECT a /*+ X */ FROM t", "syntax error at or near \"/*+\"", 1, 10, NULL, ""},
        {"SELECT f(DISTINCT)", "syntax error at or near \")\"", 1, 18, NULL, ""},
        {"SELECT * FROM TABLE(f(DISTINCT a))", "DISTINCT, ORDER BY and IGNORE NULLS belong to aggregate functions", 1,
         21, NULL, NULL},
        {"SELECT JSON_VALUE(a, b NULL ON EMPTY ERROR ON EMPTY)", "the clause is given twice", 1, 38, NULL, NULL},
        {"SELECT MAP['a', 1, 'b']", "MAP[..] needs a value for every key: MAP[key, value, ...]", 1, 8, NULL, NULL},
        {"CREATE FUNCTION f AS 'x' USING JAR 'a', ARTIFACT 'b'", "JAR and ARTIFACT cannot be mixed", 1, 41, NULL, NULL},
    };
    CHECK(list);
}

static void bad_text(void **state) {
    (void)state;
    static const struct bad list[] = {
        {"SELECT 'abc", "the string that begins here has no end", 1, 8, NULL, NULL},
        {"SELECT `abc", "the quoted identifier that begins here has no end", 1, 8, NULL, NULL},
        {"SELECT /* abc", "the comment that begins here has no end", 1, 8, NULL, NULL},
        {"SELECT /*+ X", "a hint comment has no end: */ is missing", 1, 13, NULL, NULL},
        {"SELECT \"a\" FROM t", "double quotes are no quotes in this SQL dialect", 1, 8, NULL,
         "write 'text' for a string and `name` for an identifier"},
        {"SELECT 1a", "\"1a\" is neither a number nor an identifier", 1, 8, NULL, NULL},
        {"SELECT 1e FROM t", "\"1e\" is neither a number nor an identifier", 1, 8, NULL, NULL},
        {"SELECT X'1'", "a binary string needs an even number of hexadecimal digits: X'1F00'", 1, 8, NULL, NULL},
        {"SELECT X'1G'", "a binary string needs an even number of hexadecimal digits: X'1F00'", 1, 8, NULL, NULL},
        {"SELECT U&'\\12'", "a Unicode string has a bad escape", 1, 8, NULL, NULL},
        {"SELECT U&'\\D800'", "a Unicode string has a bad escape", 1, 8, NULL, NULL},
        {"SELECT U&'\\+110000'", "a Unicode string has a bad escape", 1, 8, NULL, NULL},
        {"SELECT ``", "an identifier cannot be empty", 1, 8, NULL, NULL},
        {"SELECT a # b", "the character \"#\" has no meaning here", 1, 10, NULL, NULL},
        {"SELECT a \x01 b", "there is a byte 0x01 where SQL is expected", 1, 10, NULL, NULL},
        {"SELECT '\xff'", "the text is not valid UTF-8", 1, 8, NULL, NULL},
        {"SELECT a\xc3 FROM t", "the text is not valid UTF-8", 1, 8, NULL, NULL},
        {"SELECT '\xc0\x80'", "the text is not valid UTF-8", 1, 8, NULL, NULL},
        {"SELECT '\xed\xa0\x80'", "the text is not valid UTF-8", 1, 8, NULL, NULL},
        {"SELECT 'é', 'x' y z", "syntax error at or near \"z\"", 1, 19, NULL, NULL},
    };
    CHECK(list);
}

static void bad_types(void **state) {
    (void)state;
    static const struct bad list[] = {
        {"CREATE TABLE t (a TIMESTAMP WITH TIME ZONE)",
         "there is no type TIMESTAMP WITH TIME ZONE; use TIMESTAMP_LTZ (a point in time) or TIMESTAMP", 1, 19, NULL,
         NULL},
        {"CREATE TABLE t (a DECIMAL(99999999999))", "the precision must be at most 2147483647", 1, 27, NULL, NULL},
        {"CREATE TABLE t (a VARCHAR(-1))", "syntax error at or near \"-\"", 1, 27, "expected an integer", ""},
        {"CREATE TABLE t (a ARRAY<INT)", "syntax error at or near \")\"", 1, 28, NULL, ""},
        {"CREATE TABLE t (a MAP<INT>)", "syntax error at or near \">\"", 1, 26, NULL, ""},
        {"CREATE TABLE t (a INTERVAL DAY TO YEAR)", "there is no interval DAY TO YEAR", 1, 28, NULL, NULL},
        {"SELECT INTERVAL '1' YEAR TO SECOND", "there is no interval YEAR TO SECOND", 1, 21, NULL, NULL},
        {"SELECT INTERVAL '1' DAY(3, 2)", "only SECOND takes a second precision", 1, 21, NULL, NULL},
        {"SELECT INTERVAL '1' DAY TO HOUR(3)", "HOUR at the end of an interval takes no precision", 1, 21, NULL, NULL},
        {"SELECT INTERVAL '1' DAY(10)", "the precision of an interval must be at most 9", 1, 25, NULL, NULL},
        {"SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A{3,2}) DEFINE A AS x)",
         "the repetition {3,2} ends before it begins", 1, 44, NULL, NULL},
    };
    CHECK(list);
}

static void check_print(const char *sql, size_t len, const char *expected) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct error err;
    struct ast_statement *stmt;
    size_t offset = 0;
    struct strbuf out = {0};
    do {
        if (parse_script_next(sql, len, &offset, &arena, &stmt, &err) != STATUS_OK) {
            parse_error_print(&err, sql, len, &out);
            break;
        }
    } while (stmt);
    assert_non_null(out.data);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
    arena_destroy(&arena);
}

static void printing(void **state) {
    (void)state;
#define PRINT(sql, expected) check_print(sql, sizeof sql - 1, expected)
    PRINT("SELECT 1;\nSELECT a\r\n\tFORM t;", "syntax error at or near \"FORM\"\n"
                                              "line 3, column 2:\n"
                                              "      FORM t;\n"
                                              "      ^^^^\n"
                                              "hint: did you mean FROM?\n");
    PRINT("SELECT '\xe6\x97\xa5\xe6\x9c\xac', 'e\xcc\x81' FORM t",
          "syntax error at or near \"FORM\"\n"
          "line 1, column 19:\n"
          "  SELECT '\xe6\x97\xa5\xe6\x9c\xac', 'e\xcc\x81' FORM t\n"
          "                     ^^^^\n"
          "hint: did you mean FROM?\n");
    PRINT("SELECT a FROM t WHERE\n\n", "syntax error at the end of the statement\n"
                                       "line 1, column 22:\n"
                                       "  SELECT a FROM t WHERE\n"
                                       "                       ^\n"
                                       "detail: expected an expression\n");
    PRINT("SELECT a,\n'two\nlines' 5",
          "syntax error at or near \"5\"\n"
          "line 3, column 8:\n"
          "  lines' 5\n"
          "         ^\n"
          "detail: expected one of: an operator, an identifier, FROM, WHERE, GROUP, ORDER, "
          "LIMIT, AS, ...\n");
    PRINT("SELECT 'a\nb", "the string that begins here has no end\n"
                          "line 1, column 8:\n"
                          "  SELECT 'a\n"
                          "         ^\n"
                          "hint: close it with '; a quote inside a string is written twice: 'it''s'\n");
    /* A long line is cut on both sides. */
    PRINT("SELECT aaaaaaaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb + ccccccccccccccccccccccccccc"
          "ccccccccccccc + dddddddddddddddd + + ) + eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
          "syntax error at or near \")\"\n"
          "line 1, column 128:\n"
          "  ... cccccccccccccccccccccccccc + dddddddddddddddd + + ) + ee"
          "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee ...\n"
          "                                                        ^\n"
          "detail: expected an expression\n");
    struct error err;
    struct strbuf out = {0};
    error_set(&err, STATUS_IO_ERROR, "the file is gone");
    error_hint(&err, "look for it");
    parse_error_print(&err, "SELECT 1", 8, &out);
    assert_string_equal(out.data, "the file is gone\nhint: look for it\n");
    strbuf_clear(&out);
    error_set_at(&err, STATUS_UNDEFINED_COLUMN, 7, 3, "there is no column x");
    parse_error_print(&err, NULL, 0, &out);
    assert_string_equal(out.data, "there is no column x\n");
    strbuf_free(&out);
}

const struct CMUnitTest bad_tests[] = {
    cmocka_unit_test(misspelt),  cmocka_unit_test(out_of_place), cmocka_unit_test(bad_text),
    cmocka_unit_test(bad_types), cmocka_unit_test(printing),
};
const size_t bad_tests_count = sizeof bad_tests / sizeof *bad_tests;
