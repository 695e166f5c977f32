#!/usr/bin/env bash
# flink.sh - a throw-away Apache Flink on loopback: a job manager, a task manager and the SQL gateway, which takes statements over REST.
# Needs bash, JDK 17, Maven and python3.
#
#   flink.sh fetch              download the jars into the cache (330 MB; start does it too)
#   flink.sh start DIR PORT     start, return when a query can run
#   flink.sh stop  DIR          SIGTERM by pid file, SIGKILL after 60 s
#   flink.sh port               print a PORT whose neighbours are free too
#
# Ports, all on 127.0.0.1: PORT = the gateway, PORT+1 = the job manager, PORT+2 = its REST. FLINK_VERSION=2.3.0 HEAP=1G (the gateway's)
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

VERSION=${FLINK_VERSION:-2.3.0}
LIB=$MILLRACE_CACHE/flink-$VERSION
PROCESSES=(gateway taskmanager jobmanager)   # in the order in which they end

# The jars of a distribution's lib/ are in a package of PyPI; the gateway's jar is in Maven Central alone. What the latter depends on is in
# the former, packed otherwise: only the jar itself is used.
fetch() {
  local pip tmp try
  pip=$(dirname "${BASH_SOURCE[0]}")/../../scripts/python-env
  maven_fetch "$LIB/gateway" "org.apache.flink:flink-sql-gateway:$VERSION"
  [ -f "$LIB/.complete" ] && return 0
  exec 9> "$LIB/.lock"
  flock 9
  if [ ! -f "$LIB/.complete" ]; then
    tmp=$(mktemp -d "$LIB/fetch.XXXXXX")
    echo "fetching apache-flink-libraries $VERSION from PyPI" >&2
    for try in 1 2 3 4 5; do
      "$pip" pip download -q --disable-pip-version-check --no-deps -d "$tmp" "apache-flink-libraries==$VERSION" > "$tmp/log" 2>&1 && break
      [ "$try" -lt 5 ] || { cat "$tmp/log" >&2; die "pip could not fetch apache-flink-libraries"; }
      sleep $((try * 5))
    done
    python3 - "$tmp" "$LIB" << 'PY'
import glob, os, shutil, sys, zipfile
with zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]) as wheel:
    for name in wheel.namelist():
        if name.startswith("pyflink/lib/") and name.endswith(".jar"):
            with wheel.open(name) as source, open(os.path.join(sys.argv[2], os.path.basename(name)), "wb") as target:
                shutil.copyfileobj(source, target)
PY
    rm -rf "$tmp"
    touch "$LIB/.complete"
  fi
  exec 9>&-
}

configure() {
  local dir=$1 port=$2
  cat > "$dir/conf/config.yaml" << YAML
execution.target: remote
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: "$((port + 1))"
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: "$((port + 2))"
jobmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
io.tmp.dirs: $dir/tmp
web.submit.enable: "false"
parallelism.default: "1"
taskmanager.numberOfTaskSlots: "16"
taskmanager.cpu.cores: "2"
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 512m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 256m
taskmanager.memory.network.min: 256m
taskmanager.memory.network.max: 256m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
restart-strategy.type: none
sql-gateway.endpoint.rest.address: 127.0.0.1
sql-gateway.endpoint.rest.bind-address: 127.0.0.1
sql-gateway.endpoint.rest.port: "$port"
YAML
  cat > "$dir/conf/log4j.properties" << CONF
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %-5p %c %m%n
CONF
}

# run DIR NAME HEAP CLASS ARGS...: one of its processes, with DIR/NAME.pid and DIR/NAME.log.
run() {
  local dir=$1 name=$2 heap=$3 p opens=
  shift 3
  # what a distribution's own configuration opens and this needs
  for p in lang lang.reflect math net io text time util util.concurrent util.concurrent.atomic util.concurrent.locks; do
    opens="$opens --add-opens=java.base/java.$p=ALL-UNNAMED"
  done
  # shellcheck disable=SC2086 # a list of arguments
  (cd "$dir" && FLINK_CONF_DIR=$dir/conf exec setsid nohup "$JAVA" -Xmx"$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Djava.net.preferIPv4Stack=true -Djava.io.tmpdir="$dir/tmp" -Dlog4j.configurationFile="$dir/conf/log4j.properties" $opens \
    -cp "$LIB/*:$LIB/gateway/flink-sql-gateway-$VERSION.jar" "$@" < /dev/null >> "$dir/$name.log" 2>&1) &
  echo $! > "$dir/$name.pid"
}

# A query is answered when all three are up: the gateway, and a task manager known to the job manager.
answers() {
  python3 - "$1" "$(($1 + 2))" 2> /dev/null << 'PY'
import json, sys, urllib.request as u
ask = u.build_opener(u.ProxyHandler({}))
ask.open(f"http://127.0.0.1:{sys.argv[1]}/info", timeout=3)
sys.exit(json.load(ask.open(f"http://127.0.0.1:{sys.argv[2]}/overview", timeout=3))["taskmanagers"] != 1)
PY
}

start() {
  local dir=$1 port=$2 name n=0 entry=org.apache.flink.runtime
  pid_alive "$dir/gateway.pid" && die "already running in $dir"
  mkdir -p "$dir/conf" "$dir/tmp"
  dir=$(cd "$dir" && pwd)
  pick_java
  fetch
  configure "$dir" "$port"
  run "$dir" jobmanager 256m $entry.entrypoint.StandaloneSessionClusterEntrypoint --configDir "$dir/conf"
  run "$dir" taskmanager 640m $entry.taskexecutor.TaskManagerRunner --configDir "$dir/conf"
  run "$dir" gateway "${HEAP:-1G}" org.apache.flink.table.gateway.SqlGateway
  until answers "$port"; do
    n=$((n + 1))
    for name in "${PROCESSES[@]}"; do
      pid_alive "$dir/$name.pid" || { tail -n 20 "$dir/$name.log" >&2; stop "$dir"; die "the $name died"; }
    done
    [ $n -lt 600 ] || { stop "$dir"; die "does not answer; see $dir/*.log"; }
    sleep 0.2
  done
}

stop() { local name; for name in "${PROCESSES[@]}"; do stop_pid "$1/$name.pid"; done; }

command=${1:-}
shift || true
case $command in
  fetch) fetch ;;
  start) start "$@" ;;
  stop) stop "$@" ;;
  port) free_ports 3 ;;
  *) sed -n "2,10p" "$0"; exit 2 ;;
esac
