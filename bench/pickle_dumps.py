# SPDX-License-Identifier: MIT
"""mayfly.dumps beside pickle's, dill's and cloudpickle's: every workload in a process of its own, all
taking turns in each round, medians. The collector is on, with the data frozen for all alike.

    pickle_dumps.py [WORKLOAD]     without one: a table of all
"""
import gc
import pickle
import resource
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
K = 3
SECONDS = 1.5


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


def peers(plain):
    found = {"mayfly": mayfly.dumps}
    if plain:
        found["pickle"] = pickle.dumps
    for name in "dill", "cloudpickle":
        try:
            found[name] = __import__(name).dumps
        except ImportError:
            print(f"bench/run_pickle: {name} is not here, its columns are empty", file=sys.stderr)
    if plain == "64 MiB of bytes":
        found["memcpy"] = lambda data: bytearray(data)
    return found


def once(function, thing, inner):
    begin = time.perf_counter_ns()
    for _ in range(inner):
        function(thing)
    return (time.perf_counter_ns() - begin) / inner


def one(name):
    plain = name in PLAIN
    if plain:
        import pickle_objects
        thing = pickle_objects.data(name)
        assert mayfly.dumps(thing) == pickle.dumps(thing)
    else:
        thing = by_value(name)
    functions = peers(plain and name)
    gc.collect()
    gc.freeze()
    inner = {key: max(1, int(2e6 / once(function, thing, 1))) for key, function in functions.items()}
    inner = {key: min(count, 2000) for key, count in inner.items()}
    times = {key: [] for key in functions}
    end = time.time() + SECONDS * len(functions)
    while time.time() < end or len(times["mayfly"]) < 5:
        for key, function in functions.items():
            times[key].append(once(function, thing, inner[key]))
    print(name, *(f"{key}={statistics.median(found):.0f}" for key, found in times.items()),
          f"peak={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}", sep="\t")


def shown(ns):
    return f"{ns / 1e6:.2f} ms" if ns >= 1e6 else f"{ns / 1e3:.2f} us"


def table(names):
    print("| workload | mayfly | x pickle | x dill | x cloudpickle |\n| --- | --- | --- | --- | --- |")
    for name in names:
        line = subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.strip().split("\t")
        found = {key: float(value) for key, value in (part.split("=") for part in line[1:])}
        ratios = [f"{found[key] / found['mayfly']:.1f}" if key in found else "-"
                  for key in ("pickle", "dill", "cloudpickle")]
        more = f" ({found['mayfly'] / found['memcpy']:.2f} of memcpy)" if "memcpy" in found else ""
        print("|", name, "|", shown(found["mayfly"]) + more, "|", " | ".join(ratios), "|", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(sys.argv[1])
    else:
        print(f"Python {sys.version.split()[0]}\n")
        table(PLAIN)
        print("\nBy value, of `__main__`, default settings, nothing kept between calls:\n")
        table(BY_VALUE)
