# SPDX-License-Identifier: MIT
"""CPython's own tests of pickle, with the library in their way; and its disassembler."""
import ast
import io
import pickle
import pickletools
import random
import re
import sys
import unittest

import object_graphs as graphs
from object_client import ALL, BYTES, Refused
from object_report import short_hex

try:
    from test import pickletester
except ImportError:
    pickletester = None

NUL_IN_LINE = re.compile(rb"[ILFgp][^\n]*\0[^\n]*\n")


class OursRefused(pickle.UnpicklingError, ValueError, TypeError, EOFError, IndexError, KeyError,
                  OverflowError):
    """The library has one error where Python has many."""


def through(tool, target, dumped):
    try:
        return tool.dump(dumped, target)
    except Refused as error:
        raise OursRefused(str(error)) from None


def loader(tool, target):
    class Loads:
        def loads(self, data, encoding="ASCII", **others):
            if encoding == "bytes":
                data = tool.dump(bytes(data), target, BYTES)
            elif others.get("buffers") is None and encoding in ("ASCII", "koi8-r"):
                data = through(tool, target, bytes(data))
            return pickle.loads(data, encoding=encoding, **others)
    return Loads


def dumper(tool):
    class Dumps:
        pickler = pickle.Pickler
        py_version = sys.version_info
        bad_stack_errors = (pickle.UnpicklingError, IndexError)
        truncated_errors = (pickle.UnpicklingError, EOFError, AttributeError, ValueError,
                            struct_error, IndexError, ImportError)
        optimized = False

        def dumps(self, value, protocol=None, **others):
            dumped = pickle.dumps(value, protocol, **others)
            if others.get("buffer_callback"):
                return dumped
            if protocol is None:
                protocol = pickle.DEFAULT_PROTOCOL
            elif protocol < 0:
                protocol = pickle.HIGHEST_PROTOCOL
            # What is written at 2 at least is not what the tests of 0 and 1 look for.
            return through(tool, protocol, dumped) if protocol >= 2 else dumped

        def loads(self, data, **others):
            return pickle.loads(data, **others)
    return Dumps


struct_error = __import__("struct").error

# What cannot hold, by the name of the test: why.
UNLIKE = {
    "test_framed_write_sizes_with_delayed_writer": "is about the pickler's own writes",
    "test_bad_newobj_args": "is about what the pickler refuses",
    "test_pickle_to_2x": "has the very bytes at protocol 2, where the memo is used otherwise here",
}


def cases_of(base, mixin):
    case = type("Case", (mixin, base, unittest.TestCase), {
        "bad_stack_errors": (pickle.UnpicklingError, IndexError),
        "truncated_errors": (pickle.UnpicklingError, EOFError, AttributeError, ValueError,
                             struct_error, IndexError, ImportError)})
    for name in unittest.TestLoader().getTestCaseNames(case):
        if name not in UNLIKE:
            yield name, case(name)


def run_case(name, case):
    result = unittest.TestResult()
    case.run(result)
    bad = result.errors + result.failures
    return f"{name}: {bad[0][0]}: " + bad[0][1].strip().splitlines()[-1][:600] if bad else None


def unpickling(tool):
    for target in (2, 3, 4, 5):
        for name, case in cases_of(pickletester.AbstractUnpickleTests, loader(tool, target)):
            said = run_case(name, case)
            yield said and f"to {target}: {said}"


def pickling(tool):
    for name, case in cases_of(pickletester.AbstractPickleTests, dumper(tool)):
        yield run_case(name, case)


def every_literal():
    """Whatever stands in that module as bytes is a stream for us, however short."""
    if pickletester is None:
        return
    with open(pickletester.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    literals = {node.value for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, bytes)}
    for literal in sorted(literals):
        yield from (literal, literal + b".", b"\x80\x04" + literal + b".")


def disassembled(tool, stream, flags=0):
    """The lines, and whether it was refused."""
    status, text = tool.ask_raw("I", stream, flags=flags)
    if status == 0:
        return text.decode("utf-8", "surrogatepass"), False
    return text[:text.rindex(b"\n-") + 0].decode("utf-8", "surrogatepass"), True


