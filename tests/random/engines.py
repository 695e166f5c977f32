"""Runs queries: many of them in one process of millrace, and in DuckDB within this process."""
import json
import re
import subprocess
import tempfile
import threading

import duckdb
from printer import DUCKDB, MILLRACE

MARKER = "@@@marker "


class Result:
    """rows, or the text of an error; broke: 'crash' or 'hang' when the program ended, or did not end, with this query."""

    def __init__(self, rows=None, error=None, broke=None):
        self.rows, self.error, self.broke = rows, error, broke


class Number(str):
    """A number of JSON that is no integer, as it was written."""


def millrace(program, options, tables, texts, timeout=60):
    """A Result for each text."""
    setup = []
    for t in tables:
        setup.append(MILLRACE.create(t))
        insert = MILLRACE.insert(t)
        if insert:
            setup.append(insert)
    results = []
    while len(results) < len(texts):
        at = len(results)
        got, status, rest = one_process(program, options, setup, texts[at:], timeout)
        results += got
        if len(results) < len(texts):
            results.append(Result(error=f"broke off with status {status}: {rest[-3000:]}",
                                  broke="crash" if isinstance(status, int) else "hang"))
    return results


def one_process(program, options, setup, texts, timeout):
    script = "".join(s + ";\n" for s in setup) + f"VALUES ('{MARKER}setup');\n"
    script += "".join(f"{t}\n;\nVALUES ('{MARKER}{i}');\n" for i, t in enumerate(texts))
    command = [program, "sql", "--format", "jsonl", "--keep-going"]
    for o in options:
        command += ["-D", o]
    with tempfile.TemporaryDirectory(prefix="millrace-random.") as tmp:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp)
        try:
            out, _ = process.communicate(script.encode(), timeout=timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            status = f"(no end after {timeout} s)"
    text = out.decode(errors="replace")
    head, mark, text = text.partition(f'"{MARKER}setup"}}\n')
    if not mark or "error: " in head:
        raise RuntimeError(f"the tables could not be made: {head[:2000]}")
    results = []
    for i in range(len(texts)):
        m = re.compile(rf'^\{{"[^"]*":"{re.escape(MARKER)}{i}"\}}\n', re.M).search(text)
        if not m:
            break
        results.append(parse(text[:m.start()]))
        text = text[m.end():]
    return results, status, text


def parse(block):
    m = re.search(r"^error: ", block, re.M)
    if m:
        return Result(error=block[m.start():].strip())
    rows = []
    for line in block.split("\n"):
        if line.startswith("{"):
            rows.append(list(json.loads(line, parse_float=Number).values()))
        elif line and not line.startswith(("warning: ", "note: ")) and not line.startswith((" ", "line ")):
            return Result(error=f"(runner) what is this line? {line[:300]}")
    return Result(rows=rows)


# --- DuckDB -----------------------------------------------------------------------------------------------------------


# Exact division of decimals, given as texts with their scales, rounded half up; division by zero is an error, not NULL.
MACROS = """
CREATE MACRO unscaled(x) AS CAST(replace(x, '.', '') AS HUGEINT);
CREATE MACRO scale_of(x) AS CASE WHEN contains(x, '.') THEN length(x) - instr(x, '.') ELSE 0 END;
CREATE MACRO nonzero(x) AS CASE WHEN x = 0 THEN error('division by zero') ELSE x END;
CREATE MACRO quotient(n, d, k) AS
  (2 * abs(n) * CAST('1' || repeat('0', k) AS HUGEINT) + abs(d)) // (2 * abs(nonzero(d))) * sign(n) * sign(d);
CREATE MACRO pointed(q, s) AS CASE WHEN q < 0 THEN '-' ELSE '' END ||
  left(lpad(CAST(abs(q) AS VARCHAR), CAST(greatest(length(CAST(abs(q) AS VARCHAR)), s + 1) AS INTEGER), '0'), -s) || '.' ||
  right(lpad(CAST(abs(q) AS VARCHAR), CAST(greatest(length(CAST(abs(q) AS VARCHAR)), s + 1) AS INTEGER), '0'), s);
CREATE MACRO dec_div(a, b, s) AS pointed(quotient(unscaled(a), unscaled(b), s + scale_of(b) - scale_of(a)), s);
CREATE MACRO dec_trunc(a) AS regexp_replace(a, '([.][0-9])[0-9]*$', '\\1');
"""


class Duck:
    def __init__(self, tables):
        self.db = duckdb.connect(config={"threads": 1})
        self.db.execute(MACROS)
        for t in tables:
            self.db.execute(DUCKDB.create(t))
            insert = DUCKDB.insert(t)
            if insert:
                self.db.execute(insert)

    def run(self, text, timeout=5):
        timer = threading.Timer(timeout, self.db.interrupt)
        timer.start()
        try:
            return Result(rows=[list(r) for r in self.db.execute(text).fetchall()])
        except (duckdb.Error, RuntimeError, ValueError, OverflowError) as e:
            return Result(error=str(e))
        finally:
            timer.cancel()

    def close(self):
        self.db.close()
