#!/bin/sh
# CPython's own tests of tempfile, against ours.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/cpython.py"
