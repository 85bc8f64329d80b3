/* SPDX-License-Identifier: MIT
 *
 * cache(): a dict in files, which threads and processes share.
 *
 * Keys are str, as UTF-8, or bytes. Values are pickled, unless the cache was made with raw=True
 * (bytes as they are) or with functions of its own (dumps=, loads=). What cannot be loaded raises:
 * a cache that swallowed it would look empty for ever.
 *
 * Any number of threads may be in the handle; the last one out closes it, if close() came
 * meanwhile.
 */
#include "core.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cache {
    PyObject_HEAD struct mpy_state *state;
    mayfly_cache *handle;
    PyObject *dumps, *loads; /* NULL: raw */
    PyObject *path;
    Py_ssize_t users;
    char closing;
    char pickled; /* by pickle itself: in the protocol that the C library reads */
};

/* ---- arguments ----------------------------------------------------------------------------------
 */

/* Seconds, or what has total_seconds(); None is 0, which the library takes for its default. */
static int read_ttl(PyObject *object, uint64_t *ret) {
    *ret = 0;
    if (object == NULL || object == Py_None)
        return 0;
    PyObject *number = PyObject_HasAttrString(object, "total_seconds")
                           ? PyObject_CallMethod(object, "total_seconds", NULL)
                           : mpy_ref(object);
    const double seconds = number == NULL ? -1 : PyFloat_AsDouble(number);
    Py_XDECREF(number);
    if (PyErr_Occurred())
        return -1;
    if (!(seconds > 0)) {
        PyErr_SetString(PyExc_ValueError, "ttl is a number of seconds above 0, or None");
        return -1;
    }
    *ret = seconds > 1e15 ? MAYFLY_CACHE_FOREVER : (uint64_t)ceil(seconds * 1000);
    return 0;
}

static int read_key(PyObject *object, const char **ret, size_t *ret_size) {
    Py_ssize_t size = 0;
    if (PyBytes_Check(object)) {
        *ret = PyBytes_AS_STRING(object);
        size = PyBytes_GET_SIZE(object);
    } else if (PyUnicode_Check(object)) {
        *ret = PyUnicode_AsUTF8AndSize(object, &size);
    } else {
        PyErr_Format(PyExc_TypeError, "a key is str or bytes, not %.100s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    *ret_size = (size_t)size;
    return *ret == NULL ? -1 : 0;
}

static PyObject *of_pickle(const char *name) {
    PyObject *module = PyImport_ImportModule("pickle");
    PyObject *function = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return function;
}

static int choose_form(struct cache *self, int raw, PyObject *dumps, PyObject *loads) {
    dumps = dumps == Py_None ? NULL : dumps;
    loads = loads == Py_None ? NULL : loads;
    if ((dumps == NULL) != (loads == NULL) || (raw && dumps != NULL)) {
        PyErr_SetString(PyExc_ValueError,
                        "dumps and loads belong together, and a raw cache has neither");
        return -1;
    }
    if (raw)
        return 0;
    self->pickled = dumps == NULL;
    Py_XSETREF(self->dumps, dumps == NULL ? of_pickle("dumps") : mpy_ref(dumps));
    Py_XSETREF(self->loads, loads == NULL ? of_pickle("loads") : mpy_ref(loads));
    return self->dumps == NULL || self->loads == NULL ? -1 : 0;
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path",        "prefix", "dir",   "ttl",   "max_bytes",
                            "max_entries", "raw",    "dumps", "loads", NULL};
    struct cache *self = (struct cache *)object;
    mpy_auto_text path = {NULL, NULL}, prefix = {NULL, NULL}, dir = {NULL, NULL};
    PyObject *ttl = NULL, *max_bytes = NULL, *max_entries = NULL, *dumps = NULL, *loads = NULL;
    int raw = 0;
    mayfly_cache_options options = {.path = NULL};
    if (self->handle != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the cache is open already");
        return -1;
    }
    self->state = mpy_state_of_type(Py_TYPE(object));
    if (self->state == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "|O&$O&O&OOOpOO:cache", names, mpy_text_argument,
                                     &path, mpy_text_argument, &prefix, mpy_text_argument, &dir,
                                     &ttl, &max_bytes, &max_entries, &raw, &dumps, &loads) ||
        read_ttl(ttl, &options.ttl_ms) < 0 || mpy_number(max_bytes, &options.max_bytes) < 0 ||
        mpy_number(max_entries, &options.max_entries) < 0 ||
        choose_form(self, raw, dumps, loads) < 0)
        return -1;
    options.ttl_ms = options.ttl_ms == MAYFLY_CACHE_FOREVER ? 0 : options.ttl_ms;
    options.path = path.text;
    options.prefix = prefix.text;
    options.dir = dir.text;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_cache_open(&options, &self->handle, &error);
    PyEval_RestoreThread(released);
    if (r < 0)
        return mpy_raise(self->state, r, &error), -1;
    self->closing = 0;
    Py_XSETREF(self->path, mpy_path_object(mayfly_cache_path(self->handle), 0));
    return self->path == NULL ? -1 : 0;
}

