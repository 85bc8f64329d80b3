#!/bin/sh
# mayfly capture, as a shell user meets it.
. "$MFT_SOURCE/tests/lib/cli.inc"

# Each case has a directory for its files.
prepare() { rm -rf "$base/d" && mkdir "$base/d"; }

is() { # file, content
    [ "$(cat "$1"; echo .)" = "$2." ] || { echo "$1 is:"; cat "$1"; return 1; }
}
out() { is "$base/stdout" "$1"; }
err() { is "$base/stderr" "$1"; }
nl='
'
both='echo out; echo err >&2'

check C1_output_is_shown_when_the_command_has_ended '
    status 0 $mayfly capture -- sh -c "$both" && out "out$nl" && err "err$nl"'
check C1_quiet_on_success_shows_nothing_when_it_succeeds '
    status 0 $mayfly capture --quiet-on-success -- sh -c "$both" && out "" && err ""'
check C1_quiet_on_success_shows_all_when_it_fails '
    status 3 $mayfly capture -q -- sh -c "$both; exit 3" && out "out$nl" && err "err$nl"'
check C1_the_exit_status_is_kept '
    status 0 $mayfly capture -- true && status 1 $mayfly capture -- false && status 77 $mayfly capture -- sh -c "exit 77"'
check C1_the_signal_that_ended_it_is_kept_and_its_output_shown '
    status 143 $mayfly capture -q -- sh -c "$both; kill -TERM \$\$" && out "out$nl" && grep -q "^err" $base/stderr &&
    status 137 $mayfly capture -q -- sh -c "kill -KILL \$\$"'
check C1_files_get_the_streams_and_nothing_is_shown '
    status 4 $mayfly capture --stdout $base/d/o --stderr $base/d/e -- sh -c "$both; exit 4" && out "" && err "" &&
    is $base/d/o "out$nl" && is $base/d/e "err$nl" && [ "$(ls -A $base/d | wc -l)" = 2 ]'
check C1_one_stream_in_a_file_and_the_other_shown '
    status 0 $mayfly capture -o $base/d/o -- sh -c "$both" && out "" && err "err$nl" && is $base/d/o "out$nl" &&
    status 1 $mayfly capture -q -e $base/d/e -- sh -c "$both; exit 1" && out "out$nl" && err "" && is $base/d/e "err$nl"'
mixed='for i in 1 2 3; do echo out $i; echo err $i >&2; done'
in_order="out 1${nl}err 1${nl}out 2${nl}err 2${nl}out 3${nl}err 3$nl"
check C1_both_in_one_file_keep_their_order '
    status 0 $mayfly capture -o $base/d/all -e $base/d/all -- sh -c "$mixed" && is $base/d/all "$in_order"'
check C1_one_file_by_two_names_is_one_file '
    cd $base/d && status 0 $mayfly capture -o all -e ./all -- sh -c "$mixed" && is all "$in_order" &&
    ln -s all link && status 0 $mayfly capture -o link -e $base/d/all -- sh -c "$mixed" && is all "$in_order"; r=$?; cd "$OLDPWD"; return $r'
check C1_both_to_one_place_keep_their_order '
    [ "$($mayfly capture -- sh -c "$mixed" 2>&1; echo .)" = "$in_order." ]'
check a_file_is_replaced_only_when_the_command_has_ended '
    echo old >$base/d/o && status 0 $mayfly capture -o $base/d/o -- cat $base/d/o && is $base/d/o "old$nl" &&
    ln -s o $base/d/link && status 0 $mayfly capture -o $base/d/link -- echo new && is $base/d/o "new$nl" && [ -L $base/d/link ]'
check a_device_is_written_to_and_not_replaced '
    status 0 $mayfly capture -o /dev/null -e /dev/null -- sh -c "$both" && out "" && err "" && [ -c /dev/null ] &&
    mkfifo $base/d/pipe && { cat $base/d/pipe >$base/d/got & } && status 0 $mayfly capture -o $base/d/pipe -- echo through &&
    wait && is $base/d/got "through$nl" && [ -p $base/d/pipe ]'
check a_file_that_cannot_be_made_is_told_before_the_command_runs '
    status 1 $mayfly capture -o $base/d/no/such -- touch $base/d/ran && [ ! -e $base/d/ran ] &&
    grep -q "/d/no/" $base/stderr'
check a_command_that_does_not_exist_is_told '
    status 127 $mayfly capture -q -- no-such-command && grep -q no-such-command $base/stderr &&
    status 126 $mayfly capture -q -- /etc/passwd && grep -q /etc/passwd $base/stderr'
check a_script_may_open_the_streams_anew '
    status 1 $mayfly capture -q -- sh -c "echo one; echo two >/dev/stdout; echo three >/dev/stderr; exit 1" &&
    out "one${nl}two$nl" && err "three$nl"'
check a_process_that_outlives_the_command_is_not_waited_for '
    mkfifo $base/d/gate && status 0 timeout 60 $mayfly capture -- sh -c "(cat $base/d/gate; echo late) & echo done" &&
    out "done$nl" && echo >$base/d/gate'
# INT and QUIT are ignored by what a script starts in the background.
for signal in HUP TERM USR1 USR2; do
    check "SIG${signal}_is_passed_on_and_the_output_shown" '
        mkfifo $base/d/up $base/d/gate
        $mayfly capture -q -- sh -c "trap \"echo got it; exit 5\" '$signal'
            cat $base/d/gate & echo up >$base/d/up; wait; exit 6" >$base/d/out & pid=$!
        read -r line <$base/d/up && kill -'$signal' $pid; wait $pid; got=$?; echo >$base/d/gate
        [ $got = 5 ] && is $base/d/out "got it$nl"'
done
check C1_a_hundred_megabytes_go_through '
    [ "$($mayfly capture -- sh -c "head -c 100000000 /dev/zero | tr \"\\0\" x" | cksum)" = \
      "$(head -c 100000000 /dev/zero | tr "\0" x | cksum)" ]'
check a_full_standard_output_is_a_failure '
    ! $mayfly capture -- echo x >/dev/full 2>$base/stderr && grep -q "cannot be written" $base/stderr &&
    ! $mayfly capture -o /dev/full -- echo x 2>$base/stderr'
check closed_streams_are_no_hindrance '
    $mayfly capture -q -- sh -c "$both" >&- 2>&- && $mayfly capture -q -- sh -c "$both" <&- >&- 2>&-'
check C1_wrong_usage_is_told '
    status 2 $mayfly capture && grep -q "after --" $base/stderr && status 2 $mayfly capture -- &&
    status 2 $mayfly capture ls -- ls && status 2 $mayfly capture --stdout'
check C1_help_and_completion_know_it '
    status 0 $mayfly help capture && grep -q -- --quiet-on-success $base/stdout &&
    completes "--stdout --stderr" capture --std'
exit $failed
