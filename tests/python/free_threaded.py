# SPDX-License-Identifier: MIT
"""Importing mayfly into a free-threaded Python: the GIL comes on, with CPython's own warning."""
import os
import subprocess
import sys

from run import case, main

CODE = """
import sys
assert sys._is_gil_enabled() == (%r == "1")
import mayfly.tempfile
%s
import mayfly._pickle
assert mayfly._pickle._internals == 0
value = {"a": [1, 2.5, "text", b"bytes", (None, 2**70)], "b": {"set"}}
assert mayfly.loads(mayfly.dumps(value)) == value
assert mayfly.loads(mayfly.dumps(lambda x: x + 1))(1) == 2
with mayfly.tempfile.NamedTemporaryFile() as file:
    assert file.write(b"x") == 1
"""


def run(gil, check):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    if gil is not None:
        environment["PYTHON_GIL"] = gil
    done = subprocess.run([sys.executable, "-c", CODE % (gil, check)], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


@case
def importing_switches_the_gil_on_and_says_so():
    said = run(None, "assert sys._is_gil_enabled()")
    assert "RuntimeWarning" in said and "mayfly._core" in said, said


@case
def it_may_be_on_before():
    assert run("1", "assert sys._is_gil_enabled()") == ""


@case
def one_thread_may_do_without():
    assert run("0", "assert not sys._is_gil_enabled()") == ""


main()
