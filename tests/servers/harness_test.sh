#!/usr/bin/env bash
# The servers that the other tests lean on: both answer their own clients.
set -euo pipefail
PYTHONPATH=$MILLRACE_SERVER_SCRIPTS "$MILLRACE_SOURCE_ROOT/scripts/python-env" python3 - << 'PY'
import os

import driver

cluster = driver.connect(*os.environ["MILLRACE_TEST_CASSANDRA"].split(":"))
session = cluster.connect()
session.execute("CREATE KEYSPACE harness WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
session.execute("CREATE TABLE harness.t (k int PRIMARY KEY, v text)")
session.execute("INSERT INTO harness.t (k, v) VALUES (1, 'one')")
assert session.execute("SELECT v FROM harness.t").one().v == "one"
session.execute("DROP KEYSPACE harness")
cluster.shutdown()
PY
port=${MILLRACE_TEST_KAFKA#*:}
kafka=$MILLRACE_SERVER_SCRIPTS/kafka.sh
"$kafka" topic "$port" harness 2
printf 'a\nb\nc\n' | "$kafka" produce "$port" harness
[ "$("$kafka" consume "$port" harness 3 | sort | tr '\n' ' ')" = 'a b c ' ]
