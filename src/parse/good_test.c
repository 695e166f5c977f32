/* Statements that must parse; each is unparsed and parsed again, and must give the same tree and the same text. Where a
 * second string is given, it is the canonical text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "parse/parse.h"
#include "parse/unparse.h"

extern const struct CMUnitTest good_tests[];
extern const size_t good_tests_count;

struct good {
    const char *sql, *canonical; /* canonical NULL: only the round trip is checked; "" : the same as sql */
};

static void check_good(const struct good *good) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct error err;
    struct strbuf report = {0};
    struct ast_statement *first, *second;
    size_t len = strlen(good->sql);
    if (parse_statement(good->sql, len, &arena, &first, &err) != STATUS_OK) {
        parse_error_print(&err, good->sql, len, &report);
        fail_msg("%s\n%s", good->sql, report.data);
    }
    struct strbuf once = {0}, twice = {0};
    unparse_statement(first->root, &once);
    if (parse_statement(once.data, once.len, &arena, &second, &err) != STATUS_OK) {
        parse_error_print(&err, once.data, once.len, &report);
        fail_msg("%s\nbecame\n%s\n%s", good->sql, once.data, report.data);
    }
    unparse_statement(second->root, &twice);
    assert_string_equal(once.data, twice.data);
    if (!ast_equal(first->root, second->root)) {
        struct strbuf a = {0}, b = {0};
        ast_dump(first->root, &a);
        ast_dump(second->root, &b);
        fail_msg("%s\nbecame\n%s\n%s\n%s", good->sql, once.data, a.data, b.data);
    }
    if (good->canonical) assert_string_equal(once.data, good->canonical[0] ? good->canonical : good->sql);
    assert_true(split_is_complete(good->sql, len) == (len > 0 && good->sql[len - 1] == ';'));
    strbuf_free(&once);
    strbuf_free(&twice);
    arena_destroy(&arena);
}

static void check_all(const struct good *good, size_t count) {
    for (size_t i = 0; i < count; i++) check_good(&good[i]);
}
#define CHECK(list) check_all((list), sizeof(list) / sizeof *(list))

static void select_lists(void **state) {
    (void)state;
    static const struct good list[] = {
        {"SELECT 1", ""},
        {"select 1;", "SELECT 1"},
        {"SELECT * FROM t", ""},
        {"SELECT t.*, c.d.t.x AS y FROM c.d.t", ""},
        {"SELECT a b, c AS d FROM t", "SELECT a AS b, c AS d FROM t"},
        {"SELECT DISTINCT a FROM t", ""},
        {"SELECT ALL a FROM t", ""},
        {"SELECT /*+ BROADCAST(t1, t2), STATE_TTL('a' = '1d', 'b' = '2 h') */ a FROM t1",
         "SELECT /*+ BROADCAST(t1, t2), STATE_TTL('a' = '1d', 'b' = '2 h') */ a FROM t1"},
        {"SELECT /*+ NEST_LOOP, X(1, 2.5, 'z'), Y() */ a FROM t",
         "SELECT /*+ NEST_LOOP, X(1, 2.5, 'z'), Y */ a FROM t"},
        {"SELECT * EXCLUDE (a, b) FROM t", ""},
        {"SELECT t.* EXCLUDE (a) FROM t", ""},
        {"SELECT * EXCEPT (a, b), 2 FROM t", "SELECT * EXCLUDE (a, b), 2 FROM t"},
        {"SELECT * EXCEPT (SELECT * FROM u)", "SELECT * EXCEPT SELECT * FROM u"},
        {"SELECT * EXCLUDE (a) REPLACE (b + 1 AS b, 2 AS c), u.* REPLACE (x AS y) FROM t, u", ""},
        {"SELECT DISTINCT ON (a, b + 1) c FROM t ORDER BY a", ""},
        {"SELECT a DIV b, (a + 1) div (b + 2), 7 DIV -2, f(x) DIV g(y), t.a DIV t.b, a[1] DIV b[2], a DIV key",
         "SELECT a DIV b, (a + 1) DIV (b + 2), 7 DIV -2, f(x) DIV g(y), t.a DIV t.b, a[1] DIV b[2], a DIV key"},
        {"SELECT a div, b AS div FROM t div", "SELECT a AS div, b AS div FROM t AS div"},
        {"SELECT * FROM t div (a, b)", "SELECT * FROM t AS div (a, b)"},
        {"-- comment\nSELECT /* in\nside */ 1 -- end", "SELECT 1"},
        {"SELECT `a b`, `select`, `x``y` FROM `my table`", ""},
        {"SELECT größe, имя FROM таблица", ""},
        {"SELECT a FROM t WHERE b GROUP BY c HAVING d WINDOW w AS (PARTITION BY e) QUALIFY f ORDER BY g LIMIT 1 OFFSET "
         "2",
         ""},
        {"TABLE t", ""},
        {"(SELECT 1)", "SELECT 1"},
        {"((SELECT 1))", "SELECT 1"},
        {"SELECT a FROM t ORDER BY a DESC NULLS LAST, b ASC NULLS FIRST, c",
         "SELECT a FROM t ORDER BY a DESC NULLS LAST, b NULLS FIRST, c"},
        {"SELECT a FROM t LIMIT ALL", "SELECT a FROM t"},
        {"SELECT a FROM t LIMIT ALL OFFSET 3 ROWS", "SELECT a FROM t OFFSET 3"},
        {"SELECT a FROM t OFFSET 5 ROWS FETCH NEXT 10 ROWS ONLY", "SELECT a FROM t LIMIT 10 OFFSET 5"},
        {"SELECT a FROM t FETCH FIRST 1 ROW ONLY", "SELECT a FROM t LIMIT 1"},
        {"SELECT a FROM t LIMIT ? OFFSET ?", ""},
    };
    CHECK(list);
}

