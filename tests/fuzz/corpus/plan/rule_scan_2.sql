SELECT * FROM (SELECT age AS a, name AS b FROM users WHERE id = 5) ORDER BY a LIMIT 2;
SELECT name FROM users WHERE age = 7 ORDER BY name LIMIT 3;
SELECT age + 1 AS a FROM users ORDER BY a LIMIT 3;
SELECT name, COUNT(*) AS n FROM users GROUP BY name ORDER BY name LIMIT 3;
SELECT u.name FROM users u JOIN orders o ON u.age = o.price ORDER BY u.name LIMIT 3;
SELECT name FROM users ORDER BY name;
SELECT * FROM (SELECT id, name,;
SELECT * FROM (SELECT name, SUM(age) OVER (PARTITION BY country) AS s FROM users) ORDER BY name LIMIT 3;
