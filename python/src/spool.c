/* SPDX-License-Identifier: MIT
 *
 * SpooledTemporaryFile: io.BytesIO until it would hold more than max_size, then a TemporaryFile.
 *
 * Invariant  the memory is what counts until all of it lies in the file: rolling over writes the
 *            whole content past every buffer, and only then changes over. So a full disk loses
 *            nothing: a write that would need the file fails and has not happened.
 * Rejected   the library's own spool: its text is not io's, and what is asked of a Python file
 *            (read1, newlines, detach, pickled codecs) would have to be written once more.
 */
#include "core.h"

enum { MAX_SIZE, MODE, BUFFERING, ENCODING, NEWLINE, SUFFIX, PREFIX, DIR, ERRORS, COUNT };

/* Behind what io.IOBase needs. */
struct spool {
    PyObject *file;
    PyObject *arguments[COUNT]; /* for the file; [MAX_SIZE] is not used */
    struct mpy_state *state;
    unsigned long long max_size;
    char rolled, binary;
};

static struct spool *part_of(PyObject *self) {
    struct mpy_state *state = mpy_state_of_type(Py_TYPE(self));
    return state == NULL ? NULL : (struct spool *)((char *)self + state->spool_offset);
}

/* The same with a file, which is missing when __init__ was not called or failed. */
static struct spool *whole(PyObject *self) {
    struct spool *spool = part_of(self);
    if (spool != NULL && spool->file != NULL)
        return spool;
    if (spool != NULL)
        PyErr_SetString(PyExc_ValueError, "the file was never opened");
    return NULL;
}

/* The file is held while it works: another thread may move all to disk meanwhile. */
static PyObject *call(const struct spool *spool, enum mpy_name name) {
    PyObject *file = mpy_ref(spool->file);
    PyObject *result = PyObject_CallMethodNoArgs(file, spool->state->n[name]);
    Py_DECREF(file);
    return result;
}

static PyObject *call1(const struct spool *spool, enum mpy_name name, PyObject *argument) {
    PyObject *file = mpy_ref(spool->file);
    PyObject *result = PyObject_CallMethodOneArg(file, spool->state->n[name], argument);
    Py_DECREF(file);
    return result;
}

static PyObject *attribute(const struct spool *spool, enum mpy_name name) {
    PyObject *file = mpy_ref(spool->file);
    PyObject *result = PyObject_GetAttr(file, spool->state->n[name]);
    Py_DECREF(file);
    return result;
}

static int init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const struct mpy_signature signature = {"SpooledTemporaryFile",
                                                   8,
                                                   COUNT,
                                                   {N_max_size, N_mode, N_buffering, N_encoding,
                                                    N_newline, N_suffix, N_prefix, N_dir,
                                                    N_errors}};
    struct spool *spool = part_of(self);
    PyObject *v[COUNT];
    struct mpy_opening o;
    if (spool == NULL)
        return -1;
    struct mpy_state *state = mpy_state_of_type(Py_TYPE(self));
    if (mpy_parse_tuple(state, &signature, args, kwargs, v) < 0)
        return -1;
    PyObject *buffering = v[BUFFERING]; /* memory has none: only the file's is checked */
    if (mpy_opening_read(state, v[MODE], NULL, v[ENCODING], v[ERRORS], v[NEWLINE], &o) < 0)
        return -1;
    uint64_t max_size = 0;
    if (mpy_number(v[MAX_SIZE], &max_size) < 0)
        return -1;
    PyObject *file = PyObject_CallNoArgs(state->BytesIO);
    if (file != NULL && !o.binary) {
        PyObject *none = Py_None, *bytes = file;
        file = PyObject_CallFunction(
            state->TextIOWrapper, "OOOO", bytes, v[ENCODING] == NULL ? none : v[ENCODING],
            v[ERRORS] == NULL ? none : v[ERRORS], v[NEWLINE] == NULL ? none : v[NEWLINE]);
        Py_DECREF(bytes);
    }
    if (file == NULL)
        return -1;
    spool->state = state;
    spool->max_size = max_size;
    spool->binary = (char)o.binary;
    spool->rolled = 0;
    v[MODE] = o.mode;
    v[BUFFERING] = buffering;
    for (int i = MODE; i < COUNT; i++) {
        Py_XINCREF(v[i]);
        Py_XSETREF(spool->arguments[i], v[i]);
    }
    Py_XSETREF(spool->file, file);
    return 0;
}

