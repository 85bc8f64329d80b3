#!/bin/sh
# The examples of the document about dill.temp, with dill replaced and dill not looked at.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/dill_documents.py"
