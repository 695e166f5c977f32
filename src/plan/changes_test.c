/* What every kind of operator makes of the changes of its input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest changes_tests[];
extern const size_t changes_tests_count;

static void inserts_stay_inserts(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a + 1 FROM s WHERE b > 0", "== Physical Plan (streaming) ==\n"
                                            "Collect(EXPR$0), changelogMode=[I]\n"
                                            "+- Calc(select=[a + 1 AS EXPR$0], where=[b > 0]), changelogMode=[I]\n"
                                            "   +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a FROM s UNION ALL SELECT a FROM s2",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I]\n"
         "+- Union(a), changelogMode=[I]\n"
         "   +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "   +- Scan(table=[cat.db.s2], columns=[a]), changelogMode=[I]\n"},
        {"SELECT DISTINCT a FROM s",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I], key=[a]\n"
         "+- Aggregate(groupBy=[a], select=[a], merges partials), changelogMode=[I], key=[a]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[a], select=[a]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT s.a FROM s JOIN s2 ON s.a = s2.a",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I]\n"
         "+- Calc(select=[a]), changelogMode=[I]\n"
         "   +- StreamJoin(type=[INNER], on=[a = a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      |  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s2], columns=[a]), changelogMode=[I]\n"},
        {"SELECT a FROM s WHERE a IN (SELECT a FROM s2)",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I]\n"
         "+- StreamJoin(type=[SEMI], on=[a = a]), changelogMode=[I]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "   |  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- Scan(table=[cat.db.s2], columns=[a]), changelogMode=[I]\n"},
        {"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' "
         "MINUTE)) GROUP BY window_start, window_end",
         "== Physical Plan (streaming) ==\n"
         "Collect(window_start, EXPR$1), changelogMode=[I]\n"
         "+- Calc(select=[window_start, `$agg0` AS EXPR$1]), changelogMode=[I]\n"
         "   +- WindowAggregate(groupBy=[window_start, window_end], select=[window_start, window_end, "
         "COUNT(*) AS $agg0], merges partials, fires by watermark), changelogMode=[I], "
         "key=[window_start, window_end]\n"
         "      +- Exchange(distribution=[hash[window_start, window_end]]), changelogMode=[I]\n"
         "         +- LocalAggregate(groupBy=[window_start, window_end], select=[window_start, "
         "window_end, COUNT(*)]), changelogMode=[I]\n"
         "            +- Calc(select=[window_start, window_end]), changelogMode=[I]\n"
         "               +- WindowAssign(window=[TUMBLE(ts, size 1 min)]), changelogMode=[I]\n"
         "                  +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY "
         "TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                     +- Scan(table=[cat.db.clicks], columns=[ts]), changelogMode=[I]\n"},
        {"SELECT a FROM s LIMIT 2",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I], rows=2\n"
         "+- Limit(fetch=[2]), changelogMode=[I], rows=2\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=2\n"
         "      +- Scan(table=[cat.db.s], columns=[a], limit=[2]), changelogMode=[I], rows=2\n"},
        {"SELECT c.page FROM clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.user_id = u.id",
         "== Physical Plan (streaming) ==\n"
         "Collect(page), changelogMode=[I]\n"
         "+- Calc(select=[page]), changelogMode=[I]\n"
         "   +- LookupJoin(type=[INNER], table=[cat.db.users], on=[user_id = id]), changelogMode=[I], "
         "note=[by primary key]\n"
         "      +- Calc(select=[user_id, page, pt]), changelogMode=[I]\n"
         "         +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "            +- Calc(select=[user_id, page, ts, PROCTIME() AS pt]), changelogMode=[I]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[user_id, page, ts]), changelogMode=[I]\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void updates_begin(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a, COUNT(*) FROM s GROUP BY a",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I,UB,UA], key=[a]\n"
         "+- Aggregate(groupBy=[a], select=[a, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT COUNT(*) FROM s",
         "== Physical Plan (streaming) ==\n"
         "Collect(EXPR$0), changelogMode=[I,UB,UA], rows=1\n"
         "+- Aggregate(select=[COUNT(*) AS $agg0], merges partials), changelogMode=[I,UB,UA], rows=1\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "      +- LocalAggregate(select=[COUNT(*)]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[]), changelogMode=[I]\n"},
        {"SELECT s.a, s2.d FROM s LEFT JOIN s2 ON s.a = s2.a",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, d), changelogMode=[I,UB,UA,D]\n"
         "+- Calc(select=[a, d]), changelogMode=[I,UB,UA,D]\n"
         "   +- StreamJoin(type=[LEFT], on=[a = a]), changelogMode=[I,UB,UA,D]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      |  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s2], columns=[a, d]), changelogMode=[I]\n"},
        {"SELECT a FROM s WHERE NOT EXISTS (SELECT 1 FROM s2 WHERE s2.a = s.a)",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I,UB,UA,D]\n"
         "+- StreamJoin(type=[ANTI], on=[a = a]), changelogMode=[I,UB,UA,D]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "   |  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      +- Scan(table=[cat.db.s2], columns=[a]), changelogMode=[I]\n"},
        {"SELECT a FROM s ORDER BY b LIMIT 2",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I,UB,UA,D], rows=2\n"
         "+- Calc(select=[a]), changelogMode=[I,UB,UA,D], rows=2\n"
         "   +- TopN(orderBy=[b ASC], fetch=[2]), changelogMode=[I,UB,UA,D], rows=2\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
        {"SELECT a FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I,UB,UA,D], key=[a]\n"
         "+- Calc(select=[a]), changelogMode=[I,UB,UA,D], key=[a]\n"
         "   +- Rank(rankRange=[1..1], partitionBy=[a], orderBy=[b ASC]), changelogMode=[I,UB,UA,D], "
         "key=[a]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s], columns=[a, b]), changelogMode=[I]\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void updates_go_on(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT n + 1 FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a)",
         "== Physical Plan (streaming) ==\n"
         "Collect(EXPR$0), changelogMode=[I,UB,UA]\n"
         "+- Calc(select=[n + 1 AS EXPR$0]), changelogMode=[I,UB,UA]\n"
         "   +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "            +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT a FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) WHERE n > 2",
         "== Physical Plan (streaming) ==\n"
         "Collect(a), changelogMode=[I,UB,UA,D], key=[a]\n"
         "+- Calc(select=[a], where=[n > 2]), changelogMode=[I,UB,UA,D], key=[a]\n"
         "   +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "            +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) UNION ALL SELECT d FROM s2",
         "== Physical Plan (streaming) ==\n"
         "Collect(n), changelogMode=[I,UB,UA]\n"
         "+- Union(n), changelogMode=[I,UB,UA]\n"
         "   +- Calc(select=[n]), changelogMode=[I,UB,UA]\n"
         "   |  +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "   |     +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "   |        +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "   |           +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "   +- Scan(table=[cat.db.s2], columns=[d]), changelogMode=[I]\n"},
        {"SELECT DISTINCT n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a)",
         "== Physical Plan (streaming) ==\n"
         "Collect(n), changelogMode=[I,D], key=[n]\n"
         "+- Aggregate(groupBy=[n], select=[n], retracting), changelogMode=[I,D], key=[n]\n"
         "   +- Exchange(distribution=[hash[n]]), changelogMode=[I,UB,UA]\n"
         "      +- Calc(select=[n]), changelogMode=[I,UB,UA]\n"
         "         +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "            +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "               +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "                  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT x.n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) x JOIN s2 ON x.a = s2.a",
         "== Physical Plan (streaming) ==\n"
         "Collect(n), changelogMode=[I,UB,UA,D]\n"
         "+- Calc(select=[n]), changelogMode=[I,UB,UA,D]\n"
         "   +- StreamJoin(type=[INNER], on=[a = a]), changelogMode=[I,UB,UA,D]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I,UB,UA]\n"
         "      |  +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "      |     +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "      |        +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "      |           +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- Scan(table=[cat.db.s2], columns=[a]), changelogMode=[I]\n"},
        {"SELECT MAX(n) FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a)",
         "== Physical Plan (streaming) ==\n"
         "Collect(EXPR$0), changelogMode=[I,UB,UA], rows=1\n"
         "+- Aggregate(select=[MAX(n) AS $agg0], retracting), changelogMode=[I,UB,UA], rows=1\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I,UB,UA]\n"
         "      +- Calc(select=[n]), changelogMode=[I,UB,UA]\n"
         "         +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "            +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "               +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "                  +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT a, n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) ORDER BY n DESC LIMIT 2",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, n), changelogMode=[I,UB,UA,D], key=[a], rows=2\n"
         "+- TopN(orderBy=[n DESC], fetch=[2]), changelogMode=[I,UB,UA,D], key=[a], rows=2\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I,UB,UA]\n"
         "      +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "         +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "            +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "               +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT a, n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) LIMIT 2",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, n), changelogMode=[I,UB,UA,D], key=[a], rows=2\n"
         "+- TopN(fetch=[2]), changelogMode=[I,UB,UA,D], key=[a], rows=2\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I,UB,UA]\n"
         "      +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "         +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "            +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "               +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"SELECT a, n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) QUALIFY ROW_NUMBER() OVER "
         "(ORDER BY n DESC) <= 3",
         "== Physical Plan (streaming) ==\n"
         "Collect(a, n), changelogMode=[I,UB,UA,D], key=[a]\n"
         "+- Rank(rankRange=[1..3], partitionBy=[], orderBy=[n DESC]), changelogMode=[I,UB,UA,D], key=[a]\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I,UB,UA]\n"
         "      +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "         +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "            +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "               +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void batch_has_inserts_only(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT MAX(n) FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a)",
         "== Physical Plan (batch) ==\n"
         "Collect(EXPR$0), changelogMode=[I], rows=1\n"
         "+- Aggregate(select=[MAX(n) AS $agg0], merges partials), changelogMode=[I], rows=1\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=1\n"
         "      +- LocalAggregate(select=[MAX(n)]), changelogMode=[I], rows=1\n"
         "         +- Calc(select=[n]), changelogMode=[I], rows=20\n"
         "            +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I], key=[a], rows=20\n"
         "               +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=20\n"
         "                  +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I], "
         "rows=20\n"
         "                     +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void values_that_change_cannot_be_taken_back(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a, n, RAND() FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a)",
         "NOT_SUPPORTED: RAND() has another value each time, so a row that the query takes back could "
         "not be found again\n"
         "at: RAND()\n"
         "hint: compute it before the join, aggregate or ranking that updates rows\n"},
        {"SELECT a, n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) WHERE n > EXTRACT(SECOND FROM NOW())",
         "NOT_SUPPORTED: n > EXTRACT('SECOND', NOW()) has another value each time, so a row that the "
         "query takes back could not be found again\n"
         "at: n > EXTRACT(SECOND FROM NOW())\n"
         "hint: compute it before the join, aggregate or ranking that updates rows\n"},
        {"SELECT a, RAND() FROM s", "== Physical Plan (streaming) ==\n"
                                    "Collect(a, EXPR$1), changelogMode=[I]\n"
                                    "+- Calc(select=[a, RAND() AS EXPR$1]), changelogMode=[I]\n"
                                    "   +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
        {"INSERT INTO by_user SELECT a, CAST(NOW() AS STRING), n FROM (SELECT CAST(a AS BIGINT) AS a, "
         "COUNT(*) AS n FROM s GROUP BY CAST(a AS BIGINT))",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n], upsertKey=[a])\n"
         "+- Calc(select=[a, CAST(NOW() AS STRING) AS EXPR$1, n]), changelogMode=[I,UB,UA], key=[a]\n"
         "   +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a]\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I]\n"
         "         +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I]\n"
         "            +- Calc(select=[CAST(a AS BIGINT) AS a]), changelogMode=[I]\n"
         "               +- Scan(table=[cat.db.s], columns=[a]), changelogMode=[I]\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

const struct CMUnitTest changes_tests[] = {
    cmocka_unit_test(inserts_stay_inserts),
    cmocka_unit_test(updates_begin),
    cmocka_unit_test(updates_go_on),
    cmocka_unit_test(batch_has_inserts_only),
    cmocka_unit_test(values_that_change_cannot_be_taken_back),
};
const size_t changes_tests_count = sizeof changes_tests / sizeof *changes_tests;
