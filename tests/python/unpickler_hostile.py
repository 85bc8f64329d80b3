# SPDX-License-Identifier: MIT
"""Damaged and hand-made streams: what CPython's unpickler does with them, ours does, too."""
import array
import collections
import datetime
import gc
import io
import os
import pickle
import pickletools
import random
import re
import resource
import sys
import traceback

import mayfly
from run import case, flat, fork, main, raises


class Plain:
    pass


class Slots:
    __slots__ = ("a", "b")


class Both(Plain):
    __slots__ = ("c",)


class Stateful:
    def __setstate__(self, state):
        self.given = state


class Listed(list):
    pass


class Mapped(dict):
    pass


TIMES = int(os.environ.get("MFT_STREAMS", "10000")) // 10000 or 1


def plain(**values):
    made = Plain()
    made.__dict__.update(values)
    return made


def slots(cls=Slots, **values):
    made = cls()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def samples():
    shared = ["shared", {"key": 1}]
    cycle = [1]
    cycle.append(cycle)
    listed = Listed([1, 2, 3])
    listed.name = "list"
    return [
        None, True, -7, 255, 65536, 2 ** 31, -2 ** 63, 2 ** 70, 1.5, "", "a", "text", "g\u00fcn", "\u20ac\U0001d11e",
        "\ud800", b"", b"bytes", bytearray(b"more"), (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], [1, 2, 3],
        {}, {"a": 1}, {"a": 1, "b": [2], 3: None}, set(), {1, "x"}, frozenset({2}), 1j, shared * 2, cycle,
        [plain(a=1, b=2) for _ in range(3)], [slots(a=1, b="x") for _ in range(3)],
        [slots(Both, c=3, d=4) for _ in range(2)], [Stateful(), Stateful()], listed, Mapped(k=1), int, len,
        datetime.datetime(2020, 1, 2, 3, 4), collections.OrderedDict(x=1), collections.Counter("abca"),
        array.array("d", [1.0, 2.0]), range(3), slice(1, 2), os.path.join, [{"id": i, "name": str(i)} for i in range(4)],
    ]


def streams():
    for value in samples():
        for protocol in range(6):
            try:
                yield pickle.dumps(value, protocol)
            except (pickle.PicklingError, TypeError):
                pass


def told(load, data):
    """What comes of a stream, in words that can be compared."""
    try:
        value = load(data)
    except (MemoryError, OverflowError):
        return "size"
    except RecursionError:
        return "recursion"
    except Exception as error:
        return type(error).__name__
    try:
        return pickle.dumps(value, 4)
    except RecursionError:
        return "recursion"
    except Exception as error:
        return "no value: " + type(error).__name__


# A length that cannot be is found by reading here, by allocating there. A name in bytes that are no
# UTF-8 is found when it is decoded here, when it is imported there. Nothing at all cannot be read
# at the end of the input there.
ALIKE = [("size", "UnpicklingError"), ("size", "EOFError"), ("UnpicklingError", "EOFError"),
         ("UnicodeDecodeError", "UnicodeEncodeError"), ("UnicodeDecodeError", "ValueError")]


def largest_number(data):
    """The largest number that a stream has something stored under."""
    largest = 0
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
                largest = max(largest, argument)
    except Exception:
        pass  # the unpicklers get no further, either
    return largest


def unordered(told):
    """A pickle whose sets are in any order: objects that hash by their address have none of their own."""
    if not isinstance(told, bytes):
        return told
    return sorted((opcode.name, None if "GET" in opcode.name else repr(argument))
                  for opcode, argument, _ in pickletools.genops(told))


def same(data):
    ours = told(mayfly.loads, data)
    # CPython's memo has room for all numbers up to the largest: gigabytes, for a flipped bit.
    if largest_number(data) < 1 << 20:
        theirs = told(pickle.loads, data)
        assert theirs == ours or (theirs, ours) in ALIKE or \
            (b"\x91" in data or b"\x90" in data) and unordered(theirs) == unordered(ours), (data, theirs, ours)
    from_file = told(lambda text: mayfly.load(io.BytesIO(text)), data)
    assert unordered(from_file) == unordered(ours), (data, ours, from_file)


def limit_memory():
    """A length that damage made is allocated by CPython at once, and filled by -X dev. (A sanitizer has all
    addresses for itself, and a limit of its own: tests/python/python.)"""
    if "LD_PRELOAD" not in os.environ:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def apart(work):
    """Damaged pickles change classes: in a child."""
    def child():
        limit_memory()
        try:
            work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    assert fork(child) == 0


def harmless(data):
    """Names that damage made are not called, and CPython does not get numbers of the memo for which
    it would fill gigabytes."""
    return not (re.search(rb"exit|input|exec|quit|breakpoint|r..[^\0].|r...[^\0]|p[0-9]{6}", data, re.S))


@case
def what_is_cut_off_at_any_byte_fails_as_there():
    for data in streams():
        for size in range(len(data)):
            same(data[:size])


@case
def what_is_whole_is_the_same():
    for data in streams():
        same(data)
        same(data + b"what follows")


