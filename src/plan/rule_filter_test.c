/* Predicate pushdown: trees before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest rule_filter_tests[];
extern const size_t rule_filter_tests_count;

static void through_projections_and_groups(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT x FROM (SELECT a + b AS x, c FROM t) WHERE x > 3 AND c = 'k'", "== Logical Plan ==\n"
                                                                                "Project: x\n"
                                                                                "  Filter: x > 3 AND c = 'k'\n"
                                                                                "    Project: a + b AS x, c\n"
                                                                                "      Scan: cat.db.t [a, b, c]\n"
                                                                                "\n"
                                                                                "== Optimized Logical Plan ==\n"
                                                                                "Project: a + b AS x\n"
                                                                                "  Filter: a + b > 3 AND c = 'k'\n"
                                                                                "    Scan: cat.db.t [a, b, c]\n"
                                                                                "\n"},
        {"SELECT * FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) WHERE a = 1 AND n > 2",
         "== Logical Plan ==\n"
         "Filter: a = 1 AND n > 2\n"
         "  Aggregate: group by a; COUNT(*) AS n\n"
         "    Scan: cat.db.t [a, b, c]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Filter: n > 2\n"
         "  Aggregate: group by a; COUNT(*) AS n\n"
         "    Filter: a = 1\n"
         "      Scan: cat.db.t [a]\n"
         "\n"},
        {"SELECT * FROM (SELECT a FROM t UNION ALL SELECT o FROM orders) WHERE a > 5",
         "== Logical Plan ==\n"
         "Filter: a > 5\n"
         "  Union all\n"
         "    Project: a\n"
         "      Scan: cat.db.t [a, b, c]\n"
         "    Project: o\n"
         "      Scan: cat.db.orders [o, user_id, price, d]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Union all\n"
         "  Filter: a > 5\n"
         "    Scan: cat.db.t [a]\n"
         "  Filter: o > 5\n"
         "    Scan: cat.db.orders [o]\n"
         "\n"},
        {"SELECT * FROM (SELECT a, b FROM t LIMIT 10) WHERE a = 1", "== Logical Plan ==\n"
                                                                    "Filter: a = 1\n"
                                                                    "  Limit: limit 10\n"
                                                                    "    Project: a, b\n"
                                                                    "      Scan: cat.db.t [a, b, c]\n"
                                                                    "\n"
                                                                    "== Optimized Logical Plan ==\n"
                                                                    "Filter: a = 1\n"
                                                                    "  Limit: limit 10\n"
                                                                    "    Scan: cat.db.t [a, b], limit 10\n"
                                                                    "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

static void into_the_sides_of_joins(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a FROM t JOIN orders o ON t.a = o.user_id WHERE t.b = 1 AND o.price > 2 AND t.b < "
         "o.price",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON a = user_id AND b < price\n"
         "    Filter: b = 1\n"
         "      Scan: cat.db.t [a, b]\n"
         "    Filter: price > 2\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id AND o.price > 2 AND t.b = 1 "
         "WHERE t.c = 'x'",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Join: LEFT ON a = user_id AND b = 1\n"
         "    Project: a, b\n"
         "      Filter: c = 'x'\n"
         "        Scan: cat.db.t [a, b, c]\n"
         "    Filter: price > 2\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a, o.price FROM t RIGHT JOIN orders o ON t.a = o.user_id AND o.price > 2 AND t.b = "
         "1 WHERE o.o = 7",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Join: RIGHT ON a = user_id AND price > 2\n"
         "    Project: a\n"
         "      Filter: b = 1\n"
         "        Scan: cat.db.t [a, b]\n"
         "    Project: user_id, price\n"
         "      Filter: o = 7\n"
         "        Scan: cat.db.orders [o, user_id, price]\n"
         "\n"},
        {"SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id AND o.price > 2",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Join: FULL ON a = user_id AND price > 2\n"
         "    Scan: cat.db.t [a]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void outer_joins_become_narrower(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE o.price > 2",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Join: INNER ON a = user_id\n"
         "    Scan: cat.db.t [a]\n"
         "    Filter: price > 2\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE o.price IS NULL",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Filter: price IS NULL\n"
         "    Join: LEFT ON a = user_id\n"
         "      Scan: cat.db.t [a]\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE COALESCE(o.price, 3) > 2",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Filter: COALESCE(price, 3) > 2\n"
         "    Join: LEFT ON a = user_id\n"
         "      Scan: cat.db.t [a]\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id WHERE t.b = 2",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Join: LEFT ON a = user_id\n"
         "    Project: a\n"
         "      Filter: b = 2\n"
         "        Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id WHERE t.b = o.price",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Join: INNER ON a = user_id AND b = price\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void equal_keys_share_their_conditions(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.b, o.price FROM t JOIN orders o ON t.a = o.user_id WHERE t.a = 5",
         "== Optimized Logical Plan ==\n"
         "Project: b, price\n"
         "  Join: INNER ON a = user_id\n"
         "    Filter: a = 5\n"
         "      Scan: cat.db.t [a, b]\n"
         "    Filter: user_id = 5\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.b, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE t.a IN (1, 2)",
         "== Optimized Logical Plan ==\n"
         "Project: b, price\n"
         "  Join: LEFT ON a = user_id\n"
         "    Filter: a IN (1, 2)\n"
         "      Scan: cat.db.t [a, b]\n"
         "    Filter: user_id IN (1, 2)\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void common_parts_of_or_come_out(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.b FROM t, orders o WHERE (t.a = o.user_id AND t.b = 1) OR (t.a = o.user_id AND "
         "o.price = 2)",
         "== Optimized Logical Plan ==\n"
         "Project: b\n"
         "  Join: INNER ON a = user_id AND (b = 1 OR price = 2)\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void what_counts_rows_is_not_passed(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT * FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS rn FROM t) "
         "WHERE rn = 1 AND a = 2 AND b = 3",
         "== Optimized Logical Plan ==\n"
         "Project: a, b, `$over0` AS rn\n"
         "  Filter: `$over0` = 1 AND b = 3\n"
         "    Over: partition by a order by b; ROW_NUMBER() AS `$over0`\n"
         "      Filter: a = 2\n"
         "        Scan: cat.db.t [a, b]\n"
         "\n"},
        {"SELECT * FROM (SELECT a, RAND() AS r FROM t) WHERE r > 0.5 AND a = 1", "== Optimized Logical Plan ==\n"
                                                                                 "Filter: r > 0.5E0\n"
                                                                                 "  Project: a, RAND() AS r\n"
                                                                                 "    Filter: a = 1\n"
                                                                                 "      Scan: cat.db.t [a]\n"
                                                                                 "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void never_past_a_watermark(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT page FROM clicks WHERE user_id = 1",
         "== Optimized Logical Plan ==\n"
         "Project: page\n"
         "  Filter: user_id = 1\n"
         "    Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
         "      Scan: cat.db.clicks [user_id, page, ts]\n"
         "\n"},
        {"SELECT page, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) "
         "WHERE page = 'x' AND window_start > TIMESTAMP '2024-01-01 00:00:00' GROUP BY page, "
         "window_start, window_end",
         "== Optimized Logical Plan ==\n"
         "Project: page, `$agg0` AS `EXPR$1`\n"
         "  Aggregate: group by page, window_start, window_end; COUNT(*) AS `$agg0`\n"
         "    Project: page, window_start, window_end\n"
         "      Filter: window_start > TIMESTAMP '2024-01-01 00:00:00.000'\n"
         "        Window: TUMBLE(ts, size 1 min) on rowtime\n"
         "          Filter: page = 'x'\n"
         "            Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
         "              Scan: cat.db.clicks [page, ts]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_OPTIMIZED), 0);
}

static void past_it_in_batch(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT k FROM events WHERE k = 1", "== Logical Plan ==\n"
                                             "Project: k\n"
                                             "  Filter: k = 1\n"
                                             "    Watermark: ts AS ts\n"
                                             "      Scan: cat.db.events [k, ts]\n"
                                             "\n"
                                             "== Optimized Logical Plan ==\n"
                                             "Filter: k = 1\n"
                                             "  Scan: cat.db.events [k]\n"
                                             "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

/* And not once more when the rule runs again. */
static void either_says_something_about_each_side(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a FROM t JOIN orders o ON t.a = o.user_id WHERE (t.b = 1 AND price = 2) OR (t.b = 3 AND price = 4)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON a = user_id AND (b = 1 AND price = 2 OR b = 3 AND price = 4)\n"
         "    Filter: b = 1 OR b = 3\n"
         "      Scan: cat.db.t [a, b]\n"
         "    Filter: price = 2 OR price = 4\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a FROM t LEFT JOIN orders o ON t.a = o.user_id AND ((t.b = 1 AND price = 2) OR (t.b = 3 AND price = "
         "4))",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: LEFT ON a = user_id AND (b = 1 AND price = 2 OR b = 3 AND price = 4)\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Filter: price = 2 OR price = 4\n"
         "      Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a FROM t JOIN orders o ON t.a = o.user_id WHERE (t.b = 1 AND price = 2) OR t.b = 3",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON a = user_id AND (b = 1 AND price = 2 OR b = 3)\n"
         "    Filter: b = 1 OR b = 3\n"
         "      Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

const struct CMUnitTest rule_filter_tests[] = {
    cmocka_unit_test(either_says_something_about_each_side),
    cmocka_unit_test(through_projections_and_groups),
    cmocka_unit_test(into_the_sides_of_joins),
    cmocka_unit_test(outer_joins_become_narrower),
    cmocka_unit_test(equal_keys_share_their_conditions),
    cmocka_unit_test(common_parts_of_or_come_out),
    cmocka_unit_test(what_counts_rows_is_not_passed),
    cmocka_unit_test(never_past_a_watermark),
    cmocka_unit_test(past_it_in_batch),
};
const size_t rule_filter_tests_count = sizeof rule_filter_tests / sizeof *rule_filter_tests;
