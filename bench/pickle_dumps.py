# SPDX-License-Identifier: MIT
"""mayfly.dumps beside pickle's, dill's and cloudpickle's, in processor time: what else runs on the
machine takes little of that. Every workload has a process of its own, in which all take turns in each of a
few rounds; then mayfly and pickle have one each, alone. Ratios are of medians.

    pickle_dumps.py            all tables
    pickle_dumps.py brief      without the peers that are written in Python on plain data, and nobody alone
    pickle_dumps.py by-value   functions and classes alone
    pickle_dumps.py one|alone WORKLOAD [CONTENDER...]    what runs in those processes

The collector is on, with the data frozen for all alike.
"""
import gc
import importlib
import json
import math
import pickle
import statistics
import subprocess
import sys
import time

import mayfly

PLAIN = """1e6 ints;2e5 floats;2e5 distinct strings;2e5 repeated strings;1e5-entry dict;5e4 records;\
5e4 instances;5e4 with slots;5e4 dataclasses;1e5 tuples;5e4 datetimes;1e5 in a set;\
1e5 non-ASCII strings;5e4 with __reduce__;64 MiB of bytes;[1, 2, 3];a small dict;a small object""".split(";")
BY_VALUE = ["lambda", "closure", "recursive function", "function with globals", "class",
            "instance of it", "100 closures"]
WANTED = PLAIN[2:10]  # whose geometric mean is a goal
ROUNDS = 7
TURN = 15e6          # nanoseconds that a turn takes, if one call is not more
LONG = 15e7          # a call that takes so long has but two rounds
K = 3


def uses(x):
    return x * K + len(str(x))


def make(n):
    y = n

    def inner(z):
        return z + y + n
    return inner


def recursive():
    def fact(n):
        return 1 if n < 2 else n * fact(n - 1)
    return fact


class Class:
    "doc"
    z = 1

    def __init__(self, a):
        self.a = a

    def m(self):
        return self.a + self.z

    @property
    def p(self):
        return self.a

    @staticmethod
    def s(x):
        return x


def by_value(name):
    return {"lambda": lambda: lambda x: x + 1, "closure": lambda: make(3),
            "recursive function": recursive, "function with globals": lambda: uses,
            "class": lambda: Class, "instance of it": lambda: Class(3),
            "100 closures": lambda: [make(i) for i in range(100)]}[name]()


def timed(function, thing, calls=1):
    begin = time.process_time_ns()
    for _ in range(calls):
        function(thing)
    return (time.process_time_ns() - begin) / calls


def contender(name):
    """None, loudly, where it is not there."""
    if name == "memcpy":
        return bytearray
    try:
        return importlib.import_module(name).dumps
    except ImportError:
        print(f"bench/run_pickle: {name} is not here, its columns are empty", file=sys.stderr)
        return None


def thing_of(name):
    if name not in PLAIN:
        return by_value(name)
    import pickle_objects
    return pickle_objects.data(name)


def one(name, names):
    """Medians in nanoseconds, of all in turns."""
    thing = thing_of(name)
    functions = {each: contender(each) for each in names}
    functions = {each: function for each, function in functions.items() if function is not None}
    if name in PLAIN:
        assert mayfly.dumps(thing) == pickle.dumps(thing)
    gc.collect()
    gc.freeze()
    first = {each: timed(function, thing) for each, function in functions.items()}
    again = {each: first[each] if first[each] > LONG else min(timed(function, thing) for _ in range(3))
             for each, function in functions.items()}
    calls = {each: max(1, int(TURN / max(took, 100))) for each, took in again.items()}
    times = {each: [] for each in functions}
    for number in range(ROUNDS):
        for each, function in functions.items():
            if number < 2 or first[each] <= LONG:
                times[each].append(timed(function, thing, calls[each]))
    return {each: statistics.median(took) for each, took in times.items()}


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field + ":"))


def alone(name, names):
    """The first call, the median of those after it, and how much memory the first one took at most."""
    thing, function = thing_of(name), contender(names[0])
    gc.collect()
    gc.freeze()
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # forgets the highest so far
    before = memory("VmRSS")
    first = timed(function, thing)
    most = memory("VmHWM") - before
    calls = max(1, int(TURN / max(first, 1e3)))
    return first, statistics.median(timed(function, thing, calls) for _ in range(9)), most / 1024


def worker(kind, name, *names):
    """Its answer; None, loudly, if it failed."""
    done = subprocess.run([sys.executable, "-W", "ignore", __file__, kind, name, *names],
                          stdout=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    print(f"bench/run_pickle: {name} ({', '.join(names)}): exit status {done.returncode}", file=sys.stderr)
    return None


def shown(ns):
    return f"{ns / 1e6:.2f} ms" if ns >= 1e6 else f"{ns / 1e3:.2f} us"


def row(*cells):
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def ratio(found, other):
    return f"{found[other] / found['mayfly']:.1f}" if found and other in found else "-"


def cells_alone(name):
    ours, theirs = worker("alone", name, "mayfly"), worker("alone", name, "pickle")
    if ours is None or theirs is None:
        return "-", "-", "-"
    return (f"{theirs[1] / ours[1]:.1f}", f"{theirs[0] / ours[0]:.1f}",
            f"{ours[2]:.1f} / {theirs[2]:.1f}")


def mean(ratios):
    return f"{math.exp(statistics.mean(map(math.log, ratios))):.1f}" if ratios else "-"


def table_of_plain(brief):
    others = ["dill", "cloudpickle"] if not brief else []
    more = ["pickle, alone", "first call, alone", "peak MiB, mayfly / pickle"] if not brief else []
    heads = ["workload", "mayfly", "x pickle", *("x " + other for other in others), *more]
    row(*heads)
    row(*("---" for _ in heads))
    goal, goal_alone = [], []
    for name in PLAIN:
        copies = ["memcpy"] if name == "64 MiB of bytes" else []
        found = worker("one", name, "mayfly", "pickle", *others, *copies)
        cells = cells_alone(name) if not brief else ()
        if found and name in WANTED:
            goal.append(found["pickle"] / found["mayfly"])
            goal_alone += [float(cells[0])] if cells and cells[0] != "-" else []
        time_taken = shown(found["mayfly"]) if found else "-"
        if found and "memcpy" in found:
            time_taken += f" ({found['mayfly'] / found['memcpy']:.2f} of memcpy)"
        row(name, time_taken, ratio(found, "pickle"), *(ratio(found, other) for other in others), *cells)
    row(f"geometric mean, {WANTED[0]} to {WANTED[-1]}", "", mean(goal), *("" for _ in others),
        *([mean(goal_alone), "", ""] if more else []))


def version(name):
    try:
        return f"{name} {importlib.import_module(name).__version__}"
    except ImportError:
        return f"no {name}"


def table_by_value():
    print(f"\nBy value, of `__main__`, default settings, nothing kept between calls; {version('dill')}, "
          f"{version('cloudpickle')}:\n")
    row("object", "mayfly", "x dill", "x cloudpickle")
    row(*["---"] * 4)
    for name in BY_VALUE:
        found = worker("one", name, "mayfly", "dill", "cloudpickle")
        row(name, shown(found["mayfly"]) if found else "-", ratio(found, "dill"), ratio(found, "cloudpickle"))


if __name__ == "__main__":
    if sys.argv[1:2] in (["one"], ["alone"]):
        print(json.dumps((one if sys.argv[1] == "one" else alone)(sys.argv[2], sys.argv[3:])))
    else:
        if sys.argv[1:] != ["by-value"]:
            table_of_plain(sys.argv[1:] == ["brief"])
        table_by_value()