/* ---- in and out of the handle -------------------------------------------------------------------
 */

static PyThreadState *go_in(struct cache *self) {
    if (self->handle == NULL || self->closing) {
        PyErr_SetString(PyExc_ValueError, "the cache is closed");
        return NULL;
    }
    self->users++;
    return PyEval_SaveThread();
}

static int end_handle(struct cache *self) {
    mayfly_cache *handle = self->handle;
    self->handle = NULL;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_cache_close(&handle, &error);
    PyEval_RestoreThread(released);
    return mpy_tell_end(self->state, r, &error);
}

/* Keeps what is pending: who goes out with an exception does not lose it to the closing. */
static void go_out(struct cache *self, PyThreadState *released) {
    PyEval_RestoreThread(released);
    if (--self->users > 0 || !self->closing)
        return;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (end_handle(self) < 0)
        PyErr_WriteUnraisable((PyObject *)self);
    PyErr_Restore(type, value, trace);
}

static PyObject *close_cache(PyObject *object, PyObject *unused) {
    (void)unused;
    struct cache *self = (struct cache *)object;
    if (self->handle == NULL)
        Py_RETURN_NONE;
    self->closing = 1;
    if (self->users == 0 && end_handle(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- values -------------------------------------------------------------------------------------
 */

static PyObject *to_bytes(const struct cache *self, PyObject *value) {
    if (self->dumps == NULL)
        return mpy_ref(value);
    return self->pickled ? PyObject_CallFunction(self->dumps, "Oi", value, 5)
                         : PyObject_CallOneArg(self->dumps, value);
}

/* Takes the memory. */
static PyObject *from_memory(const struct cache *self, char *data, size_t size) {
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    mayfly_free(data);
    if (bytes == NULL || self->loads == NULL)
        return bytes;
    PyObject *value = PyObject_CallOneArg(self->loads, bytes);
    Py_DECREF(bytes);
    return value;
}

/* The value; NULL without an exception: a miss. */
static PyObject *look_up(struct cache *self, PyObject *key) {
    const char *text = NULL;
    size_t key_size = 0, size = 0;
    char *data = NULL;
    mayfly_error error;
    PyThreadState *released = read_key(key, &text, &key_size) < 0 ? NULL : go_in(self);
    if (released == NULL)
        return NULL;
    const int r = mayfly_cache_get(self->handle, text, key_size, &data, &size, &error);
    go_out(self, released);
    if (r < 0)
        return mpy_raise(self->state, r, &error);
    return r == 0 ? NULL : from_memory(self, data, size);
}

static int put(struct cache *self, PyObject *key, PyObject *value, PyObject *ttl) {
    const char *text = NULL;
    size_t key_size = 0;
    mayfly_cache_put_options options = {0};
    Py_buffer view;
    if (read_key(key, &text, &key_size) < 0 || read_ttl(ttl, &options.ttl_ms) < 0)
        return -1;
    PyObject *bytes = to_bytes(self, value);
    if (bytes == NULL || PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0) {
        Py_XDECREF(bytes);
        return -1;
    }
    mayfly_error error;
    int r = 0;
    PyThreadState *released = go_in(self);
    if (released != NULL) {
        r = mayfly_cache_put(self->handle, text, key_size, view.buf, (size_t)view.len, &options,
                             &error);
        go_out(self, released);
        if (r < 0)
            (void)mpy_raise(self->state, r, &error);
    }
    PyBuffer_Release(&view);
    Py_DECREF(bytes);
    return released == NULL || r < 0 ? -1 : 0;
}

/* 1, 0: there was none, -1. */
static int take_out(struct cache *self, PyObject *key) {
    const char *text = NULL;
    size_t size = 0;
    mayfly_error error;
    PyThreadState *released = read_key(key, &text, &size) < 0 ? NULL : go_in(self);
    if (released == NULL)
        return -1;
    const int r = mayfly_cache_remove(self->handle, text, size, &error);
    go_out(self, released);
    return r < 0 ? (void)mpy_raise(self->state, r, &error), -1 : r;
}

/* ---- as a dict ----------------------------------------------------------------------------------
 */

static PyObject *subscript(PyObject *object, PyObject *key) {
    PyObject *value = look_up((struct cache *)object, key);
    if (value == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, key);
    return value;
}

static int assign(PyObject *object, PyObject *key, PyObject *value) {
    struct cache *self = (struct cache *)object;
    if (value != NULL)
        return put(self, key, value, NULL);
    const int r = take_out(self, key);
    if (r == 0)
        PyErr_SetObject(PyExc_KeyError, key);
    return r == 1 ? 0 : -1;
}

static int contains(PyObject *object, PyObject *key) {
    struct cache *self = (struct cache *)object;
    const char *text = NULL;
    size_t key_size = 0, size = 0;
    char *data = NULL;
    mayfly_error error;
    PyThreadState *released = read_key(key, &text, &key_size) < 0 ? NULL : go_in(self);
    if (released == NULL)
        return -1;
    const int r = mayfly_cache_get(self->handle, text, key_size, &data, &size, &error);
    go_out(self, released);
    mayfly_free(data);
    return r < 0 ? (void)mpy_raise(self->state, r, &error), -1 : r;
}

static PyObject *get(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"key", "default", NULL};
    PyObject *key = NULL, *missing = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:get", names, &key, &missing))
        return NULL;
    PyObject *value = look_up((struct cache *)object, key);
    return value != NULL || PyErr_Occurred() ? value : mpy_ref(missing);
}

static PyObject *set(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"key", "value", "ttl", NULL};
    PyObject *key = NULL, *value = NULL, *ttl = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|$O:set", names, &key, &value, &ttl) ||
        put((struct cache *)object, key, value, ttl) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *pop(PyObject *object, PyObject *args) {
    PyObject *key = NULL, *missing = NULL;
    if (!PyArg_ParseTuple(args, "O|O:pop", &key, &missing))
        return NULL;
    PyObject *value = look_up((struct cache *)object, key);
    if (value != NULL && take_out((struct cache *)object, key) < 0)
        Py_CLEAR(value);
    if (value == NULL && !PyErr_Occurred()) {
        if (missing != NULL)
            return mpy_ref(missing);
        PyErr_SetObject(PyExc_KeyError, key);
    }
    return value;
}

/* ---- computing ----------------------------------------------------------------------------------
 */

struct computing {
    struct cache *cache;
    PyObject *function;
    PyObject *value; /* what it gave */
    PyThreadState *released;
};

/* Called in the thread that asked, which has given Python's lock back. */
static int compute(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    (void)error;
    struct computing *c = context;
    int r = -ECANCELED; /* not told: the exception is */
    Py_buffer view;
    PyEval_RestoreThread(c->released);
    Py_XSETREF(c->value, PyObject_CallNoArgs(c->function));
    PyObject *bytes = c->value == NULL ? NULL : to_bytes(c->cache, c->value);
    if (bytes != NULL && PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) == 0) {
        *ret = malloc((size_t)view.len + 1);
        *ret_size = (size_t)view.len;
        if (*ret == NULL)
            PyErr_NoMemory();
        else
            memcpy(*ret, view.buf, (size_t)view.len), r = 0;
        PyBuffer_Release(&view);
    }
    Py_XDECREF(bytes);
    c->released = PyEval_SaveThread();
    return r;
}

/* A signal came while another one computes; its handler in Python runs here. */
static int goes_on(struct computing *c) {
    PyEval_RestoreThread(c->released);
    const int r = PyErr_CheckSignals();
    c->released = PyEval_SaveThread();
    return r == 0;
}

static PyObject *get_or_create(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"key", "function", "ttl", NULL};
    struct cache *self = (struct cache *)object;
    PyObject *key = NULL, *ttl = NULL;
    struct computing c = {.cache = self};
    mayfly_cache_put_options options = {0};
    const char *text = NULL;
    size_t key_size = 0, size = 0;
    char *data = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|$O:get_or_create", names, &key, &c.function,
                                     &ttl) ||
        read_ttl(ttl, &options.ttl_ms) < 0 || read_key(key, &text, &key_size) < 0)
        return NULL;
    mayfly_error error;
    c.released = go_in(self);
    if (c.released == NULL)
        return NULL;
    int r;
    do
        r = mayfly_cache_get_or_compute(self->handle, text, key_size, compute, &c, &options, &data,
                                        &size, &error);
    while (r == -EINTR && goes_on(&c));
    go_out(self, c.released);
    if (r == 1)
        return Py_XDECREF(c.value), from_memory(self, data, size);
    mayfly_free(data);
    if (r == 0)
        return c.value;
    Py_XDECREF(c.value);
    return PyErr_Occurred() ? NULL : mpy_raise(self->state, r, &error);
}

