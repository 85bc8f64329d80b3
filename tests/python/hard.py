# SPDX-License-Identifier: MIT
"""Objects in the wrong hands: made by nobody, changed meanwhile, used by several threads at once."""
import os
import threading

import mayfly
import mayfly.tempfile as tempfile

from run import case, main, raises, script


@case
def what_was_not_begun_raises_and_does_not_crash():
    out = script("""
        import mayfly, mayfly._core as core
        import warnings
        warnings.simplefilter("ignore")
        types = {t for m in (mayfly, core) for t in map(m.__dict__.get, dir(m))
                 if isinstance(t, type) and not issubclass(t, BaseException)}
        calls = ((), {}), (("a",), {}), (("a", "b"), {}), ((None,) * 3, {}), (("a",), {"name": "b"})
        for type_ in types:
            for name in set(dir(type_)) - {"__class__", "__init__"}:
                for args, kwargs in calls:
                    try:
                        object_ = type_.__new__(type_)
                        getattr(object_, name)(*args, **kwargs)
                    except SystemError:
                        raise
                    except Exception:
                        pass
        class Forgetful(mayfly.tempfile.TemporaryDirectory):
            def __init__(self):
                pass
        try:
            open(Forgetful())
        except (AttributeError, TypeError):
            print(len(types) > 10)
    """)
    assert out.endswith("True\n"), out


@case
def a_name_that_was_taken_away_is_missed_and_not_read():
    with tempfile.NamedTemporaryFile() as file:
        del file.name
        with raises(AttributeError, TypeError):
            os.fspath(file)
        assert "TemporaryFile" in repr(file)


def at_once(*functions):
    """Runs them in threads of their own; what they raise is their own affair."""
    barrier = threading.Barrier(len(functions))

    def run(function):
        barrier.wait()
        try:
            function()
        except (ValueError, OSError):
            pass
    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@case
def D1_several_threads_may_remove_one_directory():
    for _ in range(50):
        directory = tempfile.TemporaryDirectory()
        for name in "abcdefghij":
            os.mkdir(os.path.join(directory.name, name))
        at_once(*[directory.cleanup] * 4)
        assert not os.path.exists(directory.name)


@case
def F4_several_threads_may_use_one_spool():
    for _ in range(50):
        spool = tempfile.SpooledTemporaryFile(max_size=100_000)
        at_once(lambda: spool.write(b"y" * 1_000_000), spool.rollover, spool.read, spool.fileno,
                spool.close)
        spool.close()


@case
def P1_of_a_commit_and_an_abort_at_once_one_counts():
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "target")
        for _ in range(50):
            replace = mayfly.replace(target)
            replace.file.write(b"x" * 100_000)
            at_once(replace.commit, replace.abort, replace.commit)
            if os.path.exists(target):
                assert os.path.getsize(target) == 100_000
                os.unlink(target)
            assert os.listdir(directory) == []


@case
def P4_inputs_that_change_the_list_they_are_in_are_read_once():
    class Path:
        def __fspath__(self):
            inputs.clear()
            return "no-such-file.csv"
    inputs = [Path() for _ in range(100)]
    with raises(FileNotFoundError):
        with mayfly.batches(inputs) as batches:
            next(batches)


main()
