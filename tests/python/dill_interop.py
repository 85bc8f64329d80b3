# SPDX-License-Identifier: MIT
"""What is dumped here loads with dill, what dill dumps loads here, and what is dumped here loads here.

    dill_interop.py          runs all of it
    dill_interop.py write DIRECTORY | read DIRECTORY     with the dill that is to be imported

The dills: Debian's, and by pip 0.3.5.1 and the newest. A reader of the other side runs in a process of its own; the one that
reads dill's streams here has no dill to import.
"""
import abc
import collections
import contextlib
import dataclasses
import enum
import functools
import importlib.util
import os
import pathlib
import subprocess
import sys
import threading
import types
import typing
import warnings
import weakref
import zipfile

from mayfly import _engine
from run import Skip, case, main

warnings.simplefilter("ignore")
# What this dill cannot dump itself, or loads wrong: nothing to compare with.
DILL_CANNOT = {"D", "Di", "Color", "Fl", "Planet", "Gen", "ecell", "cdict", "TNT", "prop", "exit", "super",
               "Abc", "DCS", "inner", "mutual"}

G = 7


def f(x, y=2):
    """doc"""
    return x * y + G


def rec(n):
    return 1 if n < 2 else n * rec(n - 1)


def outer():

    def inner(n):
        return 1 if n < 2 else n * inner(n - 1)
    return inner


def mutual():

    def a(n):
        return n if n < 1 else b(n - 1)

    def b(n):
        return n if n < 1 else a(n - 1)
    return a


class C:
    x = 1

    def __init__(self, v):
        self.v = v

    def get(self):
        return self.v

    @property
    def p(self):
        return self.v * 2

    @classmethod
    def k(cls):
        return cls.__name__

    @staticmethod
    def s():
        return 3


class D(C):
    __slots__ = ('__q', 'r')

    def __init__(self, v):
        super().__init__(v)
        self.__q = 5
        self.r = 6

    def q(self):
        return (self.__q, __class__.__name__)


D.inst = D(4)


class St:

    def __init__(self):
        self.a = 1

    def __getstate__(self):
        return {'a': 2}

    def __setstate__(self, s):
        self.__dict__.update(s)
        self.b = 9


class Meta(type):

    def __new__(m, n, b, d):
        d['made'] = 1
        return super().__new__(m, n, b, d)


class WithMeta(metaclass=Meta):
    pass


class Abc(abc.ABC):

    @abc.abstractmethod
    def m(self):
        ...


@Abc.register
class Virt:
    pass


class Conc(Abc):

    def m(self):
        return 'm'


@dataclasses.dataclass
class DC:
    a: int
    b: list = dataclasses.field(default_factory=list)
    c: 'typing.Any' = None


@dataclasses.dataclass(frozen=True, **({"slots": True} if sys.version_info >= (3, 10) else {}))
class DCS:
    a: int = 1


class Color(enum.Enum):
    RED = 1
    GREEN = enum.auto()

    @property
    def nice(self):
        return self.name.lower()

    @classmethod
    def _missing_(cls, v):
        return cls.RED


class Fl(enum.IntFlag):
    A = 1
    B = 2
    AB = 3


class Planet(enum.Enum):
    X = (1, 2)

    def __init__(self, m, r):
        self.m = m
        self.r = r


NT = collections.namedtuple('NT', 'a b', defaults=[3])


class TNT(typing.NamedTuple):
    a: int
    b: str = 'x'

    def both(self):
        return (self.a, self.b)


T = typing.TypeVar('T')


class Gen(typing.Generic[T]):

    def g(self):
        return 1


class Sub(Gen[int]):
    pass


class Proxy:
    pass


pr = Proxy()


async def co():
    return 5


exec('def ex(x): return exg(x)+1\ndef exg(x): return x*10', (ns := {'__name__': 'nowhere'}))


