#!/usr/bin/env python3
"""spill_test.py MILLRACE [--rows N]: queries over more data than their memory limit allows must use files and give the same rows.

Every query runs without a limit and with a small one, by 1, 2 and 3 workers; EXPLAIN ANALYZE must say that it spilled. What is
simple to say is also computed here. The skewed queries, where one key outgrows the limit, are compared with DuckDB where there is
one, and their resident memory is watched. No file may stay behind. Prints TAP."""
import argparse
import csv
import os
import random
import re
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = int(os.environ.get("MILLRACE_TEST_TIMEOUT", "120"))
LIMIT = "8mb"
ATTEMPTS = 5  # whether a query near the limit reaches it depends on which workers are at work at a time

# name: (query, must it spill?)
QUERIES = {
    "sort": "SELECT id, k, v, s FROM a ORDER BY v, id",
    "sort_offset_limit": "SELECT id, v FROM a ORDER BY v DESC, id LIMIT 100000 OFFSET 1000",
    "aggregate": "SELECT id, COUNT(*), SUM(v), MIN(s), MAX(s) FROM a GROUP BY id",
    "distinct": "SELECT DISTINCT id, s FROM a",
    "count_distinct": "SELECT v, COUNT(DISTINCT id), COUNT(DISTINCT s) FROM a GROUP BY v",
    "inner_join": "SELECT a.id, a.v, b.v, b.s FROM a JOIN b ON a.id = b.id",
    "left_join": "SELECT a.id, a.v, b.v FROM a LEFT JOIN b ON a.id = b.id AND b.v > 20",
    "right_join": "SELECT a.s, b.id, b.v FROM a RIGHT JOIN b ON a.id = b.id",
    "full_join": "SELECT a.id, b.id, a.v + b.v FROM a FULL JOIN b ON a.id = b.id AND a.v < b.v",
    "semi_join": "SELECT id, v FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.id AND b.v < a.v)",
    "anti_join": "SELECT id, v FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.id = a.id)",
    "skewed_join": "SELECT a.k, COUNT(*), SUM(CAST(a.v AS BIGINT) * b.v) FROM a JOIN b ON a.id = b.id AND a.k = b.k GROUP BY a.k",
    "union": "SELECT id FROM a UNION SELECT id FROM b",
    "intersect": "SELECT id, k FROM a INTERSECT SELECT id, k FROM b",
    "except_all": "SELECT id, k FROM a EXCEPT ALL SELECT id, k FROM b",
    "over": "SELECT id, v, ROW_NUMBER() OVER (PARTITION BY id ORDER BY v), SUM(v) OVER (PARTITION BY id ORDER BY v) FROM a",
    "over_all": "SELECT id, RANK() OVER (ORDER BY v), SUM(v) OVER (ORDER BY v ROWS 3 PRECEDING), MAX(s) OVER (ORDER BY v) FROM a",
    "values": "SELECT id, JSON_ARRAYAGG(v), PERCENTILE(v, 0.25), SUM0(v) FROM a GROUP BY id",
    "sketches": "SELECT id, APPROX_COUNT_DISTINCT(v), COUNT(*) FROM a GROUP BY id",
    "join_aggregate_sort": "SELECT a.id, COUNT(*) AS n, SUM(b.v) AS t FROM a JOIN b ON a.id = b.id GROUP BY a.id ORDER BY t, a.id",
}

