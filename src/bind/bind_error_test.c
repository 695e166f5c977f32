/* What the binder refuses: message, place and hint of every kind of error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind/bind_test_support.h"

extern const struct CMUnitTest bind_error_tests[];
extern const size_t bind_error_tests_count;

static const struct test_case names_cases[] = {
    {"SELECT A FROM t", "UNDEFINED_COLUMN: column 'A' not found\n"
                        "at: A\n"
                        "hint: did you mean 'a'?\n"},
    {"SELECT t.rat FROM orders AS t", "UNDEFINED_COLUMN: column 'rat' not found in table 't'\n"
                                      "at: t.rat\n"
                                      "hint: did you mean 'rt'?\n"},
    {"SELECT page, amuont FROM clicks", "UNDEFINED_COLUMN: column 'amuont' not found\n"
                                        "at: amuont\n"
                                        "hint: did you mean 'amount'?\n"},
    {"SELECT tt.a FROM t", "UNDEFINED_COLUMN: column 'tt.a' not found: no table or ROW column 'tt' here\n"
                           "at: tt.a\n"},
    {"SELECT order.qty FROM orders", "SYNTAX_ERROR: syntax error at or near \"order\"\n"
                                     "at: order\n"
                                     "detail: expected one of: an expression, ALL, DISTINCT, \"*\", \"/*+\"\n"
                                     "hint: ORDER is a reserved word; as a name it is written `order`\n"},
    {"SELECT orders.qty FROM orders AS o",
     "UNDEFINED_COLUMN: column 'orders.qty' not found: no table or ROW column 'orders' here\n"
     "at: orders.qty\n"
     "hint: table 'orders' is called 'o' in this query\n"},
    {"SELECT orders FROM orders", "UNDEFINED_COLUMN: column 'orders' not found\n"
                                  "at: orders\n"
                                  "hint: 'orders' is a table: write orders.column\n"},
    {"SELECT a FROM t, u", "AMBIGUOUS_NAME: column 'a' is ambiguous\n"
                           "at: a\n"
                           "hint: write t.a or u.a\n"},
    {"SELECT x.a FROM (SELECT 1 AS a, 2 AS a) AS x", "AMBIGUOUS_NAME: column 'a' is ambiguous\n"
                                                     "at: x.a\n"
                                                     "hint: several columns have this name: rename them with AS\n"},
    {"SELECT a FROM (SELECT 1 AS a, 2 AS a)", "AMBIGUOUS_NAME: column 'a' is ambiguous\n"
                                              "at: a\n"
                                              "hint: several columns have this name: rename them with AS\n"},
    {"SELECT * FROM clcks", "UNDEFINED_TABLE: table 'clcks' not found\n"
                            "at: clcks\n"
                            "detail: looked for cat.db.clcks\n"
                            "hint: did you mean 'clicks'?\n"},
    {"SELECT * FROM a.b.c.d", "UNDEFINED_TABLE: 'a.b.c.d' is no table name: it has more than catalog.database.table\n"
                              "at: a.b.c.d\n"},
    {"SELECT * FROM nodb.t", "UNDEFINED_TABLE: table 'nodb.t' not found\n"
                             "at: nodb.t\n"
                             "detail: looked for cat.db.t\n"},
    {"SELECT address.zap FROM users", "UNDEFINED_COLUMN: 'address' has no field 'zap'\n"
                                      "at: zap\n"
                                      "hint: did you mean 'zip'?\n"},
    {"SELECT u.address.zip, id.x FROM users AS u",
     "UNDEFINED_COLUMN: 'id' has no field 'x': its type is BIGINT NOT NULL\n"
     "at: x\n"},
    {"SELECT * FROM t, t", "DUPLICATE_NAME: two tables in FROM are called 't'\n"
                           "at: t\n"
                           "hint: give one of them an alias: t AS other_name\n"},
    {"SELECT x.* FROM t", "UNDEFINED_TABLE: no table 'x' in FROM\n"
                          "at: x\n"},
    {"SELECT address.* FROM users", "NOT_SUPPORTED: * over the fields of a ROW column is not supported\n"
                                    "at: address.*\n"},
    {"SELECT * EXCLUDE (pag) FROM clicks", "UNDEFINED_COLUMN: EXCLUDE names no column of *: 'pag'\n"
                                           "at: pag\n"
                                           "hint: did you mean 'page'?\n"},
    {"SELECT *", "INVALID_QUERY: SELECT * needs a FROM clause\n"
                 "at: *\n"},
    {"SELECT LENGTH2(c) FROM t", "UNDEFINED_FUNCTION: function LENGTH2 not found\n"
                                 "at: LENGTH2\n"},
    {"SELECT UPER(c) FROM t", "UNDEFINED_FUNCTION: function UPER not found\n"
                              "at: UPER\n"
                              "hint: did you mean UPPER?\n"},
    {"SELECT cout(c) FROM t", "UNDEFINED_FUNCTION: function cout not found\n"
                              "at: cout\n"
                              "hint: did you mean COUNT?\n"}, /* no COT */
    {"SELECT length(c) FROM t", "UNDEFINED_FUNCTION: function length not found\n"
                                "at: length\n"
                                "hint: here it is CHAR_LENGTH(text)\n"},
    {"SELECT NVL(c, 'x') FROM t", "UNDEFINED_FUNCTION: function NVL not found\n"
                                  "at: NVL\n"
                                  "hint: here it is COALESCE(x, y)\n"},
    {"SELECT cat.db.f(a) FROM t", "UNDEFINED_FUNCTION: function cat.db.f not found\n"
                                  "at: cat.db.f\n"},
    {"SELECT a FROM LATERAL (SELECT t.a) AS x, t",
     "UNDEFINED_COLUMN: column 't.a' not found: no table or ROW column 't' here\n"
     "at: t.a\n"},
    {"SELECT 1 LIMIT 3 OFFSET 2", "Limit: offset 2; limit 3\n"
                                  "  Project: 1 AS `EXPR$0`\n"
                                  "    Values: (0)\n"
                                  "EXPR$0 INT NOT NULL\n"},
};

