#!/usr/bin/env python3
"""Three Cassandra nodes, three copies of everything, LOCAL_QUORUM: scans, joins by key, INSERTs and loads of a file, all under way while a
node is paused, cut off from the network, stopped or killed, and comes back. Nothing may be lost or come twice, nothing may hang, and
nothing may fail, until too few copies are left: that is one clear message. The program is given one contact point; the others it has
to find. MILLRACE_TEST_CLUSTER_SHORT=1: only a node that is paused and one that is stopped and comes back, with fewer rows."""
import csv
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from cluster import (CAN_CUT, LIMIT_S, NODES, REQUEST_TIMEOUT_S, TMP, Run, catalog, gone, host, millrace, must_say, say, send,
                     wait_for_members, wait_for_replicas, with_cluster)
from cassandra import ConsistencyLevel

SHORT = os.environ.get("MILLRACE_TEST_CLUSTER_SHORT") == "1"
ROWS, KEYS = (20000, 800) if SHORT else (50000, 2000)
# That two nodes are away is said after so many attempts, of REQUEST_TIMEOUT_S each at most: soon.
FEW_ATTEMPTS, REFUSAL_S = 3, 120


def make_rows():
    """Some partitions have many rows, so that there are batches."""
    with open(os.path.join(TMP, "rows.csv"), "w") as out:
        csv.writer(out).writerows((i % KEYS, i, i * 7 % 1000, f"text {i}") for i in range(ROWS))
    with open(os.path.join(TMP, "keys.csv"), "w") as out:
        csv.writer(out).writerows((n, n % (2 * KEYS)) for n in range(3 * KEYS))


class Feed:
    """The rows as a named pipe: some, then a few at a time, and the last ones when `finish` is called. Who reads it is at work until then."""
    count = 0
    PIECE, REST_S = ROWS // 50, 0.3

    def __init__(self):
        Feed.count += 1
        self.name = os.path.join(TMP, f"feed{Feed.count}.csv")
        os.mkfifo(self.name)
        self.begun, self.all = threading.Event(), threading.Event()
        threading.Thread(target=self.write, daemon=True).start()

    def write(self):
        with open(os.path.join(TMP, "rows.csv")) as rows:
            lines = rows.readlines()
        try:
            with open(self.name, "w") as out:
                for first in range(0, len(lines), self.PIECE):
                    last = first + self.PIECE >= len(lines)
                    self.all.wait(None if last else self.REST_S)
                    out.writelines(lines[first:first + self.PIECE])
                    out.flush()
                    if first >= len(lines) // 10:
                        self.begun.set()
        except BrokenPipeError:  # who read it has failed, and says so
            self.begun.set()

    def finish(self):
        self.all.set()


def tables(rows="rows.csv"):
    return f"""CREATE TABLE rows_in (k INT, i INT, v INT, t STRING)
  WITH ('connector'='filesystem', 'path'='{TMP}/{os.path.basename(rows)}', 'format'='csv');
CREATE TABLE keys_in (n INT, k INT, p AS PROCTIME())
  WITH ('connector'='filesystem', 'path'='{TMP}/keys.csv', 'format'='csv');
"""


# how many rows, and sums that a lost row, a row twice or a wrong one would change
WANTED = [str(ROWS), str(sum(range(ROWS))), str(sum(i * 7 % 1000 for i in range(ROWS))), str(ROWS)]
SCAN = "SELECT COUNT(*), SUM(CAST(i AS BIGINT)), SUM(CAST(v AS BIGINT)), COUNT(DISTINCT t) FROM c.shop.{0} {1};\n"
EACH = ROWS // KEYS
HIT = [n for n in range(3 * KEYS) if n % (2 * KEYS) < KEYS]
JOINED = [str(EACH * len(HIT)), str(sum(EACH * n for n in HIT)),
          str(sum(sum(range(n % (2 * KEYS), ROWS, KEYS)) for n in HIT))]
