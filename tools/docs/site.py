#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the site: puts its pages together, has Sphinx make HTML of them, and follows every link.

    tools/docs/site.py BUILD

BUILD is a build of mayfly with all three faces; the site is BUILD/site/html/index.html. A warning is an
error, and so is a link that leads nowhere.
"""
import html
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

sys.dont_write_bytecode = True
import cookbook  # noqa: E402
import headers  # noqa: E402
import manual  # noqa: E402
import plots  # noqa: E402
import rst  # noqa: E402
from headers import ROOT  # noqa: E402

# Prints {"module.name": docstring} for the package and all that its stubs declare.
DOCSTRINGS = """
import importlib, inspect, json, sys
docs = {}
def note(path, thing):
    said = getattr(thing, "__doc__", None) or ""
    said = "" if said == type(thing).__doc__ else said  # not what dict says of itself
    docs[path] = said if inspect.ismodule(thing) else inspect.cleandoc(said)  # code further in stays so
for module in sys.argv[1:]:
    found = importlib.import_module(module)
    note(module, found)
    for name in dir(found):
        thing = getattr(found, name)
        note(f"{module}.{name}", thing)
        if isinstance(thing, type):
            for member in dir(thing):
                note(f"{module}.{name}.{member}", inspect.getattr_static(thing, member))
json.dump(docs, sys.stdout)
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def toctree(names, depth=1):
    return f".. toctree::\n   :maxdepth: {depth}\n\n" + "".join(f"   {name}\n" for name in names)


def stage_api(folder, found, names):
    for header in found:
        write(folder / "api" / f"{header.name}.rst", rst.header_page(header, names))
    rows = "\n".join(f":doc:`{h.include} <{h.name}>`\n   {names.inline(h.summary)}." for h in found)
    hidden = toctree([h.name for h in found]).replace(":maxdepth: 1", ":hidden:")
    write(folder / "api" / "index.rst", f"{rst.title('API in C')}\nEach header is the manual of its part. "
          "tempfile-guide.md and dill-temp.md, which some name, are guides of the :doc:`cookbook </cookbook/index>`."
          f"\n\n{rows}\n\n{hidden}")


def page_name(module):
    return "mayfly" if module == "__init__" else module


def stage_python(folder, build):
    stubs = ROOT / "python" / "mayfly"
    modules = rst.stub_modules(stubs)
    python = re.search(r"^python *= *(.*)$", (build / "python" / "built-for").read_text(), re.M)[1]
    paths = ["mayfly._core"] + ["mayfly" if m == "__init__" else f"mayfly.{m}" for m in modules]
    docs = json.loads(subprocess.run(
        [python, "-c", DOCSTRINGS, *paths], check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(build / "python")}).stdout)
    made = rst.Stubs(stubs, docs)
    for module in modules:
        write(folder / "python" / f"{page_name(module)}.rst", made.page(module))
    names = sorted(map(page_name, modules))
    write(folder / "python" / "index.rst",
          f"{rst.title('API in Python')}\nThe modules of the package.\n\n{toctree(names)}")


def stage_cookbook(folder, names):
    recipes = list(cookbook.recipes())
    for recipe in recipes:
        write(folder / "cookbook" / f"{recipe.name}.rst", cookbook.page(recipe, names))
    groups = "\n".join(f"{rst.title(heading, '-')}\n{toctree(names)}" for heading, names in cookbook.grouped(recipes))
    write(folder / "cookbook" / "index.rst",
          f"{rst.title('Cookbook')}\n{cookbook.ABOUT}\n{groups}\n{cookbook.SHARED}")


def capital(text):
    """What a page is about begins in small letters, because in the manual it follows a dash."""
    return re.sub(r"^(# .*\n\n)([a-z])", lambda found: found[1] + found[2].upper(), text)


