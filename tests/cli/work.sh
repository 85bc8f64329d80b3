#!/bin/sh
# mayfly batch and mayfly workspace, as a shell user meets it.
. "$MFT_SOURCE/tests/lib/cli.inc"

table=$MFT_SOURCE/examples/data/debian-packages.csv
mkfifo $base/fifo # by which a command tells that it runs, so nothing is waited for by time

# ---- batch --------------------------------------------------------------------------------------

check P4_the_whole_table_is_what_pythons_csv_and_json_make_of_it '
    status 0 $mayfly batch "$table" --size 1000 --out $base/all.json && says "11 batches, 10611 records read, 10611 written" &&
    python3 - "$table" $base/all.json <<"END"
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert len(rows) == 10611
assert json.dumps(rows, indent=2, ensure_ascii=False).encode() == open(sys.argv[2], "rb").read()
END'
check P4_totals_of_batches_by_a_command_are_those_of_python '
    cat >$base/count.py <<"END"
import collections, json, sys
kib = collections.Counter()
for record in json.load(sys.stdin):
    kib[record["section"]] += int(record["installed_kib"])
print(json.dumps(kib))
END
    status 0 $mayfly batch "$table" -n 700 -q -o $base/totals.json -c "python3 $base/count.py" && [ ! -s $base/stderr ] &&
    python3 - "$table" $base/totals.json <<"END"
import collections, csv, json, sys
wanted, found = collections.Counter(), collections.Counter()
for row in csv.DictReader(open(sys.argv[1], newline="")):
    wanted[row["section"]] += int(row["installed_kib"])
parts = json.load(open(sys.argv[2]))
for part in parts:
    found.update(part)
assert len(parts) == 16 and found == wanted and sum(found.values()) == 57626177, sum(found.values())
END'
check P4_random_json_goes_through_as_python_would_write_it '
    python3 - $base >$base/seed <<"END"
import json, os, random, sys
seed = int.from_bytes(os.urandom(4), "little")
print(seed)
random.seed(seed)
def value(depth):
    kind = random.randrange(9 if depth < 6 else 6)
    if kind == 0: return random.choice((None, True, False))
    if kind == 1: return random.randrange(-10**random.randrange(1, 40), 10**40)
    if kind == 2: return random.uniform(-1, 1) * 10.0 ** random.randrange(-300, 300)
    if kind < 6: return "".join(random.choice("ab \"\\\\/\n\t\x01\x7f\u00e9\u20ac\U0001f600,:{}[]") for _ in range(random.randrange(9)))
    if kind == 6: return [value(depth + 1) for _ in range(random.randrange(4))]
    return record(depth + 1)
def record(depth):
    return {str(value(9)) + str(i): value(depth) for i in range(random.randrange(5))}
records = [record(0) for _ in range(2000)]
base = sys.argv[1]
json.dump(records[:700], open(base + "/one.json", "w"), indent=random.choice((None, 0, 3)), ensure_ascii=False)
with open(base + "/two.jsonl", "w") as lines:
    for r in records[700:]:
        lines.write(json.dumps(r, ensure_ascii=False) + random.choice(("\n", "\r\n", " ", "\n\n")))
open(base + "/wanted.json", "w").write(json.dumps(records, indent=2, ensure_ascii=False))
open(base + "/wanted.lines", "w").write("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in records) + "\n]")
END
    echo "seed $(cat $base/seed)" && status 0 $mayfly batch $base/one.json $base/two.jsonl --size 17 --out $base/got.json && cmp $base/got.json $base/wanted.json &&
    status 0 $mayfly batch $base/one.json $base/two.jsonl --lines --out $base/got.lines -- cat && cmp $base/got.lines $base/wanted.lines'
check P4_random_csv_is_what_dictreader_makes_of_it '
    python3 - $base $mayfly <<"END"
