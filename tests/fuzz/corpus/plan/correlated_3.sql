SELECT b, SUM(a) FROM t GROUP BY b HAVING SUM(a) > (SELECT MIN(qty) FROM items WHERE items.b = t.b) - 9;
SELECT b, (SELECT COUNT(*) FROM items WHERE items.b > t.b) FROM t GROUP BY b;
SELECT SUM((SELECT qty FROM items WHERE items.b = t.b)) FROM t;
SELECT SUM(a) FROM t WHERE a > (SELECT COUNT(*) FROM items WHERE items.b < t.b) OR b IN (SELECT b FROM items WHERE items.qty = t.a);
SELECT a, CASE WHEN EXISTS (SELECT 1 FROM items WHERE items.qty = t.a * 10) THEN 'y' ELSE 'n' END FROM t;
SELECT a FROM t WHERE a = (SELECT MAX(x) FROM (SELECT qty / 10 AS x FROM items WHERE qty / 10 <= t.a AND b IN (SELECT b FROM items AS u3 WHERE u3.qty <= items.qty AND u3.b <= t.b)) AS z);
SELECT t1.a, x.qty, y.qty FROM t AS t1 JOIN LATERAL (SELECT * FROM items WHERE items.b = t1.b) AS x ON TRUE JOIN LATERAL (SELECT * FROM items AS u2 WHERE u2.qty > x.qty) AS y ON y.b > t1.b;
SELECT t.a, s.qty FROM t LEFT JOIN LATERAL (SELECT qty FROM items WHERE items.b < t.a ORDER BY qty DESC LIMIT 2) AS s ON s.qty <> t.a * 10;
