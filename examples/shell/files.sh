#!/bin/sh
# Temporary files: tempfile-guide.md "Temporary Files". A file of a command's own goes with it.
set -eu
mayfly run --file --suffix .csv -- sh -c '
    echo "This is temporary data" >"$MAYFLY_FILE"
    echo "Temporary file: $MAYFLY_FILE"
    cat "$MAYFLY_FILE"'

file=$(mayfly file --prefix conference_ --suffix .csv) # stays until it is removed by hand
test -f "$file"
rm "$file"
