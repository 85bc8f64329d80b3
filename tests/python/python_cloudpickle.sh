#!/bin/sh
# cloudpickle's own tests, with mayfly in its place.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/cloudpickle_suite.py"
