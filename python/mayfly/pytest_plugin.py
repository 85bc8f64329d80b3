# SPDX-License-Identifier: MIT
"""pytest's fixtures with temporary files, which fail a test that leaves anything behind.

    def test_it_reads_what_it_wrote(mayfly_dir):
        ...

mayfly_temp     a mayfly.testing.TempFiles: file(), dir(), dump()
mayfly_dir      the path of a directory that goes with the test
mayfly_file     a named temporary file, open for reading and writing bytes

    pytest --mayfly-leaks       every test has mayfly_temp, and so fails on leaks
    pytest --mayfly-install     `import tempfile` means mayfly.tempfile
"""
import pytest

import mayfly

_FAILED = pytest.StashKey() if hasattr(pytest, "StashKey") else "mayfly_failed"


def pytest_addoption(parser):
    group = parser.getgroup("mayfly", "temporary files")
    group.addoption("--mayfly-leaks", action="store_true",
                    help="fail tests that leave temporary files or descriptors behind")
    group.addoption("--mayfly-install", action="store_true",
                    help="have `import tempfile` mean mayfly.tempfile")


def pytest_configure(config):
    if config.getoption("--mayfly-install"):
        mayfly.install()


def pytest_unconfigure(config):
    if config.getoption("--mayfly-install"):
        mayfly.uninstall()


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--mayfly-leaks"):
        return
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is not None and "mayfly_temp" not in names:
            names.insert(0, "mayfly_temp")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and hasattr(item, "stash"):
        item.stash[_FAILED] = True


def _before_others(request):
    """pytest makes a directory of its own in TMPDIR when it is first asked for one: before ours."""
    try:
        request.getfixturevalue("tmp_path_factory").getbasetemp()
    except pytest.FixtureLookupError:
        pass


@pytest.fixture
def mayfly_temp(request):
    """Temporary files and directories that go with the test; fails it if it leaves others."""
    from mayfly.testing import TempFiles
    _before_others(request)
    temp = TempFiles()
    yield temp
    failed = hasattr(request.node, "stash") and request.node.stash.get(_FAILED, False)
    left = None
    try:
        temp.end(tell=not failed)  # what a traceback still holds open is no leak
    except AssertionError as leak:
        left = str(leak)
    if left is not None:
        pytest.fail(left, pytrace=False)


@pytest.fixture
def mayfly_dir(mayfly_temp):
    """The path of a directory that goes with the test; fails it if it leaves others behind."""
    return mayfly_temp.dir()


@pytest.fixture
def mayfly_file(mayfly_temp):
    """A named temporary file that goes with the test; fails it if it leaves others behind."""
    return mayfly_temp.file()