def by_pickletools(stream):
    out = io.StringIO()
    try:
        pickletools.dis(stream, out)
    except UnicodeDecodeError:
        raise
    except Exception:
        return out.getvalue(), True
    return out.getvalue(), False


def compare_dis(tool, where, stream):
    if where == "a large int":
        return None  # which pickletools itself does not list unless told to
    try:
        theirs = by_pickletools(stream)
    except UnicodeDecodeError as error:
        if error.encoding == "ascii":
            return None  # names may be UTF-8, which pickletools does not know
        theirs = "", True
    ours = disassembled(tool, stream)
    if theirs == ("", True) and ours[1]:
        return None
    if ours == theirs:
        return None
    if ours[1] and theirs[1] and theirs[0].startswith(ours[0]):
        return None  # pickletools also lists the opcode that it then refuses
    if ours[0] != theirs[0]:
        lines = zip(ours[0].splitlines() + [""], theirs[0].splitlines() + [""])
        a, b = next(((a, b) for a, b in lines if a != b), ("the end", "more"))
        return f"{where}: {a!a} instead of {b!a}: {short_hex(stream)}"
    return f"{where}: refused by {'us' if ours[1] else 'pickletools'} only: {short_hex(stream)}"


def bare(text):
    """The texts in that module are of an older form: codes as they are, no numbers of the memo."""
    text = re.sub("[\x80-\xff]", lambda code: f"\\x{ord(code[0]):02x}", text)
    return [re.sub(r" \(as \d+\)", "", line).split() for line in text.strip().splitlines()]


def their_texts(tool):
    for number in range(5):
        stream = getattr(pickletester, f"DATA{number}")
        want, got = getattr(pickletester, f"DATA{number}_DIS"), disassembled(tool, stream)[0]
        yield None if bare(got) == bare(want) else f"DATA{number}: {got}"
    for name in dir(pickletester):
        value = getattr(pickletester, name)
        if name.startswith("DATA") and isinstance(value, bytes):
            yield compare_dis(tool, name, value)


def disassembly(tool, seed, count):
    for number in range(count):
        rng = random.Random(f"{seed} dis {number}")
        value = graphs.Maker(rng, 5, number % 3 == 0).graph()
        protocol = rng.randrange(2 if number % 3 == 0 else 0, 6)
        stream = (pickle.dumps, pickle._dumps)[rng.randrange(2)](value, protocol)
        yield compare_dis(tool, f"{number}", stream)
        if number % 4 == 0:
            damaged = bytearray(stream)
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            damaged = bytes(damaged[:rng.randrange(1, len(damaged) + 1)])
            # Of a \\ in a name pickletools makes an escape, and of a NUL in a number its end.
            if b"\\" not in damaged and not NUL_IN_LINE.search(damaged):
                yield compare_dis(tool, f"{number} damaged", damaged)
        if number % 10 == 0:
            both, out = io.BytesIO(stream * 2), io.StringIO()
            pickletools.dis(both, out)
            pickletools.dis(both, out)
            ours = disassembled(tool, stream * 2, ALL)
            yield None if ours == (out.getvalue(), False) else f"{number} twice: {ours[1]} {short_hex(stream)}"
    for name, value in graphs.sizes():
        if not name.startswith("frames"):
            stream = pickle.dumps(value, 4)
            if len(stream) < 100000:
                yield compare_dis(tool, name, stream)


def run(check, tool, seed, count):
    check("O4_disassembly_is_that_of_pickletools", disassembly, tool, seed, count // 3)
    if pickletester is None:
        print("skip object_cpython: there is no test.pickletester; libpython3.11-testsuite has it")
        return
    sys.modules["__main__"].C = pickletester.C
    pickletester.C.__module__ = "__main__"
    for cls in (pickletester.D, pickletester.E):
        setattr(sys.modules["__main__"], cls.__name__, cls)
    check("O4_disassembly_of_CPythons_examples", their_texts, tool)
    check("O4_CPythons_tests_of_unpickling", unpickling, tool)
    check("O6_CPythons_tests_of_pickling", pickling, tool)
