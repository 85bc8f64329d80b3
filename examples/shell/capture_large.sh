#!/bin/sh
# Output that goes to files, all or nothing, both streams into one: dill-temp.md "Stream Capture".
set -eu
mayfly capture --stdout log --stderr log -- sh -c 'seq 20000; echo "that was all" >&2'
[ "$(wc -l <log)" -eq 20001 ]
