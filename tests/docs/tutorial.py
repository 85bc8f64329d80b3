#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Follows the tutorials to the letter, and compares what comes out with what they say.

    tests/docs/tutorial.py [--destdir FOLDER] [--prefix /usr/local] PAGE.md...

Follows each page in an empty folder, with what is installed; with --destdir, with what `make install
DESTDIR=FOLDER` has put there. Prints a line that begins with "ok" or "not ok" for each step (a heading
of the second level).

In a page, a block of code whose paragraph ends in "`NAME`:" is a file to be made. A block of "console"
is a session: lines that begin with "$ " are commands, what follows them is their output, in which "..."
stands for anything within a line, and a line of its own for any lines. All sessions of a page are one
shell.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def steps(text):
    """(heading, [("file", name, content) or ("session", [(command, output)])])"""
    heading, found, name, fence, body = "before", [], None, None, []
    for line in text.split("\n"):
        if fence is None and line.startswith("```"):
            fence, body = line[3:], []
        elif fence is not None and line == "```":
            if fence == "console":
                found.append(("session", session(body)))
            elif name:
                found.append(("file", name, "\n".join(body) + "\n"))
            fence, name = None, None
        elif fence is not None:
            body.append(line)
        elif line.startswith("## "):
            if found:
                yield heading, found
            heading, found = line[3:], []
        elif line:
            ends = re.search(r"`([\w.]+)`:$", line)
            name = ends[1] if ends else None
    if found:
        yield heading, found


def session(lines):
    commands = []
    for line in lines:
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return [(command, "\n".join(output)) for command, output in commands]


def matches(expected, found):
    parts = []
    for line in expected.split("\n"):
        parts.append(r"(?:.*\n)*?" if line == "..." else
                     ".+?".join(re.escape(part) for part in line.split("...")) + "\n")
    return re.fullmatch("".join(parts) if expected else "", found)


class Shell:
    """One shell for a page. The end of a command is known by a line that no program prints."""
    END = "--- end of the command ---"

    def __init__(self, folder, environment):
        self.process = subprocess.Popen(["sh"], cwd=folder, env=environment, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def run(self, command):
        self.process.stdin.write(f"{command}\necho '{self.END}'\n")
        self.process.stdin.flush()
        output = ""
        for line in self.process.stdout:
            if line.endswith(self.END + "\n"):
                return output + line.removesuffix(self.END + "\n")
            output += line
        return output + "(the shell has ended)\n"

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def environment(folder, destdir, prefix):
    """What a user has who has installed it: nothing but paths."""
    has = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder / "tmp"),
           "LC_ALL": "C.UTF-8", "MAYFLY_LEASE_DIR": str(folder / "leases")}
    if destdir:
        root = pathlib.Path(f"{destdir}{prefix}").resolve()
        libraries = [str(p.parent) for p in root.glob("lib/**/libmayfly.so")]
        packages = [str(p.parent) for p in root.glob("lib/**/mayfly/__init__.py")]
        has["PATH"] = f"{root / 'bin'}:{has['PATH']}"
        has["LD_LIBRARY_PATH"] = ":".join(libraries)
        has["PKG_CONFIG_PATH"] = ":".join(f"{path}/pkgconfig" for path in libraries)
        has["PKG_CONFIG_SYSROOT_DIR"] = str(destdir)
        has["C_INCLUDE_PATH"] = str(root / "include")  # of a directory that compilers do not know
        has["PYTHONPATH"] = ":".join(str(pathlib.Path(path).parent) for path in packages)
    return has


def follow(what, folder, shell):
    for kind, *content in what:
        if kind == "file":
            (folder / content[0]).write_text(content[1])
            continue
        for command, expected in content[0]:
            found = shell.run(command)
            if not matches(expected, found):
                yield f"$ {command}\nit says:\n{expected}\nand there is:\n{found}"


def page(path, given):
    good = True
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base)
        (folder / "work").mkdir()
        (folder / "tmp").mkdir()
        shell = Shell(folder / "work", environment(folder, given.destdir, given.prefix))
        for heading, what in steps(path.read_text()):
            problems = list(follow(what, folder / "work", shell))
            name = re.sub(r"\W+", "_", f"{path.stem} {heading}").strip("_")
            print("not ok" if problems else "ok", name, flush=True)
            for problem in problems:
                good = False
                print("    " + problem.replace("\n", "\n    "))
        shell.end()
        left = os.listdir(folder / "tmp")
        print("not ok" if left else "ok", f"{path.stem}_leaves_nothing", *left)
        return good and not left


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--destdir", type=pathlib.Path)
    parser.add_argument("--prefix", default="/usr/local")
    parser.add_argument("pages", type=pathlib.Path, nargs="+")
    given = parser.parse_args()
    return 0 if all([page(path, given) for path in given.pages]) else 1


if __name__ == "__main__":
    sys.exit(main())
