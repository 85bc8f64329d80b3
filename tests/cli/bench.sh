#!/bin/sh
# mayfly bench, as a shell user meets it.
. "$MFT_SOURCE/tests/lib/cli.inc"

# The whole of what is printed, by the form that the document's SerializationBenchmark gives it; its
# numbers may be any. The names are the arguments.
form() {
    python3 - "$base/stdout" "$@" <<'END'
import re, sys
path, *names = sys.argv[1:]
seconds, size = r"\d+\.\d{4}s", r"\d{1,3}(,\d{3})* bytes"
lines = [re.escape(f"Benchmarking {name}...") for name in names]
lines += [re.escape(f"Benchmarking IO operations for {name}...") for name in names]
lines += ["", "Serialization Benchmark Results", "=" * 60]
for name in names:
    lines += ["", re.escape(name) + ":", "-" * 30, "File Operations:", f"  Avg dump time: {seconds}",
              f"  Avg load time: {seconds}", f"  Avg file size: {size}", "IO Buffer Operations:",
              f"  Avg dump time: {seconds}", f"  Avg load time: {seconds}", f"  Avg buffer size: {size}"]
text = open(path).read()
if not re.fullmatch("\n".join(lines) + "\n", text):
    sys.exit("another form:\n" + text)
END
}

# A well-formed picture with so many groups of four bars; all that it needs is in it.
picture() { # file, groups
    python3 - "$1" "$2" <<'END'
import sys, xml.etree.ElementTree as tree
path, groups = sys.argv[1], int(sys.argv[2])
root = tree.parse(path).getroot()
svg = "{http://www.w3.org/2000/svg}"
bars = [float(e.get("width")) for e in root.iter(svg + "rect") if e.get("class") in ("fd", "fl", "bd", "bl")]
assert root.tag == svg + "svg" and len(bars) == 4 * groups, bars
assert all(0 <= bar <= 520 for bar in bars) and max(bars) == 520, bars
text = open(path).read()
assert "prefers-color-scheme: dark" in text and "href" not in text and "url(" not in text
END
}

check P6_every_workload_is_told_as_the_document_does '
    status 0 $mayfly bench && form simple_list function class_instance nested_dict mixed_structure'
check P6_workloads_are_picked '
    status 0 $mayfly bench --iterations 2 --workload nested_dict -w simple_list && form nested_dict simple_list'
