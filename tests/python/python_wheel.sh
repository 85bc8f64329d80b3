#!/bin/sh
# pip builds and installs the package from the repository's root, with what Debian has.
. "$MFT_SOURCE/tests/python/python"
if ! "$python" -c "import mesonpy, pip" 2>/dev/null; then
    echo "skip python_wheel: meson-python and pip are not installed for $python"
    exit 0
fi
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
unset LD_PRELOAD
mkdir "$base/source"
(cd "$MFT_SOURCE" && tar -c --exclude='./build*' --exclude=./.git .) | tar -x -C "$base/source"
if (cd "$base/source" && "$python" -m pip install --no-build-isolation --no-deps --no-index \
    --disable-pip-version-check --target "$base/there" .) >"$base/log" 2>&1 &&
    cd "$base/there" && PYTHONPATH=$base/there "$python" -c "
import mayfly.tempfile as tempfile
assert tempfile.__file__.startswith('$base/there'), tempfile.__file__
with tempfile.NamedTemporaryFile() as file: file.write(b'x')
import importlib.metadata
import mayfly, mayfly.testing
assert mayfly.chunks.__module__ == 'mayfly' and mayfly.capture and mayfly.cache
dist = importlib.metadata.distribution('mayfly')
assert [(e.group, e.value) for e in dist.entry_points] == [('pytest11', 'mayfly.pytest_plugin')], dist.entry_points
assert importlib.metadata.version('mayfly') == tempfile.__dict__.get('__version__', __import__('mayfly').__version__)
" >>"$base/log" 2>&1; then
    echo "ok python_wheel_is_built_and_installed_by_pip"
else
    echo "not ok python_wheel_is_built_and_installed_by_pip"
    tail -40 "$base/log" | sed 's/^/    /'
fi
others=$(cd "$base/there" 2>/dev/null && ls | grep -v -e '^mayfly$' -e '^mayfly-.*info$')
if [ -z "$others" ]; then echo "ok python_wheel_holds_the_module_alone"; else
    echo "not ok python_wheel_holds_the_module_alone"
    echo "    $others"
fi
