#!/bin/sh
# multiprocessing, joblib and Dask with functions of __main__.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_engines.py"
