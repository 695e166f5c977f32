#!/usr/bin/env python3
"""Writing to Cassandra through `millrace sql` and `millrace run`; what has been written is read back by Cassandra's own
driver, WRITETIME and TTL of the cells included. Random data, the same for the same MILLRACE_TEST_SEED."""
import datetime
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from cassandra.query import dict_factory

import driver

MILLRACE = os.environ["MILLRACE"]
ADDRESS = os.environ["MILLRACE_TEST_CASSANDRA"]
HOST, PORT = ADDRESS.rsplit(":", 1)
KEYSPACE = f"sink_{os.getpid()}"
TMP = tempfile.mkdtemp(dir=os.environ.get("TMP"))
SEED = int(os.environ.get("MILLRACE_TEST_SEED", "17"))
rng = random.Random(SEED)
CATALOG = f"CREATE CATALOG c WITH ('type' = 'cassandra', 'hosts' = '{ADDRESS}');\n"
USE = CATALOG + f"USE CATALOG c;\nUSE {KEYSPACE};\n"


class Failed(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(w) for w in what))


def equal(what, got, expected):
    check(got == expected, f"{what}: {got!r} instead of {expected!r}")


def run(script, *options, status=0, command="sql", env=None):
    """Runs a script; returns what it prints to standard output and standard error."""
    path = os.path.join(TMP, "script.sql")
    with open(path, "w") as f:
        f.write(script)
    args = [MILLRACE, command] + list(options) + (["-f", path] if command == "sql" else [path])
    done = subprocess.run(args, capture_output=True, text=True, timeout=300, env=dict(os.environ, **(env or {})))
    check(done.returncode == status, f"exit status {done.returncode} instead of {status}\n{script}\n{done.stdout}\n{done.stderr}")
    return done.stdout, done.stderr


def sql(statements, **options):
    return run(USE + statements, **options)


def refused(statements, *messages, command="sql", options=(), status=1):
    out, err = run(USE + statements, *options, status=status, command=command)
    for message in messages:
        check(message in err, f"no {message!r} in the error of\n{statements}\n{err}")
    return err


def hint(**options):
    return "/*+ OPTIONS(" + ", ".join(f"'sink.{k.replace('_', '-')}' = '{v}'" for k, v in options.items()) + ") */"


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def values(rows):
    return ", ".join("(" + ", ".join(literal(v) for v in row) + ")" for row in rows)


def rows_of(db, query, *parameters):
    return [tuple(row.values()) for row in db.execute(query, parameters)]


def micros():
    return int(time.time() * 1e6)


# ---- Cells: what is written, what stays, with which timestamp and TTL ----


def cells(db):
    """A computed NULL deletes, what is not named stays, and one step has one timestamp."""
    db.execute("CREATE TABLE cells (a int, b int, x text, y int, z double, PRIMARY KEY (a, b))")
    before = micros()
    sql("INSERT INTO cells VALUES (1, 1, 'x', 1, 1.5), (1, 2, 'x', 2, CAST(NULL AS DOUBLE)), (2, 1, 'x', 3, 2.5);")
    after = micros()
    found = rows_of(db, "SELECT a, b, x, y, z, WRITETIME(x), WRITETIME(y), WRITETIME(z), TTL(x) FROM cells")
    equal("rows", sorted(r[:4] for r in found), [(1, 1, "x", 1), (1, 2, "x", 2), (2, 1, "x", 3)])
    times = {t for r in found for t in r[5:8] if t is not None}
    equal("write timestamps of a step", len(times), 1)
    check(before <= times.pop() <= after, "the write timestamp is the step's")
    equal("TTLs", {r[8] for r in found}, {None})
    sql("INSERT INTO cells (a, b, y) VALUES (1, 1, 10), (1, 2, NULL), (1, 3, 30);")
    equal("unset and NULL", rows_of(db, "SELECT b, x, y, z FROM cells WHERE a = 1"),
          [(1, "x", 10, 1.5), (2, "x", None, None), (3, None, 30, None)])
    sql(f"INSERT INTO cells {hint(ignore_null='true')} (a, b, x, y) VALUES (1, 1, NULL, 11), (1, 2, 'new', NULL);")
    equal("ignored NULLs", rows_of(db, "SELECT b, x, y FROM cells WHERE a = 1 AND b < 3"), [(1, "x", 11), (2, "new", None)])


