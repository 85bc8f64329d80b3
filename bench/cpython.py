# SPDX-License-Identifier: MIT
"""One round of CPython's tempfile: lines of "case contender nanoseconds", as bench.c prints them."""
import os
import sys
import tempfile
import time

directory = sys.argv[1]
tempfile.tempdir = directory
KIB, MIB, PIECE = 1024, 1 << 20, 65536
block = memoryview(b"x" * (64 * MIB))


def named():
    tempfile.NamedTemporaryFile().close()


def unnamed():
    tempfile.TemporaryFile().close()


def mkstemp():
    fd, path = tempfile.mkstemp()
    os.unlink(path)
    os.close(fd)


def temporary_directory():
    tempfile.TemporaryDirectory().cleanup()


def spool(size, piece, max_size):
    with tempfile.SpooledTemporaryFile(max_size=max_size) as file:
        for at in range(0, size, piece):
            file.write(block[at:at + piece])
        file.seek(0)
        for at in range(0, size, piece):
            file.read(piece)


def turn(run, repeat):
    begin = time.perf_counter_ns()
    for _ in range(repeat):
        run()
    return (time.perf_counter_ns() - begin) / repeat


for name, repeat, run in (
    ("named", 600, named),
    ("unnamed", 600, unnamed),
    ("mkstemp", 600, mkstemp),
    ("directory", 400, temporary_directory),
    ("spool 1 KiB", 4000, lambda: spool(KIB, KIB, 64 * KIB)),
    ("spool 1 MiB", 40, lambda: spool(MIB, MIB, 2 * MIB)),
    ("spool 64 MiB", 1, lambda: spool(64 * MIB, PIECE, 8 * MIB)),
):
    turn(run, max(1, repeat // 10))
    print(name, "cpython", f"{min(turn(run, repeat) for _ in range(3)):.1f}", sep="\t")
