/* Hints of a SELECT and table.exec.state.ttl in physical plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest hint_tests[];
extern const size_t hint_tests_count;

/* The line of the plan that has the text, NULL when there is none. */
static char *line_with(struct test_world *world, const char *text) {
    const char *at = strstr(world->out.data, text);
    if (!at) return NULL;
    while (at > world->out.data && at[-1] != '\n') at--;
    return arena_strndup(&world->arena, at, strcspn(at, "\n"));
}

/* ---- STATE_TTL ---- */

enum { HOUR_MS = 3600000 };

struct ttl_case {
    const char *sql;
    int64_t ttl_ms;
    const char *node, *ttl; /* what the node's line says; NULL: nothing */
};

static void state_ttl(void **state) {
    (void)state;
    static const struct ttl_case cases[] = {
        {"SELECT a, COUNT(*) FROM s GROUP BY a", 0, " Aggregate(", NULL},
        {"SELECT a, COUNT(*) FROM s GROUP BY a", HOUR_MS, " Aggregate(", "stateTtl=[1 h]"},
        {"SELECT COUNT(*) FROM s", HOUR_MS, " Aggregate(", "stateTtl=[1 h]"},
        {"SELECT COUNT(*) FROM s", INT64_MAX, " Aggregate(", "stateTtl=[36525 d]"},
        {"SELECT a, COUNT(*) FROM s GROUP BY a", HOUR_MS, " LocalAggregate(", NULL},
        {"SELECT DISTINCT a FROM s", HOUR_MS, " Aggregate(", "stateTtl=[1 h]"},
        {"SELECT s.a FROM s JOIN s2 ON s.a = s2.a", HOUR_MS, " StreamJoin(", "stateTtl=[left 1 h, right 1 h]"},
        {"SELECT a FROM s WHERE EXISTS (SELECT 1 FROM s2 WHERE s2.a = s.a)", HOUR_MS, " StreamJoin(",
         "stateTtl=[left 1 h, right 1 h]"},
        {"SELECT a, b FROM s ORDER BY b LIMIT 3", HOUR_MS, " TopN(", "stateTtl=[1 h]"},
        {"SELECT a, b FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) <= 2", HOUR_MS, " Rank(",
         "stateTtl=[1 h]"},
        {"SELECT a, b FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1", HOUR_MS, " Rank(",
         "stateTtl=[1 h]"},
        {"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY "
         "window_start, window_end",
         HOUR_MS, " WindowAggregate(", NULL},
        /* the hint goes before the setting */
        {"SELECT /*+ STATE_TTL('s' = '1 d') */ a, COUNT(*) FROM s GROUP BY a", 0, " Aggregate(", "stateTtl=[1 d]"},
        {"SELECT /*+ STATE_TTL('x' = '90 s') */ a, COUNT(*) FROM s AS x WHERE b > 2 GROUP BY a", HOUR_MS, " Aggregate(",
         "stateTtl=[90 s]"},
        {"SELECT /*+ state_ttl('s' = '0') */ a, COUNT(*) FROM s GROUP BY a", HOUR_MS, " Aggregate(", NULL},
        {"SELECT /*+ STATE_TTL('s' = '1d') */ s.a FROM s JOIN s2 ON s.a = s2.a", HOUR_MS, " StreamJoin(",
         "stateTtl=[left 1 d, right 1 h]"},
        {"SELECT /*+ STATE_TTL('s2' = '1d') */ s.a FROM s JOIN s2 ON s.a = s2.a", 0, " StreamJoin(",
         "stateTtl=[left for ever, right 1 d]"},
        {"SELECT /*+ STATE_TTL('q' = '2 h', 's2' = '3 h') */ q.a FROM s AS q LEFT JOIN s2 ON q.a = s2.a AND s2.d < 5 "
         "WHERE q.b > 3",
         HOUR_MS, " StreamJoin(", "stateTtl=[left 2 h, right 3 h]"},
        /* of a query in FROM by its alias; its own hints stay inside */
        {"SELECT /*+ STATE_TTL('x' = '5 h') */ x.a FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) AS x JOIN s2 ON "
         "x.a = s2.a",
         HOUR_MS, " StreamJoin(", "stateTtl=[left 5 h, right 1 h]"},
        {"SELECT x.a FROM (SELECT /*+ STATE_TTL('s' = '5 h') */ a, COUNT(*) AS n FROM s GROUP BY a) AS x JOIN s2 ON "
         "x.a = s2.a",
         HOUR_MS, " StreamJoin(", "stateTtl=[left 1 h, right 1 h]"},
        {"SELECT x.a FROM (SELECT /*+ STATE_TTL('s' = '5 h') */ a, COUNT(*) AS n FROM s GROUP BY a) AS x JOIN s2 ON "
         "x.a = s2.a",
         HOUR_MS, " Aggregate(", "stateTtl=[5 h]"},
        {"SELECT x.a FROM (SELECT /*+ STATE_TTL('s' = '5 h') */ a FROM s) AS x JOIN s2 ON x.a = s2.a", HOUR_MS,
         " StreamJoin(", "stateTtl=[left 1 h, right 1 h]"},
    };
    struct test_world world;
    plan_world_open(&world, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ttl_case *c = &cases[i];
        struct plan_options options = plan_options_default();
        options.state_ttl_ms = c->ttl_ms;
        if (plan_sql(&world, c->sql, options, SECTION_PHYSICAL) != STATUS_OK)
            fail_msg("%s\n%s", c->sql, world.err.message);
        const char *line = line_with(&world, c->node);
        if (!line || !strstr(line, c->ttl ? c->ttl : "changelogMode") || (!c->ttl && strstr(line, "stateTtl")))
            fail_msg("%s\n%s", c->sql, world.out.data);
    }
    test_world_close(&world);
}

