# SPDX-License-Identifier: MIT
"""Temporary files, directories and spools that do not outlive their use.

    import mayfly.tempfile as tempfile      # a drop-in
    with mayfly.replace(path, "w") as file: # all of the new content, or the old one
"""
from ._core import (Error, Manager, keep, keep_on_signals, persist, reap, replace,  # noqa: F401
                    version as __version__, workspace)

# The pickler is loaded when it is first asked for: most programs want temporary files alone.
_LAZY = dict.fromkeys(("dump", "dumps", "load", "loads", "Pickler", "Unpickler", "PickleError",
                       "PicklingError", "UnpicklingError"), "_pickle")


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    value = globals()[name] = getattr(import_module("." + _LAZY[name], __name__), name)
    return value


def __dir__():
    return sorted(globals().keys() | _LAZY.keys())


def install():
    """Has `import tempfile` mean mayfly.tempfile from now on, for this process.

    Modules that imported something from the other one before keep it.
    """
    import sys
    from . import tempfile
    sys.modules["tempfile"] = tempfile
    return tempfile


def uninstall():
    """Ends what install() began: the next `import tempfile` is CPython's."""
    import sys
    from . import tempfile
    if sys.modules.get("tempfile") is tempfile:
        del sys.modules["tempfile"]
