INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page ON CONFLICT DO NOTHING;
INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page ON CONFLICT DO ERROR;
INSERT INTO by_user SELECT user_id, page, amount FROM clicks;
INSERT INTO by_user SELECT id, name, age FROM users;
INSERT INTO by_user SELECT c.user_id, u.name, c.n FROM (SELECT user_id, COUNT(*) AS n FROM clicks GROUP BY user_id) c JOIN users u ON c.user_id = u.id;
INSERT INTO by_user SELECT a, c, n FROM (SELECT a, c, COUNT(*) AS n FROM s GROUP BY a, c) QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY n DESC) = 1;
INSERT INTO by_user (page) SELECT page FROM clicks;
DELETE FROM users WHERE age > 5;
