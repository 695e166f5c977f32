UPDATE users SET age = age + 1 WHERE id = 3;
DELETE FROM orders WHERE o = 1;
DELETE FROM users WHERE id = 3;
DELETE FROM users WHERE id IN (3, 4);
DELETE FROM users WHERE id IN (3, 4) AND 1 = 1;
DELETE FROM users;
DELETE FROM users WHERE id > 3;
DELETE FROM users WHERE id = 3 AND age = 5;
