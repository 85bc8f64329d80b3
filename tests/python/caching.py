# SPDX-License-Identifier: MIT
"""mayfly.cache: a dict in files."""
import datetime
import gc
import json
import math
import multiprocessing
import os
import pickle
import sys
import threading
import time

import mayfly
import mayfly.tempfile as tempfile

from run import case, flat, fork, main, open_descriptors, raises

try:
    mayfly.cache().close()
except OSError as why:
    print("skip python_cache", why)
    sys.exit(0)


@case
def it_is_a_dict_in_files():
    with mayfly.cache() as cache:
        cache["a"] = {"x": [1, 2.5, None], "when": datetime.date(2024, 2, 29)}
        cache[b"\x00\xff"] = "value"
        assert cache["a"] == {"x": [1, 2.5, None], "when": datetime.date(2024, 2, 29)}
        assert cache[b"\x00\xff"] == "value" and cache[b"a"] == cache["a"]
        assert "a" in cache and "b" not in cache and len(cache) == 2 and cache
        assert cache.get("b") is None and cache.get("b", 5) == 5 and cache.get(default=1, key="b") == 1
        with raises(KeyError):
            cache["b"]
        assert cache.pop("a")["x"] == [1, 2.5, None] and "a" not in cache
        assert cache.pop("a", 7) == 7
        for refused in (lambda: cache.pop("a"), lambda: cache.__delitem__("a")):
            with raises(KeyError):
                refused()
        del cache[b"\x00\xff"]
        assert len(cache) == 0 and cache
        for wrong in (1, None, ("a",)):
            with raises(TypeError):
                cache[wrong]
        with raises(TypeError):
            iter(cache)
        cache["a"] = None
        assert "a" in cache and cache.get("a", 1) is None
        cache.clear()
        assert "a" not in cache
        path = cache.path
        assert os.path.isdir(cache) and cache.stats()["puts"] == 3
    assert not os.path.exists(path)
    with raises(ValueError):
        cache["a"]
    with raises(ValueError):
        cache.__enter__()
    cache.close()


@case
def one_with_a_path_stays_and_is_shared():
    with tempfile.TemporaryDirectory() as base:
        path = os.path.join(base, "cache")
        with mayfly.cache(path) as first, mayfly.cache(path) as second:
            first["k"] = 1
            assert second["k"] == 1

            def child():
                os._exit(0 if first["k"] == 1 and not first.set("child", os.getpid()) else 1)
            assert fork(child) == 0
            assert isinstance(second["child"], int)
        with mayfly.cache(path) as third:
            assert third["k"] == 1
        with open(os.path.join(base, "file"), "w"):
            pass
        with raises(NotADirectoryError):
            mayfly.cache(os.path.join(base, "file"))


@case
def values_are_bytes_pickles_or_what_functions_make():
    with mayfly.cache(raw=True) as cache:
        cache["k"] = b"\x00bytes"
        assert cache["k"] == b"\x00bytes"
        cache["k"] = memoryview(b"view")
        assert cache["k"] == b"view" and cache.get_or_create("q", lambda: bytearray(b"x")) == b"x"
        with raises(TypeError):
            cache["k"] = "text"
        with mayfly.cache(cache.path) as other:  # whose values are no pickles
            with raises(pickle.UnpicklingError, EOFError, ValueError, KeyError):
                other["k"]
        assert cache["k"] == b"view"
    with mayfly.cache(dumps=lambda v: json.dumps(v).encode(), loads=json.loads) as cache:
        cache["k"] = {"a": 1}
        assert cache["k"] == {"a": 1}
        with mayfly.cache(cache.path, raw=True) as raw:
            assert raw["k"] == b'{"a": 1}'
    with mayfly.cache() as cache, mayfly.cache(cache.path, raw=True) as raw:
        cache["k"] = "v"
        assert raw["k"][:2] == b"\x80\x05"  # protocol 5, which the C library reads as a value
        with raises(pickle.PicklingError, AttributeError):
            cache["k"] = lambda: 1
        assert cache["k"] == "v"
    for wrong in ({"dumps": str}, {"raw": True, "dumps": str, "loads": str}):
        with raises(ValueError):
            mayfly.cache(**wrong)


@case
def entries_end_with_their_time():
    with mayfly.cache(ttl=3600) as cache:
        cache.set("short", 1, ttl=0.001)
        cache.set("long", 2, ttl=datetime.timedelta(days=1))
        cache.set("ever", 3, ttl=math.inf)
        cache["usual"] = 4
        end = time.monotonic() + 30
        while "short" in cache and time.monotonic() < end:
            pass
        assert "short" not in cache and [cache[k] for k in ("long", "ever", "usual")] == [2, 3, 4]
        assert cache.stats()["expired"] == 1
        for wrong in (0, -1, math.nan):
            with raises(ValueError):
                cache.set("k", 1, ttl=wrong)
        with raises(TypeError):
            cache.set("k", 1, ttl="soon")
    with raises(ValueError):
        mayfly.cache(ttl=0)


