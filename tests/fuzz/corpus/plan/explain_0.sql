SELECT country, COUNT(*) AS n FROM users WHERE age > 18 AND id = 5 GROUP BY country ORDER BY n DESC LIMIT 3;
INSERT INTO by_page SELECT page, COUNT(*) FROM clicks WHERE user_id > 0 GROUP BY page;
