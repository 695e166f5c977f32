#!/usr/bin/env python3
"""The embedded store keeps data by Cassandra's rules. Random writes and deletes with timestamps, TTLs, NULLs, static columns,
collections and counters go to both: to Cassandra by its own driver, to the store by `millrace sql`. Timestamps come from few values,
so that ties are frequent. Both must read back equal, with write times and rests of TTLs. Then one script runs in a catalog of each:
every result must be the same."""
import csv
import os
import random
import subprocess
import sys
import time

import driver

HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
MILLRACE, TMP = os.environ["MILLRACE"], os.environ.get("TMP", "/tmp")
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "store_and_cassandra.sql")
KEYSPACE = f"store_like_{os.getpid()}"
SEED = int(os.environ.get("MILLRACE_TEST_SEED", "5"))
OPERATIONS = int(os.environ.get("MILLRACE_TEST_OPERATIONS", "700"))
PARTITIONS, ROWS = 8, 6
SHORT_TTL_S = 2
TTL_SLACK_S = 300  # between the two writes of the same thing, and the two reads


def fail(message):
    sys.exit(f"seed {SEED}: {message}")


def millrace(text, *options):
    path = os.path.join(TMP, "script.sql")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    process = subprocess.run([MILLRACE, "sql", "--format", "csv", *options, "-f", path], capture_output=True, text=True,
                             timeout=400)
    if process.returncode != 0:
        fail(f"millrace: {process.stderr[-3000:]}")
    return process.stdout


# ---- Random operations ----

class Operations:
    """The same operations in both languages."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.base = int(time.time() * 1e6) - 60_000_000
        self.ttls = list(range(100_000, 100_000 + 1000 * OPERATIONS, 1000))  # apart from each other by more than the slack
        self.rng.shuffle(self.ttls)
        self.sql, self.cql = [], []
        self.rows = []  # of the INSERT that is being gathered
        self.columns = None

    def key(self):
        return self.rng.randrange(PARTITIONS), self.rng.randrange(ROWS)

    def timestamp(self, i):
        return self.base + i // 40 + self.rng.randrange(5)

    def ttl(self):
        return self.rng.choice([None, None, None, SHORT_TTL_S, self.ttls.pop()])

    def value(self, column):
        """As SQL and as CQL."""
        if self.rng.random() < 0.2:
            return "NULL", "null"
        if column == "a":
            n = self.rng.choice([-1, 0, 1, 2, 300, -70000])
            return str(n), str(n)
        if column == "n":
            n = self.rng.choice(["0.50", "-0.50", "3.00", "12345.25", "0.00"])  # the digits of DECIMAL(7, 2)
            return n, n
        if column == "l":
            items = [str(self.rng.randrange(3)) for _ in range(self.rng.randrange(1, 4))]
            return f"ARRAY[{', '.join(items)}]", f"[{', '.join(items)}]"
        if column == "m":
            items = [(k, self.rng.randrange(3)) for k in self.rng.sample(["x", "yy", "z"], self.rng.randrange(1, 4))]
            return ("MAP[" + ", ".join(f"'{k}', {v}" for k, v in items) + "]",
                    "{" + ", ".join(f"'{k}': {v}" for k, v in items) + "}")
        text = self.rng.choice(["", "a", "aa", "b", "ä", "a text that is longer than others"])
        return f"'{text}'", f"'{text}'"

    def flush(self):
        if self.rows:
            self.sql.append(f"INSERT INTO t ({', '.join(self.columns)}, ts, `ttl`) VALUES {', '.join(self.rows)};")
        self.rows, self.columns = [], None

    def insert(self, i):
        alone = self.rng.random() < 0.15
        p, c = self.key()
        names = ["st"] if alone else [n for n in ("st", "a", "n", "s", "l", "m") if self.rng.random() < 0.45]
        values = [self.value(n) for n in names]
        time_, ttl = self.timestamp(i), self.ttl()
        keys = [("p", str(p))] + ([] if alone else [("c", str(c))])
        columns = [k for k, _ in keys] + names
        if alone and self.rng.random() < 0.5:  # named, and NULL
            sql_keys, columns = [str(p), "CAST(NULL AS INT)"], ["p", "c", "st"]
        else:
            sql_keys = [v for _, v in keys]
        if columns != self.columns or self.rng.random() < 0.1:
            self.flush()
        self.columns = columns
        self.rows.append(f"({', '.join(sql_keys + [s for s, _ in values] + [str(time_), str(ttl) if ttl else 'NULL'])})")
        using = f"USING TIMESTAMP {time_}" + (f" AND TTL {ttl}" if ttl else "")
        self.cql.append(f"INSERT INTO t ({', '.join([k for k, _ in keys] + names)}) VALUES "
                        f"({', '.join([v for _, v in keys] + [c for _, c in values])}) {using}")

    def delete(self, i):
        self.flush()
        p, c = self.key()
        where = self.rng.choice([f"p = {p} AND c = {c}"] * 8 + [f"p = {p} AND c > {c}", f"p = {p} AND c <= {c}",
                                 f"p = {p} AND c >= {c} AND c < {c + 2}", f"p = {p}"])
        time_ = self.timestamp(i)
        self.sql.append(f"DELETE FROM t /*+ OPTIONS('sink.timestamp' = '{time_}') */ WHERE {where};")
        self.cql.append(f"DELETE FROM t USING TIMESTAMP {time_} WHERE {where}")

    def make(self):
        for i in range(OPERATIONS):
            if self.rng.random() < 0.88:
                self.insert(i)
            else:
                self.delete(i)
        self.flush()


COLUMNS = ["p", "c", "st", "a", "n", "s", "l", "m", "wst", "wa", "wl", "tst", "ta", "tl"]


def shown(value):
    """A value of the driver as the program's CSV has it."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(v) for v in value) + "]"
    if hasattr(value, "items"):
        return "{" + ", ".join(f"{k}={shown(v)}" for k, v in value.items()) + "}"
    return str(value)