static void expressions(void **state) {
    (void)state;
    static const struct good list[] = {
        {"SELECT 1, 1.5, .5, 2., 1e5, 1.5E-3", "SELECT 1, 1.5, .5, 2., 1e5, 1.5E-3"},
        {"SELECT 'it''s', 'a' 'b', U&'d\\0061t\\+000061', _UTF8'x'", "SELECT 'it''s', 'ab', 'data', 'x'"},
        {"SELECT X'1fA0', x'', NULL, TRUE, FALSE, UNKNOWN", "SELECT X'1FA0', X'', NULL, TRUE, FALSE, UNKNOWN"},
        {"SELECT DATE '2020-01-01', TIME '10:00:00', TIMESTAMP '2020-01-01 00:00:00.123'", ""},
        {"SELECT TIMESTAMP WITH LOCAL TIME ZONE '2020-01-01 00:00:00'", ""},
        {"SELECT INTERVAL '1' DAY, INTERVAL -'1 10:00:00' DAY TO SECOND(3), INTERVAL '2-3' YEAR(4) TO MONTH", ""},
        {"SELECT INTERVAL '10' SECONDS, INTERVAL +'3' MINUTES, INTERVAL '1.5' SECOND(3, 2)",
         "SELECT INTERVAL '10' SECOND, INTERVAL '3' MINUTE, INTERVAL '1.5' SECOND(3, 2)"},
        {"SELECT INTERVAL '3' QUARTER, INTERVAL '2' WEEKS", "SELECT INTERVAL '3' QUARTER, INTERVAL '2' WEEK"},
        {"SELECT INTERVAL x DAY, INTERVAL 3 HOUR, INTERVAL (a + b) MINUTE",
         "SELECT x * INTERVAL '1' DAY, 3 * INTERVAL '1' HOUR, (a + b) * INTERVAL '1' MINUTE"},
        {"SELECT a + b * c - d / e % f", ""},
        {"SELECT (a + b) * (c - (d - e))", ""},
        {"SELECT a - (b - c), a - b - c, (a - b) - c", "SELECT a - (b - c), a - b - c, a - b - c"},
        {"SELECT a || b || 'c' * 2", "SELECT a || b || 'c' * 2"},
        {"SELECT -a, +b, - -c, -(-1), a - -b, -(a + b)", "SELECT -a, +b, - -c, - -1, a - -b, -(a + b)"},
        {"SELECT NOT a AND b OR c AND NOT (d OR e)", ""},
        {"SELECT a AND b AND c AND d OR e OR f", ""},
        {"SELECT a AND (b AND c)", ""},
        {"SELECT a = b, a <> b, a != b, a < b, a <= b, a > b, a >= b",
         "SELECT a = b, a <> b, a <> b, a < b, a <= b, a > b, a >= b"},
        {"SELECT a = b = c, a = (b = c)", ""},
        {"SELECT NOT a = b, (NOT a) = b", ""},
        {"SELECT a IS NULL, a IS NOT NULL, a IS TRUE, a IS NOT FALSE, a IS UNKNOWN, a = b IS NULL", ""},
        {"SELECT a = (b IS NULL), (a OR b) IS NOT TRUE", ""},
        {"SELECT a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b + 1", ""},
        {"SELECT a IS JSON, a IS JSON OBJECT, a IS NOT JSON ARRAY, a IS JSON SCALAR, a IS JSON VALUE",
         "SELECT a IS JSON VALUE, a IS JSON OBJECT, a IS NOT JSON ARRAY, a IS JSON SCALAR, a IS JSON VALUE"},
        {"SELECT a BETWEEN 1 AND 2 AND b, a NOT BETWEEN SYMMETRIC b + 1 AND c, a BETWEEN ASYMMETRIC 1 AND 2",
         "SELECT a BETWEEN 1 AND 2 AND b, a NOT BETWEEN SYMMETRIC b + 1 AND c, a BETWEEN 1 AND 2"},
        {"SELECT a LIKE 'x%', a NOT LIKE b ESCAPE '\\', a SIMILAR TO 'y' ESCAPE '!', a NOT SIMILAR TO b", ""},
        {"SELECT a ILIKE 'x', a NOT ILIKE 'y', a RLIKE 'z', a NOT RLIKE 'w'", ""},
        {"SELECT a IN (1, 2), a NOT IN (SELECT b FROM t), (a, b) IN ((1, 2), (3, 4)), (a, b) IN (SELECT c, d FROM t)",
         ""},
        {"SELECT a IN ((SELECT 1), 2), a IN (((SELECT 1)))", "SELECT a IN ((SELECT 1), 2), a IN (SELECT 1)"},
        {"SELECT EXISTS (SELECT 1), NOT EXISTS (SELECT * FROM t WHERE a = b)", ""},
        {"SELECT (SELECT max(a) FROM t), (SELECT 1) + 1, ((SELECT 1))",
         "SELECT (SELECT max(a) FROM t), (SELECT 1) + 1, (SELECT 1)"},
        {"SELECT a = ANY (SELECT b FROM t), a > ALL (1, 2), a <> SOME (SELECT 1)",
         "SELECT a = ANY (SELECT b FROM t), a > ALL (1, 2), a <> ANY (SELECT 1)"},
        {"SELECT CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE a WHEN 1, 2 THEN 'x' END", ""},
        {"SELECT CAST(a AS INT), TRY_CAST(b AS DECIMAL(10, 2)), c::STRING, -d::INT, (a + b)::BIGINT", ""},
        {"SELECT ROW(1, 'a'), (1, 'a'), ARRAY[1, 2], ARRAY[], MAP['a', 1, 'b', 2], MULTISET[1], ARRAY(SELECT 1)", ""},
        {"SELECT a[1], m['k'][2], f(x)[1], a.b.c[1].d, (a).b, f(x).y.z, (ROW(1)).f0, (1)[2]", ""},
        {"SELECT (a, b) OVERLAPS (c, d), a MEMBER OF b, a SUBMULTISET OF b", ""},
        {"SELECT ?, a + ?", ""},
        {"SELECT date, timestamp, value, count, year FROM t",
         "SELECT `date`, `timestamp`, `value`, `count`, `year` FROM t"},
        {"SELECT key, name, type, data, version, state, source FROM t",
         "SELECT key, name, type, data, version, state, source FROM t"},
        {"SELECT `map`[1], map.a[2], (map)['k'], map FROM t", "SELECT `map`[1], map.a[2], `map`['k'], map FROM t"},
        {"SELECT a FROM t ORDER BY ignore NULLS FIRST, respect NULLS LAST", ""},
        {"SELECT OVERLAY(final PLACING (a OR b) AND c FROM 1), JSON_OBJECT(KEY final VALUE (1))",
         "SELECT OVERLAY(final PLACING (a OR b) AND c FROM 1), JSON_OBJECT((final) VALUE 1)"},
        {"SELECT final, running, ignore, if, json, map FROM t",
         "SELECT final, `running`, ignore, if, json, map FROM t"},
    };
    CHECK(list);
}

