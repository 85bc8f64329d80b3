# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Who could have written what is about to be executed; errors that are two things at once."""
import functools
import os
import stat
import sys


def check(file, operation, trusted):
    """PermissionError if the file is not, and cannot only be, the user's own or root's; else its stat."""
    name = file.name
    sys.audit("mayfly.load", name)
    found = os.fstat(file.fileno())
    if trusted:
        return found
    if found.st_uid not in (os.geteuid(), 0):
        raise PermissionError(1, f"{operation}: it belongs to user {found.st_uid}, and loading executes "
                              "what it says; trusted=True loads it all the same", name)
    if stat.S_ISREG(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(1, f"{operation}: others can write it (mode "
                              f"{stat.S_IMODE(found.st_mode):04o}), and loading executes what it "
                              "says; trusted=True loads it all the same", name)
    return found


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
