# SPDX-License-Identifier: MIT
"""Every example of dill-temp.md runs as it stands, in one program, as one who tries them would have it.

Each is a file of its own, because the source of functions is asked for. Imports that the text forgot: none, as
the examples share their names.
"""
import contextlib
import io
import json
import os
import pathlib
import re
import sys

import mayfly
from run import case, main, script

mayfly.install(dill=True)
document = pathlib.Path(__file__).parent / "documents" / "dill-temp.md"


def blocks():
    """The examples, without the four that only tell signatures."""
    text = document.read_text()
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.S | re.M):
        yield found.group(1)


def example(number):
    """Runs one in __main__; what it printed."""
    code = list(blocks())[number]
    path = pathlib.Path(f"example_{number}.py")
    path.write_text(code)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        exec(compile(code, str(path), "exec"), vars(sys.modules["__main__"]))
    return said.getvalue()


@case
def the_document_has_seven_examples():
    assert len(list(blocks())) == 7, len(list(blocks()))


@case
def basic_temporary_file_operations():
    said = example(0)
    assert "Restored data keys: ['function', 'class', 'instance', 'list']" in said, said
    assert "Function result: 57" in said and "Instance method result: 20" in said
    path = re.search("Data saved to temporary file: (.*)", said).group(1)
    assert path == os.fspath(temp_file) and os.path.exists(path)


@case
def source_code_operations():
    said = example(1)
    path = re.search("Source code saved to: (.*)", said).group(1)
    assert path == str(source_file) and path.endswith(".py")
    assert "Example algorithm for demonstration." in said
    assert "Algorithm result: [0.2, 1.6, 3.0, 0.1, 4.0]" in said, said


@case
def io_buffer_operations():
    said = example(2)
    assert "Square function: 25" in said and "Function from source buffer: [1, 4, 6]" in said, said
    assert int(re.search(r"Serialized to buffer: (\d+) bytes", said).group(1)) == len(buffer_data)


@case
def stream_capture():
    said = example(3)
    assert "'Starting processing...\\nProcessing item 1" in said
    assert "Captured stderr: 'This goes to stderr\\n'" in said
    assert said.rstrip().endswith("Stderr: 'This goes to stderr\\n'"), said


@case
def testing_framework_integration():
    sys.argv[1:] = []
    try:
        example(4)
    except SystemExit as end:
        assert end.code in (0, False), end.code
    else:
        raise AssertionError("unittest.main() did not end")


@case
def development_workflow_tools():
    said = example(5)
    assert "0: " in said and "Initial development state (3 objects)" in said, said
    assert "Objects restored: ['fib_func', 'processor', 'test_data']" in said
    assert session.get_object("fib_func")(10) == 55
    assert session.get_object("processor").multiplier == 2
    told = json.loads(pathlib.Path("dev_session.json").read_text())
    assert [each["object_count"] for each in told["snapshots"]] == [3, 4]


@case
def performance_benchmarking():
    said = example(6)
    for name in "simple_list", "function", "class_instance", "nested_dict", "mixed_structure":
        assert f"Benchmarking IO operations for {name}..." in said
    assert said.count("Avg buffer size") == 5 and said.count("Avg file size") == 5, said


@case
def with_dill_nowhere_to_be_found():
    out = script("""
        import sys, mayfly
        mayfly.install(dill=True)
        import dill, dill.temp, dill.source
        assert dill.temp is mayfly.temp and dill.source is mayfly.source
        from dill.temp import dump, load
        print(load(dump([1, 2])), dill.loads(dill.dumps(lambda: 3))())
        mayfly.uninstall()
        sys.path[:] = [p for p in sys.path if "dist-packages" not in p and "site-packages" not in p]
        try:
            import dill
        except ImportError:
            print("gone")
    """)
    assert out == "[1, 2] 3\ngone\n", out


if __name__ == "__main__":
    main()
    # What the examples leave to the end of the program.
    for name in "temp_file", "source_file", "session", "benchmark":
        globals().pop(name, None)
