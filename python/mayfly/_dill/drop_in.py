# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""mayfly under dill's name: `mayfly.install(dill=True)`, then `import dill.temp`.

What programs use of dill is there: dump, load, Pickler, settings, register, copy, pickles, check, temp, source,
detect. dill's diff and its sessions of whole modules are not.
"""
import importlib.machinery
import pickle
import sys
import types
import warnings

from . import names as dill_names, reduce_classes
from .detect import detect_names
from .. import _engine, _settings, source, temp


class PickleWarning(Warning, pickle.PickleError):
    pass


class UnpicklingWarning(PickleWarning, pickle.UnpicklingError):
    pass


def copy(obj, *args, **kwds):
    """The object that comes back from dumping and loading."""
    ignore = kwds.pop("ignore", None)
    return _engine.loads(_engine.dumps(obj, *args, **kwds), ignore=ignore)


def pickles(obj, exact=False, safe=False, **kwds):
    """Whether an object can be dumped and loaded; with `exact`, whether the result is equal."""
    failures = Exception if safe else (TypeError, AssertionError, NotImplementedError, AttributeError,
                                       pickle.PicklingError, pickle.UnpicklingError)
    try:
        made = copy(obj, **kwds)
    except failures:
        return False
    try:
        same = made == obj
        same = bool(same.all() if hasattr(same, "all") else same)
    except Exception:
        same = False
    return same or not exact and repr(type(made)) == repr(type(obj))


def check(obj, *args, **kwds):
    """Whether another process can load what is dumped here; says so with `verbose`."""
    import subprocess
    verbose, python = kwds.pop("verbose", False), kwds.pop("python", None) or sys.executable
    data = _engine.dumps(obj, *args, **kwds)
    code = "import sys, mayfly._engine; print(mayfly._engine.loads(sys.stdin.buffer.read()))"
    path = [__file__.rpartition("/mayfly/")[0], *sys.path]
    done = subprocess.run([python, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"], input=data,
                          stdout=subprocess.PIPE)
    if verbose:
        print(done.stdout.decode(), end="")
        print("LOAD FAILED" if done.returncode else "SUCCESS")


def is_dill(pickler, child=None):
    return isinstance(pickler, _engine.Pickler)


def pickle_type(kind, function):
    _engine.register(kind)(function)


def extend(use_dill=True):
    """Does nothing: pickle's own tables are left alone."""


def _module(name, **names):
    module = types.ModuleType(name)
    # Without a spec, find_spec("dill") is a ValueError.
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package="." not in name)
    module.__dict__.update(names)
    return module


def modules():
    """Name -> module, for sys.modules."""
    own = _module("dill._dill", **dill_names._names)
    own.__getattr__ = dill_names.__getattr__
    shared = dict(
        dump=_engine.dump, dumps=_engine.dumps, load=_engine.load, loads=_engine.loads,
        Pickler=_engine.Pickler, Unpickler=_engine.Unpickler, register=_engine.register,
        copy=copy, pickles=pickles, check=check, pickle=pickle_type,
        DEFAULT_PROTOCOL=pickle.DEFAULT_PROTOCOL, HIGHEST_PROTOCOL=pickle.HIGHEST_PROTOCOL,
        HANDLE_FMODE=_settings.HANDLE_FMODE, CONTENTS_FMODE=_settings.CONTENTS_FMODE,
        FILE_FMODE=_settings.FILE_FMODE, PickleError=pickle.PickleError,
        PicklingError=pickle.PicklingError, UnpicklingError=pickle.UnpicklingError,
        PickleWarning=PickleWarning, PicklingWarning=reduce_classes.PicklingWarning,
        UnpicklingWarning=UnpicklingWarning)
    own.__dict__.update(shared, is_dill=is_dill, warnings=warnings)
    settings = _module("dill.settings", settings=_settings.settings)
    detect = _module("dill.detect", **detect_names())
    whole = _module("dill", **shared, __path__=[], extend=extend, _dill=own, temp=temp, source=source,
                    detect=detect, __version__="0.4.1")
    whole.settings = _settings.settings
    return {"dill": whole, "dill._dill": own, "dill.settings": settings, "dill.detect": detect,
            "dill.temp": temp, "dill.source": source}
