# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Who could have written what is about to be executed; errors that are two things at once."""
import functools
import os
import sys

from ._core import _check_trust


def check(file, operation, trusted):
    """The size of an open file; PermissionError if somebody but the user and root could have written it."""
    sys.audit("mayfly.load", file.name)
    if trusted:
        return os.fstat(file.fileno()).st_size
    return _check_trust(file.fileno(), file.name, operation)


@functools.lru_cache(maxsize=64)
def _class_of_both(first, second):
    try:
        return type(first.__name__, (first, second), {"__module__": first.__module__})
    except TypeError:  # layouts that do not go together
        return first


def both(kind, error, operation):
    """An exception of the documented class that is also what pickle itself raised."""
    what = f"{operation}: {error}"
    cls = kind if isinstance(error, UnicodeError) else _class_of_both(kind, type(error))
    try:
        return cls(what)
    except TypeError:  # the other one's constructor wants more
        return kind(what)
