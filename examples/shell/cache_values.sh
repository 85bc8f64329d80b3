#!/bin/sh
# What was computed, by what it depends on, for a while: tempfile-guide.md TemporaryCache.
set -eu
echo 1 >table
sum() { mayfly cache --dir cache --ttl 1h --key "$(cksum <table)" -- sh -c 'echo run >>runs; cat table'; }
sum && sum
echo 2 >table
sum
[ "$(wc -l <runs)" -eq 2 ]
mayfly cache --dir cache --stats