/* ---- as a whole ---------------------------------------------------------------------------------
 */

static int read_stats(struct cache *self, mayfly_cache_statistics *stats) {
    mayfly_error error;
    PyThreadState *released = go_in(self);
    if (released == NULL)
        return -1;
    const int r = mayfly_cache_stats(self->handle, stats, &error);
    go_out(self, released);
    return r < 0 ? (void)mpy_raise(self->state, r, &error), -1 : 0;
}

static Py_ssize_t count(PyObject *object) {
    mayfly_cache_statistics stats;
    return read_stats((struct cache *)object, &stats) < 0 ? -1 : (Py_ssize_t)stats.entries;
}

/* An empty cache is not a false one. */
static int is_true(PyObject *object) {
    (void)object;
    return 1;
}

static PyObject *stats(PyObject *object, PyObject *unused) {
    (void)unused;
    mayfly_cache_statistics s;
    if (read_stats((struct cache *)object, &s) < 0)
        return NULL;
    return Py_BuildValue("{sKsKsKsKsKsKsKsKsKsK}", "entries", s.entries, "bytes", s.bytes, "hits",
                         s.hits, "misses", s.misses, "expired", s.expired, "damaged", s.damaged,
                         "puts", s.puts, "evicted", s.evicted, "computed", s.computed, "waited",
                         s.waited);
}

