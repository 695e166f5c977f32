#!/usr/bin/env python3
"""millrace load, unload and count against Cassandra; what is in the tables is read by Cassandra's own driver. Random data, the
same for the same MILLRACE_TEST_SEED."""
import csv
import datetime
import decimal
import gzip
import ipaddress
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import uuid

from cassandra.query import tuple_factory
from cassandra.util import Date, Duration, Time

import driver

MILLRACE = os.environ["MILLRACE"]
ADDRESS = os.environ["MILLRACE_TEST_CASSANDRA"]
HOST, PORT = ADDRESS.rsplit(":", 1)
KEYSPACE = f"load_{os.getpid()}"
TMP = tempfile.mkdtemp(dir=os.environ.get("TMP"))
rng = random.Random(int(os.environ.get("MILLRACE_TEST_SEED", "5")))
ROWS = int(os.environ.get("MILLRACE_TEST_ROWS", "300"))
EPOCH = datetime.datetime(1970, 1, 1)
decimal.getcontext().prec = 80


def check(condition, *what):
    if not condition:
        sys.exit(" ".join(str(w) for w in what))


def equal(what, got, expected):
    check(got == expected, f"{what}: {got!r} instead of {expected!r}")


def path(name):
    return os.path.join(TMP, name)


def command(*args):
    return [MILLRACE, *args, "--host", ADDRESS]


def run(*args, status=0, stdin=None, text=True):
    done = subprocess.run(command(*args), capture_output=True, text=text, timeout=300, cwd=TMP, input=stdin)
    check(done.returncode == status, f"{args}: exit status {done.returncode} instead of {status}\n{done.stdout}\n{done.stderr}")
    return done.stdout, done.stderr


def contents(session, table, columns="*"):
    return sorted(session.execute(f"SELECT {columns} FROM {table}"), key=repr)


def write(name, text):
    with open(path(name), "w") as f:
        f.write(text)
    return name


# ---- Every type ------------------------------------------------------------------------------------------------------

def number(bits):
    return rng.choice([0, -1, 2 ** (bits - 1) - 1, -2 ** (bits - 1), rng.randrange(-2 ** (bits - 1), 2 ** (bits - 1))])


def text():
    return "".join(rng.choice('aZ09 é字😀,;"\'\\\n\r\t|{}[]:#') for _ in range(rng.randrange(12)))


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def duration():
    sign = rng.choice([1, -1])
    return Duration(sign * rng.randrange(500), sign * rng.randrange(5000), sign * rng.randrange(10**15))


