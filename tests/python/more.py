# SPDX-License-Identifier: MIT
"""What mayfly.tempfile has of CPython's newest, and what it has beyond that."""
import io
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading

import mayfly
import mayfly.tempfile as tempfile

from run import Skip, case, flat, main, raises, script

MODE = "wb+" if sys.version_info >= (3, 15) else "rb+"  # what io calls "w+b"


@case
def everything_of_CPythons_module_is_there():
    out = script("""
        import tempfile, inspect, mayfly.tempfile as ours
        for name in tempfile.__all__:
            assert hasattr(ours, name), name
        assert set(tempfile.__all__) == set(ours.__all__)
        import sys
        names = ["mkstemp", "mkdtemp", "mktemp", "TemporaryFile", "NamedTemporaryFile"]
        if sys.version_info >= (3, 10):  # before, classes in C had no signature
            names.append("TemporaryDirectory")
        for name in names:
            wanted = [p for p in inspect.signature(getattr(tempfile, name)).parameters]
            have = [p for p in inspect.signature(getattr(ours, name)).parameters]
            assert [p for p in have if p in wanted] == wanted, (name, have, wanted)
        print("fine")
    """)
    assert out == "fine\n", out


@case
def delete_on_close_False_leaves_the_file_until_the_scope_ends():
    with tempfile.NamedTemporaryFile(delete_on_close=False) as file:
        file.write(b"data")
        file.close()
        assert pathlib.Path(file.name).read_bytes() == b"data"
    assert not os.path.exists(file.name)
    file = tempfile.NamedTemporaryFile(delete_on_close=False)
    name = file.name
    file.close()
    assert os.path.exists(name)
    del file
    assert not os.path.exists(name)


@case
def delete_False_leaves_it():
    with tempfile.NamedTemporaryFile(delete=False, delete_on_close=False) as file:
        file.write(b"x")
    assert os.path.getsize(file.name) == 1
    os.unlink(file.name)
    with tempfile.TemporaryDirectory(delete=False) as path:
        pass
    assert os.path.isdir(path)
    os.rmdir(path)
    kept = tempfile.TemporaryDirectory(delete=False)
    kept.cleanup()  # asked for by name, it is removed all the same
    assert not os.path.exists(kept.name)


@case
def a_wrapper_is_a_path_and_a_file():
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8", suffix=".txt") as file:
        print("hello", file=file, flush=True)
        assert os.fspath(file) == file.name and pathlib.Path(file).suffix == ".txt"
        assert open(file, encoding="utf-8").read() == "hello\n"
        assert isinstance(file.file, io.TextIOWrapper) and file.encoding == "utf-8"
        assert os.path.samestat(os.stat(file), os.fstat(file.fileno()))
        file.note = 1
        assert file.note == 1 and file.__dict__ == {"note": 1}
        with raises(AttributeError):
            file.no_such_attribute
    assert file.closed


@case
def files_are_io_s_own():
    for mode, buffering, kind in (
            ("w+b", -1, io.BufferedRandom), ("wb", -1, io.BufferedWriter),
            ("rb", -1, io.BufferedReader), ("w+b", 0, io.FileIO), ("w+", -1, io.TextIOWrapper),
            ("ab", -1, io.BufferedWriter), ("xb", -1, io.BufferedWriter)):
        with tempfile.TemporaryFile(mode, buffering) as file:
            assert isinstance(file, kind), (mode, file)
            assert isinstance(file.fileno(), int)
    with tempfile.TemporaryFile("w+", buffering=1, newline="\r\n") as file:
        assert file.line_buffering
        file.write("a\n")
        assert os.pread(file.fileno(), 10, 0) == b"a\r\n"
    for bad in ({"mode": "w", "buffering": 0}, {"mode": "wb", "encoding": "utf-8"},
                {"mode": "wbt"}, {"mode": ""}, {"mode": "wb", "newline": "\n"}):
        with raises(ValueError):
            tempfile.TemporaryFile(**bad)


@case
def classes_can_be_derived_from():
    class Spool(tempfile.SpooledTemporaryFile):
        extra = 1

        def write(self, data):
            return super().write(data.upper())

    class Directory(tempfile.TemporaryDirectory):
        def __init__(self):
            super().__init__(prefix="derived-")
            self.entered = False

        def __enter__(self):
            self.entered = True
            return pathlib.Path(super().__enter__())
    with Spool(max_size=3) as spool:
        spool.write(b"abcd")
        spool.seek(0)
        assert spool.read() == b"ABCD"
        spool.attribute = 2
    with Directory() as path:
        assert path.name.startswith("derived-")
    assert not path.exists()


