/* Filters and limits offered to sources. The store takes = and IN on its key exactly, ranges of it partially. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest rule_scan_tests[];
extern const size_t rule_scan_tests_count;

static void what_the_source_takes_is_not_filtered_again(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT name FROM users WHERE id = 5",
         "== Optimized Logical Plan ==\n"
         "Scan: cat.db.users [name], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=1\n"
         "+- Scan(table=[cat.db.users], columns=[name], pushedDown=[id = 5], source=[by key]), "
         "changelogMode=[I], rows=1\n"},
        {"SELECT name FROM users WHERE id = 5 AND age > 3",
         "== Optimized Logical Plan ==\n"
         "Project: name\n"
         "  Filter: age > 3\n"
         "    Scan: cat.db.users [name, age], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=1\n"
         "+- Calc(select=[name], where=[age > 3]), changelogMode=[I], rows=1\n"
         "   +- Scan(table=[cat.db.users], columns=[name, age], pushedDown=[id = 5], source=[by key]), "
         "changelogMode=[I], rows=1\n"},
        {"SELECT name FROM users WHERE id > 5",
         "== Optimized Logical Plan ==\n"
         "Project: name\n"
         "  Filter: id > 5\n"
         "    Scan: cat.db.users [id, name], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=330\n"
         "+- Calc(select=[name], where=[id > 5]), changelogMode=[I], rows=330\n"
         "   +- Scan(table=[cat.db.users], columns=[id, name], pushedDown=[id > 5], source=[by key]), "
         "changelogMode=[I], key=[id], rows=1000\n"},
        {"SELECT name FROM users WHERE id IN (1, 2, 2, NULL)",
         "== Optimized Logical Plan ==\n"
         "Scan: cat.db.users [name], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=2\n"
         "+- Scan(table=[cat.db.users], columns=[name], pushedDown=[id IN (1, 2)], source=[by key]), "
         "changelogMode=[I], rows=2\n"},
        {"SELECT name FROM users WHERE id = 1 OR id = 2 OR id IN (3, 4)",
         "== Optimized Logical Plan ==\n"
         "Scan: cat.db.users [name], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=4\n"
         "+- Scan(table=[cat.db.users], columns=[name], pushedDown=[id IN (1, 2, 3, 4)], source=[by "
         "key]), changelogMode=[I], rows=4\n"},
        {"SELECT name FROM users WHERE 5 = id",
         "== Optimized Logical Plan ==\n"
         "Scan: cat.db.users [name], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=1\n"
         "+- Scan(table=[cat.db.users], columns=[name], pushedDown=[id = 5], source=[by key]), "
         "changelogMode=[I], rows=1\n"},
        {"SELECT name FROM users WHERE age = 7",
         "== Optimized Logical Plan ==\n"
         "Project: name\n"
         "  Filter: age = 7\n"
         "    Scan: cat.db.users [name, age], FULL SCAN\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=100\n"
         "+- Calc(select=[name], where=[age = 7]), changelogMode=[I], rows=100\n"
         "   +- Scan(table=[cat.db.users], columns=[name, age], source=[FULL SCAN]), "
         "changelogMode=[I], rows=1000\n"},
        {"SELECT name FROM users WHERE id = 3000000000",
         "== Optimized Logical Plan ==\n"
         "Scan: cat.db.users [name], by key\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=1\n"
         "+- Scan(table=[cat.db.users], columns=[name], pushedDown=[id = 3000000000], source=[by "
         "key]), changelogMode=[I], rows=1\n"},
        {"SELECT name FROM users WHERE id = 1.5",
         "== Optimized Logical Plan ==\n"
         "Project: name\n"
         "  Filter: CAST(id AS DECIMAL(20, 1)) = 1.5\n"
         "    Scan: cat.db.users [id, name], FULL SCAN\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=1\n"
         "+- Calc(select=[name], where=[CAST(id AS DECIMAL(20, 1)) = 1.5]), changelogMode=[I], rows=1\n"
         "   +- Scan(table=[cat.db.users], columns=[id, name], source=[FULL SCAN]), changelogMode=[I], "
         "key=[id], rows=1000\n"},
        {"SELECT name FROM users WHERE id + 1 = 6",
         "== Optimized Logical Plan ==\n"
         "Project: name\n"
         "  Filter: id + 1 = 6\n"
         "    Scan: cat.db.users [id, name], FULL SCAN\n"
         "\n"
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=100\n"
         "+- Calc(select=[name], where=[id + 1 = 6]), changelogMode=[I], rows=100\n"
         "   +- Scan(table=[cat.db.users], columns=[id, name], source=[FULL SCAN]), changelogMode=[I], "
         "key=[id], rows=1000\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_OPTIMIZED | SECTION_PHYSICAL), 0);
}

static void limits_are_hints(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT name FROM users LIMIT 3",
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=3\n"
         "+- Limit(fetch=[3]), changelogMode=[I], rows=3\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=3\n"
         "      +- Limit(fetch=[3]), changelogMode=[I], rows=3\n"
         "         +- Scan(table=[cat.db.users], columns=[name], limit=[3], source=[FULL SCAN]), "
         "changelogMode=[I], rows=3\n"},
        {"SELECT name FROM users WHERE id = 5 LIMIT 3 OFFSET 2",
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=0\n"
         "+- Limit(offset=[2], fetch=[3]), changelogMode=[I], rows=0\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=1\n"
         "      +- Limit(fetch=[5]), changelogMode=[I], rows=1\n"
         "         +- Scan(table=[cat.db.users], columns=[name], pushedDown=[id = 5], limit=[5], "
         "source=[by key]), changelogMode=[I], rows=1\n"},
        {"SELECT name FROM users WHERE age = 5 LIMIT 3",
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], rows=3\n"
         "+- Limit(fetch=[3]), changelogMode=[I], rows=3\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=3\n"
         "      +- Limit(fetch=[3]), changelogMode=[I], rows=3\n"
         "         +- Calc(select=[name], where=[age = 5]), changelogMode=[I], rows=100\n"
         "            +- Scan(table=[cat.db.users], columns=[name, age], source=[FULL SCAN]), "
         "changelogMode=[I], rows=1000\n"},
        {"SELECT name FROM users ORDER BY name LIMIT 3",
         "== Physical Plan (batch) ==\n"
         "Collect(name), changelogMode=[I], ordered, rows=3\n"
         "+- Sort(orderBy=[name ASC], fetch=[3]), changelogMode=[I], ordered, rows=3\n"
         "   +- Exchange(distribution=[single]), changelogMode=[I], rows=1000\n"
         "      +- Scan(table=[cat.db.users], columns=[name], source=[FULL SCAN; first 3 by name]), "
         "changelogMode=[I], rows=1000\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

static void keys_reach_the_scan_through_joins(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"SELECT u.name, o.price FROM users u JOIN orders o ON u.id = o.user_id WHERE u.id = 5",
         "== Physical Plan (batch) ==\n"
         "Collect(name, price), changelogMode=[I], rows=100000\n"
         "+- Calc(select=[name, price]), changelogMode=[I], rows=100000\n"
         "   +- HashJoin(type=[INNER], on=[$key0 = id], build=[right]), changelogMode=[I], rows=100000\n"
         "      +- Calc(select=[user_id, price, CAST(user_id AS BIGINT) AS $key0]), changelogMode=[I], "
         "rows=100000\n"
         "      |  +- Scan(table=[cat.db.orders], columns=[user_id, price]), changelogMode=[I], rows=100000\n"
         "      +- Exchange(distribution=[hash[id]]), changelogMode=[I], rows=1\n"
         "         +- Scan(table=[cat.db.users], columns=[id, name], pushedDown=[id = 5], source=[by "
         "key]), changelogMode=[I], key=[id], rows=1\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
}

/* The scan's line of the physical plan, from "source=[" to its "]". */
static void check_source(const char *sql, const char *expected) {
    struct test_world world;
    plan_world_open(&world, false);
    assert_int_equal(plan_sql(&world, sql, plan_options_default(), SECTION_PHYSICAL), STATUS_OK);
    const char *found = strstr(world.out.data, "source=[");
    if (!found || strncmp(found + 8, expected, strlen(expected)) != 0 || found[8 + strlen(expected)] != ']')
        fail_msg("%s\n%s", sql, world.out.data);
    test_world_close(&world);
}

