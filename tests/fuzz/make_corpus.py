# SPDX-License-Identifier: MIT
"""Makes the seeds of fuzz_pickle and fuzz_inspect: small pickles with every opcode in them.

    python3 tests/fuzz/make_corpus.py      writes tests/fuzz/corpus/pickle/
"""
import array
import collections
import datetime
import decimal
import os
import pathlib
import pickle
import uuid

shared = ["in two places"]
cyclic = [1]
cyclic.append(cyclic)
through = ([],)
through[0].append(through)

VALUES = {
    "scalars": [None, True, False, 0, 255, 65535, -1, 2**31, 2**70, -2**2100, 1.5, -0.0, float("nan")],
    "texts": ["", "a", "é", "\ud800", "😀", "x" * 260, "\n\\'\""],
    "octets": [b"", b"\x00\xff", b"y" * 260, bytearray(b"z")],
    "containers": [[], (), {}, [1], (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {1: 2, "a": (3,)}],
    "shared": [shared, shared, {"a": shared}],
    "cyclic": [cyclic, through],
    "sets": [{1}, frozenset((1,)), set(), frozenset((frozenset(), 2))],
    "complex": [1j, complex(0.5, -0.0)],
    "time": [datetime.datetime(2026, 11, 21, 7, 30, 1, 5, datetime.timezone.utc), datetime.date(1, 1, 1),
             datetime.time(23, 59), datetime.timedelta(-1, 5),
             datetime.timezone(datetime.timedelta(hours=2), "name")],
    "numbers": [decimal.Decimal("1.10"), range(1, 9, 2), slice(1, None), array.array("i", [1, 2])],
    "names": [uuid.UUID(int=5), pathlib.PurePosixPath("/a/b"), len, dict.fromkeys],
    "collections": [collections.deque([1], 3), collections.OrderedDict(a=1), collections.Counter("ab"),
                    collections.defaultdict(list, {1: [2]})],
}

# What Python's picklers of today do not write.
BY_HAND = {
    "persistent": b"Pid\n(N\x88Q\x86.",
    "extension": b"(\x82\x05\x83\x05\x01\x84\x05\x00\x01\x00t.",
    "buffers": b"\x80\x05\x97\x98\x97\x86.",
    "inst": b"(I1\niobject_graphs\nPlain\n(dV\\u0041\nI01\nsb.",
    "obj": b"(cobject_graphs\nPlain\nI2\no}S'a'\nI00\nsb.",
    "newobj": b"\x80\x04\x8c\x0dobject_graphs\x8c\x05Plain\x93)\x81N}\x86b.",
    "newobj_ex": b"\x80\x04\x8c\x0dobject_graphs\x8c\x05Plain\x93)}\x92.",
    "reduce_state": b"ccollections\ndeque\n)R(I1\nI2\ne}S'x'\nL5L\nsb.",
    "strings": b"(S'a\\x41\\n'\nU\x01bT\x01\x00\x00\x00cV\\ud83d\nt.",
    "memo": b"(]p0\nq\x01r\x00\x01\x00\x00g0\nh\x01j\x00\x01\x00\x00t.",
    "stack": b"(N22(NN1000K\x05.",
    "long": b"(\x8a\x02\xff\x00\x8b\x01\x00\x00\x00\x80L-77L\nF1e5\nt.",
    "binary": b"(\x8d\x01\0\0\0\0\0\0\0a\x8e\x01\0\0\0\0\0\0\0b\x96\x01\0\0\0\0\0\0\0ct.",
    "two": b"\x80\x02]q\x00.\x80\x02h\x00.",
    "getattr": b"c__builtin__\ngetattr\n(cos\npath\nS'join'\ntR.",
}


def main():
    directory = pathlib.Path(__file__).parent / "corpus" / "pickle"
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    for number, (name, value) in enumerate(VALUES.items()):
        for protocol in sorted({number % 3, 2 + number % 3, 5 - number % 2}):
            # Python's own pickler: the one in C may change what it writes with its version.
            (directory / f"{name}-{protocol}").write_bytes(pickle._dumps(value, protocol))
    for name, stream in BY_HAND.items():
        (directory / name).write_bytes(stream)
    print(len(os.listdir(directory)), "seeds")


main()
