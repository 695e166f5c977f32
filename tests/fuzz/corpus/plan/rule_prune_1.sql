SELECT x FROM (SELECT a AS x, c AS y FROM t UNION ALL SELECT o, sku FROM items);
SELECT b FROM t ORDER BY a LIMIT 2;
SELECT x.page, y.amount FROM clicks x JOIN clicks y ON x.user_id = y.user_id;
SELECT COUNT(*) FROM s UNION ALL SELECT COUNT(a) FROM s;
SELECT page FROM clicks;
SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
