#!/usr/bin/env bash
# A full scan with GROUP BY of the clicks table (5,000,000 rows) in a real Cassandra, beside Spark with its Cassandra connector
# running the same query, and dsbulk unloading the same two columns (it cannot group). Every run of Spark is a process with a
# session of its own, as every run of the others is. The server's CPU is part of the table: it is the limit of all.
# ROWS and USERS make a smaller table.
set -euo pipefail
. bench/common.sh
if [ -z "${MILLRACE_TEST_CASSANDRA:-}" ]; then
  # the server as it would be run, not the small one of the tests
  MODE=normal HEAP=2G exec tests/servers/with-cassandra bash "$0"
fi
rows=${ROWS:-5000000} users=${USERS:-200000}
port=${MILLRACE_TEST_CASSANDRA#*:}
sstables=$MILLRACE_CACHE/bench/clicks-sstables-$rows
echo "preparing the table clicks.events"
bench/peers/clicks/gen.sh "$sstables" "$rows" "$users"
bench/peers/clicks/load.sh "$MILLRACE_TEST_CASSANDRA_DIR" "$port" "$sstables"
bench/peers/dsbulk.sh fetch
sql=$MILLRACE_CACHE/bench/cassandra_scan.sql
cat > "$sql" << SQL
CREATE CATALOG c WITH ('type' = 'cassandra', 'hosts' = '127.0.0.1:$port');
SELECT country, count(*), sum(amount) FROM c.clicks.events GROUP BY country ORDER BY country;
SQL
peers=("dsbulk: bench/peers/dsbulk.sh unload $port 'SELECT country, amount FROM clicks.events WHERE token(user_id) > :start AND token(user_id) <= :end'")
if bench/peers/spark.sh fetch; then
  peers+=("spark: bench/peers/spark.sh sql $port 'SELECT country, count(*), sum(amount) FROM cass.clicks.events GROUP BY country ORDER BY country'")
  export THREADS
else
  echo "Spark is left out: it cannot be fetched"
fi
RUNS=$(((RUNS + 1) / 2))
side_by_side --title "Cassandra, $rows rows: count(*), sum(amount) GROUP BY country; dsbulk only unloads the two columns" \
  --rows "$rows" --server-pid "$MILLRACE_TEST_CASSANDRA_PID" \
  "millrace: $MILLRACE sql --format csv -D parallelism.default=$THREADS -f $sql" \
  "${peers[@]}"
