#!/bin/sh
# The pickler on CPython's public interface alone, as newer versions get it.
. "$MFT_SOURCE/tests/python/python"
found=$(ls "$MFT_BUILD"/python/public/_pickle*.so 2>/dev/null)
if [ -z "$found" ]; then
    echo "skip python_pickle_public: this build has no second pickler (-Dtests=true)"
    exit 0
fi
package=$(mktemp -d)
mkdir -p "$package/python/mayfly"
ln -s "$MFT_BUILD"/python/mayfly/* "$package/python/mayfly/"
rm "$package"/python/mayfly/_pickle*.so
ln -s "$found" "$package/python/mayfly/"
MFT_BUILD=$package
if [ "$(LD_PRELOAD=${LD_PRELOAD:-} PYTHONPATH=$package/python "$python" -c "import mayfly._pickle; print(mayfly._pickle._internals)")" = 0 ]; then
    echo "ok python_pickle_public_is_another_one"
else
    echo "not ok python_pickle_public_is_another_one"
fi
for test in pickle_dump pickle_suites unpickler_hostile dill_names; do
    (run_python "$MFT_SOURCE/tests/python/$test.py") | sed "s/^\(ok\|not ok\|skip\) python_/\1 python_public_/"
done
for which in "" both; do
    (run_python "$MFT_SOURCE/tests/python/unpickler_cpython.py" $which) | sed "s/^\(ok\|not ok\) /\1 public_/"
done
rm -r "$package"
