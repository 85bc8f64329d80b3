#!/bin/sh
# Who removes what: a command that leaves a process behind, and one that is killed.
# tempfile-deep-dive.md "Cleanup" patterns, where more than one process is at work.
set -eu
mayfly run --guard -- sh -c 'echo "$MAYFLY_DIR" >where'
[ ! -e "$(cat where)" ]
mayfly ls
mayfly gc --dry-run
