#!/usr/bin/env bash
# A stream of keyed rows (datagen, 1,000,000) joined by key with a Cassandra table (100,000 rows), as of the processing time:
# without a cache (every step asks once for each of its keys), with one that holds the whole table, and with one that holds
# a tenth of it. The stream without the join is the base line. The server's CPU is part of the table.
# ROWS and KEYS make it smaller, STEP changes the rows of a step.
set -euo pipefail
. bench/common.sh
if [ -z "${MILLRACE_TEST_CASSANDRA:-}" ]; then
  MODE=normal HEAP=2G exec tests/servers/with-cassandra bash "$0"
fi
rows=${ROWS:-1000000} keys=${KEYS:-100000} step=${STEP:-20000}
port=${MILLRACE_TEST_CASSANDRA#*:}
catalog="CREATE CATALOG c WITH ('type' = 'cassandra', 'hosts' = '127.0.0.1:$port');"
echo "preparing the table bench_join.users"
"$MILLRACE" sql << SQL > /dev/null
$catalog
CREATE DATABASE IF NOT EXISTS c.bench_join;
CREATE TABLE IF NOT EXISTS c.bench_join.users (id BIGINT, name STRING, country STRING, PRIMARY KEY (id) NOT ENFORCED);
CREATE TEMPORARY TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '$keys', 'rows-per-second' = '1000000000',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '$keys');
INSERT INTO c.bench_join.users SELECT id, 'user ' || CAST(id AS STRING), 'country ' || CAST(MOD(id, 50) AS STRING) FROM numbers;
SQL
dir=$MILLRACE_CACHE/bench/cassandra_join
mkdir -p "$dir"

# script NAME JOIN: the query that counts the stream's rows, joined or not
script() {
  cat > "$dir/$1.sql" << SQL
$catalog
SET 'execution.runtime-mode' = 'streaming';
SET 'millrace.step.max-rows' = '$step';
CREATE TEMPORARY TABLE clicks (user_id BIGINT, amount INT, p AS PROCTIME()) WITH ('connector' = 'datagen', 'number-of-rows' = '$rows',
  'rows-per-second' = '1000000000',
  'fields.user_id.min' = '1', 'fields.user_id.max' = '$keys');
CREATE TEMPORARY TABLE nowhere (user_id BIGINT, amount INT, country STRING) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT q.user_id, q.amount, $2;
SQL
}
join() { echo "u.country FROM clicks AS q JOIN c.bench_join.users $1 FOR SYSTEM_TIME AS OF q.p AS u ON q.user_id = u.id"; }
cache() { join "/*+ OPTIONS('lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '$1') */"; }
script stream "'' FROM clicks AS q"
script join "$(join '')"
script cached "$(cache "$keys")"
script small_cache "$(cache $((keys / 10)))"
run() { echo "$1: $MILLRACE sql -D parallelism.default=$THREADS -f $dir/$1.sql"; }
RUNS=$(((RUNS + 1) / 2))
side_by_side --title "Cassandra, $rows rows joined by key with a table of $keys rows, steps of $step" \
  --rows "$rows" --server-pid "$MILLRACE_TEST_CASSANDRA_PID" \
  "$(run stream)" "$(run join)" "$(run cached)" "$(run small_cache)"
