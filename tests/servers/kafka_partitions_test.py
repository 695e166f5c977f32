#!/usr/bin/env python3
"""A topic gets more partitions while a job reads it ('scan.topic-partition-discovery.interval'): the new ones are read from their
beginning, whatever the job began with, also when they came while the job was down."""
import os
import signal
import subprocess
import sys
import time

MILLRACE, TMP = os.environ["MILLRACE"], os.environ["TMP"]
BROKERS = os.environ["MILLRACE_TEST_KAFKA"]
KAFKA = os.path.join(os.environ["MILLRACE_SERVER_SCRIPTS"], "kafka.sh")
PORT = BROKERS.rsplit(":", 1)[1]
TOPIC = f"partitions_{os.getpid()}"
TIMEOUT_S = 300
JOB = f"""
CREATE TEMPORARY TABLE t (i BIGINT, p INT METADATA FROM 'partition') WITH ('connector'='kafka', 'topic'='{TOPIC}', 'format'='json',
  'properties.bootstrap.servers'='{BROKERS}', 'scan.startup.mode'='latest-offset', 'scan.topic-partition-discovery.interval'='200 ms');
CREATE TABLE IF NOT EXISTS v (p INT, c BIGINT, s BIGINT, PRIMARY KEY (p) NOT ENFORCED);
INSERT INTO v SELECT p, COUNT(*), SUM(i) FROM t GROUP BY p;
"""


def kafka(*args):
    subprocess.run([KAFKA, args[0], PORT, *args[1:]], check=True, stdout=subprocess.DEVNULL)


def produce(first, count):
    """Over all partitions, by the key's hash."""
    sql = (f"CREATE TEMPORARY TABLE t (i BIGINT) WITH ('connector'='kafka', 'topic'='{TOPIC}', 'format'='json', "
           f"'properties.bootstrap.servers'='{BROKERS}', 'key.format'='json', 'key.fields'='i');\n"
           f"INSERT INTO t VALUES {', '.join(f'({i})' for i in range(first, first + count))};")
    subprocess.run([MILLRACE, "sql", "-e", sql], check=True, capture_output=True, timeout=TIMEOUT_S)


def start():
    return subprocess.Popen([MILLRACE, "run", os.path.join(TMP, "job.sql"), "--data", os.path.join(TMP, "data"),
                             "--checkpoint-dir", os.path.join(TMP, "checkpoints"), "--no-progress",
                             "-D", "execution.checkpointing.interval=300 ms"], stderr=subprocess.PIPE, text=True)


def rows():
    run = subprocess.run([MILLRACE, "sql", "--data", os.path.join(TMP, "data"), "-e", "SELECT p, c, s FROM v ORDER BY p"],
                         capture_output=True, text=True, timeout=TIMEOUT_S)
    return [tuple(map(int, line.split(","))) for line in run.stdout.splitlines()[1:]]


def await_total(job, last, partitions):
    """Until the rows 0 … last have been counted, each once, from so many partitions."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        got = rows()
        if sum(c for _, c, _ in got) == last + 1 and sum(s for _, _, s in got) == last * (last + 1) // 2 and len(got) == partitions:
            return
        if job.poll() is not None or time.monotonic() > until:
            sys.exit(f"{got}: not {last + 1} rows in {partitions} partitions\n" + (job.stderr.read() if job.poll() is not None else ""))
        time.sleep(0.2)


def main():
    kafka("topic", TOPIC, "1")
    with open(os.path.join(TMP, "job.sql"), "w") as f:
        f.write(JOB)
    job = start()
    try:
        while not os.path.exists(os.path.join(TMP, "checkpoints", "MANIFEST")):  # it has noted where it begins
            if job.poll() is not None:
                sys.exit(job.stderr.read())
            time.sleep(0.1)
        produce(0, 50)
        await_total(job, 49, 1)
        kafka("partitions", TOPIC, "3")
        produce(50, 300)
        await_total(job, 349, 3)
        job.send_signal(signal.SIGKILL)
        job.wait()
        kafka("partitions", TOPIC, "5")
        produce(350, 500)
        job = start()
        await_total(job, 849, 5)
    finally:
        job.kill()
        job.wait()


main()
