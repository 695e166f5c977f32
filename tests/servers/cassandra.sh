#!/usr/bin/env bash
# cassandra.sh - a throw-away Apache Cassandra on loopback, straight from its Maven artifact: a node alone, or one of several
# (with-cluster).
# Needs bash, JDK 17, Maven and python3.
#
#   cassandra.sh fetch                        download the jars into the cache (start does it too)
#   cassandra.sh start DIR PORT [SECONDS]     configure DIR if it is new, start, return when CQL answers
#   cassandra.sh wait  DIR PORT [SECONDS]     wait until the CQL port answers
#   cassandra.sh stop  DIR                    SIGTERM by pid file, SIGKILL after 60 s
#   cassandra.sh kill  DIR                    SIGKILL by pid file
#   cassandra.sh port                         print a PORT whose neighbours are free too
#   cassandra.sh nodetool DIR PORT ARGS...    nodetool against that node
#   cassandra.sh tool DIR MAINCLASS ARGS...   any other class of cassandra-all (sstable tools)
#   cassandra.sh classpath | jvm-opens        for programs that use Cassandra's classes
#
# Ports, all on 127.0.0.1: PORT = CQL, PORT+1 = storage, PORT+2 = JMX.
# Environment (those marked * count only when DIR is new):
#  *ADDRESS=127.0.0.2  SEEDS=127.0.0.1:STORAGE-PORT   a node of the cluster that the seed is in; JMX=PORT for each then
#   CASSANDRA_VERSION=5.0.9 (4.1.10, 4.0.18 and 3.11.19 work too)   HEAP=2G   JVM_EXTRA="-D..."
#   MODE=fast        C1, SerialGC, small initial heap: half the CPU to start; nothing waits for the disk (what the process has written
#                    outlives it all the same). For tests, not for benchmarks
#  *AUTH=1           passwords (cassandra/cassandra) and permissions
#  *TLS=optional|required|mutual   client TLS, mutual: with client certificates; makes DIR/tls/ca.pem, and of that CA
#                    server.pem (for localhost and 127.0.0.1) and client.{pem,key}
#  *CDC=1            change data capture enabled
#  *COMPAT=NONE|CASSANDRA_4|UPGRADING   storage_compatibility_mode (5.0)
#  *SSTABLE=big|bti  SSTable format (5.0 with COMPAT=NONE)
#  *DATACENTER=dc1  for a cluster of several: the node's, with the GossipingPropertyFileSnitch
#  *TOKENS=16  YAML_EXTRA=$'key: value\n...'
#   GROUP=GID        as root: the process is in this group, by which with-cluster knows its packets
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

VERSION=${CASSANDRA_VERSION:-5.0.9}
ADDRESS=${ADDRESS:-127.0.0.1}
LIB=$MILLRACE_CACHE/cassandra-$VERSION

fetch() {
  local artifacts=("org.apache.cassandra:cassandra-all:$VERSION")
  case $VERSION in 3.*) artifacts+=("org.apache.cassandra:cassandra-thrift:$VERSION") ;; esac   # it does not start without
  maven_fetch "$LIB" "${artifacts[@]}"
}

