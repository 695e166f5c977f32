#!/usr/bin/env python3
"""files_test.py MILLRACE [NAME...]: files, Parquet above all, between this program, pyarrow and DuckDB, in both directions. Prints TAP.

Runs under scripts/python-env. A case is a function whose name begins with test_; MILLRACE_TEST_SEED seeds the values."""
import base64
import datetime as dt
import decimal
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
import uuid

if os.environ.get("MILLRACE_TEST_SERVERS") == "0":
    print("1..0 # SKIP MILLRACE_TEST_SERVERS=0")
    sys.exit(0)
try:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:  # not under scripts/python-env: again, under it
    env = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "python-env")
    os.execv(env, [env, "python3", os.path.abspath(__file__)] + sys.argv[1:])

MILLRACE = os.path.abspath(sys.argv[1])
SEED = int(os.environ.get("MILLRACE_TEST_SEED", "7"))
TIMEOUT_S = int(os.environ.get("MILLRACE_TEST_TIMEOUT", "120"))
rng = random.Random(SEED)
UTC = dt.timezone.utc


# ---- the program ----

def run(script, expect_status=0, options=()):
    """Runs statements; returns (stdout, stderr)."""
    out = subprocess.run([MILLRACE, "sql", *options, "--format", "jsonl"], input=script, capture_output=True, text=True,
                         timeout=TIMEOUT_S)
    assert out.returncode == expect_status, f"status {out.returncode}\n{script}\n{out.stdout[-2000:]}\n{out.stderr[-2000:]}"
    return out.stdout, out.stderr


def rows_of(script, options=()):
    return [json.loads(line, parse_float=decimal.Decimal) for line in run(script, options=options)[0].splitlines() if line]


def table(name, path, columns, extra="", tail=""):
    return (f"CREATE TABLE {name} {columns} {tail} WITH ('connector'='filesystem', 'format'='parquet', "
            f"'path'='{path}'{extra});\n")


# ---- values ----

def text():
    return "".join(rng.choice("abcXYZ äöü€𝄞_-'\"\\") for _ in range(rng.choice([0, 1, 5, 12, 13, 40])))


def integer(bits):
    return lambda: rng.choice([0, 1, -1, 2 ** (bits - 1) - 1, -2 ** (bits - 1), rng.randrange(-2 ** (bits - 1), 2 ** (bits - 1))])


def unsigned(bits):
    return lambda: rng.choice([0, 1, 2 ** bits - 1, 2 ** (bits - 1), rng.randrange(2 ** bits)])


def money(precision, scale):
    def make():
        digits = rng.choice([0, 1, 10 ** precision - 1, rng.randrange(10 ** precision)])
        return decimal.Decimal((rng.randrange(2), tuple(map(int, str(digits))), -scale))
    return make


def day():
    return dt.date.fromordinal(rng.choice([1, 719163, 3652059, rng.randrange(700000, 750000)]))


def moment(digits, low=dt.datetime(1, 1, 1), high=dt.datetime(9999, 12, 31), zone=None):
    def make():
        seconds = int((high - low).total_seconds())
        t = low + dt.timedelta(seconds=rng.randrange(seconds), microseconds=rng.randrange(10 ** 6))
        return t.replace(microsecond=t.microsecond - t.microsecond % 10 ** (6 - digits), tzinfo=zone)
    return make


def clock(digits):
    def make():
        us = rng.randrange(10 ** 6)
        return dt.time(rng.randrange(24), rng.randrange(60), rng.randrange(60), us - us % 10 ** (6 - digits))
    return make


def list_of(make, most=4):
    return lambda: [maybe(make) for _ in range(rng.randrange(most))]


def map_of(make):
    return lambda: [(f"k{i}{text()}", maybe(make)) for i in range(rng.randrange(4))]


def maybe(make, null=0.2):
    return None if rng.random() < null else make()


def row_of(**fields):
    return lambda: {name: maybe(make) for name, make in fields.items()}


NARROW = dict(low=dt.datetime(1700, 1, 1), high=dt.datetime(2200, 1, 1))

