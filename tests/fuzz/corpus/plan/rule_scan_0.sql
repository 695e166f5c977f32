SELECT name FROM users WHERE id = 5;
SELECT name FROM users WHERE id = 5 AND age > 3;
SELECT name FROM users WHERE id > 5;
SELECT name FROM users WHERE id IN (1, 2, 2, NULL);
SELECT name FROM users WHERE id = 1 OR id = 2 OR id IN (3, 4);
SELECT name FROM users WHERE 5 = id;
SELECT name FROM users WHERE age = 7;
SELECT name FROM users WHERE id = 3000000000;
