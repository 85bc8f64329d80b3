#!/bin/sh
# The contract of mayfly.temp, beyond the document's examples; sessions, benchmarks.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_temp.py"
