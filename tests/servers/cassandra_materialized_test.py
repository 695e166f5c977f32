#!/usr/bin/env python3
"""Materialized tables in Cassandra: what its own driver finds in them after CREATE, REFRESH and jobs that are killed; the definition,
which another process reads from the table's comment; that REFRESH shows readers no empty table."""
import collections
import csv
import io
import os
import random
import subprocess
import sys
import threading
import time

from driver import connect

HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
MILLRACE, TMP = os.environ["MILLRACE"], os.environ["TMP"]
KEYSPACE = f"materialized_{os.getpid()}"
DATA = os.path.join(TMP, "data")
HEAD = f"CREATE CATALOG c WITH ('type' = 'cassandra', 'hosts' = '{HOST}:{PORT}');\nUSE c.{KEYSPACE};\n"
failures = 0


def millrace(text, *args, status=0, command="sql"):
    run = subprocess.run([MILLRACE, command, "--data", DATA, *args], input=text, capture_output=True, text=True, timeout=180)
    if run.returncode != status:
        sys.exit(f"exit status {run.returncode}, wanted {status}\n{text}\n{run.stdout}\n{run.stderr[-3000:]}")
    return run


def sql(text, **how):
    return millrace(HEAD + text, "--format", "csv", **how)


def check(name, got, want):
    global failures
    good = got == want
    failures += not good
    print("ok" if good else "NOT OK", name)
    if not good:
        print("  got   ", str(got)[:2000])
        print("  wanted", str(want)[:2000])


def facts(name):
    return dict(list(csv.reader(io.StringIO(sql(f"DESCRIBE EXTENDED {name};").stdout)))[1:])


def full(cassandra):
    sql("CREATE TABLE orders (id INT, who STRING, day STRING, amount INT, PRIMARY KEY (id) NOT ENFORCED);\n"
        "INSERT INTO orders VALUES (1, 'ann', 'mon', 10), (2, 'bob', 'mon', 20), (3, 'ann', 'tue', 5);\n"
        "CREATE MATERIALIZED TABLE totals COMMENT 'by person' REFRESH_MODE = FULL AS SELECT who, SUM(amount) AS total FROM orders GROUP BY who;\n"
        "CREATE MATERIALIZED TABLE days (PRIMARY KEY (day, id) NOT ENFORCED) REFRESH_MODE = FULL AS SELECT day, id, amount * 2 AS twice FROM orders;")

    def totals():
        return sorted(tuple(row) for row in cassandra.execute("SELECT who, total FROM totals"))

    def days():
        return sorted(tuple(row) for row in cassandra.execute("SELECT day, id, twice FROM days"))

    check("CREATE fills it, with the query's key", totals(), [("ann", 15), ("bob", 20)])
    check("and a declared one", days(), [("mon", 1, 20), ("mon", 2, 40), ("tue", 3, 10)])
    cassandra.cluster.refresh_schema_metadata()
    key = cassandra.cluster.metadata.keyspaces[KEYSPACE].tables["totals"].primary_key
    check("key", [column.name for column in key], ["who"])
    cassandra.execute("INSERT INTO orders (id, who, day, amount) VALUES (4, 'cat', 'mon', 7)")
    cassandra.execute("DELETE FROM orders WHERE id = 2")
    cassandra.execute("UPDATE orders SET amount = 100 WHERE id = 3")
    sql("ALTER MATERIALIZED TABLE totals REFRESH;")
    check("REFRESH writes and deletes", totals(), [("ann", 110), ("cat", 7)])
    sql("ALTER MATERIALIZED TABLE days REFRESH PARTITION (day = 'mon');")
    check("one partition", days(), [("mon", 1, 20), ("mon", 4, 14), ("tue", 3, 10)])
    sql("ALTER MATERIALIZED TABLE days REFRESH;")
    check("all of them", days(), [("mon", 1, 20), ("mon", 4, 14), ("tue", 3, 200)])
    known = facts("totals")
    check("another process knows its definition",
          (known["refresh mode"], known["freshness"], known["comment"], known["query"], bool(known["last refresh"])),
          ("FULL", "INTERVAL '1' HOUR", "by person",
           f"SELECT who, SUM(amount) AS total FROM c.{KEYSPACE}.orders GROUP BY who", True))
    listed = sql("SHOW MATERIALIZED TABLES;").stdout.split()[3:]
    check("SHOW", listed, ["days", "totals"])
    error = sql("INSERT INTO totals VALUES ('x', 1);", status=1).stderr
    check("INSERT is refused", "cannot insert into materialized table 'totals'" in error, True)
    error = sql("DROP TABLE totals;", status=1).stderr
    check("DROP TABLE is refused", "DROP MATERIALIZED TABLE totals" in error, True)
    sql("ALTER MATERIALIZED TABLE totals AS SELECT who, SUM(amount) AS total, MAX(amount) AS largest FROM orders GROUP BY who;\n"
        "ALTER MATERIALIZED TABLE totals REFRESH;")
    check("a column more", sorted(tuple(row) for row in cassandra.execute("SELECT who, total, largest FROM totals")),
          [("ann", 110, 100), ("cat", 7, 7)])
    error = sql("CREATE MATERIALIZED TABLE none REFRESH_MODE = FULL AS SELECT amount FROM orders;", status=1).stderr
    check("no key, no table", "needs a PRIMARY KEY" in error, True)
    sql("DROP MATERIALIZED TABLE totals;")
    cassandra.cluster.refresh_schema_metadata()
    check("DROP", sorted(cassandra.cluster.metadata.keyspaces[KEYSPACE].tables), ["days", "orders"])


