#!/usr/bin/env python3
"""restart.py MILLRACE [--seed N] [--cases NAME...] [--short]: every query of queries.sql as a job that is cut, stopped and restarted.

Each query runs once as batch: that is what must come out. Then it runs as a streaming job into a table of the embedded store, with a
checkpoint directory: cut at 1, 7, 1000 or random rows, stopped after every n-th step, and restored in a new process with another
number of workers (1, 2, 7) until it has read everything. The table must equal the batch result, and there must have been
many steps and several processes. A second form kills the process (SIGKILL) at random moments instead of stopping it.

A query may have rows that occur twice and NULLs anywhere, so the job counts its rows: the table has the row as text as its key, and
how often it occurs.

Prints TAP. The data is random (the seed is printed): doubles, ties, NULLs, keys that most rows share."""
import argparse
import csv
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = int(os.environ.get("MILLRACE_TEST_TIMEOUT", "120"))
MAX_PROCESSES = 400


def load_queries(path):
    """[(name, sql, options)]: sections that begin with `-- query: NAME [key=value]...`."""
    queries, name, lines, options = [], None, [], {}
    for line in open(path):
        match = re.match(r"-- query: (\w+)(.*)", line)
        if match:
            if name:
                queries.append((name, "".join(lines).strip().rstrip(";"), options))
            name, lines = match.group(1), []
            options = dict(item.split("=", 1) for item in match.group(2).split())
        elif name and not line.startswith("--"):
            lines.append(line)
    if name:
        queries.append((name, "".join(lines).strip().rstrip(";"), options))
    return queries


