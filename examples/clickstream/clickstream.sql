-- Page views, visitors and revenue by page and ten minutes, in the countries where the shop is open.
--
-- Where clicks come from, and where users, markets and page_stats are kept, is said elsewhere: in embedded.sql or in
-- cassandra.sql. This file runs unchanged on either.
SET 'execution.runtime-mode' = 'streaming';
SET 'pipeline.name' = 'clickstream';

INSERT INTO page_stats
WITH visits AS (
  -- What each user did on each page: counted per window of event time, and complete when the watermark passes its end.
  SELECT window_start, window_end, page, user_id, COUNT(*) AS views, SUM(amount) AS amount
  FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' MINUTES))
  GROUP BY window_start, window_end, page, user_id
)
SELECT v.window_start, v.page,
       SUM(v.views) AS views,
       COUNT(*) AS visitors,
       COALESCE(SUM(v.amount), 0) AS revenue
FROM visits AS v
JOIN users AS u ON u.user_id = v.user_id
WHERE u.country IN (SELECT country FROM markets WHERE is_open)
GROUP BY v.window_start, v.page;
