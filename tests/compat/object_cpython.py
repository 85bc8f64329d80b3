# SPDX-License-Identifier: MIT
"""O2, O4, O6: what the library reads and writes as pickles, judged by CPython.

Values go from Python through the library and back, and from the library to Python; they must come
out the same, with the same sharing, and plain data at protocols 4 and 5 byte for byte.
"""
import _compat_pickle
import collections
import io
import os
import pickle
import pickletools
import random
import sys
import unicodedata

import object_graphs as graphs
from object_client import ALL, BY_FILE, BY_MEMORY, BYTES, KEEP, PLAIN, REUSE, Died, Refused, Tool
from object_report import Report, short_hex

SEED = int(os.environ.get("MFT_SEED", "20261121"))
GRAPHS = int(os.environ.get("MFT_GRAPHS", "3000"))

try:
    import dill
    dill.extend(False)  # or Python's own picklers would write as dill does
except ImportError:
    dill = None

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
sys.setrecursionlimit(20000)
tool = None


def optimized(value, protocol):
    return pickletools.optimize(pickle.dumps(value, protocol))


PICKLERS = {"C": pickle.dumps, "Python": pickle._dumps, "optimized": optimized}
if dill:
    PICKLERS["dill"] = lambda value, protocol: dill.dumps(value, protocol)


def rng_of(what, number=0):
    return random.Random(f"{SEED} {what} {number}")


def guarded(where, stream, function):
    """None, or what a comparison said, or the error that it ended in."""
    try:
        said = function()
    except Refused as error:
        said = f"refused: {error}"
    except Died as error:
        said = f"DIED: {error}"
    except Exception as error:
        said = f"Python cannot read it: {type(error).__name__}: {error}"
    return said and f"{where}: {said}: {short_hex(stream)}"


def compare(stream, protocol, flags=0):
    """One stream through the library and back."""
    ours = tool.dump(stream, protocol, flags)
    if ours[:2] != b"\x80%c" % protocol:
        return f"protocol {protocol} is not in {short_hex(ours)}"
    return graphs.difference(pickle.loads(stream), pickle.loads(ours))


def compare_bytes(stream, protocol):
    ours = tool.dump(stream, protocol)
    if ours == stream:
        return None
    at = next((i for i, (a, b) in enumerate(zip(ours, stream)) if a != b), min(len(ours), len(stream)))
    return f"byte {at} of {len(stream)} ({len(ours)}): {ours[at:at + 24].hex()} instead of {stream[at:at + 24].hex()}"


# ---- from Python and back --------------------------------------------------------------------- #

def random_graphs(count):
    for number in range(count):
        rng = rng_of("graph", number)
        rich = rng.randrange(2) == 0
        value = graphs.Maker(rng, rng.randrange(2, 7), rich).graph()
        pickler = rng.choice(sorted(PICKLERS))
        protocol = rng.randrange(6)
        if rich and protocol < 2:  # slots need 2
            protocol += 2
        stream = PICKLERS[pickler](value, protocol)
        for target in rng.sample((2, 3, 4, 5), 2):
            yield guarded(f"{number} {pickler} {protocol} to {target}", stream,
                          lambda: compare(stream, target, rng.choice((0, REUSE))))


def plain_bytes(count):
    for number in range(count):
        rng = rng_of("plain", number)
        value = graphs.Maker(rng, rng.randrange(1, 7)).graph()
        for protocol in (4, 5):
            stream = pickle.dumps(value, protocol)
            yield guarded(f"{number} {protocol}", stream, lambda: compare_bytes(stream, protocol))


def all_sizes():
    for name, value in graphs.sizes():
        for protocol in range(2 if name == "a large int" else 0, 6):  # digits have a limit
            stream = pickle.dumps(value, protocol)
            if protocol >= 4:
                yield guarded(f"{name} {protocol}", stream, lambda: compare_bytes(stream, protocol))
            targets = (2, 3, 4, 5) if len(stream) < 1000 else (2 + protocol % 4,)
            for target in targets:
                yield guarded(f"{name} {protocol} to {target}", stream, lambda: compare(stream, target))


