SELECT a, (SELECT SUM(x) FROM (VALUES (t.a), (t.b), (1)) AS z(x)) FROM t;
SELECT a, (SELECT COUNT(*) FROM (VALUES (t.a, 1), (t.b, 2), (1, 3)) AS z(x, y) JOIN items ON items.b = z.x) FROM t;
SELECT t.a, items.qty FROM t LEFT JOIN items ON t.b = items.b AND EXISTS (SELECT 1 FROM items AS u2 WHERE u2.b = t.a);
SELECT t.a, items.qty FROM t LEFT JOIN items ON t.b = items.b AND items.qty > (SELECT AVG(qty) FROM items);
SELECT t.a, items.qty FROM t LEFT JOIN items ON t.b = items.b AND items.qty >= (SELECT MIN(qty) FROM items AS u2 WHERE u2.b = t.a);
SELECT t.a, items.qty FROM t FULL JOIN items ON t.b = items.b AND items.qty IN (SELECT qty FROM items WHERE b = 1);
SELECT t.a, items.qty FROM t FULL JOIN items ON t.b = items.b AND t.a NOT IN (SELECT u2.b FROM items AS u2 WHERE u2.qty > items.qty);
SELECT t.a, items.qty FROM t RIGHT JOIN items ON t.b = items.b AND t.a = (SELECT MIN(a) FROM t AS t2 WHERE t2.b = items.b);
