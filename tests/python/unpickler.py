# SPDX-License-Identifier: MIT
"""Loading: what shortcuts must not change, options, files, who may load what."""
import collections
import copyreg
import gc
import io
import os
import pickle
import pickletools
import random
import sys
import threading
import weakref

import mayfly
from run import case, flat, main, raises


class Plain:
    pass


class Other(Plain):
    pass


class Slots:
    __slots__ = ("a", "b")


class Proper:
    def __init__(self):
        self.__dict__["value"] = 1

    @property
    def value(self):
        return "from the property"


class Watched:
    """Slots that a __setattr__ of its own watches."""
    __slots__ = ("a",)
    seen = []

    def __setattr__(self, name, value):
        Watched.seen.append(name)
        object.__setattr__(self, name, value)


class Stateful:
    def __init__(self):
        self.x = 1

    def __setstate__(self, state):
        self.given = state


class Seeing:
    """Loading it looks at what was loaded before."""
    look = staticmethod(lambda: None)

    def __reduce__(self):
        return see, ()


def see():
    Seeing.look()
    return "seen"


class Key:
    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return 1

    def __eq__(self, other):
        return isinstance(other, Key) and self.value == other.value


def plain(cls=Plain, **values):
    made = cls()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def alike(value, protocols=range(2, 6)):
    """Loads as pickle does, down to what is shared with what."""
    for protocol in protocols:
        data = pickle.dumps(value, protocol)
        ours, theirs = mayfly.loads(data), pickle.loads(data)
        again = pickle.dumps(ours, 4), pickle.dumps(theirs, 4)
        assert again[0] == again[1], (protocol, value)
    return ours


# ---- traps --------------------------------------------------------------------------------------

@case
def a_state_that_is_asked_for_after_it_was_folded_is_a_dict_of_its_own():
    items = [plain(a=i, b=[i]) for i in range(4)]
    for at in range(4):
        ours = alike([items, items[at].__dict__])
        assert ours[1] == {"a": at, "b": [at]} and ours[1] is not ours[0][at].__dict__
    alike([items, [item.__dict__ for item in items], items[0].__dict__])


@case
def a_state_of_slots_that_is_asked_for_is_as_it_was():
    made = [plain(Slots, a=i, b=str(i)) for i in range(3)]
    data = pickle.dumps(made, 4)
    # GET of each number of the memo, one after the other, in the place of the result
    for number in range(pickle_memo(data)):
        asked = data[:-1] + b"h" + bytes([number]) + b"\x86."
        asked = asked[:2] + asked[11:]  # without the frame
        ours, theirs = mayfly.loads(asked)[1], pickle.loads(asked)[1]
        assert pickle.dumps(ours) == pickle.dumps(theirs), number


def pickle_memo(data):
    return sum(opcode.name == "MEMOIZE" for opcode, _, _ in pickletools.genops(data))


@case
def a_folded_instance_that_the_memo_lacks_stays_alive():
    # MEMOIZE of the instance left out: the tagged state alone refers to it
    data = (b"\x80\x04(c__main__\nPlain\n\x94)\x81}\x94(\x8c\x01a\x94K\x01\x8c\x01b\x94K\x02ub"
            b"h\x00)\x81}\x94(h\x02K\x01h\x03K\x02ub0h\x04l.")
    ours, theirs = mayfly.loads(data), pickle.loads(data)
    assert ours[1] == theirs[1] == {"a": 1, "b": 2}, (ours, theirs)


@case
def a_second_state_for_the_same_instance_leaves_the_first_as_it_was():
    start = (b"\x80\x04(c__main__\nPlain\n\x94)\x81}\x94(\x8c\x01a\x94K\x01\x8c\x01b\x94K\x02ub"
             b"h\x00)\x81\x94}\x94(h\x02K\x05h\x03K\x06ub")
    for end in (b"h\x04}\x94(h\x02K\x07h\x03K\x08ub", b"h\x04}(h\x02K\x07ub", b"h\x04N}\x94h\x02K\x09s\x86\x94b"):
        data = start + end + b"h\x05l."
        ours, theirs = mayfly.loads(data), pickle.loads(data)
        assert ours[-1] == theirs[-1] == {"a": 5, "b": 6}
        assert vars(ours[1]) == vars(theirs[1])


