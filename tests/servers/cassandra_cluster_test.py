#!/usr/bin/env python3
"""Three Cassandra nodes, three copies of everything, LOCAL_QUORUM: scans, joins by key, INSERTs and loads of a file, all under way while a
node is paused, cut off from the network, stopped or killed, and comes back. Nothing may be lost or come twice, nothing may hang, and
nothing may fail, until too few copies are left: that is one clear message. The program is given one contact point; the others it has
to find."""
import csv
import os
import re
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WITH_CLUSTER = os.path.join(HERE, "with-cluster")
if not os.environ.get("MILLRACE_TEST_CLUSTER"):
    os.execv(WITH_CLUSTER, ["with-cluster", sys.executable, os.path.abspath(__file__)])

from cassandra import ConsistencyLevel
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.policies import WhiteListRoundRobinPolicy

MILLRACE, TMP, DIR = os.environ["MILLRACE"], os.environ["TMP"], os.environ["MILLRACE_TEST_CLUSTER_DIR"]
NODES = [node.rsplit(":", 1) for node in os.environ["MILLRACE_TEST_CLUSTER"].split(",")]
CAN_CUT = os.environ.get("MILLRACE_TEST_CLUSTER_CUTS") == "1"
ROWS, KEYS = 50000, 2000
START = time.monotonic()
# An attempt is given up after REQUEST_TIMEOUT_S; no operation may take longer than LIMIT_S, whatever happens to one node (until the others
# have noticed, each of their reads may wait for it), nor than REFUSAL_S until it says that two are away.
REQUEST_TIMEOUT_S, LIMIT_S, REFUSAL_S = 4, 120, 40
ATTEMPTS = 3


def say(*what):
    print(f"{time.monotonic() - START:6.1f} s ", *what, flush=True)


# ---- The program ----

