#!/usr/bin/env python3
"""run.py [--tap] [--update] [--compiler KEY] PROGRAM [CASE...] | --self-test: counts the instructions of the kernel cases under valgrind and
compares them with baseline.json. Exits with 1 when a case grew by more than TOLERANCE percent.

Counted is what a case runs in our own program, not in libc or other libraries: those choose their loops by the machine's CPU.
Counts depend on the compiler and the instruction set, so the baseline holds one list for each. Without --compiler it is
asked for in the build folder's meson-info. --update rewrites this compiler's list with what was found."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = 3.0  # percent
BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "baseline.json")
MEASURED = "measured"  # the function of main.c that runs a case


def own_instructions(path, program):
    """The instructions of one dump that ran in the program itself: the self cost of its lines, without calls."""
    objects, own, total = {}, False, 0
    after_calls = False
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith("ob="):
                number, name = re.match(r"ob=(\(\d+\))(?: (.*))?", line).groups()
                if name:
                    objects[number] = name
                own = objects[number] == program
            elif line.startswith("cob="):
                number, name = re.match(r"cob=(\(\d+\))(?: (.*))?", line).groups()
                if name:
                    objects[number] = name
            elif line.startswith("calls="):
                after_calls = True  # the next line holds what the call cost, counted where it was spent
            elif line[:1].isdigit() or line[:1] in "+-*":
                if own and not after_calls:
                    total += int(line.split()[-1])
                after_calls = False
    return total


def count(program, names):
    """{case: instructions}, in the program's order."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={MEASURED}",
             f"--dump-after={MEASURED}", f"--callgrind-out-file={out}", program, *names],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if run.returncode != 0:
            sys.exit(f"{run.stderr}\ncallgrind failed")
        cases = run.stdout.split()
        # valgrind numbers the dumps, one after every case
        return {case: own_instructions(f"{out}.{i + 1}", os.path.realpath(program)) for i, case in enumerate(cases)}


def compiler_of(program):
    """What meson.build passes as --compiler, for a program run by hand."""
    folder = os.path.abspath(program)
    while not os.path.isdir(os.path.join(folder, "meson-info")):
        folder, before = os.path.dirname(folder), folder
        if folder == before:
            sys.exit("run.py: the program is in no build folder: give --compiler")
    with open(os.path.join(folder, "meson-info", "intro-tests.json"), encoding="utf-8") as f:
        for test in json.load(f):
            if test["name"] == "callgrind":
                return test["cmd"][test["cmd"].index("--compiler") + 1]
    sys.exit("run.py: only release builds without sanitizers are counted")


def grew(now, before):
    return before is not None and now > before * (1 + TOLERANCE / 100)


def self_test():
    """A dump as callgrind writes it: 7 + 20 instructions of the program's own, 50 of libc, 50 and 77 behind calls."""
    dump = """# callgrind format
positions: line
events: Ir
ob=(1) /bin/cat
fl=(1) a.c
fn=(1) measured
10 7
cob=(2) /lib/libc.so.6
cfi=(2) string.c
cfn=(2) memcpy
calls=1 30
+2 50
calls=2 5
* 77
ob=(2)
fl=(2)
fn=(2)
30 50
ob=(1)
fl=(1)
fn=(3) kernel
fi=(4) b.h
-3 20
"""
    with tempfile.NamedTemporaryFile("w", suffix=".out") as f:
        f.write(dump)
        f.flush()
        found = own_instructions(f.name, "/bin/cat"), own_instructions(f.name, "/lib/libc.so.6")
    if found != (27, 50):
        return f"counted {found}, not (27, 50)"
    if [grew(1030, 1000), grew(1031, 1000), grew(900, 1000), grew(5, None)] != [False, True, False, False]:
        return "does not see what grew"
    return None


def main():
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    parser = argparse.ArgumentParser()
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--compiler")
    parser.add_argument("program")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    if not shutil.which("valgrind"):
        if args.tap:
            print("1..0 # SKIP valgrind is not installed")
            return 0
        sys.exit("valgrind is not installed: scripts/install-deps callgrind")
    compiler = args.compiler or compiler_of(args.program)
    with open(BASELINE, encoding="utf-8") as f:
        baseline = json.load(f)
    known = baseline.get(compiler, {})
    found = count(args.program, args.cases)
    failed = 0
    if args.tap:
        print(f"1..{len(found)}")
    else:
        print(f"{compiler}, instructions in thousands\n{'case':18}{'baseline':>12}{'now':>12}{'change':>10}")
    for i, (case, now) in enumerate(found.items()):
        before = known.get(case)
        change = 100.0 * (now - before) / before if before else 0.0
        bad = grew(now, before) and not args.update
        failed += bad
        shown = f"{change:+.2f} %" if before else "none"
        if args.tap:
            what = f"{now} instructions, " + (f"baseline {before}, {shown}" if before else f"no baseline for {compiler}")
            print(f"{'not ok' if bad else 'ok'} {i + 1} - {case}\n# {what}")
        else:
            print(f"{case:18}{before // 1000 if before else '':>12}{now // 1000:>12}{shown:>10}{'  GREW' if bad else ''}")
    if args.update:
        baseline[compiler] = {**known, **found} if args.cases else found
        with open(BASELINE, "w", encoding="utf-8") as f:
            json.dump(baseline, f, indent=2, sort_keys=True)
            f.write("\n")
    elif not known and not args.tap:
        print(f"no baseline for {compiler}: make callgrind-update writes one")
    if failed:
        print(f"{'# ' if args.tap else ''}{failed} cases grew by more than {TOLERANCE:g} %. If that is the price of "
              "something: make callgrind-update, and say in the commit what it pays for.")
    return 1 if failed and not args.tap else 0  # TAP has said it


if __name__ == "__main__":
    sys.exit(main())
