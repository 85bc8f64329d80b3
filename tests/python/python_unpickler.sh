#!/bin/sh
# Loading by our Unpickler.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/unpickler.py"
