SELECT a FROM t WHERE EXISTS (SELECT 1 FROM orders WHERE price > 5);
SELECT a FROM t WHERE NOT EXISTS (SELECT * FROM orders o WHERE o.user_id = t.a AND o.price > t.b);
SELECT a FROM t WHERE EXISTS (SELECT COUNT(*) FROM orders o WHERE o.user_id = t.a);
SELECT a, EXISTS (SELECT 1 FROM orders o WHERE o.user_id = t.a) FROM t;
SELECT a FROM t WHERE EXISTS (SELECT 1 FROM orders x WHERE x.user_id = t.a AND EXISTS (SELECT 1 FROM items i WHERE i.o = x.o AND i.qty = t.b));
SELECT a FROM t WHERE a IN (SELECT user_id FROM orders);
SELECT a FROM t WHERE a NOT IN (SELECT user_id FROM orders);
SELECT a FROM t WHERE a NOT IN (SELECT user_id FROM orders o WHERE o.price = t.b);
