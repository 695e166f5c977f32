/* Join order: cross products are avoided, and small results come first where figures are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest rule_join_order_tests[];
extern const size_t rule_join_order_tests_count;

static void the_next_input_is_a_connected_one(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a, i.sku, o.price FROM t, items i, orders o WHERE t.a = o.user_id AND i.o = o.o",
         "== Logical Plan ==\n"
         "Project: a, sku, price\n"
         "  Filter: a = user_id AND o = o0\n"
         "    Join: INNER\n"
         "      Join: INNER\n"
         "        Scan: cat.db.t [a, b, c]\n"
         "        Scan: cat.db.items [o, sku, qty]\n"
         "      Scan: cat.db.orders [o, user_id, price, d]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Project: a, sku, price\n"
         "  Join: INNER ON o0 = o\n"
         "    Project: a, o, price\n"
         "      Join: INNER ON a = user_id\n"
         "        Scan: cat.db.t [a]\n"
         "        Scan: cat.db.orders [o, user_id, price]\n"
         "    Scan: cat.db.items [o, sku]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

static void orders_without_need_stay(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a, o.price FROM t JOIN orders o ON t.a = o.user_id JOIN items i ON i.o = o.o",
         "== Optimized Logical Plan ==\n"
         "Project: a, price\n"
         "  Join: INNER ON o0 = o\n"
         "    Project: a, o, price\n"
         "      Join: INNER ON a = user_id\n"
         "        Scan: cat.db.t [a]\n"
         "        Scan: cat.db.orders [o, user_id, price]\n"
         "    Scan: cat.db.items [o]\n"
         "\n"},
        {"SELECT t.a FROM t CROSS JOIN orders", "== Optimized Logical Plan ==\n"
                                                "Project: a\n"
                                                "  Join: INNER\n"
                                                "    Scan: cat.db.t [a]\n"
                                                "    Scan: cat.db.orders [o]\n"
                                                "\n"},
        {"SELECT t.a FROM t, orders o WHERE t.b > (SELECT MAX(qty) FROM items) AND t.a = o.user_id",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON a = user_id\n"
         "    Project: a\n"
         "      Join: INNER ON b > `EXPR$0`\n"
         "        Scan: cat.db.t [a, b]\n"
         "        Project: `$agg0` AS `EXPR$0`\n"
         "          Aggregate: all rows; MAX(qty) AS `$agg0`\n"
         "            Scan: cat.db.items [qty]\n"
         "    Scan: cat.db.orders [user_id]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void few_rows_first(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT fact.id FROM fact, dim1, dim2 WHERE dim1 = dim1.k AND dim2 = dim2.k AND dim2.name = 'x'",
         "== Optimized Logical Plan ==\n"
         "Project: id\n"
         "  Join: INNER ON dim1 = k\n"
         "    Project: id, dim1\n"
         "      Join: INNER ON dim2 = k\n"
         "        Scan: cat.db.fact [id, dim1, dim2]\n"
         "        Project: k\n"
         "          Filter: name = 'x'\n"
         "            Scan: cat.db.dim2 [k, name]\n"
         "    Scan: cat.db.dim1 [k]\n"
         "\n"},
        /* 100 rows of two small tables, by an equality that is only implied */
        {"SELECT fact.id FROM dim1 a, fact, dim2 WHERE fact.dim1 = a.k AND fact.dim1 = dim2.k",
         "== Optimized Logical Plan ==\n"
         "Project: id\n"
         "  Join: INNER ON dim1 = k\n"
         "    Project: k\n"
         "      Join: INNER ON k = k0\n"
         "        Scan: cat.db.dim1 [k]\n"
         "        Scan: cat.db.dim2 [k]\n"
         "    Scan: cat.db.fact [id, dim1]\n"
         "\n"},
        {"SELECT id FROM fact JOIN dim1 ON dim1 = k WHERE dim2 IN (SELECT k FROM dim2 WHERE name = 'x')",
         "== Optimized Logical Plan ==\n"
         "Project: id\n"
         "  Join: INNER ON dim1 = k\n"
         "    Project: id, dim1\n"
         "      Join: SEMI ON dim2 = k\n"
         "        Scan: cat.db.fact [id, dim1, dim2]\n"
         "        Project: k\n"
         "          Filter: name = 'x'\n"
         "            Scan: cat.db.dim2 [k, name]\n"
         "    Scan: cat.db.dim1 [k]\n"
         "\n"},
        {"SELECT id FROM fact JOIN dim1 ON dim1 = k LEFT JOIN dim2 ON dim2 = dim2.k JOIN t ON t.a = fact.id",
         "== Optimized Logical Plan ==\n"
         "Project: id\n"
         "  Join: INNER ON a = id\n"
         "    Project: id\n"
         "      Join: LEFT ON dim2 = k\n"
         "        Project: id, dim2\n"
         "          Join: INNER ON dim1 = k\n"
         "            Scan: cat.db.fact [id, dim1, dim2]\n"
         "            Scan: cat.db.dim1 [k]\n"
         "        Scan: cat.db.dim2 [k]\n"
         "    Scan: cat.db.t [a]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

const struct CMUnitTest rule_join_order_tests[] = {
    cmocka_unit_test(the_next_input_is_a_connected_one),
    cmocka_unit_test(orders_without_need_stay),
    cmocka_unit_test(few_rows_first),
};
const size_t rule_join_order_tests_count = sizeof rule_join_order_tests / sizeof *rule_join_order_tests;