static void no_state_ttl_in_batch(void **state) {
    (void)state;
    struct test_world world;
    plan_world_open(&world, false);
    struct plan_options options = plan_options_default();
    options.state_ttl_ms = HOUR_MS;
    assert_int_equal(plan_sql(&world, "SELECT /*+ STATE_TTL('t' = '1 d') */ a, COUNT(*) FROM t GROUP BY a", options,
                              SECTION_PHYSICAL),
                     STATUS_OK);
    assert_null(strstr(world.out.data, "stateTtl"));
    test_world_close(&world);
}

/* ---- BROADCAST, SHUFFLE_HASH ---- */

struct build_case {
    const char *sql, *join; /* a text of the join's line */
    const char *built;      /* the table that is read last */
    bool hinted;
};

static void build_sides(void **state) {
    (void)state;
    /* orders has 100,000 rows, items 500,000, t 100 */
    static const struct build_case cases[] = {
        {"SELECT * FROM orders JOIN items ON orders.o = items.o", "type=[INNER]", "orders", false},
        {"SELECT /*+ BROADCAST(items) */ * FROM orders JOIN items ON orders.o = items.o", "type=[INNER]", "items",
         true},
        {"SELECT /*+ BROADCAST(items) */ * FROM items JOIN orders ON orders.o = items.o", "type=[INNER]", "items",
         true},
        {"SELECT /*+ SHUFFLE_HASH(i) */ q.o FROM orders AS q, items AS i WHERE q.o = i.o AND i.qty > 3", "type=[INNER]",
         "items", true},
        {"SELECT * FROM orders LEFT JOIN items ON orders.o = items.o", "type=[RIGHT]", "orders", false},
        {"SELECT /*+ BROADCAST(items) */ * FROM orders LEFT JOIN items ON orders.o = items.o", "type=[LEFT]", "items",
         true},
        {"SELECT * FROM orders LEFT JOIN t ON orders.o = t.a", "type=[LEFT]", "t]", false},
        {"SELECT /*+ BROADCAST(orders) */ * FROM orders LEFT JOIN t ON orders.o = t.a", "type=[RIGHT]", "orders", true},
        {"SELECT /*+ BROADCAST(items) */ * FROM items RIGHT JOIN orders ON orders.o = items.o", "type=[LEFT]", "items",
         true},
        {"SELECT /*+ BROADCAST(orders) */ * FROM items RIGHT JOIN orders ON orders.o = items.o", "type=[RIGHT]",
         "orders", true},
        {"SELECT /*+ BROADCAST(orders) */ * FROM orders FULL JOIN items ON orders.o = items.o", "type=[FULL]", "orders",
         true},
        /* both: as without */
        {"SELECT /*+ BROADCAST(orders, items) */ * FROM orders JOIN items ON orders.o = items.o", "type=[INNER]",
         "orders", false},
        {"SELECT /*+ NEST_LOOP(items) */ * FROM orders JOIN items ON orders.o = items.o", "type=[INNER]", "orders",
         false},
        /* a query in FROM */
        {"SELECT /*+ BROADCAST(c) */ * FROM t JOIN (SELECT o, COUNT(*) AS n FROM items GROUP BY o) AS c ON t.a = c.o",
         "type=[INNER]", "items", true},
    };
    struct test_world world;
    plan_world_open(&world, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct build_case *c = &cases[i];
        if (plan_sql(&world, c->sql, plan_options_default(), SECTION_PHYSICAL) != STATUS_OK)
            fail_msg("%s\n%s", c->sql, world.err.message);
        const char *line = line_with(&world, "HashJoin("), *last = NULL;
        for (const char *at = world.out.data; (at = strstr(at, "Scan(table=[cat.db.")); at++) last = at;
        bool good = line && strstr(line, c->join) && !strstr(line, "built as the hint") == !c->hinted && last &&
                    strncmp(last + strlen("Scan(table=[cat.db."), c->built, strlen(c->built)) == 0;
        if (!good) fail_msg("%s\n%s", c->sql, world.out.data);
    }
    test_world_close(&world);
}