static int traverse(PyObject *self, visitproc visit, void *arg) {
    struct spool *spool = part_of(self);
    if (spool == NULL)
        return 0;
    Py_VISIT(spool->file);
    for (int i = 0; i < COUNT; i++)
        Py_VISIT(spool->arguments[i]);
    traverseproc base =
        spool->state == NULL ? NULL : ((PyTypeObject *)spool->state->IOBase)->tp_traverse;
    return base == NULL ? 0 : base(self, visit, arg);
}

static int clear(PyObject *self) {
    struct spool *spool = part_of(self);
    if (spool == NULL)
        return 0;
    Py_CLEAR(spool->file);
    for (int i = 0; i < COUNT; i++)
        Py_CLEAR(spool->arguments[i]);
    inquiry base = spool->state == NULL ? NULL : ((PyTypeObject *)spool->state->IOBase)->tp_clear;
    return base == NULL ? 0 : base(self);
}

static int is_closed(const struct spool *spool) {
    PyObject *closed = attribute(spool, N_closed);
    const int r = closed == NULL ? -1 : PyObject_IsTrue(closed);
    Py_XDECREF(closed);
    return r;
}

static void finalize(PyObject *self) {
    struct spool *spool = part_of(self);
    if (spool == NULL || spool->file == NULL)
        return;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (is_closed(spool) == 0) {
        if (PyErr_ResourceWarning(self, 1, "unclosed file %R", self) < 0)
            PyErr_WriteUnraisable(self);
        Py_XDECREF(call(spool, N_close));
    }
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    struct spool *spool = part_of(self);
    PyTypeObject *base = (PyTypeObject *)mpy_state_of_type(type)->IOBase;
    Py_CLEAR(spool->file);
    for (int i = 0; i < COUNT; i++)
        Py_CLEAR(spool->arguments[i]);
    /* io's own ends what is io's, and lets the type go where io's types are heap types. */
    const int counted = (base->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
    base->tp_dealloc(self);
    if (!counted)
        Py_DECREF(type);
}

/* ---- rolling over
 * -------------------------------------------------------------------------------- */

static PyObject *content(const struct spool *spool) {
    if (spool->binary)
        return call(spool, N_getvalue);
    PyObject *flushed = call(spool, N_flush);
    PyObject *bytes = flushed == NULL ? NULL : attribute(spool, N_buffer);
    PyObject *value =
        bytes == NULL ? NULL : PyObject_CallMethodNoArgs(bytes, spool->state->n[N_getvalue]);
    Py_XDECREF(flushed);
    Py_XDECREF(bytes);
    return value;
}

/* The lowest layer: what is written there is written or fails, and waits in no buffer. */
static PyObject *lowest(const struct spool *spool, PyObject *file) {
    PyObject *low = mpy_ref(file);
    static const enum mpy_name steps[] = {N_buffer, N_raw};
    for (int i = 0; i < 2; i++) {
        PyObject *below = PyObject_GetAttr(low, spool->state->n[steps[i]]);
        if (below != NULL)
            Py_SETREF(low, below);
        PyErr_Clear();
    }
    return low;
}

static int write_all(const struct spool *spool, PyObject *file, PyObject *data) {
    PyObject *raw = lowest(spool, file);
    const char *bytes = PyBytes_AS_STRING(data);
    Py_ssize_t left = PyBytes_GET_SIZE(data);
    int r = 0;
    while (r == 0 && left > 0) {
        PyObject *piece = PyMemoryView_FromMemory((char *)(uintptr_t)bytes, left, PyBUF_READ);
        PyObject *count =
            piece == NULL ? NULL : PyObject_CallMethodOneArg(raw, spool->state->n[N_write], piece);
        const Py_ssize_t done = count == NULL ? -1 : PyLong_AsSsize_t(count);
        r = done <= 0 ? -1 : 0;
        bytes += done;
        left -= done;
        Py_XDECREF(count);
        Py_XDECREF(piece);
    }
    Py_DECREF(raw);
    return r;
}

static PyObject *make_file(const struct spool *spool) {
    PyObject *v[13] = {NULL}; /* as NamedTemporaryFile's list */
    for (int i = MODE; i <= DIR; i++)
        v[i - MODE] = spool->arguments[i];
    v[8] = spool->arguments[ERRORS];
    return mpy_temporary_file(spool->state, v);
}

static int move_to(const struct spool *spool, PyObject *file) {
    PyObject *at = call(spool, N_tell);
    PyObject *data = at == NULL ? NULL : content(spool);
    int r = data == NULL ? -1 : write_all(spool, file, data);
    PyObject *moved = r < 0 ? NULL : PyObject_CallMethodOneArg(file, spool->state->n[N_seek], at);
    Py_XDECREF(moved);
    Py_XDECREF(data);
    Py_XDECREF(at);
    return moved == NULL ? -1 : 0;
}

static int roll(struct spool *spool) {
    if (spool->rolled)
        return 0;
    PyObject *file = make_file(spool);
    if (file == NULL)
        return -1;
    const int r = move_to(spool, file);
    if (r < 0 || spool->rolled) { /* by another thread meanwhile, into whose file was written */
        PyObject *type = NULL, *value = NULL, *trace = NULL;
        PyErr_Fetch(&type, &value, &trace);
        Py_XDECREF(PyObject_CallMethodNoArgs(file, spool->state->n[N_close]));
        PyErr_Clear();
        PyErr_Restore(type, value, trace);
        Py_DECREF(file);
        return r;
    }
    spool->rolled = 1;
    Py_SETREF(spool->file, file);
    return 0;
}

static PyObject *rollover(PyObject *self, PyObject *unused) {
    (void)unused;
    struct spool *spool = whole(self);
    return spool == NULL || roll(spool) < 0 ? NULL : mpy_ref(Py_None);
}

/* The position as a number; text gives one that is at least as large as the bytes before it. */
static long long tell_number(const struct spool *spool) {
    PyObject *at = call(spool, N_tell);
    const long long number = at == NULL ? -1 : PyLong_AsLongLong(at);
    Py_XDECREF(at);
    return number;
}

/* ---- writing
 * ------------------------------------------------------------------------------------- */

/* Before bytes are written it is known whether they fit. */
static PyObject *write_bytes(struct spool *spool, PyObject *data) {
    Py_ssize_t size = 0;
    if (PyBytes_CheckExact(data)) {
        size = PyBytes_GET_SIZE(data);
    } else {
        Py_buffer view;
        if (PyObject_GetBuffer(data, &view, PyBUF_CONTIG_RO) < 0)
            return NULL;
        size = view.len;
        PyBuffer_Release(&view);
    }
    const long long at = tell_number(spool);
    if (at < 0)
        return NULL;
    if ((unsigned long long)at + (unsigned long long)size > spool->max_size && size > 0 &&
        roll(spool) < 0)
        return NULL;
    return call1(spool, N_write, data);
}

/* No encoding takes more than 8 bytes for a character, and a line's end may become two. */
static int surely_fits(const struct spool *spool, long long from, PyObject *text) {
    if (!PyUnicode_Check(text))
        return 1; /* fails for that */
    const unsigned long long most = (unsigned long long)PyUnicode_GET_LENGTH(text) * 16 + 16;
    return (unsigned long long)from + most <= spool->max_size;
}

/* Of text it is known only afterwards. When the file cannot be had, memory is cut back to what it
 * was, if the text was put at its end; in the middle it stays, which loses nothing either. */
static PyObject *write_text(struct spool *spool, PyObject *text) {
    PyObject *before = call(spool, N_tell);
    const long long from = before == NULL ? -1 : PyLong_AsLongLong(before);
    if (from < 0 || surely_fits(spool, from, text)) {
        Py_XDECREF(before);
        return from < 0 ? NULL : call1(spool, N_write, text);
    }
    PyObject *held = content(spool);
    PyObject *done = held == NULL ? NULL : call1(spool, N_write, text);
    const long long at = done == NULL ? -1 : tell_number(spool);
    if (at >= 0 && (unsigned long long)at > spool->max_size && roll(spool) < 0) {
        PyObject *type = NULL, *value = NULL, *trace = NULL;
        PyErr_Fetch(&type, &value, &trace);
        Py_XDECREF(call1(spool, N_seek, before));
        PyObject *start = PyLong_FromSsize_t(PyBytes_GET_SIZE(held));
        PyObject *same = start == NULL ? NULL : PyObject_RichCompare(start, before, Py_EQ);
        if (same == Py_True)
            Py_XDECREF(call(spool, N_truncate));
        Py_XDECREF(same);
        Py_XDECREF(start);
        PyErr_Clear();
        PyErr_Restore(type, value, trace);
        Py_CLEAR(done);
    }
    if (at < 0)
        Py_CLEAR(done);
    Py_XDECREF(held);
    Py_XDECREF(before);
    return done;
}

static PyObject *write_any(struct spool *spool, PyObject *data) {
    if (spool->rolled || spool->max_size == 0)
        return call1(spool, N_write, data);
    return spool->binary ? write_bytes(spool, data) : write_text(spool, data);
}

static PyObject *write_(PyObject *self, PyObject *data) {
    struct spool *spool = whole(self);
    return spool == NULL ? NULL : write_any(spool, data);
}

static PyObject *writelines(PyObject *self, PyObject *lines) {
    struct spool *spool = whole(self);
    if (spool == NULL)
        return NULL;
    if (spool->rolled || spool->max_size == 0)
        return call1(spool, N_writelines, lines);
    PyObject *iterator = PyObject_GetIter(lines), *line = NULL;
    while (iterator != NULL && (line = PyIter_Next(iterator)) != NULL) {
        PyObject *done = write_any(spool, line);
        Py_DECREF(line);
        if (done == NULL)
            break;
        Py_DECREF(done);
    }
    Py_XDECREF(iterator);
    return PyErr_Occurred() ? NULL : mpy_ref(Py_None);
}

static PyObject *truncate_(PyObject *self, PyObject *args) {
    struct spool *spool = whole(self);
    PyObject *size = Py_None;
    if (spool == NULL || !PyArg_ParseTuple(args, "|O:truncate", &size))
        return NULL;
    if (size == Py_None)
        return call(spool, N_truncate);
    uint64_t wanted = 0;
    if (!spool->rolled && spool->max_size != 0 &&
        (mpy_number(size, &wanted) < 0 || (wanted > spool->max_size && roll(spool) < 0)))
        return NULL;
    return call1(spool, N_truncate, size);
}

/* ---- the rest is handed down
 * ---------------------------------------------------------------------- */

static PyObject *forward(PyObject *self, enum mpy_name name, PyObject *args) {
    struct spool *spool = whole(self);
    if (spool == NULL)
        return NULL;
    PyObject *method = attribute(spool, name);
    PyObject *result = method == NULL ? NULL : PyObject_CallObject(method, args);
    Py_XDECREF(method);
    return result;
}

#define FORWARD(name)                                                                              \
    static PyObject *forward_##name(PyObject *self, PyObject *args) {                              \
        return forward(self, N_##name, args);                                                      \
    }
/* clang-format off */
#define FORWARDED(X)                                                                               \
    X(detach)                                                                                      \
    X(flush)                                                                                       \
    X(isatty)                                                                                      \
    X(read) X(read1) X(readable) X(readinto) X(readinto1) X(readline) X(readlines) X(seek)         \
        X(seekable) X(tell) X(writable)
/* clang-format on */
FORWARDED(FORWARD)

static PyObject *close_spool(PyObject *self, PyObject *args) {
    (void)args;
    struct spool *spool = part_of(self);
    return spool == NULL ? NULL : spool->file == NULL ? mpy_ref(Py_None) : call(spool, N_close);
}

static PyObject *fileno_(PyObject *self, PyObject *args) {
    struct spool *spool = whole(self);
    return spool == NULL || roll(spool) < 0 ? NULL : forward(self, N_fileno, args);
}

static PyObject *enter(PyObject *self, PyObject *args) {
    (void)args;
    struct spool *spool = whole(self);
    if (spool == NULL)
        return NULL;
    const int closed = is_closed(spool);
    if (closed > 0)
        PyErr_SetString(PyExc_ValueError, "Cannot enter context with closed file");
    return closed == 0 ? mpy_ref(self) : NULL;
}

static PyObject *exit_scope(PyObject *self, PyObject *args) {
    (void)args;
    PyObject *done = close_spool(self, NULL);
    Py_XDECREF(done);
    return done == NULL ? NULL : mpy_ref(Py_None);
}

/* Not the file's own iterator, which would stay with the memory when it rolls over. */
static PyObject *iterate(PyObject *self) {
    struct spool *spool = whole(self);
    return spool == NULL ? NULL : mpy_ref(self);
}

static PyObject *next_line(PyObject *self) {
    struct spool *spool = whole(self);
    PyObject *line = spool == NULL ? NULL : call(spool, N_readline);
    if (line != NULL && PyObject_Size(line) == 0)
        Py_CLEAR(line);
    return line;
}

static PyObject *get_closed(PyObject *self, void *unused) {
    (void)unused;
    struct spool *spool = part_of(self);
    const int closed = spool == NULL ? -1 : spool->file == NULL ? 1 : is_closed(spool);
    return closed < 0 ? NULL : PyBool_FromLong(closed);
}

static PyObject *get_forwarded(PyObject *self, void *name) {
    struct spool *spool = whole(self);
    return spool == NULL ? NULL : attribute(spool, (enum mpy_name)(uintptr_t)name);
}

/* Memory has neither mode nor name: what was asked for, and None. */
static PyObject *get_mode(PyObject *self, void *unused) {
    (void)unused;
    PyObject *mode = get_forwarded(self, (void *)(uintptr_t)N_mode);
    if (mode != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return mode;
    PyErr_Clear();
    return mpy_ref(part_of(self)->arguments[MODE]);
}

static PyObject *get_name(PyObject *self, void *unused) {
    (void)unused;
    PyObject *name = get_forwarded(self, (void *)(uintptr_t)N_name);
    if (name != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return name;
    PyErr_Clear();
    Py_RETURN_NONE;
}

static PyObject *get_file(PyObject *self, void *unused) {
    (void)unused;
    struct spool *spool = whole(self);
    return spool == NULL ? NULL : mpy_ref(spool->file);
}

static PyObject *get_rolled(PyObject *self, void *unused) {
    (void)unused;
    struct spool *spool = part_of(self);
    return spool == NULL ? NULL : PyBool_FromLong(spool->rolled);
}

static PyObject *get_max_size(PyObject *self, void *unused) {
    (void)unused;
    struct spool *spool = part_of(self);
    return spool == NULL ? NULL : PyLong_FromUnsignedLongLong(spool->max_size);
}

#define METHOD(name) {#name, forward_##name, METH_VARARGS, NULL},
static PyMethodDef methods[] = {
    {"close", close_spool, METH_NOARGS, NULL},
    FORWARDED(METHOD){"fileno", fileno_, METH_NOARGS, NULL},
    {"rollover", rollover, METH_NOARGS, "Moves what is in memory to a file now."},
    {"truncate", truncate_, METH_VARARGS, NULL},
    {"write", write_, METH_O, NULL},
    {"writelines", writelines, METH_O, NULL},
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {"__class_getitem__", mpy_class_getitem, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"closed", get_closed, NULL, NULL, NULL},
    {"encoding", get_forwarded, NULL, NULL, (void *)(uintptr_t)N_encoding},
    {"errors", get_forwarded, NULL, NULL, (void *)(uintptr_t)N_errors},
    {"newlines", get_forwarded, NULL, NULL, (void *)(uintptr_t)N_newlines},
    {"mode", get_mode, NULL, NULL, NULL},
    {"name", get_name, NULL, NULL, NULL},
    {"_file", get_file, NULL, NULL, NULL},
    {"_rolled", get_rolled, NULL, NULL, NULL},
    {"_max_size", get_max_size, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_finalize, finalize},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_iter, iterate},
    {Py_tp_iternext, next_line},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_doc, "SpooledTemporaryFile(max_size=0, mode='w+b', buffering=-1, encoding=None, "
                "newline=None, suffix=None, prefix=None, dir=None, *, errors=None)\n--\n\n"
                "In memory up to max_size, then on disk, without being noticed."},
    {0, NULL},
};

int mpy_spool_setup(PyObject *module, struct mpy_state *state) {
    const Py_ssize_t size = ((PyTypeObject *)state->IOBase)->tp_basicsize;
    state->spool_offset = (size + 15) / 16 * 16;
    PyType_Spec spec = {
        .name = "mayfly.tempfile.SpooledTemporaryFile",
        .basicsize = (int)(state->spool_offset + (Py_ssize_t)sizeof(struct spool)),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    state->Spooled = mpy_add_type(module, &spec, state->IOBase, "SpooledTemporaryFile");
    return state->Spooled == NULL ? -1 : 0;
}
