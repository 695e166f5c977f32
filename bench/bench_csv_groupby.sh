#!/usr/bin/env bash
# GROUP BY over a CSV file of 5,000,000 rows, beside DuckDB on as many threads. Both read all types as declared.
set -euo pipefail
. bench/common.sh
csv=$MILLRACE_CACHE/bench/clicks.csv
[ -f "$csv.complete" ] || echo "writing $csv"
bench/gen_csv.py "$csv" 5000000
venv=$(scripts/python-env)
sql=$MILLRACE_CACHE/bench/csv_groupby.sql
cat > "$sql" << SQL
CREATE TABLE clicks (id BIGINT, ts TIMESTAMP(3), country STRING, device STRING, amount DOUBLE)
WITH ('connector' = 'filesystem', 'path' = '$csv', 'format' = 'csv', 'csv.null-literal' = '');
SELECT country, count(*), sum(amount) FROM clicks GROUP BY country ORDER BY country;
SQL
side_by_side --title "CSV, 5 M rows: count(*), sum(amount) GROUP BY country; $THREADS threads" --rows 5000000 \
  --expect 'US,[0-9]+' \
  "millrace: $MILLRACE sql --format csv -D parallelism.default=$THREADS -f $sql" \
  "duckdb: $venv/bin/python bench/peers/duckdb_groupby.py $csv $THREADS"
