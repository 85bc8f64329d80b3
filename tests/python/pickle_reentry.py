# SPDX-License-Identifier: MIT
"""Code that runs while a pickle is written or read, and is nobody's reducer: what hashes, compares, lists slots,
is a file, a saver, a finalizer. It lets go of what is under way, or uses the same pickler."""
import collections
import copyreg
import functools
import gc
import io
import os
import pickle
import threading

import mayfly
from run import case, fork, main, raises

kept = []


def reuse():
    """What was freed is given to others."""
    gc.collect()
    kept.append([bytearray(48) for _ in range(300)] + [{} for _ in range(50)])


def survived(work):
    """In a child: a crash is its own."""
    def ended():
        work()
        os._exit(0)
    assert fork(ended) == 0


class Plain:
    pass


class Fails:
    def __reduce__(self):
        raise ValueError("not this one")


def too_deep():
    made = None
    for _ in range(200000):
        made = [made]
    return made


def saved_by(saver, cls):
    """While it is entered, that saver is registered."""
    class Registered:
        def __enter__(self):
            mayfly.Pickler.dispatch[cls] = saver

        def __exit__(self, *error):
            mayfly.Pickler.dispatch.pop(cls, None)
    return Registered()


# ---- dumping ------------------------------------------------------------------------------------


def instances(cls):
    made = []
    for i in range(3):
        made.append(cls())
        made[-1].x = [i, "text %d" % i] * 3
    return made


@case
def a_metaclass_that_hashes_may_clear_what_is_dumped():
    def work():
        class Meta(type):
            def __hash__(cls):
                if armed:
                    listed.clear()
                    reuse()
                return 5

            def __eq__(cls, other):
                return cls is other
        armed = []
        listed = instances(Meta("Hashed", (), {}))
        armed.append(1)
        mayfly.loads(mayfly.dumps(listed))
        listed.extend(instances(type(listed[0])) if listed else [])
        with saved_by(lambda pickler, thing: pickler.save("saved"), Plain):
            listed.extend([["a" * 40, {}], Meta("Other", (), {})(), Plain()] * 5)
            mayfly.loads(mayfly.dumps(listed))
    survived(work)


@case
def what_a_class_says_of_its_metaclass_and_its_equals_is_asked_as_pickle_asks():
    class Meta(type):
        def __hash__(cls):
            return 7

        def __eq__(cls, other):
            return True
    global Equal, Unequal
    Equal, Unequal = Meta("Equal", (), {"__module__": __name__}), Meta("Unequal", (), {"__module__": __name__})
    copyreg.dispatch_table[Equal] = lambda thing: (str, ("registered",))
    try:  # found under a class that says that it is the same
        assert pickle.loads(pickle.dumps(Unequal())) == mayfly.loads(mayfly.dumps(Unequal())) == "registered"
    finally:
        del copyreg.dispatch_table[Equal]


@case
def slots_that_are_iterated_may_clear_what_is_dumped():
    def work():
        class Slots:
            def __iter__(self):
                listed.clear()
                reuse()
                return iter(())
        cls = type("Listed", (), {})
        cls.__slots__ = Slots()
        listed = instances(cls)
        mayfly.dumps(listed)
    survived(work)


@case
def keys_that_are_compared_may_clear_what_is_dumped():
    def work():
        class Key:
            def __hash__(self):
                return hash("__name__")

            def __eq__(self, other):
                if other == "__name__":
                    listed.clear()
                    reuse()
                return False
        mapped = {1: 2, Key(): 3, "x": [1, 2]}
        listed = [mapped, mapped]
        del mapped
        assert len(mayfly.loads(mayfly.dumps(listed))) == 2
    survived(work)


