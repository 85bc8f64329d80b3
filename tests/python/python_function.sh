#!/bin/sh
# Functions in C, as data between C and Python.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/function.py"
