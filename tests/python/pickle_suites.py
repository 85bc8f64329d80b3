# SPDX-License-Identifier: MIT
"""CPython's suites of pickling (test.pickletester) with mayfly's Pickler and CPython's Unpickler."""
import collections
import copyreg
import importlib.util
import io
import pickle
import sys
import unittest

import mayfly

try:
    from test import pickletester as suites
except ImportError:
    print("skip python_pickle_suites: CPython's tests are not here (libpython3-testsuite)")
    sys.exit(0)

# CPython's Unpickler looks for dill's functions where dill has them: they are ours where there is no dill.
if importlib.util.find_spec("dill") is None:
    mayfly.install(dill=True)

# What these say cannot be pickled, dill can, and so does mayfly.
GOES = {
    "test_c_methods": "descriptors of C methods",
    "test_py_methods": "classmethod and staticmethod objects",
    "test_local_lookup_error": "functions of functions",
    "test_nested_lookup_error": "names that are not there",
    "test_newobj_proxies": "weak proxies stay proxies",
}


class Functions:
    pickler = mayfly.Pickler
    unpickler = pickle.Unpickler

    def dumps(self, obj, proto=None, **keywords):
        return mayfly.dumps(obj, proto, **keywords)

    def loads(self, data, **keywords):
        return pickle.loads(data, **keywords)


class Objects(Functions):
    def dumps(self, obj, proto=None, **keywords):
        file = io.BytesIO()
        mayfly.Pickler(file, proto, **keywords).dump(obj)
        return file.getvalue()


class Persistent:
    def dumps(self, obj, proto=None):
        class Pickler(mayfly.Pickler):
            def persistent_id(subself, obj):
                return self.persistent_id(obj)
        file = io.BytesIO()
        Pickler(file, proto).dump(obj)
        return file.getvalue()

    def loads(self, data, **keywords):
        class Unpickler(pickle.Unpickler):
            def persistent_load(subself, obj):
                return self.persistent_load(obj)
        return Unpickler(io.BytesIO(data), **keywords).load()


class Overriding(mayfly.Pickler, suites.AbstractCustomPicklerClass):
    pass


class PickleByFunctions(Functions, suites.AbstractPickleTests, unittest.TestCase):
    pass


class PickleByObjects(Objects, suites.AbstractPickleTests, unittest.TestCase):
    pass


class PersistentIds(Persistent, suites.AbstractPersistentPicklerTests, unittest.TestCase):
    pass


class PersistentIdentities(Persistent, suites.AbstractIdentityPersistentPicklerTests,
                           unittest.TestCase):
    pass


class PicklerObjects(suites.AbstractPicklerUnpicklerObjectTests, unittest.TestCase):
    pickler_class = mayfly.Pickler
    unpickler_class = pickle.Unpickler


class OwnTable(suites.AbstractDispatchTableTests, unittest.TestCase):
    pickler_class = mayfly.Pickler

    def get_dispatch_table(self):
        return copyreg.dispatch_table.copy()


class ChainedTable(OwnTable):
    def get_dispatch_table(self):
        return collections.ChainMap({}, copyreg.dispatch_table)


class Overrides(suites.AbstractHookTests, unittest.TestCase):
    pickler_class = Overriding


def main():
    loader = unittest.defaultTestLoader
    for case in (PickleByFunctions, PickleByObjects, PersistentIds, PersistentIdentities,
                 PicklerObjects, OwnTable, ChainedTable, Overrides):
        names = loader.getTestCaseNames(case)
        chosen = unittest.TestSuite(case(name) for name in names if name not in GOES)
        result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(chosen)
        name = f"python_pickle_suite_{case.__name__}"
        if result.wasSuccessful() and result.testsRun > 0:
            print(f"ok {name} # {result.testsRun} tests")
        else:
            print(f"not ok {name}")
            for test, text in result.failures + result.errors:
                print("   ", test, text.replace("\n", "\n    "))


main()
