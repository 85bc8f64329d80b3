# SPDX-License-Identifier: MIT
"""What is dumped or loaded means harm, or changes meanwhile: an exception or a pickle, never a crash."""
import collections
import copyreg
import functools
import gc
import io
import os
import pickle
import sys
import threading
import traceback

import mayfly
from run import case, fork, main

LEVELS = 100000
# On a smaller one Python 3.13 itself crashes as it takes a deep list apart.
SMALL = 256 << 10 if sys.version_info < (3, 13) else 1 << 20


class Node:
    def __init__(self, inner=None):
        self.inner = inner


class Slotted:
    __slots__ = ("inner",)

    def __init__(self, inner=None):
        self.inner = inner


class Reduced(Node):
    def __reduce__(self):
        return Reduced, (self.inner,)


class Stateful(Node):
    def __getstate__(self):
        return [self.inner]

    def __setstate__(self, state):
        self.inner, = state


class Listed(list):
    pass


class Mapped(dict):
    pass


def closed_over(inner):
    return lambda: inner


def defaulted(inner):
    def function(given=inner):
        return given
    return function


def attributed(inner):
    def function():
        return 1
    function.inner = inner
    return function


def partial_of(inner):
    made = functools.partial(len)
    made.__setstate__((len, (inner,), {}, {}))
    return made


WRAPS = [lambda x: [x], lambda x: {"k": x}, lambda x: (x,), lambda x: frozenset([x]), Node, Slotted, Reduced, Stateful,
         lambda x: Listed([x]), lambda x: Mapped(k=x), closed_over, defaulted, attributed, partial_of,
         lambda x: property(x), lambda x: collections.OrderedDict(k=x),
         lambda x: type("Deep", (), {"__module__": "__main__", "inner": x})]


def nested(wrap, levels):
    made = None if wrap is not WRAPS[3] else 0
    for _ in range(levels):
        made = wrap(made)
    return made


def in_a_child(work):
    """What crashes does so there; and what is deep need not be taken apart."""
    def child():
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = fork(child)
    assert status == 0, status


def in_a_thread(size, work):
    failed = []

    def caught():
        try:
            work()
        except BaseException as error:
            failed.append(error)
            traceback.print_exc()
    old = threading.stack_size(size)
    thread = threading.Thread(target=caught)
    thread.start()
    thread.join()
    threading.stack_size(old)
    assert not failed, failed


kept = []  # not all that is deep can be taken apart by CPython: properties and functions cannot


def dump_deep(wrap, levels, protocol):
    whole = nested(wrap, levels)
    kept.append(whole)
    for recurse in False, True:
        try:
            data = mayfly.dumps(whole, protocol, recurse=recurse)
        except RecursionError:
            continue
        except (TypeError, pickle.PicklingError):
            assert protocol < 2  # which has no way for slots, nor for functions by value
            continue
        try:
            kept.append(mayfly.loads(data))
        except RecursionError:
            pass


@case
def any_depth_of_anything_is_dumped_or_is_a_RecursionError():
    for wrap in WRAPS:
        levels = LEVELS if wrap is not WRAPS[-1] else 2000
        for protocol in (4,) if levels < LEVELS else (0, 4):
            def work():
                dump_deep(wrap, levels, protocol)
            in_a_child(work)
            in_a_child(lambda: in_a_thread(SMALL, work))


@case
def a_limit_that_was_raised_does_not_count():
    def work():
        sys.setrecursionlimit(10 ** 9)
        for wrap in WRAPS[:14]:
            dump_deep(wrap, LEVELS, 4)
    in_a_child(lambda: in_a_thread(2 * SMALL, work))


def deep_streams():
    many = LEVELS
    yield b"]" * many + b"a" * (many - 1) + b"."
    yield b")" + b"\x85" * many + b"."
    yield b"}" + b"K\x01}" * many + b"s" * many + b"."
    yield b"\x80\x04K\x01" + b"\x85" * many + b"."
    yield b"(" * many + b"t" * many + b"."
    yield b"\x80\x04" + b"(" * many + b"\x91" * many + b"."
    yield b"\x80\x02" + b"cbuiltins\nlist\n" * many + b")" + b"R\x85" * (many - 1) + b"R."
    yield b"\x80\x02" + b"c__main__\nNode\n)\x81" * many + b"}" + b"X\x05\x00\x00\x00innerNs" + b"b" + \
        b"0" * (many - 1) + b"."
    yield b"\x80\x02" + b"c__main__\nNode\n)\x81}X\x05\x00\x00\x00inner" * many + b"N" + b"sb" * many + b"."
    yield b"\x80\x02" + b"c__main__\nSlotted\n)\x81N}X\x05\x00\x00\x00inner" * many + b"N" + b"s\x86b" * many + b"."
    yield b"\x80\x02" + b"c__main__\nReduced\n" * many + b"N" + b"\x85R" * many + b"."
    yield b"\x80\x02" + b"cfunctools\npartial\ncbuiltins\nlen\n" * many + b"N" + b"\x86R" * many + b"."


