#!/usr/bin/env bash
# dsbulk.sh: DataStax Bulk Loader 1.10.0 from Maven Central, the peer for scanning and loading a Cassandra table.
#
#   dsbulk.sh fetch                          download the jars into the cache (the others do it too)
#   dsbulk.sh unload PORT QUERY              rows of QUERY as CSV on standard output; token ranges in parallel when QUERY
#                                            has the markers: ... WHERE token(k) > :start AND token(k) <= :end
#   dsbulk.sh unload-table PORT KEYSPACE TABLE
#   dsbulk.sh load PORT KEYSPACE TABLE FILE MAPPING  a CSV file without a header line, as 0=id,1=name
set -euo pipefail
# shellcheck source=../../tests/servers/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tests/servers/common.sh"
VERSION=1.10.0
LIB=$MILLRACE_CACHE/dsbulk-$VERSION

fetch() {
  local artifacts=() name
  for name in runner workflow-load workflow-unload connectors-csv executor-reactor batcher-reactor; do
    artifacts+=("com.datastax.oss:dsbulk-$name:$VERSION")
  done
  maven_fetch "$LIB" "${artifacts[@]}"
}
dsbulk() {
  local operation=$1 port=$2 logs status=0
  shift 2
  pick_java
  fetch
  logs=$(mktemp -d)
  "$JAVA" -Xmx"${HEAP:-1g}" -cp "$LIB/*" com.datastax.oss.dsbulk.runner.DataStaxBulkLoader "$operation" \
    -h 127.0.0.1 -port "$port" -logDir "$logs" --log.verbosity quiet --engine.dataSizeSamplingEnabled false "$@" || status=$?
  rm -rf "$logs"
  return $status
}
command=${1:-}
shift || true
case $command in
  fetch) fetch ;;
  unload) dsbulk unload "$1" -query "$2" -url - ;;
  load) dsbulk load "$1" -k "$2" -t "$3" -url "$4" -header false -m "$5" ;;
  unload-table) dsbulk unload "$1" -k "$2" -t "$3" -url - ;;
  *) sed -n '2,8p' "$0"; exit 2 ;;
esac
