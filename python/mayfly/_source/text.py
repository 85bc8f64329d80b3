# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Source text that stands alone: a definition, and before it all that it uses.

What a definition uses is what Python's compiler says it looks up: in the function (its closure, its globals)
and while it is being defined (decorators, defaults, bases). Each is taken along: what is installed everywhere
as an import, functions and classes as their source, values as expressions, instances as what __reduce_ex__
says of them. What none of these can say is an OSError that names it.

The text is written flat, a closure's variables as variables of the module. Where that cannot be - `nonlocal`, or
two things of one name - the definition gets a function around it.
"""
import ast
import builtins
import copyreg
import enum
import functools
import sys
import types

from . import find
from .names import lambda_name
from .._dill.reduce import resolve
from .._dill.reduce_functions import names_of_globals

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))
DEPTH = 100
# What is there wherever source is executed, and means that place.
IMPLIED = {"__name__", "__qualname__", "__module__", "__file__", "__annotations__", "__builtins__",
           "__doc__", "__class__", "__classdict__"}


def refuse(what, why):
    raise OSError(f"source of {what}: {why}")


def is_everywhere(module):
    """Whether a module comes with Python or was installed, and so can be imported by the reader."""
    from .._dill.reduce_system import is_installed
    return module is not None and module.__name__ not in ("__main__", "__mp_main__") and \
        is_installed(module)


class Text:
    """A text that grows by what it needs."""

    def __init__(self):
        self.imports = {}   # lines, in order
        self.blocks = []
        self.bound = {}     # name -> id of what it is bound to in the text
        self.names = {}     # id -> name
        self.kept = []      # so that ids stay taken
        self.open = []      # names of what is being defined
        self.counter = 0

    def text(self):
        imports = "".join(sorted(self.imports, key=lambda line: "__future__" not in line))
        blocks = [block if block.endswith("\n") else block + "\n" for block in self.blocks]
        joined = ""
        for block in blocks:
            big = "\n" in block[:-1]
            joined += ("\n" if joined and big and not joined.endswith("\n\n") else "") + block
        return imports + ("\n" if imports and joined.startswith(("def ", "class ", "@", "async "))
                          else "") + joined

    def bind(self, name, obj):
        """Takes a name for an object; False if something else has it."""
        taken = self.bound.get(name)
        if taken is not None and taken != id(obj):
            return False
        self.bound[name] = id(obj)
        self.names[id(obj)] = name
        self.kept.append(obj)
        return True

    def fresh(self, stem):
        stem = stem if stem.isidentifier() else "object"
        while True:
            self.counter += 1
            name = f"_{stem}_{self.counter}"
            if name not in self.bound:
                return name

    # ---- names ----------------------------------------------------------------------------------

    def need(self, name, obj, user):
        """Sees to it that `name` means the object in what follows."""
        if self.bound.get(name) == id(obj):
            return
        if name in self.bound and not self.same_value(name, obj):
            refuse(user, f"two different things are called {name!r} in what it uses")
        if name in self.bound:
            return
        line = self.import_of(obj, name)
        if line is not None:
            self.bind(name, obj)
            self.imports[line] = None
            return
        known = self.names.get(id(obj))
        if known is not None and not isinstance(obj, PLAIN):
            self.blocks.append(f"{name} = {known}\n")
            self.bound[name] = id(obj)
            return
        self.define(name, obj, user)

    def same_value(self, name, obj):
        old = next((kept for kept in self.kept if id(kept) == self.bound[name]), None)
        return isinstance(obj, PLAIN) and type(old) is type(obj) and old == obj

    def import_of(self, obj, name):
        if isinstance(obj, types.ModuleType):
            if not is_everywhere(obj):
                return None if obj.__name__ == "__main__" else self.import_module(obj, name)
            return self.import_module(obj, name)
        module = getattr(obj, "__module__", None)
        qualname = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
        if not isinstance(module, str) or not isinstance(qualname, str) or "." in qualname:
            return None
        if not is_everywhere(sys.modules.get(module)) or resolve(module, qualname) is not obj:
            return None
        if module == "builtins" and qualname == name:
            return ""
        return f"from {module} import {qualname}" + ("" if name == qualname else f" as {name}") + "\n"

    @staticmethod
    def import_module(module, name):
        path = module.__name__
        if path == name:
            return f"import {path}\n"
        if path.partition(".")[0] == name:
            return f"import {path}\n"
        return f"import {path} as {name}\n"

    def define(self, name, obj, user):
        if len(self.open) > DEPTH:
            refuse(user, "what it uses uses more, without an end in sight")
        if isinstance(obj, (types.FunctionType, type)):
            self.define_source(name, obj, user)
            return
        target = find.unwrap(obj)
        if isinstance(obj, functools._lru_cache_wrapper) and isinstance(target, types.FunctionType):
            if self.decorated(name, obj, target):
                return
        value = self.expression(obj, user if user == name else f"{user}: {name}")
        if not self.bind(name, obj):
            refuse(user, f"two different things are called {name!r} in what it uses")
        if value != name:
            self.blocks.append(f"{name} = {value}\n")

    # ---- functions and classes --------------------------------------------------------------------

    def define_source(self, name, obj, user):
        """A function or class by its source, under the name that it is to have here."""
        outer = self.made_by_decorator(obj)
        found = outer or find.find(obj)
        own = getattr(found.node, "name", None)
        simple = found.statement if own is None else None
        if own is None:  # a lambda: the statement, if it is this assignment and nothing else
            given = lambda_name(obj)
            text = _clean(found.text()) if given and not found.statement.col_offset and \
                len(simple.targets if isinstance(simple, ast.Assign) else [0]) == 1 else \
                f"{name} = {_one_line(found.expression())}\n"
            own = given if given and text.startswith(given) else name
        else:
            text = _dedent(found.text() if self.keeps_decorators(found, obj, outer)
                           else _without_decorators(found))
        self.bind(own, obj) or refuse(user, f"two different things are called {own!r}")
        self.open.append(own)
        wrapped = self.dependencies(found, obj, text, own)
        self.open.pop()
        self.blocks.append(wrapped if wrapped is not None else text)
        if name != own:
            self.bind(name, obj)
            self.blocks.append(f"{name} = {own}\n")

    def made_by_decorator(self, obj):
        """The decorated definition that gave this function its name; None if there is none."""
        names = getattr(obj, "__globals__", None)
        closure = getattr(obj, "__closure__", None)
        if not closure or names is None:
            return None
        for cell in closure:
            inner = _content(cell)
            if not isinstance(inner, types.FunctionType):
                continue
            if inner.__globals__.get(inner.__name__) is obj:
                try:
                    found = find.find(inner)
                except OSError:
                    return None
                if getattr(found.node, "decorator_list", None) and len(found.parents) == 1:
                    found.flags |= 1 << 30  # its decorators belong to what is asked for
                    return found
        return None

    @staticmethod
    def keeps_decorators(found, obj, outer):
        decorators = getattr(found.node, "decorator_list", None)
        if not decorators or outer is not None or isinstance(obj, type):
            return True
        # What a decorator returned is another object, unless it returned its function.
        names = getattr(obj, "__globals__", {})
        return names.get(found.node.name) is obj and "." not in obj.__qualname__

    def dependencies(self, found, obj, text, own):
        """Brings in what the definition uses; returns it within a function where it needs one."""
        flags = found.flags & ~(1 << 30)
        if flags:
            self.imports["from __future__ import annotations\n"] = None
        try:
            code = compile(text, "<text>", "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            if "nonlocal" not in str(error):
                refuse(own, f"it does not stand alone: {error}")
            return self.enclose(found, obj, text, own)
        now = _names_while_defining(code)
        names = names_of_globals(code)
        function = find.unwrap(obj) if not isinstance(obj, type) else None
        cells = _cells(function) if found.flags < 1 << 30 else {}
        space = self.space_of(obj, found)
        if "__class__" in cells:
            refuse(own, "it says super(), and so is of use in its class only; take the class")
        if isinstance(obj, type):
            cells = _cells_of_class(obj)
        if any(name in self.bound and self.bound[name] != id(value) and not self.same_value(name, value)
               for name, value in cells.items() if name in names):
            return self.enclose(found, obj, text, own)
        for name in names:
            if name == own or name in IMPLIED:
                continue
            if name in cells:
                self.need(name, cells[name], own)
            elif name in space:
                self.need(name, space[name], own)
            elif name in now and not hasattr(builtins, name) and name not in self.bound:
                refuse(own, f"{name!r}, which is needed to define it, is not there any more")
        return None

    @staticmethod
    def space_of(obj, found):
        if isinstance(obj, type):
            return vars(sys.modules.get(obj.__module__, builtins))
        return find.unwrap(obj).__globals__

    def enclose(self, found, obj, text, own):
        """The definition within a function that has the closure's variables."""
        inner = Text()
        inner.imports, inner.kept = self.imports, self.kept
        lines = []
        for name, value in _cells(obj).items():
            if value is obj:
                continue
            if isinstance(value, (types.FunctionType, type)):
                self.need(name, value, own)
            else:
                lines.append(f"    {name} = {self.expression(value, own)}\n")
        names = names_of_globals(find.code_of(obj) or compile(text, "<text>", "exec"))
        for name in names:
            if name in obj.__globals__ and name != own:
                self.need(name, obj.__globals__[name], own)
        make = self.fresh(f"make_{own}")
        return (f"def {make}():\n{''.join(lines)}{_indent(text)}    return {own}\n\n"
                f"{own} = {make}()\n")

    def decorated(self, name, obj, target):
        if target.__globals__.get(target.__name__) is not obj:
            return False
        found = find.find(target)
        self.bind(target.__name__, obj)
        self.dependencies(found, target, _dedent(found.text()), target.__name__)
        self.blocks.append(_dedent(found.text()))
        if name != target.__name__:
            self.blocks.append(f"{name} = {target.__name__}\n")
            self.bind(name, obj)
        return True

    # ---- values ---------------------------------------------------------------------------------

    def expression(self, obj, user, depth=0):
        """An expression for a value; what it needs is brought in before."""
        if isinstance(obj, PLAIN) and type(obj) in PLAIN:
            return _plain(obj)
        known = self.names.get(id(obj))
        if known is not None:
            return known
        if depth > DEPTH:
            refuse(user, "a value in it is nested too deeply, or contains itself")
        kind = type(obj)
        if kind in (list, tuple, set, frozenset, dict):
            return self.container(obj, kind, user, depth + 1)
        if isinstance(obj, (types.FunctionType, type, types.ModuleType, types.BuiltinFunctionType)):
            return self.named(obj, user)
        if isinstance(obj, types.MethodType):
            return f"{self.expression(obj.__self__, user, depth + 1)}.{obj.__func__.__name__}"
        if isinstance(obj, functools._lru_cache_wrapper):
            name = obj.__wrapped__.__name__
            self.need(name, obj, user)
            return self.names[id(obj)]
        if isinstance(obj, enum.Enum):
            return f"{self.expression(kind, user)}[{obj.name!r}]"
        if isinstance(obj, functools.partial) and kind is functools.partial:
            parts = [self.expression(part, user, depth + 1) for part in (obj.func, *obj.args)]
            parts += [f"{key}={self.expression(value, user, depth + 1)}"
                      for key, value in obj.keywords.items()]
            return f"{self.named(functools.partial, user)}({', '.join(parts)})"
        return self.instance(obj, user, depth + 1)

    def container(self, obj, kind, user, depth):
        if kind is dict:
            inner = ", ".join(f"{self.expression(key, user, depth)}: "
                              f"{self.expression(value, user, depth)}" for key, value in obj.items())
            return f"{{{inner}}}"
        inner = ", ".join(self.expression(item, user, depth) for item in obj)
        if kind is tuple:
            return f"({inner},)" if len(obj) == 1 else f"({inner})"
        if kind is list:
            return f"[{inner}]"
        if kind is set and obj:
            return f"{{{inner}}}"
        return f"{kind.__name__}({f'[{inner}]' if inner else ''})"

    def named(self, obj, user):
        if obj is type(None):
            return "type(None)"
        name = getattr(obj, "__name__", "<lambda>").rpartition(".")[2]
        if isinstance(obj, types.BuiltinFunctionType) and \
                not isinstance(obj.__self__, (types.ModuleType, type(None))):
            return f"{self.expression(obj.__self__, user)}.{name}"
        if not name.isidentifier() and name != "<lambda>":
            raise SyntaxError(f"source of {user}: {name!r} is no name that Python can say")
        if not name.isidentifier() or name in self.bound and self.bound[name] != id(obj):
            name = self.fresh("lambda" if name == "<lambda>" else name)
        if getattr(obj, "__module__", None) == "builtins" and getattr(builtins, name, None) is obj:
            return name
        if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>" and \
                not obj.__closure__:
            given = lambda_name(obj)
            if given and given not in self.bound:
                name = given
        self.need(name, obj, user)
        return self.names[id(obj)]

    def instance(self, obj, user, depth):
        """By what the object says of itself to copy and pickle; a variable of the text gets it."""
        kind = type(obj)
        try:
            made = obj.__reduce_ex__(2)
        except Exception as error:
            refuse(user, f"it uses a {kind.__module__}.{kind.__qualname__}, which no source makes "
                         f"({error})")
        if isinstance(made, str):
            return self.named_global(obj, made, user)
        function, args, state, items, pairs = (tuple(made) + (None,) * 5)[:5]
        if function is copyreg.__newobj__:
            cls, *args = args
            call = f"{self.expression(cls, user)}.__new__"
            args = [cls, *args]
        elif function is getattr(copyreg, "__newobj_ex__", None):
            cls, positional, keywords = args
            call, args = f"{self.expression(cls, user)}.__new__", [cls, *positional]
            if keywords:
                call = f"{self.named(functools.partial, user)}({call}, **{self.expression(keywords, user)})"
        else:
            call = self.expression(function, user)
        text = f"{call}({', '.join(self.expression(arg, user, depth) for arg in args)})"
        if state is None and items is None and pairs is None:
            return text
        name = self.fresh(kind.__name__.lower())
        self.bind(name, obj)
        self.blocks.append(f"{name} = {text}\n")
        self.blocks += self.state(obj, name, state, user, depth)
        for item in items or ():
            self.blocks.append(f"{name}.append({self.expression(item, user, depth)})\n")
        for key, value in pairs or ():
            self.blocks.append(f"{name}[{self.expression(key, user, depth)}] = "
                               f"{self.expression(value, user, depth)}\n")
        return name

    def state(self, obj, name, state, user, depth):
        if state is None:
            return []
        if hasattr(obj, "__setstate__"):
            return [f"{name}.__setstate__({self.expression(state, user, depth)})\n"]
        slots = {}
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        lines = []
        if state:
            lines.append(f"{name}.__dict__.update({self.expression(state, user, depth)})\n")
        for key, value in (slots or {}).items():
            lines.append(f"setattr({name}, {key!r}, {self.expression(value, user, depth)})\n")
        return lines

    def named_global(self, obj, name, user):
        module = getattr(obj, "__module__", None) or "builtins"
        if not is_everywhere(sys.modules.get(module)):
            refuse(user, f"it uses {name!r} of {module}, which no source makes")
        if module == "builtins":
            return name
        first = name.partition(".")[0]
        self.imports[f"from {module} import {first}\n"] = None
        return name


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _cells(function):
    if not isinstance(function, types.FunctionType) or not function.__closure__:
        return {}
    return {name: cell.cell_contents for name, cell in
            zip(function.__code__.co_freevars, function.__closure__) if cell != types.CellType()}


