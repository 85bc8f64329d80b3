# SPDX-License-Identifier: MIT
"""CPython's own tests of pickle, with CPython's Pickler and our Unpickler.

Prints "ok NAME" or "not ok NAME" for each. What is left out is listed, with the reason.
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
EXEMPT = {}


class UnpicklerTests(test_pickle.PyUnpicklerTests):
    unpickler = mayfly.Unpickler
    bad_stack_errors = (pickle.UnpicklingError,)
    truncated_errors = ERRORS


class PicklerTests(test_pickle.PyPicklerTests):
    pickler = pickle.Pickler
    unpickler = mayfly.Unpickler


class PythonPicklerTests(test_pickle.PyPicklerTests):
    pickler = pickle._Pickler
    unpickler = mayfly.Unpickler


class InMemoryTests(test_pickle.InMemoryPickleTests):
    bad_stack_errors = (pickle.UnpicklingError,)
    truncated_errors = ERRORS

    def loads(self, data, **options):
        return mayfly.loads(data, **options)


class ModuleTests(pickletester.AbstractPickleModuleTests, unittest.TestCase):
    dump = staticmethod(pickle.dump)
    dumps = staticmethod(pickle.dumps)
    Pickler = pickle.Pickler
    load = staticmethod(mayfly.load)
    loads = staticmethod(mayfly.loads)
    Unpickler = mayfly.Unpickler


class PersistentTests(test_pickle.PyPersPicklerTests):
    pickler = pickle.Pickler
    unpickler = mayfly.Unpickler


class IdentityPersistentTests(test_pickle.PyIdPersPicklerTests):
    pickler = pickle.Pickler
    unpickler = mayfly.Unpickler


class ObjectTests(test_pickle.CPicklerUnpicklerObjectTests):
    pickler_class = pickle.Pickler
    unpickler_class = mayfly.Unpickler


class DispatchTableTests(test_pickle.CDispatchTableTests):
    pass


class HookTests(test_pickle.CPicklerHookTests):
    pass


# Those two load by pickle.loads().
class Replaced:
    def __getattr__(self, name):
        return mayfly.loads if name == "loads" else getattr(pickle, name)


pickletester.pickle = Replaced()


class Result(unittest.TestResult):
    def told(self, test):
        return "cpython_" + ".".join(test.id().split(".")[-2:])

    def addSuccess(self, test):
        print("ok", self.told(test))

    def addSkip(self, test, reason):
        print("ok", self.told(test), "# does not apply here:", reason)

    def addFailure(self, test, error):
        short = ".".join(test.id().split(".")[-2:])
        why = EXEMPT.get(short)
        if why is not None:
            print("ok", self.told(test), "# exempt:", why)
            return
        print("not ok", self.told(test))
        print("    " + self._exc_info_to_string(error, test).replace("\n", "\n    "))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(test, error)


here = sys.modules[__name__]
names = [name for name, value in vars(here).items()
         if isinstance(value, type) and issubclass(value, unittest.TestCase)]
unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromName(name, here)
                   for name in names).run(Result())
