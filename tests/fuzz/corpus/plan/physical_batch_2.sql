SELECT t.a, o.price FROM t CROSS JOIN orders o;
SELECT t.a, o.price FROM t JOIN orders o ON t.a < o.price;
SELECT t.a FROM t JOIN users u ON t.a = u.id AND t.b < u.age;
SELECT t.a FROM t JOIN orders o ON t.a + 1 = o.price * 2;
SELECT t.a FROM t JOIN orders o ON t.a IS NOT DISTINCT FROM o.price;
SELECT a FROM t WHERE a IN (SELECT user_id FROM orders);
SELECT a FROM t WHERE a NOT IN (SELECT user_id FROM orders);
SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.user_id = t.a);
