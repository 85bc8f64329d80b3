# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Classes that another process cannot import: those of __main__, of functions, of exec.

A class is made with its whole dict, because a metaclass or __init_subclass__ may look at it. Only what leads
back to the class itself - an instance as an attribute - is set afterwards; what a method's cell leads to
is reduce_functions' matter.
"""
import _thread
import abc
import collections
import dataclasses
import enum
import functools
import gc
import operator
import pickle
import types
import typing
import warnings

from . import reduce_annotations as annotations
from .reduce import (CREATE_TYPE, LOAD_TYPE, Call, Later, Name, dill, is_importable, reducer)

# What `_load_type` knows by the names that module types has for it.
type_names = {}
for _name, _kind in vars(types).items():
    if isinstance(_kind, type) and _kind.__module__ == "builtins":
        type_names.setdefault(_kind, _name)
type_names.update({type({}.keys()): "DictKeysType", type({}.values()): "DictValuesType",
                   type({}.items()): "DictItemsType"})
_ordered = collections.OrderedDict()
type_names.update({type(_ordered.keys()): "OdictKeysType", type(_ordered.values()): "OdictValuesType",
                   type(_ordered.items()): "OdictItemsType"})
HEAP_TYPE = 1 << 9  # of a type's flags: it was made at run time
LOOKED_AT = 5000  # objects, before an attribute counts as one that does not lead back


class PicklingWarning(Warning, pickle.PicklingError):
    """Something was dumped by its name, which may not be there when it is loaded."""

    __module__ = "mayfly"


def reduce_class(cls, settings):
    if cls is type(None) or cls is type(NotImplemented) or cls is type(...):
        return NotImplemented
    if is_importable(cls):
        return NotImplemented
    if cls is getattr(_thread, "_ExceptHookArgs", None):  # which it is not called, before Python 3.10
        return Name("_thread", "_ExceptHookArgs")
    if cls in type_names:
        return LOAD_TYPE, (type_names[cls],)
    if cls.__module__ == "dill._dill":
        return dill(cls.__qualname__)
    if not cls.__flags__ & HEAP_TYPE:
        return NotImplemented  # made by C, it cannot be made again from its dict
    if settings.byref:
        return by_name(cls, settings)
    if is_namedtuple(cls):
        return reduce_namedtuple(cls)
    if id(cls) in settings.open:
        # Its metaclass wants all at once, and what it wants leads back.
        warnings.warn(f"dump {cls!r}: it refers to itself, and its metaclass allows no way around; "
                      "written by name", PicklingWarning, stacklevel=2)
        return by_name(cls, settings)
    later = Later(settings, cls)
    made, deferred = make(cls, settings)
    later.calls.append(Call(setattr, cls, "__qualname__", cls.__qualname__))
    later.calls += [Call(setattr, cls, name, value) for name, value in deferred.items()]
    if isinstance(cls, abc.ABCMeta):
        registered = abc._get_dump(cls)[0] if hasattr(abc, "_get_dump") else ()
        later.calls += [Call(Call(getattr, cls, "register"), reference())
                        for reference in registered if reference() is not None]
    # A state setter, because BUILD would find the __setstate__ that the class has for its instances.
    return *made, later, None, None, operator.is_


def by_name(cls, settings):
    key = "class", cls
    if key not in settings.shared:
        settings.shared[key] = Name(cls.__module__, cls.__qualname__)
    return settings.shared[key]


def is_namedtuple(cls):
    return cls.__bases__ == (tuple,) and isinstance(getattr(cls, "_fields", None), tuple) and \
        all(hasattr(cls, name) for name in ("_make", "_asdict", "_replace", "_field_defaults"))


def reduce_namedtuple(cls):
    args = cls.__name__, cls._fields, cls.__module__
    if cls._field_defaults:
        args += ([cls._field_defaults[name] for name in cls._fields if name in cls._field_defaults],)
    afterwards = [Call(setattr, cls, "__qualname__", cls.__qualname__)] \
        if cls.__qualname__ != cls.__name__ else []
    # What typing.NamedTuple and its user add to the one that collections makes.
    plain = set(vars(collections.namedtuple("plain", cls._fields)))
    names = annotations.put_into(dict(vars(cls)), cls)
    afterwards += [Call(setattr, cls, name, value) for name, value in names.items()
                   if name not in plain or name == "__doc__" and not str(value).startswith(cls.__name__)]
    made = dill("_create_namedtuple"), args
    return made + (afterwards, None, None, operator.is_) if afterwards else made


def make(cls, settings):
    """How the class is made, and the attributes that have to wait until it is."""
    if isinstance(cls, enum.EnumMeta):
        return make_enum(cls)
    names = own_names(cls)
    deferred = {}
    if may_wait(cls):
        deferred = {name: value for name, value in names.items() if leads_to(value, cls)}
        names = {name: value for name, value in names.items() if name not in deferred}
    if "__orig_bases__" in vars(cls):
        fill = functools.partial(dill("_setitems"), source=names) if names else None
        return (types.new_class, (cls.__name__, cls.__orig_bases__, {"metaclass": type(cls)},
                                  fill)), deferred
    return (CREATE_TYPE, (type(cls), cls.__name__, cls.__bases__, names)), deferred


def may_wait(cls):
    """Whether attributes may be set once the class is made: its metaclass does not look at it."""
    return type(cls).__setattr__ in (type.__setattr__, abc.ABCMeta.__setattr__)


def own_names(cls):
    """The dict that the class is made with: without what type() adds and what bases have."""
    names = annotations.put_into(dict(vars(cls)), cls)
    if annotations.LAZY and not may_wait(cls) and leads_to(names.get("__annotations__"), cls):
        names["__annotations__"] = annotations.as_text(cls)
    slots = names.get("__slots__", ())
    for name in (slots,) if isinstance(slots, str) else slots:
        if name.startswith("__") and not name.endswith("__"):
            name = f"_{cls.__name__.lstrip('_')}{name}"
        names.pop(name, None)
    for name in "__dict__", "__weakref__", "__qualname__":
        names.pop(name, None)
    if isinstance(cls, abc.ABCMeta):
        names.pop("_abc_impl", None)
        names.pop("__abstractmethods__", None)
    if "__orig_bases__" in names:  # new_class makes these from the bases
        del names["__orig_bases__"]
        names.pop("__parameters__", None)
    if names.get("__hash__", 1) is None and "__eq__" in names:
        del names["__hash__"]
    names.pop("__classdictcell__", None)
    return names


def make_enum(cls):
    """By the namespace that the metaclass prepares, so that it makes the members itself."""
    kept = {"__module__": cls.__module__}
    new = vars(cls).get("__new_member__", vars(cls).get("_new_member_"))
    if is_users(new):
        kept["__new__"] = new
    for name, value in own_names(cls).items():
        if name in cls.__members__ or name in ("__new__", "__new_member__", "_new_member_"):
            continue
        special = name.startswith("_") and name.endswith("_")
        if not special or name in ("__doc__", "__annotations__") or is_users(value):
            kept[name] = value
    kept.update({name: member._value_ for name, member in cls.__members__.items()})
    prepared = Call(Call(getattr, type(cls), "__prepare__"), cls.__name__, cls.__bases__,
                    pairs=iter(kept.items()))
    return (CREATE_TYPE, (type(cls), cls.__name__, cls.__bases__, prepared)), {}


def is_users(value):
    """Whether something in an enum's dict was written by its author, not put there by enum."""
    value = getattr(value, "__func__", value)
    if isinstance(value, property):
        value = value.fget
    return isinstance(value, types.FunctionType) and value.__module__ != "enum"


