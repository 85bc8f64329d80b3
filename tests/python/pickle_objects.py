# SPDX-License-Identifier: MIT
"""Classes that misbehave, for tests of picklers; importable, so that they are written by name."""


class Plain:
    def __init__(self, **names):
        self.__dict__.update(names)


class Slots:
    __slots__ = ("a", "b")


class Spy:
    """Reaches back into what was written before it."""

    def __init__(self, held):
        self.held = held

    def __reduce__(self):
        return Spy, (self.held["list"], self.held["tuple"], self.held["str"])


class Fresh:
    """Makes what it answers anew each time."""

    def __reduce__(self):
        return Fresh, (), {"a": [1, 2], "b": "x" * 3 + str(1)}


class FreshState:
    def __getstate__(self):
        return {"k": ["q" * 2] * 2}


class Items:
    def __reduce__(self):
        return list, (), None, iter([[i] for i in range(2500)])


class Pairs:
    def __reduce__(self):
        return dict, (), None, None, iter([("k%d" % i, [i]) for i in range(2500)])


class Calls:
    """Does something while it is written."""

    def __init__(self, work):
        self.work = work

    def __reduce__(self):
        self.work()
        return Calls, (len,)


class Shows:
    """Is written as the attributes of another."""

    def __init__(self, other):
        self.other = other

    def __reduce__(self):
        return list, ([vars(self.other)],)


class Fails:
    def __reduce__(self):
        raise ValueError("not this one")


class Patched:
    pass


class Registered:
    pass


class Property:
    __slots__ = ("_x",)

    @property
    def x(self):
        return self._x


class Deep:
    def __init__(self, inner):
        self.inner = inner

    def __reduce__(self):
        return Deep, (self.inner,)
