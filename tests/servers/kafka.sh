#!/usr/bin/env bash
# kafka.sh - a throw-away, single-node Apache Kafka (KRaft) on loopback, straight from its Maven artifacts.
# Needs bash, JDK 17, Maven and python3.
#
#   kafka.sh fetch              download the jars into the cache (start does it too)
#   kafka.sh start DIR PORT     format DIR if it is new, start, return when the broker answers
#   kafka.sh stop  DIR          SIGTERM by pid file, SIGKILL after 60 s
#   kafka.sh kill  DIR          SIGKILL by pid file
#   kafka.sh port               print a PORT whose neighbour is free too
#   kafka.sh topic PORT NAME [PARTITIONS]     make a topic that never drops old records
#   kafka.sh partitions PORT NAME COUNT       give a topic so many partitions
#   kafka.sh produce PORT TOPIC               one message per line of standard input
#   kafka.sh consume PORT TOPIC COUNT         print COUNT messages from the beginning
#
# Ports, both on 127.0.0.1: PORT = the broker, PORT+1 = the controller. KAFKA_VERSION=4.3.1
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

VERSION=${KAFKA_VERSION:-4.3.1}
LIB=$MILLRACE_CACHE/kafka-$VERSION

# kafka-tools has the console clients; the broker logs through log4j, which its artifact brings.
fetch() {
  maven_fetch "$LIB" "org.apache.kafka:kafka_2.13:$VERSION" "org.apache.kafka:kafka-tools:$VERSION" \
    org.slf4j:slf4j-simple:1.7.36
}

java_kafka() { "$JAVA" -Xmx"${TOOL_HEAP:-256m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$LIB/*" "$@"; }

start() {
  local dir=$1 port=$2
  pid_alive "$dir/kafka.pid" && die "already running in $dir"
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  pick_java
  fetch
  if [ ! -f "$dir/server.properties" ]; then
    cat > "$dir/server.properties" << CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/log
log.retention.ms=-1
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
${KAFKA_EXTRA:-}
CONF
    java_kafka kafka.tools.StorageTool format -t bWlsbHJhY2UtdGVzdC0wMQ -c "$dir/server.properties" > "$dir/format.log" 2>&1 ||
      { cat "$dir/format.log" >&2; die "could not format $dir"; }
  fi
  (cd "$dir" && exec setsid nohup "$JAVA" -Xmx"${HEAP:-512m}" -XX:+UseSerialGC ${MODE:+-XX:TieredStopAtLevel=1} \
    -cp "$LIB/*" kafka.Kafka "$dir/server.properties" < /dev/null >> "$dir/kafka.log" 2>&1) &
  echo $! > "$dir/kafka.pid"
  local n=0
  until (echo > "/dev/tcp/127.0.0.1/$port") 2> /dev/null && grep -q 'Kafka Server started' "$dir/kafka.log"; do
    n=$((n + 1))
    pid_alive "$dir/kafka.pid" || { tail -n 20 "$dir/kafka.log" >&2; die "the broker died"; }
    [ $n -lt 1200 ] || { tail -n 20 "$dir/kafka.log" >&2; die "not ready after 240 s"; }
    sleep 0.2
  done
}

command=${1:-}
shift || true
case $command in
  fetch) fetch ;;
  start) start "$@" ;;
  stop) stop_pid "$1/kafka.pid" ;;
  kill) kill -9 "$(cat "$1/kafka.pid")"; rm -f "$1/kafka.pid" ;;
  port) free_ports 2 ;;
  topic) pick_java; fetch
    java_kafka org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$1" --create --topic "$2" \
      --partitions "${3:-1}" --config retention.ms=-1 2> /dev/null ;;
  partitions) pick_java; fetch
    java_kafka org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$1" --alter --topic "$2" \
      --partitions "$3" 2> /dev/null
    # whoever asks the broker from now on hears of all of them
    for try in {1..100}; do
      java_kafka org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$1" --describe --topic "$2" 2> /dev/null |
        grep -q "PartitionCount: $3\b" && break
      [ "$try" -lt 100 ] || die "topic $2 does not get $3 partitions"
      sleep 0.2
    done ;;
  produce) pick_java; fetch
    java_kafka org.apache.kafka.tools.ConsoleProducer --bootstrap-server "127.0.0.1:$1" --topic "$2" 2> /dev/null ;;
  consume) pick_java; fetch
    java_kafka org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "127.0.0.1:$1" --topic "$2" \
      --from-beginning --max-messages "$3" --timeout-ms 120000 2> /dev/null ;;
  *) sed -n '2,16p' "$0"; exit 2 ;;
esac
