# SPDX-License-Identifier: MIT
"""mayfly.capture: what is printed by Python, by libraries and by other processes."""
import ctypes
import gc
import io
import os
import pathlib
import subprocess
import sys
import threading

import mayfly

from run import case, flat, fork, main, open_descriptors, raises, script


@case
def everything_that_is_printed_is_caught():
    with mayfly.capture() as out:
        print("python")
        sys.stdout.flush()
        os.write(1, b"descriptor\n")
        subprocess.run(["echo", "process"], check=True)
        libc = ctypes.CDLL(None)
        libc.puts(b"library")
        libc.fflush(None)
    assert out.getvalue() == "python\ndescriptor\nprocess\nlibrary\n", out.getvalue()
    assert out.getbytes() == b"python\ndescriptor\nprocess\nlibrary\n"
    assert out.stdout == out.getvalue("stdout") == out.getvalue()


@case
def the_text_can_be_asked_for_meanwhile():
    with mayfly.capture() as out:
        print("first")
        assert out.getvalue() == "first\n"
        print("second")
        assert out.getvalue() == "first\nsecond\n"
    assert out.getvalue() == "first\nsecond\n"


@case
def what_was_printed_before_and_after_stays_where_it_belongs():
    out = script("""
        import mayfly, os
        print("before")
        with mayfly.capture() as out: print("within", flush=True); os.write(1, b"too\\n")
        print("after", repr(out.getvalue()))
    """)
    assert out == "before\nafter 'within\\ntoo\\n'\n", out


@case
def streams_are_caught_apart_or_merged():
    with mayfly.capture("both") as out:
        print("to stdout")
        print("to stderr", file=sys.stderr)
    assert (out.stdout, out.stderr) == ("to stdout\n", "to stderr\n")
    with raises(ValueError):
        out.getvalue()
    with mayfly.capture("both", merge=True) as out:
        for i in range(3):
            print("o", i)
            print("e", i, file=sys.stderr)
    assert out.getvalue() == "o 0\ne 0\no 1\ne 1\no 2\ne 2\n", out.getvalue()
    with mayfly.capture("stderr") as out:
        print("e", file=sys.stderr)
    assert out.getvalue() == out.stderr == "e\n"
    with raises(ValueError):
        out.stdout
    with raises(ValueError):
        mayfly.capture("stdin")
    with raises(ValueError):
        mayfly.capture("stdout", merge=True)


@case
def captures_nest_and_end_in_any_order():
    with mayfly.capture() as outer:
        print("1")
        with mayfly.capture() as inner:
            print("2")
            with mayfly.capture(fd=False) as innermost:
                print("3")
            print("4")
        print("5")
    assert (outer.getvalue(), inner.getvalue(), innermost.getvalue()) == ("1\n5\n", "2\n4\n", "3\n")
    a, b = mayfly.capture().begin(), mayfly.capture().begin()
    print("to b")
    a.end()
    print("to b, too")
    b.end()
    assert (a.getvalue(), b.getvalue()) == ("", "to b\nto b, too\n")


@case
def an_exception_gives_the_streams_back():
    before = os.fstat(1)
    with raises(ZeroDivisionError):
        with mayfly.capture() as out:
            print("until here")
            1 / 0
    assert out.getvalue() == "until here\n" and os.path.samestat(before, os.fstat(1))


@case
def without_descriptors_sys_stdout_is_replaced_as_dills():
    plain = sys.stdout
    with mayfly.capture(fd=False) as out:
        assert isinstance(sys.stdout, io.StringIO)
        print("text \udc80")  # a StringIO takes what no encoding has
    assert sys.stdout is plain and out.getvalue() == "text \udc80\n"
    with mayfly.capture("both", fd=False, merge=True) as out:
        print("a")
        print("b", file=sys.stderr)
    assert out.getvalue() == "a\nb\n"
    for wrong in ({"tee": True}, {"max_bytes": 1}, {"pipe": True}):
        with raises(ValueError):
            mayfly.capture(fd=False, **wrong)


@case
def a_stream_that_leads_elsewhere_is_led_to_the_descriptor():
    plain, notebook = sys.stdout, io.StringIO()
    sys.stdout = notebook
    try:
        with mayfly.capture() as out:
            print("caught")
            os.write(1, b"too\n")
        assert sys.stdout is notebook
        print("not caught")
    finally:
        sys.stdout = plain
    assert out.getvalue() == "caught\ntoo\n" and notebook.getvalue() == "not caught\n"
    sys.stdout = None
    try:
        with mayfly.capture() as out:
            print("nobody had it before")
        assert sys.stdout is None
    finally:
        sys.stdout = plain
    assert out.getvalue() == "nobody had it before\n"


@case
def tee_copies_to_where_it_would_have_gone():
    out = script("""
        import mayfly, os
        with mayfly.capture(tee=True) as out: print("seen"); os.write(1, b"by both\\n")
        assert out.getvalue() == "seen\\nby both\\n", out.getvalue()
        with mayfly.capture() as out: print("hidden"); os.write(out.original(), b"out of band\\n")
        assert out.getvalue() == "hidden\\n"
    """)
    assert out == "seen\nby both\nout of band\n", out


