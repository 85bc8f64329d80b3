# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""What reducers are made of.

A reducer takes (object, settings) and says how the object is made again: a tuple as __reduce__ returns
it, a str as there, or a Name. It returns NotImplemented where pickle knows better. Nothing in here knows
which pickler asks. A pickler has to

    write a Name as a global without looking it up, and remember it for the object;
    ask about a Call, a Later and a Name as about any other object.

**Cycles.** pickle can remember an object only after all that its making needs is written. A function
that is in its own closure, a class whose methods say super(): so a cell whose content is not yet made
is written empty, and filled once the content is there. `settings.open` holds what is not yet made; what is to
be done afterwards waits in its Later, which is part of its state.
"""
import operator


class Name:
    """A global by its name, whoever has it: dill's functions where dill is not installed."""

    __slots__ = ("module", "name")

    def __init__(self, module, name):
        self.module = module
        self.name = name

    def __repr__(self):
        return f"<name {self.module}.{self.name}>"

    def __call__(self, *args):
        raise TypeError(f"{self!r} stands for what is called when loading")


class Call:
    """Is written as what calling `function` gives when loading."""

    __slots__ = ("value",)

    def __init__(self, function, *args, items=None, pairs=None):
        self.value = (function, args)
        if pairs is not None:
            self.value += (None, items, pairs)
        elif items is not None:
            self.value += (None, items)

    def __call__(self, *args):
        raise TypeError("a call that is made when loading")


class Later:
    """A value that is written after what it belongs to is made, and after calls that waited for that."""

    __slots__ = ("settings", "key", "value", "calls", "owner")

    def __init__(self, settings, owner, value=None):
        self.settings = settings
        self.owner = owner
        self.key = id(owner)
        self.value = value
        self.calls = []
        settings.open[self.key] = self

    def reduce(self):
        if self.settings.open.get(self.key) is self:
            del self.settings.open[self.key]
        value = {} if self.value is None else self.value
        return operator.getitem, ((*self.calls, value), -1)


def dill(name):
    return Name("dill._dill", name)


CREATE_FUNCTION = dill("_create_function")
CREATE_CODE = dill("_create_code")
CREATE_CELL = dill("_create_cell")
CREATE_TYPE = dill("_create_type")
LOAD_TYPE = dill("_load_type")
IMPORT_MODULE = dill("_import_module")
MAIN_DICT = Name("__builtin__", "__main__")

table = {}          # type -> reducer
by_base = []        # (type, reducer), for all that derive from it


def reducer(*types):
    """Puts a function into the table for types; None stands for one that this Python lacks."""
    def put(function):
        for kind in types:
            if kind is not None:
                table.setdefault(kind, function)
        return function
    return put


@reducer(Name)
def reduce_name(name, settings):
    return name


@reducer(Call)
def reduce_call(call, settings):
    return call.value


@reducer(Later)
def reduce_later(later, settings):
    return later.reduce()


def resolve(module, qualname):
    """The object of that name in a module that is there; None if there is none."""
    import sys
    found = sys.modules.get(module)
    if found is None:
        try:
            __import__(module)
            found = sys.modules[module]
        except Exception:
            return None
    for part in qualname.split("."):
        if part == "<locals>":
            return None
        try:
            found = getattr(found, part)
        except Exception:
            return None
    return found


def is_importable(obj):
    """Whether another process finds this very object by its module and name."""
    module = getattr(obj, "__module__", None)
    if module is None or module in ("__main__", "__mp_main__"):
        return False
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    return isinstance(module, str) and isinstance(name, str) and resolve(module, name) is obj
