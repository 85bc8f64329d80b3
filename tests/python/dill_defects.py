# SPDX-License-Identifier: MIT
"""The 14 defects of dill.temp that users told of: each is a test with its name, and holds here."""
import asyncio
import functools
import math
import os
import pathlib
import subprocess
import sys
import threading
import warnings

import mayfly.temp as temp

from run import Skip, case, main, raises

LIMIT = 7


async def coroutine(x):
    return x + LIMIT


def grüße(naïve="é"):
    return "ü€😀" + naïve


pair = lambda x: x + 1, lambda x: x * 2  # noqa: E731


def with_default(x=LIMIT, *, y=math.pi):
    return x, y


def traced(function):
    @functools.wraps(function)
    def inner(*args):
        return "traced", function(*args)
    return inner


@traced
def decorated(x):
    return x + LIMIT


def redefined():
    return "first"


first_of_its_name = redefined


def redefined():  # noqa: F811
    return "second"


class Redefined:
    which = "first"


FirstOfItsName = Redefined


class Redefined:  # noqa: F811
    which = "second"


class OfMain:
    def __init__(self, value):
        self.value = value

    def doubled(self):
        return self.value * 2


def both_ways(obj, **keywords):
    """What comes back through a file, which must agree with what comes through a buffer."""
    with temp.dump_source(obj, **keywords) as file:
        text = pathlib.Path(file).read_text(encoding="utf-8")
        loaded = temp.load_source(file)
    buffer = temp.dumpIO_source(obj, **keywords)
    assert str(buffer) == text
    return loaded, temp.loadIO_source(buffer), text


@case
def source_of_async_functions():
    one, other, text = both_ways(coroutine)
    assert asyncio.run(one(1)) == asyncio.run(other(1)) == 8
    assert "asyncio" not in text, "the file above it is no part of it"


@case
def source_of_exec_ed_functions():
    space = {}
    exec("def made(x):\n    return x", space)
    for dump in temp.dump_source, temp.dumpIO_source:
        try:
            dump(space["made"])
        except OSError as error:
            assert "made" in str(error) and "exec" in str(error), error
        else:
            raise AssertionError("an exec'd function has no source")


@case
def source_that_is_not_latin_1():
    one, other, text = both_ways(grüße)
    assert one() == other() == "ü€😀é" and "😀" in text


@case
def unnamed_objects():
    for value in [1, 2, 3], 5, None, "text", {"a": (1, {2})}, 1.5, float("inf"), b"x", True:
        one, other, _ = both_ways(value)
        assert one == other == value and type(one) is type(value), value
    assert both_ways([1, 2], alias="numbers")[2].startswith("numbers = [1, 2]")


@case
def two_lambdas_on_one_line():
    for function, expected in zip(pair, (5, 8)):
        one, other, text = both_ways(function, alias="chosen")
        assert one(4) == other(4) == expected and text.count("lambda") == 1, text


@case
def defaults_that_name_globals():
    one, other, text = both_ways(with_default)
    assert one() == other() == (7, math.pi)
    assert "LIMIT = 7" in text and "import math" in text


@case
def decorated_functions():
    one, other, text = both_ways(decorated)
    assert one(1) == other(1) == ("traced", 8) and text.count("@traced") == 1, text


@case
def redefinitions():
    for obj, expected in (first_of_its_name, "first"), (redefined, "second"):
        one, other, text = both_ways(obj)
        assert one() == other() == expected and text.count("def redefined") == 1
    for cls, expected in (FirstOfItsName, "first"), (Redefined, "second"):
        one, _, text = both_ways(cls)
        assert one.which == expected and text.count("class Redefined") == 1


@case
def the_repl():
    typed = b"""import readline
import mayfly.source as s, sys
def typed(x):
    return x * 3

chosen = lambda x: x + 4
def typed_too(x): return typed(x)

sys.stdout.write("[%s]" % s.importable(typed_too).replace("\\n", "~") + "\\n")
sys.stdout.write("[%s]" % s.getsource(chosen).replace("\\n", "~") + "\\n")
exit()
"""
    said = at_a_terminal([sys.executable, "-i", "-q"], typed)
    assert "[def typed(x):~    return x * 3~" in said.replace("\r", ""), said
    assert "def typed_too(x): return typed(x)~]" in said and "[chosen = lambda x: x + 4~]" in said, said


def at_a_terminal(command, typed):
    """What a program says when that is typed into it, line by line, each after its prompt."""
    import pty
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", PYTHON_HISTORY="", PYTHONSTARTUP="", HOME=os.getcwd())
        os.execv(command[0], command)
    said = b""
    lines = typed.splitlines(keepends=True)
    try:
        while True:
            chunk = os.read(terminal, 4096)
            if not chunk:
                break
            said += chunk
            if said.endswith((b">>> ", b"... ")) and lines:
                os.write(terminal, lines.pop(0))
                said += b"\0"
    except OSError:
        pass  # the other side is gone
    os.waitpid(pid, 0)
    os.close(terminal)
    return said.decode(errors="replace")


@case
def partial():
    bound = functools.partial(with_default, 3, y=4)
    one, other, _ = both_ways(bound)
    assert one() == other() == (3, 4)


@case
def instances_of_main_classes():
    one, other, text = both_ways(OfMain(21))
    assert one.doubled() == other.doubled() == 42 and "pickle" not in text and "mayfly" not in text
    one, _, _ = both_ways(OfMain(3).doubled)
    assert one() == 6


@case
def text_is_taken():
    with temp.dump([1, 2], text=True) as file:
        assert temp.load(file) == [1, 2]
    with temp.dump_source(redefined, text=True) as file:
        file.seek(0)
        assert "def redefined" in file.read()
        assert temp.load_source(file)() == "second"


@case
def pathlib_paths():
    with temp.dump([1, 2], suffix=".pkl") as file:
        assert temp.load(pathlib.Path(file)) == temp.load(str(file)) == temp.load(file) == [1, 2]
    with temp.dump_source(redefined, suffix=".txt") as file:
        assert str(file).endswith(".txt")  # a suffix that is given counts
        assert temp.load_source(pathlib.Path(file))() == "second"


@case
def open_descriptors():
    with temp.dump([1, 2]) as file, temp.dump_source(redefined) as code:
        before = sorted(os.listdir("/proc/self/fd"))
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            for _ in range(20):
                assert temp.load(str(file)) == [1, 2] and temp.load_source(str(code))() == "second"
        assert sorted(os.listdir("/proc/self/fd")) == before


@case
def capture_misses_output_of_C():
    with temp.capture("stdout") as captured:
        print("text")
        sys.stdout.buffer.write(b"bytes\n")
    assert captured.getvalue() == "text\nbytes\n"
    with temp.capture("stdout", fd=True) as captured:
        print("python")
        os.write(1, b"descriptor\n")
        subprocess.run(["echo", "child"], check=True)
    text = captured.getvalue()
    for line in "python", "descriptor", "child":
        assert line in text.splitlines(), text


@case
def what_no_source_can_say_is_told():
    lock = threading.Lock()

    def uses_lock():
        return lock
    with raises(OSError):
        temp.dumpIO_source(uses_lock)
    try:
        temp.dumpIO_source(uses_lock)
    except OSError as error:
        assert "lock" in str(error)


if __name__ == "__main__":
    main()
