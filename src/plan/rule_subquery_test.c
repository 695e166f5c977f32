/* Subqueries become joins: trees before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest rule_subquery_tests[];
extern const size_t rule_subquery_tests_count;

static void scalar(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t WHERE b > (SELECT AVG(price) FROM orders)",
         "== Logical Plan ==\n"
         "Project: a\n"
         "  Filter: b > (<subquery>)\n"
         "    Subquery 1\n"
         "      Project: `$agg0` AS `EXPR$0`\n"
         "        Aggregate: all rows; AVG(price) AS `$agg0`\n"
         "          Scan: cat.db.orders [o, user_id, price, d]\n"
         "    Scan: cat.db.t [a, b, c]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON b > `EXPR$0`\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Project: `$agg0` AS `EXPR$0`\n"
         "      Aggregate: all rows; AVG(price) AS `$agg0`\n"
         "        Scan: cat.db.orders [price]\n"
         "\n"},
        {"SELECT a, (SELECT price FROM orders WHERE o = 3) FROM t",
         "== Logical Plan ==\n"
         "Project: a, (<subquery>) AS `EXPR$1`\n"
         "  Subquery 1\n"
         "    Project: price\n"
         "      Filter: o = 3\n"
         "        Scan: cat.db.orders [o, user_id, price, d]\n"
         "  Scan: cat.db.t [a, b, c]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Project: a, price AS `EXPR$1`\n"
         "  Join: LEFT, single row\n"
         "    Scan: cat.db.t [a]\n"
         "    Project: price\n"
         "      Filter: o = 3\n"
         "        Scan: cat.db.orders [o, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

static void scalar_correlated(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a, (SELECT COUNT(*) FROM orders o WHERE o.user_id = t.a) FROM t",
         "== Optimized Logical Plan ==\n"
         "Project: a, COALESCE(`$agg0`, 0) AS `EXPR$1`\n"
         "  Join: LEFT ON `$corr0` = a\n"
         "    Scan: cat.db.t [a]\n"
         "    Aggregate: group by `$corr0`; COUNT(*) AS `$agg0`\n"
         "      Project: user_id AS `$corr0`\n"
         "        Scan: cat.db.orders [user_id]\n"
         "\n"},
        {"SELECT a, (SELECT MAX(price) + t.b FROM orders o WHERE o.user_id = t.a) FROM t",
         "== Optimized Logical Plan ==\n"
         "Project: a, `$agg0` + b AS `EXPR$1`\n"
         "  Join: LEFT ON `$corr0` = a\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Aggregate: group by `$corr0`; MAX(price) AS `$agg0`\n"
         "      Project: price, user_id AS `$corr0`\n"
         "        Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT a, (SELECT MAX(price) FROM orders o WHERE o.user_id < t.a) FROM t",
         "== Optimized Logical Plan ==\n"
         "Project: a, `$agg0` AS `EXPR$1`\n"
         "  Join: LEFT ON a IS NOT DISTINCT FROM `$corr0`\n"
         "    Scan: cat.db.t [a]\n"
         "    Aggregate: group by `$corr0`; MAX(price) AS `$agg0`\n"
         "      Project: price, a AS `$corr0`\n"
         "        Join: INNER ON user_id < a\n"
         "          Scan: cat.db.orders [user_id, price]\n"
         "          Aggregate: group by a\n"
         "            Scan: cat.db.t [a]\n"
         "\n"},
        {"SELECT a, (SELECT price FROM orders o WHERE o.user_id = t.a) FROM t",
         "== Optimized Logical Plan ==\n"
         "Project: a, price AS `EXPR$1`\n"
         "  Join: LEFT ON user_id = a, single row\n"
         "    Scan: cat.db.t [a]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT a, (SELECT price FROM orders o WHERE o.user_id = t.a ORDER BY d DESC LIMIT 1) FROM t",
         "== Optimized Logical Plan ==\n"
         "Project: a, price AS `EXPR$1`\n"
         "  Join: LEFT ON `$corr0` = a\n"
         "    Scan: cat.db.t [a]\n"
         "    Project: price, `$corr0`\n"
         "      Filter: `$row` <= 1\n"
         "        Over: partition by `$corr0` order by d DESC; ROW_NUMBER() AS `$row`\n"
         "          Project: price, d, user_id AS `$corr0`\n"
         "            Scan: cat.db.orders [user_id, price, d]\n"
         "\n"},
        {"SELECT a FROM t WHERE b = (SELECT MIN(price) FROM orders o WHERE o.user_id = t.a)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON `$corr0` = a AND b = `$agg0`\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Aggregate: group by `$corr0`; MIN(price) AS `$agg0`\n"
         "      Project: price, user_id AS `$corr0`\n"
         "        Scan: cat.db.orders [user_id, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void exists(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM orders WHERE price > 5)", "== Optimized Logical Plan ==\n"
                                                                                "Join: SEMI\n"
                                                                                "  Scan: cat.db.t [a]\n"
                                                                                "  Limit: limit 1\n"
                                                                                "    Project: TRUE AS `$exists`\n"
                                                                                "      Filter: price > 5\n"
                                                                                "        Scan: cat.db.orders [price]\n"
                                                                                "\n"},
        {"SELECT a FROM t WHERE NOT EXISTS (SELECT * FROM orders o WHERE o.user_id = t.a AND o.price > t.b)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: ANTI ON user_id = a AND price > b\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT a FROM t WHERE EXISTS (SELECT COUNT(*) FROM orders o WHERE o.user_id = t.a)",
         "== Optimized Logical Plan ==\n"
         "Scan: cat.db.t [a]\n"
         "\n"},
        {"SELECT a, EXISTS (SELECT 1 FROM orders o WHERE o.user_id = t.a) FROM t",
         "== Optimized Logical Plan ==\n"
         "Project: a, COALESCE(`$rows`, 0) > 0 AS `EXPR$1`\n"
         "  Join: LEFT ON `$corr0` = a\n"
         "    Scan: cat.db.t [a]\n"
         "    Aggregate: group by `$corr0`; COUNT(*) AS `$rows`\n"
         "      Project: user_id AS `$corr0`\n"
         "        Scan: cat.db.orders [user_id]\n"
         "\n"},
        {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM orders x WHERE x.user_id = t.a AND EXISTS "
         "(SELECT 1 FROM items i WHERE i.o = x.o AND i.qty = t.b))",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: SEMI ON a IS NOT DISTINCT FROM a0 AND b IS NOT DISTINCT FROM b0\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Project: a, b\n"
         "      Join: SEMI ON o0 = o AND qty = b\n"
         "        Project: o, a, b\n"
         "          Join: INNER ON user_id = a\n"
         "            Scan: cat.db.orders [o, user_id]\n"
         "            Aggregate: group by a, b\n"
         "              Scan: cat.db.t [a, b]\n"
         "        Scan: cat.db.items [o, qty]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void in(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t WHERE a IN (SELECT user_id FROM orders)",
         "== Logical Plan ==\n"
         "Project: a\n"
         "  Filter: a IN (<subquery>)\n"
         "    Subquery 1\n"
         "      Project: user_id\n"
         "        Scan: cat.db.orders [o, user_id, price, d]\n"
         "    Scan: cat.db.t [a, b, c]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Join: SEMI ON a = user_id\n"
         "  Scan: cat.db.t [a]\n"
         "  Scan: cat.db.orders [user_id]\n"
         "\n"},
        {"SELECT a FROM t WHERE a NOT IN (SELECT user_id FROM orders)",
         "== Logical Plan ==\n"
         "Project: a\n"
         "  Filter: a NOT IN (<subquery>)\n"
         "    Subquery 1\n"
         "      Project: user_id\n"
         "        Scan: cat.db.orders [o, user_id, price, d]\n"
         "    Scan: cat.db.t [a, b, c]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Join: ANTI ON a = user_id, null aware\n"
         "  Scan: cat.db.t [a]\n"
         "  Scan: cat.db.orders [user_id]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

static void in_correlated_or_as_a_value(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t WHERE a NOT IN (SELECT user_id FROM orders o WHERE o.price = t.b)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: ANTI ON price = b AND (a = user_id OR a IS NULL OR user_id IS NULL)\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT a FROM t WHERE b > 1 OR a IN (SELECT user_id FROM orders)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON b > 1 OR CASE WHEN `$in0` IS NOT NULL THEN TRUE WHEN `$rows` = 0 THEN FALSE "
         "WHEN a IS NULL OR `$values` < `$rows` THEN CAST(NULL AS BOOLEAN) ELSE FALSE END\n"
         "    Project: a, b, `$in0`\n"
         "      Join: LEFT ON a = user_id\n"
         "        Scan: cat.db.t [a, b]\n"
         "        Project: user_id, TRUE AS `$in0`\n"
         "          Aggregate: group by user_id\n"
         "            Scan: cat.db.orders [user_id]\n"
         "    Aggregate: all rows; COUNT(*) AS `$rows`, COUNT(user_id) AS `$values`\n"
         "      Scan: cat.db.orders [user_id]\n"
         "\n"},
        {"SELECT id FROM users WHERE id NOT IN (SELECT id FROM by_user)", "== Optimized Logical Plan ==\n"
                                                                          "Join: ANTI ON id = id0\n"
                                                                          "  Scan: cat.db.users [id], FULL SCAN\n"
                                                                          "  Scan: cat.db.by_user [id], FULL SCAN\n"
                                                                          "\n"},
        {"SELECT a FROM t WHERE (a, b) IN (SELECT user_id, price FROM orders)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: SEMI ON a = user_id AND b = price\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Scan: cat.db.orders [user_id, price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void quantified(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t WHERE b > ALL (SELECT price FROM orders)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON CASE WHEN `$rows` = 0 THEN TRUE WHEN NOT b > `$max` THEN FALSE WHEN "
         "`$values` < `$rows` THEN CAST(NULL AS BOOLEAN) ELSE b > `$max` END\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Aggregate: all rows; COUNT(*) AS `$rows`, COUNT(price) AS `$values`, MAX(price) AS `$max`\n"
         "      Scan: cat.db.orders [price]\n"
         "\n"},
        {"SELECT a FROM t WHERE b = ANY (SELECT price FROM orders)", "== Optimized Logical Plan ==\n"
                                                                     "Project: a\n"
                                                                     "  Join: SEMI ON b = price\n"
                                                                     "    Scan: cat.db.t [a, b]\n"
                                                                     "    Scan: cat.db.orders [price]\n"
                                                                     "\n"},
        {"SELECT a FROM t WHERE b <> ALL (SELECT price FROM orders WHERE price IS NOT NULL)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: ANTI ON b = price, null aware\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Filter: price IS NOT NULL\n"
         "      Scan: cat.db.orders [price]\n"
         "\n"},
        {"SELECT a FROM t WHERE b <= ANY (SELECT price FROM orders)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON CASE WHEN `$rows` = 0 THEN FALSE WHEN b <= `$max` THEN TRUE WHEN `$values` "
         "< `$rows` THEN CAST(NULL AS BOOLEAN) ELSE b <= `$max` END\n"
         "    Scan: cat.db.t [a, b]\n"
         "    Aggregate: all rows; COUNT(*) AS `$rows`, COUNT(price) AS `$values`, MAX(price) AS `$max`\n"
         "      Scan: cat.db.orders [price]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void lateral(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a, x.p FROM t, LATERAL (SELECT price AS p FROM orders o WHERE o.user_id = t.a ORDER "
         "BY price DESC LIMIT 3) x",
         "== Optimized Logical Plan ==\n"
         "Project: a, price AS p\n"
         "  Join: INNER ON `$corr0` = a\n"
         "    Scan: cat.db.t [a]\n"
         "    Project: price, `$corr0`\n"
         "      Filter: `$row` <= 3\n"
         "        Over: partition by `$corr0` order by price DESC; ROW_NUMBER() AS `$row`\n"
         "          Project: price, user_id AS `$corr0`\n"
         "            Scan: cat.db.orders [user_id, price]\n"
         "\n"},
        {"SELECT t.a, x.n FROM t LEFT JOIN LATERAL (SELECT COUNT(*) AS n FROM orders o WHERE o.user_id "
         "= t.a) x ON x.n > 1",
         "== Optimized Logical Plan ==\n"
         "Project: a, CASE WHEN COALESCE(n, 0) > 1 THEN COALESCE(n, 0) ELSE CAST(NULL AS BIGINT) END AS n\n"
         "  Join: LEFT ON `$corr0` = a\n"
         "    Scan: cat.db.t [a]\n"
         "    Aggregate: group by `$corr0`; COUNT(*) AS n\n"
         "      Project: user_id AS `$corr0`\n"
         "        Scan: cat.db.orders [user_id]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

static void in_on_conditions(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a FROM t LEFT JOIN orders o ON t.a = o.user_id AND o.price IN (SELECT qty FROM items)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: LEFT ON a = user_id\n"
         "    Scan: cat.db.t [a]\n"
         "    Project: user_id\n"
         "      Join: SEMI ON price = qty\n"
         "        Scan: cat.db.orders [user_id, price]\n"
         "        Scan: cat.db.items [qty]\n"
         "\n"},
        {"SELECT t.a FROM t JOIN orders o ON t.a = o.user_id AND t.b NOT IN (SELECT qty FROM items)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: INNER ON a = user_id\n"
         "    Project: a\n"
         "      Join: ANTI ON b = qty, null aware\n"
         "        Scan: cat.db.t [a, b]\n"
         "        Scan: cat.db.items [qty]\n"
         "    Scan: cat.db.orders [user_id]\n"
         "\n"},
        {"SELECT t.a FROM t LEFT JOIN orders o ON t.a IN (SELECT qty FROM items)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: LEFT ON `$on0`\n"
         "    Project: a, CASE WHEN `$in0` IS NOT NULL THEN TRUE WHEN `$rows` = 0 THEN FALSE WHEN a IS NULL OR "
         "`$values` < "
         "`$rows` THEN CAST(NULL AS BOOLEAN) ELSE FALSE END AS `$on0`\n"
         "      Join: INNER\n"
         "        Project: a, `$in0`\n"
         "          Join: LEFT ON a = qty\n"
         "            Scan: cat.db.t [a]\n"
         "            Project: qty, TRUE AS `$in0`\n"
         "              Aggregate: group by qty\n"
         "                Scan: cat.db.items [qty]\n"
         "        Aggregate: all rows; COUNT(*) AS `$rows`, COUNT(qty) AS `$values`\n"
         "          Scan: cat.db.items [qty]\n"
         "    Scan: cat.db.orders [o]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED), 0);
}

/* The collection is computed where the outer values that it reads are joined in; its rows belong to those values. */
static void unnest(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a, (SELECT MAX(e) FROM UNNEST(ARRAY[t.a, 2]) AS u (e)) FROM t",
         "== Logical Plan ==\n"
         "Project: a, (<subquery>) AS `EXPR$1`\n"
         "  Subquery 1\n"
         "    Project: `$agg0` AS `EXPR$0`\n"
         "      Aggregate: all rows; MAX(`EXPR$0`) AS `$agg0`\n"
         "        Project: `EXPR$0`\n"
         "          Project: ZERO, `EXPR$0`\n"
         "            Unnest: `$collection`\n"
         "              Project: ZERO, ARRAY[outer1.$0, 2] AS `$collection`\n"
         "                Values: (0)\n"
         "  Scan: cat.db.t [a, b, c]\n"
         "\n"
         "== Optimized Logical Plan ==\n"
         "Project: a, `$agg0` AS `EXPR$1`\n"
         "  Join: LEFT ON a IS NOT DISTINCT FROM `$corr0`\n"
         "    Scan: cat.db.t [a]\n"
         "    Aggregate: group by `$corr0`; MAX(`EXPR$0`) AS `$agg0`\n"
         "      Project: `EXPR$0`, `$corr0`\n"
         "        Unnest: `$out1`\n"
         "          Project: ARRAY[a, 2] AS `$out1`, a AS `$corr0`\n"
         "            Join: INNER\n"
         "              Values: (0)\n"
         "              Aggregate: group by a\n"
         "                Scan: cat.db.t [a]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_LOGICAL | SECTION_OPTIMIZED), 0);
}

