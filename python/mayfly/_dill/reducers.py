# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""One table from type to reducer: everything that dill dumps and pickle alone does not.

    reduce(obj, settings)        a reduce value, a Name, or NotImplemented: pickle's own way

What the values are and what a pickler has to do with them: reduce.py.
"""
import abc
import copyreg
import sys

from . import reduce_classes, reduce_functions, reduce_system  # noqa: F401 they fill the table
from .reduce import Call, Later, Name, by_base, table

__all__ = ["Call", "Later", "Name", "reduce", "table"]
# Modules whose types count once somebody has imported them.
_awaited = {"_pyio": reduce_system.add_pyio, "numpy": reduce_system.add_numpy}


def reduce(obj, settings):
    kind = type(obj)
    found = table.get(kind)
    if found is not None:
        # What a program registered for a type counts before ours: tracebacks, by tblib, for one.
        if kind in copyreg.dispatch_table:
            return NotImplemented
        return found(obj, settings)
    if _awaited:
        for module in [name for name in _awaited if name in sys.modules]:
            more = _awaited[module]()
            if more is not None:  # None while it is still being imported
                del _awaited[module]
                table.update(more)
                return reduce(obj, settings)
    if issubclass(kind, type):
        # A registered metaclass has its own way: copyreg's comes before ours, as in pickle.
        if kind in copyreg.dispatch_table:
            return NotImplemented
        return reduce_classes.reduce_class(obj, settings)
    for base, reducer in by_base:
        if issubclass(kind, base):
            return reducer(obj, settings)
    return NotImplemented


for _kind in abc.abstractproperty, abc.abstractclassmethod, abc.abstractstaticmethod:
    table[_kind] = table[_kind.__mro__[1]]
