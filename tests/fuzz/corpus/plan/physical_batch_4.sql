SELECT a FROM t UNION SELECT o FROM orders;
INSERT INTO by_page SELECT c, a FROM t;
INSERT INTO by_page SELECT c, COUNT(*) FROM t GROUP BY c;
INSERT INTO by_user SELECT id, name, age FROM users;
INSERT INTO log SELECT c, COUNT(*) FROM t GROUP BY c;
INSERT INTO by_user (page, n) SELECT c, a FROM t;
WITH q AS (SELECT a, COUNT(*) AS n FROM t GROUP BY a) SELECT x.a, y.a FROM q x JOIN q y ON x.n = y.n;
SELECT a FROM t WHERE b > 1 OR a IN (SELECT user_id FROM orders);