static const struct test_case types_cases[] = {
    {"SELECT a FROM t WHERE b", "TYPE_MISMATCH: the condition of WHERE must be BOOLEAN, not INT\n"
                                "at: b\n"},
    {"SELECT NOT a FROM t", "TYPE_MISMATCH: the operand of NOT must be BOOLEAN, not INT\n"
                            "at: a\n"},
    {"SELECT a AND open FROM t, orders", "TYPE_MISMATCH: an operand of AND must be BOOLEAN, not INT\n"
                                         "at: a\n"},
    {"SELECT CASE WHEN a > 1 THEN 1 ELSE 'x' END FROM t", "TYPE_MISMATCH: CASE mixes types INT and CHAR(1)\n"
                                                          "at: 'x'\n"
                                                          "hint: use CAST to give them one type\n"},
    {"SELECT CASE WHEN a THEN 1 END FROM t", "TYPE_MISMATCH: the condition of WHEN must be BOOLEAN, not INT\n"
                                             "at: a\n"},
    {"SELECT CAST(d AS BOOLEAN) FROM orders", "TYPE_MISMATCH: no CAST from DATE to BOOLEAN\n"
                                              "at: CAST(d AS BOOLEAN)\n"},
    {"SELECT CAST(a AS DECIMAL(50, 2)) FROM t",
     "INVALID_ARGUMENT: the precision of DECIMAL must be between 1 and 38, not 50\n"
     "at: DECIMAL(50, 2)\n"},
    {"SELECT c.x FROM t", "UNDEFINED_COLUMN: 'c' has no field 'x': its type is STRING\n"
                          "at: x\n"},
    {"SELECT (CAST(NULL AS ROW<p INT>)).q FROM t", "UNDEFINED_COLUMN: the ROW has no field 'q'\n"
                                                   "at: q\n"},
    {"SELECT UPPER(c).x FROM t", "TYPE_MISMATCH: only a ROW has fields, not STRING\n"
                                 "at: UPPER(c).x\n"},
    {"SELECT +c FROM t", "TYPE_MISMATCH: unary + needs a number, not STRING\n"
                         "at: +c\n"},
    {"SELECT (a, b) = (1, 2, 3) FROM t", "TYPE_MISMATCH: rows of 2 and 3 values cannot be compared\n"
                                         "at: (a, b) = (1, 2, 3)\n"},
    {"SELECT (a, b) < (1, 2, 3) FROM t", "TYPE_MISMATCH: rows of 2 and 3 values cannot be compared\n"
                                         "at: (a, b) < (1, 2, 3)\n"},
    {"SELECT (a, b) = (SELECT 1, 2, 3) FROM t",
     "INVALID_QUERY: a row of 2 values is compared with a query of 3 columns\n"
     "at: (SELECT 1, 2, 3)\n"},
    {"SELECT * FROM UNNEST(1) AS x (n)", "TYPE_MISMATCH: UNNEST takes an ARRAY, MAP or MULTISET, not INT\n"
                                         "at: 1\n"},
    {"SELECT * FROM UNNEST(ARRAY[1], 'a') AS x (n, m)",
     "TYPE_MISMATCH: UNNEST takes an ARRAY, MAP or MULTISET, not CHAR(1)\n"
     "at: 'a'\n"},
    {"SELECT * FROM UNNEST(ARRAY[1], ARRAY['a']) AS x (n)",
     "INVALID_QUERY: alias 'x' names 1 columns, the table has 2\n"
     "at: x\n"},
    {"SELECT (a, b) IN ((1, 2), 3) FROM t", "TYPE_MISMATCH: rows of 2 and 1 values cannot be compared\n"
                                            "at: 3\n"},
    {"SELECT (a, b) OVERLAPS (a, b, b) FROM t", "TYPE_MISMATCH: OVERLAPS needs periods: (start, end) on both sides\n"
                                                "at: (a, b, b)\n"},
    {"SELECT DATE '2024-13-01'", "INVALID_DATETIME: '2024-13-01' is no DATE\n"
                                 "at: DATE '2024-13-01'\n"
                                 "hint: write it as '2024-12-31'\n"},
    {"SELECT TIMESTAMP '2024-01-01 00:00:00.1234567890'",
     "INVALID_DATETIME: a fraction of a second may have at most 9 digits\n"
     "at: TIMESTAMP '2024-01-01 00:00:00.1234567890'\n"},
    {"SELECT TIME 'noon'", "INVALID_DATETIME: 'noon' is no TIME\n"
                           "at: TIME 'noon'\n"
                           "hint: write it as '23:59:59.999'\n"},
    {"SELECT INTERVAL '1-2' DAY", "INVALID_DATETIME: '1-2' is no INTERVAL DAY\n"
                                  "at: INTERVAL '1-2' DAY\n"},
    {"SELECT 123456789012345678901234567890123456789", "OUT_OF_RANGE: a numeric literal may have at most 38 digits\n"
                                                       "at: 123456789012345678901234567890123456789\n"},
    {"SELECT 1e999", "OUT_OF_RANGE: the number is out of the range of DOUBLE\n"
                     "at: 1e999\n"},
    {"VALUES (1), ('a')", "TYPE_MISMATCH: column 1 of VALUES mixes types INT and CHAR(1)\n"
                          "at: 'a'\n"
                          "hint: use CAST to give them one type\n"},
    {"VALUES (1, 'a'), (2)", "INVALID_QUERY: VALUES rows differ in length: 2 and 1 values\n"
                             "at: 2\n"},
};