@case
def a_class_that_changes_while_it_is_written_keeps_the_state_that_pickle_writes():
    class Meta(type):
        pass

    global Changes, Becomes
    Changes = Meta("Changes", (), {"__module__": __name__})
    Becomes = Meta("Becomes", (), {"__module__": __name__, "__getstate__": lambda self: {"became": 1}})

    def change_class(cls):
        Changes.__getstate__ = lambda self: {"changed": 1}
        return cls.__name__

    def change_object(cls):
        thing.__class__ = Becomes
        return cls.__name__
    try:
        for reducer in change_class, change_object:
            copyreg.dispatch_table[Meta] = reducer
            for module in pickle, mayfly:
                thing = Changes()
                thing.x = 5
                data = module.dumps([thing])
                if "__getstate__" in vars(Changes):
                    del Changes.__getstate__
                assert vars(pickle.loads(data)[0]) == {"x": 5}, (module, reducer)
    finally:
        del copyreg.dispatch_table[Meta]


@case
def a_dispatch_table_that_fails_is_no_table_without_the_class():
    for error in KeyError, IndexError, LookupError, AttributeError:
        class Table:
            def __getitem__(self, cls):
                raise error
        outcomes = []
        for module in pickle, mayfly:
            pickler = module.Pickler(io.BytesIO())
            pickler.dispatch_table = Table()
            try:
                pickler.dump(range(3))
                outcomes.append(None)
            except Exception as raised:
                outcomes.append(type(raised))
        assert outcomes[0] == outcomes[1], (error, outcomes)


class Clears(io.BytesIO):
    """A file that empties a dict as it is written to."""
    emptied = {}

    def write(self, data):
        self.emptied.clear()
        return super().write(data)


@case
def a_dict_that_a_file_empties_is_refused_and_not_half_written():
    refused = 0
    for items in range(32700, 32770):  # the file is written to when there are 64 KiB
        for only in ({"key": 1}, Plain()):
            file = Clears()
            if isinstance(only, Plain):
                only.key = 1
                file.emptied = vars(only)
            else:
                file.emptied = only
            try:
                mayfly.dump([1] * items + [only, 2], file)
            except RuntimeError:
                refused += 1
                continue
            assert len(mayfly.loads(file.getvalue())) == items + 2
    assert refused > 0


@case
def a_buffer_that_its_callback_or_the_file_releases_is_refused_or_held():
    def work():
        data = [bytearray(b"x" * 200000)]

        def release(buffer):
            buffer.release()
            data.clear()
            reuse()
            return True
        with raises(ValueError):
            mayfly.dumps(pickle.PickleBuffer(data[0]), 5, buffer_callback=release)
        memory = bytearray(b"y" * 200000)
        buffer = pickle.PickleBuffer(memoryview(memory).toreadonly())

        class Releases(io.BytesIO):
            def write(self, data):
                buffer.release()
                try:
                    memory.clear()
                except BufferError:
                    refused.append(1)
                return super().write(data)
        file, refused = Releases(), []
        mayfly.dump([buffer], file, 5)
        assert refused and mayfly.loads(file.getvalue()) == [b"y" * 200000]
    survived(work)


@case
def cycles_are_refused_in_fast_mode_of_any_protocol():
    for protocol in range(6):
        for cycle in [1], {"a": 1}:
            cycle.append(cycle) if isinstance(cycle, list) else cycle.update(b=cycle)
            for module in pickle, mayfly:
                pickler = module.Pickler(io.BytesIO(), protocol)
                pickler.fast = True
                with raises(ValueError):
                    pickler.dump(cycle)


class Garbage:
    """Does something when the collector finds it."""

    def __init__(self, work):
        self.own, self.work = self, work

    def __del__(self):
        self.work()
        kept.append([bytearray(48) for _ in range(300)])


def collected_within(make, dump):
    """The collector finds garbage at one time or another of a dump, which takes apart what is dumped."""
    before = gc.get_threshold()
    for threshold in range(1, 60):
        whole, apart = make()
        gc.collect()
        Garbage(apart)
        gc.set_threshold(threshold)
        try:
            dump(whole)
        except RuntimeError:
            pass
        finally:
            gc.set_threshold(*before)


