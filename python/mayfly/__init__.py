# SPDX-License-Identifier: MIT
"""Temporary files, directories and spools that do not outlive their use.

    import mayfly.tempfile as tempfile      # a drop-in
    import mayfly.temp                      # dill.temp: objects and source in temporary files
    with mayfly.replace(path, "w") as file: # all of the new content, or the old one
"""
from ._core import (Error, Manager, keep, keep_on_signals, persist, reap, replace,  # noqa: F401
                    version as __version__, workspace)

# Loaded when somebody asks for them: those who want temporary files only do not pay for pickling.
_later = {name: "_engine" for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler",
                                       "register")}
_later.update(settings="_settings", HANDLE_FMODE="_settings", CONTENTS_FMODE="_settings",
              FILE_FMODE="_settings", PicklingWarning="_reduce_classes", Session="_session",
              multiprocessing_context="engines")
_modules = {"temp", "source", "tempfile", "bench", "engines"}


def __getattr__(name):
    import importlib
    if name in _modules:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _later:
        raise AttributeError(f"module 'mayfly' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_later[name]}"), name)
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *_later, *_modules})


_before = {}


def install(dill=False):
    """Has `import tempfile` mean mayfly.tempfile from now on, for this process.

    With `dill=True`, also `import dill` and `import dill.temp` mean mayfly's. Modules that imported
    something from the other one before keep it.
    """
    import sys
    from . import tempfile
    sys.modules["tempfile"] = tempfile
    if dill:
        from . import _as_dill
        made = _as_dill.modules()
        for name in [name for name in sys.modules if name.partition(".")[0] == "dill"]:
            _before.setdefault(name, sys.modules.pop(name))
        sys.modules.update(made)
    return tempfile


def uninstall():
    """Ends what install() began: the next `import tempfile` is CPython's, the next `import dill` dill's."""
    import sys
    from . import tempfile
    if sys.modules.get("tempfile") is tempfile:
        del sys.modules["tempfile"]
    if getattr(sys.modules.get("dill"), "temp", None) is sys.modules.get("mayfly.temp", sys):
        for name in [name for name in sys.modules if name.partition(".")[0] == "dill"]:
            del sys.modules[name]
        sys.modules.update(_before)
        _before.clear()
