#!/usr/bin/env python3
"""ALTER TABLE and ALTER DATABASE in a catalog of Cassandra and in one of the embedded store: the same script, every result the
same. Cassandra's own driver then says what is there: columns, static ones, properties, replication. What CQL cannot do is an
error that says so, and changes nothing."""
import os
import subprocess
import sys

import driver

HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
MILLRACE, TMP = os.environ["MILLRACE"], os.environ.get("TMP", "/tmp")
KEYSPACE = f"alter_like_{os.getpid()}"
CATALOG = {
    "cassandra": f"CREATE CATALOG x WITH ('type' = 'cassandra', 'hosts' = '{HOST}:{PORT}');",
    "store": "CREATE CATALOG x WITH ('type' = 'store');",
}
ORDER = "ORDER BY p, c"

# Statements, or (query) tuples whose results must be equal.
SCRIPT = [
    "CREATE TABLE t (p INT, c INT, s STRING, v INT, w STRING, PRIMARY KEY (p, c) NOT ENFORCED) "
    "WITH ('static-columns' = 's')",
    "INSERT INTO t VALUES (1, 1, 'one', 11, 'a'), (1, 2, 'one', 12, 'b'), (2, 1, 'two', 21, 'c')",
    "ALTER TABLE t ADD x DOUBLE AFTER p",
    (f"SELECT * FROM t {ORDER}", ),
    "ALTER TABLE t DROP v",
    "ALTER TABLE t ADD v INT",
    (f"SELECT * FROM t {ORDER}", ),
    "INSERT INTO t (p, c, v) VALUES (1, 1, 5)",
    "ALTER TABLE t ADD (y TIMESTAMP(3), z ARRAY<INT>)",
    "INSERT INTO t (p, c, y, z) VALUES (2, 2, TIMESTAMP '2026-01-02 03:04:05.678', ARRAY[1, 2])",
    (f"SELECT p, c, v, y, z FROM t {ORDER}", ),
    "ALTER TABLE t ADD s2 STRING STATIC",
    "INSERT INTO t (p, s2) VALUES (1, 'both')",
    "ALTER TABLE t RENAME c TO cc",
    "ALTER TABLE t RENAME p TO pp",
    ("SELECT * FROM t ORDER BY pp, cc", ),
    "ALTER TABLE t ADD (k AS v + 1, WATERMARK FOR y AS y - INTERVAL '1' SECOND)",
    ("SELECT pp, cc, k FROM t ORDER BY pp, cc", ),
    "ALTER TABLE t DROP WATERMARK",
    "ALTER TABLE t DROP (k, y, z)",
    "ALTER TABLE t MODIFY w STRING COMMENT 'words' FIRST",
    ("SELECT * FROM t ORDER BY pp, cc", ),
    "ALTER TABLE t SET ('default-time-to-live' = '5 d')",
    ("SELECT w, pp, cc FROM t WHERE pp = 1 ORDER BY cc", ),
    "CREATE TABLE made (PRIMARY KEY (k) NOT ENFORCED) AS SELECT cc AS n, pp * 10 + cc AS k FROM t",
    ("SELECT k, n FROM made ORDER BY k", ),
    "REPLACE TABLE made (PRIMARY KEY (n) NOT ENFORCED) AS SELECT cc * 10 AS n FROM t",
    ("SELECT * FROM made ORDER BY n", ),
    "DROP TABLE made",
]

# Refused by both.
REFUSED = [
    "ALTER TABLE t DROP pp",
    "ALTER TABLE t DROP PRIMARY KEY",
    "ALTER TABLE t MODIFY w INT",
    "ALTER TABLE t MODIFY w STRING STATIC",
    "ALTER TABLE t ADD w STRING",
    "ALTER TABLE t ADD n INT NOT NULL",
    "ALTER TABLE t ADD PARTITION (pp = 1)",
    "ALTER TABLE t SET ('no-such-option' = '1')",
]

# By Cassandra alone.
REFUSED_BY_CQL = {
    "ALTER TABLE t RENAME w TO ww": "Cassandra renames columns of the primary key only",
    "ALTER TABLE t RENAME TO t2": "Cassandra cannot rename tables",
    "ALTER TABLE t SET ('sink.parallelism' = '2')": None,
    "ALTER TABLE t SET ('scan.fetch-size' = '7')": None,
    "INSERT OVERWRITE t (pp, cc) VALUES (1, 1)": "TRUNCATE TABLE, then INSERT INTO",
}


def fail(message):
    sys.exit(message)


