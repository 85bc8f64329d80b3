# SPDX-License-Identifier: MIT
"""One workload of bench/run_unpickle, in a process of its own: python unpickle_worker.py NAME MODE ROUNDS.

Prints, as JSON, the seconds that each contender took in each round. MODE: "on", "off" (the collector
of every contender), or "fresh:CONTENDER", where the first load of the process is timed.
"""
import __main__
import collections
import dataclasses
import datetime
import gc
import json
import pickle
import random
import sys
import time


class Plain:
    def __init__(self, i):
        self.id, self.name, self.score, self.tags, self.on = i, "name%d" % i, i * 0.5, None, True


class Slotted:
    __slots__ = ("id", "name", "score", "tags")

    def __init__(self, i):
        self.id, self.name, self.score, self.tags = i, "name%d" % i, i * 0.5, None


@dataclasses.dataclass
class Data:
    id: int
    name: str
    score: float


class Reduced:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __reduce__(self):
        return Reduced, (self.a, self.b)


class Small:
    def __init__(self):
        self.x, self.y = 1, "two"


def record(i):
    return {"id": i, "name": "n%d" % i, "score": i * 0.25, "active": i % 2 == 0, "tag": "t%d" % (i % 50), "count": i}


WORKLOADS = {
    "ints": ("1,000,000 ints", lambda: [random.randrange(-2 ** 31, 2 ** 31) for _ in range(1000000)]),
    "floats": ("200,000 floats", lambda: [random.random() for _ in range(200000)]),
    "strings": ("200,000 distinct strings", lambda: ["string%d" % i for i in range(200000)]),
    "repeated": ("200,000 repeated strings", lambda: ["string%d" % (i % 100) for i in range(100)] * 2000),
    "dict": ("dict of 100,000", lambda: {"key%d" % i: i for i in range(100000)}),
    "records": ("50,000 dicts of six", lambda: [record(i) for i in range(50000)]),
    "instances": ("50,000 instances", lambda: [Plain(i) for i in range(50000)]),
    "slots": ("50,000 with slots", lambda: [Slotted(i) for i in range(50000)]),
    "dataclasses": ("50,000 dataclasses", lambda: [Data(i, "n%d" % i, i * 0.5) for i in range(50000)]),
    "tuples": ("100,000 tuples", lambda: [(i, "t%d" % i, i * 0.5) for i in range(100000)]),
    "datetimes": ("50,000 datetimes", lambda: [datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=i)
                                               for i in range(50000)]),
    "sets": ("set of 100,000", lambda: set(range(0, 300000, 3))),
    "unicode": ("100,000 non-ASCII strings", lambda: ["gr\u00fc\u00dfe \u4f60\u597d %d" % i for i in range(100000)]),
    "reduce": ("50,000 with __reduce__", lambda: [Reduced(i, str(i)) for i in range(50000)]),
    "bytes": ("64 MiB of bytes", lambda: bytes(64 << 20)),
    "small_list": ("[1, 2, 3]", lambda: [1, 2, 3]),
    "small_dict": ("a small dict", lambda: {"a": 1, "b": [2, 3], "name": "x" * 10}),
    "small_object": ("a small object", Small),
}

FUNCTIONS = '''
scale = 3
def with_globals(x): return x * scale
def closure(n):
    def inner(x): return x + n
    return inner
def recursive():
    def f(n): return 1 if n < 2 else n * f(n - 1)
    return f
class Defined:
    attribute = 1
    def method(self): return self.attribute
    def other(self, x): return self.method() + x
'''
OF_DILL = {
    "lambda": ("a lambda", "lambda x: x + 1"),
    "closure": ("a closure", "closure(5)"),
    "recursive": ("a recursive function", "recursive()"),
    "globals": ("a function with globals", "with_globals"),
    "class": ("a class of __main__", "Defined"),
    "instance": ("an instance of it", "Defined()"),
    "closures": ("100 closures", "[closure(i) for i in range(100)]"),
}


def contenders(name):
    import mayfly
    peers = {"mayfly": mayfly.loads, "pickle": pickle.loads}
    for peer in ("dill", "cloudpickle"):
        try:
            peers[peer] = __import__(peer).loads
        except ImportError:
            pass
    if name in OF_DILL:
        exec(FUNCTIONS, vars(__main__))
        value = eval(OF_DILL[name][1], vars(__main__))
        import dill
        data = dill.dumps(value)
        found = {"mayfly": (mayfly.loads, data), "dill": (dill.loads, data)}
        if "cloudpickle" in peers:
            import cloudpickle
            found["cloudpickle"] = (cloudpickle.loads, cloudpickle.dumps(value))
        return found
    random.seed(1)
    data = pickle.dumps(WORKLOADS[name][1](), 4)
    if name == "bytes":
        peers["memcpy"] = bytearray
    return {peer: (load, data) for peer, load in peers.items() if peer != "cloudpickle"}


def timed(load, data, times):
    begin = time.process_time()
    for _ in range(times):
        value = load(data)
    took = time.process_time() - begin
    del value
    return took / times


def main():
    name, mode, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    found = contenders(name)
    if mode.startswith("fresh:"):
        peer = mode.partition(":")[2]
        load, data = found[peer]
        print(json.dumps({peer: [timed(load, data, 1)]}))
        return
    gc.collect()
    gc.freeze()
    if mode == "off":
        gc.disable()
    once = min(timed(load, data, 1) for load, data in found.values())
    times = max(1, min(5000, int(0.005 / once)))
    took = collections.defaultdict(list)
    order = list(found)
    for turn in range(rounds):
        for peer in order[turn % len(order):] + order[:turn % len(order)]:
            gc.collect()
            took[peer].append(timed(*found[peer], times))
    print(json.dumps(took))


if __name__ == "__main__":
    main()
