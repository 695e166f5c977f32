SELECT * FROM t JOIN users /*+ OPTIONS('lookup.cache'='PARTIAL', 'lookup.partial-cache.max-rows'='77') */ u ON t.a = u.id;
SELECT * FROM clicks c JOIN users /*+ OPTIONS('lookup.join'='on') */ u ON c.user_id = u.id;
SELECT * FROM (SELECT user_id, pt FROM clicks UNION ALL SELECT user_id, pt FROM clicks WHERE amount = 1) c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.user_id = u.id;
SELECT /*+ LOOKUP('table'='u', 'retry-predicate'='lookup_miss', 'retry-strategy'='fixed_delay', 'fixed-delay'='10 s', 'max-attempts'='3') */ c.page FROM clicks c JOIN users FOR SYSTEM_TIME AS OF c.pt AS u ON c.user_id = u.id;
