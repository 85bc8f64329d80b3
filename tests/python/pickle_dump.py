# SPDX-License-Identifier: MIT
"""What mayfly.dumps writes is what pickle writes, byte for byte; each trap of doing it fast is a case."""
import collections
import copyreg
import datetime
import gc
import io
import os
import pickle
import sys
import threading

import mayfly

import graphs
from pickle_objects import (Calls, Deep, Fails, Fresh, FreshState, Items, Pairs, Patched, Plain,
                            Property, Registered, Shows, Slots, Spy)
from run import Skip, blocks_are_counted, case, flat, main, raises

LONG = bool(os.environ.get("MFT_LONG"))
ALL = range(pickle.HIGHEST_PROTOCOL + 1)


def outcome(function, *args):
    try:
        return function(*args)
    except RecursionError:
        return RecursionError  # after how many levels is each one's own matter
    except Exception as error:
        return type(error), str(error)


def same(make, protocols=ALL):
    """Of an object made twice: what is written may change it."""
    for protocol in protocols:
        ours, theirs = outcome(mayfly.dumps, make(), protocol), outcome(pickle.dumps, make(), protocol)
        assert ours == theirs, (protocol, ours, theirs)


def held(**more):
    return {"list": [Plain()], "tuple": (1, [2]), "str": "".join(["a", "b"]), **more}


@case
def random_graphs_are_written_as_pickle_writes_them():
    for seed in range(200000 if LONG else 1500):
        graph = graphs.graph(seed)
        for protocol in ALL if seed % 4 == 0 else (4, 5):
            ours, theirs = outcome(mayfly.dumps, graph, protocol), outcome(pickle.dumps, graph, protocol)
            # pickle counts levels, we measure the stack: what is finite may be too deep for it alone
            assert ours == theirs or theirs is RecursionError, (seed, protocol)


class Written:
    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))


@case
def frames_and_writes_to_a_file_are_pickles():
    for seed in range(40 if LONG else 3):
        graph = graphs.graph(seed, 4000)
        for protocol in 2, 4, 5:
            ours, theirs = Written(), Written()
            mayfly.dump(graph, ours, protocol)
            pickle.dump(graph, theirs, protocol)
            assert b"".join(ours.parts) == b"".join(theirs.parts), (seed, protocol)
            assert protocol < 4 or ours.parts == theirs.parts, (seed, protocol)


@case
def trap_1_tuples_that_contain_themselves():
    def by_list():
        inner = []
        inner.append((inner, 1, 2, 3, 4))
        return inner[0]

    def in_three():
        inner = []
        inner.append((inner, 1))
        return [inner[0], inner]

    def frozen():
        one = Plain()
        one.all = frozenset([one])
        return one.all

    def reduced():
        inner = []
        inner.append(Deep(inner))
        return inner[0]
    for make in by_list, in_three, frozen, reduced:
        same(make)


@case
def trap_2_what_reducers_make_and_let_go():
    same(lambda: [Fresh() for _ in range(300)])
    same(lambda: [FreshState() for _ in range(300)])
    same(Items)
    same(Pairs)
    same(lambda: [datetime.datetime(2000, 1, 1, second=i) for i in range(60)] * 2)


@case
def trap_3_keys_that_instances_share():
    def make():
        things = [Plain() for _ in range(50)]
        for thing in things:
            setattr(thing, "".join(["only", "_here"]), 1)
        return things
    same(make)
    same(lambda: [vars(thing) for thing in make()])


@case
def trap_4_user_code_that_reaches_back():
    def beside():
        names = held()
        return [names, Spy(names)]

    def within():
        names = held()
        names["me"] = Spy(names)
        return names

    def attributes():
        one = Plain(a=1, b=[2])
        return [one, Shows(one), Shows(one)]
    for make in beside, within, attributes:
        same(make)


@case
def trap_5_methods_on_the_instance():
    def with_attribute(name, value):
        thing = Plain()
        vars(thing)[name] = value
        return [Plain(), thing]
    same(lambda: with_attribute("__reduce_ex__", lambda protocol: (int, (5,))))
    same(lambda: with_attribute("__getstate__", lambda: {"a": 1}))
    same(lambda: with_attribute("".join(["__reduce", "_ex__"]), lambda protocol: (int, (5,))))


@case
def trap_5_a_class_that_is_changed_later():
    thing = Patched()
    mayfly.dumps(thing)
    Patched.__reduce__ = lambda self: (int, (9,))
    try:
        same(lambda: thing)
        assert pickle.loads(mayfly.dumps(thing)) == 9
    finally:
        del Patched.__reduce__
    same(lambda: thing)


