#!/usr/bin/env python3
"""Runs SQL logic tests (tests/sql/README.md describes the files) with `millrace sql` and prints TAP, a line per file.

A file's statements go to one process as one script. After each comes VALUES ('@@@marker N'), so that the output, CSV with
the errors mixed in, can be dealt out to the statements again."""
import argparse
import concurrent.futures
import os
import random
import re
import subprocess
import sys
import tempfile

MARKER = "@@@marker "
MODES = ("batch", "streaming")


class Bad(Exception):
    """A file that breaks the rules of the format."""


# --- the files --------------------------------------------------------------------------------------------------------


class Record:
    def __init__(self, line):
        self.line = line  # of its first line, from 1
        self.kind = ""  # statement or query
        self.only, self.skip = [], []
        self.error = None  # compiled pattern, of `statement error`
        self.types, self.sort, self.label = "", "nosort", None
        self.sql = ""
        self.expected = []  # rows: lists of texts
        self.expected_at = (0, 0)  # line range of the results, for --update


class File:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as f:
            self.lines = f.read().split("\n")
        self.records = []
        self.modes = None  # None: whatever the run says
        self.workers = [1, 2, 7]
        self.cuts = [1, 7, 1000, "random"]
        self.require = []
        self.options = []
        self.parse()

    def parse(self):
        at, only, skip = 0, [], []
        while at < len(self.lines):
            line = self.lines[at].strip()
            words = line.split()
            if not words:
                at += 1
            elif words[0].startswith("#"):
                self.directive(line.lstrip("#").split(), at)
                at += 1
            elif words[0] in ("onlyif", "skipif"):
                (only if words[0] == "onlyif" else skip).append(words[1])
                at += 1
            elif words[0] == "halt":
                break
            elif words[0] in ("statement", "query"):
                at = self.record(at, words, only, skip)
                only, skip = [], []
            else:
                raise Bad(f"{self.path}:{at + 1}: what is {words[0]!r}?")

    def directive(self, words, at):
        """Comments that begin with one of these words, before the first record, are settings of the file."""
        if not words or self.records or words[0] not in ("mode", "workers", "cut", "require", "option"):
            return
        try:
            values = words[1].split(",")
            if words[0] == "mode":
                self.modes = [{"batch": "batch", "stream": "streaming", "streaming": "streaming"}[v] for v in values]
            elif words[0] == "workers":
                self.workers = [int(v) for v in values]
            elif words[0] == "cut":
                self.cuts = [v if v == "random" else int(v) for v in values]
            else:
                getattr(self, {"require": "require", "option": "options"}[words[0]]).extend(words[1:])
        except (IndexError, KeyError, ValueError):
            raise Bad(f"{self.path}:{at + 1}: a wrong setting: {' '.join(words)}") from None

    def record(self, at, words, only, skip):
        rec = Record(at + 1)
        rec.kind, rec.only, rec.skip = words[0], only, skip
        if rec.kind == "statement":
            if len(words) < 2 or words[1] not in ("ok", "error"):
                raise Bad(f"{self.path}:{at + 1}: statement ok, or statement error PATTERN")
            if words[1] == "error":
                pattern = self.lines[at].split(None, 2)[2:] or [""]
                if not pattern[0].strip():
                    raise Bad(f"{self.path}:{at + 1}: statement error needs a pattern for the message")
                rec.error = re.compile(pattern[0].strip(), re.S)
        else:
            if len(words) < 2 or not re.fullmatch(r"[TIRB]+", words[1]):
                raise Bad(f"{self.path}:{at + 1}: query needs a T, I, R or B per column")
            rec.types = words[1]
            rest = words[2:]
            if rest and rest[0] in ("nosort", "rowsort", "valuesort"):
                rec.sort = rest.pop(0)
            rec.label = rest[0] if rest else None
        at += 1
        start = at
        while at < len(self.lines) and self.lines[at].strip() not in ("", "----"):
            at += 1
        rec.sql = "\n".join(self.lines[start:at]).strip().rstrip(";")
        if not rec.sql:
            raise Bad(f"{self.path}:{rec.line}: no SQL")
        if at < len(self.lines) and self.lines[at].strip() == "----":
            at += 1
            start = at
            while at < len(self.lines) and self.lines[at] != "":
                at += 1
            rec.expected = [line.split("\t") for line in self.lines[start:at]]
        elif rec.kind == "query":
            raise Bad(f"{self.path}:{rec.line}: query without ----")
        rec.expected_at = (start, at)
        self.records.append(rec)
        return at

    def chosen(self, conditions):
        return [
            r for r in self.records
            if all(c in conditions for c in r.only) and not any(c in conditions for c in r.skip)
        ]


