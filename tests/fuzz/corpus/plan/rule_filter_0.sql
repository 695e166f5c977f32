SELECT x FROM (SELECT a + b AS x, c FROM t) WHERE x > 3 AND c = 'k';
SELECT * FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) WHERE a = 1 AND n > 2;
SELECT * FROM (SELECT a FROM t UNION ALL SELECT o FROM orders) WHERE a > 5;
SELECT * FROM (SELECT a, b FROM t LIMIT 10) WHERE a = 1;
SELECT t.a FROM t JOIN orders o ON t.a = o.user_id WHERE t.b = 1 AND o.price > 2 AND t.b < o.price;
SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id AND o.price > 2 AND t.b = 1 WHERE t.c = 'x';
SELECT t.a, o.price FROM t RIGHT JOIN orders o ON t.a = o.user_id AND o.price > 2 AND t.b = 1 WHERE o.o = 7;
SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id AND o.price > 2;
