/* Physical plans in batch mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest physical_batch_tests[];
extern const size_t physical_batch_tests_count;

static void calc_and_collect(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a + 1 AS x, c FROM t WHERE b > 2",
         "== Physical Plan (batch) ==\n"
         "Collect(x, c), changelogMode=[I], rows=33\n"
         "+- Calc(select=[a + 1 AS x, c], where=[b > 2]), changelogMode=[I], rows=33\n"
         "   +- Scan(table=[cat.db.t], columns=[a, b, c]), changelogMode=[I], rows=100\n"},
        {"SELECT a, x + 1 FROM (SELECT a, a * b AS x FROM t)",
         "== Physical Plan (batch) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I], rows=100\n"
         "+- Calc(select=[a, a * b + 1 AS EXPR$1]), changelogMode=[I], rows=100\n"
         "   +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
        {"VALUES (1, 'a'), (2, 'b')", "== Physical Plan (batch) ==\n"
                                      "Collect(EXPR$0, EXPR$1), changelogMode=[I], rows=2\n"
                                      "+- Values(rows=[(1, 'a'), (2, 'b')]), changelogMode=[I], rows=2\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

/* What the source groups is one scan; what it does not is grouped here. */
static void groups_at_the_source(void **state) {
    (void)state;
    static const char scan[] = "Scan(table=[cat.db.cells], columns=[";
    static const struct {
        const char *sql;
        const char *groups; /* NULL: the engine's work */
    } cases[] = {
        {"SELECT p, COUNT(*), MAX(v), SUM(v), MIN(t), COUNT(t) FROM cells GROUP BY p",
         "groupBy=[p], aggregates=[COUNT(*), MAX(v), SUM(v), MIN(t), COUNT(t)], source=[FULL SCAN]"},
        {"SELECT MAX(c) + 1 FROM cells GROUP BY p HAVING COUNT(*) > 1",
         "groupBy=[p], aggregates=[MAX(c), COUNT(*)], source=[FULL SCAN]"},
        {"SELECT MAX(v), p FROM cells WHERE p IN (1, 2) GROUP BY p",
         "groupBy=[p], aggregates=[MAX(v)], pushedDown=[p IN (1, 2)], source=[by key]"},
        {"SELECT DISTINCT p FROM cells", "groupBy=[p], aggregates=[], source=[FULL SCAN]"},
        {"SELECT k, MAX(w) FROM (SELECT v AS w, p AS k FROM cells) GROUP BY k",
         "groupBy=[p], aggregates=[MAX(v)], source=[FULL SCAN]"},
        {"SELECT p, c, COUNT(*) FROM cells GROUP BY p, c", NULL},
        {"SELECT v, COUNT(*) FROM cells GROUP BY v", NULL},
        {"SELECT COUNT(*) FROM cells", NULL},
        {"SELECT p, AVG(v) FROM cells GROUP BY p", NULL},
        {"SELECT p, COUNT(DISTINCT v) FROM cells GROUP BY p", NULL},
        {"SELECT p, COUNT(*) FILTER (WHERE v > 1) FROM cells GROUP BY p", NULL},
        {"SELECT p, COUNT(v, t) FROM cells GROUP BY p", NULL},
        {"SELECT p, MAX(v + 1) FROM cells GROUP BY p", NULL},
        {"SELECT p, SUM(CAST(v AS BIGINT)) FROM cells GROUP BY p", NULL},
        {"SELECT p + 1, COUNT(*) FROM cells GROUP BY p + 1", NULL},
        {"SELECT p, COUNT(*) FROM cells GROUP BY ROLLUP (p)", NULL},
        {"SELECT p, COUNT(*) FROM cells WHERE v > 1 GROUP BY p", NULL}, /* filtered here */
        {"SELECT p, COUNT(*) FROM cells WHERE c > 1 GROUP BY p", NULL}, /* filtered again here */
        {"SELECT p, COUNT(*) FROM (SELECT * FROM cells LIMIT 5) GROUP BY p", NULL},
        {"SELECT id, COUNT(*) FROM users GROUP BY id", NULL}, /* a table that does not want to */
    };
    struct test_world world;
    for (int streaming = 0; streaming < 2; streaming++) {
        plan_world_open(&world, streaming);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            if (plan_sql(&world, cases[i].sql, plan_options_default(), SECTION_PHYSICAL) != STATUS_OK)
                fail_msg("%s: %s", cases[i].sql, world.err.message);
            const char *groups = strstr(world.out.data, "aggregates=[");
            bool taken = cases[i].groups && !streaming;
            if (taken && (!strstr(world.out.data, scan) || !strstr(world.out.data, cases[i].groups) ||
                          strstr(world.out.data, "Aggregate(") || strstr(world.out.data, "Exchange(")))
                fail_msg("%s: %s", cases[i].sql, world.out.data);
            if (!taken && groups) fail_msg("%s: %s", cases[i].sql, world.out.data);
        }
        test_world_close(&world);
    }
}

