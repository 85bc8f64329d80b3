# SPDX-License-Identifier: MIT
"""Tests that are functions: each prints "ok" or "not ok" with its name."""
import contextlib
import gc
import os
import subprocess
import sys
import sysconfig
import textwrap
import traceback

cases = []


def case(function):
    cases.append(function)
    return function


class Skip(Exception):
    """This machine lacks what the test needs."""


def main():
    parent = os.getpid()
    for function in cases:
        name = "python_" + function.__name__
        try:
            function()
        except Skip as why:
            print("skip", name, why)
        except BaseException:
            if os.getpid() != parent:
                raise
            print("not ok", name)
            print(textwrap.indent(traceback.format_exc(), "    "))
        else:
            print("ok", name)
        sys.stdout.flush()


def blocks_are_counted():
    """Skips a test where what is let go need not be free: a free-threaded Python frees later, and keeps
    what is interned."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise Skip("a free-threaded Python keeps what was let go")


def open_descriptors():
    """What is open, by what it leads to."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink("/proc/self/fd/" + name))
        except OSError:  # of the listing itself
            pass
    return sorted(found)


@contextlib.contextmanager
def raises(*kinds):
    try:
        yield
    except kinds:
        return
    raise AssertionError(f"none of {kinds} was raised")


def growth(work, times):
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(times):
        work()
    gc.collect()
    return sys.getallocatedblocks() - before


def flat(work, times=60, noise=1):
    """Doing it so often, and then twice as often, takes no memory, once caches of Python have what they
    want: a leak grows every time. Up to `noise` blocks, however often it is done, are Python's own: what
    counting makes, and what is kept at one time and not at another."""
    blocks_are_counted()
    grown = []
    for _ in range(20):
        grown.append((growth(work, times), growth(work, 2 * times)))
        if max(grown[-1]) <= noise:
            return
    raise AssertionError(grown)


def fork(work):
    """Has a child do it; returns what it ended with. The child ends as a program does."""
    sys.stdout.flush()
    pid = os.fork()
    if pid != 0:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    work()
    os._exit(99)


def script(text, *args):
    """Runs a piece of Python in a process of its own; returns what it says, errors included."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(text), *args],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout
