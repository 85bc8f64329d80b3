#!/bin/sh
# mayfly.capture.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/capturing.py"
