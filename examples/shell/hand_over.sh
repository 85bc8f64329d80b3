#!/bin/sh
# A large input that is linked and not copied: tempfile-guide.md temporary_workspace.
set -eu
seq 1000 >large.txt
mayfly workspace --link large.txt --out total.txt -- sh -c 'wc -l <large.txt >total.txt'
[ "$(cat total.txt)" -eq 1000 ]