JOIN = ("SELECT COUNT(*), SUM(CAST(x.n AS BIGINT)), SUM(CAST(y.i AS BIGINT)) FROM keys_in AS x "
        "JOIN c.shop.{0} {1} FOR SYSTEM_TIME AS OF x.p AS y ON x.k = y.k;\n")
# many requests one after the other, so that something is under way when something happens
SLOW_SCAN = "/*+ OPTIONS('scan.page-size'='100', 'scan.prefetch-pages'='1') */"
SLOW_JOIN = "/*+ OPTIONS('lookup.max-in-flight'='4') */"


def gives(wanted):
    def check(out):
        got = out.strip().splitlines()[-1].split(",")
        return None if got == wanted else f"{got} instead of {wanted}"
    return check


def scan(table, node=1, hint="", **more):
    return Run(f"scan of {table}", script=catalog(host(node), **more) + SCAN.format(table, hint), check=gives(WANTED))


def join(table, node=1, hint="", **more):
    return Run(f"join with {table}", script=catalog(host(node), **more) + tables() + JOIN.format(table, hint), check=gives(JOINED))


def insert(table, rows="rows.csv", hint="", **more):
    return Run(f"INSERT into {table}", script=catalog(host(1), **more) + tables(rows) + "SET 'execution.runtime-mode' = 'streaming';\n"
               f"INSERT INTO c.shop.{table} {hint} SELECT * FROM rows_in;\n")


def load(table, rows="rows.csv", attempts=16):
    return Run(f"load into {table}", "load", os.path.basename(rows), "INTO", f"shop.{table}", "--host", host(1), "--no-header",
               "--consistency", "LOCAL_QUORUM", "-o", f"request-timeout={REQUEST_TIMEOUT_S} s", "-o", f"max-attempts={attempts}")


def read(*names, node=1, **more):
    """Scans and joins by key, at the same time."""
    for run in [kind(name, node, **more) for name in names for kind in (scan, join)]:
        run.finish()


middle_s = {}


def in_the_middle(kind, hint):
    """One that has begun and not ended, and goes no further until it is let."""
    while True:
        run = kind("quiet", hint=hint)
        time.sleep(middle_s.get(kind, 1))
        if run.hold():
            return run
        run.finish()
        middle_s[kind] = 0.5 * run.took


def in_the_middle_of_everything(name, happens, heals=None, node=1):
    """Something happens while a scan, a join, an INSERT and a load are under way, which know node 1. How often was read by `node` meanwhile."""
    feeds = [Feed(), Feed()]
    loads = [insert(name, feeds[0].name), load(name + "_file", feeds[1].name)]
    for feed, run in zip(feeds, loads):
        while not feed.begun.wait(0.1):
            if not run.running():
                run.finish()
                sys.exit(f"{run.what} has ended before its input")
    reads = [in_the_middle(scan, SLOW_SCAN), in_the_middle(join, SLOW_JOIN)]
    happens()
    for run in reads:
        run.go_on()
    rounds = 0
    while rounds < 2 or (rounds < 8 and any(run.running() for run in reads)):
        read("quiet", node=node)
        rounds += 1
        if heals and rounds == 2:
            heals()
    for run in loads:
        if not run.running():
            run.finish()
            sys.exit(f"{run.what} has ended before its input")
    for feed in feeds:
        feed.finish()
    for run in loads:
        run.finish(limit_s=4 * LIMIT_S)
    for run in reads:
        run.finish()
    # while the node is still away, if it is
    read(name, name + "_file", node=node)
    return rounds


def cut_off(node):
    """Its process lives, and nothing of what is sent to it is answered, not even refused."""
    with_cluster("cut", node)
    address, port = NODES[node - 1]
    try:
        socket.create_connection((address, int(port)), timeout=1)
    except TimeoutError:
        return
    sys.exit(f"node {node} is not cut off")


