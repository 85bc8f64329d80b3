#!/bin/sh
# A wheel from the repository's root, with what Debian has: built, checked by the rules of indexes
# and auditwheel, and installed in a fresh virtual environment. scripts/wheel-test does the same for
# each CPython of a machine, with what pip fetches.
. "$MFT_SOURCE/tests/python/python"
if ! "$python" -c "import mesonpy, pip" 2>/dev/null; then
    echo "skip python_wheel: meson-python and pip are not installed for $python"
    exit 0
fi
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
unset LD_PRELOAD ASAN_OPTIONS PYTHONMALLOC
mkdir "$base/source" "$base/tmp"
TMPDIR=$base/tmp
export TMPDIR
(cd "$MFT_SOURCE" && tar -c --exclude='./build*' --exclude=./.git .) | tar -x -C "$base/source"
check() { # name, command...
    name=$1
    shift
    if "$@" >"$base/log" 2>&1; then echo "ok $name"; else
        echo "not ok $name"
        tail -40 "$base/log" | sed 's/^/    /'
        return 1
    fi
}

# By build, where it is there, and else by pip alone.
if "$python" -c "import build.__main__" 2>/dev/null; then
    make_wheel() { "$python" -m build --wheel --no-isolation --skip-dependency-check --outdir "$base/dist" "$base/source"; }
else
    make_wheel() { "$python" -m pip wheel --no-build-isolation --no-deps --no-index --wheel-dir "$base/dist" "$base/source"; }
fi
used() {
    (cd "$base" && "$base/fresh/bin/python" -c "
import mayfly, mayfly.tempfile as tempfile, importlib.metadata
assert tempfile.__file__.startswith('$base/fresh'), tempfile.__file__
assert importlib.metadata.version('mayfly') == mayfly.__version__
with tempfile.NamedTemporaryFile() as file: file.write(b'x')
import mayfly.testing
assert mayfly.chunks.__module__ == 'mayfly' and mayfly.capture and mayfly.cache
points = importlib.metadata.distribution('mayfly').entry_points
assert [(e.group, e.value) for e in points] == [('pytest11', 'mayfly.pytest_plugin')], points
")
}

check python_wheel_is_built make_wheel || exit 1
wheel=$(echo "$base"/dist/*.whl)
"$python" "$MFT_SOURCE/tests/python/wheel_rules.py" "$wheel"
if command -v twine >/dev/null; then check python_wheel_passes_twine twine check --strict "$wheel"; else
    echo "skip python_wheel_passes_twine: this machine has no twine"
fi
if "$python" -c "import venv, ensurepip" 2>/dev/null; then
    check python_wheel_is_installed_by_pip sh -c "'$python' -m venv '$base/fresh' &&
        '$base/fresh/bin/pip' install --no-index --no-deps --disable-pip-version-check '$wheel'" &&
        check python_wheel_works_in_a_fresh_environment used
else
    echo "skip python_wheel_works_in_a_fresh_environment: $python has no venv (python3-venv)"
fi
check python_wheel_leaves_nothing test -z "$(ls -A "$TMPDIR")"
