#!/usr/bin/env bash
# Nexmark: thousands of events (all three kinds) per CPU second, checkpoints on, beside what Flink 2.3 did on the same kind of
# machine (2 workers, heap state, object reuse, mini-batch 2 s, exactly-once checkpoints, its own in-process generator,
# blackhole sink; CPU seconds of the task manager). `generate` is the generator alone, all fields of all events: the
# share of it in a query is at most the ratio of the two.
set -euo pipefail
. bench/common.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
declare -A flink=([generate]= [q0]=452 [q4]=115 [q9]=55 [q18]=100 [tumble]=)
declare -A events=([generate]=10000000 [q0]=10000000 [q4]=3000000 [q9]=3000000 [q18]=3000000 [tumble]=10000000)
echo "Nexmark, $THREADS workers, $RUNS runs"
printf '%-10s %12s %10s %12s %10s %10s %8s\n' query events "CPU s" "k events/CPU s" spread "Flink" ratio
for query in generate q0 q4 q9 q18 tumble; do
  script=$work/$query.sql
  sed "s/\${EVENTS}/${events[$query]}/" bench/nexmark/tables.sql > "$script"
  cat "bench/nexmark/$query.sql" >> "$script"
  times=()
  for _ in $(seq "$RUNS"); do
    rm -rf "$work/checkpoints"
    times+=("$( { TIMEFORMAT='%U %S'; time "$MILLRACE" run "$script" --checkpoint-dir "$work/checkpoints" \
      -D "parallelism.default=$THREADS" --no-progress > /dev/null 2> "$work/log"; } 2>&1 | awk 'END { print $1 + $2 }')")
    grep -q '^error' "$work/log" && { cat "$work/log" >&2; exit 1; }
  done
  printf '%s\n' "${times[@]}" | sort -n | awk -v q="$query" -v n="${events[$query]}" -v flink="${flink[$query]}" '
    { t[NR] = $1 }
    END { m = NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2; rate = n / m / 1000
          printf "%-10s %12d %10.2f %12.0f %9.0f%% %10s %8s\n", q, n, m, rate, (t[NR] - t[1]) / m * 100,
                 flink == "" ? "-" : flink, flink == "" ? "-" : sprintf("%.1f", rate / flink) }'
done
