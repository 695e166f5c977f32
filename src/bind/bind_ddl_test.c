/* CREATE TABLE and INSERT: what they give and what they refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bind/bind_test_support.h"

extern const struct CMUnitTest bind_ddl_tests[];
extern const size_t bind_ddl_tests_count;

static const struct test_case columns_cases[] = {
    {"CREATE TABLE x1 (a INT, a INT)", "DUPLICATE_NAME: column 'a' is declared twice\n"
                                       "at: a\n"},
    {"CREATE TABLE x1 (a INT, b AS a + 1, c AS b + 1)",
     "UNDEFINED_COLUMN: column 'b' not found\n"
     "at: b\n"
     "hint: a computed column refers to physical and metadata columns of its table\n"},
    {"CREATE TABLE x1 (a INT, b AS NULL)", "TYPE_MISMATCH: computed column 'b' has no type: it is NULL\n"
                                           "at: NULL\n"},
    {"CREATE TABLE x1 (a INT, s AS (SELECT 1))", "INVALID_QUERY: a computed column must not contain a query\n"
                                                 "at: SELECT 1\n"},
    {"CREATE TABLE x1 (a INT, s AS COUNT(*))",
     "INVALID_QUERY: aggregate function COUNT is not allowed in a computed column\n"
     "at: COUNT(*)\n"},
    {"CREATE TABLE x1 (a INTERVAL DAY)", "TYPE_MISMATCH: a column cannot have type INTERVAL DAY TO SECOND(3)\n"
                                         "at: INTERVAL DAY\n"},
    {"CREATE TABLE x1 (a INT, b AS UPPER(c), c STRING COMMENT 'text', m BIGINT METADATA FROM 'offset' "
     "VIRTUAL, ts TIMESTAMP_LTZ(3) METADATA)",
     "CREATE TABLE `cat`.`db`.`x1` (\n"
     "  `a` INT,\n"
     "  `b` AS UPPER(c),\n"
     "  `c` STRING COMMENT 'text',\n"
     "  `m` BIGINT METADATA FROM 'offset' VIRTUAL,\n"
     "  `ts` TIMESTAMP_LTZ(3) METADATA\n"
     ")\n"},
    {"SELECT * FROM x1", "Project: a, UPPER(c) AS b, c, m, ts\n"
                         "  Scan: cat.db.x1 [a, c, m, ts]\n"
                         "a INT, b STRING, c STRING, m BIGINT, ts TIMESTAMP_LTZ(3)\n"},
    {"CREATE TABLE x2 (a DECIMAL, b DECIMAL(5), c VARCHAR, d CHAR, e BYTES, f TIME, g TIMESTAMP, h "
     "TIMESTAMP_LTZ(9) NOT NULL, i ARRAY<INT NOT NULL>, j MAP<STRING, INT>, k ROW<x INT, y STRING NOT "
     "NULL>, l MULTISET<INT>)",
     "CREATE TABLE `cat`.`db`.`x2` (\n"
     "  `a` DECIMAL(10, 0),\n"
     "  `b` DECIMAL(5, 0),\n"
     "  `c` STRING,\n"
     "  `d` CHAR(1),\n"
     "  `e` BYTES,\n"
     "  `f` TIME(0),\n"
     "  `g` TIMESTAMP(6),\n"
     "  `h` TIMESTAMP_LTZ(9) NOT NULL,\n"
     "  `i` ARRAY<INT NOT NULL>,\n"
     "  `j` MAP<STRING, INT>,\n"
     "  `k` ROW<`x` INT, `y` STRING NOT NULL>,\n"
     "  `l` MULTISET<INT>\n"
     ")\n"},
    {"SELECT * FROM x2",
     "Scan: cat.db.x2 [a, b, c, d, e, f, g, h, i, j, k, l]\n"
     "a DECIMAL(10, 0), b DECIMAL(5, 0), c STRING, d CHAR(1), e BYTES, f TIME(0), g TIMESTAMP(6), h "
     "TIMESTAMP_LTZ(9) NOT NULL, i ARRAY<INT NOT NULL>, j MAP<STRING, INT>, k ROW<`x` INT, `y` STRING NOT "
     "NULL>, l MULTISET<INT>\n"},
};

static const struct test_case types_cases[] = {
    {"CREATE TABLE x1 (a DECIMAL(39, 2))",
     "INVALID_ARGUMENT: the precision of DECIMAL must be between 1 and 38, not 39\n"
     "at: DECIMAL(39, 2)\n"},
    {"CREATE TABLE x1 (a DECIMAL(10, 12))", "INVALID_ARGUMENT: the scale of DECIMAL must be between 0 and 10, not 12\n"
                                            "at: DECIMAL(10, 12)\n"},
    {"CREATE TABLE x1 (a TIMESTAMP(10))",
     "INVALID_ARGUMENT: the precision of TIMESTAMP must be between 0 and 9, not 10\n"
     "at: TIMESTAMP(10)\n"},
    {"CREATE TABLE x1 (a VARCHAR(0))", "INVALID_ARGUMENT: the length of VARCHAR must be at least 1\n"
                                       "at: VARCHAR(0)\n"},
    {"CREATE TABLE x1 (a RAW('x', 'y'))", "NOT_SUPPORTED: type RAW is not supported\n"
                                          "at: RAW('x', 'y')\n"},
    {"CREATE TABLE x1 (a FOO)", "UNDEFINED_NAME: type 'FOO' not found\n"
                                "at: FOO\n"},
    {"CREATE TABLE x1 (a TEXT)", "UNDEFINED_NAME: type 'TEXT' not found\n"
                                 "at: TEXT\n"
                                 "hint: here it is STRING\n"},
    {"SELECT CAST(1 AS BIGNT)", "UNDEFINED_NAME: type 'BIGNT' not found\n"
                                "at: BIGNT\n"
                                "hint: did you mean BIGINT?\n"},
    {"CREATE TABLE x1 (a ROW<b INT, b INT>)", "DUPLICATE_NAME: the ROW has two fields 'b'\n"
                                              "at: b INT\n"},
};

static const struct test_case keys_cases[] = {
    {"CREATE TABLE x1 (a INT, PRIMARY KEY (b) NOT ENFORCED)", "UNDEFINED_COLUMN: column 'b' of PRIMARY KEY not found\n"
                                                              "at: b\n"},
    {"CREATE TABLE x1 (a INT, b AS a, PRIMARY KEY (b) NOT ENFORCED)",
     "INVALID_QUERY: column 'b' cannot be part of the PRIMARY KEY: it is a computed column\n"
     "at: b\n"},
    {"CREATE TABLE x1 (a INT PRIMARY KEY NOT ENFORCED, b INT, PRIMARY KEY (b) NOT ENFORCED)",
     "INVALID_QUERY: the table has two primary keys\n"
     "at: PRIMARY KEY (b) NOT ENFORCED\n"},
    {"CREATE TABLE x1 (a INT, UNIQUE (a) NOT ENFORCED)", "NOT_SUPPORTED: UNIQUE is not supported\n"
                                                         "at: UNIQUE (a) NOT ENFORCED\n"},
    {"CREATE TABLE x1 (a INT, PRIMARY KEY (a) ENFORCED)",
     "NOT_SUPPORTED: an ENFORCED key is not supported\n"
     "at: PRIMARY KEY (a) ENFORCED\n"
     "hint: write NOT ENFORCED: rows of one key replace each other\n"},
    {"CREATE TABLE x1 (a INT, PRIMARY KEY (a, a) NOT ENFORCED)", "DUPLICATE_NAME: PRIMARY KEY names column 'a' twice\n"
                                                                 "at: a\n"},
    {"CREATE TABLE x1 (a INT, b STRING, c INT, PRIMARY KEY (c, a) NOT ENFORCED)",
     "CREATE TABLE `cat`.`db`.`x1` (\n"
     "  `a` INT NOT NULL,\n"
     "  `b` STRING,\n"
     "  `c` INT NOT NULL,\n"
     "  PRIMARY KEY (`c`, `a`) NOT ENFORCED\n"
     ")\n"},
    {"SELECT * FROM x1", "Scan: cat.db.x1 [a, b, c]\n"
                         "a INT NOT NULL, b STRING, c INT NOT NULL\n"},
};

static const struct test_case watermarks_cases[] = {
    {"CREATE TABLE x1 (a INT, WATERMARK FOR a AS a)",
     "TYPE_MISMATCH: the time column 'a' of a watermark must be TIMESTAMP or TIMESTAMP_LTZ, not INT\n"
     "at: a\n"},
    {"CREATE TABLE x1 (a TIMESTAMP(3), WATERMARK FOR b AS a)", "UNDEFINED_COLUMN: column 'b' of WATERMARK not found\n"
                                                               "at: b\n"},
    {"CREATE TABLE x1 (a TIMESTAMP(3), b TIMESTAMP_LTZ(3), WATERMARK FOR a AS b)",
     "TYPE_MISMATCH: the watermark must have the time column's type TIMESTAMP(3), not TIMESTAMP_LTZ(3)\n"
     "at: b\n"},
    {"CREATE TABLE x1 (r ROW<ts TIMESTAMP(3)>, WATERMARK FOR r.ts AS r.ts)",
     "NOT_SUPPORTED: a watermark on a field of a ROW column is not supported\n"
     "at: r.ts\n"},
    {"CREATE TABLE x1 (s STRING, a AS CAST(s AS TIMESTAMP(3)), WATERMARK FOR a AS a - INTERVAL '1' SECOND)",
     "CREATE TABLE `cat`.`db`.`x1` (\n"
     "  `s` STRING,\n"
     "  `a` AS CAST(s AS TIMESTAMP(3)),\n"
     "  WATERMARK FOR `a` AS a - INTERVAL '1' SECOND\n"
     ")\n"},
    {"SELECT * FROM x1", "Watermark: a AS a - INTERVAL '+0 00:00:01.000' DAY TO SECOND(3)\n"
                         "  Project: s, CAST(s AS TIMESTAMP(3)) AS a\n"
                         "    Scan: cat.db.x1 [s]\n"
                         "s STRING, a TIMESTAMP(3) *rowtime*\n"},
};

static const struct test_case partitions_and_options_cases[] = {
    {"CREATE TABLE x1 (a INT) PARTITIONED BY (b)", "UNDEFINED_COLUMN: column 'b' of PARTITIONED BY not found\n"
                                                   "at: b\n"},
    {"CREATE TABLE x1 (a INT) PARTITIONED BY (a, a)", "DUPLICATE_NAME: PARTITIONED BY names 'a' twice\n"
                                                      "at: a\n"},
    {"CREATE TABLE x1 (a INT, b INT) PARTITIONED BY (b) WITH ('connector' = 'filesystem', 'path' = '/x')",
     "CREATE TABLE `cat`.`db`.`x1` (\n"
     "  `a` INT,\n"
     "  `b` INT\n"
     ")\n"
     "PARTITIONED BY (`b`)\n"
     "WITH (\n"
     "  'connector' = 'filesystem',\n"
     "  'path' = '/x'\n"
     ")\n"},
    {"CREATE TABLE x2 (a INT) WITH ('k' = '1', 'k' = '2')", "DUPLICATE_NAME: option 'k' is given twice\n"
                                                            "at: 'k'\n"},
    {"CREATE TABLE x2 (a INT) DISTRIBUTED BY (a) INTO 3 BUCKETS", "NOT_SUPPORTED: DISTRIBUTED BY is not supported\n"
                                                                  "at: BY (a) INTO 3 BUCKETS\n"},
};

static const struct test_case like_tables_cases[] = {
    {"CREATE TABLE good (a INT, m STRING METADATA, b AS UPPER(m), ts TIMESTAMP(3), PRIMARY KEY (a) NOT "
     "ENFORCED, WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka')",
     "CREATE TABLE `cat`.`db`.`good` (\n"
     "  `a` INT NOT NULL,\n"
     "  `m` STRING METADATA,\n"
     "  `b` AS UPPER(m),\n"
     "  `ts` TIMESTAMP(3),\n"
     "  WATERMARK FOR `ts` AS ts,\n"
     "  PRIMARY KEY (`a`) NOT ENFORCED\n"
     ")\n"
     "WITH (\n"
     "  'connector' = 'kafka'\n"
     ")\n"},
    {"CREATE TABLE g2 (z INT) WITH ('topic' = 'q') LIKE good", "CREATE TABLE `cat`.`db`.`g2` (\n"
                                                               "  `a` INT NOT NULL,\n"
                                                               "  `m` STRING METADATA,\n"
                                                               "  `b` AS UPPER(m),\n"
                                                               "  `ts` TIMESTAMP(3),\n"
                                                               "  `z` INT,\n"
                                                               "  WATERMARK FOR `ts` AS ts,\n"
                                                               "  PRIMARY KEY (`a`) NOT ENFORCED\n"
                                                               ")\n"
                                                               "WITH (\n"
                                                               "  'topic' = 'q',\n"
                                                               "  'connector' = 'kafka'\n"
                                                               ")\n"},
    {"CREATE TABLE g3 (z INT) WITH ('connector' = 'print') LIKE good (EXCLUDING ALL)",
     "CREATE TABLE `cat`.`db`.`g3` (\n"
     "  `a` INT NOT NULL,\n"
     "  `ts` TIMESTAMP(3),\n"
     "  `z` INT\n"
     ")\n"
     "WITH (\n"
     "  'connector' = 'print'\n"
     ")\n"},
    {"CREATE TABLE g4 (a INT) LIKE good", "DUPLICATE_NAME: column 'a' is in the LIKE table already\n"
                                          "at: a\n"},
    {"CREATE TABLE g4 (WATERMARK FOR ts AS ts) LIKE good", "INVALID_QUERY: the LIKE table has a watermark already\n"
                                                           "at: WATERMARK FOR ts AS ts\n"
                                                           "hint: LIKE good (OVERWRITING WATERMARKS)\n"},
    {"CREATE TABLE g4 (WATERMARK FOR ts AS ts) LIKE good (OVERWRITING WATERMARKS)", "CREATE TABLE `cat`.`db`.`g4` (\n"
                                                                                    "  `a` INT NOT NULL,\n"
                                                                                    "  `m` STRING METADATA,\n"
                                                                                    "  `b` AS UPPER(m),\n"
                                                                                    "  `ts` TIMESTAMP(3),\n"
                                                                                    "  WATERMARK FOR `ts` AS ts,\n"
                                                                                    "  PRIMARY KEY (`a`) NOT ENFORCED\n"
                                                                                    ")\n"
                                                                                    "WITH (\n"
                                                                                    "  'connector' = 'kafka'\n"
                                                                                    ")\n"},
    {"CREATE TABLE g5 (b AS a * 2) LIKE good (OVERWRITING GENERATED)", "CREATE TABLE `cat`.`db`.`g5` (\n"
                                                                       "  `a` INT NOT NULL,\n"
                                                                       "  `m` STRING METADATA,\n"
                                                                       "  `b` AS a * 2,\n"
                                                                       "  `ts` TIMESTAMP(3),\n"
                                                                       "  WATERMARK FOR `ts` AS ts,\n"
                                                                       "  PRIMARY KEY (`a`) NOT ENFORCED\n"
                                                                       ")\n"
                                                                       "WITH (\n"
                                                                       "  'connector' = 'kafka'\n"
                                                                       ")\n"},
    {"CREATE TABLE g6 (z INT, PRIMARY KEY (z) NOT ENFORCED) LIKE good",
     "INVALID_QUERY: the table has two primary keys\n"
     "at: PRIMARY KEY (z) NOT ENFORCED\n"},
    {"CREATE TABLE g6 (z INT, PRIMARY KEY (z) NOT ENFORCED) LIKE good (EXCLUDING CONSTRAINTS EXCLUDING "
     "WATERMARKS)",
     "CREATE TABLE `cat`.`db`.`g6` (\n"
     "  `a` INT NOT NULL,\n"
     "  `m` STRING METADATA,\n"
     "  `b` AS UPPER(m),\n"
     "  `ts` TIMESTAMP(3),\n"
     "  `z` INT NOT NULL,\n"
     "  PRIMARY KEY (`z`) NOT ENFORCED\n"
     ")\n"
     "WITH (\n"
     "  'connector' = 'kafka'\n"
     ")\n"},
    {"CREATE TABLE g7 WITH ('connector' = 'x') LIKE good (INCLUDING OPTIONS)",
     "DUPLICATE_NAME: the LIKE table has option 'connector' already\n"
     "at: 'connector'\n"
     "hint: LIKE good (OVERWRITING OPTIONS) or (EXCLUDING OPTIONS)\n"},
    {"CREATE TABLE g7 LIKE good (OVERWRITING CONSTRAINTS)",
     "INVALID_QUERY: OVERWRITING is for GENERATED, METADATA, OPTIONS and WATERMARKS only\n"
     "at: OVERWRITING CONSTRAINTS\n"},
    {"CREATE TABLE g7 LIKE good (EXCLUDING METADATA)", "UNDEFINED_COLUMN: computed column 'b': column 'm' not found\n"
                                                       "at: LIKE good (EXCLUDING METADATA)\n"
                                                       "detail: the columns are a, ts\n"},
    {"CREATE TABLE g7 (z INT) LIKE v", "INVALID_QUERY: LIKE needs a table, 'v' is a view\n"
                                       "at: v\n"},
    {"CREATE TABLE g7 (z INT) LIKE goood", "UNDEFINED_TABLE: table 'goood' not found\n"
                                           "at: goood\n"
                                           "detail: looked for cat.db.goood\n"
                                           "hint: did you mean 'good'?\n"},
};

static const struct test_case as_queries_cases[] = {
    {"CREATE TABLE c1 AS SELECT a, COUNT(*) AS n FROM t GROUP BY a", "CREATE TABLE `cat`.`db`.`c1` (\n"
                                                                     "  `a` INT,\n"
                                                                     "  `n` BIGINT NOT NULL\n"
                                                                     ")\n"},
    {"CREATE TABLE c2 (n, a) AS SELECT a, COUNT(*) AS n FROM t GROUP BY a", "CREATE TABLE `cat`.`db`.`c2` (\n"
                                                                            "  `n` BIGINT NOT NULL,\n"
                                                                            "  `a` INT\n"
                                                                            ")\n"},
    {"CREATE TABLE c3 AS SELECT NULL AS x", "TYPE_MISMATCH: column 'x' of the query has no type: it is NULL\n"
                                            "at: SELECT NULL AS x\n"
                                            "hint: CAST(NULL AS type)\n"},
    {"CREATE TABLE c3 (n) AS SELECT a AS n, b FROM t",
     "INVALID_QUERY: the column list names 1 columns, the query has 2\n"
     "at: SELECT a AS n, b FROM t\n"},
    {"CREATE TABLE c3 (nn, a) AS SELECT a, COUNT(*) AS n FROM t GROUP BY a",
     "UNDEFINED_COLUMN: the query has no column 'nn'\n"
     "at: nn\n"},
    {"CREATE TABLE c3 (k INT, PRIMARY KEY (a) NOT ENFORCED) WITH ('x' = 'y') AS SELECT a, b FROM t",
     "CREATE TABLE `cat`.`db`.`c3` (\n"
     "  `k` INT,\n"
     "  `a` INT NOT NULL,\n"
     "  `b` INT,\n"
     "  PRIMARY KEY (`a`) NOT ENFORCED\n"
     ")\n"
     "WITH (\n"
     "  'x' = 'y'\n"
     ")\n"},
};

static const struct test_case inserts_cases[] = {
    {"INSERT INTO u VALUES (1, 2), (NULL, 3000000000)", "Insert u (a, d)\n"
                                                        "Values: (1, 2), (CAST(NULL AS INT), 3000000000)\n"
                                                        "EXPR$0 INT, EXPR$1 BIGINT NOT NULL\n"},
    {"INSERT INTO t (c, a) SELECT 'x', a FROM t", "Insert t (c, a)\n"
                                                  "Project: CAST(`EXPR$0` AS STRING) AS c, a\n"
                                                  "  Project: 'x' AS `EXPR$0`, a\n"
                                                  "    Scan: cat.db.t [a, b, c]\n"
                                                  "c STRING NOT NULL, a INT\n"},
    {"INSERT INTO t SELECT * FROM t", "Insert t (a, b, c)\n"
                                      "Scan: cat.db.t [a, b, c]\n"
                                      "a INT, b INT, c STRING\n"},
    {"INSERT INTO meta (id) VALUES (1)", "Insert meta (id)\n"
                                         "Values: (1)\n"
                                         "EXPR$0 INT NOT NULL\n"},
    {"INSERT INTO parted PARTITION (day = 'mo') SELECT a FROM t", "Insert parted (v, day)\n"
                                                                  "Project: a AS v, 'mo' AS day\n"
                                                                  "  Project: a\n"
                                                                  "    Scan: cat.db.t [a, b, c]\n"
                                                                  "v INT, day STRING NOT NULL\n"},
    {"INSERT OVERWRITE parted VALUES (1, 'x')", "Insert parted (v, day) overwrite\n"
                                                "Values: (1, 'x')\n"
                                                "EXPR$0 INT NOT NULL, EXPR$1 STRING NOT NULL\n"},
    {"INSERT INTO users SELECT id, name, country, address FROM users ON CONFLICT DO DEDUPLICATE",
     "Insert users (id, name, country, address)\n"
     "Scan: cat.db.users [id, name, country, address]\n"
     "id BIGINT NOT NULL, name STRING, country CHAR(2), address ROW<`street` STRING, `zip` INT>\n"},
    {"CREATE TABLE nums (t TINYINT, s SMALLINT, f FLOAT, d DECIMAL(4, 1), dd DOUBLE, ts TIMESTAMP(0), dt "
     "DATE, ch CHAR(3))",
     "CREATE TABLE `cat`.`db`.`nums` (\n"
     "  `t` TINYINT,\n"
     "  `s` SMALLINT,\n"
     "  `f` FLOAT,\n"
     "  `d` DECIMAL(4, 1),\n"
     "  `dd` DOUBLE,\n"
     "  `ts` TIMESTAMP(0),\n"
     "  `dt` DATE,\n"
     "  `ch` CHAR(3)\n"
     ")\n"},
    {"INSERT INTO nums VALUES (1, 2, 1.5, 2.25, 3, TIMESTAMP '2024-01-01 00:00:00.5', DATE '2024-01-01', "
     "'abc')",
     "Insert nums (t, s, f, d, dd, ts, dt, ch)\n"
     "Values: (1, 2, CAST('1.5' AS FLOAT), 2.3, 3.0E0, TIMESTAMP '2024-01-01 00:00:00', DATE '2024-01-01', "
     "'abc')\n"
     "EXPR$0 TINYINT NOT NULL, EXPR$1 SMALLINT NOT NULL, EXPR$2 FLOAT NOT NULL, EXPR$3 DECIMAL(4, 1) NOT "
     "NULL, EXPR$4 DOUBLE NOT NULL, EXPR$5 TIMESTAMP(0) NOT NULL, EXPR$6 DATE NOT NULL, EXPR$7 CHAR(3) NOT "
     "NULL\n"},
    {"INSERT INTO nums (t, s) VALUES (-128, -5), (NULL, 7)", "Insert nums (t, s)\n"
                                                             "Values: (-128, -5), (CAST(NULL AS TINYINT), 7)\n"
                                                             "EXPR$0 TINYINT, EXPR$1 SMALLINT NOT NULL\n"},
    {"INSERT INTO nums (dd, d) SELECT id, price FROM orders",
     "Insert nums (dd, d)\n"
     "Project: CAST(id AS DOUBLE) AS dd, CAST(price AS DECIMAL(4, 1)) AS d\n"
     "  Project: id, price\n"
     "    Watermark: rt AS rt\n"
     "      Scan: cat.db.orders [id, user_id, price, qty, d, open, rt]\n"
     "dd DOUBLE NOT NULL, d DECIMAL(4, 1)\n"},
};

static const struct test_case insert_errors_cases[] = {
    {"INSERT INTO t SELECT a, b FROM t",
     "INVALID_QUERY: column types of query result and sink for 't' do not match: different number of "
     "columns (the query has 2, the sink 3)\n"
     "at: SELECT a, b FROM t\n"
     "detail: query schema: [a: INT, b: INT]; sink schema: [a: INT, b: INT, c: STRING]\n"},
    {"INSERT INTO t SELECT 'x', b, c FROM t",
     "TYPE_MISMATCH: incompatible types for sink column 'a' at position 0: the query has CHAR(1) NOT NULL, "
     "the table INT\n"
     "at: 'x'\n"
     "detail: query schema: [EXPR$0: CHAR(1) NOT NULL, b: INT, c: STRING]; sink schema: [a: INT, b: INT, c: "
     "STRING]\n"
     "hint: CAST(... AS INT)\n"},
    {"INSERT INTO t SELECT * FROM t UNION ALL SELECT 'x', 'y', 'z'",
     "TYPE_MISMATCH: column 1 of UNION mixes types INT and CHAR(1) NOT NULL\n"
     "at: SELECT 'x', 'y', 'z'\n"
     "hint: use CAST to give both sides one type\n"},
    {"INSERT INTO t (c, c) SELECT 'x', a FROM t", "DUPLICATE_NAME: column 'c' is written twice\n"
                                                  "at: c\n"},
    {"INSERT INTO t (nope) SELECT a FROM t", "UNDEFINED_COLUMN: column 'nope' not found in table 't'\n"
                                             "at: nope\n"},
    {"INSERT INTO clicks (pgae) SELECT c FROM t", "UNDEFINED_COLUMN: column 'pgae' not found in table 'clicks'\n"
                                                  "at: pgae\n"
                                                  "hint: did you mean 'page'?\n"},
    {"INSERT INTO u (a) SELECT a FROM t", "NULL_NOT_ALLOWED: column 'd' is NOT NULL and must be in the column list\n"
                                          "at: a\n"},
    {"INSERT INTO u SELECT a, NULL FROM t", "NULL_NOT_ALLOWED: NULL for column 'd', which is NOT NULL\n"
                                            "at: NULL\n"},
    {"INSERT INTO u VALUES (1, NULL)", "NULL_NOT_ALLOWED: NULL for column 'd', which is NOT NULL\n"
                                       "at: NULL\n"},
    {"INSERT INTO meta (id, part) SELECT 1, 2",
     "INVALID_QUERY: column 'part' cannot be written: it is virtual metadata\n"
     "at: part\n"},
    {"INSERT INTO meta (id, twice) SELECT 1, 2", "INVALID_QUERY: column 'twice' cannot be written: it is computed\n"
                                                 "at: twice\n"},
    {"INSERT INTO users (address.zip) SELECT 1",
     "NOT_SUPPORTED: writing a field of a ROW column alone is not supported\n"
     "at: address.zip\n"},
    {"INSERT INTO v VALUES (1, 2)", "INVALID_QUERY: cannot insert into view 'v'\n"
                                    "at: v\n"},
    {"INSERT INTO nowhere VALUES (1, 2)", "UNDEFINED_TABLE: table 'nowhere' not found\n"
                                          "at: nowhere\n"
                                          "detail: looked for cat.db.nowhere\n"},
    {"INSERT INTO t SELECT * FROM u ON CONFLICT DO NOTHING",
     "INVALID_QUERY: ON CONFLICT needs a table with a primary key, 't' has none\n"
     "at: ON CONFLICT DO NOTHING\n"},
    {"INSERT INTO parted VALUES ('x', 'y')",
     "TYPE_MISMATCH: incompatible types for sink column 'v' at position 0: the query has CHAR(1) NOT NULL, "
     "the table INT\n"
     "at: 'x'\n"
     "detail: query schema: [EXPR$0: CHAR(1) NOT NULL, EXPR$1: CHAR(1) NOT NULL]; sink schema: [v: INT, "
     "day: STRING]\n"
     "hint: CAST(... AS INT)\n"},
    {"INSERT INTO parted PARTITION (v = 1) SELECT 'x'",
     "INVALID_QUERY: column 'v' is not in PARTITIONED BY of table 'parted'\n"
     "at: v\n"},
    {"INSERT INTO parted PARTITION (day = DATE '2024-01-01', day = 'x') SELECT 5",
     "DUPLICATE_NAME: PARTITION names column 'day' twice\n"
     "at: day\n"},
    {"CREATE TABLE nums (s SMALLINT, dt DATE)", "CREATE TABLE `cat`.`db`.`nums` (\n"
                                                "  `s` SMALLINT,\n"
                                                "  `dt` DATE\n"
                                                ")\n"},
    {"INSERT INTO nums VALUES (200000, DATE '2024-01-01')",
     "TYPE_MISMATCH: incompatible types for sink column 's' at position 0: the query has INT NOT NULL, the "
     "table SMALLINT\n"
     "at: 200000\n"
     "detail: query schema: [EXPR$0: INT NOT NULL, EXPR$1: DATE NOT NULL]; sink schema: [s: SMALLINT, dt: "
     "DATE]\n"
     "hint: CAST(... AS SMALLINT)\n"},
    {"INSERT INTO nums SELECT 1, DATE '2024-01-01'",
     "TYPE_MISMATCH: incompatible types for sink column 's' at position 0: the query has INT NOT NULL, the "
     "table SMALLINT\n"
     "at: 1\n"
     "detail: query schema: [EXPR$0: INT NOT NULL, EXPR$1: DATE NOT NULL]; sink schema: [s: SMALLINT, dt: "
     "DATE]\n"
     "hint: CAST(... AS SMALLINT)\n"},
    {"INSERT INTO nums (dt) VALUES ('2024-01-01')",
     "TYPE_MISMATCH: incompatible types for sink column 'dt' at position 0: the query has CHAR(10) NOT "
     "NULL, the table DATE\n"
     "at: '2024-01-01'\n"
     "detail: query schema: [EXPR$0: CHAR(10) NOT NULL]; sink schema: [dt: DATE]\n"
     "hint: CAST(... AS DATE)\n"},
};

static const struct test_case modification_cases[] = {
    {"DELETE FROM users WHERE country = 'x' AND id > 5", "Delete users (id)\n"
                                                         "Project: id\n"
                                                         "  Filter: country = 'x' AND id > 5\n"
                                                         "    Scan: cat.db.users [id, name, country, address]\n"
                                                         "id BIGINT NOT NULL\n"},
    {"DELETE FROM t AS x WHERE x.a IN (SELECT a FROM u)", "Delete t (a, b, c)\n"
                                                          "Project: a, b, c\n"
                                                          "  Filter: a IN (<subquery>)\n"
                                                          "    Subquery 1\n"
                                                          "      Project: a\n"
                                                          "        Scan: cat.db.u [a, d]\n"
                                                          "    Scan: cat.db.t [a, b, c]\n"
                                                          "a INT, b INT, c STRING\n"},
    {"DELETE FROM meta", "Delete meta (id)\n"
                         "Project: id\n"
                         "  Project: id, part, stamp, id * 2 AS twice\n"
                         "    Scan: cat.db.meta [id, part, stamp]\n"
                         "id INT NOT NULL\n"},
    {"UPDATE users SET name = UPPER(name), country = 'de' WHERE users.id = 3",
     "Update users (id, name, country)\n"
     "Project: id, UPPER(name) AS name, 'de' AS country\n"
     "  Filter: id = 3\n"
     "    Scan: cat.db.users [id, name, country, address]\n"
     "id BIGINT NOT NULL, name STRING, country CHAR(2) NOT NULL\n"},
    {"UPDATE meta m SET m.stamp = NULL", "Update meta (id, stamp)\n"
                                         "Project: id, CAST(NULL AS TIMESTAMP_LTZ(3)) AS stamp\n"
                                         "  Project: id, part, stamp, id * 2 AS twice\n"
                                         "    Scan: cat.db.meta [id, part, stamp]\n"
                                         "id INT NOT NULL, stamp TIMESTAMP_LTZ(3)\n"},
    {"UPDATE users SET id = 5",
     "INVALID_QUERY: column 'id' is part of the primary key of 'users' and cannot be changed\n"
     "at: id\n"
     "hint: DELETE the row and INSERT another one\n"},
    {"UPDATE users SET name = 'a', name = 'b'", "DUPLICATE_NAME: SET names column 'name' twice\n"
                                                "at: name\n"},
    {"UPDATE users SET nmae = 'a'", "UNDEFINED_COLUMN: column 'nmae' not found in table 'users'\n"
                                    "at: nmae\n"
                                    "hint: did you mean 'name'?\n"},
    {"UPDATE meta SET twice = 5", "INVALID_QUERY: column 'twice' cannot be written: it is computed\n"
                                  "at: twice\n"},
    {"UPDATE meta SET part = 5", "INVALID_QUERY: column 'part' cannot be written: it is virtual metadata\n"
                                 "at: part\n"},
    {"UPDATE users SET address.zip = 5", "NOT_SUPPORTED: setting a field of a ROW column alone is not supported\n"
                                         "at: address.zip\n"},
    {"UPDATE users SET name = 5", "TYPE_MISMATCH: column 'name' has type STRING, its new value INT NOT NULL\n"
                                  "at: 5\n"
                                  "hint: CAST(... AS STRING)\n"},
    {"UPDATE t SET a = 5", "INVALID_QUERY: UPDATE needs a table with a primary key, 't' has none\n"
                           "at: t\n"},
    {"DELETE FROM v WHERE a = 1", "INVALID_QUERY: cannot delete from view 'v'\n"
                                  "at: v\n"},
    {"DELETE FROM t WHERE a", "TYPE_MISMATCH: the condition of WHERE must be BOOLEAN, not INT\n"
                              "at: a\n"},
};

#define CASES(topic) topic##_cases, sizeof topic##_cases / sizeof *topic##_cases

static void columns(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(columns), false), 0);
}

static void types(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(types), false), 0);
}

static void keys(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(keys), false), 0);
}

static void watermarks(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(watermarks), false), 0);
}

static void partitions_and_options(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(partitions_and_options), false), 0);
}

static void like_tables(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(like_tables), false), 0);
}

static void as_queries(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(as_queries), false), 0);
}

static void inserts(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(inserts), false), 0);
}

static void insert_errors(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(insert_errors), false), 0);
}

static void modifications(void **state) {
    (void)state;
    assert_int_equal(test_cases(CASES(modification), false), 0);
}

const struct CMUnitTest bind_ddl_tests[] = {
    cmocka_unit_test(columns),
    cmocka_unit_test(types),
    cmocka_unit_test(keys),
    cmocka_unit_test(watermarks),
    cmocka_unit_test(partitions_and_options),
    cmocka_unit_test(like_tables),
    cmocka_unit_test(as_queries),
    cmocka_unit_test(inserts),
    cmocka_unit_test(insert_errors),
    cmocka_unit_test(modifications),
};
const size_t bind_ddl_tests_count = sizeof bind_ddl_tests / sizeof *bind_ddl_tests;
