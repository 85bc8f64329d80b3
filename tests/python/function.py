# SPDX-License-Identifier: MIT
"""Functions in C, as data between C and Python."""
import copy
import hashlib
import os
import pickle
import subprocess

import mayfly

from run import Skip, case, main, raises

tool = os.path.join(os.environ["MFT_BUILD"], "tests", "function_tool")


def run(*words, data=b""):
    if not os.path.exists(tool):
        raise Skip("because this build has no mayfly-source")
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    return subprocess.run([tool, *words], input=data, stdout=subprocess.PIPE, check=True, env=env).stdout


@case
def a_function_of_C_is_an_object_with_name_and_source():
    got = pickle.loads(run("write"))
    function = got["square"]
    assert got["size"] == 7 and type(function) is mayfly.CFunction
    assert function.name == "square" and function.signature == "int square(int x)" and function.flags == "-DBY=1"
    assert function.source == "/* \u20ac */\nint square(int x) { return x * x + BY; }\n"
    wanted = hashlib.blake2b(function.source.encode(), digest_size=32).hexdigest()
    assert function.hash == wanted
    assert repr(function) == "<CFunction int square(int x)>"


@case
def a_function_goes_through_Python_and_is_called_in_C():
    got = pickle.loads(run("write"))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert run("call", "5", data=pickle.dumps(got, protocol)) == b"26\n"


@case
def Python_makes_one_that_C_calls():
    function = mayfly.CFunction("triple", "int triple(int x) { return 3 * x; }\n")
    assert run("call", "5", data=pickle.dumps({"square": function})) == b"15\n"


@case
def one_whose_source_was_altered_is_refused():
    function = mayfly.CFunction("triple", "int triple(int x) { return 3 * x; }\n")
    function.source = function.source.replace("3", "4")
    with raises(subprocess.CalledProcessError):
        run("call", "5", data=pickle.dumps({"square": function}))


@case
def they_are_equal_by_their_parts():
    one, other = mayfly.CFunction("f", "int f;"), mayfly.CFunction("f", "int f;")
    assert one == other and hash(one) == hash(other) and one != mayfly.CFunction("g", "int f;") and one != "f"
    assert copy.deepcopy(one) == one and pickle.loads(pickle.dumps(one)) == one
    with raises(TypeError):
        mayfly.CFunction(b"f", "int f;")


main()
