#!/usr/bin/env bash
# The 99 queries of TPC-DS over Parquet files, beside DuckDB: how many parse, are planned, run, and are right. SCALE=0.1, RUNS=1.
set -euo pipefail
RUNS=${RUNS:-1}
. bench/common.sh
scripts/python-env --tpc python3 bench/tpcds/tpcds.py "$MILLRACE" --scale "${SCALE:-0.1}" --runs "$RUNS" --threads "${THREADS:-2}"
