SELECT a FROM t WHERE EXISTS (SELECT 1 FROM items WHERE items.b = t.b AND EXISTS (SELECT 1 FROM items AS u2 WHERE u2.b = t.a AND u2.qty > items.qty));
SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM items WHERE items.b = t.b AND NOT EXISTS (SELECT 1 FROM items AS u2 WHERE u2.b = t.a AND u2.qty > items.qty));
SELECT a, (SELECT COUNT(*) FROM items FULL JOIN (SELECT b FROM items WHERE items.b = t.b) AS z ON items.b = z.b) FROM t;
SELECT a, (SELECT COUNT(*) FROM (SELECT * FROM items WHERE qty > t.a * 6) AS y FULL JOIN (SELECT b FROM items WHERE items.b = t.b) AS z ON y.b = z.b) FROM t;
SELECT a, (SELECT SUM(qty) FROM items RIGHT JOIN (SELECT b FROM items WHERE items.b >= t.b) AS z ON items.b = z.b AND items.qty > t.a * 7) FROM t;
SELECT a, (SELECT SUM(COALESCE(qty, 1)) FROM (SELECT b FROM items WHERE items.b >= t.b) AS z LEFT JOIN items ON items.b = z.b AND items.qty > t.a * 7) FROM t;
SELECT a, (SELECT COUNT(*) FROM (SELECT b, qty, SUM(qty) FROM items WHERE items.b >= t.b GROUP BY ROLLUP (b, qty)) AS z) FROM t;
SELECT a, (SELECT SUM(x) FROM (SELECT GROUPING(b) * 100 + COUNT(*) AS x FROM items WHERE items.b >= t.b GROUP BY GROUPING SETS ((b), (b, qty), ())) AS z) FROM t;
