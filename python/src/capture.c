/* SPDX-License-Identifier: MIT
 *
 * capture(): what is printed, by whomever, as text.
 *
 * States      NEW -begin-> GOING ON -end-> ENDED -begin-> GOING ON ...; the text is there in both
 * Two ways    fd=True: descriptors 1 and 2 are the library's to replace. What Python itself prints
 *             gets there by sys.stdout, which is flushed at both ends; where that leads elsewhere
 *             (a test runner's or a notebook's stream) another one stands in its place meanwhile.
 *             fd=False: sys.stdout alone is replaced, by an io.StringIO that has a buffer, too.
 */
#include "capture.h"

#include <string.h>

static const char *const full_names[] = {"fail", "drop-oldest", "drop-newest", NULL};

/* ---- arguments ----------------------------------------------------------------------------------
 */

static int stream_of(const struct capture *self, PyObject *name, unsigned *ret) {
    int choice = (int)self->streams - 1;
    if (name != NULL && name != Py_None) {
        const char *text = NULL;
        if (mpy_string_from(name, "stream", &text) < 0 ||
            mpy_choice(text, "stream", mpy_stream_names, &choice) < 0)
            return -1;
    }
    *ret = (unsigned)choice + 1;
    if ((*ret & ~self->streams) != 0) {
        PyErr_Format(PyExc_ValueError, "%s is not captured; capture('both') captures both",
                     mpy_stream_names[choice]);
        return -1;
    }
    if (choice == 2 && !self->options.merge) {
        PyErr_SetString(PyExc_ValueError,
                        "both streams are captured, each for itself: say 'stdout' or 'stderr'");
        return -1;
    }
    return 0;
}

static int check(struct capture *self) {
    const mayfly_capture_options *o = &self->options;
    if (o->merge && self->streams != (MAYFLY_STDOUT | MAYFLY_STDERR)) {
        PyErr_SetString(PyExc_ValueError, "merge=True needs both streams: capture('both')");
        return -1;
    }
    if (!self->fd && (o->tee || o->pipe || o->max_memory != 0 || o->max_bytes != 0 ||
                      self->on_line != NULL || self->dir != NULL)) {
        PyErr_SetString(PyExc_ValueError,
                        "tee, pipe, limits and on_line need descriptors: fd=True");
        return -1;
    }
    if (self->on_line != NULL && !PyCallable_Check(self->on_line)) {
        PyErr_SetString(PyExc_TypeError, "on_line must be a function of a stream and a line");
        return -1;
    }
    return 0;
}

static PyObject *unless_none(PyObject *object) {
    return object == NULL || object == Py_None ? NULL : mpy_ref(object);
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"stream",     "fd",        "merge", "tee",     "pipe",
                            "max_memory", "max_bytes", "full",  "on_line", "dir",
                            "encoding",   "errors",    NULL};
    struct capture *self = (struct capture *)object;
    const char *stream = "stdout", *full = NULL;
    int fd = 1, merge = 0, tee = 0, pipe = 0, which = 0, what = 0;
    PyObject *max_memory = NULL, *max_bytes = NULL, *on_line = NULL, *encoding = NULL,
             *errors = NULL;
    mpy_auto_text dir = {NULL, NULL};
    if (self->state != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the capture is there already");
        return -1;
    }
    mayfly_capture_options options = {.merge = false};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s$ppppOOzOO&UU:capture", names, &stream, &fd,
                                     &merge, &tee, &pipe, &max_memory, &max_bytes, &full, &on_line,
                                     mpy_text_argument, &dir, &encoding, &errors) ||
        mpy_choice(stream, "stream", mpy_stream_names, &which) < 0 ||
        mpy_choice(full, "full", full_names, &what) < 0 ||
        mpy_number(max_memory, &options.max_memory) < 0 ||
        mpy_number(max_bytes, &options.max_bytes) < 0)
        return -1;
    struct mpy_state *state = mpy_state_of_type(Py_TYPE(object));
    if (state == NULL || mpy_gate_begin(&self->gate) < 0)
        return -1;
    options.merge = merge != 0;
    options.tee = tee != 0;
    options.pipe = pipe != 0;
    options.full = (mayfly_capture_full)what;
    self->options = options;
    self->streams = (unsigned)which + 1;
    self->fd = (char)fd;
    self->interpreter = PyInterpreterState_Get();
    Py_XSETREF(self->dir, unless_none(dir.owner));
    Py_XSETREF(self->on_line, unless_none(on_line));
    Py_XSETREF(self->encoding, unless_none(encoding));
    Py_XSETREF(self->errors, unless_none(errors));
    if (check(self) < 0)
        return -1;
    self->state = state;
    return 0;
}

