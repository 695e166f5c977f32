/* Folding, merging projections, empty inputs: trees before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest rule_simplify_tests[];
extern const size_t rule_simplify_tests_count;

static void conditions_that_are_known_go(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t WHERE 1 < 2", "== Logical Plan ==\n"
                                        "Project: a\n"
                                        "  Scan: cat.db.t [a, b, c]\n"
                                        "\n"
                                        "== Optimized Logical Plan ==\n"
                                        "Scan: cat.db.t [a]\n"
                                        "\n"},
        {"SELECT a FROM t WHERE 1 > 2", "== Logical Plan ==\n"
                                        "Project: a\n"
                                        "  Filter: FALSE\n"
                                        "    Scan: cat.db.t [a, b, c]\n"
                                        "\n"
                                        "== Optimized Logical Plan ==\n"
                                        "Values: \n"
                                        "\n"},
        {"SELECT a FROM t WHERE a = 1 AND 2 = 2 AND a = 1", "== Logical Plan ==\n"
                                                            "Project: a\n"
                                                            "  Filter: a = 1 AND a = 1\n"
                                                            "    Scan: cat.db.t [a, b, c]\n"
                                                            "\n"
                                                            "== Optimized Logical Plan ==\n"
                                                            "Filter: a = 1\n"
                                                            "  Scan: cat.db.t [a]\n"
                                                            "\n"},
        {"SELECT a FROM t WHERE b = 1 OR NULL", "== Logical Plan ==\n"
                                                "Project: a\n"
                                                "  Filter: b = 1 OR CAST(NULL AS BOOLEAN)\n"
                                                "    Scan: cat.db.t [a, b, c]\n"
                                                "\n"
                                                "== Optimized Logical Plan ==\n"
                                                "Project: a\n"
                                                "  Filter: b = 1 OR CAST(NULL AS BOOLEAN)\n"
                                                "    Scan: cat.db.t [a, b]\n"
                                                "\n"},
        {"SELECT a FROM (SELECT a, b + 1 AS c FROM t) WHERE c > 2 AND TRUE", "== Logical Plan ==\n"
                                                                             "Project: a\n"
                                                                             "  Filter: c > 2\n"
                                                                             "    Project: a, b + 1 AS c\n"
                                                                             "      Scan: cat.db.t [a, b, c]\n"
                                                                             "\n"
                                                                             "== Optimized Logical Plan ==\n"
                                                                             "Project: a\n"
                                                                             "  Filter: b + 1 > 2\n"
                                                                             "    Scan: cat.db.t [a, b]\n"
                                                                             "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

static void literal_rows_are_computed(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT x + 1, y FROM (VALUES (1, 'a'), (2, 'b')) AS q (x, y) WHERE x > 1", "== Optimized Logical Plan ==\n"
                                                                                     "Values: (3, 'b')\n"
                                                                                     "\n"},
        {"SELECT 1 + 1, UPPER('x')", "== Optimized Logical Plan ==\n"
                                     "Values: (2, 'X')\n"
                                     "\n"},
        {"SELECT x FROM (VALUES (1), (2)) AS q (x) WHERE x > 5", "== Optimized Logical Plan ==\n"
                                                                 "Values: \n"
                                                                 "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void empty_inputs_empty_what_needs_them(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a FROM t JOIN orders ON t.a = orders.o WHERE FALSE", "== Optimized Logical Plan ==\n"
                                                                        "Values: \n"
                                                                        "\n"},
        {"SELECT t.a, x.o FROM t LEFT JOIN (SELECT o FROM orders WHERE FALSE) x ON t.a = x.o",
         "== Optimized Logical Plan ==\n"
         "Project: a, CAST(NULL AS INT) AS o\n"
         "  Scan: cat.db.t [a]\n"
         "\n"},
        {"SELECT a FROM t WHERE FALSE UNION ALL SELECT o FROM orders", "== Optimized Logical Plan ==\n"
                                                                       "Project: o AS a\n"
                                                                       "  Scan: cat.db.orders [o]\n"
                                                                       "\n"},
        {"SELECT COUNT(*) FROM t WHERE FALSE", "== Optimized Logical Plan ==\n"
                                               "Project: `$agg0` AS `EXPR$0`\n"
                                               "  Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                               "    Values: \n"
                                               "\n"},
        {"SELECT a, COUNT(*) FROM t WHERE FALSE GROUP BY a", "== Optimized Logical Plan ==\n"
                                                             "Values: \n"
                                                             "\n"},
        {"SELECT a FROM t LIMIT 0", "== Optimized Logical Plan ==\n"
                                    "Values: \n"
                                    "\n"},
        {"SELECT a FROM t WHERE a NOT IN (SELECT o FROM orders WHERE FALSE)", "== Optimized Logical Plan ==\n"
                                                                              "Scan: cat.db.t [a]\n"
                                                                              "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void orders_that_nobody_sees_go(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT COUNT(*) FROM (SELECT a FROM t ORDER BY a)", "== Optimized Logical Plan ==\n"
                                                              "Project: `$agg0` AS `EXPR$0`\n"
                                                              "  Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                                              "    Scan: cat.db.t []\n"
                                                              "\n"},
        {"SELECT a FROM (SELECT a, b FROM t ORDER BY b) LIMIT 3", "== Optimized Logical Plan ==\n"
                                                                  "Project: a\n"
                                                                  "  Sort: b; limit 3\n"
                                                                  "    Scan: cat.db.t [a, b]\n"
                                                                  "\n"},
        {"SELECT COUNT(*) FROM t ORDER BY 1", "== Optimized Logical Plan ==\n"
                                              "Project: `$agg0` AS `EXPR$0`\n"
                                              "  Aggregate: all rows; COUNT(*) AS `$agg0`\n"
                                              "    Scan: cat.db.t []\n"
                                              "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void unions_are_flat(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t UNION ALL (SELECT o FROM orders UNION ALL SELECT o FROM items)",
         "== Optimized Logical Plan ==\n"
         "Union all\n"
         "  Scan: cat.db.t [a]\n"
         "  Scan: cat.db.orders [o]\n"
         "  Scan: cat.db.items [o]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

const struct CMUnitTest rule_simplify_tests[] = {
    cmocka_unit_test(conditions_that_are_known_go),
    cmocka_unit_test(literal_rows_are_computed),
    cmocka_unit_test(empty_inputs_empty_what_needs_them),
    cmocka_unit_test(orders_that_nobody_sees_go),
    cmocka_unit_test(unions_are_flat),
};
const size_t rule_simplify_tests_count = sizeof rule_simplify_tests / sizeof *rule_simplify_tests;
