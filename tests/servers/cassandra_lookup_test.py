#!/usr/bin/env python3
"""Joins by key with a real Cassandra: as of a processing time in batch and streaming, batch joins and subqueries with few keys,
with cache and without, forced to lookups and forced to scans. What must come out is computed here from the rows that the
driver wrote. Then a table that changes under a running join: caches that expire, and a job that is killed again and
again: its views must agree with each other."""
import collections
import csv
import io
import os
import random
import subprocess
import sys
import threading
import time

from cassandra.concurrent import execute_concurrent_with_args

import driver

MILLRACE, TMP = os.environ["MILLRACE"], os.environ["TMP"]
HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
KEYSPACE = f"lookup_{os.getpid()}"
CATALOG = f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{HOST}:{PORT}');\n"
SEED = int(os.environ.get("MILLRACE_TEST_SEED", time.time()))
rng = random.Random(SEED)
print("seed", SEED)

USERS, PROBES, FAT_ROWS = 3000, 6000, 5000
EVENTS, KILLS, LEAST_KILLS = 30000, 10, 3


def millrace(script, args=(), status=0, timeout=180):
    run = subprocess.run([MILLRACE, "sql", "--format", "csv", *args], input=script, capture_output=True, text=True, timeout=timeout)
    if run.returncode != status:
        sys.exit(f"{script}\nexit status {run.returncode} instead of {status}\n{run.stdout[-2000:]}\n{run.stderr[-3000:]}")
    return run


def query(script, args=()):
    return list(csv.reader(io.StringIO(millrace(script, args).stdout)))[1:]


def check(what, got, wanted):
    got, wanted = collections.Counter(map(tuple, got)), collections.Counter(map(tuple, wanted))
    if got == wanted:
        return
    sys.exit(f"{what}: {sum(got.values())} rows instead of {sum(wanted.values())}\n"
             f"missing {list((wanted - got).items())[:5]}\nunexpected {list((got - wanted).items())[:5]}")


def load(session):
    """The tables, and their rows as the queries below show them."""
    session.execute("CREATE TABLE users (id bigint PRIMARY KEY, name text, country text)")
    session.execute("CREATE TABLE readings (device text, day int, seq int, v bigint, PRIMARY KEY (device, day, seq))")
    session.execute("CREATE TABLE pairs (x int, y text, z int, w text, PRIMARY KEY ((x, y), z))")
    users = {i * 2: (f"name {i}", rng.choice(["DE", "FR", None])) for i in range(USERS)}  # odd ids are missing
    readings = [(f"d{i}", day, seq, rng.randrange(1000)) for i in range(100) for day in range(rng.randrange(4))
                for seq in range(rng.randrange(6))]
    readings += [("fat", i % 3, i, i) for i in range(FAT_ROWS)]  # many pages
    pairs = [(x, y, z, f"{x}{y}{z}") for x in range(20) for y in "pq" for z in range(rng.randrange(4))]
    for statement, rows in (("INSERT INTO users (id, name, country) VALUES (?, ?, ?)", [(i, *u) for i, u in users.items()]),
                            ("INSERT INTO readings (device, day, seq, v) VALUES (?, ?, ?, ?)", readings),
                            ("INSERT INTO pairs (x, y, z, w) VALUES (?, ?, ?, ?)", pairs)):
        execute_concurrent_with_args(session, session.prepare(statement), rows, concurrency=100)
    return users, readings, pairs


def make_probes():
    probes = []
    for n in range(PROBES):
        user = rng.choice([None, rng.randrange(2 * USERS), rng.randrange(20)])
        device = rng.choice([None, f"d{rng.randrange(130)}"]) if n else "fat"
        probes.append((n, user, device, rng.choice([None, 0, 1, 2]), rng.choice("pqr")))
    with open(os.path.join(TMP, "probes.csv"), "w") as out:
        csv.writer(out).writerows([["" if v is None else v for v in p] for p in probes])
    return probes


def text(*values):
    return tuple("" if v is None else str(v) for v in values)


