# SPDX-License-Identifier: MIT
"""Random graphs of objects for comparing picklers: shared parts, cycles, every protocol's corners."""
import collections
import datetime
import random


class Plain:
    pass


class Slots:
    __slots__ = ("a", "b", "c")


class Both(Slots):
    pass


class State:
    def __getstate__(self):
        return dict(self.__dict__, more=[1])

    def __setstate__(self, state):
        self.__dict__.update(state)


class Reduced:
    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return Reduced, self.args


class Stateful(Reduced):
    def __reduce__(self):
        return Reduced, self.args, {"args": self.args, "x": [len(self.args)]}


class NewArgs:
    def __new__(cls, *args):
        return object.__new__(cls)

    def __getnewargs__(self):
        return self.args


class NewArgsEx(NewArgs):
    def __getnewargs_ex__(self):
        return self.args, {}


class DictOf(dict):
    pass


class ListOf(list):
    pass


class IntOf(int):
    pass


Pair = collections.namedtuple("Pair", "left right")
TEXTS = ["", "a", "key", "x" * 64, "x" * 65, "y" * 255, "z" * 256, "\xe9\xe8", "\u20ac" * 5, "\U0001f600",
         "\ud800", "line\nback\\slash\r\x00\x1a", "w" * 70000, "\u1234" * 30000]
NUMBERS = [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**60, -2**60, 2**63,
           -2**63, 2**64, 10**30, -10**30, 2**2040, -128, -32768]


def atom(rnd):
    kind = rnd.randrange(14)
    if kind < 3:
        return rnd.choice(NUMBERS) if rnd.random() < .3 else rnd.randrange(-300, 70000)
    if kind < 7:
        long = rnd.random() < .01
        return rnd.choice(TEXTS[:-2]) if rnd.random() < .4 else \
            rnd.choice(TEXTS) if long else "t%d" % rnd.randrange(50)
    return (lambda: rnd.random(), lambda: None, lambda: rnd.random() < .5,
            lambda: bytes(rnd.randrange(300)), lambda: bytearray(rnd.randrange(5)),
            lambda: rnd.choice([int, Plain, len, Pair, ..., NotImplemented, type(None), 1j, range(3)]),
            lambda: datetime.date(2000, 1, 1 + rnd.randrange(28)))[kind - 7]()


def hashable(rnd, made):
    kind = rnd.randrange(8)
    if kind < 5:
        return rnd.choice(["k%d" % rnd.randrange(20), rnd.randrange(99), None, 2.5, b"b", "\xe9"])
    if kind == 5:
        return tuple(hashable(rnd, made) for _ in range(rnd.randrange(4)))
    if kind == 6:
        return frozenset(hashable(rnd, made) for _ in range(rnd.randrange(4)))
    return next((thing for thing in reversed(made) if isinstance(thing, (Plain, Slots))), 7)


def child(rnd, made):
    return rnd.choice(made) if made and rnd.random() < .45 else atom(rnd)


def part(rnd, made):
    """One more object of earlier ones."""
    def some(limit=5):
        return [child(rnd, made) for _ in range(rnd.randrange(limit))]

    def attributes(thing, names="abc"):
        for name in names:
            if rnd.random() < .7:
                setattr(thing, name, child(rnd, made))
        return thing

    def with_args(kind):
        thing = kind()
        thing.args = tuple(some(4))
        return thing
    kinds = [
        lambda: some(), lambda: some(), lambda: tuple(some()), lambda: tuple(some(7)),
        lambda: {hashable(rnd, made): child(rnd, made) for _ in range(rnd.randrange(6))},
        lambda: {"k%d" % i: child(rnd, made) for i in range(rnd.randrange(6))},
        lambda: {hashable(rnd, made) for _ in range(rnd.randrange(5))},
        lambda: frozenset(hashable(rnd, made) for _ in range(rnd.randrange(5))),
        lambda: attributes(Plain(), "abcdefgh"), lambda: attributes(Plain()),
        lambda: attributes(Slots()), lambda: attributes(Both(), "abcde"),
        lambda: attributes(State()), lambda: Reduced(*some(4)), lambda: Stateful(*some(4)),
        lambda: with_args(NewArgs), lambda: with_args(NewArgsEx),
        lambda: DictOf(a=child(rnd, made)), lambda: attributes(ListOf(some())), lambda: IntOf(5),
        lambda: Pair(child(rnd, made), child(rnd, made)), lambda: collections.deque(some()),
        lambda: collections.OrderedDict(a=child(rnd, made)), lambda: vars(attributes(Plain())),
        lambda: [child(rnd, made) for _ in range(rnd.choice([999, 1000, 1001, 2001]))]
        if rnd.random() < .05 else [],
        lambda: {i: child(rnd, made) for i in range(rnd.choice([999, 1000, 1001, 2000]))}
        if rnd.random() < .05 else {},
    ]
    return rnd.choice(kinds)()


def graph(seed, size=None):
    rnd = random.Random(seed)
    made = []
    for _ in range(rnd.randrange(1, 14) if size is None else size):
        made.append(part(rnd, made))
        if rnd.random() < .3:  # a cycle, sometimes
            target = rnd.choice(made)
            if type(target) in (list, ListOf) and len(target) < 50:
                target.append(rnd.choice(made))
            elif type(target) in (dict, DictOf):
                target["cycle"] = rnd.choice(made)
            elif type(target) is Plain:
                target.cycle = rnd.choice(made)
    whole = made[-1] if rnd.random() < .5 else made
    if rnd.random() < .5:
        del made
    return whole
