#!/bin/sh
# Objects in the wrong hands.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/hard.py"