def constants(db):
    """'sink.ttl' and 'sink.timestamp' for every cell, deletes included."""
    db.execute("CREATE TABLE constants (a int, b int, x text, PRIMARY KEY (a, b))")
    sql(f"INSERT INTO constants {hint(ttl='1 h', timestamp=1234567)} VALUES (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'z');")
    found = rows_of(db, "SELECT a, b, x, WRITETIME(x), TTL(x) FROM constants")
    equal("timestamps", {r[3] for r in found}, {1234567})
    check(all(3500 < r[4] <= 3600 for r in found) and len(found) == 3, "TTLs", found)
    # An older timestamp changes nothing, a newer one does; the row marker lives by the TTL, too.
    sql(f"INSERT INTO constants {hint(timestamp=1234566)} VALUES (1, 1, 'old');"
        f"INSERT INTO constants {hint(timestamp=1234568)} VALUES (1, 2, 'new');"
        f"DELETE FROM constants {hint(timestamp=1234566)} WHERE a = 2;")
    equal("by timestamp", sorted(rows_of(db, "SELECT a, b, x FROM constants")), [(1, 1, "x"), (1, 2, "new"), (2, 1, "z")])
    sql(f"DELETE FROM constants {hint(timestamp=1234567)} WHERE a = 2 AND x = 'z';")
    equal("deleted", rows_of(db, "SELECT x FROM constants WHERE a = 2"), [])
    sql(f"INSERT INTO constants {hint(ttl='1 s')} (a, b) VALUES (9, 9);")
    equal("key-only row", rows_of(db, "SELECT a, b, x FROM constants WHERE a = 9"), [(9, 9, None)])
    time.sleep(2.1)
    equal("its end", rows_of(db, "SELECT a, b, x FROM constants WHERE a = 9"), [])


