#!/bin/sh
# The guide's batch job on the whole table: record for record what CPython's csv module makes of it.
build=$MFT_BUILD
[ -x "$build/examples/batches" ] || { echo "skip batch_job: this build has no examples"; exit 0; }
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
mkdir "$base/tmp" # TMPDIR, which must be empty in the end
table=$MFT_SOURCE/examples/data/debian-packages.csv
echo '[{"package": "conf", "conference": "eccmid", "installed_kib": "1"}, {"package": "é"}]' >"$base/more.json"
check() { # name, status
    if [ "$2" = 0 ]; then echo "ok $1"; else
        echo "not ok $1"
        cat "$base/out"
    fi
}
TMPDIR=$base/tmp "$build/examples/batches" "$base/combined.json" "$table" "$base/more.json" >"$base/out" 2>&1
check P4_the_guides_batch_job_processes_every_record $?
python3 - "$table" "$base/more.json" "$base/combined.json" >>"$base/out" 2>&1 <<'END'
import collections, csv, json, sys
table, more, combined = sys.argv[1:]
wanted = list(csv.DictReader(open(table, newline=""))) + json.load(open(more))
found = json.load(open(combined))
assert len(wanted) == len(found) == 10613, (len(wanted), len(found))
for one, other in zip(wanted, found):
    if "conference" in one:
        one["conference"] = one["conference"].upper()
    assert len(other.pop("processed_at")) == 19
    assert one == other and list(one) == list(other), (one, other)

def totals(records):
    kib = collections.Counter()
    for record in records:
        kib[record.get("section")] += int(record.get("installed_kib", 0))
    return kib
assert totals(wanted) == totals(found) and sum(totals(found).values()) == 57626178
END
check P4_the_guides_batch_job_has_the_records_and_totals_of_python $?
[ -z "$(ls -A "$base/tmp")" ]
check P4_the_guides_batch_job_leaves_nothing $?
