# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""PyCapsules: a pointer with a name. The pointer is of use within one process only."""
import ctypes
import pickle
import sys

_api = ctypes.PyDLL(None)


def _function(name, result, *args):
    function = ctypes.PYFUNCTYPE(result, *args)((name, _api))
    return function


_name_of = _function("PyCapsule_GetName", ctypes.c_void_p, ctypes.py_object)
_pointer_of = _function("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
_context_of = _function("PyCapsule_GetContext", ctypes.c_void_p, ctypes.py_object)
_destructor_of = _function("PyCapsule_GetDestructor", ctypes.c_void_p, ctypes.py_object)
_is_valid = _function("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_new = _function("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_set_context = _function("PyCapsule_SetContext", ctypes.c_int, ctypes.py_object, ctypes.c_void_p)
_names = {}  # a capsule does not own its name


def parts(capsule):
    name = _name_of(capsule)
    text = None if name is None else ctypes.string_at(name)
    return _pointer_of(capsule, name), text, _context_of(capsule), _destructor_of(capsule)


def find(name):
    """The capsule of that name that a module of this process has."""
    try:
        path = name.decode().split(".")
    except (AttributeError, UnicodeDecodeError):
        return None
    for split in range(len(path) - 1, 0, -1):
        module = ".".join(path[:split])
        try:
            __import__(module)
            found = sys.modules[module]
            for part in path[split:]:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        if type(found).__name__ != "PyCapsule" or not _is_valid(found, name):
            raise pickle.UnpicklingError(f"load a capsule: {name.decode()} is a {type(found).__name__}")
        return found
    return None


def create(pointer, name, context, destructor):
    found = find(name)
    if found is not None:
        return found
    kept = None if name is None else _names.setdefault(name, ctypes.create_string_buffer(name))
    capsule = _new(pointer, None if kept is None else ctypes.addressof(kept), destructor)
    if context:
        _set_context(capsule, context)
    return capsule
