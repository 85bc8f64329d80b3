#!/bin/sh
# Cleaners of temporary directories against what is alive: systemd-tmpfiles and tmpreaper, the real
# ones, with a directory and rules of their own. Prints "ok NAME", "not ok NAME" or "skip NAME".
set -u
mayfly=$MFT_BUILD/mayfly
base=$(mktemp -d)
trap 'kill $(cat "$base"/pid-* 2>/dev/null) 2>/dev/null; rm -rf "$base"' EXIT
unset TEMP TMP XDG_RUNTIME_DIR
TMPDIR=$base/tmp
MAYFLY_LEASE_DIR=$base/tmp/leases
export TMPDIR MAYFLY_LEASE_DIR
failed=0

say() { # name, condition
    if eval "$2"; then echo "ok $1"; else echo "not ok $1"; ls -lR "$TMPDIR" | sed 's/^/    /'; failed=1; fi
}
soon() { for _ in $(seq 1000); do eval "$1" && return; sleep 0.01; done; return 1; }

# A directory with a file in it, a sticky file, and a file of somebody else's; all of them of long ago.
begin() {
    rm -rf "$base"/pid-* "$base"/dir "$base"/file "$TMPDIR"
    mkdir -m 1777 "$TMPDIR"
    mkdir "$TMPDIR/abandoned-dir"
    echo old >"$TMPDIR/abandoned"
    $mayfly run -- sh -c "echo content >\$MAYFLY_DIR/inside; mkdir \$MAYFLY_DIR/sub
        echo deep >\$MAYFLY_DIR/sub/deep; find $TMPDIR -exec touch -ad '40 days ago' {} + 
        find \$MAYFLY_DIR -exec touch -d '40 days ago' {} +
        echo \$\$ >$base/pid-1; echo \$MAYFLY_DIR >$base/dir; exec sleep 600" &
    $mayfly run --file -- sh -c "echo content >\$MAYFLY_FILE; touch -d '40 days ago' \$MAYFLY_FILE
        echo \$\$ >$base/pid-2; echo \$MAYFLY_FILE >$base/file; exec sleep 600" &
    soon "[ -s $base/dir ] && [ -s $base/file ]"
    dir=$(cat "$base/dir") file=$(cat "$base/file")
    find "$TMPDIR"/abandoned* -exec touch -d '40 days ago' {} +
}

# The commands end, and what they had is gone.
end() {
    kill $(cat "$base"/pid-*)
    wait
}

if command -v systemd-tmpfiles >/dev/null; then
    begin
    echo "d $TMPDIR 1777 - - 0" >"$base/rules.conf" # everything, however young
    SYSTEMD_LOG_LEVEL=debug systemd-tmpfiles --clean "$base/rules.conf" >"$base/log" 2>&1
    say systemd_tmpfiles_removes_what_nobody_holds '[ ! -e $TMPDIR/abandoned ] && [ ! -e $TMPDIR/abandoned-dir ]'
    say systemd_tmpfiles_leaves_a_live_directory_with_all_in_it \
        '[ "$(cat $dir/inside)" = content ] && [ "$(cat $dir/sub/deep)" = deep ]'
    say systemd_tmpfiles_leaves_a_live_sticky_file '[ "$(cat $file)" = content ]'
    say systemd_tmpfiles_leaves_the_journals '[ "$(ls $MAYFLY_LEASE_DIR/*.lease | wc -l)" = 2 ]'
    end
    say after_systemd_tmpfiles_all_is_cleaned_up '[ -z "$(ls -A $TMPDIR | grep -v leases)" ]'
else
    for name in removes_what_nobody_holds leaves_a_live_directory_with_all_in_it leaves_a_live_sticky_file \
        leaves_the_journals; do
        echo "skip systemd_tmpfiles_$name because systemd-tmpfiles (package systemd) is not here"
    done
fi

# tmpreaper knows neither locks nor the sticky bit: it goes by age alone, so what it is let at goes.
if command -v tmpreaper >/dev/null; then
    begin
    tmpreaper --mtime 30d "$TMPDIR" >"$base/log" 2>&1
    say tmpreaper_removes_what_is_old '[ ! -e $TMPDIR/abandoned ]'
    before=$(cat "$base/dir")
    end
    say after_tmpreaper_all_is_cleaned_up '[ -z "$(ls -A $TMPDIR | grep -v -e leases -e abandoned-dir)" ]'
    # What has been reaped and whose name somebody else took is not removed for ours.
    begin
    tmpreaper --mtime 30d "$TMPDIR" >"$base/log" 2>&1
    rm -rf "$dir" && mkdir "$dir" && echo foreign >"$dir/foreign"
    end 2>"$base/said"
    say CVE_2026_3888_a_directory_made_anew_by_another_is_left '[ "$(cat $dir/foreign)" = foreign ]'
else
    for name in tmpreaper_removes_what_is_old after_tmpreaper_all_is_cleaned_up \
        CVE_2026_3888_a_directory_made_anew_by_another_is_left; do
        echo "skip $name because tmpreaper is not here"
    done
fi
exit $failed
