/* Sinks: changes they take, keys, conflicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan_test_support.h"

extern const struct CMUnitTest physical_sink_tests[];
extern const size_t physical_sink_tests_count;

static void updates_need_a_sink_that_takes_them(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"INSERT INTO log SELECT page, COUNT(*) FROM clicks GROUP BY page",
         "INVALID_QUERY: Table sink 'cat.db.log' doesn't support consuming update changes which is "
         "produced by node Aggregate(groupBy=[page], select=[page, COUNT(*) AS $agg0], merges partials)\n"
         "at: INSERT INTO log SELECT page, COUNT(*) FROM clicks GROUP BY page\n"
         "hint: write into a table with a PRIMARY KEY whose connector takes updates\n"},
        {"INSERT INTO log SELECT s.c, s2.d FROM s LEFT JOIN s2 ON s.a = s2.a",
         "INVALID_QUERY: Table sink 'cat.db.log' doesn't support consuming update and delete changes "
         "which is produced by node StreamJoin(type=[LEFT], on=[a = a])\n"
         "at: INSERT INTO log SELECT s.c, s2.d FROM s LEFT JOIN s2 ON s.a = s2.a\n"
         "hint: write into a table with a PRIMARY KEY whose connector takes updates\n"},
        {"INSERT INTO log SELECT page, n FROM (SELECT page, COUNT(*) AS n FROM clicks GROUP BY page) "
         "WHERE n > 2",
         "INVALID_QUERY: Table sink 'cat.db.log' doesn't support consuming update and delete changes "
         "which is produced by node Aggregate(groupBy=[page], select=[page, COUNT(*) AS n], merges "
         "partials)\n"
         "at: INSERT INTO log SELECT page, n FROM (SELECT page, COUNT(*) AS n FROM clicks GROUP BY "
         "page) WHERE n > 2\n"
         "hint: write into a table with a PRIMARY KEY whose connector takes updates\n"},
        {"INSERT INTO log SELECT page, 1 FROM clicks",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.log], columns=[page, n])\n"
         "+- Calc(select=[page, 1 AS n]), changelogMode=[I]\n"
         "   +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)]), "
         "changelogMode=[I], rowtime=[ts]\n"
         "      +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"},
        {"INSERT INTO shown SELECT page, COUNT(*) FROM clicks GROUP BY page",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.shown], columns=[page, n])\n"
         "+- Aggregate(groupBy=[page], select=[page, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "   +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "         +- Calc(select=[page]), changelogMode=[I]\n"
         "            +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void keys(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"INSERT INTO by_page SELECT page, COUNT(*) FROM clicks GROUP BY page",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_page], columns=[page, n], upsertKey=[page])\n"
         "+- Aggregate(groupBy=[page], select=[page, COUNT(*) AS $agg0], merges partials), "
         "changelogMode=[I,UB,UA], key=[page]\n"
         "   +- Exchange(distribution=[hash[page]]), changelogMode=[I]\n"
         "      +- LocalAggregate(groupBy=[page], select=[page, COUNT(*)]), changelogMode=[I]\n"
         "         +- Calc(select=[page]), changelogMode=[I]\n"
         "            +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "               +- Scan(table=[cat.db.clicks], columns=[page, ts]), changelogMode=[I]\n"},
        {"INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page",
         "INVALID_QUERY: The query has an upsert key that differs from the primary key of the sink "
         "table 'cat.db.by_user'. Primary key: [user_id], upsert key: [user_id, page]\n"
         "at: INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page\n"
         "hint: say what happens to rows that meet under one key: INSERT INTO by_user ... ON CONFLICT "
         "DO DEDUPLICATE\n"},
        {"INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page ON "
         "CONFLICT DO DEDUPLICATE",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n], upsertKey=[user_id], "
         "onConflict=[DEDUPLICATE])\n"
         "+- Rank(rankRange=[1..1], partitionBy=[user_id], orderBy=[page DESC, $agg0 DESC]), "
         "changelogMode=[I,UB,UA], key=[user_id], note=[keeps one row per primary key (ON CONFLICT)]\n"
         "   +- Exchange(distribution=[hash[user_id]]), changelogMode=[I,UB,UA]\n"
         "      +- Aggregate(groupBy=[user_id, page], select=[user_id, page, COUNT(*) AS $agg0], "
         "merges partials), changelogMode=[I,UB,UA], key=[user_id, page]\n"
         "         +- Exchange(distribution=[hash[user_id, page]]), changelogMode=[I]\n"
         "            +- LocalAggregate(groupBy=[user_id, page], select=[user_id, page, COUNT(*)]), "
         "changelogMode=[I]\n"
         "               +- Calc(select=[user_id, page]), changelogMode=[I]\n"
         "                  +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY "
         "TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                     +- Scan(table=[cat.db.clicks], columns=[user_id, page, ts]), "
         "changelogMode=[I]\n"},
        {"INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page ON "
         "CONFLICT DO NOTHING",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n], upsertKey=[user_id], onConflict=[NOTHING])\n"
         "+- Rank(rankRange=[1..1], partitionBy=[user_id], orderBy=[page ASC, $agg0 ASC]), "
         "changelogMode=[I,UB,UA], key=[user_id], note=[keeps one row per primary key (ON CONFLICT)]\n"
         "   +- Exchange(distribution=[hash[user_id]]), changelogMode=[I,UB,UA]\n"
         "      +- Aggregate(groupBy=[user_id, page], select=[user_id, page, COUNT(*) AS $agg0], "
         "merges partials), changelogMode=[I,UB,UA], key=[user_id, page]\n"
         "         +- Exchange(distribution=[hash[user_id, page]]), changelogMode=[I]\n"
         "            +- LocalAggregate(groupBy=[user_id, page], select=[user_id, page, COUNT(*)]), "
         "changelogMode=[I]\n"
         "               +- Calc(select=[user_id, page]), changelogMode=[I]\n"
         "                  +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY "
         "TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "                     +- Scan(table=[cat.db.clicks], columns=[user_id, page, ts]), "
         "changelogMode=[I]\n"},
        {"INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page ON "
         "CONFLICT DO ERROR",
         "NOT_SUPPORTED: ON CONFLICT DO ERROR is not supported for an updating query whose key is not "
         "the primary key\n"
         "at: INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page ON "
         "CONFLICT DO ERROR\n"
         "hint: use ON CONFLICT DO DEDUPLICATE or DO NOTHING\n"},
        {"INSERT INTO by_user SELECT user_id, page, amount FROM clicks",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n], upsertKey=[id])\n"
         "+- Exchange(distribution=[hash[id]]), changelogMode=[I]\n"
         "   +- Calc(select=[user_id AS id, page, CAST(amount AS BIGINT) AS n]), changelogMode=[I]\n"
         "      +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' DAY TO "
         "SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "         +- Scan(table=[cat.db.clicks], columns=[user_id, page, ts, amount]), changelogMode=[I]\n"},
        {"INSERT INTO by_user SELECT id, name, age FROM users",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n])\n"
         "+- Calc(select=[id, name AS page, CAST(age AS BIGINT) AS n]), changelogMode=[I], key=[id], "
         "rows=1000\n"
         "   +- Scan(table=[cat.db.users], columns=[id, name, age], source=[FULL SCAN]), "
         "changelogMode=[I], key=[id], rows=1000\n"},
        {"INSERT INTO by_user SELECT c.user_id, u.name, c.n FROM (SELECT user_id, COUNT(*) AS n FROM "
         "clicks GROUP BY user_id) c JOIN users u ON c.user_id = u.id",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n], upsertKey=[user_id])\n"
         "+- Calc(select=[user_id, name, n]), changelogMode=[I,UB,UA,D], key=[user_id]\n"
         "   +- StreamJoin(type=[INNER], on=[user_id = id]), changelogMode=[I,UB,UA,D], key=[user_id]\n"
         "      +- Exchange(distribution=[hash[user_id]]), changelogMode=[I,UB,UA]\n"
         "      |  +- Aggregate(groupBy=[user_id], select=[user_id, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[user_id]\n"
         "      |     +- Exchange(distribution=[hash[user_id]]), changelogMode=[I]\n"
         "      |        +- LocalAggregate(groupBy=[user_id], select=[user_id, COUNT(*)]), "
         "changelogMode=[I]\n"
         "      |           +- Calc(select=[user_id]), changelogMode=[I]\n"
         "      |              +- Watermark(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000' "
         "DAY TO SECOND(3)]), changelogMode=[I], rowtime=[ts]\n"
         "      |                 +- Scan(table=[cat.db.clicks], columns=[user_id, ts]), changelogMode=[I]\n"
         "      +- Exchange(distribution=[hash[id]]), changelogMode=[I], rows=1000\n"
         "         +- Scan(table=[cat.db.users], columns=[id, name], source=[FULL SCAN]), "
         "changelogMode=[I], key=[id], rows=1000\n"},
        {"INSERT INTO by_user SELECT a, c, n FROM (SELECT a, c, COUNT(*) AS n FROM s GROUP BY a, c) "
         "QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY n DESC) = 1",
         "== Physical Plan (streaming) ==\n"
         "Sink(table=[cat.db.by_user], columns=[id, page, n], upsertKey=[id])\n"
         "+- Exchange(distribution=[hash[id]]), changelogMode=[I,UB,UA,D]\n"
         "   +- Calc(select=[CAST(a AS BIGINT) AS id, c AS page, n]), changelogMode=[I,UB,UA,D], key=[id]\n"
         "      +- Rank(rankRange=[1..1], partitionBy=[a], orderBy=[n DESC]), "
         "changelogMode=[I,UB,UA,D], key=[a]\n"
         "         +- Exchange(distribution=[hash[a]]), changelogMode=[I,UB,UA]\n"
         "            +- Aggregate(groupBy=[a, c], select=[a, c, COUNT(*) AS n], merges partials), "
         "changelogMode=[I,UB,UA], key=[a, c]\n"
         "               +- Exchange(distribution=[hash[a, c]]), changelogMode=[I]\n"
         "                  +- LocalAggregate(groupBy=[a, c], select=[a, c, COUNT(*)]), changelogMode=[I]\n"
         "                     +- Scan(table=[cat.db.s], columns=[a, c]), changelogMode=[I]\n"},
        {"INSERT INTO by_user (page) SELECT page FROM clicks",
         "NULL_NOT_ALLOWED: column 'id' is NOT NULL and must be in the column list\n"
         "at: page\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, true, SECTION_PHYSICAL), 0);
}

static void modifications(void **state) {
    (void)state;
    static const struct plan_case cases[] = {
        {"DELETE FROM users WHERE age > 5",
         "== Physical Plan (batch) ==\n"
         "Sink(table=[cat.db.users], delete, columns=[id])\n"
         "+- Calc(select=[id], where=[age > 5]), changelogMode=[I], key=[id], rows=330\n"
         "   +- Scan(table=[cat.db.users], columns=[id, age], source=[FULL SCAN]), changelogMode=[I], key=[id], "
         "rows=1000\n"},
        {"UPDATE users SET age = age + 1 WHERE id = 3",
         "== Physical Plan (batch) ==\n"
         "Sink(table=[cat.db.users], update, columns=[id, age])\n"
         "+- Calc(select=[id, age + 1 AS age]), changelogMode=[I], key=[id], rows=1\n"
         "   +- Scan(table=[cat.db.users], columns=[id, age], pushedDown=[id = 3], source=[by key]), "
         "changelogMode=[I], key=[id], rows=1\n"},
        {"DELETE FROM orders WHERE o = 1",
         "NOT_SUPPORTED: DELETE is not supported by table 'cat.db.orders' (connector 'file')\n"
         "at: DELETE FROM orders WHERE o = 1\n"},
    };
    assert_int_equal(plan_cases(cases, sizeof cases / sizeof *cases, false, SECTION_PHYSICAL), 0);
    static const struct plan_case streaming[] = {
        {"DELETE FROM users WHERE age > 5", "NOT_SUPPORTED: DELETE works in batch mode only\n"
                                            "at: DELETE FROM users WHERE age > 5\n"},
    };
    assert_int_equal(plan_cases(streaming, 1, true, SECTION_PHYSICAL), 0);
}

/* Only what is nothing but predicates that the source takes exactly is deleted without reading. */
static void deleting_without_reading(void **state) {
    (void)state;
    static const struct {
        const char *sql, *text; /* NULL: not taken */
    } cases[] = {
        {"DELETE FROM users WHERE id = 3", "1 predicates at 77"},
        {"DELETE FROM users WHERE id IN (3, 4)", "1 predicates at 77"},
        {"DELETE FROM users WHERE id IN (3, 4) AND 1 = 1", "1 predicates at 77"},
        {"DELETE FROM users", NULL},
        {"DELETE FROM users WHERE id > 3", NULL}, /* partially */
        {"DELETE FROM users WHERE id = 3 AND age = 5", NULL},
        {"DELETE FROM users WHERE id = 3 OR age = 5", NULL},
        {"DELETE FROM users WHERE id = 3 AND name IN (SELECT c FROM t)", NULL},
        {"DELETE FROM users WHERE FALSE", NULL},
        {"DELETE FROM orders WHERE o = 1", NULL}, /* its sink cannot */
    };
    struct test_world world;
    plan_world_open(&world, false);
    struct plan_options options = plan_options_default();
    options.find_connector = fake_find_connector;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ast_statement *statement;
        struct bound_insert deletion;
        bool taken;
        const char *text = NULL;
        assert_int_equal(parse_statement(cases[i].sql, strlen(cases[i].sql), &world.arena, &statement, &world.err),
                         STATUS_OK);
        assert_int_equal(test_bind_change(&world, statement->root, &deletion), STATUS_OK);
        assert_int_equal(plan_delete_where(&world.arena, &deletion, &options, 77, &taken, &text, &world.err),
                         STATUS_OK);
        if (taken != (cases[i].text != NULL)) fail_msg("%s", cases[i].sql);
        if (taken) assert_string_equal(text, cases[i].text);
        if (!taken) continue;
        assert_int_equal(plan_delete_where(&world.arena, &deletion, &options, 666, &taken, &text, &world.err),
                         STATUS_UNREACHABLE);
    }
    test_world_close(&world);
}

const struct CMUnitTest physical_sink_tests[] = {
    cmocka_unit_test(modifications),
    cmocka_unit_test(deleting_without_reading),
    cmocka_unit_test(updates_need_a_sink_that_takes_them),
    cmocka_unit_test(keys),
};
const size_t physical_sink_tests_count = sizeof physical_sink_tests / sizeof *physical_sink_tests;