def very_deep():
    for name, stream in graphs.deep_streams(300000):
        for target in (2, 4):
            yield guarded(f"{name} to {target}", stream, lambda: compare(stream, target))
        yield guarded(f"{name} equal", stream,
                      lambda: None if tool.equal(stream, stream) else "not equal to itself")
        yield guarded(f"{name} copied", stream, lambda: graphs.difference(
            pickle.loads(stream), pickle.loads(tool.ask("C", stream))))
        yield guarded(f"{name} repr", stream,
                      lambda: None if "..." in tool.repr(stream) else "the depth is without limit")
        yield guarded(f"{name} globals", stream, lambda: tool.ask("G", stream).decode() or None)


def copies(count):
    for number in range(count):
        rng = rng_of("copy", number)
        value = graphs.Maker(rng, 4, number % 2 == 0).graph()
        stream = pickle.dumps(value, 4)
        yield guarded(f"{number}", stream, lambda: graphs.difference(
            pickle.loads(stream), pickle.loads(tool.ask("C", stream))))
        yield guarded(f"{number} looked at", stream, lambda: tool.ask("W", stream) and None)


# ---- looking ---------------------------------------------------------------------------------- #

def has_order(value, seen=None):
    """Whether a repr is told by the stream: a set with more than one item is in Python's order."""
    todo, seen = [value], set()
    while todo:
        value = todo.pop()
        if isinstance(value, (set, frozenset)) and len(value) > 1:
            return False
        if isinstance(value, (list, tuple, set, frozenset)) and id(value) not in seen:
            seen.add(id(value))
            todo.extend(value)
        elif isinstance(value, dict) and id(value) not in seen:
            seen.add(id(value))
            todo.extend(value.keys())
            todo.extend(value.values())
    return True


def texts_differ(ours, theirs):
    if ours == theirs:
        return None
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    start = max(0, at - 20)
    return f"{ours[start:at + 40]!a} instead of {theirs[start:at + 40]!a}"


def plain_reprs(count):
    for number in range(count):
        value = graphs.Maker(rng_of("repr", number), 5).graph()
        if has_order(value):
            stream = pickle.dumps(value, number % 6)
            yield guarded(f"{number}", stream, lambda: texts_differ(tool.repr(stream), repr(value)))
    for name, value in graphs.sizes():
        if name == "a large int":  # Python refuses more than 4300 digits, here they are hexadecimal
            stream = pickle.dumps(value, 4)
            value = "[" + ", ".join(str(v) if abs(v) < 10 ** 4300 else hex(v) for v in value) + "]"
            yield guarded(name, stream, lambda: texts_differ(tool.repr(stream), value))
        elif has_order(value) and name != "deep":
            stream = pickle.dumps(value, 4)
            yield guarded(name, stream, lambda: texts_differ(tool.repr(stream), repr(value)))
    # Which characters can be printed is told by the Unicode of Python 3.11.
    same = unicodedata.unidata_version == "14.0.0"
    for first in range(0, 0x110000 if same else 0x200, 0x200):
        text = "".join(map(chr, range(first, first + 0x200)))
        stream = pickle.dumps(text, 4)
        yield guarded(f"U+{first:x}", stream, lambda: texts_differ(tool.repr(stream), repr(text)))
    rng = rng_of("floats")
    for number in range(count):
        value = rng.choice((rng.random(), rng.random() * 10 ** rng.randrange(-30, 30),
                            float(f"{rng.randrange(10**6)}e{rng.randrange(-330, 309)}")))
        value = [value, complex(value, -value), rng.choice(graphs.FLOATS)]
        stream = pickle.dumps(value, 2)
        yield guarded(f"{number}", stream, lambda: texts_differ(tool.repr(stream), repr(value)))


def repr_of(value, form=repr):
    if type(value) is collections.OrderedDict:
        # Python 3.12 has another form; here it is that of 3.11.
        return f"OrderedDict({list(value.items())!r})" if value else "OrderedDict()"
    return form(value)


