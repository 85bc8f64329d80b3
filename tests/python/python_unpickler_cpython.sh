#!/bin/sh
# CPython's tests of pickle, with our Unpickler.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/unpickler_cpython.py"
