# SPDX-License-Identifier: MIT
"""What bench_object.c does, by CPython's pickle; bench/run_object drives it. See there for the words.

`load`, `load+free` and `dump` are with the garbage collector as users have it, `load-nogc` and
`dump-nogc` without. `inputs DIRECTORY TABLE` makes the pickles.
"""
import gc
import os
import pickle
import statistics
import sys
import time

WORKLOADS = ("ints", "floats", "strings", "dict", "records", "table", "bytes")


def read(path):
    with open(path, "rb") as file:
        return file.read()


# ---- the values --------------------------------------------------------------------------------

def value(name, table):
    """Made with the same numbers in every run: the generator is seeded by the workload's name."""
    import csv
    import random
    chance = random.Random(name)
    if name == "ints":
        return [chance.randrange(-1 << chance.choice((7, 15, 31, 62)), 1 << 31) for _ in range(1_000_000)]
    if name == "floats":
        return [chance.uniform(-1e6, 1e6) for _ in range(200_000)]
    if name == "strings":
        return [f"string {number:x}" for number in range(200_000)]
    if name == "dict":
        return {f"key-{number}": number * 7 for number in range(100_000)}
    if name == "records":
        return [{"id": number, "name": f"user {number}", "score": chance.random() * 100,
                 "active": number % 3 == 0, "email": None if number % 5 == 0 else f"user{number}@example.org",
                 "visits": chance.randrange(100_000)} for number in range(50_000)]
    if name == "table":
        with open(table, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    return random.Random(64).randbytes(64 << 20)


def inputs(directory, table):
    for name in WORKLOADS:
        made = value(name, table)
        for protocol in (4, 5):
            with open(os.path.join(directory, f"{name}.{protocol}.pkl"), "wb") as file:
                pickle.dump(made, file, protocol)


# ---- what is measured --------------------------------------------------------------------------

class Bench:
    def __init__(self, protocol, data):
        self.protocol, self.data, self.kept = protocol, data, None

    def load(self, free_too=False):
        begin = time.perf_counter_ns()
        loaded = pickle.loads(self.data)
        took = time.perf_counter_ns() - begin
        del loaded
        return time.perf_counter_ns() - begin if free_too else took

    def dump(self):
        if self.kept is None:
            self.kept = pickle.loads(self.data)
        begin = time.perf_counter_ns()
        dumped = pickle.dumps(self.kept, self.protocol)
        took = time.perf_counter_ns() - begin
        del dumped
        return took

    def measure(self, what):
        name, _, collector = what.partition("-")
        if collector == "":
            gc.enable()
        else:
            gc.disable()
        if name == "dump":
            return self.dump()
        assert name in ("load", "load+free"), what
        return self.load(name == "load+free")


def serve(bench):
    for line in sys.stdin:
        what, count = line.split()
        print(f"{statistics.median_high(bench.measure(what) for _ in range(int(count))):.0f}", flush=True)


def peak():
    """Of this program's own memory: getrusage mixes it with that of whoever started it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024


def memory(bench, what):
    if what == "dump":
        bench.kept = pickle.loads(bench.data)
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        print("object_cpython: the peak of memory cannot be set back", file=sys.stderr)
    before = peak()
    kept = pickle.dumps(bench.kept, bench.protocol) if what == "dump" else pickle.loads(bench.data)
    print(peak() - before)
    del kept


def once(bench, what):
    if what == "loaded":
        bench.kept = pickle.loads(bench.data)
    elif what != "nothing":
        bench.measure(what)


def main():
    how, *rest = sys.argv[1:]
    if how == "inputs":
        return inputs(*rest)
    protocol, path, *what = rest
    return {"serve": serve, "memory": memory, "once": once}[how](Bench(int(protocol), read(path)), *what)


main()