def sort_key(row):
    return [(v == "", v) for v in row[:2]]


def compare(what, ours, theirs):
    ours, theirs = sorted(ours, key=sort_key), sorted(theirs, key=sort_key)
    for a, b in zip(ours, theirs):
        same = a[:-3] == b[:-3]
        for x, y in zip(a[-3:], b[-3:]):
            same = same and ((x == y) if "" in (x, y) else abs(int(x) - int(y)) <= TTL_SLACK_S)
        if not same:
            fail(f"{what}: the store has\n  {a}\nCassandra has\n  {b}")
    if len(ours) != len(theirs):
        fail(f"{what}: the store has {len(ours)} rows, Cassandra {len(theirs)}")
    return len(ours)


def select(session, statement):
    rows = [list(row) for row in session.execute(statement)]
    for row in rows:
        row[4] = None if row[4] is None else f"{row[4]:.2f}"
    return [[shown(v) for v in row] for row in rows]


def random_operations(session):
    session.execute("CREATE TABLE t (p int, c int, st text static, a int, n decimal, s text, l frozen<list<int>>, "
                    "m frozen<map<text, int>>, PRIMARY KEY (p, c)) WITH CLUSTERING ORDER BY (c DESC)")
    operations = Operations(SEED)
    operations.make()
    for statement in operations.cql:
        session.execute(statement)
    create = """CREATE CATALOG x WITH ('type' = 'store', 'path' = '%s'); USE CATALOG x;
        CREATE TABLE t (p INT, c INT, st STRING, a INT, n DECIMAL(7, 2), s STRING, l ARRAY<INT>, m MAP<STRING, INT>,
            ts BIGINT METADATA FROM 'timestamp', `ttl` INT METADATA,
            wst BIGINT METADATA FROM 'writetime(st)' VIRTUAL, wa BIGINT METADATA FROM 'writetime(a)' VIRTUAL,
            wl BIGINT METADATA FROM 'writetime(l)' VIRTUAL, tst INT METADATA FROM 'ttl(st)' VIRTUAL,
            ta INT METADATA FROM 'ttl(a)' VIRTUAL, tl INT METADATA FROM 'ttl(l)' VIRTUAL,
            PRIMARY KEY (p, c) NOT ENFORCED)
        WITH ('static-columns' = 'st', 'clustering-order' = 'c DESC', 'gc-grace' = '10 d');
        """ % os.path.join(TMP, "store")
    millrace(create + "\n".join(operations.sql))
    time.sleep(SHORT_TTL_S + 1)
    opened = f"CREATE CATALOG x WITH ('type' = 'store', 'path' = '{os.path.join(TMP, 'store')}'); USE CATALOG x;"
    out = millrace(f"{opened} SELECT {', '.join(COLUMNS)} FROM t;")
    ours = [row for row in csv.reader(out.splitlines())][1:]
    theirs = select(session, "SELECT p, c, st, a, n, s, l, m, writetime(st), writetime(a), writetime(l), ttl(st), ttl(a), "
                             "ttl(l) FROM t")
    count = compare("random operations", ours, theirs)
    if count < PARTITIONS:
        fail(f"only {count} rows are left to compare")
    # By key, where the store looks into ranges. All columns: Cassandra takes a row for missing when its only live cell is
    # not asked for and older than the expired marker (CASSANDRA-10657).
    for p in range(PARTITIONS):
        for where in (f"p = {p}", f"p = {p} AND c = 2", f"p = {p} AND c >= 3", f"p = {p} AND c < 1"):
            expected = select(session, f"SELECT p, c, st, a, n, s, l, m FROM t WHERE {where}")
            out = millrace(f"{opened} SELECT p, c, st, a, n, s, l, m FROM t WHERE {where};")
            got = [row for row in csv.reader(out.splitlines())][1:]
            if got != expected:
                fail(f"WHERE {where}: the store has {got}, Cassandra {expected}")
    return len(operations.cql), count


