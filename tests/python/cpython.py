# SPDX-License-Identifier: MIT
"""CPython's own tests of tempfile, run against mayfly.tempfile.

Prints "ok NAME" or "not ok NAME" for each. Scripts that those tests start get the module replaced,
too. What can pass only with CPython's private helpers is listed here, with the reason.
"""
import sys
import unittest

import mayfly
import mayfly.tempfile

EXEMPT = {
    "TestNamedTemporaryFile.test_unexpected_error":
        "puts mocks in the place of io.open and of the wrapper's class, by which CPython makes a file",
    "TestTemporaryFile.test_unexpected_error":
        "puts mocks in the place of os.open, os.unlink and os.close, which the library does not call",
}

if sys.version_info < (3, 10):
    EXEMPT.update({
        "TestGetDefaultTempdir.test_no_files_left_behind": "puts a mock in the place of io.open",
        "TestNamedTemporaryFile.test_no_leak_fd": "puts a mock in the place of io.open",
        "TestTemporaryFile.test_no_leak_fd": "puts a mock in the place of io.open",
    })

mayfly.install()
try:
    from test import test_tempfile
    from test.support import script_helper
except ImportError as missing:
    print(f"skip cpython_test_tempfile: {missing} (scripts/setup test installs it)")
    sys.exit(0)
assert test_tempfile.tempfile is mayfly.tempfile

REPLACED = (f"import sys; sys.path.insert(0, {sys.path[1]!r}); import mayfly; mayfly.install(); "
            "sys.path.pop(0)\n")
plain_ok = script_helper.assert_python_ok


def replaced_ok(*args, **env):
    args = list(args)
    code = args.index("-c") + 1
    args[code] = REPLACED + args[code]
    return plain_ok(*args, **env)


script_helper.assert_python_ok = replaced_ok


class Result(unittest.TestResult):
    def told(self, test):
        return "cpython_" + ".".join(test.id().split(".")[-2:])

    def addSuccess(self, test):
        print("ok", self.told(test))

    def addSkip(self, test, reason):
        print("ok", self.told(test), "# does not apply here:", reason)

    def bad(self, test, why):
        print("not ok", self.told(test))
        print("    " + why.replace("\n", "\n    "))

    def addError(self, test, err):
        self.bad(test, self._exc_info_to_string(err, test))

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.bad(test, self._exc_info_to_string(err, test))


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


count = 0
result = Result()
for case in cases(unittest.defaultTestLoader.loadTestsFromModule(test_tempfile)):
    name = ".".join(case.id().split(".")[-2:])
    count += 1
    if name in EXEMPT:
        print("skip cpython_" + name, EXEMPT[name])
    else:
        case.run(result)
print(f"{count} tests, {len(EXEMPT)} of them left out")