# --- engines ----------------------------------------------------------------------------------------------------------


def parse_csv(text):
    """RFC 4180: rows of (text, quoted)."""
    rows, row, at, n = [], [], 0, len(text)
    while at < n:
        if text[at] == '"':
            end, value = at + 1, []
            while True:
                quote = text.find('"', end)
                if quote < 0:
                    raise ValueError("a quote without an end")
                value.append(text[end:quote])
                if text[quote + 1:quote + 2] == '"':
                    value.append('"')
                    end = quote + 2
                    continue
                at = quote + 1
                break
            row.append(("".join(value), True))
        else:
            m = re.compile(r"[^,\r\n]*").match(text, at)
            row.append((m.group(0), False))
            at = m.end()
        if at < n and text[at] == ",":
            at += 1
            if at == n or text[at] in "\r\n":
                row.append(("", False))
            else:
                continue
        while at < n and text[at] == "\r":
            at += 1
        if at < n and text[at] != "\n":
            raise ValueError(f"text after a quote: {text[at:at + 20]!r}")
        at += 1
        rows.append(row)
        row = []
    return rows


def show(text, quoted=True):
    """A value as the test files write it."""
    if text == "":
        return "(empty)" if quoted else "NULL"
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


class Outcome:
    def __init__(self, error=None, rows=None):
        self.error = error  # text, None = success
        self.rows = rows or []


def substitute(sql, values):
    def one(m):
        if m.group(1) in values:
            return values[m.group(1)]
        if m.group(1) in os.environ:
            return os.environ[m.group(1)]
        raise Bad(f"${{{m.group(1)}}} is not set")

    return re.sub(r"\$\{(\w+)\}", one, sql)


def run_millrace(args, options, sqls):
    """One Outcome per statement. Raises Bad when the program breaks off."""
    script = "".join(f"{sql}\n;\nVALUES ('{MARKER}{i}');\n" for i, sql in enumerate(sqls))
    command = args.millrace + ["sql", "--format", "csv", "--keep-going"]
    for option in options:
        command += ["-D", option]
    try:
        run = subprocess.run(command, input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=args.timeout)
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"").decode(errors="replace")
        raise Bad(f"no end after {args.timeout} s; the last output:\n{out[-2000:]}") from None
    text = run.stdout.decode(errors="replace")
    outcomes, at = [], 0
    for i in range(len(sqls)):
        m = re.compile(rf"^\"?{re.escape(MARKER)}{i}\"?\r?$\n?", re.M).search(text, at)
        if not m:
            raise Bad(f"the program broke off (exit status {run.returncode}) at:\n{sqls[i]}\nits output:\n{text[at:][-4000:]}")
        block = text[at:m.start()]
        at = m.end()
        block = re.sub(r"[^\n]*\n\Z", "", block)  # the header of the marker's own result
        outcomes.append(outcome_of(block))
    failed = any(o.error is not None for o in outcomes)
    if run.returncode != (1 if failed else 0) and not (failed and run.returncode == 3):
        raise Bad(f"exit status {run.returncode} after {'an' if failed else 'no'} error; the last output:\n{text[at:][-4000:]}")
    return outcomes


def outcome_of(block):
    m = re.search(r"^error: ", block, re.M)
    if m:
        return Outcome(error=block[m.start():].strip())
    block = re.sub(r"^(warning|note): .*\n", "", block, flags=re.M)
    try:
        rows = parse_csv(block)
    except ValueError as e:
        return Outcome(error=f"(runner) output that is no CSV: {e}: {block[:500]!r}")
    return Outcome(rows=[[show(text, quoted) for text, quoted in row] for row in rows[1:]])  # without the header


