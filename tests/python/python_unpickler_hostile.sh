#!/bin/sh
# Damaged pickles, as CPython takes them.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/unpickler_hostile.py"
