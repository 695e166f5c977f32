SELECT * FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS rn FROM t) WHERE rn = 1 AND a = 2 AND b = 3;
SELECT * FROM (SELECT a, RAND() AS r FROM t) WHERE r > 0.5 AND a = 1;
SELECT page FROM clicks WHERE user_id = 1;
SELECT page, COUNT(*) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) WHERE page = 'x' AND window_start > TIMESTAMP '2024-01-01 00:00:00' GROUP BY page, window_start, window_end;
SELECT k FROM events WHERE k = 1;
