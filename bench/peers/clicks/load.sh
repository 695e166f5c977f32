#!/usr/bin/env bash
# load.sh NODEDIR PORT SSTABLES: makes the keyspace clicks on the server of tests/servers/cassandra.sh in NODEDIR, imports
# the SSTables that gen.sh wrote, and compacts them to one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../../..
node=$1 port=$2 sstables=$(cd "$3" && pwd)
"$root/scripts/python-env" python3 - "$port" << 'PY'
import sys
from cassandra.cluster import Cluster

cluster = Cluster(["127.0.0.1"], port=int(sys.argv[1]))
session = cluster.connect()
session.execute("CREATE KEYSPACE IF NOT EXISTS clicks WITH replication = "
                "{'class': 'SimpleStrategy', 'replication_factor': 1}")
session.execute("CREATE TABLE IF NOT EXISTS clicks.events (user_id bigint, ts timestamp, event_id uuid, url text, "
                "country text, device text, amount double, PRIMARY KEY ((user_id), ts, event_id))")
session.execute("CREATE TABLE IF NOT EXISTS clicks.countries (country text PRIMARY KEY, region text, population bigint)")
regions = ("US:AM IN:AS BR:AM DE:EU GB:EU FR:EU JP:AS MX:AM ID:AS TR:EU IT:EU ES:EU CA:AM KR:AS NG:AF PL:EU AU:OC NL:EU "
           "SE:EU CH:EU").split()
for number, pair in enumerate(regions, 1):
    country, region = pair.split(":")
    session.execute("INSERT INTO clicks.countries (country, region, population) VALUES (%s, %s, %s)",
                    (country, region, number * 1000003))
cluster.shutdown()
PY
servers=$root/tests/servers
"$servers/cassandra.sh" nodetool "$node" "$port" import --copy-data clicks events "$sstables/clicks/events"
"$servers/cassandra.sh" nodetool "$node" "$port" compact clicks
