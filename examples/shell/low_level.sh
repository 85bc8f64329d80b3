#!/bin/sh
# The low level: tempfile-overview.md "Low-Level Functions". What is made is the caller's.
set -eu
file=$(mayfly file job-XXXXXX.txt)
directory=$(mayfly dir --mode 0750)
test "$(stat -c %a "$file")" = 600
test "$(stat -c %a "$directory")" = 750
rm -r "$file" "$directory"