def leads_to(value, cls):
    """Whether writing the value would come to the class without passing a cell."""
    seen, waiting = set(), [value]
    while waiting and len(seen) < LOOKED_AT:
        item = waiting.pop()
        if item is cls:
            return True
        if id(item) in seen or isinstance(item, (str, bytes, int, float, types.FunctionType,
                                                 types.ModuleType, types.CellType, types.CodeType)):
            continue
        seen.add(id(item))
        if isinstance(item, type):
            if is_importable(item):
                continue
            waiting += item.__bases__
            waiting += [part for part in vars(item).values()
                        if not isinstance(part, types.GetSetDescriptorType)]
        elif isinstance(item, (types.MemberDescriptorType, types.GetSetDescriptorType)):
            continue
        elif isinstance(item, (staticmethod, classmethod, property)):
            waiting += [part for part in gc.get_referents(item)]
        else:
            waiting.append(type(item))
            waiting += gc.get_referents(item)
    return False


reducer(type)(reduce_class)


@reducer(types.GenericAlias)
def reduce_alias(alias, settings):
    return NotImplemented


@reducer(typing._GenericAlias)
def reduce_typing_alias(alias, settings):
    return NotImplemented


@reducer(typing.TypeVar, getattr(typing, "ParamSpec", None), getattr(typing, "TypeVarTuple", None))
def reduce_type_variable(variable, settings):
    if is_importable(variable):
        return NotImplemented
    kind = type(variable)
    options = {option: getattr(variable, f"__{option}__", None)
               for option in ("bound", "covariant", "contravariant", "infer_variance")}
    if getattr(variable, "has_default", bool)():
        options["default"] = variable.__default__
    options = {option: value for option, value in options.items() if value}
    make = functools.partial(kind, variable.__name__, *getattr(variable, "__constraints__", ()), **options)
    # It would be of the module that has it made; from Python 3.12 on it has no dict that one can see.
    return make, (), (None, {"__module__": variable.__module__})


def reduce_sentinel(name):
    def reduce_named(obj, settings):
        return Name("dataclasses", name)
    return reduce_named


reducer(type(dataclasses.MISSING))(reduce_sentinel("MISSING"))
reducer(type(dataclasses._HAS_DEFAULT_FACTORY))(reduce_sentinel("_HAS_DEFAULT_FACTORY"))
if hasattr(dataclasses, "KW_ONLY"):
    reducer(type(dataclasses.KW_ONLY))(reduce_sentinel("KW_ONLY"))


@reducer(type(dataclasses._FIELD))
def reduce_field_kind(kind, settings):
    return Name("dataclasses", kind.name)
