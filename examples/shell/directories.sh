#!/bin/sh
# Temporary directories: tempfile-guide.md "Temporary Directories".
set -eu
mayfly run -- sh -c '
    echo "Some data" >"$MAYFLY_DIR/data.txt"
    ls "$MAYFLY_DIR"' # the directory and all in it is gone

directory=$(mayfly dir --prefix conference_ --suffix _data) # this one is removed by hand
test -d "$directory"
rm -r "$directory"
