# Shared by the benchmarks. Sourced, from the project's root.
MILLRACE=${MILLRACE:-build/millrace}
MILLRACE_CACHE=${MILLRACE_CACHE:-$HOME/.cache/millrace}
THREADS=${THREADS:-$(nproc)}
RUNS=${RUNS:-5}
[ -x "$MILLRACE" ] || { echo "no $MILLRACE: run make first" >&2; exit 1; }
mkdir -p "$MILLRACE_CACHE/bench"
side_by_side() { bench/run.py --runs "$RUNS" --json build/bench.jsonl "$@"; }
