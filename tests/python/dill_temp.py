# SPDX-License-Identifier: MIT
"""mayfly.temp as dill.temp is and as its document says; sessions and benchmarks built on it."""
import dataclasses
import io
import json
import os
import pathlib
import pickle
import subprocess
import sys

import mayfly
import mayfly.temp as temp

from run import case, flat, main, raises, script


def function(x):
    return x + 1


@dataclasses.dataclass
class Annotated:
    value: "int"
    others: "list" = dataclasses.field(default_factory=list)


class Stateful:
    def __init__(self):
        self.value = 4


@case
def what_dump_returns_is_a_file_and_a_path():
    file = temp.dump([1, 2], suffix=".pkl", prefix="dumped_")
    path = str(file)
    assert os.path.exists(file) and os.path.getsize(file) > 0 and os.fspath(file) == path
    assert os.path.basename(path).startswith("dumped_") and path.endswith(".pkl")
    assert f"{file}" == path and pathlib.Path(file).name == os.path.basename(path)
    assert open(file, "rb").read() == pickle.dumps([1, 2])
    file.seek(0)
    assert pickle.load(file) == [1, 2] and not file.closed
    assert os.stat(file).st_mode & 0o777 == 0o600
    os.remove(file)
    assert not os.path.exists(path)
    assert temp.load(file) == [1, 2], "its name is gone, and it is still open"
    file.close()


@case
def it_goes_with_its_last_reference_or_scope():
    file = temp.dump(5)
    path = str(file)
    del file
    assert not os.path.exists(path)
    with temp.dump(5) as file:
        path = str(file)
    assert not os.path.exists(path)
    file = temp.dump(5, delete=False)
    path = str(file)
    file.close()
    assert temp.load(path) == 5
    os.remove(path)


@case
def load_takes_whatever_has_it():
    value = {"f": function, "l": [1]}
    with temp.dump(value, delete=True) as file:
        data = pathlib.Path(file).read_bytes()
        with open(file, "rb") as opened:
            sources = [file, str(file), pathlib.Path(file), opened, io.BytesIO(data), data,
                       bytearray(data), memoryview(data), temp.dumpIO(value)]
            for source in sources:
                assert temp.load(source)["f"](1) == 2, source
        assert temp.load(str(file), mode="r")["l"] == [1]
    for source in data, bytearray(data), io.BytesIO(data), temp.dumpIO(value):
        assert temp.loadIO(source)["l"] == [1]
    for wrong in 5, None, object():
        with raises(TypeError):
            temp.loadIO(wrong)
        with raises(TypeError):
            temp.load(wrong)


@case
def what_dumpIO_returns_is_a_BytesIO_and_bytes_like():
    buffer = temp.dumpIO([1, 2, 3])
    data = pickle.dumps([1, 2, 3])
    assert isinstance(buffer, io.BytesIO) and buffer.getvalue() == data and bytes(buffer) == data
    assert len(buffer) == len(data) and buffer[0] == 0x80 and buffer[:2] == data[:2]
    assert buffer[-1:] == b"." and memoryview(buffer)[1] == data[1] and data[3:9] in buffer
    assert b"".join([buffer]) == data and bytearray(buffer) == data
    buffer.seek(0)
    assert buffer.read(2) == data[:2]
    view = memoryview(buffer)
    with raises(BufferError):
        buffer.write(b"x" * 1000)  # what is lent out does not move
    view.release()
    buffer.seek(0, 2)
    buffer.write(b"more")
    assert len(buffer) == len(data) + 4
    space = {}
    exec(temp.dumpIO_source(function), space)
    assert space["function"](1) == 2
    empty = type(buffer)()
    assert len(empty) == 0 and bytes(memoryview(empty)) == b"" and empty[:] == b""


@case
def nothing_grows():
    def once():
        buffer = temp.dumpIO({"a": [1, 2]})
        len(buffer), buffer[1:3], bytes(memoryview(buffer)), temp.loadIO(buffer)
        try:
            memoryview(buffer).cast("I")  # which its length does not allow
        except TypeError:
            pass
        closed = temp.Buffer(b"x")
        closed.close()
        for use in memoryview, len, (lambda b: b[0]):
            try:
                use(closed)
            except ValueError:
                continue
            raise AssertionError("a closed buffer lent its memory")
        with temp.dump([1]) as file:
            temp.load(file)
    flat(once, 500, noise=5)


