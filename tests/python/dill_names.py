# SPDX-License-Identifier: MIT
"""Reducers where the settings matter, dill's names, and objects that mean harm."""
import builtins
import contextvars
import enum
import functools
import io
import os
import pathlib
import pickle
import sys
import threading
import types
import typing

import mayfly
from mayfly import _engine
from mayfly._dill import code as dill_code, names as dill_names

from run import Skip, case, main, raises, script

LIMIT, UNUSED = 7, "x" * 1000
at_the_top = contextvars.ContextVar("at_the_top", default=3)


class OfMain:
    def method(self):
        return LIMIT


def uses_limit(x):
    return helper(x) + LIMIT


def helper(x):
    return x * 10


def copy(obj, **settings):
    ignore = settings.pop("ignore", None)
    return _engine.loads(_engine.dumps(obj, **settings), ignore=ignore)


@case
def recurse_takes_what_is_used_and_shares_it():
    data = _engine.dumps([uses_limit, helper], recurse=True)
    assert UNUSED.encode() not in data
    one, other = _engine.loads(data)
    assert one(1) == 17 and one.__globals__ is other.__globals__ and one.__globals__ is not globals()
    assert one.__globals__["helper"] is other
    plain = copy(uses_limit)
    assert plain.__globals__ is globals(), "without it, they are this program's"


@case
def byref_names_classes():
    assert copy(OfMain, byref=True) is OfMain
    assert copy(OfMain) is not OfMain and copy(OfMain)().method() == 7
    assert type(copy(OfMain(), byref=True)) is OfMain


@case
def ignore_keeps_the_class_that_came():
    assert type(copy(OfMain())) is OfMain
    assert type(copy(OfMain(), ignore=True)) is not OfMain


@case
def files_travel_in_three_ways():
    path = pathlib.Path("file")
    path.write_text("0123456789")
    for fmode, position in (mayfly.HANDLE_FMODE, 0), (mayfly.CONTENTS_FMODE, 4):
        with open(path) as file:
            file.read(4)
            with copy(file, fmode=fmode) as again:
                assert again.name == "file" and again.mode == "r" and again.tell() == position
    with open(path, "r+") as file:
        file.seek(4)
        data = _engine.dumps(file, fmode=mayfly.FILE_FMODE)
    path.unlink()
    with _engine.loads(data) as again:
        assert again.tell() == 4 and again.read() == "456789"
    with open(path, "w") as file:
        file.write("hello")
        data = _engine.dumps(file, fmode=mayfly.CONTENTS_FMODE)
    with _engine.loads(data) as again:
        assert path.read_text() == "hello", "opening it for writing did not empty it"
        again.write("!")
    assert path.read_text() == "hello!"
    assert copy(sys.__stdout__) is sys.__stdout__
    closed = open(path, "rb")
    closed.close()
    assert copy(closed).closed


@case
def generators_coroutines_frames_are_refused_with_a_way_out():
    async def coroutine():
        pass
    started = coroutine()
    for obj, way_out in ((x for x in ()), "list(generator)"), (started, "function"), \
            (sys._getframe(), "traceback"):
        try:
            _engine.dumps([obj])
        except pickle.PicklingError as error:
            assert way_out in str(error), error
        else:
            raise AssertionError(obj)
    started.close()


@case
def contextvars_travel_by_name():
    assert copy(at_the_top) is at_the_top
    with raises(pickle.PicklingError):
        _engine.dumps(contextvars.ContextVar("nowhere"))
    assert len(copy(contextvars.Context())) == 0


@case
def a_registered_saver_is_asked_first():
    class Odd:
        pass

    @mayfly.register(Odd)
    def save_odd(pickler, obj):
        pickler.save_reduce(dict, ([("odd", 1)],), obj=obj)
    try:
        one, other = copy([odd := Odd(), odd])
        assert one == {"odd": 1} and one is other
    finally:
        mayfly.Pickler.dispatch.clear()


@case
def modules_of_the_program_carry_what_was_set_in_them():
    pathlib.Path("of_the_program.py").write_text("x = 1\n")
    sys.path.insert(0, os.getcwd())
    import of_the_program
    of_the_program.x = 2
    data = _engine.dumps(of_the_program)
    of_the_program.x = 3
    assert _engine.loads(data) is of_the_program and of_the_program.x == 2
    assert copy(os) is os and copy(vars(os)) is vars(os) and copy(globals()) is globals()
    made = types.ModuleType("made_here", "doc")
    made.value = 4
    again = copy(made)
    assert again is not made and again.value == 4 and again.__name__ == "made_here"


