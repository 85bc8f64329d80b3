#!/bin/sh
# dill's own tests, with mayfly in dill's place: Debian's dill, and the newest.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_suite.py"
