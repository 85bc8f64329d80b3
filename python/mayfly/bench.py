# SPDX-License-Identifier: MIT
"""How long dumping and loading take, to a file and to a buffer, and how large what is dumped is.

    bench = mayfly.bench.Benchmark()
    bench.benchmark_temp_operations({"list": [1, 2, 3]}, iterations=10)
    bench.benchmark_io_operations({"list": [1, 2, 3]})
    bench.print_results()

    python3 -m mayfly.bench [--iterations N] [--json] [--plot [FILE]] [--against dill pickle ...]

With --against the same is done by others in turns with ours, round by round, and what is said is how
often each of them fits into the time of the slowest: a ratio of medians of the same run.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from . import temp


class Benchmark:
    """As the document about dill.temp has it; the results are a dict of numbers by name."""

    def __init__(self, say=print):
        self.results = {}
        self._say = say or (lambda text: None)

    def benchmark_temp_operations(self, test_objects, iterations=10):
        """Measures temp.dump and temp.load of each object."""
        for name, obj in test_objects.items():
            self._say(f"Benchmarking {name}...")
            dumps, loads, sizes = [], [], []
            for _ in range(iterations):
                took, file = timed(temp.dump, obj)
                dumps.append(took)
                sizes.append(os.path.getsize(file))
                loads.append(timed(temp.load, file)[0])
                file.close()
            self.results.setdefault(name, {}).update(
                avg_dump_time=statistics.fmean(dumps), avg_load_time=statistics.fmean(loads),
                avg_file_size=statistics.fmean(sizes), min_dump_time=min(dumps),
                max_dump_time=max(dumps), min_load_time=min(loads), max_load_time=max(loads),
                median_dump_time=statistics.median(dumps), median_load_time=statistics.median(loads))

    def benchmark_io_operations(self, test_objects, iterations=10):
        """Measures temp.dumpIO and temp.loadIO of each object."""
        for name, obj in test_objects.items():
            self._say(f"Benchmarking IO operations for {name}...")
            dumps, loads, sizes = [], [], []
            for _ in range(iterations):
                took, buffer = timed(temp.dumpIO, obj)
                dumps.append(took)
                sizes.append(len(buffer))
                loads.append(timed(temp.loadIO, buffer)[0])
            self.results.setdefault(name, {})["io"] = {
                "avg_dump_time": statistics.fmean(dumps), "avg_load_time": statistics.fmean(loads),
                "avg_buffer_size": statistics.fmean(sizes),
                "median_dump_time": statistics.median(dumps),
                "median_load_time": statistics.median(loads)}

    def print_results(self):
        print("\nSerialization Benchmark Results")
        print("=" * 60)
        for name, results in self.results.items():
            print(f"\n{name}:")
            print("-" * 30)
            if "avg_dump_time" in results:
                print("File Operations:")
                print(f"  Avg dump time: {results['avg_dump_time']:.4f}s")
                print(f"  Avg load time: {results['avg_load_time']:.4f}s")
                print(f"  Avg file size: {results['avg_file_size']:,.0f} bytes")
            if "io" in results:
                io = results["io"]
                print("IO Buffer Operations:")
                print(f"  Avg dump time: {io['avg_dump_time']:.4f}s")
                print(f"  Avg load time: {io['avg_load_time']:.4f}s")
                print(f"  Avg buffer size: {io['avg_buffer_size']:,.0f} bytes")

    def plot(self, path, width=900, height=500):
        """Draws the times as an image, by gnuplot. OSError: gnuplot is missing or fails."""
        rows = []
        for name, results in self.results.items():
            io = results.get("io", {})
            rows.append((name, *(1e6 * part.get(f"median_{what}_time", 0) for part in (results, io)
                                 for what in ("dump", "load"))))
        kind = "svg" if str(path).endswith(".svg") else "pngcairo"
        titles = "file: dump", "file: load", "buffer: dump", "buffer: load"
        data = "".join(f"{json.dumps(name)} {' '.join(map(str, times))}\n" for name, *times in rows)
        plots = ", ".join(f"'$data' using {number}:xtic(1) title {json.dumps(title)}"
                          for number, title in enumerate(titles, 2))
        script = (f"set terminal {kind} size {width},{height}\nset output {json.dumps(str(path))}\n"
                  "set style data histograms\nset style fill solid\nset logscale y\n"
                  "set ylabel 'microseconds, median'\nset grid ytics\n"
                  f"$data << END\n{data}END\nplot {plots}\n")
        try:
            done = subprocess.run(["gnuplot"], input=script, text=True, stderr=subprocess.PIPE)
        except FileNotFoundError:
            raise OSError(2, "gnuplot is missing; Debian has it in gnuplot-nox", "gnuplot") from None
        if done.returncode != 0:
            raise OSError(f"gnuplot: {done.stderr.strip()}")


def timed(function, *args):
    begin = time.perf_counter()
    made = function(*args)
    return time.perf_counter() - begin, made


class Point:
    """An instance for the objects below."""

    def __init__(self, value):
        self.value = value

    def get_doubled(self):
        return self.value * 2


def standard_objects():
    """The objects that the document measures."""
    return {
        "simple_list": list(range(1000)),
        "function": lambda x: x ** 2 + x + 1,
        "class_instance": Point(100),
        "nested_dict": {"level1": {"level2": {"level3": list(range(100))}}},
        "mixed_structure": {"data": list(range(500)), "funcs": [lambda x: x + 1, lambda x: x * 2],
                            "objects": [Point(i) for i in range(10)]},
    }


def compare(objects, others, iterations=10):
    """Medians of dumps and loads, ours and others' in turns: name -> who -> (dump, load) or None."""
    import importlib
    who = {"mayfly": importlib.import_module("mayfly")}
    who.update((name, importlib.import_module(name)) for name in others)
    found = {}
    for name, obj in objects.items():
        times = {each: ([], []) for each in who}
        for _ in range(iterations):
            for each, module in who.items():
                if times[each] is None:
                    continue
                try:
                    took, data = timed(module.dumps, obj)
                    times[each][0].append(took)
                    times[each][1].append(timed(module.loads, data)[0])
                except Exception:
                    times[each] = None  # it cannot do this one
        found[name] = {each: value and tuple(map(statistics.median, value))
                       for each, value in times.items()}
    return found


