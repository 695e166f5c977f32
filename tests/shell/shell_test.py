#!/usr/bin/env python3
"""shell_test.py MILLRACE [NAME...]: tests of the command line, of pipes and signals, and of the interactive shell on a
pseudo-terminal. Prints TAP."""
import os
import re
import select
import signal
import subprocess
import sys
import time

from cases import contains, equal, run_cases, test

TIMEOUT_S = float(os.environ.get("MILLRACE_TEST_TIMEOUT", "60"))
MILLRACE = ""
DATAGEN = "CREATE TABLE gen (n BIGINT) WITH ('connector'='datagen', 'rows-per-second'='%s'%s);\n"


def run(*args, stdin="", status=0, env=None):
    done = subprocess.run([MILLRACE, *args], input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=TIMEOUT_S, env=env)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == status, f"exit status {done.returncode}, wanted {status}\n{out}\n{err}"
    return out, err


def file(tmp, name, text):
    path = os.path.join(tmp, name)
    with open(path, "w") as f:
        f.write(text)
    return path


# --- the command line -------------------------------------------------------------------------------------------------


@test
def order_of_statements(tmp):
    f = file(tmp, "f.sql", "SELECT 2 AS b; SELECT 3 AS c")
    init = file(tmp, "init.sql", "CREATE TABLE t (x INT); INSERT INTO t VALUES (7);")
    out, err = run("sql", "-e", "SELECT 1 AS a", "-f", f, "-e", "SELECT x FROM t", "-i", init)
    equal((out, err), ("a\n1\nb\n2\nc\n3\nx\n7\n", ""))


@test
def standard_input(tmp):
    equal(run("sql", stdin="SELECT 1 AS a;\n-- done\n")[0], "a\n1\n")
    equal(run("sql", stdin="")[0], "")
    equal(run("sql", "-f", "-", stdin="SELECT 1 AS a")[0], "a\n1\n")
    equal(run("sql", "-e", "SELECT 1 AS a", stdin="SELECT 2")[0], "a\n1\n")


