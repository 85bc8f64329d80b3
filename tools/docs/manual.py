#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the manual pages: of the headers, of the command's table, and of pages in docs/.

    tools/docs/manual.py FOLDER [TABLE] [--depfile FILE]

TABLE is what `mayfly help --json` prints; without it there is no mayfly(1). Each header has a page,
and each function a page that leads there, so that `man mayfly_file_close` finds it.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import sys

sys.dont_write_bytecode = True  # nothing is written to where the sources are
import headers  # noqa: E402
import mdoc  # noqa: E402
from headers import ROOT, Function, Macro, Type  # noqa: E402

# Page, section, and what of docs/ it is made of.
PAGES = [("mayfly", "3", "library"), ("mayfly", "1", "command"), ("mayfly-tempfile", "7", "tempfile"),
         ("mayfly-guarantees", "7", "guarantees")]


def inputs():
    return [*sorted(headers.INCLUDE.rglob("*.h")), *sorted(pathlib.Path(__file__).parent.glob("*.py")),
            *(ROOT / "docs" / f"{source}.md" for _, _, source in PAGES), ROOT / "CHANGELOG.md"]


def date():
    """Of the release; before there is one, when something was changed last."""
    released = re.search(r"^## .*(\d{4})-(\d\d)-(\d\d)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    if released:
        day = datetime.date(*map(int, released.groups()))
    else:
        newest = max(path.stat().st_mtime for path in inputs())
        day = datetime.date.fromtimestamp(float(os.environ.get("SOURCE_DATE_EPOCH", newest)))
    return f"{day:%B} {day.day}, {day.year}"


# ---- section 3 -------------------------------------------------------------------------------


def declared(kind, name):
    if "(*" in kind or not name:
        return kind
    kind, brackets = re.fullmatch(r"(.*?)((?:\[\w*\])*)", kind).groups()
    return f"{kind} {name}{brackets}".replace("* ", "*")


def prototype(function):
    parameters = [declared(kind, name) for kind, name in function.parameters]
    # A pointer to a function is given in parts, between which a line may end.
    arguments = "\n".join(" ".join([".Fa", *map(mdoc.word, p.split(", "))]) for p in parameters)
    arguments = re.sub(r'\)"$', r')\\&"', arguments, flags=re.M)  # no trailing delimiter
    return f".Ft {mdoc.word(function.result)}\n.Fo {function.name}\n{arguments}\n.Fc"


def synopsis(header):
    shown = [prototype(f) for f in header.functions if not f.is_scope]
    macros = [m.name for m in header.of(Macro) if m.name.startswith("mayfly_")]
    shown += [f".Fn {name} ..." for name in macros]
    return f".Sh SYNOPSIS\n.In {header.include}\n" + "\n".join(shown)


def label(name, content):
    if name == "Errors":
        if len(content) == 1 and not content[0][0]:
            return name, mdoc.prose(content[0][1])
        return name, mdoc.terms([(codes, mdoc.prose(when) if when else "") if codes
                                 else ("-", mdoc.prose(when)) for codes, when in content])
    content = re.sub(r"^Returns?\b:?\s*", "", headers.without_rows(content)).rstrip(".")
    return name, "\n.br\n".join(mdoc.prose(part) for part in content.split(" | ")) if content else ""


def group(found):
    """What is said of one or several functions, or of a type."""
    parts = [mdoc.blocks(found.comment.blocks)]
    parts += [mdoc.literal(thing.code) for thing in found.of(Type) if "{" in thing.code]
    parts += [mdoc.literal(thing.code) for thing in found.of(Macro)]
    entries = [label(name, content) for name, content in found.comment.sections.items()]
    if entries:
        parts.append(mdoc.terms(entries, "Ownership"))
    said = "\n".join(part for part in parts if part)
    names = [f.name + "()" for f in found.of(Function) if not f.is_scope]
    if not names:
        names = [t.name for t in found.items if getattr(t, "name", "")]
    if not names:
        return f".Pp\n{said}" if said else ""
    return mdoc.terms([(", ".join(names), said)]) if said else ""


def header_page(header, others, day):
    parts = [synopsis(header), ".Sh DESCRIPTION", mdoc.blocks(header.comment.blocks)]
    section = ""
    for found in header.groups:
        if found.section != section:
            section = found.section
            parts.append(f".Ss {mdoc.word(section[0].upper() + section[1:])}")
        parts.append(group(found))
    text = header.path.read_text()
    used = [o for o in others if o is not header and f"<{o.include}>" in text]
    parts.append(mdoc.see_also([("mayfly", 3), ("mayfly-guarantees", 7)] + [(o.page, 3) for o in used]))
    names = [header.page] + [f.name for f in header.functions if not f.is_scope]
    return mdoc.page(header.page, 3, one_line(header.summary), "\n".join(p for p in parts if p),
                     day, sorted(set(names), key=names.index))


def one_line(text):
    first = text.split(" ", 1)[0]
    proper = first.startswith(("CSV", "Python"))
    return mdoc.escape(text if proper else text[0].lower() + text[1:])


def write_headers(folder, day):
    folder.mkdir(parents=True)
    found = headers.read_all()
    pages = {header.page for header in found}
    for header in found:
        (folder / f"{header.page}.3").write_text(header_page(header, found, day))
        linked = [f.name for f in header.functions] + [m.name for m in header.of(Macro)]
        for name in linked:
            if name == header.page:
                continue
            if name in pages:
                raise SystemExit(f"{header.include}: {name} is also the page of another header")
            (folder / f"{name}.3").write_text(f".so man3/{header.page}.3\n")
    return found


# ---- the pages in docs/ ------------------------------------------------------------------------


def option(entry):
    letter = f"Fl {entry['letter']} , " if entry["letter"] else ""
    argument = f" Ar {mdoc.word(entry['argument'])}" if entry["argument"] else ""
    return f".It {letter}Fl Fl {entry['name']}{argument}\n{mdoc.prose(entry['help'])}"


def details(text):
    """The table's paragraphs; what is indented is code."""
    for part in filter(None, re.split(r"\n\n+", text.strip("\n"))):
        rows = part.split("\n")
        run, kind = [], None
        for row in rows:
            new = "code" if row.startswith("  ") else "text"
            if kind and new != kind:
                yield kind, ("\n" if kind == "code" else " ").join(run)
                run = []
            kind = new
            run.append(row[2:].removeprefix("  ") if new == "code" else row)
        if run:
            yield kind, ("\n" if kind == "code" else " ").join(run)


def command(entry):
    said = [f".Ss {mdoc.word('mayfly ' + entry['name'])}"]
    usage = (" [OPTION...]" if entry["options"] else "") + " " + entry["operands"]
    said.append(f".Bd -ragged -compact\n\\fBmayfly {entry['name']}\\fR{mdoc.escape(usage.rstrip())}\n.Ed")
    summary = entry["summary"][0].upper() + entry["summary"][1:] + "."
    said.append(".Pp\n" + mdoc.prose(summary))
    found = list(details(entry["details"]))
    if found:
        said.append((".Pp\n" if found[0][0] == "text" else "") + mdoc.blocks(found))
    rows = "\n".join(option(o) for o in entry["options"])
    if rows:
        said.append(f".Bl -tag -width Ds\n{rows}\n.It Fl Fl help\nshow this\n.El")
    return "\n".join(said)


def document(name, section, source, day, table=None):
    """A page of docs/: its title, then what it is, as the first paragraph; then sections."""
    found = list(mdoc.markdown((ROOT / "docs" / f"{source}.md").read_text()))
    what = found[1][1].split(". ")[0].rstrip(".")
    start = next(i for i, (kind, content) in enumerate(found)
                 if kind == "heading" and content[0] == 2)
    content = ".Sh DESCRIPTION\n" + mdoc.body(found[2:start])
    if table:
        content += "\n" + ".Sh COMMANDS\n" + "\n".join(command(c) for c in table["commands"])
    if section == "3":
        rows = [(h.include, f"{mdoc.prose(h.summary)}\n.br\n.Xr {h.page} 3") for h in headers.read_all()]
        content += "\n.Sh HEADERS\n" + mdoc.terms(rows)
    content += "\n" + mdoc.body(found[start:])
    see = [(n, s) for n, s, _ in PAGES if (n, s) != (name, section)]
    return mdoc.page(name, section, one_line(what), content + "\n" + mdoc.see_also(see), day)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("table", type=pathlib.Path, nargs="?")
    parser.add_argument("--depfile", type=pathlib.Path)
    given = parser.parse_args()
    table = json.loads(given.table.read_text()) if given.table else None
    day = date()
    for name in ("man1", "man3", "man7"):
        shutil.rmtree(given.folder / name, ignore_errors=True)
    write_headers(given.folder / "man3", day)
    for name, section, source in PAGES:
        if section == "1" and table is None:
            continue
        folder = given.folder / f"man{section}"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.{section}").write_text(
            document(name, section, source, day, table if section == "1" else None))
    if given.depfile:
        made = "man1" if table else "man3"
        needs = " ".join(str(path).replace(" ", "\\ ") for path in inputs())
        given.depfile.write_text(f"{given.folder / made}: {needs}\n")


if __name__ == "__main__":
    main()