static void functions(void **state) {
    (void)state;
    static const struct good list[] = {
        {"SELECT COUNT(*), count(DISTINCT a), Sum(ALL b), f(), db.f(x, y)", ""},
        {"SELECT SUM(a) FILTER (WHERE b > 1)", ""},
        {"SELECT SUM(a) OVER (PARTITION BY b, c ORDER BY d DESC ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)", ""},
        {"SELECT SUM(a) OVER (ORDER BY b GROUPS BETWEEN 1 PRECEDING AND 2 FOLLOWING)", ""},
        {"SELECT SUM(a) OVER (ROWS 1 PRECEDING EXCLUDE CURRENT ROW), SUM(no) OVER (RANGE BETWEEN others PRECEDING AND "
         "CURRENT "
         "ROW EXCLUDE GROUP)",
         "SELECT SUM(a) OVER (ROWS 1 PRECEDING EXCLUDE CURRENT ROW), SUM(`no`) OVER (RANGE BETWEEN (others) PRECEDING "
         "AND "
         "CURRENT ROW EXCLUDE GROUP)"},
        {"SELECT SUM(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING EXCLUDE NO OTHERS), SUM(a) OVER w FROM t WINDOW w AS "
         "(GROUPS "
         "UNBOUNDED PRECEDING EXCLUDE TIES)",
         ""},
        {"SELECT SUM(a) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)", ""},
        {"SELECT SUM(a) OVER (ROWS UNBOUNDED PRECEDING), SUM(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND "
         "UNBOUNDED FOLLOWING), SUM(a) OVER (RANGE BETWEEN 1 FOLLOWING AND (n) FOLLOWING)",
         ""},
        {"SELECT SUM(a) OVER w, RANK() OVER (w ORDER BY b) FROM t WINDOW w AS (PARTITION BY c), v AS (ORDER BY d)", ""},
        {"SELECT FIRST_VALUE(a) IGNORE NULLS OVER (ORDER BY b), LAG(a, 1) RESPECT NULLS OVER w FROM t WINDOW w AS ()",
         ""},
        {"SELECT FIRST_VALUE(a IGNORE NULLS) OVER (ORDER BY b)",
         "SELECT FIRST_VALUE(a) IGNORE NULLS OVER (ORDER BY b)"},
        {"SELECT LISTAGG(a, ',') WITHIN GROUP (ORDER BY b DESC), ARRAY_AGG(DISTINCT a ORDER BY b, c DESC)", ""},
        {"SELECT CURRENT_DATE, CURRENT_TIME, CURRENT_TIMESTAMP, LOCALTIME, LOCALTIMESTAMP, CURRENT_TIMESTAMP(3), NOW()",
         ""},
        {"SELECT EXTRACT(DAY FROM a), EXTRACT(epoch FROM a), EXTRACT(DOW FROM b + c)",
         "SELECT EXTRACT(DAY FROM a), EXTRACT(EPOCH FROM a), EXTRACT(DOW FROM b + c)"},
        {"SELECT TRIM(a), TRIM('x' FROM a), TRIM(LEADING FROM a), TRIM(TRAILING 'x' FROM a), trim(both b from c)",
         "SELECT TRIM(BOTH ' ' FROM a), TRIM(BOTH 'x' FROM a), TRIM(LEADING ' ' FROM a), TRIM(TRAILING 'x' FROM a), "
         "TRIM(BOTH b FROM c)"},
        {"SELECT SUBSTRING(a FROM 2), SUBSTRING(a FROM 2 FOR 3), substring(a, 2, 3), SUBSTR(a, 1)", ""},
        {"SELECT POSITION('a' IN b), POSITION(a || 'x' IN b FROM 3)", ""},
        {"SELECT OVERLAY(a PLACING b FROM 2), OVERLAY(a PLACING b FROM 2 FOR 3)", ""},
        {"SELECT FLOOR(a TO DAY), CEIL(a TO MONTHS), CEILING(b), floor(1.5), CEILING((ts - INTERVAL '1' DAY) TO HOUR)",
         "SELECT FLOOR(a TO DAY), CEIL(a TO MONTH), CEILING(b), floor(1.5), CEILING((ts - INTERVAL '1' DAY) TO HOUR)"},
        {"SELECT TIMESTAMPADD(DAY, 1, a), TIMESTAMPDIFF(SQL_TSI_HOUR, a, b), TIMESTAMPDIFF(WEEKS, a, b)",
         "SELECT TIMESTAMPADD(DAY, 1, a), TIMESTAMPDIFF(HOUR, a, b), TIMESTAMPDIFF(WEEK, a, b)"},
        {"SELECT JSON_VALUE(a, '$.b'), JSON_VALUE(a, 'lax $.b' RETURNING INT NULL ON EMPTY DEFAULT 1 + 1 ON ERROR)",
         ""},
        {"SELECT JSON_QUERY(a, '$' WITH CONDITIONAL ARRAY WRAPPER EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR), "
         "JSON_QUERY(a, '$' WITHOUT ARRAY WRAPPER), JSON_QUERY(a, '$' WITH UNCONDITIONAL WRAPPER)",
         "SELECT JSON_QUERY(a, '$' WITH CONDITIONAL WRAPPER EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR), "
         "JSON_QUERY(a, '$' WITHOUT WRAPPER), JSON_QUERY(a, '$' WITH WRAPPER)"},
        {"SELECT JSON_EXISTS(a, '$.b' TRUE ON ERROR), JSON_EXISTS(a, '$')", ""},
        {"SELECT JSON_OBJECT(), JSON_OBJECT(KEY 'a' VALUE 1, 'b' VALUE c ABSENT ON NULL), JSON_OBJECT(key VALUE "
         "value), "
         "JSON_OBJECT(KEY key VALUE 1), JSON_OBJECT('x' : 2), JSON_OBJECT(key || 'a' VALUE 1)",
         "SELECT JSON_OBJECT(), JSON_OBJECT('a' VALUE 1, 'b' VALUE c ABSENT ON NULL), JSON_OBJECT((key) VALUE "
         "`value`), "
         "JSON_OBJECT((key) VALUE 1), JSON_OBJECT('x' VALUE 2), JSON_OBJECT((key || 'a') VALUE 1)"},
        {"SELECT JSON_ARRAY(), JSON_ARRAY(1, 'a' NULL ON NULL), JSON_ARRAY(NULL ON NULL), JSON_ARRAYAGG(a ORDER BY b "
         "ABSENT ON NULL), JSON_OBJECTAGG(KEY k VALUE v NULL ON NULL) FILTER (WHERE k > 1)",
         "SELECT JSON_ARRAY(), JSON_ARRAY(1, 'a' NULL ON NULL), JSON_ARRAY(NULL ON NULL), JSON_ARRAYAGG(a ORDER BY b "
         "ABSENT ON NULL), JSON_OBJECTAGG((k) VALUE v NULL ON NULL) FILTER (WHERE k > 1)"},
        {"SELECT LEFT(a, 2), RIGHT(b, 3), GROUPING(a), IF(a, b, c), REPLACE(a, b, c), TRUNCATE(1.5, 1), DATE(a)", ""},
        {"SELECT f(a => 1, b => DEFAULT), f(DEFAULT)", ""},
        {"SELECT YEAR(a), MONTH(a), HOUR(b), MOD(a, 2), COALESCE(a, b), NULLIF(a, b), ABS(c)", ""},
        {"SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a)", ""},
    };
    CHECK(list);
}