@case
def the_wrapper_can_be_derived_from_and_put_over_any_file():
    class Response(tempfile._TemporaryFileWrapper):  # as urllib.response does
        def __init__(self, file):
            super().__init__(file, "<response>", delete=False)
            self.file_too = file

        def __exit__(self, *args):
            self.close()
    with Response(io.BytesIO(b"a\nb\n")) as response:
        assert list(response) == [b"a\n", b"b\n"] and response.name == "<response>"
    assert response.closed
    fd, path = tempfile.mkstemp()
    with tempfile._TemporaryFileWrapper(open(fd, "wb"), path) as file:
        file.write(b"x")
    assert not os.path.exists(path)
    fd, path = tempfile.mkstemp()
    file = tempfile._TemporaryFileWrapper(open(fd, "wb"), path)
    os.rename(path, path + ".old")
    os.mkdir(path)
    file.close()
    os.rmdir(path)
    os.unlink(path + ".old")
    with raises(AttributeError):
        tempfile._TemporaryFileWrapper.__new__(tempfile._TemporaryFileWrapper).close()
    with tempfile.NamedTemporaryFile() as file:
        assert isinstance(file, tempfile._TemporaryFileWrapper)

    class Error(OSError, Response):  # as urllib.error does
        def __init__(self, file):
            Response.__init__(self, file)
    assert Error(io.BytesIO(b"x")).read() == b"x"


@case
def persist_gives_a_permanent_name():
    with tempfile.TemporaryDirectory() as base:
        target = os.path.join(base, "result.csv")
        with tempfile.NamedTemporaryFile("w", dir=base) as file:
            file.write("a,b\n")
            assert file.persist(target, durable=True) == target
            file.write("1,2\n")
        assert pathlib.Path(target).read_text() == "a,b\n1,2\n"
        assert os.listdir(base) == ["result.csv"]
        with tempfile.TemporaryFile(dir=base) as nameless:
            nameless.write(b"new")
            with raises(FileExistsError):
                mayfly.persist(nameless, target, overwrite=False)
            mayfly.persist(nameless, target)
        assert pathlib.Path(target).read_bytes() == b"new"
        with raises(ValueError):
            mayfly.persist(nameless, target)


@case
def keep_has_it_stay():
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as base:
        file.keep()
        assert file.delete is False
    assert os.path.exists(file.name) and not os.path.exists(base)
    os.unlink(file.name)
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.delete = True
    assert not os.path.exists(file.name)
    directory = tempfile.TemporaryDirectory()
    with directory:
        directory.keep()
    assert os.path.isdir(directory.name)
    directory.cleanup()


@case
def max_bytes_is_a_limit():
    with tempfile.TemporaryFile(max_bytes=10, buffering=0) as file:
        assert file.write(b"12345678") == 8
        with raises(OSError):
            file.write(b"12345678")
        file.seek(0)
        assert file.read() == b"12345678"


@case
def a_secret_is_not_on_the_disk():
    try:
        file = tempfile.TemporaryFile("w+", secret=True, encoding="utf-8")
    except OSError as why:
        from run import Skip
        raise Skip(str(why))
    with file:
        file.write("pass word")
        file.seek(0)
        assert file.read() == "pass word"
        with raises(OSError):
            file.fileno()
    with raises(ValueError):
        tempfile.NamedTemporaryFile(secret=True)


@case
def replace_is_all_or_nothing():
    with tempfile.TemporaryDirectory() as base:
        target = pathlib.Path(base, "settings")
        target.write_text("old")
        with raises(ZeroDivisionError):
            with mayfly.replace(target, "w") as file:
                file.write("half of")
                1 / 0
        assert target.read_text() == "old"
        with mayfly.replace(target, "w", backup="settings~", durable=True) as file:
            file.write("new")
            assert target.read_text() == "old"
        assert target.read_text() == "new"
        assert pathlib.Path(base, "settings~").read_text() == "old"
        with raises(FileExistsError):
            mayfly.replace(target, overwrite=False)
        begun = mayfly.replace(target, "wb")
        begun.file.write(b"never")
        begun.abort()
        begun = mayfly.replace(target, "wb")
        begun.file.write(b"by hand")
        begun.commit()
        with raises(ValueError):
            begun.commit()
        assert target.read_bytes() == b"by hand"
        assert sorted(os.listdir(base)) == ["settings", "settings~"]


