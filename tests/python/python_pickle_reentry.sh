#!/bin/sh
# What runs while a pickle is written or read lets go of what is under way, changes it, or writes and reads itself.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/pickle_reentry.py"
