# SPDX-License-Identifier: MIT
"""mayfly.chunks and mayfly.batches: large inputs piece by piece."""
import csv
import gc
import hashlib
import io
import json
import os
import pathlib
import pickle
import threading

import mayfly
import mayfly.tempfile as tempfile

from run import Skip, case, flat, main, open_descriptors, raises

HEADER = "number,text\n"
ROWS = "".join(f'{i},"line\nof ""{i}"""\n' for i in range(1, 101))


def table(base, text=HEADER + ROWS, name="table.csv"):
    path = pathlib.Path(base, name)
    path.write_text(text)
    return path


@case
def pieces_together_are_the_whole():
    with tempfile.TemporaryDirectory() as base:
        path = table(base)
        for kind in ("files", "memory", "ranges"):
            with mayfly.chunks(path, rows=30, pieces=kind) as chunks:
                rows = []
                for chunk in chunks:
                    assert chunk.path == os.fspath(chunk)
                    data = chunk.read().decode()
                    assert data.startswith(HEADER)
                    with chunk.open(newline="") as file:
                        read = list(csv.DictReader(file))
                    assert len(read) == chunk.rows and int(read[0]["number"]) == chunk.first_row
                    with chunk.open("rb") as file:
                        assert file.read() == data.encode()
                    with raises(ValueError):
                        chunk.open("w")
                    rows.append(data[len(HEADER):])
                assert "".join(rows) == ROWS and chunk.number == 4
                assert pickle.loads(pickle.dumps(chunk)) == chunk
                directory = chunks.dir
                assert (directory is None) == (kind != "files")
            assert directory is None or not os.path.exists(directory)
            with raises(ValueError):
                next(chunks)
        with raises(FileNotFoundError):
            mayfly.chunks(os.path.join(base, "missing"))
        with raises(TypeError):
            mayfly.chunks(None)


@case
def options_are_the_librarys():
    with tempfile.TemporaryDirectory() as base:
        path = table(base)
        with mayfly.chunks(path, bytes=500) as chunks:
            assert max(c.bytes for c in chunks) <= 500
        with mayfly.chunks(path, rows=50, header=False) as chunks:
            assert [c.rows for c in chunks] == [50, 50, 1] and chunks.dir.startswith(base) is False
        with mayfly.chunks(path, rows=60, dir=base, prefix="here-", checksum=True) as chunks:
            assert os.path.basename(chunks.dir).startswith("here-")
            for chunk in chunks:
                assert chunk.checksum == hashlib.blake2b(chunk.read(), digest_size=32).hexdigest()
        with mayfly.chunks(path, records="lines", rows=100, header=1) as chunks:
            assert [c.rows for c in chunks] == [100, 100]
        with mayfly.chunks(path, records="fixed", record_bytes=10, rows=7, on_torn="pass") as chunks:
            assert b"".join(c.read() for c in chunks) == path.read_bytes()
        semicolons = table(base, "a;b\n'x;y';1\n", "semicolons.csv")
        with mayfly.chunks(semicolons, delimiter=";", quote="'") as chunks:
            assert [c.rows for c in chunks] == [1]
        with mayfly.chunks(path, quote="", rows=1000) as chunks:
            assert [c.rows for c in chunks] == [200]
        manifest = os.path.join(base, "manifest")
        with mayfly.chunks(path, rows=40, manifest=manifest) as chunks:
            paths = [c.path for c in chunks]
        assert [json.loads(line)["path"] for line in open(manifest)] == paths
        for wrong in ({"records": "xml"}, {"pieces": "tape"}, {"on_nul": "cry"}, {"header": -1},
                      {"delimiter": "ab"}):
            with raises(ValueError):
                mayfly.chunks(path, **wrong)
        with raises(OverflowError, ValueError):
            mayfly.chunks(path, rows=-1)
        with raises(TypeError):
            mayfly.chunks(path, colour="red")


@case
def damage_ends_it_or_is_told():
    with tempfile.TemporaryDirectory() as base:
        path = table(base, 'a,b\n1,2\n"x"y,3\n4,5\n')
        with raises(mayfly.Error):
            with mayfly.chunks(path) as chunks:
                list(chunks)
        told = []
        with mayfly.chunks(path, on_quote="skip", problem=told.append) as chunks:
            assert [c.rows for c in chunks] == [2]
        assert [(p.kind, p.action, p.record, p.offset) for p in told] == [("stray", "skip", 3, 11)], told
        with mayfly.chunks(path, on_quote="pass", problem=lambda p: 1 / 0) as chunks:
            with raises(ZeroDivisionError):
                list(chunks)


