# SPDX-License-Identifier: MIT
"""What is written in the comments of the public headers, as blocks that any page can be made of.

A block is one of
    ("text", string)                    a paragraph
    ("code", string)                    lines as they stand
    ("terms", [(term, string), ...])    a word or a few, and what is said of them
A comment has blocks, and sections that begin with one of LABELS. Lines are broken at 100 columns in
the headers: what would have fitted on the line before was broken on purpose, and begins anew.
"""
import re
from dataclasses import dataclass, field

LABELS = ("Returns", "Ownership", "Errors", "Costs", "Safety", "Since")
WIDTH = 100
INLINE = re.compile(r"(?<=[^\s`(])\s+(?=(?:%s):(?:\s|$))" % "|".join(LABELS))
LABEL = re.compile(r"(%s)(:?)(?:\s+|$)" % "|".join(LABELS))
TERM = re.compile(r"( {0,3})(\S{1,36}(?: \S+){0,3}) {2,}(\S.*)$")
CODE = r"(?:-E[A-Z0-9]+|MAYFLY_E_[A-Z]+)"
CODES = re.compile(rf"({CODE}(?:, (?:{CODE}|\.\.\.))*)(?:(?: ?:)?\s+(.*))?$")


@dataclass
class Comment:
    blocks: list = field(default_factory=list)
    sections: dict = field(default_factory=dict)  # Errors: [(codes or "", text)]; else a string

    @property
    def as_above(self):
        said = self.text + " " + " ".join(when for _, when in self.sections.get("Errors", []))
        return re.search(r"\bas above\b", said) is not None

    @property
    def text(self):
        return " ".join(text for kind, text in self.blocks if kind == "text")


def strip(comment):
    """The lines of a comment without its frame."""
    lines = comment.strip().removeprefix("/*").removesuffix("*/").rstrip().split("\n")
    lines = [re.sub(r"^ ?\* ?", "", line).rstrip() if i else line.strip()
             for i, line in enumerate(lines)]
    if lines and lines[0].startswith("SPDX-"):
        lines = lines[1:]
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def indent(line):
    return len(line) - len(line.lstrip(" "))


def was_full(line, following):
    """Whether the first word of the following line had no room on this one."""
    return bool(line and following) and (
        len(line) + len(" * ") + 1 + len(following.split()[0]) > WIDTH - 4)


def apart(lines):
    """(line, whether it continues the one before): labels within a line get one of their own."""
    inside, before = False, ""
    for line in lines:
        code = indent(line) >= 4 and not inside
        inside = bool(line) and (inside or not code)
        first, *rest = [line] if code else INLINE.split(line)
        yield first, was_full(before, line)
        yield from ((part, False) for part in rest)
        before = line


class Reader:
    """Goes over the lines once; `self.item` takes another line of what was said last."""

    def __init__(self, lines):
        self.lines = list(apart(lines))
        self.comment = Comment()
        self.item = None
        self.base = 0          # lines further in than this continue the item
        self.label = None
        self.column = 0
        self.before = ""
        self.full = False      # the line continues the one before

    def read(self):
        for at, (line, self.full) in enumerate(self.lines):
            self.one(line, first=at == 0)
            self.before = line
        for label, lines in self.comment.sections.items():
            self.comment.sections[label] = errors(lines) if label == "Errors" else "; ".join(
                line.rstrip(".") if i < len(lines) - 1 else line for i, line in enumerate(lines))
        return self.comment

    def one(self, line, first):
        found = LABEL.match(line)
        if not line:
            self.item = self.label = None
        elif found and (found[2] or (found[1] == "Returns" and not first)):
            self.begin_section(line, found)
        elif self.label:
            self.in_section(line)
        elif self.item and indent(line) > self.base:
            self.item(line.strip(), self.full)
        elif indent(line) >= 4:
            self.code(line)
        else:
            self.prose(line)

    def begin_section(self, line, found):
        self.label, self.item = found[1], None
        self.column = found.end() if found[2] else 1
        text = line if not found[2] else line[found.end():]
        self.comment.sections.setdefault(self.label, []).append(text)

    def in_section(self, line):
        lines = self.comment.sections[self.label]
        deep, full = indent(line), self.full
        aligned = self.column > len(self.label) + 2
        if deep == 0 and (not full or (aligned and line[0].isupper() and not re.match(CODE, line))):
            self.label = None
            self.prose(line)
        elif self.label == "Errors" and deep in (0, self.column) and (
                not full or re.match(CODE, line.strip())):
            lines.append(line.strip())
        else:
            lines[-1] += " " + line.strip()

    def code(self, line):
        blocks = self.comment.blocks
        if blocks and blocks[-1][0] == "code":
            gap = "\n\n" if not self.before else "\n"
            blocks[-1] = ("code", blocks[-1][1] + gap + line[4:])
        else:
            blocks.append(("code", line[4:]))

    def prose(self, line):
        blocks = self.comment.blocks
        found = TERM.match(line)
        if found:
            entry = [found[2], found[3]]
            if not blocks or blocks[-1][0] != "terms" or not self.before:
                blocks.append(("terms", []))
            blocks[-1][1].append(entry)
            self.base = len(found[1])

            def more(text, full):
                entry[1] += (" " if full or not text[:1].isupper() else "\n") + text
            self.item = more
        elif self.item and self.full:
            self.item(line.strip(), True)
        elif blocks and blocks[-1][0] == "text" and self.before and indent(line) < 4:
            blocks[-1] = ("text", blocks[-1][1] + " " + line.strip())
        else:
            self.item = None
            blocks.append(("text", line.strip()))


def errors(lines):
    """(codes, when) for each; codes are "" where none is named."""
    entries = []
    for line in lines:
        for part in re.split(rf" ?; (?={CODE}|what |as |else )|\. (?=All |The |There )", line):
            part = part.rstrip(".;")
            found = CODES.match(part)
            entries.append((found[1], found[2] or "") if found else ("", part))
    return entries


def parse(comment):
    return Reader(strip(comment)).read()