# name: (Arrow's type, values, SQL's type as it is declared)
TYPES = {
    "boolean": (pa.bool_(), lambda: rng.random() < 0.5, "BOOLEAN"),
    "tinyint": (pa.int8(), integer(8), "TINYINT"),
    "smallint": (pa.int16(), integer(16), "SMALLINT"),
    "int": (pa.int32(), integer(32), "INT"),
    "bigint": (pa.int64(), integer(64), "BIGINT"),
    "float": (pa.float32(), lambda: float(rng.choice([0.0, -0.0, 1.5, 2.0 ** 100, math.inf, -math.inf])), "FLOAT"),
    "double": (pa.float64(), lambda: rng.choice([0.0, -0.0, 0.1, 1e300, -math.inf, rng.random()]), "DOUBLE"),
    "decimal5": (pa.decimal128(5, 2), money(5, 2), "DECIMAL(5, 2)"),
    "decimal9": (pa.decimal128(9, 9), money(9, 9), "DECIMAL(9, 9)"),
    "decimal18": (pa.decimal128(18, 3), money(18, 3), "DECIMAL(18, 3)"),
    "decimal19": (pa.decimal128(19, 0), money(19, 0), "DECIMAL(19, 0)"),
    "decimal38": (pa.decimal128(38, 10), money(38, 10), "DECIMAL(38, 10)"),
    "string": (pa.string(), text, "STRING"),
    "bytes": (pa.binary(), lambda: rng.randbytes(rng.choice([0, 1, 12, 13, 40])), "BYTES"),
    "date": (pa.date32(), day, "DATE"),
    "time3": (pa.time32("ms"), clock(3), "TIME(3)"),
    "time6": (pa.time64("us"), clock(6), "TIME(6)"),
    "timestamp3": (pa.timestamp("ms"), moment(3), "TIMESTAMP(3)"),
    "timestamp6": (pa.timestamp("us"), moment(6), "TIMESTAMP(6)"),
    "timestamp9": (pa.timestamp("ns"), moment(6, **NARROW), "TIMESTAMP(9)"),
    "ltz3": (pa.timestamp("ms", "UTC"), moment(3, zone=UTC), "TIMESTAMP_LTZ(3)"),
    "ltz6": (pa.timestamp("us", "UTC"), moment(6, zone=UTC), "TIMESTAMP_LTZ(6)"),
    "list_": (pa.list_(pa.int64()), list_of(integer(64)), "ARRAY<BIGINT>"),
    "strings": (pa.list_(pa.string()), list_of(text), "ARRAY<STRING>"),
    "lists": (pa.list_(pa.list_(pa.int32())), list_of(list_of(integer(32))), "ARRAY<ARRAY<INT>>"),
    "map_": (pa.map_(pa.string(), pa.int64()), map_of(integer(64)), "MAP<STRING, BIGINT>"),
    "row_": (pa.struct([("x", pa.int32()), ("y", pa.string())]), row_of(x=integer(32), y=text), "ROW<x INT, y STRING>"),
    "deep": (pa.list_(pa.struct([("a", pa.list_(pa.decimal128(20, 2))), ("b", pa.struct([("c", pa.bool_())]))])),
             list_of(row_of(a=list_of(money(20, 2)), b=row_of(c=lambda: True))),
             "ARRAY<ROW<a ARRAY<DECIMAL(20, 2)>, b ROW<c BOOLEAN>>>"),
    "maps": (pa.map_(pa.string(), pa.list_(pa.struct([("v", pa.string())]))), map_of(list_of(row_of(v=text))),
             "MAP<STRING, ARRAY<ROW<v STRING>>>"),
}
COLUMNS = "(id BIGINT NOT NULL, " + ", ".join(f"`{name}` {sql}" for name, (_, _, sql) in TYPES.items()) + ")"
SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False)] + [pa.field(n, t[0]) for n, t in TYPES.items()])


def make_table(count, null=0.2):
    arrays = [pa.array(range(count), pa.int64())]
    for kind, make, _ in TYPES.values():
        arrays.append(pa.array([maybe(make, null) for _ in range(count)], kind))
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def same(a, b, where=""):
    """Equal values, NaN equal to itself, the sign of zero counting."""
    if isinstance(a, float) and isinstance(b, float):
        assert (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b)), f"{where}: {a!r} {b!r}"
    elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        assert len(a) == len(b), f"{where}: {a!r} {b!r}"
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{where}[{i}]")
    elif isinstance(a, dict) and isinstance(b, dict):
        assert a.keys() == b.keys(), f"{where}: {a.keys()} {b.keys()}"
        for key in a:
            same(a[key], b[key], f"{where}.{key}")
    else:
        assert a == b, f"{where}: {a!r} {b!r}"


def read_arrow(path):
    files = [os.path.join(d, n) for d, _, names in os.walk(path) for n in names if n.endswith(".parquet")] \
        if os.path.isdir(path) else [path]
    return pa.concat_tables([pq.read_table(f, partitioning=None) for f in sorted(files)]).sort_by("id")


def copy_with_millrace(source, target, columns=COLUMNS, extra=""):
    run(table("a", source, columns) + table("b", target, columns, extra) + "INSERT INTO b SELECT * FROM a;\n")


# ---- reading what others wrote ----

