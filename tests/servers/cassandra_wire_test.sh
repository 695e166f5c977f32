#!/usr/bin/env bash
# The CQL client and the Cassandra connector, as C programs, against a real Cassandra; and against one with passwords.
set -euo pipefail
programs=$(dirname "$MILLRACE")/tests/wire
"$programs/cql_smoke" 20000
"$programs/cassandra_connector" 5000

node=$TMP/cassandra
stop() { "$MILLRACE_SERVER_SCRIPTS/cassandra.sh" stop "$node"; }
trap stop EXIT
port=$("$MILLRACE_SERVER_SCRIPTS/cassandra.sh" port)
AUTH=1 MODE=fast HEAP=1G "$MILLRACE_SERVER_SCRIPTS/cassandra.sh" start "$node" "$port"
export MILLRACE_TEST_CASSANDRA=127.0.0.1:$port

refused() { # MESSAGE
  local out
  out=$("$programs/cql_smoke" 10 2>&1) && { echo "the login was not refused"; exit 1; }
  [[ $out == *"$1"* ]] || { echo "wrong message: $out"; exit 1; }
}
refused "cannot connect to Cassandra: 127.0.0.1:$port: the server wants a login"
export MILLRACE_TEST_CASSANDRA_USER=cassandra MILLRACE_TEST_CASSANDRA_PASSWORD=wrong
refused "cannot connect to Cassandra: 127.0.0.1:$port: login refused"
export MILLRACE_TEST_CASSANDRA_PASSWORD=cassandra
"$programs/cql_smoke" 1000
"$programs/cassandra_connector" 1000

# A user who may read a table and nothing else: neither the server's size estimates nor which indexes are built.
PYTHONPATH=$MILLRACE_SERVER_SCRIPTS "$(dirname "$MILLRACE_SERVER_SCRIPTS")/../scripts/python-env" python3 - "$port" << 'PY'
import sys
from cassandra.auth import PlainTextAuthProvider

import driver

with driver.connect("127.0.0.1", sys.argv[1], auth_provider=PlainTextAuthProvider("cassandra", "cassandra")) as cluster:
    session = cluster.connect()
    for statement in ("CREATE KEYSPACE mine WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
                      "CREATE TABLE mine.t (k int PRIMARY KEY, v int)", "CREATE INDEX ON mine.t (v)",
                      "INSERT INTO mine.t (k, v) VALUES (1, 7)", "INSERT INTO mine.t (k, v) VALUES (2, 8)",
                      "CREATE ROLE reader WITH PASSWORD = 'x' AND LOGIN = true", "GRANT SELECT ON KEYSPACE mine TO reader"):
        session.execute(statement)
PY
got=$("$MILLRACE" sql --format csv << SQL
CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='127.0.0.1:$port', 'username'='reader', 'password'='x');
SELECT * FROM c.mine.t ORDER BY k;
SELECT * FROM c.mine.t WHERE v = 8;
SQL
)
[ "$got" = "$(printf 'k,v\n1,7\n2,8\nk,v\n2,8')" ] || { echo "a user with few permissions reads: $got"; exit 1; }
stop
trap - EXIT

# The server has gone: one message, soon.
SECONDS=0
refused "cannot connect to Cassandra: 127.0.0.1:$port: cannot connect: connection refused"
[ $SECONDS -lt 10 ] || { echo "it took $SECONDS s to notice that the server is down"; exit 1; }
