# SPDX-License-Identifier: MIT
"""Manual pages in mdoc(7): text, lists and code, from blocks (comments.py) and from Markdown.

Of Markdown, what the pages in docs/ use: headings, paragraphs, code in fences, lists with "-", and
tables, which in a manual become lists: a terminal has no room for three columns of sentences. What
a site adds, lines of {directives}, is left out.
"""
import re
import textwrap

from headers import without_rows

NAMES = re.compile(r"\b(?:(mayfly_\w+)\b(\(\))?|([A-Za-z]\w*)(\(\)))")


def escape(text):
    text = text.replace("\\", "\\e").replace("--", "\\-\\-")
    return re.sub(r"(?<![\w\\-])-(?=[A-Za-z])", r"\\-", text)


def bold(found):
    return rf"\fB{found[1] or found[3]}\fR{found[2] or found[4] or ''}"


def inline(text):
    """Backquotes and stars to fonts; the names of functions are bold."""
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\*\w[^*]*\*|\[[^]]+\]\([^)]+\))", text)
    for i, part in enumerate(parts):
        if part.startswith("`") and len(part) > 1:
            parts[i] = r"\fB" + escape(part[1:-1]) + r"\fR"
        elif re.fullmatch(r"\*\w[^*]*\*", part):
            parts[i] = r"\fI" + escape(part[1:-1]) + r"\fR"
        elif part.startswith("**"):
            parts[i] = r"\fB" + escape(part[2:-2]) + r"\fR"
        else:
            link = re.fullmatch(r"\[([^]]+)\]\([^)]+\)", part)
            parts[i] = NAMES.sub(bold, escape(link[1] if link else part))
    return "".join(parts)


def lines_of(text):
    """A line for each sentence, none over 78 columns, none that looks like a request."""
    for sentence in re.split(r"(?<=[.!?])(?<!\.\.\.)[)\"']*\s+", text.strip()):
        for line in textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False):
            yield "\\&" + line if line[0] in ".'" else line


def prose(text):
    rows = without_rows(text).split("\n")
    return "\n.br\n".join("\n".join(lines_of(inline(row))) for row in rows)


def word(text):
    """An argument of a macro that is a word or several."""
    return '"' + escape(without_rows(text)).replace('"', '""') + '"'


def literal(code):
    body = "\n".join("\\&" + line if line[:1] in (".", "'") else line
                     for line in code.replace("\\", "\\e").rstrip().split("\n"))
    return f".Bd -literal -offset indent\n{body}\n.Ed"


def terms(entries, width="Ds"):
    """A list of (term, body in mdoc); a term is a macro line's arguments or plain words."""
    items = "\n".join(f".It Sy {word(term)}\n{body}" if body else f".It Sy {word(term)}"
                      for term, body in entries)
    return f".Bl -tag -width {width}\n{items}\n.El"


def blocks(found):
    """Blocks one after the other, with space between."""
    out = []
    for kind, content in found:
        if kind == "text":
            out += [".Pp", prose(content)] if out else [prose(content)]
        elif kind == "code":
            out.append(literal(content))
        elif kind == "terms":
            out.append(terms([(term, prose(text)) for term, text in content]))
        elif kind == "bullets":
            items = "\n".join(f".It\n{prose(text)}" for text in content)
            out.append(f".Bl -bullet\n{items}\n.El")
        elif kind == "table":
            out.append(table(*content))
    return "\n".join(out)


def table(head, rows):
    """The first column is the term; the others follow it, each behind its heading."""
    entries = []
    for first, *others in rows:
        said = [(name, cell) for name, cell in zip(head[1:], others) if cell not in ("", "-")]
        plain = re.sub(r"[`*]", "", first)
        body = "\n.br\n".join(
            "\n".join(lines_of((f"\\fI{name}:\\fR " if len(head) > 2 else "") + inline(cell)))
            for name, cell in said)
        entries.append((plain, body))
    return terms(entries)


def cells(line):
    return [cell.strip().replace("\\|", "|")
            for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def markdown(text):
    """("heading", level, title) and blocks, in order."""
    lines, at = text.split("\n"), 0
    while at < len(lines):
        line = lines[at]
        start = at
        at += 1
        fence = re.match(r"(`{3,}|:{3,})(.*)$", line)
        if fence:
            while not lines[at].startswith(fence[1]):
                at += 1
            if not fence[2].startswith("{") or fence[2].startswith("{code-block}"):
                body = [x for x in lines[start + 1:at] if not x.startswith(":")]
                yield "code", "\n".join(body)
            at += 1
        elif re.match(r"#+ ", line):
            level, title = line.split(" ", 1)
            yield "heading", (len(level), title)
        elif line.startswith("|"):
            while at < len(lines) and lines[at].startswith("|"):
                at += 1
            head, _, *rows = lines[start:at]
            yield "table", (cells(head), [cells(row) for row in rows])
        elif line.startswith("- "):
            items = []
            while at <= len(lines) and lines[at - 1].startswith("- "):
                text, at = paragraph(lines, at - 1)
                items.append(text[2:])
                at += 1
            at -= 1
            yield "bullets", items
        elif line.strip() and not line.startswith("("):
            text, at = paragraph(lines, start)
            yield "text", text


def paragraph(lines, start):
    """One that begins there, in one line, and where it ends."""
    stop = start + 1
    while stop < len(lines) and lines[stop].strip() and not re.match(r"[|#:]|```|- ", lines[stop]):
        stop += 1
    return " ".join(x.strip() for x in lines[start:stop]), stop


def body(found):
    """A page's sections from what markdown() gives."""
    out, run = [], []

    def flush():
        if run:
            out.append(blocks(run))
            run.clear()
    for kind, content in found:
        if kind == "heading":
            flush()
            level, title = content
            title = re.sub(r"[`*]", "", title)
            out.append(f".Sh {word(title.upper())}" if level == 2 else f".Ss {word(title)}")
        else:
            run.append((kind, content))
    flush()
    return "\n".join(out)


def page(name, section, what, content, date, names=()):
    names = list(names) or [name]
    named = " ,\n.Nm ".join(names)
    return (f".\\\" Made by tools/docs/manual.py; what it is made of is the place for changes.\n"
            f".Dd {date}\n.Dt {name.upper()} {section}\n.Os\n"
            f".Sh NAME\n.Nm {named}\n.Nd {what}\n{content}\n")


def see_also(pages):
    rows = [f".Xr {name} {section}" for section, name in sorted((s, n) for n, s in pages)]
    return ".Sh SEE ALSO\n" + " ,\n".join(rows)