/* A thread that calls into Python must not outlive it. */
static int watch_exit(struct capture *self, const char *what) {
    if (self->on_line == NULL)
        return 0;
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *end = atexit == NULL ? NULL : PyObject_GetAttrString((PyObject *)self, "end");
    PyObject *done = end == NULL ? NULL : PyObject_CallMethod(atexit, what, "O", end);
    Py_XDECREF(done);
    Py_XDECREF(end);
    Py_XDECREF(atexit);
    return done == NULL ? -1 : 0;
}

/* ---- beginning and ending -----------------------------------------------------------------------
 */

static int begin_strings(struct capture *self) {
    PyObject *module = PyImport_ImportModule("mayfly._capture");
    PyObject *only = NULL;
    int r = module == NULL ? -1 : 0;
    for (int i = 0; r == 0 && i < STREAMS; i++) {
        if ((self->streams & (1u << i)) == 0)
            continue;
        PyObject *text = self->options.merge && only != NULL
                             ? mpy_ref(only)
                             : PyObject_CallMethod(module, "Text", NULL);
        r = text == NULL ? -1 : mpy_capture_put(&self->places[i], mpy_stream_names[i], text);
        Py_XSETREF(self->texts[i], text);
        only = text;
    }
    Py_XDECREF(module);
    return r;
}

static int end_handle(struct capture *self, int (*end)(mayfly_capture **, mayfly_error *)) {
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = end(&self->handle, &error);
    PyEval_RestoreThread(released);
    return r < 0 ? (void)mpy_raise(self->state, r, &error), -1 : 0;
}

static int end_only(mayfly_capture **handle, mayfly_error *error) {
    return mayfly_capture_end(*handle, error);
}

static int begin_descriptors(struct capture *self) {
    if (self->handle != NULL) { /* an earlier text */
        (void)end_handle(self, mayfly_capture_close);
        PyErr_Clear();
    }
    if (mpy_capture_flush(self) < 0 || watch_exit(self, "register") < 0)
        return -1;
    self->options.dir = self->dir == NULL ? NULL : PyBytes_AsString(self->dir);
    self->options.on_line = self->on_line == NULL ? NULL : mpy_capture_on_line;
    self->options.context = self;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_capture(self->streams, &self->options, &self->handle, &error);
    PyEval_RestoreThread(released);
    if (r < 0) {
        (void)watch_exit(self, "unregister");
        PyErr_Clear();
        (void)mpy_raise(self->state, r, &error);
        return -1;
    }
    return mpy_capture_lead(self);
}

/* The streams come back whatever fails; the first that did is told. */
static int finish(struct capture *self) {
    if (!self->going_on)
        return 0;
    self->going_on = 0;
    int r = self->fd ? mpy_capture_flush(self) : 0;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (self->fd && self->handle != NULL && end_handle(self, end_only) < 0) {
        r = -1;
        if (type == NULL)
            PyErr_Fetch(&type, &value, &trace);
        PyErr_Clear();
    }
    mpy_capture_give_back(self);
    if (self->fd && watch_exit(self, "unregister") < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return r;
}

static int begin_locked(struct capture *self) {
    if (self->going_on) {
        PyErr_SetString(PyExc_RuntimeError, "the capture goes on already");
        return -1;
    }
    self->going_on = 1;
    if ((self->fd ? begin_descriptors(self) : begin_strings(self)) == 0)
        return 0;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    (void)finish(self);
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return -1;
}

static struct capture *usable(PyObject *object) {
    struct capture *self = (struct capture *)object;
    if (self->state == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "capture.__init__() was not called");
        return NULL;
    }
    if (self->in_line == PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "on_line cannot use its own capture, but for original()");
        return NULL;
    }
    return mpy_gate_enter(&self->gate) < 0 ? NULL : self;
}

