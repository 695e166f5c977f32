SELECT a FROM t WHERE b > 1 OR a IN (SELECT user_id FROM orders);
SELECT id FROM users WHERE id NOT IN (SELECT id FROM by_user);
SELECT a FROM t WHERE (a, b) IN (SELECT user_id, price FROM orders);
SELECT a FROM t WHERE b > ALL (SELECT price FROM orders);
SELECT a FROM t WHERE b = ANY (SELECT price FROM orders);
SELECT a FROM t WHERE b <> ALL (SELECT price FROM orders WHERE price IS NOT NULL);
SELECT a FROM t WHERE b <= ANY (SELECT price FROM orders);
SELECT t.a, x.p FROM t, LATERAL (SELECT price AS p FROM orders o WHERE o.user_id = t.a ORDER BY price DESC LIMIT 3) x;