@case
def code_that_runs_between_does_not_change_a_state():
    items = [plain(a=i, b=[]) for i in range(3)]
    found = []

    def look():
        for one in gc.get_objects():
            if type(one) is Plain and one not in items and getattr(one, "a", None) == 2:
                found.append(one)
                one.a = "changed"
    Seeing.look = look
    data = pickle.dumps([items, Seeing(), items[2].__dict__], 4)
    for load in (pickle.loads, mayfly.loads):
        found.clear()
        loaded = load(data)
        assert found and loaded[2]["a"] == 2 and loaded[0][2].a == "changed", (load, loaded[2])
    Seeing.look = staticmethod(lambda: None)


@case
def attributes_bypass_properties_and_slots_do_not_bypass_setattr():
    made = [Proper() for _ in range(3)]
    ours = mayfly.loads(pickle.dumps(made, 4))
    assert [one.__dict__ for one in ours] == [{"value": 1}] * 3
    watched = [Watched() for _ in range(3)]
    for one in watched:
        one.a = 1
    data = pickle.dumps(watched, 4)
    Watched.seen.clear()
    mayfly.loads(data)
    assert Watched.seen == ["a"] * 3


@case
def names_of_attributes_are_interned():
    name = "".join(["an_attribute", "_nobody_else_has"])
    data = pickle.dumps([plain(**{name: 1}) for _ in range(3)], 4)
    for one in mayfly.loads(data):
        assert sys.intern(list(vars(one))[0]) is list(vars(one))[0]


@case
def a_key_that_is_also_a_value_keeps_its_identity():
    word = "".join(["a_word_", "that_is_new"])
    alike([word, plain(**{word: word}), plain(**{word: 2}), word])
    alike([plain(**{word: word}), plain(**{word: word}), word])


@case
def a_class_that_changes_while_it_is_loaded_is_asked_again():
    class Changing:
        pass
    Changing.__qualname__ = "Changing"
    globals()["Changing"] = Changing
    taken = []

    def look():
        Changing.__setstate__ = lambda self, state: taken.append(state)
    Seeing.look = look
    data = pickle.dumps([plain(Changing, a=1), plain(Changing, a=2), Seeing(), plain(Changing, a=3)], 4)
    mayfly.loads(data)
    assert taken == [{"a": 3}], taken
    Seeing.look = staticmethod(lambda: None)


@case
def states_that_are_not_alike_are_told_apart():
    alike([plain(a=1, b=2), plain(b=1, a=2), plain(a=1), plain(a=1, b=2, c=3), plain(a=3, b=4), Other(), plain(Other, a=1)])
    alike([plain(**{f"x{i}": i for i in range(40)}) for _ in range(3)])
    alike([plain(**{f"only{i}": i}) for i in range(200)])


@case
def the_same_key_twice_in_a_state_or_dict_is_the_last_one():
    for text in (b"\x80\x04(c__main__\nPlain\n\x94)\x81}\x94(\x8c\x01a\x94K\x01ubh\x00)\x81}\x94(h\x02K\x01h\x02K\x02ubt.",
                 b"\x80\x04}(\x8c\x01aK\x01\x8c\x01aK\x02\x8c\x01bK\x03u."):
        assert pickle.dumps(mayfly.loads(text)) == pickle.dumps(pickle.loads(text))


class Loud:
    said = []

    def __del__(self):
        Loud.said.append(1)


@case
def what_a_dict_replaces_is_dropped_when_the_dict_is_whole():
    Loud.said.clear()
    text = b"\x80\x04}(" + b"".join(b"\x8c\x01ac__main__\nLoud\n)\x81" for _ in range(5)) + b"u."
    loaded = mayfly.loads(text)
    assert len(loaded) == 1 and len(Loud.said) == 4
    del loaded
    assert len(Loud.said) == 5


@case
def dicts_of_all_sizes_are_the_same():
    for count in (*range(1, 40), 85, 86, 127, 128, 170, 171, 255, 256, 999, 1000, 1001, 2500, 70000):
        value = {f"key{i}": i for i in range(count)}
        ours = alike(value, (4,))
        assert ours == value and list(ours) == list(value)
        for i in range(0, count, 3):
            del ours[f"key{i}"]
        ours.update({f"more{i}": i for i in range(count)})
        assert all(ours[f"more{i}"] == i for i in range(count)) and "key0" not in ours
    mixed = {f"k{i}" if i % 7 else i: i for i in range(3000)}
    assert alike(mixed, (4,)) == mixed


