#!/bin/sh
# Tests that fail on leaks: mayfly.testing by unittest, mayfly.pytest_plugin by pytest.
. "$MFT_SOURCE/tests/python/python"
run_python "$MFT_SOURCE/tests/python/runners.py"
