#!/usr/bin/env python3
"""'restart-strategy.type': the Cassandra that a job writes to is killed under it and started again. The job goes on from its last checkpoint by
itself, every row counts once; without the setting it ends with exit status 3."""
import csv
import os
import signal
import subprocess
import sys
import time

from driver import connect

MILLRACE, TMP = os.environ["MILLRACE"], os.environ["TMP"]
SCRIPT = os.path.join(os.environ["MILLRACE_SERVER_SCRIPTS"], "cassandra.sh")
ENV = dict(os.environ, MODE="fast", HEAP="1G")
NODE, PATIENCE_S, KEYS = os.path.join(TMP, "node"), 300, 7
PORT = subprocess.check_output([SCRIPT, "port"], env=ENV, text=True).strip()
SQL = f"""
CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='127.0.0.1:{PORT}', 'request-timeout'='4 s', 'connect-timeout'='4 s');
CREATE TEMPORARY TABLE numbers (k INT, v BIGINT)
  WITH ('connector'='filesystem', 'path'='{TMP}/in', 'format'='csv', 'source.monitor-interval'='100 ms');
INSERT INTO c.shop.sums SELECT k, COUNT(*), SUM(v) FROM numbers GROUP BY k;
"""


def server(*args):
    subprocess.run([SCRIPT, *args], env=ENV, check=True)


def add_file(number, first, last):
    part = os.path.join(TMP, "part")
    with open(part, "w") as out:
        csv.writer(out).writerows((v % KEYS, v) for v in range(first, last))
    os.rename(part, os.path.join(TMP, "in", f"{number}.csv"))


def totals(last):
    return [(k, len(range(k, last, KEYS)), sum(range(k, last, KEYS))) for k in range(KEYS)]


def start(name, *options):
    errors = open(os.path.join(TMP, f"{name}.log"), "w")
    return errors.name, subprocess.Popen(
        [MILLRACE, "run", os.path.join(TMP, "job.sql"), "--checkpoint-dir", os.path.join(TMP, name), "--no-progress",
         "-D", "execution.checkpointing.interval=200 ms", *options], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)


def said(log):
    with open(log) as text:
        return text.read()


def await_that(what, holds, job, log):
    until = time.monotonic() + PATIENCE_S
    while not holds():
        if job.poll() is not None:
            sys.exit(f"{what}: the job ended with {job.returncode}\n{said(log)}")
        if time.monotonic() > until:
            sys.exit(f"{what}: not after {PATIENCE_S} s\n{said(log)}")
        time.sleep(0.1)


def found():
    cluster = connect("127.0.0.1", PORT)
    try:
        return sorted((row.k, row.c, row.s) for row in cluster.connect("shop").execute("SELECT k, c, s FROM sums"))
    finally:
        cluster.shutdown()


def main():
    os.mkdir(os.path.join(TMP, "in"))
    with open(os.path.join(TMP, "job.sql"), "w") as out:
        out.write(SQL)
    server("start", NODE, PORT)
    cluster = connect("127.0.0.1", PORT)
    session = cluster.connect()
    session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    session.execute("CREATE TABLE shop.sums (k int PRIMARY KEY, c bigint, s bigint)")
    cluster.shutdown()

    add_file(0, 0, 1000)
    log, job = start("restarts", "-D", "restart-strategy.type=fixed-delay", "-D", "restart-strategy.fixed-delay.attempts=1000",
                     "-D", "restart-strategy.fixed-delay.delay=500 ms")
    await_that("the first rows", lambda: found() == totals(1000), job, log)
    server("kill", NODE)
    add_file(1, 1000, 3000)
    await_that("a restart", lambda: "restart 1 of 1000 from its last checkpoint" in said(log), job, log)
    add_file(2, 3000, 3500)
    server("start", NODE, PORT)
    await_that("all rows", lambda: found() == totals(3500), job, log)
    job.send_signal(signal.SIGINT)
    job.wait(PATIENCE_S)
    print("ok restarted until the server was back")

    # from the beginning, in a directory of its own: the same sums again
    log, job = start("none")
    await_that("all rows", lambda: os.path.exists(os.path.join(TMP, "none", "MANIFEST")) and found() == totals(3500), job, log)
    server("kill", NODE)
    add_file(3, 3500, 3600)
    status = job.wait(PATIENCE_S)
    if status != 3 or f"127.0.0.1:{PORT}" not in said(log):
        sys.exit(f"without restarts: exit status {status}\n{said(log)}")
    print("ok ended without the setting")


try:
    main()
finally:
    if os.path.exists(os.path.join(NODE, "cassandra.pid")):
        server("kill", NODE)
