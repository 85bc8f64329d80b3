# SPDX-License-Identifier: MIT
"""The workloads of bench/pickle_dumps.py, importable, so that pickle writes their classes by name."""
import dataclasses
import datetime
import random
import string


class Plain:
    def __init__(self, i):
        self.id = i
        self.name = "user%d" % i
        self.score = i * 0.5
        self.tags = ["a", "b"]
        self.active = bool(i & 1)


class Slots:
    __slots__ = ("id", "name", "score", "active")

    def __init__(self, i):
        self.id = i
        self.name = "user%d" % i
        self.score = i * 0.5
        self.active = True


@dataclasses.dataclass
class Record:
    id: int
    name: str
    x: float
    y: float


class Reduced:
    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __reduce__(self):
        return Reduced, (self.a, self.b)


def data(name):
    rnd = random.Random(7)

    def word(length):
        return "".join(rnd.choices(string.ascii_lowercase, k=length))
    base = [word(10) for _ in range(200)]
    start = datetime.datetime(2020, 1, 1)
    return {
        "1e6 ints": lambda: [rnd.randrange(1 << 28) for _ in range(10**6)],
        "2e5 floats": lambda: [rnd.random() for _ in range(200000)],
        "2e5 distinct strings": lambda: [word(8) + str(i) for i in range(200000)],
        "2e5 repeated strings": lambda: [rnd.choice(base) for _ in range(200000)],
        "1e5-entry dict": lambda: {word(6) + str(i): i for i in range(100000)},
        "5e4 records": lambda: [{"id": i, "name": "name%d" % i, "email": "u%d@example.com" % i,
                                 "age": i % 90, "score": i * 0.25, "tags": ["x", "y", i]}
                                for i in range(50000)],
        "5e4 instances": lambda: [Plain(i) for i in range(50000)],
        "5e4 with slots": lambda: [Slots(i) for i in range(50000)],
        "5e4 dataclasses": lambda: [Record(i, "n%d" % i, i * .1, i * .2) for i in range(50000)],
        "1e5 tuples": lambda: [(i, i + 1, "k%d" % i) for i in range(100000)],
        "5e4 datetimes": lambda: [start + datetime.timedelta(seconds=i) for i in range(50000)],
        "1e5 in a set": lambda: {word(6) + str(i) for i in range(100000)},
        "1e5 non-ASCII strings": lambda: ["h\xe9llo w\xf6rld %d \u20ac" % i for i in range(100000)],
        "5e4 with __reduce__": lambda: [Reduced(i, str(i)) for i in range(50000)],
        "64 MiB of bytes": lambda: rnd.randbytes(64 << 20),
        "[1, 2, 3]": lambda: [1, 2, 3],
        "a small dict": lambda: {"a": 1, "b": [1.5, "xyz"], "c": None},
        "a small object": lambda: Plain(3),
    }[name]()
