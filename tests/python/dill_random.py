# SPDX-License-Identifier: MIT
"""Random nested data and random classes: mayfly to dill, dill to mayfly, and the same with pickle."""
import os
import pickle
import sys
import types

from mayfly import _engine
from run import Skip, case, main

try:
    from hypothesis import HealthCheck, given, settings, strategies as st
except ImportError:
    print("skip python_random: Hypothesis is not installed: python3-hypothesis")
    print("ok python_random_asked")
    sys.exit(0)
try:
    import dill
    dill.dumps(lambda: 0)
except ImportError:
    dill = None
except AttributeError as unknown:  # of a code object: dill 0.4.1 does not know those of Python 3.15
    print("skip python_random_with_dill:", unknown)
    dill = None

chosen = settings(max_examples=int(os.environ.get("MFT_EXAMPLES", 150)), deadline=None,
                  database=None, suppress_health_check=list(HealthCheck))
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | \
    st.complex_numbers(allow_nan=False) | st.dates() | st.decimals(allow_nan=False) | st.uuids()
keys = st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
data = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(keys, inner) |
                    st.tuples(inner, inner) | st.sets(keys) | st.frozensets(keys) |
                    st.builds(lambda x: [x, x], inner), max_leaves=25)
names = st.from_regex(r"[a-z]{2,8}", fullmatch=True).filter(lambda n: n not in ("if", "in", "is", "as",
    "or", "def", "del", "for", "not", "try", "and", "pass", "from", "with", "else", "elif", "class",
    "while", "raise", "break", "yield", "async", "await", "import", "lambda", "return", "global",
    "assert", "except", "finally", "continue", "nonlocal"))


@st.composite
def classes(draw):
    """A class of __main__ with random attributes, methods with closures, slots, and a base."""
    def make(value, default):
        def method(self, x=default):
            return value, x
        return method
    body = {name: draw(plain) for name in draw(st.lists(names, max_size=4))}
    for name in draw(st.lists(names.map("do_".__add__), min_size=1, max_size=3)):
        body[name] = make(draw(plain), draw(plain))
    body["fixed"] = property(make(draw(plain), None))
    bases = ()
    if draw(st.booleans()):
        bases = type("Base", (), {"inherited": draw(plain), "__module__": "__main__"}),
    if not bases and draw(st.booleans()):
        body["__slots__"] = ("held", "__dict__") if draw(st.booleans()) else ("held",)
    body["__module__"] = "__main__"
    return types.new_class("Random", bases, exec_body=lambda space: space.update(body))


def told(value):
    """A value with the types of all its parts, which == looks through."""
    parts = value
    if isinstance(value, dict):
        parts = [(told(key), told(item)) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [told(part) for part in value]
    elif isinstance(value, (set, frozenset)):
        parts = frozenset(repr(told(part)) for part in value)
    return type(value), parts if parts is not value else repr(value)


def same_class(one, other):
    assert [base.__name__ for base in one.__mro__] == [base.__name__ for base in other.__mro__]
    assert one.__dict__.get("__slots__") == other.__dict__.get("__slots__")
    assert hasattr(one(), "__dict__") == hasattr(other(), "__dict__")
    for name in vars(one):
        if name.startswith("do_"):
            assert getattr(one, name)(None) == getattr(other, name)(None)
            assert getattr(one, name)(None, 3) == getattr(other, name)(None, 3)
        elif not name.startswith("__") and name not in ("held", "fixed"):
            assert vars(one)[name] == vars(other)[name], name
    assert one.fixed.fget(None) == other.fixed.fget(None)
    assert getattr(one, "inherited", None) == getattr(other, "inherited", None)
    made = other()
    if "__slots__" in vars(one):
        made.held = 5
        assert made.held == 5


def ways():
    found = {"mayfly to mayfly": (_engine.dumps, _engine.loads),
             "mayfly to pickle": (_engine.dumps, pickle.loads),
             "pickle to mayfly": (pickle.dumps, _engine.loads)}
    if dill is not None:
        found.update({"mayfly to dill": (_engine.dumps, dill.loads),
                      "dill to mayfly": (dill.dumps, _engine.loads)})
    return found


@case
def random_data_survives_every_way():
    for way, (dumps, loads) in ways().items():
        @chosen
        @given(data, st.integers(0, 5))
        def survives(value, protocol):
            again = loads(dumps(value, protocol=protocol))
            assert again == value and told(again) == told(value), way
        survives()


@case
def plain_data_is_byte_for_byte_what_pickle_writes():
    @chosen
    @given(data, st.integers(0, 5))
    def equal(value, protocol):
        assert _engine.dumps(value, protocol=protocol) == pickle.dumps(value, protocol)
    equal()


@case
def random_classes_survive_every_way():
    if dill is None:
        raise Skip("dill is not there (python3-dill), or not for this Python")
    for dumps, loads in ((_engine.dumps, _engine.loads), (_engine.dumps, dill.loads),
                         (dill.dumps, _engine.loads)):
        @chosen
        @given(classes(), st.integers(2, 5), st.booleans())
        def survives(cls, protocol, recurse):
            same_class(cls, loads(dumps(cls, protocol=protocol, recurse=recurse)))
        survives()


@case
def random_instances_survive():
    @chosen
    @given(classes(), st.dictionaries(names, plain, max_size=4), st.integers(2, 5))
    def survives(cls, attributes, protocol):
        instance = cls()
        if hasattr(instance, "__dict__"):
            instance.__dict__.update(attributes)
        if "__slots__" in vars(cls):
            instance.held = attributes
        for dumps, loads in [(dumps, loads) for way, (dumps, loads) in ways().items() if "pickle" not in way]:
            one, other = loads(dumps([instance, instance], protocol=protocol))
            assert one is other and getattr(one, "__dict__", attributes) == attributes
            assert getattr(one, "held", attributes) == attributes
            same_class(cls, type(one))
    survives()


if __name__ == "__main__":
    main()
