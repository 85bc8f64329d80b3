#!/bin/sh
# Streams of dill, loaded without it.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/unpickler_dill.py"
