-- The clickstream on servers: clicks come from a Kafka topic, the tables are in Cassandra.
CREATE CATALOG cassandra WITH ('type' = 'cassandra', 'hosts' = '127.0.0.1:9042');
USE CATALOG cassandra;
CREATE DATABASE IF NOT EXISTS shop;
USE shop;

CREATE TABLE IF NOT EXISTS users (
  user_id BIGINT, name STRING, country STRING, plan STRING, PRIMARY KEY (user_id) NOT ENFORCED);
CREATE TABLE IF NOT EXISTS markets (
  country STRING, region STRING, is_open BOOLEAN, PRIMARY KEY (country) NOT ENFORCED);
CREATE TABLE IF NOT EXISTS page_stats (
  window_start TIMESTAMP(3), page STRING, views BIGINT, visitors BIGINT, revenue DECIMAL(20, 2),
  PRIMARY KEY (window_start, page) NOT ENFORCED);

CREATE TEMPORARY TABLE clicks (
  user_id BIGINT, page STRING, amount DECIMAL(10, 2), ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'topic' = 'clicks',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',      -- without this line the job never ends
  'format' = 'json'
);
