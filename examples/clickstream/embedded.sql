-- The clickstream without any server: the clicks are made up as they are read, the tables are in the embedded store.
CREATE TABLE IF NOT EXISTS users (
  user_id BIGINT, name STRING, country STRING, plan STRING, PRIMARY KEY (user_id) NOT ENFORCED);
CREATE TABLE IF NOT EXISTS markets (
  country STRING, region STRING, is_open BOOLEAN, PRIMARY KEY (country) NOT ENFORCED);
CREATE TABLE IF NOT EXISTS page_stats (
  window_start TIMESTAMP(3), page STRING, views BIGINT, visitors BIGINT, revenue DECIMAL(20, 2),
  PRIMARY KEY (window_start, page) NOT ENFORCED);

CREATE TEMPORARY VIEW clicks AS SELECT user_id, page, amount, ts FROM made_up_clicks;
