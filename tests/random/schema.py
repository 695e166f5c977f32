"""Tables and their rows: few distinct values, so that keys meet; NULLs; extremes in columns of their own."""
import datetime
from decimal import Decimal

import sqltypes as st

TEXTS = ["", "a", "b", "ab", "abc", "A", "Abc", "x y", "  pad ", "12", "-7", "3.5", "é", "日本", "😀z", "a%b", "a_b", "it's",
         "zzz", "true", "0"]
EXTREME_TEXTS = ["", "\t", "two\nlines", "a\\b", '"q"', "long " * 60, "ÄÖ", "null", "\U0010ffff", "日" * 50]
BLOBS = [b"", b"a", b"ab", b"abc", b"\x00", b"\x00\xff", b"\xff\xfe\xfd"]
DATES = [datetime.date(2020, 1, 31), datetime.date(2020, 2, 29), datetime.date(2021, 12, 31), datetime.date(1999, 6, 15),
         datetime.date(2024, 3, 1), datetime.date(1970, 1, 1), datetime.date(1969, 12, 31)]
EXTREME_DATES = [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1582, 10, 14), datetime.date(1900, 3, 1)]
TIMES = [datetime.time(0, 0, 0), datetime.time(23, 59, 59), datetime.time(12, 30, 15), datetime.time(7, 5)]
STAMPS = [datetime.datetime(2020, 2, 29, 23, 59, 59, 999000), datetime.datetime(2020, 1, 31, 0, 0),
          datetime.datetime(1970, 1, 1, 0, 0), datetime.datetime(1969, 12, 31, 23, 59, 59, 500000),
          datetime.datetime(2024, 3, 10, 12, 34, 56, 123000), datetime.datetime(2021, 12, 31, 6, 7, 8)]
EXTREME_STAMPS = [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999000)]
BITS = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64}


def value(rng, t, extreme=False):
    """A value of the type, never NULL."""
    if t.name == "BOOLEAN":
        return rng.random() < 0.5
    if st.is_int(t):
        top = 1 << (BITS[t.name] - 1)
        if extreme:
            return rng.choice([-top, top - 1, -1, 0, 1, top - 2, 1 - top])
        return rng.choice([rng.randint(-3, 9), rng.randint(-3, 9), rng.randint(-100, 100)])
    if t.name == "DECIMAL":
        top = 10 ** t.p - 1
        if extreme:
            unscaled = rng.choice([top, -top, 0, 1, -1])
        else:
            unscaled = rng.randint(-10, 40) * 10 ** t.s // rng.choice([1, 2, 4, 8])
            unscaled = max(-top, min(top, unscaled))
        return Decimal(unscaled).scaleb(-t.s)
    if t.name in ("FLOAT", "DOUBLE"):
        if extreme:
            big = 1e30 if t.name == "FLOAT" else 1e300
            return rng.choice([0.0, 1e10, -1e10, big, -big]) if t.name == "FLOAT" else rng.choice(
                [0.0, 1e-300, 1e300, -1e300, 0.1, 123456789.123])
        return rng.randint(-40, 80) / 4
    if t.name == "CHAR":
        return rng.choice(["aaaaa", "abcde", "b    ", "12345", "Zz zZ"])
    if t.name in ("STRING", "VARCHAR"):
        return rng.choice([s for s in EXTREME_TEXTS if len(s) <= 20 or t.name == "STRING"] if extreme else TEXTS)
    if t.name == "BYTES":
        return rng.choice(BLOBS)
    if t.name == "DATE":
        return rng.choice(EXTREME_DATES if extreme else DATES)
    if t.name == "TIME":
        return rng.choice(TIMES)
    if t.name == "TIMESTAMP":
        v = rng.choice(EXTREME_STAMPS if extreme else STAMPS)
        if t.p == 6 and not extreme and rng.random() < 0.3:
            v = v.replace(microsecond=rng.choice([1, 999999, 123456]))
        return v
    if t.name == "ARRAY":
        return [None if rng.random() < 0.15 else value(rng, t.elem) for _ in range(rng.randint(0, 4))]
    raise AssertionError(t)


