# SPDX-License-Identifier: MIT
"""Temporary files, directories and spools that do not outlive their use.

    import mayfly.tempfile as tempfile      # a drop-in
    with mayfly.replace(path, "w") as file: # all of the new content, or the old one
    with mayfly.capture("both") as out:     # what is printed, by whomever
    cache = mayfly.cache(ttl=3600)          # a dict in files
    for chunk in mayfly.chunks("large.csv", rows=5000):
"""
from ._core import (Error, Manager, cache, capture, keep, keep_on_signals,  # noqa: F401
                    persist, reap, replace, version as __version__, workspace)

_WORK = ("Batch", "BatchResult", "Chunk", "Problem", "batch", "batches", "chunks")


def __getattr__(name):
    # What few programs use is loaded when it is asked for.
    if name in _WORK:
        from . import _work
        value = globals()[name] = getattr(_work, name)
        return value
    raise AttributeError(f"module 'mayfly' has no attribute '{name}'")


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
