SELECT * FROM t JOIN users u ON t.a = u.id;
SELECT * FROM users u JOIN t ON t.a = u.id;
SELECT * FROM t LEFT JOIN users u ON t.a = u.id;
SELECT * FROM users u RIGHT JOIN t ON t.a = u.id;
SELECT * FROM t LEFT JOIN users u ON t.a = u.id AND u.age > t.b;
SELECT * FROM t JOIN users u ON t.a = u.id WHERE u.country = 'DE';
SELECT * FROM (VALUES (1), (2)) AS v (a) JOIN users u ON v.a = u.id;
SELECT * FROM orders o JOIN users u ON o.user_id = u.id;
