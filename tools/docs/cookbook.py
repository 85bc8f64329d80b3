# SPDX-License-Identifier: MIT
"""The cookbook: each example of the documents in C, for shells and in Python, side by side.

Nothing is written here: an example in C says in its first comment which parts of the documents it
does; the one for shells has the same name; Python is what stands in the document. All three are run
by the tests.
"""
import re
from dataclasses import dataclass

from headers import ROOT
from rst import indented, title

DOCUMENTS = ROOT / "tests" / "python" / "documents"
NAMED = re.compile(r"(?<![\w-])(tempfile-guide|tempfile-deep-dive|tempfile-overview|dill-temp)\.md"
                   r"((?:\"[^\"]*\"|[^.;:\"]|\.(?!\s|$))*)")

# Why a recipe has nothing for shells.
NO_SHELL = {
    "dump_load": "Values are dumped by programs; a shell looks into them: see :doc:`pickles` and :doc:`values`.",
    "file_handles": "A shell has redirections and no handles.",
    "limits": "A shell has ``ulimit -f`` for files; the limits of directories are the library's.",
    "session": "A session is a program's values; there is no command for it.",
    "session_kept": "A session is a program's values; there is no command for it.",
    "source_buffer": "What goes through a buffer here goes through a file or a pipe: see :doc:`source_code`.",
    "source_names": "``mayfly source --long`` tells the same of a program: see :doc:`source_code`.",
    "spooled": "A pipe is a shell's memory, and ``mayfly write`` a spool that ends in a file: see :doc:`atomic_write`.",
    "testing_by_hand": "See :doc:`testing`: a test of a shell's has no other way.",
    "text": "Shells leave encodings to ``iconv``, which writes to a file by ``mayfly write``: see :doc:`atomic_write`.",
}


@dataclass
class Block:
    document: str
    heading: str
    code: str

    def is_named(self, document, words):
        if document != self.document:
            return False
        quoted = re.findall(r'"([^"]+)"', words)
        plain = re.findall(r"\w+", re.sub(r'"[^"]+"', " ", words))
        defined = re.findall(r"^(?:class|def) (\w+)", self.code, re.M)
        return self.heading in quoted or any(word in defined for word in plain) or any(
            quote in self.heading for quote in quoted)


def blocks():
    for path in sorted(DOCUMENTS.glob("*.md")):
        heading = ""
        for found in re.finditer(r"^#+ ([^\n]*)$|^```python\n(.*?)^```$", path.read_text(), re.M | re.S):
            if found[1]:
                heading = found[1].strip()
            else:
                yield Block(path.stem, heading, found[2])


def said(path):
    """An example's first comment: what it says in one line, and what is indented in it, how it is called."""
    comment = re.match(r"/\*(.*?)\*/", path.read_text(), re.S)[1]
    lines = [re.sub(r"^ ?\* ?", "", line).rstrip() for line in comment.split("\n")]
    lines = [line for line in lines if line and not line.strip().startswith("SPDX")]
    calls = [line.strip() for line in lines if line.startswith("    ")]
    return " ".join(line.strip() for line in lines if not line.startswith("    ")), calls


@dataclass
class Recipe:
    name: str
    text: str
    calls: list
    python: list

    @property
    def heading(self):
        first = re.split(r"[:.;]", self.text)[0].strip()
        return first if len(first) < 70 else self.name.replace("_", " ").capitalize()

    @property
    def about(self):
        """What stands behind the heading; what the documents are stands on the first page."""
        rest = self.text.removeprefix(self.heading + ":").strip()
        rest = f"As in {rest}" if NAMED.match(rest) else rest[:1].upper() + rest[1:]
        return rest


def recipes():
    found = list(blocks())
    for path in sorted((ROOT / "examples").glob("*.c")):
        text, calls = said(path)
        named = NAMED.findall(text)
        yield Recipe(path.stem, text, calls, [b for b in found if any(b.is_named(d, w) for d, w in named)])


# In the order in which they are looked for; one that is in none of these fails the build.
GROUPS = {
    "Files and directories": "files directories file_handles spooled text locations low_level secret limits",
    "Until everything is done, or nothing": "atomic_write workspace manager hand_over archive nothing_left processes",
    "Output, caches and tables": "capture capture_large cache cache_values chunks chunk_statistics batches by_hand",
    "Data": "dump_load values pickles pickle_streams python_objects session session_kept serialization_benchmark",
    "Source": "source_code source_buffer source_names",
    "Tests and measuring": "testing testing_by_hand performance",
}

# What a reader of the cookbook has to know first.
ABOUT = """What four guides to Python's tempfile and to dill.temp do, in C, for shells, and in Python as it stands
there, side by side; all of it is run by the tests. The guides, which the recipes name and of which the
Python is, are tempfile-guide.md, tempfile-deep-dive.md, tempfile-overview.md and dill-temp.md; they
lie in tests/python/documents of the source.
"""
SHARED = f"""{title("What the examples in C share", "-")}
``try(...)`` ends the program with the error's sentence if a call has failed, ``expect(...)`` says what must
be so. They are in example.h, which stands beside the examples:

.. literalinclude:: /examples/example.h
   :language: c
   :start-at: #include
   :end-before: #endif
"""
EXAMPLE = ":doc:`try and expect <index>` are in example.h.\n\n"


RUN = "As it stands, run by ``python3 -m mayfly script.py`` or after ``mayfly.install()``.\n\n"
RUN_DILL = "As it stands, run by ``python3 -m mayfly --dill script.py`` or after ``mayfly.install(dill=True)``.\n\n"


def grouped(found):
    """[(heading, [names])] of all recipes."""
    groups = {heading: names.split() for heading, names in GROUPS.items()}
    odd = {recipe.name for recipe in found} ^ {name for names in groups.values() for name in names}
    if odd:
        raise SystemExit(f"cookbook: GROUPS and the examples differ in {', '.join(sorted(odd))}")
    return groups.items()


def tab(name, body):
    return f".. tab:: {name}\n\n{indented(body)}\n"


def page(recipe, names):
    about = NAMED.sub(lambda found: f":doc:`{found[1]}.md <index>`" + found[2], names.inline(recipe.about))
    out = [title(recipe.heading), about + "\n"]
    if recipe.calls:
        out.append(".. code-block:: text\n\n" + indented("\n".join(recipe.calls)) + "\n")
    shares = '"example.h"' in (ROOT / "examples" / f"{recipe.name}.c").read_text()
    out.append(tab("C", f"{EXAMPLE if shares else ''}.. literalinclude:: /examples/{recipe.name}.c\n   :language: c\n"
                        "   :start-at: #include"))
    if (ROOT / "examples" / "shell" / f"{recipe.name}.sh").exists():
        out.append(tab("Shell", f".. literalinclude:: /examples/shell/{recipe.name}.sh\n"
                                "   :language: sh\n   :lines: 2-"))
    else:
        out.append(tab("Shell", NO_SHELL[recipe.name]))
    if recipe.python:
        how = RUN_DILL if any(b.document == "dill-temp" for b in recipe.python) else RUN
        body = how + "\n".join(f"From {b.document}.md, *{b.heading}*:\n\n.. code-block:: python\n\n"
                         f"{indented(b.code)}" for b in recipe.python)
        out.append(tab("Python", body))
    return "\n".join(out)
