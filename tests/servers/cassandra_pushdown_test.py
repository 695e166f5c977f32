#!/usr/bin/env python3
"""What goes to Cassandra and what comes back: random tables (keys, clustering orders, static columns, indexes, deleted rows) and random
predicates, each query once with pushdown and once without ('scan.pushdown' = 'false'), and both compared with what Python makes of
the rows that Cassandra's own driver reads. And what EXPLAIN must say."""
import collections
import csv
import datetime
import io
import os
import random
import re
import subprocess
import sys
import uuid

from cassandra.query import tuple_factory

import driver

MILLRACE = os.environ["MILLRACE"]
HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
KEYSPACE = f"pushdown_{os.getpid()}"
SEED = int(os.environ.get("MILLRACE_TEST_SEED", random.randrange(10**6)))
TABLES, QUERIES = int(os.environ.get("TABLES", "8")), 60
MOST_TABLES = 4 * TABLES
CATALOG = f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{HOST}:{PORT}');\nUSE CATALOG c;\nUSE {KEYSPACE};\n"
rng = random.Random(SEED)
EPOCH = datetime.datetime(1970, 1, 1)
UUIDS = sorted(uuid.UUID(int=rng.getrandbits(128)) for _ in range(6))
print("seed", SEED)


def fail(*texts):
    sys.exit("\n".join([f"seed {SEED}", *map(str, texts)]))


def equal(what, got, expected):
    if got != expected:
        fail(what, repr(got), "instead of", repr(expected))


def millrace(sql, status=0):
    run = subprocess.run([MILLRACE, "sql", "--format", "csv", "-D", f"parallelism.default={rng.choice([1, 2, 3])}"], input=CATALOG + sql,
                         capture_output=True, text=True, timeout=300)
    if run.returncode != status:
        fail(sql[-3000:], f"exit status {run.returncode} instead of {status}", run.stdout[-1000:], run.stderr[-3000:])
    return run.stdout if status == 0 else run.stderr


def run_all(statements):
    """The rows of each statement; all run in one process, told apart by the name of their first column."""
    script = "".join(s if s.startswith("EXPLAIN") else s.replace("SELECT id", f"SELECT id AS q{i}", 1)
                     .replace("SELECT s0", f"SELECT s0 AS q{i}", 1).replace("SELECT COUNT(*)", f"SELECT COUNT(*) AS q{i}", 1) for i, s in enumerate(statements))
    blocks, current = [], None
    for row in csv.reader(io.StringIO(millrace(script))):
        if row and (row[0] == "plan" or re.fullmatch(r"q\d+", row[0])):
            current = []
            blocks.append(current)
        else:
            current.append(row or [""])
    equal("answers", len(blocks), len(statements))
    return blocks


# name: values to draw from, the value as a literal, the value that SQL compares
TYPES = {
    "int": ([-5, -1, 0, 1, 2, 3, 2**31 - 1], str, None),
    "bigint": ([-2**63 + 1, -1, 0, 1, 2, 2**62], str, None),
    "smallint": ([-3, 0, 1, 2, 300], str, None),
    "tinyint": ([-128, 0, 1, 2], str, None),
    "varint": ([-10**20, -1, 0, 1, 10**30], str, None),
    "boolean": ([False, True], lambda v: str(v).upper(), None),
    "double": ([-2.25, -0.0, 0.0, 1.5, 1e300], lambda v: f"CAST('{v!r}' AS DOUBLE)", None),
    "float": ([-2.25, -0.0, 0.0, 1.5], lambda v: f"CAST('{v!r}' AS FLOAT)", None),
    "text": (["", "B", "a", "ab", "b", "zz", "ä", "€"], lambda v: f"'{v}'", lambda v: v.encode()),
    "ascii": (["", "A", "a", "it's"], lambda v: "'" + v.replace("'", "''") + "'", lambda v: v.encode()),
    "timestamp": ([EPOCH + datetime.timedelta(milliseconds=m) for m in (-5, 0, 1, 1000, 1700000000123)],
                  lambda v: f"TO_TIMESTAMP_LTZ({round((v - EPOCH).total_seconds() * 1000)}, 3)", None),
    "date": ([datetime.date(1969, 12, 31), datetime.date(1970, 1, 1), datetime.date(2024, 2, 29)], lambda v: f"DATE '{v}'", None),
    "uuid": (UUIDS, lambda v: f"'{v}'", lambda v: str(v).encode()),
}
KEY_TYPES = list(TYPES)
UNORDERED = {"boolean"}


