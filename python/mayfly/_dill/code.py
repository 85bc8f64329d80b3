# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Code objects as dill writes them, whichever Python it ran on.

The number of arguments tells the layout: 15 (3.7), 16 (3.8 to 3.10; with the old line table before them from
3.10 on), 17 (PyPy), 18 (3.11 and later), 20 (alphas of 3.11). Bytecode of another Python must not run here;
so code whose layout is not this Python's is made into code of the same name that says so when it is called.
"""
import pickle
import sys
import types

_COMMON = "nlocals stacksize flags code consts names varnames filename name"
LAYOUTS = {
    15: f"argcount kwonlyargcount {_COMMON} firstlineno lnotab freevars cellvars",
    16: f"argcount posonlyargcount kwonlyargcount {_COMMON} firstlineno linetable freevars cellvars",
    17: f"argcount posonlyargcount kwonlyargcount {_COMMON} qualname firstlineno linetable freevars "
        "cellvars",
    18: f"argcount posonlyargcount kwonlyargcount {_COMMON} qualname firstlineno linetable "
        "exceptiontable freevars cellvars",
    20: f"argcount posonlyargcount kwonlyargcount {_COMMON} qualname firstlineno linetable endlinetable "
        "columntable exceptiontable freevars cellvars",
}
WRITERS = {15: "3.7", 16: "3.8 to 3.10", 17: "PyPy 3.11", 18: "3.11 or later", 20: "an alpha of 3.11"}
OWN = 18 if sys.version_info >= (3, 11) else 16
_BYTES = {"code", "lnotab", "linetable", "endlinetable", "columntable", "exceptiontable"}


def create_code(*args):
    old_lines = bool(args) and not isinstance(args[0], int)
    if old_lines:  # the line table of 3.9, for readers of then
        args = args[1:]
    layout = LAYOUTS.get(len(args))
    if layout is None:
        raise pickle.UnpicklingError(
            f"load code: {len(args)} parts are no layout that is known of Python 3.7 to 3.14")
    # With protocol 2 and before, Python 2's strings stood for bytes.
    args = [arg.encode("latin-1") if name in _BYTES and isinstance(arg, str) else arg
            for name, arg in zip(layout.split(), args)]
    # 3.8, 3.9 and 3.10 have as many parts; from 3.10 on dill writes both line tables.
    same = len(args) == OWN and (OWN != 16 or old_lines == (sys.version_info >= (3, 10)))
    if same or len(args) == OWN and not old_lines:
        return types.CodeType(*args)
    return _foreign(dict(zip(layout.split(), args)), WRITERS[len(args)])


def _foreign(parts, writer):
    """Code that can be looked at, closed over and called, and raises in the last case."""
    free = parts["freevars"]
    said = (f"{parts['name']}() was compiled by Python {writer} and cannot run in "
            f"{sys.version_info[0]}.{sys.version_info[1]}: dump its source instead (dump_source)")
    bound = "".join(f"{name} = " for name in free)
    source = (f"def outer():\n {bound}None\n"
              f" def inner(*args, **kwargs):\n  raise RuntimeError({said!r})\n"
              f"  return ({', '.join(free)})\n return inner\n")
    space = {}
    exec(source, space)
    code = space["outer"]().__code__
    if code.co_freevars != tuple(sorted(free)) and code.co_freevars != free:
        raise pickle.UnpicklingError(f"load code: {said}")
    return code.replace(co_name=parts["name"], co_filename=parts["filename"],
                        co_firstlineno=parts["firstlineno"])
