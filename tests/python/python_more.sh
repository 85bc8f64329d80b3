#!/bin/sh
# The newest of CPython's module, and what ours has beyond it.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/more.py"