def counters(session):
    session.execute("CREATE TABLE k (p int, c int, st counter static, views counter, likes counter, PRIMARY KEY (p, c))")
    rng = random.Random(SEED + 1)
    sql = ["""CREATE TABLE k (p INT, c INT, st BIGINT, views BIGINT, likes BIGINT, PRIMARY KEY (p, c) NOT ENFORCED)
        WITH ('static-columns' = 'st', 'counter-columns' = 'st, views, likes');"""]
    for _ in range(60):
        rows = []
        for _ in range(rng.randrange(1, 8)):
            p, c = rng.randrange(4), rng.randrange(3)
            added = {n: rng.choice([None, rng.randrange(-10, 100)]) for n in ("st", "views", "likes")}
            rows.append(f"({p}, {c}, " + ", ".join("CAST(NULL AS BIGINT)" if v is None else str(v) for v in added.values()) + ")")
            sets = ", ".join(f"{n} = {n} + {v}" for n, v in added.items() if v is not None and n != "st")
            if sets:
                session.execute(f"UPDATE k SET {sets} WHERE p = {p} AND c = {c}")
            if added["st"] is not None:
                session.execute(f"UPDATE k SET st = st + {added['st']} WHERE p = {p}")
        sql.append(f"INSERT INTO k VALUES {', '.join(rows)};")
    for where in ("p = 1 AND c = 1", "p = 2"):  # nothing is added to them afterwards: Cassandra promises nothing then
        sql.append(f"DELETE FROM k WHERE {where};")
        session.execute(f"DELETE FROM k WHERE {where}")
    sql.append("SELECT p, c, st, views, likes FROM k ORDER BY p, c;")
    ours = [row for row in csv.reader(millrace("\n".join(sql)).splitlines())][1:]
    theirs = [[shown(v) for v in row] for row in session.execute("SELECT p, c, st, views, likes FROM k")]
    if sorted(ours) != sorted(theirs):
        fail(f"counters: the store has {sorted(ours)}, Cassandra {sorted(theirs)}")
    return len(ours)


