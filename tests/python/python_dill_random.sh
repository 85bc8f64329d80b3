#!/bin/sh
# Random data and classes through mayfly, dill and pickle (Hypothesis).
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_random.py"