@case
def it_keeps_within_its_bounds():
    with mayfly.cache(max_entries=10) as cache:
        for i in range(50):
            cache[str(i)] = i
        assert len(cache) <= 10 and cache["49"] == 49 and cache.stats()["evicted"] >= 40
    with mayfly.cache(max_bytes=10_000, raw=True) as cache:
        with raises(OSError):
            cache["large"] = b"x" * 20_000
        assert cache.get_or_create("large", lambda: b"x" * 20_000) == b"x" * 20_000
        assert "large" not in cache


@case
def get_or_create_calls_once():
    calls = []
    with mayfly.cache() as cache:
        for _ in range(3):
            assert cache.get_or_create("k", lambda: calls.append(1) or "made") == "made"
        assert calls == [1]
        # What was made is given as it is, and loaded anew by others.
        made = cache.get_or_create("l", lambda: [1])
        assert cache["l"] == made and cache["l"] is not made
        with raises(ZeroDivisionError):
            cache.get_or_create("z", lambda: 1 / 0)
        assert "z" not in cache and cache.get_or_create("z", lambda: 5, ttl=100) == 5
        with raises(pickle.PicklingError, AttributeError):
            cache.get_or_create("y", lambda: (lambda: 1))
        with raises(TypeError):
            cache.get_or_create("no function", None)
        assert cache.get_or_create("outer", lambda: cache.get_or_create("inner", lambda: 1) + 1) == 2


@case
def of_many_threads_one_computes():
    calls, go, results = [], threading.Barrier(8), []

    def make():
        calls.append(threading.get_ident())
        return 42
    with mayfly.cache() as cache:
        def work():
            go.wait()
            results.append(cache.get_or_create("k", make))
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [42] * 8 and len(calls) == 1


def in_a_process(path, to):
    with mayfly.cache(path) as cache:
        to.put((cache.get_or_create("k", os.getpid), os.getpid()))


@case
def of_many_processes_one_computes():
    context = multiprocessing.get_context("fork")
    to = context.Queue()
    with mayfly.cache() as cache:
        processes = [context.Process(target=in_a_process, args=(cache.path, to)) for _ in range(6)]
        for process in processes:
            process.start()
        results = [to.get(timeout=60) for _ in processes]
        for process in processes:
            process.join()
    assert len({value for value, _ in results}) == 1
    assert results[0][0] in [pid for _, pid in results]


@case
def closing_waits_for_who_is_inside():
    inside, closed = threading.Event(), threading.Event()
    cache = mayfly.cache()
    path, results = cache.path, []

    def make():
        inside.set()
        assert closed.wait(60)
        return "late"
    thread = threading.Thread(target=lambda: results.append(cache.get_or_create("k", make)))
    thread.start()
    assert inside.wait(60)
    cache.close()
    with raises(ValueError):
        cache["k"]
    assert os.path.isdir(path)
    closed.set()
    thread.join()
    assert results == ["late"] and not os.path.exists(path)


@case
def nothing_is_left_of_caches():
    gc.collect()  # what earlier tests left in cycles
    fds = open_descriptors()

    def once():
        cache = mayfly.cache()
        cache["a"] = ["b"]
        cache["a"], cache.get("b"), cache.get_or_create("c", lambda: {}), cache.stats()
        try:
            cache.get_or_create("d", lambda: 1 / 0)
        except ZeroDivisionError:
            pass
    flat(once, 10, noise=3)
    assert open_descriptors() == fds, (fds, open_descriptors())


@case
def who_waits_for_anothers_computation_can_be_interrupted():
    import signal
    hits = []

    def tick(*unused):
        hits.append(1)
        if len(hits) == 3:
            raise InterruptedError("by a signal")
    with mayfly.cache() as cache:
        ready, gate = os.pipe(), os.pipe()

        def slowly():
            os.write(ready[1], b"x")
            os.read(gate[0], 1)
            return "slow"
        pid = os.fork()
        if pid == 0:
            cache.get_or_create("key", slowly)
            os._exit(0)
        os.read(ready[0], 1)
        old = signal.signal(signal.SIGALRM, tick)
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        try:
            with raises(InterruptedError):
                cache.get_or_create("key", lambda: "quick")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
            os.write(gate[1], b"x")
        assert os.waitpid(pid, 0)[1] == 0 and cache["key"] == "slow"
        for fd in (*ready, *gate):
            os.close(fd)


main()