import csv, io, json, os, random, subprocess, sys
seed = int.from_bytes(os.urandom(4), "little")
print("seed", seed)
random.seed(seed)
base, mayfly = sys.argv[1:]
for _ in range(60):
    width = random.randrange(1, 6)
    cell = lambda: "".join(random.choice("ab \",;\n\r\u00e9\U0001f600") for _ in range(random.randrange(6)))
    rows = [[cell() for _ in range(random.randrange(1, width + 1))] for _ in range(random.randrange(30))]
    text = io.StringIO()
    out = csv.writer(text, lineterminator=random.choice(("\n", "\r\n")), quoting=random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    out.writerow([random.choice("abc") for _ in range(width)])
    out.writerows(rows)
    # A record of one empty field is a blank line to some readers and a record to others.
    open(base + "/r.csv", "w", newline="").write(text.getvalue())
    wanted = list(csv.DictReader(open(base + "/r.csv", newline="")))
    if [r for r in rows if r == [""]]:
        continue
    subprocess.run([mayfly, "batch", base + "/r.csv", "-q", "--out", base + "/r.json"], check=True)
    assert open(base + "/r.json").read() == json.dumps(wanted, indent=2, ensure_ascii=False), text.getvalue()
END'
check P4_a_command_that_fails_leaves_the_target '
    echo old >$base/t.json && printf "a\n1\n2\n3\n" >$base/a.csv &&
    status 4 $mayfly batch $base/a.csv -n 1 -o $base/t.json -c "[ \$MAYFLY_BATCH_NUMBER != 2 ] || exit 4" && says "batch 2: the command failed: exit status 4" &&
    says "as it was" && [ "$(cat $base/t.json)" = old ] && status 127 $mayfly batch $base/a.csv -o $base/t.json -- no-such-command &&
    status 1 $mayfly batch $base/a.csv -o $base/t.json -- echo nonsense && says "processed_batch_1.json" && says "byte" &&
    status 143 $mayfly batch $base/a.csv -o $base/t.json -c "kill -TERM \$\$" && [ "$(cat $base/t.json)" = old ]'
check P4_a_command_reads_and_prints_what_it_likes '
    printf "a\n1\n2\n3\n" >$base/a.csv && status 0 $mayfly batch $base/a.csv -n 2 -o $base/t.json -l -c "cat >/dev/null; echo \$MAYFLY_BATCH_RECORDS; wc -l <\$MAYFLY_BATCH" &&
    [ "$(cat $base/t.json | tr -d "\n")" = "[2,4,1,3]" ] && status 0 $mayfly batch $base/a.csv -o $base/t.json -- true && [ "$(cat $base/t.json)" = "[]" ]'
check P4_signals_are_passed_on_and_nothing_is_left '
    printf "a\n1\n" >$base/a.csv && echo old >$base/t.json
    $mayfly batch $base/a.csv -o $base/t.json -c "echo up >$base/fifo; exec sleep 60" & pid=$!
    [ "$(cat $base/fifo)" = up ] && kill -TERM $pid && { wait $pid; [ $? = 143 ]; } && [ "$(cat $base/t.json)" = old ]'
check P4_standard_input_and_other_delimiters '
    printf "a;b\n1;2\n" | status 0 $mayfly batch - --format csv -d ";" -lo $base/t.json && [ "$(cat $base/t.json | tr -d "\n")" = "[{\"a\": \"1\", \"b\": \"2\"}]" ] &&
    echo "{} {}" | status 0 $mayfly batch - --format json -o $base/t.json --durable && says "2 records read" &&
    printf "{}" | status 1 $mayfly batch - -o $base/t.json && says "say which it is by"'
check P4_damaged_inputs_are_told_with_file_record_and_byte '
    printf "a\n1\n" >$base/a.csv && printf "[{},\n{\"a\" 1}]" >$base/b.json && status 1 $mayfly batch $base/a.csv $base/b.json -o $base/none.json &&
    says "b.json\": byte " && says "record 2" && [ ! -e $base/none.json ] && status 1 $mayfly batch /nonexistent.csv -o $base/none.json && says /nonexistent.csv &&
    status 1 $mayfly batch $base/a.csv -o /nonexistent/x.json'
check P4_a_full_disk_leaves_the_target '
    echo old >$base/t.json && (trap "" XFSZ; ulimit -f 2000; status 1 $mayfly batch "$table" -n 100 -o $base/t.json) && says "File too large" &&
    [ "$(cat $base/t.json)" = old ]'
check P4_wrong_usage_is_status_2 '
    status 2 $mayfly batch && status 2 $mayfly batch a.csv && says "--out" && status 2 $mayfly batch a.csv -o x -o y && status 2 $mayfly batch a.csv -o x -n 0 &&
    status 2 $mayfly batch a.csv -o x -f xml && status 2 $mayfly batch a.csv -o x -c a -- b && status 2 $mayfly batch a.csv -o x -- && status 2 $mayfly batch a.csv -o x -d ab'

# ---- workspace ----------------------------------------------------------------------------------

check K3_files_go_in_and_results_come_out '
    mkdir -p $base/w/in $base/w/out && echo one >$base/w/in/one.txt && echo two >$base/w/two.txt && cd $base/w &&
    status 0 $mayfly workspace --in in/one.txt --link two.txt --out out/sum.txt --out log -- sh -c "
        pwd; [ \"\$(pwd)\" = \"\$TMPDIR\" ] && [ \"\$TMPDIR\" = \"\$MAYFLY_DIR\" ] && stat -c %a . && ls && [ -L two.txt ] && [ ! -L one.txt ] &&
        echo more >>one.txt && cat one.txt two.txt >sum.txt && echo done >log" && prints 700 && prints "one.txt" &&
    [ "$(cat out/sum.txt | tr "\n" " ")" = "one more two " ] && [ "$(cat log)" = done ] && [ "$(cat in/one.txt)" = one ] && [ "$(ls $base/w | tr "\n" " ")" = "in log out two.txt " ]'
check K3_results_are_all_carried_out_or_none '
    cd $base/w && echo old >a && echo old >b && status 1 $mayfly workspace --out a --out b -- sh -c "echo new >a" && says "nothing was carried out" &&
    [ "$(cat a b | tr "\n" " ")" = "old old " ] && mkdir -p d && status 1 $mayfly workspace --out a --out d -- sh -c "echo new >a; echo new >d" && says "nothing was carried out" &&
    [ "$(cat a)" = old ] && status 0 $mayfly workspace --out a --out b -- sh -c "echo new >a; echo new >b" && [ "$(cat a b | tr "\n" " ")" = "new new " ]'
check K3_a_command_that_fails_carries_nothing_out_and_keeps_its_status '
    cd $base/w && echo old >a && status 3 $mayfly workspace --out a -- sh -c "echo new >a; exit 3" && [ "$(cat a)" = old ] &&
    status 127 $mayfly workspace --out a -- no-such-command && status 143 $mayfly workspace --out a -- sh -c "echo new >a; kill -TERM \$\$" && [ "$(cat a)" = old ]'
check K3_keep_on_error_leaves_it_and_says_where '
    cd $base/w && status 3 $mayfly workspace --keep-on-error -- sh -c "echo clue >clue; exit 3" && says "kept $TMPDIR/work_" && [ "$(cat $TMPDIR/work_*/clue)" = clue ] &&
    rm -r $TMPDIR/work_* && status 1 $mayfly workspace -k --out missing -- sh -c "echo clue >clue" && says "kept $TMPDIR/work_" && rm -r $TMPDIR/work_* &&
    status 0 $mayfly workspace -k -- true && status 1 $mayfly workspace -k --in /nonexistent -- true && status 143 $mayfly workspace -k -- sh -c "kill -TERM \$\$" &&
    says "kept " && rm -r $TMPDIR/work_*'
# A signal for a command that makes its result when it comes.
pass_on() { # signal
    rm -f $base/w/got
    $mayfly workspace --out $base/w/got -- sh -c "trap 'echo $1 >got; exit 0' $1; echo up >$base/fifo; while :; do sleep 0.01; done" &
    [ "$(cat $base/fifo)" = up ] && kill -"$1" $! && wait $! && [ "$(cat $base/w/got)" = "$1" ]
}
check K3_signals_are_passed_on_and_results_still_come_out 'pass_on TERM && pass_on HUP && pass_on USR1'
check K3_what_cannot_be_brought_in_is_told '
    cd $base/w && status 1 $mayfly workspace --in nothing -- touch $base/ran && says nothing && [ ! -e $base/ran ] && status 1 $mayfly workspace --in . -- true &&
    status 1 $mayfly workspace --link nothing -- true'
check K3_wrong_usage_is_status_2 '
    status 2 $mayfly workspace && status 2 $mayfly workspace -- && status 2 $mayfly workspace x -- true && status 2 $mayfly workspace --in a/x --link b/x -- true &&
    says "the same name" && status 2 $mayfly workspace --out a/x --out x -- true && status 0 sh -c "cd $base/w && $mayfly workspace --in two.txt --out two.txt -- true"'
check help_and_completion_know_batch_and_workspace '
    $mayfly help batch | grep -q -- --size && $mayfly help workspace | grep -q -- --keep-on-error && ! { $mayfly help batch; $mayfly help workspace; } | grep -q "^.\{91\}" &&
    cd $base/w && completes workspace wor && completes --size batch --si && completes json batch --format j &&
    completes two.txt workspace --in two'

exit $failed
