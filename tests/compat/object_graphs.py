# SPDX-License-Identifier: MIT
"""Graphs of Python objects: random ones, and those of sizes at which the pickle format changes its
mind; and whether two of them are the same in every respect that a pickle keeps."""
import array
import collections
import datetime
import decimal
import fractions
import math
import pathlib
import struct
import sys
import uuid


class Plain:
    """An instance with attributes. object_build.c names it, too."""


class Slotted:
    __slots__ = ("left", "right")


class Stateful:
    def __init__(self, state=None):
        self.state = state

    def __getstate__(self):
        return (self.state, "kept")

    def __setstate__(self, state):
        self.state, self.kept = state


class Listed(list):
    pass


class Mapped(dict):
    pass


class Reduced:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return Reduced, self.arguments, {"more": 1}


class New:
    def __new__(cls, *args, **keywords):
        self = super().__new__(cls)
        self.given = (args, keywords)
        return self

    def __getnewargs_ex__(self):
        return self.given

    def __getstate__(self):
        return {"given": self.given, "state": True}


Point = collections.namedtuple("Point", "x y")

INTS = [0, 1, -1, 127, 128, -128, -129, 255, 256, -255, -256, 257, 65535, 65536, -65536, 2**31 - 1,
        2**31, 2**31 + 1, -2**31, -2**31 - 1, -2**31 + 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63,
        2**63 + 1, -2**63, -2**63 - 1, 2**64 - 1, 2**64, -2**64, 2**127, -2**127, 2**47, -2**47,
        2**53 + 1, 2**60, -2**60, 2**61 - 1, 2**62]
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e16, 1e15, 123456789012345678.0, 1e22, 1e-4, 1e-5, 5e-324,
          2.2250738585072014e-308, 1.7976931348623157e308, math.inf, -math.inf, math.nan,
          struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0], 1 / 3, 2.0**53, 1e100]
TEXTS = ["", "a", "ab", "\0", "a\0b", "\x7f", "\x80", "\xff", "é", "\u0100", "€", "世界",
         "\ufeff", "\uffff", "😀", "\U0010ffff", "\ud800", "\udfff", "\udc80x", "\ud83d\ude00",
         "a\nb", "a\rb", "\\", "\\u0041", "'", "\"", "'\"", "\x1a", "\u2028", "builtins", "x" * 255,
         "x" * 256, "é" * 127, "é" * 128, "\u200b", "\xad", "\u0378", "name", "\t "]
OCTETS = [b"", b"a", b"ab", b"\0", b"\xff\xfe", b"'", b"\"", b"'\"", b"\n\r\t\\", bytes(range(256)),
          b"x" * 255, b"x" * 256]


