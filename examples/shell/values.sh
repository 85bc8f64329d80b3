#!/bin/sh
# Looking into nested data: what dill-temp.md has of it, as pickles hold it.
set -eu
printf '(dp0\nVrows\n(lp1\n(dp2\nVname\nVmayfly\nsVdays\nI1\nsas.' >nested.pkl # {"rows": [{...}]}
mayfly inspect nested.pkl --depth 1
mayfly inspect nested.pkl --path /rows/0/name
mayfly inspect nested.pkl --path /rows/-1 --json
