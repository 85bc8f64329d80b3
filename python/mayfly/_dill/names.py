# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""What streams of dill name, for loading without dill: `find("dill._dill", "_create_function")`.

Written anew from what dill's streams need; arguments are those of dill 0.3.5 to 0.4.x. What is
for rare things is in code.py and files.py, and loaded by them. dill itself is looked into only for
names that no stream of dumps() has.
"""
import builtins
import sys
import types
import weakref

from .._settings import CONTENTS_FMODE, FILE_FMODE, HANDLE_FMODE  # noqa: F401 named in streams

_MODULES = {"dill._dill", "dill.dill", "dill", "dill._shims", "dill.shims"}


def find(module, name):
    """The object that dill's module has by that name; AttributeError if this is none of them."""
    if module == "__builtin__":
        if name == "__main__":
            return sys.modules["__main__"].__dict__
        if name == "NoneType":
            return type(None)
        raise AttributeError(name)
    if module in _MODULES and name == "_dill":
        return sys.modules[__name__]
    if module not in _MODULES:
        raise AttributeError(name)
    found = _names.get(name)
    return found if found is not None else _lazily(name)


def _lazily(name):
    where = _elsewhere.get(name)
    if where is None:
        raise AttributeError(name)
    module, attribute = where
    found = getattr(__import__(f"{__package__}.{module}", fromlist=[attribute]), attribute)
    _keep_name(found, name)
    _names[name] = found
    return found


def _keep_name(found, name):
    """Dumped again, a function goes by the name that a reader knows it by."""
    if isinstance(found, types.FunctionType) and found.__module__.startswith("mayfly."):
        found.__module__, found.__name__, found.__qualname__ = "dill._dill", name, name


def __getattr__(name):
    # A stream may ask the module `dill._dill` itself: getattr(dill._dill, "_setattr", setattr).
    return _lazily(name)


_elsewhere = {
    "_create_code": ("code", "create_code"),
    "_create_filehandle": ("files", "create_filehandle"),
    "_create_stringi": ("files", "create_stringi"),
    "_create_stringo": ("files", "create_stringi"),
    "_create_lock": ("files", "create_lock"),
    "_create_rlock": ("files", "create_rlock"),
    "_create_thread_handle": ("files", "create_thread_handle"),
    "_create_capsule": ("capsules", "create"),
}


class _Sentinel:
    def __repr__(self):
        return "dill._dill._CELL_EMPTY"

    def __reduce__(self):
        return "_CELL_EMPTY"


_CELL_EMPTY = _Sentinel()
_CELL_REF = None
_Sentinel.__module__ = "dill._dill"


def _unmarshal(data):
    import marshal
    return marshal.loads(data)


def _type_table():
    from .reduce_classes import type_names
    import functools
    import io
    import operator
    found = {name: kind for kind, name in type_names.items()}
    found.update({name: kind for names in (builtins, types) for name, kind in vars(names).items()
                  if isinstance(kind, type) and kind.__module__ == "builtins"})
    found.update(PartialType=functools.partial, SuperType=super, ItemGetterType=operator.itemgetter,
                 AttrGetterType=operator.attrgetter, FileType=io.FileIO,
                 BufferedRandomType=io.BufferedRandom, BufferedReaderType=io.BufferedReader,
                 BufferedWriterType=io.BufferedWriter, TextWrapperType=io.TextIOWrapper,
                 GenericAliasIteratorType=type(iter(types.GenericAlias(list, (int,))))
                 if sys.version_info >= (3, 11) else None)
    return found


_types = {}


def _load_type(name):
    if not _types:
        _types.update(_type_table())
    found = _types.get(name)
    if found is None and name.startswith("Py"):  # the files of Python's own io
        import _pyio
        kind = {"PyTextWrapperType": "TextIOWrapper"}.get(name, name[2:].replace("Type", ""))
        found = getattr(_pyio, kind, None)
    if found is None and name == "ExitType":
        found = type(builtins.exit)
    if found is None and name == "PyCapsuleType":
        import _socket
        found = type(_socket.CAPI)
    if found is None:
        import pickle
        raise pickle.UnpicklingError(f"load a type: this Python has no {name!r}")
    return found


