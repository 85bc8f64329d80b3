#!/bin/sh
# A Python without a GIL gets one with our modules, and they have nothing to do with its insides.
. "$MFT_SOURCE/tests/python/python"
if [ -z "${PYTHON_GIL:-}" ]; then
    echo "skip python_free_threaded: this Python always has its GIL"
    exit 0
fi
unset PYTHON_GIL
run_python "$MFT_SOURCE/tests/python/free_threaded.py"
