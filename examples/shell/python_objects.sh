#!/bin/sh
# Objects of Python's classes, seen before Python makes them: dill-temp.md's instances.
set -eu
printf 'cdecimal\nDecimal\n(V1.10\ntR.' >price.pkl # Decimal("1.10")
mayfly inspect price.pkl
mayfly inspect price.pkl --globals
printf 'decimal\tDecimal\n' >policy
mayfly inspect price.pkl --check policy