class Maker:
    """Makes values from a source of chance."""

    def __init__(self, rng, deepest=6, rich=False):
        self.rng = rng
        self.deepest = deepest
        self.rich = rich  # instances and the standard library's classes, too
        self.pool = []

    def integer(self):
        rng = self.rng
        what = rng.randrange(6)
        if what == 0:
            return rng.randint(-300, 300)
        if what == 1:
            return rng.choice(INTS) + rng.randint(-1, 1)
        if what == 2:
            return rng.getrandbits(rng.randrange(1, 90)) * rng.choice((1, -1))
        if what == 3 and rng.randrange(10) == 0:
            return (1 << rng.choice((254, 255, 256, 2030, 2031, 2032, 2039, 2040, 2041))) * rng.choice((1, -1)) + rng.randint(-1, 1)
        return rng.choice(INTS)

    def text(self):
        rng = self.rng
        if rng.randrange(3):
            return rng.choice(TEXTS)
        return "".join(rng.choice(TEXTS)[:2] for _ in range(rng.randrange(12)))

    def scalar(self):
        rng = self.rng
        what = rng.randrange(12)
        if what == 0:
            return rng.choice((None, True, False))
        if what < 4:
            return self.integer()
        if what < 6:
            return rng.choice(FLOATS)
        if what < 9:
            return self.text()
        if what < 11:
            return rng.choice(OCTETS) if rng.randrange(4) else rng.randbytes(rng.randrange(20))
        return complex(rng.choice(FLOATS), rng.choice(FLOATS))

    def key(self, depth=0):
        rng = self.rng
        if depth < self.deepest and rng.randrange(5) == 0:
            items = [self.key(depth + 1) for _ in range(rng.randrange(5))]
            made = tuple(items) if rng.randrange(3) else frozenset(items)
        else:
            made = self.scalar()
            while made != made and (depth > 1 or isinstance(made, complex)):
                made = self.scalar()  # no telling which nan is which
        if rng.randrange(4) == 0:
            self.pool.append(made)
        return made

    def container(self, depth):
        rng = self.rng
        kind = rng.choice((list, dict, set, list, dict))
        made = kind()
        self.pool.append(made)
        for _ in range(rng.choice((0, 1, 1, 2, 3, 4, 7))):
            if kind is list:
                made.append(self.value(depth + 1))
            elif kind is dict:
                made[self.key(1)] = self.value(depth + 1)
            else:
                made.add(self.key(1))
        return made

    def tuple(self, depth):
        rng = self.rng
        through = []  # a way for the tuple to contain itself
        items = [self.value(depth + 1) for _ in range(rng.choice((0, 1, 2, 3, 4, 6)))]
        if items and rng.randrange(4) == 0:
            items[rng.randrange(len(items))] = through
        made = tuple(items)
        if rng.randrange(2):
            through.append(made)
        else:
            through.append({"again": made})
        return made

    def value(self, depth=0):
        rng = self.rng
        what = rng.randrange(12)
        if self.pool and what < 2:
            return rng.choice(self.pool)
        if depth < self.deepest and what < 5:
            return self.container(depth)
        if depth < self.deepest and what == 5:
            made = self.tuple(depth)
        elif what == 6:
            made = bytearray(rng.choice(OCTETS))
        elif what == 7:
            made = self.key(depth)
        elif self.rich and what < 10:
            made = self.instance(depth)
        else:
            made = self.scalar()
        if rng.randrange(3) == 0:
            self.pool.append(made)
        return made

    def graph(self):
        made = self.value() if self.rng.randrange(20) == 0 else self.container(0)
        self.pool = []
        return made

    # ---- instances ----

    def instance(self, depth):
        rng = self.rng
        what = rng.randrange(9)
        if what == 0 and depth < self.deepest:
            made = Plain()
            self.pool.append(made)
            for name in rng.sample(("name", "other", "x", "é"), rng.randrange(4)):
                setattr(made, name, self.value(depth + 1))
        elif what == 1 and depth < self.deepest:
            made = Slotted()
            self.pool.append(made)
            made.left = self.value(depth + 1)
        elif what == 2 and depth < self.deepest:
            made = Stateful()
            self.pool.append(made)
            made.state = self.value(depth + 1)
        elif what == 3 and depth < self.deepest:
            made = rng.choice((Listed, collections.deque))()
            self.pool.append(made)
            made.extend(self.value(depth + 1) for _ in range(rng.randrange(4)))
        elif what == 4 and depth < self.deepest:
            made = rng.choice((Mapped, collections.OrderedDict))()
            self.pool.append(made)
            for _ in range(rng.randrange(4)):
                made[self.key(depth + 1)] = self.value(depth + 1)
        elif what == 5:
            made = Reduced(self.scalar(), [self.scalar()])
        elif what == 6:
            made = New(self.scalar(), named=self.scalar())
        elif what == 7:
            made = Point(self.value(depth + 1), self.scalar())
        else:
            made = self.standard()
        return made

    def standard(self):
        return self.rng.choice(STANDARD)(self)

    def zone(self):
        rng = self.rng
        offset = datetime.timedelta(seconds=rng.randint(-86399, 86399))
        return rng.choice((None, datetime.timezone.utc, datetime.timezone(offset),
                           datetime.timezone(datetime.timedelta(hours=rng.randint(-12, 12))),
                           datetime.timezone(datetime.timedelta(hours=1, microseconds=5)),
                           datetime.timezone(offset, "a name")))

    def moment(self):
        rng = self.rng
        return datetime.datetime(rng.randint(1, 9999), rng.randint(1, 12), rng.randint(1, 28),
                                 rng.randrange(24), rng.randrange(60), rng.choice((0, 59, 30)),
                                 rng.choice((0, 1, 999999)), self.zone(), fold=rng.randrange(2))


def some(maker, count):
    return [maker.scalar() for _ in range(maker.rng.randrange(count))]