static const struct test_case aggregates_cases[] = {
    {"SELECT a, b, COUNT(c) FROM t GROUP BY a",
     "INVALID_QUERY: column 'b' must appear in GROUP BY or inside an aggregate function\n"
     "at: b\n"},
    {"SELECT a, COUNT(*) FROM t", "INVALID_QUERY: column 'a' must appear in GROUP BY or inside an aggregate function\n"
                                  "at: a\n"
                                  "hint: the query has an aggregate function or HAVING, and no GROUP BY\n"},
    {"SELECT t.a + u.d, SUM(b) FROM t, u GROUP BY t.a",
     "INVALID_QUERY: column 'u.d' must appear in GROUP BY or inside an aggregate function\n"
     "at: u.d\n"},
    {"SELECT a FROM t WHERE COUNT(*) > 1", "INVALID_QUERY: aggregate function COUNT is not allowed in WHERE\n"
                                           "at: COUNT(*)\n"
                                           "hint: filter groups with HAVING\n"},
    {"SELECT SUM(MAX(a)) FROM t", "INVALID_QUERY: aggregate function MAX is not allowed in the arguments of SUM\n"
                                  "at: MAX(a)\n"},
    {"SELECT SUM(a) FROM t GROUP BY SUM(a)", "INVALID_QUERY: aggregate function SUM is not allowed in GROUP BY\n"
                                             "at: SUM(a)\n"},
    {"SELECT SUM(*) FROM t", "INVALID_QUERY: * is an argument of COUNT(*) only\n"
                             "at: *\n"},
    {"SELECT COUNT(DISTINCT *) FROM t", "SYNTAX_ERROR: syntax error at or near \"*\"\n"
                                        "at: *\n"
                                        "detail: expected one of: an expression, TABLE, DEFAULT\n"},
    {"SELECT a FROM t GROUP BY 2", "INVALID_QUERY: GROUP BY position 2 is not in the select list of 1 column\n"
                                   "at: 2\n"},
    {"SELECT a FROM t GROUP BY a HAVING EXISTS (SELECT 1 FROM t AS u WHERE u.b = MAX(t.b + u.a))",
     "INVALID_QUERY: aggregate function MAX is not allowed in WHERE\n"
     "at: MAX(t.b + u.a)\n"
     "hint: filter groups with HAVING\n"},
    {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM t AS u WHERE u.b = MAX(t.b))",
     "INVALID_QUERY: aggregate function MAX reads columns of a query around only, and there it stands in WHERE\n"
     "at: MAX(t.b)\n"
     "hint: such an aggregate is computed by the query around, in SELECT, HAVING, QUALIFY or ORDER BY\n"},
    {"SELECT * FROM t, LATERAL (SELECT MAX(t.b) AS m FROM u) AS x",
     "INVALID_QUERY: aggregate function MAX reads columns of a query around only, and there it stands in FROM\n"
     "at: MAX(t.b)\n"
     "hint: such an aggregate is computed by the query around, in SELECT, HAVING, QUALIFY or ORDER BY\n"},
    {"SELECT b, (SELECT SUM(t.a) FROM u) FROM t",
     "INVALID_QUERY: column 'b' must appear in GROUP BY or inside an aggregate function\n"
     "at: b\n"
     "hint: the query has an aggregate function or HAVING, and no GROUP BY\n"},
    {"SELECT t.a, u.* FROM t, u GROUP BY 1, 9",
     "INVALID_QUERY: GROUP BY position 9 is not in the select list of 3 columns\n"
     "at: 9\n"},
    {"SELECT *, COUNT(*) FROM u GROUP BY 1, 3", "INVALID_QUERY: aggregate function COUNT is not allowed in GROUP BY\n"
                                                "at: COUNT(*)\n"},
    {"SELECT *, COUNT(*) FROM u GROUP BY 1",
     "INVALID_QUERY: column 'd' must appear in GROUP BY or inside an aggregate function\n"
     "at: *\n"},
    {"SELECT a, SUM(b) AS s FROM t GROUP BY s", "INVALID_QUERY: aggregate function SUM is not allowed in GROUP BY\n"
                                                "at: SUM(b)\n"},
    {"SELECT a AS z FROM t GROUP BY z + 1",
     "UNDEFINED_COLUMN: column 'z' not found\n"
     "at: z\n"
     "hint: GROUP BY cannot use the alias 'z' of the select list: repeat its expression\n"},
    {"SELECT a AS z, COUNT(*) FROM t GROUP BY a HAVING z > 1",
     "UNDEFINED_COLUMN: column 'z' not found\n"
     "at: z\n"
     "hint: HAVING cannot use the alias 'z' of the select list: repeat its expression\n"},
    {"SELECT UPPER(DISTINCT c) FROM t", "INVALID_QUERY: UPPER is no aggregate function: it takes no DISTINCT\n"
                                        "at: UPPER(DISTINCT c)\n"},
    {"SELECT LISTAGG(c ORDER BY b) WITHIN GROUP (ORDER BY a) FROM t",
     "INVALID_QUERY: LISTAGG has two ORDER BY\n"
     "at: LISTAGG(c ORDER BY b) WITHIN GROUP (ORDER BY a)\n"},
    {"SELECT a FROM t ORDER BY COUNT(*)",
     "INVALID_QUERY: column 'a' must appear in GROUP BY or inside an aggregate function\n"
     "at: a\n"
     "hint: the query has an aggregate function or HAVING, and no GROUP BY\n"},
    {"SELECT * FROM t GROUP BY a", "INVALID_QUERY: column 'b' must appear in GROUP BY or inside an aggregate function\n"
                                   "at: *\n"},
    {"SELECT GROUPING(b) FROM t GROUP BY a", "INVALID_QUERY: an argument of GROUPING must be a GROUP BY expression\n"
                                             "at: b\n"},
    {"SELECT GROUPING(a) FROM t", "INVALID_QUERY: GROUPING is only allowed in a query with GROUP BY\n"
                                  "at: GROUPING(a)\n"},
    {"SELECT a, COUNT(*) FROM t GROUP BY a HAVING EXISTS (SELECT 1 FROM u WHERE u.a = t.b)",
     "INVALID_QUERY: column 'b' must appear in GROUP BY or inside an aggregate function\n"
     "at: t.b\n"},
    {"SELECT a FROM t JOIN u ON SUM(t.a) = u.d", "INVALID_QUERY: aggregate function SUM is not allowed in ON\n"
                                                 "at: SUM(t.a)\n"},
};