@case
def workspace_carries_results_out():
    with tempfile.TemporaryDirectory() as base:
        source, target = pathlib.Path(base, "in"), pathlib.Path(base, "out")
        source.write_text("abc")
        with mayfly.workspace(prefix="w-") as work:
            work.copy_in(source, "input")
            pathlib.Path(work, "result").write_text(
                pathlib.Path(work.path, "input").read_text().upper())
            work.carry_out("result", target)
            assert not target.exists()
        assert target.read_text() == "ABC" and not os.path.exists(work.path)
        with raises(ZeroDivisionError):
            with mayfly.workspace(keep_on_error=True) as work:
                1 / 0
        assert os.path.isdir(work)
        os.rmdir(work)
        with raises(FileNotFoundError):
            with mayfly.workspace() as work:
                work.carry_out("missing", target)
        assert not os.path.exists(work) and target.read_text() == "ABC"


@case
def a_workspace_is_not_closed_under_another_threads_hands():
    with tempfile.TemporaryDirectory() as base:
        source = pathlib.Path(base, "large")
        source.write_bytes(bytes(1 << 20))
        for _ in range(10):
            work, said = mayfly.workspace(), []

            def copy(name):
                try:
                    for i in range(500):
                        work.copy_in(source, f"{name}{i}")
                except Exception as error:
                    said.append(type(error))
            threads = [threading.Thread(target=copy, args=name) for name in ("a", "b")]
            for thread in threads:
                thread.start()
            while not os.listdir(work.path) and any(t.is_alive() for t in threads):
                pass
            work.close()
            for thread in threads:
                thread.join()
            assert said == [ValueError] * 2, said  # it is closed
            assert not os.path.exists(work.path)
            with raises(ValueError):
                work.copy_in(source)


@case
def manager_ends_all_of_them():
    with mayfly.Manager() as manager:
        file = manager.file(suffix=".csv")
        path = manager.dir(prefix="d-").name
        assert len(manager) == 2 and os.path.exists(file.name)
    assert not os.path.exists(file.name) and not os.path.exists(path) and len(manager) == 0


@case
def it_works_without_mayfly_tempfile_being_imported():
    for use in ("mayfly.workspace().close()", "mayfly.Manager().dir()", "mayfly.Manager().file()",
                "mayfly._core.gettempprefix()", "mayfly._core.mktemp()"):
        script(f"import mayfly, warnings; warnings.simplefilter('ignore'); {use}")


@case
def install_replaces_the_module():
    out = script("""
        import mayfly, sys
        mayfly.install()
        import tempfile, mayfly.tempfile
        assert tempfile is mayfly.tempfile
        import zipfile, shutil, subprocess
        mayfly.uninstall()
        import tempfile as plain
        assert plain is not mayfly.tempfile
        print("fine")
    """)
    assert out == "fine\n", out


@case
def install_replaces_dill_temp_and_leaves_the_rest_of_dill():
    try:
        import dill  # noqa: F401
    except ImportError:
        raise Skip("dill is not installed: python3-dill")
    uses = """
        import dill.temp, dill
        from dill import temp as again
        assert dill.temp is again is mayfly.temp and mayfly.temp.__spec__.name == "mayfly.temp"
        assert dill.dumps.__module__ == "dill._dill" and dill.source.__name__ == "dill.source"
        assert temp_before is None or temp_before.__name__ == "dill.temp"
        mayfly.uninstall()
        import dill.temp as theirs
        assert theirs is dill.temp is not mayfly.temp and theirs.__name__ == "dill.temp"
        mayfly.install()
        mayfly.install()
        mayfly.install(dill=True)
        import dill
        assert dill.dumps is mayfly.dumps and dill.temp is mayfly.temp
        mayfly.install()
        assert sys.modules["dill"].dumps is mayfly.dumps
        mayfly.uninstall()
        import dill, dill.temp
        assert dill.dumps is not mayfly.dumps and dill.temp is theirs or dill.temp.__name__ == "dill.temp"
        print("fine")
    """
    for first in "temp_before = None", "import dill.temp; temp_before = dill.temp", \
            "import dill; temp_before = dill.temp":
        out = script(f"import sys, mayfly\n{first}\nmayfly.install()\n" + textwrap.dedent(uses))
        assert out == "fine\n", (first, out)


