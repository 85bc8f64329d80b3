# SPDX-License-Identifier: MIT
"""The public headers: what each declares, and what is said of it.

A header is a list of groups, each a comment with all that is declared under it up to the next one.
The house rules, the manual pages, the site and the list of what is missing are made from this, so
that a new header is in all of them.
"""
import pathlib
import re
import textwrap
from dataclasses import dataclass, field

from comments import Comment, parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
RULE = re.compile(r"/\* -{4} (.*?) -+ \*/")


@dataclass
class Function:
    name: str             # as a program calls it: mayfly_mkstemp
    symbol: str           # as the library exports it: mayfly_mkstemp_sized
    result: str           # "int", "const char *"
    parameters: list      # [(type, name)]; a pointer to a function has all of it as its type
    deprecated: bool

    @property
    def can_fail(self):
        return any("mayfly_error *" in kind for kind, _ in self.parameters)

    @property
    def is_scope(self):
        return self.name.endswith("_auto")


@dataclass
class Type:
    name: str             # "" where an enum has none
    kind: str             # struct, enum, type
    code: str             # as it stands in the header
    values: list          # an enum's names


@dataclass
class Macro:
    name: str
    code: str


@dataclass
class Group:
    comment: Comment
    section: str
    items: list = field(default_factory=list)
    inherits: object = None   # the group that "as above" means

    def of(self, kind):
        return [item for item in self.items if isinstance(item, kind)]

    def section_of(self, label):
        """What a comment says under a label, or the one above it to which it refers."""
        found = self.comment.sections.get(label)
        if found is None and self.comment.as_above and self.inherits:
            return self.inherits.section_of(label)
        return found


@dataclass
class Header:
    path: pathlib.Path
    comment: Comment
    groups: list

    @property
    def name(self):       # "file"
        return self.path.stem

    @property
    def include(self):    # "mayfly/file.h"
        return str(self.path.relative_to(next(
            p for p in self.path.parents if p.name == "include")))

    @property
    def page(self):       # "mayfly_file"
        return "mayfly_" + self.name

    @property
    def summary(self):    # the first sentence, without its full stop
        first = next((text for kind, text in self.comment.blocks if kind == "text"), self.name)
        return re.split(r"(?<=[^.])\.(?:\s|$)", without_rows(first))[0].rstrip(":.")

    def of(self, kind):
        return [item for group in self.groups for item in group.of(kind)]

    @property
    def functions(self):
        return self.of(Function)


def without_rows(text):
    """Without the numbers that the specification gives to what is wanted."""
    row = r"(?:rows?|contract) [A-Z]\d(?:(?:, | and | to |-)[A-Z]\d)*(?: for C)?"
    text = re.sub(rf"\s*\({row}\)", "", text)
    return re.sub(rf"\({row}[;,]\s*", "(", text)


def without_comments(code):
    return re.sub(r"/\*.*?\*/", " ", code, flags=re.S)


def split_at(text, mark):
    """Splits at a character that is in no parentheses, brackets or braces."""
    depth, start, parts = 0, 0, []
    for at, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == mark and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def pieces(text):
    """Comments, directives and declarations of a header, in order."""
    at, end = 0, len(text)
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if at >= end:
            return
        if text.startswith("/*", at):
            stop = text.index("*/", at) + 2
            behind = text[:at].rsplit("\n", 1)[-1].strip()
            kind = "trailing" if behind else "comment"
        elif text[at] == "#":
            stop = re.compile(r"(?:\\\n|/\*.*?\*/|[^\n])*", re.S).match(text, at).end()
            kind = "directive"
        else:
            stop, kind = end_of_declaration(text, at)
        yield kind, text[at:stop]
        at = stop


def end_of_declaration(text, at):
    word = re.compile(r"MAYFLY_(BEGIN|END)_DECLS").match(text, at)
    if word:
        return word.end(), "mark"
    depth = 0
    for part in re.compile(r"/\*.*?\*/|[{}();]|[^/{}();]+|/", re.S).finditer(text, at):
        depth += (part[0] in "({") - (part[0] in ")}")
        if part[0] == ";" and depth == 0:
            return part.end(), "declaration"
    raise ValueError("a declaration without an end: " + text[at:at + 60])


