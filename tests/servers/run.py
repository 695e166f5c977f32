#!/usr/bin/env python3
"""run.py MILLRACE [NAME...]: runs the tests against real servers, one after the other, and prints TAP.

A test is an executable *_test.py (run under scripts/python-env, so Cassandra's own driver is there) or *_test.sh in this
folder, or a *.test file for tests/run_sqllogictest.py. All get one Cassandra without passwords and one Kafka, started
here (see with-cassandra and with-kafka for the variables), MILLRACE, the program, and MILLRACE_SERVER_SCRIPTS, this
folder, to start servers of their own. Each has to use keyspaces and topics of its own. Exit status 0 is success, 77
skipped. MILLRACE_TEST_SERVERS=0 skips them all. MILLRACE_TEST_AGAIN has the names that failed, as printed, a line each: only
these are run (scripts/run-tests)."""
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TIMEOUT_S = 600


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
    env = dict(os.environ, MILLRACE=millrace, MILLRACE_SERVER_SCRIPTS=HERE)
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
            run = None
            try:
                run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, env=dict(env, TMP=tmp), timeout=TIMEOUT_S)
                status, out = run.returncode, run.stdout
            except subprocess.TimeoutExpired as e:
                status, out = f"no end after {TIMEOUT_S} s", e.stdout or b""
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
