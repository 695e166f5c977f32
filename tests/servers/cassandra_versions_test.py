#!/usr/bin/env python3
"""The same SQL against every version of Cassandra that starts here, with every version of the native protocol it knows, plain
and with LZ4; Cassandra's own driver as the second opinion. Types there and back, scans by pages, predicates, upserts and
deletes, the catalog's statements, traces and warnings; what a version cannot do has its message. MILLRACE_TEST_VERSIONS="4.1.10 3.11.19"
names other versions than these."""
import csv
import datetime
import decimal
import io
import os
import re
import subprocess
import sys
import uuid

from cassandra.util import Date, Duration, Time

import driver

MILLRACE, SCRIPTS, TMP = os.environ["MILLRACE"], os.environ["MILLRACE_SERVER_SCRIPTS"], os.environ["TMP"]
VERSIONS = os.environ.get("MILLRACE_TEST_VERSIONS", "4.1.10 4.0.18 3.11.19").split()
KEYSPACE = f"versions_{os.getpid()}"
PARTITIONS, ROWS = 40, 30


def equal(what, got, expected):
    if got != expected:
        sys.exit(f"{what}:\n{got!r}\ninstead of\n{expected!r}")


def millrace(script, status=0, args=()):
    run = subprocess.run([MILLRACE, "sql", "--format", "csv", *args], input=script, capture_output=True, text=True, timeout=300)
    if run.returncode != status:
        sys.exit(f"{script}\nexit status {run.returncode} instead of {status}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
    return run


TYPES = {"a": "ascii", "t": "text", "b": "boolean", "i1": "tinyint", "i2": "smallint", "i4": "int", "i8": "bigint", "f": "float",
         "d": "double", "vi": "varint", "de": "decimal", "dt": "date", "tm": "time", "ts": "timestamp", "u": "uuid", "tu": "timeuuid",
         "n": "inet", "du": "duration", "bl": "blob", "li": "list<int>", "se": "set<smallint>", "ma": "map<text, frozen<list<date>>>",
         "tp": "frozen<tuple<int, text, tinyint>>", "ud": "frozen<pair>"}
VALUES = {"a": "x", "t": "ä€𝄞", "b": True, "i1": -128, "i2": 32767, "i4": -2**31, "i8": 2**63 - 1, "f": 1.5, "d": -2.25,
          "vi": 10**30, "de": decimal.Decimal("-12.5"), "dt": Date("2024-02-29"), "tm": Time(45296123456789),
          "ts": datetime.datetime(2024, 2, 29, 1, 2, 3, 456000), "u": uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"),
          "tu": uuid.UUID("d2177dd0-eaa2-11de-a572-001b779c76e3"), "n": "2001:db8::1", "du": Duration(1, 2, 3 * 3600 * 10**9),
          "bl": b"\0\xff", "li": [3, 1, 2], "se": {5, -7}, "ma": {"k": [Date("1970-01-01"), Date("2000-12-31")]},
          "tp": (1, "zwei", 3), "ud": ("left", 4)}


def prepare(session):
    """Tables that the driver fills."""
    session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    session.set_keyspace(KEYSPACE)
    session.execute("CREATE TYPE pair (l text, r smallint)")
    columns = ", ".join(f"{n} {t}" for n, t in TYPES.items())
    session.execute(f"CREATE TABLE v (k int PRIMARY KEY, {columns})")
    names = ", ".join(TYPES)
    insert = session.prepare(f"INSERT INTO v (k, {names}) VALUES ({', '.join('?' * (len(TYPES) + 1))})")
    session.execute(insert, [1, *VALUES.values()])
    session.execute("INSERT INTO v (k) VALUES (2)")
    session.execute("CREATE TABLE pages (p int, c int, v bigint, PRIMARY KEY (p, c)) WITH CLUSTERING ORDER BY (c DESC)")
    insert = session.prepare("INSERT INTO pages (p, c, v) VALUES (?, ?, ?)")
    for p in range(PARTITIONS):
        for c in range(ROWS):
            session.execute(insert, (p, c, p * 1000 + c))


def check(where, catalog, session, protocol):
    use = catalog + f"USE {KEYSPACE};\n"

    def query(sql):
        return list(csv.reader(io.StringIO(millrace(use + sql).stdout)))[1:]

    # every type: read what the driver wrote, write it again under another key, let the driver read that
    shown = query("SELECT a, t, b, i1, i2, i4, i8, f, d, vi, de, dt, tm, ts, u, tu, n, du, li, CARDINALITY(se), ma['k'][2] FROM v WHERE k = 1;")
    equal(f"{where}: values", shown, [[
        "x", "ä€𝄞", "TRUE", "-128", "32767", "-2147483648", "9223372036854775807", "1.5", "-2.25", "1" + "0" * 30,
        "-12.500000000000000000", "2024-02-29", "12:34:56.123456789", "2024-02-29 01:02:03.456", VALUES["u"].__str__(),
        VALUES["tu"].__str__(), "2001:db8::1", "1mo2d3h", "[3, 1, 2]", "2", "2000-12-31"]])
    names = ", ".join(TYPES)
    millrace(use + f"INSERT INTO v (k, {names}) SELECT k + 10, {names} FROM v WHERE k IN (1, 2);")
    row = session.execute("SELECT * FROM v WHERE k = 11").one()
    equal(f"{where}: written again", {n: getattr(row, n) for n in TYPES},
          {n: v for n, v in session.execute("SELECT * FROM v WHERE k = 1").one()._asdict().items() if n != "k"})
    equal(f"{where}: NULLs", {getattr(session.execute("SELECT * FROM v WHERE k = 12").one(), n) for n in TYPES}, {None})
    session.execute("DELETE FROM v WHERE k IN (11, 12)")

    # pages, predicates
    hint = "/*+ OPTIONS('scan.page-size'='7', 'scan.splits'='3') */"
    expected = [p * 1000 + c for p in range(PARTITIONS) for c in range(ROWS)]
    equal(f"{where}: scan", query(f"SELECT COUNT(*), COUNT(DISTINCT v), SUM(v) FROM pages {hint};"),
          [[str(len(expected)), str(len(expected)), str(sum(expected))]])
    equal(f"{where}: one partition", query(f"SELECT COUNT(*), MIN(v), MAX(v) FROM pages {hint} WHERE p = 7 AND c >= 5;"),
          [[str(ROWS - 5), "7005", str(7000 + ROWS - 1)]])
    equal(f"{where}: keys", query("SELECT v FROM pages WHERE p IN (1, 2) AND c IN (3, 4) ORDER BY v;"), [["1003"], ["1004"], ["2003"], ["2004"]])

    # the catalog's statements, upserts, deletes of rows that a changing view takes back
    with open(f"{TMP}/changes.csv", "w") as out:
        for i in range(60):
            out.write(f"{i % 3},{i},{i}\n")
    millrace(use + f"""CREATE TABLE best (g INT, k INT, s STRING, PRIMARY KEY (g, k) NOT ENFORCED);
        CREATE TEMPORARY TABLE changes (g INT, k INT, v INT) WITH ('connector'='filesystem', 'path'='{TMP}/changes.csv', 'format'='csv');
        SET 'execution.runtime-mode' = 'streaming';
        INSERT INTO best SELECT g, k, CAST(v AS STRING) FROM
        (SELECT *, ROW_NUMBER() OVER (PARTITION BY g ORDER BY v DESC) AS place FROM changes) WHERE place = 1;""",
             args=("-D", "millrace.step.max-rows=1"))
    equal(f"{where}: upserts and deletes", sorted(session.execute("SELECT g, k, s FROM best")), [(0, 57, "57"), (1, 58, "58"), (2, 59, "59")])
    equal(f"{where}: describe", [r[:2] for r in query("DESCRIBE best;")], [["g", "INT"], ["k", "INT"], ["s", "STRING"]])

    # columns that stay as they are: version 3 has no word for that
    keep = "INSERT INTO best /*+ OPTIONS('sink.ignore-null'='true') */ VALUES (0, 57, CAST(NULL AS STRING));"
    if protocol == 3:
        got = millrace(use + keep, status=1).stderr
        if "version 3 of the protocol cannot leave a column as it is" not in got:
            sys.exit(f"{where}: {got}")
    else:
        millrace(use + keep)
    equal(f"{where}: kept", session.execute("SELECT s FROM best WHERE g = 0 AND k = 57").one().s, "57")
    millrace(use + "DROP TABLE best;")
    got = millrace(use + "SELECT * FROM best;", status=1).stderr
    equal(f"{where}: dropped", "best" in got, True)


def check_notes(catalog, session):
    """Traces and warnings go to standard error; the sessions are those that the server has."""
    use = catalog + f"USE {KEYSPACE};\n"
    select = "SELECT COUNT(*) FROM pages{} WHERE p = 7;"
    equal("no trace unasked", millrace(use + select.format("")).stderr, "")
    traced = millrace(use + select.format(" /*+ OPTIONS('tracing'='true') */"))
    equal("answer of a traced query", traced.stdout.splitlines()[-1], str(ROWS))
    ids = re.findall(r"^trace ([0-9a-f-]{36}): Execute CQL3 prepared query: SELECT .*\"pages\".*: \d+ µs$", traced.stderr, re.M)
    equal("one trace", len(ids), 1)
    events = session.execute("SELECT activity FROM system_traces.events WHERE session_id = %s", [uuid.UUID(ids[0])]).all()
    lines = re.findall(r"^ *\d+ µs  127\.0\.0\.1  (.*) \[.*\]$", traced.stderr, re.M)
    equal("events", len(lines) > 0 and {e.activity for e in events} >= set(lines), True)
    everything = catalog.replace("'type'", "'tracing'='true', 'type'") + f"USE {KEYSPACE};\n"
    script = "CREATE TABLE noted (p INT, c INT, s STRING, PRIMARY KEY (p, c) NOT ENFORCED);\nINSERT INTO noted VALUES (1, 1, 'x');"
    got = millrace(everything + script).stderr
    equal("traced statements", [w in got for w in ("CREATE TABLE", "INSERT INTO")], [True, True])

    # more tombstones than the server likes to read: it says so, once is enough
    delete = session.prepare("DELETE FROM noted WHERE p = 7 AND c = ?")
    for future in [session.execute_async(delete, [c]) for c in range(1100)]:
        future.result()
    got = millrace(use + "SELECT * FROM noted WHERE p = 7;\n" * 3).stderr
    warnings = re.findall(r"^warning: Cassandra, [0-9.]+:\d+: (Read 0 live rows and 1100 tombstone cells for query .*)$", got, re.M)
    equal("warnings", len(warnings), 1)


def check_server(version, host, port, protocols):
    cluster = driver.connect(host, port, protocol_version=min(4, protocols[-1]))
    session = cluster.connect()
    try:
        prepare(session)
        for protocol in protocols:
            for compression in ("none", "lz4"):
                catalog = (f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{host}:{port}', 'protocol-version'='{protocol}', "
                           f"'compression'='{compression}');\nUSE CATALOG c;\n")
                check(f"Cassandra {version}, protocol {protocol}, compression {compression}", catalog, session, protocol)
        plain = f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{host}:{port}');\nUSE CATALOG c;\n"
        check_notes(plain, session)
        if protocols[-1] < 5:
            got = millrace(f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{host}:{port}', 'protocol-version'='5');", status=3).stderr
            equal("refused", f"the server knows version {protocols[-1]} of the native protocol, not 5" in got, True)
    finally:
        session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
        cluster.shutdown()
    print(f"Cassandra {version}: protocols {protocols}")


def main():
    host, port = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
    check_server("of the other tests", host, int(port), [3, 4, 5])
    for version in VERSIONS:
        script, node = os.path.join(SCRIPTS, "cassandra.sh"), os.path.join(TMP, f"cassandra-{version}")
        env = dict(os.environ, CASSANDRA_VERSION=version, MODE="fast", HEAP="1G")
        port = subprocess.check_output([script, "port"], env=env, text=True).strip()
        try:
            subprocess.run([script, "start", node, port], env=env, check=True)
            check_server(version, "127.0.0.1", int(port), [3, 4] if version.startswith("3.") else [3, 4, 5])
        finally:
            subprocess.run([script, "stop", node], env=env, check=True)


main()
