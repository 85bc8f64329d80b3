#!/bin/sh
# The README is true: its programs compile and run as they stand there, its links lead somewhere.
build=$MFT_BUILD readme=$MFT_SOURCE/README.md
if [ ! -x "$build/mayfly" ] || [ ! -f "$build/python/built-for" ] || grep -q 'musl-gcc\|-fsanitize' "$build/build.ninja"; then
    echo "skip readme: this build has not all three faces, or not for a reader's compiler"
    exit 0
fi
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
mkdir "$base/tmp" "$base/work" "$base/bin" "$base/leases"
TMPDIR=$base/tmp MAYFLY_LEASE_DIR=$base/leases
export TMPDIR MAYFLY_LEASE_DIR
cd "$base/work" || exit 1
python=$(sed -n 's/^python *= *//p' "$build/python/built-for")
check() { # name, command...
    name=$1
    shift
    if "$@" >"$base/log" 2>&1 && [ -z "$(ls -A "$TMPDIR")" ]; then echo "ok $name"; else
        echo "not ok $name"
        sed 's/^/    /' "$base/log"
        ls -A "$TMPDIR" | sed 's/^/    left: /'
    fi
}
block() { # language, which one of it
    awk -v fence="\`\`\`$1" -v which="$2" '
        $0 == "```" { inside = 0 }
        inside
        $0 == fence { inside = ++n == which }' "$readme"
}
compile() { # source, program
    cc -std=c11 -Wall -Wextra -Werror -I"$MFT_SOURCE/include" -o "$2" "$1" -L"$build/src" -lmayfly -Wl,-rpath,"$build/src"
}
first_program() {
    block c 1 >first.c && compile first.c first && ./first && [ "$(cat result.csv)" = a,b ]
}
second_program() {
    "$python" -c 'import pickle; pickle.dump([{"name": n} for n in "abcd"], open("rows.pkl", "wb"), 4)' &&
        { printf '#include <mayfly.h>\nint main(void) {\nmayfly_error error;\n' &&
            block c 2 && echo 'return 0; }'; } >second.c && compile second.c second && [ "$(./second)" = d ]
}
python_lines() {
    block python 1 >lines.py && PYTHONPATH=$build/python "$python" lines.py && [ "$(cat result.csv)" = a,b ] && [ "$(cat settings.json)" = '{}' ]
}
# What the lines work on, and commands that a reader would have.
shell_lines() {
    printf '#!/bin/sh\necho %s "$@"\n' make >"$base/bin/make"
    cp "$base/bin/make" "$base/bin/backup" && cp "$base/bin/make" "$base/bin/curl" && chmod +x "$base"/bin/*
    ln -sf "$build/mayfly" "$base/bin/mayfly"
    printf 'b\na\n' >words
    seq 12000 >large.csv
    block sh 1 >lines.sh
    [ "$(grep -c '^mayfly\|mayfly' lines.sh)" -ge 10 ] &&
        HOME=$base PATH=$base/bin:$PATH url=nowhere sh -eu -c '. ./lines.sh; rm "$f"' && [ "$(cat words)" = "a
b" ]
}
links() {
    grep -o '](\([^)#]*\)' "$readme" | sed 's/](//' | while read -r link; do
        [ -z "$link" ] || [ -e "$MFT_SOURCE/$link" ] || echo "$link leads nowhere"
    done >"$base/dead"
    cat "$base/dead"
    [ ! -s "$base/dead" ]
}
check readme_has_150_lines_at_the_most test "$(wc -l <"$readme")" -le 150
check readme_links_lead_somewhere links
check readme_first_program_runs first_program
check readme_second_program_runs second_program
check readme_shell_lines_run shell_lines
check readme_python_lines_run python_lines
