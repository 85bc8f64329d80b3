# SPDX-License-Identifier: MIT
"""cloudpickle's own tests with mayfly in its place: what comes back from functions and classes.

They are in cloudpickle's source package: MFT_CLOUDPICKLE_SOURCE names one that is unpacked, else pip is asked
for it. Its package stays where the tests look at it (its private functions, by which some of them are written);
dumps, loads and Pickler in it are mayfly's, with recurse=True, since cloudpickle takes along what is used.

What fails is listed by name, with the reason; what is listed and passes must go from the list.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

VERSION = "2.2.0"  # the newest whose source pip unpacks without packages that Debian has not

TRACKED = "a class that is loaded is a new one, as dill's is: cloudpickle looks in a table of those that it dumped"
MODULES = "cloudpickle imports what looks like a submodule in a function's code; dill does not"
BY_VALUE = "register_pickle_by_value() is cloudpickle's own"
VIEWS = "cloudpickle makes bytes of a memoryview; pickle and dill refuse it, and so do we"
FILES = "cloudpickle carries content as a StringIO or refuses; here files travel in dill's three ways (fmode)"
EXCEPTIONS = {
    "test_abc_cache_not_pickled": TRACKED,
    "test_generic_subclass": TRACKED,
    "test_generic_type": TRACKED,
    "test_interactive_dynamic_type_and_remote_instances": TRACKED,
    "test_interactive_dynamic_type_and_stored_remote_instances": TRACKED,
    "test_interactively_defined_enum": TRACKED,
    "test_locally_defined_enum": TRACKED,
    "test_locally_defined_intenum": TRACKED,
    "test_namedtuple": TRACKED,
    "test_pickle_dynamic_typevar_tracking": TRACKED,
    "test_multiprocess": MODULES,
    "test_submodule": MODULES,
    "test_submodule_closure": MODULES,
    "test_relative_import_inside_function": "a function's globals that it does not name stay behind, __package__ too",
    "test_pickle_constructs_from_installed_packages_registered_for_pickling_by_value": BY_VALUE,
    "test_pickle_constructs_from_module_registered_for_pickling_by_value": BY_VALUE,
    "test_pickle_various_versions_of_the_same_function_with_different_pickling_method": BY_VALUE,
    "test_large_memoryview": VIEWS,
    "test_memoryview": VIEWS,
    "test_sliced_and_non_contiguous_memoryview": VIEWS,
    "test_closed_file": FILES,
    "test_pickling_special_file_handles": FILES,
    "test_plus_mode": FILES,
    "test_seek": FILES,
    "test_w_mode": FILES,
    "test_dynamic_pytest_module": "writes into cloudpickle's private table",
    "test_dynamic_module_with_unpicklable_builtin": "looks for __builtins__ in a module, which exec() puts there",
    "test_recursion_during_pickling": "expects a PicklingError; RecursionError is pickle's",
    "test_module": "compares pickle with itself, which stands replaced here",
    # Of the machine, or of this cloudpickle, which is older than this Python: they fail with it, too.
    "test_builtin_classmethod": "fails with cloudpickle's own on Python 3.11",
    "test_pickling_file_handles": "fails with cloudpickle's own under pytest's capture",
}
if sys.version_info >= (3, 14):
    EXCEPTIONS.update({
        "test_extract_class_dict": "fails with its own: a class's dict has what makes its annotations",
        "test_locally_defined_class_with_type_hints": "fails with its own: an instance has no annotations",
        "test_itertools_count": "fails with its own: iterators of itertools are no longer pickled",
        "test_lookup_module_and_qualname_importable_typevar": "fails with its own",
        "test_lookup_module_and_qualname_stdlib_typevar": "fails with its own",
        "test_wraps_preserves_function_annotations": "fails with its own: functools copies what makes annotations",
    })

REPLACED = '''
import mayfly

def dumps(obj, protocol=None, buffer_callback=None):
    return mayfly.dumps(obj, protocol, recurse=True, buffer_callback=buffer_callback)

def dump(obj, file, protocol=None, buffer_callback=None):
    mayfly.dump(obj, file, protocol, recurse=True, buffer_callback=buffer_callback)

class CloudPickler(mayfly.Pickler):
    def __init__(self, file, protocol=None, **keywords):
        super().__init__(file, protocol, recurse=True, **keywords)

Pickler, load, loads = CloudPickler, pickle.load, pickle.loads
'''
COMPAT = '''import sys
import types
if {path!r} not in sys.path:
    sys.path.insert(0, {path!r})
import mayfly
import pickle as plain
from pickle import Pickler

pickle = types.ModuleType("pickle")
vars(pickle).update(vars(plain))
pickle.load = lambda file, **keywords: mayfly.load(file, ignore=True, **keywords)
pickle.loads = lambda data, **keywords: mayfly.loads(data, ignore=True, **keywords)
'''


def skip(why):
    print("skip python_cloudpickle", why)
    sys.exit(0)


def source():
    given = os.environ.get("MFT_CLOUDPICKLE_SOURCE")
    if given:
        shutil.copytree(given, "cloudpickle")
        return pathlib.Path("cloudpickle").resolve()
    name = f"cloudpickle-{VERSION}"
    environment = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "PYTHONMALLOC")}
    done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                           "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
                           f"cloudpickle=={VERSION}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=environment, timeout=300)
    if done.returncode != 0 or not pathlib.Path(f"{name}.tar.gz").exists():
        skip(f"the source of cloudpickle {VERSION} cannot be had by pip here (MFT_CLOUDPICKLE_SOURCE)")
    with tarfile.open(f"{name}.tar.gz") as archive:
        archive.extractall()
    return pathlib.Path(name).resolve()


def put_in_place(folder):
    ours = str(pathlib.Path(os.environ["MFT_BUILD"], "python"))
    (folder / "cloudpickle/compat.py").write_text(COMPAT.format(path=ours))
    with open(folder / "cloudpickle/__init__.py", "a") as file:
        file.write("\nfrom .compat import pickle\n" + REPLACED)


def run(folder):
    """Name of test -> whether it passed, in each of the classes that it is in."""
    theirs = pathlib.Path("theirs").resolve()  # its tests of logging and of modules leave directories behind
    theirs.mkdir()
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "ignore", "-q", "-rA",
                           "--tb=short", "tests/cloudpickle_test.py", "tests/cloudpickle_file_test.py"], cwd=folder,
                          env={**os.environ, "TMPDIR": str(theirs), "PYTHONPATH": os.pathsep.join(
                              [str(folder), str(folder / "tests/cloudpickle_testpkg"), os.environ["PYTHONPATH"]])},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=800)
    found = re.findall(r"^(PASSED|FAILED|ERROR) tests/\w+\.py::(\S+)", done.stdout, re.M)
    return [(name.rpartition("::")[2], name, said == "PASSED") for said, name in found], done.stdout


def main():
    for needed in "pytest", "psutil":
        if subprocess.run([sys.executable, "-c", f"import {needed}"], stderr=subprocess.DEVNULL).returncode:
            skip(f"{needed} is not installed for this Python")
    folder = source()
    put_in_place(folder)
    results, said = run(folder)
    if not results:
        print("not ok python_cloudpickle_ran\n   ", said[-3000:].replace("\n", "\n    "))
        return
    if "libasan" in os.environ.get("LD_PRELOAD", ""):  # which keeps what is freed for a while
        EXCEPTIONS["test_interactive_remote_function_calls_no_memory_leak"] = "fails with a sanitizer"
    surprises = [name for test, name, passed in results if not passed and test not in EXCEPTIONS]
    # One that passes everywhere is none any more.
    stale = [test for test in EXCEPTIONS if all(passed for other, _, passed in results if other == test)
             and not EXCEPTIONS[test].startswith("fails with")]
    passed = sum(passed for _, _, passed in results)
    print("not ok" if surprises else "ok", f"python_cloudpickle_tests # {passed} of {len(results)} pass, "
          f"{len(results) - passed} are listed with the reason")
    print("not ok" if stale else "ok", "python_cloudpickle_exceptions_still_are_some")
    for name in surprises + stale:
        print("   ", name)
    if surprises:
        print("   ", said[-6000:].replace("\n", "\n    "))


main()