@case
def keys_of_ones_own_are_compared_as_there():
    alike({Key(i): i for i in range(20)})


@case
def recursive_structures_come_back():
    cycle = []
    cycle.append((cycle, {"self": cycle}))
    alike(cycle)
    one = Plain()
    one.me, one.pair = one, (one, [one])
    two = Plain()
    two.me, two.pair = one, (two, [one])
    alike([one, two])


@case
def a_thousand_and_a_hundred_thousand_levels_load():
    for depth in (1000, 100000):
        data = b"\x80\x04" + b"]\x94" * depth + b"a" * (depth - 1) + b"."
        ours, levels = mayfly.loads(data), 1
        while ours:
            ours, levels = ours[0], levels + 1
        assert levels == depth
        tuples = mayfly.loads(b"\x80\x04)" + b"\x85" * depth + b".")
        dicts = mayfly.loads(b"\x80\x04" + b"}K\x01" * depth + b"N" + b"s" * depth + b".")
        del tuples, dicts


@case
def single_characters_and_small_ints_are_shared_as_ever():
    text, number, empty = mayfly.loads(pickle.dumps(["a", 7, ""], 4))
    assert text is chr(97) and number is int("7") and empty is str()
    data = pickle.dumps(b"a", 4)
    assert mayfly.loads(data) is not bytes([97]) and pickle.loads(data) is not bytes([97])


# ---- random graphs ------------------------------------------------------------------------------

def graph(seed, size):
    choose = random.Random(seed)
    made = [None, 1, 2 ** 40, -3, 1.5, "a", "word", "gr\u00fcn", "\U0001d11e", b"bytes", True]

    def some():
        return choose.choice(made)
    for _ in range(size):
        kind = choose.randrange(9)
        if kind == 0:
            new = [some() for _ in range(choose.randrange(5))]
        elif kind == 1:
            new = tuple(some() for _ in range(choose.randrange(5)))
        elif kind == 2:
            new = {choose.choice(["a", "b", "word", 1, "k%d" % choose.randrange(9)]): some() for _ in range(choose.randrange(5))}
        elif kind in (3, 4):
            new = plain(choose.choice([Plain, Other]), **{name: some() for name in choose.sample(["a", "b", "c"], choose.randrange(4))})
        elif kind == 5:
            new = plain(Slots, **{name: some() for name in choose.sample(["a", "b"], choose.randrange(3))})
        elif kind == 6:
            owners = [one for one in made if isinstance(one, (Plain, dict, list))]
            if not owners:
                continue
            owner = choose.choice(owners)
            if isinstance(owner, Plain):
                owner.me = some()
            elif isinstance(owner, dict):
                owner["more"] = some()
            else:
                owner.append(some())
            continue
        elif kind == 7:
            owners = [one for one in made if isinstance(one, Plain)]
            new = choose.choice(owners).__dict__ if owners else {}
        else:
            new = {1, choose.choice(["a", 2, b"x"])}
        made.append(new)
    return made


@case
def random_graphs_come_back_as_from_pickle():
    for seed in range(int(os.environ.get("MFT_GRAPHS", "3000"))):
        value = graph(seed, 30)
        data = pickle.dumps(value, 4 + seed % 2)
        assert pickle.dumps(mayfly.loads(data), 4) == pickle.dumps(pickle.loads(data), 4), seed


# ---- files --------------------------------------------------------------------------------------

class Exact(io.BytesIO):
    """Nothing but what a file must have."""
    readinto = peek = property()


@case
def a_file_stands_behind_the_pickle():
    values = [1, "text" * 100, list(range(3000)), b"x" * 300000, {"a": plain(a=1)}]
    for protocol in range(6):
        data = b"".join(pickle.dumps(value, protocol) for value in values[:4])
        ends = []
        for value in values[:4]:
            ends.append((ends[-1] if ends else 0) + len(pickle.dumps(value, protocol)))
        with open("several", "wb") as file:
            file.write(data + b"rest")
        for opened in (open("several", "rb"), open("several", "rb", buffering=0), Exact(data + b"rest"),
                       io.BytesIO(data + b"rest"), io.BufferedReader(io.BytesIO(data + b"rest"), 13)):
            with opened as file:
                for value, end in zip(values, ends):
                    assert mayfly.load(file) == value
                    assert file.tell() == end, (protocol, file, file.tell(), end)
                assert file.read() == b"rest"
    os.unlink("several")


