# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""What objects are called, and the imports that give them."""
import ast
import builtins
import inspect
import sys
import types

from . import find
from .._dill.reduce import resolve

_TYPES_NAMES = {"ellipsis": "EllipsisType"}


def isbuiltin(obj):
    return inspect.isbuiltin(obj) or isinstance(obj, type) and obj.__module__ == "builtins"


def module_of(obj):
    """The module that says it has the object; None for values."""
    if isinstance(obj, types.ModuleType):
        return obj
    name = getattr(find.unwrap(obj), "__module__", None)
    return sys.modules.get(name) if isinstance(name, str) else None


def isfrommain(obj):
    """Whether it was defined in the program itself rather than in a module."""
    module = inspect.getmodule(obj) or module_of(obj)
    if module is not None:
        return module.__name__ == "__main__"
    return type(obj).__module__ == "__main__"


def isdynamic(obj):
    """Whether it was typed at a prompt or made by exec: no file has its source."""
    code = find.code_of(find.unwrap(obj))
    if code is None:
        return False
    return code.co_filename.startswith("<") and isfrommain(obj)


def isinstance_of_class(obj):
    """Whether it is an instance of somebody's class, not a value, function, class or module."""
    if isinstance(obj, (type, types.ModuleType, types.FunctionType, types.MethodType,
                        types.BuiltinFunctionType, types.CodeType, types.FrameType,
                        types.TracebackType)):
        return False
    if getattr(obj, "__code__", None) is not None:
        return False
    return type(obj).__module__ not in ("builtins", "types")


def lambda_name(function):
    """The name that the statement of a lambda gives to it."""
    try:
        found = find.find(function)
    except (OSError, TypeError):
        return None
    statement = found.statement
    if isinstance(statement, ast.Assign) and statement.value is found.node and \
            isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    if isinstance(statement, ast.AnnAssign) and statement.value is found.node and \
            isinstance(statement.target, ast.Name):
        return statement.target.id
    return None


def getname(obj, force=False, fqn=False):
    """The name of an object; of a lambda, what it was assigned to. None if it has none.

    `force` gives the repr of a value instead; `fqn` the name with its module's.
    """
    if fqn:
        return ".".join(namespace(obj))
    if getattr(obj, "dtype", None) is not None and getattr(obj, "shape", None) == ():
        return f"{type(obj).__name__}({obj.tolist()!r})" if force else None
    name = getattr(obj, "__name__", None)
    if isinstance(name, str) and (module_of(obj) is not None or inspect.getmodule(obj) or
                                  isinstance(obj, (types.FunctionType, type))):
        return lambda_name(obj) if name == "<lambda>" else _TYPES_NAMES.get(name, name)
    if not force:
        return None
    text = repr(obj)
    return None if text.startswith("<") else text


def namespace(obj):
    """Where an object is found, as a list of names; for an instance, where its class is."""
    if isinstance(obj, types.ModuleType):
        return obj.__name__.split(".")
    name = getname(obj)
    module = inspect.getmodule(obj) or module_of(obj)
    if name and module is not None:
        if module.__name__ == "builtins" and hasattr(types, name):
            return ["types", name]
        # A module in C may call itself otherwise than it is imported: _io says io.
        given = getattr(find.unwrap(obj), "__module__", None)
        return (given if given in sys.modules else module.__name__).split(".") + [name]
    kind = type(obj)
    qualname = _TYPES_NAMES.get(kind.__qualname__, kind.__qualname__)
    module = kind.__module__
    if module == "builtins" and hasattr(types, qualname):
        module = "types"
    return module.split(".") + qualname.split(".")


def import_line(head, tail, alias="", verify=True, builtin=False):
    """`from head import tail`, or the name alone where it needs no import."""
    given = f"{alias} = " if alias and alias != tail else ""
    if tail == "None" or head == "builtins" and not builtin:
        return f"{given}{tail}\n"
    if not all(part.isidentifier() for part in f"{head}.{tail}".split(".") if part):
        raise SyntaxError(f"import: {tail!r} of {head!r} is no name")
    line = f"from {head} import {tail}" if head else f"import {tail}"
    if verify and resolve(head or tail, tail if head else "") is None and \
            resolve(head or tail, tail) is None and head:
        raise ImportError(f"import: {head} has no {tail}", name=head)
    return f"{line} as {alias}\n" if given else f"{line}\n"


def getimport(obj, alias="", verify=True, builtin=False, enclosing=False):
    """The line that imports an object; for a value, its repr; for an instance, its class's."""
    if enclosing:
        obj = outermost(obj) or obj
    if isinstance(obj, types.ModuleType):
        return import_line("", obj.__name__, alias, verify, builtin)
    given = f"{alias} = " if alias else ""
    if obj in (None, True, False) if type(obj) in (bool, type(None)) else \
            type(obj).__module__ == "builtins" and not callable(obj) and getname(obj) is None:
        return f"{given if alias != repr(obj) else ''}{obj!r}\n"
    path = namespace(obj)
    if path[0] == "types" and resolve("types", path[-1]) is None:
        path[0] = "builtins"
    return import_line(".".join(path[:-1]), path[-1], alias, verify, builtin)


def outermost(function):
    """The function at the top of a module within which another was defined; None if it is itself."""
    function = find.unwrap(function)
    qualname = getattr(function, "__qualname__", "")
    if "<locals>" not in qualname:
        return function if isinstance(function, types.FunctionType) else None
    names = getattr(function, "__globals__", None) or vars(module_of(function) or builtins)
    found = names.get(qualname.split(".")[0])
    found = find.unwrap(found) if found is not None else None
    return found if isinstance(found, (types.FunctionType, type)) else None
