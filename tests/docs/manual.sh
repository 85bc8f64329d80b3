#!/bin/sh
# The manual pages: in order, whole, and of one mind with --help and with the tests.
exec python3 "$MFT_SOURCE/tests/docs/manual.py" "$MFT_BUILD"
