/* Deep nesting and other limits: a clear error, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "parse/parse.h"
#include "parse/unparse.h"

extern const struct CMUnitTest limit_tests[];
extern const size_t limit_tests_count;

static void repeat(struct strbuf *buf, const char *text, int count) {
    for (int i = 0; i < count; i++) strbuf_puts(buf, text);
}

/* Parses begin + open * depth + middle + close * depth + end; when that works, also what the unparser makes of it. */
static enum status parse_nested(const char *begin, const char *open, const char *middle, const char *close,
                                const char *end, int depth, struct error *err) {
    struct strbuf sql = {0};
    strbuf_puts(&sql, begin);
    repeat(&sql, open, depth);
    strbuf_puts(&sql, middle);
    repeat(&sql, close, depth);
    strbuf_puts(&sql, end);
    struct arena arena;
    arena_init(&arena, NULL);
    struct ast_statement *stmt, *again;
    enum status status = parse_statement(sql.data, sql.len, &arena, &stmt, err);
    if (status == STATUS_OK) {
        struct strbuf text = {0};
        unparse_statement(stmt->root, &text);
        if (parse_statement(text.data, text.len, &arena, &again, err) != STATUS_OK) fail_msg("%s", err->message);
        assert_true(ast_equal(stmt->root, again->root));
        strbuf_free(&text);
    }
    strbuf_free(&sql);
    arena_destroy(&arena);
    return status;
}

static const struct {
    const char *begin, *open, *middle, *close, *end;
    bool flat; /* parentheses that leave no nodes: bounded by PARSE_MAX_NESTING alone */
} shapes[] = {
    {"SELECT ", "(", "1", ")", "", true},
    {"SELECT ", "-(", "1", ")", "", false},
    {"SELECT ", "- ", "1", "", "", false},
    {"SELECT ", "NOT ", "a", "", "", false},
    {"SELECT ", "f(", "1", ")", "", false},
    {"SELECT ", "a + (", "1", ")", "", false},
    {"SELECT ", "", "1", " + 1", "", false},
    {"SELECT ", "", "1", " || 1", "", false},
    {"SELECT ", "", "a", " IS NULL", "", false},
    {"SELECT ", "", "a", "[1]", "", false},
    {"SELECT ", "", "f(a)", ".b", "", false},
    {"SELECT ", "", "a", "::INT", "", false},
    {"SELECT ", "", "a", " = b", "", false},
    {"SELECT ", "", "a", " IN (1)", "", false},
    {"SELECT ", "CASE WHEN a THEN ", "1", " END", "", false},
    {"SELECT ", "ARRAY[", "1", "]", "", false},
    {"SELECT ", "(1, ", "2", ")", "", false},
    {"SELECT ", "a[", "1", "]", "", false},
    {"SELECT ", "(SELECT ", "1", ")", "", false},
    {"SELECT ", "EXISTS (SELECT ", "1", ")", "", false},
    {"SELECT ", "(a AND ", "b", ")", "", false},
    {"", "(", "SELECT 1", ")", "", true},
    {"SELECT * FROM ", "(", "t", ")", "", true},
    {"SELECT * FROM ", "(SELECT * FROM ", "t", ")", "", false},
    {"SELECT * FROM ", "(a CROSS JOIN ", "t", ")", "", false},
    {"SELECT * FROM ", "", "t", " CROSS JOIN t", "", false},
    {"SELECT * FROM ", "", "t", ", t", "", false},
    {"", "", "SELECT 1", " UNION SELECT 1", "", false},
    {"", "(SELECT 1 UNION ", "SELECT 1", ")", "", false},
    {"", "WITH a AS (", "SELECT 1", ") SELECT 1", "", false},
    {"CREATE TABLE t (a ", "ARRAY<", "INT", ">", ")", false},
    {"CREATE TABLE t (a ", "ROW<a ", "INT", ">", ")", false},
    {"CREATE TABLE t (a ", "", "INT", " ARRAY", ")", false},
    {"SELECT a FROM t GROUP BY ", "ROLLUP (", "a", ")", "", false},
    {"SELECT * FROM t MATCH_RECOGNIZE (PATTERN (", "(", "A", ")+", ") DEFINE A AS x)", false},
    {"SELECT * FROM t MATCH_RECOGNIZE (PATTERN (", "{- ", "A", " -}", ") DEFINE A AS x)", false},
    {"SELECT * FROM ", "", "t", " MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS x)", "", false},
};

static void nesting(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        static const int depths[] = {1, 10, 100, 120, 499, 1190, 5000, 100000};
        for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) {
            int depth = depths[k];
            struct error err;
            enum status status = parse_nested(shapes[i].begin, shapes[i].open, shapes[i].middle, shapes[i].close,
                                              shapes[i].end, depth, &err);
            bool must_work = depth <= (shapes[i].flat ? 1190 : 100), must_fail = depth > 1200;
            if (status != STATUS_OK && status != STATUS_LIMIT_EXCEEDED)
                fail_msg("%s %s at depth %d: %s", shapes[i].begin, shapes[i].open, depth, err.message);
            if ((must_work && status != STATUS_OK) || (must_fail && status != STATUS_LIMIT_EXCEEDED))
                fail_msg("%s %s at depth %d: %s %s", shapes[i].begin, shapes[i].open, depth, status_name(status),
                         status == STATUS_OK ? "" : err.message);
            if (status == STATUS_LIMIT_EXCEEDED) assert_true(err.offset >= 0);
        }
    }
}

