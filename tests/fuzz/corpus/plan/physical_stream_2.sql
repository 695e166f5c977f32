SELECT c.page, u.name FROM clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.user_id = u.id;
SELECT c.page, u.name FROM clicks c LEFT JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.user_id = u.id AND u.country = 'DE' AND u.age > c.amount;
SELECT c.page, u.name FROM (SELECT *, PROCTIME() AS p FROM s) AS c (a, b, page, p) JOIN users FOR SYSTEM_TIME AS OF c.p AS u ON c.a + 1 = u.id AND u.name = c.page;
SELECT c.page, u.name FROM clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.page = u.name;
SELECT c.page FROM clicks c JOIN t FOR SYSTEM_TIME AS OF c.pt AS t ON c.amount = t.a;
SELECT * FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS rn FROM s) WHERE rn <= 3;
SELECT a, b FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS rn FROM s) WHERE rn < 4;
SELECT a, b, rn FROM (SELECT a, b, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS rn FROM s) WHERE 1 = rn AND b > 2;
