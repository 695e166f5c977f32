SELECT a, (SELECT qty FROM items WHERE items.b <= t.b ORDER BY qty DESC LIMIT 1) FROM t;
SELECT a, (SELECT qty FROM items WHERE items.b >= t.b ORDER BY qty LIMIT 1 OFFSET 1) FROM t;
SELECT a, (SELECT COUNT(*) FROM (SELECT qty FROM items WHERE items.b = t.b UNION ALL SELECT qty FROM items WHERE items.qty > t.a * 7) AS z) FROM t;
SELECT a, (SELECT COUNT(*) FROM (SELECT qty FROM items WHERE items.b <= t.b UNION SELECT qty FROM items WHERE items.qty > t.a * 7) AS z) FROM t;
SELECT a, (SELECT COUNT(*) FROM (SELECT qty FROM items WHERE items.b >= t.b INTERSECT SELECT qty FROM items WHERE items.qty > t.a * 7) AS z) FROM t;
SELECT a, (SELECT COUNT(*) FROM (SELECT qty FROM items EXCEPT SELECT qty FROM items WHERE items.b = t.b) AS z) FROM t;
SELECT a, (SELECT SUM(rn * qty) FROM (SELECT qty, ROW_NUMBER() OVER (ORDER BY qty DESC) AS rn FROM items WHERE items.b <= t.a) AS z) FROM t;
SELECT a, (SELECT MAX(s) FROM (SELECT SUM(qty) OVER (PARTITION BY b ORDER BY qty) AS s FROM items WHERE items.b <> t.b) AS z) FROM t;