@case
def a_line_with_a_number_is_read_as_there():
    numbers = [b"", b"0", b"1", b"00", b"01", b"010", b"-0", b"+0", b"--0", b"-1", b" 1", b"1 ", b" 00", b"01\r",
               b"0x10", b"0b1", b"0o7", b"1_0", b"1_0_", b"0x_1", b"1L", b"\0", b"\0junk", b"1\0", b"01\0", b"1 \0",
               b"5\0L", b"1\0" + b"junk" * 9, b"12345678901234567890\0a", b"1.5", b"1.5 ", b"1.5\0x", b"1e999",
               b"-inf", b"0x1p3", b"Rp1"]
    for number in numbers:
        for before, after in [(b"F", b""), (b"I", b""), (b"L", b""), (b"Np", b""), (b"p", b""), (b"N(p", b""),
                              (b"Np0\nNq\x01g", b""), (b"Np", b"g1\n"), (b"Np", b"g10\n"), (b"P", b"")]:
            same(before + number + b"\n" + after + b".")


@case
def flipped_bits_give_the_same_or_the_same_exception():
    random.seed(7)

    def work():
        for data in list(streams()):
            for _ in range(12 * TIMES):
                damaged = bytearray(data)
                for _ in range(random.choice((1, 1, 1, 2, 3))):
                    damaged[random.randrange(len(data))] ^= 1 << random.randrange(8)
                if harmless(damaged):
                    same(bytes(damaged))
    apart(work)


@case
def random_opcodes_give_the_same_or_the_same_exception():
    random.seed(11)
    pieces = [b"(", b".", b"0", b"1", b"2", b"F1.5\n", b"I7\n", b"I01\n", b"J\x01\x02\x03\x04", b"K\x05", b"L5L\n",
              b"M\x01\x02", b"N", b"R", b"S'abc'\n", b"T\x02\x00\x00\x00hi", b"U\x02hi", b"V\\u20ac\n",
              b"X\x01\x00\x00\x00k", b"a", b"b", b"ccopyreg\n_reconstructor\n", b"c__main__\nPlain\n",
              b"c__main__\nSlots\n", b"c__main__\nMapped\n", b"c__main__\nListed\n", b"c__builtin__\nset\n",
              b"c__builtin__\nobject\n", b"d", b"}", b"e", b"g0\n", b"h\x00", b"h\x01", b"i__main__\nPlain\n",
              b"j\x00\x00\x00\x00", b"l", b"]", b"o", b"p0\n", b"q\x00", b"q\x01", b"r\x02\x00\x00\x00", b"s", b"t",
              b")", b"u", b"G?\xf0\0\0\0\0\0\0", b"\x80\x02", b"\x80\x04", b"\x81", b"\x82\x07", b"\x85", b"\x86", b"\x87",
              b"\x88", b"\x89", b"\x8a\x01\xff", b"\x8b\x01\x00\x00\x00\x7f", b"B\x01\x00\x00\x00x", b"C\x01y",
              b"\x8c\x01a", b"\x8c\x01b", b"\x8d\x01\0\0\0\0\0\0\0c", b"\x8e\x01\0\0\0\0\0\0\0d", b"\x8f", b"\x90",
              b"\x91", b"\x92", b"\x93", b"\x94", b"\x94", b"\x96\x01\0\0\0\0\0\0\0e", b"\x97", b"\x98", b"P1\n", b"Q",
              b"}\x94(\x8c\x01a\x94K\x01\x8c\x01b\x94K\x02ub", b"c__main__\nPlain\n)\x81", b"c__main__\nSlots\n)\x81",
              b"}\x94\x8c\x01a\x94K\x01sb", b"N}\x94(\x8c\x01a\x94K\x01\x8c\x01b\x94K\x02u\x86\x94b"]
    def work():
        for _ in range(10000 * TIMES):
            same(b"".join(random.choices(pieces, k=random.randrange(1, 14))) + b".")
    apart(work)


@case
def a_huge_number_of_the_memo_costs_nothing():
    data = b"K\x01r\xff\xff\xff\x7f0j\xff\xff\xff\x7f."
    assert mayfly.loads(data) == 1
    assert mayfly.loads(b"K\x01p900000000000000000\n0g900000000000000000\n.") == 1


@case
def a_length_that_the_input_does_not_have_is_not_allocated():
    for opcode in b"\x8e\x8d\x96":
        for size in (2 ** 40, 2 ** 62):
            data = bytes([opcode]) + size.to_bytes(8, "little") + b"abc"
            with raises(pickle.UnpicklingError):
                mayfly.loads(data)
            with raises(pickle.UnpicklingError):
                mayfly.load(io.BytesIO(data))

    def work():
        for opcode in b"BTX\x8b":
            data = bytes([opcode]) + (0x7fffffff).to_bytes(4, "little") + b"abc"
            for load in mayfly.loads, lambda text: mayfly.load(io.BytesIO(text)):
                with raises(pickle.UnpicklingError):  # and not MemoryError
                    load(data)
    apart(work)


@case
def what_is_no_container_takes_no_items():
    for data in (b"K\x01(K\x02\x90.", b"K\x01(K\x02e.", b"K\x01(K\x02K\x03u.", b"K\x01K\x02a.", b"K\x01K\x02K\x03s.",
                 b"]\x94(]\x94h\x00\x90.", b"\x8f(]\x90.", b"}(]K\x01u."):
        same(data)


@case
def what_fails_leaves_nothing_behind():
    bad = [data for data in streams()]
    kinds = [b"(" + data[:-1] + end for data in bad for end in (b"R.", b"b.", b"\x90.", b"u.", b"o.", b"\x93.", b"")]

    def all_of_them():
        for data in kinds:
            for load in (mayfly.loads, lambda text: mayfly.load(io.BytesIO(text))):
                try:
                    load(data)
                except Exception:
                    pass
    flat(all_of_them, 3, noise=3)


main()
