#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Functions drawn at random from object files: are they extracted so that they compile, with nothing
undefined that their unit has?

    source_corpus.py TOOL SCRATCH COUNT DIRECTORY...

Each directory holds a build with -g. COUNT functions are drawn from each, by a fixed seed. The
judge is the compiler, with the flags that the extracted file says, and nm on the original object.
"""
import os
import pathlib
import random
import re
import shlex
import statistics
import subprocess
import sys

SEED = 20230613


def symbols(path, *flags):
    out = subprocess.run(["nm", *flags, path], capture_output=True, text=True).stdout
    return [line.split() for line in out.splitlines()]


def functions(root):
    """Every function of every object file, once for each unit."""
    found = []
    for path in sorted(pathlib.Path(root).rglob("*.o")):
        for words in symbols(path):
            if (len(words) == 3 and words[1] in "tT" and re.fullmatch(r"[A-Za-z_]\w*", words[2])
                    and words[2] != "main"):
                found.append((str(path), words[2]))
    return found


def flags_of(text):
    line = re.search(r"^/\* #FLAGS: (.*) \*/$", text, re.M).group(1)
    return shlex.split(line.replace("'", "\\'").replace('"', '\\"'))


def judge(path, unit):
    """None, or why it is not whole."""
    text = pathlib.Path(path).read_text(errors="replace")
    made = path + ".o"
    done = subprocess.run(["cc", "-c", "-w", "-O1", "-Werror=implicit-function-declaration",
                           *flags_of(text), "-o", made, path], capture_output=True, text=True)
    if done.returncode != 0:
        lines = [x for x in done.stderr.splitlines() if "error" in x]
        return "does not compile: " + (lines or ["?"])[0]
    own = {w[-1] for w in symbols(unit, "--defined-only")}
    lacking = [w[-1] for w in symbols(made, "-u") if w[-1] in own]
    return "lacks " + ", ".join(lacking) if lacking else None


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, errors="replace")

    def ask(self, form, unit, name, path):
        self.process.stdin.write(f"{form} {unit} {name} {path}\n")
        self.process.stdin.flush()
        head, _, why = self.process.stdout.readline().rstrip("\n").partition("\t")
        code, formed, _, size, unit_size, spent, _ = (int(x) for x in head.split())
        return code, formed, size, unit_size, spent, why


def main():
    tool, scratch, count = Tool(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    total = whole = rescued = 0
    sizes, times, failures, lost = [], [], [], []
    for root in sys.argv[4:]:
        drawn = functions(root)
        random.Random(SEED).shuffle(drawn)
        good = 0
        for unit, name in drawn[:count]:
            total += 1
            path = os.path.join(scratch, f"{total}.c")
            code, _, size, unit_size, spent, why = tool.ask("closure", unit, name, path)
            problem = why if code != 0 else judge(path, unit)
            if code == 0:
                sizes.append(size / unit_size)
                times.append(spent / 1000)
            if problem is None:
                good += 1
                continue
            failures.append(f"{unit}: {name}: {problem}")
            code, formed, _, _, _, why = tool.ask("auto", unit, name, path)
            problem = why if code != 0 else judge(path, unit)
            if problem is None:
                rescued += 1
                failures[-1] += f" -> {('', 'closure', 'preprocessed', 'unit')[formed]}"
            else:
                lost.append(f"{unit}: {name}: {problem}")
        whole += good
        print(f"# {root}: {good} of {min(count, len(drawn))} by the tokens alone", flush=True)
    for line in failures:
        print("# by a fall-back:", line)
    for line in lost:
        print("# lost:", line)
    print(f"# {total} functions: {whole} by the tokens alone ({100 * whole / total:.1f} %), "
          f"{rescued} by fall-backs, {len(lost)} lost")
    print(f"# size {statistics.median(sizes):.3f} of the unit, extraction and locating "
          f"{statistics.median(times):.1f} ms (medians)")
    print("ok" if whole >= 0.98 * total else "not ok", "source_tokens_alone")
    print("ok" if not lost else "not ok", "source_with_fall_backs")


main()
