#!/bin/sh
# Tests that own their temporary files: dill-temp.md TempFileTestCase. A TMPDIR for each run, and a test
# that leaves something behind fails.
set -eu
tested() { mayfly run -- sh -c '"$@" && [ -z "$(ls -A "$TMPDIR")" ]' sh "$@"; }
tested sh -c 'f=$(mktemp); rm "$f"'
! tested mktemp
