/* Column pruning: what the scans still read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest rule_prune_tests[];
extern const size_t rule_prune_tests_count;

static void scans_read_what_is_used(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t", "== Optimized Logical Plan ==\n"
                            "Scan: cat.db.t [a]\n"
                            "\n"},
        {"SELECT COUNT(*) FROM t", "== Optimized Logical Plan ==\n"
                                   "Project: `$agg0` AS `EXPR$0`\n"
                                   "  Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                   "    Scan: cat.db.t []\n"
                                   "\n"},
        {"SELECT COUNT(*) FROM t WHERE b = 1", "== Optimized Logical Plan ==\n"
                                               "Project: `$agg0` AS `EXPR$0`\n"
                                               "  Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                               "    Filter: b = 1\n"
                                               "      Scan: cat.db.t [b]\n"
                                               "\n"},
        {"SELECT o.price FROM t JOIN orders o ON t.a = o.user_id WHERE t.b = 1",
         "== Optimized Logical Plan ==\n"
         "Project: price\n"
         "  Join: INNER ON a = user_id\n"
         "    Project: a\n"
         "      Filter: b = 1\n"
         "        Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT a FROM (SELECT a, SUM(b) AS s, COUNT(*) AS n FROM t GROUP BY a)", "== Optimized Logical Plan ==\n"
                                                                                   "Aggregate: group by a\n"
                                                                                   "  Scan: cat.db.t [a]\n"
                                                                                   "\n"},
        {"SELECT n FROM (SELECT a, SUM(b) AS s, COUNT(*) AS n FROM t GROUP BY a)",
         "== Optimized Logical Plan ==\n"
         "Project: n\n"
         "  Aggregate: group by a; COUNT(*) AS n\n"
         "    Scan: cat.db.t [a]\n"
         "\n"},
        {"SELECT COUNT(*) FROM (SELECT SUM(b) FROM t)", "== Optimized Logical Plan ==\n"
                                                        "Project: `$agg0` AS `EXPR$0`\n"
                                                        "  Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                                        "    Aggregate: all rows; SUM(b) AS `$agg0`\n"
                                                        "      Scan: cat.db.t [b]\n"
                                                        "\n"},
        {"SELECT a FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS rn FROM t)",
         "== Optimized Logical Plan ==\n"
         "Scan: cat.db.t [a]\n"
         "\n"},
        {"SELECT x FROM (SELECT a AS x, c AS y FROM t UNION ALL SELECT o, sku FROM items)",
         "== Optimized Logical Plan ==\n"
         "Union all\n"
         "  Project: a AS x\n"
         "    Scan: cat.db.t [a]\n"
         "  Scan: cat.db.items [o]\n"
         "\n"},
        {"SELECT b FROM t ORDER BY a LIMIT 2", "== Optimized Logical Plan ==\n"
                                               "Project: b\n"
                                               "  Sort: `$sort0`; limit 2\n"
                                               "    Project: b, a AS `$sort0`\n"
                                               "      Scan: cat.db.t [a, b]\n"
                                               "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void readers_of_a_table_share_its_columns(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT x.page, y.amount FROM clicks x JOIN clicks y ON x.user_id = y.user_id",
         "== Optimized Logical Plan ==\n"
         "Project: page, amount\n"
         "  Join: INNER ON user_id = user_id0\n"
         "    Project: user_id, page\n"
         "      Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
         "        Scan: cat.db.clicks [user_id, page, ts, amount]\n"
         "    Project: user_id, amount\n"
         "      Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
         "        Scan: cat.db.clicks [user_id, page, ts, amount]\n"
         "\n"},
        {"SELECT COUNT(*) FROM s UNION ALL SELECT COUNT(a) FROM s", "== Optimized Logical Plan ==\n"
                                                                    "Union all\n"
                                                                    "  Project: `$agg0` AS `EXPR$0`\n"
                                                                    "    Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                                                    "      Scan: cat.db.s [a]\n"
                                                                    "  Project: `$agg0` AS `EXPR$0`\n"
                                                                    "    Aggregate: all rows; COUNT(a) AS `$agg0`\n"
                                                                    "      Scan: cat.db.s [a]\n"
                                                                    "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_OPTIMIZED), 0);
}

static void the_row_time_stays(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT page FROM clicks", "== Optimized Logical Plan ==\n"
                                    "Project: page\n"
                                    "  Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
                                    "    Scan: cat.db.clicks [page, ts]\n"
                                    "\n"},
        {"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' "
         "MINUTE)) GROUP BY window_start, window_end",
         "== Optimized Logical Plan ==\n"
         "Project: window_start, `$agg0` AS `EXPR$1`\n"
         "  Aggregate: group by window_start, window_end; COUNT(*) AS `$agg0`\n"
         "    Project: window_start, window_end\n"
         "      Window: TUMBLE(ts, size 1 min) on rowtime\n"
         "        Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
         "          Scan: cat.db.clicks [ts]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_OPTIMIZED), 0);
}

const struct CMUnitTest rule_prune_tests[] = {
    cmocka_unit_test(scans_read_what_is_used),
    cmocka_unit_test(readers_of_a_table_share_its_columns),
    cmocka_unit_test(the_row_time_stays),
};
const size_t rule_prune_tests_count = sizeof rule_prune_tests / sizeof *rule_prune_tests;
