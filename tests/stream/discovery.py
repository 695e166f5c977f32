#!/usr/bin/env python3
"""discovery.py MILLRACE [--kills N]: files that come into a folder while a job reads it ('source.monitor-interval').

The job is killed (SIGKILL) at random moments, and files come while it runs and while it does not: every row must count once. In
the second case the rows have event times: the windows of the files that are there stay open, since others may come.
Prints TAP."""
import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = int(os.environ.get("MILLRACE_TEST_TIMEOUT", "300"))


class Job:
    def __init__(self, millrace, folder, definitions):
        self.millrace, self.folder, self.process, self.files = millrace, folder, None, 0
        os.mkdir(os.path.join(folder, "in"))
        self.script = os.path.join(folder, "job.sql")
        with open(self.script, "w") as f:
            f.write(definitions.replace("${IN}", os.path.join(folder, "in")))

    def add_file(self, lines):
        """As users are told to: written elsewhere, then moved in."""
        part = os.path.join(self.folder, "part")
        with open(part, "w") as f:
            f.writelines(line + "\n" for line in lines)
        os.rename(part, os.path.join(self.folder, "in", f"{self.files:04d}.csv"))
        self.files += 1

    def start(self):
        self.process = subprocess.Popen(
            [self.millrace, "run", self.script, "--data", os.path.join(self.folder, "data"), "--checkpoint-dir",
             os.path.join(self.folder, "checkpoints"), "--no-progress", "-D", "execution.checkpointing.interval=300 ms"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def end(self, how):
        if self.process.poll() is not None:
            raise AssertionError(f"the job ended by itself with {self.process.returncode}: {self.process.stderr.read()}")
        self.process.send_signal(how)
        self.process.communicate(timeout=TIMEOUT_S)

    def rows(self, query):
        run = subprocess.run([self.millrace, "sql", "--data", os.path.join(self.folder, "data"), "-e", query],
                             capture_output=True, text=True, timeout=TIMEOUT_S)
        return [tuple(line.split(",")) for line in run.stdout.splitlines()[1:]]

    def await_rows(self, query, expected):
        until = time.monotonic() + TIMEOUT_S
        while True:
            rows = self.rows(query)
            if rows == expected:
                return
            if time.monotonic() > until or self.process.poll() is not None:
                said = self.process.stderr.read() if self.process.poll() is not None else ""
                raise AssertionError(f"{query}: {rows} instead of {expected}\n{said}")
            time.sleep(0.1)


def counts(millrace, folder, rng, kills):
    job = Job(millrace, folder, """
CREATE TEMPORARY TABLE f (n INT, i BIGINT) WITH ('connector'='filesystem', 'path'='${IN}', 'format'='csv', 'source.monitor-interval'='50 ms');
CREATE TABLE IF NOT EXISTS v (n INT, c BIGINT, s BIGINT, PRIMARY KEY (n) NOT ENFORCED);
INSERT INTO v SELECT n, COUNT(*), SUM(i) FROM f GROUP BY n;
""")
    expected = []

    def add():
        count = rng.randrange(1, 3000)
        expected.append((str(job.files), str(count), str(count * (count - 1) // 2)))
        job.add_file(f"{job.files},{i}" for i in range(count))

    add()
    job.start()
    for _ in range(kills):
        for _ in range(3):
            add()
            time.sleep(rng.random() * 0.3)
        job.end(signal.SIGKILL)
        add()
        job.start()
    add()
    job.await_rows("SELECT * FROM v ORDER BY n", expected)
    job.end(signal.SIGINT)


def windows(millrace, folder, rng, kills):
    del rng, kills
    job = Job(millrace, folder, """
CREATE TEMPORARY TABLE f (n INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='filesystem', 'path'='${IN}', 'format'='csv', 'source.monitor-interval'='50 ms');
CREATE TABLE IF NOT EXISTS w (m BIGINT, c BIGINT, PRIMARY KEY (m) NOT ENFORCED);
INSERT INTO w SELECT MINUTE(window_start), COUNT(*) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
""")
    per_minute = collections.Counter()
    for minute in range(4):
        times = [minute * 60 + second for second in range(0, 60, 10)]
        per_minute.update(second // 60 for second in times)
        job.add_file(f"{minute},2024-01-01 00:{t // 60:02d}:{t % 60:02d}" for t in times)
        if minute == 0:
            job.start()
        # the minute before is over, this one is not: a file with more of it may come
        job.await_rows("SELECT * FROM w ORDER BY m", [(str(m), str(per_minute[m])) for m in range(minute)])
        if minute == 1:
            job.end(signal.SIGKILL)
            job.start()
    job.end(signal.SIGINT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("millrace")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("MILLRACE_TEST_SEED", time.time())))
    args = parser.parse_args()
    print("# seed", args.seed)
    cases, failed = [counts, windows], 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        folder = tempfile.mkdtemp(prefix="millrace-discovery.")
        try:
            case(os.path.abspath(args.millrace), folder, random.Random(args.seed), args.kills)
            print(f"ok {number} - {case.__name__}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as e:
            failed = 1
            print(f"not ok {number} - {case.__name__}")
            print("\n".join("# " + line for line in str(e).splitlines()), flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(failed)


main()