static void tables(void **state) {
    (void)state;
    static const struct good list[] = {
        {"SELECT * FROM a, b AS x, c y (p, q)", "SELECT * FROM a, b AS x, c AS y (p, q)"},
        {"SELECT * FROM a JOIN b ON a.x = b.x LEFT OUTER JOIN c USING (x, y) CROSS JOIN d",
         "SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (x, y) CROSS JOIN d"},
        {"SELECT * FROM a NATURAL JOIN b NATURAL LEFT JOIN c", ""},
        {"SELECT * FROM a INNER JOIN b ON TRUE FULL OUTER JOIN c ON x RIGHT JOIN d ON y",
         "SELECT * FROM a JOIN b ON TRUE FULL JOIN c ON x RIGHT JOIN d ON y"},
        {"SELECT * FROM a JOIN (b JOIN c ON x) ON y", ""},
        {"SELECT * FROM (a JOIN b ON x) JOIN c ON y", "SELECT * FROM a JOIN b ON x JOIN c ON y"},
        {"SELECT * FROM (SELECT 1) AS t (a), (VALUES (1, 2), (3, 4)) v",
         "SELECT * FROM (SELECT 1) AS t (a), (VALUES (1, 2), (3, 4)) AS v"},
        {"SELECT * FROM ((SELECT 1)), ((SELECT 1) AS a JOIN b ON c)", NULL},
        {"SELECT * FROM (a), (TABLE b)", "SELECT * FROM a, (TABLE b)"},
        {"SELECT * FROM o JOIN r FOR SYSTEM_TIME AS OF o.ts AS v ON o.k = v.k", ""},
        {"SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2020-01-01 00:00:00'", ""},
        {"SELECT * FROM t /*+ OPTIONS('scan.mode' = 'x', a='b') */ AS u",
         "SELECT * FROM t /*+ OPTIONS('scan.mode' = 'x', 'a' = 'b') */ AS u"},
        {"SELECT * FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' MINUTE))", ""},
        {"SELECT * FROM TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' MINUTE) AS w", ""},
        {"SELECT * FROM TABLE(HOP(DATA => TABLE db.bids, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' MINUTES, "
         "SIZE => INTERVAL '10' MINUTES))",
         "SELECT * FROM TABLE(HOP(DATA => TABLE db.bids, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' MINUTE, "
         "SIZE => INTERVAL '10' MINUTE))"},
        {"SELECT * FROM SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' MINUTE)",
         "SELECT * FROM SESSION(TABLE t PARTITION BY (k), DESCRIPTOR(ts), INTERVAL '1' MINUTE)"},
        {"SELECT * FROM f(input => TABLE t PARTITION BY (k, l) ORDER BY ts DESC, uid => 'x', on_time => "
         "DESCRIPTOR(ts))",
         "SELECT * FROM f(input => TABLE t PARTITION BY (k, l) ORDER BY (ts DESC), uid => 'x', on_time => "
         "DESCRIPTOR(ts))"},
        {"SELECT * FROM f((SELECT * FROM t) PARTITION BY k ORDER BY (a, b DESC), (SELECT 1))",
         "SELECT * FROM f((SELECT * FROM t) PARTITION BY (k) ORDER BY (a, b DESC), (SELECT 1))"},
        {"SELECT * FROM ML_PREDICT(TABLE t, MODEL c.d.m, DESCRIPTOR(x)), f(model, MODEL => model)", ""},
        {"SELECT * FROM TABLE(CUMULATE(TABLE t /*+ OPTIONS('a'='b') */, DESCRIPTOR(ts), INTERVAL '2' MINUTE))",
         "SELECT * FROM TABLE(CUMULATE(TABLE t /*+ OPTIONS('a' = 'b') */, DESCRIPTOR(ts), INTERVAL '2' MINUTE))"},
        {"SELECT * FROM t CROSS JOIN UNNEST(t.arr, m) WITH ORDINALITY AS u (x, n)", ""},
        {"SELECT * FROM t, LATERAL TABLE(f(t.a)) AS u (x) LEFT JOIN LATERAL g(b) ON TRUE, LATERAL UNNEST(a)", ""},
        {"SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x) AS c", ""},
        {"SELECT * FROM t TABLESAMPLE BERNOULLI (10.5) REPEATABLE (3)", ""},
        {"SELECT * FROM (SELECT 1) AS t TABLESAMPLE SYSTEM (5)", ""},
        {"SELECT * FROM a ASOF JOIN b ON a.k = b.k AND a.t >= b.t", ""},
        {"SELECT * FROM a ASOF LEFT OUTER JOIN b ON a.t >= b.t", "SELECT * FROM a LEFT ASOF JOIN b ON a.t >= b.t"},
        {"SELECT * FROM t PIVOT (SUM(a) AS s, COUNT(*) FOR k IN (1 AS eins, 'x')) AS p (b, c)", ""},
        {"SELECT * FROM (SELECT 1) x PIVOT (MAX(a) FOR (k, l) IN ((1, 2) AS q, (3, 4))), u",
         "SELECT * FROM (SELECT 1) AS x PIVOT (MAX(a) FOR (k, l) IN ((1, 2) AS q, (3, 4))), u"},
        {"SELECT * FROM t UNPIVOT (v FOR n IN (a, b AS 'bb'))", ""},
        {"SELECT * FROM t UNPIVOT INCLUDE NULLS ((v, w) FOR (n, m) IN ((a, b) AS ('x', 1), (c, d) AS ('y', 2))) AS u",
         ""},
        {"SELECT * FROM t UNPIVOT EXCLUDE NULLS (v FOR n IN (a))", "SELECT * FROM t UNPIVOT (v FOR n IN (a))"},
        {"SELECT * FROM t TABLESAMPLE BERNOULLI (10 PERCENT) REPEATABLE (3)",
         "SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (3)"},
        {"SELECT a FROM t OFFSET 1 ROW FETCH NEXT ROW ONLY", "SELECT a FROM t LIMIT 1 OFFSET 1"},
        {"SELECT a FROM t FETCH FIRST ROW ONLY", "SELECT a FROM t LIMIT 1"},
        {"SELECT merge, matched, percent, include FROM t", "SELECT `merge`, matched, `percent`, `include` FROM t"},
        {"SELECT * FROM a ASOF JOIN b MATCH_CONDITION a.t >= b.t ON a.k = b.k", ""},
        {"SELECT * FROM a LEFT ASOF JOIN b MATCH_CONDITION a.t >= b.t ON TRUE", ""},
        {"SELECT * FROM asof JOIN b AS asof ON x JOIN asof.asof ON y", ""},
        {"SELECT * FROM asof asof", "SELECT * FROM asof AS asof"},
        {"SELECT * FROM running JOIN (SELECT 1) AS x ON TRUE", "SELECT * FROM `running` JOIN (SELECT 1) AS x ON TRUE"},
    };
    CHECK(list);
}

static void queries(void **state) {
    (void)state;
    static const struct good list[] = {
        {"SELECT 1 UNION SELECT 2 UNION ALL SELECT 3", ""},
        {"SELECT 1 UNION DISTINCT SELECT 2", "SELECT 1 UNION SELECT 2"},
        {"SELECT 1 UNION (SELECT 2 UNION ALL SELECT 3)", ""},
        {"SELECT 1 UNION SELECT 2 INTERSECT SELECT 3", ""},
        {"(SELECT 1 UNION SELECT 2) INTERSECT ALL SELECT 3", ""},
        {"SELECT 1 EXCEPT SELECT 2 EXCEPT ALL SELECT 3", ""},
        {"SELECT 1 EXCEPT (SELECT 2 EXCEPT SELECT 3)", ""},
        {"(SELECT 1 LIMIT 1) UNION ALL (SELECT 2 ORDER BY 1) ORDER BY 1 LIMIT 5", ""},
        {"((SELECT 1 LIMIT 1) LIMIT 2)", "(SELECT 1 LIMIT 1) LIMIT 2"},
        {"VALUES (1, 'a'), (2, 'b')", ""},
        {"VALUES 1, 2, ROW(3)", "VALUES (1), (2), (3)"},
        {"WITH a AS (SELECT 1), b (x, y) AS (VALUES (1, 2)) SELECT * FROM a, b ORDER BY x", ""},
        {"WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", ""},
        {"WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) (SELECT * FROM a LIMIT 1)", NULL},
        {"WITH time AS (SELECT 1), local AS (SELECT 2) SELECT * FROM time, local", NULL},
        {"SELECT a, COUNT(*) FROM t GROUP BY a, (b, c), ROLLUP (d, (e, f)), CUBE (g), GROUPING SETS ((h, i), j, ())",
         ""},
        {"SELECT a FROM t GROUP BY ()", ""},
        {"SELECT a FROM t GROUP BY DISTINCT ROLLUP (a)", ""},
        {"SELECT a, COUNT(*) FROM t GROUP BY ALL", ""},
        {"SELECT a FROM t GROUP BY (a)", "SELECT a FROM t GROUP BY a"},
        {"SELECT a FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1", ""},
        {"SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS rn FROM t) WHERE rn <= 3", ""},
    };
    CHECK(list);
}