classpath() { local c=${1:+$1/conf:} j; for j in "$LIB"/*.jar; do c=$c$j:; done; echo "${c%:}"; }

# What Cassandra's own conf/jvm17-server.options opens.
jvm_opens() {
  local p extra=
  echo -Djdk.attach.allowAttachSelf=true
  # these were made for Java 8 and 11: they look into more
  case $VERSION in 3.*|4.*)
    echo -Djava.security.manager=allow
    extra="java.base/java.nio java.base/java.util.concurrent.locks java.base/java.nio.charset java.base/java.time
      java.base/java.nio.file java.base/sun.nio.fs java.base/jdk.internal.util java.base/java.security" ;;
  esac
  for p in java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/java.lang.ref java.base/sun.nio.ch \
      java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server \
      java.sql/java.sql jdk.unsupported/sun.misc jdk.compiler/com.sun.tools.javac.file jdk.attach/sun.tools.attach; do
    echo "--add-exports=$p=ALL-UNNAMED"
  done
  for p in java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect \
      java.base/java.math java.base/java.net java.base/java.util java.base/java.util.concurrent \
      java.base/java.util.concurrent.atomic java.base/jdk.internal.loader java.base/jdk.internal.ref \
      java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module \
      java.base/jdk.internal.util.jar java.base/sun.nio.ch jdk.compiler/com.sun.tools.javac \
      jdk.management/com.sun.management.internal $extra; do
    echo "--add-opens=$p=ALL-UNNAMED"
  done
}

# make_pki DIR: a CA, certificates of it for the server and a client, and the stores that Java wants.
make_pki() {
  local dir=$1
  command -v openssl > /dev/null || die "no openssl found (Debian: openssl)"
  mkdir -p "$dir"
  certificate() { # NAME SUBJECT-ALT-NAMES
    openssl req -newkey rsa:2048 -nodes -keyout "$dir/$1.key" -subj "/CN=$1" |
      openssl x509 -req -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 3650 \
        -extfile <(echo "subjectAltName=$2") > "$dir/$1.pem"
  }
  {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/ca.key" -out "$dir/ca.pem" -subj "/CN=test CA" -days 3650
    certificate server "DNS:localhost,IP:127.0.0.1"
    certificate client "DNS:client,URI:spiffe://millrace/client"
    openssl pkcs12 -export -name server -in "$dir/server.pem" -inkey "$dir/server.key" -passout pass:cassandra \
      -out "$dir/keystore.p12"
    "$JAVA_HOME_17/bin/keytool" -importcert -noprompt -alias ca -file "$dir/ca.pem" -storetype PKCS12 \
      -keystore "$dir/truststore.p12" -storepass cassandra
  } > "$dir/log" 2>&1 || { cat "$dir/log" >&2; die "cannot make certificates"; }
}

write_yaml() {
  local dir=$1 port=$2
  cat << YAML
cluster_name: test
num_tokens: ${TOKENS:-16}
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: $([ -n "${DATACENTER:-}" ] && echo GossipingPropertyFile || echo Simple)Snitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "${SEEDS:-$ADDRESS$(case $VERSION in 3.*) ;; *) echo ":$((port + 1))" ;; esac)}"
listen_address: $ADDRESS
rpc_address: $ADDRESS
native_transport_port: $port
storage_port: $((port + 1))
start_native_transport: true
data_file_directories: [ "$dir/data" ]
commitlog_directory: $dir/commitlog
saved_caches_directory: $dir/saved_caches
hints_directory: $dir/hints
cdc_raw_directory: $dir/cdc_raw
commitlog_sync: periodic
auto_snapshot: false
dynamic_snitch: false
hinted_handoff_enabled: false
cdc_enabled: $([ "${CDC:-0}" = 1 ] && echo true || echo false)
YAML
  case $VERSION in   # 4.1 renamed what has a unit
    3.*|4.0.*) cat << YAML
commitlog_sync_period_in_ms: 10000
commitlog_segment_size_in_mb: ${SEGMENT:-8}
enable_materialized_views: true
enable_user_defined_functions: true
compaction_throughput_mb_per_sec: 0
YAML
    ;;
    *) cat << YAML
commitlog_sync_period: 10s
commitlog_segment_size: ${SEGMENT:-8}MiB
materialized_views_enabled: true
user_defined_functions_enabled: true
compaction_throughput: 0MiB/s
YAML
  esac
  case $VERSION in 3.*|4.*) ;; *) cat << YAML
sasi_indexes_enabled: true
storage_compatibility_mode: ${COMPAT:-NONE}
sstable:
  selected_format: ${SSTABLE:-big}
YAML
  esac
  if [ "${AUTH:-0}" = 1 ]; then
    printf 'authenticator: PasswordAuthenticator\nauthorizer: CassandraAuthorizer\nrole_manager: CassandraRoleManager\n'
  else
    printf 'authenticator: AllowAllAuthenticator\nauthorizer: AllowAllAuthorizer\n'
  fi
  if [ -n "${TLS:-}" ]; then
    make_pki "$dir/tls"
    cat << YAML
client_encryption_options:
  enabled: true
  optional: $([ "$TLS" = optional ] && echo true || echo false)
  keystore: $dir/tls/keystore.p12
  keystore_password: cassandra
  truststore: $dir/tls/truststore.p12
  truststore_password: cassandra
  store_type: PKCS12
  require_client_auth: $([ "$TLS" = mutual ] && echo true || echo false)
YAML
  fi
  printf '%s' "${YAML_EXTRA:-}"
}

configure() {
  local dir=$1 port=$2
  mkdir -p "$dir"/{conf,data,commitlog,saved_caches,hints,cdc_raw,logs,tmp}
  [ -f "$dir/conf/cassandra.yaml" ] && return 0
  cat > "$dir/conf/logback.xml" << 'XML'
<configuration>
  <appender name="F" class="ch.qos.logback.core.FileAppender"><file>${cassandra.logdir}/system.log</file>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder></appender>
  <root level="INFO"><appender-ref ref="F"/></root>
</configuration>
XML
  cat > "$dir/conf/logback-tools.xml" << 'XML'
<configuration><appender name="E" class="ch.qos.logback.core.ConsoleAppender"><target>System.err</target>
  <encoder><pattern>%-5level %msg%n</pattern></encoder></appender><root level="WARN"><appender-ref ref="E"/></root></configuration>
XML
  [ -z "${DATACENTER:-}" ] || printf 'dc=%s\nrack=rack1\n' "$DATACENTER" > "$dir/conf/cassandra-rackdc.properties"
  write_yaml "$dir" "$port" > "$dir/conf/cassandra.yaml.new"
  mv "$dir/conf/cassandra.yaml.new" "$dir/conf/cassandra.yaml"
}

# Connects and, unless the server wants TLS from the start, sends an OPTIONS frame that SUPPORTED (06) must answer.
answers() {
  python3 - "$1" "$2" "$ADDRESS" 2> /dev/null << 'PY'
import socket, sys
with socket.create_connection((sys.argv[3], int(sys.argv[1])), 3) as s:
    if sys.argv[2] == "connect":
        sys.exit(0)
    s.settimeout(3)
    s.sendall(bytes([4, 0, 0, 0, 5, 0, 0, 0, 0]))
    head = s.recv(9)
    sys.exit(0 if len(head) >= 5 and head[4] == 6 else 1)
PY
}

wait_up() {
  local dir=$1 port=$2 seconds=${3:-240} start=$SECONDS how=options
  grep -q 'optional: false' "$dir/conf/cassandra.yaml" && how=connect
  until (echo > "/dev/tcp/$ADDRESS/$port") 2> /dev/null && answers "$port" $how; do
    pid_alive "$dir/cassandra.pid" || { tail -n 30 "$dir/logs/stdout.log" >&2; die "the server died"; }
    [ $((SECONDS - start)) -lt "$seconds" ] || die "not ready after $seconds s; see $dir/logs"
    sleep 0.2
  done
  # With passwords, the default role is made shortly after the port opens.
  if grep -q CassandraRoleManager "$dir/conf/cassandra.yaml" && [ ! -f "$dir/.has-role" ]; then
    until grep -q 'Created default superuser role' "$dir/logs/system.log"; do
      [ $((SECONDS - start)) -lt "$seconds" ] || die "no default role after $seconds s; see $dir/logs"
      sleep 0.2
    done
    touch "$dir/.has-role"
  fi
}

start() {
  local dir=$1 port=$2 heap=${HEAP:-2G} gc
  pid_alive "$dir/cassandra.pid" && die "already running in $dir"
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  pick_java
  fetch
  configure "$dir" "$port"
  case ${MODE:-} in
    fast) gc="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xms256m -Dcassandra.skip_sync=true" ;;
    *) gc="-XX:+UseG1GC -XX:MaxGCPauseMillis=300 -XX:+ParallelRefProcEnabled -XX:MaxTenuringThreshold=1 -Xms$heap" ;;
  esac
  # shellcheck disable=SC2046,SC2086 # lists of arguments
  (cd "$dir" && exec setsid nohup ${GROUP:+setpriv --regid "$GROUP" --keep-groups} "$JAVA" -Xmx$heap -Xss512k $gc \
    -XX:+PerfDisableSharedMem -XX:+ExitOnOutOfMemoryError -Djava.net.preferIPv4Stack=true -Djava.awt.headless=true \
    -Dio.netty.tryReflectionSetAccessible=true -Dio.netty.allocator.useCacheForAllThreads=true \
    -Dio.netty.allocator.maxOrder=11 $(jvm_opens) -javaagent:$(ls "$LIB"/jamm-*.jar) \
    -Dcassandra.config="file://$dir/conf/cassandra.yaml" -Dcassandra.logdir="$dir/logs" \
    -Dcassandra.storagedir="$dir" -Dlogback.configurationFile="file://$dir/conf/logback.xml" \
    -Dcassandra.triggers_dir="$dir/tmp" -Djava.io.tmpdir="$dir/tmp" -Djna.tmpdir="$dir/tmp" \
    -Dcassandra.jmx.local.port="${JMX:-$((port + 2))}" -Djava.rmi.server.hostname=127.0.0.1 \
    -Dcassandra.ring_delay_ms=0 -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.superuser_setup_delay_ms=0 \
    -Dcassandra-foreground=yes ${JVM_EXTRA:-} \
    -cp "$(classpath "$dir")" org.apache.cassandra.service.CassandraDaemon < /dev/null >> "$dir/logs/stdout.log" 2>&1) &
  echo $! > "$dir/cassandra.pid"
  wait_up "$dir" "$port" "${3:-240}"
}

tool() {
  local dir
  dir=$(cd "$1" && pwd)
  shift
  pick_java
  fetch
  # shellcheck disable=SC2046
  "$JAVA" -Xmx"${TOOL_HEAP:-1G}" -XX:TieredStopAtLevel="${TOOL_TIER:-1}" $(jvm_opens) \
    -javaagent:"$(ls "$LIB"/jamm-*.jar)" -Dcassandra.config="file://$dir/conf/cassandra.yaml" \
    -Dcassandra.storagedir="$dir" -Dcassandra.logdir="$dir/logs" \
    -Dlogback.configurationFile="file://$dir/conf/logback-tools.xml" -cp "$(classpath "$dir")" "$@"
}

command=${1:-}
shift || true
case $command in
  fetch) fetch ;;
  start) start "$@" ;;
  wait) wait_up "$@" ;;
  stop) stop_pid "$1/cassandra.pid" ;;
  kill) kill -9 "$(cat "$1/cassandra.pid")"; rm -f "$1/cassandra.pid" ;;
  port) free_ports 3 ;;
  nodetool) dir=$1 port=$2; shift 2; tool "$dir" org.apache.cassandra.tools.NodeTool -h 127.0.0.1 -p $((port + 2)) "$@" ;;
  tool) tool "$@" ;;
  classpath) fetch; classpath "${1:-}" ;;
  jvm-opens) jvm_opens ;;
  *) sed -n '2,32p' "$0"; exit 2 ;;
esac