def nested_keys(session):
    """Collections in keys: the rows come in the same order, so partitions have the same tokens and are sorted alike."""
    session.execute("CREATE TABLE n (l frozen<list<int>>, m frozen<map<text, int>>, u frozen<tuple<int, text>>, v int, "
                    "PRIMARY KEY ((l, m), u)) WITH CLUSTERING ORDER BY (u DESC)")
    rng = random.Random(SEED + 2)
    rows = []
    for i in range(150):
        l = [rng.randrange(-2, 3) for _ in range(rng.randrange(1, 3))]
        m = [(k, rng.randrange(2)) for k in rng.sample(["x", "yy"], rng.randrange(1, 3))]
        u, text = rng.randrange(-1, 2), rng.choice(["", "a", "b"])
        entries = ", ".join(f"'{k}': {v}" for k, v in m)
        session.execute(f"INSERT INTO n (l, m, u, v) VALUES ({l}, {{{entries}}}, ({u}, '{text}'), {i})")
        pairs = ", ".join(f"'{k}', {v}" for k, v in m)
        rows.append(f"(ARRAY{l}, MAP[{pairs}], ROW({u}, '{text}'), {i}, {i + 1})")
    sql = """CREATE TABLE n (l ARRAY<INT>, m MAP<STRING, INT>, u ROW<x INT, y STRING>, v INT,
            ts BIGINT METADATA FROM 'timestamp', PRIMARY KEY (l, m, u) NOT ENFORCED)
        WITH ('partition-keys' = 'l, m', 'clustering-order' = 'u DESC');\n"""
    sql += "\n".join(f"INSERT INTO n VALUES {row};" for row in rows) + "\nSELECT l, m, u, v FROM n;"
    ours = [row for row in csv.reader(millrace(sql).splitlines())][1:]
    theirs = []
    for l, m, u, v in session.execute("SELECT l, m, u, v FROM n"):
        theirs.append([shown(l), shown(m), f"({u[0]}, {u[1]})", str(v)])
    for a, b in zip(ours, theirs):
        if a != b:
            fail(f"collections in keys: the store has {a} where Cassandra has {b}")
    if len(ours) != len(theirs):
        fail(f"collections in keys: the store has {len(ours)} rows, Cassandra {len(theirs)}")
    return len(ours)


# ---- One script, two catalogs ----

def script():
    with open(SCRIPT, encoding="utf-8") as f:
        text = f.read()
    results = {}
    for kind, options in (("store", f"'path' = '{os.path.join(TMP, 'both')}'"), ("cassandra", f"'hosts' = '{HOST}:{PORT}'")):
        database = f"{KEYSPACE}_both"
        prelude = (f"CREATE CATALOG x WITH ('type' = '{kind}', {options});\nUSE CATALOG x;\nCREATE DATABASE {database};\n"
                   f"USE {database};\n")
        results[kind] = millrace(prelude + text).splitlines()
        millrace(f"CREATE CATALOG x WITH ('type' = '{kind}', {options});\nDROP DATABASE x.{database} CASCADE;")
    if results["store"] != results["cassandra"]:
        for a, b in zip(results["store"], results["cassandra"]):
            if a != b:
                fail(f"{os.path.basename(SCRIPT)}: the store says {a!r}, Cassandra {b!r}")
        fail(f"{os.path.basename(SCRIPT)}: {len(results['store'])} lines from the store, "
             f"{len(results['cassandra'])} from Cassandra")
    return len(results["store"])


def main():
    cluster = driver.connect(HOST, PORT)
    session = cluster.connect()
    session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    session.set_keyspace(KEYSPACE)
    operations, rows = random_operations(session)
    print(f"{operations} random operations: {rows} rows are the same")
    print(f"counters: {counters(session)} rows are the same")
    print(f"collections in keys: {nested_keys(session)} rows are the same, in the same order")
    print(f"one script on both: {script()} lines are the same")
    session.execute(f"DROP KEYSPACE {KEYSPACE}")
    cluster.shutdown()


main()