def print_comparison(found):
    for name, by in found.items():
        ours = by["mayfly"]
        for each, times in by.items():
            if times is None:
                print(f"{name:20} {each:12} cannot")
            else:
                print(f"{name:20} {each:12} dump {times[0] * 1e6:10.1f} us ({times[0] / ours[0]:6.2f}x)"
                      f"   load {times[1] * 1e6:10.1f} us ({times[1] / ours[1]:6.2f}x)")


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python3 -m mayfly.bench",
                                     description="Measures dumping and loading.")
    parser.add_argument("--iterations", type=int, default=20, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--plot", nargs="?", const="mayfly-bench.png", metavar="FILE",
                        help="draw an image, .png or .svg (needs gnuplot)")
    parser.add_argument("--against", nargs="+", metavar="MODULE", default=[],
                        help="measure others in turns: dill, cloudpickle, pickle")
    options = parser.parse_args(argv)
    if options.iterations < 1:
        parser.error("--iterations: one at least")
    objects = standard_objects()
    if options.against:
        print_comparison(compare(objects, options.against, options.iterations))
        return 0
    bench = Benchmark(say=None)
    bench.benchmark_temp_operations(objects, options.iterations)
    bench.benchmark_io_operations(objects, options.iterations)
    print(json.dumps(bench.results, indent=2)) if options.json else bench.print_results()
    if options.plot:
        try:
            bench.plot(options.plot)
        except OSError as error:
            print(f"mayfly.bench: {error}", file=sys.stderr)
            return 1
        print(f"\nPlotted to {options.plot}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
