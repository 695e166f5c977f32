#!/usr/bin/env python3
"""Runs commands alternately, several times, and prints medians, spread and ratios.

    bench/run.py [options] 'millrace: build/millrace sql -f q.sql' 'duckdb: scripts/python-env python3 peer.py'

Alternating (A B A B …) spreads whatever else the machine does over all of them. Per command: wall seconds, CPU seconds
(user + system, with the children it waited for), peak memory, and with --server-pid the CPU seconds that a server
spent meanwhile. The spread is (largest - smallest) / median. Ratios are medians over the first command's: above 1
means more than it. A command may be prepared by a shell: --shell. Output goes nowhere unless --expect looks at it.

Peak memory has a floor, the size of this program when it starts the command: it is printed."""
import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


def process_cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def run_once(argv, server_pids, expect, stdin):
    """Measures of one run."""
    server_before = [process_cpu_s(pid) for pid in server_pids]
    with tempfile.TemporaryFile() as out, open(stdin or os.devnull, "rb") as inp:
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdin=inp, stdout=out if expect else subprocess.DEVNULL, stderr=subprocess.PIPE)
        err = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{shlex.join(argv)} ended with status {child.returncode}:\n{err.decode(errors='replace')[-2000:]}")
        if expect:
            out.seek(0)
            text = out.read().decode(errors="replace")
            if not re.search(expect, text):
                sys.exit(f"{shlex.join(argv)} did not print what was expected, but:\n{text[:1000]}")
    measured = {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "rss_mb": usage.ru_maxrss / 1024}
    if server_pids:
        measured["server_cpu_s"] = sum(process_cpu_s(p) for p in server_pids) - sum(server_before)
    return measured


def summarise(runs):
    out = {}
    for key in runs[0]:
        values = sorted(run[key] for run in runs)
        median = statistics.median(values)
        out[key] = {"median": median, "min": values[0], "max": values[-1],
                    "spread": (values[-1] - values[0]) / median if median else 0.0, "values": [run[key] for run in runs]}
    return out


def table(title, names, summary, rows):
    columns = list(summary[names[0]])
    head = ["", *[c.replace("_", " ") for c in columns], *([f"{'rows/s':>10}", f"{'rows/CPU s':>10}"] if rows else [])]
    lines = [head]
    for name in names:
        cells = [name]
        for column in columns:
            m, first = summary[name][column], summary[names[0]][column]["median"]
            ratio = f" {m['median'] / first:7.2f}x" if first and name != names[0] else " " * 9
            cells.append(f"{m['median']:.3f} ±{100 * m['spread'] / 2:.0f}%{ratio}")
        if rows:
            for column in ("wall_s", "cpu_s"):
                seconds = summary[name][column]["median"]
                cells.append(f"{rows / seconds:,.0f}" if seconds else "-")
        lines.append(cells)
    widths = [max(len(line[i].strip()) if i == 0 else len(line[i]) for line in lines) for i in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        print("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+", metavar="'NAME: COMMAND'")
    parser.add_argument("--title", default="")
    parser.add_argument("--runs", type=int, default=5, help="of each command (default 5)")
    parser.add_argument("--warmup", type=int, default=1, help="runs before that are not counted (default 1)")
    parser.add_argument("--server-pid", type=int, action="append", default=[], help="of a server to watch; repeatable")
    parser.add_argument("--rows", type=int, help="that a command handles, for rows per second and per CPU second")
    parser.add_argument("--expect", help="a pattern that the output must hold, in every run of every command")
    parser.add_argument("--stdin", help="a file for standard input")
    parser.add_argument("--shell", action="store_true", help="run the commands by sh -c")
    parser.add_argument("--json", help="append the measures to this file, a line per call")
    args = parser.parse_args()

    commands = {}
    for text in args.commands:
        name, _, command = text.partition(":")
        if not command.strip():
            parser.error(f"not NAME: COMMAND: {text}")
        commands[name.strip()] = ["sh", "-c", command] if args.shell else shlex.split(command)

    floor = run_once(["true"], [], None, None)["rss_mb"]
    runs = {name: [] for name in commands}
    for number in range(-args.warmup, args.runs):
        for name, argv in commands.items():
            measured = run_once(argv, args.server_pid, args.expect, args.stdin)
            if number >= 0:
                runs[name].append(measured)
    summary = {name: summarise(measured) for name, measured in runs.items()}
    table(args.title or " | ".join(commands), list(commands), summary, args.rows)
    print(f"  {args.runs} runs each; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; memory floor {floor:.0f} MB")
    if args.json:
        with open(args.json, "a") as f:
            f.write(json.dumps({"title": args.title, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                                "cores": os.cpu_count(), "rows": args.rows, "rss_floor_mb": floor,
                                "commands": {n: {"argv": commands[n], **summary[n]} for n in commands}}) + "\n")


main()