@case
def trap_6_a_class_that_is_registered_later():
    things = [Registered(), Registered()]
    mayfly.dumps(things)
    copyreg.pickle(Registered, lambda thing: (int, (7,)))
    try:
        assert pickle.loads(mayfly.dumps(things)) == [7, 7]
        same(lambda: things)
    finally:
        del copyreg.dispatch_table[Registered]
    same(lambda: things)


@case
def trap_6_a_class_that_is_registered_while_dumping():
    def register():
        copyreg.pickle(Registered, lambda thing: (int, (7,)))

    def make():
        copyreg.dispatch_table.pop(Registered, None)
        return [Registered(), Calls(register), Registered()]
    try:
        same(make)
    finally:
        copyreg.dispatch_table.pop(Registered, None)


@case
def trap_7_what_changes_while_it_is_written():
    def cleared():
        names = [[1], [2]]
        return names + [names, Calls(names.clear), [3]]

    def clears_its_own():
        names = [[1]]
        names.append(Calls(names.clear))
        return names + [names, names]

    def grows():
        names = {"a": 1}
        names["m"] = Calls(lambda: names.update(zz=1))
        names["b"] = 2
        return names

    def drops():
        names = []
        names.append([Calls(lambda: names.__setitem__(0, None)), "tail"])
        return names

    def attributes():
        one = Plain(a=1)
        one.b = Calls(lambda: setattr(one, "zz", 1))
        one.c = [3]
        return one

    def loses_attributes():
        one = Plain(a=1)
        one.b = Calls(lambda: vars(one).clear())
        one.c = ["".join(["x", "y"])]
        return one

    def slots():
        one = Slots()
        one.a = Calls(lambda: delattr(one, "b"))
        one.b = ["".join(["x", "y"])]
        return one
    for make in cleared, clears_its_own, grows, drops, attributes, loses_attributes, slots:
        same(make)


@case
def trap_8_an_instance_and_its_dict():
    def both():
        one = Plain(a=1, b=2)
        return [one, vars(one), one]

    def dict_first():
        one = Plain(a=1, b=2)
        return [vars(one), one]
    same(both)
    same(dict_first)


@case
def trap_9_what_exists_once():
    same(lambda: [b"a", b"a", bytes([97]), chr(233), "\xe9", "", b"", (), frozenset()])


@case
def trap_10_slots_that_are_something_else():
    def make():
        one = Property()
        one._x = [1]
        return [one, one]
    same(make)


def deep(depth, wrap):
    inner = []
    for _ in range(depth):
        inner = wrap(inner)
    return inner


@case
def trap_11_a_hundred_thousand_levels_end_with_a_clean_error():
    wraps = [lambda x: [x], lambda x: (x,), lambda x: {1: x}, lambda x: Plain(a=x), Deep]
    for wrap in wraps:
        whole = deep(100000, wrap)
        for protocol in 0, 2, 5:
            with raises(RecursionError):
                mayfly.dumps(whole, protocol)
        while True:  # taken apart by hand: letting it go at once is deep, too
            inner = whole[0] if isinstance(whole, (list, tuple)) and whole else \
                whole.get(1) if isinstance(whole, dict) else \
                getattr(whole, "a", getattr(whole, "inner", None))
            if inner is None or inner == []:
                break
            whole = inner


@case
def trap_11_deeper_than_pickle_and_on_a_small_stack():
    whole = deep(3000, lambda x: [x])
    data = mayfly.dumps(whole)
    assert data.count(b"]\x94") == 3001

    def work():
        with raises(RecursionError):
            mayfly.dumps(deep(100000, lambda x: [x]))
        done.append(True)
    done = []
    # On a smaller one Python 3.13 itself crashes as it takes a deep list apart.
    old = threading.stack_size(256 << 10 if sys.version_info < (3, 13) else 1 << 20)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(old)
    assert done


@case
def trap_12_threads_that_change_what_is_dumped():
    things = [[i] for i in range(2000)]
    names = {i: [i] for i in range(500)}
    stop = threading.Event()

    def change():
        at = 0
        while not stop.is_set():
            things[at % 2000] = [at]
            names[at] = [at]
            names.pop(at - 400, None)
            at += 1
    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            with_errors = outcome(mayfly.dumps, [things, names, Calls(lambda: None)])
            assert isinstance(with_errors, bytes) or with_errors[0] is RuntimeError, with_errors
    finally:
        stop.set()
        thread.join()


@case
def trap_13_what_is_asked_before_each_object():
    class Asked(mayfly.Pickler):
        def __init__(self, *args):
            super().__init__(*args)
            self.seen = []

        def persistent_id(self, thing):
            self.seen.append(type(thing))
            return "id" if thing == "persistent" else None
    graph = [1, "persistent", Plain(a="persistent"), {1: (2.5, None)}, {3}]
    for protocol in ALL:
        ours, theirs = io.BytesIO(), io.BytesIO()
        one = Asked(ours, protocol)
        one.dump(graph)

        class Theirs(pickle.Pickler):
            def persistent_id(self, thing):
                seen.append(type(thing))
                return "id" if thing == "persistent" else None
        seen = []
        Theirs(theirs, protocol).dump(graph)
        assert ours.getvalue() == theirs.getvalue()
        assert one.seen == seen


