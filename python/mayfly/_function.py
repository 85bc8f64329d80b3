# SPDX-License-Identifier: MIT
"""Functions in C, as they come out of the pickles of C programs."""


class CFunction:
    """The source of a function in C: its name, a text that compiles by itself, the declaration, the
    flags for the compiler, and BLAKE2b of the source.

    It is data: nothing is compiled or called here. A C program loads it with
    mayfly_load_source_value.
    """

    __slots__ = ("name", "source", "signature", "flags", "hash")

    def __init__(self, name, source, signature="", flags="", hash=""):
        if not isinstance(name, str) or not isinstance(source, str):
            raise TypeError("the name and the source of a CFunction are str")
        self.name = name
        self.source = source
        self.signature = signature
        self.flags = flags
        self.hash = hash or self._hash(source)

    @staticmethod
    def _hash(source):
        import hashlib
        return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()

    def _parts(self):
        return self.name, self.source, self.signature, self.flags, self.hash

    def __reduce__(self):
        return CFunction, self._parts()

    def __eq__(self, other):
        return self._parts() == other._parts() if isinstance(other, CFunction) else NotImplemented

    def __hash__(self):
        return hash(self._parts())

    def __repr__(self):
        return f"<CFunction {self.signature or self.name}>"


CFunction.__module__ = "mayfly"
