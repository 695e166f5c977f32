#!/usr/bin/env python3
"""Tests of tests/run_sqllogictest.py, with SQLite behind the command line of `millrace sql` as the program under test."""
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
import unittest

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run_sqllogictest.py")

PROGRAM = r'''#!/usr/bin/env python3
import sqlite3, sys
assert sys.argv[1:5] == ["sql", "--format", "csv", "--keep-going"], sys.argv
options = dict(a.split("=", 1) for a in sys.argv[6::2])
db, status = sqlite3.connect(":memory:"), 0
def field(v):
    if v is None: return ""
    v = str(v)
    return '"' + v.replace('"', '""') + '"' if v == "" or any(c in v for c in ',"\n\r') else v
for sql in sys.stdin.read().split("\n;\n"):
    for sql in sql.split(";\n"):
        if not sql.strip(): continue
        if "CRASH" in sql: sys.exit(139)
        if "WRONG_WHEN_CUT" in sql: sql = "SELECT %s" % options.get("millrace.step.max-rows", "1")
        try:
            cursor = db.execute(sql)
            if cursor.description:
                print(",".join(d[0].replace(",", ";") for d in cursor.description))
                for row in cursor: print(",".join(field(v) for v in row))
        except sqlite3.Error as e:
            sys.stdout.flush()
            print("error: %s\n  hint: try again" % e, file=sys.stderr, flush=True)
            status = 1
sys.exit(status)
'''


class Runner(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.program = os.path.join(self.tmp.name, "program")
        with open(self.program, "w") as f:
            f.write(PROGRAM)
        os.chmod(self.program, os.stat(self.program).st_mode | stat.S_IXUSR)
        self.path = os.path.join(self.tmp.name, "case.test")

    def tearDown(self):
        self.tmp.cleanup()

    def run_test(self, text, *flags):
        with open(self.path, "w") as f:
            f.write(textwrap.dedent(text).lstrip("\n"))
        run = subprocess.run([sys.executable, RUNNER, "--millrace", self.program, *flags, self.path],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(run.returncode == 0, "\nok 1" in run.stdout, run.stdout)
        return run.returncode == 0, run.stdout

    def passes(self, text, *flags):
        ok, out = self.run_test(text, *flags)
        self.assertTrue(ok, out)
        return out

    def fails(self, text, *flags):
        ok, out = self.run_test(text, *flags)
        self.assertFalse(ok, out)
        return out

    GOOD = """
        statement ok
        CREATE TABLE t (a INT, b TEXT, c REAL)

        statement ok
        INSERT INTO t VALUES (2, NULL, 0.1), (1, 'x,"y"', 1e100), (3, '', -0.0)

        query ITR rowsort
        SELECT a, b, c
        FROM t
        ----
        3\t(empty)\t0
        1\tx,"y"\t1e100
        2\tNULL\t0.1000000000001

        query T
        SELECT 'two' || char(10) || 'lines'
        ----
        two\\nlines

        statement error no such column.*hint
        SELECT nowhere FROM t

        query I
        SELECT a FROM t WHERE a > 5
        ----

        query I valuesort
        SELECT a, a + 1 FROM t WHERE a < 3
        ----
        1
        2
        2
        3
        """

    def test_good(self):
        self.passes(self.GOOD.replace("query I valuesort", "query II valuesort"))
        out = self.passes(self.GOOD.replace("query I valuesort", "query II valuesort"), "--modes")
        self.assertIn("7 runs", out)
        self.assertIn("2 runs", self.passes(self.GOOD.replace("query I valuesort", "query II valuesort"), "--modes", "--short"))

    def test_wrong_column_count(self):
        self.assertIn("1 columns expected", self.fails(self.GOOD))

    def test_wrong_value(self):
        self.assertIn(":1: expected 1 rows", self.fails("query I\nSELECT 1\n----\n2\n"))
        self.fails("query T\nSELECT ''\n----\nNULL\n")
        self.fails("query T\nSELECT NULL\n----\n(empty)\n")
        self.fails("query R\nSELECT 1.0000001\n----\n1\n")
        self.fails("query I nosort\nVALUES (1), (2)\n----\n2\n1\n")
        self.fails("query I\nSELECT 1\n----\n")
        self.fails("query I\nSELECT 1 WHERE 0\n----\n1\n")

    def test_wrong_status(self):
        self.assertIn("no such table", self.fails("statement ok\nSELECT * FROM nowhere\n"))
        self.assertIn("succeeded", self.fails("statement error x\nSELECT 1\n"))
        self.assertIn("expected an error", self.fails("statement error xyzzy\nSELECT * FROM nowhere\n"))
        self.assertIn("no such table", self.fails("query I\nSELECT * FROM nowhere\n----\n1\n"))

    def test_crash(self):
        out = self.fails("statement ok\nSELECT 1\n\nstatement ok\nCRASH\n\nstatement ok\nSELECT 2\n")
        self.assertIn("exit status 139", out)
        self.assertIn("CRASH", out)

    def test_modes_find_a_difference(self):
        text = "query I\nSELECT WRONG_WHEN_CUT\n----\n1\n"
        self.passes(text)
        self.assertIn("cut=7", self.fails(text, "--modes"))
        self.passes("# cut 1\n" + text, "--modes")
        self.passes("# mode batch\n" + text, "--modes")
        self.passes("skipif streaming\n" + text, "--modes")

    def test_conditions(self):
        self.passes("skipif millrace\nquery I\nSELECT 1\n----\n2\n")
        self.fails("onlyif millrace\nquery I\nSELECT 1\n----\n2\n")
        self.passes("query I\nSELECT 1\n----\n1\n\nhalt\n\nquery I\nSELECT 1\n----\n2\n")
        self.assertIn("# SKIP", self.passes("# require MILLRACE_NOT_SET\nquery I\nSELECT 1\n----\n2\n"))

    def test_labels(self):
        self.passes("query I rowsort x\nVALUES (1), (2)\n----\n1\n2\n\nquery I rowsort x\nVALUES (2), (1)\n----\n1\n2\n")
        self.fails("query I rowsort x\nSELECT 1\n----\n1\n\nquery I rowsort x\nSELECT 2\n----\n2\n")

    def test_bad_files(self):
        for text in ("SELECT 1\n", "query\nSELECT 1\n----\n1\n", "query I\nSELECT 1\n", "statement error\nSELECT 1\n",
                     "statement ok\n\n", "# workers many\nstatement ok\nSELECT 1\n"):
            self.assertIn("case.test:", self.fails(text))

    def test_update(self):
        self.passes("query I\nSELECT 1\n----\n2\n3\n\nquery T\nSELECT NULL\n----\n\n", "--update")
        with open(self.path) as f:
            self.assertEqual(f.read(), "query I\nSELECT 1\n----\n1\n\nquery T\nSELECT NULL\n----\nNULL\n\n")

    def test_substitution(self):
        out = self.passes("query I\nSELECT length('${TMP}') > 5, '${HERE}' LIKE '%/%'\n----\n1\t1\n".replace("query I", "query II"))
        self.assertIn("1 statements", out)
        self.assertIn("is not set", self.fails("query I\nSELECT '${MILLRACE_NOT_SET}'\n----\n1\n"))


if __name__ == "__main__":
    unittest.main()