class Column:
    def __init__(self, name, cql, kind, descending=False):
        self.name, self.cql, self.kind, self.descending = name, cql, kind, descending
        self.values, self.literal, self.key = TYPES[cql]
        if kind == "partition":
            self.values = [v for v in self.values if v != ""]  # a key may not be empty
        self.key = self.key or (lambda v: v)
        self.asked = self.values + (["no uuid", str(UUIDS[0]).upper()] if cql == "uuid" else [])  # texts that no row has

    def draw(self):
        return rng.choice(self.values)

    def draw_asked(self):
        return rng.choice(self.asked)


class Table:
    def __init__(self, session, name):
        self.name = name
        types = lambda n: [rng.choice(KEY_TYPES) for _ in range(n)]
        self.partition = [Column(f"p{i}", t, "partition") for i, t in enumerate(types(rng.choice([1, 1, 2])))]
        self.clustering = [Column(f"c{i}", t, "clustering", rng.random() < 0.5) for i, t in enumerate(types(rng.choice([0, 1, 2, 3])))]
        self.regular = [Column(f"r{i}", t, "regular") for i, t in enumerate(types(4))]
        self.statics = [Column("s0", "int", "static")] if self.clustering and rng.random() < 0.5 else []
        key = self.partition + self.clustering
        order = ", ".join(f"{c.name} {'DESC' if c.descending else 'ASC'}" for c in self.clustering)
        session.execute(
            f"CREATE TABLE {name} (" + ", ".join(f"{c.name} {c.cql}" for c in key + self.regular) + ", id int"
            + "".join(f", {c.name} {c.cql} static" for c in self.statics)
            + f", PRIMARY KEY (({', '.join(c.name for c in self.partition)}){''.join(', ' + c.name for c in self.clustering)}))"
            + (f" WITH CLUSTERING ORDER BY ({order})" if order else ""))
        # r0, r1: perhaps with an index of either kind; c1 too
        self.indexes = {}
        for column in self.regular[:2] + self.clustering[1:2]:
            kind = rng.choice([None, "sai", "legacy_local_table"])
            if kind:
                session.execute(f"CREATE INDEX {name}_{column.name} ON {name} ({column.name}) USING '{kind}'")
                self.indexes[column.name] = kind
        self.fill(session, key)
        columns = key + self.regular + self.statics
        rows = session.execute(f"SELECT {', '.join(c.name for c in columns)}, id FROM {name}")
        self.rows = []
        for values in rows:
            row = dict(zip([c.name for c in columns], [self.as_python(v) for v in values[:-1]]))
            row["id"] = values[-1]
            self.rows.append(row)
        self.columns = columns

    @staticmethod
    def as_python(value):  # the driver's own class for dates
        return value.date() if type(value).__name__ == "Date" else value

    def fill(self, session, key):
        number = 0
        columns = key + self.regular
        insert = session.prepare(f"INSERT INTO {self.name} (id, {', '.join(c.name for c in columns)}) VALUES (?{', ?' * len(columns)})")
        for _ in range(rng.choice([40, 300])):
            number += 1
            session.execute(insert, [number] + [c.draw() for c in key] + [None if rng.random() < 0.2 else c.draw() for c in self.regular])
        where = " AND ".join(f"{c.name} = ?" for c in key)
        delete = session.prepare(f"DELETE FROM {self.name} WHERE {where}")
        for _ in range(10):
            session.execute(delete, [c.draw() for c in key])
        if self.statics:  # some of these partitions have no rows
            names = ", ".join(c.name for c in self.partition)
            update = session.prepare(f"INSERT INTO {self.name} ({names}, s0) VALUES ({', '.join('?' * len(self.partition))}, ?)")
            for _ in range(8):
                session.execute(update, [c.draw() for c in self.partition] + [self.statics[0].draw()])

    # A condition is its SQL and a function of a row.
    def condition(self):
        column = rng.choice(self.columns)
        name, key, literal = column.name, column.key, column.literal

        def compared(op, value):
            def holds(row):
                v = row[name]
                if v is None:
                    return False
                v, w = key(v), key(value)
                return {"=": v == w, "<>": v != w, "<": v < w, "<=": v <= w, ">": v > w, ">=": v >= w}[op]
            return holds

        kind = rng.random()
        value = column.draw_asked()
        if kind < 0.45:
            return f"{name} = {literal(value)}", compared("=", value)
        if kind < 0.65:
            values = [column.draw_asked() for _ in range(rng.choice([1, 2, 3, 5]))]
            listed = ", ".join([literal(v) for v in values] + ["NULL"] * (rng.random() < 0.1))
            if rng.random() < 0.3:
                return "(" + " OR ".join(f"{name} = {literal(v)}" for v in values) + ")", lambda row: any(compared("=", v)(row) for v in values)
            return f"{name} IN ({listed})", lambda row: any(compared("=", v)(row) for v in values)
        if kind < 0.9 and column.cql not in UNORDERED:
            op = rng.choice(["<", "<=", ">", ">="])
            if rng.random() < 0.3:
                other = column.draw_asked()
                return (f"{name} BETWEEN {literal(value)} AND {literal(other)}",
                        lambda row: compared(">=", value)(row) and compared("<=", other)(row))
            return f"{name} {op} {literal(value)}", compared(op, value)
        if kind < 0.95:
            return f"{name} <> {literal(value)}", compared("<>", value)
        return (f"{name} IS NULL", lambda row: row[name] is None) if rng.random() < 0.5 else \
            (f"{name} IS NOT NULL", lambda row: row[name] is not None)

    def where(self):
        conditions = [self.condition() for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        if rng.random() < 0.5:  # a whole partition key, as it would hardly come by chance
            for column in self.partition:
                values = [column.draw_asked() for _ in range(rng.choice([1, 1, 2, 3]))]
                sql = f"{column.name} IN ({', '.join(map(column.literal, values))})"
                conditions.append((sql, lambda row, n=column.name, k=column.key, vs=values: any(k(row[n]) == k(v) for v in vs)))
        if rng.random() < 0.4:  # and a prefix of the clustering columns
            for column in self.clustering[:rng.randrange(len(self.clustering) + 1)]:
                value = column.draw_asked()
                conditions.append((f"{column.name} = {column.literal(value)}",
                                   lambda row, c=column, v=value: row[c.name] is not None and c.key(row[c.name]) == c.key(v)))
        rng.shuffle(conditions)
        sql = (" WHERE " + " AND ".join(c for c, _ in conditions)) if conditions else ""
        return sql, [row for row in self.rows if all(holds(row) for _, holds in conditions)]

    def groups(self, rows):
        """GROUP BY the partition key and perhaps clustering columns: the call list in SQL, the keys, and the rows expected."""
        keys = [c.name for c in self.partition + self.clustering[:rng.randrange(len(self.clustering) + 1)]]
        groups = collections.defaultdict(list)
        for row in rows:
            groups[tuple(row[k] for k in keys)].append(row)
        calls, expected = ["COUNT(*)"], [[str(len(group))] for group in groups.values()]
        for column in rng.sample(self.columns, min(3, len(self.columns))):
            values = [[row[column.name] for row in group if row[column.name] is not None] for group in groups.values()]
            functions = {"COUNT": len}
            if column.cql in ("tinyint", "smallint", "int", "bigint"):
                functions |= {"MIN": min, "MAX": max, "SUM": sum}
            elif column.cql in ("text", "ascii", "uuid"):
                functions |= {"MIN": lambda vs, c=column: min(vs, key=c.key), "MAX": lambda vs, c=column: max(vs, key=c.key)}
            for name in rng.sample(sorted(functions), min(2, len(functions))):
                answers = [functions[name](vs) if vs or name == "COUNT" else "" for vs in values]
                bits = {"tinyint": 7, "smallint": 15, "int": 31, "bigint": 63}.get(column.cql)
                if name == "SUM" and any(a != "" and not -2**bits <= a < 2**bits for a in answers):
                    continue  # an error, with either
                calls.append(f"{name}({column.name})")
                for row, answer in zip(expected, answers):
                    row.append(str(answer))
        return ", ".join(calls), ", ".join(keys), sorted(expected)

    def first_of_partitions(self, rows, n, backwards):
        """The ids of each SQL group's first n rows in clustering order; 0.0 and -0.0 are one group but two partitions."""
        groups = collections.defaultdict(list)
        for row in rows:
            groups[tuple(row[c.name] for c in self.partition)].append(row)
        out = []
        for group in groups.values():
            for column in reversed(self.clustering):
                group.sort(key=lambda row: (row[column.name] is not None, column.key(row[column.name]) if row[column.name] is not None else 0),
                           reverse=column.descending != backwards)
            out += group[:n]
        return out


def ids(rows):
    return sorted(["" if row["id"] is None else str(row["id"])] for row in rows)


HINT = " /*+ OPTIONS('scan.pushdown'='false') */"
COUNT = " /*+ OPTIONS('scan.count-at-server'='true') */"
GROUPS = " /*+ OPTIONS('scan.aggregates-at-server'='true') */"
SMALL_GROUPS = " /*+ OPTIONS('scan.aggregates-at-server'='true', 'scan.page-size'='2', 'scan.splits'='3') */"
SMALL = " /*+ OPTIONS('scan.page-size'='3', 'scan.splits'='5') */"


def random_queries(table, seen):
    statements, checks = [], []

    def ask(sql, check):
        statements.append(sql)
        checks.append(check)

    def same(what, expected):
        return lambda rows: equal(what, sorted(rows), expected)

    def explained(sql):
        def check(rows):
            text = "\n".join(row[0] for row in rows)
            for kind in ("FULL SCAN", "partition key ", "partition keys", "index ", "token ranges, clustering", ", clustering",
                         "PER PARTITION LIMIT", "ORDER BY", "no row can match", "SELECT COUNT(*)", "GROUP BY", "SUM(CAST("):
                seen[kind] += kind in text.split("== Physical Plan")[-1]
        ask("EXPLAIN " + sql, check)

    for _ in range(QUERIES):
        where, rows = table.where()
        what = f"{table.name} {[(c.name, c.cql, c.descending) for c in table.columns]} {table.indexes}: {where}"
        kind = rng.random()
        if kind < 0.05 and table.statics:  # of a row each, though there is one in the partition
            for hint in ("", HINT):
                ask(f"SELECT s0 FROM {table.name}{hint}{where};\n",
                    same(what + hint, sorted(["" if row["s0"] is None else str(row["s0"])] for row in rows)))
        elif kind < 0.2:
            if rng.random() < 0.5:  # else most have a filter that stays here
                where, rows = "", table.rows
            calls, keys, expected = table.groups(rows)
            for hint in ("", GROUPS, SMALL_GROUPS):
                ask(f"SELECT {calls} FROM {table.name}{hint}{where} GROUP BY {keys};\n", same(f"{calls} BY {keys} {what}{hint}", expected))
            explained(f"SELECT {calls} FROM {table.name}{GROUPS}{where} GROUP BY {keys};\n")
        elif kind < 0.6:
            for hint in ("", HINT, SMALL):
                ask(f"SELECT id FROM {table.name}{hint}{where};\n", same(what + hint, ids(rows)))
            explained(f"SELECT id FROM {table.name}{where};\n")
        elif kind < 0.75:
            for hint in ("", COUNT, HINT):
                ask(f"SELECT COUNT(*) FROM {table.name}{hint}{where};\n", same("COUNT " + what + hint, [[str(len(rows))]]))
            explained(f"SELECT COUNT(*) FROM {table.name}{COUNT}{where};\n")
        elif kind < 0.82:
            n = rng.choice([1, 2, 5, 50])
            for hint in ("", HINT):
                def check(got, n=n, all_ids=collections.Counter(i[0] for i in ids(rows)), what=what + hint, count=len(rows)):
                    equal(f"LIMIT {n} {what}", len(got), min(n, count))
                    equal(f"LIMIT {n} {what}", collections.Counter(g[0] for g in got) - all_ids, collections.Counter())
                ask(f"SELECT id FROM {table.name}{hint}{where} LIMIT {n};\n", check)
        elif table.clustering:
            n, backwards = rng.choice([1, 2, 3]), rng.random() < 0.4
            order = ", ".join(f"{c.name} {'DESC' if c.descending != backwards else 'ASC'}" for c in table.clustering)
            partition = ", ".join(c.name for c in table.partition)
            floats = any(c.cql in ("double", "float") for c in table.partition + table.clustering)
            if kind < 0.92:
                top = table.first_of_partitions(rows, n, backwards)
                for hint in ("", HINT):
                    sql = (f"SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY {partition} ORDER BY {order}) AS rn "
                           f"FROM {table.name}{hint}{where}) WHERE rn <= {n};\n")
                    # ties, which only 0.0 and -0.0 make, may fall either way
                    ask(sql, same(f"first {n} {what}{hint}", ids(top)) if not floats else
                        lambda got, count=len(top), what=what: equal(f"first of {what}", len(got), count))
                explained(sql.replace(HINT, ""))
            else:
                unique = f"{order}, {partition}, id"
                answers = []
                for hint in ("", HINT):
                    sql = f"SELECT id FROM {table.name}{hint}{where} ORDER BY {unique} LIMIT {n};\n"
                    ask(sql, lambda got, a=answers, what=what, last=hint != "", count=len(rows), n=n:
                        (a.append(got), equal(f"ORDER BY {what}", len(got), min(n, count)), last and equal(f"ORDER BY {what}", a[0], a[1])))
                explained(sql.replace(HINT, ""))
    for rows, check in zip(run_all(statements), checks):
        check(rows)


def physical(rows):
    text = "\n".join(row[0] for row in rows)
    return text[text.index("== Physical"):]


def explained(session):
    """What must be pushed, and how it is said."""
    session.execute("CREATE TABLE fixed (u int, day text, a int, b text, v int, w text, x int, s int static, PRIMARY KEY ((u, day), a, b)) "
                    "WITH CLUSTERING ORDER BY (a DESC, b ASC)")
    session.execute("CREATE TABLE grouped (u int, day text, a int, b text, v int, w text, x int, d double, PRIMARY KEY ((u, day), a, b))")
    session.execute("CREATE INDEX grouped_v ON grouped (v)")
    session.execute("CREATE INDEX fixed_w ON fixed (w)")
    session.execute("CREATE INDEX fixed_v ON fixed (v) USING 'sai'")
    session.execute("CREATE TABLE named (k uuid PRIMARY KEY, v int)")
    session.execute("CREATE TABLE folded (k int PRIMARY KEY, t text)")
    session.execute("CREATE INDEX folded_t ON folded (t) USING 'sai' WITH OPTIONS = {'case_sensitive': 'false'}")
    scan = f'FROM "{KEYSPACE}"."fixed" WHERE token("u", "day") > ? AND token("u", "day") <= ?'
    key = f'FROM "{KEYSPACE}"."fixed" WHERE "u" = ? AND "day" = ?'
    one = "u = 1 AND day = 'm'"
    ranked = "SELECT * FROM (SELECT u, a, ROW_NUMBER() OVER (PARTITION BY {p} ORDER BY {o}) AS rn FROM fixed{w}) WHERE rn <= 2"
    cases = [  # query, what EXPLAIN has, what it has not
        ("SELECT x FROM fixed", [f'FULL SCAN of {KEYSPACE}.fixed by token ranges; token ranges of 64 MB; CQL: SELECT "x" {scan}]'], []),
        (f"SELECT x FROM fixed WHERE {one}", [f"partition key u = 1 and day = 'm'; 1 read by key; CQL: SELECT \"x\" {key}]"], ["Calc"]),
        ("SELECT x FROM fixed WHERE u IN (1, 2, 3) AND day IN ('m', 'n')", ["partition keys u IN (3 values) and day IN (2 values); 6 reads by key"],
         ["FULL SCAN", "Calc"]),
        (f"SELECT x FROM fixed WHERE {one} AND a = 3 AND b > 'k'", [key + ' AND "a" = ? AND "b" > ?]'], ["Calc", "FILTERING"]),
        (f"SELECT x FROM fixed WHERE {one} AND a IN (1, 2) AND b = 'k' AND x = 1", [key + ' AND "a" IN ? AND "b" = ?]', "where=[x = 1]"], []),
        (f"SELECT x FROM fixed WHERE {one} AND v BETWEEN 2 AND 5", ["index fixed_v: v >= 2 and v <= 5", key + ' AND "v" >= ? AND "v" <= ? ALLOW FILTERING]'], ["Calc"]),
        ("SELECT x FROM fixed WHERE v > 5 AND w = 'k'", ["index fixed_v: v > 5; 8 token ranges", scan + ' AND "v" > ? ALLOW FILTERING]', "where=[w = 'k']"], ["FULL SCAN"]),
        ("SELECT x FROM fixed WHERE w = 'k' AND x = 2", ["index fixed_w: w = 'k'", scan + ' AND "w" = ? ALLOW FILTERING]', "where=[x = 2]"], ["FULL SCAN"]),
        ("SELECT x FROM fixed WHERE w > 'k'", ["FULL SCAN", "where=[w > 'k']"], ["ALLOW"]),
        ("SELECT x FROM fixed WHERE v IN (1, 2)", ["FULL SCAN", "where="], ["ALLOW"]),
        ("SELECT x FROM fixed WHERE w = ''", ["FULL SCAN", "where="], ["ALLOW"]),
        ("SELECT k FROM folded WHERE t = 'k'", ["FULL SCAN", "where="], ["ALLOW"]),
        ("SELECT x FROM fixed /*+ OPTIONS('scan.use-indexes'='false') */ WHERE v = 5", ["FULL SCAN", "where=[v = 5]"], ["ALLOW"]),
        ("SELECT x FROM fixed WHERE a >= 3 AND x = 1", ["FULL SCAN", "token ranges, clustering a >= 3", scan + ' AND "a" >= ? ALLOW FILTERING]', "where=[x = 1]"], []),
        ("SELECT x FROM fixed WHERE b = 'k'", ["FULL SCAN", "where=[b = 'k']"], ["ALLOW"]),
        ("SELECT x FROM fixed WHERE s = 1", ["FULL SCAN", "where=[s = 1]"], ["ALLOW"]),
        ("SELECT x FROM fixed WHERE u = 1", ["FULL SCAN", "where=[u = 1]"], ["ALLOW"]),
        ("SELECT x FROM fixed WHERE u = 1 AND day = 'm' AND u = 2", ['WHERE "u" = ? AND "day" = ?]', "where=[u = 2]"], []),
        ("SELECT v FROM named WHERE k = 'no uuid'", ["source=[no row can match]"], []),
        ("SELECT x FROM fixed LIMIT 7", [scan + " LIMIT 7]"], []),
        ("SELECT x FROM fixed WHERE x = 1 LIMIT 7", [scan + "]"], ["LIMIT 7]"]),
        (f"SELECT x FROM fixed WHERE {one} LIMIT 7", [key + " LIMIT 7]"], []),
        (f"SELECT COUNT(*) FROM fixed{COUNT}", [f"CQL: SELECT COUNT(*) {scan}]"], []),
        ("SELECT COUNT(*) FROM fixed", [f'CQL: SELECT "u" {scan}]'], []),
        (f"SELECT COUNT(*) FROM fixed{COUNT} WHERE {one} AND a > 2", [f"CQL: SELECT COUNT(*) {key} AND \"a\" > ?]"], []),
        (f"SELECT COUNT(*) FROM fixed{COUNT} WHERE x = 1", ['CQL: SELECT "x"', "where=[x = 1]"], []),
        (f"SELECT COUNT(x) FROM fixed{COUNT}", ['CQL: SELECT "x"'], []),
        (f"SELECT COUNT(*) FROM (SELECT * FROM fixed{COUNT} LIMIT 5)", [f'CQL: SELECT "u" {scan} LIMIT 5]'], []),
        (f"SELECT u, p.day, COUNT(*), MAX(x) FROM fixed{GROUPS} AS p GROUP BY u, p.day", ['CQL: SELECT "u", "day", "x"', "Aggregate("], ["GROUP BY"]),  # statics
        (f"SELECT a, day, u, COUNT(*), SUM(x), MIN(w) FROM grouped{GROUPS} WHERE a > 3 GROUP BY u, day, a",
         ["groupBy=[u, day, a], aggregates=[COUNT(*), SUM(x), MIN(w)]",
          'CQL: SELECT "u", "day", "a", COUNT(*), SUM(CAST("x" AS varint)), MIN("w"), COUNT("x") FROM "' + KEYSPACE + '"."grouped" WHERE '
          'token("u", "day") > ? AND token("u", "day") <= ? AND "a" > ? GROUP BY "u", "day", "a" ALLOW FILTERING]'], ["Aggregate(", "Exchange("]),
        (f"SELECT COUNT(*) FROM grouped{GROUPS} WHERE {one} GROUP BY u, day", [
            'CQL: SELECT "u", "day", COUNT(*) FROM "' + KEYSPACE + '"."grouped" WHERE "u" = ? AND "day" = ? GROUP BY "u", "day"]'], ["Aggregate("]),
        ("SELECT u, day, COUNT(*) FROM grouped GROUP BY u, day", ["Aggregate("], ["GROUP BY"]),
        (f"SELECT u, COUNT(*) FROM grouped{GROUPS} GROUP BY u", ["Aggregate("], ["GROUP BY"]),
        (f"SELECT u, day, b, COUNT(*) FROM grouped{GROUPS} GROUP BY u, day, b", ["Aggregate("], ["GROUP BY"]),
        (f"SELECT u, day, COUNT(*) FROM grouped{GROUPS} WHERE x = 1 GROUP BY u, day", ["Aggregate("], ["GROUP BY"]),
        (f"SELECT u, day, COUNT(*) FROM grouped{GROUPS} WHERE v = 1 GROUP BY u, day", ["Aggregate("], ["GROUP BY"]),  # an index
        (f"SELECT u, day, AVG(x) FROM grouped{GROUPS} GROUP BY u, day", ["Aggregate("], ["GROUP BY"]),
        (f"SELECT u, day, SUM(d) FROM grouped{GROUPS} GROUP BY u, day", ["Aggregate("], ["GROUP BY"]),
        (f"SELECT u, day, COUNT(DISTINCT x) FROM grouped{GROUPS} GROUP BY u, day", ["Aggregate("], ["GROUP BY"]),
        (ranked.format(p="u, day", o="a DESC, b", w=""), [scan + " PER PARTITION LIMIT 2]"], []),
        (ranked.format(p="u", o="a DESC, b", w=""), [scan + " PER PARTITION LIMIT 2]"], []),
        (ranked.format(p="u, day, a", o="b", w=""), [scan + "]"], ["PER PARTITION"]),
        (ranked.format(p="u, day", o="a DESC", w=""), [scan + "]"], ["PER PARTITION"]),
        (ranked.format(p="u, day", o="a, b DESC", w=""), [scan + "]"], ["PER PARTITION"]),
        (ranked.format(p="u, day", o="a, b DESC", w=f" WHERE {one}"), [key + ' ORDER BY "a" ASC, "b" DESC PER PARTITION LIMIT 2]'], []),
        (ranked.format(p="u, day", o="b", w=f" WHERE {one} AND a = 4"), [key + ' AND "a" = ? PER PARTITION LIMIT 2]'], []),
        (ranked.format(p="u, day", o="a DESC, b", w=" WHERE x = 4"), [scan + "]"], ["PER PARTITION"]),
        (f"SELECT x FROM fixed WHERE {one} ORDER BY a DESC, b LIMIT 3", [key + " PER PARTITION LIMIT 3]"], []),
        (f"SELECT x FROM fixed WHERE {one} ORDER BY a, b DESC LIMIT 3", [key + ' ORDER BY "a" ASC, "b" DESC PER PARTITION LIMIT 3]'], []),
        (f"SELECT x FROM fixed WHERE {one} ORDER BY a, b LIMIT 3", [key + "]"], ["PER PARTITION"]),
        (f"SELECT x FROM fixed WHERE {one} ORDER BY x LIMIT 3", [key + "]"], ["PER PARTITION"]),
    ]
    answers = run_all([f"EXPLAIN {sql};\n" for sql, _, _ in cases])
    for (sql, wanted, unwanted), rows in zip(cases, answers):
        text = physical(rows)
        for part in wanted:
            if part not in text:
                fail(sql, "lacks", part, text)
        for part in unwanted:
            if part in text:
                fail(sql, "has", part, text)
    # a job that must find its place again after a restart has neither slices nor counts
    text = millrace("SET 'execution.runtime-mode' = 'streaming'; EXPLAIN SELECT x FROM fixed WHERE a >= 3;")
    if "64 token ranges" not in text or "FILTERING" in text or "where=[a >= 3]" not in text:
        fail("streaming", text)


def sums(session):
    """CQL's sum of ints wraps around, and is 0 of no values: neither may be seen. Groups that reach over the end of a page."""
    session.execute("CREATE TABLE sums (k int, c int, d int, i int, b bigint, t text, PRIMARY KEY (k, c, d))")
    insert = session.prepare("INSERT INTO sums (k, c, d, i, b, t) VALUES (?, ?, ?, ?, ?, ?)")
    groups = collections.defaultdict(list)
    for k in range(7):
        for c in range(5):
            for d in range(40 if k == 3 else 3):
                row = (k, c, d, None if k == 5 else 2**30 * (1 - 2 * (d % 2)) + d, None if c == 1 else 2**40 - d, None if d else f"t{k}")
                session.execute(insert, row)
                groups[k, c].append(row)

    def total(values):
        values = [v for v in values if v is not None]
        return str(sum(values)) if values else ""
    expected = sorted([str(k), str(c), str(len(rows)), total(r[3] for r in rows), total(r[4] for r in rows), rows[0][5]]
                      for (k, c), rows in groups.items())
    for hint in ("", GROUPS, SMALL_GROUPS, SMALL_GROUPS.replace("'2'", "'1'")):
        for where in ("", " WHERE k IN (0, 1, 2, 3, 4, 5, 6)"):
            text = millrace(f"SELECT k, c, COUNT(*), SUM(i), SUM(b), MAX(t) FROM sums{hint}{where} GROUP BY k, c;")
            equal("sums" + hint, sorted(list(csv.reader(io.StringIO(text)))[1:]), expected)
    session.execute("TRUNCATE sums")
    session.execute("INSERT INTO sums (k, c, d, i, b) VALUES (1, 1, 1, 2147483647, 9223372036854775807)")
    session.execute("INSERT INTO sums (k, c, d, i, b) VALUES (1, 1, 2, 1, 1)")
    for call in ("SUM(i)", "SUM(b)"):  # out of range: an error, never another number
        for hint in ("", GROUPS):
            text = millrace(f"SELECT k, {call} FROM sums{hint} GROUP BY k;", status=1)
            if "out of range" not in text:
                fail(call, hint, text)


def nearest(session):
    session.execute("CREATE TABLE vectors (k int PRIMARY KEY, t text, v vector<float, 3>)")
    session.execute("CREATE INDEX vectors_v ON vectors (v) USING 'sai' WITH OPTIONS = {'similarity_function': 'euclidean'}")
    points = {k: [rng.uniform(-9, 9) for _ in range(3)] for k in range(200)}
    insert = session.prepare("INSERT INTO vectors (k, t, v) VALUES (?, ?, ?)")
    for k, v in points.items():
        session.execute(insert, (k, f"t{k % 3}", v))
    at = [rng.uniform(-9, 9) for _ in range(3)]
    asked = [row[0] for row in session.execute(f"SELECT k FROM vectors ORDER BY v ANN OF {at} LIMIT 7")]
    hint = f"/*+ OPTIONS('scan.ann.column'='v', 'scan.ann.vector'='{at}', 'scan.ann.limit'='7') */"
    got, filtered, plan = run_all([f"SELECT k AS q0 FROM vectors {hint};\n", f"SELECT k AS q1 FROM vectors {hint} WHERE t = 't1';\n",
                                   f"EXPLAIN SELECT k FROM vectors {hint};\n"])
    equal("nearest", sorted(got), sorted([str(k)] for k in asked))
    equal("of the nearest", sorted(filtered), sorted([str(k)] for k in asked if k % 3 == 1))
    if 'ORDER BY "v" ANN OF ? LIMIT 7]' not in physical(plan):
        fail(plan)
    for options, message in [("'scan.ann.column'='v'", "'scan.ann.vector' is missing"),
                             ("'scan.ann.column'='t', 'scan.ann.vector'='[1, 2, 3]'", "'t' is no vector"),
                             ("'scan.ann.column'='vv', 'scan.ann.vector'='[1, 2, 3]'", "no column 'vv'"),
                             ("'scan.ann.column'='v', 'scan.ann.vector'='[1, 2]'", "2 numbers for 3 dimensions"),
                             ("'scan.ann.column'='v', 'scan.ann.vector'='[1, 2, x]'", "is no vector"),
                             ("'scan.ann.column'='v', 'scan.ann.vector'='[1, 2, NaN]'", "is no vector"),
                             ("'scan.ann.column'='v', 'scan.ann.vector'='[1e99, 2, 3]'", "is no vector")]:
        text = millrace(f"SELECT k FROM vectors /*+ OPTIONS({options}) */;", status=1)
        if message not in text:
            fail(options, text)


def main():
    with driver.connect(HOST, PORT, row_factory=tuple_factory) as cluster:
        session = cluster.connect()
        session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
        session.set_keyspace(KEYSPACE)
        explained(session)
        nearest(session)
        sums(session)
        seen = collections.Counter()
        kinds = ("FULL SCAN", "partition key ", "partition keys", "index ", "token ranges, clustering", ", clustering", "SELECT COUNT(*)", "GROUP BY")
        tables = 0
        while tables < TABLES or (tables < MOST_TABLES and not all(seen[kind] for kind in kinds)):  # a few in which the rare ones do not come
            random_queries(Table(session, f"t{tables}"), seen)
            tables += 1
        print(tables, "tables", dict(seen))
        for kind in kinds:
            if not seen[kind]:
                fail(f"no query was explained with '{kind}'")
        session.execute(f"DROP KEYSPACE {KEYSPACE}")


main()
