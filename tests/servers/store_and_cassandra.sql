-- Runs in a catalog of the embedded store and in one of Cassandra (store_like_cassandra_test.py): all results must be equal.

CREATE TABLE posts (
    author STRING, id INT, bio STRING, title STRING, tags ARRAY<STRING>, votes MAP<STRING, INT>,
    place ROW<lat DOUBLE, lon DOUBLE>, price DECIMAL(10, 2),
    ts BIGINT METADATA FROM 'timestamp', `ttl` INT METADATA,
    written TIMESTAMP_LTZ(6) METADATA FROM 'writetime(title)' VIRTUAL,
    rest INT METADATA FROM 'ttl(title)' VIRTUAL,
    PRIMARY KEY (author, id) NOT ENFORCED
) WITH ('static-columns' = 'bio', 'clustering-order' = 'id DESC');

-- static columns, with and without rows
INSERT INTO posts (author, bio) VALUES ('ann', 'about ann'), ('bob', 'about bob');
INSERT INTO posts (author, id, title, tags, votes, place, price) VALUES
    ('ann', 1, 'first', ARRAY['a', 'b'], MAP['up', 3, 'down', 1], ROW(CAST(1.5 AS DOUBLE), CAST(2.5 AS DOUBLE)), 1.25),
    ('ann', 2, 'second', ARRAY['c'], MAP['z', 1, 'a', 2], CAST(NULL AS ROW<lat DOUBLE, lon DOUBLE>), 2),
    ('cid', 1, 'third', CAST(NULL AS ARRAY<STRING>), MAP['k', 0], ROW(CAST(0 AS DOUBLE), CAST(NULL AS DOUBLE)), NULL);
SELECT author, id, bio, title, tags, votes, place, price FROM posts ORDER BY author, id;
SELECT author, id, bio FROM posts WHERE author = 'bob';
SELECT author, id, bio FROM posts WHERE author = 'bob' AND id = 1;
SELECT author, id FROM posts WHERE id IS NULL;
SELECT author, id FROM posts WHERE id IS NOT NULL ORDER BY author, id;
SELECT author, id, title FROM posts WHERE author = 'ann' AND id >= 1;

-- a static column changes for all rows of its partition
INSERT INTO posts (author, id, bio, title) VALUES ('ann', 3, 'more about ann', 'fourth');
SELECT author, id, bio, title FROM posts WHERE author = 'ann';

-- a column that is not named stays, a NULL deletes
INSERT INTO posts (author, id, price) VALUES ('ann', 1, 9.99);
INSERT INTO posts (author, id, title) VALUES ('ann', 2, CAST(NULL AS STRING));
SELECT id, title, price, tags FROM posts WHERE author = 'ann';

-- times: the later one wins, whatever the order
INSERT INTO posts (author, id, title, ts) VALUES
    ('dan', 1, 'new', 2000000000000000), ('dan', 1, 'old', 1000000000000000), ('dan', 2, 'two', 1500000000000000);
SELECT author, id, title, written FROM posts WHERE author = 'dan';
DELETE FROM posts /*+ OPTIONS('sink.timestamp' = '1500000000000000') */ WHERE author = 'dan' AND id = 1;
SELECT author, id, title, written FROM posts WHERE author = 'dan';
DELETE FROM posts /*+ OPTIONS('sink.timestamp' = '1500000000000000') */ WHERE author = 'dan' AND id <= 2;
SELECT author, id, title, written FROM posts WHERE author = 'dan';
INSERT INTO posts (author, id, title, ts) VALUES ('dan', 2, 'too late', 1400000000000000);
SELECT author, id, title FROM posts WHERE author = 'dan';

-- times to live
INSERT INTO posts (author, id, title, `ttl`) VALUES ('eve', 1, 'for a while', 100000), ('eve', 2, 'for ever', NULL);
SELECT id, title, rest > 99000 AND rest <= 100000 AS lives FROM posts WHERE author = 'eve';
INSERT INTO posts /*+ OPTIONS('sink.ttl' = '1 d') */ (author, id, title) VALUES ('eve', 3, 'for a day');
SELECT id, rest > 86000 AND rest <= 86400 AS lives FROM posts WHERE author = 'eve' AND id = 3;

-- deleting rows, ranges and partitions
DELETE FROM posts WHERE author = 'ann' AND id = 3;
SELECT author, id, bio FROM posts WHERE author = 'ann';
DELETE FROM posts WHERE author = 'ann' AND id > 1;
SELECT author, id, bio FROM posts WHERE author = 'ann';
DELETE FROM posts WHERE author = 'ann' AND id = 1;
SELECT author, id, bio FROM posts WHERE author = 'ann';
DELETE FROM posts WHERE author = 'ann';
SELECT author, id, bio FROM posts WHERE author = 'ann';
UPDATE posts SET title = 'changed' WHERE title = 'third';
DELETE FROM posts WHERE title = 'for ever';
SELECT author, id, bio, title FROM posts ORDER BY author, id;