static void match_recognize(void **state) {
    (void)state;
    static const struct good list[] = {
        {"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a ORDER BY ts MEASURES FIRST(A.x, 1) AS f, FINAL LAST(B.y) AS "
         "g, "
         "RUNNING SUM(x) AS h ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+ C*? D? E{2} F{2,} G{2,3}? "
         "H{0,4}) WITHIN INTERVAL '1' HOUR SUBSET S = (A, B) DEFINE A AS A.x > PREV(A.x, 1), B AS TRUE) AS m",
         ""},
        {"SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A {,4}) DEFINE A AS x)",
         "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A{0,4}) DEFINE A AS x)"},
        {"SELECT * FROM t MATCH_RECOGNIZE (ALL ROWS PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (^ (A | B C)+ {- D "
         "E -} "
         "PERMUTE(F, G H) $) DEFINE A AS x)",
         ""},
        {"SELECT * FROM t MATCH_RECOGNIZE (AFTER MATCH SKIP TO LAST B PATTERN (A (B C) ((D)+)? (E | F | (G | H))) "
         "DEFINE "
         "A AS x)",
         "SELECT * FROM t MATCH_RECOGNIZE (AFTER MATCH SKIP TO LAST B PATTERN (A (B C) (D+)? (E | F | (G | H))) DEFINE "
         "A AS x)"},
        {"SELECT * FROM t MATCH_RECOGNIZE (AFTER MATCH SKIP TO FIRST A PATTERN (A B) DEFINE A AS x) AS m (p, q)", ""},
        {"SELECT * FROM t AS u MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS x)", ""},
        {"SELECT * FROM (SELECT 1) MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS x) JOIN b ON TRUE", ""},
    };
    CHECK(list);
}

static void definitions(void **state) {
    (void)state;
    static const struct good list[] = {
        {"CREATE TABLE t (a INT)", ""},
        {"CREATE TABLE t", ""},
        {"CREATE TEMPORARY TABLE IF NOT EXISTS c.d.t (a INT NOT NULL, b STRING NULL COMMENT 'it''s b')", ""},
        {"CREATE TABLE t (a BIGINT PRIMARY KEY NOT ENFORCED, b INT CONSTRAINT u UNIQUE, c AS a + b COMMENT 'sum', "
         "ts TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL COMMENT 'x', o BIGINT METADATA, "
         "CONSTRAINT pk PRIMARY KEY (a, b) NOT ENFORCED, UNIQUE (c) ENFORCED, "
         "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) COMMENT 'clicks' DISTRIBUTED BY HASH (a) INTO 4 BUCKETS "
         "PARTITIONED BY (b, c) WITH ('connector' = 'kafka', 'topic' = 'x')",
         ""},
        {"CREATE TABLE t (a INT) DISTRIBUTED INTO 3 BUCKETS", ""},
        {"CREATE TABLE t (a INT) DISTRIBUTED BY (a)", ""},
        {"CREATE TABLE t (a INT) DISTRIBUTED BY RANGE (a, b) WITH ()", ""},
        {"CREATE TABLE t (a INT, WATERMARK FOR r.ts AS SOURCE_WATERMARK())", ""},
        {"CREATE TABLE t WITH ('a' = 'b') LIKE s", ""},
        {"CREATE TABLE t LIKE s (INCLUDING ALL EXCLUDING OPTIONS OVERWRITING GENERATED INCLUDING CONSTRAINTS EXCLUDING "
         "DISTRIBUTION INCLUDING METADATA EXCLUDING PARTITIONS OVERWRITING WATERMARKS)",
         ""},
        {"CREATE TABLE t AS SELECT 1 AS a", ""},
        {"CREATE TABLE t (a, b) WITH ('c' = 'd') AS SELECT * FROM s", ""},
        {"CREATE OR REPLACE TABLE t AS SELECT 1", ""},
        {"REPLACE TABLE t WITH ('a' = 'b') AS SELECT 1", ""},
        {"CREATE VIEW v AS SELECT 1", ""},
        {"CREATE TEMPORARY VIEW IF NOT EXISTS v (a, b COMMENT 'x') COMMENT 'y' AS SELECT 1, 2", ""},
        {"CREATE OR REPLACE VIEW v AS VALUES (1)", ""},
        {"CREATE CATALOG c WITH ('type' = 'cassandra', 'hosts' = '127.0.0.1')", ""},
        {"CREATE CATALOG IF NOT EXISTS c COMMENT 'x'", ""},
        {"CREATE DATABASE IF NOT EXISTS c.d COMMENT 'x' WITH ('a' = 'b')", ""},
        {"CREATE DATABASE d", ""},
        {"CREATE FUNCTION f AS 'com.example.F'", ""},
        {"CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'F' LANGUAGE PYTHON USING JAR 'a.jar', JAR 'b.jar'", ""},
        {"CREATE FUNCTION a.b.f AS 'F' LANGUAGE JAVA USING ARTIFACT 'x' WITH ('k' = 'v')", ""},
        {"CREATE MODEL m INPUT (a STRING) OUTPUT (b ARRAY<FLOAT>) COMMENT 'x' WITH ('provider' = 'y')", ""},
        {"CREATE TEMPORARY MODEL IF NOT EXISTS m WITH ('a' = 'b') AS SELECT 1", ""},
        {"CREATE TEMPORARY SYSTEM CONNECTION IF NOT EXISTS c COMMENT 'x' WITH ('a' = 'b')", ""},
        {"CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '3' MINUTE AS SELECT 1", ""},
        {"CREATE OR ALTER MATERIALIZED TABLE c.d.m (a INT NOT NULL, PRIMARY KEY (a) NOT ENFORCED) COMMENT 'x' "
         "PARTITIONED BY (a) WITH ('format' = 'json') START_MODE = RESUME_OR_FROM_TIMESTAMP(TIMESTAMP '2020-01-01 "
         "00:00:00') FRESHNESS = INTERVAL '1' DAY REFRESH_MODE = FULL AS SELECT a FROM t",
         ""},
        {"CREATE MATERIALIZED TABLE m REFRESH_MODE = CONTINUOUS FRESHNESS = INTERVAL '30' SECONDS START_MODE = "
         "FROM_NOW(INTERVAL '1' DAY) AS SELECT 1",
         "CREATE MATERIALIZED TABLE m START_MODE = FROM_NOW(INTERVAL '1' DAY) FRESHNESS = INTERVAL '30' SECOND "
         "REFRESH_MODE = CONTINUOUS AS SELECT 1"},
        {"CREATE MATERIALIZED VIEW v AS SELECT 1", ""},
        {"CREATE MATERIALIZED TABLE m START_MODE = FROM_BEGINNING AS SELECT 1", ""},
        {"DROP TABLE t", ""},
        {"DROP TEMPORARY TABLE IF EXISTS c.d.t", ""},
        {"DROP VIEW IF EXISTS v", ""},
        {"DROP CATALOG IF EXISTS c", ""},
        {"DROP DATABASE IF EXISTS d CASCADE", ""},
        {"DROP DATABASE d RESTRICT", ""},
        {"DROP TEMPORARY SYSTEM FUNCTION IF EXISTS f", ""},
        {"DROP MATERIALIZED TABLE IF EXISTS m", ""},
        {"DROP MATERIALIZED VIEW v", ""},
        {"DROP MODEL m", ""},
        {"DROP CONNECTION IF EXISTS c", ""},
        {"TRUNCATE TABLE t", ""},
        {"ANALYZE TABLE t PARTITION (a = 1, b) COMPUTE STATISTICS FOR COLUMNS c, d", ""},
        {"ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS", ""},
        {"ANALYZE TABLE t COMPUTE STATISTICS", ""},
    };
    CHECK(list);
}

