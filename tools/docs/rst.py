# SPDX-License-Identifier: MIT
"""Pages of the site in reStructuredText: the API of C, of Python, and the command's table.

Sphinx's own C and Python domains hold what is declared; so a name anywhere on the site that is a
function or a type leads to it, and one that leads nowhere fails the build.
"""
import ast
import pathlib
import re
import textwrap

from headers import Function, Macro, Type, without_rows

NAME = re.compile(r"\b(?:mayfly|MAYFLY)_\w+\b(?:\(\))?")
ON = "   "


class Names:
    """What is declared anywhere, for links."""

    def __init__(self, headers):
        self.functions = {f.name for h in headers for f in h.functions}
        self.types = {t.name for h in headers for t in h.of(Type) if t.name}
        self.seen = set()

    def link(self, found):
        name = found[0].removesuffix("()")
        behind = r"\ " if re.match(r"[\w(]", found.string[found.end():]) else ""
        if name in self.functions:
            return f":c:func:`{name}`{behind}"
        if name in self.types:
            return f":c:type:`{name}`{behind}"
        return f"``{name}``{behind}"

    def inline(self, text):
        parts = re.split(r"(`[^`]+`)", without_rows(text))
        for i, part in enumerate(parts):
            if i % 2:
                parts[i] = f"`{part}`"
            else:
                parts[i] = NAME.sub(self.link, plain(part))
        return "".join(parts)


def plain(text):
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"([\\*|`])", r"\\\1", text))


def docstring(text):
    """What is indented in one is code; words with two blanks behind them are told of."""
    parts = []
    for part in re.split(r"\n\n+", text.strip("\n")):
        lines = part.split("\n")
        # A line that is further in than a row's first continues it.
        rows = [re.match(r"(\S+(?: \S+)*)  +(\S.*)$", row) for row in re.sub(r"\n  +", " ", part).split("\n")]
        if all(line.startswith("    ") for line in lines):
            parts.append(code(textwrap.dedent(part), "python"))
        elif all(rows):
            parts.append("\n".join(f"``{row[1]}``\n{indented(marked(row[2]))}" for row in rows))
        else:
            parts.append(marked(part))
    return "\n\n".join(parts)


def marked(text):
    return "".join(plain(p) if i % 2 == 0 else f"`{p}`" for i, p in enumerate(re.split(r"(`[^`]+`)", text)))


def indented(text, by=ON):
    return textwrap.indent(text, by)


def title(text, mark="="):
    return f"{text}\n{mark * len(text)}\n"


def code(text, language="c"):
    """What is only nearly of the language (a command line, a format with dots in it) is shown as text."""
    from pygments.lexers import get_lexer_by_name
    from pygments.token import Error
    if any(kind is Error for kind, _ in get_lexer_by_name(language).get_tokens(text)):
        language = "text"
    return f".. code-block:: {language}\n\n{indented(text.rstrip())}\n"


def term_of(term, names):
    if term.startswith("mayfly"):
        return names.inline(term)
    return f"**{plain(term)}**" if term[0].isupper() else f"``{term}``"


def blocks(found, names):
    out = []
    for kind, content in found:
        if kind == "text":
            out.append(names.inline(content) + "\n")
        elif kind == "code":
            out.append(code(content))
        else:
            out.append("\n".join(
                f"{term_of(term, names)}\n" + indented(names.inline(text).replace("\n", "\n\n")) for term, text in content) + "\n")
    return "\n".join(out)


def fields(sections, names):
    out = []
    for label, content in sections.items():
        if label == "Errors":
            if len(content) == 1:
                out.append(f":Errors: {entry(content[0], names)}")
            else:
                out.append(":Errors:\n" + "\n".join(f"{ON}- {entry(e, names)}" for e in content))
        else:
            text = re.sub(r"^Returns?\b:?\s*", "", without_rows(content)).rstrip(".")
            if text:
                out.append(f":{label}: {names.inline(text)}")
    return "\n".join(out) + "\n" if out else ""


