#!/usr/bin/env python3
"""load_test.py MILLRACE [NAME...]: millrace load, unload and count over the embedded store. What files hold is written and read by
Python's own csv, json and gzip. Prints TAP."""
import collections
import csv
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import traceback

TIMEOUT_S = float(os.environ.get("MILLRACE_TEST_TIMEOUT", "60"))
MILLRACE = ""
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def equal(got, want):
    assert got == want, f"got:\n{got}\nwanted:\n{want}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"


def run(tmp, *args, stdin=b"", status=0):
    done = subprocess.run([MILLRACE, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp,
                          timeout=TIMEOUT_S)
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    assert done.returncode == status, f"{args}: exit status {done.returncode}, wanted {status}\n{out}\n{err}"
    return out, err


def transfer(tmp, *args, **options):
    return run(tmp, *args, "--data", "db", **options)


def load(tmp, *args, **options):
    return transfer(tmp, "load", *args, **options)[1]


def create(tmp, columns, name="t"):
    run(tmp, "sql", "--data", "db", "-e", f"CREATE TABLE {name} ({columns})")


def select(tmp, query):
    return run(tmp, "sql", "--data", "db", "--format", "csv", "-e", query)[0].split("\n", 1)[1]


def write(tmp, name, text):
    path = os.path.join(tmp, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return name


def read(tmp, name):
    with open(os.path.join(tmp, name), newline="") as f:
        return f.read()


def reasons(tmp, name="t.bad.reasons"):
    return [json.loads(line) for line in read(tmp, name).splitlines()]


KEYED = "id BIGINT, name STRING, v DOUBLE, PRIMARY KEY (id) NOT ENFORCED"


# --- loading ----------------------------------------------------------------------------------------------------------


@test
def fields_go_to_columns_of_their_name(tmp):
    create(tmp, KEYED)
    err = load(tmp, write(tmp, "a.csv", "Name,V,ID\nx,1.5,1\n,,2\n\"\",2,3\n"), "INTO", "t")
    contains(err, "3 rows read, 3 written, 0 bad")
    equal(select(tmp, "SELECT * FROM t ORDER BY id"), '1,x,1.5\n2,,\n3,"",2.0\n')
    assert not os.path.exists(os.path.join(tmp, "t.bad"))
    load(tmp, write(tmp, "b.csv", "nr;who\n1;y\n"), "INTO", "t", "-d", ";", "--map", "nr=id,who=name")
    equal(select(tmp, "SELECT * FROM t WHERE id = 1"), "1,y,1.5\n")  # columns that a file does not have stay
    load(tmp, write(tmp, "c.csv", "9,z\n"), "INTO", "t", "--no-header", "--columns", "id,name")
    load(tmp, write(tmp, "d.csv", "10,NULL,4\n"), "INTO", "t", "--no-header", "--null", "NULL")
    load(tmp, write(tmp, "e.csv", "id,x,name\n11,extra,q\n"), "INTO", "default_database.t", "--ignore-extra", "--quiet")
    equal(select(tmp, "SELECT * FROM t WHERE id > 5 ORDER BY id"), "9,z,\n10,,4.0\n11,q,\n")


@test
def bad_rows_go_to_a_file(tmp):
    create(tmp, KEYED)
    rows = ["id,name,v", "1,a,1", '2,"b, with ""quotes""",x', "3,\"two", "lines\",y", ",c,1", "5,d", "6,e,6"]
    write(tmp, "a.csv", "\r\n".join(rows) + "\r\n")
    err = load(tmp, "a.csv", "INTO", "t", status=1)
    contains(err, "6 rows read, 2 written, 4 bad", "bad rows: t.bad; what is wrong with them: t.bad.reasons")
    equal(select(tmp, "SELECT id FROM t ORDER BY id"), "1\n6\n")
    equal(read(tmp, "t.bad"), 'id,name,v\n2,"b, with ""quotes""",x\n3,"two\r\nlines",y\n,c,1\n5,d\n')
    got = [(r["file"], r["line"], r["error"]) for r in reasons(tmp)]
    equal(got, [("a.csv", 3, "field 'v': cannot read 'x' as DOUBLE"), ("a.csv", 4, "field 'v': cannot read 'y' as DOUBLE"),
                ("a.csv", 6, "field 'id' is NULL, but its column is NOT NULL"),
                ("a.csv", 7, "2 fields where the table has 3 columns: '5,d'")])
    # the file of bad rows is loaded as it is, its own bad rows go elsewhere
    err = load(tmp, "t.bad", "INTO", "t", status=2)
    contains(err, "t.bad is loaded, so bad rows cannot go there")
    write(tmp, "mended", read(tmp, "t.bad").replace(",x", ",7").replace(",y", ",8"))
    contains(load(tmp, "mended", "INTO", "t", "--bad", "again", status=1), "4 rows read, 2 written, 2 bad")
    equal(select(tmp, "SELECT name FROM t WHERE id = 2"), '"b, with ""quotes"""\n')
    equal(read(tmp, "again"), "id,name,v\n,c,1\n5,d\n")


@test
def so_many_bad_rows_end_it(tmp):
    create(tmp, KEYED)
    write(tmp, "a.csv", "id,name,v\n" + "".join(f"{i},x,{'bad' if i % 2 else i}\n" for i in range(1000)))
    err = load(tmp, "a.csv", "INTO", "t", status=1)
    contains(err, "more than 100 rows are bad", "cannot read 'bad' as DOUBLE", "--max-errors")
    contains(load(tmp, "a.csv", "INTO", "t", "--max-errors", "0", status=1), "more than 0 rows are bad")
    contains(load(tmp, "a.csv", "INTO", "t", "--max-errors", "500", status=1), "1,000 rows read, 500 written, 500 bad")
    contains(load(tmp, "a.csv", "INTO", "t", "--max-errors", "-1", status=1), "500 bad")
    equal(len(read(tmp, "t.bad").splitlines()), 501)  # each load begins its own


@test
def a_dry_run_writes_nothing(tmp):
    create(tmp, KEYED)
    write(tmp, "a.csv", "id,name,v\n1,a,1\n2,b,x\n")
    contains(load(tmp, "a.csv", "INTO", "t", "--dry-run", status=1), "2 rows read, 1 good, nothing written, 1 bad")
    equal(select(tmp, "SELECT COUNT(*) FROM t"), "0\n")
    equal(read(tmp, "t.bad"), "id,name,v\n2,b,x\n")


@test
def json_files(tmp):
    create(tmp, "id INT, tags ARRAY<STRING>, m MAP<INT, ROW<a INT, b BYTES>>, PRIMARY KEY (id) NOT ENFORCED")
    lines = ['{"id":1,"tags":["a",null]}', '{"id":"x"}', '{"id":2,"m":{"7":{"a":1,"b":"0x0a"}}}', '{"id":3', '{"tags":[]}']
    write(tmp, "a.json", "\n".join(lines) + "\n")
    contains(load(tmp, "a.json", "INTO", "t", status=1), "5 rows read, 2 written, 3 bad")
    equal(read(tmp, "t.bad.json").splitlines(), [lines[1], lines[3], lines[4]])
    equal([r["line"] for r in reasons(tmp, "t.bad.json.reasons")], [2, 4, 5])
    out = transfer(tmp, "unload", "t", "TO", "-", "--format", "json")[0]
    rows = sorted((json.loads(line) for line in out.splitlines()), key=lambda r: r["id"])
    equal(rows, [{"id": 1, "tags": ["a", None], "m": None}, {"id": 2, "tags": None, "m": {"7": {"a": 1, "b": "0x0a"}}}])
    contains(load(tmp, write(tmp, "b.json", '{"ID":4,"tag":[]}\n'), "INTO", "t", status=1), "did you mean 'tags'?")
    load(tmp, "b.json", "INTO", "t", "--map", "tag=tags")
    equal(select(tmp, "SELECT CARDINALITY(tags) FROM t WHERE id = 4"), "0\n")


@test
def many_files(tmp):
    create(tmp, KEYED)
    write(tmp, "dir/a.csv", "id,name,v\n1,a,1\n")
    write(tmp, "dir/sub/b.csv", "id,name,v\n2,b,2\n")
    with gzip.open(os.path.join(tmp, "c.csv.gz"), "wt") as f:
        f.write("id,name,v\n3,c,3\n")
    write(tmp, "p1.csv", "id,name,v\n4,d,4\n")
    write(tmp, "p2.csv", "id,name,v\n5,e,5\n")
    contains(load(tmp, "dir", "c.csv.gz", "p?.csv", "INTO", "t"), "5 rows read, 5 written")
    equal(select(tmp, "SELECT id, name FROM t ORDER BY id"), "1,a\n2,b\n3,c\n4,d\n5,e\n")
    contains(load(tmp, f"file://{tmp}/p2.csv", "INTO", "t"), "1 row read, 1 written")
    write(tmp, "p3.csv", "id,v,name\n6,6,f\n")
    contains(load(tmp, "p?.csv", "INTO", "t", status=1), "p3.csv: field 2 of the header line is 'v', in p2.csv it is 'name'")


@test
def wrong_files(tmp):
    create(tmp, KEYED)
    body = "id,name,v\n" + "".join(f"{i},name {i},{i}\n" for i in range(50000))
    whole = gzip.compress(body.encode())
    contains(load(tmp, write(tmp, "cut.csv.gz", whole[:len(whole) // 2]), "INTO", "t", status=1), "cut.csv.gz", "it ends too early")
    contains(load(tmp, write(tmp, "no.csv.gz", "id,name,v\n1,a,1\n"), "INTO", "t", status=1), "the gzip data is damaged")
    rng = random.Random(1)
    binary = bytes(rng.randrange(256) for _ in range(5000))
    contains(load(tmp, write(tmp, "binary.csv", binary), "INTO", "t", status=1), "binary.csv", "the header line is no text")
    contains(load(tmp, write(tmp, "empty.csv", ""), "INTO", "t", status=1), "'empty.csv' is empty")
    contains(load(tmp, "missing.csv", "INTO", "t", status=1), "missing.csv", "No such file")
    contains(load(tmp, "*.xyz", "INTO", "t", status=1), "no file matches '*.xyz'")
    contains(load(tmp, write(tmp, "dup.csv", "id,id\n1,2\n"), "INTO", "t", status=1), "two fields have the name 'id'")
    huge = "id,name,v\n1,\"" + "x" * (70 << 20) + "\",1\n"
    contains(load(tmp, write(tmp, "huge.csv", huge), "INTO", "t", status=1), "huge.csv: line 2: the record is longer than 64 MB")
    contains(load(tmp, write(tmp, "open.csv", "id,name,v\n1,\"a,1\n2,b,2\n"), "INTO", "t", status=1), "1 bad")
    equal(reasons(tmp)[0]["error"][:24], "a quote is never closed:")
    contains(load(tmp, write(tmp, "x.parquet", "PAR?"), "INTO", "t", status=1), "x.parquet")


@test
def standard_input(tmp):
    create(tmp, KEYED)
    err = load(tmp, "-", "INTO", "t", stdin=b"V,Id\n1,1\nx,2\n3,3\n", status=1)
    contains(err, "3 rows read, 2 written, 1 bad")
    equal([(r["line"], r["error"]) for r in reasons(tmp)], [(3, "field 'V': cannot read 'x' as DOUBLE")])
    equal(read(tmp, "t.bad"), "V,Id\nx,2\n")
    load(tmp, "-", "INTO", "t", "--format", "json", stdin=b'{"id":9,"name":"n"}\n')
    load(tmp, "-", "INTO", "t", "--no-header", stdin=b"10,m,1\n")
    with open(os.path.join(tmp, write(tmp, "in.csv", "id,name\n11,file\n"))) as f:
        subprocess.run([MILLRACE, "load", "-", "INTO", "t", "--data", "db"], stdin=f, cwd=tmp, check=True, timeout=TIMEOUT_S,
                       stderr=subprocess.DEVNULL)
    equal(select(tmp, "SELECT id, name FROM t ORDER BY id"), "1,\n3,\n9,n\n10,m\n11,file\n")
    contains(load(tmp, "-", "INTO", "t", stdin=b"", status=1), "standard input is empty")
    contains(load(tmp, "-", "INTO", "t", "--checkpoint", "c", status=2), "cannot be read again")


@test
def parts_of_files(tmp):
    create(tmp, KEYED)
    write(tmp, "a.csv", "id,name,v\n" + "".join(f"{i},x,{i}\n" for i in range(300000)))
    contains(load(tmp, "a.csv", "INTO", "t", "--skip", "299990"), "10 rows read, 10 written")
    equal(select(tmp, "SELECT MIN(id), MAX(id), COUNT(*) FROM t"), "299990,299999,10\n")
    load(tmp, "a.csv", "INTO", "t", "--limit", "5")
    equal(select(tmp, "SELECT MIN(id), COUNT(*) FROM t"), "0,15\n")
    write(tmp, "b.csv", "id,name,v\n1,bad,x\n2,two,2\n")  # what is left out need not be right
    contains(load(tmp, "b.csv", "INTO", "t", "--skip", "1"), "1 row read, 1 written, 0 bad")
    contains(load(tmp, "b.csv", "INTO", "t", "--skip", "2"), "0 rows read")


@test
def the_last_of_equal_keys_stays(tmp):
    create(tmp, KEYED)
    write(tmp, "a.csv", "id,name,v\n" + "".join(f"{i % 1000},row {i},{i}\n" for i in range(250000)))
    load(tmp, "a.csv", "INTO", "t", "-D", "millrace.step.max-rows=7777")
    equal(select(tmp, "SELECT COUNT(*), MIN(v), MAX(v) FROM t"), "1000,249000.0,249999.0\n")


@test
def killed_and_started_again(tmp):
    create(tmp, KEYED)
    count, rng = 200000, random.Random(3)
    rows = [f"{i},name {i},{'bad' if i % 5003 == 7 else i}" for i in range(count)]
    write(tmp, "a.csv", "id,name,v\n" + "\n".join(rows) + "\n")
    args = [MILLRACE, "load", "a.csv", "INTO", "t", "--data", "db", "--resume", "--quiet", "-D", "millrace.step.max-rows=4000",
            "-D", "execution.checkpointing.interval=100 ms"]
    kills = 0
    for attempt in range(100):
        process = subprocess.Popen(args, cwd=tmp, stderr=subprocess.PIPE)
        try:
            err = process.communicate(timeout=rng.uniform(0.05, 0.4) if kills < 8 else TIMEOUT_S)[1]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        equal((process.returncode, err), (1, b""))
        break
    assert kills > 1, f"killed {kills} times"
    bad = [r for r in rows if r.endswith("bad")]
    equal(select(tmp, "SELECT COUNT(*), COUNT(DISTINCT id) FROM t"), f"{count - len(bad)},{count - len(bad)}\n")
    equal(sorted(read(tmp, "t.bad").splitlines()[1:]), sorted(bad))
    equal(len(reasons(tmp)), len(bad))
    contains(load(tmp, "a.csv", "INTO", "t", "--checkpoint", "t.load", status=1), "nothing to do: t.load says that everything was loaded")


@test
def ctrl_c_stops_it_in_order(tmp):
    create(tmp, KEYED)
    os.mkfifo(os.path.join(tmp, "slow.csv"))
    args = [MILLRACE, "load", "slow.csv", "INTO", "t", "--data", "db", "--no-header"]
    process = subprocess.Popen(args, cwd=tmp, stderr=subprocess.PIPE)
    with open(os.path.join(tmp, "slow.csv"), "wb", buffering=0) as f:
        f.write(b"".join(b"%d,x,1\n" % i for i in range(200000)))
        process.send_signal(signal.SIGINT)
        f.write(b"1,end,1\n")
    err = process.communicate(timeout=TIMEOUT_S)[1].decode()
    equal(process.returncode, 130)
    contains(err, "rows read", "0 bad")
    assert "error" not in err, err


@test
def names_and_usage(tmp):
    create(tmp, KEYED)
    write(tmp, "a.csv", "id,name,v\n1,a,1\n")
    for args, status, words in [
            (["a.csv", "INTO", "tt"], 1, 'there is no table "tt"'), (["INTO", "t"], 2, "wants a file"),
            (["a.csv", "t"], 2, "wants INTO and a table"), (["a.csv", "INTO", "a.b.c.d"], 2, "is no name of a table"),
            (["a.csv", "INTO", "t", "--format", "xml"], 2, "there is no format 'xml'"),
            (["a.csv", "INTO", "t", "--hedder"], 2, "did you mean '--header'?"),
            (["a.csv", "INTO", "t", "--map", "x=id"], 1, "the file has no field 'x'"),
            (["a.csv", "INTO", "t", "--limit", "-1"], 2, "--limit"), (["a.csv", "INTO", "t", "-u", "me"], 2, "--host"),
            (["a.csv", "INTO", "t", "--header", "--no-header"], 2, "exclude each other"),
            (["a.csv", "INTO", "t", "--rate", "5"], 2, "option '--rate' is for tables of Cassandra"),
            ([write(tmp, "n.csv", "name,v\na,1\n"), "INTO", "t"], 1, "no field for column 'id', which is part of the key"),
            ([write(tmp, "m.csv", "id,nmae\n1,a\n"), "INTO", "t"], 1, "did you mean 'name'?")]:
        contains(load(tmp, *args, status=status), words)
    equal(select(tmp, "SELECT COUNT(*) FROM t"), "0\n")
    run(tmp, "sql", "--data", "db", "-e", "CREATE DATABASE `my ks`; CREATE TABLE `my ks`.`T.x` (`a b` INT, PRIMARY KEY (`a b`) NOT ENFORCED)")
    load(tmp, write(tmp, "q.csv", "a b\n5\n"), "INTO", '"my ks"."T.x"')
    equal(transfer(tmp, "count", "`my ks`.`T.x`")[0], "1\n")
    init = write(tmp, "init.sql", "CREATE CATALOG other WITH ('type'='store', 'path'='db2'); CREATE TABLE other.`default`.o (a INT);")
    load(tmp, write(tmp, "o.csv", "a\n5\n6\n"), "INTO", "other.default.o", "-i", init)
    for topic in ("load", "unload", "count"):
        contains(run(tmp, "help", topic)[0], f"usage: millrace {topic}", "--host")
        equal(run(tmp, topic, "--help"), run(tmp, "help", topic))


# --- unloading and counting -------------------------------------------------------------------------------------------


@test
def every_type_there_and_back(tmp):
    columns = ("id INT, b BOOLEAN, i8 TINYINT, i64 BIGINT, f FLOAT, d DOUBLE, n DECIMAL(30, 10), s STRING, y BYTES, dt DATE, tm TIME(3), "
               "ts TIMESTAMP(6), tz TIMESTAMP_LTZ(3), a ARRAY<ARRAY<STRING>>, m MAP<DATE, DOUBLE>, r ROW<x INT, `y z` ARRAY<BYTES>>, "
               "PRIMARY KEY (id) NOT ENFORCED")
    create(tmp, columns)
    run(tmp, "sql", "--data", "db", "-e", r"""INSERT INTO t VALUES
      (1, TRUE, CAST(-128 AS TINYINT), 9223372036854775807, CAST(0.1 AS FLOAT), 1e300, 12345678901234567890.0123456789, U&'q"\000A,é;''\\', x'00ff',
       DATE '0001-01-01', TIME '23:59:59.999', TIMESTAMP '2024-02-29 12:00:00.000001', CAST(TIMESTAMP '2024-01-01 00:00:00' AS TIMESTAMP_LTZ(3)),
       ARRAY[ARRAY['a,"b', CAST(NULL AS STRING)], CAST(NULL AS ARRAY<STRING>)], MAP[DATE '2024-01-01', 1.5e0], ROW(1, ARRAY[x'01', x''])),
      (2, FALSE, CAST(NULL AS TINYINT), CAST(NULL AS BIGINT), CAST(NULL AS FLOAT), -0.5e0, CAST(NULL AS DECIMAL(30, 10)), '', x'', CAST(NULL AS DATE),
       CAST(NULL AS TIME(3)), CAST(NULL AS TIMESTAMP(6)), CAST(NULL AS TIMESTAMP_LTZ(3)), CAST(NULL AS ARRAY<ARRAY<STRING>>),
       CAST(NULL AS MAP<DATE, DOUBLE>), CAST(NULL AS ROW<x INT, `y z` ARRAY<BYTES>>))""")
    run(tmp, "sql", "--data", "db", "-e", "INSERT INTO t (id) VALUES (3)")
    original = select(tmp, "SELECT * FROM t ORDER BY id")
    equal(original.count("\n") > 2, True)
    for number, name in enumerate(["x.csv", "x.json", "x.parquet", "x.csv.gz", "x.json.zst", "dir/"]):
        create(tmp, columns, f"copy{number}")
        transfer(tmp, "unload", "t", "TO", name)
        load(tmp, name, "INTO", f"copy{number}")
        equal(select(tmp, f"SELECT * FROM copy{number} ORDER BY id"), original)
    rows = list(csv.reader(io.StringIO(read(tmp, "x.csv"))))
    equal(len(rows), 4)
    row = dict(zip(rows[0], next(r for r in rows if r[0] == "1")))
    equal((row["y"], json.loads(row["a"]), json.loads(row["m"]), json.loads(row["r"])),
          ("0x00ff", [["a,\"b", None], None], {"2024-01-01": 1.5}, {"x": 1, "y z": ["0x01", "0x"]}))
    equal(read(tmp, "x.csv").startswith("id,b,"), True)
    with gzip.open(os.path.join(tmp, "x.csv.gz"), "rt", newline="") as f:
        equal(f.read(), read(tmp, "x.csv"))


@test
def where_it_goes(tmp):
    create(tmp, KEYED)
    load(tmp, write(tmp, "a.csv", "id,name,v\n" + "".join(f"{i},n{i},{i}\n" for i in range(1000))), "INTO", "t")
    out, err = transfer(tmp, "unload", "t", "TO", "-", "--columns", "name,id", "--where", "id < 3")
    equal(sorted(out.splitlines()), ["n0,0", "n1,1", "n2,2", "name,id"])
    contains(err, "3 rows written")
    equal(transfer(tmp, "unload", "--query", "SELECT COUNT(*) AS n, MAX(v) AS m FROM t;", "TO", "-", "--quiet"), ("n,m\n1000,999.0\n", ""))
    equal(transfer(tmp, "unload", "t", "TO", "-", "--no-header", "--limit", "2", "-d", "\\t")[0].count("\t"), 4)
    equal(transfer(tmp, "unload", "t", "TO", "-", "--where", "id < 0")[0], "id,name,v\n")
    transfer(tmp, "unload", "t", "TO", "out/", "--max-records-per-file", "300", "--no-header")
    files = [read(tmp, f"out/{n}").splitlines() for n in os.listdir(os.path.join(tmp, "out"))]
    equal(sorted(len(f) for f in files), [100, 300, 300, 300])
    contains(transfer(tmp, "unload", "t", "TO", "out/", status=1)[1], "there are files in out/ already")
    write(tmp, "one.csv", "old")
    contains(transfer(tmp, "unload", "--query", "SELECT id, 1 / CAST(id - 500 AS INT) AS x FROM t", "TO", "one.csv", status=1)[1], "zero")
    equal(read(tmp, "one.csv"), "old")  # replaced only by what is complete
    equal([n for n in os.listdir(tmp) if n.startswith(".")], [])
    transfer(tmp, "unload", "t", "TO", "one.csv")
    equal(len(read(tmp, "one.csv").splitlines()), 1001)
    for args, status, words in [(["t", "one.csv"], 2, "TO"), (["tt", "TO", "x"], 1, 'there is no table "tt"'),
                                (["t", "TO", "x", "--columns", "nam"], 1, "did you mean 'name'?"),
                                (["t", "TO", "x.csv", "--compression", "lz5"], 2, "there is no 'lz5'")]:
        contains(transfer(tmp, "unload", *args, status=status)[1], words)


@test
def nobody_reads(tmp):
    create(tmp, KEYED)
    load(tmp, write(tmp, "a.csv", "id,name,v\n" + "".join(f"{i},n{i},{i}\n" for i in range(100000))), "INTO", "t")
    process = subprocess.Popen([MILLRACE, "unload", "t", "TO", "-", "--data", "db"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp)
    process.stdout.read(100)
    process.stdout.close()
    contains(process.stderr.read().decode(), "Broken pipe")
    equal(process.wait(TIMEOUT_S), 1)


@test
def counts(tmp):
    create(tmp, KEYED)
    equal(transfer(tmp, "count", "t"), ("0\n", ""))
    load(tmp, write(tmp, "a.csv", "id,name,v\n" + "".join(f"{i},n{i},{i}\n" for i in range(5000))), "INTO", "t")
    equal(transfer(tmp, "count", "default_database.t")[0], "5000\n")
    equal(transfer(tmp, "count", "t", "--where", "v < 10 AND name <> 'n3'")[0], "9\n")
    contains(transfer(tmp, "count", status=2)[1], "wants one table")
    contains(transfer(tmp, "count", "x", status=1)[1], 'there is no table "x"')


@test
def counts_by_partition(tmp):
    run(tmp, "sql", "--data", "db", "-e", "CREATE TABLE t (a INT, b STRING, c INT, v INT, PRIMARY KEY (a, b, c) NOT ENFORCED) "
        "WITH ('partition-keys' = 'a, b')")
    rows = [(a, b, c) for a in range(5) for b in "xy" for c in range(10 - 2 * a + (b == "y"))] + [(3, "x", c) for c in range(100, 108)]
    load(tmp, write(tmp, "a.csv", "a,b,c,v\n" + "".join(f"{a},{b},{c},{c % 3}\n" for a, b, c in rows)), "INTO", "t")
    sizes = collections.Counter((a, b) for a, b, _ in rows)
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    for n in (1, 4, 100):
        equal(transfer(tmp, "count", "t", "--by-partition", str(n))[0],
              "a,b,rows\n" + "".join(f"{a},{b},{count}\n" for (a, b), count in ordered[:n]))
    few = collections.Counter((a, b) for a, b, c in rows if c % 3 == 1)
    (a, b), count = sorted(few.items(), key=lambda item: (-item[1], item[0]))[0]
    equal(transfer(tmp, "count", "t", "--by-partition", "1", "--where", "v = 1", "--format", "jsonl")[0], f'{{"a":{a},"b":"{b}","rows":{count}}}\n')
    contains(transfer(tmp, "count", "t", "--by-partition", "0", status=2)[1], "--by-partition")
    contains(transfer(tmp, "count", "t", "--by-partition", "many", status=2)[1], "--by-partition")
    contains(transfer(tmp, "count", "t", "--by-range", status=2)[1], "has no token ranges")
    contains(transfer(tmp, "count", "t", "--by-range", "--by-partition", "3", status=2)[1], "does not go with")
    contains(transfer(tmp, "count", "t", "--format", "json", status=2)[1], "--format is for")


def main():
    global MILLRACE
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    MILLRACE = os.path.abspath(sys.argv[1])
    wanted = [t for t in TESTS if len(sys.argv) == 2 or any(w in t.__name__ for w in sys.argv[2:])]
    print(f"1..{len(wanted)}", flush=True)
    failed = 0
    for number, case in enumerate(wanted, 1):
        with tempfile.TemporaryDirectory(prefix="millrace-load.") as tmp:
            try:
                case(tmp)
                print(f"ok {number} - {case.__name__}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {case.__name__}", flush=True)
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
