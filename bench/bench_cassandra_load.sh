#!/usr/bin/env bash
# A CSV file of 1,000,000 rows loaded into a real Cassandra, beside dsbulk loading the same file into a table of its own (of an
# empty field neither writes a tombstone). The server's CPU is part of the table: it is the limit of both. ROWS makes another file.
set -euo pipefail
. bench/common.sh
if [ -z "${MILLRACE_TEST_CASSANDRA:-}" ]; then
  # the server as it would be run, not the small one of the tests
  MODE=normal HEAP=2G exec tests/servers/with-cassandra bash "$0"
fi
rows=${ROWS:-1000000}
port=${MILLRACE_TEST_CASSANDRA#*:}
file=$MILLRACE_CACHE/bench/clicks-$rows.csv
bench/gen_csv.py "$file" "$rows"
bench/peers/dsbulk.sh fetch
$MILLRACE sql -e "CREATE CATALOG c WITH ('type' = 'cassandra', 'hosts' = '127.0.0.1:$port'); CREATE DATABASE IF NOT EXISTS c.bench;
CREATE TABLE IF NOT EXISTS c.bench.by_millrace (id BIGINT, at TIMESTAMP_LTZ(3), country STRING, device STRING, amount DOUBLE, PRIMARY KEY (id) NOT ENFORCED);
CREATE TABLE IF NOT EXISTS c.bench.by_dsbulk (id BIGINT, at TIMESTAMP_LTZ(3), country STRING, device STRING, amount DOUBLE, PRIMARY KEY (id) NOT ENFORCED);"
RUNS=$(((RUNS + 1) / 2))
side_by_side --title "Cassandra, $rows rows of CSV loaded, beside dsbulk load" \
  --rows "$rows" --server-pid "$MILLRACE_TEST_CASSANDRA_PID" \
  "millrace: $MILLRACE load $file INTO bench.by_millrace --host 127.0.0.1:$port --no-header --columns id,at,country,device,amount --ignore-null -D parallelism.default=$THREADS" \
  "dsbulk: bench/peers/dsbulk.sh load $port bench by_dsbulk $file 0=id,1=at,2=country,3=device,4=amount"
for table in by_millrace by_dsbulk; do
  [ "$("$MILLRACE" count bench.$table --host "127.0.0.1:$port")" = "$rows" ] || { echo "bench.$table has not all rows" >&2; exit 1; }
done
