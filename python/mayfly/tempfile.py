# SPDX-License-Identifier: MIT
"""A drop-in for the standard library's tempfile.

What is different: names are made by the kernel's random numbers; what is made here goes however the
process ends; a forked child removes nothing of its parent's; a prefix that leads out of the directory
is a ValueError, unless `strict` is set to False.
"""
# What a program looks at or replaces is here; what it calls is in C.
from ._core import (NamedTemporaryFile, SpooledTemporaryFile, TemporaryDirectory, TemporaryFile,
                    _bind, gettempdir, gettempdirb, gettempprefix, gettempprefixb, mkdtemp, mkstemp,
                    mktemp)

__all__ = [
    "NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile", "TemporaryDirectory",
    "mkstemp", "mkdtemp", "mktemp", "TMP_MAX", "gettempprefix", "tempdir", "gettempdir",
    "gettempprefixb", "gettempdirb",
]

TMP_MAX = 10000
template = "tmp"
tempdir = None
_bind(globals())


def __getattr__(name):
    # `strict` is no name of CPython's module, so that it is in this dict only once it was set.
    if name == "strict":
        return True
    if name.startswith("_") and not name.startswith("__"):
        from . import _private
        try:
            return getattr(_private, name)
        except AttributeError:
            pass
    raise AttributeError(f"module 'mayfly.tempfile' has no attribute '{name}'")