static PyObject *begin(PyObject *object, PyObject *unused) {
    (void)unused;
    struct capture *self = usable(object);
    if (self == NULL)
        return NULL;
    const int r = begin_locked(self);
    mpy_gate_leave(&self->gate);
    return r < 0 ? NULL : mpy_ref(object);
}

static PyObject *end(PyObject *object, PyObject *unused) {
    (void)unused;
    struct capture *self = usable(object);
    if (self == NULL)
        return NULL;
    const int r = finish(self);
    mpy_gate_leave(&self->gate);
    return r < 0 ? NULL : mpy_ref(Py_None);
}

static PyObject *exit_scope(PyObject *object, PyObject *args) {
    PyObject *done = end(object, NULL);
    if (done == NULL && PyTuple_GET_SIZE(args) > 0 && PyTuple_GET_ITEM(args, 0) != Py_None) {
        PyErr_Clear(); /* what went wrong in the scope is worth more */
        Py_RETURN_NONE;
    }
    return done;
}

/* ---- the text -----------------------------------------------------------------------------------
 */

static int begun(const struct capture *self) {
    if (self->handle != NULL || self->texts[0] != NULL || self->texts[1] != NULL)
        return 1;
    PyErr_SetString(PyExc_ValueError, "nothing was captured: the capture has not begun");
    return 0;
}

static PyObject *decode(const struct capture *self, const char *text, size_t size, int as_bytes) {
    if (as_bytes)
        return PyBytes_FromStringAndSize(text, (Py_ssize_t)size);
    return PyUnicode_Decode(text, (Py_ssize_t)size, mpy_capture_encoding(self),
                            mpy_capture_errors(self));
}

static PyObject *text_of_string(const struct capture *self, unsigned stream, int as_bytes) {
    PyObject *string = self->texts[stream == MAYFLY_STDERR];
    PyObject *text = PyObject_CallMethodNoArgs(string, self->state->n[N_getvalue]);
    if (text == NULL || !as_bytes)
        return text;
    PyObject *bytes =
        PyUnicode_AsEncodedString(text, mpy_capture_encoding(self), "backslashreplace");
    Py_DECREF(text);
    return bytes;
}

static PyObject *text_of(struct capture *self, unsigned stream, int as_bytes) {
    if (!begun(self))
        return NULL;
    if (!self->fd)
        return text_of_string(self, stream, as_bytes);
    if (self->going_on && mpy_capture_flush(self) < 0)
        return NULL;
    const char *text = NULL;
    size_t size = 0;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_capture_text(self->handle, stream, &text, &size, &error);
    PyEval_RestoreThread(released);
    return r < 0 ? mpy_raise(self->state, r, &error) : decode(self, text, size, as_bytes);
}

static PyObject *get_text(PyObject *object, PyObject *name, int as_bytes) {
    struct capture *self = usable(object);
    unsigned stream = 0;
    if (self == NULL)
        return NULL;
    PyObject *text = stream_of(self, name, &stream) < 0 ? NULL : text_of(self, stream, as_bytes);
    mpy_gate_leave(&self->gate);
    return text;
}

static PyObject *one_stream(PyObject *args, PyObject *kwargs, PyObject **ret) {
    static char *names[] = {"stream", NULL};
    *ret = NULL;
    return PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, ret) ? Py_None : NULL;
}

static PyObject *getvalue(PyObject *object, PyObject *args, PyObject *kwargs) {
    PyObject *name = NULL;
    return one_stream(args, kwargs, &name) == NULL ? NULL : get_text(object, name, 0);
}

static PyObject *getbytes(PyObject *object, PyObject *args, PyObject *kwargs) {
    PyObject *name = NULL;
    return one_stream(args, kwargs, &name) == NULL ? NULL : get_text(object, name, 1);
}

typedef int64_t asking(struct capture *self, unsigned stream, mayfly_error *error);

