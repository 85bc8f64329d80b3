#!/bin/sh
# An archive that has its name only when all of it is there: tempfile-deep-dive.md "Manual Temporary
# Directory Management".
set -eu
mayfly run -- sh -c '
    echo "Report" >"$MAYFLY_DIR/report.txt"
    mayfly write archive.tar -- tar -C "$MAYFLY_DIR" -cf - .'
tar -tf archive.tar
