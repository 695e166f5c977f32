SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE o.price > 2;
SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE o.price IS NULL;
SELECT t.a, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE COALESCE(o.price, 3) > 2;
SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id WHERE t.b = 2;
SELECT t.a, o.price FROM t FULL JOIN orders o ON t.a = o.user_id WHERE t.b = o.price;
SELECT t.b, o.price FROM t JOIN orders o ON t.a = o.user_id WHERE t.a = 5;
SELECT t.b, o.price FROM t LEFT JOIN orders o ON t.a = o.user_id WHERE t.a IN (1, 2);
SELECT t.b FROM t, orders o WHERE (t.a = o.user_id AND t.b = 1) OR (t.a = o.user_id AND o.price = 2);
