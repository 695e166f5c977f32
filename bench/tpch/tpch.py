#!/usr/bin/env python3
"""TPC-H over Parquet files, in millrace and in DuckDB, which also makes the data. Runs under scripts/python-env --tpc.

    bench/tpch/tpch.py MILLRACE [--scale 0.1] [--runs 3] [--threads 2] [--only q01,q05] [--check] [--json FILE]

Every answer of millrace is compared with DuckDB's over the same files: decimals exactly where both engines compute with decimals,
otherwise to the digits that millrace gives; the order where ORDER BY says one. The table shows medians of alternating runs: CPU
seconds of the whole millrace process and of DuckDB's query alone (without Python's start), wall seconds, peak memory.
--check: one run of each, no table, TAP instead."""
import argparse
import decimal
import fcntl
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
CACHE = pathlib.Path(os.environ.get("MILLRACE_CACHE", pathlib.Path.home() / ".cache/millrace"))
TIMEOUT_S = int(os.environ.get("MILLRACE_TEST_TIMEOUT", "600"))
# Positions of the ORDER BY columns of each query.
ORDER = {"q01": [0, 1], "q02": [0, 2, 1, 3], "q03": [1, 2], "q04": [0], "q05": [1], "q07": [0, 1, 2], "q08": [0], "q09": [0, 1],
         "q10": [2], "q11": [1], "q12": [0], "q13": [1, 0], "q15": [0], "q16": [3, 0, 1, 2], "q18": [4, 3], "q20": [0],
         "q21": [1, 0], "q22": [0]}


