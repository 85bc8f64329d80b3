#!/bin/sh
# Every example runs, says that all is as it should be, and leaves nothing; those for shells, too.
[ -d "$MFT_BUILD/examples" ] || { echo "skip examples: this build has none"; exit 0; }
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
XDG_CACHE_HOME=$base/cache
export XDG_CACHE_HOME
mkdir "$XDG_CACHE_HOME"
for source in "$MFT_SOURCE"/examples/*.c; do
    name=$(basename "$source" .c)
    [ "$name" = chunk_statistics ] && continue # main_job
    case $name in # of a library that this build may lack
    source_*) [ -x "$MFT_BUILD/examples/$name" ] || { echo "skip example_$name: this build has no mayfly-source"; continue; } ;;
    esac
    TMPDIR=$(mktemp -d "$base/$name.XXXXXX")
    export TMPDIR
    if (cd "$TMPDIR" && "$MFT_BUILD/examples/$name") >"$base/out" 2>&1 && [ -z "$(ls -A "$TMPDIR")" ]; then
        echo "ok example_$name"
    else
        echo "not ok example_$name"
        sed 's/^/    /' "$base/out"
        ls -A "$TMPDIR" | sed 's/^/    left: /'
    fi
done

[ -x "$MFT_BUILD/mayfly" ] || { echo "skip the examples for shells: this build has no command"; exit 0; }
PATH=$MFT_BUILD:$PATH
for source in "$MFT_SOURCE"/examples/shell/*.sh; do
    name=$(basename "$source" .sh)
    case $name in
    source_*) [ -x "$MFT_BUILD/examples/$name" ] || { echo "skip example_shell_$name: this build has no mayfly-source"; continue; } ;;
    esac
    TMPDIR=$(mktemp -d "$base/shell_$name.XXXXXX") work=$(mktemp -d "$base/work.XXXXXX")
    if (cd "$work" && sh "$source") >"$base/out" 2>&1 && [ -z "$(ls -A "$TMPDIR")" ]; then
        echo "ok example_shell_$name"
    else
        echo "not ok example_shell_$name"
        sed 's/^/    /' "$base/out"
        ls -A "$TMPDIR" | sed 's/^/    left: /'
    fi
done
