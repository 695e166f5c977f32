"""What the tests with several real nodes of Cassandra share: the program at work, nodes that are stopped and come back, and waiting until
something is so. Nothing here or there may depend on how fast the machine is: a wait is for a condition, and its limit only says that it
will never come."""
import os
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WITH_CLUSTER = os.path.join(HERE, "with-cluster")
if not os.environ.get("MILLRACE_TEST_CLUSTER"):
    os.execv(WITH_CLUSTER, ["with-cluster", sys.executable, os.path.abspath(sys.argv[0])])

from cassandra import ConsistencyLevel
from cassandra.policies import WhiteListRoundRobinPolicy

import driver

MILLRACE, TMP, DIR = os.environ["MILLRACE"], os.environ["TMP"], os.environ["MILLRACE_TEST_CLUSTER_DIR"]
NODES = [node.rsplit(":", 1) for node in os.environ["MILLRACE_TEST_CLUSTER"].split(",")]
CAN_CUT = os.environ.get("MILLRACE_TEST_CLUSTER_CUTS") == "1"
START = time.monotonic()
# An attempt is given up after REQUEST_TIMEOUT_S, and there are enough of them until the others notice that a node has gone (some ten
# seconds; twice that when they have no time). No operation may take longer than LIMIT_S, whatever happens to one node.
REQUEST_TIMEOUT_S, ATTEMPTS, LIMIT_S = 4, 16, 300
WAIT_S = 300


def say(*what):
    print(f"{time.monotonic() - START:6.1f} s ", *what, flush=True)


def wait_until(what, holds):
    """holds may raise: then it does not hold yet."""
    until = time.monotonic() + WAIT_S
    while True:
        why = None
        try:
            if holds():
                return
        except Exception as error:
            why = error
        if time.monotonic() > until:
            sys.exit(f"after {WAIT_S} s still not: {what}{f': {why}' if why else ''}")
        time.sleep(0.2)


# ---- The program ----

class Run:
    """The program at work. check: of its output, text that is wrong or None."""
    count = 0

    def __init__(self, what, *args, script=None, check=None):
        self.what, self.script, self.check, self.begun, self.took = what, script, check, time.monotonic(), None
        if script:
            Run.count += 1
            name = os.path.join(TMP, f"script{Run.count}.sql")
            with open(name, "w") as file:
                file.write(script)
            args = ("sql", "--format", "csv", "-f", name)
        self.process = subprocess.Popen([MILLRACE, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        cwd=TMP)
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        self.output, self.errors = self.process.communicate()
        self.took = time.monotonic() - self.begun

    def running(self):
        return self.process.poll() is None

    def hold(self):
        """Stops it where it is. False: it has ended already."""
        self.process.send_signal(signal.SIGSTOP)
        return self.running()

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def finish(self, status=0, limit_s=LIMIT_S):
        """Its standard output, or what it complains about."""
        self.thread.join(max(0, self.begun + limit_s - time.monotonic()))
        late = self.thread.is_alive()
        if late:
            self.process.kill()
            self.thread.join()
        if late or self.took > limit_s:
            sys.exit(f"{self.what}: no end within {limit_s} s\n{self.script or ''}\n{self.errors[-3000:]}")
        if self.process.returncode != status:
            sys.exit(f"{self.what}: exit status {self.process.returncode} instead of {status}, after {self.took:.1f} s\n{self.script or ''}\n"
                     f"{self.output[-1000:]}\n{self.errors[-3000:]}")
        wrong = self.check(self.output) if self.check and status == 0 else None
        if wrong:
            sys.exit(f"{self.what}: {wrong}\n{self.script or ''}\n{self.errors[-3000:]}")
        return self.output if status == 0 else self.errors


def millrace(script, status=0, limit_s=LIMIT_S):
    return Run("a script", script=script).finish(status, limit_s)


def catalog(hosts, more="", consistency="LOCAL_QUORUM", request_timeout_s=REQUEST_TIMEOUT_S, attempts=ATTEMPTS):
    return (f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{hosts}', 'consistency'='{consistency}', "
            f"'request-timeout'='{request_timeout_s} s', 'max-attempts'='{attempts}'{more});\n")


def host(node):
    return ":".join(NODES[node - 1])


def must_say(what, errors, *wanted):
    """wanted: regular expressions."""
    for part in wanted:
        if not re.search(part, errors):
            sys.exit(f"{what}: the message lacks {part!r}:\n{errors}")


# ---- Nodes ----

def pid_of(node):
    with open(f"{DIR}/{node}/cassandra.pid") as file:
        return int(file.read())


def send(node, number):
    os.kill(pid_of(node), number)


def has_ended(pid):
    """One of which nobody has asked for its status has ended too."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def gone(node):
    """A node that was killed or stopped has left."""
    pid = pid_of(node)
    wait_until(f"node {node} has ended", lambda: has_ended(pid))
    os.remove(f"{DIR}/{node}/cassandra.pid")


def with_cluster(what, node):
    subprocess.run([WITH_CLUSTER, what, str(node)], check=True, timeout=600)


def session(node):
    """The driver's, with this node only; what it asks is tried once."""
    address, port = NODES[node - 1]
    cluster = driver.connect(address, port, policy=WhiteListRoundRobinPolicy([address]), patience_s=30)
    return cluster, cluster.connect()


def wait_for_replicas(*nodes, level=ConsistencyLevel.ALL):
    """Until each of the nodes can write to so many copies (of what is in keyspace `shop`, which has table `probe`)."""
    for node in nodes:

        def writes():
            cluster, s = session(node)
            try:
                statement = s.prepare("INSERT INTO shop.probe (k) VALUES (1)")
                statement.consistency_level = level
                s.execute(statement)
                return True
            finally:
                cluster.shutdown()

        wait_until(f"node {node} reaches the others", writes)


def wait_for_members():
    """Until every node has heard of all others."""
    for node in range(1, len(NODES) + 1):

        def knows_all():
            cluster, s = session(node)
            try:
                return len(list(s.execute("SELECT peer FROM system.peers"))) == len(NODES) - 1
            finally:
                cluster.shutdown()

        wait_until(f"node {node} knows {len(NODES) - 1} others", knows_all)
