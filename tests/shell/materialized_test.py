#!/usr/bin/env python3
"""materialized_test.py MILLRACE [NAME...]: materialized tables over processes: jobs of `millrace run` that are stopped and killed, what
another process finds, checkpoint directories, START_MODE, --portable. Prints TAP."""
import collections
import csv
import io
import os
import random
import subprocess
import sys
import time

from cases import contains, equal, run_cases, test

TIMEOUT_S = float(os.environ.get("MILLRACE_TEST_TIMEOUT", "60"))
MILLRACE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)


def millrace(*args, text=None, status=0):
    done = subprocess.run([MILLRACE, *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=TIMEOUT_S)
    assert done.returncode == status, f"exit status {done.returncode}, wanted {status}\n{done.stdout}\n{done.stderr}"
    return done


def rows(data, query):
    out = millrace("sql", "--data", data, "--format", "csv", "-e", query).stdout
    return sorted(list(csv.reader(io.StringIO(out)))[1:])


def facts(data, name):
    return dict(rows(data, f"DESCRIBE EXTENDED {name}"))


class Work:
    """A folder with a file of events, a script over it, and what must come out."""

    def __init__(self, folder, events=20000, seed=7):
        rng = random.Random(seed)
        self.data, self.checkpoints, self.script = (os.path.join(folder, n) for n in ("data", "checkpoints", "job.sql"))
        self.folder, self.file = folder, os.path.join(folder, "events.csv")
        self.by_page, self.by_user = collections.Counter(), collections.Counter()
        with open(self.file, "w") as out:
            for i in range(events):
                page, user, amount = f"/p{int(rng.random() ** 2 * 50)}", rng.randrange(300), rng.randrange(100)
                out.write(f"{i},{page},{user},{amount}\n")
                self.by_page[page] += 1
                self.by_user[user] += amount
        self.source = ("CREATE TABLE IF NOT EXISTS events (id INT, page STRING, who INT, amount INT) WITH ('connector' = 'filesystem', "
                       f"'path' = '{self.file}', 'format' = 'csv');\n")
        self.table = "CREATE MATERIALIZED TABLE IF NOT EXISTS by_page AS SELECT page, COUNT(*) AS n FROM events GROUP BY page;\n"
        self.second = ("CREATE OR ALTER MATERIALIZED TABLE by_user FRESHNESS = INTERVAL '1' SECOND AS "
                       "SELECT who, SUM(amount) AS total FROM events GROUP BY who;\n")

    def write(self, text):
        with open(self.script, "w") as out:
            out.write(text)

    def args(self, *more):
        return ["run", self.script, "--data", self.data, "--checkpoint-dir", self.checkpoints, *more]

    def pages(self):
        return sorted([page, str(n)] for page, n in self.by_page.items())

    def users(self):
        return sorted([str(user), str(total)] for user, total in self.by_user.items())


# --- jobs -----------------------------------------------------------------------------------------------------------------


@test
def stops_and_goes_on(tmp):
    """Two tables of one script are one job; the same command goes on where it stopped."""
    work = Work(tmp)
    work.write(work.source + work.table + work.second)
    step = ["-D", "millrace.step.max-rows=500", "-D", "millrace.step.stop-after=15"]
    first = millrace(*work.args(*step))
    contains(first.stderr, "stopped after")
    assert rows(work.data, "SELECT * FROM by_page") != work.pages(), "all was read at once: this tests nothing"
    known = facts(work.data, "by_page")
    equal((known["refresh mode"], known["status"], known["checkpoint directory"]), ("CONTINUOUS", "ACTIVATED", work.checkpoints))
    processes = 1
    while "stopped after" in millrace(*work.args(*step)).stderr:
        processes += 1
    assert processes >= 2, processes
    equal(rows(work.data, "SELECT * FROM by_page"), work.pages())
    equal(rows(work.data, "SELECT * FROM by_user"), work.users())


@test
def survives_kills(tmp):
    work = Work(tmp, events=60000)
    work.write(work.source + work.table + work.second)
    args = work.args("-D", "millrace.step.max-rows=200", "-D", "execution.checkpointing.interval=20 ms")
    rng, kills = random.Random(3), 0
    while True:
        process = subprocess.Popen([MILLRACE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            _, err = process.communicate(timeout=0.05 + rng.random() * 0.25 if kills < 8 else TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, err
        break
    assert kills >= 2, f"only {kills} kills"
    equal(rows(work.data, "SELECT * FROM by_page"), work.pages())
    equal(rows(work.data, "SELECT * FROM by_user"), work.users())


@test
def resume_finds_its_checkpoints(tmp):
    """ALTER … RESUME goes on with the directory of the job before, which need not be said again."""
    work = Work(tmp)
    work.write(work.source + work.table)
    millrace(*work.args("-D", "millrace.step.max-rows=500", "-D", "millrace.step.stop-after=10"))
    before = sum(int(n) for _, n in rows(work.data, "SELECT * FROM by_page"))
    assert 0 < before < 20000, before
    work.write("ALTER MATERIALIZED TABLE by_page RESUME;\n")
    done = millrace("run", work.script, "--data", work.data)
    assert "starts anew" not in done.stderr, done.stderr
    equal(rows(work.data, "SELECT * FROM by_page"), work.pages())
    # in `millrace sql` too: there is nothing left to do
    done = millrace("sql", "--data", work.data, "--verbose", "-e", "ALTER MATERIALIZED TABLE by_page RESUME")
    assert "starts anew" not in done.stderr, done.stderr


@test
def suspended_jobs_do_not_run(tmp):
    work = Work(tmp, events=100)
    work.write(work.source + work.table)
    millrace(*work.args())
    millrace("sql", "--data", work.data, "-e", "ALTER MATERIALIZED TABLE by_page SUSPEND")
    equal(facts(work.data, "by_page")["status"], "SUSPENDED")
    done = millrace(*work.args())
    contains(done.stderr, 'materialized table "by_page" is suspended', "ALTER MATERIALIZED TABLE by_page RESUME")
    assert "finished after" not in done.stderr, done.stderr
    millrace("sql", "--data", work.data, "-e", "ALTER MATERIALIZED TABLE by_page RESUME")
    equal(facts(work.data, "by_page")["status"], "ACTIVATED")


@test
def one_that_runs_is_left_alone(tmp):
    """What would change a table under its job is refused by the lock on the checkpoints."""
    work = Work(tmp)
    work.write("CREATE TABLE IF NOT EXISTS ticks (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100', "
               "'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '1000000');\n"
               "CREATE MATERIALIZED TABLE IF NOT EXISTS tens AS SELECT n / 10 AS ten, COUNT(*) AS c FROM ticks GROUP BY n / 10;\n")
    process = subprocess.Popen([MILLRACE, *work.args()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            done = subprocess.run([MILLRACE, "sql", "--data", work.data, "--format", "csv", "-e", "DESCRIBE EXTENDED tens"],
                                  capture_output=True, text=True, timeout=TIMEOUT_S)
            if "RUNNING" in done.stdout:
                break
            assert time.monotonic() < deadline and process.poll() is None, done.stdout + done.stderr
            time.sleep(0.05)
        for statement in ("SUSPEND", "REFRESH", "AS SELECT n AS ten, COUNT(*) AS c FROM ticks GROUP BY n"):
            done = millrace("sql", "--data", work.data, "-e", f"ALTER MATERIALIZED TABLE tens {statement}", status=1)
            contains(done.stderr, 'a job keeps "tens" up to date right now', work.checkpoints)
        contains(millrace("sql", "--data", work.data, "-e", "DROP MATERIALIZED TABLE tens", status=1).stderr, "right now")
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)
    done = millrace("sql", "--data", work.data, "-e", "DROP MATERIALIZED TABLE tens")
    contains(done.stderr, "the checkpoints of its job are still in " + work.checkpoints)


@test
def another_query_needs_another_directory(tmp):
    work = Work(tmp, events=1000)
    work.write(work.source + work.second)
    millrace(*work.args())
    changed = work.second.replace("SUM(amount) AS total", "SUM(amount) AS total, MAX(amount) AS largest")
    work.write(work.source + changed)
    contains(millrace(*work.args(), status=1).stderr, "was made by another script", "use another directory")
    work.checkpoints += "2"
    contains(millrace(*work.args()).stderr, "starts anew over the rows of an earlier one")
    equal([row[:2] for row in rows(work.data, "SELECT * FROM by_user")], work.users())


@test
def made_again_it_needs_another_directory(tmp):
    """Dropped and made again, the table is empty: a job that went on from the old checkpoints would leave it so."""
    work = Work(tmp, events=1000)
    work.write(work.source + work.table)
    millrace(*work.args())
    millrace("sql", "--data", work.data, "-e", "DROP MATERIALIZED TABLE by_page")
    contains(millrace(*work.args(), status=1).stderr, f"the checkpoints in {work.checkpoints} are not those of \"by_page\"")
    work.checkpoints += "2"
    millrace(*work.args())
    equal(rows(work.data, "SELECT * FROM by_page"), work.pages())


@test
def full_ones_come_first_in_a_script(tmp):
    """Jobs start at the end of the script: what is filled at once would read empty tables."""
    work = Work(tmp, events=1000)
    full = "CREATE MATERIALIZED TABLE IF NOT EXISTS pages REFRESH_MODE = FULL AS SELECT COUNT(*) AS n FROM events;\n"
    work.write(work.source + work.table + full)
    contains(millrace(*work.args(), status=1).stderr, "this would run before the INSERTs and jobs above it")
    millrace("sql", "--data", work.data, "-e", "DROP MATERIALIZED TABLE IF EXISTS by_page")
    work.write(work.source + full + work.table)
    millrace(*work.args())
    equal(rows(work.data, "SELECT * FROM pages"), [["1000"]])
    equal(rows(work.data, "SELECT * FROM by_page"), work.pages())


@test
def tables_are_read_once(tmp):
    """A job that would read what it fills is refused; over another job's table it says what is missing; a view follows."""
    work = Work(tmp, events=1000)
    top = "CREATE MATERIALIZED TABLE IF NOT EXISTS pages (PRIMARY KEY (id) NOT ENFORCED) AS SELECT 1 AS id, COUNT(*) AS n FROM {};\n"
    work.write(work.source + work.table + top.format("by_page"))
    contains(millrace(*work.args(), status=1).stderr, '"by_page" is read by the job that keeps it up to date', "CREATE VIEW")
    millrace("sql", "--data", work.data, "-e", "DROP MATERIALIZED TABLE by_page; DROP MATERIALIZED TABLE pages")
    view = "CREATE VIEW IF NOT EXISTS v AS SELECT page, COUNT(*) AS n FROM events GROUP BY page;\n"
    work.write(work.source + view + "CREATE MATERIALIZED TABLE IF NOT EXISTS by_page AS SELECT * FROM v;\n" + top.format("v"))
    assert "is read once" not in millrace(*work.args("-D", "millrace.step.max-rows=100")).stderr
    equal(rows(work.data, "SELECT * FROM by_page"), work.pages())
    equal(rows(work.data, "SELECT n FROM pages"), [[str(len(work.by_page))]])
    done = millrace("sql", "--data", work.data, "-e", top.format("by_page").replace("pages", "others"))
    contains(done.stderr, 'materialized table "by_page" is read once, as it is now')
    equal(rows(work.data, "SELECT n FROM others"), [[str(len(work.by_page))]])


@test
def a_job_that_never_was_leaves_no_note(tmp):
    """A source that cannot be opened: nothing was written, so the next job may begin as if it were the first."""
    work = Work(tmp, events=100)
    log = "CREATE MATERIALIZED TABLE IF NOT EXISTS log AS SELECT page FROM events;\n"
    os.rename(work.file, work.file + ".away")
    work.write(work.source + log)
    millrace("run", work.script, "--data", work.data, status=1)
    os.rename(work.file + ".away", work.file)
    millrace("run", work.script, "--data", work.data)
    equal(len(rows(work.data, "SELECT page FROM log")), 100)
    contains(millrace("run", work.script, "--data", work.data, status=1).stderr, "would start anew, and write its rows twice")


@test
def refresh_is_seen_by_others(tmp):
    """A FULL table: the definition and the time of the last refresh are kept with it."""
    work = Work(tmp, events=1000)
    done = millrace("sql", "--data", work.data, "-e", work.source +
                    "CREATE MATERIALIZED TABLE by_page FRESHNESS = INTERVAL '1' DAY AS SELECT page, COUNT(*) AS n FROM events GROUP BY page;")
    contains(done.stderr, 'nothing refreshes "by_page" by itself', "ALTER MATERIALIZED TABLE by_page REFRESH every '1' DAY")
    first = facts(work.data, "by_page")
    equal(first["refresh mode"], "FULL")
    time.sleep(0.01)
    with open(work.file, "a") as out:
        out.write("999999,/new,1,1\n")
    millrace("sql", "--data", work.data, "-e", "ALTER MATERIALIZED TABLE by_page REFRESH")
    assert facts(work.data, "by_page")["last refresh"] > first["last refresh"]
    equal(rows(work.data, "SELECT * FROM by_page"), sorted(work.pages() + [["/new", "1"]]))


# --- sources ----------------------------------------------------------------------------------------------------------------


@test
def temporary_sources(tmp):
    work = Work(tmp, events=100)
    temporary = work.source.replace("CREATE TABLE IF NOT EXISTS", "CREATE TEMPORARY TABLE")
    work.write(temporary + work.table)
    contains(millrace(*work.args()).stderr, 'the query reads "events", which ends with the session')
    equal(rows(work.data, "SELECT * FROM by_page"), work.pages())
    done = millrace("sql", "--data", work.data, "-e", "ALTER MATERIALIZED TABLE by_page REFRESH", status=1)
    contains(done.stderr, "the query of materialized table 'by_page'", "events' not found")
    millrace("sql", "--data", work.data, "-e", temporary + "ALTER MATERIALIZED TABLE by_page REFRESH")
    done = millrace("sql", "--portable", "-e", temporary + work.table, status=1)
    contains(done.stderr, "Flink refuses materialized tables that read temporary ones, like events")


@test
def portable_accepts_what_flink_does(tmp):
    statements = [
        "CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '3')",
        "CREATE OR ALTER MATERIALIZED TABLE m (a, n, PRIMARY KEY (a) NOT ENFORCED) COMMENT 'x' FRESHNESS = INTERVAL '30' SECONDS "
        "REFRESH_MODE = CONTINUOUS START_MODE = FROM_BEGINNING AS SELECT a, COUNT(*) AS n FROM s WHERE a IS NOT NULL GROUP BY a",
        "ALTER MATERIALIZED TABLE m SUSPEND",
        "ALTER MATERIALIZED TABLE m RESUME WITH ('sink.dry-run' = 'true')",
        "ALTER MATERIALIZED TABLE m REFRESH",
        "SHOW MATERIALIZED TABLES",
        "SHOW CREATE MATERIALIZED TABLE m",
        "DROP MATERIALIZED TABLE IF EXISTS m",
    ]
    millrace("sql", "--portable", "--data", os.path.join(tmp, "data"), "-e", "; ".join(statements))
    done = millrace("sql", "--portable", "-e", "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a", status=1)
    contains(done.stderr, "Flink says MATERIALIZED TABLE")


@test
def start_mode_reaches_the_source(tmp):
    """What sources get for START_MODE shows in the plan's options of a Kafka table, also below a view."""
    tables = ("CREATE TABLE k (a INT, b STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'localhost:1', "
              "'format' = 'json', 'scan.startup.mode' = 'latest-offset', 'scan.bounded.mode' = 'latest-offset', 'connection-timeout' = '200 ms');\n"
              "CREATE VIEW v AS SELECT * FROM k;\n")
    data = os.path.join(tmp, "data")
    # it is planned, and made; then its job finds no broker
    done = millrace("sql", "--data", data, "-e", tables + "CREATE MATERIALIZED TABLE m START_MODE = FROM_TIMESTAMP(TIMESTAMP '2024-01-01 00:00:00') "
                    "AS SELECT a FROM v;", status=3)
    contains(done.stderr, "localhost:1")
    shown = millrace("sql", "--data", data, "-e", "SHOW CREATE MATERIALIZED TABLE m").stdout
    contains(shown, "START_MODE = FROM_TIMESTAMP(TIMESTAMP '2024-01-01 00:00:00')")
    equal(facts(data, "m")["start mode"], "FROM_TIMESTAMP(TIMESTAMP '2024-01-01 00:00:00')")


def no_kafka(name):
    """librdkafka starts its threads behind the thread sanitizer's back, which then crashes in them."""
    return "no Kafka under the thread sanitizer" if name.startswith("start_mode") and "MILLRACE_TEST_THREAD_SANITIZER" in os.environ else ""


run_cases(sys.argv[2:], no_kafka)