@case
def metaclasses_see_what_they_saw():
    seen = []

    class Base:
        def __init_subclass__(cls, **keywords):
            seen.append(sorted(name for name in vars(cls) if not name.startswith("__")))

    class Derived(Base):
        own = 1

        def method(self):
            return super().__str__() and __class__
    seen.clear()
    again = copy([Base, Derived], recurse=True)[1]
    assert again().method() is again
    assert again.__mro__[1].__qualname__ == Base.__qualname__

    class Strange(type):
        def __call__(cls, *args):
            raise RuntimeError("no instances")

    class WithStrange(metaclass=Strange):
        x = 4
    assert copy(WithStrange).x == 4


@case
def an_enum_keeps_its_members_methods_and_identity():
    class Kind(str, enum.Enum):
        FIRST = "first"
        OTHER = "other"
        ALIAS = "first"

        def loud(self):
            return self.value.upper()
    kind, first = copy([Kind, Kind.FIRST])
    assert kind.FIRST is first is kind.ALIAS is kind("first") and first.loud() == "FIRST"
    assert list(kind.__members__) == ["FIRST", "OTHER", "ALIAS"] and first == "first"


@case
def a_class_that_holds_itself():
    class Node:
        registry = {}
        first = None
    Node.first = Node()
    Node.registry["node"] = Node
    Node.itself = Node
    again = copy(Node)
    assert again.itself is again is again.registry["node"] and type(again.first) is again
    assert copy(Node.first).first is not Node.first


@case
def functions_that_hold_each_other():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)
    even.friend, odd.friend = odd, even
    again = copy(even)
    assert again(10) and not again(7) and again.friend.friend is again

    def holder(default=[]):
        return default
    holder.__defaults__[0].append(holder)
    again = copy(holder)
    assert again()[0] is again


@case
def every_layout_of_code_is_read():
    code = helper.__code__
    full = {part[3:]: getattr(code, part) for part in dir(code) if part.startswith("co_")
            and not callable(getattr(code, part)) and part != "co_lnotab"}
    full.setdefault("linetable", b"")
    full.update(lnotab=b"", endlinetable=None, columntable=None)
    full.setdefault("exceptiontable", b"")
    full.setdefault("qualname", "helper")
    for count, layout in dill_code.LAYOUTS.items():
        args = [full[name] for name in layout.split()]
        assert len(args) == count
        for given in args, [b"", *args]:
            made = dill_names.find("dill._dill", "_create_code")(*given)
            function = types.FunctionType(made, globals())
            assert made.co_name == "helper" and made.co_firstlineno == code.co_firstlineno
            if count != dill_code.OWN:
                with raises(RuntimeError):
                    function(1)
            elif given is args:
                assert function(1) == 10
    with raises(pickle.UnpicklingError):
        dill_code.create_code(1, 2, 3)
    foreign = dill_code.create_code(*(
        {**full, "freevars": ("a", "b"), "name": "closed"}[name] for name in dill_code.LAYOUTS[15].split()))
    assert foreign.co_freevars == ("a", "b")
    types.FunctionType(foreign, {}, "closed", None, (types.CellType(1), types.CellType(2)))


@case
def text_is_not_evaluated():
    evaluate = dill_names.find("dill._dill", "_eval_repr")
    assert evaluate("Ellipsis") is ... and evaluate("NotImplemented") is NotImplemented
    assert evaluate("range(1, 5, 2)") == range(1, 5, 2) and evaluate("[1, 'x']") == [1, "x"]
    for harm in "__import__('os').getpid()", "open('/etc/passwd')", "().__class__", "range(*[1])", "x", \
            "(" * 500, "1" * 10 + "**" + "9" * 10:
        with raises(pickle.UnpicklingError):
            evaluate(harm)


@case
def every_name_of_dill_is_there():
    for module in "dill", "dill._shims":
        assert dill_names.find(module, "_dill") is dill_names
    for name in """_create_function _create_code _create_cell _create_type _load_type _create_ftype _create_lock
            _create_rlock _create_filehandle _create_stringi _create_stringo _create_weakref
            _create_weakproxy _eval_repr _import_module _get_attr _getattr _dict_from_dictproxy
            _create_array _create_dtypemeta _create_namedtuple _create_capsule _unmarshal _setitems
            _create_typing_tuple _CELL_EMPTY _setattr _delattr""".split():
        for module in "dill._dill", "dill.dill":
            assert dill_names.find(module, name) is not None, name
    for module, name in ("dill._dill", "no_such"), ("dillx", "_create_cell"), ("__builtin__", "eval"):
        with raises(AttributeError):
            dill_names.find(module, name)
    load_type = dill_names.find("dill._dill", "_load_type")
    for name, kind in ("FunctionType", types.FunctionType), ("int", int), ("CellType", types.CellType), \
            ("FileType", io.FileIO), ("PartialType", functools.partial):
        assert load_type(name) is kind
    with raises(pickle.UnpicklingError):
        load_type("no_such_type")


