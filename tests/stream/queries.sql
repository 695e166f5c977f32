-- The streaming queries that restart.py cuts, stops and restores. Tables a and b: id, k, v INT, s STRING, ts TIMESTAMP(3) with a watermark.

-- query: project
SELECT id, k + v AS kv, UPPER(s) AS u FROM a WHERE v > 2 OR k IS NULL

-- query: group_by
SELECT k, COUNT(*) AS c, COUNT(v) AS cv, SUM(v) AS sv, MIN(v) AS mn, MAX(v) AS mx, AVG(v) AS av FROM a GROUP BY k

-- query: group_by_string
SELECT s, k, COUNT(*) AS c FROM a GROUP BY s, k

-- query: global_aggregate
SELECT COUNT(*) AS c, SUM(v) AS sv, MAX(s) AS ms FROM a

-- query: distinct_rows
SELECT DISTINCT k, s FROM a

-- query: distinct_aggregates
SELECT k, COUNT(DISTINCT v) AS dv, SUM(DISTINCT v) AS sdv, COUNT(DISTINCT s) AS ds, COUNT(*) AS c FROM a GROUP BY k

-- query: filtered_aggregates
SELECT s, COUNT(*) FILTER (WHERE v > 3) AS c3, SUM(v) FILTER (WHERE k = 1) AS s1 FROM a GROUP BY s

-- query: having_comes_and_goes
SELECT k, SUM(v) AS sv FROM a GROUP BY k HAVING MOD(SUM(v), 2) = 0

-- query: aggregate_of_aggregate
SELECT c, COUNT(*) AS n, SUM(k) AS sk, MIN(k) AS mk, MAX(k) AS xk FROM (SELECT k, COUNT(*) AS c FROM a GROUP BY k) GROUP BY c

-- query: min_max_with_retractions
SELECT MIN(sv) AS mn, MAX(sv) AS mx, COUNT(DISTINCT sv) AS d FROM (SELECT id, SUM(v) AS sv FROM a GROUP BY id)

-- query: inner_join
SELECT a.id, a.v, b.v AS bv, b.s FROM a JOIN b ON a.id = b.id

-- query: inner_join_condition
SELECT a.id, a.v, b.v AS bv FROM a JOIN b ON a.k = b.k AND a.v < b.v AND a.id = b.id

-- query: left_join
SELECT a.id, a.k, b.id AS bid, b.s FROM a LEFT JOIN b ON a.id = b.id AND b.v > 4

-- query: right_join
SELECT a.id, a.s, b.id AS bid, b.v FROM a RIGHT JOIN b ON a.id = b.id AND a.v = b.v

-- query: full_join
SELECT a.id, a.v, b.id AS bid, b.v AS bv FROM a FULL JOIN b ON a.id = b.id AND a.k = b.k

-- query: join_of_aggregates
SELECT x.k, x.c, y.m FROM (SELECT k, COUNT(*) AS c FROM a GROUP BY k) x JOIN (SELECT k, MAX(v) AS m FROM b GROUP BY k) y ON x.k = y.k

-- query: left_join_key_changes
SELECT x.id, x.m, y.c FROM (SELECT id, MAX(v) AS m FROM a GROUP BY id) x LEFT JOIN (SELECT v, COUNT(*) AS c FROM b GROUP BY v) y ON x.m = y.v

-- query: full_join_key_changes
SELECT x.m, x.c, y.n, y.c AS yc FROM (SELECT MAX(v) AS m, COUNT(*) AS c, id FROM a GROUP BY id) x FULL JOIN (SELECT MIN(v) AS n, COUNT(*) AS c, id FROM b GROUP BY id) y ON x.m = y.n AND x.c = y.c

-- query: semi_join
SELECT id, k, v FROM a WHERE k IN (SELECT k FROM b WHERE v > 8)

-- query: semi_join_of_changes
SELECT id, v FROM a WHERE v IN (SELECT MAX(v) FROM b GROUP BY id)

-- query: not_in
SELECT id, v FROM a WHERE id NOT IN (SELECT id FROM b WHERE v > 5)

-- query: not_in_with_nulls_that_go
SELECT id, v FROM a WHERE v NOT IN (SELECT CASE WHEN COUNT(v) < 2 THEN CAST(NULL AS INT) ELSE MAX(v) END FROM b GROUP BY k)

-- query: not_exists
SELECT id, s FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.id = a.id)

-- query: scalar_subquery
SELECT id, v FROM a WHERE v > (SELECT AVG(v) FROM b)

