-- Who the users are, and in which countries the shop is open. Primary keys make this repeatable: the same rows again change
-- nothing.
CREATE TEMPORARY TABLE made_up_users (n BIGINT, c INT, p INT) WITH (
  'connector' = 'datagen',
  'rows-per-second' = '0',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '2000',
  'fields.c.min' = '0', 'fields.c.max' = '7',
  'fields.p.min' = '0', 'fields.p.max' = '9'
);

INSERT INTO users
SELECT n,
       'user ' || CAST(n AS STRING),
       CASE c WHEN 0 THEN 'FR' WHEN 1 THEN 'DE' WHEN 2 THEN 'JP' WHEN 3 THEN 'BR'
              WHEN 4 THEN 'IN' WHEN 5 THEN 'NG' WHEN 6 THEN 'SE' ELSE 'US' END,
       CASE WHEN p < 7 THEN 'free' ELSE 'paid' END
FROM made_up_users;

INSERT INTO markets VALUES
  ('FR', 'Europe', TRUE), ('DE', 'Europe', TRUE), ('SE', 'Europe', FALSE), ('JP', 'Asia', TRUE),
  ('IN', 'Asia', TRUE), ('BR', 'South America', TRUE), ('NG', 'Africa', FALSE), ('US', 'North America', TRUE);