SCALARS = {
    "ascii": lambda: "x\"," * rng.randrange(5), "text": text, "boolean": lambda: rng.random() < 0.5,
    "tinyint": lambda: number(8), "smallint": lambda: number(16), "int": lambda: number(32), "bigint": lambda: number(64),
    "varint": lambda: number(rng.choice([8, 64, 200])),
    "decimal": lambda: decimal.Decimal(number(120)).scaleb(-rng.randrange(0, 40)),
    "float": lambda: rng.choice([0.0, float("inf"), single(rng.uniform(-1e6, 1e6))]),
    "double": lambda: rng.choice([1e300, -5e-324, float("-inf"), rng.uniform(-1, 1)]),
    "date": lambda: Date(rng.choice([rng.randrange(-10**8, -720000), rng.randrange(-700000, 2900000), rng.randrange(3 * 10**6, 10**8)])), "time": lambda: Time(rng.randrange(86400 * 10**9)),
    "timestamp": lambda: EPOCH + datetime.timedelta(milliseconds=rng.randrange(-10**13, 10**14)),
    "uuid": lambda: uuid.UUID(int=rng.getrandbits(128), version=4), "timeuuid": uuid.uuid1,
    "inet": lambda: str(ipaddress.ip_address(rng.choice([rng.randrange(2**32), rng.randrange(2**96, 2**128)]))),
    "duration": duration, "blob": lambda: bytes(rng.randrange(256) for _ in range(rng.randrange(20))),
}
NESTED = {
    "list<int>": lambda: [number(32) for _ in range(rng.randrange(1, 4))],
    "frozen<list<text>>": lambda: [text() for _ in range(rng.randrange(3))],
    "set<text>": lambda: {text() for _ in range(rng.randrange(1, 4))},
    "map<text, bigint>": lambda: {text(): number(64) for _ in range(rng.randrange(1, 4))},
    "map<int, text>": lambda: {number(32): text() for _ in range(rng.randrange(1, 4))},
    "map<timestamp, boolean>": lambda: {SCALARS["timestamp"](): True},
    "map<blob, inet>": lambda: {SCALARS["blob"](): SCALARS["inet"]()},
    "map<frozen<list<int>>, decimal>": lambda: {(1, 2): decimal.Decimal("1.500"), (): decimal.Decimal("-1e-30")},
    "map<frozen<address>, int>": lambda: {ADDRESS_TYPE(text(), number(32)): number(32)},
    "tuple<int, text, blob>": lambda: (number(32), rng.choice([None, text()]), SCALARS["blob"]()),
    "frozen<address>": lambda: ADDRESS_TYPE(rng.choice([None, text()]), number(32)),
    "person": lambda: PERSON_TYPE(text(), ADDRESS_TYPE(text(), None), [uuid.UUID(int=rng.getrandbits(128), version=4)]),
    "vector<float, 3>": lambda: [single(rng.uniform(-9, 9)) for _ in range(3)],
    "list<frozen<map<text, frozen<set<int>>>>>": lambda: [{text(): {1, 2}, "e": set()}, {}],
}
ADDRESS_TYPE = PERSON_TYPE = None


