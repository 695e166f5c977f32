/* All sections of EXPLAIN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest explain_tests[];
extern const size_t explain_tests_count;

static void sections(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT country, COUNT(*) AS n FROM users WHERE age > 18 AND id = 5 GROUP BY country ORDER BY "
         "n DESC LIMIT 3",
         "== Logical Plan ==\n"
         "Sort: n DESC; limit 3\n"
         "  Aggregate: group by country; COUNT(*) AS n\n"
         "    Filter: age > 18 AND id = 5\n"
         "      Scan: cat.db.users [id, name, country, age]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Sort: n DESC; limit 3\n"
         "  Aggregate: group by country; COUNT(*) AS n\n"
         "    Project: country\n"
         "      Filter: age > 18\n"
         "        Scan: cat.db.users [country, age], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(country, n), changelogMode=[I], key=[country], ordered, rows=1\n"
         "+- Sort(orderBy=[n DESC], fetch=[3]), changelogMode=[I], key=[country], ordered, rows=1\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=1\n"
         "      +- Aggregate(groupBy=[country], select=[country, COUNT(*) AS n], merges partials), "
         "changelogMode=[I], key=[country], rows=1\n"
         "         +- Exchange(distribution=[hash[country]]), changelogMode=[I], rows=1\n"
         "            +- LocalAggregate(groupBy=[country], select=[country, COUNT(*)]), "
         "changelogMode=[I], rows=1\n"
         "               +- Calc(select=[country], where=[age > 18]), changelogMode=[I], rows=1\n"
         "                  +- Scan(table=[cat.db.users], columns=[country, age], pushedDown=[id = 5], "
         "source=[by key]), changelogMode=[I], rows=1\n"},
    };
    assert_int_equal(
        plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED | SECTION_PHYSICAL),
        0);
}

static void sections_streaming(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"INSERT INTO by_page SELECT page, COUNT(*) FROM clicks WHERE user_id > 0 GROUP BY page",
         "== Logical Plan ==\n"
         "Project: page, `$agg0` AS `EXPR$1`\n"
         "  Aggregate: group by page; COUNT(*) AS `$agg0`\n"
         "    Filter: user_id > 0\n"
         "      Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
         "        Project: user_id, page, ts, amount, PROCTIME() AS pt\n"
         "          Scan: cat.db.clicks [user_id, page, ts, amount]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Project: page, `$agg0` AS `EXPR$1`\n"
         "  Aggregate: group by page; COUNT(*) AS `$agg0`\n"
         "    Project: page\n"
         "      Filter: user_id > 0\n"
         "        Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
         "          Scan: cat.db.clicks [user_id, page, ts]\n"
         "\n"
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_page], columns=[page, n], upsertKey=[page])\n"
         "+- Aggregate(groupBy=[page], select=[page, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "   +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "         +- Calc(select=[page], where=[user_id > 0]), changelogMode=[I]\n"
         "            +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[user_id, page, ts]), changelogMode=[I]\n"},
    };
    assert_int_equal(
        plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_LOGICAL | SECTION_OPTIMIZED | SECTION_PHYSICAL),
        0);
}

const struct CMUnitTest explain_tests[] = {
    cmocka_unit_test(sections),
    cmocka_unit_test(sections_streaming),
};
const size_t explain_tests_count = sizeof explain_tests / sizeof *explain_tests;
