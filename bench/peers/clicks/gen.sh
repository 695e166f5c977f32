#!/usr/bin/env bash
# gen.sh OUTDIR [ROWS USERS]: the clicks.events table as SSTables in OUTDIR/clicks/events, written offline; 5,000,000 rows
# of 200,000 users unless told. Does nothing when OUTDIR has them already.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
servers=$here/../../../tests/servers
# shellcheck source=../../../tests/servers/common.sh
. "$servers/common.sh"
out=$1 rows=${2:-5000000} users=${3:-200000}
[ "$(cat "$out/.complete" 2> /dev/null)" = "$rows $users" ] && exit 0
pick_java
classpath=$("$servers/cassandra.sh" classpath)
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
"$JAVA_HOME_17/bin/javac" -cp "$classpath" -d "$classes" "$here/Gen.java"
cat > "$classes/logback.xml" << 'XML'
<configuration><appender name="E" class="ch.qos.logback.core.ConsoleAppender"><target>System.err</target>
<encoder><pattern>%-5level %msg%n</pattern></encoder></appender><root level="WARN"><appender-ref ref="E"/></root></configuration>
XML
rm -rf "$out"
mkdir -p "$out/clicks/events"
# shellcheck disable=SC2046
"$JAVA" -Xmx1g $("$servers/cassandra.sh" jvm-opens) -cp "$classes:$classpath" Gen "$out/clicks/events" "$rows" "$users"
echo "$rows $users" > "$out/.complete"