# h: almost all rows have key 1; p and q: few have; t: few rows. Build sides of one key, or without keys, are larger than the limit.
SKEWED = {
    "skew_inner": "SELECT q.v, COUNT(*), SUM(CAST(h.v AS BIGINT)) FROM q JOIN h ON q.k = h.k GROUP BY q.v",
    "skew_left": "SELECT p.v, COUNT(h.v), SUM(CAST(h.v AS BIGINT)) FROM p LEFT JOIN h ON p.k = h.k AND h.v > p.v GROUP BY p.v",
    "skew_right": "SELECT COUNT(*), COUNT(p.v), COUNT(h.v) FROM h RIGHT JOIN p ON p.k = h.k AND h.v % 2 = 0",
    "skew_full": "SELECT COUNT(*), SUM(CAST(p.v AS BIGINT)), SUM(CAST(h.v AS BIGINT)), COUNT(h.v), COUNT(p.v), COUNT(h.s) "
                 "FROM p FULL JOIN h ON p.k = h.k AND h.v % 3 = 0",
    "skew_semi": "SELECT v FROM p WHERE EXISTS (SELECT 1 FROM h WHERE h.k = p.k AND h.v > p.v + 40000)",
    "skew_anti": "SELECT v FROM p WHERE NOT EXISTS (SELECT 1 FROM h WHERE h.k = p.k AND h.v > p.v + 40000)",
    "not_in": "SELECT v FROM p WHERE v NOT IN (SELECT v FROM h)",
    "cross": "SELECT COUNT(*), SUM(CAST(t.v AS BIGINT)), COUNT(h.s) FROM t LEFT JOIN h ON TRUE",
    "non_equi_left": "SELECT t.v, COUNT(h.v), SUM(CAST(h.v AS BIGINT)), COUNT(h.s) FROM t LEFT JOIN h ON t.v > h.v + 30000 GROUP BY t.v",
    "non_equi_full": "SELECT COUNT(*), COUNT(t.v), COUNT(h.v), COUNT(h.s) FROM t FULL JOIN h ON t.v < h.v - 20000",
    "non_equi_semi": "SELECT v FROM t WHERE EXISTS (SELECT 1 FROM h WHERE h.v > t.v + 30000)",
    "non_equi_anti": "SELECT v FROM t WHERE NOT EXISTS (SELECT 1 FROM h WHERE h.v > t.v + 30000)",
    "distinct_of_all": "SELECT COUNT(DISTINCT v), COUNT(DISTINCT s), SUM(DISTINCT CAST(v AS BIGINT)), COUNT(*) FROM h",
    "distinct_of_group": "SELECT k, COUNT(DISTINCT s), COUNT(*) FROM h GROUP BY k",
    "distinct_filter": "SELECT COUNT(DISTINCT v) FILTER (WHERE v > 50000), COUNT(DISTINCT s), MAX(s), MIN(s) FROM h",
    "extremes_of_all": "SELECT MIN(s), MAX(s) FROM h",
    "over_one_partition": "SELECT v, ROW_NUMBER() OVER (ORDER BY v), SUM(CAST(v AS BIGINT)) OVER (ORDER BY v), "
                          "LAG(s, 5) OVER (ORDER BY v) FROM h",
    "over_exclude": "SELECT v, COUNT(*) OVER w, MAX(s) OVER w FROM h "
                    "WINDOW w AS (ORDER BY v ROWS BETWEEN 2 PRECEDING AND 5 FOLLOWING EXCLUDE CURRENT ROW)",
    "skew_intersect_all": "SELECT k, s FROM q INTERSECT ALL SELECT k, s FROM q",
    "skew_except_all": "SELECT k FROM h EXCEPT ALL SELECT k FROM p",
}
SKEWED_BYTES = 64 << 20  # resident, by two workers: the program itself takes about 20 MiB, what is in a query without a limit more than this


