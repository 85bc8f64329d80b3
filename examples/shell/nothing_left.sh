#!/bin/sh
# However a process ends, nothing is left: tempfile-deep-dive.md "Cleanup".
set -eu
MAYFLY_LEASE_DIR=$PWD/leases
export MAYFLY_LEASE_DIR
if mayfly run -- sh -c 'kill -TERM $$'; then exit 1; fi # cleaned up, and told
mayfly run --guard -- true            # with a guard also if mayfly itself is killed
mayfly gc                             # what killed processes have left, if any
mayfly ls