@case
def m_mayfly_replaces_dill_temp():
    with_dill = subprocess.run([sys.executable, "-c", "import dill"], stderr=subprocess.DEVNULL).returncode == 0
    code = "import tempfile, dill.temp, dill; print(tempfile.__name__, dill.temp.__name__, dill.dumps.__module__)"
    for switch, told in ([], "dill._dill"), (["--dill"], "mayfly"):
        if not with_dill and not switch:
            continue
        out = subprocess.run([sys.executable, "-m", "mayfly", *switch, "-c", code], stdout=subprocess.PIPE,
                             check=True, text=True).stdout
        assert out.startswith(f"mayfly.tempfile mayfly.temp {told}"), out
    out = subprocess.run([sys.executable, "-m", "mayfly", "-c", "import sys; print('mayfly.temp' in sys.modules)"],
                         stdout=subprocess.PIPE, check=True, text=True).stdout
    assert out == "False\n"  # who does not use it does not pay for it


@case
def m_mayfly_runs_a_script_with_tempfile_replaced():
    with tempfile.TemporaryDirectory() as base:
        path = pathlib.Path(base, "script.py")
        pathlib.Path(base, "beside.py").write_text("value = 5\n")
        path.write_text("import sys, tempfile, beside\n"
                        "if __name__ == '__main__':\n"
                        "    print(tempfile.__name__, sys.argv[1:], beside.value)\n"
                        "    sys.exit(7)\n")
        for where in ([str(path)], ["-m", "script"], ["-c", path.read_text()]):
            done = subprocess.run([sys.executable, "-m", "mayfly", *where, "a", "b"], cwd=base,
                                  stdout=subprocess.PIPE, text=True)
            assert done.returncode == 7
            assert done.stdout == "mayfly.tempfile ['a', 'b'] 5\n", done.stdout
        done = subprocess.run([sys.executable, "-m", "mayfly"], stderr=subprocess.PIPE)
        assert done.returncode == 2 and b"script.py" in done.stderr


@case
def many_threads_at_once():
    failed = []

    def work():
        try:
            for i in range(50):
                with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as path, \
                        tempfile.SpooledTemporaryFile(max_size=10) as spool:
                    file.write(b"x" * i)
                    spool.write(b"x" * i)
                    os.mkdir(os.path.join(path, "d"))
        except BaseException as error:
            failed.append(error)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [], failed


@case
def nothing_grows():
    """What is made and ended a hundred times leaves no object behind."""
    def once():
        with tempfile.NamedTemporaryFile("w+") as file, tempfile.TemporaryDirectory(), \
                tempfile.SpooledTemporaryFile(4) as spool, tempfile.TemporaryFile():
            file.write("x")
            spool.write(b"12345")
        os.close(tempfile.mkstemp(dir=base)[0])
        try:
            tempfile.mkstemp(prefix="a/b")
        except ValueError:
            pass
    with tempfile.TemporaryDirectory() as base:
        flat(once, 50, noise=3)


IN_A_SUB_INTERPRETER = """
import mayfly, mayfly.tempfile as t
for _ in range(20):
    with t.NamedTemporaryFile() as f, t.TemporaryFile() as u, t.TemporaryDirectory():
        f.write(b'x')
        u.write(b'x')
    with t.SpooledTemporaryFile(4) as s: s.write(b'12345')
    with mayfly.replace(PATH, 'w') as f: f.write('a\\nb\\n')
    with mayfly.chunks(PATH, records='lines', progress=lambda done, whole: None) as chunks:
        assert [c.rows for c in chunks] == [2]
    try:
        with mayfly.cache() as cache:
            assert cache.get_or_create('k', lambda: [1]) == [1] == cache['k']
    except OSError:
        pass  # a library without libsodium
"""


def sub_interpreters():
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        try:
            import _interpreters as interpreters
        except ImportError:
            from run import Skip
            raise Skip("this Python has no module for sub-interpreters")
    return interpreters


def run_in(interpreters, text):
    other = interpreters.create()  # from Python 3.12 on with a lock of its own
    try:
        failed = interpreters.run_string(other, text)
        assert failed is None, failed
    finally:
        interpreters.destroy(other)


