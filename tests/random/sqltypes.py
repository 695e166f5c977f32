"""The SQL types that the generator knows, with their names in both dialects."""
from collections import namedtuple

T = namedtuple("T", "name p s elem", defaults=(0, 0, None))

BOOLEAN, TINYINT, SMALLINT, INT, BIGINT = T("BOOLEAN"), T("TINYINT"), T("SMALLINT"), T("INT"), T("BIGINT")
FLOAT, DOUBLE, STRING, BYTES = T("FLOAT"), T("DOUBLE"), T("STRING"), T("BYTES")
VARCHAR20, CHAR5 = T("VARCHAR", 20), T("CHAR", 5)
DATE, TIME, TIMESTAMP3, TIMESTAMP6 = T("DATE"), T("TIME"), T("TIMESTAMP", 3), T("TIMESTAMP", 6)
INTS = [TINYINT, SMALLINT, INT, BIGINT]
INT_ARRAY, STRING_ARRAY = T("ARRAY", elem=INT), T("ARRAY", elem=STRING)


def decimal(p, s):
    return T("DECIMAL", p, s)


# types of columns, with weights
COLUMN_TYPES = [(2, BOOLEAN), (2, TINYINT), (2, SMALLINT), (5, INT), (4, BIGINT), (1, FLOAT), (4, DOUBLE),
                (2, decimal(5, 2)), (2, decimal(10, 4)), (1, decimal(9, 0)), (1, decimal(20, 3)), (5, STRING),
                (1, VARCHAR20), (1, CHAR5), (2, BYTES), (3, DATE), (1, TIME), (2, TIMESTAMP3), (2, TIMESTAMP6),
                (1, INT_ARRAY), (1, STRING_ARRAY)]


def is_int(t):
    return t.name in ("TINYINT", "SMALLINT", "INT", "BIGINT")


def is_number(t):
    return is_int(t) or t.name in ("FLOAT", "DOUBLE", "DECIMAL")


def is_text(t):
    return t.name in ("STRING", "VARCHAR", "CHAR")


def is_sortable(t):
    return t.name != "ARRAY"


def family(t):
    """Types of one family may be compared with each other."""
    if is_number(t):
        return "number"
    if is_text(t):
        return "text"
    return t.name


def ours(t):
    if t.name == "ARRAY":
        return f"ARRAY<{ours(t.elem)}>"
    if t.name == "DECIMAL":
        return f"DECIMAL({t.p}, {t.s})"
    if t.name in ("VARCHAR", "CHAR", "TIMESTAMP"):
        return f"{t.name}({t.p})"
    return t.name


def duck(t):
    if t.name == "ARRAY":
        return f"{duck(t.elem)}[]"
    if t.name == "DECIMAL":
        return f"DECIMAL({t.p}, {t.s})"
    return {"STRING": "VARCHAR", "CHAR": "VARCHAR", "INT": "INTEGER", "BYTES": "BLOB"}.get(t.name, t.name)


def as_decimal(t):
    """The decimal type that an integer type is in arithmetic with decimals."""
    return t if t.name == "DECIMAL" else decimal({"TINYINT": 3, "SMALLINT": 5, "INT": 10, "BIGINT": 19}[t.name], 0)


def arithmetic(op, a, b):
    """Flink's type of `a op b`, or None where the generator would rather not."""
    if a.name == "DOUBLE" or b.name == "DOUBLE":
        return DOUBLE
    if a.name == "FLOAT" or b.name == "FLOAT":
        return FLOAT if a == b or is_int(a) or is_int(b) else DOUBLE
    if is_int(a) and is_int(b):
        return max(a, b, key=INTS.index)
    a, b = as_decimal(a), as_decimal(b)
    if op in ("+", "-"):
        s = max(a.s, b.s)
        p = max(a.p - a.s, b.p - b.s) + s + 1
    elif op == "*":
        p, s = a.p + b.p, a.s + b.s
    elif op == "/":
        s = max(6, a.s + b.p + 1)
        p = a.p - a.s + b.s + s
    else:
        return None
    return decimal(p, s) if p <= 38 else None


def sum_type(t):
    return decimal(38, t.s) if t.name == "DECIMAL" else t


def avg_type(t):
    return decimal(38, max(6, t.s)) if t.name == "DECIMAL" else t