def millrace(kind, statements, status=0):
    database = f"x.{KEYSPACE}"
    text = f"{CATALOG[kind]}\nCREATE DATABASE IF NOT EXISTS {database};\nUSE {database};\n" + ";\n".join(statements) + ";\n"
    path = os.path.join(TMP, f"{kind}.sql")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    process = subprocess.run([MILLRACE, "sql", "--format", "csv", "-f", path], capture_output=True, text=True, timeout=300)
    if process.returncode != status:
        fail(f"{kind}: exit status {process.returncode}, wanted {status}: {process.stderr[-2000:]}")
    return process.stdout if status == 0 else process.stderr


def flat(script):
    return [s[0] if isinstance(s, tuple) else s for s in script]


def columns(session):
    rows = session.execute("SELECT column_name, kind, type FROM system_schema.columns WHERE keyspace_name = %s "
                           "AND table_name = 't'", (KEYSPACE, ))
    return {row.column_name: (row.kind, row.type) for row in rows}


def main():
    cluster = driver.connect(HOST, PORT)
    session = cluster.connect()
    try:
        results = {kind: millrace(kind, flat(SCRIPT)) for kind in ("store", "cassandra")}
        if results["store"] != results["cassandra"]:
            fail(f"store:\n{results['store']}\ncassandra:\n{results['cassandra']}")
        if results["store"].count("\n") < 20:
            fail(f"too few results:\n{results['store']}")
        before = columns(session)
        want = {"pp": ("partition_key", "int"), "cc": ("clustering", "int"), "s": ("static", "text"),
                "s2": ("static", "text"), "v": ("regular", "int"), "w": ("regular", "text"), "x": ("regular", "double")}
        if before != want:
            fail(f"columns: {before}")
        ttl = session.execute("SELECT default_time_to_live FROM system_schema.tables WHERE keyspace_name = %s AND "
                              "table_name = 't'", (KEYSPACE, )).one().default_time_to_live
        if ttl != 5 * 86400:
            fail(f"default_time_to_live: {ttl}")
        for statement in REFUSED:
            millrace("cassandra", [statement], status=1)
            millrace("store", [s for s in flat(SCRIPT) if not s.startswith("SELECT")] + [statement], status=1)
        for statement, words in REFUSED_BY_CQL.items():
            err = millrace("cassandra", [statement], status=1)
            if words and words not in err:
                fail(f"{statement}: {err}")
        if columns(session) != before:
            fail(f"a refused statement changed something: {columns(session)}")
        # options of Cassandra's own, and of the keyspace
        millrace("cassandra", ["ALTER TABLE t SET ('cql.gc_grace_seconds' = '3600', 'cql.comment_free' = '1')"], status=1)
        millrace("cassandra", ["ALTER TABLE t SET ('cql.gc_grace_seconds' = '3600')",
                               "ALTER TABLE t RESET ('cql.default_time_to_live')",
                               f"ALTER DATABASE {KEYSPACE} SET ('replication' = "
                               "'{''class'': ''SimpleStrategy'', ''replication_factor'': 1}')"])
        row = session.execute("SELECT default_time_to_live, gc_grace_seconds FROM system_schema.tables WHERE "
                              "keyspace_name = %s AND table_name = 't'", (KEYSPACE, )).one()
        if (row.default_time_to_live, row.gc_grace_seconds) != (0, 3600):
            fail(f"properties: {row}")
        replication = session.execute("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s",
                                      (KEYSPACE, )).one().replication
        if "SimpleStrategy" not in replication["class"]:
            fail(f"replication: {replication}")
        # counters: what is added is one too
        session.execute(f"CREATE TABLE {KEYSPACE}.hits (k int PRIMARY KEY, a counter)")
        out = millrace("cassandra", ["ALTER TABLE hits ADD b BIGINT", "INSERT INTO hits VALUES (1, 2, 3)",
                                     "INSERT INTO hits VALUES (1, 2, 3)", "SELECT * FROM hits"])
        if out != "k,a,b\n1,4,6\n":
            fail(f"counters: {out}")
        # another connection under the same name: the session's views stay
        out = millrace("cassandra", ["CREATE VIEW names AS SELECT pp, cc FROM t WHERE cc = 2 AND pp = 1",
                                     "ALTER CATALOG x SET ('consistency' = 'LOCAL_ONE')", "SELECT * FROM names",
                                     "ALTER CATALOG x RESET ('consistency')", "ALTER VIEW names RENAME TO others",
                                     "SELECT * FROM others"])
        if out != "pp,cc\n1,2\npp,cc\n1,2\n":
            fail(f"ALTER CATALOG: {out}")
    finally:
        session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
        cluster.shutdown()


main()