# name: what is dumped, and what has to be true of what comes back
cases_of = {
    'f': (f, lambda o: o(3) == 13 and o.__doc__ == 'doc'),
    'lam': (lambda x: x + 1, lambda o: o(1) == 2),
    'rec': (rec, lambda o: o(5) == 120),
    'inner': (outer(), lambda o: o(5) == 120 and o.__closure__[0].cell_contents is o),
    'mutual': (mutual(), lambda o: o(4) == 0),
    'kw': (lambda *a, k=3, **kw: k, lambda o: o() == 3),
    'C': (C, lambda o: o(3).get() == 3 and o.k() == 'C' and (o.s() == 3) and (o(2).p == 4)),
    'inst': (C(4), lambda o: o.get() == 4),
    'D': (D, lambda o: o(3).q() == (5, 'D') and type(o.inst) is o and (o.inst.r == 6)),
    'Di': ([D(3), D(4)], lambda o: o[0].q() == (5, 'D') and type(o[0]) is type(o[1])),
    'St': (St(), lambda o: o.b == 9 and o.a == 2),
    'Stc': (St, lambda o: o().a == 1),
    'WithMeta': (WithMeta, lambda o: o.made == 1),
    'Abc': ([Abc, Conc, Virt],
        lambda o: issubclass(o[1], o[0]) and issubclass(o[2], o[0]) and (o[1]().m() == 'm') and (o[0].__abstractmethods__ == {'m'})),
    'DC': (DC(1), lambda o: o.a == 1 and o.b == [] and dataclasses.asdict(o)),
    'DCS': (DCS(1), lambda o: o.a == 1 and type(o)(1) == o),
    'Color': ([Color, Color.RED],
        lambda o: o[1] is o[0].RED and o[0].GREEN.nice == 'green' and (o[0](99) is o[0].RED)),
    'Fl': ([Fl.A | Fl.B, Fl], lambda o: o[0] == 3 and o[1].AB == 3),
    'Planet': (Planet.X, lambda o: o.r == 2),
    'NT': (NT(1), lambda o: o.b == 3),
    'TNT': (TNT(1), lambda o: o.both() == (1, 'x')),
    'Gen': ([Gen, Sub], lambda o: o[1]().g() == 1 and o[1].__orig_bases__),
    'meth': (C(5).get, lambda o: o() == 5),
    'ex': (ns['ex'], lambda o: o(2) == 21),
    'lock': (threading.Lock(), lambda o: not o.locked()),
    'rlock': (threading.RLock(), lambda o: o.acquire()),
    'mp': (types.MappingProxyType({1: 2}), lambda o: o[1] == 2),
    'cdict': (C.__dict__, lambda o: o['x'] == 1),
    'wr': ([pr, weakref.ref(pr), weakref.proxy(pr)], lambda o: o[1]() is o[0]),
    'dead': (weakref.ref(Proxy()), lambda o: o() is None),
    'part': (functools.partial(f, 2), lambda o: o() == 11),
    'lru': (functools.lru_cache(maxsize=3)(f), lambda o: o(3) == 13 and o.cache_parameters()['maxsize'] == 3),
    'cell': (types.CellType(5), lambda o: o.cell_contents == 5),
    'ecell': (types.CellType(), lambda o: repr(o).find('empty') > 0),
    'code': (f.__code__, lambda o: o == f.__code__),
    'views': ([{1: 2}.keys(), {1: 2}.values(), {1: 2}.items()],
        lambda o: list(o[0]) == [1] and list(o[1]) == [2] and (list(o[2]) == [(1, 2)])),
    'prop': (property(f), lambda o: o.fget(1) == 9),
    'super': (super(D, D(2)), lambda o: o.get() == 2),
    'desc': ([C.__dict__['p'], int.__dict__['real'], str.join, DCS.a, 1 .__lt__], lambda o: o[4](2)),
    'mod': (types, lambda o: o is types),
    'types': ([types.FunctionType, type({}.keys()), int, type(None), type(...)],
        lambda o: o[0] is types.FunctionType),
    'slice': (slice(1, 2), lambda o: o == slice(1, 2)),
    'main': (C.get, lambda o: o(C(3)) == 3),
    'co': (co, lambda o: o().close() is None),
    'exit': (exit, lambda o: True),
}

VARIANTS = [(recurse, protocol) for recurse in (False, True) for protocol in (2, 3, 4, 5)]


def check(name, obj):
    assert cases_of[name][1](obj) is not False, name


@case
def everything_comes_back_by_our_own_hands():
    for recurse, protocol in VARIANTS:
        for name, (obj, _) in cases_of.items():
            data = _engine.dumps(obj, protocol=protocol, recurse=recurse)
            check(name, _engine.loads(data, ignore=True))


def write(folder):
    """With dill: what it can dump, one file for each."""
    import dill
    for recurse, protocol in VARIANTS[::3]:
        for name, (obj, _) in cases_of.items():
            if name in DILL_CANNOT:
                continue
            with contextlib.suppress(Exception):
                data = dill.dumps(obj, protocol=protocol, recurse=recurse)
                pathlib.Path(folder, f"{name}.{recurse}.{protocol}").write_bytes(data)


def read(folder):
    """With dill: what we dumped."""
    import dill
    count = 0
    for path in sorted(pathlib.Path(folder).iterdir()):
        check(path.name.partition(".")[0], dill.loads(path.read_bytes(), ignore=True))
        count += 1
    print(count)


def dill_at(version):
    """A directory to put first in sys.path; None: where Debian's is."""
    if version is None:
        if importlib.util.find_spec("dill") is None:
            raise Skip("python3-dill is not installed")
        return None
    wanted = "dill" if version == "newest" else f"dill=={version}"
    folder = pathlib.Path(f"dill-{version}")
    if not folder.exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder,
                        wanted], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise Skip(f"{wanted} cannot be had by pip here")
    zipfile.ZipFile(wheels[0]).extractall(folder)
    return folder.resolve()


def other(version, what, folder):
    where = dill_at(version)
    path = os.pathsep.join(filter(None, [str(where or ""), os.environ["PYTHONPATH"]]))
    done = subprocess.run([sys.executable, __file__, what, str(folder)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONPATH": path},
                          timeout=600)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def they_read_ours(version):
    folder = pathlib.Path(f"ours-{version}")
    folder.mkdir()
    count = 0
    for recurse, protocol in VARIANTS:
        for name, (obj, _) in cases_of.items():
            data = _engine.dumps(obj, protocol=protocol, recurse=recurse)
            (folder / f"{name}.{recurse}.{protocol}").write_bytes(data)
            count += 1
    assert int(other(version, "read", folder).split()[-1]) == count


def we_read_theirs(version):
    folder = pathlib.Path(f"theirs-{version}")
    folder.mkdir()
    other(version, "write", folder)
    paths = sorted(folder.iterdir())
    assert len(paths) > 25, len(paths)
    assert "dill" not in sys.modules
    for path in paths:
        check(path.name.partition(".")[0], _engine.loads(path.read_bytes(), ignore=True))
    assert "dill" not in sys.modules


for _version, _name in (None, "Debians_dill"), ("newest", "the_newest_dill"):
    for _what in they_read_ours, we_read_theirs:
        _test = functools.partial(_what, _version)
        _test.__name__ = f"{_what.__name__}_{_name}"
        case(_test)
_test = functools.partial(we_read_theirs, "0.3.5.1")
_test.__name__ = "we_read_theirs_dill_0_3_5"
case(_test)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
    else:
        main()
