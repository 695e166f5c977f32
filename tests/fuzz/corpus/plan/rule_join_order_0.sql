SELECT t.a, i.sku, o.price FROM t, items i, orders o WHERE t.a = o.user_id AND i.o = o.o;
SELECT t.a, o.price FROM t JOIN orders o ON t.a = o.user_id JOIN items i ON i.o = o.o;
SELECT t.a FROM t CROSS JOIN orders;
SELECT t.a FROM t, orders o WHERE t.b > (SELECT MAX(qty) FROM items) AND t.a = o.user_id;
