/* INTERSECT and EXCEPT: trees before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest rule_set_op_tests[];
extern const size_t rule_set_op_tests_count;

static void become_joins(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t INTERSECT SELECT o FROM items", "== Logical Plan ==\n"
                                                          "Intersect\n"
                                                          "  Project: a\n"
                                                          "    Scan: cat.db.t [a, b, c]\n"
                                                          "  Project: o\n"
                                                          "    Scan: cat.db.items [o, sku, qty]\n"
                                                          "\n"
                                                          "== Optimized Logical Plan ==\n"
                                                          "Join: SEMI ON a IS NOT DISTINCT FROM o\n"
                                                          "  Aggregate: group by a\n"
                                                          "    Scan: cat.db.t [a]\n"
                                                          "  Scan: cat.db.items [o]\n"
                                                          "\n"},
        {"SELECT a, b FROM t EXCEPT SELECT o, qty FROM items",
         "== Logical Plan ==\n"
         "Except\n"
         "  Project: a, b\n"
         "    Scan: cat.db.t [a, b, c]\n"
         "  Project: o, qty\n"
         "    Scan: cat.db.items [o, sku, qty]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Join: ANTI ON a IS NOT DISTINCT FROM o AND b IS NOT DISTINCT FROM qty\n"
         "  Aggregate: group by a, b\n"
         "    Scan: cat.db.t [a, b]\n"
         "  Scan: cat.db.items [o, qty]\n"
         "\n"},
        {"SELECT a FROM t INTERSECT ALL SELECT o FROM items",
         "== Logical Plan ==\n"
         "Intersect all\n"
         "  Project: a\n"
         "    Scan: cat.db.t [a, b, c]\n"
         "  Project: o\n"
         "    Scan: cat.db.items [o, sku, qty]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: SEMI ON a IS NOT DISTINCT FROM o AND `$nth` = `$nth0`\n"
         "    Over: partition by a; ROW_NUMBER() AS `$nth`\n"
         "      Scan: cat.db.t [a]\n"
         "    Over: partition by o; ROW_NUMBER() AS `$nth`\n"
         "      Scan: cat.db.items [o]\n"
         "\n"},
        {"SELECT a FROM t WHERE a IN (SELECT o FROM orders EXCEPT SELECT o FROM items)",
         "== Logical Plan ==\n"
         "Project: a\n"
         "  Filter: a IN (<subquery>)\n"
         "    Subquery 1\n"
         "      Except\n"
         "        Project: o\n"
         "          Scan: cat.db.orders [o, user_id, price, d]\n"
         "        Project: o\n"
         "          Scan: cat.db.items [o, sku, qty]\n"
         "    Scan: cat.db.t [a, b, c]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Join: SEMI ON a = o\n"
         "  Scan: cat.db.t [a]\n"
         "  Join: ANTI ON o IS NOT DISTINCT FROM o0\n"
         "    Aggregate: group by o\n"
         "      Scan: cat.db.orders [o]\n"
         "    Scan: cat.db.items [o]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

const struct CMUnitTest rule_set_op_tests[] = {
    cmocka_unit_test(become_joins),
};
const size_t rule_set_op_tests_count = sizeof rule_set_op_tests / sizeof *rule_set_op_tests;