class Run:
    """The program at work. check: of its output, text that is wrong or None."""
    count = 0

    def __init__(self, what, *args, script=None, check=None):
        self.what, self.script, self.check, self.begun = what, script, check, time.monotonic()
        stdin = subprocess.DEVNULL
        if script:
            Run.count += 1
            name = os.path.join(TMP, f"script{Run.count}.sql")
            with open(name, "w") as file:
                file.write(script)
            args = ("sql", "--format", "csv", "-f", name)
        self.process = subprocess.Popen([MILLRACE, *args], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TMP)

    def running(self):
        return self.process.poll() is None

    def finish(self, status=0, limit_s=LIMIT_S):
        """Its standard output, or what it complains about."""
        try:
            out, errors = self.process.communicate(timeout=max(0.1, self.begun + limit_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, errors = self.process.communicate()
            sys.exit(f"{self.what}: no end within {limit_s} s\n{self.script or ''}\n{errors[-3000:]}")
        if self.process.returncode != status:
            sys.exit(f"{self.what}: exit status {self.process.returncode} instead of {status}\n{self.script or ''}\n{out[-1000:]}\n"
                     f"{errors[-3000:]}")
        wrong = self.check(out) if self.check and status == 0 else None
        if wrong:
            sys.exit(f"{self.what}: {wrong}\n{self.script or ''}\n{errors[-3000:]}")
        return out if status == 0 else errors


def catalog(node=1, more="", consistency="LOCAL_QUORUM"):
    host = ":".join(NODES[node - 1])
    return (f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{host}', 'consistency'='{consistency}', "
            f"'request-timeout'='{REQUEST_TIMEOUT_S} s'{more});\n")


def millrace(script, status=0):
    return Run("a script", script=script).finish(status)


def make_rows():
    """Some partitions have many rows, so that there are batches."""
    with open(os.path.join(TMP, "rows.csv"), "w") as out:
        csv.writer(out).writerows((i % KEYS, i, i * 7 % 1000, f"text {i}") for i in range(ROWS))
    with open(os.path.join(TMP, "keys.csv"), "w") as out:
        csv.writer(out).writerows((n, n % (2 * KEYS)) for n in range(3 * KEYS))


FILES = f"""CREATE TABLE rows_in (k INT, i INT, v INT, t STRING)
  WITH ('connector'='filesystem', 'path'='{TMP}/rows.csv', 'format'='csv');
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


def scan(table, node=1, more="", hint=""):
    return Run(f"scan of {table}", script=catalog(node, more) + SCAN.format(table, hint), check=gives(WANTED))


def join(table, node=1, more="", hint=""):
    return Run(f"join with {table}", script=catalog(node, more) + FILES + JOIN.format(table, hint), check=gives(JOINED))


def insert(table, more=""):
    return Run(f"INSERT into {table}", script=catalog(1, more) + FILES +
               f"INSERT INTO c.shop.{table} /*+ OPTIONS('sink.rows-per-second'='15000') */ SELECT * FROM rows_in;\n")


def load(table, attempts=None):
    more = ["-o", f"max-attempts={attempts}"] if attempts else []
    return Run(f"load into {table}", "load", "rows.csv", "INTO", f"shop.{table}", "--host", ":".join(NODES[0]), "--no-header",
               "--consistency", "LOCAL_QUORUM", "--rate", "15000", "-o", f"request-timeout={REQUEST_TIMEOUT_S} s", *more)


def read(*tables, node=1, more=""):
    """Scans and joins by key, at the same time."""
    for run in [kind(table, node, more) for table in tables for kind in (scan, join)]:
        run.finish()


def slow_reads():
    return [scan("quiet", hint=SLOW_SCAN), join("quiet", hint=SLOW_JOIN)]


def in_the_middle_of_everything(name, happens, middle_s, heals=None, node=1):
    """Something happens while a scan, a join, an INSERT and a load are under way, which know node 1; the reads began middle_s before. How often
    was read by `node` meanwhile."""
    loads = [insert(name), load(name + "_file")]
    time.sleep(1)
    for _ in range(5):
        reads = slow_reads()
        time.sleep(middle_s)
        if all(run.running() for run in reads):
            break
        for run in reads:
            run.finish()
    if not all(run.running() for run in loads + reads):
        sys.exit("something ended before anything happened")
    happens()
    rounds = 0
    while rounds < 2 or (rounds < 8 and any(run.running() for run in loads + reads)):
        read("quiet", node=node)
        rounds += 1
        if heals and rounds == 2:
            heals()
    for run in loads + reads:
        run.finish()
    # while the node is still away, if it is
    read(name, name + "_file", node=node)
    return rounds


# ---- Nodes ----

def send(node, number):
    with open(f"{DIR}/{node}/cassandra.pid") as pid:
        os.kill(int(pid.read()), number)


def gone(node):
    """A node that was killed or stopped has left."""
    with open(f"{DIR}/{node}/cassandra.pid") as file:
        pid = int(file.read())
    while os.path.exists(f"/proc/{pid}"):
        time.sleep(0.1)
    os.remove(f"{DIR}/{node}/cassandra.pid")


def with_cluster(what, node):
    subprocess.run([WITH_CLUSTER, what, str(node)], check=True, timeout=240)


def cut_off(node):
    """Its process lives, and nothing of what is sent to it is answered, not even refused."""
    with_cluster("cut", node)
    host, port = NODES[node - 1]
    try:
        socket.create_connection((host, int(port)), timeout=0.3)
    except TimeoutError:
        return
    sys.exit(f"node {node} is not cut off")


def session(node):
    host, port = NODES[node - 1]
    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([host]), request_timeout=30,
                               consistency_level=ConsistencyLevel.QUORUM)
    cluster = Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile})
    return cluster, cluster.connect()


def wait_for_all():
    """Until each node can write to all three."""
    for node in (1, 2, 3):
        cluster, s = session(node)
        statement = s.prepare("INSERT INTO shop.probe (k) VALUES (1)")
        statement.consistency_level = ConsistencyLevel.ALL
        for _ in range(200):
            try:
                s.execute(statement)
                break
            except Exception:
                time.sleep(0.2)
        else:
            sys.exit("the nodes do not find each other again")
        cluster.shutdown()


# ---- Too few copies ----

def too_few(wanted):
    """Every operation, which knows node 1, ends with status 3 and one message, soon."""
    more = f", 'max-attempts'='{ATTEMPTS}'"
    for run in [scan("quiet", more=more), join("quiet", more=more), insert("quiet", more), load("quiet", ATTEMPTS)]:
        errors = run.finish(status=3, limit_s=REFUSAL_S)
        for part in [*wanted, "consistency LOCAL_QUORUM", "hint: .*'nodetool status'"]:
            if not re.search(part, errors):
                sys.exit(f"{run.what}, two nodes are away: the message lacks {part!r}:\n{errors}")


def main():
    make_rows()
    # schema agreement: the tables are used at once, over all nodes
    faults = ("paused", "cut", "stopped", "killed")
    millrace(catalog() + """CREATE DATABASE c.shop WITH ('replication-factor'='3');
CREATE TABLE c.shop.probe (k INT PRIMARY KEY NOT ENFORCED);
""" + "".join(f"CREATE TABLE c.shop.{t} (k INT, i INT, v INT, t STRING, PRIMARY KEY (k, i) NOT ENFORCED);\n"
              for t in ("quiet", *faults, *(f"{fault}_file" for fault in faults))))
    insert("quiet").finish()
    read("quiet")
    durations = []
    for run in slow_reads():
        run.finish()
        durations.append(time.monotonic() - run.begun)
    middle_s = 0.5 * min(durations)
    say(f"three nodes: loaded and read; slow reads take {durations[0]:.1f} and {durations[1]:.1f} s")

    rounds = in_the_middle_of_everything("paused", lambda: send(3, signal.SIGSTOP), middle_s)
    send(3, signal.SIGCONT)
    wait_for_all()
    say(f"node 3 paused: {rounds} rounds right")
    send(2, signal.SIGSTOP)
    read("quiet", more=", 'speculative-execution.delay'='100 ms'")
    send(2, signal.SIGCONT)
    wait_for_all()
    say("node 2 paused, others asked as well: right")

    if CAN_CUT:
        rounds = in_the_middle_of_everything("cut", lambda: cut_off(3), middle_s, heals=lambda: with_cluster("heal", 3))
        wait_for_all()
        say(f"node 3 cut off, and back: {rounds} rounds right")
    else:
        say("SKIPPED: a node is cut off, which needs root and nft (Debian: nftables)")

    # the contact point, which has the control connection
    rounds = in_the_middle_of_everything("stopped", lambda: send(1, signal.SIGTERM), middle_s, node=3)
    gone(1)
    with_cluster("start", 1)
    wait_for_all()
    say(f"node 1 stopped: {rounds} rounds right")

    rounds = in_the_middle_of_everything("killed", lambda: send(2, signal.SIGKILL), middle_s)
    gone(2)
    say(f"node 2 killed: {rounds} rounds right")

    if CAN_CUT:
        cut_off(3)
        too_few([r"Cassandra, table shop.quiet: 127.0.0.\d:\d+: (not enough replicas are alive|(read|write) timed out|no answer within)"])
        with_cluster("heal", 3)
        read("quiet")
        say("node 3 cut off as well: said so; and all is there when it is back")
    send(3, signal.SIGTERM)
    gone(3)
    too_few([r"Cassandra, table shop.quiet: 127.0.0.1:\d+: (not enough replicas are alive|(read|write) timed out)"])
    say("one node left: said so")
    Run("a scan with ONE", script=catalog(1, consistency="ONE") + SCAN.format("quiet", ""), check=gives(WANTED)).finish()
    send(1, signal.SIGKILL)
    gone(1)
    errors = scan("quiet").finish(status=3)
    if "cannot connect to Cassandra: 127.0.0.1" not in errors:
        sys.exit(f"no node left: the message is {errors}")
    say("no node left: said so")


main()
