# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""What dill.detect tells about functions, and about what cannot be dumped."""
import builtins
import types

from .reduce_functions import names_of_globals
from .._source import find
from .._source.names import outermost


def code(func):
    """The code of whatever has code."""
    return find.code_of(find.unwrap(func))


def freevars(func):
    """What a function refers to in the function around it, by name."""
    func = find.unwrap(func)
    if not isinstance(func, types.FunctionType):
        return {}
    found = {}
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def nestedglobals(func, recurse=True):
    """The names of globals within a function."""
    found = code(func)
    if found is None:
        return []
    names = list(names_of_globals(found))
    return names if recurse else [name for name in names if name in found.co_names]


def globalvars(func, recurse=True, builtin=False):
    """What a function refers to in its module, by name; also what that refers to."""
    found, waiting, seen = {}, [func], set()
    while waiting:
        item = find.unwrap(waiting.pop())
        if not isinstance(item, types.FunctionType) or id(item) in seen:
            continue
        seen.add(id(item))
        names = dict(vars(builtins)) if builtin else {}
        names.update(item.__globals__)
        for name in nestedglobals(item):
            if name in names:
                found.setdefault(name, names[name])
                if recurse:
                    waiting.append(names[name])
        waiting += freevars(item).values()
    return found


def referredglobals(func, recurse=True, builtin=False):
    return globalvars(func, recurse, builtin).keys()


def varnames(func):
    """The names of a function's variables, and of those that functions within it use."""
    found = code(func)
    return () if found is None else (found.co_varnames, found.co_cellvars)


def errors(obj, depth=0, exact=False, safe=False):
    """What goes wrong when an object is dumped and loaded; by attribute if depth is not 0."""
    from .drop_in import copy, pickles
    if depth:
        return {name: errors(getattr(obj, name, None), depth - 1, exact, safe) for name in dir(obj)
                if not pickles(getattr(obj, name, None), exact, safe)}
    try:
        made = copy(obj)
        if type(made) is not type(obj) or exact and made != obj:
            raise AssertionError(f"loading gives {made!r} instead of {obj!r}")
    except Exception as error:
        return error
    return None


def badobjects(obj, depth=0, exact=False, safe=False):
    """What of an object cannot be dumped."""
    from .drop_in import pickles
    if not depth:
        return None if pickles(obj, exact, safe) else obj
    return {name: badobjects(getattr(obj, name, None), depth - 1, exact, safe) for name in dir(obj)
            if not pickles(getattr(obj, name, None), exact, safe)}


def badtypes(obj, depth=0, exact=False, safe=False):
    """The types of what cannot be dumped."""
    bad = badobjects(obj, 0, exact, safe)
    return None if bad is None else type(bad)


def baditems(obj, exact=False, safe=False):
    """The items of a container that cannot be dumped."""
    items = obj.values() if hasattr(obj, "values") else obj if hasattr(obj, "__iter__") else [obj]
    bad = [badobjects(item, 0, exact, safe) for item in items]
    return [item for item in bad if item is not None]


def trace(on):
    """Does nothing: what is written is told by pickletools and `mayfly inspect`."""


def detect_names():
    return {function.__name__: function for function in
            (code, freevars, nestedglobals, globalvars, referredglobals, varnames, errors, badobjects,
             badtypes, baditems, trace, outermost)}
