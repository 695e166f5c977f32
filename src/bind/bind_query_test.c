/* Plans of queries, checked by hand: the select list, filters, joins, grouping, set operations, WITH, subqueries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind/bind_test_support.h"

extern const struct CMUnitTest bind_query_tests[];
extern const size_t bind_query_tests_count;

static const struct test_case select_list_cases[] = {
    {"SELECT * FROM t", "Scan: cat.db.t [a, b, c]\n"
                        "a INT, b INT, c STRING\n"},
    {"SELECT a, b + 1, c AS x FROM t WHERE a > 1 AND c LIKE 'x%'", "Project: a, b + 1 AS `EXPR$1`, c AS x\n"
                                                                   "  Filter: a > 1 AND c LIKE 'x%'\n"
                                                                   "    Scan: cat.db.t [a, b, c]\n"
                                                                   "a INT, EXPR$1 INT, x STRING\n"},
    {"SELECT t.*, u.d FROM t, u", "Project: a, b, c, d\n"
                                  "  Join: INNER\n"
                                  "    Scan: cat.db.t [a, b, c]\n"
                                  "    Scan: cat.db.u [a, d]\n"
                                  "a INT, b INT, c STRING, d BIGINT NOT NULL\n"},
    {"SELECT * EXCLUDE (c) FROM t", "Project: a, b\n"
                                    "  Scan: cat.db.t [a, b, c]\n"
                                    "a INT, b INT\n"},
    {"SELECT 1 AS a, 2 AS a, 3 AS a", "Project: 1 AS a, 2 AS a0, 3 AS a1\n"
                                      "  Values: (0)\n"
                                      "a INT NOT NULL, a0 INT NOT NULL, a1 INT NOT NULL\n"},
    {"SELECT DISTINCT a, b FROM t ORDER BY b", "Sort: b\n"
                                               "  Aggregate: group by a, b\n"
                                               "    Project: a, b\n"
                                               "      Scan: cat.db.t [a, b, c]\n"
                                               "a INT, b INT\n"},
    {"SELECT `select`, `Mixed` FROM `Odd Name`", "Scan: cat.db.Odd Name [select, Mixed]\n"
                                                 "select INT, Mixed INT\n"},
    {"SELECT * FROM meta", "Project: id, part, stamp, id * 2 AS twice\n"
                           "  Scan: cat.db.meta [id, part, stamp]\n"
                           "id INT NOT NULL, part INT, stamp TIMESTAMP_LTZ(3), twice INT NOT NULL\n"},
    {"SELECT id AS `with space`, address.street, users.address.zip, db.users.address.zip AS z, "
     "cat.db.users.name FROM users",
     "Project: id AS `with space`, address.street AS street, address.zip AS zip, address.zip AS z, name\n"
     "  Scan: cat.db.users [id, name, country, address]\n"
     "with space BIGINT NOT NULL, street STRING, zip INT, z INT, name STRING\n"},
    {"SELECT * FROM t AS x (p, q, r) WHERE p > 1", "Project: a AS p, b AS q, c AS r\n"
                                                   "  Filter: a > 1\n"
                                                   "    Scan: cat.db.t [a, b, c]\n"
                                                   "p INT, q INT, r STRING\n"},
    {"SELECT a FROM t WHERE TRUE", "Project: a\n"
                                   "  Scan: cat.db.t [a, b, c]\n"
                                   "a INT\n"},
    {"SELECT 1 WHERE FALSE", "Project: 1 AS `EXPR$0`\n"
                             "  Filter: FALSE\n"
                             "    Values: (0)\n"
                             "EXPR$0 INT NOT NULL\n"},
};

static const struct test_case literals_cases[] = {
    {"SELECT 1, 'abc', 1.50, 2e3, NULL, TRUE, UNKNOWN, X'00FF', '', 'äö'",
     "Project: 1 AS `EXPR$0`, 'abc' AS `EXPR$1`, 1.50 AS `EXPR$2`, 2000.0E0 AS `EXPR$3`, NULL AS `EXPR$4`, "
     "TRUE AS `EXPR$5`, CAST(NULL AS BOOLEAN) AS `EXPR$6`, X'00FF' AS `EXPR$7`, '' AS `EXPR$8`, 'äö' AS "
     "`EXPR$9`\n"
     "  Values: (0)\n"
     "EXPR$0 INT NOT NULL, EXPR$1 CHAR(3) NOT NULL, EXPR$2 DECIMAL(3, 2) NOT NULL, EXPR$3 DOUBLE NOT NULL, "
     "EXPR$4 NULL, EXPR$5 BOOLEAN NOT NULL, EXPR$6 BOOLEAN, EXPR$7 BINARY(2) NOT NULL, EXPR$8 CHAR(0) NOT "
     "NULL, EXPR$9 CHAR(2) NOT NULL\n"},
    {"SELECT -2147483648, 2147483648, -9223372036854775808, 9223372036854775808, -5.5, 007, .5, 5., 0.05",
     "Project: -2147483648 AS `EXPR$0`, 2147483648 AS `EXPR$1`, CAST('-9223372036854775808' AS BIGINT) AS "
     "`EXPR$2`, 9223372036854775808 AS `EXPR$3`, -5.5 AS `EXPR$4`, 7 AS `EXPR$5`, 0.5 AS `EXPR$6`, 5 AS "
     "`EXPR$7`, 0.05 AS `EXPR$8`\n"
     "  Values: (0)\n"
     "EXPR$0 INT NOT NULL, EXPR$1 BIGINT NOT NULL, EXPR$2 BIGINT NOT NULL, EXPR$3 DECIMAL(19, 0) NOT NULL, "
     "EXPR$4 DECIMAL(2, 1) NOT NULL, EXPR$5 INT NOT NULL, EXPR$6 DECIMAL(1, 1) NOT NULL, EXPR$7 INT NOT "
     "NULL, EXPR$8 DECIMAL(3, 2) NOT NULL\n"},
    {"SELECT DATE '2024-01-31', TIME '10:11:12', TIME '10:11:12.5', TIMESTAMP '2024-01-31 10:11:12', "
     "TIMESTAMP '2024-01-31 10:11:12.1234567'",
     "Project: DATE '2024-01-31' AS `EXPR$0`, TIME '10:11:12' AS `EXPR$1`, TIME '10:11:12.5' AS `EXPR$2`, "
     "TIMESTAMP '2024-01-31 10:11:12' AS `EXPR$3`, TIMESTAMP '2024-01-31 10:11:12.1234567' AS `EXPR$4`\n"
     "  Values: (0)\n"
     "EXPR$0 DATE NOT NULL, EXPR$1 TIME(0) NOT NULL, EXPR$2 TIME(1) NOT NULL, EXPR$3 TIMESTAMP(0) NOT NULL, "
     "EXPR$4 TIMESTAMP(7) NOT NULL\n"},
    {"SELECT INTERVAL '1-2' YEAR TO MONTH, INTERVAL -'5' MINUTE, INTERVAL '2' WEEK, -INTERVAL '1' DAY, "
     "INTERVAL '1 02:03' DAY TO MINUTE",
     "Project: INTERVAL '+1-02' YEAR TO MONTH AS `EXPR$0`, INTERVAL '-0 00:05:00.000' DAY TO SECOND(3) AS "
     "`EXPR$1`, INTERVAL '+14 00:00:00.000' DAY TO SECOND(3) AS `EXPR$2`, INTERVAL '-1 00:00:00.000' DAY TO "
     "SECOND(3) AS `EXPR$3`, INTERVAL '+1 02:03:00.000' DAY TO SECOND(3) AS `EXPR$4`\n"
     "  Values: (0)\n"
     "EXPR$0 INTERVAL YEAR TO MONTH NOT NULL, EXPR$1 INTERVAL DAY TO SECOND(3) NOT NULL, EXPR$2 INTERVAL "
     "DAY TO SECOND(3) NOT NULL, EXPR$3 INTERVAL DAY TO SECOND(3) NOT NULL, EXPR$4 INTERVAL DAY TO "
     "SECOND(3) NOT NULL\n"},
    {"SELECT TIMESTAMP WITH LOCAL TIME ZONE '2024-01-31 10:11:12.5'",
     "Project: CAST('2024-01-31 10:11:12.5Z' AS TIMESTAMP_LTZ(1)) AS `EXPR$0`\n"
     "  Values: (0)\n"
     "EXPR$0 TIMESTAMP_LTZ(1) NOT NULL\n"},
};

static const struct test_case expressions_cases[] = {
    {"SELECT CASE WHEN a > 1 THEN 1 WHEN a > 0 THEN 2.5 ELSE NULL END FROM t",
     "Project: CASE WHEN a > 1 THEN 1.0 WHEN a > 0 THEN 2.5 ELSE CAST(NULL AS DECIMAL(11, 1)) END AS "
     "`EXPR$0`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 DECIMAL(11, 1)\n"},
    {"SELECT CASE a WHEN 1, 2 THEN 'x' ELSE 'abc' END, CASE WHEN a > 0 THEN b END FROM t",
     "Project: CASE WHEN a = 1 OR a = 2 THEN 'x' ELSE 'abc' END AS `EXPR$0`, CASE WHEN a > 0 THEN b ELSE "
     "CAST(NULL AS INT) END AS `EXPR$1`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 VARCHAR(3) NOT NULL, EXPR$1 INT\n"},
    {"SELECT CAST(c AS INT), TRY_CAST(c AS INT), c::INT, CAST(id AS BIGINT) FROM t, meta",
     "Project: CAST(c AS INT) AS `EXPR$0`, TRY_CAST(c AS INT) AS `EXPR$1`, CAST(c AS INT) AS `EXPR$2`, "
     "CAST(id AS BIGINT) AS `EXPR$3`\n"
     "  Join: INNER\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "    Project: id, part, stamp, id * 2 AS twice\n"
     "      Scan: cat.db.meta [id, part, stamp]\n"
     "EXPR$0 INT, EXPR$1 INT, EXPR$2 INT, EXPR$3 BIGINT NOT NULL\n"},
    {"SELECT a BETWEEN 1 AND 5, a NOT BETWEEN SYMMETRIC 5 AND b FROM t",
     "Project: a >= 1 AND a <= 5 AS `EXPR$0`, NOT (a >= 5 AND a <= b OR a >= b AND a <= 5) AS `EXPR$1`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 BOOLEAN, EXPR$1 BOOLEAN\n"},
    {"SELECT (a, b) IN ((1, 2), (3, 4)), (a, b) = (1, 2), (a, b) <> (b, a) FROM t",
     "Project: a = 1 AND b = 2 OR a = 3 AND b = 4 AS `EXPR$0`, a = 1 AND b = 2 AS `EXPR$1`, a <> b OR b <> "
     "a AS `EXPR$2`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 BOOLEAN, EXPR$1 BOOLEAN, EXPR$2 BOOLEAN\n"},
    {"SELECT a IN (1, 2, 3), a NOT IN (b, 1), a IN (1) FROM t",
     "Project: a IN (1, 2, 3) AS `EXPR$0`, NOT (a = b OR a = 1) AS `EXPR$1`, a = 1 AS `EXPR$2`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 BOOLEAN, EXPR$1 BOOLEAN, EXPR$2 BOOLEAN\n"},
    {"SELECT a > ANY (1, b), a < ALL (1, b), NOT open, open IS TRUE, open IS NOT UNKNOWN, qty IS NULL FROM "
     "t, orders",
     "Project: a > 1 OR a > b AS `EXPR$0`, a < 1 AND a < b AS `EXPR$1`, NOT open AS `EXPR$2`, open IS TRUE "
     "AS `EXPR$3`, open IS NOT NULL AS `EXPR$4`, qty IS NULL AS `EXPR$5`\n"
     "  Join: INNER\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "EXPR$0 BOOLEAN, EXPR$1 BOOLEAN, EXPR$2 BOOLEAN, EXPR$3 BOOLEAN NOT NULL, EXPR$4 BOOLEAN NOT NULL, "
     "EXPR$5 BOOLEAN NOT NULL\n"},
    {"SELECT c LIKE 'a!_%' ESCAPE '!', c NOT LIKE 'b', c ILIKE 'X%' FROM t",
     "Project: c LIKE 'a!_%' ESCAPE '!' AS `EXPR$0`, NOT c LIKE 'b' AS `EXPR$1`, LOWER(c) LIKE 'x%' AS "
     "`EXPR$2`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 BOOLEAN, EXPR$1 BOOLEAN, EXPR$2 BOOLEAN\n"},
    {"SELECT a + b * 2 - -a / 3 % 4, c || 'x', UPPER(c), COALESCE(a, b, 0), NULLIF(a, b), IF(a > 1, 'x', "
     "'yz') FROM t",
     "Project: a + b * 2 - -a / 3 % 4 AS `EXPR$0`, c || 'x' AS `EXPR$1`, UPPER(c) AS `EXPR$2`, COALESCE(a, "
     "b, 0) AS `EXPR$3`, CASE WHEN a = b THEN CAST(NULL AS INT) ELSE a END AS `EXPR$4`, CASE WHEN a > 1 "
     "THEN 'x' ELSE 'yz' END AS `EXPR$5`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 INT, EXPR$1 STRING, EXPR$2 STRING, EXPR$3 INT NOT NULL, EXPR$4 INT, EXPR$5 VARCHAR(2) NOT NULL\n"},
    {"SELECT SUBSTRING(c FROM 2 FOR 3), TRIM(LEADING 'x' FROM c), POSITION('a' IN c), a IS DISTINCT FROM b "
     "FROM t",
     "Project: SUBSTRING(c, 2, 3) AS `EXPR$0`, TRIM('LEADING', 'x', c) AS `EXPR$1`, POSITION('a', c) AS "
     "`EXPR$2`, a IS DISTINCT FROM b AS `EXPR$3`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 STRING, EXPR$1 STRING, EXPR$2 INT, EXPR$3 BOOLEAN NOT NULL\n"},
    {"SELECT 1 + 2, UPPER('abc') || 'd', CAST('12' AS INT) + 1 FROM t",
     "Project: 3 AS `EXPR$0`, 'ABCd' AS `EXPR$1`, 13 AS `EXPR$2`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 INT NOT NULL, EXPR$1 STRING NOT NULL, EXPR$2 INT NOT NULL\n"},
};

static const struct test_case joins_cases[] = {
    {"SELECT t.a, u.d FROM t JOIN u ON t.a = u.a", "Project: a, d\n"
                                                   "  Join: INNER ON a = a0\n"
                                                   "    Scan: cat.db.t [a, b, c]\n"
                                                   "    Scan: cat.db.u [a, d]\n"
                                                   "a INT, d BIGINT NOT NULL\n"},
    {"SELECT * FROM t LEFT JOIN u USING (a)", "Project: a, b, c, d\n"
                                              "  Join: LEFT ON a = a0\n"
                                              "    Scan: cat.db.t [a, b, c]\n"
                                              "    Scan: cat.db.u [a, d]\n"
                                              "a INT, b INT, c STRING, d BIGINT\n"},
    {"SELECT * FROM t RIGHT JOIN u USING (a)", "Project: a0 AS a, b, c, d\n"
                                               "  Join: RIGHT ON a = a0\n"
                                               "    Scan: cat.db.t [a, b, c]\n"
                                               "    Scan: cat.db.u [a, d]\n"
                                               "a INT, b INT, c STRING, d BIGINT NOT NULL\n"},
    {"SELECT * FROM t FULL JOIN u USING (a)", "Project: COALESCE(a, a0) AS a, b, c, d\n"
                                              "  Join: FULL ON a = a0\n"
                                              "    Scan: cat.db.t [a, b, c]\n"
                                              "    Scan: cat.db.u [a, d]\n"
                                              "a INT, b INT, c STRING, d BIGINT\n"},
    {"SELECT a FROM (SELECT a FROM t) AS x FULL JOIN u USING (a) FULL JOIN (SELECT a FROM t) AS y USING (a)",
     "Project: COALESCE(a, a0, a1) AS a\n"
     "  Join: FULL ON COALESCE(a, a0) = a1\n"
     "    Join: FULL ON a = a0\n"
     "      Project: a\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "      Scan: cat.db.u [a, d]\n"
     "    Project: a\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "a INT\n"},
    {"SELECT * FROM t NATURAL JOIN u", "Project: a, b, c, d\n"
                                       "  Join: INNER ON a = a0\n"
                                       "    Scan: cat.db.t [a, b, c]\n"
                                       "    Scan: cat.db.u [a, d]\n"
                                       "a INT, b INT, c STRING, d BIGINT NOT NULL\n"},
    {"SELECT t.a, u.a FROM t FULL JOIN u USING (a) WHERE a = 1", "Project: a, a0\n"
                                                                 "  Filter: COALESCE(a, a0) = 1\n"
                                                                 "    Join: FULL ON a = a0\n"
                                                                 "      Scan: cat.db.t [a, b, c]\n"
                                                                 "      Scan: cat.db.u [a, d]\n"
                                                                 "a INT, a0 INT\n"},
    {"SELECT * FROM t JOIN u ON TRUE", "Project: a, b, c, a0, d\n"
                                       "  Join: INNER\n"
                                       "    Scan: cat.db.t [a, b, c]\n"
                                       "    Scan: cat.db.u [a, d]\n"
                                       "a INT, b INT, c STRING, a0 INT, d BIGINT NOT NULL\n"},
    {"SELECT * FROM db.t, cat.db.u WHERE db.t.a = cat.db.u.a", "Project: a, b, c, a0, d\n"
                                                               "  Filter: a = a0\n"
                                                               "    Join: INNER\n"
                                                               "      Scan: cat.db.t [a, b, c]\n"
                                                               "      Scan: cat.db.u [a, d]\n"
                                                               "a INT, b INT, c STRING, a0 INT, d BIGINT NOT NULL\n"},
    {"SELECT x.a FROM t AS x JOIN (t AS y JOIN u ON y.a = u.a) ON x.a = u.d", "Project: a\n"
                                                                              "  Join: INNER ON CAST(a AS BIGINT) = d\n"
                                                                              "    Scan: cat.db.t [a, b, c]\n"
                                                                              "    Join: INNER ON a = a0\n"
                                                                              "      Scan: cat.db.t [a, b, c]\n"
                                                                              "      Scan: cat.db.u [a, d]\n"
                                                                              "a INT\n"},
    {"SELECT t.a, x.s FROM t, LATERAL (SELECT SUM(d) AS s FROM u WHERE u.a = t.a) AS x",
     "Project: a, s\n"
     "  Join: INNER, correlated\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "    Aggregate: all rows; SUM(d) AS s\n"
     "      Filter: a = outer1.$0\n"
     "        Scan: cat.db.u [a, d]\n"
     "a INT, s BIGINT\n"},
    {"SELECT t.a, x.s FROM t LEFT JOIN LATERAL (SELECT d AS s FROM u WHERE u.a = t.a AND EXISTS (SELECT 1 "
     "FROM users WHERE users.id = t.b AND users.id = u.d)) AS x ON TRUE",
     "Project: a, s\n"
     "  Join: LEFT, correlated\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "    Project: d AS s\n"
     "      Filter: a = outer1.$0 AND EXISTS (<subquery>)\n"
     "        Subquery 1\n"
     "          Project: 1 AS `EXPR$0`\n"
     "            Filter: id = CAST(outer2.$1 AS BIGINT) AND id = outer1.$1\n"
     "              Scan: cat.db.users [id, name, country, address]\n"
     "        Scan: cat.db.u [a, d]\n"
     "a INT, s BIGINT\n"},
};

static const struct test_case grouping_cases[] = {
    {"SELECT a, COUNT(*), SUM(b) AS s FROM t GROUP BY a HAVING COUNT(*) > 1 ORDER BY s DESC LIMIT 10",
     "Sort: s DESC; limit 10\n"
     "  Project: a, `$agg0` AS `EXPR$1`, s\n"
     "    Filter: `$agg0` > 1\n"
     "      Aggregate: group by a; COUNT(*) AS `$agg0`, SUM(b) AS s\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "a INT, EXPR$1 BIGINT NOT NULL, s INT\n"},
    {"SELECT a + 1 AS k, AVG(b), a + 1 + SUM(b) FROM t GROUP BY a + 1",
     "Project: k, `$agg0` AS `EXPR$1`, k + `$agg1` AS `EXPR$2`\n"
     "  Aggregate: group by k; AVG(b) AS `$agg0`, SUM(b) AS `$agg1`\n"
     "    Project: a + 1 AS k, b\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "k INT, EXPR$1 INT, EXPR$2 INT\n"},
    {"SELECT COUNT(DISTINCT c) FILTER (WHERE a > 0), COUNT(c), COUNT(DISTINCT c), MAX(user_id) FROM t, "
     "orders",
     "Project: `$agg0` AS `EXPR$0`, `$agg1` AS `EXPR$1`, `$agg2` AS `EXPR$2`, `$agg3` AS `EXPR$3`\n"
     "  Aggregate: all rows; COUNT(DISTINCT c) FILTER (WHERE `$f1`) AS `$agg0`, COUNT(c) AS `$agg1`, "
     "COUNT(DISTINCT c) AS `$agg2`, MAX(user_id) AS `$agg3`\n"
     "    Project: c, a > 0 AS `$f1`, user_id\n"
     "      Join: INNER\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "        Watermark: rt AS rt\n"
     "          Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "EXPR$0 BIGINT NOT NULL, EXPR$1 BIGINT NOT NULL, EXPR$2 BIGINT NOT NULL, EXPR$3 BIGINT\n"},
    {"SELECT user_id, SUM(user_id), COUNT(*), MIN(user_id) FILTER (WHERE qty > 1) FROM orders GROUP BY "
     "user_id",
     "Project: user_id, `$agg0` AS `EXPR$1`, `$agg1` AS `EXPR$2`, `$agg2` AS `EXPR$3`\n"
     "  Aggregate: group by user_id; SUM(user_id) AS `$agg0`, COUNT(*) AS `$agg1`, MIN(user_id) FILTER "
     "(WHERE `$f1`) AS `$agg2`\n"
     "    Project: user_id, qty > 1 AS `$f1`\n"
     "      Watermark: rt AS rt\n"
     "        Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "user_id BIGINT NOT NULL, EXPR$1 BIGINT NOT NULL, EXPR$2 BIGINT NOT NULL, EXPR$3 BIGINT\n"},
    {"SELECT t.a FROM t GROUP BY t.a, t.b ORDER BY MAX(c), a", "Project: a\n"
                                                               "  Sort: `$sort0`, a\n"
                                                               "    Project: a, `$agg0` AS `$sort0`\n"
                                                               "      Aggregate: group by a, b; MAX(c) AS `$agg0`\n"
                                                               "        Scan: cat.db.t [a, b, c]\n"
                                                               "a INT\n"},
    {"SELECT 1 FROM t HAVING COUNT(*) > 3", "Project: 1 AS `EXPR$0`\n"
                                            "  Filter: `$agg0` > 3\n"
                                            "    Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                            "      Scan: cat.db.t [a, b, c]\n"
                                            "EXPR$0 INT NOT NULL\n"},
    {"SELECT 1 FROM t GROUP BY ()", "Project: 1 AS `EXPR$0`\n"
                                    "  Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                    "    Scan: cat.db.t [a, b, c]\n"
                                    "EXPR$0 INT NOT NULL\n"},
    {"SELECT a, b, COUNT(*) FROM t GROUP BY ALL", "Project: a, b, `$agg0` AS `EXPR$2`\n"
                                                  "  Aggregate: group by a, b; COUNT(*) AS `$agg0`\n"
                                                  "    Scan: cat.db.t [a, b, c]\n"
                                                  "a INT, b INT, EXPR$2 BIGINT NOT NULL\n"},
    {"SELECT a, GROUPING(a) AS g, GROUPING_ID(a, b), COUNT(*) FROM t GROUP BY ROLLUP (a, b)",
     "Project: a, CASE WHEN `$grouping_id` = 3 THEN 1 ELSE 0 END AS g, CASE WHEN `$grouping_id` = 1 THEN 1 "
     "WHEN `$grouping_id` = 3 THEN 3 ELSE 0 END AS `EXPR$2`, `$agg0` AS `EXPR$3`\n"
     "  Aggregate: grouping sets (a, b), (a), (); COUNT(*) AS `$agg0`\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "a INT, g BIGINT NOT NULL, EXPR$2 BIGINT NOT NULL, EXPR$3 BIGINT NOT NULL\n"},
    {"SELECT a, b FROM t GROUP BY GROUPING SETS ((a, b), a, ())", "Project: a, b\n"
                                                                  "  Aggregate: grouping sets (a, b), (a), ()\n"
                                                                  "    Scan: cat.db.t [a, b, c]\n"
                                                                  "a INT, b INT\n"},
    {"SELECT a, b, c FROM t GROUP BY a, CUBE (b, c)", "Project: a, b, c\n"
                                                      "  Aggregate: grouping sets (a, b, c), (a, b), (a, c), (a)\n"
                                                      "    Scan: cat.db.t [a, b, c]\n"
                                                      "a INT, b INT, c STRING\n"},
    {"SELECT user_id, id FROM orders GROUP BY user_id, ROLLUP (id)",
     "Project: user_id, id\n"
     "  Aggregate: grouping sets (user_id, id), (user_id)\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "user_id BIGINT NOT NULL, id INT\n"},
    {"SELECT a, GROUPING(a) FROM t GROUP BY a", "Project: a, 0 AS `EXPR$1`\n"
                                                "  Aggregate: group by a\n"
                                                "    Scan: cat.db.t [a, b, c]\n"
                                                "a INT, EXPR$1 BIGINT NOT NULL\n"},
    {"SELECT DISTINCT a, COUNT(*) FROM t GROUP BY a, b", "Aggregate: group by a, `EXPR$1`\n"
                                                         "  Project: a, `$agg0` AS `EXPR$1`\n"
                                                         "    Aggregate: group by a, b; COUNT(*) AS `$agg0`\n"
                                                         "      Scan: cat.db.t [a, b, c]\n"
                                                         "a INT, EXPR$1 BIGINT NOT NULL\n"},
    {"SELECT SUM(RAND()), MAX(a) FROM t ORDER BY 1",
     "Sort: `EXPR$0`\n"
     "  Project: `$agg0` AS `EXPR$0`, `$agg1` AS `EXPR$1`\n"
     "    Aggregate: all rows; SUM(`$f0`) AS `$agg0`, MAX(a) AS `$agg1`\n"
     "      Project: RAND() AS `$f0`, a\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 DOUBLE, EXPR$1 INT\n"},
};

static const struct test_case ordering_cases[] = {
    {"SELECT a FROM t ORDER BY c, -b DESC", "Project: a\n"
                                            "  Sort: `$sort0`, `$sort1` DESC\n"
                                            "    Project: a, c AS `$sort0`, -b AS `$sort1`\n"
                                            "      Scan: cat.db.t [a, b, c]\n"
                                            "a INT\n"},
    {"SELECT a, b AS x FROM t ORDER BY x DESC NULLS FIRST, 1 NULLS LAST, a + b",
     "Project: a, x\n"
     "  Sort: x DESC NULLS FIRST, a NULLS LAST, `$sort2`\n"
     "    Project: a, b AS x, a + b AS `$sort2`\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "a INT, x INT\n"},
    {"SELECT a FROM t OFFSET 5 ROWS FETCH NEXT 3 ROWS ONLY", "Limit: offset 5; limit 3\n"
                                                             "  Project: a\n"
                                                             "    Scan: cat.db.t [a, b, c]\n"
                                                             "a INT\n"},
    {"SELECT a FROM t ORDER BY a LIMIT 0", "Sort: a; limit 0\n"
                                           "  Project: a\n"
                                           "    Scan: cat.db.t [a, b, c]\n"
                                           "a INT\n"},
    {"VALUES (1, 'a'), (2, 'b') ORDER BY 2 DESC, `EXPR$0` + 1",
     "Project: `EXPR$0`, `EXPR$1`\n"
     "  Sort: `EXPR$1` DESC, `$sort1`\n"
     "    Project: `EXPR$0`, `EXPR$1`, `EXPR$0` + 1 AS `$sort1`\n"
     "      Values: (1, 'a'), (2, 'b')\n"
     "EXPR$0 INT NOT NULL, EXPR$1 CHAR(1) NOT NULL\n"},
    {"(SELECT a FROM t ORDER BY a LIMIT 3) UNION ALL (SELECT a FROM u ORDER BY a LIMIT 3) ORDER BY a DESC "
     "LIMIT 2 OFFSET 1",
     "Sort: a DESC; offset 1; limit 2\n"
     "  Union all\n"
     "    Sort: a; limit 3\n"
     "      Project: a\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "    Sort: a; limit 3\n"
     "      Project: a\n"
     "        Scan: cat.db.u [a, d]\n"
     "a INT\n"},
};

static const struct test_case values_cases[] = {
    {"SELECT * FROM (VALUES (1, 'a'), (2, 'bcd'), (NULL, 'x')) AS x (id, name)",
     "Project: `EXPR$0` AS id, `EXPR$1` AS name\n"
     "  Values: (1, 'a'), (2, 'bcd'), (CAST(NULL AS INT), 'x')\n"
     "id INT, name VARCHAR(3) NOT NULL\n"},
    {"VALUES (1), (2.5), (1e0)", "Values: (1.0E0), (2.5E0), (1.0E0)\n"
                                 "EXPR$0 DOUBLE NOT NULL\n"},
    {"VALUES ((SELECT MAX(a) FROM t)), (3)", "Union all\n"
                                             "  Project: (<subquery>) AS `EXPR$0`\n"
                                             "    Subquery 1\n"
                                             "      Project: `$agg0` AS `EXPR$0`\n"
                                             "        Aggregate: all rows; MAX(a) AS `$agg0`\n"
                                             "          Scan: cat.db.t [a, b, c]\n"
                                             "    Values: (0)\n"
                                             "  Project: 3 AS `EXPR$0`\n"
                                             "    Values: (0)\n"
                                             "EXPR$0 INT\n"},
    {"VALUES (1), (2), (3), (4), (5), (6)", "Values: (1), (2), (3), (4), (5), ... (6 rows)\n"
                                            "EXPR$0 INT NOT NULL\n"},
    {"SELECT (SELECT x FROM (VALUES (t.a)) AS q (x)) FROM t", "Project: (<subquery>) AS `EXPR$0`\n"
                                                              "  Subquery 1\n"
                                                              "    Project: `EXPR$0` AS x\n"
                                                              "      Project: outer1.$0 AS `EXPR$0`\n"
                                                              "        Values: (0)\n"
                                                              "  Scan: cat.db.t [a, b, c]\n"
                                                              "EXPR$0 INT\n"},
};

static const struct test_case set_operations_cases[] = {
    {"SELECT a FROM t UNION SELECT d FROM u ORDER BY 1", "Sort: a\n"
                                                         "  Aggregate: group by a\n"
                                                         "    Union all\n"
                                                         "      Project: CAST(a AS BIGINT) AS a\n"
                                                         "        Project: a\n"
                                                         "          Scan: cat.db.t [a, b, c]\n"
                                                         "      Project: d\n"
                                                         "        Scan: cat.db.u [a, d]\n"
                                                         "a BIGINT\n"},
    {"SELECT a FROM t UNION ALL SELECT a FROM u UNION ALL SELECT b FROM t", "Union all\n"
                                                                            "  Project: a\n"
                                                                            "    Scan: cat.db.t [a, b, c]\n"
                                                                            "  Project: a\n"
                                                                            "    Scan: cat.db.u [a, d]\n"
                                                                            "  Project: b\n"
                                                                            "    Scan: cat.db.t [a, b, c]\n"
                                                                            "a INT\n"},
    {"SELECT a FROM t EXCEPT SELECT a FROM u", "Except\n"
                                               "  Project: a\n"
                                               "    Scan: cat.db.t [a, b, c]\n"
                                               "  Project: a\n"
                                               "    Scan: cat.db.u [a, d]\n"
                                               "a INT\n"},
    {"SELECT a FROM t INTERSECT ALL SELECT a FROM u", "Intersect all\n"
                                                      "  Project: a\n"
                                                      "    Scan: cat.db.t [a, b, c]\n"
                                                      "  Project: a\n"
                                                      "    Scan: cat.db.u [a, d]\n"
                                                      "a INT\n"},
    {"SELECT a AS k, c FROM t UNION ALL SELECT d, name FROM u, users",
     "Union all\n"
     "  Project: CAST(k AS BIGINT) AS k, c\n"
     "    Project: a AS k, c\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "  Project: d, name\n"
     "    Join: INNER\n"
     "      Scan: cat.db.u [a, d]\n"
     "      Scan: cat.db.users [id, name, country, address]\n"
     "k BIGINT, c STRING\n"},
};

static const struct test_case with_queries_cases[] = {
    {"WITH q AS (SELECT a FROM t) SELECT x.a FROM q AS x, q AS y WHERE x.a = y.a", "Project: a\n"
                                                                                   "  Filter: a = a0\n"
                                                                                   "    Join: INNER\n"
                                                                                   "      Project: a\n"
                                                                                   "        Scan: cat.db.t [a, b, c]\n"
                                                                                   "      Project: a\n"
                                                                                   "        Scan: cat.db.t [a, b, c]\n"
                                                                                   "a INT\n"},
    {"WITH q (x) AS (SELECT a FROM t), t AS (SELECT x AS a FROM q) SELECT a FROM t", "Project: x AS a\n"
                                                                                     "  Project: a AS x\n"
                                                                                     "    Project: a\n"
                                                                                     "      Scan: cat.db.t [a, b, c]\n"
                                                                                     "a INT\n"},
    {"WITH t AS (SELECT a AS z FROM t) SELECT z FROM (WITH t AS (SELECT z + 1 AS z FROM t) SELECT * FROM t)",
     "Project: z + 1 AS z\n"
     "  Project: a AS z\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "z INT\n"},
    {"SELECT a FROM t WHERE EXISTS (WITH q AS (SELECT d FROM u WHERE u.a = t.a) SELECT 1 FROM (SELECT * "
     "FROM q) AS z WHERE EXISTS (SELECT 1 FROM q WHERE q.d = z.d))",
     "Project: a\n"
     "  Filter: EXISTS (<subquery>)\n"
     "    Subquery 1\n"
     "      Project: 1 AS `EXPR$0`\n"
     "        Filter: EXISTS (<subquery>)\n"
     "          Subquery 1\n"
     "            Project: 1 AS `EXPR$0`\n"
     "              Filter: d = outer1.$0\n"
     "                Project: d\n"
     "                  Filter: a = outer2.$0\n"
     "                    Scan: cat.db.u [a, d]\n"
     "          Project: d\n"
     "            Filter: a = outer1.$0\n"
     "              Scan: cat.db.u [a, d]\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "a INT\n"},
};

static const struct test_case views_cases[] = {
    {"SELECT * FROM v", "Project: a, b + 1 AS b1\n"
                        "  Filter: a > 0\n"
                        "    Scan: cat.db.t [a, b, c]\n"
                        "a INT, b1 INT\n"},
    {"SELECT * FROM v2", "Project: a AS x, `EXPR$1` AS y\n"
                         "  Project: a, `$agg0` AS `EXPR$1`\n"
                         "    Aggregate: group by a; COUNT(*) AS `$agg0`\n"
                         "      Project: a, b + 1 AS b1\n"
                         "        Filter: a > 0\n"
                         "          Scan: cat.db.t [a, b, c]\n"
                         "x INT, y BIGINT NOT NULL\n"},
    {"SELECT v.a, v2.y FROM v JOIN v2 ON v.a = v2.x", "Project: a, y\n"
                                                      "  Join: INNER ON a = x\n"
                                                      "    Project: a, b + 1 AS b1\n"
                                                      "      Filter: a > 0\n"
                                                      "        Scan: cat.db.t [a, b, c]\n"
                                                      "    Project: a AS x, `EXPR$1` AS y\n"
                                                      "      Project: a, `$agg0` AS `EXPR$1`\n"
                                                      "        Aggregate: group by a; COUNT(*) AS `$agg0`\n"
                                                      "          Project: a, b + 1 AS b1\n"
                                                      "            Filter: a > 0\n"
                                                      "              Scan: cat.db.t [a, b, c]\n"
                                                      "a INT, y BIGINT NOT NULL\n"},
    {"WITH t AS (SELECT 1 AS a) SELECT * FROM v", "Project: a, b + 1 AS b1\n"
                                                  "  Filter: a > 0\n"
                                                  "    Scan: cat.db.t [a, b, c]\n"
                                                  "a INT, b1 INT\n"},
};

static const struct test_case subqueries_cases[] = {
    {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)", "Project: a\n"
                                                                       "  Filter: EXISTS (<subquery>)\n"
                                                                       "    Subquery 1\n"
                                                                       "      Project: 1 AS `EXPR$0`\n"
                                                                       "        Filter: a = outer1.$0\n"
                                                                       "          Scan: cat.db.u [a, d]\n"
                                                                       "    Scan: cat.db.t [a, b, c]\n"
                                                                       "a INT\n"},
    {"SELECT a FROM t WHERE a IN (SELECT a FROM u) AND b NOT IN (SELECT d FROM u)",
     "Project: a\n"
     "  Filter: a IN (<subquery>) AND CAST(b AS BIGINT) NOT IN (<subquery>)\n"
     "    Subquery 1\n"
     "      Project: a\n"
     "        Scan: cat.db.u [a, d]\n"
     "    Subquery 2\n"
     "      Project: d\n"
     "        Scan: cat.db.u [a, d]\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "a INT\n"},
    {"SELECT a, (SELECT MAX(d) FROM u WHERE u.a = t.a) AS m FROM t", "Project: a, (<subquery>) AS m\n"
                                                                     "  Subquery 1\n"
                                                                     "    Project: `$agg0` AS `EXPR$0`\n"
                                                                     "      Aggregate: all rows; MAX(d) AS `$agg0`\n"
                                                                     "        Filter: a = outer1.$0\n"
                                                                     "          Scan: cat.db.u [a, d]\n"
                                                                     "  Scan: cat.db.t [a, b, c]\n"
                                                                     "a INT, m BIGINT\n"},
    {"SELECT a, (SELECT MAX(d) FROM u WHERE u.a = t.a) AS m, SUM(b) FROM t GROUP BY a",
     "Project: a, (<subquery>) AS m, `$agg0` AS `EXPR$2`\n"
     "  Subquery 1\n"
     "    Project: `$agg0` AS `EXPR$0`\n"
     "      Aggregate: all rows; MAX(d) AS `$agg0`\n"
     "        Filter: a = outer1.$0\n"
     "          Scan: cat.db.u [a, d]\n"
     "  Aggregate: group by a; SUM(b) AS `$agg0`\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "a INT, m BIGINT, EXPR$2 INT\n"},
    {"SELECT b, SUM(a) FROM t GROUP BY b HAVING EXISTS (SELECT 1 FROM u WHERE u.a = t.b)",
     "Project: b, `$agg0` AS `EXPR$1`\n"
     "  Filter: EXISTS (<subquery>)\n"
     "    Subquery 1\n"
     "      Project: 1 AS `EXPR$0`\n"
     "        Filter: a = outer1.$0\n"
     "          Scan: cat.db.u [a, d]\n"
     "    Aggregate: group by b; SUM(a) AS `$agg0`\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "b INT, EXPR$1 INT\n"},
    {"SELECT (a, b) IN (SELECT a, d FROM u) FROM t", "Project: a, CAST(b AS BIGINT) IN (<subquery>) AS `EXPR$0`\n"
                                                     "  Subquery 1\n"
                                                     "    Scan: cat.db.u [a, d]\n"
                                                     "  Scan: cat.db.t [a, b, c]\n"
                                                     "EXPR$0 BOOLEAN\n"},
    {"SELECT a > ALL (SELECT d FROM u), a = ANY (SELECT a FROM u), a <> SOME (SELECT a FROM u) FROM t",
     "Project: CAST(a AS BIGINT) > ALL (<subquery>) AS `EXPR$0`, a IN (<subquery>) AS `EXPR$1`, a <> ANY "
     "(<subquery>) AS `EXPR$2`\n"
     "  Subquery 1\n"
     "    Project: d\n"
     "      Scan: cat.db.u [a, d]\n"
     "  Subquery 2\n"
     "    Project: a\n"
     "      Scan: cat.db.u [a, d]\n"
     "  Subquery 3\n"
     "    Project: a\n"
     "      Scan: cat.db.u [a, d]\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 BOOLEAN, EXPR$1 BOOLEAN, EXPR$2 BOOLEAN\n"},
    {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM (SELECT * FROM u WHERE u.a = t.a) AS z)",
     "Project: a\n"
     "  Filter: EXISTS (<subquery>)\n"
     "    Subquery 1\n"
     "      Project: 1 AS `EXPR$0`\n"
     "        Filter: a = outer1.$0\n"
     "          Scan: cat.db.u [a, d]\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "a INT\n"},
    {"SELECT (SELECT COUNT(*) FROM u WHERE u.d > (SELECT MAX(x.a) FROM t AS x WHERE x.b = t.b AND x.a = "
     "u.a)) FROM t",
     "Project: (<subquery>) AS `EXPR$0`\n"
     "  Subquery 1\n"
     "    Project: `$agg0` AS `EXPR$0`\n"
     "      Aggregate: all rows; COUNT(*) AS `$agg0`\n"
     "        Filter: d > CAST((<subquery>) AS BIGINT)\n"
     "          Subquery 1\n"
     "            Project: `$agg0` AS `EXPR$0`\n"
     "              Aggregate: all rows; MAX(a) AS `$agg0`\n"
     "                Filter: b = outer2.$1 AND a = outer1.$0\n"
     "                  Scan: cat.db.t [a, b, c]\n"
     "          Scan: cat.db.u [a, d]\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 BIGINT\n"},
    {"SELECT a FROM t WHERE (SELECT 1) = 1 ORDER BY (SELECT MAX(d) FROM u WHERE u.a = t.b)",
     "Project: a\n"
     "  Sort: `$sort0`\n"
     "    Project: a, (<subquery>) AS `$sort0`\n"
     "      Subquery 1\n"
     "        Project: `$agg0` AS `EXPR$0`\n"
     "          Aggregate: all rows; MAX(d) AS `$agg0`\n"
     "            Filter: a = outer1.$1\n"
     "              Scan: cat.db.u [a, d]\n"
     "      Filter: (<subquery>) = 1\n"
     "        Subquery 1\n"
     "          Project: 1 AS `EXPR$0`\n"
     "            Values: (0)\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "a INT\n"},
};

static const struct test_case grouping_sets_and_nulls_cases[] = {
    {"SELECT COALESCE(a, 0) + 1, GROUPING(COALESCE(a, 0)), SUM(COALESCE(a, 0)) FROM t GROUP BY ROLLUP "
     "(COALESCE(a, 0))",
     "Project: `$f0` + 1 AS `EXPR$0`, CASE WHEN `$grouping_id` = 1 THEN 1 ELSE 0 END AS `EXPR$1`, `$agg0` "
     "AS `EXPR$2`\n"
     "  Aggregate: grouping sets (`$f0`), (); SUM(`$f0`) AS `$agg0`\n"
     "    Project: COALESCE(a, 0) AS `$f0`\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 INT, EXPR$1 BIGINT NOT NULL, EXPR$2 INT\n"},
    {"SELECT t.a, z.k FROM t, LATERAL (SELECT 1 AS k FROM u) AS z WHERE EXISTS (SELECT 1 FROM u, LATERAL "
     "(SELECT t.a AS k FROM v) AS y)",
     "Project: a, k\n"
     "  Filter: EXISTS (<subquery>)\n"
     "    Subquery 1\n"
     "      Project: 1 AS `EXPR$0`\n"
     "        Join: INNER\n"
     "          Scan: cat.db.u [a, d]\n"
     "          Project: outer1.$0 AS k\n"
     "            Project: a, b + 1 AS b1\n"
     "              Filter: a > 0\n"
     "                Scan: cat.db.t [a, b, c]\n"
     "    Join: INNER\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "      Project: 1 AS k\n"
     "        Scan: cat.db.u [a, d]\n"
     "a INT, k INT NOT NULL\n"},
};

static const struct test_case special_syntax_cases[] = {
    {"SELECT EXTRACT(YEAR FROM d), FLOOR(rt TO HOUR), CEIL(price), TIMESTAMPADD(DAY, 1, d), "
     "TIMESTAMPDIFF(MINUTE, rt, rt) FROM orders",
     "Project: EXTRACT('YEAR', d) AS `EXPR$0`, FLOOR(rt, 'HOUR') AS `EXPR$1`, CEIL(price) AS `EXPR$2`, "
     "TIMESTAMPADD('DAY', 1, d) AS `EXPR$3`, TIMESTAMPDIFF('MINUTE', rt, rt) AS `EXPR$4`\n"
     "  Watermark: rt AS rt\n"
     "    Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "EXPR$0 BIGINT, EXPR$1 TIMESTAMP(3), EXPR$2 DOUBLE, EXPR$3 DATE, EXPR$4 INT\n"},
    {"SELECT TRIM(c), TRIM('x' FROM c), OVERLAY(c PLACING 'x' FROM 2), CURRENT_DATE, c IS JSON OBJECT FROM t",
     "Project: TRIM('BOTH', ' ', c) AS `EXPR$0`, TRIM('BOTH', 'x', c) AS `EXPR$1`, OVERLAY(c, 'x', 2) AS "
     "`EXPR$2`, CURRENT_DATE() AS `EXPR$3`, c IS JSON OBJECT AS `EXPR$4`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 STRING, EXPR$1 STRING, EXPR$2 STRING, EXPR$3 DATE NOT NULL, EXPR$4 BOOLEAN NOT NULL\n"},
    {"SELECT JSON_VALUE(c, '$.a'), JSON_VALUE(c, '$.a' RETURNING INT DEFAULT 3 ON EMPTY NULL ON ERROR), "
     "JSON_QUERY(c, '$.a' WITH WRAPPER), JSON_OBJECT('a' VALUE c ABSENT ON NULL) FROM t",
     "Project: JSON_VALUE(c, '$.a') AS `EXPR$0`, CAST(JSON_VALUE(c, '$.a', 'DEFAULT', '3', 'NULL', "
     "CAST(NULL AS STRING)) AS INT) AS `EXPR$1`, JSON_QUERY(c, '$.a', 'WITH', 'NULL', 'NULL') AS `EXPR$2`, "
     "JSON_OBJECT('ABSENT', 'a', c) AS `EXPR$3`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 STRING, EXPR$1 INT, EXPR$2 STRING, EXPR$3 STRING NOT NULL\n"},
    {"SELECT LISTAGG(c, '|'), LISTAGG(DISTINCT c), LISTAGG(c, ',') FROM t",
     "Project: `$agg0` AS `EXPR$0`, `$agg1` AS `EXPR$1`, `$agg2` AS `EXPR$2`\n"
     "  Aggregate: all rows; LISTAGG(c, '|') AS `$agg0`, LISTAGG(DISTINCT c) AS `$agg1`, LISTAGG(c, ',') AS "
     "`$agg2`\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 STRING, EXPR$1 STRING, EXPR$2 STRING\n"},
    {"SELECT ARRAY[a, b][1], ROW(a, 'x'), MAP['k', a]['k'] FROM t",
     "Project: ARRAY[a, b][1] AS `EXPR$0`, ROW(a, 'x') AS `EXPR$1`, MAP['k', a]['k'] AS `EXPR$2`\n"
     "  Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 INT, EXPR$1 ROW<`EXPR$0` INT, `EXPR$1` CHAR(1) NOT NULL> NOT NULL, EXPR$2 INT\n"},
};

static const struct test_case nested_rows_cases[] = {
    {"CREATE TABLE events (kind INT, person ROW<id BIGINT, name STRING>, bid ROW<auction BIGINT, price "
     "BIGINT>)",
     "CREATE TABLE `cat`.`db`.`events` (\n"
     "  `kind` INT,\n"
     "  `person` ROW<`id` BIGINT, `name` STRING>,\n"
     "  `bid` ROW<`auction` BIGINT, `price` BIGINT>\n"
     ")\n"},
    {"CREATE VIEW bid AS SELECT bid.auction, bid.price FROM events WHERE kind = 2", ""},
    {"SELECT auction, MAX(price) FROM bid GROUP BY auction", "Project: auction, `$agg0` AS `EXPR$1`\n"
                                                             "  Aggregate: group by auction; MAX(price) AS `$agg0`\n"
                                                             "    Project: bid.auction AS auction, bid.price AS price\n"
                                                             "      Filter: kind = 2\n"
                                                             "        Scan: cat.db.events [kind, person, bid]\n"
                                                             "auction BIGINT, EXPR$1 BIGINT\n"},
    {"SELECT B.auction, e.person.name FROM bid AS B, events AS e WHERE e.bid.auction = B.auction",
     "Project: auction, person.name AS name\n"
     "  Filter: bid.auction = auction\n"
     "    Join: INNER\n"
     "      Project: bid.auction AS auction, bid.price AS price\n"
     "        Filter: kind = 2\n"
     "          Scan: cat.db.events [kind, person, bid]\n"
     "      Scan: cat.db.events [kind, person, bid]\n"
     "auction BIGINT, name STRING\n"},
};

/* Clauses that become other nodes. */
static const struct test_case rewritten_cases[] = {
    {"SELECT (a, b) < (1, 2) FROM t", "Project: a < 1 OR a = 1 AND b < 2 AS `EXPR$0`\n"
                                      "  Scan: cat.db.t [a, b, c]\n"
                                      "EXPR$0 BOOLEAN\n"},
    {"SELECT LISTAGG(c) WITHIN GROUP (ORDER BY a DESC NULLS FIRST) FROM t",
     "Project: `$agg0` AS `EXPR$0`\n"
     "  Aggregate: all rows; LISTAGG(c ORDER BY a DESC NULLS FIRST) AS `$agg0`\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 STRING\n"},
    {"SELECT SUM(a) FILTER (WHERE a > 1) OVER () FROM t",
     "Project: `$over0` AS `EXPR$0`\n"
     "  Over: all rows; SUM(`$w0`) AS `$over0`\n"
     "    Project: a, b, c, CASE WHEN a > 1 THEN a ELSE CAST(NULL AS INT) END AS `$w0`\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 INT\n"},
    {"SELECT t.a, n, i FROM t CROSS JOIN UNNEST(ARRAY[a, b]) WITH ORDINALITY AS x (n, i)",
     "Project: a, `EXPR$0` AS n, ORDINALITY AS i\n"
     "  Project: a, b, c, `EXPR$0`, ORDINALITY\n"
     "    Unnest: `$collection` with ordinality\n"
     "      Project: a, b, c, ARRAY[a, b] AS `$collection`\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "a INT, n INT, i INT NOT NULL\n"},
    {"SELECT DISTINCT ON (b) a FROM t ORDER BY c",
     "Project: a\n"
     "  Sort: `$sort0`\n"
     "    Filter: `$row` = 1\n"
     "      Over: partition by `$on0` order by `$sort0`; ROW_NUMBER() AS `$row`\n"
     "        Project: a, c AS `$sort0`, b AS `$on0`\n"
     "          Scan: cat.db.t [a, b, c]\n"
     "a INT\n"},
    {"SELECT * FROM t TABLESAMPLE BERNOULLI (10)", "Filter: RAND() < 0.1E0\n"
                                                   "  Scan: cat.db.t [a, b, c]\n"
                                                   "a INT, b INT, c STRING\n"},
    {"SELECT * FROM t PIVOT (SUM(a) AS s FOR b IN (1 AS one, 2))",
     "Aggregate: group by c; SUM(a) FILTER (WHERE `$f2`) AS one_s, SUM(a) FILTER (WHERE `$f3`) AS `2_s`\n"
     "  Project: c, a, b IS NOT DISTINCT FROM 1 AS `$f2`, b IS NOT DISTINCT FROM 2 AS `$f3`\n"
     "    Scan: cat.db.t [a, b, c]\n"
     "c STRING, one_s INT, 2_s INT\n"},
    {"WITH RECURSIVE r (n) AS (SELECT a FROM t UNION SELECT n + 1 FROM r WHERE n < 9) SELECT n FROM r",
     "Rows: of r\n"
     "  First\n"
     "    Project: a\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "  Step\n"
     "    Project: n + 1 AS `EXPR$0`\n"
     "      Filter: n < 9\n"
     "        Rows: new ones of r\n"
     "n INT\n"},
};

#define CASES(topic) topic##_cases, sizeof topic##_cases / sizeof *topic##_cases

static void select_list(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(select_list), false), 0);
}

