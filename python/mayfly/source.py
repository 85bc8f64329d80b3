# SPDX-License-Identifier: MIT
"""The source of live objects, a drop-in for dill.source.

    getsource(obj)     the lines that define it
    importable(obj)    text that gives the object when it is executed: an import, or source that stands
                       alone, with all that the object uses
    getname(obj)       what it is called

Definitions are found by Python's own parser and compiler (_source.find), and what they use by what the compiler
says they look up (_source.text).
"""
import ast
import io
import linecache
import tokenize
import types

from ._source import find as _find
from ._source.names import (getimport, getname, import_line as _getimport, isdynamic, isfrommain,
                            isbuiltin as _isbuiltin, isinstance_of_class as _isinstance,
                            namespace as _namespace, outermost as _outermost)

__all__ = ["findsource", "getsourcelines", "getsource", "indent", "outdent", "_wrap", "dumpsource",
           "getname", "_namespace", "getimport", "_importable", "importable", "isdynamic", "isfrommain"]


def findsource(object):
    """All lines of the object's file, and the number of the one it begins on, from 0."""
    if isinstance(object, types.ModuleType):
        lines = linecache.getlines(getattr(object, "__file__", None) or "", vars(object))
        if not lines:
            raise OSError(f"source of module {object.__name__}: there is none")
        return lines, 0
    found = _find_of(object)
    return found.lines, found.first


def _find_of(object):
    target = _find.unwrap(object)
    if isinstance(target, type) or _find.code_of(target) is not None:
        if isinstance(target, type) and target.__module__ == "builtins":
            raise TypeError(f"source of {target!r}: it is not written in Python")
        return _find.find(target)
    if _isinstance(object):
        return _find.find(type(object))
    raise TypeError(f"source of {object!r:.60}: a {type(object).__name__} is not defined by source")


def _enclosing(found):
    """The function at the top within which a definition stands."""
    for parent in found.parents:
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return _find.Found(found.lines, parent, found.parents[:1])
    return found


def getblocks(object, lstrip=False, enclosing=False, locate=False):
    """The lines of the object's definition, in a list; with `locate` also where they begin."""
    if isinstance(object, types.ModuleType):
        lines, first = findsource(object)
        block = list(lines)
    else:
        found = _find_of(object)
        if enclosing:
            found = _enclosing(found)
        first = found.first
        block = found.lines[first:found.statement.end_lineno]
    if lstrip:
        block = outdent("".join(block)).splitlines(keepends=True)
    return ([block], [first]) if locate else [block]


def getsourcelines(object, lstrip=False, enclosing=False):
    """The lines of an object's definition, and the number of the first, from 1 (0: a module).

    `lstrip` takes its indentation away; `enclosing` gives the whole function within which it stands.
    """
    blocks, numbers = getblocks(object, lstrip, enclosing, locate=True)
    return blocks[-1], 0 if isinstance(object, types.ModuleType) else numbers[-1] + 1


def getsource(object, alias="", lstrip=False, enclosing=False, force=False, builtin=False):
    """The text that defines an object; of an instance, its class's.

    With `alias` the text gives the object that name, too. With `force`, what is not defined by source is said
    by an import or an expression. OSError: there is no source, and why.
    """
    direct = not _isinstance(object) and not isinstance(object, types.ModuleType)
    try:
        if force and not direct and not isinstance(object, types.ModuleType):
            return _alone(object, alias)
        text = "".join(getsourcelines(object, lstrip or bool(alias), enclosing)[0])
    except TypeError:
        if not force:
            raise
        return _say(object, alias, builtin)
    text = text if text.endswith("\n") else text + "\n"
    name = getname(object)
    if not alias or not direct or alias == name:
        return text
    if getattr(object, "__name__", "") == "<lambda>":
        return f"{alias} = {text.lstrip()}"
    return f"{text}\n{alias} = {name}\n"


def _say(object, alias, builtin):
    if _isbuiltin(object) or isinstance(object, types.ModuleType):
        return getimport(object, alias, builtin=builtin)
    return _alone(object, alias)


def _alone(object, alias=""):
    """Text that stands alone."""
    from ._source.text import Text
    text = Text()
    target = object
    if isinstance(object, types.MethodType) and isinstance(object.__self__, type):
        alias = alias or object.__name__
    name = alias or getname(object) or ""
    kind = getattr(type(object), "__name__", "")
    if not name.isidentifier():
        name = "_object"
    if isinstance(object, types.FunctionType) and object.__name__ == "<lambda>":
        return _alone_lambda(text, object, alias, name)
    made = text.made_by_decorator(object) if isinstance(object, types.FunctionType) else None
    if isinstance(object, (types.FunctionType, type)):
        own = made.node.name if made else object.__name__ if object.__name__.isidentifier() else name
        text.define(own, target, own)
        last = "" if not alias or alias == own else f"\n{alias} = {own}\n"
        return text.text() + last
    value = text.expression(target, kind if not alias else alias)
    before = text.text()
    given = f"{alias} = " if alias else ""
    return f"{before}{given if alias != value else ''}{value}\n"


def _alone_lambda(text, object, alias, name):
    own = getname(object)
    text.define(own or name, object, own or "a lambda")
    block = text.blocks[-1]
    if alias and alias != own and own and block.startswith(f"{own} ="):
        text.blocks[-1] = f"{alias} = {block}"
    return text.text()


