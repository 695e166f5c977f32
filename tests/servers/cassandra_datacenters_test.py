#!/usr/bin/env python3
"""Two datacenters of one node each, a copy of everything in both: the one that is local stops, and comes back. By default that ends a
statement with a message that names it; with 'datacenter-failover' the other one answers, also those who come while it is away."""
import os
import signal

os.environ.setdefault("DATACENTERS", "near far")
from cluster import (Run, catalog, gone, host, millrace, must_say, say, send, session, wait_for_members, wait_for_replicas, wait_until,
                     with_cluster)

ROWS = 2000
BOTH = f"{host(1)}, {host(2)}"
FAILOVER = ", 'local-datacenter'='near', 'datacenter-failover'='true'"


def count(hosts, more="", check=str(ROWS)):
    return Run("count", script=catalog(hosts, more) + "SELECT COUNT(*) FROM c.shop.t;\n",
               check=lambda out: None if out.split()[-1] == check else f"{out!r} instead of {check}")


def insert(first, consistency="LOCAL_QUORUM"):
    """Rows by millrace itself; LOCAL_QUORUM is that of the datacenter that takes them."""
    return Run("insert", script=catalog(BOTH, FAILOVER) + f"""CREATE TABLE numbers (k INT) WITH ('connector'='datagen', 'number-of-rows'='{ROWS}',
  'fields.k.kind'='sequence', 'fields.k.start'='{first}', 'fields.k.end'='{first + ROWS - 1}');
INSERT INTO c.shop.t /*+ OPTIONS('sink.consistency'='{consistency}') */ SELECT k, k * 7 FROM numbers;
""")


def main():
    wait_for_members()
    millrace(catalog(host(1), request_timeout_s=120) + """CREATE DATABASE c.shop
  WITH ('replication'='{''class'': ''NetworkTopologyStrategy'', ''near'': 1, ''far'': 1}');
CREATE TABLE c.shop.probe (k INT PRIMARY KEY NOT ENFORCED);
CREATE TABLE c.shop.t (k INT, v INT, PRIMARY KEY (k) NOT ENFORCED);
""")
    wait_for_replicas(1, 2)
    insert(0, "ALL").finish()
    count(BOTH).finish()
    count(BOTH, ", 'local-datacenter'='far'").finish()
    conditional = (catalog(BOTH, FAILOVER) + "INSERT INTO c.shop.t /*+ OPTIONS('sink.if-not-exists'='true', "
                   "'serial-consistency'='{}') */ VALUES (0, 1);\n")
    must_say("a condition", millrace(conditional.format("LOCAL_SERIAL"), status=1), "LOCAL_SERIAL' is not enough", "hint: .*'SERIAL'")
    millrace(conditional.format("SERIAL"))
    count(BOTH).finish()
    say("two datacenters: written and read in both")

    # a statement that is at work when its datacenter goes
    pages = "/*+ OPTIONS('scan.page-size'='10', 'scan.prefetch-pages'='1') */"
    script = catalog(BOTH, FAILOVER) + f"SELECT COUNT(*), SUM(CAST(v AS BIGINT)) FROM c.shop.t {pages};\n"
    wanted = f"{ROWS},{7 * ROWS * (ROWS - 1) // 2}"
    run = Run("a scan", script=script, check=lambda out: None if out.split()[-1] == wanted else f"{out!r} instead of {wanted}")
    send(1, signal.SIGTERM)
    gone(1)
    run.finish()
    say("a scan went on in the other one")

    near = ", 'local-datacenter'='near', 'connect-timeout'='2 s'"
    must_say("near is away", count(BOTH, near).finish(status=3), "cannot connect to Cassandra: 127.0.0.2:[0-9]+: the server is in datacenter 'far', "
             "not in 'near'", "hint: .*'datacenter-failover' = 'true'")
    count(BOTH, FAILOVER).finish()
    insert(ROWS).finish()
    count(BOTH, FAILOVER, str(2 * ROWS)).finish()
    say("near is away: said so; with the option far reads and writes")

    with_cluster("start", 1)
    wait_for_replicas(1, 2)
    count(BOTH, ", 'local-datacenter'='far'", str(2 * ROWS)).finish()
    insert(ROWS).finish()  # near has missed them: there are no hints here
    count(BOTH, ", 'local-datacenter'='near'", str(2 * ROWS)).finish()
    count(BOTH, FAILOVER, str(2 * ROWS)).finish()
    say("near is back, and local again")

    # of two statements of one session the second finds it gone
    script = (catalog(BOTH, ", 'local-datacenter'='near', 'connect-timeout'='2 s'", attempts=3) + "SELECT COUNT(*) FROM c.shop.t;\n"
              f"CREATE TABLE numbers (k INT) WITH ('connector'='datagen', 'number-of-rows'='1000000', 'rows-per-second'='1000', "
              f"'fields.k.kind'='sequence', 'fields.k.start'='0', 'fields.k.end'='999999');\n"
              "SET 'execution.runtime-mode' = 'streaming';\nINSERT INTO c.shop.t SELECT k, k FROM numbers;\n")
    run = Run("a job", script=script)

    def written():
        cluster, s = session(1)
        try:
            return s.execute("SELECT v FROM shop.t WHERE k = 100").one().v == 100
        finally:
            cluster.shutdown()

    wait_until("the job writes", written)
    send(1, signal.SIGKILL)
    gone(1)
    must_say("near is away", run.finish(status=3), "Cassandra, table shop.t: 127.0.0.1:[0-9]+: ", "no node of datacenter 'near' is connected",
             "hint: .*'datacenter-failover' = 'true'")
    say("a job without the option: said so")


main()
