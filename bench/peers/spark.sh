#!/usr/bin/env bash
# spark.sh: Apache Spark 3.5 with its Cassandra connector from Maven Central, in one process, a peer for scanning a Cassandra table.
#
#   spark.sh fetch                  download the jars (230 MB) into the cache and compile the program
#   spark.sh sql PORT STATEMENT     rows of the statement as CSV on standard output; Cassandra's tables are cass.KEYSPACE.TABLE
#
# THREADS: how many threads (all processors), HEAP: the heap (3g).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../tests/servers/common.sh
. "$here/../../tests/servers/common.sh"
SPARK=3.5.9 CONNECTOR=3.5.1
LIB=$MILLRACE_CACHE/spark-$SPARK-$CONNECTOR

fetch() {
  maven_fetch "$LIB" "org.apache.spark:spark-sql_2.12:$SPARK" "com.datastax.spark:spark-cassandra-connector_2.12:$CONNECTOR"
  pick_java
  [ "$LIB/classes/SparkSql.class" -nt "$here/spark/SparkSql.java" ] ||
    "$JAVA_HOME_17/bin/javac" -cp "$LIB/*" -d "$LIB/classes" "$here/spark/SparkSql.java"
}

# What Spark's own launcher opens.
opens() {
  local p
  for p in java.base/java.{lang,lang.invoke,lang.reflect,io,net,nio,util,util.concurrent,util.concurrent.atomic} \
      java.base/jdk.internal.ref java.base/sun.{nio.ch,nio.cs,security.action,util.calendar}; do
    echo "--add-opens=$p=ALL-UNNAMED"
  done
}

command=${1:-}
shift || true
case $command in
  fetch) fetch ;;
  sql)
    fetch
    # shellcheck disable=SC2046 # a list
    exec "$JAVA" -Xmx"${HEAP:-3g}" $(opens) -Djdk.reflect.useDirectMethodHandle=false \
      -Dlog4j2.configurationFile="$here/spark/log4j2.properties" -cp "$LIB/classes:$LIB/*" SparkSql "$1" "${THREADS:-$(nproc)}" "$2" ;;
  *) sed -n '2,7p' "$0"; exit 2 ;;
esac