static int64_t ask_dropped(struct capture *self, unsigned stream, mayfly_error *error) {
    return mayfly_capture_dropped(self->handle, stream, error);
}

static int64_t ask_original(struct capture *self, unsigned stream, mayfly_error *error) {
    return mayfly_capture_original(self->handle, stream, error);
}

static PyObject *ask(PyObject *object, PyObject *args, PyObject *kwargs, asking *what) {
    PyObject *name = NULL;
    struct capture *self = one_stream(args, kwargs, &name) == NULL ? NULL : usable(object);
    if (self == NULL)
        return NULL;
    unsigned stream = 0;
    mayfly_error error;
    int64_t r = -1;
    PyObject *result = NULL;
    if (!self->fd) {
        PyErr_SetString(PyExc_ValueError, "only captures of descriptors know that: fd=True");
    } else if (stream_of(self, name, &stream) == 0 && begun(self)) {
        PyThreadState *released = PyEval_SaveThread();
        r = what(self, stream, &error);
        PyEval_RestoreThread(released);
        result = r < 0 ? mpy_raise(self->state, (int)r, &error) : PyLong_FromLongLong(r);
    }
    mpy_gate_leave(&self->gate);
    return result;
}

static PyObject *dropped(PyObject *object, PyObject *args, PyObject *kwargs) {
    return ask(object, args, kwargs, ask_dropped);
}

/* Without the gate: it is on_line's way out, while somebody waits for the end. */
static PyObject *original(PyObject *object, PyObject *args, PyObject *kwargs) {
    struct capture *self = (struct capture *)object;
    if (self->state == NULL || self->handle == NULL || !self->fd)
        return ask(object, args, kwargs, ask_original);
    PyObject *name = NULL;
    unsigned stream = 0;
    mayfly_error error;
    if (one_stream(args, kwargs, &name) == NULL)
        return NULL;
    if (name == NULL && self->streams == (MAYFLY_STDOUT | MAYFLY_STDERR))
        stream = MAYFLY_STDOUT;
    else if (stream_of(self, name, &stream) < 0)
        return NULL;
    const int fd = mayfly_capture_original(self->handle, stream, &error);
    return fd < 0 ? mpy_raise(self->state, fd, &error) : PyLong_FromLong(fd);
}

static PyObject *persist(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"target", "stream", "overwrite", "durable", NULL};
    mpy_auto_text target = {NULL, NULL};
    PyObject *name = NULL;
    int overwrite = 1, durable = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&|O$pp:persist", names, mpy_text_argument,
                                     &target, &name, &overwrite, &durable))
        return NULL;
    struct capture *self = usable(object);
    if (self == NULL)
        return NULL;
    unsigned stream = 0;
    PyObject *result = NULL;
    if (!self->fd || target.text == NULL) {
        PyErr_SetString(PyExc_ValueError, "persist() needs a target, and fd=True");
    } else if (stream_of(self, name, &stream) == 0 && begun(self)) {
        const unsigned flags = (durable ? (unsigned)MAYFLY_DURABLE : 0u) |
                               (overwrite ? 0u : (unsigned)MAYFLY_NOCLOBBER);
        mayfly_error error;
        mayfly_file *file = NULL;
        PyThreadState *released = PyEval_SaveThread();
        int r = mayfly_capture_file(self->handle, stream, &file, &error);
        if (r >= 0)
            r = mayfly_file_persist(file, target.text, flags, NULL, &error);
        PyEval_RestoreThread(released);
        result = r < 0 ? mpy_raise(self->state, r, &error)
                       : PyUnicode_DecodeFSDefault(mayfly_file_path(file));
    }
    mpy_gate_leave(&self->gate);
    return result;
}

static PyObject *get_stream(PyObject *object, void *name) {
    PyObject *text = PyUnicode_FromString(name);
    PyObject *result = text == NULL ? NULL : get_text(object, text, 0);
    Py_XDECREF(text);
    return result;
}

/* ---- the type -----------------------------------------------------------------------------------
 */

