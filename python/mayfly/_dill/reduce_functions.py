# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Functions, their code, cells and globals; methods."""
import dis
import functools
import operator
import sys
import types

from . import reduce_annotations as annotations
from .reduce import (CREATE_CELL, CREATE_CODE, CREATE_FUNCTION, MAIN_DICT, Call, Later, Name, dill,
                      is_importable, reducer)
from .reduce_classes import leads_to

# In the order of types.CodeType's arguments.
if sys.version_info >= (3, 11):
    CODE = ("argcount posonlyargcount kwonlyargcount nlocals stacksize flags code consts names "
            "varnames filename name qualname firstlineno linetable exceptiontable freevars cellvars")
elif sys.version_info >= (3, 10):
    CODE = ("argcount posonlyargcount kwonlyargcount nlocals stacksize flags code consts names "
            "varnames filename name firstlineno linetable freevars cellvars")
else:
    CODE = ("argcount posonlyargcount kwonlyargcount nlocals stacksize flags code consts names "
            "varnames filename name firstlineno lnotab freevars cellvars")
code_parts = operator.attrgetter(*("co_" + part for part in CODE.split()))


@reducer(types.CodeType)
def reduce_code(code, settings):
    return CREATE_CODE, code_parts(code)


@reducer(types.CellType)
def reduce_cell(cell, settings):
    try:
        content = cell.cell_contents
    except ValueError:
        return types.CellType, ()
    waiting = settings.open.get(id(content))
    if waiting is not None:
        waiting.calls.append(Call(setattr, cell, "cell_contents", content))
        return types.CellType, ()
    # As state, not as argument: the content may lead back to the cell.
    return CREATE_CELL, (None,), (None, {"cell_contents": content})


def module_name(module, settings):
    """The name of a module's dict, once in each dump."""
    if module == settings.main.__name__:
        return MAIN_DICT
    key = "dict of", module
    if key not in settings.shared:
        settings.shared[key] = Name(module, "__dict__")
    return settings.shared[key]


def reduce_module_dict(names, settings):
    """The Name of a dict that is a module's; None for any other."""
    if names is settings.main.__dict__:
        return MAIN_DICT
    module = names.get("__name__")
    if type(module) is not str or module == settings.main.__name__:
        return None
    found = sys.modules.get(module)
    # A module need not be one: frameworks put objects of their own there.
    if type(getattr(found, "__dict__", None)) is dict and found.__dict__ is names:
        return module_name(module, settings)
    return None


def names_of_globals(code, found=None):
    """The globals that code uses, and what is defined within it."""
    found = {} if found is None else found
    for instruction in dis.get_instructions(code):
        if instruction.opname.endswith(("_GLOBAL", "LOAD_NAME")):
            found[instruction.argval] = None
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names_of_globals(constant, found)
    return found


def used_globals(function):
    names = function.__globals__
    return {name: names[name] for name in names_of_globals(function.__code__) if name in names}


def share_globals(function, settings):
    """What stands for a function's globals, and the call that fills them; None if there is none."""
    own = function.__globals__
    module = function.__module__
    if not settings.recurse:
        named = reduce_module_dict(own, settings)
        if named is not None:
            return named, None
    key = "globals", id(own)
    if key not in settings.shared:
        # The function's globals are the second of these: what is kept keeps its address.
        settings.shared[key] = {"__name__": module}, own, set()
    fresh, _, done = settings.shared[key]
    wanted = used_globals(function) if settings.recurse else own
    more = {name: value for name, value in wanted.items()
            if name not in done and name != "__builtins__" and name != "__name__"}
    done.update(more)
    if not more:
        return fresh, None
    return fresh, Call(operator.ior, fresh, more)


def waits_for_class(function, name, value, settings):
    """Whether annotations lead to a class that is being written: from Python 3.14 on a class's own methods
    name it. They are set once the outermost of them is made."""
    if not annotations.LAZY or name != "__annotations__":
        return False
    for later in settings.open.values():
        if isinstance(later.owner, type) and leads_to(value, later.owner):
            later.calls.append(Call(setattr, function, name, value))
            return True
    return False