@case
def streams_of_any_depth_are_loaded():
    def work():
        for number, data in enumerate(deep_streams()):
            if sys.version_info[:2] == (3, 13) and number == 10:
                continue  # CPython takes instances in instances apart by recursion: pickle crashes, too
            for load in mayfly.loads, lambda text: mayfly.load(io.BytesIO(text)):
                for options in {}, {"data_only": True}, {"allow": ["builtins:list"]}:
                    try:
                        load(data, **options) if load is mayfly.loads else load(data)
                    except (RecursionError, pickle.UnpicklingError, TypeError) as error:
                        assert number > 4 or number == 4 and isinstance(error, TypeError), (number, error)
    in_a_child(work)
    in_a_child(lambda: in_a_thread(SMALL, work))


# ---- reducers that lie --------------------------------------------------------------------------


class Gives:
    """Its reducer gives whatever it is told to."""

    def __init__(self, value):
        self.value = value

    def __reduce_ex__(self, protocol):
        return self.value() if callable(self.value) else self.value


class Bad:
    def __iter__(self):
        yield 1
        raise ZeroDivisionError("in the middle")

    def __len__(self):
        raise ZeroDivisionError("no length")

    def __hash__(self):
        raise ZeroDivisionError("no hash")

    def __bool__(self):
        raise ZeroDivisionError("neither")


class SubTuple(tuple):
    def __iter__(self):
        raise ZeroDivisionError("not that way")

    def __getitem__(self, at):
        raise ZeroDivisionError("nor that")

    def __len__(self):
        return 10 ** 9


class SubStr(str):
    def __eq__(self, other):
        raise ZeroDivisionError("equal to nothing")

    __hash__ = None


class NoName:
    __name__ = 5

    def __call__(self):
        pass


def lies():
    none = type(None)
    yield from [5, None, b"x", (), (1,), (int,), (int, 5), (5, ()), (int, None), (int, [1]), (int, (), None, 5),
                (int, (), None, [1]), (int, (), None, iter([1]), 7), (int, (), None, None, [(1, 2)]),
                (dict, (), None, None, iter([1])), (dict, (), None, None, iter([(1, 2, 3)])),
                (list, (), None, iter(Bad())), (list, (), None, None, None, 5), (list, (), None, None, None, None, None),
                (int, (), None, None, None, len, 1), "", "nothing.of.that.name", "a..b", ".", "\ud800", SubStr("x"),
                SubTuple((int, ())), (int, SubTuple((1,))), (copyreg.__newobj__, ()), (copyreg.__newobj__, (5,)),
                (copyreg.__newobj__, (int, 1)), (copyreg.__newobj_ex__, (int,)), (copyreg.__newobj_ex__, (int, 1, 2)),
                (copyreg.__newobj_ex__, (5, (), {})), (copyreg.__newobj_ex__, (int, (), 5)), (none, ()), (NoName(), ()),
                (Bad(), ()), (int, (Bad(),)), (list, (), Bad()), (Gives, (1,), {1: 2}, iter([]), iter([])),
                (int, (), None, iter(())), lambda: 1 / 0, lambda: sys.exit(3), lambda: (_ for _ in ()).throw(KeyError)]


def told(function, *args):
    try:
        return function(*args)
    except RecursionError:
        return RecursionError
    except BaseException as error:
        return type(error)


@case
def reducers_that_lie_get_what_pickle_gives_them():
    for number, _ in enumerate(lies()):
        for protocol in range(6):
            # Iterators are used up: one for each.
            theirs = told(pickle.dumps, [Gives(list(lies())[number])], protocol)
            ours = told(mayfly.dumps, [Gives(list(lies())[number])], protocol)
            same = theirs == ours or isinstance(ours, type) and isinstance(theirs, type) and (
                issubclass(ours, theirs) or issubclass(theirs, ours))
            # Things of __main__ go by value here; pickle names them, or refuses.
            assert same or isinstance(ours, bytes) and (
                isinstance(theirs, bytes) and b"dill._dill" in ours or
                theirs in (TypeError, AttributeError, pickle.PicklingError)), (number, protocol, theirs, ours)


# ---- what is written is taken apart -------------------------------------------------------------


def victims():
    """(object, what takes it apart while it is written)"""
    listed = ["%d" % i for i in range(50)]
    yield listed, listed.clear
    mapped = {"%d" % i: ["%d" % i] for i in range(50)}
    yield mapped, mapped.clear
    whole = {frozenset([i]) for i in range(50)}
    yield whole, whole.clear
    node = Node(["a"])
    yield node, node.__dict__.clear
    other = Node(["b"])

    def replaced():
        other.__dict__ = {"x": 1}
    yield other, replaced
    changed = Node(["c"])

    def other_class():
        changed.__class__ = Reduced
    yield changed, other_class
    slotted = Slotted(["d"])
    yield slotted, lambda: delattr(slotted, "inner")
    data = bytearray(b"x" * 5000)

    def shrunk():
        try:
            data.clear()
        except BufferError:
            pass
    yield data, shrunk
    function = defaulted(["e"])

    def emptied():
        function.__defaults__ = None
        function.__dict__.clear()
        function.__code__ = (lambda: 5).__code__
    yield function, emptied
    cell = closed_over(["f"])

    def filled():
        cell.__closure__[0].cell_contents = None
    yield cell, filled
    cls = type("Gone", (), {"__module__": "__main__", **{"m%d" % i: i for i in range(50)}})

    def bared():
        for name in [name for name in vars(cls) if name.startswith("m")]:
            delattr(cls, name)
    yield cls, bared
    odd = collections.OrderedDict((str(i), [i]) for i in range(50))
    yield odd, odd.clear


