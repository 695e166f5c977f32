#!/usr/bin/env python3
"""kill -9 of `millrace run --checkpoint-dir` at random moments: files and Kafka into the embedded store and into Cassandra.
Nothing may be lost and nothing doubled. What must come out is computed here from the events themselves."""
import collections
import csv
import io
import json
import os
import random
import subprocess
import sys
import time

MILLRACE, TMP = os.environ["MILLRACE"], os.environ["TMP"]
HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
BROKERS = os.environ["MILLRACE_TEST_KAFKA"]
SEED = int(os.environ.get("MILLRACE_TEST_SEED", time.time()))
EVENTS, KILLS, LEAST_KILLS, TRIES = 100000, 12, 3, 5
TIMEOUT_S = 600
TOPIC = KEYSPACE = f"kill_{os.getpid()}"
rng = random.Random(SEED)
print("seed", SEED)


def millrace(args, script=None):
    run = subprocess.run([MILLRACE] + args, input=script, capture_output=True, text=True, timeout=TIMEOUT_S)
    if run.returncode != 0:
        sys.exit(f"{args}\nexit status {run.returncode}\n{run.stderr[-3000:]}")
    return run


def make_events():
    events, now = [], 0
    for i in range(EVENTS):
        now += rng.randrange(0, 40)
        events.append({"user_id": rng.randrange(500), "page": f"/page/{rng.randrange(40)}", "amount": rng.randrange(1000),
                       "ts": max(0, now - rng.randrange(0, 3000))})
    return events


def timestamp(ms):
    return f"2024-01-01 {ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


COLUMNS = "user_id BIGINT, page STRING, amount BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND"
QUERIES = {
    # name: (columns of the view, query over `clicks`, expected rows)
    "by_page": ("page STRING, views BIGINT, total BIGINT, PRIMARY KEY (page) NOT ENFORCED",
                "SELECT page, COUNT(*), SUM(amount) FROM clicks GROUP BY page"),
    "by_window": ("w STRING, page STRING, views BIGINT, users BIGINT, PRIMARY KEY (w, page) NOT ENFORCED",
                  "SELECT CAST(window_start AS STRING), page, COUNT(*), COUNT(DISTINCT user_id) FROM "
                  "TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, page"),
    "frequent": ("page STRING, views BIGINT, PRIMARY KEY (page) NOT ENFORCED",  # rows appear and vanish
                 "SELECT page, COUNT(*) FROM clicks GROUP BY page HAVING MOD(COUNT(*), 3) = 0"),
}


