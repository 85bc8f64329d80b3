#!/bin/sh
# Capturing output: dill-temp.md "Stream Capture".
set -eu
mayfly capture --stdout out.txt --stderr err.txt -- sh -c 'echo "Starting processing..."; echo oh >&2'
cat out.txt
mayfly capture --quiet-on-success -- echo "nobody wants to know" # for cron
