# SPDX-License-Identifier: MIT
"""What CPython's tempfile gets wrong is right here. Each test is named after it."""
import errno
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import warnings

import mayfly
import mayfly.tempfile as tempfile

from run import case, fork, main, raises, script


@case
def a_forked_childs_exit_deletes_nothing_of_the_parents():
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "x").write_text("x")
        assert fork(lambda: sys.exit(0)) == 0
        assert os.path.exists(file.name)
        assert os.listdir(directory) == ["x"]


@case
def a_forked_child_that_closes_deletes_nothing_of_the_parents():
    file = tempfile.NamedTemporaryFile()
    directory = tempfile.TemporaryDirectory()

    def child():
        file.close()
        directory.cleanup()
        os._exit(0)
    assert fork(child) == 0
    assert os.path.exists(file.name) and os.path.isdir(directory.name)
    file.close()
    directory.cleanup()
    assert not os.path.exists(file.name) and not os.path.exists(directory.name)


@case
def a_forked_child_cleans_up_what_is_its_own():
    reader, writer = os.pipe()

    def child():
        directory = tempfile.TemporaryDirectory()
        file = tempfile.NamedTemporaryFile(dir=directory.name, delete=False)
        os.write(writer, directory.name.encode())
        globals()["held"] = directory, file
        sys.exit(0)
    assert fork(child) == 0
    os.close(writer)
    name = os.read(reader, 1000).decode()
    os.close(reader)
    assert name and not os.path.exists(name)


