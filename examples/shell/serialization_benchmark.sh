#!/bin/sh
# How long dumping and loading takes: dill-temp.md SerializationBenchmark.
set -eu
mayfly bench --iterations 1 --workload simple_list
