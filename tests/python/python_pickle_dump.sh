#!/bin/sh
# What mayfly.dumps writes is what pickle writes; the traps of writing it fast.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/pickle_dump.py"
