/* What Flink refuses: a statement for every rule that shows in the syntax, and no more than is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bind/portable.h"
#include "function/registry.h"
#include "parse/parse.h"

extern const struct CMUnitTest portable_tests[];
extern const size_t portable_tests_count;

struct found {
    const char *sql;
    struct strbuf text; /* "message [place]; …" */
};

static void note(void *data, const struct error *offence) {
    struct found *found = data;
    assert_int_equal(offence->code, STATUS_NOT_PORTABLE);
    assert_true(offence->hint[0]);
    strbuf_printf(&found->text, "%s%s [%.*s]", found->text.len ? "; " : "", offence->message, offence->length,
                  found->sql + offence->offset);
}

static void check(const char *sql, bool streaming, const char *expected) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct ast_statement *statement;
    struct error err;
    if (parse_statement(sql, strlen(sql), &arena, &statement, &err) != STATUS_OK) fail_msg("%s: %s", sql, err.message);
    struct found found = {.sql = sql};
    portable_check(statement->root, streaming, note, &found);
    const char *got = found.text.data ? found.text.data : "";
    if (strcmp(got, expected) != 0) fail_msg("%s\n%s", sql, got);
    strbuf_free(&found.text);
    arena_destroy(&arena);
}

static void syntax(void **state) {
    (void)state;
    static const char *const list[][2] = {
        {"SELECT value, `value` AS v, count(*), user FROM t",
         "value is a reserved word in Flink [value]; user is a reserved word in Flink [user]"},
        {"SELECT a ILIKE b, c RLIKE d", "Flink has no ILIKE [a ILIKE b]; Flink has no RLIKE [c RLIKE d]"},
        {"SELECT a::INT + 1 != 2", "Flink does not know != [a::INT + 1 != 2]; Flink has no :: [a::INT]"},
        {"SELECT a DIV 2", "Flink has no DIV [a DIV 2]"},
        {"SELECT a FROM t GROUP BY ALL", "Flink has no GROUP BY ALL [SELECT a FROM t GROUP BY ALL]"},
        {"SELECT a, b FROM t GROUP BY a, 2",
         "Flink groups by the number itself, not by a column of the select list [2]"},
        {"SELECT a + 1 AS k, COUNT(*) FROM t GROUP BY k",
         "Flink does not know names of the select list in GROUP BY [k]"},
        {"SELECT UPPER(k) AS k, COUNT(*) FROM t GROUP BY k", ""},
        {"SELECT COUNT(*) AS k FROM t GROUP BY k", ""},
        {"SELECT DISTINCT ON (a) b FROM t", "Flink has no DISTINCT ON [SELECT DISTINCT ON (a) b FROM t]"},
        {"SELECT * EXCEPT (a) FROM t", "Flink has no * EXCLUDE or EXCEPT [* EXCEPT (a)]"},
        {"SELECT * REPLACE (1 AS a) FROM t", "Flink has no * REPLACE [* REPLACE (1 AS a)]"},
        {"WITH RECURSIVE r AS (SELECT 1) SELECT 1",
         "Flink has no WITH RECURSIVE [WITH RECURSIVE r AS (SELECT 1) SELECT 1]"},
        {"SELECT 1 OFFSET 2 LIMIT 1", "Flink wants LIMIT in front of OFFSET [SELECT 1 OFFSET 2 LIMIT 1]"},
        {"SELECT 1 FROM a ASOF JOIN b ON x >= y", "Flink has no ASOF JOIN [a ASOF JOIN b ON x >= y]"},
        {"SELECT 1 FROM (a, b) JOIN c ON TRUE", "Flink does not take a list of tables in parentheses [a, b]"},
        {"SELECT 1 FROM t TABLESAMPLE SYSTEM (5)", "Flink has no TABLESAMPLE [TABLESAMPLE SYSTEM (5)]"},
        {"SELECT 1 FROM t PIVOT (SUM(a) FOR b IN (1))", "Flink has no PIVOT [t PIVOT (SUM(a) FOR b IN (1))]"},
        {"SELECT 1 FROM t UNPIVOT (a FOR b IN (c))", "Flink has no UNPIVOT [t UNPIVOT (a FOR b IN (c))]"},
        {"MERGE INTO t USING s ON a WHEN MATCHED THEN DELETE",
         "Flink has no MERGE [MERGE INTO t USING s ON a WHEN MATCHED THEN DELETE]"},
        {"CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED)", ""},
        {"CREATE TABLE t (a INT PRIMARY KEY)", "Flink refuses a primary key that is not NOT ENFORCED [PRIMARY KEY]"},
        {"ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a, b)",
         "Flink refuses a primary key that is not NOT ENFORCED [CONSTRAINT k PRIMARY KEY (a, b)]"},
        {"SELECT LISTAGG(a) WITHIN GROUP (ORDER BY b)",
         "Flink has no WITHIN GROUP [LISTAGG(a) WITHIN GROUP (ORDER BY b)]"},
        {"SELECT ARRAY_AGG(a ORDER BY b)",
         "Flink has no ORDER BY inside an aggregate function [ARRAY_AGG(a ORDER BY b)]"},
        {"SELECT COUNT(DISTINCT (a, b))", "Flink counts one column only [COUNT(DISTINCT (a, b))]"},
        {"SELECT COUNT(DISTINCT a, b), COUNT(*)", "Flink counts one column only [COUNT(DISTINCT a, b)]"},
        {"SELECT SUM(a) FILTER (WHERE b) OVER w",
         "Flink has no FILTER on a window function [SUM(a) FILTER (WHERE b) OVER w]"},
        {"SELECT SUM(a) OVER (ORDER BY b ROWS 1 PRECEDING EXCLUDE TIES)",
         "Flink has no EXCLUDE in a window frame [(ORDER BY b ROWS 1 PRECEDING EXCLUDE TIES)]"},
        {"SELECT JSON_ARRAYAGG(a), JSON_ARRAYAGG(a) OVER w",
         "Flink has no JSON_OBJECTAGG or JSON_ARRAYAGG with OVER [JSON_ARRAYAGG(a) OVER w]"},
        {"SELECT ARRAY(SELECT 1)", "Flink has no ARRAY(query) [ARRAY(SELECT 1)]"},
        {"SELECT 1 FROM UNNEST(a, b)", "Flink's UNNEST takes one collection [UNNEST(a, b)]"},
        {"CREATE OR REPLACE VIEW v AS SELECT 1",
         "Flink has no CREATE OR REPLACE VIEW [CREATE OR REPLACE VIEW v AS SELECT 1]"},
        {"CREATE MATERIALIZED VIEW v AS SELECT 1",
         "Flink says MATERIALIZED TABLE, not VIEW [CREATE MATERIALIZED VIEW v AS SELECT 1]"},
        {"EXPLAIN ANALYZE SELECT 1", "Flink has no EXPLAIN ANALYZE [EXPLAIN ANALYZE SELECT 1]"},
        {"EXPLAIN DELETE FROM t",
         "Flink explains queries and INSERT only [EXPLAIN DELETE FROM t]; Flink has DELETE in batch mode only [DELETE "
         "FROM t]"},
        {"SELECT DATE_TRUNC('hour', a), NTH_VALUE(a, 2) OVER w",
         "Flink has no DATE_TRUNC [DATE_TRUNC('hour', a)]; Flink has no NTH_VALUE [NTH_VALUE(a, 2) OVER w]"},
        {"SELECT timeuuid_to_timestamp(a)", "Flink has no function TIMEUUID_TO_TIMESTAMP [timeuuid_to_timestamp(a)]"},
        {"UPDATE t SET a = 1", "Flink has UPDATE in batch mode only [UPDATE t SET a = 1]"},
        {"DELETE FROM t WHERE a", "Flink has DELETE in batch mode only [DELETE FROM t WHERE a]"},
        {"TRUNCATE TABLE t", "Flink has TRUNCATE in batch mode only [TRUNCATE TABLE t]"},
        {"ANALYZE TABLE t COMPUTE STATISTICS",
         "Flink has ANALYZE in batch mode only [ANALYZE TABLE t COMPUTE STATISTICS]"},
        {"INSERT OVERWRITE t SELECT 1", "Flink has INSERT OVERWRITE in batch mode only [INSERT OVERWRITE t SELECT 1]"},
        {"INSERT INTO t SELECT 1", ""},
        {"SELECT NTILE(2) OVER (ORDER BY a)", "Flink has NTILE in batch mode only [NTILE(2) OVER (ORDER BY a)]"},
        {"SELECT APPROX_COUNT_DISTINCT(a)",
         "Flink has APPROX_COUNT_DISTINCT in batch mode only [APPROX_COUNT_DISTINCT(a)]"},
        {"SELECT 1 FROM t MATCH_RECOGNIZE (ALL ROWS PER MATCH PATTERN (a | PERMUTE(b, c)) DEFINE a AS TRUE)",
         "Flink has no ALL ROWS PER MATCH [t MATCH_RECOGNIZE (ALL ROWS PER MATCH PATTERN (a | PERMUTE(b, c)) DEFINE a "
         "AS TRUE)]; Flink has no alternation in a pattern [a | PERMUTE(b, c)]; Flink has no PERMUTE in a pattern "
         "[PERMUTE(b, c)]"},
        /* what Flink has */
        {"SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY c) FROM t QUALIFY ROW_NUMBER() OVER w = 1", ""},
        {"SELECT * FROM TABLE(HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' HOUR, SIZE => "
         "INTERVAL '2' HOUR))",
         ""},
        {"SELECT /*+ OPTIONS('a' = 'b') */ * FROM t, UNNEST(a) WITH ORDINALITY AS u (x, y) LIMIT 1 OFFSET 2", ""},
        {"INSERT INTO t SELECT MAX(a) FILTER (WHERE b) FROM s GROUP BY GROUPING SETS ((a), ()) ON CONFLICT DO "
         "DEDUPLICATE",
         ""},
        {"SELECT YEAR(d), LEFT(s, 1), abs(x), CURRENT_DATE FROM t", ""},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) check(list[i][0], true, list[i][1]);
    check("SELECT NTILE(2) OVER (ORDER BY a), APPROX_COUNT_DISTINCT(b)", false, "");
    check("UPDATE t SET a = 1", false, "");
    check("INSERT OVERWRITE t SELECT 1", false, "");
}

