#!/bin/sh
# What CPython's tempfile gets wrong is right here.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/right.py"