def limited(size, work):
    """Has the kernel refuse whatever is written to a file past `size`, as a full disk would."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        work()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@case
def spooled_temporary_file_loses_nothing_when_the_disk_is_full():
    with tempfile.SpooledTemporaryFile(max_size=90000) as spool:
        content = bytes(range(250)) * 360
        assert spool.write(content) == 90000

        def overflow():
            with raises(OSError):
                spool.write(b"one more")
            with raises(OSError):
                spool.rollover()
        limited(65536, overflow)
        assert not spool._rolled and spool.tell() == 90000
        spool.seek(0)
        assert spool.read() == content
        assert spool.write(b"one more") == 8 and spool._rolled
        spool.seek(0)
        assert spool.read() == content + b"one more"


@case
def spooled_text_loses_nothing_when_the_disk_is_full():
    for encoding in ("utf-8", "utf-16", "latin-1"):
        with tempfile.SpooledTemporaryFile(max_size=70000, mode="w+", encoding=encoding) as spool:
            text = "z\u00fcge\n" * (34000 // 6 if encoding == "utf-16" else 66000 // 6)
            spool.write(text)

            def overflow():
                with raises(OSError):
                    spool.write("y" * 70000)
            limited(32768, overflow)
            spool.seek(0)
            assert spool.read() == text, encoding
            spool.seek(0, os.SEEK_END)  # io writes utf-16's mark anew after seek(0)
            spool.write("y" * 70000)
            assert spool._rolled
            spool.seek(0)
            assert spool.read() == text + "y" * 70000, encoding


@case
def spooled_temporary_file_is_iterated_over_through_a_rollover():
    with tempfile.SpooledTemporaryFile() as spool:
        spool.writelines(b"%d\n" % i for i in range(10))
        spool.seek(0)
        lines = []
        for line in spool:
            lines.append(line)
            if len(lines) == 4:
                spool.rollover()
        assert lines == [b"%d\n" % i for i in range(10)]


@case
def spooled_temporary_file_does_not_outgrow_its_size_by_writelines():
    with tempfile.SpooledTemporaryFile(max_size=100) as spool:
        seen = []

        def lines():
            for _ in range(50):
                seen.append(spool._rolled)
                yield b"x" * 10
        spool.writelines(lines())
        assert seen[:11] == [False] * 11 and all(seen[11:])
        assert spool.truncate(5) == 5


HOLDS = """
import mayfly, os, signal, sys, time
import mayfly.tempfile as tempfile
{before}
file = tempfile.NamedTemporaryFile()
directory = tempfile.TemporaryDirectory()
open(os.path.join(directory.name, "inside"), "w").close()
print(file.name, directory.name, flush=True)
signal.pause()
"""


def told_to_stop(number, before):
    child = subprocess.Popen([sys.executable, "-c", HOLDS.format(before=before)],
                             stdout=subprocess.PIPE, text=True)
    names = child.stdout.readline().split()
    assert len(names) == 2
    child.send_signal(number)
    assert child.wait() == -number, child.returncode
    child.stdout.close()
    return names


@case
def sigterm_leaves_nothing():
    for name in told_to_stop(signal.SIGTERM, "mayfly.keep_on_signals()"):
        assert not os.path.exists(name)


@case
def sighup_leaves_nothing():
    for name in told_to_stop(signal.SIGHUP, "mayfly.keep_on_signals(signal.SIGHUP)"):
        assert not os.path.exists(name)


@case
def sigkill_leaves_nothing_behind_the_next_reaper():
    names = told_to_stop(signal.SIGKILL, "")
    mayfly.reap()
    for name in names:
        assert not os.path.exists(name)


@case
def close_never_deletes_a_file_that_took_the_name():
    file = tempfile.NamedTemporaryFile()
    os.rename(file.name, file.name + ".mine")
    pathlib.Path(file.name).write_text("another one's")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        file.close()
    assert [w.category for w in caught] == [RuntimeWarning], caught
    assert pathlib.Path(file.name).read_text() == "another one's"
    os.unlink(file.name)
    os.unlink(file.name + ".mine")


@case
def cleanup_never_deletes_a_directory_that_took_the_name():
    directory = tempfile.TemporaryDirectory()
    os.rename(directory.name, directory.name + ".mine")
    os.mkdir(directory.name)
    pathlib.Path(directory.name, "precious").write_text("x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        directory.cleanup()
    assert os.listdir(directory.name) == ["precious"]
    for path in directory.name, directory.name + ".mine":
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        os.rmdir(path)


@case
def deep_trees_are_removed():
    directory = tempfile.TemporaryDirectory()
    here = os.open(directory.name, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    directory.cleanup()
    assert not os.path.exists(directory.name)


@case
def deep_trees_are_removed_with_few_descriptors():
    directory = tempfile.TemporaryDirectory()
    os.makedirs(os.path.join(directory.name, *["d"] * 300))
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, old[1]))
    try:
        directory.cleanup()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
    assert not os.path.exists(directory.name)


@case
def cleanup_never_leaves_the_directory_through_a_swapped_link():
    with tempfile.TemporaryDirectory() as outside:
        pathlib.Path(outside, "canary").write_text("alive")
        os.chmod(outside, 0o500)
        for _ in range(20):
            directory = tempfile.TemporaryDirectory()
            inside = os.path.join(directory.name, "inside")
            for i in range(30):
                os.makedirs(os.path.join(inside, f"{i}"))
            go = threading.Event()

            def swap():
                go.set()
                try:
                    os.rename(inside, inside + ".away")
                    os.symlink(outside, inside)
                except OSError:
                    pass
            thread = threading.Thread(target=swap)
            thread.start()
            go.wait()
            try:
                directory.cleanup()
            except OSError:
                pass
            thread.join()
            directory.cleanup()
            assert not os.path.lexists(directory.name)
            assert os.listdir(outside) == ["canary"]
            assert os.stat(outside).st_mode & 0o777 == 0o500
        os.chmod(outside, 0o700)


@case
def a_prefix_that_leads_out_is_a_ValueError():
    with tempfile.TemporaryDirectory() as directory:
        inner = os.path.join(directory, "inner")
        os.mkdir(inner)
        for make in (tempfile.mkstemp, tempfile.mkdtemp, tempfile.NamedTemporaryFile,
                     tempfile.TemporaryDirectory, tempfile.TemporaryFile):
            for prefix in ("../x", "/tmp/x", "a/b"):
                with raises(ValueError):
                    make(prefix=prefix, dir=inner)
            with raises(ValueError):
                make(suffix="/x", dir=inner)
        assert os.listdir(directory) == ["inner"] and os.listdir(inner) == []


@case
def strict_can_be_turned_off_and_a_prefix_leads_out_as_with_CPythons():
    with tempfile.TemporaryDirectory() as directory:
        inner = os.path.join(directory, "inner")
        os.mkdir(inner)
        assert tempfile.strict is True
        tempfile.strict = False
        try:
            fd, path = tempfile.mkstemp(prefix="../x", dir=inner)
            os.close(fd)
            assert os.path.dirname(os.path.realpath(path)) == directory, path
            with tempfile.NamedTemporaryFile(prefix=os.path.join(directory, "y")) as file:
                assert os.path.basename(file.name).startswith("y")
        finally:
            del tempfile.strict
        assert tempfile.strict is True


@case
def a_relative_dir_and_chdir():
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as base:
        os.chdir(base)
        try:
            os.mkdir("rel")
            directory = tempfile.TemporaryDirectory(dir="rel")
            file = tempfile.NamedTemporaryFile(dir="rel")
            assert os.path.isabs(directory.name) and os.path.isabs(file.name)
            os.chdir("/")
            file.close()
            directory.cleanup()
            assert os.listdir(os.path.join(base, "rel")) == []
        finally:
            os.chdir(here)


@case
def a_directory_that_cannot_be_made_is_no_endless_loop():
    with raises(NotADirectoryError, FileNotFoundError):
        tempfile.mkstemp(dir=__file__)
    with raises(FileNotFoundError):
        tempfile.TemporaryDirectory(dir="/nonexistent/x")


@case
def the_mode_holds_whatever_the_umask():
    old = os.umask(0o777)
    try:
        fd, path = tempfile.mkstemp(mode=0o640)
        with tempfile.NamedTemporaryFile(permissions=0o644) as file, \
                tempfile.TemporaryDirectory(mode=0o750) as directory:
            assert os.stat(path).st_mode & 0o7777 == 0o640
            assert os.stat(file.name).st_mode & 0o7777 == 0o644
            assert os.stat(directory).st_mode & 0o7777 == 0o750
    finally:
        os.umask(old)
    os.close(fd)
    os.unlink(path)


@case
def ResourceWarning_tells_where_it_was_made():
    out = script("""
        import warnings, tracemalloc, mayfly.tempfile as tempfile
        tracemalloc.start()
        def make_it(): return tempfile.NamedTemporaryFile()
        warnings.simplefilter("always")
        x = make_it(); del x
        d = tempfile.TemporaryDirectory(); del d
        t = tempfile.TemporaryFile(); del t
        s = tempfile.SpooledTemporaryFile(); del s
    """)
    assert out.count("ResourceWarning: Implicitly cleaning up") == 2, out
    assert out.count("ResourceWarning: unclosed file") == 2, out
    assert out.count("Object allocated at") == 4, out


@case
def audit_hooks_are_told_and_may_object():
    out = script("""
        import sys, os, mayfly.tempfile as tempfile
        seen, objects = [], False
        def hook(event, args):
            if event.startswith("tempfile."):
                seen.append((event, *args))
                if objects: raise PermissionError("not allowed")
        sys.addaudithook(hook)
        fd, path = tempfile.mkstemp()
        os.close(fd); os.unlink(path)
        with tempfile.NamedTemporaryFile() as f, tempfile.TemporaryDirectory() as d: pass
        assert seen == [("tempfile.mkstemp", path), ("tempfile.mkstemp", f.name),
                        ("tempfile.mkdtemp", d)], seen
        objects, before = True, os.listdir(tempfile.gettempdir())
        for make in (tempfile.mkstemp, tempfile.mkdtemp, tempfile.NamedTemporaryFile,
                     tempfile.TemporaryDirectory):
            try: make()
            except PermissionError: continue
            raise AssertionError(make)
        assert os.listdir(tempfile.gettempdir()) == before
        print("fine")
    """)
    assert out == "fine\n", out


main()
