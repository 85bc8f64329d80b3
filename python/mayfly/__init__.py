# SPDX-License-Identifier: MIT
"""Temporary files, directories and spools that do not outlive their use.

    import mayfly.tempfile as tempfile      # a drop-in
    import mayfly.temp                      # dill.temp: objects and source in temporary files
    with mayfly.replace(path, "w") as file: # all of the new content, or the old one
    with mayfly.capture("both") as out:     # what is printed, by whomever
    cache = mayfly.cache(ttl=3600)          # a dict in files
    for chunk in mayfly.chunks("large.csv", rows=5000):
"""
from ._core import (Error, Manager, cache, capture, keep, keep_on_signals,  # noqa: F401
                    persist, reap, replace, version as __version__, workspace)

# Loaded when somebody asks for it: who wants temporary files alone does not pay for more.
_LATER = {
    **dict.fromkeys(("Batch", "BatchResult", "Chunk", "Problem", "batch", "batches", "chunks"),
                    "_work"),
    **dict.fromkeys(("dump", "dumps", "load", "loads", "Pickler", "Unpickler", "PickleError",
                     "PicklingError", "UnpicklingError", "register"), "_engine"),
    **dict.fromkeys(("settings", "HANDLE_FMODE", "CONTENTS_FMODE", "FILE_FMODE"), "_settings"),
    "PicklingWarning": "_dill.reduce_classes",
    "Session": "_session",
    "CFunction": "_function",
    "multiprocessing_context": "engines",
}
_MODULES = {"temp", "source", "tempfile", "bench", "engines", "testing"}


def __getattr__(name):
    from importlib import import_module
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return value


def __dir__():
    return sorted({*globals(), *_LATER, *_MODULES})


def install(dill=False):
    """Has `import tempfile` and `import dill.temp` mean mayfly's from now on, for this process.

    Of dill it is that part alone; the rest is dill's own, if it is there. With `dill=True`, also `import
    dill` means mayfly's, and dill is not needed. Modules that imported something from the other
    one before keep it.
    """
    from . import _install, tempfile
    _install.replace(dill)
    return tempfile


def uninstall():
    """Ends what install() began: the next `import tempfile` is CPython's, the next `import dill.temp` dill's."""
    from . import _install
    _install.give_back()
