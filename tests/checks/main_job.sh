#!/bin/sh
# The main job's totals, and that nothing is left.
build=$MFT_BUILD
[ -x "$build/examples/chunk_statistics" ] || { echo "skip main_job: this build has no examples"; exit 0; }
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
out=$("$build/examples/chunk_statistics" "$MFT_SOURCE/examples/data/debian-packages.csv")
status=$?
check() {
    if [ "$status" = 0 ] && printf '%s\n' "$out" | grep -q "$2"; then echo "ok $1"; else
        echo "not ok $1"
        printf '%s\n' "$out"
    fi
}
check main_job_counts_every_record '^10611 records, 57626177 KiB installed'
check main_job_finds_libs_first '^ 1  libs  *1127 '
check main_job_leaves_nothing 'left behind in .*: 0$'
if [ -z "$(ls -A "$TMPDIR")" ]; then echo "ok main_job_left_the_directory_empty"; else echo "not ok main_job_left_the_directory_empty"; fi
"$build/examples/chunk_statistics" /nonexistent.csv 2>/dev/null
if [ $? = 1 ]; then echo "ok main_job_fails_without_its_table"; else echo "not ok main_job_fails_without_its_table"; fi