static void alterations(void **state) {
    (void)state;
    static const struct good list[] = {
        {"ALTER TABLE t RENAME TO u", ""},
        {"ALTER TABLE IF EXISTS t RENAME a.b TO c", ""},
        {"ALTER TABLE t SET ('a' = 'b', 'c' = 'd')", ""},
        {"ALTER TABLE t ADD s STRING STATIC", "ALTER TABLE t ADD (s STRING STATIC)"},
        {"ALTER TABLE t ADD (`static` INT FIRST, s STRING COMMENT 'x' STATIC)", ""},
        {"ALTER TABLE t RESET ('a', 'b')", ""},
        {"ALTER TABLE t RESET ()", ""},
        {"ALTER TABLE t ADD a INT", "ALTER TABLE t ADD (a INT)"},
        {"ALTER TABLE t ADD (a INT NOT NULL COMMENT 'x' FIRST, b AS a + 1 AFTER a, c STRING METADATA VIRTUAL, "
         "r.n BIGINT, PRIMARY KEY (a) NOT ENFORCED, WATERMARK FOR ts AS ts)",
         ""},
        {"ALTER TABLE t ADD PRIMARY KEY (a) NOT ENFORCED", "ALTER TABLE t ADD (PRIMARY KEY (a) NOT ENFORCED)"},
        {"ALTER TABLE t MODIFY (a BIGINT AFTER b)", ""},
        {"ALTER TABLE t MODIFY WATERMARK FOR ts AS ts - INTERVAL '1' SECOND",
         "ALTER TABLE t MODIFY (WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)"},
        {"ALTER TABLE t ADD DISTRIBUTION BY HASH (a) INTO 3 BUCKETS", ""},
        {"ALTER TABLE t MODIFY DISTRIBUTION INTO 5 BUCKETS", ""},
        {"ALTER TABLE t DROP DISTRIBUTION", ""},
        {"ALTER TABLE t DROP a", "ALTER TABLE t DROP (a)"},
        {"ALTER TABLE t DROP (a, b.c)", ""},
        {"ALTER TABLE t DROP PRIMARY KEY", ""},
        {"ALTER TABLE t DROP CONSTRAINT pk", ""},
        {"ALTER TABLE t DROP WATERMARK", ""},
        {"ALTER TABLE t ADD IF NOT EXISTS PARTITION (a = 1, b = 'x') WITH ('k' = 'v') PARTITION (a = 2)", ""},
        {"ALTER TABLE t DROP IF EXISTS PARTITION (a = 1), PARTITION (a = -2)", ""},
        {"ALTER VIEW v RENAME TO w", ""},
        {"ALTER VIEW v AS SELECT 1", ""},
        {"ALTER DATABASE d SET ('a' = 'b')", ""},
        {"ALTER CATALOG c SET ('a' = 'b')", ""},
        {"ALTER CATALOG c RESET ('a')", ""},
        {"ALTER CATALOG c COMMENT 'x'", ""},
        {"ALTER FUNCTION f AS 'F'", ""},
        {"ALTER TEMPORARY SYSTEM FUNCTION IF EXISTS f AS 'F' LANGUAGE SCALA", ""},
        {"ALTER MODEL IF EXISTS m SET ('a' = 'b')", ""},
        {"ALTER MODEL m RENAME TO n", ""},
        {"ALTER CONNECTION c RESET ('a')", ""},
        {"ALTER MATERIALIZED TABLE m SUSPEND", ""},
        {"ALTER MATERIALIZED TABLE m RESUME WITH ('a' = 'b')", ""},
        {"ALTER MATERIALIZED TABLE m REFRESH PARTITION (ds = '2020-01-01')", ""},
        {"ALTER MATERIALIZED TABLE m REFRESH", ""},
        {"ALTER MATERIALIZED TABLE m AS SELECT 1", ""},
        {"ALTER MATERIALIZED TABLE m SET FRESHNESS = INTERVAL '1' HOUR", ""},
        {"ALTER MATERIALIZED TABLE m SET REFRESH_MODE = CONTINUOUS", ""},
        {"ALTER MATERIALIZED TABLE m ADD (a INT)", ""},
        {"ALTER MATERIALIZED VIEW m DROP (a)", ""},
    };
    CHECK(list);
}

static void types(void **state) {
    (void)state;
    static const struct good list[] = {
        {"CREATE TABLE t (a BOOLEAN, b TINYINT, c SMALLINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h DECIMAL, i "
         "DECIMAL(10), "
         "j DECIMAL(10, 2), k CHAR, l CHAR(3), m VARCHAR(10), n STRING, o BINARY(4), p VARBINARY(5), q BYTES, r DATE, "
         "s TIME, u TIME(3), v TIMESTAMP, w TIMESTAMP(6), x TIMESTAMP_LTZ, y TIMESTAMP_LTZ(3))",
         ""},
        {"CREATE TABLE t (a INTEGER, b REAL, c DOUBLE PRECISION, d NUMERIC(5, 1), e DEC(3), f CHARACTER VARYING(9), "
         "g CHARACTER(2), h CHAR VARYING, i BINARY VARYING(7))",
         "CREATE TABLE t (a INT, b FLOAT, c DOUBLE, d DECIMAL(5, 1), e DECIMAL(3), f VARCHAR(9), g CHAR(2), h VARCHAR, "
         "i VARBINARY(7))"},
        {"CREATE TABLE t (a TIMESTAMP(3) WITHOUT TIME ZONE, b TIMESTAMP WITH LOCAL TIME ZONE, c TIME(2) WITHOUT TIME "
         "ZONE)",
         "CREATE TABLE t (a TIMESTAMP(3), b TIMESTAMP_LTZ, c TIME(2))"},
        {"CREATE TABLE t (a INTERVAL DAY TO SECOND(3), b INTERVAL YEAR, c INTERVAL MONTH(3), d INTERVAL YEAR TO MONTH)",
         ""},
        {"CREATE TABLE t (a ARRAY<INT NOT NULL>, b MAP<STRING, ARRAY<ROW<x INT, y STRING 'note'>>> NOT NULL, "
         "c MULTISET<BIGINT>, d ROW<>, e ROW<`date` DATE>)",
         ""},
        {"CREATE TABLE t (a INT ARRAY, b INT NOT NULL ARRAY NOT NULL, c STRING MULTISET, d ROW(x INT, y INT))",
         "CREATE TABLE t (a ARRAY<INT>, b ARRAY<INT NOT NULL> NOT NULL, c MULTISET<STRING>, d ROW<x INT, y INT>)"},
        {"CREATE TABLE t (a RAW('java.lang.Object', 'AAEC'), b STRUCTURED<'com.X', a INT, b STRING>, c "
         "STRUCTURED<'Y'>, "
         "d VARIANT, e BITMAP, f mytype, g db.mytype NOT NULL, h `map`, i `int`)",
         ""},
        {"CREATE TABLE t (date DATE, time TIME, int INT, map MAP<INT, INT>)",
         "CREATE TABLE t (`date` DATE, `time` TIME, `int` INT, map MAP<INT, INT>)"},
        {"SELECT CAST(a AS INTERVAL DAY), CAST(b AS ROW<a INT NOT NULL>), CAST(NULL AS INT NULL), a::ARRAY<INT>, "
         "b::DECIMAL(3, 1)[1]",
         "SELECT CAST(a AS INTERVAL DAY), CAST(b AS ROW<a INT NOT NULL>), CAST(NULL AS INT NULL), a::ARRAY<INT>, "
         "(b::DECIMAL(3, 1))[1]"},
    };
    CHECK(list);
}

