#!/bin/sh
# The tutorials, followed to the letter with what this build installs.
sanitizer=$(sed -n 's/^sanitizer *= *//p' "$MFT_BUILD/python/built-for" 2>/dev/null)
if [ ! -x "$MFT_BUILD/mayfly" ] || [ ! -f "$MFT_BUILD/python/built-for" ]; then
    echo "skip tutorial: this build has not all three faces"
    exit 0
fi
if [ "$sanitizer" != none ]; then
    echo "skip tutorial: a reader's program would have to be built with the sanitizer, too"
    exit 0
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root meson install -C "$MFT_BUILD" --no-rebuild >"$root/log" 2>&1 ||
    { echo "not ok tutorial_installs"; cat "$root/log"; exit 1; }
mkdir "$root/bin"
ln -s "$(sed -n 's/^python *= *//p' "$MFT_BUILD/python/built-for")" "$root/bin/python3"
prefix=$(find "$root" -name bin -path '*/bin' ! -path "$root/bin" | head -1) # where make install put it
PATH=$root/bin:$PATH "$MFT_SOURCE/tests/docs/tutorial.py" --destdir "$root" \
    --prefix "${prefix#"$root"}/.." "$MFT_SOURCE"/docs/tutorial-*.md
