#!/bin/sh
# mayfly.cache.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/caching.py"
