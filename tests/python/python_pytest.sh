#!/bin/sh
# pytest's own tests of what leans on tempfile (its temporary directories, its capture), with tempfile
# replaced. They are not in Debian's package: MFT_PYTEST_SOURCE names an unpacked source of pytest's
# release, else pip is asked for that of the version that is installed.
. "$MFT_SOURCE/tests/python/python"
version=$("$python" -c "import pytest; print(pytest.__version__)" 2>/dev/null)
if [ -z "$version" ]; then
    echo "skip python_pytest: pytest is not installed for $python"
    exit 0
fi
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
mkdir "$base/tmp" "$base/plain"
source=${MFT_PYTEST_SOURCE:-}
if [ -z "$source" ]; then
    (cd "$base" && timeout 120 "$python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --no-binary :all: "pytest==$version" && tar -xzf "pytest-$version.tar.gz") >"$base/log" 2>&1
    source=$base/pytest-$version
fi
if [ ! -f "$source/testing/test_tmpdir.py" ]; then
    echo "skip python_pytest: the source of pytest $version is not here and pip does not get it (MFT_PYTEST_SOURCE)"
    exit 0
fi
[ -z "${LD_PRELOAD:-}" ] || export LD_PRELOAD
PYTHONPATH=$MFT_BUILD/python PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
cd "$source" || exit 1

if "$python" -m mayfly -c "
import _pytest.tmpdir, _pytest.capture, tempfile
assert tempfile.__name__ == 'mayfly.tempfile', tempfile
assert _pytest.capture.TemporaryFile is tempfile.TemporaryFile
assert _pytest.tmpdir.tempfile is tempfile" >"$base/log" 2>&1; then
    echo "ok python_pytest_has_tempfile_replaced"
else
    echo "not ok python_pytest_has_tempfile_replaced"
    sed 's/^/    /' "$base/log"
fi

run_tests() { # TMPDIR, how, which
    TMPDIR=$1 "$python" $2 pytest -p no:cacheprovider -q -W ignore "testing/$3.py"
}

for name in test_tmpdir test_capture test_pathlib; do
    if run_tests "$base/tmp" "-m mayfly -m" "$name" >"$base/log" 2>&1; then
        echo "ok python_pytest_$name"
    elif run_tests "$base/plain" -m "$name" >"$base/plain.log" 2>&1; then
        echo "not ok python_pytest_$name"
        tail -60 "$base/log" | sed 's/^/    /'
    else
        echo "skip python_pytest_$name: it fails on this machine with CPython's own tempfile, too"
    fi
done
# pytest keeps its directories of the last runs; whatever else is there was left.
left=$(find "$base/tmp" -mindepth 1 -maxdepth 1 ! -name 'pytest-of-*')
if [ -z "$left" ]; then echo "ok python_pytest_leaves_nothing"; else
    echo "not ok python_pytest_leaves_nothing"
    echo "    $left"
fi
