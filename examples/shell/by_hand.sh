#!/bin/sh
# Chunks that stay, for what works on them later: tempfile-guide.md process_large_csv_file.
set -eu
{ echo n; seq 10; } >table.csv
mayfly chunks table.csv --rows 4 --quiet --keep --dir . >names
[ "$(wc -l <names)" -eq 3 ]
while read -r chunk; do wc -l <"$chunk"; done <names
