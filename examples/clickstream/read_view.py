"""read_view.py HOST:PORT: prints the newest rows of shop.page_stats as Cassandra's own driver sees them."""
import sys

from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.policies import WhiteListRoundRobinPolicy

host, port = sys.argv[1].rsplit(":", 1)
profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([host]))
cluster = Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile})
session = cluster.connect("shop")
rows = list(session.execute("SELECT window_start, page, views, visitors, revenue FROM page_stats"))
print(f"{len(rows)} rows in {len({r.window_start for r in rows})} windows, {sum(r.views for r in rows)} views\n")
newest = max(r.window_start for r in rows)
print(f"{'window_start':<20} {'page':<14} {'views':>7} {'visitors':>8} {'revenue':>12}")
for r in sorted((r for r in rows if r.window_start == newest), key=lambda r: -r.views)[:10]:
    print(f"{r.window_start:%Y-%m-%d %H:%M:%S}  {r.page:<14} {r.views:>7} {r.visitors:>8} {r.revenue:>12}")
cluster.shutdown()
