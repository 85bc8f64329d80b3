#!/bin/sh
# CPython's own tests of pickling, with our Pickler and its Unpickler.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/pickle_suites.py"