def data_child(scale, folder):
    """Runs in a process of its own (--data): makes the eight tables."""
    import duckdb
    db = duckdb.connect(config={"threads": 2})
    db.execute("LOAD tpch")
    db.execute(f"CALL dbgen(sf = {scale})")
    for (table,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        db.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")


def data(scale):
    """The folder with the eight tables; made once, by another process: what this one ever held is the least peak memory that its
    children report."""
    folder = CACHE / "bench" / f"tpch-{scale}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            subprocess.run([sys.executable, __file__, "--data", scale, str(folder)], check=True)
            (folder / ".complete").touch()
    return folder


def query(name, scale):
    # The specification divides the fraction of query 11 by the scale factor.
    fraction = f"{decimal.Decimal('0.0001') / decimal.Decimal(scale):f}"
    return (HERE / "queries" / f"{name}.sql").read_text().replace(":fraction", fraction)


def names():
    return sorted(path.stem for path in (HERE / "queries").glob("q*.sql"))


def measured(argv, stdin=""):
    """(standard output, wall seconds, CPU seconds, peak MB) of a command."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as inp:
        inp.write(stdin.encode())
        inp.seek(0)
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdin=inp, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode != 0:
            raise RuntimeError(err.read().decode(errors="replace").strip()[-2000:] or f"status {child.returncode}")
        return out.read().decode(), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def millrace(program, tables, sql, threads, as_rows=True):
    options = ["-D", f"parallelism.default={threads}", "-D", "execution.runtime-mode=batch"]
    out, wall, cpu, mb = measured(["timeout", str(TIMEOUT_S), program, "sql", "--format", "jsonl", *options], tables + sql)
    rows = [list(json.loads(line, parse_float=decimal.Decimal).values()) for line in out.splitlines()] if as_rows else []
    return {"rows": rows, "wall_s": wall, "cpu_s": cpu, "mb": mb}


def duckdb_child(folder, sql, threads):
    """Runs in a process of its own (--duckdb): one query, its figures and rows as JSON."""
    import duckdb
    db = duckdb.connect(config={"threads": threads})
    for path in sorted(pathlib.Path(folder).glob("*.parquet")):
        db.execute(f"CREATE VIEW {path.stem} AS FROM read_parquet('{path}')")
    before, start = os.times(), time.perf_counter()
    result = db.execute(sql)
    rows = result.fetchall()
    wall, after = time.perf_counter() - start, os.times()

    def cell(value):  # DECIMAL stays text, so that it is compared exactly
        if isinstance(value, decimal.Decimal):
            return {"decimal": str(value)}
        return value if isinstance(value, (int, float, str, type(None))) else str(value)

    print(json.dumps({"rows": [[cell(c) for c in row] for row in rows], "wall_s": wall, "cpu_s": after.user + after.system - before.user - before.system,
                      "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def duckdb(folder, sql, threads):
    return json.loads(measured([sys.executable, __file__, "--duckdb", str(folder), str(threads)], sql)[0])


def number(cell):
    """A cell as Decimal; None when it is no number."""
    if isinstance(cell, dict):
        return decimal.Decimal(cell["decimal"])
    return decimal.Decimal(cell) if isinstance(cell, (int, float, decimal.Decimal)) else None


def same(ours, theirs):
    if not isinstance(theirs, float) or number(ours) is None:
        return number(ours) == number(theirs) if isinstance(theirs, dict) else ours == theirs
    # An average or a quotient: theirs is a double, ours may be a DECIMAL that was rounded.
    digits = decimal.Decimal(1).scaleb(ours.as_tuple().exponent) if isinstance(ours, decimal.Decimal) else 0
    return abs(number(ours) - number(theirs)) <= max(digits, abs(number(theirs)) * decimal.Decimal("1e-12"))


def sort_key(row):
    return [(cell is None, "" if number(cell) is not None else str(cell), number(cell) or 0) for cell in row]


def difference(ours, theirs, order):
    """What is wrong with the rows; None when nothing."""
    if len(ours) != len(theirs):
        return f"{len(ours)} rows instead of {len(theirs)}"
    for column in order:
        for row, (a, b) in enumerate(zip(ours, theirs)):
            if not same(a[column], b[column]):
                return f"row {row} in the order: {a} instead of {b}"
    for a, b in zip(sorted(ours, key=sort_key), sorted(theirs, key=sort_key)):
        if len(a) != len(b) or not all(map(same, a, b)):
            return f"{a} instead of {b}"
    return None


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--duckdb":
        return duckdb_child(sys.argv[2], sys.stdin.read(), sys.argv[3])
    if len(sys.argv) > 1 and sys.argv[1] == "--data":
        return data_child(sys.argv[2], sys.argv[3])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millrace")
    parser.add_argument("--scale", default="0.1")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--only", default="")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json")
    args = parser.parse_args()

    folder = data(args.scale)
    tables = (HERE / "tables.sql").read_text().replace(":data", str(folder))
    chosen = args.only.split(",") if args.only else names()
    failures, measures = 0, {}
    if args.check:
        print(f"1..{len(chosen)}")
    else:
        print(f"TPC-H at scale factor {args.scale}, {args.threads} threads, medians of {args.runs} runs")
        print(f"{'':4} {'millrace':>28}  {'duckdb':>28}  {'ratio':>6}")
        print(f"{'':4} {'CPU s':>8} {'wall s':>8} {'MB':>10}  {'CPU s':>8} {'wall s':>8} {'MB':>10}  {'CPU':>6}")
    for position, name in enumerate(chosen, 1):
        sql = query(name, args.scale)
        ours, theirs, wrong = [], [], None
        for _ in range(1 if args.check else args.runs):
            theirs.append(duckdb(folder, sql, args.threads))
            try:
                ours.append(millrace(args.millrace, tables, sql, args.threads))
                wrong = wrong or difference(ours[-1]["rows"], theirs[-1]["rows"], ORDER.get(name, []))
            except RuntimeError as e:
                wrong = str(e)
                break
        failures += wrong is not None
        if args.check:
            print(f"{'not ok' if wrong else 'ok'} {position} - {name}", flush=True)
            if wrong:
                print("# " + wrong.replace("\n", "\n# "), flush=True)
            continue
        line = f"{name:4}"
        figures = {}
        for engine, runs in (("millrace", ours), ("duckdb", theirs)):
            m = {key: statistics.median(run[key] for run in runs) if runs else None for key in ("cpu_s", "wall_s", "mb")}
            figures[engine] = m
            line += f" {m['cpu_s']:8.3f} {m['wall_s']:8.3f} {m['mb']:10.0f} " if runs else f" {'-':>8} {'-':>8} {'-':>10} "
        if ours:
            line += f" {figures['millrace']['cpu_s'] / max(figures['duckdb']['cpu_s'], 0.001):6.2f}"
        measures[name] = figures
        print(line + (f"  WRONG: {wrong}" if wrong else ""), flush=True)
    if args.json:
        with open(args.json, "a") as f:
            f.write(json.dumps({"title": f"tpch {args.scale}", "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                                "threads": args.threads, "queries": measures}) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