def parameter(text):
    found = re.match(r"(.*\(\s*\*\s*)(\w+)(\)\s*\(.*)$", text, re.S)
    if found:
        return found[1] + found[2] + found[3], found[2]
    found = re.match(r"(.*?)(\w+)((?:\[\w*\])*)$", text, re.S)
    return (found[1].strip() + found[3], found[2]) if found[1].strip() else (text, "")


def function(code, sized):
    """A function as it is called: what a macro puts in front is not among its parameters."""
    deprecated = "deprecated" in code
    code = re.sub(r"__attribute__\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)", " ", code)
    code = " ".join(re.sub(r"\bMAYFLY_(API|MUST_CHECK)\b", " ", code).split())
    found = re.match(r"(.*?)(mayfly_\w+)\s*\((.*)\)\s*;$", code)
    symbol = found[2]
    parameters = [parameter(" ".join(p.split())) for p in split_at(found[3], ",")]
    name = symbol.removesuffix("_sized")
    if name != symbol and name in sized:
        parameters = parameters[sized[name]:]
    return Function(name, symbol, found[1].strip(), parameters, deprecated)


def type_of(code):
    plain = " ".join(without_comments(code).split())
    body = re.search(r"\{(.*)\}\s*(\w*)\s*;$", plain)
    function_type = re.match(r"typedef [^{]*?\(?\*?\b(mayfly_\w+)\)?\s*\(", plain)
    if body:
        kind = "enum" if re.match(r"(typedef )?enum\b", plain) else "struct"
        tag = re.match(r"(?:typedef )?(?:enum|struct) (\w+)", plain)
        values = [re.match(r"\w+", v)[0] for v in split_at(body[1], ",")
                  if re.match(r"\w+(\s*=|$)", v)] if kind == "enum" else []
        return Type(body[2] or (tag[1] if tag else ""), kind, code, values)
    if function_type:
        return Type(function_type[1], "type", code, [])
    return Type(re.search(r"(\w+)\s*;$", plain)[1], "type", code, [])


def define(code, sized):
    """Notes how many sizes a macro of a function passes on; other macros are items."""
    found = re.match(r"#\s*define\s+(\w+)(\([^)]*\))?\s*(.*)$", code.replace("\\\n", " "), re.S)
    if not found or found[1].endswith(("_H", "_")):
        return None
    name, body = found[1], found[3]
    if re.match(rf"{name}_sized\s*\(", body):
        sized[name] = body.count("sizeof(")
        return None
    if name in ("MAYFLY_API", "MAYFLY_MUST_CHECK", "MAYFLY_BEGIN_DECLS", "MAYFLY_END_DECLS",
                "MAYFLY_ERROR_ENUM"):
        return None
    return Macro(name, re.sub(r"[ \t]+\\\n", " \\\n", code))


def item(kind, code, sized):
    if kind == "directive":
        return define(code, sized)
    if "MAYFLY_API" in code:
        return function(without_comments(code), sized)
    return type_of(textwrap.dedent(code))


def read(path):
    header, above, section, sized = Header(path, Comment(), []), None, "", {}
    first = True
    for kind, code in pieces(path.read_text()):
        rule = RULE.fullmatch(code)
        if rule:
            section = rule[1]
        elif kind == "comment" and first:
            header.comment, first = parse(code), False
            header.groups.append(Group(Comment(), ""))
        elif kind == "comment":
            header.groups.append(Group(parse(code), section, [], above))
        elif kind in ("directive", "declaration"):
            made = item(kind, code, sized)
            if made:
                header.groups[-1].items.append(made)
            if isinstance(made, Function):
                above = header.groups[-1]
    header.groups = [g for g in header.groups if g.items or g.comment.blocks]
    return header


def read_all(folder=INCLUDE):
    return [read(path) for path in sorted(folder.glob("mayfly/*.h"))]