@case
def finalizers_that_the_collector_runs_may_clear_what_is_dumped():
    def numbers():
        mapped = {(1 << 100) + i: ["text %d" % i, [i]] for i in range(30)}
        listed = [-(1 << 200) - i for i in range(50)]

        def apart():
            mapped.clear()
            listed.clear()
        return [mapped, listed], apart

    def functions():
        made = []
        for i in range(10):
            names = {}
            exec("def f%d(a=['x', %d]):\n  'doc'\n  return 1" % (i, i), globals(), names)
            made.extend(names.values())
            made[-1].more, made[-1].__doc__ = "unique %d" % i, "other %d" % i

        def apart():
            for i, function in enumerate(made):
                function.__defaults__ = None
                function.__name__, function.__qualname__ = "n%d" % i, "q%d" % i
                function.__dict__.clear()
        return made, apart

    def dump(whole):
        pickler = mayfly.Pickler(io.BytesIO())
        try:
            pickler.dump(whole)
        finally:
            pickler.memo.copy()
    for make in numbers, functions:
        survived(functools.partial(collected_within, make, mayfly.dumps))
        survived(functools.partial(collected_within, make, dump))


@case
def large_numbers_are_written_as_pickle_writes_them():
    for bits in range(60, 700):
        for number in (1 << bits) - 1, 1 << bits, (1 << bits) + 1, 255 << bits, 128 << bits, 127 << bits:
            for protocol in 0, 1, 2, 4:
                assert mayfly.dumps([number, -number], protocol) == pickle.dumps([number, -number], protocol)


# ---- savers -------------------------------------------------------------------------------------


@case
def a_saver_that_goes_on_after_a_failure_is_refused_if_that_left_a_trace():
    def saver(pickler, thing):
        try:
            pickler.save([b"x" * 20000, "y" * 30000, Fails()])
        except ValueError:
            pass

    def goes_on(pickler, thing):
        saver(pickler, thing)
        pickler.save([1, 2])

    def work():
        for one in saver, goes_on:
            with saved_by(one, Plain):
                with raises(pickle.PicklingError, RuntimeError):
                    mayfly.dumps([Plain(), Plain()])
        assert mayfly.loads(mayfly.dumps([1])) == [1]
    survived(work)


@case
def a_saver_may_try_another_way_after_a_failure_that_left_none():
    def saver(pickler, thing):
        try:
            pickler.save(Fails())
        except ValueError:
            pickler.save("instead")
    with saved_by(saver, Plain):
        assert mayfly.loads(mayfly.dumps([Plain(), Plain(), "instead"])) == ["instead"] * 3


@case
def nobody_writes_into_the_middle_of_what_a_saver_writes():
    class Writes:
        def __init__(self, pickler):
            self.pickler = pickler

        def __reduce__(self):
            for call in (functools.partial(self.pickler.write, b"N" * 100000), functools.partial(self.pickler.save, 1),
                         functools.partial(self.pickler.memoize, self)):
                with raises(RuntimeError):
                    call()
            return list, ()

    def work():
        with saved_by(lambda pickler, thing: pickler.save(["a" * 9000, Writes(pickler), "z" * 1000]), Plain):
            found = mayfly.loads(mayfly.dumps([Plain(), Plain()]))
            assert found == [["a" * 9000, [], "z" * 1000]] * 2
    survived(work)


@case
def a_saver_that_takes_itself_away_is_still_called():
    def work():
        class Saver:
            def __call__(self, pickler, thing):
                del mayfly.Pickler.dispatch[Plain]
                reuse()
                pickler.save("saved")
                self.done = True
        mayfly.Pickler.dispatch[Plain] = Saver()
        assert mayfly.loads(mayfly.dumps([Plain()])) == ["saved"]
    survived(work)


