# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""Files, strings as files, locks as dill writes them."""
import io
import os
import pickle
import sys
import threading

from .._settings import CONTENTS_FMODE, FILE_FMODE, HANDLE_FMODE


def create_filehandle(name, mode, position, closed, open=open, strictio=False, fmode=HANDLE_FMODE,
                      fdata=""):
    standard = {"<stdin>": sys.__stdin__, "<stdout>": sys.__stdout__, "<stderr>": sys.__stderr__}
    if name in standard:
        return standard[name]
    try:
        file = _open(name, mode, position, open, strictio, fmode, fdata)
    except OSError as error:
        raise pickle.UnpicklingError(f"load a file: {error}") from error
    if closed:
        file.close()
    elif position >= 0 and fmode != HANDLE_FMODE:
        size = os.path.getsize(name) if isinstance(name, (str, bytes)) and os.path.exists(name) else 0
        file.seek(min(position, size) if fmode == CONTENTS_FMODE else position)
    return file


def _open(name, mode, position, open, strictio, fmode, fdata):
    from .. import tempfile
    exists = isinstance(name, (str, bytes)) and os.path.exists(name)
    if strictio and not exists:
        raise FileNotFoundError(2, "No such file or directory", name)
    if strictio and position > os.path.getsize(name):
        raise pickle.UnpicklingError(f"load a file: {name!r} is shorter than it was")
    if fmode == FILE_FMODE and isinstance(name, (str, bytes)):
        # The file becomes what it was, and is then opened as it was, without losing that again.
        with io.open(name, "w") as whole:
            whole.write(fdata)
        return _open_kept(name, mode, open) if "w" in mode or "x" in mode else open(name, mode)
    if name in ("<fdopen>", "<tmpfile>") or not isinstance(name, (str, bytes)) or \
            not exists and "r" in mode:
        return tempfile.TemporaryFile(_temporary_mode(mode))
    if fmode == CONTENTS_FMODE and ("w" in mode or "x" in mode):
        return _open_kept(name, mode, open)
    return open(name, mode)


def _temporary_mode(mode):
    return mode.replace("rw", "r+").replace("x", "w") if "+" in mode or "w" in mode else mode


def _open_kept(name, mode, open):
    """Opens for writing without emptying; reads back as what "w" would have given."""
    flags = os.O_CREAT | os.O_CLOEXEC | (os.O_RDWR if "+" in mode else os.O_WRONLY)
    file = open(name, mode.replace("x", "w"), opener=lambda path, _: os.open(path, flags, 0o666))
    return file


def create_stringi(value, position, closed):
    file = io.BytesIO(value) if isinstance(value, (bytes, bytearray)) else io.StringIO(value)
    if closed:
        file.close()
    else:
        file.seek(position)
    return file


def create_lock(locked, *args):
    lock = threading.Lock()
    if locked:
        lock.acquire(False)
    return lock


def create_rlock(count, owner, *args):
    lock = threading.RLock()
    if owner:
        try:
            lock._acquire_restore((count, owner))
        except AttributeError:
            for _ in range(count):
                lock.acquire(False)
        if not lock._is_owned():
            raise pickle.UnpicklingError("load a lock: it was held by another thread than the one "
                                         "that loads it")
    return lock


def create_thread_handle(ident, done, *args):
    handle = threading._make_thread_handle(ident)
    if done:
        handle._set_done()
    return handle
