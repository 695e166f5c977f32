#!/usr/bin/env bash
# The 22 queries of TPC-H over Parquet files, beside DuckDB. SCALES='0.1 1', RUNS=5, THREADS=2.
set -euo pipefail
. bench/common.sh
for scale in ${SCALES:-0.1 1}; do
  scripts/python-env --tpc python3 bench/tpch/tpch.py "$MILLRACE" --scale "$scale" --runs "$RUNS" --threads "${THREADS:-2}" \
    --json build/bench.jsonl
done
