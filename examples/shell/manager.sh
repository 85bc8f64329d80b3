#!/bin/sh
# Many with one end: tempfile-guide.md SafeTemporaryManager. Whatever is made in TMPDIR goes.
set -eu
mayfly run -- sh -c 'mktemp; mktemp -d; mktemp; echo "$TMPDIR" >where; ls "$TMPDIR" | wc -l'
[ ! -e "$(cat where)" ]
