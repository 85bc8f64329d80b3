#!/bin/sh
# A large CSV in temporary chunks: process_large_csv of tempfile-deep-dive.md.
set -eu
{ echo name,days; seq 1 2500 | sed 's/$/,1/'; } >large.csv
mayfly chunks large.csv --rows 1000 --jobs 2 --quiet --command 'tail -n +2 {} | wc -l'
