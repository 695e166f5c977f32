SELECT name FROM users WHERE id = 1.5;
SELECT name FROM users WHERE id + 1 = 6;
SELECT name FROM users LIMIT 3;
SELECT name FROM users WHERE id = 5 LIMIT 3 OFFSET 2;
SELECT name FROM users WHERE age = 5 LIMIT 3;
SELECT name FROM users ORDER BY name LIMIT 3;
SELECT u.name, o.price FROM users u JOIN orders o ON u.id = o.user_id WHERE u.id = 5;
SELECT name AS n FROM users ORDER BY n DESC, country LIMIT 3 OFFSET 2;
