# SPDX-License-Identifier: MIT
"""What of CPython's tempfile is private and yet used by others, tests above all.

Loaded when somebody asks for it. Nothing that mayfly itself makes comes through here, except when a
program has put a generator of names of its own in the place of `_get_candidate_names`.
"""
import os as _os

from . import tempfile as _tempfile

_text_openflags = _os.O_RDWR | _os.O_CREAT | _os.O_EXCL | _os.O_NOFOLLOW | _os.O_CLOEXEC
_bin_openflags = _text_openflags
_O_TMPFILE_WORKS = hasattr(_os, "O_TMPFILE")
_rmtree_use_dir_fd = True  # as everything here is removed
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"


class _RandomNameSequence:
    """Endless names of eight characters, also in a forked child others than its parent's."""

    def __iter__(self):
        return self

    def __next__(self):
        # 37 characters: of 256 bytes the last 34 would come up too often.
        letters = ""
        while len(letters) < 8:
            letters += "".join(_LETTERS[b % 37] for b in _os.urandom(12) if b < 222)
        return letters[:8]


_name_sequence = _RandomNameSequence()


def _get_candidate_names():
    return _name_sequence


def _infer_return_type(*args):
    found = None
    for arg in args:
        if arg is None:
            continue
        kind = bytes if isinstance(_os.fspath(arg), bytes) else str
        if found not in (None, kind):
            raise TypeError("Can't mix bytes and non-bytes in path components.")
        found = kind
    if found is None:
        found = bytes if isinstance(_tempfile.tempdir, bytes) else str
    return found


def _candidate_tempdir_list():
    named = [_os.getenv(name) for name in ("TMPDIR", "TEMP", "TMP")]
    try:
        here = _os.getcwd()
    except OSError:
        here = _os.curdir
    return [_os.path.abspath(name) for name in named if name] + [
        "/tmp", "/var/tmp", "/usr/tmp", here]


def _get_default_tempdir(dirlist=None):
    tried = _tempfile._candidate_tempdir_list() if dirlist is None else dirlist
    for path in tried:
        try:
            name = _os.path.join(path, next(_RandomNameSequence()))
            fd = _os.open(name, _bin_openflags, 0o600)
            try:
                try:
                    _os.write(fd, b"mayfly")
                finally:
                    _os.close(fd)
            finally:
                _os.unlink(name)
            return path
        except OSError:
            continue
    raise FileNotFoundError(2, f"no directory of {tried} can be used for temporary files")


def _make_by_names(make, dir, prefix, suffix, names):
    for _ in range(_tempfile.TMP_MAX):
        name = next(names)
        if isinstance(prefix, bytes):
            name = _os.fsencode(name)
        path = _os.path.join(dir, prefix + name + suffix)
        try:
            return make(path), _os.path.abspath(path)
        except FileExistsError:
            continue
    raise FileExistsError(17, "every name that was tried is taken")


def _mkstemp_inner(dir, prefix, suffix, flags, output_type):
    dir = (_os.fsencode if output_type is bytes else _os.fsdecode)(dir)
    return _make_by_names(lambda path: _os.open(path, flags, 0o600), dir, prefix, suffix,
                          _tempfile._get_candidate_names())


def mkstemp(dir, prefix, suffix, names, as_bytes):
    fd, path = _make_by_names(lambda path: _os.open(path, _bin_openflags, 0o600),
                              dir, prefix, suffix, names())
    return fd, path if as_bytes else _os.fsdecode(path)


def mkdtemp(dir, prefix, suffix, names, as_bytes):
    path = _make_by_names(lambda path: _os.mkdir(path, 0o700), dir, prefix, suffix, names())[1]
    return path if as_bytes else _os.fsdecode(path)


class _TemporaryFileWrapper:
    """A file of somebody else's with a name that goes when it is closed.

    What NamedTemporaryFile returns counts as one of these and is made in C. This one is for those who
    derive from it: a class in C would have a layout, and could not stand beside an exception's.
    """

    def __init__(self, file, name, delete=True, delete_on_close=True):
        self.file = file
        self.name = name
        self.delete = delete
        self.delete_on_close = delete_on_close
        self._made = self._look() if delete else None

    def _look(self):
        try:
            found = _os.lstat(self.name)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _remove(self):
        made, self._made = self._made, None
        if made is not None and self.delete and self._look() == made:
            _os.unlink(self.name)

    def __getattr__(self, name):
        if name == "file":
            raise AttributeError("the file was never opened")
        return getattr(self.file, name)

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, exc, value, tb):
        try:
            return self.file.__exit__(exc, value, tb)
        finally:
            self._remove()

    def __iter__(self):
        # Keeps this object, and so the name, for as long as somebody iterates.
        for line in self.file:
            yield line

    def __fspath__(self):
        return self.name

    def close(self):
        try:
            self.file.close()
        finally:
            if self.delete_on_close:
                self._remove()

    def __del__(self):
        if self.__dict__.get("_made") is not None:
            self.close()
            self._remove()


_TemporaryFileWrapper.__module__ = "mayfly.tempfile"
