#!/bin/sh
# A temporary cache: tempfile-guide.md TemporaryCache. The command runs once.
set -eu
count='echo run >>runs; echo the page'
for i in 1 2 3; do
    mayfly cache --dir cache --ttl 10m -- sh -c "$count"
done
test "$(wc -l <runs)" = 1
mayfly cache --dir cache --stats | grep hits