static void first_rows_are_hints(void **state) {
    (void)state;
    /* ORDER BY … LIMIT, through projections, with the OFFSET's rows */
    check_source("SELECT name AS n FROM users ORDER BY n DESC, country LIMIT 3 OFFSET 2",
                 "FULL SCAN; first 5 by name DESC, country");
    check_source("SELECT * FROM (SELECT age AS a, name AS b FROM users WHERE id = 5) ORDER BY a LIMIT 2",
                 "by key; first 2 by age");
    /* not past a filter that the source does not take, computed columns, aggregates, joins */
    check_source("SELECT name FROM users WHERE age = 7 ORDER BY name LIMIT 3", "FULL SCAN");
    check_source("SELECT age + 1 AS a FROM users ORDER BY a LIMIT 3", "FULL SCAN");
    check_source("SELECT name, COUNT(*) AS n FROM users GROUP BY name ORDER BY name LIMIT 3", "FULL SCAN");
    check_source("SELECT u.name FROM users u JOIN orders o ON u.age = o.price ORDER BY u.name LIMIT 3", "FULL SCAN");
    check_source("SELECT name FROM users ORDER BY name", "FULL SCAN");

    /* ROW_NUMBER() <= n */
#define RANKED(number, over) "SELECT * FROM (SELECT id, name, " number " OVER (" over ") AS rn FROM users) WHERE "
    check_source(RANKED("ROW_NUMBER()", "PARTITION BY country ORDER BY age DESC, name") "rn <= 3",
                 "FULL SCAN; first 3 per country by age DESC, name");
    check_source(RANKED("ROW_NUMBER()", "PARTITION BY country ORDER BY age") "rn BETWEEN 2 AND 4 AND name = 'a'",
                 "FULL SCAN; first 4 per country by age");
    check_source(RANKED("ROW_NUMBER()", "ORDER BY name") "rn = 1", "FULL SCAN; first 1 by name");
    check_source(RANKED("RANK()", "PARTITION BY country ORDER BY age") "rn <= 3", "FULL SCAN");
    check_source(RANKED("ROW_NUMBER()", "PARTITION BY country ORDER BY age") "rn > 3", "FULL SCAN");
    /* what is above a window function says nothing about its input */
    check_source(
        "SELECT * FROM (SELECT name, SUM(age) OVER (PARTITION BY country) AS s FROM users) ORDER BY name LIMIT 3",
        "FULL SCAN");
    check_source("SELECT * FROM (SELECT name, ROW_NUMBER() OVER (PARTITION BY country ORDER BY age) AS rn FROM users) "
                 "ORDER BY name LIMIT 3",
                 "FULL SCAN");
}

const struct CMUnitTest rule_scan_tests[] = {
    cmocka_unit_test(what_the_source_takes_is_not_filtered_again),
    cmocka_unit_test(limits_are_hints),
    cmocka_unit_test(first_rows_are_hints),
    cmocka_unit_test(keys_reach_the_scan_through_joins),
};
const size_t rule_scan_tests_count = sizeof rule_scan_tests / sizeof *rule_scan_tests;
