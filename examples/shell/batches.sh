#!/bin/sh
# Data of several files in batches: tempfile-guide.md batch_process_conference_data.
set -eu
printf 'conference,year\neccmid,2024\nescmid,2025\n' >eccmid.csv
echo '[{"conference": "idweek", "year": 2024}]' >idweek.json
mayfly batch eccmid.csv idweek.json --size 2 --out combined.json -- sed 's/eccmid/ECCMID/'
cat combined.json