-- NULLs that change nothing
INSERT INTO posts /*+ OPTIONS('sink.ignore-null' = 'true') */ (author, id, title, price) VALUES
    ('fay', 1, 'kept', CAST(NULL AS DECIMAL(10, 2))), ('fay', 1, CAST(NULL AS STRING), 4);
SELECT id, title, price FROM posts WHERE author = 'fay';
TRUNCATE TABLE posts;
SELECT COUNT(*) AS n FROM posts;

-- a table whose rows end by themselves
CREATE TABLE sessions (id INT, who STRING, rest INT METADATA FROM 'ttl(who)' VIRTUAL, PRIMARY KEY (id) NOT ENFORCED)
    WITH ('default-time-to-live' = '1 h');
INSERT INTO sessions VALUES (1, 'ann');
SELECT id, who, rest > 3500 AND rest <= 3600 AS lives FROM sessions;
CREATE TABLE sessions2 (id INT, who STRING, rest INT METADATA FROM 'ttl(who)' VIRTUAL, PRIMARY KEY (id) NOT ENFORCED)
    WITH ('cql.default_time_to_live' = '7200');
INSERT INTO sessions2 VALUES (1, 'ann');
SELECT id, who, rest > 7100 AND rest <= 7200 AS lives FROM sessions2;

-- counters
CREATE TABLE hits (page STRING, hour_of INT, total BIGINT, views BIGINT, clicks BIGINT,
    PRIMARY KEY (page, hour_of) NOT ENFORCED) WITH ('static-columns' = 'total', 'counter-columns' = 'total, views, clicks');
INSERT INTO hits VALUES ('a', 1, 2, 2, 0), ('a', 1, 3, 3, 1), ('a', 2, 1, 1, CAST(NULL AS BIGINT));
INSERT INTO hits (page, hour_of, views) VALUES ('b', 1, 1), ('b', 1, 1), ('b', 1, -5);
INSERT INTO hits (page, total) VALUES ('c', 7);
SELECT page, hour_of, total, views, clicks FROM hits ORDER BY page, hour_of;
DELETE FROM hits WHERE page = 'a';
SELECT page, hour_of, total, views, clicks FROM hits ORDER BY page, hour_of;
CREATE TABLE hits2 (page STRING, views BIGINT, PRIMARY KEY (page) NOT ENFORCED) WITH ('cql-type.views' = 'counter');
INSERT INTO hits2 VALUES ('a', 1), ('a', 1);
SELECT * FROM hits2;

-- partition keys of two columns
CREATE TABLE readings (place STRING, `day` DATE, at_s INT, v DOUBLE, PRIMARY KEY (place, `day`, at_s) NOT ENFORCED)
    WITH ('partition-keys' = 'place, day', 'clustering-order' = 'at_s DESC');
INSERT INTO readings VALUES ('x', DATE '2026-01-01', 1, 1.5), ('x', DATE '2026-01-01', 2, 2.5), ('x', DATE '2026-01-02', 1, 3.5);
SELECT * FROM readings WHERE place = 'x' AND `day` = DATE '2026-01-01';
SELECT `day`, SUM(v) AS total FROM readings GROUP BY `day` ORDER BY `day`;

-- MERGE: the rows of the source change, delete and insert
CREATE TABLE stock (item INT, place STRING, n INT, note STRING, PRIMARY KEY (item, place) NOT ENFORCED);
CREATE TABLE delta (item INT, place STRING, d INT, PRIMARY KEY (item, place) NOT ENFORCED);
INSERT INTO stock VALUES (1, 'a', 10, 'x'), (1, 'b', 20, CAST(NULL AS STRING)), (2, 'a', 30, 'y'), (3, 'c', 0, 'z');
INSERT INTO delta VALUES (1, 'a', 5), (1, 'b', -20), (4, 'd', 7), (9, 'a', 0);
MERGE INTO stock USING delta AS s ON stock.item = s.item AND stock.place = s.place
    WHEN MATCHED AND stock.n + s.d <= 0 THEN DELETE
    WHEN MATCHED THEN UPDATE SET n = stock.n + s.d, note = 'was ' || CAST(n AS STRING)
    WHEN NOT MATCHED AND s.d > 0 THEN INSERT (place, item, n) VALUES (s.place, s.item, d);
SELECT item, place, n, note FROM stock ORDER BY item, place;
SELECT COUNT(*) FROM stock WHERE (item, place, n) IN ((1, 'a', 15), (2, 'a', 30), (3, 'c', 0), (4, 'd', 7)) HAVING COUNT(*) = 4;
MERGE INTO stock USING stock AS s ON stock.item = s.item AND stock.place = s.place AND s.n > 10 WHEN MATCHED THEN DELETE;
SELECT item, place, n, note FROM stock ORDER BY item, place;