@case
def errors_are_pickles_and_what_they_were():
    generator = (x for x in [1])
    for dump in temp.dump, temp.dumpIO:
        with raises(pickle.PicklingError):
            dump(generator)
        with raises(pickle.PicklingError):
            dump(sys._getframe())
        try:
            dump(memoryview(b"x"))
        except pickle.PicklingError as error:
            assert isinstance(error, TypeError), "as pickle raises it"
        else:
            raise AssertionError("a memoryview cannot be dumped")
    for damaged in b"", b"no pickle", pickle.dumps([1, 2])[:-3], b"\x80\x04cno.such\nname\n.", b".":
        with raises(pickle.UnpicklingError):
            temp.loadIO(damaged)
        path = pathlib.Path("damaged")
        path.write_bytes(damaged)
        with raises(pickle.UnpicklingError):
            temp.load(path)
    try:
        temp.loadIO(b"")
    except EOFError as error:
        assert isinstance(error, pickle.UnpicklingError)
    with raises(OSError):
        temp.load("no/such/file")
    with raises(OSError):
        temp.dump(1, dir="no/such/directory")


@case
def what_fails_leaves_nothing():
    before = os.listdir(os.environ["TMPDIR"])
    for _ in range(3):
        with raises(pickle.PicklingError):
            temp.dump((x for x in ()))
        with raises(OSError):
            temp.dump_source(eval("lambda: 1"))
    assert os.listdir(os.environ["TMPDIR"]) == before


@case
def source_comes_back_by_name_alias_or_namespace():
    with temp.dump_source(function) as file:
        assert file.read() == b"" and str(file).endswith(".py")
        assert pathlib.Path(file).read_text().rstrip().endswith("#NAME: function")
        assert temp.load_source(file)(1) == 2
        assert temp.load_source(file, alias="function")(1) == 2
        with raises(NameError):
            temp.load_source(file, alias="other")
    with temp.dump_source(function, alias="renamed") as file:
        assert temp.load_source(file).__name__ == "function"
    plain = pathlib.Path("plain.py")
    plain.write_text("# coding: latin-1\nvalue = 'ü'\ndef f(): return value\n", encoding="latin-1")
    space = temp.load_source(plain)
    assert space["value"] == "ü" and space["f"]() == "ü"
    assert temp.loadIO_source("x = 4\n#NAME: x") == temp.loadIO_source(b"x = 4\n#NAME: x") == 4
    for broken in "def (", b"\xff\xfe":
        with raises(SyntaxError):
            temp.loadIO_source(broken)
    with raises(OSError):
        temp.load_source("no/such/file.py")


@case
def a_dataclass_with_annotations_in_strings_comes_back():
    with temp.dump_source(Annotated(4)) as file:
        again = temp.load_source(file)
    assert again.value == 4 and again.others == []
    assert not [name for name in sys.modules if name.startswith("__source_")]


@case
def source_that_was_loaded_has_source():
    again = temp.loadIO_source(temp.dumpIO_source(function))
    assert temp.loadIO_source(temp.dumpIO_source(again))(1) == 2


@case
def a_file_that_others_can_write_is_refused():
    path = pathlib.Path("shared.pkl")
    path.write_bytes(pickle.dumps([1]))
    code = pathlib.Path("shared.py")
    code.write_text("x = 1\n#NAME: x\n")
    for each, load in (path, temp.load), (code, temp.load_source):
        each.chmod(0o666)
        with raises(PermissionError):
            load(each)
        load(each, trusted=True)
        each.chmod(0o644)
        load(each)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
        with raises(PermissionError):
            temp.load(path)
        with raises(PermissionError):
            temp.load(open(path, "rb"))
        assert temp.load(path, trusted=True) == [1]


@case
def what_refuses_a_file_names_it_and_the_way_out():
    with temp.dump(1) as file:
        os.fchmod(file.fileno(), 0o666)
        try:
            raise AssertionError(temp.load(file))
        except PermissionError as error:
            assert error.errno == 1 and error.filename == file.name, error.args
            assert error.strerror.startswith("load: others may write it (mode 0666), and "), error
            assert "trusted=True" in error.strerror
        assert temp.load(file, trusted=True) == 1
    with open("code.py", "w") as code, raises(PermissionError):
        code.write("x = 1\n")
        code.flush()
        os.fchmod(code.fileno(), 0o620)
        temp.load_source("code.py", buffering=0)
    os.mkfifo("fifo", 0o600)
    with raises(PermissionError):
        temp.load("fifo")
    read, write = os.pipe()  # one's own: nobody else has it
    with open(write, "wb") as file:
        file.write(b"x = 1\n#NAME: x\n")
    assert temp.load_source(f"/dev/fd/{read}") == 1
    os.close(read)


