# SPDX-License-Identifier: MIT
"""CPython's own tests of pickle, with our Unpickler and CPython's Pickler or, told "both", our own.

Prints "ok NAME" or "not ok NAME" for each. What fails for a reason is listed with it.
"""
import io
import pickle
import sys
import unittest

import mayfly

try:
    from test import pickletester, test_pickle
except ImportError as missing:
    print(f"skip cpython_test_pickle: {missing} (scripts/setup test installs it)")
    sys.exit(0)

ERRORS = (pickle.UnpicklingError, EOFError)
CUT = pickle.UnpicklingError, "the input ends within it"
TOO_LARGE = OverflowError, r"\d+ bytes should follow and \d+ do"
BOTH = sys.argv[1:] == ["both"]
ours = mayfly if BOTH else pickle
# What these say cannot be pickled, dill can, and so does our Pickler.
GOES = {
    "test_c_methods": "descriptors of C methods are pickled in protocols before 4, too",
    "test_py_methods": "classmethod and staticmethod objects are pickled",
    "test_local_lookup_error": "functions of functions are pickled",
    "test_nested_lookup_error": "what is not found by its name is pickled",
    "test_newobj_proxies": "weak proxies come back as weak proxies",
}


# Python 3.13 and later compare the words of the message; ours says at which byte it is.
WORDS = dict.fromkeys(("test_protocol0_is_ascii_only", "test_large_binstring", "test_truncated_large_binstring",
                       "test_truncated_large_frame", "test_truncated_large_long4"), "the same exception in other words")


class UnpicklerTests(test_pickle.PyUnpicklerTests):
    unpickler = mayfly.Unpickler
    bad_stack_errors = (pickle.UnpicklingError,)
    truncated_errors = ERRORS
    truncated_data_error = CUT
    size_overflow_error = TOO_LARGE


class PicklerTests(test_pickle.PyPicklerTests):
    pickler = ours.Pickler
    unpickler = mayfly.Unpickler


class PythonPicklerTests(test_pickle.PyPicklerTests):
    pickler = pickle._Pickler
    unpickler = mayfly.Unpickler


class InMemoryTests(test_pickle.InMemoryPickleTests):
    bad_stack_errors = (pickle.UnpicklingError,)
    truncated_errors = ERRORS
    truncated_data_error = CUT
    size_overflow_error = TOO_LARGE

    def dumps(self, obj, protocol=None, **options):
        return ours.dumps(obj, protocol, **options)

    def loads(self, data, **options):
        return mayfly.loads(data, **options)


class ModuleTests(pickletester.AbstractPickleModuleTests, unittest.TestCase):
    dump = staticmethod(ours.dump)
    dumps = staticmethod(ours.dumps)
    Pickler = ours.Pickler
    load = staticmethod(mayfly.load)
    loads = staticmethod(mayfly.loads)
    Unpickler = mayfly.Unpickler


class PersistentTests(test_pickle.PyPersPicklerTests):
    pickler = ours.Pickler
    unpickler = mayfly.Unpickler


class IdentityPersistentTests(test_pickle.PyIdPersPicklerTests):
    pickler = ours.Pickler
    unpickler = mayfly.Unpickler


class ObjectTests(test_pickle.CPicklerUnpicklerObjectTests):
    pickler_class = ours.Pickler
    unpickler_class = mayfly.Unpickler


class DispatchTableTests(test_pickle.CDispatchTableTests):
    pickler_class = ours.Pickler


class ChainDispatchTableTests(test_pickle.CChainDispatchTableTests):
    pickler_class = ours.Pickler


class Overriding(ours.Pickler, pickletester.AbstractCustomPicklerClass):
    pass


class HookTests(test_pickle.CPicklerHookTests):
    pickler_class = Overriding


# Those two load by pickle.loads().
class Replaced:
    def __getattr__(self, name):
        return mayfly.loads if name == "loads" else getattr(ours if name in ("dumps", "Pickler") else pickle, name)


pickletester.pickle = Replaced()


class Result(unittest.TestResult):
    """What does not go as it should is told once for each test, however many parts of it failed."""

    passed = failed = exempt = 0

    def told(self, test):
        return ("cpython_both_" if BOTH else "cpython_") + ".".join(test.id().split(".")[-2:])

    def startTest(self, test):
        super().startTest(test)
        self.here = None

    def addSuccess(self, test):
        if self.here is None:
            self.passed += 1
            print("ok", self.told(test))

    def addSkip(self, test, reason):
        print("ok", self.told(test), "# does not apply here:", reason)

    def addFailure(self, test, error):
        why = GOES.get(test.id().split(".")[-1]) if BOTH else None
        if issubclass(error[0], AssertionError):
            why = WORDS.get(test.id().split(".")[-1], why)
        if self.here is None:
            self.exempt += why is not None
            self.failed += why is None
            print(*("ok", self.told(test), "# exempt:", why) if why else ("not ok", self.told(test)))
        self.here = error
        if why is None:
            print("    " + self._exc_info_to_string(error, test).replace("\n", "\n    "))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(test, error)


here = sys.modules[__name__]
names = [name for name, value in vars(here).items()
         if isinstance(value, type) and issubclass(value, unittest.TestCase)]
result = Result()
unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromName(name, here)
                   for name in names).run(result)
print(f"# {result.passed} of {result.testsRun} pass, {result.exempt} are exempt, "
      f"{result.testsRun - result.passed - result.failed - result.exempt} do not apply")
