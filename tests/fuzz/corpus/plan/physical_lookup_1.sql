SELECT * FROM t JOIN by_user b ON t.a = b.id;
SELECT * FROM t JOIN users u ON t.a = u.id WHERE u.id = 5;
SELECT * FROM t JOIN users u ON t.c = u.name;
SELECT * FROM t FULL JOIN users u ON t.a = u.id;
SELECT * FROM t RIGHT JOIN users u ON t.a = u.id;
SELECT * FROM t JOIN users u ON t.a IS NOT DISTINCT FROM u.id;
SELECT * FROM users WHERE id IN (SELECT a FROM t);
SELECT * FROM users u WHERE EXISTS (SELECT 1 FROM t WHERE t.a = u.id);
