# SPDX-License-Identifier: MIT
"""Tests with temporary files of their own, which fail when they leave anything behind.

    class Conversion(mayfly.testing.TempFileTestCase):
        def test_it_reads_what_it_wrote(self):
            path = self.temp.dir() / "table.csv"        # goes with the test
            convert(path)                               # its own temporary files must be gone, too

While a test runs TMPDIR is a directory that nobody else uses, so what it calls, and the processes it
starts, make their temporary files there. What `temp` handed out is removed at its end. Whatever else
is there then was left behind, and so was a descriptor that is open and was not before: both fail the
test and are named. pytest's fixtures (pytest_plugin.py) do the same.

Not for tests that run at the same time in threads of one process: environment and descriptors are the
process's.
"""
import gc
import os
import pathlib
import sys
import unittest

from . import Error, Manager
from ._core import Test

__all__ = ["TempFileMixin", "TempFileTestCase", "TempFiles"]


def _dumps(value):
    """As dill does it where it is installed: it knows functions by what they do."""
    try:
        import dill as pickler
    except ImportError:
        import pickle as pickler
    return pickler.dumps(value)


class TempFiles:
    """What one test has; ends with its scope, or by end(), which raises an AssertionError about what
    was left behind."""

    def __init__(self):
        self._environment = os.environ.get("TMPDIR")
        self._test = Test()
        self._manager = Manager()
        os.environ["TMPDIR"] = self._test.path  # os.environ does not see what C sets
        self._remembered = [(module, module.tempdir) for module in self._modules()]
        for module, _ in self._remembered:
            module.tempdir = None

    @staticmethod
    def _modules():
        """CPython's module remembers where it found a directory; it may be there beside ours."""
        names = ("tempfile", "mayfly.tempfile")
        return {id(m): m for m in map(sys.modules.get, names) if hasattr(m, "tempdir")}.values()

    @property
    def tmpdir(self):
        """What TMPDIR says meanwhile: nothing may be left there."""
        return None if self._test.path is None else pathlib.Path(self._test.path)

    def file(self, *args, **options):
        """A NamedTemporaryFile, which is closed with the test."""
        return self._manager.file(*args, dir=self._test.path, **options)

    def dir(self, **options):
        """The path of a directory that goes with the test and all that is in it."""
        return pathlib.Path(self._manager.dir(dir=self._test.path, **options).name)

    def dump(self, value):
        """A named file with the value pickled in it: for dill.temp.load, or pickle.load."""
        file = self.file(suffix=".pkl")
        file.write(_dumps(value))
        file.seek(0)
        return file

    def end(self, *, tell=True):
        """Ends it; tell=False: what was left behind is removed, and nothing is said."""
        if self._test.path is None:
            return
        try:
            self._manager.cleanup()
        finally:
            gc.collect()  # files that only a cycle holds are no leak
            try:
                self._end_test(tell)
            finally:
                self._give_back()

    def _end_test(self, tell):
        try:
            self._test.end()
        except Error as error:
            if tell:
                raise AssertionError(error.strerror) from None

    def _give_back(self):
        if self._environment is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = self._environment
        for module, tempdir in self._remembered:
            module.tempdir = tempdir

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.end(tell=kind is None)  # what an exception still holds open is no leak


class TempFileMixin:
    """For a unittest.TestCase: self.temp is a TempFiles that ends with the test."""

    def setUp(self):
        super().setUp()
        self.temp = TempFiles()
        self.temp_files = []
        self.addCleanup(self._end_temp)

    def _end_temp(self):
        self.temp_files.clear()
        self.temp.end(tell=not self._has_failed())  # what a traceback holds open is no leak

    def _has_failed(self):
        outcome = getattr(self, "_outcome", None)
        if any(error for _, error in getattr(outcome, "errors", ())):  # before Python 3.11
            return True
        result = getattr(outcome, "result", None)
        told = [*getattr(result, "failures", ()), *getattr(result, "errors", ())]
        return any(getattr(test, "test_case", test) is self for test, _ in told)

    def create_temp_object(self, obj):
        """A file with the object dumped to it, which goes with the test."""
        self.temp_files.append(self.temp.dump(obj))
        return self.temp_files[-1]


class TempFileTestCase(TempFileMixin, unittest.TestCase):
    """A test case that fails when it leaves temporary files or open descriptors behind."""