static const struct test_case windows_cases[] = {
    {"SELECT a FROM t WHERE ROW_NUMBER() OVER (ORDER BY a) = 1",
     "INVALID_QUERY: window function ROW_NUMBER is not allowed in WHERE\n"
     "at: ROW_NUMBER() OVER (ORDER BY a)\n"
     "hint: filter with QUALIFY, or in a query around this one\n"},
    {"SELECT ROW_NUMBER() FROM t", "INVALID_QUERY: ROW_NUMBER is a window function: it needs an OVER clause\n"
                                   "at: ROW_NUMBER()\n"
                                   "hint: ROW_NUMBER(...) OVER (PARTITION BY ... ORDER BY ...)\n"},
    {"SELECT UPPER(c) OVER () FROM t",
     "INVALID_QUERY: UPPER is neither a window nor an aggregate function: it takes no OVER\n"
     "at: UPPER(c) OVER ()\n"},
    {"SELECT RANK() OVER (PARTITION BY a) FROM t", "INVALID_QUERY: RANK needs ORDER BY in its OVER clause\n"
                                                   "at: RANK() OVER (PARTITION BY a)\n"},
    {"SELECT ROW_NUMBER(a) OVER (ORDER BY a) FROM t", "UNDEFINED_FUNCTION: ROW_NUMBER() has 1 argument\n"
                                                      "at: ROW_NUMBER(a) OVER (ORDER BY a)\n"
                                                      "hint: write ROW_NUMBER()\n"},
    {"SELECT ROW_NUMBER() OVER (ORDER BY a ROWS 1 PRECEDING) FROM t",
     "INVALID_QUERY: ROW_NUMBER does not take a window frame\n"
     "at: ROW_NUMBER() OVER (ORDER BY a ROWS 1 PRECEDING)\n"},
    {"SELECT SUM(a) OVER w FROM t WINDOW win AS (ORDER BY a)",
     "UNDEFINED_NAME: window 'w' not found\n"
     "at: w\n"
     "hint: declare it: WINDOW w AS (PARTITION BY ... ORDER BY ...)\n"},
    {"SELECT SUM(a) OVER w FROM t WINDOW w AS (x), x AS (w)", "INVALID_QUERY: windows refine each other in a circle\n"
                                                              "at: x AS (w)\n"},
    {"SELECT SUM(a) OVER (w PARTITION BY b) FROM t WINDOW w AS (PARTITION BY a)",
     "INVALID_QUERY: window 'w' cannot be refined like this\n"
     "at: (w PARTITION BY b)\n"
     "hint: a refined window has no frame; PARTITION BY and ORDER BY stand in one of the two only\n"},
    {"SELECT SUM(a) OVER w FROM t WINDOW w AS (ORDER BY a), w AS (ORDER BY b)",
     "DUPLICATE_NAME: window 'w' is declared twice\n"
     "at: w\n"},
    {"SELECT SUM(a) OVER (ORDER BY a ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM t",
     "INVALID_QUERY: the window frame ends before it starts\n"
     "at: (ORDER BY a ROWS BETWEEN CURRENT ROW AND 1 PRECEDING)\n"},
    {"SELECT SUM(a) OVER (ORDER BY a ROWS BETWEEN b PRECEDING AND CURRENT ROW) FROM t",
     "UNDEFINED_COLUMN: column 'b' not found\n"
     "at: b\n"
     "hint: a window frame's offset must not refer to columns\n"},
    {"SELECT SUM(a) OVER (ORDER BY a ROWS BETWEEN 1.5 PRECEDING AND CURRENT ROW) FROM t",
     "INVALID_QUERY: a ROWS frame counts rows: the offset must be an integer that is not negative\n"
     "at: 1.5\n"},
    {"SELECT SUM(a) OVER (ORDER BY c RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
     "INVALID_QUERY: a RANGE frame's offset must be a number or an interval that suits its ORDER BY column\n"
     "at: 1\n"},
    {"SELECT SUM(SUM(a) OVER ()) OVER () FROM t",
     "INVALID_QUERY: window function SUM is not allowed in a window function\n"
     "at: SUM(a) OVER ()\n"},
    {"SELECT SUM(a) IGNORE NULLS OVER () FROM t", "INVALID_QUERY: SUM does not take IGNORE NULLS\n"
                                                  "at: SUM(a) IGNORE NULLS OVER ()\n"},
    {"SELECT NTILE(0) OVER (ORDER BY a) FROM t",
     "INVALID_ARGUMENT: the argument of NTILE must be an integer greater than 0\n"
     "at: 0\n"},
    {"SELECT LAG(a, b) OVER (ORDER BY a) FROM t", "TYPE_MISMATCH: the offset of LAG must be a constant integer\n"
                                                  "at: b\n"},
    {"SELECT LAG() OVER (ORDER BY a) FROM t", "UNDEFINED_FUNCTION: LAG(x [, offset [, default]]) has 0 arguments\n"
                                              "at: LAG() OVER (ORDER BY a)\n"
                                              "hint: write LAG(x [, offset [, default]])\n"},
    {"SELECT LAG(a, 1, c) OVER (ORDER BY a) FROM t", "TYPE_MISMATCH: LAG mixes types INT and STRING\n"
                                                     "at: c\n"
                                                     "hint: use CAST to give them one type\n"},
    {"SELECT RANK() FILTER (WHERE a > 1) OVER (ORDER BY a) FROM t",
     "INVALID_QUERY: RANK takes no FILTER: only aggregate functions do\n"
     "at: RANK() FILTER (WHERE a > 1) OVER (ORDER BY a)\n"},
    {"SELECT a FROM t QUALIFY a > 1", "INVALID_QUERY: QUALIFY needs a window function in it or in the select list\n"
                                      "at: a > 1\n"
                                      "hint: filter rows with WHERE, groups with HAVING\n"},
};

