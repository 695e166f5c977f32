/* When a batch join becomes a lookup join, and what EXPLAIN says about it. users has 1,000 rows, t 100. */
#include "plan/plan_test_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct CMUnitTest physical_lookup_tests[];
extern const size_t physical_lookup_tests_count;

struct choice_case {
    double ratio;
    const char *sql;
    const char *expected; /* a part of the physical plan */
};

static void check(const struct choice_case *cases, size_t count, bool streaming) {
    struct test_world world;
    plan_world_open(&world, streaming);
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        struct plan_options options = plan_options_default();
        options.lookup_ratio = cases[i].ratio;
        bool ok = plan_sql(&world, cases[i].sql, options, SECTION_PHYSICAL) == STATUS_OK;
        const char *got = ok ? world.out.data : test_error_text(&world, cases[i].sql);
        if (strstr(got, cases[i].expected)) continue;
        fprintf(stderr, "%s\n--- expected\n%s\n--- got\n%s---\n", cases[i].sql, cases[i].expected, got);
        failed++;
    }
    test_world_close(&world);
    assert_int_equal(failed, 0);
}

#define LOOKUP_INNER "LookupJoin(type=[INNER], table=[cat.db.users], on=["
#define LOOKUP_LEFT "LookupJoin(type=[LEFT], table=[cat.db.users], on=["

static void by_estimates(void **state) {
    (void)state;
    static const struct choice_case cases[] = {
        {0.1, "SELECT * FROM t JOIN users u ON t.a = u.id",
         "note=[lookup by (id): 100 keys estimated against 1,000 rows]"},
        {0.1, "SELECT * FROM users u JOIN t ON t.a = u.id", LOOKUP_INNER},
        {0.1, "SELECT * FROM t LEFT JOIN users u ON t.a = u.id", LOOKUP_LEFT},
        {0.1, "SELECT * FROM users u RIGHT JOIN t ON t.a = u.id", LOOKUP_LEFT},
        {0.1, "SELECT * FROM t LEFT JOIN users u ON t.a = u.id AND u.age > t.b", "where=[age > b]"},
        {0.1, "SELECT * FROM t JOIN users u ON t.a = u.id WHERE u.country = 'DE'", "filter=[country = 'DE']"},
        {0.1, "SELECT * FROM (VALUES (1), (2)) AS v (a) JOIN users u ON v.a = u.id",
         "note=[lookup by (id): 2 keys estimated against 1,000 rows]"},
        {0.099, "SELECT * FROM t JOIN users u ON t.a = u.id",
         "note=[full scan of users: 100 keys estimated against 1,000 rows, more than 0.099 of them]"},
        {0.1, "SELECT * FROM orders o JOIN users u ON o.user_id = u.id",
         "note=[full scan of users: 100,000 keys estimated against 1,000 rows, more than 0.1 of them]"},
        {0, "SELECT * FROM t JOIN users u ON t.a = u.id", "HashJoin(type=[INNER], on=["},
        /* a table that does not know its rows counts as large */
        {0.1, "SELECT * FROM t JOIN by_user b ON t.a = b.id",
         "note=[lookup by (id): 100 keys estimated against an unknown number of rows]"},
        /* what the source has narrowed already is read as it is */
        {0.1, "SELECT * FROM t JOIN users u ON t.a = u.id WHERE u.id = 5", "source=[by key]"},
        /* no key */
        {0.1, "SELECT * FROM t JOIN users u ON t.c = u.name", "HashJoin(type=[INNER], on=["},
        {0.1, "SELECT * FROM t FULL JOIN users u ON t.a = u.id", "HashJoin(type=[FULL], on=["},
        {0.1, "SELECT * FROM t RIGHT JOIN users u ON t.a = u.id", "HashJoin("},
        {0.1, "SELECT * FROM t JOIN users u ON t.a IS NOT DISTINCT FROM u.id", "HashJoin(type=[INNER], on=["},
    };
    check(cases, sizeof cases / sizeof *cases, false);
}

