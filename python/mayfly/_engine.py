# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""The picklers in Python: what the C ones are measured against, and what stands in for them.

A Pickler here is pickle's Pickler written in Python with the table of _reducers. It is also the one that
registered savers get (`@register`), because they call its methods.
"""
import io
import pickle

from . import _dill_names
from ._reducers import Name, reduce, reduce_dict
from ._settings import Settings

registered = {}  # type -> saver(pickler, obj)


class _Written:
    """Stands where pickle wants a callable, for something that is written by name."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __call__(self):
        raise TypeError("stands for a name")


def register(kind):
    """Has `function(pickler, obj)` write the instances of a type, as dill.register does."""
    def put(function):
        registered[kind] = function
        return function
    return put


class Pickler(pickle._Pickler):
    # dill, where it is imported, puts its own savers into pickle's table.
    dispatch = {kind: saver for kind, saver in pickle._Pickler.dispatch.items()
                if saver.__module__ == "pickle"}

    def __init__(self, file, protocol=None, *, fix_imports=True, buffer_callback=None, byref=None,
                 fmode=None, recurse=None, ignore=None):
        self.settings = Settings(protocol, byref, fmode, recurse, ignore)
        super().__init__(file, self.settings.protocol, fix_imports=fix_imports,
                         buffer_callback=buffer_callback)

    def save(self, obj, save_persistent_id=True):
        kind = type(obj)
        if kind is dict and "__name__" in obj or kind is Name:
            if id(obj) not in self.memo:
                name = obj if kind is Name else reduce_dict(obj, self.settings)
                if name is not None:
                    return self.save_name(name, obj)
        if registered and kind in registered and id(obj) not in self.memo:
            self.framer.commit_frame()
            return registered[kind](self, obj)
        return super().save(obj, save_persistent_id)

    def reducer_override(self, obj):
        found = reduce(obj, self.settings)
        return (_Written(found), ()) if type(found) is Name else found

    def save_reduce(self, func, args, *rest, obj=None, **named):
        if type(func) is _Written:
            return self.save_name(func.name, obj)
        return super().save_reduce(func, args, *rest, obj=obj, **named)

    def save_name(self, name, obj):
        if self.proto >= 4:
            self.save(name.module)
            self.save(name.name)
            self.write(pickle.STACK_GLOBAL)
        elif "." in name.name:
            parent, _, last = name.name.rpartition(".")
            return self.save_reduce(getattr, (Name(name.module, parent), last), obj=obj)
        else:
            self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
        self.memoize(obj)


class Unpickler(pickle.Unpickler):
    def __init__(self, file, *, ignore=None, **keywords):
        super().__init__(file, **keywords)
        self.settings = Settings(ignore=ignore)

    def find_class(self, module, name):
        try:
            return _dill_names.find(module, name)
        except AttributeError:
            return super().find_class(module, name)

    def load(self):
        return to_main(super().load(), self.settings)


def to_main(obj, settings):
    """An object of a class that came along becomes one of the class of that name in __main__."""
    kind = type(obj)
    if not settings.ignore and kind.__module__ == settings.main.__name__:
        try:
            obj.__class__ = getattr(settings.main, kind.__name__)
        except (AttributeError, TypeError):
            pass
    return obj


def dump(obj, file, protocol=None, byref=None, fmode=None, recurse=None, **keywords):
    Pickler(file, protocol, byref=byref, fmode=fmode, recurse=recurse, **keywords).dump(obj)


def dumps(obj, protocol=None, byref=None, fmode=None, recurse=None, **keywords):
    file = io.BytesIO()
    dump(obj, file, protocol, byref, fmode, recurse, **keywords)
    return file.getvalue()


def load(file, ignore=None, **keywords):
    return Unpickler(file, ignore=ignore, **keywords).load()


def loads(data, ignore=None, **keywords):
    return load(io.BytesIO(data), ignore, **keywords)
