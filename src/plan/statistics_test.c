/* Estimates of rows. The expected figures are computed by hand: see the comments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest statistics_tests[];
extern const size_t statistics_tests_count;

static void rows_are_estimated(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        /* 1,000,000 · 300/399 (100 … 400 of 1 … 400) · 100/300 (100 … 200 of 100 … 400) */
        {"SELECT id FROM fact WHERE `day` > 100 AND `day` <= 200",
         "== Physical Plan (batch) ==\n"
         "Collect(id), changelogMode=[I], rows=250627\n"
         "+- Calc(select=[id], where=[day > 100 AND day <= 200]), changelogMode=[I], rows=250627\n"
         "   +- Scan(table=[cat.db.fact], columns=[id, day]), changelogMode=[I], rows=1000000\n"},
        /* one of 100 values */
        {"SELECT id FROM fact WHERE dim2 = 7",
         "== Physical Plan (batch) ==\n"
         "Collect(id), changelogMode=[I], rows=10000\n"
         "+- Calc(select=[id], where=[dim2 = 7]), changelogMode=[I], rows=10000\n"
         "   +- Scan(table=[cat.db.fact], columns=[id, dim2]), changelogMode=[I], rows=1000000\n"},
        /* not between the bounds */
        {"SELECT id FROM fact WHERE dim2 = 700",
         "== Physical Plan (batch) ==\n"
         "Collect(id), changelogMode=[I], rows=1\n"
         "+- Calc(select=[id], where=[dim2 = 700]), changelogMode=[I], rows=1\n"
         "   +- Scan(table=[cat.db.fact], columns=[id, dim2]), changelogMode=[I], rows=1000000\n"},
        {"SELECT dim1, COUNT(*) FROM fact GROUP BY dim1",
         "== Physical Plan (batch) ==\n"
         "Collect(dim1, EXPR$1), changelogMode=[I], key=[dim1], rows=1000\n"
         "+- Aggregate(groupBy=[dim1], select=[dim1, COUNT(*) AS $agg0], merges partials), changelogMode=[I], "
         "key=[dim1], rows=1000\n"
         "   +- Exchange(distribution=[hash[dim1]]), changelogMode=[I], rows=1000\n"
         "      +- LocalAggregate(groupBy=[dim1], select=[dim1, COUNT(*)]), changelogMode=[I], rows=1000\n"
         "         +- Scan(table=[cat.db.fact], columns=[dim1]), changelogMode=[I], rows=1000000\n"},
        /* 1,000 · 3/50; not more values than rows */
        {"SELECT DISTINCT name FROM dim1 WHERE zip IN (1, 2, 3)",
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], key=[name], rows=60\n"
         "+- Aggregate(groupBy=[name], select=[name], merges partials), changelogMode=[I], key=[name], rows=60\n"
         "   +- Exchange(distribution=[hash[name]]), changelogMode=[I], rows=60\n"
         "      +- LocalAggregate(groupBy=[name], select=[name]), changelogMode=[I], rows=60\n"
         "         +- Calc(select=[name], where=[zip IN (1, 2, 3)]), changelogMode=[I], rows=60\n"
         "            +- Scan(table=[cat.db.dim1], columns=[name, zip]), changelogMode=[I], rows=1000\n"},
        /* 1,000 · 1/200 rows of dim1, each with 1,000,000 / 1,000 of fact */
        {"SELECT id FROM fact, dim1 WHERE dim1 = k AND name = 'x'",
         "== Physical Plan (batch) ==\n"
         "Collect(id), changelogMode=[I], rows=5000\n"
         "+- Calc(select=[id]), changelogMode=[I], rows=5000\n"
         "   +- HashJoin(type=[INNER], on=[dim1 = k], build=[right]), changelogMode=[I], rows=5000\n"
         "      +- Scan(table=[cat.db.fact], columns=[id, dim1]), changelogMode=[I], rows=1000000\n"
         "      +- Exchange(distribution=[hash[k]]), changelogMode=[I], rows=5\n"
         "         +- Calc(select=[k], where=[name = 'x']), changelogMode=[I], rows=5\n"
         "            +- Scan(table=[cat.db.dim1], columns=[k, name]), changelogMode=[I], rows=1000\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

/* Below the aggregate only what the 5 rows of dim1 ask for: 1,000,000 · 5/1,000. */
static void large_sides_are_read_by_the_small_ones_keys(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT zip, n FROM dim1 JOIN (SELECT dim1, COUNT(*) AS n FROM fact GROUP BY dim1) f ON k = dim1 WHERE name = "
         "'x'",
         "== Physical Plan (batch) ==\n"
         "Collect(zip, n), changelogMode=[I], rows=5\n"
         "+- Calc(select=[zip, n]), changelogMode=[I], rows=5\n"
         "   +- HashJoin(type=[INNER], on=[dim1 = k], build=[right]), changelogMode=[I], rows=5\n"
         "      +- Aggregate(groupBy=[dim1], select=[dim1, COUNT(*) AS n], merges partials), changelogMode=[I], "
         "key=[dim1], rows=1000\n"
         "      |  +- Exchange(distribution=[hash[dim1]]), changelogMode=[I], rows=1000\n"
         "      |     +- LocalAggregate(groupBy=[dim1], select=[dim1, COUNT(*)]), changelogMode=[I], rows=1000\n"
         "      |        +- HashJoin(type=[SEMI], on=[dim1 = k], build=[right]), changelogMode=[I], rows=5000, "
         "note=[rows without a partner in the join above are left out]\n"
         "      |           +- Scan(table=[cat.db.fact], columns=[dim1]), changelogMode=[I], rows=1000000\n"
         "      |           +- Exchange(distribution=[hash[k]]), changelogMode=[I], rows=5\n"
         "      |              +- node 2: Calc(select=[k, zip], where=[name = 'x']), changelogMode=[I], rows=5\n"
         "      |                 +- Scan(table=[cat.db.dim1], columns=[k, name, zip]), changelogMode=[I], rows=1000\n"
         "      +- Exchange(distribution=[hash[k]]), changelogMode=[I], rows=5\n"
         "         +- see node 2\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

const struct CMUnitTest statistics_tests[] = {
    cmocka_unit_test(large_sides_are_read_by_the_small_ones_keys),
    cmocka_unit_test(rows_are_estimated),
};
const size_t statistics_tests_count = sizeof statistics_tests / sizeof *statistics_tests;
