#!/usr/bin/env python3
"""Asks Apache Flink, in batch mode, for the results of the queries in SQL logic tests, and compares them with the results that the files
expect (tests/flink/README.md).

Exit status: 0, or 1 when there is a difference that divergences.py does not explain, or an explanation without its difference."""
import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [HERE, TESTS]
import divergences  # noqa: E402
import run_sqllogictest as logic  # noqa: E402

# --- the gateway --------------------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """Flink does not take the statement; the message is Flink's."""


class Flink:
    """A session of an SQL gateway."""

    def __init__(self, port, timeout):
        self.url, self.timeout = f"http://127.0.0.1:{port}/v3", timeout
        # nothing in between, whatever proxies the environment names
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.session = self.call("POST", "/sessions", {"properties": {
            "execution.runtime-mode": "batch", "table.local-time-zone": "UTC", "table.dml-sync": "true"}})["sessionHandle"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with self.opener.open(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise Refused(reason("\n".join(json.load(e).get("errors", [])))) from None

    def run(self, sql):
        """The rows, as the test files write them."""
        session = f"/sessions/{self.session}"
        operation = self.call("POST", f"{session}/statements", {"statement": sql})["operationHandle"]
        rows, token, end = [], 0, time.monotonic() + self.timeout
        while True:
            answer = self.call("GET", f"{session}/operations/{operation}/result/{token}?rowFormat=PLAIN_TEXT")
            if answer["resultType"] == "EOS":
                break
            if answer["resultType"] == "NOT_READY":
                if time.monotonic() > end:
                    self.call("POST", f"{session}/operations/{operation}/cancel")
                    raise Refused(f"no end after {self.timeout} s")
                time.sleep(0.02)
                continue
            rows += answer["results"]["data"]
            token = int(re.search(r"/result/(\d+)", answer["nextResultUri"]).group(1))
        self.call("DELETE", f"{session}/operations/{operation}/close")
        return [["NULL" if v is None else logic.show(v) for v in row["fields"]] for row in rows]

    def close(self):
        self.call("DELETE", f"/sessions/{self.session}")


def reason(trace):
    """The innermost cause of a Java stack trace, on one line (the planner adds its whole state)."""
    causes = re.findall(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error)(?:: (.*(?:\n(?!\s+at |\s*\.\.\. |Caused by: ).*)*))?", trace, re.M)
    return " ".join(next((c for c in reversed(causes) if c.strip()), trace[-300:]).split())[:300]


# --- translating --------------------------------------------------------------------------------------------------------------------

WRITE = re.compile(r"(?:INSERT\s+(?:INTO|OVERWRITE)|UPSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE\s+TABLE|ALTER\s+TABLE|"
                   r"CREATE\s+OR\s+ALTER\s+TABLE)\s+([\w.`]+)", re.I)
CREATE = re.compile(r"CREATE\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.`]+)\s*(?=\(|AS\b)", re.I)
OPTIONS = re.compile(r"\bWITH\s*\(\s*('[^()]*')\s*\)", re.I)
VALUES = re.compile(r"INSERT\s+INTO\s+[\w.`]+\s*(?:\(([^()]*)\)\s*)?VALUES\b", re.I)
QUERY = re.compile(r"\(*\s*(SELECT|WITH|VALUES|TABLE)\b", re.I)
COLUMN = re.compile(r"(?!(?:PRIMARY|CONSTRAINT|WATERMARK)\b)`?(\w+)`?\s+(.+?)\s*"
                    r"(?:\b(?:NOT\s+NULL|NULL|PRIMARY\s+KEY|COMMENT|METADATA)\b.*)?$", re.I | re.S)
KEY = re.compile(r"PRIMARY\s+KEY\s*\(([^)]*)\)", re.I)
INLINE_KEY = re.compile(r"(?<=[(,])\s*([\w`]+)\s[^,]*?\bPRIMARY\s+KEY\b(?!\s*\()", re.I)
NOT_PASSED_ON = ("execution.runtime-mode", "parallelism.default")  # settings that the oracle makes itself


def pieces(sql):
    """(depth of brackets, text) of the literals, the quoted names, the words and each other character."""
    depth = 0
    for m in re.finditer(r"'(?:[^']|'')*'|`[^`]*`|\w+|\s+|.", sql, re.S):
        depth -= m.group() in (")", "]", ">")
        yield depth, m.group()
        depth += m.group() in ("(", "[", "<")


def split(sql):
    """The parts at the commas outside of brackets."""
    parts = [""]
    for depth, text in pieces(sql):
        if depth == 0 and text == ",":
            parts.append("")
        else:
            parts[-1] += text
    return [part.strip() for part in parts]


def columns(sql):
    """{name: type} of the first list in brackets of a CREATE TABLE."""
    inside = ""
    for depth, text in pieces(sql[sql.index("(") + 1:]):
        if depth < 0:
            break
        inside += text
    return {m.group(1): m.group(2) for m in map(COLUMN.match, split(inside)) if m}


def typed_nulls(sql, types):
    """INSERT with the NULLs that are values of their own cast to the columns' types, as Flink wants it."""
    out, item = [], ""
    at = 0
    for depth, text in pieces(sql):
        if depth == 0 and text == "(":
            at = 0
        if (depth == 1 and text == ",") or (depth == 0 and text == ")"):
            if item.strip().upper() == "NULL" and at < len(types):
                item = item.upper().replace("NULL", f"CAST(NULL AS {types[at]})")
            out += [item, text]
            item, at = "", at + 1
        elif depth == 0:
            out.append(text)
        else:
            item += text
    return "".join(out)


class Translation:
    """The tables of a file in Flink: a table of the embedded store becomes files of JSON."""

    def __init__(self, flink, folder):
        self.flink, self.folder = flink, folder
        self.keys = {}  # of tables with a primary key: its columns
        self.types = {}  # of every table: {column: type}
        self.count = 0

    def statement(self, sql):
        """Runs a statement that changes tables or settings. Raises Refused, after which no query finds the table any more."""
        setting = re.match(r"\s*(?:SET|RESET)\s+'([^']*)'", sql, re.I)
        if setting and (setting.group(1).startswith("millrace.") or setting.group(1) in NOT_PASSED_ON):
            return
        change = CREATE.match(sql) or WRITE.match(sql)
        if not change:
            self.flink.run(sql)
            return
        table = change.group(1)
        try:
            if change.re is CREATE:
                self.create(table, sql)
            else:
                self.write(table, sql)
            if table in self.keys and self.flink.run(f"SELECT 1 FROM {table} GROUP BY {self.keys[table]} HAVING COUNT(*) > 1"):
                raise Refused("a row that replaces another with its key")
        except Refused:
            self.drop(table)
            raise

    def create(self, table, sql):
        self.drop(table)
        options = OPTIONS.search(sql)
        if options and "'connector'" not in options.group(1):
            if not re.fullmatch(r"'partition-keys'\s*=\s*'[^']*'", options.group(1)):
                raise Refused("options of the embedded store")
            sql, options = OPTIONS.sub("", sql), None
        # a VARCHAR without a length is VARCHAR(1) in Flink
        sql = re.sub(r"\bVARCHAR\b(?!\s*\()", "STRING", sql, flags=re.I)
        self.types[table] = columns(sql) if "(" in sql else {}
        if not options:
            sql = re.sub(r"(PRIMARY\s+KEY(?:\s*\([^)]*\))?)(?!\s*(?:\(|NOT\s+ENFORCED))", r"\1 NOT ENFORCED", sql, flags=re.I)
            self.count += 1
            path = os.path.join(self.folder, str(self.count))
            os.mkdir(path)  # an empty table is a folder without files
            files = f"WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = '{path}')"
            query = re.search(r"\bAS\s+(?:SELECT|WITH|VALUES)\b", sql, re.I)
            sql = f"{sql[:query.start()]}{files} {sql[query.start():]}" if query else f"{sql} {files}"
        self.flink.run(sql)
        key = KEY.search(sql) or INLINE_KEY.search(sql)
        if key:
            self.keys[table] = key.group(1)

    def write(self, table, sql):
        if not re.match(r"INSERT", sql, re.I):
            raise Refused("files cannot be changed")
        values = VALUES.match(sql)
        if values:
            types = self.types.get(table, {})
            names = [name.strip(" \n`") for name in values.group(1).split(",")] if values.group(1) else list(types)
            sql = sql[:values.end()] + typed_nulls(sql[values.end():], [types[name] for name in names if name in types])
        self.flink.run(sql)

    def drop(self, table):
        self.keys.pop(table, None)
        for kind in ("TABLE", "TEMPORARY TABLE"):
            try:
                self.flink.run(f"DROP {kind} IF EXISTS {table}")
            except Refused:
                pass  # a name of the other kind, or of a catalog that is not there


# --- comparing ----------------------------------------------------------------------------------------------------------------------


def split_nested(text):
    """The parts of `a, [b, c], d` at the commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for at, c in enumerate(text):
        depth += (c in "[({") - (c in "])}")
        if depth == 0 and text.startswith(", ", at):
            parts.append(text[start:at])
            start = at + 2
    return parts + [text[start:]]


def canonical(text):
    """One spelling of a value: entries of maps in order, no zeros at the end of fractions of seconds and of numbers with an exponent."""
    if len(text) > 1 and (text[0], text[-1]) in (("[", "]"), ("(", ")"), ("{", "}")):
        parts = [canonical(p) for p in split_nested(text[1:-1])]
        return text[0] + ", ".join(sorted(parts) if text[0] == "{" else parts) + text[-1]
    if re.fullmatch(r"-?\d+\.\d+E-?\d+", text):
        return repr(float(text))
    if text in ("true", "false"):
        return text.upper()
    m = re.fullmatch(r"((?:\d+-\d\d-\d\d )?\d\d:\d\d:\d\d)\.(\d+)(Z?)", text)
    return m.group(1) + f".{m.group(2)}".rstrip("0").rstrip(".") + m.group(3) if m else text


def difference(rec, rows):
    """None, or what differs."""
    plain = logic.Record(rec.line)
    plain.kind, plain.types, plain.sort = rec.kind, rec.types, rec.sort
    plain.expected = [[canonical(v) for v in row] for row in rec.expected]
    return logic.difference(plain, logic.Outcome(rows=[[canonical(v) for v in row] for row in rows]), False)


def squeeze(sql):
    return " ".join(sql.split())


VERDICTS = ("equal", "different", "explained", "not in Flink", "statement not in Flink", "refused", "accepted")


class Report:
    def __init__(self, args):
        self.args = args
        self.counts = collections.Counter()
        self.used = set()
        self.bad = 0

    def summary(self, before):
        counts = {k: self.counts[k] - before[k] for k in VERDICTS}
        return ", ".join(f"{n} {k}" for k, n in counts.items() if n)

    def tell(self, kind, path, rec, text):
        """Counts a verdict, one of VERDICTS, and prints it where that is wanted."""
        if kind == "different":
            known = next((d for d in divergences.DIVERGENCES if d.file == os.path.basename(path) and d.sql in squeeze(rec.sql)), None)
            if known:
                kind = "explained"
                self.used.add(known)
                text = f"{known.reason}\n{text}"
            else:
                self.bad += 1
        self.counts[kind] += 1
        if kind == "equal" or (kind != "different" and not self.args.verbose):
            return
        print(f"{os.path.relpath(path)}:{rec.line}: {kind}: {text}\n  in: {rec.sql}\n")
        sys.stdout.flush()


def run_file(report, path, port):
    file = logic.File(path)
    records = file.chosen({"millrace", "flink", "batch"})
    before = collections.Counter(report.counts)
    flink = Flink(port, report.args.timeout)
    with tempfile.TemporaryDirectory(prefix="millrace-flink.") as tmp:
        tables = Translation(flink, tmp)
        values = {"TMP": tmp, "HERE": os.path.dirname(os.path.abspath(path))}
        for rec in records:
            try:
                sql = logic.substitute(rec.sql, values)
            except logic.Bad:
                report.tell("not in Flink", path, rec, "a variable that is not set")
                continue
            query = bool(QUERY.match(sql))
            if rec.kind == "query" and not query or rec.error is not None and not query:
                continue  # what SHOW, EXPLAIN and the like print is ours; a statement that fails changes nothing
            try:
                if rec.kind == "statement" and rec.error is None:
                    tables.statement(sql)
                    continue
                rows = flink.run(sql)
            except Refused as e:
                kind = "refused" if rec.error is not None else "not in Flink" if query else "statement not in Flink"
                report.tell(kind, path, rec, str(e))
                continue
            if rec.error is not None:
                report.tell("accepted", path, rec, f"Flink has {len(rows)} rows, where /{rec.error.pattern}/ is expected")
                continue
            wrong = difference(rec, rows)
            report.tell("equal" if wrong is None else "different", path, rec, wrong or "")
    flink.close()
    print(f"{os.path.relpath(path)}: {report.summary(before)}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, help="of a gateway that runs (default: start one, and stop it at the end)")
    parser.add_argument("--verbose", action="store_true",
                        help="list also what Flink refuses, with its message, what it takes where an error is expected, what is explained")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one statement")
    parser.add_argument("paths", nargs="*", default=[os.path.join(TESTS, "sql")], help="files, or folders of *.test files")
    args = parser.parse_args()
    script, folder, port = os.path.join(TESTS, "servers", "flink.sh"), None, args.port
    report, files = Report(args), logic.find(args.paths)
    try:
        if port is None:
            folder = tempfile.mkdtemp(prefix="millrace-flink-gateway.")
            port = int(subprocess.run([script, "port"], check=True, stdout=subprocess.PIPE).stdout)
            subprocess.run([script, "start", folder, str(port)], check=True)
        for path in files:
            run_file(report, path, port)
    finally:
        if folder:
            subprocess.run([script, "stop", folder], check=True)
            shutil.rmtree(folder)
    names = {os.path.basename(f) for f in files}
    for d in divergences.DIVERGENCES:
        if d.file in names and d not in report.used and not d.by_chance:
            report.bad += 1
            print(f"{d.file}: no difference any more, take it out of divergences.py: {d.sql}")
    print(f"total: {report.summary(collections.Counter())}")
    sys.exit(1 if report.bad else 0)


if __name__ == "__main__":
    main()