def per_row(db):
    """TTL and timestamp of each row from metadata columns, NULL for neither."""
    db.execute("CREATE TABLE per_row (a int, b int, x text, PRIMARY KEY (a, b))")
    rows = []
    for i in range(400):
        ttl = rng.choice([None, 0, 1000, rng.randrange(100000, 600000000)])
        written = rng.choice([None, rng.randrange(1, 10**15), 10**15 + rng.randrange(999999)])
        rows.append((i // 20, i, f"x{i}", ttl, written))
    for kind in ("BIGINT", "TIMESTAMP_LTZ(6)"):
        db.execute("TRUNCATE per_row")

        def cell(row):
            if row[4] is None or kind == "BIGINT":
                return literal(row[4])
            moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=row[4])
            return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"

        text = ", ".join(f"({r[0]}, {r[1]}, '{r[2]}', CAST({literal(r[3])} AS INT), CAST({cell(r)} AS {kind}))" for r in rows)
        before = micros()
        run(f"SET 'table.local-time-zone' = 'UTC'; CREATE TABLE t (a INT, b INT, x STRING, life INT METADATA FROM 'ttl', w {kind} METADATA FROM 'timestamp', "
            f"PRIMARY KEY (a, b) NOT ENFORCED) WITH ('connector' = 'cassandra', 'hosts' = '{ADDRESS}', "
            f"'keyspace' = '{KEYSPACE}', 'table' = 'per_row');\nINSERT INTO t VALUES {text};")
        after = micros()
        found = {r[1]: r for r in rows_of(db, "SELECT a, b, x, TTL(x), WRITETIME(x) FROM per_row")}
        equal("rows", len(found), len(rows))
        for a, b, x, ttl, written in rows:
            got = found[b]
            equal("value", got[:3], (a, b, x))
            if ttl:
                check(ttl - 200 < got[3] <= ttl, f"TTL of row {b}: {got[3]} of {ttl}")
            else:
                equal(f"TTL of row {b}", got[3], None)
            if written is None:
                check(before <= got[4] <= after, f"the step's timestamp for row {b}")
            else:
                equal(f"timestamp of row {b}", got[4], written)


def keys(db):
    """Static columns alone, rows without clustering columns, NULL in keys."""
    db.execute("CREATE TABLE statics (a int, b int, s text STATIC, x text, PRIMARY KEY (a, b))")
    sql("INSERT INTO statics (a, s) VALUES (1, 's1'), (2, 's2');")
    equal("static columns", sorted(rows_of(db, "SELECT a, b, s, x FROM statics")), [(1, None, "s1", None), (2, None, "s2", None)])
    # A copy of the table, with its partitions that have no rows.
    db.execute("CREATE TABLE copies (a int, b int, s text STATIC, x text, PRIMARY KEY (a, b))")
    db.execute("INSERT INTO statics (a, b, x) VALUES (2, 5, 'x')")
    sql("INSERT INTO copies SELECT * FROM statics;")
    equal("copy", sorted(rows_of(db, "SELECT a, b, s, x FROM copies"), key=str), [(1, None, "s1", None), (2, 5, "s2", "x")])
    refused("INSERT INTO statics (a, x) VALUES (1, 'x');", "leaves out 'b', which is part of the key")
    # A row of a partition goes, its static columns stay; then they go as well.
    sql("DELETE FROM copies WHERE x = 'x';")
    equal("row deleted", sorted(rows_of(db, "SELECT a, b, s, x FROM copies")), [(1, None, "s1", None), (2, None, "s2", None)])
    sql("DELETE FROM copies WHERE s = 's2';")
    equal("statics deleted", rows_of(db, "SELECT a, b, s, x FROM copies"), [(1, None, "s1", None)])
    sql("UPDATE copies SET s = 'new' WHERE a = 1;")
    equal("statics updated", rows_of(db, "SELECT a, b, s, x FROM copies"), [(1, None, "new", None)])

    db.execute("CREATE TABLE keyed (a int, b int, x text, PRIMARY KEY (a, b))")
    null_key = (f"CREATE TABLE t (a INT, b INT, x STRING) WITH ('connector' = 'cassandra', 'hosts' = '{ADDRESS}', "
                f"'keyspace' = '{KEYSPACE}', 'table' = 'keyed');\n")
    insert = "INSERT INTO t SELECT a, b, 'k' FROM (VALUES (70, 1), (CAST(NULL AS INT), 2), (71, CAST(NULL AS INT)), (72, 3)) AS v (a, b);"
    out, err = run(null_key + insert, status=1)
    check("is part of the key and cannot be NULL" in err and "not-null-enforcer" in err, err)
    run(null_key + "SET 'table.exec.sink.not-null-enforcer' = 'DROP';\n" + insert)
    equal("dropped", sorted(rows_of(db, "SELECT a, b FROM keyed")), [(70, 1), (72, 3)])
    out, err = run(null_key.replace("x STRING", "x STRING, PRIMARY KEY (a) NOT ENFORCED") + insert, status=1)
    check("the primary key declared for table 't' is not that of" in err, err)


def partitions(db):
    """Rows of one partition go in batches, whatever their sizes and number."""
    db.execute("CREATE TABLE wide (p text, c int, x text, PRIMARY KEY (p, c))")
    expected, rows = {}, []
    for i in range(6000):
        row = (rng.choice(["one", "two", f"p{rng.randrange(800)}"]), i, "v" * rng.choice([0, 3, 50, 3000 if i % 50 == 0 else 7]))
        expected[row[:2]] = row[2]
        rows.append(row)
    path = os.path.join(TMP, "wide.csv")
    with open(path, "w") as f:
        f.writelines(f"{p},{c},{x}\n" for p, c, x in rows)
    source = (f"CREATE TEMPORARY TABLE src (p STRING, c INT, x STRING) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv');\n")
    for size in ("4 kb", "0", "48 kb", "100"):
        db.execute("TRUNCATE wide")
        sql(source + f"INSERT INTO wide {hint(batch_size=size)} SELECT p, c, COALESCE(x, '') FROM src;")
        equal(f"rows, batches of {size}", {(p, c): x for p, c, x in rows_of(db, "SELECT p, c, x FROM wide")}, expected)
    refused(source + f"INSERT INTO wide {hint(batch_size='60 kb')} SELECT * FROM src;", "sink.batch-size")


# ---- IF NOT EXISTS, counters ----


def conditional(db):
    db.execute("CREATE TABLE conditional (k int PRIMARY KEY, v text)")
    db.execute("INSERT INTO conditional (k, v) VALUES (5, 'old')")
    db.execute("INSERT INTO conditional (k, v) VALUES (7, 'old')")
    path = os.path.join(TMP, "unapplied.jsonl")
    insert = "INSERT INTO conditional {} SELECT k, v FROM (VALUES " + values((k, "new") for k in range(10)) + ") AS t (k, v);"
    options = {"if_not_exists": "true", "bad_rows_file": path}
    out, err = sql(insert.format(hint(**options)))
    check("2 rows were not written, as their keys exist" in err, err)
    equal("first come", {k: v for k, v in rows_of(db, "SELECT k, v FROM conditional")},
          {k: "old" if k in (5, 7) else "new" for k in range(10)})
    reported = [json.loads(line) for line in open(path)]
    equal("reported", sorted(r["key"]["k"] for r in reported), ["5", "7"])
    equal("reasons", {r["error"] for r in reported}, {"not written: the row exists"})
    out, err = sql(insert.format("/*+ OPTIONS('sink.if-not-exists' = 'true', 'serial-consistency' = 'LOCAL_SERIAL') */"))
    check("10 rows were not written" in err, err)
    refused(insert.format(hint(if_not_exists="true")), "cannot be used in a job with checkpoints", command="run",
            options=["--checkpoint-dir", os.path.join(TMP, "cp1")])
    refused(insert.format(hint(if_not_exists="true", timestamp=5)), "the server chooses the write timestamp")


def counters(db):
    db.execute("CREATE TABLE counters (k text, c int, n counter, m counter, PRIMARY KEY (k, c))")
    expected, rows = {}, []
    for _ in range(500):
        row = (rng.choice("abc"), rng.randrange(4), rng.randrange(-50, 50), rng.choice([None, 1, 2]))
        n, m = expected.get(row[:2], (0, 0))
        expected[row[:2]] = (n + row[2], m + (row[3] or 0))
        rows.append(row)
    # Every row counts, those of equal keys and those within a partition's batch too.
    sql("INSERT INTO counters (k, c, n, m) VALUES " + ", ".join(f"('{k}', {c}, {n}, CAST({literal(m)} AS BIGINT))" for k, c, n, m in rows) + ";")
    equal("sums", {(k, c): (n, m or 0) for k, c, n, m in rows_of(db, "SELECT k, c, n, m FROM counters")}, expected)
    refused("INSERT INTO counters VALUES ('a', 1, 1, 1);", "has counters, which a job with checkpoints cannot write",
            command="run", options=["--checkpoint-dir", os.path.join(TMP, "cp2")])
    refused("UPDATE counters SET n = 5 WHERE k = 'a';", "which UPDATE cannot set")
    refused(f"INSERT INTO counters {hint(ttl='1 h')} VALUES ('a', 1, 1, 1);", "have no TTL")
    refused("INSERT INTO counters (k, c) VALUES ('a', 1);", "names no counter")
    sql("DELETE FROM counters WHERE n < 100000 AND k = 'a';")
    equal("deleted", {k for k, in rows_of(db, "SELECT k FROM counters")}, {k for k, _ in expected} - {"a"})


def lists(db):
    """The elements of a list that is not frozen get keys of the server's making: written twice at one time they are there twice."""
    db.execute("CREATE TABLE lists (k int PRIMARY KEY, l list<int>, f frozen<list<int>>, s set<int>, v int)")
    sql("INSERT INTO lists VALUES (1, ARRAY[3, 1], ARRAY[3, 1], ARRAY[3, 1], 1);")
    sql("INSERT INTO lists VALUES (1, ARRAY[4], ARRAY[4], ARRAY[4], 2);")
    equal("lists", list(map(tuple, rows_of(db, "SELECT l, f, v FROM lists"))), [([4], [4], 2)])
    job = dict(command="run", options=["--checkpoint-dir", os.path.join(TMP, "cp-lists")])
    refused("INSERT INTO lists (k, l) VALUES (2, ARRAY[1]);", "cannot write column 'l', a list that is not frozen", **job)
    refused("INSERT INTO lists VALUES (2, ARRAY[1], ARRAY[1], ARRAY[1], 1);", "column 'l', a list that is not frozen", **job)
    run(USE + "INSERT INTO lists (k, f, s, v) VALUES (3, ARRAY[1, 1], ARRAY[1], 5);", *job["options"], command="run")
    equal("without it", list(map(tuple, rows_of(db, "SELECT l, f, v FROM lists WHERE k = 3"))), [(None, [1, 1], 5)])


# ---- Changelogs, DELETE, UPDATE ----


def changelog(db):
    """A key that leaves the result is deleted, one that comes again is there again."""
    db.execute("CREATE TABLE changes (k text PRIMARY KEY, n bigint)")
    path = os.path.join(TMP, "changes.csv")
    words = [rng.choice("abcdefgh") for _ in range(300)]
    with open(path, "w") as f:
        f.writelines(w + "\n" for w in words)
    sql(f"CREATE TEMPORARY TABLE src (w STRING) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv');\n"
        "SET 'execution.runtime-mode' = 'streaming'; SET 'millrace.step.max-rows' = '5';\n"
        "INSERT INTO changes SELECT w, COUNT(*) FROM src GROUP BY w HAVING MOD(COUNT(*), 3) <> 0;")
    expected = {w: words.count(w) for w in set(words) if words.count(w) % 3}
    equal("result", dict(rows_of(db, "SELECT k, n FROM changes")), expected)

    # With a timestamp of its own a row is deleted by that, so that the next one is seen.
    db.execute("TRUNCATE changes")
    run(f"CREATE TABLE src (w STRING) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv');\n"
        "CREATE TABLE t (k STRING, n BIGINT, written BIGINT METADATA FROM 'timestamp', PRIMARY KEY (k) NOT ENFORCED) WITH "
        f"('connector' = 'cassandra', 'hosts' = '{ADDRESS}', 'keyspace' = '{KEYSPACE}', 'table' = 'changes');\n"
        "SET 'execution.runtime-mode' = 'streaming'; SET 'millrace.step.max-rows' = '5';\n"
        "INSERT INTO t SELECT w, COUNT(*), 1000 + COUNT(*) FROM src GROUP BY w HAVING MOD(COUNT(*), 3) <> 0;")
    equal("result with timestamps", {k: (n, t) for k, n, t in rows_of(db, "SELECT k, n, WRITETIME(n) FROM changes")},
          {k: (n, 1000 + n) for k, n in expected.items()})


def modifications(db):
    """UPDATE and DELETE against a model."""
    db.execute("CREATE TABLE modified (p int, c int, x int, y text, PRIMARY KEY (p, c))")
    model = {(p, c): (rng.randrange(100), rng.choice("abc")) for p in range(30) for c in range(rng.randrange(40))}
    sql("INSERT INTO modified VALUES " + values((p, c, x, y) for (p, c), (x, y) in model.items()) + ";")
    gone = 0
    for _ in range(25):
        p, c, x, y = rng.randrange(30), rng.randrange(40), rng.randrange(100), rng.choice("abc")
        condition, matches = rng.choice([
            (f"p = {p}", lambda k, v: k[0] == p),
            (f"p = {p} AND c = {c}", lambda k, v: k == (p, c)),
            (f"p = {p} AND c >= {c} AND c < {c + 7}", lambda k, v: k[0] == p and c <= k[1] < c + 7),
            (f"p IN ({p}, {(p + 3) % 30}) AND c IN ({c}, {c + 1}, {c + 2})",
             lambda k, v: k[0] in (p, (p + 3) % 30) and c <= k[1] <= c + 2),
            (f"p = {p} AND y = '{y}'", lambda k, v: k[0] == p and v[1] == y),
            (f"x BETWEEN {x} AND {x + 4}", lambda k, v: x <= v[0] <= x + 4),
            (f"x = {x} OR c = {c}", lambda k, v: v[0] == x or k[1] == c),
            ("p > 28 AND p < 28", lambda k, v: False),
            ("x = (SELECT MIN(x) FROM modified)", lambda k, v: v[0] == min(w[0] for w in model.values())),
        ])
        hit = [k for k, v in model.items() if matches(k, v)]
        if rng.random() < 0.5:
            gone += len(hit)
            sql(f"DELETE FROM modified WHERE {condition};")
            for k in hit:
                del model[k]
        else:
            sql(f"UPDATE modified AS m SET x = m.x + p, y = '{y}!' WHERE {condition};")
            for k in hit:
                model[k] = (model[k][0] + k[0], y + "!")
        equal(condition, {(p, c): (x, y) for p, c, x, y in rows_of(db, "SELECT p, c, x, y FROM modified")}, model)
    check(gone > 20 and len(model) > 100, "the statements did something and left something", gone, len(model))

    # What needs no reading reads nothing.
    out, _ = sql("EXPLAIN DELETE FROM modified WHERE p = 1 AND c > 5;")
    check("partition key p = 1, clustering c > 5" in out and "reads nothing" in out, out)
    out, _ = sql("EXPLAIN DELETE FROM modified WHERE p = 1 AND x = 5;")
    check("Sink" in out and "delete" in out and "reads nothing" not in out, out)

    # UPDATE is CQL's: it makes no row, and a NULL takes the value.
    sql("UPDATE modified SET y = NULL WHERE p = 3; UPDATE modified SET x = 1 WHERE p = 1000;")
    equal("NULLs", {y for y, in rows_of(db, "SELECT y FROM modified WHERE p = 3")}, {None})
    equal("no new rows", rows_of(db, "SELECT * FROM modified WHERE p = 1000"), [])
    db.execute("UPDATE modified SET x = 7 WHERE p = 2000 AND c = 1")  # no row marker
    sql("UPDATE modified SET x = NULL WHERE p = 2000;")
    equal("rows that live by their cells", rows_of(db, "SELECT * FROM modified WHERE p = 2000"), [])

    refused("UPDATE modified SET c = 5 WHERE p = 1;", "column 'c' is part of the primary key")
    refused("UPDATE modified SET x = 'a' WHERE p = 1;", "column 'x' has type INT")
    refused("UPDATE modified SET nothing = 1;", "column 'nothing' not found")
    refused("UPDATE modified SET x = 1, x = 2;", "names column 'x' twice")
    refused("DELETE FROM modified WHERE nothing = 1;", "nothing")
    refused("SET 'execution.runtime-mode' = 'streaming'; DELETE FROM modified;", "batch mode only")
    refused("INSERT INTO modified VALUES (1, 1, 1, 'x'); DELETE FROM modified;", "would run before the INSERTs", command="run")
    sql("DELETE FROM modified;")
    equal("all deleted", rows_of(db, "SELECT * FROM modified"), [])


def decimal_keys(db):
    """1.0 and 1.00 are two partitions: UPDATE and DELETE name the one that they have read, or say that they cannot."""
    db.execute("CREATE TABLE decimal_keys (k decimal, v int, PRIMARY KEY (k))")
    db.execute("CREATE TABLE decimal_lists (k frozen<list<decimal>>, v int, PRIMARY KEY (k))")
    for k in ("1", "1.0", "1.00", "2.00"):
        db.execute(f"INSERT INTO decimal_keys (k, v) VALUES ({k}, 1)")
    refused("UPDATE decimal_keys SET v = 2;", "UPDATE of", "decimal in the partition key, 'k'", "declare the column as STRING")
    refused("DELETE FROM decimal_keys WHERE v = 1;", "DELETE of", "decimal in the partition key, 'k'")
    refused("DELETE FROM decimal_lists WHERE v = 1;", "decimal in the partition key, 'k'")

    def rows():
        return sorted((str(k), v) for k, v in rows_of(db, "SELECT k, v FROM decimal_keys"))
    equal("as before", rows(), [("1", 1), ("1.0", 1), ("1.00", 1), ("2.00", 1)])
    table = "CREATE TEMPORARY TABLE d (k {}, v INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'cassandra', 'hosts' = '" + \
        ADDRESS + f"', 'keyspace' = '{KEYSPACE}', 'table' = 'decimal_keys');\n"
    sql(table.format("STRING") + "UPDATE d SET v = 2 WHERE k <> '1.0'; DELETE FROM d WHERE k = '1';")
    equal("by STRING", rows(), [("1.0", 1), ("1.00", 2), ("2.00", 2)])
    sql(table.format("DECIMAL(10, 2)") + "UPDATE d SET v = 3 WHERE k = 2; DELETE FROM d WHERE k = 1 AND v = 2;")
    equal("with declared digits", rows(), [("1.0", 1), ("2.00", 3)])


def merging(db):
    """MERGE does not overwrite a row that ON has not found, whether its table is read whole or by key."""
    db.execute("CREATE TABLE stock (item int, place text, n int, PRIMARY KEY (item, place))")
    sql("INSERT INTO stock VALUES (1, 'a', 10), (3, 'c', 30);")
    before = sorted(rows_of(db, "SELECT item, place, n FROM stock"))
    message = "INSERT of a key that 'stock' has: a row that ON does not match has the key (item = 3, place = 'c')"
    refused("MERGE INTO stock USING (VALUES (10, 4, 'd'), (11, 3, 'c')) AS s (n, item, place) ON stock.n = s.n "
            "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (item, place, n) VALUES (s.item, s.place, s.n);", message)
    refused("MERGE INTO stock USING (VALUES (3, 'c')) AS s (item, place) ON stock.item = s.item AND stock.place = s.place AND n > 50 "
            "WHEN NOT MATCHED THEN INSERT (item, place) VALUES (s.item, s.place);", message)
    equal("nothing is written", sorted(rows_of(db, "SELECT item, place, n FROM stock")), before)
    sql("MERGE INTO stock USING (VALUES (4, 'd', 40), (3, 'c', 31)) AS s (item, place, n) ON stock.item = s.item AND stock.place = s.place "
        "WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (item, place, n) VALUES (s.item, s.place, s.n);")
    equal("merged", sorted(rows_of(db, "SELECT item, place, n FROM stock")), [(1, "a", 10), (3, "c", 31), (4, "d", 40)])


def truncation(db):
    db.execute("CREATE TABLE IF NOT EXISTS modified (p int, c int, x int, y text, PRIMARY KEY (p, c))")
    sql("INSERT INTO modified VALUES (1, 1, 1, 'x'), (2, 2, 2, 'y'); TRUNCATE TABLE modified;")
    equal("truncated", rows_of(db, "SELECT * FROM modified"), [])
    refused("TRUNCATE TABLE nothing;", "does not exist")


def embedded(_):
    """The same statements on the embedded store."""
    out, _err = run("CREATE TABLE t (p INT, c INT, x INT, y STRING, PRIMARY KEY (p, c) NOT ENFORCED);\n"
                    "INSERT INTO t VALUES (1, 1, 10, 'a'), (1, 2, 20, 'b'), (2, 1, 30, 'c'), (3, 1, 40, 'd');\n"
                    "UPDATE t SET x = x + 1 WHERE p = 1; DELETE FROM t WHERE x = 30; UPDATE t SET y = NULL WHERE c = 2;\n"
                    "SELECT * FROM t ORDER BY p, c;", "--format", "csv")
    equal("rows", out.split("\n")[1:4], ["1,1,11,a", "1,2,21,", "3,1,40,d"])


# ---- Rows that the server refuses ----


def errors(db):
    db.execute("CREATE TABLE picky (k text, c text, v text, u uuid, PRIMARY KEY (k, c))")
    good = [("good", f"c{i}", "v") for i in range(50)] + [(f"k{i}", "c", "v") for i in range(50)]
    bad = [("", "c", "v"), ("good", "bad" + "c" * 70000, "v"), ("long" + "k" * 70000, "c", "v"), ("good", "huge", "v" * 6000000)]
    lines = good + bad
    rng.shuffle(lines)
    path = os.path.join(TMP, "picky.csv")
    with open(path, "w") as f:
        f.writelines('"%s","%s","%s"\n' % line for line in lines)
    source = f"CREATE TEMPORARY TABLE src (k STRING, c STRING, v STRING) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv');\n"
    insert = source + "INSERT INTO picky {} (k, c, v) SELECT COALESCE(k, ''), c, v FROM src;"
    err = refused(insert.format(""), "invalid request", "row with k = ")
    reports = os.path.join(TMP, "bad.jsonl")
    out, err = sql(insert.format(hint(error_policy="skip", bad_rows_file=reports)))
    check("4 rows were refused and skipped" in err, err)
    reported = [json.loads(line) for line in open(reports)]
    equal("table", {r["table"] for r in reported}, {f"{KEYSPACE}.picky"})
    equal("keys", sorted((r["key"]["k"][:4], r["key"]["c"][:4]) for r in reported),
          sorted((k[:4], c[:4]) for k, c, _ in bad))
    for message in ("Key may not be empty", "Key length of", "exceeds allowed maximum"):
        check(any(message in r["error"] for r in reported), message, [r["error"] for r in reported])
    equal("the others", sorted(rows_of(db, "SELECT k, c, v FROM picky")), sorted(good))
    out, err = sql(insert.format(hint(error_policy="skip")))
    equal("lines on standard error", err.count("warning: row skipped: {"), 4)
    refused(insert.format(hint(error_policy="skip", max_bad_rows=2)), "more than 2 rows were refused")

    # What cannot be encoded goes the same way, and so do deletes.
    insert = "INSERT INTO picky {} (k, c, u) VALUES ('u', '1', '5d8fa2b5-3d44-4d4d-8f35-000000000001'), ('u', '2', 'no uuid'), ('u', '3', NULL);"
    refused(insert.format(""), "no uuid", "row with k = u, c = 2")
    out, err = sql(insert.format(hint(error_policy="skip")))
    check("1 row was refused and skipped" in err and '"key":{"k":"u","c":"2"}' in err, err)
    equal("the others", [c for c, in rows_of(db, "SELECT c FROM picky WHERE k = 'u'")], ["1", "3"])

    # A dropped table is not the rows' fault.
    refused("DROP TABLE picky; " + insert.format(hint(error_policy="skip")), "picky")


def dropped(db):
    """A table that goes away while it is written."""
    db.execute("CREATE TABLE going (id int PRIMARY KEY, v text)")
    script = os.path.join(TMP, "going.sql")
    with open(script, "w") as f:
        f.write(USE + "CREATE TEMPORARY TABLE g (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '100000', "
                "'rows-per-second' = '10000000');\n"
                f"INSERT INTO going {hint(rows_per_second=5000)} SELECT id, 'v' FROM g;")
    process = subprocess.Popen([MILLRACE, "sql", "-f", script], stderr=subprocess.PIPE, text=True)
    while not db.execute("SELECT id FROM going LIMIT 1").one():
        time.sleep(0.05)
    db.execute("DROP TABLE going")
    _, err = process.communicate(timeout=100)
    equal("exit status", process.returncode, 1)
    check(err.count("Cassandra") == 1 and f"Cassandra, table {KEYSPACE}.going: {ADDRESS}: " in err, err)


def consistency(db):
    db.execute("CREATE TABLE levels (a int, b int, PRIMARY KEY (a, b))")
    refused("INSERT INTO levels /*+ OPTIONS('sink.consistency' = 'THREE') */ (a, b) VALUES (90, 1);", "consistency THREE", status=3)
    refused("INSERT INTO levels /*+ OPTIONS('consistency' = 'THREE') */ (a, b) VALUES (90, 1);", "consistency THREE", status=3)
    sql("INSERT INTO levels /*+ OPTIONS('consistency' = 'THREE', 'sink.consistency' = 'ONE') */ (a, b) VALUES (90, 2);")
    equal("written", rows_of(db, "SELECT a, b FROM levels"), [(90, 2)])


# ---- Rates ----


def rates(db):
    db.execute("CREATE TABLE slow (k int PRIMARY KEY, v text)")
    source = "CREATE TEMPORARY TABLE src (k INT, v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '{}', 'fields.k.kind' = 'sequence', 'fields.k.start' = '1', 'fields.k.end' = '{}', 'fields.v.length' = '92');\n"
    start = time.monotonic()
    sql(source.format(600, 600) + f"INSERT INTO slow {hint(rows_per_second=300)} SELECT * FROM src;")
    seconds = time.monotonic() - start
    check(1.9 < seconds < 20, "600 rows at 300 a second took", seconds)
    equal("rows", rows_of(db, "SELECT COUNT(*) FROM slow"), [(600,)])
    start = time.monotonic()
    sql(source.format(1000, 1000) + f"INSERT INTO slow {hint(bytes_per_second=50000)} SELECT * FROM src;")
    seconds = time.monotonic() - start  # 104 bytes a row
    check(1.9 < seconds < 20, "104000 bytes at 50000 a second took", seconds)

    # A job that waits for its rate can be stopped.
    script = os.path.join(TMP, "slow.sql")
    with open(script, "w") as f:
        f.write(USE + source.format(100000, 100000) + f"INSERT INTO slow {hint(rows_per_second=10)} SELECT * FROM src;")
    process = subprocess.Popen([MILLRACE, "sql", "-f", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    process.communicate(timeout=300)
    check(time.monotonic() - start < 30, "it took long to stop", time.monotonic() - start)
    check(process.returncode != 0, "exit status of a stopped job")


def volume(db):
    """30,000 rows in as many partitions and in few: all are there."""
    db.execute("CREATE TABLE many (k int, c int, v double, PRIMARY KEY (k, c))")
    for expression, partitions in (("k", 30000), ("MOD(k, 50)", 50)):
        db.execute("TRUNCATE many")
        sql("CREATE TEMPORARY TABLE src (k INT, v DOUBLE) WITH ('connector' = 'datagen', 'number-of-rows' = '30000', "
            "'fields.k.kind' = 'sequence', 'fields.k.start' = '0', 'fields.k.end' = '29999');\n"
            f"INSERT INTO many SELECT {expression}, k, v FROM src;")
        out, _ = sql("SELECT COUNT(*), COUNT(DISTINCT k), COUNT(DISTINCT c), COUNT(v) FROM many;")
        equal("rows", out.strip().split("\n")[1], f"30000,{partitions},30000,30000")


TESTS = [cells, constants, per_row, keys, partitions, conditional, counters, lists, changelog, modifications, decimal_keys, merging, truncation,
         embedded, errors, dropped, consistency, rates, volume]


def main():
    wanted = sys.argv[1:]
    cluster = driver.connect(HOST, PORT, protocol_version=5, row_factory=dict_factory)
    db = cluster.connect()
    db.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    db.set_keyspace(KEYSPACE)
    failed = 0
    try:
        for test in TESTS:
            if wanted and test.__name__ not in wanted:
                continue
            start = time.monotonic()
            try:
                test(db)
                print(f"{test.__name__}: {time.monotonic() - start:.1f} s", flush=True)
            except Failed as e:
                failed += 1
                print(f"{test.__name__} failed (MILLRACE_TEST_SEED={SEED}): {e}", flush=True)
    finally:
        db.execute(f"DROP KEYSPACE {KEYSPACE}")
        cluster.shutdown()
    sys.exit(1 if failed else 0)


main()
