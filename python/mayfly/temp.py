# SPDX-License-Identifier: MIT
"""A drop-in for dill.temp: objects and source code in temporary files and buffers; captured output.

    file = temp.dump(obj)          # an open file, a path (os.path, open), and str() is the path
    temp.load(file)                # or its path, or a buffer, or bytes
    buffer = temp.dumpIO(obj)      # an io.BytesIO, and bytes-like: len(), slices, exec()
    temp.loadIO(buffer)
    file = temp.dump_source(function); temp.load_source(file)
    with temp.capture("stdout") as out: ...
    out.getvalue()

What is dumped goes with the last reference to what came back, unless `delete=False`.
"""
import io as _io
import os as _os
import pickle as _pickle

from . import _engine, tempfile as _tempfile
from ._capture import capture
from ._core import _Buffer
from ._trust import check as _check, both as _both

__all__ = ["dump_source", "dump", "dumpIO_source", "dumpIO", "load_source", "load", "loadIO_source",
           "loadIO", "capture"]

_FILE = {"mode", "buffering", "encoding", "newline", "suffix", "prefix", "dir", "delete", "errors",
         "delete_on_close", "permissions", "max_bytes", "secret"}
_OPEN = {"buffering", "encoding", "errors", "newline", "closefd", "opener"}
# What goes wrong with an object that cannot be dumped, besides PicklingError.
_NOT_DUMPED = (TypeError, AttributeError, NotImplementedError, RecursionError)
_AT_ONCE = 1 << 30  # bytes that one call surely reads
_DAMAGED = (EOFError, AttributeError, ImportError, IndexError, KeyError, ValueError, TypeError,
            RecursionError, OverflowError, MemoryError)


class Dumped(_tempfile._TemporaryFileWrapper):
    """A named temporary file with something dumped in it: a file, and a path."""

    def __init__(self, **keywords):
        self.file = _tempfile.NamedTemporaryFile(**keywords)
        self.name = self.file.name

    def __getattr__(self, name):
        if name == "file":
            raise AttributeError("the file was never opened")
        return getattr(self.file, name)

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *what):
        return self.file.__exit__(*what)

    def __iter__(self):
        return iter(self.file)

    def __fspath__(self):
        return self.name

    def __str__(self):
        return _os.fsdecode(self.name)

    def __repr__(self):
        return f"<dumped {self.name!r}>"

    def close(self):
        self.file.close()

    def __del__(self):
        pass  # the file that it has sees to itself


class Buffer(_Buffer):
    """A BytesIO with something dumped in it that can be used like bytes; its str() is text."""

    def __bytes__(self):
        return self.getvalue()

    def __contains__(self, part):
        return part in self.getvalue()

    def __str__(self):
        try:
            return self.getvalue().decode()
        except UnicodeDecodeError:
            return repr(self)

    def __repr__(self):
        return f"<dumped {len(self)} bytes>"


for _kind in Dumped, Buffer:
    _kind.__module__ = "mayfly.temp"


def _split(keywords, names):
    """What of the keywords is for the file; the rest is for the pickler."""
    return {name: keywords.pop(name) for name in list(keywords) if name in names}


def _write(obj, file, keywords):
    try:
        _engine.dump(obj, file, **keywords)
    except _pickle.PicklingError:
        raise
    except _NOT_DUMPED as error:
        raise _both(_pickle.PicklingError, error, f"dump {type(obj).__name__}") from error


def _read(file, keywords, read=_engine.load, where=None):
    try:
        return read(file, **keywords)
    except _pickle.UnpicklingError:
        raise
    except _DAMAGED as error:
        if where is None:
            where = file if isinstance(file, (str, bytes)) else getattr(file, "name", None)
        raise _both(_pickle.UnpicklingError, error,
                    "load" if where is None else f"load {_os.fspath(where)!r}") from error


def dump(object, **kwds):
    """Dumps an object to a NamedTemporaryFile and returns that.

    Keywords are those of NamedTemporaryFile (suffix, prefix, dir, delete, ...) and of mayfly.dump. `text`
    is taken, and makes no difference: a pickle is bytes.
    """
    kwds.pop("text", None)
    keywords = _split(kwds, _FILE)
    file = Dumped(**keywords)
    try:
        _write(object, getattr(file.file, "buffer", file.file), kwds)
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def load(file, *, trusted=False, **kwds):
    """Loads what dump() dumped: from its file or path, from any file of pickles, buffer or bytes.

    A file that somebody else owns or can write is refused (PermissionError), because what it says
    is executed; `trusted=True` takes it all the same. Keywords are those of open() and of mayfly.load.
    """
    if not kwds and type(file) is Dumped and not file.file.closed:
        return _load_dumped(file, trusted)
    mode = kwds.pop("mode", "rb")
    opening = _split(kwds, _OPEN)
    if mode not in ("r", "rb", "r+b", "rb+", "r+"):
        raise ValueError(f"load: mode {mode!r} does not read")
    path = _path_of(file)
    if path is None:
        return _load_open(file, kwds)
    opening = {name: value for name, value in opening.items() if name not in ("encoding", "errors",
                                                                              "newline")}
    if not opening:
        return _read(path, {"trusted": trusted, **kwds})
    with open(path, "rb", **opening) as found:
        _check(found, "load", trusted)
        return _read(found, kwds)


