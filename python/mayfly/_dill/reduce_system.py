# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""What belongs to the process rather than to the data: modules, files, locks, weak references."""
import _thread
import _weakref
import collections
import contextvars
import gc
import importlib.machinery
import io
import os
import pickle
import sys
import types

from .reduce import IMPORT_MODULE, Call, Name, by_base, dill, reducer, resolve
from .._settings import FILE_FMODE


@reducer(types.ModuleType)
def reduce_module(module, settings):
    name = module.__name__
    if name == "builtins" or module is not settings.main and is_installed(module):
        return IMPORT_MODULE, (name,)
    if module is not settings.main and sys.modules.get(name) is module and not own_state(module):
        return IMPORT_MODULE, (name,)
    imported = getattr(module, "__loader__", None) is not None or module in sys.modules.values()
    if not imported:
        return Call(types.ModuleType, name, module.__doc__).value + (own_state(module),)
    return IMPORT_MODULE, (name,), own_state(module)


def own_state(module):
    left_out = ("__builtins__", "__loader__", "__spec__", "__cached__")
    return {name: value for name, value in vars(module).items() if name not in left_out}


def is_installed(module):
    """Whether the module came with Python or was installed, so that it is elsewhere, too."""
    path = getattr(module, "__file__", None)
    if not isinstance(path, str):
        return getattr(module, "__spec__", None) is not None
    if path.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
        return True
    if {"site-packages", "dist-packages"} & set(path.split(os.sep)):
        return True
    prefixes = {getattr(sys, name, None) for name in
                ("base_prefix", "base_exec_prefix", "prefix", "exec_prefix", "real_prefix")}
    path = os.path.realpath(path)
    return any(path.startswith(os.path.join(os.path.realpath(p), "lib")) for p in prefixes if p) or \
        "mayfly" == module.__name__.partition(".")[0]


@reducer(_thread.LockType)
def reduce_lock(lock, settings):
    return dill("_create_lock"), (lock.locked(),)


@reducer(_thread.RLock)
def reduce_rlock(lock, settings):
    # Asking by _release_save() would let it go for a moment.
    said = dict(part.split("=") for part in repr(lock).strip("<>").split() if "=" in part)
    # dill takes 0 for a thread, and the lock for held by it.
    return dill("_create_rlock"), (int(said["count"]), int(said["owner"]) or None)


STANDARD = {"<stdin>", "<stdout>", "<stderr>"}


def reduce_file_with(opener):
    def reduce_file(file, settings):
        name = getattr(file, "name", None)
        if not isinstance(name, (str, bytes, int)):
            raise pickle.PicklingError(f"dump {file!r}: a file without a name; dump what it contains")
        if name is not None and file in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
            position = -1
        elif file.closed:
            position = 0
        else:
            if file.writable():
                file.flush()
            position = file.tell() if file.seekable() else -1
        content = ""
        if settings.fmode == FILE_FMODE and isinstance(name, (str, bytes)) and name not in STANDARD:
            with io.open(name, encoding=getattr(file, "encoding", None)) as whole:
                content = whole.read()
        return dill("_create_filehandle"), (name, file.mode, position, file.closed, opener, False,
                                            settings.fmode, content)
    return reduce_file


reduce_file = reducer(io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom,
                      io.FileIO)(reduce_file_with(open))


def add_pyio():
    """The files of _pyio, once a program has imported it: nobody else can have any."""
    pyio = sys.modules.get("_pyio")
    if not hasattr(pyio, "TextIOWrapper"):
        return None
    by = reduce_file_with(pyio.open)
    return {kind: by for kind in (pyio.TextIOWrapper, pyio.BufferedReader, pyio.BufferedWriter,
                                  pyio.BufferedRandom)}


@reducer(getattr(_thread, "_ThreadHandle", None))  # from Python 3.13 on
def reduce_thread_handle(handle, settings):
    return dill("_create_thread_handle"), (handle.ident, handle.is_done())


@reducer(_weakref.ReferenceType)
def reduce_weakref(reference, settings):
    return dill("_create_weakref"), (reference(),)


def referent(proxy):
    # Every attribute of a proxy is its object's, and so is every method; this one is bound to it.
    try:
        return proxy.__repr__.__self__
    except (AttributeError, ReferenceError):
        return None


