#!/usr/bin/env bash
# The clickstream on Cassandra and Kafka, as `make demo-cassandra` runs it: starts both on free ports of this machine, sends
# a million page views to Kafka, runs the same clickstream.sql as run.sh, and reads the table with Cassandra's own Python
# driver. The servers are stopped and removed at the end, whatever happens.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/examples/clickstream
millrace=${MILLRACE:-$root/build/millrace}
[ -x "$millrace" ] || { echo "run-cassandra.sh: there is no $millrace; run make first" >&2; exit 1; }

say() { printf '\n== %s\n' "$*"; }

if [ "${1:-}" != --inside ]; then
  say 'Starting Cassandra and Kafka (fetched from Maven Central the first time)'
  exec "$root/tests/servers/with-servers" "${BASH_SOURCE[0]}" --inside
fi
cassandra=$MILLRACE_TEST_CASSANDRA kafka=$MILLRACE_TEST_KAFKA
echo "Cassandra: $cassandra   Kafka: $kafka"
work=$(mktemp -d "${TMPDIR:-/tmp}/millrace-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT

# cassandra.sql with the ports of the servers that were started
sed -e "s/127.0.0.1:9042/$cassandra/" -e "s/127.0.0.1:9092/$kafka/" "$here/cassandra.sql" > "$work/cassandra.sql"
"$root/tests/servers/kafka.sh" topic "${kafka##*:}" clicks 4 > /dev/null

say 'Filling users and markets in Cassandra'
"$millrace" sql -i "$work/cassandra.sql" -f "$here/people.sql"

say 'Sending 1,000,000 page views to the Kafka topic clicks'
"$millrace" run "$here/produce.sql" -i "$work/cassandra.sql" -i "$here/clicks.sql"

say 'Running the job (examples/clickstream/clickstream.sql) from Kafka into Cassandra'
"$millrace" run "$here/clickstream.sql" -i "$work/cassandra.sql" \
  --checkpoint-dir "$work/checkpoints" -D execution.checkpointing.interval='2 s'

say 'The table shop.page_stats, read with the Python driver of Cassandra'
"$root/scripts/python-env" python3 "$here/read_view.py" "$cassandra"

say 'The same table through millrace'
"$millrace" sql -i "$work/cassandra.sql" --format table -e 'SELECT page, SUM(views) AS views, MAX(visitors) AS visitors_at_peak,
  SUM(revenue) AS revenue FROM page_stats GROUP BY page ORDER BY views DESC LIMIT 10'
