#!/bin/sh
# Statistics of each chunk and of all: tempfile-guide.md process_large_csv_file.
set -eu
{ echo section,kib; seq 1 2500 | sed 's/^/libs,/'; } >large.csv
mayfly chunks large.csv --rows 1000 --quiet --stdin -- \
    awk -F, 'NR > 1 { n++; sum += $2 } END { print n, sum }' |
    awk '{ print "chunk " NR ": " $1 " records"; n += $1; sum += $2 }
         END { print n " records, " sum " KiB" }'
