# SPDX-License-Identifier: MIT
"""mayfly.tempfile beside CPython's tempfile, in one run and round by round in turn.

    bench/run_python BUILD          prints a table; medians of rounds, the ratio with its quartiles
"""
import os
import statistics
import subprocess
import sys
import tempfile as theirs
import time

import mayfly.tempfile as ours

ROUNDS = int(os.environ.get("ROUNDS", "25"))
KIB = b"x" * 1024


def named(m, n):
    for _ in range(n):
        with m.NamedTemporaryFile() as file:
            file.write(b"hello")


def unnamed(m, n):
    for _ in range(n):
        with m.TemporaryFile() as file:
            file.write(b"hello")


def mkstemp(m, n):
    for _ in range(n):
        fd, path = m.mkstemp()
        os.close(fd)
        os.unlink(path)


def empty_directory(m, n):
    for _ in range(n):
        with m.TemporaryDirectory():
            pass


def spooled(m, n):
    for _ in range(n):
        with m.SpooledTemporaryFile(max_size=65536) as file:
            file.write(KIB)
            file.seek(0)
            file.read()


def gettempdir(m, n):
    f = m.gettempdir
    for _ in range(n):
        f()


def timed(work, m, n):
    start = time.process_time_ns()
    work(m, n)
    return (time.process_time_ns() - start) / n


def removing_a_thousand(m, n):
    """Only the end is timed: making the files is the same for both."""
    total = 0
    for _ in range(n):
        directory = m.TemporaryDirectory()
        fd = os.open(directory.name, os.O_RDONLY)
        for i in range(1000):
            os.close(os.open(f"{i}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.close(fd)
        start = time.process_time_ns()
        directory.cleanup()
        total += time.process_time_ns() - start
    return total / n


# What is timed is inside, so that starting an interpreter is not part of it.
IMPORT = """
import sys, time
sys.path.insert(0, sys.argv[1])
start = time.process_time_ns()
import {module}
print(time.process_time_ns() - start)
"""


def importing(m, n):
    module = "tempfile" if m is theirs else "mayfly.tempfile"
    path = os.path.dirname(os.path.dirname(os.path.abspath(ours.__file__)))
    out = [int(subprocess.run([sys.executable, "-S", "-I", "-c", IMPORT.format(module=module), path],
                              stdout=subprocess.PIPE, check=True).stdout) for _ in range(n)]
    return statistics.median(out)


def by_time(work):
    return lambda m, n: timed(work, m, n)


def raw_calls(name):
    """Processor time of the bare system calls, by bench/raw_python; None: it has no such."""
    tool = os.environ.get("RAW_PYTHON")
    if name is None or not tool or not os.access(tool, os.X_OK):
        return None
    return int(subprocess.run([tool, name, "15"], stdout=subprocess.PIPE, check=True).stdout)


WORKLOADS = [  # name, work, how many in a round, wanted, raw calls
    ("import, -S -I", importing, 3, 0.25, None),
    ("NamedTemporaryFile, write, close", by_time(named), 300, 0.55, "named"),
    ("TemporaryFile, write, close", by_time(unnamed), 300, 0.6, "unnamed"),
    ("mkstemp, close, unlink", by_time(mkstemp), 300, 0.8, None),
    ("TemporaryDirectory, empty", by_time(empty_directory), 200, 0.5, None),
    ("cleanup of 1,000 files", removing_a_thousand, 2, 0.5, "thousand"),
    ("SpooledTemporaryFile, 1 KiB", by_time(spooled), 2000, 0.6, None),
    ("gettempdir", by_time(gettempdir), 20000, 0.5, None),
]


def main():
    place = "tmpfs" if theirs.gettempdir().startswith("/dev/shm") else "disk"
    print(f"Python {sys.version.split()[0]}, {place}, {ROUNDS} rounds in turn, {os.cpu_count()} "
          "processors.\n")
    print("| what | CPython, us | mayfly, us | ratio | quartiles | wanted | raw calls, us |")
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: |")
    for name, work, n, wanted, raw in WORKLOADS:
        pairs, bare = [], []
        work(theirs, n), work(ours, n)
        for i in range(ROUNDS):
            order = (theirs, ours) if i % 2 == 0 else (ours, theirs)
            took = {m: work(m, n) for m in order}
            pairs.append((took[theirs], took[ours]))
            if i % 5 == 0:
                bare.append(raw_calls(raw))
        bare = [took for took in bare if took is not None]
        ratios = sorted(b / a for a, b in pairs)
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"| {name} | {statistics.median(a for a, _ in pairs) / 1000:.2f} "
              f"| {statistics.median(b for _, b in pairs) / 1000:.2f} | **{middle:.2f}** "
              f"| {low:.2f}-{high:.2f} | {wanted} "
              f"| {f'{statistics.median(bare) / 1000:.2f}' if bare else '-'} |", flush=True)


main()
