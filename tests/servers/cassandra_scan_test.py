#!/usr/bin/env python3
"""Full scans of a real Cassandra: a partition of 200 MB beside tiny ones is read within bounded memory; the ring is cut by the
server's estimates; a job that is killed in the middle of a token range goes on from its last page."""
import csv
import os
import subprocess
import sys
import time

from cassandra.concurrent import execute_concurrent_with_args

import driver

MILLRACE, TMP = os.environ["MILLRACE"], os.environ["TMP"]
HOST, PORT = os.environ["MILLRACE_TEST_CASSANDRA"].rsplit(":", 1)
NODE = os.environ["MILLRACE_TEST_CASSANDRA_DIR"]
SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cassandra.sh")
CONNECTOR = os.path.join(os.path.dirname(os.path.abspath(MILLRACE)), "tests", "wire", "cassandra_connector")
KEYSPACE = f"scan_{os.getpid()}"
CATALOG = f"CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='{HOST}:{PORT}');\nUSE CATALOG c;\nUSE {KEYSPACE};\n"
FAT_ROWS, VALUE_BYTES, TINY = 200000, 1000, 3000
PEAK_MB = 150  # the table has 200 MB; queues of a scan may hold 64 MB


def equal(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: {got!r} instead of {expected!r}")


def millrace(sql, *args):
    """The rows, and the most memory that the process had, in MB."""
    paths = [os.path.join(TMP, name) for name in ("script.sql", "out", "err")]
    with open(paths[0], "w") as script:
        script.write(CATALOG + sql)
    peak_mb = 0
    with open(paths[1], "w") as out, open(paths[2], "w") as err:
        process = subprocess.Popen([MILLRACE, "sql", "--format", "csv", "-f", paths[0], *args], stdout=out, stderr=err)
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status") as status:  # empty of memory once it has ended
                peak_mb = max([peak_mb] + [int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")])
            time.sleep(0.02)
    if process.returncode != 0:
        sys.exit(f"{sql}\nexit status {process.returncode}\n{open(paths[2]).read()[-3000:]}")
    with open(paths[1]) as out:
        return list(csv.reader(out))[1:], peak_mb


def fat_partition(session):
    session.execute("CREATE TABLE fat (k int, c int, v text, PRIMARY KEY (k, c))")
    millrace(f"""CREATE TEMPORARY TABLE gen (c INT, v STRING) WITH ('connector'='datagen', 'rows-per-second'='0', 'fields.c.kind'='sequence',
        'fields.c.start'='1', 'fields.c.end'='{FAT_ROWS}', 'fields.v.length'='{VALUE_BYTES}');
        INSERT INTO fat SELECT 0, c, v FROM gen;""")
    insert = session.prepare("INSERT INTO fat (k, c, v) VALUES (?, 0, 'small')")
    execute_concurrent_with_args(session, insert, [(k,) for k in range(1, TINY + 1)])
    expected = [[str(FAT_ROWS + TINY), str(FAT_ROWS * (FAT_ROWS + 1) // 2), str(FAT_ROWS * VALUE_BYTES + 5 * TINY)]]
    query = "SELECT COUNT(*), SUM(CAST(c AS BIGINT)), SUM(CAST(CHAR_LENGTH(v) AS BIGINT)) FROM fat"
    for hint in ("", "/*+ OPTIONS('scan.page-size'='100000', 'scan.page-bytes'='256 kb', 'scan.prefetch-pages'='16') */"):
        rows, peak_mb = millrace(f"{query} {hint};", "-D", "parallelism.default=2")
        equal(f"fat partition {hint}", rows, expected)
        print(f"{FAT_ROWS * VALUE_BYTES >> 20} MB read with {peak_mb} MB {hint}")
        if peak_mb > PEAK_MB:
            sys.exit(f"{peak_mb} MB of memory for a scan")
    equal("by key", millrace(f"{query} WHERE k = 0 AND c > {FAT_ROWS - 10};")[0][0][0], "10")
    equal("first rows", millrace("SELECT c FROM fat WHERE k IN (0, 1) ORDER BY c DESC LIMIT 2;")[0],
          [[str(FAT_ROWS)], [str(FAT_ROWS - 1)]])
    # slices: few rows of many
    equal("slice", millrace("SELECT COUNT(*), SUM(c) FROM fat WHERE c = 7;")[0], [["1", "7"]])
    equal("counted", millrace("SELECT COUNT(*) FROM fat /*+ OPTIONS('scan.count-at-server'='true') */;")[0], [[str(FAT_ROWS + TINY)]])


def ranges_by_size(session):
    """Virtual nodes: with figures the ring has ranges of the size that is wanted; each row comes once."""
    session.execute("CREATE TABLE sized (k int PRIMARY KEY, v text)")
    insert = session.prepare("INSERT INTO sized (k, v) VALUES (?, ?)")
    execute_concurrent_with_args(session, insert, [(k, "x" * 1000) for k in range(10000)])
    for command in (["flush", KEYSPACE, "sized"], ["refreshsizeestimates"]):
        subprocess.run([SERVER, "nodetool", NODE, PORT, *command], check=True, stdout=subprocess.DEVNULL, timeout=120)
    ranges = [(int(r.range_start), int(r.range_end), r.mean_partition_size * r.partitions_count) for r in session.execute(
        f"SELECT * FROM system.size_estimates WHERE keyspace_name = '{KEYSPACE}' AND table_name = 'sized'")]
    total = sum(size for _, _, size in ranges)
    if len(ranges) < 2 or total < 5 << 20:
        sys.exit(f"no figures: {ranges}")
    for split_kb in (1 << 20, 1024, 256):
        out = subprocess.run([CONNECTOR, "scan", KEYSPACE, "sized", f"scan.split-size={split_kb} kb"], capture_output=True, text=True, check=True).stdout
        words = out.split()
        equal("rows", words[0], "10000")
        count, wanted = int(words[words.index("ranges,") - 1]), total / (split_kb << 10)
        if not max(8, wanted) <= count <= max(2 * 8, 2 * wanted) + 2:  # 8: for two workers
            sys.exit(f"{count} ranges of {split_kb} KB for {total} bytes in {len(ranges)} virtual nodes")


def manifest_of(checkpoints):
    """What changes with every checkpoint: the manifest is a new file each time."""
    try:
        found = os.stat(os.path.join(checkpoints, "MANIFEST"))
        return found.st_ino, found.st_mtime_ns
    except FileNotFoundError:
        return None


def resumes(session):
    """One token range, so that only the paging state tells where it was. Held to a rate: it must not be over before it is killed."""
    total = 40000
    session.execute("CREATE TABLE origin (k int PRIMARY KEY, v int)")
    session.execute("CREATE TABLE copied (k int PRIMARY KEY, v int)")
    insert = session.prepare("INSERT INTO origin (k, v) VALUES (?, ?)")
    execute_concurrent_with_args(session, insert, [(k, k * 7) for k in range(total)])
    script = os.path.join(TMP, "job.sql")
    with open(script, "w") as out:
        out.write("SET 'execution.runtime-mode' = 'streaming';\n" + CATALOG + "INSERT INTO copied /*+ OPTIONS('sink.rows-per-second'='3000') */ "
                  "SELECT k, v FROM origin /*+ OPTIONS('scan.splits'='1', 'scan.page-size'='500') */;\n")
    args = [MILLRACE, "run", script, "--checkpoint-dir", os.path.join(TMP, "checkpoints"), "--no-progress",
            "-D", "execution.checkpointing.interval=20 ms", "-D", "millrace.step.max-rows=100"]
    copied = lambda: {r.k: r.v for r in session.execute("SELECT k, v FROM copied")}
    process = subprocess.Popen(args, stderr=subprocess.PIPE, text=True)
    # What a look at the table finds is in a checkpoint that begins behind it: the first one that appears then may have begun
    # before, the second one has not.
    looks, appeared, manifest = [], 0, None
    in_checkpoint = lambda: max((rows for rows, seen in looks if appeared - seen >= 2), default=0)
    while not looks or looks[-1][0] < total // 4 or not in_checkpoint():
        if process.poll() is not None:
            sys.exit(f"the job ended too soon: {process.stderr.read()}")
        rows, now = len(copied()), manifest_of(os.path.join(TMP, "checkpoints"))
        appeared += now != manifest
        manifest = now
        looks.append((rows, appeared))
    least = in_checkpoint()
    process.kill()
    process.wait()
    before = copied()
    session.execute("TRUNCATE copied")
    run = subprocess.run(args, capture_output=True, text=True, timeout=300)
    equal(f"the job again: {run.stderr}", run.returncode, 0)
    after = copied()
    print(f"{len(before)} rows before the kill, {least} at least in a checkpoint, {len(after)} after it, {total} in all")
    equal("all rows", before | after, {k: k * 7 for k in range(total)})
    if not total // 4 <= len(before) < total or len(after) > total - least:
        sys.exit("it did not go on where it was")


def main():
    with driver.connect(HOST, PORT) as cluster:
        session = cluster.connect()
        session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
        session.set_keyspace(KEYSPACE)
        for test in (ranges_by_size, resumes, fat_partition):
            start = time.monotonic()
            test(session)
            print(f"{test.__name__}: {time.monotonic() - start:.0f} s")
        session.execute(f"DROP KEYSPACE {KEYSPACE}")


main()