@case
def it_works_in_sub_interpreters():
    interpreters = sub_interpreters()
    with tempfile.TemporaryDirectory() as base:
        for i in range(2):
            run_in(interpreters, f"PATH = {os.path.join(base, str(i))!r}\n" + IN_A_SUB_INTERPRETER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")


@case
def lines_of_a_capture_reach_the_interpreter_that_wants_them():
    interpreters = sub_interpreters()
    run_in(interpreters, """
import mayfly
seen = []
with mayfly.capture(on_line=lambda stream, line: seen.append(line)) as out:
    print('sub')
assert out.getvalue() == 'sub\\n' and seen == ['sub\\n'], (out.getvalue(), seen)
""")


@case
def sub_interpreters_run_beside_each_other():
    interpreters, failed = sub_interpreters(), []
    with tempfile.TemporaryDirectory() as base:
        def work(number):
            path = os.path.join(base, str(number))
            try:
                run_in(interpreters, f"PATH = {path!r}\n" + IN_A_SUB_INTERPRETER)
            except BaseException as error:
                failed.append(error)
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == [], failed


@case
def the_position_is_right_whoever_moves_it():
    with tempfile.TemporaryFile() as file:
        file.write(b"12")
        file.flush()
        assert file.tell() == 2
        pid = os.fork()  # shares the position
        if pid == 0:
            file.write(b"child")
            file.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        assert file.tell() == 7
        file.write(b"3")
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        file.raw.write(b"x")
        assert file.raw.tell() == 1
        file.seek(0)
        assert file.read() == b"x2child3"
    with tempfile.TemporaryFile() as file:
        subprocess.run(["echo", "said"], stdout=file, check=True)
        file.flush()
        assert file.tell() == 5 and file.seek(0) == 0 and file.read() == b"said\n"


@case
def raw_files_behave_as_io_FileIO():
    with tempfile.TemporaryFile(buffering=0) as ours, open(ours.fileno(), "rb+", 0,
                                                            closefd=False) as theirs:
        for file in (ours, theirs):
            file.seek(0)
            file.truncate(0)
            assert file.write(b"hello") == 5 and file.tell() == 5 and file.seek(-3, 2) == 2
            assert file.read(2) == b"ll" and file.read() == b"o" and file.read() == b""
            assert file.seek(1) == 1 and file.readall() == b"ello" and file.read(0) == b""
            into = bytearray(3)
            assert file.seek(0) == 0 and file.readinto(into) == 3 and into == b"hel"
            assert file.truncate() == 3 and file.truncate(10) == 10 and file.seek(0, 2) == 10
            assert file.mode == (MODE if file is ours else "rb+") and file.name == ours.fileno() and not file.isatty()
            assert file.readable() and file.writable() and file.seekable() and not file.closed
            assert isinstance(file, io.FileIO) and file.seek(0) == 0 and file.readline() == b"hel" + b"\0" * 7
            for wrong in (lambda: file.seek(-1), lambda: file.truncate(-1)):
                with raises(OSError):
                    wrong()
            for wrong in (lambda: file.write("text"), lambda: file.seek("1"), lambda: file.seek(),
                          lambda: file.readinto(b"read-only"), lambda: file.read("1")):
                with raises(TypeError):
                    wrong()
        large = os.urandom(300_000)
        ours.seek(0)
        assert ours.write(large) == len(large) and ours.seek(1) == 1 and ours.readall() == large[1:]
        assert "name=" in repr(ours)
        import pickle
        with raises(TypeError):
            pickle.dumps(ours)
    assert ours.closed and "closed" in repr(ours) and ours.close() is None
    for dead in (ours.read, ours.tell, ours.fileno, ours.readable, lambda: ours.write(b"x")):
        with raises(ValueError):
            dead()
    with tempfile.TemporaryFile("wb", buffering=0) as file:
        assert file.mode == "wb" and not file.readable()
        with raises(io.UnsupportedOperation):
            file.read()
    with tempfile.TemporaryFile("rb", buffering=0) as file:
        with raises(io.UnsupportedOperation):
            file.write(b"x")


@case
def a_signal_handler_runs_and_the_write_goes_on():
    out = script("""
        import os, signal, threading, mayfly.tempfile as t
        hits = []
        signal.signal(signal.SIGALRM, lambda *a: hits.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        with t.TemporaryFile() as file:
            while len(hits) < 20:
                file.write(b"x" * 100_000)
            signal.setitimer(signal.ITIMER_REAL, 0)
            size = file.tell()
            assert os.fstat(file.fileno()).st_size == size or file.flush() is None
        print("fine")
    """)
    assert out == "fine\n", out

main()
