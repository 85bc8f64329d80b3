# SPDX-License-Identifier: MIT
"""Large inputs piece by piece: chunks, batches, and a function for each of their pieces.

Loaded when somebody asks for mayfly.chunks or mayfly.batches. Splitting and combining are the C
library's; what is here is what has no spelling there: records with names for their fields, bars of
progress, and processes that call a Python function.
"""
import collections
import io
import json
import os

from . import _core

Problem = collections.namedtuple("Problem", "kind action record offset what")
Problem.__doc__ = "A record in which something is wrong: what, where, and what was done about it."

BatchResult = collections.namedtuple("BatchResult", "batches records combined bytes")
BatchResult.__doc__ = "How much it was: read and written."


class Chunk(collections.namedtuple(
        "Chunk", "path number rows bytes first_row offset length header_offset header_length "
                 "skipped checksum read_bytes input_bytes pieces")):
    """One piece. It can be sent to another process, and opened wherever a path can."""

    __slots__ = ()

    def __fspath__(self):
        return self.path

    def read(self):
        """All of it as bytes, the header on top; also of a range, whose file is the whole."""
        if self.pieces != "ranges":
            with open(self.path, "rb") as file:
                return file.read()
        with open(self.path, "rb") as file:
            header = self._part(file, self.header_offset, self.header_length)
            return header + self._part(file, self.offset, self.length)

    def _part(self, file, offset, length):
        file.seek(offset)
        data = file.read(length)
        if len(data) != length:
            raise OSError(5, f"the file became shorter while chunk {self.number} was read",
                          self.path)
        return data

    def open(self, mode="r", *, encoding=None, errors=None, newline=None):
        """As open(): the piece for reading, whatever it is."""
        if mode not in ("r", "rt", "rb"):
            raise ValueError(f"a chunk is opened for reading, 'r' or 'rb', not {mode!r}")
        if self.pieces != "ranges":
            return open(self.path, mode, encoding=encoding, errors=errors, newline=newline)
        binary = io.BytesIO(self.read())
        if mode == "rb":
            return binary
        return io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline=newline)


class Batch(collections.namedtuple("Batch", "path output number records bytes first_record")):
    """One batch: `path` is to be read, `output` to be written; one without an output counts as it is."""

    __slots__ = ()

    def __fspath__(self):
        return self.path

    def load(self):
        """Its records, a list of dicts."""
        with open(self.path, encoding="utf-8") as file:
            return json.load(file)

    def save(self, records):
        """Its results, in place of the records."""
        with open(self.output, "w", encoding="utf-8") as file:
            json.dump(records, file, ensure_ascii=False)


# ---- progress ------------------------------------------------------------------------------------

class _Bar:
    """What progress= was given, as tqdm knows it: tqdm itself, a bar of it, or a function.

    A class or function that takes total= and gives something with update(n) is called for one; what
    has update(n) is used as it is; and so is any other function, with (done, total) in bytes.
    """

    def __init__(self, given):
        self._given = given
        self._bar = None if isinstance(given, type) or not hasattr(given, "update") else given
        self._own = False
        self._plain = False
        self._told = 0

    def __call__(self, done, total, rows=0, chunks=0, skipped=0):
        if self._bar is None and not self._plain:
            self._begin(total)
        if self._plain:
            self._given(done, None if total < 0 else total)
        elif done > self._told:
            self._bar.update(done - self._told)
        self._told = done

    def _begin(self, total):
        keywords = _keywords_of_bar(self._given)
        if keywords is None:
            self._plain = True
            return
        self._bar = self._given(total=None if total < 0 else total, **keywords)
        self._own = True

    def close(self):
        if self._own and hasattr(self._bar, "close"):
            self._bar.close()
        self._own = False


def _keywords_of_bar(function):
    """What tqdm wants to know besides total=; None: it takes no total=, and so makes no bar."""
    import inspect
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    if "total" not in parameters:
        return None
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    wanted = {"unit": "B", "unit_scale": True}
    return {name: value for name, value in wanted.items() if any_name or name in parameters}


# ---- a function for each -------------------------------------------------------------------------

def _executor(jobs, processes, context):
    from concurrent import futures
    if processes:
        return futures.ProcessPoolExecutor(jobs, mp_context=context)
    return futures.ThreadPoolExecutor(jobs, thread_name_prefix="mayfly")


def _usable_processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Pieces:
    """Runs a function on each piece; what of it chunks and batches have in common."""

    def _each(self, function, jobs, processes, retries, failed, context, forget):
        """Results in the order of the pieces; at most two pieces for each job wait."""
        jobs = jobs or _usable_processors()
        waiting = collections.deque()
        pool = _executor(jobs, processes, context)
        try:
            for piece in self:
                waiting.append((piece, pool.submit(function, piece)))
                if len(waiting) >= 2 * jobs:
                    yield from self._take(pool, waiting, function, retries, failed, forget)
            while waiting:
                yield from self._take(pool, waiting, function, retries, failed, forget)
        finally:
            for _, future in waiting:
                future.cancel()
            pool.shutdown(wait=True)

    def _take(self, pool, waiting, function, retries, failed, forget):
        piece, future = waiting.popleft()
        for attempt in range(retries + 1):
            try:
                result = future.result()
            except Exception as error:
                if attempt < retries:
                    future = pool.submit(function, piece)
                    continue
                if failed is None:
                    raise
                failed(piece, error)
                return
            if forget is not None:
                forget(piece)
            yield piece, result
            return