def standard_reprs(count):
    for number in range(count):
        rng = rng_of("standard", number)
        maker = graphs.Maker(rng, 3)
        value = graphs.STANDARD[number % len(graphs.STANDARD)](maker)
        protocol = rng.randrange(6)
        stream = pickle.dumps(value, protocol)
        yield guarded(f"{number} {protocol} {value!a}", stream,
                      lambda: texts_differ(tool.repr(stream), repr_of(pickle.loads(stream))))
        if number % 3 == 0:
            yield guarded(f"{number} {protocol} str {value!a}", stream, lambda: texts_differ(
                tool.ask("T", stream).decode("utf-8", "surrogatepass"), repr_of(pickle.loads(stream), str)))
        for target in (2, 3, 4, 5):
            yield guarded(f"{number} {protocol} to {target} {value!a}", stream, lambda: compare(stream, target))


def paths(count):
    for number in range(count):
        rng = rng_of("path", number)
        value = graphs.Maker(rng, 6).graph()
        stream = pickle.dumps(value, 4)
        path = ""
        for _ in range(rng.randrange(5)):
            step = None
            if isinstance(value, (list, tuple)) and value:
                index = rng.randrange(len(value))
                step, value = rng.choice((index, index - len(value))), value[index]
            elif isinstance(value, dict):
                # An int may be a key under its decimal form, which a str then hides.
                keys = [k for k in value if type(k) is str and "\0" not in k or
                        type(k) is int and str(k) not in value]
                if keys:
                    step = rng.choice(keys)
                    value = value[step]
            if step is None:
                break
            path += "/" + str(step).replace("~", "~0").replace("/", "~1")
        if has_order(value):
            yield guarded(f"{number} {path!a}", stream,
                          lambda: texts_differ(tool.at(path, stream), repr(value)))
    for path in ("/9", "/x", "/-9", "/0/0/0/0/0", "/00", "/1 ", "/-", "/+1"):
        try:
            yield f"{path} led to {tool.at(path, pickle.dumps([1, [2]]))}"
        except Refused as error:
            yield None if error.code == -2 else f"{path}: {error}"


def equals(count):
    for number in range(count):
        rng = rng_of("equal", number)
        seed = rng.random()
        a = graphs.Maker(random.Random(seed), 3).graph()
        if rng.randrange(2):
            b = graphs.Maker(random.Random(seed), 3).graph()
            if isinstance(b, list) and b and rng.randrange(2):
                b[rng.randrange(len(b))] = rng.choice((1, 1.0, True, 0, False, "a", b"a", None))
            elif isinstance(b, dict) and rng.randrange(2):
                b = dict(reversed(b.items()))
        else:
            b = rng.choice(([], {}, set(), (), frozenset(), [1], [1.0], [True], {1: 1}, {1.0: True}))
        streams = [pickle.dumps(v, rng.randrange(6)) for v in (a, b)]
        try:
            want = pickle.loads(streams[0]) == pickle.loads(streams[1])
        except RecursionError:
            continue  # of what contains itself, Python does not say
        yield guarded(f"{number}", b"".join(streams), lambda: None if tool.equal(*streams) == want
                      else f"{graphs.short(a)} == {graphs.short(b)} is {want} in Python")


class Names(pickle.Unpickler):
    """Tells what a pickle names, with Python 2's names mapped as find_class does."""

    def __init__(self, stream):
        super().__init__(io.BytesIO(stream))
        self.names = []
        self.old = stream[:1] != b"\x80" or stream[1] < 3

    def find_class(self, module, name):
        found = module, name
        if self.old:
            if found in _compat_pickle.NAME_MAPPING:
                found = _compat_pickle.NAME_MAPPING[found]
            elif module in _compat_pickle.IMPORT_MAPPING:
                found = _compat_pickle.IMPORT_MAPPING[module], name
        if found not in self.names:
            self.names.append(found)
        return super().find_class(module, name)


def names(count):
    def one(stream):
        theirs = Names(stream)
        theirs.load()
        ours = [line.rsplit(" ", 3) for line in tool.ask("G", stream).decode().splitlines()]
        # What a call computes comes on top; Python looks that up, too, but by getattr.
        ours = [(module, name) for module, name, flags, _ in ours if not int(flags) & 2]
        return None if ours == theirs.names else f"{ours} instead of {theirs.names}"

    for number in range(count):
        rng = rng_of("names", number)
        protocol = rng.randrange(2, 6)
        stream = PICKLERS[rng.choice(("C", "Python", "optimized"))](graphs.Maker(rng, 4, True).graph(), protocol)
        yield guarded(f"{number} {protocol}", stream, lambda: one(stream))