def too_few(*wanted):
    """Every operation, which knows node 1, ends with status 3 and one message: after a few attempts, so soon."""
    few = {"attempts": FEW_ATTEMPTS}
    for run in [scan("quiet", **few), join("quiet", **few), insert("quiet", **few), load("quiet", attempts=FEW_ATTEMPTS)]:
        errors = run.finish(status=3, limit_s=REFUSAL_S)
        must_say(f"{run.what}, two nodes are away", errors, *wanted, "consistency LOCAL_QUORUM", "hint: .*'nodetool status'")


def paused(node=3):
    rounds = in_the_middle_of_everything("paused", lambda: send(node, signal.SIGSTOP))
    send(node, signal.SIGCONT)
    wait_for_replicas(1, 2, 3)
    say(f"node {node} paused: {rounds} rounds right")


def stopped():
    """The contact point, which has the control connection."""
    rounds = in_the_middle_of_everything("stopped", lambda: send(1, signal.SIGTERM), node=3)
    gone(1)
    with_cluster("start", 1)
    wait_for_replicas(1, 2, 3)
    read("stopped")
    say(f"node 1 stopped, and back: {rounds} rounds right")


def prepare(*names):
    """The tables, with schema agreement: they are used at once, over all nodes. What `quiet` holds is on every node."""
    make_rows()
    wait_for_members()
    millrace(catalog(host(1), request_timeout_s=120) + """CREATE DATABASE c.shop WITH ('replication-factor'='3');
CREATE TABLE c.shop.probe (k INT PRIMARY KEY NOT ENFORCED);
""" + "".join(f"CREATE TABLE c.shop.{t} (k INT, i INT, v INT, t STRING, PRIMARY KEY (k, i) NOT ENFORCED);\n"
              for t in ("quiet", *names, *(f"{name}_file" for name in names))), limit_s=2 * LIMIT_S)
    wait_for_replicas(1, 2, 3)
    insert("quiet", hint="/*+ OPTIONS('sink.consistency'='ALL') */").finish()
    read("quiet")
    say("three nodes: loaded and read")


def everything():
    prepare("paused", "cut", "stopped", "killed")
    paused()
    send(2, signal.SIGSTOP)
    read("quiet", more=", 'speculative-execution.delay'='100 ms'")
    send(2, signal.SIGCONT)
    wait_for_replicas(1, 2, 3)
    say("node 2 paused, others asked as well: right")

    if CAN_CUT:
        rounds = in_the_middle_of_everything("cut", lambda: cut_off(3), heals=lambda: with_cluster("heal", 3))
        wait_for_replicas(1, 2, 3)
        say(f"node 3 cut off, and back: {rounds} rounds right")
    else:
        say("SKIPPED: a node is cut off, which needs root and nft (Debian: nftables)")

    stopped()

    rounds = in_the_middle_of_everything("killed", lambda: send(2, signal.SIGKILL))
    gone(2)
    say(f"node 2 killed: {rounds} rounds right")

    if CAN_CUT:
        cut_off(3)
        too_few(r"Cassandra, table shop.quiet: 127.0.0.\d:\d+: (not enough replicas are alive|(read|write) (timed out|failed)|no answer within)")
        with_cluster("heal", 3)
        wait_for_replicas(1, 3, level=ConsistencyLevel.TWO)
        read("quiet")
        say("node 3 cut off as well: said so; and all is there when it is back")
    send(3, signal.SIGTERM)
    gone(3)
    too_few(r"Cassandra, table shop.quiet: 127.0.0.1:\d+: (not enough replicas are alive|(read|write) (timed out|failed))")
    say("one node left: said so")
    scan("quiet", consistency="ONE").finish()
    send(1, signal.SIGKILL)
    gone(1)
    must_say("no node left", scan("quiet", attempts=FEW_ATTEMPTS).finish(status=3), "cannot connect to Cassandra: 127.0.0.1")
    say("no node left: said so")


def the_least():
    prepare("paused", "stopped")
    paused()
    stopped()


the_least() if SHORT else everything()
