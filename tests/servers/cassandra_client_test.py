#!/usr/bin/env python3
"""SQL against a real Cassandra, Cassandra's own driver as the second opinion: what INSERT wrote (values, NULLs, columns left
alone, timestamps, deletes of a view that shrinks), what predicates return and whether they are pushed, the catalog's
statements, and errors with their exit status."""
import csv
import datetime
import decimal
import io
import os
import random
import subprocess
import sys

import driver

MILLRACE = os.environ["MILLRACE"]
HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
KEYSPACE = f"client_{os.getpid()}"
CATALOG = f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{HOST}:{PORT}');\nUSE CATALOG c;\n"
rng = random.Random(int(os.environ.get("MILLRACE_TEST_SEED", "5")))


def millrace(script, status=0, args=()):
    run = subprocess.run([MILLRACE, "sql", "--format", "csv", *args], input=script, capture_output=True, text=True, timeout=300)
    if run.returncode != status:
        sys.exit(f"{script}\nexit status {run.returncode} instead of {status}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
    return run


def query(sql, keyspace=True):
    use = f"USE {KEYSPACE};\n" if keyspace else ""
    return list(csv.reader(io.StringIO(millrace(CATALOG + use + sql).stdout)))[1:]


def equal(what, got, expected):
    if got != expected:
        sys.exit(f"{what}:\n{got!r}\ninstead of\n{expected!r}")


def catalog_statements(session):
    millrace(CATALOG + f"CREATE DATABASE {KEYSPACE}; USE {KEYSPACE}; CREATE TABLE t (b STRING, a INT, at TIMESTAMP(3), w AS a + 1, "
             "price DECIMAL(10, 2), PRIMARY KEY (a, b) NOT ENFORCED, WATERMARK FOR at AS at - INTERVAL '5' SECOND) "
             "WITH ('clustering-order' = 'b DESC', 'cql.gc_grace_seconds' = '3600');")
    session.set_keyspace(KEYSPACE)
    session.cluster.refresh_schema_metadata()
    table = session.cluster.metadata.keyspaces[KEYSPACE].tables["t"]
    equal("partition key", [c.name for c in table.partition_key], ["a"])
    equal("clustering", [(c.name, c.is_reversed) for c in table.clustering_key], [("b", True)])
    equal("types", {n: c.cql_type for n, c in table.columns.items()},
          {"a": "int", "b": "text", "at": "timestamp", "price": "decimal"})
    equal("property", table.options["gc_grace_seconds"], 3600)
    # another session sees the definition as it was written
    equal("describe", [row[:2] for row in query("DESCRIBE t;")],
          [["b", "STRING"], ["a", "INT"], ["at", "TIMESTAMP(3)"], ["w", "INT"], ["price", "DECIMAL(10, 2)"]])
    equal("databases", KEYSPACE in [r[0] for r in query("SHOW DATABASES;")], True)
    equal("no system keyspaces", [r for r in query("SHOW DATABASES;") if r[0].startswith("system")], [])
    equal("tables", query("CREATE VIEW v AS SELECT a FROM t; SHOW TABLES;")[0:2], [["t"], ["v"]])
    millrace(CATALOG + f"USE {KEYSPACE}; DROP TABLE t;")
    session.cluster.refresh_schema_metadata()
    equal("dropped", "t" in session.cluster.metadata.keyspaces[KEYSPACE].tables, False)


def values_arrive(session):
    session.execute("CREATE TABLE v (k int PRIMARY KEY, a ascii, t text, b boolean, i1 tinyint, i2 smallint, i8 bigint, f float, d double, "
                    "vi varint, de decimal, dt date, tm time, ts timestamp, u uuid, n inet, du duration, bl blob, li list<int>, "
                    "ma map<text, int>)")
    millrace(CATALOG + f"""USE {KEYSPACE};
        INSERT INTO v (k, a, t, b, i1, i2, i8, f, d, vi, de, dt, tm, ts, u, n, du, bl, li, ma) VALUES (1, 'x', 'ä€', TRUE,
        CAST(-128 AS TINYINT), CAST(32767 AS SMALLINT), 9223372036854775807, CAST(1.5 AS FLOAT), CAST(-2.25 AS DOUBLE),
        99999999999999999999999999999999999999, -12.5, DATE '2024-02-29', CAST('12:34:56.123456789' AS TIME(9)),
        TO_TIMESTAMP_LTZ(1709168523456, 3), '00112233-4455-6677-8899-aabbccddeeff', '2001:db8::1', '1mo2d3h', x'00ff',
        ARRAY[3, 1, 2], MAP['a', 1, 'b', 2]);
        INSERT INTO v (k, t, i8) VALUES (2, CAST(NULL AS STRING), 5);""")
    row = session.execute("SELECT * FROM v WHERE k = 1").one()
    equal("row", (row.a, row.t, row.b, row.i1, row.i2, row.i8, row.f, row.d), ("x", "ä€", True, -128, 32767, 2**63 - 1, 1.5, -2.25))
    equal("numbers", (row.vi, row.de), (10**38 - 1, decimal.Decimal("-12.5")))
    equal("times", (str(row.dt), str(row.tm), row.ts),
          ("2024-02-29", "12:34:56.123456789", datetime.datetime(2024, 2, 29, 1, 2, 3, 456000)))
    equal("others", (str(row.u), row.n, (row.du.months, row.du.days, row.du.nanoseconds), row.bl, row.li, dict(row.ma)),
          ("00112233-4455-6677-8899-aabbccddeeff", "2001:db8::1", (1, 2, 3 * 3600 * 10**9), b"\0\xff", [3, 1, 2], {"a": 1, "b": 2}))
    # a column that INSERT leaves out keeps its value; a NULL that was computed deletes one
    millrace(CATALOG + f"USE {KEYSPACE}; INSERT INTO v (k, t, i8) VALUES (1, CAST(NULL AS STRING), 6);")
    row = session.execute("SELECT t, i8, b, d FROM v WHERE k = 1").one()
    equal("partial row", (row.t, row.i8, row.b, row.d), (None, 6, True, -2.25))
    millrace(CATALOG + f"USE {KEYSPACE}; INSERT INTO v /*+ OPTIONS('sink.ignore-null'='true') */ (k, t, i8) "
             "VALUES (1, 'back', CAST(NULL AS BIGINT));")
    row = session.execute("SELECT t, i8 FROM v WHERE k = 1").one()
    equal("ignored NULL", (row.t, row.i8), ("back", 6))
    row = session.execute("SELECT writetime(t) AS w, ttl(t) AS l FROM v WHERE k = 1").one()
    now = datetime.datetime.now().timestamp() * 1e6
    equal("write timestamp", now - 3600e6 < row.w <= now and row.l is None, True)


def predicates(session):
    session.execute("CREATE TABLE e (u bigint, c text, n int, x double, PRIMARY KEY (u, c, n)) WITH CLUSTERING ORDER BY (c DESC, n ASC)")
    insert = session.prepare("INSERT INTO e (u, c, n, x) VALUES (?, ?, ?, ?)")
    rows = set()
    for _ in range(1500):
        row = (rng.randrange(20), rng.choice("abcd"), rng.randrange(50), float(rng.randrange(5)))
        rows = {r for r in rows if r[:3] != row[:3]} | {row}
        session.execute(insert, row)
    tests = [
        ("u = {u}", True), ("u IN ({u}, {v}, 99)", True), ("u = {u} AND c = '{c}'", True), ("u = {u} AND c > '{c}'", True),
        ("u = {u} AND c = '{c}' AND n BETWEEN {n} AND {m}", True), ("u = {u} AND c IN ('{c}', 'z') AND n < {n}", True),
        ("u = {u} AND n = {n}", True), ("u = {u} AND x > 2", True), ("u IN ({u}, {v}) AND c = '{c}' AND x < 3", True),
        ("c = '{c}'", False), ("u > {u}", False), ("u = {u} OR n = {n}", False), ("x = 3", False), ("n < {n} AND c <> '{c}'", False),
    ]
    script, expected = [], []
    for _ in range(3):
        for where, by_key in tests:
            names = {"u": rng.randrange(22), "v": rng.randrange(20), "c": rng.choice("abcde"), "n": rng.randrange(50)}
            names["m"] = names["n"] + rng.randrange(20)
            where = where.format(**names)
            condition = where.replace(" = ", " == ").replace("<>", "!=").replace(" AND ", " and ").replace(" OR ", " or ")
            condition = condition.replace(" IN ", " in ").replace(f"n BETWEEN {names['n']} and {names['m']}", f"{names['n']} <= n <= {names['m']}")
            match = sorted(r for r in rows if eval(condition, dict(zip("ucnx", r))))
            script.append(f"SELECT COUNT(*), SUM(n), MIN(x) FROM e WHERE {where};\nEXPLAIN SELECT * FROM e WHERE {where};\n")
            expected.append((where, by_key, [str(len(match)), str(sum(r[2] for r in match)) if match else "",
                                             str(min(r[3] for r in match)) if match else ""]))
    out = millrace(CATALOG + f"USE {KEYSPACE};\n" + "".join(script)).stdout
    blocks = out.split("EXPR$0,EXPR$1,EXPR$2\n")[1:]
    equal("blocks", len(blocks), len(expected))
    for block, (where, by_key, figures) in zip(blocks, expected):
        equal(where, block.split("\n")[0].split(","), figures)
        equal(f"{where}: pushed down", "FULL SCAN" not in block, by_key)
        equal(f"{where}: explained", ("FULL SCAN of" in block) != ("partition key" in block), True)
    equal("limit", len(query("SELECT * FROM e LIMIT 7;")), 7)
    equal("count", query("SELECT COUNT(*) FROM e;"), [[str(len(rows))]])


def errors(session):
    session.execute("CREATE TABLE plain (k text PRIMARY KEY, n int)")
    declared = f"WITH ('connector'='cassandra', 'hosts'='{HOST}:{PORT}', 'keyspace'='{KEYSPACE}', 'table'='plain')"
    cases = [
        (3, "CREATE CATALOG x WITH ('type'='cassandra', 'hosts'='127.0.0.1:1');", "127.0.0.1:1: cannot connect: connection refused"),
        (1, "CREATE CATALOG x WITH ('type'='cassandra', 'host'='h');", "did you mean 'hosts'?"),
        (1, CATALOG + f"SELECT * FROM {KEYSPACE}.plane;", "plane"),
        (1, CATALOG + f"SELECT * FROM client_none.plain;", "client_none"),
        (1, CATALOG + f"CREATE TABLE {KEYSPACE}.nokey (a INT);", "needs a primary key"),
        (1, f"CREATE TABLE t (k STRING, m INT) {declared}; SELECT * FROM t;", "has no column 'm'"),
        (1, f"CREATE TABLE t (k STRING, n STRING) {declared}; SELECT * FROM t;", "column 'n' is int in Cassandra"),
        (1, f"CREATE TABLE t (k STRING, n INT) {declared[:-1]}, 'scan.pagesize'='5');", "did you mean 'scan.page-size'?"),
        (1, CATALOG + f"CREATE TABLE {KEYSPACE}.plain (k STRING PRIMARY KEY NOT ENFORCED);", "plain"),
    ]
    for status, script, message in cases:
        got = millrace(script, status=status).stderr
        if message not in got:
            sys.exit(f"{script}\nsays\n{got}\ninstead of\n{message}")


def declared_tables(session):
    session.execute("CREATE TABLE d (k int, at timestamp, id uuid, v decimal, PRIMARY KEY (k, at))")
    table = (f"CREATE TABLE d (k INT, at TIMESTAMP(3), id STRING, v DECIMAL(8, 3), PRIMARY KEY (k, at) NOT ENFORCED) WITH "
             f"('connector'='cassandra', 'hosts'='{HOST}', 'port'='{PORT}', 'keyspace'='{KEYSPACE}', 'consistency-level'='ONE');\n")
    millrace(table + "INSERT INTO d VALUES (1, TIMESTAMP '2024-01-01 00:00:00.5', '00112233-4455-6677-8899-aabbccddeeff', 1.5);")
    equal("declared", list(csv.reader(io.StringIO(millrace(table + "SELECT * FROM d WHERE k = 1;").stdout)))[1:],
          [["1", "2024-01-01 00:00:00.500", "00112233-4455-6677-8899-aabbccddeeff", "1.500"]])
    equal("instant", session.execute("SELECT at FROM d").one().at, datetime.datetime(2024, 1, 1, 0, 0, 0, 500000))
    got = millrace(table + "INSERT INTO d VALUES (2, TIMESTAMP '2024-01-01 00:00:00', 'no uuid', 1);", status=1).stderr
    equal("bad uuid", "column 'id': 'no uuid' is no uuid" in got, True)


def main():
    cluster = driver.connect(HOST, PORT, protocol_version=5)
    session = cluster.connect()
    try:
        catalog_statements(session)
        values_arrive(session)
        predicates(session)
        errors(session)
        declared_tables(session)
    finally:
        session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
        cluster.shutdown()


main()
