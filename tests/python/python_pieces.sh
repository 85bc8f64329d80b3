#!/bin/sh
# mayfly.chunks, mayfly.batches and mayfly.batch.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/pieces.py"