class Meddler:
    """When it is asked how it is made, it takes apart what it stands in."""

    def __init__(self, work):
        self.work = work

    def __reduce__(self):
        self.work()
        gc.collect()
        return str, ("meddled",)


def put_into(victim, meddler):
    """The meddler in the middle of what is written."""
    if isinstance(victim, list):
        victim.insert(10, meddler)
    elif isinstance(victim, dict):
        victim["10"] = [meddler]
        victim["new"] = meddler
    elif isinstance(victim, set):
        victim.add(meddler)
    elif isinstance(victim, (Node, Slotted)):
        victim.inner = [meddler, ["after"]]
    elif isinstance(victim, type):
        victim.m25 = [meddler]
    elif getattr(victim, "__closure__", None):
        victim.__closure__[0].cell_contents = [meddler, ["after"]]
    elif callable(victim):
        victim.__defaults__ = [meddler, ["after"]],
        victim.more = meddler


@case
def what_is_taken_apart_while_it_is_written_is_written_or_refused():
    for number, _ in enumerate(list(victims())):
        for protocol in range(6):
            for many in False, True:
                def work():
                    victim, apart = list(victims())[number]
                    meddler = Meddler(apart)
                    put_into(victim, meddler)
                    whole = [victim, meddler, victim] if many else victim
                    data = told(functools.partial(mayfly.dumps, recurse=many), whole, protocol)
                    if isinstance(data, bytes):
                        told(mayfly.loads, data)
                    else:
                        assert issubclass(data, Exception), data
                in_a_child(work) if sys.flags.dev_mode and number % 3 == 0 else work()


# ---- threads ------------------------------------------------------------------------------------


def together(*works, seconds=1.5):
    """All at once, over and over, with as many switches between them as there can be."""
    stop, unexpected = threading.Event(), []

    def run(work):
        while not stop.is_set():
            try:
                work()
            except (RuntimeError, pickle.PickleError, EOFError, TypeError, AttributeError, LookupError, ValueError):
                pass  # of a moment in which things did not go together
            except BaseException as error:
                unexpected.append(error)
                return
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    timer = threading.Timer(seconds, stop.set)
    try:
        for thread in [timer, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stop.set()
        timer.cancel()
        sys.setswitchinterval(interval)
    assert not unexpected, unexpected


class Switches:
    """Other threads get their turn in the middle."""

    def __reduce__(self):
        sum(range(2000))
        return int, ()


@case
def threads_change_everything_that_is_dumped():
    listed, mapped, whole = [Switches()] * 20, {}, set()
    node, slotted, data = Node(), Slotted(), bytearray(1000)
    function, cell = defaulted(1), closed_over(1)
    cls = type("Changing", (), {"__module__": "__main__", "a": 1})
    things = [listed, mapped, whole, node, slotted, data, function, cell, cls, Switches()]

    def change():
        for at in range(100):
            listed.append([Switches(), at])
            mapped[at] = [Switches()]
            mapped.pop(at - 50, None)
            whole.add(frozenset([at]))
            node.__dict__["a%d" % (at % 40)] = [at]
            node.__dict__.pop("a%d" % ((at + 20) % 40), None)
            slotted.inner = [at, Switches()]
            function.__defaults__ = ([at],)
            function.more = at
            cell.__closure__[0].cell_contents = [Switches(), at]
            setattr(cls, "b%d" % (at % 20), at)
            data.extend(b"x")
        del listed[20:]
        mapped.clear()
        whole.clear()
        del data[1000:]
    in_a_child(lambda: together(change, change, *[
        functools.partial(mayfly.dumps, things, protocol, recurse=recurse)
        for protocol in (0, 2, 4, 5) for recurse in (False, True)]))


@case
def threads_share_picklers_and_unpicklers():
    file = io.BytesIO()
    pickler = mayfly.Pickler(file)
    stream = mayfly.dumps([[Switches()] * 50, {"a": [1] * 1000}]) * 20
    source = io.BytesIO(stream)
    unpickler = mayfly.Unpickler(source)

    def load():
        source.seek(0)
        unpickler.load()
        unpickler.memo

    def dump():
        pickler.dump([[Switches()] * 50, {"a": [1] * 1000}])
        pickler.clear_memo()
        pickler.memo
        file.seek(0)
        file.truncate()
    in_a_child(lambda: together(load, load, load, dump, dump, dump))


if __name__ == "__main__":
    main()