def stage_command(folder, build):
    table = json.loads(subprocess.run([build / "mayfly", "help", "--json"], check=True,
                                      capture_output=True, text=True).stdout)
    shown = "\n".join(rst.command(c, manual.details(c["details"])) for c in table["commands"])
    text = capital((ROOT / "docs" / "command.md").read_text())
    write(folder / "command.md", text.replace("\n## Environment", f"\n## Commands\n\n{shown}\n## Environment"))
    return table["version"]


def stage(folder, build):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs" / "site", folder)
    for path in (ROOT / "docs").glob("*.md"):
        write(folder / path.name, capital(path.read_text()))
    write(folder / "changes.md", (ROOT / "CHANGELOG.md").read_text())
    for path in (ROOT / "bench").glob("RESULTS*"):
        text = path.read_text()
        write(folder / "bench" / path.name,
              re.sub(r"^#(#+ )", r"\1", text, flags=re.M) if text.startswith("## ") else text)
    shutil.copy(ROOT / "bench" / "results.svg", folder / "bench")
    (folder / "examples").symlink_to(ROOT / "examples")
    found = headers.read_all()
    names = rst.Names(found)
    stage_api(folder, found, names)
    stage_python(folder, build)
    stage_cookbook(folder, names)
    write(folder / "benchmarks.md", plots.page())
    stage_dark(folder)
    return stage_command(folder, build)


def stage_dark(folder):
    """The theme's own dark colours, for a system that is dark and a reader who has not chosen."""
    import furo
    theme = pathlib.Path(furo.__file__).parent / "theme" / "furo" / "static" / "styles" / "furo.css"
    found = re.search(r'body\[data-theme="?dark"?\]\s*\{([^}]*)\}', theme.read_text())
    write(folder / "_static" / "dark.css", "@media screen and (prefers-color-scheme: dark) {\n"
          f'body:not([data-theme="light"]) {{{found[1]}}}\n}}\n')


def labelled(table):
    """A table as a telephone needs it: cells that tell their column, names that break at a "_"."""
    heads = [re.sub("<[^>]*>", "", head) for head in re.findall(r"<th\b[^>]*>(.*?)</th>", table[0], re.S)]

    def cell(column, found):
        none = ' class="none"' if re.sub("<[^>]*>", "", found[1]).strip() in ("", "-") else ""
        label = f' data-label="{html.escape(heads[column])}"' if 0 < column < len(heads) in (3, 4) else ""
        inside = re.sub(r'(?<=<span class="pre">)[^<]*', lambda name: name[0].replace("_", "_<wbr>"), found[1])
        return f"<td{none}{label}>{inside}</td>"

    def row(found):
        columns = iter(range(len(heads)))
        return re.sub(r"<td\b[^>]*>(.*?)</td>", lambda one: cell(next(columns, 0), one), found[0], flags=re.S)
    return re.sub(r"<tr\b.*?</tr>", row, table[0], flags=re.S)


def label_tables(folder):
    for path in folder.rglob("*.html"):
        text = path.read_text()
        made = re.sub(r'<table class="docutils.*?</table>', labelled, text, flags=re.S)
        if made != text:
            path.write_text(made)


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key in ("id", "name"):
                self.anchors.add(value)
            elif key in ("href", "src") and value and tag != "base":
                self.links.append(value)


def dead_links(folder):
    pages = {path: Page(path) for path in folder.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue  # another site: no test depends on one
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            fragment = urllib.parse.unquote(parts.fragment)
            if not target.exists():
                yield f"{path.relative_to(folder)}: {link} leads nowhere"
            elif fragment and target in pages and fragment not in pages[target].anchors:
                yield f"{path.relative_to(folder)}: {link} has no such place"


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    site = build / "site"
    version = stage(site / "source", build)
    shutil.rmtree(site / "html", ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-j", "2", "-b",
                           "html", "-d", site / "doctrees", site / "source", site / "html"],
                          env={**os.environ, "MAYFLY_VERSION": version})
    if done.returncode != 0:
        return done.returncode
    label_tables(site / "html")
    dead = sorted(set(dead_links(site / "html")))
    print("\n".join(dead[:50]) if dead else f"{site / 'html' / 'index.html'}: every link leads somewhere")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
