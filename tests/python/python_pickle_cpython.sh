#!/bin/sh
# CPython's tests of pickle, with our Pickler and our Unpickler together.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/unpickler_cpython.py" both
