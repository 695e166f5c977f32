#!/usr/bin/env python3
"""gen_csv.py FILE [ROWS]: a CSV file of clicks (id, ts, country, device, amount; no header), the same every time;
5,000,000 rows unless told. Does nothing when FILE has them already."""
import os
import sys

COUNTRIES = "US IN BR DE GB FR JP MX ID TR IT ES CA KR NG PL AU NL SE CH".split()
DEVICES = ["mobile"] * 12 + ["desktop"] * 6 + ["tablet"] * 2


def main():
    path, rows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5_000_000
    done = path + ".complete"
    if os.path.exists(done) and open(done).read() == str(rows):
        return
    x = 88172645463325252
    with open(path, "w") as f:
        block = []
        for i in range(rows):
            x ^= (x << 13) & 0xFFFFFFFFFFFFFFFF
            x ^= x >> 7
            x ^= (x << 17) & 0xFFFFFFFFFFFFFFFF
            country = COUNTRIES[min(x & 31, (x >> 5) & 31, 19)]
            second = i // 60
            amount = "" if (x >> 10) & 7 else f"{((x >> 13) & 0xFFFF) / 100:.2f}"
            block.append(f"{i},2026-01-{second // 86400 + 1:02d} {second // 3600 % 24:02d}:{second // 60 % 60:02d}:"
                         f"{second % 60:02d}.{i % 60 * 16:03d},{country},{DEVICES[(x >> 30) % 20]},{amount}\n")
            if len(block) == 20000:
                f.write("".join(block))
                block.clear()
        f.write("".join(block))
    with open(done, "w") as f:
        f.write(str(rows))


main()