static const struct test_case window_functions_cases[] = {
    {"SELECT * FROM TABLE(HOP(TABLE orders, DESCRIPTOR(rt), INTERVAL '7' MINUTE, INTERVAL '1' HOUR))",
     "INVALID_QUERY: the window size of HOP must be a multiple of its slide\n"
     "at: HOP(TABLE orders, DESCRIPTOR(rt), INTERVAL '7' MINUTE, INTERVAL '1' HOUR)\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(d), INTERVAL '5' MINUTE))",
     "TYPE_MISMATCH: the time column of a window must be TIMESTAMP or TIMESTAMP_LTZ, not DATE\n"
     "at: DESCRIPTOR(d)\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), INTERVAL '5' MONTH))",
     "INVALID_QUERY: the window size must be a constant interval of days, hours, minutes or seconds\n"
     "at: INTERVAL '5' MONTH\n"
     "hint: for example INTERVAL '10' MINUTE\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt)))",
     "INVALID_QUERY: TUMBLE lacks its argument SIZE\n"
     "at: TUMBLE(TABLE orders, DESCRIPTOR(rt))\n"
     "hint: TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), INTERVAL '0' SECOND))",
     "INVALID_QUERY: the window size must be longer than 0\n"
     "at: INTERVAL '0' SECOND\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rx), INTERVAL '1' SECOND))",
     "UNDEFINED_COLUMN: column 'rx' not found\n"
     "at: rx\n"
     "hint: did you mean 'rt'?\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, rt, INTERVAL '1' SECOND))",
     "INVALID_QUERY: the second argument of TUMBLE must be DESCRIPTOR(time_column)\n"
     "at: rt\n"
     "hint: TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders PARTITION BY id, DESCRIPTOR(rt), INTERVAL '1' SECOND))",
     "INVALID_QUERY: TUMBLE takes no PARTITION BY\n"
     "at: id\n"
     "hint: TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), INTERVAL '1' SECOND, INTERVAL '1' SECOND, 1))",
     "INVALID_QUERY: too many arguments for TUMBLE\n"
     "at: 1\n"
     "hint: TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])\n"},
    {"SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), LENGTH => INTERVAL '1' SECOND))",
     "INVALID_QUERY: TUMBLE has no argument 'LENGTH'\n"
     "at: LENGTH\n"
     "hint: TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])\n"},
    {"SELECT * FROM TABLE(TUMBLE(DATA => TABLE orders, DATA => TABLE orders, SIZE => INTERVAL '1' SECOND))",
     "INVALID_QUERY: argument DATA is given twice\n"
     "at: TABLE orders\n"
     "hint: TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])\n"},
    {"SELECT * FROM TABLE(TUMBLE((SELECT c.ts FROM clicks AS c JOIN orders AS o ON c.user_id = o.user_id), "
     "DESCRIPTOR(ts), INTERVAL '1' MINUTE))",
     "INVALID_QUERY: the time column of a window must be a time attribute, but is plain TIMESTAMP(3)\n"
     "at: DESCRIPTOR(ts)\n"
     "hint: declare WATERMARK FOR it in its table; joins and aggregates without windows lose the attribute\n"},
    {"SELECT * FROM TABLE(FOO(TABLE orders))", "NOT_SUPPORTED: table function FOO is not supported\n"
                                               "at: FOO\n"
                                               "hint: there are TUMBLE, HOP, CUMULATE and SESSION\n"},
    {"SELECT TUMBLE_START(rt, INTERVAL '4' MINUTE) FROM orders GROUP BY TUMBLE(rt, INTERVAL '5' MINUTE)",
     "INVALID_QUERY: the arguments of TUMBLE_START are not those of the window in GROUP BY\n"
     "at: TUMBLE_START(rt, INTERVAL '4' MINUTE)\n"},
    {"SELECT TUMBLE_START(rt, INTERVAL '4' MINUTE) FROM orders",
     "INVALID_QUERY: TUMBLE_START needs the same window in GROUP BY\n"
     "at: TUMBLE_START(rt, INTERVAL '4' MINUTE)\n"
     "hint: GROUP BY TUMBLE(time_column, ...)\n"},
    {"SELECT TUMBLE(rt, INTERVAL '4' MINUTE) FROM orders",
     "INVALID_QUERY: TUMBLE is a table function: it stands in FROM or GROUP BY\n"
     "at: TUMBLE(rt, INTERVAL '4' MINUTE)\n"
     "hint: SELECT ... FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(time_column), ...))\n"},
    {"SELECT 1 FROM orders GROUP BY TUMBLE(rt, INTERVAL '4' MINUTE), HOP(rt, INTERVAL '4' MINUTE, INTERVAL "
     "'4' MINUTE)",
     "INVALID_QUERY: GROUP BY takes one window only\n"
     "at: HOP(rt, INTERVAL '4' MINUTE, INTERVAL '4' MINUTE)\n"},
    {"SELECT 1 FROM orders GROUP BY TUMBLE(rt)", "INVALID_QUERY: TUMBLE of GROUP BY takes 2 arguments, not 1\n"
                                                 "at: TUMBLE(rt)\n"
                                                 "hint: TUMBLE(time_column, interval)\n"},
    {"SELECT 1 FROM orders GROUP BY TUMBLE(rt, INTERVAL '4' MINUTE), ROLLUP (id)",
     "NOT_SUPPORTED: a group window together with grouping sets is not supported\n"
     "at: SELECT 1 FROM orders GROUP BY TUMBLE(rt, INTERVAL '4' MINUTE), ROLLUP (id)\n"},
    {"SELECT TUMBLE_PROCTIME(rt, INTERVAL '4' MINUTE) FROM orders GROUP BY TUMBLE(rt, INTERVAL '4' MINUTE)",
     "INVALID_QUERY: the window is on event time\n"
     "at: TUMBLE_PROCTIME(rt, INTERVAL '4' MINUTE)\n"},
};

