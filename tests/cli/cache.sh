#!/bin/sh
# mayfly cache, as a shell user meets it.
. "$MFT_SOURCE/tests/lib/cli.inc"

[ -x "$mayfly" ] || { echo "skip cache: this build has no command"; exit 0; }
XDG_CACHE_HOME=$base/xdg
export XDG_CACHE_HOME
$mayfly cache --stats >"$base/out" 2>&1
if grep -q libsodium "$base/out"; then
    echo "skip cache: this build has no libsodium"
    exit 0
fi

# Each case has a cache and a file of runs of its own.
prepare() {
    cache="$mayfly cache --dir $TMPDIR.cache"
    runs=$TMPDIR.runs
    : >"$runs"
    export runs
}

ran() { [ "$(wc -l <"$runs")" = "$1" ] || { echo "it ran $(wc -l <"$runs") times and not $1"; return 1; }; }
# Notes each run, and ends with status 3.
job='echo run >>"$runs"; echo to stdout; echo to stderr >&2; exit 3'
good='echo run >>"$runs"; echo "$1"'

check P2_output_and_status_are_given_again '
    status 3 $cache -- sh -c "$job" && status 3 $cache -- sh -c "$job" && ran 1 &&
    prints "to stdout" && says "to stderr" && [ "$(wc -l <$base/stdout)" = 1 ]'
check P2_any_bytes_are_given_again '
    $cache -- head -c 100000 $mayfly >$base/one && $cache -- head -c 100000 $mayfly >$base/two &&
    head -c 100000 $mayfly | cmp - $base/one && cmp $base/one $base/two &&
    [ "$($cache --stats | grep hits)" = "hits     1" ]'
check P2_another_argument_directory_or_key_is_another_entry '
    $cache -- sh -c "$good" - a && $cache -- sh -c "$good" - b && ran 2 &&
    (cd / && $cache -- sh -c "$good" - a) && ran 3 &&
    $cache --key 1 -- sh -c "$good" - a && $cache --key 1 --key 2 -- sh -c "$good" - a && ran 5 &&
    $cache --key 12 -- sh -c "$good" - a && $cache --key 2 --key 1 -- sh -c "$good" - a && ran 7 &&
    [ "$($cache -k 1 -k 2 -- sh -c "$good" - a)" = a ] && ran 7'
check P2_arguments_and_keys_are_not_mixed_up '
    $cache -- sh -c "$good" - a b && $cache -- sh -c "$good" - "a b" && $cache --key b -- sh -c "$good" - a && ran 3'
check P2_what_is_past_its_time_is_run_again '
    $cache --ttl 1ms -- sh -c "$good" - a && until ran 2; do $cache --ttl 1ms -- sh -c "$good" - a; done &&
    $cache --ttl 1d -- sh -c "$good" - b && n=$(wc -l <$runs) && $cache -- sh -c "$good" - b && ran $n'
check P2_only_ok_forgets_failures '
    status 3 $cache --only-ok -- sh -c "$job" && status 3 $cache --only-ok -- sh -c "$job" && ran 2'
check P2_what_cannot_be_run_is_not_remembered '
    status 127 $cache -- $TMPDIR.later && says "No such file" &&
    printf "#!/bin/sh\necho now\n" >$TMPDIR.later && chmod +x $TMPDIR.later &&
    status 0 $cache -- $TMPDIR.later && prints now'
check P2_what_was_killed_is_not_remembered_and_it_ends_so_too '
    status 143 $cache -- sh -c "echo run >>$runs; kill -TERM \$\$" &&
    status 143 $cache -- sh -c "echo run >>$runs; kill -TERM \$\$" && ran 2'
check P2_of_several_one_runs_it '
    mkfifo $TMPDIR.gate &&
    for i in 1 2 3 4 5 6; do
        $cache -- sh -c "echo run >>\$runs; cat $TMPDIR.gate; echo done" >$TMPDIR.out.$i &
    done
    : >$TMPDIR.gate && wait && ran 1 &&
    for i in 1 2 3 4 5 6; do [ "$(cat $TMPDIR.out.$i)" = "done" ] || return 1; done'
check P2_a_damaged_entry_is_run_again '
    $cache -- sh -c "$good" - a && for f in $TMPDIR.cache/*; do echo x >>"$f"; done &&
    [ "$($cache -- sh -c "$good" - a)" = a ] && ran 2 && $cache --stats | grep -q "damaged  1"'
check P2_clear_and_stats '
    $cache -- sh -c "$good" - a && $cache --stats | grep -q "entries  1" && $cache --clear &&
    $cache --stats --json | python3 -c "import json,sys; d=json.load(sys.stdin); sys.exit(d[\"entries\"]!=0 or d[\"puts\"]!=1)" &&
    $cache -- sh -c "$good" - a && ran 2'
check P2_too_much_is_printed_and_not_remembered '
    [ "$($cache --max-bytes 1K -- sh -c "$good; head -c 5000 /dev/zero | tr \\\\0 x" - a | wc -c)" = 5002 ] &&
    $cache --max-bytes 1K --stats | grep -q "entries  0" &&
    for i in 1 2 3 4 5 6 7 8 9; do $cache --max-bytes 1K -- sh -c "$good" - $i; done &&
    [ "$($cache --stats | sed -n "s/bytes *//p")" -le 1024 ]'
check P2_the_usual_place_is_private_and_stays '
    [ "$($mayfly cache -- sh -c "$good" - a)" = a ] && [ "$($mayfly cache -- sh -c "$good" - a)" = a ] && ran 1 &&
    [ "$(stat -c %a $base/xdg/mayfly/commands)" = 700 ] &&
    (unset XDG_CACHE_HOME HOME; status 2 $mayfly cache --stats) && says "--dir"'
check P2_another_directory_is_not_made_a_cache '
    mkdir $TMPDIR.cache && echo mine >$TMPDIR.cache/file && status 1 $cache -- true && says "no cache" &&
    status 1 $cache --clear && [ "$(cat $TMPDIR.cache/file)" = mine ]'
check P2_wrong_usage_is_told '
    status 2 $cache && says "after --" && status 2 $cache --clear -- true && status 2 $cache true &&
    status 2 $cache --ttl 10x -- true && says "10m" && status 2 $cache --ttl 0 -- true &&
    status 2 $cache --max-bytes 5Q -- true && status 2 $cache --key'
check P2_help_and_completion_know_it '
    status 0 $mayfly help cache && prints "--ttl" && status 0 $mayfly help && prints "cache" &&
    completes --clear cache --cl'
exit $failed