class chunks(_Pieces, _core.Chunks):
    """chunks(path, *, rows=0, bytes=0, records='csv', ...): a large file of records in pieces.

    Iterate over it for the pieces, or run() a function on each. They go with it: with its scope, with
    close(), or one by one with drop=True.

    rows, bytes      how large a piece is at the most; 10,000 rows if nothing is said
    records          'csv', 'lines', 'json-lines', 'fixed' (of record_bytes each)
    header           False: the first record is data; or how many records are on top of each piece
    pieces           'files', 'memory' (with a path under /proc), 'ranges' of the input
    quote            '': a quote is a character as any other
    on_quote, on_long, on_nul, on_utf8, on_torn   what a damaged record leads to: 'error', 'skip',
                     'pass', 'ignore'; problem=function is told of those skipped and passed
    checksum         BLAKE2b-256 of each piece
    manifest         writes this file at the end: a line of JSON for each piece
    progress         tqdm, or whatever takes total= and has update(n); or a function of bytes done
                     and bytes in all
    """

    def __init__(self, path, *, progress=None, problem=None, pieces="files", **options):
        self._pieces = pieces
        self._bar = None if progress is None else _Bar(progress)
        told = None if problem is None else lambda *what: problem(Problem._make(what))
        super().__init__(path, pieces=pieces, progress=self._bar, problem=told, **options)

    def __next__(self):
        try:
            return Chunk._make((*super().__next__(), self._pieces))
        except BaseException:
            self._end_bar()
            raise

    def run(self, function, *, jobs=None, processes=True, retries=0, failed=None, keep_pieces=False,
            mp_context=None):
        """Calls function(chunk) for each piece, in several processes (or threads), and yields the
        results in the order of the pieces.

        A piece is removed when its result was taken, unless keep_pieces is true. failed(chunk, error)
        is told of a piece whose function raised for good, and the others go on; without it the
        exception is raised here.
        """
        forget = None if keep_pieces or self._pieces == "ranges" else self._forget
        for _, result in self._each(function, jobs, processes, retries, failed, mp_context, forget):
            yield result

    def _forget(self, piece):
        super().remove(piece.number)

    def remove(self, piece):
        """Removes one piece before the others: the piece, or its number."""
        super().remove(getattr(piece, "number", piece))

    def close(self):
        """Removes all pieces."""
        self._end_bar()
        super().close()

    def __exit__(self, *args):
        self._end_bar()
        return super().__exit__(*args)

    def _end_bar(self):
        if self._bar is not None:
            self._bar.close()


class batches(_Pieces, _core.Batches):
    """batches(inputs, *, size=100, ...): records of CSV and JSON files, `size` in a file.

        with mayfly.batches(["a.csv", "b.json"], size=50) as all:
            for batch in all:
                batch.save([work_on(record) for record in batch.load()])
            all.combine("combined.json")

    format           'csv' or 'json' for all inputs; else their names tell
    lines            the result has a record on each line; else it is indented
    overwrite, durable, preserve, backup   how the result comes to its place; as replace()
    """

    def __init__(self, inputs, **options):
        if isinstance(inputs, (str, bytes, os.PathLike)):
            inputs = [inputs]
        super().__init__(inputs, **options)

    def __next__(self):
        return Batch._make(super().__next__())

    def combine(self, target):
        """Puts the outputs together in the place of `target`, all or nothing."""
        return BatchResult._make(super().combine(target))

    def run(self, function, *, jobs=None, processes=True, retries=0, failed=None, mp_context=None):
        """Calls function(records) for each batch, in several processes (or threads), and has what it
        gives for its output; None: the batch counts as it is. Yields the batches in order."""
        work = _BatchWork(function)
        for batch, _ in self._each(work, jobs, processes, retries, failed, mp_context, None):
            yield batch


class _BatchWork:
    """Can be sent to another process, if the function can."""

    def __init__(self, function):
        self.function = function

    def __call__(self, piece):
        results = self.function(piece.load())
        if results is not None:
            piece.save(list(results))


def batch(inputs, target, function=None, *, jobs=1, processes=True, retries=0, mp_context=None,
          **options):
    """batch(inputs, target, function=None, *, jobs=1, size=100, ...): all of it at once.

    Makes batches of the records, has function(records) give the results of each, and puts them in the
    place of `target` when everything has succeeded. Options are those of batches().
    """
    with batches(inputs, **options) as all_of_them:
        if function is None:
            collections.deque(all_of_them, maxlen=0)
        elif jobs == 1:
            work = _BatchWork(function)
            for piece in all_of_them:
                work(piece)
        else:
            collections.deque(all_of_them.run(function, jobs=jobs, processes=processes,
                                              retries=retries, mp_context=mp_context), maxlen=0)
        return all_of_them.combine(target)


for _public in (Batch, BatchResult, Chunk, Problem, batch, batches, chunks):
    _public.__module__ = "mayfly"
del _public
