#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Functions drawn at random from object files: are they extracted so that they compile, with nothing
undefined that their unit has, and do they give what the originals give?

    source_corpus.py BUILD SCRATCH COUNT DIRECTORY...

Each directory holds a build with -g. COUNT functions are drawn from each, by a fixed seed. The judge is
the compiler, with the flags that the extracted file says, and nm on the original object. Of what needs
the C and mathematical libraries alone, and of them only functions that do no harm whatever they are
given, copy and original are called on generated arguments (source_twin); where a build is not at -O0
the original's parameters may not be what they were, and it is not called.
"""
import concurrent.futures
import functools
import os
import pathlib
import random
import re
import shlex
import statistics
import subprocess
import sys

SEED = 20230613
# What may be called with any arguments.
HARMLESS = re.compile(r"""(str|mem|wcs|wmem|wcr|mb|btow|wcto|tow|isw|__ctype|is|to)\w*|malloc|calloc|realloc
    |free|abort|exit|__errno_location|__assert_fail|__stack_chk_fail|(__)?(v?[s]n?printf|f?putc|f?puts|printf
    |fprintf|vfprintf|putchar|fwrite|v?asprintf|obstack\w*)(_chk|_unlocked)?|std(out|err)|qsort|bsearch|ato\w+
    |__isoc99_sscanf|l?l?abs|div|localeconv|nl_langinfo|(fabs|floor|ceil|sqrt|pow|exp|log|log2|log10|sin|cos
    |tan|fmod|frexp|ldexp|modf|trunc|round|fmin|fmax)[fl]?|getpagesize|gmtime_r|timegm|rand_r|ffs\w*|__\w*_chk
    |_GLOBAL_OFFSET_TABLE_|reallocarray|setlocale|rawmemchr|argz_\w+|sigemptyset|sigaddset""", re.X)


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


@functools.lru_cache(maxsize=None)
def defined_by(unit):
    return {words[-1] for words in symbols(unit, "--defined-only")}


def judge(path, unit):
    """Why it is not whole, or None; and what it leaves undefined."""
    text = pathlib.Path(path).read_text(errors="replace")
    made = path + ".o"
    done = subprocess.run(["cc", "-c", "-O1", "-Werror=implicit-function-declaration",
                           *flags_of(text), "-o", made, path], capture_output=True, text=True)
    if done.returncode != 0:
        lines = [x for x in done.stderr.splitlines() if "error" in x]
        return "does not compile: " + (lines or ["?"])[0], []
    undefined = [words[-1] for words in symbols(made, "-u")]
    os.unlink(made)
    lacking = [name for name in undefined if name in defined_by(unit)]
    return "lacks " + ", ".join(lacking) if lacking else None, undefined


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, errors="replace")

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def extract(self, form, unit, name, path):
        head, _, why = self.ask(form, unit, name, path).partition("\t")
        code, formed, _, size, unit_size, spent, _ = (int(x) for x in head.split())
        return code, formed, size, unit_size, spent, why


def start(build, scratch):
    global TOOL, TWIN, SCRATCH
    TOOL, SCRATCH = Tool(f"{build}/tests/source_tool"), scratch
    twin = f"{build}/tests/source_twin"
    TWIN = Tool(twin) if os.access(twin, os.X_OK) else None


@functools.lru_cache(maxsize=None)
def program_of(unit):
    """The unit as a program, whatever it lacks: the macros of -g3 are only whole when they are linked."""
    path = f"{SCRATCH}/{os.getpid()}-{len(os.listdir(SCRATCH))}.program"
    done = subprocess.run(["cc", "-nostdlib", "-static", "-no-pie", "-o", path, unit,
                           "-Wl,-e,0,--unresolved-symbols=ignore-all"], capture_output=True)
    return path if done.returncode == 0 else unit


@functools.lru_cache(maxsize=None)
def library_of(unit):
    """The unit as a shared library, or None where it cannot be one or was optimised."""
    options = subprocess.run(["readelf", "--debug-dump=info", "--dwarf-depth=1", unit], capture_output=True,
                             text=True, errors="replace").stdout
    if re.search(r"DW_AT_producer.* -O[123s]\b", options):
        return None
    path = f"{SCRATCH}/{os.getpid()}-{len(os.listdir(SCRATCH))}.so"
    done = subprocess.run(["cc", "-shared", "-o", path, unit, "-Wl,-z,lazy,-Bsymbolic",
                           "-Wl,--unresolved-symbols=ignore-all", "-lm"], capture_output=True)
    return path if done.returncode == 0 else None


def compare(path, unit, name, undefined):
    if TWIN is None or any(not HARMLESS.fullmatch(other) for other in undefined):
        return "unfit", "it uses others"
    library = library_of(unit)
    if library is None:
        return "unfit", "no library of it"
    verdict, _, why = TWIN.ask(path, library, name).partition(" ")
    return verdict, why


def one(case):
    number, unit, name = case
    path = os.path.join(SCRATCH, f"{number}.c")
    code, _, size, unit_size, spent, why = TOOL.extract("closure", program_of(unit), name, path)
    problem, undefined = (why, []) if code != 0 else judge(path, unit)
    found = {"case": f"{unit}: {name}", "problem": problem, "whole": problem is None, "lost": None,
             "size": size / unit_size if code == 0 else None, "spent": spent / 1000, "called": None}
    if problem is not None:
        code, formed, _, _, _, why = TOOL.extract("auto", program_of(unit), name, path)
        lost, undefined = (why, []) if code != 0 else judge(path, unit)
        found["lost"] = lost
        found["problem"] += f" -> {('', 'closure', 'preprocessed', 'unit')[formed]}"
    if found["lost"] is None:
        found["called"] = compare(path, unit, name, undefined)
    return found


def report(found, roots):
    total, whole = len(found), sum(f["whole"] for f in found)
    lost = [f for f in found if f["lost"] is not None]
    for root in roots:
        own = [f for f in found if f["root"] == root]
        sizes = [f["size"] for f in own if f["size"] is not None]
        print(f"# {root}: {sum(f['whole'] for f in own)} of {len(own)} by the tokens alone, size "
              f"{statistics.median(sizes or [0]):.3f}, {statistics.median(f['spent'] for f in own):.1f} ms, "
              f"{sum(f['called'] is not None and f['called'][0] == 'equal' for f in own)} called")
    for f in found:
        if not f["whole"] and f["lost"] is None:
            print("# by a fall-back:", f["case"] + ":", f["problem"])
    for f in lost:
        print("# lost:", f["case"] + ":", f["lost"])
    called = [f for f in found if f["called"] is not None and f["called"][0] == "equal"]
    differ = [f for f in found if f["called"] is not None and f["called"][0] == "differ"]
    for f in differ:
        print("# differs:", f["case"] + ":", f["called"][1])
    calls = sum(int(f["called"][1]) for f in called)
    print(f"# {total} functions: {whole} by the tokens alone ({100 * whole / total:.1f} %), "
          f"{total - whole - len(lost)} by fall-backs, {len(lost)} lost")
    sizes = [f["size"] for f in found if f["size"] is not None]
    print(f"# size {statistics.median(sizes):.3f} of the unit, extraction and locating "
          f"{statistics.median(f['spent'] for f in found):.1f} ms (medians)")
    print(f"# {len(called)} functions called {calls} times like their originals, {len(differ)} differ")
    print("ok" if whole >= 0.98 * total else "not ok", "source_tokens_alone")
    print("ok" if not lost else "not ok", "source_with_fall_backs")
    if TWIN is None:
        print("skip source_calls: there is no libdw, or no convention for calls")
    elif not called and not differ:
        print("skip source_calls: none of these can be called")
    else:
        print("ok" if not differ else "not ok", "source_calls")


def main():
    build, scratch, count, roots = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    cases, root_of = [], []
    for root in roots:
        drawn = functions(root)
        random.Random(SEED).shuffle(drawn)
        for unit, name in drawn[:count]:
            cases.append((len(cases), unit, name))
            root_of.append(root)
    with concurrent.futures.ProcessPoolExecutor(2, initializer=start, initargs=(build, scratch)) as pool:
        found = list(pool.map(one, cases, chunksize=4))
    for f, root in zip(found, root_of):
        f["root"] = root
    global TWIN
    TWIN = True if os.access(f"{build}/tests/source_twin", os.X_OK) else None
    report(found, roots)


main()
