# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Annotations, which from Python 3.14 on are made by code when somebody asks for them.

They are written as what that code makes, as in Pythons before, and not as the code: it holds the names of
a whole class body in a cell. Where it cannot make them, because a name is not there (yet), they are written
as text, as `from __future__ import annotations` has them.
"""
import sys

LAZY = sys.version_info >= (3, 14)


def as_text(owner):
    import annotationlib
    return annotationlib.get_annotations(owner, format=annotationlib.Format.STRING)


def of_function(function):
    try:
        return getattr(function, "__annotations__", None)
    except Exception:  # of code that is not ours
        return as_text(function)


def of_class(cls):
    try:
        return type.__dict__["__annotations__"].__get__(cls)
    except Exception:
        return as_text(cls)


def put_into(names, cls):
    """Gives a copy of the class's dict the annotations themselves, instead of what makes and keeps them."""
    names.pop("__conditional_annotations__", None)
    made = [names.pop(name, None) for name in ("__annotate_func__", "__annotations_cache__")]
    if any(made) and "__annotations__" not in names:
        names["__annotations__"] = of_class(cls)
    return names