static const struct test_case queries_cases[] = {
    {"SELECT a FROM t ORDER BY 3", "INVALID_QUERY: ORDER BY position 3 is not in the select list of 1 column\n"
                                   "at: 3\n"},
    {"SELECT DISTINCT a FROM t ORDER BY b",
     "INVALID_QUERY: ORDER BY of SELECT DISTINCT must use columns of the select list\n"
     "at: b\n"},
    {"SELECT a, b FROM t UNION ALL SELECT a FROM u", "INVALID_QUERY: the queries of UNION have 2 and 1 columns\n"
                                                     "at: SELECT a, b FROM t UNION ALL SELECT a FROM u\n"},
    {"SELECT a, b FROM t UNION ALL SELECT a, 'x' FROM u",
     "TYPE_MISMATCH: column 2 of UNION mixes types INT and CHAR(1) NOT NULL\n"
     "at: SELECT a, 'x' FROM u\n"
     "hint: use CAST to give both sides one type\n"},
    {"SELECT a FROM t WHERE a IN (SELECT a, d FROM u)", "INVALID_QUERY: IN compares 1 value with a query of 2 columns\n"
                                                        "at: a IN (SELECT a, d FROM u)\n"},
    {"SELECT (SELECT a, b FROM t)", "INVALID_QUERY: a query used as a value must have one column, this one has 2\n"
                                    "at: (SELECT a, b FROM t)\n"},
    {"SELECT a FROM t WHERE a IN (SELECT c FROM t)", "TYPE_MISMATCH: IN mixes types INT and STRING\n"
                                                     "at: a IN (SELECT c FROM t)\n"
                                                     "hint: use CAST to give them one type\n"},
    {"SELECT * FROM t JOIN u USING (b)", "UNDEFINED_COLUMN: column 'b' of USING not found in the right table\n"
                                         "at: b\n"},
    {"SELECT * FROM t JOIN u USING (a, a)", "DUPLICATE_NAME: USING names 'a' twice\n"
                                            "at: a\n"},
    {"SELECT * FROM t AS x JOIN t AS y ON x.a = y.a JOIN u USING (a)",
     "AMBIGUOUS_NAME: column 'a' of USING is ambiguous in the left table\n"
     "at: a\n"},
    {"SELECT * FROM t AS x (p, q)", "INVALID_QUERY: alias 'x' names 2 columns, the table has 3\n"
                                    "at: x\n"},
    {"SELECT * FROM t RIGHT JOIN LATERAL (SELECT t.a) AS x ON TRUE",
     "INVALID_QUERY: the right side of a RIGHT JOIN cannot refer to the left one\n"
     "at: t RIGHT JOIN LATERAL (SELECT t.a) AS x ON TRUE\n"},
    {"WITH q AS (SELECT 1), q AS (SELECT 2) SELECT * FROM q", "DUPLICATE_NAME: WITH declares 'q' twice\n"
                                                              "at: q\n"},
    {"WITH q AS (SELECT nope FROM t) SELECT 1", "UNDEFINED_COLUMN: column 'nope' not found\n"
                                                "at: nope\n"
                                                "detail: the columns are a, b, c\n"},
    {"WITH q (x, y) AS (SELECT 1) SELECT 1 FROM q", "INVALID_QUERY: 'q' names 2 columns, its query has 1\n"
                                                    "at: q\n"},
    {"WITH qq AS (SELECT 1) SELECT * FROM qqq", "UNDEFINED_TABLE: table 'qqq' not found\n"
                                                "at: qqq\n"
                                                "detail: looked for cat.db.qqq\n"
                                                "hint: did you mean 'qq'?\n"},
    {"SELECT * FROM gone", "UNDEFINED_COLUMN: view 'gone': column 'nothing' not found\n"
                           "at: gone\n"
                           "detail: the columns are a, b, c\n"},
    {"SELECT * FROM endless", "LIMIT_EXCEEDED: views refer to views more than 64 levels deep\n"
                              "at: endless\n"},
    {"SELECT * FROM v /*+ OPTIONS('a'='b') */", "INVALID_OPTION: view 'v' takes no OPTIONS hint\n"
                                                "at: OPTIONS('a'='b')\n"},
    {"SELECT * FROM t /*+ OPTIONS(a) */", "INVALID_OPTION: the OPTIONS hint takes 'key' = 'value' pairs\n"
                                          "at: a\n"},
    {"SELECT * FROM users FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00'",
     "NOT_SUPPORTED: FOR SYSTEM_TIME AS OF outside of a join's right side is not supported\n"
     "at: users FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00'\n"
     "hint: left JOIN this FOR SYSTEM_TIME AS OF left.proctime ON ...\n"},
    {"SELECT * FROM t JOIN users FOR SYSTEM_TIME AS OF t.a AS u ON t.a = u.id",
     "INVALID_QUERY: FOR SYSTEM_TIME AS OF needs a time attribute of the left table\n"
     "at: t.a\n"
     "hint: declare a column AS PROCTIME(), or a watermark, in the left table\n"},
    {"SELECT * FROM t JOIN users FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00' AS u ON t.a = u.id",
     "NOT_SUPPORTED: reading a table as of a fixed time is not supported\n"
     "at: TIMESTAMP '2024-01-01 00:00:00'\n"},
    {"SELECT * FROM orders AS o RIGHT JOIN users FOR SYSTEM_TIME AS OF o.rt AS u ON o.user_id = u.id",
     "INVALID_QUERY: a temporal join is an INNER or LEFT JOIN, not a RIGHT JOIN\n"
     "at: users FOR SYSTEM_TIME AS OF o.rt AS u\n"},
    {"SELECT * FROM live AS l JOIN v FOR SYSTEM_TIME AS OF l.pt AS v ON l.k = v.a",
     "NOT_SUPPORTED: a lookup join (FOR SYSTEM_TIME AS OF proctime) with a view is not supported\n"
     "at: v\n"},
};