def every_type(session):
    global ADDRESS_TYPE, PERSON_TYPE
    session.execute('CREATE TYPE address (street text, "Nr" int)')
    session.execute("CREATE TYPE person (name text, home frozen<address>, ids frozen<list<uuid>>)")
    import collections
    ADDRESS_TYPE = collections.namedtuple("address", ["street", "Nr"])
    PERSON_TYPE = collections.namedtuple("person", ["name", "home", "ids"])
    types = list(SCALARS) + list(NESTED)
    makers = {**SCALARS, **NESTED}
    columns = [f"c{i}" for i in range(len(types))]
    define = "(id int, \"Sub key\" text, " + ", ".join(f"{c} {t}" for c, t in zip(columns, types)) + \
        ", PRIMARY KEY (id, \"Sub key\"))"
    session.execute(f"CREATE TABLE every {define}")
    names = ["id", '"Sub key"'] + columns
    insert = session.prepare(f"INSERT INTO every ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})")
    for i in range(ROWS):
        row = [None if rng.random() < 0.15 else makers[t]() for t in types]
        session.execute(insert, [i, text()] + row)
    original = contents(session, "every")
    equal("rows", len(original), ROWS)
    equal("count", run("count", f"{KEYSPACE}.every"), (f"{ROWS}\n", ""))
    equal("count at the server", run("count", f"{KEYSPACE}.every", "--at-server")[0], f"{ROWS}\n")
    ways = [("all.csv", []), ("all.json", []), ("all.parquet", []), ("all.csv.gz", []), ("all.json.zst", []),
            ("semi.csv", ["-d", ";", "--null", "NULL"]), ("bare.csv", ["--no-header"]),
            ("dir/", ["--format", "csv", "--max-records-per-file", "70", "--compression", "gzip"])]
    for number, (name, options) in enumerate(ways):
        table = f"copy{number}"
        session.execute(f"CREATE TABLE {table} {define}")
        if name.endswith(".parquet"):  # maps with nested keys are not for Parquet
            pass
        run("unload", f"{KEYSPACE}.every", "TO", name, *options)
        again = [o for o in options if o not in ("--max-records-per-file", "70", "--compression", "gzip")]
        run("load", name, "INTO", f"{KEYSPACE}.{table}", *again)
        copy = contents(session, table)
        for got, wanted in zip(copy, original):
            for i, (a, b) in enumerate(zip(got, wanted)):
                equal(f"{name}, row {wanted[:2]}, {names[i] if i < 2 else (names[i], )}", repr(a), repr(b))
        equal(f"{name}: rows", len(copy), ROWS)
    equal("files of at most 70 rows", len(os.listdir(path("dir"))), (ROWS + 69) // 70)
    out = run("unload", f"{KEYSPACE}.every", "TO", "-", "--columns", "id,Sub key", text=False)[0].decode()
    rows = list(csv.reader(out.splitlines(keepends=True)))
    equal("header", rows[0], ["id", "Sub key"])
    equal("keys", sorted((int(a), b) for a, b in rows[1:]), sorted((r[0], r[1]) for r in session.execute('SELECT id, "Sub key" FROM every')))


# ---- Bad rows --------------------------------------------------------------------------------------------------------

def bad_rows(session):
    session.execute("CREATE TABLE people (id uuid, n int, name text, ip inet, PRIMARY KEY (id, n))")
    good = [f"{uuid.UUID(int=i)},{i},n{i},10.0.0.{i}" for i in range(1, 50)]
    bad = {10: "no-uuid,1,x,10.0.0.1", 20: f"{uuid.UUID(int=1)},1x,x,10.0.0.1", 30: f"{uuid.UUID(int=1)},,x,10.0.0.1",
           40: f"{uuid.UUID(int=1)},1,x", 45: f"{uuid.UUID(int=1)},1000,x,10.0.0.400", 48: ",5,\"a, b\",::1"}
    lines = ["ID,n,Name,ip"]
    rest = iter(good)
    for number in range(2, 57):
        lines.append(bad.get(number) or next(rest))
    write("people.csv", "\n".join(lines) + "\n")
    table = f"{KEYSPACE}.people"
    out, err = run("load", "people.csv", "INTO", table, "--dry-run", status=1)
    equal("a dry run prints nothing", out, "")
    check("55 rows read, 49 good, nothing written, 6 bad" in err, err)
    equal("a dry run writes nothing", contents(session, "people"), [])
    out, err = run("load", "people.csv", "INTO", table, status=1)
    check("55 rows read, 49 written, 6 bad" in err, err)
    equal("good rows", len(contents(session, "people")), 49)
    with open(path("people.bad")) as f:
        kept = f.read().split("\n")[:-1]
    equal("header of bad rows", kept[0], "ID,n,Name,ip")
    equal("bad rows", sorted(kept[1:]), sorted(bad.values()))
    with open(path("people.bad.reasons")) as f:
        reasons = {r["line"]: r for r in map(json.loads, f)}
    equal("lines", sorted(reasons), sorted(bad))
    for line, words in {10: "uuid", 20: "field 'n': cannot read '1x' as INT", 30: "field 'n' is NULL", 40: "3 fields where the table has 4",
                        45: "inet", 48: "field 'ID' is NULL"}.items():
        check(words in reasons[line]["error"], reasons[line], words)
        equal("file", reasons[line]["file"], "people.csv")
    # mended, the bad rows can be loaded as they are
    mended = [line.replace("no-uuid", str(uuid.UUID(int=77))).replace("1x", "1") for line in kept]
    write("mended.csv", "\n".join(mended) + "\n")
    out, err = run("load", "mended.csv", "INTO", table, "--bad", "again.bad", status=1)
    check("6 rows read, 2 written, 4 bad" in err, err)
    # a bad row does not take the place of a good one with its key
    u = uuid.UUID(int=500)
    same = [f"{u},1,first,10.0.0.1", f"{u},1,second,10.0.0.2", f"{u},1,third,10.0.0.400", f"{u},2,x,10.0.0.400", f"{u},2,only,10.0.0.3",
            f"{u},3,x,none", f"{u},3,y,none"]
    write("same.csv", "\n".join(["id,n,name,ip", *same]) + "\n")
    out, err = run("load", "same.csv", "INTO", table, "--bad", "same.bad", status=1)
    check("7 rows read, 2 written, 4 bad" in err, err)
    equal("the last good ones", contents(session, f"people WHERE id = {u}", "n, name"), [(1, "second"), (2, "only")])
    equal("the bad ones", sorted(open(path("same.bad")).read().split("\n")[1:-1]), sorted([same[2], same[3], *same[5:]]))
    with open(path("same.bad.reasons")) as f:
        equal("their lines", sorted(json.loads(line)["line"] for line in f), [4, 5, 7, 8])
    # a row that only the server refuses: an empty partition key
    session.execute("CREATE TABLE keys (k text PRIMARY KEY, v blob)")
    write("keys.csv", 'k,v\na,0x01\n"",0x02\nb,0x03\n')
    out, err = run("load", "keys.csv", "INTO", f"{KEYSPACE}.keys", status=1)
    check("3 rows read, 2 written, 1 bad" in err, err)
    equal("the row again", open(path("keys.bad")).read(), 'k,v\n"",0x02\n')
    check("empty" in json.loads(open(path("keys.bad.reasons")).read())["error"], "reason")
    # too many
    out, err = run("load", "people.csv", "INTO", table, "--max-errors", "2", status=1)
    check("more than 2 rows are bad" in err and " 3 bad in " in err, err)
    # what did not arrive is not said to be written
    out, err = run("load", "keys.csv", "INTO", f"{KEYSPACE}.keys", "--consistency", "THREE", "-o", "max-attempts=1", status=3)
    check("rows read, at most " in err and "THREE" in err, err)


def wrong_usage(session):
    table = f"{KEYSPACE}.people"
    for args, status, words in [
            (["load", "people.csv", "INTO", f"{KEYSPACE}.peopl"], 1, 'did you mean "people"?'),
            (["load", write("extra.csv", "id,n,nam\n"), "INTO", table], 1, "did you mean 'name'?"),
            (["load", write("nokey.csv", "id,name\n"), "INTO", table], 1, "no field for column 'n', which is part of the key"),
            (["load", "missing.csv", "INTO", table], 1, "error: cannot read 'missing.csv': No such file or directory\n"),
            (["load", "people.csv", "missing.csv", "INTO", table, "--no-header"], 1, "error: cannot read 'missing.csv': No such file"),
            (["load", "people.csv", table], 2, "INTO"),
            (["load", "people.csv", "INTO", table, "--limit", "x"], 2, "--limit")]:
        check(words in run(*args, status=status)[1], args, words, run(*args, status=status)[1])
    # a condition, a query: one, and nothing behind it
    before = contents(session, "people")
    for args in (["unload", table, "TO", "-", "--where", f"n = 1; TRUNCATE TABLE {table}"], ["count", table, "--where", f"n = 1; TRUNCATE TABLE {table}"],
                 ["count", table, "--where", "n = 1 UNION ALL SELECT 1"], ["unload", table, "TO", "-", "--where", "n = 1 LIMIT 1"],
                 ["unload", "--query", f"SELECT 1; TRUNCATE TABLE {table}", "TO", "-"]):
        err = run(*args, status=1)[1]
        check("option '--where'" in err or "more text behind the end" in err, args, err)
    equal("untouched", contents(session, "people"), before)
    check(len(run("unload", table, "TO", "-", "--where", "n > 0 -- all", "--limit", "2")[0].split("\n")) == 4, "LIMIT behind a comment")
    done = subprocess.run([MILLRACE, "load", "people.csv", "INTO", table, "--host", "127.0.0.1:1"], capture_output=True, text=True,
                          cwd=TMP, timeout=100)
    equal("exit status without a server", done.returncode, 3)


def settings(session):
    session.execute("CREATE TABLE life (id int PRIMARY KEY, v text)")
    write("life.csv", "nr;v\n1;a\n2;\n3;c\n4;d\n")
    run("load", "life.csv", "INTO", f"{KEYSPACE}.life", "-d", ";", "--map", "nr=id", "--ttl", "1000", "--timestamp", "1234567",
        "--consistency", "ONE", "--skip", "1", "--limit", "2", "--rate", "100000")
    rows = sorted(session.execute("SELECT id, v, ttl(v), writetime(v) FROM life"))
    equal("rows", [(r[0], r[1]) for r in rows], [(2, None), (3, "c")])
    check(990 < rows[1][2] <= 1000, "ttl", rows)
    equal("write time", rows[1][3], 1234567)
    run("load", "-", "INTO", f"{KEYSPACE}.life", stdin="v,id\nfrom stdin,9\n")
    equal("standard input", [tuple(r) for r in session.execute("SELECT v FROM life WHERE id = 9")], [("from stdin",)])
    session.execute("CREATE TABLE statics (k int, c int, s text STATIC, v int, PRIMARY KEY (k, c))")
    session.execute("INSERT INTO statics (k, c, s, v) VALUES (1, 2, 'x', 3)")
    session.execute("INSERT INTO statics (k, s) VALUES (7, 'alone')")
    session.execute("CREATE TABLE statics2 (k int, c int, s text STATIC, v int, PRIMARY KEY (k, c))")
    run("unload", f"{KEYSPACE}.statics", "TO", "statics.csv")
    run("load", "statics.csv", "INTO", f"{KEYSPACE}.statics2")
    equal("static columns", contents(session, "statics2"), contents(session, "statics"))
    session.execute("CREATE TABLE hits (k text PRIMARY KEY, n counter)")
    run("load", write("hits.csv", "k,n\na,2\na,3\nb,1\n"), "INTO", f"{KEYSPACE}.hits")
    equal("counters", contents(session, "hits"), [("a", 5), ("b", 1)])


def pipes(session):
    """Pipes are read once and stay what they are, as do devices and links."""
    session.execute("CREATE TABLE piped (k int PRIMARY KEY, v text)")
    pipe, table = path("pipe"), f"{KEYSPACE}.piped"
    os.mkfifo(pipe)

    def with_pipe(shell, *args):
        process = subprocess.Popen(["sh", "-c", shell], cwd=TMP, stdout=subprocess.PIPE, text=True)
        done = subprocess.run(command(*args), capture_output=True, text=True, timeout=60, cwd=TMP)
        equal(f"{args}: {done.stderr}", done.returncode, 0)
        return process.communicate(timeout=60)[0]
    with_pipe("printf 'v,k\\na,1\\nb,2\\n' > pipe", "load", "pipe", "INTO", table)
    with_pipe("""printf '{"k":3,"v":"c"}\\n' > pipe""", "load", "pipe", "INTO", table, "--format", "json")
    with_pipe("printf '4,d\\n' > pipe", "load", "pipe", "INTO", table, "--no-header", "--columns", "k,v")
    equal("from pipes", contents(session, "piped"), [(1, "a"), (2, "b"), (3, "c"), (4, "d")])
    out = with_pipe("cat pipe", "unload", table, "TO", "pipe", "--where", "k = 3")
    equal("into a pipe", out.replace("\n", ";"), "k,v;3,c;")
    os.symlink("led.csv", path("link.csv"))
    write("led.csv", "old")
    run("unload", table, "TO", "link.csv", "--where", "k = 1")
    check(os.path.islink(path("link.csv")) and open(path("led.csv")).read() == "k,v\n1,a\n", "what a link leads to is replaced")
    check("is loaded alone" in run("load", "pipe", "people.csv", "INTO", table, status=2)[1], "a pipe and a file")
    check("cannot be read again" in run("load", "pipe", "INTO", table, "--resume", status=2)[1], "a pipe again")


# ---- Killed and started again ----------------------------------------------------------------------------------------

def counts(session):
    """By token range and by partition, beside the rows that the driver reads and the tokens that the server tells."""
    session.execute("CREATE TABLE counted (a int, b text, c int, v int, PRIMARY KEY ((a, b), c))")
    insert = session.prepare("INSERT INTO counted (a, b, c, v) VALUES (?, ?, ?, ?)")
    for a in range(60):
        for b in ("x", "it's", "é,\""):
            for c in range(1 + a * len(b) % 7):
                session.execute(insert, (a, b, c, c % 2))
    rows = list(session.execute("SELECT token(a, b), a, b, v FROM counted"))
    for options in ([], ["--at-server"], ["-o", "scan.splits=7"], ["-D", "parallelism.default=1"]):
        out = run("count", f"{KEYSPACE}.counted", "--by-range", "--format", "csv", *options)[0]
        header, *ranges = csv.reader(out.splitlines())
        equal("header", header, ["start", "end", "rows"])
        ranges = [tuple(map(int, r)) for r in ranges]
        equal("ends", (ranges[0][0], ranges[-1][1]), (-2**63, 2**63 - 1))
        check(all(a[1] == b[0] for a, b in zip(ranges, ranges[1:])), "gaps", ranges)
        equal(f"rows by range {options}", [r[2] for r in ranges], [sum(start < row[0] <= end for row in rows) for start, end, _ in ranges])
        if "-o" in options:
            equal("ranges", len(ranges), 7)
    lines = run("count", f"{KEYSPACE}.counted", "--by-range", "--format", "jsonl")[0].splitlines()
    equal("as json", sum(json.loads(line)["rows"] for line in lines), len(rows))
    sizes = {}
    for _, a, b, _ in rows:
        sizes[a, b] = sizes.get((a, b), 0) + 1
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0][0], item[0][1].encode()))
    for options in ([], ["--at-server"]):
        for n in (1, 10, 1000):
            out = run("count", f"{KEYSPACE}.counted", "--by-partition", str(n), *options)[0]
            equal(f"by partition {options}", list(csv.reader(out.splitlines()))[1:], [[str(a), b, str(size)] for (a, b), size in ordered[:n]])
    _, err = run("count", f"{KEYSPACE}.counted", "--by-range", "--where", "a = 1", status=2)
    check("does not go with --where" in err, err)