def streams(count):
    for number in range(count):
        rng = rng_of("stream", number)
        maker = graphs.Maker(rng, 4, number % 2 == 0)
        values = [maker.graph() for _ in range(rng.randrange(1, 6))]
        if rng.randrange(6) == 0:
            values.append(["x" * rng.choice((65536, 70000, 200000)), values])
        file = io.BytesIO()
        keep = rng.choice((0, KEEP))
        if keep:
            pickler = pickle.Pickler(file, rng.randrange(2, 6))
            for value in values:  # one pickler: later ones refer to the memo of earlier ones
                pickler.dump(value)
        else:
            for value in values:
                pickle.dump(value, file, rng.randrange(2, 6))
        data = file.getvalue()
        piece = rng.choice((1, 2, 3, 7, 100, 4096, 65536))
        flags = rng.choice((0, BY_FILE, BY_MEMORY)) | keep

        def one():
            file = io.BytesIO(data)
            unpickler = pickle.Unpickler(file)
            ours = tool.stream(data, piece, 4, flags)
            if len(ours) != len(values):
                return f"{len(ours)} instead of {len(values)} pickles"
            for pickled in ours:
                theirs = unpickler.load() if keep else pickle.load(file)
                said = graphs.difference(theirs, pickle.loads(pickled))
                if said:
                    return said
            return None

        yield guarded(f"{number} pieces of {piece} flags {flags:x}", data, one)


# ---- from the library ------------------------------------------------------------------------- #

def built(count):
    for number in range(count):
        seed = rng_of("built", number).getrandbits(32).to_bytes(4, "little")
        flags = PLAIN if number % 2 else 0
        results = []
        for protocol in (2, 3, 4, 5):
            def one():
                stream = tool.ask("B", seed, protocol, flags)
                results.append((stream, pickle.loads(stream)))
                said = graphs.difference(results[0][1], results[-1][1])
                if said is None and protocol >= 4 and tool.dump(stream, protocol) != stream:
                    said = "it is not written as it was read"
                return said
            yield guarded(f"{number} at {protocol}", seed, one)

        def by_repr():
            stream, value = results[2]
            ours = tool.ask("b", seed, 4, flags).decode("utf-8", "surrogatepass")
            if b"object_graphs" in stream or b"OrderedDict" in stream or not has_order(value):
                return None if ours == tool.repr(stream) else "another repr after loading"
            return texts_differ(ours, repr(value))
        if len(results) == 4:
            yield guarded(f"{number} repr", results[2][0], by_repr)


def main():
    global tool
    tool = Tool()
    report = Report()
    only = os.environ.get("MFT_ONLY_CHECK", "")
    print(f"seed {SEED}, {GRAPHS} graphs, Python {sys.version.split()[0]}, dill {dill and dill.__version__}")

    def check(name, function, *arguments):
        if only in name:
            report.check(name, function, *arguments)

    check("O4_random_graphs_come_back_the_same", random_graphs, GRAPHS)
    check("O6_plain_data_is_written_byte_for_byte", plain_bytes, GRAPHS)
    check("O6_every_size_comes_back_the_same", all_sizes)
    check("O4_depth_is_without_limit", very_deep)
    check("O4_copies_are_the_same", copies, GRAPHS // 6)
    check("O4_repr_of_plain_data", plain_reprs, GRAPHS // 3)
    check("O4_standard_classes", standard_reprs, GRAPHS // 3)
    check("O4_paths_lead_to_the_same", paths, GRAPHS // 3)
    check("O4_equality", equals, GRAPHS // 3)
    check("O4_globals_are_what_Python_looks_up", names, GRAPHS // 6)
    check("O4_pickle_after_pickle", streams, GRAPHS // 10)
    check("O6_what_is_built_here_is_read_there", built, GRAPHS // 6)
    import object_streams
    object_streams.run(check, tool, SEED, GRAPHS)
    if dill is None:
        print("skip object_cpython: there is no dill; python3-dill has it")
    else:
        import object_dill
        object_dill.run(check, tool)
    import object_damage
    object_damage.run(check, SEED)
    tool.close()
    return report.failed


if __name__ == "__main__":
    sys.exit(main())