# What is in the standard library and has a repr that is all its own.
STANDARD = [
    lambda m: m.moment(),
    lambda m: m.moment().date(),
    lambda m: m.moment().timetz(),
    lambda m: datetime.timedelta(m.rng.choice((0, 1, -1, 999999999, -999999999)),
                                 m.rng.choice((0, 1, 86399)), m.rng.choice((0, 1, 999999))),
    lambda m: m.zone(),
    lambda m: decimal.Decimal(m.rng.choice(("0", "-0", "1.10", "NaN", "sNaN", "-Infinity", "1E+30",
                                            "1e-7", "123456789.123456789"))),
    lambda m: fractions.Fraction(m.integer(), m.rng.randint(1, 10**12)),
    lambda m: uuid.UUID(int=m.rng.getrandbits(128)),
    lambda m: pathlib.PurePosixPath(m.rng.choice(("/", ".", "a/b", "/usr/lib", "é'\"", "a/../b"))),
    lambda m: collections.deque(some(m, 5), m.rng.choice((None, None, 10))),
    lambda m: collections.OrderedDict((str(i), m.scalar()) for i in range(m.rng.randrange(4))),
    lambda m: collections.Counter(m.rng.choices("abcd", k=m.rng.randrange(9))),
    lambda m: collections.defaultdict(m.rng.choice((int, list, None)), {1: m.scalar()}),
    lambda m: range(m.rng.randint(-9, 9), m.integer(), m.rng.choice((1, 1, 2, -3))),
    lambda m: slice(m.scalar(), m.rng.choice((None, 7)), None),
    lambda m: array.array(m.rng.choice("bBhHiIlLqQ"), [m.rng.randrange(100) for _ in range(m.rng.randrange(4))]),
    lambda m: array.array(m.rng.choice("fd"), [0.5, 1e10, -0.0][:m.rng.randrange(4)]),
    lambda m: array.array("u", m.rng.choice(("", "aé", "😀'"))),
    lambda m: complex(m.rng.choice(FLOATS), m.rng.choice(FLOATS)),
]


# ---- sizes at which something changes ----

