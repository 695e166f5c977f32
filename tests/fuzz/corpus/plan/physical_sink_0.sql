INSERT INTO log SELECT page, COUNT(*) FROM clicks GROUP BY page;
INSERT INTO log SELECT s.c, s2.d FROM s LEFT JOIN s2 ON s.a = s2.a;
INSERT INTO log SELECT page, n FROM (SELECT page, COUNT(*) AS n FROM clicks GROUP BY page) WHERE n > 2;
INSERT INTO log SELECT page, 1 FROM clicks;
INSERT INTO shown SELECT page, COUNT(*) FROM clicks GROUP BY page;
INSERT INTO by_page SELECT page, COUNT(*) FROM clicks GROUP BY page;
INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page;
INSERT INTO by_user SELECT user_id, page, COUNT(*) FROM clicks GROUP BY user_id, page ON CONFLICT DO DEDUPLICATE;
