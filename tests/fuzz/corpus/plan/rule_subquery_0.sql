SELECT a FROM t WHERE b > (SELECT AVG(price) FROM orders);
SELECT a, (SELECT price FROM orders WHERE o = 3) FROM t;
SELECT a, (SELECT COUNT(*) FROM orders o WHERE o.user_id = t.a) FROM t;
SELECT a, (SELECT MAX(price) + t.b FROM orders o WHERE o.user_id = t.a) FROM t;
SELECT a, (SELECT MAX(price) FROM orders o WHERE o.user_id < t.a) FROM t;
SELECT a, (SELECT price FROM orders o WHERE o.user_id = t.a) FROM t;
SELECT a, (SELECT price FROM orders o WHERE o.user_id = t.a ORDER BY d DESC LIMIT 1) FROM t;
SELECT a FROM t WHERE b = (SELECT MIN(price) FROM orders o WHERE o.user_id = t.a);
