#!/bin/sh
# Streams between mayfly and dill, in both directions.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_interop.py"