def _load_dumped(file, trusted):
    """What stands in a file that is still open here, by its descriptor; where it is read and written stays."""
    file.file.flush()
    size = _check(file.file, "load", trusted)
    if size > _AT_ONCE:
        return _read(file.name, {"trusted": True})
    data = _os.pread(file.file.fileno(), size, 0)
    return _read(data, {}, _engine.loads, file.name)


def _path_of(file):
    """The path under which the file is opened anew; None if it has to be read as it is."""
    if isinstance(file, (str, _os.PathLike)) and not hasattr(file, "read"):
        return _os.fspath(file)
    if isinstance(file, Dumped) or hasattr(file, "read"):
        name = getattr(file, "name", None)
        if isinstance(name, (str, bytes)) and _is_same(file, name):
            _flush(file)
            return name
    return None


def _flush(file):
    if not getattr(file, "closed", True) and hasattr(file, "flush") and file.writable():
        file.flush()


def _is_same(file, name):
    """Whether the name still leads to the file; a closed one cannot be asked."""
    if getattr(file, "closed", False):
        return True
    try:
        return _os.path.samestat(_os.stat(name), _os.fstat(file.fileno()))
    except (OSError, AttributeError, ValueError):
        return False


def _load_open(file, keywords):
    if isinstance(file, _io.BytesIO):
        return _read(_io.BytesIO(file.getvalue()), keywords)
    if hasattr(file, "read"):
        file = getattr(file, "buffer", file)
        if isinstance(getattr(file, "name", None), (str, bytes)):
            file.seek(0)  # its name is gone; what was dumped begins where it begins
        return _read(file, keywords)
    try:
        return _read(_io.BytesIO(memoryview(file)), keywords)
    except TypeError as error:
        if isinstance(error, _pickle.UnpicklingError):
            raise
        raise TypeError(f"load: a file, a path or bytes, not {type(file).__name__}") from None


def dumpIO(object, **kwds):
    """Dumps an object to a buffer, and returns that. Keywords are those of mayfly.dump."""
    buffer = Buffer()
    _write(object, buffer, kwds)
    return buffer


def loadIO(buffer, **kwds):
    """Loads what dumpIO() dumped: from its buffer, any file of pickles, or bytes."""
    if isinstance(buffer, str) or buffer is None:
        raise TypeError(f"loadIO: a buffer or bytes, not {type(buffer).__name__}")
    return _load_open(buffer, kwds)


def _tagged(object, alias):
    from . import source
    name = alias or source.getname(object) or "_object"
    if not all(part.isidentifier() for part in name.split(".")):
        name = "_object"
    text = source.importable(object, alias=name, source=True, builtin=True)
    return f"{text.rstrip()}\n\n#NAME: {name}\n"


def dump_source(object, **kwds):
    """Writes the source of an object to a temporary file, and returns that.

    The text stands alone: what the object uses comes with it. `alias` gives it another name. With
    `text=True` what comes back is a file of text. Other keywords are those of NamedTemporaryFile.
    OSError: the source is not to be had, and why.
    """
    alias = str(kwds.pop("alias", "") or "")
    text = _tagged(object, alias).encode()
    kwds.setdefault("suffix", ".py")
    if kwds.pop("text", False):
        kwds = {"mode": "w+", "encoding": "utf-8", **kwds}
    file = Dumped(**kwds)
    try:
        getattr(file.file, "buffer", file.file).write(text)
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def load_source(file, *, trusted=False, **kwds):
    """Executes what dump_source() wrote, or any Python file, and returns the object.

    `alias` names the object; without that the file's last line does, and without that the whole namespace
    is returned. A file that somebody else owns or can write is refused; `trusted=True` takes it.
    SyntaxError: it is not Python. OSError: it cannot be read.
    """
    alias = kwds.pop("alias", None)
    kwds.pop("mode", None)
    path = _path_of(file)
    if path is None and hasattr(file, "read"):
        file.seek(0)
        return _execute(file.read(), None, alias)
    with open(file if path is None else path, "rb",
              **{name: kwds[name] for name in ("buffering", "opener") if name in kwds}) as found:
        _check(found, "load_source", trusted)
        text = found.read()
    if "encoding" in kwds:
        text = text.decode(kwds["encoding"], kwds.get("errors") or "strict")
    return _execute(text, path, alias)


def dumpIO_source(object, **kwds):
    """As dump_source(), to a buffer: exec() takes it as it is."""
    alias = str(kwds.pop("alias", "") or "")
    buffer = Buffer()
    buffer.write(_tagged(object, alias).encode())
    return buffer


def loadIO_source(buffer, **kwds):
    """As load_source(), from a buffer, bytes or str."""
    alias = kwds.pop("alias", None)
    if hasattr(buffer, "getvalue"):
        buffer = buffer.getvalue()
    elif hasattr(buffer, "read"):
        buffer = buffer.read()
    if not isinstance(buffer, str):
        try:
            buffer = bytes(memoryview(buffer))
        except TypeError:
            raise TypeError(f"loadIO_source: a buffer, bytes or str, not {type(buffer).__name__}") \
                from None
    return _execute(buffer, None, alias)


def _execute(text, path, alias):
    from ._source import execution
    return execution.run(text, path, alias)
