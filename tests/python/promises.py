# SPDX-License-Identifier: MIT
"""Rows of docs/guarantees.md about Python's objects and sources: dumping and loading without memory, on a full
disk, in a forked child, and in a process that is killed or told to stop."""
import collections
import contextlib
import io
import os
import pathlib
import pickle
import resource
import signal
import subprocess
import sys

import mayfly
from mayfly import temp
from run import Skip, case, fork, main, raises

Point = collections.namedtuple("Point", "x y")


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def data():
    shared = ["x", 1, 2.5, None, True, b"bytes", 10 ** 40]
    return {"list": shared, "again": shared, "tuple": (1, (2, (3, 4, 5))), "set": {1, 2}, "text": "ü" * 300,
            "point": Point(1, 2), "plain": Plain(a=1, b=[shared]), "frozen": frozenset("ab")}


def sample(x, more=[1]):
    return lambda y: x + y + len(more)


def every_allocation_refused(work):
    """Refuses the first allocation of Python's, then the second, and so on until none is missing."""
    try:
        from _testcapi import remove_mem_hooks, set_nomemory
    except ImportError:
        raise Skip("this Python has no _testcapi") from None
    work()
    refused = 0
    for n in range(1, 5000):
        set_nomemory(n, n + 1)
        try:
            work()
            good = True
        except MemoryError:
            good = False
        except RuntimeError as error:
            good = False
            if "can't allocate lock" not in str(error):  # so Python 3.9's importlib says it
                raise
        finally:
            remove_mem_hooks()
        if good and refused and n > 3 * refused + 50:
            return refused
        refused += not good
    return refused


@case
def dumping_survives_every_refused_allocation():
    plain = data()
    del plain["point"]  # collections.namedtuple() itself fails with a SystemError in Python 3.11
    for obj in plain, [sample, sample(2)]:
        before = mayfly.dumps(obj)
        assert every_allocation_refused(lambda obj=obj: mayfly.dumps(obj)) > 0
        assert mayfly.dumps(obj) == before


@case
def loading_survives_every_refused_allocation():
    whole = data()
    if sys.version_info[:2] == (3, 13):
        del whole["plain"]  # type() itself crashes when it is refused memory for a class that has __dict__
    for obj in whole, [sample, sample(2)]:
        text = mayfly.dumps(obj)
        assert every_allocation_refused(lambda text=text: mayfly.loads(text)) > 3
        mayfly.loads(text)
    assert mayfly.loads(mayfly.dumps(sample(2)))(3) == 6


@contextlib.contextmanager
def disk_with(size):
    """Has the kernel refuse whatever is written to a file past `size`, as a full disk would."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@case
def a_dump_on_a_full_disk_leaves_nothing_half_written():
    before = os.listdir(os.environ["TMPDIR"])
    large = [os.urandom(100) for _ in range(2000)]
    target = pathlib.Path("target.pkl")
    target.write_bytes(b"old")
    with disk_with(4096):
        with raises(OSError):
            temp.dump(large)
        with raises(OSError):
            with mayfly.replace(str(target), "wb") as file:
                mayfly.dump(large, file)
    assert target.read_bytes() == b"old"
    assert os.listdir(os.environ["TMPDIR"]) == before
    with temp.dump(large) as file:
        assert temp.load(file) == large


@case
def a_forked_child_loads_what_its_parent_dumped_and_removes_nothing():
    dumped, source = temp.dump(data()["list"]), temp.dump_source(sample)

    def work():
        assert temp.load(dumped) == data()["list"] and temp.load_source(source)(1)(2) == 4
        dumped.close()
        source.close()
        sys.exit(0)
    assert fork(work) == 0
    assert temp.load(dumped) == data()["list"] and temp.load_source(source)(1)(2) == 4
    for file in dumped, source:
        path = str(file)
        file.close()
        assert not os.path.exists(path)


HOLDS = """
import signal, sys
import mayfly
from mayfly import temp

def function():
    return 1

if sys.argv[1] == "catch":
    mayfly.keep_on_signals()
session = mayfly.Session("held")
held = temp.dump([1, 2]), temp.dump_source(function), temp.dump(function)
print(*held, flush=True)
signal.pause()
"""


def ended_by(number, how):
    pathlib.Path("holds.py").write_text(HOLDS)
    child = subprocess.Popen([sys.executable, "holds.py", how], stdout=subprocess.PIPE, text=True)
    names = child.stdout.readline().split()
    child.send_signal(number)
    assert child.wait() == -number and len(names) == 3, (child.returncode, names)
    child.stdout.close()
    return names


@case
def dumps_and_sources_go_when_their_process_is_told_to_stop():
    for number in signal.SIGTERM, signal.SIGHUP:
        ended_by(number, "catch")
        assert os.listdir(os.environ["TMPDIR"]) == []


@case
def dumps_and_sources_of_a_killed_process_are_reaped():
    names = ended_by(signal.SIGKILL, "let")
    assert all(map(os.path.exists, names))
    mayfly.reap()
    assert os.listdir(os.environ["TMPDIR"]) == []


@case
def a_failed_load_leaves_the_file_open_and_nothing_imported():
    text = pickle.dumps(data())[:-1] + b"cno_such_module\nname\n."
    file = io.BytesIO(text)
    with raises(ImportError, pickle.UnpicklingError):
        mayfly.load(file)
    assert not file.closed and "no_such_module" not in sys.modules


if __name__ == "__main__":
    main()
