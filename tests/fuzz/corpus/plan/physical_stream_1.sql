SELECT window_time, SUM(n) FROM (SELECT window_start, window_end, window_time, page, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, window_time, page) GROUP BY window_start, window_end, window_time;
SELECT page, COUNT(*) FROM TABLE(SESSION(TABLE clicks, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY page, window_start, window_end;
SELECT s.a, s2.d FROM s JOIN s2 ON s.a = s2.a;
SELECT s.a, s2.d FROM s LEFT JOIN s2 ON s.a = s2.d;
SELECT s.a, s2.d FROM s FULL JOIN s2 ON s.a = s2.a AND s.b < s2.d;
SELECT s.a FROM s WHERE a IN (SELECT a FROM s2);
SELECT s.a FROM s WHERE a NOT IN (SELECT d FROM s2);
SELECT s.a, s2.d FROM s CROSS JOIN s2;
