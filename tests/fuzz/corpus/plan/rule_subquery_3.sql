SELECT t.a, x.n FROM t LEFT JOIN LATERAL (SELECT COUNT(*) AS n FROM orders o WHERE o.user_id = t.a) x ON x.n > 1;
SELECT t.a FROM t LEFT JOIN orders o ON t.a = o.user_id AND o.price IN (SELECT qty FROM items);
SELECT t.a FROM t JOIN orders o ON t.a = o.user_id AND t.b NOT IN (SELECT qty FROM items);
SELECT t.a FROM t LEFT JOIN orders o ON t.a IN (SELECT qty FROM items);
SELECT a, (SELECT SUM(x) FROM (SELECT price AS x FROM orders o FULL JOIN items i ON o.o = i.o AND i.qty = t.a)) FROM t;
