#!/usr/bin/env bash
# How long the program takes to start, answer and end, beside an empty Python program.
set -euo pipefail
. bench/common.sh
RUNS=$((RUNS * 4))
side_by_side --title "start and end: SELECT 1" \
  "millrace: $MILLRACE sql -e 'SELECT 1'" "python: python3 -c pass"
