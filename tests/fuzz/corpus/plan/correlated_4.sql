SELECT t.a, s.n FROM t, LATERAL (SELECT COUNT(*) AS n FROM items WHERE items.b < t.a HAVING COUNT(*) > 1) AS s;
SELECT a, a > ALL (SELECT qty / 10 FROM items WHERE items.b < t.b) FROM t;
SELECT a, a < ANY (SELECT b FROM items WHERE items.qty > t.a * 5) FROM t;
SELECT a, b = ALL (SELECT b FROM t AS t2 WHERE t2.b = t.b) FROM t;
SELECT a, b <> ANY (SELECT b FROM t AS t2 WHERE t2.b = t.b) FROM t;
SELECT a, b IN (SELECT b FROM items WHERE items.qty < t.a * 10) FROM t;
SELECT a, (SELECT MIN(b) FROM t AS t2 WHERE t2.a = t.a - 1) IN (SELECT b FROM t AS t3 WHERE t3.b = t.b) FROM t;
SELECT a, (SELECT (SELECT COUNT(*) FROM items AS u2 WHERE u2.qty > items.qty AND u2.b <> t.a) FROM items WHERE items.b = t.b) FROM t;
