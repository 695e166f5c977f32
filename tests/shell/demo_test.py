#!/usr/bin/env python3
"""demo_test.py MILLRACE: examples/clickstream/run.sh, with fewer page views. The table that it leaves must be what the page views
and users come to when they are counted here. Prints TAP."""
import collections
import csv
import decimal
import io
import os
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = float(os.environ.get("MILLRACE_TEST_TIMEOUT", "60"))
MILLRACE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "clickstream")
CLICKS = 200000


def rows(text, *args):
    done = subprocess.run([MILLRACE, "sql", "--format", "csv", *args], input=text, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))[1:]


def made_up():
    """What the generators of the demo give, without its rate."""
    text = open(os.path.join(DEMO, "clicks.sql")).read()
    text = re.sub(r"'fields.n.end' = '\d+'", f"'fields.n.end' = '{CLICKS}'", text.replace("'rows-per-second' = '100000'", "'rows-per-second' = '0'"))
    return rows(text + "SELECT user_id, page, amount, ts FROM made_up_clicks;\n")


def counted(clicks, users, markets):
    is_open = {country for country, _, flag in markets if flag.lower() == "true"}
    allowed = {user_id for user_id, _, country, _ in users if country in is_open}
    views, visitors, revenue = collections.Counter(), collections.defaultdict(set), collections.Counter()
    for user_id, page, amount, ts in clicks:
        if user_id not in allowed:
            continue
        key = (ts[:15] + "0:00.000", page)  # the ten minutes that it is in
        views[key] += 1
        visitors[key].add(user_id)
        revenue[key] += decimal.Decimal(amount or 0)
    return sorted([window, page, str(n), str(len(visitors[window, page])), f"{revenue[window, page]:.2f}"]
                  for (window, page), n in views.items())


def main():
    print("1..1")
    with tempfile.TemporaryDirectory(prefix="millrace-demo.") as tmp:
        done = subprocess.run(["bash", os.path.join(DEMO, "run.sh"), tmp], capture_output=True, text=True, timeout=TIMEOUT_S,
                              env=dict(os.environ, MILLRACE=MILLRACE, DEMO_CLICKS=str(CLICKS)))
        data = ["--data", os.path.join(tmp, "data")]
        problem = f"exit status {done.returncode}\n{done.stderr}" if done.returncode else None
        if not problem:
            got = sorted(rows("SELECT window_start, page, views, visitors, revenue FROM page_stats;\n", *data))
            want = counted(made_up(), rows("SELECT * FROM users;\n", *data), rows("SELECT * FROM markets;\n", *data))
            windows = len({row[0] for row in want})
            if got != want or windows < 3:
                problem = (f"{len(got)} rows, {len(want)} wanted, in {windows} windows\n"
                           f"missing {[row for row in want if row not in got][:5]}\nunexpected {[row for row in got if row not in want][:5]}")
            elif "The ten most viewed pages" not in done.stdout or "/home" not in done.stdout:
                problem = done.stdout
    print("not ok 1 - clickstream" if problem else "ok 1 - clickstream")
    for line in (problem or "").splitlines():
        print("# " + line)
    sys.exit(1 if problem else 0)


main()
