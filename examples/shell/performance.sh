#!/bin/sh
# Disk and memory side by side: tempfile-deep-dive.md performance_comparison.
set -eu
mayfly bench disk-memory --iterations 1
