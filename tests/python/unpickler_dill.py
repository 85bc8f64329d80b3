# SPDX-License-Identifier: MIT
"""What dill wrote, loaded without dill."""
import base64
import importlib.util
import io
import pickle
import subprocess
import sys

import mayfly
from run import Skip, case, main

DEFINITIONS = """
scale = 3
def with_globals(x): return x * scale
def closure(n):
    def inner(x, *, more=1): return x + n + more
    return inner
def recursive():
    def f(n): return 1 if n < 2 else n * f(n - 1)
    return f
class Defined:
    attribute = 1
    def __init__(self): self.own = 5
    def method(self): return self.attribute + self.own
"""


def dumped(expression):
    """The stream of an object, made by dill in a process of its own."""
    done = subprocess.run([sys.executable, "-c", DEFINITIONS + "import dill, base64\n"
                           f"print(base64.b64encode(dill.dumps({expression})).decode())"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if "No module named 'dill'" in done.stderr:
        raise Skip("dill is not there (python3-dill)")
    assert done.returncode == 0, done.stderr
    return base64.b64decode(done.stdout)


def need_names():
    if importlib.util.find_spec("mayfly._dill_names") is None:
        raise Skip("mayfly._dill_names, which knows dill's rarer names, is not here")


def loaded(expression):
    data = dumped(expression)
    need_names()
    found = mayfly.loads(data)
    assert "dill" not in sys.modules
    return found


@case
def functions_of_dill_work():
    assert loaded("lambda x: x + 1")(2) == 3
    assert loaded("closure(5)")(1, more=2) == 8
    assert loaded("recursive()")(5) == 120
    sys.modules["__main__"].scale = 3
    assert loaded("with_globals")(4) == 12


@case
def classes_of_dill_work():
    assert loaded("Defined")().method() == 6
    assert loaded("Defined()").method() == 6


@case
def an_instance_gets_the_class_that_main_has_now():
    data = dumped("Defined()")
    need_names()

    class Defined:
        pass
    Defined.__module__ = "__main__"
    vars(sys.modules["__main__"])["Defined"] = Defined
    try:
        assert type(mayfly.loads(data)) is Defined
        assert type(mayfly.loads(data, ignore=True)) is not Defined
        assert type(mayfly.Unpickler(io.BytesIO(data)).load()) is Defined
    finally:
        del vars(sys.modules["__main__"])["Defined"]


@case
def names_of_dill_can_be_allowed_like_others():
    data = dumped("lambda x: x + 1")
    try:
        mayfly.loads(data, allow=["dill._dill:_create_function"])
    except pickle.UnpicklingError as error:
        assert "dill" in str(error)
    else:
        raise AssertionError("code was made")


main()
