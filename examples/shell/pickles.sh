#!/bin/sh
# Looking at what somebody else has pickled, before Python does: dill-temp.md "IO Buffer Operations".
set -eu
printf '(dp0\nVname\nVmayfly\nsVdays\nI1\ns.' >rows.pkl # {"name": "mayfly", "days": 1}
mayfly inspect rows.pkl
mayfly inspect rows.pkl --path /name
mayfly inspect rows.pkl --json
mayfly inspect rows.pkl --disassemble | tail -1
