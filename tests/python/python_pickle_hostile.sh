#!/bin/sh
# What is dumped or loaded means harm: depth, threads, reducers that lie or take apart what is written.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/pickle_hostile.py"
