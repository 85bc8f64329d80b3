# SPDX-License-Identifier: MIT
"""Lambdas and classes of __main__ between processes: for multiprocessing, joblib and Dask.

    pool = mayfly.multiprocessing_context("spawn").Pool(2)
    pool.map(lambda x: x + 1, range(10))

    mayfly.engines.use_in_joblib()          # joblib's loky: Parallel()(delayed(lambda ...)(x) ...)
    mayfly.engines.use_in_dask(client)      # in this process and in all workers of a cluster
"""
import collections
import copyreg
import io
import multiprocessing.connection
import multiprocessing.context
import multiprocessing.reduction
import pickle

from . import _engine

__all__ = ["Pickler", "multiprocessing_context", "use_in_joblib", "use_in_dask", "dask_register"]


class Pickler(_engine.Pickler):
    """Knows how multiprocessing hands over connections and queues, besides everything that mayfly dumps."""

    _extra = multiprocessing.reduction.ForkingPickler._extra_reducers
    loads = staticmethod(_engine.loads)

    def __init__(self, file, protocol=None, **keywords):
        # Another process has not the globals of this program's __main__: what is used goes along.
        keywords.setdefault("recurse", True)
        super().__init__(file, protocol, **keywords)
        self.dispatch_table = collections.ChainMap(self._extra, copyreg.dispatch_table)

    @classmethod
    def register(cls, kind, reduce):
        multiprocessing.reduction.ForkingPickler.register(kind, reduce)

    @classmethod
    def dumps(cls, obj, protocol=None):
        buffer = io.BytesIO()
        cls(buffer, protocol).dump(obj)
        return buffer.getbuffer()


class _Packed:
    """An object on its way to a worker, as a pickle that mayfly made; unpacked when it is loaded."""

    def __init__(self, obj):
        self.obj = obj

    def __reduce__(self):
        return _unpack, (bytes(Pickler.dumps(self.obj)),)


def _unpack(data):
    return _engine.loads(data, ignore=True)


class _Task:
    """A function that a pool calls: packed where it is sent, itself where it runs."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **keywords):
        return _Result.of(self.function(*args, **keywords))

    def __reduce__(self):
        return _Task, (_Packed(self.function),)


class _Result:
    @staticmethod
    def of(value):
        try:
            pickle.dumps(value)
        except Exception:
            return _Packed(value)
        return value


def _pooled(base):
    class Pool(base):
        """multiprocessing's Pool for any function and any argument."""

        def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None):
            return super().apply_async(_Task(func), tuple(map(_Packed, args)),
                                       {name: _Packed(value) for name, value in kwds.items()},
                                       callback, error_callback)

        def _map_async(self, func, iterable, mapper, *args, **keywords):
            return super()._map_async(_Task(func), [_pack_for(mapper, item) for item in iterable],
                                      mapper, *args, **keywords)

        def imap(self, func, iterable, chunksize=1):
            return super().imap(_Task(func), map(_Packed, iterable), chunksize)

        def imap_unordered(self, func, iterable, chunksize=1):
            return super().imap_unordered(_Task(func), map(_Packed, iterable), chunksize)
    return Pool


def _pack_for(mapper, item):
    if mapper.__name__ == "starmapstar":  # each item is the arguments of a call
        return tuple(map(_Packed, item))
    return _Packed(item)


def multiprocessing_context(method=None):
    """multiprocessing's context of that method (fork, spawn, forkserver), for any function and argument.

    Its Process and Pool take lambdas, closures and what is defined in __main__.
    """
    inner = multiprocessing.get_context(method)
    method = inner.get_start_method()

    class Process(inner.Process):
        def __init__(self, group=None, target=None, name=None, args=(), kwargs={}, *, daemon=None):
            # A forked child has the objects themselves.
            if method == "fork" or target is None:
                super().__init__(group, target, name, args, kwargs, daemon=daemon)
                return
            super().__init__(group, _Started(target, args, kwargs), name, daemon=daemon)

        def __reduce__(self):
            # The child has no need of this class, and could not find it.
            return object.__new__, (inner.Process,), self.__dict__

    class Context(type(inner)):
        def Pool(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None):
            import multiprocessing.pool
            start = None if initializer is None else _Task(initializer)
            return _pooled(multiprocessing.pool.Pool)(
                processes, start, initargs, maxtasksperchild, context=self.get_context())

        def get_context(self, wanted=None):
            return self if wanted is None else multiprocessing_context(wanted)
    Context.Process = Process
    return Context()


class _Started:
    """The function of a process. It is packed while the child is being made, when locks may travel."""

    def __init__(self, target, args, kwargs):
        self.parts = target, args, kwargs

    def __call__(self):
        target, args, kwargs = self.parts
        target(*args, **kwargs)

    def __reduce__(self):
        target, args, kwargs = self.parts
        return _Started, (_Packed(target), tuple(map(_carried, args)),
                          {name: _carried(value) for name, value in kwargs.items()})


def _carried(value):
    """An argument: as it is where multiprocessing has a way of its own, packed otherwise."""
    module = type(value).__module__ or ""
    return value if module.startswith("multiprocessing.") else _Packed(value)


def use_in_joblib():
    """Has joblib's loky send its work as mayfly dumps it."""
    from joblib.externals.loky import set_loky_pickler
    # loky looks for a module that has a Pickler and loads.
    set_loky_pickler("mayfly.engines")


loads = _engine.loads


def dask_register(*_):
    """Has this process's distributed dump and load by mayfly: family "mayfly", and for functions in tasks."""
    from distributed.protocol import pickle as dask_pickle
    from distributed.protocol.serialize import register_serialization_family
    register_serialization_family("mayfly", dask_dumps, dask_loads)

    class ByMayfly:
        """What distributed calls cloudpickle."""
        dumps = staticmethod(dask_plain_dumps)
        loads = staticmethod(pickle.loads)
        list_registry_pickle_by_value = staticmethod(tuple)
    dask_pickle.cloudpickle = ByMayfly


def dask_plain_dumps(obj, protocol=None, buffer_callback=None):
    return pickle.dumps(_Packed(obj), protocol)


def dask_dumps(obj, context=None):
    """(header, frames) of an object; large buffers are frames of their own."""
    buffers = []
    data = _engine.dumps(obj, 5, recurse=True, buffer_callback=buffers.append)
    frames = [data] + [buffer.raw() for buffer in buffers]
    return {"serializer": "mayfly", "writeable": [not frame.readonly for frame in frames[1:]]}, frames


def dask_loads(header, frames):
    data, *buffers = frames
    return _engine.loads(bytes(data), ignore=True, buffers=[
        bytearray(buffer) if writeable and memoryview(buffer).readonly else buffer
        for buffer, writeable in zip(buffers, header["writeable"])])


def use_in_dask(client=None):
    """Registers the family here and, with a client, in the scheduler and all its workers."""
    dask_register()
    if client is not None:
        client.run(dask_register)
        client.run_on_scheduler(dask_register)