@case
def save_without_a_persistent_id_is_for_the_object_and_not_for_its_parts():
    def parts(base):
        class Names(base):
            def persistent_id(self, thing):
                return "name" if isinstance(thing, (str, list)) else None
        return Names

    def saver(pickler, thing):
        pickler.save(["a", "b"], False)
    theirs, ours = io.BytesIO(), io.BytesIO()
    python = parts(pickle._Pickler)
    python.dispatch = {**pickle._Pickler.dispatch, Plain: saver}
    python(theirs, 4).dump(Plain())
    with saved_by(saver, Plain):
        parts(mayfly.Pickler)(ours, 4).dump(Plain())
    assert ours.getvalue() == theirs.getvalue()


# ---- what lives from dump to dump ---------------------------------------------------------------


class Last:
    """Does something when it is let go."""

    def __init__(self, work):
        self.work = work

    def __bool__(self):
        return False

    def __reduce__(self):
        return list, ()

    def __del__(self):
        try:
            self.work()
        except RuntimeError:
            pass


@case
def a_memo_that_is_replaced_may_have_finalizers_that_dump():
    def work():
        for memo in {}, {1: (0, "x")}, {1: (0, "x"), 2: (1, ["y"])}:
            pickler = mayfly.Pickler(io.BytesIO())
            pickler.dump(Last(lambda: pickler.dump(["a", "b", ["c"]])))
            gc.collect()
            pickler.memo = memo
            assert sorted(number for number, _ in pickler.memo.copy().values()) == list(range(len(memo)))
            pickler.dump(["x"])
            pickler.clear_memo()
    survived(work)


@case
def a_memo_that_a_finalizer_clears_is_copied_whole_or_as_far():
    def work():
        class Cycle:
            def __init__(self):
                self.own = self

            def __del__(self):
                pickler.clear_memo()
                reuse()
        pickler = mayfly.Pickler(io.BytesIO())
        before = gc.get_threshold()
        for threshold in range(1, 40):
            for i in range(100):
                pickler.dump(["text %d" % i])
            gc.collect()
            Cycle()
            gc.set_threshold(threshold)
            pickler.memo.copy()
            gc.set_threshold(*before)
    survived(work)


@case
def a_pickler_that_was_not_made_anew_has_nothing_of_what_made_it():
    def work():
        pickler = mayfly.Pickler(io.BytesIO(), 4, byref=Last(reuse), recurse=Last(reuse))
        with raises(ValueError):
            pickler.__init__(io.BytesIO(), 99)
        reuse()
        pickler.dump(lambda: 1)
        pickler = mayfly.Pickler(io.BytesIO(), 4, byref=Last(lambda: pickler.dump(lambda: 1)),
                                 recurse=Last(lambda: pickler.dump(lambda: 1)))
        pickler.__init__(io.BytesIO(), 4)
        pickler.dump(lambda: 1)
    survived(work)


def reduced_to(part):
    class Reduced:
        def __reduce__(self):
            return list, ([["only in the answer"], part],)
    return Reduced()


@case
def a_pickler_that_failed_knows_nothing_of_what_is_gone():
    def work():
        for protocol in range(6):
            for make in (lambda: frozenset([5, Fails()]), lambda: {"key": [Fails()]}, lambda: reduced_to(Fails()),
                         lambda: reduced_to(too_deep()), lambda: [reduced_to(pickle.PickleBuffer(b"x"))],
                         lambda: reduced_to(open(os.devnull)), lambda: collections.OrderedDict(a=["b"], c=Fails()),
                         lambda: frozenset([5, pickle.PickleBuffer(b"x")])):
                file = io.BytesIO()
                pickler = mayfly.Pickler(file, protocol)
                for _ in range(3):
                    try:
                        pickler.dump(make())
                    except (ValueError, TypeError, RecursionError, pickle.PicklingError):
                        pass
                    reuse()
                    pickler.memo.copy()
                file.seek(0)
                file.truncate()
                pickler.clear_memo()
                pickler.dump(["whole", {"a": [1]}])
                assert mayfly.loads(file.getvalue()) == ["whole", {"a": [1]}]
                pickler.dump([1])
    survived(work)