def shown(value, kind):
    """A value as the program's JSON has it."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        if math.isnan(value) or math.isinf(value):
            return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
        return decimal.Decimal(repr(value))
    if pa.types.is_binary(kind):
        return base64.b64encode(value).decode()
    return value


def test_reads_scalars_as_written_by_pyarrow(tmp):
    names = ["boolean", "tinyint", "smallint", "int", "bigint", "string", "decimal5", "decimal38", "double", "bytes"]
    for null in (0, 0.3, 1):
        t = make_table(3000, null).select(["id"] + names)
        pq.write_table(t, f"{tmp}/a.parquet", row_group_size=700)
        columns = "(id BIGINT, " + ", ".join(f"`{n}` {TYPES[n][2]}" for n in names) + ")"
        got = rows_of(table("a", f"{tmp}/a.parquet", columns) + "SELECT * FROM a ORDER BY id;\n")
        assert len(got) == 3000
        for row, wanted in zip(got, t.to_pylist()):
            for n in names:
                same(row[n], shown(wanted[n], t.schema.field(n).type), f"row {wanted['id']}, {n}")


def test_reads_times_as_written_by_pyarrow(tmp):
    t = make_table(500).select(["id", "date", "time3", "time6", "timestamp3", "timestamp6", "timestamp9", "ltz3"])
    pq.write_table(t, f"{tmp}/a.parquet", version="2.6")
    columns = ("(id BIGINT, `date` DATE, time3 TIME(3), time6 TIME(6), timestamp3 TIMESTAMP(3), timestamp6 TIMESTAMP(6), "
               "timestamp9 TIMESTAMP(9), ltz3 TIMESTAMP_LTZ(3))")
    casts = ", ".join(f"CAST({c} AS STRING) AS {c}" for c in ["`date`", "time3", "time6", "timestamp3", "timestamp6",
                                                                 "timestamp9", "ltz3"])
    got = rows_of("SET 'table.local-time-zone' = 'UTC';\n" + table("a", f"{tmp}/a.parquet", columns) +
                  f"SELECT id, {casts} FROM a ORDER BY id;\n")
    for row, wanted in zip(got, t.to_pylist()):
        for n in t.column_names[1:]:
            v, w = row[n], wanted[n]
            if w is None:
                assert v is None
            elif n == "date":
                assert v == w.isoformat(), (v, w)
            elif n.startswith("time") and not n.startswith("timestamp"):
                digits = int(n[-1])
                assert v == w.strftime("%H:%M:%S.%f")[:9 + digits], (n, v, w)
            else:
                digits = int(n[-1])
                w = w.to_pydatetime() if hasattr(w, "to_pydatetime") else w
                text = f"{w.year:04}-{w.month:02}-{w.day:02} {w:%H:%M:%S.%f}" + "000"
                assert v == text[:20 + digits], (n, v, text)


def test_reads_every_encoding_page_and_codec(tmp):
    t = make_table(4000)
    small = t.drop(["float", "double"])
    ways = [dict(compression=c) for c in ("none", "snappy", "gzip", "zstd", "lz4")]
    ways += [dict(data_page_version="2.0", compression=c, data_page_size=2000) for c in ("none", "snappy", "zstd")]
    ways += [dict(use_dictionary=False, data_page_size=1000), dict(use_dictionary=True, dictionary_pagesize_limit=500),
             dict(row_group_size=13), dict(write_statistics=False), dict(use_compliant_nested_type=False),
             dict(store_schema=False), dict(write_page_index=True), dict(write_page_checksum=True),
             dict(use_dictionary=False, data_page_version="2.0", column_encoding={
                 "int": "DELTA_BINARY_PACKED", "bigint": "DELTA_BINARY_PACKED", "string": "DELTA_BYTE_ARRAY",
                 "bytes": "DELTA_LENGTH_BYTE_ARRAY", "float": "BYTE_STREAM_SPLIT", "double": "BYTE_STREAM_SPLIT",
                 "boolean": "RLE", "decimal38": "BYTE_STREAM_SPLIT", "date": "BYTE_STREAM_SPLIT"}),
             dict(use_deprecated_int96_timestamps=True)]
    for i, way in enumerate(ways):
        source = t
        if way.get("use_deprecated_int96_timestamps"):  # nanoseconds since 1677 only
            names = [n for n in t.column_names if n.startswith("timestamp") or n.startswith("ltz")]
            source = t.drop(names).append_column("timestamp6", pa.array(
                [maybe(moment(6, **NARROW)) for _ in range(4000)], pa.timestamp("us")))
            columns = "(" + ", ".join([f"id BIGINT"] + [f"`{n}` {TYPES[n][2]}" for n in source.column_names[1:]]) + ")"
        else:
            columns = COLUMNS
        pq.write_table(source, f"{tmp}/{i}.parquet", **way)
        copy_with_millrace(f"{tmp}/{i}.parquet", f"{tmp}/out{i}", columns)
        same(read_arrow(f"{tmp}/out{i}").to_pylist(), source.to_pylist(), str(way))


def test_reads_what_duckdb_wrote(tmp):
    db = duckdb.connect()
    db.execute("""CREATE TABLE t AS SELECT range AS id,
        CASE WHEN range % 7 = 0 THEN NULL ELSE range * 1.5 END::DECIMAL(12, 3) AS d, 's' || (range % 100) AS s,
        range % 3 = 0 AS b, (range % 200 - 100)::TINYINT AS i8, (range % 256)::UTINYINT AS u8,
        (range * 1000003)::UBIGINT AS u64, DATE '2000-01-01' + (range % 9999)::INT AS day,
        TIMESTAMP '2000-01-01 00:00:00' + to_microseconds(range * 12345) AS ts,
        TIME '00:00:00' + to_seconds(range % 86400) AS clock, [range, NULL, range + 1] AS l,
        {'x': range, 'y': 'v' || range} AS r, MAP([range, range + 1], ['a', NULL]) AS m,
        CAST(md5(range::VARCHAR) AS UUID) AS u, (range / 3)::FLOAT AS f FROM range(0, 300000)""")
    for i, way in enumerate(["", "(COMPRESSION zstd, ROW_GROUP_SIZE 50000)", "(PARQUET_VERSION v2)", "(COMPRESSION gzip)",
                             "(COMPRESSION uncompressed)", "(COMPRESSION lz4_raw)"]):
        options = f"(FORMAT parquet{', ' + way[1:-1] if way else ''})"
        db.execute(f"COPY t TO '{tmp}/d{i}.parquet' {options}")
        columns = ("(id BIGINT, d DECIMAL(12, 3), s STRING, b BOOLEAN, i8 TINYINT, u8 SMALLINT, u64 DECIMAL(20, 0), `day` DATE, "
                   "ts TIMESTAMP(6), clock TIME(6), l ARRAY<BIGINT>, r ROW<x BIGINT, y STRING>, m MAP<BIGINT, STRING>, u STRING, f FLOAT)")
        copy_with_millrace(f"{tmp}/d{i}.parquet", f"{tmp}/o{i}", columns)
        different = db.execute(
            "SELECT count(*) FROM (SELECT id, d, s, b, i8, u8, u64, day, ts, clock, l, r, m, u::VARCHAR, f FROM t "
            f"EXCEPT SELECT id, d, s, b, i8, u8, u64, day, ts, clock, l, r, m, u, f FROM '{tmp}/o{i}/*.parquet')").fetchone()
        count = db.execute(f"SELECT count(*) FROM '{tmp}/o{i}/*.parquet'").fetchone()
        assert different == (0,) and count == (300000,), (way, different, count)


# ---- writing ----

def test_writes_what_others_read(tmp):
    t = make_table(5000)
    pq.write_table(t, f"{tmp}/a.parquet")
    for codec in ("SNAPPY", "ZSTD", "GZIP", "LZ4_RAW", "UNCOMPRESSED"):
        out = f"{tmp}/{codec}"
        copy_with_millrace(f"{tmp}/a.parquet", out, extra=f", 'parquet.compression'='{codec}', 'parquet.block.size'='400 kb', "
                           "'parquet.page.size'='20 kb'")
        name = f"{out}/{os.listdir(out)[0]}"
        footer = pq.ParquetFile(name).metadata
        assert footer.num_row_groups > 2, footer
        assert footer.row_group(0).column(1).compression in (codec, codec.replace("_RAW", "")), footer.row_group(0).column(1)
        assert footer.created_by.startswith("millrace"), footer.created_by
        written = read_arrow(out)
        same(written.to_pylist(), t.to_pylist(), codec)
        for field in SCHEMA:
            if field.name not in ("map_", "maps"):  # pyarrow names what is in maps otherwise
                got = written.schema.field(field.name)
                assert got.type == field.type and got.nullable == field.nullable, (got, field)
        db = duckdb.connect()
        db.register("arrow_table", t)
        db.execute("SET TimeZone='UTC'")
        flat = ", ".join(f'"{n}"' for n in t.column_names if n not in ("timestamp9", "float", "double", "map_", "maps"))
        assert db.execute(f"SELECT count(*) FROM (SELECT {flat} FROM arrow_table EXCEPT SELECT {flat} FROM '{out}/*.parquet')"
                          ).fetchone() == (0,)


def test_writes_statistics_that_prune_right(tmp):
    t = pa.table({"i": pa.array(range(20000), pa.int64())})
    pq.write_table(t, f"{tmp}/g.parquet")
    run(table("g", f"{tmp}/g.parquet", "(i BIGINT)") +
        table("b", f"{tmp}/o", "(i BIGINT, s STRING, d DOUBLE)", ", 'parquet.block.size'='64 kb'") +
        "INSERT INTO b SELECT i, CAST(i AS STRING), CAST(i AS DOUBLE) / 2 FROM g;\n", options=("-D", "parallelism.default=1"))
    db = duckdb.connect()
    for where in ("i = 777", "s = '777'", "d < 10", "i BETWEEN 100 AND 200", "s >= '9990'"):
        wanted = db.execute(f"SELECT count(*) FROM '{tmp}/o/*.parquet' WHERE {where}").fetchone()[0]
        got = rows_of(table("b", f"{tmp}/o", "(i BIGINT, s STRING, d DOUBLE)") + f"SELECT COUNT(*) AS n FROM b WHERE {where};\n")
        assert got == [{"n": wanted}], (where, got, wanted)


# ---- pruning and columns ----

def test_prunes_row_groups(tmp):
    t = pa.table({"i": pa.array(list(range(1000)), pa.int32()), "n": pa.array([None] * 500 + [1] * 500, pa.int64()),
                  "s": pa.array([f"s{i:04}" for i in range(1000)]),
                  "d": pa.array([decimal.Decimal(i) / 4 for i in range(1000)], pa.decimal128(20, 2)),
                  "t": pa.array([dt.datetime(2024, 1, 1) + dt.timedelta(hours=i) for i in range(1000)], pa.timestamp("ms")),
                  "x": pa.array([float("nan") if i % 100 == 5 else i / 8 for i in range(1000)]),
                  "u": pa.array([2 ** 63 + i for i in range(1000)], pa.uint64())})
    pq.write_table(t, f"{tmp}/a.parquet", row_group_size=100)
    create = table("a", f"{tmp}/a.parquet",
                   "(i BIGINT, n BIGINT, s STRING, d DECIMAL(22, 3), t TIMESTAMP(6), x DOUBLE, u DECIMAL(20, 0), gone INT)")
    for where, groups, count in [
            ("i = 250", 1, 1), ("i > 899", 1, 100), ("i >= 900", 1, 100), ("i < 100", 1, 100), ("i <= 100", 2, 101),
            ("i IN (5, 995)", 2, 2), ("n IS NULL", 5, 500), ("n IS NOT NULL", 5, 500), ("n = 1", 5, 500), ("n = 2", 0, 0),
            ("s = 's0123'", 1, 1), ("s >= 's0950'", 1, 50), ("d = 30.25", 1, 1), ("d < 1", 1, 4),
            ("t < TIMESTAMP '2024-01-02 00:00:00'", 1, 24), ("x < 1.0", 1, 8 - 1), ("x = 3.0", 1, 1),
            ("u = 9223372036854775809", 1, 1), ("gone = 1", 0, 0), ("gone IS NULL", 10, 1000), ("i = 250 AND n = 1", 0, 0)]:
        got = rows_of(create + f"SELECT COUNT(*) AS c FROM a WHERE {where};\n")
        assert got == [{"c": count}], (where, got)
        explain = run(create + f"EXPLAIN SELECT COUNT(*) FROM a WHERE {where};\n")[0]
        assert f"row groups: {groups} of 10" in explain, (where, explain)
    # NaN is greater than every number: statistics do not speak of it
    got = rows_of(create + "SELECT COUNT(*) AS c FROM a WHERE x > 1000;\n")
    brute = rows_of(create + "SELECT COUNT(*) AS c FROM a WHERE x + 0 > 1000;\n")
    assert got == brute, (got, brute)


def test_reads_only_what_is_asked(tmp):
    """A damaged column that no one asks for does not matter."""
    t = pa.table({"a": pa.array(range(10000), pa.int64()), "b": pa.array(["x" * 50 + str(i) for i in range(10000)])})
    pq.write_table(t, f"{tmp}/a.parquet", compression="none", use_dictionary=False)
    chunk = pq.ParquetFile(f"{tmp}/a.parquet").metadata.row_group(0).column(1)
    data = bytearray(open(f"{tmp}/a.parquet", "rb").read())
    at = chunk.data_page_offset
    data[at:at + 64] = b"\xff" * 64
    open(f"{tmp}/a.parquet", "wb").write(data)
    create = table("t", f"{tmp}/a.parquet", "(a BIGINT, b STRING)")
    assert rows_of(create + "SELECT SUM(a) AS s FROM t;\n") == [{"s": 49995000}]
    assert rows_of(create + "SELECT COUNT(*) AS s FROM t;\n") == [{"s": 10000}]
    _, err = run(create + "SELECT MAX(b) FROM t;\n", expect_status=1)
    assert f"{tmp}/a.parquet" in err and "'b'" in err, err


def test_matches_columns_by_name(tmp):
    pq.write_table(pa.table({"b": ["x"], "a": pa.array([1], pa.int16())}), f"{tmp}/1.parquet")
    pq.write_table(pa.table({"a": pa.array([2], pa.int64()), "c": pa.array([2.5], pa.float32())}), f"{tmp}/2.parquet")
    got = rows_of(table("t", f"{tmp}", "(a INT, b STRING, c DOUBLE)") + "SELECT * FROM t ORDER BY a;\n")
    assert got == [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": decimal.Decimal("2.5")}], got


def test_says_what_does_not_fit(tmp):
    path = f"{tmp}/a.parquet"
    pq.write_table(pa.table({"a": pa.array([1, 300], pa.int64()), "s": ["x", "y"], "d": pa.array([decimal.Decimal("1.234")] * 2),
                             "l": [[1], [2]], "n": pa.array([1, None], pa.int32()), "raw": [b"\xff", b"a"]}), path)
    for columns, select, message in [
            ("(s INT)", "s", f"file '{path}': column 's' is BYTE_ARRAY (STRING), which cannot be read as INT"),
            ("(a STRING)", "a", f"file '{path}': column 'a' is INT64, which cannot be read as STRING"),
            ("(l INT)", "l", f"file '{path}': column 'l' is a group (LIST), which cannot be read as INT"),
            ("(a ROW<x INT>)", "a", f"file '{path}': column 'a' is INT64, which cannot be read as ROW"),
            ("(d DECIMAL(10, 2))", "d", "DECIMAL(4, 3)), which cannot be read as DECIMAL(10, 2)"),
            ("(a TINYINT)", "a", f"file '{path}': column 'a': 300 is out of the range of TINYINT"),
            ("(n INT NOT NULL)", "n", f"file '{path}': column 'n': NULL, but its type is NOT NULL"),
            ("(raw STRING)", "raw", f"file '{path}': column 'raw': the text is not UTF-8"),
            ("(missing INT NOT NULL)", "missing", f"file '{path}': column 'missing': NULL, but its type is NOT NULL")]:
        _, err = run(table("t", path, columns) + f"SELECT {select} FROM t;\n", expect_status=1)
        assert message in err, (message, err)
    for data, message in [(b"", "too small"), (b"PAR1", "too small"), (b"not a parquet file at all", "magic")]:
        open(f"{tmp}/bad.parquet", "wb").write(data)
        _, err = run(table("t", f"{tmp}/bad.parquet", "(a INT)") + "SELECT a FROM t;\n", expect_status=1)
        assert f"file '{tmp}/bad.parquet'" in err and message in err.lower(), err
    whole = open(path, "rb").read()
    open(f"{tmp}/cut.parquet", "wb").write(whole[:len(whole) // 2])
    _, err = run(table("t", f"{tmp}/cut.parquet", "(a INT)") + "SELECT a FROM t;\n", expect_status=1)
    assert f"file '{tmp}/cut.parquet'" in err, err


def test_survives_damaged_files(tmp):
    """Bytes changed anywhere: the right rows, other rows or an error, but an end without a signal."""
    t = make_table(200)
    pq.write_table(t, f"{tmp}/a.parquet", row_group_size=60)
    whole = open(f"{tmp}/a.parquet", "rb").read()
    create = table("t", f"{tmp}/b.parquet", COLUMNS)
    for i in range(40):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 3, 20])):
            at = rng.randrange(len(data)) if i % 2 else len(data) - 1 - rng.randrange(min(len(data), 4000))
            data[at] = rng.randrange(256)
        open(f"{tmp}/b.parquet", "wb").write(data)
        out = subprocess.run([MILLRACE, "sql", "--format", "jsonl"], input=create + "SELECT * FROM t;\n", capture_output=True,
                             text=True, timeout=TIMEOUT_S)
        assert out.returncode in (0, 1), (i, out.returncode, out.stderr[-2000:])
        assert out.returncode == 0 or f"{tmp}/b.parquet" in out.stderr, out.stderr


# ---- exactly once ----

def run_job(script, checkpoints, options):
    return [MILLRACE, "run", script, "--checkpoint-dir", checkpoints] + [x for o in options for x in ("-D", o)]


def restarted(tmp, how, format_, extra):
    """A job from Parquet into files in folders, stopped or killed again and again: every row once."""
    os.makedirs(tmp, exist_ok=True)
    count = 30000
    t = pa.table({"id": pa.array(range(count), pa.int64()), "l": [[i, None] for i in range(count)],
                  "s": [f"text of row {i}" for i in range(count)], "k": pa.array([i % 3 for i in range(count)], pa.int32())})
    os.makedirs(f"{tmp}/in")
    for i in range(3):
        pq.write_table(t.slice(i * 10000, 10000), f"{tmp}/in/{i}.parquet", row_group_size=2500)
    columns = "(id BIGINT, l ARRAY<BIGINT>, s STRING, k INT)"
    for name in ("job", "trial"):
        with open(f"{tmp}/{name}.sql", "w") as out:
            out.write("SET 'execution.runtime-mode' = 'streaming';\n" + table("a", f"{tmp}/in", columns) +
                      f"CREATE TABLE b {columns} PARTITIONED BY (k) WITH ('connector'='filesystem', 'format'='{format_}', "
                      f"'path'='{tmp}/{'out' if name == 'job' else 'trial'}'{extra});\nINSERT INTO b SELECT * FROM a;\n")
    ways = ["millrace.step.max-rows=100", "execution.checkpointing.interval=10 ms"]
    start = time.monotonic()
    trial = subprocess.run(run_job(f"{tmp}/trial.sql", f"{tmp}/cp-trial", ways), capture_output=True, text=True, timeout=TIMEOUT_S)
    undisturbed_s = time.monotonic() - start
    assert trial.returncode == 0, trial.stderr[-2000:]
    processes = 0
    while True:
        processes += 1
        assert processes < 200
        options = ways + [f"parallelism.default={rng.choice([1, 2, 7])}"]
        if how == "stop":
            options.append(f"millrace.step.stop-after={rng.randrange(1, 40)}")
        process = subprocess.Popen(run_job(f"{tmp}/job.sql", f"{tmp}/cp", options), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        patience_s = undisturbed_s * rng.uniform(0.1, 0.7) if how == "kill" and processes < 8 else TIMEOUT_S
        try:
            _, err = process.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            continue
        assert process.returncode == 0, err[-2000:]
        if "stopped" not in err:
            break
    assert processes > 1 or how == "kill", processes  # a kill may come too late
    hidden = [n for _, _, names in os.walk(f"{tmp}/out") for n in names if n.startswith(".")]
    assert not hidden, hidden
    return t


def test_restarts_with_parquet(tmp):
    for number, how in enumerate(("stop", "kill", "kill", "kill")):
        folder = f"{tmp}/{number}"
        t = restarted(folder, how, "parquet", ", 'sink.rolling-policy.row-count'='700'")
        got = read_arrow(f"{folder}/out").select(["id", "l", "s"])
        assert got.num_rows == t.num_rows, (how, got.num_rows)
        same(got.to_pylist(), t.select(["id", "l", "s"]).to_pylist(), how)
        for k in range(3):
            assert set(read_arrow(f"{folder}/out/k={k}")["id"].to_pylist()) == set(range(k, t.num_rows, 3)), how


def test_restarts_with_json_in_folders(tmp):
    t = restarted(tmp, "kill", "json", ", 'sink.partition-commit.policy.kind'='success-file'")
    got = duckdb.execute(f"SELECT id, s, k FROM read_json('{tmp}/out/*/part-*', format='newline_delimited', hive_partitioning=true) "
                         "ORDER BY id").fetchall()
    assert got == list(zip(*[t[n].to_pylist() for n in ("id", "s", "k")])), len(got)
    assert os.path.exists(f"{tmp}/out/k=0/_SUCCESS")


# ---- text files ----

def test_reads_compressed_files(tmp):
    for form, extra in (("csv", ", 'csv.header'='true'"), ("json", "")):
        for end, codec in ((".gz", "gzip"), (".zst", "zstd"), ("", "uncompressed")):
            duckdb.execute(f"COPY (SELECT range AS id, 'text ' || range AS s FROM range(100000)) TO '{tmp}/a.{form}{end}' "
                           f"(FORMAT {form}, COMPRESSION {codec})")
        create = (f"CREATE TABLE t (id BIGINT, s STRING) WITH ('connector'='filesystem', 'format'='{form}', "
                  f"'path'='{tmp}/a.{form}*'{extra});\n")
        got = rows_of(create + "SELECT COUNT(*) AS n, SUM(id) AS total, COUNT(DISTINCT s) AS d, MAX(s) AS m FROM t;\n")
        assert got == [{"n": 300000, "total": 3 * 4999950000, "d": 100000, "m": "text 99999"}], got
        whole = open(f"{tmp}/a.{form}.gz", "rb").read()
        open(f"{tmp}/two.{form}.gz", "wb").write(whole + whole)  # members follow each other
        create = create.replace(f"a.{form}*", f"two.{form}.gz").replace("'csv.header'='true'", "'csv.ignore-parse-errors'='true'")
        assert rows_of(create + "SELECT COUNT(id) AS n FROM t;\n") == [{"n": 200000}]
        for name, data in (("cut", whole[:-1000]), ("bad", whole[:5000] + bytes(200) + whole[5200:])):
            open(f"{tmp}/{name}.{form}.gz", "wb").write(data)
            _, err = run(create.replace("two", name) + "SELECT COUNT(*) AS n FROM t;\n", expect_status=1)
            assert f"{tmp}/{name}.{form}.gz" in err, err  # what came out before the checksum was wrong may be the error
            assert name == "bad" or "the gzip data is damaged: it ends too early" in err, err
        zst = open(f"{tmp}/a.{form}.zst", "rb").read()
        open(f"{tmp}/cut.{form}.zst", "wb").write(zst[:-10])
        _, err = run(create.replace("two", "cut").replace(".gz", ".zst") + "SELECT COUNT(*) AS n FROM t;\n", expect_status=1)
        assert f"file '{tmp}/cut.{form}.zst': the zstd data is damaged" in err, err


def test_writes_csv_that_duckdb_reads(tmp):
    t = make_table(2000).select(["id", "int", "string", "decimal38", "date", "double"])
    pq.write_table(t, f"{tmp}/a.parquet")
    columns = "(id BIGINT, `int` INT, `string` STRING, decimal38 DECIMAL(38, 10), `date` DATE, `double` DOUBLE)"
    run(table("a", f"{tmp}/a.parquet", columns) + f"CREATE TABLE b {columns} WITH ('connector'='filesystem', 'format'='csv', "
        f"'path'='{tmp}/out', 'csv.null-literal'='<null>', 'csv.header'='true');\nINSERT INTO b SELECT * FROM a;\n")
    got = duckdb.execute(
        f"SELECT * FROM read_csv('{tmp}/out/part-*', header=true, nullstr='<null>', columns={{'id': 'BIGINT', 'int': 'INT', "
        "'string': 'VARCHAR', 'decimal38': 'DECIMAL(38,10)', 'date': 'DATE', 'double': 'DOUBLE'}) ORDER BY id").fetchall()
    wanted = [tuple(r.values()) for r in t.to_pylist()]
    same(got, wanted)


# ---- partitions ----

def test_partitions_both_ways(tmp):
    t = pa.table({"id": pa.array(range(1000), pa.int64()), "v": [f"v{i}" for i in range(1000)],
                  "day": pa.array([dt.date(2024, 1, 1 + i % 5) for i in range(1000)]), "k": [["a b", "c/d", None, "e=f"][i % 4] for i in range(1000)]})
    pq.write_table(t, f"{tmp}/a.parquet")
    columns = "(id BIGINT, v STRING, `day` DATE, k STRING)"
    run(table("a", f"{tmp}/a.parquet", columns) + table("b", f"{tmp}/out", columns, ", 'sink.partition-commit.policy.kind'='success-file'",
                                                        "PARTITIONED BY (`day`, k)") +
        "INSERT INTO b SELECT * FROM a;\n")
    folders = sorted(os.listdir(f"{tmp}/out"))
    assert folders == [f"day=2024-01-0{i}" for i in range(1, 6)], folders
    assert sorted(os.listdir(f"{tmp}/out/{folders[0]}")) == ["k=__DEFAULT_PARTITION__", "k=a b", "k=c%2Fd", "k=e%3Df"]
    assert "_SUCCESS" in os.listdir(f"{tmp}/out/{folders[0]}/k=a b")
    db = duckdb.connect()
    wanted = db.execute("SELECT day::VARCHAR, count(*), sum(id) FROM t GROUP BY 1 ORDER BY 1").fetchall()
    got = db.execute(f"SELECT day::VARCHAR, count(*), sum(id) FROM read_parquet('{tmp}/out/*/*/*.parquet', hive_partitioning=true) "
                     "GROUP BY 1 ORDER BY 1").fetchall()
    assert wanted == got, (wanted, got)
    create = table("b", f"{tmp}/out", columns, "", "PARTITIONED BY (`day`, k)")
    got = rows_of(create + "SELECT id, v, CAST(`day` AS STRING) AS `day`, k FROM b ORDER BY id;\n")
    same(got, [dict(r, day=r["day"].isoformat()) for r in t.to_pylist()])
    explain = run(create + "EXPLAIN SELECT id FROM b WHERE `day` = DATE '2024-01-02' AND k = 'c/d';\n")[0]
    assert "files: 1 of 20" in explain and "Filter" not in explain.split("== Optimized")[1], explain
    assert rows_of(create + "SELECT COUNT(*) AS n FROM b WHERE k IS NULL AND `day` > DATE '2024-01-03';\n") == [{"n": 100}]
    # what DuckDB wrote in folders
    db.execute(f"COPY (SELECT * FROM t) TO '{tmp}/duck' (FORMAT parquet, PARTITION_BY (day))")
    got = rows_of(table("d", f"{tmp}/duck", columns, "", "PARTITIONED BY (`day`)") +
                  "SELECT id, v, CAST(`day` AS STRING) AS `day`, k FROM d ORDER BY id;\n")
    same(got, [dict(r, day=r["day"].isoformat()) for r in t.to_pylist()])


# ---- columns from the file ----

def test_infers_the_schema(tmp):
    t = make_table(100)
    pq.write_table(t, f"{tmp}/a.parquet")
    run(table("a", f"{tmp}/a.parquet", "") + table("b", f"{tmp}/out", COLUMNS) + "INSERT INTO b SELECT * FROM a;\n")
    same(read_arrow(f"{tmp}/out").to_pylist(), t.to_pylist())
    described = rows_of(table("a", f"{tmp}", "") + "DESCRIBE a;\n")
    got = {r["name"]: r["type"].replace("`", "") for r in described}
    for name, (_, _, sql) in TYPES.items():
        sql = sql.replace("MAP<STRING,", "MAP<STRING NOT NULL,")  # as Parquet has it
        assert got[name] == sql, (name, got[name], sql)


# ----

def main():
    tests = sorted((n, f) for n, f in globals().items() if n.startswith("test_") and callable(f))
    wanted = sys.argv[2:]
    if wanted:
        tests = [(n, f) for n, f in tests if any(w in n for w in wanted)]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, (name, case) in enumerate(tests, 1):
        try:
            with tempfile.TemporaryDirectory(prefix="millrace-parquet.") as tmp:
                case(tmp)
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # noqa: BLE001
            failed += 1
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc()[-6000:].splitlines():
                print("# " + line)
            print(f"# MILLRACE_TEST_SEED={SEED}", flush=True)
    sys.exit(1 if failed else 0)


main()
