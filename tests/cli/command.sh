#!/bin/sh
# The command, as a shell user meets it.
. "$MFT_SOURCE/tests/lib/cli.inc"

table=$MFT_SOURCE/examples/data/debian-packages.csv

check W1_where_prints_the_directory 'status 0 $mayfly where && [ "$(cat $base/stdout)" = "$TMPDIR" ]'
check W1_where_follows_TMPDIR_TEMP_TMP '
    mkdir $base/two && [ "$(TMPDIR=/nonexistent TEMP=$base/two $mayfly where)" = $base/two ] &&
    [ "$(TMPDIR= TMP=$base/two $mayfly where)" = $base/two ]'
check W3_where_long_tells_reason_mode_owner_and_space '
    status 0 $mayfly where --long && prints "because of   TMPDIR" && prints "mode         0700" &&
    prints "free" && prints "file system"'
check W3_where_json_is_json '
    status 0 $mayfly where --json && json "d[\"path\"]==\"$TMPDIR\" and d[\"mode\"]==\"0700\" and d[\"free_bytes\"]>0"'
check W3_where_all_lists_every_candidate '
    TEMP=/nonexistent status 0 $mayfly where --all && prints "TEMP" && prints "No such file or directory" &&
    prints "working directory" && status 0 $mayfly where --all --json && json "d[0][\"usable\"]"'
check W1_where_large_is_var_tmp '[ "$($mayfly where --place large)" = /var/tmp ]'
check W1_where_says_when_nothing_works '
    status 2 $mayfly where --place nowhere && says "default, small, large, private or near" &&
    status 2 $mayfly where --place near && status 1 $mayfly where --near /nonexistent/x && says "/nonexistent"'

check L1_file_makes_a_private_file '
    f=$($mayfly file --prefix p- --suffix .csv) && [ -f "$f" ] && [ "$(stat -c %a "$f")" = 600 ] &&
    case $f in $TMPDIR/p-*.csv) ;; *) false ;; esac && rm "$f"'
check L1_the_mode_holds_whatever_the_umask_is '
    f=$(umask 0777 && $mayfly file --mode 640) && [ "$(stat -c %a "$f")" = 640 ] && rm "$f" &&
    d=$(umask 0 && $mayfly dir) && [ "$(stat -c %a "$d")" = 700 ] && rmdir "$d"'
check L2_dir_makes_a_private_directory '
    d=$($mayfly dir job-XXXX.d) && [ -d "$d" ] && [ "$(stat -c %a "$d")" = 700 ] &&
    case $d in $TMPDIR/job-*.d) ;; *) false ;; esac && rmdir "$d"'
check L1_a_prefix_does_not_lead_out '
    status 1 $mayfly file --prefix ../x && says "dir" && status 1 $mayfly dir --suffix /x &&
    status 2 $mayfly file ../XXX && says "--dir" && [ ! -e $TMPDIR/../x* ]'