@case
def variables_of_types_travel_with_the_classes_that_use_them():
    out = script("""
        import sys, typing, mayfly
        T = typing.TypeVar("T", int, str)
        B = typing.TypeVar("B", bound="Box", covariant=True)
        variables = [T, B] + [getattr(typing, name)("Q") for name in ("ParamSpec", "TypeVarTuple") if hasattr(typing, name)]
        class Box(typing.Generic[T]):
            held: typing.List[T]
            def get(self) -> T: return self.held
        sys.stdout.buffer.write(mayfly.dumps([Box, variables, Box[int], typing.Dict[T, B], Box.get], recurse=True).hex().encode())
    """)
    again, variables, alias, mapping, get = mayfly.loads(bytes.fromhex(out))
    T, B = variables[:2]
    assert again.__parameters__ == (T,) and alias.__origin__ is again and mapping.__parameters__ == (T, B)
    assert T.__constraints__ == (int, str) and B.__covariant__ and B.__bound__.__forward_arg__ == "Box"
    assert get.__annotations__["return"] is T and T.__module__ == "__main__"
    assert [type(each).__name__ for each in variables[2:]] == [
        name for name in ("ParamSpec", "TypeVarTuple") if hasattr(typing, name)]
    assert mayfly.loads(mayfly.dumps(typing.AnyStr)) is typing.AnyStr


@case
def annotations_that_are_made_late_travel_as_what_they_say():
    if sys.version_info < (3, 14):
        raise Skip("Pythons before 3.14 make annotations with what they belong to")
    for recurse in "False", "True":
        script(f"""
            import dataclasses, enum, mayfly, typing
            def copy(what): return mayfly.loads(mayfly.dumps(what, recurse={recurse}))
            def plain(a: int, b: "later" = 1) -> str: pass
            def unknown(a: Missing, b: int): pass
            class Node:
                value: int
                next: Node | None
                def other(self, node: Node) -> list[Node]: return super().__init__()
            class Unknown:
                value: Missing
                number: int
            class Kind(enum.Enum):
                one = 1
                def other(self) -> Kind: pass
            @dataclasses.dataclass
            class Data:
                number: int
                next: Data | None = None
            def local():
                class Local:
                    me: Local
                    def get(self) -> Local: pass
                return Local
            class Box[T]:
                held: list[T]
            assert copy(plain).__annotations__ == dict(a=int, b="later")| {{"return": str}}
            assert copy(unknown).__annotations__ == dict(a="Missing", b="int")
            assert copy(Unknown).__annotations__ == dict(value="Missing", number="int")
            for cls in Node, local():
                again = copy(cls)
                assert again is not cls
                for said in [*again.__annotations__.values(), again.other.__annotations__["return"]] if cls is Node else \
                        [again.__annotations__["me"], again.get.__annotations__["return"]]:
                    inner = typing.get_args(said) or (said,)
                    assert cls not in inner and (again in inner or said is int), said
            kind = copy(Kind)
            assert kind is not Kind and kind.other.__annotations__["return"] is kind
            data = copy(Data(1, Data(2)))
            assert dataclasses.astuple(data) == (1, (2, None)) and type(data).__annotations__["number"] is int
            box = copy(Box)
            assert typing.get_args(box.__annotations__["held"]) == box.__type_params__
        """)


@case
def locks_come_back_as_they_were():
    lock = threading.Lock()
    assert not copy(lock).locked()
    with lock:
        assert copy(lock).locked()
    again = copy(threading.RLock())
    assert again.acquire(False)
    again.release()
    held = threading.RLock()
    with held:
        copied = copy(held)
        assert copied._is_owned()
        copied.release()


@case
def objects_that_mean_harm_do_none():
    class Endless:
        def __reduce__(self):
            return Endless, (Endless(),)

    class Odd:
        def __reduce__(self):
            return 5

    class Angry:
        def __reduce_ex__(self, protocol):
            raise ZeroDivisionError("angry")

    class Liar:
        @property
        def __class__(self):
            return types.FunctionType
    for obj in Endless(), Odd(), Angry():
        with raises(Exception):
            _engine.dumps(obj)
    with raises(pickle.PicklingError):  # as pickle does
        _engine.dumps(Liar())

    class Shouts(type):
        def __getattribute__(cls, name):
            if name == "__qualname__":
                raise AttributeError(name)
            return super().__getattribute__(name)

    class Quiet(metaclass=Shouts):
        pass
    with raises(Exception):
        _engine.dumps(Quiet)
        raise ValueError("or it worked")
    assert builtins.len([1]) == 1


if __name__ == "__main__":
    main()
