#!/usr/bin/env bash
# The clickstream on the embedded store, as `make demo` runs it: a live stream of a million page views in, a table of figures
# by page and ten minutes out. Needs no server. run.sh [FOLDER] keeps everything in FOLDER (default: a new one in /tmp).
# DEMO_CLICKS=N makes it N page views.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/examples/clickstream
millrace=${MILLRACE:-$root/build/millrace}
[ -x "$millrace" ] || { echo "run.sh: there is no $millrace; run make first" >&2; exit 1; }
work=${1:-$(mktemp -d "${TMPDIR:-/tmp}/millrace-demo.XXXXXX")}
mkdir -p "$work"

clicks=$here/clicks.sql
if [ -n "${DEMO_CLICKS:-}" ]; then
  clicks=$work/clicks.sql
  sed "s/'fields.n.end' = '[0-9]*'/'fields.n.end' = '$DEMO_CLICKS'/" "$here/clicks.sql" >"$clicks"
fi

say() { printf '\n== %s\n' "$*"; }

say 'The job (examples/clickstream/clickstream.sql):'
sed -n '/^INSERT/,$p' "$here/clickstream.sql"

say 'Running it on a live stream of page views, 100,000 a second:'
"$millrace" run "$here/clickstream.sql" -i "$clicks" -i "$here/embedded.sql" -i "$here/people.sql" \
  --data "$work/data" --checkpoint-dir "$work/checkpoints" -D execution.checkpointing.interval='2 s'

query='SELECT page, SUM(views) AS views, MAX(visitors) AS visitors_at_peak, SUM(revenue) AS revenue
FROM page_stats GROUP BY page ORDER BY views DESC LIMIT 10'
say 'The ten most viewed pages, from the table that the job kept:'
"$millrace" sql --data "$work/data" --format table -e "$query"
say 'The last two windows of /checkout:'
"$millrace" sql --data "$work/data" --format table \
  -e "SELECT * FROM page_stats WHERE page = '/checkout' ORDER BY window_start DESC LIMIT 2"

# as short as it is true from where the user stands
short=$millrace
case $millrace in "$PWD"/*) short=${millrace#"$PWD"/} ;; esac
say 'Query it again, or look around in the shell:'
echo "  $short sql --data $work/data -e 'SELECT * FROM page_stats ORDER BY window_start, views DESC LIMIT 20'"
echo "  $short sql --data $work/data"
