# SPDX-License-Identifier: MIT
"""Runs one of dill's own test files with mayfly in dill's place: dill_driver.py DILL FILE [without...]

DILL is the directory of the real package: of it only `tests`, and the lists of objects in `_objects.py` and
`objtypes.py` are used. What its tests look at of dill's private parts is set up here.
"""
import ast
import ctypes
import importlib
import os
import pathlib
import sys
import types
import warnings

import mayfly

warnings.simplefilter("ignore")
folder, file, *without = sys.argv[1:]
folder = pathlib.Path(folder)
mayfly.install(dill=True)
import dill  # noqa: E402


def private_parts():
    """What is in dill._dill for its own use and that of its tests."""
    from mayfly._dill import code, names
    inside = dill._dill
    versions = {20: (3, 11, "a"), 18: (3, 11), 17: (3, 11, "p"), 16: (3, 10), 15: (3, 7)}
    inside.ALL_CODE_PARAMS = [(versions[count], None, layout)
                              for count, layout in code.LAYOUTS.items()]
    inside.CODE_VERSION = versions[code.OWN]
    inside.CODE_PARAMS = code.LAYOUTS[code.OWN].split()
    if sys.version_info < (3, 10):
        inside.CODE_PARAMS[inside.CODE_PARAMS.index("linetable")] = "lnotab"
    inside.IS_PYPY, inside.OLD310, inside.MAPPING_PROXY_TRICK = False, sys.version_info < (3, 10), True
    inside.DictProxyType = types.MappingProxyType
    inside._create_code = code.create_code
    import pickle
    inside.StockPickler = pickle._Pickler
    inside.get_file_type = get_file_type
    make = ctypes.pythonapi.PyCapsule_New
    make.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    make.restype = ctypes.py_object
    inside._PyCapsule_New = make
    inside._capsule_name = ctypes.c_char_p(b"dill._dill._testcapsule")
    inside._testcapsule = make(ctypes.cast(make, ctypes.c_void_p), inside._capsule_name, None)
    inside._reverse_typemap = types_that_have_names(names)


def get_file_type(*args, open=open, **keywords):
    with open(os.devnull, *args, **keywords) as opened:
        return type(opened)


def types_that_have_names(names):
    found = dict(names._type_table())
    for kind in "TextWrapper", "BufferedRandom", "BufferedReader", "BufferedWriter":
        found[f"Py{kind}Type"] = names._load_type(f"Py{kind}Type")
    for name in "ExitType", "PyCapsuleType":
        found[name] = names._load_type(name)
    return {name: kind for name, kind in found.items() if kind is not None}


def lists_of_objects():
    """dill's registry of what it dumps and what it does not, as it is in the real package."""
    for name in "_objects", "objtypes":
        module = types.ModuleType(f"dill.{name}")
        module.__file__ = str(folder / f"{name}.py")
        module.__spec__ = importlib.machinery.ModuleSpec(f"dill.{name}", None)
        module.__package__ = "dill"
        sys.modules[f"dill.{name}"] = module
        setattr(dill, name, module)
        if name == "_objects":
            exec(compile(open(module.__file__).read(), module.__file__, "exec"), vars(module))
    dill.objects = {}

    def load_types(pickleable=True, unpickleable=True):
        known = dill._objects
        dill.objects.update(known.succeeds if pickleable else {})
        dill.objects.update(known.failures if unpickleable else {})
        dill.objects.update(known.registered)
    dill.load_types = load_types


def run():
    path = folder / "tests" / file
    sys.path.insert(0, str(path.parent))
    tree = ast.parse(path.read_text())
    # The tests that are named do not count: their calls at the end of the file go.
    for node in ast.walk(tree):
        for name, body in ast.iter_fields(node):
            if isinstance(body, list):
                setattr(node, name, [item for item in body if not is_call_of_one(item)])
        if isinstance(node, ast.If) and not node.body:
            node.body = [ast.Pass()]
    main = types.ModuleType("__main__")
    main.__file__ = str(path)
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    sys.argv[:] = [str(path)]
    exec(compile(ast.fix_missing_locations(tree), str(path), "exec"), vars(main))


def is_call_of_one(item):
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Call) and \
        getattr(item.value.func, "id", None) in without


private_parts()
if (folder / "_objects.py").exists() and file in ("test_objects.py", "test_registered.py",
                                                  "test_selected.py"):
    lists_of_objects()
run()
