#!/usr/bin/env python3
"""TPC-DS over Parquet files, in millrace and in DuckDB, which makes the data and has the 99 query texts. Runs under
scripts/python-env --tpc.

    bench/tpcds/tpcds.py MILLRACE [--scale 0.01] [--threads 2] [--only 1,14] [--runs 1] [--timeout 60]

Per query: is it parsed, planned (EXPLAIN), run, and is the answer DuckDB's? Ends with the four counts. Texts are translated only by
the list DIALECT below; NULLs are ordered as in Flink on both sides."""
import argparse
import fcntl
import pathlib
import re
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tpch"))
import tpch  # noqa: E402

# What is said in other words in Flink's dialect: pattern, replacement.
DIALECT = [
    (r"\bd1\.d_date \+ 5\b", "d1.d_date + INTERVAL '5' DAY"),  # days as a number
    (r"\) CATALOG\b", ") catalog"),  # an alias is asked for as it is written
    (r'"([^"]*)"', r"`\1`"),  # names in quotes
    # An average of whole numbers is a whole number in Flink.
    (r"\bavg\(((?:ss|cs|ws|sr|wr|cr)_\w*quantity|inv_quantity_on_hand|agg1)\)", r"avg(CAST(\1 AS DOUBLE))"),
]
NULL_ORDER = "SET default_null_order = 'nulls_first_on_asc_last_on_desc';"


def data(scale):
    """(folder with the tables, CREATE TABLE statements, query texts by number)"""
    import duckdb
    folder = tpch.CACHE / "bench" / f"tpcds-{scale}"
    folder.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect(config={"threads": 2})
    db.execute("LOAD tpcds")
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            db.execute(f"CALL dsdgen(sf = {scale})")
            for (table,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                db.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")
            (folder / ".complete").touch()
    ddl = []
    for path in sorted(folder.glob("*.parquet")):
        columns = db.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()
        types = {"VARCHAR": "STRING", "INTEGER": "INT"}
        text = ", ".join(f"`{name}` {types.get(kind, kind)}" for name, kind, *_ in columns)
        ddl.append(f"CREATE TABLE `{path.stem}` ({text}) WITH ('connector' = 'filesystem', 'format' = 'parquet', "
                   f"'path' = '{path}');")
    queries = dict(db.execute("SELECT query_nr, query FROM tpcds_queries()").fetchall())
    return folder, "\n".join(ddl) + "\n", queries


def translated(sql):
    for pattern, replacement in DIALECT:
        sql = re.sub(pattern, replacement, sql)
    return sql


def first_line(error):
    return " ".join(str(error).split("\n")[:2])[:160]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millrace")
    parser.add_argument("--scale", default="0.01")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=60)
    args = parser.parse_args()
    tpch.TIMEOUT_S = args.timeout

    folder, ddl, queries = data(args.scale)
    chosen = [int(n) for n in args.only.split(",")] if args.only else sorted(queries)
    counts = dict.fromkeys(("parsed", "planned", "ran", "right"), 0)
    for number in chosen:
        sql = translated(queries[number]).rstrip().rstrip(";") + ";"
        stage, ours, theirs = "", [], []
        try:
            tpch.millrace(args.millrace, ddl + "EXPLAIN ", sql, args.threads, as_rows=False)
            counts["parsed"] += 1
            counts["planned"] += 1
        except RuntimeError as error:
            syntax = re.search(r"expected|unexpected|syntax", str(error)) is not None
            counts["parsed"] += not syntax
            print(f"{number:3} not {'parsed' if syntax else 'planned'}: {first_line(error)}", flush=True)
            continue
        try:
            for _ in range(args.runs):
                stage = "duckdb failed"
                theirs.append(tpch.duckdb(folder, NULL_ORDER + queries[number], args.threads))
                stage = "not run"
                ours.append(tpch.millrace(args.millrace, ddl, sql, args.threads))
        except RuntimeError as error:
            print(f"{number:3} {stage}: {first_line(error)}", flush=True)
            continue
        counts["ran"] += 1
        wrong = tpch.difference(ours[-1]["rows"], theirs[-1]["rows"], [])
        counts["right"] += wrong is None
        cpu = [statistics.median(run["cpu_s"] for run in runs) for runs in (ours, theirs)]
        print(f"{number:3} {cpu[0]:8.3f} {cpu[1]:8.3f} CPU s  {cpu[0] / max(cpu[1], 0.001):6.2f}  "
              f"{'WRONG: ' + wrong[:300] if wrong else len(ours[-1]['rows'])}", flush=True)
    print(f"TPC-DS at scale factor {args.scale}: of {len(chosen)} queries " +
          ", ".join(f"{count} {what}" for what, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