@case
def loading_is_audited():
    out = script("""
        import sys, mayfly.temp as temp
        seen = []
        sys.addaudithook(lambda event, args: seen.append(args) if event == "mayfly.load" else None)
        with temp.dump(1) as file:
            temp.load(file)
            assert str(file) in [args[0] for args in seen], seen
        print("fine")
    """)
    assert out == "fine\n", out


@case
def capture_gives_back_the_stream_whatever_happens():
    before = sys.stdout, sys.stderr
    with raises(ZeroDivisionError):
        with temp.capture("stderr") as captured:
            print("told", file=sys.stderr)
            1 / 0
    assert (sys.stdout, sys.stderr) == before and captured.getvalue() == "told\n"
    with temp.capture() as outer:
        print("outer")
        with temp.capture("stdout") as inner:
            print("inner ü\ud800")
        print("outer again")
    assert isinstance(outer, io.StringIO) and outer is not inner
    assert outer.getvalue() == "outer\nouter again\n" and inner.getvalue() == "inner ü\ud800\n"
    with raises(AttributeError):
        temp.capture("nothing")
    with raises(ValueError):
        temp.capture("stdin")
    with raises(TypeError):
        temp.capture("stdout", tee=True)
    with temp.capture() as captured:
        buffer = sys.stdout.buffer
        for byte in "ü€".encode():
            buffer.write(bytes([byte]))
        sys.stdout = None  # and forgotten
    assert sys.stdout is before[0] and captured.getvalue() == "ü€"
    try:
        with temp.capture("stderr", fd=True, tee=False) as captured:
            os.write(2, b"descriptor\n")
    finally:
        assert captured.getvalue() == "descriptor\n"


@case
def a_session_comes_back_as_it_was():
    told = []
    with mayfly.Session("work", say=told.append) as session:
        session.add_object("function", function)
        session.add_object("stateful", Stateful())
        assert session.take_snapshot("at first") == 0
        session.get_object("stateful").value = 5
        session.add_object("more", 1)
        assert session.take_snapshot() == 1
        session.restore_snapshot(0)
        assert session.get_object("stateful").value == 4 and "more" not in session
        session.restore_snapshot(1)
        assert session.get_object("stateful").value == 5 and len(session) == 3
        assert session.get_object("function")(1) == 2
        with raises(IndexError):
            session.restore_snapshot(2)
        assert "at first (2 objects)" in session.list_snapshots()[0]
        session.export_session_info("session.json")
        info = json.loads(pathlib.Path("session.json").read_text())
        assert info["session_name"] == "work" and info["snapshots"][1]["object_count"] == 3
        assert info["current_objects"] == ["function", "stateful", "more"]
        session.add_object("bad", (x for x in ()))
        with raises(pickle.PicklingError):
            session.take_snapshot()
        assert len(session.snapshots) == 2
        paths = [str(each["temp_file"]) for each in session.snapshots]
        assert all(map(os.path.exists, paths))
    assert not any(map(os.path.exists, paths)) and told[0] == "Added function to session"


@case
def the_benchmark_prints_as_the_document_does():
    out = subprocess.run([sys.executable, "-m", "mayfly.bench", "--iterations", "2"], text=True,
                         stdout=subprocess.PIPE, check=True).stdout
    assert out.startswith("\nSerialization Benchmark Results\n" + "=" * 60 + "\n\nsimple_list:\n")
    assert out.count("  Avg dump time: ") == 10 and out.count("  Avg buffer size: ") == 5
    found = json.loads(subprocess.run([sys.executable, "-m", "mayfly.bench", "--iterations", "2",
                                       "--json"], text=True, stdout=subprocess.PIPE, check=True).stdout)
    assert found["simple_list"]["avg_file_size"] == len(temp.dumpIO(list(range(1000))))
    out = subprocess.run([sys.executable, "-m", "mayfly.bench", "--iterations", "2", "--against",
                          "pickle"], text=True, stdout=subprocess.PIPE, check=True).stdout
    assert "pickle       cannot" in out and "mayfly" in out, out


@case
def the_benchmark_draws_or_says_what_is_missing():
    done = subprocess.run([sys.executable, "-m", "mayfly.bench", "--iterations", "2", "--plot", "b.svg"],
                          text=True, capture_output=True)
    if done.returncode == 0:
        assert "<svg" in pathlib.Path("b.svg").read_text()
    else:
        assert "gnuplot" in done.stderr, done.stderr


if __name__ == "__main__":
    main()
