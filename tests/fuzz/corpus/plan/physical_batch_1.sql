SELECT a, SUM(n) FROM (SELECT a, b, COUNT(*) AS n FROM t GROUP BY a, b) GROUP BY a;
SELECT a, MAX(n) FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) GROUP BY a;
SELECT a, b, SUM(a) FROM t GROUP BY GROUPING SETS ((a, b), (a), ());
SELECT t.a, o.price FROM t JOIN orders o ON t.a = o.user_id;
SELECT t.a, o.price FROM orders o JOIN t ON t.a = o.user_id;
SELECT t.a, o.price FROM orders o RIGHT JOIN t ON t.a = o.user_id;
SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id;
SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id;