class Column:
    def __init__(self, name, t, extreme):
        self.name, self.t, self.extreme = name, t, extreme


class Table:
    """storage: None for the embedded store without a key; ('key', columns, descending columns); ('files', format,
    partition column or None)."""

    def __init__(self, name, columns, rows, storage=None):
        self.name, self.columns, self.rows, self.storage = name, columns, rows, storage

    def with_rows(self, rows):
        return Table(self.name, self.columns, rows, self.storage)

    def without_column(self, at):
        """None when the storage needs the column."""
        if self.storage and self.columns[at].name in str(self.storage):
            return None
        return Table(self.name, self.columns[:at] + self.columns[at + 1:], [r[:at] + r[at + 1:] for r in self.rows],
                     self.storage)


def choose_storage(rng, columns, rows, pools):
    """A storage; columns of keys and partitions lose their NULLs."""
    what = rng.choice(["plain", "plain", "id", "key", "key", "key", "parquet", "parquet", "json"])
    if what == "plain" or not rows and what in ("parquet", "json"):
        return None
    if what == "id":
        return ("key", ["id"], [])
    if what in ("parquet", "json"):
        return ("files", what, "k" if rng.random() < 0.3 else None)
    others = [c.name for c in columns[1:] if c.t.name not in ("ARRAY", "FLOAT", "DOUBLE", "BOOLEAN")]
    key = rng.sample(others, min(len(others), rng.choice([1, 1, 2, 3]))) + ["id"]
    for i, c in enumerate(columns):
        if c.name in key and c.name != "id":
            for row in rows:
                if row[i] is None:
                    row[i] = rng.randint(0, 5) if c.name == "k" else rng.choice(pools[c.name])
    return ("key", key, [name for name in key[1:] if rng.random() < 0.4])


def pick(rng, weighted):
    total = sum(w for w, _ in weighted)
    at = rng.random() * total
    for w, x in weighted:
        at -= w
        if at < 0:
            return x
    return weighted[-1][1]


def tables(rng, large=False):
    """Every table has id (unique), k INT and g STRING (shared names, duplicate keys), then columns of random types.
    Large tables have more rows than fit into a chunk."""
    out = []
    sizes = [0, rng.randint(1, 4), rng.randint(4, 9), rng.randint(6, 14), rng.randint(10, 24)]
    if large:
        sizes[2:] = [rng.randint(50, 200), rng.randint(300, 600), rng.randint(2040, 3000)]
    for i, size in enumerate(sizes):
        columns = [Column("id", st.INT, False), Column("k", st.INT, False), Column("g", st.STRING, False)]
        for j in range(rng.randint(2, 6)):
            t = pick(rng, st.COLUMN_TYPES)
            extreme = rng.random() < 0.15 and t.name not in ("BOOLEAN", "TIME", "CHAR", "BYTES", "ARRAY")
            columns.append(Column(f"{'x' if extreme else 'c'}{j}", t, extreme))
        pools = {c.name: [value(rng, c.t, c.extreme) for _ in range(rng.choice([40, 400] if large else [2, 4, 9]))] for c in columns}
        null_rate = {c.name: rng.choice([0, 0.1, 0.1, 0.3, 0.3, 0.8]) for c in columns}
        rows = []
        for n in range(size):
            row = [n + 1]
            for c in columns[1:]:
                null = rng.random() < null_rate[c.name]
                skewed = pools[c.name][0] if rng.random() < (0.02 if large else 0.3) else rng.choice(pools[c.name])
                row.append(None if null else rng.randint(0, size if large else 5) if c.name == "k" else skewed)
            rows.append(row)
        out.append(Table(f"t{i}", columns, rows, choose_storage(rng, columns, rows, pools)))
    return out
