#!/usr/bin/env python3
"""Every CQL type both ways, Cassandra's own driver as the second opinion.

scalars, nested, shapes: values and shapes of tables as the connector shows them. everything: a table with columns of every type
and random nested ones, filled by the driver with NULLs, empty values, TTLs, write times, deletes; the program reads the same rows
with the same times, makes the table again from its SHOW CREATE TABLE, and copies the rows into it; the driver finds the same
values there. The seed is printed; MILLRACE_TEST_SEED repeats a run."""
import base64
import datetime
import decimal
import ipaddress
import json
import os
import random
import struct
import subprocess
import sys
import uuid

from cassandra.concurrent import execute_concurrent
from cassandra.query import UNSET_VALUE, SimpleStatement
from cassandra.util import Date, Duration, Time, uuid_from_time

import driver

MILLRACE = os.environ["MILLRACE"]
HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
CONNECTOR = os.path.join(os.path.dirname(os.path.abspath(os.environ["MILLRACE"])), "tests", "wire", "cassandra_connector")
KEYSPACE = f"types_{os.getpid()}"
ROWS = 300
EVERYTHING_ROWS = 1500
SEED = int(os.environ.get("MILLRACE_TEST_SEED") or random.randrange(10**6))
print("seed", SEED, flush=True)
rng = random.Random(SEED)
EPOCH = datetime.datetime(1970, 1, 1)


def text():
    return "".join(rng.choice("abcXYZ äöü€𝄞_-") for _ in range(rng.randrange(0, 30)))


def number(bits):
    return rng.choice([0, 1, -1, 2 ** (bits - 1) - 1, -2 ** (bits - 1), rng.randrange(-2 ** (bits - 1), 2 ** (bits - 1))])


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


# name: (CQL, random value, its text)
def show_decimal(d):
    d = d.quantize(decimal.Decimal(1).scaleb(-18), rounding=decimal.ROUND_HALF_UP)
    return f"{abs(d) if d == 0 else d:f}"


def show_time(ns):
    return f"{ns // 3600000000000:02d}:{ns // 60000000000 % 60:02d}:{ns // 1000000000 % 60:02d}.{ns % 1000000000:09d}"


def show_timestamp(t):
    t += datetime.timedelta(microseconds=500)  # the driver reckons in floats
    return f"{t.year:04d}" + t.strftime("-%m-%d %H:%M:%S.") + f"{t.microsecond // 1000:03d}"