PROBE_TABLE = ("CREATE TEMPORARY TABLE probes (n INT, user_id INT, device STRING, k INT, y STRING, p AS PROCTIME()) WITH "
               f"('connector'='filesystem', 'path'='{TMP}/probes.csv', 'format'='csv', 'csv.null-literal'='');\n")


def expected_joins(probes, users, readings, pairs):
    by_device, by_day, by_pair = (collections.defaultdict(list) for _ in range(3))
    for device, day, seq, v in readings:
        by_device[device].append((day, seq, v))
        by_day[device, day].append((seq, v))
    for x, y, z, w in pairs:
        by_pair[x, y].append((z, w))
    joins = {}
    # name: (columns, table, condition, rows)
    for kind in ("", "LEFT "):
        none = kind == "LEFT "

        def join(name, columns, table, condition, find):
            rows = []
            for probe in probes:
                found = find(*probe)
                rows += [text(probe[0], *row) for row in found]
                if none and not found:
                    rows.append(text(probe[0], *[None] * len(columns.split(","))))
            joins[kind + name] = (kind, columns, table, condition, rows)

        join("key", "t.name, t.country", "users", "q.user_id = t.id", lambda n, u, d, k, y: [users[u]] if u in users else [])
        join("filter", "t.name", "users", "q.user_id = t.id AND t.country = 'DE' AND q.n > 100",
             lambda n, u, d, k, y: [users[u][:1]] if u in users and users[u][1] == "DE" and n > 100 else [])
        join("partition", "t.`day`, t.seq, t.v", "readings", "q.device = t.device", lambda n, u, d, k, y: by_device[d] if d else [])
        join("prefix", "t.seq, t.v", "readings", "q.device = t.device AND t.`day` = q.k",
             lambda n, u, d, k, y: by_day[d, k] if d and k is not None else [])
        join("gap", "t.`day`, t.v", "readings", "t.seq = q.k AND q.device = t.device AND t.v < 900",
             lambda n, u, d, k, y: [(day, v) for day, seq, v in by_device[d] if seq == k and v < 900] if d else [])
        join("composite", "t.z, t.w", "pairs", "t.y = q.y AND t.x = q.k", lambda n, u, d, k, y: by_pair[k, y] if k is not None else [])
    return joins


def random_joins(users, readings, pairs):
    probes = make_probes()
    joins = expected_joins(probes, users, readings, pairs)
    batch, stream = ["-D", "execution.runtime-mode=batch"], ["-D", "execution.runtime-mode=streaming", "-D", "millrace.step.max-rows=997"]
    cache = "/*+ OPTIONS('lookup.cache'='PARTIAL', 'lookup.partial-cache.max-rows'='300', 'lookup.max-in-flight'='17') */"
    as_of = "FOR SYSTEM_TIME AS OF q.p AS t"
    ways = {"batch": (batch, as_of), "stream": (stream, as_of), "cached": (stream, f"{cache} {as_of}"),
            "scan": (batch, "/*+ OPTIONS('lookup.join'='off') */ AS t"), "chosen": (batch, "/*+ OPTIONS('lookup.join'='on') */ AS t")}
    prefix = CATALOG + PROBE_TABLE
    for way, (args, right) in ways.items():
        for name, (kind, columns, table, condition, rows) in joins.items():
            sql = f"SELECT q.n, {columns} FROM probes AS q {kind}JOIN c.{KEYSPACE}.{table} {right} ON {condition};"
            check(f"{way} {name}", query(prefix + sql, args), rows)
        print("ok", way, len(joins), "joins")
    wanted = {u for _, u, *_ in probes if u is not None}
    for option in ("on", "off"):
        hint = f"/*+ OPTIONS('lookup.join'='{option}') */"
        check(f"IN {option}", query(prefix + f"SELECT id, name FROM c.{KEYSPACE}.users {hint} WHERE id IN (SELECT user_id FROM probes);"),
              [text(i, u[0]) for i, u in users.items() if i in wanted])
        check(f"EXISTS {option}", query(prefix + f"SELECT n FROM probes WHERE user_id IN (SELECT id FROM c.{KEYSPACE}.users {hint} "
                                                 "WHERE country = 'DE');"),
              [text(n) for n, u, *_ in probes if u in users and users[u][1] == "DE"])