@reducer(_weakref.ProxyType, _weakref.CallableProxyType)
def reduce_weakproxy(proxy, settings):
    callable_ = type(proxy) is _weakref.CallableProxyType
    return dill("_create_weakproxy"), (referent(proxy), callable_)


class _Peek:
    """Whatever is or-ed with it comes back: MappingProxyType hands out its mapping that way."""

    def __ror__(self, mapping):
        return mapping


def owner_of(mapping):
    """The class whose namespace this is; None if that cannot be found out."""
    cls = mapping["__dict__"].__objclass__
    if cls is not object:
        return cls
    # From Python 3.15 on its descriptors do not tell; the class itself holds it.
    return next((found for found in gc.get_referrers(mapping) if isinstance(found, type)
                 and vars(found) | _Peek() is mapping), None)


@reducer(types.MappingProxyType)
def reduce_mappingproxy(proxy, settings):
    mapping = proxy | _Peek()
    if isinstance(mapping, dict) and "__module__" in mapping and \
            isinstance(mapping.get("__dict__"), types.GetSetDescriptorType):
        cls = owner_of(mapping)
        if cls is not None:
            return getattr, (cls, "__dict__")  # the namespace of a class
    return types.MappingProxyType, (mapping,)


def reduce_view(kind, name):
    method = getattr(kind, name)

    def reduce_view_of(view, settings):
        if hasattr(view, "mapping"):  # from Python 3.10 on
            return method, (view.mapping | _Peek(),)
        if name == "keys":
            return method, (Call(kind.fromkeys, list(view)),)
        if name == "values":
            return method, (Call(kind, list(enumerate(view))),)
        return method, (kind(view),)
    return reduce_view_of


for _kind in dict, collections.OrderedDict:
    for _view in "keys", "values", "items":
        reducer(type(getattr(_kind(), _view)()))(reduce_view(_kind, _view))


@reducer(contextvars.Context)
def reduce_context(context, settings):
    if not len(context):
        return Name("contextvars", "Context"), ()  # before 3.10 it says that it is of builtins
    # A Context is filled only by running in it.
    raise pickle.PicklingError(
        f"dump {context!r}: the variables of a context cannot be set from outside; "
        "dump dict(context.items()), and set them where it is loaded")


@reducer(contextvars.ContextVar)
def reduce_contextvar(variable, settings):
    name, module = variable.name, None
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(name) is variable:
            break
    else:
        raise pickle.PicklingError(f"dump {variable!r}: no module has it by its name; "
                                   "give it a name at the top of a module")
    if module is settings.main:
        return getattr, (module, name)
    return Name(module.__name__, name)


try:
    import _socket
    _capsule = type(_socket.CAPI)
except (ImportError, AttributeError):
    _capsule = None


@reducer(_capsule)
def reduce_capsule(capsule, settings):
    from . import capsules
    return dill("_create_capsule"), capsules.parts(capsule)


def reduce_numpy_array(array, settings):
    """A subclass of ndarray keeps what ndarray's own __reduce__ leaves out: its __dict__."""
    import numpy
    kind = type(array)
    if kind is numpy.ndarray or kind.__reduce__ is not numpy.ndarray.__reduce__ or \
            not getattr(array, "__dict__", None):
        return NotImplemented
    function, args, state = array.__reduce__()
    return dill("_create_array"), (function, args, state, array.__dict__)


def reduce_numpy_ufunc(ufunc, settings):
    name = getattr(ufunc, "__qualname__", ufunc.__name__)
    if resolve("numpy", name) is ufunc:
        return Name("numpy", name)
    return NotImplemented


def reduce_numpy_dtype(kind, settings):
    return dill("_create_dtypemeta"), (kind.type,)


def add_numpy():
    """numpy's types, once a program has imported it."""
    numpy = sys.modules.get("numpy")
    if not (hasattr(numpy, "ndarray") and hasattr(numpy, "ufunc")):
        return None
    by_base.append((numpy.ndarray, reduce_numpy_array))
    return {numpy.ufunc: reduce_numpy_ufunc, type(numpy.dtype): reduce_numpy_dtype}
