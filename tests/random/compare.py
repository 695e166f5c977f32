"""Compares a result of millrace with one of DuckDB, or with another one of millrace."""
import base64
import datetime
import re
from decimal import Decimal

import sqltypes as st
from nodes import Leaf, Select
from shrink import slots


BEYOND = "a year that Python's datetime does not have"


def number_scale(v):
    text = str(v)
    return len(text.partition(".")[2])


def ours(v, t):
    """A value of millrace's JSON as a Python value; raises ValueError when it is not one of the type."""
    if v is None:
        return None
    if t.name == "BOOLEAN":
        if not isinstance(v, bool):
            raise ValueError(f"{v!r} is no BOOLEAN")
        return v
    if st.is_int(t):
        if not isinstance(v, int) or isinstance(v, bool):
            raise ValueError(f"{v!r} is no {t.name}")
        return v
    if t.name == "DECIMAL":
        d = Decimal(v)
        if number_scale(v) != t.s:
            raise ValueError(f"{v} has not {t.s} digits after the point")
        return d
    if t.name in ("FLOAT", "DOUBLE"):
        return float(v)
    if t.name == "BYTES":
        return base64.b64decode(v)
    if t.name in ("DATE", "TIMESTAMP") and not re.match(r"(?!0000)[0-9]{4}-", v):
        return BEYOND
    if t.name == "DATE":
        return datetime.date.fromisoformat(v)
    if t.name == "TIME":
        return datetime.time.fromisoformat(v)
    if t.name == "TIMESTAMP":
        return datetime.datetime.fromisoformat(v)
    if t.name == "ARRAY":
        return tuple(ours(x, t.elem) for x in v)
    if not isinstance(v, str):
        raise ValueError(f"{v!r} is no text")
    return v


def duck(v, t):
    if v is None:
        return None
    if t.name == "DECIMAL":
        return Decimal(v)
    if t.name in ("DATE", "TIMESTAMP") and isinstance(v, str):
        return BEYOND
    if t.name == "ARRAY":
        return tuple(duck(x, t.elem) for x in v)
    if t.name in ("FLOAT", "DOUBLE"):
        return float(v)
    if t.name == "TIMESTAMP" and t.p == 3:
        return v.replace(microsecond=v.microsecond // 1000 * 1000)
    return v


def sort_key(row):
    return [(v is not None, f"{v + 0.0:.7g}" if isinstance(v, float) else str(v)) for v in row]


def equal(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a == b or abs(a - b) <= 1e-6 * max(abs(a), abs(b)) + 1e-9 or (a != a and b != b)
    return a == b


def same_rows(a, b):
    if len(a) != len(b):
        return False
    a, b = sorted(a, key=sort_key), sorted(b, key=sort_key)
    return all(len(x) == len(y) and all(equal(v, w) for v, w in zip(x, y)) for x, y in zip(a, b))


# errors that depend on the rows: which rows an expression sees before others decide is free
RUNTIME = re.compile(r"overflow|division by zero|out of range|more than one row|divide|cannot (cast|read|be cast)|too large|range of|"
                     r"does not fit|Could not convert|Conversion Error|Out of Range|exceeds", re.I)
REFUSED = re.compile(r"not supported|unsupported|streaming mode|not found|is unknown|does not take|"
                     r"needs more memory than its limit", re.I)


def first_line(error):
    """The message without names, numbers and places: errors of one kind are counted together."""
    line = error.split("\n")[0]
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'(?!\.)", "'…'", line))[:160]


# DuckDB's side is a CASE here, which may leave an argument unevaluated
GUARDED = {"greatest", "least", "array_concat", "array_append", "array_position", "split_index"}


def is_simple(query):
    """One table and no subquery: nothing decides which rows an expression sees but WHERE and CASE."""
    if any(getattr(node, "op", None) in GUARDED for _, node in slots(query)):
        return False
    return isinstance(query, Select) and isinstance(query.source, Leaf) and query.limit is None and not any(
        isinstance(node, Select) for path, node in slots(query) if path)


def judge(mine, other, types, simple=False):
    """(verdict, detail). Verdicts: same; both-fail; differs, error, crash, hang (failures); refused; duckdb-error; missed: a simple query that
    ought to fail does not; runtime: an error over rows that DuckDB did not look at. In a simple query both look at the same rows."""
    if mine.broke:
        return mine.broke, mine.error
    if mine.error is not None:
        if other.error is not None:
            return "both-fail", first_line(mine.error)
        if REFUSED.search(mine.error):
            return "refused", first_line(mine.error)
        return ("runtime" if RUNTIME.search(mine.error) and not simple else "error"), first_line(mine.error)
    if other.error is not None:
        missed = simple and RUNTIME.search(other.error)
        return "missed" if missed else "duckdb-error", first_line(other.error)
    try:
        a = [[ours(v, t) for v, t in zip(row, types, strict=True)] for row in mine.rows]
    except ValueError as e:
        return "differs", f"value: {re.sub('[0-9]+', 'N', str(e))[:80]}"
    b = [[duck(v, t) for v, t in zip(row, types)] for row in other.rows]
    return ("same", "") if same_rows(a, b) else ("differs", "")


def judge_ours(stream, batch, types):
    """A stream, or a batch under other settings, against the batch."""
    if stream.broke:
        return stream.broke, stream.error
    if batch.error is not None:
        return "both-fail", ""
    if stream.error is not None:
        kind = "refused" if REFUSED.search(stream.error) else "runtime" if RUNTIME.search(stream.error) else "error"
        return kind, first_line(stream.error)
    try:
        a = [[ours(v, t) for v, t in zip(row, types, strict=True)] for row in stream.rows]
        b = [[ours(v, t) for v, t in zip(row, types, strict=True)] for row in batch.rows]
    except ValueError as e:
        return "same", str(e)  # the comparison with DuckDB says so already
    return ("same", "") if same_rows(a, b) else ("differs", "")
