#!/usr/bin/env python3
"""run.py MILLRACE [NAME...]: runs the tests against real servers, one after the other, and prints TAP.

A test is an executable *_test.py (run under scripts/python-env, so Cassandra's own driver is there) or *_test.sh in this
folder, or a *.test file for tests/run_sqllogictest.py. All get one Cassandra without passwords and one Kafka, started
here (see with-cassandra and with-kafka for the variables), MILLRACE, the program, and MILLRACE_SERVER_SCRIPTS, this
folder, to start servers of their own. Each has to use keyspaces and topics of its own. Exit status 0 is success, 77
skipped. MILLRACE_TEST_SERVERS=0 skips them all. MILLRACE_TEST_AGAIN has the names that failed, as printed, a line each: only
these are run (scripts/run-tests)."""
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TIMEOUT_S = 1800  # of one test, on a slow machine
END_S = 120  # to stop its own servers when it is ended


def run_test(command, env):
    """Its exit status and output. It gets a process group of its own, so that what it has started ends with it when it takes too long."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            status = process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            status = f"no end after {TIMEOUT_S} s"
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
        out.seek(0)
        return status, out.read()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if os.environ.get("MILLRACE_TEST_SERVERS") == "0":
        print("1..0 # SKIP MILLRACE_TEST_SERVERS=0")
        return
    if not (os.environ.get("MILLRACE_TEST_CASSANDRA") and os.environ.get("MILLRACE_TEST_KAFKA")):
        args = [os.path.join(HERE, "with-servers"), sys.executable, os.path.abspath(__file__),
                os.path.abspath(sys.argv[1])] + sys.argv[2:]
        os.execv(args[0], args)
    millrace, wanted = sys.argv[1], sys.argv[2:]
    tests = sorted(n for n in os.listdir(HERE) if n.endswith(("_test.py", "_test.sh", ".test")))
    again = os.environ.get("MILLRACE_TEST_AGAIN", "").splitlines()
    if any(line.startswith(name) for line in again for name in tests):
        tests = [name for name in tests if any(line.startswith(name) for line in again)]
    if wanted:
        tests = [n for n in tests if any(w in n for w in wanted)]
    env = dict(os.environ, MILLRACE=millrace, MILLRACE_SERVER_SCRIPTS=HERE, MILLRACE_SOURCE_ROOT=ROOT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that run_test ends what it has started
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, name in enumerate(tests, 1):
        path = os.path.join(HERE, name)
        command = {
            "py": [os.path.join(ROOT, "scripts", "python-env"), "python3", path],
            "sh": ["bash", path],
            "test": [sys.executable, os.path.join(ROOT, "tests", "run_sqllogictest.py"), "--millrace", millrace, path],
        }[name.rsplit(".", 1)[1]]
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="millrace-test.") as tmp:
            status, out = run_test(command, dict(env, TMP=tmp))
        seconds = f"({time.monotonic() - start:.0f} s)"
        if status == 77:
            print(f"ok {number} - {name} # SKIP {out.decode(errors='replace').strip()}")
        elif status == 0:
            print(f"ok {number} - {name} {seconds}")
        else:
            failed += 1
            print(f"not ok {number} - {name} {seconds}")
            print(f"# status {status}")
            for line in out.decode(errors="replace").splitlines()[-200:]:
                print("# " + line)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


main()