def _cells_of_class(cls):
    found = {}
    for value in vars(cls).values():
        function = find.unwrap(value)
        if isinstance(function, types.FunctionType):
            found.update({name: value for name, value in _cells(function).items()
                          if name != "__class__"})
    return found


def _names_while_defining(code):
    """What is looked up when the text is executed, not when its functions are called later."""
    import dis
    found = {instruction.argval for instruction in dis.get_instructions(code)
             if instruction.opname.startswith("LOAD_") and "NAME" in instruction.opname
             or instruction.opname == "LOAD_GLOBAL"}
    stored = {instruction.argval for instruction in dis.get_instructions(code)
              if instruction.opname == "STORE_NAME"}
    for constant in code.co_consts:  # a class's body is executed at once
        if isinstance(constant, types.CodeType) and "__qualname__" in constant.co_names:
            found |= _names_while_defining(constant)
    return found - stored


def _plain(value):
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float({str(value)!r})"
    if isinstance(value, complex):
        return f"complex({_plain(value.real)}, {_plain(value.imag)})"
    return "Ellipsis" if value is ... else repr(value)


def _clean(text):
    return text if text.endswith("\n") else text + "\n"


def _one_line(expression):
    return f"({expression})" if "\n" in expression else expression


def _dedent(text):
    from ..source import outdent
    return _clean(outdent(text))


def _indent(text, spaces=4):
    from ..source import indent
    return _clean(indent(text.rstrip("\n"), spaces))


def _without_decorators(found):
    return "".join(found.lines[found.node.lineno - 1:found.node.end_lineno])
