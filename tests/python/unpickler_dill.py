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
    if "co_lnotab" in done.stderr:
        raise Skip("this dill does not know the code of this Python")
    if "No module named 'dill'" in done.stderr:
        raise Skip("dill is not there (python3-dill)")
    assert done.returncode == 0, done.stderr
    return base64.b64decode(done.stdout)


def need_names():
    if importlib.util.find_spec("mayfly._dill.names") is None:
        raise Skip("mayfly._dill.names, which knows dill's rarer names, is not here")


def loaded(expression):
    data = dumped(expression)
    need_names()
    found = mayfly.loads(data)
    assert "dill" not in sys.modules
    return found


@case
def what_streams_name_often_needs_no_module():
    streams = [dumped("closure(5)"), dumped("recursive()"), b"cdill._dill\n_import_module\n(Vos.path\ntR.",
               b"cdill._dill\n_import_module\n(Vcollections.OrderedDict\ntR."]
    done = subprocess.run([sys.executable, "-c", "import sys, mayfly\nfor data in %r: assert mayfly.loads(data)\n"
                           "print('mayfly._dill.names' in sys.modules)" % streams],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.stdout.strip() == "False", (done.stdout, done.stderr)


@case
def modules_are_found_as_dill_finds_them():
    import collections
    import os

    def ask(*arguments):
        return mayfly.loads(b"cdill._dill\n_import_module\n" + pickle.dumps(arguments, 2)[2:-1] + b"R.")
    assert ask("os.path") is os.path
    assert ask("collections.OrderedDict") is collections.OrderedDict
    assert ask("collections.abc") is collections.abc
    for missing in ("mft_is_no_module", "collections.mft_is_none", "mft_is_none.either", "os.sep"):
        assert ask(missing, True) is None, missing
        try:
            ask(missing)
        except ModuleNotFoundError:
            pass
        else:
            raise AssertionError(missing)
    assert ask("__runtime__.made").__name__ == "made"
    own = mayfly.loads(b"cdill\n_dill\n.")
    assert own._setattr is setattr and own._delattr is delattr
    assert callable(own._eval_repr) and callable(own._create_lock)
    try:
        own._mft_is_none
    except AttributeError:
        pass
    else:
        raise AssertionError("a name that nobody has")


@case
def functions_that_cannot_be_are_refused():
    code = (lambda: None).__code__
    inner = (lambda x: lambda: x)(1)
    make = mayfly.loads(b"cdill._dill\n_create_function\n.")
    cell = inner.__closure__
    assert make(inner.__code__, {}, "name", None, cell)() == 1
    for arguments in ((), (code,), (5, {}), (code, 5), (code, {}, 5), (code, {}, "n", 5), (code, {}, "n", None, cell),
                      (inner.__code__, {}), (inner.__code__, {}, "n", None, (1,)),
                      (inner.__code__, {}, "n", None, ()), (code, {}, "n", None, None, None, None, None)):
        try:
            make(*arguments)
        except (TypeError, ValueError):
            pass
        else:
            raise AssertionError(arguments)


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