def _create_type(kind, *args):
    return kind(*args)


def _create_function(code, names, name=None, defaults=None, closure=None, attributes=None,
                     keywords=None):
    names = {} if names is None else names
    function = types.FunctionType(code, names, name, defaults, closure)
    if attributes:
        function.__dict__.update(attributes)
    if keywords is not None:
        function.__kwdefaults__ = keywords
    if "__builtins__" not in names:
        names["__builtins__"] = builtins.__dict__
    return function


def _create_ftype(kind, function, args, keywords):
    return kind(function, *(args or ()), **(keywords or {}))


def _create_typing_tuple(argument, *args):
    import typing
    if not argument:
        return typing.Tuple[()].copy_with(())
    return typing.Tuple[()] if argument == ((),) else typing.Tuple[argument]


def _create_cell(content=None):
    return types.CellType() if content is _CELL_EMPTY else types.CellType(content)


def _create_weakref(obj, *args):
    return weakref.ref(_Gone() if obj is None else obj, *args)


def _create_weakproxy(obj, callable=False, *args):
    if obj is None:
        obj = _CallableGone() if callable else _Gone()
    return weakref.proxy(obj, *args)


class _Gone:
    """What a dead reference refers to: it is gone as soon as it is made."""


class _CallableGone(_Gone):
    def __call__(self):
        pass


_constants = {"Ellipsis": ..., "NotImplemented": NotImplemented, "None": None, "True": True,
              "False": False}


def _eval_repr(text):
    """Of the values that dill writes by their repr, and of nothing else."""
    if text in _constants:
        return _constants[text]
    import ast
    try:
        node = ast.parse(text, mode="eval").body
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and \
                node.func.id in ("range", "xrange", "slice") and not node.keywords:
            kind = slice if node.func.id == "slice" else range
            return kind(*map(ast.literal_eval, node.args))
        return ast.literal_eval(node)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        import pickle
        raise pickle.UnpicklingError(f"load {text[:60]!r}: only constants and ranges are made from "
                                     "their text") from None


def _create_array(function, args, state, attributes=None):
    array = function(*args)
    array.__setstate__(state)
    if attributes is not None:
        array.__dict__.update(attributes)
    return array


def _create_dtypemeta(scalar):
    import numpy
    return numpy.dtype if scalar is None else type(numpy.dtype(scalar))


def _create_namedtuple(name, fields, module, defaults=None):
    found = _import_module(f"{module}.{name}", safe=True)
    if found is not None:
        return found
    import collections
    return collections.namedtuple(name, fields, defaults=defaults, module=module)


def _getattr(cls, name, text=""):
    for base in cls.__mro__ if isinstance(cls, type) else ():
        if name in vars(base):
            return vars(base)[name]
    return getattr(cls, name)


def _get_attr(obj, name):
    found = getattr(obj, name, None)
    return getattr(builtins, name) if found is None else found


def _dict_from_dictproxy(proxy):
    names = dict(proxy)
    names.pop("__dict__", None)
    names.pop("__weakref__", None)
    names.pop("__prepare__", None)
    return names


def _import_module(name, safe=False):
    """A module, or a class in one. What was no module of a file has `__runtime__.` before its name."""
    import importlib
    try:
        if name.startswith("__runtime__."):
            return _runtime_module(name.partition(".")[2])
        module, _, last = name.rpartition(".")
        if module:
            found = getattr(importlib.import_module(module), last, None)
            if isinstance(found, (types.ModuleType, type)):
                return found
        return importlib.import_module(name)
    except (ImportError, AttributeError, KeyError, ValueError):
        if safe:
            return None
        raise


def _runtime_module(name):
    found = sys.modules.get(f"__runtime__.{name}")
    return types.ModuleType(name) if found is None else found


def _setitems(target, source):
    for key, value in source.items():
        target[key] = value




_setattr, _delattr = setattr, delattr
_names = {name: value for name, value in list(globals().items())
          if name.startswith(("_create", "_load", "_unmarshal", "_eval", "_get", "_dict_from", "_import",
                              "_setitems", "_setattr", "_delattr", "_CELL_"))}
for _name, _value in _names.items():
    _keep_name(_value, _name)
