"""Writes trees as SQL: Dialect("millrace") and Dialect("duckdb")."""
import datetime
from decimal import Decimal

import functions as fn
import sqltypes as st
from nodes import Derived, Join, Leaf, SetOp, Values, With


def quote(text):
    return "'" + text.replace("'", "''") + "'"


class Dialect:
    def __init__(self, name):
        self.ours = name == "millrace"

    def type(self, t):
        return st.ours(t) if self.ours else st.duck(t)

    # --- values -------------------------------------------------------------------------------------------------------

    def literal(self, v, t):
        if v is None:
            return f"CAST(NULL AS {self.type(t)})"
        if t.name == "BOOLEAN":
            return "TRUE" if v else "FALSE"
        if st.is_int(t):
            if t.name == "INT" and self.ours and v != -(1 << 31):
                return str(v) if v >= 0 else f"({v})"
            return f"CAST({v} AS {self.type(t)})" if v != -(1 << 63) or self.ours else "CAST('-9223372036854775808' AS BIGINT)"
        if t.name == "DECIMAL":
            return f"CAST({quote(f'{v:f}')} AS {self.type(t)})" if not self.ours or t.p > 30 else f"CAST({v:f} AS {self.type(t)})"
        if t.name in ("FLOAT", "DOUBLE"):
            text = repr(float(v))
            return f"CAST({quote(text)} AS {self.type(t)})" if not self.ours or t.name == "FLOAT" else (
                text if "e" in text else text + "E0")
        if st.is_text(t):
            if self.ours and t.name != "STRING":
                return f"CAST({quote(v)} AS {self.type(t)})"
            return quote(v)
        if t.name == "BYTES":
            return f"x'{v.hex()}'" if self.ours else f"from_hex('{v.hex()}')"
        if t.name == "DATE":
            return f"DATE '{v.isoformat()}'"
        if t.name == "TIME":
            return f"TIME '{v.isoformat()}'"
        if t.name == "TIMESTAMP":
            text = v.isoformat(" ", "microseconds" if t.p == 6 else "milliseconds")
            return f"TIMESTAMP '{text}'"
        if t.name == "ARRAY":
            inner = ", ".join(self.literal(x, t.elem) for x in v)
            if self.ours:
                return f"CAST(ARRAY[{inner}] AS {self.type(t)})" if v else self.empty_array(t)
            return f"CAST([{inner}] AS {self.type(t)})"
        raise AssertionError(t)

    def empty_array(self, t):
        """Flink has no literal for it."""
        one = self.literal(1 if t.elem == st.INT else "a", t.elem)
        return f"ARRAY_REMOVE(CAST(ARRAY[{one}] AS {self.type(t)}), {one})"

    # --- expressions --------------------------------------------------------------------------------------------------

    def expr(self, e):
        if e.op == "col":
            alias, name = e.value
            return f"{alias}.{name}" if alias else name
        if e.op == "lit":
            return self.literal(e.value, e.t)
        if e.op == "bare_null":
            return "NULL"
        if e.op == "interval":
            return str(e.value)
        if e.op == "agg":
            return self.aggregate(e)
        if e.op == "win":
            return self.window(e)
        if e.op == "exists":
            return f"({'NOT ' if e.extra.get('not') else ''}EXISTS ({self.query(e.query)}))"
        if e.op == "in":
            left = ", ".join(self.expr(a) for a in e.args)
            left = f"({left})" if len(e.args) > 1 else left
            return f"({left} {'NOT ' if e.extra.get('not') else ''}IN ({self.query(e.query)}))"
        if e.op == "quantified":
            return f"({self.expr(e.args[0])} {e.extra['cmp']} {e.extra['which']} ({self.query(e.query)}))"
        if e.op == "scalar":
            return f"({self.query(e.query)})"
        if e.op == "grouping":
            return f"{'' if self.ours else 'CAST('}GROUPING({self.expr(e.args[0])}){'' if self.ours else ' AS BIGINT)'}"
        args = [self.expr(a) for a in e.args]
        if e.op in ("+", "-", "*", "/"):
            return self.arithmetic(e, args)
        if e.op in fn.CMP:
            return self.compare(e, args)
        if e.op == "in_list":
            return f"({args[0]} {'NOT ' if e.extra.get('not') else ''}IN ({', '.join(args[1:])}))"
        ours, duck = fn.FUNCTIONS[e.op]
        template = ours if self.ours or duck is None else duck
        types = {f"t{i}": self.type(a.t) for i, a in enumerate(e.args) if a.t}
        return template.format(*args, t=self.type(e.t), **types)

    def arithmetic(self, e, args):
        if self.ours:
            return f"({args[0]} {e.op} {args[1]})"
        a, b, t = e.args[0].t, e.args[1].t, self.type(e.t)
        if e.t.name == "DECIMAL":
            if e.op == "/":
                return f"CAST(dec_div(CAST({args[0]} AS VARCHAR), CAST({args[1]} AS VARCHAR), {e.t.s}) AS {t})"
            if e.op == "*":
                a, b = (st.as_decimal(x) for x in (a, b))
                return f"CAST(CAST({args[0]} AS {self.type(a)}) * CAST({args[1]} AS {self.type(b)}) AS {t})"
            wide = f"DECIMAL(38, {e.t.s})"
            return f"CAST(CAST({args[0]} AS {wide}) {e.op} CAST({args[1]} AS {wide}) AS {t})"
        op = "//" if e.op == "/" and st.is_int(e.t) else e.op
        right = f"CAST({args[1]} AS {t})"
        return f"CAST(CAST({args[0]} AS {t}) {op} {f'nonzero({right})' if op == '//' else right} AS {t})"

    def compare(self, e, args):
        a, b = e.args[0].t, e.args[1].t
        if not self.ours and a != b and st.is_number(a) and st.is_number(b):
            if {a.name, b.name} & {"FLOAT", "DOUBLE"}:
                wide = "DOUBLE"
            else:
                wide = f"DECIMAL(38, {max(a.s, b.s)})"
            args = [f"CAST({x} AS {wide})" for x in args]
        return f"({args[0]} {e.op} {args[1]})"

    def aggregate(self, e, over=""):
        args = e.args[:1] if e.extra["name"] != "count_star" else []
        condition = e.args[len(args)] if e.extra.get("filter") else None
        ours, duck = fn.AGGREGATES[e.extra["name"]]
        template = ours if self.ours or duck is None else duck
        return template.format(*[self.expr(a) for a in args], D="DISTINCT " if e.extra.get("distinct") else "",
                               F=f" FILTER (WHERE {self.expr(condition)})" if condition else "", W=over,
                               t=self.type(e.t), s=e.t.s)

    def window(self, e):
        x = e.extra
        n, p = x["nargs"], x["partition"]
        parts = []
        if p:
            parts.append("PARTITION BY " + ", ".join(self.expr(a) for a in e.args[n:n + p]))
        if x["order"]:
            parts.append("ORDER BY " + ", ".join(
                self.order(self.expr(a), desc, nulls) for a, (desc, nulls) in zip(e.args[n + p:], x["order"])))
        if x.get("frame"):
            frame = x["frame"]
            parts.append(frame["ours"] if self.ours else frame["duck"])
        over = f" OVER ({' '.join(parts)})"
        table = fn.WINDOW_FUNCTIONS if x["name"] in fn.WINDOW_FUNCTIONS else fn.AGGREGATES
        ours, duck = table[x["name"]]
        template = ours if self.ours or duck is None else duck
        return template.format(*[self.expr(a) for a in e.args[:n]], D="", F="", W=over, t=self.type(e.t), s=e.t.s)

    def order(self, text, desc, nulls):
        """nulls: None is Flink's default, where NULL is less than all values."""
        out = text + (" DESC" if desc else "")
        if nulls is not None or not self.ours:
            first = nulls if nulls is not None else not desc
            out += " NULLS FIRST" if first else " NULLS LAST"
        return out

    # --- queries ------------------------------------------------------------------------------------------------------

    def source(self, s):
        if isinstance(s, Leaf):
            return f"{s.name} AS {s.alias}"
        if isinstance(s, Derived):
            return f"({self.query(s.query)}) AS {s.alias}"
        if isinstance(s, Values):
            rows = ", ".join("(" + ", ".join(self.expr(e) for e in row) + ")" for row in s.rows)
            return f"(VALUES {rows}) AS {s.alias} ({', '.join(f'c{i + 1}' for i in range(len(s.rows[0])))})"
        left, right = self.source(s.left), self.source(s.right)
        if isinstance(s.right, Join):
            right = f"({right})"
        if s.kind == "COMMA":
            return f"{left}, {right}"
        if s.kind == "LATERAL":
            return f"{left} CROSS JOIN LATERAL {right}"
        if s.kind == "LEFT LATERAL":
            return f"{left} LEFT JOIN LATERAL {right} ON TRUE"
        if s.kind == "CROSS":
            return f"{left} CROSS JOIN {right}"
        tail = f" USING ({s.using})" if s.using else f" ON {self.expr(s.on)}"
        return f"{left} {s.kind} JOIN {right}{tail}"

    def tail(self, q):
        out = ""
        if q.order:
            out += " ORDER BY " + ", ".join(self.order(f"c{i + 1}", desc, nulls) for i, desc, nulls in q.order)
        if q.limit is not None:
            out += f" LIMIT {q.limit}"
        if q.offset is not None:
            out += f" OFFSET {q.offset}"
        return out

    def query(self, q):
        if isinstance(q, With):
            ctes = ", ".join(f"{name} AS ({self.query(body)})" for name, body in q.ctes)
            return (f"WITH {ctes} " if ctes else "") + self.query(q.body)
        if isinstance(q, SetOp):
            left, right = self.query(q.left), self.query(q.right)
            return f"({left}) {q.op} ({right})" + self.tail(q)
        items = ", ".join(f"{self.expr(e)} AS c{i + 1}" for i, e in enumerate(q.items))
        out = f"SELECT {'DISTINCT ' if q.distinct else ''}{items}"
        if q.source is not None:
            out += f" FROM {self.source(q.source)}"
        if q.where is not None:
            out += f" WHERE {self.expr(q.where)}"
        if q.keys:
            keys = [self.expr(k) for k in q.keys]
            if q.sets is None:
                out += " GROUP BY " + ", ".join(keys)
            elif isinstance(q.sets, str):
                out += f" GROUP BY {q.sets} ({', '.join(keys)})"
            else:
                sets = ", ".join("(" + ", ".join(keys[i] for i in s if i < len(keys)) + ")" for s in q.sets)
                out += f" GROUP BY GROUPING SETS ({sets})"
        if q.having is not None:
            out += f" HAVING {self.expr(q.having)}"
        if q.qualify is not None:
            out += f" QUALIFY {self.expr(q.qualify)}"
        return out + self.tail(q)

    # --- data ---------------------------------------------------------------------------------------------------------

    def create(self, table):
        columns = ", ".join(f"{c.name} {self.type(c.t)}" for c in table.columns)
        tail = ""
        if self.ours and table.storage and table.storage[0] == "key":
            _, key, descending = table.storage
            columns += f", PRIMARY KEY ({', '.join(key)}) NOT ENFORCED"
            if len(key) > 1:
                order = ", ".join(f"{c} {'DESC' if c in descending else 'ASC'}" for c in key[1:])
                tail = f" WITH ('clustering-order' = '{order}')"
        elif self.ours and table.storage:
            _, form, partition = table.storage
            tail = f" PARTITIONED BY ({partition})" if partition else ""
            tail += (f" WITH ('connector' = 'filesystem', 'path' = '{table.name}', 'format' = '{form}', "
                     "'sink.rolling-policy.row-count' = '4')")
        return f"CREATE TABLE {table.name} ({columns}){tail}"

    def insert(self, table):
        """None for a table without rows."""
        if not table.rows:
            return None
        rows = ", ".join(
            "(" + ", ".join(self.literal(v, c.t) for v, c in zip(row, table.columns)) + ")" for row in table.rows)
        return f"INSERT INTO {table.name} VALUES {rows}"


MILLRACE, DUCKDB = Dialect("millrace"), Dialect("duckdb")
