#!/bin/sh
# The command at its edges: streams that are closed, paths that are not UTF-8, outputs that are no files.
. "$MFT_SOURCE/tests/lib/cli.inc"

prepare() { rm -rf "$base/d" "$base/leases" && mkdir "$base/d" && printf 'a\n1\n' >"$base/d/t.csv"; }
odd=$(printf 'x\377')

# ---- streams that are closed -----------------------------------------------------------------------
# Files of our own must not get their numbers: what is written there would go into them, or be lost.

check P1_what_a_command_prints_arrives_when_streams_are_closed '
    echo old >$base/d/t && $mayfly write $base/d/t -- sh -c "echo new; exit 0" <&- >&- 2>&- && [ "$(cat $base/d/t)" = new ]'
check a_closed_input_is_an_error_and_the_target_as_it_was '
    echo old >$base/d/t && status 1 $mayfly write $base/d/t <&- && says "standard input" && [ "$(cat $base/d/t)" = old ]'
check a_closed_output_is_an_error_and_leaves_the_cache_sound '
    $mayfly cache --dir $base/d/c -- echo hello >&-; [ $? = 1 ] &&
    status 0 $mayfly cache --dir $base/d/c -- echo hello && prints hello'
check a_command_finds_closed_what_was_closed '
    $mayfly run -- sh -c "[ ! -e /proc/self/fd/0 ]" <&- && $mayfly run -- sh -c "[ ! -e /proc/self/fd/1 ]" >&- &&
    $mayfly run -- test ! -e /proc/self/fd/2 2>&-'

# ---- outputs that cannot be written ----------------------------------------------------------------

check P3_chunks_nobody_was_told_of_are_not_kept '
    $mayfly chunks $base/d/t.csv --keep >/dev/full 2>$base/stderr; [ $? = 1 ] && says "No space left" &&
    $mayfly chunks $base/d/t.csv --keep >&- 2>$base/stderr; [ $? = 1 ]'
check P3_without_a_chunk_nothing_is_kept '
    echo a >$base/d/h.csv && status 0 $mayfly chunks $base/d/h.csv --keep && [ ! -s $base/stdout ]'
check P3_a_reader_that_has_enough_keeps_what_it_was_told_of '
    { echo a; seq 200000; } >$base/d/n.csv && first=$($mayfly chunks $base/d/n.csv -r 10 --keep 2>/dev/null | head -1) &&
    [ "$(wc -l <"$first")" = 11 ] && rm -r "${first%/*}"'

# ---- paths that are not UTF-8 ----------------------------------------------------------------------

check json_of_a_path_that_is_not_utf8_is_refused_and_nothing_is_left '
    mkdir "$base/d/$odd" && for count in 1 2; do
        status 1 $mayfly file --json -n $count -p "$base/d/$odd" && says "not UTF-8" && [ ! -s $base/stdout ] || return 1
        status 1 $mayfly dir --json -n $count -p "$base/d/$odd" && says "not UTF-8" || return 1
    done && [ -z "$(ls -A "$base/d/$odd")" ] && status 0 $mayfly file -p "$base/d/$odd"'
check json_of_a_place_that_is_not_utf8_is_refused '
    mkdir "$base/d/$odd" && export TMPDIR="$base/d/$odd" && status 1 $mayfly where --json && says "not UTF-8" &&
    status 1 $mayfly where --all --json && says "not UTF-8" &&
    status 1 $mayfly cache --stats --json --dir "$base/d/$odd/c" && says "not UTF-8"; r=$?; TMPDIR=$(mktemp -d "$base/t.XXXXXX"); return $r'

# ---- targets that are no files ---------------------------------------------------------------------

# A name that leads to what no file may stand in for; $target is it.
for kind in pipe device link descriptor; do
    make_target() {
        target=$base/d/target
        case $kind in
        pipe) mkfifo "$target" ;;
        device) mknod "$target" c 1 3 2>/dev/null || return 1 ;;
        link) ln -s /dev/null "$target" ;;
        descriptor) ln -s /proc/self/fd/1 "$target" ;;
        esac
    }
    if [ "$kind" = device ] && [ "$(id -u)" != 0 ]; then
        echo "skip a_device_is_never_replaced_by_a_file: only root makes devices"
        continue
    fi
    check "P1_a_${kind}_is_never_replaced_by_a_file" '
        make_target && before=$(stat -c "%i %F" $target) &&
        status 1 $mayfly write $target </dev/null && says "a file would take its place" &&
        status 1 $mayfly batch $base/d/t.csv --out $target && says "a file would take its place" &&
        status 1 $mayfly chunks $base/d/t.csv -c true --manifest $target && says "a file would take its place" &&
        status 1 $mayfly workspace --out $target -- touch target && says "a file would take its place" &&
        [ "$(stat -c "%i %F" $target)" = "$before" ] && [ "$(ls -A $base/d | wc -l)" = 2 ]'
done

# ---- what is not there -----------------------------------------------------------------------------

check an_input_that_is_not_there_is_told_with_a_way_out '
    for command in "chunks no.csv --keep" "batch no.csv --out $base/d/o" "workspace --in no.csv -- true" "workspace --link no.csv -- true"; do
        status 1 $mayfly $command && says "\"no.csv\"" && says "it must exist already" || return 1
    done'
check a_result_that_is_not_there_is_told '
    status 1 $mayfly workspace --out $base/d/r -- true && says "has made no such file" && says "nothing was carried out"'
check a_guess_has_something_of_what_was_written '
    status 2 $mayfly -x && ! says "did you mean" >/dev/null && status 2 $mayfly cahce && says "did you mean '\''cache'\''"'

exit $failed
