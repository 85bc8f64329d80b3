#!/bin/sh
# Sensitive data: tempfile-guide.md "Security Considerations". Private, in memory where there is a private
# place, and gone with the command; a pipe would not be there at all.
set -eu
mayfly run --file --place small -- sh -c 'stat -c %a "$MAYFLY_FILE"; echo "a key" >"$MAYFLY_FILE"'
