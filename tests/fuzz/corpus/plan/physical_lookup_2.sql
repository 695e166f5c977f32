SELECT * FROM users u WHERE u.age > 3 AND u.id IN (SELECT a FROM t);
SELECT * FROM t WHERE a IN (SELECT id FROM users);
SELECT * FROM users u WHERE EXISTS (SELECT 1 FROM t WHERE t.a = u.id AND t.b < u.age);
SELECT * FROM users WHERE id NOT IN (SELECT a FROM t);
INSERT INTO by_user SELECT id, name, 1 FROM users WHERE id IN (SELECT a FROM t);
SELECT * FROM t JOIN users /*+ OPTIONS('lookup.join'='off') */ u ON t.a = u.id;
SELECT * FROM orders o JOIN users /*+ OPTIONS('lookup.join'='on') */ u ON o.user_id = u.id;
SELECT * FROM t JOIN users /*+ OPTIONS('lookup.join'='of') */ u ON t.a = u.id;