@case
def a_pipe_is_not_waited_for_longer_than_the_pickle():
    got, put = os.pipe()
    os.write(put, pickle.dumps([1, 2, 3], 2))
    with open(got, "rb", buffering=0) as file:
        assert mayfly.load(file) == [1, 2, 3]
    os.close(put)


@case
def a_file_that_gives_little_at_a_time_is_read_on():
    class Slow:
        def __init__(self, data):
            self.file = io.BytesIO(data)

        def read(self, size):
            return self.file.read(min(size, 3))

        def readline(self):
            return self.file.readline()
    assert mayfly.load(Slow(pickle.dumps(["text" * 50], 4))) == ["text" * 50]


@case
def files_that_lie_or_fail_are_told_of():
    class Wrong(io.BytesIO):
        peek = None
    for method, result, error in (("read", "text", TypeError), ("read", None, TypeError),
                                  ("readinto", 10 ** 9, ValueError), ("readinto", -1, ValueError)):
        def answer(self, size, result=result):
            return result
        kind = type("File", (Exact if method == "read" else io.BytesIO,), {method: answer})
        with raises(error):
            mayfly.load(kind(pickle.dumps(b"x" * (1 << 20), 4)))
    with raises(TypeError):
        mayfly.load(object())
    with raises(ZeroDivisionError):
        mayfly.load(type("File", (), {"read": lambda self, n: 1 / 0, "readline": None})())


# ---- options ------------------------------------------------------------------------------------

@case
def strings_of_python_2_are_what_encoding_says():
    assert mayfly.loads(b"U\x03abc.") == "abc"
    assert mayfly.loads(b"U\x02\xc3\xbc.", encoding="utf-8") == "\u00fc"
    assert mayfly.loads(b"U\x01\xfc.", encoding="latin1") == "\u00fc"
    assert mayfly.loads(b"S'a\\xfc'\n.", encoding="bytes") == b"a\xfc"
    assert mayfly.loads(b"U\x01\xfc.", errors="replace") == "\ufffd"
    with raises(UnicodeDecodeError):
        mayfly.loads(b"U\x01\xfc.")
    assert mayfly.loads(b"c__builtin__\nxrange\n.") is range
    with raises(ModuleNotFoundError, AttributeError):
        mayfly.loads(b"c__builtin__\nxrange\n.", fix_imports=False)


@case
def only_what_is_allowed_is_named():
    data = pickle.dumps([collections.OrderedDict(a=1), plain(a=2)], 4)
    for allow in (["collections.OrderedDict", "__main__:Plain"], [collections.OrderedDict, Plain],
                  [("collections", "OrderedDict"), ("__main__", "Plain")]):
        assert mayfly.loads(data, allow=allow)[0] == {"a": 1}
    for allow in ([], ["collections.OrderedDict"], ["__main__.Plain"], ["collections:OrderedDic"], ["collections:*"]):
        with raises(pickle.UnpicklingError):
            mayfly.loads(data, allow=allow)
    with raises(pickle.UnpicklingError):  # `os` in a name with dots is not collections.abc's
        mayfly.loads(b"\x80\x04\x8c\x0bcollections\x8c\x08_sys.exit\x93.", allow=["collections:_sys", "collections:OrderedDict"])
    with raises(pickle.UnpicklingError):  # what is allowed to be made is not allowed to be changed
        mayfly.loads(b"\x80\x04c__main__\nPlain\nN}\x8c\x08__init__\x8c\x01xs\x86b.", allow=["__main__:Plain"])
    assert not hasattr(Plain.__init__, "x") and Plain.__init__ is object.__init__
    for wrong in ("collections.OrderedDict", ["OrderedDict"], 7, [7]):
        with raises(TypeError, ValueError, AttributeError):
            mayfly.loads(data, allow=wrong)


