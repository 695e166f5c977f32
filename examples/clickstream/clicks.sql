-- Made-up page views: 1,000,000 of them, 100,000 a second, over two hours of the shop's time. A few pages get most of the
-- views, some users are far more active than others, and the views come up to five seconds out of order.
CREATE TEMPORARY TABLE made_up_clicks (
  n BIGINT,                                   -- 1, 2, 3, ...
  a DOUBLE, b DOUBLE, c DOUBLE, d INT,        -- random
  user_id AS CAST(POWER(a, 2) * 2000 AS BIGINT) + 1,
  page AS CASE WHEN b < 0.30 THEN '/home'
               WHEN b < 0.50 THEN '/search'
               WHEN b < 0.92 THEN '/product/' || CAST(CAST(POWER(c, 3) * 50 AS INT) + 1 AS STRING)
               WHEN b < 0.97 THEN '/cart'
               ELSE '/checkout' END,
  amount AS CASE WHEN b >= 0.97 THEN CAST(5 + c * 200 AS DECIMAL(10, 2)) END,
  ts AS CAST(TO_TIMESTAMP_LTZ(1772352005000 + n * 71 / 10 - d, 3) AS TIMESTAMP(3)),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'datagen',
  'rows-per-second' = '100000',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '1000000',
  'fields.a.min' = '0', 'fields.a.max' = '1',
  'fields.b.min' = '0', 'fields.b.max' = '1',
  'fields.c.min' = '0', 'fields.c.max' = '1',
  'fields.d.min' = '0', 'fields.d.max' = '5000'
);
