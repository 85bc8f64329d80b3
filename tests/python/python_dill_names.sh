#!/bin/sh
# Reducers one by one; dill's names without dill; hostile objects.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_names.py"