def entry(found, names):
    codes, when = found
    shown = ", ".join(f"``{c}``" if c != "..." else c for c in codes.split(", ")) if codes else ""
    return " ".join(part for part in (shown, names.inline(when)) if part)


# ---- C ------------------------------------------------------------------------------------------


def signature(function):
    parameters = []
    for kind, name in function.parameters:
        brackets = re.search(r"(\[\w*\])*$", kind)[0]
        bare = kind.removesuffix(brackets) if brackets else kind
        parameters.append(kind if "(*" in kind or not name else f"{bare} {name}{brackets}".replace("* ", "*"))
    return f"{function.result} {function.name}({', '.join(parameters) or 'void'})"


def declared(thing, names):
    """A type or macro: its entry, and how it stands in the header."""
    if isinstance(thing, Macro):
        head = re.match(r"#\s*define\s+(\w+(?:\([^)]*\))?)", thing.code)[1]
        shown = code(thing.code) if thing.code.count("\n") < 3 else ""
        return f".. c:macro:: {head}\n\n" + indented(shown)
    shown = code(thing.code) if "{" in thing.code or "(" in thing.code else ""
    if not thing.name:
        return shown
    if thing.name in names.seen or thing.name in names.functions:
        return shown or f"**{thing.name}** is a handle.\n"  # the domain knows a name once
    names.seen.add(thing.name)
    kind = thing.kind if "{" in thing.code else "type"
    return f".. c:{kind}:: {thing.name}\n\n" + indented(shown)


def group(found, names):
    said = blocks(found.comment.blocks, names)
    told = fields(found.comment.sections, names)
    functions = [f for f in found.of(Function) if not f.is_scope]
    others = [i for i in found.items if not isinstance(i, Function)]
    shown = "\n".join(declared(thing, names) for thing in others)
    if not functions:
        return "\n".join(part for part in (said, told, shown) if part)
    head = ".. c:function:: " + f"\n{' ' * 16}".join(signature(f) for f in functions)
    inside = [f"{ON}.. deprecated:: 0.1\n" * any(f.deprecated for f in functions), indented(said),
              indented(told)]
    return "\n".join([shown, head, ""] + [part for part in inside if part])


def header_page(header, names):
    out = [title(f"{header.page[7:]}: ``<{header.include}>``"), blocks(header.comment.blocks, names)]
    section = ""
    for found in header.groups:
        if found.section != section:
            section = found.section
            out.append(title(section[0].upper() + section[1:], "-"))
        out.append(group(found, names))
    return "\n".join(out)


# ---- Python -------------------------------------------------------------------------------------