def expected(events):
    by_page, by_window = collections.defaultdict(lambda: [0, 0]), collections.defaultdict(lambda: [0, set()])
    for e in events:
        by_page[e["page"]][0] += 1
        by_page[e["page"]][1] += e["amount"]
        window = by_window[timestamp(e["ts"] // 60000 * 60000), e["page"]]
        window[0] += 1
        window[1].add(e["user_id"])
    return {"by_page": sorted([p, str(c), str(t)] for p, (c, t) in by_page.items()),
            "by_window": sorted([w, p, str(c), str(len(u))] for (w, p), (c, u) in by_window.items()),
            "frequent": sorted([p, str(c)] for p, (c, _) in by_page.items() if c % 3 == 0)}


def source(kind):
    if kind == "file":
        return f"CREATE TEMPORARY TABLE clicks ({COLUMNS}) WITH ('connector'='filesystem', 'path'='{TMP}/clicks.json', 'format'='json');\n"
    return (f"CREATE TEMPORARY TABLE clicks ({COLUMNS}) WITH ('connector'='kafka', 'topic'='{TOPIC}', "
            f"'properties.bootstrap.servers'='{BROKERS}', 'format'='json', 'scan.startup.mode'='earliest-offset', "
            "'scan.bounded.mode'='latest-offset');\n")


def catalog(kind):
    if kind == "store":
        return "CREATE DATABASE IF NOT EXISTS views;\nUSE views;\n"
    return (f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{HOST}', 'port'='{PORT}');\n"
            f"CREATE DATABASE IF NOT EXISTS c.{KEYSPACE};\nUSE c.{KEYSPACE};\n")


def prepare(source_kind, sink_kind, prefix):
    """The tables and the script of a job; the arguments that run it."""
    data, checkpoints, script = (os.path.join(TMP, f"{prefix}_{sink_kind}_{x}") for x in ("data", "checkpoints", "job.sql"))
    tables = "".join(f"CREATE TABLE {prefix}_{view} ({columns});\n" for view, (columns, _) in QUERIES.items())
    millrace(["sql", "--data", data], catalog(sink_kind) + tables)
    with open(script, "w") as out:
        out.write("SET 'execution.runtime-mode' = 'streaming';\n" + catalog(sink_kind) + source(source_kind))
        out.write("EXECUTE STATEMENT SET BEGIN\n")
        for view, (_, query) in QUERIES.items():
            out.write(f"INSERT INTO {prefix}_{view} {query};\n")
        out.write("END;\n")
    return ["run", script, "--data", data, "--checkpoint-dir", checkpoints,
            "-D", "execution.checkpointing.interval=50 ms", "-D", "millrace.step.max-rows=100"]


def run_with_kills(args, longest_s):
    """A process lives for longest_s at most; after KILLS one may end. How many were killed."""
    kills = 0
    while True:
        process = subprocess.Popen([MILLRACE] + args + ["-D", f"parallelism.default={rng.choice([1, 2, 3])}"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            _, err = process.communicate(timeout=rng.random() * longest_s if kills < KILLS else TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
            if kills == KILLS:
                sys.exit(f"the job does not end within {TIMEOUT_S} s\n{err[-3000:]}")
            kills += 1
            continue
        if process.returncode != 0:
            sys.exit(f"the job failed with status {process.returncode}\n{err[-3000:]}")
        return kills


def right(name, data, sink_kind, prefix, wanted, note):
    """Do the views have the rows that they must?"""
    all_good = True
    for view in QUERIES:
        out = millrace(["sql", "--data", data, "--format", "csv"], catalog(sink_kind) + f"SELECT * FROM {prefix}_{view};\n").stdout
        rows = sorted(list(csv.reader(io.StringIO(out)))[1:])
        good = rows == wanted[view]
        all_good = all_good and good
        print(f"{'ok' if good else 'NOT OK'} {name} {view}: {len(rows)} rows {note}")
        if not good:
            print("  missing", [r for r in wanted[view] if r not in rows][:5])
            print("  unexpected", [r for r in rows if r not in wanted[view]][:5])
    return all_good


def check(source_kind, sink_kind, wanted):
    name = f"{source_kind}_{sink_kind}"
    # once without a kill, into tables of its own, to know how long the job takes
    start = time.monotonic()
    millrace(prepare(source_kind, sink_kind, f"{source_kind}_before"))
    undisturbed_s = time.monotonic() - start
    longest_s = undisturbed_s / 6  # so that there are many lives
    good = True
    for attempt in range(TRIES):
        prefix = f"{source_kind}{attempt}"
        args = prepare(source_kind, sink_kind, prefix)
        start = time.monotonic()
        kills = run_with_kills(args, longest_s)
        note = f"after {kills} kills, {time.monotonic() - start:.1f} s, {undisturbed_s:.1f} s undisturbed"
        good = right(name, args[args.index("--data") + 1], sink_kind, prefix, wanted, note) and good
        if kills >= LEAST_KILLS:
            return good
        longest_s /= 2  # it had run slower undisturbed: again, with shorter lives
    print(f"NOT OK {name}: only {kills} kills: the job ends too soon for this test")
    return False


def main():
    events = make_events()
    wanted = expected(events)
    with open(os.path.join(TMP, "clicks.json"), "w") as out:
        for e in events:
            out.write(json.dumps(dict(e, ts=timestamp(e["ts"]))) + "\n")
    millrace(["sql"], f"CREATE TABLE out (user_id BIGINT, page STRING, amount BIGINT, ts TIMESTAMP(3)) WITH ('connector'='kafka', "
             f"'topic'='{TOPIC}', 'properties.bootstrap.servers'='{BROKERS}', 'format'='json');\n"
             f"CREATE TABLE clicks ({COLUMNS}) WITH ('connector'='filesystem', 'path'='{TMP}/clicks.json', 'format'='json');\n"
             "INSERT INTO out SELECT * FROM clicks;\n")
    results = [check(source_kind, sink_kind, wanted) for source_kind in ("file", "kafka") for sink_kind in ("store", "cassandra")]
    sys.exit(0 if all(results) else 1)


main()