/* Long is not deep. */
static void long_lists(void **state) {
    (void)state;
    static const struct {
        const char *begin, *open, *middle;
    } lists[] = {
        {"SELECT ", "a, ", "b"},
        {"SELECT ", "a AND ", "b"},
        {"SELECT ", "a = 1 OR ", "b"},
        {"SELECT f(", "a, ", "b)"},
        {"SELECT a IN (", "1, ", "2)"},
        {"INSERT INTO t VALUES ", "(1, 'a', NULL), ", "(2, 'b', 3.5)"},
        {"SELECT CASE ", "WHEN a THEN b ", "END"},
        {"CREATE TABLE t (", "a INT, ", "b INT)"},
        {"SELECT * FROM t MATCH_RECOGNIZE (PATTERN (", "A ", "B) DEFINE A AS x)"},
        {"BEGIN STATEMENT SET; ", "INSERT INTO a SELECT 1; ", "END"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct error err;
        if (parse_nested(lists[i].begin, lists[i].open, lists[i].middle, "", "", 20000, &err) != STATUS_OK)
            fail_msg("%s: %s", lists[i].begin, err.message);
    }
}

static void long_words(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(parse_nested("SELECT ", "a", "b", "", "", PARSE_MAX_IDENTIFIER_BYTES - 1, &err), STATUS_OK);
    assert_int_equal(parse_nested("SELECT ", "a", "b", "", "", PARSE_MAX_IDENTIFIER_BYTES, &err),
                     STATUS_LIMIT_EXCEEDED);
    assert_int_equal(parse_nested("SELECT `", "a", "b", "", "`", PARSE_MAX_IDENTIFIER_BYTES, &err),
                     STATUS_LIMIT_EXCEEDED);
    assert_int_equal(parse_nested("SELECT '", "ab''", "", "", "'", 200000, &err), STATUS_OK);
    assert_int_equal(parse_nested("SELECT ", "1", "", "", "", 50000, &err), STATUS_OK);
    /* In proportion to its length: a time that grew with the square would be minutes here. */
    assert_int_equal(parse_nested("SELECT '", "abcdefgh", "", "", "'", 4 << 20, &err), STATUS_OK);
    assert_int_equal(parse_nested("SELECT /*", "* ", "", "", "*/ 1", 200000, &err), STATUS_OK);
    assert_int_equal(parse_nested("FOO", "x", "", "", "", 200000, &err), STATUS_LIMIT_EXCEEDED);
    /* The message quotes only the beginning. */
    assert_int_equal(parse_nested("SELECT a b '", "x", "", "", "'", 5000, &err), STATUS_SYNTAX_ERROR);
    assert_true(strlen(err.message) < 120);
    size_t offset = 0;
    struct ast_statement *stmt;
    assert_int_equal(parse_script_next("", (size_t)PARSE_MAX_SCRIPT_BYTES + 1, &offset, NULL, &stmt, &err),
                     STATUS_LIMIT_EXCEEDED);
}

/* Every prefix of a statement, and the statement with every byte changed: an error or a tree, never a crash. */
static void damaged(void **state) {
    (void)state;
    static const char sql[] =
        "WITH a AS (SELECT /*+ X('k'='v') */ b[1].c, CAST(d AS ROW<e INT>), U&'\\0041', X'1F' FROM t) INSERT INTO `u` "
        "SELECT CASE WHEN x THEN INTERVAL '1' DAY TO SECOND(3) END, SUM(y) OVER (ROWS 5 PRECEDING) FROM a, b LEFT JOIN "
        "LATERAL TABLE(f(TABLE g)) AS h (i) ON TRUE GROUP BY CUBE (j) ON CONFLICT DO NOTHING";
    static const char bytes[] = {0, '\'', '`', '(', ')', ';', '/', '*', '\xFF', '1', ' ', '.', ','};
    char text[sizeof sql];
    for (size_t len = 0; len < sizeof sql; len++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct error err;
        struct ast_statement *stmt;
        size_t offset = 0;
        (void)!parse_script_next(sql, len, &offset, &arena, &stmt, &err);
        assert_true(offset <= len);
        (void)split_is_complete(sql, len);
        for (size_t i = 0; len < sizeof sql - 1 && i < sizeof bytes; i++) {
            memcpy(text, sql, sizeof sql);
            text[len] = bytes[i];
            struct strbuf out = {0};
            offset = 0;
            while (offset < sizeof sql - 1) {
                if (parse_script_next(text, sizeof sql - 1, &offset, &arena, &stmt, &err) == STATUS_OK) continue;
                parse_error_print(&err, text, sizeof sql - 1, &out);
            }
            strbuf_free(&out);
        }
        arena_destroy(&arena);
    }
}

const struct CMUnitTest limit_tests[] = {
    cmocka_unit_test(nesting),
    cmocka_unit_test(long_lists),
    cmocka_unit_test(long_words),
    cmocka_unit_test(damaged),
};
const size_t limit_tests_count = sizeof limit_tests / sizeof *limit_tests;