def planner_chooses():
    values = ", ".join(f"({i})" for i in range(20))
    users = f"c.{KEYSPACE}.users"

    def explain(sql):
        return millrace(CATALOG + "EXPLAIN " + sql).stdout

    out = explain(f"SELECT * FROM (VALUES {values}) AS v (k) JOIN {users} AS u ON v.k = u.id;")
    if "LookupJoin" not in out or "lookup by (id): 20 keys estimated against" not in out:
        sys.exit(f"20 keys are not looked up:\n{out}")
    for hint, setting, why in (("/*+ OPTIONS('lookup.join'='off') */", "", "'lookup.join' is 'off'"),
                               ("", "SET 'table.optimizer.lookup-join.ratio'='0.00000001';\n", "more than 1e-08 of them")):
        out = millrace(CATALOG + setting + f"EXPLAIN SELECT * FROM (VALUES {values}) AS v (k) JOIN {users} {hint} AS u ON v.k = u.id;").stdout
        if "HashJoin" not in out or why not in out or "FULL SCAN" not in out:
            sys.exit(f"no full scan:\n{out}")
    out = explain(f"SELECT * FROM {users} WHERE id IN (SELECT k FROM (VALUES {values}) AS v (k));")
    if "LookupJoin" not in out:
        sys.exit(f"IN is not looked up:\n{out}")
    print("ok planner")


def changing_table(session):
    """A row that changes while 60 rows a second look it up."""
    script = (CATALOG + "SET 'execution.runtime-mode'='streaming';\nSET 'sql-client.execution.result-mode'='changelog';\n"
              "CREATE TEMPORARY TABLE ticks (i INT, p AS PROCTIME()) WITH ('connector'='datagen', 'rows-per-second'='60', 'number-of-rows'='240', "
              "'fields.i.kind'='sequence', 'fields.i.start'='1', 'fields.i.end'='240');\n")
    counts = {}
    for name, options in (("none", ""), ("forever", "'lookup.cache'='PARTIAL'"),
                          ("expiring", "'lookup.cache'='PARTIAL', 'lookup.partial-cache.expire-after-write'='500 ms'")):
        session.execute("INSERT INTO users (id, name) VALUES (-1, 'old')")
        timer = threading.Timer(2, lambda: session.execute("INSERT INTO users (id, name) VALUES (-1, 'new')"))
        timer.start()
        hint = f"/*+ OPTIONS({options}) */" if options else ""
        rows = query(script + f"SELECT i, name FROM ticks AS q JOIN c.{KEYSPACE}.users {hint} FOR SYSTEM_TIME AS OF q.p AS t ON t.id = q.i * 0 - 1;")
        timer.join()
        names = [row[-1] for row in sorted(rows, key=lambda row: int(row[-2]))]
        if len(names) != 240 or names != sorted(names, reverse=True):
            sys.exit(f"cache {name}: {len(names)} rows, or old ones behind new ones: {names}")
        counts[name] = names.count("new")
    print("ok changing table: rows with the new name", counts)
    if counts["forever"] != 0 or not counts["none"] or not counts["expiring"]:
        sys.exit("a cache kept a row too long or not long enough")