def never_empty(cassandra):
    """A reader that counts during refreshes in which every value changes."""
    count = 2000
    sql(f"CREATE TABLE numbers (n INT, v INT, PRIMARY KEY (n) NOT ENFORCED);\n"
        f"CREATE TEMPORARY TABLE g (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '0', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', "
        f"'fields.n.end' = '{count}');\nINSERT INTO numbers SELECT n, 0 FROM g;\n"
        "CREATE MATERIALIZED TABLE copies REFRESH_MODE = FULL AS SELECT n, v FROM numbers;")
    seen, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            seen.append(cassandra.execute("SELECT COUNT(*) FROM copies").one()[0])

    thread = threading.Thread(target=watch)
    thread.start()
    for v in (1, 2):
        sql(f"UPDATE numbers SET v = {v};\nALTER MATERIALIZED TABLE copies REFRESH;")
    stop.set()
    thread.join()
    check("readers see all rows during REFRESH", (set(seen), len(seen) > 3), ({count}, True))
    check("values", {row[0] for row in cassandra.execute("SELECT v FROM copies")}, {2})


def continuous(cassandra):
    rng, by_page, pairs = random.Random(5), collections.Counter(), collections.Counter()
    path, script, checkpoints = (os.path.join(TMP, n) for n in ("clicks.csv", "job.sql", "checkpoints"))
    with open(path, "w") as out:
        for i in range(60000):
            page, who = f"/p{rng.randrange(40)}", rng.randrange(100)
            out.write(f"{i},{page},{who}\n")
            by_page[page] += 1
            pairs[page, who] += 1
    with open(script, "w") as out:
        out.write(HEAD + f"CREATE TEMPORARY TABLE clicks (id INT, page STRING, who INT) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv');\n"
                  "CREATE MATERIALIZED TABLE IF NOT EXISTS by_page AS SELECT page, COUNT(*) AS n FROM clicks WHERE page IS NOT NULL GROUP BY page;\n"
                  "CREATE OR ALTER MATERIALIZED TABLE thirds (PRIMARY KEY (page, who) NOT ENFORCED) AS "
                  "SELECT page, who, COUNT(*) AS n FROM clicks GROUP BY page, who HAVING MOD(COUNT(*), 3) = 0;\n")
    kills, deadline = 0, time.monotonic() + 170
    while True:
        process = subprocess.Popen([MILLRACE, "run", script, "--data", DATA, "--checkpoint-dir", checkpoints, "-D", "millrace.step.max-rows=300",
                                    "-D", "execution.checkpointing.interval=50 ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            _, err = process.communicate(timeout=0.5 + rng.random() if kills < 6 else max(1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            if time.monotonic() > deadline:
                sys.exit("the job does not end")
            continue
        if process.returncode != 0:
            sys.exit(f"the job failed with status {process.returncode}\n{err[-3000:]}")
        break
    check(f"a job that was killed {kills} times", {row[0]: row[1] for row in cassandra.execute("SELECT page, n FROM by_page")}, dict(by_page))
    check("rows that come and go", {(row[0], row[1]): row[2] for row in cassandra.execute("SELECT page, who, n FROM thirds")},
          {pair: n for pair, n in pairs.items() if n % 3 == 0})
    check("there were kills", kills >= 2, True)
    known = facts("by_page")
    check("its definition", (known["refresh mode"], known["status"], known["checkpoint directory"]), ("CONTINUOUS", "ACTIVATED", checkpoints))


def start_modes():
    """A topic with messages of long ago: what START_MODE makes of a table that says 'latest-offset', read through a view."""
    kafka = (f"CREATE TEMPORARY TABLE k (a INT, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp') WITH ('connector' = 'kafka', 'topic' = '{KEYSPACE}', "
             f"'properties.bootstrap.servers' = '{os.environ['MILLRACE_TEST_KAFKA']}', 'format' = 'json', "
             "'scan.startup.mode' = 'latest-offset', 'scan.bounded.mode' = 'latest-offset');\n"
             "CREATE TEMPORARY VIEW v AS SELECT a FROM k;\n")
    sql(kafka + "INSERT INTO k VALUES (1, TO_TIMESTAMP_LTZ(1577836800000, 3)), (2, TO_TIMESTAMP_LTZ(1704067200000, 3));")  # 2020, 2024
    for name, mode, want in (("as_it_says", "", []), ("beginning", "START_MODE = FROM_BEGINNING", [1, 2]),
                             ("instant", "START_MODE = FROM_TIMESTAMP(TIMESTAMP '2023-01-01 00:00:00')", [2]),
                             ("at_once", "START_MODE = FROM_NOW", []), ("back", "START_MODE = RESUME_OR_FROM_NOW(INTERVAL '99' DAY)", [])):
        out = sql(kafka + f"CREATE MATERIALIZED TABLE default_catalog.default_database.{name} {mode} AS SELECT a FROM v;\n"
                  f"SELECT a FROM default_catalog.default_database.{name};").stdout
        check(f"START_MODE {name}", sorted(int(line) for line in out.split()[1:]), want)


def main():
    with connect(HOST, PORT) as cluster:
        admin = cluster.connect()
        admin.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
        cassandra = cluster.connect(KEYSPACE)
        full(cassandra)
        never_empty(cassandra)
        continuous(cassandra)
        start_modes()
        admin.execute(f"DROP KEYSPACE {KEYSPACE}")
    sys.exit(1 if failures else 0)


main()
