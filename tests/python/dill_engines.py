# SPDX-License-Identifier: MIT
"""Functions and classes of __main__ in other processes: multiprocessing, joblib's loky, a Dask cluster."""
import csv
import io
import json
import os
import pathlib
import subprocess

import mayfly
import mayfly.engines as engines

from run import Skip, case, main

OFFSET = 5


class Counted:
    def __init__(self, value):
        self.value = value

    def plus(self):
        return self.value + OFFSET


def shifted(x):
    return Counted(x).plus()


def rows_of_chunk(entry, columns):
    """In a worker: reads one chunk by its place in the table."""
    with open(entry["input"], "rb") as file:
        file.seek(entry["offset"])
        text = file.read(entry["length"]).decode()
    rows = list(csv.DictReader(io.StringIO(text), fieldnames=columns))
    return len(rows), sum(int(row["installed_kib"] or 0) for row in rows), Counted(len(rows))


@case
def multiprocessing_takes_lambdas_and_classes_of_main():
    for method in "fork", "spawn", "forkserver":
        context = mayfly.multiprocessing_context(method)
        assert context.get_start_method() == method
        with context.Pool(2) as pool:
            assert pool.map(lambda x: shifted(x), range(3)) == [5, 6, 7], method
            assert pool.apply(lambda counted: counted.plus(), (Counted(1),)) == 6
            assert [c.value for c in pool.map(Counted, [1, 2])] == [1, 2]
            assert pool.starmap(lambda a, b: a * b, [(1, 2), (3, 4)]) == [2, 12]
            assert sorted(pool.imap_unordered(shifted, [1, 2])) == [6, 7]
            assert pool.apply(lambda: lambda x: x + OFFSET)(1) == 6
            try:
                pool.apply(lambda: 1 / 0)
            except ZeroDivisionError:
                pass
            else:
                raise AssertionError("an exception of a worker was lost")
        queue = context.SimpleQueue()
        process = context.Process(target=lambda q, f: q.put(f(1)), args=(queue, lambda x: x + OFFSET))
        process.start()
        assert queue.get() == 6
        process.join()
        assert process.exitcode == 0


@case
def joblib_takes_lambdas_and_classes_of_main():
    try:
        import joblib
    except ImportError:
        raise Skip("joblib is not installed: python3-joblib")
    engines.use_in_joblib()
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(lambda x: Counted(shifted(x)))(i) for i in range(4))
    assert [each.plus() for each in found] == [10, 11, 12, 13]
    from joblib.externals.loky import get_reusable_executor
    get_reusable_executor().shutdown(wait=True)


@case
def a_family_of_dask_carries_buffers_beside():
    header, frames = engines.dask_dumps({"f": shifted, "data": bytearray(1000)})
    assert header["serializer"] == "mayfly"
    again = engines.dask_loads(header, frames)
    assert again["f"](1) == 6 and again["data"] == bytearray(1000)


def chunks(table):
    """The manifest of a table cut in chunks that are not copied, as `mayfly chunks` writes it."""
    command = pathlib.Path(os.environ["MFT_BUILD"], "mayfly")
    if not command.exists():
        raise Skip("the command is not built")
    done = subprocess.run([command, "chunks", "--rows", "2000", "--ranges", "--quiet", "--manifest", "-",
                           table],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@case
def a_dask_cluster_of_two_works_on_chunks_of_a_table():
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise Skip("Dask is not installed: python3-distributed")
    table = pathlib.Path(os.environ["MFT_SOURCE"], "examples/data/debian-packages.csv").resolve()
    with open(table, newline="") as file:
        columns = next(csv.reader(file))
        whole = [int(row[columns.index("installed_kib")] or 0) for row in csv.reader(file)]
    entries = chunks(table)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0",
                      local_directory=os.getcwd()) as cluster, Client(cluster) as client:
        engines.use_in_dask(client)
        pids = set(client.run(os.getpid).values())
        assert len(pids) == 2 and os.getpid() not in pids
        found = client.gather(client.map(rows_of_chunk, entries, columns=columns))
        assert sum(count for count, _, _ in found) == len(whole)
        assert sum(size for _, size, _ in found) == sum(whole)
        assert all(counted.plus() == count + OFFSET for count, _, counted in found)
        assert client.submit(lambda x: shifted(x), 1).result() == 6
        assert client.submit(lambda: Counted(4)).result().plus() == 9
        try:
            client.submit(lambda: Counted(4).nothing).result()
        except AttributeError as error:
            assert "Counted" in str(error)
        else:
            raise AssertionError("an exception of a worker was lost")


if __name__ == "__main__":
    main()
