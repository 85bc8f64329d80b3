#!/bin/sh
# The type stubs say what the modules have (mypy's stubtest). What is allowed is what one of its versions
# finds; another may not.
. "$MFT_SOURCE/tests/python/python"
if ! "$python" -c "import mypy.stubtest" 2>/dev/null; then
    echo "skip python_stubs: mypy is not installed for $python"
    exit 0
fi
case $sanitizer in none | "") ;; *)
    echo "skip python_stubs: what stubs say is the same without sanitizers, which mypy's processes do not have"
    exit 0
    ;;
esac
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
cd "$base" || exit 1
if MYPYPATH="$MFT_BUILD/python" PYTHONPATH="$MFT_BUILD/python" "$python" -m mypy.stubtest mayfly \
    --ignore-missing-stub --ignore-unused-allowlist --concise --allowlist "$MFT_SOURCE/tests/python/stubs.allow" >out 2>&1; then
    echo "ok python_stubs"
else
    echo "not ok python_stubs"
    sed 's/^/    /' out
fi