def keep_octal(tree, source):
    """0o600 is shown as it was written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            for defaults in (node.defaults, node.kw_defaults):
                for i, value in enumerate(defaults):
                    text = ast.get_source_segment(source, value) if value is not None else ""
                    if text.startswith("0o"):
                        defaults[i] = ast.Name(id=text)


class Stubs:
    """What the stubs declare; what it is for is in the docstrings of the built package."""

    def __init__(self, folder, docs):
        self.trees = {p.stem: ast.parse(p.read_text()) for p in folder.glob("*.pyi")}
        for path in folder.glob("*.pyi"):
            keep_octal(self.trees[path.stem], path.read_text())
        self.docs = docs  # "tempfile.mkstemp" -> its docstring

    def page(self, module):
        name = "mayfly" if module == "__init__" else f"mayfly.{module}"
        out = [title(f"``{name}``"), f".. py:module:: {name}\n", docstring(self.docs.get(name, "")) + "\n"]
        for node in self.trees[module].body:
            out += self.shown(node, name)
        return "\n".join(out)

    def shown(self, node, module):
        if isinstance(node, ast.ImportFrom) and node.module in self.trees and node.module.startswith("_"):
            for alias in node.names:
                for found in self.find(node.module, alias.name):
                    yield from self.one(found, module, alias.asname or alias.name)
                    yield from self.given(found[0], node.module, alias.asname or alias.name)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield from self.one([node], module, node.name)

    def given(self, function, private, name):
        """What a function gives, where its class has no name of its own that is public: its members."""
        kind = getattr(function, "returns", None)
        kind = kind.value if isinstance(kind, ast.Subscript) else kind
        for found in self.find(private, kind.id) if isinstance(kind, ast.Name) else []:
            path = f"mayfly.{private}.{kind.id}"
            members = self.members(found[0], path, f"{name}.", lambda member: self.docs.get(f"{path}.{member}"))
            yield indented("What it gives is a file with all that one has, and:\n")
            yield from members

    def find(self, module, name):
        found = [n for n in self.trees[module].body if getattr(n, "name", None) == name]
        return [found] if found else []

    def one(self, nodes, module, name):
        kind = "class" if isinstance(nodes[0], ast.ClassDef) else "function"
        heads = [f"{name}{self.arguments(n)}" for n in nodes]
        heads = sorted(set(heads), key=heads.index)
        yield f".. py:{kind}:: " + f"\n{' ' * (10 + len(kind))}".join(heads) + "\n"
        yield indented(docstring(self.docs.get(f"{module}.{name}", ""))) + "\n"
        if kind == "class":
            yield from self.members(nodes[0], f"{module}.{name}")

    def members(self, node, path, before="", shown=lambda member: True):
        done = set()
        for member in node.body:
            name = getattr(member, "name", None) or getattr(getattr(member, "target", None), "id", "_")
            if name.startswith("_") or name in done or not shown(name):
                continue
            done.add(name)
            is_method = isinstance(member, ast.FunctionDef) and not member.decorator_list
            kind = "method" if is_method else "attribute"
            head = before + name + (self.arguments(member) if is_method else "")
            yield indented(f".. py:{kind}:: {head}\n")
            yield indented(indented(docstring(self.docs.get(f"{path}.{name}", "")))) + "\n"

    @staticmethod
    def arguments(node):
        if isinstance(node, ast.ClassDef):
            node = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
            if node is None:
                return ""
        arguments = node.args
        for argument in [*arguments.args, *arguments.kwonlyargs, *arguments.posonlyargs,
                         *filter(None, (arguments.vararg, arguments.kwarg))]:
            argument.annotation = None
        for kind in ("posonlyargs", "args"):
            kept = [a for a in getattr(arguments, kind) if a.arg not in ("self", "cls")]
            setattr(arguments, kind, kept)
        return f"({ast.unparse(arguments)})"


def stub_modules(folder):
    return sorted(p.stem for p in pathlib.Path(folder).glob("*.pyi") if not p.stem.startswith("_")
                  or p.stem == "__init__")


# ---- the command --------------------------------------------------------------------------------


def command(entry_, paragraphs):
    usage = " ".join(filter(None, [f"mayfly {entry_['name']}", "[OPTION...]" if entry_["options"] else "",
                                   entry_["operands"]]))
    summary = entry_["summary"][0].upper() + entry_["summary"][1:] + "."
    out = [f"### mayfly {entry_['name']}", f"```{{code-block}} text\n{usage}\n```", escape_markdown(summary)]
    for kind, text in paragraphs:
        out.append(f"```{{code-block}} sh\n{text}\n```" if kind == "code" else with_options(text))
    if entry_["options"]:
        rows = ["| option | what it does |", "| --- | --- |"]
        for option in entry_["options"]:
            flags = (f"-{option['letter']}, " if option["letter"] else "") + f"--{option['name']}"
            flags += f" {option['argument']}" if option["argument"] else ""
            rows.append(f"| `{flags}` | {escape_markdown(option['help'])} |")
        out.append("\n".join(rows))
    return "\n\n".join(out) + "\n"


def with_options(text):
    """Prose in which options stand, each a word that is not broken."""
    parts = re.split(r"((?<![\w-])--[a-z][a-z-]*)", text)
    return "".join(f"`{part}`" if i % 2 else escape_markdown(part) for i, part in enumerate(parts))


def escape_markdown(text):
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text)