@case
def trap_13_registered_savers_talk_to_the_pickler():
    def save(pickler, thing):
        assert id(thing) not in pickler.memo
        pickler.save_reduce(dict, (), obj=thing)
        number = pickler.memo[id(thing)][0]
        assert pickler.get(number) in (b"h" + bytes([number]), b"j" + number.to_bytes(4, "little"))
        pickler._batch_setitems(iter([("saved", [1, 2])]))
        pickler.save([thing])
        pickler.write(pickle.POP)
    mayfly.Pickler.dispatch[Registered] = save
    try:
        thing = Registered()
        found = pickle.loads(mayfly.dumps([thing, thing, {"x": Registered()}]))
        assert found == [{"saved": [1, 2]}, {"saved": [1, 2]}, {"x": {"saved": [1, 2]}}]
        assert found[0] is found[1]
        file = io.BytesIO()
        mayfly.dump(thing, file)
        assert pickle.loads(file.getvalue()) == {"saved": [1, 2]}
    finally:
        del mayfly.Pickler.dispatch[Registered]
    with raises(RuntimeError):
        mayfly.Pickler(io.BytesIO()).save(1)


@case
def trap_14_buffers_out_of_band():
    for thing in b"abc" * 50000, bytearray(b"abc"), memoryview(b"abc")[::2]:
        for answer in None, True:
            ours, theirs = [], []

            def dump(dumps, taken):
                view = outcome(pickle.PickleBuffer, thing)
                return outcome(lambda: dumps([view, view], protocol=5, buffer_callback=lambda one:
                                             taken.append(bytes(one.raw())) or answer))
            assert dump(mayfly.dumps, ours) == dump(pickle.dumps, theirs)
            assert ours == theirs
    with raises(ValueError):
        mayfly.dumps(1, protocol=4, buffer_callback=print)
    with raises(pickle.PicklingError):
        mayfly.dumps(pickle.PickleBuffer(b"x"), protocol=4)


def reducers():
    try:
        import mayfly._dill.reducers  # noqa: F401
    except ImportError:
        raise Skip("the table of reducers is not here")


class Loader(pickle.Unpickler):
    """CPython's, with the names that dill's streams have."""

    def find_class(self, module, name):
        from mayfly._dill import names
        try:
            return names.find(module, name)
        except AttributeError:
            return super().find_class(module, name)


def loads(data):
    return Loader(io.BytesIO(data)).load()


main_source = """
K = 3
def uses(x): return x * K
def make(n):
    y = [n]
    def inner(z): return z + y[0] + n
    return inner
def recursive():
    def fact(n): return 1 if n < 2 else n * fact(n - 1)
    return fact
class Base:
    "doc"
    z = 1
    def __init__(self, a): self.a = a
    def m(self): return self.a + self.z
    @property
    def p(self): return self.a
    @staticmethod
    def s(x): return x
class Derived(Base):
    def m(self): return super().m() + 1
"""


@case
def trap_15_functions_and_classes_of_main_by_value():
    reducers()
    import __main__
    kept = dict(vars(__main__))
    exec(main_source, vars(__main__))
    try:
        main = __main__
        rows = [(main.uses, lambda f: f(5)), (main.make(3), lambda f: f(1)),
                (main.recursive(), lambda f: f(5)), (main.Derived, lambda c: (c(2).m(), c(2).p, c.s(1))),
                (main.Derived(4), lambda i: i.m()), (lambda x: x + 1, lambda f: f(1))]
        for protocol in range(2, 6):
            for thing, use in rows:
                data = mayfly.dumps(thing, protocol)
                assert b"dill._dill" in data
                assert mayfly.dumps(thing, protocol) == data
                assert use(loads(data)) == use(thing), thing
        names = [vars(main), vars(main)]
        found = loads(mayfly.dumps(names))
        assert found[0] is found[1] is vars(main)
    finally:
        for name in set(vars(__main__)) - set(kept):
            del vars(__main__)[name]


@case
def trap_16_nothing_is_kept_of_what_was_dumped():
    blocks_are_counted()
    reducers()
    import weakref
    names = {}
    exec("def f(x): return x\nclass C: pass", names)
    for name in "f", "C":
        gone = weakref.ref(names[name])
        outcome(mayfly.dumps, names[name])
        names[name] = None
        gc.collect()
        assert gone() is None, name