def kills(session):
    session.execute("CREATE TABLE big (id bigint PRIMARY KEY, a text, b double)")
    count, bad = int(os.environ.get("MILLRACE_TEST_KILL_ROWS", "120000")), 0
    with gzip.open(path("big.csv.gz"), "wt", compresslevel=1) as f:
        f.write("id,a,b\n")
        for i in range(count):
            if i % 4001 == 0:
                f.write(f"{i},x,bad\n")
                bad += 1
            else:
                f.write(f"{i},text {i},{i / 7}\n")
    args = command("load", "big.csv.gz", "INTO", f"{KEYSPACE}.big", "--checkpoint", "big.state", "--quiet", "-D",
                   "execution.checkpointing.interval=200 ms", "-D", "millrace.step.max-rows=3000", "--rate", "60000")
    attempts = 0
    while True:
        process = subprocess.Popen(args, cwd=TMP, stderr=subprocess.PIPE, text=True)
        attempts += 1
        try:
            process.wait(rng.uniform(0.3, 1.8) if attempts <= 8 else 200)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            continue
        equal(f"exit status, attempt {attempts}: {process.stderr.read()}", process.returncode, 1)
        break
    check(attempts > 2, "it was never killed", attempts)
    ids = {r[0] for r in session.execute("SELECT id FROM big")}
    equal("rows", ids, {i for i in range(count) if i % 4001})
    with open(path("big.bad")) as f:
        equal("bad rows, each once", sorted(f.read().split("\n")[1:-1]), sorted(f"{i},x,bad" for i in range(0, count, 4001)))
    out, err = run("load", "big.csv.gz", "INTO", f"{KEYSPACE}.big", "--checkpoint", "big.state", status=1)
    check("nothing to do" in err, err)


def main():
    cluster = driver.connect(HOST, PORT, row_factory=tuple_factory)
    session = cluster.connect()
    session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    session.set_keyspace(KEYSPACE)
    for test in (every_type, bad_rows, wrong_usage, settings, pipes, counts, kills):
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        start = time.monotonic()
        test(session)
        print(f"{test.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
    session.execute(f"DROP KEYSPACE {KEYSPACE}")
    cluster.shutdown()


if __name__ == "__main__":
    main()