def function_state(function, settings, globs):
    slots = {}
    for name in "__doc__", "__kwdefaults__", "__annotations__":
        value = annotations.of_function(function) if name == "__annotations__" else \
            getattr(function, name, None)
        if value is not None and (value or name != "__annotations__") and \
                not waits_for_class(function, name, value, settings):
            slots[name] = value
    if function.__qualname__ != function.__name__:
        slots["__qualname__"] = function.__qualname__
    # What it is made with takes its module from its globals.
    if isinstance(globs, dict):
        module = globs["__name__"]
    else:
        module = settings.main.__name__ if globs is MAIN_DICT else globs.module
    if function.__module__ != module:
        slots["__module__"] = function.__module__
    if sys.version_info >= (3, 12) and function.__type_params__:
        slots["__type_params__"] = function.__type_params__
    return slots


def waits_for(settings, function, fill):
    """The class that has to be made before the globals are filled, because they may lead to it."""
    if fill is None:
        return None
    for later in settings.open.values():
        if isinstance(later.owner, type) or later.owner is not function and \
                any(value is later.owner for value in fill.value[1][1].values()):
            if not all(is_elsewhere(value) for value in fill.value[1][1].values()):
                return later
    return None


def is_elsewhere(value):
    """Whether a global leads nowhere that is being dumped: a plain value, a module, what is imported."""
    if isinstance(value, (str, bytes, int, float, complex, type(None), types.BuiltinFunctionType,
                          types.ModuleType)):
        return True
    return isinstance(value, (type, types.FunctionType)) and is_importable(value)


@reducer(types.FunctionType)
def reduce_function(function, settings):
    if is_importable(function):
        return NotImplemented
    if function.__module__ == "dill._dill":
        return dill(function.__qualname__)
    first = id(function) not in settings.open
    later = Later(settings, function) if first else None
    globs, fill = share_globals(function, settings)
    slots = function_state(function, settings, globs)
    attributes = function.__dict__ or None
    waiting = waits_for(settings, function, fill)
    if waiting is not None:
        waiting.calls.append(fill)
        fill = None
    if later is not None:
        if fill is not None:
            later.calls.append(fill)
        if function.__closure__ or function.__defaults__ or later.calls:
            later.value = attributes
            attributes = later
        else:
            del settings.open[id(function)]
    elif fill is not None:
        attributes = Call(operator.getitem, (fill, attributes or {}), -1)
    state = (attributes, slots) if slots else attributes
    args = (function.__code__, globs, function.__name__, function.__defaults__,
            function.__closure__)
    return CREATE_FUNCTION, args, state


@reducer(types.MethodType)
def reduce_method(method, settings):
    return types.MethodType, (method.__func__, method.__self__)


@reducer(staticmethod, classmethod)
def reduce_wrapped_method(method, settings):
    return type(method), (method.__func__,)


@reducer(property)
def reduce_property(prop, settings):
    return type(prop), (prop.fget, prop.fset, prop.fdel, prop.__doc__)


@reducer(functools._lru_cache_wrapper)
def reduce_lru_cache(cached, settings):
    if is_importable(cached):
        return NotImplemented
    parameters = cached.cache_parameters()
    wrapped = cached.__wrapped__
    # What functools.update_wrapper copies is what the wrapped function has anyway.
    return Call(functools.lru_cache, parameters["maxsize"], parameters["typed"]), (wrapped,)


@reducer(super)
def reduce_super(obj, settings):
    return super, (obj.__thisclass__, obj.__self__)




@reducer(types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType,
         types.MemberDescriptorType, types.ClassMethodDescriptorType)
def reduce_descriptor(descriptor, settings):
    # From Python 3.15 on classes share those of __dict__ and __weakref__, which object itself has not.
    if descriptor.__objclass__ is object and descriptor.__name__ not in vars(object):
        return Name("inspect", "getattr_static"), (functools.partialmethod, descriptor.__name__)
    return dill("_getattr"), (descriptor.__objclass__, descriptor.__name__, repr(descriptor))


@reducer(types.MethodWrapperType)
def reduce_method_wrapper(method, settings):
    return getattr, (method.__self__, method.__name__)


def refuse(what, way_out):
    def reduce_refused(obj, settings):
        import pickle
        raise pickle.PicklingError(f"dump {type(obj).__name__} {obj!r:.60}: {what}; {way_out}")
    return reduce_refused


reducer(types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)(refuse(
    "where it stands in its code cannot be written down",
    "dump the function and its arguments, or list(generator)"))
reducer(types.FrameType, types.TracebackType)(refuse(
    "a frame lives with its thread", "dump what traceback.format_exception() says"))