@case
def plain_data_is_loaded_without_calling_anything():
    value = [1, 2.5, "x", b"y", bytearray(b"z"), (1, {2}), frozenset([3]), {"a": None}, 1j, True, set()]
    for protocol in range(6):
        assert mayfly.loads(pickle.dumps(value, protocol), data_only=True) == value
    for bad in (pickle.dumps(plain(a=1)), pickle.dumps(len), b"cos\nsystem\n(S'false'\ntR.", b"P1\n.", b"\x82\x01.",
                b"\x80\x04\x8c\x08builtins\x8c\x05bytesK\x05\x85R.", b"c__builtin__\nbytes\n(I99999999999\ntR.",
                b"c__builtin__\nset\n(c__builtin__\nset\ntR.", b"c__builtin__\nset\n(tR}b."):
        try:
            mayfly.loads(bad, data_only=True)
        except (pickle.UnpicklingError, ValueError) as error:
            assert "data_only" in str(error) or "extension" in str(error), error
        else:
            raise AssertionError(bad)
    try:
        mayfly.loads(b"N0cos\nsystem\n.", data_only=True)
    except pickle.UnpicklingError as error:
        assert "byte 2" in str(error) and "os.system" in str(error), error


@case
def the_collector_goes_on_again_whatever_happens():
    class Failing:
        def __reduce__(self):
            return fail, ()
    globals()["Failing"] = Failing
    Failing.__qualname__ = "Failing"
    seen = []
    Seeing.look = lambda: seen.append(gc.isenabled())
    for data in (pickle.dumps(Seeing()), pickle.dumps(Failing()), b"garbage"):
        try:
            mayfly.loads(data, pause_gc=True)
        except Exception:
            pass
        assert gc.isenabled()
    assert seen == [False]
    gc.disable()
    mayfly.loads(pickle.dumps(1), pause_gc=True)
    assert not gc.isenabled()
    gc.enable()
    mayfly.loads(pickle.dumps(Seeing()))
    assert seen[-1]
    Seeing.look = staticmethod(lambda: None)


def fail():
    raise ZeroDivisionError


@case
def a_path_that_others_can_write_is_refused():
    with open("mine", "wb") as file:
        pickle.dump([1], file)
    os.chmod("mine", 0o644)
    assert mayfly.load("mine") == mayfly.load(b"mine") == mayfly.load(__import__("pathlib").Path("mine")) == [1]
    for mode in (0o666, 0o664, 0o602):
        os.chmod("mine", mode)
        try:
            raise AssertionError(mayfly.load("mine"))
        except PermissionError as error:
            for part in '"mine"', f"mode {mode:04o}", "trusted=True", "data_only=True":
                assert part in str(error), error
        assert mayfly.load("mine", trusted=True) == mayfly.load("mine", data_only=True) == [1]
    os.chmod("mine", 0o600)
    os.symlink("mine", "way")
    assert mayfly.load("way") == [1]
    os.chmod("mine", 0o666)
    with raises(PermissionError):
        mayfly.load("way")
    os.unlink("way")
    os.unlink("mine")
    os.mkfifo("fifo")
    with raises(PermissionError):
        mayfly.load("fifo")
    os.unlink("fifo")
    with raises(FileNotFoundError):
        mayfly.load("absent")
    if os.geteuid() == 0:
        with open("theirs", "wb") as file:
            pickle.dump([1], file)
        os.chown("theirs", 4711, -1)
        with raises(PermissionError):
            mayfly.load("theirs")
        os.unlink("theirs")


@case
def auditors_hear_of_loading():
    from run import script
    said = script("""
        import mayfly, pickle, sys
        heard = []
        sys.addaudithook(lambda event, args: heard.append(event) if event.startswith(("mayfly.", "pickle.")) else None)
        mayfly.loads(pickle.dumps(len))
        assert heard == ["mayfly.load", "pickle.find_class"], heard
        sys.addaudithook(lambda event, args: 1 / 0 if event == "mayfly.load" else None)
        try:
            mayfly.loads(pickle.dumps(1))
        except ZeroDivisionError:
            print("stopped")
        """)
    assert said == "stopped\n", said


# ---- Unpickler ----------------------------------------------------------------------------------