@case
def pieces_go_one_by_one_or_stay():
    with tempfile.TemporaryDirectory() as base:
        path = table(base)
        with mayfly.chunks(path, rows=50) as chunks:
            first, second = chunks
            chunks.remove(first)
            assert not os.path.exists(first) and os.path.exists(second)
            chunks.remove(2)
            with raises(FileNotFoundError):
                chunks.remove(3)
        with mayfly.chunks(path, rows=50, drop=True) as chunks:
            first = next(chunks)
            second = next(chunks)
            assert not os.path.exists(first) and os.path.exists(second)
        with mayfly.chunks(path, rows=50, dir=base) as chunks:
            kept = list(chunks)
            chunks.keep()
        assert all(os.path.exists(c) for c in kept)


class Bar:
    """What tqdm has, as far as it is used."""
    made = []

    def __init__(self, iterable=None, total=None, unit="it", unit_scale=False, **others):
        self.total, self.unit, self.n, self.closed = total, unit, 0, False
        Bar.made.append(self)

    def update(self, n=1):
        assert n > 0
        self.n += n

    def close(self):
        self.closed = True


@case
def progress_is_what_tqdm_understands():
    with tempfile.TemporaryDirectory() as base:
        path = table(base)
        size = path.stat().st_size
        Bar.made.clear()
        with mayfly.chunks(path, rows=10, progress=Bar) as chunks:
            list(chunks)
        (bar,) = Bar.made
        assert (bar.total, bar.unit, bar.n, bar.closed) == (size, "B", size, True)
        mine = Bar(total=size)
        with mayfly.chunks(path, rows=10, progress=mine) as chunks:
            list(chunks)
        assert mine.n == size and not mine.closed
        told = []
        with mayfly.chunks(path, progress=lambda done, whole: told.append((done, whole))) as chunks:
            list(chunks)
        assert told[-1] == (size, size)
        with mayfly.chunks(path, progress=lambda done, whole: 1 / 0) as chunks:
            with raises(ZeroDivisionError):
                list(chunks)
        Bar.made.clear()
        with raises(KeyError):
            with mayfly.chunks(path, rows=1, progress=Bar) as chunks:
                list(chunks)
                raise KeyError
        assert Bar.made[0].closed


@case
def the_real_tqdm_is_content():
    try:
        import tqdm
    except ImportError:
        raise Skip("tqdm is not installed")
    with tempfile.TemporaryDirectory() as base:
        path, to = table(base), io.StringIO()
        with mayfly.chunks(path, progress=lambda total, **more: tqdm.tqdm(
                total=total, file=to, **more)) as chunks:
            list(chunks)
        assert "100%" in to.getvalue(), to.getvalue()
        with mayfly.chunks(path, progress=tqdm.tqdm(total=1, file=to)) as chunks:
            list(chunks)


def numbers(chunk):
    with chunk.open(newline="") as file:
        return os.getpid(), [int(row["number"]) for row in csv.DictReader(file)]


def fails_on_the_second(chunk):
    if chunk.number == 2:
        raise LookupError("no")
    return chunk.number


@case
def a_function_runs_on_each_in_processes():
    with tempfile.TemporaryDirectory() as base:
        path = table(base)
        for kind in ("files", "memory", "ranges"):
            with mayfly.chunks(path, rows=7, pieces=kind) as chunks:
                results = list(chunks.run(numbers, jobs=3))
                assert [n for _, some in results for n in some] == list(range(1, 101))
                assert os.getpid() not in {pid for pid, _ in results}
                assert kind != "files" or os.listdir(chunks.dir) == []
        with mayfly.chunks(path, rows=7) as chunks:
            results = list(chunks.run(numbers, jobs=2, processes=False, keep_pieces=True))
            assert {pid for pid, _ in results} == {os.getpid()} and len(os.listdir(chunks.dir)) == 15
        with mayfly.chunks(path, rows=50) as chunks:
            with raises(LookupError):
                list(chunks.run(fails_on_the_second, jobs=2))
        failed = []
        with mayfly.chunks(path, rows=30) as chunks:
            done = list(chunks.run(fails_on_the_second, jobs=2, retries=2,
                                   failed=lambda chunk, error: failed.append((chunk.number, error))))
        assert done == [1, 3, 4] and failed[0][0] == 2 and isinstance(failed[0][1], LookupError)
        tried = []

        def at_last(chunk):
            tried.append(chunk.number)
            if len(tried) < 3:
                raise LookupError
            return chunk.rows
        with mayfly.chunks(path, rows=1000) as chunks:
            assert list(chunks.run(at_last, jobs=1, processes=False, retries=2)) == [100]
        with mayfly.chunks(path, rows=1) as chunks:  # who takes no more ends it
            for result in chunks.run(numbers, jobs=2, processes=False):
                break