static int traverse(PyObject *object, visitproc visit, void *arg) {
    struct capture *self = (struct capture *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->on_line);
    for (int i = 0; i < STREAMS; i++) {
        Py_VISIT(self->texts[i]);
        Py_VISIT(self->places[i].ours);
        Py_VISIT(self->places[i].old);
        Py_VISIT(self->places[i].lines);
    }
    return 0;
}

static void finalize(PyObject *object) {
    struct capture *self = (struct capture *)object;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (self->going_on && finish(self) < 0)
        PyErr_WriteUnraisable(object);
    PyErr_Restore(type, value, trace);
}

static int clear(PyObject *object) {
    struct capture *self = (struct capture *)object;
    if (self->handle != NULL && end_handle(self, mayfly_capture_close) < 0)
        PyErr_Clear(); /* finalize() has told it */
    Py_CLEAR(self->on_line);
    for (int i = 0; i < STREAMS; i++) {
        Py_CLEAR(self->texts[i]);
        Py_CLEAR(self->places[i].ours);
        Py_CLEAR(self->places[i].old);
        Py_CLEAR(self->places[i].lines);
    }
    return 0;
}

static void dealloc(PyObject *object) {
    struct capture *self = (struct capture *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (PyObject_CallFinalizerFromDealloc(object) < 0)
        return;
    PyObject_GC_UnTrack(object);
    (void)clear(object);
    Py_CLEAR(self->dir);
    Py_CLEAR(self->encoding);
    Py_CLEAR(self->errors);
    mpy_gate_end(&self->gate);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"begin", begin, METH_NOARGS, "Begins; what was captured before is forgotten."},
    {"end", end, METH_NOARGS, "Ends: the streams are what they were, and the text is complete."},
    {"getvalue", (PyCFunction)(void (*)(void))getvalue, METH_VARARGS | METH_KEYWORDS,
     "getvalue($self, stream=None)\n--\n\nThe text, also while it is being printed."},
    {"getbytes", (PyCFunction)(void (*)(void))getbytes, METH_VARARGS | METH_KEYWORDS,
     "getbytes($self, stream=None)\n--\n\nThe text as it was written."},
    {"dropped", (PyCFunction)(void (*)(void))dropped, METH_VARARGS | METH_KEYWORDS,
     "dropped($self, stream=None)\n--\n\nHow many bytes are not in the text, for max_bytes."},
    {"original", (PyCFunction)(void (*)(void))original, METH_VARARGS | METH_KEYWORDS,
     "original($self, stream=None)\n--\n\n"
     "A descriptor for what is not to be captured, valid until the end."},
    {"persist", (PyCFunction)(void (*)(void))persist, METH_VARARGS | METH_KEYWORDS,
     "persist($self, target, stream=None, *, overwrite=True, durable=False)\n--\n\n"
     "Puts the text into a file that stays, all or nothing; returns its path."},
    {"__enter__", begin, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"stdout", get_stream, NULL, "The text of the standard output.", "stdout"},
    {"stderr", get_stream, NULL, "The text of the standard error.", "stderr"},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_finalize, finalize},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_doc,
     "capture(stream='stdout', *, fd=True, merge=False, tee=False, pipe=False, max_memory=0, "
     "max_bytes=0, full='fail', on_line=None, dir=None, encoding='utf-8', "
     "errors='replace')\n--\n\n"
     "What is printed within the scope: by Python, by libraries, by processes it starts.\n\n"
     "stream   'stdout', 'stderr' or 'both'; merge: both in one text, in the order of writing\n"
     "fd       False: sys.stdout alone is replaced, by an io.StringIO\n"
     "tee      also to where it would have gone; pipe: a pipe in any case, for programs that open "
     "/dev/stdout anew\n"
     "max_memory, max_bytes   what is held in memory, the rest on disk; what is kept at all. full: "
     "'fail', 'drop-oldest', 'drop-newest'\n"
     "on_line  on_line(stream, line) for each line, in another thread. What prints more than a "
     "pipe "
     "holds without giving Python's lock back would wait for ever: then tee or pipe"},
    {0, NULL},
};

int mpy_capture_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly.capture",
        .basicsize = sizeof(struct capture),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    state->Capture = mpy_add_type(module, &spec, NULL, "capture");
    return state->Capture == NULL ? -1 : 0;
}
