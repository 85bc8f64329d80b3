# SPDX-License-Identifier: MIT
"""What dill writes of functions and classes, read here as data, written again, and run by Python."""
import math
import sys
import types
import warnings

import dill

from object_client import Died, Refused
from object_report import short_hex

OFFSET = 1000


def plain(x):
    return x * 2


def with_defaults(x, y=3, *more, z=4, **rest):
    return x, y, more, z, sorted(rest)


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


def uses_globals(x):
    return math.floor(x) + OFFSET


def closure(start):
    total = [start]

    def add(x):
        total[0] += x
        return total[0]

    return add


def mutual():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    return even


def generator(n):
    for i in range(n):
        yield i * i


def annotated(x: int, y: "str" = "é") -> bool:
    """A docstring."""
    return bool(x) and y == "é"


class Counter:
    step = 2

    def __init__(self, start=0):
        self.at = start

    def next(self):
        self.at += self.step
        return self.at

    @property
    def double(self):
        return self.at * 2

    @staticmethod
    def fixed():
        return 7

    @classmethod
    def made(cls):
        return cls(5)


class Child(Counter):
    step = 10

    def next(self):
        return super().next() + 1


def local_class():
    class Local:
        def __init__(self, x):
            self.x = x

        def __eq__(self, other):
            return self.x == other.x

        def __hash__(self):
            return hash(self.x)

        def get(self):
            return self.x, __class__.__name__
    return Local


def examples():
    """(name, value, what to do with it)."""
    local = local_class()
    yield "lambda", lambda x: x + 1, lambda f: f(41)
    yield "lambda with default", lambda x, y=[1, 2]: (x, y), lambda f: f(0)
    yield "function", plain, lambda f: f(21)
    yield "defaults", with_defaults, lambda f: f(1, 2, 3, 4, z=5, q=6)
    yield "recursive", factorial, lambda f: f(30)
    yield "globals", uses_globals, lambda f: f(2.5)
    yield "closure", closure(5), lambda f: (f(1), f(2))
    yield "mutual", mutual(), lambda f: (f(10), f(7))
    yield "generator", generator, lambda f: list(f(5))
    yield "annotated", annotated, lambda f: (f(1), f.__doc__, f.__name__, f.__annotations__)
    yield "instance", Counter(3), lambda c: (c.next(), c.double, c.fixed())
    yield "class", Counter, lambda c: (c(1).next(), c.made().at)
    yield "derived", Child, lambda c: c(1).next()
    yield "instance of derived", Child(4), lambda c: (c.next(), c.at)
    yield "bound method", Counter(3).next, lambda m: (m(), m())
    yield "class method", Counter.made, lambda m: m().at
    yield "local class", local, lambda c: c(3).get()
    yield "local instance", local(8), lambda i: (i.get(), i == i)
    yield "list of functions", [plain, factorial, plain], lambda l: (l[0](2), l[1](5), l[0] is l[2])
    yield "dict of closures", {i: closure(i) for i in range(3)}, lambda d: [f(1) for f in d.values()]
    yield "module", math, lambda m: m.sqrt(16)
    yield "type", int, lambda t: t("5")
    yield "types", [type(None), types.FunctionType, type(Ellipsis), list], str
    yield "code", compile("1 + 2", "<there>", "eval"), eval
    yield "cell", plain.__closure__ or closure(9).__closure__[0], lambda c: c.cell_contents
    yield "partial", __import__("functools").partial(with_defaults, 1, z=9), lambda p: p(2)
    yield "built-in", [len, math.sin, "".join, [].append], lambda l: (l[0]("abc"), l[1](0), l[2](["a", "b"]))
    yield "named tuple", __import__("collections").namedtuple("P", "x y")(1, 2), lambda p: (p.x, p._asdict())
    yield "slice, range, complex", [slice(1, 2), range(3), 1j, {1, 2}, frozenset((1,)), b"x"], str


def one(tool, stream, target, act, want):
    ours = tool.dump(stream, target)
    for times in ("once", "twice"):
        got = act(dill.loads(ours))
        if got != want:
            return f"{got!r} instead of {want!r}, written {times}"
        ours = tool.dump(ours, target)
    return None


def functions(tool):
    for recurse in (False, True):
        for by_value in (False, True):
            for name, value, act in examples():
                for protocol in (2, 3, 4, 5):
                    settings = dict(protocol=protocol, recurse=recurse, byref=not by_value)
                    try:
                        stream = dill.dumps(value, **settings)
                        want = act(dill.loads(stream))
                    except Exception:
                        continue  # what dill cannot do itself
                    for target in (protocol, 4):
                        try:
                            said = one(tool, stream, target, act, want)
                            tool.repr(stream)
                            tool.ask("G", stream)
                            tool.ask("C", stream)
                        except (Refused, Died) as error:
                            said = f"{type(error).__name__}: {error}"
                        except Exception as error:
                            said = f"dill cannot read it: {type(error).__name__}: {error}"
                        yield said and f"{name} {protocol} to {target}: {said}: {short_hex(stream)}"


def run(check, tool):
    # As from a script: what is in __main__ is dumped by value, not by its name.
    main = sys.modules["__main__"]
    warnings.simplefilter("ignore", dill.PicklingWarning)
    for name in ("plain", "with_defaults", "factorial", "uses_globals", "closure", "mutual", "generator",
                 "annotated", "Counter", "Child", "local_class", "OFFSET", "math"):
        thing = globals()[name]
        if getattr(thing, "__module__", None) == __name__:
            thing.__module__ = "__main__"
        setattr(main, name, thing)
    check("O4_functions_and_classes_of_dill_run_again", functions, tool)