def run_duckdb(sqls):
    """The same statements in DuckDB, as a second opinion on expected results."""
    import duckdb  # scripts/python-env

    def text(value):
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        return show(str(value))

    db, outcomes = duckdb.connect(), []
    for sql in sqls:
        try:
            cursor = db.execute(sql)
            rows = [[text(v) for v in row] for row in cursor.fetchall()] if cursor.description else []
            outcomes.append(Outcome(rows=rows))
        except duckdb.Error as e:
            outcomes.append(Outcome(error=str(e)))
    return outcomes


# --- comparing --------------------------------------------------------------------------------------------------------


def equal_value(kind, want, got):
    if want == got:
        return True
    if kind == "B":
        return want.upper() == got.upper()
    if kind == "R":
        try:
            a, b = float(want), float(got)
        except ValueError:
            return False
        return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    return False


def sort_key(types):
    """R columns are compared with a tolerance, so rows are put in order by their values, not by their texts."""

    def key(row):
        out = []
        for kind, text in zip(types, row):
            try:
                out.append((0, float(f"{float(text):.9g}"), "") if kind == "R" else (1, 0.0, text))
            except ValueError:
                out.append((1, 0.0, text))
        return out

    return key


def arrange(rec, rows, force_sort):
    if rec.sort == "valuesort":
        return [[v] for v in sorted(v for row in rows for v in row)]
    if rec.sort == "rowsort" or force_sort:
        return sorted(rows, key=sort_key(rec.types))
    return rows


def difference(rec, outcome, force_sort):
    """None, or what is wrong."""
    if rec.error is not None:
        if outcome.error is None:
            return f"succeeded, but an error matching /{rec.error.pattern}/ was expected"
        if not rec.error.search(outcome.error):
            return f"expected an error matching /{rec.error.pattern}/, got:\n{outcome.error}"
        return None
    if outcome.error is not None:
        return outcome.error
    if rec.kind == "statement":
        return None
    for row in outcome.rows:
        if len(row) != len(rec.types):
            return f"{len(rec.types)} columns expected, {len(row)} found: {row}"
    want, got = arrange(rec, rec.expected, force_sort), arrange(rec, outcome.rows, force_sort)
    types = ["R" if rec.types.strip("RI") == "" else "T"] if rec.sort == "valuesort" else rec.types
    if len(want) == len(got) and all(
            len(w) == len(g) and all(equal_value(t, a, b) for t, a, b in zip(types, w, g)) for w, g in zip(want, got)):
        return None
    limit = 40
    lines = [f"expected {len(want)} rows, got {len(got)}:"]
    for name, rows in (("expected", want), ("got", got)):
        lines += [f"--- {name}"] + ["\t".join(row) for row in rows[:limit]]
        lines += [f"... {len(rows) - limit} more"] if len(rows) > limit else []
    return "\n".join(lines)


# --- running ----------------------------------------------------------------------------------------------------------


def configurations(args, file):
    """(name, mode or None, -D options, sort all results) of every run of the file."""
    workers, cuts = file.workers, file.cuts
    if not args.modes:
        mode = file.modes[0] if file.modes else None
        options = [f"parallelism.default={workers[min(1, len(workers) - 1)]}"]
        return [("", mode, options + ([f"execution.runtime-mode={mode}"] if mode else []), False)]
    if args.short:
        workers, cuts = workers[:2][-1:], cuts[:2][-1:]
    out = []
    for mode in file.modes or MODES:
        base = [f"execution.runtime-mode={mode}"]
        if mode == "batch":
            for n in workers:
                out.append((f"batch workers={n}", mode, base + [f"parallelism.default={n}"], True))
        else:
            for i, cut in enumerate(cuts):
                n = workers[(i + 1) % len(workers)]
                size = random.randint(2, 40) if cut == "random" else cut
                out.append((f"streaming workers={n} cut={size}", mode,
                            base + [f"parallelism.default={n}", f"millrace.step.max-rows={size}"], True))
    return out