# ---- loading ------------------------------------------------------------------------------------


@case
def a_list_that_is_being_sorted_takes_items():
    def work():
        class Gives(mayfly.Unpickler):
            def persistent_load(self, name):
                return listed

        def key(item):
            Gives(io.BytesIO(b"\x80\x04NQ(K\x01K\x02K\x03e.")).load()
            return item
        listed = [3, 2, 1] * 5
        with raises(ValueError):
            listed.sort(key=key)
        assert sorted(listed) == listed
    survived(work)


@case
def an_unpickler_that_looks_for_its_methods_is_loading():
    begun, go_on, calls = threading.Event(), threading.Event(), []

    def blocked():
        begun.set()
        go_on.wait()
        return 1

    class Meddles(mayfly.Unpickler):
        @property
        def persistent_load(self):
            calls.append(1)
            if len(calls) == 1:
                def other():
                    try:
                        self.load()
                    except RuntimeError:
                        begun.set()
                threads.append(threading.Thread(target=other))
                threads[0].start()
                begun.wait()
                with raises(RuntimeError):
                    self.load()
                with raises(RuntimeError):
                    self.__init__(io.BytesIO(b"N."))
            raise AttributeError

        def find_class(self, module, name):
            return blocked

    def work():
        unpickler = Meddles(io.BytesIO(b"\x80\x04]\x94(]\x94\x8c\x01a\x94\x8c\x01b\x94\x93)R\x8c\x03xyze."))
        go_on.set()
        assert unpickler.load() == [[], 1, "xyz"]
        threads[0].join()
    threads = []
    survived(work)


def fill(unpickler):
    unpickler.memo = {0: [1]}


@case
def what_an_unpickler_lets_go_of_may_use_it():
    uses = [lambda it: it.load(), lambda it: it.memo.copy(), fill, lambda it: it.memo.clear(),
            lambda it: it.__init__(io.BytesIO(b"\x80\x04]\x94.") )]
    lets_go = [fill, lambda it: it.memo.clear(), lambda it: it.__init__(io.BytesIO(b"N."))]

    def work():
        for use in uses:
            for let_go in lets_go:
                class Makes(mayfly.Unpickler):
                    def find_class(self, module, name):
                        return lambda: Last(lambda: use(unpickler))
                unpickler = Makes(io.BytesIO(b"cx\ny\n)R\x94.N.N."))
                unpickler.load()
                gc.collect()
                let_go(unpickler)
                try:
                    unpickler.load()
                except (EOFError, RuntimeError):
                    pass
                unpickler.memo = {0: 1, 5: 2, 10 ** 12: 3, 2: Last(lambda: use(unpickler))}
                unpickler.memo = {}
    survived(work)


class Hashed:
    """As it is hashed, it changes an instance."""
    changed = None

    def __hash__(self):
        vars(Hashed.changed[-1])["a"] = "changed"
        return 1


def listed():
    Hashed.changed = []
    return Hashed.changed


@case
def a_state_that_is_asked_for_after_a_hash_is_what_it_was():
    def named(name):
        return b"\x8c%c%b\x8c%c%b\x93" % (len(__name__), __name__.encode(), len(name), name)
    hashed = b"h\x00)\x81"
    for put in b"}(" + hashed + b"K\x01u0", b"\x8f(" + hashed + b"\x900", b"(" + hashed + b"\x910":
        # Five instances in a list that __hash__() knows, and their states: the numbers from 2 on.
        stream = b"\x80\x04" + named(b"Hashed") + b"\x940" + named(b"listed") + b")R(" + named(b"Plain")
        stream += b"\x94)\x81\x94}\x94(\x8c\x01a\x94K\x01ub" + b"h\x01)\x81\x94}\x94(h\x04K\x02ub" * 4
        stream += b"e0" + put + b"(h\x06h\x08h\x0ah\x0ct."
        assert mayfly.loads(stream) == pickle.loads(stream), put


if __name__ == "__main__":
    main()
