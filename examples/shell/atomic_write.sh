#!/bin/sh
# All or nothing: tempfile-deep-dive.md "Pattern 2: Atomic File Operations".
set -eu
printf 'pear\napple\npear\n' >words
sort -u words | mayfly write words # the file that is being read may be the target
cat words

if mayfly write words -- sh -c 'echo half; exit 1'; then exit 1; fi # it failed: nothing has changed
test "$(wc -l <words)" = 2