def run_file(args, path):
    """(ok, one line of comment, lines of explanation)"""
    try:
        file = File(path)
    except Bad as e:
        return False, "", str(e).split("\n")
    missing = [name for name in file.require if not os.environ.get(name)]
    if missing:
        return True, f" # SKIP {' '.join(missing)} not set", []
    problems, queries, runs = [], 0, 0
    for name, mode, options, force_sort in configurations(args, file):
        conditions = {"duckdb" if args.duckdb else "millrace"}
        conditions |= {mode or "automatic"} | ({"modes"} if args.modes else set())
        records = file.chosen(conditions)
        labels = {}
        with tempfile.TemporaryDirectory(prefix="millrace-test.") as tmp:
            values = {"TMP": tmp, "HERE": os.path.dirname(os.path.abspath(path))}
            try:
                sqls = [substitute(r.sql, values) for r in records]
                if args.duckdb:
                    outcomes = run_duckdb(sqls)
                else:
                    outcomes = run_millrace(args, options + [substitute(o, values) for o in file.options], sqls)
            except Bad as e:
                problems.append(f"{path}{' [' + name + ']' if name else ''}: {e}")
                continue
        runs += 1
        queries += len(records)
        for rec, outcome in zip(records, outcomes):
            wrong = None
            if args.update and rec.kind == "query" and outcome.error is None:
                rec.expected = outcome.rows if rec.sort == "nosort" else arrange(rec, outcome.rows, False)
            else:
                wrong = difference(rec, outcome, force_sort)
            if wrong is None and rec.label and rec.kind == "query":
                rows = sorted(outcome.rows)
                if labels.setdefault(rec.label, rows) != rows:
                    wrong = f"another result than the query before with the label {rec.label}"
            if wrong is not None:
                problems.append(f"{path}:{rec.line}{' [' + name + ']' if name else ''}: {wrong}\n  in: {rec.sql}")
    if args.update:
        update(file)
    return not problems, f" ({queries} statements, {runs} runs)", "\n".join(problems).split("\n") if problems else []


def update(file):
    lines = list(file.lines)
    for rec in reversed(file.records):
        if rec.kind == "query":
            start, end = rec.expected_at
            lines[start:end] = ["\t".join(row) for row in rec.expected]
    with open(file.path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


def find(paths):
    out = []
    for path in paths:
        if os.path.isdir(path):
            for folder, _, names in sorted(os.walk(path)):
                out += [os.path.join(folder, n) for n in sorted(names) if n.endswith(".test")]
        else:
            out.append(path)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", default="build/millrace", help="the program (default: build/millrace)")
    parser.add_argument("--modes", action="store_true",
                        help="run every file as batch and as a stream, with several workers and cuts, "
                             "and compare without regard to order")
    parser.add_argument("--short", action="store_true", help="with --modes: one run per mode")
    parser.add_argument("--duckdb", action="store_true", help="ask DuckDB instead (under scripts/python-env)")
    parser.add_argument("--update", action="store_true",
                        help="write the results found into the files; check them by hand or with --duckdb")
    parser.add_argument("--timeout", type=float, default=float(os.environ.get("MILLRACE_TEST_TIMEOUT", "120")),
                        help="seconds for one file in one configuration")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="files at a time")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the random cuts")
    parser.add_argument("paths", nargs="+", help="files, or folders of *.test files")
    args = parser.parse_args()
    args.millrace = [os.path.abspath(args.millrace)]
    random.seed(args.seed)
    files = find(args.paths)
    print(f"1..{len(files)}")
    if args.modes:
        print(f"# --seed {args.seed}")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for number, (path, result) in enumerate(zip(files, pool.map(lambda p: run_file(args, p), files)), 1):
            ok, comment, lines = result
            failed += not ok
            print(f"{'ok' if ok else 'not ok'} {number} - {os.path.relpath(path)}{comment}")
            for line in lines:
                print("# " + line)
            sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
