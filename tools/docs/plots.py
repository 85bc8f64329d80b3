# SPDX-License-Identifier: MIT
"""Plots of what bench/RESULTS*.md say, as SVG within the page: it takes the page's colours, light or
dark, and its names stand above the bars, so that it can be read on a telephone.

A bar begins at 1 and goes to the right as far as mayfly is faster than the peer, to the left as far as
it is slower; the scale is logarithmic.
"""
import html
import math
import re

from headers import ROOT

WIDTH, LEFT, RIGHT, BAR = 400, 6, 322, 9  # behind RIGHT stands a peer's name


def table(path, heading):
    """The rows of the first table that has this heading in its first line."""
    lines = (ROOT / "bench" / path).read_text().split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("|") and heading in line)
    head = [cell.strip() for cell in lines[at].strip().strip("|").split("|")]
    for line in lines[at + 2:]:
        if not line.startswith("|"):
            return
        yield dict(zip(head, (cell.strip(" *") for cell in line.strip().strip("|").split("|"))))


def number(text):
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else None


def files():
    for row in table("RESULTS.md", "/ raw"):
        bars = [(peer, 1 / number(row[f"/ {key}"])) for key, peer in
                (("raw", "raw calls"), ("glibc", "glibc"), ("cpython", "CPython"), ("rust", "Rust"))
                if number(row[f"/ {key}"])]
        yield f"{row['what']}, {row['where']}: {row['mayfly'].replace('us', 'µs')}", bars


def pickles(heading):
    for row in table("RESULTS-object.md", heading):
        name = re.sub(r"\*", "", next(iter(row.values())))
        bars = [(peer, number(row[f"{peer} / mayfly"])) for peer in ("CPython", "Rust")
                if row.get(f"{peer} / mayfly") and number(row[f"{peer} / mayfly"])]
        if bars:
            yield name, bars


def python():
    for row in table("RESULTS-python.md", "quartiles"):
        yield f"{row['what']}: {row['mayfly, us']} µs", [("CPython", 1 / number(row["ratio"]))]


def trees():
    for row in table("RESULTS-tree.md", "best peer"):
        yield f"{row['what']}, {row['where']}", [
            (threads, 1 / number(row[f"{threads} / best peer"]))
            for threads in ("1 thread", "2 threads")]


def unpickling():
    """Of one Python, the first; cells may be empty where a peer cannot do it."""
    for row in table("RESULTS-unpickle.md", "pickle / mayfly"):
        bars = [(peer, number(row[key])) for peer, key in
                (("pickle", "pickle / mayfly"), ("dill", "dill / mayfly"),
                 ("cloudpickle", "cloudpickle or memcpy / mayfly")) if number(row[key])]
        if bars:
            yield f"{row['workload']}: {row['mayfly'].replace(' us', ' µs')}", [
                ("memcpy" if peer == "cloudpickle" and "bytes" in row["workload"] else peer, ratio)
                for peer, ratio in bars]


def pickling():
    for row in table("RESULTS-pickle.md", "x pickle"):
        bars = [(key[2:], number(value)) for key, value in row.items() if key[:2] == "x " and number(value)]
        if bars:
            yield f"{row['workload']}: {row['mayfly'].replace('us', 'µs')}", bars


def sources():
    for row in table("RESULTS-source.md", "dlopen"):
        name = next(iter(row.values()))
        yield f"{name}, cached: {row['cached'].replace(' us', ' µs')}", [
            ("dlopen", number(row["dlopen"]) / number(row["cached"]))]
        yield f"{name}, compiled: {row['compiled']}", [("cc", number(row["cc"]) / number(row["compiled"]))]


PLOTS = [
    ("Files, directories and spools", "RESULTS", files),
    ("Reading pickles (protocol 4)", "RESULTS-object", lambda: pickles("again, ms")),
    ("Writing pickles (protocol 4)", "RESULTS-object", lambda: writing()),
    ("Python's tempfile", "RESULTS-python", python),
    ("Dumping Python's objects", "RESULTS-pickle", pickling),
    ("Loading Python's objects", "RESULTS-unpickle", unpickling),
    ("Loading sources of C", "RESULTS-source", sources),
    ("Removing trees, beside the best peer", "RESULTS-tree", trees),
]


def writing():
    text = (ROOT / "bench" / "RESULTS-object.md").read_text()
    heading = next(line for line in text[text.index("## Writing"):].split("\n") if line.startswith("|"))
    return pickles(heading.strip())


def svg(name, groups):
    groups = list(groups)
    ratios = [ratio for _, bars in groups for _, ratio in bars]
    low, high = math.log(min(0.5, *ratios)), math.log(max(2, *ratios))

    def x(ratio):
        return LEFT + (math.log(ratio) - low) / (high - low) * (RIGHT - LEFT)
    y, parts = 14, []
    for label, bars in groups:
        parts.append(f'<text x="{LEFT}" y="{y}" class="what">{html.escape(label)}</text>')
        y += 6
        parts.append(f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="{y - 2}" '
                     f'y2="{y + len(bars) * (BAR + 4) - 2}"/>')
        for peer, ratio in bars:
            start, stop = sorted((x(1), x(ratio)))
            side = "faster" if ratio >= 1 else "slower"
            told = f"{peer} {ratio:.2f}" if ratio < 10 else f"{peer} {ratio:.0f}"
            parts.append(f'<rect x="{start:.1f}" y="{y}" width="{max(stop - start, 1):.1f}" '
                         f'height="{BAR}" class="{side}"/>')
            parts.append(f'<text x="{max(stop, x(1)) + 4:.1f}" y="{y + BAR - 1}">{told}</text>')
            y += BAR + 4
        y += 13
    return (f'<svg class="plot" viewBox="0 0 {WIDTH} {y - 6}" role="img" '
            f'aria-label="{html.escape(name)}: how many times as fast as each peer">'
            + "".join(parts) + "</svg>")


def page():
    out = ["# Benchmarks\n", "How many times as fast as each peer mayfly is: a bar to the right of the line "
           "at 1 means faster, to the left slower. Behind what is measured stands mayfly's own time. *Raw calls* "
           "are the same system calls without a library; *glibc* is its mkstemp, tmpfile and mkdtemp, *CPython* "
           "its tempfile or pickle, *Rust* the crate tempfile or, for pickles, serde-pickle. One run of "
           "`make bench`, in which the contenders took turns, on a noisy machine of two processors; the tables "
           "behind the plots have all of it, and the command that made them.\n"]
    for name, source, groups in PLOTS:
        if not (ROOT / "bench" / f"{source}.md").exists():
            continue  # not measured yet
        out += [f"## {name}\n", f"```{{raw}} html\n{svg(name, groups())}\n```\n",
                f"[All figures](bench/{source}.md)\n"]
    out += ["## All tables\n", "```{toctree}\n:maxdepth: 1\n:glob:\n\nbench/RESULTS*\n```\n"]
    return "\n".join(out)
