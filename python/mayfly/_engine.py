# SPDX-License-Identifier: MIT
"""The picklers, which are in C, and what registers savers with them."""
from ._pickle import (PickleError, Pickler, PicklingError, Unpickler, UnpicklingError,  # noqa: F401
                      dump, dumps, load, loads)


def register(kind):
    """Has `function(pickler, obj)` write the instances of a type, as dill.register does."""
    def put(function):
        Pickler.dispatch[kind] = function
        return function
    return put
