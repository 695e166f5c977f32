#!/usr/bin/env python3
"""statements_test.py MILLRACE [NAME...]: statements whose results are documents: EXPLAIN as JSON and with advice, compiled plans;
and what a new process finds of ALTER and INSERT OVERWRITE. Prints TAP."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

from cases import equal, run_cases, test

TIMEOUT_S = float(os.environ.get("MILLRACE_TEST_TIMEOUT", "60"))
MILLRACE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
TABLES = """CREATE TABLE k (a INT, b STRING);
CREATE TABLE t (p INT, c INT, v STRING, PRIMARY KEY (p, c) NOT ENFORCED);
CREATE TABLE o (b STRING, n BIGINT, PRIMARY KEY (b) NOT ENFORCED);
CREATE TABLE g (a INT, b STRING) WITH ('connector' = 'datagen');
CREATE TABLE bin (b STRING, n BIGINT) WITH ('connector' = 'blackhole');
"""


def sql(text, *args, status=0):
    done = subprocess.run([MILLRACE, "sql", *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=TIMEOUT_S)
    assert done.returncode == status, f"exit status {done.returncode}, wanted {status}\n{done.stdout}\n{done.stderr}"
    return done.stdout if status == 0 else done.stderr


# --- EXPLAIN ------------------------------------------------------------------------------------------------------------


def plan_of(statement, *args):
    out = sql(TABLES + f"EXPLAIN JSON_EXECUTION_PLAN {statement};", *args)
    head, document = out.split("== Physical Execution Plan ==\n")
    plan = json.loads(document)
    lines = head.split("== Physical Plan")[1].splitlines()[1:]
    return plan, [line.lstrip("+-| ") for line in lines if line.strip()]


def check_plan(plan, lines):
    """Every node of the text is in the document, and the document is a DAG with its inputs in front."""
    nodes = {node["id"]: node for node in plan["nodes"]}
    equal(sorted(nodes), list(range(len(nodes))))
    for node in plan["nodes"]:
        equal(set(node) - {"note"}, {"id", "operator", "contents", "parameters", "parallelism", "inputs", "changelogMode",
                                     "key", "columns", "estimate"})
        assert all(i["id"] < node["id"] and i["ship_strategy"] in ("FORWARD", "HASH", "GLOBAL") for i in node["inputs"])
        assert node["contents"].startswith(node["operator"] + "(") and node["parallelism"] >= 1
        assert set(node["key"]) <= {column["name"] for column in node["columns"]}
        assert any(re.sub(r"^node \d+: ", "", line).startswith(node["contents"]) for line in lines), (node["contents"], lines)
    assert all(0 <= root < len(nodes) for root in plan["roots"])


@test
def json_of_queries(tmp):
    for statement in ("SELECT b, COUNT(*) AS n FROM k WHERE a > 1 GROUP BY b", "SELECT * FROM t JOIN k ON t.p = k.a ORDER BY c",
                      "VALUES (1, 'x'), (2, 'y')", "SELECT a FROM k UNION ALL SELECT p FROM t WHERE v LIKE '%]%'",
                      "SELECT MAX(a) OVER (PARTITION BY b) FROM k", "INSERT INTO o SELECT b, COUNT(*) FROM k GROUP BY b",
                      "UPDATE t SET v = 'x' WHERE c = 1"):
        check_plan(*plan_of(statement))


@test
def json_escapes(tmp):
    hard = "a\"b\\c]d[e\tf\x01g'h,i=[j"
    plan, lines = plan_of("SELECT a FROM k WHERE b = '" + hard.replace("'", "''") + "' AND a + 1 > 2")
    calc = next(node for node in plan["nodes"] if node["operator"] == "Calc")
    assert hard.replace("'", "''") in calc["contents"], calc["contents"]
    equal(set(calc["parameters"]), {"select", "where"})
    equal(calc["parameters"]["select"], "a")


@test
def json_says_what_runs(tmp):
    plan, _ = plan_of("SELECT b, COUNT(*) AS n FROM g GROUP BY b", "-D", "parallelism.default=3")
    equal(plan["mode"], "streaming")
    by_operator = {node["operator"]: node for node in plan["nodes"]}
    equal(by_operator["Aggregate"]["changelogMode"], ["I", "UB", "UA"])
    equal(by_operator["Aggregate"]["parallelism"], 3)
    equal(by_operator["Aggregate"]["inputs"], [{"id": by_operator["Exchange"]["id"], "ship_strategy": "HASH"}])
    equal(by_operator["Aggregate"]["parameters"]["groupBy"], "b")
    equal(by_operator["Scan"]["estimate"]["rows"], None)
    equal(by_operator["Collect"]["columns"][0], {"name": "b", "type": "STRING"})
    equal(by_operator["Collect"]["parallelism"], 1)


@test
def all_details_at_once(tmp):
    out = sql(TABLES + "EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE, JSON_EXECUTION_PLAN STATEMENT SET BEGIN "
              "INSERT INTO k SELECT p, v FROM t; INSERT INTO o SELECT b, 1 FROM k WHERE a = 1; END;")
    for part in ("with estimated costs", "cost=[0 rows, 0 bytes]", "== Plan Advice ==", "changelogMode=[I]"):
        assert part in out, (part, out)
    equal(len(json.loads(out.split("== Physical Execution Plan ==\n")[1])["roots"]), 2)


@test
def details_of_a_merge(tmp):
    out = sql(TABLES + "EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE, JSON_EXECUTION_PLAN MERGE INTO t USING k ON p = a "
              "WHEN MATCHED AND b = 'x' THEN DELETE WHEN MATCHED THEN UPDATE SET v = b "
              "WHEN NOT MATCHED THEN INSERT (p, c, v) VALUES (a, 1, b);")
    reading, changes = out.split("== Changes by Clause ==\n")
    for text, roots in ((reading, 1), (changes, 3)):
        for part in ("with estimated costs", "== Plan Advice ==", "changelogMode=[I]"):
            assert part in text, (part, text)
        plan = json.loads(text.split("== Physical Execution Plan ==\n")[1])
        equal(len(plan["roots"]), roots)
    operators = [node["operator"] for node in json.loads(changes.split("== Physical Execution Plan ==\n")[1])["nodes"]]
    equal(operators.count("Sink"), 3)


def advice(statement):
    out = sql(TABLES + "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');" + f"EXPLAIN PLAN_ADVICE {statement};")
    return out.split("== Plan Advice ==\n")[1].splitlines()


@test
def advice_is_given_where_it_helps(tmp):
    for statement, words in (("SELECT * FROM t WHERE c = 1", "partition key (p)"),
                             ("SELECT * FROM t, k", "no = between columns"),
                             ("SELECT * FROM t JOIN k ON t.p < k.a", "no = between columns of both sides in the condition"),
                             ("SELECT b, COUNT(*) FROM g GROUP BY b", "every group is kept"),
                             ("SELECT x.a FROM g AS x JOIN g AS y ON x.a = y.a", "both inputs' rows are kept")):
        lines = advice(statement)
        assert len(lines) == 1 and words in lines[0] and lines[0].startswith("advice[1]: [WARNING] node "), lines


@test
def advice_about_values_that_change(tmp):
    lines = advice("INSERT INTO o SELECT b, n + CAST(RAND() * 10 AS BIGINT) AS m FROM (SELECT b, COUNT(*) AS n FROM g GROUP BY b)")
    equal(len(lines), 2)
    assert any("column m has another value each time its row changes" in line for line in lines), lines


@test
def no_advice_where_there_is_none(tmp):
    for statement in ("SELECT 1", "SELECT * FROM t", "SELECT * FROM t WHERE p = 1", "SELECT * FROM t WHERE p = 1 AND v = 'x'",
                      "SELECT b, COUNT(*) FROM k GROUP BY b", "SELECT a FROM g", "SELECT * FROM k, (VALUES (1)) AS one(x)",
                      "SELECT * FROM k WHERE a = 1"):
        equal(advice(statement), ["No available advice."])


@test
def analyze_has_figures(tmp):
    out = sql(TABLES + "INSERT INTO k VALUES (1, 'x'), (2, 'x'), (3, 'y'); EXPLAIN ANALYZE SELECT b, COUNT(*) FROM k GROUP BY b;")
    assert "(in 0, out 3, " in out and ", read " in out and "Total time: " in out, out
    assert ", state " in out, out
    # a partial aggregate gives its groups on at the end of a morsel: the time behind it is not taken from its own
    out = sql("CREATE TABLE g (i BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '0', 'number-of-rows' = '3000000', 'fields.i.kind' = 'sequence', "
              "'fields.i.start' = '1', 'fields.i.end' = '3000000');"
              "EXPLAIN ANALYZE SELECT MOD(i, 7), COUNT(*) FROM g WHERE MOD(i, 3000) = 0 GROUP BY MOD(i, 7);")
    times = [float(ms) for ms in re.findall(r"(-?[\d.]+) ms", out)]
    assert len(times) > 5 and min(times) >= 0, out


# --- compiled plans -------------------------------------------------------------------------------------------------------


@test
def plan_runs_as_compiled(tmp):
    path = f"{tmp}/plan.json"
    setup = TABLES + "CREATE VIEW big AS SELECT b FROM k WHERE a > 1; INSERT INTO k VALUES (1, 'x'), (2, 'y'), (3, 'y');"
    sql(setup + f"COMPILE PLAN '{path}' FOR INSERT INTO o SELECT b, COUNT(*) FROM big GROUP BY b;", "--data", f"{tmp}/data")
    plan = json.load(open(path, encoding="utf-8"))
    equal(plan["statement"], "INSERT INTO o SELECT b, COUNT(*) FROM big GROUP BY b")
    equal([o["name"].split(".")[-1] for o in plan["objects"]], ["o", "big", "k"])
    equal(plan["settings"]["execution.runtime-mode"], "batch")
    # another process, in another database and with other settings: those of the file count
    out = sql(f"CREATE DATABASE d; USE d; SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE'; EXECUTE PLAN 'file://{path}';"
              "SELECT * FROM default_database.o; SET;", "--data", f"{tmp}/data")
    assert out.startswith("b,n\ny,2\n") and "table.optimizer.agg-phase-strategy,ONE_PHASE" in out, out


@test
def plan_of_other_definitions_is_refused(tmp):
    path = f"{tmp}/plan.json"
    compile_it = f"COMPILE PLAN '{path}' FOR INSERT INTO o SELECT b, COUNT(*) FROM k GROUP BY b;"
    sql(TABLES + compile_it, "--data", f"{tmp}/data")
    err = sql(f"ALTER TABLE k ADD z INT; EXECUTE PLAN '{path}';", "--data", f"{tmp}/data", status=1)
    assert "compiled for another definition of default_catalog.default_database.k" in err, err
    sql(f"ALTER TABLE k DROP z; EXECUTE PLAN '{path}';", "--data", f"{tmp}/data")
    # a plan that cannot be made any more
    plan = json.load(open(path, encoding="utf-8"))
    plan["plan"][1] = "1 Sort(orderBy=[b ASC]) <- 0"
    plan["fingerprint"] = "0" * 16
    json.dump(plan, open(path, "w", encoding="utf-8"))
    err = sql(f"EXECUTE PLAN '{path}';", "--data", f"{tmp}/data", status=1)
    assert "is not the one that is made of its statement now" in err and "then: 1 Sort(orderBy=[b ASC]) <- 0" in err, err
    plan["millrace-plan"] = 99
    json.dump(plan, open(path, "w", encoding="utf-8"))
    assert "has format 99" in sql(f"EXECUTE PLAN '{path}';", "--data", f"{tmp}/data", status=1)


@test
def plan_files(tmp):
    path = f"{tmp}/plan.json"
    insert = "INSERT INTO k VALUES (1, 'x')"
    sql(TABLES + f"COMPILE PLAN '{path}' FOR {insert};")
    before = open(path, encoding="utf-8").read()
    assert "exists already" in sql(TABLES + f"COMPILE PLAN '{path}' FOR {insert};", status=1)
    sql(TABLES + f"COMPILE PLAN '{path}' IF NOT EXISTS FOR INSERT INTO k VALUES (2, 'y');")
    equal(open(path, encoding="utf-8").read(), before)
    # COMPILE AND EXECUTE takes the file that is there
    out = sql(TABLES + f"COMPILE AND EXECUTE PLAN '{path}' FOR INSERT INTO k VALUES (2, 'y'); SELECT * FROM k;")
    equal(out, "a,b\n1,x\n")
    sql(TABLES + f"SET 'table.plan.force-recompile' = 'true'; COMPILE PLAN '{path}' FOR INSERT INTO k VALUES (2, 'y');")
    assert "(2, 'y')" in json.load(open(path, encoding="utf-8"))["statement"]
    sql(TABLES + f"COMPILE PLAN '{tmp}/set.json' FOR STATEMENT SET BEGIN {insert}; INSERT INTO o VALUES ('z', 1); END;")
    equal(sql(TABLES + f"EXECUTE PLAN '{tmp}/set.json'; SELECT * FROM k; SELECT * FROM o;"), "a,b\n1,x\nb,n\nz,1\n")
    equal(sorted(os.listdir(tmp)), ["plan.json", "set.json"])
    open(f"{tmp}/none.json", "w", encoding="utf-8").write("[1, 2")
    assert "is no plan file" in sql(f"EXECUTE PLAN '{tmp}/none.json';", status=1)
    assert "No such file" in sql(f"EXECUTE PLAN '{tmp}/nothing.json';", status=1)


# --- warnings ------------------------------------------------------------------------------------------------------------------


def warnings(text):
    done = subprocess.run([MILLRACE, "sql"], input=TABLES + text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=TIMEOUT_S)
    equal(done.returncode, 0)
    return [line for line in done.stderr.splitlines() if line.startswith("warning: ")]


@test
def settings_without_effect_say_so_once(tmp):
    equal(warnings("SET 'state.backend.type' = 'rocksdb'; SET 'state.backend.type' = 'hashmap';"),
          ["warning: setting 'state.backend.type' has no effect here: state is in memory, with checkpoints in the checkpoint "
           "directory"])
    equal(warnings("SET 'table.optimizer.agg-phase-strateg' = 'AUTO';"),
          ["warning: unknown setting 'table.optimizer.agg-phase-strateg' has no effect (did you mean "
           "'table.optimizer.agg-phase-strategy'?)"])
    # near to one that counts, but Flink's own
    equal(warnings("SET 'table.exec.sink.keyed-shuffle' = 'AUTO';"),
          ["warning: setting 'table.exec.sink.keyed-shuffle' has no effect here: all rows of one key reach a sink in one "
           "instance"])
    for key in ("mode", "timeout"):
        assert f"setting 'execution.checkpointing.{key}' has no effect here: checkpoints lie between steps" in warnings(
            f"SET 'execution.checkpointing.{key}' = '1s';")[0]
    equal(warnings("SET 'no.such.key' = 'x';"), ["warning: unknown setting 'no.such.key' has no effect"])
    equal(warnings("SET 'execution.runtime-mode' = 'batch'; SET 'pipeline.name' = 'x';"), [])
    assert "parallelism.default,3\n" in sql("SET 'table.exec.resource.default-parallelism' = '3'; SET;")


@test
def hints_without_effect_say_so_once(tmp):
    join = "SELECT /*+ %s(t) */ k.a FROM k JOIN t ON k.a = t.p;"
    lines = warnings(join % "NEST_LOOP" * 2)
    assert len(lines) == 1 and lines[0].startswith("warning: hint NEST_LOOP has no effect here: "), lines
    equal(warnings(join % "BROADCAST" + join % "SHUFFLE_HASH"), [])
    equal(warnings("SELECT /*+ BRODCAST(t) */ a FROM k;"),
          ["warning: unknown hint BRODCAST has no effect (did you mean BROADCAST?)"])
    equal(warnings("SELECT a FROM k /*+ OPTIONS('sink.ttl' = '1 d') */;"), [])


@test
def option_hints_are_options_of_their_table(tmp):
    for statement, words in (("SELECT a FROM k /*+ OPTIONS('sink.tll' = '1 d') */", "did you mean 'sink.ttl'?"),
                             ("SELECT a FROM (SELECT a FROM g /*+ OPTIONS('number-of-row' = '1') */)", "number-of-rows"),
                             ("INSERT INTO k /*+ OPTIONS('sink.ttl' = 'soon') */ VALUES (1, 'x')", "cannot be 'soon'"),
                             ("CREATE VIEW v AS SELECT a FROM g /*+ OPTIONS('nonsense' = '1') */", "no option 'nonsense'"),
                             ("SELECT a FROM g /*+ OPTIONS('connector' = 'print') */", "another connector")):
        err = sql(TABLES + statement + ";", status=1)
        assert words in err and "line 6, column" in err, err
    equal(sql(TABLES + "SELECT COUNT(*) AS n FROM g /*+ OPTIONS('number-of-rows' = '7') */;"), "n\n7\n")


@test
def jars_and_databases_warn(tmp):
    equal(warnings("ADD JAR '/x.jar';"),
          ["warning: ADD JAR has no effect: there is no JVM here; connectors and functions are built in"])
    equal(warnings("CREATE DATABASE d WITH ('k' = 'v');"),
          ["warning: databases of a catalog of type 'store' have no options: what WITH says is not kept"])


# --- definitions over processes ---------------------------------------------------------------------------------------------


@test
def altered_tables_in_new_processes(tmp):
    data = ("--data", f"{tmp}/data")
    sql("CREATE TABLE t (p INT, c INT, s STRING, v INT, PRIMARY KEY (p, c) NOT ENFORCED) WITH ('static-columns' = 's');"
        "INSERT INTO t VALUES (1, 1, 'a', 10), (1, 2, 'a', 20), (2, 1, 'b', 30);", *data)
    sql("ALTER TABLE t ADD w DOUBLE;", *data)
    sql("INSERT INTO t (p, c, w) VALUES (1, 1, 0.5);", *data)
    sql("ALTER TABLE t DROP v; ALTER TABLE t RENAME s TO z; ALTER TABLE t RENAME c TO cc;", *data)
    sql("ALTER TABLE t ADD v BIGINT FIRST;", *data)
    sql("ALTER TABLE t RENAME TO u;", *data)
    equal(sql("SELECT * FROM u ORDER BY p, cc;", *data), "v,p,cc,z,w\n,1,1,a,0.5\n,1,2,a,\n,2,1,b,\n")
    assert "'t' not found" in sql("SELECT * FROM t;", *data, status=1)


# --- INSERT OVERWRITE and crashes -------------------------------------------------------------------------------------------

def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text)


def overwritten(tmp, done):
    """A directory as a crash leaves it behind the moment at which the overwrite was decided; `done` of its four changes are."""
    shutil.rmtree(f"{tmp}/d", ignore_errors=True)
    new = [("k=x/.part-n-0-0.inprogress", "k=x/part-n-0-0", b"10\n"), ("k=y/.part-n-0-1.inprogress", "k=y/part-n-0-1", b"20\n")]
    old = [("k=x/part-o-0-0", b"1\n"), ("k=y/part-o-0-1", b"2\n")]
    journal = b"millrace-swap 1\n"
    for i, (hidden, visible, text) in enumerate(new):
        write(f"{tmp}/d/{visible if i < done else hidden}", text)
        journal += b"N" + hidden.encode() + b"\0" + visible.encode() + b"\0"
    for i, (name, text) in enumerate(old):
        if i + 2 >= done:
            write(f"{tmp}/d/{name}", text)
        journal += b"O" + name.encode() + b"\0"
    write(f"{tmp}/d/k=z/part-o-0-2", b"3\n")
    write(f"{tmp}/d/.millrace-swap-part-n-0-", journal + b"E")


@test
def decided_overwrites_are_seen_and_finished(tmp):
    table = "CREATE TABLE f (a INT, k STRING) PARTITIONED BY (k) WITH ('connector' = 'filesystem', 'format' = 'csv', " \
            f"'path' = '{tmp}/d');"
    for done in range(5):
        overwritten(tmp, done)
        for _ in range(2):  # reading changes nothing
            equal(sql(table + "SELECT a, k FROM f ORDER BY a;"), "a,k\n3,z\n10,x\n20,y\n")
        sql(table + "INSERT INTO f VALUES (4, 'z');")
        equal(sql(table + "SELECT a, k FROM f ORDER BY a;"), "a,k\n3,z\n4,z\n10,x\n20,y\n")
        equal(glob.glob(f"{tmp}/d/.*") + glob.glob(f"{tmp}/d/*/.*") + glob.glob(f"{tmp}/d/*/part-o-0-[01]"), [])


@test
def undecided_overwrites_never_were(tmp):
    overwritten(tmp, 0)
    os.rename(f"{tmp}/d/.millrace-swap-part-n-0-", f"{tmp}/d/.millrace-swap-part-n-0-.tmp")
    table = "CREATE TABLE f (a INT, k STRING) PARTITIONED BY (k) WITH ('connector' = 'filesystem', 'format' = 'csv', " \
            f"'path' = '{tmp}/d');"
    equal(sql(table + "SELECT a, k FROM f ORDER BY a;"), "a,k\n1,x\n2,y\n3,z\n")


@test
def overwrites_of_files_take_no_checkpoints(tmp):
    write(f"{tmp}/f/old", b"5\n")
    table = f"CREATE TABLE f (a INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '{tmp}/f');"
    write(f"{tmp}/job.sql", (table + "INSERT OVERWRITE f VALUES (1);").encode())
    done = subprocess.run([MILLRACE, "run", f"{tmp}/job.sql", "--checkpoint-dir", f"{tmp}/ck"], capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    assert done.returncode == 1 and "does not work with checkpoints" in done.stderr, done.stderr
    equal(sql(table + "SELECT a FROM f;"), "a\n5\n")
    # the store commits its step and all of the change at once
    store = "CREATE TABLE IF NOT EXISTS s (a INT);"
    sql(store + "INSERT INTO s VALUES (1), (2);", "--data", f"{tmp}/data")
    write(f"{tmp}/job.sql", (store + "INSERT OVERWRITE s VALUES (3);").encode())
    for _ in range(2):  # the second time the job has nothing left to do
        subprocess.run([MILLRACE, "run", f"{tmp}/job.sql", "--data", f"{tmp}/data", "--checkpoint-dir", f"{tmp}/ck2"],
                       capture_output=True, check=True, timeout=TIMEOUT_S)
        out = sql(store + "SELECT a FROM s ORDER BY a; INSERT INTO s VALUES (4);", "--data", f"{tmp}/data")
    equal(out, "a\n3\n4\n")


@test
def damaged_journals_are_errors(tmp):
    overwritten(tmp, 0)
    table = "CREATE TABLE f (a INT, k STRING) PARTITIONED BY (k) WITH ('connector' = 'filesystem', 'format' = 'csv', " \
            f"'path' = '{tmp}/d');"
    path = f"{tmp}/d/.millrace-swap-part-n-0-"
    whole = open(path, "rb").read()
    for text in (b"", whole[:20], whole[:-1], whole[:-2], whole[:16] + b"Xa\0E", b"millrace-swap 2\nE", whole[:16] + b"NaE"):
        write(path, text)
        assert "is damaged" in sql(table + "SELECT a, k FROM f;", status=1), text


@test
def killed_overwrites_leave_old_or_new(tmp):
    files = f"CREATE TABLE IF NOT EXISTS f (a INT, b INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '{tmp}/f');"
    store = "CREATE TABLE IF NOT EXISTS s (a INT, b INT, PRIMARY KEY (a) NOT ENFORCED);"
    rows = "CREATE TABLE IF NOT EXISTS g (a INT, b INT) WITH ('connector' = 'datagen', 'number-of-rows' = '%d', 'fields.a.kind' = 'sequence', " \
           "'fields.a.start' = '1', 'fields.a.end' = '%d');"
    count = 60000
    start = files + store + rows % (count, count)
    sql(start + "INSERT INTO f SELECT a, 0 FROM g; INSERT INTO s SELECT a, 0 FROM g;", "--data", f"{tmp}/data")
    for round_ in range(1, 13):
        for table in ("f", "s"):
            process = subprocess.Popen([MILLRACE, "sql", "--data", f"{tmp}/data", "-e",
                                        start + f"INSERT OVERWRITE {table} SELECT a, {round_} FROM g"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(0.012 * round_)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for table in ("f", "s"):
            out = sql(start + f"SELECT COUNT(*) AS n, MIN(b) AS lo, MAX(b) AS hi FROM {table};", "--data", f"{tmp}/data")
            n, low, high = (int(x) for x in out.splitlines()[1].split(","))
            equal((n, low), (count, high))
            assert high <= round_


# --- plans in scripts of `millrace run` --------------------------------------------------------------------------------------


def run_script(tmp, checkpoints, text, *args):
    script = os.path.join(tmp, "job.sql")
    with open(script, "w") as out:
        out.write(text)
    done = subprocess.run([MILLRACE, "run", script, "--data", f"{tmp}/data", "--checkpoint-dir", f"{tmp}/{checkpoints}", *args],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stderr


def log_rows(tmp):
    return int(sql("SELECT COUNT(*) FROM log;", "--data", f"{tmp}/data").splitlines()[1])


@test
def plans_before_the_script_keep_off_its_checkpoints(tmp):
    """EXECUTE PLAN of a -i file is no part of the job: neither does it take the job's checkpoints nor is it taken for done."""
    plan, before = f"{tmp}/plan.json", f"{tmp}/before.sql"
    sql("CREATE TABLE k (a INT, b STRING, PRIMARY KEY (a) NOT ENFORCED); CREATE TABLE log (b STRING); CREATE TABLE o (b STRING, n BIGINT, "
        "PRIMARY KEY (b) NOT ENFORCED); INSERT INTO k VALUES (1, 'x'), (2, 'y'), (3, 'y');"
        f"COMPILE PLAN '{plan}' FOR INSERT INTO log SELECT b FROM k WHERE a = 1;", "--data", f"{tmp}/data")
    with open(before, "w") as out:
        out.write(f"EXECUTE PLAN '{plan}';\n")
    for times in (1, 2):
        run_script(tmp, "checkpoints", "SET 'execution.runtime-mode' = 'streaming'; INSERT INTO o SELECT b, COUNT(*) FROM k GROUP BY b;",
                   "-i", before)
        equal(log_rows(tmp), times)
        equal(sql("SELECT b, n FROM o ORDER BY b;", "--data", f"{tmp}/data"), "b,n\nx,1\ny,2\n")
    # in the script itself it is the job: the second time there is nothing to do
    for _ in range(2):
        run_script(tmp, "others", f"EXECUTE PLAN '{plan}';")
        equal(log_rows(tmp), 3)


@test
def executed_inserts_are_part_of_the_job(tmp):
    for _ in range(2):
        run_script(tmp, "checkpoints", "CREATE TABLE IF NOT EXISTS log (b STRING); EXECUTE INSERT INTO log VALUES ('x'), ('y');")
        equal(log_rows(tmp), 2)


run_cases(sys.argv[2:])