/* A join with a hint is not taken apart by the order of joins. */
static void join_order_respects_hints(void **state) {
    (void)state;
    struct test_world world;
    plan_world_open(&world, false);
    const char *plain = "SELECT COUNT(*) FROM orders JOIN items ON orders.o = items.o JOIN t ON t.a = orders.user_id";
    assert_int_equal(plan_sql(&world, plain, plan_options_default(), SECTION_PHYSICAL), STATUS_OK);
    const char *lowest = world.out.data;
    for (const char *at = lowest; (at = strstr(at, "HashJoin(")); at++) lowest = at;
    assert_non_null(strstr(lowest, "cat.db.t]")); /* the small table comes first */
    const char *hinted = "SELECT /*+ BROADCAST(items) */ COUNT(*) FROM orders JOIN items ON orders.o = items.o "
                         "JOIN t ON t.a = orders.user_id";
    assert_int_equal(plan_sql(&world, hinted, plan_options_default(), SECTION_PHYSICAL), STATUS_OK);
    lowest = world.out.data;
    for (const char *at = lowest; (at = strstr(at, "HashJoin(")); at++) lowest = at;
    const char *end = strchr(lowest, '\n');
    assert_true(strstr(lowest, "built as the hint BROADCAST asks") < end);
    test_world_close(&world);
}

/* ---- errors ---- */

static void errors(void **state) {
    (void)state;
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"SELECT /*+ BROADCAST(nope) */ * FROM t", "the BROADCAST hint's 'nope' is no table of this query's FROM"},
        {"SELECT /*+ BROADCAST(t, nope) */ * FROM t", "the BROADCAST hint's 'nope' is no table of this query's FROM"},
        {"SELECT /*+ SHUFFLE_MERGE(nope) */ * FROM t", "'nope' is no table"},
        {"SELECT /*+ NEST_LOOP(t) */ * FROM (SELECT * FROM t) AS x", "'t' is no table"},
        {"SELECT /*+ STATE_TTL('nope' = '1 d') */ a, COUNT(*) FROM t GROUP BY a", "the STATE_TTL hint's 'nope'"},
        {"SELECT /*+ STATE_TTL('t' = 'soon') */ a, COUNT(*) FROM t GROUP BY a", "'soon' is no time for the STATE_TTL"},
        {"SELECT /*+ STATE_TTL('t' = '-1 s') */ a, COUNT(*) FROM t GROUP BY a", "'-1 s' is no time for the STATE_TTL"},
        {"SELECT /*+ STATE_TTL(t) */ a, COUNT(*) FROM t GROUP BY a", "takes 'table' = 'time' pairs"},
        {"SELECT /*+ BROADCAST('t' = '1') */ * FROM t", "the BROADCAST hint takes names of tables"},
        {"SELECT /*+ BROADCAST */ * FROM t", "the BROADCAST hint names no table"},
    };
    struct test_world world;
    plan_world_open(&world, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (plan_sql(&world, cases[i].sql, plan_options_default(), SECTION_PHYSICAL) == STATUS_OK)
            fail_msg("accepted: %s", cases[i].sql);
        if (world.err.code != STATUS_INVALID_OPTION || !strstr(world.err.message, cases[i].message) ||
            world.err.offset < 0)
            fail_msg("%s\n%s", cases[i].sql, world.err.message);
    }
    test_world_close(&world);
}

const struct CMUnitTest hint_tests[] = {
    cmocka_unit_test(state_ttl),   cmocka_unit_test(no_state_ttl_in_batch),
    cmocka_unit_test(build_sides), cmocka_unit_test(join_order_respects_hints),
    cmocka_unit_test(errors),
};
const size_t hint_tests_count = sizeof hint_tests / sizeof *hint_tests;