/* Values of the two sides that belong together, then the left row's values beside the right rows, then the join. */
static void both_sides_of_an_outer_join(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT s.a FROM s LEFT JOIN s2 ON s.a = s2.a AND EXISTS (SELECT 1 FROM t WHERE t.a = s.b AND t.b = s2.d)",
         "== Optimized Logical Plan ==\n"
         "Project: a\n"
         "  Join: LEFT ON a IS NOT DISTINCT FROM a0 AND b IS NOT DISTINCT FROM b0\n"
         "    Scan: cat.db.s [a, b]\n"
         "    Project: a0, b\n"
         "      Join: INNER ON a IS NOT DISTINCT FROM a00 AND d IS NOT DISTINCT FROM d0\n"
         "        Scan: cat.db.s2 [a, d]\n"
         "        Join: SEMI ON a1 = b AND CAST(b0 AS BIGINT) = d\n"
         "          Join: INNER ON a = a0\n"
         "            Aggregate: group by a, b\n"
         "              Scan: cat.db.s [a, b]\n"
         "            Aggregate: group by a, d\n"
         "              Scan: cat.db.s2 [a, d]\n"
         "          Scan: cat.db.t [a, b]\n"
         "\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_OPTIMIZED), 0);
}

const struct CMUnitTest rule_subquery_tests[] = {
    cmocka_unit_test(scalar),
    cmocka_unit_test(scalar_correlated),
    cmocka_unit_test(exists),
    cmocka_unit_test(in),
    cmocka_unit_test(in_correlated_or_as_a_value),
    cmocka_unit_test(quantified),
    cmocka_unit_test(lateral),
    cmocka_unit_test(in_on_conditions),
    cmocka_unit_test(unnest),
    cmocka_unit_test(both_sides_of_an_outer_join),
};
const size_t rule_subquery_tests_count = sizeof rule_subquery_tests / sizeof *rule_subquery_tests;