static PyObject *clear_cache(PyObject *object, PyObject *unused) {
    (void)unused;
    struct cache *self = (struct cache *)object;
    mayfly_error error;
    PyThreadState *released = go_in(self);
    if (released == NULL)
        return NULL;
    const int r = mayfly_cache_clear(self->handle, &error);
    go_out(self, released);
    return r < 0 ? mpy_raise(self->state, r, &error) : mpy_ref(Py_None);
}

static PyObject *enter(PyObject *object, PyObject *unused) {
    (void)unused;
    if (((struct cache *)object)->handle != NULL)
        return mpy_ref(object);
    PyErr_SetString(PyExc_ValueError, "the cache is closed");
    return NULL;
}

static PyObject *exit_scope(PyObject *object, PyObject *args) {
    (void)args;
    return close_cache(object, NULL);
}

static PyObject *get_path(PyObject *object, void *unused) {
    (void)unused;
    PyObject *path = ((struct cache *)object)->path;
    return mpy_ref(path == NULL ? Py_None : path);
}

static PyObject *fspath(PyObject *object, PyObject *unused) {
    (void)unused;
    return get_path(object, NULL);
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
    struct cache *self = (struct cache *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->dumps);
    Py_VISIT(self->loads);
    return 0;
}

static int clear(PyObject *object) {
    struct cache *self = (struct cache *)object;
    Py_CLEAR(self->dumps);
    Py_CLEAR(self->loads);
    return 0;
}

static void dealloc(PyObject *object) {
    struct cache *self = (struct cache *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    if (self->handle != NULL) {
        PyObject *kind = NULL, *value = NULL, *trace = NULL;
        PyErr_Fetch(&kind, &value, &trace);
        if (end_handle(self) < 0)
            PyErr_WriteUnraisable(NULL);
        PyErr_Restore(kind, value, trace);
    }
    (void)clear(object);
    Py_CLEAR(self->path);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"get", (PyCFunction)(void (*)(void))get, METH_VARARGS | METH_KEYWORDS,
     "get($self, key, default=None)\n--\n\nThe value of a key, or the default."},
    {"set", (PyCFunction)(void (*)(void))set, METH_VARARGS | METH_KEYWORDS,
     "set($self, key, value, *, ttl=None)\n--\n\n"
     "Stores a value; ttl in seconds, or a timedelta; None: as the cache's."},
    {"get_or_create", (PyCFunction)(void (*)(void))get_or_create, METH_VARARGS | METH_KEYWORDS,
     "get_or_create($self, key, function, *, ttl=None)\n--\n\n"
     "The value of a key; where there is none, what function() gives, and of all threads and "
     "processes that want it one calls its function."},
    {"pop", pop, METH_VARARGS, "pop(key[, default]): takes an entry out and returns its value."},
    {"clear", clear_cache, METH_NOARGS, "Takes all entries out."},
    {"stats", stats, METH_NOARGS, "What is there, and what happened since the cache was made."},
    {"close", close_cache, METH_NOARGS, "Ends it; a cache without a path goes."},
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {"__fspath__", fspath, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"path", get_path, NULL, "Its directory, by which other processes can open it.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_mp_subscript, subscript},
    {Py_mp_ass_subscript, assign},
    {Py_mp_length, count},
    {Py_sq_contains, contains},
    {Py_nb_bool, is_true},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_doc,
     "cache(path=None, *, prefix='cache_', dir=None, ttl=None, max_bytes=0, max_entries=0, "
     "raw=False, dumps=None, loads=None)\n--\n\n"
     "A dict in files, within bounds, for any number of threads and processes."},
    {0, NULL},
};

int mpy_cache_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly.cache",
        .basicsize = sizeof(struct cache),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    state->Cache = mpy_add_type(module, &spec, NULL, "cache");
    return state->Cache == NULL ? -1 : 0;
}
