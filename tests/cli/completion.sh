#!/bin/sh
# The Tab key in each shell that is here (completion.py types it), and what all three are made from.
. "$MFT_SOURCE/tests/lib/cli.inc"

mkdir -p "$base/work/tree" "$base/work/bin"
echo a >"$base/work/table.csv"
echo b >"$base/work/two words.pkl"
echo c >"$base/work/town" # beside the directory tree/
printf '#!/bin/sh\n' >"$base/work/bin/mayfly-completion-program"
chmod +x "$base/work/bin/mayfly-completion-program"

all_named() { # a completion: it has what `mayfly help` shows
    for command in $($mayfly help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
        grep -q "\b$command\b" "$1" || { echo "no $command"; return 1; }
        for option in $($mayfly help "$command" | sed -n 's/^  ....--\([a-z-]*\).*/\1/p'); do
            grep -q -- "$command.*$option\|--$option" "$1" || { echo "no $command --$option"; return 1; }
        done
    done
}

for shell in bash zsh fish; do
    check "completion_of_${shell}_names_every_command_and_option" '
        $mayfly completion $shell >$base/completion.$shell && all_named $base/completion.$shell'
    if ! command -v $shell >/dev/null; then
        echo "skip completion_of_$shell: this machine has no $shell"
        continue
    fi
    python3 "$MFT_SOURCE/tests/cli/completion.py" $shell "$base/completion.$shell" "$base/work" >"$base/typed" 2>&1
    cat "$base/typed"
    grep -q '^ok ' "$base/typed" || echo "not ok completion_of_${shell}_ran"
    ! grep -q '^not ok ' "$base/typed" || failed=1
done
check completion_needs_the_name_of_a_shell '
    status 2 $mayfly completion && says "bash, zsh or fish" && status 2 $mayfly completion csh &&
    status 2 $mayfly completion bash zsh'
exit $failed