static void literals(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(literals), false), 0);
}

static void expressions(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(expressions), false), 0);
}

static void joins(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(joins), false), 0);
}

static void grouping(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(grouping), false), 0);
}

static void ordering(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(ordering), false), 0);
}

static void values(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(values), false), 0);
}

static void set_operations(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(set_operations), false), 0);
}

static void with_queries(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(with_queries), false), 0);
}

static void views(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(views), false), 0);
}

static void subqueries(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(subqueries), false), 0);
}

static void grouping_sets_and_nulls(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(grouping_sets_and_nulls), false), 0);
}

static void special_syntax(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(special_syntax), false), 0);
}

static void rewritten(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(rewritten), false), 0);
}

static void nested_rows(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(nested_rows), false), 0);
}

const struct CMUnitTest bind_query_tests[] = {
    cmocka_unit_test(select_list),    cmocka_unit_test(literals),       cmocka_unit_test(expressions),
    cmocka_unit_test(joins),          cmocka_unit_test(grouping),       cmocka_unit_test(ordering),
    cmocka_unit_test(values),         cmocka_unit_test(set_operations), cmocka_unit_test(with_queries),
    cmocka_unit_test(views),          cmocka_unit_test(subqueries),     cmocka_unit_test(grouping_sets_and_nulls),
    cmocka_unit_test(special_syntax), cmocka_unit_test(nested_rows),    cmocka_unit_test(rewritten),
};
const size_t bind_query_tests_count = sizeof bind_query_tests / sizeof *bind_query_tests;
