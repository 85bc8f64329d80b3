# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Where in the source an object was defined: the lines, and the node of the syntax tree.

A function is found by its code: where it begins, what it is called, and, if several begin on that line, by
compiling each and comparing. Nothing is guessed: a definition that does not compile to the code that the object
has is not the object's.
"""
import ast
import functools
import inspect
import linecache
import sys
import types

FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda
DEFINITIONS = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef


class Found:
    """A definition: its node, the statement it stands in, and the lines of the file."""

    __slots__ = ("lines", "node", "statement", "parents", "flags")

    def __init__(self, lines, node, parents, flags=0):
        self.lines = lines
        self.node = node
        self.parents = parents  # from the module down
        self.flags = flags
        self.statement = node if isinstance(node, ast.stmt) else next(
            parent for parent in reversed(parents) if isinstance(parent, ast.stmt))

    @property
    def first(self):
        """The line it begins on, from 0; decorators belong to it."""
        decorators = getattr(self.statement, "decorator_list", None)
        return (decorators[0] if decorators else self.statement).lineno - 1

    def text(self):
        return "".join(self.lines[self.first:self.statement.end_lineno])

    def expression(self):
        return ast.get_source_segment("".join(self.lines), self.node)


def unwrap(obj):
    """The function or class that an object's source is about."""
    while True:
        if isinstance(obj, (types.MethodType, staticmethod, classmethod)):
            obj = obj.__func__
        elif isinstance(obj, property):
            obj = obj.fget
        elif isinstance(obj, functools.partial):
            obj = obj.func
        elif isinstance(obj, functools._lru_cache_wrapper):
            obj = obj.__wrapped__
        else:
            return obj


def code_of(obj):
    if isinstance(obj, types.CodeType):
        return obj
    if isinstance(obj, types.FrameType):
        return obj.f_code
    if isinstance(obj, types.TracebackType):
        return obj.tb_frame.f_code
    return getattr(obj, "__code__", None)


def file_lines(name, names=None):
    linecache.checkcache(name)
    return linecache.getlines(name, names)


def code_lines(code, names=None):
    """Those of its file. From Python 3.14 on linecache also keeps, for inspect, what was typed."""
    lines = file_lines(code.co_filename, names)
    if not lines and code.co_filename.startswith("<") and hasattr(linecache, "_getlines_from_code"):
        lines = linecache._getlines_from_code(code)
    return lines


@functools.lru_cache(maxsize=32)
def _parsed(text):
    return ast.parse(text)


def parse(lines, what):
    try:
        return _parsed("".join(lines))
    except (SyntaxError, ValueError) as error:
        raise OSError(f"source of {what}: its file is no Python any more: {error}") from None


def walk(node, parents=()):
    """All definitions, with what they stand in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield child, parents + (node,)
        yield from walk(child, parents + (node,))


def first_line(node):
    decorators = getattr(node, "decorator_list", None)
    return decorators[0].lineno if decorators else node.lineno


def find(obj):
    """The Found of a function, class, code; OSError with the reason if there is none."""
    obj = unwrap(obj)
    if isinstance(obj, type):
        return find_class(obj)
    code = code_of(obj)
    if code is None:
        raise TypeError(f"source of {obj!r:.60}: a {type(obj).__name__} is not defined by source")
    return find_code(code, getattr(obj, "__globals__", None))


def find_code(code, names=None):
    what = f"{code.co_name} ({code.co_filename})"
    if code.co_filename == "<stdin>":
        from . import history
        lines = history.lines_of(code)
    else:
        lines = code_lines(code, names)
    if not lines:
        raise OSError(f"source of {what}: there is none; code that exec() or eval() made is kept by "
                      "nobody, and files may be gone")
    tree = parse(lines, what)
    flags = code.co_flags & _future_mask()
    made = whole("".join(lines), code.co_filename, flags)
    good = [other for other in made if other.co_name == code.co_name and alike(other, code)]
    if not good:
        raise OSError(f"source of {what}: nothing in that file compiles to it; the file was changed "
                      "since, or the function was made otherwise")
    line = min((abs(other.co_firstlineno - code.co_firstlineno), other.co_firstlineno)
               for other in good)[1]
    candidates = [(node, parents) for node, parents in walk(tree) if isinstance(node, FUNCTIONS)
                  and first_line(node) == line and getattr(node, "name", "<lambda>") == code.co_name]
    node, parents = candidates[0]
    if len(candidates) > 1:
        node, parents = by_position(candidates, code, flags)
    return Found(lines, node, parents, flags)


@functools.lru_cache(maxsize=32)
def whole(text, name, flags):
    """All code of a file. A function compiled alone may differ: how a call is compiled can depend on imports."""
    return list(codes_within(compile(text, name, "exec", flags, dont_inherit=True)))


def _future_mask():
    import __future__
    return __future__.annotations.compiler_flag


def compiles_to(node, code, flags=0):
    """Whether a function's node gives that code when it is compiled alone."""
    try:
        return any(alike(made, code) for made in compiled(node, code, flags))
    except (SyntaxError, ValueError, RecursionError):
        return False


