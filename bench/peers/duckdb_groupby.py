#!/usr/bin/env python3
"""duckdb_groupby.py CSV [THREADS]: the GROUP BY of bench/csv_groupby in DuckDB, printed as CSV. Run it under
scripts/python-env. The column types are given, so that neither side has to guess them."""
import os
import sys

import duckdb

threads = sys.argv[2] if len(sys.argv) > 2 else str(os.cpu_count())
db = duckdb.connect(config={"threads": threads})
rows = db.execute(
    """SELECT country, count(*), sum(amount) FROM read_csv(?, header = false, columns =
       {'id': 'BIGINT', 'ts': 'TIMESTAMP', 'country': 'VARCHAR', 'device': 'VARCHAR', 'amount': 'DOUBLE'})
       GROUP BY country ORDER BY country""", [sys.argv[1]]).fetchall()
for country, count, total in rows:
    print(f"{country},{count},{total:.6g}")