static void other_statements(void **state) {
    (void)state;
    static const struct good list[] = {
        {"INSERT INTO t SELECT * FROM s", ""},
        {"INSERT INTO c.d.t (a, b.c) VALUES (1, 2)", ""},
        {"INSERT INTO t (SELECT 1)", "INSERT INTO t SELECT 1"},
        {"INSERT INTO t /*+ OPTIONS('a'='b') */ SELECT 1", "INSERT INTO t /*+ OPTIONS('a' = 'b') */ SELECT 1"},
        {"INSERT OVERWRITE t PARTITION (a = 1, b = DATE '2020-01-01') (c) SELECT 1", ""},
        {"INSERT INTO t SELECT * FROM s ON CONFLICT DO DEDUPLICATE", ""},
        {"INSERT INTO t SELECT * FROM a JOIN b ON a.x = b.x ON CONFLICT DO ERROR", ""},
        {"INSERT INTO t VALUES (1, DATE '2020-01-01', NULL) ON CONFLICT DO NOTHING", ""},
        {"INSERT INTO t WITH a AS (SELECT 1) SELECT * FROM a", ""},
        {"UPDATE t SET a = 1, b = b + 1 WHERE c = 2", ""},
        {"UPDATE t AS x SET a = 1", ""},
        {"UPDATE statement SET begin = 1", "UPDATE `statement` SET `begin` = 1"},
        {"MERGE INTO a.t AS x USING s ON x.a = s.a WHEN MATCHED AND b THEN UPDATE SET c = 1, d = s.d WHEN MATCHED THEN "
         "DELETE "
         "WHEN NOT MATCHED AND s.b > 1 THEN INSERT (a, b) VALUES (s.a, 2) WHEN NOT MATCHED THEN INSERT VALUES (1)",
         ""},
        {"merge into t using (select 1) as s (a) on true when matched then delete",
         "MERGE INTO t USING (SELECT 1) AS s (a) ON TRUE WHEN MATCHED THEN DELETE"},
        {"DELETE FROM t", ""},
        {"DELETE FROM t x WHERE a = 1 OR b", "DELETE FROM t AS x WHERE a = 1 OR b"},
        {"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN c THEN 1 END FROM d; END",
         ""},
        {"BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END", ""},
        {"EXPLAIN SELECT 1", ""},
        {"EXPLAIN PLAN FOR INSERT INTO t SELECT 1", ""},
        {"EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE SELECT 1", ""},
        {"EXPLAIN ANALYZE SELECT 1", ""},
        {"EXPLAIN ANALYZE, CHANGELOG_MODE SELECT 1", "EXPLAIN CHANGELOG_MODE, ANALYZE SELECT 1"},
        {"EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", ""},
        {"EXPLAIN EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END",
         "EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END"},
        {"EXPLAIN CREATE TABLE t AS SELECT 1", ""},
        {"EXPLAIN UPDATE t SET a = 1", ""},
        {"EXECUTE SELECT 1", ""},
        {"EXECUTE INSERT INTO t SELECT 1", ""},
        {"EXECUTE PLAN 'file.json'", ""},
        {"COMPILE PLAN 'f' IF NOT EXISTS FOR INSERT INTO t SELECT 1", ""},
        {"COMPILE PLAN 'f' FOR STATEMENT SET BEGIN INSERT INTO t SELECT 1; END", ""},
        {"COMPILE AND EXECUTE PLAN 'f' FOR INSERT INTO t SELECT 1", ""},
        {"SET", ""},
        {"SET 'a.b' = 'c''d'", ""},
        {"SET execution.runtime-mode = batch", "SET 'execution.runtime-mode' = 'batch'"},
        {"SET k=", NULL},
        {"set table.local-time-zone='UTC';", "SET 'table.local-time-zone' = 'UTC'"},
        {"SET a = hdfs://host:9000/x#y $z", "SET 'a' = 'hdfs://host:9000/x#y $z'"},
        {"RESET", ""},
        {"RESET 'a.b'", ""},
        {"RESET a.b-c", "RESET 'a.b-c'"},
        {"SHOW TABLES", ""},
        {"SHOW TABLES FROM c.d NOT LIKE 'a%'", ""},
        {"SHOW TABLES IN d LIKE 'a%'", ""},
        {"SHOW VIEWS", ""},
        {"SHOW MATERIALIZED TABLES LIKE 'x'", ""},
        {"SHOW MATERIALIZED VIEWS", ""},
        {"SHOW DATABASES IN c ILIKE 'X%'", ""},
        {"SHOW CATALOGS NOT ILIKE 'y'", ""},
        {"SHOW CURRENT CATALOG", ""},
        {"SHOW CURRENT DATABASE", ""},
        {"SHOW FUNCTIONS", ""},
        {"SHOW USER FUNCTIONS FROM c.d LIKE 'x'", ""},
        {"SHOW PROCEDURES FROM d", ""},
        {"SHOW COLUMNS FROM t LIKE '%f%'", ""},
        {"SHOW COLUMNS IN c.d.t", ""},
        {"SHOW CREATE TABLE c.d.t", ""},
        {"SHOW CREATE VIEW v", ""},
        {"SHOW CREATE CATALOG c", ""},
        {"SHOW CREATE MATERIALIZED TABLE m", ""},
        {"SHOW CREATE OR ALTER MATERIALIZED TABLE m", "SHOW CREATE MATERIALIZED TABLE m"},
        {"SHOW PARTITIONS t PARTITION (a = 1)", ""},
        {"SHOW MODELS", ""},
        {"SHOW CONNECTIONS", ""},
        {"SHOW FULL MODULES", ""},
        {"SHOW MODULES", ""},
        {"SHOW JARS", ""},
        {"SHOW JOBS", ""},
        {"DESCRIBE t", ""},
        {"DESC EXTENDED c.d.t", "DESCRIBE EXTENDED c.d.t"},
        {"DESCRIBE CATALOG EXTENDED c", ""},
        {"DESC DATABASE d", "DESCRIBE DATABASE d"},
        {"DESCRIBE FUNCTION EXTENDED f", ""},
        {"DESCRIBE MODEL m", ""},
        {"DESCRIBE CONNECTION c", ""},
        {"DESCRIBE JOB 'abc'", ""},
        {"DESCRIBE catalog", ""},
        {"DESC TABLE t", "DESCRIBE t"},
        {"USE d", ""},
        {"USE c.d", ""},
        {"USE CATALOG c", ""},
        {"USE MODULES a, b", ""},
        {"USE catalog", ""},
        {"LOAD MODULE m WITH ('a' = 'b')", ""},
        {"UNLOAD MODULE m", ""},
        {"ADD JAR '/x/y.jar'", ""},
        {"REMOVE JAR 'z'", ""},
        {"STOP JOB 'id'", ""},
        {"STOP JOB 'id' WITH SAVEPOINT WITH DRAIN", ""},
        {"STOP JOB 'id' WITH DRAIN", ""},
        {"CALL sys.proc(1, 'a', x => 2)", ""},
        {"QUIT", ""},
        {"EXIT;", "EXIT"},
        {"CLEAR", ""},
        {"HELP", ""},
    };
    CHECK(list);
}

