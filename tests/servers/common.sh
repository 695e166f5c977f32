# Shared by cassandra.sh, kafka.sh and flink.sh: the cache, Java 17, artifacts from Maven Central, ports. Sourced, not run.

MILLRACE_CACHE=${MILLRACE_CACHE:-$HOME/.cache/millrace}

die() { echo "${0##*/}: $*" >&2; exit 1; }

# Sets JAVA_HOME_17 and JAVA. Cassandra 5.0 runs on 11 and 17 only, so the java on the PATH is the last choice.
pick_java() {
  local home
  for home in "${MILLRACE_JAVA_HOME:-}" /usr/lib/jvm/java-17-* /usr/lib/jvm/*17* "${JAVA_HOME:-}"; do
    [ -n "$home" ] && [ -x "$home/bin/java" ] || continue
    grep -qs '^JAVA_VERSION="17' "$home/release" || continue
    JAVA_HOME_17=$home JAVA=$home/bin/java
    return
  done
  die "no JDK 17 found (Debian: openjdk-17-jdk-headless; or set MILLRACE_JAVA_HOME)"
}

# maven_fetch DIR GROUP:ARTIFACT:VERSION...: the artifacts and what they need at run time, into DIR, once.
# Several callers at once wait for the first. Retries, since a registry may fail for a moment.
maven_fetch() {
  local dir=$1 tmp try coordinate group artifact version
  shift
  [ -f "$dir/.complete" ] && return 0
  command -v mvn > /dev/null || die "no mvn found (Debian: maven)"
  mkdir -p "$dir"
  exec 9> "$dir/.lock"
  flock 9
  if [ ! -f "$dir/.complete" ]; then
    tmp=$(mktemp -d)
    {
      echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
      echo '<groupId>local</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
      for coordinate in "$@"; do
        IFS=: read -r group artifact version <<< "$coordinate"
        echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
      done
      echo '</dependencies></project>'
    } > "$tmp/pom.xml"
    echo "fetching $* from Maven Central" >&2
    for try in 1 2 3 4 5; do
      # -U: Maven remembers a failed download otherwise
      mvn -B -q $([ "$try" = 1 ] || echo -U) -f "$tmp/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$dir" \
        > "$tmp/log" 2>&1 && break
      [ "$try" -lt 5 ] || { cat "$tmp/log" >&2; die "Maven could not fetch $*"; }
      sleep $((try * 5))
    done
    touch "$dir/.complete"
    rm -rf "$tmp"
  fi
  exec 9>&-
}

# free_ports N: the first of N neighbouring free ports on 127.0.0.1, random, below the ephemeral range.
free_ports() {
  python3 - "$1" <<'PY'
import random, socket, sys
n = int(sys.argv[1])
for _ in range(200):
    base = random.randrange(20000, 32000)
    socks = []
    try:
        for port in range(base, base + n):
            s = socket.socket()
            socks.append(s)
            s.bind(("127.0.0.1", port))
        print(base)
        break
    except OSError:
        pass
    finally:
        for s in socks:
            s.close()
else:
    sys.exit("no free ports")
PY
}

# Does it run? A process that has ended stays in the list of processes until its parent asks for its status, which a container's first
# process may never do.
runs() { [[ $(sed -n 's/^State:\s*//p' "/proc/$1/status" 2> /dev/null) == [^ZX]* ]]; }
pid_alive() { [ -f "$1" ] && runs "$(cat "$1")"; }

# stop_pid FILE: SIGTERM, and SIGKILL after 60 s.
stop_pid() {
  local pid n=0
  if pid_alive "$1"; then
    pid=$(cat "$1")
    kill "$pid" 2> /dev/null || true
    while runs "$pid"; do
      n=$((n + 1))
      [ $n -lt 300 ] || { kill -9 "$pid" 2> /dev/null || true; break; }
      sleep 0.2
    done
  fi
  rm -f "$1"
}