def show_duration(d):
    sign = "-" if min(d.months, d.days, d.nanoseconds) < 0 else ""
    months, days, ns = abs(d.months), abs(d.days), abs(d.nanoseconds)
    parts = [(months // 12, "y"), (months % 12, "mo"), (days, "d")]
    for size, unit in ((3600 * 10**9, "h"), (60 * 10**9, "m"), (10**9, "s"), (10**6, "ms"), (1000, "us"), (1, "ns")):
        parts.append((ns // size, unit))
        ns %= size
    return sign + ("".join(f"{n}{unit}" for n, unit in parts if n) or "0s")


def random_duration():
    sign = rng.choice([1, -1])
    return Duration(sign * rng.randrange(50), sign * rng.randrange(50), sign * rng.randrange(10**14))


def random_timestamp():
    return EPOCH + datetime.timedelta(milliseconds=rng.randrange(-60000000000000, 100000000000000))


decimal.getcontext().prec = 80
SCALARS = {
    "ascii": (lambda: "x" * rng.randrange(20), str),
    "text": (text, str),
    "boolean": (lambda: rng.random() < 0.5, lambda v: "TRUE" if v else "FALSE"),
    "tinyint": (lambda: number(8), str),
    "smallint": (lambda: number(16), str),
    "int": (lambda: number(32), str),
    "bigint": (lambda: number(64), str),
    "varint": (lambda: number(rng.choice([8, 16, 64, 120])), str),
    "decimal": (lambda: decimal.Decimal(number(60)).scaleb(-rng.randrange(0, 30)), show_decimal),
    "date": (lambda: Date(rng.randrange(-700000, 2900000)), lambda v: str(EPOCH.date() + datetime.timedelta(days=v.days_from_epoch))),
    "time": (lambda: Time(rng.randrange(86400 * 10**9)), lambda v: show_time(v.nanosecond_time)),
    "timestamp": (random_timestamp, show_timestamp),
    "uuid": (uuid.uuid4, str),
    "timeuuid": (uuid.uuid1, str),
    "inet": (lambda: str(rng.choice([ipaddress.IPv4Address(rng.randrange(2**32)), ipaddress.IPv6Address(rng.randrange(2**96, 2**128))])),
             str),
    "duration": (random_duration, show_duration),
    "blob": (lambda: bytes(rng.randrange(256) for _ in range(rng.randrange(20))), lambda v: "x'" + v.hex() + "'"),
}
# Texts of floats are checked by value.
FLOATS = {"float": lambda: single(rng.uniform(-1e6, 1e6)), "double": lambda: rng.uniform(-1e300, 1e300)}


def run(*args):
    process = subprocess.run([CONNECTOR, *args], capture_output=True, text=True, timeout=300)
    if process.returncode != 0:
        sys.exit(f"{args}: {process.stderr}")
    return process.stdout


def read(table, *options):
    lines = run("print", KEYSPACE, table, *options).split("\n")[:-1]
    return lines[0].split("\t"), [line.split("\t") for line in lines[1:]]


def equal(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: {got!r} instead of {expected!r}")


def maybe(value):
    return None if rng.random() < 0.2 else value()


def show(value, printer):
    return "NULL" if value is None else printer(value)


def scalars(session):
    columns = {f"c_{name}": (name, value, printer) for name, (value, printer) in SCALARS.items()}
    session.execute("CREATE TABLE scalars (id int PRIMARY KEY, f float, d double, "
                    + ", ".join(f"{c} {cql}" for c, (cql, _, _) in columns.items()) + ")")
    insert = session.prepare(f"INSERT INTO scalars (id, f, d, {', '.join(columns)}) VALUES (?, ?, ?{', ?' * len(columns)})")
    rows = {}
    for i in range(ROWS):
        values = [maybe(FLOATS["float"]), maybe(FLOATS["double"])] + [maybe(v) for _, v, _ in columns.values()]
        rows[i] = values
        session.execute(insert, [i] + values)
    for options in ([], ["protocol-version=4", "compression=lz4"], ["scan.page-size=7", "scan.splits=33"]):
        names, found = read("scalars", *options)
        order = [name.split(" ")[0] for name in names]
        equal("rows", len(found), ROWS)
        for line in found:
            got = dict(zip(order, line))
            values = rows[int(got["id"])]
            for column, value in zip(["f", "d"], values):
                if value is None:
                    equal(column, got[column], "NULL")
                else:
                    equal(column, single(float(got[column])) if column == "f" else float(got[column]), value)
            for (column, (_, _, printer)), value in zip(columns.items(), values[2:]):
                equal(f"row {got['id']}, {column}", got[column], show(value, printer))


def nested(session):
    session.execute("CREATE TYPE address (street text, \"Nr\" int)")
    session.execute("CREATE TYPE person (name text, home frozen<address>)")
    session.execute("CREATE TABLE nested (id int PRIMARY KEY, l list<int>, s set<text>, m map<text, bigint>, "
                    "t tuple<int, text>, u frozen<person>, v vector<float, 3>, n map<int, frozen<list<frozen<set<int>>>>>, "
                    "lu list<frozen<address>>)")
    session.execute("INSERT INTO nested (id, l, s, m, t, u, v, n, lu) VALUES (1, [3, 1, 2], {'b', 'a'}, {'k': 5}, (7, null), "
                    "{name: 'N', home: {street: 'S', \"Nr\": 4}}, [1, 2.5, -3], {1: [{2, 1}, {}], 2: []}, "
                    "[{street: 'x', \"Nr\": null}])")
    session.execute("INSERT INTO nested (id) VALUES (2)")
    names, rows = read("nested")
    equal("types", sorted(names), sorted([
        "id INT NOT NULL", "l ARRAY<INT>", "s ARRAY<STRING>", "m MAP<STRING, BIGINT>", "t ROW<`f0` INT, `f1` STRING>",
        "u ROW<`name` STRING, `home` ROW<`street` STRING, `Nr` INT>>", "v ARRAY<FLOAT>",
        "n MAP<INT, ARRAY<ARRAY<INT>>>", "lu ARRAY<ROW<`street` STRING, `Nr` INT>>"]))
    order = [name.split(" ")[0] for name in names]
    rows = {row["id"]: row for row in (dict(zip(order, line)) for line in rows)}
    equal("nested values", rows["1"], {
        "id": "1", "l": "[3, 1, 2]", "s": "[a, b]", "m": "{k=5}", "t": "(7, NULL)", "u": "(N, (S, 4))",
        "v": "[1.0, 2.5, -3.0]", "n": "{1=[[1, 2], []], 2=[]}", "lu": "[(x, NULL)]"})
    equal("null values", set(rows["2"].values()), {"2", "NULL"})
    session.execute("ALTER TYPE address ADD city text")  # older values have no such field
    names, rows = read("nested")
    row = dict(zip([name.split(" ")[0] for name in names], next(r for r in rows if r[0] == "1")))
    equal("values of an altered type", (row["u"], row["lu"]), ("(N, (S, 4, NULL))", "[(x, NULL, NULL)]"))


def shapes(session):
    session.execute('CREATE TABLE "Shapes" (a int, "B" text, c timestamp, d int, s text STATIC, "x y" int, '
                    'PRIMARY KEY ((a, "B"), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC)')
    session.execute("INSERT INTO \"Shapes\" (a, \"B\", c, d, s, \"x y\") VALUES (1, 'b', 5, 6, 'st', 7)")
    session.execute("INSERT INTO \"Shapes\" (a, \"B\", s) VALUES (2, 'b', 'alone')")
    names, rows = read("Shapes")
    equal("columns", names, ["a INT NOT NULL", "B STRING NOT NULL", "c TIMESTAMP_LTZ(3)", "d INT", "s STRING", "x y INT"])
    equal("rows", sorted(rows), [["1", "b", "1970-01-01 00:00:00.005", "6", "st", "7"], ["2", "b", "NULL", "NULL", "alone", "NULL"]])
    session.execute("CREATE TABLE counts (k text PRIMARY KEY, n counter)")
    session.execute("UPDATE counts SET n = n + 5 WHERE k = 'x'")
    equal("counters", read("counts"), (["k STRING NOT NULL", "n BIGINT"], [["x", "5"]]))
    # COMPACT STORAGE: what lies beneath is not shown; the last clustering columns may be missing
    session.execute("CREATE TABLE compact1 (k int PRIMARY KEY, a int, b text) WITH COMPACT STORAGE")
    session.execute("CREATE TABLE compact2 (k int, c int, d text, PRIMARY KEY (k, c, d)) WITH COMPACT STORAGE")
    session.execute("CREATE TABLE compact3 (k int, c int, d int, v text, PRIMARY KEY (k, c, d)) WITH COMPACT STORAGE")
    session.execute("INSERT INTO compact1 (k, a, b) VALUES (1, 2, 'x')")
    session.execute("INSERT INTO compact2 (k, c, d) VALUES (1, 2, 'x')")
    session.execute("INSERT INTO compact3 (k, c, v) VALUES (1, 2, 'x')")
    equal("compact", read("compact1"), (["k INT NOT NULL", "a INT", "b STRING"], [["1", "2", "x"]]))
    equal("dense", read("compact2"), (["k INT NOT NULL", "c INT", "d STRING"], [["1", "2", "x"]]))
    equal("dense with a value", read("compact3"), (["k INT NOT NULL", "c INT", "d INT", "v STRING"], [["1", "2", "NULL", "x"]]))
    query("INSERT INTO compact1 VALUES (2, 3, 'new'); INSERT INTO compact3 VALUES (1, 2, 3, 'new');")
    equal("compact, written", sorted(session.execute("SELECT k, a, b FROM compact1")), [(1, 2, "x"), (2, 3, "new")])
    equal("dense, written", list(session.execute("SELECT * FROM compact3")), [(1, 2, None, "x"), (1, 2, 3, "new")])


# ---- Every type, nested at random ----


class Kind:
    """A CQL type: random values for the driver; what the driver and what the program's JSON have, in one form to compare."""

    def __init__(self, cql, value, shown, read=None, frozen=True):
        self.cql, self.value, self.shown, self.read, self.frozen = cql, value, shown, read or (lambda v: v), frozen

    def of_driver(self, value):
        return None if value is None else self.shown(value)

    def of_json(self, value):
        return None if value is None else self.read(value)


def float_kind(cql, narrow):
    def value():
        special = [0.0, -0.0, float("nan"), float("inf"), float("-inf")]
        return rng.choice(special) if rng.random() < 0.1 else narrow(rng.uniform(-1e30, 1e30))

    def read(shown):
        return repr(narrow(float(shown.replace("Infinity", "inf") if isinstance(shown, str) else shown)))

    return Kind(cql, value, repr, read)


def odd_text():
    return rng.choice(["", text(), "'quoted' \"twice\" \\n, a\tb\n", "\u0000x", "x" * rng.choice([11, 12, 13, 300])])


def decimal_that_fits():  # DECIMAL(38, 18)
    return decimal.Decimal(rng.choice([0, 1, -1, 10**17, rng.randrange(-10**17, 10**17)])).scaleb(-rng.randrange(-2, 19))


def date_value():
    return Date(rng.choice([0, -1, -719162, 2932896, -100000000, 100000000, rng.randrange(-700000, 2900000)]))


def show_date(value):  # also beyond Python's years: the calendar repeats every 146097 days
    cycles, rest = divmod(value.days_from_epoch - 11017, 146097)
    at = datetime.date(2000, 3, 1) + datetime.timedelta(days=rest)
    year = at.year + 400 * cycles
    return ("" if 0 <= year <= 9999 else "-" if year < 0 else "+") + f"{abs(year):04d}" + f"-{at.month:02d}-{at.day:02d}"


def exact(value):
    return decimal.Decimal(value).normalize()


KINDS = {kind.cql: kind for kind in [
    Kind("ascii", lambda: "x~ " * rng.randrange(8), str),
    Kind("text", odd_text, str),
    Kind("boolean", lambda: rng.random() < 0.5, bool),
    Kind("tinyint", lambda: number(8), exact, exact),
    Kind("smallint", lambda: number(16), exact, exact),
    Kind("int", lambda: number(32), exact, exact),
    Kind("bigint", lambda: number(64), exact, exact),
    Kind("varint", lambda: rng.choice([number(8), number(64), number(120), 10**38 - 1, 1 - 10**38]), exact, exact),
    Kind("decimal", decimal_that_fits, exact, exact),
    float_kind("float", single),
    float_kind("double", float),
    Kind("date", date_value, show_date),
    Kind("time", lambda: Time(rng.choice([0, 86400 * 10**9 - 1, rng.randrange(86400 * 10**9)])), lambda v: show_time(v.nanosecond_time)),
    Kind("timestamp", random_timestamp, show_timestamp),
    Kind("uuid", lambda: uuid.UUID(int=rng.randrange(2**128)), str),
    Kind("timeuuid", lambda: uuid_from_time(rng.randrange(2**31), rng.randrange(2**48), rng.randrange(2**14)), str),
    Kind("inet", SCALARS["inet"][0], lambda v: str(ipaddress.ip_address(v))),
    Kind("duration", random_duration, show_duration),
    Kind("blob", SCALARS["blob"][0], lambda v: base64.b64encode(v).decode()),
]}
MAP_KEYS = ["ascii", "tinyint", "int", "bigint", "varint", "date", "time", "timestamp", "uuid", "timeuuid", "inet"]
SET_ELEMENTS = [cql for cql in KINDS if cql != "duration"]
CAN_BE_EMPTY = ["int", "bigint", "float", "double", "boolean", "timestamp", "uuid", "timeuuid", "inet", "varint", "decimal"]


def frozen_text(cql, frozen):
    return f"frozen<{cql}>" if frozen else cql


def list_of(inner, frozen):
    return Kind(frozen_text(f"list<{inner.cql}>", frozen), lambda: [inner.value() for _ in range(rng.randrange(4))],
                lambda v: [inner.of_driver(x) for x in v], lambda v: [inner.of_json(x) for x in v], frozen)


def set_of(inner, frozen):  # in no order: the driver's is not Cassandra's
    return Kind(frozen_text(f"set<{inner.cql}>", frozen), lambda: {inner.value() for _ in range(rng.randrange(4))},
                lambda v: sorted((inner.of_driver(x) for x in v), key=repr), lambda v: sorted((inner.of_json(x) for x in v), key=repr), frozen)


def key_text(key):
    return f"{key:f}" if isinstance(key, decimal.Decimal) else key


def map_of(key, inner, frozen):
    return Kind(frozen_text(f"map<{key.cql}, {inner.cql}>", frozen), lambda: {key.value(): inner.value() for _ in range(rng.randrange(4))},
                lambda v: {key_text(key.of_driver(k)): inner.of_driver(x) for k, x in getattr(v, "_items", None) or v.items()},
                lambda v: {k: inner.of_json(x) for k, x in v.items()}, frozen)


def fields_of(cql, names, kinds, frozen=True):
    def value():
        values = tuple(maybe(k.value) for k in kinds)
        return values if frozen or any(v is not None for v in values) else None  # no cells, no value

    def shown(fields):  # those that the driver leaves out are NULL
        return {n: k.of_driver(v) for n, k, v in zip(names, kinds, list(fields) + [None] * len(kinds))}

    return Kind(cql, value, shown, lambda v: {n: k.of_json(v[n]) for n, k in zip(names, kinds)}, frozen)


def tuple_of(kinds):
    return fields_of(f"frozen<tuple<{', '.join(k.cql for k in kinds)}>>", [f"f{i}" for i in range(len(kinds))], kinds)


def vector_of(inner, dimension):
    return Kind(f"vector<{inner.cql}, {dimension}>", lambda: [inner.value() for _ in range(dimension)],
                lambda v: [inner.of_driver(x) for x in v], lambda v: [inner.of_json(x) for x in v])


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def make_udt(session, name, fields):
    """Creates the type; gives what makes a column's kind of it."""
    session.execute(f"CREATE TYPE {quote(name)} ({', '.join(f'{quote(n)} {k.cql}' for n, k in fields.items())})")
    return lambda frozen: fields_of(frozen_text(quote(name), frozen), list(fields), list(fields.values()), frozen)


def random_kind(udts, depth, frozen=True):
    pick = rng.randrange(8) if depth else 0
    if pick == 0:
        return KINDS[rng.choice(list(KINDS))]
    if pick == 1:
        return set_of(KINDS[rng.choice(SET_ELEMENTS)], frozen)
    if pick == 2:
        return rng.choice(udts)(frozen)
    if pick == 3:
        return tuple_of([random_kind(udts, depth - 1) for _ in range(rng.randrange(1, 5))])
    inner = random_kind(udts, depth - 1)
    if pick == 4:
        return vector_of(inner, rng.randrange(1, 5))
    if pick == 5:
        return map_of(KINDS[rng.choice(MAP_KEYS)], inner, frozen)
    return list_of(inner, frozen)


def everything_columns(session):
    odd = make_udt(session, "The \"odd\" one", {"N\u00b0": KINDS["int"], "`select`": KINDS["text"]})
    # the driver cannot read vectors of types with such names, nor those whose hex digits have no letter
    address = make_udt(session, "Place", {"lane": KINDS["text"], "No": KINDS["int"], "labels": set_of(KINDS["text"], True)})
    person = make_udt(session, "Some one", {"name": KINDS["text"], "home": address(True), "moments": map_of(
        KINDS["int"], tuple_of([KINDS["timestamp"], KINDS["duration"]]), True)})
    columns = {f"c_{cql}": kind for cql, kind in KINDS.items()}
    columns |= {f"list_{cql}": list_of(kind, rng.random() < 0.5) for cql, kind in KINDS.items()}
    columns |= {f"set_{cql}": set_of(KINDS[cql], rng.random() < 0.5) for cql in SET_ELEMENTS}
    columns |= {f"map_{cql}": map_of(KINDS[cql], KINDS[rng.choice(list(KINDS))], rng.random() < 0.5) for cql in MAP_KEYS}
    columns |= {f"vector_{cql}": vector_of(kind, 3) for cql, kind in KINDS.items()}
    columns |= {"u_cells": address(False), "u_frozen": person(True), "u_odd": odd(True), 'Odd "name" `é`,; x': KINDS["int"], "select": KINDS["text"],
                "s_int": KINDS["int"], "s_text": KINDS["text"], "s_set": set_of(KINDS["text"], False)}
    return columns | {f"n{i}": random_kind([address, person], 3, rng.random() < 0.7) for i in range(20)}


KEY = {"p": KINDS["int"], "P q": KINDS["text"], "c": KINDS["timestamp"], "d": KINDS["bigint"]}
STATIC = ["s_int", "s_text", "s_set"]


def run_all(session, requests):
    for good, result in execute_concurrent(session, requests, concurrency=64):
        if not good:
            raise result


def fill(session, columns, partitions, rows):
    """Rows with NULLs, cells that were never written, values of no bytes, write times and TTLs; then deletes of every kind."""
    fields = ", ".join(quote(n) for n in list(KEY) + list(columns))
    insert = session.prepare(f"INSERT INTO everything ({fields}) VALUES ({', '.join('?' * (len(KEY) + len(columns)))}) "
                             "USING TIMESTAMP ? AND TTL ?")
    alone = session.prepare(f"INSERT INTO everything (p, \"P q\", {', '.join(STATIC)}) VALUES (?, ?, ?, ?, ?)")
    parts = [(number(32), f"part {i} é") for i in range(partitions)]
    keys, requests, micros = [], [], 1_600_000_000_000_000
    for _ in range(rows):
        key = rng.choice(parts) + (EPOCH + datetime.timedelta(milliseconds=rng.randrange(-10**6, 10**6)), number(64))
        keys.append(key)
        values = [UNSET_VALUE if rng.random() < (0.9 if n in STATIC else 0.2) else maybe(k.value) for n, k in columns.items()]
        micros += rng.randrange(1, 10**6)
        bound = insert.bind(list(key) + values + [micros, rng.choice([0, rng.randrange(10**5, 10**8)])])
        for i, kind in enumerate(columns.values()):
            if kind.cql in CAN_BE_EMPTY and rng.random() < 0.03:
                bound.values[len(KEY) + i] = b""
        requests.append((bound, ()))
    requests += [(alone, (i, "alone") + tuple(columns[n].value() for n in STATIC)) for i in range(5)]
    run_all(session, requests)
    cells, requests = [n for n in columns if n not in STATIC], []
    for i in range(rows // 8):
        key, what = rng.choice(keys), rng.choice(["row", "row", "cells", "cells", "range", "partition" if i % 40 == 7 else "row"])
        where = {"row": 4, "cells": 4, "range": 3, "partition": 2}[what]
        gone = ", ".join(quote(n) for n in rng.sample(cells, 20)) if what == "cells" else ""
        requests.append((SimpleStatement(f"DELETE {gone} FROM everything WHERE "
                                         + " AND ".join(f"{quote(n)} = %s" for n in list(KEY)[:where])), key[:where]))
    run_all(session, requests)


def timed_columns(columns):
    return [(f, n) for n, kind in columns.items() if kind.frozen for f in ("writetime", "ttl")]


def key_of(row):
    return tuple(str(row[n]) for n in KEY)


def driver_rows(session, table, columns, timed=()):
    kinds = KEY | columns
    selected = ", ".join([quote(n) for n in kinds] + [f"{f}({quote(n)})" for f, n in timed])
    rows = {}
    for found in session.execute(f"SELECT {selected} FROM {table}"):
        row = {n: k.of_driver(v) for (n, k), v in zip(kinds.items(), found)}
        row |= {f"{f}({n})": v for (f, n), v in zip(timed, found[len(kinds):])}
        rows[key_of(row)] = row
    return rows


def query(sql, status=0):
    script = (f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{HOST}:{PORT}');\nUSE CATALOG c;\nUSE {KEYSPACE};\n"
              f"SET 'table.local-time-zone' = 'UTC';\n{sql}")
    run = subprocess.run([MILLRACE, "sql", "--format", "jsonl"], input=script, capture_output=True, text=True, timeout=300)
    if run.returncode != status:
        sys.exit(f"{sql[:1000]}\nexit status {run.returncode} instead of {status}\n{run.stdout[-2000:]}\n{run.stderr[-3000:]}")
    return run.stderr if status else run.stdout


def program_rows(sql, columns):
    kinds, rows = KEY | columns, {}
    for line in query(sql).split("\n")[:-1]:
        row = json.loads(line, parse_float=decimal.Decimal)
        row = {n: kinds[n].of_json(v) if n in kinds else v for n, v in row.items()}
        equal("twice", key_of(row) in rows, False)
        rows[key_of(row)] = row
    return rows


def compare(what, got, expected, columns):
    for key in set(got) ^ set(expected):
        sys.exit(f"{what}: row {key} is only in {'the program' if key in got else 'Cassandra'}")
    for key, row in expected.items():
        for name in list(KEY) + list(columns):
            if got[key][name] != row[name]:
                cql = (KEY | columns)[name].cql
                sys.exit(f"{what}: row {key}, {name} {cql}:\n{got[key][name]!r}\ninstead of\n{row[name]!r}")


def micros_of(shown):
    if shown is None or not isinstance(shown, str):
        return shown
    return (datetime.datetime.fromisoformat(shown) - EPOCH) // datetime.timedelta(microseconds=1)


def compare_times(got, expected, timed):
    seen = {"writetime": 0, "ttl": 0}
    for key, row in expected.items():
        for f, n in timed:
            mine, theirs = got[key][f"{f}({n})"], row[f"{f}({n})"]
            good = micros_of(mine) == theirs if f == "writetime" or None in (mine, theirs) else theirs - 300 <= mine <= theirs
            if not good:
                sys.exit(f"row {key}: {f}({n}) is {mine!r} instead of {theirs!r}")
            seen[f] += theirs is not None
    equal("cells with times", min(seen.values()) > len(expected), True)


def again_by_show_create(session):
    shown = json.loads(query("SHOW CREATE TABLE everything;"))["result"]
    equal("SHOW CREATE TABLE", f"`{KEYSPACE}`.`everything`" in shown, True)
    query(shown.replace("`everything`", "again", 1) + ";")
    session.cluster.refresh_schema_metadata()
    tables = session.cluster.metadata.keyspaces[KEYSPACE].tables
    for part in ("partition_key", "clustering_key"):
        equal(part, *([(c.name, c.cql_type, c.is_reversed) for c in getattr(tables[t], part)] for t in ("again", "everything")))
    equal("columns", *({n: (c.cql_type, c.is_static) for n, c in tables[t].columns.items()} for t in ("again", "everything")))


def everything(session):
    columns = everything_columns(session)
    kinds = KEY | columns
    session.execute(f"CREATE TABLE everything ({', '.join(f'{quote(n)} {k.cql}' + ' static' * (n in STATIC) for n, k in kinds.items())}, "
                    'PRIMARY KEY ((p, "P q"), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC)')
    fill(session, columns, 60, EVERYTHING_ROWS)
    timed = timed_columns(columns)
    expected = driver_rows(session, "everything", columns, timed)
    metadata = ", ".join("`{0}({1})` {2} METADATA FROM '{0}({3})' VIRTUAL".format(
        f, n.replace("`", "``"), "INT" if f == "ttl" else rng.choice(["BIGINT", "TIMESTAMP_LTZ(6)"]), n.replace("'", "''")) for f, n in timed)
    got = program_rows(f"CREATE TEMPORARY TABLE times ({metadata}) WITH ('scan.page-size' = '200') LIKE everything; SELECT * FROM times;", columns)
    compare("scan", got, expected, columns)
    compare_times(got, expected, timed)
    got = program_rows("SELECT * FROM everything /*+ OPTIONS('scan.page-size'='17', 'scan.splits'='13') */;", columns)
    compare("scan in small pages", got, expected, columns)
    again_by_show_create(session)
    # a list with cells has its elements twice when a write is repeated, be it with the same timestamp: not copied here
    copied = {n: kind for n, kind in columns.items() if kind.frozen or not kind.cql.startswith("list")}
    names = ", ".join("`" + n.replace("`", "``") + "`" for n in KEY | copied)
    query(f"INSERT INTO again ({names}) SELECT {names} FROM everything WHERE c IS NOT NULL;")
    with_rows = {k: r for k, r in expected.items() if r["c"] is not None}
    equal("rows of statics alone", len(expected) - len(with_rows) >= 5, True)
    compare("copy", driver_rows(session, "again", copied), with_rows, copied)


# ---- SQL's types, errors, times ----

SQL_TYPES = {  # declaration: SQL literal, CQL type, what the driver finds
    "BOOLEAN": ("TRUE", "boolean", True),
    "TINYINT": ("CAST(-128 AS TINYINT)", "tinyint", -128),
    "SMALLINT": ("CAST(32767 AS SMALLINT)", "smallint", 32767),
    "INT": ("-5", "int", -5),
    "BIGINT": ("9223372036854775807", "bigint", 2**63 - 1),
    "FLOAT": ("CAST('1.5' AS FLOAT)", "float", 1.5),
    "DOUBLE": ("CAST('-1e300' AS DOUBLE)", "double", -1e300),
    "DECIMAL(10, 2)": ("12.50", "decimal", decimal.Decimal("12.50")),
    "DECIMAL(38, 0)": ("99999999999999999999999999999999999999", "varint", 10**38 - 1),
    "CHAR(3)": ("'abc'", "text", "abc"),
    "VARCHAR(5)": ("'\u00e4\u20ac'", "text", "\u00e4\u20ac"),
    "STRING": ("'it''s'", "text", "it's"),
    "BINARY(2)": ("x'00ff'", "blob", b"\0\xff"),
    "VARBINARY(4)": ("x'01'", "blob", b"\1"),
    "BYTES": ("x''", "blob", b""),
    "DATE": ("DATE '2024-02-29'", "date", "2024-02-29"),
    "TIME(0)": ("TIME '10:11:12'", "time", "10:11:12.000000000"),
    "TIME(9)": ("CAST('10:11:12.123456789' AS TIME(9))", "time", "10:11:12.123456789"),
    "TIMESTAMP(3)": ("TIMESTAMP '2024-02-29 10:11:12.123'", "timestamp", datetime.datetime(2024, 2, 29, 10, 11, 12, 123000)),
    "TIMESTAMP_LTZ(3)": ("TO_TIMESTAMP_LTZ(1500, 3)", "timestamp", datetime.datetime(1970, 1, 1, 0, 0, 1, 500000)),
    "TIMESTAMP(9)": ("TIMESTAMP '2024-02-29 10:11:12.123456789'", "timestamp", datetime.datetime(2024, 2, 29, 10, 11, 12, 123000)),
    "ARRAY<INT>": ("ARRAY[3, 1, 3]", "frozen<list<int>>", [3, 1, 3]),
    "ARRAY<ARRAY<STRING>>": ("ARRAY[ARRAY['a', 'b'], ARRAY['c']]", "frozen<list<frozen<list<text>>>>", [["a", "b"], ["c"]]),
    "MAP<STRING, INT>": ("MAP['b', 2, 'a', 1]", "frozen<map<text, int>>", {"a": 1, "b": 2}),
    "ROW<x INT, y STRING>": ("CAST(ROW(1, 'z') AS ROW<x INT, y STRING>)", "frozen<tuple<int, text>>", (1, "z")),
    "ROW<x INT, y ARRAY<DATE>>": ("CAST(ROW(CAST(NULL AS INT), ARRAY[DATE '2024-01-01']) AS ROW<x INT, y ARRAY<DATE>>)",
                                  "frozen<tuple<int, frozen<list<date>>>>", (None, ["2024-01-01"])),
}


def sql_types(session):
    columns = ", ".join(f"c{i} {t}" for i, t in enumerate(SQL_TYPES))
    marks = ", ".join(literal for literal, _, _ in SQL_TYPES.values())
    query(f"CREATE TABLE sql_types (id INT, {columns}, PRIMARY KEY (id) NOT ENFORCED);\n"
          f"INSERT INTO sql_types VALUES (1, {marks});\nINSERT INTO sql_types (id) VALUES (2);\n"
          f"CREATE TABLE copied WITH ('cql-type.c0' = 'boolean') LIKE sql_types;\nINSERT INTO copied SELECT * FROM sql_types;")
    session.cluster.refresh_schema_metadata()
    for table in ("sql_types", "copied"):
        types = session.cluster.metadata.keyspaces[KEYSPACE].tables[table].columns
        rows = {r.id: r for r in session.execute(f"SELECT * FROM {table}")}
        for i, (t, (_, cql, value)) in enumerate(SQL_TYPES.items()):
            equal(f"{table}: CQL type of {t}", types[f"c{i}"].cql_type, cql)
            found = getattr(rows[1], f"c{i}")
            plain = (lambda v: [plain(x) for x in v] if isinstance(v, list) else tuple(plain(x) for x in v) if isinstance(v, tuple)
                     else dict(v) if cql.startswith("frozen<map") else str(v) if isinstance(v, (Date, Time)) else v)
            equal(f"{table}: {t}", plain(found), value)
            equal(f"{table}: {t} that is not there", getattr(rows[2], f"c{i}"), None)
    described = [json.loads(line) for line in query("DESCRIBE copied;").split("\n")[:-1]]
    shown = ["STRING" if t == "STRING" else t for t in SQL_TYPES]
    equal("DESCRIBE", [d["type"].replace("`", "") for d in described], ["INT"] + shown)
    there = {json.loads(line)["id"]: line for line in query("SELECT * FROM copied;").split("\n")[:-1]}
    here = {json.loads(line)["id"]: line for line in query("SELECT * FROM sql_types;").split("\n")[:-1]}
    equal("both read alike", there, here)
    for declared, why in {"INTERVAL DAY": "a column cannot have type", "MULTISET<INT>": "Cassandra has no type for"}.items():
        equal(declared, why in query(f"CREATE TABLE bad (id INT, x {declared}, PRIMARY KEY (id) NOT ENFORCED);", 1), True)


def nested_keys(session):
    query("CREATE TABLE nested_keys (k ARRAY<INT>, r ROW<a INT, b STRING>, v INT, PRIMARY KEY (k, r) NOT ENFORCED) WITH ('clustering-order' = 'r DESC');"
          "INSERT INTO nested_keys VALUES (ARRAY[1, 2], ROW(1, 'x'), 1), (ARRAY[1, 2], ROW(2, 'x'), 2), (ARRAY[1, 2], ROW(1, 'x'), 3);")
    equal("nested keys", [tuple(r) for r in session.execute("SELECT * FROM nested_keys")], [([1, 2], (2, "x"), 2), ([1, 2], (1, "x"), 3)])
    equal("by a nested key", query("SELECT v FROM nested_keys WHERE k = ARRAY[1, 2] AND r = ROW(2, 'x');"), '{"v":2}\n')


def declared(table, columns):
    return f"CREATE TEMPORARY TABLE d ({columns}) WITH ('connector'='cassandra', 'hosts'='{HOST}:{PORT}', 'keyspace'='{KEYSPACE}', 'table'='{table}');\n"


def other_types(session):
    """What a declared table may say instead of the usual type, both ways; and what does not fit."""
    session.execute("CREATE TABLE others (k ascii PRIMARY KEY, v varint, d decimal, w varint, t timestamp, u duration, l list<int>, day date)")
    huge, fine = 7 * 10**60 + 1, decimal.Decimal("-1.234567890123456789012345678901234567890E-50")
    insert = session.prepare("INSERT INTO others (k, v, d, w, t, u, l) VALUES (?, ?, ?, ?, ?, ?, ?)")
    session.execute(insert, ("a", huge, fine, -(2**63), EPOCH, Duration(-1, -2, -3), [1]))
    columns = "k STRING, v STRING, d STRING, w BIGINT, t TIMESTAMP(3), u ROW<months INT, days INT, nanos BIGINT>"
    line = json.loads(query(declared("others", columns) + "SELECT * FROM d;"))
    equal("declared", line, {"k": "a", "v": str(huge), "d": str(fine), "w": -(2**63), "t": "1970-01-01 00:00:00.000",
                             "u": {"months": -1, "days": -2, "nanos": -3}})
    query(declared("others", columns + ", PRIMARY KEY (k) NOT ENFORCED")
          + f"INSERT INTO d SELECT 'b', v, d, w, t, u FROM d; INSERT INTO d (k, v, d) VALUES ('c', '-{huge}', '12.50E+3');")
    a, b, c = (session.execute("SELECT v, d, w, t, u FROM others WHERE k = %s", (k,)).one() for k in "abc")
    equal("written back", tuple(b), tuple(a))
    equal("texts of numbers", (c.v, str(c.d)), (-huge, "1.250E+4"))
    errors = {
        "SELECT * FROM others WHERE k = 'a'": f"table {KEYSPACE}.others: row k = 'a': column 'v': varint value out of range for DECIMAL(38, 0)",
        "INSERT INTO others (k) VALUES ('\u00e4')": "column 'k': '\u00e4' is no ascii",
        "INSERT INTO others (k, l) VALUES ('x', ARRAY[1, CAST(NULL AS INT)])": "column 'l': NULL inside a collection",
        "INSERT INTO others (k, u) VALUES ('x', '1 month')": "column 'u': '1 month' is no duration",
    }
    for sql, message in errors.items():
        found = query(sql + ";", 1)
        equal(sql, message in found or found, True)
    session.execute("INSERT INTO others (k, v, day) VALUES ('a', 1, 2147483649)")
    session.execute("INSERT INTO others (k, v) VALUES ('c', 1)")
    session.execute("INSERT INTO others (k, v) VALUES ('b', 1)")
    session.execute("CREATE TABLE days (k int PRIMARY KEY, day date)")
    session.execute("INSERT INTO days (k, day) VALUES (1, 1)")
    found = query("SELECT * FROM days;", 1)
    equal("a day beyond time", f"table {KEYSPACE}.days: row k = 1: column 'day': date value out of range for DATE" in found or found, True)
    equal("no such key", query("SELECT COUNT(*) AS n FROM others WHERE k = '\u00e4';"), '{"n":0}\n')


def metadata_errors(session):
    session.execute("CREATE TABLE meta (k int, c int, v text, l list<int>, f frozen<list<int>>, s text STATIC, PRIMARY KEY (k, c))")
    session.execute("CREATE TABLE meta_counts (k int PRIMARY KEY, n counter)")
    session.execute("INSERT INTO meta (k, c, v, l, f, s) VALUES (1, 2, 'v', [1], [2], 's') USING TIMESTAMP 1700000000123456 AND TTL 100000")
    session.execute("INSERT INTO meta (k, c) VALUES (1, 3)")
    at = "2023-11-14 22:13:20.123456"
    got = query("CREATE TEMPORARY TABLE m (wv TIMESTAMP_LTZ(6) METADATA FROM 'writetime(v)' VIRTUAL, wf BIGINT METADATA FROM 'writetime(f)' VIRTUAL, "
                "ws TIMESTAMP_LTZ(9) METADATA FROM 'writetime(s)' VIRTUAL, tv BIGINT METADATA FROM 'ttl(v)' VIRTUAL, `later` AS wv + INTERVAL '1' DAY) "
                "LIKE meta; SELECT c, wv, wf, ws, tv > 90000 AS t, `later` FROM m ORDER BY c; SELECT COUNT(wv) AS n FROM m WHERE k = 1 AND wv IS NOT NULL;")
    equal("metadata", [json.loads(line) for line in got.split("\n")[:-1]], [
        {"c": 2, "wv": at, "wf": 1700000000123456, "ws": at + "000", "t": True, "later": at.replace("14", "15", 1)},
        {"c": 3, "wv": None, "wf": None, "ws": at + "000", "t": None, "later": None}, {"n": 1}])
    # in a table that the catalog makes: kept with the definition
    query("CREATE TABLE noted (k INT, v STRING, w BIGINT METADATA FROM 'writetime(v)' VIRTUAL, PRIMARY KEY (k) NOT ENFORCED);")
    session.execute("INSERT INTO noted (k, v) VALUES (1, 'x') USING TIMESTAMP 12345")
    equal("a noted column", query("SELECT * FROM noted;"), '{"k":1,"v":"x","w":12345}\n')
    cases = {
        "writetime(k)": ("meta", "'k' is part of the key"), "ttl(c)": ("meta", "'c' is part of the key"),
        "writetime(l)": ("meta", "'l' is a collection that is not frozen"), "writetime(n)": ("meta_counts", "'n' is a counter"),
        "writetime(vv)": ("meta", "has no column 'vv'"), "writetme(v)": ("meta", "did you mean 'writetime(v)'?"),
    }
    for key, (table, message) in cases.items():
        found = query(f"CREATE TEMPORARY TABLE m (w BIGINT METADATA FROM '{key}' VIRTUAL) LIKE {table}; SELECT w FROM m;", 1)
        equal(key, message in found or found, True)
    found = query("CREATE TEMPORARY TABLE m (w INT METADATA FROM 'ttl(v)') LIKE meta;", 1)
    equal("not virtual", "metadata 'ttl(v)' can only be read" in found or found, True)


def time_order(session):
    """Texts of timeuuids have another order than Cassandra's: nothing is asked of the server that would mix them up."""
    session.execute("CREATE TABLE events (k int, id timeuuid, n int, PRIMARY KEY (k, id))")
    ids = [uuid_from_time(rng.randrange(10**9), rng.randrange(2**48), rng.randrange(2**14)) for _ in range(200)]
    insert = session.prepare("INSERT INTO events (k, id, n) VALUES (1, ?, ?)")
    run_all(session, [(insert, (u, i)) for i, u in enumerate(ids)])
    order = [r.id for r in session.execute("SELECT id FROM events WHERE k = 1")]
    got = query("SELECT id FROM events WHERE k = 1 ORDER BY TIMEUUID_TO_TIMESTAMP(id), id;")
    equal("by time", [json.loads(line)["id"] for line in got.split("\n")[:-1]], [str(u) for u in sorted(order, key=lambda u: (u.time // 10, str(u)))])
    bound = str(ids[0])
    for op, keep in {"<": lambda u: u < bound, ">=": lambda u: u >= bound}.items():
        got = query(f"SELECT id FROM events WHERE k = 1 AND id {op} '{bound}' ORDER BY id;")
        equal(f"id {op} text", [json.loads(line)["id"] for line in got.split("\n")[:-1]], sorted(str(u) for u in ids if keep(str(u))))
    equal("one", query(f"SELECT n FROM events WHERE k = 1 AND id = '{bound}';"), '{"n":0}\n')


def main():
    cluster = driver.connect(HOST, PORT, protocol_version=5)
    session = cluster.connect()
    session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    session.set_keyspace(KEYSPACE)
    try:
        scalars(session)
        nested(session)
        shapes(session)
        sql_types(session)
        nested_keys(session)
        other_types(session)
        metadata_errors(session)
        time_order(session)
        everything(session)
    finally:
        session.execute(f"DROP KEYSPACE {KEYSPACE}")
        cluster.shutdown()


main()
