# SPDX-License-Identifier: MIT
"""What the manual pages promise: that they are well-formed, lead somewhere, and say what is so."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1])
PAGES = BUILD / "docs"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "docs"))
import headers  # noqa: E402
import mdoc  # noqa: E402

WAYS = ["refused", "full", "memory", "fork", "signal", "killed", "others"]
failed = False


def report(name, problems):
    global failed
    problems = list(problems)
    print("not ok" if problems else "ok", name)
    for problem in problems:
        failed = True
        print("   ", problem)


def out(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def pages():
    for path in sorted(PAGES.glob("man*/*")):
        text = path.read_text()
        if not text.startswith(".so "):
            yield path, text


def lint():
    """Pages of ours that are not installed yet are not found by mandoc: that is checked here."""
    count = 0
    for path, text in pages():
        count += 1
        done = subprocess.run(["mandoc", "-T", "lint", path], capture_output=True, text=True)
        for line in (done.stdout + done.stderr).splitlines():
            if "referenced manual not found: Xr mayfly" not in line:
                yield line
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", text, re.M):
            if not (PAGES / f"man{section}" / f"{name}.{section}").is_file():
                yield f"{path.name} refers to {name}({section}), which is not there"
    if count < 20:
        yield f"only {count} pages"


def links():
    """`man mayfly_file_close` shows the page of files."""
    functions = [(h, f) for h in headers.read_all() for f in h.functions]
    for path in (PAGES / "man3").iterdir():
        found = re.fullmatch(r"\.so (man3/\S+)\n", path.read_text())
        if found and not (PAGES / found[1]).is_file():
            yield f"{path.name} leads to {found[1]}, which is not there"
    for header, function in functions[::17]:
        shown = out("man", "-M", str(PAGES), "-P", "cat", function.name)
        if header.page not in shown or (not function.is_scope and function.name not in shown):
            yield f"man {function.name} does not show it"


def squeeze(text):
    return re.sub(r"\s+", " ", text.replace("‐", "-").replace("−", "-")).strip()


def sections(page):
    """{"where": text} from mayfly(1) as a reader sees it."""
    shown = out("mandoc", "-T", "ascii", "-O", "width=300", str(page))
    shown = re.sub(r".\x08", "", shown)
    found = {}
    for part in re.split(r"\n(?=   mayfly \w+\n)", shown.split("\nCOMMANDS\n")[1]):
        name = re.match(r"\s*mayfly (\w+)\n", part)
        if name:
            found[name[1]] = re.split(r"\n[A-Z]", part)[0]
    return found


def compare(name, help_text, shown):
    usage, rest = help_text.split("\n\n", 1)
    shown_options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)(?= |$)", shown, re.M))
    options = re.findall(r"^  (-\w, |    )(--[\w-]+)( \S+(?= ))? +(\S.*)$", rest, re.M)
    text = squeeze(shown)
    if squeeze(usage.removeprefix("usage: ")) not in text:
        yield f"{name}: the usage is not {usage!r}"
    for letter, option, argument, said in options:
        line = squeeze(f"{letter}{option}{argument} {said}")
        if line not in text:
            yield f"{name}: the page does not say {line!r}"
    for option in shown_options - {o for _, o, _, _ in options}:
        if re.search(rf"^ {{5}}(-\w, )?{option}\b", shown, re.M):
            yield f"{name}: --help does not know {option}"
    for paragraph in re.split(r"\n\n", re.split(r"^  (?:-\w, |    )--", rest, maxsplit=1, flags=re.M)[0]):
        if squeeze(paragraph) not in text:
            yield f"{name}: the page lacks {squeeze(paragraph)[:70]!r}"


def help_and_page():
    command = BUILD / "mayfly"
    shown = sections(PAGES / "man1" / "mayfly.1")
    names = re.findall(r"^  (\w+) +\S", out(command, "help"), re.M)
    if len(names) < 10:
        yield f"only {names}"
    for name in names:
        if name in shown:
            yield from compare(name, out(command, name, "--help"), shown[name])
        else:
            yield f"mayfly(1) lacks {name}"
    yield from (f"mayfly(1) has {name}, and the command has not" for name in shown.keys() - set(names))


def test_names():
    """Functions of the programs, and the first words of checks in scripts."""
    names = set()
    for path in (ROOT / "tests").rglob("*"):
        if path.suffix == ".c":
            names.update(re.findall(r"\b(?:MFT|SOURCES|CALLS)\((\w+)\)", path.read_text()))
        elif path.suffix == ".py":
            names.update(re.findall(r"^@case\ndef (\w+)", path.read_text(), re.M))
        elif path.suffix == ".sh":
            names.update(re.findall(r"^\s*check (\w+)", path.read_text(), re.M))
    return names


def guarantees():
    known = test_names()
    section, ways = None, {}
    for kind, content in mdoc.markdown((ROOT / "docs" / "guarantees.md").read_text()):
        if kind == "heading":
            section = content[1]
        elif kind == "table":
            ways[section] = [row[0] for row in content[1]]
            for way, promise, tests in content[1]:
                named = re.findall(r"`(\w+)`", tests)
                if not named or not promise:
                    yield f"{section}, {way}: no promise or no test"
                yield from (f"{section}, {way}: there is no test {n}" for n in named if n not in known)
    if len(ways) < 15:
        yield f"only {len(ways)} operations"
    yield from (f"{s} is not looked at in all ways: {found}" for s, found in ways.items() if found != WAYS)


def tempfile():
    """What the table says of C is in the headers, of shells a command, and all of tempfile is there."""
    text = (ROOT / "docs" / "tempfile.md").read_text()
    there = {f.name for h in headers.read_all() for f in h.functions}
    there |= {i.name for h in headers.read_all() for g in h.groups for i in g.items}
    yield from (f"there is no {n}" for n in sorted(set(re.findall(r"\bmayfly_\w+", text)) - there))
    commands = set(re.findall(r"^  (\w+) +\S", out(BUILD / "mayfly", "help"), re.M))
    named = set(re.findall(r"\| `mayfly ([a-z]+)", text))
    yield from (f"there is no command {n}" for n in sorted(named - commands))
    import tempfile as theirs
    yield from (f"tempfile.{n} is not told" for n in theirs.__all__ if n not in text)


def umbrella():
    text = (ROOT / "include" / "mayfly.h").read_text()
    apart = re.findall(r"\* Apart: .*?\*/", text, re.S)
    for header in headers.read_all():
        if f"<{header.include}>" not in text + "".join(apart):
            yield f"mayfly.h neither includes {header.include} nor says why"


def main():
    done = subprocess.run([ROOT / "tools" / "missing", BUILD], capture_output=True, text=True)
    last = done.stdout.strip().rsplit("\n", 1)[-1]
    report("every_function_has_a_comment_a_manual_page_a_test_and_an_example",
           [] if done.returncode == 0 and last.endswith(", 0 missing") else done.stdout.split("\n"))
    report("every_test_that_is_named_as_a_proof_exists", guarantees())
    report("every_header_is_in_the_one_that_brings_all", umbrella())
    if not (BUILD / "mayfly").exists():
        print("skip mayfly(1): this build has no command")
    else:
        report("names_that_tempfiles_are_mapped_to_exist", tempfile())
    if shutil.which("mandoc") is None:
        print("skip the form of manual pages: mandoc is not here")
        return
    os.environ["LC_ALL"] = "C.UTF-8"
    report("manual_pages_are_clean_for_mandoc_lint", lint())
    if (BUILD / "mayfly").exists():
        report("help_and_manual_page_say_the_same", help_and_page())
    if shutil.which("man") is None:
        print("skip looking functions up: man is not here")
    else:
        report("man_finds_a_function_by_its_name", links())


main()
sys.exit(failed)
