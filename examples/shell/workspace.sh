#!/bin/sh
# A workspace: tempfile-guide.md process_pdf_with_temp_workspace. Only the results come out.
set -eu
echo "Mock poster" >talk.txt
mayfly workspace --in talk.txt --out poster.txt -- sh -c '
    tr a-z A-Z <talk.txt >poster.txt
    echo "not wanted" >scratch'
cat poster.txt
test ! -e scratch