static void aggregates(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT c, COUNT(*), SUM(a) FROM t GROUP BY c",
         "== Physical Plan (batch) ==\n"
         "Collect(c, EXPR$1, EXPR$2), changelogMode=[I], key=[c], rows=20\n"
         "+- Aggregate(groupBy=[c], select=[c, COUNT(*) AS $agg0, SUM(a) AS $agg1], merges partials), "
         "changelogMode=[I], key=[c], rows=20\n"
         "   +- Exchange(distribution=[hash[c]]), changelogMode=[I], rows=20\n"
         "      +- LocalAggregate(groupBy=[c], select=[c, COUNT(*), SUM(a)]), changelogMode=[I], rows=20\n"
         "         +- Scan(table=[cat.db.t], columns=[a, c]), changelogMode=[I], rows=100\n"},
        {"SELECT COUNT(*) FROM t",
         "== Physical Plan (batch) ==\n"
         "Collect(EXPR$0), changelogMode=[I], rows=1\n"
         "+- Aggregate(select=[COUNT(*) AS $agg0], merges partials), changelogMode=[I], rows=1\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=1\n"
         "      +- LocalAggregate(select=[COUNT(*)]), changelogMode=[I], rows=1\n"
         "         +- Scan(table=[cat.db.t], columns=[]), changelogMode=[I], rows=100\n"},
        {"SELECT COUNT(DISTINCT a) FROM t GROUP BY c",
         "== Physical Plan (batch) ==\n"
         "Collect(EXPR$0), changelogMode=[I], rows=20\n"
         "+- Calc(select=[`$agg0` AS EXPR$0]), changelogMode=[I], rows=20\n"
         "   +- Aggregate(groupBy=[c], select=[c, COUNT(DISTINCT a) AS $agg0]), changelogMode=[I], "
         "key=[c], rows=20\n"
         "      +- Exchange(distribution=[hash[c]]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a, c]), changelogMode=[I], rows=100\n"},
        {"SELECT DISTINCT a FROM t",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], key=[a], rows=20\n"
         "+- Aggregate(groupBy=[a], select=[a], merges partials), changelogMode=[I], key=[a], rows=20\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=20\n"
         "      +- LocalAggregate(groupBy=[a], select=[a]), changelogMode=[I], rows=20\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT id, COUNT(*) FROM users GROUP BY id",
         "== Physical Plan (batch) ==\n"
         "Collect(id, EXPR$1), changelogMode=[I], key=[id], rows=1000\n"
         "+- Aggregate(groupBy=[id], select=[id, COUNT(*) AS $agg0]), changelogMode=[I], key=[id], "
         "rows=1000\n"
         "   +- Exchange(distribution=[hash[id]]), changelogMode=[I], rows=1000\n"
         "      +- Scan(table=[cat.db.users], columns=[id], source=[FULL SCAN]), changelogMode=[I], "
         "key=[id], rows=1000\n"},
        {"SELECT a, SUM(n) FROM (SELECT a, b, COUNT(*) AS n FROM t GROUP BY a, b) GROUP BY a",
         "== Physical Plan (batch) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I], key=[a], rows=4\n"
         "+- Aggregate(groupBy=[a], select=[a, SUM(n) AS $agg0], merges partials), changelogMode=[I], "
         "key=[a], rows=4\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=4\n"
         "      +- LocalAggregate(groupBy=[a], select=[a, SUM(n)]), changelogMode=[I], rows=4\n"
         "         +- Calc(select=[a, n]), changelogMode=[I], rows=20\n"
         "            +- Aggregate(groupBy=[a, b], select=[a, b, COUNT(*) AS n], merges partials), "
         "changelogMode=[I], key=[a, b], rows=20\n"
         "               +- Exchange(distribution=[hash[a, b]]), changelogMode=[I], rows=20\n"
         "                  +- LocalAggregate(groupBy=[a, b], select=[a, b, COUNT(*)]), "
         "changelogMode=[I], rows=20\n"
         "                     +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
        {"SELECT a, MAX(n) FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) GROUP BY a",
         "== Physical Plan (batch) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I], key=[a], rows=20\n"
         "+- Aggregate(groupBy=[a], select=[a, MAX(n) AS $agg0]), changelogMode=[I], key=[a], rows=20\n"
         "   +- Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), changelogMode=[I], "
         "key=[a], rows=20\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=20\n"
         "         +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I], rows=20\n"
         "            +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT a, b, SUM(a) FROM t GROUP BY GROUPING SETS ((a, b), (a), ())",
         "== Physical Plan (batch) ==\n"
         "Collect(a, b, EXPR$2), changelogMode=[I], rows=2\n"
         "+- Calc(select=[a, b, `$agg0` AS EXPR$2]), changelogMode=[I], rows=2\n"
         "   +- Union(a, b, $agg0, $grouping_id), changelogMode=[I], rows=2\n"
         "      +- Calc(select=[CAST(NULL AS INT) AS a, CAST(NULL AS INT) AS b, `$agg0`, 3 AS "
         "$grouping_id]), changelogMode=[I], rows=1\n"
         "      |  +- Aggregate(select=[SUM(a) AS $agg0], merges partials), changelogMode=[I], rows=1\n"
         "      |     +- Exchange(distribution=[single]), changelogMode=[I], rows=1\n"
         "      |        +- LocalAggregate(select=[SUM(a)]), changelogMode=[I], rows=1\n"
         "      |           +- node 0: Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"
         "      +- Calc(select=[a, b, `$agg0`, `$grouping_id`]), changelogMode=[I], key=[a, b, "
         "$grouping_id], rows=40\n"
         "         +- Aggregate(groupBy=[a, b, $grouping_id], select=[a, b, $grouping_id, SUM(a) AS "
         "$agg0], merges partials), changelogMode=[I], key=[a, b, $grouping_id], rows=40\n"
         "            +- Exchange(distribution=[hash[a, b, $grouping_id]]), changelogMode=[I], rows=40\n"
         "               +- LocalAggregate(groupBy=[a, b, $grouping_id], select=[a, b, $grouping_id, "
         "SUM(a)]), changelogMode=[I], rows=40\n"
         "                  +- Union(a, b, $grouping_id, a, b), changelogMode=[I], rows=200\n"
         "                     +- Calc(select=[a, b, 0 AS $grouping_id, a, b]), changelogMode=[I], rows=100\n"
         "                     |  +- see node 0\n"
         "                     +- Calc(select=[a, CAST(NULL AS INT) AS b, 1 AS $grouping_id, a, b]), "
         "changelogMode=[I], rows=100\n"
         "                        +- see node 0\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void joins_build_the_smaller_side(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT t.a, o.price FROM t JOIN orders o ON t.a = o.user_id",
         "== Physical Plan (batch) ==\n"
         "Collect(a, price), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[a, price]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[INNER], on=[user_id = a], build=[right]), changelogMode=[I], rows=100000\n"
         "      +- Scan(table=[cat.db.orders], columns=[user_id, price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a, o.price FROM orders o JOIN t ON t.a = o.user_id",
         "== Physical Plan (batch) ==\n"
         "Collect(a, price), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[a, price]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[INNER], on=[user_id = a], build=[right]), changelogMode=[I], rows=100000\n"
         "      +- Scan(table=[cat.db.orders], columns=[user_id, price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a, o.price FROM orders o RIGHT JOIN t ON t.a = o.user_id",
         "== Physical Plan (batch) ==\n"
         "Collect(a, price), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[a, price]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[RIGHT], on=[user_id = a], build=[right]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100000\n"
         "      |  +- Scan(table=[cat.db.orders], columns=[user_id, price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id",
         "== Physical Plan (batch) ==\n"
         "Collect(a, price), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[a, price]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[RIGHT], on=[user_id = a], build=[right]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100000\n"
         "      |  +- Scan(table=[cat.db.orders], columns=[user_id, price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id",
         "== Physical Plan (batch) ==\n"
         "Collect(a, price), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[a, price]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[FULL], on=[a = user_id], build=[right]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "      |  +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "      +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100000\n"
         "         +- Scan(table=[cat.db.orders], columns=[user_id, price]), changelogMode=[I], rows=100000\n"},
        {"SELECT t.a, o.price FROM t CROSS JOIN orders o",
         "== Physical Plan (batch) ==\n"
         "Collect(a, price), changelogMode=[I], rows=10000000\n"
         "+- Calc(select=[a, price]), changelogMode=[I], rows=10000000\n"
         "   +- HashJoin(type=[INNER], build=[right]), changelogMode=[I], rows=10000000\n"
         "      +- Scan(table=[cat.db.orders], columns=[price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a, o.price FROM t JOIN orders o ON t.a < o.price",
         "== Physical Plan (batch) ==\n"
         "Collect(a, price), changelogMode=[I], rows=3300000\n"
         "+- Calc(select=[a, price]), changelogMode=[I], rows=3300000\n"
         "   +- HashJoin(type=[INNER], where=[a < price], build=[right]), changelogMode=[I], rows=3300000\n"
         "      +- Scan(table=[cat.db.orders], columns=[price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a FROM t JOIN users u ON t.a = u.id AND t.b < u.age",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=33\n"
         "+- Calc(select=[a]), changelogMode=[I], rows=33\n"
         "   +- HashJoin(type=[INNER], on=[id = $key0], where=[b < age], build=[right]), "
         "changelogMode=[I], rows=33\n"
         "      +- Scan(table=[cat.db.users], columns=[id, age], source=[FULL SCAN]), "
         "changelogMode=[I], key=[id], rows=1000\n"
         "      +- Exchange(distribution=[hash[$key0]]), changelogMode=[I], rows=100\n"
         "         +- Calc(select=[a, b, CAST(a AS BIGINT) AS $key0]), changelogMode=[I], rows=100\n"
         "            +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a FROM t JOIN orders o ON t.a + 1 = o.price * 2",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[a]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[INNER], on=[$key0 = $key0], build=[right]), changelogMode=[I], rows=100000\n"
         "      +- Calc(select=[price, price * 2 AS $key0]), changelogMode=[I], rows=100000\n"
         "      |  +- Scan(table=[cat.db.orders], columns=[price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[$key0]]), changelogMode=[I], rows=100\n"
         "         +- Calc(select=[a, a + 1 AS $key0]), changelogMode=[I], rows=100\n"
         "            +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
        {"SELECT t.a FROM t JOIN orders o ON t.a IS NOT DISTINCT FROM o.price",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[a]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[INNER], on=[price IS NOT DISTINCT FROM a], build=[right]), "
         "changelogMode=[I], rows=100000\n"
         "      +- Scan(table=[cat.db.orders], columns=[price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void semi_and_anti_joins(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t WHERE a IN (SELECT user_id FROM orders)",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=50\n"
         "+- HashJoin(type=[SEMI], on=[a = user_id], build=[right]), changelogMode=[I], rows=50\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "   |  +- node 0: Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "   +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100\n"
         "      +- HashJoin(type=[SEMI], on=[user_id = a], build=[right]), changelogMode=[I], rows=100, note=[rows "
         "without a partner in the join above are left out]\n"
         "         +- Scan(table=[cat.db.orders], columns=[user_id]), changelogMode=[I], rows=100000\n"
         "         +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "            +- see node 0\n"},
        {"SELECT a FROM t WHERE a NOT IN (SELECT user_id FROM orders)",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=50\n"
         "+- HashJoin(type=[ANTI], on=[a = user_id], null aware, build=[right]), changelogMode=[I], rows=50\n"
         "   +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "   +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100000\n"
         "      +- Scan(table=[cat.db.orders], columns=[user_id]), changelogMode=[I], rows=100000\n"},
        {"SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.user_id = t.a)",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=50\n"
         "+- HashJoin(type=[ANTI], on=[a = user_id], build=[right]), changelogMode=[I], rows=50\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "   |  +- node 0: Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "   +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100\n"
         "      +- HashJoin(type=[SEMI], on=[user_id = a], build=[right]), changelogMode=[I], rows=100, note=[rows "
         "without a partner in the join above are left out]\n"
         "         +- Scan(table=[cat.db.orders], columns=[user_id]), changelogMode=[I], rows=100000\n"
         "         +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "            +- see node 0\n"},
        {"SELECT a, (SELECT price FROM orders o WHERE o.user_id = t.a) FROM t",
         "== Physical Plan (batch) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I], rows=100\n"
         "+- Calc(select=[a, price AS EXPR$1]), changelogMode=[I], rows=100\n"
         "   +- HashJoin(type=[LEFT], on=[a = user_id], single row, build=[right]), changelogMode=[I], rows=100\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "      |  +- node 0: Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "      +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100\n"
         "         +- HashJoin(type=[SEMI], on=[user_id = a], build=[right]), changelogMode=[I], rows=100, note=[rows "
         "without a partner in the join above are left out]\n"
         "            +- Scan(table=[cat.db.orders], columns=[user_id, price]), changelogMode=[I], rows=100000\n"
         "            +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "               +- see node 0\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void sort_and_limit(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a, b FROM t ORDER BY b DESC, a",
         "== Physical Plan (batch) ==\n"
         "Collect(a, b), changelogMode=[I], ordered, rows=100\n"
         "+- Sort(orderBy=[b DESC, a ASC]), changelogMode=[I], ordered, rows=100\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=100\n"
         "      +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
        {"SELECT a FROM t ORDER BY b LIMIT 3 OFFSET 1",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], ordered, rows=3\n"
         "+- Calc(select=[a]), changelogMode=[I], ordered, rows=3\n"
         "   +- Sort(orderBy=[b ASC], offset=[1], fetch=[3]), changelogMode=[I], ordered, rows=3\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
        {"SELECT a FROM t LIMIT 3",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=3\n"
         "+- Limit(fetch=[3]), changelogMode=[I], rows=3\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=3\n"
         "      +- Limit(fetch=[3]), changelogMode=[I], rows=3\n"
         "         +- Scan(table=[cat.db.t], columns=[a], limit=[3]), changelogMode=[I], rows=3\n"},
        {"SELECT a FROM (SELECT a FROM t ORDER BY b LIMIT 10) LIMIT 3",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], ordered, rows=3\n"
         "+- Limit(fetch=[3]), changelogMode=[I], ordered, rows=3\n"
         "   +- Calc(select=[a]), changelogMode=[I], ordered, rows=10\n"
         "      +- Sort(orderBy=[b ASC], fetch=[10]), changelogMode=[I], ordered, rows=10\n"
         "         +- Exchange(distribution=[single]), changelogMode=[I], rows=100\n"
         "            +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
        {"SELECT a, SUM(b) OVER (PARTITION BY a) FROM t",
         "== Physical Plan (batch) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I], rows=100\n"
         "+- Calc(select=[a, `$over0` AS EXPR$1]), changelogMode=[I], rows=100\n"
         "   +- Over(partitionBy=[a], orderBy=[], calls=[SUM(b) AS $over0]), changelogMode=[I], rows=100\n"
         "      +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "         +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
        {"SELECT a, b FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) <= 2",
         "== Physical Plan (batch) ==\n"
         "Collect(a, b), changelogMode=[I], rows=40\n"
         "+- Rank(rankRange=[1..2], partitionBy=[a], orderBy=[b DESC]), changelogMode=[I], rows=40\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "      +- Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void unions(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT a FROM t UNION ALL SELECT o FROM orders",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=100100\n"
         "+- Union(a), changelogMode=[I], rows=100100\n"
         "   +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "   +- Scan(table=[cat.db.orders], columns=[o]), changelogMode=[I], rows=100000\n"},
        {"SELECT a FROM t UNION SELECT o FROM orders",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], key=[a], rows=20020\n"
         "+- Aggregate(groupBy=[a], select=[a], merges partials), changelogMode=[I], key=[a], rows=20020\n"
         "   +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=20020\n"
         "      +- LocalAggregate(groupBy=[a], select=[a]), changelogMode=[I], rows=20020\n"
         "         +- Union(a), changelogMode=[I], rows=100100\n"
         "            +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "            +- Scan(table=[cat.db.orders], columns=[o]), changelogMode=[I], rows=100000\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void sinks(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"INSERT INTO by_page SELECT c, a FROM t",
         "== Physical Plan (batch) ==\n"
         "Sink(table=[cat.db.by_page], columns=[page, n], upsertKey=[page])\n"
         "+- Exchange(distribution=[hash[page]]), changelogMode=[I], rows=100\n"
         "   +- Calc(select=[c AS page, CAST(a AS BIGINT) AS n]), changelogMode=[I], rows=100\n"
         "      +- Scan(table=[cat.db.t], columns=[a, c]), changelogMode=[I], rows=100\n"},
        {"INSERT INTO by_page SELECT c, COUNT(*) FROM t GROUP BY c",
         "== Physical Plan (batch) ==\n"
         "Sink(table=[cat.db.by_page], columns=[page, n])\n"
         "+- Aggregate(groupBy=[c], select=[c, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I], key=[c], rows=20\n"
         "   +- Exchange(distribution=[hash[c]]), changelogMode=[I], rows=20\n"
         "      +- LocalAggregate(groupBy=[c], select=[c, COUNT(*)]), changelogMode=[I], rows=20\n"
         "         +- Scan(table=[cat.db.t], columns=[c]), changelogMode=[I], rows=100\n"},
        {"INSERT INTO by_user SELECT id, name, age FROM users",
         "== Physical Plan (batch) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n])\n"
         "+- Calc(select=[id, name AS page, CAST(age AS BIGINT) AS n]), changelogMode=[I], key=[id], "
         "rows=1000\n"
         "   +- Scan(table=[cat.db.users], columns=[id, name, age], source=[FULL SCAN]), "
         "changelogMode=[I], key=[id], rows=1000\n"},
        {"INSERT INTO log SELECT c, COUNT(*) FROM t GROUP BY c",
         "== Physical Plan (batch) ==\n"
         "Sink(table=[cat.db.log], columns=[page, n])\n"
         "+- Aggregate(groupBy=[c], select=[c, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I], key=[c], rows=20\n"
         "   +- Exchange(distribution=[hash[c]]), changelogMode=[I], rows=20\n"
         "      +- LocalAggregate(groupBy=[c], select=[c, COUNT(*)]), changelogMode=[I], rows=20\n"
         "         +- Scan(table=[cat.db.t], columns=[c]), changelogMode=[I], rows=100\n"},
        {"INSERT INTO by_user (page, n) SELECT c, a FROM t",
         "NULL_NOT_ALLOWED: column 'id' is NOT NULL and must be in the column list\n"
         "at: page\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void equal_parts_run_once(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"WITH q AS (SELECT a, COUNT(*) AS n FROM t GROUP BY a) SELECT x.a, y.a FROM q x JOIN q y ON "
         "x.n = y.n",
         "== Physical Plan (batch) ==\n"
         "Collect(a, a0), changelogMode=[I], key=[a, a0], rows=20\n"
         "+- Calc(select=[a, a0]), changelogMode=[I], key=[a, a0], rows=20\n"
         "   +- HashJoin(type=[INNER], on=[n = n], build=[right]), changelogMode=[I], key=[a, a0], rows=20\n"
         "      +- Calc(select=[a, n]), changelogMode=[I], key=[a], rows=20\n"
         "      |  +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=20\n"
         "      |     +- node 3: Aggregate(groupBy=[a], select=[a, COUNT(*) AS n], merges partials), "
         "changelogMode=[I], key=[a], rows=20\n"
         "      |        +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=20\n"
         "      |           +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I], rows=20\n"
         "      |              +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "      +- Exchange(distribution=[hash[n]]), changelogMode=[I], rows=20\n"
         "         +- see node 3\n"},
        {"SELECT a FROM t WHERE b > 1 OR a IN (SELECT user_id FROM orders)",
         "== Physical Plan (batch) ==\n"
         "Collect(a), changelogMode=[I], rows=66\n"
         "+- Calc(select=[a]), changelogMode=[I], rows=66\n"
         "   +- HashJoin(type=[INNER], where=[b > 1 OR CASE WHEN `$in0` IS NOT NULL THEN TRUE WHEN `$rows` = 0 THEN "
         "FALSE WHEN a IS NULL OR `$values` < `$rows` THEN CAST(NULL AS BOOLEAN) ELSE FALSE END], build=[right]), "
         "changelogMode=[I], rows=66\n"
         "      +- Calc(select=[a, b, `$in0`]), changelogMode=[I], rows=100\n"
         "      |  +- HashJoin(type=[LEFT], on=[a = user_id], build=[right]), changelogMode=[I], rows=100\n"
         "      |     +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "      |     |  +- node 0: Scan(table=[cat.db.t], columns=[a, b]), changelogMode=[I], rows=100\n"
         "      |     +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=20000\n"
         "      |        +- Calc(select=[user_id, TRUE AS $in0]), changelogMode=[I], key=[user_id], rows=20000\n"
         "      |           +- Aggregate(groupBy=[user_id], select=[user_id], merges partials), changelogMode=[I], "
         "key=[user_id], rows=20000\n"
         "      |              +- Exchange(distribution=[hash[user_id]]), changelogMode=[I], rows=100\n"
         "      |                 +- LocalAggregate(groupBy=[user_id], select=[user_id]), changelogMode=[I], rows=100\n"
         "      |                    +- HashJoin(type=[SEMI], on=[user_id = a], build=[right]), changelogMode=[I], "
         "rows=100, note=[rows without a partner in the join above are left out]\n"
         "      |                       +- Scan(table=[cat.db.orders], columns=[user_id]), changelogMode=[I], "
         "rows=100000\n"
         "      |                       +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=100\n"
         "      |                          +- see node 0\n"
         "      +- Exchange(distribution=[single]), changelogMode=[I], rows=1\n"
         "         +- Aggregate(select=[COUNT(*) AS $rows, COUNT(user_id) AS $values], merges partials), "
         "changelogMode=[I], rows=1\n"
         "            +- Exchange(distribution=[single]), changelogMode=[I], rows=1\n"
         "               +- LocalAggregate(select=[COUNT(*), COUNT(user_id)]), changelogMode=[I], rows=1\n"
         "                  +- Scan(table=[cat.db.orders], columns=[user_id]), changelogMode=[I], rows=100000\n"},
        {"SELECT a, COUNT(*) FROM t GROUP BY a UNION ALL SELECT a, COUNT(*) FROM t GROUP BY a",
         "== Physical Plan (batch) ==\n"
         "Collect(a, EXPR$1), changelogMode=[I], rows=40\n"
         "+- Union(a, EXPR$1), changelogMode=[I], rows=40\n"
         "   +- node 3: Aggregate(groupBy=[a], select=[a, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I], key=[a], rows=20\n"
         "   |  +- Exchange(distribution=[hash[a]]), changelogMode=[I], rows=20\n"
         "   |     +- LocalAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I], rows=20\n"
         "   |        +- Scan(table=[cat.db.t], columns=[a]), changelogMode=[I], rows=100\n"
         "   +- see node 3\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

/* Every query is over the columns of those around it. */
static void nested_query(struct strbuf *sql, int level, int depth) {
    strbuf_printf(sql, "SELECT t%d.a FROM t t%d WHERE t%d.b > ", level, level, level);
    for (int i = 0; i < level; i++) strbuf_printf(sql, "%st%d.%s", i ? " + " : "", i, i % 2 ? "a" : "b");
    if (level % 2) strbuf_printf(sql, " GROUP BY t%d.a, t%d.b HAVING t%d.a IS NOT NULL", level, level, level);
    if (level == depth) return;
    strbuf_printf(sql, " AND t%d.a NOT IN (", level);
    nested_query(sql, level + 1, depth);
    strbuf_puts(sql, ")");
}

static int count_scans(struct test_world *world, int depth, bool reuse) {
    struct strbuf sql = {0};
    strbuf_puts(&sql, "SELECT t0.a FROM t t0 CROSS JOIN LATERAL (");
    nested_query(&sql, 1, depth);
    strbuf_puts(&sql, ") AS s");
    struct plan_options options = plan_options_default();
    options.reuse_sub_plan = reuse;
    enum status status = plan_sql(world, sql.data, options, SECTION_PHYSICAL);
    if (status != STATUS_OK) fprintf(stderr, "%s", test_error_text(world, sql.data));
    strbuf_free(&sql);
    assert_int_equal(status, STATUS_OK);
    int count = 0;
    for (const char *at = world->out.data; (at = strstr(at, "Scan(table=")); at++) count++;
    return count;
}

/* Every level brings the values of those around it along: without sharing that doubles the plan with each. */
static void nested_subqueries_read_a_table_a_few_times(void **state) {
    (void)state;
    struct test_world world;
    plan_world_open(&world, false);
    for (int depth = 1; depth <= 6; depth++) assert_true(count_scans(&world, depth, true) <= 3 * (depth + 1));
    assert_true(count_scans(&world, 6, false) > 3 * 7);
    test_world_close(&world);
}

/* 20 levels cannot be planned: that is said before memory is gone. */
static void too_deeply_nested_subqueries(void **state) {
    (void)state;
    struct test_world world;
    plan_world_open(&world, false);
    struct strbuf sql = {0};
    strbuf_puts(&sql, "SELECT t0.a FROM t t0 CROSS JOIN LATERAL (");
    nested_query(&sql, 1, 20);
    strbuf_puts(&sql, ") AS s");
    assert_int_equal(plan_sql(&world, sql.data, plan_options_default(), SECTION_PHYSICAL), STATUS_LIMIT_EXCEEDED);
    assert_non_null(strstr(world.err.message, "a plan of more than 20000 nodes"));
    strbuf_free(&sql);
    test_world_close(&world);
}

static void what_does_not_run_in_batch(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT * FROM s", "NOT_SUPPORTED: table 'cat.db.s' never ends: it cannot be read in batch mode\n"
                            "at: s\n"
                            "hint: SET 'execution.runtime-mode' = 'streaming'\n"},
        {"SELECT page FROM shown",
         "NOT_SUPPORTED: table 'cat.db.shown' cannot be read: connector 'print' has no source\n"
         "at: shown\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void windows(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' "
         "DAY)) WHERE k > 3 GROUP BY window_start, window_end",
         "== Physical Plan (batch) ==\n"
         "Collect(window_start, EXPR$1), changelogMode=[I], rows=66\n"
         "+- Calc(select=[window_start, `$agg0` AS EXPR$1]), changelogMode=[I], rows=66\n"
         "   +- Aggregate(groupBy=[window_start, window_end], select=[window_start, window_end, "
         "COUNT(*) AS $agg0], merges partials), changelogMode=[I], key=[window_start, window_end], rows=66\n"
         "      +- Exchange(distribution=[hash[window_start, window_end]]), changelogMode=[I], rows=66\n"
         "         +- LocalAggregate(groupBy=[window_start, window_end], select=[window_start, "
         "window_end, COUNT(*)]), changelogMode=[I], rows=66\n"
         "            +- Calc(select=[window_start, window_end]), changelogMode=[I], rows=330\n"
         "               +- WindowAssign(window=[TUMBLE(ts, size 1 d)]), changelogMode=[I], rows=330\n"
         "                  +- Calc(select=[k, ts], where=[k > 3]), changelogMode=[I], rows=330\n"
         "                     +- Scan(table=[cat.db.events], columns=[k, ts]), changelogMode=[I], "
         "rows=1000\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

const struct CMUnitTest physical_batch_tests[] = {
    cmocka_unit_test(calc_and_collect),
    cmocka_unit_test(aggregates),
    cmocka_unit_test(groups_at_the_source),
    cmocka_unit_test(joins_build_the_smaller_side),
    cmocka_unit_test(semi_and_anti_joins),
    cmocka_unit_test(sort_and_limit),
    cmocka_unit_test(unions),
    cmocka_unit_test(sinks),
    cmocka_unit_test(equal_parts_run_once),
    cmocka_unit_test(nested_subqueries_read_a_table_a_few_times),
    cmocka_unit_test(too_deeply_nested_subqueries),
    cmocka_unit_test(what_does_not_run_in_batch),
    cmocka_unit_test(windows),
};
const size_t physical_batch_tests_count = sizeof physical_batch_tests / sizeof *physical_batch_tests;
