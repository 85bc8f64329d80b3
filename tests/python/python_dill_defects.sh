#!/bin/sh
# The 14 defects of dill.temp that users told of.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_defects.py"
