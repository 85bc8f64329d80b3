#!/bin/sh
# P3: records and fields of random and nasty CSV against CPython's csv module, and the guide's job.
#
#   MFT_CSV=100000   how many random inputs (3000)
#   MFT_SEED=1       where chance begins
here=$(dirname "$0")
if ! python3 -c 'import csv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "skip csv_cpython: there is no Python of at least 3.11, whose csv module takes NULs"
    exit 0
fi
[ -x "$MFT_BUILD/tests/csv_tool" ] || { echo "not ok csv_cpython: there is no csv_tool"; exit 1; }
exec python3 -B "$here/csv_cpython.py"