check L1_a_template_needs_its_X 'status 2 $mayfly file job && says "three or more X"'
check L1_file_json_is_json '
    status 0 $mayfly file --json && json "d[\"mode\"]==\"0600\" and d[\"kind\"]==\"file\"" &&
    rm $TMPDIR/* && status 0 $mayfly dir -n 3 --json && json "len(d)==3" && rmdir $TMPDIR/*'
check L1_count_makes_all_or_none '
    status 0 $mayfly file -n 5 && [ $(wc -l <$base/stdout) = 5 ] && rm $TMPDIR/* &&
    status 1 $mayfly file -n 3 --dir /nonexistent && status 2 $mayfly file -n 0 && status 2 $mayfly file -n x'
check K5_fallback_directories_are_tried '
    f=$($mayfly file --dir /nonexistent --fallback /nonexistent2 --fallback $TMPDIR) && rm "$f" &&
    case $f in $TMPDIR/*) ;; *) false ;; esac'
check L1_quiet_says_nothing 'status 1 $mayfly file -q --dir /nonexistent && [ ! -s $base/stderr ]'
check a_full_standard_output_is_a_failure_and_nothing_is_left '
    ! $mayfly file >/dev/full 2>$base/stderr && says "nothing was made" &&
    ! $mayfly where >/dev/full 2>$base/stderr && says "standard output" && ! $mayfly help >/dev/full 2>&1'

check P3_chunks_hold_every_record_once '
    [ "$($mayfly chunks "$table" -q --rows 1000 -- python3 -c "
import csv,sys; print(sum(1 for r in csv.reader(open(sys.argv[1], newline=\"\")))-1)" | paste -sd+ | bc 2>/dev/null ||
       $mayfly chunks "$table" -q --rows 1000 -- python3 -c "
import csv,sys; print(sum(1 for r in csv.reader(open(sys.argv[1], newline=\"\")))-1)" | awk "{s+=\$1} END {print s}")" = 10611 ]'
check P3_command_gets_the_path_in_braces_or_last '
    [ "$($mayfly chunks "$table" -q -c "head -c 7 {} | cat; echo")" = "package
package" ] && [ "$($mayfly chunks "$table" -q -c "head -c 7")" = packagepackage ] &&
    [ "$($mayfly chunks "$table" -q -- sh -c "head -c 7 \$1; echo" sh {} | sort -u)" = package ]'
check P3_the_environment_tells_number_and_rows '
    [ "$($mayfly chunks "$table" -q -r 6000 -c "echo \$MAYFLY_CHUNK_NUMBER \$MAYFLY_CHUNK_ROWS #" | paste -sd,)" = "1 6000,2 4611" ]'
check P3_jobs_print_in_the_order_of_chunks '
    [ "$($mayfly chunks "$table" -q -r 500 -j 4 -c "echo \$MAYFLY_CHUNK_NUMBER; echo \$MAYFLY_CHUNK_NUMBER #" | uniq | paste -sd,)" = "$(seq -s, 22)" ]'
check P3_a_failing_command_is_told_and_stops_the_rest '
    status 1 $mayfly chunks "$table" -r 1000 -c "[ \$MAYFLY_CHUNK_NUMBER != 2 ] #" && says "chunk 2: the command failed: exit status 1" &&
    says "1 of 2 chunks failed"'
check P3_keep_going_runs_the_others '
    status 1 $mayfly chunks "$table" -r 1000 -k -j 2 -c "[ \$MAYFLY_CHUNK_NUMBER != 2 ] && echo x #" &&
    [ $(wc -l <$base/stdout) = 10 ] && says "1 of 11 chunks failed"'
check P3_a_command_that_does_not_exist_is_told '
    status 1 $mayfly chunks "$table" -- /nonexistent/command && says "exit status 127"'
check P3_keep_leaves_the_chunks '
    status 0 $mayfly chunks "$table" --keep -r 4000 && [ $(wc -l <$base/stdout) = 3 ] &&
    [ -f "$(head -1 $base/stdout)" ] && rm -r "$(dirname "$(head -1 $base/stdout)")"'
check P3_standard_input_and_other_delimiters '
    [ "$(printf "a;b\n1;\"x\ny\"\n2;z\n" | $mayfly chunks - -q -d ";" -r 1 -c cat | tr "\n" " ")" = "a;b 1;\"x y\" a;b 2;z " ]'
check P3_broken_input_is_told_with_its_place '
    printf "a,b\n1,\"x\n" >$base/broken.csv && status 1 $mayfly chunks $base/broken.csv -c cat &&
    says "broken.csv" && says "line 2" && status 1 $mayfly chunks /nonexistent.csv -c cat && says "/nonexistent.csv"'
check P3_chunks_by_bytes_and_other_records '
    [ "$($mayfly chunks "$table" -q -b 200K -c "wc -c <" | awk "\$1 > 204800 {bad = 1} END {print NR, bad + 0}")" = "11 0" ] &&
    [ "$(printf "a\nb\nc\n" | $mayfly chunks - -q -f lines -r 2 -c "paste -sd+")" = "a+b
c" ] &&
    [ "$(printf "{}\n\n[]\n" | $mayfly chunks - -q -f json -r 1 -c "echo \$MAYFLY_CHUNK_ROWS #" | paste -sd,)" = 1,1 ] &&
    [ "$(printf aabbccdd | $mayfly chunks - -q -f fixed:2 -r 3 -c "cat {}; echo" | paste -sd,)" = aabbcc,dd ] &&
    [ "$(printf "h\na\nb\n" | $mayfly chunks - -q -f lines --header 1 -r 1 -c "paste -sd+" | paste -sd,)" = h+a,h+b ] &&
    [ "$(printf "a,\"\nb\n" | $mayfly chunks - -q --quote none --no-header -r 1 -c "paste -sd+" | paste -sd,)" = "a,\",b" ]'
check P3_the_chunk_is_standard_input_or_in_memory '
    [ "$($mayfly chunks "$table" -q -r 4000 --stdin -- head -c 7)" = packagepackagepackage ] &&
    [ "$($mayfly chunks "$table" -q -r 4000 --stdin --memory -j 2 -c "head -c 7")" = packagepackagepackage ] &&
    [ "$($mayfly chunks "$table" -q -r 4000 --memory -c "head -c 7")" = packagepackagepackage ] && [ -z "$(ls -A $TMPDIR)" ]'
check P3_a_command_does_not_read_what_is_being_split '
    [ "$(seq 50000 | $mayfly chunks - -q -f lines -r 20000 -- sh -c "cat; wc -l <\$1" sh {} | paste -sd,)" = 20000,20000,10000 ] &&
    [ "$($mayfly chunks - -q -r 6000 -- sh -c "wc -c" <"$table" | paste -sd,)" = 0,0 ]'
check P3_ranges_are_told_and_nothing_is_made '
    [ "$($mayfly chunks "$table" -q -r 4000 --ranges -c "dd if=\$MAYFLY_CHUNK bs=1 skip=\$MAYFLY_CHUNK_OFFSET count=4 2>/dev/null; ls -A $TMPDIR #" | head -c 4)" = "0ad," ] &&
    $mayfly chunks "$table" -q -r 4000 --ranges >$base/ranges && [ $(grep -c "\"input\": .*\"offset\": " $base/ranges) = 3 ]'
check P3_a_manifest_is_written_at_the_end_with_checksums '
    $mayfly chunks "$table" -q -r 4000 --keep --checksum --manifest $base/manifest >$base/stdout && [ ! -s $base/stdout ] &&
    [ $(wc -l <$base/manifest) = 3 ] && first=$(sed -n "1s/.*\"path\": \"\([^\"]*\)\".*/\1/p" $base/manifest) &&
    [ "$(sed -n "1s/.*blake2b-256:\([0-9a-f]*\).*/\1/p" $base/manifest)" = "$(b2sum -l 256 "$first" | cut -d" " -f1)" ] &&
    rm -r "$(dirname "$first")" && rm $base/manifest &&
    ! $mayfly chunks "$table" -q -r 4000 --manifest $base/manifest -c false 2>/dev/null && [ ! -e $base/manifest ] &&
    [ "$($mayfly chunks "$table" -q -r 9000 --manifest - -c true | grep -c "^{")" = 2 ]'
check P3_damage_is_told_with_record_and_byte '
    printf "h\na\nb\377\nc\n" >$base/bad.csv && status 1 $mayfly chunks $base/bad.csv --damage utf8=error -c cat && says "byte 5" && says "record 3" &&
    status 0 $mayfly chunks $base/bad.csv --damage utf8=skip -c cat && says "record 3, byte 5: not UTF-8; it is left out" && [ "$(paste -sd, $base/stdout)" = h,a,c ] &&
    status 0 $mayfly chunks $base/bad.csv --damage all=pass -c cat && says "taken as it is" && [ $(wc -l <$base/stdout) = 4 ] &&
    status 0 $mayfly chunks $base/bad.csv --max-record 2 --damage long=skip -c cat && [ "$(paste -sd, $base/stdout)" = h,a,c ]'
check P3_a_failing_command_is_run_again '
    echo 0 >$base/count && status 0 $mayfly chunks "$table" -r 9000 --retry 2 -- sh -c "n=\$(cat $base/count); echo \$((n + 1)) >$base/count; echo \$MAYFLY_CHUNK_NUMBER; [ \$n -ge 2 ]" &&
    [ "$(paste -sd, $base/stdout)" = 1,2 ] && [ "$(cat $base/count)" = 4 ] &&
    status 1 $mayfly chunks "$table" -r 9000 -k -j 2 --retry 1 -c false && says "exit status 1, 2 times" && says "2 of 2 chunks failed"'
check P3_wrong_usage_is_status_2 '
    status 2 $mayfly chunks && status 2 $mayfly chunks a b -c x && status 2 $mayfly chunks "$table" && says "--keep" &&
    status 2 $mayfly chunks "$table" -r 0 -c x && status 2 $mayfly chunks "$table" -r 10k -c x &&
    status 2 $mayfly chunks "$table" -b 10k -c x && status 2 $mayfly chunks "$table" -f xml -c x && status 2 $mayfly chunks "$table" -f fixed:0 -c x &&
    status 2 $mayfly chunks "$table" --damage nul -c x && status 2 $mayfly chunks "$table" --damage x=skip -c x && status 2 $mayfly chunks "$table" --memory --keep &&
    status 2 $mayfly chunks "$table" --ranges --stdin -c x && status 2 $mayfly chunks "$table" --memory -p /tmp -c x && status 2 $mayfly chunks "$table" --quote ab -c x &&
    status 2 $mayfly chunks "$table" -c x -- y && status 2 $mayfly chunks "$table" -d ab -c x'

# Interrupted: the command tells by a fifo that it runs, so nothing is waited for by time.
interrupt() { # signal
    mkfifo $base/fifo.$1 && : >$base/told.$1
    $mayfly chunks "$table" -q -r 500 -j 2 -- sh -c "trap \"echo \\\$MAYFLY_CHUNK_NUMBER >>$base/told.$1; exit 3\" $1; echo started >$base/fifo.$1; while :; do sleep 0.05; done" &
    pid=$!
    head -1 $base/fifo.$1 >/dev/null
    kill -$1 $pid
    wait $pid
    got=$?
    [ $got = $((128 + $2)) ] || { echo "status $got"; return 1; }
    [ -s $base/told.$1 ] || { echo "the command was not told"; return 1; }
}
check K4_SIGTERM_ends_commands_and_leaves_nothing 'interrupt TERM 15'
check K4_SIGHUP_ends_commands_and_leaves_nothing 'interrupt HUP 1'
check K4_SIGINT_ends_commands_and_leaves_nothing '
    python3 - "$mayfly" "$table" "$base/fifo.INT" <<"END"
import os, signal, subprocess, sys
mayfly, table, fifo = sys.argv[1:]
os.mkfifo(fifo)
p = subprocess.Popen([mayfly, "chunks", table, "-q", "-r", "500", "--", "sh", "-c",
                      "trap \"exit 3\" INT; echo started >" + fifo + "; while :; do sleep 0.05; done"],
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
open(fifo).readline()
p.send_signal(signal.SIGINT)
sys.exit(p.wait() != -signal.SIGINT)
END'
check a_reader_that_goes_away_leaves_nothing '
    $mayfly chunks "$table" -q -r 100 -j 2 -c "cat" | head -1 >/dev/null'
if ! python3 -c 'import pty; pty.openpty()' 2>/dev/null; then
    echo "skip a_terminal_sees_a_progress_bar_and_a_file_does_not: there are no terminals here"
else
check a_terminal_sees_a_progress_bar_and_a_file_does_not '
    status 0 $mayfly chunks "$table" -r 1000 -c true && ! grep -q "\[#" $base/stderr &&
    python3 - "$mayfly" "$table" <<"END"
import os, pty, sys
mayfly, table = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(mayfly, [mayfly, "chunks", table, "-r", "1000", "-c", "true"])
seen = b""
try:
    while chunk := os.read(fd, 4096):
        seen += chunk
except OSError:
    pass
sys.exit(not (b"[###" in seen and b"records" in seen and os.waitpid(pid, 0)[1] == 0))
END'
fi

check help_tells_every_command_and_option '
    for c in where file dir chunks; do $mayfly help $c | grep -q "usage: mayfly $c" || exit 1; $mayfly $c --help | grep -q -- --json || [ $c = chunks ] || exit 1; done;
    $mayfly --help | grep -q chunks && $mayfly help | awk "length > 90 {exit 1}"'
check version_is_told '[ "$($mayfly version)" = "mayfly 0.1.0" ] && $mayfly --version | grep -q "0\.1\.0"'
check unknown_commands_and_options_are_refused '
    status 2 $mayfly wher && says "did you mean" && status 2 $mayfly && status 2 $mayfly file --nonsense &&
    says "no option --nonsense" && status 2 $mayfly file -Z && status 2 $mayfly file --dir && says "needs a value" &&
    status 2 $mayfly file --json=1 && status 2 $mayfly help nonsense && status 2 $mayfly version x && status 2 $mayfly where x'
check bash_completes_commands_options_and_places '
    completes where wh && completes --keep-going chunks --keep- && completes small where --place sm &&
    completes file help fi'
# Waits for something to become true, for ten seconds at most.
soon() { for _ in $(seq 1000); do eval "$1" && return; sleep 0.01; done; echo "never: $1"; return 1; }

check D1_run_gives_a_directory_and_removes_it '
    status 0 $mayfly run -- sh -c "test -d \"\$MAYFLY_DIR\" && test \"\$TMPDIR\" = \"\$MAYFLY_DIR\" &&
        stat -c %a \$TMPDIR && mkdir -p \$TMPDIR/a/b && touch \$TMPDIR/a/b/c" && prints 700'
check run_gives_a_file_instead 'status 0 $mayfly run --file --suffix .csv -- sh -c "
    echo x >\$MAYFLY_FILE; case \$MAYFLY_FILE in *.csv) stat -c %a \$MAYFLY_FILE;; esac" && prints 1600'
check run_keeps_the_exit_status 'status 3 $mayfly run -- sh -c "exit 3" &&
    status 127 $mayfly run -- no-such-command && says no-such-command && status 126 $mayfly run -- /etc/passwd'
check run_ends_by_the_signal_that_ended_the_command 'status 143 $mayfly run -- sh -c "kill -TERM \$\$" &&
    status 137 $mayfly run -- sh -c "kill -KILL \$\$"'
check K4_run_passes_signals_on_and_cleans_up '
    for signal in TERM HUP USR1; do
        $mayfly run -- sh -c "trap \"echo \$TMPDIR >$base/got; exit 5\" $signal; echo up >$base/up; while :; do sleep 0.01; done" &
        soon "[ -s $base/up ]" && kill -$signal $! && { wait $!; [ $? = 5 ]; } || return 1
        [ -s $base/got ] && [ ! -e "$(cat $base/got)" ] && rm $base/up $base/got || return 1
    done'
check K3_run_keeps_on_error_if_told_to '
    status 1 $mayfly run --keep-on-error -- sh -c "echo x >\$TMPDIR/evidence; exit 1" &&
    says "kept $TMPDIR/" && [ "$(cat $TMPDIR/*/evidence)" = x ] && rm -r $TMPDIR/* &&
    status 0 $mayfly run --keep-on-error -- true && status 1 $mayfly run --keep-on-error --file -- false &&
    says "kept $TMPDIR/" && rm $TMPDIR/*'
check run_killed_leaves_the_directory_to_what_still_runs '
    $mayfly run -- sh -c "echo \$TMPDIR >$base/where; echo \$\$ >$base/pid; exec sleep 60" &
    soon "[ -s $base/pid ]" && kill -KILL $! && { wait $! || :; } && dir=$(cat $base/where) &&
    status 0 $mayfly ls && prints inherited && prints $dir && status 0 $mayfly gc && [ -d $dir ] &&
    kill $(cat $base/pid) && soon "$mayfly ls | grep -q orphaned" && status 0 $mayfly gc --dry-run &&
    prints "would remove $dir" && [ -d $dir ] && status 0 $mayfly gc && prints "removed $dir" && rm $base/pid'
check run_with_a_guard_is_cleaned_at_once '
    $mayfly run --guard -- sh -c "echo x >\$TMPDIR/x; echo \$\$ >$base/pid; exec sleep 60" &
    soon "[ -s $base/pid ]" && kill -KILL $! $(cat $base/pid) && { wait $! || :; } &&
    soon "[ -z \"\$(ls -A $TMPDIR)\" ]" && rm $base/pid'
check run_says_how_it_is_used '
    status 2 $mayfly run && says "after --" && status 2 $mayfly run -- && status 2 $mayfly run ls -- ls &&
    status 2 $mayfly run --dir --file -- true && status 2 $mayfly ls x && status 2 $mayfly gc x'
check P1_write_replaces_what_is_read_to_its_end '
    f=$TMPDIR/f && printf "b\na\nb\n" >$f && sort -u $f | status 0 $mayfly write $f && [ "$(cat $f)" = "a
b" ] && echo new | status 0 $mayfly write --durable --backup f.old $f && [ "$(cat $f)" = new ] &&
    [ "$(head -1 $TMPDIR/f.old)" = a ] && rm $f $TMPDIR/f.old'
check P1_write_takes_what_a_command_prints_if_it_succeeds '
    f=$TMPDIR/f && echo old >$f && status 0 $mayfly write $f -- sh -c "cat $f; echo more" && [ "$(cat $f)" = "old
more" ] && status 4 $mayfly write $f -- sh -c "echo half; exit 4" && says "as it was" && status 127 $mayfly write $f -- no-such-command &&
    status 143 $mayfly write $f -- sh -c "echo half; kill -TERM \$\$" && [ "$(cat $f)" = "old
more" ] && rm $f'
check P1_write_waits_for_a_status_of_0 '
    f=$TMPDIR/f && echo old >$f && { echo new; echo 1 >$base/status; } | status 1 $mayfly write --if-ok $base/status $f &&
    says "not 0" && [ "$(cat $f)" = old ] && { echo new; echo 0 >$base/status; } | status 0 $mayfly write --if-ok $base/status $f &&
    [ "$(cat $f)" = new ] && rm $f'
check P1_write_on_a_full_disk_leaves_the_target '
    f=$TMPDIR/f && echo old >$f && (ulimit -f 8 && head -c 1000000 /dev/zero | $mayfly write $f); [ "$(cat $f)" = old ] && rm $f'
check P1_write_respects_links_and_what_is_there '
    f=$TMPDIR/f && echo old >$f && ln -s f $TMPDIR/l && echo new | status 0 $mayfly write --follow $TMPDIR/l && [ "$(cat $f)" = new ] &&
    [ -L $TMPDIR/l ] && echo x | status 1 $mayfly write --no-clobber $f && says "exists" && [ "$(cat $f)" = new ] && rm $f $TMPDIR/l'
check write_says_how_it_is_used 'status 2 $mayfly write </dev/null && status 2 $mayfly write a b </dev/null &&
    status 2 $mayfly write x -- && status 2 $mayfly write --if-ok x y -- true && status 1 $mayfly write /nonexistent/x </dev/null'
check ls_lists_what_is_alive '
    status 0 $mayfly run -- $mayfly ls && prints "held" && prints "directory" && prints "mayfly run" &&
    status 0 $mayfly run -- $mayfly ls --json && json "[e[\"kind\"] for l in d for e in l[\"entries\"]] == [\"directory\"]" &&
    json "d[0][\"state\"] == \"held\" and d[0][\"pid\"] > 1 and \"run\" in d[0][\"command\"]" && status 0 $mayfly ls --json && json "d == []"'
check gc_tells_as_json 'status 0 $mayfly gc --json && json "d[\"removed\"] == 0 and d[\"entries\"] == []"'
check nothing_is_left_of_the_leases '[ ! -e $MAYFLY_LEASE_DIR ] || [ -z "$(ls -A $MAYFLY_LEASE_DIR)" ]'

exit $failed
