#!/bin/sh
# The examples of the documents, with tempfile replaced.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/documents.py"
