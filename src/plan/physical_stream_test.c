/* Physical plans in streaming mode: operators and exchanges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest physical_stream_tests[];
extern const size_t physical_stream_tests_count;

static void aggregates(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT page, COUNT(*) FROM clicks GROUP BY page",
         "== Physical Plan (streaming) ==\n"
         "Collect(page, EXPR$1), changelogMode=[I,UB,UA], key=[page]\n"
         "+- Aggregate(groupBy=[page], select=[page, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "   +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "         +- Calc(select=[page]), changelogMode=[I]\n"
         "            +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"},
        {"SELECT COUNT(DISTINCT user_id) FROM clicks",
         "== Physical Plan (streaming) ==\n"
         "Collect(EXPR$0), changelogMode=[I,UB,UA], rows=1\n"
         "+- Aggregate(select=[COUNT(DISTINCT user_id) AS $agg0]), changelogMode=[I,UB,UA], rows=1\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "      +- Calc(select=[user_id]), changelogMode=[I]\n"
         "         +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "            +- Scan(table=[cat.db.clicks], columns=[user_id, ts]), changelogMode=[I]\n"},
        {"SELECT n, COUNT(*) FROM (SELECT page, COUNT(*) AS n FROM clicks GROUP BY page) GROUP BY n",
         "== Physical Plan (streaming) ==\n"
         "Collect(n, EXPR$1), changelogMode=[I,UB,UA,D], key=[n]\n"
         "+- Aggregate(groupBy=[n], select=[n, COUNT(*) AS $agg0], retracting), "
         "changelogMode=[I,UB,UA,D], key=[n]\n"
         "   +- Exchange(distribution=[hash[n]]), changelogMode=[I,UB,UA]\n"
         "      +- Calc(select=[n]), changelogMode=[I,UB,UA]\n"
         "         +- Aggregate(groupBy=[page], select=[page, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "            +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "               +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "                  +- Calc(select=[page]), changelogMode=[I]\n"
         "                     +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' "
         "DAY TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                        +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"},
        {"SELECT a, b, COUNT(*) FROM s GROUP BY ROLLUP (a, b)",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, b, EXPR$2), changelogMode=[I,UB,UA], rows=2\n"
         "+- Calc(select=[a, b, `$agg0` AS EXPR$2]), changelogMode=[I,UB,UA], rows=2\n"
         "   +- Union(a, b, $agg0, $grouping_id), changelogMode=[I,UB,UA], rows=2\n"
         "      +- Calc(select=[CAST(NULL AS INT) AS a, CAST(NULL AS INT) AS b, `$agg0`, 3 AS "
         "$grouping_id]), changelogMode=[I,UB,UA], rows=1\n"
         "      |  +- Aggregate(select=[COUNT(*) AS $agg0], merges partials), changelogMode=[I,UB,UA], "
         "rows=1\n"
         "      |     +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "      |        +- LocalAggregate(select=[COUNT(*)]), changelogMode=[I]\n"
         "      |           +- node 0: Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"
         "      +- Calc(select=[a, b, `$agg0`, `$grouping_id`]), changelogMode=[I,UB,UA], key=[a, b, "
         "$grouping_id]\n"
         "         +- Aggregate(groupBy=[a, b, $grouping_id], select=[a, b, $grouping_id, COUNT(*) AS "
         "$agg0], merges partials), changelogMode=[I,UB,UA], key=[a, b, $grouping_id]\n"
         "            +- Exchange(distribution=[hash[a, b, $grouping_id]]), changelogMode=[I]\n"
         "               +- LocalAggregate(groupBy=[a, b, $grouping_id], select=[a, b, $grouping_id, "
         "COUNT(*)]), changelogMode=[I]\n"
         "                  +- Union(a, b, $grouping_id, a, b), changelogMode=[I]\n"
         "                     +- Calc(select=[a, b, 0 AS $grouping_id, a, b]), changelogMode=[I]\n"
         "                     |  +- see node 0\n"
         "                     +- Calc(select=[a, CAST(NULL AS INT) AS b, 1 AS $grouping_id, a, b]), "
         "changelogMode=[I]\n"
         "                        +- see node 0\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void window_aggregates(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT window_start, window_end, page, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, "
         "DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, page",
         "== Physical Plan (streaming) ==\n"
         "Collect(window_start, window_end, page, n), changelogMode=[I], key=[window_start, "
         "window_end, page]\n"
         "+- WindowAggregate(groupBy=[window_start, window_end, page], select=[window_start, "
         "window_end, page, COUNT(*) AS n], merges partials, fires by watermark), changelogMode=[I], "
         "key=[window_start, window_end, page]\n"
         "   +- Exchange(distribution=[hash[window_start, window_end, page]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[window_start, window_end, page], select=[window_start, "
         "window_end, page, COUNT(*)]), changelogMode=[I]\n"
         "         +- Calc(select=[page, window_start, window_end]), changelogMode=[I]\n"
         "            +- WindowAssign(window=[TUMBLE(ts, size 1 min)]), changelogMode=[I]\n"
         "               +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                  +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"},
        {"SELECT page, SUM(amount) FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND, "
         "INTERVAL '1' MINUTE)) GROUP BY page, window_end, window_start",
         "== Physical Plan (streaming) ==\n"
         "Collect(page, EXPR$1), changelogMode=[I]\n"
         "+- Calc(select=[page, `$agg0` AS EXPR$1]), changelogMode=[I]\n"
         "   +- WindowAggregate(groupBy=[page, window_end, window_start], select=[page, window_end, "
         "window_start, SUM(amount) AS $agg0], merges partials, fires by watermark), "
         "changelogMode=[I], key=[page, window_end, window_start]\n"
         "      +- Exchange(distribution=[hash[page, window_end, window_start]]), changelogMode=[I]\n"
         "         +- LocalAggregate(groupBy=[page, window_end, window_start], select=[page, "
         "window_end, window_start, SUM(amount)]), changelogMode=[I]\n"
         "            +- Calc(select=[page, amount, window_start, window_end]), changelogMode=[I]\n"
         "               +- WindowAssign(window=[HOP(ts, slide 5 s, size 1 min)]), changelogMode=[I]\n"
         "                  +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY "
         "TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                     +- Scan(table=[cat.db.clicks], columns=[page, ts, amount]), "
         "changelogMode=[I]\n"},
        {"SELECT window_start, COUNT(*) FROM TABLE(CUMULATE(TABLE clicks, DESCRIPTOR(pt), INTERVAL '5' "
         "SECOND, INTERVAL '1' MINUTE)) GROUP BY window_start, window_end",
         "== Physical Plan (streaming) ==\n"
         "Collect(window_start, EXPR$1), changelogMode=[I]\n"
         "+- Calc(select=[window_start, `$agg0` AS EXPR$1]), changelogMode=[I]\n"
         "   +- WindowAggregate(groupBy=[window_start, window_end], select=[window_start, window_end, "
         "COUNT(*) AS $agg0], merges partials, fires by processing time), changelogMode=[I], "
         "key=[window_start, window_end]\n"
         "      +- Exchange(distribution=[hash[window_start, window_end]]), changelogMode=[I]\n"
         "         +- LocalAggregate(groupBy=[window_start, window_end], select=[window_start, "
         "window_end, COUNT(*)]), changelogMode=[I]\n"
         "            +- Calc(select=[window_start, window_end]), changelogMode=[I]\n"
         "               +- WindowAssign(window=[CUMULATE(pt, step 5 s, size 1 min)]), changelogMode=[I]\n"
         "                  +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY "
         "TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                     +- Calc(select=[ts, PROCTIME() AS pt]), changelogMode=[I]\n"
         "                        +- Scan(table=[cat.db.clicks], columns=[ts]), changelogMode=[I]\n"},
        {"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' "
         "MINUTE)) GROUP BY window_start",
         "== Physical Plan (streaming) ==\n"
         "Collect(window_start, EXPR$1), changelogMode=[I,UB,UA], key=[window_start]\n"
         "+- Aggregate(groupBy=[window_start], select=[window_start, COUNT(*) AS $agg0], merges "
         "partials), changelogMode=[I,UB,UA], key=[window_start]\n"
         "   +- Exchange(distribution=[hash[window_start]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[window_start], select=[window_start, COUNT(*)]), "
         "changelogMode=[I]\n"
         "         +- Calc(select=[window_start]), changelogMode=[I]\n"
         "            +- WindowAssign(window=[TUMBLE(ts, size 1 min)]), changelogMode=[I]\n"
         "               +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                  +- Scan(table=[cat.db.clicks], columns=[ts]), changelogMode=[I]\n"},
        {"SELECT window_time, SUM(n) FROM (SELECT window_start, window_end, window_time, page, "
         "COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY "
         "window_start, window_end, window_time, page) GROUP BY window_start, window_end, window_time",
         "== Physical Plan (streaming) ==\n"
         "Collect(window_time, EXPR$1), changelogMode=[I]\n"
         "+- Calc(select=[window_time, `$agg0` AS EXPR$1]), changelogMode=[I]\n"
         "   +- WindowAggregate(groupBy=[window_start, window_end, window_time], select=[window_start, "
         "window_end, window_time, SUM(n) AS $agg0], merges partials, fires by watermark), "
         "changelogMode=[I], key=[window_start, window_end, window_time]\n"
         "      +- Exchange(distribution=[hash[window_start, window_end, window_time]]), changelogMode=[I]\n"
         "         +- LocalAggregate(groupBy=[window_start, window_end, window_time], "
         "select=[window_start, window_end, window_time, SUM(n)]), changelogMode=[I]\n"
         "            +- Calc(select=[window_start, window_end, window_time, n]), changelogMode=[I]\n"
         "               +- WindowAggregate(groupBy=[window_start, window_end, window_time, page], "
         "select=[window_start, window_end, window_time, page, COUNT(*) AS n], merges partials, fires "
         "by watermark), changelogMode=[I], key=[window_start, window_end, window_time, page]\n"
         "                  +- Exchange(distribution=[hash[window_start, window_end, window_time, "
         "page]]), changelogMode=[I]\n"
         "                     +- LocalAggregate(groupBy=[window_start, window_end, window_time, "
         "page], select=[window_start, window_end, window_time, page, COUNT(*)]), changelogMode=[I]\n"
         "                        +- Calc(select=[page, window_start, window_end, window_time]), "
         "changelogMode=[I]\n"
         "                           +- WindowAssign(window=[TUMBLE(ts, size 1 min)]), changelogMode=[I]\n"
         "                              +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 "
         "00:00:05.000' DAY TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                                 +- Scan(table=[cat.db.clicks], columns=[page, ts]), "
         "changelogMode=[I]\n"},
        {"SELECT page, COUNT(*) FROM TABLE(SESSION(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND)) "
         "GROUP BY page, window_start, window_end",
         "NOT_SUPPORTED: SESSION windows are not supported yet\n"
         "at: SESSION(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND)\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void joins(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT s.a, s2.d FROM s JOIN s2 ON s.a = s2.a",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, d), changelogMode=[I]\n"
         "+- Calc(select=[a, d]), changelogMode=[I]\n"
         "   +- StreamJoin(type=[INNER], on=[a = a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      |  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s2], columns=[a, d]), changelogMode=[I]\n"},
        {"SELECT s.a, s2.d FROM s LEFT JOIN s2 ON s.a = s2.d",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, d), changelogMode=[I,UB,UA,D]\n"
         "+- Calc(select=[a, d]), changelogMode=[I,UB,UA,D]\n"
         "   +- StreamJoin(type=[LEFT], on=[$key0 = d]), changelogMode=[I,UB,UA,D]\n"
         "      +- Exchange(distribution=[hash[$key0]]), changelogMode=[I]\n"
         "      |  +- Calc(select=[a, CAST(a AS BIGINT) AS $key0]), changelogMode=[I]\n"
         "      |     +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[d]]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s2], columns=[d]), changelogMode=[I]\n"},
        {"SELECT s.a, s2.d FROM s FULL JOIN s2 ON s.a = s2.a AND s.b < s2.d",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, d), changelogMode=[I,UB,UA,D]\n"
         "+- Calc(select=[a, d]), changelogMode=[I,UB,UA,D]\n"
         "   +- StreamJoin(type=[FULL], on=[a = a], where=[CAST(b AS BIGINT) < d]), "
         "changelogMode=[I,UB,UA,D]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      |  +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s2], columns=[a, d]), changelogMode=[I]\n"},
        {"SELECT s.a FROM s WHERE a IN (SELECT a FROM s2)",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I]\n"
         "+- StreamJoin(type=[SEMI], on=[a = a]), changelogMode=[I]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "   |  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- Scan(table=[cat.db.s2], columns=[a]), changelogMode=[I]\n"},
        {"SELECT s.a FROM s WHERE a NOT IN (SELECT d FROM s2)",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I,UB,UA,D]\n"
         "+- Calc(select=[a]), changelogMode=[I,UB,UA,D]\n"
         "   +- StreamJoin(type=[ANTI], on=[$key0 = d], null aware), changelogMode=[I,UB,UA,D]\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "      |  +- Calc(select=[a, CAST(a AS BIGINT) AS $key0]), changelogMode=[I]\n"
         "      |     +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s2], columns=[d]), changelogMode=[I]\n"},
        {"SELECT s.a, s2.d FROM s CROSS JOIN s2", "== Physical Plan (streaming) ==\n"
                                                  "Collect(a, d), changelogMode=[I]\n"
                                                  "+- StreamJoin(type=[INNER]), changelogMode=[I]\n"
                                                  "   +- Exchange(distribution=[single]), changelogMode=[I]\n"
                                                  "   |  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
                                                  "   +- Exchange(distribution=[single]), changelogMode=[I]\n"
                                                  "      +- Scan(table=[cat.db.s2], columns=[d]), changelogMode=[I]\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void lookup_joins(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT c.page, u.name FROM clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.user_id "
         "= u.id",
         "== Physical Plan (streaming) ==\n"
         "Collect(page, name), changelogMode=[I]\n"
         "+- Calc(select=[page, name]), changelogMode=[I]\n"
         "   +- LookupJoin(type=[INNER], table=[cat.db.users], on=[user_id = id]), changelogMode=[I], "
         "note=[by primary key]\n"
         "      +- Calc(select=[user_id, page, pt]), changelogMode=[I]\n"
         "         +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "            +- Calc(select=[user_id, page, ts, PROCTIME() AS pt]), changelogMode=[I]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[user_id, page, ts]), changelogMode=[I]\n"},
        {"SELECT c.page, u.name FROM clicks c LEFT JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON "
         "c.user_id = u.id AND u.country = 'DE' AND u.age > c.amount",
         "== Physical Plan (streaming) ==\n"
         "Collect(page, name), changelogMode=[I]\n"
         "+- Calc(select=[page, name]), changelogMode=[I]\n"
         "   +- LookupJoin(type=[LEFT], table=[cat.db.users], on=[user_id = id], where=[age > amount], "
         "filter=[country = 'DE']), changelogMode=[I], note=[by primary key]\n"
         "      +- Calc(select=[user_id, page, amount, pt]), changelogMode=[I]\n"
         "         +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "            +- Calc(select=[user_id, page, ts, amount, PROCTIME() AS pt]), changelogMode=[I]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[user_id, page, ts, amount]), "
         "changelogMode=[I]\n"},
        {"SELECT c.page, u.name FROM (SELECT *, PROCTIME() AS p FROM s) AS c (a, b, page, p) JOIN "
         "users FOR SYSTEM_TIME AS OF c.p AS u ON c.a + 1 = u.id AND u.name = c.page",
         "== Physical Plan (streaming) ==\n"
         "Collect(page, name), changelogMode=[I]\n"
         "+- Calc(select=[c AS page, name]), changelogMode=[I]\n"
         "   +- LookupJoin(type=[INNER], table=[cat.db.users], on=[$key0 = id], where=[c = name]), "
         "changelogMode=[I], note=[by primary key]\n"
         "      +- Calc(select=[a, c, PROCTIME() AS p, CAST(a + 1 AS BIGINT) AS $key0]), "
         "changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[a, c]), changelogMode=[I]\n"},
        {"SELECT c.page, u.name FROM clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.page = u.name",
         "NOT_SUPPORTED: table 'cat.db.users' cannot be looked up by the columns of this join\n"
         "at: clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.page = u.name\n"
         "hint: a lookup join needs equality with the table's key (connector 'store')\n"},
        {"SELECT c.page FROM clicks c JOIN t FOR SYSTEM_TIME AS OF c.pt AS t ON c.amount = t.a",
         "NOT_SUPPORTED: table 'cat.db.t' cannot be looked up by key: connector 'file' has no lookup\n"
         "at: clicks c JOIN t FOR SYSTEM_TIME AS OF c.pt AS t ON c.amount = t.a\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void ranking(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT * FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS rn FROM s) "
         "WHERE rn <= 3",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, b, rn), changelogMode=[I,UB,UA,D], key=[a, rn]\n"
         "+- Rank(rankRange=[1..3], partitionBy=[a], orderBy=[b DESC], rank AS $over0), "
         "changelogMode=[I,UB,UA,D], key=[a, $over0]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a, b FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS rn FROM "
         "s) WHERE rn < 4",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, b), changelogMode=[I,UB,UA,D]\n"
         "+- Rank(rankRange=[1..3], partitionBy=[a], orderBy=[b DESC]), changelogMode=[I,UB,UA,D]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a, b, rn FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS rn FROM "
         "s) WHERE 1 = rn AND b > 2",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, b, rn), changelogMode=[I,UB,UA,D], key=[a]\n"
         "+- Calc(select=[a, b, $over0], where=[b > 2]), changelogMode=[I,UB,UA,D], key=[a]\n"
         "   +- Calc(select=[a, b, 1 AS $over0]), changelogMode=[I,UB,UA,D], key=[a]\n"
         "      +- Rank(rankRange=[1..1], partitionBy=[a], orderBy=[b ASC]), "
         "changelogMode=[I,UB,UA,D], key=[a]\n"
         "         +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "            +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a, b FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) BETWEEN 2 AND 3",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, b), changelogMode=[I,UB,UA,D]\n"
         "+- Rank(rankRange=[2..3], partitionBy=[a], orderBy=[b ASC]), changelogMode=[I,UB,UA,D]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a FROM (SELECT a, ROW_NUMBER() OVER (ORDER BY b) AS rn FROM s) WHERE rn <= 0",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I], rows=0\n"
         "+- Calc(select=[a]), changelogMode=[I], rows=0\n"
         "   +- Values(rows=[]), changelogMode=[I], rows=0\n"},
        {"SELECT a, ROW_NUMBER() OVER (ORDER BY b) FROM s",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I,UB,UA,D], key=[EXPR$1]\n"
         "+- Calc(select=[a, `$over0` AS EXPR$1]), changelogMode=[I,UB,UA,D], key=[EXPR$1]\n"
         "   +- Rank(rankRange=[1..], partitionBy=[], orderBy=[b ASC], rank AS $over0), "
         "changelogMode=[I,UB,UA,D], key=[$over0]\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a, RANK() OVER (ORDER BY b) FROM s",
         "NOT_SUPPORTED: window functions are not supported in streaming mode yet, except ROW_NUMBER()\n"
         "at: SELECT a, RANK() OVER (ORDER BY b) FROM s\n"
         "hint: ROW_NUMBER() is best with a bound: WHERE rn <= 10, or QUALIFY ROW_NUMBER() OVER (...) <= 10\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void sort_and_limit(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM s ORDER BY b LIMIT 3",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I,UB,UA,D], rows=3\n"
         "+- Calc(select=[a]), changelogMode=[I,UB,UA,D], rows=3\n"
         "   +- TopN(orderBy=[b ASC], fetch=[3]), changelogMode=[I,UB,UA,D], rows=3\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a FROM s LIMIT 3",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I], rows=3\n"
         "+- Limit(fetch=[3]), changelogMode=[I], rows=3\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=3\n"
         "      +- Scan(table=[cat.db.s], columns=[a], limit=[3]), changelogMode=[I], rows=3\n"},
        {"SELECT page, COUNT(*) FROM clicks GROUP BY page LIMIT 3",
         "== Physical Plan (streaming) ==\n"
         "Collect(page, EXPR$1), changelogMode=[I,UB,UA,D], key=[page], rows=3\n"
         "+- TopN(fetch=[3]), changelogMode=[I,UB,UA,D], key=[page], rows=3\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I,UB,UA]\n"
         "      +- Aggregate(groupBy=[page], select=[page, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "         +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "            +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "               +- Calc(select=[page]), changelogMode=[I]\n"
         "                  +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY "
         "TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                     +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"},
        {"SELECT a FROM s ORDER BY a",
         "INVALID_QUERY: Sort on a non-time-attribute field is not supported in streaming mode\n"
         "at: SELECT a FROM s ORDER BY a\n"
         "hint: add LIMIT, or SET 'execution.runtime-mode' = 'batch'\n"},
        {"SELECT ts FROM clicks ORDER BY ts",
         "NOT_SUPPORTED: sorting an endless result by a time attribute is not supported yet\n"
         "at: SELECT ts FROM clicks ORDER BY ts\n"
         "hint: add LIMIT, or run in batch mode\n"},
        {"SELECT COUNT(*) FROM s ORDER BY 1",
         "== Physical Plan (streaming) ==\n"
         "Collect(EXPR$0), changelogMode=[I,UB,UA], rows=1\n"
         "+- Aggregate(select=[COUNT(*) AS $agg0], merges partials), changelogMode=[I,UB,UA], rows=1\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "      +- LocalAggregate(select=[COUNT(*)]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[]), changelogMode=[I]\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void equal_parts_run_once(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"WITH q AS (SELECT page, COUNT(*) AS n FROM clicks GROUP BY page) SELECT x.page, y.n FROM q x "
         "JOIN q y ON x.page = y.page",
         "== Physical Plan (streaming) ==\n"
         "Collect(page, n), changelogMode=[I,UB,UA,D], key=[page]\n"
         "+- Calc(select=[page, n]), changelogMode=[I,UB,UA,D], key=[page]\n"
         "   +- StreamJoin(type=[INNER], on=[page = page]), changelogMode=[I,UB,UA,D], key=[page]\n"
         "      +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "      |  +- Aggregate(groupBy=[page], select=[page], merges partials), changelogMode=[I], "
         "key=[page]\n"
         "      |     +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "      |        +- LocalAggregate(groupBy=[page], select=[page]), changelogMode=[I]\n"
         "      |           +- node 2: Calc(select=[page]), changelogMode=[I]\n"
         "      |              +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' "
         "DAY TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "      |                 +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[page]]), changelogMode=[I,UB,UA]\n"
         "         +- Aggregate(groupBy=[page], select=[page, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "            +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "               +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "                  +- see node 2\n"},
        {"SELECT a, RAND() FROM s UNION ALL SELECT a, RAND() FROM s",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I]\n"
         "+- Union(a, EXPR$1), changelogMode=[I]\n"
         "   +- Calc(select=[a, RAND() AS EXPR$1]), changelogMode=[I]\n"
         "   |  +- node 0: Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "   +- Calc(select=[a, RAND() AS EXPR$1]), changelogMode=[I]\n"
         "      +- see node 0\n"},
        {"EXECUTE STATEMENT SET BEGIN INSERT INTO by_page SELECT page, COUNT(*) FROM clicks GROUP BY "
         "page; INSERT INTO shown SELECT page, COUNT(*) FROM clicks GROUP BY page; END",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_page], columns=[page, n], upsertKey=[page])\n"
         "+- node 5: Aggregate(groupBy=[page], select=[page, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "   +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "         +- Calc(select=[page]), changelogMode=[I]\n"
         "            +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"
         "\n"
         "Sink(table=[cat.db.shown], columns=[page, n])\n"
         "+- see node 5\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

const struct CMUnitTest physical_stream_tests[] = {
    cmocka_unit_test(aggregates),           cmocka_unit_test(window_aggregates), cmocka_unit_test(joins),
    cmocka_unit_test(lookup_joins),         cmocka_unit_test(ranking),           cmocka_unit_test(sort_and_limit),
    cmocka_unit_test(equal_parts_run_once),
};
const size_t physical_stream_tests_count = sizeof physical_stream_tests / sizeof *physical_stream_tests;
