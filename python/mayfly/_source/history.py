# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Source of what was typed at Python's prompt, up to Python 3.12: readline's history has it.

Later Pythons keep it where files' source is kept. The last block that compiles to the function's code is
the function's; a line that only looks alike is not.
"""
import ast
import sys


def _history():
    readline = sys.modules.get("readline")
    if readline is None:
        return []
    count = readline.get_current_history_length()
    return [(readline.get_history_item(number) or "") + "\n" for number in range(1, count + 1)]


def _blocks(lines):
    """Statements, the last typed first: a line that begins one, and those that belong to it."""
    for start in range(len(lines) - 1, -1, -1):
        if lines[start][:1] in " \t\n#)]}":
            continue
        end = start + 1
        while end < len(lines) and (lines[end][:1] in " \t\n)]}" or lines[start][:1] == "@"):
            end += 1
            if lines[start][:1] == "@" and end < len(lines) and lines[end - 1][:1] not in "@ \t":
                while end < len(lines) and lines[end][:1] in " \t\n":
                    end += 1
                break
        block = lines[start:end]
        try:
            yield block, ast.parse("".join(block))
        except (SyntaxError, ValueError):
            continue


def lines_of(code):
    from .find import FUNCTIONS, compiles_to, walk
    for block, tree in _blocks(_history()):
        for node, _ in walk(tree):
            if isinstance(node, FUNCTIONS) and getattr(node, "name", "<lambda>") == code.co_name \
                    and compiles_to(node, code):
                return block
    return []


def lines_of_class(cls):
    for block, tree in _blocks(_history()):
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                return block
    raise OSError(f"source of {cls.__qualname__}: it is not in what was typed")