-- query: union_all
SELECT k, v FROM a WHERE v > 5 UNION ALL SELECT k, v FROM b

-- query: union_distinct
SELECT k, v FROM a UNION SELECT k, v FROM b

-- query: union_aggregate
SELECT k, COUNT(*) AS c FROM (SELECT k FROM a UNION ALL SELECT k FROM b) GROUP BY k

-- query: top_n_per_key
SELECT k, id, v, s, rn FROM (SELECT k, id, v, s, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id) AS rn FROM a) WHERE rn <= 3

-- query: top_n_without_rank
SELECT k, id, v FROM (SELECT k, id, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS rn FROM a) WHERE rn <= 2

-- query: first_row
SELECT id, k, v, s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts) AS rn FROM a) WHERE rn = 1

-- query: last_row
SELECT id, k, v, s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts DESC) AS rn FROM a) WHERE rn = 1

-- query: top_n_of_changes
SELECT id, c FROM (SELECT id, c, ROW_NUMBER() OVER (ORDER BY c DESC, id) AS rn FROM (SELECT id, COUNT(*) AS c FROM a GROUP BY id)) WHERE rn <= 5

-- query: order_by_limit
SELECT id, v, s FROM a ORDER BY v DESC, id, s LIMIT 10

-- query: order_by_limit_offset_of_changes
SELECT k, SUM(v) AS sv FROM a GROUP BY k ORDER BY sv DESC, k LIMIT 3 OFFSET 1

-- query: tumble
SELECT window_start, window_end, k, COUNT(*) AS c, SUM(v) AS sv FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end, k

-- query: tumble_distinct
SELECT window_start, window_end, COUNT(DISTINCT id) AS d, MAX(s) AS ms FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '30' SECOND)) GROUP BY window_start, window_end

-- query: tumble_joined
SELECT w.window_start, b.k, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) w JOIN b ON w.id = b.id GROUP BY w.window_start, w.window_end, b.k

-- query: hop
SELECT window_start, window_end, COUNT(*) AS c, SUM(v) AS sv FROM TABLE(HOP(TABLE a, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '30' SECOND)) GROUP BY window_start, window_end

-- query: aggregate_of_window
SELECT c, COUNT(*) AS n FROM (SELECT window_start, k, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end, k) GROUP BY c

-- query: cte_used_twice
WITH t AS (SELECT k, COUNT(*) AS c FROM a GROUP BY k) SELECT x.k, x.c, y.c AS yc FROM t x JOIN t y ON x.c = y.c

-- query: values_of_rows
SELECT k, JSON_ARRAYAGG(v NULL ON NULL) AS js, PERCENTILE(v, ARRAY[0.1, 0.9]) AS p, PERCENTILE(v, 0.5, id) AS pw, APPROX_COUNT_DISTINCT(id) AS d, SUM0(v) AS s FROM a GROUP BY k

-- query: values_of_changes
SELECT MOD(k, 2) AS m, JSON_OBJECTAGG(CAST(k AS STRING) VALUE c) AS jo, JSON_ARRAYAGG(c) AS ja, PERCENTILE(c, 0.25) AS p, FIRST_VALUE(ARRAY[c, k]) AS f FROM (SELECT k, COUNT(*) AS c FROM a WHERE k IS NOT NULL GROUP BY k) GROUP BY MOD(k, 2)

-- query: collected
SELECT k, x, COUNT(*) AS n FROM (SELECT k, COLLECT(s) AS c FROM a GROUP BY k) AS z CROSS JOIN UNNEST(c) AS u (x) GROUP BY k, x

-- query: grouping_sets_twice
SELECT k, s, GROUP_ID() AS g, GROUPING_ID(k, s) AS i, COUNT(*) AS c FROM a GROUP BY GROUPING SETS ((k), (k), (s), (), ())

-- query: outer_aggregate
SELECT k, (SELECT MAX(b.v) FROM b WHERE b.k = COUNT(DISTINCT a.s)) AS m FROM a GROUP BY k HAVING EXISTS (SELECT 1 FROM b WHERE b.v < MAX(a.v))

-- query: outer_join_on_both_sides
SELECT a.id, a.v, b.id AS bid, b.v AS bv FROM a FULL JOIN b ON a.id = b.id AND EXISTS (SELECT 1 FROM a AS c WHERE c.k = a.k AND c.v = b.v)

-- query: unnest_side_by_side
SELECT id, x, y, i FROM (SELECT id, k, v FROM a) AS t CROSS JOIN UNNEST(ARRAY[k, v, id], ARRAY[v]) WITH ORDINALITY AS u (x, y, i)