check P6_json_has_the_results_by_name '
    status 0 $mayfly bench --json -n 3 &&
    json "list(d) == [\"simple_list\", \"function\", \"class_instance\", \"nested_dict\", \"mixed_structure\"]" &&
    json "all(0 < r[\"min_\" + w] <= r[\"avg_\" + w] * 1.001 <= r[\"max_\" + w] * 1.002 for p in d.values() for r in (p, p[\"io\"])
              for w in (\"dump_time\", \"load_time\"))" &&
    json "all(r[\"avg_file_size\"] == r[\"io\"][\"avg_buffer_size\"] > 0 for r in d.values())"'
check P6_sizes_are_those_of_python '
    python3 - $base/stdout "$mayfly" <<"END"
import json, pickle, subprocess, sys
found = json.loads(subprocess.run([sys.argv[2], "bench", "--json", "-n", "1"], capture_output=True, check=True).stdout)
class TestClass: pass
one = TestClass()
one.value = 100
for name, value in (("simple_list", list(range(1000))), ("class_instance", one),
                    ("nested_dict", {"level1": {"level2": {"level3": list(range(100))}}})):
    assert found[name]["avg_file_size"] == len(pickle.dumps(value, 4)), (name, found[name])
END'
check P6_own_files_are_measured '
    python3 -c "import pickle; pickle.dump([\"x\" * 5000] * 3, open(\"$base/own.pkl\", \"wb\"), 4)" &&
    status 0 $mayfly bench $base/own.pkl && form $base/own.pkl && grep -q "file size: 5,0[0-9][0-9] bytes" $base/stdout &&
    status 0 $mayfly bench --json -w simple_list $base/own.pkl && json "list(d) == [\"simple_list\", \"$base/own.pkl\"]" &&
    cd $base && cp own.pkl ./-own.pkl && status 0 $mayfly bench -- -own.pkl && form -own.pkl'
check P6_a_picture_is_drawn '
    status 0 $mayfly bench --plot $base/plot.svg -n 1 && form simple_list function class_instance nested_dict mixed_structure &&
    picture $base/plot.svg 5 && status 0 $mayfly bench --json --plot $base/plot.svg -w function && json "list(d) == [\"function\"]" &&
    picture $base/plot.svg 1'
check P6_names_of_files_may_hold_anything '
    strange="$base/<a>&\"$(printf "\001\n\377")\".pkl" && cp $base/own.pkl "$strange" &&
    status 0 $mayfly bench --plot $base/plot.svg --json "$strange" && picture $base/plot.svg 1 &&
    json "list(d) == [\"$base/<a>&\\\"???\\\".pkl\"]"'
check P6_a_picture_replaces_all_or_nothing '
    echo old >$base/old.svg && status 1 $mayfly bench -n 1 --plot /nonexistent/x.svg && says /nonexistent &&
    (ulimit -f 0 && TMPDIR=/dev/shm $mayfly bench -n 1 --plot $base/old.svg); [ "$(cat $base/old.svg)" = old ]'
check P6_what_is_no_pickle_is_told '
    echo nonsense >$base/not.pkl && status 1 $mayfly bench $base/not.pkl && says not.pkl && [ ! -s $base/stdout ] &&
    status 1 $mayfly bench /nonexistent.pkl && says /nonexistent.pkl'
check P6_nothing_of_a_pickle_is_run '
    printf "cos\nsystem\n(S\"touch $base/ran\"\ntR." >$base/hostile.pkl && status 0 $mayfly bench $base/hostile.pkl &&
    form $base/hostile.pkl && [ ! -e $base/ran ]'
check P6_a_full_standard_output_is_a_failure '! $mayfly bench -n 1 >/dev/full 2>$base/stderr && says "standard output"'
check P6_wrong_usage_is_status_2 '
    status 2 $mayfly bench --workload nonsense && says "mixed_structure" && status 2 $mayfly bench -n 0 &&
    status 2 $mayfly bench -n many && status 2 $mayfly bench --plot && status 2 $mayfly bench --nonsense'
check P6_help_and_completion_know_it '
    $mayfly help bench | grep -q -- --iterations && completes bench ben &&
    completes nested_dict bench --workload ne && completes $base/own.pkl bench $base/ow'

# What the deep dive's performance_comparison prints, and then all four kinds.
comparison() {
    python3 - "$base/stdout" "$@" <<'END'
import re, sys
path, size, times = sys.argv[1:]
number = r" +\d+\.\d"
wanted = rf"""Disk-based approach: \d+\.\d{{4}} seconds
Memory-based approach: \d+\.\d{{4}} seconds
Memory approach is \d+\.\dx faster

{size} bytes, {times} times; microseconds:
 +average +least +most
memory{number * 3}
tmpfs( +there is no such place here|{number * 3}   /\S+ \(\w+\))
disk{number * 3}   /\S+ \(\w+\)
spooled{number * 3}   /\S+ \(\w+\)
"""
text = open(path).read()
if not re.fullmatch(wanted, text):
    sys.exit("another form:\n" + text)
END
}
check P8_disk_and_memory_are_told_as_the_document_does '
    status 0 $mayfly bench disk-memory && comparison 17000 5 && status 0 $mayfly bench disk-memory --lines 3 -n 2 && comparison 51 2'
check P8_disk_and_memory_as_json '
    status 0 $mayfly bench disk-memory --json -n 3 && json "d[\"bytes\"] == 17000 and d[\"iterations\"] == 3 and list(d)[3:] == [\"memory\", \"tmpfs\", \"disk\", \"spooled\"]" &&
    json "all(0 < k[\"min_time\"] <= k[\"avg_time\"] * 1.001 <= k[\"max_time\"] * 1.002 for k in (d[n] for n in list(d)[3:]) if k)" &&
    json "d[\"disk\"][\"directory\"].startswith(\"/\") and d[\"memory_is_faster_by\"] > 0" &&
    json "abs(d[\"memory_is_faster_by\"] - d[\"disk\"][\"avg_time\"] / d[\"memory\"][\"avg_time\"]) < 1e-6 * d[\"memory_is_faster_by\"]"'
check P8_the_disk_is_where_temporary_files_go '
    if [ "$($mayfly where --json | python3 -c "import json,sys; print(json.load(sys.stdin)[\"in_memory\"])")" = False ]; then
        status 0 $mayfly bench disk-memory --json && json "d[\"disk\"][\"directory\"] == \"$TMPDIR\" == d[\"spooled\"][\"directory\"]"
    else status 0 $mayfly bench disk-memory --json && json "d[\"tmpfs\"][\"directory\"] == \"$TMPDIR\""; fi'
check P8_a_full_disk_is_told '
    (trap "" XFSZ; ulimit -f 64; status 1 $mayfly bench disk-memory --lines 100000 -n 1 && says "File too large")'
check P8_wrong_usage_is_status_2 '
    status 2 $mayfly bench disk-memory x && status 2 $mayfly bench disk-memory --plot x && status 2 $mayfly bench disk-memory -w function &&
    status 2 $mayfly bench disk-memory --lines 0 && status 2 $mayfly bench --lines 5 && $mayfly help bench | grep -q disk-memory'

exit $failed
