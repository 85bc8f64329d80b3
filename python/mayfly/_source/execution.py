# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Source that is loaded: executed, and remembered, so that its functions' source is found again."""
import io
import itertools
import linecache
import os
import sys
import tokenize
import types

_numbers = itertools.count(1)


def decode(text):
    """The text of source given as bytes: as the file itself says in its first lines."""
    if isinstance(text, str):
        return text
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
        return text.decode(encoding)
    except UnicodeDecodeError as error:
        raise SyntaxError(f"load_source: byte {error.start} is no {error.encoding}") from error


def name_in(text):
    """What the last line says the object is called; None if it says nothing."""
    words = text.rstrip().rpartition("\n")[2].split()
    return words[1] if len(words) == 2 and words[0] == "#NAME:" else None


def run(text, path, alias):
    text = decode(text)
    name = alias or name_in(text)
    number = next(_numbers)
    where = f"<source {number}>" if path is None else os.fsdecode(path)
    code = compile(text, where, "exec", dont_inherit=True)
    # The file may go before somebody asks; no time of modification keeps linecache from looking.
    linecache.cache[where] = len(text), None, text.splitlines(keepends=True), where
    module = types.ModuleType(f"__source_{number}__")
    module.__file__ = where
    space = vars(module)
    # While it is executed it is found by its name: dataclasses look there for what annotations say.
    sys.modules[module.__name__] = module
    try:
        exec(code, space)
    finally:
        del sys.modules[module.__name__]
    if not name:
        return space
    try:
        return eval(name, space)
    except NameError:
        raise NameError(f"load_source {where!r}: it defines no {name!r}") from None