def sizes():
    """(name, value): plain data of every size at which the format has another form."""
    for count in (0, 1, 2, 3, 4, 999, 1000, 1001, 1999, 2000, 2001, 3001):
        yield f"list of {count}", list(range(count))
        yield f"dict of {count}", dict.fromkeys(range(count))
        yield f"set of {count}", set(range(count))
        yield f"frozenset of {count}", frozenset(range(count))
        yield f"tuple of {count}", tuple(range(count))
    for size in (0, 1, 2, 254, 255, 256, 257, 65534, 65535, 65536, 65537, 70000, 131072, 200000):
        yield f"str of {size}", ["x" * size, 1]
        yield f"str of {size} in two bytes", ("é" * (size // 2) + "x" * (size % 2), 1)
        yield f"bytes of {size}", [b"y" * size, 1]
        yield f"bytearray of {size}", [bytearray(b"z" * size), 1]
        yield f"small and {size}", ["a", 1, "x" * size, "b", 2, b"y" * size, "c", 3, bytearray(size), {}]
    for size in (65500, 65520, 65525, 65526, 65527, 65528, 65529, 65530, 65531, 65532, 65533):
        yield f"a frame nearly full by {size}", ["x" * size, "abcdefgh", 123456789, ["more"]]
    for count in (200, 6000, 12000, 13107, 13108, 21845, 40000):
        yield f"frames of {count} ints", [i * 70000 for i in range(count)]
        yield f"frames of {count} texts", {f"key {i}": [i, None] for i in range(count // 4)}
    yield "every int", INTS + [sign * (1 << bits) + add for bits in
                               (*range(0, 140), 255, 256, 2031, 2032, 2039, 2040, 2041, 5000)
                               for sign in (1, -1) for add in (-1, 0, 1)]
    yield "a large int", [1 << 70000, -(1 << 70000), (1 << 70007) - 1, 255 << 2032]
    yield "floats", FLOATS
    yield "texts", TEXTS
    yield "octets", OCTETS + [bytearray(o) for o in OCTETS]
    yield "complexes", [complex(a, b) for a in FLOATS for b in FLOATS]
    yield "many in the memo", [[str(i)] for i in range(700)] * 2
    yield "texts shared", [TEXTS] * 3 + TEXTS + [OCTETS, OCTETS[5:], "builtins", sys.intern("bytearray")]
    yield "nan as keys", {math.nan: 1, float("nan"): 2, (float("nan"), 1): 3}
    yield "equal keys", {1: "one", "1": 1, 2.5: 2, (1, 2): 3, frozenset((1, 2)): 4, b"1": 5, None: 6}
    deep = []
    for i in range(200):
        deep = [deep] if i % 3 == 0 else {"k": deep} if i % 3 == 1 else (deep, i)
    yield "deep", deep
    yield from cycles()


def cycles():
    a = []
    a.append(a)
    yield "a list in itself", a
    d = {}
    d[1] = d
    yield "a dict in itself", d
    for count in (1, 2, 3, 4, 5):
        inner = []
        t = (inner,) + tuple(range(count - 1))
        inner.append(t)
        yield f"a tuple of {count} in itself", t
        yield f"a tuple of {count} in itself by a list", inner
        inner = {}
        t = tuple(range(count - 1)) + (inner,)
        inner["t"] = t
        yield f"a tuple of {count} in itself by a dict", [t, t, inner]
    x, y = [], {}
    x += [y, x, (x, y)]
    y.update(x=x, y=y, t=(y, x))
    yield "a list and a dict in each other", [x, y]
    t = ([], [])
    t[0].append((t, t[1]))
    t[1].append((t[0], t))
    yield "tuples in each other", t


def deep_streams(depth):
    """Deeper than Python's own pickler goes; its unpickler does not mind."""
    yield "lists", b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b"."
    yield "tuples", b"\x80\x04N" + b"\x85" * depth + b"."
    yield "dicts", b"\x80\x04" + b"}K\x00" * depth + b"N" + b"s" * depth + b"."
    yield "memoized", b"\x80\x04" + b"]\x94" * depth + b"a" * (depth - 1) + b"."


# ---- comparing ----

NO_IDENTITY = (type(None), bool, int, float, type, type(len), type(some), type(Ellipsis))


def has_identity(value):
    if isinstance(value, NO_IDENTITY):
        return False
    if type(value) in (str, bytes, tuple, frozenset):
        # Python has one empty tuple, and one of every str and bytes of one byte.
        return len(value) > (1 if type(value) in (str, bytes) else 0)
    return not isinstance(value, datetime.timezone)  # there is one UTC


def pairs_of_sets(a, b):
    """The items of one with those of the other: by value, and what equals nothing by its order."""
    rest = {}
    for item in b:
        rest.setdefault(item, []).append(item)
    left = []
    for item in a:
        if rest.get(item):
            yield item, rest[item].pop()
        else:
            left.append(item)
    others = [item for items in rest.values() for item in items]
    yield from zip(sorted(left, key=repr), sorted(others, key=repr))


def difference(a, b):
    """None when the two graphs are the same, in sharing, too; else what differs first."""
    todo = [(a, b, "")]
    ours, theirs = {}, {}
    keep = []  # what an id is remembered of must not go away meanwhile
    while todo:
        a, b, path = todo.pop()
        path = path[-200:]  # graphs may be very deep
        if type(a) is not type(b):
            return f"{path}: {type(a).__name__} and {type(b).__name__}"
        if has_identity(a):
            if id(a) in ours or id(b) in theirs:
                if ours.get(id(a)) != id(b) or theirs.get(id(b)) != id(a):
                    return f"{path}: shared otherwise: {short(a)} and {short(b)}"
                continue
            ours[id(a)], theirs[id(b)] = id(b), id(a)
            keep.append((a, b))
        said = compare_one(a, b, path, todo)
        if said:
            return f"{path}: {said}"
    return None


def short(value):
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(error).__name__}>"
    return text if len(text) < 90 else text[:90] + "..."


def compare_one(a, b, path, todo):
    kind = type(a)
    if kind is float:
        if struct.pack(">d", a) != struct.pack(">d", b) and not (a != a and b != b):
            return f"{a!r} and {b!r}"
    elif kind is complex:
        todo += [(a.real, b.real, path + ".real"), (a.imag, b.imag, path + ".imag")]
    elif kind in (set, frozenset):
        if len(a) != len(b):
            return f"{len(a)} and {len(b)} items"
        todo.extend((x, y, path + "{}") for x, y in pairs_of_sets(a, b))
    elif kind in (list, tuple, Point) or isinstance(a, (Listed, collections.deque)):
        if len(a) != len(b) or getattr(a, "maxlen", None) != getattr(b, "maxlen", None):
            return f"{len(a)} and {len(b)} items"
        todo.extend((x, y, f"{path}[{i}]") for i, (x, y) in enumerate(zip(a, b)))
    elif isinstance(a, dict):
        if len(a) != len(b):
            return f"{len(a)} and {len(b)} pairs"
        if getattr(a, "default_factory", None) is not getattr(b, "default_factory", None):
            return "another factory"
        for i, ((k, v), (l, w)) in enumerate(zip(a.items(), b.items())):
            todo += [(k, l, f"{path}.key{i}"), (v, w, f"{path}.value{i}")]
    elif kind is slice:
        todo.append(((a.start, a.stop, a.step), (b.start, b.stop, b.step), path))
    elif kind is Slotted:
        todo.append(([getattr(a, n, Plain) for n in Slotted.__slots__],
                     [getattr(b, n, Plain) for n in Slotted.__slots__], path))
    elif hasattr(a, "__dict__") and kind.__module__ == __name__:
        pass
    elif kind in (datetime.datetime, datetime.time, decimal.Decimal):
        if repr(a) != repr(b):
            return f"{short(a)} and {short(b)}"
    elif not (a == b or repr(a) == repr(b)):
        return f"{short(a)} and {short(b)}"
    if kind.__module__ == __name__ and hasattr(a, "__dict__"):
        todo.append((vars(a), vars(b), path + ".__dict__"))
    return None
