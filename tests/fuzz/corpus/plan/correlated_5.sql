SELECT a, (SELECT COUNT(DISTINCT items.b + t.b) FROM items WHERE items.qty > t.a) FROM t;
SELECT a, (SELECT SUM(z.s) FROM (SELECT b, SUM(qty) AS s FROM items WHERE items.qty > t.a * 3 GROUP BY b) AS z WHERE z.b <= t.b) FROM t;
SELECT a, (WITH w AS (SELECT qty FROM items WHERE items.b >= t.b) SELECT SUM(w1.qty) FROM w AS w1 JOIN w AS w2 ON w1.qty >= w2.qty) FROM t;
