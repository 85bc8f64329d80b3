#!/bin/sh
# O2, O4, O6: pickles against CPython's pickle, pickletools and dill, both ways.
#
#   MFT_GRAPHS=100000      how many random graphs (3000)
#   MFT_MUTATIONS=1000000  how many damaged streams (6000)
#   MFT_SEED=1             where chance begins
#   MFT_ONLY_CHECK=dill    only the checks with this in their names
here=$(dirname "$0")
# Debian's own Python is the one that has Debian's dill.
for python in "${PYTHON:-}" /usr/bin/python3 python3; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
        exec "$python" -B -W ignore "$here/object_cpython.py"
    fi
done
echo "skip object_cpython: there is no Python of at least 3.9"