@case
def trap_19_nothing_leaks_neither_from_what_fails():
    graph = [graphs.graph(seed) for seed in range(40)]
    for protocol in 0, 2, 4, 5:
        flat(lambda: [outcome(mayfly.dumps, part, protocol) for part in graph], noise=3)
    for hostile in ([1, "x", Fails()], {"a": [Fails()]}, (1, [Fails()]), Plain(a=[2], b=Fails()),
                    {Fails()}, frozenset([Fails()]), Deep(Deep(Fails())),
                    [Plain(a="s"), Fails()]):
        for protocol in 0, 2, 4:
            flat(lambda: outcome(mayfly.dumps, hostile, protocol), noise=3)

    class Full:
        def write(self, data):
            raise OSError("full")
    flat(lambda: outcome(mayfly.dump, list(range(50000)), Full()))
    flat(lambda: outcome(mayfly.dumps, 1, 9))


@case
def a_full_file_is_reported_and_the_pickler_goes_on():
    class Full:
        fails = True

        def write(self, data):
            if self.fails:
                raise OSError("full")
            self.data = data
    file = Full()
    pickler = mayfly.Pickler(file)
    with raises(OSError):
        pickler.dump([1])
    file.fails = False
    pickler.clear_memo()
    pickler.dump([1])
    assert file.data == pickle.dumps([1])


@case
def a_file_whose_write_changes_what_is_written():
    for keep in range(20):
        things = [["%d" % i] for i in range(40000)]

        class Meddles:
            def write(self, data):
                del things[keep:]
                gc.collect()
        mayfly.dump(things, Meddles())
        names = {"%d" % i: ["%d" % i] for i in range(20000)}
        slots = []
        for i in range(20000):
            one = Slots()
            one.a, one.b = "%d" % i, [i]
            slots.append(one)

        class Clears:
            def write(self, data):
                names.clear()
                slots.clear()
        assert outcome(mayfly.dump, names, Clears())[0] is RuntimeError
        mayfly.dump(slots, Clears())
        plain = [Plain(a="%d" % i, b=[i]) for i in range(20000)]

        class Strips:
            def write(self, data):
                for thing in plain:
                    vars(thing).clear()
                plain.clear()
        outcome(mayfly.dump, plain, Strips())


@case
def a_reducer_that_dumps_with_the_same_pickler_is_refused():
    pickler = mayfly.Pickler(io.BytesIO())
    with raises(RuntimeError):
        pickler.dump(Calls(lambda: pickler.dump(1)))
    with raises(RuntimeError):
        pickler.dump(Calls(pickler.clear_memo))
    nested = []
    same_bytes = mayfly.dumps([Calls(lambda: nested.append(mayfly.dumps([1])))])
    assert nested == [pickle.dumps([1])] and same_bytes


@case
def a_pickler_remembers_from_dump_to_dump():
    for protocol in ALL:
        ours, theirs = io.BytesIO(), io.BytesIO()
        one, other = mayfly.Pickler(ours, protocol), pickle.Pickler(theirs, protocol)
        things = [Plain(a=[1]), "text", (1, "text"), [Fresh()], {"k": frozenset([3])}]
        for thing in things + things:
            one.dump(thing)
            other.dump(thing)
        one.clear_memo()
        other.clear_memo()
        one.dump(things)
        other.dump(things)
        assert ours.getvalue() == theirs.getvalue(), protocol


@case
def fast_mode_writes_no_numbers():
    for thing in [1, [1, 2]], {"a": (1, "x")}, [Plain(a=[1])], {1, 2}:
        for protocol in ALL:
            ours, theirs = io.BytesIO(), io.BytesIO()
            for kind, file in (mayfly.Pickler, ours), (pickle.Pickler, theirs):
                pickler = kind(file, protocol)
                pickler.fast = True
                pickler.dump(thing)
            assert ours.getvalue() == theirs.getvalue(), (thing, protocol)
    pickler = mayfly.Pickler(io.BytesIO())
    pickler.fast = True
    cycle = []
    cycle.append(cycle)
    with raises(ValueError):
        pickler.dump(cycle)


@case
def extensions_are_written_by_their_code():
    for code in 0x10, 0x1234, 0x123456:
        copyreg.add_extension("pickle_objects", "Plain", code)
        try:
            same(lambda: [Plain, Plain(), Plain])
        finally:
            copyreg.remove_extension("pickle_objects", "Plain", code)


@case
def what_comes_after_a_batch():
    for size in 0, 1, 2, 999, 1000, 1001, 2000, 2001:
        same(lambda: [list(range(size)), dict.fromkeys(range(size)), set(range(size)),
                      collections.deque(range(size)), collections.OrderedDict.fromkeys(range(size)),
                      frozenset(range(size))])


main()