/* Flink's built-in functions as far as ours go: one that is in neither list is missing in portable.c. COUNT_CHAR is there in a
 * script that has CREATE FUNCTION count_char AS 'com.github.nexmark.flink.udf.CountChar', which runs alike on both. */
static const char flink[] =
    " COUNT_CHAR"
    " = <> != < <= > >= IS AND OR IN LIKE CASE COALESCE IFNULL NULLIF TYPEOF IF + - * / % MOD unary ABS SIGN FLOOR "
    "CEIL CEILING "
    "ROUND TRUNCATE POWER SQRT EXP LN LOG10 LOG2 LOG SIN COS TAN COT ASIN ACOS ATAN ATAN2 SINH COSH TANH DEGREES "
    "RADIANS PI E "
    "GREATEST LEAST RAND RAND_INTEGER UUID BIN HEX UNHEX || CONCAT CONCAT_WS CHAR_LENGTH CHARACTER_LENGTH UPPER LOWER "
    "INITCAP "
    "SUBSTRING SUBSTR LEFT RIGHT TRIM LTRIM RTRIM BTRIM LPAD RPAD REPEAT REVERSE REPLACE TRANSLATE OVERLAY POSITION "
    "LOCATE "
    "INSTR STARTSWITH ENDSWITH SPLIT_INDEX ELT ASCII CHR IS_ALPHA IS_DIGIT IS_DECIMAL ENCODE DECODE TO_BASE64 "
    "FROM_BASE64 "
    "URL_ENCODE URL_DECODE PARSE_URL MD5 SHA1 SHA224 SHA256 SHA384 SHA512 SHA2 INET_ATON INET_NTOA EXTRACT YEAR "
    "QUARTER MONTH "
    "WEEK DAYOFYEAR DAYOFMONTH DAYOFWEEK HOUR MINUTE SECOND TIMESTAMPADD TIMESTAMPDIFF CURRENT_TIMESTAMP NOW PROCTIME "
    "CURRENT_ROW_TIMESTAMP LOCALTIMESTAMP CURRENT_DATE CURRENT_TIME LOCALTIME CURRENT_WATERMARK SOURCE_WATERMARK "
    "DATE_FORMAT "
    "TO_TIMESTAMP TO_DATE TO_TIMESTAMP_LTZ FROM_UNIXTIME UNIX_TIMESTAMP CONVERT_TZ OVERLAPS REGEXP REGEXP_EXTRACT "
    "REGEXP_REPLACE REGEXP_COUNT REGEXP_INSTR REGEXP_SUBSTR REGEXP_EXTRACT_ALL SIMILAR JSON_VALUE JSON_QUERY "
    "JSON_EXISTS "
    "JSON_STRING JSON_OBJECT JSON_ARRAY JSON_OBJECTAGG JSON_ARRAYAGG JSON JSON_QUOTE JSON_UNQUOTE PARSE_JSON "
    "TRY_PARSE_JSON "
    "ARRAY MAP ROW [] CARDINALITY ELEMENT SPLIT STR_TO_MAP MAP_KEYS MAP_VALUES ARRAY_APPEND ARRAY_PREPEND ARRAY_CONCAT "
    "ARRAY_CONTAINS ARRAY_DISTINCT ARRAY_POSITION ARRAY_REMOVE ARRAY_REVERSE ARRAY_SLICE ARRAY_SORT ARRAY_UNION "
    "ARRAY_EXCEPT "
    "ARRAY_INTERSECT ARRAY_JOIN ARRAY_MAX ARRAY_MIN MAP_FROM_ARRAYS MAP_UNION MAP_ENTRIES COUNT SUM $SUM0 SUM0 AVG MIN "
    "MAX "
    "FIRST_VALUE LAST_VALUE VAR_POP VAR_SAMP VARIANCE STDDEV_POP STDDEV_SAMP STDDEV LISTAGG ARRAY_AGG COLLECT "
    "PERCENTILE "
    "SINGLE_VALUE APPROX_COUNT_DISTINCT ROW_NUMBER RANK DENSE_RANK CUME_DIST PERCENT_RANK NTILE LAG LEAD HASH_CODE "
    "PRINTF "
    "PRINT CURRENT_DATABASE TRY_CAST MULTISET TUMBLE HOP CUMULATE SESSION NOT MEMBER SUBMULTISET MATCH_ROWTIME "
    "MATCH_PROCTIME "
    "CLASSIFIER PREV NEXT FIRST LAST GROUPING GROUPING_ID GROUP_ID ";

static void every_function(void **state) {
    (void)state;
    for (int i = 0; i < function_count(); i++) {
        const char *name = function_at(i)->name, *space = strchr(name, ' ');
        char word[64], sql[128];
        snprintf(word, sizeof word, " %.*s ", space ? (int)(space - name) : (int)strlen(name), name);
        if (strstr(flink, word)) continue;
        snprintf(sql, sizeof sql, "SELECT %s(a)", name);
        struct arena arena;
        arena_init(&arena, NULL);
        struct ast_statement *statement;
        struct found found = {.sql = sql};
        if (parse_statement(sql, strlen(sql), &arena, &statement, NULL) != STATUS_OK ||
            !portable_check(statement->root, false, note, &found))
            fail_msg("%s: is it Flink's? then name it here, else in the list `foreign` of portable.c", name);
        strbuf_free(&found.text);
        arena_destroy(&arena);
    }
}

const struct CMUnitTest portable_tests[] = {
    cmocka_unit_test(syntax),
    cmocka_unit_test(every_function),
};
const size_t portable_tests_count = sizeof portable_tests / sizeof *portable_tests;
