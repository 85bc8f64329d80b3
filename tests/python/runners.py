# SPDX-License-Identifier: MIT
"""mayfly.testing and mayfly.pytest_plugin, by real runs of unittest and pytest."""
import os
import pathlib
import re
import subprocess
import sys
import textwrap

import mayfly.tempfile as tempfile
from mayfly.testing import TempFiles

from run import Skip, case, main, raises


def run(base, text, *command):
    """Writes a test file and runs it; returns the exit status and what it said."""
    pathlib.Path(base, "test_it.py").write_text(textwrap.dedent(text))
    done = subprocess.run([sys.executable, "-m", *command], cwd=base, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


# ---- by hand -------------------------------------------------------------------------------------

@case
def a_test_has_files_that_go_with_it():
    before = os.environ.get("TMPDIR"), os.listdir(tempfile.gettempdir())
    with TempFiles() as temp:
        assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(temp.tmpdir)
        assert subprocess.check_output(["sh", "-c", "echo $TMPDIR"], text=True).strip() == \
            str(temp.tmpdir)
        path, file, dumped = temp.dir(), temp.file("w", suffix=".txt"), temp.dump({"a": [1]})
        (path / "sub").mkdir()
        (path / "sub" / "file").write_text("x")
        file.write("x")
        import pickle
        with open(dumped, "rb") as again:
            assert pickle.load(again) == {"a": [1]}
    assert not path.exists() and not os.path.exists(file.name)
    assert (os.environ.get("TMPDIR"), os.listdir(tempfile.gettempdir())) == before
    assert temp.tmpdir is None
    temp.end()


@case
def what_is_left_is_named_and_removed():
    left = []
    with raises(AssertionError):
        with TempFiles() as temp:
            fd, path = tempfile.mkstemp(prefix="forgotten")
            left.append(path)
            os.close(fd)
    assert not os.path.exists(left[0])
    try:
        with TempFiles():
            fd = os.open("/dev/null", os.O_RDONLY)
    except AssertionError as error:
        assert "/dev/null" in str(error), error
    else:
        raise AssertionError("the descriptor was not found")
    os.close(fd)
    with raises(KeyError):  # and not the leak
        with TempFiles():
            tempfile.mkdtemp()
            raise KeyError
    with TempFiles():
        class Cycle:
            pass
        cycle = Cycle()
        cycle.self, cycle.file = cycle, open("/dev/null")
        del cycle


# ---- unittest ------------------------------------------------------------------------------------

UNITTEST = """
    import os, pickle, tempfile, unittest
    from mayfly.testing import TempFileMixin, TempFileTestCase

    class Kept(TempFileTestCase):
        def test_clean(self):
            with open(self.temp.dir() / "file", "w"): pass
            with tempfile.NamedTemporaryFile() as file:
                assert file.name.startswith(str(self.temp.tmpdir)), file.name

        def test_object(self):
            file = self.create_temp_object({"data": [1, 2]})
            self.assertTrue(os.path.exists(file))
            with open(file, "rb") as again:
                self.assertEqual(pickle.load(again), {"data": [1, 2]})

        def test_forgets_a_file(self):
            os.close(tempfile.mkstemp(suffix=".forgotten")[0])

        def test_forgets_a_descriptor(self):
            os.open("/dev/null", os.O_RDONLY)

        def test_fails_by_itself(self):
            tempfile.mkdtemp()
            self.fail("on purpose")

    class Base(unittest.TestCase):
        def setUp(self):
            self.base = True

    class Mixed(TempFileMixin, Base):
        def setUp(self):
            super().setUp()
            self.mine = self.temp.file()

        def tearDown(self):
            self.mine.write(b"x")

        def test_both(self):
            self.assertTrue(self.base)
"""


@case
def unittest_fails_on_what_is_left():
    with tempfile.TemporaryDirectory() as base:
        status, said = run(base, UNITTEST, "unittest", "-v", "test_it")
        assert status == 1, said
        for name, how in (("Kept.test_clean", "ok"), ("Kept.test_object", "ok"),
                          ("Mixed.test_both", "ok"), ("Kept.test_forgets_a_file", "FAIL"),
                          ("Kept.test_forgets_a_descriptor", "FAIL"),
                          ("Kept.test_fails_by_itself", "FAIL")):
            kind, test = name.split(".")
            assert re.search(rf"^{test} \(.*{kind}.*\) \.\.\. {how}$", said, re.M), (name, said)
        assert ".forgotten" in said and "/dev/null" in said
        assert said.count("left behind") == 2, said
        assert os.listdir(tempfile.gettempdir()) == [os.path.basename(base)]


# ---- pytest --------------------------------------------------------------------------------------

PYTEST = """
    import os, tempfile

    def test_clean(mayfly_dir, mayfly_file, tmp_path, capfd):
        (mayfly_dir / "file").write_text("x")
        (tmp_path / "file").write_text("x")
        mayfly_file.write(b"x")
        print("said")
        assert capfd.readouterr().out == "said\\n"

    def test_object(mayfly_temp):
        assert os.path.getsize(mayfly_temp.dump([1])) > 0

    def test_forgets_a_file(mayfly_temp):
        os.close(tempfile.mkstemp(suffix=".forgotten")[0])

    def test_forgets_a_descriptor(mayfly_dir):
        os.open("/dev/null", os.O_RDONLY)

    def test_fails_by_itself(mayfly_dir):
        tempfile.mkdtemp()
        assert False, "on purpose"

    def test_without():
        os.rmdir(tempfile.mkdtemp())
        fd, path = tempfile.mkstemp(suffix=".also")
        os.close(fd)
        globals()["left"] = path

    def test_module():
        print(tempfile.__name__)
        if "left" in globals() and os.path.exists(left):
            os.unlink(left)
"""


def need_pytest():
    try:
        import pytest
    except ImportError:
        raise Skip(f"pytest is not installed for {sys.executable}")
    return pytest


PLUGIN = ("pytest", "-p", "mayfly.pytest_plugin", "-p", "no:cacheprovider", "-rA")


@case
def pytest_fails_on_what_is_left():
    need_pytest()
    with tempfile.TemporaryDirectory() as base:
        option = f"--basetemp={base}/basetemp"
        status, said = run(base, PYTEST, *PLUGIN, option)
        assert status == 1, said
        assert re.search(r"=+ 1 failed, 6 passed, 2 errors in", said), said
        for name in ("forgets_a_file", "forgets_a_descriptor"):
            assert f"ERROR test_it.py::test_{name}" in said, said
        assert "FAILED test_it.py::test_fails_by_itself" in said
        assert ".forgotten" in said and "/dev/null" in said and said.count("left behind") == 2, said
        status, said = run(base, PYTEST, *PLUGIN, option, "--mayfly-leaks", "-k",
                           "without or module or clean")
        assert re.search(r"=+ 3 passed, .*1 error in", said), said
        assert "ERROR test_it.py::test_without" in said and ".also" in said, said
        status, said = run(base, PYTEST, *PLUGIN, option, "--mayfly-install", "-k", "test_module")
        assert status == 0 and "\nmayfly.tempfile\n" in said, said
        status, said = run(base, PYTEST, *PLUGIN, option, "-k", "test_module")
        assert status == 0 and "\ntempfile\n" in said, said
        assert os.listdir(tempfile.gettempdir()) == [os.path.basename(base)]


@case
def pytests_fixtures_are_told_of():
    need_pytest()
    with tempfile.TemporaryDirectory() as base:
        status, said = run(base, "", *PLUGIN, "--fixtures")
        for name in ("mayfly_temp", "mayfly_dir", "mayfly_file"):
            assert re.search(rf"^{name} .*\n    \w", said, re.M), said


main()
