# SPDX-License-Identifier: MIT
"""Damaged streams: what CPython reads as plain data is read here as the same data, what it refuses
is refused, and the tool lives on."""
import os
import pickle
import pickletools
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile

import object_graphs as graphs
from object_client import Tool
from object_streams import every_literal
from object_verdict import judge

MUTATIONS = int(os.environ.get("MFT_MUTATIONS", "6000"))
LITERALS = "literals"  # in place of a seed: the streams of CPython's tests
CODES = [op.code.encode("latin-1") for op in pickletools.opcodes]

# Opcodes with arguments of all sorts, good ones and bad ones.
PARTS = [b"(", b")", b"]", b"}", b"N", b"\x88", b"\x89", b"0", b"1", b"2", b"a", b"e", b"s", b"u",
         b"l", b"d", b"t", b"\x85", b"\x86", b"\x87", b"\x8f", b"\x90", b"\x91", b"\x94", b".",
         b"h\x00", b"h\x01", b"h\xff", b"q\x00", b"q\x05", b"j\x00\x00\x00\x00", b"r\x07\x00\x00\x00",
         b"r\x00\x10\x00\x00", b"g0\n", b"g 1\n", b"g-1\n", b"gx\n", b"p0\n", b"p1\n", b"p-1\n", b"p 2 \n",
         b"p0x1\n", b"p1_0\n", b"p\n", b"I1\n", b"I01\n", b"I00\n", b"I-0\n", b"I 5\n", b"I0x1f\n", b"I017\n",
         b"I1_000\n", b"I\n", b"I99999999999999999999\n", b"I1L\n", b"I001\n", b"I+1\n", b"I1 \n",
         b"I\x001\n", b"I1\x00\n", b"L5L\n", b"L5\n", b"L-5L\n", b"L 5 L\n", b"L0x1FL\n", b"LL\n", b"L5LL\n", b"L\n",
         b"L1_0L\n", b"L007L\n", b"L5l\n", b"F1.5\n", b"Fnan\n", b"F-inf\n", b"F1e400\n", b"F0x1p3\n", b"F1_0.0\n",
         b"F 1.0\n", b"F1.0 \n", b"F\n", b"FInfinity\n", b"F.5\n", b"F5.\n", b"F1e\n", b"F+1.0\n", b"F1d5\n",
         b"S'a'\n", b"S\"a\"\n", b"S'\\x41\\n\\101\\q\\\\'\n", b"S'\\x4'\n", b"S'a\n", b"Sa\n", b"S ''\n", b"S'' \n",
         b"S'\\777'\n", b"S'\xe9'\n", b"S'a'b'\n", b"S'\\\n'\n", b"S\n", b"S'\n", b"S'\\'\n", b"S'\\0'\n",
         b"U\x01a", b"U\x01\xe9", b"U\x00", b"T\x02\x00\x00\x00ab", b"T\xff\xff\xff\xff",
         b"Va\n", b"V\\u0041\n", b"V\\u004\n", b"V\\U0001f600\n", b"V\\U00110000\n", b"V\\x41\n", b"V\\\\u0041\n",
         b"V\xe9\n", b"V\\ud800\n", b"V\\ud83d\\ude00\n", b"V\n", b"V\\\n", b"V\\\\\n", b"V\\u\n",
         b"X\x01\x00\x00\x00a", b"X\x03\x00\x00\x00\xed\xa0\x80", b"X\x02\x00\x00\x00\xc3(",
         b"X\x06\x00\x00\x00\xed\xa0\xbd\xed\xb8\x80", b"X\x02\x00\x00\x00\xc0\x80",
         b"\x8c\x01b", b"\x8c\x02\xc3\xa9", b"\x8d\x01\x00\x00\x00\x00\x00\x00\x00c",
         b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", b"C\x01d", b"B\x01\x00\x00\x00e", b"B\xff\xff\xff\xff",
         b"\x8e\x01\x00\x00\x00\x00\x00\x00\x00f", b"\x96\x01\x00\x00\x00\x00\x00\x00\x00g",
         b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x98", b"J\xff\xff\xff\xff", b"K\x07", b"M\x01\x02",
         b"\x8a\x00", b"\x8a\x01\xff", b"\x8a\x02\xff\x00", b"\x8b\x01\x00\x00\x00\x80", b"\x8b\xff\xff\xff\xff",
         b"\x8b\x00\x00\x00\x00", b"\x8b\x03\x00\x00\x00\x01\x00\x00", b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", b"G\x80\x00\x00\x00\x00\x00\x00\x00",
         b"\x80\x00", b"\x80\x05", b"\x80\x06", b"\x80\xff", b"\x95\x01\x00\x00\x00\x00\x00\x00\x00",
         b"\x95\x00\x00\x00\x00\x00\x00\x00\x00", b"\x95\xff\xff\xff\xff\xff\xff\xff\xff", b"R", b"b", b"Nb", b"}b", b"]b", b"o", b"\x81",
         b"\x92", b"\x93", b"Q", b"Px\n", b"P\n", b"cbuiltins\nlist\n", b"ca\n", b"i\n\n", b"ia\nb\n",
         b"\x82\x01", b"\x82\x00", b"\x83\x00\x01", b"\x84\x01\x00\x00\x00", b"\x84\xff\xff\xff\xff", b"\x97", b"\n", b" ", b"\x00"]