@case
def names_and_persistent_ids_are_asked_of_a_subclass():
    class Mine(mayfly.Unpickler):
        def find_class(self, module, name):
            asked.append((module, name))
            return super().find_class(module, name)

        def persistent_load(self, pid):
            return "persistent", pid
    asked = []
    assert isinstance(Mine(io.BytesIO(pickle.dumps(plain(a=1)))).load(), Plain)
    assert asked == [("__main__", "Plain")]
    assert Mine(io.BytesIO(b"K\x01Q.")).load() == ("persistent", 1)
    assert Mine(io.BytesIO(b"Pname\n.")).load() == ("persistent", "name")
    with raises(pickle.UnpicklingError):
        mayfly.loads(b"K\x01Q.")
    one = mayfly.Unpickler(io.BytesIO(b"K\x01Q."))
    one.persistent_load = lambda pid: pid + 1
    assert one.load() == 2
    del one.persistent_load
    with raises(pickle.UnpicklingError):
        mayfly.Unpickler(io.BytesIO(b"K\x01Q.")).load()


@case
def an_unpickler_cannot_load_within_its_own_load():
    class Nested(mayfly.Unpickler):
        def persistent_load(self, pid):
            return self.load()
    with raises(RuntimeError):
        Nested(io.BytesIO(b"K\x01Q.")).load()

    class Twice(mayfly.Unpickler):
        def persistent_load(self, pid):
            return mayfly.loads(pickle.dumps([plain(a=pid)]))
    assert Twice(io.BytesIO(b"K\x05Q.")).load()[0].a == 5


@case
def the_memo_outlives_a_load():
    file = io.BytesIO()
    pickler = pickle.Pickler(file, 4)
    items = [plain(a=i, b=[i]) for i in range(3)]
    pickler.dump(items)
    pickler.dump([items[2], items[2].__dict__])
    file.seek(0)
    one = mayfly.Unpickler(file)
    first = one.load()
    memo = one.memo.copy()
    assert {"a": 2, "b": [2]} in [each for each in memo.values() if isinstance(each, dict)]
    second = one.load()
    assert second[0] is first[2] and second[1] == first[2].__dict__
    one.memo.clear()
    assert one.memo.copy() == {}
    one.memo = {3: "three", 2 ** 40: "far"}
    assert one.memo.copy() == {3: "three", 2 ** 40: "far"}


@case
def an_unpickler_in_a_cycle_is_collected():
    class Mine(mayfly.Unpickler):
        pass
    one = Mine(io.BytesIO(pickle.dumps([1])))
    one.me = one
    one.persistent_load = one.find_class
    there = weakref.ref(one)
    del one
    gc.collect()
    assert there() is None


@case
def one_that_was_not_made_ready_says_so():
    class Mine(mayfly.Unpickler):
        def __init__(self):
            pass
    with raises(pickle.UnpicklingError):
        Mine().load()


@case
def extensions_are_looked_up_and_kept():
    copyreg.add_extension("__main__", "Plain", 0xABC)
    try:
        data = pickle.dumps([plain(a=1), plain(a=2)], 2)
        assert b"\x83" in data
        assert [one.a for one in mayfly.loads(data)] == [1, 2]
        assert mayfly.loads(data, allow=["__main__:Plain"])
        with raises(pickle.UnpicklingError):
            mayfly.loads(data, allow=[])
    finally:
        copyreg.remove_extension("__main__", "Plain", 0xABC)
    with raises(ValueError):
        mayfly.loads(data)


@case
def threads_load_side_by_side():
    data = pickle.dumps([[plain(a=i, b=str(i)) for i in range(300)], Seeing(), {str(i): i for i in range(500)}], 4)
    expected = pickle.dumps(pickle.loads(data))
    wrong = []

    def work():
        for _ in range(20):
            if pickle.dumps(mayfly.loads(data)) != expected:
                wrong.append(1)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@case
def loading_again_and_again_keeps_nothing():
    value = [[plain(a=i, b=[i]) for i in range(50)], [plain(Slots, a=1, b=i) for i in range(50)], {str(i): i for i in range(99)}]
    value.append(value[0][3].__dict__)
    data = [pickle.dumps(value, protocol) for protocol in (2, 4, 5)]

    def some():
        for text in data:
            mayfly.loads(text)
            mayfly.load(io.BytesIO(text))
            one = mayfly.Unpickler(io.BytesIO(text))
            one.load(), one.memo.copy()
    flat(some, 15, noise=3)


main()
