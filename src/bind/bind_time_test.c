/* Windows and time: OVER, window table functions, group windows, time attributes through joins and aggregates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind/bind_test_support.h"

extern const struct CMUnitTest bind_time_tests[];
extern const size_t bind_time_tests_count;

static const struct test_case over_cases[] = {
    {"SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY c) AS rn FROM t QUALIFY rn = 1",
     "Project: a, `$over0` AS rn\n"
     "  Filter: `$over0` = 1\n"
     "    Over: partition by b order by c; ROW_NUMBER() AS `$over0`\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "a INT, rn BIGINT NOT NULL\n"},
    {"SELECT a, SUM(b) OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s, "
     "SUM(b) OVER w AS s2, RANK() OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY b)",
     "Project: a, `$over0` AS s, `$over1` AS s2, `$over2` AS `EXPR$3`\n"
     "  Over: partition by a order by b; SUM(b) AS `$over1`, RANK() AS `$over2`\n"
     "    Over: partition by a order by b rows between 2 PRECEDING and CURRENT ROW; SUM(b) AS `$over0`\n"
     "      Scan: cat.db.t [a, b, c]\n"
     "a INT, s INT, s2 INT, EXPR$3 BIGINT NOT NULL\n"},
    {"SELECT a, SUM(SUM(b)) OVER (ORDER BY a) FROM t GROUP BY a", "Project: a, `$over0` AS `EXPR$1`\n"
                                                                  "  Over: order by a; SUM(`$agg0`) AS `$over0`\n"
                                                                  "    Aggregate: group by a; SUM(b) AS `$agg0`\n"
                                                                  "      Scan: cat.db.t [a, b, c]\n"
                                                                  "a INT, EXPR$1 INT\n"},
    {"SELECT LAG(a) OVER w, LEAD(a, 2) OVER w, LAG(id, 1, 0) OVER w, LAG(a, 1, 2.5) IGNORE NULLS OVER w "
     "FROM t, meta WINDOW w AS (ORDER BY b DESC)",
     "Project: `$over0` AS `EXPR$0`, `$over1` AS `EXPR$1`, `$over2` AS `EXPR$2`, `$over3` AS `EXPR$3`\n"
     "  Over: order by b DESC; LAG(a) AS `$over0`, LEAD(a, `$w0`) AS `$over1`, LAG(id, `$w1`, `$w2`) AS "
     "`$over2`, LAG(`$w3`, `$w1`, `$w4`) IGNORE NULLS AS `$over3`\n"
     "    Project: a, b, c, id, part, stamp, twice, 2 AS `$w0`, 1 AS `$w1`, 0 AS `$w2`, CAST(a AS "
     "DECIMAL(11, 1)) AS `$w3`, 2.5 AS `$w4`\n"
     "      Join: INNER\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "        Project: id, part, stamp, id * 2 AS twice\n"
     "          Scan: cat.db.meta [id, part, stamp]\n"
     "EXPR$0 INT, EXPR$1 INT, EXPR$2 INT NOT NULL, EXPR$3 DECIMAL(11, 1)\n"},
    {"SELECT COUNT(*) OVER (), COUNT(*) OVER (PARTITION BY a + 1 ORDER BY UPPER(c)), MAX(a * 2) OVER "
     "(PARTITION BY a + 1 ORDER BY UPPER(c)) FROM t",
     "Project: `$over0` AS `EXPR$0`, `$over1` AS `EXPR$1`, `$over2` AS `EXPR$2`\n"
     "  Over: partition by `$w0` order by `$w1`; COUNT(*) AS `$over1`, MAX(`$w2`) AS `$over2`\n"
     "    Over: all rows; COUNT(*) AS `$over0`\n"
     "      Project: a, b, c, a + 1 AS `$w0`, UPPER(c) AS `$w1`, a * 2 AS `$w2`\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "EXPR$0 BIGINT NOT NULL, EXPR$1 BIGINT NOT NULL, EXPR$2 INT\n"},
    {"SELECT SUM(qty) OVER (PARTITION BY user_id ORDER BY rt RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND "
     "CURRENT ROW) FROM orders",
     "Project: `$over0` AS `EXPR$0`\n"
     "  Over: partition by user_id order by rt range between INTERVAL '+0 01:00:00.000' DAY TO SECOND(3) "
     "PRECEDING and CURRENT ROW; SUM(qty) AS `$over0`\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "EXPR$0 INT\n"},
    {"SELECT AVG(price) OVER (w ROWS UNBOUNDED PRECEDING), NTILE(4) OVER w, CUME_DIST() OVER w FROM orders "
     "WINDOW w AS (p ORDER BY d), p AS (PARTITION BY user_id)",
     "Project: `$over0` AS `EXPR$0`, `$over1` AS `EXPR$1`, `$over2` AS `EXPR$2`\n"
     "  Over: partition by user_id order by d; NTILE(`$w0`) AS `$over1`, CUME_DIST() AS `$over2`\n"
     "    Over: partition by user_id order by d rows between UNBOUNDED PRECEDING and CURRENT ROW; "
     "AVG(price) AS `$over0`\n"
     "      Project: id, user_id, price, qty, d, open, rt, 4 AS `$w0`\n"
     "        Watermark: rt AS rt\n"
     "          Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "EXPR$0 DOUBLE, EXPR$1 INT NOT NULL, EXPR$2 DOUBLE NOT NULL\n"},
    {"SELECT a FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) <= 3 ORDER BY RANK() OVER "
     "(ORDER BY c)",
     "Project: a\n"
     "  Sort: `$sort0`\n"
     "    Project: a, `$over0` AS `$sort0`\n"
     "      Filter: `$over1` <= 3\n"
     "        Over: partition by a order by b; ROW_NUMBER() AS `$over1`\n"
     "          Over: order by c; RANK() AS `$over0`\n"
     "            Scan: cat.db.t [a, b, c]\n"
     "a INT\n"},
};

static const struct test_case window_functions_cases[] = {
    {"SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), "
     "INTERVAL '1' MINUTE)) GROUP BY window_start, window_end",
     "Aggregate: group by window_start, window_end; COUNT(*) AS n\n"
     "  Window: TUMBLE(ts, size 1 min) on rowtime\n"
     "    Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "      Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "window_start TIMESTAMP(3) NOT NULL *start*, window_end TIMESTAMP(3) NOT NULL *end*, n BIGINT NOT NULL\n"},
    {"SELECT * FROM TABLE(HOP(DATA => TABLE orders, TIMECOL => DESCRIPTOR(rt), SLIDE => INTERVAL '5' "
     "MINUTE, SIZE => INTERVAL '1' HOUR))",
     "Window: HOP(rt, slide 5 min, size 1 h) on rowtime\n"
     "  Watermark: rt AS rt\n"
     "    Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "id INT NOT NULL, user_id BIGINT NOT NULL, price DOUBLE, qty INT, d DATE, open BOOLEAN, rt "
     "TIMESTAMP(3), window_start TIMESTAMP(3) NOT NULL *start*, window_end TIMESTAMP(3) NOT NULL *end*, "
     "window_time TIMESTAMP(3) NOT NULL *rowtime* *time*\n"},
    {"SELECT * FROM HOP(TABLE orders, DESCRIPTOR(rt), INTERVAL '5' MINUTE, INTERVAL '1' HOUR, INTERVAL '61' "
     "MINUTE) AS h",
     "Window: HOP(rt, slide 5 min, size 1 h, offset 1 min) on rowtime\n"
     "  Watermark: rt AS rt\n"
     "    Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "id INT NOT NULL, user_id BIGINT NOT NULL, price DOUBLE, qty INT, d DATE, open BOOLEAN, rt "
     "TIMESTAMP(3), window_start TIMESTAMP(3) NOT NULL *start*, window_end TIMESTAMP(3) NOT NULL *end*, "
     "window_time TIMESTAMP(3) NOT NULL *rowtime* *time*\n"},
    {"SELECT h.window_time FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(rt), INTERVAL '5' MINUTE, INTERVAL "
     "'1' HOUR)) AS h",
     "Project: window_time\n"
     "  Window: CUMULATE(rt, step 5 min, size 1 h) on rowtime\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "window_time TIMESTAMP(3) NOT NULL *rowtime* *time*\n"},
    {"SELECT user_id, window_start FROM TABLE(SESSION(TABLE orders PARTITION BY user_id, DESCRIPTOR(rt), "
     "INTERVAL '90' SECOND))",
     "Project: user_id, window_start\n"
     "  Window: SESSION(rt, gap 90 s, partition by user_id) on rowtime\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "user_id BIGINT NOT NULL, window_start TIMESTAMP(3) NOT NULL *start*\n"},
    {"SELECT * FROM TABLE(TUMBLE(DATA => (SELECT user_id, ts FROM clicks WHERE amount > 1), SIZE => "
     "INTERVAL '1' DAY, TIMECOL => DESCRIPTOR(ts)))",
     "Window: TUMBLE(ts, size 1 d) on rowtime\n"
     "  Project: user_id, ts\n"
     "    Filter: CAST(amount AS DECIMAL(12, 2)) > 1.00\n"
     "      Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "        Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "user_id BIGINT, ts TIMESTAMP(3), window_start TIMESTAMP(3) NOT NULL *start*, window_end TIMESTAMP(3) "
     "NOT NULL *end*, window_time TIMESTAMP(3) NOT NULL *rowtime* *time*\n"},
    {"SELECT window_start, user_id, SUM(n) FROM (SELECT window_start, window_end, window_time, user_id, "
     "COUNT(*) AS n FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), INTERVAL '5' MINUTE)) GROUP BY "
     "window_start, window_end, window_time, user_id) GROUP BY window_start, window_end, user_id",
     "Project: window_start, user_id, `$agg0` AS `EXPR$2`\n"
     "  Aggregate: group by window_start, window_end, user_id; SUM(n) AS `$agg0`\n"
     "    Aggregate: group by window_start, window_end, window_time, user_id; COUNT(*) AS n\n"
     "      Window: TUMBLE(rt, size 5 min) on rowtime\n"
     "        Watermark: rt AS rt\n"
     "          Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "window_start TIMESTAMP(3) NOT NULL *start*, user_id BIGINT NOT NULL, EXPR$2 BIGINT NOT NULL\n"},
    {"SELECT * FROM TABLE(TUMBLE((SELECT window_time, user_id FROM TABLE(TUMBLE(TABLE orders, "
     "DESCRIPTOR(rt), INTERVAL '5' MINUTE)) GROUP BY window_start, window_end, window_time, user_id), "
     "DESCRIPTOR(window_time), INTERVAL '10' MINUTE))",
     "Window: TUMBLE(window_time, size 10 min) on rowtime\n"
     "  Project: window_time, user_id\n"
     "    Aggregate: group by window_start, window_end, window_time, user_id\n"
     "      Window: TUMBLE(rt, size 5 min) on rowtime\n"
     "        Watermark: rt AS rt\n"
     "          Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "window_time TIMESTAMP(3) NOT NULL *time*, user_id BIGINT NOT NULL, window_start TIMESTAMP(3) NOT NULL "
     "*start*, window_end TIMESTAMP(3) NOT NULL *end*, window_time0 TIMESTAMP(3) NOT NULL *rowtime* *time*\n"},
    {"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), INTERVAL '5' MINUTE)) "
     "GROUP BY window_start",
     "Project: window_start, `$agg0` AS `EXPR$1`\n"
     "  Aggregate: group by window_start; COUNT(*) AS `$agg0`\n"
     "    Window: TUMBLE(rt, size 5 min) on rowtime\n"
     "      Watermark: rt AS rt\n"
     "        Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "window_start TIMESTAMP(3) NOT NULL, EXPR$1 BIGINT NOT NULL\n"},
};

static const struct test_case batch_windows_cases[] = {
    {"SELECT window_end, SUM(b) FROM TABLE(TUMBLE((SELECT TIMESTAMP '2024-01-01 00:00:00' AS x, b FROM t), "
     "DESCRIPTOR(x), INTERVAL '1' HOUR)) GROUP BY window_start, window_end",
     "Project: window_end, `$agg0` AS `EXPR$1`\n"
     "  Aggregate: group by window_start, window_end; SUM(b) AS `$agg0`\n"
     "    Window: TUMBLE(x, size 1 h)\n"
     "      Project: TIMESTAMP '2024-01-01 00:00:00' AS x, b\n"
     "        Scan: cat.db.t [a, b, c]\n"
     "window_end TIMESTAMP(3) NOT NULL *end*, EXPR$1 INT\n"},
};

static const struct test_case group_windows_cases[] = {
    {"SELECT TUMBLE_START(ts, INTERVAL '1' HOUR), page, COUNT(*) FROM clicks GROUP BY TUMBLE(ts, INTERVAL "
     "'1' HOUR), page",
     "Project: window_start AS `EXPR$0`, page, `$agg0` AS `EXPR$2`\n"
     "  Aggregate: group by page, window_start, window_end; COUNT(*) AS `$agg0`\n"
     "    Window: TUMBLE(ts, size 1 h) on rowtime\n"
     "      Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "        Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "EXPR$0 TIMESTAMP(3) NOT NULL *start*, page STRING, EXPR$2 BIGINT NOT NULL\n"},
    {"SELECT user_id, SESSION_START(rt, INTERVAL '5' MINUTE) AS s, SESSION_ROWTIME(rt, INTERVAL '5' MINUTE) "
     "AS r, COUNT(*) FROM orders GROUP BY user_id, SESSION(rt, INTERVAL '5' MINUTE)",
     "Project: user_id, window_start AS s, window_time AS r, `$agg0` AS `EXPR$3`\n"
     "  Aggregate: group by user_id, window_start, window_end, window_time; COUNT(*) AS `$agg0`\n"
     "    Window: SESSION(rt, gap 5 min, partition by user_id) on rowtime\n"
     "      Watermark: rt AS rt\n"
     "        Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "user_id BIGINT NOT NULL, s TIMESTAMP(3) NOT NULL *start*, r TIMESTAMP(3) NOT NULL *rowtime* *time*, "
     "EXPR$3 BIGINT NOT NULL\n"},
    {"SELECT user_id + 1, SESSION_END(rt, INTERVAL '5' MINUTE) FROM orders GROUP BY user_id + 1, "
     "SESSION(rt, INTERVAL '5' MINUTE)",
     "Project: `$f0` AS `EXPR$0`, window_end AS `EXPR$1`\n"
     "  Aggregate: group by `$f0`, window_start, window_end\n"
     "    Project: user_id + 1 AS `$f0`, window_start, window_end\n"
     "      Window: SESSION(rt, gap 5 min, partition by `$s0`) on rowtime\n"
     "        Project: id, user_id, price, qty, d, open, rt, user_id + 1 AS `$s0`\n"
     "          Watermark: rt AS rt\n"
     "            Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "EXPR$0 BIGINT NOT NULL, EXPR$1 TIMESTAMP(3) NOT NULL *end*\n"},
    {"SELECT HOP_START(rt, INTERVAL '5' MINUTE, INTERVAL '10' MINUTE), HOP_END(rt, INTERVAL '5' MINUTE, "
     "INTERVAL '10' MINUTE), COUNT(*) FROM orders GROUP BY HOP(rt, INTERVAL '5' MINUTE, INTERVAL '10' "
     "MINUTE) HAVING COUNT(*) > 1",
     "Project: window_start AS `EXPR$0`, window_end AS `EXPR$1`, `$agg0` AS `EXPR$2`\n"
     "  Filter: `$agg0` > 1\n"
     "    Aggregate: group by window_start, window_end; COUNT(*) AS `$agg0`\n"
     "      Window: HOP(rt, slide 5 min, size 10 min) on rowtime\n"
     "        Watermark: rt AS rt\n"
     "          Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "EXPR$0 TIMESTAMP(3) NOT NULL *start*, EXPR$1 TIMESTAMP(3) NOT NULL *end*, EXPR$2 BIGINT NOT NULL\n"},
};

static const struct test_case time_attributes_cases[] = {
    {"SELECT c.ts, o.rt FROM clicks AS c JOIN orders AS o ON c.user_id = o.user_id AND c.ts BETWEEN o.rt - "
     "INTERVAL '1' MINUTE AND o.rt + INTERVAL '1' MINUTE",
     "Project: ts, rt\n"
     "  Join: INNER ON user_id = user_id0 AND ts >= rt - INTERVAL '+0 00:01:00.000' DAY TO SECOND(3) AND ts "
     "<= rt + INTERVAL '+0 00:01:00.000' DAY TO SECOND(3)\n"
     "    Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "      Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "ts TIMESTAMP(3) *rowtime*, rt TIMESTAMP(3) *rowtime*\n"},
    {"SELECT c.ts, o.rt FROM clicks AS c, orders AS o WHERE c.user_id = o.user_id AND c.ts >= o.rt AND o.rt "
     "+ INTERVAL '1' MINUTE > c.ts",
     "Project: ts, rt\n"
     "  Join: INNER ON user_id = user_id0 AND ts >= rt AND rt + INTERVAL '+0 00:01:00.000' DAY TO SECOND(3) "
     "> ts\n"
     "    Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "      Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "ts TIMESTAMP(3) *rowtime*, rt TIMESTAMP(3) *rowtime*\n"},
    {"SELECT c.ts, o.rt FROM clicks AS c JOIN orders AS o ON c.user_id = o.user_id AND c.ts > o.rt",
     "Project: ts, rt\n"
     "  Join: INNER ON user_id = user_id0 AND ts > rt\n"
     "    Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "      Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "ts TIMESTAMP(3), rt TIMESTAMP(3)\n"},
    {"SELECT ts FROM clicks GROUP BY ts", "Aggregate: group by ts\n"
                                          "  Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
                                          "    Scan: cat.db.clicks [user_id, page, ts, amount]\n"
                                          "ts TIMESTAMP(3)\n"},
    {"SELECT rt FROM (SELECT rt FROM orders UNION ALL SELECT ts FROM clicks WHERE user_id > 1) WHERE rt IS "
     "NOT NULL",
     "Filter: rt IS NOT NULL\n"
     "  Union all\n"
     "    Project: rt\n"
     "      Watermark: rt AS rt\n"
     "        Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "    Project: ts\n"
     "      Filter: user_id > 1\n"
     "        Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "          Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "rt TIMESTAMP(3) *rowtime*\n"},
    {"SELECT l.window_start, r.window_end, l.window_time FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), "
     "INTERVAL '5' MINUTE)) AS l LEFT JOIN TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' MINUTE)) "
     "AS r ON l.user_id = r.user_id AND l.window_start = r.window_start AND l.window_end = r.window_end",
     "Project: window_start, window_end0 AS window_end, window_time\n"
     "  Join: LEFT ON user_id = user_id0 AND window_start = window_start0 AND window_end = window_end0\n"
     "    Window: TUMBLE(rt, size 5 min) on rowtime\n"
     "      Watermark: rt AS rt\n"
     "        Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "    Window: TUMBLE(ts, size 5 min) on rowtime\n"
     "      Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
     "        Scan: cat.db.clicks [user_id, page, ts, amount]\n"
     "window_start TIMESTAMP(3) NOT NULL *start*, window_end TIMESTAMP(3) *end*, window_time TIMESTAMP(3) "
     "NOT NULL *rowtime* *time*\n"},
    {"SELECT l.window_start, u.name, l.rt FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(rt), INTERVAL '5' "
     "MINUTE)) AS l JOIN users AS u ON l.user_id = u.id",
     "Project: window_start, name, rt\n"
     "  Join: INNER ON user_id = id0\n"
     "    Window: TUMBLE(rt, size 5 min) on rowtime\n"
     "      Watermark: rt AS rt\n"
     "        Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "    Scan: cat.db.users [id, name, country, address]\n"
     "window_start TIMESTAMP(3) NOT NULL, name STRING, rt TIMESTAMP(3)\n"},
    {"SELECT * FROM numbered WHERE rn = 1", "Filter: rn = 1\n"
                                            "  Project: user_id, page, `$over0` AS rn\n"
                                            "    Over: partition by user_id order by ts; ROW_NUMBER() AS `$over0`\n"
                                            "      Watermark: ts AS ts - INTERVAL '+0 00:00:05.000' DAY TO SECOND(3)\n"
                                            "        Scan: cat.db.clicks [user_id, page, ts, amount]\n"
                                            "user_id BIGINT, page STRING, rn BIGINT NOT NULL\n"},
};

static const struct test_case temporal_joins_cases[] = {
    {"SELECT l.k, u.name, l.pt FROM live AS l JOIN users FOR SYSTEM_TIME AS OF l.pt AS u ON l.k = u.id",
     "Project: k, name, pt\n"
     "  Join: INNER ON k = id, as of proctime pt\n"
     "    Project: k, x, PROCTIME() AS pt\n"
     "      Scan: cat.db.live [k, x]\n"
     "    Scan: cat.db.users [id, name, country, address]\n"
     "k BIGINT, name STRING, pt TIMESTAMP_LTZ(3) NOT NULL *proctime*\n"},
    {"SELECT l.k, m.twice FROM live AS l LEFT JOIN meta FOR SYSTEM_TIME AS OF l.pt AS m ON l.k = m.id AND "
     "m.part = 1",
     "Project: k, twice\n"
     "  Join: LEFT ON k = CAST(id AS BIGINT) AND part = 1, as of proctime pt\n"
     "    Project: k, x, PROCTIME() AS pt\n"
     "      Scan: cat.db.live [k, x]\n"
     "    Project: id, part, stamp, id * 2 AS twice\n"
     "      Scan: cat.db.meta [id, part, stamp]\n"
     "k BIGINT, twice INT\n"},
    {"SELECT o.rt, c.rt FROM orders AS o JOIN orders FOR SYSTEM_TIME AS OF o.rt AS c ON o.user_id = c.id",
     "Project: rt, rt0\n"
     "  Join: INNER ON user_id = CAST(id0 AS BIGINT), as of rowtime rt\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "rt TIMESTAMP(3) *rowtime*, rt0 TIMESTAMP(3)\n"},
    {"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE live, DESCRIPTOR(pt), INTERVAL '1' MINUTE)) "
     "GROUP BY window_start, window_end",
     "Project: window_start, `$agg0` AS `EXPR$1`\n"
     "  Aggregate: group by window_start, window_end; COUNT(*) AS `$agg0`\n"
     "    Window: TUMBLE(pt, size 1 min) on proctime\n"
     "      Project: k, x, PROCTIME() AS pt\n"
     "        Scan: cat.db.live [k, x]\n"
     "window_start TIMESTAMP(3) NOT NULL *start*, EXPR$1 BIGINT NOT NULL\n"},
    {"SELECT TUMBLE_PROCTIME(pt, INTERVAL '1' MINUTE), COUNT(*) FROM live GROUP BY TUMBLE(pt, INTERVAL '1' "
     "MINUTE)",
     "Project: window_time AS `EXPR$0`, `$agg0` AS `EXPR$1`\n"
     "  Aggregate: group by window_start, window_end, window_time; COUNT(*) AS `$agg0`\n"
     "    Window: TUMBLE(pt, size 1 min) on proctime\n"
     "      Project: k, x, PROCTIME() AS pt\n"
     "        Scan: cat.db.live [k, x]\n"
     "EXPR$0 TIMESTAMP_LTZ(3) NOT NULL *proctime* *time*, EXPR$1 BIGINT NOT NULL\n"},
    {"SELECT PROCTIME() AS p, a FROM t", "Project: PROCTIME() AS p, a\n"
                                         "  Scan: cat.db.t [a, b, c]\n"
                                         "p TIMESTAMP_LTZ(3) NOT NULL *proctime*, a INT\n"},
};

#define CASES(topic) topic##_cases, sizeof topic##_cases / sizeof *topic##_cases

static void over(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(over), false), 0);
}

static void window_functions(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(window_functions), true), 0);
}

static void batch_windows(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(batch_windows), false), 0);
}

static void group_windows(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(group_windows), true), 0);
}

static void time_attributes(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(time_attributes), true), 0);
}

static void temporal_joins(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(temporal_joins), true), 0);
}

static const struct table *find_table_of(const struct rel *rel, const char *name) {
    if (rel->kind == REL_SCAN) return strcmp(rel->scan.table->name, name) == 0 ? rel->scan.table : NULL;
    for (int i = 0; i < rel->input_count; i++) {
        const struct table *found = find_table_of(rel->inputs[i], name);
        if (found) return found;
    }
    return NULL;
}

/* 'table.exec.async-lookup.buffer-capacity' becomes an option of tables that are looked up, unless they have it. */
static void lookup_capacity(void **state) {
    (void)state;
    static const struct {
        const char *sql, *expected; /* NULL: no such option */
    } cases[] = {
        {"SELECT name FROM live JOIN users FOR SYSTEM_TIME AS OF live.pt ON live.k = users.id", "7"},
        {"SELECT name FROM live JOIN users /*+ OPTIONS('lookup.max-in-flight' = '9') */ FOR SYSTEM_TIME AS OF live.pt "
         "ON live.k = users.id",
         "9"},
        {"SELECT name FROM live JOIN users ON live.k = users.id", NULL},
    };
    struct test_world world;
    test_world_open(&world, true);
    world.env.lookup_capacity = "7";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ast_statement *statement;
        struct bound_query query;
        assert_int_equal(parse_statement(cases[i].sql, strlen(cases[i].sql), &world.arena, &statement, &world.err),
                         STATUS_OK);
        assert_int_equal(bind_query(&world.env, (struct ast_query *)statement->root, &query, &world.err), STATUS_OK);
        const struct table *users = find_table_of(query.rel, "users");
        assert_non_null(users);
        const char *value = option_find(&users->options, "lookup.max-in-flight");
        if (cases[i].expected)
            assert_string_equal(value, cases[i].expected);
        else
            assert_null(value);
    }
    test_world_close(&world);
}

const struct CMUnitTest bind_time_tests[] = {
    cmocka_unit_test(over),
    cmocka_unit_test(window_functions),
    cmocka_unit_test(batch_windows),
    cmocka_unit_test(group_windows),
    cmocka_unit_test(time_attributes),
    cmocka_unit_test(temporal_joins),
    cmocka_unit_test(lookup_capacity),
};
const size_t bind_time_tests_count = sizeof bind_time_tests / sizeof *bind_time_tests;