class Basic(graphs.Maker):
    """Only what a protocol has opcodes for."""

    def __init__(self, rng, protocol):
        super().__init__(rng, rng.randrange(1, 4))
        self.protocol = protocol

    def scalar(self):
        while True:
            made = super().scalar()
            if not isinstance(made, complex) and (self.protocol >= 3 or type(made) is not bytes):
                return made

    def graph(self):
        while True:
            made = super().graph()
            stream = pickle.dumps(made, self.protocol)
            if len(stream) < 400 and not any(code in stream for code in (b"R", b"\x93", b"c_")):
                return stream


def pieces_of(stream):
    at = [position for _, _, position in pickletools.genops(stream)] + [len(stream)]
    return [stream[a:b] for a, b in zip(at, at[1:])]


def mutate_bytes(rng, data):
    data = bytearray(data)
    at = rng.randrange(len(data) + 1)
    what = rng.randrange(6)
    if what == 0 and at < len(data):
        data[at] ^= 1 << rng.randrange(8)
    elif what == 1 and at < len(data):
        data[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
    elif what == 2:
        del data[at:at + rng.choice((1, 1, 2, 5))]
    elif what == 3:
        data[at:at] = rng.randbytes(rng.choice((1, 2, 4)))
    elif what == 4:
        data[at:at] = data[at:at + rng.randrange(1, 9)]
    else:
        del data[at:]
    return bytes(data)


def mutate_pieces(rng, pieces, others):
    pieces = list(pieces)
    at = rng.randrange(len(pieces))
    piece = pieces[at]
    what = rng.randrange(9)
    if what == 0:
        pieces[at] = rng.choice(CODES) + piece[1:]
    elif what == 1:
        pieces[at] = rng.choice(PARTS)
    elif what in (2, 3):
        pieces.insert(at, rng.choice(PARTS))
    elif what == 4:
        del pieces[at]
    elif what == 5:
        pieces.insert(at, pieces[rng.randrange(len(pieces))])
    elif what == 6:
        other = rng.randrange(len(pieces))
        pieces[at], pieces[other] = pieces[other], pieces[at]
    elif what == 7:
        pieces[at:at] = rng.choice(others)[2:2 + rng.randrange(6)]
    elif len(piece) > 1:
        damaged = bytearray(piece)
        damaged[rng.randrange(1, len(piece))] = rng.choice((0, 1, 10, 0x2d, 0x30, 0x39, 0x5c, 0xff, rng.randrange(256)))
        pieces[at] = bytes(damaged)
    return pieces


def without_frames(pieces):
    """A frame's length would not fit any more, which hides what else is wrong."""
    return [piece for piece in pieces if piece[:1] != b"\x95"]


def damaged(seed, number):
    rng = random.Random(f"{seed} damage {number // 20}")
    streams = [Basic(rng, rng.randrange(6)).graph() for _ in range(2)]
    rng = random.Random(f"{seed} damage {number}")
    if rng.randrange(8) == 0:
        # From nothing but parts.
        return b"".join(rng.choice(PARTS) for _ in range(rng.randrange(1, 9))) + b"."
    pieces = [pieces_of(stream) for stream in streams]
    if rng.randrange(3) == 0:
        stream = streams[0]
        for _ in range(rng.randrange(1, 4)):
            stream = mutate_bytes(rng, stream)
        return stream
    mutated = without_frames(pieces[0]) if rng.randrange(4) else pieces[0]
    for _ in range(rng.randrange(1, 4)):
        mutated = mutate_pieces(rng, mutated, pieces) or mutated
    return b"".join(mutated)


# ---- the child that may run out of memory ----------------------------------------------------- #

def child(seed, first, last, progress):
    tool = Tool()
    literals = list(every_literal()) if seed == LITERALS else None
    kinds = {}
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, last):
        os.pwrite(progress, struct.pack("<q", number), 0)
        signal.alarm(20)  # its default action ends this process: nothing else can stop a C function
        said, kind = judge(tool, literals[number] if literals else damaged(seed, number))
        kinds[kind] = kinds.get(kind, 0) + 1
        if said:
            print(f"{number}: {said}", flush=True)
    signal.alarm(0)
    tool.close()
    print("kinds", kinds, flush=True)


def all_damaged(seed, count):
    first = 0
    with tempfile.TemporaryFile() as progress:
        while first < count:
            done = subprocess.run(
                [sys.executable, "-B", "-W", "ignore", __file__, str(seed), str(first), str(count), str(progress.fileno())],
                stdout=subprocess.PIPE, pass_fds=[progress.fileno()], check=False)
            lines = done.stdout.decode().splitlines()
            if done.returncode == 0:
                print("    streams that were plain data, refused, or beyond plain data:", lines.pop()[6:])
            yield from lines
            last = count
            if done.returncode != 0:
                last, = struct.unpack("<q", os.pread(progress.fileno(), 8, 0))
                yield f"{last}: the judge itself ended with {done.returncode}"
                last += 1
            yield from [None] * max(0, last - first - len(lines))
            first = last


def run(check, seed):
    count = len(list(every_literal()))
    if count:
        check("O4_streams_in_CPythons_tests_are_judged_as_by_CPython", all_damaged, LITERALS, count)
    check("O4_damage_is_judged_as_by_CPython", all_damaged, seed, MUTATIONS)


if __name__ == "__main__":
    child(sys.argv[1], *map(int, sys.argv[2:5]))
