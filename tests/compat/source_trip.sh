#!/bin/sh
# S1: from one process to another program: source, a value, a struct and data in a session.
dump=$MFT_BUILD/tests/trip_dump load=$MFT_BUILD/tests/trip_load
[ -x "$dump" ] || { echo "skip source_trip: this build has no mayfly-source"; exit 0; }
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
mkdir "$base/tmp" "$base/cache"
TMPDIR=$base/tmp XDG_CACHE_HOME=$base/cache MAYFLY_LEASE_DIR=$base/leases
export TMPDIR XDG_CACHE_HOME MAYFLY_LEASE_DIR
unset CC
for compiler in cc gcc clang; do
    command -v "$compiler" >/dev/null || { echo "skip S1_a_function_travels_to_$compiler: it is not installed"; continue; }
    if session=$("$dump" 2>"$base/log") && got=$("$load" "$session" "$compiler" 2>>"$base/log") &&
        [ "$got" = "420 by A" ]; then
        echo "ok S1_a_function_travels_to_$compiler"
    else
        echo "not ok S1_a_function_travels_to_$compiler"
        echo "    ${got:-}"
        sed 's/^/    /' "$base/log"
    fi
    rm -rf "${session:?}"
done