@case
def a_limit_keeps_the_oldest_or_the_newest_or_fails():
    with mayfly.capture(max_bytes=4, full="drop-oldest") as out:
        os.write(1, b"123456")
    assert out.getvalue() == "3456" and out.dropped() == 2
    with mayfly.capture(max_bytes=4, full="drop-newest") as out:
        os.write(1, b"123456")
    assert out.getvalue() == "1234" and out.dropped() == 2
    with raises(mayfly.Error):
        with mayfly.capture(max_bytes=4) as out:
            os.write(1, b"123456")
    assert out.getvalue() == "1234"
    with raises(KeyError):  # what the scope says is worth more
        with mayfly.capture(max_bytes=4):
            os.write(1, b"123456")
            raise KeyError
    with raises(ValueError):
        mayfly.capture(full="explode")


@case
def large_texts_go_to_the_disk_and_can_stay():
    with mayfly.capture(max_memory=1000) as out:
        for i in range(1000):
            print(f"line {i}")
    target = os.path.join(os.environ["TMPDIR"], "log")
    assert out.persist(target) == target
    assert pathlib.Path(target).read_text() == out.getvalue()
    with raises(FileExistsError):
        with mayfly.capture(max_memory=10) as other:
            print("other")
        other.persist(target, overwrite=False)
    os.unlink(target)


@case
def lines_are_told_as_they_are_printed():
    seen, there = [], threading.Event()

    def on_line(stream, line):
        seen.append((stream, line))
        there.set()
    with mayfly.capture("both", on_line=on_line) as out:
        print("first")
        assert there.wait(30) and seen == [("stdout", "first\n")]
        print("second", file=sys.stderr)
        os.write(1, b"third, without an end")
    assert sorted(seen[1:]) == [("stderr", "second\n"), ("stdout", "third, without an end")], seen
    assert out.stdout == "first\nthird, without an end"
    with raises(TypeError):
        mayfly.capture(on_line="no function")


@case
def a_line_function_that_raises_is_reported_and_the_capture_goes_on():
    told = []
    old, sys.unraisablehook = sys.unraisablehook, lambda what: told.append(what.exc_type)
    try:
        with mayfly.capture(on_line=lambda stream, line: 1 / 0) as out:
            print("a")
            print("b")
    finally:
        sys.unraisablehook = old
    assert told == [ZeroDivisionError] * 2 and out.getvalue() == "a\nb\n"


@case
def a_line_function_cannot_wait_for_its_own_capture():
    refused = []

    def on_line(stream, line):
        for use in (out.getvalue, out.end, out.begin, lambda: out.stdout, lambda: out.dropped()):
            try:
                use()
            except RuntimeError as why:
                refused.append(str(why))
    out = mayfly.capture(on_line=on_line)
    with out:
        print("a line")
    assert len(refused) == 5 and "original" in refused[0], refused
    assert out.getvalue() == "a line\n"


@case
def a_capture_that_nobody_ends_ends_with_the_program():
    out = script("""
        import mayfly, os
        out = mayfly.capture(tee=True, on_line=lambda stream, line: None).begin()
        print("arrives")
        os.write(1, b"all the same\\n")
    """)
    assert out == "arrives\nall the same\n", out
    out = script("import mayfly\nmayfly.capture(tee=True).begin()\nprint('collected')")
    assert out == "collected\n", out


@case
def a_forked_child_writes_into_its_parents_capture():
    with mayfly.capture() as out:
        assert fork(lambda: (print("child", flush=True), os._exit(0))) == 0
        print("parent")
    assert out.getvalue() == "child\nparent\n"


@case
def it_can_begin_again_and_not_twice():
    out = mayfly.capture()
    with raises(ValueError):
        out.getvalue()
    for text in ("one", "two"):
        with out:
            print(text)
            with raises(RuntimeError):
                out.begin()
        assert out.getvalue() == text + "\n"
    out.end()
    out.end()


@case
def encodings_and_what_is_no_text():
    with mayfly.capture() as out:
        os.write(1, b"\xff\xc3\xa9\n")
    assert out.getvalue() == "\ufffd\xe9\n" and out.getbytes() == b"\xff\xc3\xa9\n"
    with mayfly.capture(encoding="latin-1") as out:
        os.write(1, b"\xe9\n")
    assert out.getvalue() == "\xe9\n"
    with mayfly.capture(errors="strict") as out:
        os.write(1, b"\xff")
    with raises(UnicodeDecodeError):
        out.getvalue()


@case
def threads_may_ask_at_once():
    failed = []
    with mayfly.capture(pipe=True) as out:
        def work():
            try:
                for _ in range(50):
                    os.write(1, b"x\n")
                    assert set(out.getvalue()) <= {"x", "\n"}
            except BaseException as error:
                failed.append(error)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == [] and out.getvalue() == "x\n" * 200


@case
def nothing_is_left_of_captures():
    gc.collect()  # what earlier tests left in cycles
    fds = open_descriptors()

    def once():
        with mayfly.capture("both", merge=True, tee=False, max_memory=10) as out:
            print("x" * 20)
        out.getvalue()
        mayfly.capture().begin()  # ends as it is collected
        with mayfly.capture(fd=False):
            pass
    flat(once, 10, noise=3)
    assert open_descriptors() == fds, (fds, open_descriptors())


main()
