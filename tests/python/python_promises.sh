#!/bin/sh
# What docs/guarantees.md says of Python's objects and sources.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/promises.py"