static void subqueries(void **state) {
    (void)state;
    static const struct choice_case cases[] = {
        {0.1, "SELECT * FROM users WHERE id IN (SELECT a FROM t)", LOOKUP_INNER},
        {0.1, "SELECT * FROM users WHERE id IN (SELECT a FROM t)", "Aggregate(groupBy=[a], select=[a]"},
        {0.1, "SELECT * FROM users u WHERE EXISTS (SELECT 1 FROM t WHERE t.a = u.id)", LOOKUP_INNER},
        {0.1, "SELECT * FROM users u WHERE u.age > 3 AND u.id IN (SELECT a FROM t)", "filter=[age > 3]"},
        {0.1, "SELECT * FROM t WHERE a IN (SELECT id FROM users)", LOOKUP_INNER},
        /* the condition needs a row of the subquery */
        {0.1, "SELECT * FROM users u WHERE EXISTS (SELECT 1 FROM t WHERE t.a = u.id AND t.b < u.age)",
         "HashJoin(type=[SEMI]"},
        {0.1, "SELECT * FROM users WHERE id NOT IN (SELECT a FROM t)", "HashJoin(type=[ANTI]"},
        /* every row of orders once, whatever it is looked up by */
        {1000, "INSERT INTO by_user SELECT id, name, 1 FROM users WHERE id IN (SELECT a FROM t)", "key=[id]"},
    };
    check(cases, sizeof cases / sizeof *cases, false);
}

static void by_options(void **state) {
    (void)state;
    static const struct choice_case cases[] = {
        {0.1, "SELECT * FROM t JOIN users /*+ OPTIONS('lookup.join'='off') */ u ON t.a = u.id",
         "note=[full scan of users: 'lookup.join' is 'off']"},
        {0, "SELECT * FROM orders o JOIN users /*+ OPTIONS('lookup.join'='on') */ u ON o.user_id = u.id",
         "note=[lookup by (id): 100,000 keys estimated against 1,000 rows, 'lookup.join' is 'on']"},
        {0.1, "SELECT * FROM t JOIN users /*+ OPTIONS('lookup.join'='of') */ u ON t.a = u.id", "INVALID_OPTION: "},
        {0.1,
         "SELECT * FROM t JOIN users /*+ OPTIONS('lookup.cache'='PARTIAL', 'lookup.partial-cache.max-rows'='77') */ u "
         "ON t.a = u.id",
         "cache=[77 rows]"},
    };
    check(cases, sizeof cases / sizeof *cases, false);
}

/* A regular join in streaming also sees later changes of the table. */
static void not_in_streaming(void **state) {
    (void)state;
    static const struct choice_case cases[] = {
        {1000, "SELECT * FROM clicks c JOIN users /*+ OPTIONS('lookup.join'='on') */ u ON c.user_id = u.id",
         "StreamJoin(type=[INNER]"},
        {0.1,
         "SELECT * FROM (SELECT user_id, pt FROM clicks UNION ALL SELECT user_id, pt FROM clicks WHERE amount = 1) c "
         "JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.user_id = u.id",
         "Exchange(distribution=[hash[user_id]])"},
        {0.1,
         "SELECT /*+ LOOKUP('table'='u', 'retry-predicate'='lookup_miss', 'retry-strategy'='fixed_delay', "
         "'fixed-delay'='10 s', 'max-attempts'='3') */ c.page FROM clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u "
         "ON c.user_id = u.id",
         "missing keys again=[3 times, each after "},
    };
    check(cases, sizeof cases / sizeof *cases, true);
}

const struct CMUnitTest physical_lookup_tests[] = {
    cmocka_unit_test(by_estimates),
    cmocka_unit_test(subqueries),
    cmocka_unit_test(by_options),
    cmocka_unit_test(not_in_streaming),
};
const size_t physical_lookup_tests_count = sizeof physical_lookup_tests / sizeof *physical_lookup_tests;