@test
def standard_input_is_executed_as_it_comes(tmp):
    process = subprocess.Popen([MILLRACE, "sql"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for n in range(3):
            process.stdin.write(b"SELECT %d AS\n" % n)
            process.stdin.flush()
            time.sleep(0.05)
            process.stdin.write(b"a;\n")
            process.stdin.flush()
            equal(process.stdout.readline() + process.stdout.readline(), b"a\n%d\n" % n)
        process.stdin.close()
        equal(process.wait(TIMEOUT_S), 0)
    finally:
        process.kill()


@test
def explain_merge(tmp):
    out, _ = run("sql", "-e", "CREATE TABLE stock (item INT, n INT, PRIMARY KEY (item) NOT ENFORCED);"
                 "EXPLAIN MERGE INTO stock USING (VALUES (1, 2)) AS s (item, d) ON stock.item = s.item"
                 " WHEN MATCHED THEN UPDATE SET n = n + d WHEN NOT MATCHED THEN INSERT VALUES (s.item, d);")
    source, changes = out.split("== Changes by Clause ==")
    contains(source, "table=[default_catalog.default_database.stock]")
    sinks = [line for line in changes.splitlines() if line.startswith("Sink(")]
    equal(len(sinks), 2)
    contains(sinks[0], "update")
    equal(changes.count("Values(rows of stock)"), 2)


@test
def errors(tmp):
    out, err = run("sql", "-e", "SELECT 1 AS a; SELECT b FROM nowhere; SELECT 2", status=1)
    equal(out, "a\n1\n")
    assert err.startswith("error: ") and "line 1, column" in err and "^^^^" in err, err
    out, err = run("sql", "--keep-going", "-e", "SELEC 1; SELECT 2 AS a", status=1)
    equal(out, "a\n2\n")
    contains(err, "did you mean SELECT?")
    f = file(tmp, "bad.sql", "SELECT 1 AS a;\n\n  SELECT x FROM nowhere;\n")
    contains(run("sql", "-f", f, status=1)[1], f"error: {f}:3:17: ")
    contains(run("run", f, status=1)[1], f"error: {f}:3:17: ")
    contains(run("sql", "-f", f + "x", status=1)[1], "cannot open")
    # an aggregate's result is out of range: the call has its place, in batch, in a stream, and as a window function
    values = "FROM (VALUES (CAST(9223372036854775807 AS BIGINT)), (1)) AS t (a)"
    for mode, over in [("batch", ""), ("streaming", ""), ("batch", " OVER ()")]:
        f = file(tmp, "sum.sql", f"SET 'execution.runtime-mode' = '{mode}';\nSELECT\n  1 + SUM(a){over} {values};\n")
        err = run("sql", "-f", f, status=1)[1]
        contains(err, f"error: {f}:3:7: the result of SUM is out of range for BIGINT")
        contains(err, "\n        " + "^" * len(f"SUM(a){over}") + "\n")
    # an error of the data has no place in the SQL: the line where its statement begins
    f = file(tmp, "data.sql", "CREATE TABLE f (a INT) WITH ('connector' = 'filesystem', 'format' = 'csv',\n"
             f"  'path' = '{file(tmp, 'data.csv', '1' + chr(10) + 'x' + chr(10))}');\n/* all */ SELECT a\nFROM f;\n")
    contains(run("sql", "-f", f, status=1)[1], f"error: {f}:3: ")
    contains(run("run", f, status=1)[1], f"error: {f}:3: ")
    # editors of Windows put a byte order mark in front
    f = file(tmp, "marked.sql", "\ufeffSELECT 1 AS a; SELECT b;\n")
    out, err = run("sql", "-f", f, status=1)
    equal(out, "a\n1\n")
    contains(err, f"error: {f}:1:23: column 'b' not found")
    contains(err, "\n  SELECT 1 AS a; SELECT b;\n" + " " * 24 + "^\n")
    # what memory is too small for says how to allow more
    err = run("sql", "-D", "execution.runtime-mode=streaming", "--memory-limit", "64 kb", "-e",
              "SELECT a, COUNT(*) FROM (VALUES (1), (2)) AS t (a) GROUP BY a", status=1)[1]
    contains(err, "the state of the query needs more memory than its limit of 64 kB allows")
    contains(err, "hint: SET 'millrace.memory-limit' = '...' allows more")
    # a failing init file stops everything
    out, err = run("sql", "-i", f, "-e", "SELECT 9 AS z", status=1)
    assert "9" not in out, out


@test
def wrong_usage(tmp):
    for args in ([], ["sqll"], ["sql", "--formt", "csv"], ["sql", "-D", "x"], ["run"], ["sql", "x.sql"],
                 ["sql", "-D", "parallelism.default=many", "-e", "SELECT 1"]):
        out, err = run(*args, status=2)
        assert err.startswith("error: ") and out == "", err
    contains(run("sql", "-D", "parallelism.defalt=2", "-e", "SELECT 1")[1], "did you mean 'parallelism.default'?")
    contains(run("--help")[0], "millrace run job.sql")
    contains(run("help", "sql")[0], "--keep-going")
    assert re.fullmatch(r"millrace \d+\.\d+\.\d+\n", run("--version")[0])


@test
def no_server(tmp):
    sql = "CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='127.0.0.1:1', 'max-attempts'='1'); USE CATALOG c; SHOW DATABASES"
    out, err = run("sql", "-e", sql, status=3)
    contains(err, "127.0.0.1:1")


@test
def formats(tmp):
    sql = "SELECT * FROM (VALUES (1, ''), (2, CAST(NULL AS STRING))) AS t(a, b)"
    expected = {
        "csv": 'a,b\n1,""\n2,\n',
        "tsv": "a\tb\n1\t\n2\t\\N\n",
        "json": '[{"a":1,"b":""},\n{"a":2,"b":null}]\n',
        "jsonl": '{"a":1,"b":""}\n{"a":2,"b":null}\n',
        "markdown": "| a | b |\n| ---: | --- |\n| 1 |  |\n| 2 | NULL |\n",
        "vertical": "-[ RECORD 1 ]-----------\na | 1\nb |\n-[ RECORD 2 ]-----------\na | 2\nb | NULL\n",
        "table": "+---+------+\n| a | b    |\n+---+------+\n| 1 |      |\n| 2 | NULL |\n+---+------+\n",
    }
    env = dict(os.environ, LC_ALL="C")
    for name, text in expected.items():
        equal(run("sql", "--format", name, "-e", sql, env=env)[0], text)


@test
def result_modes(tmp):
    sql = "SET 'execution.runtime-mode'='streaming'; SELECT k, COUNT(*) AS n FROM (VALUES ('a'), ('b')) AS t(k) GROUP BY k"
    out, _ = run("sql", "-D", "sql-client.execution.result-mode=changelog", "-e", sql)
    equal(sorted(out.splitlines()), sorted(["op,k,n", "+I,a,1", "+I,b,1"]))
    out, _ = run("sql", "-D", "sql-client.execution.result-mode=tableau", "-e", sql)
    contains(out, "| op |")
    contains(out, "Received a total of 2 rows\n")
    out, _ = run("sql", "-e", sql)
    equal(sorted(out.splitlines()), sorted(["k,n", "a,1", "b,1"]))


@test
def explain_and_show_create(tmp):
    sql = "CREATE TABLE t (a INT, PRIMARY KEY (a) NOT ENFORCED); SHOW CREATE TABLE t;"
    out, _ = run("sql", "--format", "table", "-e", sql)
    assert out.startswith("CREATE TABLE") and "|" not in out, out
    # plain text in a pipe too, whichever command runs the script
    f = file(tmp, "show.sql", sql + "EXPLAIN SELECT 1 AS a;")
    out, _ = run("sql", "-f", f)
    assert out.startswith("CREATE TABLE") and "\n\n== Physical Plan (batch) ==\nCollect(a), " in out, out
    equal(run("run", f)[0], out)


@test
def messages_are_for_people(tmp):
    sql = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); QUIT; SELECT 1"
    equal(run("sql", "-e", sql), ("", ""))
    contains(run("sql", "-v", "-e", sql)[1], "OK, 2 rows")


@test
def a_directory_keeps_its_tables(tmp):
    data = os.path.join(tmp, "data")
    run("sql", "--data", data, "-e", "CREATE TABLE t (a INT); INSERT INTO t VALUES (1)")
    equal(run("sql", "--data", data, "-e", "SELECT * FROM t")[0], "a\n1\n")
    # what ANALYZE found stays with the table: 40 rows, 4 of them equal
    rows = ", ".join(f"({i % 10})" for i in range(40))
    run("sql", "--data", data, "-e", f"CREATE TABLE u (a INT); INSERT INTO u VALUES {rows}; "
        "ANALYZE TABLE u COMPUTE STATISTICS FOR ALL COLUMNS")
    plan = run("sql", "--data", data, "-e", "EXPLAIN SELECT * FROM u WHERE a = 3")[0]
    assert "where=[a = 3]), changelogMode=[I], rows=4\n" in plan, plan
    plan = run("sql", "--data", data, "-e", "EXPLAIN SELECT * FROM u WHERE a = 12")[0]
    assert "where=[a = 12]), changelogMode=[I], rows=1\n" in plan, plan


@test
def nobody_reads(tmp):
    script = DATAGEN % (0, "") + "SELECT n FROM gen;"
    process = subprocess.Popen([MILLRACE, "sql", "-e", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    equal((process.wait(TIMEOUT_S), err), (141, b""))


# --- jobs and signals -------------------------------------------------------------------------------------------------


def job(tmp, rate, more=""):
    return file(tmp, "job.sql", DATAGEN % (rate, more) +
                "CREATE TABLE out (n BIGINT) WITH ('connector'='blackhole');\nINSERT INTO out SELECT n FROM gen;\n")


@test
def a_job_says_what_it_did(tmp):
    script = job(tmp, 0, ", 'number-of-rows'='1234'")
    _, err = run("run", script)
    assert re.fullmatch(r"finished after .*: 1,234 rows in, 1,234 out, [\d,]+ rows/s, .*\d+ steps?.*\n", err), err
    equal(run("run", "--no-progress", script)[1], "")
    with open(script) as f:
        contains(run("run", "-", stdin=f.read())[1], "1,234 rows in")
    _, err = run("run", script, "-D", "execution.runtime-mode=streaming", "-D", "millrace.step.max-rows=100",
                 "-D", "millrace.step.stop-after=3", "--checkpoint-dir", os.path.join(tmp, "cp"))
    assert re.match(r"stopped after .* 3 steps", err), err


@test
def checkpoints_are_of_the_script_alone(tmp):
    """What a file that is run first inserts is no part of the job."""
    first = file(tmp, "first.sql", "CREATE TABLE IF NOT EXISTS t (a INT, PRIMARY KEY (a) NOT ENFORCED); INSERT INTO t VALUES (1), (2);")
    script = file(tmp, "job.sql", "CREATE TABLE IF NOT EXISTS v (a INT, PRIMARY KEY (a) NOT ENFORCED); INSERT INTO v SELECT a FROM t;")
    for _ in range(2):
        run("run", script, "-i", first, "--data", os.path.join(tmp, "data"), "--checkpoint-dir", os.path.join(tmp, "cp"))
    out, _ = run("sql", "--data", os.path.join(tmp, "data"), "-e", "SELECT a FROM v ORDER BY a")
    equal(out, "a\n1\n2\n")


@test
def signals_stop_a_job_in_order(tmp):
    script = job(tmp, 1000)
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
        process = subprocess.Popen([MILLRACE, "run", script, "--checkpoint-dir", os.path.join(tmp, f"cp{number}")],
                                   stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        process.send_signal(number)
        _, err = process.communicate(timeout=TIMEOUT_S)
        equal(process.returncode, status)
        contains(err, "stopped after")
        assert re.search(r"[1-9]\d* checkpoints?", err), err
        contains(err, "note: the same command goes on from here")


@test
def checkpoints_keep_their_distance(tmp):
    script = job(tmp, 1000, ", 'number-of-rows'='1500'")

    def checkpoints(name, pause):
        _, err = run("run", script, "--checkpoint-dir", os.path.join(tmp, name), "-D", "execution.runtime-mode=streaming",
                     "-D", "execution.checkpointing.interval=50 ms", "-D", f"execution.checkpointing.min-pause={pause}")
        found = re.search(r"(\d+) checkpoints?", err)
        return int(found.group(1)) if found else 0

    often, seldom = checkpoints("often", "0 ms"), checkpoints("seldom", "1 h")
    assert often >= 4 and seldom <= 2, (often, seldom)  # those are taken at the beginning and at the end


def changes_of_two_files(tmp, ttl):
    """What COUNT(*) of a key says when the key comes again 2.5 s later."""
    folder = os.path.join(tmp, f"in{ttl[:1]}")
    os.mkdir(folder)
    file(folder, "1.csv", "7\n")
    script = (f"SET 'table.exec.state.ttl' = '{ttl}'; SET 'sql-client.execution.result-mode' = 'changelog';"
              f"CREATE TABLE t (k INT) WITH ('connector'='filesystem', 'path'='{folder}', 'format'='csv', "
              "'source.monitor-interval'='100 ms'); SELECT k, COUNT(*) AS n FROM t GROUP BY k;")
    process = subprocess.Popen([MILLRACE, "sql", "--format", "csv", "-e", script], stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline() for _ in range(2)]
    time.sleep(2.5)
    os.rename(file(tmp, "2.csv", "7\n"), os.path.join(folder, "2.csv"))
    count = 1 if ttl != "0" else 2
    lines += [process.stdout.readline() for _ in range(count)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)
    return "".join(lines[1:])


@test
def state_ends_after_its_time(tmp):
    equal(changes_of_two_files(tmp, "0"), "+I,7,1\n-U,7,1\n+U,7,2\n")
    equal(changes_of_two_files(tmp, "2 s"), "+I,7,1\n+I,7,1\n")
    plan = run("sql", "-e", DATAGEN % (1, "") + "SET 'table.exec.state.ttl' = '2 s';"
               "EXPLAIN JSON_EXECUTION_PLAN SELECT n, COUNT(*) FROM gen GROUP BY n;")[0]
    contains(plan, "stateTtl=[2 s]")
    contains(plan, '"stateTtlMs": [2000, 0]')


@test
def a_mini_batch_is_a_step(tmp):
    script = job(tmp, 0, ", 'number-of-rows'='100'")
    batch = ["-D", "table.exec.mini-batch.enabled=true", "-D", "table.exec.mini-batch.size=7"]
    stop = ["-D", "execution.runtime-mode=streaming", "-D", "millrace.step.stop-after=2"]
    _, err = run("run", script, *stop, *batch)
    assert re.match(r"stopped after .*: 14 rows in", err), err
    _, err = run("run", script, *stop, *batch[2:])
    assert re.match(r"(stopped|finished) after .*: 100 rows in", err), err


@test
def a_job_begins_with_another_checkpoint(tmp):
    data, first, second = (os.path.join(tmp, name) for name in ("data", "cp1", "cp2"))
    script = file(tmp, "job.sql", "CREATE TABLE IF NOT EXISTS t (a INT, PRIMARY KEY (a) NOT ENFORCED);"
                  "CREATE TABLE IF NOT EXISTS v (g INT, n BIGINT, PRIMARY KEY (g) NOT ENFORCED);"
                  "INSERT INTO v SELECT a % 2, COUNT(*) FROM t GROUP BY a % 2;")
    values = ", ".join(f"({i})" for i in range(50))
    fill = file(tmp, "fill.sql", "CREATE TABLE IF NOT EXISTS t (a INT, PRIMARY KEY (a) NOT ENFORCED);"
                f"INSERT INTO t VALUES {values};")
    run("sql", "--data", data, "-f", fill)
    common = ["--data", data, "-D", "execution.runtime-mode=streaming", "-D", "millrace.step.max-rows=10"]
    _, err = run("run", script, *common, "-D", "millrace.step.stop-after=2", "--checkpoint-dir", first)
    contains(err, ": 20 rows in")
    from_first = ["-D", "execution.savepoint.path=file://" + first]
    _, err = run("run", script, *common, *from_first, "-D", "millrace.step.stop-after=1", "--checkpoint-dir", second)
    contains(err, ": 10 rows in")
    # its own checkpoint goes before the other one, which is as it was
    _, err = run("run", script, *common, *from_first, "--checkpoint-dir", second)
    contains(err, ": 20 rows in")
    out, _ = run("sql", "--data", data, "-e", "SELECT g, n FROM v ORDER BY g")
    equal(out, "g,n\n0,25\n1,25\n")
    _, err = run("run", script, *common, "--checkpoint-dir", first)
    contains(err, ": 30 rows in")
    _, err = run("run", script, *common, *from_first, status=1)
    contains(err, "the job has no directory of its own")
    _, err = run("run", script, *common, "-D", "execution.state-recovery.path=" + os.path.join(tmp, "none"),
                 "--checkpoint-dir", os.path.join(tmp, "cp3"), status=1)
    contains(err, "there is no checkpoint in")


@test
def a_job_is_restarted_when_its_server_fails(tmp):
    script = file(tmp, "job.sql", DATAGEN % (0, ", 'number-of-rows'='5'") +
                  "CREATE TABLE out (n BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector'='cassandra', "
                  "'hosts'='127.0.0.1', 'port'='1', 'keyspace'='k', 'table'='t');\nINSERT INTO out SELECT n FROM gen;\n")
    fixed = ["-D", "restart-strategy=fixed-delay", "-D", "restart-strategy.fixed-delay.attempts=2",
             "-D", "restart-strategy.fixed-delay.delay=50 ms"]
    checkpoint = ["--checkpoint-dir", os.path.join(tmp, "cp")]
    _, err = run("run", script, *fixed, *checkpoint, status=3)
    contains(err, "restart 1 of 2 from its last checkpoint in 50 ms")
    contains(err, "restart 2 of 2 from its last checkpoint in 50 ms")
    equal(err.count("warning: the job failed"), 2)
    for more in ([], checkpoint):  # without a directory, or a strategy, never
        _, err = run("run", script, *(more or fixed), status=3)
        equal(err.count("the job failed"), 0)
    grows = ["-D", "restart-strategy.type=exponential-delay",
             "-D", "restart-strategy.exponential-delay.initial-backoff=40 ms",
             "-D", "restart-strategy.exponential-delay.backoff-multiplier=2",
             "-D", "restart-strategy.exponential-delay.max-backoff=100 ms"]
    process = subprocess.Popen([MILLRACE, "run", script, *grows, *checkpoint], stderr=subprocess.PIPE, text=True)
    delays = []
    while len(delays) < 4:
        match = re.search(r"in (\d+) ms$", process.stderr.readline())
        if match:
            delays.append(int(match.group(1)))
    equal(delays, [40, 80, 100, 100])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)
    rate = ["-D", "restart-strategy.type=failure-rate",
            "-D", "restart-strategy.failure-rate.max-failures-per-interval=2", "-D", "restart-strategy.failure-rate.delay=1 ms"]
    _, err = run("run", script, *rate, *checkpoint, status=3)
    equal(err.count("warning: the job failed"), 2)


@test
def settings_without_effect_say_why(tmp):
    _, err = run("sql", "-e", "SET 'state.backend.type' = 'rocksdb'; SET 'state.backend.type' = 'hashmap';"
                 "SET 'table.optimizer.join.broadcast-threshold' = '1 mb'; SET 'table.exec.async-lookup.timeout' = '1 s';"
                 "SET 'sql-client.verbose' = 'true'; SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';"
                 "SET 'table.exec.stat.ttl' = '1 d'")
    lines = err.splitlines()
    equal(len(lines), 6)
    for line, part in zip(lines, ("'state.backend.type' has no effect here: state is in memory", "the hint BROADCAST",
                                  "keep the order of rows", "errors are whole", "exactly once",
                                  "unknown setting 'table.exec.stat.ttl' has no effect (did you mean 'table.exec.state.ttl'?)")):
        contains(line, part)


@test
def ctrl_c_ends_a_query(tmp):
    script = DATAGEN % (1000, "") + "SELECT n FROM gen; SELECT 'not reached';"
    process = subprocess.Popen([MILLRACE, "sql", "-e", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    equal(process.stdout.readline(), "n\n")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=TIMEOUT_S)
    equal(process.returncode, 130)
    assert "not reached" not in out


# --- the interactive shell --------------------------------------------------------------------------------------------


class Terminal:
    def __init__(self, tmp, *args, columns=80, rows=24, env=None):
        import fcntl
        import pty
        import struct
        import termios
        self.history = os.path.join(tmp, "home", "history")
        variables = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8", HOME=tmp, MILLRACE_HISTORY=self.history)
        variables.update(env or {})
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.fd = master
        self.process = subprocess.Popen([MILLRACE, *args], stdin=slave, stdout=slave, stderr=slave, env=variables,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = ""  # since the last expect

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, again=None):
        """Waits for a pattern; returns what came up to its end, without escape sequences. again: see wait."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            m = re.search(pattern, self.seen, re.S)
            if m:
                before, self.seen = self.seen[:m.end()], self.seen[m.end():]
                return before
            if again and not select.select([self.fd], [], [], 1)[0] and time.monotonic() < end:
                self.send(again)
                continue
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{pattern!r} did not come; there is:\n{self.seen}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"the program ended before {pattern!r}; there is:\n{self.seen}")
            text = data.decode(errors="replace").replace("\r\n", "\n")
            self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", text)

    def wait(self, again=None):
        """The exit status. again: sent until the program ends; a key that comes before the terminal is in raw mode is lost."""
        end, turns = time.monotonic() + TIMEOUT_S, 0
        while self.process.poll() is None and time.monotonic() < end:
            turns += 1
            if again and turns % 10 == 0:
                self.send(again)
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    break
        return self.process.wait(TIMEOUT_S)


PROMPT = r"millrace> "


@test
def shell_statements(tmp):
    with Terminal(tmp, "sql") as t:
        contains(t.expect(PROMPT), "\\? for help")
        t.send("SELECT 1 AS a,\n")
        t.expect(r" +\.\.\.> ")
        t.send("'x;' AS b;\n")
        shown = t.expect(r"\(1 row, .*?\)")
        contains(shown, "┌───┬────┐\n│ a │ b  │\n├───┼────┤\n│ 1 │ x; │\n└───┴────┘\n")
        t.expect(PROMPT)
        t.send("SELECT nothing;\n")
        contains(t.expect(PROMPT), "error: ")
        t.send("SET 'sql-client.display.print-time-cost' = 'false'; SELECT 2 AS a;\n")
        t.expect(r"\(1 row\)")
        t.send("RESET 'sql-client.display.print-time-cost'; SELECT 3 AS a;\n")
        t.expect(r"\(1 row, [\d.]+ \S+\)")
        t.send("CREATE TABLE t (a INT, b STRING, PRIMARY KEY (a) NOT ENFORCED);\n")
        t.expect(r"OK \(.*?\)")
        t.send("INSERT INTO t VALUES (1, 'one');\n")
        t.expect(r"OK, 1 row \(.*?\)")
        t.send("\\d\n")
        t.expect(r"│ t +│")
        t.send("\\d t\n")
        t.expect(r"│ a +│ INT")
        t.send("\\x\n")
        t.expect("format is vertical")
        t.send("SELECT * FROM t;\n")
        t.expect(r"-\[ RECORD 1 \].*b \| one")
        t.send("\\format csv\nSELECT b FROM t;\n")
        t.expect(r"\nb\none\n")
        out = os.path.join(tmp, "out.csv")
        t.send(f"\\o {out}\nSELECT a FROM t;\n\\o\n\\timing\n")
        t.expect("timing is off")
        with open(out) as f:
            equal(f.read(), "a\n1\n")
        script = file(tmp, "s.sql", "SELECT 41 + 1 AS answer;")
        t.send(f"\\i {script}\n")
        t.expect(r"answer\n42\n")
        t.send("\\nonsense\n")
        t.expect("there is no command")
        t.send("help\n")
        t.expect("Tab completes")
        t.send("quit\n")
        equal(t.wait(), 0)


@test
def shell_ends_with_ctrl_d(tmp):
    with Terminal(tmp, "sql") as t:
        t.expect(PROMPT)
        t.send("SELECT nonsense;\n")
        t.expect("error: .*" + PROMPT)
        t.send("\x04")
        equal(t.wait(again="\x04"), 0)
    with open(t.history) as f:
        contains(f.read(), "nonsense")
    with Terminal(tmp, "sql") as t:  # the arrow brings it back
        t.expect(PROMPT)
        t.send("\x1b[A")
        t.expect("SELECT nonsense;", again="\x1b[A")
        t.send("\n")
        t.expect("error: .*" + PROMPT)
        t.send("\x04")
        equal(t.wait(again="\x04"), 0)


@test
def shell_ctrl_c(tmp):
    with Terminal(tmp, "sql") as t:
        t.expect(PROMPT)
        t.send("SELECT 'half")
        t.expect("half")
        t.send("\x03")
        t.expect(r"\^C\s+" + PROMPT)
        t.send(DATAGEN.strip() % ("1000", "") + "\n")
        t.expect("OK")
        t.expect(PROMPT)
        t.send("SELECT n FROM gen;\n")
        t.expect(r"│ +-?\d+ │")
        t.send("\x03")
        t.expect(r"rows?, .*?\)")
        t.expect(PROMPT)
        t.send("SELECT 5 + 6 AS eleven;\n")
        t.expect(r"│ +11 │")
        t.send("\\q\n")
        equal(t.wait(), 0)


@test
def shell_completion(tmp):
    with Terminal(tmp, "sql") as t:
        t.expect(PROMPT)
        t.send("CREATE TABLE purchases (a INT);\n")
        t.expect("OK")
        t.expect(PROMPT)
        t.send("describ\t")
        t.expect(r"describ\s*e ")
        t.send("purch\t")
        t.expect(r"purch\s*ases ")
        t.send(";\n")
        t.expect(r"│ a +│ INT")
        t.expect(PROMPT)
        t.send("\\tim\t\n")
        t.expect("timing is off")
        t.send("SET 'parallelism.d\t' = '2';\n")
        t.expect(r"parallelism\.d\s*efault")
        t.expect(r"OK")
        t.send("\\q\n")
        equal(t.wait(), 0)


@test
def shell_live_view(tmp):
    """A streaming aggregate is redrawn while it runs, within the screen, and printed once more at the end."""
    with Terminal(tmp, "sql", rows=15) as t:
        t.expect(PROMPT)
        t.send("SET 'execution.runtime-mode' = 'streaming';\n")
        t.expect("OK")
        t.send((DATAGEN.strip() % ("1000", ", 'fields.n.min'='0', 'fields.n.max'='29'")) + "\n")
        t.expect("OK")
        t.send("SELECT n, COUNT(*) AS times FROM gen GROUP BY n;\n")
        first = t.expect(r"\(30 rows, the first 9 shown; running, Ctrl-C ends it\)")
        t.expect(r"\(30 rows, the first 9 shown; running, Ctrl-C ends it\)")
        contains(first, "times")
        t.send("\x03")
        final = t.expect(r"\(30 rows, [\d.]+ m?s\)")
        equal(len(re.findall(r"^│ +\d+ │ +\d+ │$", final, re.M)) >= 30, True)
        t.send("\\q\n")
        equal(t.wait(), 0)


@test
def terminal_widths_and_progress(tmp):
    with Terminal(tmp, "sql", "-e", "SELECT 'abcdefghijklmnopqrstuvwxyz' AS a, 'short' AS b", columns=30) as t:
        t.expect(r"│ abcdefghijklmnopq… │ short │\n")
    with Terminal(tmp, "run", job(tmp, 1000, ", 'number-of-rows'='1500'"), columns=120) as t:
        t.expect(r"\r[\d.]+ m?s  [\d,]+ rows in  [\d,]+ out  [\d,]+ rows/s")
        t.expect(r"finished after .* 1,500 rows in")
        equal(t.wait(), 0)


def no_terminal():
    try:
        import pty
        os.close(pty.openpty()[0])
        return ""
    except (ImportError, OSError) as e:
        return f"no pseudo-terminal: {e}"


def main():
    global MILLRACE
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    MILLRACE = os.path.abspath(sys.argv[1])
    reason = no_terminal()
    run_cases(sys.argv[2:], lambda name: reason if name.startswith(("shell_", "terminal_")) else "")


main()
