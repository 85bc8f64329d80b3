# SPDX-License-Identifier: MIT
"""dill's own tests against mayfly in dill's place: of Debian's package, and of the newest dill.

The newest comes by pip, into the working directory; without a network that half is skipped. What does not count is
listed here, test by test, with the reason.
"""
import functools
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from run import Skip, case, main

PARTS = """temp source sources functions functors classdef nested recursive mixins objects properties weakref file
dictviews abc dataclasses fglobals module moduledict registered restricted selected extendpickle pycapsule
threads check""".split()

# (file, test): because ...
EXCEPTIONS = {
    ("source", "test_itself"): "expects the text `from dill.source import ...`; the module is mayfly.source",
    ("source", "test_foo"): "expects an instance's source to be a pickle and `import dill`; ours is source",
    ("mixins", "test_mixins"): "expects variables before a decorated function that the decorator makes "
                               "itself; the rest of it is `what_test_mixins_tells_besides`",
}
here = pathlib.Path(__file__).parent


def debian():
    found = importlib.util.find_spec("dill")
    if found is None:
        raise Skip("Debian's dill is not there: python3-dill")
    return pathlib.Path(found.origin).parent


@functools.lru_cache(maxsize=1)
def newest():
    done = subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest",
                           "newest", "dill"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wheels = list(pathlib.Path("newest").glob("dill-*.whl"))
    if done.returncode != 0 or not wheels:
        raise Skip("the newest dill cannot be had by pip here")
    zipfile.ZipFile(wheels[0]).extractall("newest")
    return pathlib.Path("newest/dill").resolve()


def run(where, part):
    folder = where()
    if not (folder / "tests" / f"test_{part}.py").exists():
        raise Skip(f"{folder} has no test_{part}")
    theirs = pathlib.Path("theirs").resolve()  # dill's lists of objects leave a file behind
    theirs.mkdir(exist_ok=True)
    without = [test for file, test in EXCEPTIONS if file == part]
    done = subprocess.run([sys.executable, str(here / "dill_driver.py"), str(folder), f"test_{part}.py",
                           *without], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=600, env={**os.environ, "TMPDIR": str(theirs)})
    assert done.returncode == 0, done.stdout[-3000:]


for _where in debian, newest:
    for _part in PARTS:
        _test = functools.partial(run, _where, _part)
        _test.__name__ = f"{_where.__name__}_dill_test_{_part}"
        case(_test)


@case
def what_test_mixins_tells_besides():
    code = """
import sys, types, mayfly, mayfly.source as source
from mayfly import _engine
sys.path.insert(0, sys.argv[1]); mayfly.install(dill=True)
import test_mixins as m
copied = _engine.loads(_engine.dumps(m.double_add, recurse=True))
m.double_add.invert()
assert copied(1, 2, 3) == 12 and m.double_add(1, 2, 3) == -12
assert copied.__wrapped__(1, 2, 3) == 6
for name in "quadish", "quadruple", "quadratic", "double_add":
    assert source.importable(getattr(m, name), source=False) == f"from test_mixins import {name}\\n"
for name, given in ("quadish", (4,)), ("quadruple", (4,)), ("double_add", (1, 2)):
    space = {}
    text = source.importable(getattr(m, name), source=True)
    exec(text, space)
    assert abs(space[name](*given)) == abs(getattr(m, name)(*given)), text
assert text.startswith("def quad(a=1, b=1, c=0):") and text.endswith("@quad(a=0,b=2)\\ndef double_add(*args):\\n  return sum(args)\\n"), text
"""
    # Where it is installed, what it uses would be imported, as from any installed module.
    pathlib.Path("mixins").mkdir()
    shutil.copy(debian() / "tests" / "test_mixins.py", "mixins")
    done = subprocess.run([sys.executable, "-c", code, "mixins"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@case
def each_exception_still_is_one():
    """What is listed fails without being listed; what passes by now must go from the list."""
    for part, test in EXCEPTIONS:
        done = subprocess.run([sys.executable, str(here / "dill_driver.py"), str(debian()),
                               f"test_{part}.py", *(name for file, name in EXCEPTIONS if file == part and
                                                    name != test)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode != 0, (part, test)


if __name__ == "__main__":
    main()
