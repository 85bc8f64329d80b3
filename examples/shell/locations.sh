#!/bin/sh
# Where temporary files are: tempfile-guide.md "Temporary Directory Location".
set -eu
mayfly where
mayfly where --long
mayfly where --place large
TMPDIR=/nonexistent mayfly where --all | head -3 # what cannot be used says why
