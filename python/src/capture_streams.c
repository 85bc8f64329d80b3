/* SPDX-License-Identifier: MIT
 *
 * Python's own streams while descriptors are captured, and lines on their way to Python.
 *
 * sys.stdout keeps text of its own, which is flushed at both ends. Where it leads elsewhere (a test
 * runner's, a notebook's) a stream on the descriptor stands in its place meanwhile.
 */
#include "capture.h"

const char *const mpy_stream_names[STREAMS + 2] = {"stdout", "stderr", "both", NULL};

static int flush_one(const struct capture *self, PyObject *stream) {
    if (stream == NULL || stream == Py_None)
        return 0;
    PyObject *closed = PyObject_GetAttr(stream, self->state->n[N_closed]);
    const int is_closed = closed == NULL ? 0 : PyObject_IsTrue(closed);
    Py_XDECREF(closed);
    PyErr_Clear();
    if (is_closed != 0)
        return 0;
    PyObject *done = PyObject_CallMethodNoArgs(stream, self->state->n[N_flush]);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* All of them, also after one that failed. */
int mpy_capture_flush(const struct capture *self) {
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    for (int i = 0; i < STREAMS; i++) {
        PyObject *stream = PySys_GetObject(mpy_stream_names[i]);
        if ((self->streams & (1u << i)) == 0 || stream == NULL)
            continue;
        Py_INCREF(stream);
        if (flush_one(self, stream) < 0) {
            if (type == NULL)
                PyErr_Fetch(&type, &value, &trace);
            PyErr_Clear();
        }
        Py_DECREF(stream);
    }
    if (type != NULL)
        PyErr_Restore(type, value, trace);
    return type == NULL ? 0 : -1;
}

static int leads_to(const struct capture *self, PyObject *stream, int fd) {
    PyObject *number = stream == NULL || stream == Py_None
                           ? NULL
                           : PyObject_CallMethodNoArgs(stream, self->state->n[N_fileno]);
    const long at = number == NULL || !PyLong_Check(number) ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    PyErr_Clear();
    return at == fd;
}

int mpy_capture_put(struct place *place, const char *name, PyObject *stream) {
    PyObject *old = PySys_GetObject(name);
    if (PySys_SetObject(name, stream) < 0)
        return -1;
    Py_XSETREF(place->ours, mpy_ref(stream));
    Py_XSETREF(place->old, old == NULL ? NULL : mpy_ref(old));
    return 0;
}

/* A stream on the descriptor, in the encoding in which the text is read afterwards. */
static PyObject *stream_on(const struct capture *self, int fd) {
    PyObject *io = PyImport_ImportModule("_io");
    PyObject *stream = io == NULL ? NULL
                                  : PyObject_CallMethod(io, "open", "isisssO", fd, "w", 1,
                                                        mpy_capture_encoding(self),
                                                        "backslashreplace", "", Py_False);
    Py_XDECREF(io);
    return stream;
}

/* Where order between streams, or lines at once, are wanted. */
static int flush_at_lines(struct place *place, PyObject *stream) {
    PyObject *lines = PyObject_GetAttrString(stream, "line_buffering");
    const int already = lines == NULL ? -1 : PyObject_IsTrue(lines);
    Py_XDECREF(lines);
    PyErr_Clear();
    if (already != 0)
        return 0; /* or it is no stream that can be told */
    PyObject *done = mpy_call_keyword(stream, "reconfigure", "line_buffering", Py_True);
    if (done != NULL)
        Py_XSETREF(place->lines, mpy_ref(stream));
    PyErr_Clear();
    Py_XDECREF(done);
    return 0;
}

int mpy_capture_lead(struct capture *self) {
    const int at_once = self->options.merge || self->options.tee || self->on_line != NULL;
    for (int i = 0; i < STREAMS; i++) {
        if ((self->streams & (1u << i)) == 0)
            continue;
        PyObject *now = PySys_GetObject(mpy_stream_names[i]);
        Py_XINCREF(now);
        int r = 0;
        if (leads_to(self, now, i + 1)) {
            r = at_once ? flush_at_lines(&self->places[i], now) : 0;
        } else {
            PyObject *stream = stream_on(self, i + 1);
            r = stream == NULL ? -1
                               : mpy_capture_put(&self->places[i], mpy_stream_names[i], stream);
            Py_XDECREF(stream);
        }
        Py_XDECREF(now);
        if (r < 0)
            return -1;
    }
    return 0;
}

/* What somebody else has put there since is left alone. Keeps a pending exception. */
void mpy_capture_give_back(struct capture *self) {
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    for (int i = 0; i < STREAMS; i++) {
        struct place *place = &self->places[i];
        if (place->ours != NULL && PySys_GetObject(mpy_stream_names[i]) == place->ours &&
            PySys_SetObject(mpy_stream_names[i], place->old) < 0)
            PyErr_WriteUnraisable((PyObject *)self);
        if (place->lines != NULL)
            Py_XDECREF(mpy_call_keyword(place->lines, "reconfigure", "line_buffering", Py_False));
        PyErr_Clear();
        Py_CLEAR(place->lines);
        Py_CLEAR(place->ours);
        Py_CLEAR(place->old);
    }
    PyErr_Restore(type, value, trace);
}

/* ---- lines --------------------------------------------------------------------------------------
 */

/* In the library's thread, which Python has not seen before. */
void mpy_capture_on_line(void *context, unsigned stream, const char *line, size_t size) {
    struct capture *self = context;
    PyThreadState *thread = PyThreadState_New(self->interpreter);
    if (thread == NULL)
        return;
    PyEval_RestoreThread(thread);
    self->in_line = PyThread_get_thread_ident();
    PyObject *text = PyUnicode_Decode(line, (Py_ssize_t)size, mpy_capture_encoding(self),
                                      mpy_capture_errors(self));
    PyObject *done = text == NULL ? NULL
                                  : PyObject_CallFunction(self->on_line, "sO",
                                                          mpy_stream_names[stream - 1], text);
    if (done == NULL)
        PyErr_WriteUnraisable(self->on_line);
    Py_XDECREF(done);
    Py_XDECREF(text);
    self->in_line = 0;
    PyThreadState_Clear(thread);
    PyThreadState_DeleteCurrent();
}