def make_data(folder, rng, rows):
    """Tables a and b: id, k (few values, NULLs), v (ties, NULLs), s, ts within 5 s of disorder."""
    for table, count, keys in (("a", rows, 6), ("b", rows * 2 // 3, 8)):
        now = 0
        with open(os.path.join(folder, table + ".csv"), "w") as out:
            for i in range(count):
                now += rng.randrange(0, 1500)
                ts = max(0, now - rng.randrange(0, 5000))
                k = "" if rng.random() < 0.1 else str(rng.choice([1, 1, 1] + list(range(keys))))
                v = "" if rng.random() < 0.1 else str(rng.randrange(-3, 12))
                s = rng.choice(["x", "y", "zz", "a longer text than fits inline", '""', ""])
                line = f"{rng.randrange(0, rows // 2)},{k},{v},{s},2024-01-01 00:{ts // 60000 % 60:02d}:{ts // 1000 % 60:02d}.{ts % 1000:03d}\n"
                out.write(line)
                if rng.random() < 0.1:
                    out.write(line)  # a double


def ddl(folder, mode):
    columns = "id INT, k INT, v INT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '6' SECOND"
    return "".join(
        f"CREATE TEMPORARY TABLE {t} ({columns}) WITH ('connector'='filesystem', 'path'='{folder}/{t}.csv', 'format'='csv');\n"
        for t in ("a", "b"))


def run(args, stdin=None, check=True, timeout=TIMEOUT_S):
    result = subprocess.run(args, input=stdin, capture_output=True, text=True, timeout=timeout)
    if check and result.returncode != 0:
        raise Failure(f"{' '.join(args[1:])}\nexit status {result.returncode}\n{result.stderr[-3000:]}")
    return result


class Failure(Exception):
    pass


def parse_csv(text):
    """Rows of RFC 4180 text in which an empty unquoted field is NULL."""
    rows, row, field, quoted, i = [], [], [], False, 0
    in_quotes = False
    while i < len(text):
        c = text[i]
        if in_quotes:
            if c == '"' and text[i + 1:i + 2] == '"':
                field.append('"')
                i += 1
            elif c == '"':
                in_quotes = False
            else:
                field.append(c)
        elif c == '"':
            in_quotes = quoted = True
        elif c in ",\n":
            value = "".join(field)
            row.append(value if value or quoted else None)
            field, quoted = [], False
            if c == "\n":
                rows.append(row)
                row = []
        elif c != "\r":
            field.append(c)
        i += 1
    return rows


class Tester:
    def __init__(self, millrace, rng, rows):
        self.millrace, self.rng, self.rows = millrace, rng, rows
        self.folder = tempfile.mkdtemp(prefix="restart-")
        make_data(self.folder, rng, rows)
        self.ddl = ddl(self.folder, "streaming")

    def counted(self, sql):
        """The query as (row text, count), and its batch result."""
        header = run([self.millrace, "sql", "--format", "csv", "-D", "execution.runtime-mode=batch"],
                     self.ddl + f"SELECT * FROM ({sql}) LIMIT 0;\n").stdout
        names = parse_csv(header)[0]
        text = " || '|' || ".join(f"COALESCE(CAST(`{n}` AS STRING), '~')" for n in names)
        query = f"SELECT row_text, COUNT(*) AS times FROM (SELECT {text} AS row_text FROM ({sql})) GROUP BY row_text"
        out = run([self.millrace, "sql", "--format", "csv", "-D", "execution.runtime-mode=batch"], self.ddl + query + ";\n").stdout
        return query, sorted((r[0] or "", r[1]) for r in parse_csv(out)[1:])

    def job(self, name, query, cut, how):
        """Runs the job to its end through stops or kills; (table, processes, steps)."""
        work = os.path.join(self.folder, "work")
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        data, checkpoints, script = (os.path.join(work, n) for n in ("data", "checkpoints", "job.sql"))
        run([self.millrace, "sql", "--data", data],
            "CREATE TABLE result (row_text STRING, times BIGINT, PRIMARY KEY (row_text) NOT ENFORCED);\n")
        with open(script, "w") as out:
            out.write("SET 'execution.runtime-mode' = 'streaming';\n" + self.ddl + f"INSERT INTO result {query};\n")
        processes = steps = 0
        while True:
            processes += 1
            if processes > MAX_PROCESSES:
                raise Failure(f"not finished after {MAX_PROCESSES} processes")
            workers = self.rng.choice([1, 2, 7])
            args = [self.millrace, "run", script, "--data", data, "--checkpoint-dir", checkpoints,
                    "-D", f"parallelism.default={workers}"]
            if cut == "random":
                # at most 3 steps of the first process must not be all there is
                args += ["-D", f"millrace.step.max-rows={self.rows // 6}", "-D", "millrace.step.random=true",
                         "-D", f"millrace.random-seed={self.rng.randrange(1, 1 << 30)}"]
            else:
                args += ["-D", f"millrace.step.max-rows={cut}"]
            if how == "stop":
                stop = {1: 400, 7: 40, 1000: 1, "random": 5}[cut] if processes > 1 else 3
                args += ["-D", f"millrace.step.stop-after={self.rng.randrange(1, stop + 1)}"]
                result = run(args)
                steps = max(steps, self.steps(result.stderr))
                if "stopped" not in result.stderr:
                    break
            else:
                args += ["-D", "execution.checkpointing.interval=20 ms"]
                process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                patience = self.rng.random() * 0.25 if processes < 12 else TIMEOUT_S
                try:
                    _, err = process.communicate(timeout=patience)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    continue
                if process.returncode != 0:
                    raise Failure(f"exit status {process.returncode}\n{err[-3000:]}")
                steps = max(steps, self.steps(err))
                if "stopped" not in err:
                    break
        out = run([self.millrace, "sql", "--data", data, "--format", "csv"], "SELECT row_text, times FROM result;\n").stdout
        return sorted((r[0] or "", r[1]) for r in parse_csv(out)[1:]), processes, steps

    @staticmethod
    def steps(err):
        found = re.findall(r"steps?[ =:]+(\d+)|(\d+) steps?", err)
        return int(next(x for x in found[-1] if x)) if found else 0


def difference(expected, got):
    missing = [r for r in expected if r not in got][:5]
    extra = [r for r in got if r not in expected][:5]
    return f"{len(expected)} rows expected, {len(got)} found; missing {missing}, unexpected {extra}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("millrace")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--rows", type=int, default=300)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    print(f"# seed {args.seed}")
    queries = [q for q in load_queries(os.path.join(HERE, "queries.sql")) if not args.cases or q[0] in args.cases]
    tester = Tester(os.path.abspath(args.millrace), rng, args.rows)
    forms = [(7, "stop"), ("random", "stop"), ("random", "kill")]
    if not args.short:
        forms = [(1, "stop"), (7, "stop"), (1000, "stop"), ("random", "stop"), (7, "kill"), ("random", "kill")]
    number, failed = 0, False
    for name, sql, _ in queries:
        try:
            query, expected = tester.counted(sql)
        except (Failure, subprocess.TimeoutExpired) as failure:
            number += 1
            failed = True
            print(f"not ok {number} - {name} batch\n" + "\n".join("# " + x for x in str(failure).splitlines()))
            continue
        for cut, how in forms:
            number += 1
            try:
                got, processes, steps = tester.job(name, query, cut, how)
                problem = None if got == expected else difference(expected, got)
                if not problem and not expected:
                    problem = "the query has no rows: it tests nothing"
                least = {1: args.rows, 7: args.rows // 8, 1000: 1, "random": 6}[cut]
                if not problem and steps < least:
                    problem = f"only {steps} steps, at least {least} wanted"
                if not problem and how == "stop" and cut != 1000 and processes < 2:
                    problem = "a single process"
            except (Failure, subprocess.TimeoutExpired) as failure:
                problem = str(failure)
            failed = failed or bool(problem)
            print(f"{'not ok' if problem else 'ok'} {number} - {name} cut {cut} {how}", flush=True)
            if problem:
                print("\n".join("# " + x for x in problem.splitlines()), flush=True)
    print(f"1..{number}")
    shutil.rmtree(tester.folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