/* A script of the usual shape, statement by statement. */
static void scripts(void **state) {
    (void)state;
    static const char script[] = "-- clicks\n"
                                 "SET 'pipeline.name' = 'clicks; views';\n"
                                 ";;\n"
                                 "CREATE TABLE t (a INT);/* x; */\n"
                                 "BEGIN STATEMENT SET;\n"
                                 "INSERT INTO a SELECT CASE WHEN x THEN 1 END FROM t;\n"
                                 "INSERT INTO b SELECT 2;\n"
                                 "END;\n"
                                 "SELECT 'a;b' FROM `c;d`\n";
    static const enum ast_kind kinds[] = {AST_SET, AST_CREATE_TABLE, AST_STATEMENT_SET, AST_QUERY};
    static const int lines[] = {2, 4, 5, 9};
    size_t offset = 0, len = sizeof script - 1;
    struct arena arena;
    arena_init(&arena, NULL);
    struct error err;
    struct ast_statement *stmt;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(parse_script_next(script, len, &offset, &arena, &stmt, &err), STATUS_OK);
        assert_non_null(stmt);
        assert_int_equal(stmt->root->kind, kinds[i]);
        int line, column;
        parse_position(script, len, (size_t)stmt->offset, &line, &column);
        assert_int_equal(line, lines[i]);
        assert_int_equal(column, 1);
        assert_int_equal(stmt->terminated, i < 3);
    }
    assert_int_equal(parse_script_next(script, len, &offset, &arena, &stmt, &err), STATUS_OK);
    assert_null(stmt);
    assert_int_equal(offset, len);

    /* A byte order mark in front is no part of the text. */
    static const char marked[] = "\xEF\xBB\xBFSELECT 1; SELECT 2";
    offset = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(parse_script_next(marked, sizeof marked - 1, &offset, &arena, &stmt, &err), STATUS_OK);
        int line, column;
        parse_position(marked, sizeof marked - 1, (size_t)stmt->offset, &line, &column);
        assert_int_equal(line, 1);
        assert_int_equal(column, i ? 11 : 1);
    }

    /* A bad statement is skipped. */
    static const char bad[] = "SELECT FROM x; SELECT 'open;\n; SELECT 1";
    offset = 0;
    assert_int_equal(parse_script_next(bad, sizeof bad - 1, &offset, &arena, &stmt, &err), STATUS_SYNTAX_ERROR);
    assert_int_equal(offset, 14);
    assert_int_equal(parse_script_next(bad, sizeof bad - 1, &offset, &arena, &stmt, &err), STATUS_SYNTAX_ERROR);
    assert_int_equal(offset, sizeof bad - 1);
    arena_destroy(&arena);
}

static void completeness(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool complete;
    } list[] = {
        {"", true},
        {"  \n", true},
        {"-- x", true},
        {"/* x", false},
        {"/* x */", true},
        {"SELECT 1", false},
        {"SELECT 1;", true},
        {"SELECT 1; -- done", true},
        {"SELECT 1; SELECT 2", false},
        {"SELECT ';", false},
        {"SELECT `;", false},
        {"SELECT /*+ OPTIONS(;", false},
        {"SELECT ';';", true},
        {"BEGIN STATEMENT SET;", false},
        {"BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", false},
        {"BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END", false},
        {"BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", true},
        {"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;", false},
        {"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT CASE WHEN b THEN 1 END;", false},
        {"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;", true},
        {"EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;", true},
        {"UPDATE statement SET begin = 1;", true},
        {"nonsense ( [;", true},
        {";", true},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (split_is_complete(list[i].text, strlen(list[i].text)) != list[i].complete)
            fail_msg("split_is_complete(%s)", list[i].text);
}

/* The other ways in. */
static void parts(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct error err;
    struct strbuf out = {0};
    struct ast_node *expr;
    const char *text = "ts - INTERVAL '5' SECOND";
    assert_int_equal(parse_expression(text, strlen(text), &arena, &expr, &err), STATUS_OK);
    unparse_expression(expr, &out);
    assert_string_equal(out.data, text);
    struct ast_type *type;
    strbuf_clear(&out);
    text = "ROW<a DECIMAL(10, 2) NOT NULL, b ARRAY<STRING>>";
    assert_int_equal(parse_type(text, strlen(text), &arena, &type, &err), STATUS_OK);
    assert_int_equal(type->type_kind, AST_TYPE_ROW);
    unparse_type(type, &out);
    assert_string_equal(out.data, text);
    struct ast_query *query;
    strbuf_clear(&out);
    text = "SELECT a FROM t ORDER BY a LIMIT 3";
    assert_int_equal(parse_query(text, strlen(text), &arena, &query, &err), STATUS_OK);
    unparse_query(query, &out);
    assert_string_equal(out.data, text);

    struct ast_statement *stmt;
    assert_int_equal(parse_statement("SELECT 1; SELECT 2", 18, &arena, &stmt, &err), STATUS_SYNTAX_ERROR);
    assert_int_equal(parse_statement("  ", 2, &arena, &stmt, &err), STATUS_SYNTAX_ERROR);
    assert_int_equal(parse_statement("  ", 2, &arena, &stmt, NULL), STATUS_SYNTAX_ERROR);
    assert_int_equal(parse_expression("a b", 3, &arena, &expr, &err), STATUS_SYNTAX_ERROR);
    assert_int_equal(parse_expression("a;", 2, &arena, &expr, &err), STATUS_SYNTAX_ERROR);
    assert_int_equal(parse_expression("", 0, &arena, &expr, &err), STATUS_SYNTAX_ERROR);
    assert_int_equal(parse_type("INT,", 4, &arena, &type, NULL), STATUS_SYNTAX_ERROR);
    strbuf_free(&out);
    arena_destroy(&arena);
}

const struct CMUnitTest good_tests[] = {
    cmocka_unit_test(select_lists), cmocka_unit_test(expressions),      cmocka_unit_test(functions),
    cmocka_unit_test(tables),       cmocka_unit_test(queries),          cmocka_unit_test(match_recognize),
    cmocka_unit_test(definitions),  cmocka_unit_test(alterations),      cmocka_unit_test(types),
    cmocka_unit_test(scripts),      cmocka_unit_test(other_statements), cmocka_unit_test(completeness),
    cmocka_unit_test(parts),
};
const size_t good_tests_count = sizeof good_tests / sizeof *good_tests;