def compiled(node, code, flags):
    """The code that a node gives within a function that has its free variables."""
    body = [ast.Expr(node)] if isinstance(node, ast.Lambda) else [_undecorated(node)]
    free = [name for name in code.co_freevars]
    if free:
        body.insert(0, ast.Assign([ast.Name(name, ast.Store()) for name in free], ast.Constant(None),
                                  lineno=1))
    if "__class__" in free:
        body = [ast.ClassDef("_", [], [], [node if isinstance(node, ast.Lambda) and ast.Expr(node)
                                           else _undecorated(node)], [])]
        if len(free) > 1:
            others = [ast.Name(name, ast.Store()) for name in free if name != "__class__"]
            body.insert(0, ast.Assign(others, ast.Constant(None), lineno=1))
    outer = ast.parse("def _(): pass")
    outer.body[0].body = body
    ast.fix_missing_locations(outer)
    made = compile(outer, code.co_filename, "exec", flags, dont_inherit=True)
    return [found for found in codes_within(made) if found.co_name == code.co_name]


def _undecorated(node):
    arguments = {name: getattr(node, name) for name in node._fields}
    arguments["decorator_list"] = []
    return ast.copy_location(type(node)(**arguments), node)


def codes_within(code):
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from codes_within(constant)


def alike(one, other):
    """Whether two codes do the same under the same names; where they stand does not matter."""
    for part in ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_argcount",
                 "co_kwonlyargcount", "co_posonlyargcount"):
        if getattr(one, part) != getattr(other, part) and not _mangled(one, other, part):
            return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    return all(alike(a, b) if isinstance(a, types.CodeType) and isinstance(b, types.CodeType)
               else type(a) is type(b) and (a == b or repr(a) == repr(b))
               for a, b in zip(one.co_consts, other.co_consts)
               if not _is_qualname(a, b))


def _is_qualname(a, b):
    # Before 3.11 a nested function's qualified name is one of the constants.
    return isinstance(a, str) and isinstance(b, str) and a.rpartition(".")[2] == b.rpartition(".")[2]


def _mangled(one, other, part):
    """Whether names differ only by their class's name: two underscores get it where there is a class."""
    ours, theirs = getattr(one, part), getattr(other, part)
    return isinstance(ours, tuple) and len(ours) == len(theirs) and all(
        a == b or a.startswith("__") and b.startswith("_") and b.endswith(a)
        for a, b in zip(ours, theirs))


def by_position(candidates, code, flags):
    """Of several on one line, the one that stands where the code says it does; or, before Python 3.11, the
    one that compiles to it."""
    if hasattr(code, "co_positions"):
        places = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
        for node, parents in candidates:
            first = node.lineno, node.col_offset
            if places and all(first <= at <= (node.end_lineno, node.end_col_offset) for at in places):
                return node, parents
    for node, parents in candidates:
        if compiles_to(node, code, flags):
            return node, parents
    return candidates[-1]


def module_lines(cls):
    module = sys.modules.get(cls.__module__)
    name = getattr(module, "__file__", None)
    files = [code.co_filename for code in class_codes(cls)]
    for candidate in [name and inspect.getsourcefile(module), *files]:
        if candidate == "<stdin>":
            from . import history
            return history.lines_of_class(cls)
        lines = candidate and file_lines(candidate, getattr(module, "__dict__", None))
        if lines:
            return lines
    for code in class_codes(cls):
        if lines := code_lines(code):
            return lines
    if cls.__module__ == "__main__" and getattr(sys, "ps1", None):
        from . import history
        return history.lines_of_class(cls)
    raise OSError(f"source of {cls.__module__}.{cls.__qualname__}: there is none; a class that exec() "
                  "made is kept by nobody")


def class_codes(cls):
    for value in vars(cls).values():
        code = code_of(unwrap(value))
        if isinstance(code, types.CodeType) and code.co_name != "<lambda>":
            qualname = getattr(code, "co_qualname", None) or getattr(unwrap(value), "__qualname__", "")
            if qualname.startswith(cls.__qualname__ + "."):
                yield code


def find_class(cls):
    lines = module_lines(cls)
    tree = parse(lines, cls.__qualname__)
    path = [part for part in cls.__qualname__.split(".") if part != "<locals>"]
    candidates = []
    for node, parents in walk(tree):
        names = [parent.name for parent in parents if isinstance(parent, DEFINITIONS)]
        if isinstance(node, ast.ClassDef) and names + [node.name] == path:
            candidates.append((node, parents))
    if not candidates:
        raise OSError(f"source of {cls.__module__}.{cls.__qualname__}: its file defines no such class")
    node, parents = max(candidates, key=lambda found: _fits(found[0], cls))
    return Found(lines, node, parents)


def _fits(node, cls):
    """How well a class statement fits a class, where there are several of the name; the later wins."""
    first = vars(cls).get("__firstlineno__")
    begins = {code.co_firstlineno for code in class_codes(cls)}
    defined = {first_line(child) for child in node.body if isinstance(child, FUNCTIONS)}
    bound = {child.name for child in node.body if isinstance(child, DEFINITIONS)}
    for child in node.body:
        for target in getattr(child, "targets", [getattr(child, "target", None)]):
            if isinstance(target, ast.Name):
                bound.add(target.id)
    own = {name for name in vars(cls) if not name.startswith("__")}
    values = sum(1 for child in node.body if isinstance(child, ast.Assign)
                 and isinstance(child.value, ast.Constant)
                 and isinstance(child.targets[0], ast.Name)
                 and vars(cls).get(child.targets[0].id, child) == child.value.value)
    return first == first_line(node), begins <= defined, bound & own == own, values, node.lineno