def make_data(folder, rows):
    rng = random.Random(7)
    tables = {}
    for name, count in (("a", rows), ("b", rows * 2 // 3)):
        tables[name] = []
        with open(os.path.join(folder, name + ".csv"), "w") as out:
            for _ in range(count):
                row = (rng.randrange(rows), 1 if rng.random() < 0.9 else rng.randrange(5), rng.randrange(1000),
                       rng.choice(["x", "a longer text than fits inline", "", None]) )
                tables[name].append(row)
                text = "" if row[3] is None else f'"{row[3]}"'
                out.write(f"{row[0]},{row[1]},{row[2]},{text}\n")
    return tables


def make_skewed(folder):
    rng = random.Random(11)
    counts = {"h": 80000, "p": 27000, "q": 100000, "t": 40}
    for name, count in counts.items():
        with open(os.path.join(folder, name + ".csv"), "w") as out:
            for i in range(count):
                other = rng.randrange(5000) if i % 3 else 10000 + i
                key = {"h": 1 if rng.random() < 0.97 else other, "t": i % 2}.get(name, 1 if i % 4000 == 0 else other)
                value = i * 1999 % 100000 if name == "t" else i
                out.write(f"{key},{value},the text of row {value:08d}\n")


def in_duckdb(folder):
    """A connection that has the skewed tables, None where there is no DuckDB."""
    try:
        import duckdb
    except ImportError:
        return None
    connection = duckdb.connect()
    for name in "hpqt":
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{folder}/{name}.csv', header = false, "
                           "columns = {'k': 'INT', 'v': 'INT', 's': 'VARCHAR'})")
    return connection


def ddl(folder):
    return "".join(f"CREATE TEMPORARY TABLE {t} (k INT, v INT, s STRING) WITH ('connector'='filesystem', "
                   f"'path'='{folder}/{t}.csv', 'format'='csv');\n" for t in "hpqt") + \
           "".join(f"CREATE TEMPORARY TABLE {t} (id INT, k INT, v INT, s STRING) WITH ('connector'='filesystem', "
                   f"'path'='{folder}/{t}.csv', 'format'='csv');\n" for t in ("a", "b"))


def run(millrace, folder, sql, *options):
    args = [millrace, "sql", "--format", "csv", "-D", "execution.runtime-mode=batch", "-D", f"millrace.spill.directory={folder}/spill"]
    done = subprocess.run(args + list(options), input=ddl(folder) + sql + ";\n", capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise AssertionError(f"exit status {done.returncode}\n{done.stderr[-2000:]}")
    return list(csv.reader(done.stdout.splitlines()))[1:]


def resident_bytes(pid):
    """The most that the process has had resident, 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return max([int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:")], default=0)
    except OSError:
        return 0


def check_spilled(millrace, folder, sql):
    """It spilled, and EXPLAIN ANALYZE tells which operators did."""
    for _ in range(ATTEMPTS):
        plan = "\n".join(line for row in run(millrace, folder, "EXPLAIN ANALYZE " + sql, "--memory-limit", LIMIT) for line in row)
        total = re.search(r"Spilled to files: (\d+) bytes", plan)
        if total:
            break
    else:
        raise AssertionError(f"it did not spill in {ATTEMPTS} runs: the test is too small")
    by_operator = sum(map(int, re.findall(r"spilled (\d+) bytes", plan)))
    if by_operator != int(total.group(1)):
        raise AssertionError(f"the operators spilled {by_operator} bytes of {total.group(1)}\n{plan}")


def check_skewed(millrace, folder, duck, sql):
    """One run by two workers with a limit: its rows are DuckDB's, it spilled (the plan says so), it stayed small."""
    args = [millrace, "sql", "--format", "csv", "-D", "execution.runtime-mode=batch", "-D", f"millrace.spill.directory={folder}/spill",
            "--memory-limit", LIMIT, "-D", "parallelism.default=2"]
    with tempfile.TemporaryFile("w+") as script, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        script.write(ddl(folder) + sql + ";\n")
        script.seek(0)
        process, most, end = subprocess.Popen(args, stdin=script, stdout=out, stderr=errors), 0, time.monotonic() + TIMEOUT_S
        while process.poll() is None:
            most = max(most, resident_bytes(process.pid))
            if time.monotonic() > end:
                process.kill()
            time.sleep(0.005)
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise AssertionError(f"exit status {process.returncode}\n{errors.read()[-2000:]}")
        rows = sorted(tuple(row) for row in list(csv.reader(out))[1:])
    if duck:
        expected = sorted(tuple("" if v is None else str(v) for v in row) for row in duck.execute(sql).fetchall())
    else:
        expected = sorted(tuple(row) for row in run(millrace, folder, sql))
    if rows != expected:
        raise AssertionError(f"{len(rows)} rows, {len(expected)} expected; they differ: {rows[:2]} {expected[:2]}")
    if most > SKEWED_BYTES and not os.environ.get("MILLRACE_SANITIZED"):
        raise AssertionError(f"{most >> 20} MiB were resident, more than {SKEWED_BYTES >> 20}")
    check_spilled(millrace, folder, sql)


def computed(name, tables):
    a, b = tables["a"], tables["b"]
    if name == "sort":
        return sorted(([str(r[0]), str(r[1]), str(r[2]), r[3] or ""] for r in a), key=lambda r: (int(r[2]), int(r[0]), int(r[1])))
    if name == "union":
        return [[str(i)] for i in {r[0] for r in a} | {r[0] for r in b}]
    if name == "anti_join":
        ids = {r[0] for r in b}
        return [[str(r[0]), str(r[2])] for r in a if r[0] not in ids]
    return None


def check(millrace, folder, tables, name, sql):
    free = run(millrace, folder, sql)
    expected = computed(name, tables)
    ordered = "ORDER BY" in sql.rsplit(")", 1)[-1]
    arrange = (lambda rows: [r[:3] for r in rows]) if name == "sort" else (lambda rows: rows) if ordered else sorted
    if expected is not None and arrange(free) != arrange(expected):
        raise AssertionError("wrong even without a limit")
    for workers in (1, 2, 3):
        tight = run(millrace, folder, sql, "--memory-limit", LIMIT, "-D", f"parallelism.default={workers}")
        if arrange(tight) != arrange(free):
            raise AssertionError(f"{workers} workers: {len(tight)} rows with a limit, {len(free)} without; they differ")
    check_spilled(millrace, folder, sql)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("millrace")
    parser.add_argument("--rows", type=int, default=120000)
    parser.add_argument("--cases", nargs="*")
    args = parser.parse_args()
    millrace, failed = os.path.abspath(args.millrace), False
    names = [n for n in list(QUERIES) + list(SKEWED) if not args.cases or n in args.cases]
    print(f"1..{len(names) + 1}")
    with tempfile.TemporaryDirectory(prefix="spill-") as folder:
        os.mkdir(os.path.join(folder, "spill"))
        tables = make_data(folder, args.rows)
        make_skewed(folder)
        duck = in_duckdb(folder)
        for number, name in enumerate(names, 1):
            try:
                if name in SKEWED:
                    check_skewed(millrace, folder, duck, SKEWED[name])
                else:
                    check(millrace, folder, tables, name, QUERIES[name])
                print(f"ok {number} - {name}", flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as problem:
                failed = True
                print(f"not ok {number} - {name}\n" + re.sub("^", "# ", str(problem), flags=re.M), flush=True)
        left = os.listdir(os.path.join(folder, "spill"))
        print(f"{'not ok' if left else 'ok'} {len(names) + 1} - no file is left")
        failed = failed or bool(left)
    sys.exit(1 if failed else 0)


main()