@case
def a_callback_cannot_use_what_calls_it():
    with tempfile.TemporaryDirectory() as base:
        with mayfly.chunks(table(base), rows=10, progress=lambda done, whole: chunks.close()) as chunks:
            with raises(RuntimeError):
                list(chunks)


@case
def threads_share_the_pieces():
    with tempfile.TemporaryDirectory() as base:
        seen, failed = [], []
        with mayfly.chunks(table(base), rows=1) as chunks:
            def work():
                try:
                    for chunk in chunks:
                        seen.append(chunk.number)
                except BaseException as error:
                    failed.append(error)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert failed == [] and sorted(seen) == list(range(1, 101))


# ---- batches -------------------------------------------------------------------------------------

def shout(records):
    return [{"text": r["text"].upper()} for r in records if r["number"] != "2"]


@case
def batches_are_worked_on_and_combined():
    try:
        mayfly.batches(["x"]).close()
    except OSError as why:
        raise Skip(str(why))
    with tempfile.TemporaryDirectory() as base:
        first = table(base, "number,text\n1,a\n2,b\n3,c\n", "first.csv")
        second = pathlib.Path(base, "second.json")
        second.write_text('[{"number": "4", "text": "d"}]')
        target = os.path.join(base, "combined.json")
        with mayfly.batches([first, second], size=2) as batches:
            paths = []
            for batch in batches:
                assert len(batch.load()) == batch.records == 2
                batch.save(shout(batch.load()))
                paths.append(os.fspath(batch))
            assert [os.path.basename(p) for p in paths] == ["batch_1.json", "batch_2.json"]
            assert os.path.dirname(paths[0]) == batches.dir
            result = batches.combine(target)
        assert result == (2, 4, 3, os.path.getsize(target)) and result.combined == 3
        assert [r["text"] for r in json.load(open(target))] == ["A", "C", "D"]
        assert not os.path.exists(paths[0])
        for options in ({}, {"jobs": 2}, {"jobs": 2, "processes": False}):
            mayfly.batch([first, second], target, shout, size=1, lines=True, **options)
            assert [r["text"] for r in json.load(open(target))] == ["A", "C", "D"]
        assert mayfly.batch(first, target).records == 3
        assert len(json.load(open(target))) == 3
        before = open(target).read()
        with raises(FileExistsError):
            mayfly.batch(first, target, overwrite=False)
        with raises(ZeroDivisionError):
            mayfly.batch(first, target, lambda records: 1 / 0)
        with raises(mayfly.Error):
            mayfly.batch(table(base, "a,b\n1,2,3\n", "bad.csv"), target)
        assert open(target).read() == before
        for wrong in ({"format": "xml"}, {"delimiter": ";;"}):
            with raises(ValueError):
                mayfly.batches(first, **wrong)
        with raises(TypeError):
            mayfly.batches([None])
        with mayfly.batches(first, dir=base, prefix="kept-") as batches:
            with raises(OSError):
                batches.combine(target)  # not at the end yet
            list(batches)
            batches.keep()
        (kept,) = pathlib.Path(base).glob("kept-*")
        assert os.listdir(kept) == ["batch_1.json"]


@case
def nothing_is_left_of_pieces():
    with tempfile.TemporaryDirectory() as base:
        gc.collect()
        path, fds = table(base), open_descriptors()

        def once():
            for kind in ("files", "memory", "ranges"):
                chunks = mayfly.chunks(path, rows=20, pieces=kind, progress=lambda done, whole: None)
                next(chunks), next(chunks)
                try:
                    mayfly.chunks(path, rows=20, pieces="nonsense")
                except ValueError:
                    pass
        flat(once, 5, noise=3)
        assert open_descriptors() == fds, (fds, open_descriptors())


if __name__ == "__main__":  # processes that are not forked come by again
    main()
