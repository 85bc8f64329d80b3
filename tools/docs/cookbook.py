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
    """An example's first comment, in one line."""
    comment = re.match(r"/\*(.*?)\*/", path.read_text(), re.S)[1]
    lines = [re.sub(r"^ ?\* ?", "", line).rstrip() for line in comment.split("\n")]
    return " ".join(line.strip() for line in lines if line and not line.startswith("SPDX")
                    and not line.strip().startswith("SPDX")).strip()


@dataclass
class Recipe:
    name: str
    text: str
    python: list

    @property
    def heading(self):
        first = re.split(r"[:.;]", self.text)[0].strip()
        return first if len(first) < 70 else self.name.replace("_", " ").capitalize()


def recipes():
    found = list(blocks())
    for path in sorted((ROOT / "examples").glob("*.c")):
        text = said(path)
        named = NAMED.findall(text)
        yield Recipe(path.stem, text, [b for b in found if any(b.is_named(d, w) for d, w in named)])


RUN = "As it stands, run by ``python3 -m mayfly script.py`` or after ``mayfly.install()``.\n\n"
RUN_DILL = "As it stands, run by ``python3 -m mayfly --dill script.py`` or after ``mayfly.install(dill=True)``.\n\n"


def tab(name, body):
    return f".. tab:: {name}\n\n{indented(body)}\n"


def page(recipe, names):
    out = [title(recipe.heading), names.inline(recipe.text) + "\n"]
    out.append(tab("C", f".. literalinclude:: /examples/{recipe.name}.c\n   :language: c\n"
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