static const struct test_case not_supported_cases[] = {
    {"SELECT a FROM t WHERE a = ?", "NOT_SUPPORTED: a parameter (?) outside of a prepared statement is not supported\n"
                                    "at: ?\n"},
    {"SELECT 1 MEMBER OF MULTISET[1, 2]", "NOT_SUPPORTED: MEMBER OF is not supported\n"
                                          "at: 1 MEMBER OF MULTISET[1, 2]\n"},
};

#define CASES(topic) topic##_cases, sizeof topic##_cases / sizeof *topic##_cases

static void names(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(names), false), 0);
}

static void types(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(types), false), 0);
}

static void aggregates(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(aggregates), false), 0);
}

static void windows(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(windows), false), 0);
}

static void window_functions(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(window_functions), true), 0);
}

static void queries(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(queries), false), 0);
}

static void not_supported(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(not_supported), false), 0);
}

const struct CMUnitTest bind_error_tests[] = {
    cmocka_unit_test(names),
    cmocka_unit_test(types),
    cmocka_unit_test(aggregates),
    cmocka_unit_test(windows),
    cmocka_unit_test(window_functions),
    cmocka_unit_test(queries),
    cmocka_unit_test(not_supported),
};
const size_t bind_error_tests_count = sizeof bind_error_tests / sizeof *bind_error_tests;