def prepare_job(prefix, cached):
    data, checkpoints, script = (os.path.join(TMP, f"{prefix}_{x}") for x in ("data", "checkpoints", "job.sql"))
    millrace("CREATE TABLE by_row (n INT, country STRING, PRIMARY KEY (n) NOT ENFORCED);\n"
             "CREATE TABLE by_country (country STRING, rows_ BIGINT, total BIGINT, PRIMARY KEY (country) NOT ENFORCED);\n", ["--data", data])
    hint = "/*+ OPTIONS('lookup.cache'='PARTIAL', 'lookup.partial-cache.expire-after-write'='300 ms', 'lookup.partial-cache.max-rows'='150') */"
    with open(script, "w") as out:
        out.write("SET 'execution.runtime-mode' = 'streaming';\n" + CATALOG +
                  f"CREATE TEMPORARY TABLE events (n INT, id INT, p AS PROCTIME()) WITH ('connector'='filesystem', 'path'='{TMP}/events.csv', "
                  "'format'='csv');\nCREATE TEMPORARY VIEW joined AS SELECT n, country FROM events AS q JOIN "
                  f"c.{KEYSPACE}.dim {hint if cached else ''} FOR SYSTEM_TIME AS OF q.p AS t ON q.id = t.id;\n"
                  "EXECUTE STATEMENT SET BEGIN\nINSERT INTO by_row SELECT n, country FROM joined;\n"
                  "INSERT INTO by_country SELECT country, COUNT(*), SUM(n) FROM joined GROUP BY country;\nEND;\n")
    return [script, "--data", data, "--checkpoint-dir", checkpoints, "-D", "execution.checkpointing.interval=100 ms",
            "-D", "millrace.step.max-rows=150"], data


def run_job(args, lifetime_s, kills):
    """A process lives for lifetime_s at most, until `kills` were killed; how many were."""
    killed = 0
    while True:
        process = subprocess.Popen([MILLRACE, "run", *args, "-D", f"parallelism.default={rng.choice([1, 2, 3])}"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            _, err = process.communicate(timeout=rng.random() * lifetime_s if killed < kills else 240)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
            continue
        if process.returncode != 0:
            sys.exit(f"the job failed with status {process.returncode}\n{err[-3000:]}")
        return killed


def killed_jobs(session):
    session.execute("CREATE TABLE dim (id bigint PRIMARY KEY, country text)")
    update = session.prepare("INSERT INTO dim (id, country) VALUES (?, ?)")
    # rare countries: a view's row that a lost answer leaves behind is not overwritten by chance
    countries = [f"country {i}" for i in range(2000)]
    execute_concurrent_with_args(session, update, [(i, rng.choice(countries)) for i in range(400)], concurrency=100)
    with open(os.path.join(TMP, "events.csv"), "w") as out:
        csv.writer(out).writerows([n, rng.randrange(400)] for n in range(EVENTS))
    stop = threading.Event()

    def change():
        choice = random.Random(SEED)
        while not stop.wait(0.002):
            session.execute(update, (choice.randrange(400), choice.choice(countries)))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for cached in (False, True):
            name = "cached" if cached else "uncached"
            start = time.monotonic()
            run_job(prepare_job(f"before_{name}", cached)[0], 0, 0)
            undisturbed_s = time.monotonic() - start
            args, data = prepare_job(name, cached)
            kills = run_job(args, undisturbed_s / 10, KILLS)
            rows = query("SELECT n, country FROM by_row;", ["--data", data])
            if sorted(int(n) for n, _ in rows) != list(range(EVENTS)):
                sys.exit(f"{name}: {len(rows)} rows of {EVENTS}")
            by_country = collections.defaultdict(lambda: [0, 0])
            for n, country in rows:
                by_country[country][0] += 1
                by_country[country][1] += int(n)
            view = query("SELECT * FROM by_country;", ["--data", data])
            check(f"{name} job killed {kills} times, the view against the rows", view, [text(c, *v) for c, v in by_country.items()])
            print(f"ok {name} job: {len(view)} countries, {kills} kills, {undisturbed_s:.1f} s undisturbed")
            if kills < LEAST_KILLS:
                sys.exit("the job ends too soon for this test")
    finally:
        stop.set()
        thread.join()


def main():
    cluster = driver.connect(HOST, PORT)
    session = cluster.connect()
    session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    session.set_keyspace(KEYSPACE)
    users, readings, pairs = load(session)
    random_joins(users, readings, pairs)
    planner_chooses()
    changing_table(session)
    killed_jobs(session)
    cluster.shutdown()


main()
