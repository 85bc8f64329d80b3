#!/bin/sh
# The standard library's own tests that lean on tempfile, with it replaced.
. "$MFT_SOURCE/tests/python/python"
if ! "$python" -c "import test.test_shutil" 2>/dev/null; then
    echo "skip python_library: the tests of Python's library are not installed (scripts/setup test)"
    exit 0
fi
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
mkdir "$base/tmp"
cd "$base" || exit 1
[ -z "${LD_PRELOAD:-}" ] || export LD_PRELOAD
for name in test_shutil test_zipfile test_urllib test_urllib2 test_tarfile test_subprocess \
    test_venv; do
    if TMPDIR=$base/tmp PYTHONPATH=$MFT_BUILD/python PYTHONDONTWRITEBYTECODE=1 \
        "$python" -m mayfly -m test "$name" >log 2>&1; then
        echo "ok python_library_$name"
    elif TMPDIR=$base/tmp "$python" -m test "$name" >plain 2>&1; then
        echo "not ok python_library_$name"
        tail -60 log | sed 's/^/    /'
    else
        echo "skip python_library_$name: it fails on this machine with CPython's own tempfile, too"
    fi
done