def importable(obj, alias="", source=None, builtin=True):
    """Text that gives the object: executed, it defines it under its name, or `alias`.

    `source` True: by source that stands alone; False: by an import; None: by source what is defined
    in __main__, by an import all else. What cannot be said in the one way is tried in the other.
    OSError: it can be said in neither, and why.
    """
    if source is None:
        source = isfrommain(obj)
    elif builtin and _isbuiltin(obj):
        source = False
    ways = (_by_source, _by_import) if source else (_by_import, _by_source)
    try:
        return ways[0](obj, alias, builtin)
    except (OSError, ImportError, TypeError, SyntaxError, AttributeError) as first:
        if source and isinstance(first, OSError) and not _can_import(obj):
            raise
        try:
            return ways[1](obj, alias, builtin)
        except (ImportError, TypeError, SyntaxError, AttributeError):
            if isinstance(first, OSError):
                raise first from None
            raise


def _can_import(obj):
    from ._dill.reduce import is_importable
    return is_importable(_find.unwrap(obj)) or _isbuiltin(obj)


def _by_source(obj, alias, builtin):
    if isinstance(obj, types.ModuleType) or _isbuiltin(obj):
        raise TypeError(f"source of {obj!r:.60}: it is imported")
    return _alone(obj, alias)


def _by_import(obj, alias, builtin):
    from ._dill.reduce import resolve
    if not _isinstance(obj):
        target = _bound_name(obj) or obj
        if isinstance(target, str):
            return _getimport(obj.__module__, target, alias)
        return getimport(obj, alias, verify=False, builtin=builtin)
    name = getname(obj, force=True)
    if not name:
        raise TypeError(f"import of {obj!r:.60}: an instance is not imported")
    head = name.partition("(")[0]
    module = type(obj).__module__
    # numpy's array(...) is what makes an ndarray.
    for path in (module.partition(".")[0], module):
        if head.isidentifier() and resolve(path, head) is not None:
            given = f"{alias} = " if alias else ""
            return f"from {path} import {head}\n{given}{name}\n"
    raise TypeError(f"import of {obj!r:.60}: its repr is no Python")


def _bound_name(obj):
    """What a module calls a function that a decorator or factory made; None if its own name is right."""
    from ._dill.reduce import is_importable
    names = getattr(obj, "__globals__", None)
    if not names or is_importable(obj) or names.get(getattr(obj, "__name__", "")) is obj:
        return None
    return next((name for name, value in names.items() if value is obj and not name.startswith("_")),
                None)


def _importable(obj, alias="", source=None, enclosing=False, force=True, builtin=True, lstrip=True):
    """As importable(), without what the object uses."""
    if source is None:
        source = isfrommain(obj)
    obj = (_outermost(obj) or obj) if enclosing else obj
    try:
        if source:
            return getsource(obj, alias, lstrip=lstrip, force=force, builtin=builtin)
        return _by_import(obj, alias, builtin)
    except (OSError, ImportError, TypeError, SyntaxError):
        if source:
            return _by_import(obj, alias, builtin)
        return getsource(obj, alias, lstrip=lstrip, force=force, builtin=builtin)


def getimportable(obj, alias="", byname=True, explicit=False):
    return importable(obj, alias, source=not byname, builtin=explicit)


def likely_import(obj, passive=False, explicit=False):
    return getimport(obj, verify=not passive, builtin=explicit)


def _likely_import(first, last, passive=False, explicit=True):
    return _getimport(first, last, verify=not passive, builtin=explicit)


_get_name = getname
for _function in getname, getimport, isfrommain, isdynamic:
    _function.__module__ = __name__


def _matchlambda(func, line):
    """Whether a line of source has this lambda in it."""
    try:
        tree = ast.parse(line.strip())
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Lambda) and _find.compiles_to(node, func.__code__)
               for node, _ in _find.walk(tree))


def _strings(text):
    """The numbers of lines, from 0, that begin within a string: they are not ours to move."""
    inside = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            name = tokenize.tok_name[token.type]
            if name in ("STRING", "FSTRING_MIDDLE", "TSTRING_MIDDLE"):
                inside.update(range(token.start[0], token.end[0]))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return inside


def indent(code, spaces=4):
    """Moves a block of code to the right; lines within strings and empty ones stay."""
    margin = spaces if isinstance(spaces, str) else " " * spaces
    inside = _strings(outdent(code))
    lines = code.split("\n")
    return "\n".join(margin + line if line.strip() and number not in inside else
                     line if number in inside else "" for number, line in enumerate(lines))


def outdent(code, spaces=None, all=True):
    """Moves a block of code to the left, by the indentation of its first line or less."""
    lines = code.split("\n")
    margin = len(lines[0]) - len(lines[0].lstrip())
    if spaces is None or spaces > margin or spaces < 0:
        spaces = margin
    if not all:
        return code[spaces:]
    inside = _strings("if 1:\n" + code) if margin else set()
    return "\n".join(line if number + 1 in inside else
                     line[min(spaces, len(line) - len(line.lstrip())):]
                     for number, line in enumerate(lines))


def _wrap(f):
    """A function that calls what importable() makes of `f`."""
    import functools
    space = {}
    exec(importable(f, alias="_", source=False if _can_import(f) else None), space)

    @functools.wraps(f)
    def func(*args, **kwds):
        return space["_"](*args, **kwds)
    return func


def dumpsource(object, alias="", new=False, enclose=True):
    """Source that has the object as a pickle in it, for mayfly or dill to load."""
    from . import _engine
    data = _engine.dumps(object)
    given = f"{alias} = " if alias else ""
    if new and _isinstance(object):
        before = getsource(type(object), lstrip=True, force=True)
        module = type(object).__module__.encode()
        return (f"import mayfly\n{before}{given}mayfly.loads({data!r}.replace({module!r}, "
                "__name__.encode()))\n")
    if not enclose:
        return f"import mayfly\n{given}mayfly.loads({data!r})\n"
    return (f"def _load():\n    import mayfly\n    return mayfly.loads({data!r})\n\n"
            f"{given}_load(); del _load\n")
